#include "hook/hooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/key.h"

static struct fault fault;

static int make_dir(void **state)
{
	char *dir = mem_strdup("/tmp/sipar-hook-XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int remove_dir(void **state)
{
	char command[80];
	snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
	free(*state);
	return system(command);
}

static struct hook some_hook(const char *name)
{
	struct hook h = { .url = "https://siem.example/in", .lanes = "public,green" };
	snprintf(h.name, sizeof(h.name), "%s", name);
	hook_secret_new(&h);
	return h;
}

static void expect(enum err got, enum err wanted)
{
	if (got != wanted)
		fail_msg("%s: %s", err_name(got), fault.text);
}

static void kept_and_removed(void **state)
{
	const char *dir = *state;
	char path[120];
	struct stat st;
	struct hook h = some_hook("siem"), back, all[HOOKS_MAX];
	struct hook_state s = { .cursor = "green/7,public/12.9.300" }, again;
	unsigned n = 9;
	expect(hooks_read(dir, all, &n, NULL, NULL, &fault), OK);
	assert_int_equal(n, 0);
	expect(hook_write(dir, &h, &s, &fault), OK);
	expect(hook_write(dir, &h, &s, &fault), ERR_EXISTS);
	expect(hook_read(dir, "siem", &back, &fault), OK);
	assert_string_equal(back.name, "siem");
	assert_string_equal(back.url, h.url);
	assert_string_equal(back.lanes, h.lanes);
	assert_int_equal(back.n_secret, h.n_secret);
	assert_memory_equal(back.secret, h.secret, h.n_secret);
	assert_false(back.off);
	expect(hook_state_read(dir, "siem", &again, &fault), OK);
	assert_string_equal(again.cursor, s.cursor);
	snprintf(path, sizeof(path), "%s/hooks/siem.conf", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	s = (struct hook_state){ .cursor = "green/8,public/13", .events = 5, .batches = 2, .failures = 3, .failed = 4, .taken_ms = 1700000000123,
				 .failed_ms = 1700000000999, .error = "the receiver answers with status 500", .gone = true };
	expect(hook_state_write(dir, "siem", &s, &fault), OK);
	expect(hook_state_read(dir, "siem", &again, &fault), OK);
	assert_string_equal(again.cursor, s.cursor);
	assert_string_equal(again.error, s.error);
	assert_true(again.gone && again.events == 5 && again.batches == 2 && again.failures == 3 && again.failed == 4);
	assert_true(again.taken_ms == s.taken_ms && again.failed_ms == s.failed_ms);
	h.off = true;
	expect(hook_write(dir, &h, NULL, &fault), OK);
	expect(hook_read(dir, "siem", &back, &fault), OK);
	assert_true(back.off);
	struct hook other = some_hook("a.b_c-1");
	expect(hook_write(dir, &other, &s, &fault), OK);
	expect(hooks_read(dir, all, &n, NULL, NULL, &fault), OK);
	assert_int_equal(n, 2);
	assert_string_equal(all[0].name, "a.b_c-1");
	expect(hook_remove(dir, "siem", &fault), OK);
	expect(hook_remove(dir, "siem", &fault), ERR_NOTFOUND);
	expect(hook_state_write(dir, "siem", &s, &fault), OK); /* by one who has not heard of it yet: does not bring it back */
	expect(hook_state_read(dir, "siem", &again, &fault), ERR_NOTFOUND);
	expect(hook_read(dir, "siem", &back, &fault), ERR_NOTFOUND);
}

static void count(void *ctx, const char *text)
{
	++*(unsigned *)ctx;
	assert_null(strstr(text, "verysecret"));
}

static void what_is_not_taken(void **state)
{
	const char *dir = *state;
	char path[120];
	struct hook h = some_hook("siem"), all[HOOKS_MAX];
	struct hook_state s = { .cursor = "public/1" };
	unsigned n, complaints = 0;
	static const char *const urls[] = { "ftp://a.example/", "https://", "https://user:pass@a.example/", "https://a.example/ b", "a.example", "" };
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		snprintf(h.url, sizeof(h.url), "%s", urls[i]);
		expect(hook_check(&h, &fault), ERR_USAGE);
	}
	h = some_hook("siem");
	h.lanes[0] = 0;
	expect(hook_check(&h, &fault), ERR_USAGE);
	static const char *const names[] = { "", ".", "../x", "A", "a b", "a/b", "abcdefghijabcdefghijabcdefghijab" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_false(hook_name_ok(span_str(names[i])));
	h = some_hook("siem");
	expect(hook_write(dir, &h, &s, &fault), OK);
	snprintf(path, sizeof(path), "%s/hooks/siem.conf", dir);
	assert_int_equal(chmod(path, 0644), 0);
	expect(hook_read(dir, "siem", &h, &fault), ERR_FORBIDDEN);
	assert_int_equal(chmod(path, 0600), 0);
	FILE *file = fopen(path, "we");
	fputs("url = https://a.example/\nlanes = public\nsecret = verysecret\n", file);
	fclose(file);
	expect(hooks_read(dir, all, &n, count, &complaints, &fault), OK);
	assert_int_equal(n, 0);
	assert_int_equal(complaints, 1);
}

static void secrets(void **state)
{
	struct hook h = { .name = "a" }, back = { .name = "a" };
	struct buf text = { 0 };
	hook_secret_new(&h);
	hook_secret_put(&h, &text);
	buf_puts(&text, "\n");
	assert_memory_equal(text.p, "whsec_", 6);
	expect(hook_secret_parse(buf_span(&text), &back, &fault), OK);
	assert_int_equal(back.n_secret, h.n_secret);
	assert_memory_equal(back.secret, h.secret, h.n_secret);
	expect(hook_secret_parse(SPAN_LIT("too short"), &back, &fault), ERR_RANGE);
	expect(hook_secret_parse(SPAN_LIT("whsec_AAAA"), &back, &fault), ERR_RANGE);
	expect(hook_secret_parse(SPAN_LIT("a phrase of twenty-four octets"), &back, &fault), OK);
	assert_int_equal(back.n_secret, 30);
	buf_release(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
	const struct CMUnitTest tests[] = { TEST(kept_and_removed), TEST(what_is_not_taken), cmocka_unit_test(secrets) };
	sys_key_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
