/* The ledger as events: which there are, when they change, what is in them, and that it is the same however it is read. */
#include "gate/misp_reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "codec/tlp.h"
#include "gate/import.h"
#include "gate/retract.h"
#include "sys/key.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

static void remove_tree(const char *path)
{
	char name[600];
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%.300s/%.255s", path, e->d_name);
		if (unlink(name))
			remove_tree(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

struct bed {
	char dir[32];
	struct node *node;
	struct misp_events *events;
};

static int set_up(void **state)
{
	struct bed *b = mem_zalloc(sizeof(*b));
	memcpy(b->dir, "/tmp/sipar-misp-XXXXXX", 23);
	assert_non_null(mkdtemp(b->dir));
	must(node_init(b->dir, &(struct node_options){ .name = "cert.example" }, &fault));
	must(node_open(b->dir, 0, &b->node, &fault));
	b->events = misp_events_new(b->node);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	misp_events_free(b->events);
	node_close(b->node);
	remove_tree(b->dir);
	free(b);
	return 0;
}

static void tell(struct bed *b, const char *source, const char *lane, struct span text)
{
	struct import_options o = { .source = source, .lane = lane, .allow_empty = true };
	struct import_counts counts;
	struct import *i;
	struct input *in;
	int fd = memfd_create("feed", MFD_CLOEXEC);
	for (size_t at = 0; at < text.n;) {
		ssize_t n = write(fd, text.p + at, text.n - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	must(import_begin(b->node, &o, NULL, NULL, NULL, &i, &fault));
	must(input_open(fd, -1, "feed", &in, &fault));
	must(import_stream(i, in, "feed", &fault));
	input_close(in);
	must(import_finish(i, &counts, &fault));
	import_free(i);
}

static void tell_text(struct bed *b, const char *source, const char *lane, const char *text)
{
	tell(b, source, lane, span_str(text));
}

static void add_source(struct bed *b, const char *name, bool snapshot)
{
	must(node_source_change(b->node, &(struct source_change){ .op = SOURCE_ADD, .name = span_str(name), .has_snapshot = true, .snapshot = snapshot },
				&fault));
}

/* The one event. */
static struct misp_listed only(struct bed *b, clearance clear)
{
	struct misp_listed l, more;
	size_t at = 0;
	must(misp_events_follow(b->events, &fault));
	assert_int_equal(misp_events_count(b->events, clear), 1);
	assert_true(misp_events_next(b->events, clear, &at, &l));
	assert_false(misp_events_next(b->events, clear, &at, &more));
	return l;
}

static void put(void *ctx, const struct misp_attribute *a)
{
	struct buf *out = ctx;
	buf_putc(out, a->deleted ? '-' : '+');
	obs_format(&a->obs, out);
	buf_putc(out, ' ');
}

/* "+192.0.2.1 -192.0.2.2 ". */
static char *inside(struct bed *b, const char *uuid, unsigned records)
{
	struct misp_pick pick;
	struct buf out = { 0 };
	assert_true(misp_events_pick(b->events, CLEARANCE_ALL, span_str(uuid), &pick));
	struct misp_reading *r = misp_reading_new(b->node, &pick);
	while (misp_reading_more(r, records, put, &out))
		;
	misp_reading_free(r);
	char *text = mem_strdup(buf_cstr(&out));
	buf_release(&out);
	return text;
}

static void has(struct bed *b, const char *uuid, const char *want)
{
	char *is = inside(b, uuid, 1000);
	assert_string_equal(is, want);
	free(is);
}

static void snapshots(void **state)
{
	struct bed *b = *state;
	tell_text(b, "list", "public", "192.0.2.1\n192.0.2.2\n");
	struct misp_listed first = only(b, CLEARANCE_ALL);
	char want[UUID_TEXT];
	uuid_named(uuid_urls, SPAN_LIT("cert.example/lanes/public#list#1"), want);
	assert_string_equal(first.uuid, want);
	assert_string_equal(first.org, "cert.example");
	assert_string_equal(first.info, "list, lane public");
	assert_int_equal(first.tlp, TLP_CLEAR);
	has(b, first.uuid, "+192.0.2.1 +192.0.2.2 ");
	uint64_t before = misp_events_state(b->events, CLEARANCE_ALL);
	must(misp_events_follow(b->events, &fault));
	assert_int_equal(misp_events_state(b->events, CLEARANCE_ALL), before);

	tell_text(b, "list", "public", "192.0.2.2\n192.0.2.3\n");
	struct misp_listed second = only(b, CLEARANCE_ALL);
	assert_string_equal(second.uuid, first.uuid);
	assert_true(second.time_s > first.time_s); /* also within one second */
	assert_int_not_equal(misp_events_state(b->events, CLEARANCE_ALL), before);
	has(b, first.uuid, "+192.0.2.2 +192.0.2.3 -192.0.2.1 ");

	tell_text(b, "list", "public", "");
	struct misp_listed third = only(b, CLEARANCE_ALL);
	assert_true(third.time_s > second.time_s && third.over);
	has(b, first.uuid, "-192.0.2.2 -192.0.2.3 -192.0.2.1 ");
	tell_text(b, "list", "public", "192.0.2.1\n");
	has(b, only(b, CLEARANCE_ALL).uuid, "+192.0.2.1 -192.0.2.2 -192.0.2.3 ");
}

static void additions(void **state)
{
	struct bed *b = *state;
	struct asker who = { .party = "cert", .clear = CLEARANCE_ALL, .role = ROLE_ANALYST };
	struct retract_done done;
	add_source(b, "reports", false);
	tell_text(b, "reports", "public", "192.0.2.1\n192.0.2.2\n");
	struct misp_listed one = only(b, CLEARANCE_ALL);
	tell_text(b, "reports", "public", "192.0.2.3\n192.0.2.2\n");
	struct misp_listed two = only(b, CLEARANCE_ALL);
	assert_true(two.time_s > one.time_s);
	has(b, one.uuid, "+192.0.2.3 +192.0.2.2 +192.0.2.1 ");
	must(retract(b->node, &who, SPAN_LIT("192.0.2.1"), NULL, "x", &done, &fault));
	struct misp_listed three = only(b, CLEARANCE_ALL);
	assert_true(three.time_s > two.time_s);
	has(b, one.uuid, "+192.0.2.3 +192.0.2.2 -192.0.2.1 ");
	tell_text(b, "reports", "public", "192.0.2.1\n"); /* again: it is believed again */
	has(b, only(b, CLEARANCE_ALL).uuid, "+192.0.2.1 +192.0.2.3 +192.0.2.2 ");
	must(node_source_change(b->node, &(struct source_change){ .op = SOURCE_REMOVE, .name = SPAN_LIT("reports") }, &fault));
	struct misp_listed four = only(b, CLEARANCE_ALL);
	assert_true(four.time_s > three.time_s && four.over);
	has(b, one.uuid, "-192.0.2.1 -192.0.2.3 -192.0.2.2 ");
}

static void clearances(void **state)
{
	struct bed *b = *state;
	struct lane lane;
	struct misp_listed l, none;
	struct misp_piece piece;
	must(ledger_lane_find(node_ledger(b->node), CLEARANCE_ALL, "members", &lane));
	tell_text(b, "closed", "members", "192.0.2.1\n");
	clearance others = ~((clearance)1 << lane.number);
	uint64_t state_before = misp_events_state(b->events, others);
	l = only(b, CLEARANCE_ALL);
	assert_int_equal(l.tlp, TLP_AMBER);
	assert_int_equal(misp_events_count(b->events, others), 0);
	assert_int_equal(misp_events_state(b->events, others), state_before);
	assert_false(misp_events_find(b->events, others, span_str(l.uuid), &none));
	assert_false(misp_events_find_id(b->events, others, l.id, &none));
	assert_true(misp_events_find_id(b->events, CLEARANCE_ALL, l.id, &none));
	const struct claim *c = NULL;
	uint8_t key[4] = { 192, 0, 2, 1 };
	const struct table_view *v = table_enter(node_table(b->node));
	for (unsigned i = 0; i < v->n && !c; i++)
		(void)image_find(v->level[i], &(struct table_key){ .kind = OBS_IPV4, .n = 4, .p = key }, &c);
	uint64_t entry = c ? c->entry : 0;
	table_leave(node_table(b->node));
	assert_true(misp_events_of_entry(b->events, CLEARANCE_ALL, entry, &none, &piece));
	assert_string_equal(none.uuid, l.uuid);
	assert_false(misp_events_of_entry(b->events, others, entry, &none, &piece));
}

static void erasure(void **state)
{
	struct bed *b = *state;
	uint64_t number;
	struct misp_listed l, none;
	add_source(b, "reports", false);
	tell_text(b, "reports", "public", "192.0.2.1\n");
	l = only(b, CLEARANCE_ALL);
	must(misp_events_follow(b->events, &fault));
	struct misp_pick pick;
	assert_true(misp_events_pick(b->events, CLEARANCE_ALL, span_str(l.uuid), &pick));
	uint64_t piece = pick.pieces[0].number;
	free(pick.pieces);
	tell_text(b, "reports", "public", "192.0.2.2\n");
	l = only(b, CLEARANCE_ALL);
	must(node_erase(b->node, piece, "a test", &number, &fault));
	struct misp_listed after = only(b, CLEARANCE_ALL);
	assert_true(after.time_s > l.time_s);
	has(b, l.uuid, "+192.0.2.2 ");
	/* Whoever comes later sees the same. */
	struct misp_events *again = misp_events_new(b->node);
	must(misp_events_follow(again, &fault));
	assert_true(misp_events_find(again, CLEARANCE_ALL, span_str(l.uuid), &none));
	misp_events_free(again);
}

/* Large lists become several events, and a list that has become shorter empties the last of them. */
static void parts(void **state)
{
	struct bed *b = *state;
	struct buf text = { 0 };
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&text, "198.%u.%u.%u\n", 18 + (i >> 16), i >> 8 & 255, i & 255);
	tell(b, "list", "public", buf_span(&text));
	must(misp_events_follow(b->events, &fault));
	assert_int_equal(misp_events_count(b->events, CLEARANCE_ALL), 2);
	tell(b, "list", "public", span_head(buf_span(&text), 11 * 10));
	must(misp_events_follow(b->events, &fault));
	struct misp_listed l[2];
	size_t at = 0, n = 0, standing = 0;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(misp_events_next(b->events, CLEARANCE_ALL, &at, &l[i]));
		char *is = inside(b, l[i].uuid, 500);
		for (const char *p = is; *p; p++) {
			n += *p == '-';
			standing += *p == '+';
		}
		free(is);
	}
	assert_int_equal(standing, 10);
	assert_int_equal(n + standing, 100000);
	assert_true(!l[0].over && l[1].over);
	assert_string_equal(l[1].info, "list, lane public, part 2");
	buf_release(&text);
}

/* A pause may be anywhere. */
static void in_steps(void **state)
{
	struct bed *b = *state;
	static const char *const heads[] = { "", "domain,category\n", "", "{\"Event\":{\"info\":\"x\",\"Attribute\":[", "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[", "" };
	static const char *const ends[] = { "", "", "", "]}}", "]}", "" };
	for (size_t k = 0; k < COUNT_OF(heads); k++) {
		struct buf text = { 0 };
		char source[8], uuid[UUID_TEXT];
		struct misp_listed l;
		size_t at = 0;
		buf_puts(&text, heads[k]);
		for (unsigned i = 0; i < 40; i++) {
			bool json = k == 3 || k == 4;
			if (json && i)
				buf_putc(&text, ',');
			if (k == 3)
				buf_printf(&text, "{\"type\":\"domain\",\"value\":\"a%u.example\",\"to_ids\":true,\"uuid\":\"00000000-0000-4000-8000-%012u\"}", i, i);
			else if (k == 4)
				buf_printf(&text, "{\"type\":\"indicator\",\"id\":\"indicator--%u\",\"pattern_type\":\"stix\",\"pattern\":\"[domain-name:value = "
					   "'a%u.example']\"}", i, i);
			else if (k == 0)
				buf_printf(&text, "a%u.example\n", i);
			else if (k == 1)
				buf_printf(&text, "a%u.example,c2\n", i);
			else if (k == 2)
				buf_printf(&text, "{\"domain\":\"a%u.example\"}\n", i);
			else
				buf_printf(&text, "0.0.0.0 a%u.example\n", i);
		}
		buf_puts(&text, ends[k]);
		snprintf(source, sizeof(source), "s%zu", k);
		tell(b, source, "public", buf_span(&text));
		must(misp_events_follow(b->events, &fault));
		while (misp_events_next(b->events, CLEARANCE_ALL, &at, &l))
			memcpy(uuid, l.uuid, sizeof(uuid));
		char *whole = inside(b, uuid, 1000);
		size_t n = 0;
		for (const char *p = whole; *p; p++)
			n += *p == '+';
		if (n != 40)
			fail_msg("%zu: %zu of 40: %s", k, n, whole);
		for (unsigned step = 1; step < 9; step += 3) {
			char *some = inside(b, uuid, step);
			assert_string_equal(some, whole);
			free(some);
		}
		free(whole);
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(snapshots, set_up, tear_down),  cmocka_unit_test_setup_teardown(additions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clearances, set_up, tear_down), cmocka_unit_test_setup_teardown(erasure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parts, set_up, tear_down),      cmocka_unit_test_setup_teardown(in_steps, set_up, tear_down),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests_name("gate/misp_events", tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
