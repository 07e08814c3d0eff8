/* IPv6 addresses, hashes and prefixes: runs of digits. */
#include "scan/finder_parts.h"

#include "base/num.h"
#include "codec/ip.h"

/* One colon too many at the front: "client:2001:db8::1". */
static bool lone_colon(const uint8_t *p, size_t n)
{
	return n > 1 && p[0] == ':' && (p[1] != ':' || (n > 2 && p[2] == ':'));
}

/* And at the end: "2001:db8::1: unreachable". */
static bool last_colon(const uint8_t *p, size_t n)
{
	return n > 1 && p[n - 1] == ':' && (p[n - 2] != ':' || (n > 2 && p[n - 3] == ':'));
}

static bool six_address(struct look *l, size_t from, size_t to)
{
	uint8_t addr[16];
	size_t gaps = 0, digits = 0;
	unsigned colons = marks_count(l->m->colon, from, to);
	if (colons < 2 || colons > 8 || to - from > IP_TEXT_MAX)
		return false;
	for (size_t i = from; i < to; i++) {
		gaps += i > from && l->p[i] == ':' && l->p[i - 1] == ':';
		digits += ascii_hex(l->p[i]);
	}
	if (digits == 0 || (gaps == 0 && colons < 6) || ip6_parse(span_of(l->p + from, to - from), addr, NULL))
		return false;
	bool mapped = ip6_is_mapped(addr);
	struct observable o = { .kind = mapped ? OBS_IPV4 : OBS_IPV6, .n = mapped ? 4 : 16, .key = mapped ? addr + 12 : addr };
	if (wanted(l->f, o.kind))
		l->six = (struct stretch){ from, to };
	look_found(l, from, to, &o);
	look_prefix(l, from, to);
	return true;
}

/* The run from..to, or what of it is an address. */
static void six_run(struct look *l, size_t from, size_t to, bool glued)
{
	size_t start = from;
	while (from < to && l->p[from] == '.')
		from++;
	while (to > from && l->p[to - 1] == '.')
		to--;
	if (lone_colon(l->p + from, to - from))
		from++;
	if (last_colon(l->p + from, to - from))
		to--;
	if (from >= to || (!(glued && from == start) && from > 0 && ascii_alnum(l->p[from - 1])))
		return;
	if (!ascii_alnum(look_octet(l, to)) && six_address(l, from, to))
		return;
	size_t dot = from + span_find(span_of(l->p + from, to - from), '.');
	if (dot < to)
		six_address(l, from, dot);
}

void look_six_at(struct look *l, size_t pos)
{
	if (pos < l->sixes)
		return;
	size_t from = marks_back(l->m->six, pos), to = marks_forward(l->m->six, pos), skip = look_glued(l, from);
	l->sixes = to;
	if (marks_count(l->m->colon, from, to) < 2)
		return;
	/* The letters of \n and its like that are no hexadecimal digits stand before the run. */
	bool glued = from > 1 && l->p[from - 2] == '\\' && memchr("nrt", l->p[from - 1], 3);
	six_run(l, from, to, glued);
	if (skip)
		six_run(l, from + skip, to, true);
}

static void hash_run(struct look *l, size_t from, size_t to)
{
	size_t n = to - from;
	uint8_t octets[64];
	enum obs_kind kind = n == 32 ? OBS_MD5 : n == 40 ? OBS_SHA1 : n == 64 ? OBS_SHA256 : n == 128 ? OBS_SHA512 : OBS_NONE;
	if (kind == OBS_NONE || hex_decode(span_of(l->p + from, n), octets, n / 2))
		return;
	struct observable o = { .kind = (uint8_t)kind, .n = (uint16_t)(n / 2), .key = octets };
	look_found(l, from, to, &o);
}

void look_hash_at(struct look *l, size_t pos)
{
	if (pos < l->hashes)
		return;
	size_t from = marks_back(l->m->alnum, pos), to = marks_forward(l->m->alnum, pos), skip = look_glued(l, from);
	l->hashes = to;
	hash_run(l, from, to);
	if (skip && from + skip < to)
		hash_run(l, from + skip, to);
}

void look_prefix(struct look *l, size_t from, size_t slash)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	size_t to = slash + 1;
	if (look_octet(l, slash) != '/')
		return;
	while (ascii_digit(look_octet(l, to)) || look_octet(l, to) == '.')
		to++;
	while (l->p[to - 1] == '.')
		to--;
	uint8_t next = look_octet(l, to);
	if (to == slash + 1 || to - slash > 16 || ascii_alnum(next) || next == '_' || next == '-' || next == '/')
		return;
	if (obs_parse(span_of(l->p + from, to - from), store, &o, NULL) == OK && (o.kind == OBS_CIDR4 || o.kind == OBS_CIDR6))
		look_found(l, from, to, &o);
}
