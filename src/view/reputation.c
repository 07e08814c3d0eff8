/* What is looked up for a question, and what caps the answer.
 *
 * address, prefix, domain, hash   one lookup; the table knows what covers it
 * URL                             the URL in both spellings of its scheme (lists and logs differ), and its host
 * e-mail address                  the address, and its domain
 *
 * All hits add up in one sum.  A protected host does not protect a URL that is itself listed (a phishing page on a
 * large shared host), it only takes away what is said about the host: score.c for claims, and here for text rules.  An
 * address that is of special purpose protects everything on it.
 */
#include "view/reputation.h"

#include "codec/tlp.h"

enum { PARTS_MAX = 3, BATCH = 64, TEXT_MAX = 256 };

/* One question: its observable, and what the table said to its parts. */
struct question {
	const struct table_view *view;
	const struct meaning *meaning;
	const struct observable *obs;
	clearance clear;
	uint32_t now_s;
};

static struct table_key key_of(const struct observable *o)
{
	return (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
}

/* Names and URLs are their own text; addresses and hashes are written out, into `scratch`. */
static struct span text_of(const struct observable *o, struct buf *scratch)
{
	if (o->kind == OBS_DOMAIN || o->kind == OBS_URL || o->kind == OBS_EMAIL)
		return span_of(o->key, o->n);
	obs_format(o, scratch);
	return buf_span(scratch);
}

static bool meets_rule(const struct question *q, const struct observable *o, struct rule_hit *ret_hit)
{
	if (LIKELY(!q->meaning || !(rules_kinds(q->meaning->rules) & protect_kinds(o->kind))))
		return false;
	uint8_t store[TEXT_MAX]; /* addresses and hashes are never longer, so it is not let go for another */
	struct buf scratch = { .p = store, .cap = sizeof(store) };
	return rules_match(q->meaning->rules, q->meaning->sources, q->clear, o->kind, text_of(o, &scratch), ret_hit);
}

/* "*.name" asks about the names below: what is said of the name itself covers them, as from a parent. */
static void ask_below(struct table_hits *h)
{
	for (unsigned i = 0; i < h->n; i++)
		h->hit[i].exact = false;
}

static void cap(struct reputation *r, const char *by)
{
	r->verdict.is_protected = true;
	r->verdict.listed = false;
	r->verdict.score = 0;
	r->protected_by = by;
}

/* From the sum of the claims to the answer.  `special`: the built-in range of the value or its host, NULL: none.  Text rules
 * cost a reading of the text, and the node's own register a lookup: they are asked where there is something to cap, or somebody
 * wants to know `why`. */
static void conclude(const struct question *q, const char *special, bool why, struct reputation *r)
{
	struct rule_hit hit;
	r->protected_by = r->verdict.is_protected ? source_get(q->meaning->sources, r->verdict.protector)->name : NULL;
	r->rule = NULL;
	if ((r->verdict.listed || why) && meets_rule(q, q->obs, &hit)) {
		r->rule = hit.text;
		if (hit.stance == STANCE_PROTECTED)
			cap(r, source_get(q->meaning->sources, hit.source)->name);
	}
	const char *own = (r->verdict.listed || why) && q->meaning && q->meaning->own ? q->meaning->own(q->meaning->own_ctx, q->obs) : NULL;
	if (UNLIKELY(own))
		cap(r, own);
	if (UNLIKELY(special))
		cap(r, special);
}

static void answer(const struct question *q, const struct table_hits *h, unsigned n, const char *special,
		   struct reputation *r, struct score_line *lines, unsigned *n_lines)
{
	if (LIKELY(q->meaning)) {
		score_hits(h, n, q->meaning->sources, q->clear, q->obs->kind, q->now_s, &r->verdict, lines, n_lines);
	} else { /* nothing was published yet */
		r->verdict = verdict_none;
		if (lines)
			*n_lines = 0;
	}
	conclude(q, special, lines != NULL, r);
}

/* The same URL with "http" for "https" or the other way round, into `store`.  @return its octets; 0: it has neither, or
 * no room. */
static uint16_t other_scheme(const struct observable *o, uint8_t store[OBS_KEY_MAX])
{
	struct span url = span_of(o->key, o->n);
	bool secure = span_starts(url, SPAN_LIT("https://"));
	if (!secure && !span_starts(url, SPAN_LIT("http://")))
		return 0;
	struct span rest = span_from(url, secure ? 8 : 7);
	struct span scheme = secure ? SPAN_LIT("http://") : SPAN_LIT("https://");
	if (scheme.n + rest.n > OBS_KEY_MAX)
		return 0;
	memcpy(store, scheme.p, scheme.n);
	if (rest.n)
		memcpy(store + scheme.n, rest.p, rest.n);
	return (uint16_t)(scheme.n + rest.n);
}

/* A URL or an e-mail address. */
static void of_parts(const struct question *q, struct reputation *r, struct score_line *lines, unsigned *n_lines)
{
	struct table_hits hits[PARTS_MAX];
	uint8_t other[OBS_KEY_MAX], host_store[OBS_KEY_MAX];
	struct observable host;
	struct rule_hit by = { 0 };
	const char *special = NULL;
	bool ruled = false;
	unsigned n = 0;
	struct table_key key = key_of(q->obs);
	table_lookup(q->view, &key, &hits[n++]);
	if (q->obs->kind == OBS_URL && (key.n = other_scheme(q->obs, other)) != 0) {
		key.p = other;
		table_lookup(q->view, &key, &hits[n++]);
	}
	if (obs_host(q->obs, host_store, &host) == OK) {
		key = key_of(&host);
		special = protect_special(&key);
		ruled = meets_rule(q, &host, &by);
		if (!ruled)
			table_lookup(q->view, &key, &hits[n++]);
	}
	answer(q, hits, n, special, r, lines, n_lines);
	if (ruled && !r->rule)
		r->rule = by.text;
	if (ruled && by.stance == STANCE_PROTECTED && r->verdict.n_groups == 0 && !r->protected_by)
		cap(r, source_get(q->meaning->sources, by.source)->name);
}

static bool has_parts(uint8_t kind)
{
	return kind == OBS_URL || kind == OBS_EMAIL;
}

void reputation_of(const struct table_view *v, const struct observable *o, clearance clear, uint32_t now_s,
		   struct reputation *ret_reputation, struct score_line *lines, unsigned *ret_n_lines)
{
	struct question q = { .view = v, .meaning = v->context, .obs = o, .clear = clear, .now_s = now_s };
	if (has_parts(o->kind)) {
		of_parts(&q, ret_reputation, lines, ret_n_lines);
		return;
	}
	struct table_key key = key_of(o);
	struct table_hits hits;
	hits.n = 0;
	if (o->kind != OBS_NONE)
		table_lookup(v, &key, &hits);
	if (o->wildcard)
		ask_below(&hits);
	answer(&q, &hits, 1, protect_special(&key), ret_reputation, lines, ret_n_lines);
}

/* A run of questions that are one lookup each, and its place among all. */
struct run {
	struct question q; /* obs: the first of the run */
	size_t first;
	unsigned n;
	struct table_key keys[BATCH];
	reputation_visit *visit;
	void *ctx;
};

static void visit_run(void *ctx, size_t i, const struct table_hits *hits)
{
	const struct run *run = ctx;
	struct question q = run->q;
	struct reputation r;
	q.obs += i;
	if (UNLIKELY(q.obs->wildcard && hits->n)) {
		struct table_hits below;
		below.n = hits->n;
		memcpy(below.hit, hits->hit, hits->n * sizeof(hits->hit[0]));
		ask_below(&below);
		answer(&q, &below, 1, NULL, &r, NULL, NULL);
	} else if (hits->n == 0) {
		r.verdict = verdict_none;
		conclude(&q, protect_special(&run->keys[i]), false, &r);
	} else {
		answer(&q, hits, 1, protect_special(&run->keys[i]), &r, NULL, NULL);
	}
	run->visit(run->ctx, run->first + i, &r);
}

static void flush(struct run *run)
{
	if (run->n)
		table_lookup_batch(run->q.view, run->keys, run->n, visit_run, run);
	run->n = 0;
}

void reputation_batch(const struct table_view *v, const struct observable *o, size_t n, clearance clear, uint32_t now_s,
		      reputation_visit *visit, void *ctx)
{
	struct run run;
	run.q = (struct question){ .view = v, .meaning = v->context, .clear = clear, .now_s = now_s };
	run.n = 0;
	run.visit = visit;
	run.ctx = ctx;
	for (size_t i = 0; i < n; i++) {
		if (has_parts(o[i].kind) || o[i].kind == OBS_NONE) {
			struct reputation r;
			flush(&run);
			reputation_of(v, &o[i], clear, now_s, &r, NULL, NULL);
			visit(ctx, i, &r);
			continue;
		}
		if (run.n == 0) {
			run.q.obs = &o[i];
			run.first = i;
		}
		run.keys[run.n++] = key_of(&o[i]);
		if (run.n == BATCH)
			flush(&run);
	}
	flush(&run);
}

/* The keys of up to 64 observables, those of their parts too, and whose they are. */
struct screen {
	uint64_t known;
	unsigned n;
	struct table_key key[64 * PARTS_MAX];
	uint8_t owner[64 * PARTS_MAX];
	uint8_t store[1 << 16]; /* of what is not in the observables */
	size_t used;
};

static void screen_key(struct screen *s, size_t owner, struct table_key key)
{
	s->owner[s->n] = (uint8_t)owner;
	s->key[s->n++] = key;
}

static void screen_parts(struct screen *s, size_t owner, const struct observable *o)
{
	struct observable host;
	if (sizeof(s->store) - s->used < 2 * OBS_KEY_MAX) {
		s->known |= 1ULL << owner; /* let it be looked at */
		return;
	}
	uint8_t *other = s->store + s->used;
	uint16_t n = o->kind == OBS_URL ? other_scheme(o, other) : 0;
	if (n)
		screen_key(s, owner, (struct table_key){ .kind = OBS_URL, .n = n, .p = other });
	s->used += n;
	if (obs_host(o, s->store + s->used, &host))
		return;
	screen_key(s, owner, key_of(&host));
	s->used += host.n;
}

static void screen_hit(void *ctx, size_t i, const struct table_hits *hits)
{
	struct screen *s = ctx;
	if (UNLIKELY(hits->n))
		s->known |= 1ULL << s->owner[i];
}

uint64_t reputation_known(const struct table_view *v, const struct observable *o, size_t n)
{
	struct screen s;
	s.known = s.n = 0;
	s.used = 0;
	for (size_t i = 0; i < n; i++) {
		if (o[i].kind != OBS_NONE)
			screen_key(&s, i, key_of(&o[i]));
		if (has_parts(o[i].kind))
			screen_parts(&s, i, &o[i]);
	}
	table_lookup_batch(v, s.key, s.n, screen_hit, &s);
	return s.known;
}

uint8_t reputation_audience(const struct reputation *r, const struct meaning *m)
{
	uint8_t strictest = TLP_UNSAID;
	for (uint64_t lanes = m->audiences ? r->verdict.lanes : 0; lanes; lanes &= lanes - 1) {
		uint8_t tlp = m->audiences->lane[__builtin_ctzll(lanes)].tlp;
		strictest = tlp > strictest ? tlp : strictest;
	}
	return strictest;
}
