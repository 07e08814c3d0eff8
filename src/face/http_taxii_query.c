#include "face/http_taxii_query.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/octets.h"
#include "base/siphash.h"

enum { VERSION = 1, HEAD = 25, CHECK = 8, STORE_MAX = 16 << 10 };

/* ---- parameters ---- */

/* RFC 3986 percent-encoding once; '+' stays. */
static enum err decode(struct span s, struct taxii_query *q, struct span *ret, struct fault *f)
{
	if (q->store.n + s.n > STORE_MAX)
		return fault_set(f, ERR_SYNTAX, "the parameters are too long");
	uint8_t *to = q->store.p + q->store.n;
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%')
			to[n++] = s.p[i];
		else if (!hex_decode(span_head(span_from(s, i + 1), 2), to + n, 1))
			n++, i += 2;
		else
			return fault_set(f, ERR_SYNTAX, "a parameter has a '%%' without two hexadecimal digits behind it");
	}
	for (size_t i = 0; i < n; i++)
		if (to[i] < 0x20)
			return fault_set(f, ERR_SYNTAX, "a parameter has a control character");
	q->store.n += n;
	*ret = span_of(to, n);
	return OK;
}

/* A zone's '+' may have become a blank on its way. */
static enum err time_of(struct span s, int64_t *ret_us, struct fault *f)
{
	uint8_t text[64];
	struct span t = span_trim(s);
	if (t.n < 20 || t.n > sizeof(text) || (t.p[10] != 'T' && t.p[10] != 't'))
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a timestamp like 2026-08-22T03:00:29.123456Z", SPAN_ARG(span_head(s, 60)));
	memcpy(text, t.p, t.n);
	if (text[t.n - 6] == ' ')
		text[t.n - 6] = '+';
	uint8_t last = text[t.n - 1];
	bool zoned = last == 'Z' || last == 'z' || text[t.n - 6] == '+' || text[t.n - 6] == '-';
	if (!zoned || time_parse_us(span_of(text, t.n), ret_us))
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a timestamp like 2026-08-22T03:00:29.123456Z", SPAN_ARG(span_head(s, 60)));
	return OK;
}

static enum err take_version(struct taxii_query *q, struct span value, struct fault *f)
{
	if (span_is(value, "first"))
		q->first = true;
	else if (span_is(value, "last"))
		q->last = true;
	else if (span_is(value, "all"))
		q->all = true;
	else
		return time_of(value, &q->versions_us[q->n_versions++], f);
	return OK;
}

static enum err take_spec(struct taxii_query *q, struct span value, struct fault *f)
{
	if (!span_is(value, "2.0") && !span_is(value, "2.1"))
		return fault_set(f, ERR_SYNTAX, "match[spec_version] takes 2.0 and 2.1, not \"" SPAN_FMT "\"", SPAN_ARG(span_head(value, 20)));
	q->specs |= span_is(value, "2.0") ? 1 : 2;
	return OK;
}

static enum err take_values(struct taxii_query *q, unsigned field, struct span list, struct fault *f)
{
	struct span value;
	if (!list.n)
		return fault_set(f, ERR_SYNTAX, "a match parameter has no value");
	for (unsigned n = 0; span_item(&list, &value); n++) {
		enum err e = OK;
		if (n == TAXII_VALUES_MAX)
			return fault_set(f, ERR_SYNTAX, "a match parameter has more than %d values", TAXII_VALUES_MAX);
		if (field == TAXII_MAY_ID)
			q->ids[q->n_ids++] = value;
		else if (field == TAXII_MAY_TYPE)
			q->types[q->n_types++] = value;
		else
			e = field == TAXII_MAY_VERSION ? take_version(q, value, f) : take_spec(q, value, f);
		if (e)
			return e;
	}
	if (q->all && (q->first || q->last || q->n_versions))
		return fault_set(f, ERR_SYNTAX, "\"all\" stands alone in match[version]");
	return OK;
}

static const struct {
	const char *name;
	unsigned field;
} matches[] = {
	{ "match[id]", TAXII_MAY_ID },
	{ "match[type]", TAXII_MAY_TYPE },
	{ "match[version]", TAXII_MAY_VERSION },
	{ "match[spec_version]", TAXII_MAY_SPEC },
};

