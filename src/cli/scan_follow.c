/* -f: files are looked at four times a second, by name: what is appended is scanned, a file that was replaced is first read to its
 * end, one that became shorter is begun again.  The table is opened anew when the ledger has gone on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/scan_job.h"
#include "cli/tail.h"

enum { LOOK_MS = 250, TABLE_MS = 2000, HOUR_MS = 3600000 };

struct followed {
	const char *name;
	struct stream *in; /* NULL: not there yet */
	bool told;         /* that it is not */
};

/* ---- what happens meanwhile ---- */

static void look_at_table(struct scan_job *j)
{
	struct node *next;
	struct fault f;
	uint64_t now_ns = clock_mono_ns();
	if (j->snapshot || now_ns - j->looked_ns < TABLE_MS * 1000000ull)
		return;
	j->looked_ns = now_ns;
	if (ledger_last(node_ledger(j->node)) == node_seen(j->node))
		return;
	if (node_open_reader(j->env->dir, &next, &f)) {
		scan_complain(j, "what is new in the data directory cannot be read: %s", f.text);
		return;
	}
	struct node *old = j->node;
	j->node = next;
	scan_use(j->scan, scan_job_table(j));
	node_close(old);
}

static void look_at_hour(struct scan_job *j)
{
	int64_t hour = clock_ms() / HOUR_MS;
	if (!j->seen || (hour == j->hour && hours_pairs(j->seen) < SEEN_MAX / 2))
		return;
	j->hour = hour;
	if (hours_pairs(j->seen))
		scan_sightings_submit(j);
}

/* Until `fd` (-1: none) has something, at most `timeout_ms`.  @return false: a signal says that it is over. */
static bool rest_a_while(struct scan_job *j, int fd, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = j->signals, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	struct signalfd_siginfo signal; /* taken, or it would end us when it is let through again */
	(void)!poll(fds, 2, timeout_ms);
	j->stopped |= fds[0].revents && read(j->signals, &signal, sizeof(signal)) > 0;
	if (!j->stopped) {
		look_at_table(j);
		look_at_hour(j);
	}
	return !j->stopped;
}

/* ---- standard input ---- */

bool scan_follow_wait(void *ctx, int fd)
{
	struct scan_job *j = ctx;
	struct pollfd now = { .fd = fd, .events = POLLIN };
	while (poll(&now, 1, 0) == 0)
		if (!rest_a_while(j, fd, LOOK_MS * 4))
			return false;
	return rest_a_while(j, -1, 0);
}

static void follow_input(struct scan_job *j)
{
	struct stream *in;
	struct fault f = { 0 };
	int fd = fcntl(j->env->in, F_DUPFD_CLOEXEC, 3);
	if (stream_open(fd, "(standard input)", &(struct stream_options){ .keep = true }, &in, &f) == OK) {
		(void)!scan_stream(j->scan, in, 0, &f);
		struct fault last = { 0 };
		(void)!scan_end(j->scan, in, &last);
	}
	if (f.code)
		scan_trouble(j, &f);
}

/* ---- files ---- */

/* @return -1: it is not there, or is nothing that can be followed; told once. */
static int open_file(struct scan_job *j, struct followed *w)
{
	struct stat st;
	int fd = openat(j->env->cwd, w->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool opened = fd >= 0, regular = opened && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (regular) {
		w->told = false;
		return fd;
	}
	if (!w->told)
		scan_complain(j, "\"%s\" %s", w->name, opened ? "is not a file that can be followed" : strerror(errno));
	j->trouble |= !w->told;
	w->told = true;
	if (opened)
		close(fd);
	return -1;
}

static void take(struct scan_job *j, enum err e, const struct fault *f)
{
	if (e)
		scan_trouble(j, f);
}

static void begin(struct scan_job *j, struct followed *w)
{
	struct fault f;
	int fd = open_file(j, w);
	if (fd < 0)
		return;
	enum err e = stream_open(fd, w->name, &(struct stream_options){ .keep = true }, &w->in, &f);
	if (e == OK && !stream_is_plain(w->in)) {
		stream_close(w->in);
		w->in = NULL;
		e = fault_set(&f, ERR_UNSUPPORTED, "\"%s\" is packed: nothing can be appended to it", w->name);
	}
	if (e && w->told)
		return;
	w->told = e != OK;
	take(j, e, &f);
}

static void go_on_with(struct scan_job *j, struct followed *w, int fd)
{
	struct fault f;
	take(j, scan_rest(j->scan, w->in, true, &f), &f);
	enum err e = stream_reopen(w->in, fd, &f);
	if (e) {
		take(j, e, &f);
		take(j, scan_end(j->scan, w->in, &f), &f);
		w->in = NULL;
	}
}

/* Was it replaced, or truncated?  @return whether there is more to read at once. */
static bool look_at_file(struct scan_job *j, struct followed *w)
{
	struct fault f;
	int fd = stream_fd(w->in);
	switch (tail_look(j->env->cwd, w->name, fd)) {
	case TAIL_GROWS:
		return false;
	case TAIL_SHORTER:
		scan_complain(j, "\"%s\" became shorter: it is read from its beginning", w->name);
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
			return false;
		break;
	case TAIL_REPLACED:
		take(j, scan_stream(j->scan, w->in, 0, &f), &f); /* what came before it was moved away */
		if ((fd = open_file(j, w)) < 0)
			return false;
	}
	go_on_with(j, w, fd);
	return true;
}

static void follow_file(struct scan_job *j, struct followed *w)
{
	struct fault f;
	bool more = true;
	if (!w->in)
		begin(j, w);
	while (w->in && more && !j->stopped) {
		take(j, scan_stream(j->scan, w->in, 0, &f), &f);
		more = !j->stopped && look_at_file(j, w);
	}
}

static void follow_files(struct scan_job *j, char **names, int n)
{
	struct followed *w = mem_zalloc((size_t)n * sizeof(*w));
	struct fault f;
	for (int i = 0; i < n; i++)
		w[i].name = names[i];
	do
		for (int i = 0; i < n && !j->stopped; i++)
			follow_file(j, &w[i]);
	while (!j->stopped && rest_a_while(j, -1, LOOK_MS));
	for (int i = 0; i < n; i++)
		if (w[i].in)
			(void)!scan_end(j->scan, w[i].in, &f);
	free(w);
}

void scan_follow(struct scan_job *j, char **names, int n)
{
	sigset_t before;
	j->signals = verb_signals(&before);
	j->hour = clock_ms() / HOUR_MS;
	if (n == 1 && strcmp(names[0], "-") == 0)
		follow_input(j);
	else
		follow_files(j, names, n);
	if (j->signals >= 0)
		close(j->signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
