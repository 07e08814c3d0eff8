#include "peer/puller_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

const char *pull_state_name(enum pull_state s)
{
	static const char *const names[] = {
		[PULL_OK] = "ok", [PULL_BEHIND] = "behind", [PULL_STARTING] = "starting", [PULL_UNREACHABLE] = "unreachable", [PULL_REFUSED] = "refused",
		[PULL_ROLLED_BACK] = "ROLLED BACK", [PULL_FORKED] = "FORKED", [PULL_OFFLINE] = "offline", [PULL_STOPPED] = "stopped",
	};
	return names[s];
}

bool pull_state_is_bad(enum pull_state s)
{
	return s == PULL_UNREACHABLE || s == PULL_REFUSED || s == PULL_ROLLED_BACK || s == PULL_FORKED;
}

void pull_status_here(struct node *n, const struct peer *p, unsigned i, struct pull_status *ret_status)
{
	struct pull_status t = { .state = p->url[0] ? PULL_STOPPED : PULL_OFFLINE };
	struct lane lane;
	bool forked = true;
	snprintf(t.peer, sizeof(t.peer), "%s", p->name);
	snprintf(t.lane, sizeof(t.lane), "%s.%s", p->name, p->lane[i]);
	if (ledger_lane_find(node_ledger(n), CLEARANCE_ALL, t.lane, &lane) == OK)
		t.size = t.there = lane.size;
	if (evidence_find(node_dir(n), t.lane, &forked, t.why))
		t.state = forked ? PULL_FORKED : PULL_ROLLED_BACK;
	*ret_status = t;
}

/* What runs says how it stands. */
static bool running(struct puller *p, const char *lane, struct pull_status *ret_status)
{
	bool there = false;
	if (!p)
		return false;
	pthread_mutex_lock(&p->lock);
	for (struct station *s = p->stations; s && !there; s = s->next)
		for (unsigned i = 0; i < s->peer.n_lanes && !there; i++)
			if ((there = strcmp(s->lane[i].status.lane, lane) == 0))
				*ret_status = s->lane[i].status;
	pthread_mutex_unlock(&p->lock);
	return there;
}

struct pull_status *pull_statuses(struct node *n, const struct peers *peers, const char *name, unsigned *ret_n)
{
	struct pull_status *all = mem_zalloc((peers->n * PEER_LANES_MAX + 1) * sizeof(*all));
	*ret_n = 0;
	for (unsigned i = 0; i < peers->n; i++) {
		for (unsigned k = 0; k < peers->v[i].n_lanes && (!name || strcmp(name, peers->v[i].name) == 0); k++) {
			struct pull_status *t = &all[(*ret_n)++];
			pull_status_here(n, &peers->v[i], k, t);
			(void)running(node_puller(n), t->lane, t);
		}
	}
	return all;
}

struct family {
	const char *name, *type, *help;
	double (*value)(const struct pull_status *t);
};

/* With the lock.  Without a lane that may be seen there is no heading either: that there are peers is theirs to know who see their lanes. */
static void put_family(struct puller *p, clearance clear, const struct family *m, struct buf *out)
{
	struct lane lane;
	size_t before = out->n, heading;
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
	heading = out->n;
	for (struct station *s = p->stations; s; s = s->next)
		for (unsigned i = 0; i < s->peer.n_lanes; i++)
			if (ledger_lane_find(node_ledger(p->node), clear, s->lane[i].status.lane, &lane) == OK)
				buf_printf(out, "%s{peer=\"%s\",lane=\"%s\"} %.15g\n", m->name, s->peer.name, s->lane[i].status.lane,
					   m->value(&s->lane[i].status));
	out->n = out->n == heading ? before : out->n;
}

static double entries_of(const struct pull_status *t)
{
	return (double)t->size;
}

static double behind_of(const struct pull_status *t)
{
	return (double)(t->there - t->size);
}

static double lag_of(const struct pull_status *t)
{
	return t->state == PULL_OK ? 0 : t->level_ms ? (double)(clock_ms() - t->level_ms) / 1000 : -1;
}

static double good_of(const struct pull_status *t)
{
	return !pull_state_is_bad(t->state);
}

static double forked_of(const struct pull_status *t)
{
	return t->state == PULL_FORKED || t->state == PULL_ROLLED_BACK;
}

static double octets_of(const struct pull_status *t)
{
	return (double)t->octets;
}

static const struct family families[] = {
	{ "sipar_peer_entries", "gauge", "Entries of a mirrored lane that are here.", entries_of },
	{ "sipar_peer_behind_entries", "gauge", "Entries that the peer has and that are not here yet.", behind_of },
	{ "sipar_peer_lag_seconds", "gauge", "Since when the peer has had more, or has not been heard; -1: never.", lag_of },
	{ "sipar_peer_ok", "gauge", "0 when the peer cannot be reached, refuses, or shows two histories.", good_of },
	{ "sipar_peer_forked", "gauge", "1 when the peer has shown two histories of the lane.", forked_of },
	{ "sipar_peer_octets_total", "counter", "Octets of parcels that came from the peer.", octets_of },
};

void puller_metrics(struct puller *p, clearance clear, struct buf *out)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < COUNT_OF(families); i++)
		put_family(p, clear, &families[i], out);
	pthread_mutex_unlock(&p->lock);
}
