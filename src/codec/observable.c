/* Observables.
 *
 * Nearly every line of a feed is a plain dotted quad or a plain lower-case name: obs_parse_plain() takes those.
 * All else goes through three steps: clean_text() strips what stands around (blanks, quotes, invisible
 * characters), refuses what nobody means (control characters, invalid UTF-8, invisible characters inside) and
 * undoes defanging; parse_clean() finds the kind from the form; the module of that kind (ip, domain, url, email)
 * makes the canonical octets.
 *
 * The order in which kinds are tried makes one text mean one thing:  hash by length, scheme "://", "mailto:", "@"
 * without '/' or '?', address '/' prefix, anything else with '/' or '?' (a URL without a scheme), and last
 * address, name, and either with a port.  Canonical text goes the same way back to the same observable: the tests
 * and the fuzz target hold it to that.
 */
#include "codec/observable.h"

#include "base/num.h"
#include "codec/clean.h"
#include "codec/domain.h"
#include "codec/email.h"
#include "codec/ip.h"
#include "codec/refang.h"
#include "codec/url.h"

enum { QUOTED_MAX = 60, SETTLE_MAX = 4 };

_Static_assert((int)URL_MAX == (int)OBS_KEY_MAX && (int)EMAIL_MAX <= (int)OBS_KEY_MAX, "keys fit the store");

static const struct {
	const char *name;
	uint8_t octets; /* of a hash */
} kinds[OBS_KINDS] = {
	[OBS_NONE] = { "none", 0 },	[OBS_IPV4] = { "ipv4", 0 },	[OBS_IPV6] = { "ipv6", 0 },
	[OBS_CIDR4] = { "cidr", 0 },	[OBS_CIDR6] = { "cidr", 0 },	[OBS_DOMAIN] = { "domain", 0 },
	[OBS_URL] = { "url", 0 },	[OBS_MD5] = { "md5", 16 },	[OBS_SHA1] = { "sha1", 20 },
	[OBS_SHA256] = { "sha256", 32 }, [OBS_SHA512] = { "sha512", 64 }, [OBS_EMAIL] = { "email", 0 },
};

const char *obs_kind_name(enum obs_kind kind)
{
	return kinds[(unsigned)kind < OBS_KINDS ? kind : OBS_NONE].name;
}

static struct observable made(enum obs_kind kind, const uint8_t *key, size_t n)
{
	return (struct observable){ .kind = (uint8_t)kind, .n = (uint16_t)n, .key = key };
}

enum err obs_parse_plain(struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs)
{
	if (text.n && ascii_digit(text.p[text.n - 1]) && ip4_parse(text, store)) {
		*ret_obs = made(OBS_IPV4, store, 4);
		return OK;
	}
	if (!domain_plain(text))
		return ERR_SYNTAX;
	memcpy(store, text.p, text.n);
	*ret_obs = made(OBS_DOMAIN, store, text.n);
	return OK;
}

/* Put the text in front of the fault about it.  Only for text that clean_text() let pass: nothing nasty to quote. */
static enum err quote(struct span s, enum err e, struct fault *f)
{
	size_t n = s.n < QUOTED_MAX ? s.n : QUOTED_MAX;
	while (n > 0 && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	fault_at(f, "\"%.*s%s\"", (int)n, (const char *)s.p, n < s.n ? "..." : "");
	return e;
}

static enum err parse_ip6(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	uint8_t addr[16];
	enum err e = ip6_parse(s, addr, f);
	if (e)
		return e;
	bool mapped = ip6_is_mapped(addr);
	memcpy(store, mapped ? addr + 12 : addr, mapped ? 4 : 16);
	*ret_obs = mapped ? made(OBS_IPV4, store, 4) : made(OBS_IPV6, store, 16);
	return OK;
}

/* Digits and dots: meant as an IPv4 address. */
static bool quad_like(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) && s.p[i] != '.')
			return false;
	return s.n > 0;
}

static enum err parse_ip4(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	enum err e = ip4_parse_why(s, store, f);
	if (e == OK)
		*ret_obs = made(OBS_IPV4, store, 4);
	return e;
}

