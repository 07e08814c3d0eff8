/* Rows of delimited text (RFC 4180 and what people make of it): quotes with line breaks inside, "" for a quote, blanks around
 * quotes, any separator. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include "base/err.h"
#include "base/span.h"

enum {
	CSV_FIELDS_MAX = 250,         /**< further fields of a row are not kept */
	CSV_BREAKS_MAX = 64 << 10,    /**< octets of a row that goes over line ends: more of them is an unclosed quote */
};

struct csv_row {
	unsigned n;
	struct span fields[CSV_FIELDS_MAX]; /**< without quotes and blanks around; "" inside is left as it is */
};

/** Cut the row at the start of `in`.
 *  @param ret_used  octets of the row with its line end; with ERR_SYNTAX of its first line, so that the next can be tried.
 *  @return OK; ERR_MORE: `in` ends inside the row (never with `last`); ERR_SYNTAX: quotes are wrong, `f` says how. */
enum err csv_row_cut(struct span in, bool last, uint8_t separator, struct csv_row *row, size_t *ret_used, struct fault *f) MUST_USE;

#endif
