/* The whole face over a socket, with a table and a ledger of its own. */
#include "face/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "sys/key.h"
#include "view/reputation.h"

enum { BODY_MAX_TEST = 4 << 20, LANE = 0, SECRET_LANE = 1 };

struct node {
	char dir[32];
	struct table *table;
	struct ledger *ledger;
	struct source_set *sources;
	struct rules *rules;
	struct meaning meaning;
	struct http_server *http;
};

static void check(enum err e, const struct fault *f)
{
	if (e)
		fail_msg("%s: %s", err_name(e), f->text);
}

static void add(struct batch *b, const char *value, uint8_t category, uint8_t lane)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct fault f;
	check(obs_parse(span_str(value), store, &o, &f), &f);
	const struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	const struct claim c = {
		.seen = (uint32_t)(clock_ms() / 1000), .category = category, .confidence = 100, .stance = STANCE_INDICATOR,
		.flags = CLAIM_FIRST, .lane = lane,
	};
	check(batch_add(b, &k, &c, &f), &f);
}

static void no_drop(const void *context)
{
}

static void more_metrics(void *ctx, struct buf *out)
{
	buf_puts(out, "sipar_test_more 1\n");
}

static void fill(struct node *n)
{
	struct fault f;
	struct image *image;
	const struct source_change c = { .op = SOURCE_ADD, .name = SPAN_LIT("test-feed"), .has_weight = true, .weight_db = 40 };
	struct batch *b = batch_new(table_seed(n->table), table_dir(n->table), 1 << 20);
	check(source_apply(n->sources, &c, &f), &f);
	add(b, "192.0.2.1", CAT_C2, LANE);
	add(b, "198.51.100.0/24", CAT_HIJACKED, LANE);
	add(b, "evil.example", CAT_PHISHING, LANE);
	add(b, "http://evil.example/a?b=c&d", CAT_MALWARE, LANE);
	add(b, "2001:db8::7", CAT_C2, LANE);
	add(b, "203.0.113.9", CAT_C2, SECRET_LANE);
	check(batch_stamp(b, 1, 0, &f), &f);
	check(batch_finish(b, NULL, &image, NULL, &f), &f);
	batch_free(b);
	n->meaning = (struct meaning){ n->sources, n->rules };
	check(table_push(n->table, image, &n->meaning, no_drop, NULL, NULL, &f), &f);
}

