/* sipar openapi: the description of the HTTP face, from its table of routes. */
#include "cli/option.h"
#include "cli/verbs.h"
#include "face/http.h"

static int run(struct verb_env *env, int argc, char **argv)
{
	bool json;
	const struct option rows[] = { OPTION_JSON(&json), OPTION_END };
	struct buf out = { 0 };
	struct fault f;
	int n;
	if (options_parse(rows, argc, argv, &n, &f)) {
		verb_complain(env, "openapi: %s", f.text);
		return EXIT_USAGE;
	}
	http_openapi(&out);
	buf_putc(&out, '\n');
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

const struct verb verb_openapi = {
	.name = "openapi",
	.summary = "Print the OpenAPI description of the HTTP face",
	.usage = "",
	.details = "It is always JSON.  A running node serves the same at /openapi.json.\n",
	.run = run,
	.options = options,
};
