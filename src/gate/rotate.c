#include "gate/rotate.h"

#include <stdlib.h>

#include "sys/key.h"

enum { KEYS = 256 };

/* Was the ledger told already, and only the files are left to do? */
static enum err told(struct node *n, bool *ret_told, struct fault *f)
{
	uint8_t(*keys)[KEY_OCTETS] = mem_alloc(KEYS * sizeof(*keys));
	unsigned have = ledger_keys(node_ledger(n), "production", keys, KEYS);
	struct key *next;
	enum err e = key_open_new(node_dir(n), &next, f);
	if (e == OK) {
		*ret_told = have && memcmp(keys[have - 1], key_public(next, REALM_PRODUCTION), KEY_OCTETS) == 0;
		key_free(next);
	}
	free(keys);
	return e;
}

static enum err rotate(struct node *n, struct span passphrase, bool *ret_resumed, struct fault *f)
{
	bool done = false;
	enum err e = key_prepare(node_dir(n), passphrase, f);
	*ret_resumed = e == ERR_EXISTS;
	if (e == ERR_EXISTS)
		e = told(n, &done, f);
	if (e == OK && !done)
		e = ledger_rekey(node_ledger(n), f);
	return e ? e : key_replace(node_dir(n), f);
}

enum err node_rotate(struct node *n, struct span passphrase, bool *ret_resumed, struct fault *f)
{
	node_write_begin(n); /* one at a time; nothing is folded */
	enum err e = rotate(n, passphrase, ret_resumed, f);
	node_write_end(n);
	return e;
}
