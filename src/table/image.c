/* Nothing of a file is trusted: opening checks what is read once (header, bounds of the sections), and image_run() and
 * image_key_at() check each offset where it is used, which costs a few predicted branches.  So a start is a map, not
 * a scan. */
#include "table/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "table/layout.h"

static enum err check_header(const struct image_header *h, uint64_t octets, const char *name, struct fault *f)
{
	if (memcmp(h->magic, "SIPARIMG", 8) != 0)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is not an image: its first octets are not \"SIPARIMG\"", name);
	if (h->mark != IMAGE_MARK)
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" was made on a machine of the other byte order", name);
	if (h->version != IMAGE_VERSION)
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" is of version %u, this program knows %u", name,
				h->version, IMAGE_VERSION);
	if (h->check != image_check(0, h, offsetof(struct image_header, check)))
		return fault_set(f, ERR_CORRUPT, "\"%s\": header is damaged", name);
	if (h->octets != octets)
		return fault_set(f, ERR_CORRUPT,
				"\"%s\" has %llu octets, its header says %llu: it was cut off or has grown", name,
				 (unsigned long long)octets, (unsigned long long)h->octets);
	if (h->keys >= UINT32_MAX || h->keys4 > h->keys || h->bits > IMAGE_BITS_MAX || h->bits4 > IMAGE_BITS_MAX)
		return fault_set(f, ERR_CORRUPT, "\"%s\": counts in the header are out of range", name);
	for (unsigned i = 0; i < IMAGE_SECTIONS; i++) {
		uint64_t at = h->section[i].at, n = h->section[i].octets;
		if (at % IMAGE_ALIGN || at < sizeof(*h) || at > octets || n > octets - at)
			return fault_set(f, ERR_CORRUPT, "\"%s\": section %u lies outside the file", name, i);
	}
	uint64_t records = h->section[IMAGE_RECORDS].octets, blocks = (h->keys4 + BLOCK_KEYS - 1) / BLOCK_KEYS;
	if (records % 4 || records / 4 > UINT32_MAX ||
	    h->section[IMAGE_INDEX].octets != (h->keys - h->keys4 + 1) * sizeof(struct image_entry) ||
	    h->section[IMAGE_DIRECTORY].octets != ((1ULL << h->bits) + 1) * sizeof(struct image_slot) ||
	    h->section[IMAGE_BLOCKS].octets != blocks * sizeof(struct block) ||
	    h->section[IMAGE_SAMPLES].octets != blocks * sizeof(uint32_t) ||
	    h->section[IMAGE_RANGES].octets != (blocks ? ((1ULL << h->bits4) + 1) * sizeof(uint32_t) : 0))
		return fault_set(f, ERR_CORRUPT, "\"%s\": sizes of the sections do not fit the counts", name);
	return OK;
}

static enum err check_sections(const struct image_header *h, const uint8_t *map, const char *name, struct fault *f)
{
	static const char *const names[] = { "records", "index", "directory", "blocks", "samples", "ranges" };
	for (unsigned i = 0; i < IMAGE_SECTIONS; i++) {
		uint64_t check = 0, left = h->section[i].octets;
		for (const uint8_t *p = map + h->section[i].at; left;) {
			size_t n = left < IMAGE_CHECK_CHUNK ? (size_t)left : IMAGE_CHECK_CHUNK;
			check = image_check(check, p, n);
			p += n, left -= n;
		}
		if (check != h->section[i].check)
			return fault_set(f, ERR_CORRUPT, "\"%s\": section \"%s\" is damaged", name, names[i]);
	}
	return OK;
}

static struct image *image_at(const struct image_header *h, const uint8_t *map)
{
	struct image *m = mem_zalloc(sizeof(*m));
	m->header = *h;
	m->records = map + h->section[IMAGE_RECORDS].at;
	m->index = (const void *)(map + h->section[IMAGE_INDEX].at);
	m->directory = (const void *)(map + h->section[IMAGE_DIRECTORY].at);
	if (h->keys4) {
		m->blocks = (const void *)(map + h->section[IMAGE_BLOCKS].at);
		m->samples = (const void *)(map + h->section[IMAGE_SAMPLES].at);
		m->ranges = (const void *)(map + h->section[IMAGE_RANGES].at);
	}
	image_ready(m);
	return m;
}