enum { AFTER = 32, LIMIT = 64, NEXT = 128 };

static unsigned parameter_of(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(matches); i++)
		if (span_is(name, matches[i].name))
			return matches[i].field;
	return span_is(name, "added_after") ? AFTER : span_is(name, "limit") ? LIMIT : span_is(name, "next") ? NEXT : 0;
}

static enum err take_limit(struct taxii_query *q, struct span value, struct fault *f)
{
	uint64_t n;
	enum err e = num_parse_u64(value, UINT64_MAX, &n);
	if (e == ERR_SYNTAX || (e == OK && n == 0))
		return fault_set(f, ERR_SYNTAX, "limit is a number from 1 on");
	q->limit = e || n > TAXII_PAGE ? TAXII_PAGE : (unsigned)n;
	return OK;
}

static void put_filter(struct taxii_query *q, struct span name, struct span value)
{
	buf_putspan(&q->filters, name);
	buf_putc(&q->filters, '=');
	buf_putspan(&q->filters, value);
	buf_putc(&q->filters, '\n');
}

static enum err take_match(struct taxii_query *q, unsigned field, struct span name, struct span value, struct fault *f)
{
	put_filter(q, name, value);
	return take_values(q, field, value, f);
}

struct parsing {
	struct taxii_query *q;
	unsigned may, seen;
	struct span next;
};

static enum err take(struct parsing *p, struct span pair, struct fault *f)
{
	struct taxii_query *q = p->q;
	struct span name, value;
	size_t equals = span_find(pair, '=');
	enum err e = decode(span_head(pair, equals), q, &name, f);
	if (e || (e = decode(span_from(pair, equals + 1), q, &value, f)))
		return e;
	unsigned what = parameter_of(name);
	bool may = what && (what >= AFTER ? p->may & TAXII_MAY_PAGE : p->may & what);
	if (!may && !what && !span_starts(name, SPAN_LIT("match")))
		return OK; /* of others */
	if (!may)
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a parameter here", SPAN_ARG(span_head(name, 60)));
	if (p->seen & what)
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is there twice", SPAN_ARG(name));
	p->seen |= what;
	if (what == NEXT)
		p->next = value;
	else if (what == LIMIT)
		return take_limit(q, value, f);
	else if (what == AFTER) {
		q->has_after = true;
		return time_of(value, &q->after_us, f);
	} else
		return take_match(q, what, name, value, f);
	return OK;
}

/* ---- the cursor ---- */

static uint64_t hash(struct span a, struct span b)
{
	const struct siphash_seed seed = { siphash24((struct siphash_seed){ 0x74617869692063, 0x7572736f72 }, b.p, b.n), 1 };
	return siphash24(seed, a.p, a.n);
}

static void alphabet(struct buf *text, const char *from, const char *to)
{
	for (size_t i = 0; i < text->n; i++)
		for (unsigned k = 0; k < 2; k++)
			if (text->p[i] == (uint8_t)from[k]) {
				text->p[i] = (uint8_t)to[k];
				break;
			}
}

void taxii_query_next(const struct taxii_query *q, struct span owner, int64_t place_us, struct buf *out)
{
	struct buf octets = { 0 }, text = { 0 };
	buf_putc(&octets, VERSION);
	buf_putle(&octets, (uint64_t)place_us, 8);
	buf_putle(&octets, (uint64_t)q->after_us, 8);
	buf_putle(&octets, hash(buf_span(&q->filters), (struct span){ 0 }), 8);
	if (q->filters.n <= TAXII_KEPT_MAX)
		buf_putspan(&octets, buf_span(&q->filters));
	buf_putle(&octets, hash(buf_span(&octets), owner), CHECK);
	base64_put(&text, buf_span(&octets));
	while (text.n && text.p[text.n - 1] == '=')
		text.n--;
	alphabet(&text, "+/", "-_");
	buf_putspan(out, buf_span(&text));
	buf_release(&octets);
	buf_release(&text);
}

