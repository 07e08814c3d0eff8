/* Suricata and Snort rules that name what they look for.
 *
 *     alert tls ... (msg:"..."; tls.sni; bsize:12; content:"evil.example"; ...)
 *     alert http ... (http.uri; content:"/a.php"; ...; http.host; content:"evil.example"; ...)    a URL
 *     alert ip [192.0.2.1,192.0.2.2] any -> $HOME_NET any (...)                                    addresses
 *
 * The buffer in front of a content says what it is: tls.sni, dns.query, http.host (and their older spellings with '_', which
 * stand behind it in Snort and are not read).  Rules that look for octets in other places say nothing about an observable. */
#include "codec/formats.h"
#include "codec/lines.h"

#include <stdio.h>

static bool starts(struct span s, const char *with)
{
	return span_starts(s, span_str(with));
}

static bool is_action(struct span word)
{
	static const char *const actions[] = { "alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth", "sdrop", "block" };
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (span_is(word, actions[i]))
			return true;
	return false;
}

/* The text of the first content behind `buffer`, up to the next sticky buffer. */
static struct span content_of(struct span options, const char *buffer)
{
	const uint8_t *at = memmem(options.p, options.n, buffer, strlen(buffer));
	if (!at)
		return SPAN_LIT("");
	struct span rest = span_from(options, (size_t)(at - options.p) + strlen(buffer));
	at = memmem(rest.p, rest.n, "content:\"", 9);
	if (!at)
		return SPAN_LIT("");
	rest = span_from(rest, (size_t)(at - rest.p) + 9);
	return span_head(rest, span_find(rest, '"'));
}

static struct span host_of(struct span options)
{
	static const char *const buffers[] = { "tls.sni;", "tls_sni;", "dns.query;", "dns_query;", "http.host;", "http.host.raw;" };
	for (size_t i = 0; i < COUNT_OF(buffers); i++) {
		struct span host = content_of(options, buffers[i]);
		if (host.n)
			return host;
	}
	return SPAN_LIT("");
}

/* "[a,b]" or "a" as source or target of the rule. */
static void claim_addresses(struct draft *d, struct span list)
{
	if (list.n > 1 && list.p[0] == '[')
		list = span_head(span_from(list, 1), list.n - 2);
	while (list.n) {
		size_t comma = span_find(list, ',');
		struct span one = span_head(list, comma);
		list = span_from(list, comma + 1);
		if (!one.n || one.p[0] == '$' || one.p[0] == '!' || span_is(one, "any"))
			continue;
		if (draft_claim(d, one)) {
			draft_reject_fault(d);
			return;
		}
	}
}

static void read_rule(void *state, struct span line, struct draft *d)
{
	struct span text = span_trim(line), rest = text;
	if (!text.n || text.p[0] == '#') {
		draft_skip(d, text.n ? "comment" : "blank");
		return;
	}
	struct span action = word_next(&rest), protocol = word_next(&rest), source = word_next(&rest);
	size_t open = span_find(rest, '(');
	if (!is_action(action) || !protocol.n || open == rest.n) {
		if (span_is(action, "pass") || span_is(action, "log") || span_is(action, "activate"))
			draft_skip(d, "exception");
		else
			draft_reject(d, "the line is no rule: it needs an action and options in parentheses");
		return;
	}
	struct span options = span_from(rest, open), host = host_of(options), uri = content_of(options, "http.uri;");
	char url[OBS_KEY_MAX];
	int n = snprintf(url, sizeof(url), "http://%.*s%.*s", SPAN_ARG(host), SPAN_ARG(uri));
	if (host.n && uri.n && starts(uri, "/") && n > 0 && (size_t)n < sizeof(url)) {
		if (draft_claim(d, span_of(url, (size_t)n)))
			draft_reject_fault(d);
	} else if (host.n) {
		if (host.p[0] == '.')
			host = span_from(host, 1);
		if (draft_claim(d, host))
			draft_reject_fault(d);
	} else {
		word_next(&rest), word_next(&rest); /* port, direction */
		struct span target = word_next(&rest);
		claim_addresses(d, source);
		if (d->r.fate == FATE_CLAIMS)
			claim_addresses(d, target);
		if (d->r.fate == FATE_CLAIMS && !d->r.n_claims)
			draft_skip(d, "other rule");
	}
}

LINES_FORMAT(feed_suricata, "suricata", "Suricata rules for names, URLs and addresses", read_rule, 97);
