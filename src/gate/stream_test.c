/* Whatever place a reader begins or goes on from: each event once, in order, and nothing of what is hidden. */
#include "gate/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/json.h"
#include "gate/import.h"
#include "sys/key.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

struct place {
	char dir[32];
	struct node *node;
	struct stream *stream;
};

static int open_place(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));
	memcpy(p->dir, "/tmp/sipar-strm-XXXXXX", 23);
	assert_non_null(mkdtemp(p->dir));
	must(node_init(p->dir, &(struct node_options){ 0 }, &fault));
	must(node_open(p->dir, 0, &p->node, &fault));
	p->stream = node_stream(p->node);
	*state = p;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;
	char command[80];
	node_close(p->node);
	snprintf(command, sizeof(command), "rm -r %s", p->dir);
	int removed = system(command);
	free(p);
	return removed;
}

/* ---- writing ---- */

static struct import *begin(struct place *p, const char *lane, const char *source, const char *format, enum stance stance)
{
	struct import_options o = { .source = source, .lane = lane, .format = feed_format_find(span_str(format)), .stance = stance };
	struct import *i = NULL;
	must(import_begin(p->node, &o, NULL, NULL, NULL, &i, &fault));
	return i;
}

static void add(struct import *i, struct span text)
{
	struct input *in;
	int fd = memfd_create("feed", MFD_CLOEXEC);
	for (size_t n = 0; n < text.n;) {
		ssize_t k = write(fd, text.p + n, text.n - n);
		assert_true(k > 0);
		n += (size_t)k;
	}
	lseek(fd, 0, SEEK_SET);
	must(input_open(fd, -1, "feed", &in, &fault));
	must(import_stream(i, in, "test", &fault));
	input_close(in);
}

static void end(struct import *i)
{
	struct import_counts c;
	must(import_finish(i, &c, &fault));
	import_free(i);
}

static void told(struct place *p, const char *lane, const char *source, const char *text)
{
	struct import *i = begin(p, lane, source, "lines", STANCE_INDICATOR);
	add(i, span_str(text));
	end(i);
}

/* ---- reading ---- */

static struct stream_cursor *cursor(struct place *p, clearance clear, const char *lanes, const char *from)
{
	struct stream_cursor *c = NULL;
	must(stream_cursor_open(p->stream, clear, span_str(lanes), span_str(from), &c, &fault));
	return c;
}

/* "NAME DATA" lines of all that there is; the cursor is made anew from its text every `again` events (0: never). */
static char *all_from(struct place *p, clearance clear, const char *lanes, const char *from, unsigned again)
{
	struct buf out = { 0 }, at = { 0 };
	struct stream_event event;
	struct stream_cursor *c = cursor(p, clear, lanes, from);
	for (unsigned n = 1;; n++) {
		must(stream_next(p->stream, clear, c, &event, &fault));
		if (!event.name)
			break;
		buf_printf(&out, "%s ", event.name);
		buf_putspan(&out, event.data);
		buf_putc(&out, '\n');
		assert_true(span_find(event.data, '\n') == event.data.n);
		stream_event_drop(&event);
		if (!again || n % again)
			continue;
		at.n = 0;
		stream_cursor_put(c, &at);
		free(c);
		c = cursor(p, clear, lanes, buf_cstr(&at));
	}
	free(c);
	buf_release(&at);
	char *text = mem_strndup(out.p, out.n);
	buf_release(&out);
	return text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	size_t octets = strlen(what); /* by hand: a sanitizer's strstr() looks at all that follows, each time */
	for (const char *at = text; *at; at++)
		n += *at == *what && strncmp(at, what, octets) == 0;
	return n;
}

/* One line for each event of these names: its name, and "index" of its data. */
static void assert_events(const char *text, const char *expected)
{
	struct buf out = { 0 };
	struct span rest = span_str(text), line;
	while (span_line(&rest, &line)) {
		size_t blank = span_find(line, ' ');
		struct span data = span_from(line, blank + 1);
		struct json_reader r;
		json_init(&r, data, true);
		while (json_next(&r) > JSON_ERROR)
			;
		assert_null(r.error);
		const char *lane = strstr((const char *)data.p, "\"lane\":\"") + 8, *index = strstr(lane, "\"index\":") + 8;
		buf_printf(&out, "%s" SPAN_FMT " %.*s/%.*s", out.n ? ", " : "", SPAN_ARG(span_head(line, blank)), (int)strcspn(lane, "\""), lane, (int)strspn(index, "0123456789"), index);
	}
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
}

