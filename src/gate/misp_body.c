#include "gate/misp_body.h"

#include "base/num.h"
#include "base/octets.h"
#include "codec/json_feed.h"
#include "codec/misp_event.h"
#include "codec/tlp.h"
#include "gate/intake.h"
#include "view/score.h"

void misp_uuid_octets(const char *text, uint8_t ret_uuid[16])
{
	char digits[32];
	unsigned n = 0;
	for (const char *p = text; *p && n < 32; p++)
		if (*p != '-')
			digits[n++] = *p;
	if (n < 32 || hex_decode(span_of(digits, 32), ret_uuid, 16))
		memset(ret_uuid, 0, 16);
}

/* Mixed, since those that others have given may differ in a few digits only. */
uint64_t misp_uuid_number(const uint8_t uuid[16])
{
	uint64_t h = get_be64(uuid) * 0x9e3779b97f4a7c15;
	h = (h ^ h >> 32 ^ get_be64(uuid + 8)) * 0xd6e8feb86659fd93;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	return h ? h : 1;
}

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

/* {"Event": {...}} and nothing else: what is in it. */
static bool find_event(struct span body, struct span *ret_event)
{
	struct json_reader r;
	struct json_member m[2] = { { "Event" }, { "response" } };
	json_init(&r, body, true);
	if (json_skip(&r) != JSON_OBJECT)
		return false;
	(void)json_peek(r.slice, m, 2);
	*ret_event = m[0].value;
	return json_next(&r) == JSON_END && m[0].kind == JSON_OBJECT && m[1].kind == JSON_END;
}

enum { TAGS_MAX = 50, TEXT_OCTETS_MAX = 500 };

/* The tags of an event, by their names, with the one of its audience when none is as strict. */
struct event_tags {
	struct buf json; /* items with commas between them */
	unsigned n;
	bool strict_enough;
	uint8_t tlp;
};

static uint8_t tlp_of(struct span name)
{
	static const char *const older[] = { "tlp:white" };
	for (unsigned t = TLP_CLEAR; t <= TLP_RED; t++)
		if (span_ieq(name, span_str(tlp_name(t))))
			return (uint8_t)t;
	return span_ieq(name, span_str(older[0])) ? TLP_CLEAR : TLP_UNSAID;
}

static void add_tag(struct event_tags *t, struct span name, struct span colour)
{
	if (t->n++)
		buf_putc(&t->json, ',');
	buf_puts(&t->json, "{\"name\":");
	json_put_string(&t->json, name);
	buf_puts(&t->json, ",\"colour\":");
	json_put_string(&t->json, colour);
	buf_putc(&t->json, '}');
}

static void read_tags(struct event_tags *t, const struct json_member *list)
{
	struct json_reader r;
	struct buf name = { 0 };
	json_init(&r, list->value, true);
	if (list->kind == JSON_ARRAY && json_next(&r) == JSON_ARRAY)
		while (json_skip(&r) == JSON_OBJECT) {
			struct json_member m[2] = { { "name" }, { "colour" } };
			(void)json_peek(r.slice, m, 2);
			name.n = 0;
			if (m[0].kind != JSON_STRING || json_unescape(m[0].value, &name))
				continue;
			t->strict_enough |= tlp_of(buf_span(&name)) >= t->tlp;
			if (t->n < TAGS_MAX)
				add_tag(t, span_head(buf_span(&name), TEXT_OCTETS_MAX), m[1].kind == JSON_STRING ? m[1].value : SPAN_LIT("#5A5A5A"));
		}
	buf_release(&name);
}

static void put_text(struct buf *out, const char *key, const struct json_member *m, size_t most, const char *otherwise)
{
	struct buf text = { 0 };
	bool is = (m->kind == JSON_STRING && json_unescape(m->value, &text) == OK) || m->kind == JSON_NUMBER;
	buf_printf(out, "\"%s\":", key);
	json_put_string(out, !is ? span_str(otherwise) : span_head(m->kind == JSON_NUMBER ? m->value : buf_span(&text), most));
	buf_release(&text);
}

