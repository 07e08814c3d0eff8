/* Whatever is sent: what is let in has an id, a type, and a sentence for what is not. */
#include "codec/stix_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t lookup(void *ctx, struct span id)
{
	return *(const uint8_t *)ctx % (TLP_RED + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stix_object o;
	struct fault f = { .text = "" };
	uint8_t tlp = 0, known = size ? data[size - 1] : 0;
	enum err e = stix_check(span_of(data, size), lookup, &known, &o, &tlp, &f);
	if (tlp > TLP_RED || (e && !f.text[0]) || (!e && (!stix_id_ok(o.id, NULL) || o.octets.p < data || o.octets.p + o.octets.n > data + size)))
		abort();
	if (stix_marking_read(span_of(data, size)) > TLP_RED)
		abort();
	return 0;
}
