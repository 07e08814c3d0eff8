#include "gate/lane_digest.h"

#include <stdio.h>
#include <stdlib.h>

#include "gate/fold.h"
#include "sys/digest.h"

/* Where an entry stands, and whose it is. */
struct place {
	uint64_t index;
	uint32_t source;  /* its name is at this offset of names */
};

struct sum {
	bool wanted;
	uint64_t sum[4]; /* least significant first */
	uint64_t keys, claims;
};

struct digesting {
	struct sum lane[LANES_MAX];
	struct place *place; /* by number of the entry */
	uint64_t limit;
	struct buf names;    /* "name\0name\0" */
	uint32_t last_name;
	struct buf octets;
	struct buf *claim;   /* of the key that is visited */
	unsigned room;
};

/* Names come in runs: an import is of one source. */
static uint32_t name_of(struct digesting *d, const char *name)
{
	if (d->names.n && strcmp((const char *)d->names.p + d->last_name, name) == 0)
		return d->last_name;
	for (uint32_t at = 0; at < d->names.n; at += (uint32_t)strlen((const char *)d->names.p + at) + 1)
		if (strcmp((const char *)d->names.p + at, name) == 0)
			return d->last_name = at;
	d->last_name = (uint32_t)d->names.n;
	buf_put(&d->names, name, strlen(name) + 1);
	return d->last_name;
}

static enum err note_place(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct digesting *d = ctx;
	(void)none;
	(void)f;
	if (e->number < d->limit && (e->kind == ENTRY_FEED || e->kind == ENTRY_HITS))
		d->place[e->number] = (struct place){ e->index, name_of(d, e->kind == ENTRY_HITS ? HITS_SOURCE : e->source) };
	return OK;
}

static int by_octets(const void *a, const void *b)
{
	const struct buf *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void put_claim(struct digesting *d, const struct claim *c, struct buf *out)
{
	const struct place *at = &d->place[c->entry < d->limit ? c->entry : 0];
	const char *name = d->names.n ? (const char *)d->names.p + at->source : "";
	out->n = 0;
	buf_putle(out, at->index, 8);
	buf_putle(out, c->seen, 4);
	buf_putle(out, c->until, 4);
	buf_putc(out, c->category);
	buf_putc(out, c->confidence);
	buf_putc(out, c->stance);
	buf_putc(out, c->flags & (15 - CLAIM_FIRST));
	buf_putc(out, (uint8_t)strlen(name));
	buf_puts(out, name);
}

static void add(struct sum *s, const uint8_t hash[32], unsigned claims)
{
	unsigned carry = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t word = 0;
		for (unsigned j = 8; j-- > 0;)
			word = word << 8 | hash[8 * i + j];
		unsigned __int128 sum = (unsigned __int128)s->sum[i] + word + carry;
		s->sum[i] = (uint64_t)sum;
		carry = (unsigned)(sum >> 64);
	}
	s->keys++;
	s->claims += claims;
}

static void add_of_lane(struct digesting *d, const struct table_key *k, const struct claim *claims, unsigned n, uint8_t lane)
{
	uint8_t hash[32];
	unsigned found = 0;
	for (unsigned i = 0; i < n; i++)
		if (claims[i].lane == lane)
			put_claim(d, &claims[i], &d->claim[found++]);
	qsort(d->claim, found, sizeof(*d->claim), by_octets);
	d->octets.n = 0;
	buf_putle(&d->octets, k->kind, 1);
	buf_putle(&d->octets, k->prefix, 1);
	buf_putle(&d->octets, k->n, 2);
	buf_put(&d->octets, k->p, k->n);
	for (unsigned i = 0; i < found; i++)
		buf_putspan(&d->octets, buf_span(&d->claim[i]));
	sha256_two(buf_span(&d->octets), span_of(NULL, 0), hash);
	add(&d->lane[lane], hash, found);
}

static void add_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct digesting *d = ctx;
	uint64_t done = 0;
	if (n > d->room) {
		d->claim = mem_realloc(d->claim, n * sizeof(*d->claim));
		memset(d->claim + d->room, 0, (n - d->room) * sizeof(*d->claim));
		d->room = n;
	}
	for (unsigned i = 0; i < n; i++) {
		uint8_t lane = claims[i].lane;
		if (lane >= LANES_MAX || done >> lane & 1)
			continue;
		done |= UINT64_C(1) << lane;
		if (d->lane[lane].wanted)
			add_of_lane(d, k, claims, n, lane);
	}
}

static void finish(struct digesting *d, const struct lane *l, struct lane_digest *ret_digest)
{
	const struct sum *s = &d->lane[l->number];
	*ret_digest = (struct lane_digest){ .size = l->size, .keys = s->keys, .claims = s->claims };
	snprintf(ret_digest->name, sizeof(ret_digest->name), "%s", l->name);
	snprintf(ret_digest->origin, sizeof(ret_digest->origin), "%s", l->origin);
	d->octets.n = 0;
	for (unsigned i = 0; i < 4; i++)
		buf_putle(&d->octets, s->sum[i], 8);
	buf_putle(&d->octets, s->keys, 8);
	buf_putle(&d->octets, s->claims, 8);
	sha256_two(buf_span(&d->octets), span_of(NULL, 0), ret_digest->digest);
}

static void release(struct digesting *d)
{
	for (unsigned i = 0; i < d->room; i++)
		buf_release(&d->claim[i]);
	buf_release(&d->names);
	buf_release(&d->octets);
	free(d->claim);
	free(d->place);
	free(d);
}

static enum err sum_up(struct node *n, struct digesting *d, clearance wanted, struct fault *f)
{
	struct ledger *l = node_ledger(n);
	d->limit = ledger_last(l) + 1;
	d->place = mem_zalloc((size_t)d->limit * sizeof(*d->place));
	enum err e = ledger_each(l, wanted, 1, false, note_place, d, f);
	if (e)
		return e;
	const struct source_set *sources = fold_sources(node_write_begin(n));
	e = table_each(node_table(n), source_claim_counts, (void *)(uintptr_t)sources, add_key, d, f);
	node_write_end(n);
	return e;
}

enum err node_lane_digests(struct node *n, const char *name, struct lane_digest *ret_digests, unsigned *ret_n, struct fault *f)
{
	struct digesting *d = mem_zalloc(sizeof(*d));
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned all = ledger_lanes(node_ledger(n), CLEARANCE_ALL, lanes);
	clearance wanted = 0;
	*ret_n = 0;
	for (unsigned i = 0; i < all; i++) {
		if (name && strcmp(name, lanes[i].name) != 0)
			continue;
		wanted |= (clearance)1 << lanes[i].number;
		d->lane[lanes[i].number].wanted = true;
	}
	enum err e = wanted ? sum_up(n, d, wanted, f) : fault_set(f, ERR_NOTFOUND, "there is no lane \"%s\"", name ? name : "");
	for (unsigned i = 0; i < all && e == OK; i++)
		if (d->lane[lanes[i].number].wanted)
			finish(d, &lanes[i], &ret_digests[(*ret_n)++]);
	release(d);
	free(lanes);
	return e;
}
