/* URLs.
 *
 * Two spellings that make the same request should be one observable, so that a feed, a proxy log and a person mean
 * the same key.  The rules are those of RFC 3986 section 6.2.2 and 6.2.3, and on top of them what browsers do with
 * http and its like: backslashes are slashes, more than two slashes before the host are two, percent-encoded hosts
 * are decoded, hosts that are numbers ("0x7f.1", "2130706433") are IPv4 addresses.
 *
 * Not kept: the fragment, which is never sent; and the user and password, which are not part of what is asked for
 * (browsers send them in a header of their own, if at all), and are a lure ("http://bank.example@evil.example/")
 * or somebody's secret.
 */
#include "codec/url.h"

#include "base/num.h"
#include "codec/domain.h"
#include "codec/ip.h"

#include <stdio.h>

enum { SCHEME_MAX = 32, HOST_RAW_MAX = 1024 };

static const struct scheme {
	const char *name;
	uint16_t port;
} special[] = { { "http", 80 }, { "https", 443 }, { "ftp", 21 }, { "ws", 80 }, { "wss", 443 } };

/* The parts of a URL as they are written, before anything is decoded. */
struct parts {
	const struct scheme *special; /* NULL: a scheme that nothing is known of */
	struct span scheme, host, port, path, query;
	bool bare, has_query;
};

/* Octets written so far; `full` when one did not fit. */
struct text {
	uint8_t *p;
	size_t n;
	bool full;
};

static void put(struct text *t, uint8_t c)
{
	if (t->n < URL_MAX)
		t->p[t->n++] = c;
	else
		t->full = true;
}

static void put_all(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		put(t, s.p[i]);
}

enum { UNRESERVED = 1, IN_PATH = 2, IN_QUERY = 4, IN_SCHEME = 8, ALL = 15 };

/* RFC 3986 appendix A: pchar is unreserved, sub-delims, ':' and '@'. */
static const uint8_t class_of[256] = {
	['a' ... 'z'] = ALL, ['A' ... 'Z'] = ALL, ['0' ... '9'] = ALL, ['-'] = ALL, ['.'] = ALL,
	['_'] = UNRESERVED | IN_PATH | IN_QUERY, ['~'] = UNRESERVED | IN_PATH | IN_QUERY,
	['!'] = IN_PATH | IN_QUERY, ['$'] = IN_PATH | IN_QUERY, ['&'] = IN_PATH | IN_QUERY, ['\''] = IN_PATH | IN_QUERY,
	['('] = IN_PATH | IN_QUERY, [')'] = IN_PATH | IN_QUERY, ['*'] = IN_PATH | IN_QUERY,
	['+'] = IN_PATH | IN_QUERY | IN_SCHEME,
	[','] = IN_PATH | IN_QUERY, [';'] = IN_PATH | IN_QUERY, ['='] = IN_PATH | IN_QUERY, [':'] = IN_PATH | IN_QUERY,
	['@'] = IN_PATH | IN_QUERY, ['/'] = IN_PATH | IN_QUERY, ['?'] = IN_QUERY,
};

/* The octet that the three at s.p[i] stand for, or -1 when they are no percent-encoding. */
static int percent_octet(struct span s, size_t i)
{
	uint8_t c;
	if (s.p[i] != '%' || i + 2 >= s.n || hex_decode((struct span){ s.p + i + 1, 2 }, &c, 1))
		return -1;
	return c;
}

/* Write the octet at s.p[i] as it must be in the place `where`; @return the octets of `s` that were used. */
static size_t put_octet(struct text *t, struct span s, size_t i, uint8_t where)
{
	static const char hex[16] = "0123456789ABCDEF";
	int decoded = percent_octet(s, i);
	uint8_t c = decoded < 0 ? s.p[i] : (uint8_t)decoded;
	if (class_of[c] & (decoded < 0 ? where : UNRESERVED)) {
		put(t, c);
	} else {
		put(t, '%');
		put(t, (uint8_t)hex[c >> 4]);
		put(t, (uint8_t)hex[c & 15]);
	}
	return decoded < 0 ? 1 : 3;
}

