/* Operands and operators, with a stack of open brackets instead of recursion.
 *
 * A frame is what is open: the pattern itself, an observation "[", or a "(" of either level.  In a frame, operands
 * joined by AND are a chain; OR ends it.  The atoms of an operand stand next to each other, whatever brackets it has,
 * so a chain is a run of atoms, each marked with the number of its operand.  When a chain of comparisons ends, atom A
 * is "part" when some atom B of another operand does not merely narrow it; two atoms of one operand are joined by OR
 * (or were looked at when an inner chain ended).  In a chain of observations everything is part, and so is everything
 * around a FOLLOWEDBY. */
#include "codec/stix_pattern.h"

#include "base/num.h"
#include "codec/stix_path.h"
#include "codec/stix_scan.h"

struct frame {
	uint8_t kind; /* 0: the pattern; '(' outside of brackets; '['; 'p': a '(' inside */
	bool followed;
	uint8_t qualifiers;
	uint16_t first, chain, operand,
		number; /* atoms: of the frame, of the chain, of the operand; operand's number */
};

struct parse {
	struct stix_scan s;
	struct stix_atom *atoms;
	unsigned n;
	struct frame stack[STIX_NESTING_MAX];
	unsigned depth;
	enum err err;
};

/* Answer false, with the reason: that of the token when it is none. */
static bool wrong(struct stix_scan *s, const char *sentence)
{
	if (!s->error)
		s->error = sentence;
	return false;
}

/* ---- one comparison ---- */

struct path {
	char text[96]; /* as stix_path_what() wants it; cut off: then it is none that we know */
	size_t n;
};

static void path_put(struct path *p, struct span s)
{
	for (size_t i = 0; i < s.n && p->n < sizeof(p->text); i++)
		p->text[p->n++] = (char)ascii_lower(s.p[i]);
}

static bool object_path(struct stix_scan *s, struct span *ret_path, enum stix_what *ret_what)
{
	struct path p = { .n = 0 };
	size_t from = s->start, to;
	if (s->token != STIX_WORD)
		return wrong(s, "an object path is missing");
	path_put(&p, s->value);
	scan_next(s);
	if (!scan_is_punct(s, ':'))
		return wrong(s, "':' is missing behind an object type");
	path_put(&p, SPAN_LIT(":"));
	do {
		scan_next(s);
		if (s->token != STIX_WORD && s->token != STIX_STRING)
			return wrong(s, "a name is missing in an object path");
		path_put(&p, s->value);
		to = s->pos;
		scan_next(s);
		while (scan_punct(s, '[')) {
			if (s->token != STIX_NUMBER && !scan_is_punct(s, '*'))
				return wrong(s, "an index is missing in an object path");
			scan_next(s);
			to = s->pos;
			if (!scan_punct(s, ']'))
				return wrong(s, "']' is missing behind an index");
		}
		if (scan_is_punct(s, '.'))
			path_put(&p, SPAN_LIT("."));
	} while (scan_is_punct(s, '.'));
	*ret_path = span_of(s->text.p + from, to - from);
	*ret_what = stix_path_what(span_of(p.text, p.n));
	return true;
}

static bool add_atom(struct parse *p, const struct stix_atom *a)
{
	if (p->n == STIX_ATOMS_MAX) {
		p->err = ERR_RANGE;
		return wrong(&p->s, "the pattern has more than 256 comparisons");
	}
	p->atoms[p->n++] = *a;
	return true;
}

static bool constant(struct parse *p, struct stix_atom *a)
{
	struct stix_scan *s = &p->s;
	if (s->token < STIX_STRING || s->token > STIX_BOOL)
		return wrong(s, "a constant is missing");
	a->constant = s->value;
	a->is_string = s->token == STIX_STRING;
	scan_next(s);
	return add_atom(p, a);
}

static bool set(struct parse *p, struct stix_atom *a)
{
	struct stix_scan *s = &p->s;
	if (!scan_punct(s, '('))
		return wrong(s, "'(' is missing behind IN");
	if (scan_punct(s, ')'))
		return add_atom(p, a); /* nothing is in it */
	do
		if (!constant(p, a))
			return false;
	while (scan_punct(s, ','));
	return scan_punct(s, ')') || wrong(s, "',' or ')' is missing in a set");
}

