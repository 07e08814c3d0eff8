/* From an entry of the lane to the decisions, to what is in force, and to the journal. */
#include "gate/docket_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "table/batch.h"

enum { BATCH_OCTETS = 64 << 20 };

/* The body of an entry, which may go on in the ones behind it. */
enum err docket_body(struct docket *d, const struct entry *e, struct buf *out, struct fault *f)
{
	uint8_t flags = e->flags;
	enum err err = ledger_body(d->ledger, CLEARANCE_ALL, e->number, out, f);
	for (uint64_t index = e->index + 1; err == OK && flags & ENTRY_MORE; index++) {
		struct entry more;
		uint64_t number;
		if ((err = ledger_find(d->ledger, CLEARANCE_ALL, e->lane, index, &number)) != OK ||
		    (err = ledger_entry(d->ledger, CLEARANCE_ALL, number, &more)) != OK)
			return fault_set(f, err, "entry %llu of a lane of decisions cannot be read", (unsigned long long)index);
		flags = more.flags;
		err = ledger_body(d->ledger, CLEARANCE_ALL, number, out, f);
		entry_release(&more);
	}
	return err;
}

enum err docket_entry(struct docket *d, const struct foreign *x, uint64_t index, struct entry *ret_entry, struct fault *f)
{
	const struct lane *lane = x ? &x->lane : &d->lane;
	uint64_t number;
	enum err e = ledger_find(d->ledger, CLEARANCE_ALL, lane->number, index, &number);
	if (e == OK)
		e = ledger_entry(d->ledger, CLEARANCE_ALL, number, ret_entry);
	return e ? fault_set(f, e, "entry %s/%llu cannot be read", lane->name, (unsigned long long)index) : OK;
}

enum err docket_read_in(struct docket *d, const struct foreign *x, uint64_t index, struct buf *body, struct buf *store, struct decision_op *ret_op,
			struct fault *f)
{
	struct entry e;
	enum err err = docket_entry(d, x, index, &e, f);
	if (err)
		return err;
	body->n = 0;
	if ((err = docket_body(d, &e, body, f)) == OK)
		err = decision_op_read(buf_span(body), store, ret_op, f);
	entry_release(&e);
	return err;
}

enum err docket_read(struct docket *d, uint64_t index, struct buf *body, struct buf *store, struct decision_op *ret_op, struct fault *f)
{
	return docket_read_in(d, NULL, index, body, store, ret_op, f);
}

/* ---- folding one entry ---- */

/* The values that one entry is about, key by key: what was in force on each, and what the entry says of it. */
struct step {
	struct docket *d;
	const struct foreign *x;         /* NULL: it is our own */
	const struct decision_set *ahead;
	const struct decision_op *op;    /* that is folded */
	struct decision_entry at;
	struct batch *batch;
	uint32_t before_s;               /* tick before the entry */
	struct table_key key;            /* of now */
	struct buf keys;                 /* those that may have changed: key header, octets, force before */
	const struct decision *of;       /* NULL, or the one decision that ends */
	enum err err;
	struct fault fault;
};

static void say(struct step *s, const struct claim *c)
{
	if (s->err == OK)
		s->err = batch_add(s->batch, &s->key, c, &s->fault);
}

static struct claim claim_of(const struct foreign *x, const struct decision_op *op, const struct observable *o, const struct decision_entry *at)
{
	return (struct claim){
		.entry = (uint32_t)at->number, .seen = (uint32_t)(at->time_ms / 1000), .until = x ? 0 : op->until_s, .lane = x ? x->lane.number : 0, .category = op->reason,
		.stance = op->op == OP_PROTECT ? ACTION_PROTECT : op->action,
		.flags = o->wildcard ? CLAIM_WILDCARD : op->exact && o->kind == OBS_DOMAIN ? CLAIM_EXACT : 0,
	};
}

/* Say the claim again, with a lease that is over. */
static void take_back(void *ctx, const struct claim *c)
{
	struct step *s = ctx;
	struct claim over = *c;
	bool protects = c->stance == ACTION_PROTECT;
	if (c->lane != (s->x ? s->x->lane.number : 0) || protects != (s->op->op == OP_UNPROTECT) || (s->of && c->entry != (uint32_t)s->of->enacted))
		return;
	over.entry = (uint32_t)s->at.number;
	over.seen = (uint32_t)(s->at.time_ms / 1000);
	over.until = FORCE_ENDED;
	say(s, &over);
}

