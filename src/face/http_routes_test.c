/* The rows, and what is printed from them: the OpenAPI description, and by hand docs/http.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "codec/json.h"
#include "face/http_parts.h"

/* @param words  with a blank between them. */
static void check_route(const char *method, const char *target, const char *id, const char *words, const char *allow)
{
	struct http_words w;
	struct buf found = { 0 };
	char allowed[HTTP_HEADER_VALUE_MAX];
	const struct http_route *r = http_route_find(method, span_str(target), &w, allowed);
	if (!id != !r || (r && strcmp(r->id, id) != 0))
		fail_msg("%s %s is %s, not %s", method, target, r ? r->id : "none", id ? id : "none");
	for (unsigned i = 0; r && i < w.n; i++) {
		buf_puts(&found, i ? " " : "");
		buf_putspan(&found, w.word[i]);
	}
	if (r && strcmp(buf_cstr(&found), words) != 0)
		fail_msg("%s: the words are \"%s\", not \"%s\"", target, buf_cstr(&found), words);
	if (!r && strcmp(allowed, allow) != 0)
		fail_msg("%s %s allows \"%s\", not \"%s\"", method, target, allowed, allow);
	buf_release(&found);
}

static void finds_rows(void **state)
{
	check_route("GET", "/v1/lookup/192.0.2.1", "lookup", "192.0.2.1", NULL);
	check_route("HEAD", "/v1/lookup/192.0.2.1", "lookup", "192.0.2.1", NULL);
	check_route("GET", "/v1/lookup/http://evil.example/a?b=c&d//", "lookup", "http://evil.example/a?b=c&d//", NULL);
	check_route("GET", "/v1/lookup/", "lookup", "", NULL);
	check_route("GET", "/v1/why/%2e", "why", "%2e", NULL);
	check_route("GET", "/v1/allow/50/192.0.2.1", "allow", "50 192.0.2.1", NULL);
	check_route("GET", "/v1/allow/192.0.2.1", NULL, NULL, "");
	check_route("POST", "/v1/lookup", "lookupMany", "", NULL);
	check_route("POST", "/v1/lookup?x", "lookupMany", "", NULL);
	check_route("GET", "/healthz?", "health", "", NULL);
	check_route("GET", "/v1/lookup", NULL, NULL, "POST");
	check_route("POST", "/v1/lookup/x", NULL, NULL, "GET, HEAD");
	check_route("get", "/healthz", NULL, NULL, "GET, HEAD");
	check_route("GET", "", NULL, NULL, "");
	check_route("GET", "/", NULL, NULL, "");
	check_route("GET", "/v1/lookupx", NULL, NULL, "");
	check_route("GET", "/healthz/", NULL, NULL, "");
	check_route("GET", "/%68ealthz", NULL, NULL, "");
	check_route("GET", "*", NULL, NULL, "");
	check_route("GET", "/lanes", "lanes", "", NULL);
	check_route("GET", "/lanes?a", "lanes", "", NULL);
	check_route("GET", "/lanes/public/checkpoint", "laneCheckpoint", "public", NULL);
	check_route("GET", "/lanes/public/checkpoint?x", "laneCheckpoint", "public", NULL);
	check_route("GET", "/lanes/a%2fb/checkpoint", "laneCheckpoint", "a%2fb", NULL);
	check_route("GET", "/lanes/public/tile/entries/x001/067.p/5", "laneTile", "public entries/x001/067.p/5", NULL);
	check_route("HEAD", "/lanes/public/tile/0/000?x", "laneTile", "public 0/000?x", NULL);
	check_route("GET", "/lanes/public/tile/", "laneTile", "public ", NULL);
	check_route("GET", "/lanes/tile/tile/tile", "laneTile", "tile tile", NULL);
	check_route("POST", "/lanes/public/cosignature", "laneCosignature", "public", NULL);
	check_route("GET", "/lanes/public/cosignature", NULL, NULL, "POST");
	check_route("PUT", "/lanes/public/receipt/7", NULL, NULL, "GET, HEAD");
	check_route("GET", "/lanes/", NULL, NULL, "");
	check_route("GET", "/lanes//checkpoint", NULL, NULL, "");
	check_route("GET", "/lanes/a?b/checkpoint", NULL, NULL, "");
	check_route("GET", "/lanes/a/b/checkpoint", NULL, NULL, "");
	check_route("GET", "/lanes/public", NULL, NULL, "");
	check_route("GET", "/lanes/public/tile", NULL, NULL, "");
	check_route("GET", "/lanes/public/checkpoint/", NULL, NULL, "");
	check_route("GET", "/taxii2/", "taxiiDiscovery", "", NULL);
	check_route("GET", "/taxii2?a/", "taxiiDiscovery", "", NULL);
	check_route("GET", "/taxii2/api/collections/x", "taxiiCollection", "x", NULL);
	check_route("GET", "/taxii2/api/collections/x?limit=1", "taxiiCollection", "x", NULL);
	check_route("GET", "/taxii2/api/collections/x/objects/?match[id]=a/b", "taxiiObjects", "x", NULL);
	check_route("GET", "/taxii2/api/collections/x/objects/y/versions", "taxiiVersions", "x y", NULL);
	check_route("GET", "/taxii2/api/collections/x/objects//", NULL, NULL, "");
	check_route("GET", "/taxii2x", NULL, NULL, "");
}

