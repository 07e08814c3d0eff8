#include "codec/misp_event.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/json_feed.h"
#include "codec/tlp.h"

/* By kind of observable.  A prefix is an address to MISP; who sends mail is what an address in a list of bad ones is. */
static const struct {
	const char *type, *category;
} kinds[OBS_KINDS] = {
	[OBS_NONE] = { "other", "Other" },
	[OBS_IPV4] = { "ip-dst", "Network activity" },
	[OBS_IPV6] = { "ip-dst", "Network activity" },
	[OBS_CIDR4] = { "ip-dst", "Network activity" },
	[OBS_CIDR6] = { "ip-dst", "Network activity" },
	[OBS_DOMAIN] = { "domain", "Network activity" },
	[OBS_URL] = { "url", "Network activity" },
	[OBS_MD5] = { "md5", "Payload delivery" },
	[OBS_SHA1] = { "sha1", "Payload delivery" },
	[OBS_SHA256] = { "sha256", "Payload delivery" },
	[OBS_SHA512] = { "sha512", "Payload delivery" },
	[OBS_EMAIL] = { "email-src", "Payload delivery" },
};

const char *misp_type(const struct observable *o)
{
	return kinds[o->kind < OBS_KINDS ? o->kind : OBS_NONE].type;
}

const char *misp_type_category(const struct observable *o)
{
	return kinds[o->kind < OBS_KINDS ? o->kind : OBS_NONE].category;
}

unsigned misp_type_kinds(struct span type)
{
	static const struct {
		const char *type;
		unsigned kinds;
	} others[] = {
		{ "ip-src", OBS_ADDRESS }, { "hostname", OBS_BIT(OBS_DOMAIN) }, { "uri", OBS_BIT(OBS_URL) }, { "link", OBS_BIT(OBS_URL) },
		{ "email", OBS_BIT(OBS_EMAIL) }, { "email-dst", OBS_BIT(OBS_EMAIL) },
	};
	unsigned found = 0;
	for (unsigned k = OBS_NONE + 1; k < OBS_KINDS; k++)
		if (span_is(type, kinds[k].type))
			found |= OBS_BIT(k);
	for (size_t i = 0; i < COUNT_OF(others) && !found; i++)
		if (span_is(type, others[i].type))
			found = others[i].kinds;
	return found;
}

/* Names as in the taxonomy "rsit" of MISP; what that has no word for has one of ours. */
const char *misp_category_tag(enum category c)
{
	static const char *const tags[CAT_COUNT] = {
		[CAT_UNKNOWN] = "rsit:other=\"undetermined\"",
		[CAT_SPAM] = "rsit:abusive-content=\"spam\"",
		[CAT_PHISHING] = "rsit:fraud=\"phishing\"",
		[CAT_FRAUD] = "rsit:fraud=\"masquerade\"",
		[CAT_MALWARE] = "rsit:malicious-code=\"malware-distribution\"",
		[CAT_C2] = "rsit:malicious-code=\"c2-server\"",
		[CAT_BOTNET] = "rsit:malicious-code=\"infected-system\"",
		[CAT_DGA] = "sipar:category=\"dga-domain\"",
		[CAT_SCANNER] = "rsit:information-gathering=\"scanner\"",
		[CAT_BRUTE_FORCE] = "rsit:intrusion-attempts=\"brute-force\"",
		[CAT_EXPLOIT] = "rsit:intrusion-attempts=\"exploit\"",
		[CAT_DDOS] = "rsit:availability=\"ddos\"",
		[CAT_PROXY] = "sipar:category=\"proxy\"",
		[CAT_TOR] = "sipar:category=\"tor\"",
		[CAT_HIJACKED] = "sipar:category=\"hijacked\"",
		[CAT_SPYWARE] = "sipar:category=\"spyware\"",
	};
	return tags[c < CAT_COUNT ? c : CAT_UNKNOWN];
}

const char *misp_confidence_tag(uint8_t confidence)
{
	static const char *const tags[] = {
		"misp:confidence-level=\"unconfident\"", "misp:confidence-level=\"rarely-confident\"",
		"misp:confidence-level=\"fairly-confident\"", "misp:confidence-level=\"usually-confident\"",
		"misp:confidence-level=\"completely-confident\"",
	};
	if (confidence == CONFIDENCE_ABSENT)
		return NULL;
	return tags[confidence >= 100 ? 4 : (confidence + 12) / 25];
}

