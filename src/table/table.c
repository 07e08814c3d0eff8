/* Levels are what the writer knows; a view is a copy of their pointers that readers get through one RCU-protected
 * pointer.  Every change makes a new view, publishes it, waits until no reader can have the old one, and only then
 * frees what it replaced.
 *
 * The memb flavour of liburcu: entering costs 2 ns, and a reader that sleeps between two lookups does not hold up the
 * writer, as one of the qsbr flavour would that forgets to say so.
 *
 * Files.  A merge beyond a few MiB writes its result to a file and does not sync it; table_save() does, writes the views,
 * then replaces the manifest, then removes what it does not list.  A crash at any point leaves a manifest whose images are all
 * there and whole. */
#include "table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(__SANITIZE_THREAD__) /* it would take the library's own atomic accesses for races */
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>

#include "base/buf.h"
#include "table/manifest.h"
#include "table/merge.h"

enum {
	LEVEL_RATIO = 4,
	IN_MEMORY_MAX = 4 << 20, /* octets of images whose merge stays in memory */
};

_Static_assert((int)TABLE_LEVELS_MAX == (int)MANIFEST_LEVELS_MAX, "the manifest lists every level");

struct level {
	struct image *image;
	uint64_t file; /* number of its file; 0: none yet */
	bool synced;
};

/* A merge that another thread does: of neighbours, which stay as they are until it ends, unless the writer has replaced
 * them meanwhile: then what it makes is of no use, and they are freed with it. */
struct table_merge {
	struct image *in[TABLE_LEVELS_MAX];
	bool replaced[TABLE_LEVELS_MAX];
	unsigned n;
	uint64_t file;
	char *path;
	struct image *made;
};

struct table {
	char *dir;
	bool writable, saved; /* saved: the manifest lists these levels */
	struct siphash_seed seed;
	uint64_t next, folded;
	struct buf views; /* as found when it was opened */
	struct level level[TABLE_LEVELS_MAX];
	unsigned n;
	struct table_view *view;
	bool deferred;
	struct table_merge *merge; /* under way, or NULL */
};

/* ThreadSanitizer does not see the order that a grace period makes: what a reader did before leaving comes before
 * what the writer does after waiting. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define READER_LEAVES(t) __tsan_release(t)
#define READERS_HAVE_LEFT(t) __tsan_acquire(t)
#else
#define READER_LEAVES(t) ((void)(t))
#define READERS_HAVE_LEFT(t) ((void)(t))
#endif

void table_reader_init(void)
{
	urcu_memb_register_thread();
}

void table_reader_exit(void)
{
	urcu_memb_unregister_thread();
}

const struct table_view *table_enter(struct table *t)
{
	urcu_memb_read_lock();
	return __atomic_load_n(&t->view, __ATOMIC_ACQUIRE);
}

void table_leave(struct table *t)
{
	READER_LEAVES(t);
	urcu_memb_read_unlock();
}

void table_wait_readers(struct table *t)
{
	urcu_memb_synchronize_rcu();
	READERS_HAVE_LEFT(t);
}

/* Readers see the levels and `context` from here on.  Afterwards no reader has the view before. */
static void publish(struct table *t, const void *context)
{
	struct table_view *view = mem_zalloc(sizeof(*view)), *old = t->view;
	view->n = t->n;
	for (unsigned i = 0; i < t->n; i++)
		view->level[i] = t->level[i].image;
	view->context = context;
	view->seed = t->seed;
	__atomic_store_n(&t->view, view, __ATOMIC_RELEASE);
	if (!old)
		return;
	urcu_memb_synchronize_rcu();
	READERS_HAVE_LEFT(t);
	free(old);
}

/* No reader can see it any more. */
static void drop_image(struct table *t, struct image *m)
{
	for (unsigned i = 0; t->merge && i < t->merge->n; i++)
		if (t->merge->in[i] == m) {
			t->merge->replaced[i] = true;
			return;
		}
	image_free(m);
}

/* Let the levels from `from` up to before `to` be one, `by`, or none when it has no keys; publish; free the ones before. */
static void replace_some(struct table *t, unsigned from, unsigned to, struct level by, const void *context)
{
	struct level old[TABLE_LEVELS_MAX];
	unsigned n_old = to - from, n_above = t->n - to;
	bool empty = image_keys(by.image) == 0;
	memcpy(old, t->level + from, n_old * sizeof(*old));
	memmove(t->level + from + !empty, t->level + to, n_above * sizeof(*old));
	if (!empty)
		t->level[from] = by;
	t->n = from + !empty + n_above;
	t->saved = false;
	publish(t, context);
	for (unsigned i = 0; i < n_old; i++)
		drop_image(t, old[i].image);
	if (empty)
		image_free(by.image);
}

