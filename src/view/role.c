#include "view/role.h"

enum {
	READS = RIGHT_READ,
	REPORTS = READS | RIGHT_REPORT,
	ANALYSES = REPORTS | RIGHT_RETRACT | RIGHT_PROPOSE,
};
static const struct {
	const char *name;
	unsigned rights;
} rows[ROLES] = {
	[ROLE_NONE] = { "none", READS },
	[ROLE_READER] = { "reader", READS },
	[ROLE_REPORTER] = { "reporter", REPORTS },
	[ROLE_ANALYST] = { "analyst", ANALYSES },
	[ROLE_APPROVER] = { "approver", ANALYSES | RIGHT_APPROVE },
	[ROLE_ADMINISTRATOR] = { "administrator", READS | RIGHT_ADMINISTER },
	[ROLE_AUDITOR] = { "auditor", READS | RIGHT_AUDIT },
};

bool role_may(enum role role, enum right right)
{
	return role < ROLES && rows[role].rights & right;
}

const char *role_name(enum role role)
{
	return rows[role < ROLES ? role : ROLE_NONE].name;
}

enum role role_parse(struct span name)
{
	for (enum role r = ROLE_READER; r < ROLES; r++)
		if (span_is(name, rows[r].name))
			return r;
	return ROLE_NONE;
}
