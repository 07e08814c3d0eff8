#include "codec/misp_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#define U1 "11111111-2222-4333-8444-555555555551"
#define U2 "11111111-2222-4333-8444-55555555555A"

static bool add(void *ctx, const struct misp_event *e)
{
	buf_printf(ctx, SPAN_FMT " %llu " SPAN_FMT "|", SPAN_ARG(e->uuid), (unsigned long long)e->timestamp, SPAN_ARG(e->whole));
	return true;
}

static bool one(void *ctx, const struct misp_event *e)
{
	(void)add(ctx, e);
	return false;
}

struct row { const char *text; enum err e; const char *says; };

static void run(enum err (*read)(struct span, misp_event_visit *, void *, struct fault *), const struct row *row)
{
	struct buf out = { 0 };
	struct fault f = { .text = "" };
	if (read(span_str(row->text), add, &out, &f) != row->e)
		fail_msg("%s: %s", row->text, f.text);
	assert_string_equal(buf_cstr(&out), row->says);
	assert_true((row->e == OK) == !f.text[0]);
	out.n = 0;
	assert_int_equal(read(span_str(row->text), one, &out, NULL), row->e);
	assert_true(memchr(out.p ? out.p : (const uint8_t *)"", '|', out.n) == (out.n ? out.p + out.n - 1 : NULL));
	buf_release(&out);
}

static void manifests(void **state)
{
	static const struct row rows[] = {
		{ "{\"" U1 "\":{\"info\":\"x\",\"timestamp\":\"5\"},\n \"" U2 "\":{\"timestamp\":6,\"Tag\":[{\"timestamp\":\"7\"}]}}", OK, U1 " 5 |" U2 " 6 |" },
		{ "[{\"uuid\":\"" U1 "\",\"timestamp\":\"5\"},{\"uuid\":\"x\",\"timestamp\":\"5\"},7]", OK, U1 " 5 |" },
		{ "{}", OK, "" },
		{ "{\"../../../etc/passwd-444-555555555551\":{\"timestamp\":\"5\"}}", OK, "" },
		{ "{\"" U1 "\":{\"timestamp\":\"-5\"},\"" U2 "\":{}}", OK, "" },
		{ "{\"" U1 "\":5}", OK, "" },
		{ "7", ERR_SYNTAX, "" },
		{ "", ERR_SYNTAX, "" },
		{ "{\"" U1 "\":{\"timestamp\":\"5\"}", ERR_SYNTAX, "" },
		{ "<html>", ERR_SYNTAX, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(misp_manifest, &rows[i]);
}

#define E1 "{\"Event\":{\"uuid\":\"" U1 "\",\"timestamp\":\"5\"}}"
#define E2 "{\"uuid\":\"" U2 "\",\"timestamp\":6,\"info\":\"]\"}"

static void events(void **state)
{
	static const struct row rows[] = {
		{ E1, OK, U1 " 5 " E1 "|" },
		{ " " E2 "\n", OK, U2 " 6 " E2 "|" },
		{ "{\"response\":[" E1 ", " E2 "]}", OK, U1 " 5 " E1 "|" U2 " 6 " E2 "|" },
		{ "[" E1 "," E1 "]", OK, U1 " 5 " E1 "|" U1 " 5 " E1 "|" },
		{ "{\"response\":[]}", OK, "" },
		{ "[]", OK, "" },
		{ "{\"uuid\":\"" U2 "\",\"timestamp\":6}", OK, "" },
		{ "{\"Event\":{\"timestamp\":6}}", OK, "" },
		{ "[[[[[[" E1 "]]]]]]", OK, "" },
		{ "{\"response\":[" E1 "]", ERR_SYNTAX, "" },
		{ E1 E2, ERR_SYNTAX, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(misp_events, &rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(manifests), cmocka_unit_test(events) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
