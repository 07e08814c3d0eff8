/* The ledger is read from its start at every opening, but for what the table already holds only the sources, the ends of
 * imports and the text rules are taken from it: few entries and small bodies.  The pieces of feeds are parsed again only beyond
 * the entry up to which the table is durable.
 *
 * An import counts when its ENTRY_ENDED is there, and not before: one that was broken off by a crash or by --strict leaves its
 * pieces in the lane and changes no answer. */
#include "gate/fold.h"

#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"

enum { FOLD_BATCH_OCTETS = 48 << 20, SAVE_AFTER_CLAIMS = 50000 };

/* What readers get; the rules are shared with the next publication unless they change. */
struct published {
	struct meaning meaning;
	bool owns_rules;
};

/* An import whose end has not been read yet. */
struct open_import {
	uint64_t first;
	struct intake intake;
};

struct fold {
	struct table *table;
	struct source_set *sources; /* the writer's copy */
	struct audiences audiences;  /* lanes are made before the ledger is read */
	struct published *now;
	uint64_t table_has;         /* claims of entries up to here are in the table */
	uint64_t seen;              /* last entry that was folded */
	uint64_t unsaved;           /* claims pushed since the last save */
	/* While reading the ledger: */
	struct open_import *open;
	unsigned n_open;
	uint64_t *ended;            /* first entries of the imports that have an end, rising */
	size_t n_ended;
	uint64_t *live;             /* first entries of imports under way in this process */
	unsigned n_live;
	bool busy[SOURCES_MAX];     /* snapshot sources that have an import under way */
};

static void drop_published(const void *p)
{
	struct published *old = (struct published *)p;
	source_set_free(old->meaning.sources);
	if (old->owns_rules)
		rules_free(old->meaning.rules);
	free(old);
}

/* Give readers the writer's sources, `rules` (NULL: as before) and one more image (NULL: none).  Takes image and rules over. */
static enum err publish(struct fold *f, struct image *image, struct rules *rules, struct fault *fault)
{
	struct published *next = mem_zalloc(sizeof(*next)), *old = f->now;
	next->meaning.sources = source_set_copy(f->sources);
	next->meaning.audiences = &f->audiences;
	if (rules)
		rules_ready(rules);
	next->meaning.rules = rules ? rules : old ? old->meaning.rules : rules_new();
	next->owns_rules = true;
	if (old && !rules)
		old->owns_rules = false;
	f->now = next;
	if (image)
		f->unsaved += image_claims(image);
	return table_push(f->table, image, next, drop_published, source_claim_counts, f->sources, fault);
}

struct fold *fold_new(struct table *t, uint64_t folded)
{
	struct fold *f = mem_zalloc(sizeof(*f));
	f->table = t;
	f->sources = source_set_new();
	f->table_has = folded;
	return f;
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->n_open; i++)
		intake_release(&f->open[i].intake);
	source_set_free(f->sources);
	if (f->now)
		drop_published(f->now);
	free(f->open);
	free(f->ended);
	free(f->live);
	free(f);
}

const struct source_set *fold_sources(const struct fold *f)
{
	return f->sources;
}

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
	if (number > f->seen)
		f->seen = number;
	return publish(f, NULL, NULL, fault);
}

