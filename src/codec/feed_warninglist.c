/* MISP warning lists: what is known to be harmless or shared.  A record is an entry of the list.
 *
 * type       entry that is an observable             other entry
 * cidr       protects what lies in it                rejected
 * hostname   protects the name and those below it    a label alone ("local"): a regular expression for names that end
 * in it string     protects exactly this value             a text rule: equal substring, regex a text rule
 *
 * Path letters: "L" a list's object, "l" its array "list", "a" an array of lists.  The type often stands behind the
 * entries, so a list is looked through before it is entered; of one larger than FEED_OBJECT_MAX the type may not be
 * known, and then each entry protects exactly its value. */
#include <stdlib.h>

#include "base/num.h"
#include "codec/json_feed.h"
#include "codec/formats.h"

enum list_type { LIST_UNKNOWN, LIST_CIDR, LIST_STRING, LIST_HOSTNAME, LIST_SUBSTRING, LIST_REGEX, LIST_TYPES };

static const char *const list_types[LIST_TYPES] = { "", "cidr", "string", "hostname", "substring", "regex" };

struct list_state {
	struct walk_place place;
	uint8_t type, kinds, stance;
};

/* ---- the head of a list ---- */

/* KINDS_* of a MISP attribute type; both parts of composite ones. */
static uint8_t attribute_kinds(struct span type)
{
	static const struct {
		const char *word;
		uint8_t kinds;
	} words[] = {
		{ "ALL", KINDS_ALL },
		{ "ip", KINDS_IP },
		{ "domain", KINDS_DOMAIN },
		{ "hostname", KINDS_DOMAIN },
		{ "url", KINDS_URL },
		{ "uri", KINDS_URL },
		{ "link", KINDS_URL },
		{ "md5", KINDS_HASH },
		{ "sha1", KINDS_HASH },
		{ "sha256", KINDS_HASH },
		{ "sha512", KINDS_HASH },
		{ "malware-sample", KINDS_HASH },
		{ "email", KINDS_EMAIL },
		{ "ip-src", KINDS_IP },
		{ "ip-dst", KINDS_IP },
		{ "email-src", KINDS_EMAIL },
		{ "email-dst", KINDS_EMAIL },
		{ "target-email", KINDS_EMAIL },
		{ "whois-registrant-email", KINDS_EMAIL },
		{ "dns-soa-email", KINDS_EMAIL },
	};
	uint8_t kinds = 0;
	for (;; type = span_from(type, span_find(type, '|') + 1)) {
		struct span part = span_head(type, span_find(type, '|'));
		for (size_t i = 0; i < COUNT_OF(words); i++)
			if (span_ieq(part, span_str(words[i].word)))
				kinds |= words[i].kinds;
		if (part.n == type.n)
			return kinds;
	}
}

/* No list of attribute types, or an empty one, means all. */
static uint8_t matching_kinds(const struct json_member *m)
{
	struct json_reader r;
	uint8_t kinds = 0;
	bool any = false;
	if (m->kind != JSON_ARRAY || m->cut)
		return KINDS_ALL;
	json_init(&r, m->value, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;)
		if (t == JSON_STRING) {
			kinds |= attribute_kinds(r.slice);
			any = true;
		}
	return any ? kinds : KINDS_ALL;
}

static enum walk_step enter_list(struct list_state *s, struct json_feed *j)
{
	struct walker *w = &j->walk;
	struct json_member m[] = { { "type" }, { "matching_attributes" }, { "category" } };
	bool whole = walk_peek(w, m, COUNT_OF(m));
	if (!whole && !w->last && w->piece.n - w->start <= FEED_OBJECT_MAX)
		return WALK_MORE;
	s->type = LIST_UNKNOWN;
	for (uint8_t i = LIST_CIDR; i < LIST_TYPES; i++)
		if (m[0].kind == JSON_STRING && span_is(m[0].value, list_types[i]))
			s->type = i;
	s->kinds = matching_kinds(&m[1]);
	s->stance = m[2].kind == JSON_STRING && span_is(m[2].value, "known") ? STANCE_KNOWN : STANCE_PROTECTED;
	return walk_enter(w, 'L') ? WALK_VALUE : walk_pass(w);
}

/* ---- entries ---- */

static uint8_t kinds_of(uint8_t kind)
{
	return kind <= OBS_CIDR6 ? KINDS_IP : kind == OBS_DOMAIN ? KINDS_DOMAIN : kind == OBS_URL ? KINDS_URL :
	       kind == OBS_EMAIL ? KINDS_EMAIL : KINDS_HASH;
}

static void rule(const struct list_state *s, struct draft *d, enum text_rule kind, struct span text)
{
	d->r.n_claims = 0;
	d->r.rule = (uint8_t)kind;
	d->r.rule_text = text;
	d->r.rule_kinds = s->kinds;
	d->r.rule_stance = s->stance;
}

/* "local": no observable, but every name below it is meant. */
static bool label_rule(const struct list_state *s, struct json_feed *j, struct span label)
{
	if (label.n == 0 || label.n > 63 || !(s->kinds & KINDS_DOMAIN))
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_digit(label.p[i]) && label.p[i] != '-' &&
		    !(ascii_lower(label.p[i]) >= 'a' && ascii_lower(label.p[i]) <= 'z'))
			return false;
	j->more_scratch.n = 0;
	buf_printf(&j->more_scratch, "(?:^|\\.)" SPAN_FMT "$", SPAN_ARG(label));
	rule(s, &j->draft, RULE_REGEX, buf_span(&j->more_scratch));
	j->draft.r.rule_kinds = KINDS_DOMAIN;
	return true;
}

