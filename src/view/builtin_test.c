#include "view/builtin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "view/cover.h"

static const struct siphash_seed seed = { 1, 2 };

static bool find(const struct cover *c, const struct table_key *k, struct cover_hit *ret_hit)
{
	struct cover_query q;
	cover_ask(seed, k, &q);
	return cover_find(c, &q, ret_hit);
}

struct made {
	struct cover *cover;
	const char *what[4096];
	unsigned n;
};

/* Each is written as it is compared: a prefix with host bits, or an address given twice, is a slip of the pen. */
static void take(void *ctx, struct span value, unsigned covers, const char *what)
{
	struct made *m = ctx;
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct fault f;
	struct buf text = { 0 };
	if (obs_parse(value, store, &o, &f))
		fail_msg("%.*s: %s", SPAN_ARG(value), f.text);
	obs_format(&o, &text);
	if (!span_eq(buf_span(&text), value))
		fail_msg("\"%.*s\" is not \"%.*s\"", SPAN_ARG(value), SPAN_ARG(buf_span(&text)));
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	m->what[m->n] = what;
	assert_true(cover_add(m->cover, &k, covers, m->n++));
	buf_release(&text);
}

static const char *what(struct made *m, const char *text)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct cover_hit hit;
	assert_int_equal(obs_parse(span_str(text), store, &o, NULL), OK);
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	return find(m->cover, &k, &hit) ? m->what[hit.who] : NULL;
}

static void test_values(void **state)
{
	struct made m = { .cover = cover_new(seed) };
	(void)state;
	builtin_each(take, &m);
	cover_ready(m.cover);
	assert_string_equal(what(&m, "198.41.0.4"), "a root server (root-servers.org)");
	assert_string_equal(what(&m, "k.root-servers.net"), "a root server (root-servers.org)");
	assert_string_equal(what(&m, "b.gtld-servers.net"), "a server of com and net");
	assert_string_equal(what(&m, "8.8.8.8"), "a public resolver (Google)");
	assert_non_null(what(&m, "8.0.0.0/8"));
	assert_non_null(what(&m, "drive.usercontent.google.com"));
	assert_null(what(&m, "evil.usercontent.google.com"));
	assert_null(what(&m, "198.51.100.7"));
	assert_null(what(&m, "bank.example"));
	cover_free(m.cover);
}

/* The root hints that Debian ships say the same, where they are installed. */
static void test_root_hints(void **state)
{
	struct made m = { .cover = cover_new(seed) };
	FILE *hints = fopen("/usr/share/dns/root.hints", "re");
	char line[256], type[8], value[64];
	unsigned n = 0;
	(void)state;
	builtin_each(take, &m);
	cover_ready(m.cover);
	while (hints && fgets(line, sizeof(line), hints)) {
		char *at = strstr(line, "A  ");
		if (line[0] == ';' || !at)
			continue;
		struct span rest = span_trim(span_str(at + 1));
		snprintf(type, sizeof(type), "%c", *at);
		snprintf(value, sizeof(value), "%.*s", SPAN_ARG(rest));
		const char *is = what(&m, value);
		if (!is || strcmp(is, "a root server (root-servers.org)") != 0)
			fail_msg("%s is %s", value, is ? is : "nothing");
		n++;
	}
	if (hints)
		fclose(hints);
	cover_free(m.cover);
	if (!hints)
		skip();
	assert_int_equal(n, 26);
}

static void test_names(void **state)
{
	static const char *const meant[] = { "pk", "com.pk", "gov.pk", "co.uk", "github.io", "localhost", "x.localhost", "1.0.0.127.in-addr.arpa",
					     "printer.local", "abc.onion", "nadra.gov.pk", "service.gov.uk", "irs.gov", "impots.gouv.fr", "" };
	static const char *const free_ones[] = { "evil.example", "bank.example.com", "x.test", "evil.github.io", "old.nadra.gov.pk",
						 "gov.pk.evil.com", "gov.evil.com", "go.example", "nadra-gov.com" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(meant); i++)
		if (!builtin_name(span_str(meant[i])))
			fail_msg("%s is nothing", meant[i]);
	for (size_t i = 0; i < COUNT_OF(free_ones); i++)
		if (builtin_name(span_str(free_ones[i])))
			fail_msg("%s is %s", free_ones[i], builtin_name(span_str(free_ones[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_root_hints), cmocka_unit_test(test_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
