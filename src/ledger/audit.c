/* The tree is grown from the entries by the same code that grew it where they were written; each tile that becomes full, and at
 * the end each that did not, is compared with the one that is served.  Which of both is wrong, when they differ, the signed root
 * decides: it follows from the one or from the other. */
#include "ledger/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/record.h"
#include "ledger/removal.h"
#include "ledger/tree.h"
#include "sys/digest.h"

typedef unsigned long long ull;

struct range { uint64_t first, last; };
struct ranges { struct range *v; size_t n, cap; };

struct auditing {
	const struct audit *a;
	const struct checkpoint *now;
	struct audit_counts counts;
	struct tree tree;
	struct tile_source tiles;
	struct buf bundle, hashes, body;
	struct ranges missing, said;  /* bodies that are not there, and what the lane says is gone */
	bool tiles_differ;
	bool over;                    /* what was found allows no more */
};

static void PRINTF(2, 3) found(struct auditing *w, const char *fmt, ...)
{
	char text[700];
	va_list ap;
	if (w->counts.findings++ >= AUDIT_FINDINGS_MAX || !w->a->finding)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->a->finding(w->a->ctx, text);
}

static void ranges_add(struct ranges *r, uint64_t first, uint64_t last)
{
	if (r->n && r->v[r->n - 1].last + 1 == first) {
		r->v[r->n - 1].last = last;
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->v = mem_realloc(r->v, r->cap * sizeof(*r->v));
	}
	r->v[r->n++] = (struct range){ first, last };
}

/* ---- tiles ---- */

static enum err get(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	struct auditing *w = ctx;
	size_t before = out->n;
	enum err e = w->a->get(w->a->ctx, t, out, f);
	if (e == OK) {
		w->counts.tiles++;
		w->counts.octets += out->n - before;
	}
	return e;
}

/* A tile, or a finding: then *ret_there is false. */
static enum err get_or_find(struct auditing *w, const struct tile *t, struct buf *out, bool *ret_there, struct fault *f)
{
	struct fault why = { .text = "" };
	struct buf path = { 0 };
	out->n = 0;
	enum err e = get(w, t, out, &why);
	*ret_there = e == OK;
	if (e == OK && t->level != TILE_ENTRIES && out->n != (size_t)t->width * HASH_OCTETS) {
		e = fault_set(&why, ERR_CORRUPT, "it has %zu octets, and should have %d", out->n, t->width * HASH_OCTETS);
		*ret_there = false;
	}
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT) {
		tile_path(t, &path);
		found(w, "%s is %s: %s", buf_cstr(&path), e == ERR_NOTFOUND ? "missing" : "damaged", why.text);
		buf_release(&path);
		return OK;
	}
	if (e && f)
		*f = why;
	return e;
}

/* Of a level above 0. */
static enum err compare_tile(struct auditing *w, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	const struct tile t = { .level = level, .n = n, .width = (uint16_t)(hashes.n / HASH_OCTETS) };
	struct buf octets = { 0 }, path = { 0 };
	bool there;
	enum err e = get_or_find(w, &t, &octets, &there, f);
	if (e == OK && there && !span_eq(buf_span(&octets), hashes)) {
		tile_path(&t, &path);
		found(w, "%s is not what follows from the entries", buf_cstr(&path));
		w->tiles_differ = true;
	}
	buf_release(&octets);
	buf_release(&path);
	return e;
}

static enum err keep(void *ctx, uint8_t level, uint64_t n, struct span hashes, struct fault *f)
{
	return level && hashes.n == TILE_OCTETS ? compare_tile(ctx, level, n, hashes, f) : OK;
}

/* ---- from an old checkpoint on ---- */

