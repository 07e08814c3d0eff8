#include "peer/schedule.h"

#include <stdio.h>

#include "base/num.h"

enum { DAY_S = 86400 };

static const struct {
	char letter;
	uint32_t seconds;
} units[] = { { 'd', DAY_S }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

enum err schedule_parse(struct span text, uint32_t *ret_seconds, struct fault *f)
{
	uint64_t n, unit = 1;
	struct span digits = text;
	for (size_t i = 0; i < COUNT_OF(units) && text.n; i++)
		if (text.p[text.n - 1] == units[i].letter) {
			unit = units[i].seconds;
			digits = span_head(text, text.n - 1);
		}
	enum err e = num_parse_u64(digits, UINT32_MAX, &n);
	if (e == ERR_SYNTAX)
		return fault_set(f, e, "\"" SPAN_FMT "\" is no time such as 90s, 10m, 6h or 1d", SPAN_ARG(span_head(text, 40)));
	if (e || n * unit < SCHEDULE_MIN_S || n * unit > SCHEDULE_MAX_S)
		return fault_set(f, ERR_RANGE, "\"" SPAN_FMT "\" is not between 1s and 366d", SPAN_ARG(span_head(text, 40)));
	*ret_seconds = (uint32_t)(n * unit);
	return OK;
}

void schedule_format(uint32_t seconds, char ret_text[16])
{
	size_t i = 0;
	while (seconds % units[i].seconds)
		i++;
	snprintf(ret_text, 16, "%u%c", seconds / units[i].seconds, units[i].letter);
}

int64_t schedule_next(uint32_t every_s, unsigned failures, uint32_t retry_s, uint32_t chance, int64_t now_ms)
{
	uint64_t wait_ms = every_s * 1000ULL, least_ms = (retry_s < DAY_S ? retry_s : DAY_S) * 1000ULL;
	if (failures) {
		uint64_t most_ms = (every_s > SCHEDULE_BACK_OFF_S ? every_s : SCHEDULE_BACK_OFF_S) * 1000ULL;
		wait_ms = (every_s < SCHEDULE_RETRY_S ? every_s : SCHEDULE_RETRY_S) * 1000ULL;
		for (unsigned i = 1; i < failures && wait_ms < most_ms; i++)
			wait_ms *= 2;
		wait_ms = wait_ms < most_ms ? wait_ms : most_ms;
	}
	uint64_t around = wait_ms / 5; /* the tenth before and the tenth behind */
	wait_ms = wait_ms - around / 2 + around * (uint64_t)chance / UINT32_MAX;
	return now_ms + (int64_t)(wait_ms > least_ms ? wait_ms : least_ms);
}
