/* Parties and tokens, for administrators and auditors.  What is changed here goes the way of the command line: an entry, by the party that asks. */
#include <stdlib.h>

#include "base/clock.h"
#include "face/http_form.h"
#include "face/http_parts.h"
#include "gate/parties_tell.h"
#include "ledger/lane.h"

enum { EXPIRES_DEFAULT_S = 90 * 86400 };

void http_parties(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct parties *p = node_parties(s->options.node);
	const struct party_set *set = parties_hold(p);
	const char *comma = "";
	buf_puts(&a->body, "{\"parties\":[");
	for (unsigned i = 0; i < party_count(set); i++)
		if (!party_at(set, i)->removed) {
			buf_puts(&a->body, comma);
			parties_put_party(set, i, clock_ms(), &a->body);
			comma = ",";
		}
	parties_let(p);
	buf_puts(&a->body, "]}\n");
	a->status = 200;
	a->type = "application/json";
}

void http_tokens(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct parties *p = node_parties(s->options.node);
	const struct party_set *set = parties_hold(p);
	buf_puts(&a->body, "{\"tokens\":[");
	for (unsigned i = 0; i < token_count(set); i++) {
		buf_puts(&a->body, i ? "," : "");
		parties_put_token(p, set, i, clock_ms(), &a->body);
	}
	parties_let(p);
	buf_puts(&a->body, "]}\n");
	a->status = 200;
	a->type = "application/json";
}

/* ---- changes ---- */

/* Who it is that says it: the party and, as there is no person, its token. */
static struct speaker speaker_of(const struct http_request *q)
{
	return (struct speaker){ http_asker(q)->party, http_asker(q)->token };
}

static void refuse(const struct http_request *q, struct http_answer *a, const struct fault *f)
{
	switch (f->code) {
	case ERR_SYNTAX: case ERR_RANGE: case ERR_USAGE:
		http_problem(a, 400, q->target, f->text);
		break;
	case ERR_NOTFOUND:
		http_problem(a, 404, q->target, f->text);
		break;
	case ERR_EXISTS:
		http_problem(a, 409, q->target, f->text);
		break;
	default:
		http_problem(a, f->code == ERR_FULL ? 507 : 500, q->target, f->text);
	}
}

/* A party that is told of as it is now. */
static void answer_party(struct http_server *s, struct span name, unsigned status, struct http_answer *a)
{
	struct parties *p = node_parties(s->options.node);
	const struct party_set *set = parties_hold(p);
	for (unsigned i = 0; i < party_count(set); i++)
		if (span_is(name, party_at(set, i)->name))
			parties_put_party(set, i, clock_ms(), &a->body);
	parties_let(p);
	buf_putc(&a->body, '\n');
	a->status = status;
	a->type = "application/json";
}

enum { NAME, TITLE, SECTOR, CONTACT, CLEARANCE };

static enum err describe(const struct form_row *r, struct party_change *c, struct fault *f)
{
	c->has_title = r[TITLE].text.n > 0, c->title = r[TITLE].text;
	c->has_sector = r[SECTOR].there, c->sector = r[SECTOR].text;
	c->has_contact = r[CONTACT].there, c->contact = r[CONTACT].text;
	c->has_clearance = r[CLEARANCE].text.n || c->op == PARTY_ADD;
	struct span level = r[CLEARANCE].text.n ? r[CLEARANCE].text : SPAN_LIT("clear");
	return c->has_clearance ? party_clearance_parse(level, &c->clearance, f) : OK;
}

static void change_party(struct http_server *s, struct http_request *q, enum party_op op, struct span name, struct http_answer *a)
{
	struct form_row rows[] = { [NAME] = { "name" }, [TITLE] = { "title" }, [SECTOR] = { "sector" }, [CONTACT] = { "contact" },
				   [CLEARANCE] = { "clearance" }, { NULL } };
	struct form form = { rows };
	struct party_change c = { .op = op, .name = name };
	char made[PARTY_NAME_MAX + 1];
	struct fault f;
	const struct speaker who = speaker_of(q);
	enum err e = form_read(&form, buf_span(&q->body), &f);
	if (e == OK && op == PARTY_SET && rows[NAME].there)
		e = fault_set(&f, ERR_SYNTAX, "a party keeps its name");
	if (e == OK && (e = describe(rows, &c, &f)) == OK && op == PARTY_ADD) {
		c.name = rows[NAME].text;
		if (!c.name.n && (e = party_name_made(c.title, made, &f)) == OK)
			c.name = span_str(made);
	}
	if (e == OK)
		e = parties_say(node_parties(s->options.node), &who, &c, &f);
	if (e)
		refuse(q, a, &f);
	else
		answer_party(s, c.name, op == PARTY_ADD ? 201 : 200, a);
	form_release(&form);
}

