/* The pipeline: this thread reads, unpacks and parses; the ledger's writer compresses and commits.  Pieces of about 1 MiB are
 * cut where a record ends and stay in a ring of slots until they are durable, so that the commit of one overlaps the parsing of the
 * next ones, and memory does not grow with the stream.
 *
 * A record that is marked more strictly than its lane allows is rejected and cut out of the piece: its octets never reach
 * the ledger. */
#include "gate/import.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/json.h"
#include "gate/fold.h"

enum {
	PIECE_OCTETS = 1 << 20,
	SNIFF_OCTETS = 64 << 10,
	SLOTS = 8,
	BATCH_OCTETS = 48 << 20,
	REPORT_EVERY_NS = 100000000,
};

struct slot {
	struct buf octets;
	struct buf token, kept; /* kept: the body when records were cut out of it */
	struct buf objects;     /* struct object: what of it can be found by its id */
	size_t used;
	uint64_t number;        /* 0: not submitted, or durable */
};

struct cut {
	size_t off, len;
};

struct import {
	struct node *node;
	struct import_options o;
	import_complaint *complain;
	import_progress *progress;
	void *ctx;
	struct lane lane;
	struct intake intake;
	bool has_source, holds_snapshot, snapshot, damaged;
	int64_t time_ms;
	uint64_t first;               /* number of the first piece; 0: none yet */
	struct slot slot[SLOTS];
	unsigned at;
	struct import_counts counts;
	uint64_t said;                /* records with claims */
	struct tally skipped;
	struct cut *cuts;
	size_t n_cuts, cuts_cap, cut_octets;
	struct slot *piece;           /* being parsed */
	const char *name;             /* of the stream being read */
	const struct input *input;
	uint64_t reported_ns;
	char hint[LANE_NAME_MAX + 1];
	bool stop;                    /* --strict has met its record, or the user has cancelled */
	struct fault fault;           /* why */
};

/* ---- beginning ---- */

/* What a list says is over when it says something else in another lane.  Is that to be seen by somebody who does not see the other lane? */
static bool is_told_elsewhere(struct import *i, const struct source *s, char ret_lane[LANE_NAME_MAX + 1])
{
	struct ledger *l = node_ledger(i->node);
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct entry last;
	bool fewer = false;
	if (s->floor && ledger_entry(l, CLEARANCE_ALL, s->floor, &last) == OK) {
		if (ledger_lanes(l, (clearance)1 << last.lane, lanes) == 1 && last.lane != i->lane.number)
			fewer = i->lane.tlp > lanes->tlp || (i->lane.members[0] && strcmp(i->lane.members, lanes->members) != 0);
		entry_release(&last);
	}
	snprintf(ret_lane, LANE_NAME_MAX + 1, "%s", fewer ? lanes->name : "");
	free(lanes);
	return fewer;
}

/* @return ERR_NOTFOUND: there is no such source (yet); ERR_BUSY; ERR_FORBIDDEN: it is a list that is told in another lane. */
static enum err find_source(struct import *i, struct fault *f)
{
	enum err e = ERR_NOTFOUND;
	struct fold *fold = node_write_begin(i->node);
	const struct source *s = source_find(fold_sources(fold), span_str(i->o.source));
	if (s && !s->removed) {
		i->intake.source = s->number;
		i->snapshot = s->snapshot && !i->o.adds;
		i->has_source = !i->snapshot || fold_snapshot_begins(fold, s->number);
		i->holds_snapshot = i->has_source && i->snapshot;
		char lane[LANE_NAME_MAX + 1];
		if (!i->has_source)
			e = fault_set(f, ERR_BUSY, "an import of \"%s\", a snapshot, is under way; begin when it has ended", i->o.source);
		else if (i->snapshot && is_told_elsewhere(i, s, lane))
			e = fault_set(f, ERR_FORBIDDEN, "source \"%s\" is a list that lane \"%s\" has: it would end there, and who does not see lane \"%s\" would know that there is "
							"another; import it under another name", i->o.source, lane, i->lane.name);
		else
			e = OK;
	}
	node_write_end(i->node);
	return e;
}

