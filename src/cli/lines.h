/* Lines of a descriptor, for verbs that read values from standard input. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"
#include "base/err.h"

enum { LINE_MAX_OCTETS = 1 << 16 };

/** Each line without its end; return false to stop.  A line above LINE_MAX_OCTETS is given cut to that.
 *  @param caller  as for io_read().  @return OK, also when the caller has gone; ERR_IO. */
enum err lines_each(int fd, int caller, bool (*visit)(void *ctx, struct span line, uint64_t number), void *ctx, struct fault *f) MUST_USE;

/** The same for what grows.  Zero-initialised but for visit and ctx. */
struct lines {
	bool (*visit)(void *ctx, struct span line, uint64_t number);
	void *ctx;
	uint64_t number;
	bool over;       /**< private: inside the rest of a line that was too long */
	struct buf rest; /**< private: of a line that has not come whole */
};
/** Each line that has come since; the beginning of one waits for the rest of it.  @return OK, also when the visitor says stop; ERR_IO. */
enum err lines_more(struct lines *l, int fd, struct fault *f) MUST_USE;
/** No more comes: what waits is a line. */
void lines_end(struct lines *l);

#endif
