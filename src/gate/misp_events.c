/* Entries are read once, in order, without their bodies but for those that may take something back or are MISP events.  The pieces
 * of an import wait until its end comes, for only then they count, and only then it is known whether it replaces. */
#include "gate/misp_events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json_walk.h"
#include "codec/tlp.h"
#include "gate/misp_body.h"
#include "gate/replay.h"

enum {
	DAY_S = 86400,
	PART_OCTETS = 1 << 20,    /* of bodies that come to one event of a source that adds */
	PAST_OCTETS = 16 << 20,   /* of bodies that are read for what is gone since ... */
	PAST_S = 7 * DAY_S,       /* ... and how far back */
	PENDING_MAX = 1024,       /* imports that have not ended; the oldest is given up */
};

struct event {
	uint8_t uuid[16];
	uint32_t time_s, date_s, source;
	uint32_t part;            /* of a snapshot: which */
	uint32_t octets;          /* of one that adds */
	uint8_t lane;
	bool of_snapshot, original;
	bool dead;                /* nothing in it stands any more */
	bool shown;               /* with this time */
	bool edited;              /* of an original: something in it was taken back */
	struct summary *summary;  /* of an original */
	uint32_t n, cap;
	struct misp_piece *pieces; /* oldest first */
};

/* They stay where they are until the end: others point into them. */
struct summary {
	struct summary *next;
	char *text;
};

/* A source in a lane, and the event that what it adds comes to. */
struct series {
	uint8_t lane;
	uint32_t day, part, event; /* event + 1; 0: none */
};

struct source_state {
	char name[SOURCE_NAME_MAX + 1];    /* here */
	char told[SOURCE_NAME_MAX + 1];    /* in its lane: of a mirrored one, what it is called at its node */
	uint64_t floor;
	bool retracts;
	struct series *series;
	unsigned n_series;
	uint32_t *events;
	unsigned n, cap;
};

struct waiting_piece {
	struct misp_piece piece;
	bool misp;
};

/* An import under way. */
struct pending {
	uint64_t first;
	struct waiting_piece *pieces;
	unsigned n, cap;
	bool told;     /* a body of it may take something back */
};

struct by_entry {
	uint32_t number, event;
};

struct misp_events {
	struct node *node;
	struct ledger *ledger;
	_Atomic uint64_t seen;     /* what the node's answers are of */
	_Atomic uint64_t done;     /* what is in here */
	pthread_mutex_t mutex;     /* of all that follows */
	struct lane lanes[LANES_MAX];
	uint64_t lanes_known;      /* bits */
	struct event *events;
	size_t n, cap;
	uint32_t *index;           /* of uuids: place + 1 */
	size_t index_size;
	struct source_state *sources;
	unsigned n_sources;
	struct pending *pending;
	unsigned n_pending;
	struct by_entry *entries;  /* by number */
	struct summary *summaries;
	size_t n_entries, entries_cap;
	uint64_t end;              /* of this round: no entry behind it is taken */
};

/* ---- names ---- */

static void uuid_text(const uint8_t uuid[16], char ret[UUID_TEXT])
{
	char digits[32];
	hex_encode(uuid, 16, digits);
	snprintf(ret, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16, digits + 20);
}

static const struct lane *lane_of(struct misp_events *m, uint8_t number)
{
	struct lane lanes[LANES_MAX];
	if (!(m->lanes_known >> number & 1)) {
		unsigned n = ledger_lanes(m->ledger, CLEARANCE_ALL, lanes);
		for (unsigned i = 0; i < n; i++) {
			m->lanes[lanes[i].number] = lanes[i];
			m->lanes_known |= 1ULL << lanes[i].number;
		}
	}
	return &m->lanes[number];
}

/* ---- events ---- */

