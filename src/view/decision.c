/* The fold is a list in the order of proposals, found by index by halving it; a second list has the entries that put decisions in force, by
 * number, and a heap the ends of leases.  An entry that puts a decision in force once more (after a suspension) adds to both: what
 * they had of it before is recognised, since the decision names the last one. */
#include "view/decision.h"

#include <stdlib.h>

#include "base/utf8.h"

static const struct reason_row reasons[REASONS] = {
	[REASON_PHISHING] = { "phishing", CAT_PHISHING, 14 * 86400 },
	[REASON_MALWARE] = { "malware", CAT_MALWARE, 30 * 86400 },
	[REASON_C2] = { "c2", CAT_C2, 30 * 86400 },
	[REASON_DGA] = { "dga", CAT_DGA, 7 * 86400 },
	[REASON_BOTNET] = { "botnet", CAT_BOTNET, 14 * 86400 },
	[REASON_EXPLOITATION] = { "exploitation", CAT_EXPLOIT, 14 * 86400 },
};

const struct reason_row *reason_row(enum reason r)
{
	return &reasons[r < REASONS ? r : 0];
}

enum reason reason_find(struct span name)
{
	for (unsigned r = 0; r < REASONS; r++)
		if (span_ieq(name, span_str(reasons[r].name)))
			return (enum reason)r;
	enum category c = category_find(name);
	for (unsigned r = 0; r < REASONS; r++)
		if (c != CAT_COUNT && reasons[r].category == c)
			return (enum reason)r;
	return REASONS;
}

enum err reasons_parse(struct span text, uint32_t *ret_mask, struct fault *f)
{
	uint32_t mask = 0;
	if (span_is(text, "all"))
		return *ret_mask = REASONS_ALL, OK;
	do {
		struct span one = span_head(text, span_find(text, ','));
		text = span_from(text, one.n + 1);
		enum reason r = reason_find(span_trim(one));
		if (r == REASONS)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of the reasons phishing, malware, c2, dga, botnet and exploitation",
					 SPAN_ARG(span_head(one, 100)));
		mask |= 1U << r;
	} while (text.n);
	*ret_mask = mask;
	return OK;
}

const char *action_name(enum action a)
{
	static const char *const names[ACTIONS] = { "block", "challenge", "protect" };
	return names[a < ACTIONS ? a : 0];
}

const char *op_name(enum op o)
{
	static const char *const names[OPS] = { "propose", "approve", "refuse", "suspend", "unblock", "expire", "protect", "unprotect" };
	return names[o < OPS ? o : 0];
}

const char *decision_state_name(enum decision_state s)
{
	static const char *const names[DECISION_STATES] = { "proposed", "active", "suspended", "refused", "retracted", "expired" };
	return names[s < DECISION_STATES ? s : 0];
}

/* ---- the fold ---- */

struct enactment {
	uint64_t number;
	struct decision *of;
};

struct decision_set {
	struct decision **v;          /* by index */
	size_t n, room;
	struct enactment *enacted;    /* by number */
	size_t n_enacted, enacted_room;
	struct decision **heap;       /* by end of lease, the earliest first; what is over may be among them, but not first */
	size_t n_heap, heap_room;
};

/* Room for one more of what *v points to. */
static void *grow(void *v, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return v;
	*room = *room ? 2 * *room : 64;
	return mem_realloc(v, *room * size);
}

struct decision_set *decision_set_new(void)
{
	return mem_zalloc(sizeof(struct decision_set));
}

static void voice_release(struct voice *v)
{
	free((char *)v->party);
	free((char *)v->by);
	free((char *)v->why);
}

void decision_set_free(struct decision_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct decision *d = s->v[i];
		for (unsigned k = 0; k < d->n_voices; k++)
			voice_release(&d->voice[k]);
		free((char *)d->first);
		free((char *)d->evidence);
		free((char *)d->policy);
		free(d);
	}
	free(s->v);
	free(s->enacted);
	free(s->heap);
	free(s);
}