void http_party_add(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	change_party(s, q, PARTY_ADD, span_of(NULL, 0), a);
}

void http_party_set(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	change_party(s, q, PARTY_SET, w->word[0], a);
}

void http_party_remove(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct fault f;
	const struct speaker who = speaker_of(q);
	const struct party_change c = { .op = PARTY_REMOVE, .name = w->word[0] };
	if (parties_say(node_parties(s->options.node), &who, &c, &f))
		refuse(q, a, &f);
	else
		a->status = 204;
}

static enum err read_expiry(struct span text, uint32_t *ret_s, struct fault *f)
{
	uint32_t seconds = 0;
	int64_t now = clock_ms() / 1000, at = now + EXPIRES_DEFAULT_S;
	if (span_is(text, "never"))
		return *ret_s = 0, OK;
	if (text.n && retention_parse(text, &seconds, NULL) == OK && seconds)
		at = now + seconds;
	else if (text.n && time_parse(text, &at))
		return fault_set(f, ERR_SYNTAX, "\"expires\" is none of 90d, 12mo, 2y, never and a date");
	if (at <= now || at > UINT32_MAX)
		return fault_set(f, ERR_RANGE, "\"expires\" is %s", at <= now ? "over already" : "too far away");
	*ret_s = (uint32_t)at;
	return OK;
}

void http_token_new(struct http_server *s, struct http_request *q, const struct http_words *words, struct http_answer *a)
{
	enum { PARTY, ROLE, EXPIRES, CIDR, LABEL, RATE };
	struct form_row rows[] = { [PARTY] = { "party" }, [ROLE] = { "role" }, [EXPIRES] = { "expires" }, [CIDR] = { "cidr", FORM_TEXTS },
				   [LABEL] = { "label" }, [RATE] = { "rate", FORM_NUMBER, TOKEN_RATE_MAX }, { NULL } };
	struct form form = { rows };
	struct party_change c = { .op = PARTY_TOKEN };
	struct buf cidr = { 0 };
	char text[TOKEN_TEXT + 1];
	struct fault f;
	const struct speaker who = speaker_of(q);
	enum err e = form_read(&form, buf_span(&q->body), &f);
	for (size_t i = 0; i < rows[CIDR].texts.n; i++)
		rows[CIDR].texts.p[i] = rows[CIDR].texts.p[i] == '\n' ? ',' : rows[CIDR].texts.p[i];
	if (e == OK && (c.role = role_parse(rows[ROLE].text)) == ROLE_NONE)
		e = fault_set(&f, ERR_SYNTAX, "\"role\" is none of reader, reporter, analyst, approver, administrator and auditor");
	struct span list = span_head(buf_span(&rows[CIDR].texts), rows[CIDR].texts.n - (rows[CIDR].texts.n > 0));
	if (e == OK && (e = token_cidr_parse(list, &cidr, &f)) == OK && (e = read_expiry(rows[EXPIRES].text, &c.expires_s, &f)) == OK) {
		c.name = rows[PARTY].text;
		c.cidr = buf_span(&cidr);
		c.label = rows[LABEL].text;
		c.has_rate = rows[RATE].there;
		c.rate = (uint32_t)rows[RATE].number;
		e = parties_token_new(node_parties(s->options.node), &who, &c, text, &f);
	}
	if (e) {
		refuse(q, a, &f);
	} else {
		buf_printf(&a->body, "{\"id\":\"" SPAN_FMT "\",\"party\":\"" SPAN_FMT "\",\"role\":\"%s\",\"token\":\"%s\"}\n", SPAN_ARG(c.id), SPAN_ARG(c.name),
			   role_name(c.role), text);
		explicit_bzero(text, sizeof(text));
		a->status = 201;
		a->type = "application/json";
	}
	buf_release(&cidr);
	form_release(&form);
}

void http_token_revoke(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct parties *p = node_parties(s->options.node);
	struct fault f;
	const struct speaker who = speaker_of(q);
	char name[PARTY_NAME_MAX + 1] = "";
	const struct party_set *set = parties_hold(p);
	unsigned place = token_find(set, w->word[0]);
	if (place != TOKENS_MAX)
		memcpy(name, party_at(set, token_at(set, place)->party)->name, sizeof(name));
	parties_let(p);
	const struct party_change c = { .op = PARTY_REVOKE, .name = span_str(name), .id = w->word[0] };
	if (place == TOKENS_MAX)
		http_problem(a, 404, q->target, "there is no such token");
	else if (parties_say(p, &who, &c, &f))
		refuse(q, a, &f);
	else
		a->status = 204;
}
