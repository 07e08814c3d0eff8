#include "ledger/lanefile.h"

#include "base/octets.h"

enum { HEAD = 28 };

static const uint8_t magic[8] = { 'S', 'I', 'P', 'A', 'R', 'L', 'N', '1' };

void lanefile_put_head(const struct lanefile *h, struct buf *out)
{
	uint8_t *p = buf_reserve(out, HEAD);
	size_t lane = strlen(h->lane), origin = strlen(h->origin);
	memcpy(p, magic, sizeof(magic));
	put_be64(p + 8, (uint64_t)h->made_ms);
	put_be64(p + 16, h->first);
	put_be16(p + 24, (uint16_t)lane);
	put_be16(p + 26, (uint16_t)origin);
	out->n += HEAD;
	buf_put(out, h->lane, lane);
	buf_put(out, h->origin, origin);
}

void lanefile_put_length(size_t n, struct buf *out)
{
	put_be32(buf_reserve(out, 4), (uint32_t)n);
	out->n += 4;
}

/* Names are for messages and for finding the lane: printable, whatever else they say. */
static bool take_name(struct span name, char *ret_name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
			return false;
	memcpy(ret_name, name.p, name.n);
	ret_name[name.n] = 0;
	return true;
}

enum err lanefile_head(struct span octets, struct lanefile *ret_head, size_t *ret_used, struct fault *f)
{
	struct lanefile h = { .first = 0 };
	const uint8_t *p = octets.p;
	size_t known = octets.n < sizeof(magic) - 1 ? octets.n : sizeof(magic) - 1;
	if (known && memcmp(p, magic, known) != 0)
		return fault_set(f, ERR_SYNTAX, "it is not a file with a lane");
	if (octets.n >= sizeof(magic) && p[7] != magic[7])
		return fault_set(f, ERR_UNSUPPORTED, "it is of version \"%c\"; this program knows \"%c\"", p[7] > ' ' && p[7] < 0x7f ? p[7] : '?', magic[7]);
	if (octets.n < HEAD)
		return ERR_MORE;
	h.made_ms = (int64_t)get_be64(p + 8);
	h.first = get_be64(p + 16);
	size_t lane = get_be16(p + 24), origin = get_be16(p + 26);
	if (h.made_ms < 0 || h.first > INT64_MAX || !lane || lane > LANE_NAME_MAX || !origin || origin > ORIGIN_MAX)
		return fault_set(f, ERR_RANGE, "a number in its head is out of bounds");
	if (octets.n < HEAD + lane + origin)
		return ERR_MORE;
	if (!take_name(span_of(p + HEAD, lane), h.lane) || !take_name(span_of(p + HEAD + lane, origin), h.origin))
		return fault_set(f, ERR_SYNTAX, "a name in its head is none");
	*ret_head = h;
	*ret_used = HEAD + lane + origin;
	return OK;
}

enum err lanefile_next(struct span octets, struct span *ret_parcel, size_t *ret_used, struct fault *f)
{
	if (octets.n < 4)
		return ERR_MORE;
	size_t n = get_be32(octets.p);
	if (n > LANEFILE_PARCEL_MAX)
		return fault_set(f, ERR_RANGE, "a parcel in it is longer than one can be");
	if (octets.n - 4 < n)
		return ERR_MORE;
	*ret_parcel = span_head(span_from(octets, 4), n);
	*ret_used = 4 + n;
	return n ? OK : ERR_NOTFOUND;
}