static int start(void **state)
{
	struct node *n = mem_zalloc(sizeof(*n));
	struct fault f;
	uint64_t folded;
	const struct siphash_seed seed = { 1, 2 };
	snprintf(n->dir, sizeof(n->dir), "/tmp/sipar-http-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	const struct lane public = { .name = "public", .tlp = TLP_CLEAR, .realm = "production" };
	const struct lane secret = { .name = "secret", .tlp = TLP_RED, .realm = "production" };
	check(key_create(n->dir, span_of(NULL, 0), &f), &f);
	check(ledger_create(n->dir, "node.example", &f), &f);
	check(ledger_open(n->dir, true, &n->ledger, &f), &f);
	check(ledger_lane_create(n->ledger, &public, NULL, &f), &f);
	check(ledger_lane_create(n->ledger, &secret, NULL, &f), &f);
	check(table_open(n->dir, seed, true, &n->table, &folded, &f), &f);
	n->sources = source_set_new();
	n->rules = rules_new();
	fill(n);
	const struct http_options o = {
		.address = "127.0.0.1:0", .threads = 2, .clear = 1 << LANE, .body_max = BODY_MAX_TEST, .more_metrics = more_metrics,
	};
	check(http_server_open(&o, n->table, n->ledger, &n->http, &f), &f);
	*state = n;
	return 0;
}

static int stop(void **state)
{
	struct node *n = *state;
	char command[80];
	http_server_close(n->http);
	table_close(n->table);
	ledger_close(n->ledger);
	source_set_free(n->sources);
	rules_free(n->rules);
	snprintf(command, sizeof(command), "rm -r %s", n->dir);
	int removed = system(command);
	free(n);
	return removed;
}

static int dial(const struct node *n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(http_server_port(n->http)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void tell(int fd, const void *text, size_t n)
{
	for (const char *p = text; n;) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			return; /* refused early */
		p += k;
		n -= (size_t)k;
	}
}

/* One request of its own connection (HTTP/1.0: answers in pieces come bare).  The answer, all of it, is the caller's to free. */
static char *ask(const struct node *n, const char *method, const char *target, const char *fields, struct span body)
{
	struct buf b = { 0 };
	int fd = dial(n);
	buf_printf(&b, "%s %s HTTP/1.0\r\n%s", method, target, fields);
	if (body.n)
		buf_printf(&b, "Content-Length: %zu\r\n", body.n);
	buf_puts(&b, "\r\n");
	tell(fd, b.p, b.n);
	tell(fd, body.p, body.n);
	b.n = 0;
	for (ssize_t k; (k = recv(fd, buf_reserve(&b, 65536), 65536, 0)) > 0;)
		b.n += (size_t)k;
	close(fd);
	char *text = mem_strndup(b.p, b.n);
	buf_release(&b);
	return text;
}

/* The answer has `status` and each of the `want` (ended by NULL); a JSON body is JSON, line by line. */
static void expect_body(const struct node *n, const char *method, const char *target, const char *fields, struct span body,
			unsigned status, const char *const *want)
{
	char line[40], *answer = ask(n, method, target, fields, body), *text = strstr(answer, "\r\n\r\n");
	snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	if (!strstr(answer, line) || !text)
		fail_msg("%s %.100s: %.500s", method, target, answer);
	for (; *want; want++)
		if (!strstr(answer, *want))
			fail_msg("%s %.100s: no %s in %.900s", method, target, *want, answer);
	assert_non_null(strstr(answer, "\r\nServer: sipar/"));
	assert_non_null(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
	struct span rest = span_str(text + 4);
	while (strstr(answer, "json\r\n") && rest.n) {
		struct json_reader r;
		struct span one = span_head(rest, span_find(rest, '\n'));
		assert_int_equal(rest.p[one.n], '\n');
		rest = span_from(rest, one.n + 1);
		json_init(&r, one, true);
		if (json_skip(&r) != JSON_OBJECT || json_next(&r) != JSON_END)
			fail_msg("not a JSON object: " SPAN_FMT, SPAN_ARG(one));
	}
	free(answer);
}

#define EXPECT(n, method, target, fields, status, ...)                                                                 \
	expect_body(n, method, target, fields, span_of(NULL, 0), status, (const char *const[]){ __VA_ARGS__, NULL })
#define POST(n, type, body, status, ...)                                                                               \
	expect_body(n, "POST", "/v1/lookup", "Content-Type: " type "\r\n", SPAN_LIT(body), status,                           \
		    (const char *const[]){ __VA_ARGS__, NULL })

static void looks_up(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/v1/lookup/192.0.2.1", "", 200, "application/json", "no-store",
	       "{\"value\":\"192.0.2.1\",\"kind\":\"ipv4\",\"listed\":true,\"score\":", "\"c2-server\"", "\"test-feed\"");
	EXPECT(n, "GET", "/v1/lookup/198.51.100.77", "", 200, "\"listed\":true", "\"198.51.100.77\"");
	EXPECT(n, "GET", "/v1/lookup/192.0.2.2", "", 200, "\"listed\":false,\"score\":0,\"categories\":[],\"sources\":[]");
	EXPECT(n, "GET", "/v1/lookup/www.Evil%5B.%5Dexample", "", 200, "\"value\":\"www.evil.example\"", "\"phishing\"");
	EXPECT(n, "GET", "/v1/lookup/2001:db8:0::7", "", 200, "\"value\":\"2001:db8::7\"", "\"listed\":true");
}

static void urls(void **state)
{
	const struct node *n = *state;
	static const char *const spellings[] = {
		"/v1/lookup/http://evil.example/a?b=c&d", "/v1/lookup/http%3A%2F%2Fevil.example%2Fa%3Fb%3Dc%26d",
		"/v1/lookup/http://evil.example/a%3Fb=c&d", "http://host:8300/v1/lookup/hxxp://evil%5B.%5Dexample/a?b=c&d",
	};
	for (size_t i = 0; i < COUNT_OF(spellings); i++)
		EXPECT(n, "GET", spellings[i], "", 200, "\"value\":\"http://evil.example/a?b=c&d\",\"kind\":\"url\",\"listed\":true",
		       "malware-distribution");
}

static void clearance_holds(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/v1/lookup/203.0.113.9", "", 200, "\"listed\":false,\"score\":0");
	EXPECT(n, "GET", "/v1/why/203.0.113.9", "", 200, "\"lines\":[]");
	POST(n, "text/plain", "203.0.113.9\n", 200, "\"listed\":false,\"score\":0");
	EXPECT(n, "GET", "/metrics", "", 200, "sipar_ledger_entries{lane=\"public\"}");
	char *answer = ask(n, "GET", "/metrics", "", span_of(NULL, 0));
	assert_null(strstr(answer, "secret"));
	free(answer);
}

static void not_observables(void **state)
{
	const struct node *n = *state;
	static const char *const bad[] = { "", "%20", "a%00b", "300.1.1.1", "%ff%fe", "10.0.0.0/33", "\"{}", "%0d%0aX-Evil:1", "%e2%80%ae" };
	char target[100];
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(target, sizeof(target), "/v1/lookup/%s", bad[i]);
		EXPECT(n, "GET", target, "", 400, "application/problem+json", "\"status\":400,\"detail\":\"", "\"title\":\"Bad Request\"");
		snprintf(target, sizeof(target), "/v1/why/%s", bad[i]);
		EXPECT(n, "GET", target, "", 400, "application/problem+json");
	}
	EXPECT(n, "GET", "/v1/lookup/%zz", "", 400, "two hexadecimal digits", "\"instance\":\"/v1/lookup/%zz\"");
}

