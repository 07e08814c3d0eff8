/* Two passes, because what counts is decided at the end: of an import by its ENTRY_ENDED, of a snapshot by the one that
 * replaces it.
 *
 * The first reads entries, hardly any bodies: changes of sources and ends of imports.  It leaves the sources as they will
 * be, and a bit for each import that has an end.  The second begins with the oldest import that ended behind `after`,
 * applies the changes once more to know which source a name meant at the time, and parses the pieces whose import has an
 * end and whose claims will count.  So an import that was broken off costs the reading of its entries, and of a snapshot
 * only the last import is parsed.
 *
 * All claims go into one batch (one for each of the crew, which come together in the end) and become one image.  Each carries
 * its entry and its import, and of claims that say the same the one of the later import stays; a claim that counts is never
 * of an earlier import than one of its source that does not (source.h: floor).  So it makes no difference that others were left out before claims collapsed, and the image is the one
 * that folding import by import ends with, but for CLAIM_FIRST, which no answer depends on.
 *
 * A report of hits is an import of one entry that has an end with itself.
 *
 * Text rules are few, and their order and their cap matter: they are taken at the end of each import, in the order of ends,
 * of replaced snapshots too. */
#include "gate/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"
#include "gate/crew.h"
#include "sys/digest.h"

enum { BATCH_OCTETS = 48 << 20 };

/* An import that may bring text rules, until its end. */
struct waiting {
	uint64_t first;
	struct intake intake; /* without a batch */
};

/* A body that lies in several entries. */
struct run {
	bool under_way, gone;
	uint64_t next;     /* number of the entry that goes on */
	struct entry head; /* the first of them */
};

struct reading {
	struct replay *r;
	struct ledger *ledger;
	struct batch *batch;
	struct source_set *then;    /* the sources at the entry that is being read */
	char peer[LANES_MAX][PEER_NAME_MAX + 1]; /* of each lane: whose it is; "": our own */
	uint8_t *ended;             /* bit for each entry: an import that ended behind `after` begins with it */
	uint64_t limit;             /* entries that have such a bit */
	uint64_t first;             /* the least of them */
	uint64_t end[SOURCES_MAX];  /* of the last import of each source */
	struct waiting *waiting;
	unsigned n_waiting;
	struct intake intake;       /* for bodies in several entries; its batch is lent */
	struct crew *crew;          /* for all other pieces */
	bool told;                  /* the crew has said which entry it was */
	struct run run;
	struct buf body;
};

uint64_t replay_accepted(struct span body)
{
	struct json_reader r;
	bool wanted = false;
	uint64_t n = 0;
	json_init(&r, body, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;) {
		if (t == JSON_NUMBER && wanted && num_parse_u64(r.slice, UINT64_MAX, &n) == OK)
			return n;
		wanted = t == JSON_KEY && span_is(r.slice, "accepted");
	}
	return 0;
}

void replay_source(const char *peer, const char *source, char ret_name[SOURCE_NAME_MAX + 1])
{
	char name[PEER_NAME_MAX + 1 + SOURCE_NAME_MAX + 1], digits[9] = "";
	uint8_t digest[32];
	if (!peer[0]) {
		snprintf(ret_name, SOURCE_NAME_MAX + 1, "%s", source);
		return;
	}
	snprintf(name, sizeof(name), "%s.%s", peer, source);
	if (strlen(name) > SOURCE_NAME_MAX) {
		sha256_two(span_str(name), span_of(NULL, 0), digest);
		hex_encode(digest, 4, digits);
		name[SOURCE_NAME_MAX - 9] = '-';
		memcpy(name + SOURCE_NAME_MAX - 8, digits, sizeof(digits));
	}
	snprintf(ret_name, SOURCE_NAME_MAX + 1, "%s", name);
}

