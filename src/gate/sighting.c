#include "gate/sighting.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "gate/import.h"
#include "view/score.h"

struct telling {
	struct node *node;
	const struct asker *who;
	enum stance stance;
	uint32_t seen_s;
	char source[SOURCE_NAME_MAX + 1];
	struct lane lanes[LANES_MAX];
	unsigned n_lanes;
	struct buf text[LANES_MAX]; /* of each lane's import, by the place of the lane */
	size_t told[LANES_MAX];
};

/* ---- where ---- */

static bool is_taken_back(const struct table_view *v, const struct table_key *key, const struct claim *c)
{
	for (unsigned i = 0; i < v->n; i++) {
		const struct claim *r;
		unsigned n = image_find(v->level[i], key, &r);
		for (unsigned k = 0; k < n; k++)
			if (score_takes_back(&r[k], c))
				return true;
	}
	return false;
}

/* The lanes in which others list it, of those that the party sees. */
static clearance listed_in(struct telling *t, const struct observable *o)
{
	struct table_key key = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	clearance lanes = 0;
	const struct table_view *v = table_enter(node_table(t->node));
	const struct meaning *m = v->context;
	const struct source *own = source_find(m->sources, span_str(t->source));
	for (unsigned i = 0; i < v->n; i++) {
		const struct claim *c;
		unsigned n = image_find(v->level[i], &key, &c);
		for (unsigned k = 0; k < n; k++)
			if (t->who->clear >> (c[k].lane & 63) & 1 && (c[k].stance == STANCE_INDICATOR || c[k].stance == STANCE_SIGHTING) &&
			    (!own || c[k].source != own->number) && source_claim_counts((void *)(uintptr_t)m->sources, &c[k]) &&
			    !is_taken_back(v, &key, &c[k]))
				lanes |= (clearance)1 << (c[k].lane & 63);
	}
	table_leave(node_table(t->node));
	return lanes;
}

static bool may_have(const struct telling *t, const struct lane *l)
{
	return !l->peer[0] && t->who->clear >> l->number & 1 && strcmp(l->name, NODE_LANE) != 0 && strcmp(l->name, DOCKET_LANE) != 0;
}

/* @return the place of a lane, or LANES_MAX: there is none. */
static unsigned lane_for(const struct telling *t, clearance listed)
{
	unsigned widest = LANES_MAX, best = LANES_MAX;
	for (unsigned i = 0; i < t->n_lanes; i++)
		if (listed >> t->lanes[i].number & 1 && (widest == LANES_MAX || t->lanes[i].tlp < t->lanes[widest].tlp))
			widest = i;
	if (widest == LANES_MAX || may_have(t, &t->lanes[widest]))
		return widest;
	for (unsigned i = 0; i < t->n_lanes; i++) {
		const struct lane *l = &t->lanes[i];
		if (may_have(t, l) && !l->members[0] && l->tlp >= t->lanes[widest].tlp && (best == LANES_MAX || l->tlp < t->lanes[best].tlp))
			best = i;
	}
	return best;
}

/* ---- what ---- */

static void put_line(struct telling *t, const struct observable *o, struct buf *out)
{
	struct buf value = { 0 };
	char when[32];
	obs_format(o, &value);
	time_format(t->seen_s, when);
	buf_puts(out, "{\"indicator\":");
	json_put_string(out, buf_span(&value));
	buf_printf(out, ",\"last_seen\":\"%s\"}\n", when);
	buf_release(&value);
}

static enum err ensure_source(struct telling *t, struct fault *f)
{
	struct source_change add = {
		.op = SOURCE_ADD, .name = span_str(t->source), .has_snapshot = true, .has_weight = true, .weight_db = 1, .has_group = true,
		.group = span_str(t->who->party),
	};
	const struct meaning *m = table_enter(node_table(t->node))->context;
	const struct source *s = source_find(m->sources, span_str(t->source));
	bool there = s && !s->removed, replaces = there && s->snapshot;
	table_leave(node_table(t->node));
	if (replaces)
		return fault_set(f, ERR_EXISTS, "source \"%s\" is a snapshot: sightings would replace each other", t->source);
	enum err e = there ? OK : node_source_change(t->node, &add, f);
	return e == ERR_EXISTS ? OK : e; /* another has made it meanwhile */
}

static enum err write_all(int fd, struct span s, struct fault *f)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0)
			return fault_set(f, ERR_IO, "sightings cannot be gathered: %s", strerror(errno));
		s = span_from(s, (size_t)n);
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? fault_set(f, ERR_IO, "sightings cannot be read: %s", strerror(errno)) : OK;
}

static enum err read_file(struct import *i, int fd, struct fault *f)
{
	struct input *in;
	enum err e = input_open(fd, -1, "the sightings", &in, f);
	if (e)
		return e;
	e = import_stream(i, in, "the sightings", f);
	input_close(in);
	return e;
}

/* All of it or nothing. */
static enum err tell(struct telling *t, unsigned place, struct fault *f)
{
	struct import *i = NULL;
	struct import_counts counts;
	struct import_options o = {
		.source = t->source, .lane = t->lanes[place].name, .party = t->who->party, .format = feed_format_find(SPAN_LIT("jsonl")),
		.stance = t->stance, .strict = true,
	};
	int fd = memfd_create("sightings", MFD_CLOEXEC);
	if (fd < 0)
		return fault_set(f, ERR_IO, "sightings cannot be gathered: %s", strerror(errno));
	enum err e = write_all(fd, buf_span(&t->text[place]), f);
	if (e == OK && (e = import_begin(t->node, &o, NULL, NULL, NULL, &i, f)) == OK) {
		e = read_file(i, fd, f);
		fd = -1; /* the input's */
		if (e == OK)
			e = import_finish(i, &counts, f);
		import_free(i);
	}
	if (fd >= 0)
		close(fd);
	return e;
}

enum err sighting_tell(struct node *n, const struct asker *who, enum stance stance, uint32_t seen_s, const struct observable *o, size_t n_o,
		       size_t *ret_told, struct fault *f)
{
	static const char behind[] = ".sightings";
	struct telling *t = mem_zalloc(sizeof(*t));
	*t = (struct telling){ .node = n, .who = who, .stance = stance, .seen_s = seen_s };
	snprintf(t->source, sizeof(t->source), "%.*s%s", (int)(SOURCE_NAME_MAX - sizeof(behind) + 1), who->party, behind);
	t->n_lanes = ledger_lanes(node_ledger(n), CLEARANCE_ALL, t->lanes);
	bool any = false, none = false;
	*ret_told = 0;
	for (size_t i = 0; i < n_o; i++) {
		clearance listed = listed_in(t, &o[i]);
		unsigned place = listed ? lane_for(t, listed) : LANES_MAX;
		any |= place < LANES_MAX;
		none |= listed && place == LANES_MAX;
		if (place == LANES_MAX)
			continue;
		put_line(t, &o[i], &t->text[place]);
		t->told[place]++;
	}
	enum err e = any ? ensure_source(t, f) : none ? fault_set(f, ERR_FORBIDDEN, "no lane of this node may have it") :
						       fault_set(f, ERR_NOTFOUND, "nothing lists that value");
	for (unsigned i = 0; i < t->n_lanes; i++) {
		if (e == OK && t->told[i] && (e = tell(t, i, f)) == OK)
			*ret_told += t->told[i];
		buf_release(&t->text[i]);
	}
	free(t);
	return e;
}
