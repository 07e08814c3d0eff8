#include "codec/taxii.h"

#include <stdlib.h>

#include "base/clock.h"
#include "codec/json.h"

enum { DIGITS_MAX = 9 };

static enum err broken(const struct json_reader *r, const char *what, struct fault *f)
{
	uint64_t line, column;
	json_place(r, &line, &column);
	return fault_set(f, ERR_SYNTAX, "%s, at line %llu, column %llu", r->error ? r->error : what, (unsigned long long)line, (unsigned long long)column);
}

/* Into an object, or the sentence why not. */
static enum err enter(struct json_reader *r, struct span text, struct fault *f)
{
	json_init(r, text, true);
	return json_next(r) == JSON_OBJECT ? OK : broken(r, "it is no JSON object", f);
}

/* Of the end of the object that is the text. */
static enum err leave(struct json_reader *r, enum json_token t, struct fault *f)
{
	return t == JSON_OBJECT_END && json_next(r) == JSON_END ? OK : broken(r, "it is no single JSON object", f);
}

static bool is_key(const struct json_reader *r, const char *name)
{
	return !r->escaped && span_is(r->slice, name);
}

enum err taxii_resource(struct span text, enum taxii_resource *ret_resource, struct fault *f)
{
	bool roots = false, versions = false, collections = false, id = false, title = false, empty = true;
	struct json_reader r;
	enum json_token t;
	enum err e = enter(&r, text, f);
	if (e)
		return e;
	while ((t = json_next(&r)) == JSON_KEY) {
		roots |= is_key(&r, "api_roots");
		versions |= is_key(&r, "versions") || is_key(&r, "max_content_length");
		collections |= is_key(&r, "collections");
		id |= is_key(&r, "id");
		title |= is_key(&r, "title");
		empty = false;
		if (json_skip(&r) <= JSON_ERROR)
			return broken(&r, "a value is cut off", f);
	}
	if ((e = leave(&r, t, f)) == OK)
		*ret_resource = roots ? TAXII_DISCOVERY : collections || empty ? TAXII_COLLECTIONS : versions ? TAXII_ROOT :
				id && title ? TAXII_COLLECTION : TAXII_OTHER;
	return e;
}

/* ---- discovery ---- */

struct roots {
	char *v[TAXII_ROOTS_MAX];
	unsigned n;
};

/* The default root may come behind the others: it is put in front of them. */
static enum err take_root(const struct json_reader *r, enum json_token t, bool first, struct roots *roots, struct fault *f)
{
	struct buf scratch = { 0 };
	unsigned i = 0;
	if (t != JSON_STRING || r->slice.n == 0 || r->slice.n > TAXII_TEXT_MAX)
		return OK;
	struct span url = json_text(r, &scratch);
	while (i < roots->n && !span_is(url, roots->v[i]))
		i++;
	if (i == TAXII_ROOTS_MAX) {
		buf_release(&scratch);
		return fault_set(f, ERR_RANGE, "there are more than %d API roots", TAXII_ROOTS_MAX);
	}
	if (i == roots->n)
		roots->v[roots->n++] = mem_strndup(url.p, url.n);
	if (first) {
		char *of_it = roots->v[i];
		roots->v[i] = roots->v[0];
		roots->v[0] = of_it;
	}
	buf_release(&scratch);
	return OK;
}

static enum err read_list(struct json_reader *r, struct roots *roots, struct fault *f)
{
	enum json_token t = json_next(r);
	enum err e = OK;
	if (t == JSON_NULL)
		return OK;
	if (t != JSON_ARRAY)
		return broken(r, "api_roots is a list of URLs", f);
	while (e == OK && (t = json_next(r)) != JSON_ARRAY_END)
		e = t == JSON_STRING ? take_root(r, t, false, roots, f) : broken(r, "api_roots is a list of URLs", f);
	return e;
}

