/* For test_crash.py: a process that says at once what was acknowledged to it, until it is killed.
 *
 *   crash_writer DIR write SEED   eight threads tell the ledger imports, large bodies, erasures and new lanes; one line each:
 *       put LANE INDEX SHA256-OF-BODY     the statement is durable; INDEX of its first entry
 *       erased LANE INDEX                 so is the erasure of the statement that begins there
 *       lane LANE NAME                    and the new lane
 *   crash_writer DIR read NUMBER  what is there from this entry on (0: from the first); reads only:
 *       entry NUMBER LANE INDEX KIND FLAGS RECORD SHA256|gone
 *                                         the digest is of the body, with those that it goes on from before it
 *       note LANE CHECKPOINT              this and the record in hexadecimal digits
 *       end */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/intake.h"
#include "sys/digest.h"
#include "sys/key.h"

enum { THREADS = 8, LANES = 3, REMEMBERED = 16, PIECES = 3, LINE_MAX_OCTETS = 200 };

struct hand {
	struct ledger *ledger;
	struct span token;
	uint64_t state; /* of the generator */
	uint64_t erasable[REMEMBERED];
	unsigned remembered;
};

static void or_exit(enum err e, const struct fault *f)
{
	if (e) {
		fprintf(stderr, "crash_writer: %s\n", f->text);
		exit(1);
	}
}

/* One call of write(2) for each line: what is killed has said it or has not. */
static void say(struct buf *line)
{
	buf_putc(line, '\n');
	for (size_t done = 0; done < line->n;) {
		ssize_t n = write(STDOUT_FILENO, line->p + done, line->n - done);
		if (n < 0 && errno != EINTR)
			exit(1);
		done += n > 0 ? (size_t)n : 0;
	}
	line->n = 0;
}

/* xorshift64*: what a seed does can be done again. */
static uint64_t below(struct hand *h, uint64_t n)
{
	h->state ^= h->state >> 12;
	h->state ^= h->state << 25;
	h->state ^= h->state >> 27;
	return (h->state * UINT64_C(0x2545F4914F6CDD1D) >> 16) % n;
}

static void make_body(struct hand *h, bool large, struct buf *out)
{
	size_t want = large ? BODY_MAX + below(h, 2 * BODY_MAX) : 20 + below(h, 3000);
	while (out->n < want) {
		buf_printf(out, "h%llu.example\n", (unsigned long long)below(h, 5000));
		if (large) /* few claims and many octets */
			buf_printf(out, "# %0*llu\n", 1000, (unsigned long long)below(h, UINT32_MAX));
	}
}

static void put_digest(struct span body, struct buf *out)
{
	uint8_t digest[32];
	char digits[65] = "";
	sha256_two(body, span_of(NULL, 0), digest);
	hex_encode(digest, sizeof(digest), digits);
	buf_puts(out, digits);
}

static void say_place(struct hand *h, const char *what, uint64_t number, const struct buf *body)
{
	struct buf line = { 0 };
	struct entry e;
	struct fault f = { .text = "an entry that was acknowledged is not there" };
	or_exit(ledger_entry(h->ledger, CLEARANCE_ALL, number, &e), &f);
	buf_printf(&line, "%s %u %llu", what, e.lane, (unsigned long long)e.index);
	entry_release(&e);
	if (body) {
		buf_putc(&line, ' ');
		put_digest(buf_span(body), &line);
	}
	say(&line);
	buf_release(&line);
}

static struct submission statement(struct hand *h, uint8_t lane, uint8_t kind, uint64_t import, const struct buf *body)
{
	bool feed = kind == ENTRY_FEED;
	return (struct submission){ .lane = lane, .kind = kind, .flags = feed && !import ? ENTRY_BEGINS : 0, .import = import,
				    .time_ms = clock_ms(), .party = "local", .source = "crash", .media = feed ? "lines" : "json",
				    .token = feed ? h->token : span_of(NULL, 0), .count = 1, .body = buf_span(body) };
}

/* Up to PIECES pieces that wait for the disk together, and then, mostly, the end that makes them count. */
static void import_one(struct hand *h, uint8_t lane)
{
	struct buf body[PIECES] = { 0 }, end = { 0 };
	uint64_t number[PIECES], last;
	unsigned n = 1 + (unsigned)below(h, PIECES);
	struct fault f;
	for (unsigned i = 0; i < n; i++) {
		make_body(h, below(h, 100) == 0, &body[i]);
		struct submission s = statement(h, lane, ENTRY_FEED, i ? number[0] : 0, &body[i]);
		or_exit(ledger_submit(h->ledger, &s, &number[i], &f), &f);
	}
	for (unsigned i = 0; i < n; i++) {
		or_exit(ledger_wait(h->ledger, number[i], &f), &f);
		say_place(h, "put", number[i], &body[i]);
		h->erasable[h->remembered++ % REMEMBERED] = number[i];
		buf_release(&body[i]);
	}
	if (below(h, 4)) {
		buf_puts(&end, "{\"accepted\":1,\"claims\":1,\"duplicate\":0,\"read\":1,\"rejected\":0,\"skipped\":0}");
		struct submission s = statement(h, lane, ENTRY_ENDED, number[0], &end);
		or_exit(ledger_append(h->ledger, &s, &last, &f), &f);
		say_place(h, "put", last, &end);
		buf_release(&end);
	}
}

