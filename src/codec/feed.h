/* Feeds: what the bytes of a list, report or bundle say, record by record.
 *
 * A format is one const struct feed_format and one row in feed_formats[].  A parser is pure: bytes in, records out; no
 * file, clock, allocation beyond its state, or log.  It is fed with pieces of a stream; each call consumes whole records
 * only, so that each piece, with the token that feed_save() gave before it, can be parsed again alone and says the same.
 *
 * What a record is depends on the format: a line, a CSV row (not its heading), a STIX object, a MISP attribute, a
 * warning-list entry.  Every record has exactly one fate, so that read = claims + skipped + rejected.
 */
#ifndef CODEC_FEED_H
#define CODEC_FEED_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/category.h"
#include "codec/observable.h"
#include "codec/tlp.h"

enum {
	FEED_RECORD_MAX = 1 << 20,        /**< octets of one line or row; a longer one is rejected and skipped over */
	FEED_OBJECT_MAX = 16 << 20,       /**< octets of one JSON object (a STIX object, a MISP attribute) */
	FEED_CLAIMS_MAX = 64,             /**< claims of one record; more of them: several records are not made, ERR_RANGE */
	FEED_TOKEN_MAX = 4096,            /**< octets of a saved state */
};

/** What a claim says of its observable. */
enum stance {
	STANCE_INDICATOR,      /**< it is bad */
	STANCE_SIGHTING,       /**< it was seen, as bad, again */
	STANCE_FALSE_POSITIVE, /**< it is not bad */
	STANCE_RETRACTED,      /**< this source takes its earlier claim back */
	STANCE_PROTECTED,      /**< it must never be blocked: caps the score at 0 */
	STANCE_KNOWN,          /**< it is a known thing (a resolver, a cloud): said by why, changes no score */
	STANCE_MET,            /**< it was met while it was blocked (reports of hits; no feed says so): what is said of it is as fresh */
	STANCE_UNSAID = 8,     /**< + one of the first three: the source takes back that it said just that, in that category */
};

/** Does a claim of this stance take something back? */
static inline bool stance_takes_back(uint8_t stance)
{
	return stance == STANCE_RETRACTED || (stance >= STANCE_UNSAID && stance <= STANCE_UNSAID + STANCE_FALSE_POSITIVE);
}

/** Which parts of a name a protected or known claim is about, and to which kinds it applies. */
enum {
	KINDS_IP = 1, KINDS_DOMAIN = 2, KINDS_URL = 4, KINDS_HASH = 8, KINDS_EMAIL = 16, KINDS_ALL = 31,
};

enum { CONFIDENCE_ABSENT = 255 };

struct feed_claim {
	struct observable obs;  /**< valid during the callback */
	uint8_t stance;         /**< enum stance */
	uint8_t category;       /**< enum category; CAT_UNKNOWN: the source's own */
	uint8_t confidence;     /**< 0..100, or CONFIDENCE_ABSENT */
	uint8_t kinds;          /**< KINDS_*, for STANCE_PROTECTED and STANCE_KNOWN; else KINDS_ALL */
	bool part;              /**< an atom of an AND pattern: kept, never enough alone (scored at 0) */
	bool exact_only;        /**< a protection of this very value, not of what it covers */
	uint32_t seen;          /**< event time, seconds since 1970; 0: not said */
	uint32_t until;         /**< end of validity; 0: none */
};

/** Text rules that are no observable: warning lists of types substring and regex, strings that are not observables. */
enum text_rule { RULE_NONE, RULE_STRING, RULE_SUBSTRING, RULE_REGEX };

enum feed_fate {
	FATE_CLAIMS,   /**< says something: n_claims >= 1, or a text rule */
	FATE_SKIPPED,  /**< says nothing about an observable: blank, comment, heading, another kind of object (`what` names it) */
	FATE_REJECTED, /**< should have said something and could not be understood: `reason` */
};

