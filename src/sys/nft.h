/* Sets of addresses in the kernel's nftables, by netlink (libmnl), without the nft command.
 *
 * A table with sets, and rules that drop what is in them, in chains named "input", "forward" and "output" of the table.  Rules are known
 * again by their comment ("sipar block4 saddr"): others in the table, its chains and sets are left alone.
 * Changes are gathered and made in one transaction: all of them or none, and no packet sees a part.
 * Interface: linux/netfilter/nf_tables.h; the kernel is 5.10 or newer.  Needs CAP_NET_ADMIN in the network namespace.
 *
 * One thread at a time. */
#ifndef SYS_NFT_H
#define SYS_NFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { NFT_NAME_OCTETS_MAX = 31 /**< of the name of a table */ };

struct nft_set {
	const char *name;
	uint8_t octets;  /**< of an address: 4 or 16 */
	bool interval;   /**< ranges; a plain set has addresses alone, and one more in it costs the same however many there are */
};

enum nft_chain { NFT_INPUT, NFT_FORWARD, NFT_OUTPUT, NFT_CHAINS };
/** "Packets from (or to) what is in the set are counted and dropped." */
struct nft_rule {
	uint8_t chain;
	bool to;
	const struct nft_set *set;
};

struct nft;
/** @param family  "inet", "ip" or "ip6".
 *  @return ERR_USAGE: it is none of them, or the table's name is empty, too long, or not of letters, digits, '_' and '-';
 *          ERR_FORBIDDEN: no CAP_NET_ADMIN; ERR_UNSUPPORTED: the kernel has no nftables; ERR_IO. */
enum err nft_open(const char *family, const char *table, struct nft **ret_nft, struct fault *f) MUST_USE;
void nft_close(struct nft *n);

/** Make what is missing of the table, these sets, and these rules at this priority; own rules that are not among them go.  What is
 *  there already stays as it is.  Of a family that has no such addresses, sets and rules are passed over.
 *  @param ret_made  whether anything was missing.
 *  @return ERR_EXISTS: a set or chain of such a name is there and is another kind of thing; or as nft_commit(). */
enum err nft_ensure(struct nft *n, const struct nft_set *sets, size_t n_sets, const struct nft_rule *rules, size_t n_rules, int priority,
		    bool *ret_made, struct fault *f) MUST_USE;
/** Does this family have the set? */
bool nft_has(const struct nft *n, const struct nft_set *s);
/** The table with everything in it.  @return ERR_NOTFOUND: there is none. */
enum err nft_drop_table(struct nft *n, struct fault *f) MUST_USE;

/** `first` to `last`, both in it, of set.octets each; in a plain set they are the same. */
typedef void nft_visit(void *ctx, const uint8_t *first, const uint8_t *last);
/** What a set holds, in rising order, each once; of a plain set that has just grown much, the kernel may leave some out while it makes
 *  its hash table larger.  The kernel takes a time for it that grows with the square: 2 s for 100,000 values, 70 s for
 *  a million.
 *  @return ERR_NOTFOUND: no such set; ERR_BUSY: others change it all the time; ERR_FULL: it has more than `max` values (not told exactly:
 *          up to twice as many may be visited).  After an error nothing was visited. */
enum err nft_each(struct nft *n, const struct nft_set *s, size_t max, nft_visit *visit, void *ctx, struct fault *f) MUST_USE;

/** Gather changes for the next nft_commit(), in this order; removals belong first.  Some 20 octets each. */
void nft_remove(struct nft *n, const struct nft_set *s, const uint8_t *first, const uint8_t *last);
void nft_add(struct nft *n, const struct nft_set *s, const uint8_t *first, const uint8_t *last);
/** Everything that is in it. */
void nft_flush(struct nft *n, const struct nft_set *s);
/** @return ERR_NOTFOUND: a value that is to be removed, or its set, is not there; ERR_EXISTS: a range overlaps another;
 *          ERR_FORBIDDEN, ERR_FULL, ERR_IO: the kernel's reason, with the value where it tells it.
 *  Nothing is gathered any more, whatever the answer. */
enum err nft_commit(struct nft *n, struct fault *f) MUST_USE;

/** The generation of the rule set: it rises by one with each transaction of anybody. */
enum err nft_generation(struct nft *n, uint32_t *ret_generation, struct fault *f) MUST_USE;

#endif
