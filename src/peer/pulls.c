#include "peer/pulls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "codec/feed.h"
#include "peer/schedule.h"
#include "peer/store.h"

enum { FILE_MAX = 16 << 20, PATH_HERE = 4096 };

static const struct store_field rows[] = {
	STORE_ROW_TEXT(pull, url, "url"),
	STORE_ROW_NUMBER(pull, every_s, "every", SCHEDULE_MAX_S),
	STORE_ROW_TEXT(pull, lane, "lane"),
	STORE_ROW_TEXT(pull, format, "format"),
	STORE_ROW_TEXT(pull, column, "column"),
	STORE_ROW_TEXT(pull, collection, "collection"),
	STORE_ROW_TEXT(pull, proxy, "proxy"),
	STORE_ROW_TEXT(pull, ca_file, "ca_file"),
	STORE_ROW_NUMBER(pull, timeout_s, "timeout", PULL_TIMEOUT_MAX_S),
	STORE_ROW_NUMBER(pull, max_octets, "max_size", PULL_OCTETS_MAX),
	STORE_ROW_FLAG(pull, insecure, "insecure_http"),
	STORE_ROW_FLAG(pull, allow_empty, "allow_empty"),
};

void pulls_release(struct pulls *p)
{
	if (p->v)
		explicit_bzero(p->v, p->cap * sizeof(*p->v));
	free(p->v);
	*p = (struct pulls){ 0 };
}

struct pull *pulls_find(const struct pulls *p, struct span source)
{
	for (unsigned i = 0; i < p->n; i++)
		if (span_is(source, p->v[i].source))
			return &p->v[i];
	return NULL;
}

void pulls_put(struct pulls *p, const struct pull *pull)
{
	struct pull *at = pulls_find(p, span_str(pull->source));
	if (!at && p->n == p->cap) { /* not by realloc(): it would leave keys behind */
		struct pulls more = { .n = p->n, .cap = p->cap ? 2 * p->cap : 8 };
		more.v = mem_zalloc(more.cap * sizeof(*more.v));
		if (p->n)
			memcpy(more.v, p->v, p->n * sizeof(*p->v));
		pulls_release(p);
		*p = more;
	}
	*(at ? at : &p->v[p->n++]) = *pull;
}

bool pulls_remove(struct pulls *p, struct span source)
{
	struct pull *at = pulls_find(p, source);
	if (!at)
		return false;
	memmove(at, at + 1, (size_t)(p->v + p->n - (at + 1)) * sizeof(*at));
	explicit_bzero(&p->v[--p->n], sizeof(*p->v));
	return true;
}

/* ---- URLs ---- */

static const struct {
	const char *prefix;
	enum pull_kind kind;
} prefixes[] = { { "taxii+", PULL_TAXII }, { "misp+", PULL_MISP } };

static const char *const kind_names[] = { [PULL_PLAIN] = "url", [PULL_TAXII] = "taxii", [PULL_MISP] = "misp" };

const char *pull_kind_name(enum pull_kind kind)
{
	return kind_names[kind];
}

static size_t prefix_of(const char *url, enum pull_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (span_starts(span_str(url), span_str(prefixes[i].prefix)))
			return *ret_kind = prefixes[i].kind, strlen(prefixes[i].prefix);
	return 0;
}

enum pull_kind pull_kind(const struct pull *p)
{
	enum pull_kind kind = PULL_PLAIN;
	if (!prefix_of(p->url, &kind) && strstr(p->url, "/taxii2/"))
		kind = PULL_TAXII;
	return kind;
}

const char *pull_address(const struct pull *p)
{
	enum pull_kind kind;
	return p->url + prefix_of(p->url, &kind);
}

struct url {
	bool safe;             /* https */
	struct span user, host, port, rest; /* host without its brackets; rest: from the path on */
};

static bool url_split(const char *text, struct url *ret_url)
{
	struct span all = span_str(text), scheme = span_head(all, span_find(all, ':'));
	struct url u = { .safe = span_ieq(scheme, SPAN_LIT("https")) };
	if ((!u.safe && !span_ieq(scheme, SPAN_LIT("http"))) || !span_starts(span_from(all, scheme.n), SPAN_LIT("://")))
		return false;
	struct span authority = span_from(all, scheme.n + 3);
	u.rest = authority;
	for (const char *end = "/?#\\"; *end; end++)
		authority = span_head(authority, span_find(authority, (uint8_t)*end));
	u.rest = span_from(u.rest, authority.n);
	for (size_t at = authority.n; at-- > 0;)
		if (authority.p[at] == '@') {
			u.user = span_head(authority, at + 1);
			authority = span_from(authority, at + 1);
			break;
		}
	size_t close = span_find(authority, ']'), colon = span_find(authority, ':');
	if (authority.n && authority.p[0] == '[' && close < authority.n) {
		u.host = span_of(authority.p + 1, close - 1);
		authority = span_from(authority, close + 1);
		colon = span_find(authority, ':');
	} else {
		u.host = span_head(authority, colon);
	}
	u.port = span_from(authority, colon + 1);
	if (!u.port.n)
		u.port = u.safe ? SPAN_LIT("443") : SPAN_LIT("80");
	*ret_url = u;
	return u.host.n > 0 && u.host.n <= PULL_HOST_MAX;
}

