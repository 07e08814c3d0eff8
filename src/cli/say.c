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
