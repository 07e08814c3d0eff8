#include "sys/suffix.h"

#include <libpsl.h>

enum { NAME_OCTETS_MAX = 253, LABELS_MAX = 6 /* of a rule: the longest have five */ };

static bool is_suffix(struct span name, int type)
{
	char text[NAME_OCTETS_MAX + 1];
	unsigned labels = 1;
	for (size_t i = 0; i < name.n && labels <= LABELS_MAX; i++)
		labels += name.p[i] == '.';
	if (name.n == 0 || name.n > NAME_OCTETS_MAX || labels > LABELS_MAX)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	return psl_is_public_suffix2(psl_builtin(), text, type | PSL_TYPE_NO_STAR_RULE);
}

bool suffix_is_public(struct span name)
{
	return is_suffix(name, PSL_TYPE_ANY);
}

bool suffix_is_registry(struct span name)
{
	return is_suffix(name, PSL_TYPE_ICANN);
}
