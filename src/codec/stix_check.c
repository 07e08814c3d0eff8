/* One pass gathers the members of the object; what is required of its type is a row of words: NAME for a text, and with a sign behind it:
 *   @ a time   # a number   ? a truth value   [ a list that is not empty   { an object that is not empty   & an identifier   * anything
 * and A|B for at least one of two. */
#include "codec/stix_check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/pattern.h"
#include "codec/stix_pattern.h"

enum { MEMBERS_MAX = 512 };

struct member {
	struct span key, value; /* of a text what is between the quotes */
	uint8_t kind;
	bool escaped;
};

struct checking {
	struct member m[MEMBERS_MAX];
	unsigned n;
	struct span octets, type;
	bool old;
	struct fault *f;
};

static const struct {
	const char *type, *required;
} rows[] = {
	{ "attack-pattern", "name" },
	{ "campaign", "name" },
	{ "course-of-action", "name" },
	{ "grouping", "context object_refs[" },
	{ "identity", "name" },
	{ "incident", "name" },
	{ "indicator", "pattern pattern_type valid_from@" },
	{ "infrastructure", "name" },
	{ "intrusion-set", "name" },
	{ "location", "" },
	{ "malware", "is_family?" },
	{ "malware-analysis", "product result|analysis_sco_refs" },
	{ "note", "content object_refs[" },
	{ "observed-data", "first_observed@ last_observed@ number_observed# objects|object_refs" },
	{ "opinion", "object_refs[ opinion" },
	{ "relationship", "relationship_type source_ref& target_ref&" },
	{ "report", "name published@ object_refs[" },
	{ "sighting", "sighting_of_ref&" },
	{ "threat-actor", "name" },
	{ "tool", "name" },
	{ "vulnerability", "name" },
	{ "language-content", "object_ref& contents{" },
	{ "extension-definition", "created_by_ref& name schema version extension_types[" },
	{ "marking-definition", "definition|extensions" },
	{ "artifact", "payload_bin|url" },
	{ "autonomous-system", "number#" },
	{ "directory", "path" },
	{ "domain-name", "value" },
	{ "email-addr", "value" },
	{ "email-message", "is_multipart?" },
	{ "file", "hashes|name" },
	{ "ipv4-addr", "value" },
	{ "ipv6-addr", "value" },
	{ "mac-addr", "value" },
	{ "mutex", "name" },
	{ "network-traffic", "protocols[ src_ref|dst_ref" },
	{ "software", "name" },
	{ "url", "value" },
};

static const struct {
	const char *before, *after;
	bool same; /* may be one moment */
} orders[] = {
	{ "created", "modified", true },
	{ "valid_from", "valid_until", false },
	{ "first_seen", "last_seen", true },
	{ "first_observed", "last_observed", true },
	{ "start_time", "stop_time", true },
};

/* ---- members ---- */

static const struct member *find(const struct checking *c, struct span name)
{
	for (unsigned i = 0; i < c->n; i++)
		if (span_eq(c->m[i].key, name))
			return &c->m[i];
	return NULL;
}

static const struct member *named(const struct checking *c, const char *name)
{
	return find(c, span_str(name));
}

static struct span text_named(const struct checking *c, const char *name)
{
	const struct member *m = named(c, name);
	return m && m->kind == JSON_STRING ? m->value : (struct span){ 0 };
}

