#include "sys/zstd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct buf pack(struct span in)
{
	struct packer *p = packer_new(3);
	struct buf b = { 0 };
	packer_pack(p, in, &b);
	packer_free(p);
	return b;
}

static void test_round_trip(void **state)
{
	(void)state;
	uint8_t text[5000];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * i >> 5);
	for (size_t n = 0; n <= sizeof(text); n += 1250) {
		struct buf frame = pack(span_of(text, n)), out = { 0 };
		buf_puts(&out, "head");
		assert_int_equal(zstd_unpack(buf_span(&frame), n, &out, NULL), OK);
		assert_int_equal(out.n, n + 4);
		assert_memory_equal(out.p + 4, text, n);
		buf_release(&frame);
		buf_release(&out);
	}
}

static void test_refuses(void **state)
{
	(void)state;
	struct fault f;
	struct buf out = { 0 }, frame = pack(SPAN_LIT("a body, a body, a body, a body, a body"));
	assert_int_equal(zstd_unpack(buf_span(&frame), 10, &out, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "38 octets"));
	assert_int_equal(zstd_unpack(span_head(buf_span(&frame), frame.n - 1), 100, &out, &f), ERR_CORRUPT);
	buf_putc(&frame, 'x');
	assert_int_equal(zstd_unpack(buf_span(&frame), 100, &out, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "1 octets follow"));
	assert_int_equal(zstd_unpack(SPAN_LIT("no frame"), 100, &out, &f), ERR_CORRUPT);
	assert_int_equal(zstd_unpack(span_of(NULL, 0), 100, &out, &f), ERR_CORRUPT);
	assert_int_equal(out.n, 0);
	buf_release(&frame);
	buf_release(&out);
}

static void test_reader_takes_pieces(void **state)
{
	(void)state;
	struct buf frame = pack(SPAN_LIT("one two three"));
	struct zstd_reader *r = zstd_reader_new();
	uint8_t to[64];
	size_t done = 0, n = 0;
	bool end = false;
	for (size_t i = 0; i < frame.n; i++) {
		struct span in = { frame.p + i, 1 };
		assert_false(end);
		assert_int_equal(zstd_reader_step(r, &in, to + done, sizeof(to) - done, &n, &end, NULL), OK);
		done += n;
	}
	assert_true(end);
	assert_true(span_is(span_of(to, done), "one two three"));
	zstd_reader_free(r);
	buf_release(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_reader_takes_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
