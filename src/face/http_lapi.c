/* The part of CrowdSec's local API (LAPI v1) that its bouncers use: they take a feed of type list as decisions, and need not know that it
 * is none of CrowdSec's.
 *
 *   GET /v1/decisions?ip=...         what is decided about one value, for bouncers that ask about each client
 *   GET /v1/decisions/stream?startup=true|false   everything, and then what has changed since this bouncer asked last
 *   POST /v1/usage-metrics           what it has stopped
 *
 * What a bouncer has is known by its key, and is kept over a restart; two bouncers with one key would each get half of what changes.
 *
 * Durations.  A lease ends here by an entry, and then the bouncer is told to delete.  If it were told the time that is left, a decision that
 * is renewed would end there all the same, since a renewal changes nothing that is in force.  So in the stream a duration is longer than any
 * lease; to one that asks about a single value, and asks again, the time that is left is told. */
#include <stdlib.h>

#include "base/clock.h"
#include "codec/ip.h"
#include "codec/json.h"
#include "face/http_lapi_filter.h"
#include "face/http_parts.h"
#include "gate/consumers.h"
#include "gate/list.h"

enum { PIECE = 64 << 10, SAVE_EACH_MS = 60000 };

static const struct siphash_seed id_seed = { 0x7369706172, 1 };

/* ---- one decision ---- */

static const char *type_of(const struct list_value *v)
{
	return v->action == LIST_CHALLENGE ? "captcha" : "ban";
}

static const char *scope_of(uint8_t kind)
{
	switch (kind) {
	case OBS_IPV4:
	case OBS_IPV6:
		return "Ip";
	case OBS_CIDR4:
	case OBS_CIDR6:
		return "Range";
	case OBS_DOMAIN:
		return "Domain";
	case OBS_URL:
		return "Url";
	case OBS_EMAIL:
		return "Email";
	}
	return "Hash";
}

/* The same for the same value and type, for ever: below 2^53, so that every reader of JSON has it whole. */
static uint64_t id_of(const struct list_value *v, const char *type)
{
	const struct table_key k = { v->o.kind, v->o.prefix, v->o.n, v->o.key };
	return (table_hash(id_seed, &k) ^ siphash13(id_seed, type, strlen(type))) >> 11;
}

static void put_decision(const struct list_value *v, const char *type, uint32_t left_s, struct buf *out)
{
	struct buf text = { 0 };
	struct observable o = v->o;
	o.wildcard = o.kind == OBS_DOMAIN && !v->self;
	obs_format(&o, &text);
	buf_printf(out, "{\"id\":%llu,\"origin\":\"sipar\",\"type\":\"%s\",\"scope\":\"%s\",\"value\":", (unsigned long long)id_of(v, type), type,
		   scope_of(o.kind));
	json_put_string(out, buf_span(&text));
	buf_printf(out, ",\"duration\":\"%uh%um%us\",\"scenario\":\"%s\"}", left_s / 3600, left_s / 60 % 60, left_s % 60, lapi_scenario(v));
	buf_release(&text);
}

/* ---- how long ---- */

static bool same_key(const struct table_key *a, const struct table_key *b)
{
	return table_key_header(a) == table_key_header(b) && memcmp(a->p, b->p, a->n) == 0;
}

/* The end of the longest lease on the key of hit `i`, which may stand in several levels. */
static uint32_t left_of(const struct table_hits *hits, unsigned i)
{
	uint32_t until = 0, now_s = (uint32_t)(clock_ms() / 1000);
	for (unsigned k = i; k < hits->n; k++)
		for (unsigned c = 0; same_key(&hits->hit[i].key, &hits->hit[k].key) && c < hits->hit[k].n; c++) {
			const struct claim *is = &hits->hit[k].claims[c];
			if ((is->stance == ACTION_BLOCK || is->stance == ACTION_CHALLENGE) && is->until > until)
				until = is->until;
		}
	return until > now_s ? until - now_s : LEASE_MAX_S;
}

static uint32_t left_on(struct docket *d, const struct table_key *k)
{
	struct table_hits hits;
	const struct table_view *v = table_enter(docket_table(d));
	table_lookup(v, k, &hits);
	unsigned i = 0;
	while (i < hits.n && !same_key(&hits.hit[i].key, k))
		i++;
	uint32_t left_s = i < hits.n ? left_of(&hits, i) : LEASE_MAX_S;
	table_leave(docket_table(d));
	return left_s;
}

