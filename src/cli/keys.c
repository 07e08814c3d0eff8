#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { KEY_FILE_MAX = 4096 };

static enum err os_fault(const char *path, struct fault *f)
{
	enum err e = errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN : ERR_IO;
	return fault_set(f, e, "\"%s\" cannot be read: %s", path, strerror(errno));
}

enum err file_whole(int cwd, const char *path, size_t max, struct buf *out, struct fault *f)
{
	size_t before = out->n;
	ssize_t n = 0;
	int fd = openat(cwd, path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? os_fault(path, f) : OK;
	while (e == OK && out->n - before <= max && (n = io_read(fd, -1, buf_reserve(out, 65536), 65536)) > 0)
		out->n += (size_t)n;
	if (e == OK && n < 0)
		e = os_fault(path, f);
	if (e == OK && out->n - before > max)
		e = fault_set(f, ERR_RANGE, "\"%s\" is larger than %zu octets", path, max);
	if (e)
		out->n = before;
	if (fd >= 0)
		close(fd);
	return e;
}

/* The text itself, or what is in the file of that name. */
static enum err key_read(int cwd, const char *text, struct verifier *ret_verifier, struct fault *f)
{
	struct buf octets = { 0 };
	struct fault no_file;
	struct stat st;
	enum err e = verifier_parse(span_str(text), ret_verifier, f);
	if (e == OK || (fstatat(cwd, text, &st, 0) && span_find(span_str(text), '+') < strlen(text)))
		return e;
	e = file_whole(cwd, text, KEY_FILE_MAX, &octets, &no_file);
	if (e == ERR_NOTFOUND)
		fault_set(f, e, "\"%.200s\" is neither a key nor a file with one", text);
	else if (e && f)
		*f = no_file;
	else if (!e && (e = verifier_parse(buf_span(&octets), ret_verifier, NULL)) != OK) /* what is in it may be a secret */
		fault_set(f, e, "\"%.200s\" does not hold a public key: neither name+id+base64 nor 64 hexadecimal digits (node.pub of a data directory holds the latter)", text);
	buf_release(&octets);
	return e;
}

enum err keys_read(int cwd, const struct option_list *list, enum note_key_type type, struct keys *ret_keys, struct fault *f)
{
	struct keys k = { .n = list->n };
	for (unsigned i = 0; i < list->n; i++) {
		enum err e = key_read(cwd, list->value[i], &k.v[i], f);
		if (e)
			return e;
		if (type == NOTE_COSIGNATURE && !k.v[i].name[0])
			return fault_set(f, ERR_SYNTAX, "\"%.200s\" does not say the name of the witness: give name+id+key", list->value[i]);
		if (type == NOTE_ED25519 && k.v[i].type != type)
			return fault_set(f, ERR_UNSUPPORTED, "\"%.200s\" is the key of a witness, and not one that signs a log", list->value[i]);
		k.v[i].type = (uint8_t)type;
		for (unsigned j = 0; j < i; j++)
			if (memcmp(k.v[j].key, k.v[i].key, sizeof(k.v[i].key)) == 0)
				return fault_set(f, ERR_EXISTS, "\"%.200s\" is the same key as one before it", list->value[i]);
	}
	*ret_keys = k;
	return OK;
}

enum err keys_checkpoint(const struct keys *k, struct span octets, struct checkpoint *ret_checkpoint, struct note *ret_note, struct fault *f)
{
	bool signed_by_one = false;
	enum err e = OK;
	for (unsigned i = 0; i < k->n; i++) {
		e = checkpoint_open(octets, &k->v[i], ret_checkpoint, ret_note, f);
		if (e && e != ERR_NOTFOUND)
			return e;
		signed_by_one |= e == OK;
	}
	return signed_by_one ? OK : e;
}
