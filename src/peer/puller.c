#include "peer/puller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/mirror.h"
#include "ledger/audit.h"
#include "ledger/parcel.h"
#include "ledger/witness.h"

enum { BACK_OFF_MAX_MS = 30000, COSIGN_EVERY_MS = 10000, COSIGN_FRESH_MS = 3600000, COSIGN_AGAIN_MS = 600000 };

bool station_is_stopped(void *ctx)
{
	struct station *s = ctx;
	pthread_mutex_lock(&s->puller->lock);
	bool stop = s->stop;
	pthread_mutex_unlock(&s->puller->lock);
	return stop;
}

/* What has become of a lane; a change of state is told to the log. */
static void set_state(struct station *s, struct pulled *l, enum pull_state state, const char *why)
{
	struct pull_status *t = &l->status;
	pthread_mutex_lock(&s->puller->lock);
	bool changed = t->state != state && !(t->state == PULL_STARTING && state == PULL_OK) && !(t->state == PULL_OK && state == PULL_BEHIND) &&
		       !(t->state == PULL_BEHIND && state == PULL_OK);
	t->state = state;
	snprintf(t->why, sizeof(t->why), "%s", why);
	if (state == PULL_OK)
		t->level_ms = clock_ms();
	pthread_mutex_unlock(&s->puller->lock);
	if (changed)
		log_line(pull_state_is_bad(state) ? LOG_ERROR : state == PULL_OK ? LOG_NOTICE : LOG_WARNING, "peer %s, lane %s: %s%s%s", t->peer, t->lane,
			 pull_state_name(state), why[0] ? ": " : "", why);
}

static void note_sizes(struct station *s, struct pulled *l, const struct mirror_done *d, size_t octets)
{
	pthread_mutex_lock(&s->puller->lock);
	l->status.size = d->size;
	l->status.there = d->size_there > d->size ? d->size_there : d->size;
	l->status.contact_ms = clock_ms();
	l->status.octets += octets;
	pthread_mutex_unlock(&s->puller->lock);
}

/* ---- a peer against itself ---- */

struct proving {
	struct remote *remote;
};

static enum err get_tile(void *ctx, const struct tile *t, struct buf *out, struct fault *f)
{
	return remote_tile(((struct proving *)ctx)->remote, t, out, f);
}

/* By the peer's own hash tiles: is what it shows now a continuation of what is here?  @return as audit_continues(). */
static enum err continues(struct pulled *l, struct span ours, struct span theirs, struct fault *f)
{
	struct note a, b;
	struct checkpoint old, now;
	struct proving proving = { l->remote };
	enum err e;
	if ((e = note_parse(ours, &a, f)) || (e = note_parse(theirs, &b, f)) || (e = checkpoint_parse(a.text, &old, f)) ||
	    (e = checkpoint_parse(b.text, &now, f)))
		return e;
	struct tile_source tiles = { .get = get_tile, .ctx = &proving, .size = now.size };
	e = audit_continues(&tiles, &now, &old, NULL, f);
	tile_source_release(&tiles);
	return e;
}

/* What the peer has signed does not go on from what is here.  Only what its tiles confirm is held against it. */
static void judge(struct station *s, struct pulled *l, const struct mirror_done *d)
{
	struct ledger *ledger = node_ledger(s->puller->node);
	struct buf ours = { 0 };
	struct parcel p;
	struct fault f = { .text = "" };
	enum err e = parcel_open(buf_span(&s->parcel), &p, &f);
	bool forked = d->state != MIRROR_SMALLER, proved = false;
	if (e == OK && (e = ledger_checkpoint(ledger, CLEARANCE_ALL, d->lane, &ours, &f)) == OK) {
		e = continues(l, buf_span(&ours), p.note, &f);
		proved = d->state == MIRROR_SMALLER ? e == ERR_RANGE : e == ERR_CORRUPT && span_starts(span_str(f.text), SPAN_LIT("forked"));
	}
	if (proved && (e = evidence_keep(node_dir(s->puller->node), l->status.lane, forked, f.text, buf_span(&ours), p.note, &f)) == OK)
		set_state(s, l, forked ? PULL_FORKED : PULL_ROLLED_BACK, f.text);
	else if (proved)
		set_state(s, l, PULL_REFUSED, f.text);
	else
		set_state(s, l, PULL_REFUSED, e ? f.text : "the entries that came are not those that the peer has signed: they were altered on the way");
	buf_release(&ours);
}