static enum err read_roots(struct json_reader *r, struct roots *roots, struct fault *f)
{
	enum json_token t = JSON_ERROR;
	enum err e = OK;
	while (e == OK && (t = json_next(r)) == JSON_KEY) {
		if (is_key(r, "api_roots")) {
			e = read_list(r, roots, f);
		} else if (is_key(r, "default")) {
			t = json_next(r);
			e = t > JSON_ERROR && t != JSON_OBJECT && t != JSON_ARRAY ? take_root(r, t, true, roots, f) : broken(r, "default is a URL", f);
		} else if (json_skip(r) <= JSON_ERROR) {
			e = broken(r, "a value is cut off", f);
		}
	}
	return e ? e : leave(r, t, f);
}

enum err taxii_roots(struct span text, taxii_root_visit *visit, void *ctx, struct fault *f)
{
	struct json_reader r;
	struct roots roots = { .n = 0 };
	bool on = true;
	enum err e = enter(&r, text, f);
	if (e == OK)
		e = read_roots(&r, &roots, f);
	for (unsigned i = 0; i < roots.n; i++) {
		on = on && e == OK && visit(ctx, span_str(roots.v[i]));
		free(roots.v[i]);
	}
	return e;
}

/* ---- collections ---- */

static void take_text(const struct json_reader *r, enum json_token t, struct buf *scratch, struct span *ret)
{
	scratch->n = 0;
	*ret = (struct span){ 0 };
	if (t != JSON_STRING || r->slice.n > TAXII_TEXT_MAX)
		return;
	*ret = json_text(r, scratch);
}

struct texts {
	struct buf id, alias, title;
};

/* The reader stands behind the brace. */
static enum err read_collection(struct json_reader *r, struct texts *texts, struct taxii_collection *c, struct fault *f)
{
	enum json_token t;
	*c = (struct taxii_collection){ .can_read = true };
	while ((t = json_next(r)) == JSON_KEY) {
		struct span *to = is_key(r, "id") ? &c->id : is_key(r, "alias") ? &c->alias : is_key(r, "title") ? &c->title : NULL;
		struct buf *text = to == &c->id ? &texts->id : to == &c->alias ? &texts->alias : &texts->title;
		bool can_read = is_key(r, "can_read");
		t = json_skip(r);
		if (t <= JSON_ERROR)
			return broken(r, "a value is cut off", f);
		if (can_read)
			c->can_read = t != JSON_FALSE;
		if (to && t == JSON_STRING) {
			/* json_skip() gives the string with its quotes */
			struct json_reader one;
			json_init(&one, r->slice, true);
			t = json_next(&one);
			take_text(&one, t, text, to);
		}
	}
	return t == JSON_OBJECT_END ? OK : broken(r, "a collection is cut off", f);
}

struct telling {
	taxii_collection_visit *visit;
	void *ctx;
	struct texts texts;
	unsigned n;
	bool stop;
};

static enum err tell_collection(struct json_reader *r, struct telling *to, struct fault *f)
{
	struct taxii_collection c;
	enum err e = read_collection(r, &to->texts, &c, f);
	if (e || !c.id.n || to->stop)
		return e;
	if (to->n++ == TAXII_COLLECTIONS_MAX)
		return fault_set(f, ERR_RANGE, "there are more than %d collections", TAXII_COLLECTIONS_MAX);
	to->stop = !to->visit(to->ctx, &c);
	return OK;
}

static enum err read_collections(struct json_reader *r, struct telling *to, struct fault *f)
{
	enum json_token t;
	while ((t = json_next(r)) == JSON_KEY) {
		bool list = is_key(r, "collections");
		t = list ? json_next(r) : json_skip(r);
		if (t <= JSON_ERROR || (list && t != JSON_ARRAY))
			return broken(r, "collections is a list", f);
		while (list && (t = json_next(r)) != JSON_ARRAY_END) {
			enum err e = t == JSON_OBJECT ? tell_collection(r, to, f) : broken(r, "a collection is an object", f);
			if (e)
				return e;
		}
	}
	return leave(r, t, f);
}

