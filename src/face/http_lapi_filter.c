/* What is not understood must not be answered with everything, so each parameter is a row here, or an error. */
#include "face/http_lapi_filter.h"

#include "base/num.h"
#include "face/http_parts.h"

enum { LIMIT_MAX = 1000000000 };

/* One of "a,b,c", without regard to case. */
static bool lists(struct span list, const char *word)
{
	while (list.n) {
		struct span one = span_head(list, span_find(list, ','));
		list = span_from(list, one.n + 1);
		if (span_ieq(span_trim(one), span_str(word)))
			return true;
	}
	return false;
}

static void set_scopes(struct lapi_filter *f, struct span value)
{
	static const struct { const char *name; uint8_t kinds; } others[] = {
		{ "domain", KINDS_DOMAIN }, { "url", KINDS_URL }, { "hash", KINDS_HASH }, { "email", KINDS_EMAIL },
	};
	f->ip = lists(value, "ip");
	f->range = lists(value, "range");
	f->kinds = f->ip || f->range ? KINDS_IP : 0;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (lists(value, others[i].name))
			f->kinds |= others[i].kinds;
}

static enum err copy(char *to, size_t size, struct span value, struct fault *why)
{
	if (value.n >= size)
		return fault_set(why, ERR_RANGE, "it has more than %zu octets", size - 1);
	if (value.n)
		memcpy(to, value.p, value.n);
	to[value.n] = 0;
	return OK;
}

static enum err take_flag(struct span value, bool *ret, struct fault *why)
{
	bool yes = span_ieq(value, SPAN_LIT("true")) || span_is(value, "1");
	if (!yes && !span_ieq(value, SPAN_LIT("false")) && !span_is(value, "0"))
		return fault_set(why, ERR_SYNTAX, "it is neither true nor false");
	*ret = yes;
	return OK;
}

static enum err set_value(struct lapi_filter *f, struct span value, struct fault *why)
{
	return value.n ? copy(f->value, sizeof(f->value), value, why) : fault_set(why, ERR_SYNTAX, "it is empty");
}

static enum err set_address(struct lapi_filter *f, struct span value, struct fault *why)
{
	f->exactly = false;
	return set_value(f, value, why);
}

static enum err set_exactly(struct lapi_filter *f, struct span value, struct fault *why)
{
	f->exactly = true;
	return set_value(f, value, why);
}

static enum err set_contains(struct lapi_filter *f, struct span value, struct fault *why)
{
	bool contains = true;
	enum err e = take_flag(value, &contains, why);
	f->inside = !contains;
	return e;
}

static enum err set_limit(struct lapi_filter *f, struct span value, struct fault *why)
{
	return num_parse_u64(value, LIMIT_MAX, &f->limit) ? fault_set(why, ERR_SYNTAX, "it is no number up to %d", LIMIT_MAX) : OK;
}

static enum err set_scope(struct lapi_filter *f, struct span value, struct fault *why)
{
	set_scopes(f, value);
	return OK;
}

static enum err set_type(struct lapi_filter *f, struct span value, struct fault *why)
{
	f->ban = span_ieq(value, SPAN_LIT("ban"));
	f->captcha = span_ieq(value, SPAN_LIT("captcha"));
	return OK;
}

static enum err set_startup(struct lapi_filter *f, struct span value, struct fault *why)
{
	return take_flag(value, &f->startup, why);
}

static enum err set_origins(struct lapi_filter *f, struct span value, struct fault *why)
{
	f->others = !lists(value, "sipar");
	return OK;
}

static enum err set_containing(struct lapi_filter *f, struct span value, struct fault *why)
{
	return copy(f->containing, sizeof(f->containing), value, why);
}

static enum err set_without(struct lapi_filter *f, struct span value, struct fault *why)
{
	return copy(f->without, sizeof(f->without), value, why);
}

/* Of things that there are not here: values that stand several times, simulations, lists of others. */
static enum err set_nothing(struct lapi_filter *f, struct span value, struct fault *why)
{
	bool ignored;
	return take_flag(value, &ignored, why);
}

enum { VALUES = 1, STREAM = 2, BOTH = 3 };

