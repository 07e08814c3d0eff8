#include "sys/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/num.h"

/* /proc/self/statm: pages of address space, resident, ... */
uint64_t process_resident_octets(void)
{
	uint8_t text[128];
	uint64_t pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	struct span s = span_of(text, n > 0 ? (size_t)n : 0);
	s = span_from(s, span_find(s, ' ') + 1);
	if (num_parse_u64(span_head(s, span_find(s, ' ')), UINT64_MAX / 65536, &pages))
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_cpu_us(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_SELF, &u))
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
