/* SPDX-License-Identifier: Apache-2.0 */
/* The library's face: values become observables, verdicts become results.  Everything between is what the program itself does. */
#include "sipar.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "view/snapshot.h"

enum {
	GROUP = 64,                                     /* questions that are answered at once */
	STORE = GROUP * 64 + OBS_KEY_MAX,               /* keys of a group; it ends early when they are long */
	RESULT_LEAST = offsetof(struct sipar_result, protected_by) + sizeof(char *), /* of the first version */
	INFO_LEAST = sizeof(struct sipar_info),
	SIZE_SANE = 4096,
};

_Static_assert((int)SIPAR_IPV4 == (int)OBS_IPV4 && (int)SIPAR_EMAIL == (int)OBS_EMAIL && (int)OBS_KINDS == SIPAR_EMAIL + 1, "the same numbers");
_Static_assert((int)SIPAR_C2 == (int)CAT_C2 && (int)SIPAR_SPYWARE == (int)CAT_SPYWARE && (int)CAT_COUNT == SIPAR_SPYWARE + 1, "the same numbers");

struct sipar {
	struct snapshot *snapshot;
	char *path;
};

static int status_of(enum err e)
{
	switch (e) {
	case OK: return SIPAR_OK;
	case ERR_NOTFOUND:
	case ERR_IO: return SIPAR_ERR_SYSTEM;
	case ERR_UNSUPPORTED: return SIPAR_ERR_VERSION;
	case ERR_FORBIDDEN: return SIPAR_ERR_KEY;
	default: return SIPAR_ERR_FORMAT;
	}
}

static void tell(char *error, size_t size, const char *text)
{
	size_t n = strlen(text);
	if (!error || !size)
		return;
	n = n < size ? n : size - 1;
	memcpy(error, text, n);
	error[n] = 0;
}

int sipar_open(const char *path, const uint8_t *key, struct sipar **ret_handle, char *error, size_t error_size)
{
	struct fault f = { .text = "" };
	struct snapshot *snapshot;
	tell(error, error_size, "");
	if (!path || !ret_handle) {
		tell(error, error_size, "sipar_open: an argument is NULL");
		return SIPAR_ERR_ARGUMENT;
	}
	enum err e = snapshot_open(AT_FDCWD, path, key, false, &snapshot, &f);
	if (e) {
		tell(error, error_size, f.text);
		return status_of(e);
	}
	struct sipar *s = mem_zalloc(sizeof(*s));
	s->snapshot = snapshot;
	s->path = mem_strdup(path);
	*ret_handle = s;
	return SIPAR_OK;
}

void sipar_close(struct sipar *s)
{
	if (!s)
		return;
	snapshot_close(s->snapshot);
	free(s->path);
	free(s);
}

int sipar_changed(const struct sipar *s)
{
	struct stat st;
	if (!s || stat(s->path, &st))
		return 0;
	struct snapshot_about about = snapshot_about(s->snapshot);
	return st.st_dev != about.device || st.st_ino != about.inode;
}

int sipar_verify(const struct sipar *s)
{
	if (!s)
		return SIPAR_ERR_ARGUMENT;
	return snapshot_verify(s->snapshot, NULL) ? SIPAR_ERR_DAMAGED : SIPAR_OK;
}

/* ---- results ---- */

static unsigned labels(const uint8_t *name, size_t n)
{
	unsigned count = n != 0;
	for (size_t i = 0; i < n; i++)
		count += name[i] == '.';
	return count;
}

/* The part of the question that the key is about: itself or, of a URL or an e-mail address, its host. */
static void match(const struct observable *o, const struct verdict *v, struct sipar_result *r)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable host = *o;
	bool parts = o->kind == OBS_URL || o->kind == OBS_EMAIL;
	r->matched_kind = v->key_kind;
	r->prefix_length = v->key_kind == OBS_IPV4 ? 32 : v->key_kind == OBS_IPV6 ? 128 : v->key_prefix;
	if (parts && v->key_kind != o->kind) {
		r->match = SIPAR_MATCH_HOST;
		if (obs_host(o, store, &host))
			return;
	} else if (v->exact) {
		r->match = SIPAR_MATCH_EXACT;
	} else {
		r->match = v->key_kind == OBS_DOMAIN ? SIPAR_MATCH_PARENT : SIPAR_MATCH_PREFIX;
	}
	if (v->key_kind == OBS_DOMAIN && host.kind == OBS_DOMAIN && v->key_octets < host.n)
		r->parent_labels = (uint8_t)labels(host.key, (size_t)(host.n - v->key_octets - 1));
}

