#include "view/snapshot.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/key.h"
#include "table/batch.h"
#include "view/snapshot_layout.h"
#include "view/snapshot_write.h"
#include "view/state.h"

enum { KEYS = 4000 };

static struct key *key;

static enum err sign(void *ctx, struct span message, uint8_t ret_signature[64], struct fault *f)
{
	(void)ctx, (void)f;
	key_sign(key, REALM_PRODUCTION, message, ret_signature);
	return OK;
}

static size_t name(unsigned i, char out[32])
{
	return (size_t)snprintf(out, 32, "n%u.%u.example", i * 7919 % 9973, i);
}

/* A snapshot of KEYS names and two prefixes, in memory; -> its octets. */
static struct buf make(void)
{
	struct fault f;
	struct image *m;
	struct buf octets = { 0 }, views = { 0 }, lanes = { 0 };
	struct batch *b = batch_new((struct siphash_seed){ 3, 4 }, "/tmp", 1 << 26);
	struct source_set *sources = source_set_new();
	struct rules *rules = rules_new();
	for (unsigned i = 0; i < KEYS; i++) {
		char text[32];
		struct claim c = { .seen = 1000, .confidence = 100, .category = CAT_C2 };
		struct table_key k = { .kind = OBS_DOMAIN, .n = (uint16_t)name(i, text), .p = (const uint8_t *)text };
		assert_int_equal(batch_add(b, &k, &c, &f), OK);
		assert_int_equal(batch_stamp(b, 5, 1, &f), OK);
	}
	assert_int_equal(batch_finish_mapped(b, &m, &f), OK);
	assert_int_equal(source_apply(sources, &(struct source_change){ .op = SOURCE_ADD, .name = SPAN_LIT("feed") }, &f), OK);
	assert_int_equal(rules_add(rules, RULE_SUBSTRING, SPAN_LIT("n1."), KINDS_ALL, STANCE_PROTECTED, 0, 0, 0, &f), OK);
	state_write(sources, rules, &views);
	snapshot_put_lanes(2, &lanes);
	snapshot_put_lane("public", 1, SPAN_LIT("first note\n"), &lanes);
	snapshot_put_lane("more", 2, SPAN_LIT("second note\n"), &lanes);
	struct snapshot_parts p = { .node = "node.example", .feed = "edge", .made_ms = 1234567, .keys = image_keys(m), .claims = image_claims(m),
				    .kinds = KINDS_ALL, .min_score = 7, .views = buf_span(&views), .lanes = buf_span(&lanes),
				    .image = span_of(image_mapped(m), (size_t)image_octets(m)) };
	memcpy(p.key, key_public(key, REALM_PRODUCTION), sizeof(p.key));
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	uint64_t n;
	if (snapshot_write(fd, &p, sign, NULL, NULL, &n, &f))
		fail_msg("%s", f.text);
	assert_int_equal(pread(fd, buf_reserve(&octets, (size_t)n), (size_t)n + 1, 0), n);
	octets.n = (size_t)n;
	close(fd);
	image_free(m);
	batch_free(b);
	source_set_free(sources);
	rules_free(rules);
	buf_release(&views);
	buf_release(&lanes);
	return octets;
}

/* Open octets as a file. */
static enum err open_octets(struct span octets, const uint8_t *by, bool verify, struct snapshot **ret_snapshot, struct fault *f)
{
	char path[64];
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	assert_int_equal(write(fd, octets.p, octets.n), octets.n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	enum err e = snapshot_open(AT_FDCWD, path, by, verify, ret_snapshot, f);
	close(fd);
	return e;
}

static struct reputation ask(const struct snapshot *s, const char *value)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct reputation r;
	assert_int_equal(obs_parse(span_str(value), store, &o, NULL), OK);
	reputation_of(snapshot_view(s), &o, CLEARANCE_ALL, 1000, &r, NULL, NULL);
	return r;
}

