/* Full tiles of level 0 and all tiles above are stored; the last one of level 0 is computed from the records.  A checkpoint
 * is stored as its root and signatures with the entry that it ends with, and its text is made again from them. */
#include "ledger/lanelog.h"

#include "ledger/lane.h"
#include "ledger/proof.h"
#include "ledger/record.h"
#include "sys/db.h"
#include "sys/key.h"

static enum err no_lane(struct fault *f)
{
	return fault_set(f, ERR_NOTFOUND, "there is no such lane");
}

static enum err too_far(struct fault *f)
{
	return fault_set(f, ERR_NOTFOUND, "the lane has not so many entries");
}

/* ---- tiles ---- */

static enum err records_of(struct connection *c, clearance clear, uint8_t lane, const struct tile *t, struct buf *out, struct fault *f)
{
	struct query *q = pool_query(c, Q_RECORDS, clear);
	unsigned n = 0;
	bool row;
	enum err e;
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)(t->n * TILE_WIDTH));
	query_set_int(q, 4, (int64_t)(t->n * TILE_WIDTH) + t->width - 1);
	for (; (e = query_step(q, &row, f)) == OK && row; n++) {
		struct span record = query_octets(q, 0);
		if (t->level == TILE_ENTRIES) {
			bundle_put(out, record);
		} else {
			merkle_leaf(record, buf_reserve(out, HASH_OCTETS));
			out->n += HASH_OCTETS;
		}
	}
	query_reset(q);
	return e == OK && n != t->width ? too_far(f) : e;
}

/* @return ERR_NOTFOUND: it is not stored, or not so wide. */
static enum err stored_tile(struct connection *c, clearance clear, uint8_t lane, const struct tile *t, struct buf *out, struct fault *f)
{
	struct query *q = pool_query(c, Q_TILE, clear);
	size_t octets = (size_t)t->width * HASH_OCTETS;
	bool row;
	query_set_int(q, 2, lane);
	query_set_int(q, 3, tile_row(lane, t->level, t->n));
	enum err e = query_step(q, &row, f);
	if (e == OK && row && query_octets(q, 0).n >= octets)
		buf_putspan(out, span_head(query_octets(q, 0), octets));
	else if (e == OK)
		e = too_far(f);
	query_reset(q);
	return e;
}

static enum err tile_of(struct connection *c, clearance clear, uint8_t lane, const struct tile *t, struct buf *out, struct fault *f)
{
	size_t before = out->n;
	enum err e = t->level == TILE_ENTRIES ? ERR_NOTFOUND : stored_tile(c, clear, lane, t, out, f);
	if (e == ERR_NOTFOUND && (t->level == 0 || t->level == TILE_ENTRIES))
		e = records_of(c, clear, lane, t, out, f);
	if (e)
		out->n = before;
	return e;
}

enum err lanelog_tile(struct pool *p, clearance clear, uint8_t lane, const struct tile *t, struct buf *out, struct fault *f)
{
	struct connection *c;
	if (t->n >> 40)
		return too_far(f);
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	e = tile_of(c, clear, lane, t, out, f);
	pool_give(p, c);
	return e;
}

/* ---- proofs ---- */

struct lane_tiles {
	struct connection *c;
	clearance clear;
	uint8_t lane;
	struct tile_source tiles;
};

static enum err get_tile(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	struct lane_tiles *l = ctx;
	return tile_of(l->c, l->clear, l->lane, t, out, f);
}

static void lane_tiles_init(struct lane_tiles *l, struct connection *c, clearance clear, uint8_t lane, uint64_t size)
{
	*l = (struct lane_tiles){ .c = c, .clear = clear, .lane = lane, .tiles = { .get = get_tile, .ctx = l, .size = size } };
}

/* What is made from the hashes of the first `size` entries of a lane. */
struct wanted {
	uint64_t a, size;
	struct merkle_proof *proof;
	uint8_t *root;
	struct merkle_edge *edge;
	enum { INCLUSION, CONSISTENCY, ROOT, EDGE } what;
};

static enum err make(struct connection *c, clearance clear, uint8_t lane, const struct wanted *w, struct fault *f)
{
	struct lane_tiles tiles;
	struct merkle_edge edge;
	enum err e = OK;
	lane_tiles_init(&tiles, c, clear, lane, w->size);
	struct merkle_source hashes = tile_source_hashes(&tiles.tiles);
	if (w->what == INCLUSION)
		e = merkle_inclusion(&hashes, w->a, w->size, w->proof, f);
	else if (w->what == CONSISTENCY)
		e = merkle_consistency(&hashes, w->a, w->size, w->proof, f);
	else if (w->what == EDGE)
		e = merkle_edge_load(&hashes, w->size, w->edge, f);
	else if ((e = merkle_edge_load(&hashes, w->size, &edge, f)) == OK)
		merkle_edge_root(&edge, w->root);
	tile_source_release(&tiles.tiles);
	return e;
}