/* ---- cosigning ---- */

/* So the peer, and whoever asks it, sees that its mirrors see the same log, and when they last saw it: one that stands still is signed again from time to
 * time.  A peer that does not want it is not asked again soon. */
static enum err cosign_now(struct station *s, struct pulled *l, uint8_t lane, struct fault *f)
{
	struct ledger *ledger = node_ledger(s->puller->node);
	struct buf note = { 0 }, old_note = { 0 }, line = { 0 }, whole = { 0 };
	struct checkpoint c, last = { .size = 0 };
	struct note parsed;
	struct merkle_proof proof;
	uint64_t busy;
	enum err e = ledger_checkpoint(ledger, CLEARANCE_ALL, lane, &note, f);
	if (e == OK && (e = note_parse(buf_span(&note), &parsed, f)) == OK && (e = checkpoint_parse(parsed.text, &c, f)) == OK)
		e = witness_last(ledger, c.origin, &old_note, &last, f);
	if (e == OK && (e = ledger_consistency(ledger, CLEARANCE_ALL, lane, last.size, c.size, &proof, f)) == OK &&
	    (e = witness_cosign(ledger, buf_span(&note), &c, last.size, &proof, (uint64_t)clock_ms() / 1000, &line, &busy, f)) == OK &&
	    (e = witness_add_line(buf_span(&note), buf_span(&line), &whole, f)) == OK)
		e = remote_cosign(l->remote, buf_span(&whole), f);
	if (e == OK)
		l->cosigned = c.size;
	buf_release(&note);
	buf_release(&old_note);
	buf_release(&line);
	buf_release(&whole);
	return e;
}

static void cosign(struct station *s, struct pulled *l, uint8_t lane)
{
	struct fault f;
	int64_t now = clock_ms();
	if (now < (l->cosigned == l->status.size ? l->cosign_fresh_ms : l->cosign_ms))
		return;
	l->cosign_ms = now + (cosign_now(s, l, lane, &f) ? COSIGN_AGAIN_MS : COSIGN_EVERY_MS);
	l->cosign_fresh_ms = now + COSIGN_FRESH_MS;
}

/* ---- pulling ---- */

static uint64_t size_here(struct station *s, const struct pulled *l)
{
	struct lane lane;
	return ledger_lane_find(node_ledger(s->puller->node), CLEARANCE_ALL, l->status.lane, &lane) == OK ? lane.size : 0;
}

static bool is_held(struct station *s, struct pulled *l)
{
	char why[EVIDENCE_WHY_MAX + 1] = "";
	bool forked = true;
	if (!evidence_find(node_dir(s->puller->node), l->status.lane, &forked, why))
		return false;
	set_state(s, l, forked ? PULL_FORKED : PULL_ROLLED_BACK, why);
	return true;
}

static void take_result(struct station *s, struct pulled *l, enum err e, const struct mirror_done *d, const struct fault *f, bool *ret_more)
{
	if (e) {
		set_state(s, l, PULL_REFUSED, f->text);
		s->failures++;
		return;
	}
	note_sizes(s, l, d, s->parcel.n);
	if (d->state == MIRROR_SMALLER || d->state == MIRROR_DIFFERENT) {
		judge(s, l, d);
		return;
	}
	s->failures = 0;
	*ret_more = d->state == MIRROR_GREW && d->size < d->size_there;
	set_state(s, l, *ret_more ? PULL_BEHIND : PULL_OK, "");
	if (!*ret_more)
		cosign(s, l, d->lane);
}

