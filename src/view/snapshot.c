/* Order of distrust: header (magic, mark, version, size), its signature, the digest of the list of digests; then every octet
 * outside them is either in a chunk or must be zero.  Chunks of the small sections and of the head of the image are
 * verified here, the rest when a lookup touches it (table/image.h: image_guard). */
#include "view/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/tlp.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "view/snapshot_layout.h"
#include "view/state.h"

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 26, IMAGE_HEAD = 4096 };

struct snapshot {
	char *name;
	uint64_t device, inode;
	const uint8_t *map;
	struct snapshot_header header;
	struct image_guard guard;
	const uint8_t *digests;
	size_t chunks;
	_Atomic uint64_t damaged; /* 1 + number of a chunk that is not what was signed; 0: none */
	struct image *image;
	struct source_set *sources;
	struct rules *rules;
	struct audiences audiences;
	struct meaning meaning;
	struct span checkpoint[LANES_MAX];
	unsigned lanes;
	struct table_view view;
};

/* ---- chunks ---- */

static bool chunk_holds(const struct snapshot *s, size_t chunk)
{
	uint8_t digest[32];
	uint64_t at = s->header.chunks_at + (uint64_t)chunk * s->header.chunk, left = s->header.octets - at;
	sha256_two(span_of(s->map + at, left < s->header.chunk ? (size_t)left : s->header.chunk), span_of(NULL, 0), digest);
	return memcmp(digest, s->digests + 32 * chunk, 32) == 0;
}

/* Two threads may do it at once: both come to the same. */
static void ask(struct image_guard *g, size_t chunk)
{
	struct snapshot *s = (struct snapshot *)(void *)((char *)g - offsetof(struct snapshot, guard));
	if (!chunk_holds(s, chunk))
		atomic_store_explicit(&s->damaged, chunk + 1, memory_order_relaxed);
	atomic_store_explicit(&g->asked[chunk], 1, memory_order_release);
}

enum err snapshot_sound(const struct snapshot *s, struct fault *f)
{
	uint64_t damaged = atomic_load_explicit(&s->damaged, memory_order_relaxed);
	if (LIKELY(!damaged))
		return OK;
	return fault_set(f, ERR_CORRUPT, "\"%s\" is damaged: the %u octets from %llu on are not what was signed", s->name,
			 s->header.chunk, (unsigned long long)(s->header.chunks_at + (damaged - 1) * s->header.chunk));
}

/* The octets [at, at + n) of the file, whose chunks are looked at first. */
static enum err prove(struct snapshot *s, uint64_t at, uint64_t n, struct fault *f)
{
	for (uint64_t c = n ? (at - s->header.chunks_at) / s->header.chunk : s->chunks;
	     c < s->chunks && s->header.chunks_at + c * s->header.chunk < at + n; c++)
		if (!atomic_load_explicit(&s->guard.asked[c], memory_order_acquire))
			ask(&s->guard, (size_t)c);
	return snapshot_sound(s, f);
}

enum err snapshot_verify(struct snapshot *s, struct fault *f)
{
	return prove(s, s->header.chunks_at, s->header.octets - s->header.chunks_at, f);
}

/* ---- header ---- */

static enum err check_header(const struct snapshot_header *h, uint64_t octets, const char *name, struct fault *f)
{
	if (memcmp(h->magic, SNAPSHOT_MAGIC, sizeof(h->magic)) != 0)
		return fault_set(f, ERR_CORRUPT, "\"%s\" is not a snapshot: its first octets are not \"" SNAPSHOT_MAGIC "\"", name);
	if (h->mark == __builtin_bswap32(SNAPSHOT_MARK))
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" was made on a machine of the other byte order", name);
	if (h->mark == SNAPSHOT_MARK && h->version > SNAPSHOT_VERSION)
		return fault_set(f, ERR_UNSUPPORTED, "\"%s\" is of version %u, this program knows up to %u", name, h->version, SNAPSHOT_VERSION);
	if (h->mark == SNAPSHOT_MARK && h->octets != octets)
		return fault_set(f, ERR_CORRUPT, "\"%s\" has %llu octets, its header says %llu: it was cut off or has grown", name,
				 (unsigned long long)octets, (unsigned long long)h->octets);
	return OK;
}

static enum err check_signature(const struct snapshot_header *h, const uint8_t *key, const char *name, struct fault *f)
{
	uint8_t message[sizeof(SNAPSHOT_DOMAIN) - 1 + SNAPSHOT_SIGNED];
	memcpy(message, SNAPSHOT_DOMAIN, sizeof(SNAPSHOT_DOMAIN) - 1);
	memcpy(message + sizeof(SNAPSHOT_DOMAIN) - 1, h, SNAPSHOT_SIGNED);
	if (!signature_holds(h->key, span_of(message, sizeof(message)), h->signature))
		return fault_set(f, ERR_CORRUPT, "\"%s\": the signature does not hold: the header was damaged or forged", name);
	if (key && memcmp(key, h->key, sizeof(h->key)) != 0)
		return fault_set(f, ERR_FORBIDDEN, "\"%s\" is signed by another key than the one that was given", name);
	return OK;
}

