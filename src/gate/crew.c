/* Pieces travel in blocks, so that the lock is taken once for many.  A block is either with the caller (being filled), in the
 * queue, with a worker, or among the free ones. */
#include "gate/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_MAX = 4, BLOCK = 128, BLOCKS = 3 * WORKERS_MAX, BATCH_OCTETS = 48 << 20 };

struct block {
	struct block *next;
	unsigned n;
	struct piece piece[BLOCK]; /* each with a token of its own */
	struct buf token[BLOCK];
};

struct worker {
	struct crew *crew;
	pthread_t thread;
	struct intake intake;
	struct buf body;
};

struct crew {
	struct ledger *ledger;
	struct siphash_seed seed;
	const char *spill_dir;
	struct batch *own;
	struct block *filling;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work, room;
	struct block *queue, **queue_end, *free;
	unsigned n_blocks;
	bool over;
	struct fault fault;   /* the first */
	struct worker worker[WORKERS_MAX];
	unsigned n_workers;
};

struct crew *crew_new(struct ledger *l, struct siphash_seed seed, const char *spill_dir, struct batch *own)
{
	struct crew *c = mem_zalloc(sizeof(*c));
	c->ledger = l;
	c->seed = seed;
	c->spill_dir = spill_dir;
	c->own = own;
	c->queue_end = &c->queue;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->room, NULL);
	return c;
}

/* ---- a worker ---- */

static enum err read_piece(struct crew *c, struct intake *t, struct buf *body, const struct piece *p, struct fault *f)
{
	body->n = 0;
	enum err e = ledger_body(c->ledger, CLEARANCE_ALL, p->number, body, f);
	if (e == ERR_GONE)
		return OK;
	if (e == OK)
		e = intake_piece(t, p, buf_span(body), f);
	return e ? fault_at(f, "ledger entry %llu", (unsigned long long)p->number), e : OK;
}

static enum err read_block(struct crew *c, struct intake *t, struct buf *body, const struct block *b, struct fault *f)
{
	enum err e = OK;
	for (unsigned i = 0; i < b->n && e == OK; i++)
		e = read_piece(c, t, body, &b->piece[i], f);
	return e;
}

static void *work(void *worker)
{
	struct worker *w = worker;
	struct crew *c = w->crew;
	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->queue && !c->over)
			pthread_cond_wait(&c->work, &c->lock);
		struct block *b = c->queue;
		if (!b)
			break;
		c->queue = b->next;
		if (!c->queue)
			c->queue_end = &c->queue;
		bool vain = c->fault.code != OK;
		pthread_mutex_unlock(&c->lock);
		struct fault f = { 0 };
		enum err e = vain ? OK : read_block(c, &w->intake, &w->body, b, &f);
		pthread_mutex_lock(&c->lock);
		if (e && c->fault.code == OK)
			c->fault = f;
		b->next = c->free;
		c->free = b;
		pthread_cond_signal(&c->room);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void start(struct crew *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = cores < 1 ? 1 : cores < WORKERS_MAX ? (unsigned)cores : WORKERS_MAX;
	while (c->n_workers < wanted) {
		struct worker *w = &c->worker[c->n_workers];
		w->crew = c;
		w->intake.batch = batch_new(c->seed, c->spill_dir, BATCH_OCTETS);
		if (pthread_create(&w->thread, NULL, work, w)) {
			intake_release(&w->intake);
			break; /* the others do it, or the caller */
		}
		c->n_workers++;
	}
}

/* ---- the caller ---- */

static enum err failed(const struct crew *c, struct fault *f)
{
	if (c->fault.code && f)
		*f = c->fault;
	return c->fault.code;
}

/* An empty block; waits for one when there are enough. */
static struct block *take_block(struct crew *c)
{
	while (!c->free && c->n_blocks == BLOCKS)
		pthread_cond_wait(&c->room, &c->lock);
	struct block *b = c->free;
	if (b)
		c->free = b->next;
	else
		c->n_blocks++;
	if (!b)
		b = mem_zalloc(sizeof(*b));
	b->n = 0;
	b->next = NULL;
	return b;
}

/* With threads, to them; without, here and now. */
static enum err hand_over(struct crew *c, struct fault *f)
{
	struct block *b = c->filling;
	enum err e;
	if (!c->n_workers) {
		struct intake t = { .batch = c->own };
		struct buf body = { 0 };
		e = read_block(c, &t, &body, b, f);
		buf_release(&body);
		b->n = 0;
		return e;
	}
	pthread_mutex_lock(&c->lock);
	*c->queue_end = b;
	c->queue_end = &b->next;
	pthread_cond_signal(&c->work);
	c->filling = take_block(c);
	e = failed(c, f);
	pthread_mutex_unlock(&c->lock);
	return e;
}

enum err crew_take(struct crew *c, const struct piece *p, struct fault *f)
{
	if (!c->filling) {
		pthread_mutex_lock(&c->lock);
		c->filling = take_block(c);
		pthread_mutex_unlock(&c->lock);
	}
	struct block *b = c->filling;
	struct buf *token = &b->token[b->n];
	token->n = 0;
	buf_putspan(token, p->token);
	b->piece[b->n] = *p;
	b->piece[b->n].token = buf_span(token);
	if (++b->n < BLOCK)
		return OK;
	if (!c->n_workers)
		start(c);
	return hand_over(c, f);
}

static void join(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->n_workers; i++)
		pthread_join(c->worker[i].thread, NULL);
}

enum err crew_finish(struct crew *c, struct fault *f)
{
	enum err e = c->filling && c->filling->n ? hand_over(c, f) : OK;
	join(c);
	if (e == OK)
		e = failed(c, f);
	for (unsigned i = 0; i < c->n_workers; i++) {
		struct worker *w = &c->worker[i];
		if (e == OK)
			e = batch_take(c->own, w->intake.batch, f);
		intake_release(&w->intake);
		buf_release(&w->body);
	}
	c->n_workers = 0;
	return e;
}

static void free_blocks(struct block *b)
{
	for (struct block *next; b; b = next) {
		next = b->next;
		for (unsigned i = 0; i < BLOCK; i++)
			buf_release(&b->token[i]);
		free(b);
	}
}

void crew_free(struct crew *c)
{
	if (!c)
		return;
	if (c->n_workers) { /* given up: what is queued is not worth doing */
		pthread_mutex_lock(&c->lock);
		if (c->fault.code == OK)
			c->fault.code = ERR_CANCELLED;
		pthread_mutex_unlock(&c->lock);
		if (c->filling)
			c->filling->n = 0;
		(void)!crew_finish(c, NULL);
	}
	free_blocks(c->filling);
	free_blocks(c->queue);
	free_blocks(c->free);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->room);
	free(c);
}
