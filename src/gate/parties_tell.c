#include "gate/parties_tell.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/tlp.h"

static void put_text(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, "\"%s\":", key);
	json_put_string(out, span_str(text));
}

/* Milliseconds; 0: null. */
static void put_time(struct buf *out, const char *key, int64_t ms)
{
	char text[32];
	time_format(ms / 1000, text);
	buf_printf(out, ms ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, text);
}

const char *token_state(const struct token *t, int64_t now_ms)
{
	if (t->revoked)
		return "revoked";
	return t->expires_s && now_ms >= (int64_t)t->expires_s * 1000 ? "expired" : "valid";
}

static unsigned live_tokens(const struct party_set *s, unsigned party, int64_t now_ms)
{
	unsigned n = 0;
	for (unsigned i = 0; i < token_count(s); i++)
		n += token_at(s, i)->party == party && strcmp(token_state(token_at(s, i), now_ms), "valid") == 0;
	return n;
}

void parties_put_party(const struct party_set *s, unsigned i, int64_t now_ms, struct buf *out)
{
	const struct party *p = party_at(s, i);
	buf_putc(out, '{');
	put_text(out, "name", p->name);
	buf_putc(out, ',');
	put_text(out, "title", p->title);
	buf_putc(out, ',');
	put_text(out, "sector", p->sector);
	buf_putc(out, ',');
	put_text(out, "contact", p->contact);
	buf_printf(out, ",\"clearance\":\"%s\"", tlp_name(p->clearance) + strlen("tlp:"));
	put_time(out, "since", p->since_ms);
	buf_printf(out, ",\"removed\":%s,\"tokens\":%u}", p->removed ? "true" : "false", live_tokens(s, i, now_ms));
}

void parties_put_token(const struct parties *p, const struct party_set *s, unsigned i, int64_t now_ms, struct buf *out)
{
	const struct token *t = token_at(s, i);
	struct span nets = span_str(t->cidr), net;
	buf_printf(out, "{\"id\":\"%s\",\"party\":\"%s\",\"role\":\"%s\",\"kind\":\"%s\",", t->id, party_at(s, t->party)->name, role_name(t->role),
		   t->certificate ? "certificate" : "token");
	if (t->certificate) {
		char hex[64];
		hex_encode(t->hash, sizeof(t->hash), hex);
		buf_printf(out, "\"fingerprint\":\"sha256:%.64s\",", hex);
	}
	put_text(out, "label", t->label);
	buf_puts(out, ",\"cidr\":[");
	for (const char *comma = ""; span_item(&nets, &net); comma = ",") {
		buf_puts(out, comma);
		json_put_string(out, net);
	}
	buf_putc(out, ']');
	put_time(out, "expires", (int64_t)t->expires_s * 1000);
	buf_printf(out, t->has_rate ? ",\"rate\":%u" : ",\"rate\":null", t->rate);
	buf_printf(out, ",\"state\":\"%s\"", token_state(t, now_ms));
	put_time(out, "since", t->since_ms);
	put_time(out, "last_used", parties_used(p, i));
	buf_putc(out, '}');
}
