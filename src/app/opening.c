#include "app/opening.h"

#include "base/clock.h"

static void protect_name(struct config *c, const char *name)
{
	if (strcmp(name, "none") != 0)
		(void)!guard_set(&c->guard, GUARD_NODE, span_str(name), NULL); /* one of a single label is protected by that */
}

/* "192.0.2.1:8300", "[2001:db8::1]:8300".  @return does it listen on all addresses of the machine? */
static bool protect_listener(struct config *c, const char *listener)
{
	struct span address = span_str(listener);
	const uint8_t *colon = memrchr(address.p, ':', address.n);
	if (!colon)
		return false;
	address.n = (size_t)(colon - address.p);
	if (address.n > 1 && address.p[0] == '[')
		address = span_of(address.p + 1, address.n - 2);
	if (span_is(address, "0.0.0.0") || span_is(address, "::"))
		return true;
	(void)!guard_set(&c->guard, GUARD_NODE, address, NULL);
	return false;
}

static void protect_ourselves(struct config *c)
{
	protect_name(c, c->zone);
	protect_name(c, c->name_server);
	bool http = protect_listener(c, c->http) | protect_listener(c, c->https), dns = protect_listener(c, c->dns);
	guard_set_machine(&c->guard, http || dns, "/etc/resolv.conf");
}

enum err opening(const char *dir, unsigned wait_ms, struct config *c, struct node **ret_node, struct fault *f)
{
	enum err e = node_open(dir, wait_ms, ret_node, f);
	if (e)
		return e;
	config_defaults(c);
	if ((e = config_read(dir, c, f)) != OK) {
		node_close(*ret_node);
		*ret_node = NULL;
		return e;
	}
	protect_ourselves(c);
	guard_configure(node_guard(*ret_node), &c->guard);
	struct docket *d = node_docket(*ret_node);
	docket_set_policy(d, &(struct docket_policy){ .approvals = (unsigned)c->approvals, .parties = (unsigned)c->parties, .spike = c->spike, .policies = c->policies });
	/* leases that ended while nobody was there */
	unsigned n;
	table_reader_init();
	e = docket_expire(d, (uint32_t)(clock_ms() / 1000), &n, f);
	table_reader_exit();
	return e;
}
