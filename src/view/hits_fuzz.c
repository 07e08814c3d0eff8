/* Octets that someone calls a report of hits: refused, or one encoding that reads back as the same. */
#include <stdlib.h>

#include "view/hits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hits_report r, again;
	struct buf first = { 0 }, second = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	uint64_t n, of;
	if (hits_report_read(span_of(data, size), &r, NULL))
		return 0;
	hits_report_write(&r, &first);
	if (hits_report_read(buf_span(&first), &again, NULL))
		abort();
	hits_report_write(&again, &second);
	if (!span_eq(buf_span(&first), buf_span(&second)))
		abort();
	while (hits_next(&r.hits, store, &o, &n, &of))
		if (o.kind >= OBS_KINDS)
			abort();
	buf_release(&first);
	buf_release(&second);
	return 0;
}
