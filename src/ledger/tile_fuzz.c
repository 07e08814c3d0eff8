/* A path that is accepted is the one spelling of its tile; a bundle is read entry by entry, and never beyond its end. */
#include <stdlib.h>

#include "ledger/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_path(struct span path)
{
	struct tile t;
	struct buf again = { 0 };
	struct fault f = { .text = "" };
	if (tile_parse(path, &t, &f)) {
		must(f.text[0]);
		return;
	}
	must(t.width >= 1 && t.width <= TILE_WIDTH && (t.level < TILE_LEVELS || t.level == TILE_ENTRIES));
	tile_path(&t, &again);
	must(span_starts(buf_span(&again), SPAN_LIT("tile/")) && span_eq(span_from(buf_span(&again), 5), path));
	must(again.n < TILE_PATH_MAX);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { data, size }, entry;
	struct buf again = { 0 };
	enum err e;
	check_path(rest);
	while ((e = bundle_next(&rest, &entry)) == OK)
		bundle_put(&again, entry);
	must(e == ERR_CORRUPT || again.n == size);
	must(span_starts(span_of(data, size), buf_span(&again)));
	buf_release(&again);
	return 0;
}