/* NULL: there is none of this name, or not yet, or nothing of the lane counts. */
static const struct source *source_of(const struct reading *g, const struct source_set *sources, const struct entry *e)
{
	char name[SOURCE_NAME_MAX + 1];
	if (g->r->forgotten >> e->lane & 1)
		return NULL;
	replay_source(g->peer[e->lane], e->kind == ENTRY_HITS ? HITS_SOURCE : e->source, name);
	return source_find(sources, span_str(name));
}

/* What others say about sources is for their node. */
static bool changes_source(const struct reading *g, const struct entry *e)
{
	return e->kind == ENTRY_SOURCE && !g->peer[e->lane][0];
}

/* Entry `e` is an import of its own when it names none. */
static uint64_t import_of(const struct entry *e)
{
	return e->import ? e->import : e->number;
}

static bool has_end(const struct reading *g, uint64_t import)
{
	return import < g->limit && g->ended[import / 8] >> import % 8 & 1;
}

static enum err apply_change(struct reading *g, const struct entry *e, struct source_set *sources, struct fault *f)
{
	struct source_change change;
	g->body.n = 0;
	enum err err = ledger_body(g->ledger, CLEARANCE_ALL, e->number, &g->body, f);
	if (err == OK)
		err = source_change_read(buf_span(&g->body), &change, f);
	return err ? err : source_apply(sources, &change, f);
}

/* ---- first pass ---- */

static enum err note_end(struct reading *g, const struct entry *e, struct fault *f)
{
	const struct source *s = source_of(g, g->r->sources, e);
	uint64_t import = import_of(e);
	if (!s && g->peer[e->lane][0])
		return OK; /* its name is none that a source can have here */
	if (!s)
		return fault_set(f, ERR_CORRUPT, "it ends an import of \"%s\", which is no source", e->source);
	if (import >= g->limit)
		return fault_set(f, ERR_CORRUPT, "it ends an import that begins behind it");
	source_imported(g->r->sources, s->number, e->flags & ENTRY_SNAPSHOT, import, e->number, e->time_ms, 0);
	g->end[s->number] = e->number;
	g->ended[import / 8] |= (uint8_t)(1 << import % 8);
	if (import < g->first)
		g->first = import;
	return OK;
}

static enum err first_visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct reading *g = ctx;
	enum err err = OK;
	(void)none;
	if (e->number >= g->limit)
		return OK; /* a piece that came in meanwhile */
	if (changes_source(g, e))
		err = apply_change(g, e, g->r->sources, f);
	else if (e->kind == ENTRY_ENDED)
		err = note_end(g, e, f);
	else if (e->kind == ENTRY_ERASED || e->kind == ENTRY_PRUNED)
		g->r->stale |= g->r->after > 0;
	g->r->last = e->number;
	return err ? fault_at(f, "ledger entry %llu", (unsigned long long)e->number), err : OK;
}

/* How much the last import of each source brought. */
static enum err read_counts(struct reading *g, struct fault *f)
{
	for (unsigned i = 0; i < source_count(g->r->sources); i++) {
		const struct source *s = source_get(g->r->sources, (uint16_t)i);
		if (!g->end[i])
			continue;
		g->body.n = 0;
		enum err e = ledger_body(g->ledger, CLEARANCE_ALL, g->end[i], &g->body, f);
		if (e && e != ERR_GONE)
			return e;
		source_imported(g->r->sources, s->number, false, 0, s->last_import, s->last_import_ms,
				replay_accepted(buf_span(&g->body)));
	}
	return OK;
}

/* ---- second pass ---- */

/* Only warning lists hold rules. */
static bool may_bring_rules(const struct entry *e)
{
	return strcmp(e->media, "misp-warninglist") == 0;
}

/* Will claims of entry `e` count in the end? */
static bool will_count(const struct reading *g, const struct entry *e, uint16_t source)
{
	struct claim c = { .entry = (uint32_t)e->number, .back = intake_back(e->number, import_of(e)), .source = source };
	return e->number > UINT32_MAX || source_claim_counts(g->r->sources, &c);
}

