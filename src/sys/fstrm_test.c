#include "sys/fstrm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/octets.h"

enum { ACCEPT = 1, START, STOP, READY, FINISH };
#define CONTENT "protobuf:dnstap.Dnstap"

static void put32(struct buf *b, uint32_t v)
{
	uint8_t p[4];
	put_be32(p, v);
	buf_put(b, p, 4);
}

/* @param content  NULL: no field. */
static void put_control(struct buf *b, uint32_t type, const char *content)
{
	put32(b, 0);
	put32(b, content ? 12 + (uint32_t)strlen(content) : 4);
	put32(b, type);
	if (content) {
		put32(b, 1);
		put32(b, (uint32_t)strlen(content));
		buf_puts(b, content);
	}
}

static void put_frame(struct buf *b, const char *text)
{
	put32(b, (uint32_t)strlen(text));
	buf_puts(b, text);
}

static void gather(void *ctx, struct span frame)
{
	struct buf *out = ctx;
	buf_putspan(out, frame);
	buf_putc(out, '|');
}

static enum err take(struct span in, size_t piece, struct buf *frames, struct buf *reply, bool *ret_end, struct fault *f)
{
	struct fstrm *s = fstrm_new();
	enum err e = OK;
	*ret_end = false;
	for (size_t at = 0; at < in.n && e == OK; at += piece)
		e = fstrm_take(s, span_head(span_from(in, at), piece), gather, frames, reply, ret_end, f);
	fstrm_free(s);
	return e;
}

static void test_with_and_without_a_handshake(void **state)
{
	for (unsigned greeted = 0; greeted < 2; greeted++)
		for (size_t piece = 1; piece < 200; piece += 6) {
			struct buf in = { 0 }, frames = { 0 }, reply = { 0 }, wanted = { 0 };
			bool end;
			struct fault f;
			if (greeted)
				put_control(&in, READY, CONTENT);
			put_control(&in, START, CONTENT);
			put_frame(&in, "one");
			put_frame(&in, "another");
			put_control(&in, STOP, NULL);
			put_frame(&in, "behind the end");
			assert_int_equal(take(buf_span(&in), piece, &frames, &reply, &end, &f), OK);
			assert_true(end);
			assert_string_equal(buf_cstr(&frames), "one|another|");
			if (greeted) {
				put_control(&wanted, ACCEPT, CONTENT);
				put_control(&wanted, FINISH, NULL);
			}
			assert_int_equal(reply.n, wanted.n);
			assert_true(!wanted.n || memcmp(reply.p, wanted.p, wanted.n) == 0);
			buf_release(&in);
			buf_release(&frames);
			buf_release(&reply);
			buf_release(&wanted);
		}
}

static void refused(struct buf *in, enum err wanted, const char *says)
{
	struct buf frames = { 0 }, reply = { 0 };
	bool end;
	struct fault f;
	assert_int_equal(take(buf_span(in), 1000, &frames, &reply, &end, &f), wanted);
	assert_non_null(strstr(f.text, says));
	assert_true(end);
	assert_int_equal(frames.n, 0);
	buf_release(in);
	buf_release(&frames);
	buf_release(&reply);
}

static void test_what_is_refused(void **state)
{
	struct buf in = { 0 };
	put_frame(&in, "data before the start");
	refused(&in, ERR_SYNTAX, "before its start");
	put_control(&in, START, "protobuf:other");
	refused(&in, ERR_UNSUPPORTED, "not protobuf:dnstap.Dnstap");
	put_control(&in, READY, "protobuf:other");
	refused(&in, ERR_UNSUPPORTED, "not protobuf:dnstap.Dnstap");
	put_control(&in, STOP, NULL);
	refused(&in, ERR_SYNTAX, "out of order");
	put_control(&in, START, CONTENT);
	put_control(&in, START, CONTENT);
	refused(&in, ERR_SYNTAX, "out of order");
	put_control(&in, 77, NULL);
	refused(&in, ERR_SYNTAX, "cannot be read");
	put_control(&in, START, CONTENT);
	put32(&in, FSTRM_FRAME_MAX + 1);
	refused(&in, ERR_RANGE, "more than");
	put32(&in, 0);
	put32(&in, 100000);
	refused(&in, ERR_RANGE, "a control frame has 100000 octets");
}

static void test_how_a_file_begins(void **state)
{
	struct buf in = { 0 };
	put_control(&in, START, CONTENT);
	assert_true(fstrm_begins(buf_span(&in)));
	assert_false(fstrm_begins(span_head(buf_span(&in), 11)));
	in.n = 0;
	put_control(&in, READY, CONTENT);
	assert_false(fstrm_begins(buf_span(&in)));
	assert_false(fstrm_begins(SPAN_LIT("[1764079081] unbound[77:0]")));
	buf_release(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_and_without_a_handshake), cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_how_a_file_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
