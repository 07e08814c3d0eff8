/* Versions of one object are linked in order of their version, and the table of ids has the newest.  In the view of all the last versions,
 * which is the usual one, a record is passed over when a later record is a newer version of it; of each block of records is counted how many
 * are not, and which types there are, so that whole blocks are passed over at once.
 *
 * The table of ids is cut into shards that grow one at a time, since nobody may look while one grows. */
#include "gate/object_index.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/octets.h"
#include "base/siphash.h"
#include "sys/key.h"

enum {
	HEAD_OCTETS = 4096,
	RECORD = sizeof(struct object_ref),
	VERSION = 1,
	BLOCK = 1024,            /* records */
	SHARD_BITS = 10,
	SHARD_FIRST = 16,        /* slots */
	GROW_RECORDS = 64 << 10, /* that the file is mapped for beyond what there is, at least */
	RECORDS_MAX = UINT32_MAX - 1,
};
_Static_assert(RECORD == 40, "a record is what the header says");

static const char magic[8] = "sipar ob";

struct index_head {
	char magic[8];
	uint32_t version, record;
	struct siphash_seed seed;
	uint64_t identity, n;
	uint64_t sum;   /* of the keyed hashes of all records */
	struct object_mark mark;
	uint64_t check; /* keyed hash of what is before it */
};
_Static_assert(sizeof(struct index_head) == 112, "a head has no gaps");

struct link {
	uint32_t newer, older; /* position + 1; 0: none */
};

struct block {
	uint64_t types; /* bit for each type's hash modulo 64 */
	uint32_t loud;  /* records that a later one does not replace */
};

struct shard {
	uint32_t *slot;  /* position + 1 of the newest version; 0: free */
	uint32_t n, mask;
};

struct object_index {
	atomic_uint held;
	int fd;
	pthread_rwlock_t lock;
	struct index_head head;
	const uint8_t *map;   /* the whole file, and beyond its end */
	size_t map_octets;
	uint64_t written;     /* records in the file; the rest is in `fresh` */
	struct buf fresh;
	struct buf links, blocks;
	struct shard shard[1 << SHARD_BITS];
	bool broken;
};

/* ---- records ---- */

static inline const struct object_ref *record(const struct object_index *x, uint64_t pos)
{
	const uint8_t *p = pos < x->written ? x->map + HEAD_OCTETS + pos * RECORD : x->fresh.p + (pos - x->written) * RECORD;
	return (const struct object_ref *)(const void *)p;
}

static inline struct link *link_of(const struct object_index *x, uint64_t pos)
{
	return (struct link *)(void *)x->links.p + pos;
}

static inline struct block *block_of(const struct object_index *x, uint64_t pos)
{
	return (struct block *)(void *)x->blocks.p + pos / BLOCK;
}

static bool is_old(const struct object_index *x, uint64_t pos)
{
	return record(x, pos)->flags & OBJECT_OLD;
}

static int64_t version_of(const struct object_ref *r)
{
	return r->flags & OBJECT_UNVERSIONED ? r->added_us : r->version_us;
}

uint64_t object_index_id(const struct object_index *x, struct span id)
{
	return siphash13(x->head.seed, id.p, id.n);
}

uint16_t object_index_type(const struct object_index *x, struct span type)
{
	return (uint16_t)siphash13(x->head.seed, type.p, type.n);
}

/* ---- ids ---- */

static uint32_t *slot_of(const struct object_index *x, const struct shard *s, uint64_t id)
{
	uint32_t i = (uint32_t)id & s->mask;
	while (s->slot[i] && record(x, s->slot[i] - 1)->id != id)
		i = (i + 1) & s->mask;
	return &s->slot[i];
}

static uint32_t newest(const struct object_index *x, uint64_t id)
{
	const struct shard *s = &x->shard[id >> (64 - SHARD_BITS)];
	return s->slot ? *slot_of(x, s, id) : 0;
}

