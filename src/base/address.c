#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/num.h"

enum err address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct fault *f)
{
	struct span s = span_str(text), host, port;
	size_t colon = s.n;
	while (colon && s.p[colon - 1] != ':')
		colon--;
	if (!colon || s.n > ADDRESS_TEXT_MAX)
		return fault_set(f, ERR_SYNTAX, "no port in the address \"%.60s\": write \"127.0.0.1:53\" or \"[::1]:53\"", text);
	host = span_head(s, colon - 1);
	port = span_from(s, colon);
	uint64_t number;
	enum err e = num_parse_u64(port, UINT16_MAX, &number);
	if (e)
		return fault_set(f, e, "not a port from 0 to 65535: \"" SPAN_FMT "\" in the address \"%s\"", SPAN_ARG(port), text);

	bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (bracketed)
		host = span_of(host.p + 1, host.n - 2);
	char name[ADDRESS_TEXT_MAX + 1];
	memcpy(name, host.p, host.n);
	name[host.n] = 0;
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
	if (!bracketed && inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)number);
		*ret_len = sizeof(*v4);
	} else if (bracketed && inet_pton(AF_INET6, name, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)number);
		*ret_len = sizeof(*v6);
	} else
		return fault_set(f, ERR_SYNTAX, "not a numeric address: \"%s\" (write \"127.0.0.1:53\" or \"[::1]:53\")", text);
	*ret = a;
	return OK;
}

unsigned address_port(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)a)->sin_port);
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return 0;
}

void address_format(const struct sockaddr_storage *a, char ret_text[ADDRESS_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";
	if (a->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, host, sizeof(host));
		snprintf(ret_text, ADDRESS_TEXT_MAX, "%s:%u", host, address_port(a));
	} else if (a->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, host, sizeof(host));
		snprintf(ret_text, ADDRESS_TEXT_MAX, "[%s]:%u", host, address_port(a));
	} else
		snprintf(ret_text, ADDRESS_TEXT_MAX, "?");
}

bool address_is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}
