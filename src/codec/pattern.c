/* By recursion, whose depth is capped.  The levels of operators are rows of a table: an operand of one level is a chain of the
 * next one. */
#include "codec/pattern.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"

static const pattern_time SECOND = 1000000000;

struct parse {
	struct stix_scan s;
	struct pattern *out;
	unsigned depth;
	size_t at; /* of the error */
	enum err err;
};

static const struct {
	const char *word;
	enum pattern_kind kind;
} levels[] = {
	{ "FOLLOWEDBY", PATTERN_FOLLOWED }, { "OR", PATTERN_ANY }, { "AND", PATTERN_ALL }, { NULL, PATTERN_OBSERVATION },
	{ "OR", PATTERN_EITHER },           { "AND", PATTERN_BOTH }, { NULL, PATTERN_TEST },
};
enum { OUTSIDE = 0, OBSERVED = 3, INSIDE = 4, TESTED = 6 };

static bool wrong(struct parse *p, const char *sentence)
{
	if (!p->err) {
		p->err = ERR_SYNTAX;
		p->at = p->s.start;
		if (!p->s.error) /* that of the token goes first */
			p->s.error = sentence;
	}
	return false;
}

static bool deeper(struct parse *p)
{
	if (p->depth == PATTERN_NESTING_MAX) {
		(void)wrong(p, "brackets or qualifiers are nested more than 64 deep");
		p->err = ERR_RANGE;
		return false;
	}
	p->depth++;
	return true;
}

static struct pattern_node *node(const struct parse *p, uint32_t i)
{
	return (struct pattern_node *)(void *)p->out->nodes.p + i;
}

static uint32_t new_node(struct parse *p, struct pattern_node n)
{
	n.next = PATTERN_NONE;
	buf_put(&p->out->nodes, &n, sizeof(n));
	return pattern_nodes(p->out) - 1;
}

/* ---- constants ---- */

enum err pattern_time_parse(struct span s, pattern_time *ret)
{
	int64_t seconds;
	uint64_t fraction = 0;
	if (s.n < 20 || s.p[10] != 'T' || s.p[s.n - 1] != 'Z' || (s.n > 20 && (s.p[19] != '.' || s.n == 21)))
		return ERR_SYNTAX;
	enum err e = time_parse(span_head(s, 19), &seconds);
	for (size_t i = 20; i < s.n - 1; i++)
		if (!ascii_digit(s.p[i]))
			return ERR_SYNTAX;
	for (size_t i = 20; i < 29; i++)
		fraction = fraction * 10 + (i < s.n - 1 ? s.p[i] - '0' : 0);
	*ret = seconds * SECOND + (pattern_time)fraction;
	return e;
}

/* What a constant stands for takes no more room than its text, which p->out->text has for it: spans into it stay. */
static bool octets(struct parse *p, struct span raw, struct span *ret)
{
	struct buf *text = &p->out->text;
	size_t from = text->n;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\' && (i + 1 == raw.n || (raw.p[++i] != '\'' && raw.p[i] != '\\'))) {
			p->s.start = (size_t)(raw.p - p->s.text.p) + i - 1;
			return wrong(p, "a backslash stands before other than a quote or a backslash");
		}
		buf_putc(text, raw.p[i]);
	}
	*ret = span_of(text->p + from, text->n - from);
	return true;
}

static bool binary(struct parse *p, struct pattern_value *v)
{
	struct buf *text = &p->out->text;
	size_t from = text->n;
	if (v->kind == STIX_HEX) {
		if (v->text.n && hex_decode(v->text, buf_reserve(text, v->text.n / 2), v->text.n / 2))
			return wrong(p, "a hexadecimal constant has other than pairs of digits");
		text->n += v->text.n / 2;
	} else if (v->text.n && base64_decode(v->text, text)) {
		return wrong(p, "a constant is not base64");
	}
	v->text = span_of(text->p + from, text->n - from);
	return true;
}

