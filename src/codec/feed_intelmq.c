/* IntelMQ events (docs.intelmq.org, "data format"; the names are those of its harmonization): one JSON object per line, in an array, or in the
 * "data" of a document; their keys flat ("source.ip") or nested ({"source":{"ip":...}}).  "raw", "extra.*" and all else stay in the body.
 *
 * The source of an event is what it is about.  Which of its names is meant depends on the type: who scans or is infected is an address,
 * whatever its name; elsewhere the most specific leads, a URL before its host.  The others are parts: kept, never enough alone.  The
 * network is its owner's BGP prefix, and is only claimed when there is nothing else.  A destination is the victim, the honeypot or the
 * sinkhole; of a command-and-control server it is what was called, and is claimed when no source is named. */
#include <stdlib.h>

#include "codec/json_feed.h"
#include "codec/formats.h"

struct intelmq_state {
	struct walk_place place; /* path "D": a document, "a": an array of events */
	uint8_t stance;
};

enum {
	TYPE, SOURCE_TIME, OBSERVED_TIME, ACCURACY, TLP, KIND, RAW,
	URL, FQDN, IP, NETWORK,             /* of the source */
	TO_URL, TO_FQDN, TO_IP, TO_NETWORK, /* of the destination */
	MD5, SHA1, SHA256,
	FLAT,
	SOURCE = FLAT, DESTINATION, CLASSIFICATION, TIME, FEED, MALWARE,
	EXTRA_TLP, EXTRA_CATEGORY, EXTRA_UNTIL, ACCOUNT, /* and others that are flat only */
	MEMBERS
};

static const struct json_member blank[MEMBERS] = {
	[TYPE] = { "classification.type" }, [SOURCE_TIME] = { "time.source" }, [OBSERVED_TIME] = { "time.observation" }, [ACCURACY] = { "feed.accuracy" },
	[TLP] = { "tlp" }, [KIND] = { "__type" }, [RAW] = { "raw" },
	[URL] = { "source.url" }, [FQDN] = { "source.fqdn" }, [IP] = { "source.ip" }, [NETWORK] = { "source.network" },
	[TO_URL] = { "destination.url" }, [TO_FQDN] = { "destination.fqdn" }, [TO_IP] = { "destination.ip" }, [TO_NETWORK] = { "destination.network" },
	[MD5] = { "malware.hash.md5" }, [SHA1] = { "malware.hash.sha1" }, [SHA256] = { "malware.hash.sha256" },
	[SOURCE] = { "source" }, [DESTINATION] = { "destination" }, [CLASSIFICATION] = { "classification" }, [TIME] = { "time" }, [FEED] = { "feed" },
	[MALWARE] = { "malware" }, [EXTRA_TLP] = { "extra.tlp" }, [EXTRA_CATEGORY] = { "extra.category" }, [EXTRA_UNTIL] = { "extra.valid_until" },
	[ACCOUNT] = { "source.account" },
};

/* Says of these types that something could be abused, is to be cleaned up, or has nothing to do with an observable: nothing bad is named. */
static const char *const passed[] = {
	"vulnerable-system", "vulnerable service", "vulnerable client", "weak-crypto", "ddos-amplifier", "potentially-unwanted-accessible", "exposed",
	"information-disclosure", "misconfiguration", "outage", "sabotage", "burglary", "data-leak", "data-loss", "leak", "copyright", "harmful-speech",
	"violence", "unauthorised-information-access", "unauthorised-information-modification", "test",
};
/* Who does that is an address. */
static const char *const by_address[] = { "scanner", "sniffing", "brute-force", "infected-system", "ddos", "dos", "ids-alert" };

static bool is_one_of(struct span type, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_ieq(type, span_str(list[i])))
			return true;
	return false;
}

/* ---- one event ---- */

/* Members of the objects that a nested event has; those of a flat one are there already. */
static void flatten(struct json_member *m)
{
	for (unsigned i = 0; i < FLAT; i++) {
		struct span name = span_str(blank[i].name);
		size_t dot = span_find(name, '.');
		for (unsigned at = SOURCE; at <= MALWARE && dot < name.n && m[i].kind == JSON_END; at++) {
			if (m[at].kind != JSON_OBJECT || !span_is(span_head(name, dot), blank[at].name))
				continue;
			struct json_member inner = { blank[i].name + dot + 1 }, hash = { "hash" };
			if (at == MALWARE) { /* "malware.hash.md5" */
				(void)json_peek(m[at].value, &hash, 1);
				if (hash.kind != JSON_OBJECT)
					continue;
				inner.name += sizeof("hash.") - 1;
			}
			(void)json_peek(at == MALWARE ? hash.value : m[at].value, &inner, 1);
			m[i] = inner;
		}
	}
}

/* The first of the places that holds an observable leads.  @return OK; ERR_NOTFOUND: none of them is there; else j->draft.fault has what is
 * wrong with the first that is. */
