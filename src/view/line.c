/* Of each group the strongest line for and the strongest against count.  "Stronger" is a total order over all that a
 * line holds: two lines that tie are equal in every field, so that it does not matter which is taken.
 *
 * More lines than there is room for: the last in order is dropped.  A line that was dropped stays so in any order of
 * arrival: the lines before it only ever make way for still earlier ones.
 */
#include "view/line.h"

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
		[LINE_COUNTS] = 0, [LINE_PROTECTS] = 1, [LINE_MET] = 2, [LINE_GROUP] = 3, [LINE_HOST] = 4, [LINE_KNOWN] = 5, [LINE_RETRACTS] = 6,
		[LINE_RETRACTED] = 7, [LINE_PART] = 8, [LINE_EXPIRED] = 9, [LINE_REPLACED] = 10, [LINE_DISTRUSTED] = 11,
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

const char *score_line_fate(enum line_fate fate)
{
	static const char *const words[LINE_FATES] = {
		[LINE_COUNTS] = "counts", [LINE_GROUP] = "group", [LINE_REPLACED] = "replaced", [LINE_EXPIRED] = "expired",
		[LINE_DISTRUSTED] = "distrusted", [LINE_PART] = "part", [LINE_KNOWN] = "known", [LINE_PROTECTS] = "protects",
		[LINE_RETRACTED] = "retracted", [LINE_RETRACTS] = "retracts", [LINE_HOST] = "host",
		[LINE_MET] = "met",
	};
	return fate < LINE_FATES ? words[fate] : "unknown";
}

const char *score_line_stance(uint8_t stance)
{
	static const char *const words[] = {
		[STANCE_INDICATOR] = "indicator", [STANCE_SIGHTING] = "sighting", [STANCE_FALSE_POSITIVE] = "false-positive",
		[STANCE_RETRACTED] = "retracted", [STANCE_PROTECTED] = "protected", [STANCE_KNOWN] = "known",
		[STANCE_MET] = "met", [STANCE_UNSAID + STANCE_INDICATOR] = "retracted", [STANCE_UNSAID + STANCE_SIGHTING] = "retracted",
		[STANCE_UNSAID + STANCE_FALSE_POSITIVE] = "retracted",
	};
	return stance < COUNT_OF(words) && words[stance] ? words[stance] : "unknown";
}

const char *score_line_match(const struct score_line *l, uint8_t asked_kind)
{
	if ((asked_kind == OBS_URL || asked_kind == OBS_EMAIL) && l->key.kind != asked_kind)
		return "host";
	if (l->exact)
		return "exact";
	return l->key.kind == OBS_DOMAIN ? "parent" : "prefix"; /* of a URL too */
}

struct observable score_line_key(const struct score_line *l)
{
	return (struct observable){
		.kind = l->key.kind, .prefix = l->key.prefix, .wildcard = (l->claim.flags & CLAIM_WILDCARD) != 0,
		.n = l->key.n, .key = l->key.p,
	};
}
