#include "ledger/vault.h"

#include "sys/zstd.h"

enum { PLAIN_BELOW = 512 }; /* octets: packing and unpacking a statement costs more time than it saves room */

struct span vault_pack(struct packer *p, struct span body, struct buf *frame)
{
	if (body.n < PLAIN_BELOW)
		return body;
	frame->n = 0;
	packer_pack(p, body, frame);
	return frame->n < body.n ? buf_span(frame) : body;
}

enum err vault_unpack(struct span kept, uint64_t octets, struct buf *out, struct fault *f)
{
	size_t before = out->n;
	if (octets > VAULT_BODY_MAX)
		return fault_set(f, ERR_CORRUPT, "its row is not one of a ledger");
	if (kept.n == octets) {
		buf_putspan(out, kept);
		return OK;
	}
	enum err e = zstd_unpack(kept, (size_t)octets, out, f);
	if (e == OK && out->n - before != octets)
		e = fault_set(f, ERR_CORRUPT, "its row says %llu octets, and it has %zu", (unsigned long long)octets, out->n - before);
	if (e)
		out->n = before;
	return e ? ERR_CORRUPT : OK;
}