/* "127." and digits: a name such as 127.example is none of this machine. */
static bool is_loopback(struct span host)
{
	if (span_ieq(host, SPAN_LIT("localhost")) || span_is(host, "::1"))
		return true;
	bool digits = span_starts(host, SPAN_LIT("127."));
	for (size_t i = 0; i < host.n; i++)
		digits &= ascii_digit(host.p[i]) || host.p[i] == '.';
	return digits;
}

enum err pull_url_check(const char *url, bool insecure, struct fault *f)
{
	struct url u;
	struct buf shown = { 0 };
	enum err e = OK;
	pull_url_shown(url, &shown);
	if (!url_split(url, &u))
		e = fault_set(f, ERR_USAGE, "\"%.200s\" is not a URL that begins with https://", buf_cstr(&shown));
	else if (u.user.n)
		e = fault_set(f, ERR_USAGE, "\"%.200s\" has a user name or a password in it: put USER:PASSWORD into a file and give that with --key-file",
			      buf_cstr(&shown));
	else if (!u.safe && !insecure && !is_loopback(u.host))
		e = fault_set(f, ERR_USAGE, "\"%.200s\" is not protected on its way: use https, or say --insecure-http", buf_cstr(&shown));
	for (const char *c = url; *c && e == OK; c++)
		if ((uint8_t)*c <= ' ' || *c == 0x7f)
			e = fault_set(f, ERR_USAGE, "\"%.200s\" has a blank or a control character in it", buf_cstr(&shown));
	buf_release(&shown);
	return e;
}

void pull_host(const char *url, char ret_host[PULL_HOST_MAX + 1])
{
	struct url u;
	ret_host[0] = 0;
	if (!url_split(url, &u))
		return;
	for (size_t i = 0; i < u.host.n; i++)
		ret_host[i] = (char)ascii_lower(u.host.p[i]);
	ret_host[u.host.n] = 0;
}

bool pull_same_server(const char *a, const char *b)
{
	struct url u, v;
	return url_split(a, &u) && url_split(b, &v) && u.safe == v.safe && span_ieq(u.host, v.host) && span_eq(u.port, v.port);
}

void pull_url_shown(const char *url, struct buf *out)
{
	enum pull_kind kind;
	size_t skip = prefix_of(url, &kind);
	struct url u;
	buf_put(out, url, skip);
	if (!url_split(url + skip, &u)) {
		buf_puts(out, url + skip);
		return;
	}
	struct span all = span_str(url + skip), scheme = span_head(all, span_find(all, ':')), from = span_from(all, scheme.n + 3 + u.user.n);
	struct span path = span_head(u.rest, span_find(span_head(u.rest, span_find(u.rest, '?')), '#'));
	buf_printf(out, SPAN_FMT "://", SPAN_ARG(scheme));
	buf_put(out, from.p, from.n - u.rest.n);
	buf_putspan(out, path);
	if (path.n < u.rest.n)
		buf_puts(out, "?...");
}

/* ---- one ---- */

static enum err check_headers(const struct pull *p, struct fault *f)
{
	for (unsigned i = 0; i < PULL_HEADERS; i++) {
		struct span h = span_str(p->header[i]);
		size_t colon = span_find(h, ':');
		if (h.n && (!store_value_ok(h, sizeof(p->header[i])) || !colon || colon == h.n || span_find(span_head(h, colon), ' ') < colon))
			return fault_set(f, ERR_USAGE, "header %u of source \"%s\" is no \"Name: value\"", i + 1, p->source);
	}
	return OK;
}

enum err pull_check(const struct pull *p, struct fault *f)
{
	enum pull_kind kind = pull_kind(p);
	enum err e;
	if (!source_name_ok(span_str(p->source)))
		return fault_set(f, ERR_USAGE, "\"%s\" is not the name of a source", p->source);
	if ((e = pull_url_check(pull_address(p), p->insecure, f)) || (e = check_headers(p, f)))
		return e;
	if (p->every_s < SCHEDULE_MIN_S || p->every_s > SCHEDULE_MAX_S)
		return fault_set(f, ERR_USAGE, "it is not said how often \"%s\" is to be pulled, such as --every 10m", p->source);
	if (p->timeout_s > PULL_TIMEOUT_MAX_S || p->max_octets > PULL_OCTETS_MAX)
		return fault_set(f, ERR_USAGE, "a pull of \"%s\" may not take that long, or be that large", p->source);
	if (p->format[0] && (kind != PULL_PLAIN || !feed_format_find(span_str(p->format))))
		return kind != PULL_PLAIN ? fault_set(f, ERR_USAGE, "--format is for plain URLs")
					  : fault_set(f, ERR_USAGE, "there is no feed format \"%s\"; \"sipar formats\" lists them", p->format);
	if (p->collection[0] && kind != PULL_TAXII)
		return fault_set(f, ERR_USAGE, "--collection is for TAXII");
	return OK;
}

