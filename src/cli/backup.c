/* sipar backup: a copy of the node while it works.  sipar restore: a node from such a copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/option.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/key.h"

struct backup_options {
	const char *dir;
	bool json, quick;
};

#define BACKUP_ROWS(o) { OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json), OPTION_END }
#define RESTORE_ROWS(o)                                                                                                \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 0, "quick", NULL, "do not verify the whole copy first", OPTION_FLAG, &(o)->quick, 0 }, OPTION_END            \
	}

/* All of a data directory but what can be made anew. */
static const struct {
	const char *name;
	mode_t mode;
	bool needed;
} files[] = { { "node.key", 0600, false }, { "node.pub", 0644, true }, { "sipar.conf", 0644, false },
	      { "feeds.conf", 0600, false }, { "pulls.conf", 0600, false },
	      { "peers.conf", 0600, false } };

static enum err trouble(const char *name, const char *what, struct fault *f)
{
	enum err e = errno == EEXIST ? ERR_EXISTS : errno == ENOENT ? ERR_NOTFOUND : errno == ENOSPC ? ERR_FULL : errno == EACCES ? ERR_FORBIDDEN : ERR_IO;
	return fault_set(f, e, "\"%s\" cannot be %s: %s", name, what, strerror(errno));
}

/* The file as a new one of the same name, durable. */
static enum err copy_file(int from, int to, const char *name, mode_t mode, struct fault *f)
{
	uint8_t octets[65536];
	enum err e = OK;
	ssize_t n = 0;
	int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return trouble(name, "read", f);
	int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (out < 0) {
		close(in);
		return trouble(name, "made", f);
	}
	while (e == OK && (n = read(in, octets, sizeof(octets))) > 0) {
		errno = ENOSPC;
		if (write(out, octets, (size_t)n) != n)
			e = trouble(name, "written", f);
	}
	explicit_bzero(octets, sizeof(octets)); /* one of them is the key */
	if (e == OK && (n < 0 || fsync(out)))
		e = trouble(name, "copied", f);
	close(in);
	close(out);
	return e;
}

static enum err copy_files(int from, int to, struct fault *f)
{
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		enum err e = copy_file(from, to, files[i].name, files[i].mode, f);
		if (e && (e != ERR_NOTFOUND || files[i].needed))
			return e;
	}
	return fsync(to) ? trouble(".", "made durable", f) : OK;
}

