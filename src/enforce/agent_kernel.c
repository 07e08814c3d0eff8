/* What should be in the kernel follows from the values, who is spared, and whether the node is away.  If the kernel refuses a change, the sets are
 * compared: that needs no memory of what went wrong.
 *
 * Whole addresses to be blocked are in plain sets; everything else is in sets of ranges, which are computed from the values as a whole and changed by the
 * difference. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/clock.h"
#include "enforce/agent_parts.h"

enum { READ_MAX = 1 << 16 /* values of a set that is read: the kernel's time grows with the square */ };

const struct nft_set agent_sets[SETS] = {
	[BLOCK4] = { "block4", 4, false }, [BLOCK6] = { "block6", 16, false },
	[NET4] = { "net4", 4, true }, [NET6] = { "net6", 16, true },
	[CHALLENGE4] = { "challenge4", 4, true }, [CHALLENGE6] = { "challenge6", 16, true },
};

#define RULES(chain, to) \
	{ chain, to, &agent_sets[BLOCK4] }, { chain, to, &agent_sets[NET4] }, { chain, to, &agent_sets[BLOCK6] }, { chain, to, &agent_sets[NET6] }
static const struct nft_rule rules[] = { RULES(NFT_INPUT, false), RULES(NFT_FORWARD, false), RULES(NFT_FORWARD, true), RULES(NFT_OUTPUT, true) };

/* ---- what should be in the kernel ---- */

enum set_id agent_set_of(const struct value *v)
{
	bool v6 = v->octets == 16;
	if (v->action == VALUE_CHALLENGE)
		return v6 ? CHALLENGE6 : CHALLENGE4;
	return value_is_address(v) ? v6 ? BLOCK6 : BLOCK4 : v6 ? NET6 : NET4;
}

/* While the node is away nothing gets older: what was a day old when it was heard of last stays. */
static bool is_wanted(const struct agent *a, const struct value *v)
{
	if (v->spared || !nft_has(a->nft, &agent_sets[agent_set_of(v)]))
		return false;
	if (a->away != DROPPED || a->o->offline == OFFLINE_KEEP)
		return true;
	return a->o->offline == OFFLINE_DROP_YOUNG && v->since_s && (int64_t)v->since_s <= a->head.heard_s - AGENT_OLD_S;
}

/* ---- gathering changes ---- */

static void would(struct agent *a, const char *verb, const struct nft_set *s, const uint8_t *first, const uint8_t *last)
{
	char text[160], from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int family = s->octets == 4 ? AF_INET : AF_INET6;
	inet_ntop(family, first, from, sizeof(from));
	inet_ntop(family, last, to, sizeof(to));
	snprintf(text, sizeof(text), strcmp(from, to) == 0 ? "%s %s %s" : "%s %s %s-%s", verb, s->name, from, to);
	agent_tell(a, &(struct agent_event){ .what = AGENT_WOULD, .text = text });
}

void agent_gather_removal(struct agent *a, enum set_id id, const uint8_t *first, const uint8_t *last)
{
	a->removed++;
	if (a->o->dry_run)
		would(a, "remove", &agent_sets[id], first, last);
	else
		nft_remove(a->nft, &agent_sets[id], first, last);
}

static void gather_addition(struct agent *a, enum set_id id, const uint8_t *first, const uint8_t *last)
{
	a->added++;
	if (a->o->dry_run)
		would(a, "add", &agent_sets[id], first, last);
	else
		nft_add(a->nft, &agent_sets[id], first, last);
}

struct range_change {
	struct agent *a;
	enum set_id id;
	bool removals; /* else additions */
};

static void range_gone(void *ctx, const struct range *r)
{
	struct range_change *c = ctx;
	if (c->removals)
		agent_gather_removal(c->a, c->id, r->first, r->last);
}

static void range_come(void *ctx, const struct range *r)
{
	struct range_change *c = ctx;
	if (!c->removals)
		gather_addition(c->a, c->id, r->first, r->last);
}

static void want_ranges(struct agent *a, struct ranges want[RANGE_SETS])
{
	for (unsigned i = 0; i < RANGE_SETS; i++)
		want[i] = (struct ranges){ .octets = agent_sets[NET4 + i].octets };
	for (size_t i = 0; i < values_count(a->values); i++) {
		const struct value *v = values_at(a->values, i);
		enum set_id id = agent_set_of(v);
		if (id >= NET4 && is_wanted(a, v))
			ranges_add(&want[id - NET4], v->address, v->prefix);
	}
	for (unsigned i = 0; i < RANGE_SETS; i++)
		ranges_collapse(&want[i]);
}

