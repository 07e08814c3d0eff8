/* Octets that someone calls a decision: they are refused, or have one encoding, which reads back as the same. */
#include <stdlib.h>

#include "view/decision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf store = { 0 }, more = { 0 }, first = { 0 }, second = { 0 };
	uint8_t key[OBS_KEY_MAX];
	struct observable o;
	struct decision_op op, again;
	if (decision_op_read(span_of(data, size), &store, &op, NULL) == OK) {
		decision_op_write(&op, &first);
		if (decision_op_read(buf_span(&first), &more, &again, NULL))
			abort();
		decision_op_write(&again, &second);
		if (!span_eq(buf_span(&first), buf_span(&second)))
			abort();
		while (decision_value(&op.values, key, &o))
			if (o.kind == OBS_NONE)
				abort();
	}
	buf_release(&store);
	buf_release(&more);
	buf_release(&first);
	buf_release(&second);
	return 0;
}