size_t url_scheme(struct span s)
{
	size_t n = 0;
	while (n < s.n && n <= SCHEME_MAX && (class_of[s.p[n]] & IN_SCHEME))
		n++;
	if (n == 0 || n > SCHEME_MAX || n + 3 > s.n || s.p[n] != ':' || ascii_lower(s.p[0]) < 'a')
		return 0;
	bool browser = false;
	for (size_t i = 0; i < COUNT_OF(special); i++)
		browser |= span_ieq(span_head(s, n), span_str(special[i].name));
	for (size_t i = n + 1; i < n + 3; i++)
		if (s.p[i] != '/' && !(browser && s.p[i] == '\\'))
			return 0;
	return n;
}

static bool is_slash(const struct parts *u, uint8_t c)
{
	return c == '/' || (c == '\\' && u->special);
}

/* Cut `s` at its delimiters: scheme://user@host:port/path?query#fragment. */
static enum err split(struct span s, struct parts *ret, struct fault *f)
{
	struct parts u = { .scheme = span_head(s, url_scheme(s)) };
	u.bare = u.scheme.n == 0;
	if (u.bare)
		u.scheme = SPAN_LIT("http");
	else
		s = span_from(s, u.scheme.n + 3);
	for (size_t i = 0; i < COUNT_OF(special); i++)
		if (span_ieq(u.scheme, span_str(special[i].name)))
			u.special = &special[i];
	while (u.special && !u.bare && s.n && is_slash(&u, s.p[0]))
		s = span_from(s, 1);
	s = span_head(s, span_find(s, '#'));
	size_t end = 0;
	while (end < s.n && s.p[end] != '?' && !is_slash(&u, s.p[end]))
		end++;
	struct span rest = span_from(s, end);
	u.host = span_head(s, end);
	for (size_t at; (at = span_find(u.host, '@')) < u.host.n;)
		u.host = span_from(u.host, at + 1);
	u.path = span_head(rest, span_find(rest, '?'));
	u.has_query = u.path.n < rest.n;
	u.query = span_from(rest, u.path.n + 1);
	size_t colon = u.host.n;
	while (colon > 0 && ascii_digit(u.host.p[colon - 1]))
		colon--;
	if (colon > 0 && u.host.p[colon - 1] == ':') {
		u.port = span_from(u.host, colon);
		u.host = span_head(u.host, colon - 1);
	} else if (span_find(u.host, ':') < u.host.n && u.host.p[0] != '[') {
		return fault_set(f, ERR_SYNTAX, "the port of a URL is not a number");
	}
	*ret = u;
	return OK;
}

static enum err put_ip6(struct text *t, struct span host, struct fault *f)
{
	uint8_t addr[16];
	char text[IP_TEXT_MAX];
	if (host.p[host.n - 1] != ']')
		return fault_set(f, ERR_SYNTAX, "the host of a URL has '[' without ']' at its end");
	enum err e = ip6_parse((struct span){ host.p + 1, host.n - 2 }, addr, f);
	if (e) {
		fault_at(f, "in the host of a URL");
		return e;
	}
	if (ip6_is_mapped(addr)) {
		put_all(t, span_of(text, ip4_format(addr + 12, text)));
		return OK;
	}
	put(t, '[');
	put_all(t, span_of(text, ip6_format(addr, text)));
	put(t, ']');
	return OK;
}

static enum err put_ip4(struct text *t, struct span host, bool bare, struct fault *f)
{
	uint8_t addr[4];
	char text[IP_TEXT_MAX];
	enum err e = bare ? ip4_parse_why(host, addr, f) : ip4_parse_url(host, addr, f);
	if (e == OK)
		put_all(t, span_of(text, ip4_format(addr, text)));
	return e;
}

