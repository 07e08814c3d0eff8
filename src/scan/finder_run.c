/* IPv6 addresses, hashes and prefixes: runs of digits. */
#include "scan/finder_parts.h"

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
	unsigned colons = 0, digits = 0;
	if (to - from >= IP_TEXT_MAX)
		return false;
	for (size_t i = from; i < to; i++)
		colons += l->p[i] == ':', digits += ascii_hex(l->p[i]);
	if (colons < 2 || digits == 0 || ip6_parse(span_of(l->p + from, to - from), addr, NULL))
		return false;
	bool mapped = ip6_is_mapped(addr);
	struct observable o = { .kind = mapped ? OBS_IPV4 : OBS_IPV6, .n = mapped ? 4 : 16, .key = mapped ? addr + 12 : addr };
	if (wanted(l->f, o.kind))
		l->six = look_cover(l, from, to);
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

/* Times of day and hardware addresses are everywhere.  An address has a "::" or seven colons (six before a dotted quad), and
 * two more may stand around it; and anything behind its first dot. */
static bool six_like(const struct look *l, size_t from, size_t to)
{
	if (to - from > 64)
		return true;
	uint64_t colons = marks_of(l->m->colon, from, to);
	if (colons & colons >> 1)
		return true;
	for (unsigned i = 0; i < 5; i++)
		colons &= colons - 1;
	if (colons == 0)
		return false;
	for (unsigned i = 0; i < 4; i++)
		colons &= colons - 1;
	return colons == 0 || memchr(l->p + from, '.', to - from);
}

void look_six_at(struct look *l, size_t pos)
{
	if (pos < l->sixes)
		return;
	size_t from = marks_back(l->m->six, pos), to = marks_forward(l->m->six, pos);
	l->sixes = to;
	if (!six_like(l, from, to))
		return;
	/* The letters of \n and its like that are no hexadecimal digits stand before the run. */
	bool glued = from > 1 && l->p[from - 2] == '\\' && memchr("nrt", l->p[from - 1], 3);
	size_t skip = look_glued(l, from);
	six_run(l, from, to, glued);
	if (skip)
		six_run(l, from + skip, to, true);
}

/* The value of eight hexadecimal digits.  Letters have bit 0x40: their low half is 1 to 6, and 9 is added. */
static void hex_eight(const uint8_t *p, uint8_t ret[4])
{
	const uint64_t ones = 0x0101010101010101ULL;
	uint64_t w;
	memcpy(&w, p, 8);
	w = (w & ones * 0x0f) + (w >> 6 & ones) * 9;
	w = (w << 4 | w >> 8) & 0x00ff00ff00ff00ffULL;
	w = (w | w >> 8) & 0x0000ffff0000ffffULL;
	uint32_t four = (uint32_t)(w | w >> 16);
	memcpy(ret, &four, 4);
}

/* The hexadecimal digits from..to. */
static void hash_run(struct look *l, size_t from, size_t to)
{
	size_t n = to - from;
	enum obs_kind kind = n == 32 ? OBS_MD5 : n == 40 ? OBS_SHA1 : n == 64 ? OBS_SHA256 : n == 128 ? OBS_SHA512 : OBS_NONE;
	if (kind == OBS_NONE)
		return;
	uint8_t *key = look_store(l);
	for (size_t i = 0; i < n; i += 8)
		hex_eight(l->p + from + i, key + i / 2);
	struct observable o = { .kind = (uint8_t)kind, .n = (uint16_t)(n / 2), .key = key };
	look_found(l, from, to, &o);
}

/* A run of hexadecimal digits with another letter beside it is none, but for the letter of \n and its like. */
void look_hash_at(struct look *l, size_t pos)
{
	if (pos < l->hashes)
		return;
	size_t from = marks_back(l->m->hex, pos), to = marks_forward(l->m->hex, pos), skip = look_glued(l, from);
	l->hashes = to;
	if (ascii_alnum(look_octet(l, to)))
		return;
	if (from == 0 || !ascii_alnum(l->p[from - 1]))
		hash_run(l, from, to);
	else if (from > 1 && l->p[from - 2] == '\\' && memchr("nrt", l->p[from - 1], 3))
		hash_run(l, from, to);
	if (skip && from + skip < to)
		hash_run(l, from + skip, to);
}

void look_prefix(struct look *l, size_t from, size_t slash)
{
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
	if (obs_parse(span_of(l->p + from, to - from), look_store(l), &o, NULL) == OK && (o.kind == OBS_CIDR4 || o.kind == OBS_CIDR6))
		look_found(l, from, to, &o);
}
