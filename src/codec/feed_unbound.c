/* Unbound configuration: local zones that are not answered from the world.
 *
 *     local-zone: "evil.example" always_nxdomain
 *     local-data: "evil.example A 0.0.0.0"
 *
 * Zones that let the question through (transparent, nodefault, inform) block nothing. */
#include "codec/formats.h"
#include "codec/lines.h"

static bool lets_through(struct span action)
{
	static const char *const open[] = { "transparent", "typetransparent", "nodefault", "inform", "always_transparent",
					    "block_a", "noview", "ipset" };
	for (size_t i = 0; i < COUNT_OF(open); i++)
		if (span_ieq(action, span_str(open[i])))
			return true;
	return false;
}

/* A value, in quotes or not. */
static struct span value_next(struct span *rest)
{
	struct span s = span_trim(*rest);
	if (!s.n || (s.p[0] != '"' && s.p[0] != '\''))
		return word_next(rest);
	struct span inner = span_from(s, 1);
	size_t end = span_find(inner, s.p[0]);
	*rest = span_from(inner, end + 1);
	return span_head(inner, end);
}

static void claim_name(struct draft *d, struct span name)
{
	name = span_trim(name);
	if (span_is(name, "."))
		draft_skip(d, "root");
	else if (draft_claim(d, name))
		draft_reject_fault(d);
}

static void read_unbound(void *state, struct span line, struct draft *d)
{
	struct span rest = span_trim(line);
	if (!rest.n || rest.p[0] == '#') {
		draft_skip(d, rest.n ? "comment" : "blank");
		return;
	}
	struct span key = word_next(&rest);
	if (span_is(key, "local-zone:")) {
		struct span name = value_next(&rest), action = value_next(&rest);
		if (!action.n)
			draft_reject(d, "\"local-zone\" has no action");
		else if (lets_through(action))
			draft_skip(d, "transparent zone");
		else
			claim_name(d, name);
	} else if (span_is(key, "local-data:")) {
		struct span data = value_next(&rest);
		claim_name(d, word_next(&data));
	} else if (key.p[key.n - 1] == ':') {
		draft_skip(d, "option");
	} else {
		draft_reject(d, "the line is no option: it does not begin with a word and \":\"");
	}
}

LINES_FORMAT(feed_unbound, "unbound", "Unbound configuration: local-zone: \"name\" always_nxdomain", read_unbound, 97);