/* One parcel.  @return true: there is more. */
static bool pull(struct station *s, struct pulled *l, const char *there)
{
	struct mirror_order order = { .peer = s->peer.name, .lane = there, .keys = (const uint8_t (*)[32])s->peer.key, .n_keys = s->peer.n_keys,
				      .objects = mirror_objects };
	struct mirror_done d;
	struct fault f = { .text = "" };
	bool more = false;
	if (is_held(s, l))
		return false;
	s->parcel.n = 0;
	uint64_t from = size_here(s, l);
	enum err e = remote_parcel(l->remote, from, &s->parcel, &f);
	if (e == ERR_CANCELLED)
		return false;
	if (e) {
		bool answered = e == ERR_NOTFOUND || e == ERR_FORBIDDEN || e == ERR_GONE;
		set_state(s, l, answered ? PULL_REFUSED : PULL_UNREACHABLE,
			  e == ERR_NOTFOUND ? "the peer has no such lane, or none that it shows to this node" : f.text);
		s->failures++;
		return false;
	}
	e = node_mirror(s->puller->node, &order, buf_span(&s->parcel), &d, &f);
	if ((e || d.state == MIRROR_SMALLER) && size_here(s, l) != from)
		return true; /* a file with the lane was joined meanwhile */
	take_result(s, l, e, &d, &f, &more);
	return more;
}

/* One parcel of each lane in turn, until there are no more: those of decisions come first again and again. */
static void pull_all(struct station *s)
{
	bool more = true;
	while (more && !station_is_stopped(s)) {
		more = false;
		for (unsigned i = 0; i < s->peer.n_lanes && !station_is_stopped(s); i++)
			more |= pull(s, &s->lane[i], s->peer.lane[i]);
	}
	if (s->parcel.cap > PARCEL_OCTETS) {
		buf_release(&s->parcel);
		s->parcel = (struct buf){ 0 };
	}
}

/* What has grown is cosigned soon, however seldom the peer is asked. */
static uint64_t until_cosigning(const struct station *s, uint64_t ms)
{
	int64_t now = clock_ms();
	for (unsigned i = 0; i < s->peer.n_lanes; i++) {
		const struct pulled *l = &s->lane[i];
		int64_t left = l->cosign_ms > now ? l->cosign_ms - now : 0;
		if (l->status.state == PULL_OK && l->cosigned != l->status.size && (uint64_t)left < ms)
			ms = (uint64_t)left;
	}
	return ms;
}

/* Until it is time, or somebody wakes us. */
static void rest(struct station *s)
{
	uint64_t ms = s->peer.every_ms;
	struct timespec until;
	for (unsigned i = 0; i < s->failures && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	if (s->failures && ms > BACK_OFF_MAX_MS)
		ms = s->peer.every_ms > BACK_OFF_MAX_MS ? s->peer.every_ms : BACK_OFF_MAX_MS;
	ms = until_cosigning(s, ms);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&s->puller->lock);
	while (!s->stop && !s->wake && pthread_cond_timedwait(&s->puller->changed, &s->puller->lock, &until) == 0)
		;
	s->wake = false;
	pthread_mutex_unlock(&s->puller->lock);
}

static void *run(void *arg)
{
	struct station *s = arg;
	table_reader_init(); /* folding decisions reads their table */
	while (!station_is_stopped(s)) {
		pull_all(s);
		rest(s);
	}
	table_reader_exit();
	return NULL;
}

/* ---- stations ---- */

static void free_station(struct station *s)
{
	for (unsigned i = 0; i < s->peer.n_lanes; i++)
		remote_close(s->lane[i].remote);
	buf_release(&s->parcel);
	explicit_bzero(&s->peer, sizeof(s->peer));
	free(s);
}

/* "decisions", and those that the peer has from others. */
static bool of_decisions(const char *lane)
{
	struct span s = span_str(lane), word = SPAN_LIT(DOCKET_LANE);
	return s.n >= word.n && span_eq(span_from(s, s.n - word.n), word) && (s.n == word.n || s.p[s.n - word.n - 1] == '.');
}

/* Lanes of decisions first, the others in the order of the file. */
static void put_in_order(struct peer *p)
{
	struct peer from = *p;
	unsigned n = 0;
	for (unsigned first = 2; first-- > 0;)
		for (unsigned i = 0; i < from.n_lanes; i++)
			if (of_decisions(from.lane[i]) == (first == 1))
				memcpy(p->lane[n++], from.lane[i], sizeof(from.lane[i]));
	explicit_bzero(&from, sizeof(from));
}

