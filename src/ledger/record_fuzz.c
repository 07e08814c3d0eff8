/* What is taken for a record encodes to the same octets. */
#include <stdlib.h>

#include "ledger/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;
	struct buf again = { 0 };
	struct fault f = { .text = "" };
	if (record_parse(span_of(data, size), &r, &f) == OK) {
		record_put(&r, &again);
		if (!span_eq(buf_span(&again), span_of(data, size)) || size > RECORD_MAX)
			abort();
	} else if (!f.text[0]) {
		abort();
	}
	buf_release(&again);
	return 0;
}
