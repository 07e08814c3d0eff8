#include "codec/outgoing.h"

#include "base/clock.h"
#include "codec/json.h"
#include "codec/tlp.h"

static const char *const stances[] = { "indicator", "sighting", "false-positive" };

static void put_time(uint32_t unix_s, const char *tail, struct buf *out)
{
	char text[32];
	time_format(unix_s, text);
	buf_printf(out, "%.19s%s", text, tail);
}

/* ---- CSV ---- */

void outgoing_csv_heading(struct buf *out)
{
	buf_puts(out, "value,kind,stance,category,confidence,last_seen,valid_until,tlp,source,lane\n");
}

/* Canonical values hold neither quotes nor line ends, but commas. */
static void put_cell(struct span value, struct buf *out)
{
	bool quoted = memchr(value.p, ',', value.n) || memchr(value.p, ';', value.n);
	buf_puts(out, quoted ? "\"" : "");
	buf_putspan(out, value);
	buf_puts(out, quoted ? "\"" : "");
}

void outgoing_csv(const struct outgoing *o, struct buf *out)
{
	struct buf value = { 0 };
	obs_format(&o->obs, &value);
	put_cell(buf_span(&value), out);
	buf_printf(out, ",%s,%s,%s,", obs_kind_name((enum obs_kind)o->obs.kind), stances[o->stance], category_row(o->category)->name);
	if (o->confidence != CONFIDENCE_ABSENT)
		buf_putu(out, o->confidence);
	buf_putc(out, ',');
	put_time(o->seen, "Z,", out);
	if (o->until)
		put_time(o->until, "Z", out);
	buf_printf(out, ",%s,%s,%s\n", tlp_name(o->tlp) + sizeof("tlp:") - 1, o->source, o->lane);
	buf_release(&value);
}

/* ---- IntelMQ ---- */

/* The types of its harmonization; what has no word there has the nearest, and its own in "extra.category". */
static const struct {
	const char *taxonomy, *type;
	bool exact;
} types[CAT_COUNT] = {
	[CAT_UNKNOWN] = { "other", "blacklist", true },
	[CAT_SPAM] = { "abusive-content", "spam", true },
	[CAT_PHISHING] = { "fraud", "phishing", true },
	[CAT_FRAUD] = { "fraud", "masquerade", false },
	[CAT_MALWARE] = { "malicious-code", "malware-distribution", true },
	[CAT_C2] = { "malicious-code", "c2-server", true },
	[CAT_BOTNET] = { "malicious-code", "infected-system", true },
	[CAT_DGA] = { "other", "dga-domain", true },
	[CAT_SCANNER] = { "information-gathering", "scanner", true },
	[CAT_BRUTE_FORCE] = { "intrusion-attempts", "brute-force", true },
	[CAT_EXPLOIT] = { "intrusion-attempts", "exploit", true },
	[CAT_DDOS] = { "availability", "ddos", true },
	[CAT_PROXY] = { "other", "proxy", true },
	[CAT_TOR] = { "other", "tor", true },
	[CAT_HIJACKED] = { "other", "blacklist", false },
	[CAT_SPYWARE] = { "malicious-code", "malware-distribution", false },
};

/* The keys of its harmonization, by kind of observable. */
static const char *const keys[OBS_KINDS] = {
	[OBS_IPV4] = "source.ip", [OBS_IPV6] = "source.ip", [OBS_CIDR4] = "source.network", [OBS_CIDR6] = "source.network",
	[OBS_DOMAIN] = "source.fqdn", [OBS_URL] = "source.url", [OBS_EMAIL] = "source.account",
	[OBS_MD5] = "malware.hash.md5", [OBS_SHA1] = "malware.hash.sha1", [OBS_SHA256] = "malware.hash.sha256",
};

static void put_member(const char *key, struct span value, struct buf *out)
{
	buf_printf(out, ",\"%s\":", key);
	json_put_string(out, value);
}

/* Its levels are those of TLP 1. */
static const char *level_of(uint8_t tlp)
{
	static const char *const levels[] = { "RED", "WHITE", "GREEN", "AMBER", "AMBER", "RED" };
	return levels[tlp <= TLP_RED ? tlp : 0];
}

