/* The dumps of abuse.ch: a banner in comments, the last of them the heading, then quoted rows.
 *
 *     # id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter              URLhaus
 *     # "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type",...,"confidence_level"   ThreatFox ("address:port")
 *     "first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"                  Feodo Tracker
 *     # Listingdate,SHA1,Listingreason        # Firstseen,DstIP,DstPort                         SSLBL
 *     # "first_seen_utc","sha256_hash","md5_hash","sha1_hash",...,"signature",...               MalwareBazaar
 *
 * All these names are known to columns.c: the table is read as any other.  What this format adds is that the publisher says
 * what it is: indicators without a known word for their category are malware (files, URLs) or its servers (addresses). */
#include "codec/formats.h"
#include "codec/rows.h"

static bool contains(struct span s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* Tables of others, made from theirs, name them too. */
static bool is_dump(struct span banner)
{
	static const char *const marks[] = { "urlhaus_link", "ioc_value", "dst_ip", "DstIP", "Listingreason", "sha256_hash" };
	for (size_t i = 0; i < COUNT_OF(marks); i++)
		if (contains(banner, marks[i]))
			return true;
	return false;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct rows_plan p;
	struct span banner = span_head(head, 4096);
	(void)filename;
	if (!head.n || (head.p[0] != '#' && head.p[0] != '"') || !contains(banner, "abuse.ch") ||
	    !is_dump(banner) || !rows_find(head, whole, (struct span){ NULL, 0 }, &p) || p.from != PLAN_NAMES || !p.rows)
		return 0;
	return (int)(95 * p.claims / p.rows);
}

struct relay {
	feed_sink *sink;
	void *ctx;
};

static enum category category_of(const struct observable *o)
{
	return o->kind == OBS_URL || (o->kind >= OBS_MD5 && o->kind <= OBS_SHA512) ? CAT_MALWARE : CAT_C2;
}

static bool with_category(void *ctx, const struct feed_record *r)
{
	const struct relay *to = ctx;
	struct feed_claim claims[FEED_CLAIMS_MAX];
	struct feed_record known = *r;
	for (unsigned i = 0; i < r->n_claims; i++) {
		claims[i] = r->claims[i];
		if (claims[i].category == CAT_UNKNOWN)
			claims[i].category = (uint8_t)category_of(&claims[i].obs);
	}
	known.claims = claims;
	return to->sink(to->ctx, &known);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	struct relay to = { sink, ctx };
	return rows_parse(state, in, last, with_category, &to, ret_used, f);
}

const struct feed_format feed_abusech = {
	.name = "abuse.ch",
	.title = "CSV dumps of URLhaus, ThreatFox, Feodo Tracker, SSLBL, MalwareBazaar",
	.sniff = sniff,
	.state_size = sizeof(struct rows),
	.start = rows_start,
	.parse = parse,
	.save = rows_save,
	.load = rows_load,
};