static void fill(const struct observable *o, const struct reputation *a, struct sipar_result *r)
{
	const struct verdict *v = &a->verdict;
	r->kind = o->kind;
	r->score = v->score;
	r->is_protected = v->is_protected;
	r->category = v->category;
	r->categories = v->categories;
	r->sources = v->n_sources;
	r->seen = v->seen;
	r->protected_by = a->protected_by;
	if (v->key_kind)
		match(o, v, r);
}

static bool sane(const struct sipar_result *r)
{
	return r && r->size >= RESULT_LEAST && r->size <= SIZE_SANE;
}

/* Everything but the size, of however many octets the caller has. */
static struct sipar_result *clear(struct sipar_result *r, int status)
{
	uint32_t size = r->size;
	memset(r, 0, size);
	r->size = size;
	r->status = status;
	return r;
}

static uint32_t now(void)
{
	return (uint32_t)time(NULL);
}

/* ---- questions ---- */

static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

/* An IPv4 address in IPv6 clothes is that address. */
static struct observable of_octets(uint8_t kind, const void *octets, size_t n)
{
	if (kind == OBS_IPV6 && memcmp(octets, mapped, sizeof(mapped)) == 0)
		return (struct observable){ .kind = OBS_IPV4, .n = 4, .key = (const uint8_t *)octets + 12 };
	return (struct observable){ .kind = kind, .n = (uint16_t)n, .key = octets };
}

static size_t octets_of(uint32_t kind)
{
	static const uint8_t n[] = { [SIPAR_IPV4] = 4, [SIPAR_IPV6] = 16, [SIPAR_MD5] = 16, [SIPAR_SHA1] = 20, [SIPAR_SHA256] = 32, [SIPAR_SHA512] = 64 };
	return kind < COUNT_OF(n) ? n[kind] : 0;
}

/* @param store  room for the key, OBS_KEY_MAX octets. */
static int parse(const struct sipar_query *q, uint8_t *store, struct observable *o)
{
	struct span text = span_of(q->p, q->n);
	enum err e;
	if (!q->p && q->n)
		return SIPAR_ERR_ARGUMENT;
	if (q->kind == SIPAR_ANY || q->kind == SIPAR_DOMAIN) {
		if (obs_parse_plain(text, store, o) == OK && (q->kind == SIPAR_ANY || o->kind == OBS_DOMAIN))
			return SIPAR_OK;
		e = q->kind == SIPAR_ANY ? obs_parse(text, store, o, NULL) : obs_parse_as(OBS_DOMAIN, text, store, o, NULL);
	} else if (q->kind == SIPAR_URL) {
		e = obs_parse_as(OBS_URL, text, store, o, NULL);
	} else {
		size_t n = octets_of(q->kind);
		if (!n || n != q->n)
			return SIPAR_ERR_ARGUMENT;
		*o = of_octets((uint8_t)q->kind, q->p, n);
		return SIPAR_OK;
	}
	return e ? SIPAR_ERR_VALUE : SIPAR_OK;
}

static int answer_one(const struct sipar *s, const struct sipar_query *q, struct sipar_result *result)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation a;
	if (!s || !sane(result))
		return SIPAR_ERR_ARGUMENT;
	clear(result, parse(q, store, &o));
	if (result->status)
		return result->status;
	reputation_of(snapshot_view(s->snapshot), &o, CLEARANCE_ALL, now(), &a, NULL, NULL);
	if (snapshot_sound(s->snapshot, NULL))
		return result->status = SIPAR_ERR_DAMAGED;
	fill(&o, &a, result);
	return SIPAR_OK;
}

int sipar_lookup_ip(const struct sipar *s, int family, const void *octets, struct sipar_result *result)
{
	struct sipar_query q = { .kind = family == AF_INET ? SIPAR_IPV4 : SIPAR_IPV6, .n = family == AF_INET ? 4 : 16, .p = octets };
	if (family != AF_INET && family != AF_INET6)
		q.kind = SIPAR_NONE;
	return answer_one(s, &q, result);
}

static int answer_text(const struct sipar *s, uint32_t kind, const char *text, size_t n, struct sipar_result *result)
{
	struct sipar_query q = { .kind = kind, .n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, .p = text };
	return answer_one(s, &q, result);
}

int sipar_lookup_domain(const struct sipar *s, const char *name, size_t n, struct sipar_result *result)
{
	return answer_text(s, SIPAR_DOMAIN, name, n, result);
}

