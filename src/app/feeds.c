#include "app/feeds.h"

#include "base/num.h"
#include "codec/category.h"
#include "codec/tlp.h"

static const struct {
	const char *name;
	uint8_t bit;
} kinds[] = { { "ip", KINDS_IP }, { "domain", KINDS_DOMAIN }, { "url", KINDS_URL }, { "hash", KINDS_HASH }, { "email", KINDS_EMAIL } };

void feed_defaults(struct feed *feed)
{
	*feed = (struct feed){ .audience = TLP_CLEAR, .kinds = KINDS_ALL };
}

/* The next of several with commas between them. */
static bool next(struct span *list, struct span *ret_one)
{
	if (!list->n)
		return false;
	size_t n = span_find(*list, ',');
	*ret_one = span_trim(span_head(*list, n));
	*list = span_from(*list, n + 1);
	return true;
}

static enum err set_kinds(struct feed *feed, struct span value, struct fault *f)
{
	uint8_t mask = 0;
	for (struct span one; next(&value, &one);) {
		size_t i = 0;
		while (i < COUNT_OF(kinds) && !span_is(one, kinds[i].name))
			i++;
		if (i == COUNT_OF(kinds))
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of the kinds ip, domain, url, hash and email",
					 SPAN_ARG(span_head(one, 100)));
		mask |= kinds[i].bit;
	}
	feed->kinds = mask;
	return OK;
}

static enum err set_categories(struct feed *feed, struct span value, struct fault *f)
{
	uint32_t mask = 0;
	for (struct span one; next(&value, &one);) {
		enum category c = category_find(one);
		if (c == CAT_COUNT)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a category", SPAN_ARG(span_head(one, 100)));
		mask |= 1U << c;
	}
	feed->categories = mask;
	return OK;
}

static enum err set_audience(struct feed *feed, struct span value, struct fault *f)
{
	for (unsigned tlp = TLP_CLEAR; tlp <= TLP_RED; tlp++)
		if (span_is(value, tlp_name(tlp)) || span_is(value, tlp_name(tlp) + strlen("tlp:")))
			return feed->audience = (uint8_t)tlp, OK;
	return fault_set(f, ERR_USAGE, "audience \"" SPAN_FMT "\" is none of clear, green, amber, amber+strict and red",
			 SPAN_ARG(span_head(value, 100)));
}

static enum err set_lanes(struct feed *feed, struct span value, struct fault *f)
{
	if (value.n > FEED_LANES_MAX || span_find(value, 0) < value.n)
		return fault_set(f, ERR_USAGE, "the names of lanes have more than %d octets", FEED_LANES_MAX);
	memcpy(feed->lanes, value.p, value.n);
	feed->lanes[value.n] = 0;
	return OK;
}

enum err feed_set(struct feed *feed, struct span word, struct span value, struct fault *f)
{
	uint64_t n;
	if (!value.n)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" has no value", SPAN_ARG(span_head(word, 100)));
	if (span_is(word, "lanes"))
		return set_lanes(feed, value, f);
	if (span_is(word, "audience"))
		return set_audience(feed, value, f);
	if (span_is(word, "kinds"))
		return set_kinds(feed, value, f);
	if (span_is(word, "categories"))
		return set_categories(feed, value, f);
	if (!span_is(word, "min_score"))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of lanes, audience, kinds, categories and min_score",
				 SPAN_ARG(span_head(word, 100)));
	if (num_parse_u64(value, 100, &n))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a score from 0 to 100", SPAN_ARG(span_head(value, 100)));
	feed->min_score = (uint8_t)n;
	return OK;
}

static struct span take_word(struct span *text)
{
	struct span t = span_trim(*text);
	size_t n = 0;
	while (n < t.n && t.p[n] != ' ' && t.p[n] != '\t')
		n++;
	*text = span_from(t, n);
	return span_head(t, n);
}

enum err feeds_add(struct config_feeds *feeds, struct span text, struct fault *f)
{
	struct feed feed;
	struct span name = take_word(&text);
	feed_defaults(&feed);
	if (!source_name_ok(name) || name.n > FEED_NAME_MAX)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a feed: 1 to %d of a-z, 0-9, '.', '_' and '-'",
				 SPAN_ARG(span_head(name, 100)), FEED_NAME_MAX);
	memcpy(feed.name, name.p, name.n);
	for (struct span one; (one = take_word(&text)).n;) {
		size_t eq = span_find(one, '=');
		enum err e = feed_set(&feed, span_head(one, eq), span_from(one, eq + 1), f);
		if (e)
			return e;
	}
	if (feeds_find(feeds, feed.name))
		return fault_set(f, ERR_EXISTS, "feed \"%s\" is there twice", feed.name);
	if (feeds->n == FEEDS_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d feeds", FEEDS_MAX);
	feeds->v[feeds->n++] = feed;
	return OK;
}

const struct feed *feeds_find(const struct config_feeds *feeds, const char *name)
{
	for (unsigned i = 0; i < feeds->n; i++)
		if (strcmp(feeds->v[i].name, name) == 0)
			return &feeds->v[i];
	return NULL;
}

/* Lanes by name may be any: with members, too. */
static enum err clearance_of(const struct feed *feed, struct ledger *l, clearance *ret_clear, struct fault *f)
{
	clearance clear = 0;
	struct span list = span_str(feed->lanes);
	for (struct span one; next(&list, &one);) {
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