static struct waiting *find_waiting(struct reading *g, uint64_t first)
{
	for (unsigned i = 0; i < g->n_waiting; i++)
		if (g->waiting[i].first == first)
			return &g->waiting[i];
	return NULL;
}

static struct intake *waiting_of(struct reading *g, uint64_t first)
{
	struct waiting *w = find_waiting(g, first);
	if (!w) {
		g->waiting = mem_realloc(g->waiting, (g->n_waiting + 1) * sizeof(*g->waiting));
		w = &g->waiting[g->n_waiting++];
		*w = (struct waiting){ .first = first };
	}
	return &w->intake;
}

static enum err describe(const struct reading *g, const struct entry *e, const struct source *s, struct piece *ret_piece,
			 struct fault *f)
{
	const struct feed_format *format = e->kind == ENTRY_HITS ? NULL : feed_format_find(span_str(e->media));
	if (!format && e->kind != ENTRY_HITS)
		return fault_set(f, ERR_UNSUPPORTED, "it is in the feed format \"%s\", which this build does not know", e->media);
	*ret_piece = (struct piece){
		.number = e->number, .import = import_of(e), .time_ms = e->time_ms, .lane = e->lane, .source = s->number,
		.rules_only = !will_count(g, e, s->number), .format = format, .token = buf_span(&e->token),
	};
	return OK;
}

/* Here, and not by the crew: its rules must be there before the import ends. */
static enum err parse_here(struct reading *g, const struct entry *e, struct span body, const struct source *s, struct fault *f)
{
	struct piece p;
	struct intake *t = may_bring_rules(e) ? waiting_of(g, import_of(e)) : &g->intake;
	enum err err = describe(g, e, s, &p, f);
	t->batch = g->batch;
	if (err == OK)
		err = intake_piece(t, &p, body, f);
	t->batch = NULL;
	return err;
}

/* @return NULL: nothing of this piece will be seen. */
static const struct source *wanted(const struct reading *g, const struct entry *e)
{
	const struct source *s = source_of(g, g->then, e);
	return s && (may_bring_rules(e) || will_count(g, e, s->number)) ? s : NULL;
}

static void begin_run(struct run *run, const struct entry *e)
{
	struct buf token = run->head.token;
	token.n = 0;
	buf_putspan(&token, buf_span(&e->token));
	*run = (struct run){ .under_way = true, .next = e->number, .head = *e };
	run->head.token = token;
}

/* One of several entries of one body. */
static enum err take_part(struct reading *g, const struct entry *e, struct fault *f)
{
	struct run *run = &g->run;
	if (!(e->flags & ENTRY_CONTINUES)) {
		begin_run(run, e);
		g->body.n = 0;
	} else if (!run->under_way || e->number != run->next || e->lane != run->head.lane) {
		return fault_set(f, ERR_CORRUPT, "it goes on with a body that the entry before it has not begun");
	}
	const struct source *s = wanted(g, &run->head);
	enum err err = s ? ledger_body(g->ledger, CLEARANCE_ALL, e->number, &g->body, f) : OK;
	run->gone |= err == ERR_GONE;
	if (err && err != ERR_GONE)
		return err;
	if (g->body.n > SUBMISSION_MAX)
		return fault_set(f, ERR_CORRUPT, "the body that goes on in it is larger than %d octets", SUBMISSION_MAX);
	run->next++;
	if (e->flags & ENTRY_MORE)
		return OK;
	run->under_way = false;
	return s && !run->gone ? parse_here(g, &run->head, buf_span(&g->body), s, f) : OK;
}

