/* Version 1 had the fields of an entry in columns, and nonce and frame in a table of their own; there were no logs.  Each
 * entry becomes a record, in the order of its lane, and is put through the same tree as new ones.  The last root of each lane
 * is signed then, by the key that there is now.
 *
 * A body above BODY_MAX stays as it was. */
#include "ledger/migrate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/checkpoint.h"
#include "ledger/lane.h"
#include "ledger/record.h"
#include "ledger/schema.h"
#include "ledger/store.h"
#include "ledger/tree.h"
#include "sys/db.h"
#include "sys/key.h"
#include "sys/zstd.h"

struct old_lane {
	char origin[ORIGIN_MAX + 1];
	enum realm realm;
	struct tree tree;
	uint64_t last; /* number of its last entry */
};

struct migration {
	struct db *db;
	struct key *key;
	struct query *put_entry, *put_tile, *put_root, *import;
	struct old_lane lane[LANES_MAX];
	unsigned lanes;
	struct buf body;
};

static enum err copy_lanes(struct migration *m, const char *name, struct fault *f)
{
	struct query *from = NULL, *put = NULL;
	bool row;
	enum err e = db_query(m->db, "SELECT number, name, tlp, realm FROM old_lanes ORDER BY number", &from, f);
	if (e == OK)
		e = db_query(m->db, "INSERT INTO lanes VALUES(?1, CAST(?2 AS TEXT), ?3, CAST(?4 AS TEXT), '', 0, ?5, '')", &put, f);
	while (e == OK && (e = query_step(from, &row, f)) == OK && row) {
		struct old_lane *l = &m->lane[m->lanes];
		struct span lane = query_octets(from, 1), realm = query_octets(from, 3);
		if (query_int(from, 0) != m->lanes || m->lanes == LANES_MAX || lane.n > LANE_NAME_MAX)
			e = fault_set(f, ERR_CORRUPT, "lane %u of the ledger is not one", m->lanes);
		else
			m->lanes++;
		if (e)
			break;
		snprintf(l->origin, sizeof(l->origin), "%s/lanes/" SPAN_FMT, name, SPAN_ARG(lane));
		l->realm = span_is(realm, realm_name(REALM_EXERCISE)) ? REALM_EXERCISE : REALM_PRODUCTION;
		query_set_int(put, 1, query_int(from, 0));
		query_set_octets(put, 2, lane);
		query_set_int(put, 3, query_int(from, 2));
		query_set_octets(put, 4, realm);
		query_set_text(put, 5, l->origin);
		e = query_run(put, f);
	}
	query_free(from);
	query_free(put);
	return e;
}

struct tile_place {
	struct migration *m;
	unsigned lane;
};

static enum err keep_tile(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	struct tile_place *p = ctx;
	query_set_int(p->m->put_tile, 1, tile_row(p->lane, level, n));
	query_set_octets(p->m->put_tile, 2, hashes);
	return query_run(p->m->put_tile, f);
}

/* Index of the first entry of an import; its own when that is not there. */
static enum err import_index(struct migration *m, int64_t import, int64_t lane, uint64_t own, uint64_t *ret_index, struct fault *f)
{
	bool row;
	query_set_int(m->import, 1, import);
	query_set_int(m->import, 2, lane);
	enum err e = query_step(m->import, &row, f);
	if (e == OK)
		*ret_index = row ? (uint64_t)query_int(m->import, 0) : own;
	query_reset(m->import);
	return e;
}

