/* Any line: a stamp that is found is a time that can be written down, and what is written down is found again as the same. */
#include <stdlib.h>

#include "base/clock.h"
#include "scan/stamp.h"

enum { DAY_MAX_S = 86400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t near_s = 1795615081;
	int64_t t, again;
	char text[32];
	if (!stamp_find(span_of(data, size), near_s, &t))
		return 0;
	if (t < -DAY_MAX_S || t > 253402300799 + DAY_MAX_S)
		abort();
	time_format(t, text);
	if (t >= 0 && t <= 253402300799 && (!stamp_find(span_str(text), near_s, &again) || again != t))
		abort();
	return 0;
}
