#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforce/notebook.h"

static char dir[] = "/tmp/notebook_test_XXXXXX";
static char path[128];

static int make(void **state)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/inet-sipar.state", dir);
	return 0;
}

static int clean(void **state)
{
	char command[160];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct observable parse(const char *text)
{
	static uint8_t store[OBS_KEY_MAX];
	struct observable o;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	return o;
}

static struct notebook *open_it(const char *of, struct values **ret_values, struct notebook_head *head)
{
	struct notebook *n;
	struct fault f = { .text = "" };
	*ret_values = values_new();
	enum err e = notebook_open(dir, "inet-sipar", of, *ret_values, head, &n, &f);
	if (e)
		print_error("%s\n", f.text);
	assert_int_equal(e, OK);
	return n;
}

static struct value *put(struct notebook *n, struct values *v, const char *text, uint8_t action, uint32_t since_s)
{
	struct observable o = parse(text);
	struct value *one = values_put(v, &o);
	one->action = action;
	one->since_s = since_s;
	notebook_put(n, one);
	return one;
}

static void write_file(const char *text, size_t n, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static void test_remembers(void **state)
{
	struct values *v;
	struct notebook_head head;
	struct fault f;
	struct stat st;
	struct notebook *n = open_it("edge http://node", &v, &head);
	assert_true(head.serial == 0 && values_count(v) == 0);
	put(n, v, "198.51.100.7", VALUE_BLOCK, 1000);
	put(n, v, "2001:db8::/32", VALUE_CHALLENGE, 0);
	assert_int_equal(notebook_commit(n, &(struct notebook_head){ 17, 2000 }, v, &f), OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	put(n, v, "198.51.100.8", VALUE_BLOCK, 1001);
	struct observable o = parse("198.51.100.7");
	notebook_remove(n, values_find(v, &o));
	values_remove(v, values_find(v, &o));
	assert_int_equal(notebook_commit(n, &(struct notebook_head){ 18, 2001 }, v, &f), OK);
	notebook_close(n);
	values_free(v);

	n = open_it("edge http://node", &v, &head);
	assert_true(head.serial == 18 && head.heard_s == 2001 && values_count(v) == 2);
	o = parse("198.51.100.8");
	assert_int_equal(values_find(v, &o)->since_s, 1001);
	o = parse("2001:db8::/32");
	assert_int_equal(values_find(v, &o)->action, VALUE_CHALLENGE);
	notebook_close(n);
	values_free(v);

	n = open_it("other http://node", &v, &head); /* another feed: what is enforced is known, its serial is not */
	assert_true(head.serial == 0 && head.heard_s == 0 && values_count(v) == 2);
	notebook_close(n);
	values_free(v);
}

static void test_torn_end(void **state)
{
	static const char tail[] = "+ b 5 203.0.113.1\n- 198.51.100.8\n= 19 20";
	struct values *v;
	struct notebook_head head;
	struct fault f;
	write_file(tail, sizeof(tail) - 1, O_APPEND);
	struct notebook *n = open_it("edge http://node", &v, &head);
	assert_true(head.serial == 18 && values_count(v) == 2);
	put(n, v, "203.0.113.9", VALUE_BLOCK, 7);
	assert_int_equal(notebook_commit(n, &(struct notebook_head){ 20, 2002 }, v, &f), OK);
	notebook_close(n);
	values_free(v);
	n = open_it("edge http://node", &v, &head);
	assert_true(head.serial == 20 && values_count(v) == 3);
	notebook_close(n);
	values_free(v);
}

static void test_one_at_a_time(void **state)
{
	struct values *v, *w = values_new();
	struct notebook_head head;
	struct notebook *second, *n = open_it("edge http://node", &v, &head);
	struct fault f;
	assert_int_equal(notebook_open(dir, "inet-sipar", "edge http://node", w, &head, &second, &f), ERR_BUSY);
	assert_int_equal(notebook_delete(dir, "inet-sipar", &f), ERR_BUSY);
	notebook_close(n);
	values_free(v);
	values_free(w);
	assert_int_equal(notebook_delete(dir, "inet-sipar", &f), OK);
	assert_int_equal(notebook_delete(dir, "inet-sipar", &f), OK);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"x\n= 1 2\n", "sipar-enforce 1 edge http://node\n+ x 5 203.0.113.1\n= 1 2\n", "sipar-enforce 1 edge http://node\n+ b y 203.0.113.1\n= 1 2\n",
		"sipar-enforce 1 edge http://node\n+ b 5 evil.example\n= 1 2\n", "sipar-enforce 1 edge http://node\n= 1\n", "sipar-enforce 1 edge http://node\n\n= 1 2\n",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct values *v = values_new();
		struct notebook_head head;
		struct notebook *n;
		struct fault f;
		write_file(texts[i], strlen(texts[i]), O_TRUNC);
		assert_int_equal(notebook_open(dir, "inet-sipar", "edge http://node", v, &head, &n, &f), ERR_CORRUPT);
		assert_non_null(strstr(f.text, "line "));
		values_free(v);
	}
}

/* Appended changes do not make the file grow for ever. */
static void test_written_anew(void **state)
{
	struct values *v;
	struct notebook_head head;
	struct fault f;
	struct stat st;
	assert_int_equal(unlink(path), 0);
	struct notebook *n = open_it("edge http://node", &v, &head);
	for (unsigned i = 0; i < 400; i++) {
		for (unsigned k = 0; k < 500; k++)
			put(n, v, "198.51.100.7", VALUE_BLOCK, i + k);
		assert_int_equal(notebook_commit(n, &(struct notebook_head){ i + 1, i }, v, &f), OK);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 3 << 20);
	notebook_close(n);
	values_free(v);
	n = open_it("edge http://node", &v, &head);
	assert_true(head.serial == 400 && values_count(v) == 1 && values_at(v, 0)->since_s == 898);
	notebook_close(n);
	values_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers), cmocka_unit_test(test_torn_end), cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_damaged),   cmocka_unit_test(test_written_anew),
	};
	return cmocka_run_group_tests(tests, make, clean);
}
