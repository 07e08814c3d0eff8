/* The tables are three, and rows are only ever added:
 *
 *   lanes    what each lane is, as its first entry says it
 *   entries  the facts, a few hundred octets each
 *   vault    their bodies: a random nonce and one zstd frame.  Apart from the entries, so that walking the entries
 *            reads no bodies, and so that a body can go one day while its entry stays
 *
 * The page size is a compromise: a body of a feed is hundreds of thousands of octets and wants large pages, a single
 * statement of some hundred octets writes one page of each tree into the log and wants small ones. */
#include "ledger/store.h"

#include <stdlib.h>

#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "sys/zstd.h"

enum {
	PAGE_OCTETS = 8192,
	PACK_LEVEL = 1,
	SCHEMA_VERSION = 1,
	APPLICATION_ID = 0x53697072, /* "Sipr", for file(1) */
};

static const char schema[] =
	"BEGIN;"
	"CREATE TABLE lanes("
	" number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 63),"
	" name TEXT NOT NULL UNIQUE, tlp INTEGER NOT NULL, realm TEXT NOT NULL) STRICT;"
	"CREATE TABLE entries("
	" number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes(number), idx INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, flags INTEGER NOT NULL, import INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
	" party TEXT NOT NULL, source TEXT NOT NULL, media TEXT NOT NULL, token BLOB NOT NULL,"
	" count INTEGER NOT NULL, octets INTEGER NOT NULL, digest BLOB NOT NULL, UNIQUE(lane, idx)) STRICT;"
	"CREATE TABLE vault(number INTEGER PRIMARY KEY, nonce BLOB NOT NULL, frame BLOB NOT NULL) STRICT;"
	"PRAGMA application_id = 1399418994;"
	"PRAGMA user_version = 1;"
	"COMMIT";

/* What is known without asking the database; a copy of it is worked on until the commit has succeeded. */
struct tally {
	unsigned lanes;
	uint64_t last;            /* entry */
	uint64_t size[LANES_MAX]; /* entries of each lane */
	struct ledger_stats stats;
};

struct store {
	struct db *db;
	struct query *put_lane, *put_entry, *put_body;
	struct packer *packer;
	struct buf frame;
	struct tally committed, staged;
};

enum err store_create(const char *path, struct fault *f)
{
	struct db *db;
	enum err e = db_create(path, PAGE_OCTETS, &db, f);
	if (e)
		return e;
	e = db_exec(db, schema, f);
	db_close(db);
	return e;
}

enum err store_check(struct db *db, const char *path, struct fault *f)
{
	int64_t id, version;
	enum err e;
	if ((e = db_number(db, "PRAGMA application_id", &id, f)) || (e = db_number(db, "PRAGMA user_version", &version, f)))
		return e;
	if (id != APPLICATION_ID)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is a database, but not a ledger", path);
	if (version != SCHEMA_VERSION)
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" is a ledger of version %lld; this program knows version %d", path,
				 (long long)version, SCHEMA_VERSION);
	return OK;
}

/* Lanes are numbered from 0 without gaps, and so are the entries of each. */
static enum err load_tally(struct store *st, struct tally *ret_tally, struct fault *f)
{
	struct tally t = { 0 };
	struct query *q;
	bool row;
	int64_t last;
	enum err e = db_number(st->db, "SELECT max(number) FROM entries", &last, f);
	if (e)
		return e;
	t.last = (uint64_t)last;
	if ((e = db_query(st->db,
			  "SELECT number, (SELECT max(idx) + 1 FROM entries WHERE lane = lanes.number) FROM lanes ORDER BY number",
			  &q, f)) != OK)
		return e;
	while ((e = query_step(q, &row, f)) == OK && row) {
		if (query_int(q, 0) != t.lanes || t.lanes >= LANES_MAX) {
			e = fault_set(f, ERR_CORRUPT, "lane %u is missing in the ledger", t.lanes);
			break;
		}
		t.size[t.lanes++] = (uint64_t)query_int(q, 1);
	}
	query_free(q);
	if (e == OK)
		*ret_tally = t;
	return e;
}

static enum err prepare(struct store *st, struct fault *f)
{
	enum err e;
	/* The log's file keeps its size from one checkpoint to the next: writing over blocks that it has is much faster to
	 * sync than having new ones allocated.  Only what a large import needed once is given back. */
	if ((e = db_exec(st->db, "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384", f)) ||
	    (e = db_query(st->db, "INSERT INTO lanes VALUES(?1, ?2, ?3, ?4)", &st->put_lane, f)) ||
	    (e = db_query(st->db, "INSERT INTO entries VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
			  &st->put_entry, f)))
		return e;
	return db_query(st->db, "INSERT INTO vault VALUES(?1, ?2, ?3)", &st->put_body, f);
}