static bool number(struct parse *p, struct span *text)
{
	if (text->p[0] == '+')
		*text = span_from(*text, 1);
	struct span digits = text->p[0] == '-' ? span_from(*text, 1) : *text;
	if (digits.n > 1 && digits.p[0] == '0' && span_find(digits, '.') == digits.n)
		return wrong(p, "a number begins with 0");
	return true;
}

static bool constant(struct parse *p, struct pattern_node *test)
{
	struct stix_scan *s = &p->s;
	struct pattern_value v = { .kind = (uint8_t)s->token, .text = s->value };
	if (s->token < STIX_STRING || s->token > STIX_BOOL)
		return wrong(p, "a constant is missing");
	if (s->token == STIX_BOOL && test->op >= STIX_LT && test->op <= STIX_GE)
		return wrong(p, "true and false have no order");
	v.truth = span_is(v.text, "true");
	if (s->token == STIX_TIME && pattern_time_parse(v.text, &v.time))
		return wrong(p, "a timestamp names a day or time that does not exist");
	if ((s->token == STIX_STRING && !octets(p, s->value, &v.text)) || (s->token == STIX_NUMBER && !number(p, &v.text)) ||
	    ((s->token == STIX_HEX || s->token == STIX_BASE64) && !binary(p, &v)))
		return false;
	buf_put(&p->out->values, &v, sizeof(v));
	test->n_values++;
	scan_next(s);
	return true;
}

/* ---- one comparison ---- */

static bool plain_name(struct span s)
{
	return s.n && !ascii_digit(s.p[0]) && span_find(s, '-') == s.n;
}

static bool name_step(struct parse *p, struct pattern_node *test)
{
	struct stix_scan *s = &p->s;
	struct pattern_step step = { .kind = PATTERN_NAME, .name = s->value };
	if (s->token == STIX_WORD && !plain_name(s->value))
		return wrong(p, "a name with a hyphen needs quotes in an object path");
	if (s->token != STIX_WORD && s->token != STIX_STRING)
		return wrong(p, "a name is missing in an object path");
	if (s->token == STIX_STRING && !octets(p, s->value, &step.name))
		return false;
	buf_put(&p->out->steps, &step, sizeof(step));
	test->n_steps++;
	scan_next(s);
	return true;
}

static bool index_step(struct parse *p, struct pattern_node *test)
{
	struct stix_scan *s = &p->s;
	struct pattern_step step = { .kind = PATTERN_EACH };
	uint64_t index = 0;
	if (!scan_is_punct(s, '*')) {
		step.kind = PATTERN_INDEX;
		if (s->token != STIX_NUMBER || num_parse_u64(s->value, UINT32_MAX, &index))
			return wrong(p, "an index is neither a whole number nor '*'");
		step.index = (uint32_t)index;
	}
	scan_next(s);
	buf_put(&p->out->steps, &step, sizeof(step));
	test->n_steps++;
	return scan_punct(s, ']') || wrong(p, "']' is missing behind an index");
}

static bool object_path(struct parse *p, struct pattern_node *test)
{
	struct stix_scan *s = &p->s;
	if (s->token != STIX_WORD)
		return wrong(p, "an object path is missing");
	test->text = s->value;
	test->step = (uint32_t)(p->out->steps.n / sizeof(struct pattern_step));
	scan_next(s);
	if (!scan_punct(s, ':'))
		return wrong(p, "':' is missing behind an object type");
	if (!name_step(p, test))
		return false;
	for (;;) {
		if (test->n_steps > PATTERN_STEPS_MAX)
			return wrong(p, "an object path has more than 128 steps");
		if (scan_punct(s, '.')) {
			if (!name_step(p, test))
				return false;
		} else if (scan_punct(s, '[')) {
			if (!index_step(p, test))
				return false;
		} else {
			return true;
		}
	}
}

static bool set(struct parse *p, struct pattern_node *test)
{
	struct stix_scan *s = &p->s;
	if (!scan_punct(s, '('))
		return wrong(p, "'(' is missing behind IN");
	if (scan_punct(s, ')'))
		return true;
	do
		if (!constant(p, test))
			return false;
	while (scan_punct(s, ','));
	return scan_punct(s, ')') || wrong(p, "',' or ')' is missing in a set");
}

