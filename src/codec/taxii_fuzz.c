/* Any octets as each of the answers; what an envelope has between its brackets is a list of as many objects. */
#include <stdlib.h>

#include "codec/json.h"
#include "codec/taxii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_root(void *ctx, struct span url)
{
	*(size_t *)ctx += url.n;
	return url.n < 100;
}

static bool on_collection(void *ctx, const struct taxii_collection *c)
{
	if (!c->id.n)
		abort();
	*(size_t *)ctx += c->id.n + c->alias.n + c->title.n;
	return true;
}

static size_t count(struct span objects)
{
	struct json_reader r;
	struct buf list = { 0 };
	size_t n = 0;
	buf_putc(&list, '[');
	buf_putspan(&list, objects);
	buf_putc(&list, ']');
	json_init(&r, buf_span(&list), true);
	if (json_next(&r) != JSON_ARRAY)
		abort();
	enum json_token t;
	while ((t = json_skip(&r)) == JSON_OBJECT)
		n++;
	if (t != JSON_ARRAY_END || json_next(&r) != JSON_END)
		abort();
	buf_release(&list);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct buf scratch = { 0 };
	struct taxii_envelope v;
	enum taxii_resource what;
	size_t sum = 0;
	uint64_t ns;
	struct fault f;
	(void)!taxii_resource(text, &what, &f);
	(void)!taxii_roots(text, on_root, &sum, &f);
	(void)!taxii_each_collection(text, on_collection, &sum, &f);
	(void)!taxii_time(text, &ns);
	if (taxii_envelope(text, &scratch, &v, &f) == OK && count(v.objects) != v.n_objects)
		abort();
	buf_release(&scratch);
	return 0;
}
