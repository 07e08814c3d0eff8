#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/writer.h"

enum { PAGE = 64 };

struct ledger {
	struct reader *reader;
	struct writer *writer;    /* NULL: opened to be read */
	pthread_mutex_t founding; /* one new lane at a time */
};

static enum err os_fault(const char *path, struct fault *f)
{
	enum err e = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN :
		     errno == EEXIST ? ERR_EXISTS : errno == ENOSPC ? ERR_FULL : ERR_IO;
	return fault_set(f, e, "\"%s\": %s", path, strerror(errno));
}

static enum err path_of(char path[PATH_MAX], const char *dir, const char *name, struct fault *f)
{
	struct stat st;
	if (stat(dir, &st))
		return os_fault(dir, f);
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, ERR_NOTFOUND, "\"%s\" is not a directory", dir);
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return n < PATH_MAX ? OK : fault_set(f, ERR_RANGE, "the path of the data directory is too long");
}

/* Under another name first, so that there is a whole ledger or none, whenever the power fails. */
enum err ledger_create(const char *dir, struct fault *f)
{
	char path[PATH_MAX], draft[PATH_MAX];
	enum err e;
	if ((e = path_of(path, dir, "ledger.db", f)) || (e = path_of(draft, dir, "ledger.draft", f)))
		return e;
	if (access(path, F_OK) == 0)
		return fault_set(f, ERR_EXISTS, "\"%s\" is there already", path);
	unlink(draft);
	if ((e = store_create(draft, f)) != OK)
		return e;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE)) {
		e = os_fault(path, f);
		unlink(draft);
	} else if (fsync(fd)) {
		e = os_fault(dir, f);
	}
	if (fd >= 0)
		close(fd);
	return e;
}

enum err ledger_open(const char *dir, bool writable, struct ledger **ret_ledger, struct fault *f)
{
	char path[PATH_MAX];
	enum err e = path_of(path, dir, "ledger.db", f);
	if (e)
		return e;
	if (access(path, F_OK))
		return errno == ENOENT ? fault_set(f, ERR_NOTFOUND, "there is no ledger in \"%s\"", dir) : os_fault(path, f);
	if (access(path, writable ? R_OK | W_OK : R_OK))
		return os_fault(path, f);
	struct ledger *l = mem_zalloc(sizeof(*l));
	pthread_mutex_init(&l->founding, NULL);
	if (writable)
		e = writer_start(path, &l->writer, f);
	if (e == OK)
		e = reader_open(path, &l->reader, f);
	if (e)
		ledger_close(l);
	else
		*ret_ledger = l;
	return e;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	reader_close(l->reader); /* before the writer, whose closing takes the log into the file if it is the last */
	writer_stop(l->writer);
	pthread_mutex_destroy(&l->founding);
	free(l);
}

static enum err read_only(struct fault *f)
{
	return fault_set(f, ERR_FORBIDDEN, "the ledger was opened to be read only");
}

enum err ledger_submit(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f)
{
	return l->writer ? writer_submit(l->writer, s, NULL, ret_number, f) : read_only(f);
}

enum err ledger_wait(struct ledger *l, uint64_t number, struct fault *f)
{
	return l->writer ? writer_wait(l->writer, number, f) : read_only(f);
}

enum err ledger_append(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f)
{
	uint64_t number;
	enum err e = ledger_submit(l, s, &number, f);
	if (e == OK && (e = ledger_wait(l, number, f)) == OK)
		*ret_number = number;
	return e;
}

/* Only this function makes lanes, one at a time: the next number does not change under it. */
static enum err found_lane(struct ledger *l, struct lane *lane, struct fault *f)
{
	struct buf body = { 0 };
	uint64_t number;
	unsigned lanes = writer_lanes(l->writer);
	if (ledger_lane_find(l, CLEARANCE_ALL, lane->name, lane) == OK)
		return fault_set(f, ERR_EXISTS, "there is a lane \"%s\" already", lane->name);
	if (lanes >= LANES_MAX)
		return fault_set(f, ERR_FULL, "lane \"%s\" is one too many: there are %d", lane->name, LANES_MAX);
	lane->number = (uint8_t)lanes;
	lane->size = 1;
	lane_body(lane, &body);
	struct submission s = {
		.lane = lane->number, .kind = ENTRY_LANE, .time_ms = clock_ms(), .party = "local", .source = "",
		.media = "json", .count = 1, .body = buf_span(&body),
	};
	enum err e = writer_submit(l->writer, &s, lane, &number, f);
	if (e == OK)
		e = writer_wait(l->writer, number, f);
	buf_release(&body);
	return e;
}

