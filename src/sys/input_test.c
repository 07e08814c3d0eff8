#include "sys/input.h"

#include "sys/unpack.h"
#include "sys/zstd.h"

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

static const struct span hello = { (const uint8_t *)"198.51.100.7\nevil.example\n", 26 };

static struct buf pack(enum packing p, struct span in)
{
	struct buf b = { 0 };
	size_t room = in.n + in.n / 2 + 1000;
	buf_reserve(&b, room);
	if (p == PACKING_NONE) {
		buf_putspan(&b, in);
	} else if (p == PACKING_GZIP) {
		z_stream z = { 0 };
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = (Bytef *)(uintptr_t)in.p, z.avail_in = (uInt)in.n;
		z.next_out = b.p, z.avail_out = (uInt)room;
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		b.n = z.total_out;
		deflateEnd(&z);
	} else if (p == PACKING_ZSTD) {
		struct packer *k = packer_new(1);
		packer_pack(k, in, &b);
		packer_free(k);
	} else if (p == PACKING_XZ) {
		assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, in.p, in.n, b.p, &b.n, room), LZMA_OK);
	} else {
		unsigned n = (unsigned)room;
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)b.p, &n, (char *)(uintptr_t)in.p, (unsigned)in.n, 1, 0, 0), BZ_OK);
		b.n = n;
	}
	return b;
}

static int fd_of(struct span s)
{
	int fd = memfd_create("input", 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, s.p, s.n), (ssize_t)s.n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* All of `packed`, read `max` octets at a time. */
static enum err slurp(struct span packed, size_t max, struct buf *out, struct fault *f)
{
	struct input *in;
	enum err e = input_open(fd_of(packed), -1, "list.txt", &in, f);
	bool end = false;
	if (e)
		return e;
	while (!e && !end)
		e = input_read(in, max, out, &end, f);
	uint64_t done, size;
	input_progress(in, &done, &size);
	assert_int_equal(size, packed.n);
	assert_true(done <= size);
	input_close(in);
	return e;
}

static void test_every_packing(void **state)
{
	(void)state;
	static const size_t maxima[] = { 1, 7, 26, 27, 4096, 4 << 20 };
	for (enum packing p = PACKING_NONE; p <= PACKING_BZIP2; p++) {
		struct buf packed = pack(p, hello);
		assert_int_equal(packing_find(buf_span(&packed)), p);
		for (size_t i = 0; i < COUNT_OF(maxima); i++) {
			struct buf out = { 0 };
			assert_int_equal(slurp(buf_span(&packed), maxima[i], &out, NULL), OK);
			assert_true(span_eq(buf_span(&out), hello));
			buf_release(&out);
		}
		buf_release(&packed);
	}
}

static void test_members_and_padding(void **state)
{
	(void)state;
	for (enum packing p = PACKING_GZIP; p <= PACKING_BZIP2; p++) {
		struct buf one = pack(p, hello), none = pack(p, span_of("", 0)), all = { 0 }, out = { 0 };
		buf_putspan(&all, buf_span(&one));
		buf_putspan(&all, buf_span(&none));
		buf_putspan(&all, buf_span(&one));
		for (int i = 0; i < 512; i++)
			buf_putc(&all, 0);
		assert_int_equal(slurp(buf_span(&all), 1000, &out, NULL), OK);
		assert_int_equal(out.n, 2 * hello.n);
		/* other octets behind the last member are damage, and all before them is delivered */
		struct fault f;
		out.n = 0;
		buf_puts(&all, "rubbish");
		assert_int_equal(slurp(buf_span(&all), 1000, &out, &f), ERR_CORRUPT);
		assert_int_equal(out.n, 2 * hello.n);
		assert_non_null(strstr(f.text, "list.txt"));
		buf_release(&one), buf_release(&none), buf_release(&all), buf_release(&out);
	}
}

static void test_cut_off_delivers_the_start(void **state)
{
	(void)state;
	struct buf text = { 0 };
	for (unsigned i = 0; i < 300000; i++)
		buf_printf(&text, "host-%08x.example\n", i * 2654435761U);
	for (enum packing p = PACKING_GZIP; p <= PACKING_BZIP2; p++) {
		struct buf packed = pack(p, buf_span(&text)), out = { 0 };
		struct fault f;
		assert_int_equal(slurp(span_head(buf_span(&packed), packed.n / 2), 65536, &out, &f), ERR_CORRUPT);
		assert_non_null(strstr(f.text, "cut off"));
		assert_true(out.n > 0 && out.n < text.n);
		assert_memory_equal(out.p, text.p, out.n);
		out.n = 0;
		assert_int_equal(slurp(span_head(buf_span(&packed), packed.n - 1), 65536, &out, &f), ERR_CORRUPT);
		/* a changed octet is found, by the code or by the checksum (zstd frames of ours carry none) */
		packed.p[packed.n / 2] ^= 0x55;
		out.n = 0;
		if (p != PACKING_ZSTD)
			assert_int_equal(slurp(buf_span(&packed), 65536, &out, &f), ERR_CORRUPT);
		buf_release(&packed), buf_release(&out);
	}
	buf_release(&text);
}

static void test_looks_packed_but_is_not(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "B", "BZh9 is how it starts\n", "\x1f", "\x1f\x8b", "PK", "7zXZ" };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct buf out = { 0 };
		assert_int_equal(slurp(span_str(texts[i]), 100, &out, NULL), OK);
		assert_true(span_eq(buf_span(&out), span_str(texts[i])));
		buf_release(&out);
	}
	struct fault f;
	struct input *in;
	assert_int_equal(input_open(fd_of(SPAN_LIT("PK\3\4\24\0\0\0\10\0")), -1, "dump.zip", &in, &f), ERR_UNSUPPORTED);
	assert_non_null(strstr(f.text, "\"dump.zip\" is a ZIP archive"));
}

