/* What the ways of pulling share; private to pull*.c. */
#ifndef PEER_PULL_PARTS_H
#define PEER_PULL_PARTS_H

#include "peer/get.h"
#include "peer/pull.h"

enum { UNPACKED_TIMES = 20 /**< what is unpacked may be so many times as large as what may come */ };

/** One pull under way. */
struct pulling {
	struct node *node;
	const struct pull *p;
	const struct pull_watch *w;
	struct fetcher *fetcher;
	struct health *health;
	struct pull_report *report;
	uint32_t retry_s;       /**< what the server has asked for */
	uint64_t reported_ns;
	struct import *import;  /**< under way */
	bool too_large;         /**< it unpacks to more than it may */
};

bool pulling_cancelled(struct pulling *x);
uint64_t pulling_octets_max(const struct pulling *x);
/** get_run(), counted, with what it says noted in the health; any status but 200 and 304 is an error. */
enum err pulling_get(struct pulling *x, struct get *g, struct fault *f) MUST_USE;
/** Octets have come. */
void pulling_came(struct pulling *x, size_t n);
/** Where the temporary files go: an open file in DIR/pulls without a name. */
enum err pulling_file(struct pulling *x, int *ret_fd, struct fault *f) MUST_USE;
/** Write the health, as far as it has come: what was imported before is durable. */
enum err pulling_keep(struct pulling *x, struct fault *f) MUST_USE;

/** Imports for the source: begin, streams, finish.  After an error pulling_drop().  `strict`: a stream that is damaged is an error, too. */
enum err pulling_begin(struct pulling *x, const struct feed_format *format, struct fault *f) MUST_USE;
/** The same, of a retraction. */
enum err pulling_begin_retraction(struct pulling *x, const char *why, struct fault *f) MUST_USE;
/** From the start of `fd`, which is taken over. */
enum err pulling_stream(struct pulling *x, int fd, const char *name, struct fault *f) MUST_USE;
enum err pulling_finish(struct pulling *x, struct import_counts *ret_counts, struct fault *f) MUST_USE;
void pulling_drop(struct pulling *x);

enum err pull_misp(struct pulling *x, struct fault *f) MUST_USE;
enum err pull_plain(struct pulling *x, struct fault *f) MUST_USE;
enum err pull_taxii(struct pulling *x, struct fault *f) MUST_USE;

#endif