static void refusals(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/", "", 404, "\"status\":404", "openapi.json");
	EXPECT(n, "GET", "/v1/../v1/lookup/x", "", 404, "\"status\":404");
	EXPECT(n, "DELETE", "/v1/lookup/192.0.2.1", "", 405, "Allow: GET, HEAD\r\n", "\"status\":405");
	EXPECT(n, "GET", "/v1/lookup", "", 405, "Allow: POST\r\n");
	POST(n, "image/png", "192.0.2.1", 415, "\"status\":415");
	POST(n, "application/x-www-form-urlencoded", "192.0.2.1\n", 200, "\"value\":\"192.0.2.1\"");
	POST(n, "application/json", "[\"192.0.2.1\"", 400, "not JSON");
	POST(n, "application/json", "\"192.0.2.1\"", 400, "not an array");
	EXPECT(n, "POST", "/v1/lookup", "Content-Length: 99999999\r\n", 413, "\"status\":413", "4194304 octets");
	char *target = mem_alloc(10001);
	memset(target, 'a', 10000);
	memcpy(target, "/v1/lookup/", 11);
	target[10000] = 0;
	EXPECT(n, "GET", target, "", 414, "\"status\":414");
	target[3000] = 0; /* taken, but no observable is that long */
	EXPECT(n, "GET", target, "", 400, "\"status\":400");
	free(target);
}

static void head(void **state)
{
	const struct node *n = *state;
	static const char *const targets[] = { "/v1/lookup/192.0.2.1", "/v1/why/192.0.2.1", "/healthz", "/metrics", "/openapi.json", "/none" };
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		char *answer = ask(n, "HEAD", targets[i], "", span_of(NULL, 0));
		assert_non_null(strstr(answer, i == 5 ? " 404 " : " 200 "));
		assert_non_null(strstr(answer, "Content-Length: "));
		assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");
		free(answer);
	}
}

static void allows(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/v1/allow/50/192.0.2.1", "", 403, "Sipar-Score: 99\r\n", "\"detail\":\"listed, score 99, c2-server\"");
	EXPECT(n, "GET", "/v1/allow/99/192.0.2.1", "", 403, "Sipar-Score: 99\r\n");
	EXPECT(n, "GET", "/v1/allow/100/192.0.2.1", "", 204, "Sipar-Score: 99\r\n");
	EXPECT(n, "GET", "/v1/allow/1/192.0.2.77", "", 204, "Sipar-Score: 0\r\n");
	EXPECT(n, "GET", "/v1/allow/1/10.0.0.1", "", 204, "Sipar-Score: 0\r\n");
	EXPECT(n, "GET", "/v1/allow/0/192.0.2.1", "", 400, "from 1 to 100");
	EXPECT(n, "GET", "/v1/allow/101/192.0.2.1", "", 400, "from 1 to 100");
	EXPECT(n, "GET", "/v1/allow/50/nothing%20at%20all", "", 400, "\"status\":400");
	EXPECT(n, "GET", "/v1/allow/50/300.1.1.1", "", 400, "above 255");
}

