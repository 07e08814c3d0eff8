/* A commit writes as few pages as it can, since it waits for them: a statement is one row, in a leaf of `entries` and one of
 * its index, and the signed root stands in the same row.  Tiles are written when they are full, those of the levels above
 * with them. */
#include "ledger/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/octets.h"
#include "base/siphash.h"
#include "ledger/checkpoint.h"
#include "ledger/index.h"
#include "ledger/lane.h"
#include "ledger/record.h"
#include "ledger/schema.h"
#include "ledger/tree.h"
#include "ledger/vault.h"
#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "sys/zstd.h"

enum {
	PACK_LEVEL = 1,
	APPLICATION_ID = 0x53697072, /* "Sipr", for file(1) */
	IMPORTS_KNOWN = 64,
	NONCES = 64,
	KEYS_MAX = 255,
};

/* What is known without asking the database; a copy of it is worked on until the commit has succeeded. */
struct tally {
	unsigned lanes;
	uint64_t mirrored;        /* lanes: signed by others */
	uint64_t last;            /* entry */
	uint64_t size[LANES_MAX]; /* entries of each lane */
	struct ledger_stats stats;
};

struct import {
	uint64_t number, index;
	uint8_t lane;
};

struct lane_log {
	enum realm realm;
	char origin[ORIGIN_MAX + 1];
	char ring[RING_MAX + 1];  /* of a mirrored one: whose keys sign it */
	const struct seal *seal;  /* of a mirrored one: of this transaction */
	struct tree tree;
};

struct store {
	struct db *db;
	struct query *put_lane, *put_entry, *put_root, *put_tile, *put_gone, *remove, *find_import, *find_number, *find_key, *drop_promised;
	struct packer *packer;
	struct index *index;
	struct siphash_seed seed;
	const struct key *key, *next_key;
	unsigned key_number[REALMS], next_key_number[REALMS];
	struct buf frame, record, objects, text;
	struct tally committed, staged;
	struct lane_log lane[LANES_MAX];
	struct import known[IMPORTS_KNOWN];
	uint64_t last_of[LANES_MAX]; /* number of the last entry put into it in this transaction */
	uint64_t touched, stale;     /* lanes: that have grown in this transaction; whose tree must be loaded again */
	uint8_t nonce[NONCES][32];
	unsigned nonces;             /* that are left */
};

/* ---- making and opening ---- */

static enum err put_node(struct db *db, const char *name, struct fault *f)
{
	struct query *q;
	uint8_t seed[16];
	enum err e = db_query(db, "INSERT INTO node VALUES(?1, ?2)", &q, f);
	if (e)
		return e;
	random_octets(seed, sizeof(seed));
	query_set_text(q, 1, name);
	query_set_octets(q, 2, span_of(seed, sizeof(seed)));
	e = query_run(q, f);
	query_free(q);
	return e;
}

enum err store_schema(struct db *db, const char *name, struct fault *f)
{
	char version[80];
	snprintf(version, sizeof(version), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, STORE_VERSION);
	enum err e = db_exec(db, schema_tables, f);
	if (e == OK && (e = db_exec(db, index_schema, f)) == OK && (e = put_node(db, name, f)) == OK)
		e = db_exec(db, version, f);
	return e;
}

enum err store_create(const char *path, const char *name, struct fault *f)
{
	struct db *db;
	enum err e = db_create(path, SCHEMA_PAGE_OCTETS, &db, f);
	if (e)
		return e;
	if ((e = db_begin(db, f)) == OK && (e = store_schema(db, name, f)) == OK)
		e = db_commit(db, f);
	db_close(db);
	return e;
}

enum err store_version(struct db *db, const char *path, unsigned *ret_version, struct fault *f)
{
	int64_t id, version;
	enum err e;
	if ((e = db_number(db, "PRAGMA application_id", &id, f)) || (e = db_number(db, "PRAGMA user_version", &version, f)))
		return e;
	if (id != APPLICATION_ID)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is a database, but not a ledger", path);
	*ret_version = (unsigned)version;
	return OK;
}

