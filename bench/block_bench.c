/* How soon a decision is in the answers of the DNS face, and how soon it is out of them.
 *
 *   block_bench DIR [N]      a node, in which N values are blocked and unblocked, one after the other
 *
 * The face has one worker; a thread asks it for the value that is being decided on, over UDP and without a pause.  Told are the times from
 * the call that says the decision, with its commit to the disk in it, to the first answer that knows it, and how long the call took itself. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "face/dns.h"
#include "gate/node.h"
#include "sys/key.h"

enum { N_MAX = 100000 };

struct bench {
	struct node *node;
	struct dns_server *server;
	atomic_bool stop, listed; /* listed: what the last answer about `target` said */
	atomic_uint target, answered; /* answered: the target that it was about */
	atomic_ullong turned_ns;  /* when that answer became another one */
};

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "block_bench: %s\n", what);
		exit(1);
	}
}

static void *serve(void *arg)
{
	dns_server_run(((struct bench *)arg)->server, 0);
	return NULL;
}

static size_t name_of(unsigned i, char ret[40])
{
	return (size_t)snprintf(ret, 40, "blocked-%u.example", i);
}

static size_t query_of(unsigned i, uint8_t q[128])
{
	static const uint8_t head[12] = { 0, 7, 1, 0, 0, 1 }, tail[] = "\x07" "example\x02" "bl\x05sipar\x04test\x00\x00\x01\x00\x01";
	char name[40];
	size_t label = name_of(i, name) - strlen(".example");
	memcpy(q, head, sizeof(head));
	q[12] = (uint8_t)label;
	memcpy(q + 13, name, label);
	memcpy(q + 13 + label, tail, sizeof(tail) - 1);
	return 13 + label + sizeof(tail) - 1;
}

static void *ask(void *arg)
{
	struct bench *b = arg;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(dns_server_port(b->server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	must(fd >= 0 && connect(fd, (void *)&to, sizeof(to)) == 0, "no socket");
	while (!atomic_load(&b->stop)) {
		uint8_t q[128], a[512];
		unsigned target = atomic_load(&b->target);
		size_t n = query_of(target, q);
		must(send(fd, q, n, 0) == (ssize_t)n && recv(fd, a, sizeof(a), 0) > 12, "no answer");
		bool listed = a[7] != 0;
		if (listed != atomic_load(&b->listed) || target != atomic_load(&b->answered))
			atomic_store(&b->turned_ns, clock_mono_ns());
		atomic_store(&b->listed, listed);
		atomic_store(&b->answered, target);
	}
	close(fd);
	return NULL;
}

static uint64_t wait_for(struct bench *b, unsigned target, bool listed)
{
	while (atomic_load(&b->answered) != target || atomic_load(&b->listed) != listed)
		sched_yield();
	return atomic_load(&b->turned_ns);
}

static void say(struct bench *b, enum op what, unsigned i, uint64_t *ret_answer_ns, uint64_t *ret_call_ns)
{
	const struct speaker who = { .party = "bench", .by = "" };
	struct decision_op op = { .op = what, .action = ACTION_BLOCK, .reason = REASON_PHISHING, .n_values = 1 };
	struct buf values = { 0 };
	char name[40];
	struct observable o = { .kind = OBS_DOMAIN, .n = (uint16_t)name_of(i, name), .key = (const uint8_t *)name };
	struct fault f = { .text = "" };
	uint64_t index;
	decision_value_put(&values, &o);
	op.values = buf_span(&values);
	if (what == OP_PROPOSE)
		op.until_s = (uint32_t)(clock_ms() / 1000) + 86400;
	else
		op.why = SPAN_LIT("bench");
	uint64_t begin = clock_mono_ns();
	must(docket_say(node_docket(b->node), &who, &op, &index, &f) == OK, f.text);
	*ret_call_ns = clock_mono_ns() - begin;
	*ret_answer_ns = wait_for(b, i, what == OP_PROPOSE) - begin;
	buf_release(&values);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void report(const char *what, uint64_t *answer, uint64_t *call, unsigned n)
{
	qsort(answer, n, sizeof(*answer), by_value);
	qsort(call, n, sizeof(*call), by_value);
	printf("decision to DNS answer, %s: median %.2f ms, p99 %.2f ms, most %.2f ms of %u; the call itself: median %.2f ms, p99 %.2f ms\n", what,
	       (double)answer[n / 2] / 1e6, (double)answer[n - 1 - n / 100] / 1e6, (double)answer[n - 1] / 1e6, n, (double)call[n / 2] / 1e6,
	       (double)call[n - 1 - n / 100] / 1e6);
}

static uint32_t tick(void *ctx)
{
	return docket_tick(ctx);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct fault f = { .text = "" };
	uint64_t n = 500, *time = mem_zalloc(4 * N_MAX * sizeof(*time));
	pthread_t threads[2];
	sys_key_init();
	must(argc > 1 && (argc < 3 || num_parse_u64(span_str(argv[2]), N_MAX, &n) == OK) && n, "usage: block_bench DIR [N]");
	must(node_open(argv[1], 2000, &b.node, &f) == OK, f.text);
	static const struct docket_policy at_once = { .parties = 1 };
	docket_set_policy(node_docket(b.node), &at_once);
	const struct dns_decisions decisions = { .table = docket_table(node_docket(b.node)), .tick = tick, .ctx = node_docket(b.node) };
	const struct dns_options o = { .address = "127.0.0.1:0", .zone = "bl.sipar.test", .workers = 1, .clear = CLEARANCE_ALL, .min_score = 1,
				       .ttl_s = 60, .negative_ttl_s = 60, .decisions = &decisions };
	must(dns_server_open(&o, node_table(b.node), &b.server, &f) == OK, f.text);
	pthread_create(&threads[0], NULL, serve, &b);
	pthread_create(&threads[1], NULL, ask, &b);
	table_reader_init();
	for (unsigned i = 0; i < n; i++) {
		atomic_store(&b.target, i + 1);
		wait_for(&b, i + 1, false);
		say(&b, OP_PROPOSE, i + 1, &time[i], &time[N_MAX + i]);
		say(&b, OP_UNBLOCK, i + 1, &time[2 * N_MAX + i], &time[3 * N_MAX + i]);
	}
	table_reader_exit();
	atomic_store(&b.stop, true);
	pthread_join(threads[1], NULL);
	dns_server_stop(b.server);
	pthread_join(threads[0], NULL);
	dns_server_close(b.server);
	node_close(b.node);
	report("blocked", time, time + N_MAX, (unsigned)n);
	report("unblocked", time + 2 * N_MAX, time + 3 * N_MAX, (unsigned)n);
	free(time);
	return 0;
}
