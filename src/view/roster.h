/* Roster: everything that is in force at one moment, one key behind the other, to be read through: what a zone transfer, a list
 * or a firewall begins with.  Changes behind it come from the docket's journal.
 *
 * Immutable and counted: a transfer of minutes holds its own.  16 octets and the key for each, in a file without a name, so that
 * its pages are the system's to keep or to drop. */
#ifndef VIEW_ROSTER_H
#define VIEW_ROSTER_H

#include "view/force.h"

struct roster;

/** @param dir  where its file is made, and unlinked at once.  NULL: memory. */
enum err roster_new(const char *dir, struct roster **ret_roster, struct fault *f) MUST_USE;
/** While it is being made, by its maker alone: one key more (copied), each once. */
enum err roster_add(struct roster *r, const struct table_key *k, struct force_pair p, struct fault *f) MUST_USE;
/** It is whole from here on, and is the state behind change `serial`. */
enum err roster_end(struct roster *r, uint64_t serial, struct fault *f) MUST_USE;

struct roster *roster_hold(struct roster *r);
/** The last one to drop it frees it; NULL is taken.  Any thread. */
void roster_drop(struct roster *r);
uint64_t roster_serial(const struct roster *r);
uint64_t roster_count(const struct roster *r);

/** The key at `*at` (0: the first), which is moved on.  The key points into the roster.  @return false: that was the last one.  Any thread. */
bool roster_next(const struct roster *r, uint64_t *at, struct table_key *ret_key, struct force_pair *ret_pair);

#endif
