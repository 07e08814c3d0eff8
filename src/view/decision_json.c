/* The bodies of ENTRY_DECISION: one encoding for each op, so that what is read and written again has the same octets. */
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "view/decision.h"

/* In the order in which they are written. */
enum field { OP, ACTION, REASON, EXACT, OF, AT, UNTIL, ENACTS, BY, WHY, EVIDENCE, POLICY, VALUES, FIELDS };

static const char *const keys[FIELDS] = {
	[OP] = "op", [ACTION] = "action", [REASON] = "reason", [EXACT] = "exact", [OF] = "of", [AT] = "at", [UNTIL] = "until",
	[ENACTS] = "enacts", [BY] = "by", [WHY] = "why", [EVIDENCE] = "evidence", [POLICY] = "policy", [VALUES] = "values",
};

static void put_text(struct buf *out, const char *key, struct span text)
{
	if (!text.n)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_put_string(out, text);
}

void decision_op_write(const struct decision_op *op, struct buf *out)
{
	buf_printf(out, "{\"op\":\"%s\"", op_name(op->op));
	if (op->op == OP_PROPOSE)
		buf_printf(out, ",\"action\":\"%s\",\"reason\":\"%s\"", action_name(op->action), reason_row(op->reason)->name);
	if (op->exact)
		buf_puts(out, ",\"exact\":true");
	for (unsigned i = 0; i < op->n_of; i++)
		buf_printf(out, "%s%llu%s", i ? "," : ",\"of\":[", (unsigned long long)op->of[i], i + 1 == op->n_of ? "]" : "");
	if (op->op == OP_EXPIRE)
		buf_printf(out, ",\"at\":%u", op->at_s);
	if (op->op == OP_PROPOSE || (op->op == OP_PROTECT && op->until_s))
		buf_printf(out, ",\"until\":%u", op->until_s);
	if (op->enacts)
		buf_puts(out, ",\"enacts\":true");
	put_text(out, "by", op->by);
	put_text(out, "why", op->why);
	put_text(out, "evidence", op->evidence);
	put_text(out, "policy", op->policy);
	if (op->values.n) {
		buf_puts(out, ",\"values\":[");
		buf_putspan(out, op->values);
		buf_putc(out, ']');
	}
	buf_putc(out, '}');
}

void decision_value_put(struct buf *values, const struct observable *o)
{
	uint8_t store[OBS_KEY_MAX + 64];
	struct buf text = { .p = store, .cap = sizeof(store) }; /* no value is longer, so it is not let go for another */
	obs_format(o, &text);
	if (values->n)
		buf_putc(values, ',');
	json_put_string(values, buf_span(&text));
}

/* The next string of a list without its brackets.  @return false: there is none. */
static bool next_string(struct span *list, struct span *ret_slice)
{
	struct span s = *list;
	if (s.n && s.p[0] == ',')
		s = span_from(s, 1);
	if (!s.n || s.p[0] != '"')
		return false;
	size_t n = 1;
	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	if (n >= s.n)
		return false;
	*ret_slice = span_head(span_from(s, 1), n - 1);
	*list = span_from(s, n + 1);
	return true;
}

bool decision_value(struct span *values, uint8_t store[OBS_KEY_MAX], struct observable *ret_value)
{
	struct span text;
	uint8_t plain_store[2 * OBS_KEY_MAX];
	struct buf plain = { .p = plain_store, .cap = sizeof(plain_store) };
	if (!next_string(values, &text) || text.n > sizeof(plain_store))
		return false;
	if (memchr(text.p, '\\', text.n)) {
		if (json_unescape(text, &plain))
			return false;
		text = buf_span(&plain);
	}
	return obs_parse_plain(text, store, ret_value) == OK || obs_parse(text, store, ret_value, NULL) == OK;
}

/* ---- reading ---- */

struct reading {
	struct json_reader r;
	struct decision_op op;
	struct buf *store; /* of what was escaped; has room, and does not move */
	uint64_t *of;
	struct fault *f;
};

