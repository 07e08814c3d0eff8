#include "peer/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "ledger/lane.h"
#include "sys/fetch.h"

enum { FILE_MAX = 1 << 20, EVERY_MIN_MS = 50, EVERY_MAX_MS = 3600000 };

void peers_release(struct peers *p)
{
	if (p->v)
		explicit_bzero(p->v, p->n * sizeof(*p->v));
	free(p->v);
	*p = (struct peers){ 0 };
}

struct peer *peers_find(struct peers *p, const char *name)
{
	for (unsigned i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) == 0)
			return &p->v[i];
	return NULL;
}

static struct peer *grow(struct peers *p)
{
	struct peer *v = mem_zalloc((p->n + 1) * sizeof(*v));
	if (p->n) {
		memcpy(v, p->v, p->n * sizeof(*v));
		explicit_bzero(p->v, p->n * sizeof(*v)); /* it has tokens */
	}
	free(p->v);
	p->v = v;
	return &v[p->n++];
}

/* ---- what is right ---- */

static bool lane_name_ok(const char *name)
{
	struct lane l = { .tlp = 1, .peer = "x", .realm = "production" };
	return (size_t)snprintf(l.name, sizeof(l.name), "x.%s", name) < sizeof(l.name) && lane_check(&l, NULL) == OK;
}

static bool url_ok(const char *url)
{
	struct span s = span_str(url);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '#' || s.p[i] == '?' || s.p[i] >= 0x7f)
			return false;
	return span_starts(s, SPAN_LIT("http://")) || span_starts(s, SPAN_LIT("https://"));
}

static bool token_ok(const char *token)
{
	for (; *token; token++)
		if (*token <= ' ' || *token >= 0x7f)
			return false;
	return true;
}

enum err peer_check(const struct peer *p, struct fault *f)
{
	if (!peer_name_ok(span_str(p->name)))
		return fault_set(f, ERR_USAGE, "\"%s\" is not the name of a peer: 1 to %d of a-z, 0-9 and \"-\"", p->name, PEER_NAME_MAX);
	if (p->url[0] && !url_ok(p->url))
		return fault_set(f, ERR_USAGE, "peer \"%s\": its URL must begin with http:// or https:// and have no \"?\" and \"#\"", p->name);
	if (!p->n_keys)
		return fault_set(f, ERR_USAGE, "peer \"%s\" has no key: nothing of it could be verified", p->name);
	if (!p->n_lanes && p->url[0])
		return fault_set(f, ERR_USAGE, "peer \"%s\" has no lane", p->name);
	if (p->every_ms < EVERY_MIN_MS || p->every_ms > EVERY_MAX_MS)
		return fault_set(f, ERR_USAGE, "peer \"%s\" is asked every %u ms: it must be %d ms to 1 h", p->name, p->every_ms, EVERY_MIN_MS);
	if (!token_ok(p->token))
		return fault_set(f, ERR_USAGE, "peer \"%s\": the token is not one word", p->name);
	for (unsigned i = 0; i < p->n_lanes; i++) {
		if (!lane_name_ok(p->lane[i]))
			return fault_set(f, ERR_USAGE, "peer \"%s\": \"%s\" is not the name of a lane", p->name, p->lane[i]);
		if (strlen(p->name) + 1 + strlen(p->lane[i]) > LANE_NAME_MAX)
			return fault_set(f, ERR_USAGE, "\"%s.%s\" is longer than the name of a lane can be", p->name, p->lane[i]);
		if (strcmp(p->lane[i], NODE_LANE) == 0)
			return fault_set(f, ERR_USAGE, "peer \"%s\": what a node says about itself, in its lane \"%s\", is not for others", p->name, NODE_LANE);
		for (unsigned k = 0; k < i; k++)
			if (strcmp(p->lane[i], p->lane[k]) == 0)
				return fault_set(f, ERR_USAGE, "peer \"%s\" has the lane \"%s\" twice", p->name, p->lane[i]);
	}
	return OK;
}

enum err peer_lanes_parse(struct peer *p, struct span text, struct fault *f)
{
	p->n_lanes = 0;
	for (struct span rest = text; rest.n;) {
		struct span one = span_trim(span_head(rest, span_find(rest, ',')));
		rest = span_from(rest, span_find(rest, ',') + 1);
		if (!one.n || one.n > LANE_NAME_MAX)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a lane", SPAN_ARG(span_head(one, 80)));
		if (p->n_lanes == PEER_LANES_MAX)
			return fault_set(f, ERR_USAGE, "more than %d lanes of one peer", PEER_LANES_MAX);
		snprintf(p->lane[p->n_lanes++], sizeof(p->lane[0]), SPAN_FMT, SPAN_ARG(one));
	}
	return OK;
}

