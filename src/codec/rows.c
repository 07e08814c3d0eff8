/* A heading is the first row, when it names columns that are known here and holds no observable itself; or the last comment
 * in front of the first row, when it has as many fields (abuse.ch, Spamhaus).  Without one the content decides.  Each
 * separator is tried, and the one with which most rows say something is it. */
#include "codec/rows.h"

#include "base/num.h"
#include "codec/filename.h"

#include <string.h>

enum { PLAN_ROWS = 200 };

void rows_start(void *state, const struct feed_options *o)
{
	struct rows *s = state;
	*s = (struct rows){ .stance = o ? (uint8_t)o->stance : STANCE_INDICATOR };
	if (o && o->column.n) {
		s->option_n = (uint8_t)(o->column.n < ROWS_OPTION_MAX ? o->column.n : ROWS_OPTION_MAX);
		memcpy(s->option, o->column.p, s->option_n);
	}
}

static struct span first_line(struct span s)
{
	return span_head(s, span_find(s, '\n'));
}

/* Off the front: comments and blank lines; the last comment is told. */
static struct span skip_comments(struct span rows, uint8_t separator, struct span *ret_comment)
{
	*ret_comment = (struct span){ NULL, 0 };
	for (struct span line; rows.n; rows = span_from(rows, line.n + 1)) {
		line = first_line(rows);
		struct span text = span_trim(line);
		if (columns_is_comment(line, separator)) {
			if (text.n > 2)
				*ret_comment = text;
		} else if (text.n) {
			break;
		}
	}
	return rows;
}

static bool holds_value(const struct csv_row *row)
{
	for (unsigned i = 0; i < row->n; i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		struct csv_row one = { .n = 1, .fields = { row->fields[i] } };
		struct columns c;
		if (!one.fields[0].n || obs_parse(one.fields[0], store, &o, NULL) || domain_is_filename(&o))
			continue;
		/* "source.ip", "time.first_seen" have the form of domains, too */
		if (!columns_by_names(&one, &c) && (o.kind != OBS_DOMAIN || !memchr(o.key, '_', o.n)))
			return true;
	}
	return false;
}

/* The comment as a heading of rows like `first`. */
static bool comment_heading(struct span comment, const struct csv_row *first, uint8_t separator, struct csv_row *heading)
{
	size_t used;
	while (comment.n && (comment.p[0] == '#' || comment.p[0] == ';' || comment.p[0] == ' ' || comment.p[0] == '\t'))
		comment = span_from(comment, 1);
	return comment.n && !csv_row_cut(comment, true, separator, heading, &used, NULL) && heading->n == first->n;
}

/* More of its rows say something; as many, and more of them are rows of several fields. */
static bool is_better(const struct rows_plan *a, const struct rows_plan *b)
{
	uint64_t a_share = (uint64_t)a->claims * b->rows, b_share = (uint64_t)b->claims * a->rows;
	if (a->from == PLAN_NONE || b->from == PLAN_NONE)
		return a->from != PLAN_NONE;
	return a_share > b_share || (a->claims == b->claims && a->wide > b->wide);
}

static void count_rows(struct span rows, bool whole, struct rows_plan *plan)
{
	struct csv_row row;
	struct draft d;
	size_t used;
	draft_init(&d, STANCE_INDICATOR);
	for (bool heading = plan->heading_next; rows.n && plan->rows < PLAN_ROWS; rows = span_from(rows, used)) {
		enum err e = csv_row_cut(rows, whole, plan->columns.separator, &row, &used, NULL);
		if (e == ERR_MORE)
			break;
		if (columns_is_comment(rows, plan->columns.separator) || (!e && row.n == 1 && !row.fields[0].n))
			continue;
		if (heading) {
			heading = false;
			continue;
		}
		plan->rows++;
		if (e)
			continue;
		draft_begin(&d);
		columns_read(&plan->columns, &row, &d);
		plan->claims += d.r.fate == FATE_CLAIMS;
		plan->wide += row.n > 1;
	}
}

