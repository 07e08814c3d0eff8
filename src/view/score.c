/* Adding up the evidence on one observable (docs/scoring.md).
 *
 * Each claim is weighed alone: weight of its source, confidence, decay.  Of each independence group the strongest for
 * and the strongest against count; their sum is the score.  Only maxima and sums of integers are formed, so the order
 * in which claims are met does not matter.
 *
 * The table may hold one thing several times, a level each: of claims that say the same again (claim_same) only the
 * newest stands, as if the levels had been merged.  And a source may take its claims back.  Both concern claims of one
 * source, and mostly a few sources say one thing each: that is added up in one quick pass, which gives up when a source is
 * met a second time, when there are more than a few, when something is protected, and when hits make it fresh.  Then, and when
 * somebody wants to see the lines, it is done with care.
 */
#include "view/score.h"

#include "view/protect.h"

/* Strongest claim for and against, by number of source or of group.  Few are searched in order, when a filter of one
 * word does not say that the number is new; many by an index. */
enum { TALLY_FEW = 32 };

struct tally {
	unsigned n;
	uint64_t filter; /* bit number % 64 of all that are there */
	struct slot {
		uint16_t number, plus, minus; /* at most SOURCE_WEIGHT_MAX * 1000 mdb */
	} slot[SOURCES_MAX];
	uint16_t index[SOURCES_MAX]; /* number to slot + 1, when there are more than TALLY_FEW */
};

_Static_assert(SOURCE_WEIGHT_MAX * 1000 <= UINT16_MAX, "a slot holds the strongest claim");

static struct slot *tally_append(struct tally *t, uint16_t number)
{
	t->slot[t->n++] = (struct slot){ .number = number };
	t->filter |= 1ULL << (number & 63);
	if (t->n == TALLY_FEW + 1) {
		memset(t->index, 0, sizeof(t->index));
		for (unsigned i = 0; i < t->n; i++)
			t->index[t->slot[i].number] = (uint16_t)(i + 1);
	} else if (t->n > TALLY_FEW + 1) {
		t->index[number] = (uint16_t)t->n;
	}
	return &t->slot[t->n - 1];
}

static struct slot *tally_at(struct tally *t, uint16_t number)
{
	unsigned i = 0;
	if (!(t->filter >> (number & 63) & 1))
		i = t->n;
	else if (t->n <= TALLY_FEW)
		while (i < t->n && t->slot[i].number != number)
			i++;
	else
		i = t->index[number] ? t->index[number] - 1U : t->n;
	return i < t->n ? &t->slot[i] : tally_append(t, number);
}

/* The question, as it was asked. */
struct ask {
	const struct table_hits *hits;
	unsigned n_hits, n_sources;
	const struct source_set *sources;
	const struct source_worth *worth; /* by number */
	clearance clear;
	uint32_t now_s;
	uint8_t kind, kinds;
	bool has_host;     /* of a URL or an e-mail address: keys of other kinds are about its host */
	bool host_guarded; /* and that is protected or known */
	bool met;          /* some of the claims are hits */
};

/* What the lines of evidence say together. */
struct evidence {
	unsigned n_claims; /* that concern what was asked, evidence or not */
	uint32_t categories, seen;
	uint64_t lanes;
	struct best {
		int32_t mdb;
		uint8_t category;
		const struct table_hit *hit;
		const struct claim *claim;
	} best;
};

struct sum {
	struct evidence evidence;
	bool guarded, host_protected;
	uint16_t protector, host_protector;
	struct tally by_source;
};

static inline bool visible(const struct ask *a, const struct claim *c)
{
	return a->clear >> (c->lane & 63) & 1 && c->source < a->n_sources;
}

static inline bool about_host(const struct ask *a, const struct table_hit *h)
{
	return a->has_host && h->key.kind != a->kind;
}

