#include "peer/join.h"

#include <stdio.h>

#include "gate/mirror.h"
#include "ledger/checkpoint.h"
#include "ledger/lanereader.h"

enum { WRITERS_MAX = 32 };

typedef unsigned long long ull;

struct joining {
	struct node *node;
	struct peer peer;
	const struct join_io *io;
	struct join_report *report;
	struct lanereader in;
};

/* ---- the lane ---- */

static uint64_t size_here(const struct joining *j)
{
	struct lane lane;
	return ledger_lane_find(node_ledger(j->node), CLEARANCE_ALL, j->report->lane, &lane) == OK ? lane.size : 0;
}

static bool has_lane(const struct peer *p, const char *lane)
{
	unsigned i = 0;
	while (i < p->n_lanes && strcmp(p->lane[i], lane) != 0)
		i++;
	return i < p->n_lanes;
}

/* May the peer have it?  Nothing is changed yet. */
static enum err check_lane(struct joining *j, struct fault *f)
{
	struct peer *p = &j->peer;
	bool forked = false;
	char why[EVIDENCE_WHY_MAX + 1] = "";
	if (!has_lane(p, j->in.head.lane)) {
		if (p->url[0])
			return fault_set(f, ERR_USAGE, "it is the lane \"%s\", which peer \"%s\" has not here; \"sipar peer set %s --lanes\" says which", j->in.head.lane, p->name, p->name);
		if (p->n_lanes == PEER_LANES_MAX)
			return fault_set(f, ERR_FULL, "peer \"%s\" has %d lanes, which is all that it can have", p->name, PEER_LANES_MAX);
		snprintf(p->lane[p->n_lanes++], sizeof(p->lane[0]), "%s", j->in.head.lane);
	}
	enum err e = peer_check(p, f);
	if (e)
		return e;
	snprintf(j->report->lane, sizeof(j->report->lane), "%s.%s", p->name, j->in.head.lane);
	j->report->made_ms = j->in.head.made_ms;
	j->report->size = size_here(j);
	if (evidence_find(node_dir(j->node), j->report->lane, &forked, why))
		return fault_set(f, ERR_FORBIDDEN, "\"%s\" has shown two histories (%.150s); \"sipar peer trust %s %s\" goes on with it", j->report->lane, why, p->name, j->in.head.lane);
	if (j->in.head.first > j->report->size)
		return fault_set(f, ERR_RANGE, "it begins with entry %llu, and \"%s\" has %llu here: the next file must begin with entry %llu or before (sipar lane export %s --since %llu)",
				 (ull)j->in.head.first, j->report->lane, (ull)j->report->size, (ull)j->report->size, j->in.head.lane, (ull)j->report->size);
	return OK;
}

/* It holds, so the peer has it from now on. */
static enum err add_lane(struct joining *j, struct fault *f)
{
	struct peers peers;
	enum err e = peers_read(node_dir(j->node), &peers, f);
	struct peer *there = e ? NULL : peers_find(&peers, j->peer.name);
	if (there && !has_lane(there, j->in.head.lane) && there->n_lanes < PEER_LANES_MAX) {
		snprintf(there->lane[there->n_lanes++], sizeof(there->lane[0]), "%s", j->in.head.lane);
		if ((e = peer_check(there, f)) == OK && (e = peer_say(j->node, "set", there, NULL, f)) == OK)
			e = peers_write(node_dir(j->node), &peers, f);
	}
	peers_release(&peers);
	return e;
}

/* ---- two histories ---- */

static enum err keep_evidence(struct joining *j, uint8_t lane, bool forked, struct span theirs, const char *why, struct fault *f)
{
	struct buf ours = { 0 };
	enum err e = ledger_checkpoint(node_ledger(j->node), CLEARANCE_ALL, lane, &ours, f);
	if (e == OK)
		e = evidence_keep(node_dir(j->node), j->report->lane, forked, why, buf_span(&ours), theirs, f);
	buf_release(&ours);
	if (e)
		return e;
	*(forked ? &j->report->forked : &j->report->rolled_back) = true;
	return fault_set(f, ERR_CORRUPT, "%s", why);
}

static enum err forked(struct joining *j, const struct mirror_done *d, const struct parcel *p, struct fault *f)
{
	char why[EVIDENCE_WHY_MAX + 1];
	if (!d->proved)
		return fault_set(f, ERR_CORRUPT, "its entries from %llu on are not those that the peer has signed: they were altered on the way", (ull)p->first);
	snprintf(why, sizeof(why), "forked: what the peer has signed of %llu entries is not what it had signed of them before", (ull)(p->first + p->count));
	return keep_evidence(j, d->lane, true, p->note, why, f);
}

/* Whose word on where the log ends counts: the node that writes it, under its own name, with each key that it may have. */
static unsigned put_writers(const struct joining *j, struct span origin, struct verifier v[WRITERS_MAX])
{
	uint8_t keys[WRITERS_MAX][32];
	struct lane lane;
	size_t name = origin.n;
	unsigned n = j->peer.n_keys;
	while (name && !span_starts(span_from(origin, name), SPAN_LIT("/lanes/")))
		name--;
	memcpy(keys, j->peer.key, n * sizeof(keys[0]));
	if (ledger_lane_find(node_ledger(j->node), CLEARANCE_ALL, j->report->lane, &lane) == OK)
		n += ledger_lane_keys(node_ledger(j->node), &lane, keys + n, WRITERS_MAX - n);
	for (unsigned i = 0; i < n && name; i++) {
		v[i] = (struct verifier){ .type = NOTE_COSIGNATURE };
		snprintf(v[i].name, sizeof(v[i].name), SPAN_FMT, SPAN_ARG(span_head(origin, name)));
		memcpy(v[i].key, keys[i], sizeof(v[i].key));
	}
	return name ? n : 0;
}

