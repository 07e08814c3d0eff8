#include "face/rpz_reply.h"

#include <netinet/in.h>
#include <stdio.h>

#include "base/num.h"
#include "base/octets.h"
#include "codec/ip.h"

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_RD = 0x0100, OPCODE = 0x7800, OPT_SIZE = 11, EDNS_RCODE = 5 };

enum err rpz_site_make(const struct feeds *feeds, struct rpz_site *ret_site, struct fault *f)
{
	enum err worst = OK;
	ret_site->feeds = feeds;
	ret_site->n = 0;
	for (unsigned i = 0; i < feeds->n; i++) {
		struct fault mine;
		enum err e;
		if (feeds->v[i].type != FEED_RPZ)
			continue;
		e = rpz_zone_make(&feeds->v[i], &ret_site->at[ret_site->n].zone, &mine);
		if (e == OK)
			ret_site->at[ret_site->n++].feed = &feeds->v[i];
		else if (worst == OK)
			worst = fault_set(f, e, "%s", mine.text);
	}
	return worst;
}

/* The octets of an address; a mapped one is the IPv4 address.  Returns how many. */
static size_t address_octets(const struct sockaddr_storage *a, uint8_t ret[16])
{
	const uint8_t *p;
	if (a->ss_family == AF_INET) {
		memcpy(ret, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
		return 4;
	}
	if (a->ss_family != AF_INET6)
		return 0;
	p = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
	if (ip6_is_mapped(p)) {
		memcpy(ret, p + 12, 4);
		return 4;
	}
	memcpy(ret, p, 16);
	return 16;
}

void rpz_address_text(const struct sockaddr_storage *a, char ret_text[RPZ_WHO_MAX + 1])
{
	uint8_t octets[16];
	char text[IP_TEXT_MAX] = "?";
	size_t n = address_octets(a, octets);
	if (n == 4)
		ip4_format(octets, text);
	else if (n)
		ip6_format(octets, text);
	snprintf(ret_text, RPZ_WHO_MAX + 1, "%s", text);
}

bool rpz_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	uint8_t x[16], y[16];
	size_t n = address_octets(a, x);
	return n == address_octets(b, y) && memcmp(x, y, n) == 0;
}

/* "198.51.100.7", "2001:db8::/32", "0.0.0.0/0": does it cover these octets? */
static bool covers(struct span one, const uint8_t *octets, size_t n)
{
	uint8_t base[16], mine[16];
	size_t slash = span_find(one, '/');
	struct span address = span_head(one, slash);
	uint64_t prefix = n * 8;
	if (n == 4 ? !ip4_parse(address, base) : ip6_parse(address, base, NULL) != OK)
		return false;
	if (slash < one.n && num_parse_u64(span_from(one, slash + 1), n * 8, &prefix) != OK)
		return false;
	memcpy(mine, octets, n);
	ip_mask(mine, n, (unsigned)prefix);
	ip_mask(base, n, (unsigned)prefix);
	return memcmp(mine, base, n) == 0;
}

bool rpz_allows(const char *list, const struct sockaddr_storage *from)
{
	uint8_t octets[16];
	size_t n = address_octets(from, octets);
	for (struct span rest = span_str(list); n && rest.n;) {
		struct span one = span_head(rest, span_find(rest, ','));
		rest = span_from(rest, one.n + 1);
		if (covers(span_trim(one), octets, n))
			return true;
	}
	return false;
}

/* "NAME.FEED". */
static bool is_key_name(const struct consumer *c, const char *name)
{
	size_t n = strlen(c->name);
	return strncmp(c->name, name, n) == 0 && name[n] == '.' && strcmp(c->feed, name + n + 1) == 0;
}

static const struct consumer *consumer_of(const struct feeds *feeds, const char *key_name)
{
	for (unsigned i = 0; i < feeds->n_consumers; i++)
		if (is_key_name(&feeds->consumer[i], key_name))
			return &feeds->consumer[i];
	return NULL;
}

void rpz_plan_release(struct rpz_plan *p)
{
	tsig_key_free(p->key);
	p->key = NULL;
	p->tsig.key = NULL;
}

static uint16_t flags_of(const struct rpz_plan *p, unsigned rcode)
{
	return (uint16_t)((p->flags & (OPCODE | FLAG_RD)) | FLAG_QR | (p->allowed ? FLAG_AA : 0) | (rcode & 15));
}

