/* The register as a whole, over a real node: who protects what, and that nothing comes past it. */
#include "gate/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/import.h"
#include "gate/node.h"
#include "sys/key.h"

static struct fault fault;

static void must(enum err e)
{
	if (e)
		fail_msg("%s: %s", err_name(e), fault.text);
}

/* ---- a node ---- */

static void remove_tree(const char *path)
{
	char name[600];
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%.300s/%.255s", path, e->d_name);
		if (unlink(name))
			remove_tree(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static struct node *open_node(const char *dir)
{
	struct node *n = NULL;
	must(node_open(dir, 0, &n, &fault));
	docket_set_policy(node_docket(n), &(struct docket_policy){ .approvals = 0, .parties = 1 });
	return n;
}

static struct node *new_node(char dir[32])
{
	memcpy(dir, "/tmp/sipar-guard-XXXXXX", 24);
	assert_non_null(mkdtemp(dir));
	must(node_init(dir, &(struct node_options){ 0 }, &fault));
	return open_node(dir);
}

static void drop_node(struct node *n, const char *dir)
{
	node_close(n);
	remove_tree(dir);
}

static void import_fd(struct node *n, const char *source, enum stance stance, const char *format, int fd, const char *name)
{
	struct import_options o = { .source = source, .stance = stance, .format = feed_format_find(span_str(format)) };
	struct import_counts counts;
	struct import *i;
	struct input *in;
	must(import_begin(n, &o, NULL, NULL, NULL, &i, &fault));
	must(input_open(fd, -1, name, &in, &fault));
	must(import_stream(i, in, name, &fault));
	input_close(in);
	must(import_finish(i, &counts, &fault));
	import_free(i);
}

static void import_text(struct node *n, const char *source, enum stance stance, const char *format, const char *text)
{
	int fd = memfd_create("feed", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	import_fd(n, source, stance, format, fd, "feed");
}

static void add_setting(struct guard_settings *s, enum guard_setting what, const char *text)
{
	must(guard_set(s, what, span_str(text), &fault));
}

/* ---- questions ---- */

static struct observable parse(const char *text, uint8_t store[OBS_KEY_MAX])
{
	struct observable o = { 0 };
	must(obs_parse(span_str(text), store, &o, &fault));
	return o;
}

/* Who protects it; "" : nobody.  Valid until the next but seven. */
static const char *why_from(struct node *n, const char *text, enum action action)
{
	static struct buf said[8];
	static unsigned turn;
	struct buf *out = &said[turn++ % 8];
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse(text, store);
	out->n = 0;
	buf_reserve(out, 1);
	bool found = guard_at_gate(node_guard(n), &o, action, out);
	assert_int_equal(found, out->n > 0);
	assert_int_equal(found, guard_protects(node_guard(n), &o, action, NULL));
	return buf_cstr(out);
}

static const char *why(struct node *n, const char *text)
{
	return why_from(n, text, ACTION_BLOCK);
}

#define FREE(n, text) assert_string_equal(why(n, text), "")
#define SAYS(n, text, word)                                                                                                        \
	do {                                                                                                                       \
		if (!strstr(why(n, text), word))                                                                                   \
			fail_msg("%s: \"%s\" does not say \"%s\"", text, why(n, text), word);                                      \
	} while (0)

static enum err say(struct node *n, enum op what, enum action action, const char *value)
{
	struct buf values = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse(value, store);
	uint64_t index;
	decision_value_put(&values, &o);
	struct decision_op op = { .op = what, .action = action, .reason = REASON_PHISHING, .values = buf_span(&values) };
	if (what == OP_PROPOSE)
		op.until_s = (uint32_t)(clock_ms() / 1000) + 3600;
	enum err e = docket_say(node_docket(n), &(struct speaker){ "cert", "aisha" }, &op, &index, &fault);
	buf_release(&values);
	return e;
}

static force in_force(struct node *n, const char *value)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse(value, store);
	struct docket *d = node_docket(n);
	force f = force_of(table_enter(docket_table(d)), &o, docket_tick(d), NULL);
	table_leave(docket_table(d));
	return f;
}

/* ---- the corpus ---- */

/* Each value of tests/mistakes.txt of the kinds: refused at the gate.  @return how many. */
static unsigned try_mistakes(struct node *n, const char *kind)
{
	FILE *file = fopen(SOURCE_ROOT "/tests/mistakes.txt", "re");
	char line[256];
	unsigned tried = 0;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct span rest = span_trim(span_head(span_str(line), span_find(span_str(line), '#')));
		struct span word = span_head(rest, span_find(rest, ' ')), value = span_trim(span_from(rest, word.n));
		char text[128];
		if (!value.n || !span_is(word, kind))
			continue;
		snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(value));
		if (span_is(word, "parse")) {
			uint8_t store[OBS_KEY_MAX];
			struct observable o;
			if (obs_parse(value, store, &o, NULL) == OK)
				fail_msg("%s is a value", text);
		} else {
			if (!why(n, text)[0])
				fail_msg("%s is not protected", text);
			assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, text), ERR_FORBIDDEN);
		}
		tried++;
	}
	fclose(file);
	return tried;
}

