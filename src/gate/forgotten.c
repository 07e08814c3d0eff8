#include "gate/forgotten.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "gate/parties.h"

struct forgetting {
	struct ledger *ledger;
	uint64_t then;
	struct lane *lanes;
	unsigned n;
	clearance was, is;  /* then, and now */
	struct buf body;
};

/* What an entry says: the spans point into its body. */
struct peer_told {
	struct span op, name;
	struct span lane[LANES_MAX];
	unsigned n;
};

/* Names are plain text: what has escapes is none. */
static void read_told(struct span body, struct peer_told *ret_told)
{
	struct json_reader r;
	struct span key = { 0 };
	*ret_told = (struct peer_told){ .n = 0 };
	json_init(&r, body, true);
	for (enum json_token t; (t = json_next(&r)) != JSON_END && t != JSON_ERROR;) {
		if (t == JSON_KEY)
			key = r.slice;
		else if (t == JSON_STRING && r.depth == 1 && span_is(key, "op"))
			ret_told->op = r.slice;
		else if (t == JSON_STRING && r.depth == 1 && span_is(key, "name"))
			ret_told->name = r.slice;
		else if (t == JSON_STRING && r.depth == 2 && span_is(key, "lanes") && ret_told->n < LANES_MAX)
			ret_told->lane[ret_told->n++] = r.slice;
	}
}

static void mark(const struct forgetting *g, const struct peer_told *told, struct span lane, clearance *forgotten)
{
	char name[LANE_NAME_MAX + 2];
	int n = snprintf(name, sizeof(name), SPAN_FMT "." SPAN_FMT, SPAN_ARG(span_head(told->name, LANE_NAME_MAX)), SPAN_ARG(span_head(lane, LANE_NAME_MAX)));
	for (unsigned i = 0; i < g->n && n > 0 && n <= LANE_NAME_MAX; i++) {
		if (!g->lanes[i].peer[0] || strcmp(g->lanes[i].name, name) != 0)
			continue;
		clearance bit = (clearance)1 << g->lanes[i].number;
		*forgotten = span_is(told->op, "forget") ? *forgotten | bit : *forgotten & ~bit;
	}
}

static enum err visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct forgetting *g = ctx;
	struct peer_told told;
	(void)none;
	if (e->kind != ENTRY_PEER)
		return OK;
	g->body.n = 0;
	enum err err = ledger_body(g->ledger, CLEARANCE_ALL, e->number, &g->body, f);
	if (err)
		return err;
	read_told(buf_span(&g->body), &told);
	if (!span_is(told.op, "forget") && !span_is(told.op, "add") && !span_is(told.op, "set"))
		return OK;
	for (unsigned i = 0; i < told.n; i++)
		mark(g, &told, told.lane[i], &g->is);
	if (e->number <= g->then)
		g->was = g->is;
	return OK;
}

enum err forgotten_lanes(struct ledger *l, uint64_t then, clearance *ret_then, clearance *ret_now, struct fault *f)
{
	struct forgetting g = { .ledger = l, .then = then, .lanes = mem_alloc(LANES_MAX * sizeof(*g.lanes)) };
	uint8_t own = LANES_MAX;
	bool mirrors = false;
	g.n = ledger_lanes(l, CLEARANCE_ALL, g.lanes);
	for (unsigned i = 0; i < g.n; i++) {
		mirrors |= g.lanes[i].peer[0] != 0;
		if (strcmp(g.lanes[i].name, NODE_LANE) == 0)
			own = g.lanes[i].number;
	}
	enum err e = mirrors && own < LANES_MAX ? ledger_each_in(l, CLEARANCE_ALL, own, 0, visit, &g, f) : OK;
	if (e == OK)
		*ret_now = g.is;
	if (e == OK && ret_then)
		*ret_then = g.was;
	free(g.lanes);
	buf_release(&g.body);
	return e;
}
