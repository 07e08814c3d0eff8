/* Retractions are numbered, and the last 256 of them kept in a ring.  A row knows the number of the first one that it has not seen, and how
 * long each of the last 256 took to reach it; so a look at a row costs a sort of 256 numbers, and nothing grows. */
#include "gate/consumers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"

enum { RING = 256, FILE_MAX = 1 << 20 };
#define UNSEEN UINT32_MAX

struct retraction {
	uint64_t serial;
	int64_t at_ms;
};

struct row {
	struct consumer_seen seen; /* without the figures */
	uint64_t next;             /* number of the first retraction that it has not seen */
	uint32_t took_ms[RING];
};

struct consumers {
	pthread_mutex_t mutex;
	atomic_bool changed;              /* since it was loaded or saved */
	uint64_t total;            /* retractions */
	struct retraction ring[RING];
	size_t n;
	struct row *row[CONSUMERS_SEEN_MAX];
};

struct consumers *consumers_new(void)
{
	struct consumers *c = mem_zalloc(sizeof(*c));
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void consumers_free(struct consumers *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->row[i]);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

/* ---- rows ---- */

/* A resolver asks for a zone in several ways, and has one copy of it. */
static bool is_transfer(const char *how)
{
	static const char *const ways[] = { "soa", "axfr", "ixfr", "notify", "xot" };
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		if (strcmp(how, ways[i]) == 0)
			return true;
	return false;
}

static struct row *find(struct consumers *c, const char *feed, const char *who, const char *how)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct consumer_seen *s = &c->row[i]->seen;
		if (strcmp(s->who, who) == 0 && strcmp(s->feed, feed) == 0 &&
		    (strcmp(s->how, how) == 0 || (is_transfer(s->how) && is_transfer(how))))
			return c->row[i];
	}
	return NULL;
}

static uint64_t ring_begin(const struct consumers *c)
{
	return c->total > RING ? c->total - RING : 0;
}

/* The first retraction of the ring that comes after this serial. */
static uint64_t first_after(const struct consumers *c, uint64_t serial)
{
	uint64_t i = ring_begin(c);
	while (i < c->total && c->ring[i % RING].serial <= serial)
		i++;
	return i;
}

static struct row *add(struct consumers *c, const char *feed, const char *who, uint64_t serial)
{
	struct row *r;
	if (c->n < CONSUMERS_SEEN_MAX)
		r = c->row[c->n++] = mem_alloc(sizeof(*r));
	else {
		r = c->row[0];
		for (size_t i = 1; i < c->n; i++)
			if (c->row[i]->seen.last_ms < r->seen.last_ms)
				r = c->row[i];
	}
	*r = (struct row){ .next = first_after(c, serial), .seen = { .serial = serial } };
	memset(r->took_ms, 0xff, sizeof(r->took_ms));
	snprintf(r->seen.feed, sizeof(r->seen.feed), "%s", feed);
	snprintf(r->seen.who, sizeof(r->seen.who), "%s", who);
	return r;
}

static uint32_t ms_between(int64_t from, int64_t to)
{
	return to <= from ? 0 : to - from >= UNSEEN ? UNSEEN - 1 : (uint32_t)(to - from);
}

/* It has everything up to its serial now. */
static void catch_up(struct consumers *c, struct row *r, int64_t now_ms)
{
	uint64_t next = first_after(c, r->seen.serial), i = r->next > ring_begin(c) ? r->next : ring_begin(c);
	for (; i < next; i++)
		if (r->took_ms[i % RING] == UNSEEN)
			r->took_ms[i % RING] = ms_between(c->ring[i % RING].at_ms, now_ms);
	r->next = next;
	if (next == c->total)
		r->seen.oldest_ms = 0;
	else if (next > ring_begin(c) || !r->seen.oldest_ms)
		r->seen.oldest_ms = c->ring[next % RING].at_ms;
}

