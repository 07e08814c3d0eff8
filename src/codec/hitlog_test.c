#include "codec/hitlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static const struct {
	const char *line, *value; /* NULL: something else */
	bool passed;
} lines[] = {
	{ "[1764079081] unbound[77:0] info: rpz: applied [sipar] *.evil.example. rpz-nxdomain 127.0.0.1@51234 mail.evil.example. A IN", "evil.example", false },
	{ "Nov 25 13:58:01 r1 unbound[77]: [77:0] info: rpz: applied [a b] evil.example. rpz-passthru 192.0.2.1@5 evil.example. A IN", "evil.example", true },
	{ "[1764079081] unbound[77:0] info: rpz: applied evil.example. rpz-drop 192.0.2.1@5 evil.example. AAAA IN", "evil.example", false },
	{ "[1764079081] unbound[77:0] info: rpz: applied [z] response-ip 198.51.100.0/24 rpz-nxdomain 192.0.2.1@5 x.example. A IN", "198.51.100.0/24", false },
	{ "25-Nov-2026 13:58:01.123 client @0x7f5d 127.0.0.1#52345 (mail.evil.example): rpz QNAME NXDOMAIN rewrite mail.evil.example/A/IN via "
	  "*.evil.example.rpz.test", "evil.example", false },
	{ "client @0x7f5d 127.0.0.1#52345 (evil.example): rpz QNAME Local-Data rewrite EVIL.example/A/IN via evil.example.rpz.example", "evil.example", false },
	{ "client @0x1 127.0.0.1#5 (x.example): rpz IP NXDOMAIN rewrite x.example/A/IN via 32.7.100.51.198.rpz-ip.rpz.test", "198.51.100.7", false },
	{ "client @0x1 127.0.0.1#5 (x.example): rpz IP NXDOMAIN rewrite x.example/AAAA/IN via 48.zz.1.db8.2001.rpz-ip.rpz.test", "2001:db8:1::/48", false },
	{ "client @0x1 127.0.0.1#5 (x.example): view v: rpz QNAME PASSTHRU rewrite x.example/A/IN via x.example.rpz.test", "x.example", true },
	{ "client @0x1 127.0.0.1#5 (x.example): query: x.example IN A + (127.0.0.1)", NULL, false },
	{ "[1764079081] unbound[77:0] info: start of service", NULL, false },
	{ "", NULL, false },
};

static void known_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		struct buf text = { 0 };
		bool passed;
		enum err e = hitlog_line(span_str(lines[i].line), store, &o, &passed);
		if (!lines[i].value) {
			assert_int_equal(e, ERR_NOTFOUND);
			continue;
		}
		if (e)
			fail_msg("%s: %s", lines[i].line, err_name(e));
		obs_format(&o, &text);
		assert_string_equal(buf_cstr(&text), lines[i].value);
		assert_int_equal(passed, lines[i].passed);
		buf_release(&text);
	}
}

/* No cut of a line is read beyond its end. */
static void cut_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		for (size_t n = 0; n < strlen(lines[i].line); n++) {
			uint8_t store[OBS_KEY_MAX], *copy = mem_alloc(n + 1);
			struct observable o;
			bool passed;
			memcpy(copy, lines[i].line, n);
			copy = mem_realloc(copy, n ? n : 1);
			(void)!hitlog_line(span_of(copy, n), store, &o, &passed);
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_lines), cmocka_unit_test(cut_lines) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
