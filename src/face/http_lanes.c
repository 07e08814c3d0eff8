/* Lanes as public logs (C2SP tlog-tiles), with bodies and receipts.  A lane that the clearance does not show is answered as one
 * that does not exist, before anything else of the request is looked at. */
#include "base/num.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "face/http_parts.h"
#include "ledger/checkpoint.h"
#include "sys/key.h"

enum { KEYS_MAX = 32, FOREVER_S = 31536000 };

/* ---- the list ---- */

static void put_vkey(const struct lane *lane, const uint8_t key[KEY_OCTETS], struct buf *out)
{
	struct verifier v = { .type = NOTE_ED25519 };
	struct buf text = { 0 };
	snprintf(v.name, sizeof(v.name), "%s", lane->origin);
	memcpy(v.key, key, KEY_OCTETS);
	verifier_put(&v, &text);
	json_put_string(out, buf_span(&text));
	buf_release(&text);
}

static void put_lane(struct ledger *l, const struct lane *lane, struct buf *out)
{
	uint8_t keys[KEYS_MAX][KEY_OCTETS];
	struct buf retention = { 0 };
	unsigned n = ledger_lane_keys(l, lane, keys, KEYS_MAX);
	retention_put(lane->retention_s, &retention);
	buf_printf(out, "{\"name\":\"%s\",\"audience\":\"%s\",\"realm\":\"%s\",\"origin\":\"%s\",\"size\":%llu,\"retention\":\"%s\"", lane->name,
		   tlp_name(lane->tlp), lane->realm, lane->origin, (unsigned long long)lane->size, buf_cstr(&retention));
	if (n) {
		buf_puts(out, ",\"vkey\":");
		put_vkey(lane, keys[n - 1], out);
	}
	for (unsigned i = 0; i + 1 < n; i++) {
		buf_puts(out, i ? "," : ",\"old_vkeys\":[");
		put_vkey(lane, keys[i], out);
	}
	buf_puts(out, n > 1 ? "]}" : "}");
	buf_release(&retention);
}

void http_lanes(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(s->ledger, http_clear(q), lanes);
	buf_printf(&a->body, "{\"node\":\"%s\",\"lanes\":[", ledger_name(s->ledger));
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_putc(&a->body, ',');
		put_lane(s->ledger, &lanes[i], &a->body);
	}
	buf_puts(&a->body, "]}\n");
	free(lanes);
	a->status = 200;
	a->type = "application/json";
	http_answer_header(a, "Cache-Control", "no-cache");
}

/* ---- what is in one ---- */

static bool find_lane(const struct http_server *s, const struct http_request *q, const struct http_words *w, struct lane *ret_lane,
		      struct http_answer *a)
{
	char name[LANE_NAME_MAX + 1];
	struct span word = w->word[0];
	snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(word));
	if (word.n <= LANE_NAME_MAX && ledger_lane_find(s->ledger, http_clear(q), name, ret_lane) == OK && span_is(word, ret_lane->name))
		return true;
	http_problem(a, 404, q->target, "there is no lane of this name; /lanes lists them");
	return false;
}

static void refuse(const struct http_request *q, enum err e, const struct fault *f, struct http_answer *a)
{
	switch (e) {
	case ERR_SYNTAX:
	case ERR_RANGE:
		http_problem(a, 400, q->target, f->text);
		break;
	case ERR_NOTFOUND:
		http_problem(a, 404, q->target, f->text);
		break;
	case ERR_GONE:
		http_problem(a, 410, q->target, f->text);
		break;
	default: /* what is wrong inside is not for everybody */
		http_problem(a, 500, q->target, "the ledger cannot be read");
	}
}

/* For all time: a tile of some number and width is never another.  Only what is for everybody may be kept by caches that
 * several share. */
static void cache_for_ever(const struct lane *lane, struct http_answer *a)
{
	char value[HTTP_HEADER_VALUE_MAX];
	snprintf(value, sizeof(value), "%s, max-age=%d, immutable", lane->tlp == TLP_CLEAR && !lane->members[0] ? "public" : "private",
		 FOREVER_S);
	http_answer_header(a, "Cache-Control", value);
}

