/* What is accepted has a canonical text that is read back as the same, and that stays as it is. */
#include <stdlib.h>

#include "codec/observable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct observable o)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable again, host;
	struct buf text = { 0 }, second = { 0 };
	obs_format(&o, &text);
	if (obs_parse(buf_span(&text), store, &again, NULL) || !obs_eq(&o, &again))
		abort();
	obs_format(&again, &second);
	if (!span_eq(buf_span(&text), buf_span(&second)))
		abort();
	buf_release(&text);
	buf_release(&second);
	if (obs_host(&o, store, &host) == OK && host.kind != OBS_IPV4 && host.kind != OBS_IPV6 && host.kind != OBS_DOMAIN)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t store[OBS_KEY_MAX], plain_store[OBS_KEY_MAX];
	struct span text = { data, size };
	struct observable o, plain;
	struct fault f = { .text = "" };
	if (obs_parse(text, store, &o, &f) == OK)
		check(o);
	else if (f.text[0] == '\0' || obs_parse_plain(text, plain_store, &plain) == OK)
		abort();
	for (unsigned kind = OBS_NONE; kind < OBS_KINDS; kind++)
		if (obs_parse_as(kind, text, store, &o, &f) == OK)
			check(o);
	return 0;
}
