/* Text rules of warning lists.
 *
 * Strings are found by a hash of the whole text (open addressing, linear probing, at most half full), substrings by their
 * first octets (grams.h); regular expressions are tried one after the other: there are few, and they say for which kinds
 * they are meant. The rules themselves are immutable and counted, so that the copy that the writer edits shares them with
 * the one that readers use.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/siphash.h"
#include "sys/regex.h"
#include "view/grams.h"
#include "view/protect.h"

enum { RULES_MAX = 100000, RULE_TEXT_MAX = 8192 };

struct rule {
	_Atomic unsigned holders;
	uint8_t rule, kinds, stance, lane;
	uint16_t source;
	uint64_t import;
	struct regex *regex;
	size_t n;
	char text[]; /* lower case, but for a regular expression; a NUL behind it */
};

struct rules {
	struct siphash_seed seed;
	uint8_t kinds;
	uint64_t of[SOURCES_MAX / 64]; /* bit for each source that has rules */
	unsigned n, cap, n_scan, scan_cap, n_slots, n_strings;
	struct rule **v;
	uint32_t *scan;  /* of regular expressions and very short substrings: index in v, rising */
	struct grams grams; /* of the other substrings */
	uint32_t *slots; /* of strings: index in v + 1; n_slots is a power of two or 0 */
};

struct rules *rules_new(void)
{
	struct rules *r = mem_zalloc(sizeof(*r));
	if (getentropy(&r->seed, sizeof(r->seed)))
		abort(); /* only a kernel without random numbers */
	return r;
}

static void *duplicate(const void *p, size_t n)
{
	void *copy = mem_alloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

static bool in_grams(const struct rule *rule)
{
	return rule->rule == RULE_SUBSTRING && rule->n >= GRAM_MIN;
}

struct rules *rules_copy(const struct rules *r)
{
	struct rules *copy = duplicate(r, sizeof(*r));
	copy->cap = r->n;
	copy->scan_cap = r->n_scan;
	copy->v = duplicate(r->v, r->n * sizeof(*r->v));
	copy->scan = duplicate(r->scan, r->n_scan * sizeof(*r->scan));
	copy->slots = duplicate(r->slots, r->n_slots * sizeof(*r->slots));
	copy->grams = (struct grams){ 0 };
	for (unsigned i = 0; i < r->n; i++)
		if (in_grams(r->v[i]))
			grams_add(&copy->grams, span_of(r->v[i]->text, r->v[i]->n), i);
	grams_ready(&copy->grams);
	for (unsigned i = 0; i < r->n; i++)
		atomic_fetch_add_explicit(&r->v[i]->holders, 1, memory_order_relaxed);
	return copy;
}

static void drop(struct rule *rule)
{
	if (atomic_fetch_sub_explicit(&rule->holders, 1, memory_order_acq_rel) == 1) {
		regex_free(rule->regex);
		free(rule);
	}
}

void rules_free(const struct rules *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++)
		drop(r->v[i]);
	free(r->v);
	free(r->scan);
	free(r->slots);
	grams_release(&((struct rules *)r)->grams);
	free((void *)r);
}

unsigned rules_count(const struct rules *r)
{
	return r->n;
}

void rules_each(const struct rules *r, rules_visit *visit, void *ctx)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct rule *v = r->v[i];
		visit(ctx, &(struct rule_told){ v->rule, v->kinds, v->stance, v->lane, v->source, v->import,
						span_of(v->text, v->n) });
	}
}

uint8_t rules_kinds(const struct rules *r)
{
	return r->kinds;
}

static unsigned first_slot(const struct rules *r, struct span text)
{
	return (unsigned)siphash13(r->seed, text.p, text.n) & (r->n_slots - 1);
}

static void fill_slot(struct rules *r, uint32_t index)
{
	const struct rule *rule = r->v[index];
	unsigned at = first_slot(r, span_of(rule->text, rule->n));
	while (r->slots[at])
		at = (at + 1) & (r->n_slots - 1);
	r->slots[at] = index + 1;
}

