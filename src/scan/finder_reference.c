/* The rule, step by step, octet by octet, with no thought of speed: every place is tried for every kind. */
#include "scan/finder_reference.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "codec/ip.h"
#include "scan/finder_parts.h" /* the sizes that are part of the rule */

/* An octet of what was read, and the octets of the text that it stands for. */
struct unit {
	uint8_t c;
	size_t from, to;
};

struct ref {
	uint32_t kinds;
	struct unit *u;
	size_t n, room;
	uint8_t *c; /* the octets of the units */
	bool *host, *mail;
	struct stretch *six;
	size_t sixes;
	struct finding *found;
	size_t n_found, found_room;
};

static bool border(uint8_t c)
{
	return c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '`';
}

static bool one_of(const char *set, uint8_t c)
{
	return c != 0 && strchr(set, c) != NULL;
}

static void put(struct ref *r, uint8_t c, size_t from, size_t to)
{
	if (r->n == r->room) {
		r->room = 2 * r->room + 64;
		r->u = mem_realloc(r->u, r->room * sizeof(*r->u));
	}
	r->u[r->n++] = (struct unit){ c, from, to };
}

/* Octets of one character: the first stands for all of the text, the others for what is behind it, which is nothing. */
static void put_all(struct ref *r, const uint8_t *c, size_t n, size_t from, size_t to)
{
	for (size_t i = 0; i < n; i++)
		put(r, c[i], i ? to : from, to);
}

static int digit_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool number(struct span t, size_t from, size_t digits, int base, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < digits; i++) {
		if (from + i >= t.n || digit_value(t.p[from + i]) >= base)
			return false;
		*ret = *ret * (uint32_t)base + (uint32_t)digit_value(t.p[from + i]);
	}
	return true;
}

static void put_character(struct ref *r, uint32_t c, size_t from, size_t to)
{
	uint8_t octets[4] = { ' ' };
	put_all(r, octets, c >= 0xd800 && c <= 0xdfff ? 1 : utf8_encode(c, octets), from, to);
}

/* The first reading: escapes and entities.  @return where it goes on. */
static size_t unescape(struct ref *r, struct span t, size_t i)
{
	static const char *const names[] = { "&amp;", "&quot;", "&lt;", "&gt;", "&apos;", "&nbsp;" };
	static const char meant[] = "&\"<>' ";
	uint32_t v, w;
	size_t j = i;
	while (j < t.n && t.p[j] == '\\')
		j++;
	if (j > i && j < t.n) {
		if (t.p[j] == '/') {
			put(r, '/', i, j + 1);
			return j + 1;
		}
		if (t.p[j] == 'x' && number(t, j + 1, 2, 16, &v)) {
			put(r, (uint8_t)v, i, j + 3);
			return j + 3;
		}
		if (t.p[j] == 'u' && number(t, j + 1, 4, 16, &v)) {
			size_t end = j + 5, k = end;
			while (k < t.n && t.p[k] == '\\')
				k++;
			if (v >= 0xd800 && v <= 0xdbff && k > end && k < t.n && t.p[k] == 'u' && number(t, k + 1, 4, 16, &w) &&
			    w >= 0xdc00 && w <= 0xdfff) {
				v = 0x10000 + (v - 0xd800) * 0x400 + (w - 0xdc00);
				end = k + 5;
			}
			put_character(r, v, i, end);
			return end;
		}
	}
	for (size_t k = 0; k < COUNT_OF(names); k++) {
		if (span_starts(span_from(t, i), span_str(names[k]))) {
			put(r, (uint8_t)meant[k], i, i + strlen(names[k]));
			return i + strlen(names[k]);
		}
	}
	if (span_starts(span_from(t, i), SPAN_LIT("&#"))) {
		int base = i + 2 < t.n && t.p[i + 2] == 'x' ? 16 : 10;
		size_t from = base == 16 ? i + 3 : i + 2;
		for (size_t digits = 1; digits <= 4; digits++) {
			if (number(t, from, digits, base, &v) && from + digits < t.n && t.p[from + digits] == ';') {
				put_character(r, v, i, from + digits + 1);
				return from + digits + 1;
			}
		}
	}
	for (j = i; j == i || (j < t.n && t.p[i] == '\\' && t.p[j] == '\\'); j++)
		put(r, t.p[j], j, j + 1);
	return j;
}

