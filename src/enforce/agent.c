/* What the node answers becomes values, and those go to the kernel (agent_kernel.c): changes of a few values directly (take_answer()); everything
 * else that can change it, by one pass over all values. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "enforce/agent_parts.h"
#include "enforce/answer.h"

enum {
	ANSWER_MAX = 1 << 30,     /* octets */
	LOOK_MS = 10000,          /* how often addresses, gateways and resolvers of this host are looked at */
	COMPARE_GAP_MS = 1000, COMPARE_SHARE = 50, /* after a change by others, at most one part in so many of the time */
	HEARD_EVERY_S = 600,      /* how old the saved time of the last answer may be */
};

/* ---- telling ---- */

void agent_tell(struct agent *a, const struct agent_event *e)
{
	a->o->tell(a->o->ctx, e);
}

static void tell_trouble(struct agent *a, const struct fault *f)
{
	if (strcmp(a->trouble, f->text) == 0)
		return;
	snprintf(a->trouble, sizeof(a->trouble), "%s", f->text);
	agent_tell(a, &(struct agent_event){ .what = AGENT_TROUBLE, .text = f->text });
}

/* ---- who is spared ---- */

static void look_whether_spared(struct agent *a, struct value *v)
{
	const char *why = spared_why(a->spared, v);
	if (why && !v->spared) {
		struct observable o = value_observable(v);
		struct buf text = { 0 };
		obs_format(&o, &text);
		agent_tell(a, &(struct agent_event){ .what = AGENT_SPARED, .value = buf_cstr(&text), .text = why });
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
	if (!now && a->looked_ms && clock_mono_ns() / 1000000 - a->looked_ms < LOOK_MS)
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
	a->looked_ms = clock_mono_ns() / 1000000;
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

/* ---- what the node answers ---- */

static void remove_value(struct agent *a, struct value *v)
{
	enum set_id id = agent_set_of(v);
	if (v->applied && id < NET4)
		agent_gather_removal(a, id, v->address, v->address);
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
	if (known && v->applied && agent_set_of(v) < NET4)
		agent_gather_removal(a, agent_set_of(v), v->address, v->address);
	a->ranges_changed |= known && agent_set_of(v) >= NET4;
	v->action = (uint8_t)action;
	v->applied = false;
	v->since_s = 0;
	a->ranges_changed |= agent_set_of(v) >= NET4;
	look_whether_spared(a, v);
	agent_remember(a, v);
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

/* ---- a round ---- */

static void tell_change(struct agent *a, enum agent_what what, uint64_t serial, uint64_t began_ns)
{
	if (a->added || a->removed || a->made)
		agent_tell(a, &(struct agent_event){ .what = what, .serial = serial, .added = a->added, .removed = a->removed,
					       .values = values_count(a->values), .took_us = (clock_mono_ns() - began_ns) / 1000 });
}

/* By whatever is needed; if the kernel does not take the small way, by the long one. */
static enum err enforce(struct agent *a, enum agent_what what, uint64_t serial, struct fault *f)
{
	uint64_t began_ns = clock_mono_ns();
	enum err e = a->must_compare ? agent_reconcile(a, f) : a->must_settle ? agent_settle(a, f) : agent_apply(a, f);
	if ((e == ERR_NOTFOUND || e == ERR_EXISTS) && !a->must_compare) {
		e = agent_reconcile(a, f);
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
	agent_tell(a, &(struct agent_event){ .what = AGENT_BACK, .serial = serial });
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
		agent_tell(a, &(struct agent_event){ .what = AGENT_AWAY, .text = f->text });
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
	if (clock_mono_ns() / 1000000 - a->compared_ms < (gap > COMPARE_GAP_MS ? gap : COMPARE_GAP_MS))
		return false;
	return !a->o->dry_run && nft_generation(a->nft, &generation, &f) == OK && generation != a->generation;
}

static enum err ask_node(struct agent *a, uint64_t *ret_serial, struct fault *f)
{
	struct buf text = { 0 };
	unsigned status = 0;
	agent_begin(a);
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
	else if (url.n > AGENT_URL_MAX - 200)
		e = fault_set(f, ERR_USAGE, "the URL is longer than %d octets", AGENT_URL_MAX - 200);
	else if (o->key && strlen(o->key) > AGENT_KEY_MAX)
		e = fault_set(f, ERR_USAGE, "the key is longer than %d octets", AGENT_KEY_MAX);
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
		a->have[i].octets = agent_sets[NET4 + i].octets;
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
