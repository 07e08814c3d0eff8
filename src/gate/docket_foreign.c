/* Decisions of peers.  Their lanes are folded as our own is, each into a set of its own; what they put in force goes into the table and the journal
 * of the docket, marked with their lane.
 *
 * Two things differ.  Their leases do not move the docket's clock: a decision of theirs stands until their lane ends it, or until its lease is over
 * by the clock of this node (their node may be gone by then), and then it is taken back as what is unblocked is.  And nothing of theirs is asked about
 * before it is in force: what is protected here is passed over when they are folded, and looked at again when the register changes. */
#include "gate/docket_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/lane.h"
#include "table/batch.h"

enum { PURGE_OCTETS = 64 << 20 };

void docket_free_foreign(struct docket *d)
{
	for (unsigned i = 0; i < d->n_foreign; i++) {
		decision_set_free(d->foreign[i]->set);
		free(d->foreign[i]);
	}
}

static struct foreign *foreign_of(struct docket *d, const struct lane *lane)
{
	for (unsigned i = 0; i < d->n_foreign; i++)
		if (d->foreign[i]->lane.number == lane->number)
			return d->foreign[i];
	struct foreign *x = mem_zalloc(sizeof(*x));
	x->set = decision_set_new();
	x->lane = *lane;
	x->folded = d->foreign_saved[lane->number];
	return d->foreign[d->n_foreign++] = x;
}

/* What is understood here of an entry.  Whom peers protect is their affair. */
static bool understood(const struct decision_set *set, const struct entry *e, struct span body, struct buf *store, struct decision_op *ret_op)
{
	return decision_op_read(body, store, ret_op, NULL) == OK && ret_op->op != OP_PROTECT && ret_op->op != OP_UNPROTECT &&
	       decision_check(set, ret_op, e->party, NULL) == OK;
}

static bool touches_force(const struct decision_op *op)
{
	return op->op == OP_PROPOSE || op->op == OP_APPROVE ? op->enacts : op->op != OP_REFUSE;
}

/* @param ahead  NULL: into the set alone. */
static enum err fold_one(struct docket *d, const struct foreign *x, struct decision_set *set, const struct decision_set *ahead, uint64_t index,
			 struct buf *body, struct fault *f)
{
	struct buf store = { 0 };
	struct decision_op op;
	struct entry entry;
	enum err e = docket_entry(d, x, index, &entry, f);
	if (e)
		return e;
	body->n = 0;
	if (entry.kind == ENTRY_DECISION && !(entry.flags & ENTRY_CONTINUES) && (e = docket_body(d, &entry, body, f)) == OK &&
	    understood(set, &entry, buf_span(body), &store, &op)) {
		struct decision_entry at = { .number = entry.number, .index = entry.index, .time_ms = entry.time_ms, .party = entry.party };
		if (ahead && touches_force(&op))
			e = docket_fold_force(d, x, ahead, &op, &at, f);
		if (e == OK)
			e = decision_apply(set, &op, &at, f);
	}
	entry_release(&entry);
	buf_release(&store);
	return e;
}

/* What is saved already goes into the set alone; the rest into table and journal, too, with an eye on how it ends. */
static enum err fold_lane(struct docket *d, struct foreign *x, struct fault *f)
{
	struct decision_set *ahead = NULL;
	struct buf body = { 0 };
	enum err e = OK;
	uint64_t old = x->folded < x->lane.size ? x->folded : x->lane.size;
	for (; e == OK && x->next < old; x->next += e == OK)
		e = fold_one(d, x, x->set, NULL, x->next, &body, f);
	if (e == OK && x->next + 1 < x->lane.size) {
		ahead = decision_set_new();
		for (uint64_t i = 0; e == OK && i < x->lane.size; i++)
			e = fold_one(d, x, ahead, NULL, i, &body, f);
	}
	for (; e == OK && x->next < x->lane.size; x->next += e == OK)
		e = fold_one(d, x, x->set, ahead ? ahead : x->set, x->next, &body, f);
	if (x->folded < x->next) {
		x->folded = x->next;
		d->foreign_changed = true;
	}
	if (ahead)
		decision_set_free(ahead);
	buf_release(&body);
	return e;
}

