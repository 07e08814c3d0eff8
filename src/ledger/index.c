#include "ledger/index.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/octets.h"
#include "sys/db.h"

enum {
	RUN_RECORDS = 8192,   /* that make a run of level 0 */
	RUNS_OF_A_LEVEL = 8,  /* that become one of the next level ... */
	LEVEL_MAX = 3,        /* ... up to this one: merging larger ones would keep the writer too long */
	CHUNK_BITS = 20,
	CHUNK_OCTETS = INDEX_CHUNK * INDEX_RECORD,
};

const char index_schema[] =
	"CREATE TABLE runs(number INTEGER PRIMARY KEY, level INTEGER NOT NULL, n INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;"
	"CREATE TABLE chunks(id INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;";

struct record {
	uint64_t hash;
	uint32_t number, offset;
};

struct index {
	struct db *db;
	struct buf pending; /* struct record */
	struct query *put_run, *put_chunk;
};

enum err index_open(struct db *db, struct index **ret_index, struct fault *f)
{
	struct index *x = mem_zalloc(sizeof(*x));
	x->db = db;
	enum err e = db_query(db, "INSERT INTO runs VALUES(?1, ?2, ?3, ?4)", &x->put_run, f);
	if (e == OK)
		e = db_query(db, "INSERT INTO chunks VALUES(?1, ?2)", &x->put_chunk, f);
	if (e)
		index_close(x);
	else
		*ret_index = x;
	return e;
}

void index_close(struct index *x)
{
	if (!x)
		return;
	query_free(x->put_run);
	query_free(x->put_chunk);
	buf_release(&x->pending);
	free(x);
}

static size_t pending(const struct index *x)
{
	return x->pending.n / sizeof(struct record);
}

void index_add(struct index *x, uint64_t hash, uint64_t number, uint32_t offset)
{
	struct record r = { hash, (uint32_t)number, offset };
	buf_put(&x->pending, &r, sizeof(r));
}

void index_undo(struct index *x, uint64_t last)
{
	struct record *r = (struct record *)(void *)x->pending.p;
	size_t kept = 0;
	for (size_t i = 0; i < pending(x); i++) /* they are in order of the hash after a run that could not be written */
		if (r[i].number <= last)
			r[kept++] = r[i];
	x->pending.n = kept * sizeof(*r);
}

bool index_due(const struct index *x)
{
	return pending(x) >= RUN_RECORDS;
}

/* ---- writing runs ---- */

struct run_writer {
	struct index *x;
	int64_t number;
	uint64_t n, chunk;
	struct buf octets;
};

static enum err flush_chunk(struct run_writer *w, struct fault *f)
{
	if (!w->octets.n)
		return OK;
	query_set_int(w->x->put_chunk, 1, w->number << CHUNK_BITS | (int64_t)w->chunk++);
	query_set_octets(w->x->put_chunk, 2, buf_span(&w->octets));
	enum err e = query_run(w->x->put_chunk, f);
	w->octets.n = 0;
	return e;
}

static enum err put_record(struct run_writer *w, const struct record *r, struct fault *f)
{
	uint8_t *p = buf_reserve(&w->octets, INDEX_RECORD);
	put_be64(p, r->hash);
	put_be32(p + 8, r->number);
	put_be32(p + 12, r->offset);
	w->octets.n += INDEX_RECORD;
	w->n++;
	return w->octets.n == CHUNK_OCTETS ? flush_chunk(w, f) : OK;
}

static enum err finish_run(struct run_writer *w, unsigned level, uint64_t last, struct fault *f)
{
	struct query *q = w->x->put_run;
	enum err e = flush_chunk(w, f);
	if (e)
		return e;
	query_set_int(q, 1, w->number);
	query_set_int(q, 2, level);
	query_set_int(q, 3, (int64_t)w->n);
	query_set_int(q, 4, (int64_t)last);
	return query_run(q, f);
}

static enum err begin_run(struct index *x, struct run_writer *ret_writer, struct fault *f)
{
	int64_t last;
	enum err e = db_number(x->db, "SELECT max(number) FROM runs", &last, f);
	if (e == OK)
		*ret_writer = (struct run_writer){ .x = x, .number = last + 1 };
	return e;
}