static void saw(struct consumers *c, const char *feed, const char *who, uint64_t serial, const char *how, int64_t now_ms)
{
	struct row *r = find(c, feed, who, how);
	bool moved = !r || r->seen.serial != serial;
	if (!r)
		r = add(c, feed, who, serial);
	snprintf(r->seen.how, sizeof(r->seen.how), "%s", how);
	r->seen.last_ms = now_ms;
	c->changed = true;
	if (!moved)
		return;
	r->seen.since_ms = now_ms;
	r->seen.serial = serial;
	catch_up(c, r, now_ms);
}

void consumers_saw(struct consumers *c, const char *feed, const char *who, uint64_t serial, const char *how, int64_t now_ms)
{
	pthread_mutex_lock(&c->mutex);
	saw(c, feed, who, serial, how, now_ms);
	pthread_mutex_unlock(&c->mutex);
}

/* Two that tell at one time may come in either order: the earlier one then counts as seen with the later. */
void consumers_retracted(struct consumers *c, uint64_t serial, int64_t at_ms)
{
	pthread_mutex_lock(&c->mutex);
	uint64_t number = c->total;
	const struct retraction *last = number ? &c->ring[(number - 1) % RING] : NULL;
	if (last && serial < last->serial)
		serial = last->serial;
	c->ring[c->total++ % RING] = (struct retraction){ serial, at_ms };
	for (size_t i = 0; i < c->n; i++) {
		struct row *r = c->row[i];
		r->took_ms[number % RING] = UNSEEN;
		if (r->seen.serial >= serial) { /* faster than we were told */
			if (r->seen.since_ms >= at_ms)
				r->took_ms[number % RING] = ms_between(at_ms, r->seen.since_ms);
			r->next = r->next == number ? number + 1 : r->next;
		} else if (r->next == number)
			r->seen.oldest_ms = at_ms;
	}
	pthread_mutex_unlock(&c->mutex);
}

void consumers_forget(struct consumers *c, const char *feed, const char *who)
{
	pthread_mutex_lock(&c->mutex);
	for (size_t i = c->n; i-- > 0;) {
		if (strcmp(c->row[i]->seen.feed, feed) != 0 || (who && strcmp(c->row[i]->seen.who, who) != 0))
			continue;
		free(c->row[i]);
		c->row[i] = c->row[--c->n];
		c->changed = true;
	}
	pthread_mutex_unlock(&c->mutex);
}

bool consumers_serial(struct consumers *c, const char *feed, const char *who, const char *how, uint64_t *ret_serial, uint32_t *ret_epoch)
{
	pthread_mutex_lock(&c->mutex);
	const struct row *r = find(c, feed, who, how);
	if (r) {
		*ret_serial = r->seen.serial;
		*ret_epoch = r->seen.epoch;
	}
	pthread_mutex_unlock(&c->mutex);
	return r != NULL;
}

void consumers_epoch(struct consumers *c, const char *feed, const char *who, const char *how, uint32_t epoch)
{
	pthread_mutex_lock(&c->mutex);
	struct row *r = find(c, feed, who, how);
	if (r)
		r->seen.epoch = epoch;
	pthread_mutex_unlock(&c->mutex);
}

void consumers_agent(struct consumers *c, const char *feed, const char *who, const char *how, const char *agent)
{
	pthread_mutex_lock(&c->mutex);
	struct row *r = find(c, feed, who, how);
	if (r)
		snprintf(r->seen.agent, sizeof(r->seen.agent), "%s", agent);
	pthread_mutex_unlock(&c->mutex);
}

/* ---- reading ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* The smallest that so many of a hundred are not above. */
static uint32_t percentile(const uint32_t *sorted, unsigned n, unsigned percent)
{
	return n ? sorted[(n * percent + 99) / 100 - 1] : 0;
}

static void figure(const struct consumers *c, const struct row *r, struct consumer_seen *ret_seen)
{
	uint32_t took[RING] = { 0 };
	unsigned n = 0;
	for (size_t i = 0; i < RING; i++)
		if (r->took_ms[i] != UNSEEN)
			took[n++] = r->took_ms[i];
	qsort(took, n, sizeof(took[0]), by_size);
	*ret_seen = r->seen;
	ret_seen->n_unblocks = n;
	ret_seen->p50_ms = percentile(took, n, 50);
	ret_seen->p95_ms = percentile(took, n, 95);
	ret_seen->max_ms = n ? took[n - 1] : 0;
	ret_seen->behind = c->total - r->next;
}