static enum err wrong(struct reading *g, enum field field, const char *what)
{
	return fault_set(g->f, ERR_SYNTAX, "\"%s\" of a decision is %s", keys[field], what);
}

static enum err read_text(struct reading *g, enum field field, struct span *ret)
{
	if (json_next(&g->r) != JSON_STRING)
		return wrong(g, field, "no string");
	*ret = g->r.slice;
	if (g->r.escaped) {
		size_t from = g->store->n;
		if (json_unescape(g->r.slice, g->store))
			return wrong(g, field, "no text");
		*ret = span_from(buf_span(g->store), from);
	}
	return ret->n <= OP_TEXT_MAX ? OK : fault_set(g->f, ERR_RANGE, "\"%s\" of a decision has more than %d octets", keys[field], OP_TEXT_MAX);
}

static enum err read_number(struct reading *g, enum field field, uint32_t *ret)
{
	uint64_t n;
	if (json_next(&g->r) != JSON_NUMBER || num_parse_u64(g->r.slice, UINT32_MAX, &n))
		return wrong(g, field, "no time in seconds");
	*ret = (uint32_t)n;
	return OK;
}

static enum err read_true(struct reading *g, enum field field, bool *ret)
{
	*ret = json_next(&g->r) == JSON_TRUE;
	return *ret ? OK : wrong(g, field, "something else than true");
}

static enum err read_of(struct reading *g)
{
	enum json_token t = json_next(&g->r);
	if (t != JSON_ARRAY)
		return wrong(g, OF, "no array");
	while ((t = json_next(&g->r)) == JSON_NUMBER)
		if (g->op.n_of == OP_OF_MAX || num_parse_u64(g->r.slice, UINT64_MAX, &g->of[g->op.n_of++]))
			return wrong(g, OF, "no list of entries, or too long");
	g->op.of = g->of;
	return t == JSON_ARRAY_END && g->op.n_of ? OK : wrong(g, OF, "no list of entries");
}

static enum err read_values(struct reading *g)
{
	size_t from = g->r.pos, to = from;
	enum json_token t = json_next(&g->r);
	if (t != JSON_ARRAY)
		return wrong(g, VALUES, "no array");
	while ((t = json_next(&g->r)) == JSON_STRING) {
		if (!g->op.n_values++)
			from = g->r.start;
		to = g->r.pos;
	}
	g->op.values = span_of(g->r.in.p + from, to - from);
	return t == JSON_ARRAY_END && g->op.n_values ? OK : wrong(g, VALUES, "no list of strings");
}

/* One of the words that `name` gives for 0 .. n - 1. */
static enum err read_word(struct reading *g, enum field field, const char *(*name)(unsigned i), unsigned n, unsigned *ret)
{
	struct span text;
	enum err e = read_text(g, field, &text);
	for (unsigned i = 0; e == OK && i < n; i++)
		if (span_is(text, name(i)))
			return *ret = i, OK;
	return e ? e : wrong(g, field, "no word that is known");
}

static const char *name_of_op(unsigned i) { return op_name((enum op)i); }
static const char *name_of_action(unsigned i) { return action_name((enum action)i); }
static const char *name_of_reason(unsigned i) { return reason_row((enum reason)i)->name; }

static enum err read_field(struct reading *g, enum field field)
{
	struct decision_op *op = &g->op;
	unsigned word = 0;
	enum err e;
	switch (field) {
	case OP:
		e = read_word(g, field, name_of_op, OPS, &word);
		return op->op = (enum op)word, e;
	case ACTION:
		e = read_word(g, field, name_of_action, ACTION_PROTECT, &word);
		return op->action = (uint8_t)word, e;
	case REASON:
		e = read_word(g, field, name_of_reason, REASONS, &word);
		return op->reason = (uint8_t)word, e;
	case EXACT: return read_true(g, field, &op->exact);
	case OF: return read_of(g);
	case AT: return read_number(g, field, &op->at_s);
	case UNTIL: return read_number(g, field, &op->until_s);
	case ENACTS: return read_true(g, field, &op->enacts);
	case BY: return read_text(g, field, &op->by);
	case WHY: return read_text(g, field, &op->why);
	case EVIDENCE: return read_text(g, field, &op->evidence);
	case POLICY: return read_text(g, field, &op->policy);
	case VALUES: return read_values(g);
	case FIELDS: break;
	}
	return ERR_SYNTAX;
}

