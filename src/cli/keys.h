/* Keys as they are given on a command line, and files that are read whole. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "base/buf.h"
#include "cli/option.h"
#include "ledger/checkpoint.h"

/** A file, appended.  @param cwd  directory that a relative path is under.  @return ERR_NOTFOUND, ERR_FORBIDDEN, ERR_IO;
 *  ERR_RANGE: it has more than `max` octets. */
enum err file_whole(int cwd, const char *path, size_t max, struct buf *out, struct fault *f) MUST_USE;

struct keys {
	unsigned n;
	struct verifier v[OPTION_LIST_MAX];
};
/** Each is a verifier key, "name+01234567+base64", 64 hexadecimal digits, or the path of a file with one of both (node.pub).
 *  @param type  they are to be of this type: NOTE_COSIGNATURE takes the key of a log, too, as that of the same name which
 *               cosigns; but of hexadecimal digits only a NOTE_ED25519 can be made, as a witness is known by its name.
 *  @return ERR_SYNTAX, ERR_UNSUPPORTED; ERR_EXISTS: one of them is given twice; or as file_whole(). */
enum err keys_read(int cwd, const struct option_list *list, enum note_key_type type, struct keys *ret_keys, struct fault *f) MUST_USE;
/** A checkpoint that at least one of the keys has signed, and for none of them a signature that does not hold.
 *  @return as checkpoint_open(); ERR_NOTFOUND: none of them has signed it. */
enum err keys_checkpoint(const struct keys *k, struct span octets, struct checkpoint *ret_checkpoint, struct note *ret_note,
			 struct fault *f) MUST_USE;

#endif