enum err store_open(const char *path, struct store **ret_store, struct fault *f)
{
	struct store *st = mem_zalloc(sizeof(*st));
	enum err e = db_open(path, DB_WRITE, &st->db, f);
	if (e == OK && (e = store_check(st->db, path, f)) == OK && (e = load_tally(st, &st->committed, f)) == OK)
		e = prepare(st, f);
	if (e) {
		store_close(st);
		return e;
	}
	st->packer = packer_new(PACK_LEVEL);
	*ret_store = st;
	return OK;
}

void store_close(struct store *st)
{
	if (!st)
		return;
	query_free(st->put_lane);
	query_free(st->put_entry);
	query_free(st->put_body);
	packer_free(st->packer);
	buf_release(&st->frame);
	db_close(st->db);
	free(st);
}

enum err store_begin(struct store *st, struct fault *f)
{
	st->staged = st->committed;
	return db_begin(st->db, f);
}

static enum err put_lane(struct store *st, const struct lane *l, struct fault *f)
{
	query_set_int(st->put_lane, 1, l->number);
	query_set_text(st->put_lane, 2, l->name);
	query_set_int(st->put_lane, 3, l->tlp);
	query_set_text(st->put_lane, 4, l->realm);
	st->staged.lanes++;
	return query_run(st->put_lane, f);
}

static enum err put_entry(struct store *st, uint64_t number, const struct submission *s, const uint8_t digest[32],
			  struct fault *f)
{
	struct query *q = st->put_entry;
	query_set_int(q, 1, (int64_t)number);
	query_set_int(q, 2, s->lane);
	query_set_int(q, 3, (int64_t)st->staged.size[s->lane]++);
	query_set_int(q, 4, s->kind);
	query_set_int(q, 5, s->flags);
	query_set_int(q, 6, (int64_t)(s->import ? s->import : number));
	query_set_int(q, 7, s->time_ms);
	query_set_text(q, 8, s->party);
	query_set_text(q, 9, s->source);
	query_set_text(q, 10, s->media);
	query_set_octets(q, 11, s->token);
	query_set_int(q, 12, s->count);
	query_set_int(q, 13, (int64_t)s->body.n);
	query_set_octets(q, 14, span_of(digest, 32));
	return query_run(q, f);
}

enum err store_put(struct store *st, uint64_t number, const struct submission *s, const struct lane *founds,
		   struct fault *f)
{
	uint8_t nonce[32], digest[32];
	enum err e;
	random_octets(nonce, sizeof(nonce));
	sha256_two(span_of(nonce, sizeof(nonce)), s->body, digest);
	st->frame.n = 0;
	packer_pack(st->packer, s->body, &st->frame);
	if (founds && (e = put_lane(st, founds, f)) != OK)
		return e;
	if ((e = put_entry(st, number, s, digest, f)) != OK)
		return e;
	query_set_int(st->put_body, 1, (int64_t)number);
	query_set_octets(st->put_body, 2, span_of(nonce, sizeof(nonce)));
	query_set_octets(st->put_body, 3, buf_span(&st->frame));
	if ((e = query_run(st->put_body, f)) != OK)
		return e;
	st->staged.last = number;
	st->staged.stats.entries++;
	st->staged.stats.body_octets += s->body.n;
	st->staged.stats.packed_octets += st->frame.n;
	return OK;
}

enum err store_commit(struct store *st, struct fault *f)
{
	enum err e = db_commit(st->db, f);
	if (e == OK) {
		st->staged.stats.commits++;
		st->committed = st->staged;
	}
	return e;
}

void store_undo(struct store *st)
{
	db_rollback(st->db);
}

unsigned store_lanes(const struct store *st)
{
	return st->committed.lanes;
}

uint64_t store_last(const struct store *st)
{
	return st->committed.last;
}

const struct ledger_stats *store_stats(const struct store *st)
{
	return &st->committed.stats;
}

uint64_t store_log_octets(const struct store *st)
{
	return (uint64_t)db_log_pages(st->db) * PAGE_OCTETS;
}

void store_checkpoint(struct store *st)
{
	(void)!db_checkpoint(st->db, NULL); /* what could not be moved stays in the log, where it is safe and readable */
}