static enum err open_lane(struct station *s, unsigned i, struct fault *f)
{
	struct pulled *l = &s->lane[i];
	struct buf url = { 0 };
	struct span base = span_str(s->peer.url);
	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	buf_printf(&url, SPAN_FMT "/lanes/%s", SPAN_ARG(base), s->peer.lane[i]);
	pull_status_here(s->puller->node, &s->peer, i, &l->status);
	l->status.state = PULL_STARTING;
	enum err e = remote_open(buf_cstr(&url), station_is_stopped, s, &l->remote, f);
	if (e == OK)
		remote_authorize(l->remote, s->peer.token);
	buf_release(&url);
	return e;
}

static enum err start_station(struct puller *p, const struct peer *peer, struct fault *f)
{
	struct station *s = mem_zalloc(sizeof(*s));
	enum err e = OK;
	s->puller = p;
	s->peer = *peer;
	put_in_order(&s->peer);
	for (unsigned i = 0; i < s->peer.n_lanes && e == OK; i++)
		e = open_lane(s, i, f);
	if (e == OK && pthread_create(&s->thread, NULL, run, s))
		e = fault_set(f, ERR_IO, "a thread for the peer \"%s\" cannot be started", peer->name);
	if (e == OK && pthread_create(&s->watch, NULL, station_watch, s)) {
		e = fault_set(f, ERR_IO, "a thread for the peer \"%s\" cannot be started", peer->name);
		s->stop = true;
		pthread_join(s->thread, NULL);
	}
	if (e) {
		free_station(s);
		return e;
	}
	pthread_mutex_lock(&p->lock);
	s->next = p->stations;
	p->stations = s;
	pthread_mutex_unlock(&p->lock);
	return OK;
}

/* Out of the list, and ended. */
static void stop_station(struct puller *p, struct station **at)
{
	struct station *s = *at;
	pthread_mutex_lock(&p->lock);
	*at = s->next;
	s->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	pthread_join(s->thread, NULL);
	pthread_join(s->watch, NULL);
	free_station(s);
}

static bool is_same(const struct station *s, const struct peers *peers)
{
	struct peer *now = peers_find((struct peers *)(uintptr_t)peers, s->peer.name);
	if (!now)
		return false;
	struct peer ordered = *now;
	put_in_order(&ordered);
	bool same = memcmp(&ordered, &s->peer, sizeof(ordered)) == 0;
	explicit_bzero(&ordered, sizeof(ordered));
	return same;
}

static struct station *find_station(struct puller *p, const char *name)
{
	struct station *s = p->stations;
	while (s && strcmp(s->peer.name, name) != 0)
		s = s->next;
	return s;
}

static void wake_all(struct puller *p)
{
	pthread_mutex_lock(&p->lock);
	for (struct station *s = p->stations; s; s = s->next)
		s->wake = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* The list changes here alone, so it can be read here without the lock. */
enum err puller_reload(struct puller *p, struct fault *f)
{
	struct peers peers;
	pthread_mutex_lock(&p->reloading);
	enum err e = peers_read(node_dir(p->node), &peers, f);
	for (struct station **at = &p->stations; e == OK && *at;) {
		if (is_same(*at, &peers))
			at = &(*at)->next;
		else
			stop_station(p, at);
	}
	for (unsigned i = 0; e == OK && i < peers.n; i++)
		if (peers.v[i].url[0] && !find_station(p, peers.v[i].name))
			e = start_station(p, &peers.v[i], f);
	peers_release(&peers);
	wake_all(p);
	pthread_mutex_unlock(&p->reloading);
	return e;
}

enum err puller_start(struct node *n, struct puller **ret_puller, struct fault *f)
{
	struct puller *p = mem_zalloc(sizeof(*p));
	pthread_condattr_t monotonic;
	p->node = n;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->reloading, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	enum err e = puller_reload(p, f);
	if (e) {
		puller_free(p);
		return e;
	}
	node_set_puller(n, p);
	*ret_puller = p;
	return OK;
}

void puller_stop(struct puller *p)
{
	if (!p)
		return;
	node_set_puller(p->node, NULL);
	while (p->stations)
		stop_station(p, &p->stations);
}

void puller_free(struct puller *p)
{
	if (!p)
		return;
	puller_stop(p);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->reloading);
	free(p);
}