static enum err make_one(struct pool *p, clearance clear, uint8_t lane, const struct wanted *w, struct fault *f)
{
	struct connection *c;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	e = make(c, clear, lane, w, f);
	pool_give(p, c);
	return e;
}

enum err lanelog_inclusion(struct pool *p, clearance clear, uint8_t lane, uint64_t index, uint64_t size,
			   struct merkle_proof *ret_proof, struct fault *f)
{
	struct wanted w = { .a = index, .size = size, .proof = ret_proof, .what = INCLUSION };
	return make_one(p, clear, lane, &w, f);
}

enum err lanelog_consistency(struct pool *p, clearance clear, uint8_t lane, uint64_t old, uint64_t size,
			     struct merkle_proof *ret_proof, struct fault *f)
{
	struct wanted w = { .a = old, .size = size, .proof = ret_proof, .what = CONSISTENCY };
	return make_one(p, clear, lane, &w, f);
}

enum err lanelog_root(struct pool *p, clearance clear, uint8_t lane, uint64_t size, uint8_t ret_root[HASH_OCTETS], struct fault *f)
{
	struct wanted w = { .size = size, .root = ret_root, .what = ROOT };
	return make_one(p, clear, lane, &w, f);
}

enum err lanelog_edge(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct merkle_edge *ret_edge, struct fault *f)
{
	struct wanted w = { .size = size, .edge = ret_edge, .what = EDGE };
	return make_one(p, clear, lane, &w, f);
}

/* ---- checkpoints ---- */

static enum err keys_of(struct connection *c, const char *ring, uint8_t ret_keys[256][32], unsigned *ret_last, struct fault *f)
{
	struct query *q = pool_query(c, Q_KEYS, 0);
	bool row;
	enum err e;
	memset(ret_keys, 0, 256 * 32);
	*ret_last = 0;
	query_set_text(q, 2, ring);
	while ((e = query_step(q, &row, f)) == OK && row) {
		int64_t number = query_int(q, 0);
		if (number < 1 || number > 255 || query_octets(q, 1).n != 32)
			return fault_set(f, ERR_CORRUPT, "key %lld of the ledger is not one", (long long)number);
		memcpy(ret_keys[number], query_octets(q, 1).p, 32);
		*ret_last = (unsigned)number;
	}
	query_reset(q);
	return e;
}

enum err lanelog_keys(struct pool *p, const char *ring, uint8_t ret_keys[256][32], unsigned *ret_last, struct fault *f)
{
	struct connection *c;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	e = keys_of(c, ring, ret_keys, ret_last, f);
	pool_give(p, c);
	return e;
}

void lanelog_note(const struct checkpoint *c, struct span signatures, uint8_t keys[256][32], struct buf *out)
{
	checkpoint_put(c, out);
	buf_putc(out, '\n');
	for (; signatures.n > SIGNATURE_OCTETS; signatures = span_from(signatures, 1 + SIGNATURE_OCTETS))
		note_line_put(c->origin, NOTE_ED25519, keys[signatures.p[0]], span_head(span_from(signatures, 1), SIGNATURE_OCTETS), out);
}

static enum err put_cosignatures(struct connection *c, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f)
{
	struct query *q = pool_query(c, Q_COSIGNATURES, clear);
	bool row;
	enum err e;
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)size);
	while ((e = query_step(q, &row, f)) == OK && row)
		buf_putspan(out, query_octets(q, 0));
	query_reset(q);
	return e;
}

static bool put_text(struct span s, char *ret_text, size_t room)
{
	if (s.n >= room)
		return false;
	if (s.n)
		memcpy(ret_text, s.p, s.n);
	ret_text[s.n] = 0;
	return true;
}

/* Which keys sign a lane. */
static enum err ring_of(struct connection *c, clearance clear, uint8_t lane, char ret_ring[RING_MAX + 1], struct fault *f)
{
	struct query *q = pool_query(c, Q_LANES, clear);
	bool row;
	enum err e;
	while ((e = query_step(q, &row, f)) == OK && row && query_int(q, 0) != lane)
		;
	if (e == OK && !row)
		e = no_lane(f);
	struct lane of = { .number = lane };
	if (e == OK && !(put_text(query_octets(q, 3), of.realm, sizeof(of.realm)) && put_text(query_octets(q, 6), of.origin, sizeof(of.origin)) &&
			 put_text(query_octets(q, 10), of.peer, sizeof(of.peer))))
		e = fault_set(f, ERR_CORRUPT, "lane %u of the ledger is not one", lane);
	lane_ring(&of, ret_ring);
	query_reset(q);
	return e;
}

