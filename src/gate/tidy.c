#include "gate/tidy.h"

#include "gate/fold.h"

void node_defer_merges(struct node *n)
{
	node_write_begin(n);
	table_defer(node_table(n));
	node_write_end(n);
}

/* *ret_done: there was nothing to do.  Sources as they were at the beginning: what they do not count then, they never do again. */
static enum err merge_once(struct node *n, const atomic_bool *stop, bool *ret_done, struct fault *f)
{
	struct fold *fold = node_write_begin(n);
	struct table_merge *g = table_merge_begin(node_table(n));
	struct source_set *sources = g ? source_set_copy(fold_sources(fold)) : NULL;
	if (!g)
		fold_save_in_time(fold);
	node_write_end(n);
	*ret_done = !g;
	if (!g)
		return OK;
	enum err e = table_merge_run(g, source_claim_counts, sources, stop, f);
	node_write_begin(n);
	table_merge_end(node_table(n), g);
	node_write_end(n);
	source_set_free(sources);
	return e;
}

enum err node_tidy(struct node *n, const atomic_bool *stop, struct fault *f)
{
	bool done = false;
	enum err e = OK;
	while (e == OK && !done)
		e = merge_once(n, stop, &done, f);
	return e;
}
