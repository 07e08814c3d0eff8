#include "codec/pattern_compare.h"

#include "base/base64.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/ip.h"

enum { UNORDERED = 2 };

static int octets_order(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	c = c ? c : (a.n > b.n) - (a.n < b.n);
	return (c > 0) - (c < 0);
}

/* A decimal number; 19 digits of it count. */
static long double decimal(struct span s)
{
	uint64_t digits = 0;
	long scale = 0, exponent = 0;
	bool negative = s.n && s.p[0] == '-', point = false, down = false;
	size_t i = negative || (s.n && s.p[0] == '+');
	for (; i < s.n && (s.p[i] | 0x20) != 'e'; i++) {
		if (s.p[i] == '.') {
			point = true;
		} else if (digits < 1000000000000000000) {
			digits = digits * 10 + (s.p[i] - '0');
			scale -= point;
		} else {
			scale += !point;
		}
	}
	if (i < s.n) {
		i++;
		down = i < s.n && s.p[i] == '-';
		for (i += i < s.n && !ascii_digit(s.p[i]); i < s.n; i++)
			exponent = exponent < 10000 ? exponent * 10 + (s.p[i] - '0') : exponent;
	}
	scale += down ? -exponent : exponent;
	long double v = digits, power = 1, ten = 10;
	if (digits == 0)
		return 0;
	for (unsigned long n = (unsigned long)(scale < 0 ? -scale : scale); n; n >>= 1, ten *= ten)
		if (n & 1)
			power *= ten;
	v = scale < 0 ? v / power : v * power;
	return negative ? -v : v;
}

/* Octets that a string property stands for: by its name, else what is written. */
static struct span octets_of(const struct pattern_subject *s, struct buf *scratch)
{
	struct span name = s->name, end = span_from(name, name.n < 4 ? name.n : name.n - 4);
	scratch->n = 0;
	if (span_is(end, "_hex") && s->text.n % 2 == 0 && s->text.n) {
		if (hex_decode(s->text, buf_reserve(scratch, s->text.n / 2), s->text.n / 2) == OK)
			return span_of(scratch->p, s->text.n / 2);
	} else if (span_is(end, "_bin") && base64_decode(s->text, scratch) == OK) {
		return buf_span(scratch);
	}
	return s->text;
}

/* -1, 0, 1; UNORDERED when the types do not go together. */
static int order(const struct pattern_subject *s, const struct pattern_value *v, struct buf *scratch)
{
	bool string = s->kind == JSON_STRING;
	pattern_time t;
	long double a, b;
	switch (v->kind) {
	case STIX_STRING:
		return string ? octets_order(s->text, v->text) : UNORDERED;
	case STIX_NUMBER:
		if (s->kind != JSON_NUMBER)
			return UNORDERED;
		a = decimal(s->text), b = decimal(v->text);
		return (a > b) - (a < b);
	case STIX_BOOL:
		return s->kind == (v->truth ? JSON_TRUE : JSON_FALSE) ? 0 : UNORDERED;
	case STIX_TIME:
		if (!string || pattern_time_parse(s->text, &t))
			return UNORDERED;
		return (t > v->time) - (t < v->time);
	default:
		return string ? octets_order(octets_of(s, scratch), v->text) : UNORDERED;
	}
}

/* '%' any run, '_' one character.  Only the last '%' is ever come back to. */
static bool like(struct span s, struct span pattern)
{
	size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
	while (i < s.n) {
		uint32_t point;
		size_t n = utf8_decode(span_from(s, i), &point);
		n = n ? n : 1;
		if (j < pattern.n && pattern.p[j] == '%') {
			star = j++;
			from = i;
		} else if (j < pattern.n && pattern.p[j] == '_') {
			i += n;
			j++;
		} else if (j < pattern.n && pattern.p[j] == s.p[i]) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			n = utf8_decode(span_from(s, from), &point);
			i = from += n ? n : 1;
			j = star + 1;
		} else {
			return false;
		}
	}
	while (j < pattern.n && pattern.p[j] == '%')
		j++;
	return j == pattern.n;
}

struct network {
	uint8_t addr[16];
	unsigned n, prefix;
};

static bool network(struct span s, struct network *ret)
{
	size_t slash = span_find(s, '/');
	struct span addr = span_head(s, slash);
	uint64_t prefix;
	if (ip4_parse(addr, ret->addr))
		ret->n = 4;
	else if (ip6_parse(addr, ret->addr, NULL) == OK)
		ret->n = 16;
	else
		return false;
	prefix = ret->n * 8;
	if (slash < s.n && num_parse_u64(span_from(s, slash + 1), ret->n * 8, &prefix))
		return false;
	ret->prefix = (unsigned)prefix;
	ip_mask(ret->addr, ret->n, ret->prefix);
	return true;
}

static bool subset(struct span inner, struct span outer)
{
	struct network a, b;
	if (!network(inner, &a) || !network(outer, &b) || a.n != b.n || a.prefix < b.prefix)
		return false;
	ip_mask(a.addr, a.n, b.prefix);
	return memcmp(a.addr, b.addr, a.n) == 0;
}

static bool holds(const struct pattern *p, const struct pattern_node *test, const struct pattern_subject *s, const struct pattern_regex *regex,
		  struct buf *scratch)
{
	const struct pattern_value *v = pattern_value(p, test->value);
	bool string = s->kind == JSON_STRING;
	int c;
	switch (test->op) {
	case PATTERN_IN:
		for (uint32_t i = 0; i < test->n_values; i++)
			if (order(s, v + i, scratch) == 0)
				return true;
		return false;
	case STIX_LIKE:
		return string && like(s->text, v->text);
	case STIX_MATCHES:
		return string && regex->match(regex->ctx, test->value, s->text);
	case STIX_ISSUBSET:
		return string && subset(s->text, v->text);
	case STIX_ISSUPERSET:
		return string && subset(v->text, s->text);
	default:
		break;
	}
	c = order(s, v, scratch);
	return test->op == STIX_EQ ? c == 0 :
	       test->op == STIX_NE ? c != 0 :
	       test->op == STIX_LT ? c == -1 :
	       test->op == STIX_LE ? c == -1 || c == 0 :
	       test->op == STIX_GT ? c == 1 :
				     c == 0 || c == 1;
}

bool pattern_holds(const struct pattern *p, const struct pattern_node *test, const struct pattern_subject *s, const struct pattern_regex *regex,
		   struct buf *scratch)
{
	return holds(p, test, s, regex, scratch) != test->negated;
}
