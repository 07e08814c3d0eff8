/* Whoever reads it may have been handed any octets: the cursor has one sticky error, and every value is held to the bounds
 * that source_apply() and rules_add() hold it to. */
#include "view/state.h"

#include <stdlib.h>

static const char magic[8] = { 'S', 'I', 'P', 'A', 'R', 'V', 'W', '1' };

enum { BIT_SNAPSHOT = 1, BIT_REMOVED = 2 };

static void put_name(struct buf *out, const char *name)
{
	struct span s = span_str(name);
	buf_putle(out, s.n, 1);
	buf_putspan(out, s);
}

static void put_source(struct buf *out, const struct source *v)
{
	put_name(out, v->name);
	put_name(out, v->group);
	buf_putle(out, v->group_number, 2);
	buf_putle(out, v->weight_db, 1);
	buf_putle(out, v->category, 1);
	buf_putle(out, v->confidence, 1);
	buf_putle(out, (v->snapshot ? BIT_SNAPSHOT : 0) | (v->removed ? BIT_REMOVED : 0), 1);
	buf_putle(out, v->lifetime_d, 2);
	buf_putle(out, v->speed_x10, 2);
	buf_putle(out, v->floor, 8);
	buf_putle(out, v->last_import, 8);
	buf_putle(out, (uint64_t)v->last_import_ms, 8);
	buf_putle(out, v->accepted, 8);
}

static void put_rule(void *ctx, const struct rule_told *r)
{
	struct buf *out = ctx;
	buf_putle(out, r->rule, 1);
	buf_putle(out, r->kinds, 1);
	buf_putle(out, r->stance, 1);
	buf_putle(out, r->lane, 1);
	buf_putle(out, r->source, 2);
	buf_putle(out, r->import, 8);
	buf_putle(out, r->text.n, 4);
	buf_putspan(out, r->text);
}

void state_write(const struct source_set *sources, const struct rules *rules, struct buf *out)
{
	buf_put(out, magic, sizeof(magic));
	buf_putle(out, source_count(sources), 4);
	buf_putle(out, rules_count(rules), 4);
	for (unsigned i = 0; i < source_count(sources); i++)
		put_source(out, source_get(sources, (uint16_t)i));
	rules_each(rules, put_rule, out);
}

struct cursor {
	struct span left;
	bool bad; /* sticky: it ended too early, or a value was out of its bounds */
};

static struct span take_octets(struct cursor *c, size_t n)
{
	if (c->bad || n > c->left.n) {
		c->bad = true;
		return span_of(NULL, 0);
	}
	struct span s = span_head(c->left, n);
	c->left = span_from(c->left, n);
	return s;
}

static uint64_t take(struct cursor *c, unsigned octets, uint64_t max)
{
	struct span s = take_octets(c, octets);
	uint64_t v = 0;
	for (size_t i = s.n; i-- > 0;)
		v = v << 8 | s.p[i];
	if (v > max) {
		c->bad = true;
		v = 0;
	}
	return v;
}

static void take_name(struct cursor *c, char name[SOURCE_NAME_MAX + 1])
{
	struct span s = take_octets(c, (size_t)take(c, 1, SOURCE_NAME_MAX));
	if (s.n)
		memcpy(name, s.p, s.n);
	name[s.n] = 0;
	c->bad = c->bad || strlen(name) != s.n;
}

static void take_source(struct cursor *c, struct source *v)
{
	take_name(c, v->name);
	take_name(c, v->group);
	v->group_number = (uint16_t)take(c, 2, SOURCES_MAX - 1);
	v->weight_db = (uint8_t)take(c, 1, SOURCE_WEIGHT_MAX);
	v->category = (uint8_t)take(c, 1, CAT_COUNT - 1);
	v->confidence = (uint8_t)take(c, 1, 100);
	uint64_t bits = take(c, 1, BIT_SNAPSHOT | BIT_REMOVED);
	v->snapshot = bits & BIT_SNAPSHOT;
	v->removed = bits & BIT_REMOVED;
	v->lifetime_d = (uint16_t)take(c, 2, SOURCE_LIFETIME_MAX);
	v->speed_x10 = (uint16_t)take(c, 2, UINT16_MAX);
	v->floor = take(c, 8, UINT64_MAX);
	v->last_import = take(c, 8, UINT64_MAX);
	v->last_import_ms = (int64_t)take(c, 8, UINT64_MAX);
	v->accepted = take(c, 8, UINT64_MAX);
}

static bool take_sources(struct cursor *c, unsigned n, struct source_set **ret_sources)
{
	struct source *v = mem_zalloc((n + 1) * sizeof(*v));
	for (unsigned i = 0; i < n && !c->bad; i++) {
		v[i].number = (uint16_t)i;
		take_source(c, &v[i]);
	}
	bool ok = !c->bad && source_set_restore(v, n, ret_sources, NULL) == OK;
	free(v);
	return ok;
}

static bool lower(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (ascii_lower(text.p[i]) != text.p[i])
			return false;
	return true;
}

static bool take_rules(struct cursor *c, unsigned n, unsigned n_sources, struct rules *rules)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t rule = take(c, 1, RULE_REGEX), kinds = take(c, 1, UINT8_MAX), stance = take(c, 1, UINT8_MAX);
		uint64_t lane = take(c, 1, LANES_MAX - 1), source = take(c, 2, UINT16_MAX), import = take(c, 8, UINT64_MAX);
		struct span text = take_octets(c, (size_t)take(c, 4, UINT32_MAX));
		if (c->bad || source >= n_sources || (rule != RULE_REGEX && !lower(text)) ||
		    rules_add(rules, (enum text_rule)rule, text, (uint8_t)kinds, (uint8_t)stance, (uint16_t)source,
			      (uint8_t)lane, import, NULL))
			return false;
	}
	return rules_count(rules) == n; /* none was a repetition */
}

enum err state_read(struct span octets, struct source_set **ret_sources, struct rules **ret_rules, struct fault *f)
{
	struct cursor c = { .left = octets };
	struct source_set *sources = NULL;
	struct rules *rules = rules_new();
	c.bad = !span_eq(take_octets(&c, sizeof(magic)), span_of(magic, sizeof(magic)));
	unsigned n = (unsigned)take(&c, 4, SOURCES_MAX), n_rules = (unsigned)take(&c, 4, UINT32_MAX);
	if (c.bad || !take_sources(&c, n, &sources) || !take_rules(&c, n_rules, n, rules) || c.left.n) {
		source_set_free(sources);
		rules_free(rules);
		return fault_set(f, ERR_CORRUPT, "the saved views are damaged");
	}
	rules_ready(rules);
	*ret_sources = sources;
	*ret_rules = rules;
	return OK;
}
