#include "face/http_values.h"

static enum err not_json(const struct json_reader *r, struct fault *f)
{
	uint64_t line, column;
	json_place(r, &line, &column);
	return fault_set(f, ERR_SYNTAX, "not JSON: %s, at line %llu, column %llu", r->error, (unsigned long long)line,
			 (unsigned long long)column);
}

enum err http_values_init(struct http_values *v, struct span body, bool array, struct fault *f)
{
	v->rest = body;
	v->array = array;
	v->scratch = (struct buf){ 0 };
	if (!array)
		return OK;
	json_init(&v->json, body, true);
	enum json_token t = json_next(&v->json);
	if (t > JSON_ERROR && t != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "the body is JSON, but not an array of values");
	while (t != JSON_END) {
		if (t == JSON_ERROR)
			return not_json(&v->json, f);
		t = json_next(&v->json);
	}
	json_init(&v->json, body, true);
	return json_next(&v->json) == JSON_ARRAY ? OK : ERR_SYNTAX;
}

void http_values_release(struct http_values *v)
{
	buf_release(&v->scratch);
}

/* `item` is to be one JSON value, whole. */
static enum err value_of(struct http_values *v, struct span item, struct span *ret_value, struct fault *f)
{
	struct json_reader r;
	bool found = false;
	json_init(&r, item, true);
	enum json_token t = json_next(&r);
	if (t == JSON_STRING) {
		*ret_value = json_text(&r, &v->scratch);
		found = true;
		t = json_next(&r);
	} else if (t == JSON_OBJECT) {
		while (!found && (t = json_next(&r)) == JSON_KEY) {
			found = span_is(json_text(&r, &v->scratch), "value");
			if (found ? (t = json_next(&r)) != JSON_STRING : (t = json_skip(&r)) == JSON_ERROR)
				break;
		}
		if (found && t == JSON_STRING)
			*ret_value = json_text(&r, &v->scratch);
		else
			found = false;
		while (t > JSON_ERROR)
			t = json_next(&r);
	}
	if (t == JSON_ERROR) {
		*ret_value = item;
		return not_json(&r, f);
	}
	return found ? OK : fault_set(f, ERR_SYNTAX, "neither a string nor an object with a string member \"value\"");
}

enum err http_values_next(struct http_values *v, struct span *ret_value, struct fault *f)
{
	if (v->array) {
		enum json_token t = json_skip(&v->json);
		if (t == JSON_ARRAY_END || t <= JSON_ERROR)
			return ERR_NOTFOUND;
		*ret_value = v->json.slice;
		return value_of(v, v->json.slice, ret_value, f);
	}
	while (v->rest.n) {
		size_t n = span_find(v->rest, '\n');
		struct span line = span_trim(span_head(v->rest, n));
		v->rest = span_from(v->rest, n + 1);
		if (!line.n)
			continue;
		*ret_value = line;
		return line.p[0] == '"' || line.p[0] == '{' ? value_of(v, line, ret_value, f) : OK;
	}
	return ERR_NOTFOUND;
}
