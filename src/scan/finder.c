/* The plain way: cut the text at what belongs to no observable, strip what punctuates, and ask obs_parse(). */
#include "scan/finder.h"

#include <stdlib.h>

enum { TOKEN_MAX = OBS_KEY_MAX + 256 };

struct finder {
	uint32_t kinds;
	size_t n;
	struct finding found[FINDER_BATCH];
	uint8_t store[FINDER_BATCH][OBS_KEY_MAX];
};

struct finder *finder_new(uint32_t kinds)
{
	struct finder *f = mem_zalloc(sizeof(*f));
	f->kinds = kinds;
	return f;
}

void finder_free(struct finder *f)
{
	free(f);
}

static bool cuts(uint8_t c)
{
	return c <= ' ' || c == 0x7f || strchr("\"'<>,;|(){}=`\\", c) != NULL;
}

static bool punctuates(uint8_t c)
{
	return strchr(".:?!#*", c) != NULL;
}

static void take(struct finder *f, struct span text, size_t at, size_t n, finder_visit *visit, void *ctx)
{
	struct finding *found = &f->found[f->n];
	while (n && punctuates(text.p[at]) && !(n > 1 && text.p[at + 1] == ':'))
		at++, n--;
	while (n && punctuates(text.p[at + n - 1]) && !(n > 1 && text.p[at + n - 2] == ':'))
		n--;
	if (n < 3 || n > TOKEN_MAX || obs_parse(span_of(text.p + at, n), f->store[f->n], &found->obs, NULL) != OK ||
	    (f->kinds && !(f->kinds >> found->obs.kind & 1)))
		return;
	found->at = at;
	found->n = (uint32_t)n;
	if (++f->n == FINDER_BATCH) {
		visit(ctx, f->found, f->n);
		f->n = 0;
	}
}

void finder_run(struct finder *f, struct span text, finder_visit *visit, void *ctx)
{
	f->n = 0;
	for (size_t at = 0; at < text.n;) {
		size_t end = at;
		while (end < text.n && !cuts(text.p[end]))
			end++;
		take(f, text, at, end - at, visit, ctx);
		at = end + 1;
	}
	if (f->n)
		visit(ctx, f->found, f->n);
}

void finder_clean(struct finder *f, const struct finding *finding)
{
	(void)f;
	(void)finding;
}

void finder_forget(struct finder *f)
{
	(void)f;
}
