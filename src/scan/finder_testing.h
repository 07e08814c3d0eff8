/* For the tests of the finder: findings as text, and a comparison of all ways to find with the reference. */
#ifndef SCAN_FINDER_TESTING_H
#define SCAN_FINDER_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scan/finder_parts.h"
#include "scan/finder_reference.h"

/* A line for each finding: where, how many octets, kind, canonical text. */
struct listing {
	struct buf text;
	size_t n, last;
	bool unordered;
};

static inline void list_findings(void *ctx, const struct finding *f, size_t n)
{
	struct listing *l = ctx;
	for (size_t i = 0; i < n; i++) {
		buf_printf(&l->text, "%zu+%u %s ", f[i].at, f[i].n, obs_kind_name(f[i].obs.kind));
		obs_format(&f[i].obs, &l->text);
		buf_putc(&l->text, '\n');
		l->unordered |= f[i].at < l->last;
		l->last = f[i].at;
	}
	l->n += n;
}

/* A copy of `text` that ends flush against a page that cannot be read, behind another one.  guard_free() it. */
struct guarded {
	uint8_t *map;
	size_t size;
	struct span text;
};

static inline struct guarded guard(struct span text)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = text.n / page + 1;
	struct guarded g = { NULL, (pages + 2) * page, { NULL, text.n } };
	g.map = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g.map == MAP_FAILED || mprotect(g.map, page, PROT_NONE) || mprotect(g.map + (pages + 1) * page, page, PROT_NONE))
		abort();
	uint8_t *p = g.map + (pages + 1) * page - text.n;
	if (text.n)
		memcpy(p, text.p, text.n);
	g.text.p = p;
	return g;
}

static inline void guard_free(struct guarded *g)
{
	munmap(g->map, g->size);
}

/* @return what differs, or NULL.  The reference's listing goes to `ret` when it is given. */
static inline const char *compare_finders(uint32_t kinds, struct span text, struct buf *ret)
{
	struct listing expected = { 0 }, got = { 0 };
	const char *differs = NULL;
	finder_reference(kinds, text, list_findings, &expected);
	struct finder *f = finder_new(kinds);
	for (enum classify_way way = CLASSIFY_PORTABLE; way <= CLASSIFY_AVX2 && !differs; way++) {
		if (!classify_can(way))
			continue;
		finder_way(f, way);
		got.text.n = got.n = got.last = 0;
		finder_run(f, text, list_findings, &got);
		if (got.unordered)
			differs = "findings are out of order";
		if (!span_eq(buf_span(&got.text), buf_span(&expected.text)))
			differs = way == CLASSIFY_AVX2 ? "with AVX2" : "the portable way";
	}
	finder_free(f);
	if (differs) {
		struct span e = buf_span(&expected.text), g = buf_span(&got.text), a, b = { NULL, 0 };
		bool more = true;
		while (more && span_line(&e, &a)) {
			more = span_line(&g, &b) && span_eq(a, b);
			if (!more)
				fprintf(stderr, "%s: the reference has \"" SPAN_FMT "\", the finder \"" SPAN_FMT "\"\n", differs, SPAN_ARG(a), SPAN_ARG(b));
		}
		if (more)
			fprintf(stderr, "%s: the finder has more: " SPAN_FMT "\n", differs, SPAN_ARG(g));
		fprintf(stderr, "in: " SPAN_FMT "\n", SPAN_ARG(span_head(text, 4000)));
	}
	if (ret) {
		buf_release(ret);
		*ret = expected.text;
	} else {
		buf_release(&expected.text);
	}
	buf_release(&got.text);
	return differs;
}

/* xorshift64*: the same values in every run. */
static inline uint64_t next_random(uint64_t *x)
{
	*x ^= *x >> 12, *x ^= *x << 25, *x ^= *x >> 27;
	return *x * 0x2545f4914f6cdd1dULL;
}

#endif
