/* Reports of hits: whose they are is looked up, they are told to the lane, and too many are an alarm. */
#include "gate/docket_parts.h"

#include <stdio.h>

#include "base/clock.h"

enum { REPORT_OLD_S = 7 * 86400, REPORT_AHEAD_S = 3600 };

static enum err check_report(struct docket *d, const char *party, const struct hits_report *r, struct fault *f)
{
	int64_t now_s = clock_ms() / 1000;
	if (r->from_s < now_s - REPORT_OLD_S || r->from_s > now_s + REPORT_AHEAD_S)
		return fault_set(f, ERR_RANGE, "a report of hits is of the last seven days: this one is not");
	if (r->from_s < *docket_last_report(d, party))
		return fault_set(f, ERR_EXISTS, "\"%s\" has told of this period, or of a later one, already", party);
	return OK;
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

enum err docket_hits(struct docket *d, const struct speaker *who, const struct hits_report *r, unsigned *ret_alarms, struct fault *f)
{
	struct hits_report report = *r;
	struct buf list = { 0 }, body = { 0 };
	uint64_t index;
	unsigned alarms = 0;
	pthread_mutex_lock(&d->lock);
	uint64_t before = docket_serial(d);
	enum err e = check_report(d, who->party, r, f);
	if (e == OK) {
		resolve(d, &report, &list);
		hits_report_write(&report, &body);
		e = docket_tell(d, who->party, ENTRY_HITS, 1, buf_span(&body), &index, f);
	}
	if (e == OK)
		e = alarm(d, who->party, &report, &alarms, f);
	pthread_mutex_unlock(&d->lock);
	docket_call_listeners(d, before);
	buf_release(&list);
	buf_release(&body);
	if (e == OK)
		*ret_alarms = alarms;
	return e;
}
