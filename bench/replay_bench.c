/* How fast a node comes back: a ledger of many imports of one STIX indicator each, as a sharing peer sends them.
 *
 *   replay_bench [N [DIR]]      N imports (default 100,000), two entries each, in DIR/replay-XXXXXX (default: here)
 *
 * 1. everything anew from the ledger, in entries a second, beside one thread that reads the entries and the bodies of feeds
 *    and does nothing with them
 * 2. a digest of all that answers depend on
 * 3. opening again: after a clean end, and with the entries behind the last save that a kill leaves at most */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/intake.h"
#include "gate/node.h"
#include "sys/key.h"

enum { UNDER_WAY = 512, TAIL = 2400 };

static void must(enum err e, const struct fault *f)
{
	if (e) {
		fprintf(stderr, "replay_bench: %s\n", f->text);
		exit(1);
	}
}

static double since(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / 1e9;
}

static void indicator(uint32_t i, struct buf *out)
{
	out->n = 0;
	buf_printf(out,
		   "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%08x-7c56-4a38-8d19-2f0c6e7d8a01\","
		   "\"created\":\"2026-08-02T08:00:00.000Z\",\"modified\":\"2026-08-02T08:00:00.000Z\",\"confidence\":85,"
		   "\"indicator_types\":[\"malicious-activity\"],\"pattern_type\":\"stix\","
		   "\"pattern\":\"[domain-name:value = 'h%u.evil.example']\",\"valid_from\":\"2026-08-02T00:00:00Z\"}\n", i, i);
}

struct statement {
	struct buf body;
	uint64_t number;
};

static void tell(struct ledger *l, struct statement *s, const struct submission *sub)
{
	struct fault f;
	must(ledger_submit(l, sub, &s->number, &f), &f);
}

/* `n` imports from number `from` on. */
static void write_imports(struct ledger *l, uint32_t from, uint32_t n)
{
	static struct statement ring[UNDER_WAY];
	static struct span ended = SPAN_LIT("{\"accepted\":1,\"claims\":1,\"duplicate\":0,\"read\":1,\"rejected\":0,\"skipped\":0}");
	struct feed_options options = { .stance = STANCE_INDICATOR };
	struct feed_parser *p = feed_parser_new(feed_format_find(SPAN_LIT("stix")), &options);
	struct buf token = { 0 };
	struct fault f;
	intake_token(&options, p, &token);
	feed_parser_free(p);
	for (uint32_t i = 0; i < n; i++) {
		struct statement *s = &ring[i % UNDER_WAY], end;
		if (s->number)
			must(ledger_wait(l, s->number, &f), &f);
		indicator(from + i, &s->body);
		struct submission sub = { .lane = 0, .kind = ENTRY_FEED, .flags = ENTRY_BEGINS, .time_ms = clock_ms(), .party = "local",
					  .source = "peer", .media = "stix", .token = buf_span(&token), .count = 1,
					  .body = buf_span(&s->body) };
		tell(l, s, &sub);
		sub = (struct submission){ .lane = 0, .kind = ENTRY_ENDED, .import = s->number, .time_ms = clock_ms(), .party = "local",
					   .source = "peer", .media = "json", .count = 1, .body = ended };
		tell(l, &end, &sub);
	}
	for (unsigned i = 0; i < UNDER_WAY; i++) {
		if (ring[i].number)
			must(ledger_wait(l, ring[i].number + 1, &f), &f);
		buf_release(&ring[i].body);
		ring[i].number = 0;
	}
	buf_release(&token);
}

static enum err read_only(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct fault ignored;
	(void)body, (void)f;
	struct buf b = { 0 };
	if (e->kind == ENTRY_FEED)
		(void)!ledger_body(ctx, CLEARANCE_ALL, e->number, &b, &ignored);
	buf_release(&b);
	return OK;
}

static void digest_of(struct node *n, uint8_t digest[32])
{
	struct fault f;
	uint64_t start = clock_mono_ns();
	must(node_digest(n, digest, &f), &f);
	printf("digest                       %8.3f s\n", since(start));
}

static struct node *timed_open(const char *dir, const char *what)
{
	struct fault f;
	struct node *n;
	uint64_t start = clock_mono_ns();
	must(node_open(dir, 0, &n, &f), &f);
	printf("%-28s %8.3f s\n", what, since(start));
	return n;
}

int main(int argc, char **argv)
{
	uint64_t n = 100000;
	struct fault f;
	struct node *node;
	char dir[4096];
	uint8_t before[32], after[32], again[32];
	if (argc > 1)
		must(num_parse_u64(span_str(argv[1]), 1 << 30, &n) ? fault_set(&f, ERR_USAGE, "how many?") : OK, &f);
	snprintf(dir, sizeof(dir), "%s/replay-XXXXXX", argc > 2 ? argv[2] : ".");
	if (!mkdtemp(dir))
		return perror(dir), 1;
	sys_key_init();
	must(node_init(dir, &(struct node_options){ 0 }, &f), &f);
	must(node_open(dir, 0, &node, &f), &f);
	struct source_change add = { .op = SOURCE_ADD, .name = SPAN_LIT("peer") };
	must(node_source_change(node, &add, &f), &f);
	uint64_t start = clock_mono_ns();
	write_imports(node_ledger(node), 0, (uint32_t)n);
	printf("%llu imports written in %.1f s\n", (unsigned long long)n, since(start));
	node_close(node);

	node = timed_open(dir, "opened, the whole is behind");
	start = clock_mono_ns();
	must(ledger_each(node_ledger(node), CLEARANCE_ALL, 1, false, read_only, node_ledger(node), &f), &f);
	double read_s = since(start);
	start = clock_mono_ns();
	must(node_rebuild(node, before, after, &f), &f);
	double s = since(start);
	printf("read only                    %8.3f s  %9.0f entries/s\n", read_s, 2.0 * (double)n / read_s);
	printf("folded anew, two digests     %8.3f s  %9.0f entries/s  %s\n", s, 2.0 * (double)n / s,
	       memcmp(before, after, 32) ? "DIFFERS" : "the same");
	digest_of(node, before);
	node_close(node);
	node = timed_open(dir, "opened after a clean end");
	write_imports(node_ledger(node), (uint32_t)n, TAIL);
	node_close(node);
	node = timed_open(dir, "opened, 4,800 entries behind");
	digest_of(node, after);
	must(node_rebuild(node, before, again, &f), &f);
	printf("%s\n", memcmp(after, again, 32) ? "DIFFERS" : "the same as folded anew");
	node_close(node);
	printf("left in %s\n", dir);
	return 0;
}