int sipar_lookup_url(const struct sipar *s, const char *url, size_t n, struct sipar_result *result)
{
	return answer_text(s, SIPAR_URL, url, n, result);
}

int sipar_lookup(const struct sipar *s, const char *text, size_t n, struct sipar_result *result)
{
	return answer_text(s, SIPAR_ANY, text, n, result);
}

int sipar_lookup_hash(const struct sipar *s, const void *octets, size_t n, struct sipar_result *result)
{
	uint32_t kind = SIPAR_NONE;
	for (uint32_t k = SIPAR_MD5; k <= SIPAR_SHA512; k++)
		if (octets_of(k) == n)
			kind = k;
	return answer_one(s, &(struct sipar_query){ .kind = kind, .n = (uint32_t)n, .p = octets }, result);
}

/* ---- many ---- */

struct group {
	unsigned n;
	size_t used;
	struct observable obs[GROUP];
	struct sipar_result *result[GROUP];
	uint8_t store[STORE];
};

static void hear(void *ctx, size_t i, const struct reputation *a)
{
	struct group *g = ctx;
	fill(&g->obs[i], a, g->result[i]);
}

static int end_group(const struct sipar *s, struct group *g, uint32_t now_s)
{
	reputation_batch(snapshot_view(s->snapshot), g->obs, g->n, CLEARANCE_ALL, now_s, hear, g);
	int status = snapshot_sound(s->snapshot, NULL) ? SIPAR_ERR_DAMAGED : SIPAR_OK;
	for (unsigned i = 0; status && i < g->n; i++)
		clear(g->result[i], status);
	g->n = 0;
	g->used = 0;
	return status;
}

static struct sipar_result *result_at(struct sipar_result *results, size_t i)
{
	return (struct sipar_result *)(void *)((char *)results + i * results->size);
}

int sipar_lookup_batch(const struct sipar *s, const struct sipar_query *queries, size_t n, struct sipar_result *results)
{
	struct group g;
	int status = SIPAR_OK;
	uint32_t now_s = now();
	if (!n)
		return SIPAR_OK;
	if (!s || !queries || !sane(results))
		return SIPAR_ERR_ARGUMENT;
	g.n = 0;
	g.used = 0;
	for (size_t i = 0; i < n; i++) {
		struct sipar_result *r = result_at(results, i);
		struct observable *o = &g.obs[g.n];
		r->size = results->size;
		if (clear(r, status ? status : parse(&queries[i], g.store + g.used, o))->status)
			continue;
		if (o->key >= g.store && o->key < g.store + sizeof(g.store))
			g.used += o->n;
		g.result[g.n++] = r;
		if (g.n == GROUP || g.used > STORE - OBS_KEY_MAX)
			status = end_group(s, &g, now_s);
	}
	return g.n ? end_group(s, &g, now_s) : status;
}

/* ---- about ---- */

int sipar_info(const struct sipar *s, struct sipar_info *info)
{
	if (!s || !info || info->size < INFO_LEAST || info->size > SIZE_SANE)
		return SIPAR_ERR_ARGUMENT;
	struct snapshot_about a = snapshot_about(s->snapshot);
	uint32_t size = info->size;
	memset(info, 0, size);
	info->size = size;
	info->sources = a.sources;
	info->node = a.node;
	info->feed = a.feed;
	info->made = a.made_ms / 1000;
	info->keys = a.keys;
	info->octets = a.octets;
	memcpy(info->key, a.key, sizeof(info->key));
	return SIPAR_OK;
}

const char *sipar_category_name(unsigned category)
{
	return category < CAT_COUNT ? category_row(category)->name : "unknown";
}

const char *sipar_status_text(int status)
{
	switch (status) {
	case SIPAR_OK: return "fine";
	case SIPAR_ERR_VALUE: return "no address, domain, URL, hash or e-mail address";
	case SIPAR_ERR_ARGUMENT: return "a wrong argument";
	case SIPAR_ERR_SYSTEM: return "the file cannot be opened";
	case SIPAR_ERR_FORMAT: return "the file is no snapshot, or is damaged";
	case SIPAR_ERR_VERSION: return "the file is of a newer version or the other byte order";
	case SIPAR_ERR_KEY: return "the file is signed by another key";
	case SIPAR_ERR_DAMAGED: return "the file is damaged where it was read";
	default: return "an unknown status";
	}
}

const char *sipar_version(void)
{
	return SIPAR_VERSION;
}