static void test_mistakes(void **state)
{
	char dir[32];
	struct node *n = new_node(dir);
	struct guard_settings *s = mem_zalloc(sizeof(*s));
	(void)state;
	assert_in_range(try_mistakes(n, "built-in"), 90, 1000);
	assert_in_range(try_mistakes(n, "parse"), 5, 1000);
	add_setting(s, GUARD_ASSET, "government gov.pk");
	add_setting(s, GUARD_ASSET, "bank-a bank-a.example, 203.0.113.0/28");
	guard_configure(node_guard(n), s);
	assert_in_range(try_mistakes(n, "asset"), 5, 1000);
	/* what is the daily work of a CERT stays possible */
	FREE(n, "evil.example");
	FREE(n, "evil.github.io");
	FREE(n, "bank-verify.blogspot.com");
	FREE(n, "phish.pages.dev");
	FREE(n, "nadra-gov-pk.com");
	FREE(n, "bank.com.pk");
	FREE(n, "198.51.100.7");
	FREE(n, "198.51.100.0/24");
	FREE(n, "2001:db8::7");
	FREE(n, "http://drive.google.com/uc?id=1");
	FREE(n, "https://bit.ly/3abcdef");
	FREE(n, "evil@gmail.com");
	FREE(n, "44d88612fea8a8f36de82e1278abb02f");
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "evil.example"), OK);
	assert_true(in_force(n, "www.evil.example"));
	free(s);
	drop_node(n, dir);
}

