#include "enforce/notebook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

enum { SLACK = 1 << 20, FILE_MAX = INT32_MAX, MAGIC = 16 };
#define HEAD "sipar-enforce 1 "

struct notebook {
	int directory, lock, fd;
	char name[80], of[NOTEBOOK_OF_MAX];
	struct buf out;          /* gathered */
	uint64_t whole, appended; /* octets of the file when it was written, and since */
	bool anew;
};

/* ---- reading ---- */

static struct span take_word(struct span *rest)
{
	struct span word = span_head(*rest, span_find(*rest, ' '));
	*rest = span_from(*rest, word.n + 1);
	return word;
}

static bool take_value(struct values *v, struct span line)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span sign = take_word(&line), action = span_is(sign, "+") ? take_word(&line) : SPAN_LIT("b");
	uint64_t since = 0;
	if (span_is(sign, "+") && num_parse_u64(take_word(&line), UINT32_MAX, &since))
		return false;
	if ((!span_is(action, "b") && !span_is(action, "c")) || obs_parse_as(OBS_IPV4, line, store, &o, NULL))
		return false;
	if (span_is(sign, "-")) {
		struct value *gone = values_find(v, &o);
		if (gone)
			values_remove(v, gone);
		return true;
	}
	struct value *one = values_put(v, &o);
	if (!one)
		return false;
	one->action = span_is(action, "b") ? VALUE_BLOCK : VALUE_CHALLENGE;
	one->since_s = (uint32_t)since;
	return true;
}

static bool take_head(struct span line, struct notebook_head *ret_head)
{
	uint64_t serial, heard;
	take_word(&line);
	if (num_parse_u64(take_word(&line), UINT64_MAX, &serial) || num_parse_u64(line, INT64_MAX, &heard))
		return false;
	*ret_head = (struct notebook_head){ serial, (int64_t)heard };
	return true;
}

static size_t whole_groups(struct span text)
{
	size_t end = 0;
	struct span rest = text, line;
	while (span_line(&rest, &line))
		if (line.n && line.p[0] == '=')
			end = (size_t)(rest.p - text.p);
	return end;
}

enum err notebook_read(struct span text, const char *of, struct values *v, struct notebook_head *ret_head, size_t *ret_used, struct fault *f)
{
	size_t used = whole_groups(text);
	struct span rest = span_head(text, used), line;
	struct notebook_head head = { 0, 0 };
	bool ours = true;
	for (unsigned n = 1; span_line(&rest, &line); n++) {
		bool fine = n == 1 ? span_starts(line, SPAN_LIT(HEAD)) : line.n && line.p[0] == '=' ? take_head(line, &head) : take_value(v, line);
		if (!fine)
			return fault_set(f, ERR_CORRUPT, "line %u is not one of a notebook: \"" SPAN_FMT "\"", n, SPAN_ARG(span_head(line, 80)));
		if (n == 1)
			ours = span_is(span_from(line, MAGIC), of);
	}
	*ret_head = ours ? head : (struct notebook_head){ 0, 0 };
	*ret_used = used;
	return OK;
}

/* ---- the file ---- */

static enum err trouble(const struct notebook *s, const char *what, struct fault *f)
{
	return fault_set(f, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "the notebook \"%s\" cannot be %s: %s", s->name, what, strerror(errno));
}

static bool write_all(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return false;
		s = span_from(s, n > 0 ? (size_t)n : 0);
	}
	return true;
}

