#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

/* The one mutable file-scope state outside app/: which sink the process has. */
static log_sink *the_sink;
static void *the_ctx;
static enum log_level the_most = LOG_INFO;

void log_set(log_sink *sink, void *ctx, enum log_level most)
{
	the_sink = sink;
	the_ctx = ctx;
	the_most = most;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	if (level > the_most)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (the_sink)
		the_sink(the_ctx, level, line);
	else
		fprintf(stderr, "sipar: %s\n", line);
}
