/* TAXII 2.1: discovery, the API root, collections, and what all of its handlers begin with. */
#include "codec/json.h"
#include "codec/tlp.h"
#include "face/http_taxii_parts.h"
#include "gate/docket.h"

/* ---- media types ---- */

static struct span unquoted(struct span s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? span_of(s.p + 1, s.n - 2) : s;
}

/* Up to a separator that is not in quotes, which is taken off. */
static struct span until(struct span *rest, char separator)
{
	bool quoted = false;
	size_t n = 0;
	while (n < rest->n && (quoted || rest->p[n] != (uint8_t)separator)) {
		quoted ^= rest->p[n] == '"';
		n++;
	}
	struct span item = span_trim(span_head(*rest, n));
	*rest = span_from(*rest, n + 1);
	return item;
}

/* 0 to 1000; what is no weight is none. */
static unsigned weight_of(struct span s)
{
	unsigned q = 0, unit = 1000;
	for (size_t i = 0; i < s.n && i < 5; i++) {
		if (s.p[i] == '.' && i == 1)
			continue;
		if (!ascii_digit(s.p[i]))
			return 1000;
		q += (unsigned)(s.p[i] - '0') * unit;
		unit /= 10;
	}
	return q > 1000 ? 1000 : q;
}

/* @param ret_weight  of the item, when it has one.  @return whether the version that it wants is ours. */
static bool version_fits(struct span parameters, unsigned *ret_weight)
{
	bool fits = true;
	while (parameters.n) {
		struct span one = until(&parameters, ';');
		size_t equals = span_find(one, '=');
		struct span name = span_trim(span_head(one, equals)), value = unquoted(span_trim(span_from(one, equals + 1)));
		if (span_ieq(name, SPAN_LIT("version")))
			fits = span_is(value, "2.1");
		else if (span_ieq(name, SPAN_LIT("q")))
			*ret_weight = weight_of(value);
	}
	return fits;
}

/* RFC 9110 section 12.5.1: the most specific range that covers it decides. */
bool taxii_accepted(const char *field)
{
	struct span rest = span_str(field ? field : "");
	unsigned best = 0, weight = 0;
	while (rest.n) {
		struct span item = until(&rest, ',');
		struct span type = until(&item, ';');
		unsigned q = 1000;
		unsigned how = span_ieq(type, SPAN_LIT("application/taxii+json")) ? 3 : span_ieq(type, SPAN_LIT("application/*")) ? 2 : span_is(type, "*/*");
		if (!version_fits(item, &q))
			continue;
		if (how > best || (how == best && q > weight)) {
			best = how;
			weight = q;
		}
	}
	return best && weight;
}

bool taxii_content(const char *field)
{
	struct span rest = span_str(field ? field : "");
	unsigned weight;
	return span_ieq(until(&rest, ';'), SPAN_LIT("application/taxii+json")) && version_fits(rest, &weight);
}

/* ---- what handlers begin with ---- */

static bool media_fine(struct http_server *s, const struct http_request *q, bool takes, struct http_answer *a)
{
	if (!taxii_accepted(http_request_header(q, "Accept")))
		http_problem(a, 406, q->target, "the answer is " TAXII_MEDIA ", and the Accept field does not take that");
	else if (takes && !taxii_content(http_request_header(q, "Content-Type")))
		http_problem(a, 415, q->target, "the Content-Type of what is sent here is " TAXII_MEDIA);
	else if (q->refusal)
		http_refuse(s, q, a);
	return !a->status && !q->incomplete;
}

bool taxii_begin(struct http_server *s, const struct http_request *q, struct http_answer *a)
{
	return media_fine(s, q, false, a);
}

static void no_collection(const struct http_request *q, struct http_answer *a)
{
	http_problem(a, 404, q->target, "there is no collection of this id; " TAXII_ROOT "collections/ lists them");
}

/* What these lanes hold is never an object. */
static bool holds_objects(const struct lane *lane)
{
	return strcmp(lane->name, NODE_LANE) != 0 && strcmp(lane_first_name(lane), DOCKET_LANE) != 0;
}

void taxii_collection_of(const struct http_request *q, const struct lane *lane, struct taxii_lane *c)
{
	c->lane = *lane;
	uuid_named(uuid_urls, span_str(lane->origin), c->id);
	c->can_write = role_may(http_asker(q)->role, RIGHT_REPORT) && !strchr(lane->name, '.'); /* a peer's lane is written there */
}

unsigned taxii_collections(const struct http_server *s, const struct http_request *q, struct taxii_lane ret[LANES_MAX])
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned all = ledger_lanes(s->ledger, http_clear(q), lanes), n = 0;
	for (unsigned i = 0; i < all; i++)
		if (holds_objects(&lanes[i]))
			taxii_collection_of(q, &lanes[i], &ret[n++]);
	free(lanes);
	return n;
}

static bool find_collection(const struct http_server *s, const struct http_request *q, struct span name, struct taxii_lane *ret)
{
	struct taxii_lane *all = mem_alloc(LANES_MAX * sizeof(*all));
	unsigned n = taxii_collections(s, q, all), i = 0;
	while (i < n && !span_is(name, all[i].id) && !span_is(name, all[i].lane.name))
		i++;
	if (i < n)
		*ret = all[i];
	free(all);
	return i < n;
}