static void percent(void **state)
{
	static const struct { const char *in, *out; } good[] = {
		{ "", "" }, { "a+b", "a+b" }, { "%61%2f%2F%3f", "a//?" }, { "a%2561", "a%61" }, { "x%c3%a7", "x\xc3\xa7" },
	};
	static const char *const bad[] = { "%", "%4", "a%zz", "%%41", "%4", "%-1", "% 1" };
	uint8_t out[16];
	size_t n;
	struct fault f;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(http_percent_decode(span_str(good[i].in), out, &n, &f), OK);
		assert_true(span_is(span_of(out, n), good[i].out));
	}
	assert_int_equal(http_percent_decode(SPAN_LIT("%00"), out, &n, &f), OK);
	assert_true(n == 1 && out[0] == 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(http_percent_decode(span_str(bad[i]), out, &n, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "octet 1 "));
}

static void media(void **state)
{
	struct http_words words;
	char allow[HTTP_HEADER_VALUE_MAX];
	const struct http_route *many = http_route_find("POST", SPAN_LIT("/v1/lookup"), &words, allow);
	assert_true(http_route_takes(many, NULL));
	assert_true(http_route_takes(many, "text/plain"));
	assert_true(http_route_takes(many, "Application/JSON ; charset=utf-8"));
	assert_true(http_route_takes(many, "application/x-ndjson"));
	assert_true(http_route_takes(many, "application/x-www-form-urlencoded"));
	assert_false(http_route_takes(many, "image/png"));
	assert_false(http_route_takes(many, ""));
	assert_false(http_route_takes(many, "text"));
	assert_false(http_route_takes(many, "text/plain application/json"));
	assert_true(http_media_is(SPAN_LIT(" text/PLAIN;q=0.1"), "text/plain"));
	assert_false(http_media_is(SPAN_LIT("text/plainer"), "text/plain"));
}