static void grow(const struct object_index *x, struct shard *s)
{
	struct shard larger = { .n = s->n, .mask = s->slot ? 2 * s->mask + 1 : SHARD_FIRST - 1 };
	larger.slot = mem_zalloc((larger.mask + (size_t)1) * sizeof(*larger.slot));
	for (uint32_t i = 0; s->slot && i <= s->mask; i++)
		if (s->slot[i])
			*slot_of(x, &larger, record(x, s->slot[i] - 1)->id) = s->slot[i];
	free(s->slot);
	*s = larger;
}

static void set_newest(struct object_index *x, uint64_t id, uint32_t at)
{
	struct shard *s = &x->shard[id >> (64 - SHARD_BITS)];
	if (!s->slot || s->n + s->n / 2 >= s->mask)
		grow(x, s);
	uint32_t *slot = slot_of(x, s, id);
	s->n += !*slot;
	*slot = at;
}

/* ---- links ---- */

/* No later record is a newer version of it, of its specification or a later one. */
static bool loud(const struct object_index *x, uint64_t pos)
{
	uint32_t newer = link_of(x, pos)->newer;
	return newer <= pos + 1 || (is_old(x, newer - 1) && !is_old(x, pos));
}

/* Where a version of an id belongs: newer than *ret_older, older than *ret_newer.  @return false: it is there already. */
static bool find_place(const struct object_index *x, uint64_t id, int64_t version_us, uint32_t *ret_newer, uint32_t *ret_older)
{
	uint32_t newer = 0, older = newest(x, id);
	while (older && record(x, older - 1)->version_us > version_us) {
		newer = older;
		older = link_of(x, older - 1)->older;
	}
	*ret_newer = newer;
	*ret_older = older;
	return !older || record(x, older - 1)->version_us != version_us;
}

/* The record at `pos`, the last one, takes its place. */
static void enlink(struct object_index *x, uint64_t pos, uint32_t newer, uint32_t older)
{
	const struct object_ref *r = record(x, pos);
	struct link l = { newer, older };
	if (pos % BLOCK == 0)
		buf_put(&x->blocks, &(struct block){ 0 }, sizeof(struct block));
	buf_put(&x->links, &l, sizeof(l));
	block_of(x, pos)->types |= (uint64_t)1 << r->type % 64;
	block_of(x, pos)->loud++; /* what is newer than it was there before */
	if (older) {
		bool before = loud(x, older - 1);
		link_of(x, older - 1)->newer = (uint32_t)pos + 1;
		block_of(x, older - 1)->loud -= before && !loud(x, older - 1);
	}
	if (newer)
		link_of(x, newer - 1)->older = (uint32_t)pos + 1;
	else
		set_newest(x, r->id, (uint32_t)pos + 1);
}

/* ---- the file ---- */

static uint64_t head_check(const struct index_head *h)
{
	return siphash24(h->seed, h, offsetof(struct index_head, check));
}

static enum err no_write(struct object_index *x, struct fault *f)
{
	x->broken = true;
	return fault_set(f, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "the index of objects cannot be written: %s", strerror(errno));
}

