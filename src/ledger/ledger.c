#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/octets.h"
#include "ledger/cosign.h"
#include "ledger/index.h"
#include "ledger/lanelog.h"
#include "ledger/migrate.h"
#include "ledger/mirror.h"
#include "ledger/reader.h"
#include "ledger/removal.h"
#include "ledger/rekey.h"
#include "ledger/store.h"
#include "ledger/verify.h"
#include "ledger/writer.h"
#include "sys/db.h"
#include "sys/key.h"

enum { PAGE = 64 };

struct ledger {
	struct pool *pool;
	struct writer *writer;    /* NULL: opened to be read */
	struct key *key, *last_key;
	char *dir;
	pthread_mutex_t founding; /* one new lane, erasure or key at a time */
};

static enum err os_fault(const char *path, struct fault *f)
{
	enum err e = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN :
		     errno == EEXIST ? ERR_EXISTS : errno == ENOSPC ? ERR_FULL : ERR_IO;
	return fault_set(f, e, "\"%s\": %s", path, strerror(errno));
}

static enum err path_of(char path[PATH_MAX], const char *dir, const char *name, struct fault *f)
{
	struct stat st;
	if (stat(dir, &st))
		return os_fault(dir, f);
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, ERR_NOTFOUND, "\"%s\" is not a directory", dir);
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return n < PATH_MAX ? OK : fault_set(f, ERR_RANGE, "the path of the data directory is too long");
}

/* ---- making and opening ---- */

static enum err name_of_key(const char *dir, char ret_name[NODE_NAME_MAX + 1], struct fault *f)
{
	uint8_t public[KEY_OCTETS];
	enum err e = key_read_public(dir, public, f);
	if (e == OK)
		node_name_made(public, ret_name);
	return e;
}

/* Under another name first, so that there is a whole ledger or none, whenever the power fails. */
enum err ledger_create(const char *dir, const char *name, struct fault *f)
{
	char path[PATH_MAX], draft[PATH_MAX], made[NODE_NAME_MAX + 1];
	enum err e;
	if ((e = path_of(path, dir, "ledger.db", f)) || (e = path_of(draft, dir, "ledger.draft", f)))
		return e;
	if (access(path, F_OK) == 0)
		return fault_set(f, ERR_EXISTS, "\"%s\" is there already", path);
	if (name && !node_name_ok(span_str(name)))
		return fault_set(f, ERR_SYNTAX, "\"%.150s\" is not the name of a node: a URL without scheme, of a-z, 0-9, \".\", \":\", "
				 "\"/\" and \"-\", like cert.example", name);
	if (!name && (e = name_of_key(dir, made, f)) != OK)
		return e;
	unlink(draft);
	if ((e = store_create(draft, name ? name : made, f)) != OK)
		return e;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE)) {
		e = os_fault(path, f);
		unlink(draft);
	} else if (fsync(fd)) {
		e = os_fault(dir, f);
	}
	if (fd >= 0)
		close(fd);
	return e;
}

/* The key that the ledger was signed with last is node.key, or node.key.new when a rotation was cut off behind the ledger. */
static enum err start_writer(struct ledger *l, const char *path, struct fault *f)
{
	struct fault ignored;
	enum err e = key_open(l->dir, &l->key, f);
	if (e == OK)
		e = writer_start(path, l->key, &l->writer, f);
	if (e != ERR_FORBIDDEN || !l->key || key_open_new(l->dir, &l->last_key, &ignored))
		return e;
	if (writer_start(path, l->last_key, &l->writer, &ignored))
		return e;
	return key_replace(l->dir, f);
}

