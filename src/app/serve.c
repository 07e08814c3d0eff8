/* sipar serve: the daemon.  All its threads are made here: DNS workers, the control door, those of policy zones (zones.c) and leases, and
 * (inside the library) the HTTP pool; the ledger's writer belongs to the ledger. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/certificate.h"
#include "app/config.h"
#include "app/control.h"
#include "app/dnsbl.h"
#include "app/keeper.h"
#include "app/leases.h"
#include "app/opening.h"
#include "app/verbs.h"
#include "app/zones.h"
#include "base/address.h"
#include "base/log.h"
#include "cli/option.h"
#include "face/http.h"
#include "gate/consumers.h"
#include "gate/parties.h"
#include "hook/sender.h"
#include "peer/collector.h"
#include "peer/puller.h"

struct serve_options {
	const char *dir, *http, *https, *dns, *rpz, *rpz_tls;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 0, "http", "ADDR:PORT", "HTTP face, or off (default: sipar.conf, else 127.0.0.1:8300)", OPTION_TEXT,         \
		  &(o)->http, 0 },                                                                                             \
		{ 0, "https", "ADDR:PORT", "HTTP over TLS, or off (default: sipar.conf, else off)", OPTION_TEXT, &(o)->https, 0 }, \
		{ 0, "dns", "ADDR:PORT", "DNS face, or off (default: sipar.conf, else 127.0.0.1:5300)", OPTION_TEXT,           \
		  &(o)->dns, 0 },                                                                                             \
		{ 0, "rpz", "ADDR:PORT", "policy zones, or off (default: sipar.conf, else 127.0.0.1:5310)", OPTION_TEXT,       \
		  &(o)->rpz, 0 },                                                                                             \
		{ 0, "rpz-tls", "ADDR:PORT", "policy zones over TLS, or off (default: sipar.conf, else off)", OPTION_TEXT,   \
		  &(o)->rpz_tls, 0 }, OPTION_END                                                                               \
	}

enum { DESCRIPTORS = 8192, CONNECTIONS_LEAST = 64 };

struct daemon {
	struct config config;
	struct node *node;
	struct http_server *http;
	struct dnsbl *dns;
	struct control *control;
	struct keeper *keeper;
	struct leases *leases;
	struct zones *zones;
	struct sender *sender;
	struct collector *collector;
	struct puller *puller;
	struct tls_source *tls; /* NULL: no face speaks it */
	uint8_t audience; /* enum tlp: of those who ask without a name */
	clearance clear;
	pthread_t control_thread;
};

static void more_metrics(void *ctx, struct buf *out)
{
	struct daemon *d = ctx;
	clearance clear = parties_everybody(node_ledger(d->node), d->audience); /* for those who ask without a name */
	dnsbl_metrics(d->dns, out);
	if (d->zones)
		zones_metrics(d->zones, out);
	certificate_metrics(d->tls, out);
	hooks_metrics(d->node, clear, out);
	puller_metrics(d->puller, clear, out);
	consumers_metrics(node_consumers(d->node), docket_serial(node_docket(d->node)), out);
	collector_metrics(d->collector, clear, out);
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
	clearance clear = parties_everybody(node_ledger(d->node), d->audience);
	if (d->http)
		http_server_set_clear(d->http, clear);
	dnsbl_set_clear(d->dns, clear);
}

/* NULL: it is off. */
static const char *or_null(const char *address)
{
	return strcmp(address, "off") != 0 ? address : NULL;
}

static enum err open_zones(struct daemon *d, struct fault *f)
{
	const char *plain = or_null(d->config.rpz), *secure = or_null(d->config.rpz_tls);
	enum err e = OK;
	if (secure && !d->tls && (e = certificate_open(&d->config, node_dir(d->node), "rpz_tls", &d->tls, f)) != OK)
		return e;
	return plain || secure ? zones_start(d->node, plain, secure, d->tls, &d->zones, f) : OK;
}

/* Faces may have some 1,400 connections, or as many as the configuration says: the usual limit of 1,024 descriptors would shut the
 * control door, too. */
static void raise_descriptors(rlim_t wanted, bool warns)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted && warns)
		log_line(LOG_WARNING, "%llu file descriptors are allowed (ulimit -n), %llu may be needed", (unsigned long long)limit.rlim_cur,
			 (unsigned long long)wanted);
}

/* Tokens are as good as passwords: they do not go over a network as they are, unless the operator says so. */
static enum err check_plain(const struct config *c, struct fault *f)
{
	struct sockaddr_storage a;
	socklen_t n;
	enum err e = address_parse(c->http, &a, &n, f);
	if (e || c->http_plain || address_is_loopback(&a))
		return e;
	return fault_set(f, ERR_USAGE, "http = %s: HTTP without TLS is for loopback alone, since whoever is on the way reads the tokens; set https (and http = off), or "
				       "http_plain = yes behind something that adds TLS", c->http);
}

static enum err open_http(struct daemon *d, struct fault *f)
{
	const char *plain = or_null(d->config.http), *secure = or_null(d->config.https);
	enum err e = plain ? check_plain(&d->config, f) : OK;
	if (e == OK && secure && !d->tls)
		e = certificate_open(&d->config, node_dir(d->node), "https", &d->tls, f);
	if (e || (!plain && !secure))
		return e;
	const struct http_options o = {
		.connections = d->config.http_connections < CONNECTIONS_LEAST ? CONNECTIONS_LEAST : (unsigned)d->config.http_connections,
		.address = plain, .secure = secure, .tls = d->tls, .threads = or_cores(d->config.http_threads), .clear = d->clear,
		.rate = (uint32_t)d->config.http_rate, .body_max = d->config.body_max_mib << 20, .more_metrics = more_metrics, .more_ctx = d,
		.witnesses = d->config.witnesses.v, .n_witnesses = d->config.witnesses.n, .logs = d->config.logs.v,
		.n_logs = d->config.logs.n, .node = d->node,
	};
	rlim_t all = (rlim_t)o.connections * (plain && secure ? 2 : 1);
	if (all > DESCRIPTORS / 2)
		raise_descriptors(DESCRIPTORS / 2 + all, true);
	return http_server_open(&o, node_table(d->node), node_ledger(d->node), &d->http, f);
}

