/* Names, IPv4 addresses and e-mail addresses: words. */
#include "scan/finder_parts.h"

#include "base/utf8.h"
#include "codec/domain.h"
#include "codec/email.h"
#include "codec/ip.h"

/* Does the last label of from..to look like a top-level domain: two octets or more, a letter first? */
static bool top_level(const uint8_t *p, size_t from, size_t to)
{
	size_t i = to;
	while (i > from && p[i - 1] != '.')
		i--;
	return i > from && to - i >= 2 && (p[i] >= 0x80 || (ascii_alnum(p[i]) && !ascii_digit(p[i])));
}

/* A name from..to by the codec, without the ways of spelling that running text has borders for. */
static bool name_of(struct look *l, size_t from, size_t to, struct observable *ret)
{
	struct span s = { l->p + from, to - from };
	uint8_t *store = look_store(l);
	size_t n;
	if (s.n > NAME_TEXT_MAX || !top_level(l->p, from, to))
		return false;
	if ((n = look_plain_name(l, from, to, store))) {
		*ret = (struct observable){ .kind = OBS_DOMAIN, .n = (uint16_t)n, .key = store };
		return true;
	}
	return obs_parse_as(OBS_DOMAIN, s, store, ret, NULL) == OK;
}

static bool quad_of(struct look *l, size_t from, size_t to, struct observable *ret)
{
	uint8_t *store = look_store(l);
	if (!ip4_parse(span_of(l->p + from, to - from), store))
		return false;
	*ret = (struct observable){ .kind = OBS_IPV4, .n = 4, .key = store };
	return true;
}

/* Part of something else that was found? */
static bool covered(const struct look *l, size_t from, size_t to)
{
	return within(l->host, from) || within(l->mail, from) || (from >= l->six.from && to <= l->six.to);
}

/* What may stand behind a name or an address that is from..to. */
void look_behind(struct look *l, size_t from, size_t to, unsigned kind)
{
	uint8_t next = look_octet(l, to);
	if (next == '/' && kind == OBS_IPV4)
		look_prefix(l, from, to);
	if (next == '/' || next == ':' || next == '?')
		look_bare_url(l, from, to);
}

static void found_name(struct look *l, size_t from, size_t to, const struct observable *o)
{
	if (covered(l, from, to))
		return;
	look_found(l, from, to, o);
	look_behind(l, from, to, o->kind);
}

static bool name_or_quad(struct look *l, size_t from, size_t to)
{
	struct observable o;
	if (!quad_of(l, from, to, &o) && !name_of(l, from, to, &o))
		return false;
	found_name(l, from, to, &o);
	return true;
}

/* A segment that is neither a name nor an address: "10.0.0.1-10.0.0.9", "evil.example_192.0.2.1". */
static void pieces(struct look *l, size_t from, size_t to)
{
	for (size_t i = from; i <= to; i++) {
		if (i < to && l->p[i] != '-' && l->p[i] != '_')
			continue;
		size_t a = from, b = i;
		while (a < b && l->p[a] == '.')
			a++;
		while (b > a && l->p[b - 1] == '.')
			b--;
		name_or_quad(l, a, b);
		from = i + 1;
	}
}

static void segment(struct look *l, size_t from, size_t to)
{
	if (!name_or_quad(l, from, to))
		pieces(l, from, to);
	if (l->p[from] == '_') { /* as in _evil.example_, by way of emphasis */
		while (from < to && (l->p[from] == '_' || l->p[from] == '.' || l->p[from] == '-'))
			from++;
		if (from < to)
			name_or_quad(l, from, to);
	}
}

/* The segment that begins at or behind `from`; @return false when there is none before `to`.  A word falls into segments where a
 * dot stands beside another one or a hyphen: no name has that.  A segment that is nothing but underscores is empty. */
static bool next_segment(const uint8_t *p, size_t *from, size_t to, size_t *ret_end, size_t *ret_next)
{
	size_t i = *from;
	while (i < to && (p[i] == '.' || p[i] == '-'))
		i++;
	if (i == to)
		return false;
	*from = i;
	for (; i + 1 < to; i++)
		if ((p[i] == '.' && (p[i + 1] == '.' || p[i + 1] == '-')) || (p[i] == '-' && p[i + 1] == '.'))
			break;
	size_t end = i + 1 < to ? i : to;
	*ret_next = end;
	while (end > *from && (p[end - 1] == '.' || p[end - 1] == '-' || p[end - 1] == '_'))
		end--;
	*ret_end = end;
	return true;
}

static void segments(struct look *l, size_t from, size_t to)
{
	for (size_t end, next; next_segment(l->p, &from, to, &end, &next); from = next)
		if (end > from)
			segment(l, from, end);
}

/* The character that ends before `at`, or begins there, in what was read: all of it is UTF-8. */
static uint32_t point_before(const uint8_t *p, size_t at)
{
	uint32_t c = 0;
	size_t from = at - 1;
	while (from && (p[from] & 0xc0) == 0x80)
		from--;
	return utf8_decode(span_of(p + from, at - from), &c) ? c : 0;
}

