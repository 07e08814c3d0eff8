#include "gate/misp_reading.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json_walk.h"
#include "gate/intake.h"
#include "gate/misp_body.h"
#include "view/score.h"

/* The attributes that have come, by the first octets of their UUIDs. */
struct seen {
	uint64_t *slot;
	size_t n, size;
};

struct misp_reading {
	struct node *node;
	struct misp_pick pick;
	struct misp_event event;
	uint8_t category;         /* of the source, for claims that do not say one */
	uint16_t source;
	size_t at;                /* piece that is being read */
	struct feed_parser *parser;
	struct entry entry;       /* of the piece */
	struct buf body;
	size_t used;
	bool own_ids;
	struct seen seen;
	unsigned left;            /* records until it pauses */
	misp_attribute_visit *visit;
	void *ctx;
};

/* ---- names ---- */

void misp_attribute_uuid(const char *event_uuid, const struct observable *o, uint8_t category, char ret_uuid[UUID_TEXT])
{
	uint8_t space[16];
	struct buf name = { 0 };
	misp_uuid_octets(event_uuid, space);
	buf_printf(&name, "%s|", misp_type(o));
	obs_format(o, &name);
	buf_printf(&name, "|%s", category_row(category)->name);
	uuid_named(space, buf_span(&name), ret_uuid);
	buf_release(&name);
}

uint64_t misp_id_of(const char *uuid)
{
	uint8_t octets[16];
	misp_uuid_octets(uuid, octets);
	return (misp_uuid_number(octets) >> 16) + 1;
}

/* ---- what has come ---- */

static bool put_seen(struct seen *s, uint64_t key)
{
	size_t i = key & (s->size - 1);
	while (s->slot[i]) {
		if (s->slot[i] == key)
			return false;
		i = (i + 1) & (s->size - 1);
	}
	s->slot[i] = key;
	return true;
}

/* @return false: it was there. */
static bool see(struct seen *s, const char *uuid)
{
	uint8_t octets[16];
	misp_uuid_octets(uuid, octets);
	uint64_t key = misp_uuid_number(octets);
	if (s->n * 2 >= s->size) {
		struct seen more = { .n = s->n, .size = s->size ? s->size * 2 : 256 };
		more.slot = mem_zalloc(more.size * sizeof(*more.slot));
		for (size_t i = 0; i < s->size; i++)
			if (s->slot[i])
				put_seen(&more, s->slot[i]);
		free(s->slot);
		*s = more;
	}
	bool new = put_seen(s, key);
	s->n += new;
	return new;
}

/* ---- claims ---- */

static const struct misp_piece *piece_of(const struct misp_reading *r)
{
	return &r->pick.pieces[r->at];
}

/* Has its source taken it back, in the same lane, with the same import or a later one? */
static bool taken_back(const struct misp_reading *r, const struct feed_claim *fc)
{
	struct table_key key = { .kind = fc->obs.kind, .prefix = fc->obs.prefix, .n = fc->obs.n, .p = fc->obs.key };
	const struct misp_piece *p = piece_of(r);
	struct claim said = {
		.entry = p->number, .back = intake_back(p->number, p->import), .source = r->source, .lane = r->pick.listed.lane & 63,
		.category = fc->category, .stance = fc->stance & 15,
		.flags = (uint8_t)((fc->part ? CLAIM_PART : 0) | (fc->obs.wildcard ? CLAIM_WILDCARD : 0)) & 15,
	};
	const struct table_view *v = table_enter(node_table(r->node));
	bool back = false;
	for (unsigned i = 0; i < v->n && !back; i++) {
		const struct claim *c;
		unsigned n = image_find(v->level[i], &key, &c);
		for (unsigned k = 0; k < n; k++)
			back |= score_takes_back(&c[k], &said);
	}
	table_leave(node_table(r->node));
	return back;
}

static bool stands(const struct misp_reading *r, const struct feed_claim *c)
{
	return piece_of(r)->import >= r->pick.floor && !(r->pick.retracts && taken_back(r, c));
}

