/* /metrics (Prometheus text exposition format 0.0.4) and /healthz. */
#include "base/clock.h"
#include "face/http_parts.h"
#include "sys/process.h"

/* Upper ends in microseconds: a lookup takes a few, a rebuilt answer of megabytes a few hundred thousand. */
static const unsigned bound_us[] = { 10, 25, 50, 100, 250, 1000, 5000, 25000, 100000 };
_Static_assert(COUNT_OF(bound_us) + 1 == COUNT_OF(((struct http_meter *)NULL)->took[0].bucket), "the last bucket has no end");

/* What is told in a lane that is hidden is counted nowhere. */
static bool tells(size_t row)
{
	return row < HTTP_ROUTES_MAX && !(http_routes[row].right & RIGHT_READ);
}

void http_meter_count(struct http_meter *m, const struct http_route *r, unsigned status, uint64_t ns)
{
	size_t row = r ? (size_t)(r - http_routes) : HTTP_ROUTES_MAX, b = 0;
	while (b < COUNT_OF(bound_us) && ns > bound_us[b] * UINT64_C(1000))
		b++;
	atomic_fetch_add_explicit(&m->requests[row][status / 100 % 6], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->took[tells(row)].bucket[b], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->took[tells(row)].ns, ns, memory_order_relaxed);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
	head(out, name, type, help);
	buf_printf(out, "%s %llu\n", name, (unsigned long long)v);
}

/* Seconds with six places, without floating point. */
static void put_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%llu.%06u", (unsigned long long)(us / 1000000), (unsigned)(us % 1000000));
}

/* Counts over all lanes tell of those that are hidden: when something is written there, and how much.
 * @param claims  of claims: there are none in the lane of the node itself. */
static bool shows_all(const struct http_server *s, clearance clear, bool claims)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned all = ledger_lanes(s->ledger, CLEARANCE_ALL, lanes), i = 0;
	while (i < all && (clear >> lanes[i].number & 1 || (claims && strcmp(lanes[i].name, NODE_LANE) == 0)))
		i++;
	free(lanes);
	return all && i == all;
}

static void put_table(struct http_server *s, struct buf *out)
{
	struct table_stats t;
	table_stats(http_table_enter(s), &t);
	http_table_leave(s);
	one(out, "sipar_table_keys", "gauge", "Keys in the reputation table, counted in each level.", t.keys);
	one(out, "sipar_table_claims", "gauge", "Claims in the reputation table.", t.claims);
	one(out, "sipar_table_octets", "gauge", "Size of the reputation table.", t.octets);
	one(out, "sipar_table_levels", "gauge", "Images that make up the reputation table.", t.levels);
}

static void put_commits(struct http_server *s, struct buf *out)
{
	struct ledger_stats l;
	ledger_stats(s->ledger, &l);
	one(out, "sipar_ledger_commits_total", "counter", "Commits since the start.", l.commits);
	one(out, "sipar_ledger_entries_total", "counter", "Entries committed since the start.", l.entries);
	one(out, "sipar_ledger_body_octets_total", "counter", "Octets of bodies committed since the start.", l.body_octets);
}

static void put_lanes(struct http_server *s, clearance clear, struct buf *out)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(s->ledger, clear, lanes);
	head(out, "sipar_ledger_entries", "gauge", "Entries in each lane that this face may show.");
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "sipar_ledger_entries{lane=\"%s\"} %llu\n", lanes[i].name, (unsigned long long)lanes[i].size);
	free(lanes);
}

/* @param all  those who tell something, too. */
static void put_meter(struct http_meter *m, bool all, struct buf *out)
{
	head(out, "sipar_http_requests_total", "counter", "Requests by operation and class of the status.");
	for (unsigned row = 0; row <= HTTP_ROUTES_MAX; row++)
		for (unsigned class = 1; class < 6; class++) {
			uint64_t v = atomic_load_explicit(&m->requests[row][class], memory_order_relaxed);
			if (v && (all || !tells(row)))
				buf_printf(out, "sipar_http_requests_total{operation=\"%s\",status=\"%uxx\"} %llu\n",
					   row < HTTP_ROUTES_MAX ? http_routes[row].id : "none", class, (unsigned long long)v);
		}
	head(out, "sipar_http_request_duration_seconds", "histogram",
	     "Time to make an answer, or the first piece of one that is sent in pieces.");
	uint64_t sum = 0, ns = 0;
	for (unsigned b = 0; b < COUNT_OF(m->took[0].bucket); b++) {
		for (unsigned i = 0; i < 1 + (unsigned)all; i++)
			sum += atomic_load_explicit(&m->took[i].bucket[b], memory_order_relaxed);
		buf_puts(out, "sipar_http_request_duration_seconds_bucket{le=\"");
		if (b < COUNT_OF(bound_us))
			put_seconds(out, bound_us[b]);
		else
			buf_puts(out, "+Inf");
		buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
	}
	buf_puts(out, "sipar_http_request_duration_seconds_sum ");
	for (unsigned i = 0; i < 1 + (unsigned)all; i++)
		ns += atomic_load_explicit(&m->took[i].ns, memory_order_relaxed);
	put_seconds(out, ns / 1000);
	buf_printf(out, "\nsipar_http_request_duration_seconds_count %llu\n", (unsigned long long)sum);
}

/* Memory and time follow what is in all lanes. */
static void put_use(struct buf *out)
{
	one(out, "process_resident_memory_bytes", "gauge", "Octets in main memory, mapped files included.",
	    process_resident_octets());
	head(out, "process_cpu_seconds_total", "counter", "Processor time used.");
	buf_puts(out, "process_cpu_seconds_total ");
	put_seconds(out, process_cpu_us());
	buf_putc(out, '\n');
}

static void put_process(const struct http_server *s, struct buf *out)
{
	one(out, "process_start_time_seconds", "gauge", "When the HTTP face was opened.", (uint64_t)s->since_ms / 1000);
	head(out, "sipar_build_info", "gauge", "The version, as a label.");
	buf_puts(out, "sipar_build_info{version=\"" SIPAR_VERSION "\"} 1\n");
}

void http_metrics(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	put_process(s, &a->body);
	put_lanes(s, http_clear(q), &a->body);
	bool all = shows_all(s, http_clear(q), false);
	if (shows_all(s, http_clear(q), true)) {
		put_use(&a->body);
		put_table(s, &a->body);
		if (all)
			put_commits(s, &a->body);
		if (s->streams)
			http_streams_metrics(s->streams, &a->body);
	}
	put_meter(&s->meter, all || role_may(http_asker(q)->role, RIGHT_AUDIT), &a->body);
	if (s->options.more_metrics)
		s->options.more_metrics(s->options.more_ctx, &a->body);
	a->status = 200;
	a->type = "text/plain; version=0.0.4; charset=utf-8";
}

void http_healthz(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	buf_puts(&a->body, "{\"status\":\"ok\",\"version\":\"" SIPAR_VERSION "\"");
	if (shows_all(s, http_clear(q), true)) {
		struct table_stats t;
		table_stats(http_table_enter(s), &t);
		http_table_leave(s);
		buf_printf(&a->body, ",\"keys\":%llu,\"claims\":%llu,\"levels\":%u", (unsigned long long)t.keys,
			   (unsigned long long)t.claims, t.levels);
	}
	buf_printf(&a->body, ",\"uptime_s\":%llu}\n", (unsigned long long)(clock_ms() - s->since_ms) / 1000);
	a->status = 200;
	a->type = "application/json";
}