static bool decides(struct span key)
{
	static const char *const names[] = { "type", "id", "created", "modified", "revoked", "spec_version", "object_marking_refs", "granular_markings", "created_by_ref", "pattern" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (key.n && key.p[0] == (uint8_t)names[i][0] && span_is(key, names[i]))
			return true;
	return false;
}

static enum err gather(struct checking *c, struct span object)
{
	struct json_reader r;
	enum json_token t;
	c->n = 0;
	json_init(&r, object, false);
	if (json_next(&r) != JSON_OBJECT)
		return fault_set(c->f, ERR_SYNTAX, "it is not a JSON object");
	size_t start = r.start;
	while ((t = json_next(&r)) == JSON_KEY) {
		struct member m = { .key = r.slice };
		if (r.escaped)
			return fault_set(c->f, ERR_SYNTAX, "the name of a property has an escape in it");
		if (decides(m.key) && find(c, m.key))
			return fault_set(c->f, ERR_SYNTAX, "it has two properties \"" SPAN_FMT "\"", SPAN_ARG(m.key));
		if ((t = json_skip(&r)) <= JSON_ERROR)
			break;
		m.kind = (uint8_t)t;
		m.escaped = t == JSON_STRING && r.escaped;
		m.value = t == JSON_STRING ? span_of(r.slice.p + 1, r.slice.n - 2) : r.slice;
		if (c->n == MEMBERS_MAX)
			return fault_set(c->f, ERR_RANGE, "it has more than %d properties", MEMBERS_MAX);
		c->m[c->n++] = m;
	}
	c->octets = span_of(object.p + start, r.pos - start);
	return t == JSON_OBJECT_END ? OK : fault_set(c->f, ERR_SYNTAX, "%s", r.error ? r.error : "it is cut off");
}

/* ---- kinds of values ---- */

/* YYYY-MM-DDTHH:MM:SS[.s+]Z and nothing else. */
static bool time_value(const struct member *m, int64_t *ret_us)
{
	struct span v = m->value;
	if (m->kind != JSON_STRING || v.n < 20 || v.p[10] != 'T' || v.p[v.n - 1] != 'Z' || (v.n > 20 && (v.p[19] != '.' || v.n == 21)))
		return false;
	for (size_t i = 20; i + 1 < v.n; i++)
		if (!ascii_digit(v.p[i]))
			return false;
	return v.p[17] != '6' && time_parse_us(v, ret_us) == OK;
}

static bool holds_something(struct span value)
{
	return span_trim(span_head(span_from(value, 1), value.n - 2)).n > 0;
}

static const char *kind_wanted(char sign)
{
	switch (sign) {
	case '@': return "a time like 2026-08-22T03:00:29.123Z";
	case '#': return "a number";
	case '?': return "true or false";
	case '[': return "a list that is not empty";
	case '{': return "an object that is not empty";
	case '&': return "an identifier";
	}
	return "a text that is not empty";
}

static bool kind_fits(const struct member *m, char sign)
{
	int64_t us;
	switch (sign) {
	case '@': return time_value(m, &us);
	case '#': return m->kind == JSON_NUMBER;
	case '?': return m->kind == JSON_TRUE || m->kind == JSON_FALSE;
	case '[': return m->kind == JSON_ARRAY && holds_something(m->value);
	case '{': return m->kind == JSON_OBJECT && holds_something(m->value);
	case '&': return m->kind == JSON_STRING && stix_id_ok(m->value, NULL);
	case '*': return m->kind != JSON_NULL;
	}
	return m->kind == JSON_STRING && m->value.n > 0;
}

static enum err require(const struct checking *c, struct span name, char sign)
{
	const struct member *m = find(c, name);
	if (!m)
		return fault_set(c->f, ERR_SYNTAX, "it has no property \"" SPAN_FMT "\"", SPAN_ARG(name));
	return kind_fits(m, sign) ? OK : fault_set(c->f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not %s", SPAN_ARG(name), kind_wanted(sign));
}

static enum err require_word(const struct checking *c, struct span word)
{
	size_t bar = span_find(word, '|');
	uint8_t last = word.p[word.n - 1];
	if (bar == word.n)
		return memchr("@#?[{&*", last, 7) ? require(c, span_head(word, word.n - 1), (char)last) : require(c, word, 0);
	struct span one = span_head(word, bar), other = span_from(word, bar + 1);
	const struct member *a = find(c, one), *b = find(c, other);
	if ((a && a->kind != JSON_NULL) || (b && b->kind != JSON_NULL))
		return OK;
	return fault_set(c->f, ERR_SYNTAX, "it has neither \"" SPAN_FMT "\" nor \"" SPAN_FMT "\"", SPAN_ARG(one), SPAN_ARG(other));
}

/* ---- types ---- */

/* Strictly, or as feeds write it, which is understood, too. */
static enum err parse_pattern(struct span text, struct fault *f)
{
	struct stix_atom atoms[STIX_ATOMS_MAX];
	struct pattern p = { 0 };
	unsigned n;
	enum err e = pattern_parse(text, &p, f);
	if (e == OK)
		pattern_release(&p);
	return e && stix_pattern_parse(text, atoms, &n, NULL) == OK && n ? OK : e;
}

static enum err check_pattern(const struct checking *c)
{
	const struct member *pattern = named(c, "pattern"), *type = named(c, "pattern_type");
	struct buf text = { 0 };
	if (!span_is(type->value, "stix"))
		return OK;
	enum err e = pattern->escaped ? json_unescape(pattern->value, &text) : OK;
	if (e)
		fault_set(c->f, e, "it has an escape that stands for nothing");
	else
		e = parse_pattern(pattern->escaped ? buf_span(&text) : pattern->value, c->f);
	buf_release(&text);
	return e ? (fault_at(c->f, "\"pattern\""), e) : OK;
}

static enum err check_special(const struct checking *c)
{
	if (span_is(c->type, "indicator"))
		return check_pattern(c);
	if (span_is(c->type, "malware") && named(c, "is_family")->kind == JSON_TRUE)
		return require(c, SPAN_LIT("name"), 0);
	if (span_is(c->type, "location") && !named(c, "region") && !named(c, "country") && !(named(c, "latitude") && named(c, "longitude")))
		return fault_set(c->f, ERR_SYNTAX, "it has neither \"region\" nor \"country\" nor \"latitude\" and \"longitude\"");
	if (span_is(c->type, "marking-definition") && named(c, "definition"))
		return require(c, SPAN_LIT("definition_type"), 0);
	return OK;
}

static enum err check_type(const struct checking *c)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span rest = span_str(rows[i].required), word;
		if (c->type.p[0] != (uint8_t)rows[i].type[0] || !span_is(c->type, rows[i].type))
			continue;
		while ((word = span_word(&rest)).n) {
			enum err e = require_word(c, word);
			if (e)
				return e;
		}
		return check_special(c);
	}
	return OK;
}

