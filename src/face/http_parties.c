/* Parties and tokens, for administrators and auditors.  What is changed here goes the way of the command line: an entry, by the party that asks. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
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

/* ---- what is asked for ---- */

/* The members of a body; spans point into it or into the store. */
struct wish {
	struct span name, title, sector, contact, clearance, party, role, expires, label;
	bool has[9];
	struct buf cidr; /* with commas */
	uint64_t rate;
	bool has_rate;
	struct buf store;
};

static void wish_release(struct wish *w)
{
	buf_release(&w->cidr);
	buf_release(&w->store);
}

static struct span *member(struct wish *w, struct span key, bool *ret_there)
{
	static const char *const names[] = { "name", "title", "sector", "contact", "clearance", "party", "role", "expires", "label" };
	struct span *const to[] = { &w->name, &w->title, &w->sector, &w->contact, &w->clearance, &w->party, &w->role, &w->expires, &w->label };
	for (unsigned i = 0; i < COUNT_OF(names); i++)
		if (span_is(key, names[i])) {
			*ret_there = w->has[i];
			w->has[i] = true;
			return to[i];
		}
	return NULL;
}

/* The store has room for the whole body, so it does not move. */
static struct span text_of(const struct json_reader *r, struct buf *store)
{
	size_t before = store->n;
	if (!r->escaped || json_unescape(r->slice, store))
		return r->slice;
	return span_of(store->p + before, store->n - before);
}

static enum err read_cidr(struct json_reader *r, struct wish *w, struct fault *f)
{
	enum json_token t = json_next(r);
	if (t == JSON_STRING)
		return buf_putspan(&w->cidr, text_of(r, &w->store)), OK;
	if (t != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "\"cidr\" is neither a list of strings nor a string");
	while ((t = json_next(r)) == JSON_STRING) {
		if (w->cidr.n)
			buf_putc(&w->cidr, ',');
		buf_putspan(&w->cidr, text_of(r, &w->store));
	}
	return t == JSON_ARRAY_END ? OK : fault_set(f, ERR_SYNTAX, "\"cidr\" is neither a list of strings nor a string");
}

static enum err read_member(struct json_reader *r, struct wish *w, struct fault *f)
{
	struct span key = r->slice;
	bool twice = false;
	struct span *to = r->escaped ? NULL : member(w, key, &twice);
	if (twice)
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is there twice", SPAN_ARG(key));
	if (!to && span_is(key, "cidr") && !w->cidr.n)
		return read_cidr(r, w, f);
	if (!to && span_is(key, "rate") && !w->has_rate) {
		w->has_rate = true;
		if (json_next(r) != JSON_NUMBER || num_parse_u64(r->slice, TOKEN_RATE_MAX, &w->rate))
			return fault_set(f, ERR_SYNTAX, "\"rate\" is not a whole number up to %d", TOKEN_RATE_MAX);
		return OK;
	}
	if (!to)
		return fault_set(f, ERR_SYNTAX, "there is no \"" SPAN_FMT "\" here, or it is there twice", SPAN_ARG(span_head(key, 60)));
	if (json_next(r) != JSON_STRING)
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a string", SPAN_ARG(key));
	*to = text_of(r, &w->store);
	return OK;
}

static enum err read_wish(struct span body, struct wish *w, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	(void)buf_reserve(&w->store, body.n + 1);
	json_init(&r, body, true);
	if (json_next(&r) == JSON_OBJECT) {
		while ((t = json_next(&r)) == JSON_KEY) {
			enum err e = read_member(&r, w, f);
			if (e)
				return e;
		}
		if (t == JSON_OBJECT_END && json_next(&r) == JSON_END)
			return OK;
	}
	return fault_set(f, ERR_SYNTAX, "the body is not one JSON object: %s", r.error ? r.error : "something else is there");
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

static enum err describe(struct wish *w, struct party_change *c, struct fault *f)
{
	if (w->party.n || w->role.n || w->expires.n || w->label.n || w->cidr.n || w->has_rate)
		return fault_set(f, ERR_SYNTAX, "a party has name, title, sector, contact and clearance");
	c->has_title = w->title.n > 0, c->title = w->title;
	c->has_sector = w->has[2], c->sector = w->sector;
	c->has_contact = w->has[3], c->contact = w->contact;
	c->has_clearance = w->clearance.n || c->op == PARTY_ADD;
	struct span level = w->clearance.n ? w->clearance : SPAN_LIT("clear");
	return c->has_clearance ? party_clearance_parse(level, &c->clearance, f) : OK;
}

static void change_party(struct http_server *s, struct http_request *q, enum party_op op, struct span name, struct http_answer *a)
{
	struct wish w = { .rate = 0 };
	struct party_change c = { .op = op, .name = name };
	char made[PARTY_NAME_MAX + 1];
	struct fault f;
	const struct speaker who = speaker_of(q);
	enum err e = read_wish(buf_span(&q->body), &w, &f);
	if (e == OK && op == PARTY_SET && w.has[0])
		e = fault_set(&f, ERR_SYNTAX, "a party keeps its name");
	if (e == OK && (e = describe(&w, &c, &f)) == OK && op == PARTY_ADD) {
		c.name = w.name;
		if (!w.name.n && (e = party_name_made(w.title, made, &f)) == OK)
			c.name = span_str(made);
	}
	if (e == OK)
		e = parties_say(node_parties(s->options.node), &who, &c, &f);
	if (e)
		refuse(q, a, &f);
	else
		answer_party(s, c.name, op == PARTY_ADD ? 201 : 200, a);
	wish_release(&w);
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
	struct wish w = { .rate = 0 };
	struct party_change c = { .op = PARTY_TOKEN };
	struct buf cidr = { 0 };
	char text[TOKEN_TEXT + 1];
	struct fault f;
	const struct speaker who = speaker_of(q);
	enum err e = read_wish(buf_span(&q->body), &w, &f);
	if (e == OK && (w.name.n || w.title.n || w.sector.n || w.contact.n || w.clearance.n))
		e = fault_set(&f, ERR_SYNTAX, "a token has party, role, expires, cidr, label and rate");
	if (e == OK && (c.role = role_parse(w.role)) == ROLE_NONE)
		e = fault_set(&f, ERR_SYNTAX, "\"role\" is none of reader, reporter, analyst, approver, administrator and auditor");
	if (e == OK && (e = token_cidr_parse(buf_span(&w.cidr), &cidr, &f)) == OK && (e = read_expiry(w.expires, &c.expires_s, &f)) == OK) {
		c.name = w.party;
		c.cidr = buf_span(&cidr);
		c.label = w.label;
		c.has_rate = w.has_rate;
		c.rate = (uint32_t)w.rate;
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
	wish_release(&w);
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
