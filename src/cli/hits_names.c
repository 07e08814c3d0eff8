/* The names of a feed, fetched as a list from the node that hits are told to: what is asked for is compared with them here, so that nothing
 * else of it leaves. */
#include <stdlib.h>

#include "cli/hits_job.h"

enum { LIST_MAX = 256 << 20, SELF = 1, BELOW = 2 };

struct name {
	uint32_t at;
	uint8_t n, what;
};

struct hits_names {
	struct buf text;
	struct name *v;
	size_t n, cap;
};

void hits_names_free(struct hits_names *names)
{
	if (!names)
		return;
	buf_release(&names->text);
	free(names->v);
	free(names);
}

static struct span text_of(const struct hits_names *names, const struct name *e)
{
	return span_of(names->text.p + e->at, e->n);
}

static int order(struct span a, struct span b)
{
	int by = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return by ? by : (a.n > b.n) - (a.n < b.n);
}

static int compare(const void *left, const void *right, void *names)
{
	return order(text_of(names, left), text_of(names, right));
}

static void add(struct hits_names *names, struct span line)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (!line.n || line.p[0] == '#' || obs_parse(line, store, &o, NULL) || o.kind != OBS_DOMAIN)
		return;
	if (names->n == names->cap) {
		names->cap = names->cap ? 2 * names->cap : 1024;
		names->v = mem_realloc(names->v, names->cap * sizeof(*names->v));
	}
	names->v[names->n++] = (struct name){ (uint32_t)names->text.n, (uint8_t)o.n, o.wildcard ? BELOW : SELF };
	buf_put(&names->text, o.key, o.n);
}

/* "*.evil.example" beside "evil.example" is one name. */
static void sort(struct hits_names *names)
{
	size_t n = 0;
	if (!names->n)
		return;
	qsort_r(names->v, names->n, sizeof(*names->v), compare, names);
	for (size_t i = 1; i < names->n; i++) {
		if (compare(&names->v[n], &names->v[i], names) == 0)
			names->v[n].what |= names->v[i].what;
		else
			names->v[++n] = names->v[i];
	}
	names->n = n + 1;
}

static struct hits_names *read_names(struct span text)
{
	struct hits_names *names = mem_zalloc(sizeof(*names));
	while (text.n) {
		struct span line = span_head(text, span_find(text, '\n'));
		text = span_from(text, line.n + 1);
		add(names, span_trim(line));
	}
	sort(names);
	return names;
}

enum err hits_names_fetch(struct hits_job *j, struct fault *f)
{
	struct buf url = { 0 }, text = { 0 };
	char shown[HITS_URL_SHOWN];
	unsigned status = 0;
	struct span hits = span_str(j->o->post);
	buf_putspan(&url, span_head(hits, hits.n - strlen("hits")));
	buf_printf(&url, "feeds/%s.txt", j->o->feed);
	fetch_url_shown(buf_cstr(&url), shown, sizeof(shown));
	enum err e = fetch_get(j->fetcher, buf_cstr(&url), LIST_MAX, &text, &status, f);
	if (e == OK && status != 200)
		e = fault_set(f, ERR_IO, "%s answers %u: %.200s", shown, status, buf_cstr(&text));
	if (e == OK) {
		hits_names_free(j->names);
		j->names = read_names(buf_span(&text));
	}
	buf_release(&url);
	buf_release(&text);
	return e;
}

static const struct name *find(const struct hits_names *names, struct span text)
{
	size_t low = 0, high = names->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int by = order(text_of(names, &names->v[mid]), text);
		if (by == 0)
			return &names->v[mid];
		if (by < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool hits_names_find(const struct hits_names *names, const struct observable *o, uint8_t store[OBS_KEY_MAX], struct observable *ret_value)
{
	uint8_t wanted = SELF;
	for (struct span rest = span_of(o->key, o->n); rest.n; rest = span_from(rest, span_find(rest, '.') + 1), wanted = BELOW) {
		const struct name *e = find(names, rest);
		if (!e || !(e->what & wanted))
			continue;
		memmove(store, rest.p, rest.n);
		*ret_value = (struct observable){ .kind = OBS_DOMAIN, .n = (uint16_t)rest.n, .key = store, .wildcard = !(e->what & SELF) };
		return true;
	}
	return false;
}
