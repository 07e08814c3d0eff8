#include "peer/get.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"

/* ---- Retry-After ---- */

static bool number(struct span s, size_t at, size_t n, unsigned *ret)
{
	uint64_t v;
	if (num_parse_u64(span_head(span_from(s, at), n), 9999, &v))
		return false;
	*ret = (unsigned)v;
	return true;
}

/* RFC 9110, 5.6.7; its two older forms are not sent by anybody any more. */
int64_t get_http_date(struct span value)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, hour, minute, second, month = 0;
	struct span s = span_trim(value);
	if (s.n != 29 || !number(s, 5, 2, &day) || !number(s, 12, 4, &year) || !number(s, 17, 2, &hour) || !number(s, 20, 2, &minute) ||
	    !number(s, 23, 2, &second))
		return 0;
	while (month < 12 && memcmp(s.p + 8, months + 3 * month, 3) != 0)
		month++;
	if (month == 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || year < 1970)
		return 0;
	return civil_to_unix((int)year, (int)month + 1, (int)day, (int)hour, (int)minute, (int)second);
}

uint32_t get_retry_after(struct span value, int64_t now_s)
{
	uint64_t n;
	struct span s = span_trim(value);
	if (num_parse_u64(s, UINT32_MAX, &n) == OK)
		return (uint32_t)n;
	int64_t until_s = get_http_date(s);
	return until_s > now_s && until_s - now_s < UINT32_MAX ? (uint32_t)(until_s - now_s) : 0;
}

void get_join(const char *base, const char *more, char ret_url[PULL_URL_MAX + 1])
{
	struct span all = span_str(base), path = span_head(all, span_find(all, '?')), query = span_from(all, path.n);
	bool slash = path.n && path.p[path.n - 1] == '/';
	snprintf(ret_url, PULL_URL_MAX + 1, SPAN_FMT "%s%s" SPAN_FMT, SPAN_ARG(path), slash ? "" : "/", more, SPAN_ARG(query));
}

enum err get_refused(const struct get *g, struct fault *f)
{
	static const struct { unsigned status; const char *why; } rows[] = {
		{ 401, " (it wants a key, or another one)" }, { 403, " (the key does not open this)" }, { 404, " (there is no such thing)" },
		{ 406, " (it does not have this form)" }, { 407, " (the proxy wants a key)" }, { 429, " (it is asked too often)" }, { 503, " (it is overloaded)" },
	};
	const char *why = "";
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].status == g->status)
			why = rows[i].why;
	struct buf shown = { 0 };
	pull_url_shown(g->url, &shown);
	enum err e = fault_set(f, g->status == 404 || g->status == 410 ? ERR_NOTFOUND : ERR_IO, "\"%.200s\": the server answers %u%s", buf_cstr(&shown),
			       g->status, why);
	buf_release(&shown);
	return e;
}

/* ---- a request ---- */

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static enum err one(struct fetcher *t, const struct pull *p, struct get *g, const char *url, bool secrets, struct fault *f)
{
	const char *header[GET_HEADERS + PULL_HEADERS];
	char retry[64];
	unsigned n = 0;
	for (unsigned i = 0; i < GET_HEADERS; i++)
		if (g->header[i])
			header[n++] = g->header[i];
	for (unsigned i = 0; i < PULL_HEADERS && secrets; i++)
		if (p->header[i][0])
			header[n++] = p->header[i];
	const struct fetch_request r = {
		.url = url, .header = header, .n_headers = n, .media = g->media, .body = g->body, .packed = g->packed, .max_octets = g->max_octets,
		.proxy = !p->proxy[0] ? NULL : strcmp(p->proxy, "none") == 0 ? "" : p->proxy, .ca_file = p->ca_file[0] ? p->ca_file : NULL,
		.whole_s = (unsigned)(p->timeout_s ? p->timeout_s : PULL_TIMEOUT_S), .take = g->take, .ctx = g->ctx,
	};
	enum err e = fetch_run(t, &r, &g->status, f);
	if (e == OK)
		g->retry_s = fetch_field(t, "Retry-After", retry, sizeof(retry)) ? get_retry_after(span_str(retry), clock_ms() / 1000) : 0;
	return e;
}

enum err get_run(struct fetcher *t, const struct pull *p, struct get *g, struct fault *f)
{
	char url[2][PULL_URL_MAX + 1];
	const char *at = g->url;
	for (unsigned hops = 0;; hops++) {
		enum err e = one(t, p, g, at, pull_same_server(at, pull_address(p)), f);
		if (e || !is_redirect(g->status) || g->media)
			return e;
		if (hops == GET_REDIRECTS)
			return fault_set(f, ERR_FORBIDDEN, "the server sends on more than %d times", GET_REDIRECTS);
		if (!fetch_location(t, url[hops % 2], sizeof(url[0])))
			return fault_set(f, ERR_IO, "the server sends on (%u) to nowhere", g->status);
		if (span_starts(span_str(at), SPAN_LIT("https:")) && !span_starts(span_str(url[hops % 2]), SPAN_LIT("https:")))
			return fault_set(f, ERR_FORBIDDEN, "the server sends on from https to something else");
		if ((e = pull_url_check(url[hops % 2], p->insecure, f)) != OK) {
			fault_at(f, "the server sends on");
			return f ? (f->code = ERR_FORBIDDEN) : ERR_FORBIDDEN;
		}
		at = url[hops % 2];
		if (g->again)
			g->again(g->ctx);
	}
}
