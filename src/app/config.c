#include "app/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "base/num.h"
#include "codec/tlp.h"
#include "view/party.h"

enum { FILE_MAX = 1 << 16 };

struct row {
	const char *name, *value, *help;
	size_t offset, size; /* size 0: a number, at most `max`; KEYS: a list of keys, of the type `max`; FEEDS; POLICIES; PREFIXES; SWITCH: on or off, yes or no;
			      * GUARD: the enum guard_setting `max` */
	uint64_t max;
};

#define KEYS SIZE_MAX
#define FEEDS (SIZE_MAX - 1)
#define POLICIES (SIZE_MAX - 2)
#define GUARD (SIZE_MAX - 3)
#define PREFIXES (SIZE_MAX - 4)
#define SWITCH (SIZE_MAX - 5)

#define TEXT(field) offsetof(struct config, field), sizeof(((struct config *)0)->field), 0
#define NUMBER(field, max) offsetof(struct config, field), 0, max
#define PROTECTED(setting) offsetof(struct config, guard), GUARD, setting
#define ON_OFF(field) offsetof(struct config, field), SWITCH, 0
#define LIST(field, type) offsetof(struct config, field), KEYS, type

static const struct row rows[] = {
	{ "http", "127.0.0.1:8300", "Address and port of the HTTP face, or off.", TEXT(http) },
	{ "https", "off", "The same over TLS, for example 0.0.0.0:8443, or off; needs tls_cert and tls_key.", TEXT(https) },
	{ "http_plain", "no", "yes: HTTP without TLS on other addresses than loopback, too: whoever is on the way reads and changes what is said, tokens included.",
	  ON_OFF(http_plain) },
	{ "http_rate", "60000", "Requests a minute of a token that has no --rate of its own, and of an address (IPv6: /64) without a token, but for\n"
				"# loopback; 0: no limit.", NUMBER(http_rate, TOKEN_RATE_MAX) },
	{ "dns", "127.0.0.1:5300", "Address and port of the DNS face (UDP and TCP), or off.", TEXT(dns) },
	{ "rpz", "127.0.0.1:5310", "Address and port where resolvers get policy zones (UDP and TCP), or off.", TEXT(rpz) },
	{ "rpz_tls", "off", "The same over TLS (XoT), for example 0.0.0.0:853, or off; needs tls_cert and tls_key.", TEXT(rpz_tls) },
	{ "tls_cert", "none", "Certificate of this node, PEM: a file with its own first, then those that sign it.  A file that is replaced is taken\n"
			      "# within moments, and at SIGHUP; no restart.", TEXT(tls_cert) },
	{ "tls_key", "none", "Its private key, PEM without a passphrase, a file that not everybody may read.", TEXT(tls_key) },
	{ "tls_client_ca", "none", "Certificates, PEM, of those who sign the clients' (mutual TLS).  Of policy zones, who shows no such certificate gets nothing;\n"
			   "# of https, one that is a party's (sipar token cert) is as good as its token.  none: not asked for.",
	  TEXT(tls_client_ca) },
	{ "zone", "bl.sipar.test", "Domain under which the DNS face answers.", TEXT(zone) },
	{ "name_server", "none", "Name of this server for NS at the zone's apex, as its parent zone delegates it; none: no NS.",
	  TEXT(name_server) },
	{ "audience", "clear", "Lanes that anonymous askers over HTTP and DNS see: those for this TLP level or a wider\n"
			       "# audience (clear, green, amber, amber+strict, red).", TEXT(audience) },
	{ "min_score", "1", "Lowest score, 1 to 100, at which the DNS face lists.", NUMBER(min_score, 100) },
	{ "ttl", "60", "Seconds that resolvers may keep a listing.", NUMBER(ttl, 86400) },
	{ "negative_ttl", "60", "Seconds that resolvers may keep the answer that something is not listed.", NUMBER(negative_ttl, 86400) },
	{ "txt_url", "none", "Where a listed value is explained: a URL, which TXT answers show with the value behind it.", TEXT(txt_url) },
	{ "dns_keys", "off", "on: the DNS face answers consumers only, each under KEY.ZONE with its key (sipar feed key).", ON_OFF(dns_keys) },
	{ "error_codes", "off", "on: who may not ask over DNS is told by 127.255.255.x, which is never a listing; off: by REFUSED.",
	  ON_OFF(error_codes) },
	{ "rate", "0", "DNS answers a second over UDP for one network (/24, /56) and worker; 0: no limit.  Set it on a public address.",
	  NUMBER(rate, 1000000) },
	{ "public_resolvers", "none", "Addresses and prefixes, with commas, of resolvers through which nobody may ask without a key.",
	  TEXT(public_resolvers) },
	{ "cookie_secret", "none", "Secret of DNS cookies, 32 hexadecimal digits, where several servers share an address; behind a comma the\n"
				   "# one before.  none: a new one each day.", TEXT(cookie_secret) },
	{ "dns_workers", "0", "Threads that answer DNS over UDP; 0: one per core.", NUMBER(dns_workers, 64) },
	{ "http_threads", "0", "Threads that answer HTTP; 0: one per core.", NUMBER(http_threads, 64) },
	{ "http_connections", "1024", "HTTP connections at once, 64 to 60,000; all but an eighth of them may listen to /v1/stream.  Each needs a file descriptor.",
	  NUMBER(http_connections, 60000) },
	{ "body_max", "16", "MiB that the body of an HTTP request may have.", NUMBER(body_max_mib, 1024) },
	{ "approvals", "1", "Approvals, besides the proposal, that put a decision in force (sipar block); 0: none.", NUMBER(approvals, 7) },
	{ "parties", "2", "Distinct parties that there must be among who proposes and approves a decision.", NUMBER(parties, 8) },
	{ "spike", "10000", "Hits in one report at which a block for phishing, malware or exploitation is suspended until somebody has looked; 0: never.",
	  NUMBER(spike, 1000000000) },
	{ "policy", "none", "Automatic decisions, one policy a line: NAME reason=, and any of min_score= (90), sources= (2: groups that agree),\n"
			    "# categories=, kinds= (ip,domain), for= (3d), max= (1000 values), audience= (green); see \"sipar policy\".", offsetof(struct config, policies), POLICIES, 0 },
	{ "bgp_prefix", "none", "Prefix that is registered to the operator, one a line: \"sipar bgp\" announces blackholes of single addresses in these alone.",
	  offsetof(struct config, bgp_prefixes), PREFIXES, 0 },
	{ "bgp_next_hop", "none", "Next hop of these routes.", TEXT(bgp_next_hop) },
	{ "witness", "none", "Keys of witnesses whose cosignatures are taken, as \"sipar witness --vkey\" prints them there:\n"
			     "# name+id+base64, with commas, or on several such lines.", LIST(witnesses, NOTE_COSIGNATURE) },
	{ "log", "none", "Keys of logs that this node cosigns when they ask for it (POST /add-checkpoint): likewise.",
	  LIST(logs, NOTE_ED25519) },
	{ "asset", "none", "What belongs to a party, and so must not be blocked by others, one party a line: PARTY and its names,\n"
			   "# addresses and prefixes, with blanks.", PROTECTED(GUARD_ASSET) },
	{ "shared", "none", "Addresses, prefixes and names of hosts that many unrelated people share: not to be blocked as a whole.",
	  PROTECTED(GUARD_SHARED) },
	{ "cgnat", "none", "Addresses and prefixes behind which many subscribers are (carrier-grade NAT): challenged, never blocked.",
	  PROTECTED(GUARD_CGNAT) },
	{ "feed", "none", "Named selection for \"sipar snapshot --feed NAME\", one a line: NAME and any of lanes=, audience=, kinds=,\n"
			  "# categories=, min_score=, as the options of that verb.", offsetof(struct config, feeds), FEEDS, 0 },
};