/* ---- tests ---- */

static void plain_entries(void **state)
{
	struct place *p = *state;
	told(p, "public", "a", "192.0.2.1\nevil.example\n");
	char *text = all_from(p, CLEARANCE_ALL, "public", "0", 0);
	assert_events(text, "lane public/0, claims public/2, import public/2");
	assert_non_null(strstr(text, "\"claims\":[{\"type\":\"ipv4\",\"value\":\"192.0.2.1\",\"stance\":\"indicator\",\"category\":\"blacklist\"},"
				     "{\"type\":\"domain\",\"value\":\"evil.example\",\"stance\":\"indicator\",\"category\":\"blacklist\"}]"));
	assert_non_null(strstr(text, "\"accepted\":2"));
	free(text);
	text = all_from(p, CLEARANCE_ALL, "node", "1", 0);
	assert_events(text, "source node/1");
	free(text);
	text = all_from(p, CLEARANCE_ALL, "public", "3", 0);
	assert_string_equal(text, "");
	free(text);
	text = all_from(p, CLEARANCE_ALL, "", "", 0); /* from now on */
	assert_string_equal(text, "");
	free(text);
}

/* Pieces of imports that run at the same time lie between one another. */
static void imports_count_when_they_end(void **state)
{
	struct place *p = *state;
	struct import *never = begin(p, "public", "never", "lines", STANCE_INDICATOR), *slow = begin(p, "public", "slow", "lines", STANCE_INDICATOR);
	add(never, SPAN_LIT("198.51.100.1\n"));
	add(slow, SPAN_LIT("198.51.100.2\n"));
	add(never, SPAN_LIT("198.51.100.3\n"));
	told(p, "public", "quick", "198.51.100.4\n");
	add(slow, SPAN_LIT("198.51.100.5\n"));
	char *text = all_from(p, CLEARANCE_ALL, "public", "1", 0);
	assert_events(text, "claims public/5, import public/5");
	free(text);
	struct stream_cursor *c = cursor(p, CLEARANCE_ALL, "public", "");
	struct buf at = { 0 };
	stream_cursor_put(c, &at);
	assert_string_equal(buf_cstr(&at), "public/6"); /* the pieces before it will be told with the end of their import all the same */
	end(slow);
	import_free(never);
	text = all_from(p, CLEARANCE_ALL, "public", buf_cstr(&at), 1);
	assert_events(text, "claims public/7, claims public/7, import public/7");
	assert_int_equal(count(text, "198.51.100.2\""), 1);
	assert_int_equal(count(text, "198.51.100.5\""), 1);
	assert_null(strstr(text, "198.51.100.1"));
	free(text);
	free(c);
	buf_release(&at);
}

static void put_lines(struct buf *out, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		buf_printf(out, "%s%u.host.example\n", i % 7 ? "" : "# a comment\n\n", i);
}

/* Several pieces, many events; with each place taken up anew, with none, and by several readers at once, more than pieces are kept open. */
static void parts_are_told_once(void **state)
{
	enum { LINES = 70000, READERS = 20 };
	struct place *p = *state;
	struct buf lines = { 0 };
	struct stream_cursor *c[READERS];
	struct stream_event event;
	put_lines(&lines, 0, LINES);
	struct import *i = begin(p, "public", "big", "lines", STANCE_INDICATOR);
	add(i, buf_span(&lines));
	end(i);
	char *whole = all_from(p, CLEARANCE_ALL, "public", "1", 0);
	assert_int_equal(count(whole, ".host.example\""), LINES);
	assert_true(count(whole, "\n") > 100);
	for (unsigned k = 0; k < LINES; k += 997) {
		char value[40];
		snprintf(value, sizeof(value), "\"%u.host.example\"", k);
		assert_int_equal(count(whole, value), 1);
	}
	struct span rest = span_str(whole), line;
	while (span_line(&rest, &line))
		assert_true(line.n < STREAM_EVENT_OCTETS + 1000);
	for (unsigned again = 1; again < 60; again *= 5) {
		char *text = all_from(p, CLEARANCE_ALL, "public", "1", again);
		assert_string_equal(text, whole);
		free(text);
	}
	for (unsigned k = 0; k < READERS; k++) {
		c[k] = cursor(p, CLEARANCE_ALL, "public", "1");
		for (unsigned n = 0; n < k; n++) {
			must(stream_next(p->stream, CLEARANCE_ALL, c[k], &event, &fault));
			stream_event_drop(&event);
		}
	}
	unsigned total = count(whole, "\n"), least = total;
	for (unsigned n = 0; n < total; n++)
		for (unsigned k = 0; k < READERS; k++) {
			must(stream_next(p->stream, CLEARANCE_ALL, c[k], &event, &fault));
			least = !event.name && total - n - 1 < least ? total - n - 1 : least;
			assert_true((event.name != NULL) == (n + k < total));
			stream_event_drop(&event);
		}
	for (unsigned k = 0; k < READERS; k++)
		free(c[k]);
	free(whole);
	buf_release(&lines);
}

