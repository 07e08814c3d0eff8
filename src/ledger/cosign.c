#include "ledger/cosign.h"

#include "ledger/checkpoint.h"
#include "ledger/lanelog.h"
#include "ledger/reader.h"
#include "ledger/writer.h"
#include "sys/db.h"

struct cosigning {
	uint8_t lane;
	uint64_t size;
	const struct note *note;
	const bool *holds;
	struct buf line;
};

static enum err store_cosignatures(void *ctx, struct db *db, struct fault *f)
{
	struct cosigning *c = ctx;
	struct query *drop = NULL, *put = NULL;
	enum err e = db_query(db, "DELETE FROM cosignatures WHERE lane = ?1 AND size = ?2 AND substr(line, 1, length(?3)) = ?3", &drop, f);
	if (e == OK)
		e = db_query(db, "INSERT INTO cosignatures VALUES(?1, ?2, ?3)", &put, f);
	for (unsigned i = 0; i < c->note->n && e == OK; i++) {
		const struct note_line *n = &c->note->line[i];
		if (!c->holds[i])
			continue;
		c->line.n = 0;
		buf_printf(&c->line, "\u2014 " SPAN_FMT " ", SPAN_ARG(n->name));
		query_set_int(drop, 1, c->lane); /* one line of a witness for a size: the newest */
		query_set_int(drop, 2, (int64_t)c->size);
		query_set_text(drop, 3, buf_cstr(&c->line));
		if ((e = query_run(drop, f)) != OK)
			break;
		buf_printf(&c->line, SPAN_FMT "\n", SPAN_ARG(n->octets));
		query_set_int(put, 1, c->lane);
		query_set_int(put, 2, (int64_t)c->size);
		query_set_text(put, 3, buf_cstr(&c->line));
		e = query_run(put, f);
	}
	query_free(drop);
	query_free(put);
	return e;
}

/* Is it a checkpoint that this lane has had? */
static enum err is_ours(struct pool *p, clearance clear, uint8_t number, const struct checkpoint *c, struct fault *f)
{
	struct lane lane;
	uint8_t root[HASH_OCTETS];
	enum err e = reader_lane(p, clear, number, &lane, f);
	if (e)
		return e;
	if (!span_is(c->origin, lane.origin))
		return fault_set(f, ERR_SYNTAX, "the checkpoint is of another log");
	if (!c->size || c->size > lane.size)
		return fault_set(f, ERR_CORRUPT, "the lane has not had so many entries");
	e = lanelog_root(p, clear, number, c->size, root, f);
	if (e == OK && memcmp(root, c->root, sizeof(root)) != 0)
		e = fault_set(f, ERR_CORRUPT, "the lane had another root at this size");
	return e;
}

enum err cosign_take(struct pool *p, struct writer *w, clearance clear, uint8_t lane, struct span note,
		     const struct verifier *witnesses, unsigned n, unsigned *ret_taken, struct fault *f)
{
	struct note parsed;
	struct checkpoint c;
	bool holds[NOTE_SIGNATURES_MAX] = { false };
	enum err e;
	if ((e = note_parse(note, &parsed, f)) || (e = checkpoint_parse(parsed.text, &c, f)) || (e = is_ours(p, clear, lane, &c, f)))
		return e;
	*ret_taken = 0;
	for (unsigned i = 0; i < parsed.n; i++) {
		struct note one = { .text = parsed.text, .n = 1, .line = { parsed.line[i] } };
		for (unsigned k = 0; k < n && !holds[i]; k++)
			holds[i] = witnesses[k].type == NOTE_COSIGNATURE && note_check(&one, &witnesses[k], NULL, NULL) == OK;
		*ret_taken += holds[i];
	}
	struct cosigning work = { .lane = lane, .size = c.size, .note = &parsed, .holds = holds };
	if (*ret_taken)
		e = writer_run(w, store_cosignatures, &work, f);
	buf_release(&work.line);
	return e;
}

enum err cosign_last(struct pool *p, struct span origin, struct buf *out, struct fault *f)
{
	struct connection *c;
	struct query *q = NULL;
	bool row = false;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	if ((e = db_query(pool_db(c), "SELECT note FROM witnessed WHERE origin = CAST(?1 AS TEXT)", &q, f)) == OK) {
		query_set_octets(q, 1, origin);
		if ((e = query_step(q, &row, f)) == OK && row)
			buf_putspan(out, query_octets(q, 0));
	}
	query_free(q);
	pool_give(p, c);
	return e || row ? e : fault_set(f, ERR_NOTFOUND, "no checkpoint of this log was cosigned yet");
}

struct witnessing {
	struct span origin, note;
	uint64_t old_size, size;
};

static enum err store_witnessed(void *ctx, struct db *db, struct fault *f)
{
	const struct witnessing *w = ctx;
	struct query *q;
	uint64_t there = 0;
	bool row;
	enum err e = db_query(db, "SELECT size FROM witnessed WHERE origin = CAST(?1 AS TEXT)", &q, f);
	if (e)
		return e;
	query_set_octets(q, 1, w->origin);
	if ((e = query_step(q, &row, f)) == OK && row)
		there = (uint64_t)query_int(q, 0);
	query_free(q);
	if (e == OK && there != w->old_size)
		e = fault_set(f, ERR_BUSY, "a checkpoint of %llu entries was cosigned meanwhile", (unsigned long long)there);
	if (e || (e = db_query(db, "INSERT OR REPLACE INTO witnessed VALUES(CAST(?1 AS TEXT), ?2, ?3)", &q, f)))
		return e;
	query_set_octets(q, 1, w->origin);
	query_set_int(q, 2, (int64_t)w->size);
	query_set_octets(q, 3, w->note);
	e = query_run(q, f);
	query_free(q);
	return e;
}

enum err cosign_keep(struct writer *w, struct span origin, uint64_t old_size, uint64_t size, struct span note, struct fault *f)
{
	struct witnessing work = { origin, note, old_size, size };
	return writer_run(w, store_witnessed, &work, f);
}
