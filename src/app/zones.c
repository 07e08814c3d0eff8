#include "app/zones.h"

#include <pthread.h>
#include <stdlib.h>

#include "face/rpz.h"

struct zone_worker {
	struct zones *zones;
	unsigned number;
	pthread_t thread;
};

struct zones {
	struct node *node;
	struct rpz_server *server;
	unsigned n;
	struct zone_worker worker[RPZ_THREADS];
};

static void *run(void *arg)
{
	struct zone_worker *w = arg;
	rpz_server_run(w->zones->server, w->number);
	return NULL;
}

static void take_feeds(void *ctx)
{
	struct zones *z = ctx;
	const struct feeds *feeds = node_feeds(z->node);
	rpz_server_set_feeds(z->server, feeds);
	feeds_drop(feeds);
}

enum err zones_start(struct node *n, const char *address, const char *tls_address, struct tls_source *tls, struct zones **ret_zones, struct fault *f)
{
	struct zones *z = mem_zalloc(sizeof(*z));
	struct rpz_options o = { .address = address, .tls_address = tls_address, .tls = tls, .docket = node_docket(n), .consumers = node_consumers(n),
				 .feeds = node_feeds(n) };
	z->node = n;
	enum err e = rpz_server_open(&o, &z->server, f);
	feeds_drop(o.feeds);
	if (e) {
		free(z);
		return e;
	}
	node_on_feeds(n, take_feeds, z);
	for (unsigned i = 0; i < RPZ_THREADS && e == OK; i++) {
		z->worker[i] = (struct zone_worker){ .zones = z, .number = i };
		if (pthread_create(&z->worker[i].thread, NULL, run, &z->worker[i]))
			e = fault_set(f, ERR_IO, "a thread for policy zones cannot be started");
		else
			z->n++;
	}
	*ret_zones = z; /* with an error, too: those that run are to be stopped */
	return e;
}

unsigned zones_port(const struct zones *z)
{
	return rpz_server_port(z->server);
}

unsigned zones_tls_port(const struct zones *z)
{
	return rpz_server_tls_port(z->server);
}

void zones_metrics(const struct zones *z, struct buf *out)
{
	rpz_server_metrics(z->server, out);
}

void zones_stop(struct zones *z)
{
	if (!z)
		return;
	rpz_server_stop(z->server);
	for (unsigned i = 0; i < z->n; i++)
		pthread_join(z->worker[i].thread, NULL);
	rpz_server_close(z->server);
	free(z);
}
