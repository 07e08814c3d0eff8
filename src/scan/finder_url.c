/* URLs.
 *
 * Nobody can say where a URL ends in running text: a comma, a quote or a bracket may be part of it or of the sentence.  So one
 * place gives up to three readings: to the next border; up to the first such octet; up to the first comma, which is what a
 * CSV file means. */
#include "scan/finder_parts.h"

#include "base/attr.h"
#include "codec/ip.h"

/* A closing bracket at the end belongs to the URL when its opening one does. */
static bool unopened(const uint8_t *p, size_t n, uint8_t close)
{
	uint8_t open = close == ')' ? '(' : close == ']' ? '[' : '{';
	return memchr(p, open, n) == NULL;
}

static size_t trim_end(const struct look *l, size_t from, size_t to)
{
	for (; to > from; to--) {
		uint8_t c = l->p[to - 1];
		if (c == ')' || c == ']' || c == '}') {
			if (!unopened(l->p + from, to - from, c))
				break;
		} else if (!memchr(".,;:!?'*", c, 8)) {
			break;
		}
	}
	return to;
}

/* @return true when from..to was a URL (or what "tcp://" makes of one) of a wanted kind. */
static bool reading(struct look *l, size_t from, size_t to, bool bare)
{
	uint8_t *store = look_store(l);
	struct observable o;
	struct span text = { l->p + from, to - from };
	if (text.n > URL_TEXT_MAX)
		return false;
	if (bare ? obs_parse(text, store, &o, NULL) != OK || o.kind != OBS_URL : obs_parse_as(OBS_URL, text, store, &o, NULL) != OK)
		return false;
	look_found(l, from, to, &o);
	return wanted(l->f, o.kind);
}

/* Where a URL that begins before `body` could end. */
struct ends {
	size_t all, soft, comma;
};

