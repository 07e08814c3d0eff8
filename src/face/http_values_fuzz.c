/* Bodies of lookups of many: the first octet says whether it is an array. */
#include "face/http_values.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_values v;
	struct fault f = { 0 };
	if (!size || http_values_init(&v, span_of(data + 1, size - 1), data[0] == '[', &f))
		return 0;
	struct span value;
	size_t n = 0;
	for (enum err e; (e = http_values_next(&v, &value, &f)) != ERR_NOTFOUND; n++)
		if (n > size || value.n > size || (e && !f.text[0]))
			abort();
	http_values_release(&v);
	return 0;
}