enum err image_open_fd(int fd, const char *name, bool verify, struct image **ret_image, struct fault *f)
{
	struct stat st;
	struct image_header h;
	if (fstat(fd, &st))
		return fault_set(f, ERR_IO, "\"%s\" cannot be examined: %s", name, strerror(errno));
	if ((uint64_t)st.st_size < sizeof(h))
		return fault_set(f, ERR_CORRUPT, "\"%s\" has %lld octets: too short for an image", name,
				(long long)st.st_size);
	uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fault_set(f, ERR_IO, "\"%s\" cannot be mapped: %s", name, strerror(errno));
	memcpy(&h, map, sizeof(h));
	enum err e = check_header(&h, (uint64_t)st.st_size, name, f);
	if (e == OK && verify)
		e = check_sections(&h, map, name, f);
	if (e) {
		munmap(map, (size_t)st.st_size);
		return e;
	}
	*ret_image = image_at(&h, map);
	(*ret_image)->map = map;
	return OK;
}

enum err image_over(const void *p, size_t octets, const char *name, struct image_guard *guard, struct image **ret_image,
		    struct fault *f)
{
	struct image_header h;
	if (octets < sizeof(h))
		return fault_set(f, ERR_CORRUPT, "\"%s\" has %zu octets: too short for an image", name, octets);
	memcpy(&h, p, sizeof(h));
	enum err e = check_header(&h, octets, name, f);
	if (e)
		return e;
	*ret_image = image_at(&h, p);
	(*ret_image)->guard = guard;
	return OK;
}

enum err image_open(const char *path, bool verify, struct image **ret_image, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_set(f, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "\"%s\" cannot be opened: %s", path,
				strerror(errno));
	enum err e = image_open_fd(fd, path, verify, ret_image, f);
	close(fd);
	return e;
}

void image_unguard(struct image *m)
{
	m->guard = NULL;
}

struct image *image_empty(struct siphash_seed seed)
{
	struct image *m = mem_zalloc(sizeof(*m));
	m->header = (struct image_header){ .magic = "SIPARIMG", .version = IMAGE_VERSION, .mark = IMAGE_MARK,
			.seed = seed };
	m->header.section[IMAGE_INDEX].octets = sizeof(struct image_entry);
	m->header.section[IMAGE_DIRECTORY].octets = 2 * sizeof(struct image_slot);
	m->index = m->owned[IMAGE_INDEX] = mem_zalloc(sizeof(struct image_entry));
	m->directory = m->owned[IMAGE_DIRECTORY] = mem_zalloc(2 * sizeof(struct image_slot));
	m->records = m->owned[IMAGE_RECORDS] = mem_zalloc(4);
	m->header.octets = sizeof(struct image_header) + 2 * IMAGE_ALIGN;
	image_ready(m);
	return m;
}

void image_free(struct image *m)
{
	if (!m)
		return;
	if (m->map)
		munmap(m->map, (size_t)m->header.octets);
	for (unsigned i = 0; i < IMAGE_SECTIONS; i++)
		free(m->owned[i]);
	free(m);
}

uint64_t image_keys(const struct image *m)
{
	return m->header.keys;
}

uint64_t image_claims(const struct image *m)
{
	return m->header.claims;
}

uint64_t image_octets(const struct image *m)
{
	return m->header.octets;
}

const void *image_mapped(const struct image *m)
{
	return m->map;
}

struct siphash_seed image_seed(const struct image *m)
{
	return m->header.seed;
}

static unsigned find4(const struct image *m, const struct table_key *k, unsigned rank, const struct claim **ret_claims)
{
	uint32_t addr = table_key_address(k), first, end = m->keys4 ? image_range(m, addr, &first) : 0, i;
	struct table_key found;
	unsigned n;
	if (!end)
		return 0;
	i = first < end ? image_block_of(m, first, end, addr) * BLOCK_KEYS : first;
	i += first < end ? block_search(image_block(m, i), addr) : 0;
	for (i = i < end ? i : end; i-- > 0;) { /* those that begin there, longest first */
		const struct block *b = image_block(m, i);
		unsigned slot = i % BLOCK_KEYS, own = b->rank[slot] & (BLOCK_NESTED - 1);
		if (b->net[slot] != addr || own < rank)
			return 0;
		if (own == rank)
			return image_record4(m, b->record[slot], &found, ret_claims, &n) ? n : 0;
	}
	return 0;
}

unsigned image_find(const struct image *m, const struct table_key *k, const struct claim **ret_claims)
{
	int rank = table_key_rank(k);
	if (rank >= 0)
		return find4(m, k, (unsigned)rank, ret_claims);
	struct table_key found;
	uint32_t first, tag = image_tag(table_hash(m->header.seed, k)), run = image_run(m, tag, &first);
	return run ? image_match(m, first, run, tag, k, &found, ret_claims) : 0;
}

void image_each(const struct image *m, image_visit *visit, void *ctx)
{
	for (uint32_t i = 0; i < m->header.keys; i++) {
		struct table_key k;
		const struct claim *claims;
		unsigned n;
		if (image_nth(m, i, &k, &claims, &n) && n)
			visit(ctx, &k, claims, n);
	}
}
