/* A feed that a MISP subscribes to (manifest.json, hashes.csv, events), and what PyMISP wants to know of a server before it asks. */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"
#include "face/http_misp_parts.h"
#include "sys/digest.h"

/* Of the API that is spoken here: what clients compare with. */
#define MISP_VERSION "2.5.0"

void misp_refuse(struct http_request *q, struct http_answer *a, unsigned status, const char *text)
{
	static const struct { unsigned status; const char *name; } names[] = {
		{ 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 500, "Internal Error" }, { 503, "Service Unavailable" },
	};
	size_t i = 0;
	while (i + 1 < COUNT_OF(names) && names[i].status != status)
		i++;
	a->status = status;
	a->type = "application/json";
	a->body.n = 0;
	buf_printf(&a->body, "{\"saved\":false,\"name\":\"%s\",\"message\":", names[i].name);
	json_put_string(&a->body, span_str(text));
	buf_puts(&a->body, ",\"url\":");
	json_put_string(&a->body, span_head(q->target, 256));
	buf_puts(&a->body, "}\n");
}

struct misp_events *misp_begin(struct http_server *s, struct http_request *q, struct http_answer *a)
{
	struct fault f = { .text = "this node serves no events" };
	if (!s->misp) {
		misp_refuse(q, a, 404, f.text);
		return NULL;
	}
	http_reader(s);
	if (misp_events_follow(s->misp, &f) == OK)
		return s->misp;
	misp_refuse(q, a, 500, f.text);
	return NULL;
}

/* ---- caching ---- */

/* Equal states have equal tags, and a tag tells nothing of what the asker does not see. */
static bool unchanged(struct http_request *q, struct http_answer *a, uint64_t state)
{
	char tag[24];
	const char *had = http_request_header(q, "If-None-Match");
	snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)state);
	http_answer_header(a, "ETag", tag);
	http_answer_header(a, "Cache-Control", "no-cache");
	if (!had || !strstr(had, tag))
		return false;
	http_answer_header(a, "Vary", HTTP_VARY);
	a->status = 304;
	return true;
}

/* ---- manifest ---- */

struct manifest {
	struct misp_events *events;
	clearance clear;
	size_t at;
	bool begun;
};

static bool manifest_make(void *ctx, struct buf *out)
{
	struct manifest *m = ctx;
	struct misp_listed l;
	for (unsigned i = 0; i < MISP_EVENTS_AT_ONCE; i++) {
		if (!misp_events_next(m->events, m->clear, &m->at, &l)) {
			buf_puts(out, m->begun ? "}\n" : "{}\n");
			return false;
		}
		struct misp_event e = misp_listed_event(&l);
		buf_puts(out, m->begun ? ",\n" : "{");
		misp_put_manifest(out, &e);
		m->begun = true;
	}
	return true;
}

static void manifest_over(void *ctx, bool whole)
{
	free(ctx);
}

void http_misp_manifest(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct misp_events *events = misp_begin(s, q, a);
	if (!events || unchanged(q, a, misp_events_state(events, http_told_clear(s, q))))
		return;
	struct manifest *m = mem_zalloc(sizeof(*m));
	*m = (struct manifest){ .events = events, .clear = http_told_clear(s, q) };
	http_flow(q, a, &(struct http_flow){ manifest_make, manifest_over, m }, "application/json");
}

/* ---- an event ---- */

struct one {
	struct http_server *server;
	struct misp_reading *reading;
	struct buf *out;
	bool begun, comma;
};

static void put_attribute(void *ctx, const struct misp_attribute *a)
{
	struct one *o = ctx;
	struct misp_event e = misp_listed_event(misp_reading_of(o->reading));
	if (o->comma)
		buf_putc(o->out, ',');
	misp_put_attribute(o->out, &e, a, false);
	o->comma = true;
}

static bool one_make(void *ctx, struct buf *out)
{
	struct one *o = ctx;
	struct misp_event e = misp_listed_event(misp_reading_of(o->reading));
	http_reader(o->server);
	o->out = out;
	if (!o->begun && misp_reading_original(o->reading, out))
		return false;
	if (!o->begun)
		misp_put_event_begin(out, &e);
	o->begun = true;
	if (misp_reading_more(o->reading, MISP_RECORDS, put_attribute, o))
		return true;
	misp_put_event_end(out);
	buf_putc(out, '\n');
	return false;
}

static void one_over(void *ctx, bool whole)
{
	struct one *o = ctx;
	misp_reading_free(o->reading);
	free(o);
}

