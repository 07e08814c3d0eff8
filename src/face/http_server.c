/* The server: opening, closing, and the way of a request to its handler and back. */
#include "base/clock.h"
#include "base/log.h"
#include "face/http_parts.h"
#include "gate/misp_events.h"
#include "gate/objects.h"
#include "sys/key.h"

enum { CONNECTIONS = 1024 };

/* The library has threads of its own and says neither when one starts nor when it ends, but each must be registered with
 * the table before it reads.  So the first read in a thread registers it, and marks it with this thread-specific value,
 * whose destructor takes it off again when the thread ends.  The key belongs to the server: nothing here is global. */
static void reader_ends(void *server)
{
	table_reader_exit();
}

void http_reader(struct http_server *s)
{
	if (UNLIKELY(!pthread_getspecific(s->reader))) {
		table_reader_init();
		pthread_setspecific(s->reader, s);
	}
}

const struct table_view *http_table_enter(struct http_server *s)
{
	http_reader(s);
	return table_enter(s->table);
}

void http_table_leave(struct http_server *s)
{
	table_leave(s->table);
}

void http_refuse(const struct http_server *s, const struct http_request *q, struct http_answer *a)
{
	char text[120];
	switch (q->refusal) {
	case 413:
		snprintf(text, sizeof(text), "the body is larger than the %zu octets that are taken; send it in parts",
			 s->options.body_max);
		break;
	case 414:
		snprintf(text, sizeof(text), "the request target is longer than %d octets", HTTP_TARGET_MAX);
		break;
	default:
		snprintf(text, sizeof(text), "too many large requests are being answered; try again in a moment");
		http_answer_header(a, "Retry-After", "1");
	}
	http_problem(a, q->refusal, q->target, text);
}

static void wrong_media(const struct http_request *q, const struct http_route *r, struct http_answer *a)
{
	char text[400];
	snprintf(text, sizeof(text), "the Content-Type is none of those that are taken here: %s; with curl: "
		 "-H 'Content-Type: text/plain' --data-binary @FILE", r->takes);
	http_problem(a, 415, q->target, text);
}

/* Everything before the handler of the row: @return true when the answer is there, or the body must be read first. */
static bool screen(const struct http_server *s, const struct http_request *q, const struct http_route *r, const char *allow,
		   struct http_answer *a)
{
	if (r && r->own_order)
		return false;
	if (q->refusal)
		http_refuse(s, q, a);
	else if (!r && allow[0]) {
		http_answer_header(a, "Allow", allow);
		http_problem(a, 405, q->target, "the method is not one of those in the Allow field");
	} else if (!r)
		http_problem(a, 404, q->target, "there is nothing at this path; /openapi.json lists what there is");
	else if (!http_may(q, r, a))
		return true;
	else if (!http_route_takes(r, http_request_header(q, "Content-Type")))
		wrong_media(q, r, a);
	return a->status || q->incomplete;
}

/* All words into `store`, which has room for the target. */
static enum err decode(struct http_words *w, uint8_t *store, struct fault *f)
{
	for (unsigned i = 0; i < w->n; i++) {
		size_t n;
		if (http_percent_decode(w->word[i], store, &n, f))
			return ERR_SYNTAX;
		w->word[i] = span_of(store, n);
		store += n;
	}
	return OK;
}

static bool says(const struct http_answer *a, const char *name)
{
	for (unsigned i = 0; i < a->n_headers; i++)
		if (!strcmp(a->header[i].name, name))
			return true;
	return false;
}

static void dispatch(void *ctx, struct http_request *q, struct http_answer *a)
{
	struct http_server *s = ctx;
	uint64_t began = clock_mono_ns();
	char allow[HTTP_HEADER_VALUE_MAX];
	uint8_t decoded[HTTP_TARGET_MAX];
	struct http_words words;
	struct fault f;
	struct asker asker;
	q->asker = &asker;
	const struct http_route *r = http_route_find(q->method, q->target, &words, allow);
	if (http_authenticate(s, q, &asker, a) && !screen(s, q, r, allow, a)) {
		if (decode(&words, decoded, &f))
			http_problem(a, 400, q->target, f.text);
		else
			r->handle(s, q, &words, a);
	}
	if (!a->status)
		return;
	http_answer_header(a, "X-Content-Type-Options", "nosniff");
	if (!says(a, "Cache-Control"))
		http_answer_header(a, "Cache-Control", "no-store");
	http_meter_count(&s->meter, r, a->status, clock_mono_ns() - began);
}

static void complain(const char *text)
{
	log_line(LOG_ERROR, "%s", text);
}

void http_server_set_clear(struct http_server *s, clearance clear)
{
	if (atomic_exchange(&s->clear, clear) != clear)
		http_streams_end(s->streams);
}

static void release(struct http_server *s)
{
	http_streams_free(s->streams);
	misp_events_free(s->misp);
	objects_close(s->objects);
	free(s);
}

enum err http_server_open(const struct http_options *o, struct table *t, struct ledger *l, struct http_server **ret_server,
			  struct fault *f)
{
	struct http_server *s = mem_zalloc(sizeof(*s));
	s->options = *o;
	http_server_set_clear(s, o->clear);
	s->table = t;
	s->ledger = l;
	s->since_ms = clock_ms();
	random_octets(&s->failure_seed, sizeof(s->failure_seed));
	unsigned connections = o->connections ? o->connections : CONNECTIONS;
	enum err e = o->node ? objects_open(o->node, complain, &s->objects, f) : OK;
	if (e) {
		free(s);
		return e;
	}
	s->misp = o->node ? misp_events_new(o->node) : NULL;
	s->streams = o->node ? http_streams_new(o->node, connections - connections / 8) : NULL;
	if (pthread_key_create(&s->reader, reader_ends)) {
		release(s);
		return fault_set(f, ERR_IO, "no thread-specific key is left for the HTTP server");
	}
	const struct httpd_options options = {
		.address = o->address, .threads = o->threads, .body_max = o->body_max, .server = "sipar/" SIPAR_VERSION,
		.handle = dispatch, .ctx = s, .connections = connections,
	};
	e = httpd_open(&options, &s->httpd, f);
	if (e) {
		pthread_key_delete(s->reader);
		release(s);
		return e;
	}
	*ret_server = s;
	return OK;
}

uint16_t http_server_port(const struct http_server *s)
{
	return (uint16_t)httpd_port(s->httpd);
}

void http_server_close(struct http_server *s)
{
	if (!s)
		return;
	httpd_close(s->httpd);
	pthread_key_delete(s->reader);
	release(s);
}
