/* Entry: one statement in a lane, as it is told and as it is read back; and the lane. */
#ifndef LEDGER_ENTRY_H
#define LEDGER_ENTRY_H

#include "base/buf.h"
#include "base/err.h"

/** The lanes that a reader may see: bit n for lane number n. */
typedef uint64_t clearance;
/** Local operator with the data directory in hand. */
#define CLEARANCE_ALL UINT64_MAX

enum {
	LANES_MAX = 64,
	LANE_OWN_MAX = 31,           /**< octets of the name of a lane of this node */
	PEER_NAME_MAX = 31,
	LANE_NAME_MAX = PEER_NAME_MAX + 1 + LANE_OWN_MAX, /**< of a mirrored one: "PEER.LANE" */
	LANE_REALM_MAX = 15,
	LANE_MEMBERS_MAX = 1023,     /**< octets of the names of the members, with commas */
	NODE_NAME_MAX = 127,
	ORIGIN_MAX = NODE_NAME_MAX + 7 + LANE_OWN_MAX,
	TOKEN_MAX = 8192,
	BODY_MAX = 1 << 20,          /**< octets of the body of one entry; a larger submission becomes several */
	SUBMISSION_MAX = 17 << 20,
	REASON_MAX = 255,            /**< octets of why something was erased */
};

/** What a lane is; all but size and pruned is fixed for ever by its first entry. */
struct lane {
	uint8_t number;
	char name[LANE_NAME_MAX + 1];   /**< [a-z0-9-]+; of a mirrored one with "PEER." before it */
	char peer[PEER_NAME_MAX + 1];   /**< the node that it is mirrored from and that signs it; "": it is our own */
	uint8_t tlp;                    /**< audience: enum tlp of codec/tlp.h, TLP_CLEAR .. TLP_RED */
	char realm[LANE_REALM_MAX + 1]; /**< "production" or "exercise" */
	char members[LANE_MEMBERS_MAX + 1]; /**< names of parties with commas, sorted; "": all that the TLP level allows */
	uint32_t retention_s;           /**< bodies of feeds are kept for so many seconds; 0: for ever */
	char origin[ORIGIN_MAX + 1];    /**< of its checkpoints: "NODE-NAME/lanes/NAME" */
	uint64_t size;                  /**< entries */
	uint64_t pruned;                /**< bodies of feeds in entries below this index are gone by retention */
};

enum entry_kind {
	ENTRY_FEED = 1,   /**< a piece of a feed: format and state token say how to read the body */
	ENTRY_SOURCE = 2, /**< a source was added, changed or removed: JSON body */
	ENTRY_LANE = 3,   /**< the first of a lane: its audience */
	ENTRY_ENDED = 4,  /**< an import has ended and counts from here on: JSON body with its counts */
	ENTRY_ERASED = 5, /**< the body of an earlier entry is erased: JSON body {"first":INDEX,"last":INDEX,"reason":"..."};
				    several indexes when it was split */
	ENTRY_PRUNED = 6, /**< bodies of feeds from the first index to the last are gone by retention: likewise */
	ENTRY_KEY = 7,    /**< the node's key was replaced: JSON body, signed by both */
	ENTRY_DECISION = 8, /**< something was proposed, approved, ended ...: JSON body, view/decision.h */
	ENTRY_EVIDENCE = 9, /**< a file that a decision names; can be erased as a feed's body */
	ENTRY_HITS = 10, /**< how often what is in force was met: JSON body, view/hits.h */
	ENTRY_PARTY = 11, /**< a party or a token was added, changed or ended: JSON body, view/party.h */
	ENTRY_PEER = 12, /**< a peer was added, changed or removed: JSON body, peer/peers.h */
	ENTRY_KINDS,
};

/** May its body be erased?  The node needs the others to know what its lanes mean. */
static inline bool entry_erasable(uint8_t kind)
{
	return kind == ENTRY_FEED || kind == ENTRY_EVIDENCE;
}

enum {
	ENTRY_BEGINS = 1,    /**< first piece of an import */
	ENTRY_SNAPSHOT = 2,  /**< of an ENTRY_ENDED: replaces what the source said before */
	ENTRY_MORE = 4,      /**< the body goes on in the next entry of the lane: a record was larger than BODY_MAX */
	ENTRY_CONTINUES = 8, /**< goes on from the entry before it in the lane */
};

/** An object inside a body, to be found by its id: see ledger_objects(). */
struct object {
	struct span id;        /**< "indicator--..." */
	uint32_t offset;       /**< of its first octet in the body of the submission */
};

/** What is told to the ledger.  Strings and spans are borrowed until the number that it got was waited for. */
struct submission {
	uint8_t lane;
	uint8_t kind, flags;   /**< ENTRY_MORE and ENTRY_CONTINUES are the ledger's to set */
	uint64_t import;       /**< number of the import's first entry, of the same lane; 0: this is it */
	int64_t time_ms;       /**< when it was received */
	const char *party;     /**< who says it; "local" for the operator; at most 63 octets */
	const char *source;    /**< name of the source, or "" ; at most 63 octets */
	const char *media;     /**< format name; at most 31 octets */
	struct span token;     /**< parser state before this piece; at most TOKEN_MAX octets */
	uint32_t count;        /**< records in the body */
	struct span body;      /**< at most SUBMISSION_MAX octets; above BODY_MAX it becomes several entries, with numbers and
				    indexes in a row, in one transaction */
	const struct object *objects; /**< by rising offset */
	uint32_t n_objects;
	uint64_t behind;       /**< 0, or a number that was given out before: this is stored only if that is, else it fails as that did */
	bool held;             /**< more follows at once and is waited for: no commit begins for this alone */
};

/** What is read back. */
struct entry {
	uint64_t number;       /**< over all lanes of the node, rising, from 1; gaps are allowed */
	uint64_t index;        /**< in its lane, without gaps, from 0 */
	uint8_t lane, kind, flags;
	uint64_t import;       /**< number of the import's first entry: this one's when it was told as 0 */
	uint64_t import_index; /**< its index in the lane */
	int64_t time_ms;
	char party[64], source[64], media[32];
	struct buf token;
	uint32_t count;
	uint32_t body_octets;
	uint8_t digest[32];    /**< SHA-256(nonce || body) */
	bool gone;             /**< the body was erased or pruned (or is lost) */
};
void entry_release(struct entry *e);

/** Entries and octets stored since opening: for metrics. */
struct ledger_stats { uint64_t commits, entries, body_octets, packed_octets; };

/** What a verification went through. */
struct verify_counts {
	uint64_t lanes, entries, bodies, erased, tiles, checkpoints, octets, findings;
};

/** Is it within its bounds?  @return ERR_RANGE, ERR_SYNTAX.  The lane's existence and the import are not looked at. */
enum err submission_check(const struct submission *s, struct fault *f) MUST_USE;

/** A name of a kind for people: "feed", "source", "lane", "ended", "erased", "pruned", "key", "decision", "evidence", "hits", "party", "peer"; "unknown". */
const char *entry_kind_name(uint8_t kind);

#endif