/* The second reading: defanging, and characters. */
static void settle(struct ref *r)
{
	static const struct {
		const char *written, *meant;
	} rows[] = { { ".", "." }, { "dot", "." }, { ":", ":" }, { "://", "://" }, { "/", "/" }, { "@", "@" }, { "at", "@" } };
	struct unit *old = r->u;
	size_t n = r->n;
	uint8_t *c = mem_alloc(n + 1);
	for (size_t i = 0; i < n; i++)
		c[i] = old[i].c;
	r->u = NULL;
	r->n = r->room = 0;
	for (size_t i = 0; i < n;) {
		struct span s = { c + i, n - i };
		size_t used = 0;
		for (size_t k = 0; k < COUNT_OF(rows) && !used; k++) {
			for (size_t b = 0; b < 3 && !used; b++) {
				char form[8];
				size_t m = (size_t)snprintf(form, sizeof(form), "%c%s%c", "([{"[b], rows[k].written, ")]}"[b]);
				if (span_ieq(span_head(s, m), span_of(form, m)))
					put_all(r, (const uint8_t *)rows[k].meant, strlen(rows[k].meant), old[i].from, old[i + m - 1].to), used = m;
			}
		}
		if (!used && c[i] >= 0x80) {
			uint32_t point;
			used = utf8_decode(s, &point);
			enum point kind = used ? reading_point(point) : POINT_BORDER;
			used = used ? used : 1;
			if (kind == POINT_LETTER)
				for (size_t k = 0; k < used; k++)
					put(r, c[i + k], old[i + k].from, old[i + k].to);
			else
				put(r, kind == POINT_DOT ? '.' : ' ', old[i].from, old[i + used - 1].to);
		} else if (!used) {
			put(r, c[i], old[i].from, old[i].to);
			used = 1;
		}
		i += used;
	}
	free(old);
	free(c);
}

/* Classes of the octet at `i` of what was read; nothing is outside. */
static uint8_t octet(const struct ref *r, size_t i)
{
	return i < r->n ? r->c[i] : ' ';
}

static bool alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool in_name(uint8_t c)
{
	return alnum(c) || c == '.' || c == '-' || c == '_' || c >= 0x80;
}

static bool in_six(uint8_t c)
{
	return digit_value(c) < 16 || c == ':' || c == '.';
}

/* The letter of an escape, or the digits of a percent-encoding, at the front of what begins at `i`. */
static size_t glued(const struct ref *r, size_t i)
{
	if (i > 0 && octet(r, i - 1) == '\\' && one_of("nrtbf", octet(r, i)))
		return 1;
	return i > 0 && octet(r, i - 1) == '%' && digit_value(octet(r, i)) < 16 && digit_value(octet(r, i + 1)) < 16 ? 2 : 0;
}

static void found(struct ref *r, size_t from, size_t to, const struct observable *o)
{
	if (!(r->kinds >> o->kind & 1) || r->host[from])
		return;
	if (r->n_found == r->found_room) {
		r->found_room = 2 * r->found_room + 16;
		r->found = mem_realloc(r->found, r->found_room * sizeof(*r->found));
	}
	struct finding f = { r->u[from].from, 0, *o };
	size_t end = to < r->n ? r->u[to].from : r->u[r->n - 1].to;
	f.n = (uint32_t)(end - f.at);
	uint8_t *key = mem_alloc((size_t)o->n + 1);
	memcpy(key, o->key, o->n);
	f.obs.key = key;
	r->found[r->n_found++] = f;
}

static bool parse(const struct ref *r, enum obs_kind kind, size_t from, size_t to, uint8_t *store, struct observable *o)
{
	struct span s = { r->c + from, to - from };
	return (kind == OBS_NONE ? obs_parse(s, store, o, NULL) : obs_parse_as(kind, s, store, o, NULL)) == OK;
}

/* -- URLs -- */