enum err docket_fold_foreign(struct docket *d, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(d->ledger, CLEARANCE_ALL, lanes);
	enum err e = OK;
	for (unsigned i = 0; i < n && e == OK; i++) {
		if (!lanes[i].peer[0] || strcmp(lane_first_name(&lanes[i]), DOCKET_LANE) != 0 || d->forgotten >> lanes[i].number & 1)
			continue;
		struct foreign *x = foreign_of(d, &lanes[i]);
		x->lane = lanes[i];
		e = fold_lane(d, x, f);
	}
	free(lanes);
	return e;
}

enum err docket_mirrored(struct docket *d, struct fault *f)
{
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = docket_fold_foreign(d, f);
	if (e == OK && d->foreign_changed && d->writable)
		(void)!docket_save(d, NULL); /* derived: what is not saved is folded again */
	pthread_mutex_unlock(&d->lock);
	docket_call_listeners(d, before);
	return e;
}

/* ---- forgetting ---- */

/* What stays of the table, and what was in force on the keys of the lane that goes. */
struct purge {
	struct docket *d;
	uint8_t lane;
	struct batch *batch;
	struct buf keys; /* of the lane: key header, force before and behind it, octets */
	enum err err;
	struct fault *f;
};

/* A claim that is over stays for those that it holds down. */
static void purge_key(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct purge *p = ctx;
	struct claim *rest = mem_alloc(n * sizeof(*rest));
	unsigned left = 0;
	for (unsigned i = 0; i < n && p->err == OK; i++) {
		if (claims[i].lane == p->lane)
			continue;
		rest[left++] = claims[i];
		if ((p->err = batch_add(p->batch, k, &claims[i], p->f)) == OK)
			p->err = batch_stamp(p->batch, claims[i].entry, claims[i].back, p->f);
	}
	uint32_t tick_s = atomic_load(&p->d->tick_s);
	if (left < n) {
		struct force_pair pair[2] = { force_pair_of(k, claims, n, tick_s), force_pair_of(k, rest, left, tick_s) };
		buf_put(&p->keys, k, sizeof(*k));
		buf_put(&p->keys, pair, sizeof(pair));
		buf_put(&p->keys, k->p, k->n);
	}
	free(rest);
}

static void tell_purged(struct docket *d, struct span keys)
{
	while (keys.n) {
		struct table_key key;
		struct force_pair pair[2];
		memcpy(&key, keys.p, sizeof(key));
		memcpy(pair, keys.p + sizeof(key), sizeof(pair));
		key.p = keys.p + sizeof(key) + sizeof(pair);
		keys = span_from(keys, sizeof(key) + sizeof(pair) + key.n);
		journal_add(d->journal, &key, pair[0], pair[1]);
	}
	if (journal_end(d->journal, clock_ms()))
		atomic_store(&d->serial, journal_serial(d->journal));
}

/* As if nothing of the lane had ever been folded: so it can be folded anew when it counts again. */
static enum err purge_lane(struct docket *d, uint8_t lane, struct fault *f)
{
	struct purge p = { .d = d, .lane = lane, .f = f, .batch = batch_new(table_seed(d->table), table_dir(d->table), PURGE_OCTETS) };
	struct image *image = NULL;
	uint32_t tick_s = atomic_load(&d->tick_s);
	uint64_t dup;
	enum err e = table_each(d->table, force_keep, &tick_s, purge_key, &p, f);
	e = e ? e : p.err;
	if (e == OK && batch_count(p.batch))
		e = batch_finish(p.batch, NULL, &image, &dup, f);
	if (e == OK)
		e = table_replace(d->table, image, NULL, NULL, f);
	if (e == OK)
		tell_purged(d, buf_span(&p.keys));
	batch_free(p.batch);
	buf_release(&p.keys);
	return e;
}

/* It stays where it is, for those who know it by its place: empty. */
static enum err forget_lane(struct docket *d, uint8_t lane, struct fault *f)
{
	struct foreign *x = NULL;
	for (unsigned i = 0; i < d->n_foreign; i++)
		if (d->foreign[i]->lane.number == lane)
			x = d->foreign[i];
	if (x ? !x->next && !x->folded : !d->foreign_saved[lane])
		return OK;
	enum err e = purge_lane(d, lane, f);
	if (e)
		return e;
	d->foreign_saved[lane] = 0;
	d->foreign_changed = true;
	if (!x)
		return OK;
	decision_set_free(x->set);
	x->set = decision_set_new();
	x->next = x->folded = 0;
	return OK;
}

