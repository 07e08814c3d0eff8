/* What a name under the zone asks about is read from its labels, without a detour through text:
 *
 *   labels before the zone                  asks about                 not listed
 *   4 numbers 0..255                        an IPv4 address            NXDOMAIN
 *   1 to 3 of them                          (part of one)              NODATA
 *   32 nibbles                              an IPv6 address            NXDOMAIN
 *   1 to 31 of them                         (part of one)              NODATA
 *   1, of so many digits as a hash has      a hash                     NODATA: it might be a domain's last label, too
 *   names that can be a domain's            a domain                   NODATA: names below may be listed
 *   anything else                           nothing                    NXDOMAIN
 *
 * NXDOMAIN says that nothing is below (RFC 8020), and resolvers that minimise names (RFC 9156) walk down label by label
 * and stop there.  Hence NODATA for every part, and one exception that is easily missed: "1.0.0.2" is 2.0.0.1, but also the first
 * four nibbles of every address in 2001::/16.  Four numbers of one digit each are never answered with NXDOMAIN.
 */
#include "base/base32.h"
#include "base/num.h"
#include "codec/domain.h"
#include "codec/ip.h"
#include "face/dns_parts.h"

enum { V4_LABELS = 4, V6_LABELS = 32 };

/* A decimal number 0..255 without leading zeros. */
static bool octet_label(struct span l, uint8_t *ret)
{
	unsigned v = 0;
	if (l.n == 0 || l.n > 3 || (l.n > 1 && l.p[0] == '0'))
		return false;
	for (size_t i = 0; i < l.n; i++) {
		if (!ascii_digit(l.p[i]))
			return false;
		v = v * 10 + (l.p[i] - '0');
	}
	*ret = (uint8_t)v;
	return v <= 255;
}

/* One hexadecimal digit; names are in lower case here. */
static bool nibble_label(struct span l, uint8_t *ret)
{
	uint8_t c = l.p[0];
	if (l.n != 1 || !(ascii_digit(c) || (c >= 'a' && c <= 'f')))
		return false;
	*ret = ascii_digit(c) ? c - '0' : c - 'a' + 10;
	return true;
}

static void ask_part(struct dns_asked *a)
{
	a->what = ASKED_PART;
	a->unlisted = DNS_NOERROR;
}

static void ask(struct dns_asked *a, enum obs_kind kind, unsigned n, enum dns_rcode unlisted)
{
	a->what = ASKED_VALUE;
	a->unlisted = unlisted;
	a->value = (struct observable){ .kind = kind, .n = (uint16_t)n, .key = a->key };
}

static void ask_ip4(struct dns_asked *a, enum dns_rcode unlisted)
{
	static const uint8_t listed[4] = { 127, 0, 0, 2 }, never[4] = { 127, 0, 0, 1 };
	ask(a, OBS_IPV4, 4, unlisted);
	if (memcmp(a->key, listed, 4) == 0)
		a->what = ASKED_TEST;
	else if (memcmp(a->key, never, 4) == 0)
		a->what = ASKED_NOTHING;
}

static void ask_ip6(struct dns_asked *a, const uint8_t nibble[V6_LABELS])
{
	for (unsigned i = 0; i < 16; i++)
		a->key[i] = (uint8_t)(nibble[31 - 2 * i] << 4 | nibble[30 - 2 * i]);
	if (ip6_is_mapped(a->key)) {
		memmove(a->key, a->key + 12, 4);
		ask_ip4(a, DNS_NXDOMAIN);
	} else
		ask(a, OBS_IPV6, 16, DNS_NXDOMAIN);
}