enum err peers_set(struct peers *p, const struct peer *peer, struct fault *f)
{
	struct peer *there = peers_find(p, peer->name);
	enum err e = peer_check(peer, f);
	if (e == OK && !there && p->n == PEERS_MAX)
		e = fault_set(f, ERR_FULL, "there are %d peers, which is all that there can be", PEERS_MAX);
	if (e)
		return e;
	*(there ? there : grow(p)) = *peer;
	return OK;
}

bool peers_remove(struct peers *p, const char *name)
{
	struct peer *there = peers_find(p, name);
	if (!there)
		return false;
	*there = p->v[--p->n];
	explicit_bzero(&p->v[p->n], sizeof(p->v[0]));
	return true;
}

/* ---- the file ---- */

static bool copy_word(struct span word, char *ret_text, size_t room)
{
	if (!word.n || word.n >= room)
		return false;
	memcpy(ret_text, word.p, word.n);
	ret_text[word.n] = 0;
	return true;
}

static enum err take_peer(struct peers *p, const char *name, struct span rest, struct fault *f)
{
	struct span every = span_word(&rest), url = span_word(&rest);
	uint64_t ms;
	if (peers_find(p, name))
		return fault_set(f, ERR_USAGE, "peer \"%s\" is there twice", name);
	if (p->n == PEERS_MAX)
		return fault_set(f, ERR_USAGE, "more than %d peers", PEERS_MAX);
	if (!span_starts(every, SPAN_LIT("every=")) || num_parse_u64(span_from(every, 6), EVERY_MAX_MS, &ms))
		return fault_set(f, ERR_USAGE, "\"every=MS\" is missing behind the name");
	struct peer *new = grow(p);
	new->every_ms = (uint32_t)ms;
	snprintf(new->name, sizeof(new->name), "%s", name);
	if (span_is(url, "-"))
		return OK;
	return copy_word(url, new->url, sizeof(new->url)) ? OK : fault_set(f, ERR_USAGE, "the URL is missing, or longer than %d octets", PEER_URL_MAX);
}

static enum err take_of(struct peer *peer, struct span what, struct span value, struct fault *f)
{
	if (span_is(what, "key") && peer->n_keys < PEER_KEYS_MAX && hex_decode(value, peer->key[peer->n_keys], 32) == OK)
		return peer->n_keys++, OK;
	if (span_is(what, "lane") && peer->n_lanes < PEER_LANES_MAX && copy_word(value, peer->lane[peer->n_lanes], sizeof(peer->lane[0])))
		return peer->n_lanes++, OK;
	if (span_is(what, "token") && !peer->token[0] && copy_word(value, peer->token, sizeof(peer->token)))
		return OK;
	return fault_set(f, ERR_USAGE, "that is no " SPAN_FMT ", or one too many", SPAN_ARG(span_head(what, 20)));
}

static enum err take_line(struct peers *p, struct span line, struct fault *f)
{
	char name[PEER_NAME_MAX + 1];
	struct span rest = line, what = span_word(&rest);
	if (!what.n)
		return OK;
	if (!span_is(what, "peer") && !span_is(what, "key") && !span_is(what, "lane") && !span_is(what, "token"))
		return fault_set(f, ERR_USAGE, "the line begins with none of \"peer\", \"key\", \"lane\" and \"token\"");
	if (!copy_word(span_word(&rest), name, sizeof(name)))
		return fault_set(f, ERR_USAGE, "the name of a peer is missing");
	if (span_is(what, "peer"))
		return take_peer(p, name, rest, f);
	struct peer *peer = peers_find(p, name);
	return peer ? take_of(peer, what, span_word(&rest), f) : fault_set(f, ERR_USAGE, "there is no peer \"%s\" in the lines before", name);
}

