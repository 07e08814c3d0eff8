/* Lines of a sum: which of a group counts, and their order, both the same for any order of arrival.  Private to score.c. */
#ifndef VIEW_SCORE_LINES_H
#define VIEW_SCORE_LINES_H

#include "view/score.h"

struct score_lines {
	struct score_line *v; /**< room for SCORE_LINES_MAX */
	unsigned n;
};

/** Add a line whose fate is LINE_COUNTS when nothing but its group speaks against it. */
void score_lines_add(struct score_lines *l, struct score_line *line);
/** Those that count, then those that protect, then those of a group, then the rest; the strongest first in each. */
void score_lines_sort(struct score_lines *l);

#endif
