/* The pipeline against a plain reading of the whole text by one finder. */
#include "scan/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "base/clock.h"

enum { THEN = 1600000000 /* 2020-09-13T12:26:40Z */ };

static const struct siphash_seed seed = { 3, 4 };

/* Some listed values, without a node. */
struct world {
	struct source_set *sources;
	struct rules *rules;
	struct meaning meaning;
	struct table_view view;
	struct buf out, told;
	uint64_t written;
	size_t most; /* writes after which nobody wants more */
	bool damaged;
};

static const char *listed[] = { "198.51.100.7", "evil.example", "2001:db8::7", "http://bad.example/x", "203.0.113.0/24" };

static int make_world(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));
	struct batch *b = batch_new(seed, "/tmp", 1 << 20);
	struct source_change c = { .op = SOURCE_ADD, .name = SPAN_LIT("list") };
	w->sources = source_set_new();
	w->rules = rules_new();
	assert_int_equal(source_apply(w->sources, &c, NULL), OK);
	for (size_t i = 0; i < COUNT_OF(listed); i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		struct claim claim = { .seen = (uint32_t)(clock_ms() / 1000) + 3600, .category = CAT_C2, .confidence = 100 };
		assert_int_equal(obs_parse(span_str(listed[i]), store, &o, NULL), OK);
		struct table_key k = { o.kind, o.prefix, o.n, o.key };
		assert_int_equal(batch_add(b, &k, &claim, NULL), OK);
	}
	assert_int_equal(batch_stamp(b, 1, 0, NULL), OK);
	w->meaning = (struct meaning){ w->sources, w->rules };
	w->view = (struct table_view){ .context = &w->meaning, .seed = seed, .n = 1 };
	assert_int_equal(batch_finish(b, NULL, &w->view.level[0], NULL, NULL), OK);
	batch_free(b);
	*state = w;
	return 0;
}

static int free_world(void **state)
{
	struct world *w = *state;
	image_free(w->view.level[0]);
	rules_free(w->rules);
	source_set_free(w->sources);
	buf_release(&w->out);
	buf_release(&w->told);
	free(w);
	return 0;
}

static const struct table_view *enter(void *ctx)
{
	return &((struct world *)ctx)->view;
}

static bool leave(void *ctx)
{
	return !((struct world *)ctx)->damaged;
}

static bool take(void *ctx, struct buf *out)
{
	struct world *w = ctx;
	buf_putspan(&w->out, buf_span(out));
	out->n = 0;
	return !w->most || ++w->written < w->most;
}

static void complain(void *ctx, const char *name, uint64_t line)
{
	buf_printf(&((struct world *)ctx)->told, "%s:%llu\n", name, (unsigned long long)line);
}

static struct scan_options options_of(struct world *w, unsigned threads, enum print_form form)
{
	w->out.n = w->told.n = w->written = 0;
	return (struct scan_options){
		.threads = threads, .min_score = 1, .clear = CLEARANCE_ALL, .table = { enter, leave, w }, .print = { .form = form },
		.write = take, .complain = complain, .ctx = w,
	};
}