/* ---- who asks ---- */

static const struct feed *find_feed(struct http_request *q, const struct feeds *feeds, struct http_caller *caller, struct http_answer *a)
{
	if (!http_caller_find(q, feeds, caller, a))
		return NULL;
	const struct feed *feed = caller->known ? feeds_find(feeds, caller->feed) : NULL;
	if (feed && feed->type != FEED_LIST) {
		http_problem(a, 403, q->target, "the key is that of a consumer of a feed that is no list");
		return NULL;
	}
	/* without a key there is no feed that could be meant, open or not */
	return http_caller_may(q, feed, caller, a) ? feed : NULL;
}

static bool enter(struct http_server *s, struct http_request *q, struct feed *ret_feed, struct http_caller *ret_caller, struct http_answer *a)
{
	const struct feeds *feeds = s->options.node ? node_feeds(s->options.node) : feeds_new();
	const struct feed *feed = find_feed(q, feeds, ret_caller, a);
	if (feed)
		*ret_feed = *feed;
	feeds_drop(feeds);
	return feed != NULL;
}

/* ---- the stream ---- */

struct streaming {
	struct http_server *server;
	struct feed feed;
	struct http_caller caller;
	struct lapi_filter filter;
	struct feed_reading *reading; /* everything, or what has changed */
	struct feed_reading *all;     /* NULL, or all that is in force, whether the feed has it or not */
	char agent[64];
	bool changes;                 /* not everything */
	bool array;                   /* of GET /v1/decisions */
	bool any;                     /* a decision was written to the present list */
	uint64_t n_told;
	struct observable around;     /* filter.inside: only what lies in this address or prefix; else of no kind */
	uint8_t around_key[OBS_KEY_MAX];
	enum { BEGIN, DELETED, NEW } stage;
};

/* CrowdSec writes null for a list of none. */
static void put_comma(struct streaming *v, struct buf *out)
{
	buf_puts(out, v->any ? ",\n" : "[\n");
	v->any = true;
	v->n_told++;
}

static bool is_full(const struct streaming *v)
{
	return v->filter.limit && v->n_told >= v->filter.limit;
}

static void end_list(struct streaming *v, struct buf *out)
{
	buf_puts(out, v->any ? "]" : "null");
	v->any = false;
}

/* What a bouncer must forget: what is gone, and what has another type now, before it is told that. */
static void put_deleted(struct streaming *v, const struct feed_item *item, struct buf *out)
{
	struct list_value was[2], is[2];
	unsigned n_was = list_values(&item->key, (struct force_pair){ item->was_self, item->was_below }, was);
	unsigned n = list_values(&item->key, (struct force_pair){ item->self, item->below }, is);
	for (unsigned i = 0; i < n_was; i++) {
		bool stands = false;
		for (unsigned k = 0; k < n; k++)
			stands |= is[k].action == was[i].action;
		if (stands || !lapi_filter_wants(&v->filter, &was[i]))
			continue;
		put_comma(v, out);
		put_decision(&was[i], type_of(&was[i]), 0, out);
	}
}

static unsigned bits_of(uint8_t kind, uint8_t prefix, unsigned n)
{
	return kind == OBS_CIDR4 || kind == OBS_CIDR6 ? prefix : 8 * n;
}

static bool lies_in(const struct table_key *k, const struct observable *around)
{
	uint8_t first[16];
	unsigned bits = bits_of(around->kind, around->prefix, around->n);
	if (!(protect_kinds(k->kind) & KINDS_IP) || k->n != around->n || bits_of(k->kind, k->prefix, k->n) < bits)
		return false;
	memcpy(first, k->p, k->n);
	ip_mask(first, k->n, bits);
	return memcmp(first, around->key, k->n) == 0;
}

static void put_new(struct streaming *v, const struct feed_item *item, struct buf *out)
{
	struct list_value is[2];
	unsigned n = list_values(&item->key, (struct force_pair){ item->self, item->below }, is);
	if (v->around.kind != OBS_NONE && !lies_in(&item->key, &v->around))
		return;
	uint32_t left_s = v->array ? left_on(node_docket(v->server->options.node), &item->key) : LEASE_MAX_S;
	for (unsigned i = 0; i < n; i++) {
		if (!lapi_filter_wants(&v->filter, &is[i]) || is_full(v))
			continue;
		put_comma(v, out);
		put_decision(&is[i], type_of(&is[i]), left_s, out);
	}
}

