/* dnstap: a hit is a client's question for a name that is blocked.  The name that was asked for is compared and forgotten; what counts is the
 * one that blocks it. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/hits_job.h"
#include "codec/dns_message.h"
#include "sys/dnstap.h"
#include "sys/fstrm.h"

enum { PIECE = 64 << 10 };

/* @param store  of the name that is returned. */
static bool is_blocked(struct hits_job *j, struct span name, uint8_t store[OBS_KEY_MAX], struct observable *ret_by)
{
	struct observable o, by;
	if (obs_parse_as(OBS_DOMAIN, name, store, &o, NULL) || o.kind != OBS_DOMAIN)
		return false;
	if (j->names)
		return hits_names_find(j->names, &o, store, ret_by);
	struct docket *d = node_docket(j->node);
	const struct table_view *v = table_enter(docket_table(d));
	bool blocked = feed_blocks(v, &j->feed, &o, docket_tick(d), &by);
	if (blocked) {
		memmove(store, by.key, by.n);
		by.key = store;
		*ret_by = by;
	}
	table_leave(docket_table(d));
	return blocked;
}

static void look_at(struct hits_frames *s, const struct dnstap *tap)
{
	struct hits_job *j = s->job;
	struct dns_name name;
	char text[DNS_NAME_MAX];
	uint8_t store[OBS_KEY_MAX];
	struct observable by;
	if (!dns_question_read(tap->message, &name))
		return;
	size_t n = dns_name_text(&name, text);
	if (!n || !is_blocked(j, span_of((const uint8_t *)text, n), store, &by))
		return;
	int64_t at_s = hits_time(j, tap->at_s < INT32_MAX ? (int64_t)tap->at_s : 0);
	if (tap->type == DNSTAP_CLIENT_RESPONSE) {
		hours_add(j->hours, &by, at_s);
		j->hits++;
		return;
	}
	if (!s->asked)
		s->asked = hours_new(HITS_VALUES_MAX, HITS_PERIOD_S);
	hours_add(s->asked, &by, at_s);
	s->n_asked++;
}

void hits_frame(void *frames, struct span frame)
{
	struct hits_frames *s = frames;
	struct hits_job *j = s->job;
	struct dnstap tap;
	j->frames++;
	if (dnstap_read(frame, &tap, NULL)) {
		if (j->strange++ == 0)
			verb_complain(j->env, "%s: a frame that is no dnstap", j->name);
		return;
	}
	if (tap.type == DNSTAP_CLIENT_RESPONSE && !s->answers) {
		s->answers = true;
		hours_free(s->asked);
		s->asked = NULL;
		s->n_asked = 0;
	}
	if (tap.type == DNSTAP_CLIENT_RESPONSE || (tap.type == DNSTAP_CLIENT_QUERY && !s->answers))
		look_at(s, &tap);
	dnstap_release(&tap);
}

static bool add_count(void *ctx, const struct observable *o, int64_t from_s, uint64_t n)
{
	struct hits_job *j = ctx;
	hours_add_many(j->hours, o, from_s > j->told_s ? from_s : j->told_s, n);
	return true;
}

void hits_frames_settle(struct hits_frames *s)
{
	if (!s->asked)
		return;
	hours_each(s->asked, add_count, s->job);
	s->job->hits += s->n_asked;
	s->n_asked = 0;
	hours_free(s->asked);
	s->asked = NULL;
}

enum err hits_frames_file(struct hits_job *j, int fd, struct fault *f)
{
	struct hits_frames s = { .job = j };
	struct fstrm *in = fstrm_new();
	struct buf piece = { 0 }, reply = { 0 };
	bool end = false;
	enum err e = OK;
	while (e == OK && !end && !verb_cancelled(j->env)) {
		ssize_t n = io_read(fd, j->env->caller, buf_reserve(&piece, PIECE), PIECE);
		if (n < 0 && n != IO_GONE)
			e = fault_set(f, ERR_IO, "cannot be read: %s", strerror(errno));
		if (n <= 0)
			break;
		e = fstrm_take(in, span_of(piece.p, (size_t)n), hits_frame, &s, &reply, &end, f);
	}
	hits_frames_settle(&s); /* a file that is cut off is one that is still being written */
	fstrm_free(in);
	buf_release(&piece);
	buf_release(&reply);
	return e;
}
