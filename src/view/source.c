#include "view/source.h"

#include <stdlib.h>

#include "table/claim.h"

/* Numbers are dense and never used again, so the set is an array and a claim finds its source by index.  Group numbers
 * are below SOURCES_MAX too (the score counts groups in arrays of that size): a new group takes the lowest number that
 * no source has, and equal names have equal numbers. */

struct source_set {
	unsigned n, cap;
	struct source *v;
	struct source_worth *worth; /* of each */
};

static void judge(struct source_set *s, const struct source *v)
{
	s->worth[v->number] = (struct source_worth){
		.floor = v->floor, .group_number = v->group_number, .lifetime_d = v->lifetime_d,
		.weight_db = v->removed ? 0 : v->weight_db, .speed_x10 = (uint8_t)v->speed_x10, .category = v->category,
		.confidence = v->confidence,
	};
}

struct source_set *source_set_new(void)
{
	return mem_zalloc(sizeof(struct source_set));
}

struct source_set *source_set_copy(const struct source_set *s)
{
	struct source_set *copy = mem_alloc(sizeof(*copy));
	*copy = (struct source_set){ .n = s->n, .cap = s->n, .v = mem_alloc(s->n * sizeof(*s->v)),
				     .worth = mem_alloc(s->n * sizeof(*s->worth)) };
	for (unsigned i = 0; i < s->n; i++) {
		copy->v[i] = s->v[i];
		judge(copy, &copy->v[i]);
	}
	return copy;
}

void source_set_free(const struct source_set *s)
{
	if (!s)
		return;
	free(s->v);
	free(s->worth);
	free((void *)s);
}

unsigned source_count(const struct source_set *s)
{
	return s->n;
}

const struct source_worth *source_worths(const struct source_set *s)
{
	return s->worth;
}

const struct source *source_get(const struct source_set *s, uint16_t number)
{
	return &s->v[number];
}

/* The active one of that name; else the last that had it. */
static struct source *find(const struct source_set *s, struct span name)
{
	struct source *removed = NULL;
	for (unsigned i = s->n; i-- > 0;) {
		struct source *v = &s->v[i];
		if (!span_is(name, v->name))
			continue;
		if (!v->removed)
			return v;
		if (!removed)
			removed = v;
	}
	return removed;
}

const struct source *source_find(const struct source_set *s, struct span name)
{
	return find(s, name);
}

bool source_name_ok(struct span name)
{
	if (name.n == 0 || name.n > SOURCE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !ascii_digit(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* Put `v` (one of s->v) into the group `name`. */
static void join(struct source_set *s, struct source *v, struct span name)
{
	uint64_t used[SOURCES_MAX / 64] = { 0 };
	memcpy(v->group, name.p, name.n);
	v->group[name.n] = 0;
	for (unsigned i = 0; i < s->n; i++) {
		const struct source *w = &s->v[i];
		if (w == v)
			continue;
		if (span_is(name, w->group)) {
			v->group_number = w->group_number;
			return;
		}
		used[w->group_number / 64] |= 1ULL << (w->group_number % 64);
	}
	unsigned word = 0;
	while (used[word] == UINT64_MAX)
		word++;
	v->group_number = (uint16_t)(word * 64 + (unsigned)__builtin_ctzll(~used[word]));
}

static bool speed_ok(uint16_t speed_x10)
{
	static const uint8_t speeds[] = { 0, 3, 5, 10, 15, 20, 30 };
	for (size_t i = 0; i < COUNT_OF(speeds); i++)
		if (speed_x10 == speeds[i])
			return true;
	return false;
}

/* A name or an address, without its port. */
static bool host_ok(struct span host)
{
	bool ok = host.n <= SOURCE_FROM_MAX;
	for (size_t i = 0; i < host.n && ok; i++)
		ok = host.p[i] > ' ' && host.p[i] < 0x7f && host.p[i] != '"' && host.p[i] != '\\' && host.p[i] != '@' && host.p[i] != '/';
	return ok;
}

static enum err check(const struct source_change *c, struct fault *f)
{
	if (!source_name_ok(c->name))
		return fault_set(f, ERR_SYNTAX, "the name of a source is 1 to %d of a-z, 0-9, '.', '_' and '-'", SOURCE_NAME_MAX);
	if (c->has_group && !source_name_ok(c->group))
		return fault_set(f, ERR_SYNTAX, "the group of source \"" SPAN_FMT "\" is not 1 to %d of a-z, 0-9, '.', '_' and '-'",
				 SPAN_ARG(c->name), SOURCE_NAME_MAX);
	if (c->has_from && !host_ok(c->from))
		return fault_set(f, ERR_SYNTAX, "source \"" SPAN_FMT "\" is pulled from what is no name of a host", SPAN_ARG(c->name));
	if (c->has_weight && c->weight_db > SOURCE_WEIGHT_MAX)
		return fault_set(f, ERR_RANGE, "weight %u is above %d decibans", c->weight_db, SOURCE_WEIGHT_MAX);
	if (c->has_category && c->category >= CAT_COUNT)
		return fault_set(f, ERR_RANGE, "category number %u does not exist", c->category);
	if (c->has_confidence && c->confidence > 100)
		return fault_set(f, ERR_RANGE, "confidence %u is above 100", c->confidence);
	if (c->has_lifetime && c->lifetime_d > SOURCE_LIFETIME_MAX)
		return fault_set(f, ERR_RANGE, "lifetime %u is above %d days", c->lifetime_d, SOURCE_LIFETIME_MAX);
	if (c->has_speed && !speed_ok(c->speed_x10))
		return fault_set(f, ERR_RANGE, "decay speed %u is none of 3, 5, 10, 15, 20, 30 (tenths), or 0 for the category's",
				 c->speed_x10);
	return OK;
}

static enum err add(struct source_set *s, struct span name, struct source **ret_source, struct fault *f)
{
	if (s->n == SOURCES_MAX)
		return fault_set(f, ERR_FULL, "there are %d sources already, and numbers are never used again", SOURCES_MAX);
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->v = mem_realloc(s->v, s->cap * sizeof(*s->v));
		s->worth = mem_realloc(s->worth, s->cap * sizeof(*s->worth));
	}
	struct source *v = &s->v[s->n];
	*v = (struct source){
		.number = (uint16_t)s->n, .weight_db = SOURCE_WEIGHT_DEFAULT, .category = CAT_UNKNOWN, .confidence = 100,
	};
	memcpy(v->name, name.p, name.n);
	s->n++;
	join(s, v, name);
	*ret_source = v;
	return OK;
}

static void set(struct source_set *s, struct source *v, const struct source_change *c)
{
	if (c->has_group)
		join(s, v, c->group);
	if (c->has_weight)
		v->weight_db = c->weight_db;
	if (c->has_category)
		v->category = c->category;
	if (c->has_confidence)
		v->confidence = c->confidence;
	if (c->has_snapshot)
		v->snapshot = c->snapshot;
	if (c->has_lifetime)
		v->lifetime_d = c->lifetime_d;
	if (c->has_speed)
		v->speed_x10 = c->speed_x10;
}

enum err source_apply(struct source_set *s, const struct source_change *c, struct fault *f)
{
	enum err e = check(c, f);
	if (e)
		return e;
	struct source *v = find(s, c->name);
	bool active = v && !v->removed;
	switch (c->op) {
	case SOURCE_ADD:
		if (active)
			return fault_set(f, ERR_EXISTS, "there is a source \"%s\" already", v->name);
		e = add(s, c->name, &v, f);
		if (e)
			return e;
		set(s, v, c);
		judge(s, v);
		return OK;
	case SOURCE_SET:
	case SOURCE_REMOVE:
		if (!active)
			return fault_set(f, ERR_NOTFOUND, "there is no source \"" SPAN_FMT "\"", SPAN_ARG(c->name));
		if (c->op == SOURCE_SET)
			set(s, v, c);
		else
			v->removed = true;
		judge(s, v);
		return OK;
	}
	return fault_set(f, ERR_SYNTAX, "the change of source \"" SPAN_FMT "\" is of no known kind", SPAN_ARG(c->name));
}

static int by_group(const void *a, const void *b)
{
	return strcmp((*(const struct source *const *)a)->group, (*(const struct source *const *)b)->group);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct source *const *)a)->name, (*(const struct source *const *)b)->name);
}