/* "24", or "255.255.255.0" behind an IPv4 address. */
static enum err parse_prefix(struct span s, unsigned bits, unsigned *ret_prefix, struct fault *f)
{
	uint8_t mask[4];
	uint64_t prefix;
	if (span_find(s, '.') == s.n) {
		if (num_parse_u64(s, bits, &prefix))
			return fault_set(f, ERR_RANGE, "prefix length \"%.*s\" is above %u", SPAN_ARG(s), bits);
	} else {
		enum err e = ip4_parse_why(s, mask, f);
		if (e) {
			fault_at(f, "in the netmask");
			return e;
		}
		uint32_t m = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 | mask[3];
		prefix = m ? 32 - (unsigned)__builtin_ctz(m) : 0;
		if (~m & (~m + 1))
			return fault_set(f, ERR_RANGE, "the netmask has ones behind zeros");
	}
	if (prefix == 0)
		return fault_set(f, ERR_RANGE, "a prefix of length 0 covers everything");
	*ret_prefix = (unsigned)prefix;
	return OK;
}

/* Is `s` an address, a slash at `slash`, and a prefix length or netmask? */
static bool prefix_like(struct span s, size_t slash)
{
	struct span addr = span_head(s, slash), rest = span_from(s, slash + 1);
	bool v4 = quad_like(addr), v6 = span_find(span_from(addr, span_find(addr, ':') + 1), ':') < addr.n && s.p[0] != '[';
	if (!quad_like(rest) || !(v4 || v6))
		return false;
	return span_find(rest, '.') < rest.n ? v4 : rest.n <= 3;
}

static enum err parse_cidr(struct span s, size_t slash, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	struct span addr = span_head(s, slash);
	struct observable o;
	unsigned prefix = 0;
	bool colons = span_find(addr, ':') < addr.n;
	enum err e = colons ? parse_ip6(addr, store, &o, f) : parse_ip4(addr, store, &o, f);
	if (e || (e = parse_prefix(span_from(s, slash + 1), colons ? 128 : 32, &prefix, f)))
		return e;
	if (colons && o.kind == OBS_IPV4) { /* ::ffff:192.0.2.0/120 */
		if (prefix <= 96)
			return fault_set(f, ERR_RANGE, "the prefix covers all IPv4 addresses");
		prefix -= 96;
	}
	if (prefix < 8U * o.n) {
		ip_mask(store, o.n, prefix);
		o.kind = o.n == 4 ? OBS_CIDR4 : OBS_CIDR6;
		o.prefix = (uint8_t)prefix;
	}
	*ret_obs = o;
	return OK;
}

/* A name, "*." and "." in front of it allowed. */
static enum err parse_domain(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	bool wildcard = span_starts(s, SPAN_LIT("*."));
	size_t n;
	if (wildcard || (s.n > 1 && s.p[0] == '.'))
		s = span_from(s, wildcard ? 2 : 1);
	enum err e = domain_parse(s, store, &n, f);
	if (e)
		return e;
	struct span name = { store, n };
	if (span_find(name, '.') == n)
		return fault_set(f, ERR_RANGE, "a single label is not a domain that anybody owns");
	if (ip4_like(name))
		return fault_set(f, ERR_SYNTAX, "the last label of a domain name is not a number");
	*ret_obs = made(OBS_DOMAIN, store, n);
	ret_obs->wildcard = wildcard;
	return OK;
}

/* ":443" behind a host. */
static enum err check_port(struct span s, struct fault *f)
{
	uint64_t port;
	enum err e = num_parse_u64(s, 65535, &port);
	if (e == ERR_SYNTAX)
		return fault_set(f, e, "behind ':' is no port number");
	if (e || port == 0)
		return fault_set(f, ERR_RANGE, "port \"%.*s\" is not between 1 and 65535", SPAN_ARG(span_head(s, 20)));
	return OK;
}