/* With the lists themselves, where they are. */
static void test_warning_lists(void **state)
{
	char dir[32], path[600];
	const char *data = getenv("SIPAR_DATA");
	snprintf(path, sizeof(path), "%.400s/intel/misp-warninglists", data ? data : SOURCE_ROOT "/../shared/data");
	DIR *lists = opendir(path);
	(void)state;
	if (!lists)
		skip();
	struct node *n = new_node(dir);
	for (struct dirent *e; (e = readdir(lists));) {
		char name[64];
		if (!strstr(e->d_name, ".json"))
			continue;
		snprintf(name, sizeof(name), "misp-%.50s", e->d_name);
		*strstr(name, ".json") = 0;
		int fd = openat(dirfd(lists), e->d_name, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		import_fd(n, name, STANCE_INDICATOR, "misp-warninglist", fd, e->d_name);
	}
	closedir(lists);
	assert_in_range(try_mistakes(n, "list"), 10, 1000);
	assert_in_range(try_mistakes(n, "built-in"), 90, 1000);
	SAYS(n, "104.154.113.5", "misp-google-gcp");
	FREE(n, "evil.example");
	FREE(n, "bank-verify.blogspot.com"); /* a customer of a hoster that is on every list */
	FREE(n, "62.122.184.7");
	uint64_t count[GUARD_PARTS];
	guard_counts(node_guard(n), count);
	assert_in_range(count[GUARD_LIST], 50000, 200000);
	drop_node(n, dir);
}

/* ---- the parts ---- */

static void test_settings(void **state)
{
	static const char *const bad[] = { "", "party", "party x", "party 198.51.100.0/40", "Bad/Party evil.example", "party http://x.example/" };
	char dir[32];
	struct node *n = new_node(dir);
	struct guard_settings *s = mem_zalloc(sizeof(*s));
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(guard_set(s, GUARD_ASSET, span_str(bad[i]), &fault), ERR_USAGE);
	assert_int_equal(guard_set(s, GUARD_CGNAT, SPAN_LIT("isp.example"), &fault), ERR_USAGE);
	assert_int_equal(s->n, 0);
	add_setting(s, GUARD_ASSET, "bank-a bank-a.example 203.0.113.64/28 2001:db8:a::/48");
	add_setting(s, GUARD_SHARED, "198.51.100.80 hosting.example");
	add_setting(s, GUARD_CGNAT, "198.51.100.128/25");
	add_setting(s, GUARD_NODE, "bl.cert.example 192.0.2.53");
	guard_configure(node_guard(n), s);
	SAYS(n, "bank-a.example", "an asset of bank-a: ask them");
	SAYS(n, "www.bank-a.example", "it is below bank-a.example: an asset of bank-a");
	SAYS(n, "203.0.113.0/24", "it would take 203.0.113.64/28 with it: an asset of bank-a");
	SAYS(n, "203.0.113.65", "it lies in 203.0.113.64/28: an asset of bank-a");
	SAYS(n, "2001:db8:a::1", "bank-a");
	SAYS(n, "2001:db8::/32", "bank-a");
	SAYS(n, "https://www.bank-a.example/wp/evil.php", "an asset of bank-a"); /* they take it down */
	SAYS(n, "http://203.0.113.65/x", "an asset of bank-a");
	SAYS(n, "info@bank-a.example", "an asset of bank-a");
	FREE(n, "203.0.113.80");
	FREE(n, "notbank-a.example");
	SAYS(n, "198.51.100.80", "unrelated people share");
	SAYS(n, "hosting.example", "unrelated people share");
	FREE(n, "evil.hosting.example"); /* one of its customers */
	FREE(n, "http://198.51.100.80/evil");
	SAYS(n, "x.bl.cert.example", "own names");
	SAYS(n, "cert.example", "it would take bl.cert.example with it");
	SAYS(n, "192.0.2.53", "own names");
	SAYS(n, "198.51.100.129", "--action challenge");
	assert_string_equal(why_from(n, "198.51.100.129", ACTION_CHALLENGE), "");
	assert_string_equal(why_from(n, "203.0.113.65", ACTION_CHALLENGE)[0] ? "asked for" : "", "asked for");
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "198.51.100.129"), ERR_FORBIDDEN);
	assert_non_null(strstr(fault.text, "--action challenge"));
	assert_int_equal(say(n, OP_PROPOSE, ACTION_CHALLENGE, "198.51.100.129"), OK);
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse("198.51.100.200", store);
	assert_true(guard_cgnat(node_guard(n), &o));
	o = parse("198.51.100.1", store);
	assert_false(guard_cgnat(node_guard(n), &o));
	free(s);
	drop_node(n, dir);
}

static void test_machine(void **state)
{
	struct guard_settings *s = mem_zalloc(sizeof(*s));
	char path[] = "/tmp/sipar-resolv-XXXXXX";
	static const char text[] = "# resolvers\nsearch example\nnameserver 192.0.2.1\nnameserver 2001:db8::53%eth0\nnameserver x\noptions rotate\n";
	int fd = mkstemp(path);
	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	guard_set_machine(s, false, path);
	assert_string_equal(s->text, "n - 192.0.2.1\nn - 2001:db8::53\n");
	unlink(path);
	guard_set_machine(s, true, path); /* no such file: nothing happens */
	assert_true(s->n >= 32);
	free(s);
}

