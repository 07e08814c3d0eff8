#include "ledger/testing.h"

#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 4, APPENDS = 60, ROUNDS = 20 };

struct appender {
	struct ledger *l;
	unsigned id, appends; /* 0: until killed */
	int acks;             /* descriptor */
	enum err error;
};

/* What an appender writes: its body says who it is. */
struct ack {
	uint64_t number;
	unsigned id, n;
};

static void body_of(unsigned id, unsigned n, struct buf *out)
{
	buf_printf(out, "appender %u, statement %u", id, n);
	for (unsigned i = 0; i < n % 7 * 400; i++)
		buf_putu(out, i * id);
}

static void *append_many(void *arg)
{
	struct appender *a = arg;
	struct buf body = { 0 };
	for (unsigned n = 0; a->error == OK && (!a->appends || n < a->appends); n++) {
		struct ack ack = { .id = a->id, .n = n };
		body.n = 0;
		body_of(a->id, n, &body);
		struct submission s = testing_submission(a->id % 2, buf_span(&body));
		a->error = ledger_append(a->l, &s, &ack.number, NULL);
		if (a->error == OK && write(a->acks, &ack, sizeof(ack)) != sizeof(ack))
			a->error = ERR_IO;
	}
	buf_release(&body);
	return NULL;
}

static void start(struct ledger *l, struct appender a[THREADS], pthread_t t[THREADS], unsigned first_id,
		  unsigned appends, int acks)
{
	for (unsigned i = 0; i < THREADS; i++) {
		a[i] = (struct appender){ .l = l, .id = first_id + i, .appends = appends, .acks = acks };
		if (pthread_create(&t[i], NULL, append_many, &a[i]))
			abort();
	}
}

/* Every acknowledgement that the pipe still has must be kept.  Returns how many. */
static unsigned check_acks(struct ledger *l, int acks)
{
	struct ack ack;
	struct buf want = { 0 }, got = { 0 };
	unsigned n = 0;
	while (read(acks, &ack, sizeof(ack)) == sizeof(ack)) {
		struct fault f = { .text = "" };
		want.n = got.n = 0;
		body_of(ack.id, ack.n, &want);
		if (ledger_body(l, (clearance)1 << ack.id % 2, ack.number, &got, &f))
			fail_msg("entry %llu was acknowledged: %s", (unsigned long long)ack.number, f.text);
		assert_true(span_eq(buf_span(&want), buf_span(&got)));
		n++;
	}
	buf_release(&want);
	buf_release(&got);
	return n;
}

struct walk {
	uint64_t number, sizes[2];
};

static enum err walk_entry(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct walk *w = ctx;
	assert_true(e->number > w->number);
	assert_true(e->lane < 2);
	assert_int_equal(e->index, w->sizes[e->lane]++);
	assert_int_equal(e->body_octets, body.n);
	w->number = e->number;
	return OK;
}

/* All bodies hold, numbers rise, and the indexes of each lane have no gaps. */
static struct walk check_whole(struct ledger *l)
{
	struct walk w = { 0 };
	struct lane lanes[LANES_MAX];
	struct fault f = { .text = "" };
	if (ledger_each(l, CLEARANCE_ALL, 0, true, walk_entry, &w, &f))
		fail_msg("%s", f.text);
	assert_int_equal(ledger_lanes(l, CLEARANCE_ALL, lanes), 2);
	assert_int_equal(lanes[0].size, w.sizes[0]);
	assert_int_equal(lanes[1].size, w.sizes[1]);
	return w;
}

static void many_threads(void **state)
{
	struct ledger *l = testing_ledger(*state);
	struct appender a[THREADS];
	struct ledger_stats stats;
	pthread_t t[THREADS];
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	start(l, a, t, 0, APPENDS, pipes[1]);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(a[i].error, OK);
	}
	close(pipes[1]);
	assert_int_equal(check_acks(l, pipes[0]), THREADS * APPENDS);
	close(pipes[0]);
	struct walk w = check_whole(l);
	assert_int_equal(w.number, THREADS * APPENDS + 2);
	assert_int_equal(w.number, ledger_last(l));
	ledger_stats(l, &stats);
	assert_int_equal(stats.entries, THREADS * APPENDS + 2);
	assert_true(stats.commits <= stats.entries);
	assert_true(stats.packed_octets > 0 && stats.packed_octets < stats.body_octets);
	ledger_close(l);
}

