#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/key.h"
#include "sys/passphrase.h"

/* RFC 8032, 7.1, test 1. */
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
/* Its exercise key: the seed is BLAKE2b of nothing, 32 octets, keyed with the seed above, with salt 1 and personalisation "siparkey". */
#define EXERCISE "994bb0e86d5b13ac54454627207147673129ce0eb18e2b496bbe8d2171509efa"
/* The same seed under a passphrase, with the least work that Argon2id knows. */
#define PASSPHRASE "correct horse"
#define BOXED                                                                                                          \
	"sipar-key-1 1 8192 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 101112131415161718191a1b1c1d1e1f2021222324252627 "             \
	"b8a48e633c73e69f0529690ed9c5b28f16102459ee5566c68d7ef8b1e230f6581a1554c83abc91f060493be6cf6cff7a\n"

static char dir[64];

static const char *at(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("SIPAR_PASSPHRASE_FILE");
	snprintf(dir, sizeof(dir), "/tmp/sipar-key-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "node.key", "node.pub", "node.key.new", "node.key.old-d75a9801", "pass", "sipar-passphrase",
					     "sipar-node-key" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		unlink(at(names[i]));
	return rmdir(dir); /* nothing else was left there */
}

static void write_octets(const char *name, const void *octets, size_t n, mode_t mode)
{
	unlink(at(name));
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, octets, n), n);
	close(fd);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	write_octets(name, text, strlen(text), mode);
}

static bool there(const char *name)
{
	return access(at(name), F_OK) == 0;
}

static void passphrase_is(const char *text)
{
	write_file("pass", text, 0600);
	setenv("SIPAR_PASSPHRASE_FILE", at("pass"), 1);
}

static enum err try_open(struct fault *f)
{
	struct key *k = NULL;
	enum err e = key_open(dir, &k, f);
	assert_int_equal(e == OK, k != NULL);
	key_free(k);
	return e;
}

static void assert_public(const uint8_t public[KEY_OCTETS], const char *digits)
{
	uint8_t want[KEY_OCTETS];
	assert_int_equal(hex_decode(span_str(digits), want, sizeof(want)), OK);
	assert_memory_equal(public, want, sizeof(want));
}

/* The key that opens is the one of the vector. */
static void assert_opens(void)
{
	struct key *k;
	struct fault f = { .text = "" };
	if (key_open(dir, &k, &f))
		fail_msg("%s", f.text);
	assert_public(key_public(k, REALM_PRODUCTION), PUBLIC);
	key_free(k);
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(at(name), &st), 0);
	return st.st_mode & 07777;
}

/* ---- making ---- */

static void make_and_open(void **state)
{
	struct key *k, *again;
	uint8_t public[KEY_OCTETS];
	struct stat st;
	struct fault f;
	bool protected = true;
	assert_int_equal(key_create(dir, span_of(NULL, 0), &f), OK);
	assert_int_equal(mode_of("node.key"), 0600);
	assert_int_equal(mode_of("node.pub"), 0644);
	assert_int_equal(stat(at("node.key"), &st), 0);
	assert_int_equal(st.st_size, 65);
	assert_int_equal(key_protected(dir, &protected, &f), OK);
	assert_false(protected);
	assert_int_equal(key_open(dir, &k, &f), OK);
	assert_int_equal(key_read_public(dir, public, &f), OK);
	assert_memory_equal(public, key_public(k, REALM_PRODUCTION), sizeof(public));
	assert_int_equal(key_create(dir, span_of(NULL, 0), &f), ERR_EXISTS);
	assert_int_equal(key_open(dir, &again, &f), OK); /* and the old one is untouched */
	assert_memory_equal(key_public(k, REALM_PRODUCTION), key_public(again, REALM_PRODUCTION), KEY_OCTETS);
	key_free(again);
	unlink(at("node.key"));
	assert_int_equal(key_create(dir, span_of(NULL, 0), &f), ERR_EXISTS); /* a public key alone is somebody's too */
	assert_false(there("node.key"));
	unlink(at("node.pub"));
	assert_int_equal(key_create(dir, span_of(NULL, 0), &f), OK);
	assert_int_equal(key_open(dir, &again, &f), OK);
	assert_memory_not_equal(key_public(k, REALM_PRODUCTION), key_public(again, REALM_PRODUCTION), KEY_OCTETS);
	key_free(again);
	key_free(k);
	key_free(NULL);
}

