/* What was answered to those who have sent objects, for a day, in memory: the answer itself said it first. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "face/http_taxii_parts.h"

enum { KEPT_OCTETS = 32 << 20, KEPT_MS = 25 * 3600 * 1000 };

struct status {
	struct status *next; /* the one that came behind it */
	int64_t time_ms;
	char party[PARTY_NAME_MAX + 1], id[UUID_TEXT];
	struct buf text;
};

struct taxii_statuses {
	pthread_mutex_t lock;
	struct status *first, *last;
	size_t octets;
};

struct taxii_statuses *taxii_statuses_new(void)
{
	struct taxii_statuses *t = mem_zalloc(sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static size_t weight_of(const struct status *s)
{
	return sizeof(*s) + s->text.n;
}

static void drop_first(struct taxii_statuses *t)
{
	struct status *s = t->first;
	t->first = s->next;
	t->last = t->first ? t->last : NULL;
	t->octets -= weight_of(s);
	buf_release(&s->text);
	free(s);
}

void taxii_statuses_free(struct taxii_statuses *t)
{
	if (!t)
		return;
	while (t->first)
		drop_first(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void taxii_status_keep(struct taxii_statuses *t, const char *party, const char *id, struct span text)
{
	struct status *s = mem_zalloc(sizeof(*s));
	s->time_ms = clock_ms();
	snprintf(s->party, sizeof(s->party), "%s", party);
	snprintf(s->id, sizeof(s->id), "%s", id);
	buf_putspan(&s->text, text);
	pthread_mutex_lock(&t->lock);
	*(t->last ? &t->last->next : &t->first) = s;
	t->last = s;
	t->octets += weight_of(s);
	while (t->first != s && (t->octets > KEPT_OCTETS || t->first->time_ms < s->time_ms - KEPT_MS))
		drop_first(t);
	pthread_mutex_unlock(&t->lock);
}

bool taxii_status_find(struct taxii_statuses *t, const char *party, struct span id, struct buf *out)
{
	bool found = false;
	pthread_mutex_lock(&t->lock);
	for (const struct status *s = t->first; s && !found; s = s->next) {
		found = span_is(id, s->id) && strcmp(s->party, party) == 0;
		if (found)
			buf_putspan(out, buf_span(&s->text));
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}