bool outgoing_intelmq(const struct outgoing *o, struct buf *out, const char **ret_what)
{
	const struct category_row *category = category_row(o->category);
	unsigned c = o->category < CAT_COUNT ? o->category : CAT_UNKNOWN;
	bool account = o->obs.kind == OBS_EMAIL && c != CAT_SPAM && c != CAT_PHISHING, hash = o->obs.kind >= OBS_MD5 && o->obs.kind <= OBS_SHA512;
	*ret_what = o->stance == STANCE_FALSE_POSITIVE ? "false-positive" : o->obs.wildcard ? "wildcard" : keys[o->obs.kind] ? NULL : obs_kind_name((enum obs_kind)o->obs.kind);
	if (*ret_what)
		return false;
	struct buf value = { 0 };
	obs_format(&o->obs, &value);
	buf_printf(out, "{\"__type\":\"Event\",\"classification.taxonomy\":\"%s\",\"classification.type\":\"%s\"", types[c].taxonomy, types[c].type);
	if (!types[c].exact || account || (hash && c != CAT_MALWARE))
		put_member("extra.category", span_str(category->name), out);
	put_member("extra.lane", span_str(o->lane), out);
	if (o->tlp == TLP_AMBER_STRICT)
		put_member("extra.tlp", SPAN_LIT("amber+strict"), out);
	if (o->until) {
		buf_puts(out, ",\"extra.valid_until\":\"");
		put_time(o->until, "+00:00\"", out);
	}
	if (o->confidence != CONFIDENCE_ABSENT)
		buf_printf(out, ",\"feed.accuracy\":%u.0", o->confidence);
	put_member("feed.name", span_str(o->source), out);
	put_member(keys[o->obs.kind], buf_span(&value), out);
	buf_puts(out, ",\"time.observation\":\"");
	put_time(o->seen, "+00:00\",\"time.source\":\"", out);
	put_time(o->seen, "+00:00\"", out);
	put_member("tlp", span_str(level_of(o->tlp)), out);
	buf_puts(out, "}\n");
	buf_release(&value);
	return true;
}

/* ---- STIX ---- */

static const struct {
	const char *before, *after;
} patterns[OBS_KINDS] = {
	[OBS_IPV4] = { "[ipv4-addr:value = '", "']" }, [OBS_IPV6] = { "[ipv6-addr:value = '", "']" },
	[OBS_CIDR4] = { "[ipv4-addr:value ISSUBSET '", "']" }, [OBS_CIDR6] = { "[ipv6-addr:value ISSUBSET '", "']" },
	[OBS_DOMAIN] = { "[domain-name:value = '", "']" }, [OBS_URL] = { "[url:value = '", "']" }, [OBS_EMAIL] = { "[email-addr:value = '", "']" },
	[OBS_MD5] = { "[file:hashes.MD5 = '", "']" }, [OBS_SHA1] = { "[file:hashes.'SHA-1' = '", "']" },
	[OBS_SHA256] = { "[file:hashes.'SHA-256' = '", "']" }, [OBS_SHA512] = { "[file:hashes.'SHA-512' = '", "']" },
};

static void put_pattern(const struct observable *o, struct buf *out)
{
	struct buf value = { 0 }, pattern = { 0 };
	obs_format(o, &value);
	buf_puts(&pattern, patterns[o->kind].before);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\'' || value.p[i] == '\\')
			buf_putc(&pattern, '\\');
		buf_putc(&pattern, value.p[i]);
	}
	buf_puts(&pattern, patterns[o->kind].after);
	json_put_string(out, buf_span(&pattern));
	buf_release(&value);
	buf_release(&pattern);
}

/* The objects of TLP 2.0 that say it. */
static const char *marking_of(uint8_t tlp)
{
	static const char *const markings[] = {
		[TLP_CLEAR] = "94868c89-83c2-464b-929b-a1a8aa3c8487", [TLP_GREEN] = "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
		[TLP_AMBER] = "55d920b0-5e8b-4f79-9ee9-91f868d9b421", [TLP_AMBER_STRICT] = "939a9414-2ddd-4d32-a0cd-375ea402b003",
		[TLP_RED] = "e828b379-4e03-4974-9ac4-e53a884c97c1",
	};
	return markings[tlp >= TLP_CLEAR && tlp <= TLP_RED ? tlp : TLP_RED];
}

void outgoing_stix(const struct outgoing *o, struct buf *out)
{
	bool mistaken = o->stance == STANCE_FALSE_POSITIVE;
	buf_printf(out, "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%s\",\"created\":\"", o->uuid);
	put_time(o->seen, ".000Z\",\"modified\":\"", out);
	put_time(o->seen, ".000Z\",\"indicator_types\":[\"", out);
	buf_puts(out, mistaken ? "benign\"],\"pattern\":" : "malicious-activity\"],\"pattern\":");
	put_pattern(&o->obs, out);
	buf_puts(out, ",\"pattern_type\":\"stix\",\"valid_from\":\"");
	put_time(o->seen, ".000Z\"", out);
	if (o->until > o->seen) {
		buf_puts(out, ",\"valid_until\":\"");
		put_time(o->until, ".000Z\"", out);
	}
	if (mistaken || o->category != CAT_UNKNOWN) {
		buf_puts(out, ",\"labels\":[");
		buf_puts(out, mistaken ? "\"false-positive\"" : "");
		if (o->category != CAT_UNKNOWN)
			buf_printf(out, "%s\"%s\"", mistaken ? "," : "", category_row(o->category)->name);
		buf_putc(out, ']');
	}
	if (o->confidence != CONFIDENCE_ABSENT)
		buf_printf(out, ",\"confidence\":%u", o->confidence);
	buf_printf(out, ",\"object_marking_refs\":[\"marking-definition--%s\"]}", marking_of(o->tlp));
}
