/* What the files of the verb "hits" share. */
#ifndef CLI_HITS_JOB_H
#define CLI_HITS_JOB_H

#include "cli/speaker.h"
#include "cli/verb.h"
#include "gate/feed.h"
#include "scan/hours.h"
#include "sys/fetch.h"
#include "view/hits.h"

enum { HITS_ANSWER_MAX = 1 << 16, HITS_URL_SHOWN = 200 };

struct hits_options {
	const char *dir, *as, *post, *feed, *dnstap;
	bool json, follow, reports;
};

struct hits_names;

struct hits_job {
	struct verb_env *env;
	const struct hits_options *o;
	struct speaker who;
	struct hours *hours;
	struct fetcher *fetcher;      /* with --post */
	const char *name;             /* of the file that is read */
	int64_t now_s;
	uint64_t lines, frames, hits, passed, strange, reports, known, alarms; /* known: periods that were told of before */
	enum err err;
	struct fault *f;
	/* what is blocked, of names that are only asked for */
	struct node *node;            /* or NULL: */
	struct hits_names *names;
	struct feed feed;
	/* --follow and --dnstap */
	bool live;
	int64_t told_s;               /* what began before is told: what comes late counts from here on */
	/* the report of one period */
	struct hits_report report;
	struct buf list;
	int64_t period_s, failed_s;   /* failed_s: this one could not be told, nor any behind it */
};

/** One line of a log. */
bool hits_line(void *job, struct span line, uint64_t number);
/** When a thing at `at_s` counts (0: it does not say). */
int64_t hits_time(const struct hits_job *j, int64_t at_s);

/** Tell each period that began before `until_s`, in their order.  Live, what could not be told is kept, and j->err stays OK.
 *  @return false: something could not. */
bool hits_tell(struct hits_job *j, int64_t until_s);

/** What --post and --feed say is blocked, fetched anew. */
enum err hits_names_fetch(struct hits_job *j, struct fault *f) MUST_USE;
void hits_names_free(struct hits_names *names);
/** By which of the names this one is blocked, in `store`. */
bool hits_names_find(const struct hits_names *names, const struct observable *o, uint8_t store[OBS_KEY_MAX], struct observable *ret_value);

/** Frames of one file or connection.
 *
 *  A resolver tells of queries, of responses, or of both; then a response is what counts.  So queries wait until it is known whether
 *  responses come. */
struct hits_frames {
	struct hits_job *job;
	bool answers;                 /* responses come */
	struct hours *asked;          /* of queries, while none has come; NULL: none */
	uint64_t n_asked;
};
/** An fstrm_visit. */
void hits_frame(void *frames, struct span frame);
/** What waits counts. */
void hits_frames_settle(struct hits_frames *s);
/** A whole file. */
enum err hits_frames_file(struct hits_job *j, int fd, struct fault *f) MUST_USE;

/** Until a signal. */
void hits_live(struct hits_job *j, char **names, int n);

#endif
