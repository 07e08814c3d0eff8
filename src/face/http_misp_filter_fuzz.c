/* Bodies of searches. */
#include "face/http_misp_filter.h"

#include <stdlib.h>

#include "codec/tlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct misp_event event = { .uuid = "0f1c9a3e-0000-5000-8000-000000000001", .id = 7, .org = { { 0 }, "" }, .time_s = 5, .tlp = TLP_RED };
	struct misp_filter m;
	struct fault f = { 0 };
	if (misp_filter_read(span_of(data, size), 1800000000, &m, &f)) {
		if (!f.text[0])
			abort();
		return 0;
	}
	struct misp_attribute a = { .uuid = event.uuid, .obs = { .kind = OBS_DOMAIN, .n = 12, .key = (const uint8_t *)"evil.example" } };
	size_t octets = 0;
	for (size_t i = 0; i < m.value.n; i++)
		octets += m.value.v[i].text.n;
	if (octets > size || m.value.n > MISP_TERMS_MAX || m.page == 0)
		abort();
	(void)misp_filter_event(&m, &event);
	(void)misp_filter_attribute(&m, &event, &a, 0);
	misp_filter_release(&m);
	return 0;
}
