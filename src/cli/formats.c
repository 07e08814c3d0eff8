/* sipar formats: which feeds can be read. */
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/feed.h"
#include "codec/json.h"

static void put(bool json, const struct feed_format *f, struct buf *out)
{
	if (!json) {
		buf_printf(out, "%-18s %s\n", f->name, f->title);
		return;
	}
	buf_printf(out, "{\"name\":\"%s\",\"title\":", f->name);
	json_put_string(out, span_str(f->title));
	buf_puts(out, "}\n");
}

static int run(struct verb_env *env, int argc, char **argv)
{
	bool json = false;
	const struct option rows[] = { OPTION_JSON(&json), OPTION_END };
	struct buf out = { 0 };
	struct fault f;
	int n;
	if (options_parse(rows, argc, argv, &n, &f)) {
		verb_complain(env, "formats: %s", f.text);
		return EXIT_USAGE;
	}
	for (const struct feed_format *const *p = feed_formats; *p; p++)
		put(json, *p, &out);
	verb_out(env, &out);
	buf_release(&out);
	return EXIT_FINE;
}

static void options(struct buf *out)
{
	bool json;
	const struct option rows[] = { OPTION_JSON(&json), OPTION_END };
	options_help(rows, out);
}

const struct verb verb_formats = {
	.name = "formats",
	.summary = "List the feed formats that import reads",
	.usage = "[OPTION...]",
	.details = NULL,
	.run = run,
	.options = options,
};
