/* What should be in the kernel follows from the values, who is spared, and whether the node is away.  Changes of a few values go there directly
 * (take_answer()); everything else that can change it, by one pass over all values (settle(), or compare() when the kernel is not
 * trusted).  If the kernel refuses a change, the sets are compared: that needs no memory of what went wrong.
 *
 * Whole addresses to be blocked are in plain sets; everything else is in sets of ranges, which are computed from the values as a whole and changed by the
 * difference. */
#include "enforce/agent.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "enforce/answer.h"
#include "enforce/ranges.h"
#include "enforce/spared.h"
#include "enforce/notebook.h"
#include "sys/fetch.h"
#include "sys/nft.h"

enum {
	ANSWER_MAX = 1 << 30,     /* octets */
	READ_MAX = 1 << 16,       /* values of a set that is read: the kernel's time grows with the square */
	LOOK_MS = 10000,          /* how often addresses, gateways and resolvers of this host are looked at */
	COMPARE_GAP_MS = 1000, COMPARE_SHARE = 50, /* after a change by others, at most one part in so many of the time */
	HEARD_EVERY_S = 600,      /* how old the saved time of the last answer may be */
	KEY_MAX = 512, URL_MAX = 900,
};

enum set_id { BLOCK4, BLOCK6, NET4, NET6, CHALLENGE4, CHALLENGE6, SETS, RANGE_SETS = SETS - NET4 };

static const struct nft_set sets[SETS] = {
	[BLOCK4] = { "block4", 4, false }, [BLOCK6] = { "block6", 16, false },
	[NET4] = { "net4", 4, true }, [NET6] = { "net6", 16, true },
	[CHALLENGE4] = { "challenge4", 4, true }, [CHALLENGE6] = { "challenge6", 16, true },
};

#define RULES(chain, to) \
	{ chain, to, &sets[BLOCK4] }, { chain, to, &sets[NET4] }, { chain, to, &sets[BLOCK6] }, { chain, to, &sets[NET6] }
static const struct nft_rule rules[] = { RULES(NFT_INPUT, false), RULES(NFT_FORWARD, false), RULES(NFT_FORWARD, true), RULES(NFT_OUTPUT, true) };

enum away { HERE, AWAY /* and all stays */, DROPPED };

struct agent {
	const struct agent_options *o;
	struct fetcher *fetcher;
	struct nft *nft;
	struct notebook *notebook;
	struct values *values;
	struct spared *spared, *node; /* all; the addresses of the node, as they were found last */
	struct ranges have[RANGE_SETS]; /* in the kernel */
	struct notebook_head head;

	enum away away;
	bool reached, heard_once;
	bool must_compare, must_settle, whole;
	bool capped;                /* the node has no changes of this feed to tell: it is asked for all, with an ETag */
	bool ranges_changed;
	uint32_t generation;        /* of the rule set behind our last change */
	int64_t saved_heard_s;
	uint64_t looked_ms, compared_ms, compare_took_ms;
	bool state_changed;
	uint32_t mark;              /* of the pass through the values that is under way */

	struct buf pending;         /* struct value: that the kernel is to be given */
	size_t added, removed;      /* of the transaction that is gathered */
	bool made;                  /* a table, set or rule that was missing */
	struct fetch_extra extra;
	char key[KEY_MAX + 32], enforced[64], host[256], url[URL_MAX], trouble[400];
};

/* ---- telling ---- */

static void tell(struct agent *a, const struct agent_event *e)
{
	a->o->tell(a->o->ctx, e);
}

static void tell_trouble(struct agent *a, const struct fault *f)
{
	if (strcmp(a->trouble, f->text) == 0)
		return;
	snprintf(a->trouble, sizeof(a->trouble), "%s", f->text);
	tell(a, &(struct agent_event){ .what = AGENT_TROUBLE, .text = f->text });
}

static uint64_t mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

/* ---- what should be in the kernel ---- */

static enum set_id set_of(const struct value *v)
{
	bool v6 = v->octets == 16;
	if (v->action == VALUE_CHALLENGE)
		return v6 ? CHALLENGE6 : CHALLENGE4;
	return value_is_address(v) ? v6 ? BLOCK6 : BLOCK4 : v6 ? NET6 : NET4;
}

