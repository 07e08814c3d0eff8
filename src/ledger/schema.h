/* Schema: the tables of a ledger's database.  For ledger/ alone.
 *
 *   node       one row: name of the node, seed of the index's hash
 *   keys       public keys that have signed, by ring (lane_ring()), in order: ours by realm, those of others by node and realm
 *   lanes      what each lane is, as its first entry says it; `peer` has the node that it is mirrored from, '' for our own
 *   entries    the facts: the record, octet for octet; what it stands for locally; the signed root that the commit ended with
 *              (in the last entry of each lane that the commit has); nonce and frame of the body, NULL when it is gone
 *   tiles      full tiles of level 0 and all tiles of the levels above: id = lane * 2^56 + level * 2^48 + number
 *   gone       whose bodies were erased or pruned: indexes first to last of a lane, as the entry `said` of the lane says
 *   cosignatures   lines that witnesses gave for a checkpoint of ours
 *   witnessed  the last checkpoint of another log that we have cosigned
 *   runs, chunks   see index.h
 *
 * Rows of `entries` are only added, but for nonce, frame and objects, which become NULL. */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

enum { SCHEMA_PAGE_OCTETS = 4096 };

static const char schema_tables[] =
	"CREATE TABLE node(name TEXT NOT NULL, seed BLOB NOT NULL) STRICT;"
	"CREATE TABLE keys(number INTEGER PRIMARY KEY, realm TEXT NOT NULL, public BLOB NOT NULL) STRICT;"
	"CREATE TABLE lanes("
	" number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 63), name TEXT NOT NULL UNIQUE, tlp INTEGER NOT NULL,"
	" realm TEXT NOT NULL, members TEXT NOT NULL, retention_s INTEGER NOT NULL, origin TEXT NOT NULL,"
	" peer TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE TABLE entries("
	" number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes(number), idx INTEGER NOT NULL,"
	" import INTEGER NOT NULL, octets INTEGER NOT NULL, record BLOB NOT NULL, root BLOB, signatures BLOB,"
	" nonce BLOB, objects BLOB, frame BLOB, UNIQUE(lane, idx)) STRICT;"
	"CREATE TABLE tiles(id INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;"
	"CREATE TABLE gone("
	" lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, kind INTEGER NOT NULL, said INTEGER NOT NULL,"
	" reason TEXT NOT NULL, PRIMARY KEY(lane, first, said)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cosignatures("
	" lane INTEGER NOT NULL, size INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY(lane, size, line)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE witnessed(origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note BLOB NOT NULL) STRICT;";

#endif
