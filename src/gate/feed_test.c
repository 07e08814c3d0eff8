/* The words of a feed, the file, and keys. */
#include "gate/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct feeds *parsed(const char *text)
{
	struct feeds *feeds = feeds_new();
	struct fault f;
	if (feeds_parse(span_str(text), "f", feeds, &f))
		fail_msg("%s", f.text);
	return feeds;
}

/* @param want  a part of the sentence. */
static void refused(const char *text, const char *want)
{
	struct feeds *feeds = feeds_new();
	struct fault f = { .text = "" };
	assert_int_equal(feeds_parse(span_str(text), "f", feeds, &f), ERR_USAGE);
	if (!strstr(f.text, want))
		fail_msg("\"%s\" is not in \"%s\"", want, f.text);
	feeds_drop(feeds);
}

static void test_what_is_written_is_read(void **state)
{
	static const char *const lines[] = {
		"plain", "a type=list", "b type=list reasons=phishing,c2 challenge=yes kinds=ip,domain max=100000 open=yes from=17 audience=amber",
		"c type=rpz zone=rpz.example answer=garden garden=walled.example passthru=yes ttl=5 refresh=10 "
		"notify=192.0.2.53:53,[2001:db8::53]:5353 allow=192.0.2.0/24,2001:db8::1 transport=tls",
		"d lanes=public,community audience=green categories=phishing min_score=50",
	};
	struct feeds *feeds = feeds_new();
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct buf out = { 0 };
		assert_int_equal(feeds_add(feeds, span_str(lines[i]), NULL), OK);
		feed_put(&feeds->v[i], &out);
		assert_string_equal(buf_cstr(&out), lines[i]);
		buf_release(&out);
	}
	const struct feed *b = feeds_find(feeds, "b"), *c = feeds_find(feeds, "c");
	assert_int_equal(b->wanted, force_blocks(1 << REASON_PHISHING | 1 << REASON_C2) | force_challenges(1 << REASON_PHISHING | 1 << REASON_C2));
	assert_int_equal(b->from, 17);
	assert_int_equal(c->wanted, force_blocks(REASONS_ALL));
	feeds_drop(feeds);
}

static void test_words_come_in_any_order(void **state)
{
	struct feeds *a = parsed("feed x type=list challenge=yes reasons=c2\n"), *b = parsed("feed x reasons=c2 challenge=yes type=list\n");
	assert_int_equal(a->v[0].wanted, b->v[0].wanted);
	assert_int_equal(a->v[0].wanted, force_blocks(1 << REASON_C2) | force_challenges(1 << REASON_C2));
	feeds_drop(a);
	feeds_drop(b);
}

static void test_what_is_wrong_is_said(void **state)
{
	refused("\n# x\nfeed a\nfeeds b\n", "f:4: ");
	refused("feed\n", "not the name of a feed");
	refused("feed Abc\n", "not the name of a feed");
	refused("feed a word\n", "\"word\" has no value");
	refused("feed a color=red\n", "\"color\" is none of type, reasons");
	refused("feed a type=book\n", "none of snapshot, rpz and list");
	refused("feed a type=list max=-1\n", "a number of values from 0");
	refused("feed a type=list open=true\n", "neither yes nor no");
	refused("feed a type=list zone=x.example\n", "\"zone\" does not go with a feed of type list");
	refused("feed a type=rpz max=1\n", "does not go with");
	refused("feed a type=rpz answer=garden\n", "needs the name of one");
	refused("feed a type=rpz garden=x.example\n", "goes with the answer");
	refused("feed a.\x01 type=rpz\n", "not the name");
	refused("feed a_- type=rpz\n", "give the feed a zone");
	refused("feed a type=rpz zone=x.example\nfeed b type=rpz zone=X.example.\n", "is that of feed \"a\"");
	refused("feed a type=rpz notify=192.0.2.1\n", "an address with a port");
	refused("feed a type=rpz allow=192.0.2.0/33\n", "neither an address nor a prefix");
	refused("feed a type=rpz allow=evil.example\n", "neither an address nor a prefix");
	refused("feed a\nfeed a\n", "there twice");
	refused("feed a type=list\nconsumer b c " SECRET "\n", "no feed \"b\"");
	refused("feed a\nconsumer a c " SECRET "\n", "has no consumers");
	refused("feed a type=list\nconsumer a c AAAA\n", "32 octets in base64");
	refused("feed a type=list\nconsumer a c " SECRET " 192.0.2.1\n", "an address with a port");
	refused("feed a type=list\nconsumer a c " SECRET " 192.0.2.1:53 x\n", "more behind the addresses");
	refused("feed a type=list\nconsumer a c " SECRET "\nconsumer a c " SECRET "\n", "there twice");
}