static enum err claim_end(struct json_feed *j, const struct json_member *m, const uint8_t places[4])
{
	static const unsigned kinds[] = { OBS_BIT(OBS_URL), OBS_BIT(OBS_DOMAIN), OBS_ADDRESS, OBS_ADDRESS };
	struct draft *d = &j->draft;
	struct fault first = { 0 };
	bool led = false;
	for (unsigned i = 0; i < 4; i++) {
		const struct json_member *at = &m[places[i]];
		unsigned what = places[i] >= TO_URL ? places[i] - TO_URL : places[i] - URL;
		if (at->kind != JSON_STRING || at->value.n == 0 || (led && what == NETWORK - URL))
			continue;
		if (json_feed_claim(j, kinds[what], json_feed_text(j, at))) {
			first = first.code ? first : d->fault;
			continue;
		}
		d->claims[d->r.n_claims - 1].part = led;
		led = true;
	}
	if (led)
		return OK;
	if (first.code)
		d->fault = first;
	return first.code ? first.code : ERR_NOTFOUND;
}

static enum err claim_source(struct json_feed *j, const struct json_member *m, struct span type, enum category category)
{
	static const uint8_t specific[] = { URL, FQDN, IP, NETWORK }, address[] = { IP, FQDN, URL, NETWORK }, called[] = { TO_URL, TO_FQDN, TO_IP, TO_NETWORK };
	enum err e = claim_end(j, m, is_one_of(type, by_address, COUNT_OF(by_address)) ? address : specific);
	return e == ERR_NOTFOUND && category == CAT_C2 ? claim_end(j, m, called) : e;
}

static void claim_hashes(struct json_feed *j, const struct json_member *m, enum category category)
{
	static const uint8_t kinds[] = { OBS_MD5, OBS_SHA1, OBS_SHA256 };
	struct draft *d = &j->draft;
	for (unsigned i = 0; i < 3; i++)
		if (m[MD5 + i].kind == JSON_STRING && m[MD5 + i].value.n && json_feed_claim(j, OBS_BIT(kinds[i]), json_feed_text(j, &m[MD5 + i])) == OK)
			d->claims[d->r.n_claims - 1].category = (uint8_t)category;
}

static uint8_t tlp_of(const struct json_member *m)
{
	struct span level = m->value;
	if (m->kind != JSON_STRING)
		return TLP_UNSAID;
	return json_feed_tlp(span_starts(level, SPAN_LIT("TLP:")) || span_starts(level, SPAN_LIT("tlp:")) ? span_from(level, 4) : level);
}

/* Some senders of mail are named by nothing else; elsewhere an account is who was attacked. */
static enum err claim_account(struct json_feed *j, const struct json_member *m, enum category category)
{
	bool sends = category == CAT_SPAM || category == CAT_PHISHING || m[EXTRA_CATEGORY].kind == JSON_STRING;
	return sends && m[ACCOUNT].kind == JSON_STRING ? json_feed_claim(j, OBS_BIT(OBS_EMAIL), json_feed_text(j, &m[ACCOUNT])) : ERR_NOTFOUND;
}

static void read_event(struct json_feed *j, struct json_member *m)
{
	struct draft *d = &j->draft;
	flatten(m);
	struct span type = m[TYPE].kind == JSON_STRING ? m[TYPE].value : (struct span){ 0 };
	uint8_t tlp = tlp_of(&m[TLP]), more = tlp_of(&m[EXTRA_TLP]);
	d->r.tlp = tlp > more ? tlp : more;
	if (m[KIND].kind == JSON_STRING && span_is(m[KIND].value, "Report")) {
		draft_skip(d, "report");
		return;
	}
	if (is_one_of(type, passed, COUNT_OF(passed))) {
		json_feed_skip(j, "type:", type);
		return;
	}
	enum category category = type.n ? category_find(type) : CAT_UNKNOWN;
	if (category == CAT_COUNT)
		category = json_feed_guess(j, type);
	enum category more_exact = m[EXTRA_CATEGORY].kind == JSON_STRING ? category_find(m[EXTRA_CATEGORY].value) : CAT_COUNT;
	category = more_exact < CAT_COUNT ? more_exact : category;
	enum err e = claim_source(j, m, type, category);
	unsigned named = d->r.n_claims;
	claim_hashes(j, m, more_exact < CAT_COUNT ? more_exact : CAT_MALWARE);
	if (e == ERR_NOTFOUND && !d->r.n_claims)
		e = claim_account(j, m, category);
	named = d->r.n_claims > named && d->claims[0].obs.kind == OBS_EMAIL ? 1 : named;
	if (d->r.n_claims == 0) {
		if (e == ERR_NOTFOUND)
			draft_skip(d, "event without an observable");
		else
			draft_reject_fault(d);
		return;
	}
	uint32_t seen = json_feed_time(&m[SOURCE_TIME]);
	if (!seen)
		seen = json_feed_time(&m[OBSERVED_TIME]);
	uint32_t until = json_feed_time(&m[EXTRA_UNTIL]);
	uint8_t confidence = json_feed_confidence(&m[ACCURACY]);
	for (unsigned i = 0; i < d->r.n_claims; i++) {
		struct feed_claim *c = &d->claims[i];
		c->seen = seen;
		c->until = until;
		c->confidence = confidence;
		c->category = i < named ? (uint8_t)category : c->category;
	}
}

