/* What a name under the zone asks about is read from its labels, without a detour through text:
 *
 *   labels before the zone                  asks about                 not listed
 *   4 numbers 0..255                        an IPv4 address            NXDOMAIN
 *   1 to 3 of them                          (part of one)              NODATA
 *   32 nibbles                              an IPv6 address            NXDOMAIN
 *   1 to 31 of them                         (part of one)              NODATA
 *   names that can be a domain's            a domain                   NODATA: names below may be listed
 *   anything else                           nothing                    NXDOMAIN
 *
 * NXDOMAIN says that nothing is below (RFC 8020), and resolvers that minimise names (RFC 9156) walk down label by label
 * and stop there.  Hence NODATA for every part, and one exception that is easily missed: "1.0.0.2" is 2.0.0.1, but also the first
 * four nibbles of every address in 2001::/16.  Four numbers of one digit each are never answered with NXDOMAIN.
 */
#include "face/dns_zone.h"

#include <stdatomic.h>

#include "codec/category.h"
#include "codec/domain.h"
#include "codec/ip.h"
#include "view/reputation.h"

enum { V4_LABELS = 4, V6_LABELS = 32, CODES_MAX = 8, TEXT_MAX = 500, STRING_MAX = 255 };
/* SOA: what secondaries would do, if there were any. */
enum { SOA_REFRESH_S = 3600, SOA_RETRY_S = 600, SOA_EXPIRE_S = 604800 };

struct dns_zone {
	struct dns_name name, name_server; /* no name server: no labels */
	_Atomic clearance clear;
	uint8_t min_score;
	uint32_t ttl_s, negative_ttl_s;
};

enum err dns_zone_new(const struct dns_options *o, struct dns_zone **ret_zone, struct fault *f)
{
	struct dns_zone z = {
		.clear = o->clear, .min_score = o->min_score, .ttl_s = o->ttl_s, .negative_ttl_s = o->negative_ttl_s,
	};
	if (dns_name_parse(span_str(o->zone), &z.name))
		return fault_set(f, ERR_SYNTAX, "not a domain name to answer under: \"%s\"", o->zone);
	if (z.name.size > DNS_NAME_MAX - 2 * V6_LABELS)
		return fault_set(f, ERR_RANGE, "too long to have reversed IPv6 addresses in front of it: the zone \"%s\"", o->zone);
	if (o->name_server && dns_name_parse(span_str(o->name_server), &z.name_server))
		return fault_set(f, ERR_SYNTAX, "not a domain name of a name server: \"%s\"", o->name_server);
	*ret_zone = mem_alloc(sizeof(z));
	**ret_zone = z;
	return OK;
}

void dns_zone_free(struct dns_zone *z)
{
	free(z);
}

clearance dns_zone_clearance(const struct dns_zone *z)
{
	return atomic_load_explicit(&z->clear, memory_order_relaxed);
}

void dns_zone_set_clear(struct dns_zone *z, clearance clear)
{
	atomic_store_explicit(&z->clear, clear, memory_order_relaxed);
}

/* A decimal number 0..255 without leading zeros. */
static bool octet_label(struct span l, uint8_t *ret)
{
	unsigned v = 0;
	if (l.n == 0 || l.n > 3 || (l.n > 1 && l.p[0] == '0'))
		return false;
	for (size_t i = 0; i < l.n; i++) {
		if (!ascii_digit(l.p[i]))
			return false;
		v = v * 10 + (l.p[i] - '0');
	}
	*ret = (uint8_t)v;
	return v <= 255;
}

/* One hexadecimal digit; names are in lower case here. */
static bool nibble_label(struct span l, uint8_t *ret)
{
	uint8_t c = l.p[0];
	if (l.n != 1 || !(ascii_digit(c) || (c >= 'a' && c <= 'f')))
		return false;
	*ret = ascii_digit(c) ? c - '0' : c - 'a' + 10;
	return true;
}

static void ask_part(struct dns_asked *a)
{
	a->what = ASKED_PART;
	a->unlisted = DNS_NOERROR;
}

static void ask(struct dns_asked *a, enum obs_kind kind, unsigned n, enum dns_rcode unlisted)
{
	a->what = ASKED_VALUE;
	a->unlisted = unlisted;
	a->value = (struct observable){ .kind = kind, .n = (uint16_t)n, .key = a->key };
}

