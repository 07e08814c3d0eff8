#include "ledger/removal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "ledger/lane.h"
#include "ledger/reader.h"
#include "ledger/record.h"
#include "sys/db.h"

enum { LOOK_AHEAD = 65536, PAGE = 256 };

void removal_body(const struct removal *r, struct buf *out)
{
	buf_printf(out, "{\"first\":%llu,\"last\":%llu,\"reason\":", (unsigned long long)r->first, (unsigned long long)r->last);
	json_put_string(out, span_str(r->reason));
	buf_putc(out, '}');
}

enum err removal_read(struct span body, uint64_t *ret_first, uint64_t *ret_last, struct buf *ret_reason, struct fault *f)
{
	struct json_reader r;
	struct span key = { 0 };
	bool first = false, last = false, reason = false;
	json_init(&r, body, true);
	enum json_token t = json_next(&r);
	if (t != JSON_OBJECT)
		return fault_set(f, ERR_SYNTAX, "the body of a removal is not a JSON object");
	while ((t = json_next(&r)) > JSON_ERROR && t != JSON_OBJECT_END) {
		if (t == JSON_KEY)
			key = r.slice;
		else if (t == JSON_NUMBER && span_is(key, "first"))
			first = num_parse_u64(r.slice, INT64_MAX, ret_first) == OK;
		else if (t == JSON_NUMBER && span_is(key, "last"))
			last = num_parse_u64(r.slice, INT64_MAX, ret_last) == OK;
		else if (t == JSON_STRING && span_is(key, "reason"))
			reason = json_unescape(r.slice, ret_reason) == OK;
		else
			break;
	}
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END || !first || !last || !reason || *ret_first > *ret_last)
		return fault_set(f, ERR_SYNTAX, "the body of a removal does not say what was removed");
	return OK;
}

/* @param ret_number  written as soon as it is durable, also when emptying the log then fails. */
static enum err tell(struct writer *w, uint8_t lane, const struct removal *r, uint64_t *ret_number, struct fault *f)
{
	struct buf body = { 0 };
	struct fault why;
	uint64_t number;
	removal_body(r, &body);
	struct told t = { .removes = r, .s = {
		.lane = lane, .kind = r->kind, .time_ms = clock_ms(), .party = "local", .source = "", .media = "json", .count = 1,
		.body = buf_span(&body),
	} };
	enum err e = writer_append(w, &t, 1, &number, f);
	buf_release(&body);
	if (e)
		return e;
	*ret_number = number;
	if ((e = writer_flush(w, &why)) != OK)
		e = fault_set(f, e, "entry %llu says that it is erased, and so it is, but its octets are still in the log until that can be "
			      "emptied: %.200s", (unsigned long long)number, why.text);
	return e;
}

/* The index next to one, as long as a body goes on there: `flag` in the entry says so. */
static enum err walk(struct pool *p, clearance clear, const struct entry *from, uint8_t flag, int step, uint64_t *ret_index, struct fault *f)
{
	uint8_t flags = from->flags, lane = from->lane;
	enum err e = OK;
	*ret_index = from->index;
	while (e == OK && flags & flag) {
		struct entry next = { 0 };
		uint64_t number;
		*ret_index += (uint64_t)(int64_t)step;
		if ((e = reader_find(p, clear, lane, *ret_index, &number, f)) == OK && (e = reader_entry(p, clear, number, &next, f)) == OK) {
			flags = next.flags;
			entry_release(&next);
		}
	}
	return e;
}

static enum err check_reason(const char *reason, struct fault *f)
{
	struct span s = span_str(reason);
	if (!s.n || s.n > REASON_MAX)
		return fault_set(f, ERR_RANGE, "a reason of %zu octets: give 1 to %d", s.n, REASON_MAX);
	if (utf8_valid_prefix(s) != s.n)
		return fault_set(f, ERR_SYNTAX, "the reason is not UTF-8");
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return fault_set(f, ERR_SYNTAX, "the reason has a control character at octet %zu", i + 1);
	return OK;
}

/* Whoever asks twice is told of the first time. */
static enum err check_there(struct pool *p, clearance clear, uint64_t number, struct fault *f)
{
	struct buf body = { 0 };
	enum err e = reader_body(p, clear, number, false, &body, f);
	buf_release(&body);
	return e == ERR_CORRUPT ? OK : e; /* what cannot be read any more can be erased all the more */
}

