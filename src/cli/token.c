/* sipar token: by what a party is known. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/option.h"
#include "cli/say.h"
#include "cli/speaker.h"
#include "cli/verbs.h"
#include "gate/parties_tell.h"
#include "ledger/lane.h"
#include "sys/tls.h"

#define UNSET UINT64_MAX

enum { CERTIFICATE_MAX = 1 << 20 };

struct token_options {
	const char *dir, *role, *expires, *cidr, *label, *cert, *as;
	uint64_t rate;
	bool json, all;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'r', "role", "ROLE", "reader, reporter, analyst, approver, administrator or auditor (needed)", OPTION_TEXT, &(o)->role, 0 }, \
		OPTION_WORD(&(o)->expires, "expires", "TIME", "90d, 12mo, 2y, never, or a date like 2027-01-31 (default 90d; of a certificate: never, it has its own end)"), \
		OPTION_WORD(&(o)->cidr, "cidr", "LIST", "addresses and prefixes from which it is taken, with commas (default: any)"), \
		OPTION_WORD(&(o)->label, "label", "TEXT", "what it is for, for people"),                                       \
		{ 0, "rate", "N", "requests a minute, 0: no limit (default: http_rate of sipar.conf)", OPTION_NUMBER, &(o)->rate, TOKEN_RATE_MAX }, \
		OPTION_WORD(&(o)->cert, "cert", "FILE", "cert: the certificate, PEM or DER, or its SHA-256 fingerprint"),      \
		{ 'a', "all", NULL, "list: those that are over, too", OPTION_FLAG, &(o)->all, 0 }, OPTION_AS(&(o)->as), OPTION_END \
	}

static void put_row(const struct parties *p, const struct party_set *s, unsigned i, struct buf *out)
{
	const struct token *t = token_at(s, i);
	char expires[32] = "never", used[32] = "never";
	if (t->expires_s)
		time_format(t->expires_s, expires);
	if (parties_used(p, i))
		time_format(parties_used(p, i) / 1000, used);
	buf_printf(out, "%-10s  %-24s %-13s %-8s %-20s  %-20s  %s%s%s%s\n", t->id, party_at(s, t->party)->name, role_name(t->role),
		   token_state(t, clock_ms()), expires, used, t->certificate ? "(certificate) " : "", t->cidr, t->cidr[0] ? "  " : "", t->label);
}

static enum err list(struct verb_env *env, const struct token_options *o, const char *of, struct fault *f)
{
	struct buf out = { 0 };
	struct parties *p = node_parties(env->node);
	const struct party_set *s = parties_hold(p);
	int64_t now_ms = clock_ms();
	enum err e = of && !party_find(s, span_str(of)) ? fault_set(f, ERR_NOTFOUND, "there is no party \"%.80s\"", of) : OK;
	if (e == OK && !o->json)
		buf_printf(&out, "%-10s  %-24s %-13s %-8s %-20s  %-20s  %s\n", "TOKEN", "PARTY", "ROLE", "STATE", "EXPIRES", "LAST USED", "FROM, LABEL");
	for (unsigned i = 0; e == OK && i < token_count(s); i++) {
		const struct token *t = token_at(s, i);
		if ((of && strcmp(party_at(s, t->party)->name, of) != 0) || (!o->all && strcmp(token_state(t, now_ms), "valid") != 0))
			continue;
		if (o->json) {
			parties_put_token(p, s, i, now_ms, &out);
			buf_putc(&out, '\n');
		} else {
			put_row(p, s, i, &out);
		}
	}
	parties_let(p);
	verb_out(env, &out);
	buf_release(&out);
	return e;
}

/* ---- making one ---- */

static enum err read_expiry(const char *text, uint32_t *ret_s, struct fault *f)
{
	uint32_t seconds = 0;
	int64_t at = 0, now = clock_ms() / 1000;
	if (strcmp(text, "never") == 0)
		return *ret_s = 0, OK;
	if (retention_parse(span_str(text), &seconds, NULL) == OK && seconds)
		at = now + seconds;
	else if (time_parse(span_str(text), &at))
		return fault_set(f, ERR_USAGE, "--expires \"%.60s\" is none of 90d, 12mo, 2y, never and a date", text);
	if (at <= now || at > UINT32_MAX)
		return fault_set(f, ERR_USAGE, "--expires \"%.60s\" is %s", text, at <= now ? "over already" : "too far away");
	*ret_s = (uint32_t)at;
	return OK;
}

