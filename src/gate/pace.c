#include "gate/pace.h"

#define MINUTE_NS INT64_C(60000000000)
#define SECOND_NS INT64_C(1000000000)

static uint32_t seconds_up(int64_t ns)
{
	return (uint32_t)((ns + SECOND_NS - 1) / SECOND_NS);
}

struct pace_left pace_take(struct pace *p, uint32_t a_minute, int64_t now_ns)
{
	struct pace_left left = { .quota = a_minute };
	if (!a_minute)
		return left;
	int64_t each = MINUTE_NS / a_minute, was = atomic_load_explicit(&p->full_ns, memory_order_relaxed), next;
	if (each == 0)
		each = 1;
	do {
		int64_t from = was > now_ns ? was : now_ns;
		next = from + each;
		left.over = next - now_ns > MINUTE_NS;
		if (left.over) {
			next = from;
			break;
		}
	} while (!atomic_compare_exchange_weak_explicit(&p->full_ns, &was, next, memory_order_relaxed, memory_order_relaxed));
	int64_t room = MINUTE_NS - (next - now_ns);
	left.left = room > 0 ? (uint32_t)(room / each) : 0;
	left.reset_s = seconds_up(next - now_ns);
	left.wait_s = left.over ? seconds_up(next + each - now_ns - MINUTE_NS) : 0;
	return left;
}