static uint32_t *slot_of(struct misp_events *m, uint8_t lane, const uint8_t uuid[16])
{
	uint64_t h = misp_uuid_number(uuid) + lane;
	for (size_t i = h & (m->index_size - 1);; i = (i + 1) & (m->index_size - 1)) {
		uint32_t at = m->index[i];
		if (!at || (m->events[at - 1].lane == lane && memcmp(m->events[at - 1].uuid, uuid, 16) == 0))
			return &m->index[i];
	}
}

static void grow_index(struct misp_events *m)
{
	if (m->index_size && m->n * 2 < m->index_size)
		return;
	free(m->index);
	m->index_size = m->index_size ? m->index_size * 2 : 1024;
	m->index = mem_zalloc(m->index_size * sizeof(*m->index));
	for (size_t i = 0; i < m->n; i++)
		*slot_of(m, m->events[i].lane, m->events[i].uuid) = (uint32_t)(i + 1);
}

static struct event *find_event(struct misp_events *m, uint8_t lane, const uint8_t uuid[16])
{
	if (!m->index_size)
		return NULL;
	uint32_t at = *slot_of(m, lane, uuid);
	return at ? &m->events[at - 1] : NULL;
}

static struct event *add_event(struct misp_events *m, uint32_t source, uint8_t lane, const uint8_t uuid[16], uint32_t date_s)
{
	struct source_state *s = &m->sources[source];
	grow_index(m);
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 256;
		m->events = mem_realloc(m->events, m->cap * sizeof(*m->events));
	}
	struct event *e = &m->events[m->n++];
	*e = (struct event){ .lane = lane, .source = source, .date_s = date_s };
	memcpy(e->uuid, uuid, 16);
	*slot_of(m, lane, uuid) = (uint32_t)m->n;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 4;
		s->events = mem_realloc(s->events, s->cap * sizeof(*s->events));
	}
	s->events[s->n++] = (uint32_t)(m->n - 1);
	return e;
}

/* It has changed. */
static void touch(struct event *e, uint32_t time_s)
{
	if (time_s > e->time_s)
		e->time_s = time_s;
	else if (e->shown)
		e->time_s++;
	e->shown = false;
}

static void note_entry(struct misp_events *m, uint32_t number, uint32_t event)
{
	if (m->n_entries == m->entries_cap) {
		m->entries_cap = m->entries_cap ? m->entries_cap * 2 : 1024;
		m->entries = mem_realloc(m->entries, m->entries_cap * sizeof(*m->entries));
	}
	size_t at = m->n_entries++;
	for (; at > 0 && m->entries[at - 1].number > number; at--) /* imports that ran beside each other */
		m->entries[at] = m->entries[at - 1];
	m->entries[at] = (struct by_entry){ number, event };
}