static uint32_t point_at(const uint8_t *p, size_t at, size_t to)
{
	uint32_t c = 0;
	return utf8_decode(span_of(p + at, to - at), &c) ? c : 0;
}

/* Runs of ASCII in a word from..to that has other letters too, which end where the other letters may not be part of the name. */
static void ascii_runs(struct look *l, size_t from, size_t to)
{
	const uint8_t *p = l->p;
	for (size_t i = from; i < to;) {
		if (p[i] >= 0x80) {
			i++;
			continue;
		}
		size_t a = i;
		while (i < to && p[i] < 0x80)
			i++;
		if ((a == from || reading_parts(point_before(p, a))) && (i == to || reading_parts(point_at(p, i, to))))
			segments(l, a, i);
	}
}

static void general_word(struct look *l, size_t from, size_t to)
{
	segments(l, from, to);
	if (l->at)
		for (size_t i = from; i < to; i++)
			if (l->p[i] >= 0x80) {
				ascii_runs(l, from, to);
				break;
			}
}

/* RFC 5322 atext and the dot, as far as codec/email.h takes them. */
static bool local_octet(uint8_t c)
{
	return c > ' ' && c < 0x7f && !memchr("\"(),/:;<>?@[\\]`", c, 15);
}

static bool common_octet(uint8_t c)
{
	return ascii_alnum(c) || c == '.' || c == '_' || c == '+' || c == '-';
}

static bool in_name(const struct look *l, size_t i)
{
	return l->m->name[i / 64] >> i % 64 & 1;
}

static bool address(struct look *l, size_t from, size_t at, size_t to)
{
	struct observable o;
	if (at - from > EMAIL_LOCAL_MAX || obs_parse_as(OBS_EMAIL, span_of(l->p + from, to - from), look_store(l), &o, NULL))
		return false;
	if (!within(l->host, from))
		look_found(l, from, to, &o);
	return true;
}

/* All readings of an address with the '@' at `at` and a domain at..to. */
static bool addresses(struct look *l, size_t at, size_t to)
{
	size_t from = at, wide;
	while (from && at - from <= LOCAL_SIGHT && common_octet(l->p[from - 1]))
		from--;
	if (at - from > LOCAL_SIGHT)
		return false;
	for (wide = from; wide && at - wide <= EMAIL_LOCAL_MAX && local_octet(l->p[wide - 1]);)
		wide--;
	size_t skip = look_glued(l, from);
	bool any = false;
	if (wide < from)
		any |= address(l, wide, at, to);
	size_t starts[] = { from, from + skip };
	for (size_t i = 0; i < (skip ? 2 : 1); i++) {
		size_t a = starts[i];
		while (a < at && (l->p[a] == '.' || l->p[a] == '-'))
			a++;
		if (a < at)
			any |= address(l, a, at, to);
	}
	return any;
}

/* Is the '@' at `at` that of an e-mail address?  Then l->mail becomes what it covers. */
static void mail_at(struct look *l, size_t at)
{
	struct observable o;
	size_t from = at + 1, end, next, ascii;
	if (at < l->mails)
		return;
	l->mails = at + 1;
	if (from >= l->n || !in_name(l, from))
		return;
	size_t to = marks_forward(l->m->name, from), covers = 0;
	if (!next_segment(l->p, &from, to, &end, &next) || from != at + 1)
		return;
	if (name_of(l, from, end, &o) && addresses(l, at, end))
		covers = end;
	/* "user@evil.example" with letters of another script behind it. */
	for (ascii = from; ascii < to && l->p[ascii] < 0x80;)
		ascii++;
	if (ascii > from && ascii < end && reading_parts(point_at(l->p, ascii, to)) && next_segment(l->p, &from, ascii, &end, &next) &&
	    name_of(l, from, end, &o) && addresses(l, at, end) && covers == 0)
		covers = end;
	if (covers && wanted(l->f, OBS_EMAIL)) {
		size_t left = at;
		while (left && at - left < LOCAL_SIGHT && (in_name(l, left - 1) || l->p[left - 1] == '+'))
			left--;
		l->mail = look_cover(l, left, covers);
	}
}

/* The '@' of which the octets behind a word are the local part's. */
static void mail_behind(struct look *l, size_t to)
{
	size_t at = to;
	while (at - to < LOCAL_SIGHT && (look_octet(l, at) == '+' || (at < l->n && in_name(l, at))))
		at++;
	if (look_octet(l, at) == '@')
		mail_at(l, at);
}

void look_word(struct look *l, size_t from, size_t to)
{
	uint8_t next = look_octet(l, to), before = from ? l->p[from - 1] : ' ';
	if (within(l->host, from))
		return;
	if (before == '@')
		mail_at(l, from - 1);
	else if (before == ':')
		look_six_at(l, from - 1);
	if (next == '@' || next == '+')
		mail_behind(l, to);
	if (next == ':' && look_octet(l, to + 1) == '/' && look_octet(l, to + 2) == '/') /* a scheme */
		return;
	general_word(l, from, to);
	size_t skip = look_glued(l, from);
	if (skip && from + skip < to)
		general_word(l, from + skip, to);
}
