/* What is said is checked against the register and the policy, written to the lane, and folded from what was written. */
#include "gate/docket_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "sys/digest.h"

enum { SAVE_AFTER = 2000, GUARD_TOLD = 3 };

/* With the lock: to the lane, and folded. */
enum err docket_tell(struct docket *d, const char *party, uint8_t kind, uint32_t count, struct span body, uint64_t *ret_index, struct fault *f)
{
	struct entry entry;
	uint64_t number;
	if (!d->writable)
		return fault_set(f, ERR_FORBIDDEN, "the data directory is open for reading only");
	struct submission s = { .lane = d->lane.number, .kind = kind, .time_ms = clock_ms(), .party = party, .source = "", .media = "json",
				.count = count, .body = body };
	enum err e = ledger_append(d->ledger, &s, &number, f);
	if (e)
		return e;
	if ((e = ledger_entry(d->ledger, CLEARANCE_ALL, number, &entry)) != OK)
		return fault_set(f, e, "what was told to lane \"%s\" cannot be read back", DOCKET_LANE);
	*ret_index = entry.index;
	entry_release(&entry);
	e = docket_fold(d, f);
	if (e == OK && d->folded - d->saved >= SAVE_AFTER)
		(void)!docket_save(d, NULL);
	return e;
}

static enum err tell_op(struct docket *d, const char *party, const struct decision_op *op, uint64_t *ret_index, struct fault *f)
{
	struct buf body = { 0 };
	decision_op_write(op, &body);
	enum err e = docket_tell(d, party, ENTRY_DECISION, op->n_values ? op->n_values : op->n_of, buf_span(&body), ret_index, f);
	buf_release(&body);
	return e;
}

void docket_call_listeners(struct docket *d, uint64_t before)
{
	uint64_t now = docket_serial(d);
	for (unsigned i = 0; now != before && i < d->n_listeners; i++)
		d->listener[i].call(d->listener[i].ctx, now);
}

/* Is one of the values protected? */
static enum err ask_guard(struct docket *d, bool stranger, struct span values, uint8_t action, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf why = { 0 };
	uint64_t n = 0, guarded = 0;
	while (d->guard && decision_value(&values, store, &o)) {
		struct buf one = { 0 };
		n++;
		if (d->guard(d->guard_ctx, &o, action, &one) && guarded++ < GUARD_TOLD) {
			buf_puts(&why, why.n ? "; \"" : "\"");
			obs_format(&o, &why);
			buf_puts(&why, stranger ? "\" is protected" : "\": ");
			buf_putspan(&why, stranger ? span_of(NULL, 0) : buf_span(&one));
		}
		buf_release(&one);
	}
	enum err e = guarded ? fault_set(f, ERR_FORBIDDEN, "%llu of %llu values must not be blocked: %s", (unsigned long long)guarded,
					 (unsigned long long)n, buf_cstr(&why)) : OK;
	buf_release(&why);
	return e;
}

static enum err ask_guard_again(struct docket *d, bool stranger, uint64_t index, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op op;
	enum err e = docket_read(d, index, &body, &store, &op, f);
	if (e == OK)
		e = ask_guard(d, stranger, op.values, op.action, f);
	buf_release(&body);
	buf_release(&store);
	return e;
}

static enum err check_lease(const struct decision_op *op, struct fault *f)
{
	int64_t left = (int64_t)op->until_s - clock_ms() / 1000;
	if (left <= 0)
		return fault_set(f, ERR_RANGE, "the lease is over before it begins");
	if (left > LEASE_MAX_S)
		return fault_set(f, ERR_RANGE, "a lease has at most %d days", LEASE_MAX_S / 86400);
	return OK;
}

/* Does it put something in force? */
static enum err decide(struct docket *d, const struct speaker *who, struct decision_op *op, struct fault *f)
{
	enum err e = OK;
	if (op->op == OP_PROPOSE) {
		if ((e = check_lease(op, f)) != OK || (e = ask_guard(d, who->stranger, op->values, op->action, f)) != OK)
			return e;
		op->enacts = op->policy.n || (d->policy.approvals == 0 && d->policy.parties <= 1);
	} else if (op->op == OP_APPROVE) {
		const struct decision *of = decision_find(d->set, op->of[0]);
		if ((int64_t)of->until_s <= clock_ms() / 1000)
			return fault_set(f, ERR_RANGE, "the lease of decision %llu is over", (unsigned long long)of->index);
		op->enacts = decision_approvals(of) + 1 >= d->policy.approvals && decision_parties(of, who->party) >= d->policy.parties;
		e = ask_guard_again(d, who->stranger, op->of[0], f);
	}
	return e;
}