static void ask_ip4(struct dns_asked *a, enum dns_rcode unlisted)
{
	static const uint8_t listed[4] = { 127, 0, 0, 2 }, never[4] = { 127, 0, 0, 1 };
	ask(a, OBS_IPV4, 4, unlisted);
	if (memcmp(a->key, listed, 4) == 0)
		a->what = ASKED_TEST;
	else if (memcmp(a->key, never, 4) == 0)
		a->what = ASKED_NOTHING;
}

static void ask_ip6(struct dns_asked *a, const uint8_t nibble[V6_LABELS])
{
	for (unsigned i = 0; i < 16; i++)
		a->key[i] = (uint8_t)(nibble[31 - 2 * i] << 4 | nibble[30 - 2 * i]);
	if (ip6_is_mapped(a->key)) {
		memmove(a->key, a->key + 12, 4);
		ask_ip4(a, DNS_NXDOMAIN);
	} else
		ask(a, OBS_IPV6, 16, DNS_NXDOMAIN);
}

/* The key of a domain is its wire form with dots where the length octets of the second and further labels are. */
static void ask_domain(struct dns_asked *a, const struct dns_name *name, unsigned front)
{
	unsigned n = name->start[front] - 1u, dots = 0;
	struct span key = span_of(a->key, n);
	size_t parsed;
	memcpy(a->key, name->lower + 1, n);
	for (unsigned i = 1; i < front; i++)
		a->key[name->start[i] - 1] = '.';
	for (unsigned i = 0; i < n; i++) {
		dots += a->key[i] == '.';
		if (a->key[i] >= 0x80)
			return;
	}
	/* A dot may also be inside a label, and then this is another name than its text says. */
	if (dots != front - 1)
		return;
	if (!domain_plain(key)) {
		struct span last = dns_label(name, front - 1);
		bool number = true;
		for (size_t i = 0; i < last.n; i++)
			number &= ascii_digit(last.p[i]);
		if (number || domain_parse(key, a->key, &parsed, NULL))
			return;
	}
	if (front > 1)
		ask(a, OBS_DOMAIN, n, DNS_NOERROR);
	else if (span_is(key, "test")) {
		ask(a, OBS_DOMAIN, n, DNS_NOERROR);
		a->what = ASKED_TEST;
	} else if (!span_is(key, "invalid"))
		ask_part(a);
}

/* What the labels in front of the zone's ask about. */
static void read_labels(struct dns_asked *a, const struct dns_name *name, unsigned front)
{
	uint8_t octet[V4_LABELS], nibble[V6_LABELS];
	unsigned octets = 0, nibbles = 0;
	while (octets < front && octets < V4_LABELS && octet_label(dns_label(name, octets), &octet[octets]))
		octets++;
	while (nibbles < front && nibbles < V6_LABELS && nibble_label(dns_label(name, nibbles), &nibble[nibbles]))
		nibbles++;
	a->what = ASKED_NOTHING;
	a->unlisted = DNS_NXDOMAIN;
	if (octets == front && octets == V4_LABELS) {
		for (unsigned i = 0; i < 4; i++)
			a->key[i] = octet[3 - i];
		ask_ip4(a, nibbles == front ? DNS_NOERROR : DNS_NXDOMAIN);
	} else if (nibbles == front && nibbles == V6_LABELS)
		ask_ip6(a, nibble);
	else if (octets == front || nibbles == front)
		ask_part(a);
	else
		ask_domain(a, name, front);
}

bool dns_zone_read(const struct dns_zone *z, struct span query, struct dns_asked *a)
{
	unsigned front;
	if (!dns_query_read(query, &a->query))
		return false;
	a->ede = DNS_EDE_NONE;
	a->unlisted = a->query.rcode;
	a->what = ASKED_WRONG;
	if (a->query.rcode)
		return true;
	if (a->query.class != DNS_IN || !dns_name_under(&a->query.name, &z->name, &front)) {
		a->unlisted = DNS_REFUSED;
		a->ede = DNS_EDE_NOT_AUTHORITATIVE;
	} else if (a->query.type == DNS_AXFR || a->query.type == DNS_IXFR) {
		a->unlisted = DNS_REFUSED;
		a->ede = DNS_EDE_NOT_SUPPORTED;
	} else {
		a->zone_at = a->query.name.start[front];
		if (front)
			read_labels(a, &a->query.name, front);
		else
			a->what = ASKED_APEX;
	}
	return true;
}

