/* The zone's content: its apex, what is listed, and the answers to who may not ask.  dns_zone_labels.c reads names, dns_zone_text.c
 * writes texts. */
#include "face/dns_zone.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/octets.h"
#include "codec/category.h"
#include "face/dns_cookie.h"
#include "face/dns_keys.h"
#include "face/dns_rate.h"
#include "face/dns_told.h"
#include "face/dns_parts.h"
#include "sys/key.h"

enum { V6_OCTETS = 64, LABEL_OCTETS = 1 + 40, CODES_MAX = 8, STRING_MAX = 255, NETS_MAX = 64 };
/* SOA: what secondaries would do, if there were any. */
enum { SOA_REST = 11 + 2 + 5 * 4 }; /* what is behind the name of the server */
enum { SOA_REFRESH_S = 3600, SOA_RETRY_S = 600, SOA_EXPIRE_S = 604800 };

struct net {
	uint8_t n, prefix, address[16];
};

struct dns_zone {
	struct dns_name name, name_server; /* no name server: no labels */
	_Atomic clearance clear;
	uint8_t min_score;
	bool error_codes;
	uint32_t ttl_s, negative_ttl_s;
	struct dns_keys *keys; /* NULL: anonymous */
	struct dns_cookies cookies;
	unsigned n_public;
	struct net public[NETS_MAX];
	char url[DNS_URL_MAX + 1];
	/* Data of the SOA, but for the zone's name (at `rname`, and in front where there is no name server) and the serial. */
	uint8_t soa[DNS_NAME_MAX + SOA_REST];
	uint16_t soa_n, soa_rname;
};

static bool given(const char *text)
{
	return text && strcmp(text, "none") != 0;
}

static enum err read_nets(const char *text, struct dns_zone *z, struct fault *f)
{
	struct span rest = span_str(text);
	while (rest.n) {
		struct span word = span_head(rest, span_find(rest, ','));
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		rest = span_from(rest, word.n + 1);
		if (obs_parse_as(OBS_CIDR4, word, store, &o, NULL) || o.kind > OBS_CIDR6)
			return fault_set(f, ERR_SYNTAX, "not an address or prefix of a public resolver: \"" SPAN_FMT "\"", SPAN_ARG(word));
		if (z->n_public == NETS_MAX)
			return fault_set(f, ERR_SYNTAX, "more than %d public resolvers", NETS_MAX);
		struct net *net = &z->public[z->n_public++];
		net->n = (uint8_t)o.n;
		net->prefix = o.kind == OBS_IPV4 || o.kind == OBS_IPV6 ? (uint8_t)(8 * o.n) : o.prefix;
		memcpy(net->address, o.key, o.n);
	}
	return OK;
}

static enum err read_secrets(const char *text, struct dns_cookies *c, struct fault *f)
{
	struct span rest = span_str(text);
	while (rest.n) {
		struct span word = span_trim(span_head(rest, span_find(rest, ',')));
		uint8_t secret[DNS_COOKIE_SECRET];
		rest = span_from(rest, span_find(rest, ',') + 1);
		if (c->n == DNS_COOKIE_SECRETS_MAX || hex_decode(word, secret, sizeof(secret)))
			return fault_set(f, ERR_SYNTAX, "a cookie secret is one or two of %d hexadecimal digits, with a comma", 2 * DNS_COOKIE_SECRET);
		c->given[c->n++] = dns_cookie_secret(secret);
	}
	return OK;
}

static struct siphash_seed random_seed(void)
{
	struct siphash_seed seed;
	random_octets(&seed, sizeof(seed));
	return seed;
}

static enum err read_options(const struct dns_options *o, struct dns_zone *z, struct fault *f)
{
	if (dns_name_parse(span_str(o->zone), &z->name))
		return fault_set(f, ERR_SYNTAX, "not a domain name to answer under: \"%s\"", o->zone);
	if (z->name.size > DNS_NAME_MAX - V6_OCTETS - (o->keyed ? LABEL_OCTETS : 0))
		return fault_set(f, ERR_RANGE, "too long to have reversed IPv6 addresses%s in front of it: the zone \"%s\"",
				 o->keyed ? " and keys" : "", o->zone);
	if (o->name_server && dns_name_parse(span_str(o->name_server), &z->name_server))
		return fault_set(f, ERR_SYNTAX, "not a domain name of a name server: \"%s\"", o->name_server);
	if (o->rate > DNS_RATE_MAX)
		return fault_set(f, ERR_RANGE, "more than %d answers a second for a network: %u", DNS_RATE_MAX, o->rate);
	if (given(o->txt_url)) {
		for (const char *c = o->txt_url; *c; c++)
			if (*c <= ' ' || *c > '~' || c - o->txt_url >= DNS_URL_MAX)
				return fault_set(f, ERR_SYNTAX, "not a URL of at most %d plain ASCII characters: \"%s\"", DNS_URL_MAX, o->txt_url);
		snprintf(z->url, sizeof(z->url), "%s", o->txt_url);
	}
	enum err e = given(o->public_resolvers) ? read_nets(o->public_resolvers, z, f) : OK;
	if (!e && given(o->cookie_secret))
		e = read_secrets(o->cookie_secret, &z->cookies, f);
	return e;
}

