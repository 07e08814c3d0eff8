/* Claims by value, and by the entry that they came with. */
#include <stdlib.h>

#include "codec/feed.h"
#include "gate/intake.h"
#include "gate/retract_parts.h"

/* ---- on a value ---- */

/* "LANE/INDEX" of the entry of a claim; false: it was told by others, or is not to be seen. */
static bool name_entry(struct retract_job *j, const struct standing *c, struct buf *out)
{
	struct ledger *l = node_ledger(j->node);
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	clearance clear = j->who->clear & (clearance)1 << (c->claim.lane & 63);
	struct entry e;
	bool may = ledger_lanes(l, clear, lanes) == 1 && ledger_entry(l, clear, c->claim.entry, &e) == OK;
	if (may) {
		may = retract_may(j, e.party);
		out->n = 0;
		buf_printf(out, "%s/%llu", lanes->name, (unsigned long long)e.index);
		entry_release(&e);
	}
	free(lanes);
	return may;
}

enum err retract_value(struct retract_job *j)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf name = { 0 };
	enum err e = obs_parse(j->id, store, &o, j->f);
	if (e)
		return fault_set(j->f, e, "\"" SPAN_FMT "\" is neither an object, nor an entry LANE/INDEX, nor a value", SPAN_ARG(span_head(j->id, 200)));
	standing_find(node_table(j->node), j->who->clear, j->source, &o, &j->found);
	const struct standing *all = standing_at(&j->found);
	for (size_t i = 0; i < standing_count(&j->found) && e == OK; i++) {
		if (((all[i].claim.flags & CLAIM_WILDCARD) != 0) != o.wildcard)
			continue;
		if (all[i].back)
			j->done->before++;
		else if (name_entry(j, &all[i], &name))
			e = retract_claim(j, &o, &all[i], buf_span(&name));
	}
	buf_release(&name);
	return e;
}

/* ---- of a body ---- */

struct reading {
	struct retract_job *j;
	uint64_t entry, last;    /* numbers of the body */
	uint64_t import;         /* 0: only what came with these */
	const char *source;
	uint8_t lane;
	struct span only;
	enum err error;
};

static bool of_body(const struct reading *g, const struct claim *c)
{
	return g->import ? claim_import(c) == (uint32_t)g->import : c->entry >= g->entry && c->entry <= g->last;
}

static void take_claim(struct reading *g, const struct feed_claim *fc)
{
	struct retract_job *j = g->j;
	standing_find(node_table(j->node), j->who->clear, g->source, &fc->obs, &j->found);
	const struct standing *all = standing_at(&j->found);
	for (size_t i = 0; i < standing_count(&j->found) && g->error == OK; i++) {
		if (!standing_is(&all[i], g->lane, g->source, fc))
			continue;
		if (all[i].back)
			j->done->before++;
		else if (!of_body(g, &all[i].claim))
			j->done->again++;
		else
			g->error = retract_claim(j, &fc->obs, &all[i], j->id);
	}
}

static bool take_record(void *ctx, const struct feed_record *r)
{
	struct reading *g = ctx;
	if (r->fate != FATE_CLAIMS || (g->only.n && !span_eq(r->id, g->only)))
		return true;
	for (unsigned i = 0; i < r->n_claims && g->error == OK; i++)
		take_claim(g, &r->claims[i]);
	return g->error == OK;
}

static enum err parse(struct reading *g, const struct entry *e, struct span body)
{
	const struct feed_format *format = feed_format_find(span_str(e->media));
	struct feed_parser *parser;
	struct fault ignored; /* of what follows whole records */
	size_t used;
	if (!format || intake_resume(format, buf_span(&e->token), &parser))
		return fault_set(g->j->f, ERR_UNSUPPORTED, "its body is in the format \"%s\", which this build cannot read", e->media);
	(void)!feed_parse(parser, body, true, take_record, g, &used, &ignored);
	feed_parser_free(parser);
	return g->error;
}

/* The rest of a body that goes on in other entries. */
static enum err read_rest(struct retract_job *j, const struct entry *e, struct buf *body, uint64_t *ret_last)
{
	struct ledger *l = node_ledger(j->node);
	bool more = e->flags & ENTRY_MORE;
	enum err err = OK;
	for (uint64_t index = e->index + 1; more && err == OK; index++) {
		struct entry next;
		uint64_t number;
		if ((err = ledger_find(l, j->who->clear, e->lane, index, &number)) != OK || (err = ledger_entry(l, j->who->clear, number, &next)) != OK)
			return fault_set(j->f, ERR_CORRUPT, "the rest of its body is not there");
		more = next.flags & ENTRY_MORE;
		*ret_last = number;
		entry_release(&next);
		err = ledger_body(l, j->who->clear, number, body, j->f);
	}
	return err;
}

