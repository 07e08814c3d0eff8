/* Lane by lane, the bodies of imports that have ended are parsed again, and of each claim it is asked whether it is the one that stands: in
 * the table it carries the entry that said it last.  So each is written once, with the entry that it is named after in every answer, and
 * pieces whose claims count no more (of replaced snapshots) are not even read. */
#include "gate/dump.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "gate/dump_parts.h"
#include "gate/intake.h"
#include "gate/standing.h"

/* Numbers that were met.  They are hashes with a fixed seed: who makes two collide loses one of two records of their own. */
struct seen {
	uint64_t *slot;          /* 0: free */
	size_t n, cap;           /* cap: a power of two, or 0 */
};

struct walk {
	struct dump_job j;
	dump_object_visit *visit; /* NULL: it is written; else called with j.ctx */
	uint8_t *ended;          /* bit for each index of the lane: the import that begins there has ended */
	struct seen objects;     /* of STIX, over all lanes */
	struct seen claims;      /* of one body */
	struct buf body, found;
	/* The body that is being read. */
	const struct entry *entry;
	uint64_t last;           /* number of the last entry of it */
	bool stix;
	enum err error;
};

/* ---- what was met ---- */

static bool seen_add(struct seen *s, uint64_t hash);

static void seen_grow(struct seen *s)
{
	struct seen larger = { .cap = s->cap ? 2 * s->cap : 1024 };
	larger.slot = mem_zalloc(larger.cap * sizeof(*larger.slot));
	for (size_t i = 0; i < s->cap; i++)
		if (s->slot[i])
			(void)seen_add(&larger, s->slot[i]);
	free(s->slot);
	*s = larger;
}

/* @return true: it is new. */
static bool seen_add(struct seen *s, uint64_t hash)
{
	hash += hash == 0;
	if (2 * s->n >= s->cap)
		seen_grow(s);
	size_t at = hash & (s->cap - 1);
	while (s->slot[at] && s->slot[at] != hash)
		at = (at + 1) & (s->cap - 1);
	if (s->slot[at])
		return false;
	s->slot[at] = hash;
	s->n++;
	return true;
}

static void seen_clear(struct seen *s)
{
	if (s->n)
		memset(s->slot, 0, s->cap * sizeof(*s->slot));
	s->n = 0;
}

static uint64_t hash_of(struct span s)
{
	static const struct siphash_seed seed = { 0x7369706172, 0x64756d70 };
	return siphash24(seed, s.p, s.n);
}

/* Of what is said, and of what. */
static uint64_t claim_hash(const struct observable *o, const struct claim *c)
{
	uint8_t head[12] = { o->kind, o->prefix };
	uint64_t says = claim_says(c);
	memcpy(head + 4, &says, sizeof(says));
	return hash_of(span_of(o->key, o->n)) * 31 + hash_of(span_of(head, sizeof(head)));
}

/* ---- records ---- */

static bool is_wanted(const struct walk *w, const struct observable *o)
{
	return w->j.o->kinds >> o->kind & 1;
}

/* What stands of it now, if it came with this body; NULL: nothing. */
static const struct standing *standing_of(struct walk *w, const struct feed_claim *fc, bool from_here)
{
	standing_find(node_table(w->j.node), (clearance)1 << w->j.lane.number, w->entry->source, &fc->obs, &w->found);
	const struct standing *s = standing_at(&w->found);
	for (size_t i = 0; i < standing_count(&w->found); i++) {
		if (s[i].back || !standing_is(&s[i], w->j.lane.number, w->entry->source, fc) || (s[i].claim.until && s[i].claim.until <= w->j.o->now_s))
			continue;
		if (!from_here || (s[i].claim.entry >= w->entry->number && s[i].claim.entry <= w->last))
			return &s[i];
	}
	return NULL;
}

static void take_claim(struct walk *w, const struct feed_claim *fc)
{
	const struct standing *s;
	if (fc->part || !is_wanted(w, &fc->obs) || !(s = standing_of(w, fc, true)) || !seen_add(&w->claims, claim_hash(&fc->obs, &s->claim)))
		return;
	struct outgoing out = {
		.obs = fc->obs, .stance = s->claim.stance, .category = s->category, .confidence = s->confidence, .tlp = w->j.lane.tlp, .seen = s->claim.seen,
		.until = s->claim.until, .source = s->source, .lane = w->j.lane.name,
	};
	dump_claim(&w->j, &out);
}

/* An object that came as STIX: as it was, when something of it stands, or when it never claimed anything. */
static void take_object(struct walk *w, const struct feed_record *r, struct span piece)
{
	struct span object = span_of(piece.p + r->off, r->len);
	bool wanted = r->n_claims == 0 || r->fate != FATE_CLAIMS;
	object = span_trim(span_from(object, span_find(object, '{')));
	for (unsigned i = 0; i < r->n_claims && r->fate == FATE_CLAIMS && !wanted; i++)
		wanted = is_wanted(w, &r->claims[i].obs) && standing_of(w, &r->claims[i], false);
	if (r->fate != FATE_CLAIMS && w->j.o->kinds != DUMP_ALL_KINDS)
		wanted = false;
	if (!wanted || !object.n || !seen_add(&w->objects, hash_of(object)))
		return;
	if (w->visit)
		w->j.gone = !w->visit(w->j.ctx, &w->j.lane, w->entry, object);
	else
		dump_object(&w->j, object);
}

static bool take_record(void *ctx, const struct feed_record *r)
{
	struct walk *w = ctx;
	if (w->stix && r->id.n)
		take_object(w, r, buf_span(&w->body));
	for (unsigned i = 0; i < r->n_claims && r->fate == FATE_CLAIMS && !w->stix; i++)
		take_claim(w, &r->claims[i]);
	return !w->j.gone;
}

