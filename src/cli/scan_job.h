/* What the files of the verb "scan" share. */
#ifndef CLI_SCAN_JOB_H
#define CLI_SCAN_JOB_H

#include "cli/edge.h"
#include "cli/option.h"
#include "cli/verb.h"
#include "scan/scan.h"

enum { SCAN_FOUND = 0, SCAN_NOTHING = 1, SEEN_MAX = 200000 };

struct scan_flags {
	const char *dir, *colour, *kinds, *source, *lane;
	bool json, count, values, lines, invert, numbers, names, no_names, recursive, quiet, follow, sightings;
	uint64_t min_score, threads;
	struct edge_options edge;
};

struct scan_job {
	struct verb_env *env;
	struct scan_flags o;
	struct node *node;     /* open to read; NULL when a snapshot answers and nothing is told */
	struct snapshot *snapshot; /* or NULL: the node answers */
	struct scan *scan;
	struct hours *seen;     /* NULL: nobody wants them */
	struct stat_id { uint64_t dev, ino; } out; /* of the output when it is a file: it is not scanned */
	bool out_is_file;
	bool trouble, stopped;
	bool bar, bar_shown;   /* progress on a terminal */
	uint64_t began_ns, shown_ns;
	/* -f */
	int signals;           /* signalfd(2), -1: none */
	uint64_t looked_ns;
	int64_t hour;          /* hours since 1970: what was seen before it is told */
};

/** Where answers come from: `job->node`, or, with --snapshot, the snapshot. */
struct scan_table scan_job_table(struct scan_job *job);
/** Say it, with the progress bar out of the way. */
void scan_complain(struct scan_job *job, const char *fmt, ...) PRINTF(2, 3);
/** A stream or file could not be read (further). */
void scan_trouble(struct scan_job *job, const struct fault *f);

/** Follow these files until a signal (or the end of standard input). */
void scan_follow(struct scan_job *job, char **names, int n);
/** Its part while a pipe has nothing (scan_options.wait); ctx is the job. */
bool scan_follow_wait(void *ctx, int fd);

/** Is there such a lane?  Before anything is scanned for it. */
enum err scan_sightings_check(struct scan_job *job, struct fault *f) MUST_USE;
/** What was seen so far goes into the node as one import, and is forgotten here. */
void scan_sightings_submit(struct scan_job *job);

#endif