static void make_soa(struct dns_zone *z)
{
	const uint32_t times[] = { SOA_REFRESH_S, SOA_RETRY_S, SOA_EXPIRE_S, z->negative_ttl_s };
	size_t n = z->name_server.labels ? z->name_server.size : 2;
	memcpy(z->soa, z->name_server.lower, z->name_server.labels ? n : 0);
	memcpy(z->soa + n, "\012hostmaster", 11);
	n += 11;
	z->soa_rname = (uint16_t)n;
	n += 2 + 4;
	for (size_t i = 0; i < COUNT_OF(times); i++, n += 4)
		put_be32(z->soa + n, times[i]);
	z->soa_n = (uint16_t)n;
}

enum err dns_zone_new(const struct dns_options *o, struct dns_zone **ret_zone, struct fault *f)
{
	struct dns_zone z = {
		.clear = o->clear, .min_score = o->min_score, .ttl_s = o->ttl_s, .negative_ttl_s = o->negative_ttl_s,
		.error_codes = o->error_codes, .cookies = { .own = random_seed() },
	};
	enum err e = read_options(o, &z, f);
	if (e)
		return e;
	make_soa(&z);
	z.keys = o->keyed ? dns_keys_new(random_seed()) : NULL;
	*ret_zone = mem_alloc(sizeof(z));
	**ret_zone = z;
	return OK;
}

