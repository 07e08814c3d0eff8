/* Twice over the merged table, under the node's writing lock: first which sources are seen, then the claims, numbered anew, into a
 * batch with another seed.  Sorting, digests and signature come after the lock is given back. */
#include "gate/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/fold.h"
#include "ledger/note.h"
#include "sys/key.h"
#include "view/snapshot_write.h"
#include "view/state.h"

enum {
	BATCH_OCTETS = 128 << 20,
	GROUP = 256,             /* keys whose answers are asked for at once */
	TELL_EVERY = 1 << 16,    /* keys */
	NUMBER_NONE = UINT16_MAX,
};

/* A key that waits for its answer. */
struct waiting {
	struct table_key key;
	size_t octets, claims;   /* places in the buffers */
	unsigned n;
	bool wildcard, evidence;
	bool selected;
	bool ruled;              /* a regular expression protects it: */
	uint16_t rule_source;
	uint8_t rule_lane;
};

struct export {
	struct node *node;
	const struct selection *s;
	const struct table_view *view;
	const struct meaning *meaning;
	uint32_t now_s;
	/* New numbers. */
	uint8_t lane_to[LANES_MAX];
	uint16_t source_to[SOURCES_MAX];
	bool used[SOURCES_MAX];
	struct numbers { uint32_t *v; size_t n, cap; } entries[LANES_MAX]; /* of each lane, by index */
	/* Results. */
	struct batch *batch;
	struct source_set *sources;
	struct rules *rules;
	struct buf views, lanes;
	unsigned n_lanes;
	/* Regular expressions that protect. */
	struct rule_told *told;
	unsigned n_told;
	/* Keys that wait. */
	bool ask;
	struct waiting group[GROUP];
	struct observable obs[GROUP];
	unsigned n;
	struct buf octets, claims;
	/* On the way. */
	export_progress *progress;
	void *ctx;
	const char *what;
	uint64_t done, of;
	enum err error;
	struct fault *f;
};

static void tell(struct export *x)
{
	if ((x->done & (TELL_EVERY - 1)) == 0 && x->error == OK && x->progress && !x->progress(x->ctx, x->what, x->done, x->of))
		x->error = fault_set(x->f, ERR_CANCELLED, "cancelled");
	x->done++;
}

static bool seen(const struct export *x, uint8_t lane)
{
	return x->s->clear >> (lane & 63) & 1;
}

/* ---- numbers ---- */

static enum err note_entry(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct export *x = ctx;
	struct numbers *v = &x->entries[e->lane & 63];
	(void)body;
	if (e->number > UINT32_MAX)
		return fault_set(f, ERR_UNSUPPORTED, "the ledger has more entries than the table can name");
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 256;
		v->v = mem_realloc(v->v, v->cap * sizeof(*v->v));
	}
	v->v[v->n++] = (uint32_t)e->number;
	return OK;
}

/* How many entries of the lane have lower numbers: the index of `number` when it is one of them, and in their order when not. */
static uint32_t index_of(const struct numbers *v, uint32_t number)
{
	size_t from = 0, to = v->n;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (v->v[middle] < number)
			from = middle + 1;
		else
			to = middle;
	}
	return (uint32_t)from;
}

static enum err number_lanes(struct export *x)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct ledger *l = node_ledger(x->node);
	struct buf checkpoint = { 0 };
	enum err e = OK;
	x->n_lanes = ledger_lanes(l, x->s->clear, lanes);
	snapshot_put_lanes(x->n_lanes, &x->lanes);
	for (unsigned i = 0; i < x->n_lanes && e == OK; i++) {
		x->lane_to[lanes[i].number] = (uint8_t)i;
		checkpoint.n = 0;
		e = ledger_checkpoint(l, x->s->clear, lanes[i].number, &checkpoint, x->f);
		snapshot_put_lane(lanes[i].name, lanes[i].tlp, buf_span(&checkpoint), &x->lanes);
	}
	buf_release(&checkpoint);
	free(lanes);
	return e ? e : ledger_each(l, x->s->clear, 0, false, note_entry, x, x->f);
}

static void note_sources(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct export *x = ctx;
	(void)k;
	tell(x);
	for (unsigned i = 0; i < n; i++)
		if (seen(x, claims[i].lane) && claims[i].source < SOURCES_MAX)
			x->used[claims[i].source] = true;
}

/* Rules that no lookup would try are left out. */
static bool rule_counts(const struct export *x, const struct rule_told *r)
{
	if (!seen(x, r->lane) || r->source >= source_count(x->meaning->sources))
		return false;
	const struct source *s = source_get(x->meaning->sources, r->source);
	return !s->removed && s->weight_db && r->import >= s->floor;
}