enum err store_check(struct db *db, const char *path, struct fault *f)
{
	unsigned version;
	enum err e = store_version(db, path, &version, f);
	if (e == OK && version != STORE_VERSION)
		e = fault_set(f, ERR_UNSUPPORTED, "\"%s\" is a ledger of version %u; this program knows version %d%s", path, version,
			      STORE_VERSION, version < STORE_VERSION ? ", and migrates it when it is opened to be written" : "");
	return e;
}

static enum err load_node(struct store *st, struct fault *f)
{
	struct query *q;
	bool row;
	enum err e = db_query(st->db, "SELECT seed FROM node", &q, f);
	if (e)
		return e;
	if ((e = query_step(q, &row, f)) == OK && (!row || query_octets(q, 0).n != sizeof(st->seed)))
		e = fault_set(f, ERR_CORRUPT, "the ledger does not say whose it is");
	if (e == OK)
		memcpy(&st->seed, query_octets(q, 0).p, sizeof(st->seed));
	query_free(q);
	return e;
}

static void note_mirrored(struct lane_log *l, unsigned lane, uint64_t *mirrored)
{
	struct lane of = { .peer = "x" };
	snprintf(of.origin, sizeof(of.origin), "%s", l->origin);
	snprintf(of.realm, sizeof(of.realm), "%s", realm_name(l->realm));
	lane_ring(&of, l->ring);
	*mirrored |= UINT64_C(1) << lane;
}

/* Lanes are numbered from 0 without gaps, and so are the entries of each. */
static enum err load_lanes(struct store *st, struct fault *f)
{
	struct tally *t = &st->committed;
	struct query *q;
	bool row;
	int64_t last;
	enum err e = db_number(st->db, "SELECT max(number) FROM entries", &last, f);
	if (e)
		return e;
	t->last = (uint64_t)last;
	if ((e = db_query(st->db,
			  "SELECT number, realm, origin, (SELECT max(idx) + 1 FROM entries WHERE lane = lanes.number), peer"
			  " FROM lanes ORDER BY number", &q, f)) != OK)
		return e;
	while ((e = query_step(q, &row, f)) == OK && row) {
		struct span realm = query_octets(q, 1), origin = query_octets(q, 2);
		if (query_int(q, 0) != t->lanes || t->lanes >= LANES_MAX || origin.n > ORIGIN_MAX) {
			e = fault_set(f, ERR_CORRUPT, "lane %u is missing in the ledger", t->lanes);
			break;
		}
		struct lane_log *l = &st->lane[t->lanes];
		l->realm = span_is(realm, realm_name(REALM_EXERCISE)) ? REALM_EXERCISE : REALM_PRODUCTION;
		memcpy(l->origin, origin.p, origin.n);
		if (query_octets(q, 4).n)
			note_mirrored(l, t->lanes, &t->mirrored);
		t->size[t->lanes++] = (uint64_t)query_int(q, 3);
	}
	query_free(q);
	return e;
}

static enum err load_tiles(struct store *st, unsigned lane, uint64_t size, struct fault *f)
{
	struct tree *t = &st->lane[lane].tree;
	struct query *q;
	bool row;
	enum err e = db_query(st->db, "SELECT hashes FROM tiles WHERE id = ?1", &q, f);
	if (e)
		return e;
	for (unsigned level = 1; level < TILE_LEVELS && e == OK; level++) {
		uint64_t hashes = size >> (8 * level);
		t->level[level].n = 0;
		if (!(hashes % TILE_WIDTH))
			continue;
		query_set_int(q, 1, tile_row(lane, level, hashes / TILE_WIDTH));
		if ((e = query_step(q, &row, f)) == OK && row)
			buf_putspan(&t->level[level], query_octets(q, 0));
		query_reset(q);
	}
	query_free(q);
	return e;
}

static enum err load_leaves(struct store *st, unsigned lane, uint64_t size, struct fault *f)
{
	struct buf *leaves = &st->lane[lane].tree.level[0];
	struct query *q;
	bool row;
	enum err e = db_query(st->db, "SELECT record FROM entries WHERE lane = ?1 AND idx >= ?2 ORDER BY idx", &q, f);
	if (e)
		return e;
	query_set_int(q, 1, lane);
	query_set_int(q, 2, (int64_t)(size / TILE_WIDTH * TILE_WIDTH));
	leaves->n = 0;
	while ((e = query_step(q, &row, f)) == OK && row) {
		merkle_leaf(query_octets(q, 0), buf_reserve(leaves, HASH_OCTETS));
		leaves->n += HASH_OCTETS;
	}
	query_free(q);
	return e;
}

