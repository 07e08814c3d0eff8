/* sipar policy: automatic decisions, as sipar.conf has them. */
#include "cli/option.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "gate/automatic.h"

struct policy_options {
	const char *dir;
	bool json, dry;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'n', "dry-run", NULL, "run: print the values that would be decided, and decide nothing", OPTION_FLAG, &(o)->dry, 0 }, OPTION_END \
	}

static void list(struct verb_env *env, const struct policies *all, bool json)
{
	struct buf out = { 0 }, text = { 0 };
	for (unsigned i = 0; i < all->n; i++) {
		text.n = 0;
		policy_put(&all->v[i], &text);
		if (json)
			buf_puts(&out, "{\"policy\":");
		if (json)
			json_put_string(&out, buf_span(&text));
		else
			buf_putspan(&out, buf_span(&text));
		buf_puts(&out, json ? "}\n" : "\n");
	}
	verb_out(env, &out);
	buf_release(&out);
	buf_release(&text);
}

static enum err dry_run(struct verb_env *env, const struct policy *a, bool json, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct buf values = { 0 }, out = { 0 };
	unsigned n;
	enum err e = automatic_find(env->node, a, &values, &n, f);
	struct span rest = buf_span(&values);
	while (e == OK && decision_value(&rest, store, &o)) {
		if (json)
			buf_printf(&out, "{\"policy\":\"%s\",\"value\":\"", a->name);
		obs_format(&o, &out);
		buf_puts(&out, json ? "\"}\n" : "\n");
	}
	verb_out(env, &out);
	buf_release(&values);
	buf_release(&out);
	return e;
}

static enum err run_one(struct verb_env *env, const struct policy *a, bool json, struct fault *f)
{
	struct buf out = { 0 };
	unsigned n = 0;
	uint64_t index = 0;
	enum err e = automatic_run(env->node, a, &n, &index, f);
	if (e == OK && n)
		buf_printf(&out, json ? "{\"policy\":\"%s\",\"decision\":\"" DOCKET_LANE "/%llu\",\"values\":%u}\n" : "%s: " DOCKET_LANE "/%llu, %u values\n", a->name,
			   (unsigned long long)index, n);
	else if (e == OK)
		buf_printf(&out, json ? "{\"policy\":\"%s\",\"decision\":null,\"values\":0}\n" : "%s: nothing to decide\n", a->name);
	verb_out(env, &out);
	buf_release(&out);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct policy_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	const char *what = n ? argv[1] : "list";
	bool runs = strcmp(what, "run") == 0;
	if (e == OK && (n > 2 || (n == 2 && !runs) || (!runs && strcmp(what, "list") != 0)))
		e = fault_set(&f, ERR_USAGE, "policy: give \"list\", or \"run\" and the name of a policy or none");
	if (e || !env->node)
		return verb_end(env, e, &f);
	const struct policies *all = docket_policies(node_docket(env->node));
	bool found = n < 2;
	if (!runs)
		list(env, all, o.json);
	for (unsigned i = 0; runs && e == OK && i < all->n; i++) {
		if (n == 2 && strcmp(all->v[i].name, argv[2]) != 0)
			continue;
		found = true;
		e = (o.dry ? dry_run : run_one)(env, &all->v[i], o.json, &f);
	}
	if (e == OK && !found)
		e = fault_set(&f, ERR_NOTFOUND, "sipar.conf has no policy \"%.63s\"", argv[2]);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct policy_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_policy = {
	.name = "policy",
	.summary = "List the policies of automatic decisions, or run them now",
	.usage = "[OPTION...] list | run [NAME]",
	.details = "A policy is a line of sipar.conf:\n"
		   "  policy = NAME reason=phishing min_score=95 sources=2 categories=phishing,fraud kinds=domain for=3d max=1000 audience=green\n"
		   "What the table has of that is blocked, for 7 days at most, unless it is protected or decided already; the daemon runs policies\n"
		   "after imports, once a minute at most.\n\n"
		   "Exit status: 0 done, 2 not.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