/* The last tiles of the tree of `size` entries, out of wider ones. */
static enum err load_tree(struct tile_source *s, uint64_t size, struct tree *t, struct fault *f)
{
	enum err e = OK;
	for (uint8_t level = 0; level < TILE_LEVELS && e == OK; level++) {
		uint64_t hashes = size >> (8 * level);
		struct tile want = { .level = level, .n = hashes / TILE_WIDTH };
		size_t n = (size_t)(hashes % TILE_WIDTH) * HASH_OCTETS;
		if (!n)
			continue;
		want.width = (uint16_t)tile_width(level, want.n, s->size);
		if ((e = s->get(s->ctx, &want, &t->level[level], f)) == OK && t->level[level].n != (size_t)want.width * HASH_OCTETS)
			e = fault_set(f, ERR_CORRUPT, "tile %llu of level %u has %zu octets", (ull)want.n, level, t->level[level].n);
		t->level[level].n = e ? 0 : n;
	}
	return e ? e : tree_load(t, size, f);
}

/* What the tiles say of the old tree is proved to be part of the new one first, whatever its root was: so if then the root is
 * another than the one that was signed, it is the log that is forked, and no tile that was changed on the way. */
static enum err continues(struct tile_source *s, const struct checkpoint *now, const struct checkpoint *old, struct tree *t,
			  struct merkle_proof *proof, struct fault *f)
{
	struct merkle_source hashes = tile_source_hashes(s);
	uint8_t root[HASH_OCTETS];
	enum err e;
	if (!span_eq(now->origin, old->origin))
		return fault_set(f, ERR_CORRUPT, "the old checkpoint is of another log, \"" SPAN_FMT "\"", SPAN_ARG(span_head(old->origin, 150)));
	if (old->size > now->size)
		return fault_set(f, ERR_RANGE, "rolled back: the log has %llu entries now, and a checkpoint of %llu was signed", (ull)now->size,
				 (ull)old->size);
	if (old->size == now->size && memcmp(old->root, now->root, HASH_OCTETS) != 0)
		return fault_set(f, ERR_CORRUPT, "forked: two different logs of %llu entries were signed", (ull)now->size);
	if ((e = load_tree(s, old->size, t, f)) || (e = merkle_consistency(&hashes, old->size, now->size, proof, f)))
		return e;
	merkle_edge_root(&t->edge, root);
	if (merkle_check_consistency(old->size, root, now->size, now->root, proof, NULL))
		return fault_set(f, ERR_CORRUPT, "the hash tiles do not lead to the root that was signed");
	if (memcmp(root, old->root, HASH_OCTETS) != 0)
		return fault_set(f, ERR_CORRUPT, "forked: the log of %llu entries is no continuation of that of %llu which was signed before",
				 (ull)now->size, (ull)old->size);
	return OK;
}

enum err audit_continues(struct tile_source *s, const struct checkpoint *now, const struct checkpoint *old,
			 struct merkle_proof *ret_proof, struct fault *f)
{
	struct merkle_proof proof;
	struct tree t = { 0 };
	enum err e = continues(s, now, old, &t, &proof, f);
	tree_release(&t);
	if (e == OK && ret_proof)
		*ret_proof = proof;
	return e;
}

static enum err begin(struct auditing *w, const struct checkpoint *old, struct fault *f)
{
	struct fault why = { .text = "" };
	struct merkle_proof proof;
	enum err e = continues(&w->tiles, w->now, old, &w->tree, &proof, &why);
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT || e == ERR_RANGE) {
		found(w, "%s", why.text);
		w->over = true;
		return OK;
	}
	if (e && f)
		*f = why;
	return e;
}

/* ---- bodies ---- */

