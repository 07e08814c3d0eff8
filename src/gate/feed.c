/* A feed is a row of words.  Each word that can be said has one row in the table here: how it is read, and how it is written out again. */
#include "gate/feed_parts.h"

#include <stdlib.h>

#include "base/address.h"
#include "base/num.h"
#include "base/siphash.h"
#include "codec/domain.h"
#include "codec/ip.h"
#include "codec/masks.h"
#include "codec/tlp.h"
#include "view/source.h"

enum { TTL_MAX = 86400, MAX_MAX = 100000000 };

static const char *const types[FEED_TYPES] = { "snapshot", "rpz", "list" };
static const char *const answers[] = { "nxdomain", "nodata", "drop", "garden" };

void feed_defaults(struct feed *feed)
{
	*feed = (struct feed){ .audience = TLP_CLEAR, .kinds = KINDS_ALL, .wanted = force_blocks(REASONS_ALL), .ttl_s = 30, .refresh_s = 60 };
}

const char *feed_type_name(enum feed_type t)
{
	return types[t < FEED_TYPES ? t : 0];
}

/* ---- words: reading ---- */

static enum err set_text(char *to, size_t max, struct span value, const char *what, struct fault *f)
{
	if (value.n > max)
		return fault_set(f, ERR_USAGE, "%s has more than %zu octets", what, max);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] == 0x7f)
			return fault_set(f, ERR_USAGE, "%s has a blank or control character in it", what);
	memcpy(to, value.p, value.n);
	to[value.n] = 0;
	return OK;
}

static enum err set_type(struct feed *feed, struct span value, struct fault *f)
{
	for (unsigned t = 0; t < FEED_TYPES; t++)
		if (span_is(value, types[t]))
			return feed->type = (uint8_t)t, OK;
	return fault_set(f, ERR_USAGE, "type \"" SPAN_FMT "\" is none of snapshot, rpz and list", SPAN_ARG(span_head(value, 100)));
}

static enum err set_kinds(struct feed *feed, struct span value, struct fault *f)
{
	return kinds_parse(value, KINDS_ALL, &feed->kinds, f);
}

static enum err set_categories(struct feed *feed, struct span value, struct fault *f)
{
	return categories_parse(value, &feed->categories, f);
}

static enum err set_audience(struct feed *feed, struct span value, struct fault *f)
{
	enum tlp tlp = tlp_find(value);
	if (tlp)
		return feed->audience = (uint8_t)tlp, OK;
	return fault_set(f, ERR_USAGE, "audience \"" SPAN_FMT "\" is none of clear, green, amber, amber+strict and red",
			 SPAN_ARG(span_head(value, 100)));
}

/* "none" takes a text back. */
static bool takes_back(struct span value, char *text)
{
	bool none = span_is(value, "none");
	if (none)
		*text = 0;
	return none;
}

static enum err set_lanes(struct feed *feed, struct span value, struct fault *f)
{
	if (takes_back(value, feed->lanes))
		return OK;
	return set_text(feed->lanes, FEED_LANES_MAX, value, "the list of lanes", f);
}

static enum err set_number(struct span value, uint64_t max, const char *what, uint64_t *ret, struct fault *f)
{
	if (num_parse_u64(value, max, ret))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not %s from 0 to %llu", SPAN_ARG(span_head(value, 100)), what,
				 (unsigned long long)max);
	return OK;
}

static enum err set_min_score(struct feed *feed, struct span value, struct fault *f)
{
	uint64_t n = 0;
	enum err e = set_number(value, 100, "a score", &n, f);
	if (e == OK)
		feed->min_score = (uint8_t)n;
	return e;
}

/* Reasons and challenge are one mask; they may come in any order. */
static enum err set_reasons(struct feed *feed, struct span value, struct fault *f)
{
	uint32_t mask;
	enum err e = reasons_parse(value, &mask, f);
	if (e == OK)
		feed->wanted = force_blocks(mask) | (feed->wanted & force_challenges(REASONS_ALL) ? force_challenges(mask) : 0);
	return e;
}

static enum err set_flag(struct span value, bool *ret_flag, struct fault *f)
{
	if (!span_is(value, "yes") && !span_is(value, "no"))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is neither yes nor no", SPAN_ARG(span_head(value, 100)));
	*ret_flag = span_is(value, "yes");
	return OK;
}

static enum err set_challenge(struct feed *feed, struct span value, struct fault *f)
{
	bool on = false;
	enum err e = set_flag(value, &on, f);
	uint32_t reasons = feed->wanted & REASONS_ALL;
	if (e == OK)
		feed->wanted = force_blocks(reasons) | (on ? force_challenges(reasons) : 0);
	return e;
}

