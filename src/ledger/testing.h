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
	return rmdir(t->dir); /* nothing else was left there */
}

/* A new ledger with the lanes "public" (0, tlp:clear) and "members" (1, tlp:amber), open. */
static inline struct ledger *testing_ledger(struct testing *t)
{
	struct ledger *l = NULL;
	struct fault f = { .text = "" };
	if (ledger_create(t->dir, &f) || ledger_open(t->dir, true, &l, &f) ||
	    ledger_lane_create(l, "public", 1, "production", NULL, &f) ||
	    ledger_lane_create(l, "members", 3, "production", NULL, &f))
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
