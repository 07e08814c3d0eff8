/* Lines are looked for only around hits, and their numbers counted only up to the last hit of a chunk. */
#include "scan/print.h"

#include "codec/json.h"
#include "codec/tlp.h"

struct print_mark {
	size_t from, to;
};

#define COLOUR_NAME "\33[35m"
#define COLOUR_NUMBER "\33[32m"
#define COLOUR_MATCH "\33[1;31m"
#define COLOUR_END "\33[0m"

static void put_coloured(const struct print_options *o, const char *colour, struct span text, struct buf *out)
{
	if (o->colour)
		buf_puts(out, colour);
	size_t from = out->n;
	buf_putspan(out, text);
	for (size_t i = from; o->terminal && i < out->n; i++)
		if ((out->p[i] < ' ' && out->p[i] != '\t') || out->p[i] == 0x7f)
			out->p[i] = '?';
	if (o->colour)
		buf_puts(out, COLOUR_END);
}

static void put_plain(const struct print_options *o, struct span text, struct buf *out)
{
	struct print_options plain = *o;
	plain.colour = false;
	put_coloured(&plain, NULL, text, out);
}

static void put_number(const struct print_options *o, uint64_t n, struct buf *out)
{
	if (o->colour)
		buf_puts(out, COLOUR_NUMBER);
	buf_putu(out, n);
	if (o->colour)
		buf_puts(out, COLOUR_END);
	buf_putc(out, ':');
}

static void put_name(const struct print_options *o, const char *name, struct buf *out)
{
	if (!o->names)
		return;
	put_coloured(o, COLOUR_NAME, span_str(name), out);
	buf_putc(out, ':');
}

void print_count(const struct print_options *o, const char *name, uint64_t n, struct buf *out)
{
	put_name(o, name, out);
	buf_putu(out, n);
	buf_putc(out, '\n');
}

void print_begin(struct printer *p, const char *name, const struct chunk *c)
{
	p->name = name;
	p->chunk = c;
	p->number = c->line;
	p->counted = p->done = 0;
	p->hits = p->lines = 0;
	p->open = false;
}

void print_release(struct printer *p)
{
	buf_release(&p->out);
	buf_release(&p->marks);
}

/* ---- places ---- */

static struct span part(const struct printer *p, size_t from, size_t to)
{
	return span_of(p->chunk->text.p + from, to - from);
}

/* Number of the line that octet `at` is in; `at` never goes back. */
static uint64_t line_of(struct printer *p, size_t at)
{
	if (at > p->counted) {
		p->number += count_lines(part(p, p->counted, at));
		p->counted = at;
	}
	return p->number;
}

/* Where the line begins that octet `at` is in, not before `least`. */
static size_t line_start(const struct printer *p, size_t least, size_t at)
{
	const uint8_t *end = at > least ? memrchr(p->chunk->text.p + least, '\n', at - least) : NULL;
	return end ? (size_t)(end + 1 - p->chunk->text.p) : least;
}

static uint64_t column_of(const struct printer *p, size_t at)
{
	size_t start = line_start(p, 0, at);
	return (start ? 0 : p->chunk->column) + (at - start) + 1;
}

/* ---- lines ---- */

static void put_line_json(struct printer *p, size_t from, struct span line)
{
	buf_puts(&p->out, "{\"file\":");
	json_put_string(&p->out, span_str(p->name));
	buf_puts(&p->out, ",\"line\":");
	buf_putu(&p->out, line_of(p, from));
	buf_puts(&p->out, ",\"text\":");
	json_put_string(&p->out, line);
	buf_puts(&p->out, "}\n");
}

/* The line from `from` to `to`, its end included if it has one. */
static void put_line(struct printer *p, size_t from, size_t to)
{
	const struct print_mark *mark = (const struct print_mark *)(const void *)p->marks.p;
	size_t n = p->marks.n / sizeof(*mark), at = from;
	size_t end = to > from && p->chunk->text.p[to - 1] == '\n' ? to - 1 : to;
	if (p->o.form == PRINT_JSON) {
		put_line_json(p, from, part(p, from, end));
		return;
	}
	put_name(&p->o, p->name, &p->out);
	if (p->o.numbers)
		put_number(&p->o, line_of(p, from), &p->out);
	for (size_t i = 0; i < n && p->o.colour; i++) { /* one may stand inside another */
		if (mark[i].to <= at)
			continue;
		size_t start = mark[i].from > at ? mark[i].from : at;
		put_plain(&p->o, part(p, at, start), &p->out);
		put_coloured(&p->o, COLOUR_MATCH, part(p, start, mark[i].to), &p->out);
		at = mark[i].to;
	}
	put_plain(&p->o, part(p, at, end), &p->out);
	buf_putc(&p->out, '\n');
}