/* With the work that a new key gets: some seconds in all. */
static void make_with_passphrase(void **state)
{
	struct key *k;
	uint8_t public[KEY_OCTETS];
	char line[400];
	struct fault f;
	bool protected = false;
	assert_int_equal(key_create(dir, SPAN_LIT(PASSPHRASE), &f), OK);
	assert_int_equal(mode_of("node.key"), 0600);
	int fd = open(at("node.key"), O_RDONLY);
	ssize_t n = read(fd, line, sizeof(line));
	close(fd);
	assert_true(n > 0 && span_starts(span_of(line, (size_t)n), SPAN_LIT("sipar-key-1 3 268435456 ")));
	assert_int_equal(key_protected(dir, &protected, &f), OK); /* without one */
	assert_true(protected);
	passphrase_is(PASSPHRASE "\n");
	assert_int_equal(key_open(dir, &k, &f), OK);
	assert_int_equal(key_read_public(dir, public, &f), OK);
	assert_memory_equal(public, key_public(k, REALM_PRODUCTION), sizeof(public));
	key_free(k);
}

/* ---- what a key says ---- */

static void known_answers(void **state)
{
	static const struct {
		const char *seed, *public, *message, *signature;
	} rfc8032[] = {
		{ SEED, PUBLIC, "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
		{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	};
	for (size_t i = 0; i < COUNT_OF(rfc8032); i++) {
		uint8_t message[8], want[SIGNATURE_OCTETS], got[SIGNATURE_OCTETS];
		struct span m = span_of(message, strlen(rfc8032[i].message) / 2);
		char line[80];
		struct key *k;
		struct fault f;
		assert_int_equal(hex_decode(span_str(rfc8032[i].message), message, m.n), OK);
		assert_int_equal(hex_decode(span_str(rfc8032[i].signature), want, sizeof(want)), OK);
		snprintf(line, sizeof(line), "%s\n", rfc8032[i].seed);
		unlink(at("node.pub"));
		write_file("node.key", line, 0600);
		assert_int_equal(key_open(dir, &k, &f), OK);
		assert_public(key_public(k, REALM_PRODUCTION), rfc8032[i].public);
		key_sign(k, REALM_PRODUCTION, m, got);
		assert_memory_equal(got, want, sizeof(got));
		assert_true(signature_holds(key_public(k, REALM_PRODUCTION), m, want));
		assert_false(signature_holds(key_public(k, REALM_EXERCISE), m, want));
		assert_false(signature_holds(key_public(k, REALM_PRODUCTION), SPAN_LIT("x"), want));
		for (size_t bit = 0; bit < 8 * sizeof(got); bit++) {
			got[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(signature_holds(key_public(k, REALM_PRODUCTION), m, got));
			got[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		key_free(k);
	}
}

static void exercise_is_another_key(void **state)
{
	struct key *k;
	struct fault f;
	uint8_t signature[SIGNATURE_OCTETS];
	write_file("node.key", SEED "\n", 0600);
	assert_int_equal(key_open(dir, &k, &f), OK);
	assert_public(key_public(k, REALM_PRODUCTION), PUBLIC);
	assert_public(key_public(k, REALM_EXERCISE), EXERCISE);
	key_sign(k, REALM_EXERCISE, SPAN_LIT("flood"), signature);
	assert_true(signature_holds(key_public(k, REALM_EXERCISE), SPAN_LIT("flood"), signature));
	assert_false(signature_holds(key_public(k, REALM_PRODUCTION), SPAN_LIT("flood"), signature));
	key_free(k);
}

static void no_trivial_signature(void **state)
{
	uint8_t public[KEY_OCTETS] = { 1 }, signature[SIGNATURE_OCTETS] = { 1 }; /* the neutral element: "signs" everything */
	assert_false(signature_holds(public, SPAN_LIT("anything"), signature));
}

/* ---- refusing ---- */

static void refused(void **state)
{
	struct fault f;
	uint8_t public[KEY_OCTETS] = { 1 };
	bool protected;
	assert_int_equal(try_open(&f), ERR_NOTFOUND);
	assert_int_equal(key_protected(dir, &protected, &f), ERR_NOTFOUND);
	assert_int_equal(key_read_public(dir, public, &f), ERR_NOTFOUND);
	assert_int_equal(key_create("/nonexistent.example", span_of(NULL, 0), &f), ERR_NOTFOUND);
	static const mode_t open_modes[] = { 0640, 0604, 0660, 0610 };
	for (size_t i = 0; i < COUNT_OF(open_modes); i++) {
		char mode[8];
		write_file("node.key", SEED "\n", open_modes[i]);
		assert_int_equal(try_open(&f), ERR_FORBIDDEN);
		snprintf(mode, sizeof(mode), "%04o", open_modes[i]);
		assert_non_null(strstr(f.text, mode));
	}
	static const char *const bad[] = { "", "\n", SEED, (SEED "\r\n"), (SEED "\n\n"), (SEED "00\n"), ("x" SEED "\n"), (" " SEED),
					   "zz61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n", "sipar-key-1 \n",
					   "sipar-key-2 1 8192 00 00 00\n", "sipar-key-1 1 8192 00 00 00\n" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		write_file("node.key", bad[i], 0600);
		assert_int_equal(try_open(&f), ERR_CORRUPT);
		assert_non_null(strstr(f.text, "node.key"));
	}
	unlink(at("node.key"));
	assert_int_equal(symlink("/dev/zero", at("node.key")), 0);
	assert_int_not_equal(try_open(&f), OK);
	assert_false(there("node.pub"));
	assert_int_equal(public[0], 1);
}

static void another_public_key(void **state)
{
	struct fault f;
	uint8_t public[KEY_OCTETS];
	write_file("node.key", SEED "\n", 0600);
	assert_opens();
	assert_int_equal(key_read_public(dir, public, &f), OK); /* it was missing */
	assert_public(public, PUBLIC);
	write_file("node.pub", EXERCISE "\n", 0644);
	assert_int_equal(try_open(&f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, "node.pub"));
	write_file("node.pub", PUBLIC, 0644);
	assert_int_equal(try_open(&f), ERR_CORRUPT);
	assert_int_equal(key_read_public(dir, public, &f), ERR_CORRUPT);
	write_file("node.pub", PUBLIC "\n", 0644);
	assert_opens();
}

static void damaged_at_every_octet(void **state)
{
	static const char *const forms[] = { SEED "\n", BOXED };
	static const uint8_t flips[] = { 0x01, 0x80 };
	char line[400];
	struct fault f;
	write_file("node.pub", PUBLIC "\n", 0644);
	passphrase_is(PASSPHRASE);
	for (size_t form = 0; form < COUNT_OF(forms); form++) {
		size_t n = strlen(forms[form]);
		write_file("node.key", forms[form], 0600);
		assert_opens();
		for (size_t i = 0; i < n * COUNT_OF(flips); i++) {
			memcpy(line, forms[form], n);
			line[i / COUNT_OF(flips)] ^= (char)flips[i % COUNT_OF(flips)];
			write_octets("node.key", line, n, 0600);
			enum err e = try_open(&f);
			assert_true(e == ERR_CORRUPT || (form == 1 && e == ERR_FORBIDDEN));
		}
		for (size_t i = 0; i < n; i++) {
			write_octets("node.key", forms[form], i, 0600);
			assert_int_equal(try_open(&f), ERR_CORRUPT);
		}
	}
}

/* A file may not ask for hours or for all memory. */
static void work_is_bounded(void **state)
{
	static const char *const limits[] = { "4294967295 8192", "1 9999999999999", "0 8192", "1 0", "1 8191", "-1 8192", "1 18446744073709551617" };
	char line[400];
	struct fault f;
	passphrase_is(PASSPHRASE);
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		snprintf(line, sizeof(line), "sipar-key-1 %s%s", limits[i], &BOXED[strlen("sipar-key-1 1 8192")]);
		write_file("node.key", line, 0600);
		assert_int_equal(try_open(&f), ERR_CORRUPT);
	}
}

/* ---- passphrases ---- */

static void passphrase_wrong_or_missing(void **state)
{
	struct fault f;
	write_file("node.key", BOXED, 0600);
	passphrase_is(PASSPHRASE);
	assert_opens();
	passphrase_is(PASSPHRASE "\n"); /* one newline is the editor's */
	assert_opens();
	static const char *const wrong[] = { "correct hors", PASSPHRASE "\n\n", PASSPHRASE " ", PASSPHRASE "\r\n", "Correct horse" };
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		passphrase_is(wrong[i]);
		assert_int_equal(try_open(&f), ERR_FORBIDDEN);
		assert_non_null(strstr(f.text, "the passphrase is not that of"));
	}
	passphrase_is("");
	assert_int_equal(try_open(&f), ERR_FORBIDDEN);
	passphrase_is("\n");
	assert_int_equal(try_open(&f), ERR_FORBIDDEN);
	unlink(at("pass"));
	assert_int_equal(try_open(&f), ERR_FORBIDDEN); /* not ERR_NOTFOUND: the key is there */
	assert_non_null(strstr(f.text, at("pass")));
	write_file("node.key", SEED "\n", 0600);
	assert_opens(); /* which needs none */
}

static void passphrase_length(void **state)
{
	struct passphrase p = { .n = 77 };
	struct fault f;
	static char text[PASSPHRASE_MAX + 3];
	memset(text, 'p', sizeof(text));
	text[PASSPHRASE_MAX] = 0;
	passphrase_is(text);
	assert_int_equal(passphrase_get(true, &p, &f), OK);
	assert_int_equal(p.n, PASSPHRASE_MAX);
	text[PASSPHRASE_MAX] = '\n';
	text[PASSPHRASE_MAX + 1] = 0;
	passphrase_is(text);
	assert_int_equal(passphrase_get(false, &p, &f), OK);
	assert_int_equal(p.n, PASSPHRASE_MAX);
	text[PASSPHRASE_MAX + 1] = 'p'; /* behind the newline there is more: not a passphrase cut short */
	text[PASSPHRASE_MAX + 2] = 0;
	passphrase_is(text);
	p.n = 77;
	assert_int_equal(passphrase_get(false, &p, &f), ERR_RANGE);
	assert_int_equal(p.n, 77);
	text[PASSPHRASE_MAX] = 'p';
	text[PASSPHRASE_MAX + 1] = 0;
	passphrase_is(text);
	assert_int_equal(passphrase_get(false, &p, &f), ERR_RANGE);
	passphrase_wipe(&p);
	for (size_t i = 0; i < sizeof(p); i++)
		assert_int_equal(((const uint8_t *)&p)[i], 0);
}

static void credentials(void **state)
{
	struct fault f;
	bool protected = false;
	write_file("node.key", BOXED, 0600);
	assert_false(passphrase_unattended());
	passphrase_is("not this one");
	assert_true(passphrase_unattended());
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(try_open(&f), ERR_FORBIDDEN);
	write_file("sipar-passphrase", PASSPHRASE, 0440); /* goes before the variable's file */
	assert_opens();
	unsetenv("SIPAR_PASSPHRASE_FILE");
	assert_true(passphrase_unattended());
	assert_opens();
	unlink(at("node.key"));
	unlink(at("node.pub"));
	assert_int_equal(try_open(&f), ERR_NOTFOUND);
	write_file("sipar-node-key", BOXED, 0440); /* stands for node.key; its mode is systemd's business */
	assert_opens();
	assert_int_equal(key_protected(dir, &protected, &f), OK);
	assert_true(protected);
	unlink(at("sipar-passphrase"));
	setenv("SIPAR_PASSPHRASE_FILE", at("none"), 1);
	write_file("node.key", SEED "\n", 0600);
	assert_int_equal(try_open(&f), ERR_FORBIDDEN); /* and is not left aside for it */
	assert_int_equal(key_prepare(dir, span_of(NULL, 0), &f), ERR_UNSUPPORTED);
	assert_false(there("node.key.new"));
}

/* ---- rotation ---- */

static void old_key(void)
{
	write_file("node.key", SEED "\n", 0600);
	write_file("node.pub", PUBLIC "\n", 0644);
}

/* node.key is `want`, node.pub agrees, and nothing is left to do. */
static void assert_rotated(const uint8_t want[KEY_OCTETS])
{
	struct key *k;
	struct fault f;
	uint8_t public[KEY_OCTETS];
	assert_int_equal(key_open(dir, &k, &f), OK);
	assert_memory_equal(key_public(k, REALM_PRODUCTION), want, KEY_OCTETS);
	key_free(k);
	assert_int_equal(key_read_public(dir, public, &f), OK);
	assert_memory_equal(public, want, KEY_OCTETS);
	assert_false(there("node.key.new"));
	assert_int_equal(mode_of("node.key"), 0600);
	assert_int_equal(mode_of("node.pub"), 0644);
}

/* The old key was kept: put back, it opens. */
static void assert_kept(void)
{
	assert_int_equal(mode_of("node.key.old-d75a9801"), 0600);
	unlink(at("node.pub"));
	char kept[128];
	snprintf(kept, sizeof(kept), "%s", at("node.key.old-d75a9801"));
	assert_int_equal(rename(kept, at("node.key")), 0);
	assert_opens();
}

static void prepare(uint8_t ret_public[KEY_OCTETS])
{
	struct key *k;
	struct fault f;
	assert_int_equal(key_prepare(dir, span_of(NULL, 0), &f), OK);
	assert_int_equal(mode_of("node.key.new"), 0600);
	assert_int_equal(key_open_new(dir, &k, &f), OK);
	memcpy(ret_public, key_public(k, REALM_PRODUCTION), KEY_OCTETS);
	key_free(k);
}

static void rotation(void **state)
{
	struct key *k = NULL;
	struct fault f;
	uint8_t new[KEY_OCTETS], again[KEY_OCTETS];
	assert_int_equal(key_replace(dir, &f), ERR_NOTFOUND);
	old_key();
	assert_int_equal(key_open_new(dir, &k, &f), ERR_NOTFOUND);
	assert_null(k);
	assert_int_equal(key_replace(dir, &f), ERR_NOTFOUND);
	assert_opens();
	prepare(new);
	assert_int_equal(key_prepare(dir, span_of(NULL, 0), &f), ERR_EXISTS);
	assert_int_equal(key_open_new(dir, &k, &f), OK); /* the same one */
	memcpy(again, key_public(k, REALM_PRODUCTION), sizeof(again));
	key_free(k);
	assert_memory_equal(new, again, sizeof(new));
	assert_opens(); /* the old one until then */
	assert_int_equal(key_replace(dir, &f), OK);
	assert_rotated(new);
	assert_int_equal(key_replace(dir, &f), ERR_NOTFOUND);
	assert_rotated(new);
	assert_kept();
}

/* What key_replace() may leave when the power fails, in the order of its steps. */
static void rotation_cut_off(void **state)
{
	enum { PREPARED, NO_PUBLIC, KEPT, RENAMED, POINTS };
	char from[128], draft[128];
	for (int point = PREPARED; point < POINTS; point++) {
		struct fault f;
		uint8_t new[KEY_OCTETS];
		old_key();
		prepare(new);
		if (point >= NO_PUBLIC)
			unlink(at("node.pub"));
		snprintf(from, sizeof(from), "%s", at("node.key"));
		if (point >= KEPT)
			assert_int_equal(link(from, at("node.key.old-d75a9801")), 0);
		snprintf(from, sizeof(from), "%s", at("node.key.new"));
		if (point >= RENAMED)
			assert_int_equal(rename(from, at("node.key")), 0);
		write_file("node.pub.draft", "d75a", 0644); /* and a file half written beside it all */
		snprintf(draft, sizeof(draft), "%s", at("node.pub.draft"));
		assert_int_equal(try_open(&f), OK); /* whichever it is */
		assert_true(there("node.pub"));
		assert_int_equal(key_replace(dir, &f), point >= RENAMED ? ERR_NOTFOUND : OK);
		assert_rotated(new);
		assert_kept();
		unlink(draft);
		unlink(at("node.pub"));
	}
}

/* Half a new key from a crash is no new key. */
static void preparing_cut_off(void **state)
{
	uint8_t new[KEY_OCTETS];
	struct fault f;
	struct key *k;
	old_key();
	write_file("node.key.new.draft", "9d61", 0600);
	assert_int_equal(key_open_new(dir, &k, &f), ERR_NOTFOUND);
	prepare(new);
	assert_false(there("node.key.new.draft"));
	write_file("node.key.new", "damaged\n", 0600);
	assert_int_equal(key_replace(dir, &f), ERR_CORRUPT);
	assert_opens(); /* nothing was moved */
	assert_true(there("node.pub"));
	write_file("node.key.new", SEED "\n", 0644);
	assert_int_equal(key_open_new(dir, &k, &f), ERR_FORBIDDEN);
	assert_int_equal(key_replace(dir, &f), ERR_FORBIDDEN);
}

/* ---- the rest ---- */

static void randomness(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	random_octets(a, sizeof(a));
	random_octets(b, sizeof(b));
	assert_false(octets_equal(a, b, sizeof(a)));
	assert_true(octets_equal(a, a, sizeof(a)));
	assert_true(octets_equal(a, b, 0));
}

static void no_core_files(void **state)
{
	struct rlimit limit = { 1, 1 };
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_true(limit.rlim_cur == 0 && limit.rlim_max == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(make_and_open, setup, teardown),
		cmocka_unit_test_setup_teardown(make_with_passphrase, setup, teardown),
		cmocka_unit_test_setup_teardown(known_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(exercise_is_another_key, setup, teardown),
		cmocka_unit_test(no_trivial_signature),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(another_public_key, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_at_every_octet, setup, teardown),
		cmocka_unit_test_setup_teardown(work_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(passphrase_wrong_or_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(passphrase_length, setup, teardown),
		cmocka_unit_test_setup_teardown(credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(preparing_cut_off, setup, teardown),
		cmocka_unit_test(randomness),
		cmocka_unit_test(no_core_files),
	};
	const struct rlimit allowed = { 1 << 20, RLIM_INFINITY };
	(void)setrlimit(RLIMIT_CORE, &allowed); /* so that there is something to take away */
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
