/* Sieve: says of most observables that nothing in a table can concern them, with one read of a small structure that the caches
 * hold.  It is made of all keys of a view, in one pass, by whoever has much to ask and expects little; it is never wrong when
 * it says no: what it lets through is asked of the table.  That is the whole of its contract, and sieve_test.c holds it to that.
 *
 * Immutable once made: any number of threads. */
#ifndef VIEW_SIEVE_H
#define VIEW_SIEVE_H

#include "codec/observable.h"
#include "table/table.h"

struct sieve;

/** Of the keys that the view has now.  Reader, between table_enter() and table_leave(); the sieve stays when the view goes, and is
 *  then of the keys that there were.  It reads every key, which a guard is asked about: whoever uses it asks whether all was
 *  sound, as after a lookup. */
struct sieve *sieve_new(const struct table_view *v);
void sieve_free(struct sieve *s);
/** What it takes in memory. */
size_t sieve_octets(const struct sieve *s);

/** Bit i is 0: reputation_known() of o[i] (i < n <= 64) is 0 in the view that the sieve is of.  1: ask. */
uint64_t sieve_pass(const struct sieve *s, const struct observable *o, size_t n);

#endif
