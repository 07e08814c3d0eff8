/* Keys of keyed zones: the label in front of the zone says which consumer asks.
 *
 * A table of fixed size, of which readers see the hashes only; they never wait, and whoever changes the keys never moves one that
 * stays.  Keys are told apart by a keyed hash of 64 bits. */
#ifndef FACE_DNS_KEYS_H
#define FACE_DNS_KEYS_H

#include "base/siphash.h"
#include "base/span.h"
#include "face/dns.h"

enum { DNS_KEY_PLACES = 1024 };

struct dns_keys;
struct dns_keys *dns_keys_new(struct siphash_seed seed);
void dns_keys_free(struct dns_keys *k);

/** From now on these and no others.  One thread at a time.
 *  @param fresh  called when a place that was another consumer's is given to one: what was counted there is not his. */
void dns_keys_set(struct dns_keys *k, const struct dns_key *key, unsigned n, void (*fresh)(void *ctx, unsigned place), void *ctx);
/** @param label  in lower case.  @return the place of the key; -1: there is none such.  Any thread. */
int dns_keys_find(const struct dns_keys *k, struct span label);
/** The consumer that has or had the place; "": none yet.  The thread that sets. */
const char *dns_keys_name(const struct dns_keys *k, unsigned place);

#endif
