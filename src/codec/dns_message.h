/* DNS messages (RFC 1035 section 4, RFC 6891, RFC 7873): a query with one question in, its answer out.
 *
 * Both sides are pure and allocate nothing.  The reader is strict: a question has neither compression nor the abandoned
 * label types, every record behind it lies inside the message, and nothing follows the last one.  The writer compresses
 * against the question's name only, which is all that answers from one zone need: every owner is the name asked for or a
 * parent of it.
 */
#ifndef CODEC_DNS_MESSAGE_H
#define CODEC_DNS_MESSAGE_H

#include "base/err.h"
#include "base/span.h"

enum { DNS_HEADER_SIZE = 12, DNS_NAME_MAX = 255, DNS_LABELS_MAX = 127, DNS_LABEL_MAX = 63 };
/** Answers over UDP: without EDNS, and at most (no fragments anywhere: DNS flag day 2020). */
enum { DNS_PLAIN_MAX = 512, DNS_UDP_MAX = 1232 };

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_TXT = 16, DNS_OPT = 41, DNS_IXFR = 251, DNS_AXFR = 252, DNS_ANY = 255
};

enum { DNS_IN = 1 };

enum dns_rcode {
	DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4, DNS_REFUSED = 5,
	DNS_BADVERS = 16, DNS_BADCOOKIE = 23, /**< need EDNS */
};

/** Extended errors (RFC 8914): sent when the asker has EDNS. */
enum dns_ede { DNS_EDE_NONE = -1, DNS_EDE_PROHIBITED = 18, DNS_EDE_NOT_AUTHORITATIVE = 20, DNS_EDE_NOT_SUPPORTED = 21 };

/** Cookies: the client's 8 octets, then what a server made of them, 8 to 32. */
enum { DNS_COOKIE_CLIENT = 8, DNS_COOKIE_SERVER_MIN = 8, DNS_COOKIE_SERVER_MAX = 32, DNS_COOKIE_MAX = DNS_COOKIE_CLIENT + DNS_COOKIE_SERVER_MAX };

/** A name in wire form, ASCII letters in lower case (so that names compare as octets: no length octet is a letter). */
struct dns_name {
	uint8_t labels;                    /**< without the root */
	uint8_t size;                      /**< octets, with the root: 1 .. 255 */
	uint8_t start[DNS_LABELS_MAX + 1]; /**< of each label, where its length octet is; start[labels]: of the root */
	uint8_t lower[DNS_NAME_MAX];
};

/** Label number `i` from the left, without its length octet. */
static inline struct span dns_label(const struct dns_name *name, unsigned i)
{
	return (struct span){ name->lower + name->start[i] + 1, name->lower[name->start[i]] };
}

/** From text, for configuration: labels of letters, digits, '-' and '_', a final dot or none.
 *  @return OK; ERR_SYNTAX: an empty or overlong label, another character, no label; ERR_RANGE: longer than 255 octets. */
enum err dns_name_parse(struct span text, struct dns_name *ret_name) MUST_USE;

/** Is `name` the zone or below it?  @param ret_labels  how many labels stand in front of the zone's. */
bool dns_name_under(const struct dns_name *name, const struct dns_name *zone, unsigned *ret_labels);

struct dns_query {
	uint16_t id, flags;     /**< as received */
	uint16_t type, class;
	enum dns_rcode rcode;   /**< other than DNS_NOERROR: answer with this, and nothing else */
	struct span question;   /**< octets of the question, its case as asked; empty when it cannot be read, or when only a cookie
				     is asked for (RFC 7873 section 5.4): then the rcode is DNS_NOERROR */
	struct span cookie;     /**< the first COOKIE option: 8, or 16 to 40 octets; empty: none */
	bool edns, dnssec_ok;
	uint16_t edns_size;     /**< octets that the asker takes */
	struct dns_name name;
};

/** @return false: not to be answered at all (shorter than a header, or a response).  Spans point into `in`. */
bool dns_query_read(struct span in, struct dns_query *ret_query) MUST_USE;

/** The name that a query or a response of class IN is about; what stands behind the question is not looked at.
 *  @return false: it is none of these, or has not exactly one question. */
bool dns_question_read(struct span in, struct dns_name *ret_name) MUST_USE;
/** As text without a final dot, if all of it is letters, digits, '-' and '_'.  @return octets; 0: it is not, or it is the root. */
size_t dns_name_text(const struct dns_name *name, char ret_text[DNS_NAME_MAX]);

enum dns_section { DNS_ANSWER = 1, DNS_AUTHORITY = 2 };

/** An answer being written.  Sections in order.  What does not fit sets TC and leaves the record out. */
struct dns_answer {
	uint8_t *out;
	size_t n, limit;     /**< limit: room kept for the OPT record is taken off */
	size_t record;       /**< private: start of the open record */
	uint16_t counts[3];  /**< private: by section - 1 and of OPT */
	uint8_t section;
	bool full;           /**< a record did not fit */
};

/** Header and question.
 *  @param limit  octets of the answer, and room at `out`: at least DNS_PLAIN_MAX. */
void dns_answer_begin(struct dns_answer *a, const struct dns_query *q, size_t limit, uint8_t *out);
/** A record of class IN, whose owner is the question's name without its first `owner` octets.  Its data follows, then
 *  dns_answer_close(). */
void dns_answer_open(struct dns_answer *a, enum dns_section section, unsigned owner, enum dns_type type, uint32_t ttl_s);
void dns_answer_octets(struct dns_answer *a, const void *p, size_t n);
void dns_answer_close(struct dns_answer *a);
/** The same in one, for data that is there. */
void dns_answer_record(struct dns_answer *a, enum dns_section section, unsigned owner, enum dns_type type, uint32_t ttl_s,
		       const void *data, size_t n);
/** Let two octets of data be the name that is the question's without its first `owner` octets. */
void dns_pointer(uint8_t at[2], unsigned owner);
/** OPT when the asker has EDNS, and the header.
 *  @param authoritative  AA.  @param cookie  for the asker, client's part and all; empty: none; only when the query has one.
 *  @return octets of the whole answer. */
size_t dns_answer_end(struct dns_answer *a, const struct dns_query *q, enum dns_rcode rcode, bool authoritative,
		      enum dns_ede ede, struct span cookie);

#endif
