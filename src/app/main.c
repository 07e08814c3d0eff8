/* sipar: finds the verb and where to run it: in the daemon that has the data directory open, or here. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/control.h"
#include "app/opening.h"
#include "app/verbs.h"
#include "sys/key.h"

enum { LOCK_WAIT_MS = 60000, TURN_MS = 500 };

static void put_usage(struct buf *out)
{
	const struct verb *v;
	buf_puts(out, "Usage: sipar VERB [OPTION...] [ARGUMENT...]\n\nSipar: threat intelligence in, reputation out.\n\n");
	for (size_t i = 0; (v = verb_at(i)); i++)
		buf_printf(out, "  %-10s %s\n", v->name, v->summary);
	buf_puts(out, "\n\"sipar VERB --help\" explains a verb; \"sipar --version\" tells the version.\n"
		      "The data directory is given with -d DIR or in $SIPAR_DIR (default: /var/lib/sipar).\n");
}

static int print(struct buf *b, int fd, int code)
{
	int error = verb_write(fd, b);
	buf_release(b);
	return error && error != EPIPE ? EXIT_TROUBLE : code;
}

/* The data directory, before the verb reads its options: it decides where the verb runs. */
static const char *find_dir(int argc, char **argv)
{
	const char *dir = getenv("SIPAR_DIR");
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-d") == 0 || strcmp(argv[i], "--dir") == 0)
			dir = i + 1 < argc ? argv[i + 1] : dir;
		else if (strncmp(argv[i], "--dir=", 6) == 0)
			dir = argv[i] + 6;
		else if (strncmp(argv[i], "-d", 2) == 0)
			dir = argv[i] + 2;
	}
	return dir && *dir ? dir : "/var/lib/sipar";
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* Whether the command line is right does not depend on any directory: say so before one is opened. */
static int look_at_usage(const struct verb *v, struct verb_env *env, int argc, char **argv)
{
	char **copy = mem_alloc(((size_t)argc + 2) * sizeof(*copy));
	memcpy(copy, argv, ((size_t)argc + 1) * sizeof(*copy));
	int code = v->run(env, argc, copy);
	free(copy);
	return code;
}

static int run_with_node(const struct verb *v, struct verb_env *env, int argc, char **argv)
{
	const int standard[3] = { env->in, env->out, env->err };
	struct config *config;
	struct fault f;
	int code = look_at_usage(v, env, argc, argv);
	if (code)
		return code;
	if (env->without_node)
		return verb_run(v, env, argc, argv);
	enum err e = ERR_BUSY;
	/* Who has it may be a daemon that is just starting, and opens its door in a moment. */
	for (unsigned waited = 0; e == ERR_BUSY && waited < LOCK_WAIT_MS; waited += TURN_MS) {
		e = control_call(env->dir, standard, argc, argv, &code, &f);
		if (e == OK)
			return code;
		config = e == ERR_NOTFOUND ? mem_alloc(sizeof(*config)) : NULL;
		if (config)
			e = opening(env->dir, TURN_MS, config, &env->node, &f);
		free(config);
	}
	if (e == OK) {
		table_reader_init();
		code = verb_run(v, env, argc, argv);
		table_reader_exit();
		node_close(env->node);
		return code;
	}
	verb_complain(env, "%s: %s", v->name, f.text);
	return e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
}

/* What another verb asks for.  Whoever runs registers this thread as a reader of tables itself. */
static int run_another(const struct verb_env *asking, int argc, char **argv)
{
	const struct verb *v = verb_find(argv[0]);
	struct verb_env env = *asking;
	if (!v || !(v->flags & VERB_NODE)) {
		verb_complain(asking, "there is no verb \"%s\" for data directories", argv[0]);
		return EXIT_TROUBLE;
	}
	env.node = NULL;
	env.run = NULL;
	env.write_error = 0;
	table_reader_exit();
	int code = run_with_node(v, &env, argc, argv);
	table_reader_init();
	return code;
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
	struct verb_env env = {
		.dir = find_dir(argc, argv), .in = 0, .out = 1, .err = 2, .cwd = AT_FDCWD, .caller = -1, .run = run_another,
	};
	struct buf out = { 0 };
	if (asks_help(argc, argv)) {
		verb_help(v, &out);
		return print(&out, 1, EXIT_FINE);
	}
	return v->flags & VERB_NODE ? run_with_node(v, &env, argc, argv) : verb_run(v, &env, argc, argv);
}

int main(int argc, char **argv)
{
	struct buf out = { 0 };
	const char *word = argc > 1 ? argv[1] : "";
	signal(SIGPIPE, SIG_IGN);
	/* Large buffers come and go with imports: keep them out of the heap, so that what they took is given back. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	sys_key_init();
	if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
		buf_printf(&out, "sipar %s\n", SIPAR_VERSION);
		return print(&out, 1, EXIT_FINE);
	}
	if (strcmp(word, "help") == 0 && argc > 2 && verb_find(argv[2])) {
		verb_help(verb_find(argv[2]), &out);
		return print(&out, 1, EXIT_FINE);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		put_usage(&out);
		return print(&out, 1, EXIT_FINE);
	}
	const struct verb *v = verb_find(word);
	if (v)
		return run_verb(v, argc - 1, argv + 1);
	if (*word == '-')
		buf_printf(&out, "sipar: \"%s\": options stand behind the verb\n\n", word);
	else if (*word)
		buf_printf(&out, "sipar: there is no verb \"%s\"\n\n", word);
	put_usage(&out);
	return print(&out, 2, EXIT_USAGE);
}
