/* What stands here was tried with the versions of Debian 12.  The times in the comments were measured with them, too. */
#include "cli/feed_config.h"

#include <stdio.h>

enum { RPZ = 1 << FEED_RPZ, LIST = 1 << FEED_LIST };

struct writer {
	const struct feed *feed;
	const struct feed_place *place;
	char zone[FEED_TEXT_MAX + 1]; /* of rpz */
	char key[2 * FEED_NAME_MAX + 2]; /* name of the TSIG key */
	char url[FEED_TEXT_MAX + 64]; /* "http://HOST:PORT" */
	bool tls;                     /* over TLS */
	struct buf *out;
};

#define SECRET "SECRET" /* stands where the key goes that was printed once */

static void put_key_hint(const struct writer *w, const char *comment)
{
	buf_printf(w->out, "%s \"sipar feed key %s %s\" prints the key once: it stands in the place of " SECRET ".\n", comment, w->feed->name,
		   w->place->consumer ? w->place->consumer : "NAME");
}

/* Of a BIND, whose CA stands in a file that its operator names. */
static void put_bind_tls(const struct writer *w)
{
	buf_printf(w->out, "// It believes the server by its certificate: ca-file has that of whoever signed it, remote-hostname is the name in it.\n"
			   "tls \"sipar\" { ca-file \"/etc/bind/sipar-ca.pem\"; remote-hostname \"%s\"; protocols { TLSv1.3; }; };\n", w->place->host);
}

static void put_unbound(const struct writer *w)
{
	buf_printf(w->out, "# unbound.conf, Unbound 1.16 or later.  It cannot sign transfers with a key, so its address must be allowed:\n"
			   "#   sipar feed set %s --allow ADDRESS-OF-UNBOUND --notify ADDRESS-OF-UNBOUND:53\n"
			   "# No \"zonefile:\" on purpose: with one, each change stops it for a third of a second.\n", w->feed->name);
	buf_printf(w->out, "server:\n    module-config: \"respip validator iterator\"\n"
			   "rpz:\n    name: \"%s\"\n    primary: %s@%u\n    allow-notify: %s\n    rpz-log: yes\n    rpz-log-name: \"%s\"\n",
		   w->zone, w->place->host, w->place->rpz_port, w->place->host, w->feed->name);
}

static void put_bind(const struct writer *w)
{
	put_key_hint(w, w->tls ? "// named.conf, BIND 9.18 or later. " : "// named.conf, BIND 9.16 or later. ");
	if (w->tls)
		put_bind_tls(w);
	buf_printf(w->out, "key \"%s\" { algorithm hmac-sha256; secret \"" SECRET "\"; };\n", w->key);
	buf_printf(w->out, "zone \"%s\" {\n    type secondary; file \"%s.db\"; masterfile-format raw; request-ixfr yes;\n"
			   "    primaries { %s port %u key \"%s\"%s; };\n    allow-notify { key \"%s\"; }; allow-query { localhost; };\n};\n",
		   w->zone, w->zone, w->place->host, w->tls ? w->place->rpz_tls_port : w->place->rpz_port, w->key, w->tls ? " tls \"sipar\"" : "", w->key);
	buf_printf(w->out, "// In options { }.  Without min-update-interval 0 a change waits for up to a minute.\n"
			   "    response-policy { zone \"%s\" min-update-interval 0 max-policy-ttl 60; }\n"
			   "        qname-wait-recurse no min-update-interval 0;\n", w->zone);
}

static void put_knot(const struct writer *w)
{
	put_key_hint(w, "# knot.conf, Knot DNS 3 as a secondary of the zone. ");
	buf_printf(w->out, "key:\n  - id: %s\n    algorithm: hmac-sha256\n    secret: " SECRET "\n", w->key);
	buf_printf(w->out, "remote:\n  - id: sipar\n    address: %s@%u\n    key: %s\n", w->place->host, w->place->rpz_port, w->key);
	buf_printf(w->out, "acl:\n  - id: sipar-notify\n    key: %s\n    action: notify\n", w->key);
	buf_printf(w->out, "zone:\n  - domain: %s\n    master: sipar\n    acl: sipar-notify\n    zonefile-sync: -1\n    zonefile-load: none\n"
			   "    journal-content: all\n", w->zone);
}