enum err ledger_open(const char *dir, bool writable, struct ledger **ret_ledger, struct fault *f)
{
	char path[PATH_MAX];
	enum err e = path_of(path, dir, "ledger.db", f);
	if (e)
		return e;
	if (access(path, F_OK))
		return errno == ENOENT ? fault_set(f, ERR_NOTFOUND, "there is no ledger in \"%s\"", dir) : os_fault(path, f);
	if (access(path, writable ? R_OK | W_OK : R_OK))
		return os_fault(path, f);
	struct ledger *l = mem_zalloc(sizeof(*l));
	pthread_mutex_init(&l->founding, NULL);
	l->dir = mem_strdup(dir);
	if (writable && (e = migrate(dir, path, f)) == OK)
		e = start_writer(l, path, f);
	if (e == OK && (e = pool_open(path, &l->pool, f)) == OK)
		e = reader_check_lanes(l->pool, f);
	if (e)
		ledger_close(l);
	else
		*ret_ledger = l;
	return e;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	pool_close(l->pool); /* before the writer, whose closing takes the log into the file if it is the last */
	writer_stop(l->writer);
	key_free(l->key);
	key_free(l->last_key);
	pthread_mutex_destroy(&l->founding);
	free(l->dir);
	free(l);
}

const char *ledger_name(const struct ledger *l)
{
	return pool_node(l->pool);
}

/* ---- writing ---- */

static enum err read_only(struct fault *f)
{
	return fault_set(f, ERR_FORBIDDEN, "the ledger was opened to be read only");
}

/* A body above BODY_MAX becomes several entries; each object goes with the one that it begins in. */
static unsigned split(const struct submission *s, struct told told[WRITER_GROUP_MAX])
{
	uint32_t object = 0;
	unsigned n = 0;
	for (size_t at = 0; n == 0 || at < s->body.n; n++, at += BODY_MAX) {
		struct submission *part = &told[n].s;
		bool more = s->body.n - at > BODY_MAX;
		told[n] = (struct told){ .s = *s, .at = (uint32_t)at };
		part->body = span_head(span_from(s->body, at), BODY_MAX);
		part->flags |= (n ? ENTRY_CONTINUES : 0) | (more ? ENTRY_MORE : 0);
		part->objects = s->objects + object;
		part->n_objects = 0;
		if (n) {
			part->flags &= ~ENTRY_BEGINS;
			part->count = 0;
			part->token = span_of(NULL, 0);
		}
		for (; object < s->n_objects && s->objects[object].offset < at + BODY_MAX; object++)
			part->n_objects++;
	}
	return n;
}

/* What the writer is told.  @return how many entries; 0: not to be told. */
static unsigned prepare(struct ledger *l, const struct submission *s, struct told told[WRITER_GROUP_MAX], struct fault *f)
{
	if (!l->writer)
		return read_only(f), 0;
	if (s->body.n > SUBMISSION_MAX)
		return fault_set(f, ERR_RANGE, "body of %zu octets: it has at most %d", s->body.n, SUBMISSION_MAX), 0;
	if (s->body.n > BODY_MAX)
		return split(s, told);
	*told = (struct told){ .s = *s };
	return 1;
}

enum err ledger_submit(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f)
{
	struct told told[WRITER_GROUP_MAX];
	struct fault why;
	unsigned n = prepare(l, s, told, f ? f : &why);
	return n ? writer_submit(l->writer, told, n, ret_number, f) : (f ? f : &why)->code;
}

enum err ledger_wait(struct ledger *l, uint64_t number, struct fault *f)
{
	return l->writer ? writer_wait(l->writer, number, f) : read_only(f);
}

enum err ledger_append(struct ledger *l, const struct submission *s, uint64_t *ret_number, struct fault *f)
{
	struct told told[WRITER_GROUP_MAX];
	struct fault why;
	unsigned n = prepare(l, s, told, f ? f : &why);
	return n ? writer_append(l->writer, told, n, ret_number, f) : (f ? f : &why)->code;
}