/* Formats that carry state from record to record, a record larger than an entry, and text rules. */
static void every_format_goes_on(void **state)
{
	enum { OBJECTS = 900 };
	struct place *p = *state;
	struct buf text = { 0 };
	buf_puts(&text, "{\"type\":\"bundle\",\"id\":\"bundle--0\",\"objects\":[");
	for (unsigned i = 0; i < OBJECTS; i++) {
		buf_printf(&text, "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--00000000-0000-4000-8000-%012u\",\"created\":\"2026-01-01T00:00:00Z\","
			   "\"modified\":\"2026-01-01T00:00:00Z\",\"pattern\":\"[domain-name:value = '%u.stix.example']\",\"pattern_type\":\"stix\",\"valid_from\":"
			   "\"2026-01-01T00:00:00Z\"%s", i ? "," : "", i, i, i % 3 ? "" : ",\"revoked\":true");
		if (i == 5) { /* longer than an entry's body */
			buf_puts(&text, ",\"description\":\"");
			for (unsigned k = 0; k < 1500000; k++)
				buf_putc(&text, 'x');
			buf_putc(&text, '"');
		}
		buf_putc(&text, '}');
	}
	buf_puts(&text, "]}");
	struct import *i = begin(p, "public", "stix", "stix", STANCE_INDICATOR);
	add(i, buf_span(&text));
	end(i);
	text.n = 0;
	buf_puts(&text, "first,domain,confidence\n");
	for (unsigned k = 0; k < 3000; k++)
		buf_printf(&text, "2026-01-02,%u.csv.example,70\n", k);
	i = begin(p, "public", "csv", "csv", STANCE_INDICATOR);
	add(i, buf_span(&text));
	end(i);
	i = begin(p, "public", "warning", "misp-warninglist", STANCE_INDICATOR);
	add(i, SPAN_LIT("{\"name\":\"w\",\"type\":\"substring\",\"list\":[\"bank\",\"payments\"],\"matching_attributes\":[\"domain\"],\"version\":1}"));
	end(i);
	char *whole = all_from(p, CLEARANCE_ALL, "public", "1", 0), *parts = all_from(p, CLEARANCE_ALL, "public", "1", 1);
	assert_string_equal(whole, parts);
	assert_int_equal(count(whole, ".stix.example\""), OBJECTS);
	assert_int_equal(count(whole, "\"stance\":\"retracted\""), OBJECTS / 3);
	assert_true(count(whole, "\nretraction {") + (strncmp(whole, "retraction", 10) == 0) >= OBJECTS / 3); /* every third: each alone */
	assert_int_equal(count(whole, ".csv.example\""), 3000);
	assert_int_equal(count(whole, "\"id\":\"indicator--"), OBJECTS);
	assert_int_equal(count(whole, "{\"type\":\"substring\",\"value\":\"bank\",\"stance\":"), 1);
	free(whole);
	free(parts);
	buf_release(&text);
}

/* Within one lane by index, over several by the order of commits, whether they are read as they come or later. */
static void order_over_lanes(void **state)
{
	struct place *p = *state;
	told(p, "public", "s", "192.0.2.1\n");
	told(p, "community", "t", "192.0.2.2\n");
	told(p, "public", "u", "192.0.2.3\n");
	static const char expected[] = "claims public/2, import public/2, claims community/2, import community/2, claims public/4, import public/4";
	char *text = all_from(p, CLEARANCE_ALL, "community,public", "community/1,public/1", 0);
	assert_events(text, expected);
	free(text);
	text = all_from(p, CLEARANCE_ALL, " public , community", "public/1,community/1", 1);
	assert_events(text, expected);
	free(text);
	text = all_from(p, CLEARANCE_ALL, "community,public", "public/1", 0); /* of the other from its start */
	assert_events(text, "lane community/0, claims public/2, import public/2, claims community/2, import community/2, claims public/4, import public/4");
	free(text);
}