static enum err write_all(struct object_index *x, struct span s, uint64_t at, struct fault *f)
{
	while (s.n) {
		ssize_t n = pwrite(x->fd, s.p, s.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return no_write(x, f);
		s = span_from(s, (size_t)n);
		at += (uint64_t)n;
	}
	return OK;
}

/* Room in the map for `n` records. */
static enum err map(struct object_index *x, uint64_t n, struct fault *f)
{
	size_t want = HEAD_OCTETS + (n + n / 4 + GROW_RECORDS) * RECORD;
	if (x->map && HEAD_OCTETS + n * RECORD <= x->map_octets)
		return OK;
	void *p = mmap(NULL, want, PROT_READ, MAP_SHARED, x->fd, 0);
	if (p == MAP_FAILED)
		return fault_set(f, ERR_IO, "the index of objects cannot be mapped: %s", strerror(errno));
	if (x->map)
		munmap((void *)(uintptr_t)x->map, x->map_octets);
	x->map = p;
	x->map_octets = want;
	return OK;
}

static enum err write_head(struct object_index *x, struct fault *f)
{
	x->head.check = head_check(&x->head);
	return write_all(x, span_of(&x->head, sizeof(x->head)), 0, f);
}

static enum err write_fresh(struct object_index *x, struct fault *f)
{
	enum err e = write_all(x, buf_span(&x->fresh), HEAD_OCTETS + x->written * RECORD, f);
	if (e == OK)
		e = map(x, x->head.n, f);
	x->broken |= e != OK;
	if (e)
		return e;
	x->written = x->head.n;
	x->fresh.n = 0;
	return OK;
}

static void forget(struct object_index *x)
{
	for (size_t i = 0; i < COUNT_OF(x->shard); i++) {
		free(x->shard[i].slot);
		x->shard[i] = (struct shard){ 0 };
	}
	x->links.n = x->blocks.n = x->fresh.n = 0;
	x->written = 0;
}

static enum err begin_anew(struct object_index *x, uint64_t identity, struct fault *f)
{
	forget(x);
	x->head = (struct index_head){ .version = VERSION, .record = RECORD, .identity = identity };
	memcpy(x->head.magic, magic, sizeof(magic));
	random_octets(&x->head.seed, sizeof(x->head.seed));
	if (ftruncate(x->fd, 0) || ftruncate(x->fd, HEAD_OCTETS))
		return no_write(x, f);
	enum err e = write_head(x, f);
	return e ? e : map(x, 0, f);
}

static bool head_ok(const struct index_head *h, uint64_t identity, uint64_t octets)
{
	return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->version == VERSION && h->record == RECORD && h->identity == identity &&
	       h->check == head_check(h) && h->n <= RECORDS_MAX && octets >= HEAD_OCTETS && h->n <= (octets - HEAD_OCTETS) / RECORD;
}

/* Links and ids of what the file has.  @return false: it does not add up. */
static bool read_records(struct object_index *x)
{
	uint64_t sum = 0, n = x->head.n;
	int64_t last = INT64_MIN;
	uint32_t newer, older;
	x->written = n;
	for (uint64_t pos = 0; pos < n; pos++) {
		const struct object_ref *r = record(x, pos);
		sum += siphash13(x->head.seed, r, RECORD);
		if (r->added_us <= last || !find_place(x, r->id, r->version_us, &newer, &older))
			return false;
		last = r->added_us;
		enlink(x, pos, newer, older);
	}
	return sum == x->head.sum && last <= x->head.mark.end_us;
}

static enum err load(struct object_index *x, uint64_t identity, struct fault *f)
{
	struct stat st;
	if (fstat(x->fd, &st) || pread(x->fd, &x->head, sizeof(x->head), 0) != (ssize_t)sizeof(x->head) ||
	    !head_ok(&x->head, identity, (uint64_t)st.st_size))
		return begin_anew(x, identity, f);
	enum err e = map(x, x->head.n, f);
	if (e)
		return e;
	return read_records(x) ? OK : begin_anew(x, identity, f);
}

enum err object_index_open(const char *path, uint64_t identity, struct object_index **ret_index, struct object_mark *ret_mark, struct fault *f)
{
	pthread_rwlockattr_t attr;
	struct object_index *x = mem_zalloc(sizeof(*x));
	atomic_init(&x->held, 1);
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP); /* many readers must not keep it out */
	pthread_rwlock_init(&x->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	x->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum err e = x->fd < 0 ? fault_set(f, ERR_IO, "\"%s\" cannot be opened: %s", path, strerror(errno)) : load(x, identity, f);
	if (e) {
		object_index_drop(x);
		return e;
	}
	*ret_index = x;
	*ret_mark = x->head.mark;
	return OK;
}

struct object_index *object_index_hold(struct object_index *x)
{
	atomic_fetch_add(&x->held, 1);
	return x;
}

void object_index_drop(struct object_index *x)
{
	if (!x || atomic_fetch_sub(&x->held, 1) > 1)
		return;
	if (x->map)
		munmap((void *)(uintptr_t)x->map, x->map_octets);
	if (x->fd >= 0)
		close(x->fd);
	forget(x);
	buf_release(&x->links);
	buf_release(&x->blocks);
	buf_release(&x->fresh);
	pthread_rwlock_destroy(&x->lock);
	free(x);
}

enum err object_index_rename(const char *from, const char *to, struct fault *f)
{
	return rename(from, to) ? fault_set(f, ERR_IO, "\"%s\" cannot be put in place: %s", to, strerror(errno)) : OK;
}

uint64_t object_index_count(struct object_index *x)
{
	pthread_rwlock_rdlock(&x->lock);
	uint64_t n = x->head.n;
	pthread_rwlock_unlock(&x->lock);
	return n;
}

/* ---- adding ---- */

static enum err add_all(struct object_index *x, const struct object_ref *refs, unsigned n, struct fault *f)
{
	uint32_t newer, older;
	if (x->head.n + n > RECORDS_MAX)
		return fault_set(f, ERR_FULL, "the index of objects has as many as it can hold");
	for (unsigned i = 0; i < n; i++) {
		struct object_ref r = refs[i];
		r.zero = 0;
		if (!find_place(x, r.id, r.version_us, &newer, &older))
			continue;
		buf_put(&x->fresh, &r, sizeof(r));
		enlink(x, x->head.n++, newer, older);
		x->head.sum += siphash13(x->head.seed, &r, sizeof(r));
	}
	return write_fresh(x, f);
}

enum err object_index_add(struct object_index *x, const struct object_ref *refs, unsigned n, struct fault *f)
{
	pthread_rwlock_wrlock(&x->lock);
	enum err e = x->broken ? fault_set(f, ERR_IO, "the index of objects could not be written") : add_all(x, refs, n, f);
	pthread_rwlock_unlock(&x->lock);
	return e;
}

enum err object_index_mark(struct object_index *x, const struct object_mark *mark, struct fault *f)
{
	pthread_rwlock_wrlock(&x->lock);
	x->head.mark = *mark;
	enum err e = x->broken ? fault_set(f, ERR_IO, "the index of objects could not be written") : write_head(x, f);
	pthread_rwlock_unlock(&x->lock);
	return e;
}

/* ---- finding ---- */

struct search {
	const struct object_index *x;
	const struct object_filter *f;
	uint64_t bound; /* positions below it do not exist */
	uint64_t types; /* as struct block; all set: any */
	bool quiet;     /* what is not loud is not wanted */
};

/* The first record that was added after a moment. */
static uint64_t first_after(const struct object_index *x, int64_t us)
{
	uint64_t low = 0, high = x->head.n;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		if (record(x, mid)->added_us > us)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool in_set(const struct search *s, uint64_t pos)
{
	return pos >= s->bound && (!s->f->specs || s->f->specs & (is_old(s->x, pos) ? 1 : 2));
}

/* Another version of the same object that the filter leaves, newer or older; of the newest specification when it was not said which. */
static bool another(const struct search *s, uint64_t pos, bool newer)
{
	for (uint64_t at = pos;;) {
		const struct link *l = link_of(s->x, at);
		uint32_t next = newer ? l->newer : l->older;
		if (!next)
			return false;
		at = next - 1;
		if (in_set(s, at) && (s->f->specs || is_old(s->x, pos) || !is_old(s->x, at)))
			return true;
	}
}

static bool newer_spec(const struct search *s, uint64_t pos)
{
	for (uint32_t at = link_of(s->x, pos)->newer; at; at = link_of(s->x, at - 1)->newer)
		if (in_set(s, at - 1) && !is_old(s->x, at - 1))
			return true;
	for (uint32_t at = link_of(s->x, pos)->older; at; at = link_of(s->x, at - 1)->older)
		if (in_set(s, at - 1) && !is_old(s->x, at - 1))
			return true;
	return false;
}

static bool version_asked(const struct search *s, uint64_t pos)
{
	const struct object_filter *f = s->f;
	int64_t version = version_of(record(s->x, pos));
	if (f->all || (f->first && !another(s, pos, false)))
		return true;
	if ((f->last || (!f->first && !f->n_versions)) && !another(s, pos, true))
		return true;
	for (unsigned i = 0; i < f->n_versions; i++)
		if (f->versions_us[i] == version)
			return true;
	return false;
}

static bool type_asked(const struct search *s, uint16_t type)
{
	bool found = !s->f->n_types;
	for (unsigned i = 0; i < s->f->n_types && !found; i++)
		found = object_index_type(s->x, s->f->types[i]) == type;
	return found;
}

static bool wanted(const struct search *s, uint64_t pos)
{
	if (!in_set(s, pos) || (s->types != UINT64_MAX && !type_asked(s, record(s->x, pos)->type)))
		return false;
	if (!s->f->specs && is_old(s->x, pos) && newer_spec(s, pos))
		return false;
	return version_asked(s, pos);
}

static unsigned scan(const struct search *s, uint64_t pos, struct object_ref *refs, unsigned room)
{
	const struct object_index *x = s->x;
	unsigned n = 0;
	while (pos < x->head.n && n < room) {
		const struct block *b = block_of(x, pos);
		if (!(b->types & s->types) || (s->quiet && !b->loud)) {
			pos = (pos / BLOCK + 1) * BLOCK;
			continue;
		}
		uint64_t end = (pos / BLOCK + 1) * BLOCK;
		for (; pos < end && pos < x->head.n && n < room; pos++)
			if (!(s->quiet && !loud(x, pos)) && wanted(s, pos))
				refs[n++] = *record(x, pos);
	}
	return n;
}

static int by_position(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static unsigned by_ids(const struct search *s, uint64_t from, struct object_ref *refs, unsigned room)
{
	struct buf found = { 0 };
	for (unsigned i = 0; i < s->f->n_ids; i++)
		for (uint32_t at = newest(s->x, object_index_id(s->x, s->f->ids[i])); at; at = link_of(s->x, at - 1)->older)
			if (at - 1 >= from && wanted(s, at - 1))
				buf_put(&found, &at, sizeof(at));
	size_t n = found.n / sizeof(uint32_t), out = 0;
	uint32_t *at = (uint32_t *)(void *)found.p;
	if (n)
		qsort(at, n, sizeof(*at), by_position);
	for (size_t i = 0; i < n && out < room; i++)
		if (i == 0 || at[i] != at[i - 1]) /* one that was asked for twice */
			refs[out++] = *record(s->x, at[i] - 1);
	buf_release(&found);
	return (unsigned)out;
}

unsigned object_index_find(struct object_index *x, const struct object_filter *f, int64_t from_us, struct object_ref *ret_refs, unsigned room)
{
	pthread_rwlock_rdlock(&x->lock);
	struct search s = { .x = x, .f = f, .bound = first_after(x, f->after_us), .types = f->n_types ? 0 : UINT64_MAX };
	for (unsigned i = 0; i < f->n_types; i++)
		s.types |= (uint64_t)1 << object_index_type(x, f->types[i]) % 64;
	s.quiet = !f->specs && !f->all && !f->first && !f->n_versions;
	uint64_t from = first_after(x, from_us > f->after_us ? from_us : f->after_us);
	unsigned n = f->n_ids ? by_ids(&s, from, ret_refs, room) : scan(&s, from, ret_refs, room);
	pthread_rwlock_unlock(&x->lock);
	return n;
}

bool object_index_has(struct object_index *x, struct span id, int64_t version_us, struct object_ref *ret_ref)
{
	uint32_t newer, older;
	pthread_rwlock_rdlock(&x->lock);
	bool there = !find_place(x, object_index_id(x, id), version_us, &newer, &older);
	if (there)
		*ret_ref = *record(x, older - 1);
	pthread_rwlock_unlock(&x->lock);
	return there;
}

bool object_index_last(struct object_index *x, struct span id, struct object_ref *ret_ref)
{
	pthread_rwlock_rdlock(&x->lock);
	uint32_t at = newest(x, object_index_id(x, id));
	if (at)
		*ret_ref = *record(x, at - 1);
	pthread_rwlock_unlock(&x->lock);
	return at;
}
