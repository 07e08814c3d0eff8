/* dnsmasq configuration: names that are answered with an address of nowhere, or with nothing.
 *
 *     address=/evil.example/0.0.0.0     address=/evil.example/     address=/a.example/b.example/#
 *     server=/evil.example/             local=/evil.example/
 *
 * server= with an address sends the name elsewhere and blocks nothing.  Other options are skipped. */
#include "codec/formats.h"
#include "codec/lines.h"

/* The names between the slashes; what follows the last slash stays in `*rest`. */
static void claim_names(struct draft *d, struct span *rest)
{
	for (size_t slash; (slash = span_find(*rest, '/')) < rest->n; *rest = span_from(*rest, slash + 1)) {
		struct span name = span_head(*rest, slash);
		if (name.n && name.p[0] == '.')
			name = span_from(name, 1);
		if (draft_claim(d, name)) {
			draft_reject_fault(d);
			return;
		}
	}
	if (!d->r.n_claims)
		draft_reject(d, "the option names no domain");
}

static void read_dnsmasq(void *state, struct span line, struct draft *d)
{
	struct span text = span_trim(line);
	if (!text.n || text.p[0] == '#') {
		draft_skip(d, text.n ? "comment" : "blank");
		return;
	}
	if (span_starts(text, SPAN_LIT("--")))
		text = span_from(text, 2);
	size_t equals = span_find(text, '=');
	struct span key = span_trim(span_head(text, equals)), value = line_without_comment(span_from(text, equals + 1));
	bool server = span_is(key, "server");
	if (!server && !span_is(key, "address") && !span_is(key, "local")) {
		draft_skip(d, "option");
		return;
	}
	if (!value.n || value.p[0] != '/') {
		if (server)
			draft_skip(d, "option");
		else
			draft_reject(d, "\"%s\" needs names between slashes", span_is(key, "local") ? "local" : "address");
		return;
	}
	value = span_from(value, 1);
	if (span_starts(value, SPAN_LIT("#/"))) {
		draft_skip(d, "option"); /* every name there is */
		return;
	}
	claim_names(d, &value);
	if (server && value.n && d->r.fate == FATE_CLAIMS)
		draft_skip(d, "forwarding");
}

LINES_FORMAT(feed_dnsmasq, "dnsmasq", "dnsmasq configuration: address=/name/0.0.0.0", read_dnsmasq, 96);
