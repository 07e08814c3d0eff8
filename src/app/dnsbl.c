#include "app/dnsbl.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "face/dns.h"
#include "gate/feed.h"

enum { WORKERS_MAX = 64 };
_Static_assert((int)DNS_KEYS_MAX >= (int)CONSUMERS_MAX && (int)DNS_CONSUMER_MAX > 2 * (int)FEED_NAME_MAX, "every consumer has room");

struct worker {
	struct dns_server *server;
	unsigned number;
	pthread_t thread;
};

struct dnsbl {
	struct node *node;
	pthread_mutex_t taking; /* held while keys are taken, so that those of the newest feeds stay */
	struct dns_server *server;
	unsigned n;
	struct worker worker[WORKERS_MAX + 1]; /* the last one is TCP */
};

static uint32_t tick(void *ctx)
{
	return docket_tick(ctx);
}

static bool name_decision(void *ctx, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s)
{
	struct docket *docket = ctx;
	const struct decision_set *set = docket_try_hold(docket);
	if (!set)
		return false; /* somebody decides: an answer does not wait for him */
	const struct decision *d = decision_enacted(set, entry);
	if (d) {
		*ret_index = d->index;
		*ret_until_s = d->until_s;
	}
	docket_let(docket);
	return d != NULL;
}

static bool guarded(void *ctx, const struct observable *o)
{
	return docket_guarded(ctx, o, NULL);
}

/* Each consumer of whatever feed has one key for it all.  The keys are copied, not kept. */
static void take_feeds(void *ctx)
{
	struct dnsbl *d = ctx;
	pthread_mutex_lock(&d->taking);
	const struct feeds *feeds = node_feeds(d->node);
	struct dns_key *key = mem_zalloc(DNS_KEYS_MAX * sizeof(*key));
	struct buf label[DNS_KEYS_MAX] = { 0 };
	unsigned n = 0;
	for (; n < feeds->n_consumers && n < DNS_KEYS_MAX; n++) {
		struct buf name = { 0 };
		consumer_tsig_name(&feeds->consumer[n], &name);
		consumer_dns_key(&feeds->consumer[n], &label[n]);
		snprintf(key[n].consumer, sizeof(key[n].consumer), SPAN_FMT, SPAN_ARG(buf_span(&name)));
		key[n].label = buf_span(&label[n]);
		buf_release(&name);
	}
	dns_server_set_keys(d->server, key, n);
	for (unsigned i = 0; i < n; i++)
		buf_release(&label[i]);
	free(key);
	feeds_drop(feeds);
	pthread_mutex_unlock(&d->taking);
}

static void *run(void *arg)
{
	const struct worker *w = arg;
	dns_server_run(w->server, w->number);
	return NULL;
}

static unsigned or_cores(uint64_t n)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return n ? (unsigned)n : cores > 0 && cores <= WORKERS_MAX ? (unsigned)cores : 1;
}

enum err dnsbl_start(const struct config *c, clearance clear, struct node *n, struct dnsbl **ret_dnsbl, struct fault *f)
{
	struct dnsbl *d = mem_zalloc(sizeof(*d));
	const struct dns_decisions decisions = { .table = docket_table(node_docket(n)), .tick = tick, .decision = name_decision, .guarded = guarded,
						 .ctx = node_docket(n) };
	struct dns_options o = {
		.address = c->dns, .zone = c->zone, .workers = or_cores(c->dns_workers), .clear = clear,
		.min_score = (uint8_t)c->min_score, .ttl_s = (uint32_t)c->ttl, .negative_ttl_s = (uint32_t)c->negative_ttl,
		.name_server = strcmp(c->name_server, "none") != 0 ? c->name_server : NULL,
		.txt_url = c->txt_url, .error_codes = c->error_codes, .keyed = c->dns_keys, .rate = (unsigned)c->rate,
		.public_resolvers = c->public_resolvers, .cookie_secret = c->cookie_secret, .decisions = &decisions,
	};
	enum err e = dns_server_open(&o, node_table(n), &d->server, f);
	d->node = n;
	pthread_mutex_init(&d->taking, NULL);
	if (e == OK && c->dns_keys) {
		node_on_feeds(n, take_feeds, d);
		take_feeds(d);
	}
	for (unsigned i = 0; e == OK && i <= o.workers; i++) {
		d->worker[i] = (struct worker){ .server = d->server, .number = i };
		if (pthread_create(&d->worker[i].thread, NULL, run, &d->worker[i]))
			e = fault_set(f, ERR_IO, "a thread for DNS cannot be started");
		else
			d->n++;
	}
	if (e) {
		dnsbl_stop(d);
		return e;
	}
	*ret_dnsbl = d;
	return OK;
}

void dnsbl_stop(struct dnsbl *d)
{
	if (!d)
		return;
	if (d->server)
		dns_server_stop(d->server);
	for (unsigned i = 0; i < d->n; i++)
		pthread_join(d->worker[i].thread, NULL);
	dns_server_close(d->server);
	pthread_mutex_destroy(&d->taking);
	free(d);
}

unsigned dnsbl_port(const struct dnsbl *d)
{
	return d ? dns_server_port(d->server) : 0;
}

void dnsbl_set_clear(struct dnsbl *d, clearance clear)
{
	if (d)
		dns_server_set_clear(d->server, clear);
}

static void put_consumer(void *ctx, const char *consumer, uint64_t queries)
{
	buf_printf(ctx, "sipar_dns_consumer_queries_total{consumer=\"%s\"} %llu\n", consumer, (unsigned long long)queries);
}

void dnsbl_metrics(struct dnsbl *d, struct buf *out)
{
	struct dns_counters c;
	if (!d)
		return;
	dns_server_count(d->server, &c);
	const struct { const char *name, *help; uint64_t value; } rows[] = {
		{ "queries", "DNS queries read", c.queries },
		{ "tcp_queries", "of them over TCP", c.tcp_queries },
		{ "listed", "DNS answers that list", c.listed },
		{ "blocked", "of them by a decision", c.blocked },
		{ "unlisted", "DNS answers that do not", c.unlisted },
		{ "refused", "DNS queries for other zones, without a key, or by public resolvers", c.refused },
		{ "errors", "DNS queries that are malformed", c.errors },
		{ "truncated", "DNS answers that did not fit", c.truncated },
		{ "dropped", "DNS packets without an answer", c.dropped },
		{ "limited", "DNS queries over the rate of their network", c.limited },
		{ "cookies", "DNS queries with a valid cookie", c.cookies },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		buf_printf(out, "# HELP sipar_dns_%s_total %s.\n# TYPE sipar_dns_%s_total counter\nsipar_dns_%s_total %llu\n",
			   rows[i].name, rows[i].help, rows[i].name, rows[i].name, (unsigned long long)rows[i].value);
	buf_puts(out, "# HELP sipar_dns_consumer_queries_total DNS queries with the key of a consumer.\n"
		      "# TYPE sipar_dns_consumer_queries_total counter\n");
	dns_server_consumers(d->server, put_consumer, out);
}
