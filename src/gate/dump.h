/* Dump: what the sources say, as a file of a format that others read ("sipar export"; docs/export.md).  Not to be confused with export.h, which
 * writes snapshots for edges.
 *
 * In it is what stands at that moment in the lanes of a clearance: each claim once, with the category and confidence of its source when
 * it has none of its own; not what was replaced, taken back or is past its end, and not what protects or only tells what a thing is.  In the order
 * of the lanes and their entries, so that two dumps of one state are the same octets.  As STIX, objects that came as STIX are
 * given octet for octet, whatever their type, each version once, and indicators are made of all else.
 *
 * Memory: one body of an entry, 8 octets for each claim in it, and 16 for each STIX object. */
#ifndef GATE_DUMP_H
#define GATE_DUMP_H

#include "gate/node.h"
#include "gate/tally.h"

enum dump_format { DUMP_STIX, DUMP_MISP, DUMP_CSV, DUMP_INTELMQ, DUMP_FORMATS };

#define DUMP_ALL_KINDS (~0u)

struct dump_options {
	enum dump_format format;
	clearance clear;
	const char *source;  /**< NULL: all */
	unsigned kinds;      /**< bit for each enum obs_kind; DUMP_ALL_KINDS: STIX objects that claim nothing, too */
	int64_t since_ms;    /**< what was received since then; 0: all */
	uint32_t now_s;      /**< what is past its end then is left out */
};

struct dump_counts {
	uint64_t claims;     /**< written */
	uint64_t objects;    /**< of STIX, as they came */
	uint64_t octets;
	struct tally left_out; /**< claims that the format has no words for */
};

/** false: no more, the reader is gone. */
typedef bool dump_sink(void *ctx, struct span octets);

/** "stix", "misp", "csv", "intelmq".  @return DUMP_FORMATS: none of them. */
enum dump_format dump_format_parse(struct span name);
/** @return OK; ERR_CANCELLED: the sink has had enough; ERR_IO, ERR_CORRUPT: of the ledger.  The thread is a reader of the table. */
enum err dump(struct node *n, const struct dump_options *o, dump_sink *sink, void *ctx, struct dump_counts *ret_counts, struct fault *f) MUST_USE;

/** An object that came as STIX, lent for the call, and where.  false: no more. */
typedef bool dump_object_visit(void *ctx, const struct lane *lane, const struct entry *e, struct span object);
/** The objects that dump() would give octet for octet.  @return as dump(). */
enum err dump_objects(struct node *n, clearance clear, dump_object_visit *visit, void *ctx, struct fault *f) MUST_USE;

#endif
