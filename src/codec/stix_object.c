#include "codec/stix_object.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"

bool stix_is_observable(struct span type)
{
	static const char *const observables[] = {
		"artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr", "ipv6-addr",
		"mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account", "windows-registry-key", "x509-certificate",
	};
	for (size_t i = 0; i < COUNT_OF(observables); i++)
		if (type.n && type.p[0] == (uint8_t)observables[i][0] && span_is(type, observables[i]))
			return true;
	return false;
}

/* The last "--" parts them: a type may have single ones only. */
static bool split_id(struct span id, struct span *ret_type, struct span *ret_rest)
{
	for (size_t i = 1; i + 2 < id.n; i++)
		if (id.p[i] == '-' && id.p[i + 1] == '-') {
			*ret_type = span_head(id, i);
			*ret_rest = span_from(id, i + 2);
			return true;
		}
	return false;
}

static bool type_ok(struct span type)
{
	for (size_t i = 0; i < type.n; i++)
		if (!ascii_digit(type.p[i]) && type.p[i] != '-' && !(type.p[i] >= 'a' && type.p[i] <= 'z'))
			return false;
	return type.n >= 3 && type.n <= 250;
}

static bool uuid_ok(struct span s)
{
	static const uint8_t group[] = { 8, 4, 4, 4, 12 };
	uint8_t octets[6];
	if (s.n != 36)
		return false;
	for (size_t i = 0, at = 0; i < COUNT_OF(group); at += group[i++] + 1u)
		if (hex_decode(span_of(s.p + at, group[i]), octets, group[i] / 2u) || (i < 4 && s.p[at + group[i]] != '-'))
			return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'F')
			return false;
	return true;
}

void stix_object_texts(struct span object, struct stix_text *texts, unsigned n)
{
	struct json_reader r;
	for (unsigned i = 0; i < n; i++)
		texts[i].text.n = 0;
	json_init(&r, object, true);
	if (json_next(&r) != JSON_OBJECT)
		return;
	while (json_next(&r) == JSON_KEY) {
		struct buf *into = NULL;
		for (unsigned i = 0; i < n; i++)
			if (span_is(r.slice, texts[i].name))
				into = &texts[i].text;
		if (into)
			into->n = 0;
		if (json_skip(&r) == JSON_ERROR)
			return;
		if (into && r.slice.n >= 2 && r.slice.p[0] == '"' && json_unescape(span_of(r.slice.p + 1, r.slice.n - 2), into))
			into->n = 0;
	}
}

bool stix_id_ok(struct span id, struct span *ret_type)
{
	struct span type, rest;
	if (!split_id(id, &type, &rest) || !type_ok(type) || !uuid_ok(rest))
		return false;
	if (ret_type)
		*ret_type = type;
	return true;
}

enum member { NONE, ID, MODIFIED, CREATED, SPEC, REVOKED };

static enum member member_of(struct span key)
{
	switch (key.n) {
	case 2:
		return span_is(key, "id") ? ID : NONE;
	case 7:
		return span_is(key, "created") ? CREATED : span_is(key, "revoked") ? REVOKED : NONE;
	case 8:
		return span_is(key, "modified") ? MODIFIED : NONE;
	case 12:
		return span_is(key, "spec_version") ? SPEC : NONE;
	}
	return NONE;
}

static void set_version(struct stix_object *o, struct span modified, struct span created)
{
	struct span at[] = { modified, created };
	for (size_t i = 0; i < COUNT_OF(at); i++)
		if (at[i].n && time_parse_us(at[i], &o->version_us) == OK) {
			o->version = at[i];
			return;
		}
	o->version_us = 0;
}

enum err stix_object_make(const struct stix_members *m, struct stix_object *ret_object, struct fault *f)
{
	struct stix_object o = { .octets = m->octets, .id = m->id, .revoked = m->revoked };
	struct span rest;
	if (o.id.n > STIX_ID_MAX || span_find(o.id, '\\') < o.id.n || !split_id(o.id, &o.type, &rest))
		return fault_set(f, ERR_SYNTAX, "the object has no id of the form TYPE--UUID");
	set_version(&o, m->modified, m->created);
	o.old = span_is(m->spec_version, "2.0") || (!m->spec_version.n && (m->modified.n || m->created.n) && !stix_is_observable(o.type));
	*ret_object = o;
	return OK;
}

enum err stix_object_read(struct span text, struct stix_object *ret_object, struct fault *f)
{
	struct stix_members o = { .revoked = false };
	struct json_reader r;
	enum json_token t;
	json_init(&r, text, false);
	if (json_next(&r) != JSON_OBJECT)
		return fault_set(f, ERR_SYNTAX, "it is not a JSON object");
	size_t start = r.start;
	while ((t = json_next(&r)) == JSON_KEY) {
		enum member m = member_of(r.slice);
		if ((t = json_skip(&r)) <= JSON_ERROR)
			break;
		if (m == REVOKED)
			o.revoked = t == JSON_TRUE;
		if (m == NONE || m == REVOKED || t != JSON_STRING)
			continue;
		struct span value = span_of(r.slice.p + 1, r.slice.n - 2);
		*(m == ID ? &o.id : m == MODIFIED ? &o.modified : m == CREATED ? &o.created : &o.spec_version) = value;
	}
	if (t != JSON_OBJECT_END)
		return fault_set(f, ERR_SYNTAX, "%s", r.error ? r.error : "the object is cut off");
	o.octets = span_of(text.p + start, r.pos - start);
	return stix_object_make(&o, ret_object, f);
}
