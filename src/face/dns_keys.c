/* Open addressing.  A key that is taken away leaves a mark, so that those behind it are still found; its place is given away again only
 * when no other is left, so that its consumer's count stays for as long as possible. */
#include "face/dns_keys.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"

enum { NEVER, GONE, HASHES /* from here on */ };

_Static_assert((int)DNS_KEYS_MAX <= (int)DNS_KEY_PLACES / 2, "there is always a free place, and chains are short");

struct dns_keys {
	struct siphash_seed seed;
	_Atomic uint64_t hash[DNS_KEY_PLACES];
	char name[DNS_KEY_PLACES][DNS_CONSUMER_MAX + 1];
};

struct dns_keys *dns_keys_new(struct siphash_seed seed)
{
	struct dns_keys *k = mem_zalloc(sizeof(*k));
	k->seed = seed;
	return k;
}

void dns_keys_free(struct dns_keys *k)
{
	free(k);
}

static uint64_t hash_of(const struct dns_keys *k, struct span label)
{
	return siphash13(k->seed, label.p, label.n) | HASHES;
}

static uint64_t at(const struct dns_keys *k, uint64_t place)
{
	return atomic_load_explicit(&k->hash[place % DNS_KEY_PLACES], memory_order_acquire);
}

static int find(const struct dns_keys *k, uint64_t hash)
{
	for (uint64_t i = 0; i < DNS_KEY_PLACES; i++) {
		uint64_t there = at(k, hash / HASHES + i);
		if (there == hash)
			return (int)((hash / HASHES + i) % DNS_KEY_PLACES);
		if (there == NEVER)
			break;
	}
	return -1;
}

int dns_keys_find(const struct dns_keys *k, struct span label)
{
	return find(k, hash_of(k, label));
}

const char *dns_keys_name(const struct dns_keys *k, unsigned place)
{
	return k->name[place];
}

static unsigned place_for(const struct dns_keys *k, uint64_t hash)
{
	static const uint64_t wanted[] = { NEVER, GONE };
	for (size_t w = 0; w < COUNT_OF(wanted); w++)
		for (uint64_t i = 0; i < DNS_KEY_PLACES; i++)
			if (at(k, hash / HASHES + i) == wanted[w])
				return (unsigned)((hash / HASHES + i) % DNS_KEY_PLACES);
	return 0; /* not with DNS_KEYS_MAX keys */
}

void dns_keys_set(struct dns_keys *k, const struct dns_key *key, unsigned n, void (*fresh)(void *ctx, unsigned place), void *ctx)
{
	uint64_t hash[DNS_KEYS_MAX];
	n = n < DNS_KEYS_MAX ? n : DNS_KEYS_MAX;
	for (unsigned i = 0; i < n; i++)
		hash[i] = hash_of(k, key[i].label);
	for (unsigned p = 0; p < DNS_KEY_PLACES; p++) {
		unsigned i = 0;
		while (i < n && hash[i] != at(k, p))
			i++;
		if (i == n && at(k, p) >= HASHES)
			atomic_store_explicit(&k->hash[p], GONE, memory_order_release);
	}
	for (unsigned i = 0; i < n; i++) {
		if (find(k, hash[i]) >= 0)
			continue;
		unsigned p = place_for(k, hash[i]);
		if (k->name[p][0] && strcmp(k->name[p], key[i].consumer) != 0)
			fresh(ctx, p);
		snprintf(k->name[p], sizeof(k->name[p]), "%s", key[i].consumer);
		atomic_store_explicit(&k->hash[p], hash[i], memory_order_release);
	}
}