/* What every object has that is no observable. */
static enum err check_common(const struct checking *c)
{
	bool marking = span_is(c->type, "marking-definition");
	enum err e = require(c, SPAN_LIT("created"), '@');
	if (e == OK && !marking)
		e = require(c, SPAN_LIT("modified"), '@');
	const struct member *spec = named(c, "spec_version"), *revoked = named(c, "revoked");
	if (e == OK && spec && !span_is(spec->value, "2.0") && !span_is(spec->value, "2.1"))
		e = fault_set(c->f, ERR_SYNTAX, "\"spec_version\" is neither 2.0 nor 2.1");
	if (e == OK && revoked && revoked->kind != JSON_TRUE && revoked->kind != JSON_FALSE)
		e = fault_set(c->f, ERR_SYNTAX, "\"revoked\" is not true or false");
	return e;
}

static enum err check_orders(const struct checking *c)
{
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		const struct member *a = named(c, orders[i].before), *b = named(c, orders[i].after);
		int64_t from, to;
		if (a && b && time_value(a, &from) && time_value(b, &to) && (from > to || (from == to && !orders[i].same)))
			return fault_set(c->f, ERR_RANGE, "\"%s\" is not behind \"%s\"", orders[i].after, orders[i].before);
	}
	return OK;
}

/* ---- markings ---- */

/* The fixed objects of STIX 2.1 section 7.2.1.4, and of TLP 2.0. */
static const struct {
	const char *uuid;
	uint8_t tlp;
} markings[] = {
	{ "613f2e26-407d-48c7-9eca-b8e91df99dc9", TLP_CLEAR }, { "34098fce-860f-48ae-8e50-ebd3cc5e41da", TLP_GREEN },
	{ "f88d31f6-486f-44da-b317-01333bde0b82", TLP_AMBER }, { "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", TLP_RED },
	{ "94868c89-83c2-464b-929b-a1a8aa3c8487", TLP_CLEAR }, { "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", TLP_GREEN },
	{ "55d920b0-5e8b-4f79-9ee9-91f868d9b421", TLP_AMBER }, { "939a9414-2ddd-4d32-a0cd-375ea402b003", TLP_AMBER_STRICT },
	{ "e828b379-4e03-4974-9ac4-e53a884c97c1", TLP_RED },
};

uint8_t stix_marking_tlp(struct span id)
{
	static const char prefix[] = "marking-definition--";
	if (!span_starts(id, SPAN_LIT(prefix)))
		return TLP_UNSAID;
	for (size_t i = 0; i < COUNT_OF(markings); i++)
		if (span_is(span_from(id, sizeof(prefix) - 1), markings[i].uuid))
			return markings[i].tlp;
	return TLP_UNSAID;
}

static uint8_t tlp_by_word(struct span word)
{
	static const struct {
		const char *word;
		uint8_t tlp;
	} words[] = { { "clear", TLP_CLEAR }, { "white", TLP_CLEAR }, { "green", TLP_GREEN }, { "amber", TLP_AMBER }, { "amber+strict", TLP_AMBER_STRICT }, { "red", TLP_RED } };
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_ieq(word, span_str(words[i].word)))
			return words[i].tlp;
	return TLP_RED;
}

/* The value of the first member of this name, however deep; empty: there is none that is a text. */
static struct span text_of(struct span object, const char *name)
{
	struct json_reader r;
	bool wanted = false;
	json_init(&r, object, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;) {
		if (wanted && t == JSON_STRING)
			return r.slice;
		wanted = t == JSON_KEY && span_is(r.slice, name);
	}
	return (struct span){ 0 };
}

uint8_t stix_marking_read(struct span object)
{
	struct checking *c = mem_alloc(sizeof(*c));
	uint8_t tlp = TLP_RED;
	c->f = NULL;
	if (gather(c, object) == OK) {
		const struct member *type = named(c, "definition_type"), *definition = named(c, "definition"), *extensions = named(c, "extensions");
		if (type && definition && span_is(type->value, "statement"))
			tlp = TLP_UNSAID;
		else if (type && definition && span_is(type->value, "tlp"))
			tlp = tlp_by_word(text_of(definition->value, "tlp"));
		else if (extensions && extensions->kind == JSON_OBJECT)
			tlp = tlp_by_word(text_of(extensions->value, "tlp_2_0"));
	}
	free(c);
	return tlp;
}

