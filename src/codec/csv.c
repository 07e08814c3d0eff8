#include "codec/csv.h"

struct cutter {
	struct span in;
	size_t at;
	uint8_t separator;
	bool last;
};

static void skip_blanks(struct cutter *c)
{
	while (c->at < c->in.n && (c->in.p[c->at] == ' ' || (c->in.p[c->at] == '\t' && c->separator != '\t')))
		c->at++;
}

/* What follows a quote at `at` ends its field: blanks, then a separator, a line end or the end. */
static bool closes(const struct cutter *c, size_t at)
{
	while (at < c->in.n && (c->in.p[at] == ' ' || c->in.p[at] == '\r'))
		at++;
	return at >= c->in.n || c->in.p[at] == c->separator || c->in.p[at] == '\n';
}

/* Behind the opening quote; OK: behind the closing one.  A quote is doubled, by the standard; others leave it as it is or put a
 * backslash in front, which within a line does no harm: the closing quote is the one in front of a separator. */
static enum err cut_quoted(struct cutter *c, struct span *ret_field, struct fault *f)
{
	size_t from = c->at;
	for (size_t end; (end = c->at + span_find(span_from(c->in, c->at), '"')) < c->in.n; c->at = end + 1) {
		bool escaped = end > from && c->in.p[end - 1] == '\\', at_end = end + 1 == c->in.n;
		if (at_end && !c->last)
			return ERR_MORE;
		if (!at_end && c->in.p[end + 1] == '"' && !escaped) {
			end++;
			continue;
		}
		size_t line = span_find(span_head(span_from(c->in, from), end - from), '\n');
		bool broken = line < end - from;
		if (closes(c, end + 1) || broken) {
			*ret_field = span_head(span_from(c->in, from), end - from);
			c->at = end + 1;
			if (broken && end > CSV_BREAKS_MAX)
				return fault_set(f, ERR_SYNTAX, "a field of the row runs over lines for more than %d octets", CSV_BREAKS_MAX);
			return OK;
		}
	}
	if (!c->last && (c->in.n <= CSV_BREAKS_MAX || span_find(span_from(c->in, from), '\n') == c->in.n - from))
		return ERR_MORE;
	return fault_set(f, ERR_SYNTAX, "a quote of the row is not closed");
}

static enum err cut_field(struct cutter *c, struct span *ret_field, struct fault *f)
{
	skip_blanks(c);
	if (c->at < c->in.n && c->in.p[c->at] == '"') {
		c->at++;
		enum err e = cut_quoted(c, ret_field, f);
		if (e)
			return e;
		skip_blanks(c);
		if (c->at < c->in.n && c->in.p[c->at] == '\r')
			c->at++;
		if (c->at < c->in.n && c->in.p[c->at] != c->separator && c->in.p[c->at] != '\n')
			return fault_set(f, ERR_SYNTAX, "text follows a closing quote of the row");
	} else {
		size_t from = c->at;
		while (c->at < c->in.n && c->in.p[c->at] != c->separator && c->in.p[c->at] != '\n')
			c->at++;
		*ret_field = span_trim(span_head(span_from(c->in, from), c->at - from));
	}
	return c->at < c->in.n || c->last ? OK : ERR_MORE;
}

enum err csv_row_cut(struct span in, bool last, uint8_t separator, struct csv_row *row, size_t *ret_used, struct fault *f)
{
	struct cutter c = { .in = in, .separator = separator, .last = last };
	row->n = 0;
	for (;;) {
		struct span field;
		enum err e = cut_field(&c, &field, f);
		if (e == ERR_SYNTAX) {
			size_t line = span_find(in, '\n');
			*ret_used = line < in.n ? line + 1 : in.n;
		}
		if (e)
			return e;
		if (row->n < CSV_FIELDS_MAX)
			row->fields[row->n++] = field;
		if (c.at >= in.n || in.p[c.at] == '\n')
			break;
		c.at++;
	}
	*ret_used = c.at < in.n ? c.at + 1 : in.n;
	return OK;
}
