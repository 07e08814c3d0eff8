/* sipar bgp: blackhole routes for ExaBGP, which runs this as a process and reads what it prints. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/config.h"
#include "app/verbs.h"
#include "cli/option.h"

enum { POLL_MS = 100 };

struct bgp_options {
	const char *dir;
	bool once;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir),                                                                                         \
		{ 0, "once", NULL, "announce what there is, and end", OPTION_FLAG, &(o)->once, 0 }, OPTION_END                 \
	}

struct route {
	uint8_t kind;
	uint8_t octets[16];
};

struct speaking {
	struct verb_env *env;
	const struct config *config;
	struct docket *docket;
	struct route route[BLACKHOLES_MAX];
	unsigned n;
	uint64_t left_out;
	struct buf out;
};

static struct table_key key_of(const struct route *r)
{
	return (struct table_key){ .kind = r->kind, .n = r->kind == OBS_IPV4 ? 4 : 16, .p = r->octets };
}

static unsigned find(const struct speaking *s, const struct table_key *k)
{
	unsigned i = 0;
	while (i < s->n && !(s->route[i].kind == k->kind && memcmp(s->route[i].octets, k->p, k->n) == 0))
		i++;
	return i;
}

static void withdraw(struct speaking *s, const struct table_key *k)
{
	unsigned i = find(s, k);
	if (i == s->n)
		return;
	blackhole_put(k, false, s->config->bgp_next_hop, &s->out);
	s->route[i] = s->route[--s->n];
}

static void withdraw_all(struct speaking *s)
{
	while (s->n) {
		struct table_key k = key_of(&s->route[0]);
		withdraw(s, &k);
	}
}

static void complain(struct speaking *s, const struct table_key *k, const char *why)
{
	struct buf text = { 0 };
	struct observable o = { .kind = k->kind, .prefix = k->prefix, .n = k->n, .key = k->p };
	obs_format(&o, &text);
	verb_complain(s->env, "\"%s\" is not announced: %s", buf_cstr(&text), why);
	buf_release(&text);
}

static bool is_address(uint8_t kind)
{
	return kind == OBS_IPV4 || kind == OBS_IPV6 || kind == OBS_CIDR4 || kind == OBS_CIDR6;
}

static void announce(struct speaking *s, const struct table_key *k)
{
	struct buf why = { 0 };
	struct observable o = { .kind = k->kind, .prefix = k->prefix, .n = k->n, .key = k->p };
	if (!is_address(k->kind) || find(s, k) < s->n)
		return;
	if (!blackhole_allowed(&s->config->bgp_prefixes, k, &why) || docket_guarded(s->docket, &o, &why)) {
		complain(s, k, buf_cstr(&why));
	} else if (s->n == BLACKHOLES_MAX) {
		complain(s, k, "there are 100 routes already, and no more are announced");
	} else {
		s->route[s->n].kind = k->kind;
		memcpy(s->route[s->n++].octets, k->p, k->n);
		blackhole_put(k, true, s->config->bgp_next_hop, &s->out);
	}
	buf_release(&why);
}

static void take(struct speaking *s, const struct table_key *k, struct force_pair p)
{
	bool block = p.self & force_blocks(REASONS_ALL) && !(p.self & FORCE_PROTECT);
	(block ? announce : withdraw)(s, k);
}

static enum err begin(struct speaking *s, uint64_t *ret_serial, struct fault *f)
{
	struct roster *r;
	struct turns t = { 0 };
	struct table_key k;
	struct force_pair p;
	enum err e = docket_full(s->docket, &r, &t, f);
	if (e)
		return e;
	for (size_t i = 0; i < t.n; i++) /* what is over in the roster is not announced first */
		take(s, &t.turn[i].key, t.turn[i].after);
	for (uint64_t at = 0; roster_next(r, &at, &k, &p);) {
		bool newer = false;
		for (size_t i = 0; i < t.n && !newer && is_address(k.kind); i++)
			newer = t.turn[i].key.kind == k.kind && t.turn[i].key.n == k.n && memcmp(t.turn[i].key.p, k.p, k.n) == 0;
		if (!newer)
			take(s, &k, p);
	}
	*ret_serial = t.serial;
	turns_release(&t);
	roster_drop(r);
	return OK;
}

static enum err follow(struct speaking *s, uint64_t *serial, struct fault *f)
{
	struct turns t = { 0 };
	enum err e = docket_since(s->docket, *serial, &t, f);
	for (size_t i = 0; i < t.n; i++)
		take(s, &t.turn[i].key, t.turn[i].after);
	*serial = e == OK ? t.serial : *serial;
	turns_release(&t);
	if (e != ERR_NOTFOUND)
		return e;
	withdraw_all(s); /* the journal does not go back so far */
	return begin(s, serial, f);
}

static enum err speak(struct speaking *s, bool once, struct fault *f)
{
	uint64_t serial = 0;
	buf_puts(&s->out, "clear adj-rib out\n"); /* ExaBGP keeps the routes of a process that it starts again */
	enum err e = begin(s, &serial, f);
	bool open = verb_out(s->env, &s->out);
	while (e == OK && open && !once && !verb_cancelled(s->env)) {
		nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000 }, NULL);
		if (docket_serial(s->docket) == serial)
			continue;
		e = follow(s, &serial, f);
		open = verb_out(s->env, &s->out);
	}
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct bgp_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "bgp: \"%s\" is one word too many", argv[1]);
	if (e || !env->node)
		return verb_end(env, e, &f);
	struct config *config = mem_alloc(sizeof(*config));
	struct speaking *s = mem_zalloc(sizeof(*s));
	*s = (struct speaking){ .env = env, .config = config, .docket = node_docket(env->node) };
	config_defaults(config);
	e = config_read(env->dir, config, &f);
	if (e == OK && (!config->bgp_prefixes.n || strcmp(config->bgp_next_hop, "none") == 0))
		e = fault_set(&f, ERR_FORBIDDEN, "bgp: nothing is announced unless sipar.conf has bgp_prefix (the operator's own prefixes) and bgp_next_hop");
	if (e == OK)
		e = speak(s, o.once, &f);
	buf_release(&s->out);
	free(s);
	free(config);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct bgp_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_bgp = {
	.name = "bgp",
	.summary = "Print blackhole routes for ExaBGP: of blocked addresses inside the operator's own prefixes",
	.usage = "[OPTION...]",
	.details = "Off until sipar.conf names the operator's own prefixes (bgp_prefix) and a next hop (bgp_next_hop).  Single addresses alone are announced, with\n"
		   "the communities BLACKHOLE and NO_EXPORT, at most 100; what is refused is told on standard error.  Follows the decisions until its output\n"
		   "is closed; it begins by clearing the routes of its predecessor.  In exabgp.conf:\n"
		   "  process sipar { run /usr/bin/sipar bgp -d DIR; encoder text; }\n\n"
		   "Exit status: 0 ended, 2 not enabled or another error.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
