#include "view/policy.h"

#include "base/num.h"
#include "ledger/lane.h"
#include "view/source.h"

static struct span word(struct span *rest)
{
	struct span s = span_trim(*rest);
	size_t n = 0;
	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	*rest = span_from(s, n);
	return span_head(s, n);
}

static const struct {
	const char *name;
	uint8_t bit;
} kinds[] = { { "ip", KINDS_IP }, { "domain", KINDS_DOMAIN }, { "url", KINDS_URL }, { "hash", KINDS_HASH } };

/* One of several with commas between them.  @return false: there is none left. */
static bool next(struct span *list, struct span *ret_one)
{
	if (!list->n)
		return false;
	*ret_one = span_head(*list, span_find(*list, ','));
	*list = span_from(*list, ret_one->n + 1);
	return true;
}

static enum err set_kinds(struct policy *a, struct span value, struct fault *f)
{
	a->kinds = 0;
	for (struct span one; next(&value, &one);) {
		size_t i = 0;
		while (i < COUNT_OF(kinds) && !span_is(one, kinds[i].name))
			i++;
		if (i == COUNT_OF(kinds))
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of the kinds ip, domain, url and hash", SPAN_ARG(span_head(one, 40)));
		a->kinds |= kinds[i].bit;
	}
	return OK;
}

static enum err set_categories(struct policy *a, struct span value, struct fault *f)
{
	for (struct span one; next(&value, &one);) {
		enum category c = category_find(one);
		if (c == CAT_COUNT)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a category", SPAN_ARG(span_head(one, 40)));
		a->categories |= 1U << c;
	}
	return OK;
}

static enum err set(struct policy *a, struct span name, struct span value, struct fault *f)
{
	uint64_t n;
	if (span_is(name, "kinds"))
		return set_kinds(a, value, f);
	if (span_is(name, "categories"))
		return set_categories(a, value, f);
	if (span_is(name, "reason")) {
		enum reason r = reason_find(value);
		a->reason = (uint8_t)r;
		return r < REASONS ? OK : fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of the reasons", SPAN_ARG(span_head(value, 40)));
	}
	if (span_is(name, "for")) {
		enum err e = retention_parse(value, &a->lease_s, f);
		return e == OK && (!a->lease_s || a->lease_s > POLICY_LEASE_MAX_S) ?
		       fault_set(f, ERR_USAGE, "a policy decides for %d days at most", POLICY_LEASE_MAX_S / 86400) : e;
	}
	bool score = span_is(name, "min_score"), sources = span_is(name, "sources"), most = span_is(name, "max");
	if (!score && !sources && !most)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of reason, min_score, sources, categories, kinds, for and max", SPAN_ARG(span_head(name, 40)));
	if (num_parse_u64(value, score ? 100 : sources ? 16 : POLICY_VALUES_MAX, &n) || n == 0)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is no number for %s", SPAN_ARG(span_head(value, 40)), score ? "min_score" : sources ? "sources" : "max");
	if (score)
		a->min_score = (uint8_t)n;
	else if (sources)
		a->min_sources = (uint8_t)n;
	else
		a->max = (uint32_t)n;
	return OK;
}

enum err policies_add(struct policies *list, struct span text, struct fault *f)
{
	struct policy a = { .reason = REASONS, .min_score = 90, .min_sources = 2, .kinds = KINDS_DOMAIN | KINDS_IP, .lease_s = 3 * 86400, .max = 1000 };
	struct span name = word(&text);
	if (!source_name_ok(name) || name.n > POLICY_NAME_MAX)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a policy: 1 to %d of a-z, 0-9, '.', '_' and '-'", SPAN_ARG(span_head(name, 100)),
				 POLICY_NAME_MAX);
	memcpy(a.name, name.p, name.n);
	for (struct span one; (one = word(&text)).n;) {
		size_t eq = span_find(one, '=');
		enum err e = set(&a, span_head(one, eq), span_from(one, eq + 1), f);
		if (e)
			return e;
	}
	if (a.reason == REASONS)
		return fault_set(f, ERR_USAGE, "policy \"%s\" has no reason", a.name);
	if (!a.categories)
		a.categories = 1U << reason_row(a.reason)->category;
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, a.name) == 0)
			return fault_set(f, ERR_EXISTS, "policy \"%s\" is there twice", a.name);
	if (list->n == POLICIES_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d policies", POLICIES_MAX);
	list->v[list->n++] = a;
	return OK;
}

void policy_put(const struct policy *a, struct buf *out)
{
	buf_printf(out, "%s reason=%s min_score=%u sources=%u categories=", a->name, reason_row(a->reason)->name, a->min_score, a->min_sources);
	unsigned n = 0;
	for (unsigned c = 0; c < CAT_COUNT; c++)
		if (a->categories >> c & 1)
			buf_printf(out, "%s%s", n++ ? "," : "", category_row(c)->name);
	buf_puts(out, " kinds=");
	n = 0;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (a->kinds & kinds[i].bit)
			buf_printf(out, "%s%s", n++ ? "," : "", kinds[i].name);
	buf_puts(out, " for=");
	retention_put(a->lease_s, out);
	buf_printf(out, " max=%u", a->max);
}
