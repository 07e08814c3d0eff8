/* Inside the DNS face: what the files of dns_zone share. */
#ifndef FACE_DNS_PARTS_H
#define FACE_DNS_PARTS_H

#include "face/dns_zone.h"

/** Let `a` say what the `front` labels in front of the zone's (and of the key) ask about.  dns_zone_labels.c */
void dns_zone_labels(struct dns_asked *a, const struct dns_name *name, unsigned front);

/** Text of bounded length: what is too much is cut. */
enum { DNS_TEXT_MAX = 1100, DNS_URL_MAX = 255 };
struct dns_text {
	size_t n, room; /**< at most DNS_TEXT_MAX */
	char p[DNS_TEXT_MAX];
};

/** What is listed, and why.  dns_zone_text.c
 *  @param blocked  reasons of the decision on it that is in force; @param scored  it is listed by its score
 *  @param url  "": none. */
void dns_text_listed(struct dns_text *t, const struct dns_now *now, const struct dns_asked *a, const struct dns_found *found, force blocked,
		     bool scored, const char *url);
/** What an error code means. */
void dns_text_code(struct dns_text *t, uint8_t code);

/** Categories that count, the strongest first.  Never none. */
unsigned dns_categories(const struct verdict *v, uint8_t ret_category[CAT_COUNT]);

#endif