static enum err take_piece(struct reading *g, const struct entry *e, struct fault *f)
{
	if (e->kind == ENTRY_HITS ? e->number <= g->r->after : !has_end(g, import_of(e)))
		return OK;
	if (g->run.under_way && !(e->flags & ENTRY_CONTINUES))
		return fault_set(f, ERR_CORRUPT, "it should go on with the body of the entry before it");
	if (e->flags & (ENTRY_MORE | ENTRY_CONTINUES))
		return take_part(g, e, f);
	const struct source *s = wanted(g, e);
	if (!s)
		return OK;
	if (!may_bring_rules(e)) {
		struct piece p;
		enum err err = describe(g, e, s, &p, f);
		if (err == OK && (err = crew_take(g->crew, &p, f)) != OK)
			g->told = true;
		return err;
	}
	g->body.n = 0;
	enum err err = ledger_body(g->ledger, CLEARANCE_ALL, e->number, &g->body, f);
	if (err)
		return err == ERR_GONE ? OK : err;
	return parse_here(g, e, buf_span(&g->body), s, f);
}

/* The register takes what fits; for one that was full then the importer was told so. */
static void take_rules(struct reading *g, const struct entry *e)
{
	struct intake none = { 0 };
	const struct source *s = source_of(g, g->then, e);
	struct waiting *w = find_waiting(g, import_of(e));
	if (s)
		(void)!intake_rules(w ? &w->intake : &none, g->r->rules, s->number, e->flags & ENTRY_SNAPSHOT, import_of(e), NULL);
	if (w) {
		intake_release(&w->intake);
		*w = g->waiting[--g->n_waiting];
	}
}

static enum err second_visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct reading *g = ctx;
	enum err err = OK;
	(void)none;
	if (e->number >= g->limit)
		return OK;
	if (e->kind == ENTRY_FEED || e->kind == ENTRY_HITS)
		err = take_piece(g, e, f);
	else if (changes_source(g, e) && e->number > g->r->after)
		err = apply_change(g, e, g->then, f);
	else if (e->kind == ENTRY_ENDED && e->number > g->r->after)
		take_rules(g, e);
	return err && !g->told ? fault_at(f, "ledger entry %llu", (unsigned long long)e->number), err : err;
}

static enum err read_twice(struct reading *g, struct fault *f)
{
	struct replay *r = g->r;
	g->then = source_set_copy(r->sources);
	g->first = r->after + 1;
	enum err e = ledger_each(g->ledger, CLEARANCE_ALL, r->after + 1, false, first_visit, g, f);
	if (e || r->stale)
		return e;
	if ((e = read_counts(g, f)) != OK)
		return e;
	e = ledger_each(g->ledger, CLEARANCE_ALL, g->first, false, second_visit, g, f);
	return e ? e : crew_finish(g->crew, f);
}

static void release(struct reading *g)
{
	for (unsigned i = 0; i < g->n_waiting; i++)
		intake_release(&g->waiting[i].intake);
	free(g->waiting);
	crew_free(g->crew);
	batch_free(g->batch);
	source_set_free(g->then);
	entry_release(&g->run.head);
	buf_release(&g->body);
	free(g->ended);
	free(g);
}

static void read_peers(struct reading *g)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	for (unsigned n = ledger_lanes(g->ledger, CLEARANCE_ALL, lanes); n-- > 0;)
		memcpy(g->peer[lanes[n].number], lanes[n].peer, sizeof(lanes[n].peer));
	free(lanes);
}

enum err replay_ledger(struct replay *r, struct ledger *l, struct fault *f)
{
	struct reading *g = mem_zalloc(sizeof(*g));
	g->r = r;
	g->ledger = l;
	g->limit = ledger_last(l) + 1;
	read_peers(g);
	g->ended = mem_zalloc((size_t)(g->limit / 8 + 1)); /* untouched pages of it cost nothing */
	g->batch = batch_new(r->seed, r->spill_dir, BATCH_OCTETS);
	g->crew = crew_new(l, r->seed, r->spill_dir, g->batch);
	r->image = NULL;
	r->stale = false;
	r->last = r->after;
	enum err e = read_twice(g, f);
	if (e == OK && !r->stale && batch_count(g->batch) > 0)
		e = batch_finish(g->batch, NULL, &r->image, NULL, f);
	release(g);
	return e;
}
