/* Rows: what all formats of delimited text share.  The separator and the meaning of the columns are found once, from the first
 * 64 KiB, and are then part of the state, so that every later piece is read alike. */
#ifndef CODEC_ROWS_H
#define CODEC_ROWS_H

#include "codec/columns.h"

enum { ROWS_HEAD = 64 << 10, ROWS_OPTION_MAX = 60 };

struct rows {
	uint8_t stance;
	bool inside;       /**< in a row that is rejected already */
	bool planned;      /**< columns are known */
	bool heading_next; /**< the next row is the heading */
	uint8_t option_n;
	char option[ROWS_OPTION_MAX];
	struct columns columns;
};

/** What the beginning of a stream looks like as a table. */
struct rows_plan {
	struct columns columns;
	bool heading_next;
	enum { PLAN_NONE, PLAN_CONTENT, PLAN_UNKNOWN_HEADING, PLAN_NAMES } from;
	unsigned rows, claims, wide; /**< looked at; that say something; of two fields or more */
	unsigned fields;             /**< of the first row */
};

/** @return false: no column holds observables, or none is as `option` says; `ret_plan` has separator and counts. */
bool rows_find(struct span head, bool whole, struct span option, struct rows_plan *ret_plan);

/** What a row says: fills `d`, which is begun.  @return false: it is the heading, and no record; then it may change what comes next. */
typedef bool rows_reader(void *ctx, const struct csv_row *row, struct draft *d);
/** All rows of a piece but blank lines and comments, with s->columns.separator; the rest as struct feed_format.parse. */
enum err rows_run(struct rows *s, struct span in, bool last, rows_reader *read, void *reader, feed_sink *sink, void *ctx, size_t *ret_used)
	MUST_USE;

/** The functions of a struct feed_format. */
void rows_start(void *state, const struct feed_options *o);
enum err rows_parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f) MUST_USE;
void rows_save(const void *state, struct buf *out);
enum err rows_load(void *state, struct span token);

#endif
