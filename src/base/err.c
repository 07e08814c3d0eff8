#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_name(enum err e)
{
	switch (e) {
	case OK: return "ok";
	case ERR_SYNTAX: return "syntax";
	case ERR_RANGE: return "range";
	case ERR_MORE: return "more";
	case ERR_NOTFOUND: return "not-found";
	case ERR_GONE: return "gone";
	case ERR_EXISTS: return "exists";
	case ERR_FULL: return "full";
	case ERR_FORBIDDEN: return "forbidden";
	case ERR_UNSUPPORTED: return "unsupported";
	case ERR_CORRUPT: return "corrupt";
	case ERR_IO: return "io";
	case ERR_BUSY: return "busy";
	case ERR_CANCELLED: return "cancelled";
	case ERR_USAGE: return "usage";
	}
	return "unknown";
}

enum err fault_set(struct fault *f, enum err code, const char *fmt, ...)
{
	if (f) {
		va_list ap;
		va_start(ap, fmt);
		f->code = code;
		vsnprintf(f->text, sizeof(f->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

enum err fault_at(struct fault *f, const char *fmt, ...)
{
	char old[sizeof(((struct fault *)0)->text)], place[200];
	va_list ap;
	if (!f)
		return ERR_SYNTAX;
	va_start(ap, fmt);
	vsnprintf(place, sizeof(place), fmt, ap);
	va_end(ap);
	memcpy(old, f->text, sizeof(old));
	snprintf(f->text, sizeof(f->text), "%s: %.*s", place, (int)(sizeof(f->text) - sizeof(place) - 3), old);
	return f->code;
}