static void erase_one(struct hand *h)
{
	uint64_t *number = &h->erasable[below(h, REMEMBERED)];
	struct fault f;
	if (!*number)
		return;
	or_exit(ledger_erase(h->ledger, CLEARANCE_ALL, *number, "by the test", NULL, &f), &f);
	say_place(h, "erased", *number, NULL);
	*number = 0;
}

static void found_one(struct hand *h)
{
	struct lane lane = { .tlp = (uint8_t)(1 + below(h, 5)) };
	struct buf line = { 0 };
	struct fault f;
	snprintf(lane.name, sizeof(lane.name), "l%llu", (unsigned long long)below(h, UINT32_MAX));
	snprintf(lane.realm, sizeof(lane.realm), "%s", below(h, 2) ? "production" : "exercise");
	enum err e = ledger_lane_create(h->ledger, &lane, &lane, &f);
	if (e == ERR_FULL && strstr(f.text, "one too many"))
		return;
	or_exit(e, &f);
	buf_printf(&line, "lane %u %s", lane.number, lane.name);
	say(&line);
	buf_release(&line);
}

static void *work(void *arg)
{
	struct hand *h = arg;
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	for (;;) {
		unsigned n = ledger_lanes(h->ledger, CLEARANCE_ALL, lanes);
		uint64_t what = below(h, 500);
		if (what == 0)
			found_one(h);
		else if (what < 15)
			erase_one(h);
		else if (n > LANES + 2 && below(h, 3) == 0)
			import_one(h, (uint8_t)(LANES + 2 + below(h, n - LANES - 2)));
		else
			import_one(h, (uint8_t)below(h, LANES));
	}
	return NULL;
}

static int write_until_killed(struct ledger *l, uint64_t seed)
{
	struct hand hand[THREADS] = { 0 };
	struct feed_options none = { .stance = STANCE_INDICATOR };
	struct feed_parser *parser = feed_parser_new(feed_format_find(SPAN_LIT("lines")), &none);
	struct buf token = { 0 };
	pthread_t thread[THREADS];
	intake_token(&none, parser, &token);
	for (unsigned i = 0; i < THREADS; i++) {
		hand[i] = (struct hand){ .ledger = l, .token = buf_span(&token), .state = (seed + 1) * 1000003 + i * 7919 };
		if (pthread_create(&thread[i], NULL, work, &hand[i]))
			return 1;
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static void put_hex(struct span octets, struct buf *out)
{
	char *digits = mem_zalloc(2 * octets.n + 1);
	hex_encode(octets.p, octets.n, digits);
	buf_puts(out, digits);
	free(digits);
}

struct telling {
	struct ledger *ledger;
	struct buf body;
};

static enum err tell(void *ctx, const struct entry *e, struct span body, struct fault *f)
{
	struct telling *t = ctx;
	struct buf line = { 0 }, record = { 0 };
	enum err err = ledger_record(t->ledger, CLEARANCE_ALL, e->number, &record, f);
	if (!(e->flags & ENTRY_CONTINUES))
		t->body.n = 0;
	buf_putspan(&t->body, body);
	if (err == OK) {
		buf_printf(&line, "entry %llu %u %llu %u %u ", (unsigned long long)e->number, e->lane, (unsigned long long)e->index, e->kind,
			   e->flags);
		put_hex(buf_span(&record), &line);
		buf_putc(&line, ' ');
		if (e->gone)
			buf_puts(&line, "gone");
		else
			put_digest(buf_span(&t->body), &line);
		say(&line);
	}
	buf_release(&record);
	buf_release(&line);
	return err;
}

static int read_all(struct ledger *l, uint64_t from)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	struct telling t = { .ledger = l };
	struct buf line = { 0 }, note = { 0 };
	struct fault f;
	or_exit(ledger_each(l, CLEARANCE_ALL, from, true, tell, &t, &f), &f);
	unsigned n = ledger_lanes(l, CLEARANCE_ALL, lanes);
	for (unsigned i = 0; i < n; i++) {
		note.n = 0;
		or_exit(ledger_checkpoint(l, CLEARANCE_ALL, lanes[i].number, &note, &f), &f);
		buf_printf(&line, "note %u ", lanes[i].number);
		put_hex(buf_span(&note), &line);
		say(&line);
	}
	buf_puts(&line, "end");
	say(&line);
	buf_release(&line);
	buf_release(&note);
	buf_release(&t.body);
	free(lanes);
	return 0;
}

int main(int argc, char **argv)
{
	struct ledger *l = NULL;
	struct fault f;
	uint64_t n;
	if (argc != 4 || num_parse_u64(span_str(argv[3]), UINT64_MAX, &n)) {
		fprintf(stderr, "usage: crash_writer DIR write SEED | DIR read NUMBER\n");
		return 64;
	}
	sys_key_init();
	bool writes = strcmp(argv[2], "write") == 0;
	or_exit(ledger_open(argv[1], writes, &l, &f), &f);
	int code = writes ? write_until_killed(l, n) : read_all(l, n);
	ledger_close(l);
	return code;
}
