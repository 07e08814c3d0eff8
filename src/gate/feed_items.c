/* What is in a feed: the keys of the docket's roster that have not changed since it was made, and then those that have, as they are now.
 * Everything that enforces reads here, so here the guard is asked once more: what it protects is in no feed, whatever the lane says. */
#include <stdlib.h>

#include "gate/feed.h"
#include "sys/key.h"
#include "view/protect.h"

enum { EMPTY = 0xffffffff };

struct feed_reading {
	struct docket *docket;
	struct feed feed;
	struct roster *roster;   /* NULL: changes only */
	struct turns turns;
	uint32_t *slot;          /* of a roster: turns by hash of their key, open addressing; NULL: there are none */
	uint32_t mask;
	struct siphash_seed seed;
	uint64_t at;             /* in the roster */
	bool in_turns;
	unsigned round;          /* of changes: first those by which less is in force */
	size_t turn;
};

/* ---- what is wanted of a key ---- */

static force mask_one(const struct feed *feed, force is)
{
	if (is & FORCE_PROTECT)
		return feed->passthru && feed->type == FEED_RPZ ? FORCE_PROTECT : 0;
	return is & feed->wanted;
}

struct force_pair feed_mask(const struct feed *feed, const struct table_key *k, struct force_pair p)
{
	if (!(protect_kinds(k->kind) & feed->kinds))
		return (struct force_pair){ 0, 0 };
	return (struct force_pair){ mask_one(feed, p.self), mask_one(feed, p.below) };
}

struct observable feed_item_observable(const struct feed_item *item)
{
	return (struct observable){
		.kind = item->key.kind, .prefix = item->key.prefix, .n = item->key.n, .key = item->key.p,
		.wildcard = item->key.kind == OBS_DOMAIN && !item->self && item->below,
	};
}

static bool is_nearer(const struct table_key *a, const struct observable *b)
{
	return b->kind == OBS_NONE || a->n > b->n || (a->n == b->n && a->prefix > b->prefix);
}

bool feed_blocks(const struct table_view *v, const struct feed *feed, const struct observable *o, uint32_t tick_s, struct observable *ret_value)
{
	struct table_key key = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	struct observable nearest = { .kind = OBS_NONE };
	struct table_hits h;
	table_lookup(v, &key, &h);
	for (unsigned i = 0; i < h.n; i++) {
		const struct table_key *k = &h.hit[i].key;
		bool below = k->kind == OBS_DOMAIN && (!h.hit[i].exact || o->wildcard);
		struct force_pair p = force_on(v, k, tick_s), wanted = feed_mask(feed, k, p);
		if ((below ? p.below : p.self) & FORCE_PROTECT)
			return false;
		if ((below ? wanted.below : wanted.self) && is_nearer(k, &nearest))
			nearest = (struct observable){ .kind = k->kind, .prefix = k->prefix, .n = k->n, .key = k->p, .wildcard = k->kind == OBS_DOMAIN && !wanted.self };
	}
	if (nearest.kind == OBS_NONE)
		return false;
	*ret_value = nearest;
	return true;
}

/* A pass for what is protected enforces nothing, and needs no leave. */
static bool is_guarded(const struct feed_reading *r, const struct feed_item *item)
{
	if (((item->self | item->below) & ~(force)FORCE_PROTECT) == 0)
		return false;
	struct observable o = feed_item_observable(item);
	bool blocks = (item->self | item->below) & force_blocks(REASONS_ALL);
	return docket_guarded_from(r->docket, &o, blocks ? ACTION_BLOCK : ACTION_CHALLENGE, NULL);
}

static bool take(const struct feed_reading *r, const struct table_key *k, struct force_pair p, struct feed_item *ret_item)
{
	struct force_pair wanted = feed_mask(&r->feed, k, p);
	struct feed_item item = { .key = *k, .self = wanted.self, .below = wanted.below };
	if (!force_any(wanted) || is_guarded(r, &item))
		return false;
	*ret_item = item;
	return true;
}

/* ---- everything ---- */

static bool same_key(const struct table_key *a, const struct table_key *b)
{
	return table_key_header(a) == table_key_header(b) && memcmp(a->p, b->p, a->n) == 0;
}

static uint32_t *find_slot(const struct feed_reading *r, const struct table_key *k)
{
	uint32_t i = (uint32_t)table_hash(r->seed, k) & r->mask;
	while (r->slot[i] != EMPTY && !same_key(&r->turns.turn[r->slot[i]].key, k))
		i = (i + 1) & r->mask;
	return &r->slot[i];
}