static void note_rule_source(void *ctx, const struct rule_told *r)
{
	struct export *x = ctx;
	if (rule_counts(x, r))
		x->used[r->source] = true;
}

/* ---- sources ---- */

static bool group_name_taken(const struct source_set *s, const char *name)
{
	for (unsigned i = 0; i < source_count(s); i++)
		if (strcmp(source_get(s, (uint16_t)i)->group, name) == 0 || strcmp(source_get(s, (uint16_t)i)->name, name) == 0)
			return true;
	return false;
}

/* A group may have the name of a source that must not be told: then it gets another. */
static bool group_name_hidden(const struct export *x, const char *name)
{
	const struct source_set *s = x->meaning->sources;
	bool is_one = false;
	for (unsigned i = 0; i < source_count(s); i++)
		if (strcmp(source_get(s, (uint16_t)i)->name, name) == 0) {
			is_one = true;
			if (x->used[i])
				return false;
		}
	return is_one;
}

static void name_group(const struct export *x, struct source *v)
{
	if (!group_name_hidden(x, v->group))
		return;
	for (unsigned n = v->group_number + 1;; n += SOURCES_MAX) { /* one name for one number */
		snprintf(v->group, sizeof(v->group), "group-%u", n);
		if (!group_name_taken(x->meaning->sources, v->group))
			return;
	}
}

/* What a score needs of each source; when it was imported last, and how much, may be about other lanes. */
static enum err number_sources(struct export *x)
{
	unsigned all = source_count(x->meaning->sources), n = 0, groups = 0;
	struct source *v = mem_zalloc((all + 1) * sizeof(*v));
	uint16_t *group_to = mem_alloc(SOURCES_MAX * sizeof(*group_to));
	memset(group_to, 0xff, SOURCES_MAX * sizeof(*group_to));
	for (unsigned i = 0; i < all; i++) {
		if (!x->used[i])
			continue;
		v[n] = *source_get(x->meaning->sources, (uint16_t)i);
		uint16_t *group = &group_to[v[n].group_number];
		if (*group == NUMBER_NONE)
			*group = (uint16_t)groups++;
		v[n].group_number = *group;
		v[n].number = (uint16_t)n;
		v[n].snapshot = false;
		v[n].floor = v[n].last_import = v[n].accepted = 0;
		v[n].last_import_ms = 0;
		name_group(x, &v[n]);
		x->source_to[i] = (uint16_t)n++;
	}
	enum err e = source_set_restore(v, n, &x->sources, x->f);
	free(group_to);
	free(v);
	return e;
}

/* ---- rules ---- */

static void copy_rule(void *ctx, const struct rule_told *r)
{
	struct export *x = ctx;
	if (x->error || !rule_counts(x, r))
		return;
	x->error = rules_add(x->rules, r->rule, r->text, r->kinds, r->stance, x->source_to[r->source], x->lane_to[r->lane], 0, x->f);
	if (x->error || r->rule != RULE_REGEX || r->stance != STANCE_PROTECTED)
		return;
	x->told = mem_realloc(x->told, (x->n_told + 1) * sizeof(*x->told));
	x->told[x->n_told++] = *r;
}

static enum err copy_rules(struct export *x)
{
	x->rules = rules_new();
	rules_each(x->meaning->rules, copy_rule, x);
	rules_ready(x->rules);
	return x->error;
}

/* Is the first rule that the key meets an expression that protects?  (A rule's text is the same octets in all sets.) */
static void meet_expression(struct export *x, struct waiting *w, const struct observable *o)
{
	struct buf text = { 0 };
	struct rule_hit hit;
	obs_format(o, &text);
	if (rules_match(x->meaning->rules, x->meaning->sources, x->s->clear, o->kind, buf_span(&text), &hit))
		for (unsigned i = 0; i < x->n_told && !w->ruled; i++)
			if ((const char *)x->told[i].text.p == hit.text) {
				w->ruled = true;
				w->rule_source = x->told[i].source;
				w->rule_lane = x->told[i].lane;
			}
	buf_release(&text);
}

/* ---- claims ---- */

static bool guards(const struct claim *c)
{
	return c->stance == STANCE_PROTECTED || c->stance == STANCE_KNOWN;
}

static void add_claim(struct export *x, const struct table_key *k, const struct claim *c, uint32_t entry, uint16_t back)
{
	if (x->error == OK)
		x->error = batch_add(x->batch, k, c, x->f);
	if (x->error == OK)
		x->error = batch_stamp(x->batch, entry, back, x->f);
}