/* An answer without records. */
static void say(struct rpz_plan *p, unsigned rcode, const char *why, uint8_t *out, size_t *ret_n)
{
	size_t n = DNS_HEADER_SIZE;
	p->act = RPZ_SEND;
	p->rcode = rcode;
	p->why = why;
	memset(out, 0, DNS_HEADER_SIZE);
	put_be16(out, p->id);
	put_be16(out + 2, flags_of(p, rcode));
	put_be16(out + 4, p->question_n != 0);
	memcpy(out + n, p->question, p->question_n);
	n += p->question_n;
	if (p->edns) {
		static const uint8_t opt[OPT_SIZE] = { 0, 0, DNS_OPT, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 0xff };
		memcpy(out + n, opt, sizeof(opt));
		out[n + EDNS_RCODE] = (uint8_t)(rcode >> 4);
		n += sizeof(opt);
		put_be16(out + 10, 1);
	}
	*ret_n = n;
}

struct short_answer {
	size_t n;
};

static bool keep_first(void *ctx, uint8_t *message, size_t n)
{
	struct short_answer *a = ctx;
	a->n = a->n ? SIZE_MAX : n;
	return a->n != SIZE_MAX;
}

void rpz_plan_writer(const struct rpz_plan *p, const struct rpz_site *site, struct rpz_writer *w)
{
	*w = (struct rpz_writer){
		.zone = &site->at[p->zone].zone, .id = p->id, .flags = flags_of(p, DNS_NOERROR),
		.question = span_of(p->question, p->question_n), .edns = p->edns, .reserve = tsig_room(p->key),
	};
}

enum apex { APEX_SOA, APEX_NS, APEX_NOTHING };

/* The whole answer about the apex, signed.  @return octets; 0: it does not fit. */
static size_t answer_apex(struct rpz_plan *p, const struct rpz_site *site, uint64_t serial, enum apex what, uint8_t *out, size_t room)
{
	struct short_answer a = { 0 };
	struct rpz_writer w;
	rpz_plan_writer(p, site, &w);
	w.out = out;
	w.room = room;
	w.emit = keep_first;
	w.ctx = &a;
	rpz_begin(&w);
	if (what == APEX_NOTHING)
		rpz_put_negative(&w, serial);
	else if (what == APEX_SOA)
		rpz_put_soa(&w, serial);
	else
		rpz_put_ns(&w);
	(void)!rpz_end(&w);
	return a.n && a.n != SIZE_MAX && tsig_sign(&p->tsig, out, &a.n, room) ? a.n : 0;
}

size_t rpz_answer_soa(struct rpz_plan *p, const struct rpz_site *site, uint64_t serial, uint8_t *out, size_t room)
{
	return answer_apex(p, site, serial, APEX_SOA, out, room);
}

/* Whoever signed it, was it he, and now?  @return false: it is answered. */
static bool check_signature(const struct rpz_site *site, const struct message *m, struct rpz_plan *p, const struct consumer **ret_consumer,
			    uint8_t *out, size_t room, size_t *ret_n)
{
	const struct consumer *c = consumer_of(site->feeds, m->key_name);
	enum tsig_error error = TSIG_BADKEY;
	if (c && tsig_key_new(m->key_name, span_of(c->secret, sizeof(c->secret)), &p->key, NULL) == OK)
		error = message_check(m, p->key, &p->tsig);
	*ret_consumer = c;
	if (error == TSIG_FINE)
		return true;
	say(p, RPZ_NOTAUTH, error == TSIG_BADKEY ? "the key is not known (BADKEY)" :
			error == TSIG_BADTIME ? "its clock is wrong (BADTIME)" : "it is not signed with the secret of this key (BADSIG)",
	    out, ret_n);
	if (error == TSIG_BADTIME ? !tsig_sign(&p->tsig, out, ret_n, room) : !tsig_refuse(m, error, out, ret_n, room))
		p->act = RPZ_DROP;
	return false;
}

static bool find_zone(const struct rpz_site *site, const struct message *m, unsigned *ret_zone)
{
	for (unsigned i = 0; i < site->n; i++)
		if (site->at[i].zone.origin.size == m->name_n && memcmp(site->at[i].zone.origin.lower, m->name, m->name_n) == 0)
			return *ret_zone = i, true;
	return false;
}

