/* One transfer of a policy zone, and the same octets once more from a bare sender over another connection: rpz_client PORT ZONE [SERIAL [KEY SECRET]].
 * Prints: octets, messages, records, milliseconds of the transfer, of the copy. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/octets.h"
#include "sys/knot.h"

enum { CHUNK = 1 << 18, ROOM = 1024, AXFR = 252, IXFR = 251 };

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	exit(1);
}

static int dial(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(fd >= 0 && connect(fd, (void *)&a, sizeof(a)) == 0, "connect");
	return fd;
}

static size_t make_request(uint8_t out[ROOM], const char *zone, const char *serial, const char *key, const char *secret)
{
	static const uint8_t head[12] = { 0, 7, 0, 0, 0, 1 };
	size_t n = sizeof(head);
	memcpy(out, head, n);
	for (struct span s = span_str(zone); s.n;) {
		struct span label = span_head(s, span_find(s, '.'));
		out[n] = (uint8_t)label.n;
		memcpy(out + n + 1, label.p, label.n);
		n += 1 + label.n;
		s = span_from(s, label.n + 1);
	}
	out[n++] = 0;
	put_be16(out + n, serial[0] ? IXFR : AXFR);
	put_be16(out + n + 2, 1);
	n += 4;
	if (serial[0]) {
		static const uint8_t soa[] = { 0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0 };
		uint64_t v;
		must(num_parse_u64(span_str(serial), UINT32_MAX, &v) == OK, serial);
		memcpy(out + n, soa, sizeof(soa));
		memset(out + n + sizeof(soa), 0, 20);
		put_be32(out + n + sizeof(soa), (uint32_t)v);
		n += sizeof(soa) + 20;
		out[9] = 1;
	}
	if (key) {
		struct buf octets = { 0 };
		struct tsig t = { 0 };
		struct tsig_key *k;
		must(base64_decode(span_str(secret), &octets) == OK && tsig_key_new(key, buf_span(&octets), &k, NULL) == OK, key);
		t.key = k;
		must(tsig_sign(&t, out, &n, ROOM - 2), "signature");
		tsig_key_free(k);
		buf_release(&octets);
	}
	return n;
}

/* Until the other side closes. */
static void read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *p = buf_reserve(out, CHUNK);
		ssize_t n = read(fd, p, CHUNK);
		must(n >= 0, "read");
		if (n == 0)
			break;
		out->n += (size_t)n;
	}
	close(fd);
}

static double copy_ms(const struct buf *octets, struct buf *into)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (void *)&a, sizeof(a)) == 0 && listen(listener, 1) == 0 && getsockname(listener, (void *)&a, &length) == 0, "listen");
	pid_t child = fork();
	if (child == 0) {
		int fd = accept(listener, NULL, NULL);
		for (size_t at = 0; at < octets->n;) {
			size_t most = octets->n - at < 65536 ? octets->n - at : 65536;
			ssize_t n = send(fd, octets->p + at, most, MSG_NOSIGNAL);
			if (n <= 0)
				_exit(1);
			at += (size_t)n;
		}
		_exit(0);
	}
	uint64_t begin = clock_mono_ns();
	into->n = 0;
	read_all(dial(ntohs(a.sin_port)), into);
	double ms = (double)(clock_mono_ns() - begin) / 1e6;
	waitpid(child, NULL, 0);
	close(listener);
	return ms;
}

int main(int argc, char **argv)
{
	uint8_t request[2 + ROOM];
	struct buf got = { 0 }, again = { 0 };
	uint64_t port = 0, messages = 0, records = 0;
	if (argc < 3 || argc == 5 || argc > 6 || num_parse_u64(span_str(argv[1]), 65535, &port))
		return 64;
	size_t n = make_request(request + 2, argv[2], argc > 3 ? argv[3] : "", argc > 5 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL);
	put_be16(request, (uint16_t)n);
	int fd = dial((unsigned)port);
	buf_reserve(&got, 256 << 20); /* so that neither of the two grows it */
	buf_reserve(&again, 256 << 20);
	uint64_t begin = clock_mono_ns();
	must(write(fd, request, n + 2) == (ssize_t)n + 2 && shutdown(fd, SHUT_WR) == 0, "request");
	read_all(fd, &got);
	double ms = (double)(clock_mono_ns() - begin) / 1e6;
	for (size_t at = 0; at + 14 <= got.n; at += 2u + get_be16(got.p + at)) {
		messages++;
		records += get_be16(got.p + at + 8);
	}
	double copy = copy_ms(&got, &again);
	printf("%zu %llu %llu %.2f %.2f\n", got.n, (unsigned long long)messages, (unsigned long long)records, ms, copy);
	return 0;
}
