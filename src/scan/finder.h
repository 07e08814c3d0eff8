/* Finder: every observable in a text, whatever kind of text it is.
 *
 * What counts as an observable in running text, and where its borders are, is said in docs/scan.md ("What is found"); the slow
 * reference that says the same in the plainest way stands in finder_reference.c, for tests.
 *
 * One thread at a time per finder; finders share nothing. */
#ifndef SCAN_FINDER_H
#define SCAN_FINDER_H

#include "codec/observable.h"

/** An observable where it stands: text.p[at .. at + n), and its canonical form. */
struct finding {
	size_t at;
	uint32_t n;
	struct observable obs; /* its key is valid during the visit */
};

/** In the order of `at`; up to FINDER_BATCH at a time.  One stretch of text may give several findings that overlap: a URL
 *  is one finding (its host is judged with it, see reputation_of()), and so is an e-mail address. */
typedef void finder_visit(void *ctx, const struct finding *f, size_t n);
enum { FINDER_BATCH = 64 };

struct finder;
/** @param kinds  bit per enum obs_kind that is wanted (OBS_CIDR4/6 included when a text writes prefixes); 0: all. */
struct finder *finder_new(uint32_t kinds);
void finder_free(struct finder *f);
/** Everything in `text`, which is looked at alone: nothing stands before or behind it. */
void finder_run(struct finder *f, struct span text, finder_visit *visit, void *ctx);
/** From within the visit: this spelling was looked up and nothing is known of it.  The finder may leave it out from now on
 *  (a small cache of raw tokens: logs repeat themselves), until finder_forget(). */
void finder_clean(struct finder *f, const struct finding *finding);
void finder_forget(struct finder *f);

#endif
