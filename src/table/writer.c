/* Records, blocks and index grow side by side, one pass over the keys; in a file the records stand first and the others wait
 * beside, in memory up to one chunk and then in a scratch file each, until their end is known.  Directory and ranges are
 * counted at the finest size that the bound on the keys may ask for; at the end neighbours are joined until they have the
 * size that the keys that came deserve.  So an image is a function of its keys and claims alone, whatever it was
 * made from. */
#include "table/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/observable.h"
#include "table/layout.h"

/* A section on its way out: through `p`, one chunk at a time, when there is a file; else all of it stays there. */
struct stream {
	bool to_file;
	int fd;
	uint64_t at, written;
	uint8_t *p;
	size_t n, cap;
	uint64_t check;
};

struct writer {
	struct image_target target;
	struct image_header header;
	struct stream records, index, blocks;
	struct image_slot *directory; /* while adding: .first is a count */
	uint32_t *ranges, *samples;   /* likewise */
	struct block_builder builder;
	unsigned bits, bits4;
	char *temporary;              /* name to remove, or NULL */
	int fd;
};

void writer_huge(void *p, size_t n)
{
	enum { HUGE = 2 << 20 };
	uintptr_t start = ((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1),
			end = ((uintptr_t)p + n) & ~(uintptr_t)(HUGE - 1);
	if (end > start)
		madvise((void *)start, end - start, MADV_HUGEPAGE);
}

/* Blocks and other things of one cache line must not lie in two. */
static void *alloc_aligned(size_t n)
{
	void *p = aligned_alloc(IMAGE_ALIGN, (n + IMAGE_ALIGN) & ~(size_t)(IMAGE_ALIGN - 1));
	if (!p)
		abort(); /* as mem_alloc() */
	writer_huge(p, n);
	return p;
}

static enum err write_at(int fd, const void *p, size_t n, uint64_t at, struct fault *f)
{
	for (const uint8_t *q = p; n;) {
		ssize_t r = pwrite(fd, q, n, (off_t)at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return fault_set(f, ERR_IO, "image cannot be written: %s", strerror(r < 0 ? errno : ENOSPC));
		q += r, at += (uint64_t)r, n -= (size_t)r;
	}
	return OK;
}

static int scratch_file(const char *directory)
{
	char name[4096];
	if ((size_t)snprintf(name, sizeof(name), "%s/scratch-XXXXXX", directory) >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return !slash ? mem_strdup(".") : mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static enum err stream_flush(struct stream *s, const struct image_target *t, struct fault *f)
{
	if (s->fd < 0) { /* not the records, and longer than one chunk */
		char *directory = t->kind == IMAGE_AS_SCRATCH ? mem_strdup(t->path) : directory_of(t->path);
		s->fd = scratch_file(directory);
		int reason = errno;
		free(directory);
		if (s->fd < 0)
			return fault_set(f, ERR_IO, "scratch file beside \"%s\" cannot be made: %s", t->path,
					strerror(reason));
	}
	enum err e = write_at(s->fd, s->p, s->n, s->at + s->written, f);
	s->check = image_check(s->check, s->p, s->n);
	s->written += s->n;
	s->n = 0;
	return e;
}

static enum err stream_put(struct stream *s, const void *p, size_t n, const struct image_target *t, struct fault *f)
{
	const uint8_t *q = p;
	if (LIKELY(n < s->cap - s->n)) {
		memcpy(s->p + s->n, q, n);
		s->n += n;
		return OK;
	}
	if (!s->to_file) {
		s->cap = (s->cap + n) * 2;
		s->p = mem_realloc(s->p, s->cap);
		return stream_put(s, p, n, t, f);
	}
	while (n) {
		size_t some = s->cap - s->n < n ? s->cap - s->n : n;
		memcpy(s->p + s->n, q, some);
		s->n += some, q += some, n -= some;
		enum err e = s->n == s->cap ? stream_flush(s, t, f) : OK;
		if (e)
			return e;
	}
	return OK;
}

static void stream_init(struct stream *s, uint64_t bound, bool to_file)
{
	*s = (struct stream){ .to_file = to_file, .fd = -1 };
	s->cap = to_file ? IMAGE_CHECK_CHUNK : (size_t)bound + 64;
	s->p = alloc_aligned(s->cap);
}

static enum err open_target(struct writer *w, struct fault *f)
{
	if (w->target.kind == IMAGE_AS_SCRATCH) {
		w->fd = scratch_file(w->target.path);
	} else {
		struct buf name = { 0 };
		buf_printf(&name, "%s.tmp", w->target.path);
		w->temporary = mem_strdup(buf_cstr(&name));
		buf_release(&name);
		w->fd = open(w->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	}
	if (w->fd < 0)
		return fault_set(f, ERR_IO, "image \"%s\" cannot be made: %s", w->target.path, strerror(errno));
	w->records.fd = w->fd;
	w->records.at = sizeof(struct image_header);
	return OK;
}

enum err writer_new(struct siphash_seed seed, const struct image_bounds *b, const struct image_target *t,
		    struct writer **ret_writer, struct fault *f)
{
	struct writer *w = mem_zalloc(sizeof(*w));
	bool to_file = t->kind != IMAGE_IN_MEMORY;
	w->target = *t;
	w->fd = w->records.fd = w->index.fd = w->blocks.fd = -1;
	w->header = (struct image_header){ .magic = "SIPARIMG", .version = IMAGE_VERSION, .mark = IMAGE_MARK,
			.seed = seed };
	w->bits = image_bits(b->keys, IMAGE_BUCKET_KEYS);
	w->bits4 = image_bits(b->keys4, IMAGE_RANGE_KEYS);
	w->directory = mem_zalloc(((1ULL << w->bits) + 1) * sizeof(*w->directory));
	if (b->keys4) {
		w->ranges = mem_zalloc(((1ULL << w->bits4) + 1) * sizeof(*w->ranges));
		w->samples = mem_alloc((b->keys4 / BLOCK_KEYS + 1) * sizeof(*w->samples));
		stream_init(&w->blocks, (b->keys4 / BLOCK_KEYS + 1) * sizeof(struct block), to_file);
	}
	stream_init(&w->records, b->record_octets + 4 * b->keys4, to_file); /* each may get a parent */
	stream_init(&w->index, (b->keys + 1) * sizeof(struct image_entry), to_file);
	enum err e = to_file ? open_target(w, f) : OK;
	if (e)
		writer_free(w);
	else
		*ret_writer = w;
	return e;
}

static enum err put_block(struct writer *w, struct fault *f)
{
	w->samples[(w->builder.keys - 1) / BLOCK_KEYS] = w->builder.block.net[0];
	return stream_put(&w->blocks, &w->builder.block, sizeof(struct block), &w->target, f);
}

static enum err add4(struct writer *w, uint32_t addr, unsigned rank, const struct claim *c, unsigned n, struct fault *f)
{
	uint8_t head[12];
	if (n > RECORD4_CLAIMS_MAX)
		return fault_set(f, ERR_FULL, "image is full: one address has %u claims", n);
	unsigned octets = block_add(&w->builder, addr, rank, (uint32_t)((w->records.written + w->records.n) / 4), n, head);
	enum err e = stream_put(&w->records, head, octets, &w->target, f);
	if (e == OK)
		e = stream_put(&w->records, c, n * sizeof(*c), &w->target, f);
	if (e == OK && block_full(&w->builder))
		e = put_block(w, f);
	w->ranges[(uint32_t)((uint64_t)addr >> (32 - w->bits4))]++;
	w->header.keys4++;
	return e;
}

static enum err add_hashed(struct writer *w, uint32_t tag, const struct table_key *k, const struct claim *c, unsigned n, struct fault *f)
{
	static const uint8_t zero[4];
	uint32_t header = table_key_header(k);
	struct image_entry entry = { tag, (uint32_t)((w->records.written + w->records.n) / 4) };
	enum err e = stream_put(&w->records, &header, 4, &w->target, f);
	if (e == OK)
		e = stream_put(&w->records, k->p, k->n, &w->target, f);
	if (e == OK)
		e = stream_put(&w->records, zero, image_pad(k->n) - k->n, &w->target, f);
	if (e == OK)
		e = stream_put(&w->records, c, n * sizeof(*c), &w->target, f);
	if (e == OK)
		e = stream_put(&w->index, &entry, sizeof(entry), &w->target, f);
	struct image_slot *slot = w->directory + (uint32_t)((uint64_t)tag >> (32 - w->bits));
	slot->first++;
	slot->filter |= image_filter(tag);
	if (k->kind == OBS_CIDR6 && k->n == 16 && k->prefix <= 128)
		w->header.lengths6[k->prefix / 64] |= 1ULL << (k->prefix % 64);
	return e;
}

enum err writer_add(struct writer *w, uint64_t place, const struct table_key *k, const struct claim *c, unsigned n,
		    struct fault *f)
{
	uint64_t at = w->records.written + w->records.n, size = 12 + image_pad(k->n) + (uint64_t)n * sizeof(*c);
	if (at + size > 4ULL * UINT32_MAX || w->header.keys >= UINT32_MAX - 1)
		return fault_set(f, ERR_FULL, "image is full: it has %llu keys and %llu octets of records",
				 (unsigned long long)w->header.keys, (unsigned long long)at);
	w->header.keys++;
	w->header.claims += n;
	return place >> 32 ? add_hashed(w, (uint32_t)place, k, c, n, f) :
			     add4(w, (uint32_t)place, (unsigned)table_key_rank(k), c, n, f);
}

/* Join buckets to the size that the keys deserve, and turn counts into beginnings. */
static void settle_directory(struct writer *w)
{
	unsigned bits = image_bits(w->header.keys - w->header.keys4, IMAGE_BUCKET_KEYS), join = w->bits - bits;
	uint32_t first = 0;
	for (uint64_t i = 0; i < 1ULL << bits; i++) {
		struct image_slot slot = { first, 0 };
		for (uint64_t j = i << join; j < (i + 1) << join; j++) {
			first += w->directory[j].first;
			slot.filter |= w->directory[j].filter;
		}
		w->directory[i] = slot;
	}
	w->directory[1ULL << bits] = (struct image_slot){ first, 0 };
	w->header.bits = w->bits = bits;
}

/* The same for the ranges. */
static void settle_ranges(struct writer *w)
{
	unsigned bits = image_bits(w->header.keys4, IMAGE_RANGE_KEYS), join = w->bits4 - bits;
	uint32_t first = 0;
	for (uint64_t i = 0; w->header.keys4 && i < 1ULL << bits; i++) {
		uint32_t begin = first;
		for (uint64_t j = i << join; j < (i + 1) << join; j++)
			first += w->ranges[j];
		w->ranges[i] = begin;
	}
	if (w->header.keys4)
		w->ranges[1ULL << bits] = first;
	w->header.bits4 = w->bits4 = bits;
}

/* Offsets and sizes of the sections: known once everything was added. */
static void settle_header(struct writer *w)
{
	uint64_t octets[IMAGE_SECTIONS] = {
		[IMAGE_RECORDS] = w->records.written + w->records.n,
		[IMAGE_INDEX] = w->index.written + w->index.n,
		[IMAGE_DIRECTORY] = ((1ULL << w->bits) + 1) * sizeof(struct image_slot),
		[IMAGE_BLOCKS] = w->blocks.written + w->blocks.n,
		[IMAGE_SAMPLES] = (w->blocks.written + w->blocks.n) / sizeof(struct block) * sizeof(*w->samples),
		[IMAGE_RANGES] = w->header.keys4 ? ((1ULL << w->bits4) + 1) * sizeof(*w->ranges) : 0,
	};
	uint64_t at = sizeof(struct image_header);
	for (unsigned i = 0; i < IMAGE_SECTIONS; i++) {
		w->header.section[i].at = at;
		w->header.section[i].octets = octets[i];
		w->header.octets = at + octets[i];
		at = (w->header.octets + IMAGE_ALIGN - 1) & ~(uint64_t)(IMAGE_ALIGN - 1);
	}
	w->header.octets = at; /* whole lines: behind the last section come zeros, not the end */
}

/* A stream from where it waited to its place. */
static enum err copy_stream(struct writer *w, struct stream *s, enum image_section section, struct fault *f)
{
	uint64_t to = w->header.section[section].at, done = s->written;
	enum err e = write_at(w->fd, s->p, s->n, to + done, f);
	s->check = s->n ? image_check(s->check, s->p, s->n) : s->check;
	for (uint64_t at = 0; e == OK && at < done;) {
		ssize_t r = pread(s->fd, s->p, done - at < s->cap ? done - at : s->cap, (off_t)at);
		if (r <= 0)
			return fault_set(f, ERR_IO, "scratch file cannot be read back: %s", strerror(errno));
		e = write_at(w->fd, s->p, (size_t)r, to + at, f);
		at += (uint64_t)r;
	}
	w->header.section[section].check = s->check;
	return e;
}

static enum err write_array(struct writer *w, unsigned section, const void *p, struct fault *f)
{
	uint64_t left = w->header.section[section].octets, check = 0;
	for (const uint8_t *q = p; left;) {
		size_t n = left < IMAGE_CHECK_CHUNK ? (size_t)left : IMAGE_CHECK_CHUNK;
		check = image_check(check, q, n);
		q += n, left -= n;
	}
	w->header.section[section].check = check;
	return write_at(w->fd, p, (size_t)w->header.section[section].octets, w->header.section[section].at, f);
}

enum err writer_sync_directory(const char *path, struct fault *f)
{
	char *directory = directory_of(path);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;
	if (fd < 0 || fsync(fd))
		e = fault_set(f, ERR_IO, "directory \"%s\" cannot be synced: %s", directory, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(directory);
	return e;
}

static enum err finish_file(struct writer *w, struct image **ret_image, struct fault *f)
{
	const char *name = w->target.path;
	enum err e = w->records.n ? stream_flush(&w->records, &w->target, f) : OK;
	w->header.section[IMAGE_RECORDS].check = w->records.check;
	if (e == OK)
		e = copy_stream(w, &w->index, IMAGE_INDEX, f);
	if (e == OK)
		e = write_array(w, IMAGE_DIRECTORY, w->directory, f);
	if (e == OK && w->header.keys4 && (e = copy_stream(w, &w->blocks, IMAGE_BLOCKS, f)) == OK &&
	    (e = write_array(w, IMAGE_SAMPLES, w->samples, f)) == OK)
		e = write_array(w, IMAGE_RANGES, w->ranges, f);
	w->header.check = image_check(0, &w->header, offsetof(struct image_header, check));
	if (e == OK)
		e = write_at(w->fd, &w->header, sizeof(w->header), 0, f);
	if (e == OK && (ftruncate(w->fd, (off_t)w->header.octets) || (w->target.sync && fsync(w->fd))))
		e = fault_set(f, ERR_IO, "image \"%s\" cannot be made durable: %s", name, strerror(errno));
	if (e == OK && w->temporary && rename(w->temporary, name))
		e = fault_set(f, ERR_IO, "\"%s\" cannot be renamed to \"%s\": %s", w->temporary, name, strerror(errno));
	if (e)
		return e;
	free(w->temporary);
	w->temporary = NULL;
	if (w->target.sync && w->target.kind == IMAGE_AS_FILE)
		e = writer_sync_directory(name, f);
	return e ? e : image_open_fd(w->fd, name, false, ret_image, f);
}

/* The octets of a stream, which keeps none; not many more than they need. */
static void *give(struct stream *s)
{
	uint8_t *p = s->p;
	if (s->n < s->cap / 4 * 3) {
		p = alloc_aligned(s->n);
		memcpy(p, s->p, s->n);
		free(s->p);
	}
	s->p = NULL;
	return p;
}

static struct image *finish_memory(struct writer *w)
{
	struct image *m = mem_zalloc(sizeof(*m));
	m->header = w->header;
	m->records = m->owned[IMAGE_RECORDS] = give(&w->records);
	m->index = m->owned[IMAGE_INDEX] = give(&w->index);
	m->directory = m->owned[IMAGE_DIRECTORY] =
		mem_realloc(w->directory, (size_t)w->header.section[IMAGE_DIRECTORY].octets);
	w->directory = NULL;
	if (w->header.keys4) {
		m->blocks = m->owned[IMAGE_BLOCKS] = give(&w->blocks);
		m->samples = m->owned[IMAGE_SAMPLES] = mem_realloc(w->samples, (size_t)w->header.section[IMAGE_SAMPLES].octets);
		m->ranges = m->owned[IMAGE_RANGES] = mem_realloc(w->ranges, (size_t)w->header.section[IMAGE_RANGES].octets);
		w->samples = w->ranges = NULL;
	}
	image_ready(m);
	return m;
}

enum err writer_finish(struct writer *w, struct image **ret_image, struct fault *f)
{
	uint64_t octets = w->records.written + w->records.n;
	struct image_entry end = { UINT32_MAX, (uint32_t)(octets / 4) };
	enum err e = stream_put(&w->index, &end, sizeof(end), &w->target, f);
	if (e == OK && !block_full(&w->builder)) {
		block_pad(&w->builder);
		e = put_block(w, f);
	}
	if (e)
		return e;
	settle_directory(w);
	settle_ranges(w);
	settle_header(w);
	if (w->target.kind != IMAGE_IN_MEMORY)
		return finish_file(w, ret_image, f);
	*ret_image = finish_memory(w);
	return OK;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	if (w->temporary && w->fd >= 0)
		unlink(w->temporary);
	if (w->index.fd >= 0)
		close(w->index.fd);
	if (w->blocks.fd >= 0)
		close(w->blocks.fd);
	if (w->fd >= 0)
		close(w->fd);
	free(w->temporary);
	free(w->records.p);
	free(w->index.p);
	free(w->blocks.p);
	free(w->directory);
	free(w->samples);
	free(w->ranges);
	free(w);
}
