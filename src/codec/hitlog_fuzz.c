/* Lines of any octets. */
#include <stdlib.h>

#include "codec/hitlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	bool passed;
	if (hitlog_line(span_of(data, size), store, &o, &passed) == OK && o.kind == OBS_NONE)
		abort();
	return 0;
}
