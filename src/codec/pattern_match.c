/* First, which observations hold for each [ ].  Then a search with backtracking: goals are a list on the stack of calls, what
 * was bound an array.  A qualifier or FOLLOWEDBY is a scope, which each observation that is bound below it must pass, so that
 * a branch ends at the first one that cannot be.  Observations are in the order of their first time, and a REPEATS takes them in
 * that order: what comes behind the end of a window needs no look. */
#include "codec/pattern_match.h"

#include <stdlib.h>

#include "codec/json_walk.h"

enum { FRAMES_MAX = 8192 };
static const uint64_t WORK_MAX = 100000000;

struct candidates {
	struct buf list; /* uint32_t: observations */
	uint32_t head;   /* those before are taken */
};

struct match {
	const struct pattern *p;
	const struct observed *o;
	const struct pattern_regex *regex;
	struct candidates *of;  /* for each node; of OBSERVATION */
	bool *can;              /* for each node: nothing says that it cannot match */
	bool *taken;            /* for each observation: by this match or one before */
	struct buf text, octets;
	uint32_t bound[PATTERN_BOUND_MAX];
	uint32_t n, frames;
	uint64_t work;
	const char *gave_up;
};

static bool out_of_work(struct match *m)
{
	if (m->work == 0 && !m->gave_up)
		m->gave_up = "the search takes too long";
	m->work -= m->work > 0;
	return m->gave_up != NULL;
}

/* ---- comparisons ---- */

struct value {
	enum json_token kind;
	struct span text; /* of a string: between the quotes */
};

struct path {
	struct match *m;
	const struct pattern_node *test;
	const struct observation *in;
};

static bool walk(const struct path *at, struct value v, uint32_t step, struct span name);

static bool ends(struct span s, struct span with)
{
	return s.n >= with.n && span_eq(span_from(s, s.n - with.n), with);
}

static bool end_of_path(const struct path *at, struct value v, struct span name)
{
	struct match *m = at->m;
	struct pattern_subject s = { .kind = v.kind, .text = v.text, .name = name };
	if (at->test->op == STIX_EXISTS)
		return true;
	if (v.kind == JSON_STRING && span_find(v.text, '\\') < v.text.n) {
		m->text.n = 0;
		if (json_unescape(v.text, &m->text) == OK)
			s.text = buf_span(&m->text);
	}
	return pattern_holds(m->p, at->test, &s, m->regex, &m->octets);
}

struct each {
	const struct path *at;
	uint32_t step;
	const struct pattern_step *wanted; /* NAME or EACH */
	struct span name;
	bool found;
};

static bool each_member(void *ctx, struct span key, const struct json_member *m)
{
	struct each *e = ctx;
	if (e->wanted->kind == PATTERN_NAME && !span_eq(key, e->wanted->name))
		return true;
	e->found = walk(e->at, (struct value){ m->kind, m->value }, e->step + 1, e->wanted->kind == PATTERN_NAME ? key : e->name);
	return !e->found && !e->at->m->gave_up;
}

static bool each_element(const struct path *at, struct span json, uint32_t step, struct span name)
{
	const struct pattern_step *wanted = pattern_step(at->m->p, at->test->step + step);
	struct json_reader r;
	enum json_token t;
	json_init(&r, json, true);
	t = json_next(&r);
	for (uint32_t i = 0; (t = json_skip(&r)) > JSON_ERROR && t != JSON_ARRAY_END && !at->m->gave_up; i++) {
		struct span text = t == JSON_STRING ? span_of(r.slice.p + 1, r.slice.n - 2) : r.slice;
		if ((wanted->kind == PATTERN_EACH || i == wanted->index) && walk(at, (struct value){ t, text }, step + 1, name))
			return true;
	}
	return false;
}

/* @param name  the last one that was followed: it says whether a string refers to an object */
static bool walk(const struct path *at, struct value v, uint32_t step, struct span name)
{
	struct match *m = at->m;
	if (out_of_work(m))
		return false;
	if (step == at->test->n_steps)
		return end_of_path(at, v, name);
	const struct pattern_step *s = pattern_step(m->p, at->test->step + step);
	if (v.kind == JSON_ARRAY)
		return s->kind != PATTERN_NAME && each_element(at, v.text, step, name);
	if (v.kind == JSON_STRING && s->kind == PATTERN_NAME && (ends(name, SPAN_LIT("_ref")) || ends(name, SPAN_LIT("_refs")))) {
		const struct observed_object *object = observed_find(m->o, at->in, v.text);
		if (!object)
			return false;
		v = (struct value){ JSON_OBJECT, object->json };
	}
	if (v.kind != JSON_OBJECT || s->kind == PATTERN_INDEX)
		return false;
	struct each e = { .at = at, .step = step, .wanted = s, .name = name };
	(void)json_peek_each(v.text, each_member, &e);
	return e.found;
}

