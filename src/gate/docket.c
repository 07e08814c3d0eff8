/* What is said is checked, written to the lane, and folded from what was written: the same fold as at an opening, so that what the docket
 * holds is what its lane means, and nothing else.
 *
 * Three things are folded: the decisions (view/decision.h), which are small and folded from the first entry at each opening; the table of
 * what is in force, and the journal with the serial, which are saved in DIR/decisions with the number of the entry that they are of, and folded
 * from there.  An entry is folded in two steps: its claims go into an image on top of the table, and what was in force on each
 * of its keys before and is behind it goes into the journal.  A lease that ends changes no claim: there the clock of the docket, `tick`, is moved by the
 * entry, and all that is asked is asked by that clock.
 *
 * The roster is made when somebody asks for everything, and again when much has changed since. */
#include "gate/docket.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/tlp.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "table/batch.h"

enum { SAVE_AFTER = 2000, SAVED_JOURNAL = 16 << 20, BATCH_OCTETS = 64 << 20, STATE_HEAD = 24, TURNS_MAX = 1 << 16, GUARD_TOLD = 3 };

struct docket {
	char *dir;
	bool writable;
	struct ledger *ledger;
	struct lane lane;
	pthread_mutex_t lock;      /* of all that follows but the table for its readers and the atomics */
	struct table *table;
	struct decision_set *set;
	struct journal *journal;
	struct roster *roster;
	_Atomic uint32_t tick_s;
	_Atomic uint64_t serial;
	uint64_t next;             /* index of the first entry that is not folded into the set */
	uint64_t folded;           /* index of the first one that is not in table and journal */
	uint64_t saved;            /* likewise of what is saved */
	struct docket_policy policy;
	docket_guard *guard;
	void *guard_ctx;
	struct { void (*call)(void *ctx, uint64_t serial); void *ctx; } listener[DOCKET_LISTENERS_MAX];
	unsigned n_listeners;
	struct reporter { char party[64]; uint32_t last_s; } *reporter; /* the start of the last period that each has told of */
	size_t n_reporters, reporters_room;
};

/* ---- the lane ---- */

/* The body of an entry, which may go on in the ones behind it. */
static enum err read_body(struct docket *d, const struct entry *e, struct buf *out, struct fault *f)
{
	uint8_t flags = e->flags;
	enum err err = ledger_body(d->ledger, CLEARANCE_ALL, e->number, out, f);
	for (uint64_t index = e->index + 1; err == OK && flags & ENTRY_MORE; index++) {
		struct entry more;
		uint64_t number;
		if ((err = ledger_find(d->ledger, CLEARANCE_ALL, d->lane.number, index, &number)) != OK ||
		    (err = ledger_entry(d->ledger, CLEARANCE_ALL, number, &more)) != OK)
			return fault_set(f, err, "entry %s/%llu cannot be read", DOCKET_LANE, (unsigned long long)index);
		flags = more.flags;
		err = ledger_body(d->ledger, CLEARANCE_ALL, number, out, f);
		entry_release(&more);
	}
	return err;
}

static enum err read_entry(struct docket *d, uint64_t index, struct entry *ret_entry, struct fault *f)
{
	uint64_t number;
	enum err e = ledger_find(d->ledger, CLEARANCE_ALL, d->lane.number, index, &number);
	if (e == OK)
		e = ledger_entry(d->ledger, CLEARANCE_ALL, number, ret_entry);
	return e ? fault_set(f, e, "entry %s/%llu cannot be read", DOCKET_LANE, (unsigned long long)index) : OK;
}

/* The proposal of a decision: its op, whose spans point into the two buffers. */
static enum err read_proposal(struct docket *d, uint64_t index, struct buf *body, struct buf *store, struct decision_op *ret_op, struct fault *f)
{
	struct entry e;
	enum err err = read_entry(d, index, &e, f);
	if (err)
		return err;
	body->n = 0;
	if ((err = read_body(d, &e, body, f)) == OK)
		err = decision_op_read(buf_span(body), store, ret_op, f);
	entry_release(&e);
	return err;
}

/* ---- folding one entry ---- */