static struct stream *stream_of(struct span text, const char *name, const struct stream_options *o)
{
	struct stream *s;
	int fd = memfd_create("test", MFD_CLOEXEC);
	for (size_t at = 0; at < text.n;) {
		ssize_t n = write(fd, text.p + at, text.n - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(stream_open(fd, name, o, &s, NULL), OK);
	return s;
}

/* One stream; what comes out is in w->out. */
static uint64_t scan_text(struct world *w, struct scan_options o, struct span text)
{
	struct scan *s = scan_new(&o);
	assert_int_equal(scan_stream(s, stream_of(text, "test", &o.stream), THEN, NULL), OK);
	scan_drain(s);
	uint64_t lines = scan_lines(s);
	scan_free(s);
	return lines;
}

/* Without a sieve, and with one. */
static void expect(struct world *w, struct scan_options o, const char *text, const char *out)
{
	o.sieve_after = UINT64_MAX;
	scan_text(w, o, span_str(text));
	assert_string_equal(buf_cstr(&w->out), out);
	w->out.n = 0;
	o.sieve_after = 1;
	scan_text(w, o, span_str(text));
	assert_string_equal(buf_cstr(&w->out), out);
}

/* ---- forms ---- */

#define TEXT "a 198.51.100.7 b\nnothing\nevil.example, evil.example\n\n203.0.113.9"

static void prints_rows(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 1, PRINT_ROWS);
	expect(w, o, TEXT, "1:3: 198.51.100.7 50 c2-server\n3:1: evil.example 50 c2-server\n3:15: evil.example 50 c2-server\n5:1: 203.0.113.9 50 c2-server\n");
	o = options_of(w, 1, PRINT_ROWS);
	o.print.names = true;
	o.kinds = 1 << OBS_DOMAIN;
	expect(w, o, TEXT, "test:3:1: evil.example 50 c2-server\ntest:3:15: evil.example 50 c2-server\n");
	o = options_of(w, 1, PRINT_ROWS);
	o.min_score = 51;
	expect(w, o, TEXT, "");
	scan_text(w, options_of(w, 1, PRINT_ROWS), SPAN_LIT("\0\1 evil.example\n"));
	assert_string_equal(buf_cstr(&w->out), "Binary file test: evil.example 50 c2-server\n");
}

static void prints_lines(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 1, PRINT_LINES);
	expect(w, o, TEXT, "a 198.51.100.7 b\nevil.example, evil.example\n203.0.113.9\n");
	o = options_of(w, 1, PRINT_LINES);
	o.print.numbers = o.print.colour = true;
	expect(w, o, TEXT, "\33[32m1\33[0m:a \33[1;31m198.51.100.7\33[0m b\n"
			   "\33[32m3\33[0m:\33[1;31mevil.example\33[0m, \33[1;31mevil.example\33[0m\n\33[32m5\33[0m:\33[1;31m203.0.113.9\33[0m\n");
	o = options_of(w, 1, PRINT_LINES);
	o.print.invert = true;
	expect(w, o, TEXT, "nothing\n\n");
	o = options_of(w, 1, PRINT_JSON);
	o.print.invert = true;
	expect(w, o, TEXT, "{\"file\":\"test\",\"line\":2,\"text\":\"nothing\"}\n{\"file\":\"test\",\"line\":4,\"text\":\"\"}\n");
	o = options_of(w, 1, PRINT_LINES);
	o.print.terminal = true;
	expect(w, o, "\33[2J\tevil.example\n", "?[2J\tevil.example\n");
}

static void prints_values_and_counts(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 1, PRINT_VALUES);
	expect(w, o, TEXT, "198.51.100.7\nevil.example\nevil.example\n203.0.113.9\n");
	o = options_of(w, 1, PRINT_NOTHING);
	o.count = true;
	expect(w, o, TEXT, "3\n");
	o = options_of(w, 1, PRINT_NOTHING);
	o.count = o.print.invert = o.print.names = true;
	expect(w, o, TEXT, "test:2\n");
	o = options_of(w, 1, PRINT_JSON);
	expect(w, o, "x evil.example\n", "{\"file\":\"test\",\"line\":1,\"column\":3,\"text\":\"evil.example\",\"category\":\"c2-server\",\"value\":\"evil.example\","
		"\"kind\":\"domain\",\"listed\":true,\"score\":50,\"categories\":[\"c2-server\"],\"sources\":[\"list\"]}\n");
}

/* Where nobody can know where a value ends there is one hit, and it is of what is listed. */
static void tells_one_reading(void **state)
{
	struct world *w = *state;
	expect(w, options_of(w, 1, PRINT_VALUES), "http://bad.example/x,GET,200 http://evil.example/a;b,c 203.0.113.0/24 203.0.113.9/24",
	       "http://bad.example/x\nhttp://evil.example/a\n203.0.113.0\n203.0.113.9\n");
	expect(w, options_of(w, 1, PRINT_VALUES), "to=x@evil.example evil.example/a?b http://good.example/?u=evil.example",
	       "x@evil.example\nevil.example\nevil.example\n");
}

/* ---- order and borders ---- */

/* Lines of all lengths, some with listed values; what is to be printed, by looking at each line alone. */
static void make_text(unsigned lines, struct buf *text, struct buf *expected)
{
	for (unsigned i = 1; i <= lines; i++) {
		unsigned before = (unsigned)rand() % 60, hits = rand() % 3 == 0 ? 1 + (unsigned)rand() % 3 : 0;
		size_t start = text->n;
		for (unsigned k = 0; k < before; k++)
			buf_putc(text, k % 7 == 6 ? ' ' : (uint8_t)('a' + rand() % 26));
		for (unsigned k = 0; k < hits; k++) {
			const char *value = listed[rand() % 4];
			buf_putc(text, ' ');
			buf_printf(expected, "%u:%zu: %s ", i, text->n - start + 1, value);
			buf_puts(expected, "50 c2-server\n");
			buf_puts(text, value);
		}
		if (i < lines || rand() % 2)
			buf_putc(text, '\n');
	}
}

