/* sipar snapshot: the reputation of this node as one signed file for edges, and what such a file says of itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"
#include "app/verbs.h"
#include "base/num.h"
#include "cli/edge.h"
#include "cli/say.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "gate/export.h"

struct snapshot_options {
	const char *dir, *output, *feed, *lanes, *audience, *kinds, *categories, *min_score;
	bool json, quiet;
	struct edge_options edge; /* .snapshot: the file to show */
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'o', "output", "FILE", "write the snapshot to FILE", OPTION_TEXT, &(o)->output, 0 },                         \
		{ 'f', "feed", "NAME", "what goes into it: a selection of sipar.conf", OPTION_TEXT, &(o)->feed, 0 },            \
		{ 0, "lanes", "NAMES", "only what these lanes say (default: those for everybody)", OPTION_TEXT, &(o)->lanes, 0 }, \
		{ 0, "audience", "TLP", "lanes for this level or a wider one: clear, green, amber, amber+strict, red",         \
		  OPTION_TEXT, &(o)->audience, 0 },                                                                            \
		{ 0, "kinds", "KINDS", "only keys of these kinds: ip, domain, url, hash, email", OPTION_TEXT, &(o)->kinds, 0 }, \
		{ 0, "categories", "NAMES", "only keys that are listed for one of these", OPTION_TEXT, &(o)->categories, 0 },  \
		{ 0, "min-score", "N", "only keys that score at least N", OPTION_TEXT, &(o)->min_score, 0 },                    \
		{ 'q', "quiet", NULL, "no progress", OPTION_FLAG, &(o)->quiet, 0 },                                            \
		{ 0, "show", "FILE", "say what a snapshot is, and check its signature", OPTION_TEXT, &(o)->edge.snapshot, 0 }, \
		{ 'k', "key", "KEY", "show: this key must have signed it", OPTION_LIST, &(o)->edge.keys, 0 },                  \
		{ 0, "verify", NULL, "show: verify all of it", OPTION_FLAG, &(o)->edge.verify, 0 }, OPTION_END                 \
	}

static void put_hex(const uint8_t key[32], struct buf *out)
{
	hex_encode(key, 32, (char *)buf_reserve(out, 64));
	out->n += 64;
}

/* ---- show ---- */

static void put_lanes(const struct snapshot *s, unsigned n, bool json, struct buf *out)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t tlp;
		struct span checkpoint;
		const char *name = snapshot_lane(s, i, &tlp, &checkpoint);
		if (json) {
			buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
			json_put_string(out, span_str(name));
			buf_printf(out, ",\"audience\":\"%s\",\"checkpoint\":", tlp_name(tlp));
			json_put_string(out, checkpoint);
			buf_putc(out, '}');
		} else {
			struct span line, rest = checkpoint;
			buf_printf(out, "lane %s (%s), size ", name, tlp_name(tlp));
			buf_putspan(out, span_line(&rest, &line) && span_line(&rest, &line) ? line : span_of(NULL, 0));
			buf_putc(out, '\n');
		}
	}
}

static void put_about_json(const struct snapshot *s, const struct snapshot_about *a, bool verified, struct buf *out)
{
	buf_puts(out, "{\"node\":");
	json_put_string(out, span_str(a->node));
	buf_puts(out, ",\"key\":\"");
	put_hex(a->key, out);
	buf_puts(out, "\",\"made\":\"");
	say_time(a->made_ms, out);
	buf_puts(out, "\",\"feed\":");
	json_put_string(out, span_str(a->feed));
	buf_printf(out, ",\"kinds\":%u,\"categories\":%u,\"min_score\":%u,\"keys\":%llu,\"claims\":%llu,\"octets\":%llu,\"sources\":%u,"
		   "\"rules\":%u,\"verified\":%s,\"lanes\":[", a->kinds, a->categories, a->min_score, (unsigned long long)a->keys,
		   (unsigned long long)a->claims, (unsigned long long)a->octets, a->sources, a->rules, verified ? "true" : "false");
	put_lanes(s, a->lanes, true, out);
	buf_puts(out, "]}\n");
}

