/* Against the project's own server, in this process. */
#include "sys/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"
#include "sys/httpd.h"

enum { BODY_MAX_TEST = 100000 };

static unsigned port;
static bool stop_it;

static bool drip(void *ctx, struct buf *out)
{
	unsigned *left = ctx;
	buf_puts(out, "0123456789");
	return --*left > 0;
}

static void answer(void *ctx, struct http_request *q, struct http_answer *a)
{
	char to[HTTP_HEADER_VALUE_MAX];
	unsigned n;
	a->status = q->refusal ? q->refusal : 200;
	a->type = "text/plain";
	if (span_is(q->target, "/missing"))
		a->status = 404;
	if (span_starts(q->target, SPAN_LIT("/hop/")) && q->target.n == 6) {
		n = (unsigned)(q->target.p[5] - '0');
		a->status = 302;
		if (n)
			snprintf(to, sizeof(to), "/hop/%u", n - 1);
		else
			snprintf(to, sizeof(to), "http://127.0.0.1:%u/end", port);
		http_answer_header(a, "Location", to);
		buf_puts(&a->body, "this is elsewhere");
		return;
	}
	if (span_is(q->target, "/tagged")) {
		const char *match = http_request_header(q, "If-None-Match"), *key = http_request_header(q, "Authorization");
		http_answer_header(a, "ETag", "W/\"a-17\"");
		a->status = match && strcmp(match, "W/\"a-17\"") == 0 ? 304 : 200;
		if (a->status == 200)
			buf_printf(&a->body, "%s", key ? key : "none");
		return;
	}
	if (span_is(q->target, "/file")) {
		a->status = 302;
		http_answer_header(a, "Location", "file:///etc/passwd");
		return;
	}
	if (span_is(q->target, "/endless") || span_is(q->target, "/hundred")) {
		unsigned *left = mem_alloc(sizeof(*left));
		*left = span_is(q->target, "/hundred") ? 10 : 1000000000;
		a->more = drip;
		a->release = free;
		a->ctx = left;
		return;
	}
	const char *agent = http_request_header(q, "User-Agent"), *type = http_request_header(q, "Content-Type");
	buf_printf(&a->body, "%s " SPAN_FMT " %s %s %s ", q->method, SPAN_ARG(q->target), agent ? agent : "none",
		   type ? type : "none", http_request_header(q, "Cookie") ? "cookie" : "bare");
	buf_putspan(&a->body, buf_span(&q->body));
}

static int start(void **state)
{
	struct httpd *h;
	struct fault f = { 0 };
	const struct httpd_options o = { "127.0.0.1:0", 2, BODY_MAX_TEST, "test/1", answer, NULL };
	if (httpd_open(&o, &h, &f))
		return -1;
	port = httpd_port(h);
	*state = h;
	return 0;
}

static int stop(void **state)
{
	httpd_close(*state);
	return 0;
}

static const char *url_of(const char *path)
{
	static char url[120];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	return url;
}

static void expect(struct fetcher *t, const char *path, unsigned status, const char *body)
{
	struct buf out = { 0 };
	struct fault f = { 0 };
	unsigned got = 0;
	buf_puts(&out, "> ");
	if (fetch_get(t, url_of(path), 1000, &out, &got, &f))
		fail_msg("%s: %s", path, f.text);
	assert_int_equal(got, status);
	assert_string_equal(buf_cstr(&out), body);
	buf_release(&out);
}