static size_t trim_url(const struct ref *r, size_t from, size_t to)
{
	for (bool again = true; again && to > from;) {
		uint8_t c = r->c[to - 1];
		again = one_of(".,;:!?'*", c);
		if (c == ')' || c == ']' || c == '}')
			again = memchr(r->c + from, c == ')' ? '(' : c == ']' ? '[' : '{', to - from) == NULL;
		to -= again;
	}
	return to;
}

/* @return the end of the longest reading of a wanted kind, or 0. */
static size_t url(struct ref *r, size_t from, size_t body, bool bare)
{
	size_t end[3] = { body, SIZE_MAX, SIZE_MAX }, longest = 0, i = body;
	while (end[0] < r->n && !border(r->c[end[0]]) && r->c[end[0]] != '\\')
		end[0]++;
	if (octet(r, body) == '[')
		for (size_t k = body; k < end[0] && k < body + URL_TEXT_MAX; k++)
			if (r->c[k] == ']') {
				i = k + 1;
				break;
			}
	bool query = false;
	for (; i < end[0] && i < body + URL_TEXT_MAX && r->c[i] != '#'; i++) {
		query |= r->c[i] == '?';
		if (end[1] == SIZE_MAX && (one_of(",;'(){}[]|^", r->c[i]) || (r->c[i] == '&' && !query)))
			end[1] = i;
		if (end[2] == SIZE_MAX && r->c[i] == ',')
			end[2] = i;
	}
	for (int k = 0; k < 3; k++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		if (end[k] == SIZE_MAX)
			continue;
		size_t to = trim_url(r, from, end[k]);
		if (to <= (bare ? body : from) || to - from > URL_TEXT_MAX || !parse(r, bare ? OBS_NONE : OBS_URL, from, to, store, &o))
			continue;
		if (bare && o.kind != OBS_URL)
			continue;
		found(r, from, to, &o);
		if ((r->kinds >> o.kind & 1) && to > longest)
			longest = to;
	}
	return longest;
}

static size_t web_scheme(const struct ref *r, size_t colon)
{
	static const char *const names[] = { "ftp", "http", "https", "htxp", "htxps", "hxtp", "hxtps", "hxxp", "hxxps", "h*tp", "h*tps",
		"ht*p", "ht*ps", "h**p", "h**ps", "hx*p", "hx*ps", "h*xp", "h*xps" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		size_t n = strlen(names[i]);
		if (colon >= n && span_ieq(span_of(r->c + colon - n, n), span_str(names[i])))
			return colon - n;
	}
	/* Three of t, x and '*'. */
	for (size_t s = 0; s < 2; s++) {
		if (colon < 5 + s || (s && ascii_lower(r->c[colon - 1]) != 's') || ascii_lower(r->c[colon - 1 - s]) != 'p')
			continue;
		size_t h = colon - 5 - s;
		bool all = ascii_lower(r->c[h]) == 'h';
		for (size_t i = h + 1; i < h + 4; i++)
			all &= one_of("tTxX*", r->c[i]);
		if (all)
			return h;
	}
	return colon;
}

static void url_at(struct ref *r, size_t colon)
{
	size_t from = colon, web = web_scheme(r, colon), to = 0;
	while (from > 0 && (alnum(r->c[from - 1]) || one_of("+-.*", r->c[from - 1])))
		from--;
	bool fits = colon - from <= SCHEME_TEXT_MAX;
	while (from < colon && !(alnum(r->c[from]) && !ascii_digit(r->c[from])))
		from++;
	if (fits && from < colon)
		to = url(r, from, colon + 3, false);
	if (web < colon) {
		size_t other = url(r, web, colon + 3, false);
		to = other > to ? other : to;
	}
	for (size_t i = colon + 3; i < to && !one_of("/?#", r->c[i]); i++)
		r->host[i] = true;
}

/* -- Names and IPv4 addresses -- */