static void put_about_text(const struct snapshot *s, const struct snapshot_about *a, bool verified, struct buf *out)
{
	buf_printf(out, "snapshot of %s, made ", a->node);
	say_time(a->made_ms, out);
	buf_puts(out, "\nsigned by ");
	put_hex(a->key, out);
	buf_printf(out, "%s\n%llu keys, %llu claims, %u sources, %u text rules, %llu octets\n", verified ? ", every octet verified" : "",
		   (unsigned long long)a->keys, (unsigned long long)a->claims, a->sources, a->rules, (unsigned long long)a->octets);
	if (a->feed[0])
		buf_printf(out, "feed %s\n", a->feed);
	put_lanes(s, a->lanes, false, out);
}

static int show(struct verb_env *env, const struct snapshot_options *o)
{
	struct snapshot *s;
	struct buf out = { 0 };
	struct fault f;
	enum err e = edge_open(env, &o->edge, &s, &f);
	if (e)
		return verb_end(env, e, &f);
	struct snapshot_about about = snapshot_about(s);
	(o->json ? put_about_json : put_about_text)(s, &about, o->edge.verify, &out);
	verb_out(env, &out);
	buf_release(&out);
	snapshot_close(s);
	return EXIT_FINE;
}

/* ---- write ---- */

static enum err choose(const struct snapshot_options *o, struct feed *feed, struct fault *f)
{
	const struct { const char *word, *value; } words[] = {
		{ "lanes", o->lanes }, { "audience", o->audience }, { "kinds", o->kinds }, { "categories", o->categories },
		{ "min_score", o->min_score },
	};
	enum err e = OK;
	for (size_t i = 0; i < COUNT_OF(words) && e == OK; i++)
		if (words[i].value)
			e = feed_set(feed, span_str(words[i].word), span_str(words[i].value), f);
	return e;
}

/* The selection of the configuration; words of the command line stand instead of its own. */
static enum err find_feed(const struct verb_env *env, const struct snapshot_options *o, struct feed *feed, struct fault *f)
{
	struct config *c = mem_zalloc(sizeof(*c));
	config_defaults(c);
	enum err e = o->feed ? config_read(node_dir(env->node), c, f) : OK;
	const struct feeds *own = node_feeds(env->node);
	const struct feed *found = e == OK && o->feed ? feeds_find(&c->feeds, o->feed) : NULL;
	if (!found && o->feed)
		found = feeds_find(own, o->feed);
	if (e == OK && found && found->type != FEED_SNAPSHOT)
		e = fault_set(f, ERR_USAGE, "feed \"%s\" is of type %s, and no selection for snapshots", o->feed, feed_type_name(found->type));
	else if (found)
		*feed = *found;
	else if (e == OK && o->feed)
		e = fault_set(f, ERR_NOTFOUND, "neither sipar.conf nor feeds.conf has a feed \"%s\"", o->feed);
	feeds_drop(own);
	free(c);
	return e ? e : choose(o, feed, f);
}

struct bar {
	struct verb_env *env;
	bool shown;
};

static bool progress(void *ctx, const char *what, uint64_t done, uint64_t of)
{
	struct bar *bar = ctx;
	struct buf b = { 0 };
	if (bar->shown)
		buf_printf(&b, "\r\033[K%3u %%  %s, %llu of %llu", of ? (unsigned)(done >= of ? 100 : done * 100 / of) : 0, what,
			   (unsigned long long)done, (unsigned long long)of);
	(void)verb_write(bar->env->err, &b);
	buf_release(&b);
	return !verb_cancelled(bar->env);
}

