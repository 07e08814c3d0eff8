/* The special-purpose address registries of IANA (RFC 6890 and what was registered since), multicast and the reserved
 * class E. A narrower range stands before the wider one that it lies in: its name says more. */
#include "view/protect.h"

struct range {
	uint8_t p[16];
	uint8_t bits;
	const char *text;
};

static const struct range ranges4[] = {
	{ { 0 }, 8, "0.0.0.0/8 this network (RFC 791)" },
	{ { 10 }, 8, "10.0.0.0/8 private use (RFC 1918)" },
	{ { 100, 64 }, 10, "100.64.0.0/10 shared address space (RFC 6598)" },
	{ { 127 }, 8, "127.0.0.0/8 loopback (RFC 1122)" },
	{ { 169, 254 }, 16, "169.254.0.0/16 link local (RFC 3927)" },
	{ { 172, 16 }, 12, "172.16.0.0/12 private use (RFC 1918)" },
	{ { 192, 0, 0 }, 24, "192.0.0.0/24 IETF protocol assignments (RFC 6890)" },
	{ { 192, 31, 196 }, 24, "192.31.196.0/24 AS112-v4 (RFC 7535)" },
	{ { 192, 52, 193 }, 24, "192.52.193.0/24 AMT (RFC 7450)" },
	{ { 192, 88, 99 }, 24, "192.88.99.0/24 deprecated 6to4 relay anycast (RFC 7526)" },
	{ { 192, 168 }, 16, "192.168.0.0/16 private use (RFC 1918)" },
	{ { 192, 175, 48 }, 24, "192.175.48.0/24 direct delegation AS112 service (RFC 7534)" },
	{ { 198, 18 }, 15, "198.18.0.0/15 benchmarking (RFC 2544)" },
	{ { 224 }, 4, "224.0.0.0/4 multicast (RFC 5771)" },
	{ { 255, 255, 255, 255 }, 32, "255.255.255.255/32 limited broadcast (RFC 919)" },
	{ { 240 }, 4, "240.0.0.0/4 reserved (RFC 1112)" },
};

static const struct range ranges6[] = {
	{ { [15] = 1 }, 128, "::1/128 loopback (RFC 4291)" },
	{ { 0 }, 128, "::/128 unspecified address (RFC 4291)" },
	{ { [10] = 0xff, 0xff }, 96, "::ffff:0:0/96 IPv4-mapped addresses (RFC 4291)" },
	{ { 0, 0x64, 0xff, 0x9b }, 96, "64:ff9b::/96 IPv4-IPv6 translation (RFC 6052)" },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, "64:ff9b:1::/48 IPv4-IPv6 translation (RFC 8215)" },
	{ { 1 }, 64, "100::/64 discard-only (RFC 6666)" },
	{ { 1, [7] = 1 }, 64, "100:0:0:1::/64 dummy prefix (RFC 9780)" },
	{ { 0x20, 1, 0, 1, [15] = 1 }, 128, "2001:1::1/128 port control protocol anycast (RFC 7723)" },
	{ { 0x20, 1, 0, 1, [15] = 2 }, 128, "2001:1::2/128 TURN anycast (RFC 8155)" },
	{ { 0x20, 1, 0, 1, [15] = 3 }, 128, "2001:1::3/128 DNS-SD service registration anycast (RFC 9665)" },
	{ { 0x20, 1, 0, 0 }, 32, "2001::/32 Teredo (RFC 4380)" },
	{ { 0x20, 1, 0, 2 }, 48, "2001:2::/48 benchmarking (RFC 5180)" },
	{ { 0x20, 1, 0, 3 }, 32, "2001:3::/32 AMT (RFC 7450)" },
	{ { 0x20, 1, 0, 4, 1, 0x12 }, 48, "2001:4:112::/48 AS112-v6 (RFC 7535)" },
	{ { 0x20, 1, 0, 0x10 }, 28, "2001:10::/28 deprecated ORCHID (RFC 4843)" },
	{ { 0x20, 1, 0, 0x20 }, 28, "2001:20::/28 ORCHIDv2 (RFC 7343)" },
	{ { 0x20, 1, 0, 0x30 }, 28, "2001:30::/28 drone remote ID (RFC 9374)" },
	{ { 0x20, 1 }, 23, "2001::/23 IETF protocol assignments (RFC 2928)" },
	{ { 0x20, 2 }, 16, "2002::/16 6to4 (RFC 3056)" },
	{ { 0x26, 0x20, 0, 0x4f, 0x80 }, 48, "2620:4f:8000::/48 direct delegation AS112 service (RFC 7534)" },
	{ { 0x5f }, 16, "5f00::/16 segment routing SIDs (RFC 9602)" },
	{ { 0xfc }, 7, "fc00::/7 unique local (RFC 4193)" },
	{ { 0xfe, 0x80 }, 10, "fe80::/10 link local (RFC 4291)" },
	{ { 0xff }, 8, "ff00::/8 multicast (RFC 4291)" },
};

static bool equal_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned octets = bits / 8, rest = bits % 8;
	if (octets && a[0] != b[0]) /* mostly */
		return false;
	return memcmp(a, b, octets) == 0 && (rest == 0 || (a[octets] ^ b[octets]) >> (8 - rest) == 0);
}

/* A prefix lies in a range or overlaps it when they are equal as far as the shorter goes. */
static const char *find(const struct range *r, size_t n, const uint8_t *p, unsigned bits)
{
	for (size_t i = 0; i < n; i++)
		if (equal_bits(p, r[i].p, bits < r[i].bits ? bits : r[i].bits))
			return r[i].text;
	return NULL;
}

/* Most addresses are ruled out by their first octets. */
static bool plain4(const uint8_t *p)
{
	static const uint64_t first[4] = {
		1ULL << 0 | 1ULL << 10, 1ULL << (100 - 64) | 1ULL << (127 - 64),
		1ULL << (169 - 128) | 1ULL << (172 - 128), 1ULL << (192 - 192) | 1ULL << (198 - 192) | 0xffffffffULL << 32,
	};
	return (first[p[0] >> 6] >> (p[0] & 63) & 1) == 0;
}

static bool plain6(const uint8_t *p)
{
	unsigned group = (unsigned)p[0] << 8 | p[1];
	return group >> 13 == 1 && (group == 0x2001 ? p[2] > 1 : group != 0x2002 && group != 0x2620);
}

const char *protect_special(const struct table_key *k)
{
	switch (k->kind) {
	case OBS_IPV4:
		return LIKELY(plain4(k->p)) ? NULL : find(ranges4, COUNT_OF(ranges4), k->p, 32);
	case OBS_CIDR4:
		return find(ranges4, COUNT_OF(ranges4), k->p, k->prefix);
	case OBS_IPV6:
		return LIKELY(plain6(k->p)) ? NULL : find(ranges6, COUNT_OF(ranges6), k->p, 128);
	case OBS_CIDR6:
		return find(ranges6, COUNT_OF(ranges6), k->p, k->prefix);
	default:
		return NULL;
	}
}
