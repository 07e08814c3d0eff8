/* An import counts when its ENTRY_ENDED is there, and not before: one that was broken off by a crash or by --strict leaves its
 * pieces in the lane and changes no answer.  Ends and changes of sources are made one at a time under the node's lock, so they
 * come here in the order of their numbers, and the number of the last one names the state: no piece of an unfinished import
 * has touched views or table.  That is why a save needs neither a copy of the views as they were before the first unfinished
 * import nor changes that can be applied twice: what is saved is the state of now, and the number says of which entries.  An
 * import that was under way at that time and ended later has its end behind the number, and replay.c goes back to its first
 * piece from there; one that never ended is never read.
 *
 * An erasure changes what entries before it mean, so it is not folded but folded over: everything is read again.  It is in
 * its lane before, so after a crash between the two the entry is behind the saved state, and the opening sees it. */
#include "gate/fold.h"

#include <stdlib.h>

#include "gate/forgotten.h"
#include "gate/replay.h"
#include "sys/digest.h"
#include "view/state.h"

/* What an opening after a crash has to read at most; besides, the claims of one import. */
enum { SAVE_AFTER_CLAIMS = 50000, SAVE_AFTER_ENTRIES = 5000, HITS_BATCH_OCTETS = 16 << 20 };

/* What readers get; the rules are shared with the next publication unless they change. */
struct published {
	struct meaning meaning;
	struct audiences audiences;
	bool owns_rules;
};

struct fold {
	struct table *table;
	struct source_set *sources; /* the writer's copy */
	struct audiences audiences; /* lanes are made before the ledger is read */
	struct published *now;
	uint64_t seen;              /* the state is that after this entry ... */
	uint64_t saved;             /* ... and the saved one that after this */
	uint64_t unsaved;           /* claims that came since */
	bool behind;                /* the table is not that of `seen`: it must not be saved as such */
	bool busy[SOURCES_MAX];     /* snapshot sources that have an import under way */
	clearance forgotten;        /* mirrored lanes of which nothing counts */
	uint64_t edition, protections; /* of the next publication: see struct meaning */
	const char *(*own)(void *ctx, const struct observable *o);
	void *own_ctx;
};

static void drop_published(const void *p)
{
	struct published *old = (struct published *)p;
	source_set_free(old->meaning.sources);
	if (old->owns_rules)
		rules_free(old->meaning.rules);
	free(old);
}

/* The writer's sources and `rules`, taken over (NULL: those of now), for readers. */
static struct published *prepare(struct fold *f, const struct source_set *sources, struct rules *rules)
{
	struct published *next = mem_zalloc(sizeof(*next));
	if (rules)
		rules_ready(rules);
	next->meaning.sources = source_set_copy(sources);
	next->audiences = f->audiences;
	next->meaning.audiences = &next->audiences;
	next->meaning.edition = ++f->edition;
	next->meaning.protections = f->protections;
	next->meaning.own = f->own;
	next->meaning.own_ctx = f->own_ctx;
	next->meaning.rules = rules ? rules : f->now ? f->now->meaning.rules : rules_new();
	next->owns_rules = true;
	return next;
}

/* Give readers the writer's sources, `rules` (NULL: as before) and one more image (NULL: none).  Takes image and rules over. */
static enum err publish(struct fold *f, struct image *image, struct rules *rules, struct fault *fault)
{
	struct published *next = prepare(f, f->sources, rules), *old = f->now;
	if (old && !rules)
		old->owns_rules = false;
	f->now = next;
	if (image)
		f->unsaved += image_claims(image);
	enum err e = table_push(f->table, image, next, drop_published, source_claim_counts, f->sources, fault);
	f->behind |= e != OK;
	return e;
}

struct fold *fold_new(struct table *t, uint64_t folded)
{
	struct fold *f = mem_zalloc(sizeof(*f));
	f->table = t;
	f->sources = source_set_new();
	f->seen = f->saved = folded;
	return f;
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	source_set_free(f->sources);
	if (f->now)
		drop_published(f->now);
	free(f);
}

void fold_set_own(struct fold *f, const char *(*own)(void *ctx, const struct observable *o), void *ctx)
{
	f->own = own;
	f->own_ctx = ctx;
}

uint64_t fold_seen(const struct fold *f)
{
	return f->seen;
}

const struct source_set *fold_sources(const struct fold *f)
{
	return f->sources;
}

enum err fold_save(struct fold *f, struct fault *fault)
{
	struct buf views = { 0 };
	if (f->behind || table_is_saved(f->table, f->seen))
		return OK;
	state_write(f->sources, f->now->meaning.rules, &views);
	enum err e = table_save(f->table, f->seen, buf_span(&views), fault);
	buf_release(&views);
	if (e)
		return e;
	f->saved = f->seen;
	f->unsaved = 0;
	return OK;
}

