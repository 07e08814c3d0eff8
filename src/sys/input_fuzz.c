/* Any octets as a file: reading ends, and gives the same octets whatever the size of the steps. */
#include "sys/input.h"

#include <sys/mman.h>
#include <unistd.h>

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err slurp(const uint8_t *data, size_t size, size_t max, struct buf *out)
{
	int fd = memfd_create("fuzz", 0);
	struct input *in;
	struct fault f;
	bool end = false;
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		abort();
	enum err e = input_open(fd, -1, "fuzz", &in, &f);
	if (e)
		return e;
	while (!e && !end && out->n < OUT_MAX)
		e = input_read(in, max, out, &end, &f);
	input_close(in);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = { 0 }, b = { 0 };
	enum err ea = slurp(data, size, 1 << 16, &a), eb = slurp(data, size, 1000, &b);
	size_t n = a.n < b.n ? a.n : b.n;
	if (memcmp(a.p ? a.p : data, b.p ? b.p : data, n < OUT_MAX ? n : OUT_MAX))
		abort();
	if (a.n < OUT_MAX && b.n < OUT_MAX && (ea != eb || a.n != b.n))
		abort();
	buf_release(&a);
	buf_release(&b);
	return 0;
}
