#include "cli/say.h"

#include "base/clock.h"

void say_entry_name(const struct lane *lane, uint64_t index, struct buf *out)
{
	buf_printf(out, "%s/%llu", lane->name, (unsigned long long)index);
}

void say_time(int64_t time_ms, struct buf *out)
{
	char text[32];
	time_format(time_ms / 1000, text);
	buf_puts(out, text);
}

void say_consumer(const struct consumer_seen *s, struct buf *out)
{
	buf_printf(out, "%-24s has serial %llu (%s) since ", s->who, (unsigned long long)s->serial, s->how);
	say_time(s->since_ms, out);
	buf_puts(out, ", heard of ");
	say_time(s->last_ms, out);
	if (s->n_unblocks)
		buf_printf(out, "; unblocks: median %u ms, 95 %% %u ms, longest %u ms", s->p50_ms, s->p95_ms, s->max_ms);
	if (s->behind)
		buf_printf(out, "; STILL ENFORCES %llu that were retracted", (unsigned long long)s->behind);
	buf_putc(out, '\n');
}