/* The state is derived: a save that fails loses nothing, and the next one tries again.  While large merges are due it
 * waits for them: those who are importing would wait for it. */
void fold_save_in_time(struct fold *f)
{
	if ((f->unsaved >= SAVE_AFTER_CLAIMS || f->seen - f->saved >= SAVE_AFTER_ENTRIES) && table_save_is_quick(f->table))
		(void)!fold_save(f, NULL);
}

/* ---- changes ---- */

enum err fold_source_check(const struct fold *f, const struct source_change *c, struct fault *fault)
{
	struct source_set *trial = source_set_copy(f->sources);
	enum err e = source_apply(trial, c, fault);
	source_set_free(trial);
	return e;
}

enum err fold_source_change(struct fold *f, const struct source_change *c, uint64_t number, struct fault *fault)
{
	enum err e = source_apply(f->sources, c, fault);
	if (e)
		return e;
	f->seen = number;
	e = publish(f, NULL, NULL, fault);
	fold_save_in_time(f);
	return e;
}

enum err fold_import(struct fold *f, const struct ended_import *e, struct intake *t, struct fault *fault)
{
	struct rules *rules = NULL;
	enum err full = OK;
	source_imported(f->sources, e->source, e->snapshot, e->first, e->last, e->time_ms, e->accepted);
	if (t->n_rules || (e->snapshot && rules_of(f->now->meaning.rules, e->source))) {
		rules = rules_copy(f->now->meaning.rules);
		full = intake_rules(t, rules, e->source, e->snapshot, e->first, fault);
	}
	f->seen = e->last;
	f->protections += t->guards || rules;
	enum err err = publish(f, e->image, rules, fault);
	fold_save_in_time(f);
	return err ? err : full;
}

enum err fold_hits(struct fold *f, const struct piece *p, struct span body, uint64_t last, struct fault *fault)
{
	const struct source *s = source_find(f->sources, SPAN_LIT(HITS_SOURCE));
	struct piece piece = *p;
	struct image *image = NULL;
	if (!s || s->removed)
		return OK;
	struct intake t = { .batch = batch_new(table_seed(f->table), table_dir(f->table), HITS_BATCH_OCTETS) };
	piece.source = s->number;
	enum err e = intake_piece(&t, &piece, body, fault);
	if (e == OK && batch_count(t.batch))
		e = batch_finish(t.batch, NULL, &image, NULL, fault);
	intake_release(&t);
	if (e) {
		f->behind = true; /* as after an import that did not come into the table */
		return e;
	}
	f->seen = last;
	e = publish(f, image, NULL, fault);
	fold_save_in_time(f);
	return e;
}

bool fold_snapshot_begins(struct fold *f, uint16_t source)
{
	bool free_to = !f->busy[source];
	f->busy[source] = true;
	return free_to;
}

void fold_snapshot_over(struct fold *f, uint16_t source)
{
	f->busy[source] = false;
}

/* ---- from the ledger ---- */

static struct replay replay_into(const struct fold *f, uint64_t after, struct source_set *sources, struct rules *rules)
{
	return (struct replay){ .after = after, .forgotten = f->forgotten, .sources = sources, .rules = rules, .seed = table_seed(f->table),
				.spill_dir = table_dir(f->table) };
}

static void give_up(struct replay *r)
{
	source_set_free(r->sources);
	rules_free(r->rules);
	image_free(r->image);
}

enum err fold_refold(struct fold *f, struct ledger *l, struct fault *fault)
{
	enum err e = forgotten_lanes(l, 0, NULL, &f->forgotten, fault);
	struct replay r = replay_into(f, 0, source_set_new(), rules_new());
	e = e ? e : replay_ledger(&r, l, fault);
	if (e) {
		f->behind = true;
		give_up(&r);
		return e;
	}
	f->protections++;
	struct published *next = prepare(f, r.sources, r.rules);
	source_set_free(f->sources);
	f->sources = r.sources;
	f->unsaved = r.image ? image_claims(r.image) : 0;
	f->seen = r.last;
	f->behind = false;
	f->now = next;
	if ((e = table_replace(f->table, r.image, next, drop_published, fault)) != OK)
		return e;
	if (fold_save(f, NULL))
		f->unsaved = SAVE_AFTER_CLAIMS; /* what was erased is in the files until then: soon */
	return OK;
}