/* ---- the file ---- */

static enum err take_line(struct pull *p, struct span line, struct fault *f)
{
	struct span name = span_trim(span_head(line, span_find(line, '='))), value = span_trim(span_from(line, span_find(line, '=') + 1));
	if (!span_is(name, "header"))
		return store_field_read(rows, COUNT_OF(rows), line, p, f);
	for (unsigned i = 0; i < PULL_HEADERS; i++) {
		if (p->header[i][0])
			continue;
		if (!value.n || !store_value_ok(value, sizeof(p->header[i])))
			return fault_set(f, ERR_RANGE, "a header is empty or too long");
		memcpy(p->header[i], value.p, value.n);
		return OK;
	}
	return fault_set(f, ERR_RANGE, "there are more than %d headers", PULL_HEADERS);
}

static enum err begin(struct pulls *p, struct span line, struct pull *ret_pull, struct fault *f)
{
	struct span name = span_trim(span_of(line.p + 1, line.n - (line.n > 1 ? 2 : 1)));
	if (line.p[line.n - 1] != ']' || !source_name_ok(name))
		return fault_set(f, ERR_USAGE, "the line is no name of a source in brackets");
	if (pulls_find(p, name))
		return fault_set(f, ERR_USAGE, "source \"" SPAN_FMT "\" is there twice", SPAN_ARG(name));
	if (p->n == SOURCES_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d", SOURCES_MAX);
	*ret_pull = (struct pull){ 0 };
	memcpy(ret_pull->source, name.p, name.n);
	return OK;
}

enum err pulls_parse(struct span text, const char *name, struct pulls *p, struct fault *f)
{
	struct pull *pull = mem_zalloc(sizeof(*pull)); /* of the part that is being read; source "": none */
	enum err e = OK;
	for (unsigned n = 1; e == OK && (text.n || pull->source[0]); n++) {
		struct fault why = { .text = "" };
		bool over = !text.n;
		struct span line = span_head(text, span_find(text, '\n'));
		text = span_from(text, line.n + 1);
		line = span_trim(line);
		if ((over || (line.n && line.p[0] == '[')) && pull->source[0]) {
			e = pull_check(pull, &why);
			if (e == OK)
				pulls_put(p, pull);
			pull->source[0] = 0;
		}
		if (e == OK && line.n && line.p[0] == '[')
			e = begin(p, line, pull, &why);
		else if (e == OK && line.n && line.p[0] != '#')
			e = pull->source[0] ? take_line(pull, line, &why) : fault_set(&why, ERR_USAGE, "the line is of no source");
		if (e)
			e = fault_set(f, ERR_USAGE, "%s:%u: %s", name, n, why.text);
	}
	explicit_bzero(pull, sizeof(*pull));
	free(pull);
	return e;
}

void pulls_format(const struct pulls *p, struct buf *out)
{
	buf_puts(out, "# What is pulled, as \"sipar source\" writes it.  Others may not read it: there may be keys in it.\n");
	for (unsigned i = 0; i < p->n; i++) {
		const struct pull *v = &p->v[i];
		buf_printf(out, "[%s]\n", v->source);
		store_fields_put(rows, COUNT_OF(rows), v, out);
		for (unsigned k = 0; k < PULL_HEADERS; k++)
			if (v->header[k][0])
				buf_printf(out, "header = %s\n", v->header[k]);
	}
}

enum err pulls_read(const char *dir, struct pulls *p, struct fault *f)
{
	char path[PATH_HERE];
	struct buf text = { 0 };
	snprintf(path, sizeof(path), "%s/pulls.conf", dir);
	enum err e = store_read(path, FILE_MAX, &text, f);
	if (e == OK)
		e = pulls_parse(buf_span(&text), path, p, f);
	store_wipe(&text);
	return e;
}

static enum err change(const char *dir, struct span source, const struct pull *pull, struct fault *f)
{
	char path[PATH_HERE];
	struct pulls all = { 0 };
	struct buf text = { 0 };
	bool changed = true;
	snprintf(path, sizeof(path), "%s/pulls.conf", dir);
	enum err e = pulls_read(dir, &all, f);
	if (e == OK) {
		if (pull)
			pulls_put(&all, pull);
		else
			changed = pulls_remove(&all, source);
		buf_reserve(&text, (all.n + 1) * sizeof(struct pull)); /* does not move from here on, so that no keys are left behind */
		pulls_format(&all, &text);
		if (changed)
			e = store_write(path, buf_span(&text), f);
	}
	store_wipe(&text);
	pulls_release(&all);
	return e;
}

enum err pulls_change(const char *dir, struct span source, const struct pull *pull, struct fault *f)
{
	char path[PATH_HERE];
	snprintf(path, sizeof(path), "%s/pulls.lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		enum err e = fault_set(f, ERR_IO, "\"%s\" cannot be locked: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return e;
	}
	enum err e = change(dir, source, pull, f);
	close(fd);
	return e;
}