static enum err set_passthru(struct feed *feed, struct span value, struct fault *f)
{
	return set_flag(value, &feed->passthru, f);
}

static enum err set_open(struct feed *feed, struct span value, struct fault *f)
{
	return set_flag(value, &feed->open, f);
}

static enum err set_transport(struct feed *feed, struct span value, struct fault *f)
{
	if (!span_is(value, "any") && !span_is(value, "tls"))
		return fault_set(f, ERR_USAGE, "transport \"" SPAN_FMT "\" is neither any nor tls", SPAN_ARG(span_head(value, 100)));
	feed->tls_only = span_is(value, "tls");
	return OK;
}

static enum err set_answer(struct feed *feed, struct span value, struct fault *f)
{
	for (unsigned i = 0; i < COUNT_OF(answers); i++)
		if (span_is(value, answers[i]))
			return feed->answer = (uint8_t)i, OK;
	return fault_set(f, ERR_USAGE, "answer \"" SPAN_FMT "\" is none of nxdomain, nodata, drop and garden",
			 SPAN_ARG(span_head(value, 100)));
}

static enum err set_name(char to[FEED_TEXT_MAX + 1], struct span value, const char *what, struct fault *f)
{
	uint8_t name[DOMAIN_MAX];
	size_t n;
	struct fault why;
	if (domain_parse(value, name, &n, &why))
		return fault_set(f, ERR_USAGE, "%s \"" SPAN_FMT "\" is not a domain name: %s", what, SPAN_ARG(span_head(value, 100)),
				 why.text);
	memcpy(to, name, n);
	to[n] = 0;
	return OK;
}

static enum err set_zone(struct feed *feed, struct span value, struct fault *f)
{
	return takes_back(value, feed->zone) ? OK : set_name(feed->zone, value, "zone", f);
}

static enum err set_garden(struct feed *feed, struct span value, struct fault *f)
{
	return takes_back(value, feed->garden) ? OK : set_name(feed->garden, value, "garden", f);
}

static enum err check_addresses(struct span value, struct fault *f)
{
	for (struct span one; span_item(&value, &one);) {
		char text[ADDRESS_TEXT_MAX] = "";
		struct sockaddr_storage address;
		socklen_t n;
		struct fault why;
		if (one.n < sizeof(text))
			memcpy(text, one.p, one.n);
		if (address_parse(text, &address, &n, &why) || address_port(&address) == 0)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not an address with a port, as 192.0.2.53:53 or [2001:db8::53]:53",
					 SPAN_ARG(span_head(one, 100)));
	}
	return OK;
}

enum err feed_targets_set(char to[FEED_TEXT_MAX + 1], struct span value, struct fault *f)
{
	enum err e = check_addresses(value, f);
	return e ? e : set_text(to, FEED_TEXT_MAX, value, "the list for notify", f);
}

static enum err set_notify(struct feed *feed, struct span value, struct fault *f)
{
	return takes_back(value, feed->notify) ? OK : feed_targets_set(feed->notify, value, f);
}

static bool is_range(struct span one)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	return obs_parse_as(OBS_CIDR4, one, store, &o, NULL) == OK && o.kind >= OBS_IPV4 && o.kind <= OBS_CIDR6;
}

static enum err set_allow(struct feed *feed, struct span value, struct fault *f)
{
	struct span rest = value;
	if (takes_back(value, feed->allow))
		return OK;
	for (struct span one; span_item(&rest, &one);)
		if (!is_range(one))
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is neither an address nor a prefix", SPAN_ARG(span_head(one, 100)));
	return set_text(feed->allow, FEED_TEXT_MAX, value, "the list for allow", f);
}

static enum err set_u32(struct span value, uint32_t max, const char *what, uint32_t *ret, struct fault *f)
{
	uint64_t n = 0;
	enum err e = set_number(value, max, what, &n, f);
	if (e == OK)
		*ret = (uint32_t)n;
	return e;
}

static enum err set_ttl(struct feed *feed, struct span value, struct fault *f)
{
	return set_u32(value, TTL_MAX, "a number of seconds", &feed->ttl_s, f);
}

static enum err set_refresh(struct feed *feed, struct span value, struct fault *f)
{
	return set_u32(value, TTL_MAX, "a number of seconds", &feed->refresh_s, f);
}

static enum err set_max(struct feed *feed, struct span value, struct fault *f)
{
	return set_u32(value, MAX_MAX, "a number of values", &feed->max, f);
}

static enum err set_from(struct feed *feed, struct span value, struct fault *f)
{
	return set_number(value, UINT64_MAX, "a serial", &feed->from, f);
}

static enum err set_raised(struct feed *feed, struct span value, struct fault *f)
{
	return set_number(value, UINT32_MAX, "a number", &feed->raised, f);
}

