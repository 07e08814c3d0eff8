/* Socket addresses in text: "127.0.0.1:5300", "[::1]:53".  Numeric only, so that parsing never asks a resolver. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

/** IPv4 "a.b.c.d:port" or IPv6 "[...]:port"; port 0 .. 65535, 0 asks the kernel for any.
 *  @param ret_len  length for bind() and connect().
 *  @return OK; ERR_SYNTAX: not of that form (a host name, no port, ...); ERR_RANGE: the port is above 65535. */
enum err address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct fault *f) MUST_USE;

enum { ADDRESS_TEXT_MAX = 56 };
/** The same form back, with a NUL; "?" for a family that is neither. */
void address_format(const struct sockaddr_storage *a, char ret_text[ADDRESS_TEXT_MAX]);

/** Is it of this machine alone: 127.0.0.0/8 or ::1? */
bool address_is_loopback(const struct sockaddr_storage *a);

/** Port in host order; 0 for a family that is neither. */
unsigned address_port(const struct sockaddr_storage *a);

#endif
