#include "ledger/parcel.h"

#include "base/octets.h"
#include "ledger/entry.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "ledger/vault.h"

enum { NONCE = 32, GONE = 9 };

static const uint8_t magic[8] = { 'S', 'I', 'P', 'A', 'R', 'P', 'C', '1' };

void parcel_put_head(const struct parcel *p, struct buf *out)
{
	uint8_t *h = buf_reserve(out, PARCEL_HEAD);
	memcpy(h, magic, sizeof(magic));
	put_be64(h + 8, p->first);
	put_be64(h + 16, p->size_there);
	put_be32(h + 24, p->count);
	put_be32(h + 28, (uint32_t)p->note.n);
	out->n += PARCEL_HEAD;
	buf_putspan(out, p->note);
}

void parcel_put_entry(const struct parcel_entry *e, struct buf *out)
{
	uint8_t *h = buf_reserve(out, 6);
	put_be16(h, (uint16_t)e->record.n);
	put_be32(h + 2, (uint32_t)e->salted.n);
	out->n += 6;
	buf_putspan(out, e->record);
	buf_putspan(out, e->salted);
	if (e->salted.n)
		return;
	h = buf_reserve(out, GONE);
	h[0] = e->gone_kind;
	put_be64(h + 1, e->gone_said);
	out->n += GONE;
}

enum err parcel_open(struct span octets, struct parcel *ret_parcel, struct fault *f)
{
	const uint8_t *h = octets.p;
	if (octets.n < PARCEL_HEAD || memcmp(h, magic, 7) != 0)
		return fault_set(f, ERR_SYNTAX, "it is not a parcel of a lane");
	if (h[7] != magic[7])
		return fault_set(f, ERR_UNSUPPORTED, "a parcel of version \"%c\"; this program knows \"%c\"", h[7], magic[7]);
	struct parcel p = { .first = get_be64(h + 8), .size_there = get_be64(h + 16), .count = get_be32(h + 24) };
	uint32_t n = get_be32(h + 28);
	if (n > NOTE_MAX || n > octets.n - PARCEL_HEAD)
		return fault_set(f, ERR_SYNTAX, "the parcel ends in its checkpoint");
	if (p.count > PARCEL_ENTRIES_MAX || p.first > (uint64_t)INT64_MAX - p.count || p.size_there > INT64_MAX)
		return fault_set(f, ERR_RANGE, "the parcel says that it has %u entries from %llu on", p.count, (unsigned long long)p.first);
	p.note = span_of(h + PARCEL_HEAD, n);
	p.rest = span_from(octets, PARCEL_HEAD + n);
	p.left = p.count;
	*ret_parcel = p;
	return OK;
}

enum err parcel_next(struct parcel *p, struct parcel_entry *ret_entry, struct fault *f)
{
	struct parcel_entry e = { .gone_kind = 0 };
	const uint8_t *h = p->rest.p;
	if (!p->left)
		return p->rest.n ? fault_set(f, ERR_SYNTAX, "more follows than the entries of the parcel") : ERR_NOTFOUND;
	if (p->rest.n < 6)
		return fault_set(f, ERR_SYNTAX, "the parcel ends in the middle");
	size_t record = get_be16(h), salted = get_be32(h + 2), body = salted ? salted : GONE;
	if (record > RECORD_MAX || (salted && salted < NONCE) || salted > NONCE + VAULT_BODY_MAX)
		return fault_set(f, ERR_SYNTAX, "a length in the parcel is out of bounds");
	if (p->rest.n < 6 + record + body)
		return fault_set(f, ERR_SYNTAX, "the parcel ends in the middle");
	e.record = span_of(h + 6, record);
	if (salted) {
		e.salted = span_of(h + 6 + record, salted);
	} else {
		e.gone_kind = h[6 + record];
		e.gone_said = get_be64(h + 6 + record + 1);
		if ((e.gone_kind != ENTRY_ERASED && e.gone_kind != ENTRY_PRUNED) || e.gone_said > INT64_MAX)
			return fault_set(f, ERR_SYNTAX, "the parcel does not say why a body is gone");
	}
	p->rest = span_from(p->rest, 6 + record + body);
	p->left--;
	*ret_entry = e;
	return OK;
}