bool consumers_get(struct consumers *c, size_t i, struct consumer_seen *ret_seen)
{
	pthread_mutex_lock(&c->mutex);
	bool there = i < c->n;
	if (there)
		figure(c, c->row[i], ret_seen);
	pthread_mutex_unlock(&c->mutex);
	return there;
}

static void put_time(struct buf *out, const char *name, int64_t ms)
{
	char when[32];
	time_format(ms / 1000, when);
	buf_printf(out, ms ? ",\"%s\":\"%s\"" : ",\"%s\":null", name, when);
}

void consumer_json(const struct consumer_seen *s, uint64_t serial, struct buf *out)
{
	buf_printf(out, "{\"feed\":\"%s\",\"consumer\":", s->feed);
	json_put_string(out, span_str(s->who));
	buf_printf(out, ",\"how\":\"%s\",\"serial\":%llu,\"current\":%s,\"lag\":%llu", s->how, (unsigned long long)s->serial,
		   s->serial >= serial ? "true" : "false", (unsigned long long)(serial > s->serial ? serial - s->serial : 0));
	put_time(out, "since", s->since_ms);
	put_time(out, "last", s->last_ms);
	buf_printf(out, ",\"unblocks\":%u,\"p50_ms\":%u,\"p95_ms\":%u,\"max_ms\":%u,\"behind\":%llu", s->n_unblocks, s->p50_ms, s->p95_ms,
		   s->max_ms, (unsigned long long)s->behind);
	put_time(out, "oldest", s->oldest_ms);
	if (s->agent[0]) {
		buf_puts(out, ",\"agent\":");
		json_put_string(out, span_str(s->agent));
	}
	buf_putc(out, '}');
}

/* Names are of [a-z0-9._-], addresses besides of ':', but a row may have come from a file. */
static void put_label(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_putc(out, *text == '"' || *text == '\\' || (uint8_t)*text < ' ' ? '?' : (uint8_t)*text);
}

static void put_labels(const struct consumer_seen *s, struct buf *out)
{
	buf_puts(out, "{feed=\"");
	put_label(out, s->feed);
	buf_puts(out, "\",consumer=\"");
	put_label(out, s->who);
	buf_puts(out, "\",how=\"");
	put_label(out, is_transfer(s->how) ? "rpz" : s->how);
	buf_putc(out, '"');
}

static uint64_t lag(const struct consumer_seen *s, uint64_t serial)
{
	return serial > s->serial ? serial - s->serial : 0;
}

static uint64_t behind(const struct consumer_seen *s, uint64_t serial)
{
	return s->behind;
}

static uint64_t last_s(const struct consumer_seen *s, uint64_t serial)
{
	return (uint64_t)s->last_ms / 1000;
}

static uint64_t unblocks(const struct consumer_seen *s, uint64_t serial)
{
	return s->n_unblocks;
}

void consumers_metrics(struct consumers *c, uint64_t serial, struct buf *out)
{
	static const struct {
		const char *name, *help;
		uint64_t (*value)(const struct consumer_seen *s, uint64_t serial);
	} gauges[] = {
		{ "sipar_consumer_lag", "Changes that the consumer of a feed has not taken yet.", lag },
		{ "sipar_consumer_still_enforces", "Retractions that the consumer of a feed has not taken yet.", behind },
		{ "sipar_consumer_last_seconds", "When the consumer of a feed was heard of last.", last_s },
		{ "sipar_consumer_unblocks", "Retractions, of the last 256, that the consumer of a feed has taken.", unblocks },
	};
	struct consumer_seen s;
	for (size_t g = 0; g < COUNT_OF(gauges); g++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", gauges[g].name, gauges[g].help, gauges[g].name);
		for (size_t i = 0; consumers_get(c, i, &s); i++) {
			buf_puts(out, gauges[g].name);
			put_labels(&s, out);
			buf_printf(out, "} %llu\n", (unsigned long long)gauges[g].value(&s, serial));
		}
	}
	buf_puts(out, "# HELP sipar_consumer_unblock_seconds Time from a retraction to its arrival at the consumer of a feed, of the last 256; "
		      "1 is the longest.\n# TYPE sipar_consumer_unblock_seconds gauge\n");
	for (size_t i = 0; consumers_get(c, i, &s); i++) {
		const struct { const char *quantile; uint32_t ms; } of[] = { { "0.5", s.p50_ms }, { "0.95", s.p95_ms }, { "1", s.max_ms } };
		for (size_t k = 0; s.n_unblocks && k < COUNT_OF(of); k++) {
			buf_puts(out, "sipar_consumer_unblock_seconds");
			put_labels(&s, out);
			buf_printf(out, ",quantile=\"%s\"} %u.%03u\n", of[k].quantile, of[k].ms / 1000, of[k].ms % 1000);
		}
	}
}

