#include "view/met.h"

#include <stdlib.h>

#include "base/buf.h"

enum { ROOM_LEAST = 256 };

/* Open addressing, at most half full; hits 0: free. */
struct slot {
	uint64_t hash, of;
	uint32_t hits;
};

struct met {
	struct siphash_seed seed;
	bool (*is_over)(void *ctx, uint64_t of);
	void *ctx;
	struct slot *slot;
	size_t n, room; /* room: a power of two */
};

struct met *met_new(struct siphash_seed seed, bool (*is_over)(void *ctx, uint64_t of), void *ctx)
{
	struct met *m = mem_zalloc(sizeof(*m));
	*m = (struct met){ .seed = seed, .is_over = is_over, .ctx = ctx, .room = ROOM_LEAST, .slot = mem_zalloc(ROOM_LEAST * sizeof(*m->slot)) };
	return m;
}

void met_free(struct met *m)
{
	if (!m)
		return;
	free(m->slot);
	free(m);
}

/* Its own, or the free one where it would be. */
static struct slot *find(const struct met *m, uint64_t hash)
{
	size_t i = hash & (m->room - 1);
	while (m->slot[i].hits && m->slot[i].hash != hash)
		i = (i + 1) & (m->room - 1);
	return &m->slot[i];
}

/* Twice the room, if what is left when the rest is dropped still needs it. */
static void make_room(struct met *m)
{
	struct slot *old = m->slot;
	size_t old_room = m->room, left = 0;
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].hits && m->is_over(m->ctx, old[i].of))
			old[i].hits = 0;
		left += old[i].hits != 0;
	}
	m->room = left > old_room / 4 ? 2 * old_room : old_room;
	m->slot = mem_zalloc(m->room * sizeof(*m->slot));
	m->n = left;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].hits)
			*find(m, old[i].hash) = old[i];
	free(old);
}

void met_add(struct met *m, const struct table_key *k, uint64_t of, uint64_t n)
{
	uint64_t hash = table_hash(m->seed, k);
	if (n == 0)
		return;
	if (m->n == m->room / 2)
		make_room(m);
	struct slot *s = find(m, hash);
	m->n += s->hits == 0;
	s->hash = hash;
	s->of = of;
	s->hits = n < UINT32_MAX - s->hits ? s->hits + (uint32_t)n : UINT32_MAX;
}

uint32_t met_count(const struct met *m, const struct table_key *k)
{
	return find(m, table_hash(m->seed, k))->hits;
}

size_t met_values(const struct met *m)
{
	return m->n;
}