static void prefix(struct ref *r, size_t from, size_t slash)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	size_t to = slash + 1;
	if (octet(r, slash) != '/')
		return;
	while (ascii_digit(octet(r, to)) || octet(r, to) == '.')
		to++;
	while (octet(r, to - 1) == '.')
		to--;
	if (to == slash + 1 || to - slash > 16 || alnum(octet(r, to)) || one_of("_-/", octet(r, to)))
		return;
	if (parse(r, OBS_NONE, from, to, store, &o) && (o.kind == OBS_CIDR4 || o.kind == OBS_CIDR6))
		found(r, from, to, &o);
}

static void bare(struct ref *r, size_t from, size_t to)
{
	size_t body = to;
	if (octet(r, to) == ':') {
		for (body = to + 1; ascii_digit(octet(r, body)); body++)
			;
		if (body == to + 1 || body - to > 6)
			return;
	}
	if (octet(r, body) == '/' || octet(r, body) == '?')
		url(r, from, body, true);
}

static bool is_name(const struct ref *r, size_t from, size_t to, uint8_t *store, struct observable *o)
{
	size_t label = to;
	while (label > from && r->c[label - 1] != '.')
		label--;
	if (label == from || to - label < 2 || to - from > NAME_TEXT_MAX)
		return false;
	uint8_t c = r->c[label];
	return (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && parse(r, OBS_DOMAIN, from, to, store, o);
}

static bool in_six_address(const struct ref *r, size_t from, size_t to)
{
	for (size_t i = 0; i < r->sixes; i++)
		if (from >= r->six[i].from && to <= r->six[i].to)
			return true;
	return false;
}

static bool one(struct ref *r, size_t from, size_t to)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o = { .kind = OBS_IPV4, .n = 4, .key = store };
	if (ip4_parse_why(span_of(r->c + from, to - from), store, NULL) && !is_name(r, from, to, store, &o))
		return false;
	if (r->host[from] || r->mail[from] || in_six_address(r, from, to))
		return true;
	found(r, from, to, &o);
	if (o.kind == OBS_IPV4)
		prefix(r, from, to);
	bare(r, from, to);
	return true;
}

static bool divides(const struct ref *r, size_t i, size_t to)
{
	uint8_t a = r->c[i], b = i + 1 < to ? r->c[i + 1] : ' ';
	return (a == '.' && (b == '.' || b == '-')) || (a == '-' && b == '.');
}

/* The end of the segment that begins at `from`, without what it ends in; and where the next one may begin. */
static size_t segment_end(const struct ref *r, size_t from, size_t to, size_t *next)
{
	size_t end = from;
	while (end < to && !divides(r, end, to))
		end++;
	*next = end;
	while (end > from && one_of(".-_", r->c[end - 1]))
		end--;
	return end;
}

static void segments(struct ref *r, size_t from, size_t to)
{
	for (size_t next; from < to; from = next) {
		while (from < to && one_of(".-", r->c[from]))
			from++;
		size_t end = segment_end(r, from, to, &next);
		if (from == to)
			return;
		if (end > from && !one(r, from, end)) {
			size_t a = from;
			for (size_t i = from; i <= end; i++) {
				if (i < end && !one_of("-_", r->c[i]))
					continue;
				size_t b = i;
				while (a < b && r->c[a] == '.')
					a++;
				while (a < b && r->c[b - 1] == '.')
					b--;
				if (a < b)
					one(r, a, b);
				a = i + 1;
			}
		}
		if (end > from && r->c[from] == '_') {
			size_t a = from;
			while (a < end && one_of("._-", r->c[a]))
				a++;
			if (a < end)
				one(r, a, end);
		}
		if (next == from)
			next = from + 1;
	}
}

static uint32_t character(const struct ref *r, size_t i)
{
	uint32_t c = 0;
	while (i > 0 && (r->c[i] & 0xc0) == 0x80)
		i--;
	return utf8_decode(span_of(r->c + i, r->n - i), &c) ? c : 0;
}

static void word(struct ref *r, size_t from, size_t to)
{
	segments(r, from, to);
	bool ascii = true;
	for (size_t i = from; i < to; i++)
		ascii &= r->c[i] < 0x80;
	if (ascii)
		return;
	for (size_t a = from; a < to; a++) {
		size_t b = a;
		if (r->c[a] >= 0x80 || (a > from && r->c[a - 1] < 0x80))
			continue;
		while (b < to && r->c[b] < 0x80)
			b++;
		if ((a == from || reading_parts(character(r, a - 1))) && (b == to || reading_parts(character(r, b))))
			segments(r, a, b);
	}
}

