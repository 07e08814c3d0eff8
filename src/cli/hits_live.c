/* --follow and --dnstap: until a signal.  A period is told some seconds after it is over, since what was asked in it is still on its way; what comes later
 * than that counts for the next one.  What cannot be told is kept and tried again.
 *
 * The first period of --dnstap begins when it begins to listen, not at a multiple of five minutes: so whoever is started again has a
 * period of its own to tell, besides the one that it told at its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/hits_job.h"
#include "cli/lines.h"
#include "cli/tail.h"
#include "sys/fstrm.h"

enum { LOOK_MS = 250, NODE_MS = 2000, NAMES_MS = 60000, RETRY_MS = 30000, GRACE_S = 10, TAPS_MAX = 64, PIECE = 64 << 10 };

struct tap {
	int fd;
	struct fstrm *stream;
	struct hits_frames frames;
};

struct tailed {
	const char *name;
	int fd; /* -1: it is not there */
	bool told; /* that it is not */
	struct lines lines;
};

struct watch {
	struct hits_job *job;
	int signals, listener;
	bool stopped, no_names; /* no_names: it was told that they cannot be fetched */
	uint64_t node_ns, names_ns, retry_ns;
	struct tap taps[TAPS_MAX];
	unsigned n_taps;
	struct tailed *tails;
	int n_tails;
	struct buf piece;
};

/* ---- what is blocked ---- */

static void look_at_node(struct watch *w, uint64_t now_ns)
{
	struct hits_job *j = w->job;
	struct node *next;
	struct fault f;
	if (!j->node || now_ns - w->node_ns < NODE_MS * 1000000ull)
		return;
	w->node_ns = now_ns;
	if (ledger_last(node_ledger(j->node)) == node_seen(j->node))
		return;
	if (node_open_reader(j->env->dir, &next, &f)) {
		verb_complain(j->env, "what is new in the data directory cannot be read: %s", f.text);
		return;
	}
	node_close(j->node);
	j->node = next;
}

static void look_at_names(struct watch *w, uint64_t now_ns)
{
	struct hits_job *j = w->job;
	struct fault f;
	if (!j->names || now_ns - w->names_ns < NAMES_MS * 1000000ull)
		return;
	w->names_ns = now_ns;
	enum err e = hits_names_fetch(j, &f);
	if (e && !w->no_names)
		verb_complain(j->env, "%s; what is known of the feed stays", f.text);
	w->no_names = e != OK;
}

/* ---- connections ---- */

static void drop_tap(struct watch *w, unsigned i)
{
	struct tap *t = &w->taps[i];
	hits_frames_settle(&t->frames);
	fstrm_free(t->stream);
	close(t->fd);
	w->taps[i] = w->taps[--w->n_taps];
}

