#include "ledger/entry.h"

#include "base/utf8.h"
#include "codec/feed.h"

static const char *const audiences[] = {
	[TLP_CLEAR] = "tlp:clear", [TLP_GREEN] = "tlp:green", [TLP_AMBER] = "tlp:amber",
	[TLP_AMBER_STRICT] = "tlp:amber+strict", [TLP_RED] = "tlp:red",
};

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

/* One to `most` of [a-z0-9-]. */
static bool plain_name(const char *name, size_t most)
{
	struct span s = span_str(name);
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '-')
			return false;
	return s.n >= 1 && s.n <= most;
}

enum err lane_check(const char *name, uint8_t tlp, const char *realm, struct fault *f)
{
	if (!plain_name(name, LANE_NAME_MAX))
		return fault_set(f, ERR_SYNTAX, "lane name \"%.64s\" is not 1 to %d of a-z, 0-9 and \"-\"", name,
				 LANE_NAME_MAX);
	if (tlp < TLP_CLEAR || tlp > TLP_RED)
		return fault_set(f, ERR_RANGE, "lane \"%s\" has no audience: %u is no TLP level", name, tlp);
	if (strcmp(realm, "production") != 0 && strcmp(realm, "exercise") != 0)
		return fault_set(f, ERR_SYNTAX, "realm \"%.64s\" is neither \"production\" nor \"exercise\"", realm);
	return OK;
}

void lane_body(const struct lane *l, struct buf *out)
{
	buf_printf(out, "{\"audience\":\"%s\",\"lane\":\"%s\",\"realm\":\"%s\"}", audiences[l->tlp], l->name, l->realm);
}