static void finds_all_in_order(void **state)
{
	struct world *w = *state;
	srand(2);
	for (unsigned round = 0; round < 60; round++) {
		struct buf text = { 0 }, expected = { 0 };
		make_text(1 + (unsigned)rand() % 400, &text, &expected);
		struct scan_options o = options_of(w, 1 + round % 8, PRINT_ROWS);
		o.stream = (struct stream_options){ .chunk_octets = 16 + (size_t)rand() % 400, .line_max = 1 << 16 };
		o.sieve_after = round % 3 == 0 ? UINT64_MAX : 1 + (uint64_t)rand() % 20000; /* on the way, too */
		scan_text(w, o, buf_span(&text));
		if (!span_eq(buf_span(&w->out), buf_span(&expected)))
			fail_msg("round %u: got\n%s\nand not\n%s", round, buf_cstr(&w->out), buf_cstr(&expected));
		assert_int_equal(w->told.n, 0);
		buf_release(&text);
		buf_release(&expected);
	}
}

/* Lines with and without hits are the text, whatever the chunks. */
static void selects_each_line_once(void **state)
{
	struct world *w = *state;
	srand(3);
	for (unsigned round = 0; round < 30; round++) {
		struct buf text = { 0 }, expected = { 0 };
		make_text(200, &text, &expected);
		struct scan_options o = options_of(w, 1 + round % 4, PRINT_LINES);
		o.stream.chunk_octets = 16 + (size_t)rand() % 400;
		uint64_t with = scan_text(w, o, buf_span(&text));
		size_t octets = w->out.n;
		o = options_of(w, 1 + round % 4, PRINT_LINES);
		o.stream.chunk_octets = 16 + (size_t)rand() % 400;
		o.print.invert = true;
		uint64_t without = scan_text(w, o, buf_span(&text));
		octets += w->out.n - (text.n && text.p[text.n - 1] != '\n');
		uint64_t lines = count_lines(buf_span(&text)) + (text.n && text.p[text.n - 1] != '\n');
		assert_int_equal(with + without, lines);
		assert_int_equal(octets, text.n);
		buf_release(&text);
		buf_release(&expected);
	}
}

/* A line that is too long is cut between observables, said so, and columns go on. */
static void cuts_long_lines(void **state)
{
	struct world *w = *state;
	struct buf text = { 0 }, expected = { 0 };
	buf_puts(&text, "first\n");
	for (unsigned i = 0; i < 100; i++) {
		buf_printf(&expected, "2:%zu: evil.example 50 c2-server\n", text.n - 6 + 2);
		buf_puts(&text, "\"evil.example\",");
	}
	buf_puts(&text, "\nevil.example\n");
	buf_puts(&expected, "3:1: evil.example 50 c2-server\n");
	struct scan_options o = options_of(w, 3, PRINT_ROWS);
	o.stream = (struct stream_options){ .chunk_octets = 40, .line_max = 100 };
	scan_text(w, o, buf_span(&text));
	assert_string_equal(buf_cstr(&w->out), buf_cstr(&expected));
	assert_true(span_starts(buf_span(&w->told), SPAN_LIT("test:2\n")));
	buf_release(&text);
	buf_release(&expected);
}

/* Much output waits for its turn. */
static void keeps_the_order_of_much_output(void **state)
{
	struct world *w = *state;
	struct buf text = { 0 };
	for (unsigned i = 0; i < 400000; i++)
		buf_puts(&text, "evil.example\n");
	struct scan_options o = options_of(w, 4, PRINT_ROWS);
	assert_int_equal(scan_text(w, o, buf_span(&text)), 400000);
	struct span rest = buf_span(&w->out), line;
	for (unsigned i = 1; span_line(&rest, &line); i++) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "%u:1: evil.example 50 c2-server", i);
		if (!span_is(line, wanted))
			fail_msg("line %u: " SPAN_FMT, i, SPAN_ARG(line));
	}
	buf_release(&text);
}

static void goes_through_many_streams(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 4, PRINT_NOTHING);
	struct buf expected = { 0 };
	o.count = o.print.names = true;
	o.stream.chunk_octets = 64;
	struct scan *s = scan_new(&o);
	for (unsigned i = 0; i < 200; i++) {
		struct buf text = { 0 };
		char name[16];
		snprintf(name, sizeof(name), "s%u", i);
		for (unsigned k = 0; k < i; k++)
			buf_puts(&text, "evil.example\nx\n");
		assert_int_equal(scan_stream(s, stream_of(buf_span(&text), name, &o.stream), THEN, NULL), OK);
		buf_printf(&expected, "%s:%u\n", name, i);
		buf_release(&text);
	}
	scan_free(s);
	assert_string_equal(buf_cstr(&w->out), buf_cstr(&expected));
	buf_release(&expected);
}

