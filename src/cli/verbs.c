#include "cli/verbs.h"

const struct verb *const cli_verbs[] = {
	&verb_import,
	&verb_check,
	&verb_scan,
	&verb_why,
	&verb_source,
	&verb_lane,
	&verb_log,
	&verb_object,
	&verb_erase,
	&verb_receipt,
	&verb_verify,
	&verb_witness,
	&verb_key,
	&verb_backup,
	&verb_restore,
	&verb_rebuild,
	&verb_formats,
	&verb_openapi,
	NULL,
};
