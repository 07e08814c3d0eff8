/* Hits back: POST /v1/hits. */
#include "face/http_parts.h"
#include "view/hits.h"

static bool may_report(struct http_server *s, struct http_request *q, struct http_caller *ret_caller, struct http_answer *a)
{
	const struct feeds *feeds = s->options.node ? node_feeds(s->options.node) : feeds_new();
	bool fine = http_caller_find(q, feeds, ret_caller, a);
	if (fine)
		fine = http_caller_may(q, ret_caller->known ? feeds_find(feeds, ret_caller->feed) : NULL, ret_caller, a);
	feeds_drop(feeds);
	return fine;
}

static unsigned status_of(enum err e)
{
	return e == ERR_EXISTS ? 409 : e == ERR_SYNTAX || e == ERR_RANGE ? 400 : e == ERR_FORBIDDEN ? 403 : 503;
}

void http_hits(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct http_caller caller;
	struct hits_report report;
	struct fault f;
	unsigned alarms = 0;
	if (!may_report(s, q, &caller, a))
		return;
	http_reader(s);
	const struct speaker who = { caller.name, "" };
	enum err e = hits_report_read(buf_span(&q->body), &report, &f);
	if (e == OK)
		e = docket_hits(node_docket(s->options.node), &who, &report, &alarms, &f);
	if (e) {
		http_problem(a, status_of(e), q->target, f.text);
		return;
	}
	buf_printf(&a->body, "{\"alarms\":%u}\n", alarms);
	a->status = 200;
	a->type = "application/json";
}
