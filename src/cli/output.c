#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool is_standard(const struct output *o)
{
	return strcmp(o->name, "-") == 0;
}

enum err output_begin(struct verb_env *env, const char *name, struct output *ret_output, struct fault *f)
{
	struct output *o = ret_output;
	*o = (struct output){ .env = env, .name = name, .fd = env->out };
	buf_printf(&o->beside, "%s.part", name);
	if (!is_standard(o))
		o->fd = openat(env->cwd, buf_cstr(&o->beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o->fd >= 0)
		return OK;
	fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", buf_cstr(&o->beside), strerror(errno));
	buf_release(&o->beside);
	return ERR_IO;
}

bool output_put(void *output, struct span octets)
{
	struct output *o = output;
	struct buf b = { 0 };
	buf_putspan(&b, octets);
	o->error = verb_write(o->fd, &b);
	buf_release(&b);
	return !o->error && !verb_cancelled(o->env);
}

enum err output_end(struct output *o, enum err e, struct fault *f)
{
	if (e == ERR_CANCELLED && o->error)
		e = fault_set(f, o->error == ENOSPC ? ERR_FULL : ERR_IO, "\"%s\" cannot be written: %s", o->name, strerror(o->error));
	if (!is_standard(o)) {
		bool kept = e == OK && fsync(o->fd) == 0 && renameat(o->env->cwd, buf_cstr(&o->beside), o->env->cwd, o->name) == 0;
		if (e == OK && !kept)
			e = fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", o->name, strerror(errno));
		if (!kept)
			unlinkat(o->env->cwd, buf_cstr(&o->beside), 0);
		close(o->fd);
	}
	buf_release(&o->beside);
	return e;
}