/* What was copied, when the copy could not be made whole: neither is a half of one taken for a node, nor is it in the way. */
static void remove_copies(int to)
{
	static const char *const database[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal" };
	for (size_t i = 0; i < COUNT_OF(files); i++)
		unlinkat(to, files[i].name, 0);
	for (size_t i = 0; i < COUNT_OF(database); i++)
		unlinkat(to, database[i], 0);
}

/* A new directory, or one that has no node, below `cwd`. */
static enum err make_directory(int cwd, const char *path, int *ret_fd, struct fault *f)
{
	if (mkdirat(cwd, path, 0700) && errno != EEXIST)
		return trouble(path, "made", f);
	int fd = openat(cwd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return trouble(path, "opened", f);
	bool there = faccessat(fd, "ledger.db", F_OK, 0) == 0;
	for (size_t i = 0; i < COUNT_OF(files); i++)
		there |= faccessat(fd, files[i].name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (there) {
		close(fd);
		return fault_set(f, ERR_EXISTS, "there is a node or a backup in \"%s\" already", path);
	}
	*ret_fd = fd;
	return OK;
}

/* The key and the ledger that it signs, of one moment: a rotation in between would give a copy that cannot be opened. */
static enum err copy_node(struct node *n, int from, int to, struct fault *f)
{
	char database[64];
	uint8_t before[KEY_OCTETS], after[KEY_OCTETS];
	snprintf(database, sizeof(database), "/proc/self/fd/%d/ledger.db", to);
	enum err e = key_read_public(node_dir(n), before, f);
	if (e || (e = copy_files(from, to, f)) || (e = ledger_backup(node_ledger(n), database, f)) ||
	    (e = key_read_public(node_dir(n), after, f)))
		return e;
	if (memcmp(before, after, sizeof(before)) != 0)
		return fault_set(f, ERR_BUSY, "the key was replaced meanwhile: begin again");
	return fsync(to) ? trouble(".", "made durable", f) : OK;
}

static enum err backup(struct verb_env *env, const struct backup_options *o, const char *path, struct fault *f)
{
	struct buf out = { 0 };
	struct stat st = { 0 };
	int to, from = open(node_dir(env->node), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return trouble(node_dir(env->node), "opened", f);
	enum err e = make_directory(env->cwd, path, &to, f);
	if (e) {
		close(from);
		return e;
	}
	e = copy_node(env->node, from, to, f);
	if (e)
		remove_copies(to);
	else if (fstatat(to, "ledger.db", &st, 0))
		e = trouble("ledger.db", "examined", f);
	close(from);
	close(to);
	if (e)
		return fault_at(f, "backup to \"%s\"", path), e;
	buf_printf(&out, o->json ? "{\"octets\":%llu}\n" : "backed up: %llu octets of ledger, the key and the configuration\n",
		   (unsigned long long)st.st_size);
	verb_out(env, &out);
	buf_release(&out);
	return OK;
}

static int run_backup(struct verb_env *env, int argc, char **argv)
{
	struct backup_options o = { 0 };
	const struct option rows[] = BACKUP_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "backup: give one directory to write to");
	if (e == OK && env->node)
		e = backup(env, &o, argv[1], &f);
	return verb_end(env, e, &f);
}

/* ---- restore ---- */

static void on_finding(void *ctx, const char *text)
{
	verb_complain(ctx, "%s", text);
}

/* What a restored node goes on from: whoever has seen more of a lane must not be shown less. */
static void put_lanes(struct ledger *l, bool json, struct buf *out)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	buf_puts(out, json ? "{\"lanes\":{" : "restored; the lanes go on from here:\n");
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, json ? "%s\"%s\":%llu" : "%s  %-20s %12llu entries\n", json && i ? "," : "", lanes[i].name, (unsigned long long)lanes[i].size);
	buf_puts(out, json ? "}}\n" : "If the old node served checkpoints beyond these sizes, others will see a fork: make new lanes then\n"
				      "(docs/ledger.md, \"Backup\").\n");
	free(lanes);
}

static enum err check_copy(struct verb_env *env, const struct backup_options *o, const char *dir, struct buf *out, struct fault *f)
{
	struct verify_counts counts;
	struct ledger *l;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	enum err e = ledger_open(dir, false, &l, f);
	if (e)
		return e;
	if (!o->quick && (e = ledger_verify(l, cores > 0 ? (unsigned)cores : 1, on_finding, NULL, env, &counts, f)) == OK && counts.findings)
		e = fault_set(f, ERR_CORRUPT, "the backup does not verify: %llu findings", (unsigned long long)counts.findings);
	if (e == OK)
		put_lanes(l, o->json, out);
	ledger_close(l);
	return e;
}

static enum err restore(struct verb_env *env, const struct backup_options *o, const char *path, struct fault *f)
{
	struct buf out = { 0 };
	int to = -1, from = openat(env->cwd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return trouble(path, "opened", f);
	enum err e = make_directory(AT_FDCWD, env->dir, &to, f);
	if (e == OK && (e = copy_file(from, to, "ledger.db", 0600, f)) == OK && (e = copy_files(from, to, f)) == OK)
		e = check_copy(env, o, env->dir, &out, f);
	if (e)
		fault_at(f, "restore of \"%s\"", path);
	else
		verb_out(env, &out);
	if (e && to >= 0)
		remove_copies(to);
	close(from);
	if (to >= 0)
		close(to);
	buf_release(&out);
	return e;
}

static int run_restore(struct verb_env *env, int argc, char **argv)
{
	struct backup_options o = { 0 };
	const struct option rows[] = RESTORE_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n != 1)
		e = fault_set(&f, ERR_USAGE, "restore: give the directory of the backup");
	if (e == OK)
		e = restore(env, &o, argv[1], &f);
	return verb_end(env, e, &f);
}

static void backup_help(struct buf *out)
{
	struct backup_options o;
	const struct option rows[] = BACKUP_ROWS(&o);
	options_help(rows, out);
}

static void restore_help(struct buf *out)
{
	struct backup_options o;
	const struct option rows[] = RESTORE_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_backup = {
	.name = "backup",
	.summary = "Copy ledger, key and configuration to a new directory, while the node works",
	.usage = "[OPTION...] NEW-DIR",
	.details = "The copy is of one moment and durable when the command ends.  The reputation table is not in it: it is made anew from the\n"
		   "ledger.  The private key is: keep the copy as you keep the node.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run_backup,
	.options = backup_help,
};

const struct verb verb_restore = {
	.name = "restore",
	.summary = "Make a data directory from a backup, verify it, and say from where its lanes go on",
	.usage = "[OPTION...] BACKUP-DIR",
	.details = "The data directory (-d) must not hold a node.  The restored node signs the same logs: see to it that the old one never\n"
		   "serves again.\n\n"
		   "Exit status: 0 done, 2 not done, or the copy does not verify.\n",
	.run = run_restore,
	.options = restore_help,
};
