/* Whoever may read the memory of the process has the key; whoever gets a core dump of it must not.  RLIMIT_CORE keeps files from
 * being written, but not what a dump is piped to, so the key's pages are left out as well (MADV_DONTDUMP, by sodium_malloc).
 * PR_SET_DUMPABLE would take /proc/self from a daemon that does not run as root, and it needs that. */
#include "sys/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/passphrase.h"

enum {
	SEED = crypto_sign_SEEDBYTES,
	PUBLIC = crypto_sign_PUBLICKEYBYTES,
	DIGITS = 2 * SEED,
	BOX = SEED + crypto_secretbox_MACBYTES,
	LINE_MAX_OCTETS = 400,
	OPERATIONS_MAX = 64, /* of Argon2id: a damaged file must not take hours to be refused */
};

_Static_assert((int)SEED == (int)KEY_OCTETS && (int)PUBLIC == (int)KEY_OCTETS, "seed and public key are written as 64 digits each");

/* How the line of a key with a passphrase begins. */
static const struct span boxed = SPAN_LIT("sipar-key-1 ");

struct key {
	uint8_t secret[REALMS][crypto_sign_SECRETKEYBYTES];
	uint8_t public[REALMS][PUBLIC];
};

void sys_key_init(void)
{
	const struct rlimit none = { 0 };
	if (sodium_init() < 0) {
		fprintf(stderr, "sipar: the system has no source of randomness\n");
		abort();
	}
	(void)setrlimit(RLIMIT_CORE, &none);
}

static const char *const realm_names[REALMS] = { [REALM_PRODUCTION] = "production", [REALM_EXERCISE] = "exercise" };

const char *realm_name(enum realm realm)
{
	return realm_names[realm];
}

enum realm realm_find(const char *name)
{
	return strcmp(name, realm_names[REALM_EXERCISE]) == 0 ? REALM_EXERCISE : REALM_PRODUCTION;
}

void random_octets(void *p, size_t n)
{
	randombytes_buf(p, n);
}

bool octets_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

/* ---- keys in memory ---- */

/* The exercise's seed is derived, so that one file holds both and neither tells of the other. */
static void seed_of(const uint8_t seed[SEED], enum realm realm, uint8_t ret_seed[SEED])
{
	if (realm == REALM_PRODUCTION)
		memcpy(ret_seed, seed, SEED);
	else
		crypto_kdf_derive_from_key(ret_seed, SEED, (uint64_t)realm, "siparkey", seed);
}

static struct key *key_new(const uint8_t seed[SEED])
{
	struct key *k = sodium_malloc(sizeof(*k));
	uint8_t own[SEED];
	if (!k)
		abort();
	for (enum realm realm = 0; realm < REALMS; realm++) {
		seed_of(seed, realm, own);
		crypto_sign_seed_keypair(k->public[realm], k->secret[realm], own);
	}
	sodium_memzero(own, sizeof(own));
	sodium_mprotect_readonly(k);
	return k;
}

void key_free(struct key *k)
{
	sodium_free(k); /* overwrites it */
}

const uint8_t *key_public(const struct key *k, enum realm realm)
{
	return k->public[realm];
}

void key_sign(const struct key *k, enum realm realm, struct span message, uint8_t ret_signature[SIGNATURE_OCTETS])
{
	crypto_sign_detached(ret_signature, NULL, message.p, message.n, k->secret[realm]);
}

bool signature_holds(const uint8_t public[KEY_OCTETS], struct span message, const uint8_t signature[SIGNATURE_OCTETS])
{
	return crypto_sign_verify_detached(signature, message.p, message.n, public) == 0;
}

/* ---- files ---- */

static enum err os_fault(const char *path, const char *what, struct fault *f)
{
	enum err e = errno == EEXIST ? ERR_EXISTS : errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_FORBIDDEN :
		     errno == ENOSPC ? ERR_FULL : ERR_IO;
	return fault_set(f, e, "\"%s\" cannot be %s: %s", path, what, strerror(errno));
}

static enum err path_of(char path[PATH_MAX], const char *dir, const char *name, struct fault *f)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return n >= 0 && n < PATH_MAX ? OK : fault_set(f, ERR_RANGE, "the path of the data directory is too long");
}

