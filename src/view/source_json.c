/* The body of an ENTRY_SOURCE: one JSON object, keys sorted, no blanks, so that equal changes have equal octets:
 *
 *   {"category":"phishing","confidence":80,"group":"abuse.ch","lifetime_d":30,"name":"urlhaus","op":"add",
 *    "pulled_from":"feeds.example","snapshot":true,"speed_x10":10,"weight_db":25}
 *
 * "name" and "op" ("add", "set", "remove") are always there, the others when the change has them.
 */
#include "base/num.h"
#include "codec/json.h"
#include "view/source.h"

static const char *const op_names[] = { [SOURCE_ADD] = "add", [SOURCE_SET] = "set", [SOURCE_REMOVE] = "remove" };

static void put_text(struct buf *out, const char *key, struct span value)
{
	buf_printf(out, "\"%s\":", key);
	json_put_string(out, value);
}

void source_change_write(const struct source_change *c, struct buf *out)
{
	buf_putc(out, '{');
	if (c->has_category) {
		put_text(out, "category", span_str(category_row(c->category)->name));
		buf_putc(out, ',');
	}
	if (c->has_confidence)
		buf_printf(out, "\"confidence\":%u,", c->confidence);
	if (c->has_group) {
		put_text(out, "group", c->group);
		buf_putc(out, ',');
	}
	if (c->has_lifetime)
		buf_printf(out, "\"lifetime_d\":%u,", c->lifetime_d);
	put_text(out, "name", c->name);
	buf_putc(out, ',');
	put_text(out, "op", span_str(op_names[c->op]));
	if (c->has_from) {
		buf_putc(out, ',');
		put_text(out, "pulled_from", c->from);
	}
	if (c->has_snapshot)
		buf_printf(out, ",\"snapshot\":%s", c->snapshot ? "true" : "false");
	if (c->has_speed)
		buf_printf(out, ",\"speed_x10\":%u", c->speed_x10);
	if (c->has_weight)
		buf_printf(out, ",\"weight_db\":%u", c->weight_db);
	buf_putc(out, '}');
}

/* Each field: its key, and how its value is read.  The order is the bit in the mask of fields already seen. */
enum field { CATEGORY, CONFIDENCE, GROUP, LIFETIME, NAME, OP, FROM, SNAPSHOT, SPEED, WEIGHT, FIELDS };

static const char *const keys[FIELDS] = {
	[CATEGORY] = "category", [CONFIDENCE] = "confidence", [GROUP] = "group", [LIFETIME] = "lifetime_d", [NAME] = "name",
	[OP] = "op", [FROM] = "pulled_from", [SNAPSHOT] = "snapshot", [SPEED] = "speed_x10", [WEIGHT] = "weight_db",
};

static enum err expect_text(const struct json_reader *r, enum json_token t, const char *key, struct span *ret,
			    struct fault *f)
{
	if (t != JSON_STRING || r->escaped)
		return fault_set(f, ERR_SYNTAX, "\"%s\" of a source change is not a plain string", key);
	*ret = r->slice;
	return OK;
}

static enum err expect_number(const struct json_reader *r, enum json_token t, const char *key, uint64_t max,
			      uint64_t *ret, struct fault *f)
{
	if (t != JSON_NUMBER)
		return fault_set(f, ERR_SYNTAX, "\"%s\" of a source change is not a number", key);
	enum err e = num_parse_u64(r->slice, max, ret);
	if (e)
		return fault_set(f, e, "\"%s\" of a source change is not a whole number up to %llu", key, (unsigned long long)max);
	return OK;
}

static enum err read_op(struct span text, struct source_change *c, struct fault *f)
{
	for (size_t i = 0; i < COUNT_OF(op_names); i++)
		if (span_is(text, op_names[i])) {
			c->op = i;
			return OK;
		}
	return fault_set(f, ERR_SYNTAX, "\"op\" of a source change is none of add, set, remove");
}

static enum err read_category(struct span text, struct source_change *c, struct fault *f)
{
	for (unsigned i = 0; i < CAT_COUNT; i++)
		if (span_is(text, category_row(i)->name)) {
			c->has_category = true;
			c->category = (uint8_t)i;
			return OK;
		}
	return fault_set(f, ERR_SYNTAX, "\"category\" of a source change is not the name of one");
}

static enum err read_value(struct json_reader *r, enum field field, struct source_change *c, struct fault *f)
{
	struct span text = { 0 };
	uint64_t n = 0;
	enum json_token t = json_next(r);
	enum err e = OK;
	switch (field) {
	case CATEGORY:
		e = expect_text(r, t, keys[field], &text, f);
		return e ? e : read_category(text, c, f);
	case OP:
		e = expect_text(r, t, keys[field], &text, f);
		return e ? e : read_op(text, c, f);
	case NAME:
		return expect_text(r, t, keys[field], &c->name, f);
	case GROUP:
		c->has_group = true;
		return expect_text(r, t, keys[field], &c->group, f);
	case FROM:
		c->has_from = true;
		return expect_text(r, t, keys[field], &c->from, f);
	case CONFIDENCE:
		e = expect_number(r, t, keys[field], 100, &n, f);
		c->has_confidence = true, c->confidence = (uint8_t)n;
		return e;
	case WEIGHT:
		e = expect_number(r, t, keys[field], SOURCE_WEIGHT_MAX, &n, f);
		c->has_weight = true, c->weight_db = (uint8_t)n;
		return e;
	case LIFETIME:
		e = expect_number(r, t, keys[field], SOURCE_LIFETIME_MAX, &n, f);
		c->has_lifetime = true, c->lifetime_d = (uint16_t)n;
		return e;
	case SPEED:
		e = expect_number(r, t, keys[field], UINT16_MAX, &n, f);
		c->has_speed = true, c->speed_x10 = (uint16_t)n;
		return e;
	case SNAPSHOT:
		if (t != JSON_TRUE && t != JSON_FALSE)
			return fault_set(f, ERR_SYNTAX, "\"snapshot\" of a source change is neither true nor false");
		c->has_snapshot = true, c->snapshot = t == JSON_TRUE;
		return OK;
	case FIELDS:
		break;
	}
	return ERR_SYNTAX;
}

static enum err not_json(const struct json_reader *r, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "a source change is not one JSON object: %s",
			 r->error ? r->error : "something else is there");
}

enum err source_change_read(struct span body, struct source_change *ret_change, struct fault *f)
{
	struct source_change c = { 0 };
	struct json_reader r;
	unsigned seen = 0;
	json_init(&r, body, true);
	if (json_next(&r) != JSON_OBJECT)
		return not_json(&r, f);
	enum json_token t;
	while ((t = json_next(&r)) == JSON_KEY) {
		unsigned field = 0;
		while (field < FIELDS && (r.escaped || !span_is(r.slice, keys[field])))
			field++;
		if (field == FIELDS)
			return fault_set(f, ERR_SYNTAX, "a source change has an unknown key");
		if (seen & 1u << field)
			return fault_set(f, ERR_SYNTAX, "a source change has \"%s\" twice", keys[field]);
		seen |= 1u << field;
		enum err e = read_value(&r, field, &c, f);
		if (e)
			return e;
	}
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return not_json(&r, f);
	if ((seen & (1u << NAME | 1u << OP)) != (1u << NAME | 1u << OP))
		return fault_set(f, ERR_SYNTAX, "a source change has no \"name\" or no \"op\"");
	*ret_change = c;
	return OK;
}