static bool may(const struct rpz_site *site, const struct message *m, const struct sockaddr_storage *from, const struct consumer *consumer,
		struct rpz_plan *p)
{
	if (m->class != DNS_IN || !find_zone(site, m, &p->zone))
		return p->why = "no such zone", false;
	const struct feed *feed = site->at[p->zone].feed;
	if (consumer)
		p->allowed = strcmp(consumer->feed, feed->name) == 0;
	else
		p->allowed = rpz_allows(feed->allow, from);
	if (p->allowed && consumer)
		snprintf(p->who, sizeof(p->who), "%s", consumer->name);
	if (p->allowed && feed->tls_only && p->way != RPZ_TLS && (m->type == DNS_AXFR || m->type == DNS_IXFR)) {
		p->allowed = false;
		p->why = "its zone is transferred over TLS alone";
	} else if (!p->allowed)
		p->why = consumer ? "the key is not for this zone" : "no signature, and the address is not among those that need none";
	return p->allowed;
}

static void sign_or_drop(struct rpz_plan *p, uint8_t *out, size_t room, size_t *ret_n)
{
	if (!tsig_sign(&p->tsig, out, ret_n, room))
		p->act = RPZ_DROP;
}

/* One of ours, and he may. */
static void answer(const struct rpz_site *site, const struct message *m, uint64_t serial, struct rpz_plan *p, uint8_t *out,
		   size_t room, size_t *ret_n)
{
	uint64_t has;
	enum rpz_age age;
	bool whole = false;
	p->act = RPZ_SEND;
	switch (m->type) {
	case DNS_SOA:
		p->asked = RPZ_ASKED_SOA;
		break;
	case DNS_AXFR:
		p->asked = RPZ_ASKED_AXFR;
		whole = p->way != RPZ_UDP;
		break;
	case DNS_IXFR:
		p->asked = RPZ_ASKED_IXFR;
		p->serial = m->serial;
		age = rpz_serial(&site->at[p->zone].zone, m->serial, serial, &has);
		whole = m->has_serial && (age == RPZ_BEHIND || age == RPZ_NEVER);
		break;
	default:
		break;
	}
	if (whole)
		p->act = RPZ_TRANSFER;
	else if ((p->asked == RPZ_ASKED_IXFR && !m->has_serial) || p->asked == RPZ_ASKED_AXFR) {
		say(p, DNS_FORMERR, p->asked == RPZ_ASKED_AXFR ? "a whole transfer over UDP" : "IXFR without a serial", out, ret_n);
		sign_or_drop(p, out, room, ret_n);
	} else {
		enum apex what = p->asked != RPZ_ASKED_OTHER ? APEX_SOA : m->type == DNS_NS ? APEX_NS : APEX_NOTHING;
		*ret_n = answer_apex(p, site, serial, what, out, room);
		if (*ret_n == 0)
			p->act = RPZ_DROP;
	}
}

static void reply(const struct rpz_site *site, const struct sockaddr_storage *from, uint64_t serial, const struct message *m,
		  struct rpz_plan *p, uint8_t *out, size_t room, size_t *ret_n)
{
	const struct consumer *consumer = NULL;
	if (!m->sound && (p->flags & OPCODE) == 0) {
		say(p, DNS_FORMERR, "it is no request", out, ret_n);
		return;
	}
	if (m->sound && m->is_signed && !check_signature(site, m, p, &consumer, out, room, ret_n))
		return;
	if ((p->flags & OPCODE) != 0)
		say(p, DNS_NOTIMP, "another operation than a query", out, ret_n);
	else if (m->edns && m->edns_version)
		say(p, DNS_BADVERS, "another version of EDNS", out, ret_n);
	else if (!may(site, m, from, consumer, p))
		say(p, DNS_REFUSED, p->why, out, ret_n);
	else {
		answer(site, m, serial, p, out, room, ret_n);
		return;
	}
	sign_or_drop(p, out, room, ret_n);
}

void rpz_reply(const struct rpz_site *site, const struct sockaddr_storage *from, enum rpz_way way, uint64_t serial, struct span request,
	       uint8_t *out, size_t room, size_t *ret_n, struct rpz_plan *ret_plan)
{
	struct message m;
	struct rpz_plan *p = ret_plan;
	*p = (struct rpz_plan){ .act = RPZ_DROP, .way = way, .newest = serial };
	*ret_n = 0;
	if (message_read(request, &m) && !m.response) {
		p->id = m.id;
		p->flags = m.flags;
		p->edns = m.edns;
		p->question_n = m.question_n;
		memcpy(p->question, m.wire + DNS_HEADER_SIZE, m.question_n);
		p->limit = !m.edns || m.edns_size < DNS_PLAIN_MAX ? DNS_PLAIN_MAX : m.edns_size > DNS_UDP_MAX ? DNS_UDP_MAX : m.edns_size;
		rpz_address_text(from, p->who);
		reply(site, from, serial, &m, p, out, way != RPZ_UDP || room < p->limit ? room : p->limit, ret_n);
	}
	message_release(&m);
}
