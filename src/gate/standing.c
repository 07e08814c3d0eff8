#include "gate/standing.h"

#include "gate/intake.h"
#include "view/reputation.h"
#include "view/score.h"

struct search {
	clearance clear;
	const char *source;
	struct buf *found;
};

static bool is_statement(const struct claim *c)
{
	return c->stance == STANCE_INDICATOR || c->stance == STANCE_SIGHTING || c->stance == STANCE_FALSE_POSITIVE;
}

/* Of claims that say the same the newest is kept. */
static void keep(struct search *f, const struct claim *c, const struct source *s)
{
	struct standing *all = (struct standing *)(void *)f->found->p, new = { .claim = *c };
	for (size_t i = 0; i < standing_count(f->found); i++)
		if (claim_same(&all[i].claim, c)) {
			if (claim_newer(c, &all[i].claim))
				all[i].claim = *c;
			return;
		}
	memcpy(new.source, s->name, strlen(s->name) + 1);
	new.category = c->category == CAT_UNKNOWN ? s->category : c->category;
	buf_put(f->found, &new, sizeof(new));
}

typedef void claim_visit(struct search *f, const struct claim *c, const struct source *s);

static void each_claim(struct search *f, const struct table_view *v, const struct table_key *k, claim_visit *visit)
{
	const struct meaning *m = v->context;
	for (unsigned level = 0; m && level < v->n; level++) {
		const struct claim *claims;
		unsigned n = image_find(v->level[level], k, &claims);
		for (unsigned i = 0; i < n; i++)
			if (f->clear >> (claims[i].lane & 63) & 1 && source_claim_counts((void *)(uintptr_t)m->sources, &claims[i]))
				visit(f, &claims[i], source_get(m->sources, claims[i].source));
	}
}

static void take_statement(struct search *f, const struct claim *c, const struct source *s)
{
	if (is_statement(c) && (!f->source || strcmp(f->source, s->name) == 0))
		keep(f, c, s);
}

/* Once the newest are known. */
static void take_rest(struct search *f, const struct claim *c, const struct source *s)
{
	struct standing *all = (struct standing *)(void *)f->found->p;
	for (size_t i = 0; i < standing_count(f->found); i++) {
		all[i].back |= score_takes_back(c, &all[i].claim);
		if (all[i].claim.source == c->source)
			all[i].confidence = all[i].claim.confidence == CONFIDENCE_ABSENT ? s->confidence : all[i].claim.confidence;
	}
}

void standing_find(struct table *t, clearance clear, const char *source, const struct observable *o, struct buf *ret_found)
{
	struct table_key k = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	struct search f = { .clear = clear, .source = source, .found = ret_found };
	ret_found->n = 0;
	const struct table_view *v = table_enter(t);
	each_claim(&f, v, &k, take_statement);
	if (ret_found->n)
		each_claim(&f, v, &k, take_rest);
	table_leave(t);
}

bool standing_is(const struct standing *s, uint8_t lane, const char *source, const struct feed_claim *c)
{
	bool wildcard = (s->claim.flags & CLAIM_WILDCARD) != 0, part = (s->claim.flags & CLAIM_PART) != 0;
	return s->claim.lane == lane && s->claim.category == c->category && s->claim.stance == c->stance && wildcard == c->obs.wildcard &&
	       part == c->part && strcmp(s->source, source) == 0;
}

bool standing_entry(struct table *t, const char *source, uint64_t number, uint64_t import)
{
	const struct table_view *v = table_enter(t);
	const struct meaning *m = v->context;
	const struct source *s = m ? source_find(m->sources, span_str(source)) : NULL;
	struct claim c = { .entry = (uint32_t)number, .back = intake_back(number, import) };
	bool counts = s != NULL;
	if (counts) {
		c.source = s->number;
		counts = number <= UINT32_MAX && source_claim_counts((void *)(uintptr_t)m->sources, &c);
	}
	table_leave(t);
	return counts;
}