static void note_key(struct step *s, const struct table_view *v)
{
	struct force_pair p = force_on(v, &s->key, s->before_s);
	buf_put(&s->keys, &s->key, sizeof(s->key));
	buf_put(&s->keys, &p, sizeof(p));
	buf_put(&s->keys, s->key.p, s->key.n);
}

/* @param proposal  whose values they are: what is put in force; NULL: what there is on them is taken back. */
static void fold_values(struct step *s, struct span values, const struct decision_op *proposal)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	while (s->err == OK && decision_value(&values, store, &o)) {
		s->key = (struct table_key){ .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
		const struct table_view *v = table_enter(s->d->table);
		note_key(s, v);
		if (!proposal && (s->x || s->op->op != OP_EXPIRE))
			force_each(v, &s->key, s->before_s, take_back, s);
		table_leave(s->d->table);
		if (proposal && !(s->x && docket_guarded_from(s->d, &o, proposal->action, NULL))) {
			struct claim c = claim_of(s->x, proposal, &o, &s->at);
			say(s, &c);
		}
	}
}

/* Of what a peer has decided, only what is not over already is put in force: who mirrors a lane from its start must not block for a moment what was
 * taken back long ago. */
static bool will_stand(const struct step *s, uint64_t index, const struct decision_op *proposal)
{
	const struct decision *then = s->ahead ? decision_find(s->ahead, index) : NULL;
	return !s->x || (proposal->until_s > (uint32_t)(clock_ms() / 1000) && (!then || then->state == DECISION_ACTIVE));
}

/* The values of decisions that were proposed before. */
static void fold_decisions(struct step *s)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op proposal;
	for (unsigned i = 0; i < s->op->n_of && s->err == OK; i++) {
		s->err = docket_read_in(s->d, s->x, s->op->of[i], &body, &store, &proposal, &s->fault);
		if (s->err)
			break;
		s->of = decision_find(s->x ? s->x->set : s->d->set, s->op->of[i]);
		if (s->op->op != OP_APPROVE || will_stand(s, s->op->of[i], &proposal))
			fold_values(s, proposal.values, s->op->op == OP_APPROVE ? &proposal : NULL);
	}
	buf_release(&body);
	buf_release(&store);
}

static bool touches_force(const struct decision_op *op)
{
	return op->op == OP_PROPOSE || op->op == OP_APPROVE ? op->enacts : op->op != OP_REFUSE;
}

/* What the entry did to each of its keys. */
static void note_turns(struct step *s)
{
	struct span rest = buf_span(&s->keys);
	const struct table_view *v = table_enter(s->d->table);
	uint32_t tick_s = atomic_load(&s->d->tick_s);
	while (rest.n) {
		struct table_key key;
		struct force_pair before;
		memcpy(&key, rest.p, sizeof(key));
		memcpy(&before, rest.p + sizeof(key), sizeof(before));
		key.p = rest.p + sizeof(key) + sizeof(before);
		rest = span_from(rest, sizeof(key) + sizeof(before) + key.n);
		journal_add(s->d->journal, &key, before, force_on(v, &key, tick_s));
	}
	table_leave(s->d->table);
}

enum err docket_fold_force(struct docket *d, const struct foreign *x, const struct decision_set *ahead, const struct decision_op *op,
			   const struct decision_entry *at, struct fault *f)
{
	struct image *image = NULL;
	struct step s = { .d = d, .x = x, .ahead = ahead, .op = op, .at = *at, .before_s = atomic_load(&d->tick_s) };
	uint64_t dup;
	s.batch = batch_new(table_seed(d->table), table_dir(d->table), BATCH_OCTETS);
	if (!op->n_values)
		fold_decisions(&s);
	else if (op->op != OP_PROPOSE || will_stand(&s, at->index, op))
		fold_values(&s, op->values, op->op == OP_PROPOSE || op->op == OP_PROTECT ? op : NULL);
	uint32_t tick_s = !x && op->op == OP_EXPIRE && op->at_s > s.before_s ? op->at_s : s.before_s;
	if (s.err == OK && batch_count(s.batch) && (s.err = batch_stamp(s.batch, (uint32_t)at->number, 0, &s.fault)) == OK &&
	    (s.err = batch_finish(s.batch, NULL, &image, &dup, &s.fault)) == OK)
		s.err = table_push(d->table, image, NULL, NULL, force_keep, &s.before_s, &s.fault);
	if (s.err == OK) {
		atomic_store(&d->tick_s, tick_s);
		note_turns(&s);
		if (journal_end(d->journal, at->time_ms))
			atomic_store(&d->serial, journal_serial(d->journal));
	} else if (f) {
		*f = s.fault;
	}
	batch_free(s.batch);
	buf_release(&s.keys);
	return s.err;
}

