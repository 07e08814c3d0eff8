/* What is written of which claims, to whom, and that it is the same each time. */
#include "gate/dump.h"

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

#include "gate/import.h"
#include "gate/newest.h"
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
};

static int set_up(void **state)
{
	struct bed *b = mem_zalloc(sizeof(*b));
	memcpy(b->dir, "/tmp/sipar-dump-XXXXXX", 23);
	assert_non_null(mkdtemp(b->dir));
	must(node_init(b->dir, &(struct node_options){ .name = "node.example" }, &fault));
	must(node_open(b->dir, 0, &b->node, &fault));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	node_close(b->node);
	remove_tree(b->dir);
	free(b);
	return 0;
}

static void tell(struct bed *b, const char *source, const char *lane, const char *text)
{
	struct import_options o = { .source = source, .lane = lane };
	struct import_counts counts;
	struct import *i;
	struct input *in;
	int fd = memfd_create("feed", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	must(import_begin(b->node, &o, NULL, NULL, NULL, &i, &fault));
	must(input_open(fd, -1, "feed", &in, &fault));
	must(import_stream(i, in, "feed", &fault));
	input_close(in);
	must(import_finish(i, &counts, &fault));
	import_free(i);
}

static bool gather(void *ctx, struct span octets)
{
	buf_putspan(ctx, octets);
	return true;
}

static void write_all(struct bed *b, enum dump_format format, clearance clear, struct buf *out)
{
	struct dump_options o = { .format = format, .clear = clear, .kinds = DUMP_ALL_KINDS, .now_s = 1800000000 };
	struct dump_counts counts;
	out->n = 0;
	must(dump(b->node, &o, gather, out, &counts, &fault));
	assert_int_equal(counts.octets, out->n);
}

#define TABLE "value,category,confidence,valid_until,last_seen\n"
#define HEADING "value,kind,stance,category,confidence,last_seen,valid_until,tlp,source,lane\n"

static void test_what_stands(void **state)
{
	struct bed *b = *state;
	struct buf out = { 0 }, again = { 0 };
	struct asker who = { .party = "cert", .role = ROLE_ANALYST, .clear = CLEARANCE_ALL };
	struct retract_done done;
	tell(b, "list", "public", TABLE "old.example,c2,,,2026-08-01\nkept.example,c2,50,,2026-08-01\n");
	tell(b, "list", "public", TABLE "kept.example,c2,60,,2026-08-02\nback.example,c2,,,2026-08-01\npast.example,c2,,2026-08-05,2026-08-01\nkept.example,c2,70,,2026-08-02\n");
	must(retract(b->node, &who, SPAN_LIT("back.example"), NULL, NULL, &done, &fault));
	for (enum dump_format f = DUMP_STIX; f < DUMP_FORMATS; f++) {
		write_all(b, f, CLEARANCE_ALL, &out);
		write_all(b, f, CLEARANCE_ALL, &again);
		assert_true(span_eq(buf_span(&out), buf_span(&again)));
		assert_non_null(strstr(buf_cstr(&out), "kept.example"));
		assert_null(strstr(buf_cstr(&out), "old.example"));
		assert_null(strstr(buf_cstr(&out), "back.example"));
		assert_null(strstr(buf_cstr(&out), "past.example"));
	}
	write_all(b, DUMP_CSV, CLEARANCE_ALL, &out);
	assert_string_equal(buf_cstr(&out), HEADING "kept.example,domain,indicator,c2-server,70,2026-08-02T00:00:00Z,,clear,list,public\n");
	/* the same after everything was folded again */
	uint8_t before[32], after[32];
	must(node_rebuild(b->node, before, after, &fault));
	write_all(b, DUMP_CSV, CLEARANCE_ALL, &again);
	assert_true(span_eq(buf_span(&out), buf_span(&again)));
	buf_release(&out);
	buf_release(&again);
}

static void test_lanes(void **state)
{
	struct bed *b = *state;
	struct buf out = { 0 };
	static const char *const names[] = { "public", "community", "members", "restricted" };
	for (unsigned i = 0; i < COUNT_OF(names); i++) {
		char text[200], source[40];
		snprintf(text, sizeof(text), TABLE "of-%s.example,c2,50,,2026-08-01\n", names[i]);
		snprintf(source, sizeof(source), "from-%s", names[i]);
		tell(b, source, names[i], text);
	}
	for (enum dump_format f = DUMP_STIX; f < DUMP_FORMATS; f++)
		for (unsigned seen = 0; seen < 1u << COUNT_OF(names); seen++) {
			clearance clear = 0;
			for (unsigned i = 0; i < COUNT_OF(names); i++) {
				struct lane lane;
				must(ledger_lane_find(node_ledger(b->node), CLEARANCE_ALL, names[i], &lane));
				clear |= (clearance)(seen >> i & 1) << lane.number;
			}
			write_all(b, f, clear, &out);
			for (unsigned i = 0; i < COUNT_OF(names); i++) /* the name of a lane is in its source's and in its value, too */
				assert_int_equal(strstr(buf_cstr(&out), names[i]) != NULL, seen >> i & 1);
		}
	buf_release(&out);
}

static bool refuse(void *ctx, struct span octets)
{
	(void)octets;
	++*(unsigned *)ctx;
	return false;
}

static void test_a_reader_that_goes_away(void **state)
{
	struct bed *b = *state;
	struct dump_options o = { .format = DUMP_CSV, .clear = CLEARANCE_ALL, .kinds = DUMP_ALL_KINDS };
	struct dump_counts counts;
	struct buf text = { 0 };
	unsigned calls = 0;
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&text, "h%u.example\n", i);
	buf_putc(&text, 0);
	tell(b, "list", "public", (const char *)text.p);
	assert_int_equal(dump(b->node, &o, refuse, &calls, &counts, &fault), ERR_CANCELLED);
	assert_int_equal(calls, 1);
	assert_true(counts.claims < 20000);
	buf_release(&text);
}

