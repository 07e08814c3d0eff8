/* Say: what several verbs print of entries, lanes and consumers. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include "gate/consumers.h"
#include "ledger/ledger.h"

/** "LANE/INDEX". */
void say_entry_name(const struct lane *lane, uint64_t index, struct buf *out);
/** "2026-11-25T10:00:00Z" and its octets, appended. */
void say_time(int64_t time_ms, struct buf *out);
/** "NAME has serial 17 (ixfr) since ..., heard of ...", with its clock, and whether it still enforces what was taken back. */
void say_consumer(const struct consumer_seen *s, struct buf *out);

#endif