/* Does the claim say something about what was asked? */
static inline bool concerns(const struct ask *a, const struct table_hit *h, const struct claim *c)
{
	if (c->flags & (h->exact ? CLAIM_WILDCARD : CLAIM_EXACT))
		return false;
	if (c->stance == STANCE_PROTECTED || c->stance == STANCE_KNOWN)
		return c->confidence & (a->kinds | protect_kinds(h->key.kind));
	return c->stance <= STANCE_MET || stance_takes_back(c->stance);
}

/* What becomes of the claim, but for its group and what its source said before or after. */
static inline enum line_fate fate_alone(const struct ask *a, const struct table_hit *h, const struct claim *c,
					const struct source_worth *s)
{
	if (UNLIKELY(s->weight_db == 0))
		return LINE_DISTRUSTED;
	if (UNLIKELY(claim_import(c) < s->floor))
		return LINE_REPLACED;
	if (UNLIKELY(stance_takes_back(c->stance)))
		return LINE_RETRACTS;
	if (UNLIKELY(c->until && c->until <= a->now_s))
		return LINE_EXPIRED;
	if (c->stance == STANCE_PROTECTED)
		return LINE_PROTECTS;
	if (c->stance >= STANCE_KNOWN)
		return c->stance == STANCE_KNOWN ? LINE_KNOWN : LINE_MET;
	if (UNLIKELY(c->flags & CLAIM_PART))
		return LINE_PART;
	return UNLIKELY(a->host_guarded) && about_host(a, h) ? LINE_HOST : LINE_COUNTS;
}

/* The numbers of a claim on a key of `kind` that has the fate, and was seen at `seen_s`. */
struct weight {
	uint32_t age_s;
	int32_t mdb;
	uint16_t lifetime_d, speed_x10, decay;
	uint8_t confidence, category;
};

static inline struct weight weigh(const struct claim *c, const struct source_worth *s, uint8_t kind, enum line_fate fate,
				  uint32_t seen_s, uint32_t now_s)
{
	struct weight w;
	bool guards = c->stance == STANCE_PROTECTED || c->stance == STANCE_KNOWN;
	unsigned confidence = c->confidence == CONFIDENCE_ABSENT ? s->confidence : c->confidence;
	w.confidence = guards ? 0 : confidence > 100 ? 100 : (uint8_t)confidence;
	w.category = c->category == CAT_UNKNOWN ? s->category : c->category;
	w.age_s = now_s > seen_s ? now_s - seen_s : 0;
	w.lifetime_d = s->lifetime_d;
	w.speed_x10 = s->speed_x10;
	if (s->lifetime_d == 0 || s->speed_x10 == 0) {
		uint16_t lifetime_d, speed_x10;
		score_lifetime(kind, w.category, &lifetime_d, &speed_x10);
		w.lifetime_d = s->lifetime_d ? s->lifetime_d : lifetime_d;
		w.speed_x10 = s->speed_x10 ? s->speed_x10 : speed_x10;
	}
	w.decay = score_decay(w.age_s, w.lifetime_d, w.speed_x10);
	w.mdb = 0;
	if (fate == LINE_COUNTS) /* weight * 1000 * confidence * decay / (100 * 1024), reduced */
		w.mdb = (int32_t)(s->weight_db * 10U * w.confidence * w.decay / 1024);
	if (c->stance == STANCE_FALSE_POSITIVE)
		w.mdb = -w.mdb;
	return w;
}

static bool same_key(const struct table_key *a, const struct table_key *b)
{
	return a->kind == b->kind && a->prefix == b->prefix && a->n == b->n && (a->p == b->p || memcmp(a->p, b->p, a->n) == 0);
}

