/* What is taken for a lane file is one, octet for octet: written again it is the same.  Parcels in it are for parcel_fuzz.c. */
#include <stdlib.h>

#include "ledger/lanefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size), parcel;
	struct lanefile h;
	struct fault f;
	struct buf again = { 0 };
	size_t used;
	if (lanefile_head(rest, &h, &used, &f))
		return 0;
	lanefile_put_head(&h, &again);
	enum err e = OK;
	for (rest = span_from(rest, used); (e = lanefile_next(rest, &parcel, &used, &f)) == OK; rest = span_from(rest, used)) {
		lanefile_put_length(parcel.n, &again);
		buf_putspan(&again, parcel);
	}
	if (e == ERR_NOTFOUND) {
		lanefile_put_length(0, &again);
		rest = span_from(rest, used);
	}
	if (!span_eq(buf_span(&again), span_head(span_of(data, size), size - rest.n)))
		abort();
	buf_release(&again);
	return 0;
}