static enum err check_body(struct auditing *w, uint64_t index, const struct record *r, struct fault *f)
{
	struct fault why = { .text = "" };
	struct buf reason = { 0 };
	uint8_t digest[32];
	uint64_t first, last;
	w->body.n = 0;
	enum err e = w->a->body(w->a->ctx, r->digest, &w->body, &why);
	if ((e == ERR_GONE || e == ERR_NOTFOUND) && entry_erasable(r->kind))
		return ranges_add(&w->missing, index, index), OK;
	if (e == ERR_GONE || e == ERR_NOTFOUND)
		return found(w, "the body of entry %llu is lost: only those of feeds and evidence can be erased", (ull)index), OK;
	if (e == ERR_CORRUPT)
		return found(w, "the body of entry %llu was altered: %s", (ull)index, why.text), OK;
	if (e) {
		if (f)
			*f = why;
		return e;
	}
	w->counts.bodies++;
	w->counts.octets += w->body.n;
	sha256_two(buf_span(&w->body), span_of(NULL, 0), digest);
	if (w->body.n < sizeof(r->digest) || memcmp(digest, r->digest, sizeof(digest)) != 0)
		return found(w, "the body of entry %llu was altered: its digest is not the one in the entry", (ull)index), OK;
	if (r->kind != ENTRY_ERASED && r->kind != ENTRY_PRUNED)
		return OK;
	if (removal_read(span_from(buf_span(&w->body), sizeof(r->digest)), &first, &last, &reason, &why) || last >= index)
		found(w, "entry %llu does not say which bodies are gone", (ull)index);
	else
		ranges_add(&w->said, first, last);
	buf_release(&reason);
	return OK;
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct range *)a)->first, y = ((const struct range *)b)->first;
	return (x > y) - (x < y);
}

static void found_lost(struct auditing *w, uint64_t first, uint64_t last)
{
	if (first == last)
		found(w, "the body of entry %llu is lost: no entry of the lane says that it was erased or pruned", (ull)first);
	else
		found(w, "the bodies of entries %llu to %llu are lost: no entry of the lane says that they were erased or pruned", (ull)first,
		      (ull)last);
}

/* A body may be missing when the lane says so. */
static void check_missing(struct auditing *w)
{
	const struct range *said = w->said.v, *end = said + w->said.n;
	if (w->said.n)
		qsort(w->said.v, w->said.n, sizeof(*w->said.v), by_first);
	for (size_t i = 0; i < w->missing.n; i++) {
		uint64_t at = w->missing.v[i].first, last = w->missing.v[i].last, all = last - at + 1, lost = 0;
		while (said < end && said->last < at)
			said++;
		for (const struct range *s = said; at <= last; s++) {
			uint64_t until = s < end && s->first <= last ? s->first : last + 1;
			if (until > at) {
				found_lost(w, at, until - 1);
				lost += until - at;
				at = until;
			}
			if (at <= last && s->last >= at)
				at = s->last + 1;
		}
		w->counts.gone += all - lost;
	}
}

/* ---- entries ---- */

static enum err check_entry(struct auditing *w, uint64_t index, struct span octets, struct fault *f)
{
	struct record r;
	struct fault why = { .text = "" };
	enum err e = OK;
	w->counts.entries++;
	if (w->a->entry && (e = w->a->entry(w->a->ctx, index, octets, f)) != OK)
		return e;
	if (record_parse(octets, &r, &why)) {
		found(w, "entry %llu is no record: %s", (ull)index, why.text);
		return OK;
	}
	if (r.import > index || (index == 0) != (r.kind == ENTRY_LANE))
		found(w, "entry %llu is out of place: it is of kind \"%s\" and of the import that began at %llu", (ull)index,
		      entry_kind_name(r.kind), (ull)r.import);
	return w->a->body ? check_body(w, index, &r, f) : OK;
}

/* An entry at its place in the tree, and against the hash tile when there is one. */
static enum err take_entry(struct auditing *w, uint64_t index, struct span octets, bool hashes_there, struct fault *f)
{
	uint8_t leaf[HASH_OCTETS];
	size_t at = (size_t)(index % TILE_WIDTH) * HASH_OCTETS;
	merkle_leaf(octets, leaf);
	bool old = index < w->tree.edge.size; /* in the tree already, from the old checkpoint */
	if (hashes_there && memcmp(w->hashes.p + at, leaf, HASH_OCTETS) != 0) {
		found(w, "entry %llu is not the one whose hash is in the hash tile", (ull)index);
		w->tiles_differ = true;
	}
	if (old)
		return OK;
	enum err e = check_entry(w, index, octets, f);
	return e ? e : tree_add(&w->tree, leaf, keep, w, f);
}

