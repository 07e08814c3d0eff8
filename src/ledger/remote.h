/* Remote: a lane of another node, by HTTP, as C2SP tlog-tiles lays it out under a prefix, with bodies beside it. */
#ifndef LEDGER_REMOTE_H
#define LEDGER_REMOTE_H

#include "base/buf.h"
#include "ledger/tile.h"

/** One thread at a time. */
struct remote;

enum { REMOTE_URL_MAX = 1024 };

/** @param url        prefix of the lane, "https://hub.example/lanes/public".
 *  @param cancelled  as fetcher_new().
 *  @return ERR_SYNTAX, ERR_RANGE: not such a URL. */
enum err remote_open(const char *url, bool (*cancelled)(void *ctx), void *ctx, struct remote **ret_remote, struct fault *f) MUST_USE;
void remote_close(struct remote *r);
/** Say who asks, from now on: a token, sent as "Authorization: Bearer".  Redirects are not followed then.  NULL: nobody. */
void remote_authorize(struct remote *r, const char *token);
/** Last part of the path: name of the lane there; may be empty. */
struct span remote_lane(const struct remote *r);

/** The signed checkpoint, appended.  @return ERR_NOTFOUND: no log is there; or as fetch_get(). */
enum err remote_checkpoint(struct remote *r, struct buf *out, struct fault *f) MUST_USE;
/** A tile_get, with a struct remote.  @return ERR_NOTFOUND: it is not there; ERR_CORRUPT: longer than a tile can be; or as
 *  fetch_get(). */
tile_get remote_tile;
/** Nonce and body of a digest, appended; nothing is checked.  `remote`: struct remote.
 *  @return ERR_NOTFOUND; ERR_GONE: erased or pruned; ERR_CORRUPT: longer than a body can be; or as fetch_get(). */
enum err remote_body(void *remote, const uint8_t digest[32], struct buf *out, struct fault *f) MUST_USE;
/** A stretch of the lane from an index on, as a parcel (parcel.h), appended; nothing is checked.  @return as remote_body(). */
enum err remote_parcel(struct remote *r, uint64_t from, struct buf *out, struct fault *f) MUST_USE;
/** Hand in a cosigned checkpoint.  @return ERR_FORBIDDEN: it is not taken, the fault has their reason; or as fetch_post_as(). */
enum err remote_cosign(struct remote *r, struct span note, struct fault *f) MUST_USE;

#endif