enum err taxii_each_collection(struct span text, taxii_collection_visit *visit, void *ctx, struct fault *f)
{
	struct telling to = { .visit = visit, .ctx = ctx };
	struct json_reader r;
	enum taxii_resource what;
	enum err e = taxii_resource(text, &what, f);
	if (e == OK)
		e = enter(&r, text, f);
	if (e == OK && what == TAXII_COLLECTION)
		e = tell_collection(&r, &to, f);
	else if (e == OK)
		e = read_collections(&r, &to, f);
	buf_release(&to.texts.id);
	buf_release(&to.texts.alias);
	buf_release(&to.texts.title);
	return e;
}

/* ---- envelopes ---- */

/* The reader stands before the list. */
static enum err read_objects(struct json_reader *r, struct taxii_envelope *v, struct fault *f)
{
	enum json_token t = json_next(r);
	if (t == JSON_NULL)
		return OK;
	if (t != JSON_ARRAY)
		return broken(r, "objects is a list", f);
	size_t from = r->pos;
	while ((t = json_skip(r)) == JSON_OBJECT)
		v->n_objects++;
	if (t != JSON_ARRAY_END)
		return broken(r, "objects is a list of objects", f);
	v->objects = v->n_objects ? span_of(r->in.p + from, r->pos - 1 - from) : (struct span){ 0 };
	return OK;
}

static enum err read_member(struct json_reader *r, struct buf *scratch, struct taxii_envelope *v, struct fault *f)
{
	bool more = is_key(r, "more"), next = is_key(r, "next");
	if (is_key(r, "objects"))
		return read_objects(r, v, f);
	if (!more && !next)
		return json_skip(r) <= JSON_ERROR ? broken(r, "a value is cut off", f) : OK;
	enum json_token t = json_next(r);
	if (t <= JSON_ERROR || t == JSON_OBJECT || t == JSON_ARRAY)
		return broken(r, "more is true or false, next a text", f);
	if (more) {
		v->has_more = t == JSON_TRUE || t == JSON_FALSE;
		v->more = t == JSON_TRUE;
		return OK;
	}
	if (t != JSON_STRING && t != JSON_NUMBER)
		return OK; /* null: none */
	scratch->n = 0;
	v->next = t == JSON_STRING ? json_text(r, scratch) : r->slice;
	return v->next.n > TAXII_NEXT_MAX ? fault_set(f, ERR_RANGE, "next is longer than %d octets", TAXII_NEXT_MAX) : OK;
}

enum err taxii_envelope(struct span text, struct buf *scratch, struct taxii_envelope *ret_envelope, struct fault *f)
{
	struct taxii_envelope v = { 0 };
	struct json_reader r;
	enum json_token t = JSON_ERROR;
	enum err e = enter(&r, text, f);
	while (e == OK && (t = json_next(&r)) == JSON_KEY)
		e = read_member(&r, scratch, &v, f);
	if (e == OK)
		e = leave(&r, t, f);
	if (e == OK)
		*ret_envelope = v;
	return e;
}

/* ---- times ---- */

enum err taxii_time(struct span text, uint64_t *ret_ns)
{
	struct span s = span_trim(text);
	uint64_t ns = 0;
	int64_t seconds;
	size_t dot = span_find(s, '.'), n = 0;
	if (s.n < 20 || s.p[4] != '-' || (s.p[10] != 'T' && s.p[10] != 't') || time_parse(s, &seconds) || seconds < 0 || seconds > 9200000000LL)
		return ERR_SYNTAX;
	for (struct span digits = span_from(s, dot + 1); n < digits.n && ascii_digit(digits.p[n]); n++)
		ns = n < DIGITS_MAX ? ns * 10 + (uint64_t)(digits.p[n] - '0') : ns;
	for (; n < DIGITS_MAX; n++)
		ns *= 10;
	*ret_ns = (uint64_t)seconds * 1000000000 + ns;
	return OK;
}
