#include "sys/fetch.h"

#include <curl/curl.h>

enum {
	CONNECT_S = 10,
	STALL_S = 30,
	WHOLE_S = 600,
	REDIRECTS_MAX = 3,
	SHOWN_MAX = 240,      /* octets of a URL in a sentence */
};

struct fetcher {
	CURL *curl;
	bool (*cancelled)(void *ctx);
	void *ctx;
	char error[CURL_ERROR_SIZE];
	struct buf *out;      /* of the call under way */
	size_t room;
	bool over;            /* more came than there is room for */
	const struct fetch_request *request; /* or NULL: into `out` */
	bool stopped;         /* it wants no more */
};

static size_t take(char *p, size_t size, size_t n, void *ctx)
{
	struct fetcher *t = ctx;
	if (n > t->room) {
		t->over = true;
		return 0;
	}
	t->room -= n;
	if (!t->request) {
		buf_put(t->out, p, n);
		return n;
	}
	t->stopped = !t->request->take(t->request->ctx, span_of(p, n));
	return t->stopped ? 0 : n;
}

static int progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t to_send, curl_off_t sent)
{
	struct fetcher *t = ctx;
	return t->cancelled && t->cancelled(t->ctx);
}

/* What is the same for each call. */
static void set_up(struct fetcher *t)
{
	CURL *c = t->curl;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sipar/" SIPAR_VERSION);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)WHOLE_S);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
}

/* The library counts how often it was initialised, and since 7.84 from any thread. */
struct fetcher *fetcher_new(bool (*cancelled)(void *ctx), void *ctx)
{
	struct fetcher *t = mem_zalloc(sizeof(*t));
	t->cancelled = cancelled;
	t->ctx = ctx;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(t->curl = curl_easy_init()))
		abort(); /* only for lack of memory */
	set_up(t);
	return t;
}

void fetcher_free(struct fetcher *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->curl);
	curl_global_cleanup();
	free(t);
}

/* What stands between "://" and the last "@" of the authority. */
void fetch_url_shown(const char *url, char *ret_text, size_t n)
{
	struct span all = span_str(url);
	size_t scheme = span_find(all, ':');
	if (!span_starts(span_from(all, scheme), SPAN_LIT("://"))) {
		snprintf(ret_text, n, "%s", url);
		return;
	}
	struct span rest = span_from(all, scheme + 3), authority = rest;
	for (const char *end = "/?#\\"; *end; end++)
		authority = span_head(authority, span_find(authority, (uint8_t)*end));
	size_t host = 0;
	for (size_t i = 0; i < authority.n; i++)
		if (authority.p[i] == '@')
			host = i + 1;
	snprintf(ret_text, n, SPAN_FMT "://" SPAN_FMT, SPAN_ARG(span_head(all, scheme)), SPAN_ARG(span_from(rest, host)));
}

static enum err failed(const struct fetcher *t, CURLcode code, const char *url, size_t max_octets, struct fault *f)
{
	char shown[SHOWN_MAX];
	const char *why = t->error[0] ? t->error : curl_easy_strerror(code);
	fetch_url_shown(url, shown, sizeof(shown));
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
		return fault_set(f, ERR_SYNTAX, "\"%s\" is not a URL that can be fetched: %s", shown, why);
	case CURLE_ABORTED_BY_CALLBACK:
		return fault_set(f, ERR_CANCELLED, "\"%s\": stopped", shown);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fault_set(f, ERR_FORBIDDEN, "\"%s\": the other side cannot be trusted: %s", shown, why);
	case CURLE_WRITE_ERROR:
		if (t->stopped)
			return fault_set(f, ERR_CANCELLED, "\"%s\": stopped", shown);
		/* fall through */
	case CURLE_FILESIZE_EXCEEDED:
		if (t->over || code == CURLE_FILESIZE_EXCEEDED)
			return fault_set(f, ERR_RANGE, "\"%s\": the answer is larger than %zu octets", shown, max_octets);
		break;
	default:
		break;
	}
	return fault_set(f, ERR_IO, "\"%s\" cannot be fetched: %s", shown, why);
}

static bool is_web(const char *url, bool *ret_safe)
{
	struct span scheme = span_head(span_str(url), span_find(span_str(url), ':'));
	*ret_safe = span_ieq(scheme, SPAN_LIT("https"));
	return *ret_safe || span_ieq(scheme, SPAN_LIT("http"));
}

static enum err fetch(struct fetcher *t, const char *url, size_t max_octets, struct buf *out, unsigned *ret_status, struct fault *f)
{
	size_t before = out->n;
	bool safe;
	long status = 0;
	if (!is_web(url, &safe)) { /* the library would guess */
		char shown[SHOWN_MAX];
		fetch_url_shown(url, shown, sizeof(shown));
		return fault_set(f, ERR_SYNTAX, "\"%s\" is not a URL that begins with http:// or https://", shown);
	}
	t->out = out;
	t->room = max_octets;
	t->over = false;
	t->error[0] = 0;
	curl_easy_setopt(t->curl, CURLOPT_URL, url);
	curl_easy_setopt(t->curl, CURLOPT_REDIR_PROTOCOLS_STR, safe ? "https" : "http,https");
	curl_easy_setopt(t->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(max_octets < INT64_MAX ? max_octets : 0));
	CURLcode code = curl_easy_perform(t->curl);
	if (code) {
		out->n = before;
		return failed(t, code, url, max_octets, f);
	}
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_status = (unsigned)status;
	return OK;
}

