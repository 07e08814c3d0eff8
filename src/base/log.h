/* Log: one sink for the process, set in app/.  Library code does not log; app/, face/ and cli/ do, once, where an error ends. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/** A full line without its end.  Any thread. */
typedef void log_sink(void *ctx, enum log_level level, const char *line);
/** Before other threads start.  NULL: standard error. */
void log_set(log_sink *sink, void *ctx, enum log_level most);
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#endif