/* Categories that count, the strongest first.  Never none. */
static unsigned categories_of(const struct verdict *v, uint8_t ret[CAT_COUNT])
{
	unsigned n = 0;
	ret[n++] = v->category < CAT_COUNT ? v->category : CAT_UNKNOWN;
	for (unsigned c = 0; c < CAT_COUNT; c++)
		if (v->categories >> c & 1 && c != ret[0])
			ret[n++] = (uint8_t)c;
	return n;
}

/* No two categories have one code. */
static void put_a(struct dns_answer *out, const struct dns_zone *z, const struct verdict *v)
{
	uint8_t category[CAT_COUNT];
	unsigned n = categories_of(v, category);
	for (unsigned i = 0; i < n && i < CODES_MAX; i++) {
		dns_answer_open(out, DNS_ANSWER, 0, DNS_A, z->ttl_s);
		dns_answer_u32(out, 0x7f000000u | category_row(category[i])->dns_code);
		dns_answer_close(out);
	}
}

/* Text of bounded length: what is too much is cut. */
struct text {
	size_t n;
	char p[TEXT_MAX];
};

static void text_add(struct text *t, struct span s)
{
	size_t n = s.n < TEXT_MAX - t->n ? s.n : TEXT_MAX - t->n;
	memcpy(t->p + t->n, s.p, n);
	t->n += n;
}

static void text_number(struct text *t, unsigned v)
{
	char digits[12];
	text_add(t, span_of(digits, (size_t)snprintf(digits, sizeof(digits), "%u", v)));
}

static void text_value(struct text *t, const struct observable *o)
{
	char address[IP_TEXT_MAX];
	if (o->kind == OBS_IPV4)
		text_add(t, span_of(address, ip4_format(o->key, address)));
	else if (o->kind == OBS_IPV6)
		text_add(t, span_of(address, ip6_format(o->key, address)));
	else
		text_add(t, span_of(o->key, o->n));
}

/* "198.51.100.7 listed: score 52, scanner; sources ipsum, feodo".  All of its parts are plain ASCII by their own grammars. */
static void text_verdict(struct text *t, const struct verdict *v, const struct source_set *sources)
{
	uint8_t category[CAT_COUNT];
	unsigned n = categories_of(v, category), most = COUNT_OF(v->sources), named = v->n_sources < most ? v->n_sources : most;
	text_add(t, SPAN_LIT("score "));
	text_number(t, v->score);
	for (unsigned i = 0; i < n; i++) {
		text_add(t, SPAN_LIT(", "));
		text_add(t, span_str(category_row(category[i])->name));
	}
	for (unsigned i = 0; i < named; i++) {
		text_add(t, i ? SPAN_LIT(", ") : SPAN_LIT("; sources "));
		text_add(t, span_str(source_get(sources, v->sources[i])->name));
	}
	if (v->n_sources > named) {
		text_add(t, SPAN_LIT(" and "));
		text_number(t, v->n_sources - named);
		text_add(t, SPAN_LIT(" more"));
	}
}

static void put_txt(struct dns_answer *out, const struct dns_zone *z, const struct dns_asked *a, const struct verdict *v,
		    const struct source_set *sources)
{
	struct text t = { 0 };
	text_value(&t, &a->value);
	text_add(&t, SPAN_LIT(" listed: "));
	if (a->what == ASKED_TEST)
		text_add(&t, SPAN_LIT("test entry"));
	else
		text_verdict(&t, v, sources);
	dns_answer_open(out, DNS_ANSWER, 0, DNS_TXT, z->ttl_s);
	for (size_t i = 0; i < t.n; i += STRING_MAX) {
		uint8_t n = (uint8_t)(t.n - i < STRING_MAX ? t.n - i : STRING_MAX);
		dns_answer_octets(out, &n, 1);
		dns_answer_octets(out, t.p + i, n);
	}
	dns_answer_close(out);
}