/* Is what the signer says something that this program understands? */
static bool bounds_hold(const struct snapshot_header *h)
{
	bool ok = h->mark == SNAPSHOT_MARK && h->version == SNAPSHOT_VERSION && h->chunk >= CHUNK_MIN && h->chunk <= CHUNK_MAX &&
		  (h->chunk & (h->chunk - 1)) == 0 && h->sections <= SNAPSHOT_SECTIONS_MAX && h->chunks_at % SNAPSHOT_PAGE == 0 &&
		  h->chunks_at >= SNAPSHOT_PAGE && h->chunks_at < h->octets && h->node[SNAPSHOT_NODE_MAX] == 0 &&
		  h->feed[SNAPSHOT_FEED_MAX] == 0;
	for (unsigned i = 0; ok && i < h->sections; i++) {
		uint64_t at = h->section[i].at, n = h->section[i].octets;
		bool digests = h->section[i].kind == SECTION_DIGESTS;
		ok = at % SNAPSHOT_PAGE == 0 && at >= (digests ? SNAPSHOT_PAGE : h->chunks_at) && at <= h->octets && n <= h->octets - at &&
		     (!digests || at + n <= h->chunks_at);
	}
	return ok;
}

static struct span section(const struct snapshot *s, enum snapshot_section kind)
{
	for (unsigned i = 0; i < s->header.sections; i++)
		if (s->header.section[i].kind == kind)
			return span_of(s->map + s->header.section[i].at, (size_t)s->header.section[i].octets);
	return span_of(NULL, 0);
}

static bool all_zero(const uint8_t *from, const uint8_t *to)
{
	while (from < to && *from == 0)
		from++;
	return from == to;
}

/* The list of digests, and that nothing else stands before the chunks. */
static enum err open_digests(struct snapshot *s, struct fault *f)
{
	uint8_t digest[32];
	struct span d = section(s, SECTION_DIGESTS);
	const struct snapshot_header *h = &s->header;
	s->chunks = (size_t)((h->octets - h->chunks_at + h->chunk - 1) / h->chunk);
	if (!d.p || d.n != s->chunks * 32)
		return fault_set(f, ERR_CORRUPT, "\"%s\" has not one digest for each of its %zu chunks", s->name, s->chunks);
	sha256_two(d, span_of(NULL, 0), digest);
	if (memcmp(digest, h->digests, sizeof(digest)) != 0 || !all_zero(s->map + sizeof(*h), d.p) ||
	    !all_zero(d.p + d.n, s->map + h->chunks_at))
		return fault_set(f, ERR_CORRUPT, "\"%s\" is damaged: its list of digests is not what was signed", s->name);
	s->digests = d.p;
	s->guard = (struct image_guard){ .from = s->map + h->chunks_at, .shift = (unsigned)__builtin_ctz(h->chunk),
					 .asked = mem_zalloc(s->chunks), .ask = ask };
	return OK;
}

/* ---- sections ---- */

static struct span take(struct span *from, size_t n, bool *bad)
{
	if (n > from->n) {
		*bad = true;
		return span_of(NULL, 0);
	}
	struct span s = span_head(*from, n);
	*from = span_from(*from, n);
	return s;
}

static uint32_t take_number(struct span *from, unsigned octets, bool *bad)
{
	uint32_t v = 0;
	struct span s = take(from, octets, bad);
	for (size_t i = s.n; i-- > 0;)
		v = v << 8 | s.p[i];
	return v;
}

static enum err open_lanes(struct snapshot *s, struct fault *f)
{
	bool bad = false;
	struct span rest = section(s, SECTION_LANES);
	uint32_t n = take_number(&rest, 4, &bad);
	bad |= n > LANES_MAX;
	for (uint32_t i = 0; !bad && i < n; i++) {
		uint32_t tlp = take_number(&rest, 1, &bad), length = take_number(&rest, 1, &bad);
		struct span name = take(&rest, length, &bad);
		s->checkpoint[i] = take(&rest, take_number(&rest, 4, &bad), &bad);
		bad |= tlp > TLP_RED || length > LANE_NAME_MAX;
		if (bad)
			break;
		s->audiences.lane[i].tlp = (uint8_t)tlp;
		if (name.n)
			memcpy(s->audiences.lane[i].name, name.p, name.n);
	}
	s->lanes = n;
	return bad ? fault_set(f, ERR_CORRUPT, "\"%s\": the section of lanes is malformed", s->name) : OK;
}