/* The one key that this secret makes, computed with sha256sum. */
static void test_keys(void **state)
{
	struct feeds *feeds = parsed("feed a type=list\nfeed b type=rpz\nconsumer a fw1 " SECRET "\n");
	struct buf key = { 0 }, name = { 0 }, other = { 0 };
	assert_int_equal(feeds_consumer_set(feeds, "b", "isp", NULL, "192.0.2.53:53", NULL), OK);
	consumer_api_key(feeds_consumer(feeds, "a", "fw1"), &key);
	assert_string_equal(buf_cstr(&key), "6ab87cef6f096f7bfae193f2cad4dbcb7369b45a");
	consumer_tsig_name(feeds_consumer(feeds, "b", "isp"), &name);
	assert_string_equal(buf_cstr(&name), "isp.b");
	consumer_api_key(feeds_consumer(feeds, "b", "isp"), &other);
	assert_ptr_equal(feeds_api_key(feeds, buf_span(&key)), feeds_consumer(feeds, "a", "fw1"));
	assert_ptr_equal(feeds_api_key(feeds, buf_span(&other)), feeds_consumer(feeds, "b", "isp"));
	assert_null(feeds_api_key(feeds, span_head(buf_span(&key), 39)));
	key.p[39] ^= 1;
	assert_null(feeds_api_key(feeds, buf_span(&key)));
	assert_null(feeds_api_key(feeds, span_of(NULL, 0)));
	/* another address keeps the secret, a new secret keeps the address */
	uint8_t secret[FEED_SECRET] = { 1 };
	assert_int_equal(feeds_consumer_set(feeds, "b", "isp", secret, NULL, NULL), OK);
	assert_string_equal(feeds_consumer(feeds, "b", "isp")->notify, "192.0.2.53:53");
	assert_int_equal(feeds_consumer_set(feeds, "b", "isp", NULL, "none", NULL), OK);
	assert_string_equal(feeds_consumer(feeds, "b", "isp")->notify, "");
	assert_memory_equal(feeds_consumer(feeds, "b", "isp")->secret, secret, sizeof(secret));
	assert_null(feeds_api_key(feeds, buf_span(&other)));
	/* a feed takes its consumers with it */
	assert_int_equal(feeds_remove(feeds, "b", NULL), OK);
	assert_null(feeds_consumer(feeds, "b", "isp"));
	assert_non_null(feeds_consumer(feeds, "a", "fw1"));
	assert_int_equal(feeds_consumer_remove(feeds, "a", "fw1", NULL), OK);
	assert_int_equal(feeds_consumer_remove(feeds, "a", "fw1", NULL), ERR_NOTFOUND);
	assert_int_equal(feeds->n_consumers, 0);
	buf_release(&key);
	buf_release(&name);
	buf_release(&other);
	feeds_drop(feeds);
}

static void test_names_of_sets(void **state)
{
	char name[FEED_SET_NAME_MAX + 1], other[FEED_SET_NAME_MAX + 1];
	struct feed feed = { .name = "isp-rpz.1" };
	feed_set_name(&feed, name);
	assert_string_equal(name, "isp_rpz_1");
	feed = (struct feed){ .name = "9" };
	feed_set_name(&feed, name);
	assert_string_equal(name, "f_9");
	feed = (struct feed){ .name = "a-feed-with-quite-a-long-name-1" };
	feed_set_name(&feed, name);
	feed = (struct feed){ .name = "a-feed-with-quite-a-long-name-2" };
	feed_set_name(&feed, other);
	assert_int_equal(strlen(name), FEED_SET_NAME_MAX);
	assert_string_not_equal(name, other);
}