bool score_takes_back(const struct claim *r, const struct claim *c)
{
	unsigned flags = CLAIM_WILDCARD;
	if (claim_import(c) > claim_import(r) || r->source != c->source || r->lane != c->lane)
		return false;
	if (r->stance == STANCE_RETRACTED) {
		if (c->stance != STANCE_INDICATOR && c->stance != STANCE_SIGHTING)
			return false;
	} else {
		if (r->stance < STANCE_UNSAID || r->stance - STANCE_UNSAID != c->stance || r->category != c->category)
			return false;
		flags |= CLAIM_PART;
	}
	return ((r->flags ^ c->flags) & flags) == 0;
}

static bool takes_back(const struct ask *a, const struct claim *r, const struct claim *c)
{
	return score_takes_back(r, c) && claim_import(r) >= a->worth[r->source].floor;
}

enum standing { STANDS, TAKEN_BACK, SAID_AGAIN };

/* What other claims of the same source and lane on the same key do to `c`, wherever they are. */
static enum standing standing(const struct ask *a, const struct table_key *key, const struct claim *c)
{
	enum standing answer = STANDS;
	bool passed = false;
	for (unsigned i = 0; i < a->n_hits; i++) {
		for (unsigned j = 0; j < a->hits[i].n; j++) {
			const struct table_hit *h = &a->hits[i].hit[j];
			if (!same_key(&h->key, key))
				continue;
			for (const struct claim *d = h->claims; d < h->claims + h->n; d++) {
				if (d == c) {
					passed = true;
					continue;
				}
				if (d->source != c->source || d->lane != c->lane)
					continue;
				if (claim_same(c, d) && (claim_newer(d, c) || (!passed && !claim_newer(c, d))))
					return SAID_AGAIN;
				if (takes_back(a, d, c))
					answer = TAKEN_BACK;
			}
		}
	}
	return answer;
}

static inline bool better(const struct best *a, const struct best *b)
{
	if (LIKELY(a->mdb != b->mdb))
		return a->mdb > b->mdb;
	if (a->claim->seen != b->claim->seen)
		return a->claim->seen > b->claim->seen;
	if (a->category != b->category)
		return a->category > b->category;
	if (a->claim->entry != b->claim->entry)
		return a->claim->entry > b->claim->entry;
	const struct table_hit *x = a->hit, *y = b->hit;
	if (x->exact != y->exact)
		return x->exact;
	return x->key.prefix != y->key.prefix ? x->key.prefix > y->key.prefix : x->key.n > y->key.n;
}

/* A claim with mdb > 0. */
static inline void add_evidence(struct evidence *e, const struct table_hit *h, const struct claim *c, const struct weight *w, uint32_t seen_s,
				uint32_t now_s)
{
	e->categories |= 1U << (w->category & 31);
	e->lanes |= 1ULL << (c->lane & 63);
	uint32_t seen = seen_s < now_s ? seen_s : now_s;
	if (seen > e->seen)
		e->seen = seen;
	struct best b = { w->mdb, w->category, h, c };
	if (better(&b, &e->best))
		e->best = b;
}

/* ---- quickly ---- */

enum { FEW = 16 };

/* A source that was met, and what it adds.  They stand in the order of mdb, the largest first, and of their numbers: those for, those that
 * say nothing, and those against, the strongest last. */
struct few {
	unsigned n;
	uint64_t filter; /* bit number % 64 of all that are there */
	struct one {
		int32_t mdb;
		uint16_t source, group;
	} v[FEW];
};

/* @return false: there is no room, or the source was met before. */
static inline bool few_meet(struct few *few, uint16_t source)
{
	uint64_t bit = 1ULL << (source & 63);
	if (UNLIKELY(few->filter & bit))
		for (unsigned i = 0; i < few->n; i++)
			if (few->v[i].source == source)
				return false;
	few->filter |= bit;
	return few->n < FEW;
}

static inline void few_add(struct few *few, uint16_t source, uint16_t group, int32_t mdb)
{
	unsigned at = few->n++;
	for (; at > 0 && (few->v[at - 1].mdb < mdb || (few->v[at - 1].mdb == mdb && few->v[at - 1].source > source)); at--)
		few->v[at] = few->v[at - 1];
	few->v[at] = (struct one){ mdb, source, group };
}

