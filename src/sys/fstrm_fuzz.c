/* Any octets as a frame stream of dnstap: the same frames however it is cut, and messages inside of what was unpacked. */
#include <stdlib.h>

#include "sys/dnstap.h"
#include "sys/fstrm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned frames, taps;
	size_t octets;
};

static void look(void *ctx, struct span frame)
{
	struct seen *s = ctx;
	struct dnstap tap;
	s->frames++;
	s->octets += frame.n;
	if (dnstap_read(frame, &tap, NULL))
		return;
	s->taps++;
	if (tap.message.n > frame.n || (tap.type == DNSTAP_OTHER && tap.message.n))
		abort();
	for (size_t i = 0; i < tap.message.n; i++)
		s->octets += tap.message.p[i] & 1;
	dnstap_release(&tap);
}

static enum err run(struct span in, size_t piece, struct seen *ret_seen, struct buf *reply)
{
	struct fstrm *s = fstrm_new();
	bool end = false;
	enum err e = OK;
	*ret_seen = (struct seen){ 0 };
	for (size_t at = 0; at < in.n && !end && e == OK; at += piece)
		e = fstrm_take(s, span_head(span_from(in, at), piece), look, ret_seen, reply, &end, NULL);
	fstrm_free(s);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen a, b;
	struct buf to_a = { 0 }, to_b = { 0 };
	enum err ea = run(span_of(data, size), size ? size : 1, &a, &to_a), eb = run(span_of(data, size), 3, &b, &to_b);
	if (ea != eb || a.frames != b.frames || a.taps != b.taps || a.octets != b.octets || to_a.n != to_b.n)
		abort();
	buf_release(&to_a);
	buf_release(&to_b);
	return 0;
}