static bool comparison(struct parse *p)
{
	static const struct {
		const char *word;
		enum stix_op op;
	} words[] = { { "LIKE", STIX_LIKE },
		      { "MATCHES", STIX_MATCHES },
		      { "ISSUBSET", STIX_ISSUBSET },
		      { "ISSUPERSET", STIX_ISSUPERSET } };
	struct stix_scan *s = &p->s;
	struct stix_atom a = { .negated = false };
	enum stix_what what;
	bool not_first = scan_word(s, "NOT"), exists = scan_word(s, "EXISTS");
	if (not_first && !exists)
		return wrong(s, "NOT must stand behind the object path");
	if (!object_path(s, &a.path, &what))
		return false;
	a.what = (uint8_t)what;
	a.negated = not_first || (!exists && scan_word(s, "NOT"));
	if (exists) {
		a.op = STIX_EXISTS;
		return add_atom(p, &a);
	}
	if (scan_word(s, "IN"))
		return set(p, &a);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (scan_word(s, words[i].word)) {
			a.op = words[i].op;
			return s->token == STIX_STRING ? constant(p, &a) : wrong(s, "a string in quotes is missing");
		}
	if (s->token != STIX_SIGN)
		return wrong(s, "a comparison operator is missing");
	a.op = s->op;
	scan_next(s);
	return constant(p, &a);
}

/* ---- chains ---- */

static struct span object_type(const struct stix_atom *a)
{
	return span_head(a->path, span_find(a->path, ':'));
}

/* Does B, which must hold of the same object, only narrow what A names? */
static bool narrows(const struct stix_atom *b, const struct stix_atom *a)
{
	if (a->what >= STIX_MD5)
		return (b->what == STIX_FILE || b->what >= STIX_MD5) && span_eq(object_type(a), object_type(b));
	return (a->what == STIX_ADDRESS || a->what == STIX_HOST) && b->what == STIX_TRAFFIC;
}

static void mark(struct parse *p, unsigned from)
{
	for (unsigned i = from; i < p->n; i++)
		p->atoms[i].part = true;
}

static void operand_over(struct parse *p, struct frame *f)
{
	for (unsigned i = f->operand; i < p->n; i++)
		p->atoms[i].operand = f->number;
	f->operand = (uint16_t)p->n;
	f->number++;
	f->qualifiers = 0;
}

static void chain_over(struct parse *p, struct frame *f)
{
	operand_over(p, f);
	if (f->number > 1 && (f->kind == 0 || f->kind == '('))
		mark(p, f->chain);
	else if (f->number > 1)
		for (unsigned a = f->chain; a < p->n; a++)
			for (unsigned b = f->chain; b < p->n && !p->atoms[a].part; b++)
				p->atoms[a].part = p->atoms[a].operand != p->atoms[b].operand &&
						   !narrows(&p->atoms[b], &p->atoms[a]);
	f->chain = (uint16_t)p->n;
	f->number = 0;
}

static bool push(struct parse *p, uint8_t kind)
{
	if (p->depth == STIX_NESTING_MAX) {
		p->err = ERR_RANGE;
		return wrong(&p->s, "brackets are nested more than 64 deep");
	}
	uint16_t n = (uint16_t)p->n;
	p->stack[p->depth++] = (struct frame){ .kind = kind, .first = n, .chain = n, .operand = n };
	return true;
}

static void pop(struct parse *p)
{
	struct frame *f = &p->stack[--p->depth];
	chain_over(p, f);
	if (f->followed)
		mark(p, f->first);
}

/* ---- the pattern ---- */

/* WITHIN n SECONDS, REPEATS n TIMES, START t STOP t.  Each once behind an observation; behind ')' the reference
 * validator takes several. */