/* Does the observable stand for the entry?  An exact entry that is of a kind the list does not match (a host name in a
 * list for URLs) is compared as text. */
static bool suits(const struct list_state *s, const struct observable *o)
{
	switch (s->type) {
	case LIST_CIDR:
		return o->kind <= OBS_CIDR6;
	case LIST_HOSTNAME:
		return o->kind <= OBS_DOMAIN;
	default:
		return kinds_of(o->kind) & s->kinds;
	}
}

static void read_entry(const struct list_state *s, struct json_feed *j, struct span text)
{
	struct draft *d = &j->draft;
	if (s->kinds == 0) {
		draft_skip(d, "entry for other attribute types");
		return;
	}
	if (text.n == 0) {
		draft_skip(d, "blank");
		return;
	}
	if (s->type == LIST_SUBSTRING || s->type == LIST_REGEX) {
		rule(s, d, s->type == LIST_REGEX ? RULE_REGEX : RULE_SUBSTRING, text);
		return;
	}
	if (s->type == LIST_HOSTNAME) {
		while (text.n && text.p[0] == '.')
			text = span_from(text, 1);
	}
	enum err e = draft_claim(d, text);
	struct feed_claim *c = d->claims;
	if (e || !suits(s, &c->obs)) {
		if (s->type == LIST_CIDR || (s->type == LIST_HOSTNAME && !label_rule(s, j, text))) {
			if (!e)
				fault_set(&d->fault, ERR_SYNTAX, "a %s stands in a list of type %s",
					  obs_kind_name(c->obs.kind), list_types[s->type]);
			draft_reject_fault(d);
		} else if (s->type != LIST_HOSTNAME) {
			rule(s, d, RULE_STRING, text);
		}
		return;
	}
	c->stance = s->stance;
	c->kinds = s->kinds;
	c->exact_only = s->type == LIST_STRING || s->type == LIST_UNKNOWN;
}

static enum walk_step take_entry(struct list_state *s, struct json_feed *j)
{
	struct json_member m[1] = { { "value" } };
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, 1));
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	if (m[0].kind == JSON_STRING || m[0].kind == JSON_NUMBER)
		read_entry(s, j, span_trim(json_feed_text(j, &m[0])));
	else
		draft_reject(&j->draft, "an entry of a warning list is no text");
	return json_feed_emit(j);
}

/* ---- the stream ---- */

static enum walk_step one_value(void *state, struct json_feed *j)
{
	struct list_state *s = state;
	struct walker *w = &j->walk;
	if (w->in == 'l')
		return take_entry(s, j);
	if (w->in == 'L')
		return span_is(w->key, "list") && w->kind == JSON_ARRAY && walk_enter(w, 'l') ? WALK_VALUE :
												walk_pass(w);
	if (w->kind == JSON_OBJECT)
		return enter_list(s, j);
	return w->kind == JSON_ARRAY && !w->in && walk_enter(w, 'a') ? WALK_VALUE : walk_pass(w);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		      struct fault *f)
{
	struct list_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, STANCE_PROTECTED, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	*(struct list_state *)state = (struct list_state){ .kinds = KINDS_ALL, .stance = STANCE_PROTECTED };
}

/* "PLACE:type,kinds,stance" */
static void save(const void *state, struct buf *out)
{
	const struct list_state *s = state;
	walk_save(&s->place, out);
	buf_printf(out, "%u,%u,%u", s->type, s->kinds, s->stance);
}

static enum err load(void *state, struct span token)
{
	static const uint64_t max[3] = { LIST_TYPES - 1, KINDS_ALL, STANCE_KNOWN };
	struct list_state *s = state;
	struct walk_place place;
	struct span rest;
	uint64_t n[3];
	enum err e = walk_load(&place, token, &rest);
	for (int i = 0; i < 3 && !e; i++) {
		size_t comma = span_find(rest, ',');
		e = num_parse_u64(span_head(rest, comma), max[i], &n[i]);
		rest = span_from(rest, comma + 1);
	}
	if (e || rest.n || n[2] < STANCE_PROTECTED)
		return ERR_SYNTAX;
	*s = (struct list_state){
		.place = place, .type = (uint8_t)n[0], .kinds = (uint8_t)n[1], .stance = (uint8_t)n[2]
	};
	return OK;
}

/* ---- detection ---- */

static int sniff(struct span head, bool whole, const char *filename)
{
	struct json_member m[] = { { "list" }, { "matching_attributes" }, { "name" }, { "version" },
				   { "type" }, { "description" } };
	bool all = json_peek(json_feed_first(head), m, COUNT_OF(m));
	bool known = false;
	for (uint8_t i = LIST_CIDR; i < LIST_TYPES; i++)
		known |= m[4].kind == JSON_STRING && span_is(m[4].value, list_types[i]);
	if (m[0].kind != JSON_ARRAY)
		return 0;
	if (known && m[1].kind == JSON_ARRAY)
		return 98;
	if ((known && (m[2].kind == JSON_STRING || m[3].kind != JSON_END)) ||
	    (m[1].kind == JSON_ARRAY && m[2].kind == JSON_STRING))
		return 90;
	/* type and name stand behind a list that is longer than the head */
	return !all && (m[5].kind == JSON_STRING || m[2].kind == JSON_STRING) ? 70 : 0;
}

const struct feed_format feed_warninglist = {
	.name = "misp-warninglist",
	.title = "MISP warning lists: what must not be blocked",
	.sniff = sniff,
	.state_size = sizeof(struct list_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
