/* Every owner is labels in front of the zone's name, which stands at octet 12 of each message, in the question; so a record is the
 * labels, a pointer to there, and ten octets and the target.  A wildcard whose name was the owner just before points to that.
 *
 * In a difference a record is: rule 1, octets of the labels 1, the labels. */
#include "face/rpz_zone.h"

#include <stdio.h>

#include "base/octets.h"

enum { POINTER = 0xc000, POINTER_MAX = 0x3fff, TYPE_CNAME = 5, OPT_SIZE = 11, FLAG_COUNTS = 4, PREFIX_MAX = DNS_NAME_MAX };
enum { RETRY_S = 30, EXPIRE_S = 7 * 86400 };

/* Labels in front of the zone. */
struct labels {
	size_t n;
	uint8_t p[PREFIX_MAX];
};

static const char passthru[] = "\14rpz-passthru", localhost[] = "\11localhost", nobody[] = "\6nobody\11localhost";

enum err rpz_zone_make(const struct feed *feed, struct rpz_zone *ret_zone, struct fault *f)
{
	struct rpz_zone z = { .passthru = feed->passthru, .ttl_s = feed->ttl_s, .refresh_s = feed->refresh_s, .raised = feed->raised };
	struct dns_name garden;
	const char *target, *name = feed->zone[0] ? feed->zone : feed->name;
	enum err e = dns_name_parse(span_str(name), &z.origin);
	if (e)
		return fault_set(f, e, "feed \"%s\": \"%.100s\" cannot be the name of a zone", feed->name, name);
	if (feed->answer == ANSWER_GARDEN) {
		e = dns_name_parse(span_str(feed->garden), &garden);
		if (e)
			return fault_set(f, e, "feed \"%s\": \"%.100s\" is no name of a walled garden", feed->name, feed->garden);
		memcpy(z.target, garden.lower, garden.size);
		z.target_n = garden.size;
	} else {
		target = feed->answer == ANSWER_NODATA ? "\1*" : feed->answer == ANSWER_DROP ? "\10rpz-drop" : "";
		z.target_n = (uint8_t)(strlen(target) + 1);
		memcpy(z.target, target, z.target_n);
	}
	*ret_zone = z;
	return OK;
}

static enum rpz_rule rule_of(const struct rpz_zone *z, force f)
{
	if (f & FORCE_PROTECT)
		return z->passthru ? RPZ_PASS : RPZ_NONE;
	return f & force_blocks(REASONS_ALL) ? RPZ_BLOCK : RPZ_NONE;
}

static void put_label(struct labels *l, const char *text, size_t n)
{
	l->p[l->n] = (uint8_t)n;
	memcpy(l->p + l->n + 1, text, n);
	l->n += 1 + n;
}

/* @return false: no name that has a rule. */
static bool domain_labels(const struct table_key *k, struct labels *l)
{
	size_t start = 0;
	if (k->n == 0 || k->n > DNS_NAME_MAX - 2)
		return false;
	memcpy(l->p + 1, k->p, k->n);
	for (size_t i = 0; i <= k->n; i++)
		if (i == k->n || k->p[i] == '.') {
			if (i == start || i - start > DNS_LABEL_MAX)
				return false;
			l->p[start] = (uint8_t)(i - start);
			if (i < k->n)
				start = i + 1;
		}
	l->n = k->n + 1u;
	/* "32.1.2.0.192.rpz-ip" is not a name to these zones. */
	return start > 0 && !span_starts(span_of(k->p + start, k->n - start), SPAN_LIT("rpz-"));
}

static void put_number(struct labels *l, bool hex, unsigned v)
{
	char text[12];
	put_label(l, text, (size_t)(hex ? snprintf(text, sizeof(text), "%x", v) : snprintf(text, sizeof(text), "%u", v)));
}

/* The longest run of words that are zero, two at least; of equal ones the first (RFC 5952 section 4.2.3): BIND refuses another. */
static void longest_zeros(const uint8_t p[16], unsigned *ret_last, unsigned *ret_n)
{
	*ret_n = 0;
	for (unsigned i = 0, run = 0; i < 8; i++) {
		run = get_be16(p + 2 * (size_t)i) ? 0 : run + 1;
		if (run > 1 && run > *ret_n) {
			*ret_n = run;
			*ret_last = i;
		}
	}
}

static void address_labels(const struct table_key *k, struct labels *l)
{
	unsigned last = 8, zeros = 0;
	l->n = 0;
	put_number(l, false, k->kind == OBS_IPV4 ? 32 : k->kind == OBS_IPV6 ? 128 : k->prefix);
	if (k->n == 4) {
		for (unsigned i = 4; i-- > 0;)
			put_number(l, false, k->p[i]);
	} else {
		longest_zeros(k->p, &last, &zeros);
		for (unsigned i = 8; i-- > 0;)
			if (zeros && i == last) {
				put_label(l, "zz", 2);
				i -= zeros - 1;
			} else
				put_number(l, true, get_be16(k->p + 2 * i));
	}
	put_label(l, "rpz-ip", 6);
}

