/* Object index: where the STIX objects of one lane are, in the order in which they were added, and which are versions of one.
 *
 * It is derived from the lane and can be made anew.  The file is only appended to; which record follows which version of its object, and
 * the table of ids, are in memory and made when it is opened (some 15 octets for each record).  Never durable by itself: after a loss of
 * power a file that does not add up is begun anew.
 *
 *   0  4096   head: struct index_head of object_index.c, little-endian, zeros behind it
 *   then 40 for each record, in order of added_us:
 *       0  8  added_us    8  8  version_us   16  8  keyed hash of the id   24  4  entry   28  4  offset   32  4  length
 *      36  2  keyed hash of the type   38  1  OBJECT_ flags   39  1  zero
 *
 * Threads: any may find; one at a time adds.
 */
#ifndef GATE_OBJECT_INDEX_H
#define GATE_OBJECT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum {
	OBJECT_OLD = 1,         /**< STIX 2.0 */
	OBJECT_REVOKED = 2,
	OBJECT_SPLIT = 4,       /**< its body goes on in the next entries of the lane */
	OBJECT_UNVERSIONED = 8, /**< has neither modified nor created: its version is when it was added */
};

struct object_ref {
	int64_t added_us;   /**< strictly rising */
	int64_t version_us; /**< 0: unversioned */
	uint64_t id;        /**< object_index_id() */
	uint32_t entry;     /**< number of the ledger entry whose body has it */
	uint32_t offset, length;
	uint16_t type;      /**< object_index_type() */
	uint8_t flags, zero;
};

/** Up to where a lane was read.  Plain data. */
struct object_mark {
	uint64_t seen;      /**< the last entry of the lane that was looked at; 0: none */
	uint8_t digest[32]; /**< of its body: another ledger has another one */
	int64_t end_us;     /**< times up to this one are given away */
};

/** What is asked for.  Empty fields do not narrow it down, but for versions: without any of them it is the last one of each object. */
struct object_filter {
	const struct span *ids, *types;
	const int64_t *versions_us;
	unsigned n_ids, n_types, n_versions;
	bool first, last, all;
	uint8_t specs;      /**< bit 0: STIX 2.0, bit 1: 2.1; 0: of each object the newest specification that it is there in */
	int64_t after_us;   /**< what was added up to this moment does not exist: first, last and newest are of the rest */
};

struct object_index;

/** Open, or begin anew when it cannot be used: then mark->seen is 0.
 *  @param identity  of the lane: a file of another one is not used.
 *  @return ERR_IO, ERR_FULL. */
enum err object_index_open(const char *path, uint64_t identity, struct object_index **ret_index, struct object_mark *ret_mark,
			   struct fault *f) MUST_USE;
struct object_index *object_index_hold(struct object_index *x);
/** The last one closes it.  NULL is fine. */
void object_index_drop(struct object_index *x);
/** What is under `from` is under `to` from now on, durable or not.  @return ERR_IO. */
enum err object_index_rename(const char *from, const char *to, struct fault *f) MUST_USE;

uint64_t object_index_id(const struct object_index *x, struct span id);
uint16_t object_index_type(const struct object_index *x, struct span type);
uint64_t object_index_count(struct object_index *x);

/** Add objects, in order; of those that have an id and version that is there already nothing is kept.
 *  @return ERR_FULL, ERR_IO: it is of no use any more: open it again. */
enum err object_index_add(struct object_index *x, const struct object_ref *refs, unsigned n, struct fault *f) MUST_USE;
/** What was added is of entries up to this one.  @return as object_index_add(). */
enum err object_index_mark(struct object_index *x, const struct object_mark *mark, struct fault *f) MUST_USE;

/** Objects that were added after `from_us` (and after filter->after_us), in order.
 *  @return how many were written, at most `room`. */
unsigned object_index_find(struct object_index *x, const struct object_filter *filter, int64_t from_us, struct object_ref *ret_refs, unsigned room);
/** The record of an id with this version, if it is there. */
bool object_index_has(struct object_index *x, struct span id, int64_t version_us, struct object_ref *ret_ref);
/** The record of the id's last version. */
bool object_index_last(struct object_index *x, struct span id, struct object_ref *ret_ref);

#endif