static bool qualifiers(struct parse *p, struct frame *f, bool once)
{
	struct stix_scan *s = &p->s;
	for (;;) {
		uint8_t bit = scan_is_word(s, "WITHIN")  ? 1 :
			      scan_is_word(s, "REPEATS") ? 2 :
			      scan_is_word(s, "START")   ? 4 :
							   0;
		if (bit == 0)
			return true;
		if (once && (f->qualifiers & bit))
			return wrong(s, "a qualifier is given twice");
		f->qualifiers |= bit;
		scan_next(s);
		if (bit == 4) {
			bool ok = s->token == STIX_TIME && (scan_next(s), scan_word(s, "STOP")) &&
				  s->token == STIX_TIME;
			if (!ok)
				return wrong(s, "START needs a timestamp, STOP and a timestamp");
			mark(p, f->operand);
		} else {
			uint64_t n = 0;
			bool whole = num_parse_u64(s->value, UINT64_MAX, &n) == OK;
			if (s->token != STIX_NUMBER || s->value.p[0] == '-' || (bit == 2 && !whole) ||
			    (whole && n == 0))
				return wrong(s, "a number above 0 is missing");
			if (bit == 2 && n > 1)
				mark(p, f->operand);
			scan_next(s);
			if (!scan_is_word(s, bit == 1 ? "SECONDS" : "TIMES"))
				return wrong(s, bit == 1 ? "SECONDS is missing" : "TIMES is missing");
		}
		scan_next(s);
	}
}

/* What stands before an operand: brackets, then a comparison when inside of them. */
static bool operand(struct parse *p)
{
	struct stix_scan *s = &p->s;
	for (;;) {
		bool inside = p->stack[p->depth - 1].kind == '[' || p->stack[p->depth - 1].kind == 'p';
		if (scan_punct(s, '(')) {
			if (!push(p, inside ? 'p' : '('))
				return false;
		} else if (inside) {
			return comparison(p);
		} else if (!scan_punct(s, '[')) {
			return wrong(s, "'[' is missing");
		} else if (!push(p, '[')) {
			return false;
		}
	}
}

/* What stands behind an operand: closing brackets with qualifiers, then an operator or the end.  @param ret_end  the
 * latter. */
static bool behind(struct parse *p, bool *ret_end)
{
	struct stix_scan *s = &p->s;
	for (;;) {
		struct frame *f = &p->stack[p->depth - 1];
		bool inside = f->kind == '[' || f->kind == 'p';
		*ret_end = f->kind == 0 && s->token == STIX_END;
		if (*ret_end)
			return true;
		if (f->kind && scan_punct(s, f->kind == '[' ? ']' : ')')) {
			uint8_t kind = f->kind;
			pop(p);
			if (kind != 'p' && !qualifiers(p, f - 1, kind == '['))
				return false;
		} else if (scan_word(s, "AND")) {
			operand_over(p, f);
			return true;
		} else if (scan_word(s, "OR")) {
			chain_over(p, f);
			return true;
		} else if (!inside && scan_word(s, "FOLLOWEDBY")) {
			chain_over(p, f);
			return f->followed = true;
		} else {
			return wrong(s, f->kind == '[' ? "AND, OR or ']' is missing" :
					f->kind        ? "an operator or ')' is missing" :
							 "an operator or the end of the pattern is missing");
		}
	}
}

enum err stix_pattern_parse(struct span pattern, struct stix_atom *atoms, unsigned *ret_n, struct fault *f)
{
	struct parse p;
	bool end = false;
	p.s = (struct stix_scan){ .text = pattern };
	p.atoms = atoms;
	p.n = p.depth = 0;
	p.err = ERR_SYNTAX;
	(void)push(&p, 0);
	scan_next(&p.s);
	while (!end)
		if (!operand(&p) || !behind(&p, &end))
			return fault_set(f, p.err, "pattern column %zu: %s", p.s.start + 1, p.s.error);
	pop(&p);
	*ret_n = p.n;
	return OK;
}

bool stix_atom_asserts(const struct stix_atom *a)
{
	if (a->what < STIX_ADDRESS || !a->is_string)
		return false;
	bool subset = a->op == STIX_ISSUBSET && (a->what == STIX_ADDRESS || a->what == STIX_HOST);
	return a->negated ? a->op == STIX_NE : a->op == STIX_EQ || subset;
}

struct span stix_atom_text(const struct stix_atom *a, struct buf *scratch)
{
	struct span s = a->constant;
	if (!memchr(s.n ? s.p : (const uint8_t *)"", '\\', s.n))
		return s;
	scratch->n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '\'' || s.p[i + 1] == '\\'))
			i++;
		buf_putc(scratch, s.p[i]);
	}
	return buf_span(scratch);
}
