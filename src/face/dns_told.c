#include "face/dns_told.h"

#include <stdlib.h>

#include "base/buf.h"

enum { MEMORY = 256 };

struct dns_told {
	const struct dns_decisions *from;
	struct {
		uint32_t entry, until_s; /* entry 0: none */
		uint64_t index;
	} memory[MEMORY];
};

struct dns_told *dns_told_new(const struct dns_decisions *d)
{
	struct dns_told *t = mem_zalloc(sizeof(*t));
	t->from = d;
	return t;
}

void dns_told_free(struct dns_told *t)
{
	free(t);
}

bool dns_told_name(struct dns_told *t, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s)
{
	size_t at = entry % MEMORY;
	if (entry == 0)
		return false;
	if (t->memory[at].entry != entry) {
		uint64_t index;
		uint32_t until_s;
		if (!t->from->decision || !t->from->decision(t->from->ctx, entry, &index, &until_s))
			return false;
		t->memory[at].entry = entry;
		t->memory[at].index = index;
		t->memory[at].until_s = until_s;
	}
	*ret_index = t->memory[at].index;
	*ret_until_s = t->memory[at].until_s;
	return true;
}

void dns_told_force(const struct dns_now *now, const struct observable *value, size_t n, force *ret_force, uint32_t *ret_entry)
{
	if (!now->decided || now->decided->n == 0) {
		memset(ret_force, 0, n * sizeof(*ret_force));
		memset(ret_entry, 0, n * sizeof(*ret_entry));
		return;
	}
	force_of_many(now->decided, value, n, now->tick_s, ret_force, ret_entry);
	for (size_t i = 0; now->told && now->told->from->guarded && i < n; i++)
		if (ret_force[i] & ~(force)FORCE_PROTECT && now->told->from->guarded(now->told->from->ctx, &value[i]))
			ret_force[i] = ret_entry[i] = 0;
}
