#include "view/policy.h"

#include "base/num.h"
#include "codec/masks.h"
#include "codec/tlp.h"
#include "ledger/lane.h"
#include "view/source.h"

enum { KINDS = KINDS_ALL & ~KINDS_EMAIL /* that a decision can be about by itself */ };

static enum err set_audience(struct policy *a, struct span value, struct fault *f)
{
	a->audience = (uint8_t)tlp_find(value);
	return a->audience ? OK : fault_set(f, ERR_USAGE, "audience \"" SPAN_FMT "\" is none of clear, green, amber, amber+strict and red", SPAN_ARG(span_head(value, 40)));
}

static enum err set(struct policy *a, struct span name, struct span value, struct fault *f)
{
	uint64_t n;
	if (span_is(name, "kinds"))
		return kinds_parse(value, KINDS, &a->kinds, f);
	if (span_is(name, "categories")) {
		uint32_t more = 0;
		enum err e = categories_parse(value, &more, f);
		a->categories |= more;
		return e;
	}
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
	if (span_is(name, "audience"))
		return set_audience(a, value, f);
	bool score = span_is(name, "min_score"), sources = span_is(name, "sources"), most = span_is(name, "max");
	if (!score && !sources && !most)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of reason, min_score, sources, categories, kinds, for, max and audience", SPAN_ARG(span_head(name, 40)));
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
	struct policy a = { .reason = REASONS, .min_score = 90, .min_sources = 2, .kinds = KINDS_DOMAIN | KINDS_IP, .lease_s = 3 * 86400, .max = 1000,
			    .audience = TLP_GREEN };
	struct span name = span_word(&text);
	if (!source_name_ok(name) || name.n > POLICY_NAME_MAX)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a policy: 1 to %d of a-z, 0-9, '.', '_' and '-'", SPAN_ARG(span_head(name, 100)),
				 POLICY_NAME_MAX);
	memcpy(a.name, name.p, name.n);
	for (struct span one; (one = span_word(&text)).n;) {
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
	categories_put(a->categories, out);
	buf_puts(out, " kinds=");
	kinds_put(a->kinds, out);
	buf_puts(out, " for=");
	retention_put(a->lease_s, out);
	buf_printf(out, " max=%u audience=%s", a->max, tlp_name(a->audience) + strlen("tlp:"));
}