static void gather_ranges(struct agent *a, const struct ranges want[RANGE_SETS], bool removals)
{
	for (unsigned i = 0; i < RANGE_SETS; i++) {
		struct range_change c = { a, NET4 + i, removals };
		ranges_difference(&a->have[i], &want[i], range_gone, range_come, &c);
	}
}

static void keep_ranges(struct agent *a, struct ranges want[RANGE_SETS], bool done)
{
	for (unsigned i = 0; i < RANGE_SETS; i++) {
		struct ranges *old = done ? &a->have[i] : &want[i];
		ranges_release(old);
		if (done)
			a->have[i] = want[i];
	}
	a->ranges_changed &= !done;
}

/* ---- the transaction ---- */

static enum err commit(struct agent *a, struct fault *f)
{
	uint32_t generation;
	if (a->o->dry_run || (a->added == 0 && a->removed == 0))
		return OK;
	enum err e = nft_commit(a->nft, f);
	if (e == OK && nft_generation(a->nft, &generation, f) == OK && generation == a->generation + 1)
		a->generation = generation; /* else somebody was between: the next round sees it */
	return e;
}

void agent_remember(struct agent *a, const struct value *v)
{
	if (a->notebook)
		notebook_put(a->notebook, v);
	a->state_changed = true;
}

/* The kernel has it. */
static void mark_applied(struct agent *a, struct value *v)
{
	v->applied = true;
	if (v->since_s == 0) {
		v->since_s = (uint32_t)(clock_ms() / 1000);
		agent_remember(a, v);
	}
}

void agent_begin(struct agent *a)
{
	a->added = a->removed = 0;
	a->made = false;
}

/* ---- everything ---- */

/* The kernel has what `applied` and `have` say, but for what is gathered already. */
enum err agent_settle(struct agent *a, struct fault *f)
{
	struct ranges want[RANGE_SETS];
	want_ranges(a, want);
	gather_ranges(a, want, true);
	for (int adding = 0; adding < 2; adding++) {
		for (size_t i = 0; i < values_count(a->values); i++) {
			const struct value *v = values_at(a->values, i);
			bool wanted = is_wanted(a, v);
			if (agent_set_of(v) >= NET4 || wanted == v->applied || wanted != adding)
				continue;
			if (adding)
				gather_addition(a, agent_set_of(v), v->address, v->address);
			else
				agent_gather_removal(a, agent_set_of(v), v->address, v->address);
		}
	}
	gather_ranges(a, want, false);
	enum err e = commit(a, f);
	keep_ranges(a, want, e == OK);
	for (size_t i = 0; e == OK && i < values_count(a->values); i++) {
		struct value *v = values_at(a->values, i);
		v->applied = false;
		if (is_wanted(a, v))
			mark_applied(a, v);
	}
	return e;
}

struct comparing {
	struct agent *a;
	enum set_id id;
};

static void compare_address(void *ctx, const uint8_t *first, const uint8_t *last)
{
	struct comparing *c = ctx;
	struct value *v = values_find_address(c->a->values, first, agent_sets[c->id].octets);
	if (v && v->action == VALUE_BLOCK && is_wanted(c->a, v))
		v->mark = c->a->mark;
	else
		agent_gather_removal(c->a, c->id, first, last);
}

static void compare_range(void *ctx, const uint8_t *first, const uint8_t *last)
{
	struct comparing *c = ctx;
	ranges_add_from_to(&c->a->have[c->id - NET4], first, last);
}

/* What the kernel has of one set.  @param n_wanted  how many it should have.
 *  @param ret_filled  it is too large to be read, and will be emptied and filled. */
static enum err read_set(struct agent *a, enum set_id id, size_t n_wanted, bool *ret_filled, struct fault *f)
{
	struct comparing c = { a, id };
	size_t max = a->o->dry_run ? SIZE_MAX / 4 : READ_MAX;
	enum err e = n_wanted > max ? ERR_FULL : nft_each(a->nft, &agent_sets[id], max, id < NET4 ? compare_address : compare_range, &c, f);
	*ret_filled = e == ERR_FULL;
	if (e == ERR_NOTFOUND && a->o->dry_run) /* no such table yet */
		return OK;
	return e == ERR_FULL ? OK : e;
}