static bool object_holds(struct match *m, const struct observation *in, const struct observed_object *object, const struct pattern_node *n)
{
	if (n->kind == PATTERN_TEST) {
		struct path at = { m, n, in };
		if (!span_eq(n->text, object->type))
			return false;
		bool found = walk(&at, (struct value){ JSON_OBJECT, object->json }, 0, SPAN_LIT(""));
		return n->op == STIX_EXISTS ? found != n->negated : found;
	}
	for (uint32_t i = n->first; i != PATTERN_NONE; i = pattern_node(m->p, i)->next)
		if (object_holds(m, in, object, pattern_node(m->p, i)) == (n->kind == PATTERN_EITHER))
			return n->kind == PATTERN_EITHER;
	return n->kind == PATTERN_BOTH;
}

static bool observation_holds(struct match *m, const struct observation *x, const struct pattern_node *inside)
{
	for (uint32_t i = 0; i < x->n_objects; i++)
		if (object_holds(m, x, observed_member(m->o, x->object + i), inside))
			return true;
	return false;
}

static void find_candidates(struct match *m)
{
	for (uint32_t i = 0; i < pattern_nodes(m->p); i++) {
		const struct pattern_node *n = pattern_node(m->p, i);
		if (n->kind != PATTERN_OBSERVATION)
			continue;
		for (uint32_t k = 0; k < observed_count(m->o) && !m->gave_up; k++)
			if (observation_holds(m, observed_at(m->o, k), pattern_node(m->p, n->first)))
				buf_put(&m->of[i].list, &k, sizeof(k));
	}
}

static uint32_t count(const struct candidates *c)
{
	return (uint32_t)(c->list.n / sizeof(uint32_t));
}

static uint32_t candidate(const struct candidates *c, uint32_t i)
{
	return ((const uint32_t *)(const void *)c->list.p)[i];
}

static bool can(struct match *m, uint32_t i)
{
	const struct pattern_node *n = pattern_node(m->p, i);
	struct candidates *c = &m->of[i];
	if (n->kind == PATTERN_OBSERVATION) {
		while (c->head < count(c) && m->taken[candidate(c, c->head)])
			c->head++;
		return m->can[i] = c->head < count(c);
	}
	bool all = true, any = false;
	for (uint32_t k = n->first; k != PATTERN_NONE; k = pattern_node(m->p, k)->next) {
		bool one = can(m, k);
		all &= one;
		any |= one;
		if (n->kind >= PATTERN_WITHIN)
			break;
	}
	return m->can[i] = n->kind == PATTERN_ANY ? any : all;
}

/* ---- the search ---- */

enum scope_kind { IN_WINDOW, IN_TIME, AFTER, IN_ORDER };
struct scope {
	const struct scope *up;
	enum scope_kind kind;
	uint32_t from;          /* what is bound from here on is below it */
	pattern_time start, stop; /* IN_TIME; AFTER: start; IN_WINDOW: stop is its length */
	uint32_t least;         /* IN_ORDER: the first one bound is this or later */
};

enum goal_kind { MATCH, MATCH_REST, FOLLOW, REPEAT };
struct goal {
	const struct goal *next;
	enum goal_kind kind;
	uint32_t node;
	const struct scope *scope;
	uint32_t from;  /* FOLLOW: where the whole begins; REPEAT: the last repetition */
	bool again;     /* REPEAT: there is a last repetition */
	uint64_t times; /* REPEAT: still to come, with the last one */
};

static bool solve(struct match *m, const struct goal *g);

enum fit { FITS, FITS_NOT, TOO_LATE };

static enum fit fits(const struct match *m, const struct scope *s, const struct observation *x)
{
	pattern_time first = x->first, last = x->last;
	for (; s; s = s->up) {
		switch (s->kind) {
		case IN_TIME:
			if (x->first >= s->stop)
				return TOO_LATE;
			if (x->last < s->start)
				return FITS_NOT;
			break;
		case AFTER:
			if (x->last < s->start)
				return FITS_NOT;
			break;
		case IN_WINDOW:
			first = x->first, last = x->last;
			for (uint32_t i = s->from; i < m->n; i++) {
				const struct observation *y = observed_at(m->o, m->bound[i]);
				first = y->first > first ? y->first : first;
				last = y->last < last ? y->last : last;
			}
			if (first - last > s->stop) /* when it is x that is late, all behind it are, too */
				return first == x->first && last != x->last ? TOO_LATE : FITS_NOT;
			break;
		default:
			break;
		}
	}
	return FITS;
}

