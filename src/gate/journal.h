/* Journal: what changed with each serial, key by key, as far back as there is room for; and when.
 *
 * Not for several threads at once: the docket's lock is around it. */
#ifndef GATE_JOURNAL_H
#define GATE_JOURNAL_H

#include "view/force.h"

/** One key that changed: what was, and what is. */
struct turn {
	uint64_t serial;      /**< of its last change */
	struct table_key key; /**< points into the store it came with */
	struct force_pair before, after;
};
/** Net changes. */
struct turns {
	uint64_t from, serial; /**< behind the first, up to the second */
	size_t n;
	struct turn *turn;     /**< one for each key; those by which something is no longer in force first */
	struct buf store;
};
void turns_release(struct turns *t);
/** Does it take something out of force? */
static inline bool turn_is_back(const struct turn *t)
{
	return (t->before.self & ~t->after.self) | (t->before.below & ~t->after.below);
}

struct journal;
struct journal *journal_new(void);
void journal_free(struct journal *j);
/** The serial of now; 0: nothing ever changed. */
uint64_t journal_serial(const struct journal *j);
/** A change of the entry that is being folded. */
void journal_add(struct journal *j, const struct table_key *k, struct force_pair before, struct force_pair after);
/** The entry is folded: what was added since the last call has the next serial.  @return false: nothing was, and the serial stays. */
bool journal_end(struct journal *j, int64_t time_ms);
/** When a serial came; 0: too long ago. */
int64_t journal_time(const struct journal *j, uint64_t serial);
/** All changes behind `serial`, in order and raw: turns_settle() makes them net, and needs no lock.
 *  @return ERR_NOTFOUND: that serial never was, or is too long ago. */
enum err journal_since(const struct journal *j, uint64_t serial, struct turns *ret_raw) MUST_USE;
void turns_settle(struct turns *t);

/** To be saved: the serial, and the last `octets` octets of it at most; and back.  @return ERR_CORRUPT. */
void journal_write(const struct journal *j, size_t octets, struct buf *out);
enum err journal_read(struct span in, struct journal **ret_journal) MUST_USE;

#endif
