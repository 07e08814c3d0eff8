/* In two passes.  The first goes through the entries in stretches of a tile, each thread taking the next: rows, records,
 * bodies, signatures, and the tile of level 0, whose root is kept (32 octets for 256 entries).  The second needs the first:
 * from those roots follow the tiles of the levels above, and the root of the tree at each entry where a checkpoint was signed.
 * So nothing grows with the log but those roots, and the threads do what costs: unpacking and hashing bodies. */
#include "ledger/verify.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/lane.h"
#include "ledger/lanelog.h"
#include "ledger/reader.h"
#include "ledger/record.h"
#include "ledger/rekey.h"
#include "ledger/removal.h"
#include "ledger/tree.h"
#include "ledger/vault.h"
#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"

enum { THREADS_MAX = 64 };

struct lane_check {
	struct lane lane;
	uint8_t (*keys)[32];                /* that sign it, by number */
	uint8_t (*tile_roots)[HASH_OCTETS]; /* of the full tiles of level 0 */
	uint64_t first_stretch;             /* among those of all lanes */
};

struct verifying {
	struct pool *pool;
	const struct verify_options *options;
	struct lane_check *lane;
	unsigned lanes;
	uint64_t stretches;
	_Atomic uint64_t next, done;
	_Atomic bool stop;
	pthread_mutex_t lock; /* of what follows */
	struct verify_counts counts;
	enum err error;
	struct fault fault;
};

/* One thread's. */
struct hand {
	struct verifying *v;
	struct connection *c;
	struct verify_counts counts;
	struct buf body, text;
};

static void PRINTF(2, 3) found(struct verifying *v, const char *fmt, ...)
{
	char text[700];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&v->lock);
	v->counts.findings++;
	if (v->options->finding)
		v->options->finding(v->options->ctx, text);
	pthread_mutex_unlock(&v->lock);
}

static void give_up(struct verifying *v, enum err e, const struct fault *f)
{
	pthread_mutex_lock(&v->lock);
	if (!v->error) {
		v->error = e;
		v->fault = *f;
	}
	pthread_mutex_unlock(&v->lock);
	atomic_store(&v->stop, true);
}

/* ---- an entry ---- */

struct place {
	const struct lane *lane;
	uint8_t (*keys)[32];
	uint64_t index;
	int64_t number;
};

#define PLACE_FMT "%s/%llu: "
#define PLACE_ARG(p) (p)->lane->name, (unsigned long long)(p)->index

/* @return ERR_NOTFOUND: there is none. */
static enum err number_at(struct hand *h, const struct lane *lane, uint64_t index, int64_t *ret_number, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_FIND, CLEARANCE_ALL);
	bool row;
	query_set_int(q, 2, lane->number);
	query_set_int(q, 3, (int64_t)index);
	enum err e = query_step(q, &row, f);
	if (e == OK && row)
		*ret_number = query_int(q, 0);
	else if (e == OK)
		e = ERR_NOTFOUND;
	query_reset(q);
	return e;
}

/* What the row says beside the record must follow from it. */
static enum err check_import(struct hand *h, const struct place *p, const struct record *r, int64_t import, struct fault *f)
{
	int64_t number = p->number;
	if (r->import > p->index) {
		found(h->v, PLACE_FMT "its import begins behind it, at %llu", PLACE_ARG(p), (unsigned long long)r->import);
		return OK;
	}
	enum err e = r->import == p->index ? OK : number_at(h, p->lane, r->import, &number, f);
	if (e && e != ERR_NOTFOUND)
		return e;
	if ((e || number != import) && r->import != p->index)
		found(h->v, PLACE_FMT "the row says that its import begins with entry %lld, the record with %lld", PLACE_ARG(p),
		      (long long)import, (long long)number);
	return OK;
}

/* An erased body: does the lane say so? */
static enum err check_gone(struct hand *h, const struct place *p, const struct record *r, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_GONE, CLEARANCE_ALL);
	bool row;
	query_set_int(q, 2, p->lane->number);
	query_set_int(q, 3, (int64_t)p->index);
	enum err e = query_step(q, &row, f);
	query_reset(q);
	if (e)
		return e;
	if (!row || !entry_erasable(r->kind))
		found(h->v, PLACE_FMT "its body is lost: no entry of the lane says that it was erased or pruned", PLACE_ARG(p));
	else
		h->counts.erased++;
	return OK;
}

