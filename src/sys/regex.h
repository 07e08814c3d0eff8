/* Regular expressions of warning lists (PCRE2, with match limits so that no pattern can hang a lookup). */
#ifndef SYS_REGEX_H
#define SYS_REGEX_H

#include "base/err.h"
#include "base/span.h"

struct regex;

/** "/pattern/flags" as MISP writes it (flags i, m, s, u), or a bare pattern. */
enum err regex_new(struct span text, struct regex **ret_regex, struct fault *f) MUST_USE;
void regex_free(struct regex *r);
/** Any thread. */
bool regex_match(const struct regex *r, struct span s);

#endif
