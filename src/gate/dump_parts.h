/* Parts of gate/dump.c: the forms that it writes. */
#ifndef GATE_DUMP_PARTS_H
#define GATE_DUMP_PARTS_H

#include "codec/outgoing.h"
#include "gate/dump.h"
#include "ledger/ledger.h"
#include "sys/uuid.h"

struct dump_job {
	struct node *node;
	const struct dump_options *o;
	dump_sink *sink;
	void *ctx;
	struct dump_counts *counts;
	struct buf out;
	struct lane lane;        /* that is being read */
	uint32_t changed_s;      /* when the state that is dumped came about */
	uint64_t written;        /* in this lane */
	char event_uuid[UUID_TEXT], org_uuid[UUID_TEXT], info[120]; /* MISP: of this lane, when something is written */
	bool gone;               /* the sink has had enough */
};

/* Hand over what is gathered, when it is much or `all`. */
bool dump_flush(struct dump_job *j, bool all);

/* What stands before and behind everything, and around a lane; called in this order. */
void dump_begin(struct dump_job *j);
void dump_claim(struct dump_job *j, const struct outgoing *claim);
void dump_object(struct dump_job *j, struct span object);
void dump_lane_end(struct dump_job *j);
void dump_end(struct dump_job *j);

#endif