/* The labels of a key without "*".  @return false: it has no rule. */
static bool key_labels(const struct table_key *k, struct labels *l)
{
	switch (k->kind) {
	case OBS_DOMAIN:
		return domain_labels(k, l);
	case OBS_IPV4:
	case OBS_CIDR4:
		if (k->n != 4 || (k->kind == OBS_CIDR4 && (k->prefix < 1 || k->prefix > 32)))
			return false;
		break;
	case OBS_IPV6:
	case OBS_CIDR6:
		if (k->n != 16 || (k->kind == OBS_CIDR6 && (k->prefix < 1 || k->prefix > 128)))
			return false;
		break;
	default:
		return false;
	}
	address_labels(k, l);
	return true;
}

static bool fits(const struct rpz_zone *z, size_t labels)
{
	return labels + z->origin.size <= DNS_NAME_MAX;
}

/* In front of labels at `l->p`: "*". */
static void to_wildcard(struct labels *l)
{
	memmove(l->p + 2, l->p, l->n);
	l->p[0] = 1;
	l->p[1] = '*';
	l->n += 2;
}

void rpz_begin(struct rpz_writer *w)
{
	w->n = DNS_HEADER_SIZE;
	w->end = w->room - w->reserve - (w->edns ? OPT_SIZE : 0);
	w->count = 0;
	w->last = 0;
	memset(w->out, 0, DNS_HEADER_SIZE);
	if (w->question.n)
		memcpy(w->out + w->n, w->question.p, w->question.n);
	w->n += w->question.n;
}

static void give_away(struct rpz_writer *w, uint16_t answers, uint16_t authority)
{
	put_be16(w->out, w->id);
	put_be16(w->out + 2, w->flags);
	put_be16(w->out + FLAG_COUNTS, w->question.n != 0);
	put_be16(w->out + 6, answers);
	put_be16(w->out + 8, authority);
	if (w->edns) {
		static const uint8_t opt[OPT_SIZE] = { 0, 0, DNS_OPT, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 0xff };
		memcpy(w->out + w->n, opt, sizeof(opt));
		w->n += sizeof(opt);
		put_be16(w->out + 10, 1);
	}
	w->messages++;
	if (!w->emit(w->ctx, w->out, w->n))
		w->stopped = true;
}

/* Make sure of `size` octets in this message or in the next one.  @return false: stopped. */
static bool room_for(struct rpz_writer *w, size_t size)
{
	if (w->stopped)
		return false;
	if (w->n + size <= w->end && w->count < UINT16_MAX)
		return true;
	if (w->count) {
		give_away(w, w->count, 0);
		rpz_begin(w);
	}
	if (w->n + size > w->end)
		w->stopped = true; /* room for no record at all */
	return !w->stopped;
}

static uint8_t *put_head(uint8_t *p, unsigned type, uint32_t ttl_s, size_t data)
{
	put_be16(p, (uint16_t)type);
	put_be16(p + 2, DNS_IN);
	put_be32(p + 4, ttl_s);
	put_be16(p + 8, (uint16_t)data);
	return p + 10;
}

/* At the zone's apex. */
static void put_apex(struct rpz_writer *w, unsigned type, const uint8_t *data, size_t n)
{
	if (!room_for(w, 12 + n))
		return;
	uint8_t *p = w->out + w->n;
	put_be16(p, POINTER | DNS_HEADER_SIZE);
	p = put_head(p + 2, type, w->zone->ttl_s, n);
	memcpy(p, data, n);
	w->n += 12 + n;
	w->count++;
	w->records++;
}

void rpz_put_soa(struct rpz_writer *w, uint64_t serial)
{
	uint8_t data[sizeof(localhost) + sizeof(nobody) + 20], *p = data;
	memcpy(p, localhost, sizeof(localhost));
	p += sizeof(localhost);
	memcpy(p, nobody, sizeof(nobody));
	p += sizeof(nobody);
	put_be32(p, (uint32_t)(serial + w->zone->raised));
	put_be32(p + 4, w->zone->refresh_s);
	put_be32(p + 8, RETRY_S < w->zone->refresh_s ? RETRY_S : w->zone->refresh_s);
	put_be32(p + 12, EXPIRE_S);
	put_be32(p + 16, w->zone->ttl_s);
	put_apex(w, DNS_SOA, data, sizeof(data));
}

void rpz_put_ns(struct rpz_writer *w)
{
	put_apex(w, DNS_NS, (const uint8_t *)localhost, sizeof(localhost));
}

/* Is this the wildcard of the owner that was written last, in this message? */
static bool is_below_last(const struct rpz_writer *w, const uint8_t *labels, size_t n)
{
	static const uint8_t zone[2] = { POINTER >> 8, DNS_HEADER_SIZE };
	return labels[0] == 1 && labels[1] == '*' && w->last && w->last + n <= w->n &&
	       memcmp(w->out + w->last, labels + 2, n - 2) == 0 && memcmp(w->out + w->last + n - 2, zone, 2) == 0;
}

