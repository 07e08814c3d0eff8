/* Whatever comes: no value is visited of a text that is refused, and those that are visited are addresses and prefixes. */
#include <stdlib.h>

#include "enforce/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *ctx, const struct observable *o, enum answer_does does)
{
	size_t *n = ctx;
	if (o->kind == OBS_NONE || o->kind > OBS_CIDR6 || does > ANSWER_CHALLENGES)
		abort();
	++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer a;
	struct fault f;
	uint64_t since = 15;
	for (int i = 0; i < 2; i++) {
		size_t n = 0;
		enum err e = answer_read(span_of(data, size), "edge", i ? &since : NULL, &a, take, &n, &f);
		if (e ? n != 0 || f.text[0] == 0 : n != a.n_values + a.n_removed)
			abort();
	}
	return 0;
}
