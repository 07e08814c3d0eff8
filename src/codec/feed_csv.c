/* Tables: comma, tab, semicolon or bar between fields.  Which columns hold observables is told by option, else by the names in the
 * heading, else found from what the rows hold (see rows.c, columns.c). */
#include "codec/formats.h"
#include "codec/lines.h"
#include "codec/rows.h"

enum { LOG_FIELDS = 11 };

static int sniff(struct span head, bool whole, const char *filename)
{
	struct rows_plan p;
	(void)filename;
	if (text_is_markup(head) || !rows_find(head, whole, (struct span){ NULL, 0 }, &p) || !p.rows)
		return 0;
	/* A column of prose is one field wide, and so is a list; wide rows without a heading are a log.  Where a heading names the
	 * columns, rows may be ragged. */
	if (p.from == PLAN_UNKNOWN_HEADING || p.wide * 10 < p.rows * (p.from == PLAN_NAMES ? 5 : 9) ||
	    (p.from == PLAN_CONTENT && p.fields > LOG_FIELDS))
		return 0;
	if (p.from == PLAN_CONTENT && (p.columns.separator == '|' || p.columns.separator == ';') && text_is_wordy(head, 10))
		return 0;
	/* "address<TAB>number" is rather a list with something behind the values. */
	bool list_like = p.from == PLAN_CONTENT && p.columns.separator != ',' && p.columns.claims[0] == 1 && !p.columns.claims[1];
	return (int)((p.from == PLAN_NAMES ? 88 : list_like ? 60 : 80) * p.claims / p.rows);
}

const struct feed_format feed_csv = {
	.name = "csv",
	.title = "table with , tab ; or | between fields; columns by --column, heading or content",
	.sniff = sniff,
	.state_size = sizeof(struct rows),
	.start = rows_start,
	.parse = rows_parse,
	.save = rows_save,
	.load = rows_load,
};
