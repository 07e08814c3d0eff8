/* Targets of TAXII requests: what is understood is within its bounds, and its cursor is understood again and means the same. */
#include "face/http_taxii_query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct taxii_query *q)
{
	if (q->limit < 1 || q->limit > TAXII_PAGE || q->n_ids > TAXII_VALUES_MAX || q->n_types > TAXII_VALUES_MAX || q->n_versions > TAXII_VALUES_MAX ||
	    q->from_us < q->after_us)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { ALL = TAXII_MAY_ID | TAXII_MAY_TYPE | TAXII_MAY_VERSION | TAXII_MAY_SPEC | TAXII_MAY_PAGE };
	static struct taxii_query q, again;
	struct fault f = { .text = "" };
	struct buf target = { 0 };
	if (!size || size > 8192)
		return 0;
	if (taxii_query_parse(span_of(data + 1, size - 1), data[0] & ALL, SPAN_LIT("owner"), &q, &f)) {
		if (!f.text[0])
			abort();
		return 0;
	}
	check(&q);
	buf_puts(&target, "/?next=");
	taxii_query_next(&q, SPAN_LIT("owner"), q.from_us, &target);
	if (q.filters.n <= TAXII_KEPT_MAX && target.n - 7 <= TAXII_CURSOR_MAX) {
		if (taxii_query_parse(buf_span(&target), ALL, SPAN_LIT("owner"), &again, &f) || again.after_us != q.after_us || again.from_us != q.from_us ||
		    again.n_ids != q.n_ids || again.n_types != q.n_types || again.n_versions != q.n_versions || again.specs != q.specs)
			abort();
		check(&again);
		taxii_query_release(&again);
		if (taxii_query_parse(buf_span(&target), ALL, SPAN_LIT("other"), &again, &f) == OK)
			abort();
	}
	buf_release(&target);
	taxii_query_release(&q);
	return 0;
}
