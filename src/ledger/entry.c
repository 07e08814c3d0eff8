#include "ledger/entry.h"

#include "base/utf8.h"

void entry_release(struct entry *e)
{
	if (e)
		buf_release(&e->token);
}

static enum err check_text(const char *what, const char *text, size_t room, struct fault *f)
{
	struct span s = text ? span_str(text) : span_of(NULL, 0);
	if (!text || s.n >= room)
		return fault_set(f, ERR_RANGE, "%s of %zu octets: it has at most %zu", what, s.n, room - 1);
	if (utf8_valid_prefix(s) != s.n)
		return fault_set(f, ERR_SYNTAX, "%s is not UTF-8", what);
	return OK;
}

enum err submission_check(const struct submission *s, struct fault *f)
{
	enum err e;
	if (s->lane >= LANES_MAX)
		return fault_set(f, ERR_RANGE, "lane %u: there are at most %d", s->lane, LANES_MAX);
	if (s->body.n > BODY_MAX)
		return fault_set(f, ERR_RANGE, "body of %zu octets: it has at most %d", s->body.n, BODY_MAX);
	if (s->token.n > TOKEN_MAX)
		return fault_set(f, ERR_RANGE, "token of %zu octets: it has at most %d", s->token.n, TOKEN_MAX);
	if ((e = check_text("name of a party", s->party, sizeof((struct entry){ 0 }.party), f)) ||
	    (e = check_text("name of a source", s->source, sizeof((struct entry){ 0 }.source), f)))
		return e;
	return check_text("name of a format", s->media, sizeof((struct entry){ 0 }.media), f);
}

const char *entry_kind_name(uint8_t kind)
{
	static const char *const names[ENTRY_KINDS] = {
		[ENTRY_FEED] = "feed", [ENTRY_SOURCE] = "source", [ENTRY_LANE] = "lane", [ENTRY_ENDED] = "ended",
		[ENTRY_ERASED] = "erased", [ENTRY_PRUNED] = "pruned", [ENTRY_KEY] = "key",
		[ENTRY_DECISION] = "decision", [ENTRY_EVIDENCE] = "evidence", [ENTRY_HITS] = "hits", [ENTRY_PARTY] = "party",
		[ENTRY_PEER] = "peer",
	};
	return kind < ENTRY_KINDS && names[kind] ? names[kind] : "unknown";
}
