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
#include "gate/docket_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/octets.h"
#include "sys/key.h"

enum { SAVED_JOURNAL = 16 << 20, STATE_HEAD = 24, STATE_LANE = 16, TURNS_MAX = 1 << 16 };

/* ---- opening and saving ---- */

/* Saved beside the table: the index of the first entry that is not in it, the tick, how many lanes of peers there are and for each its number and
 * the same index; and the journal.  Before there were any, "SIPARDK1", without them. */
enum err docket_save(struct docket *d, struct fault *f)
{
	struct buf state = { 0 };
	uint8_t head[STATE_HEAD];
	if (!d->writable || (d->saved == d->folded && !d->foreign_changed))
		return OK;
	memcpy(head, "SIPARDK2", 8);
	put_le(head + 8, d->folded, 8);
	put_le(head + 16, atomic_load(&d->tick_s), 8);
	buf_put(&state, head, sizeof(head));
	buf_putle(&state, d->n_foreign, 8);
	for (unsigned i = 0; i < d->n_foreign; i++) {
		buf_putle(&state, d->foreign[i]->lane.number, 8);
		buf_putle(&state, d->foreign[i]->folded, 8);
	}
	journal_write(d->journal, SAVED_JOURNAL, &state);
	enum err e = table_save(d->table, d->folded, buf_span(&state), f);
	buf_release(&state);
	if (e == OK) {
		d->saved = d->folded;
		d->foreign_changed = false;
	}
	return e;
}

/* How far the saved table has the lanes of peers. */
static bool restore_foreign(struct docket *d, struct span *rest)
{
	uint64_t n = rest->n >= 8 ? get_le(rest->p, 8) : LANES_MAX + 1;
	*rest = span_from(*rest, 8);
	if (n > LANES_MAX || rest->n < n * STATE_LANE)
		return false;
	for (; n; n--, *rest = span_from(*rest, STATE_LANE)) {
		uint64_t lane = get_le(rest->p, 8);
		if (lane >= LANES_MAX)
			return false;
		d->foreign_saved[lane] = get_le(rest->p + 8, 8);
	}
	return true;
}

/* @return false: there is nothing, or nothing that could be used. */
static bool restore(struct docket *d, uint64_t folded)
{
	struct span state = table_saved_views(d->table);
	bool old = span_starts(state, SPAN_LIT("SIPARDK1"));
	if (state.n < STATE_HEAD || (!old && !span_starts(state, SPAN_LIT("SIPARDK2"))) || get_le(state.p + 8, 8) != folded ||
	    folded > d->lane.size)
		return false;
	struct span rest = span_from(state, STATE_HEAD);
	if (!(old || restore_foreign(d, &rest)) || journal_read(rest, &d->journal))
		return false;
	d->folded = d->saved = folded;
	atomic_store(&d->tick_s, (uint32_t)get_le(state.p + 16, 8));
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
	if (anew)
		memset(d->foreign_saved, 0, sizeof(d->foreign_saved));
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

/* One that will never be in force again. */
static bool is_over(void *ctx, uint64_t of)
{
	const struct docket *d = ctx;
	const struct decision *is = decision_find(d->set, of);
	return !is || is->state == DECISION_REFUSED || is->state == DECISION_RETRACTED || is->state == DECISION_EXPIRED;
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
	if (e == OK) {
		d->met = met_new(table_seed(d->table), is_over, d);
		e = docket_fold(d, f);
	}
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
		(void)!docket_save(d, NULL); /* derived: what is not saved is folded again */
	roster_drop(d->roster);
	table_close(d->table);
	journal_free(d->journal);
	met_free(d->met);
	decision_set_free(d->set);
	docket_free_foreign(d);
	free(d->reporter);
	pthread_mutex_destroy(&d->lock);
	free(d->dir);
	free(d);
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

bool docket_guarded_from(struct docket *d, const struct observable *o, uint8_t action, struct buf *out)
{
	return d->guard && d->guard(d->guard_ctx, o, action, out);
}

bool docket_guarded(struct docket *d, const struct observable *o, struct buf *out)
{
	return docket_guarded_from(d, o, ACTION_BLOCK, out);
}

void docket_listen(struct docket *d, void (*call)(void *ctx, uint64_t serial), void *ctx)
{
	d->listener[d->n_listeners].call = call;
	d->listener[d->n_listeners++].ctx = ctx;
}

/* ---- reading ---- */

const struct decision_set *docket_hold(struct docket *d)
{
	pthread_mutex_lock(&d->lock);
	return d->set;
}

const struct decision_set *docket_try_hold(struct docket *d)
{
	return pthread_mutex_trylock(&d->lock) == 0 ? d->set : NULL;
}

void docket_let(struct docket *d)
{
	pthread_mutex_unlock(&d->lock);
}

enum err docket_values(struct docket *d, uint64_t index, struct buf *out, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct decision_op op;
	enum err e = docket_read(d, index, &body, &store, &op, f);
	if (e == OK)
		buf_putspan(out, op.values);
	buf_release(&body);
	buf_release(&store);
	return e;
}

void docket_met(struct docket *d, const struct observable *o, size_t n, uint32_t *ret_hits)
{
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < n; i++)
		ret_hits[i] = met_count(d->met, &(struct table_key){ .kind = o[i].kind, .prefix = o[i].prefix, .n = o[i].n, .p = o[i].key });
	pthread_mutex_unlock(&d->lock);
}

struct table *docket_table(struct docket *d)
{
	return d->table;
}

uint32_t docket_tick(struct docket *d)
{
	return atomic_load_explicit(&d->tick_s, memory_order_relaxed);
}

uint64_t docket_protections(struct docket *d)
{
	return atomic_load_explicit(&d->protections, memory_order_acquire);
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