static void test_sources(void **state)
{
	char dir[32];
	struct node *n = new_node(dir);
	(void)state;
	FREE(n, "safe.example");
	uint64_t before = guard_renewals(node_guard(n));
	import_text(n, "bad", STANCE_INDICATOR, "list", "evil.example\n198.51.100.9\n");
	FREE(n, "evil.example");
	assert_int_equal(guard_renewals(node_guard(n)), before); /* nothing in it protects: nothing was indexed */
	import_text(n, "allow", STANCE_PROTECTED, "list", "safe.example\n198.51.100.0/28\nhttp://pages.example/ok/\n");
	SAYS(n, "safe.example", "it is protected by \"allow\"");
	SAYS(n, "www.safe.example", "it is below safe.example: it is protected by \"allow\"");
	SAYS(n, "198.51.100.5", "it lies in 198.51.100.0/28: it is protected by \"allow\"");
	SAYS(n, "198.51.100.0/24", "it would take 198.51.100.0/28 with it");
	SAYS(n, "http://pages.example/ok/", "allow");
	SAYS(n, "http://safe.example/", "allow");
	FREE(n, "http://safe.example/page");
	FREE(n, "example.example");
	import_text(n, "top", STANCE_KNOWN, "list", "portal.example\nsub.deep.example\n");
	SAYS(n, "portal.example", "it is known to \"top\"");
	FREE(n, "evil.portal.example"); /* one name of a large site */
	SAYS(n, "deep.example", "it would take sub.deep.example with it: it is known to \"top\"");
	FREE(n, "other.deep.example");
	/* a hoster's customers are not the list's */
	import_text(n, "hosters", STANCE_PROTECTED, "list", "duckdns.org\nac.pk\n");
	SAYS(n, "duckdns.org", "hosters");
	FREE(n, "evil.duckdns.org");
	SAYS(n, "uni.ac.pk", "hosters");
	/* the next list of the source is all it says */
	import_text(n, "allow", STANCE_PROTECTED, "list", "other.example\n");
	FREE(n, "safe.example");
	FREE(n, "198.51.100.0/24");
	SAYS(n, "other.example", "allow");
	struct source_change c = { .name = SPAN_LIT("allow"), .op = SOURCE_REMOVE };
	must(node_source_change(n, &c, &fault));
	FREE(n, "other.example");
	SAYS(n, "portal.example", "top");
	/* a restart loses nothing */
	node_close(n);
	n = open_node(dir);
	SAYS(n, "portal.example", "top");
	FREE(n, "other.example");
	drop_node(n, dir);
}

static void test_rules(void **state)
{
	char dir[32];
	struct node *n = new_node(dir);
	(void)state;
	import_text(n, "words", STANCE_INDICATOR, "misp-warninglist",
		    "{\"name\":\"x\",\"type\":\"substring\",\"matching_attributes\":[\"domain\",\"ip-dst\"],\"list\":[\"bigbank\",\"198.51.100.2\"]}");
	SAYS(n, "www.bigbank.example", "a text rule of \"words\"");
	SAYS(n, "198.51.100.2", "a text rule");
	FREE(n, "smallbank.example");
	FREE(n, "smallbank.example"); /* remembered */
	import_text(n, "more", STANCE_INDICATOR, "misp-warninglist",
		    "{\"name\":\"y\",\"type\":\"regex\",\"matching_attributes\":[\"domain\"],\"list\":[\"/^small/\"]}");
	SAYS(n, "smallbank.example", "a text rule of \"more\"");
	struct source_change c = { .name = SPAN_LIT("more"), .op = SOURCE_SET, .has_weight = true };
	must(node_source_change(n, &c, &fault));
	FREE(n, "smallbank.example");
	c.weight_db = 20;
	must(node_source_change(n, &c, &fault));
	SAYS(n, "smallbank.example", "a text rule of \"more\""); /* what is remembered is of the register before */
	drop_node(n, dir);
}