enum err fetch_get(struct fetcher *t, const char *url, size_t max_octets, struct buf *out, unsigned *ret_status, struct fault *f)
{
	curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	return fetch(t, url, max_octets, out, ret_status, f);
}

static void keep_etag(struct fetcher *t, struct fetch_extra *extra)
{
	struct curl_header *h;
	extra->etag[0] = 0;
	if (curl_easy_header(t->curl, "ETag", 0, CURLH_HEADER, -1, &h) == CURLHE_OK && strlen(h->value) < sizeof(extra->etag))
		snprintf(extra->etag, sizeof(extra->etag), "%s", h->value);
}

enum err fetch_get_extra(struct fetcher *t, const char *url, struct fetch_extra *extra, size_t max_octets, struct buf *out,
			 unsigned *ret_status, struct fault *f)
{
	struct curl_slist *fields = NULL;
	char match[FETCH_ETAG_MAX + 20];
	for (size_t i = 0; i < COUNT_OF(extra->header); i++)
		if (extra->header[i] && !(fields = curl_slist_append(fields, extra->header[i])))
			abort();
	snprintf(match, sizeof(match), "If-None-Match: %s", extra->etag);
	if (extra->etag[0] && !(fields = curl_slist_append(fields, match)))
		abort();
	curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, fields);
	enum err e = fetch(t, url, max_octets, out, ret_status, f);
	if (e == OK && *ret_status == 200)
		keep_etag(t, extra);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	return e;
}

enum err fetch_post(struct fetcher *t, const char *url, const char *media, struct span body, size_t max_octets, struct buf *out,
		    unsigned *ret_status, struct fault *f)
{
	return fetch_post_as(t, url, NULL, media, body, max_octets, out, ret_status, f);
}

enum err fetch_post_as(struct fetcher *t, const char *url, const char *header, const char *media, struct span body, size_t max_octets, struct buf *out,
		       unsigned *ret_status, struct fault *f)
{
	char type[120];
	snprintf(type, sizeof(type), "Content-Type: %s", media);
	struct curl_slist *fields = curl_slist_append(NULL, type);
	if (!fields || (header && !curl_slist_append(fields, header)))
		abort();
	curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(t->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body.n ? (const char *)body.p : "");
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	enum err e = fetch(t, url, max_octets, out, ret_status, f);
	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	return e;
}

/* Keys of those who send them there stand behind the '?'. */
static void without_query(const char *url, char shown[SHOWN_MAX])
{
	fetch_url_shown(url, shown, SHOWN_MAX);
	size_t n = span_find(span_str(shown), '?');
	if (shown[n] && n + 4 < SHOWN_MAX)
		snprintf(shown + n, 5, "?...");
}

static void ask(struct fetcher *t, const struct fetch_request *r, struct curl_slist *fields)
{
	CURL *c = t->curl;
	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_PROXY, r->proxy);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, r->packed ? "" : NULL);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)r->whole_s);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(r->whole_s < STALL_S ? r->whole_s : STALL_S));
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(r->max_octets < INT64_MAX ? r->max_octets : 0));
	if (r->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
	if (r->media) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.n ? (const char *)r->body.p : "");
	} else {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	}
}

enum err fetch_run(struct fetcher *t, const struct fetch_request *r, unsigned *ret_status, struct fault *f)
{
	struct curl_slist *fields = NULL;
	char shown[SHOWN_MAX], type[120];
	long status = 0;
	bool safe;
	without_query(r->url, shown);
	if (!is_web(r->url, &safe))
		return fault_set(f, ERR_SYNTAX, "\"%s\" is not a URL that begins with http:// or https://", shown);
	for (unsigned i = 0; i < r->n_headers; i++)
		if (!(fields = curl_slist_append(fields, r->header[i])))
			abort();
	snprintf(type, sizeof(type), "Content-Type: %s", r->media ? r->media : "");
	if (r->media && !(fields = curl_slist_append(fields, type)))
		abort();
	curl_easy_reset(t->curl); /* connections stay */
	set_up(t);
	ask(t, r, fields);
	t->request = r;
	t->room = r->max_octets;
	t->over = t->stopped = false;
	t->error[0] = 0;
	CURLcode code = curl_easy_perform(t->curl);
	t->request = NULL;
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	if (code)
		return failed(t, code, shown, r->max_octets, f);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_status = (unsigned)status;
	return OK;
}

bool fetch_field(struct fetcher *t, const char *name, char *ret_value, size_t n)
{
	struct curl_header *h;
	if (curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK || strlen(h->value) >= n)
		return false;
	snprintf(ret_value, n, "%s", h->value);
	return true;
}

bool fetch_location(struct fetcher *t, char *ret_url, size_t n)
{
	char *url = NULL;
	if (curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &url) || !url || strlen(url) >= n)
		return false;
	snprintf(ret_url, n, "%s", url);
	return true;
}