/* @return false: it is over. */
static bool read_tap(struct watch *w, struct tap *t)
{
	struct buf reply = { 0 };
	struct fault f;
	bool end = false;
	ssize_t n = read(t->fd, buf_reserve(&w->piece, PIECE), PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	enum err e = fstrm_take(t->stream, span_of(w->piece.p, (size_t)n), hits_frame, &t->frames, &reply, &end, &f);
	if (e)
		verb_complain(w->job->env, "%s: a connection is closed: %s", w->job->o->dnstap, f.text);
	/* a few octets to one that has sent, and waits for them */
	if (reply.n && send(t->fd, reply.p, reply.n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)reply.n)
		end = true;
	buf_release(&reply);
	return e == OK && !end;
}

static void take_connection(struct watch *w)
{
	int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	w->taps[w->n_taps++] = (struct tap){ .fd = fd, .stream = fstrm_new(), .frames = { .job = w->job } };
}

static void read_taps(struct watch *w, const struct pollfd *fds)
{
	for (unsigned i = w->n_taps; i-- > 0;)
		if (fds[i].revents && !read_tap(w, &w->taps[i]))
			drop_tap(w, i);
}

/* A socket that nobody listens at is of one that was killed. */
static bool is_free(const struct sockaddr_un *at)
{
	struct stat st;
	if (lstat(at->sun_path, &st))
		return errno == ENOENT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = S_ISSOCK(st.st_mode) && connect(fd, (const struct sockaddr *)at, sizeof(*at)) && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	errno = EADDRINUSE;
	return dead;
}

/* Under another name until it listens, so that nobody is turned away. */
static enum err listen_at(struct watch *w, const char *path, struct fault *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX }, first = at;
	int n = snprintf(first.sun_path, sizeof(first.sun_path), "%s.%d", path, (int)getpid());
	if (!*path || n >= (int)sizeof(first.sun_path))
		return fault_set(f, ERR_USAGE, "\"%s\" is no path of a socket: it is empty, or longer than %zu octets", path, sizeof(at.sun_path) - 12);
	memcpy(at.sun_path, path, strlen(path));
	if (is_free(&at)) {
		w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		mode_t before = umask(0117); /* what is told here counts: not for everybody */
		bool bound = bind(w->listener, (const struct sockaddr *)&first, sizeof(first)) == 0;
		umask(before);
		if (bound && listen(w->listener, TAPS_MAX) == 0 && rename(first.sun_path, path) == 0)
			return OK;
	}
	enum err e = fault_set(f, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, "cannot listen at \"%s\": %s", path, strerror(errno));
	if (w->listener >= 0) {
		close(w->listener);
		unlink(first.sun_path);
	}
	w->listener = -1;
	return e;
}

/* ---- files ---- */