static void why(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/v1/why/192.0.2.1", "", 200, "application/json", "Vary: Accept", "\"lines\":[{", "\"source\":\"test-feed\"");
	EXPECT(n, "GET", "/v1/why/192.0.2.1", "Accept: text/plain;q=0.9, */*\r\n", 200, "text/plain", "192.0.2.1 (ipv4): listed", "test-feed");
	EXPECT(n, "GET", "/v1/why/192.0.2.1", "Accept: application/json, text/plain\r\n", 200, "application/json");
	EXPECT(n, "GET", "/v1/why/192.0.2.1", "Accept: */*\r\n", 200, "application/json");
}

static void many(void **state)
{
	const struct node *n = *state;
	POST(n, "text/plain", "192.0.2.1\n\n{\"value\":\"evil.example\"}\r\nno observable\n\"198.51.100.3\"\n", 200, "application/x-ndjson",
	     "\r\n\r\n{\"value\":\"192.0.2.1\",\"kind\":\"ipv4\",\"listed\":true",
	     "]}\n{\"value\":\"evil.example\",\"kind\":\"domain\",\"listed\":true", "]}\n{\"value\":\"no observable\",\"error\":\"",
	     "\"}\n{\"value\":\"198.51.100.3\"");
	POST(n, "application/x-ndjson; charset=utf-8", "{\"value\":7}\n\xff\xfe\n", 200, "{\"value\":\"{\\\"value\\\":7}\",\"error\":\"",
	     "{\"value\":\"\xef\xbf\xbd");
	POST(n, "application/json", "[\"192.0.2.1\", 7, {\"value\":\"evil.example\"}]", 200, "\r\n\r\n{\"value\":\"192.0.2.1\",",
	     "]}\n{\"value\":\"7\",\"error\":", "\"}\n{\"value\":\"evil.example\",\"kind\"");
	POST(n, "application/json", "[]", 200, "Content-Length: 0\r\n");
	POST(n, "text/plain", "\n\n", 200, "Content-Length: 0\r\n");
	EXPECT(n, "POST", "/v1/lookup", "", 200, "Content-Length: 0\r\n");
}

/* Far more than one piece; each value is in the answer once, at its place. */
static void very_many(void **state)
{
	const struct node *n = *state;
	enum { VALUES = 30000 };
	struct buf body = { 0 };
	for (unsigned i = 0; i < VALUES; i++)
		buf_printf(&body, i % 100 == 7 ? "rubbish %u %u\n" : "192.0.%u.%u\n", i / 250, i % 250);
	char *answer = ask(n, "POST", "/v1/lookup", "", buf_span(&body)), *text = strstr(answer, "\r\n\r\n");
	assert_non_null(text);
	struct span rest = span_str(text + 4);
	unsigned i = 0;
	for (; rest.n; i++) {
		char want[60];
		snprintf(want, sizeof(want), i % 100 == 7 ? "{\"value\":\"rubbish %u %u\",\"error\":" : "{\"value\":\"192.0.%u.%u\",\"kind\":", i / 250, i % 250);
		if (!span_starts(rest, span_str(want)))
			fail_msg("line %u is " SPAN_FMT ", not %s", i, SPAN_ARG(span_head(rest, 60)), want);
		rest = span_from(rest, span_find(rest, '\n') + 1);
	}
	assert_int_equal(i, VALUES);
	free(answer);
	buf_release(&body);
}

static void one_long_line(void **state)
{
	const struct node *n = *state;
	struct buf body = { 0 };
	memset(buf_reserve(&body, BODY_MAX_TEST), 'a', BODY_MAX_TEST);
	body.n = BODY_MAX_TEST;
	expect_body(n, "POST", "/v1/lookup", "", buf_span(&body), 200, (const char *const[]){ "\"error\":\"", NULL });
	buf_putc(&body, 'a');
	expect_body(n, "POST", "/v1/lookup", "", buf_span(&body), 413, (const char *const[]){ "\"status\":413", NULL });
	buf_release(&body);
}