static void renumber(struct export *x, const struct table_key *k, const struct claim *c)
{
	const struct numbers *entries = &x->entries[c->lane & 63];
	struct claim copy = *c;
	uint32_t entry = index_of(entries, c->entry), first = index_of(entries, claim_import(c));
	copy.source = x->source_to[c->source];
	copy.lane = x->lane_to[c->lane & 63];
	copy.flags &= CLAIM_PART | CLAIM_WILDCARD | CLAIM_EXACT;
	add_claim(x, k, &copy, entry, (uint16_t)(entry - first));
}

static void protect(struct export *x, const struct waiting *w)
{
	struct claim c = {
		.source = x->source_to[w->rule_source], .lane = x->lane_to[w->rule_lane], .stance = STANCE_PROTECTED,
		.confidence = protect_kinds(w->key.kind), .flags = CLAIM_EXACT, .seen = x->now_s,
	};
	add_claim(x, &w->key, &c, 0, 0);
}

static void put_key(struct export *x, const struct waiting *w)
{
	const struct claim *c = (const struct claim *)(const void *)(x->claims.p + w->claims);
	for (unsigned i = 0; i < w->n; i++)
		if (w->selected || guards(&c[i]))
			renumber(x, &w->key, &c[i]);
	if (w->ruled && w->selected)
		protect(x, w);
}

static bool is_selected(const struct export *x, const struct verdict *v)
{
	return v->score >= x->s->min_score && (!x->s->categories || (v->listed && v->categories & x->s->categories));
}

static void hear(void *ctx, size_t i, const struct reputation *r)
{
	struct export *x = ctx;
	struct waiting *w = &x->group[i];
	w->selected = is_selected(x, &r->verdict);
	if (w->wildcard && !w->selected) {
		struct observable below = x->obs[i];
		struct reputation of_below;
		below.wildcard = true;
		reputation_of(x->view, &below, x->s->clear, x->now_s, &of_below, NULL, NULL);
		w->selected = is_selected(x, &of_below.verdict);
	}
	/* What a claim protects already is not asked about rules, and keeps its protector's name. */
	if (w->evidence && w->selected && x->n_told && (!r->verdict.is_protected || r->rule))
		meet_expression(x, w, &x->obs[i]);
}

static void end_group(struct export *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		struct waiting *w = &x->group[i];
		w->key.p = x->octets.p + w->octets;
		x->obs[i] = (struct observable){ .kind = w->key.kind, .prefix = w->key.prefix, .n = w->key.n, .key = w->key.p };
	}
	reputation_batch(x->view, x->obs, x->n, x->s->clear, x->now_s, hear, x);
	for (unsigned i = 0; i < x->n; i++)
		put_key(x, &x->group[i]);
	x->n = 0;
	x->octets.n = x->claims.n = 0;
}

static void wait(struct export *x, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct waiting w = { .key = *k, .octets = x->octets.n, .claims = x->claims.n };
	for (unsigned i = 0; i < n; i++) {
		if (!seen(x, claims[i].lane))
			continue;
		buf_put(&x->claims, &claims[i], sizeof(claims[i]));
		w.n++;
		w.wildcard |= (claims[i].flags & CLAIM_WILDCARD) != 0;
		w.evidence |= claims[i].stance == STANCE_INDICATOR || claims[i].stance == STANCE_SIGHTING;
	}
	if (!w.n)
		return;
	buf_put(&x->octets, k->p, k->n);
	x->group[x->n++] = w;
	if (x->n == GROUP)
		end_group(x);
}

