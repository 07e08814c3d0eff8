/* The thread follows the commits: it reads what each lane has got (heads of entries only), remembers which of it says something, and calls
 * those who wait for these lanes.  A reader that is up to date finds in memory what its next entry is, or that there is none, and the event
 * itself when another has just read it. */
#include "gate/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "gate/stream_parts.h"

/* ---- what is known of the lanes ---- */

struct following {
	struct stream *s;
	struct stream_known *known;
	uint64_t last;
	bool any, says;
};

static enum err follow(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct following *g = ctx;
	struct stream_known *k = g->known;
	if (e->number > g->last)
		return ERR_CANCELLED; /* the commit that it is of wakes us once more */
	g->any = true;
	pthread_mutex_lock(&g->s->lock);
	k->size = e->index + 1;
	if (stream_says(e->kind)) {
		if (k->n == STREAM_RECENT) {
			k->from = k->recent[k->first].index + 1;
			k->first = (k->first + 1) % STREAM_RECENT;
			k->n--;
		}
		unsigned at = (k->first + k->n++) % STREAM_RECENT;
		k->recent[at].index = e->index;
		k->recent[at].number = e->number;
		g->says = true;
	}
	pthread_mutex_unlock(&g->s->lock);
	return OK;
}

/* This thread alone makes them, and changes them. */
static struct stream_known *known(struct stream *s, uint8_t lane, uint64_t size)
{
	if (!s->lane[lane]) {
		struct stream_known *k = mem_zalloc(sizeof(*k));
		k->size = k->from = size;
		pthread_mutex_lock(&s->lock);
		s->lane[lane] = k;
		pthread_mutex_unlock(&s->lock);
	}
	return s->lane[lane];
}

static void set_seen(struct stream *s, uint64_t number)
{
	pthread_mutex_lock(&s->lock);
	s->seen = number;
	pthread_mutex_unlock(&s->lock);
}

/* @param ret_any  lanes that have grown.  @return lanes that say something new. */
static clearance look(struct stream *s, clearance *ret_any)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	uint64_t last = ledger_last(s->ledger);
	unsigned n = ledger_lanes(s->ledger, CLEARANCE_ALL, lanes);
	clearance says = 0, any = 0;
	for (unsigned i = 0; i < n; i++) {
		struct following g = { .s = s, .known = known(s, lanes[i].number, 0), .last = last };
		clearance bit = (clearance)1 << lanes[i].number;
		if (g.known->size < lanes[i].size) /* what cannot be read is tried again, and those who read it are told */
			(void)!ledger_each_in(s->ledger, bit, lanes[i].number, g.known->size, follow, &g, NULL);
		any |= g.any ? bit : 0;
		says |= g.says ? bit : 0;
	}
	free(lanes);
	set_seen(s, last);
	*ret_any = any;
	return says;
}

/* What there is by now was never new to anybody who listens. */
static void begin(struct stream *s)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(s->ledger, CLEARANCE_ALL, lanes);
	for (unsigned i = 0; i < n; i++)
		(void)known(s, lanes[i].number, lanes[i].size);
	free(lanes);
	set_seen(s, ledger_last(s->ledger));
	s->committed = true; /* maybe, meanwhile */
}

uint64_t stream_size(struct stream *s, uint8_t lane)
{
	uint64_t size = 0;
	pthread_mutex_lock(&s->lock);
	if (lane < LANES_MAX && s->lane[lane])
		size = s->lane[lane]->size;
	pthread_mutex_unlock(&s->lock);
	return size;
}

/* ---- those who wait ---- */

static uint64_t now_ms(void)
{
	return clock_mono_ns() / 1000000;
}

static void tell(struct stream *s, clearance says, clearance any)
{
	uint64_t now = now_ms();
	pthread_mutex_lock(&s->listening);
	for (struct stream_listener *l = s->listeners; l; l = l->next)
		if (l->lanes & (l->any ? any : says) || atomic_load_explicit(&l->due_ms, memory_order_relaxed) <= now)
			l->call(l->ctx);
	pthread_mutex_unlock(&s->listening);
}

/* Until there was a commit, or a second has passed.  @return false: it is over. */
static bool await(struct stream *s)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&s->waking);
	while (!s->stop && !s->committed)
		if (pthread_cond_timedwait(&s->wakes, &s->waking, &until) == ETIMEDOUT)
			break;
	bool goes_on = !s->stop;
	s->committed = false;
	pthread_mutex_unlock(&s->waking);
	return goes_on;
}

static void *run(void *arg)
{
	struct stream *s = arg;
	while (await(s)) {
		clearance any, says = look(s, &any);
		tell(s, says, any);
	}
	return NULL;
}