/* A checkpoint, and when its node has said that the log ended there; 0: it has not. */
struct ending {
	struct checkpoint at;
	uint64_t time_s;
};

static enum err read_ending(const struct verifier *v, unsigned n, struct span octets, struct ending *ret_ending, struct fault *f)
{
	struct note note;
	struct ending end = { .time_s = 0 };
	enum err e = note_parse(octets, &note, f);
	if (e || (e = checkpoint_parse(note.text, &end.at, f)))
		return e;
	for (unsigned i = 0; i < n && !end.time_s; i++)
		if (note_check(&note, &v[i], &end.time_s, NULL))
			end.time_s = 0;
	*ret_ending = end;
	return OK;
}

/* A file with less than is here is an old one, unless its node has signed that the log ended there later than it had signed that it ended here. */
static enum err check_end(struct joining *j, uint8_t lane, struct span theirs, struct fault *f)
{
	struct ledger *ledger = node_ledger(j->node);
	struct verifier v[WRITERS_MAX];
	struct ending here = { .time_s = 0 }, there = { .time_s = 0 };
	struct buf ours = { 0 };
	char why[EVIDENCE_WHY_MAX + 1];
	unsigned taken, n = 0;
	enum err e = ledger_checkpoint(ledger, CLEARANCE_ALL, lane, &ours, f);
	if (e == OK && (e = read_ending(NULL, 0, theirs, &there, f)) == OK) {
		n = put_writers(j, there.at.origin, v);
		if ((e = read_ending(v, n, buf_span(&ours), &here, f)) == OK)
			e = read_ending(v, n, theirs, &there, f);
	}
	if (e == OK && there.time_s && there.at.size == here.at.size) {
		e = ledger_cosign(ledger, CLEARANCE_ALL, lane, theirs, v, n, &taken, f);
	} else if (e == OK && here.time_s && there.time_s > here.time_s && there.at.size < here.at.size) {
		snprintf(why, sizeof(why), "rolled back: the log had %llu entries, and %llu s later the peer has signed that it had %llu", (ull)here.at.size,
			 (ull)(there.time_s - here.time_s), (ull)there.at.size);
		e = keep_evidence(j, lane, false, theirs, why, f);
	}
	buf_release(&ours);
	return e;
}

/* ---- taking ---- */

static enum err take(struct joining *j, struct span parcel, const struct parcel *p, struct mirror_done *d, struct fault *f)
{
	struct mirror_order order = { .peer = j->peer.name, .lane = j->in.head.lane, .keys = (const uint8_t (*)[32])j->peer.key, .n_keys = j->peer.n_keys,
				      .objects = mirror_objects };
	enum err e = node_mirror(j->node, &order, parcel, d, f);
	if (d->state == MIRROR_GREW) {
		j->report->founded |= d->founded;
		j->report->joined += d->n;
		j->report->size = d->size;
	}
	if (e || d->state == MIRROR_GREW || d->state == MIRROR_LEVEL)
		return e;
	return d->state == MIRROR_DIFFERENT ? forked(j, d, p, f) : fault_set(f, ERR_CORRUPT, "a checkpoint in it is not of the size that it should be");
}

static enum err take_all(struct joining *j, struct fault *f)
{
	struct mirror_done d = { .state = MIRROR_LEVEL };
	struct buf last = { 0 }; /* the checkpoint of the last parcel */
	struct span parcel;
	struct parcel p;
	enum err e;
	while ((e = lanereader_next(&j->in, &parcel, &p, f)) == OK && (e = take(j, parcel, &p, &d, f)) == OK) {
		if (!last.n && (e = add_lane(j, f)) != OK)
			break;
		last.n = 0;
		buf_putspan(&last, p.note);
		if (j->io->progress && !j->io->progress(j->io->ctx, j->in.at - j->in.head.first, j->in.octets)) {
			e = fault_set(f, ERR_CANCELLED, "stopped");
			break;
		}
	}
	if (e == ERR_NOTFOUND)
		e = last.n ? check_end(j, d.lane, buf_span(&last), f) : fault_set(f, ERR_SYNTAX, "there is nothing in it");
	buf_release(&last);
	return e;
}

enum err peer_join(struct node *n, const struct peer *peer, const struct join_io *io, struct join_report *ret_report, struct fault *f)
{
	struct joining j = { .node = n, .peer = *peer, .io = io, .report = ret_report, .in = { .fd = io->fd, .caller = io->caller } };
	*ret_report = (struct join_report){ .size = 0 };
	enum err e = lanereader_head(&j.in, f);
	if (e == OK && (e = check_lane(&j, f)) == OK)
		e = take_all(&j, f);
	explicit_bzero(&j.peer, sizeof(j.peer));
	lanereader_release(&j.in);
	return e;
}
