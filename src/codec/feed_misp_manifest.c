/* manifest.json of a MISP feed: what events there are.  It says nothing itself, but lies among the events of a
 * directory. */
#include "codec/json_feed.h"
#include "codec/formats.h"

struct manifest_state {
	struct walk_place place; /* path "M": in the object of uuids */
};

static enum walk_step one_value(void *state, struct json_feed *j)
{
	(void)state;
	struct walker *w = &j->walk;
	struct json_member m[1] = { { "info" } };
	if (!w->in && w->kind == JSON_OBJECT && walk_enter(w, 'M'))
		return WALK_VALUE;
	enum walk_step step = json_feed_record(j, walk_take(w, m, 1));
	if (step != WALK_VALUE)
		return step == WALK_END ? WALK_VALUE : step;
	draft_skip(&j->draft, "manifest");
	return json_feed_emit(j);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,
		      struct fault *f)
{
	struct manifest_state *s = state;
	struct json_feed j;
	json_feed_begin(&j, &s->place, STANCE_INDICATOR, in, last, sink, ctx);
	return json_feed_run(&j, one_value, s, ret_used, f);
}

static void start(void *state, const struct feed_options *o)
{
	*(struct manifest_state *)state = (struct manifest_state){ 0 };
}

static void save(const void *state, struct buf *out)
{
	walk_save(&((const struct manifest_state *)state)->place, out);
}

static enum err load(void *state, struct span token)
{
	struct span rest;
	enum err e = walk_load(&((struct manifest_state *)state)->place, token, &rest);
	return e ? e : rest.n ? ERR_SYNTAX : OK;
}

static bool is_uuid(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' :
			   !ascii_digit(s.p[i]) && !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'f'))
			return false;
	}
	return s.n == 36;
}

/* The first member: an event's uuid, and its head. */
static bool first_member(void *ctx, struct span key, const struct json_member *value)
{
	struct json_member m[] = { { "info" }, { "Orgc" }, { "timestamp" }, { "date" } };
	if (is_uuid(key) && value->kind == JSON_OBJECT) {
		(void)json_peek(value->value, m, COUNT_OF(m));
		*(int *)ctx = m[0].kind == JSON_STRING && (m[1].kind == JSON_OBJECT || m[2].kind != JSON_END ||
							   m[3].kind != JSON_END) ?
				      95 :
				      0;
	}
	return false;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	int sure = 0;
	(void)json_peek_each(span_trim(head), first_member, &sure);
	return sure;
}

const struct feed_format feed_misp_manifest = {
	.name = "misp-manifest",
	.title = "manifest.json of a MISP feed; every record is skipped",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct manifest_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
