/* Changes in a set of nftables with a million addresses: sys/nft.h beside "nft -f FILE", in a network namespace of this process' own.
 * nft_bench [SIZE] [ROUNDS]: medians; a round adds so many addresses and removes them again. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "sys/nft.h"

enum { ROUNDS_MAX = 64 };

static const struct nft_set sets[] = { { "block4", 4, false }, { "net4", 4, true } };
static struct nft *n;
static const char *file;

static void must(enum err e, const struct fault *f)
{
	if (e == OK)
		return;
	fprintf(stderr, "nft_bench: %s\n", f->text);
	exit(1);
}

/* Addresses scattered over the space by an odd factor: no two are the same. */
static void address(uint32_t i, uint8_t ret[4])
{
	uint32_t be = htonl(i * 2654435761u);
	memcpy(ret, &be, 4);
}

static double by_netlink(const struct nft_set *s, uint32_t from, uint32_t count, bool adding)
{
	struct fault f;
	uint8_t a[4];
	uint64_t begin = clock_mono_ns();
	for (uint32_t i = from; i < from + count; i++) {
		address(i, a);
		if (adding)
			nft_add(n, s, a, a);
		else
			nft_remove(n, s, a, a);
	}
	must(nft_commit(n, &f), &f);
	return (double)(clock_mono_ns() - begin) / 1e6;
}

static double by_command(uint32_t from, uint32_t count, bool adding)
{
	struct buf text = { 0 };
	uint8_t a[4];
	buf_puts(&text, adding ? "add element inet bench block4 {" : "delete element inet bench block4 {");
	for (uint32_t i = from; i < from + count; i++) {
		address(i, a);
		buf_printf(&text, "%s%u.%u.%u.%u", i == from ? "" : ",", a[0], a[1], a[2], a[3]);
	}
	buf_puts(&text, "}\n");
	FILE *out = fopen(file, "we");
	if (!out || fwrite(text.p, 1, text.n, out) != text.n || fclose(out))
		exit(1);
	buf_release(&text);
	int status = 1;
	uint64_t begin = clock_mono_ns();
	pid_t child = fork();
	if (child == 0) {
		execlp("nft", "nft", "-f", file, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status) {
		fprintf(stderr, "nft_bench: nft fails\n");
		exit(1);
	}
	return (double)(clock_mono_ns() - begin) / 1e6;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static double median(double *v, unsigned count)
{
	qsort(v, count, sizeof(*v), by_size);
	return v[count / 2];
}

static void measure(uint32_t size, uint32_t count, unsigned rounds)
{
	double ours[2 * ROUNDS_MAX], theirs[2 * ROUNDS_MAX];
	unsigned at = 0;
	for (unsigned i = 0; i < rounds; i++)
		for (int adding = 1; adding >= 0; adding--) {
			ours[at] = by_netlink(&sets[0], size, count, adding);
			theirs[at++] = by_command(size + 100000, count, adding);
		}
	double a = median(ours, at), b = median(theirs, at);
	printf("%6u changes: %8.3f ms; nft -f %8.1f ms, %.0f times as long\n", count, a, b, b / a);
}

/* The command reads sets of ranges before it changes anything, so they are not there while it is measured. */
static void measure_ranges(uint32_t size, unsigned rounds)
{
	double ours[2 * ROUNDS_MAX];
	struct fault f;
	unsigned at = 0;
	bool made;
	must(nft_ensure(n, &sets[1], 1, NULL, 0, 0, &made, &f), &f);
	double filled = by_netlink(&sets[1], 0, size, true);
	for (unsigned i = 0; i < rounds; i++)
		for (int adding = 1; adding >= 0; adding--)
			ours[at++] = by_netlink(&sets[1], size, 1000, adding);
	printf("a set of %u ranges filled in one transaction: %.0f ms; 1000 changes: %.1f ms\n", size, filled, median(ours, at));
}

int main(int argc, char **argv)
{
	uint64_t size = 1000000, rounds = 7;
	char name[] = "/tmp/nft_bench_XXXXXX";
	struct fault f;
	bool made;
	if ((argc > 1 && num_parse_u64(span_str(argv[1]), 10000000, &size)) || (argc > 2 && num_parse_u64(span_str(argv[2]), ROUNDS_MAX, &rounds)) || !rounds)
		return 64;
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "nft_bench: no network namespace of its own is allowed here\n");
		return 77;
	}
	int fd = mkstemp(name);
	if (fd < 0)
		return 1;
	close(fd);
	file = name;
	must(nft_open("inet", "bench", &n, &f), &f);
	must(nft_ensure(n, sets, 1, NULL, 0, 0, &made, &f), &f);
	double filled = by_netlink(&sets[0], 0, (uint32_t)size, true);
	printf("a set of %llu addresses filled in one transaction: %.0f ms\n", (unsigned long long)size, filled);
	measure((uint32_t)size, 1, (unsigned)rounds);
	measure((uint32_t)size, 1000, (unsigned)rounds);
	measure((uint32_t)size, 10000, (unsigned)rounds);
	measure_ranges(1000, (unsigned)rounds);
	measure_ranges(10000, (unsigned)rounds);
	unlink(file);
	nft_close(n);
	return 0;
}
