/* For the tests of ledger/: a data directory of their own, and submissions in one line. */
#ifndef LEDGER_TESTING_H
#define LEDGER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "sys/key.h"

struct testing {
	char dir[64], path[96];
};

static inline int testing_setup(void **state)
{
	static struct testing t;
	snprintf(t.dir, sizeof(t.dir), "/tmp/sipar-ledger-XXXXXX");
	if (!mkdtemp(t.dir))
		return -1;
	snprintf(t.path, sizeof(t.path), "%s/ledger.db", t.dir);
	*state = &t;
	return 0;
}

static inline int testing_teardown(void **state)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	struct testing *t = *state;
	char name[128];
	for (size_t i = 0; i < COUNT_OF(suffix); i++) {
		snprintf(name, sizeof(name), "%s%s", t->path, suffix[i]);
		unlink(name);
	}
	static const char *const keys[] = { "node.key", "node.pub" };
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		snprintf(name, sizeof(name), "%s/%s", t->dir, keys[i]);
		unlink(name);
	}
	return rmdir(t->dir); /* nothing else was left there */
}

static inline enum err testing_lane(struct ledger *l, const char *name, uint8_t tlp, const char *realm, struct lane *ret_lane,
				    struct fault *f)
{
	struct lane wanted = { .tlp = tlp };
	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	snprintf(wanted.realm, sizeof(wanted.realm), "%s", realm);
	return ledger_lane_create(l, &wanted, ret_lane, f);
}

/* A new ledger with the lanes "public" (0, tlp:clear) and "members" (1, tlp:amber), open. */
static inline struct ledger *testing_ledger(struct testing *t)
{
	struct ledger *l = NULL;
	struct fault f = { .text = "" };
	if (key_create(t->dir, span_of(NULL, 0), &f) || ledger_create(t->dir, "node.example", &f) || ledger_open(t->dir, true, &l, &f) ||
	    testing_lane(l, "public", 1, "production", NULL, &f) || testing_lane(l, "members", 3, "production", NULL, &f))
		fail_msg("%s", f.text);
	return l;
}

static inline struct submission testing_submission(uint8_t lane, struct span body)
{
	return (struct submission){ .lane = lane, .kind = ENTRY_FEED, .flags = ENTRY_BEGINS, .time_ms = 1700000000123,
				    .party = "local", .source = "s.example", .media = "list", .token = SPAN_LIT("token"),
				    .count = 3, .body = body };
}

/* The number of a new entry. */
static inline uint64_t testing_append(struct ledger *l, uint8_t lane, struct span body)
{
	struct submission s = testing_submission(lane, body);
	struct fault f = { .text = "" };
	uint64_t number = 0;
	if (ledger_append(l, &s, &number, &f))
		fail_msg("%s", f.text);
	return number;
}

#endif