enum err peers_parse(struct span text, const char *name, struct peers *ret_peers, struct fault *f)
{
	struct peers p = { 0 };
	struct fault why = { .text = "" };
	enum err e = OK;
	for (unsigned n = 1; text.n && e == OK; n++) {
		struct span line = span_head(text, span_find(text, '\n'));
		text = span_from(text, line.n + 1);
		if ((e = take_line(&p, span_trim(span_head(line, span_find(line, '#'))), &why)) != OK)
			fault_set(f, ERR_USAGE, "%s:%u: %s", name, n, why.text);
	}
	for (unsigned i = 0; i < p.n && e == OK; i++)
		if ((e = peer_check(&p.v[i], &why)) != OK)
			fault_set(f, ERR_USAGE, "%s: %s", name, why.text);
	if (e)
		peers_release(&p);
	else
		*ret_peers = p;
	return e ? ERR_USAGE : OK;
}

void peers_put(const struct peers *p, struct buf *out)
{
	char digits[65] = "";
	buf_puts(out, "# The nodes whose lanes are mirrored here; \"sipar peer\" writes this.\n");
	for (unsigned i = 0; i < p->n; i++) {
		const struct peer *v = &p->v[i];
		buf_printf(out, "peer %s every=%u %s\n", v->name, v->every_ms, v->url[0] ? v->url : "-");
		for (unsigned k = 0; k < v->n_keys; k++) {
			hex_encode(v->key[k], 32, digits);
			buf_printf(out, "key %s %.64s\n", v->name, digits);
		}
		for (unsigned k = 0; k < v->n_lanes; k++)
			buf_printf(out, "lane %s %s\n", v->name, v->lane[k]);
		if (v->token[0])
			buf_printf(out, "token %s %s\n", v->name, v->token);
	}
}

static enum err read_all(int fd, const char *path, struct buf *text, struct fault *f)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && (st.st_mode & 077))
		return fault_set(f, ERR_FORBIDDEN, "others may read the tokens in \"%s\": chmod 600 it", path);
	for (ssize_t n = 1; n > 0;) {
		n = read(fd, buf_reserve(text, 65536), 65536);
		if (n < 0)
			return fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
		text->n += (size_t)n;
		if (text->n > FILE_MAX)
			return fault_set(f, ERR_USAGE, "\"%s\" is larger than %d octets", path, FILE_MAX);
	}
	return OK;
}

static void wipe(struct buf *text)
{
	if (text->p)
		explicit_bzero(text->p, text->cap);
	buf_release(text);
}

enum err peers_read(const char *dir, struct peers *ret_peers, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096];
	snprintf(path, sizeof(path), "%s/peers.conf", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*ret_peers = (struct peers){ 0 };
	if (fd < 0)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	buf_reserve(&text, FILE_MAX + 65536); /* so that it does not move, and leave tokens behind */
	enum err e = read_all(fd, path, &text, f);
	close(fd);
	if (e == OK)
		e = peers_parse(buf_span(&text), path, ret_peers, f);
	wipe(&text);
	return e;
}

static bool write_all(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return false;
		s = span_from(s, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0;
}

enum err peers_write(const char *dir, const struct peers *p, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096], draft[4096];
	snprintf(path, sizeof(path), "%s/peers.conf", dir);
	snprintf(draft, sizeof(draft), "%s/peers.conf.new", dir);
	buf_reserve(&text, FILE_MAX);
	peers_put(p, &text);
	unlink(draft);
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && at >= 0 && write_all(fd, buf_span(&text)) && rename(draft, path) == 0 && fsync(at) == 0;
	enum err e = good ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (at >= 0)
		close(at);
	wipe(&text);
	return e;
}

/* ---- the lane ---- */

enum err peer_say(struct node *n, const char *op, const struct peer *p, const char *name, struct fault *f)
{
	struct buf body = { 0 };
	char digits[65] = "", shown[PEER_URL_MAX + 1];
	bool said;
	buf_puts(&body, "{\"keys\":[");
	for (unsigned i = 0; i < p->n_keys; i++) {
		hex_encode(p->key[i], 32, digits);
		buf_printf(&body, "%s\"%.64s\"", i ? "," : "", digits);
	}
	buf_puts(&body, "],\"lanes\":[");
	for (unsigned i = 0; i < (name ? 1 : p->n_lanes); i++)
		buf_printf(&body, "%s\"%s\"", i ? "," : "", name ? name : p->lane[i]);
	fetch_url_shown(p->url, shown, sizeof(shown));
	buf_printf(&body, "],\"name\":\"%s\",\"op\":\"%s\",\"url\":", p->name, op);
	json_put_string(&body, span_str(shown));
	buf_putc(&body, '}');
	enum err e = node_say_peer(n, buf_span(&body), &said, f);
	buf_release(&body);
	return e;
}
