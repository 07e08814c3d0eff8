#include "ledger/reader.h"

#include <stdlib.h>

#include "base/octets.h"
#include "codec/tlp.h"
#include "ledger/index.h"
#include "ledger/lane.h"
#include "ledger/record.h"
#include "ledger/vault.h"
#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"

/* `s` with a NUL behind it.  @return false: it is longer than a ledger writes. */
static bool put_text(struct span s, char *ret_text, size_t room)
{
	if (s.n >= room)
		return false;
	if (s.n)
		memcpy(ret_text, s.p, s.n);
	ret_text[s.n] = 0;
	return true;
}

/* What the file says is not believed further than the struct has room for it. */
static bool read_entry(struct query *q, struct entry *e, struct fault *f)
{
	struct record r;
	int64_t lane = query_int(q, 1), octets = query_int(q, 4);
	if (lane < 0 || lane >= LANES_MAX || octets < 0 || octets > VAULT_BODY_MAX)
		return fault_set(f, ERR_CORRUPT, "its row is not one of a ledger"), false;
	if (record_parse(query_octets(q, 5), &r, f) || !put_text(r.party, e->party, sizeof(e->party)) ||
	    !put_text(r.source, e->source, sizeof(e->source)) || !put_text(r.media, e->media, sizeof(e->media)))
		return false;
	e->number = (uint64_t)query_int(q, 0);
	e->lane = (uint8_t)lane;
	e->index = (uint64_t)query_int(q, 2);
	e->kind = r.kind;
	e->flags = r.flags;
	e->import = (uint64_t)query_int(q, 3);
	e->import_index = r.import;
	e->time_ms = r.time_ms;
	e->token.n = 0;
	buf_putspan(&e->token, r.token);
	e->count = r.count;
	e->body_octets = (uint32_t)octets;
	memcpy(e->digest, r.digest, sizeof(e->digest));
	e->gone = query_int(q, 6);
	return true;
}

static enum err read_page(struct pool *p, struct connection *c, struct query *q, struct entry *entries, unsigned room, unsigned *ret_n,
			  struct fault *f)
{
	unsigned n = 0;
	bool row;
	enum err e = OK;
	query_set_int(q, 4, room);
	while (n < room && (e = query_step(q, &row, f)) == OK && row) {
		if (!read_entry(q, &entries[n], f)) {
			fault_at(f, "entry %lld of the ledger", (long long)query_int(q, 0));
			e = ERR_CORRUPT;
			break;
		}
		n++;
	}
	pool_give(p, c);
	if (e == OK)
		*ret_n = n;
	return e;
}

enum err reader_page(struct pool *p, clearance clear, uint64_t from, uint64_t to, bool back, struct entry *entries,
		     unsigned room, unsigned *ret_n, struct fault *f)
{
	struct connection *c;
	if (from > INT64_MAX)
		return *ret_n = 0, OK;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, back ? Q_PAGE_BACK : Q_PAGE, clear);
	query_set_int(q, 2, (int64_t)from);
	query_set_int(q, 3, to > INT64_MAX ? INT64_MAX : (int64_t)to);
	return read_page(p, c, q, entries, room, ret_n, f);
}

enum err reader_lane_page(struct pool *p, clearance clear, uint8_t lane, uint64_t from, struct entry *entries, unsigned room,
			  unsigned *ret_n, struct fault *f)
{
	struct connection *c;
	if (from > INT64_MAX)
		return *ret_n = 0, OK;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_LANE_PAGE, clear);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)from);
	return read_page(p, c, q, entries, room, ret_n, f);
}

static enum err not_there(uint64_t number, struct fault *f)
{
	return fault_set(f, ERR_NOTFOUND, "there is no entry %llu", (unsigned long long)number);
}

enum err reader_entry(struct pool *p, clearance clear, uint64_t number, struct entry *ret_entry, struct fault *f)
{
	struct entry entry = { 0 };
	unsigned n = 0;
	enum err e = reader_page(p, clear, number, number, false, &entry, 1, &n, f);
	if (e == OK && n == 0)
		e = not_there(number, f);
	if (e)
		entry_release(&entry);
	else
		*ret_entry = entry;
	return e;
}

enum err reader_find(struct pool *p, clearance clear, uint8_t lane, uint64_t index, uint64_t *ret_number, struct fault *f)
{
	struct connection *c;
	bool row = false;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_FIND, clear);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, index > INT64_MAX ? -1 : (int64_t)index);
	if ((e = query_step(q, &row, f)) == OK) {
		if (row)
			*ret_number = (uint64_t)query_int(q, 0);
		else
			e = fault_set(f, ERR_NOTFOUND, "the lane has no entry %llu", (unsigned long long)index);
	}
	pool_give(p, c);
	return e;
}