/* Enter v[index], the last, into what finds it. */
static void enter(struct rules *r, uint32_t index)
{
	const struct rule *rule = r->v[index];
	r->kinds |= rule->kinds;
	r->of[rule->source / 64] |= 1ULL << rule->source % 64;
	if (in_grams(rule)) {
		grams_add(&r->grams, span_of(rule->text, rule->n), index);
		return;
	}
	if (rule->rule != RULE_STRING) {
		if (r->n_scan == r->scan_cap) {
			r->scan_cap = r->scan_cap ? 2 * r->scan_cap : 16;
			r->scan = mem_realloc(r->scan, r->scan_cap * sizeof(*r->scan));
		}
		r->scan[r->n_scan++] = index;
		return;
	}
	r->n_strings++;
	if (2 * r->n_strings <= r->n_slots) {
		fill_slot(r, index);
		return;
	}
	r->n_slots = r->n_slots ? 2 * r->n_slots : 16;
	free(r->slots);
	r->slots = mem_zalloc(r->n_slots * sizeof(*r->slots));
	for (uint32_t i = 0; i <= index; i++)
		if (r->v[i]->rule == RULE_STRING)
			fill_slot(r, i);
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return a->kinds == b->kinds && a->stance == b->stance && a->lane == b->lane && a->source == b->source &&
	       a->import == b->import && a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

static bool have_string(const struct rules *r, const struct rule *rule)
{
	if (rule->rule != RULE_STRING || r->n_slots == 0)
		return false;
	for (unsigned at = first_slot(r, span_of(rule->text, rule->n)); r->slots[at]; at = (at + 1) & (r->n_slots - 1))
		if (same_rule(r->v[r->slots[at] - 1], rule))
			return true;
	return false;
}

enum err rules_add(struct rules *r, enum text_rule rule, struct span text, uint8_t kinds, uint8_t stance,
		   uint16_t source, uint8_t lane, uint64_t import, struct fault *f)
{
	struct regex *regex = NULL;
	if (r->n == RULES_MAX)
		return fault_set(f, ERR_FULL, "there are %d text rules already", RULES_MAX);
	if (text.n == 0 || text.n > RULE_TEXT_MAX)
		return fault_set(f, ERR_SYNTAX, "a text rule of %zu octets is not between 1 and %d", text.n, RULE_TEXT_MAX);
	if (rule != RULE_STRING && rule != RULE_SUBSTRING && rule != RULE_REGEX)
		return fault_set(f, ERR_SYNTAX, "a text rule is of no known kind");
	if (source >= SOURCES_MAX)
		return fault_set(f, ERR_SYNTAX, "a text rule is of no source");
	if (rule == RULE_REGEX) {
		enum err e = regex_new(text, &regex, f);
		if (e)
			return e;
	}
	struct rule *v = mem_zalloc(sizeof(*v) + text.n + 1);
	*v = (struct rule){ .holders = 1, .rule = (uint8_t)rule, .kinds = kinds, .stance = stance, .lane = lane & 63,
			    .source = source, .import = import, .regex = regex, .n = text.n };
	for (size_t i = 0; i < text.n; i++)
		v->text[i] = (char)(regex ? text.p[i] : ascii_lower(text.p[i]));
	if (have_string(r, v)) {
		drop(v);
		return OK;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->v = mem_realloc(r->v, r->cap * sizeof(*r->v));
	}
	r->v[r->n++] = v;
	enter(r, r->n - 1);
	return OK;
}

bool rules_of(const struct rules *r, uint16_t source)
{
	return source < SOURCES_MAX && r->of[source / 64] >> source % 64 & 1;
}

void rules_replace(struct rules *r, uint16_t source, uint64_t floor)
{
	unsigned n = r->n;
	if (!rules_of(r, source))
		return;
	free(r->scan);
	free(r->slots);
	grams_release(&r->grams);
	r->scan = r->slots = NULL;
	r->n = r->n_scan = r->scan_cap = r->n_slots = r->n_strings = 0;
	r->kinds = 0;
	memset(r->of, 0, sizeof(r->of));
	for (unsigned i = 0; i < n; i++) {
		struct rule *rule = r->v[i];
		if (rule->source == source && rule->import < floor) {
			drop(rule);
			continue;
		}
		r->v[r->n++] = rule;
		enter(r, r->n - 1);
	}
}

/* Who asks, and the best rule so far: a protecting one before a known one, then the earlier. */
struct search {
	const struct rules *r;
	struct span text;
	const struct source_set *sources;
	clearance clear;
	uint8_t kinds;
	const struct rule *best;
	uint32_t at;
};

/* Would v[i] be better than what was found, if its text matched? */
static bool wanted(const struct search *s, uint32_t i)
{
	const struct rule *rule = s->r->v[i];
	if (!(rule->kinds & s->kinds) || !(s->clear >> rule->lane & 1) || rule->source >= source_count(s->sources))
		return false;
	const struct source *source = source_get(s->sources, rule->source);
	if (source->removed || source->weight_db == 0 || rule->import < source->floor)
		return false;
	if (!s->best)
		return true;
	bool protects = rule->stance == STANCE_PROTECTED, protected = s->best->stance == STANCE_PROTECTED;
	return protects != protected ? protects : i < s->at;
}

static void found(struct search *s, uint32_t i)
{
	s->best = s->r->v[i];
	s->at = i;
}

static bool text_meets(const struct rule *rule, struct span text)
{
	switch (rule->rule) {
	case RULE_STRING:
		return span_eq(text, span_of(rule->text, rule->n));
	case RULE_SUBSTRING:
		return memmem(text.p, text.n, rule->text, rule->n) != NULL;
	default:
		return regex_match(rule->regex, text);
	}
}

static void try_rule(void *ctx, uint32_t i)
{
	struct search *s = ctx;
	if (wanted(s, i) && text_meets(s->r->v[i], s->text))
		found(s, i);
}

void rules_ready(struct rules *r)
{
	grams_ready(&r->grams);
}

bool rules_match(const struct rules *r, const struct source_set *sources, clearance clear, uint8_t kind,
		 struct span text, struct rule_hit *ret_hit)
{
	struct search s = { .r = r, .sources = sources, .clear = clear, .kinds = protect_kinds(kind) };
	uint8_t lower[OBS_KEY_MAX];
	if (!(r->kinds & s.kinds) || text.n > sizeof(lower))
		return false;
	for (size_t i = 0; i < text.n; i++)
		lower[i] = ascii_lower(text.p[i]);
	text = s.text = span_of(lower, text.n);
	if (r->n_slots)
		for (unsigned at = first_slot(r, text); r->slots[at]; at = (at + 1) & (r->n_slots - 1))
			try_rule(&s, r->slots[at] - 1);
	grams_each(&r->grams, text, try_rule, &s);
	for (unsigned i = 0; i < r->n_scan; i++)
		try_rule(&s, r->scan[i]);
	if (!s.best)
		return false;
	*ret_hit = (struct rule_hit){ .stance = s.best->stance, .source = s.best->source, .text = s.best->text };
	return true;
}