enum err removal_erase(struct pool *p, struct writer *w, clearance clear, uint64_t number, const char *reason,
		       uint64_t *ret_number, struct fault *f)
{
	struct removal r = { .kind = ENTRY_ERASED, .reason = reason };
	struct entry e;
	uint64_t said;
	enum err err = check_reason(reason, f);
	if (err || (err = reader_entry(p, clear, number, &e, f)))
		return err;
	if (!entry_erasable(e.kind))
		err = fault_set(f, ERR_FORBIDDEN, "entry %llu is of kind \"%s\": only bodies of feeds and evidence can be erased; the "
				"node needs the others to know what its lanes mean", (unsigned long long)number, entry_kind_name(e.kind));
	if (err == OK && (err = check_there(p, clear, number, f)) == OK &&
	    (err = walk(p, clear, &e, ENTRY_CONTINUES, -1, &r.first, f)) == OK && (err = walk(p, clear, &e, ENTRY_MORE, 1, &r.last, f)) == OK)
		err = tell(w, e.lane, &r, ret_number ? ret_number : &said, f);
	entry_release(&e);
	return err;
}

/* ---- retention ---- */

struct scan {
	uint64_t from, before;  /* indexes: pruned already; whose time has come */
	uint64_t feeds;         /* below before */
	int64_t limit_ms;
};

/* Records of a lane from an index on, a page at a time; `visit` answers false to stop. */
static enum err each_record(struct pool *p, uint8_t lane, uint64_t from, uint64_t most,
			    bool (*visit)(struct scan *s, uint64_t index, const struct record *r), struct scan *s, struct fault *f)
{
	struct connection *c = NULL;
	enum err e = pool_take(p, &c, f);
	bool more = e == OK;
	for (uint64_t end = from + most; more && from < end; from += PAGE) {
		struct query *q = pool_query(c, Q_RECORDS, (clearance)1 << lane);
		uint64_t index = from;
		struct record r;
		bool row;
		query_set_int(q, 2, lane);
		query_set_int(q, 3, (int64_t)from);
		query_set_int(q, 4, (int64_t)(from + PAGE - 1));
		while ((e = query_step(q, &row, f)) == OK && row && more && (e = record_parse(query_octets(q, 0), &r, f)) == OK)
			more = visit(s, index++, &r);
		more = more && e == OK && index == from + PAGE;
	}
	if (c)
		pool_give(p, c);
	return e;
}

static bool past(struct scan *s, uint64_t index, const struct record *r)
{
	if (r->time_ms >= s->limit_ms)
		return false;
	s->before = index + 1;
	s->feeds += r->kind == ENTRY_FEED;
	return true;
}

/* An import that goes on behind the cut is not cut in two. */
static bool not_through(struct scan *s, uint64_t index, const struct record *r)
{
	if (r->kind == ENTRY_FEED && r->import < s->before && r->import >= s->from)
		s->before = r->import;
	return true;
}

enum err removal_prune(struct pool *p, struct writer *w, uint8_t number, int64_t now_ms, uint64_t *ret_pruned, struct fault *f)
{
	struct lane lane = { .number = number };
	struct buf reason = { 0 };
	*ret_pruned = 0;
	enum err e = reader_lane(p, CLEARANCE_ALL, number, &lane, f);
	if (e || !lane.retention_s || lane.peer[0])
		return e; /* of a mirrored lane its own node says what is gone */
	struct scan s = { .from = lane.pruned, .before = lane.pruned, .limit_ms = now_ms - (int64_t)lane.retention_s * 1000 };
	if ((e = each_record(p, number, lane.pruned, INT64_MAX / 2, past, &s, f)) || s.before == s.from)
		return e;
	if ((e = each_record(p, number, s.before, LOOK_AHEAD, not_through, &s, f)) != OK)
		return e;
	uint64_t feeds_end = s.before;
	s.feeds = 0;
	s.before = s.from;
	if (feeds_end == s.from || (e = each_record(p, number, s.from, feeds_end - s.from, past, &s, f)) || !s.feeds)
		return e;
	buf_puts(&reason, "retention of the lane: ");
	retention_put(lane.retention_s, &reason);
	struct removal r = { .kind = ENTRY_PRUNED, .first = s.from, .last = feeds_end - 1, .reason = buf_cstr(&reason) };
	uint64_t said = 0;
	e = tell(w, number, &r, &said, f);
	buf_release(&reason);
	if (said)
		*ret_pruned = s.feeds;
	return e;
}
