#include "codec/observed.h"

#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"
#include "codec/json_walk.h"

static void add_object(struct buf *to, struct span key, struct span json)
{
	struct json_member m[] = { { "type" } };
	(void)json_peek(json, m, COUNT_OF(m));
	struct observed_object object = { .key = key, .json = json };
	if (m[0].kind == JSON_STRING)
		object.type = m[0].value;
	buf_put(to, &object, sizeof(object));
}

static bool add_entry(void *ctx, struct span key, const struct json_member *value)
{
	struct observed *o = ctx;
	if (value->kind == JSON_OBJECT)
		add_object(&o->members, key, value->value);
	return true;
}

static uint32_t members(const struct observed *o)
{
	return (uint32_t)(o->members.n / sizeof(struct observed_object));
}

static enum err bad(const struct observation *x, struct fault *f, const char *sentence)
{
	return fault_set(f, ERR_SYNTAX, "\"%.*s\": %s", (int)span_head(x->id, 100).n, (const char *)x->id.p, sentence);
}

static enum err add_observation(struct observed *o, struct span json, struct fault *f)
{
	enum { ID, FIRST, LAST, NUMBER, OBJECTS, REFS };
	struct json_member m[] = { { "id" }, { "first_observed" }, { "last_observed" }, { "number_observed" }, { "objects" }, { "object_refs" } };
	(void)json_peek(json, m, COUNT_OF(m));
	struct observation x = { .id = m[ID].kind == JSON_STRING ? m[ID].value : SPAN_LIT("observed-data without an id") };
	if (m[FIRST].kind != JSON_STRING || pattern_time_parse(m[FIRST].value, &x.first))
		return bad(&x, f, "first_observed is not a time");
	if (m[LAST].kind != JSON_STRING || pattern_time_parse(m[LAST].value, &x.last))
		return bad(&x, f, "last_observed is not a time");
	if (x.last < x.first)
		return bad(&x, f, "last_observed is before first_observed");
	if (m[NUMBER].kind != JSON_NUMBER || num_parse_u64(m[NUMBER].value, 999999999, &x.number) || x.number == 0)
		return bad(&x, f, "number_observed is not between 1 and 999999999");
	if ((m[OBJECTS].kind == JSON_OBJECT) == (m[REFS].kind == JSON_ARRAY))
		return bad(&x, f, "there must be either objects or object_refs");
	x.own = m[OBJECTS].kind == JSON_OBJECT;
	x.object = members(o);
	if (x.own)
		(void)json_peek_each(m[OBJECTS].value, add_entry, o);
	else
		x.refs = m[REFS].value;
	x.n_objects = members(o) - x.object;
	buf_put(&o->observations, &x, sizeof(x));
	return OK;
}

static enum err add_array(struct observed *o, struct span json, unsigned depth, struct fault *f);

/* @param depth  of the arrays and bundles around it: what is nested deeper is no observation */
static enum err add_value(struct observed *o, struct span json, unsigned depth, struct fault *f)
{
	struct json_member m[] = { { "type" }, { "id" }, { "objects" } };
	if (json.p[0] == '[')
		return depth < 3 ? add_array(o, json, depth + 1, f) : OK;
	if (json.p[0] != '{')
		return fault_set(f, ERR_SYNTAX, "there is something else than objects in it");
	(void)json_peek(json, m, COUNT_OF(m));
	if (m[0].kind == JSON_STRING && span_is(m[0].value, "observed-data"))
		return add_observation(o, json, f);
	if (m[0].kind == JSON_STRING && span_is(m[0].value, "bundle"))
		return m[2].kind == JSON_ARRAY && depth < 3 ? add_array(o, m[2].value, depth + 1, f) : OK;
	if (m[1].kind == JSON_STRING)
		add_object(&o->pool, m[1].value, json);
	return OK;
}

static enum err add_array(struct observed *o, struct span json, unsigned depth, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	enum err e = OK;
	json_init(&r, json, true);
	t = json_next(&r);
	while (e == OK && (t = json_skip(&r)) > JSON_ERROR && t != JSON_ARRAY_END)
		e = add_value(o, r.slice, depth, f);
	return e;
}

enum err observed_add(struct observed *o, struct span text, struct fault *f)
{
	struct span rest = text;
	do { /* all of it is read strictly first: what looks into it later need not be */
		struct json_reader r;
		json_init(&r, rest, true);
		if (json_skip(&r) <= JSON_ERROR) {
			struct json_reader whole;
			uint64_t line, column;
			json_init(&whole, text, true);
			whole.pos = (size_t)(rest.p - text.p) + r.pos;
			json_place(&whole, &line, &column);
			return fault_set(f, ERR_SYNTAX, "line %llu, column %llu: %s", (unsigned long long)line, (unsigned long long)column,
					 r.error ? r.error : "the text is empty");
		}
		enum err e = add_value(o, r.slice, 0, f);
		if (e)
			return e;
		rest = span_trim(span_from(rest, r.pos));
	} while (rest.n);
	return OK;
}

static int compare(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_key(const void *a, const void *b)
{
	const struct observed_object *x = a, *y = b;
	return compare(x->key, y->key);
}

static int by_time(const void *a, const void *b)
{
	const struct observation *x = a, *y = b;
	int c = (x->first > y->first) - (x->first < y->first);
	return c ? c : compare(x->id, y->id);
}

static const struct observed_object *in_pool(const struct observed *o, struct span key)
{
	struct observed_object wanted = { .key = key };
	size_t n = o->pool.n / sizeof(wanted);
	return n ? bsearch(&wanted, o->pool.p, n, sizeof(wanted), by_key) : NULL;
}

static void resolve(struct observed *o, struct observation *x)
{
	struct json_reader r;
	enum json_token t;
	x->object = members(o);
	json_init(&r, x->refs, true);
	t = json_next(&r);
	while ((t = json_next(&r)) > JSON_ERROR && t != JSON_ARRAY_END) {
		const struct observed_object *object = t == JSON_STRING ? in_pool(o, r.slice) : NULL;
		if (object)
			buf_put(&o->members, object, sizeof(*object));
		else
			o->dangling++;
	}
	x->n_objects = members(o) - x->object;
}

void observed_finish(struct observed *o)
{
	uint32_t n = observed_count(o);
	if (o->pool.n)
		qsort(o->pool.p, o->pool.n / sizeof(struct observed_object), sizeof(struct observed_object), by_key);
	if (n)
		qsort(o->observations.p, n, sizeof(struct observation), by_time);
	for (uint32_t i = 0; i < n; i++) {
		struct observation *x = (struct observation *)(void *)o->observations.p + i;
		if (!x->own)
			resolve(o, x);
	}
}

void observed_release(struct observed *o)
{
	buf_release(&o->observations);
	buf_release(&o->members);
	buf_release(&o->pool);
}

const struct observed_object *observed_find(const struct observed *o, const struct observation *in, struct span key)
{
	if (!in->own)
		return in_pool(o, key);
	for (uint32_t i = 0; i < in->n_objects; i++)
		if (span_eq(observed_member(o, in->object + i)->key, key))
			return observed_member(o, in->object + i);
	return NULL;
}
