/* hosts(5) files as block lists: an address of nowhere, then the names that are to lead there.
 *
 *     0.0.0.0 evil.example www.evil.example  # why
 *
 * Each name is a claim; the address says nothing.  Lines for the machine itself (localhost and the like) are skipped. */
#include "codec/formats.h"
#include "codec/lines.h"

static bool is_nowhere(struct span address)
{
	static const char *const nowhere[] = { "0.0.0.0", "127.0.0.1", "::", "::1", "0", "127.0.1.1", "255.255.255.255", "fe80::1%lo0" };
	for (size_t i = 0; i < COUNT_OF(nowhere); i++)
		if (span_is(address, nowhere[i]))
			return true;
	return address.n > 4 && !memcmp(address.p, "ff0", 3); /* ff00::0 ip6-mcastprefix */
}

static bool is_own_name(struct span name)
{
	static const char *const own[] = { "localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6", "local",
					   "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix",
					   "ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "0.0.0.0" };
	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (span_ieq(name, span_str(own[i])))
			return true;
	return false;
}

static void read_hosts(void *state, struct span line, struct draft *d)
{
	struct span rest = span_head(line, span_find(line, '#')), address = word_next(&rest), name;
	unsigned own = 0;
	if (!address.n) {
		draft_skip(d, rest.p == line.p + line.n ? "blank" : "comment");
		return;
	}
	if (!is_nowhere(address)) {
		draft_reject(d, "the line does not begin with 0.0.0.0, 127.0.0.1, :: or ::1");
		return;
	}
	while ((name = word_next(&rest)).n) {
		if (is_own_name(name)) {
			own++;
		} else if (draft_claim(d, name)) {
			draft_reject_fault(d);
			return;
		}
	}
	if (own && !d->r.n_claims)
		draft_skip(d, "localhost");
	else if (!d->r.n_claims)
		draft_reject(d, "the line has an address and no name");
}

LINES_FORMAT(feed_hosts, "hosts", "hosts file: 0.0.0.0 and the names to block", read_hosts, 95);
