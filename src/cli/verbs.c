#include "cli/verbs.h"

const struct verb *const cli_verbs[] = {
	&verb_import, &verb_check, &verb_why, &verb_source, &verb_formats, &verb_openapi, NULL,
};