/* A connection with the row of an entry under its body query. */
static enum err find_row(struct pool *p, clearance clear, uint64_t number, struct connection **ret_connection,
			 struct query **ret_query, struct fault *f)
{
	struct connection *c;
	bool row;
	enum err e;
	if (number > INT64_MAX)
		return not_there(number, f);
	if ((e = pool_take(p, &c, f)) != OK)
		return e;
	struct query *q = pool_query(c, Q_BODY, clear);
	query_set_int(q, 2, (int64_t)number);
	if ((e = query_step(q, &row, f)) == OK && !row)
		e = not_there(number, f);
	if (e) {
		pool_give(p, c);
		return e;
	}
	*ret_connection = c;
	*ret_query = q;
	return OK;
}

enum err reader_record(struct pool *p, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	struct connection *c = NULL;
	struct query *q = NULL;
	enum err e = find_row(p, clear, number, &c, &q, f);
	if (e)
		return e;
	buf_putspan(out, query_octets(q, 1));
	pool_give(p, c);
	return OK;
}

/* Erased and pruned by what the lane says, or lost. */
static enum err why_gone(struct connection *c, clearance clear, struct query *body, uint64_t number, struct fault *f)
{
	struct query *q = pool_query(c, Q_GONE, clear);
	bool row;
	query_set_int(q, 2, query_int(body, 4));
	query_set_int(q, 3, query_int(body, 5));
	enum err e = query_step(q, &row, f);
	if (e)
		return e;
	if (!row)
		return fault_set(f, ERR_CORRUPT, "the body of entry %llu is lost: no entry of its lane says that it was erased",
				 (unsigned long long)number);
	return fault_set(f, ERR_GONE, "%s, as entry %lld of its lane says: " SPAN_FMT, query_int(q, 0) == ENTRY_ERASED ? "erased" : "pruned",
			 (long long)query_int(q, 1), SPAN_ARG(query_octets(q, 2)));
}

/* The digest is of what comes out, so that frame, nonce and number of octets are covered by it too. */
static enum err unpack_body(struct query *q, bool salted, struct buf *out, struct fault *f)
{
	struct span nonce = query_octets(q, 2);
	int64_t octets = query_int(q, 0);
	uint8_t found[32];
	struct record r;
	enum err e = record_parse(query_octets(q, 1), &r, f);
	if (e)
		return e;
	if (octets < 0 || nonce.n != 32)
		return fault_set(f, ERR_CORRUPT, "its row is not one of a ledger");
	if (salted)
		buf_putspan(out, nonce);
	size_t before = out->n;
	if ((e = vault_unpack(query_octets(q, 3), (uint64_t)octets, out, f)) != OK)
		return e;
	struct span body = span_of(out->p + before, out->n - before);
	sha256_two(nonce, body, found);
	if (!octets_equal(found, r.digest, sizeof(found)))
		return fault_set(f, ERR_CORRUPT, "it is not what its digest says");
	return OK;
}

enum err reader_body(struct pool *p, clearance clear, uint64_t number, bool salted, struct buf *out, struct fault *f)
{
	struct connection *c = NULL;
	struct query *q = NULL;
	size_t before = out->n;
	enum err e = find_row(p, clear, number, &c, &q, f);
	if (e)
		return e;
	if (query_null(q, 3)) {
		e = why_gone(c, clear, q, number, f);
	} else if (unpack_body(q, salted, out, f)) {
		out->n = before;
		fault_at(f, "body of entry %llu", (unsigned long long)number);
		e = ERR_CORRUPT; /* whatever it was that did not hold */
		if (f)
			f->code = e;
	}
	pool_give(p, c);
	return e;
}

enum err reader_last(struct pool *p, uint64_t *ret_number, struct fault *f)
{
	struct connection *c;
	bool row;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_LAST, 0);
	if ((e = query_step(q, &row, f)) == OK)
		*ret_number = (uint64_t)query_int(q, 0);
	pool_give(p, c);
	return e;
}

static bool read_lane(struct query *q, struct lane *l)
{
	int64_t number = query_int(q, 0), tlp = query_int(q, 2), retention = query_int(q, 5);
	if (number < 0 || number >= LANES_MAX || tlp < 0 || tlp > UINT8_MAX || retention < 0 || retention > UINT32_MAX ||
	    !put_text(query_octets(q, 1), l->name, sizeof(l->name)) || !put_text(query_octets(q, 3), l->realm, sizeof(l->realm)) ||
	    !put_text(query_octets(q, 4), l->members, sizeof(l->members)) ||
	    !put_text(query_octets(q, 6), l->origin, sizeof(l->origin)) || !put_text(query_octets(q, 10), l->peer, sizeof(l->peer)))
		return false;
	l->number = (uint8_t)number;
	l->tlp = (uint8_t)tlp;
	l->retention_s = (uint32_t)retention;
	l->size = (uint64_t)query_int(q, 7);
	l->pruned = (uint64_t)query_int(q, 8);
	return lane_check(l, NULL) == OK;
}

