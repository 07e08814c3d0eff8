/* Inside the DNS face: what the loop of a worker is given. */
#ifndef FACE_DNS_LOOP_H
#define FACE_DNS_LOOP_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "face/dns_keys.h"
#include "face/dns_rate.h"
#include "face/dns_told.h"

/** One for each worker, on cache lines of its own.  Written by that worker only. */
struct dns_loop {
	_Alignas(64) _Atomic uint64_t count[sizeof(struct dns_counters) / sizeof(uint64_t)];
	_Alignas(64) int fd;        /**< UDP socket, or TCP listener */
	int stop_fd;                /**< an eventfd, readable once the server stops */
	bool wildcard;              /**< bound to no address: answer from the one that was asked */
	const atomic_bool *stop;
	const struct dns_zone *zone;
	struct table *table;
	const struct dns_decisions *decisions; /**< without a table: none */
	struct dns_told *told;
	struct dns_rate *rate;      /**< NULL: no limit */
	_Atomic uint64_t *consumer; /**< DNS_KEY_PLACES; NULL: no keys */
};

/** Look at both tables; until dns_loop_leave(). */
static inline struct dns_now dns_loop_enter(struct dns_loop *l)
{
	struct dns_now now = { .view = table_enter(l->table), .now_s = (uint32_t)(clock_ms() / 1000), .told = l->told, .consumer = l->consumer };
	if (l->decisions->table) {
		now.decided = table_enter(l->decisions->table);
		now.tick_s = l->decisions->tick(l->decisions->ctx);
	}
	return now;
}

static inline void dns_loop_leave(struct dns_loop *l)
{
	if (l->decisions->table)
		table_leave(l->decisions->table);
	table_leave(l->table);
}

/** The address, IPv4 as such also where it came in over a socket for both. */
static inline struct span dns_loop_address(const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
	if (from->ss_family == AF_INET)
		return span_of(&((const struct sockaddr_in *)from)->sin_addr, 4);
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return span_of(&six->sin6_addr.s6_addr[12], 4);
	return span_of(&six->sin6_addr, 16);
}

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