/* -- E-mail addresses -- */

static bool local(uint8_t c)
{
	return c > ' ' && c < 0x7f && !one_of("\"(),/:;<>?@[\\]`", c);
}

static bool common(uint8_t c)
{
	return alnum(c) || one_of("._+-", c);
}

static bool address(struct ref *r, size_t from, size_t at, size_t to)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (from >= at || at - from > 64 || !parse(r, OBS_EMAIL, from, to, store, &o))
		return false;
	found(r, from, to, &o);
	return true;
}

static bool addresses(struct ref *r, size_t at, size_t to)
{
	size_t from = at, wide;
	bool any = false;
	while (from > 0 && common(r->c[from - 1]))
		from--;
	if (at - from > LOCAL_SIGHT)
		return false;
	for (wide = from; wide > 0 && local(r->c[wide - 1]); wide--)
		;
	if (wide < from)
		any |= address(r, wide, at, to);
	size_t second = from + glued(r, from);
	for (size_t a = from;; a = second) {
		size_t b = a;
		while (b < at && one_of(".-", r->c[b]))
			b++;
		any |= address(r, b, at, to);
		if (a == second)
			break;
	}
	return any;
}

static void mail_at(struct ref *r, size_t at)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	size_t word_end = at + 1, ascii = at + 1, next, covers = 0, left = at;
	while (in_name(octet(r, word_end)))
		word_end++;
	if (word_end == at + 1 || r->host[at] || one_of(".-", r->c[at + 1]))
		return;
	size_t end = segment_end(r, at + 1, word_end, &next);
	if (is_name(r, at + 1, end, store, &o) && addresses(r, at, end))
		covers = end;
	while (ascii < word_end && r->c[ascii] < 0x80)
		ascii++;
	if (ascii < end && reading_parts(character(r, ascii))) {
		size_t to = segment_end(r, at + 1, ascii, &next);
		if (is_name(r, at + 1, to, store, &o) && addresses(r, at, to) && !covers)
			covers = to;
	}
	if (!covers || !(r->kinds >> OBS_EMAIL & 1))
		return;
	while (left > 0 && at - left < LOCAL_SIGHT && (in_name(r->c[left - 1]) || r->c[left - 1] == '+'))
		left--;
	for (size_t i = left; i < covers; i++)
		r->mail[i] = true;
}

/* -- IPv6 addresses and hashes -- */

static bool six(struct ref *r, size_t from, size_t to)
{
	uint8_t addr[16];
	size_t colons = 0, digits = 0;
	for (size_t i = from; i < to; i++)
		colons += r->c[i] == ':', digits += digit_value(r->c[i]) < 16;
	if (colons < 2 || digits == 0 || ip6_parse(span_of(r->c + from, to - from), addr, NULL))
		return false;
	struct observable o = { .kind = OBS_IPV6, .n = 16, .key = addr };
	if (ip6_is_mapped(addr))
		o = (struct observable){ .kind = OBS_IPV4, .n = 4, .key = addr + 12 };
	if (r->kinds >> o.kind & 1)
		r->six[r->sixes++] = (struct stretch){ from, to };
	found(r, from, to, &o);
	prefix(r, from, to);
	return true;
}

static void six_run(struct ref *r, size_t from, size_t to, bool free_start)
{
	size_t start = from;
	while (from < to && r->c[from] == '.')
		from++;
	while (to > from && r->c[to - 1] == '.')
		to--;
	if (to - from >= 2 && r->c[from] == ':' && (r->c[from + 1] != ':' || (to - from >= 3 && r->c[from + 2] == ':')))
		from++;
	if (to - from >= 2 && r->c[to - 1] == ':' && (r->c[to - 2] != ':' || (to - from >= 3 && r->c[to - 3] == ':')))
		to--;
	if (from >= to || (from > 0 && alnum(r->c[from - 1]) && !(free_start && from == start)))
		return;
	if (!alnum(octet(r, to)) && six(r, from, to))
		return;
	for (size_t i = from; i < to; i++) {
		if (r->c[i] == '.') {
			six(r, from, i);
			return;
		}
	}
}