static enum err open_faces(struct daemon *d, struct fault *f)
{
	enum err e = config_audience(&d->config, &d->audience, f);
	if (e)
		return e;
	d->clear = parties_everybody(node_ledger(d->node), d->audience);
	if (strcmp(d->config.dns, "off") != 0 && (e = dnsbl_start(&d->config, d->clear, d->node, &d->dns, f)) != OK)
		return e;
	if ((e = open_zones(d, f)) != OK)
		return e;
	d->collector = collector_new(d->node);
	if ((e = open_http(d, f)) != OK)
		return e;
	node_on_lanes(d->node, show_new_lane, d);
	if ((e = keeper_start(d->node, &d->keeper, f)) || (e = leases_start(node_docket(d->node), &d->leases, f)) ||
	    (e = sender_start(d->node, &d->sender, f)) || (e = puller_start(d->node, &d->puller, f)) || (e = collector_start(d->collector, f)) || (e = control_open(d->node, &d->control, f)))
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
	sender_stop(d->sender);
	leases_stop(d->leases);
	puller_stop(d->puller);
	keeper_stop(d->keeper);
	http_server_close(d->http);
	puller_free(d->puller); /* its metrics are asked for until then */
	collector_free(d->collector);
	zones_stop(d->zones);
	tls_source_close(d->tls);
	dnsbl_stop(d->dns);
	node_close(d->node);
}

/* Where it listens: log lines, or with --json one object on standard output (ports that were chosen are known then). */
static void announce(struct verb_env *env, const struct daemon *d, bool json)
{
	struct buf out = { 0 };
	unsigned http = d->http ? http_server_port(d->http) : 0, https = d->http ? http_server_secure_port(d->http) : 0, dns = dnsbl_port(d->dns);
	unsigned rpz = d->zones ? zones_port(d->zones) : 0, rpz_tls = d->zones ? zones_tls_port(d->zones) : 0;
	if (json)
		buf_printf(&out, "{\"ready\":true,\"http_port\":%u,\"https_port\":%u,\"dns_port\":%u,\"rpz_port\":%u,\"rpz_tls_port\":%u}\n", http, https, dns, rpz,
			   rpz_tls);
	verb_out(env, &out);
	buf_release(&out);
	if (http)
		log_line(LOG_NOTICE, "HTTP on port %u (%s)", http, d->config.http);
	if (https)
		log_line(LOG_NOTICE, "HTTPS on port %u (%s)", https, d->config.https);
	if (d->dns)
		log_line(LOG_NOTICE, "DNS on port %u (%s), zone %s", dns, d->config.dns, d->config.zone);
	if (rpz)
		log_line(LOG_NOTICE, "policy zones on port %u (%s)", rpz, d->config.rpz);
	if (rpz_tls)
		log_line(LOG_NOTICE, "policy zones over TLS on port %u (%s)", rpz_tls, d->config.rpz_tls);
	log_line(LOG_NOTICE, "ready; data directory \"%s\"", env->dir);
}

/* Meanwhile it takes a certificate that is replaced. */
static void wait_for_signal(const sigset_t *signals, struct tls_source *tls)
{
	const struct timespec second = { .tv_sec = 1 };
	int s;
	do {
		s = tls ? sigtimedwait(signals, NULL, &second) : sigwaitinfo(signals, NULL);
		if (s <= 0 || s == SIGHUP)
			certificate_look(tls, s == SIGHUP);
	} while (s != SIGINT && s != SIGTERM);
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
	raise_descriptors(DESCRIPTORS, false);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (e == OK && (e = opening(env->dir, 2000, &d->config, &d->node, &f)) == OK &&
	    (e = override(d->config.http, sizeof(d->config.http), o.http, &f)) == OK &&
	    (e = override(d->config.https, sizeof(d->config.https), o.https, &f)) == OK &&
	    (e = override(d->config.dns, sizeof(d->config.dns), o.dns, &f)) == OK &&
	    (e = override(d->config.rpz, sizeof(d->config.rpz), o.rpz, &f)) == OK &&
	    (e = override(d->config.rpz_tls, sizeof(d->config.rpz_tls), o.rpz_tls, &f)) == OK)
		e = open_faces(d, &f);
	if (e == OK) {
		announce(env, d, o.json);
		wait_for_signal(&signals, d->tls);
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
	.summary = "Answer over HTTP and DNS, give zones to resolvers, and take the other verbs' work, until SIGTERM or SIGINT",
	.usage = "[OPTION...]",
	.details = "While it runs, the other verbs on the same data directory go through DIR/sipar.sock to it, and what they import\n"
		   "takes effect at once.  A port of 0 lets the system choose; --json prints the chosen ones when ready.  On SIGHUP the\n"
		   "certificate for TLS is read anew, as it is when its file is replaced.\n\n"
		   "Exit status: 0 after a signal, 2 when it could not start.\n",
	.run = run,
	.options = options,
};