static int by_hash(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static enum err write_pending(struct index *x, uint64_t last, struct fault *f)
{
	struct run_writer w;
	struct record r;
	enum err e = begin_run(x, &w, f);
	if (e)
		return e;
	qsort(x->pending.p, pending(x), sizeof(r), by_hash);
	for (size_t i = 0; i < pending(x) && e == OK; i++) {
		memcpy(&r, x->pending.p + i * sizeof(r), sizeof(r));
		e = put_record(&w, &r, f);
	}
	if (e == OK)
		e = finish_run(&w, 0, last, f);
	buf_release(&w.octets);
	return e;
}

/* A run that is read from its start. */
struct cursor {
	struct query *chunks;
	struct span rest;
	struct record at;
	bool end;
};

static enum err cursor_next(struct cursor *c, struct fault *f)
{
	bool row;
	if (!c->rest.n) {
		enum err e = query_step(c->chunks, &row, f);
		if (e)
			return e;
		c->end = !row;
		if (row)
			c->rest = query_octets(c->chunks, 0);
	}
	if (c->end)
		return OK;
	if (c->rest.n < INDEX_RECORD)
		return fault_set(f, ERR_CORRUPT, "a chunk of the index is cut off");
	c->at = (struct record){ get_be64(c->rest.p), get_be32(c->rest.p + 8), get_be32(c->rest.p + 12) };
	c->rest = span_from(c->rest, INDEX_RECORD);
	return OK;
}

static enum err merge_cursors(struct cursor c[RUNS_OF_A_LEVEL], struct run_writer *w, struct fault *f)
{
	for (;;) {
		struct cursor *least = NULL;
		for (unsigned i = 0; i < RUNS_OF_A_LEVEL; i++)
			if (!c[i].end && (!least || by_hash(&c[i].at, &least->at) < 0))
				least = &c[i];
		if (!least)
			return OK;
		enum err e = put_record(w, &least->at, f);
		if (e == OK)
			e = cursor_next(least, f);
		if (e)
			return e;
	}
}

static enum err open_cursor(struct db *db, int64_t run, struct cursor *c, struct fault *f)
{
	enum err e = db_query(db, "SELECT octets FROM chunks WHERE id >= ?1 AND id < ?2 ORDER BY id", &c->chunks, f);
	if (e)
		return e;
	query_set_int(c->chunks, 1, run << CHUNK_BITS);
	query_set_int(c->chunks, 2, (run + 1) << CHUNK_BITS);
	return cursor_next(c, f);
}

static enum err drop_run(struct db *db, int64_t run, struct fault *f)
{
	char sql[160];
	snprintf(sql, sizeof(sql), "DELETE FROM runs WHERE number = %lld; DELETE FROM chunks WHERE id >= %lld AND id < %lld",
		 (long long)run, (long long)(run << CHUNK_BITS), (long long)((run + 1) << CHUNK_BITS));
	return db_exec(db, sql, f);
}

static enum err merge_level(struct index *x, unsigned level, const int64_t run[RUNS_OF_A_LEVEL], uint64_t last,
			    struct fault *f)
{
	struct cursor c[RUNS_OF_A_LEVEL] = { 0 };
	struct run_writer w;
	enum err e = begin_run(x, &w, f);
	if (e)
		return e;
	for (unsigned i = 0; i < RUNS_OF_A_LEVEL && e == OK; i++)
		e = open_cursor(x->db, run[i], &c[i], f);
	if (e == OK)
		e = merge_cursors(c, &w, f);
	for (unsigned i = 0; i < RUNS_OF_A_LEVEL; i++)
		query_free(c[i].chunks);
	for (unsigned i = 0; i < RUNS_OF_A_LEVEL && e == OK; i++)
		e = drop_run(x->db, run[i], f);
	if (e == OK)
		e = finish_run(&w, level + 1, last, f);
	buf_release(&w.octets);
	return e;
}

/* The runs of a level that are to become one.  @return how many there are. */
static enum err runs_of(struct index *x, unsigned level, int64_t run[RUNS_OF_A_LEVEL], unsigned *ret_n, uint64_t *ret_last,
			struct fault *f)
{
	struct query *q;
	bool row;
	enum err e = db_query(x->db, "SELECT number, last FROM runs WHERE level = ?1 ORDER BY number", &q, f);
	if (e)
		return e;
	query_set_int(q, 1, level);
	*ret_n = 0;
	*ret_last = 0;
	while ((e = query_step(q, &row, f)) == OK && row && *ret_n < RUNS_OF_A_LEVEL) {
		run[(*ret_n)++] = query_int(q, 0);
		*ret_last = (uint64_t)query_int(q, 1);
	}
	query_free(q);
	return e;
}

static enum err merge_levels(struct index *x, struct fault *f)
{
	for (unsigned level = 0; level < LEVEL_MAX; level++) {
		int64_t run[RUNS_OF_A_LEVEL];
		uint64_t last;
		unsigned n;
		enum err e = runs_of(x, level, run, &n, &last, f);
		if (e || n < RUNS_OF_A_LEVEL)
			return e;
		if ((e = merge_level(x, level, run, last, f)) != OK)
			return e;
	}
	return OK;
}

enum err index_write(struct index *x, uint64_t last, struct fault *f)
{
	enum err e = db_begin(x->db, f);
	if (e == OK && (e = write_pending(x, last, f)) == OK && (e = merge_levels(x, f)) == OK)
		e = db_commit(x->db, f);
	if (e)
		db_rollback(x->db);
	else
		x->pending.n = 0;
	return e;
}

/* ---- finding ---- */

enum err index_covered(struct db *db, uint64_t *ret_last, struct fault *f)
{
	int64_t last;
	enum err e = db_number(db, "SELECT max(last) FROM runs", &last, f);
	if (e == OK)
		*ret_last = (uint64_t)last;
	return e;
}

static enum err chunk_of(struct query *q, int64_t run, uint64_t chunk, struct buf *out, struct fault *f)
{
	bool row;
	query_set_int(q, 1, run << CHUNK_BITS | (int64_t)chunk);
	enum err e = query_step(q, &row, f);
	if (e == OK && (!row || query_octets(q, 0).n < INDEX_RECORD || query_octets(q, 0).n % INDEX_RECORD))
		e = fault_set(f, ERR_CORRUPT, "chunk %llu of run %lld of the index is missing or damaged",
			      (unsigned long long)chunk, (long long)run);
	out->n = 0;
	if (e == OK)
		buf_putspan(out, query_octets(q, 0));
	query_reset(q);
	return e;
}

static void hits_of(struct span chunk, uint64_t hash, struct buf *hits)
{
	for (; chunk.n; chunk = span_from(chunk, INDEX_RECORD)) {
		struct index_hit hit = { get_be32(chunk.p + 8), get_be32(chunk.p + 12) };
		if (get_be64(chunk.p) == hash)
			buf_put(hits, &hit, sizeof(hit));
	}
}

/* Hashes are evenly spread: begin where it ought to be, and go on one by one. */
static enum err find_in_run(struct query *q, int64_t run, uint64_t n, uint64_t hash, struct buf *hits, struct fault *f)
{
	uint64_t chunks = (n + INDEX_CHUNK - 1) / INDEX_CHUNK;
	uint64_t at = (uint64_t)((__uint128_t)hash * chunks >> 64);
	struct buf octets = { 0 };
	enum err e = chunk_of(q, run, at, &octets, f);
	while (e == OK && at > 0 && get_be64(octets.p) >= hash)
		e = chunk_of(q, run, --at, &octets, f);
	while (e == OK) {
		hits_of(buf_span(&octets), hash, hits);
		if (get_be64(octets.p + octets.n - INDEX_RECORD) > hash || ++at >= chunks)
			break;
		e = chunk_of(q, run, at, &octets, f);
	}
	buf_release(&octets);
	return e;
}

enum err index_find(struct db *db, uint64_t hash, struct buf *hits, struct fault *f)
{
	struct query *runs = NULL, *chunk = NULL;
	bool row;
	enum err e = db_query(db, "SELECT number, n FROM runs", &runs, f);
	if (e == OK)
		e = db_query(db, "SELECT octets FROM chunks WHERE id = ?1", &chunk, f);
	while (e == OK && (e = query_step(runs, &row, f)) == OK && row)
		e = find_in_run(chunk, query_int(runs, 0), (uint64_t)query_int(runs, 1), hash, hits, f);
	query_free(runs);
	query_free(chunk);
	return e;
}