/* A file that every scanner of mail and files knows, and one that must never be listed: nothing is in it. */
static const struct digest {
	enum obs_kind kind;
	uint8_t n, test[32], never[32];
} digests[] = {
	{ OBS_MD5, 16, "\x44\xd8\x86\x12\xfe\xa8\xa8\xf3\x6d\xe8\x2e\x12\x78\xab\xb0\x2f",
	  "\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e" },
	{ OBS_SHA1, 20, "\x33\x95\x85\x6c\xe8\x1f\x2b\x73\x82\xde\xe7\x26\x02\xf7\x98\xb6\x42\xf1\x41\x40",
	  "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09" },
	{ OBS_SHA256, 32, "\x27\x5a\x02\x1b\xbf\xb6\x48\x9e\x54\xd4\x71\x89\x9f\x7d\xb9\xd1\x66\x3f\xc6\x95\xec\x2f\xe2\xa2\xc4\x53\x8a\xab\xf6\x51\xfd\x0f",
	  "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55" },
};

/* Hexadecimal digits, where a label has room for them, or base32.  32 digits that are both are hexadecimal. */
static bool ask_hash(struct dns_asked *a, struct span label)
{
	for (size_t i = 0; i < COUNT_OF(digests); i++) {
		const struct digest *d = &digests[i];
		if (hex_decode(label, a->key, d->n) && base32_decode(label, a->key, d->n))
			continue;
		ask(a, d->kind, d->n, DNS_NOERROR);
		if (memcmp(a->key, d->test, d->n) == 0)
			a->what = ASKED_TEST;
		else if (memcmp(a->key, d->never, d->n) == 0)
			a->what = ASKED_NOTHING;
		return true;
	}
	return false;
}

/* The key of a domain is its wire form with dots where the length octets of the second and further labels are. */
static void ask_domain(struct dns_asked *a, const struct dns_name *name, unsigned front)
{
	unsigned n = name->start[front] - 1u, dots = 0;
	struct span key = span_of(a->key, n);
	size_t parsed;
	memcpy(a->key, name->lower + 1, n);
	for (unsigned i = 1; i < front; i++)
		a->key[name->start[i] - 1] = '.';
	for (unsigned i = 0; i < n; i++) {
		dots += a->key[i] == '.';
		if (a->key[i] >= 0x80)
			return;
	}
	/* A dot may also be inside a label, and then this is another name than its text says. */
	if (dots != front - 1)
		return;
	if (!domain_plain(key)) {
		struct span last = dns_label(name, front - 1);
		bool number = true;
		for (size_t i = 0; i < last.n; i++)
			number &= ascii_digit(last.p[i]);
		if (number || domain_parse(key, a->key, &parsed, NULL))
			return;
	}
	if (front > 1)
		ask(a, OBS_DOMAIN, n, DNS_NOERROR);
	else if (span_is(key, "test")) {
		ask(a, OBS_DOMAIN, n, DNS_NOERROR);
		a->what = ASKED_TEST;
	} else if (!span_is(key, "invalid"))
		ask_part(a);
}

void dns_zone_labels(struct dns_asked *a, const struct dns_name *name, unsigned front)
{
	uint8_t octet[V4_LABELS], nibble[V6_LABELS];
	unsigned octets = 0, nibbles = 0;
	while (octets < front && octets < V4_LABELS && octet_label(dns_label(name, octets), &octet[octets]))
		octets++;
	while (nibbles < front && nibbles < V6_LABELS && nibble_label(dns_label(name, nibbles), &nibble[nibbles]))
		nibbles++;
	a->what = ASKED_NOTHING;
	a->unlisted = DNS_NXDOMAIN;
	if (octets == front && octets == V4_LABELS) {
		for (unsigned i = 0; i < 4; i++)
			a->key[i] = octet[3 - i];
		ask_ip4(a, nibbles == front ? DNS_NOERROR : DNS_NXDOMAIN);
	} else if (nibbles == front && nibbles == V6_LABELS)
		ask_ip6(a, nibble);
	else if (octets == front || nibbles == front)
		ask_part(a);
	else if (front > 1 || !ask_hash(a, dns_label(name, 0)))
		ask_domain(a, name, front);
}
