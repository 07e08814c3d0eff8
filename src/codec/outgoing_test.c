/* What is written is read again, and means the same. */
#include "codec/feed_testing.h"

#include "codec/formats.h"
#include "codec/outgoing.h"

static const char *const values[] = {
	"198.51.100.7", "2001:db8::7", "198.51.100.0/24", "2001:db8::/32", "evil.example", "*.evil.example", "http://evil.example/a,b;c'd\\e\"f?x=%27",
	"d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
	"o'brien@evil.example",
};

struct expected {
	const struct outgoing *o;
	unsigned records;
};

static bool compare(void *ctx, const struct feed_record *r)
{
	struct expected *x = ctx;
	const struct outgoing *o = x->o;
	x->records++;
	if (r->fate != FATE_CLAIMS)
		fail_msg("%s", r->fate == FATE_REJECTED ? r->reason : r->what);
	assert_int_equal(r->n_claims, 1);
	const struct feed_claim *c = &r->claims[0];
	assert_true(obs_eq(&c->obs, &o->obs));
	assert_int_equal(c->category, o->category);
	assert_int_equal(c->confidence, o->confidence);
	assert_int_equal(c->seen, o->seen);
	assert_int_equal(c->until, o->until);
	assert_int_equal(c->stance == STANCE_FALSE_POSITIVE, o->stance == STANCE_FALSE_POSITIVE);
	assert_int_equal(c->part, false);
	assert_int_equal(r->tlp, o->tlp);
	return true;
}

/* The text is detected as the format, and says just what `o` does. */
static void read_back(const struct outgoing *o, const struct feed_format *format, struct span text)
{
	struct expected x = { .o = o };
	struct fault f;
	size_t used;
	int how;
	const struct feed_format *found = feed_detect(text, true, NULL, &how);
	if (found != format)
		fail_msg("%.*s is %s", SPAN_ARG(text), found ? found->name : "nothing");
	struct feed_parser *p = feed_parser_new(format, NULL);
	assert_int_equal(feed_parse(p, text, true, compare, &x, &used, &f), OK);
	feed_parser_free(p);
	assert_int_equal(x.records, 1);
}

static void check(const struct outgoing *o)
{
	struct buf out = { 0 };
	const char *what;
	outgoing_csv_heading(&out);
	outgoing_csv(o, &out);
	read_back(o, &feed_csv, buf_span(&out));
	out.n = 0;
	outgoing_stix(o, &out);
	read_back(o, &feed_stix, buf_span(&out));
	out.n = 0;
	if (outgoing_intelmq(o, &out, &what)) {
		assert_null(what);
		read_back(o, &feed_intelmq, buf_span(&out));
	} else {
		assert_int_equal(out.n, 0);
		assert_true(o->stance == STANCE_FALSE_POSITIVE || o->obs.wildcard || o->obs.kind == OBS_SHA512);
	}
	buf_release(&out);
}

static void test_everything_is_read_again(void **state)
{
	(void)state;
	static const uint8_t stances[] = { STANCE_INDICATOR, STANCE_SIGHTING, STANCE_FALSE_POSITIVE };
	for (size_t v = 0; v < COUNT_OF(values); v++) {
		uint8_t store[OBS_KEY_MAX];
		struct outgoing o = { .source = "s", .lane = "public", .uuid = "00000000-0000-5000-8000-000000000001", .seen = 1786348800 };
		struct fault f;
		if (obs_parse(span_str(values[v]), store, &o.obs, &f))
			fail_msg("%s", f.text);
		for (unsigned c = 0; c < CAT_COUNT; c++)
			for (unsigned n = 0; n < 6; n++) {
				o.category = (uint8_t)c;
				o.stance = stances[n % 3];
				o.confidence = n & 1 ? 80 : CONFIDENCE_ABSENT;
				o.until = n & 2 ? 1786348801 : 0;
				o.tlp = (uint8_t)(TLP_CLEAR + n % TLP_RED);
				check(&o);
			}
	}
}

static void test_as_it_is_written(void **state)
{
	(void)state;
	static const uint8_t key[] = { 198, 51, 100, 7 };
	struct outgoing o = { .obs = { .kind = OBS_IPV4, .n = 4, .key = key }, .category = CAT_HIJACKED, .confidence = 70, .tlp = TLP_AMBER_STRICT, .seen = 1786348800,
			      .until = 1786435200, .source = "feodo", .lane = "members", .uuid = "00000000-0000-5000-8000-000000000001" };
	struct buf out = { 0 };
	const char *what;
	outgoing_csv_heading(&out);
	outgoing_csv(&o, &out);
	assert_true(outgoing_intelmq(&o, &out, &what));
	outgoing_stix(&o, &out);
	assert_string_equal(buf_cstr(&out),
		"value,kind,stance,category,confidence,last_seen,valid_until,tlp,source,lane\n"
		"198.51.100.7,ipv4,indicator,hijacked,70,2026-08-10T08:00:00Z,2026-08-11T08:00:00Z,amber+strict,feodo,members\n"
		"{\"__type\":\"Event\",\"classification.taxonomy\":\"other\",\"classification.type\":\"blacklist\",\"extra.category\":\"hijacked\",\"extra.lane\":\"members\","
		"\"extra.tlp\":\"amber+strict\",\"extra.valid_until\":\"2026-08-11T08:00:00+00:00\",\"feed.accuracy\":70.0,\"feed.name\":\"feodo\",\"source.ip\":\"198.51.100.7\","
		"\"time.observation\":\"2026-08-10T08:00:00+00:00\",\"time.source\":\"2026-08-10T08:00:00+00:00\",\"tlp\":\"AMBER\"}\n"
		"{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--00000000-0000-5000-8000-000000000001\",\"created\":\"2026-08-10T08:00:00.000Z\","
		"\"modified\":\"2026-08-10T08:00:00.000Z\",\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[ipv4-addr:value = '198.51.100.7']\",\"pattern_type\":\"stix\","
		"\"valid_from\":\"2026-08-10T08:00:00.000Z\",\"valid_until\":\"2026-08-11T08:00:00.000Z\",\"labels\":[\"hijacked\"],\"confidence\":70,"
		"\"object_marking_refs\":[\"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003\"]}");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_everything_is_read_again), cmocka_unit_test(test_as_it_is_written) };
	return cmocka_run_group_tests_name("codec/outgoing", tests, NULL, NULL);
}
