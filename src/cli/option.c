#include "cli/option.h"

#include "base/num.h"

static const struct option *by_name(const struct option *rows, struct span name)
{
	for (; rows->name; rows++)
		if (span_is(name, rows->name))
			return rows;
	return NULL;
}

static const struct option *by_letter(const struct option *rows, char letter)
{
	for (; rows->name; rows++)
		if (rows->letter && rows->letter == letter)
			return rows;
	return NULL;
}

static enum err add(const struct option *o, const char *value, struct fault *f)
{
	struct option_list *list = o->target;
	if (list->n == OPTION_LIST_MAX)
		return fault_set(f, ERR_USAGE, "--%s is given more than %d times", o->name, OPTION_LIST_MAX);
	list->value[list->n++] = value;
	return OK;
}

static enum err set(const struct option *o, const char *value, struct fault *f)
{
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->target = true;
		return OK;
	case OPTION_TEXT:
		*(const char **)o->target = value;
		return OK;
	case OPTION_NUMBER:
		if (num_parse_u64(span_str(value), o->max, (uint64_t *)o->target) == OK)
			return OK;
		return fault_set(f, ERR_USAGE, "--%s: \"%s\" is not a number from 0 to %llu", o->name, value,
				 (unsigned long long)o->max);
	case OPTION_LIST:
		return add(o, value, f);
	}
	return ERR_USAGE;
}

/* One argument that begins with '-'; *next is the index of the one after it. */
static enum err take(const struct option *rows, int argc, char **argv, int *next, struct fault *f)
{
	char *arg = argv[*next - 1];
	const struct option *o;
	const char *value = NULL;
	if (arg[1] == '-') {
		struct span name = span_str(arg + 2);
		size_t eq = span_find(name, '=');
		if (eq < name.n)
			value = arg + 2 + eq + 1;
		o = by_name(rows, span_head(name, eq));
	} else {
		o = by_letter(rows, arg[1]);
		if (arg[2])
			value = arg + 2;
	}
	if (!o)
		return fault_set(f, ERR_USAGE, "there is no option \"%s\"", arg);
	if (o->kind == OPTION_FLAG && value)
		return fault_set(f, ERR_USAGE, "option \"--%s\" takes no value", o->name);
	if (o->kind != OPTION_FLAG && !value) {
		if (*next == argc)
			return fault_set(f, ERR_USAGE, "option \"--%s\" needs a value", o->name);
		value = argv[(*next)++];
	}
	return set(o, value, f);
}

enum err options_parse(const struct option *rows, int argc, char **argv, int *ret_operands, struct fault *f)
{
	int n = 0, next = 1;
	while (next < argc) {
		char *arg = argv[next++];
		if (strcmp(arg, "--") == 0) {
			while (next < argc)
				argv[1 + n++] = argv[next++];
			break;
		}
		if (arg[0] != '-' || arg[1] == 0) {
			argv[1 + n++] = arg;
			continue;
		}
		enum err e = take(rows, argc, argv, &next, f);
		if (e)
			return e;
	}
	*ret_operands = n;
	return OK;
}

void options_help(const struct option *rows, struct buf *out)
{
	for (; rows->name; rows++) {
		struct buf left = { 0 };
		if (rows->letter)
			buf_printf(&left, "-%c, ", rows->letter);
		else
			buf_puts(&left, "    ");
		buf_printf(&left, "--%s%s%s", rows->name, rows->argument ? " " : "", rows->argument ? rows->argument : "");
		buf_printf(out, "  %-26s %s\n", buf_cstr(&left), rows->help);
		buf_release(&left);
	}
	buf_printf(out, "  %-26s %s\n", "-h, --help", "this text");
}
