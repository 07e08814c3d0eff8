/* Layout (RFC 1035 section 4.1):
 *
 *   0  id        2  flags: QR 1, opcode 4, AA, TC, RD, RA, Z, AD, CD, rcode 4
 *   4  counts of question, answer, authority, additional records, 16 bits each
 *   12 question: name, type 16, class 16; then records: name, type 16, class 16, TTL 32, length 16, data
 *
 * OPT (RFC 6891 section 6.1.2) is an additional record of the root: class = octets that the sender takes, TTL = upper 8
 * bits of the rcode, version, DO and 15 zero bits; data = options of code 16, length 16, octets.
 *
 * Compression in a question can only point into itself or forward, so it has no use there and is refused.  In the records
 * behind it a pointer ends a name; it is never followed, so there is no loop to fall into.
 */
#include "codec/dns_message.h"

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100, OPCODE = 0x7800, EDNS_DO = 0x8000 };
enum { RECORD_HEAD = 12, OPT_SIZE = 11, EDE_SIZE = 6, COOKIE_SIZE = 4 + DNS_COOKIE_MAX, OPTION_COOKIE = 10, OPTION_EDE = 15, POINTER = 0xc000 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The question's name, at the start of `in`.  Returns its octets; 0: it is none. */
static size_t read_name(struct span in, struct dns_name *ret)
{
	size_t i = 0, most = in.n < DNS_NAME_MAX ? in.n : DNS_NAME_MAX;
	unsigned labels = 0;
	for (;;) {
		if (i >= most || in.p[i] > DNS_LABEL_MAX)
			return 0;
		ret->start[labels] = (uint8_t)i;
		if (in.p[i] == 0)
			break;
		labels++;
		i += 1 + in.p[i];
	}
	ret->labels = (uint8_t)labels;
	ret->size = (uint8_t)(i + 1);
	for (size_t k = 0; k <= i; k++)
		ret->lower[k] = ascii_lower(in.p[k]);
	return i + 1;
}

/* The same for a name that does not matter, where compression may end it. */
static size_t skip_name(struct span in)
{
	for (size_t i = 0; i < in.n && i < DNS_NAME_MAX; i += 1 + in.p[i]) {
		if (in.p[i] == 0)
			return i + 1;
		if (in.p[i] >= POINTER >> 8)
			return i + 2 <= in.n ? i + 2 : 0;
		if (in.p[i] > DNS_LABEL_MAX)
			return 0;
	}
	return 0;
}

/* Of several cookies the first counts (RFC 7873 section 5.2). */
static bool read_options(struct span data, struct dns_query *q)
{
	struct span cookie = { data.p, 0 };
	while (data.n) {
		if (data.n < 4 || data.n - 4 < get16(data.p + 2))
			return false;
		unsigned n = get16(data.p + 2);
		if (get16(data.p) == OPTION_COOKIE && !cookie.n) {
			if (n != DNS_COOKIE_CLIENT && (n < DNS_COOKIE_CLIENT + DNS_COOKIE_SERVER_MIN || n > DNS_COOKIE_MAX))
				return false;
			cookie = span_of(data.p + 4, n);
		}
		data = span_from(data, 4u + n);
	}
	if (cookie.n)
		q->cookie = cookie;
	return true;
}

/* Octets of the record at the start of `in`, 0 when it is not one.  An OPT fills the query; it may stand only where
 * `additional`, once, and belong to the root. */
static size_t read_record(struct span in, bool additional, struct dns_query *q, unsigned *ret_version)
{
	size_t name = skip_name(in);
	if (!name || in.n - name < 10)
		return 0;
	const uint8_t *p = in.p + name;
	size_t length = get16(p + 8);
	if (in.n - name - 10 < length)
		return 0;
	if (get16(p) == DNS_OPT) {
		if (!additional || q->edns || in.p[0] != 0 || !read_options(span_of(p + 10, length), q))
			return 0;
		q->edns = true;
		q->edns_size = get16(p + 2);
		*ret_version = p[5];
		q->dnssec_ok = get16(p + 6) & EDNS_DO;
	}
	return name + 10 + length;
}

/* @return octets of the question at the start of `in`; 0: it is none. */
static size_t read_question(struct span in, struct dns_query *q)
{
	size_t n = read_name(in, &q->name);
	if (!n || in.n - n < 4)
		return 0;
	q->question = span_head(in, n + 4);
	q->type = get16(in.p + n);
	q->class = get16(in.p + n + 2);
	return n + 4;
}

/* What stands behind the header; the rcode that it deserves. */
static enum dns_rcode read_body(struct span in, struct dns_query *q)
{
	const uint8_t *counts = in.p + 4;
	unsigned questions = get16(counts), version = 0;
	unsigned before = get16(counts + 2) + get16(counts + 4), records = before + get16(counts + 6);
	struct span rest = span_from(in, DNS_HEADER_SIZE);
	if (questions > 1)
		return DNS_FORMERR;
	if (questions) {
		size_t n = read_question(rest, q);
		if (!n)
			return DNS_FORMERR;
		rest = span_from(rest, n);
	}
	for (unsigned i = 0; i < records; i++) {
		size_t n = read_record(rest, i >= before, q, &version);
		if (!n)
			return DNS_FORMERR;
		rest = span_from(rest, n);
	}
	if (rest.n || !(questions || q->cookie.n))
		return DNS_FORMERR;
	return version ? DNS_BADVERS : DNS_NOERROR;
}

bool dns_query_read(struct span in, struct dns_query *q)
{
	if (in.n < DNS_HEADER_SIZE || in.p[2] & FLAG_QR >> 8)
		return false;
	q->id = get16(in.p);
	q->flags = get16(in.p + 2);
	q->type = q->class = q->edns_size = 0;
	q->edns = q->dnssec_ok = false;
	q->question = q->cookie = (struct span){ in.p, 0 };
	/* Other operations lay out their sections in other ways: not read at all. */
	q->rcode = q->flags & OPCODE ? DNS_NOTIMP : read_body(in, q);
	return true;
}

bool dns_question_read(struct span in, struct dns_name *ret_name)
{
	struct dns_name name;
	if (in.n < DNS_HEADER_SIZE || get16(in.p + 2) & OPCODE || get16(in.p + 4) != 1)
		return false;
	struct span rest = span_from(in, DNS_HEADER_SIZE);
	size_t n = read_name(rest, &name);
	if (!n || rest.n - n < 4 || get16(rest.p + n + 2) != DNS_IN)
		return false;
	*ret_name = name;
	return true;
}

static bool in_plain_names(uint8_t c)
{
	return ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

size_t dns_name_text(const struct dns_name *name, char ret_text[DNS_NAME_MAX])
{
	size_t n = 0;
	for (unsigned i = 0; i < name->labels; i++) {
		struct span label = dns_label(name, i);
		if (i)
			ret_text[n++] = '.';
		for (size_t k = 0; k < label.n; k++) {
			if (!in_plain_names(label.p[k]))
				return 0;
			ret_text[n++] = (char)label.p[k];
		}
	}
	return n;
}

enum err dns_name_parse(struct span text, struct dns_name *ret)
{
	if (text.n && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0)
		return ERR_SYNTAX;
	if (text.n > DNS_NAME_MAX - 2)
		return ERR_RANGE;
	struct dns_name name = { .size = (uint8_t)(text.n + 2) };
	size_t start = 0;
	for (size_t i = 0; i <= text.n; i++) {
		uint8_t c = i < text.n ? ascii_lower(text.p[i]) : '.';
		if (c == '.') {
			if (i == start || i - start > DNS_LABEL_MAX)
				return ERR_SYNTAX;
			name.lower[start] = (uint8_t)(i - start);
			name.start[name.labels++] = (uint8_t)start;
			start = i + 1;
		} else if (in_plain_names(c))
			name.lower[i + 1] = c;
		else
			return ERR_SYNTAX;
	}
	name.start[name.labels] = (uint8_t)start;
	*ret = name;
	return OK;
}

bool dns_name_under(const struct dns_name *name, const struct dns_name *zone, unsigned *ret_labels)
{
	if (name->labels < zone->labels || name->size < zone->size)
		return false;
	unsigned front = name->labels - zone->labels;
	size_t at = name->start[front];
	if (name->size - at != zone->size || memcmp(name->lower + at, zone->lower, zone->size) != 0)
		return false;
	*ret_labels = front;
	return true;
}

void dns_answer_begin(struct dns_answer *a, const struct dns_query *q, size_t limit, uint8_t *out)
{
	*a = (struct dns_answer){ .out = out, .limit = limit - (q->edns ? OPT_SIZE + EDE_SIZE : 0) - (q->cookie.n ? COOKIE_SIZE : 0) };
	if (q->question.n)
		memcpy(out + DNS_HEADER_SIZE, q->question.p, q->question.n);
	a->n = DNS_HEADER_SIZE + q->question.n;
}

void dns_answer_octets(struct dns_answer *a, const void *p, size_t n)
{
	if (a->full || a->limit - a->n < n) {
		a->full = true;
		return;
	}
	memcpy(a->out + a->n, p, n);
	a->n += n;
}

void dns_pointer(uint8_t at[2], unsigned owner)
{
	put16(at, POINTER | (DNS_HEADER_SIZE + owner));
}

static void put_head(uint8_t head[RECORD_HEAD], unsigned owner, enum dns_type type, uint32_t ttl_s, size_t n)
{
	dns_pointer(head, owner);
	put16(head + 2, type);
	put16(head + 4, DNS_IN);
	put32(head + 6, ttl_s);
	put16(head + 10, (unsigned)n);
}

void dns_answer_open(struct dns_answer *a, enum dns_section section, unsigned owner, enum dns_type type, uint32_t ttl_s)
{
	uint8_t head[RECORD_HEAD];
	a->record = a->n;
	a->section = section;
	put_head(head, owner, type, ttl_s, 0);
	dns_answer_octets(a, head, sizeof(head));
}

void dns_answer_record(struct dns_answer *a, enum dns_section section, unsigned owner, enum dns_type type, uint32_t ttl_s,
		       const void *data, size_t n)
{
	if (a->full || a->limit - a->n < RECORD_HEAD + n) {
		a->full = true;
		return;
	}
	put_head(a->out + a->n, owner, type, ttl_s, n);
	memcpy(a->out + a->n + RECORD_HEAD, data, n);
	a->n += RECORD_HEAD + n;
	a->counts[section - 1]++;
}

void dns_answer_close(struct dns_answer *a)
{
	if (a->full) {
		a->n = a->record;
		return;
	}
	put16(a->out + a->record + 10, (unsigned)(a->n - a->record - RECORD_HEAD));
	a->counts[a->section - 1]++;
}

/* Room was kept by dns_answer_begin(). */
static void put_option(struct dns_answer *a, unsigned code, const void *data, size_t n)
{
	uint8_t *p = a->out + a->n;
	put16(p, code);
	put16(p + 2, (unsigned)n);
	memcpy(p + 4, data, n);
	a->n += 4 + n;
}

static void put_opt(struct dns_answer *a, const struct dns_query *q, enum dns_rcode rcode, enum dns_ede ede, struct span cookie)
{
	uint8_t *p = a->out + a->n;
	p[0] = 0;
	put16(p + 1, DNS_OPT);
	put16(p + 3, DNS_UDP_MAX);
	p[5] = (uint8_t)(rcode >> 4);
	p[6] = 0;
	put16(p + 7, q->dnssec_ok ? EDNS_DO : 0);
	a->n += OPT_SIZE;
	size_t options = a->n;
	if (ede != DNS_EDE_NONE)
		put_option(a, OPTION_EDE, (const uint8_t[]){ 0, (uint8_t)ede }, 2);
	if (cookie.n)
		put_option(a, OPTION_COOKIE, cookie.p, cookie.n);
	put16(p + 9, (unsigned)(a->n - options));
	a->counts[2]++;
}

size_t dns_answer_end(struct dns_answer *a, const struct dns_query *q, enum dns_rcode rcode, bool authoritative,
		      enum dns_ede ede, struct span cookie)
{
	if (q->edns)
		put_opt(a, q, rcode, ede, cookie);
	put16(a->out, q->id);
	put16(a->out + 2, (unsigned)(FLAG_QR | (q->flags & (OPCODE | FLAG_RD)) | (authoritative ? FLAG_AA : 0) |
				     (a->full ? FLAG_TC : 0) | (rcode & 15)));
	put16(a->out + 4, q->question.n != 0);
	for (unsigned i = 0; i < 3; i++)
		put16(a->out + 6 + 2 * i, a->counts[i]);
	return a->n;
}