static struct event *event_of_entry(struct misp_events *m, uint64_t number)
{
	size_t from = 0, to = m->n_entries;
	while (from < to) {
		size_t mid = (from + to) / 2;
		if (m->entries[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n_entries && m->entries[from].number == number ? &m->events[m->entries[from].event] : NULL;
}

/* Of a snapshot only as much is kept as is read. */
static void forget_past(struct event *e)
{
	const struct misp_piece *newest = &e->pieces[e->n - 1];
	uint64_t octets = 0;
	uint32_t keep = 0;
	while (keep < e->n) {
		const struct misp_piece *p = &e->pieces[e->n - 1 - keep];
		octets += p->octets;
		if (keep && (octets > PAST_OCTETS || newest->time_s - p->time_s > PAST_S))
			break;
		keep++;
	}
	memmove(e->pieces, e->pieces + e->n - keep, keep * sizeof(*e->pieces));
	e->n = keep;
}

static void add_piece(struct misp_events *m, struct event *e, const struct misp_piece *p, uint32_t time_s)
{
	touch(e, time_s);
	if (e->n == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 2;
		e->pieces = mem_realloc(e->pieces, e->cap * sizeof(*e->pieces));
	}
	e->pieces[e->n] = *p;
	e->pieces[e->n++].stamp_s = e->time_s;
	e->octets += p->octets;
	e->dead = false;
	note_entry(m, p->number, (uint32_t)(e - m->events));
	if (e->of_snapshot)
		forget_past(e);
}

/* ---- sources ---- */

static uint32_t source_at(struct misp_events *m, const char *name, const char *told)
{
	for (unsigned i = m->n_sources; i-- > 0;)
		if (strcmp(m->sources[i].name, name) == 0)
			return i;
	m->sources = mem_realloc(m->sources, (m->n_sources + 1) * sizeof(*m->sources));
	m->sources[m->n_sources] = (struct source_state){ .floor = 0 };
	snprintf(m->sources[m->n_sources].name, sizeof(m->sources[0].name), "%s", name);
	snprintf(m->sources[m->n_sources].told, sizeof(m->sources[0].told), "%s", told);
	return m->n_sources++;
}

static uint32_t source_of(struct misp_events *m, const struct entry *e)
{
	char name[SOURCE_NAME_MAX + 1];
	replay_source(lane_of(m, e->lane)->peer, e->source, name);
	return source_at(m, name, e->source);
}

static struct series *series_of(struct source_state *s, uint8_t lane)
{
	for (unsigned i = 0; i < s->n_series; i++)
		if (s->series[i].lane == lane)
			return &s->series[i];
	s->series = mem_realloc(s->series, (s->n_series + 1) * sizeof(*s->series));
	s->series[s->n_series] = (struct series){ .lane = lane };
	return &s->series[s->n_series++];
}

/* What it said before entry `floor` is gone. */
static void raise_floor(struct misp_events *m, uint32_t source, uint64_t floor, uint32_t time_s)
{
	struct source_state *s = &m->sources[source];
	s->floor = floor;
	for (unsigned i = 0; i < s->n; i++) {
		struct event *e = &m->events[s->events[i]];
		if (e->dead || !e->n || e->pieces[e->n - 1].import >= floor)
			continue;
		e->dead = true;
		touch(e, time_s);
	}
}

/* ---- imports ---- */

static struct pending *pending_of(struct misp_events *m, uint64_t first)
{
	for (unsigned i = m->n_pending; i-- > 0;)
		if (m->pending[i].first == first)
			return &m->pending[i];
	return NULL;
}

static void drop_pending(struct misp_events *m, struct pending *p)
{
	free(p->pieces);
	memmove(p, p + 1, (size_t)(m->pending + m->n_pending - (p + 1)) * sizeof(*p));
	m->n_pending--;
}

static struct pending *begin_pending(struct misp_events *m, uint64_t first)
{
	if (m->n_pending == PENDING_MAX)
		drop_pending(m, m->pending);
	m->pending = mem_realloc(m->pending, (m->n_pending + 1) * sizeof(*m->pending));
	m->pending[m->n_pending] = (struct pending){ .first = first };
	return &m->pending[m->n_pending++];
}

/* What guards or was met is no news for a MISP. */
static bool is_told(const struct entry *e)
{
	return e->kind == ENTRY_FEED && e->number <= UINT32_MAX && !e->gone && strcmp(e->media, "misp-warninglist") != 0;
}

static void take_feed(struct misp_events *m, const struct entry *e)
{
	uint64_t first = e->import ? e->import : e->number;
	struct pending *p = pending_of(m, first);
	if (!is_told(e))
		return;
	if (!p)
		p = begin_pending(m, first);
	if (e->flags & ENTRY_CONTINUES) {
		if (p->n)
			p->pieces[p->n - 1].piece.octets += e->body_octets;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 2;
		p->pieces = mem_realloc(p->pieces, p->cap * sizeof(*p->pieces));
	}
	p->pieces[p->n++] = (struct waiting_piece){
		.piece = { .number = (uint32_t)e->number, .import = (uint32_t)first, .time_s = (uint32_t)(e->time_ms / 1000),
			   .octets = e->body_octets },
		.misp = strcmp(e->media, "misp") == 0,
	};
	p->told |= misp_body_may_retract(e);
}

/* The event of this name, made when it is not there. */
static struct event *named_event(struct misp_events *m, uint32_t source, uint8_t lane, const char *part, uint32_t date_s)
{
	char name[ORIGIN_MAX + 64 + 40], text[UUID_TEXT];
	uint8_t uuid[16];
	int n = snprintf(name, sizeof(name), "%s#%s#%s", lane_of(m, lane)->origin, m->sources[source].told, part);
	uuid_named(uuid_urls, span_of(name, (size_t)n), text);
	misp_uuid_octets(text, uuid);
	struct event *e = find_event(m, lane, uuid);
	return e ? e : add_event(m, source, lane, uuid, date_s);
}

static void take_part(struct misp_events *m, uint32_t source, uint8_t lane, const struct misp_piece *p, unsigned k, uint32_t time_s)
{
	char part[16];
	snprintf(part, sizeof(part), "%u", k + 1);
	struct event *e = named_event(m, source, lane, part, p->time_s);
	e->of_snapshot = true;
	e->part = k + 1;
	e->date_s = p->time_s;
	add_piece(m, e, p, time_s);
}

static void take_addition(struct misp_events *m, uint32_t source, uint8_t lane, const struct misp_piece *p, uint32_t time_s)
{
	char part[32], day[32];
	struct series *s = series_of(&m->sources[source], lane);
	uint32_t today = p->time_s / DAY_S;
	struct event *e = s->event ? &m->events[s->event - 1] : NULL;
	if (today > s->day || !e) {
		s->day = today;
		s->part = 1;
		e = NULL;
	} else if (e->octets + p->octets > PART_OCTETS) {
		s->part++;
		e = NULL;
	}
	if (!e) {
		time_format((int64_t)s->day * DAY_S, day);
		snprintf(part, sizeof(part), "%.10s.%u", day, s->part);
		e = named_event(m, source, lane, part, s->day * DAY_S);
		e->part = s->part;
		s->event = (uint32_t)(e - m->events) + 1;
	}
	add_piece(m, e, p, time_s);
}

/* @return false: it is no event as a whole, or somebody else's. */
static bool take_original(struct misp_events *m, uint32_t source, uint8_t lane, const struct misp_piece *p, uint32_t time_s)
{
	struct misp_head head;
	uint8_t uuid[16];
	if (!misp_body_head(m->ledger, p->number, lane_of(m, lane)->tlp, &head))
		return false;
	misp_uuid_octets(head.uuid, uuid);
	struct event *e = find_event(m, lane, uuid);
	struct summary *s = mem_alloc(sizeof(*s));
	*s = (struct summary){ m->summaries, head.summary };
	m->summaries = s;
	if (e && (e->source != source || !e->original))
		return false;
	if (!e)
		e = add_event(m, source, lane, uuid, p->time_s);
	e->original = true;
	e->summary = s;
	e->date_s = head.date_s ? head.date_s : p->time_s;
	add_piece(m, e, p, head.time_s && !e->n && !e->time_s ? head.time_s : time_s);
	return true;
}

struct taking_back {
	struct misp_events *m;
	uint32_t source, time_s;
	uint8_t lane;
};

/* Something that entry `number` says was taken back. */
static void on_retracted(void *ctx, uint64_t number)
{
	struct taking_back *r = ctx;
	struct event *e = event_of_entry(r->m, number);
	if (!e || e->source != r->source || e->lane != r->lane)
		return;
	e->edited = true;
	touch(e, r->time_s);
}

static void take_end(struct misp_events *m, const struct entry *e)
{
	uint64_t first = e->import ? e->import : e->number;
	struct pending *p = pending_of(m, first);
	uint32_t source = source_of(m, e), time_s = (uint32_t)(e->time_ms / 1000);
	bool snapshot = e->flags & ENTRY_SNAPSHOT;
	for (unsigned k = 0; p && k < p->n; k++) {
		const struct misp_piece *piece = &p->pieces[k].piece;
		if (snapshot)
			take_part(m, source, e->lane, piece, k, time_s);
		else if (!p->pieces[k].misp || !take_original(m, source, e->lane, piece, time_s))
			take_addition(m, source, e->lane, piece, time_s);
	}
	if (snapshot)
		raise_floor(m, source, first, time_s);
	if (p && p->told) {
		struct taking_back r = { .m = m, .source = source, .time_s = time_s, .lane = e->lane };
		for (unsigned k = 0; k < p->n; k++)
			if (misp_body_retractions(m->node, e->lane, m->sources[source].name, p->pieces[k].piece.number, on_retracted, &r))
				m->sources[source].retracts = true;
	}
	if (p)
		drop_pending(m, p);
}

/* ---- what changes sources and takes bodies away ---- */

static void take_source(struct misp_events *m, const struct entry *e)
{
	struct source_change c;
	struct buf body = { 0 };
	char name[SOURCE_NAME_MAX + 1];
	if (lane_of(m, e->lane)->peer[0])
		return; /* what others say about sources is for their node */
	if (ledger_body(m->ledger, CLEARANCE_ALL, e->number, &body, NULL) == OK && source_change_read(buf_span(&body), &c, NULL) == OK &&
	    c.op == SOURCE_REMOVE && c.name.n < sizeof(name)) {
		snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(c.name));
		raise_floor(m, source_at(m, name, name), e->number, (uint32_t)(e->time_ms / 1000));
	}
	buf_release(&body);
}

static void take_pieces_away(struct misp_events *m, uint8_t lane, uint64_t from, uint64_t to, uint32_t time_s)
{
	for (size_t i = 0; i < m->n; i++) {
		struct event *e = &m->events[i];
		uint32_t kept = 0;
		if (e->lane != lane)
			continue;
		for (uint32_t k = 0; k < e->n; k++)
			if (e->pieces[k].number < from || e->pieces[k].number > to)
				e->pieces[kept++] = e->pieces[k];
		if (kept < e->n)
			touch(e, time_s);
		e->n = kept;
	}
}

/* An entry that says which bodies are gone. */
static void take_removal(struct misp_events *m, const struct entry *e)
{
	struct buf body = { 0 };
	struct json_member range[2] = { { "first" }, { "last" } };
	uint64_t index[2], number[2];
	bool fine = ledger_body(m->ledger, CLEARANCE_ALL, e->number, &body, NULL) == OK;
	if (fine)
		(void)json_peek(buf_span(&body), range, 2);
	for (unsigned i = 0; i < 2 && fine; i++)
		fine = num_parse_u64(range[i].value, INT64_MAX, &index[i]) == OK &&
		       ledger_find(m->ledger, CLEARANCE_ALL, e->lane, index[i], &number[i]) == OK;
	if (fine)
		take_pieces_away(m, e->lane, number[0], number[1], (uint32_t)(e->time_ms / 1000));
	buf_release(&body);
}

static enum err visit(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct misp_events *m = ctx;
	(void)none;
	(void)f;
	if (e->number > m->end)
		return ERR_CANCELLED;
	switch (e->kind) {
	case ENTRY_FEED:
		take_feed(m, e);
		break;
	case ENTRY_ENDED:
		take_end(m, e);
		break;
	case ENTRY_SOURCE:
		take_source(m, e);
		break;
	case ENTRY_ERASED:
	case ENTRY_PRUNED:
		take_removal(m, e);
		break;
	default:
		break;
	}
	atomic_store(&m->done, e->number);
	return OK;
}

/* ---- opening, following ---- */

static void on_change(void *ctx)
{
	struct misp_events *m = ctx;
	uint64_t seen = node_seen(m->node), was = atomic_load(&m->seen);
	while (was < seen && !atomic_compare_exchange_weak(&m->seen, &was, seen)) /* several may tell at once */
		;
}

struct misp_events *misp_events_new(struct node *n)
{
	struct misp_events *m = mem_zalloc(sizeof(*m));
	m->node = n;
	m->ledger = node_ledger(n);
	pthread_mutex_init(&m->mutex, NULL);
	node_on_change(n, on_change, m);
	on_change(m);
	return m;
}

void misp_events_free(struct misp_events *m)
{
	if (!m)
		return;
	node_off_change(m->node, m);
	for (size_t i = 0; i < m->n; i++)
		free(m->events[i].pieces);
	for (unsigned i = 0; i < m->n_sources; i++) {
		free(m->sources[i].series);
		free(m->sources[i].events);
	}
	while (m->n_pending)
		drop_pending(m, &m->pending[m->n_pending - 1]);
	for (struct summary *s = m->summaries; s;) {
		struct summary *next = s->next;
		free(s->text);
		free(s);
		s = next;
	}
	free(m->pending);
	free(m->sources);
	free(m->events);
	free(m->index);
	free(m->entries);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

enum err misp_events_follow(struct misp_events *m, struct fault *f)
{
	uint64_t end = atomic_load(&m->seen);
	if (atomic_load(&m->done) >= end)
		return OK;
	pthread_mutex_lock(&m->mutex);
	enum err e = OK;
	m->end = end;
	if (atomic_load(&m->done) < end)
		e = ledger_each(m->ledger, CLEARANCE_ALL, atomic_load(&m->done) + 1, false, visit, m, f);
	if (e == OK || e == ERR_CANCELLED) {
		atomic_store(&m->done, end); /* numbers may have gaps */
		e = OK;
	}
	pthread_mutex_unlock(&m->mutex);
	return e;
}

/* ---- asking ---- */

static bool visible(const struct event *e, clearance clear)
{
	return clear >> (e->lane & 63) & 1 && e->n > 0;
}

/* Exact as a number of JSON. */
static uint64_t id_of(const uint8_t uuid[16])
{
	return (misp_uuid_number(uuid) >> 16) + 1;
}

static void describe(struct misp_events *m, struct event *e, struct misp_listed *l)
{
	const struct lane *lane = lane_of(m, e->lane);
	const struct source_state *source = &m->sources[e->source];
	char day[32];
	*l = (struct misp_listed){ .id = id_of(e->uuid), .time_s = e->time_s, .date_s = e->date_s, .lane = e->lane, .tlp = lane->tlp,
				   .original = e->original, .over = e->dead,
				   .as_it_came = e->original && e->n == 1 && !e->edited && !e->dead, .summary = e->summary ? e->summary->text : NULL };
	uuid_text(e->uuid, l->uuid);
	snprintf(l->source, sizeof(l->source), "%s", source->name);
	/* The origin is "NODE/lanes/LANE", whatever the lane is called here. */
	const char *own = strrchr(lane->origin, '/');
	own = own ? own + 1 : lane->name;
	snprintf(l->org, sizeof(l->org), "%.*s", (int)(strlen(lane->origin) - strlen(own) - strlen("/lanes/")), lane->origin);
	uuid_named(uuid_urls, span_str(l->org), l->org_uuid);
	int n = snprintf(l->info, sizeof(l->info), "%s, lane %s", source->told, own);
	time_format(e->date_s, day);
	if (!e->of_snapshot)
		n += snprintf(l->info + n, sizeof(l->info) - (size_t)n, ", %.10s", day);
	if (e->part > 1)
		snprintf(l->info + n, sizeof(l->info) - (size_t)n, ", part %u", e->part);
	e->shown = true;
}

struct misp_event misp_listed_event(const struct misp_listed *l)
{
	return (struct misp_event){ .uuid = l->uuid, .id = l->id, .info = span_str(l->info), .org = { span_str(l->org), l->org_uuid },
				    .time_s = l->time_s, .date_s = l->date_s, .tlp = l->tlp, .summary = l->summary };
}

bool misp_events_next(struct misp_events *m, clearance clear, size_t *at, struct misp_listed *ret_listed)
{
	pthread_mutex_lock(&m->mutex);
	while (*at < m->n && !visible(&m->events[*at], clear))
		++*at;
	bool found = *at < m->n;
	if (found)
		describe(m, &m->events[(*at)++], ret_listed);
	pthread_mutex_unlock(&m->mutex);
	return found;
}

/* The lane of each is another one: of the same UUID the one that changed last is meant. */
static struct event *find_visible(struct misp_events *m, clearance clear, struct span text)
{
	char copy[UUID_TEXT];
	uint8_t uuid[16];
	struct event *best = NULL;
	if (text.n != UUID_TEXT - 1)
		return NULL;
	for (size_t i = 0; i < text.n; i++)
		copy[i] = (char)ascii_lower(text.p[i]);
	copy[UUID_TEXT - 1] = 0;
	misp_uuid_octets(copy, uuid);
	for (uint8_t lane = 0; lane < LANES_MAX; lane++) {
		struct event *e = clear >> lane & 1 ? find_event(m, lane, uuid) : NULL;
		if (e && visible(e, clear) && (!best || e->time_s > best->time_s))
			best = e;
	}
	return best;
}

bool misp_events_find(struct misp_events *m, clearance clear, struct span uuid, struct misp_listed *ret_listed)
{
	pthread_mutex_lock(&m->mutex);
	struct event *e = find_visible(m, clear, uuid);
	if (e)
		describe(m, e, ret_listed);
	pthread_mutex_unlock(&m->mutex);
	return e;
}

bool misp_events_find_id(struct misp_events *m, clearance clear, uint64_t id, struct misp_listed *ret_listed)
{
	struct event *found = NULL;
	pthread_mutex_lock(&m->mutex);
	for (size_t i = 0; i < m->n && !found; i++)
		if (visible(&m->events[i], clear) && id_of(m->events[i].uuid) == id)
			found = &m->events[i];
	if (found)
		describe(m, found, ret_listed);
	pthread_mutex_unlock(&m->mutex);
	return found;
}

bool misp_events_of_entry(struct misp_events *m, clearance clear, uint64_t number, struct misp_listed *ret_listed, struct misp_piece *ret_piece)
{
	bool found = false;
	pthread_mutex_lock(&m->mutex);
	struct event *e = event_of_entry(m, number);
	for (uint32_t i = e && visible(e, clear) ? e->n : 0; i-- > 0 && !found;)
		if (e->pieces[i].number == number) {
			*ret_piece = e->pieces[i];
			found = true;
		}
	if (found)
		describe(m, e, ret_listed);
	pthread_mutex_unlock(&m->mutex);
	return found;
}

uint64_t misp_events_state(struct misp_events *m, clearance clear)
{
	uint64_t h = 0x9ae16a3b2f90404f;
	pthread_mutex_lock(&m->mutex);
	for (size_t i = 0; i < m->n; i++)
		if (visible(&m->events[i], clear))
			h = (h ^ misp_uuid_number(m->events[i].uuid) ^ m->events[i].time_s) * 0x9e3779b97f4a7c15 + (h >> 29);
	pthread_mutex_unlock(&m->mutex);
	return h;
}

size_t misp_events_count(struct misp_events *m, clearance clear)
{
	size_t n = 0;
	pthread_mutex_lock(&m->mutex);
	for (size_t i = 0; i < m->n; i++)
		n += visible(&m->events[i], clear);
	pthread_mutex_unlock(&m->mutex);
	return n;
}

bool misp_events_pick(struct misp_events *m, clearance clear, struct span uuid, struct misp_pick *ret_pick)
{
	pthread_mutex_lock(&m->mutex);
	struct event *e = find_visible(m, clear, uuid);
	if (e) {
		*ret_pick = (struct misp_pick){ .floor = m->sources[e->source].floor, .retracts = m->sources[e->source].retracts, .n = e->n };
		describe(m, e, &ret_pick->listed);
		ret_pick->pieces = mem_alloc(e->n * sizeof(*e->pieces));
		for (uint32_t i = 0; i < e->n; i++)
			ret_pick->pieces[i] = e->pieces[e->n - 1 - i];
	}
	pthread_mutex_unlock(&m->mutex);
	return e;
}
