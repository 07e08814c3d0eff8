/* Entry: one statement in a lane, as it is told and as it is read back; and the lane. */
#ifndef LEDGER_ENTRY_H
#define LEDGER_ENTRY_H

#include "base/buf.h"
#include "base/err.h"

/** The lanes that a reader may see: bit n for lane number n. */
typedef uint64_t clearance;
/** Local operator with the data directory in hand. */
#define CLEARANCE_ALL UINT64_MAX

enum { LANES_MAX = 64, LANE_NAME_MAX = 31, LANE_REALM_MAX = 15, TOKEN_MAX = 8192, BODY_MAX = 17 << 20 };

struct lane {
	uint8_t number;
	char name[LANE_NAME_MAX + 1];   /**< [a-z0-9-]+ */
	uint8_t tlp;                    /**< audience: enum tlp of codec/tlp.h, TLP_CLEAR .. TLP_RED */
	char realm[LANE_REALM_MAX + 1]; /**< "production" or "exercise" */
	uint64_t size;                  /**< entries */
};

enum entry_kind {
	ENTRY_FEED = 1,   /**< a piece of a feed: format and state token say how to read the body */
	ENTRY_SOURCE = 2, /**< a source was added, changed or removed: JSON body */
	ENTRY_LANE = 3,   /**< the first of a lane: its audience */
	ENTRY_ENDED = 4,  /**< an import has ended and counts from here on: JSON body with its counts */
};

enum {
	ENTRY_BEGINS = 1,   /**< first piece of an import */
	ENTRY_SNAPSHOT = 2, /**< of an ENTRY_ENDED: replaces what the source said before */
};

/** What is told to the ledger.  Strings and spans are borrowed until the number that it got was waited for. */
struct submission {
	uint8_t lane;
	uint8_t kind, flags;
	uint64_t import;       /**< number of the import's first entry; 0: this is it */
	int64_t time_ms;       /**< when it was received */
	const char *party;     /**< who says it; "local" for the operator; at most 63 octets */
	const char *source;    /**< name of the source, or "" ; at most 63 octets */
	const char *media;     /**< format name; at most 31 octets */
	struct span token;     /**< parser state before this piece; at most TOKEN_MAX octets */
	uint32_t count;        /**< records in the body */
	struct span body;      /**< at most BODY_MAX octets */
};

/** What is read back. */
struct entry {
	uint64_t number;       /**< over all lanes of the node, rising, from 1; gaps are allowed */
	uint64_t index;        /**< in its lane, without gaps, from 0 */
	uint8_t lane, kind, flags;
	uint64_t import;       /**< number of the import's first entry: this one's when it was told as 0 */
	int64_t time_ms;
	char party[64], source[64], media[32];
	struct buf token;
	uint32_t count;
	uint32_t body_octets;
	uint8_t digest[32];    /**< SHA-256(nonce || body) */
};
void entry_release(struct entry *e);

/** Entries and octets stored since opening: for metrics. */
struct ledger_stats { uint64_t commits, entries, body_octets, packed_octets; };

/** Is it within its bounds?  @return ERR_RANGE, ERR_SYNTAX.  The lane's existence and the import are not looked at. */
enum err submission_check(const struct submission *s, struct fault *f) MUST_USE;
/** Is it one that can be made? */
enum err lane_check(const char *name, uint8_t tlp, const char *realm, struct fault *f) MUST_USE;
/** Body of the ENTRY_LANE that founds a lane: {"audience":"tlp:green","lane":"name","realm":"production"}. */
void lane_body(const struct lane *l, struct buf *out);

#endif