static void tells_of_itself(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/healthz", "", 200, "{\"status\":\"ok\",\"version\":\"", "\",\"uptime_s\":");
	EXPECT(n, "GET", "/openapi.json", "", 200, "application/json", "\"openapi\":\"3.1.0\"");
	EXPECT(n, "GET", "/metrics", "", 200, "text/plain; version=0.0.4", "\nsipar_ledger_entries{lane=\"public\"} ",
	       "\nsipar_http_requests_total{operation=\"health\",status=\"2xx\"} ", "_bucket{le=\"+Inf\"} ",
	       "\nprocess_start_time_seconds ", "\nsipar_test_more 1\n");
}

/* What counts all lanes is only for those who see all. */
static void counts_for_whom(void **state)
{
	struct node *n = *state;
	static const char *const secret[] = { "sipar_table_keys", "sipar_table_claims", "sipar_table_octets", "sipar_table_levels",
					      "sipar_ledger_commits_total", "sipar_ledger_entries_total", "sipar_ledger_body_octets_total",
					      "process_resident_memory_bytes", "process_cpu_seconds_total" };
	char *health = ask(n, "GET", "/healthz", "", span_of(NULL, 0)), *metrics = ask(n, "GET", "/metrics", "", span_of(NULL, 0));
	assert_null(strstr(health, "\"keys\""));
	for (size_t i = 0; i < COUNT_OF(secret); i++)
		assert_null(strstr(metrics, secret[i]));
	free(health);
	free(metrics);
	struct http_server *one = n->http;
	struct fault f;
	const struct http_options o = { .address = "127.0.0.1:0", .threads = 1, .clear = 1 << LANE | 1 << SECRET_LANE };
	check(http_server_open(&o, n->table, n->ledger, &n->http, &f), &f);
	EXPECT(n, "GET", "/healthz", "", 200, "\"keys\":6,\"claims\":6,\"levels\":1,\"uptime_s\":");
	metrics = ask(n, "GET", "/metrics", "", span_of(NULL, 0));
	for (size_t i = 0; i < COUNT_OF(secret); i++)
		assert_non_null(strstr(metrics, secret[i]));
	free(metrics);
	http_server_close(n->http);
	n->http = one;
}

static void lanes(void **state)
{
	const struct node *n = *state;
	EXPECT(n, "GET", "/lanes", "", 200, "Cache-Control: no-cache\r\n", "{\"node\":\"node.example\",\"lanes\":[{\"name\":\"public\",\"audience\":"
	       "\"tlp:clear\",\"realm\":\"production\",\"origin\":\"node.example/lanes/public\",\"size\":1,\"retention\":\"forever\",\"vkey\":"
	       "\"node.example/lanes/public+", "\"}]}\n");
	EXPECT(n, "GET", "/lanes/public/checkpoint", "", 200, "Content-Type: text/plain; charset=utf-8\r\n", "Cache-Control: no-cache\r\n",
	       "\r\n\r\nnode.example/lanes/public\n1\n", "=\n\n\xe2\x80\x94 node.example/lanes/public ");
	EXPECT(n, "GET", "/lanes/public/tile/0/000.p/1", "", 200, "Content-Type: application/octet-stream\r\n", "Content-Length: 32\r\n",
	       "Cache-Control: public, max-age=31536000, immutable\r\n");
	EXPECT(n, "GET", "/lanes/public/tile/entries/000.p/1", "", 200, "Content-Length: 75\r\n");
	EXPECT(n, "GET", "/lanes/public/receipt/0", "", 200, "Cache-Control: no-store\r\n", "\r\n\r\nc2sp.org/tlog-proof@v1\nextra ", "\nindex 0\n");
	static const char *const none[] = { "tile/0/000", "tile/0/000.p/2", "tile/entries/000.p/2", "tile/1/000.p/1", "tile/0/0", "tile/0/000.p/0",
					    "tile/70/000", "tile/0/001.p/1", "tile/x", "tile/", "receipt/1" };
	static const char *const bad[] = { "body/zz", "body/", "body/00", "receipt/x", "receipt/", "receipt/-1" };
	char target[100];
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		snprintf(target, sizeof(target), "/lanes/public/%s", none[i]);
		EXPECT(n, "GET", target, "", 404, "application/problem+json", "Cache-Control: no-store\r\n");
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(target, sizeof(target), "/lanes/public/%s", bad[i]);
		EXPECT(n, "GET", target, "", 400, "application/problem+json");
	}
	EXPECT(n, "GET", "/lanes/public/body/0000000000000000000000000000000000000000000000000000000000000000", "", 404, "problem+json");
	EXPECT(n, "GET", "/lanes/public/cosignature", "", 405, "Allow: POST\r\n");
	expect_body(n, "POST", "/lanes/public/cosignature", "", SPAN_LIT("x"), 400, (const char *const[]){ "\"status\":400", NULL });
}

