#include "sys/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

enum { SEED = crypto_sign_SEEDBYTES, PUBLIC = crypto_sign_PUBLICKEYBYTES, DIGITS = 2 * SEED };

_Static_assert(SEED == 32 && PUBLIC == 32, "seed and public key are written as 64 digits each");

void sys_key_init(void)
{
	if (sodium_init() < 0) {
		fprintf(stderr, "sipar: the system has no source of randomness\n");
		abort();
	}
}

void random_octets(void *p, size_t n)
{
	randombytes_buf(p, n);
}

bool octets_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

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

/* A new file of one line of hexadecimal digits, durable. */
static enum err write_digits(const char *path, mode_t mode, const uint8_t octets[32], struct fault *f)
{
	char line[DIGITS + 1];
	enum err e = OK;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return os_fault(path, "made", f);
	hex_encode(octets, 32, line);
	line[DIGITS] = '\n';
	errno = ENOSPC; /* what a short write of so few octets means */
	if (write(fd, line, sizeof(line)) != (ssize_t)sizeof(line) || fsync(fd))
		e = os_fault(path, "written", f);
	if (close(fd) && e == OK)
		e = os_fault(path, "written", f);
	if (e)
		unlink(path);
	sodium_memzero(line, sizeof(line));
	return e;
}

static enum err sync_directory(const char *dir, struct fault *f)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = fd >= 0 && fsync(fd) == 0 ? OK : os_fault(dir, "made durable", f);
	if (fd >= 0)
		close(fd);
	return e;
}

static void public_of(const uint8_t seed[SEED], uint8_t ret_public[PUBLIC])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	crypto_sign_seed_keypair(ret_public, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

enum err key_create(const char *dir, struct fault *f)
{
	char key_path[PATH_MAX], pub_path[PATH_MAX];
	uint8_t seed[SEED], public[PUBLIC];
	enum err e;
	if ((e = path_of(key_path, dir, "node.key", f)) || (e = path_of(pub_path, dir, "node.pub", f)))
		return e;
	random_octets(seed, sizeof(seed));
	public_of(seed, public);
	if ((e = write_digits(key_path, 0600, seed, f)) == OK) {
		if ((e = write_digits(pub_path, 0644, public, f)) != OK)
			unlink(key_path); /* made above: no key of old is lost */
		else
			e = sync_directory(dir, f);
	}
	sodium_memzero(seed, sizeof(seed));
	return e;
}

/* @param refused  permission bits that the file must not have. */
static enum err read_digits(const char *path, mode_t refused, uint8_t ret_octets[32], struct fault *f)
{
	char line[DIGITS + 2];
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
	else if ((n = read(fd, line, sizeof(line))) < 0)
		e = os_fault(path, "read", f);
	if (e == OK && (n != DIGITS + 1 || line[DIGITS] != '\n' || hex_decode(span_of(line, DIGITS), ret_octets, 32)))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not one line of %d hexadecimal digits", path, DIGITS);
	close(fd);
	sodium_memzero(line, sizeof(line));
	return e;
}

enum err key_public(const char *dir, uint8_t ret_public[32], struct fault *f)
{
	char path[PATH_MAX];
	uint8_t seed[SEED], public[PUBLIC], told[PUBLIC];
	enum err e;
	if ((e = path_of(path, dir, "node.key", f)) || (e = read_digits(path, 0077, seed, f)))
		return e;
	public_of(seed, public);
	sodium_memzero(seed, sizeof(seed));
	if ((e = path_of(path, dir, "node.pub", f)) == OK && (e = read_digits(path, 0, told, f)) == OK &&
	    !octets_equal(public, told, sizeof(public)))
		e = fault_set(f, ERR_CORRUPT, "\"%s\" is not the public key of node.key beside it", path);
	if (e == ERR_NOTFOUND)
		e = OK; /* the public key follows from the private one; its file is for people to copy */
	if (e == OK)
		memcpy(ret_public, public, sizeof(public));
	return e;
}