static void give(struct misp_reading *r, const struct feed_claim *c, struct misp_attribute *a, struct span id)
{
	char uuid[UUID_TEXT], sighting[MISP_SIGHTINGS][UUID_TEXT];
	if (a->category == CAT_UNKNOWN)
		a->category = r->category;
	if (id.n)
		snprintf(uuid, sizeof(uuid), SPAN_FMT, SPAN_ARG(id));
	else
		misp_attribute_uuid(r->event.uuid, &a->obs, a->category, uuid);
	if (!see(&r->seen, uuid))
		return;
	a->uuid = uuid;
	a->id = misp_id_of(uuid);
	a->deleted = !stands(r, c);
	a->time_s = a->deleted ? r->event.time_s : piece_of(r)->stamp_s;
	if (!a->seen_s)
		a->seen_s = piece_of(r)->time_s;
	for (unsigned i = 0; i < MISP_SIGHTINGS; i++) {
		static const char *const names[] = { "seen", "false positive", "expiration" };
		uint8_t space[16];
		if (!a->sighted_s[i])
			continue;
		misp_uuid_octets(uuid, space);
		uuid_named(space, span_str(names[i]), sighting[i]);
		a->sighting_uuid[i] = sighting[i];
	}
	r->visit(r->ctx, a);
}

/* What a record says of one observable is one attribute. */
static bool on_record(void *ctx, const struct feed_record *record)
{
	struct misp_reading *r = ctx;
	uint64_t done = 0;
	if (r->left == 0)
		return false;
	r->left--;
	for (unsigned i = 0; i < record->n_claims && record->fate == FATE_CLAIMS; i++) {
		const struct feed_claim *c = &record->claims[i];
		struct misp_attribute a;
		if (done >> i & 1 || c->stance == STANCE_RETRACTED || !misp_attribute_of(c, &a))
			continue;
		for (unsigned k = i + 1; k < record->n_claims; k++)
			if (obs_eq(&record->claims[k].obs, &c->obs)) {
				misp_attribute_add(&a, &record->claims[k]);
				done |= 1ULL << k;
			}
		bool own = r->own_ids && i == 0 && record->id.n == UUID_TEXT - 1;
		give(r, c, &a, own ? record->id : span_of(NULL, 0));
	}
	return true;
}

_Static_assert(FEED_CLAIMS_MAX <= 64, "a bit for each");

/* ---- pieces ---- */

static void end_piece(struct misp_reading *r)
{
	feed_parser_free(r->parser);
	r->parser = NULL;
	entry_release(&r->entry);
	r->entry = (struct entry){ 0 };
	r->at++;
}

/* @return false: its body is gone, or this build does not know its format. */
static bool begin_piece(struct misp_reading *r)
{
	r->body.n = r->used = 0;
	if (misp_body_read(node_ledger(r->node), piece_of(r)->number, &r->entry, &r->body))
		return false;
	const struct feed_format *format = feed_format_find(span_str(r->entry.media));
	r->own_ids = strcmp(r->entry.media, "misp") == 0;
	if (!format || intake_resume(format, buf_span(&r->entry.token), &r->parser))
		r->parser = NULL;
	return r->parser;
}

bool misp_reading_more(struct misp_reading *r, unsigned records, misp_attribute_visit *visit, void *ctx)
{
	struct fault ignored;
	size_t used = 0;
	r->left = records;
	r->visit = visit;
	r->ctx = ctx;
	while (r->at < r->pick.n && r->left) {
		if (!r->parser && !begin_piece(r)) {
			end_piece(r);
			continue;
		}
		struct span rest = span_from(buf_span(&r->body), r->used);
		enum err e = feed_parse(r->parser, rest, true, on_record, r, &used, &ignored);
		r->used += used;
		if (e != ERR_CANCELLED && (e || !used || r->used == r->body.n))
			end_piece(r);
	}
	return r->at < r->pick.n;
}

/* ---- whole ---- */

struct misp_reading *misp_reading_new(struct node *n, struct misp_pick *pick)
{
	struct misp_reading *r = mem_zalloc(sizeof(*r));
	r->node = n;
	r->pick = *pick;
	pick->pieces = NULL;
	r->event = misp_listed_event(&r->pick.listed);
	const struct meaning *m = table_enter(node_table(n))->context;
	const struct source *s = source_find(m->sources, span_str(r->pick.listed.source));
	r->category = s ? s->category : CAT_UNKNOWN;
	r->source = s ? s->number : UINT16_MAX;
	table_leave(node_table(n));
	return r;
}

void misp_reading_free(struct misp_reading *r)
{
	if (!r)
		return;
	feed_parser_free(r->parser);
	entry_release(&r->entry);
	buf_release(&r->body);
	free(r->seen.slot);
	free(r->pick.pieces);
	free(r);
}

const struct misp_listed *misp_reading_of(const struct misp_reading *r)
{
	return &r->pick.listed;
}

bool misp_reading_original(struct misp_reading *r, struct buf *out)
{
	return r->pick.listed.as_it_came && r->pick.pieces[0].import >= r->pick.floor &&
	       misp_body_original(node_ledger(r->node), r->pick.pieces[0].number, r->pick.listed.tlp, out);
}
