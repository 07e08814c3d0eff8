#include "cli/source_pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/num.h"
#include "cli/keys.h"
#include "codec/json.h"
#include "peer/pull.h"
#include "peer/schedule.h"
#include "peer/store.h"

enum { SECRETS_MAX = 1 << 16, COMPLAINTS_SHOWN = 20 };

/* ---- settings ---- */

bool pull_options_given(const struct pull_options *o)
{
	return o->url || o->url_file || o->every || o->lane || o->format || o->column || o->collection || o->max_size || o->timeout || o->proxy ||
	       o->ca_file || o->header_file || o->key_file || o->insecure || o->allow_empty;
}

static enum err set_text(const char *option, const char *value, char *to, size_t size, struct fault *f)
{
	if (!value)
		return OK;
	if (!store_value_ok(span_str(value), size))
		return fault_set(f, ERR_USAGE, "--%s is longer than %zu octets, or has blanks or control characters at places where it may not", option, size - 1);
	memcpy(to, value, strlen(value) + 1);
	return OK;
}

static enum err parse_size(const char *text, uint64_t *ret_octets, struct fault *f)
{
	static const char letters[] = "kmg";
	struct span digits = span_str(text);
	unsigned shift = 0;
	uint64_t n;
	for (unsigned i = 0; i < 3 && digits.n; i++)
		if (ascii_lower((uint8_t)text[strlen(text) - 1]) == (uint8_t)letters[i]) {
			shift = 10 * (i + 1);
			digits.n--;
			break;
		}
	if (num_parse_u64(digits, PULL_OCTETS_MAX >> shift, &n) || !n)
		return fault_set(f, ERR_USAGE, "--max-size \"%.40s\" is no size up to 64g, such as 200k or 64m", text);
	*ret_octets = n << shift;
	return OK;
}

static enum err parse_time(const char *option, const char *text, uint64_t max_s, uint64_t *ret_s, struct fault *f)
{
	uint32_t s;
	if (!text)
		return OK;
	if (schedule_parse(span_str(text), &s, f)) {
		fault_at(f, "--%s", option);
		return f ? (f->code = ERR_USAGE) : ERR_USAGE;
	}
	if (s > max_s)
		return fault_set(f, ERR_USAGE, "--%s %s is above %llus", option, text, (unsigned long long)max_s);
	*ret_s = s;
	return OK;
}

/* A secret out of a file, one line without the blanks around it. */
static enum err read_line(int cwd, const char *path, char *to, size_t size, struct fault *f)
{
	struct buf text = { 0 };
	buf_reserve(&text, SECRETS_MAX + 65537); /* does not move from here on */
	enum err e = file_whole(cwd, path, SECRETS_MAX, &text, f);
	struct span line = span_trim(buf_span(&text));
	if (e == OK && (!line.n || !store_value_ok(line, size)))
		e = fault_set(f, ERR_USAGE, "\"%.200s\" is empty, or holds more than one line of at most %zu octets", path, size - 1);
	if (e == OK) {
		memcpy(to, line.p, line.n);
		to[line.n] = 0;
	}
	store_wipe(&text);
	return e;
}

static enum err add_header(struct pull *p, struct span header, struct fault *f)
{
	for (unsigned i = 0; i < PULL_HEADERS; i++) {
		if (p->header[i][0])
			continue;
		if (!store_value_ok(header, sizeof(p->header[i])))
			return fault_set(f, ERR_USAGE, "a header is longer than %d octets", PULL_HEADER_MAX);
		memcpy(p->header[i], header.p, header.n);
		return OK;
	}
	return fault_set(f, ERR_USAGE, "there are more than %d headers", PULL_HEADERS);
}

/* Basic, Bearer, or as MISP has it. */
static enum err add_key(struct pull *p, const char *key, struct fault *f)
{
	struct buf h = { 0 };
	buf_reserve(&h, 2 * PULL_HEADER_MAX);
	buf_puts(&h, "Authorization: ");
	if (pull_kind(p) == PULL_MISP) {
		buf_puts(&h, key);
	} else if (strchr(key, ':')) {
		buf_puts(&h, "Basic ");
		base64_put(&h, span_str(key));
	} else {
		buf_printf(&h, "Bearer %s", key);
	}
	enum err e = add_header(p, buf_span(&h), f);
	store_wipe(&h);
	return e;
}

