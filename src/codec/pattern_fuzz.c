/* What parses has one normal form: that parses to itself (but for the cap on brackets, of which it may have more), and matching it
 * ends. */
#include <stdlib.h>

#include "codec/pattern_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char observed_text[] =
	"[{\"type\":\"observed-data\",\"id\":\"o1\",\"first_observed\":\"2026-01-01T00:00:00Z\",\"last_observed\":\"2026-01-01T00:00:05Z\","
	"\"number_observed\":2,\"objects\":{\"0\":{\"type\":\"a\",\"b\":[1,\"x\",{\"c\":\"192.0.2.1/24\"}],\"d_ref\":\"0\",\"e_hex\":\"00ff\"}}},"
	"{\"type\":\"observed-data\",\"id\":\"o2\",\"first_observed\":\"2026-01-01T00:00:09Z\",\"last_observed\":\"2026-01-01T00:00:09Z\","
	"\"number_observed\":1,\"object_refs\":[\"a--1\",\"a--2\"]},{\"type\":\"a\",\"id\":\"a--1\",\"b\":\"y\",\"d_refs\":[\"a--1\"]}]";

static bool no_regex(void *ctx, uint32_t value, struct span s)
{
	return s.n > 1;
}

static bool one_match(void *ctx, const uint32_t *observations, size_t n)
{
	if (n < 1 || n > 2 || observations[n - 1] > 1)
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pattern p = { 0 }, again = { 0 };
	struct observed o = { 0 };
	struct buf once = { 0 }, twice = { 0 };
	struct fault f;
	if (size > 4096 || pattern_parse(span_of(data, size), &p, &f))
		return 0;
	pattern_print(&p, &once);
	enum err e = pattern_parse(buf_span(&once), &again, &f);
	if (e == OK) {
		pattern_print(&again, &twice);
		if (!span_eq(buf_span(&once), buf_span(&twice)))
			abort();
		pattern_release(&again);
	} else if (e != ERR_RANGE) {
		abort();
	}
	if (observed_add(&o, span_str(observed_text), &f))
		abort();
	observed_finish(&o);
	e = pattern_match(&p, &o, &(struct pattern_regex){ no_regex, NULL }, one_match, NULL, &f);
	if (e && e != ERR_FULL)
		abort();
	observed_release(&o);
	pattern_release(&p);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