void http_lane_checkpoint(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane lane;
	struct fault f = { .text = "" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	enum err e = ledger_checkpoint(s->ledger, http_clear(q), lane.number, &a->body, &f);
	if (e) {
		refuse(q, e, &f, a);
		return;
	}
	a->status = 200;
	a->type = "text/plain; charset=utf-8";
	http_answer_header(a, "Cache-Control", "no-cache");
}

void http_lane_tile(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane lane;
	struct tile t;
	struct fault f = { .text = "" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	enum err e = tile_parse(w->word[1], &t, &f);
	if (e) /* to a client of static files it is a file that is not there */
		http_problem(a, 404, q->target, f.text);
	else if (t.width > tile_width(t.level, t.n, lane.size))
		http_problem(a, 404, q->target, "the lane does not have so many entries");
	else if ((e = ledger_tile(s->ledger, http_clear(q), lane.number, &t, &a->body, &f)) != OK)
		refuse(q, e, &f, a);
	if (a->status)
		return;
	a->status = 200;
	a->type = "application/octet-stream";
	cache_for_ever(&lane, a);
}

/* It may be erased tomorrow: no cache may keep it. */
void http_lane_body(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane lane;
	uint8_t digest[32];
	uint64_t number;
	struct fault f = { .text = "" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	if (hex_decode(w->word[1], digest, sizeof(digest))) {
		http_problem(a, 400, q->target, "the digest is not 64 hexadecimal digits");
		return;
	}
	enum err e = ledger_find_digest(s->ledger, http_clear(q), lane.number, digest, &number, &f);
	if (e == OK)
		e = ledger_salted_body(s->ledger, http_clear(q), number, &a->body, &f);
	if (e) {
		refuse(q, e, &f, a);
		return;
	}
	a->status = 200;
	a->type = "application/octet-stream";
}

/* It has the nonce of the body: as there. */
void http_lane_receipt(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane lane;
	uint64_t index, number;
	struct fault f = { .text = "the lane has no such entry" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	if (num_parse_u64(w->word[1], INT64_MAX, &index)) {
		http_problem(a, 400, q->target, "the index of an entry is a decimal number");
		return;
	}
	enum err e = ledger_find(s->ledger, http_clear(q), lane.number, index, &number);
	if (e == OK)
		e = ledger_receipt(s->ledger, http_clear(q), number, &a->body, &f);
	if (e) {
		refuse(q, e, &f, a);
		return;
	}
	a->status = 200;
	a->type = "text/plain; charset=utf-8";
}

/* It has bodies: as there. */
void http_lane_from(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct lane lane;
	uint64_t index;
	struct fault f = { .text = "" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	if (num_parse_u64(w->word[1], INT64_MAX / 2, &index)) {
		http_problem(a, 400, q->target, "the index of an entry is a decimal number");
		return;
	}
	enum err e = ledger_parcel(s->ledger, http_clear(q), lane.number, index, &a->body, &f);
	if (e) {
		a->body.n = 0;
		refuse(q, e, &f, a);
		return;
	}
	a->status = 200;
	a->type = "application/octet-stream";
	http_answer_header(a, "Cache-Control", "no-store");
}

/* ---- what witnesses bring ---- */

void http_lane_cosignature(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	const struct http_options *o = &s->options;
	struct lane lane;
	unsigned taken = 0;
	struct fault f = { .text = "" };
	if (!find_lane(s, q, w, &lane, a))
		return;
	enum err e = ledger_cosign(s->ledger, http_clear(q), lane.number, buf_span(&q->body), o->witnesses, o->n_witnesses, &taken, &f);
	if (e == ERR_CORRUPT)
		http_problem(a, 409, q->target, f.text);
	else if (e)
		refuse(q, e, &f, a);
	else if (!taken)
		http_problem(a, 403, q->target, "no line is by a witness that this node is configured with, and holds");
	if (a->status)
		return;
	buf_printf(&a->body, "{\"taken\":%u}\n", taken);
	a->status = 200;
	a->type = "application/json";
}