static void test_the_file(void **state)
{
	char dir[] = "/tmp/sipar-feed-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	struct feeds *feeds = parsed("feed a type=list max=5\nfeed b type=rpz zone=rpz.example\nconsumer b isp " SECRET " 192.0.2.53:53\n"), *back = feeds_new();
	struct fault f;
	struct stat st;
	assert_int_equal(feeds_read(dir, back, &f), OK); /* none yet */
	assert_int_equal(back->n, 0);
	umask(0);
	assert_int_equal(feeds_write(dir, feeds, &f), OK);
	snprintf(path, sizeof(path), "%s/feeds.conf", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(feeds_read(dir, back, &f), OK);
	assert_int_equal(back->n, 2);
	assert_memory_equal(&back->v[1], &feeds->v[1], sizeof(feeds->v[1]));
	assert_memory_equal(&back->consumer[0], &feeds->consumer[0], sizeof(feeds->consumer[0]));
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(feeds_read(dir, back, &f), ERR_FORBIDDEN);
	/* what cannot be written leaves what there is */
	snprintf(path, sizeof(path), "%s/feeds.conf.new", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(feeds_write(dir, feeds, &f), ERR_IO);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/feeds.conf", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	feeds_drop(feeds);
	feeds_drop(back);
}

static const struct feed *feed_of(struct feeds *feeds, const char *name)
{
	const struct feed *feed = feeds_find(feeds, name);
	assert_non_null(feed);
	return feed;
}

/* Whatever happens to feeds and to the names of their zones, no zone comes back to a number that one of that name had. */
static void test_raises(void **state)
{
	char dir[] = "/tmp/sipar-feed-XXXXXX", path[64];
	struct feeds *feeds = parsed("raised 4\nfeed a type=rpz zone=x.example raised=2\nfeed b type=rpz zone=y.example raised=7\nfeed c type=list\n"), *back = feeds_new();
	struct fault f;
	assert_int_equal(feeds->raised, 7);
	feeds_raise(feeds, &feeds->v[0]);
	assert_int_equal(feed_of(feeds, "a")->raised, 8);
	assert_int_equal(feed_of(feeds, "b")->raised, 7);
	assert_int_equal(feeds_remove(feeds, "a", NULL), OK);
	assert_int_equal(feeds->raised, 9);
	assert_int_equal(feeds_remove(feeds, "c", NULL), OK); /* has no zone */
	assert_int_equal(feeds->raised, 9);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(feeds_write(dir, feeds, &f), OK);
	assert_int_equal(feeds_read(dir, back, &f), OK);
	assert_int_equal(back->raised, 9);
	assert_int_equal(feed_of(back, "b")->raised, 7);
	snprintf(path, sizeof(path), "%s/feeds.conf", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	refused("raised x\n", "is no number of changes");
	refused("raised\n", "is no number of changes");
	refused("raised 4294967296\n", "is no number of changes");
	refused("feed a type=list raised=1\n", "does not go with");
	feeds_drop(feeds);
	feeds_drop(back);
}

static void test_several_hold_one_set(void **state)
{
	struct feeds *feeds = parsed("feed a\n");
	const struct feeds *other = feeds_hold(feeds);
	feeds_drop(feeds);
	assert_string_equal(other->v[0].name, "a");
	feeds_drop(other);
	feeds_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read), cmocka_unit_test(test_words_come_in_any_order), cmocka_unit_test(test_what_is_wrong_is_said),
		cmocka_unit_test(test_keys), cmocka_unit_test(test_names_of_sets), cmocka_unit_test(test_the_file), cmocka_unit_test(test_raises), cmocka_unit_test(test_several_hold_one_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