/* Only this function makes lanes, one at a time: the next number does not change under it. */
static enum err found_lane(struct ledger *l, struct lane *lane, struct fault *f)
{
	struct buf body = { 0 };
	struct lane there;
	uint64_t number;
	unsigned lanes = writer_lanes(l->writer);
	if (ledger_lane_find(l, CLEARANCE_ALL, lane->name, &there) == OK)
		return fault_set(f, ERR_EXISTS, "there is a lane \"%s\" already", lane->name);
	if (lanes >= LANES_MAX)
		return fault_set(f, ERR_FULL, "lane \"%s\" is one too many: there are %d", lane->name, LANES_MAX);
	lane->number = (uint8_t)lanes;
	lane->size = 1;
	lane->pruned = 0;
	snprintf(lane->origin, sizeof(lane->origin), "%s/lanes/%s", ledger_name(l), lane->name);
	lane_body(lane, &body);
	struct told t = { .founds = lane, .s = {
		.lane = lane->number, .kind = ENTRY_LANE, .time_ms = clock_ms(), .party = "local", .source = "",
		.media = "json", .count = 1, .body = buf_span(&body),
	} };
	enum err e = writer_append(l->writer, &t, 1, &number, f);
	buf_release(&body);
	return e;
}

enum err ledger_lane_create(struct ledger *l, const struct lane *wanted, struct lane *ret_lane, struct fault *f)
{
	struct lane lane = *wanted;
	enum err e;
	if (!l->writer)
		return read_only(f);
	lane.peer[0] = 0;
	if ((e = lane_check(&lane, f)) != OK)
		return e;
	pthread_mutex_lock(&l->founding);
	e = found_lane(l, &lane, f);
	pthread_mutex_unlock(&l->founding);
	if (e == OK && ret_lane)
		*ret_lane = lane;
	return e;
}

enum err ledger_erase(struct ledger *l, clearance clear, uint64_t number, const char *reason, uint64_t *ret_number, struct fault *f)
{
	if (!l->writer)
		return read_only(f);
	pthread_mutex_lock(&l->founding);
	enum err e = removal_erase(l->pool, l->writer, clear, number, reason, ret_number, f);
	pthread_mutex_unlock(&l->founding);
	return e;
}

enum err ledger_prune(struct ledger *l, uint8_t lane, int64_t now_ms, uint64_t *ret_pruned, struct fault *f)
{
	if (!l->writer)
		return read_only(f);
	pthread_mutex_lock(&l->founding);
	enum err e = removal_prune(l->pool, l->writer, lane, now_ms, ret_pruned, f);
	pthread_mutex_unlock(&l->founding);
	return e;
}

/* The one that signs now; under the lock in which it is replaced. */
static const struct key *signing_key(const struct ledger *l)
{
	return l->last_key ? l->last_key : l->key;
}

enum err ledger_rekey(struct ledger *l, struct fault *f)
{
	struct key *next;
	if (!l->writer)
		return read_only(f);
	enum err e = key_open_new(l->dir, &next, f);
	if (e)
		return e;
	pthread_mutex_lock(&l->founding);
	e = rekey(l->pool, l->writer, signing_key(l), next, f);
	if (e == OK) {
		key_free(l->last_key);
		l->last_key = next;
	} else {
		key_free(next);
	}
	pthread_mutex_unlock(&l->founding);
	return e;
}

void ledger_on_commit(struct ledger *l, void (*call)(void *ctx), void *ctx)
{
	if (l->writer)
		writer_on_commit(l->writer, call, ctx);
}

void ledger_off_commit(struct ledger *l, void *ctx)
{
	if (l->writer)
		writer_off_commit(l->writer, ctx);
}

/* ---- lanes ---- */

unsigned ledger_lanes(struct ledger *l, clearance clear, struct lane ret_lanes[LANES_MAX])
{
	unsigned n = 0;
	return reader_lanes(l->pool, clear, ret_lanes, &n, NULL) == OK ? n : 0;
}

enum err ledger_lane_find(struct ledger *l, clearance clear, const char *name, struct lane *ret_lane)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = 0, i = 0;
	enum err e = reader_lanes(l->pool, clear, lanes, &n, NULL);
	while (i < n && strcmp(lanes[i].name, name) != 0)
		i++;
	if (i < n)
		*ret_lane = lanes[i];
	free(lanes);
	return e ? e : i < n ? OK : ERR_NOTFOUND;
}