/* Columns: number, lane, idx, kind, flags, import, time_ms, party, source, media, token, count, octets, digest, nonce, frame. */
static enum err copy_entry(struct migration *m, struct query *from, struct buf *record, struct fault *f)
{
	struct record r = {
		.kind = (uint8_t)query_int(from, 3), .flags = (uint8_t)query_int(from, 4), .time_ms = query_int(from, 6),
		.count = (uint32_t)query_int(from, 11), .party = query_octets(from, 7), .source = query_octets(from, 8),
		.media = query_octets(from, 9), .token = query_octets(from, 10),
	};
	int64_t lane = query_int(from, 1);
	struct span digest = query_octets(from, 13);
	uint8_t leaf[HASH_OCTETS];
	if (lane < 0 || lane >= m->lanes || digest.n != 32 || r.token.n > TOKEN_MAX || r.party.n > 63 || r.source.n > 63 || r.media.n > 31 ||
	    (uint64_t)query_int(from, 2) != m->lane[lane].tree.edge.size)
		return fault_set(f, ERR_CORRUPT, "entry %lld of the ledger is not one", (long long)query_int(from, 0));
	memcpy(r.digest, digest.p, sizeof(r.digest));
	enum err e = import_index(m, query_int(from, 5), lane, m->lane[lane].tree.edge.size, &r.import, f);
	if (e)
		return e;
	record->n = 0;
	record_put(&r, record);
	struct span frame = query_octets(from, 15);
	if (frame.n && frame.n == (uint64_t)query_int(from, 12)) { /* which would say now that it is the body itself */
		m->body.n = 0;
		if ((e = zstd_unpack(frame, frame.n, &m->body, f)) != OK)
			return e;
		frame = buf_span(&m->body);
	}
	for (int column = 0; column < 3; column++)
		query_set_int(m->put_entry, column + 1, query_int(from, column));
	query_set_int(m->put_entry, 4, query_int(from, 5));
	query_set_int(m->put_entry, 5, query_int(from, 12));
	query_set_octets(m->put_entry, 6, buf_span(record));
	query_set_octets(m->put_entry, 7, query_octets(from, 14));
	query_set_octets(m->put_entry, 8, frame);
	if ((e = query_run(m->put_entry, f)) != OK)
		return e;
	struct tile_place place = { m, (unsigned)lane };
	merkle_leaf(buf_span(record), leaf);
	m->lane[lane].last = (uint64_t)query_int(from, 0);
	return tree_add(&m->lane[lane].tree, leaf, keep_tile, &place, f);
}

static enum err copy_entries(struct migration *m, struct fault *f)
{
	struct query *from;
	struct buf record = { 0 };
	bool row;
	enum err e = db_query(m->db, "SELECT o.number, lane, idx, kind, flags, import, time_ms, party, source, media, token, count, octets, digest,"
			      " nonce, frame FROM old_entries o LEFT JOIN vault USING (number) ORDER BY o.number", &from, f);
	if (e)
		return e;
	while ((e = query_step(from, &row, f)) == OK && row && (e = copy_entry(m, from, &record, f)) == OK)
		;
	query_free(from);
	buf_release(&record);
	return e;
}

static enum err put_keys(struct migration *m, struct fault *f)
{
	struct query *q;
	enum err e = db_query(m->db, "INSERT INTO keys VALUES(?1, ?2, ?3)", &q, f);
	if (e)
		return e;
	for (enum realm i = 0; i < REALMS && e == OK; i++) {
		query_set_int(q, 1, (int64_t)i + 1);
		query_set_text(q, 2, realm_name(i));
		query_set_octets(q, 3, span_of(key_public(m->key, i), KEY_OCTETS));
		e = query_run(q, f);
	}
	query_free(q);
	return e;
}

static enum err sign_lane(struct migration *m, struct old_lane *l, struct fault *f)
{
	struct checkpoint c = { .origin = span_str(l->origin), .size = l->tree.edge.size };
	uint8_t signature[1 + SIGNATURE_OCTETS] = { (uint8_t)(l->realm + 1) };
	struct buf text = { 0 };
	merkle_edge_root(&l->tree.edge, c.root);
	checkpoint_put(&c, &text);
	key_sign(m->key, l->realm, buf_span(&text), signature + 1);
	buf_release(&text);
	query_set_int(m->put_root, 1, (int64_t)l->last);
	query_set_octets(m->put_root, 2, span_of(c.root, sizeof(c.root)));
	query_set_octets(m->put_root, 3, span_of(signature, sizeof(signature)));
	return query_run(m->put_root, f);
}

