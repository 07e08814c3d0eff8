#include "cli/edge.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/keys.h"

enum err edge_look(struct verb_env *env, const struct edge_options *o, struct fault *f)
{
	if (!o->snapshot && (o->keys.n || o->verify))
		return fault_set(f, ERR_USAGE, "--key and --verify go with --snapshot");
	env->without_node = o->snapshot != NULL;
	return OK;
}

static void tell_key(struct verb_env *env, const char *path, const uint8_t key[32])
{
	char digits[65] = "";
	hex_encode(key, 32, digits);
	digits[64] = 0;
	verb_complain(env, "\"%s\" is signed by %s; with --key it must be by the key that you give", path, digits);
}

enum err edge_open(struct verb_env *env, const struct edge_options *o, struct snapshot **ret_snapshot, struct fault *f)
{
	struct keys *keys = mem_zalloc(sizeof(*keys));
	struct snapshot *s = NULL;
	enum err e = o->keys.n ? keys_read(env->cwd, &o->keys, NOTE_ED25519, keys, f) : OK;
	if (e == OK)
		e = snapshot_open(env->cwd, o->snapshot, keys->n ? keys->v[0].key : NULL, o->verify, &s, f);
	for (unsigned i = 1; e == ERR_FORBIDDEN && i < keys->n; i++)
		e = snapshot_open(env->cwd, o->snapshot, keys->v[i].key, o->verify, &s, f);
	free(keys);
	if (e)
		return e;
	if (!o->keys.n && isatty(env->err))
		tell_key(env, o->snapshot, snapshot_about(s).key);
	*ret_snapshot = s;
	return OK;
}