static void replace(struct table *t, unsigned from, struct level by, const void *context)
{
	replace_some(t, from, t->n, by, context);
}

static void manifest_of(const struct table *t, uint64_t folded, struct manifest *ret_manifest)
{
	*ret_manifest = (struct manifest){ .seed = t->seed, .folded = folded, .next = t->next, .n = t->n };
	for (unsigned i = 0; i < t->n; i++) {
		ret_manifest->level[i].number = t->level[i].file;
		ret_manifest->level[i].octets = image_octets(t->level[i].image);
	}
}

static enum err open_levels(struct table *t, const struct manifest *m, struct fault *f)
{
	for (unsigned i = 0; i < m->n; i++) {
		char *path = manifest_image_path(t->dir, m->level[i].number);
		struct image *image = NULL;
		enum err e = image_open(path, true, &image, f);
		if (e == ERR_NOTFOUND)
			e = fault_set(f, ERR_CORRUPT, "image \"%s\" is in the manifest but not there", path);
		struct siphash_seed seed = e == OK ? image_seed(image) : t->seed;
		if (e == OK)
			t->level[t->n++] = (struct level){ image, m->level[i].number, true };
		if (e == OK &&
		    (image_octets(image) != m->level[i].octets || memcmp(&seed, &t->seed, sizeof(seed)) != 0))
			e = fault_set(f, ERR_CORRUPT, "image \"%s\" is not the one of the manifest", path);
		free(path);
		if (e)
			return e;
	}
	t->saved = true;
	return OK;
}

static enum err open_or_make(struct table *t, struct siphash_seed new_seed, struct fault *f)
{
	struct manifest m;
	if (t->writable && mkdir(t->dir, 0750) && errno != EEXIST)
		return fault_set(f, ERR_IO, "directory \"%s\" cannot be made: %s", t->dir, strerror(errno));
	enum err e = manifest_read(t->dir, &m, f);
	if (e == ERR_NOTFOUND) {
		m = (struct manifest){ .seed = new_seed, .next = 1 };
		e = t->writable ? manifest_write(t->dir, &m, f) : OK;
	}
	if (e)
		return e;
	t->seed = m.seed;
	t->next = m.next;
	t->folded = m.folded;
	if (t->writable)
		e = manifest_sweep(t->dir, &m, 0, f);
	if (e == OK)
		e = manifest_read_views(t->dir, &m, &t->views, f);
	return e ? e : open_levels(t, &m, f);
}

enum err table_open(const char *dir, struct siphash_seed new_seed, bool writable, struct table **ret_table,
		    uint64_t *ret_folded, struct fault *f)
{
	struct buf path = { 0 };
	struct table *t = mem_zalloc(sizeof(*t));
	buf_printf(&path, "%s/table", dir);
	t->dir = mem_strdup(buf_cstr(&path));
	buf_release(&path);
	t->writable = writable;
	enum err e = open_or_make(t, new_seed, f);
	if (e) {
		table_close(t);
		return e;
	}
	publish(t, NULL);
	*ret_table = t;
	*ret_folded = t->folded;
	return OK;
}

void table_close(struct table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n; i++)
		image_free(t->level[i].image);
	free(t->view);
	free(t->dir);
	buf_release(&t->views);
	free(t);
}

enum err table_drop(const char *dir, struct fault *f)
{
	struct buf path = { 0 };
	buf_printf(&path, "%s/table", dir);
	enum err e = manifest_sweep(buf_cstr(&path), NULL, 0, f);
	buf_release(&path);
	return e;
}

struct span table_saved_views(const struct table *t)
{
	return buf_span(&t->views);
}

struct siphash_seed table_seed(const struct table *t)
{
	return t->seed;
}

const char *table_dir(const struct table *t)
{
	return t->dir;
}

/* Merge into memory, or into a file when it is large or `always`. */
static enum err merge(struct table *t, struct image *const *in, unsigned n, bool always_file, bool sync,
		      claim_keep *keep, void *ctx, struct level *ret_level, struct fault *f)
{
	uint64_t octets = 0;
	for (unsigned i = 0; i < n; i++)
		octets += image_octets(in[i]);
	struct level made = { 0 };
	struct image_target target = { .kind = IMAGE_IN_MEMORY };
	char *path = NULL;
	if (t->writable && (always_file || octets > IN_MEMORY_MAX)) {
		made.file = t->next++;
		made.synced = sync;
		path = manifest_image_path(t->dir, made.file);
		target = (struct image_target){ .kind = IMAGE_AS_FILE, .path = path, .sync = sync };
	}
	enum err e = merge_images(in, n, keep, ctx, &target, &made.image, NULL, f);
	if (e == OK)
		*ret_level = made;
	free(path);
	return e;
}

