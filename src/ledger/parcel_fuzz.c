/* What is taken for a parcel is one, octet for octet: written again it is the same. */
#include <stdlib.h>

#include "ledger/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parcel p;
	struct parcel_entry e;
	struct fault f;
	struct buf again = { 0 };
	if (parcel_open(span_of(data, size), &p, &f))
		return 0;
	parcel_put_head(&p, &again);
	enum err err;
	while ((err = parcel_next(&p, &e, &f)) == OK)
		parcel_put_entry(&e, &again);
	if (err == ERR_NOTFOUND && !span_eq(buf_span(&again), span_of(data, size)))
		abort();
	buf_release(&again);
	return 0;
}
