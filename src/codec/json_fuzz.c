/* A text whole and in two pieces gives the same tokens; what is written is read back. */
#include <stdlib.h>

#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t digest(uint64_t h, const struct json_reader *r, enum json_token t)
{
	h = (h ^ (uint64_t)t ^ (uint64_t)r->depth << 8) * 0x100000001b3ULL;
	if (t > JSON_ERROR)
		for (size_t i = 0; i < r->slice.n; i++)
			h = (h ^ r->slice.p[i]) * 0x100000001b3ULL;
	return h;
}

static uint64_t run(struct span text, size_t cut)
{
	struct json_reader r;
	uint64_t h = 0;
	size_t from = 0;
	json_init(&r, span_head(text, cut), cut >= text.n);
	for (;;) {
		enum json_token t = json_next(&r);
		if (t == JSON_MORE) {
			from += r.pos;
			json_refill(&r, span_from(text, from), true);
			continue;
		}
		h = digest(h, &r, t);
		if (t == JSON_END || t == JSON_ERROR)
			return h;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct buf b = { 0 }, back = { 0 };
	struct json_reader r;
	uint64_t whole = run(text, size);
	size_t cut = size ? data[size / 2] % (size + 1) : 0;
	if (run(text, cut) != whole || run(text, size / 2) != whole)
		abort();
	json_init(&r, text, true);
	(void)!json_skip(&r);
	json_put_string(&b, text);
	json_init(&r, buf_span(&b), true);
	if (json_next(&r) != JSON_STRING)
		abort();
	(void)!json_unescape(text, &back);
	buf_release(&b);
	buf_release(&back);
	return 0;
}