static inline bool in_group(const struct one *from, const struct one *to, uint16_t group)
{
	while (from < to && from->group != group)
		from++;
	return from < to;
}

static inline void few_conclude(const struct few *few, struct verdict *v)
{
	const struct one *end = few->v + few->n;
	for (const struct one *i = few->v; i < end; i++) {
		if (i->mdb > 0) {
			v->sources[v->n_sources++] = i->source;
			if (in_group(few->v, i, i->group))
				continue;
			v->n_groups++;
		} else if (i->mdb == 0 || in_group(i + 1, end, i->group)) {
			continue;
		}
		v->mdb += i->mdb;
	}
}

/* @return false: it takes more care. */
static bool add_quickly(const struct ask *a, struct few *few, struct evidence *e)
{
	few->n = 0;
	few->filter = 0;
	*e = (struct evidence){ 0 };
	for (unsigned i = 0; i < a->n_hits; i++)
		for (const struct table_hit *h = a->hits[i].hit, *last = h + a->hits[i].n; h < last; h++)
			for (const struct claim *c = h->claims, *end = c + h->n; c < end; c++) {
				if (!visible(a, c))
					continue;
				if (!few_meet(few, c->source))
					return false;
				const struct source_worth *s = &a->worth[c->source];
				struct weight w = { .mdb = 0 };
				if (concerns(a, h, c)) {
					enum line_fate fate = fate_alone(a, h, c, s);
					if (UNLIKELY(fate == LINE_PROTECTS || fate == LINE_MET))
						return false;
					e->n_claims++;
					if (LIKELY(fate == LINE_COUNTS))
						w = weigh(c, s, h->key.kind, fate, c->seen, a->now_s);
					if (LIKELY(w.mdb > 0))
						add_evidence(e, h, c, &w, c->seen, a->now_s);
				}
				few_add(few, c->source, s->group_number, w.mdb);
			}
	return true;
}

/* ---- with care ---- */

static void add_guard(struct sum *sum, bool of_host, uint16_t source)
{
	bool *is = of_host ? &sum->host_protected : &sum->guarded;
	uint16_t *who = of_host ? &sum->host_protector : &sum->protector;
	if (!*is || source < *who)
		*who = source;
	*is = true;
}

/* The hits on a key: when it was met last, and the lanes that say so. */
struct met {
	uint32_t last_s;
	uint64_t lanes;
};

static struct met met_on(const struct ask *a, const struct table_key *key)
{
	struct met met = { 0 };
	for (unsigned i = 0; i < a->n_hits; i++)
		for (const struct table_hit *h = a->hits[i].hit, *last = h + a->hits[i].n; h < last; h++)
			for (const struct claim *c = h->claims, *end = c + h->n; c < end && same_key(&h->key, key); c++) {
				if (c->stance != STANCE_MET || !visible(a, c) || !concerns(a, h, c) ||
				    fate_alone(a, h, c, &a->worth[c->source]) != LINE_MET || standing(a, key, c) == SAID_AGAIN)
					continue;
				met.last_s = c->seen > met.last_s ? c->seen : met.last_s;
				met.lanes |= 1ULL << (c->lane & 63);
			}
	return met;
}

/* Only what speaks for or against is made fresh: that a thing is in use says neither, so both keep their proportion. */
static bool fades(const struct claim *c)
{
	return c->stance == STANCE_INDICATOR || c->stance == STANCE_SIGHTING || c->stance == STANCE_FALSE_POSITIVE;
}

