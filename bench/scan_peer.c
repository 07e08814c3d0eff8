/* scan_peer LIST FILE: Hyperscan with the values of LIST as literals, over FILE in blocks of 1 MiB.  Prints the seconds of compiling, of
 * scanning, and the matches.  It knows no borders of values: it looks for their octets anywhere. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <hs/hs.h>

#include "base/buf.h"
#include "base/clock.h"

enum { BLOCK = 1 << 20 };

static void read_all(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : 0;
	do {
		n = fd < 0 ? -1 : read(fd, buf_reserve(out, BLOCK), BLOCK);
		out->n += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	(void)id, (void)from, (void)to, (void)flags;
	++*(uint64_t *)ctx;
	return 0;
}

int main(int argc, char **argv)
{
	struct buf list = { 0 };
	size_t n = 0;
	if (argc != 3)
		return 64;
	read_all(argv[1], &list);
	struct span rest = buf_span(&list), line;
	const char **text = mem_alloc(list.n / 2 * sizeof(*text));
	size_t *length = mem_alloc(list.n / 2 * sizeof(*length));
	unsigned *flags = mem_zalloc(list.n / 2 * sizeof(*flags)), *ids = mem_zalloc(list.n / 2 * sizeof(*ids));
	while (span_line(&rest, &line))
		if (line.n > 3) {
			text[n] = (const char *)line.p;
			ids[n] = (unsigned)n;
			length[n++] = line.n;
		}
	hs_database_t *db;
	hs_compile_error_t *error;
	hs_scratch_t *scratch = NULL;
	uint64_t begin = clock_mono_ns();
	if (hs_compile_lit_multi(text, flags, ids, length, (unsigned)n, HS_MODE_BLOCK, NULL, &db, &error) != HS_SUCCESS) {
		fprintf(stderr, "%s\n", error->message);
		return 2;
	}
	double compile = (double)(clock_mono_ns() - begin) / 1e9;
	if (hs_alloc_scratch(db, &scratch) != HS_SUCCESS)
		return 2;
	uint64_t matches = 0;
	uint8_t *block = mem_alloc(BLOCK);
	int fd = open(argv[2], O_RDONLY);
	begin = clock_mono_ns();
	for (ssize_t got; fd >= 0 && (got = read(fd, block, BLOCK)) > 0;)
		(void)!hs_scan(db, (const char *)block, (unsigned)got, 0, scratch, on_match, &matches);
	printf("%.3f %.3f %llu\n", compile, (double)(clock_mono_ns() - begin) / 1e9, (unsigned long long)matches);
	return 0;
}