/* The values that one entry is about, key by key: what was in force on each, and what the entry says of it. */
struct step {
	struct docket *d;
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

static struct claim claim_of(const struct decision_op *op, const struct observable *o, const struct decision_entry *at)
{
	return (struct claim){
		.entry = (uint32_t)at->number, .seen = (uint32_t)(at->time_ms / 1000), .until = op->until_s, .category = op->reason,
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
	if (protects != (s->op->op == OP_UNPROTECT) || (s->of && c->entry != (uint32_t)s->of->enacted))
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
		if (!proposal && s->op->op != OP_EXPIRE)
			force_each(v, &s->key, s->before_s, take_back, s);
		table_leave(s->d->table);
		if (proposal) {
			struct claim c = claim_of(proposal, &o, &s->at);
			say(s, &c);
		}
	}
}

/* The values of decisions that were proposed before. */
static void fold_decisions(struct step *s)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op proposal;
	for (unsigned i = 0; i < s->op->n_of && s->err == OK; i++) {
		s->err = read_proposal(s->d, s->op->of[i], &body, &store, &proposal, &s->fault);
		if (s->err)
			break;
		s->of = decision_find(s->d->set, s->op->of[i]);
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

/* Into table and journal. */
static enum err fold_force(struct docket *d, const struct decision_op *op, const struct decision_entry *at, struct fault *f)
{
	struct image *image = NULL;
	struct step s = { .d = d, .op = op, .at = *at, .before_s = atomic_load(&d->tick_s) };
	uint64_t dup;
	s.batch = batch_new(table_seed(d->table), table_dir(d->table), BATCH_OCTETS);
	if (!op->n_values)
		fold_decisions(&s);
	else
		fold_values(&s, op->values, op->op == OP_PROPOSE || op->op == OP_PROTECT ? op : NULL);
	uint32_t tick_s = op->op == OP_EXPIRE && op->at_s > s.before_s ? op->at_s : s.before_s;
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
		err = fold_force(d, &op, &at, f);
	if (understood && err == OK)
		err = decision_apply(d->set, &op, &at, f);
	buf_release(&store);
	return err;
}

static uint32_t *last_of(struct docket *d, const char *party)
{
	for (size_t i = 0; i < d->n_reporters; i++)
		if (strcmp(d->reporter[i].party, party) == 0)
			return &d->reporter[i].last_s;
	if (d->n_reporters == d->reporters_room)
		d->reporter = mem_realloc(d->reporter, (d->reporters_room += 16) * sizeof(*d->reporter));
	struct reporter *r = &d->reporter[d->n_reporters++];
	snprintf(r->party, sizeof(r->party), "%s", party);
	r->last_s = 0;
	return &r->last_s;
}

static void fold_hits(struct docket *d, const struct entry *e, struct span body)
{
	uint8_t store[OBS_KEY_MAX];
	struct hits_report r;
	struct observable o;
	uint64_t n, of;
	if (hits_report_read(body, &r, NULL))
		return;
	uint32_t *last = last_of(d, e->party);
	*last = r.from_s > *last ? r.from_s : *last;
	while (hits_next(&r.hits, store, &o, &n, &of))
		decision_hit(d->set, of, r.from_s, r.seconds, n);
}

static enum err fold_lane(struct docket *d, struct fault *f)
{
	struct buf body = { 0 };
	enum err e = OK;
	if (ledger_lane_find(d->ledger, CLEARANCE_ALL, DOCKET_LANE, &d->lane))
		return OK; /* it has none yet */
	for (; d->next < d->lane.size && e == OK; d->next++) {
		struct entry entry;
		if ((e = read_entry(d, d->next, &entry, f)) != OK)
			break;
		body.n = 0;
		bool whole = (entry.kind == ENTRY_DECISION || entry.kind == ENTRY_HITS) && !(entry.flags & ENTRY_CONTINUES);
		if (whole && (e = read_body(d, &entry, &body, f)) == OK && entry.kind == ENTRY_HITS)
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

/* ---- opening and saving ---- */

/* Saved beside the table: the index of the first entry that is not in it, the tick, the size of what follows, and the journal. */
static void put_u64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static enum err save(struct docket *d, struct fault *f)
{
	struct buf state = { 0 };
	uint8_t head[STATE_HEAD];
	if (!d->writable || d->saved == d->folded)
		return OK;
	memcpy(head, "SIPARDK1", 8);
	put_u64(head + 8, d->folded);
	put_u64(head + 16, atomic_load(&d->tick_s));
	buf_put(&state, head, sizeof(head));
	journal_write(d->journal, SAVED_JOURNAL, &state);
	enum err e = table_save(d->table, d->folded, buf_span(&state), f);
	buf_release(&state);
	if (e == OK)
		d->saved = d->folded;
	return e;
}

/* @return false: there is nothing, or nothing that could be used. */
static bool restore(struct docket *d, uint64_t folded)
{
	struct span state = table_saved_views(d->table);
	if (state.n < STATE_HEAD || memcmp(state.p, "SIPARDK1", 8) != 0 || get_u64(state.p + 8) != folded ||
	    folded > d->lane.size || journal_read(span_from(state, STATE_HEAD), &d->journal))
		return false;
	d->folded = d->saved = folded;
	atomic_store(&d->tick_s, (uint32_t)get_u64(state.p + 16));
	atomic_store(&d->serial, journal_serial(d->journal));
	return true;
}

static enum err open_table(struct docket *d, struct fault *f)
{
	struct siphash_seed seed;
	uint64_t folded = 0;
	random_octets(&seed, sizeof(seed));
	if (d->writable && mkdir(d->dir, 0750) && errno != EEXIST)
		return fault_set(f, ERR_IO, "directory \"%s\" cannot be made: %s", d->dir, strerror(errno));
	enum err e = table_open(d->dir, seed, d->writable, &d->table, &folded, f);
	bool anew = e == ERR_CORRUPT || e == ERR_UNSUPPORTED || (e == OK && folded && !restore(d, folded));
	if (anew && d->writable) {
		table_close(d->table);
		d->table = NULL;
		if ((e = table_drop(d->dir, f)) == OK)
			e = table_open(d->dir, seed, true, &d->table, &folded, f);
	} else if (anew && e == OK) {
		e = fault_set(f, ERR_CORRUPT, "the decisions in \"%s\" cannot be read: an opening for writing makes them anew", d->dir);
	}
	if (!d->journal)
		d->journal = journal_new();
	return e;
}

enum err docket_open(const char *dir, bool writable, struct ledger *l, struct docket **ret_docket, struct fault *f)
{
	struct docket *d = mem_zalloc(sizeof(*d));
	struct buf path = { 0 };
	buf_printf(&path, "%s/decisions", dir);
	d->dir = mem_strdup(buf_cstr(&path));
	buf_release(&path);
	d->writable = writable;
	d->ledger = l;
	d->policy = (struct docket_policy){ .approvals = 1, .parties = 2 };
	d->set = decision_set_new();
	pthread_mutex_init(&d->lock, NULL);
	if (ledger_lane_find(l, CLEARANCE_ALL, DOCKET_LANE, &d->lane))
		d->lane.size = 0;
	enum err e = open_table(d, f);
	if (e == OK)
		e = fold_lane(d, f);
	if (e == OK) {
		*ret_docket = d;
		return OK;
	}
	docket_close(d);
	return e;
}

void docket_close(struct docket *d)
{
	if (!d)
		return;
	if (d->table)
		(void)!save(d, NULL); /* derived: what is not saved is folded again */
	roster_drop(d->roster);
	table_close(d->table);
	journal_free(d->journal);
	decision_set_free(d->set);
	free(d->reporter);
	pthread_mutex_destroy(&d->lock);
	free(d->dir);
	free(d);
}

enum err docket_save(struct docket *d, struct fault *f)
{
	pthread_mutex_lock(&d->lock);
	enum err e = save(d, f);
	pthread_mutex_unlock(&d->lock);
	return e;
}

void docket_set_policy(struct docket *d, const struct docket_policy *p)
{
	d->policy = *p;
}

const struct policies *docket_policies(const struct docket *d)
{
	return &d->policy.policies;
}

void docket_set_guard(struct docket *d, docket_guard *guard, void *ctx)
{
	d->guard = guard;
	d->guard_ctx = ctx;
}

bool docket_guarded(struct docket *d, const struct observable *o, struct buf *out)
{
	return d->guard && d->guard(d->guard_ctx, o, out);
}

void docket_listen(struct docket *d, void (*call)(void *ctx, uint64_t serial), void *ctx)
{
	d->listener[d->n_listeners].call = call;
	d->listener[d->n_listeners++].ctx = ctx;
}

/* ---- writing ---- */

/* With the lock: to the lane, and folded. */
static enum err tell(struct docket *d, const char *party, uint8_t kind, uint32_t count, struct span body, uint64_t *ret_index, struct fault *f)
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
	e = fold_lane(d, f);
	if (e == OK && d->folded - d->saved >= SAVE_AFTER)
		(void)!save(d, NULL);
	return e;
}

static enum err tell_op(struct docket *d, const char *party, const struct decision_op *op, uint64_t *ret_index, struct fault *f)
{
	struct buf body = { 0 };
	decision_op_write(op, &body);
	enum err e = tell(d, party, ENTRY_DECISION, op->n_values ? op->n_values : op->n_of, buf_span(&body), ret_index, f);
	buf_release(&body);
	return e;
}

static void call_listeners(struct docket *d, uint64_t before)
{
	uint64_t now = docket_serial(d);
	for (unsigned i = 0; now != before && i < d->n_listeners; i++)
		d->listener[i].call(d->listener[i].ctx, now);
}

/* Is one of the values protected? */
static enum err ask_guard(struct docket *d, struct span values, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf why = { 0 };
	uint64_t n = 0, guarded = 0;
	while (d->guard && decision_value(&values, store, &o)) {
		struct buf one = { 0 };
		n++;
		if (d->guard(d->guard_ctx, &o, &one) && guarded++ < GUARD_TOLD) {
			buf_puts(&why, why.n ? "; \"" : "\"");
			obs_format(&o, &why);
			buf_puts(&why, "\" by ");
			buf_putspan(&why, buf_span(&one));
		}
		buf_release(&one);
	}
	enum err e = guarded ? fault_set(f, ERR_FORBIDDEN, "%llu of %llu values must not be blocked; protected is %s", (unsigned long long)guarded,
					 (unsigned long long)n, buf_cstr(&why)) : OK;
	buf_release(&why);
	return e;
}

static enum err ask_guard_again(struct docket *d, uint64_t index, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op op;
	enum err e = read_proposal(d, index, &body, &store, &op, f);
	if (e == OK)
		e = ask_guard(d, op.values, f);
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
static enum err decide(struct docket *d, const char *party, struct decision_op *op, struct fault *f)
{
	enum err e = OK;
	if (op->op == OP_PROPOSE) {
		if ((e = check_lease(op, f)) != OK || (e = ask_guard(d, op->values, f)) != OK)
			return e;
		op->enacts = op->policy.n || (d->policy.approvals == 0 && d->policy.parties <= 1);
	} else if (op->op == OP_APPROVE) {
		const struct decision *of = decision_find(d->set, op->of[0]);
		if ((int64_t)of->until_s <= clock_ms() / 1000)
			return fault_set(f, ERR_RANGE, "the lease of decision %llu is over", (unsigned long long)of->index);
		op->enacts = decision_approvals(of) + 1 >= d->policy.approvals && decision_parties(of, party) >= d->policy.parties;
		e = ask_guard_again(d, op->op == OP_APPROVE ? op->of[0] : 0, f);
	}
	return e;
}

struct losing {
	struct docket *d;
	uint8_t stance;   /* ACTION_PROTECT: what protects; else: what blocks */
	uint64_t *of;
	unsigned n, claims;
};

static void lose(void *ctx, const struct claim *c)
{
	struct losing *l = ctx;
	if ((c->stance == ACTION_PROTECT) != (l->stance == ACTION_PROTECT))
		return;
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
	op->by = span_str(who->by);
	op->enacts = false;
	op->n_values = (unsigned)count_values(op->values);
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = OK;
	if ((op->op == OP_UNBLOCK && op->values.n) || op->op == OP_UNPROTECT)
		e = find_losers(d, op, of, f);
	if (e == OK && (e = decision_check(d->set, op, who->party, f)) == OK && (e = decide(d, who->party, op, f)) == OK)
		e = tell_op(d, who->party, op, ret_index, f);
	pthread_mutex_unlock(&d->lock);
	free(of);
	call_listeners(d, before);
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
static enum err tell_alone(struct docket *d, struct decision_op *op, struct fault *f)
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
	unsigned n = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	while (e == OK && (op.n_of = decision_due(d->set, now_s, of, OP_OF_MAX)) != 0) {
		n += op.n_of;
		e = tell_alone(d, &op, f);
	}
	pthread_mutex_unlock(&d->lock);
	free(of);
	call_listeners(d, before);
	if (e == OK)
		*ret_n = n;
	return e;
}

uint32_t docket_next_end(struct docket *d)
{
	pthread_mutex_lock(&d->lock);
	uint32_t end = decision_next_end(d->set);
	pthread_mutex_unlock(&d->lock);
	return end;
}

/* Of the active decisions, which has a value that is protected by now? */
static enum err recheck_one(struct docket *d, const struct decision *of, bool *ret_suspended, struct fault *f)
{
	struct fault why;
	char text[OP_TEXT_MAX];
	uint64_t index = of->index;
	enum err e = ask_guard_again(d, index, &why);
	*ret_suspended = e == ERR_FORBIDDEN;
	if (e != ERR_FORBIDDEN)
		return e;
	snprintf(text, sizeof(text), "%s", why.text);
	struct decision_op op = { .op = OP_SUSPEND, .of = &index, .n_of = 1, .why = span_str(text) };
	return tell_alone(d, &op, f);
}

enum err docket_recheck(struct docket *d, unsigned *ret_n, struct fault *f)
{
	enum err e = OK;
	unsigned n = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	for (size_t i = 0; i < decision_count(d->set) && e == OK; i++) {
		bool suspended = false;
		if (decision_at(d->set, i)->state == DECISION_ACTIVE)
			e = recheck_one(d, decision_at(d->set, i), &suspended, f);
		n += suspended;
	}
	pthread_mutex_unlock(&d->lock);
	call_listeners(d, before);
	if (e == OK)
		*ret_n = n;
	return e;
}

/* ---- hits ---- */

enum { REPORT_OLD_S = 7 * 86400, REPORT_AHEAD_S = 3600 };

static enum err check_report(struct docket *d, const char *party, const struct hits_report *r, struct fault *f)
{
	int64_t now_s = clock_ms() / 1000;
	if (r->from_s < now_s - REPORT_OLD_S || r->from_s > now_s + REPORT_AHEAD_S)
		return fault_set(f, ERR_RANGE, "a report of hits is of the last seven days: this one is not");
	if (r->from_s <= *last_of(d, party))
		return fault_set(f, ERR_EXISTS, "\"%s\" has told of this period, or of a later one, already", party);
	return OK;
}

/* The report with the decisions of its values. */
static void resolve(struct docket *d, struct hits_report *r, struct buf *list)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span rest = r->hits;
	uint64_t n, of;
	while (hits_next(&rest, store, &o, &n, &of)) {
		uint32_t entry = 0;
		const struct table_view *v = table_enter(d->table);
		force all = o.kind == OBS_NONE ? 0 : force_of(v, &o, atomic_load(&d->tick_s), &entry);
		table_leave(d->table);
		const struct decision *by = all && all != FORCE_PROTECT ? decision_enacted(d->set, entry) : NULL;
		if (by && n >= HITS_LEAST) {
			hits_put(list, &o, n, by->index);
		} else {
			r->merged_values++;
			r->merged_hits += n;
		}
	}
	r->hits = buf_span(list);
}

static bool looks_wrong(const struct decision *d)
{
	return d->state == DECISION_ACTIVE && d->action == ACTION_BLOCK &&
	       (d->reason == REASON_PHISHING || d->reason == REASON_MALWARE || d->reason == REASON_EXPLOITATION);
}

static enum err alarm(struct docket *d, const char *party, const struct hits_report *r, unsigned *ret_alarms, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span rest = r->hits;
	uint64_t n, of;
	char text[256];
	enum err e = OK;
	while (e == OK && hits_next(&rest, store, &o, &n, &of)) {
		if (!d->policy.spike || n < d->policy.spike)
			continue;
		++*ret_alarms;
		if (!looks_wrong(decision_find(d->set, of)))
			continue;
		snprintf(text, sizeof(text), "%llu hits in %u s, as %s reports: this looks like over-blocking", (unsigned long long)n, r->seconds, party);
		struct decision_op op = { .op = OP_SUSPEND, .of = &of, .n_of = 1, .why = span_str(text) };
		e = tell_alone(d, &op, f);
	}
	return e;
}

enum err docket_hits(struct docket *d, const struct speaker *who, const struct hits_report *r, unsigned *ret_alarms, struct fault *f)
{
	struct hits_report report = *r;
	struct buf list = { 0 }, body = { 0 };
	uint64_t index;
	unsigned alarms = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = check_report(d, who->party, r, f);
	if (e == OK) {
		resolve(d, &report, &list);
		hits_report_write(&report, &body);
		e = tell(d, who->party, ENTRY_HITS, 1, buf_span(&body), &index, f);
	}
	if (e == OK)
		e = alarm(d, who->party, &report, &alarms, f);
	pthread_mutex_unlock(&d->lock);
	call_listeners(d, before);
	buf_release(&list);
	buf_release(&body);
	if (e == OK)
		*ret_alarms = alarms;
	return e;
}

/* ---- reading ---- */

const struct decision_set *docket_hold(struct docket *d)
{
	pthread_mutex_lock(&d->lock);
	return d->set;
}

void docket_let(struct docket *d)
{
	pthread_mutex_unlock(&d->lock);
}

enum err docket_values(struct docket *d, uint64_t index, struct buf *out, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op op;
	enum err e = read_proposal(d, index, &body, &store, &op, f);
	if (e == OK)
		buf_putspan(out, op.values);
	buf_release(&body);
	buf_release(&store);
	return e;
}

struct table *docket_table(struct docket *d)
{
	return d->table;
}

uint32_t docket_tick(struct docket *d)
{
	return atomic_load_explicit(&d->tick_s, memory_order_relaxed);
}

uint64_t docket_serial(struct docket *d)
{
	return atomic_load_explicit(&d->serial, memory_order_relaxed);
}

int64_t docket_time_of(struct docket *d, uint64_t serial)
{
	pthread_mutex_lock(&d->lock);
	int64_t t = journal_time(d->journal, serial);
	pthread_mutex_unlock(&d->lock);
	return t;
}

enum err docket_since(struct docket *d, uint64_t serial, struct turns *ret_turns, struct fault *f)
{
	pthread_mutex_lock(&d->lock);
	enum err e = journal_since(d->journal, serial, ret_turns);
	pthread_mutex_unlock(&d->lock);
	if (e)
		return fault_set(f, e, "serial %llu is not known any more, or never was", (unsigned long long)serial);
	turns_settle(ret_turns);
	return OK;
}

struct filling {
	struct docket *d;
	struct roster *roster;
	enum err err;
	struct fault *f;
};

static void fill(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct filling *g = ctx;
	struct force_pair p = force_pair_of(k, claims, n, atomic_load(&g->d->tick_s));
	if (g->err == OK && force_any(p))
		g->err = roster_add(g->roster, k, p, g->f);
}

/* With the lock: everything as it is now. */
static enum err make_roster(struct docket *d, struct fault *f)
{
	struct filling g = { .d = d, .f = f };
	uint32_t tick_s = atomic_load(&d->tick_s);
	enum err e = roster_new(d->writable ? d->dir : NULL, &g.roster, f);
	if (e)
		return e;
	e = table_each(d->table, force_keep, &tick_s, fill, &g, f);
	e = e ? e : g.err;
	if (e == OK)
		e = roster_end(g.roster, docket_serial(d), f);
	if (e) {
		roster_drop(g.roster);
		return e;
	}
	roster_drop(d->roster);
	d->roster = g.roster;
	return OK;
}

enum err docket_full(struct docket *d, struct roster **ret_roster, struct turns *ret_since, struct fault *f)
{
	enum err e = OK;
	pthread_mutex_lock(&d->lock);
	if (!d->roster || journal_since(d->journal, roster_serial(d->roster), ret_since)) {
		e = make_roster(d, f);
	} else if (ret_since->store.n / 64 > TURNS_MAX + roster_count(d->roster) / 8) {
		turns_release(ret_since);
		e = make_roster(d, f);
	} else {
		*ret_roster = roster_hold(d->roster);
		pthread_mutex_unlock(&d->lock);
		turns_settle(ret_since);
		return OK;
	}
	if (e == OK) {
		*ret_roster = roster_hold(d->roster);
		*ret_since = (struct turns){ .from = roster_serial(d->roster), .serial = roster_serial(d->roster) };
	}
	pthread_mutex_unlock(&d->lock);
	return e;
}