static uint64_t offset(const struct snapshot *s, struct span section)
{
	return (uint64_t)(section.p - s->map);
}

static enum err open_sections(struct snapshot *s, struct fault *f)
{
	struct span views = section(s, SECTION_VIEWS), lanes = section(s, SECTION_LANES), image = section(s, SECTION_IMAGE);
	enum err e;
	if (!views.p || !lanes.p || !image.p)
		return fault_set(f, ERR_CORRUPT, "\"%s\" lacks a section", s->name);
	if ((e = prove(s, offset(s, views), views.n, f)) || (e = prove(s, offset(s, lanes), lanes.n, f)) ||
	    (e = prove(s, offset(s, image), image.n < IMAGE_HEAD ? image.n : IMAGE_HEAD, f)) || (e = open_lanes(s, f)) ||
	    (e = state_read(views, &s->sources, &s->rules, f)) ||
	    (e = image_over(image.p, image.n, s->name, &s->guard, &s->image, f)))
		return e;
	s->meaning = (struct meaning){ .sources = s->sources, .rules = s->rules, .audiences = &s->audiences, .entry_is_index = true };
	s->view = (struct table_view){ .n = 1, .level = { s->image }, .context = &s->meaning, .seed = image_seed(s->image) };
	return OK;
}

/* ---- opening ---- */

static enum err map_file(struct snapshot *s, int fd, struct fault *f)
{
	struct stat st;
	if (fstat(fd, &st))
		return fault_set(f, ERR_IO, "\"%s\" cannot be examined: %s", s->name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fault_set(f, ERR_CORRUPT, "\"%s\" is not a snapshot: it is not even a file", s->name);
	if ((uint64_t)st.st_size < sizeof(s->header))
		return fault_set(f, ERR_CORRUPT, "\"%s\" has %lld octets: too short for a snapshot", s->name, (long long)st.st_size);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fault_set(f, ERR_IO, "\"%s\" cannot be mapped: %s", s->name, strerror(errno));
	s->map = map;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	memcpy(&s->header, map, sizeof(s->header));
	enum err e = check_header(&s->header, (uint64_t)st.st_size, s->name, f);
	s->header.octets = (uint64_t)st.st_size; /* what is mapped, whatever it says: for munmap() */
	return e;
}

static enum err open_all(struct snapshot *s, const uint8_t *key, bool verify, struct fault *f)
{
	enum err e = check_signature(&s->header, key, s->name, f);
	if (e)
		return e;
	if (!bounds_hold(&s->header))
		return fault_set(f, ERR_CORRUPT, "\"%s\": a number in the header is out of its bounds", s->name);
	if ((e = open_digests(s, f)) == OK && (!verify || (e = snapshot_verify(s, f)) == OK))
		e = open_sections(s, f);
	if (e == OK && verify)
		image_unguard(s->image);
	return e;
}

enum err snapshot_open(int cwd, const char *path, const uint8_t *key, bool verify, struct snapshot **ret_snapshot, struct fault *f)
{
	int fd = openat(cwd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fault_set(f, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO, "\"%s\" cannot be opened: %s", path,
				 strerror(errno));
	struct snapshot *s = mem_zalloc(sizeof(*s));
	s->name = mem_strdup(path);
	enum err e = map_file(s, fd, f);
	close(fd);
	if (e == OK)
		e = open_all(s, key, verify, f);
	if (e)
		snapshot_close(s);
	else
		*ret_snapshot = s;
	return e;
}

void snapshot_close(struct snapshot *s)
{
	if (!s)
		return;
	image_free(s->image);
	source_set_free(s->sources);
	rules_free(s->rules);
	free(s->guard.asked);
	if (s->map)
		munmap((void *)(uintptr_t)s->map, (size_t)s->header.octets);
	free(s->name);
	free(s);
}

const struct table_view *snapshot_view(const struct snapshot *s)
{
	return &s->view;
}

struct snapshot_about snapshot_about(const struct snapshot *s)
{
	const struct snapshot_header *h = &s->header;
	return (struct snapshot_about){
		.node = h->node, .feed = h->feed, .made_ms = h->made_ms, .keys = h->keys, .claims = h->claims, .octets = h->octets,
		.kinds = (uint8_t)h->kinds, .min_score = (uint8_t)h->min_score, .categories = h->categories,
		.sources = source_count(s->sources), .rules = rules_count(s->rules), .lanes = s->lanes, .key = h->key,
		.device = s->device, .inode = s->inode,
	};
}

const char *snapshot_lane(const struct snapshot *s, unsigned i, uint8_t *ret_tlp, struct span *ret_checkpoint)
{
	*ret_tlp = s->audiences.lane[i].tlp;
	*ret_checkpoint = s->checkpoint[i];
	return s->audiences.lane[i].name;
}
