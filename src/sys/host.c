#include "sys/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"

enum { FILE_MAX = 256 << 10, RTF_NEXT_HOP = 2 /* RTF_GATEWAY */ };

static void tell6(const uint8_t *p, host_visit *visit, void *ctx)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	if (memcmp(p, mapped, 12) == 0)
		visit(ctx, p + 12, 4);
	else
		visit(ctx, p, 16);
}

static void tell(const struct sockaddr *a, host_visit *visit, void *ctx)
{
	if (a && a->sa_family == AF_INET)
		visit(ctx, (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	else if (a && a->sa_family == AF_INET6)
		tell6((const uint8_t *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, visit, ctx);
}

void host_addresses(host_visit *visit, void *ctx)
{
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		tell(i->ifa_addr, visit, ctx);
		if (i->ifa_dstaddr && i->ifa_flags & 0x10) /* IFF_POINTOPOINT */
			tell(i->ifa_dstaddr, visit, ctx);
	}
	freeifaddrs(all);
}

void host_find(const char *name, host_visit *visit, void *ctx)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	if (getaddrinfo(name, NULL, &hints, &all))
		return;
	for (const struct addrinfo *i = all; i; i = i->ai_next)
		tell(i->ai_addr, visit, ctx);
	freeaddrinfo(all);
}

/* ---- texts ---- */

static struct span take_word(struct span *rest)
{
	*rest = span_trim(*rest);
	size_t n = 0;
	while (n < rest->n && !ascii_space(rest->p[n]))
		n++;
	struct span word = span_head(*rest, n);
	*rest = span_from(*rest, n);
	return word;
}

static struct span take_line(struct span *rest)
{
	struct span line = span_head(*rest, span_find(*rest, '\n'));
	*rest = span_from(*rest, line.n + 1);
	return line;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && p[n - 1] == 0)
		n--;
	return n == 0;
}

/* "eth0 00000000 0101A8C0 0003 ...": interface, destination, gateway, flags; addresses as a number of this machine. */
void host_gateways4_in(struct span text, host_visit *visit, void *ctx)
{
	while (text.n) {
		struct span line = take_line(&text);
		uint8_t octets[4], flags[2];
		uint32_t number;
		take_word(&line);
		take_word(&line);
		struct span gateway = take_word(&line);
		if (hex_decode(gateway, octets, 4) || hex_decode(take_word(&line), flags, 2) || !(flags[1] & RTF_NEXT_HOP))
			continue;
		number = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
		memcpy(octets, &number, 4);
		if (!is_zero(octets, 4))
			visit(ctx, octets, 4);
	}
}

/* Destination, its length, source, its length, next hop, ... */
void host_gateways6_in(struct span text, host_visit *visit, void *ctx)
{
	while (text.n) {
		struct span line = take_line(&text);
		uint8_t octets[16];
		for (unsigned i = 0; i < 4; i++)
			take_word(&line);
		if (hex_decode(take_word(&line), octets, 16) == OK && !is_zero(octets, 16))
			tell6(octets, visit, ctx);
	}
}

/* "nameserver 192.0.2.53", "nameserver fe80::1%eth0" */
void host_resolvers_in(struct span text, host_visit *visit, void *ctx)
{
	while (text.n) {
		struct span line = take_line(&text);
		char address[64];
		uint8_t octets[16];
		if (!span_is(take_word(&line), "nameserver"))
			continue;
		struct span value = take_word(&line);
		value = span_head(value, span_find(value, '%'));
		if (value.n >= sizeof(address))
			continue;
		memcpy(address, value.p, value.n);
		address[value.n] = 0;
		if (inet_pton(AF_INET, address, octets) == 1)
			visit(ctx, octets, 4);
		else if (inet_pton(AF_INET6, address, octets) == 1)
			tell6(octets, visit, ctx);
	}
}

static void read_file(const char *path, void (*in)(struct span text, host_visit *visit, void *ctx), host_visit *visit, void *ctx)
{
	struct buf text = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0 && text.n < FILE_MAX) {
		n = read(fd, buf_reserve(&text, 1 << 14), 1 << 14);
		text.n += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	in(buf_span(&text), visit, ctx);
	buf_release(&text);
}

void host_gateways(host_visit *visit, void *ctx)
{
	read_file("/proc/net/route", host_gateways4_in, visit, ctx);
	read_file("/proc/net/ipv6_route", host_gateways6_in, visit, ctx);
}

void host_resolvers(const char *resolv_conf, host_visit *visit, void *ctx)
{
	read_file(resolv_conf, host_resolvers_in, visit, ctx);
}