/* Both sorts of keys may be given by the key of a log: what cosigns under its name is that key, too. */
static enum err add_keys(struct config_keys *keys, struct span value, uint8_t type)
{
	while (value.n) {
		struct span one = span_head(value, span_find(value, ','));
		value = span_from(value, one.n + 1);
		if (keys->n == CONFIG_KEYS_MAX || verifier_parse(one, &keys->v[keys->n], NULL) || !keys->v[keys->n].name[0] ||
		    (type == NOTE_ED25519 && keys->v[keys->n].type != type))
			return ERR_RANGE;
		keys->v[keys->n++].type = type;
	}
	return OK;
}

/* Those that others take have keys, and stand where nobody else reads. */
static enum err add_selection(struct feeds *feeds, struct span value, struct fault *f)
{
	enum err e = feeds_add(feeds, value, f);
	if (e == OK && feeds->v[feeds->n - 1].type != FEED_SNAPSHOT)
		return fault_set(f, ERR_USAGE, "feeds of type rpz and list are made by \"sipar feed add\", and stand in feeds.conf");
	return e;
}

/* @param f  gets a sentence where there is more to say than that the value is not taken. */
static enum err set(struct config *c, const struct row *r, struct span value, struct fault *f)
{
	char *target = (char *)c + r->offset;
	if (r->size == KEYS)
		return span_is(value, "none") ? OK : add_keys((struct config_keys *)(void *)target, value, (uint8_t)r->max);
	if (r->size == FEEDS)
		return span_is(value, "none") ? OK : add_selection((struct feeds *)(void *)target, value, f);
	if (r->size == POLICIES)
		return span_is(value, "none") ? OK : policies_add((struct policies *)(void *)target, value, f);
	if (r->size == GUARD)
		return span_is(value, "none") ? OK : guard_set((struct guard_settings *)(void *)target, (enum guard_setting)r->max, value, f);
	if (r->size == PREFIXES)
		return span_is(value, "none") ? OK : own_prefixes_add((struct own_prefixes *)(void *)target, value, f);
	if (r->size == SWITCH) {
		*(bool *)target = span_is(value, "on") || span_is(value, "yes");
		return *(bool *)target || span_is(value, "off") || span_is(value, "no") ? OK : ERR_RANGE;
	}
	if (r->size == 0)
		return num_parse_u64(value, r->max, (uint64_t *)(void *)target);
	if (value.n == 0 || value.n >= r->size || span_find(value, 0) < value.n)
		return ERR_RANGE;
	memcpy(target, value.p, value.n);
	target[value.n] = 0;
	return OK;
}

