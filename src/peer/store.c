#include "peer/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

enum { PATH_MAX_HERE = 4096, READ_STEP = 65536 };

enum err store_read(const char *path, size_t max, struct buf *out, struct fault *f)
{
	struct stat st;
	size_t before = out->n;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = OK;
	if (fd < 0)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (st.st_mode & 077))
		e = fault_set(f, ERR_FORBIDDEN, "others may read the secrets in \"%s\": chmod 600 it", path);
	while (e == OK && n > 0) {
		n = read(fd, buf_reserve(out, READ_STEP), READ_STEP);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			e = fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
		else
			out->n += (size_t)n;
		if (e == OK && out->n - before > max)
			e = fault_set(f, ERR_RANGE, "\"%s\" is larger than %zu octets", path, max);
	}
	close(fd);
	return e;
}

static bool put_whole(int fd, struct span octets)
{
	while (octets.n) {
		ssize_t n = write(fd, octets.p, octets.n);
		if (n < 0 && errno != EINTR)
			return false;
		octets = span_from(octets, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0;
}

static bool sync_parent(const char *path)
{
	char dir[PATH_MAX_HERE];
	const char *slash = strrchr(path, '/');
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return done;
}

enum err store_write(const char *path, struct span text, struct fault *f)
{
	char draft[PATH_MAX_HERE + 8];
	snprintf(draft, sizeof(draft), "%s.new", path);
	unlink(draft);
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool done = fd >= 0 && put_whole(fd, text);
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (done && (rename(draft, path) || !sync_parent(path))) {
		error = errno;
		done = false;
	}
	if (done)
		return OK;
	if (fd >= 0)
		unlink(draft);
	return fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(error));
}

void store_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

bool store_value_ok(struct span value, size_t size)
{
	if (value.n >= size || span_trim(value).n != value.n)
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < ' ' || value.p[i] == 0x7f)
			return false;
	return true;
}

static enum err take(const struct store_field *row, struct span value, void *to, struct fault *f)
{
	uint8_t *at = (uint8_t *)to + row->offset;
	uint64_t n = 0;
	enum err e = OK;
	switch (row->kind) {
	case STORE_TEXT:
		if (!store_value_ok(value, row->size))
			return fault_set(f, ERR_RANGE, "\"%s\" is longer than %zu octets, or has control characters", row->name, row->size - 1);
		if (value.n)
			memcpy(at, value.p, value.n);
		at[value.n] = 0;
		return OK;
	case STORE_FLAG:
		e = num_parse_u64(value, 1, &n);
		if (e == OK)
			*(bool *)at = n;
		break;
	case STORE_NUMBER:
	case STORE_TIME:
		e = num_parse_u64(value, row->max, &n);
		if (e == OK)
			memcpy(at, &n, sizeof(n));
		break;
	}
	return e ? fault_set(f, ERR_RANGE, "\"%s\" is no number that it can be: \"" SPAN_FMT "\"", row->name, SPAN_ARG(span_head(value, 40))) : OK;
}

enum err store_field_read(const struct store_field *rows, size_t n, struct span line, void *to, struct fault *f)
{
	size_t equals = span_find(line, '=');
	struct span name = span_trim(span_head(line, equals));
	if (equals == line.n)
		return fault_set(f, ERR_SYNTAX, "the line is no \"name = value\"");
	for (size_t i = 0; i < n; i++)
		if (span_is(name, rows[i].name))
			return take(&rows[i], span_trim(span_from(line, equals + 1)), to, f);
	return fault_set(f, ERR_NOTFOUND, "there is no setting \"" SPAN_FMT "\"", SPAN_ARG(span_head(name, 40)));
}

void store_fields_put(const struct store_field *rows, size_t n, const void *from, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *at = (const uint8_t *)from + rows[i].offset;
		uint64_t number = 0;
		if (rows[i].kind == STORE_FLAG)
			number = *(const bool *)at;
		else if (rows[i].kind != STORE_TEXT)
			memcpy(&number, at, sizeof(number));
		if (rows[i].kind == STORE_TEXT && *at)
			buf_printf(out, "%s = %s\n", rows[i].name, (const char *)at);
		else if (number)
			buf_printf(out, "%s = %llu\n", rows[i].name, (unsigned long long)number);
	}
}