/* The first of the levels below `from` that merge with what is above them: as long as the one below is not LEVEL_RATIO times
 * as large, and all of it not more than `most`. */
static unsigned merge_from(const struct table *t, unsigned from, uint64_t above, uint64_t most)
{
	for (; from > 0; from--) {
		uint64_t octets = image_octets(t->level[from - 1].image);
		if (octets >= LEVEL_RATIO * above || above + octets > most)
			break;
		above += octets;
	}
	return from;
}

static enum err push_image(struct table *t, struct image *m, const void *context, claim_keep *keep, void *keep_ctx,
			   struct fault *f)
{
	struct siphash_seed seed = image_seed(m);
	if (memcmp(&seed, &t->seed, sizeof(seed)) != 0)
		return fault_set(f, ERR_CORRUPT, "image is of another seed than the table");
	unsigned from = merge_from(t, t->n, image_octets(m), t->deferred ? IN_MEMORY_MAX : UINT64_MAX), n = 0;
	if (from == TABLE_LEVELS_MAX)
		from--;
	if (from == t->n) {
		replace(t, from, (struct level){ .image = m }, context);
		return OK;
	}
	struct image *in[TABLE_LEVELS_MAX + 1];
	for (unsigned i = from; i < t->n; i++)
		in[n++] = t->level[i].image;
	in[n++] = m;
	struct level made;
	enum err e = merge(t, in, n, false, false, keep, keep_ctx, &made, f);
	if (e)
		return e;
	image_free(m);
	replace(t, from, made, context);
	return OK;
}

enum err table_push(struct table *t, struct image *m, const void *context, void (*drop_context)(const void *),
		    claim_keep *keep, void *keep_ctx, struct fault *f)
{
	const void *old = t->view->context;
	enum err e = m ? push_image(t, m, context, keep, keep_ctx, f) : OK;
	if (!m || e)
		publish(t, context);
	if (e)
		image_free(m);
	if (old && old != context && drop_context)
		drop_context(old);
	return e;
}

enum err table_replace(struct table *t, struct image *m, const void *context, void (*drop_context)(const void *),
		       struct fault *f)
{
	const void *old = t->view->context;
	if (!m)
		m = image_empty(t->seed);
	struct siphash_seed seed = image_seed(m);
	if (memcmp(&seed, &t->seed, sizeof(seed)) != 0) {
		image_free(m);
		return fault_set(f, ERR_CORRUPT, "image is of another seed than the table");
	}
	replace(t, 0, (struct level){ .image = m }, context);
	if (old && old != context && drop_context)
		drop_context(old);
	return OK;
}

