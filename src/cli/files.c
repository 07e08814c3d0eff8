#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16, PATH_OCTETS = 4096 };

struct walk {
	int cwd, flags;
	bool hidden;
	file_visit *visit;
	void *ctx;
};

static bool tell(const struct walk *w, const char *path, bool many, const char *why)
{
	struct fault f;
	fault_set(&f, ERR_IO, "\"%s\" %s", path, why);
	return w->visit(w->ctx, -1, path, many, &f);
}

static bool tell_error(const struct walk *w, const char *path, bool many, const char *what)
{
	char why[200];
	snprintf(why, sizeof(why), "cannot be %s: %s", what, strerror(errno));
	return tell(w, path, many, why);
}

static bool each(const struct walk *w, const char *path, bool many, unsigned depth);

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int not_itself(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static bool each_in_directory(const struct walk *w, const char *path, unsigned depth)
{
	struct dirent **names;
	int n = scandirat(w->cwd, path, &names, w->hidden ? not_itself : not_hidden, alphasort);
	bool on = true;
	if (n < 0)
		return tell_error(w, path, true, "read");
	for (int i = 0; i < n; i++) {
		char below[PATH_OCTETS];
		if (on && snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name) < (int)sizeof(below))
			on = each(w, below, true, depth + 1);
		free(names[i]);
	}
	free(names);
	return on;
}

static bool each(const struct walk *w, const char *path, bool many, unsigned depth)
{
	struct stat st, link;
	if (fstatat(w->cwd, path, &st, 0) || fstatat(w->cwd, path, &link, AT_SYMLINK_NOFOLLOW))
		return tell_error(w, path, many, "opened");
	if (depth > 0 && S_ISDIR(st.st_mode) && S_ISLNK(link.st_mode))
		return true;
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? each_in_directory(w, path, depth) : tell(w, path, true, "is too deep in directories");
	if (depth > 0 && !S_ISREG(st.st_mode))
		return true;
	int fd = openat(w->cwd, path, O_RDONLY | O_CLOEXEC | w->flags);
	if (fd < 0)
		return tell_error(w, path, many, "opened");
	return w->visit(w->ctx, fd, path, many, NULL);
}

bool files_each(int cwd, int standard, bool waits, bool hidden, const char *path, bool one_of_many, file_visit *visit, void *ctx)
{
	struct walk w = { cwd, waits ? 0 : O_NONBLOCK, hidden, visit, ctx };
	if (strcmp(path, "-") == 0)
		return visit(ctx, fcntl(standard, F_DUPFD_CLOEXEC, 3), "(standard input)", one_of_many, NULL);
	char clean[PATH_OCTETS];
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= sizeof(clean))
		return tell(&w, path, one_of_many, strerror(ENAMETOOLONG));
	memcpy(clean, path, n);
	clean[n] = 0;
	return each(&w, clean, one_of_many, 0);
}
