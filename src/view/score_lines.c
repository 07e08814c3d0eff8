/* Of each group the strongest line for and the strongest against count.  "Stronger" is a total order over all that a line holds:
 * two lines that tie are equal in every field, so that it does not matter which is taken.
 *
 * More lines than there is room for: the last in order is dropped.  A line that was dropped stays so in any order of arrival:
 * the lines before it only ever make way for still earlier ones.
 */
#include "view/score_lines.h"

#include <stdlib.h>

static int cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_keys(const struct table_key *a, const struct table_key *b)
{
	int d = cmp(a->kind, b->kind);
	d = d ? d : cmp(a->prefix, b->prefix);
	d = d ? d : cmp(a->n, b->n);
	return d || a->n == 0 ? d : memcmp(a->p, b->p, a->n);
}

/* Below 0: `a` is the stronger.  Begins as the best evidence is found in score.c: mdb, seen, category, entry. */
static int cmp_strength(const struct score_line *a, const struct score_line *b)
{
	const struct claim *c = &a->claim, *d = &b->claim;
	int r = -cmp(abs(a->mdb), abs(b->mdb));
	r = r ? r : -cmp(a->mdb, b->mdb);
	r = r ? r : -cmp(c->seen, d->seen);
	r = r ? r : -cmp(a->category, b->category);
	r = r ? r : -cmp(c->entry, d->entry);
	r = r ? r : cmp(c->source, d->source);
	r = r ? r : cmp(c->lane, d->lane);
	r = r ? r : cmp(c->stance, d->stance);
	r = r ? r : cmp(c->category, d->category);
	r = r ? r : -cmp(c->confidence, d->confidence);
	r = r ? r : -cmp(c->until, d->until);
	r = r ? r : cmp(c->back, d->back);
	r = r ? r : cmp(c->flags, d->flags);
	r = r ? r : -cmp(a->exact, b->exact);
	return r ? r : cmp_keys(&a->key, &b->key);
}

static int cmp_place(const struct score_line *a, const struct score_line *b)
{
	static const uint8_t rank[LINE_FATES] = {
		[LINE_COUNTS] = 0, [LINE_PROTECTS] = 1, [LINE_GROUP] = 2, [LINE_HOST] = 3, [LINE_KNOWN] = 4, [LINE_RETRACTS] = 5,
		[LINE_RETRACTED] = 6, [LINE_PART] = 7, [LINE_EXPIRED] = 8, [LINE_REPLACED] = 9, [LINE_DISTRUSTED] = 10,
	};
	int r = cmp(rank[a->fate], rank[b->fate]);
	return r ? r : cmp_strength(a, b);
}

/* Do both add to the same side of the same group? */
static bool rivals(const struct score_line *a, const struct score_line *b)
{
	return a->fate == LINE_COUNTS && b->fate == LINE_COUNTS && a->source->group_number == b->source->group_number &&
	       (a->claim.stance == STANCE_FALSE_POSITIVE) == (b->claim.stance == STANCE_FALSE_POSITIVE);
}

void score_lines_add(struct score_lines *l, struct score_line *line)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (!rivals(&l->v[i], line))
			continue;
		if (cmp_strength(&l->v[i], line) <= 0)
			line->fate = LINE_GROUP;
		else
			l->v[i].fate = LINE_GROUP;
		break; /* of a group's side one line counts, so there is one rival */
	}
	if (l->n < SCORE_LINES_MAX) {
		l->v[l->n++] = *line;
		return;
	}
	struct score_line *last = &l->v[0];
	for (unsigned i = 1; i < l->n; i++)
		if (cmp_place(&l->v[i], last) > 0)
			last = &l->v[i];
	if (cmp_place(line, last) < 0)
		*last = *line;
}

static int by_place(const void *a, const void *b)
{
	return cmp_place(a, b);
}

void score_lines_sort(struct score_lines *l)
{
	qsort(l->v, l->n, sizeof(*l->v), by_place);
}
