/* Whatever the octets are: the finder finds what the reference finds, in order, and reads nothing outside. */
#include <stdlib.h>

#include "scan/finder_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guarded g = guard(span_of(data, size));
	if (compare_finders(0, g.text, NULL))
		abort();
	guard_free(&g);
	return 0;
}