enum err docket_forget(struct docket *d, clearance forgotten, struct fault *f)
{
	enum err e = OK;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	d->forgotten = forgotten;
	for (unsigned lane = 0; lane < LANES_MAX && e == OK; lane++)
		if (forgotten >> lane & 1)
			e = forget_lane(d, (uint8_t)lane, f);
	pthread_mutex_unlock(&d->lock);
	docket_call_listeners(d, before);
	return e ? e : docket_mirrored(d, f);
}

const struct decision_set *docket_foreign(struct docket *d, unsigned i, const char **ret_lane)
{
	if (i >= d->n_foreign)
		return NULL;
	*ret_lane = d->foreign[i]->lane.name;
	return d->foreign[i]->set;
}

enum err docket_foreign_values(struct docket *d, unsigned i, uint64_t index, struct buf *out, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op op;
	enum err e = docket_read_in(d, d->foreign[i], index, &body, &store, &op, f); /* which stays as long as the docket */
	if (e == OK)
		buf_putspan(out, op.values);
	buf_release(&body);
	buf_release(&store);
	return e;
}

/* ---- the clock, and the register ---- */

enum err docket_expire_foreign(struct docket *d, uint32_t now_s, unsigned *ret_n, struct fault *f)
{
	uint64_t *of = mem_alloc(OP_OF_MAX * sizeof(*of));
	enum err e = OK;
	*ret_n = 0;
	for (unsigned i = 0; i < d->n_foreign && e == OK; i++) {
		struct foreign *x = d->foreign[i];
		struct decision_op op = { .op = OP_EXPIRE, .of = of, .at_s = now_s };
		while (e == OK && (op.n_of = decision_due(x->set, now_s, of, OP_OF_MAX)) != 0) {
			struct decision_entry at = { .number = ledger_last(d->ledger), .index = x->next, .time_ms = clock_ms(), .party = "local" };
			if ((e = docket_fold_force(d, x, x->set, &op, &at, f)) == OK)
				e = decision_apply(x->set, &op, &at, f);
			*ret_n += op.n_of;
		}
	}
	free(of);
	return e;
}

uint32_t docket_next_end_foreign(struct docket *d)
{
	uint32_t end = 0;
	for (unsigned i = 0; i < d->n_foreign; i++) {
		uint32_t one = decision_next_end(d->foreign[i]->set);
		end = !end || (one && one < end) ? one : end;
	}
	return end;
}

struct looking {
	uint8_t lane;
	bool there;
};

static void look(void *ctx, const struct claim *c)
{
	struct looking *l = ctx;
	l->there |= c->lane == l->lane;
}

static bool is_in_force(struct docket *d, const struct foreign *x, const struct observable *o)
{
	struct looking l = { .lane = x->lane.number };
	struct table_key key = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	force_each(table_enter(d->table), &key, atomic_load(&d->tick_s), look, &l);
	table_leave(d->table);
	return l.there;
}

/* Of an active decision of a peer: the values that are protected by now go out of force. */
static enum err recheck_one(struct docket *d, const struct foreign *x, const struct decision *of, unsigned *ret_n, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 }, values = { 0 };
	struct decision_op proposal, op = { .op = OP_UNBLOCK };
	uint8_t key[OBS_KEY_MAX];
	struct observable o;
	enum err e = docket_read_in(d, x, of->index, &body, &store, &proposal, f);
	while (e == OK && decision_value(&proposal.values, key, &o)) {
		if (!docket_guarded_from(d, &o, proposal.action, NULL) || !is_in_force(d, x, &o))
			continue;
		decision_value_put(&values, &o);
		op.n_values++;
	}
	op.values = buf_span(&values);
	struct decision_entry at = { .number = ledger_last(d->ledger), .index = x->next, .time_ms = clock_ms(), .party = "local" };
	if (e == OK && op.n_values)
		e = docket_fold_force(d, x, x->set, &op, &at, f);
	*ret_n += op.n_values;
	buf_release(&body);
	buf_release(&store);
	buf_release(&values);
	return e;
}

enum err docket_recheck_foreign(struct docket *d, unsigned *ret_n, struct fault *f)
{
	enum err e = OK;
	*ret_n = 0;
	for (unsigned i = 0; d->guard && i < d->n_foreign; i++)
		for (size_t k = 0; k < decision_count(d->foreign[i]->set) && e == OK; k++)
			if (decision_at(d->foreign[i]->set, k)->state == DECISION_ACTIVE)
				e = recheck_one(d, d->foreign[i], decision_at(d->foreign[i]->set, k), ret_n, f);
	return e;
}