static void take_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct export *x = ctx;
	tell(x);
	if (x->error || !(x->s->kinds & protect_kinds(k->kind)))
		return;
	if (x->ask) {
		wait(x, k, claims, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		if (seen(x, claims[i].lane))
			renumber(x, k, &claims[i]);
}

/* ---- all of it ---- */

static enum err each_key(struct export *x, const char *what, image_visit *visit)
{
	x->what = what;
	x->done = 0;
	enum err e = table_each(node_table(x->node), source_claim_counts, (void *)(uintptr_t)x->meaning->sources, visit, x, x->f);
	return e ? e : x->error;
}

static enum err gather(struct export *x)
{
	struct table_stats stats;
	struct siphash_seed seed;
	enum err e;
	table_stats(x->view, &stats);
	x->of = stats.keys;
	if ((e = number_lanes(x)) || (e = each_key(x, "sources", note_sources)))
		return e;
	rules_each(x->meaning->rules, note_rule_source, x);
	if ((e = number_sources(x)) || (e = copy_rules(x)))
		return e;
	random_octets(&seed, sizeof(seed));
	x->batch = batch_new(seed, table_dir(node_table(x->node)), BATCH_OCTETS);
	x->ask = x->n_told || x->s->min_score || x->s->categories;
	if ((e = each_key(x, "claims", take_key)) == OK && x->n)
		end_group(x);
	return e ? e : x->error;
}

/* While nothing changes: the view that readers have now stays the one. */
static enum err gather_locked(struct export *x)
{
	struct table *t = node_table(x->node);
	node_write_begin(x->node);
	x->view = table_enter(t);
	x->meaning = x->view->context;
	table_leave(t);
	enum err e = gather(x);
	node_write_end(x->node);
	if (e == OK)
		state_write(x->sources, x->rules, &x->views);
	return e;
}

struct signer {
	struct ledger *ledger;
	const uint8_t *key;
	struct export *x;
};

static enum err sign(void *ctx, struct span message, uint8_t ret_signature[64], struct fault *f)
{
	struct signer *s = ctx;
	return ledger_sign(s->ledger, s->key, message, ret_signature, f);
}

static bool written(void *ctx, uint64_t octets, uint64_t of)
{
	struct signer *s = ctx;
	return !s->x->progress || (octets & ((1 << 20) - 1)) >= 65536 || s->x->progress(s->x->ctx, "octets", octets, of);
}

static enum err trouble(const char *name, const char *what, struct fault *f)
{
	enum err e = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN : ERR_IO;
	return fault_set(f, e, "\"%s\" cannot be %s: %s", name, what, strerror(errno));
}

static enum err write_file(struct export *x, struct image *image, int fd, struct export_counts *counts)
{
	struct verifier signer;
	enum err e = ledger_cosigner(node_ledger(x->node), &signer, x->f);
	if (e)
		return e;
	*counts = (struct export_counts){
		.keys = image_keys(image), .claims = image_claims(image), .sources = source_count(x->sources),
		.rules = rules_count(x->rules), .lanes = x->n_lanes, .made_ms = (int64_t)x->now_s * 1000,
	};
	struct snapshot_parts p = {
		.node = ledger_name(node_ledger(x->node)), .feed = x->s->feed, .made_ms = counts->made_ms, .keys = counts->keys,
		.claims = counts->claims, .kinds = x->s->kinds, .categories = x->s->categories, .min_score = x->s->min_score,
		.views = buf_span(&x->views), .lanes = buf_span(&x->lanes),
		.image = span_of(image_mapped(image), (size_t)image_octets(image)),
	};
	memcpy(p.key, signer.key, sizeof(p.key));
	memcpy(counts->key, signer.key, sizeof(counts->key));
	struct signer s = { node_ledger(x->node), p.key, x };
	return snapshot_write(fd, &p, sign, written, &s, &counts->octets, x->f);
}

static enum err write_beside(struct export *x, struct image *image, int directory, const char *name, struct export_counts *counts)
{
	uint8_t random[8];
	char temporary[300], digits[17] = "";
	random_octets(random, sizeof(random));
	hex_encode(random, sizeof(random), digits);
	if ((size_t)snprintf(temporary, sizeof(temporary), ".%.200s.%s.tmp", name, digits) >= sizeof(temporary))
		return fault_set(x->f, ERR_RANGE, "\"%s\" is too long a name", name);
	int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return trouble(name, "made", x->f);
	enum err e = write_file(x, image, fd, counts);
	if (e == OK && fsync(fd))
		e = trouble(name, "made durable", x->f);
	if (close(fd) && e == OK)
		e = trouble(name, "written", x->f);
	if (e == OK && renameat(directory, temporary, directory, name))
		e = trouble(name, "put in its place", x->f);
	if (e)
		unlinkat(directory, temporary, 0);
	else if (fsync(directory) && errno != EINVAL) /* some file systems cannot */
		e = trouble(name, "made durable", x->f);
	return e;
}

static void release(struct export *x)
{
	for (unsigned i = 0; i < LANES_MAX; i++)
		free(x->entries[i].v);
	batch_free(x->batch);
	source_set_free(x->sources);
	rules_free(x->rules);
	free(x->told);
	buf_release(&x->views);
	buf_release(&x->lanes);
	buf_release(&x->octets);
	buf_release(&x->claims);
	free(x);
}

enum err export_snapshot(struct node *n, const struct selection *s, int directory, const char *name, export_progress *progress,
			 void *ctx, struct export_counts *ret_counts, struct fault *f)
{
	struct export *x = mem_zalloc(sizeof(*x));
	struct image *image = NULL;
	x->node = n;
	x->s = s;
	x->now_s = (uint32_t)(clock_ms() / 1000);
	x->progress = progress;
	x->ctx = ctx;
	x->f = f;
	enum err e = gather_locked(x);
	if (e == OK && (e = batch_finish_mapped(x->batch, &image, f)) == OK)
		e = write_beside(x, image, directory, name, ret_counts);
	image_free(image);
	release(x);
	return e;
}