/* Lines "key key key" of all members down to the fourth level, and of each reference what it must find among them. */
static void outline(struct span json, struct buf *keys, struct buf *refs)
{
	struct json_reader r;
	struct span path[5] = { 0 };
	enum json_token t;
	json_init(&r, json, true);
	buf_putc(keys, '\n');
	while ((t = json_next(&r)) != JSON_END) {
		if (t == JSON_ERROR)
			fail_msg("octet %zu: %s", r.pos, r.error);
		if (t == JSON_KEY && r.depth <= 4) {
			path[r.depth] = r.slice;
			for (unsigned i = 1; i <= r.depth; i++) {
				buf_putspan(keys, path[i]);
				buf_putc(keys, i < r.depth ? ' ' : '\n');
			}
		}
		if (t == JSON_STRING && span_starts(r.slice, SPAN_LIT("#/"))) {
			buf_putc(refs, '\n');
			for (size_t i = 2; i < r.slice.n; i++)
				buf_putc(refs, r.slice.p[i] == '/' ? ' ' : r.slice.p[i]);
			buf_puts(refs, "\n");
			buf_putc(refs, 0);
		}
	}
}

static void openapi_has_every_row(void **state)
{
	struct buf json = { 0 }, keys = { 0 }, refs = { 0 };
	http_openapi(&json);
	outline(buf_span(&json), &keys, &refs);
	const char *text = buf_cstr(&keys);
	for (const struct http_route *r = http_routes; r->method; r++) {
		char line[200];
		snprintf(line, sizeof(line), "\npaths %s %s operationId\n", r->path, strcmp(r->method, "GET") ? "post" : "get");
		if (!strstr(text, line))
			fail_msg("no%s in:%s", line, text);
	}
	assert_non_null(strstr(text, "\ninfo version\n"));
	size_t n = 0;
	for (const char *p = (const char *)refs.p; p < (const char *)refs.p + refs.n; p += strlen(p) + 1, n++)
		if (!strstr(text, p))
			fail_msg("nothing at%s", p);
	assert_true(n > 10);
	buf_release(&json);
	buf_release(&keys);
	buf_release(&refs);
}

static void documented(void **state)
{
	struct buf text = { 0 };
	int fd = open(SOURCE_ROOT "/docs/http.md", O_RDONLY);
	ssize_t n;
	assert_true(fd >= 0);
	while ((n = read(fd, buf_reserve(&text, 65536), 65536)) > 0)
		text.n += (size_t)n;
	close(fd);
	for (const struct http_route *r = http_routes; r->method; r++) {
		char heading[200];
		snprintf(heading, sizeof(heading), "## %s %s\n", r->method, r->path);
		if (!strstr(buf_cstr(&text), heading))
			fail_msg("docs/http.md does not have %s", heading);
	}
	buf_release(&text);
}

static void problems(void **state)
{
	struct http_answer a = { 0 };
	http_problem(&a, 400, SPAN_LIT("/v1/lookup/\"\xff"), "not \"it\"");
	assert_int_equal(a.status, 400);
	assert_string_equal(a.type, "application/problem+json");
	assert_string_equal(buf_cstr(&a.body),
			    "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"not \\\"it\\\"\","
			    "\"instance\":\"/v1/lookup/\\\"\xef\xbf\xbd\"}\n");
	http_problem(&a, 404, SPAN_LIT("/taxii2/x"), "no \"it\"");
	assert_string_equal(a.type, "application/taxii+json;version=2.1");
	assert_string_equal(buf_cstr(&a.body), "{\"title\":\"Not Found\",\"description\":\"no \\\"it\\\"\",\"http_status\":\"404\"}\n");
	http_problem(&a, 404, SPAN_LIT("/taxii2x"), "not it");
	assert_string_equal(a.type, "application/problem+json");
	buf_release(&a.body);
}

/* What no row allows, nobody may: one that was forgotten would be for nobody. */
static void each_needs_one_right(void **state)
{
	(void)state;
	for (const struct http_route *r = http_routes; r->method; r++)
		if (!r->right || r->right & (r->right - 1) || r->right > RIGHT_AUDIT)
			fail_msg("%s %s needs %u, which is not one right", r->method, r->path, r->right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_rows), cmocka_unit_test(percent), cmocka_unit_test(media),
		cmocka_unit_test(openapi_has_every_row), cmocka_unit_test(documented), cmocka_unit_test(each_needs_one_right), cmocka_unit_test(problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
