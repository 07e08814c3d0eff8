#include "hook/delivery.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/num.h"
#include "codec/json.h"
#include "sys/digest.h"

enum { FIRST_WAIT_MS = 1000, LAST_WAIT_MS = 600000, ASKED_MAX_S = 3600 };

void delivery_release(struct delivery *d)
{
	buf_release(&d->body);
	buf_release(&d->before);
	buf_release(&d->after);
	*d = (struct delivery){ 0 };
}

static void make_id(struct delivery *d, const struct hook *h)
{
	uint8_t digest[32];
	sha256_three(span_str(h->name), SPAN_LIT("\n"), buf_span(&d->before), digest);
	snprintf(d->id, sizeof(d->id), "msg_");
	hex_encode(digest, 16, d->id + 4);
	d->id[DELIVERY_ID] = 0;
}

static void put_event(struct delivery *d, const struct stream_event *e)
{
	buf_puts(&d->body, d->events++ ? ",{\"id\":" : "{\"id\":");
	json_put_string(&d->body, buf_span(&d->after));
	buf_printf(&d->body, ",\"event\":\"%s\",\"data\":", e->name);
	buf_putspan(&d->body, e->data);
	buf_putc(&d->body, '}');
}

enum err delivery_fill(struct delivery *d, struct stream *s, clearance clear, struct stream_cursor *c, const char *node, const struct hook *h,
		       struct fault *f)
{
	struct stream_event event = { .name = "" };
	enum err e = OK;
	d->body.n = d->before.n = d->after.n = 0;
	d->events = 0;
	buf_printf(&d->body, "{\"hook\":\"%s\",\"node\":\"%s\",\"events\":[", h->name, node);
	stream_cursor_put(c, &d->before);
	make_id(d, h);
	while (d->events < DELIVERY_EVENTS && d->body.n < DELIVERY_OCTETS && (e = stream_next(s, clear, c, &event, f)) == OK && event.name) {
		d->after.n = 0;
		stream_cursor_put(c, &d->after);
		put_event(d, &event);
		stream_event_drop(&event);
	}
	buf_puts(&d->body, "]}\n");
	return e;
}

void delivery_sign(const struct delivery *d, const struct hook *h, uint64_t time_s, char ret_field[3][DELIVERY_FIELD_MAX])
{
	struct buf message = { 0 }, text = { 0 };
	uint8_t mac[32];
	buf_printf(&message, "%s.%llu.", d->id, (unsigned long long)time_s);
	buf_putspan(&message, buf_span(&d->body));
	hmac_sha256(span_of(h->secret, h->n_secret), buf_span(&message), mac);
	base64_put(&text, span_of(mac, sizeof(mac)));
	snprintf(ret_field[0], DELIVERY_FIELD_MAX, "webhook-id: %s", d->id);
	snprintf(ret_field[1], DELIVERY_FIELD_MAX, "webhook-timestamp: %llu", (unsigned long long)time_s);
	snprintf(ret_field[2], DELIVERY_FIELD_MAX, "webhook-signature: v1,%s", buf_cstr(&text));
	buf_release(&message);
	buf_release(&text);
}

uint64_t delivery_wait_ms(unsigned failures, uint32_t asked_s, uint32_t chance)
{
	unsigned doubled = failures ? failures - 1 : 0;
	uint64_t ms = doubled < 10 ? (uint64_t)FIRST_WAIT_MS << doubled : LAST_WAIT_MS;
	if (ms > LAST_WAIT_MS)
		ms = LAST_WAIT_MS;
	ms = ms * 3 / 4 + ms / 2 * (chance >> 8) / (UINT32_MAX >> 8);
	if (asked_s > ASKED_MAX_S)
		asked_s = ASKED_MAX_S;
	return ms < asked_s * UINT64_C(1000) ? asked_s * UINT64_C(1000) : ms;
}