/* A signed checkpoint at the row of a root query.  @param ret_size  may be NULL. */
static enum err note_of_row(struct connection *c, clearance clear, uint8_t lane, struct query *q, struct buf *out, uint64_t *ret_size,
			    struct fault *f)
{
	struct checkpoint cp = { .origin = query_octets(q, 3), .size = (uint64_t)query_int(q, 0) + 1 };
	char ring[RING_MAX + 1];
	uint8_t keys[256][32];
	unsigned last;
	struct span root = query_octets(q, 1), signatures = query_octets(q, 2);
	if (root.n != HASH_OCTETS || signatures.n < 1 + SIGNATURE_OCTETS)
		return fault_set(f, ERR_CORRUPT, "the last entry of \"" SPAN_FMT "\" has no signed root", SPAN_ARG(cp.origin));
	memcpy(cp.root, root.p, HASH_OCTETS);
	enum err e = ring_of(c, clear, lane, ring, f);
	if (e == OK && (e = keys_of(c, ring, keys, &last, f)) == OK) {
		lanelog_note(&cp, signatures, keys, out);
		e = put_cosignatures(c, clear, lane, cp.size, out, f);
	}
	if (ret_size)
		*ret_size = cp.size;
	return e;
}

static enum err last_note(struct connection *c, clearance clear, uint8_t lane, struct buf *out, uint64_t *ret_size, struct fault *f)
{
	struct query *q = pool_query(c, Q_ROOT, clear);
	bool row;
	query_set_int(q, 2, lane);
	enum err e = query_step(q, &row, f);
	if (e)
		return e;
	return row ? note_of_row(c, clear, lane, q, out, ret_size, f) : no_lane(f);
}

enum err lanelog_checkpoint(struct pool *p, clearance clear, uint8_t lane, struct buf *out, struct fault *f)
{
	struct connection *c;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	e = last_note(c, clear, lane, out, NULL, f);
	pool_give(p, c);
	return e;
}

enum err lanelog_checkpoint_at(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f)
{
	struct connection *c;
	bool row;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_ROOT_AT, clear);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)size - 1);
	if ((e = query_step(q, &row, f)) == OK)
		e = row ? note_of_row(c, clear, lane, q, out, NULL, f) : fault_set(f, ERR_NOTFOUND, "no checkpoint of this size was signed");
	pool_give(p, c);
	return e;
}

/* ---- receipts ---- */

/* The last cosigned checkpoint, if it is beyond `index`; nothing else is appended.  ERR_NOTFOUND: none. */
static enum err cosigned_note(struct connection *c, clearance clear, uint8_t lane, uint64_t index, struct buf *out, uint64_t *ret_size,
			      struct fault *f)
{
	struct query *q = pool_query(c, Q_COSIGNED, clear);
	bool row;
	query_set_int(q, 2, lane);
	enum err e = query_step(q, &row, f);
	if (e)
		return e;
	int64_t size = row ? query_int(q, 0) : 0;
	if (size <= 0 || (uint64_t)size <= index)
		return ERR_NOTFOUND;
	q = pool_query(c, Q_ROOT_AT, clear);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, size - 1);
	if ((e = query_step(q, &row, f)) != OK)
		return e;
	return row ? note_of_row(c, clear, lane, q, out, ret_size, f) : ERR_NOTFOUND;
}

static enum err put_receipt(struct connection *c, clearance clear, struct query *body, struct buf *out, struct fault *f)
{
	struct proof proof = { .has_extra = true, .index = (uint64_t)query_int(body, 5) };
	uint8_t lane = (uint8_t)query_int(body, 4);
	struct buf note = { 0 };
	uint64_t size;
	proof_extra_put(query_octets(body, 1), query_null(body, 2) ? span_of(NULL, 0) : query_octets(body, 2), &proof.extra);
	enum err e = cosigned_note(c, clear, lane, proof.index, &note, &size, f);
	if (e == ERR_NOTFOUND)
		e = last_note(c, clear, lane, &note, &size, f);
	struct wanted w = { .a = proof.index, .size = size, .proof = &proof.path, .what = INCLUSION };
	if (e == OK && (e = make(c, clear, lane, &w, f)) == OK) {
		proof.checkpoint = buf_span(&note);
		proof_put(&proof, out);
	}
	proof_release(&proof);
	buf_release(&note);
	return e;
}

enum err lanelog_receipt(struct pool *p, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	struct connection *c;
	bool row;
	if (number > INT64_MAX)
		return fault_set(f, ERR_NOTFOUND, "there is no entry %llu", (unsigned long long)number);
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_BODY, clear);
	query_set_int(q, 2, (int64_t)number);
	if ((e = query_step(q, &row, f)) == OK)
		e = row ? put_receipt(c, clear, q, out, f) : fault_set(f, ERR_NOTFOUND, "there is no entry %llu", (unsigned long long)number);
	pool_give(p, c);
	return e;
}
