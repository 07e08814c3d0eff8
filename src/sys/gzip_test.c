#include "sys/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void unpack(struct span in, struct buf *out)
{
	struct gzip_reader *r = gzip_reader_new();
	bool end = false;
	while (!end) {
		size_t n = 0;
		assert_int_equal(gzip_reader_step(r, &in, buf_reserve(out, 1000), 1000, &n, &end, NULL), OK);
		assert_true(n || end);
		out->n += n;
	}
	assert_int_equal(in.n, 0);
	gzip_reader_free(r);
}

static void test_what_goes_out_comes_in(void **state)
{
	struct buf text = { 0 }, packed = { 0 }, back = { 0 };
	for (unsigned i = 0; i < 40000; i++)
		buf_printf(&text, "198.51.100.%u\n", i * 7919 % 256);
	static const size_t pieces[] = { 1, 17, 4096, 1 << 20 };
	for (size_t p = 0; p < COUNT_OF(pieces); p++) {
		struct gzip_writer *w = gzip_writer_new();
		packed.n = back.n = 0;
		for (size_t at = 0; at < text.n; at += pieces[p])
			gzip_writer_put(w, span_head(span_from(buf_span(&text), at), pieces[p]), at + pieces[p] >= text.n, &packed);
		gzip_writer_free(w);
		assert_true(packed.n < text.n / 3);
		unpack(buf_span(&packed), &back);
		assert_true(span_eq(buf_span(&back), buf_span(&text)));
	}
	buf_release(&text);
	buf_release(&packed);
	buf_release(&back);
}

static void test_nothing_is_a_member_too(void **state)
{
	struct buf packed = { 0 }, back = { 0 };
	struct gzip_writer *w = gzip_writer_new();
	gzip_writer_put(w, span_of(NULL, 0), true, &packed);
	gzip_writer_free(w);
	assert_true(packed.n >= 18);
	unpack(buf_span(&packed), &back);
	assert_int_equal(back.n, 0);
	buf_release(&packed);
	buf_release(&back);
}

static void test_damage_is_told(void **state)
{
	struct buf packed = { 0 };
	struct gzip_writer *w = gzip_writer_new();
	gzip_writer_put(w, SPAN_LIT("198.51.100.7\n198.51.100.8\n"), true, &packed);
	gzip_writer_free(w);
	packed.p[packed.n - 6] ^= 1; /* of the checksum */
	struct gzip_reader *r = gzip_reader_new();
	struct span in = buf_span(&packed);
	struct fault f;
	uint8_t to[100];
	size_t n;
	bool end;
	assert_int_equal(gzip_reader_step(r, &in, to, sizeof(to), &n, &end, &f), ERR_CORRUPT);
	gzip_reader_free(r);
	buf_release(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_out_comes_in), cmocka_unit_test(test_nothing_is_a_member_too),
		cmocka_unit_test(test_damage_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
