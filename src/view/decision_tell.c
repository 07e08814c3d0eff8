#include "view/decision_tell.h"

#include "base/clock.h"
#include "codec/json.h"

static void put_voice(const char *lane, const struct voice *v, struct buf *out)
{
	char when[32];
	time_format(v->time_ms / 1000, when);
	buf_printf(out, "{\"said\":\"%s\",\"party\":", op_name(v->op));
	json_put_string(out, span_str(v->party));
	buf_puts(out, ",\"by\":");
	json_put_string(out, span_str(v->by));
	buf_puts(out, ",\"why\":");
	json_put_string(out, span_str(v->why));
	buf_printf(out, ",\"at\":\"%s\",\"entry\":\"%s/%llu\"}", when, lane, (unsigned long long)v->index);
}

static void put_time(const char *key, int64_t ms, struct buf *out)
{
	char when[32];
	time_format(ms / 1000, when);
	buf_printf(out, ",\"%s\":", key);
	buf_printf(out, ms ? "\"%s\"" : "null", when);
}

void decision_put(const char *lane, const struct decision *d, struct span values, struct buf *out)
{
	buf_printf(out, "{\"decision\":\"%s/%llu\",\"state\":\"%s\",\"action\":\"%s\",\"reason\":\"%s\",\"first\":", lane, (unsigned long long)d->index,
		   decision_state_name(d->state), action_name(d->action), reason_row(d->reason)->name);
	json_put_string(out, span_str(d->first));
	buf_printf(out, ",\"values\":%llu,\"unblocked\":%llu", (unsigned long long)d->n_values, (unsigned long long)d->n_out);
	put_time("since", d->since_ms, out);
	put_time("until", (int64_t)d->until_s * 1000, out);
	put_time("over", d->over_ms, out);
	buf_printf(out, ",\"hits\":%llu,\"hits_peak\":%llu", (unsigned long long)d->hits, (unsigned long long)d->hits_peak);
	put_time("hit_last", (int64_t)d->hit_last_s * 1000, out);
	if (d->evidence[0]) {
		buf_puts(out, ",\"evidence\":");
		json_put_string(out, span_str(d->evidence));
	}
	if (d->policy[0]) {
		buf_puts(out, ",\"policy\":");
		json_put_string(out, span_str(d->policy));
	}
	buf_puts(out, ",\"voices\":[");
	for (unsigned i = 0; i < d->n_voices; i++) {
		buf_puts(out, i ? "," : "");
		put_voice(lane, &d->voice[i], out);
	}
	buf_puts(out, "]");
	if (values.n) {
		buf_puts(out, ",\"all\":[");
		buf_putspan(out, values);
		buf_putc(out, ']');
	}
	buf_putc(out, '}');
}