static char *summary_of(struct span event, uint8_t tlp)
{
	struct json_member m[6] = { { "Orgc" }, { "Tag" }, { "info" }, { "date" }, { "analysis" }, { "threat_level_id" } };
	struct json_member org[2] = { { "name" }, { "uuid" } };
	struct event_tags tags = { .tlp = tlp };
	struct buf out = { 0 };
	(void)json_peek(event, m, 6);
	(void)json_peek(m[0].kind == JSON_OBJECT ? m[0].value : SPAN_LIT("{}"), org, 2);
	read_tags(&tags, &m[1]);
	if (!tags.strict_enough)
		add_tag(&tags, span_str(tlp_name(tlp)), span_str(misp_tag_colour(tlp_name(tlp))));
	buf_puts(&out, "\"Orgc\":{");
	put_text(&out, "name", &org[0], TEXT_OCTETS_MAX, "unknown");
	buf_putc(&out, ',');
	put_text(&out, "uuid", &org[1], UUID_TEXT - 1, "00000000-0000-0000-0000-000000000000");
	buf_puts(&out, "},\"Tag\":[");
	buf_putspan(&out, buf_span(&tags.json));
	buf_puts(&out, "],");
	put_text(&out, "info", &m[2], TEXT_OCTETS_MAX, "");
	buf_putc(&out, ',');
	put_text(&out, "date", &m[3], 10, "1970-01-01");
	buf_putc(&out, ',');
	put_text(&out, "analysis", &m[4], 1, "2");
	buf_putc(&out, ',');
	put_text(&out, "threat_level_id", &m[5], 1, "4");
	char *text = mem_strndup(out.p, out.n);
	buf_release(&tags.json);
	buf_release(&out);
	return text;
}

static bool read_head(struct span body, uint8_t tlp, struct misp_head *ret_head)
{
	struct json_member m[3] = { { "uuid" }, { "timestamp" }, { "date" } };
	struct span event;
	if (!find_event(body, &event))
		return false;
	(void)json_peek(event, m, 3);
	if (m[0].kind != JSON_STRING || !is_uuid(m[0].value))
		return false;
	for (size_t i = 0; i < UUID_TEXT - 1; i++)
		ret_head->uuid[i] = (char)ascii_lower(m[0].value.p[i]);
	ret_head->uuid[UUID_TEXT - 1] = 0;
	ret_head->time_s = json_feed_time(&m[1]);
	ret_head->date_s = json_feed_time(&m[2]);
	ret_head->summary = summary_of(event, tlp);
	return true;
}

bool misp_body_head(struct ledger *l, uint64_t number, uint8_t tlp, struct misp_head *ret_head)
{
	struct entry e;
	struct buf body = { 0 };
	bool is = misp_body_read(l, number, &e, &body) == OK;
	if (is) {
		is = read_head(buf_span(&body), tlp, ret_head);
		entry_release(&e);
	}
	buf_release(&body);
	return is;
}

/* Tags that are for their own MISP alone. */
static bool has_local(struct span body)
{
	return memmem(body.p, body.n, "\"local\":true", 12) || memmem(body.p, body.n, "\"local\":1", 9) || memmem(body.p, body.n, "\"local\": true", 13) ||
	       memmem(body.p, body.n, "\"local\": 1", 10) || memmem(body.p, body.n, "\"local\":\"1", 10) || memmem(body.p, body.n, "\"local\": \"1", 11);
}

static bool put_original(struct span body, uint8_t tlp, struct buf *out)
{
	struct json_member m[1] = { { "Tag" } };
	struct event_tags tags = { .tlp = tlp };
	struct span event;
	if (has_local(body) || !find_event(body, &event))
		return false;
	(void)json_peek(event, m, 1);
	read_tags(&tags, &m[0]);
	if (tags.strict_enough) {
		buf_putspan(out, body);
	} else {
		bool list = m[0].kind == JSON_ARRAY;
		size_t at = (size_t)((list ? m[0].value.p : event.p) - body.p) + 1;
		buf_put(out, body.p, at);
		buf_printf(out, "%s{\"name\":\"%s\",\"colour\":\"%s\"}%s", list ? "" : "\"Tag\":[", tlp_name(tlp), misp_tag_colour(tlp_name(tlp)),
			   !list ? "]," : tags.n ? "," : "");
		buf_putspan(out, span_from(body, at));
	}
	buf_release(&tags.json);
	return true;
}

bool misp_body_original(struct ledger *l, uint64_t number, uint8_t tlp, struct buf *out)
{
	struct entry e;
	struct buf body = { 0 };
	bool is = misp_body_read(l, number, &e, &body) == OK;
	if (is) {
		is = put_original(buf_span(&body), tlp, out);
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
