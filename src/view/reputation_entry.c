/* The entry that a line's claim came with, as receipts and people name it; and what its import says at its end. */
#include "view/reputation.h"

#include "codec/json.h"

enum { LOOK_AHEAD = 256 /* entries of the lane, between a retraction and its end */ };

void reputation_put_entry(const struct score_line *line, const struct meaning *m, struct ledger *l, struct buf *out)
{
	uint8_t lane = line->claim.lane & 63;
	struct entry e;
	if (m->entry_is_index && m->audiences) {
		buf_printf(out, "%s/%u", m->audiences->lane[lane].name, line->claim.entry);
		return;
	}
	if (!l || !m->audiences || ledger_entry(l, (clearance)1 << lane, line->claim.entry, &e)) {
		buf_putu(out, line->claim.entry);
		return;
	}
	buf_puts(out, m->audiences->lane[lane].name);
	buf_putc(out, '/');
	buf_putu(out, e.index);
	entry_release(&e);
}

struct ending {
	struct retraction *ret;
	struct ledger *ledger;
	clearance clear;
	uint64_t import;
	unsigned left;
};

static void take_member(struct json_reader *r, struct span key, struct retraction *ret)
{
	bool by = span_is(key, "by"), why = span_is(key, "why");
	struct buf scratch = { 0 };
	if (!by && !why) {
		(void)!json_skip(r);
	} else if (json_next(r) == JSON_STRING) {
		struct buf *to = by ? &ret->by : &ret->why;
		to->n = 0;
		buf_putspan(to, json_text(r, &scratch));
	}
	buf_release(&scratch);
}

static void read_end(const struct ending *end, uint64_t number)
{
	struct buf body = { 0 };
	struct json_reader r;
	if (ledger_body(end->ledger, end->clear, number, &body, NULL) == OK) {
		json_init(&r, buf_span(&body), true);
		if (json_next(&r) == JSON_OBJECT)
			while (json_next(&r) == JSON_KEY)
				take_member(&r, r.slice, end->ret);
	}
	buf_release(&body);
}

static enum err visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct ending *end = ctx;
	bool found = e->kind == ENTRY_ENDED && e->import == end->import;
	(void)none;
	if (found)
		read_end(end, e->number);
	return found || --end->left == 0 ? fault_set(f, ERR_CANCELLED, "enough") : OK;
}

bool reputation_retraction(const struct score_line *line, struct ledger *l, struct retraction *ret)
{
	clearance clear = (clearance)1 << (line->claim.lane & 63);
	struct ending end = { .ret = ret, .ledger = l, .clear = clear, .left = LOOK_AHEAD };
	struct fault ignored;
	struct entry e;
	*ret = (struct retraction){ 0 };
	if (!l || line->fate != LINE_RETRACTS || ledger_entry(l, clear, line->claim.entry, &e))
		return false;
	end.import = e.import;
	ret->time_s = e.time_ms / 1000;
	buf_puts(&ret->by, e.party);
	entry_release(&e);
	(void)!ledger_each(l, clear, line->claim.entry, false, visit, &end, &ignored);
	return true;
}

void retraction_release(struct retraction *r)
{
	buf_release(&r->by);
	buf_release(&r->why);
}
