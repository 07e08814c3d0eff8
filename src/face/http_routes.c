/* The table of operations, and how a request finds its row. */
#include "base/num.h"
#include "face/http_parts.h"

/* What curl --data-binary says when it is told nothing is taken for lines, too. */
#define BULK_MEDIA "text/plain application/x-ndjson application/ndjson application/jsonl application/json application/x-www-form-urlencoded"

const struct http_route http_routes[] = {
	{ "GET", "/v1/lookup/{value}", http_lookup_one, "lookup", "What is known about one observable",
	  "The value is an IP address or prefix, domain, URL, file hash or e-mail address, in any spelling that people use. It is "
	  "the whole rest of the request target, a '?' and what follows included, and is percent-decoded once: a URL may be "
	  "written as it is, or percent-encoded, which is safer. Unlisted values are answered with 200 and listed false.",
	  NULL, { { "application/json", "Lookup" } } },
	{ "POST", "/v1/lookup", http_bulk, "lookupMany", "What is known about many observables",
	  "One value per line: bare, as a JSON string, or as a JSON object with a string member \"value\"; blank lines are skipped. "
	  "With Content-Type application/json the body is one JSON array of such strings and objects instead. The answer has one "
	  "line per value in the same order; a value that is not an observable gives a line with an error.",
	  BULK_MEDIA, { { "application/x-ndjson", "LookupLine" } } },
	{ "GET", "/v1/why/{value}", http_why, "why", "The score of one observable, line by line",
	  "All that is needed to compute the score again: each claim with its source, age, decay and weight. The value is taken as "
	  "by lookup. With Accept: text/plain the sum is laid out for people.",
	  NULL, { { "application/json", "Why" }, { "text/plain", NULL } } },
	{ "GET", "/healthz", http_healthz, "health", "Is the service answering, and from what", "", NULL,
	  { { "application/json", "Health" } } },
	{ "GET", "/metrics", http_metrics, "metrics", "Metrics in the Prometheus text format", "", NULL, { { "text/plain", NULL } } },
	{ "GET", "/openapi.json", http_openapi_get, "openapi", "This description", "", NULL, { { "application/json", "OpenAPI" } } },
	{ NULL },
};

_Static_assert(COUNT_OF(http_routes) - 1 <= HTTP_ROUTES_MAX, "the meter has room for each row");

static bool path_is(const char *pattern, struct span target, struct span *ret_value)
{
	struct span p = span_str(pattern), literal = span_head(p, span_find(p, '{'));
	if (literal.n < p.n) {
		*ret_value = span_from(target, literal.n);
		return span_starts(target, literal);
	}
	*ret_value = span_of(NULL, 0);
	return span_eq(span_head(target, span_find(target, '?')), literal);
}

const struct http_route *http_route_find(const char *method, struct span target, struct span *ret_value,
					 char ret_allow[HTTP_HEADER_VALUE_MAX])
{
	bool get = !strcmp(method, "HEAD");
	size_t n = 0;
	ret_allow[0] = 0;
	for (const struct http_route *r = http_routes; r->method; r++) {
		if (!path_is(r->path, target, ret_value))
			continue;
		if (!strcmp(r->method, get ? "GET" : method))
			return r;
		n += (size_t)snprintf(ret_allow + n, HTTP_HEADER_VALUE_MAX - n, "%s%s", n ? ", " : "",
				      strcmp(r->method, "GET") ? r->method : "GET, HEAD");
	}
	return NULL;
}

bool http_media_is(struct span field, const char *media)
{
	return span_ieq(span_trim(span_head(field, span_find(field, ';'))), span_str(media));
}

bool http_route_takes(const struct http_route *r, const char *type)
{
	if (!r->takes || !type)
		return true;
	struct span want = span_str(type), have = span_str(r->takes);
	want = span_trim(span_head(want, span_find(want, ';')));
	while (have.n) {
		size_t n = span_find(have, ' ');
		if (span_ieq(span_head(have, n), want))
			return true;
		have = span_from(have, n + 1);
	}
	return false;
}

enum err http_percent_decode(struct span s, uint8_t *ret, size_t *ret_n, struct fault *f)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%')
			ret[n++] = s.p[i];
		else if (!hex_decode(span_head(span_from(s, i + 1), 2), ret + n, 1))
			n++, i += 2;
		else
			return fault_set(f, ERR_SYNTAX, "'%%' without two hexadecimal digits behind it, at octet %zu of the value", i + 1);
	}
	*ret_n = n;
	return OK;
}
