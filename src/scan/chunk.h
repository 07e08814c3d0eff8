/* Chunks: a stream of text in pieces that end where a line ends, whatever packed it.
 *
 * A line that is longer than a chunk is kept whole up to LINE_MAX octets; a longer one is cut where no observable can stand
 * (at a border, see docs/scan.md), and the pieces say so. */
#ifndef SCAN_CHUNK_H
#define SCAN_CHUNK_H

#include "base/buf.h"
#include "base/err.h"

/* A chunk is read, its line ends are counted and it is looked through while it is in a core's second-level cache. */
enum { CHUNK_OCTETS = 256 << 10, CHUNK_LINE_MAX = 16 << 20 };

struct chunk {
	struct buf text;
	uint64_t line;      /**< number of its first line, from 1 */
	uint64_t column;    /**< octets of that line that stand before the chunk: not 0 where a line was cut */
	uint64_t offset;    /**< of its first octet in the (unpacked) stream */
	bool cut;           /**< its last line goes on in the next chunk */
	bool binary;        /**< the stream is no text: a NUL is near its beginning */
};

struct stream;

struct stream_options {
	size_t chunk_octets, line_max; /**< 0: the defaults */
	bool keep;                     /**< the descriptor may grow: hold back a last line without an end, see stream_rest() */
};

enum stream_state {
	STREAM_MORE,  /**< read on */
	STREAM_WAITS, /**< a pipe or terminal has no more at the moment: reading on waits for it */
	STREAM_END,   /**< that was all (as far as the descriptor goes, with `keep`) */
};

/** Takes `fd` over, also on error.
 *  @return ERR_UNSUPPORTED: it is an archive; ERR_IO; ERR_CORRUPT. */
enum err stream_open(int fd, const char *name, const struct stream_options *o, struct stream **ret_stream, struct fault *f) MUST_USE;
void stream_close(struct stream *s);
/** The next chunk, which may be empty but for STREAM_MORE.  c->text is emptied first and its memory used again.
 *  @param room  is asked before the chunk grows beyond the usual, for the `octets` that it may have; may be NULL.
 *  @return OK; ERR_CORRUPT, ERR_IO: the stream cannot be read further, and all that came before was given. */
enum err stream_read(struct stream *s, struct chunk *c, void (*room)(void *ctx, size_t octets), void *ctx,
		     enum stream_state *ret_state, struct fault *f) MUST_USE;
/** What is held back, as a chunk; it may be empty.  Lines are counted from 1 again when `anew`: another file follows. */
void stream_rest(struct stream *s, bool anew, struct chunk *c);
/** Go on with another descriptor (taken over): a file that was replaced.  After stream_rest(). */
enum err stream_reopen(struct stream *s, int fd, struct fault *f) MUST_USE;
/** Descriptor, for looking at the file; and how far it is read. */
int stream_fd(const struct stream *s);
void stream_progress(const struct stream *s, uint64_t *ret_done, uint64_t *ret_size);
const char *stream_name(const struct stream *s);
/** Is it read as it lies there: a file that is not packed? */
bool stream_is_plain(const struct stream *s);

/** Line ends in `text`. */
uint64_t count_lines(struct span text);
/** Where to cut `text` that must be cut: behind the last border; text.n when there is none near the end: then no observable is that
 *  long either. */
size_t cut_before(struct span text);

#endif