/* More than the queue has room for, in number and in octets, before anybody waits. */
static void queue_blocks_and_goes_on(void **state)
{
	enum { SMALL = 3000, LARGE = 90 };
	struct testing *t = *state;
	struct ledger *l = testing_ledger(t);
	struct buf large = { 0 };
	struct ledger_stats stats;
	struct fault f;
	uint64_t number = 0;
	memset(buf_reserve(&large, 1 << 20), 'x', 1 << 20);
	for (unsigned i = 0; i < SMALL; i++) {
		struct submission s = testing_submission(i % 2, SPAN_LIT("small"));
		assert_int_equal(ledger_submit(l, &s, &number, &f), OK);
		assert_int_equal(number, 3 + i);
	}
	for (unsigned i = 0; i < LARGE; i++) {
		struct submission s = testing_submission(0, span_of(large.p, 1 << 20));
		assert_int_equal(ledger_submit(l, &s, &number, &f), OK);
	}
	assert_int_equal(ledger_wait(l, number + 1, &f), ERR_RANGE); /* nobody was given it */
	assert_int_equal(ledger_wait(l, number, &f), OK);
	assert_int_equal(ledger_wait(l, 1, &f), OK); /* of old */
	ledger_stats(l, &stats);
	assert_true(stats.commits < SMALL / 2); /* they were committed together */
	struct submission s = testing_submission(0, SPAN_LIT("not waited for"));
	assert_int_equal(ledger_submit(l, &s, &number, &f), OK);
	ledger_close(l); /* commits it */
	assert_int_equal(ledger_open(t->dir, false, &l, &f), OK);
	assert_int_equal(check_whole(l).number, number);
	assert_int_equal(number, 2 + SMALL + LARGE + 1);
	ledger_close(l);
	buf_release(&large);
}

static void append_until_killed(struct testing *t, unsigned round, int acks)
{
	struct appender a[THREADS];
	pthread_t threads[THREADS];
	struct ledger *l;
	struct fault f;
	if (ledger_open(t->dir, true, &l, &f)) {
		fprintf(stderr, "%s\n", f.text);
		_exit(1);
	}
	start(l, a, threads, round * THREADS, 0, acks);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(1); /* not reached unless something failed */
}

static void acknowledged_survives_kill(void **state)
{
	struct testing *t = *state;
	struct fault f = { .text = "" };
	unsigned acknowledged = 0;
	ledger_close(testing_ledger(t));
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct ledger *l;
		int pipes[2], status;
		uint8_t moment;
		assert_int_equal(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0)
			append_until_killed(t, round, pipes[1]);
		close(pipes[1]);
		struct pollfd first = { .fd = pipes[0], .events = POLLIN };
		assert_int_equal(poll(&first, 1, 20000), 1);
		random_octets(&moment, 1);
		usleep(moment * 150); /* up to 38 ms */
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		if (ledger_open(t->dir, round % 2, &l, &f)) /* first by a reader, first by a writer */
			fail_msg("%s", f.text);
		acknowledged += check_acks(l, pipes[0]);
		close(pipes[0]);
		assert_true(check_whole(l).number >= acknowledged);
		ledger_close(l);
	}
	assert_true(acknowledged >= ROUNDS);
}

static void limit_files(rlim_t octets)
{
	struct rlimit r;
	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = octets;
	setrlimit(RLIMIT_FSIZE, &r);
}

/* No file may grow beyond some octets: what a full disk does, without one. */
static void full_disk(struct testing *t)
{
	struct ledger *l = testing_ledger(t);
	struct buf noise = { 0 }, got = { 0 };
	struct entry entry;
	struct fault f = { .text = "" };
	uint64_t number, kept = 0;
	enum err e = OK;
	signal(SIGXFSZ, SIG_IGN);
	random_octets(buf_reserve(&noise, 50000), 50000);
	noise.n = 50000;
	struct submission s = testing_submission(0, buf_span(&noise));
	limit_files(1 << 20);
	for (unsigned i = 0; i < 100 && e == OK; i++) {
		assert_int_equal(ledger_submit(l, &s, &number, &f), OK);
		if ((e = ledger_wait(l, number, &f)) == OK)
			kept = number;
	}
	assert_int_equal(e, ERR_FULL);
	assert_int_equal(f.code, ERR_FULL);
	assert_non_null(strstr(f.text, "ledger.db"));
	assert_true(kept > 2 && number == kept + 1);
	assert_int_equal(ledger_last(l), kept);
	assert_int_equal(ledger_entry(l, CLEARANCE_ALL, number, &entry), ERR_NOTFOUND);
	assert_int_equal(ledger_body(l, CLEARANCE_ALL, kept, &got, &f), OK); /* reading goes on */
	assert_true(span_eq(buf_span(&got), buf_span(&noise)));
	assert_int_equal(check_whole(l).number, kept);
	limit_files(1);
	assert_int_equal(testing_lane(l, "no-space", 1, "production", NULL, &f), ERR_FULL);
	limit_files(RLIM_INFINITY);
	uint64_t after = testing_append(l, 0, buf_span(&noise)); /* and writing too, once there is space */
	assert_true(after > number);
	assert_int_equal(ledger_wait(l, number, &f), ERR_FULL); /* what failed has failed */
	assert_int_equal(ledger_wait(l, kept, &f), OK);
	assert_int_equal(check_whole(l).number, after);
	ledger_close(l);
	assert_int_equal(ledger_open(t->dir, true, &l, &f), OK);
	assert_int_equal(check_whole(l).number, after);
	ledger_close(l);
	buf_release(&noise);
	buf_release(&got);
}

/* Space comes and goes: each failure stays one, also beyond those that are told apart, and success after them is seen.
 * */
