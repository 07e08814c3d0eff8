/* What a node answers to GET /v1/feeds/NAME.json: everything that is in a feed of decisions, or what has changed since a serial.
 *
 *   {"feed":"edge","serial":17,"time":"...","since":15,"complete":false,
 *    "removed":[{"value":"198.51.100.7","kind":"ipv4"}, ...],
 *    "values":[{"value":"198.51.100.8","kind":"ipv4","action":"block","reasons":["c2"]}, ...],"count":1}
 *
 * Members may come in any order, and others besides.  Pure. */
#ifndef ENFORCE_ANSWER_H
#define ENFORCE_ANSWER_H

#include "codec/observable.h"

struct answer {
	uint64_t serial;
	bool complete;       /**< what is not in `values` is not in the feed */
	bool has_since;
	uint64_t since;
	size_t n_values, n_removed;
};

enum answer_does { ANSWER_REMOVES, ANSWER_BLOCKS, ANSWER_CHALLENGES };
/** A value; those that are removed come first.  Of other kinds than addresses and prefixes none is visited; an action that is neither block
 *  nor challenge enforces nothing, so the value counts as removed. */
typedef void answer_visit(void *ctx, const struct observable *o, enum answer_does does);

/** All of it is checked before the first value is visited.
 *  @param feed   that it must be of
 *  @param since  what was asked for: changes must be those since it; NULL: everything was
 *  @return ERR_SYNTAX with line and column. */
enum err answer_read(struct span text, const char *feed, const uint64_t *since, struct answer *ret_answer, answer_visit *visit, void *ctx, struct fault *f) MUST_USE;

#endif
