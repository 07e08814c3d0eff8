#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/key.h"

static char dir[64];

static const char *at(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sipar-key-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	unlink(at("node.key"));
	unlink(at("node.pub"));
	return rmdir(dir);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	unlink(at(name));
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make_and_read(void **state)
{
	uint8_t public[32] = { 0 }, again[32];
	struct stat st;
	struct fault f;
	assert_int_equal(key_create(dir, &f), OK);
	assert_int_equal(stat(at("node.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 65);
	assert_int_equal(key_public(dir, public, &f), OK);
	assert_int_equal(key_create(dir, &f), ERR_EXISTS);
	assert_int_equal(key_public(dir, again, &f), OK); /* and the old one is untouched */
	assert_memory_equal(public, again, 32);
	unlink(at("node.key"));
	assert_int_equal(key_create(dir, &f), ERR_EXISTS); /* a public key alone is somebody's too */
	assert_int_equal(access(at("node.key"), F_OK), -1);
	unlink(at("node.pub"));
	assert_int_equal(key_create(dir, &f), OK);
	assert_int_equal(key_public(dir, again, &f), OK);
	assert_memory_not_equal(public, again, 32);
}

/* RFC 8032, 7.1, test 1. */
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static void known_answer(void **state)
{
	uint8_t want[32], got[32];
	struct fault f;
	assert_int_equal(hex_decode(SPAN_LIT(PUBLIC), want, 32), OK);
	write_file("node.key", SEED "\n", 0600);
	assert_int_equal(key_public(dir, got, &f), OK);
	assert_memory_equal(want, got, 32);
	write_file("node.pub", PUBLIC "\n", 0644);
	assert_int_equal(key_public(dir, got, &f), OK);
	write_file("node.pub", SEED "\n", 0644);
	assert_int_equal(key_public(dir, got, &f), ERR_CORRUPT);
}

static void refused(void **state)
{
	uint8_t public[32] = { 1 };
	struct fault f;
	assert_int_equal(key_public(dir, public, &f), ERR_NOTFOUND);
	assert_int_equal(key_public("/nonexistent.example", public, &f), ERR_NOTFOUND);
	assert_int_equal(key_create("/nonexistent.example", &f), ERR_NOTFOUND);
	write_file("node.key", SEED "\n", 0600);
	chmod(at("node.key"), 0640);
	assert_int_equal(key_public(dir, public, &f), ERR_FORBIDDEN);
	assert_non_null(strstr(f.text, "0640"));
	static const char *const bad[] = { "", "\n", SEED, (SEED "\r\n"), (SEED "\n\n"), (SEED "00\n"), ("x" SEED "\n"), (" " SEED),
					   "zz61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		write_file("node.key", bad[i], 0600);
		assert_int_equal(key_public(dir, public, &f), ERR_CORRUPT);
	}
	unlink(at("node.key"));
	assert_int_equal(symlink("/dev/zero", at("node.key")), 0);
	assert_int_not_equal(key_public(dir, public, &f), OK);
	assert_int_equal(public[0], 1);
}

static void randomness(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	random_octets(a, sizeof(a));
	random_octets(b, sizeof(b));
	assert_false(octets_equal(a, b, sizeof(a)));
	assert_true(octets_equal(a, a, sizeof(a)));
	assert_true(octets_equal(a, b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(make_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(known_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test(randomness),
	};
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
