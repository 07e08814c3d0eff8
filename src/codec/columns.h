/* Columns: which of a table's say what.  Found by the names in its heading, or by what its rows hold. */
#ifndef CODEC_COLUMNS_H
#define CODEC_COLUMNS_H

#include "codec/csv.h"
#include "codec/draft.h"

enum { COLUMNS_CLAIMS_MAX = 8, COLUMNS_LABELS_MAX = 4 };

/** Column numbers count from 1; 0: there is none.  Octets only, so that the octets are the saved form. */
struct columns {
	uint8_t separator;
	uint8_t claims[COLUMNS_CLAIMS_MAX]; /**< hold observables; ended by 0 when there are fewer */
	uint8_t path;                       /**< to be put behind the host in claims[0] */
	uint8_t seen[2];                    /**< times, the better one first */
	uint8_t confidence;
	uint8_t tlp;
	uint8_t labels[COLUMNS_LABELS_MAX]; /**< words for the category, the better ones first */
	uint8_t until, stance;              /**< the last ones: what was saved before there were these ends before them */
};

/** From a heading.  @return how many columns hold observables by their names; 0: it is no heading (`c` is then empty). */
unsigned columns_by_names(const struct csv_row *heading, struct columns *c);
/** From the beginning of the rows (comments and blank lines among them): the first column that holds observables in most
 *  rows, and those that hold digests.  `c->separator` is given.  @return as above. */
unsigned columns_by_content(struct span rows, bool whole, struct columns *c);
/** One column by name (of `heading`, may be NULL) or number.  @return false: there is none. */
bool columns_by_option(const struct csv_row *heading, struct span option, struct columns *c);

/** Read a row into `d` (begun). */
void columns_read(const struct columns *c, const struct csv_row *row, struct draft *d);

/** "#..." or, where ';' does not separate, ";...". */
bool columns_is_comment(struct span line, uint8_t separator);

#endif