/* The right edge as it follows from what is stored must be what was signed last: else nothing more is signed. */
static enum err check_root(struct store *st, unsigned lane, struct fault *f)
{
	uint8_t root[HASH_OCTETS];
	struct query *q;
	bool row;
	enum err e = db_query(st->db, "SELECT root FROM entries WHERE lane = ?1 ORDER BY idx DESC LIMIT 1", &q, f);
	if (e)
		return e;
	query_set_int(q, 1, lane);
	merkle_edge_root(&st->lane[lane].tree.edge, root);
	if ((e = query_step(q, &row, f)) == OK && row && !span_eq(query_octets(q, 0), span_of(root, sizeof(root))))
		e = fault_set(f, ERR_CORRUPT, "the tree of \"%s\" has another root than the one that was signed last: entries or tiles"
			      " were changed; nothing is signed", st->lane[lane].origin);
	query_free(q);
	return e;
}

static enum err load_tree(struct store *st, unsigned lane, struct fault *f)
{
	uint64_t size = st->committed.size[lane];
	enum err e;
	if ((e = load_tiles(st, lane, size, f)) || (e = load_leaves(st, lane, size, f)))
		return e;
	if ((e = tree_load(&st->lane[lane].tree, size, f)) != OK)
		return fault_at(f, "lane \"%s\"", st->lane[lane].origin);
	return check_root(st, lane, f);
}

/* Hashes of entries that no run of the index has yet. */
static enum err load_index(struct store *st, struct fault *f)
{
	uint64_t covered;
	struct query *q;
	struct record r;
	bool row;
	enum err e = index_open(st->db, &st->index, f);
	if (e || (e = index_covered(st->db, &covered, f)))
		return e;
	if ((e = db_query(st->db, "SELECT number, record, objects FROM entries WHERE number > ?1 ORDER BY number", &q, f)) != OK)
		return e;
	query_set_int(q, 1, (int64_t)covered);
	while ((e = query_step(q, &row, f)) == OK && row && (e = record_parse(query_octets(q, 1), &r, f)) == OK) {
		uint64_t number = (uint64_t)query_int(q, 0);
		index_add(st->index, get_be64(r.digest), number, INDEX_WHOLE);
		for (struct span o = query_octets(q, 2); o.n >= 12; o = span_from(o, 12))
			index_add(st->index, get_be64(o.p), number, get_be32(o.p + 8));
	}
	query_free(q);
	return e;
}

/* ---- keys ---- */

/* Number of the last key of a realm; 0: there is none. */
static enum err last_key(struct store *st, enum realm realm, unsigned *ret_number, uint8_t ret_public[KEY_OCTETS],
			 struct fault *f)
{
	struct query *q;
	bool row;
	enum err e = db_query(st->db, "SELECT number, public FROM keys WHERE realm = ?1 ORDER BY number DESC LIMIT 1", &q, f);
	if (e)
		return e;
	query_set_text(q, 1, realm_name(realm));
	*ret_number = 0;
	if ((e = query_step(q, &row, f)) == OK && row && query_octets(q, 1).n == KEY_OCTETS) {
		*ret_number = (unsigned)query_int(q, 0);
		memcpy(ret_public, query_octets(q, 1).p, KEY_OCTETS);
	}
	query_free(q);
	return e;
}

static enum err put_public(struct store *st, const char *ring, const uint8_t public[KEY_OCTETS], unsigned *ret_number, struct fault *f)
{
	struct query *q;
	int64_t last;
	enum err e = db_number(st->db, "SELECT max(number) FROM keys", &last, f);
	if (e == OK && last >= KEYS_MAX)
		e = fault_set(f, ERR_FULL, "there are %d keys of this node and of others, which is all that a ledger can name", KEYS_MAX);
	if (e || (e = db_query(st->db, "INSERT INTO keys VALUES(?1, ?2, ?3)", &q, f)) != OK)
		return e;
	query_set_int(q, 1, last + 1);
	query_set_text(q, 2, ring);
	query_set_octets(q, 3, span_of(public, KEY_OCTETS));
	e = query_run(q, f);
	query_free(q);
	*ret_number = (unsigned)last + 1;
	return e;
}

