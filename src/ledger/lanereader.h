/* Lane reader: a lane file (lanefile.h) from a descriptor, a parcel at a time, so that a lane of any length needs the memory of one. */
#ifndef LEDGER_LANEREADER_H
#define LEDGER_LANEREADER_H

#include "ledger/lanefile.h"
#include "ledger/parcel.h"

/** Zero-initialised but for the first two.  A reader of one thread. */
struct lanereader {
	int fd;                  /**< the caller's to close; may be a pipe */
	int caller;              /**< as io_read() */
	struct lanefile head;
	uint64_t at;             /**< entries up to here were read */
	uint64_t octets;         /**< that were read */
	struct buf ahead;        /**< private */
	size_t used;             /**< private: of `ahead`, the parcel that was given last */
};
void lanereader_release(struct lanereader *r);

/** First.  @return as lanefile_head(), but ERR_MORE: the file ends in it; ERR_IO; ERR_CANCELLED. */
enum err lanereader_head(struct lanereader *r, struct fault *f) MUST_USE;
/** The next parcel: valid, as what `ret_parsed` points to, until the next call.  Its form is checked, and that it begins where the one before it ends.
 *  @return ERR_NOTFOUND: that was all, and nothing follows; ERR_MORE: the file ends in the middle; ERR_SYNTAX, ERR_RANGE, ERR_UNSUPPORTED, ERR_CORRUPT;
 *          ERR_IO; ERR_CANCELLED: who waits for it is gone. */
enum err lanereader_next(struct lanereader *r, struct span *ret_parcel, struct parcel *ret_parsed, struct fault *f) MUST_USE;

#endif