/* Octets that a URL may end before, and those that change which these are. */
static const bool turns[256] = {
	[','] = true, [';'] = true, ['\''] = true, ['('] = true, [')'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
	['|'] = true, ['^'] = true, ['&'] = true, ['?'] = true, ['#'] = true,
};

static struct ends ends_of(const struct look *l, size_t body)
{
	size_t all = marks_next(l->m->border, body);
	if (all > l->n)
		all = l->n;
	if (l->at) { /* only what was read can have a backslash */
		const uint8_t *q = memchr(l->p + body, '\\', all - body);
		all = q ? (size_t)(q - l->p) : all;
	}
	struct ends e = { all, SIZE_MAX, SIZE_MAX };
	size_t i = body, limit = all - body > URL_TEXT_MAX ? body + URL_TEXT_MAX : all;
	bool query = false;
	if (i < limit && l->p[i] == '[') { /* an IPv6 address */
		const uint8_t *q = memchr(l->p + i, ']', limit - i);
		i = q ? (size_t)(q - l->p) + 1 : i;
	}
	for (; i < limit; i++) {
		uint8_t c = l->p[i];
		if (LIKELY(!turns[c]))
			continue;
		query |= c == '?';
		if (c == '#')
			break;
		if (e.soft == SIZE_MAX && c != '?' && (c != '&' || !query))
			e.soft = i;
		if (c == ',') {
			e.comma = i;
			break;
		}
	}
	return e;
}

/* All readings of a URL that begins at `from`, whose host begins at `body` or (bare) ends before it.
 * @return the end of the longest one that is wanted, or 0. */
static size_t readings(struct look *l, size_t from, size_t body, const struct ends *e, bool bare)
{
	size_t least = bare ? body : from, longest = 0, tried = 0;
	const size_t end[] = { e->all, e->comma, e->soft };
	for (size_t i = 0; i < COUNT_OF(end); i++) {
		if (end[i] == SIZE_MAX)
			continue;
		size_t to = trim_end(l, from, end[i]);
		if (to <= least || to == tried)
			continue;
		tried = to;
		if (reading(l, from, to, bare) && longest == 0)
			longest = to;
	}
	return longest;
}

/* The start of "http", "hxxp", "h**ps", "ftp" and the like, that end at `to`; else `to`. */
static size_t web_scheme(const struct look *l, size_t to)
{
	const uint8_t *p = l->p;
	size_t i = to;
	if (i >= 3 && span_ieq(span_of(p + i - 3, 3), SPAN_LIT("ftp")))
		return i - 3;
	if (i && ascii_lower(p[i - 1]) == 's')
		i--;
	if (i == 0 || ascii_lower(p[--i]) != 'p')
		return to;
	size_t letters = 0;
	while (i && letters < 3 && (ascii_lower(p[i - 1]) == 't' || ascii_lower(p[i - 1]) == 'x' || p[i - 1] == '*'))
		i--, letters++;
	return letters >= 2 && i && ascii_lower(p[i - 1]) == 'h' ? i - 1 : to;
}

static bool scheme_octet(uint8_t c)
{
	return ascii_alnum(c) || c == '+' || c == '-' || c == '.' || c == '*';
}

static void host_is(struct look *l, size_t body, size_t to)
{
	size_t end = body;
	while (end < to && l->p[end] != '/' && l->p[end] != '?' && l->p[end] != '#')
		end++;
	if (end > l->host.to)
		l->host = look_cover(l, body, end);
}

/* Octets of a URL that are canonical as they are, and before which it does not end.  (In a host, only a name's are.) */
static const uint8_t stays[256] = {
	['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['!'] = 1, ['$'] = 1, ['*'] = 1,
	['+'] = 1, ['='] = 1, [':'] = 1, ['@'] = 1, ['/'] = 1, ['?'] = 1,
};

/* The start of "http" or "https" that ends at `to` and is no end of a longer word; else `to`. */
static size_t plain_scheme(const struct look *l, size_t to)
{
	size_t from = to;
	if (to >= 4 && memcmp(l->p + to - 4, "http", 4) == 0)
		from = to - 4;
	else if (to >= 5 && memcmp(l->p + to - 5, "https", 5) == 0)
		from = to - 5;
	return from && scheme_octet(l->p[from - 1]) ? to : from;
}

/* A dot behind a slash, which may be a segment to be taken away. */
static bool dot_segment(const struct look *l, size_t from, size_t to)
{
	for (; from < to; from += 64) {
		uint64_t both = marks_from(l->m->dot, from) & marks_from(l->m->slash, from - 1);
		if (to - from < 64)
			both &= ~(~0ULL << (to - from));
		if (both)
			return true;
	}
	return false;
}

/* The commonest URLs are canonical already, but for capital letters in the host or a "/" at the end, and can be read in one way: http or https, a
 * plain name or a dotted quad, no port, nothing percent-encoded, no segments that begin with a dot, no fragment. */
static bool plain_url(struct look *l, size_t colon)
{
	const uint8_t *p = l->p;
	size_t from = plain_scheme(l, colon), body = colon + 3, to = marks_next(l->m->border, body), end = marks_forward(l->m->name, body);
	if (to > l->n)
		to = l->n;
	if (from == colon || to - from > OBS_KEY_MAX - 2 - PLAIN_ROOM || end - body < 4 || end - body > PLAIN_MAX || !wanted(l->f, OBS_URL) ||
	    within(l->host, from))
		return false;
	unsigned all = 1;
	for (size_t i = end; i < to; i++)
		all &= stays[p[i]];
	if (!all)
		return false;
	while (to > end && (p[to - 1] == '.' || p[to - 1] == ':' || p[to - 1] == '!' || p[to - 1] == '?' || p[to - 1] == '*'))
		to--;
	if ((to > end && p[end] != '/') || p[end - 1] == '.' || p[body] == '_' || p[end - 1] == '_' || dot_segment(l, end, to))
		return false;
	if (look_clean(l, from, to) == OBS_URL) {
		l->host = look_cover(l, body, end);
		return true;
	}
	/* From the front: what is written behind an end is written over. */
	uint8_t *key = look_store(l), *host = key + (body - from), *path = key + (end - from), addr[4];
	memcpy(key, p + from, 8);
	if (!look_plain_name(l, body, end, host)) {
		if (!ip4_parse(span_of(p + body, end - body), addr))
			return false;
		memcpy(host, p + body, end - body);
	}
	if (l->readable - to >= 16)
		for (size_t i = 0; i < to - end; i += 16)
			memcpy(path + i, p + end + i, 16);
	else
		memcpy(path, p + end, to - end);
	if (to == end)
		*path = '/';
	l->host = look_cover(l, body, end);
	look_put(l, from, to, OBS_URL, to - from + (to == end));
	return true;
}

void look_scheme_at(struct look *l, size_t colon)
{
	if (plain_url(l, colon))
		return;
	size_t from = colon, body = colon + 3, web = web_scheme(l, colon), longest = 0;
	while (from && colon - from <= SCHEME_TEXT_MAX && scheme_octet(l->p[from - 1]))
		from--;
	bool too_long = colon - from > SCHEME_TEXT_MAX;
	while (from < colon && !ascii_alnum(l->p[from]))
		from++;
	while (from < colon && (l->p[from] < 'A')) /* not a letter */
		from++;
	if ((from == colon || too_long) && web == colon)
		return;
	struct ends e = ends_of(l, body);
	if (from < colon && !too_long)
		longest = readings(l, from, body, &e, false);
	if (web < colon && (web != from || too_long)) {
		size_t other = readings(l, web, body, &e, false);
		longest = other > longest ? other : longest;
	}
	if (longest)
		host_is(l, body, longest);
}

void look_bare_url(struct look *l, size_t from, size_t to)
{
	size_t body = to;
	if (!wanted(l->f, OBS_URL))
		return;
	if (look_octet(l, body) == ':') {
		do
			body++;
		while (body - to <= 6 && ascii_digit(look_octet(l, body)));
		if (body == to + 1)
			return;
	}
	if (look_octet(l, body) != '/' && look_octet(l, body) != '?')
		return;
	struct ends e = ends_of(l, body);
	readings(l, from, body, &e, true);
}