static int open_file(struct watch *w, struct tailed *t)
{
	struct stat st;
	int fd = openat(w->job->env->cwd, t->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool opened = fd >= 0;
	if (opened && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		t->told = false;
		return fd;
	}
	if (!t->told)
		verb_complain(w->job->env, "\"%s\" %s", t->name, opened ? "is not a file that can be followed" : strerror(errno));
	t->told = true;
	if (opened)
		close(fd);
	return -1;
}

static void read_more(struct watch *w, struct tailed *t)
{
	struct fault f;
	w->job->name = t->name;
	if (lines_more(&t->lines, t->fd, &f))
		verb_complain(w->job->env, "%s: %s", t->name, f.text);
}

/* @return whether there is more to read at once. */
static bool look_at_file(struct watch *w, struct tailed *t)
{
	int fd;
	switch (tail_look(w->job->env->cwd, t->name, t->fd)) {
	case TAIL_GROWS:
		return false;
	case TAIL_SHORTER:
		verb_complain(w->job->env, "\"%s\" became shorter: it is read from its beginning", t->name);
		t->lines.number = 0;
		lines_end(&t->lines);
		return lseek(t->fd, 0, SEEK_SET) == 0;
	case TAIL_REPLACED:
		break;
	}
	read_more(w, t); /* what came before it was moved away */
	if ((fd = open_file(w, t)) < 0)
		return false;
	lines_end(&t->lines);
	t->lines.number = 0;
	close(t->fd);
	t->fd = fd;
	return true;
}

static void follow(struct watch *w, struct tailed *t)
{
	bool more = true;
	if (t->fd < 0)
		t->fd = open_file(w, t);
	while (t->fd >= 0 && more) {
		read_more(w, t);
		more = look_at_file(w, t);
	}
}

/* ---- the loop ---- */

static void settle(struct watch *w)
{
	for (unsigned i = 0; i < w->n_taps; i++)
		hits_frames_settle(&w->taps[i].frames);
}

static void look_at_clock(struct watch *w, uint64_t now_ns)
{
	struct hits_job *j = w->job;
	int64_t until_s = (j->now_s - GRACE_S) / HITS_PERIOD_S * HITS_PERIOD_S;
	if (until_s <= j->told_s || now_ns < w->retry_ns)
		return;
	settle(w);
	if (!hits_tell(j, until_s))
		w->retry_ns = now_ns + RETRY_MS * 1000000ull;
}

static void rest_a_while(struct watch *w)
{
	struct pollfd fds[TAPS_MAX + 2] = { { .fd = w->signals, .events = POLLIN } };
	struct signalfd_siginfo signal; /* taken, or it would end us when it is let through again */
	unsigned n = w->n_taps;
	/* those that are there are served before others are let in */
	fds[1] = (struct pollfd){ .fd = n < TAPS_MAX ? w->listener : -1, .events = POLLIN };
	for (unsigned i = 0; i < n; i++)
		fds[2 + i] = (struct pollfd){ .fd = w->taps[i].fd, .events = POLLIN };
	if (poll(fds, 2 + n, w->n_tails ? LOOK_MS : 4 * LOOK_MS) < 0)
		return;
	w->stopped |= fds[0].revents && read(w->signals, &signal, sizeof(signal)) > 0;
	w->job->now_s = clock_ms() / 1000;
	read_taps(w, fds + 2);
	if (fds[1].revents)
		take_connection(w);
}

/* What has come before the signal counts. */
static void drain(struct watch *w)
{
	for (unsigned round = 0; round < 2; round++) { /* connections that wait, too */
		while (w->n_taps < TAPS_MAX && w->listener >= 0) {
			unsigned before = w->n_taps;
			take_connection(w);
			if (w->n_taps == before)
				break;
		}
		for (unsigned i = w->n_taps; i-- > 0;) {
			struct pollfd fd = { .fd = w->taps[i].fd, .events = POLLIN };
			bool more = true;
			while (more && poll(&fd, 1, 0) > 0)
				more = read_tap(w, &w->taps[i]);
			if (!more)
				drop_tap(w, i);
		}
	}
}

static void go(struct watch *w)
{
	while (!w->stopped) {
		for (int i = 0; i < w->n_tails; i++)
			follow(w, &w->tails[i]);
		uint64_t now_ns = clock_mono_ns();
		look_at_clock(w, now_ns);
		look_at_node(w, now_ns);
		look_at_names(w, now_ns);
		rest_a_while(w);
	}
}

static void end(struct watch *w)
{
	struct hits_job *j = w->job;
	struct fault f;
	drain(w);
	while (w->n_taps)
		drop_tap(w, w->n_taps - 1);
	if (w->listener >= 0) {
		close(w->listener);
		unlink(j->o->dnstap);
	}
	for (int i = 0; i < w->n_tails; i++)
		if (w->tails[i].fd >= 0)
			close(w->tails[i].fd);
	if (!hits_tell(j, j->o->dnstap ? INT64_MAX : (j->now_s - GRACE_S) / HITS_PERIOD_S * HITS_PERIOD_S))
		j->err = fault_set(&f, ERR_IO, "not all was told");
	if (j->err)
		*j->f = f;
}

void hits_live(struct hits_job *j, char **names, int n)
{
	struct watch *w = mem_zalloc(sizeof(*w));
	sigset_t before;
	*w = (struct watch){ .job = j, .signals = -1, .listener = -1, .n_tails = n, .tails = mem_zalloc(((size_t)n + 1) * sizeof(*w->tails)) };
	for (int i = 0; i < n; i++)
		w->tails[i] = (struct tailed){ .name = names[i], .fd = -1, .lines = { .visit = hits_line, .ctx = j } };
	w->names_ns = w->node_ns = clock_mono_ns();
	w->signals = verb_signals(&before);
	table_reader_init();
	if (j->o->dnstap) {
		j->name = j->o->dnstap;
		j->told_s = j->now_s;
		if (!j->names)
			j->err = node_open_reader(j->env->dir, &j->node, j->f);
		if (j->err == OK)
			j->err = listen_at(w, j->o->dnstap, j->f);
	}
	if (j->err == OK) {
		go(w);
		end(w);
	}
	for (int i = 0; i < n; i++)
		buf_release(&w->tails[i].lines.rest);
	node_close(j->node);
	table_reader_exit();
	if (w->signals >= 0)
		close(w->signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	buf_release(&w->piece);
	free(w->tails);
	free(w);
}