/* The next item that the bouncer may have to forget.  When it is not known what has changed, that is all that is in force and not in the
 * feed. */
static bool next_gone(struct streaming *v, struct feed_item *ret_item)
{
	if (v->changes)
		return feed_next(v->reading, ret_item);
	while (v->all && feed_next(v->all, ret_item)) {
		if (force_any(feed_mask(&v->feed, &ret_item->key, (struct force_pair){ ret_item->self, ret_item->below })))
			continue;
		ret_item->was_self = ret_item->self;
		ret_item->was_below = ret_item->below;
		ret_item->self = ret_item->below = 0;
		return true;
	}
	return false;
}

/* {"deleted":[...],"new":[...]}: what must go comes first. */
static bool make(void *ctx, struct buf *out)
{
	struct streaming *v = ctx;
	struct feed_item item;
	http_reader(v->server); /* for the guard */
	if (v->stage == BEGIN) {
		buf_puts(out, v->array ? "" : "{\"deleted\":");
		v->stage = v->array ? NEW : DELETED;
	}
	while (v->stage == DELETED && out->n < PIECE) {
		if (next_gone(v, &item))
			put_deleted(v, &item, out);
		else {
			end_list(v, out);
			buf_puts(out, ",\"new\":");
			feed_rewind(v->reading);
			v->stage = NEW;
		}
	}
	while (v->stage == NEW && out->n < PIECE) {
		if (is_full(v) || !feed_next(v->reading, &item)) {
			end_list(v, out);
			buf_puts(out, v->array ? "\n" : "}\n");
			return false;
		}
		put_new(v, &item, out);
	}
	return true;
}

/* The serials are kept now and then: one that is older than what a bouncer has makes it hear something twice, and nothing is lost. */
static void save(struct http_server *s, int64_t now_ms)
{
	int64_t last = atomic_load_explicit(&s->saved_ms, memory_order_relaxed);
	struct fault f;
	if (now_ms - last >= SAVE_EACH_MS && atomic_compare_exchange_strong(&s->saved_ms, &last, now_ms))
		(void)!consumers_save(node_consumers(s->options.node), node_dir(s->options.node), &f);
}

static void over(void *ctx, bool whole)
{
	struct streaming *v = ctx;
	struct consumers *c = v->server->options.node ? node_consumers(v->server->options.node) : NULL;
	if (whole && !v->array) {
		int64_t now = clock_ms();
		consumers_saw(c, v->feed.name, v->caller.name, feed_reading_serial(v->reading), "lapi", now);
		consumers_epoch(c, v->feed.name, v->caller.name, "lapi", feed_epoch(&v->feed));
		consumers_agent(c, v->feed.name, v->caller.name, "lapi", v->agent);
		save(v->server, now);
	}
	feed_reading_free(v->reading);
	feed_reading_free(v->all);
	free(v);
}

static struct streaming *streaming_new(struct http_server *s, struct http_request *q, bool array, struct http_answer *a)
{
	struct streaming *v = mem_zalloc(sizeof(*v));
	const char *agent = http_request_header(q, "User-Agent");
	v->server = s;
	v->array = array;
	snprintf(v->agent, sizeof(v->agent), "%s", agent ? agent : "");
	if (enter(s, q, &v->feed, &v->caller, a)) {
		struct fault f;
		if (lapi_filter_read(span_from(q->target, span_find(q->target, '?') + 1), !array, &v->filter, &f) == OK)
			return v;
		http_problem(a, 400, q->target, f.text);
	}
	over(v, false);
	return NULL;
}

static void send_it(struct http_request *q, struct streaming *v, enum err e, const struct fault *f, struct http_answer *a)
{
	if (e) {
		http_problem(a, 503, q->target, f->text);
		over(v, false);
		return;
	}
	http_flow(q, a, &(struct http_flow){ make, over, v }, "application/json");
}