/* A new file of one line, durable once its directory is.  It is whole or not there, whenever the power fails. */
static enum err write_line(const char *path, mode_t mode, struct span line, struct fault *f)
{
	enum err e = OK;
	char draft[PATH_MAX];
	if ((size_t)snprintf(draft, sizeof(draft), "%s.draft", path) >= sizeof(draft))
		return fault_set(f, ERR_RANGE, "the path of the data directory is too long");
	unlink(draft); /* of somebody who did not come to the end */
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return os_fault(path, "made", f);
	errno = ENOSPC; /* what a short write of so few octets means */
	if (write(fd, line.p, line.n) != (ssize_t)line.n || fsync(fd))
		e = os_fault(path, "written", f);
	if (close(fd) && e == OK)
		e = os_fault(path, "written", f);
	if (e == OK && renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE))
		e = os_fault(path, "made", f);
	if (e)
		unlink(draft);
	return e;
}

static enum err write_digits(const char *path, mode_t mode, const uint8_t octets[32], struct fault *f)
{
	char line[DIGITS + 1];
	hex_encode(octets, 32, line);
	line[DIGITS] = '\n';
	enum err e = write_line(path, mode, span_of(line, sizeof(line)), f);
	sodium_memzero(line, sizeof(line));
	return e;
}

/* The key of the box from a passphrase. */
static enum err stretch(struct span passphrase, const uint8_t salt[crypto_pwhash_SALTBYTES], uint64_t operations, uint64_t memory,
			uint8_t ret_key[crypto_secretbox_KEYBYTES], struct fault *f)
{
	if (crypto_pwhash(ret_key, crypto_secretbox_KEYBYTES, (const char *)passphrase.p, passphrase.n, salt, operations, (size_t)memory,
			  crypto_pwhash_ALG_ARGON2ID13))
		return fault_set(f, ERR_IO, "there is not enough memory for the passphrase: Argon2id asks for %llu MiB",
				 (unsigned long long)memory >> 20);
	return OK;
}

static enum err write_boxed(const char *path, const uint8_t seed[SEED], struct span passphrase, struct fault *f)
{
	uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box[BOX], key[crypto_secretbox_KEYBYTES];
	char digits[2 * (sizeof(salt) + sizeof(nonce) + sizeof(box)) + 3], line[LINE_MAX_OCTETS];
	random_octets(salt, sizeof(salt));
	random_octets(nonce, sizeof(nonce));
	enum err e = stretch(passphrase, salt, crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE, key, f);
	if (e)
		return e;
	crypto_secretbox_easy(box, seed, SEED, nonce, key);
	sodium_memzero(key, sizeof(key));
	char *p = digits;
	hex_encode(salt, sizeof(salt), p), p += 2 * sizeof(salt), *p++ = ' ';
	hex_encode(nonce, sizeof(nonce), p), p += 2 * sizeof(nonce), *p++ = ' ';
	hex_encode(box, sizeof(box), p), p += 2 * sizeof(box), *p = 0;
	int n = snprintf(line, sizeof(line), "sipar-key-1 %llu %llu %s\n", (unsigned long long)crypto_pwhash_OPSLIMIT_MODERATE,
			 (unsigned long long)crypto_pwhash_MEMLIMIT_MODERATE, digits);
	return write_line(path, 0600, span_of(line, (size_t)n), f);
}

static enum err write_seed(const char *path, const uint8_t seed[SEED], struct span passphrase, struct fault *f)
{
	return passphrase.n ? write_boxed(path, seed, passphrase, f) : write_digits(path, 0600, seed, f);
}

static enum err sync_directory(const char *dir, struct fault *f)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = fd >= 0 && fsync(fd) == 0 ? OK : os_fault(dir, "made durable", f);
	if (fd >= 0)
		close(fd);
	return e;
}

enum err key_create(const char *dir, struct span passphrase, struct fault *f)
{
	char key_path[PATH_MAX], pub_path[PATH_MAX];
	uint8_t seed[SEED];
	enum err e;
	if ((e = path_of(key_path, dir, "node.key", f)) || (e = path_of(pub_path, dir, "node.pub", f)))
		return e;
	random_octets(seed, sizeof(seed));
	if ((e = write_seed(key_path, seed, passphrase, f)) == OK) {
		struct key *k = key_new(seed);
		if ((e = write_digits(pub_path, 0644, key_public(k, REALM_PRODUCTION), f)) != OK)
			unlink(key_path); /* made above: no key of old is lost */
		else
			e = sync_directory(dir, f);
		key_free(k);
	}
	sodium_memzero(seed, sizeof(seed));
	return e;
}