static enum err put_key(struct store *st, const struct key *key, enum realm realm, unsigned *ret_number, struct fault *f)
{
	return put_public(st, realm_name(realm), key_public(key, realm), ret_number, f);
}

/* The number of a key of somebody else, which it is given when it is seen first. */
static enum err foreign_key(struct store *st, const char *ring, const uint8_t public[KEY_OCTETS], unsigned *ret_number, struct fault *f)
{
	bool row;
	query_set_text(st->find_key, 1, ring);
	query_set_octets(st->find_key, 2, span_of(public, KEY_OCTETS));
	enum err e = query_step(st->find_key, &row, f);
	bool there = e == OK && row;
	if (there)
		*ret_number = (unsigned)query_int(st->find_key, 0);
	query_reset(st->find_key);
	return e || there ? e : put_public(st, ring, public, ret_number, f);
}

static enum err load_keys(struct store *st, struct fault *f)
{
	for (enum realm realm = 0; realm < REALMS; realm++) {
		uint8_t public[KEY_OCTETS];
		enum err e = last_key(st, realm, &st->key_number[realm], public, f);
		if (e == OK && !st->key_number[realm])
			e = put_key(st, st->key, realm, &st->key_number[realm], f);
		else if (e == OK && memcmp(public, key_public(st->key, realm), KEY_OCTETS) != 0)
			e = fault_set(f, ERR_FORBIDDEN, "node.key is not the key that signed this ledger last");
		if (e)
			return e;
	}
	return OK;
}