/* ---- bodies ---- */

static enum err read_body(struct walk *w, struct fault *f)
{
	struct ledger *l = node_ledger(w->j.node);
	clearance clear = (clearance)1 << w->j.lane.number;
	bool more = w->entry->flags & ENTRY_MORE;
	w->body.n = 0;
	w->last = w->entry->number;
	enum err e = ledger_body(l, clear, w->entry->number, &w->body, f);
	for (uint64_t index = w->entry->index + 1; e == OK && more; index++) {
		struct entry next;
		if (ledger_find(l, clear, w->j.lane.number, index, &w->last) || ledger_entry(l, clear, w->last, &next))
			return fault_set(f, ERR_CORRUPT, "the rest of the body is not there");
		more = next.flags & ENTRY_MORE && w->body.n <= SUBMISSION_MAX;
		entry_release(&next);
		e = ledger_body(l, clear, w->last, &w->body, f);
	}
	return e;
}

static enum err parse(struct walk *w, struct fault *f)
{
	const struct feed_format *format = feed_format_find(span_str(w->entry->media));
	struct feed_parser *parser;
	struct fault ignored; /* of what follows whole records */
	size_t used;
	if (!format || intake_resume(format, buf_span(&w->entry->token), &parser))
		return fault_set(f, ERR_UNSUPPORTED, "its body is in the format \"%s\", which this build cannot read", w->entry->media);
	w->stix = w->j.o->format == DUMP_STIX && strcmp(w->entry->media, "stix") == 0;
	seen_clear(&w->claims);
	(void)!feed_parse(parser, buf_span(&w->body), true, take_record, w, &used, &ignored);
	feed_parser_free(parser);
	return w->j.gone ? fault_set(f, ERR_CANCELLED, "cancelled") : OK;
}

static enum err take_entry(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct walk *w = ctx;
	const struct dump_options *o = w->j.o;
	(void)none;
	if (w->visit && strcmp(e->media, "stix") != 0)
		return OK;
	if (e->kind != ENTRY_FEED || e->flags & ENTRY_CONTINUES || e->gone || e->time_ms < o->since_ms || (o->source && strcmp(o->source, e->source) != 0))
		return OK;
	if (!(w->ended[e->import_index / 8] >> e->import_index % 8 & 1) || !standing_entry(node_table(w->j.node), e->source, e->number, e->import))
		return OK;
	w->entry = e;
	enum err err = read_body(w, f);
	if (err == ERR_GONE)
		return OK;
	if (err == OK)
		err = parse(w, f);
	return err && err != ERR_CANCELLED ? fault_at(f, "entry %s/%llu", w->j.lane.name, (unsigned long long)e->index) : err;
}

static enum err note_end(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct walk *w = ctx;
	(void)none;
	(void)f;
	if (e->kind == ENTRY_ENDED && e->import_index < w->j.lane.size)
		w->ended[e->import_index / 8] |= (uint8_t)(1 << e->import_index % 8);
	return OK;
}

static enum err take_lane(struct walk *w, struct fault *f)
{
	struct ledger *l = node_ledger(w->j.node);
	clearance clear = (clearance)1 << w->j.lane.number;
	w->ended = mem_zalloc((size_t)(w->j.lane.size / 8 + 1));
	enum err e = ledger_each(l, clear, 1, false, note_end, w, f);
	if (e == OK)
		e = ledger_each(l, clear, 1, false, take_entry, w, f);
	free(w->ended);
	if (e == OK)
		dump_lane_end(&w->j);
	return e;
}

static enum err take_time(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	(void)none;
	*(uint32_t *)ctx = (uint32_t)(e->time_ms / 1000);
	return fault_set(f, ERR_CANCELLED, "enough");
}

/* When the last entry came: of a state that does not change, nothing in the file does. */
static uint32_t changed(struct node *n, clearance clear)
{
	struct fault ignored;
	uint32_t s = 0;
	(void)!ledger_each_back(node_ledger(n), clear, ledger_last(node_ledger(n)), take_time, &s, &ignored);
	return s;
}

static enum err take_lanes(struct walk *w, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(node_ledger(w->j.node), w->j.o->clear, lanes);
	enum err e = OK;
	for (unsigned i = 0; i < n && e == OK; i++) {
		w->j.lane = lanes[i];
		e = take_lane(w, f);
	}
	free(lanes);
	return e;
}

static void release(struct walk *w)
{
	free(w->objects.slot);
	free(w->claims.slot);
	buf_release(&w->body);
	buf_release(&w->found);
	buf_release(&w->j.out);
}

enum err dump(struct node *n, const struct dump_options *o, dump_sink *sink, void *ctx, struct dump_counts *ret_counts, struct fault *f)
{
	struct walk w = { .j = { .node = n, .o = o, .sink = sink, .ctx = ctx, .counts = ret_counts, .changed_s = changed(n, o->clear) } };
	*ret_counts = (struct dump_counts){ 0 };
	dump_begin(&w.j);
	enum err e = take_lanes(&w, f);
	if (e == OK) {
		dump_end(&w.j);
		e = w.j.gone ? fault_set(f, ERR_CANCELLED, "cancelled") : OK;
	}
	release(&w);
	return e;
}

enum err dump_objects(struct node *n, clearance clear, dump_object_visit *visit, void *ctx, struct fault *f)
{
	struct dump_options o = { .format = DUMP_STIX, .clear = clear, .kinds = DUMP_ALL_KINDS, .now_s = (uint32_t)(clock_ms() / 1000) };
	struct walk w = { .j = { .node = n, .o = &o, .ctx = ctx }, .visit = visit };
	enum err e = take_lanes(&w, f);
	release(&w);
	return e;
}
