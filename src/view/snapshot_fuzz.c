/* Octets that someone has signed: what they say is believed to be said by the node, and still nothing is read outside them.  Where
 * the header allows it, digests and signature are made to hold; a first octet other than 'S' leaves them as they are. */
#include "view/snapshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/digest.h"
#include "sys/key.h"
#include "view/snapshot_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key *key;

static void make_key(void)
{
	char dir[] = "/tmp/snapshot_fuzz-XXXXXX", path[64];
	sys_key_init();
	if (!mkdtemp(dir) || key_create(dir, span_of(NULL, 0), NULL) || key_open(dir, &key, NULL))
		abort();
	snprintf(path, sizeof(path), "%s/node.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/node.pub", dir);
	unlink(path);
	rmdir(dir);
}

static void make_digests(uint8_t *p, size_t size, struct snapshot_header *h)
{
	for (unsigned i = 0; i < h->sections && i < SNAPSHOT_SECTIONS_MAX; i++) {
		uint64_t at = h->section[i].at, n = h->section[i].octets;
		if (h->section[i].kind != SECTION_DIGESTS || at < sizeof(*h) || at > size || n > size - at || !h->chunk || h->chunks_at > size ||
		    h->chunks_at < at + n)
			continue;
		for (uint64_t c = h->chunks_at, d = at; c < size && d + 32 <= at + n; c += h->chunk, d += 32)
			sha256_two(span_of(p + c, size - c < h->chunk ? (size_t)(size - c) : h->chunk), span_of(NULL, 0), p + d);
		sha256_two(span_of(p + at, (size_t)n), span_of(NULL, 0), h->digests);
		return;
	}
}

static void make_it_hold(uint8_t *p, size_t size)
{
	struct snapshot_header h;
	uint8_t message[sizeof(SNAPSHOT_DOMAIN) - 1 + SNAPSHOT_SIGNED];
	memcpy(&h, p, sizeof(h));
	memcpy(h.magic, SNAPSHOT_MAGIC, sizeof(h.magic));
	h.version = SNAPSHOT_VERSION;
	h.mark = SNAPSHOT_MARK;
	h.octets = size;
	memcpy(h.key, key_public(key, REALM_PRODUCTION), sizeof(h.key));
	make_digests(p, size, &h);
	memcpy(message, SNAPSHOT_DOMAIN, sizeof(SNAPSHOT_DOMAIN) - 1);
	memcpy(message + sizeof(SNAPSHOT_DOMAIN) - 1, &h, SNAPSHOT_SIGNED);
	key_sign(key, REALM_PRODUCTION, span_of(message, sizeof(message)), h.signature);
	memcpy(p, &h, sizeof(h));
}

static void ask(const struct snapshot *s)
{
	static const char *const values[] = { "198.51.100.7", "2001:db8::7", "www.evil.example", "http://evil.example/a", "x@evil.example", "203.0.113.0/24",
					      "d41d8cd98f00b204e9800998ecf8427e" };
	struct score_line *lines = mem_alloc(SCORE_LINES_MAX * sizeof(*lines));
	struct buf out = { 0 };
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		struct reputation r;
		unsigned n;
		if (obs_parse(span_str(values[i]), store, &o, NULL))
			abort();
		reputation_of(snapshot_view(s), &o, CLEARANCE_ALL, 1800000000, &r, lines, &n);
		reputation_why_json(&r, &o, snapshot_view(s)->context, NULL, lines, n, 1800000000, &out);
		reputation_json(&r, &o, snapshot_view(s)->context, &out);
	}
	buf_release(&out);
	free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct snapshot *s;
	if (!key)
		make_key();
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	uint8_t *p = mem_alloc(size + 1);
	if (size)
		memcpy(p, data, size);
	if (size >= sizeof(struct snapshot_header) && data[0] == 'S')
		make_it_hold(p, size);
	if (write(fd, p, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (snapshot_open(AT_FDCWD, path, NULL, false, &s, NULL) == OK) {
		ask(s);
		(void)!snapshot_sound(s, NULL);
		(void)!snapshot_verify(s, NULL);
		snapshot_close(s);
	}
	close(fd);
	free(p);
	return 0;
}
