/* Parts of the guard: private to gate/guard*.c. */
#ifndef GATE_GUARD_PARTS_H
#define GATE_GUARD_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "gate/guard.h"
#include "view/cover.h"

/** `who` of a key that a list knows, but does not protect. */
#define GUARD_KNOWN (1U << 31)

/** Answers that are remembered: a megabyte. */
enum { GUARD_SAID_NO = 1 << 17 };

/** A cover that is made once, with a text for each key. */
struct guard_fixed {
	struct cover *cover;
	char **what;
	unsigned n;
};
void guard_fixed_begin(const struct guard *g, struct guard_fixed *f);
/** A value that obs_parse() does not take is passed over. */
void guard_fixed_add(struct guard_fixed *f, struct span value, unsigned covers, const char *what);
void guard_fixed_release(struct guard_fixed *f);

/** What a source was when it was indexed. */
struct guard_source {
	uint16_t number;
	bool counts;
	uint64_t floor;
};

/** A cover that is replaced as a whole. */
struct guard_lists {
	struct cover *cover;
	uint64_t number;   /**< no two have the same */
	uint64_t change;   /**< number of the change that it is of: meaning.protections, or docket_protections() */
	uint64_t made;     /**< of lists: the edition that they were made of */
	_Atomic uint64_t edition; /**< of lists: the newest meaning for which they were found to be right */
	bool has_others;   /**< of the docket's: it protects URLs, hashes or e-mail addresses, too */
	uint32_t until_s;  /**< of the docket's: when the first lease of a protection ends; 0: none does */
	unsigned n;
	struct guard_source *of;
	struct guard_lists *next; /**< retired */
};

struct guard {
	struct siphash_seed seed; /* of all covers */
	struct table *table;
	struct docket *docket; /* or NULL */
	struct guard_fixed builtin, config, shared, cgnat; /* config: what somebody owns */
	struct guard_lists *_Atomic lists, *_Atomic own;
	_Atomic uint64_t renewals;
	_Atomic uint64_t said_no[GUARD_SAID_NO]; /* see words_protect() */
	pthread_mutex_t renewing;
	struct guard_lists *retired; /* readers may still have them; under the lock */
};

static inline struct table_key guard_key(const struct observable *o)
{
	return (struct table_key){ .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
}

/* guard_index.c */
void guard_lists_free(struct guard_lists *l);
bool guard_source_counts(const struct source *s);

/* guard.c: one part's answer each, and its words; `out` NULL is taken. */
extern const char guard_own_text[];
/** @param name  NULL, or appended in quotes */
void guard_put_hit(struct buf *out, const struct cover_hit *hit, const char *what, const char *name);
void guard_put_special(struct buf *out, const char *special);
const char *guard_source_name(const struct table_view *v, uint32_t who);
/** Does the docket protect this very key now?  A lease may have ended since it was indexed. */
bool guard_own_holds(struct guard *g, const struct table_key *k);
bool guard_own_protects(struct guard *g, const struct observable *o, const struct cover_query *q, struct buf *out);
/** Claims on kinds that have no cover: URLs, hashes, e-mail addresses. */
bool guard_claims_protect(const struct table_view *v, const struct table_key *k, struct buf *out);
bool guard_rules_protect(const struct table_view *v, const struct observable *o, struct buf *out);
/** "http://host/" stands for all of the host, "http://host/a" for a page of it. */
bool guard_is_all_of_host(const struct observable *o);

#endif