clearance ledger_clearance(struct ledger *l, uint8_t tlp)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	clearance clear = 0;
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	for (unsigned i = 0; i < n; i++)
		if (lanes[i].tlp <= tlp && !lanes[i].members[0])
			clear |= (clearance)1 << lanes[i].number;
	free(lanes);
	return clear;
}

/* ---- reading entries ---- */

uint64_t ledger_last(struct ledger *l)
{
	uint64_t last = 0;
	if (l->writer)
		return writer_last(l->writer);
	return reader_last(l->pool, &last, NULL) == OK ? last : 0;
}

enum err ledger_entry(struct ledger *l, clearance clear, uint64_t number, struct entry *ret_entry)
{
	return reader_entry(l->pool, clear, number, ret_entry, NULL);
}

enum err ledger_find(struct ledger *l, clearance clear, uint8_t lane, uint64_t index, uint64_t *ret_number)
{
	return reader_find(l->pool, clear, lane, index, ret_number, NULL);
}

enum err ledger_resolve(struct ledger *l, clearance clear, struct span text, uint64_t *ret_number, struct fault *f)
{
	size_t slash = span_find(text, '/');
	struct entry entry;
	struct lane lane;
	char name[LANE_NAME_MAX + 1] = "";
	uint64_t n;
	bool whole = slash == text.n;
	enum err e = num_parse_u64(whole ? text : span_from(text, slash + 1), INT64_MAX, &n);
	if (e)
		return fault_set(f, e, "\"" SPAN_FMT "\" does not name an entry: give LANE/INDEX, or its number",
				 SPAN_ARG(span_head(text, 100)));
	if (whole) {
		if ((e = ledger_entry(l, clear, n, &entry)) == OK)
			entry_release(&entry), *ret_number = n;
	} else {
		snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(span_head(text, slash)));
		e = slash > LANE_NAME_MAX ? ERR_NOTFOUND : ledger_lane_find(l, clear, name, &lane);
		e = e ? e : ledger_find(l, clear, lane.number, n, ret_number);
	}
	return e == ERR_NOTFOUND ? fault_set(f, e, "there is no entry " SPAN_FMT, SPAN_ARG(span_head(text, 100))) :
	       e ? fault_set(f, e, "entry " SPAN_FMT " cannot be read", SPAN_ARG(span_head(text, 100))) : OK;
}

enum err ledger_record(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	return reader_record(l->pool, clear, number, out, f);
}

enum err ledger_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	return reader_body(l->pool, clear, number, false, out, f);
}

enum err ledger_salted_body(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	return reader_body(l->pool, clear, number, true, out, f);
}

enum err ledger_find_digest(struct ledger *l, clearance clear, uint8_t lane, const uint8_t digest[32], uint64_t *ret_number,
			    struct fault *f)
{
	struct buf hits = { 0 };
	struct entry entry;
	enum err e = reader_hits(l->pool, get_be64(digest), &hits, f);
	bool found = false;
	for (size_t i = 0; e == OK && !found && i < hits.n / sizeof(struct index_hit); i++) {
		const struct index_hit *hit = (const struct index_hit *)(const void *)hits.p + i;
		if (hit->offset != INDEX_WHOLE || reader_entry(l->pool, clear, hit->number, &entry, NULL))
			continue;
		found = entry.lane == lane && memcmp(entry.digest, digest, sizeof(entry.digest)) == 0;
		entry_release(&entry);
		if (found)
			*ret_number = hit->number;
	}
	buf_release(&hits);
	return e || found ? e : fault_set(f, ERR_NOTFOUND, "the lane has no body of this digest");
}