static void list_one(void *ctx, const struct guard_entry *e)
{
	struct buf *out = ctx;
	obs_format(&e->value, out);
	buf_putc(out, ' ');
}

static void test_own(void **state)
{
	char dir[32];
	unsigned suspended = 0;
	struct buf all = { 0 };
	struct node *n = new_node(dir);
	(void)state;
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "shop.example"), OK);
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "evil.example"), OK);
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "198.51.100.0/24"), OK);
	assert_true(in_force(n, "shop.example"));
	assert_int_equal(say(n, OP_PROTECT, ACTION_PROTECT, "shop.example"), OK);
	assert_int_equal(in_force(n, "shop.example"), FORCE_PROTECT); /* at once, whatever the decision's state */
	SAYS(n, "shop.example", "sipar protect");
	SAYS(n, "www.shop.example", "it is below shop.example: this node");
	assert_int_equal(say(n, OP_PROTECT, ACTION_PROTECT, "198.51.100.7"), OK);
	assert_int_equal(say(n, OP_PROTECT, ACTION_PROTECT, "d41d8cd98f00b204e9800998ecf8427e"), OK);
	SAYS(n, "198.51.100.0/24", "it would take 198.51.100.7 with it");
	SAYS(n, "d41d8cd98f00b204e9800998ecf8427e", "sipar protect");
	SAYS(n, "http://shop.example/page", "sipar protect");
	must(docket_recheck(node_docket(n), &suspended, &fault));
	assert_int_equal(suspended, 2);
	assert_int_equal(in_force(n, "198.51.100.9"), 0);
	assert_true(in_force(n, "evil.example"));
	assert_int_equal(say(n, OP_PROPOSE, ACTION_BLOCK, "198.51.100.0/25"), ERR_FORBIDDEN);
	guard_own_each(node_guard(n), list_one, &all);
	assert_int_equal(all.n, strlen("shop.example 198.51.100.7 d41d8cd98f00b204e9800998ecf8427e "));
	/* what is told of reputation says so, too */
	import_text(n, "bad", STANCE_INDICATOR, "list", "shop.example\nevil.example\n");
	struct reputation r;
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse("www.shop.example", store);
	reputation_of(table_enter(node_table(n)), &o, CLEARANCE_ALL, (uint32_t)(clock_ms() / 1000), &r, NULL, NULL);
	table_leave(node_table(n));
	assert_true(r.verdict.is_protected);
	assert_false(r.verdict.listed);
	assert_string_equal(r.protected_by, "this node (sipar protect)");
	/* and an end */
	assert_int_equal(say(n, OP_UNPROTECT, ACTION_PROTECT, "shop.example"), OK);
	FREE(n, "shop.example");
	assert_int_equal(say(n, OP_UNPROTECT, ACTION_PROTECT, "shop.example"), ERR_NOTFOUND);
	SAYS(n, "198.51.100.0/24", "198.51.100.7");
	node_close(n);
	n = open_node(dir);
	SAYS(n, "198.51.100.0/24", "198.51.100.7");
	FREE(n, "shop.example");
	guard_tidy(node_guard(n));
	SAYS(n, "198.51.100.0/24", "198.51.100.7");
	buf_release(&all);
	drop_node(n, dir);
}

/* ---- what comes past the gate ---- */