static enum err prepare(struct store *st, struct fault *f)
{
	static const char put_entry[] = "INSERT INTO entries VALUES(?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, ?7, ?8, ?9)";
	const struct { struct query **query; const char *sql; } rows[] = {
		{ &st->put_lane, "INSERT INTO lanes VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
		{ &st->put_entry, put_entry },
		{ &st->put_root, "UPDATE entries SET root = ?2, signatures = ?3 WHERE number = ?1" },
		{ &st->put_tile, "INSERT OR REPLACE INTO tiles VALUES(?1, ?2)" },
		{ &st->put_gone, "INSERT OR REPLACE INTO gone VALUES(?1, ?2, ?3, ?4, ?5, ?6)" },
		{ &st->drop_promised, "DELETE FROM gone WHERE lane = ?1 AND said = ?2 AND first >= ?3 AND last <= ?4 AND kind = ?5" },
		{ &st->find_number, "SELECT number FROM entries WHERE lane = ?1 AND idx = ?2" },
		{ &st->find_key, "SELECT number FROM keys WHERE realm = ?1 AND public = ?2" },
		{ &st->remove, "UPDATE entries SET nonce = NULL, objects = NULL, frame = NULL"
			       " WHERE lane = ?1 AND idx BETWEEN ?2 AND ?3 AND (substr(record, 5, 1) = x'01' OR (?4 = 5 AND substr(record, 5, 1) = x'09'))" },
		{ &st->find_import, "SELECT lane, idx FROM entries WHERE number = ?1" },
	};
	/* The log's file keeps its size from one checkpoint to the next: writing over blocks that it has is much faster to
	 * sync than having new ones allocated.  Only what a large import needed once is given back.  What is deleted is
	 * overwritten: a body that is erased must not be left in the file. */
	enum err e = db_exec(st->db, "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384; PRAGMA secure_delete = ON", f);
	for (size_t i = 0; i < COUNT_OF(rows) && e == OK; i++)
		e = db_query(st->db, rows[i].sql, rows[i].query, f);
	return e;
}

/* The first opening of a ledger writes its keys. */
static enum err load_keys_durably(struct store *st, struct fault *f)
{
	enum err e = db_begin(st->db, f);
	if (e == OK && (e = load_keys(st, f)) == OK)
		e = db_commit(st->db, f);
	if (e)
		db_rollback(st->db);
	return e;
}

enum err store_open(const char *path, const struct key *key, struct store **ret_store, struct fault *f)
{
	struct store *st = mem_zalloc(sizeof(*st));
	st->key = key;
	enum err e = db_open(path, DB_WRITE, &st->db, f);
	if (e == OK && (e = store_check(st->db, path, f)) == OK && (e = prepare(st, f)) == OK && (e = load_node(st, f)) == OK &&
	    (e = load_lanes(st, f)) == OK && (e = load_keys_durably(st, f)) == OK)
		e = load_index(st, f);
	for (unsigned lane = 0; lane < st->committed.lanes && e == OK; lane++)
		e = load_tree(st, lane, f);
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
	struct query *const all[] = { st->put_lane, st->put_entry, st->put_root, st->put_tile, st->put_gone, st->remove, st->find_import,
				     st->find_number, st->find_key, st->drop_promised };
	for (size_t i = 0; i < COUNT_OF(all); i++)
		query_free(all[i]);
	for (unsigned i = 0; i < LANES_MAX; i++)
		tree_release(&st->lane[i].tree);
	index_close(st->index);
	packer_free(st->packer);
	buf_release(&st->frame);
	buf_release(&st->record);
	buf_release(&st->objects);
	buf_release(&st->text);
	db_close(st->db);
	free(st);
}

/* ---- writing ---- */

static enum err reload_stale(struct store *st, struct fault *f)
{
	for (unsigned lane = 0; lane < st->committed.lanes; lane++) {
		if (!(st->stale >> lane & 1))
			continue;
		enum err e = load_tree(st, lane, f);
		if (e)
			return e;
		st->stale &= ~(UINT64_C(1) << lane);
	}
	return OK;
}

enum err store_begin(struct store *st, struct fault *f)
{
	enum err e = reload_stale(st, f);
	st->staged = st->committed;
	st->touched = 0;
	st->next_key = NULL;
	return e ? e : db_begin(st->db, f);
}

static enum err put_lane(struct store *st, const struct lane *l, struct fault *f)
{
	struct query *q = st->put_lane;
	query_set_int(q, 1, l->number);
	query_set_text(q, 2, l->name);
	query_set_int(q, 3, l->tlp);
	query_set_text(q, 4, l->realm);
	query_set_text(q, 5, l->members);
	query_set_int(q, 6, l->retention_s);
	query_set_text(q, 7, l->origin);
	query_set_text(q, 8, l->peer);
	struct lane_log *log = &st->lane[l->number];
	log->realm = realm_find(l->realm);
	log->tree.edge.size = 0; /* a lane that could not be founded before may have left leaves here */
	for (unsigned i = 0; i < TILE_LEVELS; i++)
		log->tree.level[i].n = 0;
	snprintf(log->origin, sizeof(log->origin), "%s", l->origin);
	if (l->peer[0])
		note_mirrored(log, l->number, &st->staged.mirrored);
	st->staged.lanes++;
	return query_run(q, f);
}

/* Index in its lane of the first entry of an import.  One whose first entry is not there (its commit failed) has no end
 * either, and means nothing: such an entry stands for itself. */
static enum err import_index(struct store *st, uint64_t number, uint8_t lane, uint64_t own, uint64_t *ret_index, struct fault *f)
{
	struct import *known = &st->known[number % IMPORTS_KNOWN];
	bool row;
	if (known->number == number && known->lane == lane)
		return *ret_index = known->index, OK;
	query_set_int(st->find_import, 1, (int64_t)number);
	enum err e = query_step(st->find_import, &row, f);
	bool there = e == OK && row && query_int(st->find_import, 0) == lane;
	*ret_index = there ? (uint64_t)query_int(st->find_import, 1) : own;
	query_reset(st->find_import);
	if (there)
		*known = (struct import){ number, *ret_index, lane };
	return e;
}

static const uint8_t *next_nonce(struct store *st)
{
	if (!st->nonces) {
		random_octets(st->nonce, sizeof(st->nonce));
		st->nonces = NONCES;
	}
	return st->nonce[--st->nonces];
}

static void put_objects(struct store *st, uint64_t number, const struct told *t, const uint8_t digest[32])
{
	const struct submission *s = &t->s;
	st->objects.n = 0;
	index_add(st->index, get_be64(digest), number, INDEX_WHOLE);
	for (uint32_t i = 0; i < s->n_objects; i++) {
		uint64_t hash = siphash13(st->seed, s->objects[i].id.p, s->objects[i].id.n);
		uint8_t *p = buf_reserve(&st->objects, 12);
		put_be64(p, hash);
		uint32_t offset = s->objects[i].offset - t->at;
		put_be32(p + 8, offset);
		st->objects.n += 12;
		index_add(st->index, hash, number, offset);
	}
}

struct keep_tile {
	struct store *st;
	unsigned lane;
};

static enum err keep_tile(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	struct keep_tile *k = ctx;
	query_set_int(k->st->put_tile, 1, tile_row(k->lane, level, n));
	query_set_octets(k->st->put_tile, 2, hashes);
	return query_run(k->st->put_tile, f);
}

static enum err put_entry(struct store *st, uint64_t number, const struct told *t, struct fault *f)
{
	const struct submission *s = &t->s;
	const uint8_t *nonce = next_nonce(st);
	uint64_t index = st->staged.size[s->lane], import = s->import ? s->import : number;
	struct record r = {
		.kind = s->kind, .flags = s->flags, .time_ms = s->time_ms, .import = index, .count = s->count,
		.party = span_str(s->party), .source = span_str(s->source), .media = span_str(s->media), .token = s->token,
	};
	enum err e = s->import ? import_index(st, import, s->lane, index, &r.import, f) : OK;
	if (e)
		return e;
	sha256_two(span_of(nonce, 32), s->body, r.digest);
	st->record.n = 0;
	record_put(&r, &st->record);
	struct span kept = vault_pack(st->packer, s->body, &st->frame);
	put_objects(st, number, t, r.digest);
	struct query *q = st->put_entry;
	query_set_int(q, 1, (int64_t)number);
	query_set_int(q, 2, s->lane);
	query_set_int(q, 3, (int64_t)index);
	query_set_int(q, 4, (int64_t)import);
	query_set_int(q, 5, (int64_t)s->body.n);
	query_set_octets(q, 6, buf_span(&st->record));
	query_set_octets(q, 7, span_of(nonce, 32));
	query_set_octets(q, 8, buf_span(&st->objects));
	query_set_octets(q, 9, kept);
	st->staged.stats.packed_octets += kept.n;
	return query_run(q, f);
}

/* The body of an entry of others is gone before the entry that says so has come here. */
static enum err promise(struct store *st, uint8_t lane, const struct foreign *e, struct fault *f)
{
	query_set_int(st->put_gone, 1, lane);
	query_set_int(st->put_gone, 2, (int64_t)e->index);
	query_set_int(st->put_gone, 3, (int64_t)e->index);
	query_set_int(st->put_gone, 4, e->gone_kind);
	query_set_int(st->put_gone, 5, (int64_t)e->gone_said);
	query_set_text(st->put_gone, 6, "");
	return query_run(st->put_gone, f);
}

/* Number of an entry of a lane; `own` when there is none, which does not happen in what was verified. */
static enum err number_of(struct store *st, uint8_t lane, uint64_t index, uint64_t own, uint64_t *ret_number, struct fault *f)
{
	bool row;
	query_set_int(st->find_number, 1, lane);
	query_set_int(st->find_number, 2, (int64_t)index);
	enum err e = query_step(st->find_number, &row, f);
	*ret_number = e == OK && row ? (uint64_t)query_int(st->find_number, 0) : own;
	query_reset(st->find_number);
	return e;
}

static enum err put_foreign(struct store *st, uint64_t number, const struct told *t, struct fault *f)
{
	const struct foreign *x = t->foreign;
	uint8_t lane = t->s.lane;
	uint64_t import = number;
	struct record r;
	enum err e = record_parse(x->record, &r, f);
	if (e == OK && x->index != st->staged.size[lane])
		e = fault_set(f, ERR_BUSY, "the lane has grown meanwhile");
	if (e == OK && r.import != x->index)
		e = number_of(st, lane, r.import, number, &import, f);
	if (e == OK && !x->nonce.n)
		e = promise(st, lane, x, f);
	if (e)
		return e;
	st->record.n = 0;
	buf_putspan(&st->record, x->record);
	put_objects(st, number, t, r.digest);
	struct query *q = st->put_entry;
	query_set_int(q, 1, (int64_t)number);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)x->index);
	query_set_int(q, 4, (int64_t)import);
	query_set_int(q, 5, (int64_t)t->s.body.n);
	query_set_octets(q, 6, buf_span(&st->record));
	if (x->nonce.n) { /* else these are NULL */
		struct span kept = vault_pack(st->packer, t->s.body, &st->frame);
		query_set_octets(q, 7, x->nonce);
		query_set_octets(q, 8, buf_span(&st->objects));
		query_set_octets(q, 9, kept);
		st->staged.stats.packed_octets += kept.n;
	}
	if (x->seal)
		st->lane[lane].seal = x->seal;
	return query_run(q, f);
}