static enum err read_headers(struct pull *p, int cwd, const char *path, struct fault *f)
{
	struct buf text = { 0 };
	buf_reserve(&text, SECRETS_MAX + 65537);
	enum err e = file_whole(cwd, path, SECRETS_MAX, &text, f);
	for (struct span rest = buf_span(&text); e == OK && rest.n;) {
		struct span line = span_head(rest, span_find(rest, '\n'));
		rest = span_from(rest, line.n + 1);
		line = span_trim(line);
		if (line.n)
			e = add_header(p, line, f);
	}
	store_wipe(&text);
	return e;
}

static void forget_headers(struct pull *p)
{
	for (size_t i = 0; i < COUNT_OF(p->header); i++)
		explicit_bzero(p->header[i], sizeof(p->header[i]));
}

static enum err read_secrets(const struct pull_options *o, int cwd, struct pull *p, struct fault *f)
{
	char key[PULL_HEADER_MAX / 2];
	enum err e = OK;
	if (!o->key_file && !o->header_file)
		return OK;
	forget_headers(p);
	if (o->key_file) {
		e = read_line(cwd, o->key_file, key, sizeof(key), f);
		if (e == OK)
			e = add_key(p, key, f);
		explicit_bzero(key, sizeof(key));
	}
	return e || !o->header_file ? e : read_headers(p, cwd, o->header_file, f);
}

static enum err set_url(const struct pull_options *o, int cwd, struct pull *p, bool *ret_off, bool *ret_keys, struct fault *f)
{
	struct pull before = { .url = "" };
	memcpy(before.url, p->url, sizeof(before.url));
	enum err e = o->url_file ? read_line(cwd, o->url_file, p->url, sizeof(p->url), f) : set_text("url", o->url, p->url, sizeof(p->url), f);
	if (e)
		return e;
	*ret_off = strcmp(p->url, "off") == 0;
	if (before.url[0] && p->header[0][0] && !pull_same_server(pull_address(&before), pull_address(p))) {
		forget_headers(p);
		*ret_keys = false;
	}
	return OK;
}

enum err pull_options_apply(const struct pull_options *o, int cwd, struct pull *p, bool *ret_off, bool *ret_keys, struct fault *f)
{
	char path[512] = "";
	enum err e;
	*ret_off = false;
	*ret_keys = true;
	if (o->url && o->url_file)
		return fault_set(f, ERR_USAGE, "--url and --url-file say the same: give one of them");
	if ((e = set_url(o, cwd, p, ret_off, ret_keys, f)) || *ret_off)
		return e;
	if (!p->url[0])
		return fault_set(f, ERR_USAGE, "\"%s\" is not pulled: give its --url, too", p->source);
	if (o->ca_file && (o->ca_file[0] != '/' || snprintf(path, sizeof(path), "%s", o->ca_file) >= (int)sizeof(path)))
		return fault_set(f, ERR_USAGE, "--ca-file is to be the whole path of the file: the daemon reads it, too");
	if ((e = set_text("lane", o->lane, p->lane, sizeof(p->lane), f)) || (e = set_text("format", o->format, p->format, sizeof(p->format), f)) ||
	    (e = set_text("column", o->column, p->column, sizeof(p->column), f)) ||
	    (e = set_text("collection", o->collection, p->collection, sizeof(p->collection), f)) ||
	    (e = set_text("proxy", o->proxy, p->proxy, sizeof(p->proxy), f)) || (e = set_text("ca-file", o->ca_file, p->ca_file, sizeof(p->ca_file), f)) ||
	    (o->max_size && (e = parse_size(o->max_size, &p->max_octets, f))) ||
	    (e = parse_time("every", o->every, SCHEDULE_MAX_S, &p->every_s, f)) ||
	    (e = parse_time("timeout", o->timeout, PULL_TIMEOUT_MAX_S, &p->timeout_s, f)) || (e = read_secrets(o, cwd, p, f)))
		return e;
	*ret_keys |= p->header[0][0] != 0;
	p->insecure |= o->insecure;
	p->allow_empty |= o->allow_empty;
	return pull_check(p, f);
}

