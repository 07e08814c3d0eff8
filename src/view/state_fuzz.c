/* Octets that someone calls saved views: they are refused, or are exactly what would be written of what they say. */
#include <stdlib.h>

#include "view/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source_set *sources;
	struct rules *rules;
	struct rule_hit hit;
	struct buf again = { 0 };
	if (state_read(span_of(data, size), &sources, &rules, NULL))
		return 0;
	state_write(sources, rules, &again);
	if (!span_eq(buf_span(&again), span_of(data, size)))
		abort();
	(void)rules_match(rules, sources, CLEARANCE_ALL, OBS_DOMAIN, SPAN_LIT("www.example.org"), &hit);
	buf_release(&again);
	source_set_free(sources);
	rules_free(rules);
	return 0;
}