static void refuse(struct fetcher *t, const char *url, enum err e, const char *why)
{
	struct buf out = { 0 };
	struct fault f = { 0 };
	unsigned got = 7;
	buf_puts(&out, "> ");
	assert_int_equal(fetch_get(t, url, 1000, &out, &got, &f), e);
	if (!strstr(f.text, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", url, f.text, why);
	assert_int_equal(got, 7);
	assert_string_equal(buf_cstr(&out), "> ");
	buf_release(&out);
}

static void follows(void **state)
{
	struct fetcher *t = fetcher_new(NULL, NULL);
	expect(t, "/a?b", 200, "> GET /a?b sipar/" SIPAR_VERSION " none bare ");
	expect(t, "/missing", 404, "> GET /missing sipar/" SIPAR_VERSION " none bare ");
	expect(t, "/hop/2", 200, "> GET /end sipar/" SIPAR_VERSION " none bare ");
	fetcher_free(t);
	fetcher_free(NULL);
}

static void sends_more(void **state)
{
	struct fetcher *t = fetcher_new(NULL, NULL);
	struct fetch_extra extra = { .header = { "Authorization: Bearer x", "Other: 1" } };
	struct buf out = { 0 };
	struct fault f;
	char url[80];
	unsigned status;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/tagged", port);
	assert_int_equal(fetch_get_extra(t, url, &extra, 1000, &out, &status, &f), OK);
	assert_int_equal(status, 200);
	assert_string_equal(buf_cstr(&out), "Bearer x");
	assert_string_equal(extra.etag, "W/\"a-17\"");
	assert_int_equal(fetch_get_extra(t, url, &extra, 1000, &out, &status, &f), OK);
	assert_int_equal(status, 304);
	assert_string_equal(extra.etag, "W/\"a-17\"");
	out.n = 0;
	assert_int_equal(fetch_get(t, url, 1000, &out, &status, &f), OK); /* without any of it */
	assert_string_equal(buf_cstr(&out), "none");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hop/0", port);
	assert_int_equal(fetch_get_extra(t, url, &extra, 1000, &out, &status, &f), OK);
	assert_int_equal(status, 302); /* what is secret goes nowhere else */
	buf_release(&out);
	fetcher_free(t);
}

static void posts(void **state)
{
	struct fetcher *t = fetcher_new(NULL, NULL);
	struct buf out = { 0 };
	struct fault f;
	unsigned status;
	for (int i = 0; i < 2; i++) { /* and a GET in between is one */
		out.n = 0;
		assert_int_equal(fetch_post(t, url_of("/p"), "text/x-test", SPAN_LIT("a\0b"), 1000, &out, &status, &f), OK);
		assert_int_equal(status, 200);
		assert_true(span_eq(buf_span(&out), SPAN_LIT("POST /p sipar/" SIPAR_VERSION " text/x-test bare a\0b")));
		expect(t, "/a", 200, "> GET /a sipar/" SIPAR_VERSION " none bare ");
	}
	out.n = 0;
	assert_int_equal(fetch_post(t, url_of("/hop/1"), "text/plain", SPAN_LIT("x"), 1000, &out, &status, &f), OK);
	assert_int_equal(status, 302); /* a body is not sent on */
	buf_release(&out);
	fetcher_free(t);
}

static void caps(void **state)
{
	struct fetcher *t = fetcher_new(NULL, NULL);
	struct buf out = { 0 };
	struct fault f;
	unsigned status;
	refuse(t, url_of("/endless"), ERR_RANGE, "larger than 1000 octets");
	assert_int_equal(fetch_get(t, url_of("/hundred"), 100, &out, &status, &f), OK);
	assert_int_equal(out.n, 100);
	assert_int_equal(fetch_get(t, url_of("/hundred"), 99, &out, &status, &f), ERR_RANGE);
	assert_int_equal(out.n, 100);
	buf_release(&out);
	refuse(t, url_of("/hop/3"), ERR_IO, "redirects");
	refuse(t, url_of("/file"), ERR_SYNTAX, "file");
	fetcher_free(t);
}

static void not_the_web(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "", "127.0.0.1", "gopher://127.0.0.1", "httpx://h" };
	struct fetcher *t = fetcher_new(NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(urls); i++)
		refuse(t, urls[i], ERR_SYNTAX, "begins with http:// or https://");
	refuse(t, "http://", ERR_SYNTAX, "not a URL");
	refuse(t, "http://127.0.0.1:1/", ERR_IO, "\"http://127.0.0.1:1/\" cannot be fetched");
	refuse(t, "https://user:secret@127.0.0.1:1/a", ERR_IO, "\"https://127.0.0.1:1/a\" cannot be fetched");
	fetcher_free(t);
}

struct taking {
	struct buf all;
	size_t most;
};

static bool take(void *ctx, struct span octets)
{
	struct taking *t = ctx;
	buf_putspan(&t->all, octets);
	return t->all.n <= t->most;
}

static enum err run(struct fetcher *t, const char *path, struct taking *to, struct fetch_request r, unsigned *ret_status, struct fault *f)
{
	char url[120];
	snprintf(url, sizeof(url), "%s", url_of(path));
	r.url = url;
	r.take = take;
	r.ctx = to;
	r.whole_s = 100;
	r.max_octets = r.max_octets ? r.max_octets : 1000;
	to->all.n = 0;
	return fetch_run(t, &r, ret_status, f);
}

static void runs(void **state)
{
	static const char *const headers[] = { "Authorization: Bearer x" };
	struct fetcher *t = fetcher_new(NULL, NULL);
	struct taking to = { .most = SIZE_MAX };
	struct fault f = { .text = "" };
	unsigned status = 7;
	char text[200];
	assert_int_equal(run(t, "/tagged", &to, (struct fetch_request){ .header = headers, .n_headers = 1 }, &status, &f), OK);
	assert_int_equal(status, 200);
	assert_string_equal(buf_cstr(&to.all), "Bearer x");
	assert_true(fetch_field(t, "etag", text, sizeof(text)));
	assert_string_equal(text, "W/\"a-17\"");
	assert_false(fetch_field(t, "ETag", text, 8));
	assert_false(fetch_field(t, "Other", text, sizeof(text)));
	assert_int_equal(run(t, "/tagged", &to, (struct fetch_request){ .max_octets = 0 }, &status, &f), OK); /* nothing stays of the last one */
	assert_string_equal(buf_cstr(&to.all), "none");
	assert_false(fetch_location(t, text, sizeof(text)));
	assert_int_equal(run(t, "/hop/1", &to, (struct fetch_request){ .max_octets = 0 }, &status, &f), OK);
	assert_int_equal(status, 302);
	assert_true(fetch_location(t, text, sizeof(text)));
	assert_string_equal(text, url_of("/hop/0"));
	assert_false(fetch_location(t, text, 10));
	assert_int_equal(run(t, "/p", &to, (struct fetch_request){ .media = "text/x", .body = SPAN_LIT("hello") }, &status, &f), OK);
	assert_string_equal(buf_cstr(&to.all), "POST /p sipar/" SIPAR_VERSION " text/x bare hello");
	assert_int_equal(run(t, "/p", &to, (struct fetch_request){ .max_octets = 0 }, &status, &f), OK);
	assert_string_equal(buf_cstr(&to.all), "GET /p sipar/" SIPAR_VERSION " none bare ");
	buf_release(&to.all);
	fetcher_free(t);
}

static void breaks_off(void **state)
{
	struct fetcher *t = fetcher_new(NULL, NULL);
	struct taking to = { .most = 50 };
	struct fault f = { .text = "" };
	unsigned status = 7;
	assert_int_equal(run(t, "/hundred", &to, (struct fetch_request){ .max_octets = 0 }, &status, &f), ERR_CANCELLED);
	to.most = SIZE_MAX;
	assert_int_equal(run(t, "/hundred?key=secret", &to, (struct fetch_request){ .max_octets = 20 }, &status, &f), ERR_RANGE);
	assert_non_null(strstr(f.text, "larger than 20 octets"));
	assert_non_null(strstr(f.text, "?..."));
	assert_null(strstr(f.text, "secret"));
	assert_int_equal(status, 7);
	assert_int_equal(run(t, "/hundred", &to, (struct fetch_request){ .proxy = "http://127.0.0.1:1/" }, &status, &f), ERR_IO);
	assert_int_equal(run(t, "/hundred", &to, (struct fetch_request){ .proxy = "" }, &status, &f), OK);
	assert_int_equal(to.all.n, 100);
	buf_release(&to.all);
	fetcher_free(t);
}

static void hides_passwords(void **state)
{
	static const struct { const char *url, *shown; } rows[] = {
		{ "https://u:p@h/a@b", "https://h/a@b" }, { "https://u:p@q@h?x", "https://h?x" }, { "http://h/", "http://h/" },
		{ "http://h", "http://h" }, { "http://u@h", "http://h" }, { "none", "none" }, { "http://u:p@h#a@b", "http://h#a@b" },
		{ "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "http://aaaaaaaaaaaaaaaaaaaaaaaa" },
	};
	char shown[32];
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fetch_url_shown(rows[i].url, shown, sizeof(shown));
		assert_string_equal(shown, rows[i].shown);
	}
}

static bool cancelled(void *ctx)
{
	return stop_it;
}

static void cancels(void **state)
{
	struct fetcher *t = fetcher_new(cancelled, NULL);
	struct buf out = { 0 };
	struct fault f;
	unsigned status;
	stop_it = true;
	assert_int_equal(fetch_get(t, url_of("/endless"), SIZE_MAX, &out, &status, &f), ERR_CANCELLED);
	stop_it = false;
	assert_int_equal(fetch_get(t, url_of("/a"), SIZE_MAX, &out, &status, &f), OK);
	buf_release(&out);
	fetcher_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows), cmocka_unit_test(sends_more), cmocka_unit_test(posts), cmocka_unit_test(caps), cmocka_unit_test(not_the_web),
		cmocka_unit_test(runs), cmocka_unit_test(breaks_off), cmocka_unit_test(hides_passwords), cmocka_unit_test(cancels),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