struct losing {
	struct docket *d;
	uint8_t stance;   /* ACTION_PROTECT: what protects; else: what blocks */
	uint64_t *of;
	unsigned n, claims;
	uint8_t foreign;  /* lane of a peer whose decision it is, too; 0: none */
};

static void lose(void *ctx, const struct claim *c)
{
	struct losing *l = ctx;
	if ((c->stance == ACTION_PROTECT) != (l->stance == ACTION_PROTECT))
		return;
	if (c->lane) {
		l->foreign = c->lane;
		return;
	}
	const struct decision *of = decision_enacted(l->d->set, c->entry);
	l->claims++;
	for (unsigned i = 0; of && i < l->n; i++)
		if (l->of[i] == of->index)
			return;
	if (of && l->n < OP_OF_MAX)
		l->of[l->n++] = of->index;
}

/* What covers the value, for people. */
static void name_cover(struct docket *d, const struct observable *o, struct buf *out)
{
	uint32_t entry;
	const struct table_view *v = table_enter(d->table);
	force all = force_of(v, o, atomic_load(&d->tick_s), &entry);
	table_leave(d->table);
	const struct decision *of = all ? decision_enacted(d->set, entry) : NULL;
	if (of)
		buf_printf(out, ", but decision %s/%llu (%s) covers it", DOCKET_LANE, (unsigned long long)of->index, of->first);
}

/* The one value is in force: which decisions lose it goes into `of`. */
static enum err find_losers(struct docket *d, struct decision_op *op, uint64_t *of, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span values = op->values;
	struct losing l = { .d = d, .stance = op->op == OP_UNPROTECT ? ACTION_PROTECT : ACTION_BLOCK, .of = of };
	if (!decision_value(&values, store, &o) || values.n)
		return fault_set(f, ERR_SYNTAX, "\"%s\" is about one value", op_name(op->op));
	struct table_key key = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	force_each(table_enter(d->table), &key, atomic_load(&d->tick_s), lose, &l);
	table_leave(d->table);
	if (l.claims) {
		op->of = op->op == OP_UNBLOCK ? of : NULL;
		op->n_of = op->op == OP_UNBLOCK ? l.n : 0;
		return OK;
	}
	struct buf text = { 0 }, cover = { 0 };
	obs_format(&o, &text);
	if (l.foreign) {
		enum err by = fault_set(f, ERR_FORBIDDEN, "\"%s\" is blocked by a decision of a peer, which only it can take back; \"sipar protect\" "
						"keeps it from being in force here", buf_cstr(&text));
		buf_release(&text);
		return by;
	}
	name_cover(d, &o, &cover);
	enum err e = fault_set(f, ERR_NOTFOUND, "\"%s\" is not %s%s", buf_cstr(&text), op->op == OP_UNBLOCK ? "blocked" : "protected by a decision",
			       cover.n ? buf_cstr(&cover) : "");
	buf_release(&text);
	buf_release(&cover);
	return e;
}

static uint64_t count_values(struct span values)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	uint64_t n = 0;
	while (decision_value(&values, store, &o))
		n++;
	return n;
}

enum err docket_say(struct docket *d, const struct speaker *who, struct decision_op *op, uint64_t *ret_index, struct fault *f)
{
	uint64_t *of = mem_alloc(OP_OF_MAX * sizeof(*of));
	struct decision_op said = *op; /* `of` of what is unblocked by value is ours */
	said.by = span_str(who->by);
	said.enacts = false;
	said.n_values = (unsigned)count_values(op->values);
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = OK;
	if ((op->op == OP_UNBLOCK && op->values.n) || op->op == OP_UNPROTECT)
		e = find_losers(d, &said, of, f);
	if (e == OK && (e = decision_check(d->set, &said, who->party, f)) == OK && (e = decide(d, who, &said, f)) == OK)
		e = tell_op(d, who->party, &said, ret_index, f);
	pthread_mutex_unlock(&d->lock);
	free(of);
	docket_call_listeners(d, before);
	op->enacts = said.enacts;
	return e;
}