void config_defaults(struct config *c)
{
	*c = (struct config){ 0 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		(void)!set(c, &rows[i], span_str(rows[i].value), NULL);
}

static enum err take_line(struct config *c, struct span line, const char **ret_why, struct fault *f)
{
	size_t eq = span_find(line, '=');
	struct span name = span_trim(span_head(line, eq)), value = span_trim(span_from(line, eq + 1));
	if (name.n == 0 && eq == line.n)
		return OK;
	*ret_why = "is not \"name = value\"";
	if (eq == line.n)
		return ERR_USAGE;
	*ret_why = "has a name that is no setting";
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(name, rows[i].name)) {
			*ret_why = "has a value that this setting does not take";
			return set(c, &rows[i], value, f) ? ERR_USAGE : OK;
		}
	return ERR_USAGE;
}

static enum err read_file(const char *path, struct buf *text, struct fault *f)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	text->n = fread(buf_reserve(text, FILE_MAX), 1, FILE_MAX, file);
	int error = ferror(file) ? errno : 0;
	fclose(file);
	if (error)
		return fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(error));
	return text->n < FILE_MAX ? OK : fault_set(f, ERR_RANGE, "\"%s\" is larger than %d octets", path, FILE_MAX - 1);
}

enum err config_read(const char *dir, struct config *c, struct fault *f)
{
	struct buf text = { 0 };
	char path[4096];
	const char *why = "";
	snprintf(path, sizeof(path), "%s/sipar.conf", dir);
	enum err e = read_file(path, &text, f);
	struct span rest = buf_span(&text);
	for (unsigned n = 1; e == OK && rest.n; n++) {
		struct span line = span_head(rest, span_find(rest, '\n'));
		rest = span_from(rest, line.n + 1);
		line = span_trim(span_head(line, span_find(line, '#')));
		struct fault more = { .text = "" };
		if (take_line(c, line, &why, &more))
			e = fault_set(f, ERR_USAGE, "%s:%u: \"" SPAN_FMT "\" %s%s%s", path, n, SPAN_ARG(span_head(line, 120)), why,
				      more.text[0] ? ": " : "", more.text);
	}
	buf_release(&text);
	return e;
}

void config_template(struct buf *out)
{
	buf_puts(out, "# Configuration of a Sipar node.  The values here are the defaults; remove the '#' to change one, and restart.\n");
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		buf_printf(out, "\n# %s\n#%s = %s\n", rows[i].help, rows[i].name, rows[i].value);
}

enum err config_audience(const struct config *c, uint8_t *ret_tlp, struct fault *f)
{
	for (unsigned tlp = TLP_CLEAR; tlp <= TLP_RED; tlp++)
		if (strcmp(c->audience, tlp_name(tlp) + strlen("tlp:")) == 0)
			return *ret_tlp = (uint8_t)tlp, OK;
	return fault_set(f, ERR_USAGE, "audience \"%s\" is none of clear, green, amber, amber+strict and red", c->audience);
}
