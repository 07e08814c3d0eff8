#include "base/base64.h"
#include "base/num.h"
#include "codec/pattern.h"

static void quoted(struct span s, struct buf *out)
{
	buf_putc(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'' || s.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '\'');
}

static void constant(const struct pattern_value *v, struct buf *out)
{
	switch (v->kind) {
	case STIX_STRING:
		quoted(v->text, out);
		break;
	case STIX_TIME:
		buf_puts(out, "t'");
		buf_putspan(out, v->text);
		buf_putc(out, '\'');
		break;
	case STIX_HEX:
		buf_puts(out, "h'");
		hex_encode(v->text.p, v->text.n, (char *)buf_reserve(out, 2 * v->text.n));
		out->n += 2 * v->text.n;
		buf_putc(out, '\'');
		break;
	case STIX_BASE64:
		buf_puts(out, "b'");
		base64_put(out, v->text);
		buf_putc(out, '\'');
		break;
	default:
		buf_putspan(out, v->text);
	}
}

static bool plain(struct span s)
{
	if (!s.n || ascii_digit(s.p[0]) || span_is(s, "true") || span_is(s, "false"))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) && s.p[i] != '_' && !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z'))
			return false;
	return true;
}

static void path(const struct pattern *p, const struct pattern_node *test, struct buf *out)
{
	buf_putspan(out, test->text);
	for (uint32_t i = 0; i < test->n_steps; i++) {
		const struct pattern_step *s = pattern_step(p, test->step + i);
		if (s->kind == PATTERN_EACH) {
			buf_puts(out, "[*]");
		} else if (s->kind == PATTERN_INDEX) {
			buf_printf(out, "[%u]", s->index);
		} else {
			buf_putc(out, i ? '.' : ':');
			if (plain(s->name))
				buf_putspan(out, s->name);
			else
				quoted(s->name, out);
		}
	}
}

static void test(const struct pattern *p, const struct pattern_node *n, struct buf *out)
{
	static const char *const ops[] = {
		[STIX_EQ] = "=",        [STIX_NE] = "!=",           [STIX_LT] = "<",
		[STIX_LE] = "<=",       [STIX_GT] = ">",            [STIX_GE] = ">=",
		[STIX_LIKE] = "LIKE",   [STIX_MATCHES] = "MATCHES", [STIX_ISSUBSET] = "ISSUBSET",
		[STIX_EXISTS] = "EXISTS", [STIX_ISSUPERSET] = "ISSUPERSET", [PATTERN_IN] = "IN",
	};
	if (n->op == STIX_EXISTS)
		buf_puts(out, n->negated ? "NOT EXISTS " : "EXISTS ");
	path(p, n, out);
	if (n->op == STIX_EXISTS)
		return;
	buf_printf(out, "%s %s ", n->negated ? " NOT" : "", ops[n->op]);
	if (n->op == PATTERN_IN)
		buf_putc(out, '(');
	for (uint32_t i = 0; i < n->n_values; i++) {
		if (i)
			buf_puts(out, ", ");
		constant(pattern_value(p, n->value + i), out);
	}
	if (n->op == PATTERN_IN)
		buf_putc(out, ')');
}

/* How tightly an expression holds together: an operand that does so less than what is around it needs brackets. */
static unsigned tightness(uint8_t kind)
{
	switch (kind) {
	case PATTERN_FOLLOWED:
		return 0;
	case PATTERN_ANY:
	case PATTERN_EITHER:
		return 1;
	case PATTERN_ALL:
	case PATTERN_BOTH:
		return 2;
	default:
		return 3;
	}
}

/* A qualifier binds what stands right before it, but for one of its own kind behind an observation, which the grammar
 * forbids without brackets. */
static bool brackets(const struct pattern *p, const struct pattern_node *around, const struct pattern_node *n)
{
	if (around->kind < PATTERN_WITHIN)
		return tightness(n->kind) <= tightness(around->kind) && tightness(n->kind) < 3;
	if (n->kind < PATTERN_WITHIN)
		return n->kind != PATTERN_OBSERVATION;
	for (const struct pattern_node *q = n; q->kind >= PATTERN_WITHIN; q = pattern_node(p, q->first))
		if (q->kind == around->kind)
			return true;
	return false;
}

static void expression(const struct pattern *p, const struct pattern_node *n, struct buf *out);

static void operand(const struct pattern *p, const struct pattern_node *around, const struct pattern_node *n, struct buf *out)
{
	bool needed = brackets(p, around, n);
	if (needed)
		buf_putc(out, '(');
	expression(p, n, out);
	if (needed)
		buf_putc(out, ')');
}

static void expression(const struct pattern *p, const struct pattern_node *n, struct buf *out)
{
	static const char *const words[] = {
		[PATTERN_BOTH] = " AND ", [PATTERN_EITHER] = " OR ", [PATTERN_ALL] = " AND ", [PATTERN_ANY] = " OR ", [PATTERN_FOLLOWED] = " FOLLOWEDBY ",
	};
	if (n->kind == PATTERN_TEST) {
		test(p, n, out);
		return;
	}
	if (n->kind == PATTERN_OBSERVATION) {
		buf_putc(out, '[');
		expression(p, pattern_node(p, n->first), out);
		buf_putc(out, ']');
		return;
	}
	for (uint32_t i = n->first; i != PATTERN_NONE; i = pattern_node(p, i)->next) {
		if (i != n->first)
			buf_puts(out, words[n->kind]);
		operand(p, n, pattern_node(p, i), out);
		if (n->kind >= PATTERN_WITHIN)
			break;
	}
	if (n->kind == PATTERN_WITHIN) {
		buf_puts(out, " WITHIN ");
		buf_putspan(out, n->text);
		buf_puts(out, " SECONDS");
	} else if (n->kind == PATTERN_REPEATS) {
		buf_puts(out, " REPEATS ");
		buf_putu(out, n->times);
		buf_puts(out, " TIMES");
	} else if (n->kind == PATTERN_BETWEEN) {
		buf_puts(out, " START ");
		constant(pattern_value(p, n->value), out);
		buf_puts(out, " STOP ");
		constant(pattern_value(p, n->value + 1), out);
	}
}

void pattern_print(const struct pattern *p, struct buf *out)
{
	expression(p, pattern_node(p, p->root), out);
}