static bool check_digest(struct hand *h, const struct place *p, const struct record *r, struct span nonce, struct span frame, int64_t octets)
{
	struct fault why;
	uint8_t digest[32];
	h->body.n = 0;
	if (nonce.n != 32 || octets < 0) {
		found(h->v, PLACE_FMT "its row is not one of a ledger", PLACE_ARG(p));
		return false;
	}
	if (vault_unpack(frame, (uint64_t)octets, &h->body, &why)) {
		found(h->v, PLACE_FMT "its body cannot be unpacked: %s", PLACE_ARG(p), why.text);
		return false;
	}
	sha256_two(nonce, buf_span(&h->body), digest);
	h->counts.bodies++;
	h->counts.octets += h->body.n;
	bool holds = memcmp(digest, r->digest, sizeof(digest)) == 0;
	if (!holds)
		found(h->v, PLACE_FMT "its body is not what the digest says", PLACE_ARG(p));
	return holds;
}

/* Does the table of what is gone say what this entry says? */
static enum err check_removal(struct hand *h, const struct place *p, const struct record *r, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_GONE_ALL, CLEARANCE_ALL);
	struct buf reason = { 0 };
	struct fault why;
	uint64_t first, last;
	bool row, there = false;
	enum err e = removal_read(buf_span(&h->body), &first, &last, &reason, &why);
	if (e) {
		found(h->v, PLACE_FMT "%s", PLACE_ARG(p), why.text);
		return OK;
	}
	query_set_int(q, 2, p->lane->number);
	while ((e = query_step(q, &row, f)) == OK && row) {
		bool same = (uint64_t)query_int(q, 0) == first && (uint64_t)query_int(q, 1) == last && query_int(q, 2) == r->kind &&
			    span_eq(query_octets(q, 4), buf_span(&reason));
		if ((uint64_t)query_int(q, 3) == p->index && !same)
			found(h->v, PLACE_FMT "it does not say that the bodies from %lld to %lld are gone, for which the database names it",
			      PLACE_ARG(p), (long long)query_int(q, 0), (long long)query_int(q, 1));
		there |= (uint64_t)query_int(q, 3) == p->index && same;
	}
	query_reset(q);
	buf_release(&reason);
	if (e == OK && !there)
		found(h->v, PLACE_FMT "the database does not know of the removal that this entry says", PLACE_ARG(p));
	return e;
}

/* The signatures of the checkpoint that ends with this entry. */
static void check_signatures(struct hand *h, const struct place *p, struct span root, struct span signatures)
{
	struct checkpoint c = { .origin = span_str(p->lane->origin), .size = p->index + 1 };
	bool form = root.n == HASH_OCTETS && signatures.n && signatures.n % (1 + SIGNATURE_OCTETS) == 0;
	if (!form) {
		found(h->v, PLACE_FMT "its signed root is not one", PLACE_ARG(p));
		return;
	}
	memcpy(c.root, root.p, sizeof(c.root));
	h->text.n = 0;
	checkpoint_put(&c, &h->text);
	h->counts.checkpoints++;
	for (; signatures.n; signatures = span_from(signatures, 1 + SIGNATURE_OCTETS))
		if (!signature_holds(p->keys[signatures.p[0]], buf_span(&h->text), signatures.p + 1))
			found(h->v, PLACE_FMT "the signature of its checkpoint does not hold", PLACE_ARG(p));
}

static enum err check_kind(struct hand *h, const struct place *p, const struct record *r, struct fault *f)
{
	uint8_t old[KEY_OCTETS], new[KEY_OCTETS];
	struct fault why;
	if (r->kind == ENTRY_ERASED || r->kind == ENTRY_PRUNED)
		return check_removal(h, p, r, f);
	if (r->kind == ENTRY_KEY && rekey_read(buf_span(&h->body), span_str(p->lane->origin), old, new, &why))
		found(h->v, PLACE_FMT "%s", PLACE_ARG(p), why.text);
	return OK;
}

/* Columns of Q_WHOLE. */
static enum err check_row(struct hand *h, const struct lane_check *l, uint64_t index, struct query *q, uint8_t leaf[HASH_OCTETS], struct fault *f)
{
	struct place p = { &l->lane, l->keys, index, query_int(q, 0) };
	struct span octets = query_octets(q, 4);
	struct record r;
	struct fault why;
	merkle_leaf(octets, leaf);
	h->counts.entries++;
	h->counts.octets += octets.n;
	if (!query_null(q, 5))
		check_signatures(h, &p, query_octets(q, 5), query_octets(q, 6));
	if (record_parse(octets, &r, &why)) {
		found(h->v, PLACE_FMT "%s", PLACE_ARG(&p), why.text);
		return OK;
	}
	enum err e = check_import(h, &p, &r, query_int(q, 2), f);
	if (e)
		return e;
	if (query_null(q, 8))
		return check_gone(h, &p, &r, f);
	return check_digest(h, &p, &r, query_octets(q, 7), query_octets(q, 8), query_int(q, 3)) ? check_kind(h, &p, &r, f) : OK;
}

