#include "ledger/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "ledger/store.h"
#include "sys/db.h"

enum { IDLE_CONNECTIONS = 16 };

#define SHOWS(lane) " ((?1 >> " lane ") & 1) "
#define ENTRY_COLUMNS " number, lane, idx, import, octets, record, frame IS NULL FROM entries "
#define ROOT_COLUMNS                                                                                                   \
	" idx, root, signatures, (SELECT origin FROM lanes WHERE number = ?2) FROM entries WHERE" SHOWS("lane") "AND lane = ?2 "

static const char *const sql[POOL_QUERIES] = {
	[Q_LAST] = "SELECT max(number), ?1 FROM entries",
	[Q_LANES] = "SELECT number, name, tlp, realm, members, retention_s, origin,"
		    " (SELECT max(idx) + 1 FROM entries WHERE lane = lanes.number),"
		    " (SELECT ifnull(max(last) + 1, 0) FROM gone WHERE lane = lanes.number AND kind = 6),"
		    " (SELECT e.number FROM entries e WHERE e.lane = lanes.number AND e.idx = 0), peer"
		    " FROM lanes WHERE" SHOWS("number") "ORDER BY number",
	[Q_PAGE] = "SELECT" ENTRY_COLUMNS "WHERE" SHOWS("lane") "AND number BETWEEN ?2 AND ?3 ORDER BY number LIMIT ?4",
	[Q_PAGE_BACK] = "SELECT" ENTRY_COLUMNS "WHERE" SHOWS("lane") "AND number BETWEEN ?2 AND ?3 ORDER BY number DESC LIMIT ?4",
	[Q_LANE_PAGE] = "SELECT" ENTRY_COLUMNS "WHERE" SHOWS("lane") "AND lane = ?2 AND idx >= ?3 ORDER BY idx LIMIT ?4",
	[Q_BODY] = "SELECT octets, record, nonce, frame, lane, idx FROM entries WHERE" SHOWS("lane") "AND number = ?2",
	[Q_FIND] = "SELECT number FROM entries WHERE" SHOWS("lane") "AND lane = ?2 AND idx = ?3",
	[Q_RECORDS] = "SELECT record, number FROM entries WHERE" SHOWS("lane") "AND lane = ?2 AND idx BETWEEN ?3 AND ?4 ORDER BY idx",
	[Q_GONE] = "SELECT kind, said, reason FROM gone WHERE" SHOWS("lane") "AND lane = ?2 AND first <= ?3 AND last >= ?3"
		   " ORDER BY kind LIMIT 1",
	[Q_TILE] = "SELECT hashes FROM tiles WHERE" SHOWS("?2") "AND id = ?3",
	[Q_ROOT] = "SELECT" ROOT_COLUMNS "ORDER BY idx DESC LIMIT 1",
	[Q_ROOT_AT] = "SELECT" ROOT_COLUMNS "AND idx = ?3 AND root IS NOT NULL",
	[Q_COSIGNED] = "SELECT max(size) FROM cosignatures WHERE" SHOWS("lane") "AND lane = ?2",
	[Q_COSIGNATURES] = "SELECT line FROM cosignatures WHERE" SHOWS("lane") "AND lane = ?2 AND size = ?3 ORDER BY line",
	[Q_KEYS] = "SELECT number, public, ?1 FROM keys WHERE realm = ?2 ORDER BY number",
	[Q_WHOLE] = "SELECT number, idx, import, octets, record, root, signatures, nonce, frame FROM entries"
		    " WHERE" SHOWS("lane") "AND lane = ?2 AND idx BETWEEN ?3 AND ?4 ORDER BY idx",
	[Q_ROOTS] = "SELECT idx, root FROM entries WHERE" SHOWS("lane") "AND lane = ?2 AND idx BETWEEN ?3 AND ?4 AND root IS NOT NULL"
		    " ORDER BY idx",
	[Q_GONE_ALL] = "SELECT first, last, kind, said, reason FROM gone WHERE" SHOWS("lane") "AND lane = ?2 ORDER BY first, said",
	[Q_RECENT] = "SELECT number, record, objects FROM entries WHERE" SHOWS("lane") "AND number > ?2 ORDER BY number",
};