static enum err to_change(const struct token_options *o, const char *expires, struct buf *cidr, struct party_change *c, struct fault *f)
{
	enum err e;
	if (!o->role)
		return fault_set(f, ERR_USAGE, "say what it is for: --role reader, reporter, analyst, approver, administrator or auditor");
	if ((c->role = role_parse(span_str(o->role))) == ROLE_NONE)
		return fault_set(f, ERR_USAGE, "--role \"%.40s\" is none of reader, reporter, analyst, approver, administrator and auditor", o->role);
	if ((e = read_expiry(o->expires ? o->expires : expires, &c->expires_s, f)) || (e = token_cidr_parse(span_str(o->cidr ? o->cidr : ""), cidr, f)))
		return f->code = ERR_USAGE;
	c->cidr = buf_span(cidr);
	c->label = span_str(o->label ? o->label : "");
	c->has_rate = o->rate != UNSET;
	c->rate = c->has_rate ? (uint32_t)o->rate : 0;
	return OK;
}

/* "sha256:HEX", with colons between the octets or without.  @return false: it is none. */
static bool is_fingerprint(const char *text, uint8_t ret[32])
{
	char hex[64];
	size_t n = 0;
	struct span s = span_str(text);
	if (span_starts(s, SPAN_LIT("sha256:")))
		s = span_from(s, strlen("sha256:"));
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ':' && n < sizeof(hex))
			hex[n++] = (char)s.p[i];
		else if (s.p[i] != ':')
			return false;
	return hex_decode(span_of(hex, n), ret, 32) == OK;
}

static enum err read_certificate(const struct verb_env *env, const char *name, uint8_t ret_print[32], struct fault *f)
{
	struct buf octets = { 0 };
	if (is_fingerprint(name, ret_print))
		return OK;
	int fd = strcmp(name, "-") == 0 ? dup(env->in) : openat(env->cwd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0 && octets.n < CERTIFICATE_MAX) {
		n = read(fd, buf_reserve(&octets, 65536), 65536);
		octets.n += n > 0 ? (size_t)n : 0;
	}
	enum err e = n < 0 ? fault_set(f, ERR_IO, "\"%.200s\" cannot be read, and is no SHA-256 fingerprint either", name)
			   : tls_certificate_fingerprint(buf_span(&octets), ret_print, f);
	if (e && n >= 0)
		fault_at(f, "\"%.200s\"", name);
	if (fd >= 0)
		close(fd);
	buf_release(&octets);
	return e;
}

static void say_new(struct verb_env *env, const struct token_options *o, const struct party_change *c, const char *id, const char *token)
{
	struct buf out = { 0 };
	char until[32] = "for ever";
	if (c->expires_s)
		time_format(c->expires_s, until);
	if (o->json) {
		buf_printf(&out, "{\"id\":\"%s\",\"party\":\"" SPAN_FMT "\",\"role\":\"%s\",\"expires\":", id, SPAN_ARG(c->name), role_name(c->role));
		buf_printf(&out, c->expires_s ? "\"%s\"" : "null", until);
		buf_printf(&out, token ? ",\"token\":\"%s\"}\n" : "}\n", token);
	} else if (token) {
		buf_printf(&out, "%s\n", token);
	} else {
		buf_printf(&out, "%s\n", id);
	}
	verb_out(env, &out);
	if (out.p)
		explicit_bzero(out.p, out.cap);
	buf_release(&out);
	if (!o->json && token && isatty(env->err)) {
		buf_printf(&out, "token %s of party \"" SPAN_FMT "\", %s, until %s; it is not shown again\n", id, SPAN_ARG(c->name), role_name(c->role), until);
		(void)!verb_write(env->err, &out);
		buf_release(&out);
	}
}