static void on_commit(void *ctx)
{
	struct stream *s = ctx;
	pthread_mutex_lock(&s->waking);
	s->committed = true;
	pthread_cond_signal(&s->wakes);
	pthread_mutex_unlock(&s->waking);
}

/* With the first who listens, under the lock of those. */
static void ensure_thread(struct stream *s)
{
	if (s->runs)
		return;
	ledger_on_commit(s->ledger, on_commit, s);
	begin(s);
	s->runs = true;
	if (pthread_create(&s->thread, NULL, run, s))
		abort(); /* as when memory is out */
}

void stream_join(struct stream *s, struct stream_listener *l)
{
	pthread_mutex_lock(&s->listening);
	ensure_thread(s);
	l->next = s->listeners;
	l->link = &s->listeners;
	if (l->next)
		l->next->link = &l->next;
	s->listeners = l;
	pthread_mutex_unlock(&s->listening);
}

void stream_leave(struct stream *s, struct stream_listener *l)
{
	pthread_mutex_lock(&s->listening);
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	pthread_mutex_unlock(&s->listening);
}

void stream_wake_all(struct stream *s)
{
	pthread_mutex_lock(&s->listening);
	for (struct stream_listener *l = s->listeners; l; l = l->next)
		l->call(l->ctx);
	pthread_mutex_unlock(&s->listening);
}

/* ---- events that were read lately ---- */

static void block_drop(struct stream_block *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) != 1)
		return;
	buf_release(&b->text);
	free(b);
}

static bool same_place(const struct stream_place *a, const struct stream_place *b)
{
	return a->index == b->index && a->piece == b->piece && a->records == b->records;
}

/* @return held; NULL: not there. */
static struct stream_block *cache_find(struct stream *s, uint8_t lane, const struct stream_place *from)
{
	struct stream_block *found = NULL;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 1; i <= STREAM_CACHED && !found; i++) { /* the newest first */
		struct stream_block *b = s->cached[(s->cached_at + STREAM_CACHED - i) % STREAM_CACHED];
		if (b && b->lane == lane && same_place(&b->from, from))
			found = b;
	}
	if (found)
		atomic_fetch_add_explicit(&found->holders, 1, memory_order_relaxed);
	pthread_mutex_unlock(&s->lock);
	return found;
}

static struct stream_block *cache_take(struct stream *s, unsigned at)
{
	struct stream_block *old = s->cached[at];
	s->cached[at] = NULL;
	s->cached_octets -= old ? old->text.n : 0;
	return old;
}

uint64_t stream_forgotten(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t n = s->forgotten;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void stream_forget(struct stream *s)
{
	struct stream_block *old[STREAM_CACHED];
	struct stream_piece open[STREAM_OPEN];
	pthread_mutex_lock(&s->lock);
	s->forgotten++;
	for (unsigned i = 0; i < STREAM_CACHED; i++)
		old[i] = cache_take(s, i);
	memcpy(open, s->open, sizeof(open));
	memset(s->open, 0, sizeof(s->open));
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < STREAM_CACHED; i++)
		block_drop(old[i]);
	for (unsigned i = 0; i < STREAM_OPEN; i++)
		stream_piece_release(&open[i]);
}

/* @param forgotten  as it was before it was read. */
static void cache_keep(struct stream *s, struct stream_block *b, uint64_t forgotten)
{
	struct stream_block *old[STREAM_CACHED];
	unsigned n = 0;
	pthread_mutex_lock(&s->lock);
	if (s->forgotten != forgotten) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
	old[n++] = cache_take(s, s->cached_at);
	for (unsigned i = 1; i < STREAM_CACHED && s->cached_octets + b->text.n > STREAM_CACHED_OCTETS; i++) /* the oldest first */
		old[n++] = cache_take(s, (s->cached_at + i) % STREAM_CACHED);
	s->cached[s->cached_at] = b;
	s->cached_at = (s->cached_at + 1) % STREAM_CACHED;
	s->cached_octets += b->text.n;
	pthread_mutex_unlock(&s->lock);
	while (n)
		block_drop(old[--n]);
}

void stream_event_drop(struct stream_event *e)
{
	block_drop(e->held);
	*e = (struct stream_event){ 0 };
}

/* ---- the next event ---- */

struct search {
	uint64_t index, number; /* 0: none was found, and `index` is behind the last */
};

static enum err search_visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct search *g = ctx;
	g->index = e->index + 1;
	if (!stream_says(e->kind))
		return OK;
	g->index = e->index;
	g->number = e->number;
	return ERR_CANCELLED;
}

