/* An object by its id: all versions of it, of each source in each lane.  The last of a source is told again as revoked when it has versions
 * (STIX 2.1 section 3.6: "modified" and "revoked"); what earlier ones claimed elsewhere, and objects without versions, by lines. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "gate/retract_parts.h"

enum { VERSIONS_MAX = 10000 };

struct version {
	uint64_t entry;
	uint8_t lane;
	char source[64], party[64];
	bool first;              /* the newest of its lane and source */
	bool stix;
	struct buf octets;       /* of the newest */
	int64_t modified_ms;     /* 0: none */
};

struct versions {
	struct retract_job *j;
	struct version *v;
	unsigned n;
};

/* The members that make a version, as they stand in an object. */
struct marks {
	bool is, revoked;            /* it is the one; it is revoked */
	struct span modified, state; /* the value of "modified", with its quotes, and that of "revoked"; empty: not there */
};

static bool read_marks(struct span octets, struct span id, struct marks *ret, struct span *ret_object)
{
	struct json_reader r;
	struct buf scratch = { 0 };
	*ret = (struct marks){ 0 };
	json_init(&r, octets, true);
	if (json_skip(&r) != JSON_OBJECT)
		return false;
	*ret_object = r.slice;
	json_init(&r, *ret_object, true);
	if (json_next(&r) != JSON_OBJECT)
		return false;
	while (json_next(&r) == JSON_KEY) {
		struct span key = r.slice;
		if (span_is(key, "id") || span_is(key, "uuid")) {
			ret->is |= json_next(&r) == JSON_STRING && span_eq(json_text(&r, &scratch), id);
			continue;
		}
		size_t from = r.pos;
		enum json_token t = json_skip(&r);
		if (t <= JSON_ERROR)
			break;
		while (from < r.pos && (ascii_space(ret_object->p[from]) || ret_object->p[from] == ':'))
			from++;
		struct span value = span_of(ret_object->p + from, r.pos - from);
		if (span_is(key, "modified") && t == JSON_STRING)
			ret->modified = value;
		if (span_is(key, "revoked")) {
			ret->state = value;
			ret->revoked = t == JSON_TRUE;
		}
	}
	buf_release(&scratch);
	return ret->is;
}

/* Milliseconds since 1970 of a time with its quotes; 0: none. */
static int64_t time_of(struct span quoted)
{
	struct span text = quoted.n > 2 ? span_head(span_from(quoted, 1), quoted.n - 2) : (struct span){ 0 };
	int64_t s;
	uint64_t ms = 0;
	if (time_parse(text, &s) || s < 0)
		return 0;
	struct span fraction = span_from(text, span_find(text, '.') + 1);
	for (size_t i = 0; i < 3; i++)
		ms = 10 * ms + (i < fraction.n && ascii_digit(fraction.p[i]) ? (uint64_t)(fraction.p[i] - '0') : 0);
	return 1000 * s + (int64_t)ms;
}

static bool take_version(void *ctx, const struct entry *e, struct span octets)
{
	struct versions *all = ctx;
	struct retract_job *j = all->j;
	struct marks m;
	struct span object;
	if ((j->source && strcmp(j->source, e->source) != 0) || !read_marks(octets, j->id, &m, &object))
		return false;
	struct version v = { .entry = e->number, .lane = e->lane, .first = true, .modified_ms = time_of(m.modified),
			     .stix = strcmp(e->media, "stix") == 0 && m.modified.n };
	memcpy(v.source, e->source, sizeof(v.source));
	memcpy(v.party, e->party, sizeof(v.party));
	for (unsigned i = 0; i < all->n && v.first; i++) {
		struct version *o = &all->v[i];
		if (o->lane != v.lane || strcmp(o->source, v.source) != 0 || !o->first)
			continue;
		v.first = false;
		o->modified_ms = v.modified_ms > o->modified_ms ? v.modified_ms : o->modified_ms;
	}
	if (v.first)
		buf_putspan(&v.octets, object);
	all->v = mem_realloc(all->v, (all->n + 1) * sizeof(*all->v));
	all->v[all->n++] = v;
	return all->n == VERSIONS_MAX;
}

static void put_time(int64_t ms, struct buf *out)
{
	char text[32];
	time_format(ms / 1000, text);
	buf_printf(out, "\"%.19s.%03dZ\"", text, (int)(ms % 1000));
}

/* The object with "modified" and "revoked" as they have to be, every other octet as it was. */
static void revoke(const struct version *v, const struct marks *m, struct buf *out)
{
	struct span all = buf_span(&v->octets);
	int64_t now = clock_ms();
	bool first = m->state.n && m->state.p < m->modified.p;
	size_t at = 0;
	for (int i = 0; i < 2; i++) {
		bool time = i == (first ? 1 : 0);
		struct span is = time ? m->modified : m->state;
		if (is.n == 0)
			continue;
		size_t from = (size_t)(is.p - all.p);
		buf_put(out, all.p + at, from - at);
		at = from + is.n;
		if (time)
			put_time(now > v->modified_ms ? now : v->modified_ms + 1, out);
		else
			buf_puts(out, "true");
		if (m->state.n == 0)
			buf_puts(out, ",\"revoked\":true");
	}
	buf_putspan(out, span_from(all, at));
	buf_putc(out, '\n');
}

/* What a source has told of it in a lane. */
static enum err take_back(struct versions *all, unsigned newest)
{
	struct retract_job *j = all->j;
	const struct version *v = &all->v[newest];
	struct marks m;
	struct span object;
	if (!retract_may(j, v->party))
		return OK;
	(void)read_marks(buf_span(&v->octets), j->id, &m, &object);
	if (v->stix && m.revoked) {
		j->done->before++;
		return OK;
	}
	if (v->stix) {
		struct retract_part *p = retract_part_of(j, v->lane, v->source);
		if (p)
			revoke(v, &m, &p->object);
	}
	enum err e = OK;
	for (unsigned i = newest; i < all->n && e == OK; i++) {
		const struct version *o = &all->v[i];
		if (o->lane != v->lane || strcmp(o->source, v->source) != 0 || (i == newest && v->stix))
			continue;
		e = retract_body(j, o->entry, 0, j->id);
		if (e == ERR_GONE && i > newest)
			e = OK; /* what is erased counts no more */
	}
	return e;
}

enum err retract_object(struct retract_job *j)
{
	struct versions all = { .j = j };
	if (j->id.n < 36)
		return ERR_NOTFOUND;
	enum err e = ledger_object(node_ledger(j->node), j->who->clear, j->id, take_version, &all, j->f);
	if (e == OK)
		e = fault_set(j->f, ERR_FULL, "there are more than %d versions of it", VERSIONS_MAX);
	else if (all.n && (e == ERR_NOTFOUND || e == ERR_GONE))
		e = OK;
	uint64_t again = j->done->again;
	for (unsigned i = 0; i < all.n && e == OK; i++)
		if (all.v[i].first)
			e = take_back(&all, i);
	j->done->again = again; /* that other objects or later versions say the same is no news */
	for (unsigned i = 0; i < all.n; i++)
		buf_release(&all.v[i].octets);
	free(all.v);
	return e;
}
