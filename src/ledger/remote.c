#include "ledger/remote.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"
#include "ledger/entry.h"
#include "ledger/note.h"
#include "ledger/parcel.h"
#include "sys/fetch.h"

enum { NONCE = 32, BODY_MAX_EVER = SUBMISSION_MAX /* before bodies were cut into pieces */, PROBLEM_MAX = 4096, PATH_MAX_HERE = 160 };

struct remote {
	struct fetcher *fetcher;
	size_t n;                                  /* of the prefix */
	char *authorization;                       /* NULL: nobody in particular */
	char url[REMOTE_URL_MAX + PATH_MAX_HERE];
};

enum err remote_open(const char *url, bool (*cancelled)(void *ctx), void *ctx, struct remote **ret_remote, struct fault *f)
{
	struct span prefix = span_str(url);
	char shown[200];
	while (prefix.n && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	fetch_url_shown(url, shown, sizeof(shown));
	if (prefix.n > REMOTE_URL_MAX)
		return fault_set(f, ERR_RANGE, "\"%s\" is longer than %d octets", shown, REMOTE_URL_MAX);
	if (!span_starts(prefix, SPAN_LIT("http://")) && !span_starts(prefix, SPAN_LIT("https://")))
		return fault_set(f, ERR_SYNTAX, "\"%s\" is not a URL that begins with http:// or https://", shown);
	if (span_find(prefix, '?') < prefix.n || span_find(prefix, '#') < prefix.n)
		return fault_set(f, ERR_SYNTAX, "\"%s\" has a \"?\" or \"#\": it must be the prefix of a lane, like "
				 "https://hub.example/lanes/public", shown);
	struct remote *r = mem_zalloc(sizeof(*r));
	memcpy(r->url, prefix.p, prefix.n);
	r->n = prefix.n;
	r->fetcher = fetcher_new(cancelled, ctx);
	*ret_remote = r;
	return OK;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	remote_authorize(r, NULL);
	fetcher_free(r->fetcher);
	free(r);
}

void remote_authorize(struct remote *r, const char *token)
{
	struct buf header = { 0 };
	if (r->authorization) {
		explicit_bzero(r->authorization, strlen(r->authorization));
		free(r->authorization);
	}
	r->authorization = NULL;
	if (!token || !token[0])
		return;
	buf_printf(&header, "Authorization: Bearer %s", token);
	r->authorization = mem_strdup(buf_cstr(&header));
	explicit_bzero(header.p, header.cap);
	buf_release(&header);
}

/* Behind the last slash; behind "//" comes the host, which may have a password before it. */
struct span remote_lane(const struct remote *r)
{
	size_t at = r->n;
	while (r->url[at - 1] != '/')
		at--;
	return r->url[at - 2] == '/' ? span_of(NULL, 0) : span_of(r->url + at, r->n - at);
}

/* What the other side says of a refusal: its problem details, or nothing. */
static void detail_of(struct span body, struct buf *out)
{
	struct json_reader r;
	struct span key = { 0 };
	json_init(&r, span_head(body, PROBLEM_MAX), true);
	for (enum json_token t; (t = json_next(&r)) != JSON_END && t != JSON_ERROR;) {
		if (t == JSON_KEY && r.depth == 1)
			key = r.slice;
		else if (t == JSON_STRING && r.depth == 1 && span_is(key, "detail") && json_unescape(r.slice, out) == OK)
			return;
	}
}

static enum err status_fault(const struct remote *r, unsigned status, struct span body, struct fault *f)
{
	struct buf detail = { 0 };
	char shown[200];
	enum err e = status == 404 ? ERR_NOTFOUND : status == 410 ? ERR_GONE : status / 100 == 4 ? ERR_FORBIDDEN : ERR_IO;
	fetch_url_shown(r->url, shown, sizeof(shown));
	detail_of(body, &detail);
	fault_set(f, e, "\"%s\" was answered with %u%s" SPAN_FMT, shown, status, detail.n ? ": " : "", SPAN_ARG(span_head(buf_span(&detail), 150)));
	buf_release(&detail);
	return e;
}

/* r->url is whole. */
static enum err get(struct remote *r, size_t max_octets, struct buf *out, struct fault *f)
{
	unsigned status;
	size_t before = out->n;
	struct fetch_extra extra = { .header = { r->authorization } };
	size_t room = max_octets > PROBLEM_MAX ? max_octets : PROBLEM_MAX;
	enum err e = r->authorization ? fetch_get_extra(r->fetcher, r->url, &extra, room, out, &status, f) :
					fetch_get(r->fetcher, r->url, room, out, &status, f);
	if (e == OK && status != 200) {
		e = status_fault(r, status, span_from(buf_span(out), before), f);
		out->n = before;
	}
	if (e == OK && out->n - before > max_octets) {
		out->n = before;
		e = fault_set(f, ERR_RANGE, "the answer is larger than %zu octets", max_octets);
	}
	return e;
}

enum err remote_checkpoint(struct remote *r, struct buf *out, struct fault *f)
{
	snprintf(r->url + r->n, PATH_MAX_HERE, "/checkpoint");
	return get(r, NOTE_MAX, out, f);
}

/* What is longer than such a thing can be is not that thing. */
static enum err too_long(enum err e, struct fault *f)
{
	if (e == ERR_RANGE && f)
		f->code = ERR_CORRUPT;
	return e == ERR_RANGE ? ERR_CORRUPT : e;
}

enum err remote_tile(void *remote, const struct tile *t, struct buf *out, struct fault *f)
{
	struct remote *r = remote;
	struct buf path = { 0 };
	size_t max = t->level == TILE_ENTRIES ? (size_t)t->width * (2 + BUNDLE_ENTRY_MAX) : (size_t)t->width * HASH_OCTETS;
	tile_path(t, &path);
	snprintf(r->url + r->n, PATH_MAX_HERE, "/%s", buf_cstr(&path));
	buf_release(&path);
	return too_long(get(r, max, out, f), f);
}

enum err remote_body(void *remote, const uint8_t digest[32], struct buf *out, struct fault *f)
{
	struct remote *r = remote;
	char digits[65] = "";
	hex_encode(digest, 32, digits);
	snprintf(r->url + r->n, PATH_MAX_HERE, "/body/%s", digits);
	return too_long(get(r, BODY_MAX_EVER + NONCE, out, f), f);
}

enum err remote_parcel(struct remote *r, uint64_t from, struct buf *out, struct fault *f)
{
	snprintf(r->url + r->n, PATH_MAX_HERE, "/from/%llu", (unsigned long long)from);
	return too_long(get(r, PARCEL_OCTETS_MAX + BODY_MAX_EVER + NOTE_MAX, out, f), f);
}

enum err remote_cosign(struct remote *r, struct span note, struct fault *f)
{
	struct buf answer = { 0 };
	unsigned status;
	snprintf(r->url + r->n, PATH_MAX_HERE, "/cosignature");
	enum err e = fetch_post_as(r->fetcher, r->url, r->authorization, "text/plain; charset=utf-8", note, PROBLEM_MAX, &answer, &status, f);
	if (e == OK && status != 200)
		e = status_fault(r, status, buf_span(&answer), f);
	buf_release(&answer);
	return e == ERR_NOTFOUND ? ERR_FORBIDDEN : e;
}
