#include "ledger/reader.h"

#include <pthread.h>
#include <stdlib.h>

#include "ledger/store.h"
#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "sys/zstd.h"

enum { IDLE_CONNECTIONS = 16 };

enum { Q_LAST, Q_LANES, Q_PAGE, Q_BODY, QUERIES };

/* The one place where a clearance is looked at: it is ?1 of each query, and a row of a lane outside it does not exist.
 * */
#define SHOWS(lane) " ((?1 >> " lane ") & 1) "
#define ENTRY_COLUMNS                                                                                                  \
	" number, lane, idx, kind, flags, import, time_ms, party, source, media, token, count, octets, digest FROM entries "

static const char *const sql[QUERIES] = {
	[Q_LAST] = "SELECT max(number) FROM entries",
	[Q_LANES] = "SELECT number, name, tlp, realm, (SELECT max(idx) + 1 FROM entries WHERE lane = lanes.number),"
		    " (SELECT e.number FROM entries e WHERE e.lane = lanes.number AND e.idx = 0)"
		    " FROM lanes WHERE" SHOWS("number") "ORDER BY number",
	[Q_PAGE] = "SELECT" ENTRY_COLUMNS "WHERE" SHOWS("lane") "AND number BETWEEN ?2 AND ?3 ORDER BY number LIMIT ?4",
	[Q_BODY] = "SELECT octets, digest, nonce, frame FROM entries LEFT JOIN vault USING (number)"
		   " WHERE" SHOWS("lane") "AND number = ?2",
};

/* One thread's at a time. */
struct connection {
	struct connection *next;
	struct db *db;
	struct query *query[QUERIES];
};

struct reader {
	char *path;
	pthread_mutex_t lock;
	struct connection *idle;
	unsigned n_idle;
};

static void disconnect(struct connection *c)
{
	for (unsigned i = 0; i < QUERIES; i++)
		query_free(c->query[i]);
	db_close(c->db);
	free(c);
}

static enum err connect(const char *path, struct connection **ret_connection, struct fault *f)
{
	struct connection *c = mem_zalloc(sizeof(*c));
	enum err e = db_open(path, DB_READ, &c->db, f);
	if (e == OK)
		e = store_check(c->db, path, f);
	for (unsigned i = 0; i < QUERIES && e == OK; i++)
		e = db_query(c->db, sql[i], &c->query[i], f);
	if (e)
		disconnect(c);
	else
		*ret_connection = c;
	return e;
}

static enum err take(struct reader *r, struct connection **ret_connection, struct fault *f)
{
	pthread_mutex_lock(&r->lock);
	struct connection *c = r->idle;
	if (c) {
		r->idle = c->next;
		r->n_idle--;
	}
	pthread_mutex_unlock(&r->lock);
	if (!c)
		return connect(r->path, ret_connection, f);
	*ret_connection = c;
	return OK;
}

/* Ends the snapshot of whatever was read. */
static void give_back(struct reader *r, struct connection *c)
{
	for (unsigned i = 0; i < QUERIES; i++)
		query_reset(c->query[i]);
	pthread_mutex_lock(&r->lock);
	bool keep = r->n_idle < IDLE_CONNECTIONS;
	if (keep) {
		c->next = r->idle;
		r->idle = c;
		r->n_idle++;
	}
	pthread_mutex_unlock(&r->lock);
	if (!keep)
		disconnect(c);
}

/* Text of column `column` with a NUL behind it.  @return false: it is longer than a ledger writes. */
static bool text_column(struct query *q, int column, char *ret_text, size_t room)
{
	struct span s = query_octets(q, column);
	if (s.n >= room)
		return false;
	if (s.n)
		memcpy(ret_text, s.p, s.n);
	ret_text[s.n] = 0;
	return true;
}