/* @return false: the ledger must be asked. */
static bool search_known(struct stream *s, uint8_t lane, uint64_t from, struct search *g)
{
	pthread_mutex_lock(&s->lock);
	const struct stream_known *k = s->lane[lane];
	bool known = k && from >= k->from;
	if (known) {
		*g = (struct search){ .index = from > k->size ? from : k->size };
		unsigned i = 0;
		while (i < k->n && k->recent[(k->first + i) % STREAM_RECENT].index < from)
			i++;
		if (i < k->n) {
			g->index = k->recent[(k->first + i) % STREAM_RECENT].index;
			g->number = k->recent[(k->first + i) % STREAM_RECENT].number;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return known;
}

/* The entry of a lane that is told next, into l->next; the place is moved to it, or to the end when there is none. */
static enum err search(struct stream *s, struct stream_lane *l, struct fault *f)
{
	struct search g = { .index = l->place.index };
	enum err e = OK;
	if (l->next)
		return OK;
	if (!search_known(s, l->number, l->place.index, &g))
		e = ledger_each_in(s->ledger, (clearance)1 << l->number, l->number, l->place.index, search_visit, &g, f);
	if (e && e != ERR_CANCELLED)
		return e;
	if (g.index != l->place.index)
		l->place = (struct stream_place){ .index = g.index };
	l->next = g.number;
	return OK;
}

static enum err read_at(struct stream *s, const struct stream_lane *l, struct stream_block **ret_block, bool *ret_fresh, struct fault *f)
{
	struct entry entry;
	*ret_block = cache_find(s, l->number, &l->place);
	*ret_fresh = *ret_block != NULL;
	if (*ret_block)
		return OK;
	clearance lane = (clearance)1 << l->number;
	uint64_t forgotten = stream_forgotten(s);
	enum err e = ledger_entry(s->ledger, lane, l->next, &entry);
	if (e)
		return fault_set(f, e, "entry %llu of lane \"%s\" cannot be read", (unsigned long long)l->place.index, l->name);
	e = stream_tell(s, lane, l->name, &entry, &l->place, ret_block, f);
	entry_release(&entry);
	if (e == OK)
		cache_keep(s, *ret_block, forgotten);
	return e;
}

enum err stream_next(struct stream *s, clearance clear, struct stream_cursor *c, struct stream_event *ret_event, struct fault *f)
{
	struct stream_lane *first = NULL;
	struct stream_block *b;
	bool fresh;
	enum err e = OK;
	pthread_mutex_lock(&s->lock);
	uint64_t limit = s->seen;
	pthread_mutex_unlock(&s->lock);
	if (!limit)
		limit = ledger_last(s->ledger); /* nobody listens */
	if (stream_cursor_lanes(c) & ~clear)
		return fault_set(f, ERR_NOTFOUND, "there is no such lane");
	for (unsigned i = 0; i < c->n && e == OK; i++) {
		struct stream_lane *l = &c->lane[i];
		e = search(s, l, f);
		if (l->next && l->next <= limit && (!first || l->next < first->next))
			first = l;
	}
	if (e == OK && !first)
		*ret_event = (struct stream_event){ 0 };
	if (e || !first || (e = read_at(s, first, &b, &fresh, f)) != OK)
		return e;
	if (b->next.index != first->place.index)
		first->next = 0;
	first->place = b->next;
	*ret_event = (struct stream_event){ .name = b->name, .data = buf_span(&b->text), .fresh = fresh, .held = b };
	return OK;
}

/* ---- beginning and end ---- */

struct stream *stream_new(struct ledger *l)
{
	struct stream *s = mem_zalloc(sizeof(*s));
	pthread_condattr_t monotonic;
	s->ledger = l;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->listening, NULL);
	pthread_mutex_init(&s->waking, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wakes, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->runs) {
		ledger_off_commit(s->ledger, s);
		pthread_mutex_lock(&s->waking);
		s->stop = true;
		pthread_cond_signal(&s->wakes);
		pthread_mutex_unlock(&s->waking);
		pthread_join(s->thread, NULL);
	}
	for (unsigned i = 0; i < STREAM_CACHED; i++)
		block_drop(s->cached[i]);
	for (unsigned i = 0; i < STREAM_OPEN; i++)
		stream_piece_release(&s->open[i]);
	for (unsigned i = 0; i < LANES_MAX; i++)
		free(s->lane[i]);
	pthread_cond_destroy(&s->wakes);
	pthread_mutex_destroy(&s->waking);
	pthread_mutex_destroy(&s->listening);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
