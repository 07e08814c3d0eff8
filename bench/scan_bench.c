/* scan_bench [FILE...]: text through the finder on one core, for lines of the commonest kinds and for the given files, unpacked.
 *
 * Beside it, in the same rounds, memchr() from newline to newline, which is what a program does at least that takes lines one by one;
 * the portable way to classify; the classification alone; and the finder while everything that it finds is declared clean. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "scan/finder_parts.h"
#include "sys/input.h"

enum { ROUNDS = 9, SIZE = 16 << 20, FILE_MAX = 256 << 20, PART = 1 << 20 };

/* Of this thread alone: the machine may have other work. */
static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t random_state = 1;

static uint64_t random64(void)
{
	random_state += 0x9e3779b97f4a7c15;
	uint64_t z = (random_state ^ random_state >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random64() % n);
}

static void put_address(struct buf *b)
{
	uint32_t v = (uint32_t)random64();
	buf_printf(b, "%u.%u.%u.%u", (v >> 24) % 223 + 1, v >> 16 & 255, v >> 8 & 255, v & 255);
}

static void put_name(struct buf *b)
{
	static const char *const hosts[] = { "www.", "mail.", "cdn.", "", "api-3.", "static." }, *const tops[] = { "example", "test.example", "com.example" };
	buf_printf(b, "%s%llx.%s", hosts[below(6)], (unsigned long long)random64() >> (20 + below(20)), tops[below(3)]);
}

static void put_time(struct buf *b)
{
	buf_printf(b, "%02u:%02u:%02u", below(24), below(60), below(60));
}

static void ufw(struct buf *b)
{
	buf_puts(b, "Nov 25 ");
	put_time(b);
	buf_printf(b, " gw kernel: [%u.%06u] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:35:02:%02x:%02x:%02x:31:a9:08:08:00 SRC=", below(1000000),
		   below(1000000), below(256), below(256), below(256));
	put_address(b);
	buf_printf(b, " DST=192.0.2.%u LEN=%u TOS=0x00 PREC=0x00 TTL=%u ID=%u PROTO=TCP SPT=%u DPT=%u WINDOW=1024 RES=0x00 SYN URGP=0\n", below(256),
		   40 + below(1400), below(255), below(65536), below(65536), below(65536));
}

static void nginx(struct buf *b)
{
	static const char *const paths[] = { "/", "/index.html", "/wp-login.php", "/assets/app.3f2c1.js", "/api/v2/items?page=3&sort=name", "/robots.txt" };
	put_address(b);
	buf_puts(b, " - - [25/Nov/2026:");
	put_time(b);
	buf_printf(b, " +0000] \"GET %s HTTP/1.1\" %u %u \"", paths[below(6)], 200 + below(300), below(100000));
	if (below(2)) {
		buf_puts(b, "https://");
		put_name(b);
		buf_printf(b, "/a/%u", below(10000));
	} else {
		buf_putc(b, '-');
	}
	buf_puts(b, "\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\"\n");
}

static void named(struct buf *b)
{
	buf_puts(b, "25-Nov-2026 ");
	put_time(b);
	buf_printf(b, ".%03u queries: info: client @0x7f%08x 10.%u.%u.%u#%u (", below(1000), below(1u << 31), below(256), below(256), below(256), below(65536));
	size_t from = b->n;
	put_name(b);
	struct span name = span_from(buf_span(b), from);
	char copy[128];
	size_t n = (size_t)snprintf(copy, sizeof(copy), SPAN_FMT, SPAN_ARG(name));
	buf_puts(b, "): query: ");
	buf_put(b, copy, n);
	buf_puts(b, " IN A +E(0)K (192.0.2.53)\n");
}

static void eve(struct buf *b)
{
	buf_puts(b, "{\"timestamp\":\"2026-11-25T");
	put_time(b);
	buf_printf(b, ".%06u+0000\",\"flow_id\":%llu,\"in_iface\":\"eth0\",\"event_type\":\"http\",\"src_ip\":\"10.0.%u.%u\",\"src_port\":%u,\"dest_ip\":\"",
		   below(1000000), (unsigned long long)random64() >> 14, below(256), below(256), below(65536));
	put_address(b);
	buf_puts(b, "\",\"dest_port\":80,\"proto\":\"TCP\",\"tx_id\":0,\"http\":{\"hostname\":\"");
	put_name(b);
	buf_printf(b, "\",\"url\":\"\\/path\\/%u?id=%u\",\"http_user_agent\":\"curl\\/7.88.1\",\"http_content_type\":\"text\\/html\",\"http_method\":\"GET\","
		   "\"protocol\":\"HTTP\\/1.1\",\"status\":%u,\"length\":%u}}\n", below(1000), below(1000), 200 + below(300), below(100000));
}