static bool operator_and_constant(struct parse *p, struct pattern_node *test)
{
	static const struct {
		const char *word;
		enum stix_op op;
	} words[] = { { "LIKE", STIX_LIKE }, { "MATCHES", STIX_MATCHES }, { "ISSUBSET", STIX_ISSUBSET }, { "ISSUPERSET", STIX_ISSUPERSET } };
	struct stix_scan *s = &p->s;
	if (scan_word(s, "IN")) {
		test->op = PATTERN_IN;
		return set(p, test);
	}
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (scan_word(s, words[i].word)) {
			test->op = words[i].op;
			return s->token == STIX_STRING ? constant(p, test) : wrong(p, "a string in quotes is missing");
		}
	if (s->token != STIX_SIGN)
		return wrong(p, "a comparison operator is missing");
	test->op = s->op;
	scan_next(s);
	return constant(p, test);
}

static bool comparison(struct parse *p, uint32_t *ret)
{
	struct stix_scan *s = &p->s;
	struct pattern_node test = { .kind = PATTERN_TEST, .first = PATTERN_NONE };
	test.value = (uint32_t)(p->out->values.n / sizeof(struct pattern_value));
	bool not_first = scan_word(s, "NOT"), exists = scan_word(s, "EXISTS");
	if (not_first && !exists)
		return wrong(p, "NOT must stand behind the object path");
	if (!object_path(p, &test))
		return false;
	test.negated = not_first || (!exists && scan_word(s, "NOT"));
	if (exists)
		test.op = STIX_EXISTS;
	else if (!operator_and_constant(p, &test))
		return false;
	*ret = new_node(p, test);
	return true;
}

/* ---- operators and brackets ---- */

static bool chain(struct parse *p, unsigned level, uint32_t *ret);

/* Hang `child` behind `*last` of `parent`; the operands of one that is of the same kind instead of it. */
static void adopt(struct parse *p, uint32_t parent, uint32_t child, uint32_t *last)
{
	if (node(p, child)->kind == node(p, parent)->kind)
		child = node(p, child)->first;
	if (*last == PATTERN_NONE)
		node(p, parent)->first = child;
	else
		node(p, *last)->next = child;
	for (*last = child; node(p, *last)->next != PATTERN_NONE;)
		*last = node(p, *last)->next;
}

static bool bracketed(struct parse *p, unsigned level, char end, const char *sentence, uint32_t *ret)
{
	if (!deeper(p) || !chain(p, level, ret))
		return false;
	p->depth--;
	return scan_punct(&p->s, end) || wrong(p, sentence);
}

static bool times(struct parse *p, struct pattern_node *q)
{
	struct stix_scan *s = &p->s;
	bool within = q->kind == PATTERN_WITHIN;
	struct span whole = span_head(s->value, span_find(s->value, '.')), rest = span_from(s->value, whole.n + 1);
	uint64_t n = 0, fraction = 0;
	if (s->token != STIX_NUMBER || !number(p, &s->value))
		return wrong(p, "a number above 0 is missing");
	whole = span_head(s->value, span_find(s->value, '.'));
	enum err e = whole.n ? num_parse_u64(whole, UINT32_MAX, &n) : OK;
	if (e == ERR_RANGE)
		return wrong(p, "a number is above 4294967295");
	for (size_t i = 0; i < 9; i++)
		fraction = fraction * 10 + (i < rest.n ? rest.p[i] - '0' : 0);
	q->within = (pattern_time)n * SECOND + (pattern_time)fraction;
	q->times = n;
	q->text = s->value;
	if (e || q->within <= 0 || (!within && rest.n))
		return wrong(p, "a number above 0 is missing");
	scan_next(s);
	return scan_word(s, within ? "SECONDS" : "TIMES") || wrong(p, within ? "SECONDS is missing" : "TIMES is missing");
}

static bool start_and_stop(struct parse *p, struct pattern_node *q)
{
	static const char sentence[] = "START needs a timestamp, STOP and a timestamp";
	q->value = (uint32_t)(p->out->values.n / sizeof(struct pattern_value));
	return (p->s.token == STIX_TIME || wrong(p, sentence)) && constant(p, q) &&
	       (scan_word(&p->s, "STOP") || wrong(p, sentence)) && (p->s.token == STIX_TIME || wrong(p, sentence)) && constant(p, q);
}