/* One rule.  @return false: stopped. */
static bool put_rule(struct rpz_writer *w, enum rpz_rule rule, const uint8_t *labels, size_t n)
{
	const uint8_t *target = rule == RPZ_PASS ? (const uint8_t *)passthru : w->zone->target;
	size_t target_n = rule == RPZ_PASS ? sizeof(passthru) : w->zone->target_n;
	if (!room_for(w, n + 2 + 10 + target_n))
		return false;
	uint8_t *p = w->out + w->n;
	size_t at = w->n, pointer = DNS_HEADER_SIZE;
	if (is_below_last(w, labels, n)) {
		pointer = w->last;
		n = 2;
	}
	memcpy(p, labels, n);
	put_be16(p + n, (uint16_t)(POINTER | pointer));
	p = put_head(p + n + 2, TYPE_CNAME, w->zone->ttl_s, target_n);
	memcpy(p, target, target_n);
	w->n += n + 12 + target_n;
	w->last = at <= POINTER_MAX ? at : 0;
	w->count++;
	w->records++;
	return true;
}

bool rpz_put_item(struct rpz_writer *w, const struct feed_item *item)
{
	const struct rpz_zone *z = w->zone;
	enum rpz_rule self = rule_of(z, item->self), below = item->key.kind == OBS_DOMAIN ? rule_of(z, item->below) : RPZ_NONE;
	struct labels l;
	if ((self == RPZ_NONE && below == RPZ_NONE) || !key_labels(&item->key, &l))
		return !w->stopped;
	if (self != RPZ_NONE) {
		if (!fits(z, l.n))
			w->left_out++;
		else if (!put_rule(w, self, l.p, l.n))
			return false;
	}
	if (below != RPZ_NONE) {
		if (!fits(z, l.n + 2)) {
			w->left_out++;
			return true;
		}
		to_wildcard(&l);
		return put_rule(w, below, l.p, l.n);
	}
	return true;
}

bool rpz_put_records(struct rpz_writer *w, struct span records)
{
	while (records.n) {
		if (!put_rule(w, records.p[0], records.p + 2, records.p[1]))
			return false;
		records = span_from(records, 2u + records.p[1]);
	}
	return true;
}

void rpz_put_negative(struct rpz_writer *w, uint64_t serial)
{
	rpz_put_soa(w, serial);
	if (!w->stopped)
		give_away(w, 0, 1);
	w->stopped = true;
}

bool rpz_end(struct rpz_writer *w)
{
	if (!w->stopped)
		give_away(w, w->count, 0);
	return !w->stopped;
}

static void note(struct buf *b, enum rpz_rule rule, const struct labels *l)
{
	uint8_t head[2] = { (uint8_t)rule, (uint8_t)l->n };
	buf_put(b, head, 2);
	buf_put(b, l->p, l->n);
}

static void differ(struct rpz_difference *d, const struct rpz_zone *z, enum rpz_rule was, enum rpz_rule is, const struct labels *l)
{
	if (was == is)
		return;
	if (!fits(z, l->n)) {
		d->left_out++;
		return;
	}
	if (was != RPZ_NONE)
		note(&d->gone, was, l), d->records++;
	if (is != RPZ_NONE)
		note(&d->come, is, l), d->records++;
}

void rpz_difference_add(struct rpz_difference *d, const struct rpz_zone *z, const struct feed_item *item)
{
	struct labels l;
	if (!key_labels(&item->key, &l))
		return;
	differ(d, z, rule_of(z, item->was_self), rule_of(z, item->self), &l);
	enum rpz_rule was = rule_of(z, item->was_below), is = rule_of(z, item->below);
	if (item->key.kind != OBS_DOMAIN || was == is)
		return;
	if (!fits(z, l.n + 2)) {
		d->left_out++;
		return;
	}
	to_wildcard(&l);
	differ(d, z, was, is, &l);
}

void rpz_difference_release(struct rpz_difference *d)
{
	buf_release(&d->gone);
	buf_release(&d->come);
}

unsigned rpz_count(const struct rpz_zone *z, const struct feed_item *item)
{
	struct labels l;
	enum rpz_rule self = rule_of(z, item->self), below = item->key.kind == OBS_DOMAIN ? rule_of(z, item->below) : RPZ_NONE;
	if ((self == RPZ_NONE && below == RPZ_NONE) || !key_labels(&item->key, &l))
		return 0;
	return (self != RPZ_NONE && fits(z, l.n)) + (below != RPZ_NONE && fits(z, l.n + 2));
}

enum rpz_age rpz_serial(const struct rpz_zone *z, uint32_t wire, uint64_t now, uint64_t *ret_serial)
{
	uint32_t behind = (uint32_t)(now + z->raised) - wire;
	if (behind >= 1u << 31)
		return RPZ_AHEAD;
	if (behind > now)
		return RPZ_NEVER;
	*ret_serial = now - behind;
	return behind ? RPZ_BEHIND : RPZ_SAME;
}