static enum err take_bundle(struct auditing *w, uint64_t n, struct fault *f)
{
	struct tile t = { .level = TILE_ENTRIES, .n = n, .width = (uint16_t)tile_width(TILE_ENTRIES, n, w->now->size) };
	bool there, hashes_there;
	enum err e = get_or_find(w, &t, &w->bundle, &there, f);
	if (e || !there) {
		w->over = true;
		return e;
	}
	t.level = 0;
	if ((e = get_or_find(w, &t, &w->hashes, &hashes_there, f)) != OK)
		return e;
	struct span rest = buf_span(&w->bundle), entry;
	unsigned i = 0;
	while (e == OK && i < t.width && bundle_next(&rest, &entry) == OK)
		e = take_entry(w, n * TILE_WIDTH + i++, entry, hashes_there, f);
	if (e == OK && (i < t.width || rest.n)) {
		found(w, "the bundle of entries from %llu on is damaged: %s", (ull)n * TILE_WIDTH,
		      i < t.width ? "it ends in the middle" : "more follows than its entries");
		w->over = true;
	}
	return e;
}

/* ---- whole ---- */

static enum err conclude(struct auditing *w, struct fault *f)
{
	struct merkle_source hashes = tile_source_hashes(&w->tiles);
	uint8_t root[HASH_OCTETS];
	struct merkle_edge edge;
	struct fault why = { .text = "" };
	enum err e = OK;
	for (uint8_t level = 1; level < TILE_LEVELS && e == OK; level++) {
		uint64_t n = (w->now->size >> (8 * level)) / TILE_WIDTH;
		if (w->tree.level[level].n)
			e = compare_tile(w, level, n, buf_span(&w->tree.level[level]), f);
	}
	merkle_edge_root(&w->tree.edge, root);
	if (e)
		return e;
	if (memcmp(root, w->now->root, HASH_OCTETS) == 0) {
		if (w->tiles_differ)
			found(w, "the entries lead to the root that was signed: hash tiles were altered");
		return OK;
	}
	e = merkle_edge_load(&hashes, w->now->size, &edge, &why);
	if (e && e != ERR_NOTFOUND && e != ERR_CORRUPT) {
		if (f)
			*f = why;
		return e;
	}
	if (e == OK)
		merkle_edge_root(&edge, root);
	if (e == OK && memcmp(root, w->now->root, HASH_OCTETS) == 0)
		found(w, "the root is another than the one that was signed, to which the hash tiles lead: entries were altered");
	else
		found(w, "the root is another than the one that was signed: neither entries nor hash tiles lead to it");
	return OK;
}

static enum err run(struct auditing *w, const struct checkpoint *old, struct fault *f)
{
	enum err e = old && old->size ? begin(w, old, f) : OK;
	uint64_t began = w->tree.edge.size, size = w->now->size;
	for (uint64_t n = began / TILE_WIDTH; e == OK && !w->over && n * TILE_WIDTH < size && w->tree.edge.size < size; n++) {
		e = take_bundle(w, n, f);
		if (e == OK && w->a->progress && !w->a->progress(w->a->ctx, w->tree.edge.size - began, size - began))
			e = fault_set(f, ERR_CANCELLED, "stopped after %llu entries", (ull)w->counts.entries);
	}
	if (e || w->over)
		return e;
	check_missing(w);
	return conclude(w, f);
}

enum err audit_lane(const struct audit *a, const struct checkpoint *now, const struct checkpoint *old,
		    struct audit_counts *ret_counts, struct fault *f)
{
	struct auditing w = { .a = a, .now = now };
	w.tiles = (struct tile_source){ .get = get, .ctx = &w, .size = now->size };
	enum err e = run(&w, old, f);
	*ret_counts = w.counts;
	tree_release(&w.tree);
	tile_source_release(&w.tiles);
	buf_release(&w.bundle);
	buf_release(&w.hashes);
	buf_release(&w.body);
	free(w.missing.v);
	free(w.said.v);
	return e;
}
