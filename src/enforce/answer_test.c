#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "enforce/answer.h"

static void take(void *ctx, const struct observable *o, enum answer_does does)
{
	struct buf *out = ctx;
	buf_puts(out, does == ANSWER_REMOVES ? "-" : does == ANSWER_BLOCKS ? "+" : "?");
	obs_format(o, out);
	buf_putc(out, ' ');
}

static enum err read_it(const char *text, const uint64_t *since, struct answer *a, struct buf *out, struct fault *f)
{
	out->n = 0;
	return answer_read(span_str(text), "edge", since, a, take, out, f);
}

static void test_everything(void **state)
{
	struct answer a;
	struct fault f;
	struct buf out = { 0 };
	assert_int_equal(read_it("{\"feed\":\"edge\",\"serial\":17,\"time\":null,\"complete\":true,\"removed\":[],\"values\":["
				 "{\"value\":\"198.51.100.8\",\"kind\":\"ipv4\",\"action\":\"block\",\"reasons\":[\"c2\"]},"
				 "{\"value\":\"evil.example\",\"kind\":\"domain\",\"scope\":\"both\",\"action\":\"block\",\"reasons\":[]},"
				 "{\"kind\":\"cidr\",\"action\":\"challenge\",\"value\":\"2001:db8::\\/32\"},"
				 "{\"value\":\"198.51.100.9\",\"kind\":\"ipv4\",\"action\":\"pass\",\"reasons\":[]}],\"count\":4}\n",
				 NULL, &a, &out, &f), OK);
	assert_string_equal(buf_cstr(&out), "+198.51.100.8 ?2001:db8::/32 -198.51.100.9 ");
	assert_true(a.serial == 17 && a.complete && a.n_values == 3 && a.n_removed == 0);
	buf_release(&out);
}

static void test_changes(void **state)
{
	struct answer a;
	struct fault f;
	struct buf out = { 0 };
	uint64_t since = 15;
	/* in another order: what is removed comes first all the same */
	const char *text = "{\"values\":[{\"value\":\"198.51.100.8\",\"kind\":\"ipv4\",\"action\":\"block\"}],\"removed\":[{\"value\":\"198.51.100.7\",\"kind\":\"ipv4\"}],"
			   "\"complete\":false,\"since\":15,\"serial\":17,\"feed\":\"edge\"}";
	assert_int_equal(read_it(text, &since, &a, &out, &f), OK);
	assert_string_equal(buf_cstr(&out), "-198.51.100.7 +198.51.100.8 ");
	assert_true(a.serial == 17 && !a.complete && a.has_since && a.since == 15);
	since = 14;
	assert_int_equal(read_it(text, &since, &a, &out, &f), ERR_SYNTAX);
	assert_int_equal(read_it(text, NULL, &a, &out, &f), ERR_SYNTAX);
	assert_int_equal(out.n, 0);
	buf_release(&out);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"", "[]", "null", "{}", "{\"feed\":\"edge\"", "<html>",
		"{\"feed\":\"other\",\"serial\":1,\"complete\":true,\"values\":[]}",
		"{\"feed\":\"edge\",\"serial\":-1,\"complete\":true,\"values\":[]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":1,\"values\":[]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true}",
		"{\"serial\":1,\"complete\":true,\"values\":[]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":[]} x",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":{}}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":[1]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":[{\"value\":\"198.51.100.8\",\"kind\":\"ipv4\"}]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":[{\"value\":7,\"kind\":\"ipv4\",\"action\":\"block\"}]}",
		"{\"feed\":\"edge\",\"serial\":1,\"complete\":true,\"values\":[{\"value\":\"198.51.100.8\",\"kind\":\"ipv4\",\"action\":\"block\"},"
		"{\"value\":\"x.example\",\"kind\":\"ipv4\",\"action\":\"block\"}]}",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct answer a;
		struct fault f = { .text = "" };
		struct buf out = { 0 };
		assert_int_equal(read_it(texts[i], NULL, &a, &out, &f), ERR_SYNTAX);
		assert_int_equal(out.n, 0); /* not even what is right before it */
		assert_true(f.text[0] >= '0' && f.text[0] <= '9');
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_everything), cmocka_unit_test(test_changes), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