void dns_zone_free(struct dns_zone *z)
{
	if (z)
		dns_keys_free(z->keys);
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

void dns_zone_set_keys(struct dns_zone *z, const struct dns_key *key, unsigned n, void (*fresh)(void *ctx, unsigned place), void *ctx)
{
	if (z->keys)
		dns_keys_set(z->keys, key, n, fresh, ctx);
}

const struct dns_keys *dns_zone_keys(const struct dns_zone *z)
{
	return z->keys;
}

static bool within(struct span address, const struct net *net)
{
	unsigned whole = net->prefix / 8, bits = net->prefix % 8;
	if (address.n != net->n || memcmp(address.p, net->address, whole) != 0)
		return false;
	return !bits || (address.p[whole] ^ net->address[whole]) >> (8 - bits) == 0;
}

static bool by_public_resolver(const struct dns_zone *z, struct span address)
{
	for (unsigned i = 0; i < z->n_public; i++)
		if (within(address, &z->public[i]))
			return true;
	return false;
}

static void refuse(struct dns_asked *a, enum dns_ede ede)
{
	a->what = ASKED_WRONG;
	a->unlisted = DNS_REFUSED;
	a->ede = ede;
}

/* Who is not answered is told by a code only where the operator wants it: programs have taken such codes for listings. */
static void turn_away(const struct dns_zone *z, struct dns_asked *a, enum dns_error_code code)
{
	if (!z->error_codes) {
		refuse(a, DNS_EDE_PROHIBITED);
		return;
	}
	a->what = ASKED_CODE;
	a->code = (uint8_t)code;
	a->unlisted = DNS_NOERROR;
}

/* A place is its worker's alone, so that counting is a plain add. */
static void count_consumer(_Atomic uint64_t *at)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* A name below the zone.  A key tells who asks, by whatever resolver. */
static void read_below(const struct dns_zone *z, const struct dns_now *now, struct dns_asked *a, unsigned front)
{
	if (z->keys) {
		int place = dns_keys_find(z->keys, dns_label(&a->query.name, front - 1));
		if (place < 0) {
			turn_away(z, a, DNS_CODE_NO_KEY);
			return;
		}
		if (now->consumer)
			count_consumer(&now->consumer[place]);
		front--;
	} else if (z->n_public && by_public_resolver(z, a->from)) {
		turn_away(z, a, DNS_CODE_PUBLIC_RESOLVER);
		return;
	}
	if (front)
		dns_zone_labels(a, &a->query.name, front);
	else {
		a->what = ASKED_PART;
		a->unlisted = DNS_NOERROR;
	}
}

bool dns_zone_read(const struct dns_zone *z, const struct dns_now *now, const struct dns_asker *from, struct span query,
		   struct dns_asked *a, struct dns_counters *count)
{
	unsigned front;
	if (!dns_query_read(query, &a->query))
		return false;
	a->ede = DNS_EDE_NONE;
	a->unlisted = a->query.rcode;
	a->what = ASKED_WRONG;
	a->from = from->address;
	a->proven = from->proven;
	a->limited = a->truncated = false;
	if (UNLIKELY(a->query.cookie.n > DNS_COOKIE_CLIENT) && dns_cookie_valid(&z->cookies, a->query.cookie, a->from, now->now_s)) {
		a->proven = true;
		count->cookies++;
	}
	if (a->query.rcode || UNLIKELY(a->query.question.n == 0))
		return true;
	if (a->query.class != DNS_IN || !dns_name_under(&a->query.name, &z->name, &front))
		refuse(a, DNS_EDE_NOT_AUTHORITATIVE);
	else if (a->query.type == DNS_AXFR || a->query.type == DNS_IXFR)
		refuse(a, DNS_EDE_NOT_SUPPORTED);
	else {
		a->zone_at = a->query.name.start[front];
		if (front)
			read_below(z, now, a, front);
		else
			a->what = ASKED_APEX;
	}
	return true;
}

/* Who sends a cookie gets one to come back with.  Who does not comes by TCP, or is told to ask less. */
void dns_zone_limit(const struct dns_zone *z, struct dns_asked *a)
{
	a->limited = true;
	if (a->query.cookie.n) {
		a->what = ASKED_WRONG;
		a->unlisted = DNS_BADCOOKIE;
		a->ede = DNS_EDE_NONE;
	} else if (a->what == ASKED_WRONG)
		return; /* is short as it is */
	else if (z->error_codes && a->what != ASKED_APEX)
		turn_away(z, a, DNS_CODE_RATE);
	else
		a->truncated = true;
}

unsigned dns_categories(const struct verdict *v, uint8_t ret[CAT_COUNT])
{
	unsigned n = 0;
	ret[n++] = v->category < CAT_COUNT ? v->category : CAT_UNKNOWN;
	for (unsigned c = 0; c < CAT_COUNT; c++)
		if (v->categories >> c & 1 && c != ret[0])
			ret[n++] = (uint8_t)c;
	return n;
}

static void put_code(struct dns_answer *out, uint32_t address, uint32_t ttl_s)
{
	uint8_t octets[4];
	put_be32(octets, address);
	dns_answer_record(out, DNS_ANSWER, 0, DNS_A, ttl_s, octets, sizeof(octets));
}

/* No two categories have one code.  What is decided comes first. */
static void put_a(struct dns_answer *out, const struct dns_zone *z, force blocked, const struct verdict *v)
{
	uint8_t category[REASONS + CAT_COUNT];
	unsigned decided = 0, n = 0;
	uint32_t done = 0;
	for (unsigned r = 0; UNLIKELY(blocked != 0) && r < REASONS; r++)
		if (blocked >> r & 1)
			category[decided++] = (uint8_t)reason_row((enum reason)r)->category;
	unsigned all = decided + (v ? dns_categories(v, category + decided) : 0);
	for (unsigned i = 0; i < all && n < CODES_MAX; i++)
		if (!(done >> category[i] & 1)) {
			put_code(out, 0x7f000000u | category_row(category[i])->dns_code, z->ttl_s);
			done |= 1u << category[i];
			n++;
		}
}

static void put_txt(struct dns_answer *out, const struct dns_text *t, uint32_t ttl_s)
{
	dns_answer_open(out, DNS_ANSWER, 0, DNS_TXT, ttl_s);
	for (size_t i = 0; i < t->n; i += STRING_MAX) {
		uint8_t n = (uint8_t)(t->n - i < STRING_MAX ? t->n - i : STRING_MAX);
		dns_answer_octets(out, &n, 1);
		dns_answer_octets(out, t->p + i, n);
	}
	dns_answer_close(out);
}

/* The serial is the time: it rises, and nobody transfers the zone by it. */
static void put_soa(struct dns_answer *out, enum dns_section section, const struct dns_zone *z, unsigned zone_at,
		    uint32_t now_s)
{
	uint8_t data[sizeof(z->soa)];
	memcpy(data, z->soa, z->soa_n);
	if (!z->name_server.labels)
		dns_pointer(data, zone_at);
	dns_pointer(data + z->soa_rname, zone_at);
	put_be32(data + z->soa_rname + 2, now_s);
	dns_answer_record(out, section, zone_at, DNS_SOA, z->negative_ttl_s, data, z->soa_n);
}

static bool put_apex(struct dns_answer *out, const struct dns_zone *z, unsigned type, uint32_t now_s)
{
	if (type == DNS_NS && z->name_server.labels) {
		dns_answer_record(out, DNS_ANSWER, 0, DNS_NS, z->ttl_s, z->name_server.lower, z->name_server.size);
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

/* How a name is listed. */
struct listing {
	force blocked; /* reasons */
	bool scored, listed;
};

/* What is protected is listed by nothing, here where it is enforced, too: a decision may be older than the protection. */
static struct listing listing_of(const struct dns_zone *z, const struct dns_asked *a, const struct dns_found *found)
{
	struct listing l = { .listed = a->what == ASKED_TEST };
	if (a->what == ASKED_VALUE && !(found->verdict->is_protected || found->force & FORCE_PROTECT)) {
		l.blocked = found->force & force_blocks(REASONS_ALL);
		l.scored = found->verdict->listed && found->verdict->score >= z->min_score;
		l.listed = l.blocked || l.scored;
	}
	return l;
}

/* @return false: there is nothing of that type.  ANY is answered with one record set (RFC 8482 section 4.1): A. */
static bool put_listed(struct dns_answer *out, const struct dns_zone *z, const struct dns_now *now, const struct dns_asked *a,
		       const struct dns_found *found, const struct listing *l)
{
	static const struct verdict test = { .listed = true, .score = 100 };
	if (a->query.type == DNS_A || a->query.type == DNS_ANY)
		put_a(out, z, l->blocked, a->what == ASKED_TEST ? &test : l->scored ? found->verdict : NULL);
	else if (a->query.type == DNS_TXT) {
		struct dns_text t;
		dns_text_listed(&t, now, a, found, l->blocked, l->scored, z->url);
		put_txt(out, &t, z->ttl_s);
	} else
		return false;
	return true;
}

static bool put_error(struct dns_answer *out, const struct dns_zone *z, const struct dns_asked *a)
{
	if (a->query.type == DNS_A || a->query.type == DNS_ANY)
		put_code(out, 0x7fffff00u | a->code, z->negative_ttl_s);
	else if (a->query.type == DNS_TXT) {
		struct dns_text t;
		dns_text_code(&t, a->code);
		put_txt(out, &t, z->negative_ttl_s);
	} else
		return false;
	return true;
}

static void count_one(struct dns_counters *count, const struct dns_asked *a, const struct listing *l, enum dns_rcode rcode)
{
	uint64_t *which = l->listed ? &count->listed : &count->unlisted;
	if (UNLIKELY(a->limited))
		which = &count->limited;
	else if (a->what == ASKED_CODE || (a->what == ASKED_WRONG && rcode == DNS_REFUSED))
		which = &count->refused;
	else if (a->what == ASKED_WRONG && rcode)
		which = &count->errors;
	*which += 1;
	count->blocked += l->blocked != 0;
}

size_t dns_zone_write(const struct dns_zone *z, const struct dns_now *now, const struct dns_asked *a, const struct dns_found *found,
		      size_t limit, uint8_t *out, struct dns_counters *count)
{
	struct dns_answer w;
	struct listing l = { 0 };
	enum dns_rcode rcode = a->unlisted;
	bool answered = a->what == ASKED_WRONG;
	uint8_t cookie[DNS_COOKIE_MADE];
	dns_answer_begin(&w, &a->query, room(&a->query, limit), out);
	if (UNLIKELY(a->truncated)) {
		w.full = answered = true;
		rcode = DNS_NOERROR;
	} else if (a->what == ASKED_CODE)
		answered = put_error(&w, z, a);
	else if (a->what == ASKED_APEX)
		answered = put_apex(&w, z, a->query.type, now->now_s);
	else if (a->what != ASKED_WRONG) {
		l = listing_of(z, a, found);
		if (l.listed) {
			rcode = DNS_NOERROR;
			answered = put_listed(&w, z, now, a, found, &l);
		}
	}
	if (!answered)
		put_soa(&w, DNS_AUTHORITY, z, a->zone_at, now->now_s);
	count_one(count, a, &l, rcode);
	count->truncated += w.full;
	if (UNLIKELY(a->query.cookie.n != 0))
		dns_cookie_make(&z->cookies, a->query.cookie.p, a->from, now->now_s, cookie);
	return dns_answer_end(&w, &a->query, rcode, a->what != ASKED_WRONG, a->ede, span_of(cookie, a->query.cookie.n ? sizeof(cookie) : 0));
}

size_t dns_reply(const struct dns_zone *z, const struct dns_now *now, const struct dns_asker *from, struct span query, size_t limit,
		 uint8_t *out, struct dns_counters *count)
{
	struct dns_asked a;
	struct reputation r;
	struct dns_found found = { .verdict = &r.verdict };
	count->queries++;
	if (!dns_zone_read(z, now, from, query, &a, count)) {
		count->dropped++;
		return 0;
	}
	if (a.what == ASKED_VALUE) {
		reputation_of(now->view, &a.value, dns_zone_clearance(z), now->now_s, &r, NULL, NULL);
		dns_told_force(now, &a.value, 1, &found.force, &found.entry);
	}
	/* cppcheck-suppress uninitStructMember ; reputation_of() fills it */
	return dns_zone_write(z, now, &a, &found, limit, out, count);
}