/* What was saved, and the entries behind it.  *ret_anew: there is nothing that could be used. */
static enum err fold_tail(struct fold *f, struct ledger *l, bool *ret_anew, struct fault *fault)
{
	struct source_set *sources;
	struct rules *rules;
	clearance then = 0;
	enum err e = forgotten_lanes(l, f->saved, &then, &f->forgotten, fault);
	if (e)
		return e;
	*ret_anew = f->saved == 0 || then != f->forgotten || state_read(table_saved_views(f->table), &sources, &rules, NULL) != OK;
	if (*ret_anew)
		return OK;
	struct replay r = replay_into(f, f->saved, sources, rules);
	e = replay_ledger(&r, l, fault);
	*ret_anew = e == OK && r.stale;
	if (e || r.stale) {
		give_up(&r);
		return e;
	}
	source_set_free(f->sources);
	f->sources = r.sources;
	f->seen = r.last;
	e = publish(f, r.image, r.rules, fault);
	fold_save_in_time(f);
	return e;
}

enum err fold_forget(struct fold *f, struct ledger *l, clearance *ret_forgotten, struct fault *fault)
{
	clearance now = 0;
	enum err e = forgotten_lanes(l, 0, NULL, &now, fault);
	*ret_forgotten = e ? f->forgotten : now;
	return e || now == f->forgotten ? e : fold_refold(f, l, fault);
}

clearance fold_forgotten(const struct fold *f)
{
	return f->forgotten;
}

/* As at an opening: what is behind the state is read, from the first piece of each import that has ended there. */
enum err fold_mirrored(struct fold *f, struct ledger *l, struct fault *fault)
{
	struct replay r = replay_into(f, f->seen, source_set_copy(f->sources), rules_copy(f->now->meaning.rules));
	enum err e = f->behind ? OK : replay_ledger(&r, l, fault);
	if (e || r.stale || f->behind) {
		give_up(&r);
		f->behind |= e != OK;
		return e ? e : fold_refold(f, l, fault);
	}
	source_set_free(f->sources);
	f->sources = r.sources;
	f->seen = r.last;
	f->protections++;
	e = publish(f, r.image, r.rules, fault);
	fold_save_in_time(f);
	return e;
}

static void read_lanes(struct fold *f, struct ledger *l)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	for (unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes); n-- > 0;) {
		f->audiences.lane[lanes[n].number].tlp = lanes[n].tlp;
		memcpy(f->audiences.lane[lanes[n].number].name, lanes[n].name, sizeof(lanes[n].name));
	}
	free(lanes);
}

enum err fold_lanes(struct fold *f, struct ledger *l, struct fault *fault)
{
	read_lanes(f, l);
	return publish(f, NULL, NULL, fault);
}

enum err fold_ledger(struct fold *f, struct ledger *l, struct fault *fault)
{
	bool anew;
	read_lanes(f, l);
	enum err e = fold_tail(f, l, &anew, fault);
	return e == OK && anew ? fold_refold(f, l, fault) : e;
}

/* ---- digest ---- */

struct digest {
	uint64_t sum[4]; /* least significant first */
	uint64_t keys;
	struct buf octets;
};

static void put_claim(struct buf *out, const struct claim *c)
{
	buf_putle(out, c->entry, 4);
	buf_putle(out, c->seen, 4);
	buf_putle(out, c->until, 4);
	buf_putle(out, c->source, 2);
	buf_putle(out, c->back, 2);
	buf_putle(out, c->category, 1);
	buf_putle(out, c->confidence, 1);
	buf_putle(out, c->stance, 1);
	buf_putle(out, c->flags & (15 - CLAIM_FIRST), 1);
	buf_putle(out, c->lane, 1);
}

static void add_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct digest *d = ctx;
	uint8_t hash[32];
	d->octets.n = 0;
	buf_putle(&d->octets, k->kind, 1);
	buf_putle(&d->octets, k->prefix, 1);
	buf_putle(&d->octets, k->n, 2);
	buf_put(&d->octets, k->p, k->n);
	for (unsigned i = 0; i < n; i++)
		put_claim(&d->octets, &claims[i]);
	sha256_two(buf_span(&d->octets), span_of(NULL, 0), hash);
	unsigned carry = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t word = 0;
		for (unsigned j = 8; j-- > 0;)
			word = word << 8 | hash[8 * i + j];
		unsigned __int128 sum = (unsigned __int128)d->sum[i] + word + carry;
		d->sum[i] = (uint64_t)sum;
		carry = (unsigned)(sum >> 64);
	}
	d->keys++;
}

enum err fold_digest(struct fold *f, uint8_t ret_digest[32], struct fault *fault)
{
	struct digest d = { .keys = 0 };
	struct buf views = { 0 };
	enum err e = table_each(f->table, source_claim_counts, f->sources, add_key, &d, fault);
	if (e == OK) {
		d.octets.n = 0;
		for (unsigned i = 0; i < 4; i++)
			buf_putle(&d.octets, d.sum[i], 8);
		buf_putle(&d.octets, d.keys, 8);
		state_write(f->sources, f->now->meaning.rules, &views);
		sha256_two(buf_span(&d.octets), buf_span(&views), ret_digest);
	}
	buf_release(&d.octets);
	buf_release(&views);
	return e;
}