static void index_turns(struct feed_reading *r)
{
	if (r->turns.n == 0)
		return;
	for (r->mask = 15; r->mask / 2 < r->turns.n;)
		r->mask = r->mask * 2 + 1;
	random_octets(&r->seed, sizeof(r->seed));
	r->slot = mem_alloc(((size_t)r->mask + 1) * sizeof(*r->slot));
	memset(r->slot, 0xff, ((size_t)r->mask + 1) * sizeof(*r->slot));
	for (size_t i = 0; i < r->turns.n; i++)
		*find_slot(r, &r->turns.turn[i].key) = (uint32_t)i;
}

enum err feed_read(struct docket *d, const struct feed *feed, struct feed_reading **ret_reading, struct fault *f)
{
	struct feed_reading *r = mem_zalloc(sizeof(*r));
	r->docket = d;
	r->feed = *feed;
	enum err e = docket_full(d, &r->roster, &r->turns, f);
	if (e) {
		free(r);
		return e;
	}
	index_turns(r);
	*ret_reading = r;
	return OK;
}

static bool next_of_all(struct feed_reading *r, struct feed_item *ret_item)
{
	struct table_key k;
	struct force_pair p;
	while (!r->in_turns) {
		if (!roster_next(r->roster, &r->at, &k, &p))
			r->in_turns = true;
		else if ((!r->slot || *find_slot(r, &k) == EMPTY) && take(r, &k, p, ret_item))
			return true;
	}
	while (r->turn < r->turns.n) {
		const struct turn *t = &r->turns.turn[r->turn++];
		if (take(r, &t->key, t->after, ret_item))
			return true;
	}
	return false;
}

/* ---- changes ---- */

enum err feed_read_since(struct docket *d, const struct feed *feed, uint64_t serial, struct feed_reading **ret_reading,
			 struct fault *f)
{
	if (feed->from && serial <= feed->from)
		return fault_set(f, ERR_NOTFOUND, "feed \"%s\" became what it is at serial %llu", feed->name, (unsigned long long)feed->from);
	struct feed_reading *r = mem_zalloc(sizeof(*r));
	r->docket = d;
	r->feed = *feed;
	enum err e = docket_since(d, serial, &r->turns, f);
	if (e)
		free(r);
	else
		*ret_reading = r;
	return e;
}

/* By this less is in force: a block goes, or a pass comes. */
static bool is_less(force before, force after)
{
	return (before & ~after & ~(force)FORCE_PROTECT) || (after & ~before & FORCE_PROTECT);
}

static bool next_of_changes(struct feed_reading *r, struct feed_item *ret_item)
{
	for (; r->round < 2; r->round++, r->turn = 0) {
		while (r->turn < r->turns.n) {
			const struct turn *t = &r->turns.turn[r->turn++];
			struct force_pair before = feed_mask(&r->feed, &t->key, t->before), after = feed_mask(&r->feed, &t->key, t->after);
			struct feed_item item = { .key = t->key, .self = after.self, .below = after.below, .was_self = before.self,
						  .was_below = before.below };
			/* It may have been protected only since: then whoever has it must lose it. */
			bool guarded = force_any(after) && is_guarded(r, &item);
			bool less = guarded || is_less(before.self, after.self) || is_less(before.below, after.below);
			if (less != (r->round == 0) || (!guarded && before.self == after.self && before.below == after.below))
				continue;
			if (guarded)
				item.self = item.below = 0;
			*ret_item = item;
			return true;
		}
	}
	return false;
}

/* ---- both ---- */

uint64_t feed_reading_serial(const struct feed_reading *r)
{
	return r->turns.serial;
}

bool feed_next(struct feed_reading *r, struct feed_item *ret_item)
{
	return r->roster ? next_of_all(r, ret_item) : next_of_changes(r, ret_item);
}

void feed_rewind(struct feed_reading *r)
{
	r->at = 0;
	r->in_turns = false;
	r->round = 0;
	r->turn = 0;
}

void feed_reading_free(struct feed_reading *r)
{
	if (!r)
		return;
	roster_drop(r->roster);
	turns_release(&r->turns);
	free(r->slot);
	free(r);
}

enum err feed_reading_end(struct feed_reading *r, feed_visit *visit, void *ctx, uint64_t *ret_serial, struct fault *f)
{
	struct feed_item item;
	enum err e = OK;
	*ret_serial = feed_reading_serial(r);
	while (e == OK && feed_next(r, &item))
		if (!visit(ctx, &item))
			e = fault_set(f, ERR_CANCELLED, "stopped on request");
	feed_reading_free(r);
	return e;
}