/* One entry of the lane, which is not folded yet.  What cannot be understood changes nothing: so it is on every node. */
static enum err fold_entry(struct docket *d, const struct entry *e, struct span body, struct fault *f)
{
	struct buf store = { 0 };
	struct decision_op op;
	struct decision_entry at = { .number = e->number, .index = e->index, .time_ms = e->time_ms, .party = e->party };
	bool understood = decision_op_read(body, &store, &op, NULL) == OK && decision_check(d->set, &op, e->party, NULL) == OK;
	enum err err = OK;
	if (understood && e->index >= d->folded && touches_force(&op))
		err = docket_fold_force(d, NULL, NULL, &op, &at, f);
	if (understood && err == OK)
		err = decision_apply(d->set, &op, &at, f);
	if (understood && err == OK && (op.op == OP_PROTECT || op.op == OP_UNPROTECT))
		atomic_fetch_add(&d->protections, 1);
	buf_release(&store);
	return err;
}

struct reporter *docket_reporter(struct docket *d, const char *party)
{
	for (size_t i = 0; i < d->n_reporters; i++)
		if (strcmp(d->reporter[i].party, party) == 0)
			return &d->reporter[i];
	if (d->n_reporters == d->reporters_room)
		d->reporter = mem_realloc(d->reporter, (d->reporters_room += 16) * sizeof(*d->reporter));
	struct reporter *r = &d->reporter[d->n_reporters++];
	snprintf(r->party, sizeof(r->party), "%s", party);
	r->end_s = r->due_s = 0;
	return r;
}

static void fold_hits(struct docket *d, const struct entry *e, struct span body)
{
	uint8_t store[OBS_KEY_MAX];
	struct hits_report r;
	struct observable o;
	uint64_t n, of;
	if (hits_report_read(body, &r, NULL))
		return;
	struct reporter *by = docket_reporter(d, e->party);
	by->end_s = r.from_s + r.seconds > by->end_s ? r.from_s + r.seconds : by->end_s;
	by->due_s = (by->end_s > by->due_s ? by->end_s : by->due_s) + HITS_APART_S;
	while (hits_next(&r.hits, store, &o, &n, &of)) {
		const struct decision *is = decision_find(d->set, of);
		decision_hit(d->set, of, r.from_s, r.seconds, n);
		if (is && is->state == DECISION_ACTIVE && o.kind != OBS_NONE)
			met_add(d->met, &(struct table_key){ .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key }, of, n);
	}
}

enum err docket_fold(struct docket *d, struct fault *f)
{
	struct buf body = { 0 };
	enum err e = OK;
	if (ledger_lane_find(d->ledger, CLEARANCE_ALL, DOCKET_LANE, &d->lane))
		return OK; /* it has none yet */
	for (; d->next < d->lane.size && e == OK; d->next++) {
		struct entry entry;
		if ((e = docket_entry(d, NULL, d->next, &entry, f)) != OK)
			break;
		body.n = 0;
		bool whole = (entry.kind == ENTRY_DECISION || entry.kind == ENTRY_HITS) && !(entry.flags & ENTRY_CONTINUES);
		if (whole && (e = docket_body(d, &entry, &body, f)) == OK && entry.kind == ENTRY_HITS)
			fold_hits(d, &entry, buf_span(&body));
		else if (whole && e == OK)
			e = fold_entry(d, &entry, buf_span(&body), f);
		entry_release(&entry);
	}
	if (d->folded < d->next)
		d->folded = d->next;
	buf_release(&body);
	return e;
}