static enum walk_step take_event(struct json_feed *j)
{
	struct json_member m[MEMBERS];
	memcpy(m, blank, sizeof(m));
	enum walk_step step = json_feed_record(j, walk_take(&j->walk, m, MEMBERS));
	if (step == WALK_ERROR)
		return json_feed_broken_line(j);
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	if (j->walk.kind == JSON_OBJECT)
		read_event(j, m);
	else
		draft_reject(&j->draft, "there is something other than an object among the events");
	return json_feed_emit(j);
}

/* ---- the stream ---- */

enum shape { SHAPE_UNKNOWN, SHAPE_EVENT, SHAPE_DOCUMENT };

static bool shape_member(void *ctx, struct span key, const struct json_member *m)
{
	static const char *const of_events[] = { "__type", "classification", "classification.", "source", "source.", "feed", "feed.", "time", "time.", "raw" };
	enum shape *shape = ctx;
	if (m->kind == JSON_ARRAY && span_is(key, "data"))
		*shape = SHAPE_DOCUMENT;
	for (size_t i = 0; i < COUNT_OF(of_events); i++) {
		struct span name = span_str(of_events[i]);
		if (name.p[name.n - 1] == '.' ? span_starts(key, name) : span_eq(key, name))
			*shape = SHAPE_EVENT;
	}
	return *shape == SHAPE_UNKNOWN;
}

static enum walk_step one_value(void *state, struct json_feed *j)
{
	(void)state;
	struct walker *w = &j->walk;
	enum shape shape = SHAPE_UNKNOWN;
	if (w->in == 'a')
		return take_event(j);
	if (w->in == 'D')
		return w->kind == JSON_ARRAY && span_is(w->key, "data") && walk_enter(w, 'a') ? WALK_VALUE : walk_pass(w);
	if (w->kind == JSON_OBJECT) {
		struct span rest = span_from(w->piece, w->start);
		bool whole = json_peek_each(rest, shape_member, &shape);
		if (shape == SHAPE_UNKNOWN && !whole && !w->last && rest.n <= FEED_OBJECT_MAX)
			return WALK_MORE;
	}
	if (shape == SHAPE_DOCUMENT && walk_enter(w, 'D'))
		return WALK_VALUE;
	return w->kind == JSON_ARRAY && walk_enter(w, 'a') ? WALK_VALUE : take_event(j);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	struct intelmq_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, s->stance, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	*(struct intelmq_state *)state = (struct intelmq_state){ .stance = (uint8_t)o->stance };
}

static void save(const void *state, struct buf *out)
{
	walk_save(&((const struct intelmq_state *)state)->place, out);
}

static enum err load(void *state, struct span token)
{
	struct span rest;
	enum err e = walk_load(&((struct intelmq_state *)state)->place, token, &rest);
	return e ? e : rest.n ? ERR_SYNTAX : OK;
}

/* ---- detection ---- */

static int sure_of(struct span s)
{
	struct json_member m[MEMBERS];
	memcpy(m, blank, sizeof(m));
	if (s.n == 0 || s.p[0] != '{')
		return 0;
	(void)json_peek(s, m, MEMBERS);
	flatten(m);
	bool typed = m[KIND].kind == JSON_STRING && (span_is(m[KIND].value, "Event") || span_is(m[KIND].value, "Report"));
	bool named = m[TYPE].kind == JSON_STRING, from = false;
	for (unsigned i = URL; i <= NETWORK; i++)
		from |= m[i].kind == JSON_STRING;
	return typed && (named || from || m[RAW].kind == JSON_STRING) ? 96 : named && (from || m[SOURCE_TIME].kind == JSON_STRING) ? 92 : 0;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct span s = json_feed_first(head);
	struct json_member data = { "data" };
	(void)whole;
	(void)filename;
	int sure = sure_of(s);
	if (sure || s.n == 0 || s.p[0] != '{')
		return sure;
	(void)json_peek(s, &data, 1);
	return data.kind == JSON_ARRAY ? sure_of(json_feed_first(data.value)) : 0;
}

const struct feed_format feed_intelmq = {
	.name = "intelmq",
	.title = "IntelMQ events: one per line, in an array, or in a document's \"data\"",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct intelmq_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