/* Lines without a hit. */
static void pass_lines(struct printer *p, size_t from, size_t to)
{
	if (!p->o.invert || from >= to)
		return;
	struct span text = part(p, from, to);
	p->lines += count_lines(text) + (text.p[text.n - 1] != '\n');
	p->marks.n = 0;
	while (from < to && p->o.form != PRINT_NOTHING) {
		size_t end = from + span_find(part(p, from, to), '\n') + 1;
		end = end < to ? end : to;
		put_line(p, from, end);
		from = end;
	}
}

static void close_line(struct printer *p)
{
	if (!p->open)
		return;
	p->open = false;
	p->done = p->line_to;
	if (p->o.invert)
		return;
	p->lines++;
	if (p->o.form == PRINT_LINES && !p->chunk->binary)
		put_line(p, p->line_from, p->line_to);
}

static void mark_line(struct printer *p, size_t at, size_t n)
{
	struct print_mark mark = { at, at + n };
	if (!p->open || at >= p->line_to) {
		close_line(p);
		p->line_from = line_start(p, p->done, at);
		pass_lines(p, p->done, p->line_from);
		size_t all = p->chunk->text.n, end = at + span_find(part(p, at, all), '\n') + 1;
		p->line_to = end < all ? end : all;
		p->open = true;
		p->marks.n = 0;
	}
	buf_put(&p->marks, &mark, sizeof(mark));
}

void print_end(struct printer *p)
{
	close_line(p);
	pass_lines(p, p->done, p->chunk->text.n);
}

/* ---- hits ---- */

static void put_categories(const struct verdict *v, struct buf *out)
{
	buf_puts(out, category_row(v->category)->name);
	for (unsigned c = 0; c < CAT_COUNT; c++)
		if (v->categories >> c & 1 && c != v->category) {
			buf_putc(out, ',');
			buf_puts(out, category_row(c)->name);
		}
}

static void put_row(struct printer *p, const struct finding *f, const struct reputation *r, const struct meaning *m)
{
	struct buf *out = &p->out;
	if (p->chunk->binary) {
		buf_puts(out, "Binary file ");
		put_coloured(&p->o, COLOUR_NAME, span_str(p->name), out);
		buf_puts(out, ": ");
	} else {
		put_name(&p->o, p->name, out);
		put_number(&p->o, line_of(p, f->at), out);
		put_number(&p->o, column_of(p, f->at), out);
		buf_putc(out, ' ');
	}
	if (p->o.colour)
		buf_puts(out, COLOUR_MATCH);
	obs_format(&f->obs, out);
	if (p->o.colour)
		buf_puts(out, COLOUR_END);
	buf_putc(out, ' ');
	buf_putu(out, r->verdict.score);
	buf_putc(out, ' ');
	put_categories(&r->verdict, out);
	uint8_t tlp = reputation_audience(r, m);
	if (tlp > TLP_CLEAR) {
		buf_putc(out, ' ');
		buf_puts(out, tlp_name(tlp));
	}
	buf_putc(out, '\n');
}

static void put_json(struct printer *p, const struct finding *f, const struct reputation *r, const struct meaning *m)
{
	struct buf *out = &p->out;
	buf_puts(out, "{\"file\":");
	json_put_string(out, span_str(p->name));
	buf_puts(out, ",\"line\":");
	buf_putu(out, line_of(p, f->at));
	buf_puts(out, ",\"column\":");
	buf_putu(out, column_of(p, f->at));
	if (p->chunk->binary) {
		buf_puts(out, ",\"binary\":true,\"offset\":");
		buf_putu(out, p->chunk->offset + f->at);
	}
	buf_puts(out, ",\"text\":");
	json_put_string(out, part(p, f->at, f->at + f->n));
	buf_puts(out, ",\"category\":");
	json_put_string(out, span_str(category_row(r->verdict.category)->name));
	size_t brace = out->n;
	reputation_json(r, &f->obs, m, out);
	out->p[brace] = ','; /* one object */
	buf_putc(out, '\n');
}

static void put_value(struct printer *p, const struct finding *f)
{
	if (p->o.colour)
		buf_puts(&p->out, COLOUR_MATCH);
	obs_format(&f->obs, &p->out);
	if (p->o.colour)
		buf_puts(&p->out, COLOUR_END);
	buf_putc(&p->out, '\n');
}

void print_hit(struct printer *p, const struct finding *f, const struct reputation *r, const struct meaning *m)
{
	p->hits++;
	mark_line(p, f->at, f->n);
	if (p->o.invert)
		return;
	if (p->o.form == PRINT_ROWS || (p->o.form == PRINT_LINES && p->chunk->binary))
		put_row(p, f, r, m);
	else if (p->o.form == PRINT_JSON)
		put_json(p, f, r, m);
	else if (p->o.form == PRINT_VALUES)
		put_value(p, f);
}
