#include "face/http_form.h"

#include "base/num.h"
#include "codec/json.h"

/* The store has room for the whole body, so it does not move. */
static struct span text_of(const struct json_reader *r, struct buf *store)
{
	size_t before = store->n;
	if (!r->escaped || json_unescape(r->slice, store))
		return r->slice;
	return span_of(store->p + before, store->n - before);
}

static enum err add_text(const struct json_reader *r, struct form_row *row, struct buf *store, struct fault *f)
{
	struct span text = text_of(r, store);
	if (span_find(text, '\n') < text.n)
		return fault_set(f, ERR_SYNTAX, "\"%s\" has a string of two lines", row->name);
	buf_putspan(&row->texts, text);
	buf_putc(&row->texts, '\n');
	return OK;
}

static enum err read_texts(struct json_reader *r, struct form_row *row, struct buf *store, struct fault *f)
{
	enum json_token t = json_next(r);
	enum err e = OK;
	if (t == JSON_STRING)
		return add_text(r, row, store, f);
	if (t == JSON_ARRAY)
		while (e == OK && (t = json_next(r)) == JSON_STRING)
			e = add_text(r, row, store, f);
	return e || t == JSON_ARRAY_END ? e : fault_set(f, ERR_SYNTAX, "\"%s\" is neither a list of strings nor a string", row->name);
}

static enum err read_value(struct json_reader *r, struct form_row *row, struct buf *store, struct fault *f)
{
	enum json_token t;
	switch (row->kind) {
	case FORM_TEXT:
		if (json_next(r) != JSON_STRING)
			return fault_set(f, ERR_SYNTAX, "\"%s\" is not a string", row->name);
		row->text = text_of(r, store);
		return OK;
	case FORM_TEXTS:
		return read_texts(r, row, store, f);
	case FORM_NUMBER:
		if (json_next(r) != JSON_NUMBER || num_parse_u64(r->slice, row->most, &row->number))
			return fault_set(f, ERR_SYNTAX, "\"%s\" is not a whole number up to %llu", row->name, (unsigned long long)row->most);
		return OK;
	case FORM_FLAG:
		t = json_next(r);
		row->flag = t == JSON_TRUE;
		return t == JSON_TRUE || t == JSON_FALSE ? OK : fault_set(f, ERR_SYNTAX, "\"%s\" is neither true nor false", row->name);
	}
	return OK;
}

static enum err read_member(struct json_reader *r, struct form *form, struct fault *f)
{
	struct form_row *row = form->rows;
	while (row->name && (r->escaped || !span_is(r->slice, row->name)))
		row++;
	if (!row->name)
		return fault_set(f, ERR_SYNTAX, "there is no \"" SPAN_FMT "\" here", SPAN_ARG(span_head(r->slice, 60)));
	if (row->there)
		return fault_set(f, ERR_SYNTAX, "\"%s\" is there twice", row->name);
	row->there = true;
	return read_value(r, row, &form->store, f);
}

enum err form_read(struct form *form, struct span body, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	(void)buf_reserve(&form->store, body.n + 1);
	json_init(&r, body, true);
	if (json_next(&r) == JSON_OBJECT) {
		while ((t = json_next(&r)) == JSON_KEY) {
			enum err e = read_member(&r, form, f);
			if (e)
				return e;
		}
		if (t == JSON_OBJECT_END && json_next(&r) == JSON_END)
			return OK;
	}
	return fault_set(f, ERR_SYNTAX, "the body is not one JSON object: %s", r.error ? r.error : "something else is there");
}

void form_release(struct form *form)
{
	for (struct form_row *row = form->rows; row->name; row++)
		buf_release(&row->texts);
	buf_release(&form->store);
}