/* An entry of the lane, as nobody's gate would write it. */
static void forge(struct node *n, const char *value, bool enacts)
{
	struct lane lane;
	struct buf body = { 0 }, values = { 0 };
	uint8_t store[OBS_KEY_MAX];
	struct observable o = parse(value, store);
	uint64_t number;
	decision_value_put(&values, &o);
	struct decision_op op = { .op = OP_PROPOSE, .action = ACTION_BLOCK, .reason = REASON_MALWARE, .enacts = enacts, .n_values = 1,
				  .until_s = (uint32_t)(clock_ms() / 1000) + 3600, .by = SPAN_LIT("mallory"), .values = buf_span(&values) };
	must(ledger_lane_find(node_ledger(n), CLEARANCE_ALL, DOCKET_LANE, &lane));
	decision_op_write(&op, &body);
	struct submission s = { .lane = lane.number, .kind = ENTRY_DECISION, .time_ms = clock_ms(), .party = "nobody", .source = "",
				.media = "json", .count = 1, .body = buf_span(&body) };
	must(ledger_append(node_ledger(n), &s, &number, &fault));
	buf_release(&body);
	buf_release(&values);
}

/* Everything in force, as faces read it: what the guard lets out. */
static void list_served(struct node *n, struct buf *out)
{
	struct docket *d = node_docket(n);
	struct roster *all;
	struct turns since;
	struct table_key k;
	struct force_pair p;
	must(docket_full(d, &all, &since, &fault));
	assert_int_equal(since.n, 0);
	for (uint64_t at = 0; roster_next(all, &at, &k, &p);) {
		struct observable o = { .kind = k.kind, .prefix = k.prefix, .n = k.n, .key = k.p };
		if ((p.self | p.below) & ~(force)FORCE_PROTECT && !docket_guarded(d, &o, NULL)) {
			obs_format(&o, out);
			buf_putc(out, ' ');
		}
	}
	turns_release(&since);
	roster_drop(all);
}

static void test_forged(void **state)
{
	static const char *const values[] = { "8.8.8.8", "8.0.0.0/7", "google.com", "a.root-servers.net", "com.pk", "nadra.gov.pk", "10.0.0.0/8",
					      "104.16.0.0/13", "own.example", "allowed.example", "t.co", "2606:4700::1" };
	char dir[32];
	unsigned suspended;
	struct buf served = { 0 };
	struct node *n = new_node(dir);
	(void)state;
	assert_int_equal(say(n, OP_PROTECT, ACTION_PROTECT, "www.own.example"), OK);
	import_text(n, "allow", STANCE_PROTECTED, "list", "allowed.example\n");
	for (size_t i = 0; i < COUNT_OF(values); i++)
		forge(n, values[i], true);
	forge(n, "evil.example", true);
	node_close(n);
	n = open_node(dir);
	assert_true(in_force(n, "8.8.8.8") && in_force(n, "allowed.example")); /* so the lane says */
	list_served(n, &served);
	assert_string_equal(buf_cstr(&served), "evil.example ");
	must(docket_recheck(node_docket(n), &suspended, &fault));
	assert_int_equal(suspended, COUNT_OF(values));
	assert_false(in_force(n, "8.8.8.8"));
	assert_true(in_force(n, "evil.example"));
	buf_release(&served);
	drop_node(n, dir);
}

/* ---- many who ask while it changes ---- */

struct questioner {
	struct node *node;
	_Atomic bool stop;
	_Atomic unsigned asked;
};

/* What is protected all the time is so in each answer; the rest may be either. */
static void *ask(void *arg)
{
	struct questioner *a = arg;
	uint8_t store[3][OBS_KEY_MAX];
	struct observable always = { 0 }, never = { 0 }, at_times = { 0 };
	table_reader_init();
	(void)!obs_parse(SPAN_LIT("www.always.example"), store[0], &always, NULL);
	(void)!obs_parse(SPAN_LIT("never.example"), store[1], &never, NULL);
	(void)!obs_parse(SPAN_LIT("198.51.100.7"), store[2], &at_times, NULL);
	while (!a->stop) {
		struct buf why = { 0 };
		if (!guard_protects(node_guard(a->node), &always, ACTION_BLOCK, NULL) || guard_at_gate(node_guard(a->node), &never, ACTION_BLOCK, NULL))
			abort(); /* cmocka does not hear other threads */
		if (guard_protects(node_guard(a->node), &at_times, ACTION_BLOCK, &why) != (why.n > 0))
			abort();
		buf_release(&why);
		a->asked++;
	}
	table_reader_exit();
	return NULL;
}

