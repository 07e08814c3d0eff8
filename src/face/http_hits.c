/* Hits over HTTP: a consumer tells how often its resolver or firewall met what its feed blocks.
 *
 * What is told of others' feeds is not taken: a key must not say anything about, or find out, what it is not given. */
#include "face/http_parts.h"
#include "gate/docket.h"

/* Only what the feed has.  @return how many values. */
static unsigned keep_own(struct docket *d, const struct feed *feed, struct hits_report *report, struct buf *list)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o, by;
	struct span rest = report->hits;
	uint64_t n, ignored;
	unsigned kept = 0;
	while (hits_next(&rest, store, &o, &n, &ignored)) {
		const struct table_view *v = table_enter(docket_table(d));
		bool own = n >= HITS_LEAST && o.kind != OBS_NONE && feed_blocks(v, feed, &o, docket_tick(d), &by);
		table_leave(docket_table(d));
		if (own) {
			hits_put(list, &o, n, HITS_NO_DECISION);
			kept++;
		} else {
			report->merged_values++;
			report->merged_hits += n;
		}
	}
	report->hits = buf_span(list);
	return kept;
}

static unsigned status_of(enum err e)
{
	switch (e) {
	case ERR_EXISTS:
		return 409;
	case ERR_SYNTAX:
		return 400;
	case ERR_RANGE:
		return 422;
	case ERR_FORBIDDEN:
		return 403;
	case ERR_FULL:
		return 429;
	default:
		return 503;
	}
}

/* Named as its TSIG key is: one name may have keys of several feeds, and each tells of its own periods.  A party has 63 octets. */
static void name_reporter(const struct http_caller *caller, char ret_party[64])
{
	char whole[2 * FEED_NAME_MAX + 2];
	snprintf(whole, sizeof(whole), "%s.%s", caller->name, caller->feed);
	memcpy(ret_party, whole, 63);
	ret_party[63] = 0;
}

static enum err take(struct http_server *s, const struct feed *feed, const struct http_caller *caller, struct span body, struct hits_taken *ret_taken,
		     struct buf *out, struct fault *f)
{
	struct docket *d = node_docket(s->options.node);
	struct hits_report report;
	struct buf list = { 0 };
	char party[64];
	enum err e = hits_report_read(body, &report, f);
	if (e)
		return e;
	http_reader(s);
	unsigned kept = keep_own(d, feed, &report, &list);
	name_reporter(caller, party);
	e = node_hits(s->options.node, &(struct speaker){ party, "" }, &report, ret_taken, f);
	buf_release(&list);
	if (e == OK)
		buf_printf(out, "{\"values\":%u,\"alarms\":%u}\n", kept, ret_taken->alarms);
	return e;
}

static bool find_feed(struct http_server *s, struct http_request *q, struct feed *ret_feed, struct http_caller *ret_caller, struct http_answer *a)
{
	const struct feeds *feeds = s->options.node ? node_feeds(s->options.node) : feeds_new();
	bool fine = http_caller_find(q, feeds, ret_caller, a);
	const struct feed *feed = fine && ret_caller->known ? feeds_find(feeds, ret_caller->feed) : NULL;
	if (fine)
		fine = http_caller_may(q, feed, ret_caller, a);
	if (fine)
		*ret_feed = *feed;
	feeds_drop(feeds);
	return fine;
}

void http_hits(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct http_caller caller;
	struct feed feed;
	struct hits_taken taken = { 0 };
	struct fault f;
	if (!find_feed(s, q, &feed, &caller, a))
		return;
	enum err e = take(s, &feed, &caller, buf_span(&q->body), &taken, &a->body, &f);
	uint32_t wait_s = taken.wait_s;
	hits_taken_release(&taken);
	if (e) {
		char wait[16];
		snprintf(wait, sizeof(wait), "%u", wait_s);
		if (e == ERR_FULL && wait_s)
			http_answer_header(a, "Retry-After", wait);
		http_problem(a, status_of(e), q->target, f.text);
		return;
	}
	a->status = 201;
	a->type = "application/json";
}
