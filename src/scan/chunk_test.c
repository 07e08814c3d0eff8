#include "scan/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>


static int file_of(const void *text, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, n), n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static struct stream *open_small(int fd, size_t chunk, size_t line, bool keep)
{
	struct stream *s;
	struct fault f;
	struct stream_options o = { chunk, line, keep };
	if (stream_open(fd, "test", &o, &s, &f))
		fail_msg("%s", f.text);
	return s;
}

/* Chunks one behind the other are the text; each says where it begins; only what is too long is cut. */
static void check_chunks(const uint8_t *text, size_t n, size_t chunk, size_t line)
{
	struct stream *s = open_small(file_of(text, n), chunk, line, false);
	struct chunk c = { 0 };
	enum stream_state state = STREAM_MORE;
	size_t at = 0;
	while (state != STREAM_END) {
		assert_int_equal(stream_read(s, &c, NULL, NULL, &state, NULL), OK);
		assert_true(c.text.n <= n - at && (c.text.n == 0 || memcmp(text + at, c.text.p, c.text.n) == 0));
		assert_int_equal(c.offset, at);
		assert_int_equal(c.line, 1 + count_lines(span_of(text, at)));
		const uint8_t *start = at ? memrchr(text, '\n', at) : NULL;
		assert_int_equal(c.column, start ? (size_t)(text + at - start - 1) : at);
		at += c.text.n;
		assert_true(c.text.n <= line + chunk);
		bool inside = c.text.n && state != STREAM_END && c.text.p[c.text.n - 1] != '\n';
		assert_int_equal(c.cut, inside);
		if (inside)
			assert_true(c.text.n == line || memrchr(c.text.p, '\n', c.text.n) == NULL);
	}
	assert_int_equal(at, n);
	buf_release(&c.text);
	stream_close(s);
}

static void cuts_at_line_ends(void **state)
{
	uint8_t text[3000];
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 300; round++) {
		size_t n = (size_t)rand() % sizeof(text), rare = 2 + (size_t)rand() % 200;
		for (size_t i = 0; i < n; i++)
			text[i] = (size_t)rand() % rare == 0 ? '\n' : rand() % 9 == 0 ? ' ' : (uint8_t)('a' + rand() % 26);
		check_chunks(text, n, 1 + (size_t)rand() % 100, 100 + (size_t)rand() % 300);
	}
}

static void cuts_where_no_observable_stands(void **state)
{
	(void)state;
	assert_int_equal(cut_before(SPAN_LIT("a\"b,198.51.100")), 2);
	assert_int_equal(cut_before(SPAN_LIT("ab 198.51.100")), 3);
	assert_int_equal(cut_before(SPAN_LIT("198.51.100")), 10);
	assert_int_equal(cut_before(SPAN_LIT("x\n198.51.100")), 2);
}

static void counts_line_ends(void **state)
{
	uint8_t text[20000];
	(void)state;
	for (size_t n = 0; n < sizeof(text); n += n < 600 ? 1 : 997) {
		memset(text, '\n', n);
		assert_int_equal(count_lines(span_of(text, n)), n);
		memset(text, '\v', n);
		assert_int_equal(count_lines(span_of(text, n)), 0);
	}
}

static void says_what_is_no_text(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool binary;
	} rows[] = { { "a\nb", 3, false }, { "a\0b", 3, true }, { "", 0, false } };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stream *s = open_small(file_of(rows[i].text, rows[i].n), 0, 0, false);
		struct chunk c = { 0 };
		enum stream_state now;
		assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
		assert_int_equal(c.binary, rows[i].binary);
		buf_release(&c.text);
		stream_close(s);
	}
}

/* A pipe gives the lines that are whole; the rest comes with the next. */
static void gives_what_a_pipe_has(void **state)
{
	int fds[2];
	struct chunk c = { 0 };
	enum stream_state now;
	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "0123456789\nabc", 14), 14);
	struct stream *s = open_small(fds[0], 0, 0, false);
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_int_equal(now, STREAM_WAITS);
	assert_true(span_is(buf_span(&c.text), "0123456789\n"));
	assert_int_equal(write(fds[1], "def\nx", 5), 5);
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_int_equal(now, STREAM_WAITS);
	assert_true(span_is(buf_span(&c.text), "abcdef\n"));
	assert_int_equal(c.line, 2);
	close(fds[1]);
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_int_equal(now, STREAM_END);
	assert_true(span_is(buf_span(&c.text), "x"));
	buf_release(&c.text);
	stream_close(s);
}

/* A file that grows: its last line waits for its end, unless another file follows. */
static void keeps_the_last_line(void **state)
{
	int fd = file_of("one\ntw", 6), writer = dup(fd);
	char path[64];
	struct stream *s = open_small(fd, 0, 0, true);
	struct chunk c = { 0 };
	enum stream_state now;
	struct fault f;
	(void)state;
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_true(now == STREAM_END && span_is(buf_span(&c.text), "one\n"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	int other = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(other, "o\nthree", 7), 7);
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_true(now == STREAM_END && span_is(buf_span(&c.text), "two\n"));
	assert_int_equal(c.line, 2);
	stream_rest(s, true, &c);
	assert_true(span_is(buf_span(&c.text), "three"));
	assert_int_equal(c.line, 3);
	assert_int_equal(stream_reopen(s, file_of("new\n", 4), &f), OK);
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, NULL), OK);
	assert_true(span_is(buf_span(&c.text), "new\n"));
	assert_int_equal(c.line, 1);
	close(other);
	close(writer);
	buf_release(&c.text);
	stream_close(s);
}

/* What came before the damage is given, then the damage is told. */
static void tells_damage_at_its_place(void **state)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0xe4, 2, 0 }; /* "a\n", cut off */
	struct stream *s = open_small(file_of(gzip, sizeof(gzip)), 0, 0, false);
	struct chunk c = { 0 };
	enum stream_state now;
	struct fault f = { 0 };
	(void)state;
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, &f), OK);
	assert_int_equal(now, STREAM_MORE);
	assert_true(span_is(buf_span(&c.text), "a\n"));
	assert_int_equal(stream_read(s, &c, NULL, NULL, &now, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "cut off"));
	buf_release(&c.text);
	stream_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_line_ends),
		cmocka_unit_test(cuts_where_no_observable_stands),
		cmocka_unit_test(counts_line_ends),
		cmocka_unit_test(says_what_is_no_text),
		cmocka_unit_test(gives_what_a_pipe_has),
		cmocka_unit_test(keeps_the_last_line),
		cmocka_unit_test(tells_damage_at_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