static void test_threads(void **state)
{
	char dir[32];
	struct questioner a = { .node = new_node(dir) };
	pthread_t thread[3];
	(void)state;
	import_text(a.node, "allow", STANCE_PROTECTED, "list", "always.example\n");
	(void)guard_renew(node_guard(a.node));
	for (unsigned i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask, &a), 0);
	for (unsigned i = 0; i < 20; i++) {
		import_text(a.node, "allow", STANCE_PROTECTED, "list", i % 2 ? "always.example\n" : "always.example\n198.51.100.0/24\n");
		assert_int_equal(say(a.node, i % 2 ? OP_UNPROTECT : OP_PROTECT, ACTION_PROTECT, "198.51.100.7"), OK);
		(void)guard_renew(node_guard(a.node));
		guard_tidy(node_guard(a.node));
	}
	a.stop = true;
	for (unsigned i = 0; i < COUNT_OF(thread); i++)
		pthread_join(thread[i], NULL);
	assert_true(a.asked > 0);
	FREE(a.node, "198.51.100.7");
	drop_node(a.node, dir);
}

static void count_reason(void *ctx, enum guard_part part, struct span clause)
{
	unsigned *n = ctx;
	assert_true(clause.n > 0);
	n[part]++;
}

static void test_reasons(void **state)
{
	char dir[32];
	unsigned n_of[GUARD_PARTS] = { 0 };
	struct buf out = { 0 };
	struct node *n = new_node(dir);
	struct guard_settings *s = mem_zalloc(sizeof(*s));
	uint8_t store[OBS_KEY_MAX];
	(void)state;
	import_text(n, "allow", STANCE_PROTECTED, "list", "8.8.8.8\n8.0.0.0/9\n8.8.1.0/24\n8.8.2.0/24\n8.8.3.0/24\n8.8.4.0/24\n8.8.5.0/24\n");
	import_text(n, "bad", STANCE_INDICATOR, "list", "8.8.77.1\n8.8.77.2\n");
	add_setting(s, GUARD_SHARED, "8.8.100.0/24");
	guard_configure(node_guard(n), s);
	struct observable o = parse("8.8.0.0/16", store);
	guard_each(node_guard(n), &o, count_reason, n_of);
	assert_int_equal(n_of[GUARD_LIST], 1 + 3 + 1); /* it lies in one, would take some with it, and so many more */
	assert_int_equal(n_of[GUARD_BUILTIN], 2);
	assert_int_equal(n_of[GUARD_CONFIG], 1);
	guard_blast(node_guard(n), &o, 0, GUARD_JSON, &out);
	assert_non_null(strstr(buf_cstr(&out), "{\"value\":\"8.8.0.0/16\",\"kind\":\"cidr\",\"addresses\":65536,\"known_below\":8,\"score\":0,"));
	out.n = 0;
	o = parse("2001:db8::/32", store);
	guard_blast(node_guard(n), &o, 0, GUARD_TEXT, &out);
	assert_string_equal(buf_cstr(&out), "  2001:db8::/32: 2^96 addresses, 0 known in it, score 0\n");
	buf_release(&out);
	free(s);
	drop_node(n, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_warning_lists), cmocka_unit_test(test_settings),
		cmocka_unit_test(test_machine), cmocka_unit_test(test_sources), cmocka_unit_test(test_rules), cmocka_unit_test(test_own),
		cmocka_unit_test(test_reasons), cmocka_unit_test(test_forged),
		cmocka_unit_test(test_threads),
	};
	sys_key_init();
	table_reader_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
