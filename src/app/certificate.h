/* The node's certificate for TLS, by tls_cert, tls_key and tls_client_ca of sipar.conf: opened at the start, replaced while the daemon runs. */
#ifndef APP_CERTIFICATE_H
#define APP_CERTIFICATE_H

#include "app/config.h"
#include "sys/tls.h"

/** @param dir  of the node: names of files that do not begin with '/' are from there.
 *  @param what  the setting that wants it, for the fault.  @return ERR_USAGE: tls_cert or tls_key is not set; else as tls_source_open(). */
enum err certificate_open(const struct config *c, const char *dir, const char *what, struct tls_source **ret_source, struct fault *f) MUST_USE;
/** Take a file that is another one than before, or whatever there is when it was `asked` for; tells the log.  NULL is taken. */
void certificate_look(struct tls_source *s, bool asked);
/** When it ends, in Prometheus text form.  NULL is taken. */
void certificate_metrics(struct tls_source *s, struct buf *out);

#endif