static bool note_object(void *ctx, const struct lane *lane, const struct entry *e, const struct stix_object *object)
{
	buf_printf(ctx, "%s/%llu " SPAN_FMT ";", lane->name, (unsigned long long)e->index, SPAN_ARG(object->version));
	return true;
}

static bool enough(void *ctx, const struct lane *lane, const struct entry *e, const struct stix_object *object)
{
	(void)note_object(ctx, lane, e, object);
	return false;
}

#define NOTE(day, more)                                                                                                  \
	"{\"type\":\"note\",\"spec_version\":\"2.1\",\"id\":\"note--00000000-0000-4000-8000-000000000001\",\"created\":\"2026-01-01T00:00:00Z\"," \
	"\"modified\":\"2026-01-0" day "T00:00:00Z\",\"content\":\"x\"" more "}"
#define BUNDLE(objects) "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000000\",\"objects\":[" objects "]}"

/* Of the versions the newest, whatever the order in which they came, and in which lane; none when that one is revoked. */
static void test_newest(void **state)
{
	struct bed *b = *state;
	struct buf out = { 0 };
	tell(b, "a", "public", BUNDLE(NOTE("2", "")));
	tell(b, "b", "members", BUNDLE(NOTE("3", "")));
	tell(b, "c", "public", BUNDLE(NOTE("1", "")));
	must(newest_each(b->node, CLEARANCE_ALL, NULL, note_object, &out, &fault));
	assert_string_equal(buf_cstr(&out), "members/1 2026-01-03T00:00:00Z;");
	out.n = 0;
	must(newest_each(b->node, 1, "note", note_object, &out, &fault)); /* who sees "public" alone */
	assert_string_equal(buf_cstr(&out), "public/1 2026-01-02T00:00:00Z;");
	out.n = 0;
	must(newest_each(b->node, CLEARANCE_ALL, "malware", note_object, &out, &fault));
	assert_int_equal(out.n, 0);
	tell(b, "d", "public", BUNDLE(NOTE("3", ",\"x\":1")));
	must(newest_each(b->node, CLEARANCE_ALL, NULL, enough, &out, &fault));
	assert_string_equal(buf_cstr(&out), "public/5 2026-01-03T00:00:00Z;");
	out.n = 0;
	tell(b, "e", "public", BUNDLE(NOTE("4", ",\"revoked\":true")));
	must(newest_each(b->node, CLEARANCE_ALL, NULL, note_object, &out, &fault));
	assert_int_equal(out.n, 0);
	buf_release(&out);
}

static void test_formats(void **state)
{
	(void)state;
	assert_int_equal(dump_format_parse(SPAN_LIT("misp")), DUMP_MISP);
	assert_int_equal(dump_format_parse(SPAN_LIT("pdf")), DUMP_FORMATS);
	assert_int_equal(dump_format_parse(SPAN_LIT("")), DUMP_FORMATS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_stands, set_up, tear_down), cmocka_unit_test_setup_teardown(test_lanes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_reader_that_goes_away, set_up, tear_down), cmocka_unit_test(test_formats),
		cmocka_unit_test_setup_teardown(test_newest, set_up, tear_down),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests_name("gate/dump", tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