enum err ledger_lane_create(struct ledger *l, const char *name, uint8_t tlp, const char *realm, struct lane *ret_lane,
			    struct fault *f)
{
	struct lane lane = { .tlp = tlp };
	enum err e;
	if (!l->writer)
		return read_only(f);
	if ((e = lane_check(name, tlp, realm, f)) != OK)
		return e;
	snprintf(lane.name, sizeof(lane.name), "%s", name);
	snprintf(lane.realm, sizeof(lane.realm), "%s", realm);
	pthread_mutex_lock(&l->founding);
	e = found_lane(l, &lane, f);
	pthread_mutex_unlock(&l->founding);
	if (e == OK && ret_lane)
		*ret_lane = lane;
	return e;
}

unsigned ledger_lanes(struct ledger *l, clearance clear, struct lane ret_lanes[LANES_MAX])
{
	unsigned n = 0;
	return reader_lanes(l->reader, clear, ret_lanes, &n, NULL) == OK ? n : 0;
}

enum err ledger_lane_find(struct ledger *l, clearance clear, const char *name, struct lane *ret_lane)
{
	struct lane lanes[LANES_MAX];
	unsigned n = 0;
	enum err e = reader_lanes(l->reader, clear, lanes, &n, NULL);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(lanes[i].name, name) == 0) {
			*ret_lane = lanes[i];
			return OK;
		}
	return e ? e : ERR_NOTFOUND;
}

clearance ledger_clearance(struct ledger *l, uint8_t tlp)
{
	struct lane lanes[LANES_MAX];
	clearance clear = 0;
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	for (unsigned i = 0; i < n; i++)
		if (lanes[i].tlp <= tlp)
			clear |= (clearance)1 << lanes[i].number;
	return clear;
}

uint64_t ledger_last(struct ledger *l)
{
	uint64_t last = 0;
	if (l->writer)
		return writer_last(l->writer);
	return reader_last(l->reader, &last, NULL) == OK ? last : 0;
}

enum err ledger_entry(struct ledger *l, clearance clear, uint64_t number, struct entry *ret_entry)
{
	return reader_entry(l->reader, clear, number, ret_entry, NULL);
}

enum err ledger_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	return reader_body(l->reader, clear, number, out, f);
}

/* Page by page, each read in an instant: entries are never changed, so that a bound fixed at the start is all the
 * snapshot that is needed, and a slow visitor does not keep the log from being moved into the file. */
enum err ledger_each(struct ledger *l, clearance clear, uint64_t from, bool bodies, entry_visit *visit, void *ctx,
		     struct fault *f)
{
	struct entry page[PAGE] = { 0 };
	struct buf body = { 0 };
	uint64_t last;
	unsigned n = PAGE;
	enum err e = reader_last(l->reader, &last, f);
	while (e == OK && n == PAGE && from <= last) {
		e = reader_page(l->reader, clear, from, last, page, PAGE, &n, f);
		for (unsigned i = 0; i < n && e == OK; i++) {
			body.n = 0;
			if (bodies)
				e = reader_body(l->reader, clear, page[i].number, &body, f);
			if (e == OK)
				e = visit(ctx, &page[i], buf_span(&body), f);
			from = page[i].number + 1;
		}
	}
	for (unsigned i = 0; i < PAGE; i++)
		entry_release(&page[i]);
	buf_release(&body);
	return e;
}

void ledger_stats(struct ledger *l, struct ledger_stats *ret_stats)
{
	*ret_stats = (struct ledger_stats){ 0 };
	if (l->writer)
		writer_stats(l->writer, ret_stats);
}