/* A new source is a snapshot or gives events by what its first file is. */
static enum err ensure_source(struct import *i, const struct feed_format *format, struct fault *f)
{
	enum err e = i->has_source ? OK : find_source(i, f);
	if (e != ERR_NOTFOUND)
		return e;
	struct source_change add = {
		.op = SOURCE_ADD, .name = span_str(i->o.source), .has_snapshot = true, .snapshot = !(format && format->adds),
	};
	e = node_source_change(i->node, &add, f);
	if (e && e != ERR_EXISTS) /* another import may have added it meanwhile */
		return e;
	e = find_source(i, f);
	return e == ERR_NOTFOUND ? fault_set(f, e, "source \"%s\" was removed while the import began", i->o.source) : e;
}

enum err import_begin(struct node *n, const struct import_options *o, import_complaint *complain, import_progress *progress,
		      void *ctx, struct import **ret_import, struct fault *f)
{
	struct import *i = mem_zalloc(sizeof(*i));
	const char *lane = o->lane ? o->lane : "public";
	enum err e;
	*i = (struct import){ .node = n, .o = *o, .complain = complain, .progress = progress, .ctx = ctx, .time_ms = clock_ms() };
	if (!source_name_ok(span_str(o->source)))
		e = fault_set(f, ERR_USAGE, "\"%s\" is not a source name: use a-z, 0-9, '.', '_' and '-'", o->source);
	else if (ledger_lane_find(node_ledger(n), CLEARANCE_ALL, lane, &i->lane))
		e = fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", lane);
	else
		e = OK;
	if (e) {
		free(i);
		return e;
	}
	i->intake.batch = batch_new(table_seed(node_table(n)), table_dir(node_table(n)), BATCH_OCTETS);
	i->intake.lane = i->lane.number;
	i->intake.time_s = (uint32_t)(i->time_ms / 1000);
	e = find_source(i, f);
	bool begins = e == OK || e == ERR_NOTFOUND; /* or it is added when something has come */
	if (begins)
		*ret_import = i;
	else
		import_free(i);
	return begins ? OK : e;
}

/* ---- records ---- */

static void cut_out(struct import *i, const struct feed_record *r)
{
	if (i->n_cuts == i->cuts_cap) {
		i->cuts_cap = i->cuts_cap ? 2 * i->cuts_cap : 16;
		i->cuts = mem_realloc(i->cuts, i->cuts_cap * sizeof(*i->cuts));
	}
	i->cuts[i->n_cuts++] = (struct cut){ r->off, r->len };
	i->cut_octets += r->len;
}

/* Returns false when --strict ends the import here. */
static bool reject(struct import *i, uint64_t line, const char *reason)
{
	char place[300];
	snprintf(place, sizeof(place), "%s:%llu", i->name, (unsigned long long)line);
	i->counts.rejected++;
	if (i->complain)
		i->complain(i->ctx, place, reason);
	if (i->o.strict) {
		i->stop = true;
		fault_set(&i->fault, ERR_SYNTAX, "%s: %s", place, reason);
	}
	return !i->o.strict;
}

/* Name of a lane that may hold it. */
static const char *lane_for(struct import *i, uint8_t tlp)
{
	struct lane lanes[LANES_MAX];
	unsigned n = ledger_lanes(node_ledger(i->node), CLEARANCE_ALL, lanes);
	for (unsigned k = 0; k < n; k++)
		if (lanes[k].tlp >= tlp && strcmp(lanes[k].name, NODE_LANE) != 0)
			return snprintf(i->hint, sizeof(i->hint), "%s", lanes[k].name), i->hint;
	return "(there is none for it)";
}

/* Where the object begins in the body, which is the piece without what was cut out of it before. */
static void note_object(struct import *i, const struct feed_record *r)
{
	struct span record = span_of(i->piece->octets.p + r->off, r->len);
	size_t brace = span_find(record, '{');
	struct object o = { .id = r->id, .offset = (uint32_t)(r->off + brace - i->cut_octets) };
	if (brace < record.n)
		buf_put(&i->piece->objects, &o, sizeof(o));
}

