#include "gate/node.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/consumers.h"
#include "gate/fold.h"
#include "gate/mirror.h"
#include "gate/replay.h"
#include "gate/guard.h"
#include "gate/stream.h"
#include "sys/key.h"

/* Who wants to know of something. */
struct listeners {
	unsigned n;
	struct {
		void (*call)(void *ctx);
		void *ctx;
	} of[NODE_LISTENERS];
};

static void listen_to(struct listeners *l, void (*call)(void *ctx), void *ctx)
{
	if (l->n == NODE_LISTENERS)
		abort();
	l->of[l->n].call = call;
	l->of[l->n++].ctx = ctx;
}

static void tell(const struct listeners *l)
{
	for (unsigned i = 0; i < l->n; i++)
		l->of[i].call(l->of[i].ctx);
}

struct node {
	char *dir;
	int lock_fd;
	struct ledger *ledger;
	struct stream *stream;
	struct table *table;
	struct fold *fold;
	struct docket *docket;
	struct parties *parties;
	struct guard *guard;     /* NULL while it is being opened */
	bool opened;             /* views and table are folded, and ours to save */
	pthread_mutex_t writing; /* held while views and table change */
	struct listeners on_lanes, on_change, on_feeds;
	pthread_mutex_t feeding; /* held while the feeds are changed ... */
	pthread_mutex_t fed;     /* ... and while the pointer to them is read or set */
	const struct feeds *feeds;
	struct consumers *consumers;
	_Atomic(struct puller *) puller;
	_Atomic clearance forgotten; /* of the fold */
	pthread_mutex_t telling; /* held while the consumers are told of what is taken back ... */
	uint64_t told;           /* ... up to this serial */
};

static const struct {
	const char *name;
	enum tlp tlp;
} default_lanes[] = {
	{ "public", TLP_CLEAR }, { "community", TLP_GREEN }, { "members", TLP_AMBER }, { "restricted", TLP_RED },
	{ NODE_LANE, TLP_RED }, { DOCKET_LANE, TLP_GREEN },
};

/* What init has made and could not make whole: the next one begins anew. */
static void unmake(const char *dir, bool made)
{
	static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "node.pub", "node.key" };
	char path[4096];
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	if (made)
		rmdir(dir);
}

static enum err found_node(const char *dir, const char *name, struct fault *f)
{
	struct ledger *l;
	enum err e = ledger_create(dir, name, f);
	if (e || (e = ledger_open(dir, true, &l, f)))
		return e;
	for (size_t i = 0; i < COUNT_OF(default_lanes) && e == OK; i++) {
		struct lane lane = { .tlp = default_lanes[i].tlp, .realm = "production" };
		snprintf(lane.name, sizeof(lane.name), "%s", default_lanes[i].name);
		e = ledger_lane_create(l, &lane, NULL, f);
	}
	ledger_close(l);
	return e;
}