static void tell(struct verb_env *env, const struct snapshot_options *o, const struct export_counts *c)
{
	struct buf out = { 0 };
	if (o->json) {
		buf_puts(&out, "{\"file\":");
		json_put_string(&out, span_str(o->output));
		buf_puts(&out, ",\"key\":\"");
		put_hex(c->key, &out);
		buf_puts(&out, "\",\"made\":\"");
		say_time(c->made_ms, &out);
		buf_printf(&out, "\",\"keys\":%llu,\"claims\":%llu,\"sources\":%u,\"rules\":%u,\"lanes\":%u,\"octets\":%llu}\n",
			   (unsigned long long)c->keys, (unsigned long long)c->claims, c->sources, c->rules, c->lanes,
			   (unsigned long long)c->octets);
	} else {
		buf_printf(&out, "%s: %llu keys, %llu claims, %u sources, %u text rules of %u lanes, %llu octets\nsigned by ", o->output,
			   (unsigned long long)c->keys, (unsigned long long)c->claims, c->sources, c->rules, c->lanes,
			   (unsigned long long)c->octets);
		put_hex(c->key, &out);
		buf_putc(&out, '\n');
	}
	verb_out(env, &out);
	buf_release(&out);
}

/* The directory that the file is to be in, and its name there. */
static enum err find_place(const struct verb_env *env, const char *path, int *ret_directory, const char **ret_name, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
	*ret_name = slash ? slash + 1 : path;
	*ret_directory = openat(env->cwd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;
	if (!**ret_name)
		e = fault_set(f, ERR_USAGE, "\"%s\" is not the name of a file", path);
	else if (*ret_directory < 0)
		e = fault_set(f, ERR_IO, "\"%s\" cannot be opened: %s", directory, strerror(errno));
	if (e && *ret_directory >= 0)
		close(*ret_directory);
	free(directory);
	return e;
}

static enum err write_it(struct verb_env *env, const struct snapshot_options *o, struct fault *f)
{
	struct bar bar = { env, !o->quiet && !o->json && isatty(env->err) };
	struct selection s;
	struct export_counts counts;
	struct feed feed;
	struct buf end = { 0 };
	int directory;
	const char *name;
	feed_defaults(&feed);
	enum err e;
	if ((e = find_feed(env, o, &feed, f)) || (e = feed_selection(&feed, node_ledger(env->node), &s, f)) ||
	    (e = find_place(env, o->output, &directory, &name, f)))
		return e;
	e = export_snapshot(env->node, &s, directory, name, progress, &bar, &counts, f);
	close(directory);
	if (bar.shown)
		buf_puts(&end, "\r\033[K");
	(void)verb_write(env->err, &end);
	buf_release(&end);
	if (e == OK)
		tell(env, o, &counts);
	return e;
}

static enum err look(struct verb_env *env, const struct snapshot_options *o, int operands, char **argv, struct fault *f)
{
	struct feed feed;
	bool selects = o->output || o->feed || o->lanes || o->audience || o->kinds || o->categories || o->min_score;
	if (operands)
		return fault_set(f, ERR_USAGE, "snapshot: \"%s\" is one word too many", argv[1]);
	if (!o->edge.snapshot && (o->edge.keys.n || o->edge.verify))
		return fault_set(f, ERR_USAGE, "snapshot: --key and --verify go with --show");
	if (o->edge.snapshot && selects)
		return fault_set(f, ERR_USAGE, "snapshot: --show goes with --key and --verify only");
	if (!o->edge.snapshot && !o->output)
		return fault_set(f, ERR_USAGE, "snapshot: give -o FILE to write, or --show FILE");
	env->without_node = o->edge.snapshot != NULL;
	feed_defaults(&feed);
	return choose(o, &feed, f);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct snapshot_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	bool looking = !env->node && !env->without_node;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = look(env, &o, n, argv, &f);
	if (e || looking)
		return verb_end(env, e, &f);
	if (o.edge.snapshot)
		return show(env, &o);
	e = write_it(env, &o, &f);
	if (e && e != ERR_USAGE)
		fault_at(&f, "snapshot");
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct snapshot_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_snapshot = {
	.name = "snapshot",
	.summary = "Write what the node says as one signed file for edges, or show such a file",
	.usage = "[OPTION...] -o FILE | --show FILE",
	.details = "The file answers \"sipar check --snapshot FILE\", \"sipar why --snapshot FILE\" and programs with libsipar, without a\n"
		   "data directory and without a network.  It holds what is for everybody, unless --lanes or --audience say otherwise, and\n"
		   "nothing tells of other lanes.  It is written beside and then renamed, while a daemon works, too; a reader that has the\n"
		   "old one open goes on with that.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