/* ---- now ---- */

struct job {
	struct verb_env *env;
	uint64_t complaints;
	bool bar;
};

static bool cancelled(void *ctx)
{
	const struct job *j = ctx;
	return verb_cancelled(j->env);
}

static void complain(void *ctx, const char *place, const char *reason)
{
	struct job *j = ctx;
	if (++j->complaints <= COMPLAINTS_SHOWN)
		verb_complain(j->env, "%s: %s", place, reason);
	else if (j->complaints == COMPLAINTS_SHOWN + 1)
		verb_complain(j->env, "further rejected records are only counted");
}

static void progress(void *ctx, uint64_t octets, uint64_t records)
{
	struct job *j = ctx;
	struct buf out = { 0 };
	if (!j->bar)
		return;
	buf_printf(&out, "\r\033[K%llu octets, %llu records", (unsigned long long)octets, (unsigned long long)records);
	(void)verb_write(j->env->err, &out);
	buf_release(&out);
}

static void put_done(const char *name, const struct pull_report *r, bool json, struct buf *out)
{
	const struct import_counts *c = &r->counts;
	unsigned long long read = c->read, accepted = c->accepted, duplicate = c->duplicate, skipped = c->skipped, rejected = c->rejected,
			   claims = c->claims, entries = c->entries, octets = r->octets, requests = r->requests;
	if (json)
		buf_printf(out,
			   "{\"source\":\"%s\",\"unchanged\":%s,\"imports\":%u,\"read\":%llu,\"accepted\":%llu,\"duplicate\":%llu,\"skipped\":%llu,"
			   "\"rejected\":%llu,\"entries\":%llu,\"claims\":%llu,\"octets\":%llu,\"requests\":%llu}\n",
			   name, r->unchanged ? "true" : "false", r->imports, read, accepted, duplicate, skipped, rejected, entries, claims, octets, requests);
	else if (r->unchanged)
		buf_printf(out, "%s: nothing has changed (%llu requests, %llu octets)\n", name, requests, octets);
	else
		buf_printf(out,
			   "%s: read %llu = %llu accepted + %llu duplicate + %llu skipped + %llu rejected; %llu claims, %llu ledger entries "
			   "(%llu requests, %llu octets)\n",
			   name, read, accepted, duplicate, skipped, rejected, claims, entries, requests, octets);
}

int source_pull_now(struct verb_env *env, const char *name, bool json, bool anew)
{
	struct job j = { .env = env, .bar = !json && isatty(env->err) };
	const struct pull_watch w = { .cancelled = cancelled, .complain = complain, .progress = progress, .ctx = &j, .anew = anew };
	struct pulls all = { 0 };
	struct pull_report r = { 0 };
	struct buf out = { 0 };
	struct fault f;
	enum err e = pulls_read(node_dir(env->node), &all, &f);
	const struct pull *p = e ? NULL : pulls_find(&all, span_str(name));
	if (e == OK && !p)
		e = fault_set(&f, ERR_NOTFOUND, "\"%s\" is not a source that is pulled", name);
	if (e == OK)
		e = pull_source(env->node, p, &w, &r, &f);
	if (j.bar) {
		buf_puts(&out, "\r\033[K");
		(void)verb_write(env->err, &out);
	}
	if (e == OK || r.imports) {
		put_done(name, &r, json, &out);
		verb_out(env, &out);
	}
	buf_release(&out);
	pulls_release(&all);
	return verb_end(env, e, &f);
}

/* ---- how it fares ---- */

static void put_time(int64_t ms, bool json, struct buf *out)
{
	char when[32];
	if (!ms) {
		buf_puts(out, json ? "null" : "never");
		return;
	}
	time_format(ms / 1000, when);
	buf_printf(out, json ? "\"%s\"" : "%s", when);
}

