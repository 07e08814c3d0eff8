/* sipar serve: the daemon.  All its threads are made here: DNS workers, the control door, and (inside the library) the HTTP
 * pool; the ledger's writer belongs to the ledger. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/config.h"
#include "app/control.h"
#include "app/dnsbl.h"
#include "app/keeper.h"
#include "app/leases.h"
#include "app/opening.h"
#include "app/verbs.h"
#include "base/log.h"
#include "cli/option.h"
#include "face/http.h"
#include "gate/consumers.h"

struct serve_options {
	const char *dir, *http, *dns;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 0, "http", "ADDR:PORT", "HTTP face, or off (default: sipar.conf, else 127.0.0.1:8300)", OPTION_TEXT,         \
		  &(o)->http, 0 },                                                                                             \
		{ 0, "dns", "ADDR:PORT", "DNS face, or off (default: sipar.conf, else 127.0.0.1:5300)", OPTION_TEXT,           \
		  &(o)->dns, 0 }, OPTION_END                                                                                   \
	}

enum { DESCRIPTORS = 8192 };

struct daemon {
	struct config config;
	struct node *node;
	struct http_server *http;
	struct dnsbl *dns;
	struct control *control;
	struct keeper *keeper;
	struct leases *leases;
	uint8_t audience; /* enum tlp: of those who ask without a name */
	clearance clear;
	pthread_t control_thread;
};

static void more_metrics(void *ctx, struct buf *out)
{
	struct daemon *d = ctx;
	dnsbl_metrics(d->dns, out);
	consumers_metrics(node_consumers(d->node), docket_serial(node_docket(d->node)), out);
}

static void *control_thread(void *arg)
{
	control_run(arg);
	return NULL;
}

static unsigned or_cores(uint64_t n)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return n ? (unsigned)n : cores > 0 && cores < 64 ? (unsigned)cores : 1;
}

/* A lane was made while the faces answer. */
static void show_new_lane(void *ctx)
{
	struct daemon *d = ctx;
	clearance clear = ledger_clearance(node_ledger(d->node), d->audience);
	if (d->http)
		http_server_set_clear(d->http, clear);
	dnsbl_set_clear(d->dns, clear);
}

static enum err open_faces(struct daemon *d, struct fault *f)
{
	enum err e = config_audience(&d->config, &d->audience, f);
	if (e)
		return e;
	d->clear = ledger_clearance(node_ledger(d->node), d->audience);
	if (strcmp(d->config.dns, "off") != 0 && (e = dnsbl_start(&d->config, d->clear, d->node, &d->dns, f)) != OK)
		return e;
	struct http_options o = {
		.address = d->config.http, .threads = or_cores(d->config.http_threads), .clear = d->clear,
		.body_max = d->config.body_max_mib << 20, .more_metrics = more_metrics, .more_ctx = d,
		.witnesses = d->config.witnesses.v, .n_witnesses = d->config.witnesses.n, .logs = d->config.logs.v,
		.n_logs = d->config.logs.n, .node = d->node,
	};
	if (strcmp(d->config.http, "off") != 0 &&
	    (e = http_server_open(&o, node_table(d->node), node_ledger(d->node), &d->http, f)) != OK)
		return e;
	node_on_lanes(d->node, show_new_lane, d);
	if ((e = keeper_start(d->node, &d->keeper, f)) || (e = leases_start(node_docket(d->node), &d->leases, f)) ||
	    (e = control_open(d->node, &d->control, f)))
		return e;
	if (pthread_create(&d->control_thread, NULL, control_thread, d->control)) {
		control_close(d->control);
		d->control = NULL;
		return fault_set(f, ERR_IO, "a thread for the control socket cannot be started");
	}
	return OK;
}

static void close_all(struct daemon *d)
{
	if (d->control) {
		control_stop(d->control);
		pthread_join(d->control_thread, NULL);
		control_close(d->control);
	}
	leases_stop(d->leases);
	keeper_stop(d->keeper);
	http_server_close(d->http);
	dnsbl_stop(d->dns);
	node_close(d->node);
}

/* Where it listens: log lines, or with --json one object on standard output (ports that were chosen are known then). */
static void announce(struct verb_env *env, const struct daemon *d, bool json)
{
	struct buf out = { 0 };
	unsigned http = d->http ? http_server_port(d->http) : 0, dns = dnsbl_port(d->dns);
	if (json)
		buf_printf(&out, "{\"ready\":true,\"http_port\":%u,\"dns_port\":%u}\n", http, dns);
	verb_out(env, &out);
	buf_release(&out);
	if (d->http)
		log_line(LOG_NOTICE, "HTTP on port %u (%s)", http, d->config.http);
	if (d->dns)
		log_line(LOG_NOTICE, "DNS on port %u (%s), zone %s", dns, d->config.dns, d->config.zone);
	log_line(LOG_NOTICE, "ready; data directory \"%s\"", env->dir);
}

/* Faces may have some 1,400 connections: the usual limit of 1,024 descriptors would shut the control door, too. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void wait_for_signal(const sigset_t *signals)
{
	int s;
	do
		sigwait(signals, &s);
	while (s == SIGHUP);
	log_line(LOG_NOTICE, "stopping on %s", s == SIGINT ? "SIGINT" : "SIGTERM");
}

static enum err override(char *target, size_t size, const char *value, struct fault *f)
{
	if (value && (size_t)snprintf(target, size, "%s", value) >= size)
		return fault_set(f, ERR_USAGE, "\"%s\" is too long for an address", value);
	return OK;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct serve_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct daemon *d = mem_zalloc(sizeof(*d));
	sigset_t signals;
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "\"%s\" is one word too many", argv[1]);
	raise_descriptors();
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (e == OK && (e = opening(env->dir, 2000, &d->config, &d->node, &f)) == OK &&
	    (e = override(d->config.http, sizeof(d->config.http), o.http, &f)) == OK &&
	    (e = override(d->config.dns, sizeof(d->config.dns), o.dns, &f)) == OK)
		e = open_faces(d, &f);
	if (e == OK) {
		announce(env, d, o.json);
		wait_for_signal(&signals);
	} else
		verb_complain(env, "serve: %s", f.text);
	close_all(d);
	free(d);
	return e == OK ? EXIT_FINE : e == ERR_USAGE ? EXIT_USAGE : EXIT_TROUBLE;
}

static void options(struct buf *out)
{
	struct serve_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_serve = {
	.name = "serve",
	.summary = "Answer over HTTP and DNS, and take the other verbs' work, until SIGTERM or SIGINT",
	.usage = "[OPTION...]",
	.details = "While it runs, the other verbs on the same data directory go through DIR/sipar.sock to it, and what they import\n"
		   "takes effect at once.  A port of 0 lets the system choose; --json prints the chosen ones when ready.\n\n"
		   "Exit status: 0 after a signal, 2 when it could not start.\n",
	.run = run,
	.options = options,
};