/* Whatever is asked about a lane that is hidden: the answer is, octet for octet but for the name, that about none. */
static void hidden_lane(void **state)
{
	const struct node *n = *state;
	static const struct { const char *method, *rest; } asks[] = {
		{ "GET", "checkpoint" }, { "HEAD", "checkpoint" }, { "GET", "checkpoint?x" }, { "GET", "tile/0/000.p/1" }, { "GET", "tile/0/000.p/9" },
		{ "GET", "tile/rubbish" }, { "GET", "receipt/0" }, { "GET", "receipt/x" }, { "GET", "receipt/99" }, { "GET", "body/zz" },
		{ "GET", "body/0000000000000000000000000000000000000000000000000000000000000000" }, { "POST", "cosignature" },
		{ "GET", "cosignature" }, { "DELETE", "checkpoint" }, { "GET", "" },
	};
	for (size_t i = 0; i < COUNT_OF(asks); i++) {
		char target[2][120], *answer[2];
		for (int k = 0; k < 2; k++) {
			snprintf(target[k], sizeof(target[k]), "/lanes/%s/%s", k ? "secret" : "nobody", asks[i].rest);
			answer[k] = ask(n, asks[i].method, target[k], "", span_of(NULL, 0));
			for (char *p = answer[k]; (p = strstr(p, k ? "secret" : "nobody"));)
				memcpy(p, "xxxxxx", 6);
			char *date = strstr(answer[k], "Date: ");
			assert_non_null(date);
			memset(date, 'x', strcspn(date, "\r"));
		}
		assert_string_equal(answer[0], answer[1]);
		assert_null(strstr(answer[0], " 200 "));
		free(answer[0]);
		free(answer[1]);
	}
}

struct asker {
	const struct node *node;
	pthread_t thread;
	unsigned good;
};

static void *ask_often(void *ctx)
{
	struct asker *a = ctx;
	for (int i = 0; i < 40; i++) {
		char *answer = ask(a->node, i % 2 ? "GET" : "POST", i % 2 ? "/v1/why/evil.example" : "/v1/lookup", "",
				   i % 2 ? span_of(NULL, 0) : SPAN_LIT("evil.example\n192.0.2.1\n"));
		a->good += strstr(answer, "\"listed\":true") != NULL;
		free(answer);
	}
	return NULL;
}

/* Readers of several threads while the writer publishes. */
static void while_it_changes(void **state)
{
	struct node *n = *state;
	struct asker askers[4];
	struct fault f;
	for (unsigned i = 0; i < COUNT_OF(askers); i++) {
		askers[i] = (struct asker){ .node = n };
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
	}
	for (int i = 0; i < 20; i++)
		check(table_push(n->table, NULL, &n->meaning, no_drop, NULL, NULL, &f), &f);
	for (unsigned i = 0; i < COUNT_OF(askers); i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].good, 40);
	}
}

static void cannot_listen(void **state)
{
	const struct node *n = *state;
	struct http_server *other = NULL;
	struct fault f;
	char taken[40];
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", http_server_port(n->http));
	const struct http_options o = { .address = taken, .threads = 1 };
	assert_int_equal(http_server_open(&o, n->table, n->ledger, &other, &f), ERR_IO);
	assert_non_null(strstr(f.text, taken));
	assert_null(other);
	http_server_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up), cmocka_unit_test(urls), cmocka_unit_test(clearance_holds), cmocka_unit_test(not_observables),
		cmocka_unit_test(refusals), cmocka_unit_test(head), cmocka_unit_test(allows), cmocka_unit_test(why), cmocka_unit_test(many),
		cmocka_unit_test(very_many), cmocka_unit_test(one_long_line), cmocka_unit_test(tells_of_itself),
		cmocka_unit_test(counts_for_whom), cmocka_unit_test(lanes), cmocka_unit_test(hidden_lane),
		cmocka_unit_test(while_it_changes), cmocka_unit_test(cannot_listen),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, start, stop);
}