/* ---- words: writing ---- */

static void put_reasons(const struct feed *feed, struct buf *out)
{
	const char *between = "";
	for (unsigned r = 0; r < REASONS; r++)
		if (feed->wanted >> r & 1) {
			buf_printf(out, "%s%s", between, reason_row((enum reason)r)->name);
			between = ",";
		}
}

static void put_kinds(const struct feed *feed, struct buf *out)
{
	kinds_put(feed->kinds, out);
}

static void put_categories(const struct feed *feed, struct buf *out)
{
	categories_put(feed->categories, out);
}

static void put_type(const struct feed *feed, struct buf *out)
{
	buf_puts(out, types[feed->type]);
}

static void put_audience(const struct feed *feed, struct buf *out)
{
	buf_puts(out, tlp_name(feed->audience) + strlen("tlp:"));
}

static void put_lanes(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->lanes);
}

static void put_min_score(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->min_score);
}

static void put_challenge(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->wanted & force_challenges(REASONS_ALL) ? "yes" : "no");
}

static void put_answer(const struct feed *feed, struct buf *out)
{
	buf_puts(out, answers[feed->answer]);
}

static void put_garden(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->garden);
}

static void put_zone(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->zone);
}

static void put_notify(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->notify);
}

static void put_allow(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->allow);
}

static void put_transport(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->tls_only ? "tls" : "any");
}

static void put_passthru(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->passthru ? "yes" : "no");
}

static void put_open(const struct feed *feed, struct buf *out)
{
	buf_puts(out, feed->open ? "yes" : "no");
}

static void put_ttl(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->ttl_s);
}

static void put_refresh(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->refresh_s);
}

static void put_max(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->max);
}

static void put_from(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->from);
}

static void put_raised(const struct feed *feed, struct buf *out)
{
	buf_putu(out, feed->raised);
}

enum { SNAPSHOT = 1 << FEED_SNAPSHOT, RPZ = 1 << FEED_RPZ, LIST = 1 << FEED_LIST };

static const struct row {
	const char *word;
	unsigned of; /* types that it is for */
	enum err (*set)(struct feed *feed, struct span value, struct fault *f);
	void (*put)(const struct feed *feed, struct buf *out);
} rows[] = {
	{ "type", SNAPSHOT | RPZ | LIST, set_type, put_type },
	{ "reasons", RPZ | LIST, set_reasons, put_reasons },
	{ "challenge", LIST, set_challenge, put_challenge },
	{ "kinds", SNAPSHOT | RPZ | LIST, set_kinds, put_kinds },
	{ "zone", RPZ, set_zone, put_zone },
	{ "answer", RPZ, set_answer, put_answer },
	{ "garden", RPZ, set_garden, put_garden },
	{ "passthru", RPZ, set_passthru, put_passthru },
	{ "ttl", RPZ, set_ttl, put_ttl },
	{ "refresh", RPZ, set_refresh, put_refresh },
	{ "notify", RPZ, set_notify, put_notify },
	{ "allow", RPZ, set_allow, put_allow },
	{ "transport", RPZ, set_transport, put_transport },
	{ "max", LIST, set_max, put_max },
	{ "open", RPZ | LIST, set_open, put_open },
	{ "from", RPZ | LIST, set_from, put_from },
	{ "raised", RPZ, set_raised, put_raised },
	{ "lanes", SNAPSHOT, set_lanes, put_lanes },
	{ "audience", SNAPSHOT | LIST, set_audience, put_audience },
	{ "categories", SNAPSHOT, set_categories, put_categories },
	{ "min_score", SNAPSHOT, set_min_score, put_min_score },
};

enum err feed_set(struct feed *feed, struct span word, struct span value, struct fault *f)
{
	if (!value.n)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" has no value", SPAN_ARG(span_head(word, 100)));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(word, rows[i].word))
			return rows[i].set(feed, value, f);
	struct buf all = { 0 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		buf_printf(&all, "%s%s", i == 0 ? "" : i + 1 < COUNT_OF(rows) ? ", " : " and ", rows[i].word);
	fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of %s", SPAN_ARG(span_head(word, 100)), buf_cstr(&all));
	buf_release(&all);
	return ERR_USAGE;
}

uint32_t feed_epoch(const struct feed *feed)
{
	const uint32_t selects[] = { feed->type, feed->wanted, feed->kinds, feed->passthru };
	return (uint32_t)siphash13((struct siphash_seed){ 0, 0 }, selects, sizeof(selects));
}

