#include "codec/feed_fuzzing.h"
#include "codec/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_feed(&feed_intelmq, span_of(data, size));
}