static void clamd(struct buf *b)
{
	static const char hex[] = "0123456789abcdef";
	buf_puts(b, "Wed Nov 25 ");
	put_time(b);
	buf_printf(b, " 2026 -> instream(local): /srv/mail/%u/attachment: Win.Trojan.Agent-%u-0(", below(100000), below(10000000));
	for (int i = 0; i < 32; i++)
		buf_putc(b, (uint8_t)hex[below(16)]);
	buf_printf(b, ":%u) FOUND\n", below(1000000));
}

static const struct {
	const char *name;
	void (*put)(struct buf *b);
} makers[] = { { "ufw", ufw }, { "nginx", nginx }, { "named", named }, { "eve.json", eve }, { "clamd", clamd } };

struct seeing {
	struct finder *clean; /* NULL: nothing is clean */
	uint64_t n, octets;
};

static void see(void *ctx, const struct finding *f, size_t n)
{
	struct seeing *s = ctx;
	s->n += n;
	for (size_t i = 0; i < n; i++) {
		s->octets += f[i].obs.key[0];
		if (s->clean)
			finder_clean(s->clean, &f[i]);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

static double run(struct finder *f, struct span text, struct seeing *s)
{
	uint64_t begin = cpu_ns();
	for (struct span rest = text; rest.n; rest = span_from(rest, PART))
		finder_run(f, span_head(rest, PART), see, s);
	return (double)text.n / (double)(cpu_ns() - begin);
}

static double run_lines(struct span text, uint64_t *sum)
{
	uint64_t begin = cpu_ns();
	for (struct span rest = text, line; span_line(&rest, &line);)
		*sum += line.n;
	return (double)text.n / (double)(cpu_ns() - begin);
}

static double run_marks(struct span text)
{
	struct marks m = { 0 };
	uint64_t begin = cpu_ns();
	for (struct span rest = text; rest.n; rest = span_from(rest, WINDOW))
		classify(CLASSIFY_BEST, span_head(rest, WINDOW), &m);
	double rate = (double)text.n / (double)(cpu_ns() - begin);
	marks_release(&m);
	return rate;
}

static void measure(const char *name, struct span text)
{
	double best[ROUNDS], portable[ROUNDS], lines[ROUNDS], marks[ROUNDS], clean[ROUNDS], ratio[ROUNDS];
	struct seeing s = { 0 }, unused = { 0 };
	struct finder *f = finder_new(0), *c = finder_new(0);
	uint64_t sum = 0;
	for (int i = 0; i < ROUNDS; i++) {
		s = (struct seeing){ 0 };
		finder_way(f, CLASSIFY_BEST);
		best[i] = run(f, text, &s);
		finder_way(f, CLASSIFY_PORTABLE);
		portable[i] = run(f, text, &unused);
		lines[i] = run_lines(text, &sum);
		marks[i] = run_marks(text);
		finder_forget(c);
		unused.clean = c;
		clean[i] = run(c, text, &unused);
		unused.clean = NULL;
		ratio[i] = best[i] / lines[i];
	}
	finder_free(f);
	finder_free(c);
	double b = median(best);
	printf("%-10s %6.2f GB/s, %4.1f findings in 1000 octets; memchr by line %5.2f GB/s, ratio %.2f; portable %.2f GB/s (AVX2 %.1f times); "
	       "classification alone %.2f GB/s; all found is clean %.2f GB/s\n",
	       name, b, 1000.0 * (double)s.n / (double)text.n, median(lines), median(ratio), median(portable), b / median(portable), median(marks),
	       median(clean));
}

static void add_file(const char *path, struct buf *text)
{
	struct input *in;
	bool end = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || input_open(fd, -1, path, &in, NULL))
		return;
	while (!end && text->n < FILE_MAX)
		if (input_read(in, PART, text, &end, NULL))
			break;
	input_close(in);
}

int main(int argc, char **argv)
{
	struct buf text = { 0 };
	for (size_t i = 0; i <= COUNT_OF(makers); i++) {
		for (text.n = 0; text.n < SIZE;)
			makers[i < COUNT_OF(makers) ? i : below(COUNT_OF(makers))].put(&text);
		measure(i < COUNT_OF(makers) ? makers[i].name : "mixed", buf_span(&text));
	}
	text.n = 0;
	for (int i = 1; i < argc; i++)
		add_file(argv[i], &text);
	if (text.n)
		measure("files", buf_span(&text));
	buf_release(&text);
	return 0;
}