static void flapping_disk(struct testing *t)
{
	enum { TIMES = 100 };
	struct ledger *l = testing_ledger(t);
	uint64_t failed[TIMES], kept = 0;
	struct submission s = testing_submission(1, SPAN_LIT("x"));
	struct fault f;
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 0; i < TIMES; i++) {
		limit_files(1);
		assert_int_equal(ledger_submit(l, &s, &failed[i], &f), OK);
		assert_int_equal(ledger_wait(l, failed[i], &f), ERR_FULL);
		limit_files(RLIM_INFINITY);
		kept = testing_append(l, 1, SPAN_LIT("y"));
	}
	for (unsigned i = 0; i < TIMES; i++)
		assert_int_equal(ledger_wait(l, failed[i], &f), ERR_FULL);
	assert_int_equal(ledger_wait(l, kept, &f), OK);
	assert_int_equal(check_whole(l).sizes[1], TIMES + 1);
	ledger_close(l);
}

/* What stands behind something that was not stored is not stored either, and takes nothing else along. */
static void orphans(struct testing *t)
{
	struct ledger *l = testing_ledger(t);
	struct submission first = testing_submission(1, SPAN_LIT("piece")), end = testing_submission(1, SPAN_LIT("end"));
	struct submission other = testing_submission(1, SPAN_LIT("other"));
	struct ledger_stats before, after;
	struct fault f;
	uint64_t number, lost, kept;
	first.held = true;
	/* held, and then in one transaction with what stands behind it */
	ledger_stats(l, &before);
	assert_int_equal(ledger_submit(l, &first, &end.behind, &f), OK);
	assert_int_equal(ledger_append(l, &end, &number, &f), OK);
	ledger_stats(l, &after);
	assert_int_equal(after.commits, before.commits + 1);
	assert_int_equal(number, end.behind + 1);
	/* alone it waits, until somebody asks for it */
	assert_int_equal(ledger_submit(l, &first, &number, &f), OK);
	assert_int_equal(ledger_wait(l, number, &f), OK);
	/* the piece fails, and then its end, with the same reason, though there is space by then */
	signal(SIGXFSZ, SIG_IGN);
	limit_files(1);
	assert_int_equal(ledger_submit(l, &first, &lost, &f), OK);
	assert_int_equal(ledger_wait(l, lost, &f), ERR_FULL);
	limit_files(RLIM_INFINITY);
	uint64_t size = check_whole(l).sizes[1];
	end.behind = lost;
	other.held = true;
	assert_int_equal(ledger_submit(l, &other, &kept, &f), OK);
	assert_int_equal(ledger_append(l, &end, &number, &f), ERR_FULL);
	assert_int_equal(ledger_wait(l, kept, &f), OK);
	assert_int_equal(check_whole(l).sizes[1], size + 1);
	/* both are in the queue when the disk is full */
	limit_files(1);
	assert_int_equal(ledger_submit(l, &first, &end.behind, &f), OK);
	assert_int_equal(ledger_append(l, &end, &number, &f), ERR_FULL);
	assert_int_equal(ledger_wait(l, end.behind, &f), ERR_FULL);
	limit_files(RLIM_INFINITY);
	assert_int_equal(check_whole(l).sizes[1], size + 1);
	ledger_close(l);
}

/* cmocka's assertions end a child by abort(). */
static void in_child(void (*story)(struct testing *t), struct testing *t)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		story(t);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void full_disk_refuses_and_recovers(void **state)
{
	in_child(full_disk, *state);
}

static void nothing_stands_behind_nothing(void **state)
{
	in_child(orphans, *state);
}

static void failures_are_remembered(void **state)
{
	in_child(flapping_disk, *state);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A lone submitter commits by itself, while the writer's thread waits for a pause to move the log.  When its time is up and there
 * was no pause, it must not begin beside the one who commits. */
static void never_two_commit(void **state)
{
	enum { ROUNDS_OF_IT = 8, LONGER_THAN_A_PAUSE_MS = 260, OCTETS = 300000 };
	struct ledger *l = testing_ledger(*state);
	uint8_t *noise = mem_alloc(OCTETS);
	struct submission s = testing_submission(0, span_of(noise, OCTETS));
	struct fault f = { .text = "" };
	uint64_t number;
	random_octets(noise, OCTETS);
	for (unsigned i = 0; i < ROUNDS_OF_IT; i++) {
		if (ledger_submit(l, &s, &number, &f) || ledger_wait(l, number, &f)) /* by the thread */
			fail_msg("%s", f.text);
		for (uint64_t end = now_ms() + LONGER_THAN_A_PAUSE_MS; now_ms() < end;)
			(void)testing_append(l, 0, span_of(noise, OCTETS / 10));
	}
	free(noise);
	ledger_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, testing_setup, testing_teardown)
		CASE(many_threads), CASE(queue_blocks_and_goes_on), CASE(acknowledged_survives_kill),
		CASE(full_disk_refuses_and_recovers), CASE(failures_are_remembered), CASE(nothing_stands_behind_nothing), CASE(never_two_commit),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