enum err node_init(const char *dir, const struct node_options *o, struct fault *f)
{
	char path[4096];
	bool made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return fault_set(f, ERR_IO, "directory \"%s\" cannot be made: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	if (access(path, F_OK) == 0)
		return fault_set(f, ERR_EXISTS, "\"%s\" is there already", path);
	enum err e = key_create(dir, o->passphrase, f);
	if (e == OK && (e = found_node(dir, o->name, f)) != OK)
		unmake(dir, made);
	else if (e && made)
		rmdir(dir);
	return e;
}

/* Another command on the directory takes moments: wait for it rather than fail. */
static enum err take_lock(struct node *n, unsigned wait_ms, struct fault *f)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/lock", n->dir);
	n->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (n->lock_fd < 0)
		return fault_set(f, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "\"%s\" is not a data directory that can be opened: %s",
				 n->dir, strerror(errno));
	for (unsigned waited = 0; flock(n->lock_fd, LOCK_EX | LOCK_NB); waited += 20) {
		if (errno != EWOULDBLOCK)
			return fault_set(f, ERR_IO, "\"%s\" cannot be locked: %s", path, strerror(errno));
		if (waited >= wait_ms)
			return fault_set(f, ERR_BUSY, "\"%s\" is in use by another process", n->dir);
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	return OK;
}

/* The table is derived: one that cannot be used is dropped and folded anew. */
static enum err open_table(struct node *n, uint64_t *ret_folded, struct fault *f)
{
	struct siphash_seed seed;
	random_octets(&seed, sizeof(seed));
	enum err e = table_open(n->dir, seed, true, &n->table, ret_folded, f);
	if (e == ERR_CORRUPT || e == ERR_UNSUPPORTED || (e == OK && *ret_folded > ledger_last(n->ledger))) {
		table_close(n->table);
		n->table = NULL;
		if ((e = table_drop(n->dir, f)) == OK)
			e = table_open(n->dir, seed, true, &n->table, ret_folded, f);
	}
	return e;
}

/* A node of before there were decisions. */
static enum err ensure_lane(struct node *n, struct fault *f)
{
	struct lane lane, wanted = { .name = DOCKET_LANE, .tlp = TLP_GREEN, .realm = "production" };
	if (ledger_lane_find(n->ledger, CLEARANCE_ALL, DOCKET_LANE, &lane) == OK)
		return OK;
	return ledger_lane_create(n->ledger, &wanted, NULL, f);
}

static const char *own_of(void *ctx, const struct observable *o)
{
	struct node *n = ctx;
	return n->guard ? guard_own(n->guard, o) : NULL;
}

static enum err open_docket(struct node *n, bool writable, struct fault *f)
{
	enum err e = docket_open(n->dir, writable, n->ledger, &n->docket, f);
	if (e)
		return e;
	n->guard = guard_new(n->table, n->docket);
	docket_set_guard(n->docket, guard_at_gate, n->guard);
	return docket_forget(n->docket, fold_forgotten(n->fold), f);
}

static enum err open_views(struct node *n, struct fault *f)
{
	uint64_t folded = 0;
	enum err e = open_table(n, &folded, f);
	if (e)
		return e;
	n->fold = fold_new(n->table, folded);
	fold_set_own(n->fold, own_of, n);
	e = fold_ledger(n->fold, n->ledger, f);
	atomic_store(&n->forgotten, fold_forgotten(n->fold));
	n->opened = e == OK;
	return e;
}

static struct node *new_node(const char *dir)
{
	struct node *n = mem_zalloc(sizeof(*n));
	n->dir = mem_strdup(dir);
	n->lock_fd = -1;
	pthread_mutex_init(&n->writing, NULL);
	pthread_mutex_init(&n->feeding, NULL);
	pthread_mutex_init(&n->fed, NULL);
	pthread_mutex_init(&n->telling, NULL);
	n->feeds = feeds_new();
	n->consumers = consumers_new();
	return n;
}

static enum err is_data_directory(const char *dir, struct fault *f)
{
	struct stat st;
	char path[4096];
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	if (stat(path, &st) == 0)
		return OK;
	return fault_set(f, ERR_NOTFOUND, "\"%s\" is not a data directory (no ledger.db: %s); \"sipar init -d %s\" makes one", dir,
			 strerror(errno), dir);
}

/* The clock of the consumers runs for what is taken back.  Of two changes at one time, either thread may tell both. */
static void tell_consumers(void *ctx, uint64_t serial)
{
	struct node *n = ctx;
	struct turns t;
	pthread_mutex_lock(&n->telling);
	if (serial > n->told && docket_since(n->docket, n->told, &t, NULL) == OK) {
		uint64_t last = 0;
		for (size_t i = 0; i < t.n && turn_is_back(&t.turn[i]); i++) {
			if (t.turn[i].serial != last)
				consumers_retracted(n->consumers, t.turn[i].serial, docket_time_of(n->docket, t.turn[i].serial));
			last = t.turn[i].serial;
		}
		n->told = t.serial;
		turns_release(&t);
	}
	pthread_mutex_unlock(&n->telling);
}

static enum err open_feeds(struct node *n, struct fault *f)
{
	enum err e = feeds_read(n->dir, (struct feeds *)(uintptr_t)n->feeds, f); /* nobody else has it yet */
	return e ? e : consumers_load(n->consumers, n->dir, f);
}

enum err node_open(const char *dir, unsigned wait_ms, struct node **ret_node, struct fault *f)
{
	struct node *n = new_node(dir);
	enum err e = is_data_directory(dir, f);
	if (e == OK && (e = take_lock(n, wait_ms, f)) == OK && (e = ledger_open(dir, true, &n->ledger, f)) == OK &&
	    (e = open_feeds(n, f)) == OK && (e = ensure_lane(n, f)) == OK && (e = open_views(n, f)) == OK && (e = open_docket(n, true, f)) == OK)
		e = parties_open(dir, true, n->ledger, &n->parties, f);
	if (e) {
		node_close(n);
		return e;
	}
	n->stream = stream_new(n->ledger);
	n->told = docket_serial(n->docket);
	docket_listen(n->docket, tell_consumers, n);
	*ret_node = n;
	return OK;
}

/* Whoever writes may replace files between our reading of the manifest and their opening: then there is another manifest. */
static enum err open_saved_table(struct node *n, uint64_t *ret_folded, struct fault *f)
{
	enum { TRIES = 50 };
	struct siphash_seed seed;
	random_octets(&seed, sizeof(seed));
	enum err e = OK;
	for (unsigned i = 0; i < TRIES; i++) {
		e = table_open(n->dir, seed, false, &n->table, ret_folded, f);
		if (e != ERR_CORRUPT)
			return e;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return e;
}

enum err node_open_reader(const char *dir, struct node **ret_node, struct fault *f)
{
	struct node *n = new_node(dir);
	uint64_t folded = 0;
	enum err e = is_data_directory(dir, f);
	if (e == OK && (e = ledger_open(dir, false, &n->ledger, f)) == OK)
		e = open_saved_table(n, &folded, f);
	if (e == OK) {
		n->fold = fold_new(n->table, folded);
		fold_set_own(n->fold, own_of, n);
		e = fold_ledger(n->fold, n->ledger, f);
		atomic_store(&n->forgotten, fold_forgotten(n->fold));
	}
	if (e == OK && (e = open_docket(n, false, f)) == OK)
		e = parties_open(dir, false, n->ledger, &n->parties, f);
	if (e) {
		node_close(n);
		return e;
	}
	n->stream = stream_new(n->ledger);
	*ret_node = n;
	return OK;
}

uint64_t node_seen(struct node *n)
{
	pthread_mutex_lock(&n->writing);
	uint64_t seen = fold_seen(n->fold);
	pthread_mutex_unlock(&n->writing); /* and nobody is told: nothing has changed */
	return seen;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	if (n->opened) {
		(void)!fold_save(n->fold, NULL); /* derived: what is not saved is folded again at the next opening */
		(void)!consumers_save(n->consumers, n->dir, NULL);
	}
	stream_free(n->stream);
	guard_free(n->guard);
	parties_close(n->parties);
	docket_close(n->docket);
	ledger_close(n->ledger);
	table_close(n->table);
	fold_free(n->fold);
	if (n->lock_fd >= 0)
		close(n->lock_fd);
	feeds_drop(n->feeds);
	consumers_free(n->consumers);
	pthread_mutex_destroy(&n->writing);
	pthread_mutex_destroy(&n->feeding);
	pthread_mutex_destroy(&n->fed);
	pthread_mutex_destroy(&n->telling);
	free(n->dir);
	free(n);
}

struct ledger *node_ledger(struct node *n)
{
	return n->ledger;
}

struct stream *node_stream(struct node *n)
{
	return n->stream;
}

struct table *node_table(struct node *n)
{
	return n->table;
}

struct docket *node_docket(struct node *n)
{
	return n->docket;
}

struct guard *node_guard(struct node *n)
{
	return n->guard;
}

struct parties *node_parties(struct node *n)
{
	return n->parties;
}

const char *node_dir(const struct node *n)
{
	return n->dir;
}

const struct feeds *node_feeds(struct node *n)
{
	pthread_mutex_lock(&n->fed);
	const struct feeds *feeds = feeds_hold(n->feeds);
	pthread_mutex_unlock(&n->fed);
	return feeds;
}

static void replace_feeds(struct node *n, const struct feeds *feeds)
{
	pthread_mutex_lock(&n->fed);
	const struct feeds *old = n->feeds;
	n->feeds = feeds;
	pthread_mutex_unlock(&n->fed);
	feeds_drop(old);
}

enum err node_feeds_change(struct node *n, feeds_change *change, void *ctx, struct fault *f)
{
	pthread_mutex_lock(&n->feeding);
	struct feeds *feeds = feeds_new();
	*feeds = *n->feeds;
	feeds->held = 1;
	enum err e = change(ctx, feeds, f);
	if (e == OK)
		e = feeds_write(n->dir, feeds, f);
	if (e == OK)
		replace_feeds(n, feeds);
	else
		feeds_drop(feeds);
	pthread_mutex_unlock(&n->feeding);
	if (e == OK)
		tell(&n->on_feeds);
	return e;
}

void node_on_feeds(struct node *n, void (*call)(void *ctx), void *ctx)
{
	listen_to(&n->on_feeds, call, ctx);
}

struct consumers *node_consumers(struct node *n)
{
	return n->consumers;
}

struct fold *node_write_begin(struct node *n)
{
	pthread_mutex_lock(&n->writing);
	return n->fold;
}

void node_write_end(struct node *n)
{
	pthread_mutex_unlock(&n->writing);
	tell(&n->on_change);
}

void node_on_change(struct node *n, void (*call)(void *ctx), void *ctx)
{
	listen_to(&n->on_change, call, ctx);
}

void node_off_change(struct node *n, void *ctx)
{
	struct listeners *l = &n->on_change;
	for (unsigned i = 0; i < l->n; i++)
		if (l->of[i].ctx == ctx)
			l->of[i--] = l->of[--l->n];
}

static enum err tell_source_change(struct node *n, const struct source_change *c, struct buf *body, struct fault *f)
{
	struct lane lane;
	uint64_t number;
	enum err e = ledger_lane_find(n->ledger, CLEARANCE_ALL, NODE_LANE, &lane);
	if (e)
		return fault_set(f, ERR_CORRUPT, "the ledger has no lane \"%s\"", NODE_LANE);
	source_change_write(c, body);
	char name[SOURCE_NAME_MAX + 1];
	snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(c->name));
	struct submission s = {
		.lane = lane.number, .kind = ENTRY_SOURCE, .time_ms = clock_ms(), .party = "local", .source = name,
		.media = "json", .count = 1, .body = buf_span(body),
	};
	if ((e = ledger_append(n->ledger, &s, &number, f)) != OK)
		return e;
	return fold_source_change(n->fold, c, number, f);
}

enum err node_source_change(struct node *n, const struct source_change *c, struct fault *f)
{
	struct buf body = { 0 };
	node_write_begin(n);
	enum err e = fold_source_check(n->fold, c, f);
	if (e == OK)
		e = tell_source_change(n, c, &body, f);
	node_write_end(n);
	buf_release(&body);
	return e;
}

/* Once, with the first report. */
static enum err ensure_hits_source(struct node *n, struct fault *f)
{
	struct source_change c = { .op = SOURCE_ADD, .name = SPAN_LIT(HITS_SOURCE), .has_weight = true, .weight_db = 1, .has_snapshot = true };
	struct buf body = { 0 };
	if (source_find(fold_sources(n->fold), c.name))
		return OK; /* removed or not: that is the operator's word */
	enum err e = tell_source_change(n, &c, &body, f);
	buf_release(&body);
	return e;
}

/* The writing lock is held from before the entry is there, so that claims are folded in the order of their entries.  Nobody is woken for it: policies
 * do not look at hits. */
enum err node_hits(struct node *n, const struct speaker *who, const struct hits_report *r, struct hits_taken *ret_taken, struct fault *f)
{
	struct fold *fold = node_write_begin(n);
	*ret_taken = (struct hits_taken){ 0 };
	enum err e = ensure_hits_source(n, f);
	if (e == OK)
		e = docket_hits(n->docket, who, r, ret_taken, f);
	if (ret_taken->last) {
		const struct entry *entry = &ret_taken->entry;
		struct piece p = { .number = entry->number, .import = entry->number, .time_ms = entry->time_ms, .lane = entry->lane };
		enum err err = fold_hits(fold, &p, buf_span(&ret_taken->body), ret_taken->last, e ? NULL : f);
		e = e ? e : err;
	}
	pthread_mutex_unlock(&n->writing);
	return e;
}

void node_on_lanes(struct node *n, void (*call)(void *ctx), void *ctx)
{
	listen_to(&n->on_lanes, call, ctx);
}

enum err node_lane_create(struct node *n, const struct lane *wanted, struct lane *ret_lane, struct fault *f)
{
	enum err e = ledger_lane_create(n->ledger, wanted, ret_lane, f);
	if (e)
		return e;
	e = fold_lanes(node_write_begin(n), n->ledger, f);
	node_write_end(n);
	parties_lanes(n->parties);
	tell(&n->on_lanes);
	return e;
}

void node_set_puller(struct node *n, struct puller *p)
{
	atomic_store(&n->puller, p);
}

struct puller *node_puller(struct node *n)
{
	return atomic_load(&n->puller);
}

/* A source of a peer, when something of it counts for the first time. */
static enum err ensure_foreign(struct node *n, const char *peer, const char *source, bool snapshot, struct fault *f)
{
	char name[SOURCE_NAME_MAX + 1];
	struct buf body = { 0 };
	replay_source(peer, source, name);
	struct source_change c = { .op = SOURCE_ADD, .name = span_str(name), .has_snapshot = true, .snapshot = snapshot };
	if (!source_name_ok(c.name) || source_find(fold_sources(n->fold), c.name))
		return OK; /* removed or not: that is the operator's word */
	if (strcmp(source, HITS_SOURCE) == 0)
		c.has_weight = true, c.weight_db = 1;
	enum err e = fold_source_check(n->fold, &c, f);
	if (e == OK)
		e = tell_source_change(n, &c, &body, f);
	buf_release(&body);
	return e;
}

/* The order is that of the lane: sources before the ends of their imports.  The parcel has been checked. */
static enum err ensure_sources(struct node *n, const struct mirror_order *o, const struct mirror_news *news, struct fault *f)
{
	enum err e = OK;
	for (unsigned i = 0; i < news->n && e == OK; i++)
		e = ensure_foreign(n, o->peer, news->source[i].name, news->source[i].snapshot, f);
	return e;
}

static bool all_there(struct node *n, const struct mirror_order *o, const struct mirror_news *news)
{
	char name[SOURCE_NAME_MAX + 1];
	unsigned i = 0;
	for (bool there = true; i < news->n && there; i += there) {
		replay_source(o->peer, news->source[i].name, name);
		there = !source_name_ok(span_str(name)) || source_find(fold_sources(n->fold), span_str(name));
	}
	return i == news->n;
}

/* The writing lock is held from before the entries are there, so that they are folded in the order of their numbers. */
static enum err mirror(struct node *n, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done, struct fault *f)
{
	struct mirror_news *news = mem_alloc(sizeof(*news));
	struct mirror_order checked = *o;
	enum err e = mirror_look(parcel, news, f);
	if (e == OK && !all_there(n, o, news)) {
		checked.only_check = true;
		if ((e = ledger_mirror(n->ledger, &checked, parcel, ret_done, f)) == OK && ret_done->state == MIRROR_GREW)
			e = ensure_sources(n, o, news, f);
	}
	ret_done->state = MIRROR_LEVEL;
	if (e == OK)
		e = ledger_mirror(n->ledger, o, parcel, ret_done, f);
	if (ret_done->state == MIRROR_GREW && ret_done->founded) {
		enum err err = fold_lanes(n->fold, n->ledger, e ? NULL : f);
		e = e ? e : err;
	}
	if (ret_done->state == MIRROR_GREW && news->counts) {
		enum err err = fold_mirrored(n->fold, n->ledger, e ? NULL : f);
		e = e ? e : err;
	}
	free(news);
	return e;
}

/* Of the name of a lane that came by several nodes. */
static const char *last_part(const char *lane)
{
	const char *dot = strrchr(lane, '.');
	return dot ? dot + 1 : lane;
}

enum err node_mirror(struct node *n, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done, struct fault *f)
{
	*ret_done = (struct mirror_done){ .state = MIRROR_LEVEL };
	node_write_begin(n);
	enum err e = mirror(n, o, parcel, ret_done, f);
	if (ret_done->state == MIRROR_GREW)
		node_write_end(n);
	else
		pthread_mutex_unlock(&n->writing);
	if (ret_done->state == MIRROR_GREW && strcmp(last_part(o->lane), DOCKET_LANE) == 0) {
		enum err err = docket_mirrored(n->docket, e ? NULL : f);
		e = e ? e : err;
	}
	if (ret_done->state == MIRROR_GREW && ret_done->founded) {
		parties_lanes(n->parties);
		tell(&n->on_lanes);
	}
	return e;
}

static enum err tell_peer(struct node *n, struct span body, struct fault *f)
{
	struct lane lane;
	uint64_t number;
	if (ledger_lane_find(n->ledger, CLEARANCE_ALL, NODE_LANE, &lane))
		return fault_set(f, ERR_CORRUPT, "the ledger has no lane \"%s\"", NODE_LANE);
	struct submission s = { .lane = lane.number, .kind = ENTRY_PEER, .time_ms = clock_ms(), .party = "local", .source = "", .media = "json", .count = 1,
				.body = body };
	return ledger_append(n->ledger, &s, &number, f);
}

enum err node_say_peer(struct node *n, struct span body, bool *ret_said, struct fault *f)
{
	struct fold *fold = node_write_begin(n);
	clearance before = fold_forgotten(fold), now = before;
	enum err e = tell_peer(n, body, f);
	*ret_said = e == OK;
	if (e == OK)
		e = fold_forget(fold, n->ledger, &now, f);
	atomic_store(&n->forgotten, now);
	node_write_end(n);
	if (*ret_said && now != before) {
		enum err err = docket_forget(n->docket, now, e ? NULL : f);
		e = e ? e : err;
	}
	return e;
}

clearance node_forgotten(struct node *n)
{
	return atomic_load(&n->forgotten);
}

enum err node_erase(struct node *n, uint64_t number, const char *reason, uint64_t *ret_number, struct fault *f)
{
	struct fold *fold = node_write_begin(n);
	uint64_t said = 0;
	enum err e = ledger_erase(n->ledger, CLEARANCE_ALL, number, reason, &said, f);
	if (said) {
		stream_forget(n->stream);
		enum err err = fold_refold(fold, n->ledger, e ? NULL : f);
		e = e ? e : err;
		*ret_number = said;
	}
	node_write_end(n);
	return e;
}

enum err node_prune(struct node *n, uint8_t lane, int64_t now_ms, uint64_t *ret_pruned, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct fold *fold = node_write_begin(n);
	unsigned all = ledger_lanes(n->ledger, CLEARANCE_ALL, lanes);
	uint64_t sum = 0, some = 0;
	enum err e = OK;
	for (unsigned i = 0; i < all && e == OK; i++) {
		if (lane != LANES_MAX && lanes[i].number != lane)
			continue;
		e = ledger_prune(n->ledger, lanes[i].number, now_ms, &some, f);
		sum += some; /* also when the log could not be emptied then */
	}
	if (sum) {
		stream_forget(n->stream);
		enum err err = fold_refold(fold, n->ledger, e ? NULL : f);
		e = e ? e : err;
	}
	node_write_end(n);
	free(lanes);
	if (e == OK)
		*ret_pruned = sum;
	return e;
}

enum err node_digest(struct node *n, uint8_t ret_digest[32], struct fault *f)
{
	enum err e = fold_digest(node_write_begin(n), ret_digest, f);
	node_write_end(n);
	return e;
}

enum err node_rebuild(struct node *n, uint8_t ret_before[32], uint8_t ret_after[32], struct fault *f)
{
	struct fold *fold = node_write_begin(n);
	enum err e = fold_digest(fold, ret_before, f);
	if (e == OK && (e = fold_refold(fold, n->ledger, f)) == OK)
		e = fold_digest(fold, ret_after, f);
	node_write_end(n);
	return e;
}