/* @param first  numbers of the entries that founded the lanes; 0: there is none. */
static enum err read_lanes(struct pool *p, clearance clear, struct lane lanes[LANES_MAX], uint64_t first[LANES_MAX],
			   unsigned *ret_n, struct fault *f)
{
	struct connection *c;
	unsigned n = 0;
	bool row;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_LANES, clear);
	while ((e = query_step(q, &row, f)) == OK && row) {
		if (n == LANES_MAX || !read_lane(q, &lanes[n])) {
			e = fault_set(f, ERR_CORRUPT, "lane %lld of the ledger is not one", (long long)query_int(q, 0));
			break;
		}
		first[n++] = (uint64_t)query_int(q, 9);
	}
	pool_give(p, c);
	if (e == OK)
		*ret_n = n;
	return e;
}

enum err reader_lanes(struct pool *p, clearance clear, struct lane ret_lanes[LANES_MAX], unsigned *ret_n, struct fault *f)
{
	uint64_t first[LANES_MAX];
	return read_lanes(p, clear, ret_lanes, first, ret_n, f);
}

enum err reader_lane(struct pool *p, clearance clear, unsigned number, struct lane *ret_lane, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = 0;
	enum err e = number >= LANES_MAX ? OK : reader_lanes(p, clear & (clearance)1 << number, lanes, &n, f);
	if (e == OK && n)
		*ret_lane = lanes[0];
	free(lanes);
	return e || n ? e : fault_set(f, ERR_NOTFOUND, "there is no such lane");
}

/* What a lane is was fixed by its first entry; a row that says something else was changed behind our back.  Lanes of the
 * first version did not name their origin. */
static bool founded_so(const struct lane *l, struct span told)
{
	struct buf body = { 0 };
	struct lane old = *l;
	lane_body(l, &body);
	bool same = span_eq(told, buf_span(&body));
	if (!same) {
		old.origin[0] = 0;
		body.n = 0;
		lane_body(&old, &body);
		same = span_eq(told, buf_span(&body));
	}
	buf_release(&body);
	return same;
}

enum err reader_check_lanes(struct pool *p, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	uint64_t first[LANES_MAX];
	struct buf told = { 0 };
	unsigned n = 0;
	enum err e = read_lanes(p, CLEARANCE_ALL, lanes, first, &n, f);
	for (unsigned i = 0; i < n && e == OK; i++) {
		told.n = 0;
		e = reader_body(p, CLEARANCE_ALL, first[i], false, &told, f);
		if (e == ERR_NOTFOUND || e == ERR_GONE || (e == OK && !founded_so(&lanes[i], buf_span(&told))))
			e = fault_set(f, ERR_CORRUPT, "lane \"%s\" is not what its first entry says", lanes[i].name);
	}
	buf_release(&told);
	free(lanes);
	return e;
}

/* ---- the index ---- */

/* Hits in the rows of what no run has yet. */
static enum err recent_hits(struct connection *c, uint64_t hash, struct buf *hits, struct fault *f)
{
	struct query *q = pool_query(c, Q_RECENT, CLEARANCE_ALL);
	struct record r;
	uint64_t covered;
	bool row;
	enum err e = index_covered(pool_db(c), &covered, f);
	if (e)
		return e;
	query_set_int(q, 2, (int64_t)covered);
	while ((e = query_step(q, &row, f)) == OK && row && (e = record_parse(query_octets(q, 1), &r, f)) == OK) {
		struct index_hit hit = { (uint64_t)query_int(q, 0), INDEX_WHOLE };
		if (get_be64(r.digest) == hash)
			buf_put(hits, &hit, sizeof(hit));
		for (struct span o = query_octets(q, 2); o.n >= 12; o = span_from(o, 12)) {
			hit.offset = get_be32(o.p + 8);
			if (get_be64(o.p) == hash)
				buf_put(hits, &hit, sizeof(hit));
		}
	}
	return e;
}

static int newest_first(const void *a, const void *b)
{
	const struct index_hit *x = a, *y = b;
	return x->number != y->number ? (x->number < y->number) - (x->number > y->number) : (x->offset > y->offset) - (x->offset < y->offset);
}

enum err reader_hits(struct pool *p, uint64_t hash, struct buf *ret_hits, struct fault *f)
{
	struct connection *c;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	/* The rows first: what moves into a run meanwhile is found twice, not never. */
	ret_hits->n = 0;
	if ((e = recent_hits(c, hash, ret_hits, f)) == OK)
		e = index_find(pool_db(c), hash, ret_hits, f);
	pool_give(p, c);
	if (e == OK && ret_hits->n)
		qsort(ret_hits->p, ret_hits->n / sizeof(struct index_hit), sizeof(struct index_hit), newest_first);
	return e;
}