static enum err put_leaf(struct store *st, unsigned lane, struct fault *f)
{
	struct keep_tile keep = { st, lane };
	uint8_t leaf[HASH_OCTETS];
	merkle_leaf(buf_span(&st->record), leaf);
	return tree_add(&st->lane[lane].tree, leaf, keep_tile, &keep, f);
}

static enum err remove_bodies(struct store *st, uint8_t lane, const struct removal *r, struct fault *f)
{
	query_set_int(st->remove, 1, lane);
	query_set_int(st->remove, 2, (int64_t)r->first);
	query_set_int(st->remove, 3, (int64_t)r->last);
	query_set_int(st->remove, 4, r->kind);
	enum err e = query_run(st->remove, f);
	if (e)
		return e;
	if (st->staged.mirrored >> lane & 1) {
		query_set_int(st->drop_promised, 1, lane);
		query_set_int(st->drop_promised, 2, (int64_t)st->staged.size[lane]);
		query_set_int(st->drop_promised, 3, (int64_t)r->first);
		query_set_int(st->drop_promised, 4, (int64_t)r->last);
		query_set_int(st->drop_promised, 5, r->kind);
		if ((e = query_run(st->drop_promised, f)) != OK)
			return e;
	}
	query_set_int(st->put_gone, 1, lane);
	query_set_int(st->put_gone, 2, (int64_t)r->first);
	query_set_int(st->put_gone, 3, (int64_t)r->last);
	query_set_int(st->put_gone, 4, r->kind);
	query_set_int(st->put_gone, 5, (int64_t)st->staged.size[lane]);
	query_set_text(st->put_gone, 6, r->reason);
	return query_run(st->put_gone, f);
}

