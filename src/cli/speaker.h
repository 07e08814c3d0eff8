/* Speaker: who says it, from "--as PARTY/PERSON"; and the names of decisions. */
#ifndef CLI_SPEAKER_H
#define CLI_SPEAKER_H

#include "gate/docket.h"

/** The row that verbs which decide have. */
#define OPTION_AS(target) { 0, "as", "PARTY/PERSON", "who says it (default: local, and the name of the user)", OPTION_TEXT, target, 0 }

struct spoken {
	char party[64], by[64];
};
/** @param as  NULL: the operator.  @return ERR_USAGE with a sentence. */
enum err speaker_parse(const char *as, struct spoken *ret_spoken, struct fault *f) MUST_USE;
/** "decisions/12" or "12".  @return ERR_USAGE. */
enum err decision_name_parse(const char *text, uint64_t *ret_index, struct fault *f) MUST_USE;

#endif
