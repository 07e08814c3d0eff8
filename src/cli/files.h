/* Files that a user named: "-", a file, or a directory with all regular files below it in order of their names. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>

#include "base/err.h"

/** For each file: an open descriptor (taken over) and its name; or, where it cannot be opened, `trouble` and fd -1.
 *  Return false to stop.  Links to directories are not followed below directories. */
typedef bool file_visit(void *ctx, int fd, const char *name, bool one_of_many, const struct fault *trouble);

/** @param cwd       directory that relative paths are under, or AT_FDCWD
 *  @param standard  descriptor that "-" stands for (it is duplicated)
 *  @param waits     opening a FIFO waits for its writer; false: the descriptor is non-blocking instead
 *  @param hidden    names that begin with a dot, too, below directories
 *  @return false when the visitor stopped. */
bool files_each(int cwd, int standard, bool waits, bool hidden, const char *path, bool one_of_many, file_visit *visit, void *ctx);

#endif