static enum err put_host(struct text *t, const struct parts *u, struct fault *f)
{
	uint8_t raw[HOST_RAW_MAX], name[DOMAIN_MAX];
	size_t n = 0, name_n;
	if (u->host.n == 0 && u->bare)
		return fault_set(f, ERR_SYNTAX, "a path alone does not say on which host");
	if (u->host.n == 0)
		return u->special || u->port.n ? fault_set(f, ERR_SYNTAX, "a URL has no host") : OK;
	if (u->host.n > HOST_RAW_MAX)
		return fault_set(f, ERR_RANGE, "the host of a URL has %zu octets", u->host.n);
	if (u->host.p[0] == '[')
		return put_ip6(t, u->host, f);
	for (size_t i = 0; i < u->host.n; n++) {
		int decoded = u->bare ? -1 : percent_octet(u->host, i);
		raw[n] = decoded < 0 ? u->host.p[i] : (uint8_t)decoded;
		i += decoded < 0 ? 1 : 3;
	}
	enum err e = domain_parse(span_of(raw, n), name, &name_n, f);
	if (e) {
		fault_at(f, "in the host of a URL");
		return e;
	}
	struct span host = { name, name_n };
	if (ip4_like(host))
		return put_ip4(t, host, u->bare, f);
	if (u->special && span_find(host, '.') == host.n)
		return fault_set(f, ERR_RANGE, "the host of a URL is a single label");
	put_all(t, host);
	return OK;
}

static enum err put_port(struct text *t, const struct parts *u, struct fault *f)
{
	uint64_t port;
	char text[8];
	if (u->port.n == 0)
		return OK;
	if (num_parse_u64(u->port, 65535, &port) || port == 0)
		return fault_set(f, ERR_RANGE, "the port of a URL is not between 1 and 65535");
	if (!u->special || port != u->special->port)
		put_all(t, span_of(text, (size_t)snprintf(text, sizeof(text), ":%u", (unsigned)port)));
	return OK;
}

/* The path with "." and ".." resolved as it is written (RFC 3986 section 5.2.4), so that "%2e%2e" counts as "..". */
static void put_path(struct text *t, const struct parts *u)
{
	put(t, '/');
	size_t root = t->n, start = t->n; /* where the first segment begins, and where this one does */
	for (size_t i = u->path.n ? 1 : 0; !t->full;) {
		bool end = i >= u->path.n;
		if (!end && !is_slash(u, u->path.p[i])) {
			i += put_octet(t, u->path, i, IN_PATH);
			continue;
		}
		struct span segment = { t->p + start, t->n - start };
		if (span_eq(segment, SPAN_LIT("..")) && start > root)
			for (start--; start > root && t->p[start - 1] != '/'; start--)
				;
		if (span_eq(segment, SPAN_LIT(".")) || span_eq(segment, SPAN_LIT(".."))) {
			t->n = start;
		} else if (!end) {
			put(t, '/');
			start = t->n;
		}
		if (end)
			return;
		i++;
	}
}

enum err url_parse(struct span s, uint8_t ret_url[URL_MAX], size_t *ret_n, struct fault *f)
{
	struct parts u = { 0 };
	enum err e = split(s, &u, f);
	if (e)
		return e;
	if (u.bare && span_find(s, ' ') < s.n)
		return fault_set(f, ERR_SYNTAX, "a URL without a scheme has a blank in it");
	uint8_t url[URL_MAX];
	struct text t = { url, 0, false };
	for (size_t i = 0; i < u.scheme.n; i++)
		put(&t, ascii_lower(u.scheme.p[i]));
	put_all(&t, SPAN_LIT("://"));
	if ((e = put_host(&t, &u, f)) || (e = put_port(&t, &u, f)))
		return e;
	put_path(&t, &u);
	if (u.has_query)
		put(&t, '?');
	for (size_t i = 0; i < u.query.n && !t.full;)
		i += put_octet(&t, u.query, i, IN_QUERY);
	if (t.full)
		return fault_set(f, ERR_RANGE, "a URL is longer than %d octets", URL_MAX);
	memcpy(ret_url, url, t.n);
	*ret_n = t.n;
	return OK;
}

struct span url_host(struct span canonical)
{
	struct span s = span_from(canonical, span_find(canonical, ':') + 3);
	s = span_head(s, span_find(s, '/'));
	if (s.n && s.p[0] == '[')
		return span_head(s, span_find(s, ']') + 1);
	return span_head(s, span_find(s, ':'));
}
