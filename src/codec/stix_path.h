/* Object paths of STIX patterns, in the spellings that feeds really use, to what they are. */
#ifndef CODEC_STIX_PATH_H
#define CODEC_STIX_PATH_H

#include "codec/stix_pattern.h"

/** @param path  type, ':' and the components with '.' between: no quotes, no indices, lower case, e.g. "file:hashes.sha-256". */
enum stix_what stix_path_what(struct span path);

#endif