/* The body of an entry from `offset` on, and the ones that it goes on in. */
static enum err object_octets(struct ledger *l, clearance clear, const struct entry *e, uint32_t offset, struct buf *out, struct fault *f)
{
	struct entry next = { .flags = e->flags };
	uint64_t index = e->index, number;
	enum err err = ledger_body(l, clear, e->number, out, f);
	if (err == OK && offset > out->n)
		err = fault_set(f, ERR_CORRUPT, "the index points behind the body of entry %llu", (unsigned long long)e->number);
	while (err == OK && next.flags & ENTRY_MORE) {
		if ((err = ledger_find(l, clear, e->lane, ++index, &number)) == OK && (err = ledger_entry(l, clear, number, &next)) == OK) {
			entry_release(&next);
			err = ledger_body(l, clear, number, out, f);
		}
	}
	if (err == OK)
		buf_consume(out, offset);
	return err;
}

enum err ledger_object(struct ledger *l, clearance clear, struct span id, object_match *match, void *ctx, struct fault *f)
{
	struct siphash_seed seed = pool_seed(l->pool);
	struct buf hits = { 0 }, octets = { 0 };
	struct entry entry;
	struct fault gone = { .code = OK };
	enum err e = reader_hits(l->pool, siphash13(seed, id.p, id.n), &hits, f);
	bool found = false;
	for (size_t i = 0; e == OK && !found && i < hits.n / sizeof(struct index_hit); i++) {
		const struct index_hit *hit = (const struct index_hit *)(const void *)hits.p + i;
		if (hit->offset == INDEX_WHOLE || reader_entry(l->pool, clear, hit->number, &entry, NULL))
			continue;
		octets.n = 0;
		e = object_octets(l, clear, &entry, hit->offset, &octets, f);
		found = e == OK && match(ctx, &entry, buf_span(&octets));
		entry_release(&entry);
		if (e == ERR_GONE && f)
			gone = *f;
		e = e == ERR_GONE ? OK : e;
	}
	buf_release(&hits);
	buf_release(&octets);
	if (e || found)
		return e;
	if (gone.code && f)
		*f = gone;
	return gone.code ? ERR_GONE : fault_set(f, ERR_NOTFOUND, "there is no object \"" SPAN_FMT "\"", SPAN_ARG(span_head(id, 200)));
}

static enum err visit_page(struct ledger *l, clearance clear, const struct entry *page, unsigned n, bool bodies, entry_visit *visit, void *ctx,
			   struct fault *f)
{
	struct buf body = { 0 };
	enum err e = OK;
	for (unsigned i = 0; i < n && e == OK; i++) {
		body.n = 0;
		if (bodies && !page[i].gone)
			e = ledger_body(l, clear, page[i].number, &body, f);
		if (e == OK || e == ERR_GONE) /* gone since the page was read */
			e = visit(ctx, &page[i], buf_span(&body), f);
	}
	buf_release(&body);
	return e;
}

/* Page by page, each read in an instant: entries are never changed, so that a bound fixed at the start is all the
 * snapshot that is needed, and a slow visitor does not keep the log from being moved into the file. */
enum err ledger_each(struct ledger *l, clearance clear, uint64_t from, bool bodies, entry_visit *visit, void *ctx,
		     struct fault *f)
{
	struct entry page[PAGE] = { 0 };
	uint64_t last;
	unsigned n = PAGE;
	enum err e = reader_last(l->pool, &last, f);
	while (e == OK && n == PAGE && from <= last) {
		if ((e = reader_page(l->pool, clear, from, last, false, page, PAGE, &n, f)) == OK)
			e = visit_page(l, clear, page, n, bodies, visit, ctx, f);
		from = n ? page[n - 1].number + 1 : from;
	}
	for (unsigned i = 0; i < PAGE; i++)
		entry_release(&page[i]);
	return e;
}

