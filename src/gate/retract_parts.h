/* Parts of gate/retract.c: the job, and what finds the claims. */
#ifndef GATE_RETRACT_PARTS_H
#define GATE_RETRACT_PARTS_H

#include "gate/retract.h"
#include "gate/standing.h"
#include "ledger/ledger.h"

/* What one source takes back in one lane. */
struct retract_part {
	uint8_t lane;
	char lane_name[LANE_NAME_MAX + 1], source[64];
	struct buf object;       /* the last version, revoked; empty: none */
	struct buf lines;        /* not yet in the file */
	int file;                /* of lines; -1: none yet */
	uint64_t claims;
};

struct retract_job {
	struct node *node;
	const struct asker *who;
	struct span party, by;   /* of who */
	struct span id;
	const char *source;
	const char *why;
	struct retract_done *done;
	struct retract_part *parts;
	unsigned n_parts;
	struct buf found;        /* struct standing, of the value looked at last */
	struct fault *f;
};

/* May they take back what this party has told?  If not, it is counted. */
bool retract_may(struct retract_job *j, const char *party);
/* A line that takes the claim on `o` back. */
enum err retract_claim(struct retract_job *j, const struct observable *o, const struct standing *c, struct span of);
/* The part of a lane and source.  NULL: there is no such lane for the asker. */
struct retract_part *retract_part_of(struct retract_job *j, uint8_t lane, const char *source);

/* By what `id` is: ERR_NOTFOUND without a fault: it is not one of these. */
enum err retract_object(struct retract_job *j);
enum err retract_entry(struct retract_job *j);
enum err retract_value(struct retract_job *j);
/* What a body claimed: entry `number`, and those that it goes on in.  With `only` not empty of the record with that id.  Claims that come from
 * another entry by now, but of the same import, are of `import`: 0 asks for the entry itself. */
enum err retract_body(struct retract_job *j, uint64_t number, uint64_t import, struct span only);

#endif