static void put_powerdns(const struct writer *w)
{
	put_key_hint(w, "-- In the file of lua-config-file, PowerDNS Recursor 4.5 or later. ");
	buf_puts(w->out, "-- It takes no NOTIFY for such zones, so it asks every 5 seconds.  In recursor.conf, packetcache-ttl=5 has names that it\n"
			 "-- answered before follow as soon: without it they stay for their own TTL.\n");
	buf_printf(w->out, "rpzPrimary(\"%s:%u\", \"%s\", {tsigname=\"%s\", tsigalgo=\"hmac-sha256\", tsigsecret=\"" SECRET "\", refresh=5})\n",
		   w->place->host, w->place->rpz_port, w->zone, w->key);
}

static void put_fetch(const struct writer *w, const char *ending, const char *file)
{
	buf_printf(w->out, "curl -sf %s--etag-compare %s.etag --etag-save %s.etag -o %s.new %s/v1/feeds/%s.%s",
		   w->feed->open ? "" : "-H 'X-Api-Key: " SECRET "' ", file, file, file, w->url, w->feed->name, ending);
}

static void put_kresd(const struct writer *w)
{
	char file[FEED_TEXT_MAX + 64];
	snprintf(file, sizeof(file), "/var/lib/knot-resolver/%s.rpz", w->feed->name);
	put_key_hint(w, "-- kresd.conf, Knot Resolver 5 (with the package lua-cqueues, so that it watches the file; names only). ");
	buf_printf(w->out, "policy.add(policy.rpz(policy.DENY, '%s', true))\n", file);
	buf_puts(w->out, "-- It takes no transfers: a line for the crontab of its user brings the file.\n* * * * * ");
	put_fetch(w, "rpz", file);
	buf_printf(w->out, " && [ -s %s.new ] && mv %s.new %s\n", file, file, file);
}

static void put_nftables(const struct writer *w)
{
	char set[FEED_SET_NAME_MAX + 1], file[FEED_TEXT_MAX + 64];
	feed_set_name(w->feed, set);
	snprintf(file, sizeof(file), "/var/lib/sipar-%s.nft", w->feed->name);
	put_key_hint(w, "# A line for root's crontab: the sets, replaced in one transaction. ");
	buf_puts(w->out, "* * * * * ");
	put_fetch(w, "nft", file);
	buf_printf(w->out, " && [ -s %s.new ] && mv %s.new %s && nft -f %s\n", file, file, file, file);
	buf_puts(w->out, "# Once, and at boot behind the first load of the sets: nft -f a file with\n"
			 "table inet sipar {\n    chain in {\n        type filter hook prerouting priority raw; policy accept;\n");
	buf_printf(w->out, "        ip saddr @%s_ip4 drop\n        ip saddr @%s_net4 drop\n        ip6 saddr @%s_ip6 drop\n        ip6 saddr @%s_net6 drop\n",
		   set, set, set, set);
	buf_puts(w->out, "    }\n    chain out {\n        type filter hook output priority raw; policy accept;\n");
	buf_printf(w->out, "        ip daddr @%s_ip4 drop\n        ip daddr @%s_net4 drop\n        ip6 daddr @%s_ip6 drop\n        ip6 daddr @%s_net6 drop\n",
		   set, set, set, set);
	buf_puts(w->out, "    }\n}\n");
}

static void put_crowdsec(const struct writer *w)
{
	put_key_hint(w, "# crowdsec-firewall-bouncer.yaml, and likewise any other bouncer; a key for each of them. ");
	buf_printf(w->out, "mode: nftables\nupdate_frequency: 1s\napi_url: %s/\napi_key: " SECRET "\n", w->url);
}

