/* Who may take back what, and what is left. */
#include "gate/retract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gate/import.h"
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
	memcpy(b->dir, "/tmp/sipar-back-XXXXXX", 23);
	assert_non_null(mkdtemp(b->dir));
	must(node_init(b->dir, &(struct node_options){ 0 }, &fault));
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

static void tell(struct bed *b, const char *party, const char *source, const char *lane, const char *text)
{
	struct import_options o = { .source = source, .party = party, .lane = lane };
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

static unsigned score(struct bed *b, const char *value)
{
	struct observable obs;
	uint8_t store[OBS_KEY_MAX];
	struct reputation r;
	must(obs_parse(span_str(value), store, &obs, &fault));
	reputation_of(table_enter(node_table(b->node)), &obs, CLEARANCE_ALL, (uint32_t)time(NULL), &r, NULL, NULL);
	table_leave(node_table(b->node));
	return r.verdict.score;
}

static clearance lanes_of(struct bed *b, const char *name)
{
	struct lane lane;
	must(ledger_lane_find(node_ledger(b->node), CLEARANCE_ALL, name, &lane));
	return (clearance)1 << lane.number;
}

static enum err back(struct bed *b, const char *party, enum role role, clearance clear, const char *id, struct retract_done *ret)
{
	struct asker who = { .role = role, .clear = clear };
	snprintf(who.party, sizeof(who.party), "%s", party);
	return retract(b->node, &who, span_str(id), NULL, "a test", ret, &fault);
}

static void test_rights(void **state)
{
	struct bed *b = *state;
	struct retract_done done;
	tell(b, "bank", "bank", "public", "198.51.100.7\n198.51.100.8\n");
	tell(b, "isp", "isp", "public", "198.51.100.7\n");
	assert_int_equal(back(b, "bank", ROLE_READER, CLEARANCE_ALL, "198.51.100.7", &done), ERR_FORBIDDEN);
	assert_int_equal(back(b, "other", ROLE_REPORTER, CLEARANCE_ALL, "198.51.100.7", &done), ERR_FORBIDDEN);
	assert_int_equal(done.foreign, 2);
	assert_int_equal(back(b, "other", ROLE_ADMINISTRATOR, CLEARANCE_ALL, "public/1", &done), ERR_FORBIDDEN);
	assert_int_equal(back(b, "", ROLE_ANALYST, CLEARANCE_ALL, "198.51.100.7", &done), ERR_FORBIDDEN);
	unsigned both = score(b, "198.51.100.7");
	must(back(b, "bank/ali", ROLE_REPORTER, CLEARANCE_ALL, "198.51.100.7", &done));
	assert_int_equal(done.imports, 1);
	assert_int_equal(done.claims, 1);
	assert_int_equal(done.foreign, 1);
	assert_true(score(b, "198.51.100.7") < both && score(b, "198.51.100.7") > 0);
	assert_int_equal(back(b, "bank/ali", ROLE_REPORTER, CLEARANCE_ALL, "198.51.100.7", &done), ERR_FORBIDDEN); /* what is left is of others */
	must(back(b, "cert", ROLE_ANALYST, CLEARANCE_ALL, "198.51.100.7", &done));
	assert_int_equal(score(b, "198.51.100.7"), 0);
	assert_int_equal(back(b, "cert", ROLE_ANALYST, CLEARANCE_ALL, "198.51.100.7", &done), ERR_EXISTS);
	assert_true(score(b, "198.51.100.8") > 0);
}

/* What is in a lane that the asker does not see is as if it were not there, for values, entries and objects. */
static void test_clearance(void **state)
{
	struct bed *b = *state;
	struct retract_done done;
	static const char object[] =
		"{\"type\":\"indicator\",\"id\":\"indicator--00000000-0000-4000-8000-000000000001\",\"created\":\"2026-01-01T00:00:00Z\","
		"\"modified\":\"2026-01-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '198.51.100.9']\",\"pattern_type\":\"stix\"}";
	static const char *const ids[] = { "198.51.100.7", "members/1", "indicator--00000000-0000-4000-8000-000000000001" };
	tell(b, "bank", "secret", "members", "198.51.100.7\n");
	tell(b, "bank", "secret-cti", "members", object);
	clearance clear = lanes_of(b, "public");
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		enum err e = back(b, "bank", ROLE_ANALYST, clear, ids[i], &done);
		assert_true(e == ERR_NOTFOUND || e == ERR_SYNTAX || e == ERR_RANGE);
		char text[sizeof(fault.text)], other[64], expected[64];
		snprintf(text, sizeof(text), "%s", fault.text);
		/* the same words as for what never was */
		snprintf(other, sizeof(other), "%s", ids[i]);
		other[strlen(other) - 1] = '5';
		assert_int_equal(back(b, "bank", ROLE_ANALYST, clear, other, &done), e);
		snprintf(expected, sizeof(expected), "%s", strstr(fault.text, other) + strlen(other));
		assert_string_equal(strstr(text, ids[i]) + strlen(ids[i]), expected);
		assert_int_equal(done.foreign + done.before + done.again, 0);
	}
	assert_true(score(b, "198.51.100.7") && score(b, "198.51.100.9"));
	/* one who sees it takes it back in its lane, where the others do not hear of it */
	tell(b, "isp", "isp", "public", "198.51.100.7\n");
	must(back(b, "bank", ROLE_ANALYST, lanes_of(b, "members"), "198.51.100.7", &done));
	struct entry e;
	must(ledger_entry(node_ledger(b->node), CLEARANCE_ALL, done.entries[0], &e));
	assert_int_equal((clearance)1 << e.lane, lanes_of(b, "members"));
	assert_string_equal(e.media, "retraction");
	assert_string_equal(e.party, "bank");
	assert_string_equal(e.source, "secret");
	entry_release(&e);
	assert_true(score(b, "198.51.100.7"));
	must(back(b, "bank", ROLE_ANALYST, CLEARANCE_ALL, ids[2], &done));
	assert_int_equal(done.objects, 1);
	assert_int_equal(score(b, "198.51.100.9"), 0);
}

static void test_digest(void **state)
{
	struct bed *b = *state;
	struct retract_done done;
	uint8_t before[32], after[32];
	tell(b, "bank", "list", "public", "a.example\nb.example\n");
	must(back(b, "bank", ROLE_REPORTER, CLEARANCE_ALL, "a.example", &done));
	must(node_rebuild(b->node, before, after, &fault));
	assert_memory_equal(before, after, 32);
	assert_int_equal(score(b, "a.example"), 0);
	assert_true(score(b, "b.example"));
	tell(b, "bank", "list", "public", "a.example\n");
	assert_true(score(b, "a.example"));
	must(node_rebuild(b->node, before, after, &fault));
	assert_memory_equal(before, after, 32);
	assert_true(score(b, "a.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rights, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clearance, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_digest, set_up, tear_down),
	};
	sys_key_init();
	table_reader_init();
	int failed = cmocka_run_group_tests_name("gate/retract", tests, NULL, NULL);
	table_reader_exit();
	return failed;
}
