#include "codec/formats.h"

enum { DETECT_MIN = 20 /**< less sure than that is not recognised */ };

/* Formats that are certain of themselves first: ties go to the earlier row. */
const struct feed_format *const feed_formats[] = {
	&feed_stix,
	&feed_misp,
	&feed_misp_manifest,
	&feed_warninglist,
	&feed_retraction,
	&feed_intelmq,
	&feed_jsonl,
	&feed_abusech,
	&feed_shadowserver,
	&feed_rpz,
	&feed_suricata,
	&feed_unbound,
	&feed_dnsmasq,
	&feed_bindzones,
	&feed_adblock,
	&feed_hosts,
	&feed_netset,
	&feed_csv,
	&feed_lines,
	NULL,
};

const struct feed_format *feed_format_find(struct span name)
{
	for (size_t i = 0; feed_formats[i]; i++)
		if (span_ieq(name, span_str(feed_formats[i]->name)))
			return feed_formats[i];
	return NULL;
}

/* A stray NUL is a blemish of a text; many control characters are another kind of file, UTF-16 among them. */
static bool is_binary(struct span head)
{
	size_t controls = 0;
	if (head.n >= 2 && head.p[0] >= 0xfe && head.p[1] >= 0xfe)
		return true;
	for (size_t i = 0; i < head.n; i++)
		controls += head.p[i] < ' ' && !ascii_space(head.p[i]);
	return controls > head.n / 100 + 1;
}

const struct feed_format *feed_detect(struct span head, bool whole, const char *filename, int *ret_sure)
{
	const struct feed_format *found = NULL;
	*ret_sure = 0;
	if (!head.n || is_binary(head))
		return NULL;
	for (size_t i = 0; feed_formats[i]; i++) {
		int sure = feed_formats[i]->sniff(head, whole, filename);
		if (sure >= DETECT_MIN && sure > *ret_sure) {
			*ret_sure = sure;
			found = feed_formats[i];
		}
	}
	return found;
}
