/* First which version of each id is the newest, then those. */
#include "gate/newest.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "gate/dump.h"

struct version {
	uint64_t id; /* its hash */
	int64_t us;
};

struct gathering {
	const char *type;
	struct siphash_seed seed; /* of this time: nobody can make ids that collide */
	struct buf versions;      /* struct version; sorted and each id once, when all are there */
	newest_visit *visit;
	void *ctx;
};

static bool read_wanted(const struct gathering *g, struct span octets, struct stix_object *ret_object)
{
	struct fault ignored;
	return stix_object_read(octets, ret_object, &ignored) == OK && (!g->type || span_is(ret_object->type, g->type));
}

static uint64_t hash_of(const struct gathering *g, struct span id)
{
	return siphash24(g->seed, id.p, id.n);
}

static bool gather(void *ctx, const struct lane *lane, const struct entry *e, struct span octets)
{
	struct gathering *g = ctx;
	struct stix_object o;
	(void)lane;
	(void)e;
	if (read_wanted(g, octets, &o)) {
		struct version v = { hash_of(g, o.id), o.version_us };
		buf_put(&g->versions, &v, sizeof(v));
	}
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	return x->id != y->id ? (x->id < y->id ? -1 : 1) : (x->us > y->us) - (x->us < y->us);
}

/* Each id once, with its newest version. */
static void settle(struct gathering *g)
{
	struct version *v = (struct version *)(void *)g->versions.p;
	size_t n = g->versions.n / sizeof(*v), kept = 0;
	if (!n)
		return;
	qsort(v, n, sizeof(*v), by_id);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || v[i + 1].id != v[i].id)
			v[kept++] = v[i];
	g->versions.n = kept * sizeof(*v);
}

static bool show(void *ctx, const struct lane *lane, const struct entry *e, struct span octets)
{
	const struct gathering *g = ctx;
	struct stix_object o;
	if (!read_wanted(g, octets, &o) || o.revoked)
		return true;
	struct version wanted = { hash_of(g, o.id), 0 };
	const struct version *v = (const struct version *)(const void *)g->versions.p;
	size_t from = 0, to = g->versions.n / sizeof(*v);
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (v[middle].id < wanted.id)
			from = middle + 1;
		else
			to = middle;
	}
	bool there = from < g->versions.n / sizeof(*v) && v[from].id == wanted.id; /* else it came meanwhile */
	return !there || v[from].us != o.version_us || g->visit(g->ctx, lane, e, &o);
}

enum err newest_each(struct node *n, clearance clear, const char *type, newest_visit *visit, void *ctx, struct fault *f)
{
	struct gathering g = { .type = type, .visit = visit, .ctx = ctx };
	if (getrandom(&g.seed, sizeof(g.seed), 0) != sizeof(g.seed))
		return fault_set(f, ERR_IO, "the system gives no random numbers");
	enum err e = dump_objects(n, clear, gather, &g, f);
	settle(&g);
	if (e == OK)
		e = dump_objects(n, clear, show, &g, f);
	buf_release(&g.versions);
	return e == ERR_CANCELLED ? OK : e;
}