static void add_line(struct score_lines *lines, const struct table_hit *h, const struct claim *c, const struct source *s, enum line_fate fate,
		     const struct weight *w, uint32_t met_s)
{
	struct score_line l = {
		.source = s,
		.claim = *c,
		.key = h->key,
		.exact = h->exact,
		.met = met_s,
		.age_s = w->age_s,
		.lifetime_d = w->lifetime_d,
		.speed_x10 = w->speed_x10,
		.decay_1024 = w->decay,
		.confidence = w->confidence,
		.category = w->category,
		.mdb = w->mdb,
		.fate = fate,
	};
	score_lines_add(lines, &l);
}

static void add_claim(const struct ask *a, const struct table_hit *h, const struct claim *c, struct sum *sum, struct score_lines *lines)
{
	if (!visible(a, c) || !concerns(a, h, c))
		return;
	const struct source_worth *s = &a->worth[c->source];
	enum line_fate fate = fate_alone(a, h, c, s);
	enum standing st = standing(a, &h->key, c);
	if (st == SAID_AGAIN)
		return;
	if (st == TAKEN_BACK && (fate == LINE_COUNTS || fate == LINE_PART || fate == LINE_HOST))
		fate = LINE_RETRACTED;
	sum->evidence.n_claims++;
	if (fate == LINE_PROTECTS)
		add_guard(sum, about_host(a, h), c->source);
	if (fate != LINE_COUNTS && !lines)
		return;
	struct met met = a->met && fades(c) ? met_on(a, &h->key) : (struct met){ 0 };
	bool fresh = met.last_s > c->seen;
	uint32_t seen_s = fresh ? met.last_s : c->seen;
	struct weight w = weigh(c, s, h->key.kind, fate, seen_s, a->now_s);
	if (fate == LINE_COUNTS) {
		struct slot *slot = tally_at(&sum->by_source, c->source);
		if (w.mdb > slot->plus)
			slot->plus = (uint16_t)w.mdb;
		if (-w.mdb > slot->minus)
			slot->minus = (uint16_t)-w.mdb;
		if (w.mdb > 0) {
			add_evidence(&sum->evidence, h, c, &w, seen_s, a->now_s);
			sum->evidence.lanes |= fresh ? met.lanes : 0; /* who hears the score hears of these, too */
		}
	}
	if (lines)
		add_line(lines, h, c, source_get(a->sources, c->source), fate, &w, fresh ? met.last_s : 0);
}

static void add_with_care(const struct ask *a, struct sum *sum, struct score_lines *lines)
{
	sum->by_source.n = 0;
	sum->by_source.filter = 0;
	memset(sum, 0, offsetof(struct sum, by_source));
	for (unsigned i = 0; i < a->n_hits; i++)
		for (unsigned j = 0; j < a->hits[i].n; j++) {
			const struct table_hit *h = &a->hits[i].hit[j];
			for (unsigned k = 0; k < h->n; k++)
				add_claim(a, h, &h->claims[k], sum, lines);
		}
}

/* Is the host of a URL or an e-mail address protected or known? */
static bool host_guarded(const struct ask *a)
{
	for (unsigned i = 0; i < a->n_hits; i++)
		for (unsigned j = 0; j < a->hits[i].n; j++) {
			const struct table_hit *h = &a->hits[i].hit[j];
			if (!about_host(a, h))
				continue;
			for (const struct claim *c = h->claims; c < h->claims + h->n; c++) {
				if (!visible(a, c) || !concerns(a, h, c))
					continue;
				enum line_fate fate = fate_alone(a, h, c, &a->worth[c->source]);
				if ((fate == LINE_PROTECTS || fate == LINE_KNOWN) && standing(a, &h->key, c) != SAID_AGAIN)
					return true;
			}
		}
	return false;
}

