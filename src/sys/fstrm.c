#include "sys/fstrm.h"

#include <fstrm.h>
#include <stdlib.h>

#include "base/octets.h"

enum { LENGTH = 4, CONTROL = 8, BEGINS = 12 };

static const uint8_t content[] = "protobuf:dnstap.Dnstap";
enum { CONTENT_N = sizeof(content) - 1 };

struct fstrm {
	enum { BEGIN, READY, RUNNING, ENDED } state;
	bool greeted; /* READY came: the other side waits for answers */
	struct buf rest; /* of a frame that has not come whole */
	struct fstrm_control *control;
};

struct fstrm *fstrm_new(void)
{
	struct fstrm *s = mem_zalloc(sizeof(*s));
	s->control = fstrm_control_init();
	return s;
}

void fstrm_free(struct fstrm *s)
{
	if (!s)
		return;
	fstrm_control_destroy(&s->control);
	buf_release(&s->rest);
	free(s);
}

bool fstrm_begins(struct span head)
{
	return head.n >= BEGINS && get_be32(head.p) == 0 && get_be32(head.p + 4) >= 4 && get_be32(head.p + 4) <= FSTRM_CONTROL_FRAME_LENGTH_MAX &&
	       get_be32(head.p + 8) == FSTRM_CONTROL_START;
}

static void answer(struct fstrm *s, fstrm_control_type type, struct buf *reply)
{
	uint8_t out[FSTRM_CONTROL_FRAME_LENGTH_MAX];
	size_t n = sizeof(out);
	fstrm_control_reset(s->control);
	bool made = fstrm_control_set_type(s->control, type) == fstrm_res_success;
	if (made && type == FSTRM_CONTROL_ACCEPT)
		made = fstrm_control_add_field_content_type(s->control, content, CONTENT_N) == fstrm_res_success;
	if (!made || fstrm_control_encode(s->control, out, &n, FSTRM_CONTROL_FLAG_WITH_HEADER) != fstrm_res_success)
		abort(); /* neither depends on what came */
	buf_put(reply, out, n);
}

static enum err take_control(struct fstrm *s, struct span in, struct buf *reply, struct fault *f)
{
	fstrm_control_type type;
	fstrm_control_reset(s->control);
	if (fstrm_control_decode(s->control, in.p, in.n, 0) != fstrm_res_success || fstrm_control_get_type(s->control, &type) != fstrm_res_success)
		return fault_set(f, ERR_SYNTAX, "a control frame cannot be read");
	bool ours = fstrm_control_match_field_content_type(s->control, content, CONTENT_N) == fstrm_res_success;
	bool begins = (type == FSTRM_CONTROL_READY && s->state == BEGIN) || (type == FSTRM_CONTROL_START && s->state < RUNNING);
	if (begins && !ours)
		return fault_set(f, ERR_UNSUPPORTED, "the frames are not protobuf:dnstap.Dnstap");
	if (begins && type == FSTRM_CONTROL_READY) {
		s->state = READY;
		s->greeted = true;
		answer(s, FSTRM_CONTROL_ACCEPT, reply);
	} else if (begins) {
		s->state = RUNNING;
	} else if (type == FSTRM_CONTROL_STOP && s->state == RUNNING) {
		s->state = ENDED;
		if (s->greeted)
			answer(s, FSTRM_CONTROL_FINISH, reply);
	} else {
		return fault_set(f, ERR_SYNTAX, "a control frame \"%s\" is out of order", fstrm_control_type_to_str(type));
	}
	return OK;
}

/* What stands at the start of `in`.  @param ret_n  octets that are used; 0: it has not come whole. */
static enum err take_one(struct fstrm *s, struct span in, fstrm_visit *visit, void *ctx, struct buf *reply, size_t *ret_n, struct fault *f)
{
	*ret_n = 0;
	if (in.n < LENGTH)
		return OK;
	uint32_t n = get_be32(in.p);
	if (n == 0) {
		if (in.n < CONTROL)
			return OK;
		n = get_be32(in.p + LENGTH);
		if (n > FSTRM_CONTROL_FRAME_LENGTH_MAX)
			return fault_set(f, ERR_RANGE, "a control frame has %u octets", n);
		if (in.n - CONTROL < n)
			return OK;
		*ret_n = CONTROL + n;
		return take_control(s, span_of(in.p + CONTROL, n), reply, f);
	}
	if (s->state != RUNNING)
		return fault_set(f, ERR_SYNTAX, "this is no frame stream, or data stands before its start");
	if (n > FSTRM_FRAME_MAX)
		return fault_set(f, ERR_RANGE, "a frame has %u octets, more than %d", n, FSTRM_FRAME_MAX);
	if (in.n - LENGTH < n)
		return OK;
	*ret_n = LENGTH + n;
	visit(ctx, span_of(in.p + LENGTH, n));
	return OK;
}

enum err fstrm_take(struct fstrm *s, struct span in, fstrm_visit *visit, void *ctx, struct buf *reply, bool *ret_end, struct fault *f)
{
	enum err e = OK;
	size_t n;
	bool held = s->rest.n > 0;
	if (held)
		buf_putspan(&s->rest, in);
	struct span left = held ? buf_span(&s->rest) : in;
	do {
		n = 0;
		if (s->state != ENDED)
			e = take_one(s, left, visit, ctx, reply, &n, f);
		left = span_from(left, n);
	} while (e == OK && n);
	if (held)
		buf_consume(&s->rest, s->rest.n - left.n);
	else
		buf_putspan(&s->rest, left);
	if (e)
		s->state = ENDED;
	*ret_end = s->state == ENDED;
	return e;
}
