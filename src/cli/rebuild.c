/* sipar rebuild: fold the ledger again, and say whether that made a difference. */
#include "base/num.h"
#include "cli/option.h"
#include "cli/verbs.h"
#include "gate/lane_digest.h"

struct rebuild_options {
	const char *dir, *lane;
	bool json, digest;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		OPTION_SWITCH(&(o)->digest, "digest", "rebuild nothing: a digest for each lane, which is the same at who mirrors it"), \
		OPTION_WORD(&(o)->lane, "lane", "NAME", "with --digest: of this lane alone"), OPTION_END                       \
	}

static void tell(const struct rebuild_options *o, const uint8_t before[32], const uint8_t after[32], bool differed, struct buf *out)
{
	char was[64], is[64];
	hex_encode(before, 32, was);
	hex_encode(after, 32, is);
	if (o->json)
		buf_printf(out, "{\"rebuilt\":true,\"before\":\"%.64s\",\"after\":\"%.64s\",\"differed\":%s}\n", was, is,
			   differed ? "true" : "false");
	else if (differed)
		buf_printf(out, "folded again from the ledger; it differed:\nbefore %.64s\nafter  %.64s\n", was, is);
	else
		buf_printf(out, "folded again from the ledger; nothing differed: %.64s\n", is);
}

static enum err digests(struct verb_env *env, const struct rebuild_options *o, struct fault *f)
{
	struct lane_digest *all = mem_alloc(LANES_MAX * sizeof(*all));
	struct buf out = { 0 };
	char digits[65] = "";
	unsigned n;
	enum err e = node_lane_digests(env->node, o->lane, all, &n, f);
	for (unsigned i = 0; i < n && e == OK; i++) {
		const struct lane_digest *d = &all[i];
		hex_encode(d->digest, 32, digits);
		if (o->json)
			buf_printf(&out, "{\"lane\":\"%s\",\"origin\":\"%s\",\"entries\":%llu,\"keys\":%llu,\"claims\":%llu,\"digest\":\"%.64s\"}\n", d->name, d->origin,
				   (unsigned long long)d->size, (unsigned long long)d->keys, (unsigned long long)d->claims, digits);
		else
			buf_printf(&out, "%-24s %.64s %12llu claims  %s\n", d->name, digits, (unsigned long long)d->claims, d->origin);
	}
	verb_out(env, &out);
	buf_release(&out);
	free(all);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct rebuild_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	uint8_t before[32], after[32];
	struct buf out = { 0 };
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "\"%s\" is one word too many", argv[1]);
	if (e == OK && o.lane && !o.digest)
		e = fault_set(&f, ERR_USAGE, "--lane goes with --digest: everything is folded again, or nothing");
	if (e == OK && !env->node)
		return EXIT_FINE;
	if (e == OK && o.digest)
		return verb_end(env, digests(env, &o, &f), &f);
	if (e == OK)
		e = node_rebuild(env->node, before, after, &f);
	if (e) {
		verb_complain(env, "rebuild: %s", f.text);
		return e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
	}
	bool differed = memcmp(before, after, sizeof(before)) != 0;
	tell(&o, before, after, differed, &out);
	verb_out(env, &out);
	buf_release(&out);
	return differed ? EXIT_FOUND : EXIT_FINE;
}

static void options(struct buf *out)
{
	struct rebuild_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_rebuild = {
	.name = "rebuild",
	.summary = "Fold the reputation table and the sources again from the ledger, and say whether that made a difference",
	.usage = "[OPTION...]",
	.details = "Table and views are derived: this loses nothing.  It prints a digest of all that answers depend on.  While the\n"
		   "daemon runs, it goes on answering from the old table until the new one is whole; imports wait.\n\n"
		   "--digest prints for each lane what its claims that count come to, in terms that do not depend on the node: a lane\n"
		   "and its mirror have the same digest.\n\n"
		   "Exit status: 0 nothing differed; 1 something did, and is right now; 2 an error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