static void test_pipe_and_broken_descriptor(void **state)
{
	(void)state;
	int ends[2];
	struct input *in;
	struct buf out = { 0 };
	struct fault f;
	bool end;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], hello.p, hello.n), (ssize_t)hello.n);
	close(ends[1]);
	assert_int_equal(input_open(ends[0], -1, "-", &in, NULL), OK);
	assert_string_equal(input_packing(in), "none");
	assert_int_equal(input_read(in, 1000, &out, &end, NULL), OK);
	assert_true(end);
	assert_true(span_eq(buf_span(&out), hello));
	uint64_t done, size;
	input_progress(in, &done, &size);
	assert_int_equal(done, hello.n);
	assert_int_equal(size, 0);
	input_close(in);
	buf_release(&out);
	assert_int_equal(input_open(open("/", O_RDONLY | O_DIRECTORY), -1, "/", &in, &f), ERR_IO);
	assert_non_null(strstr(f.text, "\"/\" cannot be read: "));
	input_close(NULL);
}

static void of_octets(void **state)
{
	struct buf gzip = pack(PACKING_GZIP, hello), out = { 0 };
	struct fault f;
	bool end = false;
	struct input *in = input_octets(buf_span(&gzip));
	for (unsigned n = 0; !end; n++) {
		assert_true(n <= gzip.n);
		assert_int_equal(input_read(in, 3, &out, &end, &f), OK);
	}
	assert_true(span_eq(buf_span(&out), buf_span(&gzip)));
	assert_string_equal(input_packing(in), "none");
	input_close(in);
	in = input_octets((struct span){ 0 });
	assert_int_equal(input_read(in, 3, &out, &end, &f), OK);
	assert_true(end);
	input_close(in);
	buf_release(&gzip);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_octets), cmocka_unit_test(test_every_packing),
		cmocka_unit_test(test_members_and_padding),
		cmocka_unit_test(test_cut_off_delivers_the_start),
		cmocka_unit_test(test_looks_packed_but_is_not),
		cmocka_unit_test(test_pipe_and_broken_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