/* What is committed meanwhile is read, too: a lane has no gaps, so a page that is not full is its end. */
enum err ledger_each_in(struct ledger *l, clearance clear, uint8_t lane, uint64_t from, entry_visit *visit, void *ctx, struct fault *f)
{
	struct entry page[PAGE] = { 0 };
	unsigned n = PAGE;
	enum err e = OK;
	while (e == OK && n == PAGE) {
		if ((e = reader_lane_page(l->pool, clear, lane, from, page, PAGE, &n, f)) == OK)
			e = visit_page(l, clear, page, n, false, visit, ctx, f);
		from += n;
	}
	for (unsigned i = 0; i < PAGE; i++)
		entry_release(&page[i]);
	return e;
}

enum err ledger_each_back(struct ledger *l, clearance clear, uint64_t to, entry_visit *visit, void *ctx, struct fault *f)
{
	struct entry page[PAGE] = { 0 };
	unsigned n = PAGE;
	enum err e = OK;
	while (e == OK && n == PAGE && to) {
		if ((e = reader_page(l->pool, clear, 1, to, true, page, PAGE, &n, f)) == OK)
			e = visit_page(l, clear, page, n, false, visit, ctx, f);
		to = n ? page[n - 1].number - 1 : to;
	}
	for (unsigned i = 0; i < PAGE; i++)
		entry_release(&page[i]);
	return e;
}

/* ---- lanes as logs ---- */

enum err ledger_checkpoint(struct ledger *l, clearance clear, uint8_t lane, struct buf *out, struct fault *f)
{
	return lanelog_checkpoint(l->pool, clear, lane, out, f);
}

enum err ledger_tile(struct ledger *l, clearance clear, uint8_t lane, const struct tile *t, struct buf *out, struct fault *f)
{
	return lanelog_tile(l->pool, clear, lane, t, out, f);
}

enum err ledger_inclusion(struct ledger *l, clearance clear, uint8_t lane, uint64_t index, uint64_t size,
			  struct merkle_proof *ret_proof, struct fault *f)
{
	return lanelog_inclusion(l->pool, clear, lane, index, size, ret_proof, f);
}

enum err ledger_consistency(struct ledger *l, clearance clear, uint8_t lane, uint64_t old, uint64_t size,
			    struct merkle_proof *ret_proof, struct fault *f)
{
	return lanelog_consistency(l->pool, clear, lane, old, size, ret_proof, f);
}

enum err ledger_receipt(struct ledger *l, clearance clear, uint64_t number, struct buf *out, struct fault *f)
{
	return lanelog_receipt(l->pool, clear, number, out, f);
}

static unsigned keys_of_ring(struct ledger *l, const char *ring, uint8_t (*ret_keys)[32], unsigned room)
{
	uint8_t keys[256][32];
	unsigned last = 0, n = 0;
	static const uint8_t none[32];
	if (lanelog_keys(l->pool, ring, keys, &last, NULL))
		return 0;
	for (unsigned i = 1; i <= last && n < room; i++)
		if (memcmp(keys[i], none, sizeof(none)) != 0)
			memcpy(ret_keys[n++], keys[i], sizeof(keys[i]));
	return n;
}

unsigned ledger_keys(struct ledger *l, const char *realm, uint8_t (*ret_keys)[32], unsigned room)
{
	return keys_of_ring(l, realm, ret_keys, room);
}

unsigned ledger_lane_keys(struct ledger *l, const struct lane *lane, uint8_t (*ret_keys)[32], unsigned room)
{
	char ring[RING_MAX + 1];
	lane_ring(lane, ring);
	return keys_of_ring(l, ring, ret_keys, room);
}

/* ---- mirrored lanes ---- */

enum err ledger_parcel(struct ledger *l, clearance clear, uint8_t lane, uint64_t from, struct buf *out, struct fault *f)
{
	return mirror_give(l->pool, clear, lane, from, out, f);
}

enum err ledger_parcel_start(struct ledger *l, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f)
{
	return mirror_give_start(l->pool, clear, lane, size, out, f);
}