/* "UUID.json"; of the API: the UUID or the number alone. */
void http_misp_event(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct misp_pick pick;
	struct misp_listed l;
	struct span name = w->word[0];
	uint64_t id;
	for (const char *end = ".?/"; *end; end++)
		name = span_head(name, span_find(name, (uint8_t)*end));
	struct misp_events *events = misp_begin(s, q, a);
	if (!events)
		return;
	bool there = misp_events_pick(events, http_told_clear(s, q), name, &pick);
	if (!there && num_parse_u64(name, UINT64_MAX, &id) == OK && misp_events_find_id(events, http_told_clear(s, q), id, &l))
		there = misp_events_pick(events, http_told_clear(s, q), span_str(l.uuid), &pick);
	if (!there) {
		misp_refuse(q, a, 404, "Invalid event");
		return;
	}
	struct one *o = mem_zalloc(sizeof(*o));
	*o = (struct one){ .server = s, .reading = misp_reading_new(s->options.node, &pick) };
	http_flow(q, a, &(struct http_flow){ one_make, one_over, o }, "application/json");
}

/* ---- hashes ---- */

struct hashes {
	struct http_server *server;
	struct misp_events *events;
	clearance clear;
	size_t at;
	struct misp_reading *reading;
	struct buf *out, text;
};

static void put_hash(void *ctx, const struct misp_attribute *a)
{
	struct hashes *h = ctx;
	uint8_t digest[16];
	char digits[32];
	if (a->deleted)
		return;
	h->text.n = 0;
	obs_format(&a->obs, &h->text);
	md5_one(buf_span(&h->text), digest);
	hex_encode(digest, 16, digits);
	buf_put(h->out, digits, 32);
	buf_printf(h->out, ",%s\n", misp_reading_of(h->reading)->uuid);
}

static bool hashes_make(void *ctx, struct buf *out)
{
	struct hashes *h = ctx;
	struct misp_listed l;
	struct misp_pick pick;
	http_reader(h->server);
	h->out = out;
	if (!h->reading) {
		if (!misp_events_next(h->events, h->clear, &h->at, &l))
			return false;
		if (l.over || !misp_events_pick(h->events, h->clear, span_str(l.uuid), &pick))
			return true;
		h->reading = misp_reading_new(h->server->options.node, &pick);
	}
	if (misp_reading_more(h->reading, MISP_RECORDS, put_hash, h))
		return true;
	misp_reading_free(h->reading);
	h->reading = NULL;
	return true;
}

static void hashes_over(void *ctx, bool whole)
{
	struct hashes *h = ctx;
	misp_reading_free(h->reading);
	buf_release(&h->text);
	free(h);
}

void http_misp_hashes(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct misp_events *events = misp_begin(s, q, a);
	if (!events || unchanged(q, a, misp_events_state(events, http_told_clear(s, q))))
		return;
	struct hashes *h = mem_zalloc(sizeof(*h));
	*h = (struct hashes){ .server = s, .events = events, .clear = http_told_clear(s, q) };
	http_flow(q, a, &(struct http_flow){ hashes_make, hashes_over, h }, "text/csv; charset=utf-8");
}

/* ---- what clients ask first ---- */

static void answer_json(struct http_answer *a)
{
	buf_putc(&a->body, '\n');
	a->status = 200;
	a->type = "application/json";
}

void http_misp_version(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	bool reports = role_may(http_asker(q)->role, RIGHT_REPORT);
	buf_printf(&a->body, "{\"version\":\"" MISP_VERSION "\",\"pymisp_recommended_version\":\"" MISP_VERSION "\",\"perm_sync\":false,"
		   "\"perm_sighting\":%s,\"perm_galaxy_editor\":false,\"request_encoding\":[],\"filter_sightings\":false,\"server\":\"sipar/"
		   SIPAR_VERSION "\"}", reports ? "true" : "false");
	answer_json(a);
}

void http_misp_pymisp(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	buf_puts(&a->body, "{\"version\":\"" MISP_VERSION "\"}");
	answer_json(a);
}

/* Who asks.  There are no users here, so a party is one. */
void http_misp_me(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	const struct asker *who = http_asker(q);
	const char *name = who->party[0] ? who->party : "anonymous";
	bool reports = role_may(who->role, RIGHT_REPORT);
	buf_printf(&a->body, "{\"User\":{\"id\":\"1\",\"org_id\":\"1\",\"role_id\":\"%u\",\"email\":\"%s@%s\",\"disabled\":false},\"Role\":{\"id\":\"%u\","
		   "\"name\":\"%s\",\"perm_auth\":true,\"perm_add\":%s,\"perm_sighting\":%s,\"perm_sync\":false,\"perm_publish\":false,"
		   "\"perm_admin\":false,\"perm_site_admin\":false},\"UserSetting\":{},\"Organisation\":{\"id\":\"1\",\"name\":\"%s\"}}",
		   (unsigned)who->role, name, ledger_name(s->ledger), (unsigned)who->role, role_name(who->role), reports ? "true" : "false",
		   reports ? "true" : "false", name);
	answer_json(a);
}