static void answers(void **state)
{
	struct buf octets = make();
	struct snapshot *s;
	struct fault f;
	struct span note;
	uint8_t tlp;
	char text[32] = "";
	(void)state;
	for (int verify = 0; verify < 2; verify++) {
		if (open_octets(buf_span(&octets), key_public(key, REALM_PRODUCTION), verify, &s, &f))
			fail_msg("%s", f.text);
		struct snapshot_about a = snapshot_about(s);
		assert_string_equal(a.node, "node.example");
		assert_string_equal(a.feed, "edge");
		assert_int_equal(a.made_ms, 1234567);
		assert_int_equal(a.keys, KEYS);
		assert_int_equal(a.octets, octets.n);
		assert_int_equal(a.min_score, 7);
		assert_int_equal(a.lanes, 2);
		assert_string_equal(snapshot_lane(s, 1, &tlp, &note), "more");
		assert_int_equal(tlp, 2);
		assert_true(span_is(note, "second note\n"));
		for (unsigned i = 0; i < KEYS; i++) {
			text[name(i, text)] = 0;
			struct reputation r = ask(s, text);
			assert_true(r.verdict.listed || r.protected_by);
			assert_true(r.verdict.listed == !strstr(text, "n1."));
		}
		assert_false(ask(s, "nosuch.example").verdict.listed);
		assert_int_equal(snapshot_sound(s, &f), OK);
		assert_int_equal(snapshot_verify(s, &f), OK);
		snapshot_close(s);
	}
	buf_release(&octets);
}

/* Every bit of the header, of the list of digests and of the zeros around it. */
static void no_bit_of_the_head_can_change(void **state)
{
	struct buf octets = make();
	struct snapshot *s;
	struct fault f;
	(void)state;
	for (size_t at = 0; at < 2 * SNAPSHOT_PAGE; at += at < 160 ? 1 : 23) {
		octets.p[at] ^= (uint8_t)(1 << at % 8);
		enum err e = open_octets(buf_span(&octets), NULL, false, &s, &f);
		if (e != ERR_CORRUPT && e != ERR_UNSUPPORTED)
			fail_msg("octet %zu changed: %s", at, err_name(e));
		octets.p[at] ^= (uint8_t)(1 << at % 8);
	}
	for (size_t n = octets.n; n-- > octets.n - 3;)
		assert_int_equal(open_octets(span_head(buf_span(&octets), n), NULL, false, &s, &f), ERR_CORRUPT);
	assert_int_equal(open_octets(span_head(buf_span(&octets), 100), NULL, false, &s, &f), ERR_CORRUPT);
	uint8_t other[32] = { 1 };
	assert_int_equal(open_octets(buf_span(&octets), other, false, &s, &f), ERR_FORBIDDEN);
	assert_int_equal(snapshot_open(AT_FDCWD, "/nonexistent", NULL, false, &s, &f), ERR_NOTFOUND);
	assert_int_equal(snapshot_open(AT_FDCWD, "/tmp", NULL, false, &s, &f), ERR_CORRUPT);
	buf_release(&octets);
}

/* A damaged chunk is found by the lookup that reads it, and by no other before. */
static void damage_is_found_where_it_is_read(void **state)
{
	struct buf octets = make();
	struct snapshot *s;
	struct fault f;
	unsigned sound = 0, broken = 0;
	size_t last = octets.n - 40000; /* in the directory or the index, far from the header of the image */
	(void)state;
	octets.p[last] ^= 0x10;
	assert_int_equal(open_octets(buf_span(&octets), NULL, true, &s, &f), ERR_CORRUPT);
	if (open_octets(buf_span(&octets), NULL, false, &s, &f))
		fail_msg("%s", f.text);
	for (unsigned i = 0; i < KEYS; i++) {
		char text[32] = "";
		text[name(i, text)] = 0;
		(void)ask(s, text);
		if (snapshot_sound(s, &f))
			broken++;
		else
			sound++;
		assert_true(broken == 0 || snapshot_sound(s, NULL) == ERR_CORRUPT);
	}
	assert_true(broken > 0);
	assert_non_null(strstr(f.text, "damaged"));
	assert_int_equal(snapshot_verify(s, &f), ERR_CORRUPT);
	snapshot_close(s);
	buf_release(&octets);
}

int main(void)
{
	char dir[] = "/tmp/snapshot_test-XXXXXX", path[64];
	sys_key_init();
	if (!mkdtemp(dir) || key_create(dir, span_of(NULL, 0), NULL) || key_open(dir, &key, NULL))
		return 2;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers), cmocka_unit_test(no_bit_of_the_head_can_change), cmocka_unit_test(damage_is_found_where_it_is_read),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	key_free(key);
	snprintf(path, sizeof(path), "%s/node.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/node.pub", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}