/* One line without its newline.  @param refused  permission bits that the file must not have. */
static enum err read_line(const char *path, mode_t refused, char line[LINE_MAX_OCTETS], struct span *ret_line, struct fault *f)
{
	struct stat st;
	enum err e = OK;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return os_fault(path, "opened", f);
	ssize_t n = -1;
	if (fstat(fd, &st))
		e = os_fault(path, "read", f);
	else if (!S_ISREG(st.st_mode))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not a file", path);
	else if (st.st_mode & refused)
		e = fault_set(f, ERR_FORBIDDEN, "\"%s\" has mode %04o: others than its owner must not have access to it", path,
			      (unsigned)st.st_mode & 07777);
	else if ((n = read(fd, line, LINE_MAX_OCTETS)) < 0)
		e = os_fault(path, "read", f);
	close(fd);
	if (e == OK && (n == 0 || n == LINE_MAX_OCTETS || line[n - 1] != '\n'))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not one line", path);
	if (e == OK)
		*ret_line = span_of(line, (size_t)n - 1);
	return e;
}

static enum err read_digits(const char *path, uint8_t ret_octets[32], struct fault *f)
{
	char line[LINE_MAX_OCTETS];
	struct span digits;
	enum err e = read_line(path, 0, line, &digits, f);
	if (e == OK && hex_decode(digits, ret_octets, 32))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not one line of %d hexadecimal digits", path, DIGITS);
	return e;
}

static struct span take_word(struct span *rest)
{
	size_t n = span_find(*rest, ' ');
	struct span word = span_head(*rest, n);
	*rest = span_from(*rest, n + 1);
	return word;
}

static enum err open_box(const char *path, struct span line, uint8_t ret_seed[SEED], struct fault *f)
{
	uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box[BOX], key[crypto_secretbox_KEYBYTES];
	uint64_t operations, memory;
	struct passphrase passphrase;
	take_word(&line); /* the form's name */
	if (num_parse_u64(take_word(&line), OPERATIONS_MAX, &operations) ||
	    num_parse_u64(take_word(&line), UINT64_C(4) << 30, &memory) ||
	    hex_decode(take_word(&line), salt, sizeof(salt)) || hex_decode(take_word(&line), nonce, sizeof(nonce)) ||
	    hex_decode(line, box, sizeof(box)) || operations < crypto_pwhash_OPSLIMIT_MIN || memory < crypto_pwhash_MEMLIMIT_MIN ||
	    memory % 1024) /* which Argon2 would leave out of account */
		return fault_set(f, ERR_CORRUPT, "\"%s\" is not a key with a passphrase", path);
	enum err e = passphrase_get(false, &passphrase, f);
	if (e)
		return e;
	e = stretch(span_of(passphrase.octets, passphrase.n), salt, operations, memory, key, f);
	passphrase_wipe(&passphrase);
	if (e == OK && crypto_secretbox_open_easy(ret_seed, box, sizeof(box), nonce, key))
		e = fault_set(f, ERR_FORBIDDEN, "the passphrase is not that of \"%s\", or the file is damaged", path);
	sodium_memzero(key, sizeof(key));
	return e;
}

/* @param refused  as read_line(). */
static enum err open_file(const char *path, mode_t refused, struct key **ret_key, struct fault *f)
{
	char line[LINE_MAX_OCTETS];
	uint8_t seed[SEED];
	struct span text;
	enum err e = read_line(path, refused, line, &text, f);
	if (e == OK && span_starts(text, boxed))
		e = open_box(path, text, seed, f);
	else if (e == OK && hex_decode(text, seed, SEED))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is neither one line of %d hexadecimal digits nor a key with a passphrase", path, DIGITS);
	if (e == OK)
		*ret_key = key_new(seed);
	sodium_memzero(line, sizeof(line));
	sodium_memzero(seed, sizeof(seed));
	return e;
}

/* ---- systemd's credential, which stands for node.key; systemd sees to who may read it ---- */

static bool credential(char path[PATH_MAX])
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	return credentials && path_of(path, credentials, "sipar-node-key", NULL) == OK && access(path, F_OK) == 0;
}

static enum err open_current(const char *dir, struct key **ret_key, struct fault *f)
{
	char path[PATH_MAX];
	if (credential(path))
		return open_file(path, 0, ret_key, f);
	enum err e = path_of(path, dir, "node.key", f);
	return e ? e : open_file(path, 0077, ret_key, f);
}

