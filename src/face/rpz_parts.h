/* Inside the RPZ face: what its threads share. */
#ifndef FACE_RPZ_PARTS_H
#define FACE_RPZ_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/siphash.h"
#include "face/rpz.h"
#include "face/rpz_notify.h"
#include "face/rpz_transfer.h"
#include "sys/tls.h"

enum { RPZ_CONNECTIONS = 256, RPZ_PER_ADDRESS = 16, RPZ_IDLE_MS = 10000, RPZ_PREFIX = 2, RPZ_ONCE_MAX = 256 };
/* A transfer of which the other side has taken no octet for so long is over; and sooner where others wait for its place. */
enum { RPZ_STALLED_MS = 10000, RPZ_GIVES_WAY_MS = 2000 };
#define RPZ_MOVES UINT64_MAX

enum rpz_counter {
	RPZ_REQUESTS, RPZ_REQUESTS_TCP, RPZ_REQUESTS_TLS, RPZ_TLS_FAILED, RPZ_REFUSED, RPZ_BAD_SIGNATURES, RPZ_MALFORMED, RPZ_SOA, RPZ_WHOLE, RPZ_DIFFERENCES, RPZ_CURRENT,
	RPZ_BROKEN, RPZ_GAVE_WAY, RPZ_OCTETS, RPZ_RECORDS, RPZ_NOTIFIES, RPZ_ACKNOWLEDGED, RPZ_UNWANTED, RPZ_SILENT, RPZ_COUNTERS
};

/** Feeds as zones, with as many holders as there are transfers of them. */
struct rpz_held {
	atomic_uint holders;
	const struct feeds *feeds;
	struct rpz_site site;
};
void rpz_held_drop(struct rpz_held *h);

/** What somebody has been given, and has when he asks again or leaves. */
struct rpz_receipt {
	bool given;
	char feed[FEED_NAME_MAX + 1], who[RPZ_WHO_MAX + 1], how[8];
	uint64_t serial;
};

/** A connection that waits for its transfer, or is in it. */
struct rpz_job {
	struct rpz_job *next;
	unsigned connection;
	int fd;
	struct tls_session *tls;  /**< NULL: in the clear */
	struct sockaddr_storage from;
	struct rpz_held *held;
	struct rpz_plan plan;
	_Atomic uint64_t still_ms; /**< while it waits for the other side: since when that has taken nothing, of the monotonic clock; else RPZ_MOVES */
	atomic_bool gives_way;    /**< it was told to end */
	bool whole;               /**< it ended well */
	struct rpz_receipt receipt;
};

struct rpz_server {
	struct docket *docket;
	struct consumers *consumers;
	int udp, tcp, secure;     /**< secure: over TLS; -1: none */
	int stop_fd, wake_fd;
	struct tls_source *tls;
	int notify_fd[2];         /**< IPv4, IPv6; -1: none */
	uint16_t port, secure_port;
	bool any_address;         /**< bound to no address: answer from the one that was asked */
	atomic_bool stop, changed, other_feeds;
	_Atomic uint64_t count[RPZ_COUNTERS];
	struct siphash_seed seed;           /**< of these: who was refused and why, told already; the loop's */
	uint64_t once[RPZ_ONCE_MAX];
	unsigned n_once;
	pthread_mutex_t lock;     /**< of what follows */
	pthread_cond_t work;
	struct rpz_held *held;
	struct rpz_job *waiting, *done;
	struct rpz_job *running[RPZ_TRANSFERS];
	unsigned n_running;
};

static inline void rpz_count_up(struct rpz_server *s, enum rpz_counter c, uint64_t n)
{
	atomic_fetch_add_explicit(&s->count[c], n, memory_order_relaxed);
}

struct rpz_held *rpz_held_now(struct rpz_server *s);

/** What the feeds of `held` have in them.  Nothing (ERR_BUSY) once there are others: what is read of a feed is then never of a
 *  later serial than the one at which it was changed, so that nobody takes the old content for the new one. */
struct rpz_reading {
	struct rpz_server *server;
	const struct rpz_held *held;
};
void rpz_content_of(struct rpz_reading *r, struct rpz_content *ret_content);
void rpz_wake(struct rpz_server *s);

/** What a request says of who has what. */
void rpz_saw_request(struct rpz_server *s, const struct rpz_site *site, const struct rpz_plan *p);
void rpz_saw_receipt(struct rpz_server *s, struct rpz_receipt *r);
void rpz_make_receipt(const struct rpz_site *site, const struct rpz_plan *p, const struct rpz_result *result, struct rpz_receipt *ret);
/** Counters of a request that is answered; says who was refused, once. */
void rpz_account(struct rpz_server *s, const struct rpz_plan *p);
/** Has nobody been told of this yet, as far back as is kept?  Of the loop. */
bool rpz_is_news(struct rpz_server *s, const char *who, const char *why);

/** The thread of all sockets, and one of those that write transfers. */
void rpz_loop_run(struct rpz_server *s);
void rpz_jobs_run(struct rpz_server *s);
/** Give a connection away until it is in s->done. */
void rpz_jobs_put(struct rpz_server *s, struct rpz_job *j);
void rpz_job_free(struct rpz_job *j);
/** Transfers that wait get the place of one that stands still: of their address, when that has as many as it may, else of any. */
void rpz_jobs_press(struct rpz_server *s, uint64_t now_ms);
/** The transfer to this address (NULL: to any) that stands still for longest ends soon.  @return false: there is none that does. */
bool rpz_jobs_give_way(struct rpz_server *s, const struct sockaddr_storage *from, uint64_t now_ms);

#endif