enum err ledger_mirror(struct ledger *l, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done, struct fault *f)
{
	if (!l->writer)
		return read_only(f);
	pthread_mutex_lock(&l->founding);
	enum err e = mirror_take(l->pool, l->writer, o, parcel, ret_done, f);
	pthread_mutex_unlock(&l->founding);
	return e;
}

/* ---- cosignatures, ours and of others ---- */

enum err ledger_cosign(struct ledger *l, clearance clear, uint8_t lane, struct span note, const struct verifier *witnesses,
		       unsigned n, unsigned *ret_taken, struct fault *f)
{
	return l->writer ? cosign_take(l->pool, l->writer, clear, lane, note, witnesses, n, ret_taken, f) : read_only(f);
}

enum err ledger_witnessed(struct ledger *l, struct span origin, struct buf *out, struct fault *f)
{
	return cosign_last(l->pool, origin, out, f);
}

enum err ledger_witness(struct ledger *l, struct span origin, uint64_t old_size, uint64_t size, struct span note, struct fault *f)
{
	return l->writer ? cosign_keep(l->writer, origin, old_size, size, note, f) : read_only(f);
}

enum err ledger_cosigner(struct ledger *l, struct verifier *ret_verifier, struct fault *f)
{
	if (!l->writer)
		return read_only(f);
	*ret_verifier = (struct verifier){ .type = NOTE_COSIGNATURE };
	snprintf(ret_verifier->name, sizeof(ret_verifier->name), "%s", ledger_name(l));
	pthread_mutex_lock(&l->founding);
	memcpy(ret_verifier->key, key_public(signing_key(l), REALM_PRODUCTION), KEY_OCTETS);
	pthread_mutex_unlock(&l->founding);
	return OK;
}

enum err ledger_cosignature(struct ledger *l, struct span text, uint64_t time_s, struct buf *out, struct fault *f)
{
	struct buf message = { 0 };
	uint8_t signature[8 + SIGNATURE_OCTETS], public[KEY_OCTETS];
	if (!l->writer)
		return read_only(f);
	cosignature_message(text, time_s, &message);
	put_be64(signature, time_s);
	pthread_mutex_lock(&l->founding);
	key_sign(signing_key(l), REALM_PRODUCTION, buf_span(&message), signature + 8);
	memcpy(public, key_public(signing_key(l), REALM_PRODUCTION), sizeof(public));
	pthread_mutex_unlock(&l->founding);
	note_line_put(span_str(ledger_name(l)), NOTE_COSIGNATURE, public, span_of(signature, sizeof(signature)), out);
	buf_release(&message);
	return OK;
}

enum err ledger_sign(struct ledger *l, const uint8_t public[32], struct span message, uint8_t ret_signature[64], struct fault *f)
{
	if (!l->writer)
		return read_only(f);
	pthread_mutex_lock(&l->founding);
	bool same = memcmp(public, key_public(signing_key(l), REALM_PRODUCTION), KEY_OCTETS) == 0;
	if (same)
		key_sign(signing_key(l), REALM_PRODUCTION, message, ret_signature);
	pthread_mutex_unlock(&l->founding);
	return same ? OK : fault_set(f, ERR_BUSY, "the node's key was replaced meanwhile");
}

/* ---- whole ---- */

enum err ledger_backup(struct ledger *l, const char *path, struct fault *f)
{
	struct connection *c;
	enum err e = pool_take(l->pool, &c, f);
	if (e)
		return e;
	e = db_backup(pool_db(c), path, f);
	pool_give(l->pool, c);
	return e;
}

enum err ledger_verify(struct ledger *l, unsigned threads, void (*finding)(void *ctx, const char *text),
		       bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, struct verify_counts *ret_counts,
		       struct fault *f)
{
	const struct verify_options o = { threads, finding, progress, ctx };
	return verify(l->pool, &o, ret_counts, f);
}

void ledger_stats(struct ledger *l, struct ledger_stats *ret_stats)
{
	*ret_stats = (struct ledger_stats){ 0 };
	if (l->writer)
		writer_stats(l->writer, ret_stats);
}
