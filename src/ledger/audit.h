/* Audit: a lane checked from outside, with nothing but its signed checkpoint and its tiles.  Nothing here knows where they
 * come from, so it serves a network, a mirror's copy and a test alike.
 *
 * All entries are read, and from them every hash tile and the root are computed again; what differs is a finding.  With an
 * older checkpoint, the log must be a continuation of what that one has, and only the entries behind it are read. */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H

#include "ledger/checkpoint.h"
#include "ledger/tile.h"

/** Functions answer OK, or an error that ends the audit, unless it says otherwise. */
struct audit {
	/** ERR_NOTFOUND: it is not there, and ERR_CORRUPT: it is of another length than it can be: findings. */
	tile_get *get;
	/** Nonce and body of this digest, appended.  ERR_GONE: erased or pruned; ERR_NOTFOUND; ERR_CORRUPT: none of these ends the
	 *  audit.  NULL: bodies are not looked at. */
	enum err (*body)(void *ctx, const uint8_t digest[32], struct buf *out, struct fault *f);
	/** Each entry that is read, in order; whether the log holds is not known yet.  NULL: none. */
	enum err (*entry)(void *ctx, uint64_t index, struct span record, struct fault *f);
	/** What does not hold, a sentence each; at most AUDIT_FINDINGS_MAX, though all are counted. */
	void (*finding)(void *ctx, const char *text);
	/** From time to time; false: ERR_CANCELLED.  NULL: none. */
	bool (*progress)(void *ctx, uint64_t done, uint64_t of);
	void *ctx;
};
enum { AUDIT_FINDINGS_MAX = 1000 };

struct audit_counts {
	uint64_t entries, tiles, bodies, gone, octets, findings; /**< octets: of entries, tiles and bodies; gone: bodies, rightly */
};

/** @param now  its signature was checked.
 *  @param old  likewise, from an earlier time; NULL: none.
 *  @return OK: it went through as far as what was found allows, see ret_counts->findings; or what a function answered. */
enum err audit_lane(const struct audit *a, const struct checkpoint *now, const struct checkpoint *old,
		    struct audit_counts *ret_counts, struct fault *f) MUST_USE;

/** Is the log of `now` a continuation of that of `old`, by the tiles of `now`?  Both were signed.
 *  @param s      of the size now->size.
 *  @param proof  may be NULL: filled with what shows it, PROOF(old->size, D[now->size]).
 *  @return OK; ERR_RANGE: rolled back; ERR_CORRUPT: forked, or the tiles do not lead to the root; the fault says which;
 *          or as the source of the tiles. */
enum err audit_continues(struct tile_source *s, const struct checkpoint *now, const struct checkpoint *old,
			 struct merkle_proof *ret_proof, struct fault *f) MUST_USE;

#endif
