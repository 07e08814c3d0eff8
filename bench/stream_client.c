/* stream_client PORT N IMPORTS: N listeners to the lane "public" over HTTP in one thread.  Prints "ready" when each has its first line; then, once each
 * has been told of IMPORTS imports, how long after the time in the entry (when the node began to receive it) each was told: median, p99 and the
 * longest in milliseconds, over all listeners and imports.  With IMPORTS 0 it listens until it is killed. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/buf.h"

enum { PIECE = 256 << 10, DUE_MS = 600000 };

struct listener {
	int fd;
	struct buf line; /* begun */
	bool begun, import;
	unsigned told;
};

static uint32_t *took_ms;
static size_t n_took;
static unsigned imports;

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	exit(1);
}

static int dial(unsigned port)
{
	static const char request[] = "GET /v1/stream?lane=public HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: text/event-stream\r\n\r\n";
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(fd >= 0, "socket");
	(void)!connect(fd, (void *)&a, sizeof(a));
	struct epoll_event ready;
	int wait = epoll_create1(0);
	must(wait >= 0 && epoll_ctl(wait, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLOUT }) == 0, "epoll");
	must(epoll_wait(wait, &ready, 1, DUE_MS) == 1, "connect");
	close(wait);
	must(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1, "send");
	return fd;
}

static void take_time(struct span data)
{
	static const struct span key = { (const uint8_t *)"\"time\":\"", 8 };
	size_t i = 0;
	int64_t s;
	uint64_t ms;
	while (i + 32 < data.n && !span_starts(span_from(data, i), key))
		i++;
	struct span text = span_head(span_from(data, i + key.n), 24);
	must(time_parse(text, &s) == OK && num_parse_u64(span_head(span_from(text, 20), 3), 999, &ms) == OK, "an event without a time");
	took_ms[n_took++] = (uint32_t)(clock_ms() - s * 1000 - (int64_t)ms);
}

static void take_line(struct listener *l, struct span line)
{
	l->begun |= span_starts(line, SPAN_LIT("id: "));
	if (l->told < imports && l->import && span_starts(line, SPAN_LIT("data: "))) {
		take_time(line);
		l->told++;
	}
	l->import = span_is(line, "event: import") || (l->import && !line.n);
}

static void take(struct listener *l, struct span octets)
{
	struct span line;
	buf_putspan(&l->line, octets);
	struct span rest = buf_span(&l->line);
	while (span_line(&rest, &line))
		take_line(l, span_trim(line));
	size_t left = rest.n;
	memmove(l->line.p, rest.p, left);
	l->line.n = left;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static uint64_t number(const char *text)
{
	uint64_t n = 0;
	must(num_parse_u64(span_str(text), 1000000, &n) == OK, "a number");
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t piece[PIECE];
	must(argc == 4, "PORT N IMPORTS");
	unsigned port = (unsigned)number(argv[1]), n = (unsigned)number(argv[2]), begun = 0, done = 0;
	struct rlimit limit;
	imports = (unsigned)number(argv[3]);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct listener *all = mem_zalloc(n * sizeof(*all));
	took_ms = imports ? mem_alloc((size_t)n * imports * sizeof(*took_ms)) : NULL;
	int wait = epoll_create1(0);
	for (unsigned i = 0; i < n; i++) {
		all[i].fd = dial(port);
		must(epoll_ctl(wait, EPOLL_CTL_ADD, all[i].fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &all[i] }) == 0, "epoll");
	}
	while (done < n) {
		struct epoll_event ready[256];
		int k = epoll_wait(wait, ready, 256, DUE_MS);
		must(k > 0, "nothing comes");
		for (int i = 0; i < k; i++) {
			struct listener *l = ready[i].data.ptr;
			bool before = l->begun, over = l->told >= imports;
			ssize_t got = recv(l->fd, piece, sizeof(piece), 0);
			must(got > 0, "a listener was cut off");
			take(l, span_of(piece, (size_t)got));
			begun += l->begun && !before;
			done += imports && l->told >= imports && !over;
			if (begun == n && l->begun && !before) {
				puts("ready");
				fflush(stdout);
			}
		}
	}
	qsort(took_ms, n_took, sizeof(*took_ms), by_size);
	printf("%zu %u %u %u\n", n_took, took_ms[n_took / 2], took_ms[n_took * 99 / 100], took_ms[n_took - 1]);
	return 0;
}