/* ---- a stretch ---- */

static enum err stored_tile(struct hand *h, const struct lane *lane, unsigned level, uint64_t n, struct span want, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_TILE, CLEARANCE_ALL);
	bool row;
	query_set_int(q, 2, lane->number);
	query_set_int(q, 3, tile_row(lane->number, level, n));
	enum err e = query_step(q, &row, f);
	/* A lane that goes on growing may have a wider tile by now. */
	if (e == OK && (!row || query_octets(q, 0).n < want.n || memcmp(query_octets(q, 0).p, want.p, want.n) != 0))
		found(h->v, "%s: tile %llu of level %u is not what its entries say", lane->name, (unsigned long long)n, level);
	h->counts.tiles++;
	query_reset(q);
	return e;
}

static void tile_root(const uint8_t (*leaves)[HASH_OCTETS], uint8_t ret_root[HASH_OCTETS])
{
	struct merkle_edge edge = { 0 };
	for (unsigned i = 0; i < TILE_WIDTH; i++)
		merkle_edge_add(&edge, leaves[i]);
	memcpy(ret_root, edge.hash[8], HASH_OCTETS);
}

static enum err check_stretch(struct hand *h, struct lane_check *l, uint64_t n, struct fault *f)
{
	uint8_t leaves[TILE_WIDTH][HASH_OCTETS];
	unsigned width = tile_width(0, n, l->lane.size), i = 0;
	struct query *q = pool_query(h->c, Q_WHOLE, CLEARANCE_ALL);
	bool row;
	enum err e;
	query_set_int(q, 2, l->lane.number);
	query_set_int(q, 3, (int64_t)(n * TILE_WIDTH));
	query_set_int(q, 4, (int64_t)(n * TILE_WIDTH + width - 1));
	for (; (e = query_step(q, &row, f)) == OK && row && i < width; i++) {
		if ((uint64_t)query_int(q, 1) != n * TILE_WIDTH + i)
			break;
		if ((e = check_row(h, l, n * TILE_WIDTH + i, q, leaves[i], f)) != OK)
			break;
	}
	query_reset(q);
	if (e)
		return e;
	if (i < width) {
		found(h->v, "%s: entry %llu is missing", l->lane.name, (unsigned long long)(n * TILE_WIDTH + i));
		memset(leaves + i, 0, (width - i) * sizeof(*leaves));
	}
	if (width < TILE_WIDTH)
		return OK;
	tile_root(leaves, l->tile_roots[n]);
	return stored_tile(h, &l->lane, 0, n, span_of(leaves, sizeof(leaves)), f);
}

static struct lane_check *lane_of_stretch(struct verifying *v, uint64_t stretch)
{
	unsigned i = v->lanes;
	while (v->lane[--i].first_stretch > stretch)
		;
	return &v->lane[i];
}

static void *work(void *arg)
{
	struct hand *h = arg;
	struct verifying *v = h->v;
	struct fault fault = { .text = "" };
	uint64_t stretch;
	while (!atomic_load(&v->stop) && (stretch = atomic_fetch_add(&v->next, 1)) < v->stretches) {
		struct lane_check *l = lane_of_stretch(v, stretch);
		enum err e = check_stretch(h, l, stretch - l->first_stretch, &fault);
		if (e)
			give_up(v, e, &fault);
		atomic_fetch_add(&v->done, 1);
	}
	return NULL;
}

static void add_counts(struct verifying *v, const struct verify_counts *c)
{
	v->counts.entries += c->entries;
	v->counts.bodies += c->bodies;
	v->counts.erased += c->erased;
	v->counts.tiles += c->tiles;
	v->counts.checkpoints += c->checkpoints;
	v->counts.octets += c->octets;
}

/* ---- the second pass ---- */