static bool on_record(void *ctx, const struct feed_record *r)
{
	struct import *i = ctx;
	i->counts.read++;
	if (r->tlp != TLP_UNSAID && r->tlp > i->lane.tlp) {
		char reason[200];
		snprintf(reason, sizeof(reason), "marked %s, which lane \"%s\" (%s) may not hold; import it with --lane %s",
			 tlp_name(r->tlp), i->lane.name, tlp_name(i->lane.tlp), lane_for(i, r->tlp));
		cut_out(i, r);
		return reject(i, r->line, reason);
	}
	if (r->id.n)
		note_object(i, r);
	switch (r->fate) {
	case FATE_SKIPPED:
		i->counts.skipped++;
		tally_add(&i->skipped, r->what);
		return true;
	case FATE_REJECTED:
		return reject(i, r->line, r->reason);
	case FATE_CLAIMS:
		break;
	}
	i->said++;
	if (intake_record(&i->intake, r))
		return true;
	i->stop = true;
	i->fault = i->intake.fault;
	return false;
}

/* ---- pieces ---- */

static enum err wait_slot(struct import *i, struct slot *s, struct fault *f)
{
	uint64_t number = s->number;
	s->number = 0;
	return number ? ledger_wait(node_ledger(i->node), number, f) : OK;
}

static struct span piece_body(struct import *i, struct slot *s)
{
	if (i->n_cuts == 0)
		return span_of(s->octets.p, s->used);
	size_t from = 0;
	s->kept.n = 0;
	for (size_t k = 0; k < i->n_cuts; k++) {
		buf_put(&s->kept, s->octets.p + from, i->cuts[k].off - from);
		from = i->cuts[k].off + i->cuts[k].len;
	}
	buf_put(&s->kept, s->octets.p + from, s->used - from);
	return buf_span(&s->kept);
}

/* @param last  of its stream: what comes next, most often the end of the import, is committed with it. */
static enum err submit_piece(struct import *i, struct slot *s, const struct feed_format *format, uint32_t records, bool last, struct fault *f)
{
	struct submission sub = {
		.lane = i->lane.number, .kind = ENTRY_FEED, .flags = i->first ? 0 : ENTRY_BEGINS, .import = i->first,
		.time_ms = i->time_ms, .party = i->o.party ? i->o.party : "local", .source = i->o.source, .media = format->name,
		.token = buf_span(&s->token), .count = records, .body = piece_body(i, s),
		.objects = (const struct object *)(const void *)s->objects.p,
		.n_objects = (uint32_t)(s->objects.n / sizeof(struct object)), .held = last,
	};
	enum err e = ledger_submit(node_ledger(i->node), &sub, &s->number, f);
	if (e)
		return e;
	if (!i->first)
		i->first = s->number;
	i->counts.entries += sub.body.n > BODY_MAX ? (sub.body.n + BODY_MAX - 1) / BODY_MAX : 1;
	e = intake_stamp(&i->intake, s->number, i->first);
	if (e && f)
		*f = i->intake.fault;
	return e;
}

static bool report(struct import *i)
{
	uint64_t done, size, t = clock_mono_ns();
	if (!i->progress || t - i->reported_ns < REPORT_EVERY_NS)
		return true;
	i->reported_ns = t;
	input_progress(i->input, &done, &size);
	if (i->progress(i->ctx, &i->counts, done, size))
		return true;
	i->stop = true;
	fault_set(&i->fault, ERR_CANCELLED, "cancelled; nothing of this import counts");
	return false;
}

/* The next slot, durable, with what the last piece left over at its front. */
static enum err next_slot(struct import *i, struct slot **s, struct fault *f)
{
	struct slot *last = *s, *next = &i->slot[++i->at % SLOTS];
	enum err e = wait_slot(i, next, f);
	next->octets.n = 0;
	buf_put(&next->octets, last->octets.p + last->used, last->octets.n - last->used);
	next->used = 0;
	*s = next;
	return e;
}

struct stream {
	struct input *in;
	const struct feed_format *format;
	struct feed_parser *parser;
	struct feed_options options;
	bool end;
	struct fault damage; /* code OK: none; the stream cannot be read beyond what came */
};

static enum err fill(struct stream *st, struct slot *s, size_t want)
{
	while (!st->end && st->damage.code == OK && s->octets.n < want)
		if (input_read(st->in, want - s->octets.n, &s->octets, &st->end, &st->damage) != OK)
			return st->damage.code;
	return OK;
}