static uint32_t begin_of(const struct match *m, const struct candidates *c, const struct scope *s)
{
	uint32_t least = 0, low = c->head, high = count(c);
	for (; s; s = s->up)
		if (s->kind == IN_ORDER && s->from == m->n && s->least > least)
			least = s->least;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (candidate(c, middle) < least)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool bind(struct match *m, const struct goal *g)
{
	const struct candidates *c = &m->of[g->node];
	for (uint32_t i = begin_of(m, c, g->scope); i < count(c); i++) {
		uint32_t k = candidate(c, i);
		if (out_of_work(m))
			return false;
		if (m->taken[k])
			continue;
		enum fit fit = fits(m, g->scope, observed_at(m->o, k));
		if (fit == TOO_LATE)
			return false;
		if (fit == FITS_NOT)
			continue;
		if (m->n == PATTERN_BOUND_MAX) {
			m->gave_up = "a match would have more than 1024 observations";
			return false;
		}
		m->bound[m->n++] = k;
		m->taken[k] = true;
		if (solve(m, g->next))
			return true;
		m->n--;
		m->taken[k] = false;
	}
	return false;
}

static bool solve_rest(struct match *m, const struct goal *g)
{
	if (g->node == PATTERN_NONE)
		return solve(m, g->next);
	struct goal rest = *g, one = { &rest, MATCH, g->node, g->scope };
	rest.node = pattern_node(m->p, g->node)->next;
	return solve(m, &one);
}

static bool solve_follow(struct match *m, const struct goal *g)
{
	if (g->node == PATTERN_NONE)
		return solve(m, g->next);
	struct scope after = { .up = g->scope, .kind = AFTER, .from = m->n };
	struct goal rest = *g, one = { &rest, MATCH, g->node, g->scope };
	if (g->from < m->n) {
		after.start = observed_at(m->o, m->bound[g->from])->first;
		for (uint32_t i = g->from; i < m->n; i++) {
			pattern_time first = observed_at(m->o, m->bound[i])->first;
			after.start = first > after.start ? first : after.start;
		}
		one.scope = &after;
	}
	rest.node = pattern_node(m->p, g->node)->next;
	return solve(m, &one);
}

static bool solve_repeat(struct match *m, const struct goal *g)
{
	struct scope order = { .up = g->scope, .kind = IN_ORDER, .from = m->n };
	struct goal rest = *g, one = { &rest, MATCH, g->node, &order };
	if (g->again) {
		uint64_t seen = pattern_node(m->p, g->node)->kind == PATTERN_OBSERVATION ? observed_at(m->o, m->bound[g->from])->number : 1;
		if (seen >= g->times)
			return solve(m, g->next);
		rest.times -= seen;
		order.least = m->bound[g->from] + 1;
	}
	rest.again = true;
	rest.from = m->n;
	return solve(m, &one);
}

static bool solve_node(struct match *m, const struct goal *g)
{
	const struct pattern_node *n = pattern_node(m->p, g->node);
	struct scope s = { .up = g->scope, .from = m->n };
	struct goal inner = { g->next, MATCH, n->first, g->scope, m->n };
	if (!m->can[g->node])
		return false;
	switch (n->kind) {
	case PATTERN_OBSERVATION:
		return bind(m, g);
	case PATTERN_ANY:
		for (; inner.node != PATTERN_NONE; inner.node = pattern_node(m->p, inner.node)->next)
			if (solve(m, &inner))
				return true;
		return false;
	case PATTERN_ALL:
		inner.kind = MATCH_REST;
		break;
	case PATTERN_FOLLOWED:
		inner.kind = FOLLOW;
		break;
	case PATTERN_REPEATS:
		inner.kind = REPEAT;
		inner.times = n->times;
		break;
	case PATTERN_WITHIN:
		s.kind = IN_WINDOW;
		s.stop = n->within;
		inner.scope = &s;
		break;
	default:
		s.kind = IN_TIME;
		s.start = pattern_value(m->p, n->value)->time;
		s.stop = pattern_value(m->p, n->value + 1)->time;
		inner.scope = &s;
	}
	return solve(m, &inner);
}

static bool solve(struct match *m, const struct goal *g)
{
	static bool (*const solvers[])(struct match *, const struct goal *) = {
		[MATCH] = solve_node, [MATCH_REST] = solve_rest, [FOLLOW] = solve_follow, [REPEAT] = solve_repeat,
	};
	if (!g)
		return true;
	if (out_of_work(m))
		return false;
	if (m->frames == FRAMES_MAX) {
		m->gave_up = "the pattern is too deep for these observations";
		return false;
	}
	m->frames++;
	bool yes = solvers[g->kind](m, g);
	m->frames--;
	return yes;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

enum err pattern_match(const struct pattern *p, const struct observed *o, const struct pattern_regex *regex, pattern_matched *visit, void *ctx,
		       struct fault *f)
{
	struct match *m = mem_zalloc(sizeof(*m));
	struct goal whole = { .kind = MATCH, .node = p->root };
	uint32_t nodes = pattern_nodes(p);
	m->p = p;
	m->o = o;
	m->regex = regex;
	m->of = mem_zalloc(nodes * sizeof(*m->of));
	m->can = mem_zalloc(nodes);
	m->taken = mem_zalloc(observed_count(o) + 1);
	m->work = WORK_MAX;
	find_candidates(m);
	while (can(m, p->root) && solve(m, &whole)) {
		qsort(m->bound, m->n, sizeof(*m->bound), by_number);
		if (!visit(ctx, m->bound, m->n))
			break;
		m->n = 0;
	}
	enum err e = m->gave_up ? fault_set(f, ERR_FULL, "the search was given up: %s", m->gave_up) : OK;
	for (uint32_t i = 0; i < nodes; i++)
		buf_release(&m->of[i].list);
	buf_release(&m->text);
	buf_release(&m->octets);
	free(m->of);
	free(m->can);
	free(m->taken);
	free(m);
	return e;
}
