/* For the tests of table/: random keys that nest, and a list of everything said, searched from end to end. */
#ifndef TABLE_MODEL_TEST_H
#define TABLE_MODEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/observable.h"
#include "table/batch.h"

static const struct siphash_seed model_seed = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

struct random {
	uint64_t state;
};

static inline uint32_t random_below(struct random *r, uint32_t n)
{
	r->state += 0x9e3779b97f4a7c15;
	uint64_t z = (r->state ^ r->state >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

/* A key with its octets. */
struct model_key {
	struct table_key key;
	uint8_t octets[300];
};

static inline void model_key_set(struct model_key *k, uint8_t kind, uint8_t prefix, const void *p, size_t n)
{
	memcpy(k->octets, p, n);
	k->key = (struct table_key){ kind, prefix, (uint16_t)n, NULL };
}

/* p after every copy of the struct. */
static inline const struct table_key *model_key_of(struct model_key *k)
{
	k->key.p = k->octets;
	return &k->key;
}

static inline void clear_host_bits(uint8_t *p, unsigned octets, unsigned length)
{
	for (unsigned i = length; i < octets * 8; i++)
		p[i / 8] &= (uint8_t)~(0x80 >> i % 8);
}

/* Few enough that keys repeat and prefixes and names nest. */
static inline void model_key_random(struct random *r, struct model_key *k)
{
	char name[64];
	uint8_t a[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, (uint8_t)random_below(r, 2) };
	a[15] = (uint8_t)random_below(r, 8);
	uint8_t v4[4] = { 198, (uint8_t)(50 + random_below(r, 3)), (uint8_t)random_below(r, 3),
			(uint8_t)random_below(r, 40) };
	unsigned l;
	switch (random_below(r, 7)) {
	case 0:
	case 1:
		model_key_set(k, OBS_IPV4, 0, v4, 4);
		break;
	case 2:
		l = random_below(r, 33);
		clear_host_bits(v4, 4, l);
		model_key_set(k, OBS_CIDR4, (uint8_t)l, v4, 4);
		break;
	case 3:
		model_key_set(k, OBS_IPV6, 0, a, 16);
		break;
	case 4:
		l = random_below(r, 4) ? 120 + random_below(r, 9) : random_below(r, 129);
		clear_host_bits(a, 16, l);
		model_key_set(k, OBS_CIDR6, (uint8_t)l, a, 16);
		break;
	case 5:
		l = (unsigned)snprintf(name, sizeof(name), "%s%sn%u.example",
				       random_below(r, 2) ? "a.b.c." : "", random_below(r, 2) ? "www." : "",
				       random_below(r, 30));
		model_key_set(k, OBS_DOMAIN, 0, name, l);
		break;
	default:
		memset(a, (int)random_below(r, 100), 16);
		model_key_set(k, OBS_MD5, 0, a, 16);
	}
}

static inline struct claim model_claim_random(struct random *r, uint32_t entry)
{
	return (struct claim){ .entry = entry, .seen = random_below(r, 3), .source = (uint16_t)random_below(r, 3),
			       .back = (uint16_t)random_below(r, 2), .category = (uint8_t)random_below(r, 2),
			       .confidence = (uint8_t)(50 + random_below(r, 2)), .stance = (uint8_t)random_below(r, 2),
			       .flags = (uint8_t)random_below(r, 16), .lane = (uint8_t)random_below(r, 2) };
}

struct model_row {
	struct model_key key;
	struct claim claim;
};

struct model {
	struct model_row *row;
	size_t n, cap;
	uint64_t dup;
};

static inline bool same_key(const struct table_key *a, const struct table_key *b)
{
	return a->kind == b->kind && a->prefix == b->prefix && a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* Add, or collapse into the row that says the same. */
static inline void model_add(struct model *m, struct model_key *k, struct claim c)
{
	for (size_t i = 0; i < m->n; i++) {
		struct model_row *row = &m->row[i];
		if (!same_key(model_key_of(&row->key), model_key_of(k)) || !claim_same(&row->claim, &c))
			continue;
		uint8_t first = (row->claim.flags | c.flags) & CLAIM_FIRST;
		m->dup += (row->claim.flags & c.flags & CLAIM_FIRST) != 0;
		if (claim_newer(&c, &row->claim))
			row->claim = c;
		row->claim.flags = (row->claim.flags | first) & 15;
		return;
	}
	if (m->n == m->cap) {
		m->cap = m->cap * 2 + 16;
		m->row = mem_realloc(m->row, m->cap * sizeof(*m->row));
	}
	m->row[m->n++] = (struct model_row){ *k, c };
}

static inline bool model_has(struct model *m, const struct table_key *k, const struct claim *c)
{
	for (size_t i = 0; i < m->n; i++)
		if (same_key(model_key_of(&m->row[i].key), k) && memcmp(&m->row[i].claim, c, sizeof(*c)) == 0)
			return true;
	return false;
}

static inline void model_release(struct model *m)
{
	free(m->row);
	*m = (struct model){ 0 };
}

/* A directory of the test's own. */
static inline char *test_dir(void)
{
	struct buf b = { 0 };
	const char *tmp = getenv("TMPDIR");
	buf_printf(&b, "%s/sipar-table-XXXXXX", tmp ? tmp : "/tmp");
	char *path = mem_strdup(buf_cstr(&b));
	buf_release(&b);
	assert_non_null(mkdtemp(path));
	return path;
}

static inline char *path_in(const char *dir, const char *name)
{
	struct buf b = { 0 };
	buf_printf(&b, "%s/%s", dir, name);
	char *path = mem_strdup(buf_cstr(&b));
	buf_release(&b);
	return path;
}

static inline void read_all(const char *path, struct buf *ret_octets)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	for (ssize_t n = 1; n > 0; ret_octets->n += (size_t)n) {
		n = read(fd, buf_reserve(ret_octets, 65536), 65536);
		assert_true(n >= 0);
	}
	close(fd);
}

static inline void write_all(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* Flat: files of `from` into `to`, which is made. */
static inline void copy_dir(const char *from, const char *to)
{
	DIR *d = opendir(from);
	assert_non_null(d);
	mkdir(to, 0700);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		struct buf b = { 0 };
		char *x = path_in(from, e->d_name), *y = path_in(to, e->d_name);
		read_all(x, &b);
		write_all(y, b.p, b.n);
		buf_release(&b);
		free(x);
		free(y);
	}
	closedir(d);
}

static inline unsigned count_files(const char *dir)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* With all that is in it, directories too; frees the path. */
static inline void remove_dir(char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		char *x = path_in(path, e->d_name);
		struct stat st;
		if (lstat(x, &st) == 0 && S_ISDIR(st.st_mode))
			remove_dir(mem_strdup(x));
		else
			unlink(x);
		free(x);
	}
	if (d)
		closedir(d);
	rmdir(path);
	free(path);
}

/* An image of `n` random claims, which are put into `model` (may be NULL) too. */
static inline struct image *random_image(struct random *r, unsigned n, uint32_t entry, struct model *model)
{
	struct batch *b = batch_new(model_seed, "/nonexistent", 1 << 30);
	struct image *m;
	for (unsigned i = 0; i < n; i++) {
		struct model_key k;
		struct claim c = model_claim_random(r, entry);
		model_key_random(r, &k);
		assert_int_equal(batch_add(b, model_key_of(&k), &c, NULL), OK);
		if (model)
			model_add(model, &k, c);
	}
	assert_int_equal(batch_finish(b, NULL, &m, NULL, NULL), OK);
	batch_free(b);
	return m;
}

#endif
