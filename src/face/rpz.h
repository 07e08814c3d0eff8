/* RPZ face: each feed of type rpz as a response policy zone, to resolvers: SOA and IXFR over UDP, AXFR and IXFR over TCP and over TLS (RFC 9103), and NOTIFY
 * to those who want it.  docs/rpz.md has it all for users.
 *
 * Threads, which the caller makes: number 0 reads all sockets and answers what is short; the others write transfers, one at a time each, so that a
 * reader that is slow keeps one of them and nobody else.  A transfer holds a reading of the feed and no lock. */
#ifndef FACE_RPZ_H
#define FACE_RPZ_H

#include "gate/consumers.h"
#include "gate/feed.h"
#include "sys/tls.h"

enum { RPZ_TRANSFERS = 16 /**< threads for transfers */, RPZ_THREADS = RPZ_TRANSFERS + 1 };

struct rpz_options {
	const char *address;         /**< "127.0.0.1:5310", "[::1]:5310"; port 0: any; NULL: no UDP and TCP */
	const char *tls_address;     /**< likewise, for TLS; NULL: none */
	struct tls_source *tls;      /**< when there is one: borrowed until it is closed.  Sessions begin with the credential of that moment */
	struct docket *docket;
	struct consumers *consumers; /**< is told who has what; NULL: nobody */
	const struct feeds *feeds;   /**< is held */
};

struct rpz_server;
/** Bind the sockets, and listen to the docket: before others use it.  @return ERR_IO with the reason. */
enum err rpz_server_open(const struct rpz_options *o, struct rpz_server **ret_server, struct fault *f) MUST_USE;
/** 0: there is none. */
uint16_t rpz_server_port(const struct rpz_server *s);
uint16_t rpz_server_tls_port(const struct rpz_server *s);
/** What thread `number` does, until rpz_server_stop(). */
void rpz_server_run(struct rpz_server *s, unsigned number);
/** Other feeds from now on; transfers that have begun end with the old ones.  Any thread. */
void rpz_server_set_feeds(struct rpz_server *s, const struct feeds *feeds);
/** Any thread. */
void rpz_server_stop(struct rpz_server *s);
/** When all threads have returned, and nobody changes the docket any more.  NULL is taken. */
void rpz_server_close(struct rpz_server *s);
/** Counters in Prometheus text form, appended.  Any thread. */
void rpz_server_metrics(const struct rpz_server *s, struct buf *out);

#endif