/* An address or a name, perhaps with a port. */
static enum err parse_endpoint(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	size_t colon = span_find(s, ':'), close = span_find(s, ']');
	if (span_find(s, ' ') < s.n)
		return fault_set(f, ERR_SYNTAX, "a blank is inside");
	if (s.n && s.p[0] == '[') {
		struct span rest = span_from(s, close + 1);
		if (close == s.n || (rest.n && rest.p[0] != ':'))
			return fault_set(f, ERR_SYNTAX, "an address in brackets is \"[address]\" or \"[address]:port\"");
		enum err e = rest.n ? check_port(span_from(rest, 1), f) : OK;
		return e ? e : parse_ip6(span_head(span_from(s, 1), close - 1), store, ret_obs, f);
	}
	if (span_find(span_from(s, colon + 1), ':') < span_from(s, colon + 1).n)
		return parse_ip6(s, store, ret_obs, f);
	enum err e = colon < s.n ? check_port(span_from(s, colon + 1), f) : OK;
	if (e)
		return e;
	struct span host = span_head(s, colon);
	/* "*.192.0.2.1": programs that make wildcard lists put it before all they have. */
	struct span quad = span_starts(host, SPAN_LIT("*.")) ? span_from(host, 2) : host;
	if (quad.n && quad.p[quad.n - 1] == '.')
		quad.n--;
	return quad_like(quad) ? parse_ip4(quad, store, ret_obs, f) : parse_domain(host, store, ret_obs, f);
}

/* Decoding can bring out what refang() would change: "(%2E)".  Then the one is done again after the other. */
static enum err parse_url(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	uint8_t again[URL_MAX];
	size_t n;
	for (int i = 0; i < SETTLE_MAX; i++) {
		enum err e = url_parse(s, store, &n, f);
		if (e)
			return e;
		if (span_find(span_of(store, n), '(') == n)
			break;
		s = span_of(again, refang(span_of(store, n), again));
		if (s.n == n)
			break;
		n = 0;
	}
	if (n == 0)
		return fault_set(f, ERR_SYNTAX, "a URL is defanged many times over");
	*ret_obs = made(OBS_URL, store, n);
	return OK;
}

/* A URL; but "tcp://" and "udp://" with nothing behind the port only say where, which is an endpoint. */
static enum err parse_with_scheme(struct span s, size_t scheme, uint8_t *store, struct observable *ret_obs,
				  struct fault *f)
{
	struct span name = span_head(s, scheme);
	struct observable o;
	enum err e = parse_url(s, store, &o, f);
	if (e)
		return e;
	struct span rest = span_from(span_of(store, o.n), scheme + 3);
	if ((span_ieq(name, SPAN_LIT("tcp")) || span_ieq(name, SPAN_LIT("udp"))) && span_find(rest, '/') == rest.n - 1)
		return parse_endpoint(span_head(rest, rest.n - 1), store, ret_obs, f);
	*ret_obs = o;
	return OK;
}

static enum err parse_email(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	size_t n;
	if (s.n >= 7 && span_ieq(span_head(s, 7), SPAN_LIT("mailto:"))) {
		s = span_from(s, 7);
		s = span_head(s, span_find(s, '?'));
	}
	enum err e = email_parse(s, store, &n, f);
	if (e == OK)
		*ret_obs = made(OBS_EMAIL, store, n);
	return e;
}

static bool parse_hash(struct span s, uint8_t *store, struct observable *ret_obs)
{
	for (unsigned k = OBS_MD5; k <= OBS_SHA512; k++) {
		if (hex_decode(s, store, kinds[k].octets) == OK) {
			*ret_obs = made(k, store, kinds[k].octets);
			return true;
		}
	}
	return false;
}

static enum err parse_clean(struct span s, uint8_t *store, struct observable *ret_obs, struct fault *f)
{
	if (parse_hash(s, store, ret_obs))
		return OK;
	size_t scheme = url_scheme(s), slash = span_find(s, '/'), query = span_find(s, '?');
	if (scheme)
		return parse_with_scheme(s, scheme, store, ret_obs, f);
	if (span_ieq(span_head(s, 7), SPAN_LIT("mailto:")) || (slash == s.n && query == s.n && span_find(s, '@') < s.n))
		return parse_email(s, store, ret_obs, f);
	if (slash < s.n && prefix_like(s, slash))
		return parse_cidr(s, slash, store, ret_obs, f);
	if (slash < s.n || query < s.n)
		return parse_url(s, store, ret_obs, f);
	return parse_endpoint(s, store, ret_obs, f);
}

