/* A proof that is accepted is written again as the same octets; checking it does not leave it. */
#include <stdlib.h>

#include "ledger/note_testing.h"
#include "ledger/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_extra(struct span extra)
{
	struct span record, nonce;
	struct buf again = { 0 };
	if (proof_extra_parse(extra, &record, &nonce, NULL) == OK) {
		must(nonce.n == 0 || nonce.n == 32);
		proof_extra_put(record, nonce, &again);
		must(span_eq(extra, buf_span(&again)));
	}
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t entry[] = { 0x40, 0x41, 0x42, 0x43 };
	struct span octets = { data, size };
	struct buf again = { 0 };
	struct verifier v;
	struct proof p;
	struct checkpoint c;
	struct fault f = { .text = "" };
	uint8_t leaf[HASH_OCTETS];
	check_extra(octets);
	if (proof_parse(octets, &p, &f)) {
		must(f.text[0]);
		return 0;
	}
	proof_put(&p, &again);
	must(span_eq(octets, buf_span(&again)));
	check_extra(buf_span(&p.extra));
	merkle_leaf(span_of(entry, sizeof(entry)), leaf);
	must(verifier_parse(SPAN_LIT(LOG_VKEY), &v, NULL) == OK);
	enum err e = proof_check(&p, leaf, &v, &c, NULL, &f);
	must(e ? f.code == e : p.index == 5 && c.size == 8);
	buf_release(&again);
	proof_release(&p);
	return 0;
}
