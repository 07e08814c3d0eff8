#include "codec/stix_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define U "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"

static void heads(void **state)
{
	static const struct {
		const char *text, *id, *type, *version;
		int64_t version_us;
		bool revoked, old;
	} good[] = {
		{ "{\"type\":\"url\",\"id\":\"url--" U "\",\"value\":\"x\"}", "url--" U, "url", "", 0, false, false },
		{ " {\"id\":\"malware--" U "\",\"created\":\"1970-01-01T00:00:01.5Z\",\"spec_version\":\"2.1\"} tail", "malware--" U, "malware",
		  "1970-01-01T00:00:01.5Z", 1500000, false, false },
		{ "{\"modified\":\"1970-01-01T00:00:02Z\",\"created\":\"1970-01-01T00:00:01Z\",\"id\":\"x-a--1\",\"revoked\":true}", "x-a--1", "x-a",
		  "1970-01-01T00:00:02Z", 2000000, true, true },
		{ "{\"modified\":\"yesterday\",\"created\":\"1970-01-01T00:00:01Z\",\"id\":\"x-a--1\",\"revoked\":false}", "x-a--1", "x-a",
		  "1970-01-01T00:00:01Z", 1000000, false, true },
		{ "{\"id\":\"file--" U "\",\"created\":\"1970-01-01T00:00:01Z\",\"nested\":{\"id\":\"no\",\"modified\":\"2000-01-01\"}}", "file--" U, "file",
		  "1970-01-01T00:00:01Z", 1000000, false, false },
		{ "{\"id\":\"tool--" U "\",\"modified\":7,\"spec_version\":\"2.0\"}", "tool--" U, "tool", "", 0, false, true },
	};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct stix_object o;
		assert_int_equal(stix_object_read(span_str(good[i].text), &o, NULL), OK);
		assert_true(span_is(o.id, good[i].id));
		assert_true(span_is(o.type, good[i].type));
		assert_true(span_is(o.version, good[i].version));
		assert_int_equal(o.version_us, good[i].version_us);
		assert_int_equal(o.revoked, good[i].revoked);
		assert_int_equal(o.old, good[i].old);
		assert_int_equal(o.octets.p[0], '{');
		assert_int_equal(o.octets.p[o.octets.n - 1], '}');
	}
}

static void no_objects(void **state)
{
	static const char *const bad[] = {
		"", "[]", "7", "{", "{\"id\":\"url--" U "\"", "{}", "{\"id\":7}", "{\"id\":\"\"}", "{\"id\":\"url\"}", "{\"id\":\"--x\"}", "{\"id\":\"url--\"}",
		"{\"id\":\"u\\u0072l--" U "\"}", "{\"id\":\"url--" U "\",}", "{\"id\":\"url--" U "\" \"x\":1}",
	};
	struct stix_object o;
	struct fault f;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		f.text[0] = 0;
		assert_int_equal(stix_object_read(span_str(bad[i]), &o, &f), ERR_SYNTAX);
		assert_true(f.text[0] != 0);
	}
}

static void ids(void **state)
{
	static const char *const good[] = { "url--" U, "x-acme-thing--" U, "x509-certificate--" U };
	static const char *const bad[] = {
		"", "url", "url-" U, "url--", "url--" U "0", "url--8e2e2d2b17d4-4cbf-938f-98ee46b3cd3f0", "ur--" U, "Url--" U, "url--8E2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
		"url--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3g", "u_l--" U, "url--" U " ",
	};
	struct span type;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(stix_id_ok(span_str(good[i]), &type));
	assert_true(span_is(type, "x509-certificate"));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(stix_id_ok(span_str(bad[i]), &type));
}

static void texts_of_members(void **state)
{
	struct stix_text texts[] = { { "name" }, { "pattern" }, { "none" } };
	(void)state;
	stix_object_texts(SPAN_LIT("{\"name\":\"a\\nb\",\"x\":{\"pattern\":\"inner\"},\"pattern\":\"[a:b = '\\u00e9']\"}"), texts, 3);
	assert_string_equal(buf_cstr(&texts[0].text), "a\nb");
	assert_string_equal(buf_cstr(&texts[1].text), "[a:b = '\xc3\xa9']");
	assert_int_equal(texts[2].text.n, 0);
	stix_object_texts(SPAN_LIT("{\"pattern\":[\"x\"],\"name\":\"\""), texts, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(texts[i].text.n, 0);
		buf_release(&texts[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(heads), cmocka_unit_test(no_objects), cmocka_unit_test(ids),
					    cmocka_unit_test(texts_of_members) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
