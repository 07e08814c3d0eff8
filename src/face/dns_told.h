/* Inside the DNS face: what is decided about values, and the names of decisions.
 *
 * Each worker has a memory of its own of decisions that it has named: what it holds about one never changes, so the docket's lock is taken
 * once for a decision and not once for a question. */
#ifndef FACE_DNS_TOLD_H
#define FACE_DNS_TOLD_H

#include "face/dns.h"
#include "view/force.h"

struct dns_told *dns_told_new(const struct dns_decisions *d);
void dns_told_free(struct dns_told *t);
/** @return false: it is not known. */
bool dns_told_name(struct dns_told *t, uint32_t entry, uint64_t *ret_index, uint32_t *ret_until_s);

/** Of each of the n values what is in force, and the entry of the newest decision on it. */
void dns_told_force(const struct dns_now *now, const struct observable *value, size_t n, force *ret_force, uint32_t *ret_entry);

#endif