/* What the file says is not believed further than the struct has room for it. */
static bool read_entry(struct query *q, struct entry *e)
{
	struct span token = query_octets(q, 10), digest = query_octets(q, 13);
	int64_t lane = query_int(q, 1), octets = query_int(q, 12);
	if (lane < 0 || lane >= LANES_MAX || octets < 0 || octets > BODY_MAX || token.n > TOKEN_MAX ||
	    digest.n != sizeof(e->digest) || !text_column(q, 7, e->party, sizeof(e->party)) ||
	    !text_column(q, 8, e->source, sizeof(e->source)) || !text_column(q, 9, e->media, sizeof(e->media)))
		return false;
	e->number = (uint64_t)query_int(q, 0);
	e->lane = (uint8_t)lane;
	e->index = (uint64_t)query_int(q, 2);
	e->kind = (uint8_t)query_int(q, 3);
	e->flags = (uint8_t)query_int(q, 4);
	e->import = (uint64_t)query_int(q, 5);
	e->time_ms = query_int(q, 6);
	e->token.n = 0;
	buf_putspan(&e->token, token);
	e->count = (uint32_t)query_int(q, 11);
	e->body_octets = (uint32_t)octets;
	memcpy(e->digest, digest.p, sizeof(e->digest));
	return true;
}

enum err reader_page(struct reader *r, clearance clear, uint64_t from, uint64_t to, struct entry *entries,
		     unsigned room, unsigned *ret_n, struct fault *f)
{
	struct connection *c;
	unsigned n = 0;
	bool row;
	if (from > INT64_MAX)
		return *ret_n = 0, OK;
	enum err e = take(r, &c, f);
	if (e)
		return e;
	struct query *q = c->query[Q_PAGE];
	query_set_int(q, 1, (int64_t)clear);
	query_set_int(q, 2, (int64_t)from);
	query_set_int(q, 3, to > INT64_MAX ? INT64_MAX : (int64_t)to);
	query_set_int(q, 4, room);
	while (n < room && (e = query_step(q, &row, f)) == OK && row) {
		if (!read_entry(q, &entries[n])) {
			e = fault_set(f, ERR_CORRUPT, "entry %lld of the ledger is not one", (long long)query_int(q, 0));
			break;
		}
		n++;
	}
	give_back(r, c);
	if (e == OK)
		*ret_n = n;
	return e;
}

static enum err not_there(uint64_t number, struct fault *f)
{
	return fault_set(f, ERR_NOTFOUND, "there is no entry %llu", (unsigned long long)number);
}

enum err reader_entry(struct reader *r, clearance clear, uint64_t number, struct entry *ret_entry, struct fault *f)
{
	struct entry entry = { 0 };
	unsigned n = 0;
	enum err e = reader_page(r, clear, number, number, &entry, 1, &n, f);
	if (e == OK && n == 0)
		e = not_there(number, f);
	if (e)
		entry_release(&entry);
	else
		*ret_entry = entry;
	return e;
}

/* The digest is of what comes out, so that frame, nonce and number of octets are covered by it too. */
static enum err unpack_body(struct query *q, uint64_t number, struct buf *out, struct fault *f)
{
	struct span digest = query_octets(q, 1), nonce = query_octets(q, 2);
	int64_t octets = query_int(q, 0);
	size_t before = out->n;
	uint8_t found[32];
	enum err e = OK;
	if (query_null(q, 3))
		return fault_set(f, ERR_NOTFOUND, "the body of entry %llu is not in the vault", (unsigned long long)number);
	if (octets < 0 || octets > BODY_MAX || digest.n != sizeof(found) || nonce.n != 32)
		e = fault_set(f, ERR_CORRUPT, "its row is not one of a ledger");
	else
		e = zstd_unpack(query_octets(q, 3), (size_t)octets, out, f);
	if (e == OK) {
		struct span body = span_of(out->p + before, out->n - before);
		sha256_two(nonce, body, found);
		if (body.n != (size_t)octets || !octets_equal(found, digest.p, sizeof(found)))
			e = fault_set(f, ERR_CORRUPT, "it is not what its digest says");
	}
	if (e) {
		out->n = before;
		fault_at(f, "body of entry %llu", (unsigned long long)number);
		e = ERR_CORRUPT; /* whatever it was that did not hold */
		if (f)
			f->code = e;
	}
	return e;
}