static void erased_bodies_say_nothing(void **state)
{
	struct place *p = *state;
	struct import *i = begin(p, "public", "a", "lines", STANCE_INDICATOR);
	struct stream_event event;
	uint64_t number;
	add(i, SPAN_LIT("192.0.2.1\n"));
	add(i, SPAN_LIT("192.0.2.2\n"));
	add(i, SPAN_LIT("192.0.2.3\n"));
	end(i);
	struct stream_cursor *c = cursor(p, CLEARANCE_ALL, "public", "1");
	must(stream_next(p->stream, CLEARANCE_ALL, c, &event, &fault)); /* reads the first piece, and remembers it */
	stream_event_drop(&event);
	must(ledger_find(node_ledger(p->node), CLEARANCE_ALL, 0, 2, &number));
	must(node_erase(p->node, number, "was wrong", &number, &fault));
	struct buf at = { 0 };
	stream_cursor_put(c, &at);
	char *text = all_from(p, CLEARANCE_ALL, "public", buf_cstr(&at), 0);
	assert_events(text, "claims public/4, import public/4, erased public/5");
	assert_null(strstr(text, "192.0.2.2"));
	assert_non_null(strstr(text, "192.0.2.3"));
	free(text);
	must(ledger_find(node_ledger(p->node), CLEARANCE_ALL, 0, 1, &number));
	must(node_erase(p->node, number, "was wrong, too", &number, &fault));
	text = all_from(p, CLEARANCE_ALL, "public", "1", 0); /* though it was read before */
	assert_events(text, "claims public/4, import public/4, erased public/5, erased public/6");
	assert_null(strstr(text, "192.0.2.1"));
	free(text);
	buf_release(&at);
	free(c);
}

static void refused(struct place *p, clearance clear, const char *lanes, const char *from, enum err expected)
{
	struct stream_cursor *c;
	enum err e = stream_cursor_open(p->stream, clear, span_str(lanes), span_str(from), &c, &fault);
	if (e != expected)
		fail_msg("lanes \"%s\" from \"%s\": %s", lanes, from, err_name(e));
}

static void what_is_no_cursor(void **state)
{
	struct place *p = *state;
	static const char *const wrong[] = {
		"x", "public", "public/", "public/x", "public/-1", "public/1.2", "public/1.0.0", "public/1.2.3", "public/1.1.", "public/1,public/1",
		"community/1", "public/1,community/1", "/1", ",", "public/1;", "public/99999999999999999999", "public/1.1.1.1",
	};
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		refused(p, CLEARANCE_ALL, "public", wrong[i], ERR_SYNTAX);
	refused(p, CLEARANCE_ALL, "public,community", "1", ERR_SYNTAX);
	refused(p, CLEARANCE_ALL, "public", "2", ERR_RANGE);
	refused(p, CLEARANCE_ALL, "public", "public/2", ERR_RANGE);
	refused(p, CLEARANCE_ALL, "public,no", "", ERR_NOTFOUND);
	told(p, "public", "a", "192.0.2.1\n");
	/* Places that no stream has given, but could: nothing is told twice or invented. */
	char *text = all_from(p, CLEARANCE_ALL, "public", "public/2.1.1", 0);
	assert_events(text, "import public/2");
	free(text);
	text = all_from(p, CLEARANCE_ALL, "public", "public/2.2.77", 0);
	assert_events(text, "import public/2");
	free(text);
	text = all_from(p, CLEARANCE_ALL, "public", "public/1.1.5", 0);
	assert_events(text, "claims public/2, import public/2");
	free(text);
}

