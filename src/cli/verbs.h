/* The rows of cli/: each verb's file defines one. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/verb.h"

extern const struct verb verb_approve, verb_refuse, verb_suspend;
extern const struct verb verb_backup, verb_restore;
extern const struct verb verb_block;
extern const struct verb verb_check;
extern const struct verb verb_decisions;
extern const struct verb verb_erase;
extern const struct verb verb_export;
extern const struct verb verb_formats;
extern const struct verb verb_hits;
extern const struct verb verb_import;
extern const struct verb verb_protect;
extern const struct verb verb_key;
extern const struct verb verb_lane;
extern const struct verb verb_log;
extern const struct verb verb_match;
extern const struct verb verb_object;
extern const struct verb verb_openapi;
extern const struct verb verb_party;
extern const struct verb verb_peer;
extern const struct verb verb_policy;
extern const struct verb verb_rebuild;
extern const struct verb verb_receipt;
extern const struct verb verb_retract;
extern const struct verb verb_scan;
extern const struct verb verb_source;
extern const struct verb verb_token;
extern const struct verb verb_unblock;
extern const struct verb verb_verify;
extern const struct verb verb_why;
extern const struct verb verb_witness;

#endif
