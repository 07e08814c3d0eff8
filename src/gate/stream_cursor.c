/* "green/7,public/12.9.300": each lane with its place, by the number of the lane. */
#include <stdlib.h>

#include "base/num.h"
#include "gate/stream_parts.h"

clearance stream_cursor_lanes(const struct stream_cursor *c)
{
	clearance lanes = 0;
	for (unsigned i = 0; i < c->n; i++)
		lanes |= (clearance)1 << c->lane[i].number;
	return lanes;
}

void stream_cursor_put(const struct stream_cursor *c, struct buf *out)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct stream_lane *l = &c->lane[i];
		buf_printf(out, "%s%s/%llu", i ? "," : "", l->name, (unsigned long long)l->place.index);
		if (l->place.piece)
			buf_printf(out, ".%llu.%llu", (unsigned long long)l->place.piece, (unsigned long long)l->place.records);
	}
}

/* ---- from text ---- */

static enum err not_a_cursor(struct span text, const char *why, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is no place to begin: %s", SPAN_ARG(span_head(text, 100)), why);
}

/* "12" or "12.9.300" */
static enum err read_place(struct span text, struct stream_place *ret_place, struct fault *f)
{
	struct stream_place p = { 0 };
	size_t first = span_find(text, '.');
	struct span rest = span_from(text, first + 1);
	size_t second = span_find(rest, '.');
	bool wrong = num_parse_u64(span_head(text, first), INT64_MAX, &p.index) != OK;
	if (first < text.n)
		wrong |= num_parse_u64(span_head(rest, second), INT64_MAX, &p.piece) || num_parse_u64(span_from(rest, second + 1), INT64_MAX, &p.records) ||
			 p.piece == 0 || p.piece > p.index;
	if (wrong)
		return not_a_cursor(text, "an index is a number, or three with dots as a stream has given them", f);
	*ret_place = p;
	return OK;
}

static struct stream_lane *find(struct stream_cursor *c, struct span name)
{
	for (unsigned i = 0; i < c->n; i++)
		if (span_is(name, c->lane[i].name))
			return &c->lane[i];
	return NULL;
}

static enum err read_places(struct span text, struct stream_cursor *c, struct fault *f)
{
	struct span item, rest = text;
	clearance seen = 0;
	while (span_item(&rest, &item)) {
		size_t slash = span_find(item, '/');
		struct stream_lane *l = find(c, span_head(item, slash));
		if (slash == item.n)
			return not_a_cursor(item, "a cursor is LANE/INDEX, with commas between lanes", f);
		if (!l || seen >> l->number & 1)
			return not_a_cursor(item, "the lane is not one of those that are asked for, or stands there twice", f);
		seen |= (clearance)1 << l->number;
		enum err e = read_place(span_from(item, slash + 1), &l->place, f);
		if (e)
			return e;
	}
	return OK;
}

static enum err begin_at(struct span from, struct stream_cursor *c, struct fault *f)
{
	uint64_t n;
	if (from.n > STREAM_CURSOR_MAX)
		return not_a_cursor(from, "it is too long", f);
	if (num_parse_u64(from, INT64_MAX, &n))
		return read_places(from, c, f);
	if (n && c->n > 1)
		return not_a_cursor(from, "with several lanes it needs a place for each, as LANE/INDEX with commas", f);
	c->lane[0].place.index = n;
	return OK;
}

/* ---- opening ---- */

static bool asked_for(struct span names, const char *lane)
{
	struct span name;
	if (!names.n)
		return true;
	while (span_item(&names, &name))
		if (span_is(name, lane))
			return true;
	return false;
}

static enum err all_there(struct span names, struct stream_cursor *c, struct fault *f)
{
	struct span name;
	while (span_item(&names, &name))
		if (!find(c, name))
			return fault_set(f, ERR_NOTFOUND, "there is no lane \"" SPAN_FMT "\"", SPAN_ARG(span_head(name, LANE_NAME_MAX)));
	return c->n ? OK : fault_set(f, ERR_NOTFOUND, "there is no lane that may be seen");
}

enum err stream_cursor_open(struct stream *s, clearance clear, struct span names, struct span from, struct stream_cursor **ret_cursor,
			    struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(s->ledger, clear, lanes);
	struct stream_cursor *c = mem_zalloc(sizeof(*c) + n * sizeof(c->lane[0]));
	uint64_t size[LANES_MAX];
	for (unsigned i = 0; i < n; i++) {
		struct stream_lane *l = &c->lane[c->n];
		if (!asked_for(names, lanes[i].name))
			continue;
		size[c->n++] = lanes[i].size;
		l->number = lanes[i].number;
		memcpy(l->name, lanes[i].name, sizeof(l->name));
		l->place.index = from.n ? 0 : lanes[i].size;
	}
	free(lanes);
	enum err e = all_there(names, c, f);
	if (e == OK && from.n)
		e = begin_at(from, c, f);
	for (unsigned i = 0; i < c->n && e == OK; i++)
		if (c->lane[i].place.index > size[i])
			e = fault_set(f, ERR_RANGE, "lane \"%s\" has %llu entries, and %llu of them were to be passed over: it was rolled back, or the "
				      "cursor is of another node", c->lane[i].name, (unsigned long long)size[i],
				      (unsigned long long)c->lane[i].place.index);
	if (e)
		free(c);
	else
		*ret_cursor = c;
	return e;
}