enum err key_protected(const char *dir, bool *ret_protected, struct fault *f)
{
	char path[PATH_MAX], line[LINE_MAX_OCTETS];
	struct span text;
	bool given = credential(path);
	enum err e = given ? OK : path_of(path, dir, "node.key", f);
	if (e == OK && (e = read_line(path, given ? 0 : 0077, line, &text, f)) == OK)
		*ret_protected = span_starts(text, boxed);
	sodium_memzero(line, sizeof(line));
	return e;
}

/* The public key follows from the private one; its file is for people to copy, and is written again when a rotation lost it. */
static enum err check_public(const char *dir, const uint8_t public[PUBLIC], struct fault *f)
{
	char path[PATH_MAX];
	uint8_t told[PUBLIC];
	enum err e = key_read_public(dir, told, f);
	if (e == ERR_NOTFOUND && path_of(path, dir, "node.pub", NULL) == OK)
		return (void)!write_digits(path, 0644, public, NULL), OK;
	if (e == OK && memcmp(told, public, PUBLIC) != 0)
		e = fault_set(f, ERR_CORRUPT, "\"%s/node.pub\" is not the public key of node.key beside it", dir);
	return e;
}

enum err key_open(const char *dir, struct key **ret_key, struct fault *f)
{
	struct key *k;
	enum err e = open_current(dir, &k, f);
	if (e)
		return e;
	if ((e = check_public(dir, key_public(k, REALM_PRODUCTION), f)) != OK)
		key_free(k);
	else
		*ret_key = k;
	return e;
}

enum err key_read_public(const char *dir, uint8_t ret_public[KEY_OCTETS], struct fault *f)
{
	char path[PATH_MAX];
	enum err e = path_of(path, dir, "node.pub", f);
	return e ? e : read_digits(path, ret_public, f);
}

/* ---- rotation ---- */

enum err key_prepare(const char *dir, struct span passphrase, struct fault *f)
{
	char path[PATH_MAX];
	uint8_t seed[SEED];
	if (credential(path))
		return fault_set(f, ERR_UNSUPPORTED, "the node's key is the credential \"%s\", which cannot be replaced here: put the key into "
				 "\"%s/node.key\" first", path, dir);
	enum err e = path_of(path, dir, "node.key.new", f);
	if (e)
		return e;
	if (access(path, F_OK) == 0)
		return fault_set(f, ERR_EXISTS, "\"%s\" is there already", path);
	random_octets(seed, sizeof(seed));
	if ((e = write_seed(path, seed, passphrase, f)) == OK)
		e = sync_directory(dir, f);
	sodium_memzero(seed, sizeof(seed));
	return e;
}

enum err key_open_new(const char *dir, struct key **ret_key, struct fault *f)
{
	char path[PATH_MAX];
	enum err e = path_of(path, dir, "node.key.new", f);
	return e ? e : open_file(path, 0077, ret_key, f);
}

/* node.pub first goes away and is written last: without it node.key speaks for itself, whichever it is by then. */
static enum err replace_files(const char *dir, const uint8_t old[PUBLIC], const uint8_t new[PUBLIC], struct fault *f)
{
	char key[PATH_MAX], next[PATH_MAX], pub[PATH_MAX], kept[PATH_MAX], name[40], digits[2 * PUBLIC + 1];
	enum err e;
	hex_encode(old, PUBLIC, digits);
	snprintf(name, sizeof(name), "node.key.old-%.8s", digits);
	if ((e = path_of(key, dir, "node.key", f)) || (e = path_of(next, dir, "node.key.new", f)) || (e = path_of(pub, dir, "node.pub", f)) ||
	    (e = path_of(kept, dir, name, f)))
		return e;
	if (unlink(pub) && errno != ENOENT)
		return os_fault(pub, "removed", f);
	if (link(key, kept) && errno != EEXIST)
		return os_fault(kept, "made", f);
	if ((e = sync_directory(dir, f)) != OK)
		return e;
	if (rename(next, key))
		return os_fault(key, "replaced", f);
	if ((e = write_digits(pub, 0644, new, f)) != OK)
		return e;
	return sync_directory(dir, f);
}

enum err key_replace(const char *dir, struct fault *f)
{
	char path[PATH_MAX];
	struct key *old, *new;
	enum err e = path_of(path, dir, "node.key", f);
	if (e || (e = open_file(path, 0077, &old, f)))
		return e;
	if ((e = key_open_new(dir, &new, f)) == OK) {
		e = replace_files(dir, key_public(old, REALM_PRODUCTION), key_public(new, REALM_PRODUCTION), f);
		key_free(new);
	}
	key_free(old);
	return e;
}
