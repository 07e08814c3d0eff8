#include "app/opening.h"

#include "base/clock.h"

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
	struct docket *d = node_docket(*ret_node);
	docket_set_policy(d, &(struct docket_policy){ .approvals = (unsigned)c->approvals, .parties = (unsigned)c->parties, .spike = c->spike, .policies = c->policies });
	/* leases that ended while nobody was there */
	unsigned n;
	table_reader_init();
	e = docket_expire(d, (uint32_t)(clock_ms() / 1000), &n, f);
	table_reader_exit();
	return e;
}
