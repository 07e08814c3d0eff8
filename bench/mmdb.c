#include "mmdb.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct tree {
	uint32_t (*node)[2]; /* 0: nothing; 2^31 and more: a value; else a node */
	size_t n, cap;
};

static uint32_t tree_node(struct tree *t, uint32_t inherited)
{
	if (t->n == t->cap)
		t->node = mem_realloc(t->node, (t->cap = t->cap ? t->cap * 2 : 1024) * sizeof(*t->node));
	t->node[t->n][0] = t->node[t->n][1] = inherited;
	return (uint32_t)t->n++;
}

static void tree_add(struct tree *t, struct mmdb_net net, uint32_t value)
{
	uint32_t at = 0;
	for (unsigned bit = 0; bit + 1 < net.length; bit++) {
		unsigned side = net.addr >> (31 - bit) & 1;
		uint32_t next = t->node[at][side];
		if (next == 0 || next >> 31) {
			next = tree_node(t, next);
			t->node[at][side] = next;
		}
		at = next;
	}
	t->node[at][net.addr >> (32 - net.length) & 1] = 1u << 31 | value;
}

static void put_text(struct buf *out, const char *text)
{
	buf_putc(out, (uint8_t)(2 << 5 | strlen(text)));
	buf_puts(out, text);
}

/* A number of 32 bits: type 6. */
static void put_number(struct buf *out, uint32_t v)
{
	uint32_t octets = htonl(v);
	buf_putc(out, 6 << 5 | 4);
	buf_put(out, &octets, 4);
}

static void put_metadata(struct buf *out, size_t nodes)
{
	static const char build[] = { 8, 2, 0, 0, 0, 0, 0, 0, 0, 1 }; /* a uint64: extended type 9 */
	buf_puts(out, "\xab\xcd\xefMaxMind.com");
	buf_putc(out, 7 << 5 | 9);
	put_text(out, "binary_format_major_version"), buf_put(out, "\xa1\x02", 2);
	put_text(out, "binary_format_minor_version"), buf_put(out, "\xa0", 1);
	put_text(out, "build_epoch"), buf_put(out, build, sizeof(build));
	put_text(out, "database_type"), put_text(out, "bench");
	put_text(out, "description"), buf_putc(out, 7 << 5 | 0);
	put_text(out, "ip_version"), buf_put(out, "\xa1\x04", 2);
	put_text(out, "languages"), buf_put(out, "\x00\x04", 2);
	put_text(out, "node_count"), put_number(out, (uint32_t)nodes);
	put_text(out, "record_size"), buf_put(out, "\xa1\x20", 2);
}

size_t mmdb_write(const char *path, const struct mmdb_net *nets, size_t n, uint32_t values)
{
	enum { ENTRY = 1 + 6 + 5 }; /* {"score": number} */
	struct tree t = { 0 };
	struct buf out = { 0 };
	tree_node(&t, 0);
	for (size_t i = 0; i < n; i++)
		tree_add(&t, nets[i], (uint32_t)(i % values));
	for (size_t i = 0; i < t.n; i++)
		for (unsigned side = 0; side < 2; side++) {
			uint32_t v = t.node[i][side];
			v = v == 0 ? (uint32_t)t.n : v >> 31 ? (uint32_t)t.n + 16 + (v & ~(1u << 31)) * ENTRY : v;
			v = htonl(v);
			buf_put(&out, &v, 4);
		}
	buf_put(&out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	for (uint32_t i = 0; i < values; i++) {
		buf_putc(&out, 7 << 5 | 1);
		put_text(&out, "score");
		put_number(&out, i % 100 + 1);
	}
	put_metadata(&out, t.n);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(out.p, 1, out.n, file) != out.n || fclose(file)) {
		fprintf(stderr, "\"%s\" cannot be written\n", path);
		exit(1);
	}
	size_t octets = out.n;
	buf_release(&out);
	free(t.node);
	return octets;
}