/* The tiles above level 0, from the roots of the full tiles below. */
static enum err check_upper_tiles(struct hand *h, struct lane_check *l, struct fault *f)
{
	uint64_t n = l->lane.size / TILE_WIDTH;
	uint8_t (*hashes)[HASH_OCTETS] = mem_alloc((n + 1) * sizeof(*hashes));
	enum err e = OK;
	if (n)
		memcpy(hashes, l->tile_roots, n * sizeof(*hashes));
	for (unsigned level = 1; n && e == OK; level++) {
		uint64_t full = n / TILE_WIDTH;
		for (uint64_t t = 0; t * TILE_WIDTH < n && e == OK; t++) {
			unsigned width = n - t * TILE_WIDTH < TILE_WIDTH ? (unsigned)(n - t * TILE_WIDTH) : TILE_WIDTH;
			e = stored_tile(h, &l->lane, level, t, span_of(hashes + t * TILE_WIDTH, width * HASH_OCTETS), f);
		}
		for (uint64_t t = 0; t < full; t++) /* each root takes a place that was read before */
			tile_root((const uint8_t (*)[HASH_OCTETS])hashes + t * TILE_WIDTH, hashes[t]);
		n = full;
	}
	free(hashes);
	return e;
}

/* The tree after `n` full tiles. */
static void edge_after(struct merkle_edge *edge, const uint8_t root[HASH_OCTETS])
{
	uint8_t hash[HASH_OCTETS];
	unsigned k = 8;
	memcpy(hash, root, sizeof(hash));
	for (; edge->size >> k & 1; k++)
		merkle_node(edge->hash[k], hash, hash);
	memcpy(edge->hash[k], hash, sizeof(hash));
	edge->size += TILE_WIDTH;
}

/* The roots that were signed inside one tile. */
static enum err check_roots_of_tile(struct hand *h, struct lane_check *l, uint64_t n, struct merkle_edge edge, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_ROOTS, CLEARANCE_ALL), *records = NULL;
	uint8_t root[HASH_OCTETS], leaf[HASH_OCTETS];
	bool row, another;
	enum err e;
	query_set_int(q, 2, l->lane.number);
	query_set_int(q, 3, (int64_t)(n * TILE_WIDTH));
	query_set_int(q, 4, (int64_t)(n * TILE_WIDTH + tile_width(0, n, l->lane.size) - 1));
	while ((e = query_step(q, &row, f)) == OK && row) {
		uint64_t index = (uint64_t)query_int(q, 0);
		if (!records) {
			records = pool_query(h->c, Q_RECORDS, CLEARANCE_ALL);
			query_set_int(records, 2, l->lane.number);
			query_set_int(records, 3, (int64_t)(n * TILE_WIDTH));
			query_set_int(records, 4, (int64_t)(n * TILE_WIDTH + TILE_WIDTH - 1));
		}
		while (edge.size <= index && (e = query_step(records, &another, f)) == OK && another) {
			merkle_leaf(query_octets(records, 0), leaf);
			merkle_edge_add(&edge, leaf);
		}
		if (e || edge.size <= index)
			break; /* an entry is missing, which was said */
		merkle_edge_root(&edge, root);
		if (!span_eq(query_octets(q, 1), span_of(root, sizeof(root))))
			found(h->v, "%s/%llu: the signed root is not that of the entries up to it", l->lane.name, (unsigned long long)index);
	}
	query_reset(q);
	if (records)
		query_reset(records);
	return e;
}

static enum err check_last_root(struct hand *h, const struct lane *lane, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_ROOT_AT, CLEARANCE_ALL);
	bool row;
	query_set_int(q, 2, lane->number);
	query_set_int(q, 3, (int64_t)lane->size - 1);
	enum err e = query_step(q, &row, f);
	if (e == OK && !row)
		found(h->v, "%s: its last entry has no signed root", lane->name);
	query_reset(q);
	return e;
}

/* Whatever is said to be gone must be said by an entry of the lane. */
static enum err check_gone_table(struct hand *h, const struct lane *lane, struct fault *f)
{
	struct query *q = pool_query(h->c, Q_GONE_ALL, CLEARANCE_ALL), *r;
	struct record record;
	bool row, there;
	enum err e;
	query_set_int(q, 2, lane->number);
	while ((e = query_step(q, &row, f)) == OK && row) {
		if (lane->peer[0] && (uint64_t)query_int(q, 3) >= lane->size)
			continue; /* what its node has announced, and we have not got yet */
		r = pool_query(h->c, Q_RECORDS, CLEARANCE_ALL);
		query_set_int(r, 2, lane->number);
		query_set_int(r, 3, query_int(q, 3));
		query_set_int(r, 4, query_int(q, 3));
		if ((e = query_step(r, &there, f)) != OK)
			break;
		if (!there || record_parse(query_octets(r, 0), &record, NULL) || record.kind != query_int(q, 2))
			found(h->v, "%s: bodies from %lld to %lld are said to be gone, but entry %lld does not say so", lane->name,
			      (long long)query_int(q, 0), (long long)query_int(q, 1), (long long)query_int(q, 3));
		query_reset(r);
	}
	query_reset(q);
	return e;
}

