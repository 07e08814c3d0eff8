/* Scan: streams of text through finder and table, on all cores; what is found comes out in the order of the streams.
 *
 *   caller ──▶ chunks ──▶ finder ──▶ sieve ──▶ reputation ──▶ printer ──▶ caller, in order
 *              (one thread reads; each of `threads`, the caller's among them, takes the next chunk through all the rest)
 *
 * Memory does not depend on the input: see scan.c.  One thread drives a scan; the callbacks are called from any of its threads,
 * one at a time. */
#ifndef SCAN_SCAN_H
#define SCAN_SCAN_H

#include "scan/chunk.h"
#include "scan/print.h"
#include "scan/hours.h"
#include "table/table.h"

enum { SCAN_THREADS_MAX = 16 };

/** Where answers come from, a node or a snapshot: one state of it, which does not change before scan_use() or scan_free(). */
struct scan_table {
	const struct table_view *(*enter)(void *ctx);
	/** @return false: the answers since enter() are of no use (a damaged file): nothing is told any more. */
	bool (*leave)(void *ctx);
	void *ctx;
};

struct scan_options {
	unsigned threads;          /**< 0: one per core; at most SCAN_THREADS_MAX */
	uint32_t kinds;            /**< as finder_new() */
	uint8_t min_score;         /**< a hit is listed with this score or more */
	clearance clear;
	struct scan_table table;
	uint64_t sieve_after;      /**< a sieve (view/sieve.h) is made when so many octets were or are to be read; 0: when it pays */
	struct print_options print;
	bool count;                /**< per stream the number of lines; the form is PRINT_NOTHING */
	bool first;                /**< the first hit is enough */
	struct hours *seen;         /**< NULL, or where hits are counted */
	struct stream_options stream;
	/** What was found; empties `out`.  @return false: nobody wants more. */
	bool (*write)(void *ctx, struct buf *out);
	/** From time to time, behind a write; both may be NULL. */
	void (*progress)(void *ctx, const char *name, uint64_t done, uint64_t size, uint64_t lines);
	/** Before a stream that has nothing more at the moment is read on, for waiting until its descriptor has something; the
	 *  scan is drained, and may be given another table.  NULL: the reading waits.  @return false: stop. */
	bool (*wait)(void *ctx, int fd);
	/** A line of stream `name` was cut. */
	void (*complain)(void *ctx, const char *name, uint64_t line);
	void *ctx;
};

struct scan;
struct scan *scan_new(const struct scan_options *o);
/** Waits for what is under way. */
void scan_free(struct scan *s);

/** A whole stream (taken over), or with o.stream.keep as much of it as there is now, all whole lines.  The times of its lines are not
 *  after `time_s`, more or less; a line without a time has that one (0: now).
 *  @return OK; ERR_CORRUPT, ERR_IO: it could not be read to its end, what came before counts; ERR_CANCELLED: nobody wants more. */
enum err scan_stream(struct scan *s, struct stream *in, int64_t time_s, struct fault *f) MUST_USE;
/** For streams that are kept: what stream_rest() gives; and the end of the stream, which is then the scan's to close. */
enum err scan_rest(struct scan *s, struct stream *in, bool anew, struct fault *f) MUST_USE;
enum err scan_end(struct scan *s, struct stream *in, struct fault *f) MUST_USE;
/** Until all that was given is written. */
void scan_drain(struct scan *s);
/** Another table from here on; drains first. */
void scan_use(struct scan *s, struct scan_table table);
/** Lines that were selected so far (with a hit, or with o.print.invert without one), of what is written. */
uint64_t scan_lines(struct scan *s);
uint64_t scan_hits(struct scan *s);

#endif