/* While the node is away nothing gets older: what was a day old when it was heard of last stays. */
static bool is_wanted(const struct agent *a, const struct value *v)
{
	if (v->spared || !nft_has(a->nft, &sets[set_of(v)]))
		return false;
	if (a->away != DROPPED || a->o->offline == OFFLINE_KEEP)
		return true;
	return a->o->offline == OFFLINE_DROP_YOUNG && v->since_s && (int64_t)v->since_s <= a->head.heard_s - AGENT_OLD_S;
}

static void look_whether_spared(struct agent *a, struct value *v)
{
	const char *why = spared_why(a->spared, v);
	if (why && !v->spared) {
		struct observable o = value_observable(v);
		struct buf text = { 0 };
		obs_format(&o, &text);
		tell(a, &(struct agent_event){ .what = AGENT_SPARED, .value = buf_cstr(&text), .text = why });
		buf_release(&text);
	}
	v->spared = why != NULL;
}

/* The addresses of the node are asked for anew when `node`; without an answer what is known stays. */
static void look_at_node(struct agent *a)
{
	struct spared *found = mem_zalloc(sizeof(*found));
	spared_add_node(found, a->host);
	if (found->n)
		*a->node = *found;
	free(found);
}

/* @return whether other things are spared now. */
static bool look_at_host(struct agent *a, bool node, bool now)
{
	struct fault f;
	if (!now && a->looked_ms && mono_ms() - a->looked_ms < LOOK_MS)
		return false;
	if (node)
		look_at_node(a);
	struct spared *s = mem_zalloc(sizeof(*s));
	for (unsigned i = 0; i < a->o->n_spare; i++)
		(void)!spared_add(s, span_str(a->o->spare[i]), "you say so (--spare)", &f);
	for (unsigned i = 0; i < a->node->n; i++)
		spared_add_address(s, a->node->row[i].address, a->node->row[i].octets, a->node->row[i].why);
	spared_add_host(s, a->o->resolv_conf);
	spared_add_builtin(s);
	a->looked_ms = mono_ms();
	bool changed = !a->spared->cover || !spared_same(s, a->spared);
	if (changed) {
		spared_release(a->spared);
		free(a->spared);
		a->spared = s;
		spared_ready(s);
	} else
		free(s);
	for (size_t i = 0; changed && i < values_count(a->values); i++)
		look_whether_spared(a, values_at(a->values, i));
	return changed;
}

/* ---- gathering changes ---- */

static void would(struct agent *a, const char *verb, const struct nft_set *s, const uint8_t *first, const uint8_t *last)
{
	char text[160], from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int family = s->octets == 4 ? AF_INET : AF_INET6;
	inet_ntop(family, first, from, sizeof(from));
	inet_ntop(family, last, to, sizeof(to));
	snprintf(text, sizeof(text), strcmp(from, to) == 0 ? "%s %s %s" : "%s %s %s-%s", verb, s->name, from, to);
	tell(a, &(struct agent_event){ .what = AGENT_WOULD, .text = text });
}

static void gather_removal(struct agent *a, enum set_id id, const uint8_t *first, const uint8_t *last)
{
	a->removed++;
	if (a->o->dry_run)
		would(a, "remove", &sets[id], first, last);
	else
		nft_remove(a->nft, &sets[id], first, last);
}

static void gather_addition(struct agent *a, enum set_id id, const uint8_t *first, const uint8_t *last)
{
	a->added++;
	if (a->o->dry_run)
		would(a, "add", &sets[id], first, last);
	else
		nft_add(a->nft, &sets[id], first, last);
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
		gather_removal(c->a, c->id, r->first, r->last);
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
		want[i] = (struct ranges){ .octets = sets[NET4 + i].octets };
	for (size_t i = 0; i < values_count(a->values); i++) {
		const struct value *v = values_at(a->values, i);
		enum set_id id = set_of(v);
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

static void remember(struct agent *a, const struct value *v)
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
		remember(a, v);
	}
}