void feed_set_name(const struct feed *feed, char ret_name[FEED_SET_NAME_MAX + 1])
{
	char name[FEED_NAME_MAX + 3];
	bool letter = feed->name[0] >= 'a' && feed->name[0] <= 'z';
	snprintf(name, sizeof(name), "%s%s", letter ? "" : "f_", feed->name);
	uint64_t hash = siphash13((struct siphash_seed){ 0, 0 }, feed->name, strlen(feed->name));
	for (char *c = name; *c; c++)
		if (*c == '-' || *c == '.')
			*c = '_';
	if (strlen(name) > FEED_SET_NAME_MAX)
		snprintf(ret_name, FEED_SET_NAME_MAX + 1, "%.13s_%08x", name, (unsigned)(hash >> 32));
	else
		snprintf(ret_name, FEED_SET_NAME_MAX + 1, "%s", name);
}

/* What a word says of the two, to see whether they say the same. */
static bool says_same(const struct row *r, const struct feed *a, const struct feed *b)
{
	struct buf text = { 0 };
	r->put(a, &text);
	size_t n = text.n;
	r->put(b, &text);
	bool same = span_eq(span_head(buf_span(&text), n), span_from(buf_span(&text), n));
	buf_release(&text);
	return same;
}

bool feed_differs(const struct feed *a, const struct feed *b)
{
	return a->wanted != b->wanted || a->kinds != b->kinds || a->passthru != b->passthru || a->answer != b->answer || a->ttl_s != b->ttl_s ||
	       a->refresh_s != b->refresh_s || strcmp(a->zone, b->zone) != 0 || strcmp(a->garden, b->garden) != 0;
}

void feed_put(const struct feed *feed, struct buf *out)
{
	struct feed usual;
	feed_defaults(&usual);
	buf_puts(out, feed->name);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (says_same(&rows[i], feed, &usual))
			continue;
		buf_printf(out, " %s=", rows[i].word);
		rows[i].put(feed, out);
	}
}

/* The zone that a feed serves: its own name when it was not given one. */
static struct span feed_zone(const struct feed *feed)
{
	return span_str(feed->zone[0] ? feed->zone : feed->name);
}

enum err feed_check(const struct feed *feed, const struct feeds *others, struct fault *f)
{
	struct feed usual;
	uint8_t name[DOMAIN_MAX];
	size_t n;
	feed_defaults(&usual);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (!(rows[i].of >> feed->type & 1) && !says_same(&rows[i], feed, &usual))
			return fault_set(f, ERR_USAGE, "\"%s\" does not go with a feed of type %s", rows[i].word, types[feed->type]);
	if ((feed->answer == ANSWER_GARDEN) != (feed->garden[0] != 0))
		return fault_set(f, ERR_USAGE, feed->garden[0] ? "a garden goes with the answer \"garden\"" :
				 "the answer \"garden\" needs the name of one (garden=NAME)");
	if (feed->type != FEED_RPZ)
		return OK;
	if (domain_parse(feed_zone(feed), name, &n, NULL) || !span_eq(span_of(name, n), feed_zone(feed)))
		return fault_set(f, ERR_USAGE, "\"%s\" is no domain name: give the feed a zone", feed->name);
	for (unsigned i = 0; i < others->n; i++)
		if (others->v[i].type == FEED_RPZ && strcmp(others->v[i].name, feed->name) != 0 &&
		    span_eq(feed_zone(&others->v[i]), feed_zone(feed)))
			return fault_set(f, ERR_EXISTS, "the zone \"" SPAN_FMT "\" is that of feed \"%s\"", SPAN_ARG(feed_zone(feed)),
					 others->v[i].name);
	return OK;
}

/* ---- snapshots ---- */

/* Lanes by name may be any: with members, too. */
static enum err clearance_of(const struct feed *feed, struct ledger *l, clearance *ret_clear, struct fault *f)
{
	clearance clear = 0;
	struct span list = span_str(feed->lanes);
	for (struct span one; span_item(&list, &one);) {
		struct lane lane;
		char name[LANE_NAME_MAX + 1] = "";
		if (one.n <= LANE_NAME_MAX && one.n)
			memcpy(name, one.p, one.n);
		if (ledger_lane_find(l, CLEARANCE_ALL, name, &lane))
			return fault_set(f, ERR_NOTFOUND, "there is no lane \"" SPAN_FMT "\"", SPAN_ARG(span_head(one, 100)));
		clear |= (clearance)1 << lane.number;
	}
	*ret_clear = feed->lanes[0] ? clear : ledger_clearance(l, feed->audience);
	return OK;
}

enum err feed_selection(const struct feed *feed, struct ledger *l, struct selection *ret_selection, struct fault *f)
{
	struct selection s = { .feed = feed->name, .kinds = feed->kinds, .min_score = feed->min_score, .categories = feed->categories };
	enum err e = clearance_of(feed, l, &s.clear, f);
	if (e == OK)
		*ret_selection = s;
	return e;
}