static const struct parameter {
	const char *name;
	unsigned of;
	enum err (*set)(struct lapi_filter *f, struct span value, struct fault *why);
} parameters[] = {
	{ "ip", VALUES, set_address },
	{ "range", VALUES, set_address },
	{ "value", VALUES, set_exactly },
	{ "contains", VALUES, set_contains },
	{ "limit", VALUES, set_limit },
	{ "startup", STREAM, set_startup },
	{ "scope", BOTH, set_scope },
	{ "scopes", BOTH, set_scope },
	{ "type", BOTH, set_type },
	{ "origins", BOTH, set_origins },
	{ "scenarios_containing", BOTH, set_containing },
	{ "scenarios_not_containing", BOTH, set_without },
	{ "dedup", BOTH, set_nothing },
	{ "simulated", BOTH, set_nothing },
	{ "additional_pull", STREAM, set_nothing },
	{ "community_pull", STREAM, set_nothing },
};

static enum err set_parameter(struct lapi_filter *f, bool stream, struct span name, struct span value, struct fault *why)
{
	for (size_t i = 0; i < COUNT_OF(parameters); i++) {
		const struct parameter *p = &parameters[i];
		if (!span_is(name, p->name) || !(p->of & (stream ? STREAM : VALUES)))
			continue;
		enum err e = p->set(f, value, why);
		return e ? fault_at(why, "parameter \"%s\"", p->name), e : OK;
	}
	return fault_set(why, ERR_USAGE, "there is no parameter \"" SPAN_FMT "\" here", SPAN_ARG(span_head(name, 64)));
}

enum err lapi_filter_read(struct span query, bool stream, struct lapi_filter *ret_filter, struct fault *f)
{
	uint8_t store[HTTP_TARGET_MAX];
	enum err e = OK;
	*ret_filter = (struct lapi_filter){ .kinds = stream ? KINDS_IP : KINDS_ALL, .ip = true, .range = true, .ban = true, .captcha = true };
	while (query.n && e == OK) {
		struct span one = span_head(query, span_find(query, '&'));
		size_t eq = span_find(one, '='), n;
		query = span_from(query, one.n + 1);
		if (one.n && (e = http_percent_decode(span_from(one, eq + 1), store, &n, f)) == OK)
			e = set_parameter(ret_filter, stream, span_head(one, eq), span_of(store, n), f);
	}
	return e;
}

/* ---- what it lets through ---- */

const char *lapi_scenario(const struct list_value *v)
{
	static const char *const names[REASONS] = {
		[REASON_PHISHING] = "sipar/phishing", [REASON_MALWARE] = "sipar/malware", [REASON_C2] = "sipar/c2", [REASON_DGA] = "sipar/dga",
		[REASON_BOTNET] = "sipar/botnet", [REASON_EXPLOITATION] = "sipar/exploitation",
	};
	for (unsigned r = 0; r < REASONS; r++)
		if (v->reasons >> r & 1)
			return names[r];
	return "sipar";
}

/* Is one of "a,b,c" in it, without regard to case? */
static bool has_word(const char *scenario, const char *words)
{
	struct span list = span_str(words), text = span_str(scenario);
	while (list.n) {
		struct span one = span_head(list, span_find(list, ','));
		list = span_from(list, one.n + 1);
		one = span_trim(one);
		for (size_t i = 0; one.n && i + one.n <= text.n; i++)
			if (span_ieq(span_head(span_from(text, i), one.n), one))
				return true;
	}
	return false;
}

bool lapi_filter_wants(const struct lapi_filter *f, const struct list_value *v)
{
	bool prefix = v->o.kind == OBS_CIDR4 || v->o.kind == OBS_CIDR6;
	const char *scenario = lapi_scenario(v);
	if (!(protect_kinds(v->o.kind) & f->kinds) || v->action == LIST_PASS || f->others)
		return false;
	if (protect_kinds(v->o.kind) == KINDS_IP && !(prefix ? f->range : f->ip))
		return false;
	if ((f->containing[0] && !has_word(scenario, f->containing)) || has_word(scenario, f->without))
		return false;
	return v->action == LIST_CHALLENGE ? f->captcha : f->ban;
}