void http_decisions_stream(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct streaming *v = streaming_new(s, q, false, a);
	uint64_t serial;
	uint32_t epoch;
	struct fault f;
	enum err e = ERR_NOTFOUND;
	if (!v)
		return;
	struct docket *d = node_docket(s->options.node);
	bool known = !v->filter.startup && consumers_serial(node_consumers(s->options.node), v->feed.name, v->caller.name, "lapi", &serial, &epoch);
	if (known && epoch == feed_epoch(&v->feed)) {
		struct feed same = v->feed;
		same.from = 0; /* what it has is of this selection, whenever that began */
		e = feed_read_since(d, &same, serial, &v->reading, &f);
	}
	v->changes = e == OK;
	if (e == ERR_NOTFOUND && (e = feed_read(d, &v->feed, &v->reading, &f)) == OK && known) {
		/* behind the other one: what changes in between is told the next time */
		struct feed everything = v->feed;
		everything.wanted = force_blocks(REASONS_ALL) | force_challenges(REASONS_ALL);
		everything.kinds = KINDS_ALL;
		e = feed_read(d, &everything, &v->all, &f);
	}
	send_it(q, v, e, &f, a);
}

/* ---- one value ---- */

static bool was_before(const struct table_hits *hits, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (same_key(&hits->hit[i].key, &hits->hit[k].key))
			return true;
	return false;
}

static void put_hit(struct streaming *v, const struct table_view *view, const struct table_hits *hits, unsigned i, struct buf *out)
{
	struct docket *d = node_docket(v->server->options.node);
	const struct table_hit *hit = &hits->hit[i];
	struct force_pair p = feed_mask(&v->feed, &hit->key, force_on(view, &hit->key, docket_tick(d)));
	struct feed_item item = { .key = hit->key, .self = p.self, .below = p.below };
	struct list_value is[2];
	struct observable o = feed_item_observable(&item);
	if (was_before(hits, i) || (!hit->exact && v->filter.exactly) || !force_any(p) || docket_guarded(d, &o, NULL))
		return;
	unsigned n = list_values(&hit->key, p, is);
	for (unsigned k = 0; k < n; k++) {
		bool meant = hit->exact ? is[k].self : hit->key.kind == OBS_DOMAIN ? is[k].below : true;
		if (!meant || !lapi_filter_wants(&v->filter, &is[k]) || is_full(v))
			continue;
		put_comma(v, out);
		put_decision(&is[k], type_of(&is[k]), left_of(hits, i), out);
	}
}

static void answer_one(struct streaming *v, const struct observable *o, struct buf *out)
{
	struct docket *d = node_docket(v->server->options.node);
	struct table_hits *hits = mem_alloc(sizeof(*hits));
	const struct table_key k = { o->kind, o->prefix, o->n, o->key };
	http_reader(v->server);
	const struct table_view *view = table_enter(docket_table(d));
	table_lookup(view, &k, hits);
	for (unsigned i = 0; i < hits->n; i++)
		put_hit(v, view, hits, i, out);
	table_leave(docket_table(d));
	free(hits);
	end_list(v, out);
	buf_putc(out, '\n');
}

void http_decisions(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct streaming *v = streaming_new(s, q, true, a);
	struct observable o = { .kind = OBS_NONE };
	struct fault f;
	if (!v)
		return;
	const char *asked = v->filter.value;
	bool inside = v->filter.inside && asked[0] && !v->filter.exactly;
	if (asked[0] && obs_parse(span_str(asked), v->around_key, &o, &f)) {
		http_problem(a, 400, q->target, f.text);
	} else if (inside && !(protect_kinds(o.kind) & KINDS_IP)) {
		http_problem(a, 400, q->target, "\"contains\" goes with an address or a range");
	} else if (asked[0] && !inside) {
		answer_one(v, &o, &a->body);
		a->status = 200;
		a->type = "application/json";
	} else {
		v->around = o;
		enum err e = feed_read(node_docket(s->options.node), &v->feed, &v->reading, &f);
		send_it(q, v, e, &f, a);
		return;
	}
	over(v, false);
}

/* ---- what was stopped ---- */

void http_usage(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct http_caller caller;
	struct feed feed;
	struct json_reader r;
	if (!enter(s, q, &feed, &caller, a))
		return;
	json_init(&r, buf_span(&q->body), true);
	if (json_skip(&r) != JSON_OBJECT || json_next(&r) != JSON_END) {
		http_problem(a, 400, q->target, "the body is not one JSON object");
		return;
	}
	if (s->options.on_usage)
		s->options.on_usage(s->options.usage_ctx, feed.name, caller.name, buf_span(&q->body));
	buf_puts(&a->body, "null\n");
	a->status = 201;
	a->type = "application/json";
}