static enum err begin_next_key(struct store *st, const struct key *key, struct fault *f)
{
	enum err e = OK;
	if (st->next_key)
		return OK; /* the entry of an earlier lane has begun it */
	for (enum realm realm = 0; realm < REALMS && e == OK; realm++)
		e = put_key(st, key, realm, &st->next_key_number[realm], f);
	st->next_key = key;
	return e;
}

enum err store_put(struct store *st, uint64_t number, const struct told *t, struct fault *f)
{
	uint8_t lane = t->s.lane;
	enum err e = OK;
	st->touched |= UINT64_C(1) << lane;
	if (t->founds)
		e = put_lane(st, t->founds, f);
	if (e == OK && (e = (t->foreign ? put_foreign : put_entry)(st, number, t, f)) == OK)
		e = put_leaf(st, lane, f);
	if (e == OK && t->removes)
		e = remove_bodies(st, lane, t->removes, f);
	if (e == OK && t->next_key)
		e = begin_next_key(st, t->next_key, f);
	if (e)
		return e;
	st->staged.size[lane]++;
	st->last_of[lane] = number;
	st->staged.last = number;
	st->staged.stats.entries++;
	st->staged.stats.body_octets += t->s.body.n;
	return OK;
}

/* One octet for the number of the key, 64 for its signature. */
static void put_signature(const struct key *key, enum realm realm, unsigned number, struct span text, struct buf *out)
{
	buf_putc(out, (uint8_t)number);
	key_sign(key, realm, text, buf_reserve(out, SIGNATURE_OCTETS));
	out->n += SIGNATURE_OCTETS;
}

