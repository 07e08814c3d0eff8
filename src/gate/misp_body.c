#include "gate/misp_body.h"

#include "codec/json_feed.h"
#include "gate/intake.h"
#include "view/score.h"

enum err misp_body_read(struct ledger *l, uint64_t number, struct entry *ret_entry, struct buf *out)
{
	struct entry part = { 0 };
	enum err e = ledger_entry(l, CLEARANCE_ALL, number, ret_entry);
	if (e)
		return e;
	bool more = ret_entry->flags & ENTRY_MORE;
	e = ledger_body(l, CLEARANCE_ALL, number, out, NULL);
	while (e == OK && more) {
		if ((e = ledger_entry(l, CLEARANCE_ALL, ++number, &part)) != OK)
			break;
		more = part.flags & ENTRY_MORE;
		e = part.flags & ENTRY_CONTINUES && out->n <= SUBMISSION_MAX ? ledger_body(l, CLEARANCE_ALL, number, out, NULL) : ERR_CORRUPT;
		entry_release(&part);
	}
	if (e)
		entry_release(ret_entry);
	return e;
}

/* ---- whole events ---- */

static bool is_uuid(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		uint8_t c = ascii_lower(s.p[i]);
		if (dash ? c != '-' : !ascii_digit(c) && (c < 'a' || c > 'f'))
			return false;
	}
	return s.n == UUID_TEXT - 1;
}

/* {"Event": {...}} and nothing else. */
static bool read_head(struct span body, struct misp_head *ret_head)
{
	struct json_reader r;
	struct json_member event[2] = { { "Event" }, { "response" } };
	struct json_member m[3] = { { "uuid" }, { "timestamp" }, { "date" } };
	json_init(&r, body, true);
	if (json_skip(&r) != JSON_OBJECT || json_next(&r) != JSON_END)
		return false;
	(void)json_peek(r.slice, event, 2);
	json_init(&r, body, true);
	if (event[0].kind != JSON_OBJECT || event[1].kind != JSON_END)
		return false;
	(void)json_peek(event[0].value, m, 3);
	if (m[0].kind != JSON_STRING || !is_uuid(m[0].value))
		return false;
	for (size_t i = 0; i < UUID_TEXT - 1; i++)
		ret_head->uuid[i] = (char)ascii_lower(m[0].value.p[i]);
	ret_head->uuid[UUID_TEXT - 1] = 0;
	ret_head->time_s = json_feed_time(&m[1]);
	ret_head->date_s = json_feed_time(&m[2]);
	return true;
}

bool misp_body_head(struct ledger *l, uint64_t number, struct misp_head *ret_head)
{
	struct entry e;
	struct buf body = { 0 };
	bool is = misp_body_read(l, number, &e, &body) == OK;
	if (is) {
		is = read_head(buf_span(&body), ret_head);
		entry_release(&e);
	}
	buf_release(&body);
	return is;
}

/* ---- retractions ---- */

bool misp_body_may_retract(const struct entry *e)
{
	char stance[8];
	snprintf(stance, sizeof(stance), "%d:", STANCE_RETRACTED);
	return strcmp(e->media, "stix") == 0 || strcmp(e->media, "misp") == 0 || strcmp(e->media, "retraction") == 0 ||
	       span_starts(buf_span(&e->token), span_str(stance));
}

/* Most bodies take nothing back, and need not be parsed to see it. */
static bool says_so(const struct entry *e, struct span body)
{
	const char *word = strcmp(e->media, "stix") == 0 ? "\"revoked\"" : strcmp(e->media, "misp") == 0 ? "\"deleted\"" : NULL;
	return !word || memmem(body.p, body.n, word, strlen(word));
}

struct finding {
	struct node *node;
	struct ledger *ledger;
	const struct table_view *view;
	uint32_t number;
	uint16_t source;
	uint8_t lane;
	bool any;
	misp_entry_visit *visit;
	void *ctx;
};

/* `fc` takes something back. */
static void find_claims(struct finding *g, const struct feed_claim *fc)
{
	struct claim r = { .entry = g->number, .source = g->source, .lane = g->lane, .category = fc->category, .stance = fc->stance & 15,
			   .flags = (uint8_t)((fc->part ? CLAIM_PART : 0) | (fc->obs.wildcard ? CLAIM_WILDCARD : 0)) & 15 };
	struct table_key key = { .kind = fc->obs.kind, .prefix = fc->obs.prefix, .n = fc->obs.n, .p = fc->obs.key };
	const struct claim *c;
	for (unsigned i = 0; i < g->view->n; i++) {
		unsigned n = image_find(g->view->level[i], &key, &c);
		for (unsigned k = 0; k < n; k++)
			if (score_takes_back(&r, &c[k]))
				g->visit(g->ctx, c[k].entry);
	}
}

static bool of_object(void *ctx, const struct entry *e, struct span octets)
{
	struct finding *g = ctx;
	(void)octets;
	g->visit(g->ctx, e->number);
	return false; /* all of them */
}

static bool on_record(void *ctx, const struct feed_record *r)
{
	struct finding *g = ctx;
	bool takes_back = false;
	if (r->fate != FATE_CLAIMS)
		return true;
	for (unsigned i = 0; i < r->n_claims; i++) {
		if (r->claims[i].stance != STANCE_RETRACTED && r->claims[i].stance < STANCE_UNSAID)
			continue;
		takes_back = true;
		find_claims(g, &r->claims[i]);
	}
	if (takes_back && r->id.n)
		(void)!ledger_object(g->ledger, CLEARANCE_ALL, r->id, of_object, g, NULL);
	g->any |= takes_back;
	return true;
}

bool misp_body_retractions(struct node *n, uint8_t lane, const char *source, uint64_t number, misp_entry_visit *visit, void *ctx)
{
	struct finding g = { .node = n, .ledger = node_ledger(n), .number = (uint32_t)number, .lane = lane, .visit = visit, .ctx = ctx };
	struct entry e;
	struct buf body = { 0 };
	struct fault ignored;
	struct feed_parser *parser;
	size_t used;
	if (misp_body_read(g.ledger, number, &e, &body) == OK) {
		const struct feed_format *format = feed_format_find(span_str(e.media));
		if (format && misp_body_may_retract(&e) && says_so(&e, buf_span(&body)) &&
		    intake_resume(format, buf_span(&e.token), &parser) == OK) {
			g.view = table_enter(node_table(n));
			const struct source *s = source_find(((const struct meaning *)g.view->context)->sources, span_str(source));
			g.source = s ? s->number : UINT16_MAX;
			(void)!feed_parse(parser, buf_span(&body), true, on_record, &g, &used, &ignored);
			table_leave(node_table(n));
			feed_parser_free(parser);
		}
		entry_release(&e);
	}
	buf_release(&body);
	return g.any;
}
