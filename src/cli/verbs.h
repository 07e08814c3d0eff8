/* The rows of cli/: each verb's file defines one. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/verb.h"

extern const struct verb verb_check, verb_formats, verb_import, verb_openapi, verb_source, verb_why;

#endif