/* Level `i` durable in a file.  *ret_old: the image that it replaces, to be freed after publication. */
static enum err save_level(struct table *t, unsigned i, struct image **ret_old, struct fault *f)
{
	struct level *l = &t->level[i];
	if (l->synced)
		return OK;
	if (!l->file) {
		struct level made;
		enum err e = merge(t, &l->image, 1, true, true, NULL, NULL, &made, f);
		if (e)
			return e;
		*ret_old = l->image;
		*l = made;
		return OK;
	}
	char *path = manifest_image_path(t->dir, l->file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = OK;
	if (fd < 0 || fsync(fd))
		e = fault_set(f, ERR_IO, "image \"%s\" cannot be synced: %s", path, strerror(errno));
	else
		l->synced = true;
	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static enum err save_levels(struct table *t, struct fault *f)
{
	struct image *old[TABLE_LEVELS_MAX] = { 0 };
	bool replaced = false;
	enum err e = OK;
	for (unsigned i = 0; i < t->n && e == OK; i++) {
		e = save_level(t, i, &old[i], f);
		replaced |= old[i] != NULL;
	}
	if (replaced)
		publish(t, t->view->context);
	for (unsigned i = 0; i < TABLE_LEVELS_MAX; i++)
		if (old[i])
			drop_image(t, old[i]);
	return e;
}

bool table_is_saved(const struct table *t, uint64_t folded)
{
	return t->saved && folded == t->folded;
}

enum err table_save(struct table *t, uint64_t folded, struct span views, struct fault *f)
{
	struct manifest m;
	if (!t->writable)
		return fault_set(f, ERR_FORBIDDEN, "table \"%s\" is open for reading only", t->dir);
	if (table_is_saved(t, folded))
		return OK;
	enum err e = t->saved ? OK : save_levels(t, f);
	if (e)
		return e;
	uint64_t number = views.n ? t->next++ : 0;
	manifest_of(t, folded, &m);
	if (number)
		e = manifest_write_views(t->dir, number, views, &m, f);
	if (e == OK)
		e = manifest_write(t->dir, &m, f);
	if (e)
		return e;
	t->folded = folded;
	t->saved = true;
	buf_release(&t->views);
	return manifest_sweep(t->dir, &m, t->merge ? t->merge->file : 0, f);
}

enum err table_each(struct table *t, claim_keep *keep, void *keep_ctx, image_visit *visit, void *ctx, struct fault *f)
{
	struct image *in[TABLE_LEVELS_MAX];
	for (unsigned i = 0; i < t->n; i++)
		in[i] = t->level[i].image;
	return merge_each(in, t->n, keep, keep_ctx, visit, ctx, f);
}

enum err table_compact(struct table *t, claim_keep *keep, void *ctx, struct fault *f)
{
	struct image *in[TABLE_LEVELS_MAX];
	struct level made;
	if (t->n == 0 || (t->n == 1 && t->level[0].file && !keep))
		return OK;
	for (unsigned i = 0; i < t->n; i++)
		in[i] = t->level[i].image;
	enum err e = merge(t, in, t->n, true, false, keep, ctx, &made, f);
	if (e == OK)
		replace(t, 0, made, t->view->context);
	return e;
}

/* ---- merges of another thread ---- */

void table_defer(struct table *t)
{
	t->deferred = t->writable;
}

static bool is_large(const struct level *l)
{
	return !l->synced && image_octets(l->image) > IN_MEMORY_MAX;
}

bool table_save_is_quick(const struct table *t)
{
	bool large = false;
	for (unsigned i = 0; i < t->n; i++)
		large |= is_large(&t->level[i]);
	return !t->deferred || (!t->merge && !large);
}

struct table_merge *table_merge_begin(struct table *t)
{
	if (!t->deferred || t->merge || t->n == 0)
		return NULL;
	unsigned from = 0, n = 1;
	for (unsigned top = t->n; top-- > 0 && n == 1;) { /* neighbours that are too much alike */
		from = merge_from(t, top, image_octets(t->level[top].image), UINT64_MAX);
		n = top + 1 - from;
	}
	if (n == 1) { /* none; but one may have to become a file */
		for (from = 0; from < t->n && !is_large(&t->level[from]); from++)
			;
		if (from == t->n)
			return NULL;
	}
	struct table_merge *g = t->merge = mem_zalloc(sizeof(*g));
	for (; g->n < n; g->n++)
		g->in[g->n] = t->level[from + g->n].image;
	g->file = t->next++;
	g->path = manifest_image_path(t->dir, g->file);
	return g;
}

enum err table_merge_run(struct table_merge *g, claim_keep *keep, void *ctx, const atomic_bool *stop, struct fault *f)
{
	struct image_target target = { .kind = IMAGE_AS_FILE, .path = g->path, .sync = true, .stop = stop };
	return merge_images(g->in, g->n, keep, ctx, &target, &g->made, NULL, f);
}

void table_merge_end(struct table *t, struct table_merge *g)
{
	unsigned at = 0;
	while (at < t->n && t->level[at].image != g->in[0])
		at++;
	bool there = g->made && at + g->n <= t->n;
	for (unsigned i = 0; there && i < g->n; i++)
		there = t->level[at + i].image == g->in[i];
	for (unsigned i = 0; i < g->n; i++)
		if (g->replaced[i])
			image_free(g->in[i]);
	t->merge = NULL;
	if (there) {
		replace_some(t, at, at + g->n, (struct level){ g->made, g->file, true }, t->view->context);
	} else if (g->made) {
		image_free(g->made);
		unlink(g->path); /* if it stays, the next save removes it */
	}
	free(g->path);
	free(g);
}

void table_stats(const struct table_view *v, struct table_stats *ret_stats)
{
	*ret_stats = (struct table_stats){ .levels = v->n };
	for (unsigned i = 0; i < v->n; i++) {
		ret_stats->keys += image_keys(v->level[i]);
		ret_stats->claims += image_claims(v->level[i]);
		ret_stats->octets += image_octets(v->level[i]);
	}
}
