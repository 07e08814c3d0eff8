/* A difference is collected before its first message is made, since that message says already whether a difference or a whole zone
 * follows: records that go may be written at once, but all of them before the first one that comes. */
#include "face/rpz_transfer.h"

#include <stdlib.h>

enum {
	DIFFERENCE_MAX = 1000000, /* records; about 30 MB */
	COUNT_FROM = 10000,       /* records of a difference from which on the zone is counted beside it */
	PREFIX = 2,
	DATAGRAM_STEPS = 256,     /* a difference over UDP is that of so many changes at most: it is made in the thread of all */
};

/* What is between the writer and who sends. */
struct outlet {
	struct rpz_plan *plan;
	rpz_send *send;
	void *ctx;
	size_t room;
};

static bool sign_and_send(void *ctx, uint8_t *message, size_t n)
{
	struct outlet *o = ctx;
	return tsig_sign(&o->plan->tsig, message, &n, o->room) && o->send(o->ctx, message, n);
}

struct whole {
	struct rpz_writer *w;
	uint64_t serial;
	bool begun;
};

static void begin_whole(struct whole *z)
{
	z->begun = true;
	rpz_put_soa(z->w, z->serial);
	rpz_put_ns(z->w);
}

static bool put_one(void *ctx, const struct feed_item *item)
{
	struct whole *z = ctx;
	if (!z->begun)
		begin_whole(z);
	return rpz_put_item(z->w, item);
}

static enum err send_whole(const struct rpz_content *content, const struct feed *feed, struct rpz_writer *w, struct rpz_result *r,
			   struct fault *f)
{
	struct whole z = { .w = w };
	enum err e = content->each(content->ctx, feed, put_one, &z, &z.serial, f);
	if (e)
		return e;
	if (!z.begun)
		begin_whole(&z);
	rpz_put_soa(w, z.serial);
	r->given = RPZ_GIVEN_WHOLE;
	r->serial = z.serial;
	return rpz_end(w) ? OK : ERR_CANCELLED;
}

struct collecting {
	const struct rpz_zone *zone;
	struct rpz_difference d;
	uint64_t max;
};

static bool collect(void *ctx, const struct feed_item *item)
{
	struct collecting *c = ctx;
	rpz_difference_add(&c->d, c->zone, item);
	return c->d.records <= c->max;
}

struct counting {
	const struct rpz_zone *zone;
	uint64_t n, enough;
};

static bool count(void *ctx, const struct feed_item *item)
{
	struct counting *c = ctx;
	c->n += rpz_count(c->zone, item);
	return c->n < c->enough;
}

/* Has the zone fewer records than the difference? */
static bool zone_is_smaller(const struct rpz_content *content, const struct feed *feed, const struct rpz_zone *z, uint64_t records)
{
	struct counting c = { .zone = z, .enough = records };
	uint64_t serial;
	if (records < COUNT_FROM)
		return false;
	return content->each(content->ctx, feed, count, &c, &serial, NULL) == OK && c.n < records;
}

/* @return ERR_NOTFOUND: the whole zone is the answer; ERR_CANCELLED; ... */
static enum err send_difference(const struct rpz_content *content, const struct rpz_site *site, const struct rpz_plan *plan, uint64_t has,
				uint64_t max, struct rpz_writer *w, struct rpz_result *r, struct fault *f)
{
	const struct feed *feed = site->at[plan->zone].feed;
	struct collecting c = { .zone = w->zone, .max = max };
	uint64_t serial = 0;
	enum err e = content->since(content->ctx, feed, has, collect, &c, &serial, f);
	if (e == ERR_CANCELLED || (e == OK && zone_is_smaller(content, feed, w->zone, c.d.records)))
		e = ERR_NOTFOUND;
	if (e == OK) {
		r->serial = serial;
		r->given = serial == has ? RPZ_GIVEN_SOA : RPZ_GIVEN_DIFFERENCE;
		rpz_put_soa(w, serial);
		if (serial != has) {
			rpz_put_soa(w, has);
			(void)!rpz_put_records(w, buf_span(&c.d.gone));
			rpz_put_soa(w, serial);
			(void)!rpz_put_records(w, buf_span(&c.d.come));
			rpz_put_soa(w, serial);
		}
		w->left_out += c.d.left_out;
		e = rpz_end(w) ? OK : ERR_CANCELLED;
	}
	rpz_difference_release(&c.d);
	return e;
}

enum err rpz_transfer(const struct rpz_content *content, const struct rpz_site *site, struct rpz_plan *plan, rpz_send *send, void *ctx,
		      struct rpz_result *ret_result, struct fault *f)
{
	struct rpz_writer w;
	struct outlet o = { .plan = plan, .send = send, .ctx = ctx, .room = RPZ_MESSAGE_MAX };
	struct rpz_result r = { 0 };
	uint8_t *buffer = mem_alloc(PREFIX + RPZ_MESSAGE_MAX);
	uint64_t has;
	enum err e = ERR_NOTFOUND;
	rpz_plan_writer(plan, site, &w);
	w.out = buffer + PREFIX;
	w.room = RPZ_MESSAGE_MAX;
	w.emit = sign_and_send;
	w.ctx = &o;
	rpz_begin(&w);
	if (plan->asked == RPZ_ASKED_IXFR) {
		if (rpz_serial(&site->at[plan->zone].zone, plan->serial, plan->newest, &has) == RPZ_BEHIND)
			e = send_difference(content, site, plan, has, DIFFERENCE_MAX, &w, &r, f);
	}
	if (e == ERR_NOTFOUND)
		e = send_whole(content, site->at[plan->zone].feed, &w, &r, f);
	r.records = w.records;
	r.messages = w.messages;
	r.left_out = w.left_out;
	free(buffer);
	*ret_result = r;
	return e;
}

static bool refuse_second(void *ctx, uint8_t *message, size_t n)
{
	size_t *first = ctx;
	if (*first)
		return false;
	*first = n;
	return true;
}

enum err rpz_transfer_datagram(const struct rpz_content *content, const struct rpz_site *site, struct rpz_plan *plan, uint8_t *out, size_t *ret_n, struct rpz_result *ret_result, struct fault *f)
{
	struct rpz_writer w;
	struct rpz_result r = { .given = RPZ_GIVEN_SOA, .serial = plan->newest };
	struct tsig before = plan->tsig;
	uint64_t has = 0;
	size_t n = 0;
	struct outlet o = { .plan = plan, .send = refuse_second, .ctx = &n, .room = plan->limit };
	enum err e = ERR_NOTFOUND;
	rpz_plan_writer(plan, site, &w);
	w.out = out;
	w.room = plan->limit;
	w.emit = sign_and_send;
	w.ctx = &o;
	rpz_begin(&w);
	if (rpz_serial(&site->at[plan->zone].zone, plan->serial, plan->newest, &has) == RPZ_BEHIND && plan->newest - has <= DATAGRAM_STEPS)
		e = send_difference(content, site, plan, has, plan->limit / 12, &w, &r, f);
	if (e) {
		r = (struct rpz_result){ .given = RPZ_GIVEN_SOA, .serial = plan->newest };
		plan->tsig = before;
		n = rpz_answer_soa(plan, site, plan->newest, out, plan->limit);
	}
	r.records = w.records;
	r.messages = w.messages;
	*ret_n = n;
	*ret_result = r;
	return n ? OK : ERR_RANGE;
}
