/* A file that someone calls feeds.conf: it is refused, or what is written of what it says says the same again. */
#include <stdlib.h>

#include "base/base64.h"
#include "gate/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const struct feeds *feeds, struct buf *out)
{
	for (unsigned i = 0; i < feeds->n; i++) {
		buf_puts(out, "feed ");
		feed_put(&feeds->v[i], out);
		buf_putc(out, '\n');
	}
	for (unsigned i = 0; i < feeds->n_consumers; i++) {
		buf_printf(out, "consumer %s %s ", feeds->consumer[i].feed, feeds->consumer[i].name);
		base64_put(out, span_of(feeds->consumer[i].secret, FEED_SECRET));
		buf_printf(out, " %s\n", feeds->consumer[i].notify);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feeds *feeds = feeds_new(), *again = feeds_new();
	struct buf first = { 0 }, second = { 0 };
	struct fault f;
	if (feeds_parse(span_of(data, size), "f", feeds, &f) == OK) {
		put(feeds, &first);
		if (feeds_parse(buf_span(&first), "f", again, &f))
			abort();
		put(again, &second);
		if (!span_eq(buf_span(&first), buf_span(&second)))
			abort();
	}
	feeds_drop(feeds);
	feeds_drop(again);
	buf_release(&first);
	buf_release(&second);
	return 0;
}
