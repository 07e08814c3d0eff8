/* Rows in an array, and their places by hash of their key with open addressing; a removal closes its gap (Knuth 6.4, algorithm R). */
#include "enforce/values.h"

#include <stdlib.h>

#include "base/siphash.h"
#include "sys/key.h"

enum { EMPTY = 0xffffffff, KEY = 18 /* address, octets and prefix stand first in a row */ };

struct values {
	struct value *row;
	size_t n, room;
	uint32_t *slot;
	uint32_t mask;
	struct siphash_seed seed;
};

struct values *values_new(void)
{
	struct values *v = mem_zalloc(sizeof(*v));
	random_octets(&v->seed, sizeof(v->seed));
	v->mask = 63;
	v->slot = mem_alloc((v->mask + 1) * sizeof(*v->slot));
	memset(v->slot, 0xff, (v->mask + 1) * sizeof(*v->slot));
	return v;
}

void values_free(struct values *v)
{
	if (!v)
		return;
	free(v->row);
	free(v->slot);
	free(v);
}

size_t values_count(const struct values *v)
{
	return v->n;
}

struct value *values_at(struct values *v, size_t i)
{
	return &v->row[i];
}

static uint32_t home(const struct values *v, const struct value *one)
{
	return (uint32_t)siphash13(v->seed, one, KEY) & v->mask;
}

/* Where it stands, or the gap where it would. */
static uint32_t find_slot(const struct values *v, const struct value *key)
{
	uint32_t i = home(v, key);
	while (v->slot[i] != EMPTY && memcmp(&v->row[v->slot[i]], key, KEY) != 0)
		i = (i + 1) & v->mask;
	return i;
}

static void grow(struct values *v)
{
	size_t slots = ((size_t)v->mask + 1) * 2;
	free(v->slot);
	v->mask = (uint32_t)slots - 1;
	v->slot = mem_alloc(slots * sizeof(*v->slot));
	memset(v->slot, 0xff, slots * sizeof(*v->slot));
	for (size_t i = 0; i < v->n; i++)
		v->slot[find_slot(v, &v->row[i])] = (uint32_t)i;
}

static bool to_key(const struct observable *o, struct value *ret_key)
{
	bool address = o->kind == OBS_IPV4 || o->kind == OBS_IPV6;
	*ret_key = (struct value){ .octets = (uint8_t)o->n, .prefix = address ? (uint8_t)(8 * o->n) : o->prefix };
	if (!address && o->kind != OBS_CIDR4 && o->kind != OBS_CIDR6)
		return false;
	memcpy(ret_key->address, o->key, o->n);
	return true;
}

struct value *values_find(struct values *v, const struct observable *o)
{
	struct value key;
	uint32_t at = to_key(o, &key) ? v->slot[find_slot(v, &key)] : EMPTY;
	return at == EMPTY ? NULL : &v->row[at];
}

struct value *values_find_address(struct values *v, const uint8_t *address, uint8_t octets)
{
	return values_find(v, &(struct observable){ .kind = octets == 4 ? OBS_IPV4 : OBS_IPV6, .n = octets, .key = address });
}

struct value *values_put(struct values *v, const struct observable *o)
{
	struct value key;
	if (!to_key(o, &key))
		return NULL;
	uint32_t at = find_slot(v, &key);
	if (v->slot[at] != EMPTY)
		return &v->row[v->slot[at]];
	if ((v->n + 1) * 2 > v->mask) {
		grow(v);
		at = find_slot(v, &key);
	}
	if (v->n == v->room) {
		v->room = v->room ? v->room * 2 : 64;
		v->row = mem_realloc(v->row, v->room * sizeof(*v->row));
	}
	v->slot[at] = (uint32_t)v->n;
	v->row[v->n] = key;
	return &v->row[v->n++];
}

void values_remove(struct values *v, const struct value *one)
{
	uint32_t gap = find_slot(v, one), row = v->slot[gap];
	for (uint32_t i = (gap + 1) & v->mask; v->slot[i] != EMPTY; i = (i + 1) & v->mask) {
		uint32_t from = home(v, &v->row[v->slot[i]]);
		if (((i - from) & v->mask) >= ((i - gap) & v->mask)) { /* it may stand in the gap */
			v->slot[gap] = v->slot[i];
			gap = i;
		}
	}
	v->slot[gap] = EMPTY;
	if (row != --v->n) {
		uint32_t last = find_slot(v, &v->row[v->n]);
		v->row[row] = v->row[v->n];
		v->slot[last] = row;
	}
}

struct observable value_observable(const struct value *v)
{
	bool v4 = v->octets == 4, whole = value_is_address(v);
	return (struct observable){
		.kind = v4 ? whole ? OBS_IPV4 : OBS_CIDR4 : whole ? OBS_IPV6 : OBS_CIDR6, .prefix = whole ? 0 : v->prefix,
		.n = v->octets, .key = v->address,
	};
}