/* Parse what the slot holds and submit what was whole. */
static enum err take_piece(struct import *i, struct stream *st, struct slot *s, struct fault *f)
{
	uint64_t read_before = i->counts.read;
	struct fault broken = { 0 };
	s->token.n = 0;
	i->n_cuts = i->cut_octets = 0;
	i->piece = s;
	s->objects.n = 0;
	intake_token(&st->options, st->parser, &s->token);
	bool last = st->end && st->damage.code == OK;
	enum err e = feed_parse(st->parser, buf_span(&s->octets), last, on_record, i, &s->used, &broken);
	if (i->stop) {
		*f = i->fault;
		return f->code;
	}
	if (e)
		st->damage = broken;
	if (s->used == 0)
		return OK;
	i->counts.octets += s->used;
	return submit_piece(i, s, st->format, (uint32_t)(i->counts.read - read_before), last && s->used == s->octets.n, f);
}

static enum err run_stream(struct import *i, struct stream *st, struct slot *s, struct fault *f)
{
	size_t want = PIECE_OCTETS;
	for (;;) {
		(void)!fill(st, s, want);
		if (st->damage.code == ERR_CANCELLED) {
			*f = st->damage;
			return f->code;
		}
		enum err e = take_piece(i, st, s, f);
		if (e)
			return e;
		if (!report(i)) {
			*f = i->fault;
			return f->code;
		}
		if (st->damage.code || (st->end && s->used == s->octets.n))
			return OK;
		if (s->used == 0 && st->end)
			return OK;
		want = s->used ? PIECE_OCTETS : want * 2;
		if (want > 2u * FEED_OBJECT_MAX + PIECE_OCTETS) {
			fault_set(&st->damage, ERR_RANGE, "a record is larger than %d MiB", FEED_OBJECT_MAX >> 20);
			return OK;
		}
		if (s->used && (e = next_slot(i, &s, f)) != OK)
			return e;
	}
}

/* What cannot be read any further is one more rejected record, and the error of the stream. */
static enum err end_of_stream(struct import *i, struct stream *st, struct fault *f)
{
	if (st->damage.code == OK)
		return OK;
	i->damaged = true;
	i->counts.read++;
	i->counts.rejected++;
	fault_set(f, st->damage.code, "%s: %s", i->name, st->damage.text);
	return f->code;
}

enum err import_stream(struct import *i, struct input *in, const char *name, struct fault *f)
{
	struct stream st = { .in = in, .format = i->o.format, .options = { .column = i->o.column, .stance = i->o.stance, .tlp = i->lane.tlp } };
	struct slot *s = &i->slot[++i->at % SLOTS];
	enum err e = wait_slot(i, s, f);
	int sure;
	if (e)
		return e;
	i->name = name;
	i->input = in;
	s->octets.n = s->used = 0;
	(void)!fill(&st, s, SNIFF_OCTETS);
	if (st.damage.code == ERR_CANCELLED) {
		*f = st.damage;
		return f->code;
	}
	if (st.damage.code && s->octets.n == 0)
		return end_of_stream(i, &st, f);
	if (!st.format && s->octets.n)
		st.format = feed_detect(span_head(buf_span(&s->octets), SNIFF_OCTETS), st.end, name, &sure);
	if (!st.format && s->octets.n == 0)
		return OK; /* an empty stream says nothing */
	if (!st.format)
		return fault_set(f, ERR_UNSUPPORTED, "%s: the format is not recognised; name it with --format (see \"sipar formats\")",
				 name);
	if ((e = ensure_source(i, st.format, f)) != OK)
		return e;
	st.parser = feed_parser_new(st.format, &st.options);
	e = run_stream(i, &st, s, f);
	feed_parser_free(st.parser);
	return e ? e : end_of_stream(i, &st, f);
}

/* ---- ending ---- */

static void put_count(struct buf *out, const char *name, uint64_t n)
{
	buf_printf(out, "%s\"%s\":%llu", out->n ? "," : "{", name, (unsigned long long)n);
}

static void put_text(struct buf *out, const char *name, struct span text)
{
	if (text.n == 0)
		return;
	buf_printf(out, ",\"%s\":", name);
	json_put_string(out, text);
}

