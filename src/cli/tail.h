/* Tail: what has become of a file that is followed by its name, as logs are. */
#ifndef CLI_TAIL_H
#define CLI_TAIL_H

enum tail {
	TAIL_GROWS,    /**< it is the same, or nothing has its name */
	TAIL_SHORTER,  /**< than what was read of it: it was emptied */
	TAIL_REPLACED, /**< another file has its name: what came before it was moved away is still to be read */
};

/** @param cwd  directory that `name` is under, or AT_FDCWD; @param fd  the file, at where it was read to. */
enum tail tail_look(int cwd, const char *name, int fd);

#endif