enum err fold_import(struct fold *f, const struct ended_import *e, struct intake *t, struct fault *fault)
{
	struct rules *rules = NULL;
	bool had_rules = f->now && rules_count(f->now->meaning.rules) > 0;
	source_imported(f->sources, e->source, e->snapshot, e->first, e->last, e->time_ms, e->accepted);
	if (t->n_rules || (had_rules && e->snapshot)) {
		rules = f->now ? rules_copy(f->now->meaning.rules) : rules_new();
		if (e->snapshot)
			rules_replace(rules, e->source, e->first);
		enum err err = intake_rules(t, rules, e->first, fault);
		if (err) {
			rules_free(rules);
			image_free(e->image);
			return err;
		}
	}
	if (e->last > f->seen)
		f->seen = e->last;
	enum err err = publish(f, e->image, rules, fault);
	return err == OK && f->unsaved >= SAVE_AFTER_CLAIMS ? fold_save(f, fault) : err;
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

void fold_import_begins(struct fold *f, uint64_t first)
{
	f->live = mem_realloc(f->live, (f->n_live + 1) * sizeof(*f->live));
	f->live[f->n_live++] = first;
}

void fold_import_over(struct fold *f, uint64_t first)
{
	for (unsigned i = 0; i < f->n_live; i++)
		if (f->live[i] == first) {
			f->live[i] = f->live[--f->n_live];
			return;
		}
}

enum err fold_save(struct fold *f, struct fault *fault)
{
	uint64_t folded = f->seen;
	for (unsigned i = 0; i < f->n_live; i++)
		if (f->live[i] <= folded)
			folded = f->live[i] - 1;
	enum err e = table_save(f->table, folded, fault);
	if (e == OK)
		f->unsaved = 0;
	return e;
}

/* ---- reading the ledger ---- */

uint64_t fold_summary_accepted(struct span body)
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

static struct open_import *find_open(struct fold *f, uint64_t first)
{
	for (unsigned i = 0; i < f->n_open; i++)
		if (f->open[i].first == first)
			return &f->open[i];
	return NULL;
}

static void close_open(struct fold *f, struct open_import *o)
{
	intake_release(&o->intake);
	*o = f->open[--f->n_open];
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static struct open_import *begin_open(struct fold *f, const struct entry *e, uint64_t first)
{
	const struct source *s = source_find(f->sources, span_str(e->source));
	bool ends = f->n_ended && bsearch(&first, f->ended, f->n_ended, sizeof(first), compare_numbers);
	if (!s || !ends) /* broken off: never counts */
		return NULL;
	f->open = mem_realloc(f->open, (f->n_open + 1) * sizeof(*f->open));
	struct open_import *o = &f->open[f->n_open++];
	*o = (struct open_import){ .first = first };
	o->intake.batch = batch_new(table_seed(f->table), table_dir(f->table), FOLD_BATCH_OCTETS);
	o->intake.source = s->number;
	o->intake.lane = e->lane;
	return o;
}

struct piece_ctx {
	struct intake *intake;
	bool rules_only;
};

static bool take_record(void *ctx, const struct feed_record *r)
{
	struct piece_ctx *p = ctx;
	struct feed_record record = *r;
	if (r->fate != FATE_CLAIMS)
		return true;
	if (p->rules_only) /* the table has its claims */
		record.n_claims = 0;
	return intake_record(p->intake, &record);
}

static enum err fold_piece(struct fold *f, const struct entry *e, struct span body, struct fault *fault)
{
	uint64_t first = e->import ? e->import : e->number;
	bool rules_only = e->number <= f->table_has;
	const struct feed_format *format = feed_format_find(span_str(e->media));
	struct open_import *o = find_open(f, first);
	if (!o)
		o = begin_open(f, e, first);
	if (!o)
		return OK;
	if (!format)
		return fault_set(fault, ERR_UNSUPPORTED, "entry %llu is in the feed format \"%s\", which this build does not know",
				 (unsigned long long)e->number, e->media);
	o->intake.time_s = (uint32_t)(e->time_ms / 1000);
	struct feed_parser *p;
	struct piece_ctx ctx = { .intake = &o->intake, .rules_only = rules_only };
	struct fault ignored; /* the piece holds whole records only; that an array is still open behind them is no news */
	size_t used;
	if (intake_resume(format, buf_span(&e->token), &p))
		return fault_set(fault, ERR_CORRUPT, "entry %llu has a parser state that cannot be read",
				 (unsigned long long)e->number);
	(void)!feed_parse(p, body, true, take_record, &ctx, &used, &ignored);
	feed_parser_free(p);
	if (o->intake.error == OK && !rules_only)
		(void)!intake_stamp(&o->intake, e->number, first);
	if (o->intake.error && fault)
		*fault = o->intake.fault;
	return o->intake.error;
}

static enum err fold_ended(struct fold *f, const struct entry *e, struct span body, struct fault *fault)
{
	const struct source *s = source_find(f->sources, span_str(e->source));
	uint64_t first = e->import ? e->import : e->number; /* an import of nothing has no piece */
	struct open_import *o = find_open(f, first);
	struct intake none = { 0 };
	if (!s)
		return fault_set(fault, ERR_CORRUPT, "entry %llu ends an import of \"%s\", which is no source",
				 (unsigned long long)e->number, e->source);
	struct ended_import ended = {
		.source = s->number, .snapshot = e->flags & ENTRY_SNAPSHOT, .first = first, .last = e->number,
		.time_ms = e->time_ms, .accepted = fold_summary_accepted(body),
	};
	enum err err = OK;
	if (o && batch_count(o->intake.batch) > 0)
		err = batch_finish(o->intake.batch, NULL, &ended.image, NULL, fault);
	if (err == OK && e->number <= f->table_has && !(o && o->intake.n_rules)) {
		/* Nothing to publish one by one for what the table has: fold_ledger() publishes once at the end. */
		source_imported(f->sources, ended.source, ended.snapshot, ended.first, ended.last, ended.time_ms, ended.accepted);
	} else if (err == OK)
		err = fold_import(f, &ended, o ? &o->intake : &none, fault);
	if (o)
		close_open(f, o);
	return err;
}

struct walk {
	struct fold *fold;
	struct ledger *ledger;
	struct buf body;
};

/* Only warning lists hold rules: of what the table has, the other feeds need not be read. */
static bool needs_body(const struct fold *f, const struct entry *e)
{
	if (e->kind != ENTRY_FEED)
		return e->kind == ENTRY_SOURCE || e->kind == ENTRY_ENDED;
	return e->number > f->table_has || strcmp(e->media, "misp-warninglist") == 0;
}

static enum err visit_entry(void *ctx, const struct entry *e, struct span none, struct fault *fault)
{
	struct walk *w = ctx;
	struct fold *f = w->fold;
	struct source_change change;
	enum err err = OK;
	(void)none;
	if (needs_body(f, e)) {
		w->body.n = 0;
		if ((err = ledger_body(w->ledger, CLEARANCE_ALL, e->number, &w->body, fault)) != OK)
			return err;
		struct span body = buf_span(&w->body);
		if (e->kind == ENTRY_FEED)
			err = fold_piece(f, e, body, fault);
		else if (e->kind == ENTRY_ENDED)
			err = fold_ended(f, e, body, fault);
		else if ((err = source_change_read(body, &change, fault)) == OK)
			err = source_apply(f->sources, &change, fault);
		if (err)
			return fault_at(fault, "ledger entry %llu", (unsigned long long)e->number), err;
	}
	f->seen = e->number;
	return OK;
}

/* First, which imports have an end: the others need not be read, however many were broken off. */
static enum err note_end(void *ctx, const struct entry *e, struct span none, struct fault *fault)
{
	struct fold *f = ctx;
	(void)none, (void)fault;
	if (e->kind == ENTRY_ENDED) {
		if ((f->n_ended & (f->n_ended - 1)) == 0)
			f->ended = mem_realloc(f->ended, (f->n_ended ? 2 * f->n_ended : 1) * sizeof(*f->ended));
		f->ended[f->n_ended++] = e->import ? e->import : e->number;
	}
	return OK;
}

enum err fold_ledger(struct fold *f, struct ledger *l, struct fault *fault)
{
	struct walk w = { .fold = f, .ledger = l };
	struct lane lanes[LANES_MAX];
	for (unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes); n-- > 0;) {
		f->audiences.lane[lanes[n].number].tlp = lanes[n].tlp;
		memcpy(f->audiences.lane[lanes[n].number].name, lanes[n].name, sizeof(lanes[n].name));
	}
	enum err e = ledger_each(l, CLEARANCE_ALL, f->seen + 1, false, note_end, f, fault);
	if (e)
		return e;
	if (f->n_ended)
		qsort(f->ended, f->n_ended, sizeof(*f->ended), compare_numbers);
	e = ledger_each(l, CLEARANCE_ALL, f->seen + 1, false, visit_entry, &w, fault);
	buf_release(&w.body);
	if (e)
		return e;
	while (f->n_open) /* whoever wrote these is gone, or this process would not have the lock */
		close_open(f, &f->open[0]);
	return publish(f, NULL, NULL, fault);
}
