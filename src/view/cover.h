/* Cover: a set of protected keys, asked from both sides: what protects a value, and what that is protected would it take with it?
 *
 * Addresses and prefixes become intervals that do not touch each other, so one search answers both questions.  Names stand in
 * a hash table with all their parents: a parent knows one protected name below it.  About 40 octets for a key and 40 for each
 * name or parent. */
#ifndef VIEW_COVER_H
#define VIEW_COVER_H

#include "table/key.h"

struct cover;

enum { COVER_SELF = 1 /**< the name itself */, COVER_BELOW = 2 /**< the names below it */, COVER_ALL = 3 };
enum { COVER_KEYS_MAX = 50000000 };

/** What is asked: a key with the hashes of its names, so that several covers of one seed can be asked with one reading of it. */
enum { COVER_LABELS_MAX = 128 };
struct cover_query {
	const struct table_key *key;
	unsigned n;                      /**< itself and its parents */
	uint16_t at[COVER_LABELS_MAX];   /**< where they begin */
	uint64_t hash[COVER_LABELS_MAX];
};
void cover_ask(struct siphash_seed seed, const struct table_key *k, struct cover_query *ret_query);

struct cover *cover_new(struct siphash_seed seed);
void cover_free(struct cover *c);
/** While it is being made: one key more (copied).  Other kinds than addresses, prefixes and domains are passed over.
 *  @param covers  of a domain; a prefix always means all that is in it.
 *  @param who     the caller's: given back with a hit.  Of several keys that answer, which one does is not said.
 *  @return false: there are COVER_KEYS_MAX. */
bool cover_add(struct cover *c, const struct table_key *k, unsigned covers, uint32_t who) MUST_USE;
/** It is whole from here on; any thread may read. */
void cover_ready(struct cover *c);
size_t cover_count(const struct cover *c);

enum cover_how {
	COVER_IS,   /**< the key itself is protected */
	COVER_IN,   /**< it lies in, or below, one that is */
	COVER_OVER, /**< one that is lies in it, or below it */
};

struct cover_hit {
	enum cover_how how;
	uint32_t who;
	struct table_key key; /**< the protected one; points into the cover */
};

/** Of a name all that is below is meant with it.  O(labels + log n); never allocates. */
bool cover_find(const struct cover *c, const struct cover_query *q, struct cover_hit *ret_hit);
/** Every one that answers, for people: looks at all keys. */
typedef void cover_visit(void *ctx, const struct cover_hit *hit);
void cover_each(const struct cover *c, const struct table_key *k, cover_visit *visit, void *ctx);

#endif
