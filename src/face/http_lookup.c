/* Questions about one observable. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "face/http_parts.h"
#include "view/reputation.h"

static uint32_t now_s(void)
{
	return (uint32_t)(clock_ms() / 1000);
}

void http_lookup_one(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	struct fault f;
	if (obs_parse(w->word[0], store, &o, &f)) {
		http_problem(a, 400, q->target, f.text);
		return;
	}
	buf_reserve(&a->body, 512);
	const struct table_view *v = http_table_enter(s);
	reputation_of(v, &o, http_clear(q), now_s(), &r, NULL, NULL);
	reputation_json(&r, &o, v->context, &a->body);
	http_table_leave(s);
	buf_putc(&a->body, '\n');
	a->status = 200;
	a->type = "application/json";
}

/* For servers that ask whether to serve somebody (nginx: auth_request): the status is the answer. */
void http_allow(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	struct fault f;
	uint64_t least;
	char score[8], detail[100];
	if (num_parse_u64(w->word[0], 100, &least) || least == 0) {
		http_problem(a, 400, q->target, "the score is not a number from 1 to 100");
		return;
	}
	if (obs_parse(w->word[1], store, &o, &f)) {
		http_problem(a, 400, q->target, f.text);
		return;
	}
	const struct table_view *v = http_table_enter(s);
	reputation_of(v, &o, http_clear(q), now_s(), &r, NULL, NULL);
	http_table_leave(s);
	snprintf(score, sizeof(score), "%u", r.verdict.score);
	http_answer_header(a, "Sipar-Score", score);
	if (r.verdict.score < least) {
		a->status = 204;
		return;
	}
	snprintf(detail, sizeof(detail), "listed, score %u, %s", r.verdict.score, category_row(r.verdict.category)->name);
	http_problem(a, 403, q->target, detail);
}

/* An Accept field prefers text when it names text/plain before any JSON; quality values are not weighed. */
static bool wants_text(const char *accept)
{
	struct span rest = span_str(accept ? accept : "");
	while (rest.n) {
		struct span item = span_head(rest, span_find(rest, ','));
		rest = span_from(rest, item.n + 1);
		if (http_media_is(item, "text/plain"))
			return true;
		if (http_media_is(item, "application/json") || http_media_is(item, "*/*"))
			return false;
	}
	return false;
}

void http_why(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	struct score_line lines[SCORE_LINES_MAX];
	unsigned n = 0;
	struct fault f;
	if (obs_parse(w->word[0], store, &o, &f)) {
		http_problem(a, 400, q->target, f.text);
		return;
	}
	bool text = wants_text(http_request_header(q, "Accept"));
	uint32_t now = now_s();
	const struct table_view *v = http_table_enter(s);
	reputation_of(v, &o, http_clear(q), now, &r, lines, &n);
	if (text)
		reputation_why_text(&r, &o, v->context, s->ledger, lines, n, now, &a->body);
	else
		reputation_why_json(&r, &o, v->context, s->ledger, lines, n, now, &a->body);
	http_table_leave(s);
	if (!text)
		buf_putc(&a->body, '\n');
	a->status = 200;
	a->type = text ? "text/plain; charset=utf-8" : "application/json";
	http_answer_header(a, "Vary", "Accept");
}
