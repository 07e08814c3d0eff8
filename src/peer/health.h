/* Health: how a source that is pulled fares, and where it stands.  DIR/pulls/SOURCE, lines "name = value", replaced as a whole.
 *
 * What the next request goes on from (tag, cursor ...) is written after what came before it is durable in the ledger: after a crash in between
 * the same is asked again. */
#ifndef PEER_HEALTH_H
#define PEER_HEALTH_H

#include "base/buf.h"
#include "base/err.h"

struct health {
	int64_t tried_ms, good_ms, changed_ms; /**< last begun; last that went well; last that brought something; 0: never */
	int64_t next_ms;             /**< when it is due; 0: now */
	uint64_t failures;           /**< in a row */
	uint64_t pulls, failed;      /**< of all that were tried, and of them that failed */
	uint64_t status;             /**< of HTTP, the last one */
	uint64_t octets, objects;    /**< of the last that brought something: as it came; records accepted */
	uint64_t objects_all;        /**< of all */
	char error[400];             /**< of the last try; "": it went well */
	/* where it stands */
	char of[65];                 /**< digest of what is pulled into where: with other settings it begins anew */
	char etag[256], modified[64];
	char digest[65];             /**< of the body that was imported last */
	char refused[65];            /**< of one that could not be: it is not tried again */
	char after[64];              /**< of TAXII and MISP: everything up to this time is here, of the collection that is furthest */
};

/** @return ERR_USAGE with the line. */
enum err health_parse(struct span text, const char *name, struct health *h, struct fault *f) MUST_USE;
void health_format(const struct health *h, struct buf *out);
/** One that is not there, or is damaged, is all zero: then everything is pulled again. */
enum err health_read(const char *dir, const char *source, struct health *ret_health, struct fault *f) MUST_USE;
enum err health_write(const char *dir, const char *source, const struct health *h, struct fault *f) MUST_USE;
/** Forget it, with whatever else is kept of the source. */
void health_forget(const char *dir, const char *source);
/** Forget where it stands: tags and digests in `h`, and the files beside it. */
void health_anew(const char *dir, const char *source, struct health *h);
/** Make DIR/pulls. */
enum err health_directory(const char *dir, struct fault *f) MUST_USE;

#endif
