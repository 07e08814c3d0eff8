/* Reports of hits: whose they are is looked up, they are told to the lane, and too many are an alarm. */
#include "gate/docket_parts.h"

#include <stdio.h>

#include "base/clock.h"

enum { REPORT_OLD_S = 7 * 86400, REPORT_AHEAD_S = 3600 };

/* Periods of five minutes are the rule.  A lane that gets an entry each second from whoever has a key would be read by all for years, so short ones
 * are taken only a few at once, and in the long run one a minute. */
static enum err check_pace(const struct reporter *by, const struct hits_report *r, int64_t now_s, uint32_t *ret_wait_s, struct fault *f)
{
	int64_t end_s = (int64_t)r->from_s + r->seconds, ahead = by->due_s - (end_s > now_s ? end_s : now_s);
	if (ahead <= (HITS_AT_ONCE - 1) * HITS_APART_S)
		return OK;
	*ret_wait_s = (uint32_t)(by->due_s - now_s) - (HITS_AT_ONCE - 1) * HITS_APART_S;
	return fault_set(f, ERR_FULL, "\"%s\" has told of hits too often: one report a minute is the most, and a period is five minutes; the next one may come in %u s",
			 by->party, *ret_wait_s);
}

static enum err check_report(struct docket *d, const char *party, const struct hits_report *r, uint32_t *ret_wait_s, struct fault *f)
{
	const struct reporter *by = docket_reporter(d, party);
	int64_t now_s = clock_ms() / 1000;
	if (r->from_s < now_s - REPORT_OLD_S || r->from_s > now_s + REPORT_AHEAD_S)
		return fault_set(f, ERR_RANGE, "a report of hits is of the last seven days: this one is not");
	if (r->from_s < by->end_s)
		return fault_set(f, ERR_EXISTS, "\"%s\" has told of this period, or of a later one, already", party);
	return check_pace(by, r, now_s, ret_wait_s, f);
}

/* The report with the decisions of its values. */
static void resolve(struct docket *d, struct hits_report *r, struct buf *list)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span rest = r->hits;
	uint64_t n, of;
	while (hits_next(&rest, store, &o, &n, &of)) {
		uint32_t entry = 0;
		const struct table_view *v = table_enter(d->table);
		force all = o.kind == OBS_NONE ? 0 : force_of(v, &o, atomic_load(&d->tick_s), &entry);
		table_leave(d->table);
		const struct decision *by = all && all != FORCE_PROTECT ? decision_enacted(d->set, entry) : NULL;
		if (by && n >= HITS_LEAST) {
			hits_put(list, &o, n, by->index);
		} else {
			r->merged_values++;
			r->merged_hits += n;
		}
	}
	r->hits = buf_span(list);
}

static bool looks_wrong(const struct decision *d)
{
	return d->state == DECISION_ACTIVE && d->action == ACTION_BLOCK &&
	       (d->reason == REASON_PHISHING || d->reason == REASON_MALWARE || d->reason == REASON_EXPLOITATION);
}

static enum err alarm(struct docket *d, const char *party, const struct hits_report *r, unsigned *ret_alarms, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span rest = r->hits;
	uint64_t n, of;
	char text[256];
	enum err e = OK;
	while (e == OK && hits_next(&rest, store, &o, &n, &of)) {
		if (!d->policy.spike || n < d->policy.spike)
			continue;
		++*ret_alarms;
		if (!looks_wrong(decision_find(d->set, of)))
			continue;
		snprintf(text, sizeof(text), "%llu hits in %u s, as %s reports: this looks like over-blocking", (unsigned long long)n, r->seconds, party);
		struct decision_op op = { .op = OP_SUSPEND, .of = &of, .n_of = 1, .why = span_str(text) };
		e = docket_tell_alone(d, &op, f);
	}
	return e;
}

void hits_taken_release(struct hits_taken *t)
{
	entry_release(&t->entry);
	buf_release(&t->body);
	*t = (struct hits_taken){ 0 };
}

/* With the lock: which entries it has become. */
static enum err read_back(struct docket *d, uint64_t index, struct hits_taken *t, struct fault *f)
{
	uint64_t number;
	uint8_t flags = ENTRY_MORE;
	for (unsigned i = 0; flags & ENTRY_MORE; i++) {
		struct entry e;
		if (ledger_find(d->ledger, CLEARANCE_ALL, d->lane.number, index + i, &number) || ledger_entry(d->ledger, CLEARANCE_ALL, number, &e))
			return fault_set(f, ERR_IO, "what was told to lane \"%s\" cannot be read back", DOCKET_LANE);
		flags = e.flags;
		t->last = e.number;
		if (i == 0)
			t->entry = e;
		else
			entry_release(&e);
	}
	return OK;
}

enum err docket_hits(struct docket *d, const struct speaker *who, const struct hits_report *r, struct hits_taken *ret_taken, struct fault *f)
{
	struct hits_report report = *r;
	struct buf list = { 0 };
	uint64_t index;
	*ret_taken = (struct hits_taken){ 0 };
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = check_report(d, who->party, r, &ret_taken->wait_s, f);
	if (e == OK) {
		resolve(d, &report, &list);
		hits_report_write(&report, &ret_taken->body);
		e = docket_tell(d, who->party, ENTRY_HITS, 1, buf_span(&ret_taken->body), &index, f);
	}
	if (e == OK)
		e = read_back(d, index, ret_taken, f);
	if (e == OK)
		e = alarm(d, who->party, &report, &ret_taken->alarms, f);
	pthread_mutex_unlock(&d->lock);
	docket_call_listeners(d, before);
	buf_release(&list);
	return e;
}