/* The serial is the time: it rises, and nobody transfers the zone by it. */
static void put_soa(struct dns_answer *out, enum dns_section section, const struct dns_zone *z, unsigned zone_at,
		    uint32_t now_s)
{
	dns_answer_open(out, section, zone_at, DNS_SOA, z->negative_ttl_s);
	if (z->name_server.labels)
		dns_answer_octets(out, z->name_server.lower, z->name_server.size);
	else
		dns_answer_owner(out, zone_at);
	dns_answer_octets(out, "\012hostmaster", 11);
	dns_answer_owner(out, zone_at);
	dns_answer_u32(out, now_s);
	dns_answer_u32(out, SOA_REFRESH_S);
	dns_answer_u32(out, SOA_RETRY_S);
	dns_answer_u32(out, SOA_EXPIRE_S);
	dns_answer_u32(out, z->negative_ttl_s);
	dns_answer_close(out);
}

static bool put_apex(struct dns_answer *out, const struct dns_zone *z, unsigned type, uint32_t now_s)
{
	if (type == DNS_NS && z->name_server.labels) {
		dns_answer_open(out, DNS_ANSWER, 0, DNS_NS, z->ttl_s);
		dns_answer_octets(out, z->name_server.lower, z->name_server.size);
		dns_answer_close(out);
		return true;
	}
	if (type == DNS_SOA || type == DNS_ANY)
		put_soa(out, DNS_ANSWER, z, 0, now_s);
	return type == DNS_SOA || type == DNS_ANY;
}

static size_t room(const struct dns_query *q, size_t limit)
{
	if (limit > DNS_UDP_MAX)
		return limit < DNS_REPLY_MAX ? limit : DNS_REPLY_MAX;
	size_t asker = q->edns && q->edns_size > DNS_PLAIN_MAX ? q->edns_size : DNS_PLAIN_MAX;
	return asker < limit ? asker : limit;
}

/* ANY is answered with one record set (RFC 8482 section 4.1): A, or the SOA at the apex. */
size_t dns_zone_write(const struct dns_zone *z, const struct dns_asked *a, const struct verdict *v,
		      const struct source_set *sources, uint32_t now_s, size_t limit, uint8_t *out, struct dns_counters *count)
{
	static const struct verdict test = { .listed = true, .score = 100 };
	struct dns_answer w;
	enum dns_rcode rcode = a->unlisted;
	bool listed = a->what == ASKED_TEST, answered = false;
	dns_answer_begin(&w, &a->query, room(&a->query, limit), out);
	if (a->what == ASKED_VALUE)
		listed = v->listed && v->score >= z->min_score;
	else if (listed)
		v = &test;
	if (listed) {
		rcode = DNS_NOERROR;
		answered = true;
		if (a->query.type == DNS_A || a->query.type == DNS_ANY)
			put_a(&w, z, v);
		else if (a->query.type == DNS_TXT)
			put_txt(&w, z, a, v, sources);
		else
			answered = false;
	} else if (a->what == ASKED_APEX)
		answered = put_apex(&w, z, a->query.type, now_s);
	if (!answered && a->what != ASKED_WRONG)
		put_soa(&w, DNS_AUTHORITY, z, a->zone_at, now_s);

	*(a->what != ASKED_WRONG ? listed ? &count->listed : &count->unlisted :
				   rcode == DNS_REFUSED ? &count->refused : &count->errors) += 1;
	count->truncated += w.full;
	return dns_answer_end(&w, &a->query, rcode, a->what != ASKED_WRONG, a->ede, (struct span){ 0 });
}

size_t dns_reply(const struct dns_zone *z, const struct table_view *v, uint32_t now_s, struct span query, size_t limit,
		 uint8_t *out, struct dns_counters *count)
{
	struct dns_asked a;
	struct reputation r;
	const struct meaning *m = v->context;
	count->queries++;
	if (!dns_zone_read(z, query, &a)) {
		count->dropped++;
		return 0;
	}
	if (a.what == ASKED_VALUE)
		reputation_of(v, &a.value, dns_zone_clearance(z), now_s, &r, NULL, NULL);
	/* cppcheck-suppress uninitStructMember ; reputation_of() fills it */
	return dns_zone_write(z, &a, &r.verdict, m->sources, now_s, limit, out, count);
}