/* The entry that a body begins in: it has the state of the parser, and its number is that of the claims. */
static enum err find_head(struct retract_job *j, uint64_t *number, struct entry *ret_entry)
{
	struct ledger *l = node_ledger(j->node);
	for (;;) {
		if (ledger_entry(l, j->who->clear, *number, ret_entry))
			break;
		uint64_t index = ret_entry->index;
		uint8_t lane = ret_entry->lane;
		if (!(ret_entry->flags & ENTRY_CONTINUES))
			return OK;
		entry_release(ret_entry);
		if (index == 0 || ledger_find(l, j->who->clear, lane, index - 1, number))
			break;
	}
	return fault_set(j->f, ERR_CORRUPT, "an entry that its body begins in is not there");
}

enum err retract_body(struct retract_job *j, uint64_t number, uint64_t import, struct span only)
{
	struct ledger *l = node_ledger(j->node);
	struct buf body = { 0 };
	struct entry e;
	enum err err = find_head(j, &number, &e);
	if (err)
		return err;
	struct reading g = { .j = j, .entry = number, .last = number, .import = import, .source = e.source, .lane = e.lane, .only = only };
	if (retract_may(j, e.party) && (err = ledger_body(l, j->who->clear, number, &body, j->f)) == OK &&
	    (err = read_rest(j, &e, &body, &g.last)) == OK)
		err = parse(&g, &e, buf_span(&body));
	buf_release(&body);
	entry_release(&e);
	return err;
}

/* ---- of an entry ---- */

struct pieces {
	struct retract_job *j;
	uint64_t import;
	bool ended;
};

static enum err visit_piece(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct pieces *p = ctx;
	(void)none;
	if (e->import != p->import)
		return OK;
	if (e->kind == ENTRY_ENDED) {
		p->ended = true;
		return fault_set(f, ERR_CANCELLED, "that was the last");
	}
	if (e->kind != ENTRY_FEED || e->flags & ENTRY_CONTINUES)
		return OK;
	enum err err = retract_body(p->j, e->number, p->import, span_of(NULL, 0));
	return err == ERR_GONE ? OK : err; /* what is erased counts no more */
}

static enum err whole_import(struct retract_job *j, const struct entry *e)
{
	struct pieces p = { .j = j, .import = e->import };
	enum err err = ledger_each(node_ledger(j->node), j->who->clear & (clearance)1 << e->lane, e->import, false, visit_piece, &p, j->f);
	return err == ERR_CANCELLED && p.ended ? OK : err;
}

static enum err of_entry(struct retract_job *j, const struct entry *e)
{
	if (e->kind == ENTRY_ENDED || (e->kind == ENTRY_FEED && e->flags & ENTRY_BEGINS))
		return whole_import(j, e);
	if (e->kind != ENTRY_FEED)
		return fault_set(j->f, ERR_SYNTAX, "\"" SPAN_FMT "\" is an entry of the kind \"%s\", which claims nothing that could be taken back",
				 SPAN_ARG(span_head(j->id, 100)), entry_kind_name(e->kind));
	if (e->flags & ENTRY_CONTINUES)
		return fault_set(j->f, ERR_SYNTAX, "\"" SPAN_FMT "\" goes on with the body of the entry before it: take that back", SPAN_ARG(span_head(j->id, 100)));
	return retract_body(j, e->number, e->import, span_of(NULL, 0));
}

enum err retract_entry(struct retract_job *j)
{
	struct ledger *l = node_ledger(j->node);
	struct entry e;
	uint64_t number;
	if (span_find(j->id, '/') == j->id.n || ledger_resolve(l, j->who->clear, j->id, &number, NULL) || ledger_entry(l, j->who->clear, number, &e))
		return ERR_NOTFOUND;
	enum err err = j->source && strcmp(j->source, e.source) != 0 ? fault_set(j->f, ERR_SYNTAX, "\"" SPAN_FMT "\" was told by \"%s\", not by \"%s\"",
											   SPAN_ARG(span_head(j->id, 100)), e.source, j->source) : of_entry(j, &e);
	entry_release(&e);
	return err == ERR_NOTFOUND ? fault_set(j->f, ERR_CORRUPT, "\"" SPAN_FMT "\" cannot be read", SPAN_ARG(span_head(j->id, 100))) : err;
}