enum err reader_body(struct reader *r, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	struct connection *c;
	bool row;
	enum err e;
	if (number > INT64_MAX)
		return not_there(number, f);
	if ((e = take(r, &c, f)) != OK)
		return e;
	struct query *q = c->query[Q_BODY];
	query_set_int(q, 1, (int64_t)clear);
	query_set_int(q, 2, (int64_t)number);
	if ((e = query_step(q, &row, f)) == OK)
		e = row ? unpack_body(q, number, out, f) : not_there(number, f);
	give_back(r, c);
	return e;
}

enum err reader_last(struct reader *r, uint64_t *ret_number, struct fault *f)
{
	struct connection *c;
	bool row;
	enum err e = take(r, &c, f);
	if (e)
		return e;
	if ((e = query_step(c->query[Q_LAST], &row, f)) == OK)
		*ret_number = (uint64_t)query_int(c->query[Q_LAST], 0);
	give_back(r, c);
	return e;
}

/* @param ret_first  numbers of the entries that founded the lanes; 0: there is none. */
static enum err read_lanes(struct reader *r, clearance clear, struct lane lanes[LANES_MAX], uint64_t first[LANES_MAX],
			   unsigned *ret_n, struct fault *f)
{
	struct connection *c;
	unsigned n = 0;
	bool row;
	enum err e = take(r, &c, f);
	if (e)
		return e;
	struct query *q = c->query[Q_LANES];
	query_set_int(q, 1, (int64_t)clear);
	while ((e = query_step(q, &row, f)) == OK && row) {
		struct lane *l = &lanes[n];
		int64_t number = query_int(q, 0), tlp = query_int(q, 2);
		if (n == LANES_MAX || number < 0 || number >= LANES_MAX || tlp < 0 || tlp > UINT8_MAX ||
		    !text_column(q, 1, l->name, sizeof(l->name)) || !text_column(q, 3, l->realm, sizeof(l->realm)) ||
		    lane_check(l->name, (uint8_t)tlp, l->realm, NULL)) {
			e = fault_set(f, ERR_CORRUPT, "lane %lld of the ledger is not one", (long long)number);
			break;
		}
		l->number = (uint8_t)number;
		l->tlp = (uint8_t)tlp;
		l->size = (uint64_t)query_int(q, 4);
		first[n++] = (uint64_t)query_int(q, 5);
	}
	give_back(r, c);
	if (e == OK)
		*ret_n = n;
	return e;
}

enum err reader_lanes(struct reader *r, clearance clear, struct lane ret_lanes[LANES_MAX], unsigned *ret_n,
		      struct fault *f)
{
	uint64_t first[LANES_MAX];
	return read_lanes(r, clear, ret_lanes, first, ret_n, f);
}

/* The audience of a lane was fixed by its first entry; a row that says another was changed behind our back. */
static enum err check_lanes(struct reader *r, struct fault *f)
{
	struct lane lanes[LANES_MAX];
	uint64_t first[LANES_MAX];
	struct buf told = { 0 }, stored = { 0 };
	unsigned n = 0;
	enum err e = read_lanes(r, CLEARANCE_ALL, lanes, first, &n, f);
	for (unsigned i = 0; i < n && e == OK; i++) {
		told.n = stored.n = 0;
		lane_body(&lanes[i], &stored);
		e = reader_body(r, CLEARANCE_ALL, first[i], &told, f);
		if (e == ERR_NOTFOUND || (e == OK && !span_eq(buf_span(&told), buf_span(&stored))))
			e = fault_set(f, ERR_CORRUPT, "lane \"%s\" is not what its first entry says", lanes[i].name);
	}
	buf_release(&told);
	buf_release(&stored);
	return e;
}

enum err reader_open(const char *path, struct reader **ret_reader, struct fault *f)
{
	struct reader *r = mem_zalloc(sizeof(*r));
	r->path = mem_strdup(path);
	pthread_mutex_init(&r->lock, NULL);
	enum err e = check_lanes(r, f);
	if (e)
		reader_close(r);
	else
		*ret_reader = r;
	return e;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	for (struct connection *c = r->idle, *next; c; c = next) {
		next = c->next;
		disconnect(c);
	}
	pthread_mutex_destroy(&r->lock);
	free(r->path);
	free(r);
}
