/* Vault: how a body is kept: as it is, or as a zstd frame when that is shorter.  For ledger/ alone.
 *
 * What is kept has the length of the body exactly when it is the body itself. */
#ifndef LEDGER_VAULT_H
#define LEDGER_VAULT_H

#include "base/buf.h"
#include "base/err.h"

enum { VAULT_BODY_MAX = 17 << 20 }; /* octets: of version 1, before bodies were split */

struct packer;

/** What to keep of a body: points into `body` or into `frame`, which is overwritten. */
struct span vault_pack(struct packer *p, struct span body, struct buf *frame);
/** The body of `octets` octets appended to `out`.  @return ERR_CORRUPT: it is not one. */
enum err vault_unpack(struct span kept, uint64_t octets, struct buf *out, struct fault *f) MUST_USE;

#endif
