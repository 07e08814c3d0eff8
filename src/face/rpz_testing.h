/* For the tests: messages read back as lines, "owner TYPE data", by a reader of its own. */
#ifndef FACE_RPZ_TESTING_H
#define FACE_RPZ_TESTING_H

#include <stdio.h>
#include <stdlib.h>

#include "base/octets.h"
#include "face/rpz_zone.h"

struct seen {
	struct buf text;     /* a line for each record of the answer */
	unsigned messages, records;
	size_t octets;
	uint16_t id, flags, authority, additional;
};

static inline size_t seen_name(const uint8_t *m, size_t n, size_t at, struct buf *out)
{
	size_t end = 0;
	for (int steps = 0; steps < 300; steps++) {
		if (at >= n)
			abort();
		if (m[at] >= 0xc0) {
			size_t to = get_be16(m + at) & 0x3fff;
			if (to >= at)
				abort();
			end = end ? end : at + 2;
			at = to;
		} else if (m[at] == 0) {
			buf_putc(out, '.');
			return end ? end : at + 1;
		} else {
			if (out->n && out->p[out->n - 1] != '\n' && out->p[out->n - 1] != ' ')
				buf_putc(out, '.');
			buf_put(out, m + at + 1, m[at]);
			at += 1u + m[at];
		}
	}
	abort();
}

/* As an emit: ctx is a struct seen. */
static inline bool seen_message(void *ctx, uint8_t *m, size_t n)
{
	struct seen *s = ctx;
	struct buf skipped = { 0 };
	size_t at = DNS_HEADER_SIZE;
	s->messages++;
	s->octets += n;
	s->id = get_be16(m);
	s->flags = get_be16(m + 2);
	for (unsigned i = get_be16(m + 4); i > 0; i--)
		at = seen_name(m, n, at, &skipped) + 4;
	s->authority = get_be16(m + 8);
	s->additional = get_be16(m + 10);
	unsigned answers = get_be16(m + 6), all = answers + s->authority + s->additional;
	for (unsigned i = 0; i < all; i++) {
		struct buf *out = i < answers + s->authority ? &s->text : &skipped;
		at = seen_name(m, n, at, out);
		unsigned type = get_be16(m + at), size = get_be16(m + at + 8);
		at += 10;
		if (at + size > n)
			abort();
		if (type == DNS_SOA) {
			struct buf names = { 0 };
			size_t numbers = seen_name(m, n, seen_name(m, n, at, &names), &names);
			buf_printf(out, " SOA %u\n", get_be32(m + numbers));
			buf_release(&names);
		} else if (type == 5 || type == DNS_NS) {
			buf_puts(out, type == 5 ? " CNAME " : " NS ");
			if (seen_name(m, n, at, out) != at + size)
				abort();
			buf_putc(out, '\n');
		}
		at += size;
		s->records += out == &s->text;
	}
	if (at != n)
		abort();
	buf_release(&skipped);
	return true;
}

static inline struct table_key key_of(const char *text, uint8_t store[OBS_KEY_MAX])
{
	struct observable o;
	if (obs_parse(span_str(text), store, &o, NULL))
		abort();
	return (struct table_key){ .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
}

#endif
