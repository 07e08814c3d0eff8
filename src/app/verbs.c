#include "app/verbs.h"

static const struct verb *const own[] = { &verb_init, &verb_serve, &verb_snapshot, &verb_feed, &verb_enforce, &verb_bgp };

const struct verb *verb_at(size_t i)
{
	if (i < COUNT_OF(own))
		return own[i];
	i -= COUNT_OF(own);
	for (size_t k = 0; cli_verbs[k]; k++)
		if (k == i)
			return cli_verbs[k];
	return NULL;
}

const struct verb *verb_find(const char *name)
{
	const struct verb *v;
	for (size_t i = 0; (v = verb_at(i)); i++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}