const char *misp_tag_colour(const char *tag)
{
	static const struct {
		const char *start, *colour;
	} colours[] = {
		{ "tlp:clear", "#FFFFFF" }, { "tlp:green", "#33FF00" }, { "tlp:amber", "#FFC000" }, { "tlp:red", "#FF2B2B" },
		{ "rsit:", "#1A4D80" }, { "misp:confidence-level", "#3C7A3C" },
	};
	for (size_t i = 0; i < COUNT_OF(colours); i++)
		if (span_starts(span_str(tag), span_str(colours[i].start)))
			return colours[i].colour;
	return "#5A5A5A";
}

/* ---- from claims ---- */

bool misp_attribute_of(const struct feed_claim *c, struct misp_attribute *ret_attribute)
{
	if (c->stance > STANCE_RETRACTED)
		return false;
	*ret_attribute = (struct misp_attribute){
		.obs = c->obs, .category = c->category, .confidence = c->confidence,
		.to_ids = c->stance != STANCE_FALSE_POSITIVE && !c->part, .deleted = c->stance == STANCE_RETRACTED, .seen_s = c->seen,
		.comment = c->part ? "one of several that a pattern wants together" : NULL,
	};
	ret_attribute->sighted_s[MISP_EXPIRATION] = c->until;
	if (c->stance != STANCE_INDICATOR)
		misp_attribute_add(ret_attribute, c);
	return true;
}

void misp_attribute_add(struct misp_attribute *a, const struct feed_claim *c)
{
	if (c->stance != STANCE_SIGHTING && c->stance != STANCE_FALSE_POSITIVE)
		return;
	uint32_t *when = &a->sighted_s[c->stance == STANCE_SIGHTING ? MISP_SEEN : MISP_FALSE_POSITIVE];
	*when = c->seen > *when ? c->seen : *when;
}

/* ---- writing ---- */

static void put_tag(struct buf *out, bool *first, const char *name)
{
	buf_puts(out, *first ? "{\"name\":" : ",{\"name\":");
	json_put_string(out, span_str(name));
	buf_printf(out, ",\"colour\":\"%s\"}", misp_tag_colour(name));
	*first = false;
}

static void put_event_tags(struct buf *out, const struct misp_event *e)
{
	bool first = true;
	buf_puts(out, "\"Tag\":[");
	if (e->tlp != TLP_UNSAID)
		put_tag(out, &first, tlp_name(e->tlp));
	buf_putc(out, ']');
}

/* What the manifest has of it, too. */
static void put_summary(struct buf *out, const struct misp_event *e)
{
	char day[32];
	if (e->summary) {
		buf_printf(out, "%s,\"timestamp\":\"%u\"", e->summary, e->time_s);
		return;
	}
	time_format(e->date_s, day);
	buf_puts(out, "\"Orgc\":{\"name\":");
	json_put_string(out, e->org.name);
	buf_printf(out, ",\"uuid\":\"%s\"},", e->org.uuid);
	put_event_tags(out, e);
	buf_puts(out, ",\"info\":");
	json_put_string(out, e->info);
	buf_printf(out, ",\"date\":\"%.10s\",\"analysis\":\"2\",\"threat_level_id\":\"4\",\"timestamp\":\"%u\"", day, e->time_s);
}

void misp_put_manifest(struct buf *out, const struct misp_event *e)
{
	buf_printf(out, "\"%s\":{", e->uuid);
	put_summary(out, e);
	buf_putc(out, '}');
}

void misp_put_event_begin(struct buf *out, const struct misp_event *e)
{
	buf_printf(out, "{\"Event\":{\"id\":\"%llu\",\"uuid\":\"%s\",", (unsigned long long)e->id, e->uuid);
	put_summary(out, e);
	buf_printf(out, ",\"published\":true,\"publish_timestamp\":\"%u\",\"distribution\":\"%c\",\"Attribute\":[", e->time_s,
		   e->tlp <= TLP_CLEAR ? '3' : '0');
}

void misp_put_event_end(struct buf *out)
{
	buf_puts(out, "]}}");
}