size_t decision_count(const struct decision_set *s)
{
	return s->n;
}

const struct decision *decision_at(const struct decision_set *s, size_t i)
{
	return s->v[i];
}

static struct decision *find(const struct decision_set *s, uint64_t index)
{
	size_t from = 0, to = s->n;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (s->v[mid]->index == index)
			return s->v[mid];
		if (s->v[mid]->index < index)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

const struct decision *decision_find(const struct decision_set *s, uint64_t index)
{
	return find(s, index);
}

static struct decision *find_enacted(const struct decision_set *s, uint64_t number)
{
	size_t from = 0, to = s->n_enacted;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (s->enacted[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from < s->n_enacted && s->enacted[from].number == number ? s->enacted[from].of : NULL;
}

const struct decision *decision_enacted(const struct decision_set *s, uint64_t number)
{
	return find_enacted(s, number);
}

/* ---- ends of leases ---- */

static void heap_push(struct decision_set *s, struct decision *d)
{
	s->heap = grow(s->heap, s->n_heap, &s->heap_room, sizeof(*s->heap));
	size_t i = s->n_heap++;
	for (; i && s->heap[(i - 1) / 2]->until_s > d->until_s; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = d;
}

static void heap_pop(struct decision_set *s)
{
	struct decision *last = s->heap[--s->n_heap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
		if (child + 1 < s->n_heap && s->heap[child + 1]->until_s < s->heap[child]->until_s)
			child++;
		if (s->heap[child]->until_s >= last->until_s)
			break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = last;
}

uint32_t decision_next_end(const struct decision_set *s)
{
	return s->n_heap ? s->heap[0]->until_s : 0;
}

static unsigned due_below(const struct decision_set *s, size_t i, uint32_t at_s, uint64_t *ret_index, unsigned n, unsigned room)
{
	if (i >= s->n_heap || s->heap[i]->until_s > at_s || n == room)
		return n;
	bool twice = i && s->heap[i] == s->heap[(i - 1) / 2]; /* put in force more than once */
	if (s->heap[i]->state == DECISION_ACTIVE && !twice)
		ret_index[n++] = s->heap[i]->index;
	n = due_below(s, 2 * i + 1, at_s, ret_index, n, room);
	return due_below(s, 2 * i + 2, at_s, ret_index, n, room);
}

static int by_index(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

unsigned decision_due(const struct decision_set *s, uint32_t at_s, uint64_t *ret_index, unsigned room)
{
	unsigned n = due_below(s, 0, at_s, ret_index, 0, room), kept = 0;
	qsort(ret_index, n, sizeof(*ret_index), by_index);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || ret_index[i] != ret_index[i - 1])
			ret_index[kept++] = ret_index[i];
	return kept;
}

/* ---- ops ---- */

static bool takes_one(const struct decision_op *op)
{
	return op->op == OP_APPROVE || op->op == OP_REFUSE || op->op == OP_SUSPEND || (op->op == OP_UNBLOCK && !op->n_values);
}

/* States that the op may find a decision in: a bit each. */
static unsigned states_for(enum op op)
{
	switch (op) {
	case OP_APPROVE:
		return 1 << DECISION_PROPOSED | 1 << DECISION_SUSPENDED;
	case OP_REFUSE:
		return 1 << DECISION_PROPOSED | 1 << DECISION_SUSPENDED;
	case OP_SUSPEND:
	case OP_EXPIRE:
		return 1 << DECISION_ACTIVE;
	default: /* unblock */
		return 1 << DECISION_ACTIVE | 1 << DECISION_SUSPENDED;
	}
}

/* The proposal counts, and of what others said all that came behind the last suspension. */
static bool counts(const struct decision *d, unsigned voice)
{
	for (unsigned i = voice; voice && i < d->n_voices; i++)
		if (d->voice[i].op == OP_SUSPEND)
			return false;
	return true;
}

static bool has_spoken(const struct decision *d, const char *party, const char *by)
{
	for (unsigned i = 0; i < d->n_voices; i++)
		if (counts(d, i) && strcmp(d->voice[i].party, party) == 0 && strcmp(d->voice[i].by, by) == 0)
			return true;
	return false;
}

unsigned decision_approvals(const struct decision *d)
{
	unsigned n = 0;
	for (unsigned i = 0; i < d->n_voices; i++)
		n += d->voice[i].op == OP_APPROVE && counts(d, i);
	return n;
}

unsigned decision_parties(const struct decision *d, const char *party)
{
	const char *said[DECISION_VOICES_MAX + 1];
	unsigned n = 0;
	for (unsigned i = 0; i <= d->n_voices; i++) {
		const char *p = i == d->n_voices ? party : counts(d, i) ? d->voice[i].party : NULL;
		unsigned k = 0;
		while (p && k < n && strcmp(said[k], p) != 0)
			k++;
		if (p && k == n)
			said[n++] = p;
	}
	return n;
}

/* What people read must not move their terminals, nor look like other lines. */
static enum err check_text(struct span text, const char *what, struct fault *f)
{
	uint32_t point;
	if (text.n > OP_TEXT_MAX)
		return fault_set(f, ERR_RANGE, "%s has more than %d octets", what, OP_TEXT_MAX);
	for (struct span rest = text; rest.n;) {
		size_t n = utf8_decode(rest, &point);
		if (n == 0 || point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029)
			return fault_set(f, ERR_SYNTAX, "%s has a control character in it, or is not UTF-8", what);
		rest = span_from(rest, n);
	}
	return OK;
}

static enum err check_texts(const struct decision_op *op, struct fault *f)
{
	enum err e = check_text(op->by, "the name of who says it", f);
	if (e || (e = check_text(op->why, "the reason given", f)) || (e = check_text(op->evidence, "the evidence", f)))
		return e;
	return check_text(op->policy, "the name of the policy", f);
}

enum err decision_check(const struct decision_set *s, const struct decision_op *op, const char *party, struct fault *f)
{
	enum err e = check_texts(op, f);
	if (e)
		return e;
	if (op->op == OP_PROPOSE && op->action == ACTION_PROTECT)
		return fault_set(f, ERR_SYNTAX, "what protects is not proposed");
	if (takes_one(op) && op->n_of != 1)
		return fault_set(f, ERR_SYNTAX, "\"%s\" is about one decision", op_name(op->op));
	if (op->op == OP_UNBLOCK && op->n_values > 1)
		return fault_set(f, ERR_SYNTAX, "\"unblock\" is about one value");
	for (unsigned i = 0; i < op->n_of; i++) {
		const struct decision *d = find(s, op->of[i]);
		if (!d)
			return fault_set(f, ERR_NOTFOUND, "there is no decision %llu", (unsigned long long)op->of[i]);
		if (!(states_for(op->op) >> d->state & 1))
			return fault_set(f, ERR_FORBIDDEN, "decision %llu is %s: it cannot be %s", (unsigned long long)d->index,
					 decision_state_name(d->state), op->op == OP_APPROVE ? "approved" : op->op == OP_REFUSE ? "refused" :
					 op->op == OP_SUSPEND ? "suspended" : op->op == OP_EXPIRE ? "ended" : "unblocked");
		char by[OP_TEXT_MAX + 1];
		size_t n = op->by.n < OP_TEXT_MAX ? op->by.n : OP_TEXT_MAX;
		if (n)
			memcpy(by, op->by.p, n);
		by[n] = 0;
		if (op->op == OP_APPROVE && has_spoken(d, party, by))
			return fault_set(f, ERR_FORBIDDEN, "\"%s%s%s\" has proposed or approved decision %llu already: somebody else must",
					 party, by[0] ? "/" : "", by, (unsigned long long)d->index);
	}
	return OK;
}

static char *text_of(struct span s)
{
	return mem_strndup(s.n ? s.p : (const uint8_t *)"", s.n);
}

static void speak(struct decision *d, const struct decision_op *op, const struct decision_entry *e)
{
	if (d->n_voices == DECISION_VOICES_MAX)
		voice_release(&d->voice[--d->n_voices]);
	d->voice[d->n_voices++] = (struct voice){ .party = mem_strdup(e->party), .by = text_of(op->by), .why = text_of(op->why),
						  .time_ms = e->time_ms, .op = (uint8_t)op->op, .index = e->index };
}

static void put_in_force(struct decision_set *s, struct decision *d, const struct decision_entry *e)
{
	d->state = DECISION_ACTIVE;
	d->enacted = e->number;
	d->since_ms = e->time_ms;
	d->over_ms = 0;
	d->n_out = 0;
	s->enacted = grow(s->enacted, s->n_enacted, &s->enacted_room, sizeof(*s->enacted));
	s->enacted[s->n_enacted++] = (struct enactment){ e->number, d };
	if (d->until_s)
		heap_push(s, d);
}

static void propose(struct decision_set *s, const struct decision_op *op, const struct decision_entry *e)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span values = op->values;
	struct buf first = { 0 };
	struct decision *d = mem_zalloc(sizeof(*d));
	if (decision_value(&values, store, &o))
		obs_format(&o, &first);
	*d = (struct decision){ .index = e->index, .number = e->number, .action = op->action, .reason = op->reason,
				.until_s = op->until_s, .n_values = op->n_values, .first = text_of(buf_span(&first)),
				.evidence = text_of(op->evidence), .policy = text_of(op->policy) };
	buf_release(&first);
	speak(d, op, e);
	s->v = grow(s->v, s->n, &s->room, sizeof(*s->v));
	s->v[s->n++] = d;
	if (op->enacts)
		put_in_force(s, d, e);
}

static void change(struct decision_set *s, struct decision *d, const struct decision_op *op, const struct decision_entry *e)
{
	static const uint8_t becomes[OPS] = { [OP_REFUSE] = DECISION_REFUSED, [OP_SUSPEND] = DECISION_SUSPENDED,
					      [OP_UNBLOCK] = DECISION_RETRACTED, [OP_EXPIRE] = DECISION_EXPIRED };
	if (op->op != OP_EXPIRE)
		speak(d, op, e);
	if (op->op == OP_APPROVE) {
		if (op->enacts)
			put_in_force(s, d, e);
		return;
	}
	if (op->op == OP_UNBLOCK && op->n_values && ++d->n_out < d->n_values)
		return; /* others are still in force */
	d->state = becomes[op->op];
	d->over_ms = e->time_ms;
}

/* What is over is not first in the heap. */
static void settle(struct decision_set *s)
{
	while (s->n_heap && s->heap[0]->state != DECISION_ACTIVE)
		heap_pop(s);
}

enum err decision_apply(struct decision_set *s, const struct decision_op *op, const struct decision_entry *e, struct fault *f)
{
	enum err err = decision_check(s, op, e->party, f);
	if (err)
		return err;
	if (op->op == OP_PROPOSE)
		propose(s, op, e);
	for (unsigned i = 0; i < op->n_of; i++)
		change(s, find(s, op->of[i]), op, e);
	settle(s);
	return OK;
}

void decision_hit(struct decision_set *s, uint64_t index, uint32_t from_s, uint32_t seconds, uint64_t n)
{
	struct decision *d = find(s, index);
	if (!d)
		return;
	d->hits += n;
	d->hits_periods++;
	if (n > d->hits_peak)
		d->hits_peak = n;
	if (from_s + seconds > d->hit_last_s)
		d->hit_last_s = from_s + seconds;
}
