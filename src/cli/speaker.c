#include "cli/speaker.h"

#include <pwd.h>
#include <unistd.h>

#include "base/num.h"
#include "base/utf8.h"

static bool is_name(struct span s)
{
	if (s.n == 0 || s.n > 63 || utf8_valid_prefix(s) != s.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '/' || s.p[i] == '"' || s.p[i] == ',')
			return false;
	return true;
}

static void copy(char to[64], struct span from)
{
	if (from.n)
		memcpy(to, from.p, from.n);
	to[from.n] = 0;
}

enum err speaker_parse(const char *as, struct spoken *ret_spoken, struct fault *f)
{
	struct passwd *user = as ? NULL : getpwuid(getuid());
	struct span text = span_str(as ? as : "local");
	struct span party = span_head(text, span_find(text, '/')), by = span_from(text, party.n + 1);
	if (user)
		by = span_str(user->pw_name);
	for (size_t i = 0; i < party.n; i++)
		if (party.p[i] != ascii_lower(party.p[i]))
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\": names of parties have no capital letters, so that nobody is two",
					 SPAN_ARG(span_head(party, 64)));
	if (!is_name(party) || (by.n && !is_name(by)))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not PARTY or PARTY/PERSON: 1 to 63 octets each, without blanks, commas and quotes",
				 SPAN_ARG(span_head(text, 140)));
	copy(ret_spoken->party, party);
	copy(ret_spoken->by, by);
	return OK;
}

enum err decision_name_parse(const char *text, uint64_t *ret_index, struct fault *f)
{
	struct span s = span_str(text);
	if (span_starts(s, SPAN_LIT(DOCKET_LANE "/")))
		s = span_from(s, sizeof(DOCKET_LANE));
	if (num_parse_u64(s, UINT64_MAX, ret_index) == OK)
		return OK;
	return fault_set(f, ERR_USAGE, "\"%.100s\" is not the name of a decision, " DOCKET_LANE "/NUMBER", text);
}
