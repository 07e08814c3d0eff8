/* Bodies of requests: what is taken is within its bounds and lent by body or form; what is not is said. */
#include "face/http_form.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct span part, struct span whole)
{
	return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MOST = 1000000 };
	struct form_row rows[] = { { .name = "text" }, { .name = "texts", .kind = FORM_TEXTS }, { .name = "number", .kind = FORM_NUMBER, .most = MOST },
				   { .name = "flag", .kind = FORM_FLAG }, { .name = NULL } };
	struct form form = { .rows = rows };
	struct fault f = { .text = "" };
	struct span body = span_of(data, size);
	if (size > 65536)
		return 0;
	if (form_read(&form, body, &f)) {
		if (f.code != ERR_SYNTAX || !f.text[0])
			abort();
	} else {
		if (!within(rows[0].text, body) && !within(rows[0].text, buf_span(&form.store)))
			abort();
		if (rows[1].texts.n && rows[1].texts.p[rows[1].texts.n - 1] != '\n')
			abort();
		if (rows[2].number > MOST)
			abort();
		for (unsigned i = 0; i < 4; i++)
			if (!rows[i].there && (rows[i].text.n || rows[i].texts.n || rows[i].number || rows[i].flag))
				abort();
	}
	form_release(&form);
	return 0;
}
