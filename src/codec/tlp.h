/* TLP, the Traffic Light Protocol: who may see something. */
#ifndef CODEC_TLP_H
#define CODEC_TLP_H

#include "base/span.h"

/** From the widest audience to the narrowest. */
enum tlp { TLP_UNSAID, TLP_CLEAR, TLP_GREEN, TLP_AMBER, TLP_AMBER_STRICT, TLP_RED };

/** "tlp:amber", ...; "tlp:unsaid" for TLP_UNSAID and numbers out of range.  Never NULL. */
const char *tlp_name(unsigned tlp);
/** By its name, "amber" or "tlp:amber".  @return TLP_UNSAID: it is none. */
enum tlp tlp_find(struct span name);

#endif