enum err obs_parse(struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs, struct fault *f)
{
	uint8_t scratch[CLEAN_MAX];
	struct span s;
	if (obs_parse_plain(text, store, ret_obs) == OK)
		return OK;
	enum err e = clean_text(text, scratch, &s, f);
	if (e)
		return e;
	e = parse_clean(s, store, ret_obs, f);
	return e ? quote(s, e, f) : OK;
}

/* Addresses and prefixes are one group: fields of either carry both. */
static bool same_group(enum obs_kind a, enum obs_kind b)
{
	return a == b || (a >= OBS_IPV4 && a <= OBS_CIDR6 && b >= OBS_IPV4 && b <= OBS_CIDR6);
}

enum err obs_parse_as(enum obs_kind kind, struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_obs,
		      struct fault *f)
{
	uint8_t scratch[CLEAN_MAX];
	struct span s;
	struct observable o;
	enum err e = clean_text(text, scratch, &s, f);
	if (e)
		return e;
	if (kind == OBS_URL) {
		size_t scheme = url_scheme(s);
		e = scheme ? parse_with_scheme(s, scheme, store, &o, f) : parse_url(s, store, &o, f);
	} else if (kind >= OBS_MD5 && kind <= OBS_SHA512) {
		unsigned n = kinds[kind].octets;
		if ((e = hex_decode(s, store, n)))
			fault_set(f, e, "a hash \"%s\" is %u hexadecimal digits", kinds[kind].name, 2 * n);
		o = made(kind, store, n);
	} else {
		e = parse_clean(s, store, &o, f);
		if (e == OK && !same_group(kind, o.kind))
			e = fault_set(f, ERR_SYNTAX, "it is of the kind %s, not %s", obs_kind_name(o.kind), obs_kind_name(kind));
	}
	if (e)
		return quote(s, e, f);
	*ret_obs = o;
	return OK;
}

void obs_format(const struct observable *o, struct buf *out)
{
	char text[IP_TEXT_MAX];
	switch ((enum obs_kind)o->kind) {
	case OBS_IPV4:
	case OBS_CIDR4:
		buf_put(out, text, ip4_format(o->key, text));
		break;
	case OBS_IPV6:
	case OBS_CIDR6:
		buf_put(out, text, ip6_format(o->key, text));
		break;
	case OBS_MD5:
	case OBS_SHA1:
	case OBS_SHA256:
	case OBS_SHA512:
		hex_encode(o->key, o->n, (char *)buf_reserve(out, 2 * (size_t)o->n));
		out->n += 2 * (size_t)o->n;
		break;
	case OBS_DOMAIN:
		if (o->wildcard)
			buf_puts(out, "*.");
		/* fall through */
	case OBS_URL:
	case OBS_EMAIL:
		buf_put(out, o->key, o->n);
		break;
	case OBS_NONE:
	case OBS_KINDS:
		break;
	}
	if (o->kind == OBS_CIDR4 || o->kind == OBS_CIDR6) {
		buf_putc(out, '/');
		buf_putu(out, o->prefix);
	}
}

enum err obs_host(const struct observable *o, uint8_t store[OBS_KEY_MAX], struct observable *ret_host)
{
	struct span text = { o->key, o->n };
	if (o->kind == OBS_EMAIL)
		text = span_from(text, span_find(text, '@') + 1);
	else if (o->kind == OBS_URL)
		text = url_host(text);
	else
		return ERR_NOTFOUND;
	if (text.n == 0)
		return ERR_NOTFOUND;
	if (obs_parse_plain(text, store, ret_host) == OK)
		return OK;
	return parse_endpoint(text, store, ret_host, NULL) ? ERR_NOTFOUND : OK;
}

bool obs_eq(const struct observable *a, const struct observable *b)
{
	return a->kind == b->kind && a->prefix == b->prefix && a->wildcard == b->wildcard &&
	       span_eq(span_of(a->key, a->n), span_of(b->key, b->n));
}
