/* What is read is read again the same when it is written. */
#include <stdlib.h>

#include "enforce/notebook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct values *v = values_new(), *again = values_new();
	struct notebook_head head, head_again;
	struct fault f;
	size_t used;
	if (notebook_read(span_of(data, size), "edge http://node", v, &head, &used, &f) == OK) {
		if (used > size || notebook_read(span_of(data, used), "edge http://node", again, &head_again, &used, &f))
			abort();
		if (values_count(v) != values_count(again) || head.serial != head_again.serial)
			abort();
	} else if (f.text[0] == 0)
		abort();
	values_free(v);
	values_free(again);
	return 0;
}
