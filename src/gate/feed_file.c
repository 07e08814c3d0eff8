/* DIR/feeds.conf: read strictly, written whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/num.h"
#include "gate/feed.h"

enum { FILE_MAX = 1 << 20 };

/* Of a name that is too long, one octet more than is allowed, so that it is refused. */
static void copy_word(struct span word, char to[FEED_TEXT_MAX + 2])
{
	word = span_head(word, FEED_TEXT_MAX + 1);
	if (word.n)
		memcpy(to, word.p, word.n);
	to[word.n] = 0;
}

/* "consumer FEED NAME SECRET [ADDRESSES]". */
static enum err take_consumer(struct feeds *feeds, struct span text, struct fault *f)
{
	char feed[FEED_TEXT_MAX + 2], name[FEED_TEXT_MAX + 2], notify[FEED_TEXT_MAX + 2];
	struct buf secret = { 0 };
	copy_word(span_word(&text), feed);
	copy_word(span_word(&text), name);
	struct span word = span_word(&text);
	copy_word(span_word(&text), notify);
	enum err e;
	if (span_trim(text).n)
		e = fault_set(f, ERR_USAGE, "there is more behind the addresses");
	else if (base64_decode(word, &secret) || secret.n != FEED_SECRET)
		e = fault_set(f, ERR_USAGE, "the secret is not %d octets in base64", FEED_SECRET);
	else if (feeds_consumer(feeds, feed, name))
		e = fault_set(f, ERR_EXISTS, "consumer \"%s\" of feed \"%s\" is there twice", name, feed);
	else
		e = feeds_consumer_set(feeds, feed, name, secret.p, notify, f);
	if (secret.p)
		explicit_bzero(secret.p, secret.n);
	buf_release(&secret);
	return e;
}

static enum err take_raised(struct feeds *feeds, struct span text, struct fault *f)
{
	uint64_t n;
	if (num_parse_u64(span_trim(text), UINT32_MAX, &n))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is no number of changes", SPAN_ARG(span_head(text, 100)));
	if (feeds->raised < n)
		feeds->raised = n;
	return OK;
}

enum err feeds_parse(struct span text, const char *name, struct feeds *feeds, struct fault *f)
{
	for (unsigned n = 1; text.n; n++) {
		struct span line = span_head(text, span_find(text, '\n'));
		text = span_from(text, line.n + 1);
		line = span_trim(span_head(line, span_find(line, '#')));
		struct fault why = { .text = "" };
		struct span rest = line, word = span_word(&rest);
		enum err e = OK;
		if (span_is(word, "feed"))
			e = feeds_add(feeds, rest, &why);
		else if (span_is(word, "consumer"))
			e = take_consumer(feeds, rest, &why);
		else if (span_is(word, "raised"))
			e = take_raised(feeds, rest, &why);
		else if (word.n)
			e = fault_set(&why, ERR_USAGE, "the line begins with none of \"feed\", \"consumer\" and \"raised\"");
		if (e)
			return fault_set(f, ERR_USAGE, "%s:%u: %s", name, n, why.text);
	}
	return OK;
}

/* The keys in it are worth as much as the decisions that they unlock: as with node.key, others may not read them. */
static enum err read_file(const char *path, struct buf *text, struct fault *f)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	enum err e = OK;
	if (fstat(fd, &st) == 0 && (st.st_mode & 077))
		e = fault_set(f, ERR_FORBIDDEN, "others may read the keys in \"%s\": chmod 600 it", path);
	for (ssize_t n = 1; e == OK && n > 0;) {
		n = read(fd, buf_reserve(text, 65536), 65536);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			e = fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
		else
			text->n += (size_t)n;
		if (text->n > FILE_MAX)
			e = fault_set(f, ERR_RANGE, "\"%s\" is larger than %d octets", path, FILE_MAX);
	}
	close(fd);
	return e;
}

static void wipe(struct buf *text)
{
	if (text->p)
		explicit_bzero(text->p, text->cap);
	buf_release(text);
}

enum err feeds_read(const char *dir, struct feeds *feeds, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096];
	snprintf(path, sizeof(path), "%s/feeds.conf", dir);
	enum err e = read_file(path, &text, f);
	if (e == OK)
		e = feeds_parse(buf_span(&text), path, feeds, f);
	wipe(&text);
	return e;
}

static void put_all(const struct feeds *feeds, struct buf *out)
{
	buf_puts(out, "# Feeds and the keys of their consumers, as \"sipar feed\" writes them; by hand only while no daemon runs.\n");
	for (unsigned i = 0; i < feeds->n; i++) {
		buf_puts(out, "feed ");
		feed_put(&feeds->v[i], out);
		buf_putc(out, '\n');
	}
	if (feeds->raised)
		buf_printf(out, "raised %llu\n", (unsigned long long)feeds->raised);
	for (unsigned i = 0; i < feeds->n_consumers; i++) {
		const struct consumer *c = &feeds->consumer[i];
		buf_printf(out, "consumer %s %s ", c->feed, c->name);
		base64_put(out, span_of(c->secret, sizeof(c->secret)));
		buf_printf(out, "%s%s\n", c->notify[0] ? " " : "", c->notify);
	}
}

static bool write_all(int fd, struct span octets)
{
	while (octets.n) {
		ssize_t n = write(fd, octets.p, octets.n);
		if (n < 0 && errno != EINTR)
			return false;
		octets = span_from(octets, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0;
}

static bool sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return done;
}

enum err feeds_write(const char *dir, const struct feeds *feeds, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096], draft[4112];
	snprintf(path, sizeof(path), "%s/feeds.conf", dir);
	snprintf(draft, sizeof(draft), "%s.new", path);
	buf_reserve(&text, FILE_MAX); /* does not move from here on, so that no keys are left behind */
	put_all(feeds, &text);
	unlink(draft);
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool done = fd >= 0 && write_all(fd, buf_span(&text));
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (done && (rename(draft, path) || !sync_directory(dir))) {
		error = errno;
		done = false;
	}
	wipe(&text);
	if (done)
		return OK;
	if (fd >= 0)
		unlink(draft);
	return fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(error));
}
