#include "peer/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { FILE_MAX = 256 << 10, PATH = 4096 };

static void path_of(char path[PATH], const char *dir, const char *lane, const char *end)
{
	snprintf(path, PATH, "%s/peers/%s.held%s", dir, lane, end);
}

static bool write_all(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return false;
		s = span_from(s, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0;
}

enum err evidence_keep(const char *dir, const char *lane, bool forked, const char *why, struct span ours, struct span theirs, struct fault *f)
{
	char path[PATH], draft[PATH], folder[PATH];
	struct buf text = { 0 };
	snprintf(folder, sizeof(folder), "%s/peers", dir);
	path_of(path, dir, lane, "");
	path_of(draft, dir, lane, ".new");
	if (mkdir(folder, 0700) && errno != EEXIST)
		return fault_set(f, ERR_IO, "\"%s\" cannot be made: %s", folder, strerror(errno));
	if (access(path, F_OK) == 0)
		return OK;
	buf_printf(&text, "%s\n%lld\n%s\n\n", forked ? "forked" : "rolled-back", (long long)clock_ms(), why);
	buf_putspan(&text, ours);
	buf_puts(&text, "--\n");
	buf_putspan(&text, theirs);
	unlink(draft);
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && at >= 0 && write_all(fd, buf_span(&text)) && rename(draft, path) == 0 && fsync(at) == 0;
	enum err e = good ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (at >= 0)
		close(at);
	buf_release(&text);
	return e;
}

bool evidence_find(const char *dir, const char *lane, bool *ret_forked, char why[EVIDENCE_WHY_MAX + 1])
{
	char path[PATH], text[1024];
	path_of(path, dir, lane, "");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT; /* one that cannot be read holds, too */
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	struct span rest = span_of(text, n > 0 ? (size_t)n : 0), line[3];
	for (unsigned i = 0; i < COUNT_OF(line); i++) {
		line[i] = span_head(rest, span_find(rest, '\n'));
		rest = span_from(rest, line[i].n + 1);
	}
	*ret_forked = !span_is(line[0], "rolled-back");
	snprintf(why, EVIDENCE_WHY_MAX + 1, SPAN_FMT, SPAN_ARG(span_head(line[2], EVIDENCE_WHY_MAX)));
	return true;
}

enum err evidence_aside(const char *dir, const char *lane, struct fault *f)
{
	char path[PATH], aside[PATH], end[40];
	snprintf(end, sizeof(end), ".%lld", (long long)clock_ms());
	path_of(path, dir, lane, "");
	path_of(aside, dir, lane, end);
	if (rename(path, aside) == 0)
		return OK;
	return errno == ENOENT ? fault_set(f, ERR_NOTFOUND, "nothing is held against the lane \"%s\"", lane) :
				 fault_set(f, ERR_IO, "\"%s\" cannot be moved: %s", path, strerror(errno));
}