static enum err read_whole(struct notebook *s, struct buf *text, struct fault *f)
{
	struct stat st;
	if (fstat(s->fd, &st) || st.st_size > FILE_MAX)
		return trouble(s, "read", f);
	ssize_t n = 1;
	while (n > 0 && text->n < (size_t)st.st_size) {
		n = read(s->fd, buf_reserve(text, (size_t)st.st_size - text->n), (size_t)st.st_size - text->n);
		text->n += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? trouble(s, "read", f) : OK;
}

static enum err load(struct notebook *s, struct values *v, struct notebook_head *ret_head, struct fault *f)
{
	struct buf text = { 0 };
	size_t used = 0;
	s->fd = openat(s->directory, s->name, O_RDWR | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT) {
		*ret_head = (struct notebook_head){ 0, 0 };
		s->anew = true;
		return OK;
	}
	enum err e = s->fd < 0 ? trouble(s, "opened", f) : read_whole(s, &text, f);
	if (e == OK && (e = notebook_read(buf_span(&text), s->of, v, ret_head, &used, f)))
		fault_at(f, "the notebook \"%s\"", s->name);
	if (e == OK && (ftruncate(s->fd, (off_t)used) || lseek(s->fd, 0, SEEK_END) < 0))
		e = trouble(s, "written", f);
	s->anew = ret_head->serial == 0;
	s->whole = used;
	buf_release(&text);
	return e;
}

enum err notebook_open(const char *dir, const char *name, const char *of, struct values *v, struct notebook_head *ret_head, struct notebook **ret_notebook,
		    struct fault *f)
{
	char lock[100];
	struct notebook *s = mem_zalloc(sizeof(*s));
	s->fd = s->lock = -1;
	snprintf(s->name, sizeof(s->name), "%s.state", name);
	snprintf(s->of, sizeof(s->of), "%s", of);
	snprintf(lock, sizeof(lock), "%s.lock", name);
	(void)!mkdir(dir, 0700);
	s->directory = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;
	if (s->directory < 0)
		e = fault_set(f, ERR_IO, "the directory \"%s\" for the state cannot be opened: %s", dir, strerror(errno));
	else if ((s->lock = openat(s->directory, lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		e = trouble(s, "locked", f);
	else if (flock(s->lock, LOCK_EX | LOCK_NB))
		e = errno == EWOULDBLOCK ? fault_set(f, ERR_BUSY, "another agent enforces into this table already (\"%s/%s\" is locked)", dir, lock) :
		    trouble(s, "locked", f);
	else
		e = load(s, v, ret_head, f);
	if (e)
		notebook_close(s);
	else
		*ret_notebook = s;
	return e;
}

void notebook_close(struct notebook *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->lock >= 0)
		close(s->lock);
	if (s->directory >= 0)
		close(s->directory);
	buf_release(&s->out);
	free(s);
}

enum err notebook_delete(const char *dir, const char *name, struct fault *f)
{
	struct values *v = values_new();
	struct notebook_head head;
	struct notebook *s = NULL;
	enum err e = access(dir, F_OK) == 0 ? notebook_open(dir, name, "", v, &head, &s, f) : ERR_NOTFOUND;
	values_free(v);
	if (e == ERR_NOTFOUND)
		return OK;
	if (e && e != ERR_CORRUPT)
		return e;
	char path[4200];
	snprintf(path, sizeof(path), "%s/%s.state", dir, name);
	if (unlink(path) && errno != ENOENT)
		e = fault_set(f, ERR_IO, "the notebook \"%s\" cannot be deleted: %s", path, strerror(errno));
	else
		e = OK;
	notebook_close(s);
	return e;
}

/* ---- writing ---- */

static void put_line(struct buf *out, const struct value *v)
{
	struct observable o = value_observable(v);
	buf_printf(out, "+ %c %u ", v->action == VALUE_BLOCK ? 'b' : 'c', v->since_s);
	obs_format(&o, out);
	buf_putc(out, '\n');
}

void notebook_put(struct notebook *s, const struct value *v)
{
	put_line(&s->out, v);
}

void notebook_remove(struct notebook *s, const struct value *v)
{
	struct observable o = value_observable(v);
	buf_puts(&s->out, "- ");
	obs_format(&o, &s->out);
	buf_putc(&s->out, '\n');
}

static void put_head(struct buf *out, const struct notebook_head *head)
{
	buf_printf(out, "= %llu %llu\n", (unsigned long long)head->serial, (unsigned long long)head->heard_s);
}

static enum err write_anew(struct notebook *s, const struct notebook_head *head, struct values *v, struct fault *f)
{
	struct buf out = { 0 };
	char draft[100];
	snprintf(draft, sizeof(draft), "%s.new", s->name);
	buf_printf(&out, HEAD "%s\n", s->of);
	for (size_t i = 0; i < values_count(v); i++)
		put_line(&out, values_at(v, i));
	put_head(&out, head);
	int fd = openat(s->directory, draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum err e = OK;
	if (fd < 0 || !write_all(fd, buf_span(&out)) || fsync(fd) || renameat(s->directory, draft, s->directory, s->name) ||
	    (fsync(s->directory) && errno != EINVAL))
		e = trouble(s, "written", f);
	if (e && fd >= 0)
		close(fd);
	if (e == OK) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = fd;
		s->whole = out.n;
		s->appended = 0;
	}
	buf_release(&out);
	return e;
}

enum err notebook_commit(struct notebook *s, const struct notebook_head *head, struct values *v, struct fault *f)
{
	enum err e = OK;
	if (s->anew || s->appended + s->out.n > s->whole + SLACK)
		e = write_anew(s, head, v, f);
	else {
		put_head(&s->out, head);
		if (!write_all(s->fd, buf_span(&s->out)) || fdatasync(s->fd))
			e = trouble(s, "written", f);
		s->appended += s->out.n;
	}
	s->out.n = 0;
	s->anew = e != OK;
	return e;
}