static void put_json_time(const char *name, int64_t ms, struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	put_time(ms, true, out);
}

static void put_json_text(const char *name, const char *text, struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	if (text[0])
		json_put_string(out, span_str(text));
	else
		buf_puts(out, "null");
}

static void read_health(struct verb_env *env, const struct pull *p, struct health *h)
{
	if (health_read(node_dir(env->node), p->source, h, NULL))
		*h = (struct health){ 0 };
}

void source_pull_json(struct verb_env *env, const struct pull *p, struct buf *out)
{
	struct health h;
	struct buf url = { 0 };
	unsigned keys = 0;
	if (!p) {
		buf_puts(out, "null");
		return;
	}
	read_health(env, p, &h);
	pull_url_shown(p->url, &url);
	while (keys < PULL_HEADERS && p->header[keys][0])
		keys++;
	buf_printf(out, "{\"kind\":\"%s\",\"url\":", pull_kind_name(pull_kind(p)));
	json_put_string(out, buf_span(&url));
	buf_printf(out, ",\"every_s\":%llu,\"lane\":\"%s\",\"headers\":%u", (unsigned long long)p->every_s, p->lane[0] ? p->lane : "public", keys);
	put_json_text("collection", p->collection, out);
	put_json_text("format", p->format, out);
	put_json_time("last_try", h.tried_ms, out);
	put_json_time("last_success", h.good_ms, out);
	put_json_time("last_change", h.changed_ms, out);
	put_json_time("next", h.next_ms, out);
	buf_printf(out, ",\"status\":%llu,\"failures\":%llu", (unsigned long long)h.status, (unsigned long long)h.failures);
	put_json_text("error", h.error, out);
	buf_puts(out, ",\"lag_s\":");
	if (h.good_ms)
		buf_printf(out, "%lld", (long long)((clock_ms() - h.good_ms) / 1000));
	else
		buf_puts(out, "null");
	put_json_text("etag", h.etag, out);
	put_json_text("added_after", h.after, out);
	buf_printf(out, ",\"objects\":%llu,\"octets\":%llu,\"pulls\":%llu,\"failed\":%llu}", (unsigned long long)h.objects, (unsigned long long)h.octets,
		   (unsigned long long)h.pulls, (unsigned long long)h.failed);
	buf_release(&url);
}

static void put_row(const char *name, int64_t ms, struct buf *out)
{
	buf_printf(out, "%-14s", name);
	put_time(ms, false, out);
	buf_putc(out, '\n');
}

void source_pull_text(struct verb_env *env, const struct pull *p, bool whole, struct buf *out)
{
	struct health h;
	char every[16];
	if (!p)
		return;
	read_health(env, p, &h);
	schedule_format((uint32_t)p->every_s, every);
	if (!whole) {
		buf_printf(out, "  pulled every %s: ", every);
		if (h.failures)
			buf_printf(out, "failed %llu times: %s", (unsigned long long)h.failures, h.error);
		else
			buf_puts(out, h.good_ms ? "good" : "not yet");
		return;
	}
	buf_printf(out, "%-14s", "pulled from");
	pull_url_shown(p->url, out);
	buf_printf(out, "\n%-14s%s\n%-14s%s\n", "every", every, "lane", p->lane[0] ? p->lane : "public");
	put_row("last try", h.tried_ms, out);
	put_row("last success", h.good_ms, out);
	put_row("last change", h.changed_ms, out);
	if (h.next_ms)
		put_row("next", h.next_ms, out);
	if (h.good_ms)
		buf_printf(out, "%-14s%lld s\n", "lag", (long long)((clock_ms() - h.good_ms) / 1000));
	buf_printf(out, "%-14s%llu\n%-14s%s\n", "status", (unsigned long long)h.status, "error", h.error[0] ? h.error : "none");
	buf_printf(out, "%-14s%s\n%-14s%llu records of %llu octets\n", "tag", h.etag[0] ? h.etag : "none", "last brought", (unsigned long long)h.objects,
		   (unsigned long long)h.octets);
	if (h.after[0])
		buf_printf(out, "%-14s%s\n", "stands at", h.after);
}