static enum err check_lane(struct hand *h, struct lane_check *l, struct fault *f)
{
	struct merkle_edge edge = { 0 };
	enum err e = check_upper_tiles(h, l, f);
	for (uint64_t n = 0; n * TILE_WIDTH < l->lane.size && e == OK; n++) {
		e = check_roots_of_tile(h, l, n, edge, f);
		if ((n + 1) * TILE_WIDTH <= l->lane.size)
			edge_after(&edge, l->tile_roots[n]);
	}
	if (e == OK && (e = check_last_root(h, &l->lane, f)) == OK)
		e = check_gone_table(h, &l->lane, f);
	return e;
}

/* ---- both ---- */

static bool keep_on(struct verifying *v)
{
	const struct verify_options *o = v->options;
	return !o->progress || o->progress(o->ctx, atomic_load(&v->done), v->stretches);
}

static enum err first_pass(struct verifying *v, unsigned threads, struct fault *f)
{
	struct hand hand[THREADS_MAX] = { 0 };
	pthread_t thread[THREADS_MAX];
	unsigned started = 0;
	enum err e = OK;
	for (unsigned i = 0; i < threads && e == OK; i++) {
		hand[i].v = v;
		if ((e = pool_take(v->pool, &hand[i].c, f)) == OK && pthread_create(&thread[i], NULL, work, &hand[i]))
			e = fault_set(f, ERR_IO, "a thread cannot be started");
		started += e == OK;
	}
	if (e)
		atomic_store(&v->stop, true);
	struct timespec tenth = { .tv_nsec = 100000000 };
	while (!atomic_load(&v->stop) && atomic_load(&v->done) < v->stretches) {
		if (!keep_on(v)) {
			e = fault_set(f, ERR_CANCELLED, "cancelled");
			atomic_store(&v->stop, true);
		}
		nanosleep(&tenth, NULL);
	}
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < threads; i++) {
		add_counts(v, &hand[i].counts);
		buf_release(&hand[i].body);
		buf_release(&hand[i].text);
		if (hand[i].c)
			pool_give(v->pool, hand[i].c);
	}
	if (e == OK && v->error) {
		e = v->error;
		if (f)
			*f = v->fault;
	}
	return e;
}

static enum err second_pass(struct verifying *v, struct fault *f)
{
	struct hand h = { .v = v };
	enum err e = pool_take(v->pool, &h.c, f);
	for (unsigned i = 0; i < v->lanes && e == OK; i++)
		e = check_lane(&h, &v->lane[i], f);
	add_counts(v, &h.counts);
	buf_release(&h.body);
	buf_release(&h.text);
	if (h.c)
		pool_give(v->pool, h.c);
	return e;
}

static enum err load(struct verifying *v, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned last;
	enum err e = reader_lanes(v->pool, CLEARANCE_ALL, lanes, &v->lanes, f);
	v->lane = mem_zalloc((v->lanes + 1) * sizeof(*v->lane));
	for (unsigned i = 0; i < v->lanes && e == OK; i++) {
		char ring[RING_MAX + 1];
		lane_ring(&lanes[i], ring);
		v->lane[i].lane = lanes[i];
		v->lane[i].keys = mem_zalloc(256 * sizeof(*v->lane[i].keys));
		e = lanelog_keys(v->pool, ring, v->lane[i].keys, &last, f);
		v->lane[i].first_stretch = v->stretches;
		v->lane[i].tile_roots = mem_zalloc((lanes[i].size / TILE_WIDTH + 1) * HASH_OCTETS);
		v->stretches += (lanes[i].size + TILE_WIDTH - 1) / TILE_WIDTH;
	}
	v->counts.lanes = v->lanes;
	free(lanes);
	return e;
}

enum err verify(struct pool *p, const struct verify_options *o, struct verify_counts *ret_counts, struct fault *f)
{
	struct verifying *v = mem_zalloc(sizeof(*v));
	struct fault why;
	unsigned threads = o->threads < 1 ? 1 : o->threads < THREADS_MAX ? o->threads : THREADS_MAX;
	v->pool = p;
	v->options = o;
	pthread_mutex_init(&v->lock, NULL);
	if (reader_check_lanes(p, &why))
		found(v, "%s", why.text);
	enum err e = load(v, f);
	if (e == OK && (e = first_pass(v, threads, f)) == OK)
		e = second_pass(v, f);
	*ret_counts = v->counts;
	for (unsigned i = 0; i < v->lanes; i++)
		free(v->lane[i].keys), free(v->lane[i].tile_roots);
	free(v->lane);
	pthread_mutex_destroy(&v->lock);
	free(v);
	return e;
}