/* The sources' strongest to their groups', and those to the sum; the strongest sources by name. */
static void conclude(const struct ask *a, const struct sum *sum, struct verdict *v)
{
	struct tally groups;
	groups.n = 0;
	groups.filter = 0;
	uint16_t strongest[COUNT_OF(v->sources)];
	unsigned n = 0;
	for (unsigned i = 0; i < sum->by_source.n; i++) {
		const struct slot *s = &sum->by_source.slot[i];
		if (s->plus == 0 && s->minus == 0)
			continue;
		struct slot *g = tally_at(&groups, a->worth[s->number].group_number);
		g->plus = s->plus > g->plus ? s->plus : g->plus;
		g->minus = s->minus > g->minus ? s->minus : g->minus;
		if (s->plus == 0)
			continue;
		v->n_sources++;
		unsigned at = n < COUNT_OF(strongest) ? n++ : n;
		for (; at > 0 && (strongest[at - 1] < s->plus ||
				  (strongest[at - 1] == s->plus && v->sources[at - 1] > s->number)); at--)
			if (at < COUNT_OF(strongest)) {
				strongest[at] = strongest[at - 1];
				v->sources[at] = v->sources[at - 1];
			}
		if (at < COUNT_OF(strongest)) {
			strongest[at] = s->plus;
			v->sources[at] = s->number;
		}
	}
	for (unsigned i = 0; i < groups.n; i++) {
		v->mdb += groups.slot[i].plus - groups.slot[i].minus;
		v->n_groups += groups.slot[i].plus > 0;
	}
}

const struct verdict verdict_none;

static void tell(const struct evidence *e, struct verdict *v)
{
	v->score = v->is_protected ? 0 : score_from_mdb(v->mdb);
	v->listed = v->score > 0;
	v->categories = e->categories;
	v->lanes = e->lanes;
	v->n_claims = e->n_claims;
	v->seen = e->seen;
	if (!e->best.claim)
		return;
	v->category = e->best.category;
	v->entry = e->best.claim->entry;
	v->key_kind = e->best.hit->key.kind;
	v->key_prefix = e->best.hit->key.prefix;
	v->key_octets = e->best.hit->key.n;
	v->exact = e->best.hit->exact;
}

static bool any_hits(const struct ask *a)
{
	for (unsigned i = 0; i < a->n_hits; i++)
		for (const struct table_hit *h = a->hits[i].hit, *last = h + a->hits[i].n; h < last; h++)
			for (const struct claim *c = h->claims, *end = c + h->n; c < end; c++)
				if (c->stance == STANCE_MET)
					return true;
	return false;
}

/* Apart, for the room that it takes on the stack. */
static __attribute__((noinline)) void score_with_care(struct ask *a, struct verdict *v, struct score_lines *lines)
{
	struct sum sum;
	a->met = any_hits(a);
	add_with_care(a, &sum, lines);
	conclude(a, &sum, v);
	v->is_protected = sum.guarded || (sum.host_protected && v->n_groups == 0);
	v->protector = sum.guarded ? sum.protector : sum.host_protector;
	tell(&sum.evidence, v);
}

void score_hits(const struct table_hits *hits, unsigned n_hits, const struct source_set *sources, clearance clear,
		uint8_t kind, uint32_t now_s, struct verdict *ret_verdict, struct score_line *lines, unsigned *ret_n_lines)
{
	struct ask a = {
		.hits = hits, .n_hits = n_hits, .n_sources = source_count(sources), .sources = sources, .worth = source_worths(sources),
		.clear = clear, .now_s = now_s, .kind = kind, .kinds = protect_kinds(kind), .has_host = kind == OBS_URL || kind == OBS_EMAIL,
	};
	struct few few;
	struct evidence evidence;
	if (a.has_host)
		a.host_guarded = host_guarded(&a);
	*ret_verdict = verdict_none;
	if (!lines && LIKELY(add_quickly(&a, &few, &evidence))) {
		few_conclude(&few, ret_verdict);
		tell(&evidence, ret_verdict);
		return;
	}
	struct score_lines l = { .v = lines };
	score_with_care(&a, ret_verdict, lines ? &l : NULL);
	if (lines) {
		score_lines_sort(&l);
		*ret_n_lines = l.n;
	}
}