static uint8_t marking_of(struct span id, bool escaped, stix_marking_lookup *lookup, void *ctx)
{
	uint8_t tlp = escaped ? TLP_UNSAID : stix_marking_tlp(id);
	if (tlp)
		return tlp;
	return lookup && !escaped ? lookup(ctx, id) : TLP_RED;
}

static enum err check_refs(const struct member *m, stix_marking_lookup *lookup, void *ctx, uint8_t *tlp, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	if (m->kind != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "\"object_marking_refs\" is not a list");
	json_init(&r, m->value, true);
	if (json_next(&r) != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "\"object_marking_refs\" is not a list");
	while ((t = json_next(&r)) > JSON_ERROR && t != JSON_ARRAY_END) {
		if (t != JSON_STRING)
			return fault_set(f, ERR_SYNTAX, "\"object_marking_refs\" has something that is no identifier");
		uint8_t one = marking_of(r.slice, r.escaped, lookup, ctx);
		*tlp = one > *tlp ? one : *tlp;
	}
	return OK;
}

/* Each marking_ref in them, wherever it is. */
static enum err check_granular(const struct member *m, stix_marking_lookup *lookup, void *ctx, uint8_t *tlp, struct fault *f)
{
	struct json_reader r;
	bool wanted = false;
	if (m->kind != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "\"granular_markings\" is not a list");
	json_init(&r, m->value, true);
	for (enum json_token t; (t = json_next(&r)) > JSON_ERROR;) {
		if (t == JSON_KEY && r.escaped)
			return fault_set(f, ERR_SYNTAX, "the name of a property has an escape in it");
		if (wanted) {
			uint8_t one = t == JSON_STRING ? marking_of(r.slice, r.escaped, lookup, ctx) : TLP_RED;
			*tlp = one > *tlp ? one : *tlp;
		}
		wanted = t == JSON_KEY && span_is(r.slice, "marking_ref");
	}
	return OK;
}

static enum err check_markings(const struct checking *c, stix_marking_lookup *lookup, void *ctx, uint8_t *ret_tlp)
{
	const struct member *refs = named(c, "object_marking_refs"), *granular = named(c, "granular_markings");
	enum err e = OK;
	*ret_tlp = TLP_UNSAID;
	if (refs)
		e = check_refs(refs, lookup, ctx, ret_tlp, c->f);
	if (e == OK && granular)
		e = check_granular(granular, lookup, ctx, ret_tlp, c->f);
	return e;
}

/* ---- all of it ---- */

static enum err head_of(const struct checking *c, struct stix_object *ret_object)
{
	const struct member *revoked = named(c, "revoked");
	const struct stix_members m = {
		.octets = c->octets, .id = text_named(c, "id"), .modified = text_named(c, "modified"), .created = text_named(c, "created"),
		.spec_version = text_named(c, "spec_version"), .revoked = revoked && revoked->kind == JSON_TRUE,
	};
	return stix_object_make(&m, ret_object, c->f);
}

static enum err check(struct checking *c, struct span text, stix_marking_lookup *lookup, void *ctx, struct stix_object *o, uint8_t *ret_tlp)
{
	enum err e = gather(c, text);
	if (e || (e = head_of(c, o)) != OK)
		return e;
	if (!stix_id_ok(o->id, &c->type))
		return fault_set(c->f, ERR_SYNTAX, "its id is not of the form TYPE--UUID");
	const struct member *said = named(c, "type");
	if (!said || said->kind != JSON_STRING)
		return fault_set(c->f, ERR_SYNTAX, "it has no property \"type\"");
	if (!span_eq(said->value, c->type))
		return fault_set(c->f, ERR_SYNTAX, "its type is not the one that its id begins with");
	if (span_is(c->type, "bundle"))
		return fault_set(c->f, ERR_SYNTAX, "a bundle is not an object: send what is in it");
	c->old = o->old;
	if (!stix_is_observable(c->type) && (e = check_common(c)) != OK)
		return e;
	if (!c->old && (e = check_type(c)) != OK)
		return e;
	if ((e = check_orders(c)) != OK)
		return e;
	return check_markings(c, lookup, ctx, ret_tlp);
}

enum err stix_check(struct span text, stix_marking_lookup *lookup, void *ctx, struct stix_object *ret_object, uint8_t *ret_tlp, struct fault *f)
{
	struct checking *c = mem_alloc(sizeof(*c));
	*ret_object = (struct stix_object){ .version_us = 0 };
	*ret_tlp = TLP_UNSAID;
	c->f = f;
	enum err e = check(c, text, lookup, ctx, ret_object, ret_tlp);
	free(c);
	return e;
}
