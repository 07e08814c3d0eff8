#include "ledger/record.h"

#include "base/octets.h"
#include "base/utf8.h"

static const uint8_t magic[4] = { 'S', 'P', 'R', '1' };

void record_put(const struct record *r, struct buf *out)
{
	uint8_t *h = buf_reserve(out, RECORD_HEAD);
	memcpy(h, magic, sizeof(magic));
	h[4] = r->kind;
	h[5] = r->flags;
	put_be16(h + 6, (uint16_t)r->token.n);
	put_be64(h + 8, (uint64_t)r->time_ms);
	put_be64(h + 16, r->import);
	put_be32(h + 24, r->count);
	h[28] = (uint8_t)r->party.n;
	h[29] = (uint8_t)r->source.n;
	h[30] = (uint8_t)r->media.n;
	h[31] = 0;
	memcpy(h + 32, r->digest, sizeof(r->digest));
	out->n += RECORD_HEAD;
	buf_putspan(out, r->party);
	buf_putspan(out, r->source);
	buf_putspan(out, r->media);
	buf_putspan(out, r->token);
}

static struct span take(struct span *rest, size_t n)
{
	struct span head = span_head(*rest, n);
	*rest = span_from(*rest, n);
	return head;
}

static bool plain_text(struct span s)
{
	return utf8_valid_prefix(s) == s.n && span_find(s, 0) == s.n;
}

enum err record_parse(struct span octets, struct record *ret_record, struct fault *f)
{
	const uint8_t *h = octets.p;
	if (octets.n < RECORD_HEAD)
		return fault_set(f, ERR_CORRUPT, "a record of %zu octets is cut off", octets.n);
	if (memcmp(h, magic, 3) == 0 && h[3] != magic[3] && h[3] > 0x20 && h[3] < 0x7f)
		return fault_set(f, ERR_UNSUPPORTED, "a record of version \"%c\"; this program knows \"%c\"", h[3], magic[3]);
	if (memcmp(h, magic, sizeof(magic)) != 0)
		return fault_set(f, ERR_CORRUPT, "the octets are not a record");
	struct record r = {
		.kind = h[4], .flags = h[5], .time_ms = (int64_t)get_be64(h + 8), .import = get_be64(h + 16),
		.count = get_be32(h + 24),
	};
	size_t party = h[28], source = h[29], media = h[30], token = get_be16(h + 6);
	if (RECORD_HEAD + party + source + media + token != octets.n)
		return fault_set(f, ERR_CORRUPT, "a record of %zu octets says that it has %zu", octets.n,
				 RECORD_HEAD + party + source + media + token);
	if (h[31] || party > 63 || source > 63 || media > 31 || token > TOKEN_MAX)
		return fault_set(f, ERR_CORRUPT, "a length in a record is out of bounds");
	struct span rest = span_from(octets, RECORD_HEAD);
	r.party = take(&rest, party);
	r.source = take(&rest, source);
	r.media = take(&rest, media);
	r.token = rest;
	if (!plain_text(r.party) || !plain_text(r.source) || !plain_text(r.media))
		return fault_set(f, ERR_CORRUPT, "a name in a record is not UTF-8");
	memcpy(r.digest, h + 32, sizeof(r.digest));
	*ret_record = r;
	return OK;
}