static void hidden_lanes(void **state)
{
	struct place *p = *state;
	struct lane public, restricted;
	struct stream_event event;
	char absent[400];
	must(ledger_lane_find(node_ledger(p->node), CLEARANCE_ALL, "public", &public));
	must(ledger_lane_find(node_ledger(p->node), CLEARANCE_ALL, "restricted", &restricted));
	clearance clear = (clearance)1 << public.number;
	told(p, "restricted", "r", "203.0.113.1\n");
	char *before = all_from(p, clear, "", "0", 1);
	told(p, "restricted", "r", "203.0.113.2\n");
	char *after = all_from(p, clear, "", "0", 1);
	assert_string_equal(before, after);
	assert_events(before, "lane public/0");
	free(before);
	free(after);
	refused(p, clear, "nothere", "", ERR_NOTFOUND);
	snprintf(absent, sizeof(absent), "%s", fault.text);
	refused(p, clear, "restricted", "", ERR_NOTFOUND);
	assert_string_equal(absent, "there is no lane \"nothere\"");
	assert_string_equal(fault.text, "there is no lane \"restricted\"");
	refused(p, clear, "public", "restricted/1", ERR_SYNTAX);
	refused(p, 0, "", "", ERR_NOTFOUND);
	/* A cursor that was opened when more could be seen, of which the events are in memory, too. */
	char *all = all_from(p, CLEARANCE_ALL, "restricted", "0", 0);
	assert_non_null(strstr(all, "203.0.113.2"));
	free(all);
	struct stream_cursor *c = cursor(p, CLEARANCE_ALL, "public,restricted", "0");
	assert_int_equal(stream_next(p->stream, clear, c, &event, &fault), ERR_NOTFOUND);
	free(c);
}

/* ---- waiting ---- */

struct waiter {
	struct stream_listener listener;
	pthread_mutex_t lock;
	pthread_cond_t called;
	unsigned calls;
};

static void on_call(void *ctx)
{
	struct waiter *w = ctx;
	pthread_mutex_lock(&w->lock);
	w->calls++;
	pthread_cond_signal(&w->called);
	pthread_mutex_unlock(&w->lock);
}

static void wait_for_call(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->calls)
		pthread_cond_wait(&w->called, &w->lock);
	w->calls = 0;
	pthread_mutex_unlock(&w->lock);
}

static void join(struct place *p, struct waiter *w, clearance lanes)
{
	*w = (struct waiter){ .listener = { .lanes = lanes, .due_ms = UINT64_MAX, .call = on_call, .ctx = w } };
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->called, NULL);
	stream_join(p->stream, &w->listener);
}

/* More than are remembered for a lane come while the reader sleeps, and while it reads. */
static void who_waits_is_called(void **state)
{
	enum { TIMES = 300 };
	struct place *p = *state;
	struct waiter w, other;
	struct stream_event event;
	char line[40];
	struct stream_cursor *c = cursor(p, CLEARANCE_ALL, "public", "");
	join(p, &w, stream_cursor_lanes(c));
	join(p, &other, (clearance)1 << 1);
	must(stream_next(p->stream, CLEARANCE_ALL, c, &event, &fault));
	assert_null(event.name);
	unsigned claims = 0, imports = 0;
	for (unsigned i = 0; i < TIMES; i++) {
		snprintf(line, sizeof(line), "%u.live.example\n", i);
		told(p, "public", "a", line);
		if (i % 50 && i > 3 && i + 1 < TIMES)
			continue; /* up to 50 imports lie before it at a time */
		while (imports <= i) {
			wait_for_call(&w);
			for (;;) {
				must(stream_next(p->stream, CLEARANCE_ALL, c, &event, &fault));
				if (!event.name)
					break;
				snprintf(line, sizeof(line), "\"%u.live.example\"", claims);
				if (strcmp(event.name, "claims") == 0) {
					assert_non_null(memmem(event.data.p, event.data.n, line, strlen(line)));
					claims++;
				} else {
					assert_string_equal(event.name, "import");
					imports++;
					assert_int_equal(imports, claims);
				}
				stream_event_drop(&event);
			}
		}
	}
	assert_int_equal(claims, TIMES);
	assert_int_equal(other.calls, 0); /* nothing was said in its lane */
	stream_wake_all(p->stream);
	assert_int_equal(other.calls, 1);
	stream_leave(p->stream, &w.listener);
	stream_leave(p->stream, &other.listener);
	free(c);
	char *text = all_from(p, CLEARANCE_ALL, "public", "1", 0);
	assert_int_equal(count(text, ".live.example\""), TIMES);
	free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)
	const struct CMUnitTest tests[] = {
		TEST(plain_entries), TEST(imports_count_when_they_end), TEST(parts_are_told_once), TEST(every_format_goes_on), TEST(order_over_lanes),
		TEST(erased_bodies_say_nothing), TEST(what_is_no_cursor), TEST(hidden_lanes), TEST(who_waits_is_called),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