static void hash(struct ref *r, size_t from, size_t to)
{
	static const struct {
		size_t n;
		enum obs_kind kind;
	} rows[] = { { 32, OBS_MD5 }, { 40, OBS_SHA1 }, { 64, OBS_SHA256 }, { 128, OBS_SHA512 } };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	for (size_t k = 0; k < COUNT_OF(rows); k++)
		if (to - from == rows[k].n && parse(r, rows[k].kind, from, to, store, &o))
			found(r, from, to, &o);
}

/* All of one stretch. */
static void look_at(struct ref *r, struct span text, size_t from, size_t to)
{
	struct span t = span_head(text, to);
	r->n = 0;
	for (size_t i = from; i < to;)
		i = unescape(r, t, i);
	settle(r);
	r->c = mem_zalloc(r->n + 1);
	r->host = mem_zalloc(r->n + 1);
	r->mail = mem_zalloc(r->n + 1);
	r->six = mem_alloc((r->n + 1) * sizeof(*r->six));
	r->sixes = 0;
	for (size_t i = 0; i < r->n; i++)
		r->c[i] = r->u[i].c;
	for (size_t i = 0; i < r->n; i++)
		if (r->c[i] == ':' && octet(r, i + 1) == '/' && octet(r, i + 2) == '/')
			url_at(r, i);
	for (size_t i = 0; i < r->n; i++)
		if (r->c[i] == '@')
			mail_at(r, i);
	for (size_t i = 0, end; i < r->n; i++) {
		if (!in_six(r->c[i]) || (i > 0 && in_six(r->c[i - 1])))
			continue;
		for (end = i; in_six(octet(r, end)); end++)
			;
		six_run(r, i, end, i > 1 && r->c[i - 2] == '\\' && one_of("nrt", r->c[i - 1]));
		if (glued(r, i))
			six_run(r, i + glued(r, i), end, true);
	}
	for (size_t i = 0, end; i < r->n; i++) {
		if (!alnum(r->c[i]) || (i > 0 && alnum(r->c[i - 1])))
			continue;
		for (end = i; alnum(octet(r, end)); end++)
			;
		hash(r, i, end);
		if (glued(r, i) && i + glued(r, i) < end)
			hash(r, i + glued(r, i), end);
	}
	for (size_t i = 0, end; i < r->n; i++) {
		if (!in_name(r->c[i]) || (i > 0 && in_name(r->c[i - 1])))
			continue;
		for (end = i; in_name(octet(r, end)); end++)
			;
		if (octet(r, end) == ':' && octet(r, end + 1) == '/' && octet(r, end + 2) == '/')
			continue;
		word(r, i, end);
		if (glued(r, i) && i + glued(r, i) < end)
			word(r, i + glued(r, i), end);
	}
	free(r->c);
	free(r->host);
	free(r->mail);
	free(r->six);
}

static int order(const void *x, const void *y)
{
	const struct finding *a = x, *b = y;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return (int)a->obs.kind - (int)b->obs.kind;
}

void finder_reference(uint32_t kinds, struct span text, finder_visit *visit, void *ctx)
{
	struct ref r = { .kinds = kinds ? kinds : ~0U };
	for (size_t from = 0, to; from < text.n; from = to) {
		for (to = from; to < text.n && to - from < STRETCH_MAX && !border(text.p[to]); to++)
			;
		if (to > from)
			look_at(&r, text, from, to);
		else
			to++;
	}
	if (r.n_found)
		qsort(r.found, r.n_found, sizeof(*r.found), order);
	size_t n = 0;
	for (size_t i = 0; i < r.n_found; i++) {
		if (n && order(&r.found[n - 1], &r.found[i]) == 0)
			free((void *)(uintptr_t)r.found[i].obs.key);
		else
			r.found[n++] = r.found[i];
	}
	if (n)
		visit(ctx, r.found, n);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)r.found[i].obs.key);
	free(r.found);
	free(r.u);
}