static bool open_cursor(struct span next, struct span owner, struct buf *octets)
{
	struct buf text = { 0 };
	bool ok = next.n && next.n <= TAXII_CURSOR_MAX && span_find(next, '+') == next.n && span_find(next, '/') == next.n && span_find(next, '=') == next.n;
	buf_putspan(&text, next);
	while (text.n % 4)
		buf_putc(&text, '=');
	alphabet(&text, "-_", "+/");
	ok = ok && base64_decode(buf_span(&text), octets) == OK && octets->n >= HEAD + CHECK && octets->p[0] == VERSION;
	buf_release(&text);
	if (!ok)
		return false;
	octets->n -= CHECK;
	return get_le(octets->p + octets->n, CHECK) == hash(buf_span(octets), owner);
}

/* Filters that the request leaves out are those of the cursor; those that it has must be the same. */
static enum err take_kept(struct taxii_query *q, struct span kept, uint64_t wanted, struct fault *f)
{
	struct span line, rest;
	if (q->filters.n)
		return hash(buf_span(&q->filters), (struct span){ 0 }) == wanted ? OK : fault_set(f, ERR_SYNTAX, "next belongs to other match parameters");
	if (hash(kept, (struct span){ 0 }) != wanted)
		return fault_set(f, ERR_SYNTAX, "next needs the match parameters of the first page");
	if (q->store.n + kept.n > STORE_MAX)
		return fault_set(f, ERR_SYNTAX, "the parameters are too long");
	memcpy(q->store.p + q->store.n, kept.p, kept.n);
	rest = span_of(q->store.p + q->store.n, kept.n);
	q->store.n += kept.n;
	while (span_line(&rest, &line)) {
		size_t equals = span_find(line, '=');
		unsigned what = parameter_of(span_head(line, equals));
		enum err e = what && what < AFTER ? take_match(q, what, span_head(line, equals), span_from(line, equals + 1), f) :
						    fault_set(f, ERR_SYNTAX, "next is not one that was given out here");
		if (e)
			return e;
	}
	return OK;
}

static enum err take_cursor(struct taxii_query *q, struct span next, struct span owner, struct fault *f)
{
	struct buf octets = { 0 };
	enum err e = OK;
	if (!open_cursor(next, owner, &octets))
		e = fault_set(f, ERR_SYNTAX, "next is not one that was given out here");
	else {
		int64_t after_us = (int64_t)get_le(octets.p + 9, 8);
		q->from_us = (int64_t)get_le(octets.p + 1, 8);
		if (q->has_after && q->after_us > q->from_us)
			q->from_us = q->after_us; /* moved on by the client */
		q->after_us = after_us;
		e = take_kept(q, span_from(buf_span(&octets), HEAD), get_le(octets.p + 17, 8), f);
	}
	buf_release(&octets);
	return e;
}

static int by_text(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* In whatever order they come, they are the same filters. */
static void sort_filters(struct taxii_query *q)
{
	struct span line[COUNT_OF(matches)], rest = buf_span(&q->filters);
	struct buf sorted = { 0 };
	unsigned n = 0;
	while (n < COUNT_OF(line) && span_line(&rest, &line[n]))
		n++;
	qsort(line, n, sizeof(*line), by_text);
	for (unsigned i = 0; i < n; i++) {
		buf_putspan(&sorted, line[i]);
		buf_putc(&sorted, '\n');
	}
	buf_release(&q->filters);
	q->filters = sorted;
}

enum err taxii_query_parse(struct span target, unsigned may, struct span owner, struct taxii_query *q, struct fault *f)
{
	struct parsing p = { .q = q, .may = may };
	struct span rest = span_from(target, span_find(target, '?') + 1);
	enum err e = OK;
	*q = (struct taxii_query){ .after_us = INT64_MIN, .limit = TAXII_PAGE };
	buf_reserve(&q->store, STORE_MAX);
	while (rest.n && e == OK) {
		struct span pair = span_head(rest, span_find(rest, '&'));
		rest = span_from(rest, pair.n + 1);
		if (pair.n)
			e = take(&p, pair, f);
	}
	q->from_us = q->after_us;
	sort_filters(q);
	if (e == OK && p.seen & NEXT)
		e = take_cursor(q, p.next, owner, f);
	if (e)
		taxii_query_release(q);
	return e;
}

void taxii_query_release(struct taxii_query *q)
{
	buf_release(&q->store);
	buf_release(&q->filters);
}
