/* What a log sends to its witness. */
#include "ledger/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct witness_request r;
	struct checkpoint c;
	struct note n;
	struct fault f;
	struct buf out = { 0 };
	if (witness_request_parse(span_of(data, size), &r, &f))
		return 0;
	if (r.proof.n > MERKLE_PROOF_MAX || r.note.p < data || r.note.p + r.note.n != data + size)
		__builtin_trap();
	if (note_parse(r.note, &n, &f) == OK && checkpoint_parse(n.text, &c, &f) == OK &&
	    witness_add_line(r.note, SPAN_LIT("\u2014 w AAAAAAAA\n"), &out, &f) == OK && note_parse(buf_span(&out), &n, &f))
		if (f.code != ERR_RANGE) /* a line too many */
			__builtin_trap();
	buf_release(&out);
	return 0;
}
