/* Whatever the pattern, its atoms point into it, and what asserts something has a text. */
#include <stdlib.h>

#include "codec/stix_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct buf scratch = { 0 };
	struct fault f;
	unsigned n;
	if (stix_pattern_parse(span_of(data, size), atoms, &n, &f))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (atoms[i].path.p < data || atoms[i].path.p + atoms[i].path.n > data + size || atoms[i].path.n == 0)
			abort();
		if (stix_atom_asserts(&atoms[i]) && stix_atom_text(&atoms[i], &scratch).n > size)
			abort();
	}
	buf_release(&scratch);
	return 0;
}