enum err docket_evidence(struct docket *d, const struct speaker *who, struct span octets, const char *media, struct buf *out, struct fault *f)
{
	struct submission s = { .lane = d->lane.number, .kind = ENTRY_EVIDENCE, .time_ms = clock_ms(), .party = who->party, .source = "",
				.media = media, .count = 1, .body = octets };
	struct entry e;
	uint64_t number;
	uint8_t digest[32];
	char hex[64];
	enum err err = ledger_append(d->ledger, &s, &number, f);
	if (err || (err = ledger_entry(d->ledger, CLEARANCE_ALL, number, &e)) != OK)
		return err;
	sha256_two(octets, span_of(NULL, 0), digest);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(out, "%s/%llu sha256:%.64s", DOCKET_LANE, (unsigned long long)e.index, hex);
	entry_release(&e);
	return OK;
}

/* By nobody but the clock, or the register. */
enum err docket_tell_alone(struct docket *d, struct decision_op *op, struct fault *f)
{
	uint64_t index;
	enum err e = decision_check(d->set, op, "local", f);
	return e ? e : tell_op(d, "local", op, &index, f);
}

enum err docket_expire(struct docket *d, uint32_t now_s, unsigned *ret_n, struct fault *f)
{
	uint64_t *of = mem_alloc(OP_OF_MAX * sizeof(*of));
	struct decision_op op = { .op = OP_EXPIRE, .of = of, .at_s = now_s };
	enum err e = OK;
	unsigned n = 0, others = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	while (e == OK && (op.n_of = decision_due(d->set, now_s, of, OP_OF_MAX)) != 0) {
		n += op.n_of;
		e = docket_tell_alone(d, &op, f);
	}
	if (e == OK)
		e = docket_expire_foreign(d, now_s, &others, f);
	pthread_mutex_unlock(&d->lock);
	free(of);
	docket_call_listeners(d, before);
	if (e == OK)
		*ret_n = n + others;
	return e;
}

uint32_t docket_next_end(struct docket *d)
{
	pthread_mutex_lock(&d->lock);
	uint32_t end = decision_next_end(d->set), other = docket_next_end_foreign(d);
	end = !end || (other && other < end) ? other : end;
	pthread_mutex_unlock(&d->lock);
	return end;
}

/* One value that is protected by now goes out of force, whoever blocked it. */
static enum err let_go(struct docket *d, const struct observable *o, struct span why, struct fault *f)
{
	uint64_t *of = mem_alloc(OP_OF_MAX * sizeof(*of));
	struct buf values = { 0 };
	struct decision_op op = { .op = OP_UNBLOCK, .n_values = 1, .why = why };
	decision_value_put(&values, o);
	op.values = buf_span(&values);
	enum err e = find_losers(d, &op, of, NULL) ? OK : docket_tell_alone(d, &op, f); /* or it is out already */
	buf_release(&values);
	free(of);
	return e;
}

/* An active decision: if it is about one value, it waits for somebody; of many, those that are protected go, and the others stay.  What protects them is not
 * said there: it may be in a lane that fewer people see than that of the decisions.
 * @param ret_n  how many did. */
static enum err recheck_one(struct docket *d, const struct decision *of, unsigned *ret_n, struct fault *f)
{
	uint8_t key[OBS_KEY_MAX];
	struct observable o;
	static const struct span why = SPAN_LIT("protected by now; \"sipar protect test\" says by what");
	struct buf body = { 0 }, store = { 0 };
	struct decision_op proposal;
	uint64_t index = of->index;
	bool alone = of->n_values == 1;
	enum err e = docket_read(d, index, &body, &store, &proposal, f);
	while (e == OK && decision_value(&proposal.values, key, &o)) {
		if (!d->guard(d->guard_ctx, &o, proposal.action, NULL))
			continue;
		struct decision_op suspend = { .op = OP_SUSPEND, .of = &index, .n_of = 1, .why = why };
		e = alone ? docket_tell_alone(d, &suspend, f) : let_go(d, &o, why, f);
		++*ret_n;
	}
	buf_release(&body);
	buf_release(&store);
	return e;
}

enum err docket_recheck(struct docket *d, unsigned *ret_n, struct fault *f)
{
	enum err e = OK;
	unsigned n = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	for (size_t i = 0; d->guard && i < decision_count(d->set) && e == OK; i++)
		if (decision_at(d->set, i)->state == DECISION_ACTIVE)
			e = recheck_one(d, decision_at(d->set, i), &n, f);
	unsigned others = 0;
	if (e == OK)
		e = docket_recheck_foreign(d, &others, f);
	n += others;
	pthread_mutex_unlock(&d->lock);
	docket_call_listeners(d, before);
	if (e == OK)
		*ret_n = n;
	return e;
}