/* What others have signed.  It was verified before the transaction began; that the tree here has come to the same root is looked at once more. */
static enum err seal_lane(struct store *st, unsigned lane, struct fault *f)
{
	const struct lane_log *l = &st->lane[lane];
	struct buf signatures = { 0 };
	uint8_t root[HASH_OCTETS];
	unsigned number;
	enum err e = OK;
	merkle_edge_root(&l->tree.edge, root);
	if (!l->seal || memcmp(root, l->seal->root, sizeof(root)) != 0)
		return fault_set(f, ERR_CORRUPT, "\"%s\" does not come to the root that its node has signed", l->origin);
	for (unsigned i = 0; i < l->seal->n && e == OK; i++) {
		if ((e = foreign_key(st, l->ring, l->seal->by[i].key, &number, f)) != OK)
			break;
		buf_putc(&signatures, (uint8_t)number);
		buf_put(&signatures, l->seal->by[i].signature, SIGNATURE_OCTETS);
	}
	query_set_int(st->put_root, 1, (int64_t)st->last_of[lane]);
	query_set_octets(st->put_root, 2, span_of(root, sizeof(root)));
	query_set_octets(st->put_root, 3, buf_span(&signatures));
	if (e == OK)
		e = query_run(st->put_root, f);
	else
		query_reset(st->put_root);
	buf_release(&signatures);
	return e;
}

static enum err sign_lane(struct store *st, unsigned lane, struct fault *f)
{
	const struct lane_log *l = &st->lane[lane];
	struct checkpoint c = { .origin = span_str(l->origin), .size = l->tree.edge.size };
	struct buf signatures = { 0 };
	merkle_edge_root(&l->tree.edge, c.root);
	st->text.n = 0;
	checkpoint_put(&c, &st->text);
	put_signature(st->key, l->realm, st->key_number[l->realm], buf_span(&st->text), &signatures);
	if (st->next_key)
		put_signature(st->next_key, l->realm, st->next_key_number[l->realm], buf_span(&st->text), &signatures);
	query_set_int(st->put_root, 1, (int64_t)st->last_of[lane]);
	query_set_octets(st->put_root, 2, span_of(c.root, sizeof(c.root)));
	query_set_octets(st->put_root, 3, buf_span(&signatures));
	enum err e = query_run(st->put_root, f);
	buf_release(&signatures);
	return e;
}

enum err store_commit(struct store *st, struct fault *f)
{
	enum err e = OK;
	for (unsigned lane = 0; lane < LANES_MAX && e == OK; lane++)
		if (st->touched >> lane & 1)
			e = (st->staged.mirrored >> lane & 1 ? seal_lane : sign_lane)(st, lane, f);
	if (e || (e = db_commit(st->db, f)))
		return e;
	st->staged.stats.commits++;
	st->committed = st->staged;
	st->touched = 0;
	if (st->next_key) {
		st->key = st->next_key;
		memcpy(st->key_number, st->next_key_number, sizeof(st->key_number));
		st->next_key = NULL;
	}
	return OK;
}

void store_undo(struct store *st)
{
	db_rollback(st->db);
	index_undo(st->index, st->committed.last);
	memset(st->known, 0, sizeof(st->known));
	st->stale |= st->touched;
	st->touched = 0;
}

void store_maintain(struct store *st)
{
	if (index_due(st->index))
		(void)!index_write(st->index, st->committed.last, NULL); /* what could not be written stays in the rows; tried again */
}

unsigned store_lanes(const struct store *st)
{
	return st->committed.lanes;
}

uint64_t store_mirrored(const struct store *st)
{
	return st->committed.mirrored;
}

uint64_t store_last(const struct store *st)
{
	return st->committed.last;
}

const struct ledger_stats *store_stats(const struct store *st)
{
	return &st->committed.stats;
}

struct db *store_db(struct store *st)
{
	return st->db;
}

uint64_t store_log_octets(const struct store *st)
{
	return (uint64_t)db_log_pages(st->db) * SCHEMA_PAGE_OCTETS;
}

void store_checkpoint(struct store *st)
{
	(void)!db_checkpoint(st->db, false, NULL); /* what could not be moved stays in the log, where it is safe and readable */
}

enum err store_empty_log(struct store *st, bool wait, struct fault *f)
{
	db_wait_for_locks(st->db, wait);
	enum err e = db_checkpoint(st->db, true, f);
	db_wait_for_locks(st->db, true);
	return e;
}
