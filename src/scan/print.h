/* Printer: what is said of the hits in one chunk, in the form that was asked for.  One per thread. */
#ifndef SCAN_PRINT_H
#define SCAN_PRINT_H

#include "scan/chunk.h"
#include "scan/finder.h"
#include "view/reputation.h"

enum print_form {
	PRINT_ROWS,   /**< FILE:LINE:COLUMN: VALUE SCORE CATEGORY[,CATEGORY...] */
	PRINT_JSON,   /**< one object a hit */
	PRINT_VALUES, /**< the canonical value alone */
	PRINT_LINES,  /**< the lines that have a hit, as grep(1) does; of what is no text: rows */
	PRINT_NOTHING,
};

struct print_options {
	enum print_form form;
	bool invert;   /**< lines that have no hit; the form is then PRINT_JSON, PRINT_LINES or PRINT_NOTHING */
	bool names;    /**< file names before all */
	bool numbers;  /**< line numbers before lines */
	bool colour;
	bool terminal; /**< control characters become '?' */
};

struct printer {
	struct print_options o;
	struct buf out;      /**< taken from here, at any time between two calls */
	uint64_t hits;       /**< of the chunk */
	uint64_t lines;      /**< of the chunk: those with a hit, or with `invert` those without one */
	/* Private: */
	const char *name;
	const struct chunk *chunk;
	size_t counted, done, line_from, line_to; /* octets of the chunk */
	uint64_t number;     /* of the line that `counted` is in */
	bool open;           /* a line with a hit, from line_from to line_to, is not over */
	struct buf marks;    /* of struct print_mark, in that line */
};

void print_begin(struct printer *p, const char *name, const struct chunk *c);
/** In the order of their places. */
void print_hit(struct printer *p, const struct finding *f, const struct reputation *r, const struct meaning *m);
void print_end(struct printer *p);
void print_release(struct printer *p);

/** "NAME:COUNT", or the count alone. */
void print_count(const struct print_options *o, const char *name, uint64_t n, struct buf *out);

#endif
