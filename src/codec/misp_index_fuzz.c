/* Any octets as a manifest and as events: names are UUIDs, and each event is a text of its own that says the same. */
#include <stdlib.h>

#include "codec/misp_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_entry(void *ctx, const struct misp_event *e)
{
	if (e->uuid.n != MISP_UUID || span_find(e->uuid, '/') < e->uuid.n || span_find(e->uuid, '.') < e->uuid.n)
		abort();
	return true;
}

static bool on_same(void *ctx, const struct misp_event *e)
{
	const struct misp_event **before = ctx;
	if (*before && (!span_eq(e->uuid, (*before)->uuid) || e->timestamp != (*before)->timestamp))
		abort();
	*before = NULL;
	return true;
}

static bool on_event(void *ctx, const struct misp_event *e)
{
	const struct misp_event *before = e;
	(void)on_entry(NULL, e);
	if (misp_events(e->whole, on_same, &before, NULL) != OK || before)
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct fault f;
	(void)!misp_manifest(text, on_entry, NULL, &f);
	(void)!misp_events(text, on_event, NULL, &f);
	return 0;
}