static enum err prepare(struct migration *m, struct fault *f)
{
	const struct { struct query **query; const char *sql; } rows[] = {
		{ &m->put_entry, "INSERT INTO entries VALUES(?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, ?7, x'', ?8)" },
		{ &m->put_tile, "INSERT OR REPLACE INTO tiles VALUES(?1, ?2)" },
		{ &m->put_root, "UPDATE entries SET root = ?2, signatures = ?3 WHERE number = ?1" },
		{ &m->import, "SELECT idx FROM old_entries WHERE number = ?1 AND lane = ?2" },
	};
	enum err e = OK;
	for (size_t i = 0; i < COUNT_OF(rows) && e == OK; i++)
		e = db_query(m->db, rows[i].sql, rows[i].query, f);
	return e;
}

static void release(struct migration *m)
{
	struct query *const all[] = { m->put_entry, m->put_tile, m->put_root, m->import };
	for (size_t i = 0; i < COUNT_OF(all); i++)
		query_free(all[i]);
	for (unsigned i = 0; i < m->lanes; i++)
		tree_release(&m->lane[i].tree);
	buf_release(&m->body);
}

static enum err run(struct migration *m, struct fault *f)
{
	char name[NODE_NAME_MAX + 1];
	enum err e;
	node_name_made(key_public(m->key, REALM_PRODUCTION), name);
	if ((e = db_exec(m->db, "ALTER TABLE lanes RENAME TO old_lanes; ALTER TABLE entries RENAME TO old_entries", f)) == OK &&
	    (e = store_schema(m->db, name, f)) == OK && (e = prepare(m, f)) == OK && (e = put_keys(m, f)) == OK && (e = copy_lanes(m, name, f)) == OK)
		e = copy_entries(m, f);
	for (unsigned i = 0; i < m->lanes && e == OK; i++)
		e = sign_lane(m, &m->lane[i], f);
	release(m);
	return e ? e : db_exec(m->db, "DROP TABLE vault; DROP TABLE old_entries; DROP TABLE old_lanes", f);
}

/* Under another name first: PATH.v1 is whole or not there, also when this is cut off.  One that is there is from a migration
 * that was, and perhaps older than the ledger is now. */
static enum err backup_first(struct db *db, const char *path, struct fault *f)
{
	char copy[PATH_MAX], part[PATH_MAX];
	if ((size_t)snprintf(copy, sizeof(copy), "%s.v1", path) >= sizeof(copy) ||
	    (size_t)snprintf(part, sizeof(part), "%s.v1.part", path) >= sizeof(part))
		return fault_set(f, ERR_RANGE, "the path of the data directory is too long");
	unlink(part);
	enum err e = db_backup(db, part, f);
	if (e)
		return e;
	if (rename(part, copy) == 0)
		return OK;
	e = fault_set(f, ERR_IO, "\"%s\" cannot be made: %s", copy, strerror(errno));
	unlink(part);
	return e;
}

static enum err migrate_open(struct db *db, const char *dir, const char *path, struct fault *f)
{
	struct migration *m = mem_zalloc(sizeof(*m));
	m->db = db;
	enum err e = key_open(dir, &m->key, f);
	if (e == OK && (e = backup_first(db, path, f)) == OK && (e = db_begin(db, f)) == OK) {
		if ((e = run(m, f)) == OK)
			e = db_commit(db, f);
		if (e)
			db_rollback(db);
	}
	key_free(m->key);
	free(m);
	return e;
}

/* Version 2 had no lanes of others.  Nothing that is there is touched, so there is no copy. */
static enum err add_peers(struct db *db, struct fault *f)
{
	char sql[120];
	snprintf(sql, sizeof(sql), "ALTER TABLE lanes ADD COLUMN peer TEXT NOT NULL DEFAULT ''; PRAGMA user_version = %d", STORE_VERSION);
	enum err e = db_begin(db, f);
	if (e == OK && (e = db_exec(db, sql, f)) == OK)
		e = db_commit(db, f);
	if (e)
		db_rollback(db);
	return e;
}

enum err migrate(const char *dir, const char *path, struct fault *f)
{
	struct db *db;
	unsigned version;
	enum err e = db_open(path, DB_WRITE, &db, f);
	if (e)
		return e;
	if ((e = store_version(db, path, &version, f)) == OK && version == 1)
		e = migrate_open(db, dir, path, f);
	else if (e == OK && version == 2)
		e = add_peers(db, f);
	else if (e == OK)
		e = store_check(db, path, f);
	db_close(db);
	return e;
}