static void begin_changes(struct agent *a)
{
	a->added = a->removed = 0;
	a->made = false;
}

/* ---- everything ---- */

/* The kernel has what `applied` and `have` say, but for what is gathered already. */
static enum err settle(struct agent *a, struct fault *f)
{
	struct ranges want[RANGE_SETS];
	want_ranges(a, want);
	gather_ranges(a, want, true);
	for (int adding = 0; adding < 2; adding++) {
		for (size_t i = 0; i < values_count(a->values); i++) {
			const struct value *v = values_at(a->values, i);
			bool wanted = is_wanted(a, v);
			if (set_of(v) >= NET4 || wanted == v->applied || wanted != adding)
				continue;
			if (adding)
				gather_addition(a, set_of(v), v->address, v->address);
			else
				gather_removal(a, set_of(v), v->address, v->address);
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
	struct value *v = values_find_address(c->a->values, first, sets[c->id].octets);
	if (v && v->action == VALUE_BLOCK && is_wanted(c->a, v))
		v->mark = c->a->mark;
	else
		gather_removal(c->a, c->id, first, last);
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
	enum err e = n_wanted > max ? ERR_FULL : nft_each(a->nft, &sets[id], max, id < NET4 ? compare_address : compare_range, &c, f);
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
		n[set_of(v)] += is_wanted(a, v);
	}
	for (unsigned i = 0; i < RANGE_SETS; i++) {
		ranges_clear(&a->have[i]);
		n[NET4 + i] = want[i].n;
	}
	for (unsigned id = 0; id < SETS && e == OK; id++)
		if (nft_has(a->nft, &sets[id]))
			e = read_set(a, id, n[id], &ret_filled[id], f);
	return e;
}

static void flush_filled(struct agent *a, const bool filled[SETS])
{
	for (unsigned id = 0; id < SETS; id++)
		if (filled[id]) {
			nft_flush(a->nft, &sets[id]);
			a->removed++;
		}
}

static enum err ensure(struct agent *a, bool *ret_made, struct fault *f)
{
	*ret_made = false;
	if (a->o->dry_run)
		return OK;
	return nft_ensure(a->nft, sets, SETS, rules, a->o->no_rules ? 0 : COUNT_OF(rules), AGENT_PRIORITY, ret_made, f);
}

/* Read what the kernel has, and change the difference. */
static enum err compare(struct agent *a, struct fault *f)
{
	struct ranges want[RANGE_SETS];
	bool made, filled[SETS] = { false };
	uint64_t begin = mono_ms();
	enum err e = ensure(a, &made, f);
	if (e == OK)
		e = nft_generation(a->nft, &a->generation, f);
	begin_changes(a);
	want_ranges(a, want);
	if (e == OK)
		e = read_sets(a, want, filled, f);
	if (e == OK) {
		flush_filled(a, filled);
		gather_ranges(a, want, true);
		for (size_t i = 0; i < values_count(a->values); i++) {
			const struct value *v = values_at(a->values, i);
			enum set_id id = set_of(v);
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
	a->compared_ms = mono_ms();
	a->compare_took_ms = a->compared_ms - begin;
	return e;
}

/* ---- what the node answers ---- */

static void remove_value(struct agent *a, struct value *v)
{
	enum set_id id = set_of(v);
	if (v->applied && id < NET4)
		gather_removal(a, id, v->address, v->address);
	a->ranges_changed |= id >= NET4;
	if (a->notebook)
		notebook_remove(a->notebook, v);
	values_remove(a->values, v);
	a->state_changed = true;
}

static void put_value(struct agent *a, const struct observable *o, enum value_action action)
{
	struct value *v = values_find(a->values, o);
	bool known = v != NULL;
	if (!v && !(v = values_put(a->values, o)))
		return;
	v->mark = a->mark;
	if (known && v->action == action)
		return;
	if (known && v->applied && set_of(v) < NET4)
		gather_removal(a, set_of(v), v->address, v->address);
	a->ranges_changed |= known && set_of(v) >= NET4;
	v->action = (uint8_t)action;
	v->applied = false;
	v->since_s = 0;
	a->ranges_changed |= set_of(v) >= NET4;
	look_whether_spared(a, v);
	remember(a, v);
	buf_put(&a->pending, v, sizeof(*v));
}

static void take_value(void *ctx, const struct observable *o, enum answer_does does)
{
	struct agent *a = ctx;
	struct value *v = does == ANSWER_REMOVES ? values_find(a->values, o) : NULL;
	if (v)
		remove_value(a, v);
	else if (does != ANSWER_REMOVES)
		put_value(a, o, does == ANSWER_BLOCKS ? VALUE_BLOCK : VALUE_CHALLENGE);
}

static void remove_unmarked(struct agent *a)
{
	for (size_t i = values_count(a->values); i-- > 0;)
		if (values_at(a->values, i)->mark != a->mark)
			remove_value(a, values_at(a->values, i));
}

static struct value *pending_at(struct agent *a, size_t i)
{
	const struct value *p = (const void *)(a->pending.p + i * sizeof(*p));
	struct observable o = value_observable(p);
	return values_find(a->values, &o);
}

/* The changes of an answer alone: removals of addresses are gathered already. */
static enum err apply_changes(struct agent *a, struct fault *f)
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
		if (v && !v->applied && set_of(v) < NET4 && is_wanted(a, v))
			gather_addition(a, set_of(v), v->address, v->address);
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

/* ---- a round ---- */

static void tell_change(struct agent *a, enum agent_what what, uint64_t serial, uint64_t began_ns)
{
	if (a->added || a->removed || a->made)
		tell(a, &(struct agent_event){ .what = what, .serial = serial, .added = a->added, .removed = a->removed,
					       .values = values_count(a->values), .took_us = (clock_mono_ns() - began_ns) / 1000 });
}

/* By whatever is needed; if the kernel does not take the small way, by the long one. */
static enum err enforce(struct agent *a, enum agent_what what, uint64_t serial, struct fault *f)
{
	uint64_t began_ns = clock_mono_ns();
	enum err e = a->must_compare ? compare(a, f) : a->must_settle ? settle(a, f) : apply_changes(a, f);
	if ((e == ERR_NOTFOUND || e == ERR_EXISTS) && !a->must_compare) {
		e = compare(a, f);
		what = AGENT_REPAIRED;
	}
	a->must_compare = e != OK;
	a->must_settle = false;
	a->pending.n = 0;
	if (e == OK)
		tell_change(a, what, serial, began_ns);
	return e;
}

static enum err save(struct agent *a, struct fault *f)
{
	if (!a->notebook || (!a->state_changed && a->head.heard_s - a->saved_heard_s < HEARD_EVERY_S))
		return OK;
	enum err e = notebook_commit(a->notebook, &a->head, a->values, f);
	if (e == OK) {
		a->state_changed = false;
		a->saved_heard_s = a->head.heard_s;
	}
	return e;
}

static bool asks_since(const struct agent *a)
{
	return a->head.serial && !a->whole && !a->capped;
}

static enum err fetch(struct agent *a, struct buf *out, unsigned *ret_status, struct fault *f)
{
	int n = snprintf(a->url, sizeof(a->url), "%s/v1/feeds/%s.json", a->o->url, a->o->feed);
	if (asks_since(a))
		snprintf(a->url + n, sizeof(a->url) - (size_t)n, "?since=%llu", (unsigned long long)a->head.serial);
	if (!a->capped || a->whole)
		a->extra.etag[0] = 0;
	snprintf(a->enforced, sizeof(a->enforced), a->o->dry_run ? "Sipar-Enforced: none" : "Sipar-Enforced: %llu", (unsigned long long)a->head.serial);
	a->extra.header[1] = a->enforced;
	return fetch_get_extra(a->fetcher, a->url, &a->extra, ANSWER_MAX, out, ret_status, f);
}

static enum err refused(struct agent *a, unsigned status, struct fault *f)
{
	switch (status) {
	case 401:
	case 403:
		return fault_set(f, ERR_FORBIDDEN, "the node does not take the key for feed \"%s\" (status %u)", a->o->feed, status);
	case 404:
		return fault_set(f, ERR_NOTFOUND, "the node has no feed \"%s\" of type list (status 404)", a->o->feed);
	default:
		return fault_set(f, ERR_IO, "the node answers with status %u", status);
	}
}

static void take_back(struct agent *a, uint64_t serial)
{
	if (a->away == HERE)
		return;
	a->must_settle |= a->away == DROPPED;
	a->away = HERE;
	tell(a, &(struct agent_event){ .what = AGENT_BACK, .serial = serial });
}

/* @param ret_serial  what is enforced when the kernel has taken it. */
static enum err take_answer(struct agent *a, struct span text, uint64_t *ret_serial, struct fault *f)
{
	bool asked_since = asks_since(a);
	struct answer answer;
	a->mark++;
	enum err e = answer_read(text, a->o->feed, asked_since ? &a->head.serial : NULL, &answer, take_value, a, f);
	if (e)
		return e;
	if (answer.complete)
		remove_unmarked(a);
	a->state_changed |= answer.serial != a->head.serial;
	a->capped = answer.complete && (a->capped || asked_since) && answer.serial == a->head.serial;
	a->whole = false;
	*ret_serial = answer.serial;
	return OK;
}

/* It cannot be reached, or does not answer as it should. */
static enum err be_away(struct agent *a, enum err why, const struct fault *f)
{
	int64_t now_s = clock_ms() / 1000;
	a->reached = false;
	if (!a->heard_once && values_count(a->values) == 0 && (why == ERR_FORBIDDEN || why == ERR_NOTFOUND))
		return why;
	if (a->away == HERE) {
		a->away = AWAY;
		tell(a, &(struct agent_event){ .what = AGENT_AWAY, .text = f->text });
		if (a->head.heard_s == 0 || a->head.heard_s > now_s)
			a->head.heard_s = now_s; /* nothing is known of before */
	}
	if (a->away == AWAY && now_s - a->head.heard_s >= a->o->grace_s) {
		a->away = DROPPED;
		a->must_settle = a->o->offline != OFFLINE_KEEP;
	}
	return OK;
}

static bool changed_by_others(struct agent *a)
{
	uint32_t generation;
	struct fault f;
	uint64_t gap = a->compare_took_ms * COMPARE_SHARE;
	if (mono_ms() - a->compared_ms < (gap > COMPARE_GAP_MS ? gap : COMPARE_GAP_MS))
		return false;
	return !a->o->dry_run && nft_generation(a->nft, &generation, &f) == OK && generation != a->generation;
}

static enum err ask_node(struct agent *a, uint64_t *ret_serial, struct fault *f)
{
	struct buf text = { 0 };
	unsigned status = 0;
	begin_changes(a);
	enum err e = fetch(a, &text, &status, f);
	if (e == OK && status != 200 && status != 304)
		e = refused(a, status, f);
	if (e == OK && status == 200)
		e = take_answer(a, buf_span(&text), ret_serial, f);
	buf_release(&text);
	if (e == ERR_CANCELLED)
		return e;
	if (e)
		return be_away(a, e, f);
	a->reached = a->heard_once = true;
	a->head.heard_s = clock_ms() / 1000;
	take_back(a, *ret_serial);
	return OK;
}

enum err agent_round(struct agent *a, bool *ret_again, struct fault *f)
{
	uint64_t serial = a->head.serial;
	enum away before = a->away;
	enum agent_what what = AGENT_ENFORCED;
	*ret_again = false;
	a->must_settle |= look_at_host(a, a->whole || a->must_compare || a->node->n == 0, a->must_compare);
	enum err e = ask_node(a, &serial, f);
	if (e)
		return e;
	if (!a->must_compare && changed_by_others(a)) {
		a->must_compare = true;
		what = AGENT_REPAIRED;
	}
	e = enforce(a, a->away == DROPPED && before != DROPPED ? AGENT_DROPPED : what, serial, f);
	if (e == OK) {
		*ret_again = serial != a->head.serial;
		a->head.serial = serial;
		e = save(a, f);
	}
	if (e)
		tell_trouble(a, f);
	else
		a->trouble[0] = 0;
	return e;
}

bool agent_reached(const struct agent *a)
{
	return a->reached;
}

void agent_compare(struct agent *a, bool whole)
{
	a->must_compare = true;
	a->whole |= whole;
}

/* ---- beginning and end ---- */

/* "http://user@[2001:db8::1]:8300/x" */
static void take_host(struct agent *a)
{
	struct span url = span_str(a->o->url), authority = span_from(url, span_find(url, ':') + 3);
	authority = span_head(authority, span_find(authority, '/'));
	size_t at = span_find(authority, '@');
	if (at < authority.n)
		authority = span_from(authority, at + 1);
	bool bracket = authority.n && authority.p[0] == '[';
	struct span host = bracket ? span_from(authority, 1) : authority;
	host = span_head(host, span_find(host, bracket ? ']' : ':'));
	snprintf(a->host, sizeof(a->host), SPAN_FMT, SPAN_ARG(host));
}

static enum err check(const struct agent_options *o, struct fault *f)
{
	struct span url = span_str(o->url);
	struct spared *s = mem_zalloc(sizeof(*s));
	enum err e = OK;
	if (!span_starts(url, SPAN_LIT("http://")) && !span_starts(url, SPAN_LIT("https://")))
		e = fault_set(f, ERR_USAGE, "\"%.100s\" is not a URL that begins with http:// or https://", o->url);
	else if (url.n > URL_MAX - 200)
		e = fault_set(f, ERR_USAGE, "the URL is longer than %d octets", URL_MAX - 200);
	else if (o->key && strlen(o->key) > KEY_MAX)
		e = fault_set(f, ERR_USAGE, "the key is longer than %d octets", KEY_MAX);
	for (unsigned i = 0; i < o->n_spare && e == OK; i++)
		e = spared_add(s, span_str(o->spare[i]), "", f);
	free(s);
	return e;
}

static enum err open_notebook(struct agent *a, struct fault *f)
{
	char name[64], of[NOTEBOOK_OF_MAX];
	snprintf(name, sizeof(name), "%s-%s", a->o->family, a->o->table);
	snprintf(of, sizeof(of), "%s %s", a->o->feed, a->o->url);
	return notebook_open(a->o->state, name, of, a->values, &a->head, &a->notebook, f);
}

enum err agent_new(const struct agent_options *o, struct agent **ret_agent, struct fault *f)
{
	enum err e = check(o, f);
	if (e)
		return e;
	struct agent *a = mem_zalloc(sizeof(*a));
	a->o = o;
	a->values = values_new();
	a->spared = mem_zalloc(sizeof(*a->spared));
	a->node = mem_zalloc(sizeof(*a->node));
	a->fetcher = fetcher_new(o->cancelled, o->ctx);
	a->must_compare = true;
	for (unsigned i = 0; i < RANGE_SETS; i++)
		a->have[i].octets = sets[NET4 + i].octets;
	if (o->key) {
		snprintf(a->key, sizeof(a->key), "Authorization: Bearer %s", o->key);
		a->extra.header[0] = a->key;
	}
	take_host(a);
	e = nft_open(o->family, o->table, &a->nft, f);
	if (e == OK && !o->dry_run)
		e = open_notebook(a, f);
	a->saved_heard_s = a->head.heard_s;
	if (e)
		agent_free(a);
	else
		*ret_agent = a;
	return e;
}

void agent_free(struct agent *a)
{
	struct fault f;
	if (!a)
		return;
	if (a->notebook && a->head.heard_s != a->saved_heard_s)
		(void)!notebook_commit(a->notebook, &a->head, a->values, &f);
	notebook_close(a->notebook);
	nft_close(a->nft);
	fetcher_free(a->fetcher);
	values_free(a->values);
	spared_release(a->spared);
	free(a->spared);
	free(a->node);
	for (unsigned i = 0; i < RANGE_SETS; i++)
		ranges_release(&a->have[i]);
	buf_release(&a->pending);
	explicit_bzero(a->key, sizeof(a->key));
	free(a);
}