static void stops_when_nobody_wants_more(void **state)
{
	struct world *w = *state;
	struct buf text = { 0 };
	for (unsigned i = 0; i < 10000; i++)
		buf_puts(&text, "evil.example\n");
	for (unsigned threads = 1; threads < 5; threads++) {
		struct scan_options o = options_of(w, threads, PRINT_ROWS);
		o.stream.chunk_octets = 100;
		w->most = 3;
		struct scan *s = scan_new(&o);
		assert_int_equal(scan_stream(s, stream_of(buf_span(&text), "test", &o.stream), THEN, NULL), ERR_CANCELLED);
		scan_free(s);
		assert_int_equal(w->written, 3);
		w->most = 0;
		o = options_of(w, threads, PRINT_NOTHING);
		o.stream.chunk_octets = 100;
		o.first = true;
		s = scan_new(&o);
		assert_int_equal(scan_stream(s, stream_of(buf_span(&text), "test", &o.stream), THEN, NULL), ERR_CANCELLED);
		assert_true(scan_lines(s) > 0 && scan_lines(s) < 10000);
		scan_free(s);
	}
	buf_release(&text);
}

/* Answers that are of no use are not told. */
static void tells_nothing_of_a_damaged_table(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 2, PRINT_ROWS);
	w->damaged = true;
	struct scan *s = scan_new(&o);
	assert_int_equal(scan_stream(s, stream_of(SPAN_LIT("evil.example\n"), "test", &o.stream), THEN, NULL), OK);
	scan_drain(s);
	assert_int_equal(w->out.n, 0);
	assert_int_equal(scan_stream(s, stream_of(SPAN_LIT("evil.example\n"), "test", &o.stream), THEN, NULL), ERR_CANCELLED);
	scan_free(s);
	assert_int_equal(w->out.n, 0);
	w->damaged = false;
}

/* With -f: what another table lists is found, and no longer what only the one before did. */
static void takes_another_table(void **state)
{
	struct world *w = *state;
	void *other_state;
	const char *const before = listed[1];
	listed[1] = "worse.example";
	make_world(&other_state);
	listed[1] = before;
	struct world *other = other_state;
	for (unsigned threads = 1; threads < 4; threads++) {
		struct scan_options o = options_of(w, threads, PRINT_VALUES);
		o.sieve_after = 1;
		struct scan *s = scan_new(&o);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(scan_stream(s, stream_of(SPAN_LIT("evil.example worse.example 198.51.100.7\n"), "test", &o.stream), THEN, NULL), OK);
			scan_use(s, (struct scan_table){ enter, leave, other });
		}
		scan_free(s);
		assert_string_equal(buf_cstr(&w->out), "evil.example\n198.51.100.7\nworse.example\n198.51.100.7\n");
	}
	free_world(&other_state);
}

/* ---- sightings ---- */

static bool write_down(void *ctx, const struct observable *o, int64_t hour_s, uint64_t count)
{
	struct buf *b = ctx;
	obs_format(o, b);
	buf_printf(b, " %lld %llu\n", (long long)hour_s, (unsigned long long)count);
	return true;
}

static void counts_what_is_seen(void **state)
{
	struct world *w = *state;
	struct scan_options o = options_of(w, 2, PRINT_NOTHING);
	struct buf b = { 0 };
	o.seen = hours_new(100, 3600);
	o.stream.chunk_octets = 50;
	scan_text(w, o, SPAN_LIT("2020-09-12T10:59:59Z evil.example 192.0.2.1 evil.example\n"
				 "2020-09-12T11:00:00Z evil.example\n"
				 "no time evil.example\n"
				 "2099-01-01T00:00:00Z evil.example\n" /* not yet */
				 "2020-09-12T10:00:00Z 192.0.2.1\n"));
	hours_each(o.seen, write_down, &b);
	char expected[200];
	snprintf(expected, sizeof(expected), "evil.example 1599904800 2\nevil.example 1599908400 1\nevil.example %d 2\n", THEN / 3600 * 3600);
	assert_string_equal(buf_cstr(&b), expected);
	hours_free(o.seen);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_rows),
		cmocka_unit_test(prints_lines),
		cmocka_unit_test(prints_values_and_counts),
		cmocka_unit_test(tells_one_reading),
		cmocka_unit_test(finds_all_in_order),
		cmocka_unit_test(selects_each_line_once),
		cmocka_unit_test(cuts_long_lines),
		cmocka_unit_test(keeps_the_order_of_much_output),
		cmocka_unit_test(goes_through_many_streams),
		cmocka_unit_test(stops_when_nobody_wants_more),
		cmocka_unit_test(tells_nothing_of_a_damaged_table),
		cmocka_unit_test(takes_another_table),
		cmocka_unit_test(counts_what_is_seen),
	};
	return cmocka_run_group_tests(tests, make_world, free_world);
}
