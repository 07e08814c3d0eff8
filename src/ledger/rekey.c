#include "ledger/rekey.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "ledger/reader.h"

static void put_hex(struct buf *out, const uint8_t *octets, size_t n)
{
	hex_encode(octets, n, (char *)buf_reserve(out, 2 * n));
	out->n += 2 * n;
}

static void message(struct span origin, const uint8_t old[KEY_OCTETS], const uint8_t new[KEY_OCTETS], struct buf *out)
{
	buf_printf(out, "sipar key rotation\n" SPAN_FMT "\n", SPAN_ARG(origin));
	put_hex(out, old, KEY_OCTETS);
	buf_putc(out, '\n');
	put_hex(out, new, KEY_OCTETS);
	buf_putc(out, '\n');
}

static void put_body(const char *origin, enum realm realm, const struct key *old, const struct key *next, struct buf *out)
{
	struct buf signed_text = { 0 };
	uint8_t signature[SIGNATURE_OCTETS];
	message(span_str(origin), key_public(old, realm), key_public(next, realm), &signed_text);
	buf_puts(out, "{\"new\":\"");
	put_hex(out, key_public(next, realm), KEY_OCTETS);
	buf_puts(out, "\",\"old\":\"");
	put_hex(out, key_public(old, realm), KEY_OCTETS);
	buf_printf(out, "\",\"origin\":\"%s\",\"signatures\":[\"", origin);
	key_sign(old, realm, buf_span(&signed_text), signature);
	put_hex(out, signature, sizeof(signature));
	buf_puts(out, "\",\"");
	key_sign(next, realm, buf_span(&signed_text), signature);
	put_hex(out, signature, sizeof(signature));
	buf_puts(out, "\"]}");
	buf_release(&signed_text);
}

enum err rekey(struct pool *p, struct writer *w, const struct key *old, const struct key *next, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct buf *bodies = mem_zalloc(LANES_MAX * sizeof(*bodies));
	struct told *told = mem_zalloc(LANES_MAX * sizeof(*told));
	uint64_t number;
	unsigned n = 0;
	enum err e = reader_lanes(p, CLEARANCE_ALL, lanes, &n, f);
	unsigned all = n;
	n = 0;
	for (unsigned i = 0; i < all; i++)
		if (!lanes[i].peer[0])
			lanes[n++] = lanes[i];
	for (unsigned i = 0; i < n; i++) {
		put_body(lanes[i].origin, realm_find(lanes[i].realm), old, next, &bodies[i]);
		told[i] = (struct told){ .next_key = next, .s = {
			.lane = lanes[i].number, .kind = ENTRY_KEY, .time_ms = clock_ms(), .party = "local", .source = "",
			.media = "json", .count = 1, .body = buf_span(&bodies[i]),
		} };
	}
	if (e == OK)
		e = writer_append(w, told, n, &number, f);
	for (unsigned i = 0; i < n; i++)
		buf_release(&bodies[i]);
	free(bodies);
	free(told);
	free(lanes);
	return e;
}

struct rotation {
	uint8_t old[KEY_OCTETS], new[KEY_OCTETS], signature[2][SIGNATURE_OCTETS];
	struct span origin;
	unsigned has; /* bits: old, new, origin, signatures */
};

static bool take_member(struct rotation *r, struct span key, struct span value)
{
	if (span_is(key, "old") && hex_decode(value, r->old, sizeof(r->old)) == OK)
		return r->has |= 1, true;
	if (span_is(key, "new") && hex_decode(value, r->new, sizeof(r->new)) == OK)
		return r->has |= 2, true;
	if (span_is(key, "origin"))
		return r->origin = value, r->has |= 4, true;
	unsigned i = r->has & 8 ? 1 : 0;
	if (span_is(key, "signatures") && hex_decode(value, r->signature[i], SIGNATURE_OCTETS) == OK)
		return r->has |= i ? 16 : 8, true;
	return false;
}

enum err rekey_read(struct span body, struct span origin, uint8_t ret_old[KEY_OCTETS], uint8_t ret_new[KEY_OCTETS], struct fault *f)
{
	struct json_reader r;
	struct rotation rotation = { .has = 0 };
	struct span key = { 0 };
	struct buf text = { 0 };
	enum json_token t;
	json_init(&r, body, true);
	for (bool good = true; good && (t = json_next(&r)) > JSON_ERROR;) {
		if (t == JSON_KEY)
			key = r.slice;
		else if (t == JSON_STRING)
			good = take_member(&rotation, key, r.slice);
	}
	if (t != JSON_END || rotation.has != 31)
		return fault_set(f, ERR_SYNTAX, "the body is not that of a key rotation");
	if (!span_eq(rotation.origin, origin))
		return fault_set(f, ERR_CORRUPT, "the key rotation is one of another lane");
	message(origin, rotation.old, rotation.new, &text);
	bool holds = signature_holds(rotation.old, buf_span(&text), rotation.signature[0]) &&
		     signature_holds(rotation.new, buf_span(&text), rotation.signature[1]);
	buf_release(&text);
	if (!holds)
		return fault_set(f, ERR_CORRUPT, "a signature of the key rotation does not hold");
	memcpy(ret_old, rotation.old, KEY_OCTETS);
	memcpy(ret_new, rotation.new, KEY_OCTETS);
	return OK;
}