static bool source_ok(const struct source *v)
{
	return source_name_ok(span_str(v->name)) && source_name_ok(span_str(v->group)) && v->group_number < SOURCES_MAX &&
	       v->weight_db <= SOURCE_WEIGHT_MAX && v->category < CAT_COUNT && v->confidence <= 100 &&
	       v->lifetime_d <= SOURCE_LIFETIME_MAX && speed_ok(v->speed_x10);
}

/* Groups have equal numbers when they have equal names and not else; of one name only one source is not removed. */
static bool agree(const struct source **v, unsigned n)
{
	const struct source *owner[SOURCES_MAX] = { NULL };
	qsort(v, n, sizeof(struct source *), by_group);
	for (unsigned i = 0; i < n; i++) {
		const struct source **o = &owner[v[i]->group_number];
		bool same = i && by_group(&v[i - 1], &v[i]) == 0;
		if (same ? v[i]->group_number != v[i - 1]->group_number : *o != NULL)
			return false;
		*o = v[i];
	}
	const char *active = NULL;
	qsort(v, n, sizeof(struct source *), by_name);
	for (unsigned i = 0; i < n; i++) {
		if (v[i]->removed)
			continue;
		if (active && strcmp(active, v[i]->name) == 0)
			return false;
		active = v[i]->name;
	}
	return true;
}

enum err source_set_restore(const struct source *v, unsigned n, struct source_set **ret_set, struct fault *f)
{
	const struct source **sorted = mem_alloc((n + 1) * sizeof(struct source *));
	bool ok = n <= SOURCES_MAX;
	for (unsigned i = 0; ok && i < n; i++) {
		ok = v[i].number == i && source_ok(&v[i]);
		sorted[i] = &v[i];
	}
	ok = ok && agree(sorted, n);
	free(sorted);
	if (!ok)
		return fault_set(f, ERR_CORRUPT, "the saved sources are not a set of sources");
	*ret_set = source_set_copy(&(struct source_set){ .n = n, .v = (struct source *)(uintptr_t)v });
	return OK;
}

void source_imported(struct source_set *s, uint16_t number, bool snapshot, uint64_t first_entry, uint64_t last_entry,
		     int64_t time_ms, uint64_t accepted)
{
	struct source *v = &s->v[number];
	if (snapshot)
		v->floor = first_entry > v->floor ? first_entry : v->floor;
	v->last_import = last_entry;
	v->last_import_ms = time_ms;
	v->accepted = accepted;
	judge(s, v);
}

bool source_claim_counts(void *ctx, const struct claim *c)
{
	const struct source_set *s = ctx;
	if (c->source >= s->n)
		return false;
	const struct source *v = &s->v[c->source];
	return !v->removed && claim_import(c) >= v->floor;
}