struct feed_record {
	enum feed_fate fate;
	uint64_t line;                   /**< of its start in the whole stream, from 1 */
	size_t off, len;                 /**< where it is in the piece, for cutting it out */
	struct span id;                  /**< of the object, as it is written (STIX id, MISP uuid; no escapes); empty: it has none */
	const struct feed_claim *claims;
	unsigned n_claims;
	uint8_t rule;                    /**< enum text_rule */
	struct span rule_text;
	uint8_t rule_kinds;              /**< KINDS_* that the rule applies to */
	uint8_t rule_stance;             /**< STANCE_PROTECTED or STANCE_KNOWN */
	uint8_t tlp;                     /**< enum tlp: the strictest marking of the record, as far as it says one */
	const char *what;                /**< skipped: "blank", "comment", "heading", a STIX type, a MISP attribute type; static or valid in the call */
	const char *reason;              /**< rejected: the sentence */
};

/** Called once per record, in order of the stream.  Return false to stop parsing: feed_parse() then answers ERR_CANCELLED
 *  with everything before this record consumed. */
typedef bool feed_sink(void *ctx, const struct feed_record *r);

struct feed_options {
	struct span column;       /**< CSV: name or number (from 1) of the column; empty: found */
	enum stance stance;       /**< what the lines of a plain list say; STANCE_INDICATOR by default */
	uint8_t tlp;              /**< enum tlp: what holds records and is marked more strictly than this is one record, so that it can be taken out whole; 0: of no matter */
};

struct feed_format {
	const char *name;         /**< for --format and for the entry: "lines", "csv", "stix", ... */
	const char *title;        /**< one line for --help and docs */
	/** How sure this format is of a stream that begins with `head` (64 KiB, or all of it when `whole`): 0 no, 100 certain.
	 *  `filename` (may be NULL) is a hint only.  Ties go to the earlier row. */
	int (*sniff)(struct span head, bool whole, const char *filename);
	bool adds;                /**< files of it add to what their source said (reports); false: each is all of it (lists) */
	size_t state_size;        /**< octets of state: plain data, no pointers out, so copying it is legal */
	void (*start)(void *state, const struct feed_options *o);
	/** Consume whole records of `in`; with `last`, all of it (an unfinished record is rejected), though of a piece that is
	 *  longer than FEED_OBJECT_MAX perhaps not in one call: call again with the rest while *ret_used > 0.
	 *  @param ret_used  octets consumed, set also with errors; 0 with OK means: give more (the piece holds no whole record).
	 *  @return OK; ERR_CANCELLED; ERR_SYNTAX when the rest of the stream cannot be understood at all (JSON broken): the
	 *          fault has line and column; records before it stand. */
	enum err (*parse)(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f);
	/** State at a record boundary as a short printable token (may be empty), and back.  NULL, NULL: lines of the stream
	 *  do not depend on each other but for the line number, which the driver keeps. */
	void (*save)(const void *state, struct buf *out);
	enum err (*load)(void *state, struct span token);
};

/** All formats, in the order of preference, ended by NULL. */
extern const struct feed_format *const feed_formats[];

/** By name.  NULL: none. */
const struct feed_format *feed_format_find(struct span name);

/** The most certain format for a stream that begins with `head`.
 *  @param ret_sure  0..100.  @return NULL when nothing is recognised (a binary file, an empty one, prose). */
const struct feed_format *feed_detect(struct span head, bool whole, const char *filename, int *ret_sure);

/** A running parser of one stream. */
struct feed_parser;
struct feed_parser *feed_parser_new(const struct feed_format *format, const struct feed_options *o);
void feed_parser_free(struct feed_parser *p);
/** See struct feed_format.  Keeps the line number. */
enum err feed_parse(struct feed_parser *p, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		    struct fault *f) MUST_USE;
/** Token of format state and line number, at most FEED_TOKEN_MAX octets, printable ASCII; and a parser that goes on from it. */
void feed_parser_save(const struct feed_parser *p, struct buf *out);
enum err feed_parser_load(struct feed_parser *p, struct span token) MUST_USE;

#endif
