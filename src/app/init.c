/* sipar init: make a data directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/config.h"
#include "app/verbs.h"
#include "cli/option.h"
#include "sys/key.h"
#include "sys/passphrase.h"
#include "base/num.h"

struct init_options {
	const char *dir, *name;
	bool json, passphrase;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 0, "name", "NAME", "of the node, with which the names of its lanes begin: a URL without scheme, like "       \
		  "cert.example (default: made from the key)", OPTION_TEXT, &(o)->name, 0 },                                   \
		{ 0, "passphrase", NULL, "protect node.key with a passphrase", OPTION_FLAG, &(o)->passphrase, 0 }, OPTION_END  \
	}

static enum err write_config(const char *dir, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096];
	snprintf(path, sizeof(path), "%s/sipar.conf", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(errno));
	config_template(&text);
	errno = verb_write(fd, &text);
	bool whole = errno == 0;
	close(fd);
	buf_release(&text);
	return whole ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(errno));
}

static int run_init(struct verb_env *env, int argc, char **argv)
{
	struct init_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct buf out = { 0 };
	struct fault f;
	struct passphrase passphrase = { 0 };
	uint8_t key[32];
	char digits[65] = "";
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "\"%s\" is one word too many", argv[1]);
	if (e == OK && o.passphrase)
		e = passphrase_get(true, &passphrase, &f);
	const struct node_options node = { .name = o.name, .passphrase = span_of(passphrase.octets, passphrase.n) };
	if (e == OK && (e = node_init(env->dir, &node, &f)) == OK && (e = write_config(env->dir, &f)) == OK)
		e = key_read_public(env->dir, key, &f);
	passphrase_wipe(&passphrase);
	if (e) {
		verb_complain(env, "init: %s", f.text);
		return e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
	}
	hex_encode(key, sizeof(key), digits);
	buf_printf(&out, o.json ? "{\"dir\":\"%s\",\"key\":\"%s\"}\n" : "data directory \"%s\" made; public key %s\n", env->dir, digits);
	verb_out(env, &out);
	buf_release(&out);
	return EXIT_FINE;
}

static void options(struct buf *out)
{
	struct init_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_init = {
	.name = "init",
	.summary = "Make a data directory: node key, ledger with the default lanes, commented configuration file",
	.usage = "[OPTION...]",
	.details = "Lanes: public (tlp:clear), community (tlp:green), members (tlp:amber), restricted (tlp:red), and node (tlp:red) for\n"
		   "what is said about sources.  A directory that has a ledger already is left as it is, with an error.\n",
	.run = run_init,
	.options = options,
};