static void plan_with(struct span head, bool whole, struct span option, uint8_t separator, struct rows_plan *plan)
{
	struct span comment, rows = skip_comments(head, separator, &comment);
	struct csv_row first, above;
	struct columns *c = &plan->columns;
	size_t used;
	*plan = (struct rows_plan){ .columns.separator = separator };
	if (csv_row_cut(rows, whole, separator, &first, &used, NULL))
		return;
	plan->fields = first.n;
	bool values = holds_value(&first), commented = comment_heading(comment, &first, separator, &above);
	const struct csv_row *heading = values ? (commented ? &above : NULL) : &first;
	if (option.n) {
		plan->from = columns_by_option(heading, option, c) ? PLAN_NAMES : PLAN_NONE;
		plan->heading_next = !values;
	} else if (!values && columns_by_names(&first, c)) {
		plan->from = PLAN_NAMES;
		plan->heading_next = true;
	} else if (commented && columns_by_names(&above, c)) {
		plan->from = PLAN_NAMES;
	} else if (columns_by_content(rows, whole, c)) {
		plan->from = values ? PLAN_CONTENT : PLAN_UNKNOWN_HEADING;
		plan->heading_next = !values;
	}
	count_rows(rows, whole, plan);
}

bool rows_find(struct span head, bool whole, struct span option, struct rows_plan *ret_plan)
{
	static const uint8_t separators[] = { ',', '\t', ';', '|' };
	if (head.n > ROWS_HEAD) {
		head = span_head(head, ROWS_HEAD);
		whole = false;
	}
	if (span_starts(head, SPAN_LIT("\xef\xbb\xbf")))
		head = span_from(head, 3);
	*ret_plan = (struct rows_plan){ .columns.separator = ',' };
	for (size_t i = 0; i < COUNT_OF(separators); i++) {
		struct rows_plan plan;
		plan_with(head, whole, option, separators[i], &plan);
		if (is_better(&plan, ret_plan))
			*ret_plan = plan;
	}
	return ret_plan->from != PLAN_NONE;
}

/* What a row says by the columns of the plan. */
static bool read_by_columns(void *ctx, const struct csv_row *row, struct draft *d)
{
	struct rows *s = ctx;
	struct columns names = { 0 };
	if (s->heading_next) {
		s->heading_next = false;
		return false;
	}
	columns_read(&s->columns, row, d);
	if (d->r.fate == FATE_REJECTED && !holds_value(row) && columns_by_names(row, &names))
		draft_skip(d, "heading"); /* files put one behind the other */
	return true;
}

/* A row that begins at `rest`.  OK: `d` has it, or (`*ret_silent`) it is the heading. */
static enum err read_row(struct rows *s, struct span rest, bool last, rows_reader *read, void *reader, struct draft *d, size_t *ret_used,
			 bool *ret_silent)
{
	struct csv_row row;
	size_t line = span_find(rest, '\n');
	struct span text = span_trim(span_head(rest, line));
	if ((line < rest.n || last) && (!text.n || columns_is_comment(text, s->columns.separator))) {
		*ret_used = line < rest.n ? line + 1 : rest.n;
		draft_skip(d, text.n ? "comment" : "blank");
		return OK;
	}
	size_t mark = span_starts(rest, SPAN_LIT("\xef\xbb\xbf")) ? 3 : 0;
	enum err e = csv_row_cut(span_from(rest, mark), last, s->columns.separator, &row, ret_used, &d->fault);
	*ret_used += e == ERR_MORE ? 0 : mark;
	if (e == ERR_MORE || (!e && *ret_used > FEED_RECORD_MAX)) {
		if (rest.n <= FEED_RECORD_MAX)
			return ERR_MORE;
		*ret_used = line < rest.n ? line + 1 : rest.n;
		s->inside = line == rest.n && !last;
		draft_reject(d, "the row is longer than %d octets", FEED_RECORD_MAX);
	} else if (e) {
		draft_reject_fault(d);
	} else {
		*ret_silent = !read(reader, &row, d);
	}
	return OK;
}

