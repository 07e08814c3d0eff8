/* Sets of networks: one prefix, address or range per line, and nothing else on it but a comment.
 *
 *     198.51.100.0/24 ; SBL123              Spamhaus DROP
 *     2001:db8::/32                          FireHOL, ipverse
 *     198.51.100.0 - 198.51.100.255          ranges become the fewest prefixes
 *     some name:198.51.100.0-198.51.100.255  P2P
 *     198.51.100.0<TAB>198.51.100.255<TAB>24 DShield
 *
 * "lines" reads all of these too.  This format is for lists that can hold networks only: anything else in them is an error. */
#include "codec/formats.h"
#include "codec/lines.h"
#include "codec/range.h"

static bool is_network(const struct draft *d)
{
	uint8_t kind = d->claims[d->r.n_claims - 1].obs.kind;
	return kind >= OBS_IPV4 && kind <= OBS_CIDR6;
}

/* Two addresses in columns are the ends of a range; one with anything else behind it is only itself. */
static enum err claim_columns(struct draft *d, struct span text)
{
	struct span rest = text, first = word_next(&rest), second = word_next(&rest);
	enum err e = second.n ? range_claim_ends(d, first, second) : ERR_SYNTAX;
	return e == ERR_SYNTAX ? draft_claim(d, first) : e;
}

static void read_network(void *state, struct span line, struct draft *d)
{
	if (LIKELY(!draft_claim(d, line) && is_network(d)))
		return;
	if (d->r.n_claims)
		draft_drop(d);
	struct span text = span_trim(line);
	if (!text.n) {
		draft_skip(d, "blank");
		return;
	}
	if (text.p[0] == '#' || text.p[0] == ';' || text.p[0] == '!' || span_starts(text, SPAN_LIT("//"))) {
		draft_skip(d, "comment");
		return;
	}
	text = span_trim(span_head(text, span_find(text, '#')));
	text = span_trim(span_head(text, span_find(text, ';')));
	enum err e = range_claim(d, text);
	if (e == ERR_SYNTAX)
		e = claim_columns(d, text);
	if (e)
		draft_reject_fault(d);
	else if (!is_network(d))
		draft_reject(d, "the line is not a network, an address or a range");
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct survey s;
	(void)filename;
	if (text_is_markup(head) || text_is_wordy(head, 8))
		return 0;
	lines_survey(head, whole, read_network, sizeof(struct lines), &s);
	/* Bare addresses may be followed by names further down: that is for "lines". */
	return survey_sure(&s, s.rejected || s.prefixes * 10 < s.claims * 9 ? 50 : 75);
}

LINES_FORMAT_SNIFFED(feed_netset, "netset", "networks: one prefix, address or range per line (DROP, FireHOL, DShield, P2P)", read_network, sniff);