#define BIT(field) (1U << (field))
enum { TEXTS = BIT(BY) | BIT(WHY) };

/* What an op must have, and what else it may have. */
static const struct { uint32_t must, may; } shapes[OPS] = {
	[OP_PROPOSE] = { BIT(OP) | BIT(ACTION) | BIT(REASON) | BIT(UNTIL) | BIT(VALUES), BIT(EXACT) | BIT(ENACTS) | TEXTS | BIT(EVIDENCE) | BIT(POLICY) },
	[OP_APPROVE] = { BIT(OP) | BIT(OF), BIT(ENACTS) | TEXTS },
	[OP_REFUSE] = { BIT(OP) | BIT(OF), TEXTS },
	[OP_SUSPEND] = { BIT(OP) | BIT(OF), TEXTS },
	[OP_UNBLOCK] = { BIT(OP) | BIT(OF), BIT(VALUES) | TEXTS },
	[OP_EXPIRE] = { BIT(OP) | BIT(OF) | BIT(AT), 0 },
	[OP_PROTECT] = { BIT(OP) | BIT(VALUES), BIT(EXACT) | BIT(UNTIL) | TEXTS },
	[OP_UNPROTECT] = { BIT(OP) | BIT(VALUES), TEXTS },
};

static enum err check_shape(struct reading *g, uint32_t seen)
{
	const struct decision_op *op = &g->op;
	if ((seen & shapes[op->op].must) != shapes[op->op].must || (seen & ~(shapes[op->op].must | shapes[op->op].may)))
		return fault_set(g->f, ERR_SYNTAX, "\"%s\" of a decision has a key too many or too few", op_name(op->op));
	if (op->op == OP_PROPOSE && !op->until_s)
		return fault_set(g->f, ERR_SYNTAX, "a decision has no end");
	return OK;
}

enum err decision_op_read(struct span body, struct buf *store, struct decision_op *ret_op, struct fault *f)
{
	struct reading g = { .store = store, .f = f };
	uint32_t seen = 0;
	enum json_token t = JSON_ERROR;
	enum err e = OK;
	store->n = 0;
	g.of = (uint64_t *)(void *)buf_reserve(store, OP_OF_MAX * sizeof(uint64_t) + body.n);
	store->n = OP_OF_MAX * sizeof(uint64_t);
	json_init(&g.r, body, true);
	if (utf8_valid_prefix(body) != body.n || json_next(&g.r) != JSON_OBJECT)
		return fault_set(f, ERR_SYNTAX, "a decision is not a JSON object");
	while (e == OK && (t = json_next(&g.r)) == JSON_KEY) {
		unsigned field = 0;
		while (field < FIELDS && (g.r.escaped || !span_is(g.r.slice, keys[field])))
			field++;
		if (field == FIELDS || seen & BIT(field))
			return fault_set(f, ERR_SYNTAX, "a decision has a key twice, or one that is not known");
		seen |= BIT(field);
		e = read_field(&g, (enum field)field);
	}
	if (e == OK && (t != JSON_OBJECT_END || json_next(&g.r) != JSON_END))
		e = fault_set(f, ERR_SYNTAX, "a decision is not one JSON object: %s", g.r.error ? g.r.error : "something follows it");
	if (e == OK && (e = check_shape(&g, seen)) == OK)
		*ret_op = g.op;
	return e;
}