/* What stands behind an observation or, where the standard lets one come again, behind ')'. */
static bool qualifiers(struct parse *p, bool once, uint32_t *ret)
{
	static const char *const words[] = { "WITHIN", "REPEATS", "START" };
	unsigned seen = 0, depth = p->depth;
	for (unsigned i = 0; i < COUNT_OF(words);) {
		struct pattern_node q = { .kind = (uint8_t)(PATTERN_WITHIN + i), .first = *ret };
		if (!scan_is_word(&p->s, words[i])) {
			i++;
			continue;
		}
		if (once && seen >> i & 1)
			return wrong(p, "a qualifier is given twice");
		seen |= 1u << i;
		if (!deeper(p))
			return false;
		scan_next(&p->s);
		if (q.kind == PATTERN_BETWEEN ? !start_and_stop(p, &q) : !times(p, &q))
			return false;
		*ret = new_node(p, q);
		i = 0;
	}
	p->depth = depth;
	return true;
}

static bool operand(struct parse *p, unsigned level, uint32_t *ret)
{
	if (level == TESTED)
		return scan_punct(&p->s, '(') ? bracketed(p, INSIDE, ')', "AND, OR or ')' is missing", ret) : comparison(p, ret);
	if (scan_punct(&p->s, '('))
		return bracketed(p, OUTSIDE, ')', "an operator or ')' is missing", ret) && qualifiers(p, false, ret);
	if (!scan_punct(&p->s, '['))
		return wrong(p, "'[' is missing");
	uint32_t inside;
	if (!bracketed(p, INSIDE, ']', "AND, OR or ']' is missing", &inside))
		return false;
	*ret = new_node(p, (struct pattern_node){ .kind = PATTERN_OBSERVATION, .first = inside });
	return qualifiers(p, true, ret);
}

static bool chain(struct parse *p, unsigned level, uint32_t *ret)
{
	uint32_t whole = PATTERN_NONE, last = PATTERN_NONE, one = PATTERN_NONE;
	if (!levels[level].word)
		return operand(p, level, ret);
	do {
		if (!chain(p, level + 1, &one))
			return false;
		if (whole == PATTERN_NONE && scan_is_word(&p->s, levels[level].word))
			whole = new_node(p, (struct pattern_node){ .kind = (uint8_t)levels[level].kind, .first = PATTERN_NONE });
		if (whole != PATTERN_NONE)
			adopt(p, whole, one, &last);
	} while (scan_word(&p->s, levels[level].word));
	*ret = whole == PATTERN_NONE ? one : whole;
	return true;
}

enum err pattern_parse(struct span text, struct pattern *ret, struct fault *f)
{
	struct parse p = { .out = ret };
	if (text.n > PATTERN_OCTETS_MAX)
		return fault_set(f, ERR_RANGE, "the pattern has more than %d octets", PATTERN_OCTETS_MAX);
	size_t valid = utf8_valid_prefix(text);
	if (valid < text.n)
		return fault_set(f, ERR_SYNTAX, "pattern column %zu: this is not UTF-8", valid + 1);
	*ret = (struct pattern){ .root = PATTERN_NONE };
	(void)buf_reserve(&ret->text, 2 * text.n + 64); /* so that it does not move: the copy, and what constants stand for */
	buf_putspan(&ret->text, text);
	p.s.text = buf_span(&ret->text);
	scan_next(&p.s);
	if (chain(&p, OUTSIDE, &ret->root) &&
	    (p.s.token == STIX_END || wrong(&p, "an operator or the end of the pattern is missing")))
		return OK;
	pattern_release(ret);
	return fault_set(f, p.err, "pattern column %zu: %s", p.at + 1, p.s.error);
}

void pattern_release(struct pattern *p)
{
	buf_release(&p->nodes);
	buf_release(&p->steps);
	buf_release(&p->values);
	buf_release(&p->text);
}
