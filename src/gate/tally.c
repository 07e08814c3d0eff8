#include "gate/tally.h"

#include <stdio.h>
#include <string.h>

void tally_add(struct tally *t, const char *what)
{
	unsigned k = 0;
	if (!what)
		what = "other";
	while (k < t->n && strncmp(t->row[k].what, what, TALLY_NAME_MAX) != 0)
		k++;
	if (k == TALLY_NAMES)
		k--;
	else if (k == t->n)
		snprintf(t->row[t->n++].what, sizeof(t->row[k].what), "%s", what);
	t->row[k].n++;
}