/* One thread's at a time. */
struct connection {
	struct connection *next;
	struct db *db;
	struct query *query[POOL_QUERIES];
};

struct pool {
	char *path, *node;
	struct siphash_seed seed;
	pthread_mutex_t lock;
	struct connection *idle;
	unsigned n_idle;
};

static void disconnect(struct connection *c)
{
	for (unsigned i = 0; i < POOL_QUERIES; i++)
		query_free(c->query[i]);
	db_close(c->db);
	free(c);
}

static enum err connect(const char *path, struct connection **ret_connection, struct fault *f)
{
	struct connection *c = mem_zalloc(sizeof(*c));
	enum err e = db_open(path, DB_READ, &c->db, f);
	if (e == OK)
		e = store_check(c->db, path, f);
	for (unsigned i = 0; i < POOL_QUERIES && e == OK; i++)
		e = db_query(c->db, sql[i], &c->query[i], f);
	if (e)
		disconnect(c);
	else
		*ret_connection = c;
	return e;
}

enum err pool_take(struct pool *p, struct connection **ret_connection, struct fault *f)
{
	pthread_mutex_lock(&p->lock);
	struct connection *c = p->idle;
	if (c) {
		p->idle = c->next;
		p->n_idle--;
	}
	pthread_mutex_unlock(&p->lock);
	if (!c)
		return connect(p->path, ret_connection, f);
	*ret_connection = c;
	return OK;
}

void pool_give(struct pool *p, struct connection *c)
{
	for (unsigned i = 0; i < POOL_QUERIES; i++)
		query_reset(c->query[i]);
	pthread_mutex_lock(&p->lock);
	bool keep = p->n_idle < IDLE_CONNECTIONS;
	if (keep) {
		c->next = p->idle;
		p->idle = c;
		p->n_idle++;
	}
	pthread_mutex_unlock(&p->lock);
	if (!keep)
		disconnect(c);
}

struct query *pool_query(struct connection *c, enum pool_query which, clearance clear)
{
	struct query *q = c->query[which];
	query_reset(q);
	query_set_int(q, 1, (int64_t)clear);
	return q;
}

struct db *pool_db(struct connection *c)
{
	return c->db;
}

static enum err load_node(struct pool *p, struct fault *f)
{
	struct connection *c;
	struct query *q = NULL;
	bool row;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	if ((e = db_query(c->db, "SELECT name, seed FROM node", &q, f)) == OK && (e = query_step(q, &row, f)) == OK) {
		struct span name = row ? query_octets(q, 0) : span_of(NULL, 0);
		struct span seed = row ? query_octets(q, 1) : span_of(NULL, 0);
		if (!name.n || name.n > NODE_NAME_MAX || seed.n != sizeof(p->seed)) {
			e = fault_set(f, ERR_CORRUPT, "\"%s\" does not say whose ledger it is", p->path);
		} else {
			p->node = mem_strndup(name.p, name.n);
			memcpy(&p->seed, seed.p, sizeof(p->seed));
		}
	}
	query_free(q);
	pool_give(p, c);
	return e;
}

enum err pool_open(const char *path, struct pool **ret_pool, struct fault *f)
{
	struct pool *p = mem_zalloc(sizeof(*p));
	p->path = mem_strdup(path);
	pthread_mutex_init(&p->lock, NULL);
	enum err e = load_node(p, f);
	if (e)
		pool_close(p);
	else
		*ret_pool = p;
	return e;
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	for (struct connection *c = p->idle, *next; c; c = next) {
		next = c->next;
		disconnect(c);
	}
	pthread_mutex_destroy(&p->lock);
	free(p->path);
	free(p->node);
	free(p);
}

const char *pool_node(const struct pool *p)
{
	return p->node;
}

struct siphash_seed pool_seed(const struct pool *p)
{
	return p->seed;
}