static enum err find_plan(struct rows *s, struct span in, bool last, struct fault *f)
{
	struct rows_plan plan;
	struct span option = { (const uint8_t *)s->option, s->option_n };
	if (!rows_find(in, last && in.n < ROWS_HEAD, option, &plan)) {
		if (option.n)
			return fault_set(f, ERR_SYNTAX, "the table has no column \"%.*s\"", SPAN_ARG(option));
		return fault_set(f, ERR_SYNTAX, "no column of the table holds observables");
	}
	s->columns = plan.columns;
	s->heading_next = plan.heading_next;
	s->planned = true;
	return OK;
}

static uint64_t line_ends(struct span s)
{
	uint64_t n = 0;
	for (size_t i; (i = span_find(s, '\n')) < s.n; s = span_from(s, i + 1))
		n++;
	return n;
}

enum err rows_parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	struct rows *s = state;
	*ret_used = 0;
	if (!s->planned) {
		if (!last && in.n < ROWS_HEAD)
			return OK;
		enum err e = in.n ? find_plan(s, in, last, f) : OK;
		if (e)
			return e;
	}
	return rows_run(s, in, last, read_by_columns, s, sink, ctx, ret_used);
}

enum err rows_run(struct rows *s, struct span in, bool last, rows_reader *read, void *reader, feed_sink *sink, void *ctx, size_t *ret_used)
{
	struct draft d;
	uint64_t number = 1;
	size_t at = 0, used = 0;
	draft_init(&d, s->stance);
	for (enum err e = OK; at < in.n; at += used) {
		struct span rest = span_from(in, at);
		struct rows before = *s;
		bool silent = false;
		if (s->inside) {
			used = span_find(rest, '\n') + 1;
			s->inside = used > rest.n;
			used = s->inside ? rest.n : used;
			number += !s->inside;
			continue;
		}
		draft_begin(&d);
		e = read_row(s, rest, last, read, reader, &d, &used, &silent);
		if (e == ERR_MORE)
			break;
		d.r.line = number;
		d.r.off = at;
		d.r.len = used;
		if (!silent && !sink(ctx, &d.r)) {
			*s = before;
			*ret_used = at;
			return ERR_CANCELLED;
		}
		number += line_ends(span_head(rest, used));
	}
	*ret_used = at;
	return OK;
}

/* "FLAGS,OPTION,COLUMNS" with both in hexadecimal. */
void rows_save(const void *state, struct buf *out)
{
	const struct rows *s = state;
	char digits[2 * (ROWS_OPTION_MAX + sizeof(struct columns))];
	buf_printf(out, "%u%c%c%c,", s->stance, s->inside ? '1' : '0', s->planned ? '1' : '0', s->heading_next ? '1' : '0');
	hex_encode((const uint8_t *)s->option, s->option_n, digits);
	buf_put(out, digits, 2 * (size_t)s->option_n);
	buf_putc(out, ',');
	hex_encode((const uint8_t *)&s->columns, sizeof(s->columns), digits);
	buf_put(out, digits, 2 * sizeof(s->columns));
}

enum err rows_load(void *state, struct span token)
{
	struct rows s = { 0 };
	size_t comma = token.n > 5 && token.p[4] == ',' ? 5 + span_find(span_from(token, 5), ',') : token.n;
	if (comma >= token.n || comma - 5 > 2 * ROWS_OPTION_MAX || (comma - 5) % 2)
		return ERR_SYNTAX;
	if (token.p[0] < '0' || token.p[0] > '0' + STANCE_KNOWN)
		return ERR_SYNTAX;
	s.stance = (uint8_t)(token.p[0] - '0');
	for (unsigned i = 1; i < 4; i++)
		if (token.p[i] != '0' && token.p[i] != '1')
			return ERR_SYNTAX;
	s.inside = token.p[1] == '1';
	s.planned = token.p[2] == '1';
	s.heading_next = token.p[3] == '1';
	s.option_n = (uint8_t)((comma - 5) / 2);
	struct span columns = span_from(token, comma + 1);
	if (columns.n != 2 * sizeof(s.columns) && columns.n != 2 * offsetof(struct columns, until))
		return ERR_SYNTAX;
	if (hex_decode(span_head(span_from(token, 5), comma - 5), (uint8_t *)s.option, s.option_n) ||
	    hex_decode(columns, (uint8_t *)&s.columns, columns.n / 2))
		return ERR_SYNTAX;
	*(struct rows *)state = s;
	return OK;
}