static void put_attribute_tags(struct buf *out, const struct misp_attribute *a)
{
	bool first = true;
	const char *confidence = misp_confidence_tag(a->confidence);
	buf_puts(out, ",\"Tag\":[");
	put_tag(out, &first, misp_category_tag(a->category));
	if (confidence)
		put_tag(out, &first, confidence);
	buf_putc(out, ']');
}

static void put_sightings(struct buf *out, const struct misp_event *e, const struct misp_attribute *a)
{
	bool first = true;
	for (unsigned i = 0; i < MISP_SIGHTINGS; i++) {
		if (!a->sighted_s[i])
			continue;
		buf_puts(out, first ? ",\"Sighting\":[{" : ",{");
		if (a->sighting_uuid[i])
			buf_printf(out, "\"uuid\":\"%s\",", a->sighting_uuid[i]);
		buf_printf(out, "\"attribute_uuid\":\"%s\",\"type\":\"%u\",\"date_sighting\":\"%u\",\"source\":", a->uuid, i, a->sighted_s[i]);
		json_put_string(out, e->org.name);
		buf_putc(out, '}');
		first = false;
	}
	if (!first)
		buf_putc(out, ']');
}

static void put_value(struct buf *out, const struct observable *o)
{
	struct buf text = { 0 };
	if (o->kind == OBS_IPV4 || (o->kind >= OBS_MD5 && o->kind <= OBS_SHA512)) { /* nothing to escape */
		buf_putc(out, '"');
		obs_format(o, out);
		buf_putc(out, '"');
		return;
	}
	obs_format(o, &text);
	json_put_string(out, buf_span(&text));
	buf_release(&text);
}

void misp_put_attribute(struct buf *out, const struct misp_event *e, const struct misp_attribute *a, bool context)
{
	char seen[32];
	buf_printf(out, "{\"id\":\"%llu\",\"event_id\":\"%llu\",\"uuid\":\"%s\",\"type\":\"%s\",\"category\":\"%s\",\"value\":", (unsigned long long)a->id,
		   (unsigned long long)e->id, a->uuid, misp_type(&a->obs), misp_type_category(&a->obs));
	put_value(out, &a->obs);
	buf_printf(out, ",\"to_ids\":%s,\"deleted\":%s,\"timestamp\":\"%u\",\"distribution\":\"5\",\"disable_correlation\":false,\"object_id\":\"0\","
		   "\"object_relation\":null,\"comment\":", a->to_ids ? "true" : "false", a->deleted ? "true" : "false", a->time_s);
	json_put_string(out, span_str(a->comment ? a->comment : ""));
	if (a->seen_s) {
		time_format(a->seen_s, seen);
		buf_printf(out, ",\"last_seen\":\"%.19s.000000+00:00\"", seen);
	}
	put_attribute_tags(out, a);
	put_sightings(out, e, a);
	if (context) {
		buf_printf(out, ",\"Event\":{\"id\":\"%llu\",\"uuid\":\"%s\",", (unsigned long long)e->id, e->uuid);
		put_summary(out, e);
		buf_putc(out, '}');
	}
	buf_putc(out, '}');
}

/* ---- CSV ---- */

const char misp_csv_heading[] = "uuid,event_id,category,type,value,comment,to_ids,date,object_relation,attribute_tag,object_uuid,object_name,"
				"object_meta_category\n";

static void put_field(struct buf *out, struct span s)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

void misp_put_csv(struct buf *out, const struct misp_event *e, const struct misp_attribute *a)
{
	struct buf text = { 0 };
	const char *confidence = misp_confidence_tag(a->confidence);
	obs_format(&a->obs, &text);
	buf_printf(out, "\"%s\",%llu,\"%s\",\"%s\",", a->uuid, (unsigned long long)e->id, misp_type_category(&a->obs), misp_type(&a->obs));
	put_field(out, buf_span(&text));
	buf_putc(out, ',');
	put_field(out, span_str(a->comment ? a->comment : ""));
	buf_printf(out, ",%c,%u,\"\",", a->to_ids ? '1' : '0', a->time_s);
	text.n = 0;
	buf_printf(&text, "%s%s%s", misp_category_tag(a->category), confidence ? "," : "", confidence ? confidence : "");
	put_field(out, buf_span(&text));
	buf_puts(out, ",\"\",\"\",\"\"\n");
	buf_release(&text);
}