static void write_summary(const struct import *i, struct buf *out)
{
	const struct import_counts *c = &i->counts;
	put_count(out, "accepted", c->accepted);
	put_text(out, "by", i->o.by);
	put_count(out, "claims", c->claims);
	put_count(out, "duplicate", c->duplicate);
	put_count(out, "read", c->read);
	put_count(out, "rejected", c->rejected);
	put_text(out, "retracts", i->o.retracts);
	put_count(out, "skipped", c->skipped);
	put_text(out, "why", i->o.why);
	buf_putc(out, '}');
}

/* An import without a piece (an empty file) is told as well: a snapshot of nothing replaces what was there. */
static enum err tell_end(struct import *i, uint64_t behind, uint64_t *ret_number, struct fault *f)
{
	struct buf body = { 0 };
	write_summary(i, &body);
	struct submission s = {
		.lane = i->lane.number, .kind = ENTRY_ENDED, .flags = i->snapshot ? ENTRY_SNAPSHOT : 0, .import = i->first,
		.time_ms = i->time_ms, .party = i->o.party ? i->o.party : "local", .source = i->o.source, .media = "json",
		.count = 1, .body = buf_span(&body), .behind = behind,
	};
	enum err e = ledger_append(node_ledger(i->node), &s, ret_number, f);
	i->counts.entries += e == OK;
	buf_release(&body);
	return e;
}

void import_incomplete(struct import *i)
{
	i->damaged = true;
}

/* A download that broke off must not empty a source. */
static void decide_replacement(struct import *i, const struct source *s)
{
	bool whole = i->o.allow_empty || (!i->damaged && i->counts.accepted);
	i->counts.kept = i->snapshot && !whole && s->floor;
	i->counts.replaced = i->snapshot && whole && s->last_import ? s->accepted : 0;
	i->snapshot = i->snapshot && whole;
}

enum err import_finish(struct import *i, struct import_counts *ret_counts, struct fault *f)
{
	enum err e = ensure_source(i, NULL, f);
	struct ended_import end = { .source = i->intake.source, .snapshot = i->snapshot, .time_ms = i->time_ms };
	for (unsigned k = 1; k < SLOTS && e == OK; k++) /* oldest first; the last piece is made durable with the end */
		e = wait_slot(i, &i->slot[(i->at + k) % SLOTS], f);
	if (e == OK && batch_count(i->intake.batch))
		e = batch_finish(i->intake.batch, NULL, &end.image, &i->counts.duplicate, f);
	if (e)
		return e;
	i->counts.claims = (end.image ? image_claims(end.image) : 0) + i->intake.n_rules;
	i->counts.accepted = end.accepted = i->said - i->counts.duplicate;
	struct fold *fold = node_write_begin(i->node);
	const struct source *s = source_get(fold_sources(fold), i->intake.source);
	decide_replacement(i, s);
	end.snapshot = i->snapshot;
	if (s->removed)
		e = fault_set(f, ERR_NOTFOUND, "source \"%s\" was removed while the import ran", i->o.source);
	else
		e = tell_end(i, i->slot[i->at % SLOTS].number, &end.last, f);
	if (e) {
		image_free(end.image);
	} else {
		end.first = i->first = i->first ? i->first : end.last;
		e = fold_import(fold, &end, &i->intake, f);
	}
	node_write_end(i->node);
	if (e == OK)
		*ret_counts = i->counts;
	return e;
}

uint64_t import_first(const struct import *i)
{
	return i->first;
}

const struct tally *import_skipped(const struct import *i)
{
	return &i->skipped;
}

void import_free(struct import *i)
{
	if (!i)
		return;
	for (unsigned k = 1; k <= SLOTS; k++) {
		struct slot *s = &i->slot[(i->at + k) % SLOTS];
		(void)!wait_slot(i, s, NULL); /* the ledger reads from the slot until then */
		buf_release(&s->octets);
		buf_release(&s->token);
		buf_release(&s->kept);
		buf_release(&s->objects);
	}
	if (i->holds_snapshot) {
		fold_snapshot_over(node_write_begin(i->node), i->intake.source);
		node_write_end(i->node);
	}
	intake_release(&i->intake);
	free(i->cuts);
	free(i);
}