static enum err make(struct verb_env *env, const struct token_options *o, bool certificate, const char *party, struct fault *f)
{
	struct party_change c = { .name = span_str(party) };
	struct buf cidr = { 0 };
	struct spoken who;
	char text[TOKEN_TEXT + 1], id[TOKEN_ID_DIGITS + 1];
	enum err e = OK;
	if (certificate != (o->cert != NULL))
		e = fault_set(f, ERR_USAGE, certificate ? "say which certificate: --cert FILE, or its fingerprint" : "--cert is for \"token cert\"");
	if (e == OK && (e = to_change(o, certificate ? "never" : "90d", &cidr, &c, f)) == OK && (e = speaker_parse(o->as, &who, f)) == OK && env->node) {
		const struct speaker speaker = { who.party, who.by };
		if (!certificate && (e = parties_token_new(node_parties(env->node), &speaker, &c, text, f)) == OK) {
			memcpy(id, c.id.p, TOKEN_ID_DIGITS);
			id[TOKEN_ID_DIGITS] = 0;
			say_new(env, o, &c, id, text);
			explicit_bzero(text, sizeof(text));
		} else if (certificate && (e = read_certificate(env, o->cert, c.hash, f)) == OK &&
			   (e = parties_certificate_new(node_parties(env->node), &speaker, &c, id, f)) == OK) {
			say_new(env, o, &c, id, NULL);
		}
	}
	buf_release(&cidr);
	return e;
}

static enum err end_token(struct verb_env *env, const struct token_options *o, const char *id, struct fault *f)
{
	struct parties *p = node_parties(env->node);
	struct spoken who;
	char name[PARTY_NAME_MAX + 1] = "";
	enum err e = speaker_parse(o->as, &who, f);
	if (e)
		return e;
	struct span text = span_str(id);
	if (token_is(text)) /* somebody has found one */
		text = span_head(span_from(text, strlen("sipar_")), TOKEN_ID_DIGITS);
	const struct party_set *s = parties_hold(p);
	unsigned i = token_find(s, text);
	if (i != TOKENS_MAX)
		memcpy(name, party_at(s, token_at(s, i)->party)->name, sizeof(name));
	parties_let(p);
	if (i == TOKENS_MAX)
		return fault_set(f, ERR_NOTFOUND, "there is no token \"" SPAN_FMT "\"; \"sipar token list\" has them", SPAN_ARG(span_head(text, 20)));
	const struct party_change c = { .op = PARTY_REVOKE, .name = span_str(name), .id = text };
	return parties_say(p, &(struct speaker){ who.party, who.by }, &c, f);
}

static enum err act(struct verb_env *env, const struct token_options *o, int n, char **argv, struct fault *f)
{
	const char *what = n ? argv[1] : "list";
	bool new = strcmp(what, "new") == 0, cert = strcmp(what, "cert") == 0, revokes = strcmp(what, "revoke") == 0;
	if (strcmp(what, "list") == 0 && n <= 2)
		return env->node ? list(env, o, n == 2 ? argv[2] : NULL, f) : OK;
	if (!new && !cert && !revokes)
		return fault_set(f, ERR_USAGE, "token: \"%s\" is none of list, new, cert and revoke", what);
	if (n != 2)
		return fault_set(f, ERR_USAGE, "token %s: give %s", what, revokes ? "the public part of one token" : "the name of one party");
	if (revokes)
		return env->node ? end_token(env, o, argv[2], f) : OK;
	return make(env, o, cert, argv[2], f);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct token_options o = { .rate = UNSET };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct token_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_token = {
	.name = "token",
	.summary = "List, make or revoke the tokens by which parties are known",
	.usage = "[OPTION...] list [PARTY] | new PARTY --role ROLE | cert PARTY --role ROLE --cert FILE | revoke ID",
	.details = "A new token is printed once; the ledger has a digest of it.  \"cert\" takes the certificate of a client in its place, which\n"
		   "tls_client_ca must have signed.  A token that is revoked, or whose time is over, opens nothing from that moment on.\n\n"
		   "Exit status: 0 done, 2 not done, 64 wrong command line.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