/* ---- file: "FEED CONSUMER HOW SERIAL SINCE LAST EPOCH", a line each ---- */

static struct span take_word(struct span *line)
{
	size_t n = span_find(*line, ' ');
	struct span word = span_head(*line, n);
	*line = span_from(*line, n + 1);
	return word;
}

static bool take_text(struct span *line, char *to, size_t size)
{
	struct span word = take_word(line);
	if (!word.n || word.n >= size)
		return false;
	memcpy(to, word.p, word.n);
	to[word.n] = 0;
	return true;
}

static void take_line(struct consumers *c, struct span line)
{
	char feed[FEED_NAME_MAX + 1], who[FEED_NAME_MAX + 1], how[8];
	uint64_t serial, since, last, epoch;
	if (!take_text(&line, feed, sizeof(feed)) || !take_text(&line, who, sizeof(who)) || !take_text(&line, how, sizeof(how)) ||
	    num_parse_u64(take_word(&line), UINT64_MAX, &serial) || num_parse_u64(take_word(&line), INT64_MAX, &since) ||
	    num_parse_u64(take_word(&line), INT64_MAX, &last) || num_parse_u64(take_word(&line), UINT32_MAX, &epoch))
		return;
	saw(c, feed, who, serial, how, (int64_t)since);
	struct row *r = find(c, feed, who, how);
	r->seen.last_ms = (int64_t)last;
	r->seen.epoch = (uint32_t)epoch;
}

enum err consumers_load(struct consumers *c, const char *dir, struct fault *f)
{
	struct buf text = { 0 };
	struct span line, rest;
	char path[4096];
	snprintf(path, sizeof(path), "%s/consumers", dir);
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? OK : fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	text.n = fread(buf_reserve(&text, FILE_MAX), 1, FILE_MAX, file);
	bool failed = ferror(file) != 0;
	fclose(file);
	pthread_mutex_lock(&c->mutex);
	for (rest = buf_span(&text); !failed && span_line(&rest, &line);)
		take_line(c, line);
	c->changed = false;
	pthread_mutex_unlock(&c->mutex);
	buf_release(&text);
	return failed ? fault_set(f, ERR_IO, "\"%s\" cannot be read", path) : OK;
}

enum err consumers_save(struct consumers *c, const char *dir, struct fault *f)
{
	struct consumer_seen s;
	char path[4096], draft[4112];
	if (!atomic_exchange(&c->changed, false))
		return OK;
	snprintf(path, sizeof(path), "%s/consumers", dir);
	snprintf(draft, sizeof(draft), "%s.new", path);
	FILE *file = fopen(draft, "we");
	bool done = file != NULL;
	for (size_t i = 0; done && consumers_get(c, i, &s); i++)
		done = fprintf(file, "%s %s %s %llu %lld %lld %u\n", s.feed, s.who, s.how, (unsigned long long)s.serial, (long long)s.since_ms,
			       (long long)s.last_ms, s.epoch) > 0;
	if (file && fclose(file))
		done = false;
	if (done && rename(draft, path) == 0)
		return OK;
	int error = errno;
	if (file)
		unlink(draft);
	c->changed = true;
	return fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(error));
}