static void put_curl(const struct writer *w)
{
	put_key_hint(w, "# The whole list, and only when it has changed; .csv .json .nft and others: docs/feeds.md. ");
	put_fetch(w, "txt", w->feed->name);
	buf_printf(w->out, "\n# What has changed since the answer that said next:\ncurl -sf %s'%s/v1/feeds/%s.json?since=NEXT'\n",
		   w->feed->open ? "" : "-H 'X-Api-Key: " SECRET "' ", w->url, w->feed->name);
}

static void put_enforce(const struct writer *w)
{
	put_key_hint(w, "# On the firewall, as root; it keeps sets and rules of its own (docs/enforce.md). ");
	buf_printf(w->out, "# The key alone stands in a file of mode 0600.\nsipar enforce nft --url %s/ --feed %s --key-file /etc/sipar/%s.key\n", w->url, w->feed->name,
		   w->feed->name);
}

static const struct config {
	const char *name;
	unsigned types;
	enum { HTTP, RPZ_PLAIN, RPZ_OR_TLS } face;
	void (*put)(const struct writer *w);
} configs[] = {
	{ "unbound", RPZ, RPZ_PLAIN, put_unbound }, { "bind", RPZ, RPZ_OR_TLS, put_bind }, { "knot", RPZ, RPZ_PLAIN, put_knot },
	{ "kresd", RPZ, HTTP, put_kresd }, { "powerdns", RPZ, RPZ_PLAIN, put_powerdns }, { "nftables", LIST, HTTP, put_nftables },
	{ "enforce", LIST, HTTP, put_enforce },
	{ "crowdsec", LIST, HTTP, put_crowdsec }, { "curl", RPZ | LIST, HTTP, put_curl },
};

void feed_config_names(struct buf *out)
{
	for (size_t i = 0; i < COUNT_OF(configs); i++)
		buf_printf(out, "%s%s", i == 0 ? "" : i + 1 < COUNT_OF(configs) ? ", " : " and ", configs[i].name);
}

bool feed_config_by_tls(const struct feed *feed, const struct feed_place *p)
{
	return feed->type == FEED_RPZ && (feed->tls_only || (!p->rpz_port && p->rpz_tls_port));
}

enum err feed_config_put(const char *which, const struct feed *feed, const struct feed_place *p, struct buf *out, struct fault *f)
{
	struct writer w = { .feed = feed, .place = p, .out = out };
	const struct config *c = NULL;
	for (size_t i = 0; i < COUNT_OF(configs); i++)
		if (strcmp(configs[i].name, which) == 0)
			c = &configs[i];
	if (!c) {
		struct buf all = { 0 };
		feed_config_names(&all);
		fault_set(f, ERR_USAGE, "--config \"%s\" is none of %s", which, buf_cstr(&all));
		buf_release(&all);
		return ERR_USAGE;
	}
	if (!(c->types >> feed->type & 1))
		return fault_set(f, ERR_USAGE, "feed \"%s\" is of type %s: %s takes one of type %s", feed->name, feed_type_name(feed->type), which,
				 c->types & RPZ ? "rpz" : "list");
	w.tls = c->face != HTTP && feed_config_by_tls(feed, p);
	if (w.tls && c->face == RPZ_PLAIN && (feed->tls_only || p->rpz_tls_port))
		return fault_set(f, ERR_USAGE, "the zone of feed \"%s\" is transferred over TLS alone, which the %s of Debian 12 cannot", feed->name, which);
	if (!(c->face == HTTP ? p->http_port : w.tls ? p->rpz_tls_port : p->rpz_port))
		return fault_set(f, ERR_NOTFOUND, "the %s face, by which %s would take it, is off in sipar.conf",
				 c->face == HTTP ? "HTTP" : feed->tls_only ? "RPZ over TLS (rpz_tls)" : "RPZ", which);
	snprintf(w.zone, sizeof(w.zone), "%s", feed->zone[0] ? feed->zone : feed->name);
	snprintf(w.key, sizeof(w.key), "%s.%s", p->consumer ? p->consumer : "NAME", feed->name);
	snprintf(w.url, sizeof(w.url), strchr(p->host, ':') ? "http://[%s]:%u" : "http://%s:%u", p->host, p->http_port);
	c->put(&w);
	return OK;
}
