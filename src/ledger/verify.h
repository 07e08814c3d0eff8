/* Verify: everything that is stored, checked against everything else.  For ledger/ alone; see ledger_verify(). */
#ifndef LEDGER_VERIFY_H
#define LEDGER_VERIFY_H

#include "ledger/pool.h"

struct verify_options {
	unsigned threads;
	void (*finding)(void *ctx, const char *text);
	bool (*progress)(void *ctx, uint64_t done, uint64_t of);
	void *ctx;
};

enum err verify(struct pool *p, const struct verify_options *o, struct verify_counts *ret_counts, struct fault *f) MUST_USE;

#endif