static enum err read_sets(struct agent *a, const struct ranges want[RANGE_SETS], bool ret_filled[SETS], struct fault *f)
{
	size_t n[SETS] = { 0 };
	enum err e = OK;
	a->mark++;
	for (size_t i = 0; i < values_count(a->values); i++) {
		const struct value *v = values_at(a->values, i);
		n[agent_set_of(v)] += is_wanted(a, v);
	}
	for (unsigned i = 0; i < RANGE_SETS; i++) {
		ranges_clear(&a->have[i]);
		n[NET4 + i] = want[i].n;
	}
	for (unsigned id = 0; id < SETS && e == OK; id++)
		if (nft_has(a->nft, &agent_sets[id]))
			e = read_set(a, id, n[id], &ret_filled[id], f);
	return e;
}

static void flush_filled(struct agent *a, const bool filled[SETS])
{
	for (unsigned id = 0; id < SETS; id++)
		if (filled[id]) {
			nft_flush(a->nft, &agent_sets[id]);
			a->removed++;
		}
}

static enum err ensure(struct agent *a, bool *ret_made, struct fault *f)
{
	*ret_made = false;
	if (a->o->dry_run)
		return OK;
	return nft_ensure(a->nft, agent_sets, SETS, rules, a->o->no_rules ? 0 : COUNT_OF(rules), AGENT_PRIORITY, ret_made, f);
}

/* Read what the kernel has, and change the difference. */
enum err agent_reconcile(struct agent *a, struct fault *f)
{
	struct ranges want[RANGE_SETS];
	bool made, filled[SETS] = { false };
	uint64_t begin = clock_mono_ns() / 1000000;
	enum err e = ensure(a, &made, f);
	if (e == OK)
		e = nft_generation(a->nft, &a->generation, f);
	agent_begin(a);
	want_ranges(a, want);
	if (e == OK)
		e = read_sets(a, want, filled, f);
	if (e == OK) {
		flush_filled(a, filled);
		gather_ranges(a, want, true);
		for (size_t i = 0; i < values_count(a->values); i++) {
			const struct value *v = values_at(a->values, i);
			enum set_id id = agent_set_of(v);
			if (id < NET4 && is_wanted(a, v) && (filled[id] || v->mark != a->mark))
				gather_addition(a, id, v->address, v->address);
		}
		gather_ranges(a, want, false);
		e = commit(a, f);
	}
	a->made = e == OK && made;
	keep_ranges(a, want, e == OK);
	for (size_t i = 0; e == OK && i < values_count(a->values); i++) {
		struct value *v = values_at(a->values, i);
		v->applied = false;
		if (is_wanted(a, v))
			mark_applied(a, v);
	}
	a->compared_ms = clock_mono_ns() / 1000000;
	a->compare_took_ms = a->compared_ms - begin;
	return e;
}

/* ---- the changes of an answer alone ---- */

static struct value *pending_at(struct agent *a, size_t i)
{
	const struct value *p = (const void *)(a->pending.p + i * sizeof(*p));
	struct observable o = value_observable(p);
	return values_find(a->values, &o);
}

enum err agent_apply(struct agent *a, struct fault *f)
{
	struct ranges want[RANGE_SETS];
	bool with_ranges = a->ranges_changed;
	size_t n = a->pending.n / sizeof(struct value);
	if (with_ranges) {
		want_ranges(a, want);
		gather_ranges(a, want, true);
	}
	for (size_t i = 0; i < n; i++) {
		const struct value *v = pending_at(a, i);
		if (v && !v->applied && agent_set_of(v) < NET4 && is_wanted(a, v))
			gather_addition(a, agent_set_of(v), v->address, v->address);
	}
	if (with_ranges)
		gather_ranges(a, want, false);
	enum err e = commit(a, f);
	if (with_ranges)
		keep_ranges(a, want, e == OK);
	for (size_t i = 0; e == OK && i < n; i++) {
		struct value *v = pending_at(a, i);
		if (v && is_wanted(a, v))
			mark_applied(a, v);
	}
	return e;
}

