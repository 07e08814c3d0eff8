/* Public suffixes: names below which everybody can have a name (libpsl, with the list that came with it: "com.pk",
 * "github.io").  What is said of one says nothing of the names below it. */
#ifndef SYS_SUFFIX_H
#define SYS_SUFFIX_H

#include <stdbool.h>

#include "base/span.h"

/** Is `name`, in lower-case A-labels, a public suffix by a rule of the list, of registries or of other owners?  A name of one
 *  label under which the list has no rule is none.  Any thread; never allocates. */
bool suffix_is_public(struct span name);
/** The same, of a registry alone: "gov.pk", not "github.io". */
bool suffix_is_registry(struct span name);

#endif
