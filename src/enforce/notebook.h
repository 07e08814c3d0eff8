/* Notebook: what the agent must not forget over a restart: the values of the feed, since when each is enforced here, and the serial.
 *
 * DIR/FAMILY-TABLE.state, mode 0600, lines:
 *
 *   sipar-enforce 1 FEED URL
 *   + b 1767225600 198.51.100.7      a value: b block or c challenge, since when (0: not enforced yet)
 *   - 198.51.100.7                   it is not in the feed any more
 *   = 17 1767225601                  serial, and when the node was heard of last
 *
 * Changes are appended, and made durable with their "=" line; what stands behind the last one does not count.  The file is written
 * anew, beside and renamed, when what was appended has become more than it.  One process at a time (a lock on DIR/FAMILY-TABLE.lock). */
#ifndef ENFORCE_NOTEBOOK_H
#define ENFORCE_NOTEBOOK_H

#include "enforce/values.h"

enum { NOTEBOOK_OF_MAX = 1200 };

struct notebook_head {
	uint64_t serial;
	int64_t heard_s;   /**< 0: never */
};

struct notebook;
/** Makes the directory if it is not there.
 *  @param of   "FEED URL": when the file is of another feed, its values are read (they are enforced here), its serial and
 *              `heard_s` are 0.
 *  @return ERR_BUSY: another agent works on this table; ERR_CORRUPT: the file says what it cannot, with the line; ERR_IO. */
enum err notebook_open(const char *dir, const char *name, const char *of, struct values *v, struct notebook_head *ret_head, struct notebook **ret_notebook,
		    struct fault *f) MUST_USE;
/** NULL is taken. */
void notebook_close(struct notebook *s);
/** For the next notebook_commit(). */
void notebook_put(struct notebook *s, const struct value *v);
void notebook_remove(struct notebook *s, const struct value *v);
/** Durable when OK.  After an error everything is written anew the next time. */
enum err notebook_commit(struct notebook *s, const struct notebook_head *head, struct values *v, struct fault *f) MUST_USE;
/** Delete it. */
enum err notebook_delete(const char *dir, const char *name, struct fault *f) MUST_USE;

/** What notebook_open() does with the file's text: for tests.  @param ret_used  octets up to the end of the last "=" line. */
enum err notebook_read(struct span text, const char *of, struct values *v, struct notebook_head *ret_head, size_t *ret_used, struct fault *f) MUST_USE;

#endif
