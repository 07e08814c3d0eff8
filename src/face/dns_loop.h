/* Inside the DNS face: what the loop of a worker is given. */
#ifndef FACE_DNS_LOOP_H
#define FACE_DNS_LOOP_H

#include <stdatomic.h>

#include "face/dns.h"

/** One for each worker, on cache lines of its own.  Written by that worker only. */
struct dns_loop {
	_Alignas(64) _Atomic uint64_t count[sizeof(struct dns_counters) / sizeof(uint64_t)];
	_Alignas(64) int fd;        /**< UDP socket, or TCP listener */
	int stop_fd;                /**< an eventfd, readable once the server stops */
	bool wildcard;              /**< bound to no address: answer from the one that was asked */
	const atomic_bool *stop;
	const struct dns_zone *zone;
	struct table *table;
};

/** Show the worker's own sums to others: once in a batch, so that counting costs a plain add. */
static inline void dns_loop_publish(struct dns_loop *l, const struct dns_counters *c)
{
	uint64_t value[COUNT_OF(l->count)];
	memcpy(value, c, sizeof(*c));
	for (size_t i = 0; i < COUNT_OF(value); i++)
		atomic_store_explicit(&l->count[i], value[i], memory_order_relaxed);
}

/** Until the server stops. */
void dns_udp_run(struct dns_loop *l);
void dns_tcp_run(struct dns_loop *l);

#endif