static void not_allowed(const struct http_request *q, struct http_answer *a)
{
	bool known = http_asker(q)->party[0];
	if (!known)
		http_answer_header(a, "WWW-Authenticate", "Basic realm=\"sipar\", charset=\"UTF-8\"");
	http_problem(a, known ? 403 : 401, q->target,
		     known ? "your role, or the collection, does not allow it to be written to" : "who writes to a collection says who they are, by a token");
}

bool taxii_open(struct http_server *s, const struct http_request *q, struct span name, bool writes, bool takes, struct taxii_lane *c,
		struct http_answer *a)
{
	if (writes && !http_asker(q)->party[0])
		not_allowed(q, a);
	else if (!find_collection(s, q, name, c))
		no_collection(q, a);
	else if (writes && !c->can_write)
		not_allowed(q, a);
	return !a->status && media_fine(s, q, takes, a);
}

/* ---- resources ---- */

static void put_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "\"%s\":", name);
	json_put_string(out, span_str(value));
}

/* A host as a client may name it. */
static bool host_ok(const char *host)
{
	if (!host || !host[0] || strlen(host) > 255)
		return false;
	for (const char *c = host; *c; c++)
		if (!ascii_digit((uint8_t)*c) && !(ascii_lower((uint8_t)*c) >= 'a' && ascii_lower((uint8_t)*c) <= 'z') && !strchr(".-:[]_", *c))
			return false;
	return true;
}

/* A proxy that takes TLS off in front of us says so, and is on this machine. */
static const char *scheme_of(const struct http_request *q)
{
	char peer[ADDRESS_TEXT_MAX];
	const char *forwarded = http_request_header(q, "X-Forwarded-Proto");
	http_request_peer(q, peer);
	bool near = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
	return near && forwarded && strcmp(forwarded, "https") == 0 ? "https" : "http";
}

/* With the host by which the client has reached us: some clients take no path alone. */
static void put_root(const struct http_request *q, struct buf *out)
{
	const char *host = http_request_header(q, "Host");
	struct buf url = { 0 };
	if (host_ok(host))
		buf_printf(&url, "%s://%s", scheme_of(q), host);
	buf_puts(&url, TAXII_ROOT);
	json_put_string(out, buf_span(&url));
	buf_release(&url);
}

static void answer(struct http_answer *a)
{
	a->status = 200;
	a->type = TAXII_MEDIA;
}

void http_taxii_discovery(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	(void)w;
	if (!taxii_begin(s, q, a))
		return;
	buf_putc(&a->body, '{');
	put_member(&a->body, "title", ledger_name(s->ledger));
	buf_puts(&a->body, ",\"description\":\"Lanes of a Sipar node as collections.\",\"default\":");
	put_root(q, &a->body);
	buf_puts(&a->body, ",\"api_roots\":[");
	put_root(q, &a->body);
	buf_puts(&a->body, "]}\n");
	answer(a);
}

void http_taxii_root(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	(void)w;
	if (!taxii_begin(s, q, a))
		return;
	buf_putc(&a->body, '{');
	put_member(&a->body, "title", ledger_name(s->ledger));
	buf_printf(&a->body, ",\"description\":\"All lanes that you may see.\",\"versions\":[\"" TAXII_MEDIA "\"],\"max_content_length\":%zu}\n",
		   s->options.body_max);
	answer(a);
}

void taxii_collection_put(const struct taxii_lane *c, struct buf *out)
{
	buf_printf(out, "{\"id\":\"%s\",", c->id);
	put_member(out, "title", c->lane.name);
	buf_printf(out, ",\"description\":\"Lane %s, for %s%s%s.\",", c->lane.name, tlp_name(c->lane.tlp), c->lane.members[0] ? " and its members" : "",
		   strcmp(c->lane.realm, "production") != 0 ? ", an exercise" : "");
	put_member(out, "alias", c->lane.name);
	buf_printf(out, ",\"can_read\":true,\"can_write\":%s,\"media_types\":[\"application/stix+json;version=2.1\",\"application/stix+json;version=2.0\"]}",
		   c->can_write ? "true" : "false");
}

void http_taxii_collections(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	(void)w;
	if (!taxii_begin(s, q, a))
		return;
	struct taxii_lane *all = mem_alloc(LANES_MAX * sizeof(*all));
	unsigned n = taxii_collections(s, q, all);
	for (unsigned i = 0; i < n; i++) {
		buf_puts(&a->body, i ? "," : "{\"collections\":[");
		taxii_collection_put(&all[i], &a->body);
	}
	buf_puts(&a->body, n ? "]}\n" : "{}\n");
	free(all);
	answer(a);
}

void http_taxii_collection(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct taxii_lane c;
	if (!taxii_open(s, q, w->word[0], false, false, &c, a))
		return;
	taxii_collection_put(&c, &a->body);
	buf_putc(&a->body, '\n');
	answer(a);
}
