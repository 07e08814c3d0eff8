/* sipar enforce nft: the agent on a firewall (enforce/agent.h), its options, its loop, and what it tells. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "base/num.h"
#include "cli/option.h"
#include "codec/json.h"
#include "enforce/agent.h"
#include "enforce/notebook.h"
#include "ledger/lane.h"
#include "sys/nft.h"

enum {
	EVERY_MS = 1000, EVERY_MIN_MS = 50, EVERY_MAX_MS = 3600000, GRACE_S = 3600,
	COMPARE_S = 3600, WHOLE_S = 86400, /* how often the sets are read, and the whole feed is taken */
	KEY_FILE_MAX = 4096, URL_MAX = 300,
};

struct enforce_options {
	const char *dir, *url, *feed, *key_file, *consumer, *table, *family, *every, *state, *grace, *offline;
	struct option_list spare;
	bool once, dry_run, no_rules, flush, json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_WORD(&(o)->url, "url", "URL", "the node: http://ADDRESS:8300/ or https://..."), \
		{ 'd', "dir", "DIR", "instead: the node on this machine with this data directory", OPTION_TEXT, &(o)->dir, 0 }, \
		OPTION_WORD(&(o)->feed, "feed", "NAME", "its feed of type list"), \
		OPTION_WORD(&(o)->key_file, "key-file", "FILE", "the key, as \"sipar feed key\" printed it; mode 0600"), \
		OPTION_WORD(&(o)->consumer, "consumer", "NAME", "with -d: whose key is taken (default: the name of this host)"), \
		OPTION_WORD(&(o)->table, "table", "NAME", "table of nftables (default: sipar)"), \
		OPTION_WORD(&(o)->family, "family", "NAME", "its family: inet (default), ip or ip6"), \
		OPTION_WORD(&(o)->every, "every", "TIME", "how often to ask: 1s (default), 500ms, 5m"), \
		OPTION_WORD(&(o)->state, "state", "DIR", "what it remembers (default: /var/lib/sipar-enforce)"), \
		{ 0, "spare", "ADDRESS", "never enforce this address or prefix; may be given several times", OPTION_LIST, &(o)->spare, 0 }, \
		OPTION_WORD(&(o)->offline, "offline", "WHAT", "when the node is away: drop-young (default), keep or drop-all"), \
		OPTION_WORD(&(o)->grace, "grace", "TIME", "how long it may be away before that (default: 1h)"), \
		OPTION_SWITCH(&(o)->no_rules, "no-rules", "the sets alone; what they are for is for other rules to say"), \
		OPTION_SWITCH(&(o)->once, "once", "make the sets equal to the feed, and end"), \
		OPTION_SWITCH(&(o)->dry_run, "dry-run", "tell what would be changed, change nothing, and end"), \
		OPTION_SWITCH(&(o)->flush, "flush", "remove the table with everything in it, forget the state, and end"), \
		OPTION_JSON(&(o)->json), OPTION_END                                                                            \
	}

struct enforcing {
	struct verb_env *env;
	struct enforce_options o;
	struct agent_options agent;
	uint64_t every_ms;
	int signals;
	bool stopped, trouble;
	char url[URL_MAX];
	struct buf key;
};

/* ---- telling ---- */

static void put_counts(const struct agent_event *e, struct buf *out)
{
	buf_printf(out, "\"serial\":%llu,\"added\":%zu,\"removed\":%zu,\"values\":%zu,\"took_us\":%llu", (unsigned long long)e->serial, e->added,
		   e->removed, e->values, (unsigned long long)e->took_us);
}

static void put_json(const struct agent_event *e, struct buf *out)
{
	static const char *const names[] = {
		[AGENT_ENFORCED] = "enforced", [AGENT_REPAIRED] = "repaired", [AGENT_SPARED] = "spared", [AGENT_AWAY] = "away",
		[AGENT_DROPPED] = "dropped", [AGENT_BACK] = "back", [AGENT_TROUBLE] = "trouble", [AGENT_WOULD] = "would",
	};
	char when[32];
	time_format(clock_ms() / 1000, when);
	buf_printf(out, "{\"time\":\"%s\",\"event\":\"%s\"", when, names[e->what]);
	if (e->what == AGENT_ENFORCED || e->what == AGENT_REPAIRED || e->what == AGENT_DROPPED) {
		buf_putc(out, ',');
		put_counts(e, out);
	}
	if (e->what == AGENT_BACK)
		buf_printf(out, ",\"serial\":%llu", (unsigned long long)e->serial);
	if (e->value) {
		buf_puts(out, ",\"value\":");
		json_put_string(out, span_str(e->value));
	}
	if (e->text) {
		buf_puts(out, ",\"text\":");
		json_put_string(out, span_str(e->text));
	}
	buf_puts(out, "}\n");
}

static void put_text(const struct agent_event *e, struct buf *out)
{
	switch (e->what) {
	case AGENT_ENFORCED:
		buf_printf(out, "serial %llu: %zu added, %zu removed in %llu us; %zu values\n", (unsigned long long)e->serial, e->added, e->removed,
			   (unsigned long long)e->took_us, e->values);
		break;
	case AGENT_REPAIRED:
		buf_printf(out, "put right what others had changed: %zu added, %zu removed; %zu values\n", e->added, e->removed, e->values);
		break;
	case AGENT_SPARED:
		buf_printf(out, "%s is not enforced: %s\n", e->value, e->text);
		break;
	case AGENT_AWAY:
		buf_printf(out, "the node is away, what is enforced stays for now: %s\n", e->text);
		break;
	case AGENT_DROPPED:
		buf_printf(out, "the node has been away for too long: %zu removed\n", e->removed);
		break;
	case AGENT_BACK:
		buf_printf(out, "the node is back, with serial %llu\n", (unsigned long long)e->serial);
		break;
	case AGENT_TROUBLE:
		break;
	case AGENT_WOULD:
		buf_printf(out, "%s\n", e->text);
		break;
	}
}

static void tell(void *ctx, const struct agent_event *e)
{
	struct enforcing *x = ctx;
	struct buf out = { 0 };
	x->trouble |= e->what == AGENT_TROUBLE || e->what == AGENT_AWAY;
	if (x->o.json)
		put_json(e, &out);
	else if (e->what == AGENT_TROUBLE)
		verb_complain(x->env, "enforce: %s", e->text);
	else
		put_text(e, &out);
	verb_out(x->env, &out);
	buf_release(&out);
}

/* ---- what is given ---- */

static enum err read_duration(const char *option, const char *text, uint64_t *ret_ms, struct fault *f)
{
	struct span s = span_str(text);
	uint32_t seconds;
	if (s.n > 2 && span_is(span_from(s, s.n - 2), "ms") && num_parse_u64(span_head(s, s.n - 2), UINT32_MAX, ret_ms) == OK)
		return OK;
	if (retention_parse(s, &seconds, f) || (seconds == 0 && !span_is(s, "0s")))
		return fault_set(f, ERR_USAGE, "enforce: --%s \"%.40s\" is not a time like 500ms, 1s or 2h", option, text);
	*ret_ms = (uint64_t)seconds * 1000;
	return OK;
}

static enum err read_offline(const char *text, enum agent_offline *ret, struct fault *f)
{
	static const char *const names[] = { [OFFLINE_KEEP] = "keep", [OFFLINE_DROP_YOUNG] = "drop-young", [OFFLINE_DROP_ALL] = "drop-all" };
	*ret = OFFLINE_DROP_YOUNG;
	for (unsigned i = 0; i < COUNT_OF(names) && text; i++)
		if (strcmp(text, names[i]) == 0)
			return *ret = (enum agent_offline)i, OK;
	return text ? fault_set(f, ERR_USAGE, "enforce: --offline \"%.40s\" is none of keep, drop-young and drop-all", text) : OK;
}

/* The file has the key alone, or what "sipar feed key" printed. */
static enum err read_key(struct enforcing *x, struct fault *f)
{
	struct buf text = { 0 };
	struct stat st;
	int fd = openat(x->env->cwd, x->o.key_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 || fstat(fd, &st) ? -1 : read(fd, buf_reserve(&text, KEY_FILE_MAX), KEY_FILE_MAX);
	int error = errno;
	if (fd >= 0)
		close(fd);
	enum err e = OK;
	if (n < 0)
		e = fault_set(f, ERR_IO, "the key \"%s\" cannot be read: %s", x->o.key_file, strerror(error));
	else if (S_ISREG(st.st_mode) && st.st_mode & 077)
		e = fault_set(f, ERR_FORBIDDEN, "the key \"%s\" can be read by others than its owner: chmod 600", x->o.key_file);
	text.n = n > 0 ? (size_t)n : 0;
	struct span rest = span_trim(buf_span(&text)), key = rest;
	while (e == OK && rest.n) {
		struct span line = span_head(rest, span_find(rest, '\n'));
		rest = span_from(rest, line.n + 1);
		if (span_starts(line, SPAN_LIT("X-Api-Key:")))
			key = span_trim(span_from(line, 10));
	}
	for (size_t i = 0; e == OK && i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] >= 0x7f)
			e = fault_set(f, ERR_SYNTAX, "the key \"%s\" is not one word, nor what \"sipar feed key\" prints", x->o.key_file);
	if (e == OK && key.n == 0)
		e = fault_set(f, ERR_SYNTAX, "the key \"%s\" is empty", x->o.key_file);
	if (e == OK)
		buf_putspan(&x->key, key);
	if (text.p)
		explicit_bzero(text.p, text.cap);
	buf_release(&text);
	return e;
}

/* Of the node's own files: where it listens, and the key of a consumer. */
static enum err read_node(struct enforcing *x, struct fault *f)
{
	struct config *c = mem_zalloc(sizeof(*c));
	struct feeds *feeds = feeds_new();
	char host[FEED_NAME_MAX + 1] = "";
	config_defaults(c);
	gethostname(host, sizeof(host) - 1);
	const char *name = x->o.consumer ? x->o.consumer : host;
	enum err e = config_read(x->o.dir, c, f);
	if (e == OK && strcmp(c->http, "off") == 0)
		e = fault_set(f, ERR_USAGE, "the node \"%s\" has no HTTP face (http = off in sipar.conf)", x->o.dir);
	if (e == OK)
		e = feeds_read(x->o.dir, feeds, f);
	const struct feed *feed = e == OK ? feeds_find(feeds, x->o.feed) : NULL;
	const struct consumer *consumer = feed ? feeds_consumer(feeds, x->o.feed, name) : NULL;
	if (e == OK && (!feed || feed->type != FEED_LIST))
		e = fault_set(f, ERR_NOTFOUND, "the node \"%s\" has no feed \"%s\" of type list", x->o.dir, x->o.feed);
	else if (e == OK && !consumer && !feed->open)
		e = fault_set(f, ERR_NOTFOUND, "feed \"%s\" has no consumer \"%s\": \"sipar feed key %s %s\" makes it", x->o.feed, name, x->o.feed, name);
	if (e == OK && consumer)
		consumer_api_key(consumer, &x->key);
	snprintf(x->url, sizeof(x->url), "http://%s", c->http);
	feeds_drop(feeds);
	free(c);
	return e;
}

static enum err read_options(struct enforcing *x, int n, char **argv, struct fault *f)
{
	const struct enforce_options *o = &x->o;
	uint64_t grace_ms = (uint64_t)GRACE_S * 1000;
	enum err e = OK;
	x->every_ms = EVERY_MS;
	if (n != 1 || strcmp(argv[1], "nft") != 0)
		return fault_set(f, ERR_USAGE, "enforce: say where: \"sipar enforce nft ...\"");
	if (!o->flush && (!o->feed || !o->url == !o->dir))
		return fault_set(f, ERR_USAGE, "enforce: give --feed NAME, and --url URL or -d DIR");
	if (o->dir && o->key_file)
		return fault_set(f, ERR_USAGE, "enforce: with -d the key is read there: --consumer says whose");
	if ((o->every && (e = read_duration("every", o->every, &x->every_ms, f))) || (o->grace && (e = read_duration("grace", o->grace, &grace_ms, f))) ||
	    (e = read_offline(o->offline, &x->agent.offline, f)))
		return e;
	if (x->every_ms < EVERY_MIN_MS || x->every_ms > EVERY_MAX_MS)
		return fault_set(f, ERR_USAGE, "enforce: --every is %d ms to an hour", EVERY_MIN_MS);
	if (o->spare.n > AGENT_SPARE_MAX)
		return fault_set(f, ERR_USAGE, "enforce: --spare is given more than %d times", AGENT_SPARE_MAX);
	snprintf(x->url, sizeof(x->url), "%s", o->url ? o->url : "");
	if (o->url && strlen(o->url) >= sizeof(x->url))
		return fault_set(f, ERR_USAGE, "enforce: the URL is longer than %zu octets", sizeof(x->url) - 1);
	x->agent.grace_s = (int64_t)(grace_ms / 1000);
	x->agent.family = o->family ? o->family : "inet";
	x->agent.table = o->table ? o->table : "sipar";
	x->agent.state = o->state ? o->state : "/var/lib/sipar-enforce";
	x->agent.resolv_conf = "/etc/resolv.conf";
	x->agent.feed = o->feed;
	x->agent.no_rules = o->no_rules;
	x->agent.dry_run = o->dry_run;
	for (unsigned i = 0; i < o->spare.n; i++)
		x->agent.spare[x->agent.n_spare++] = o->spare.value[i];
	return OK;
}

static enum err prepare(struct enforcing *x, struct fault *f)
{
	enum err e = x->o.dir ? read_node(x, f) : x->o.key_file ? read_key(x, f) : OK;
	size_t n = strlen(x->url);
	while (n && x->url[n - 1] == '/')
		x->url[--n] = 0;
	x->agent.url = x->url;
	x->agent.key = x->key.n ? buf_cstr(&x->key) : NULL;
	return e;
}

/* ---- the loop ---- */

static bool cancelled(void *ctx)
{
	struct enforcing *x = ctx;
	struct pollfd p = { .fd = x->signals, .events = POLLIN };
	return poll(&p, 1, 0) > 0;
}

/* Until the next round.  @return false: it is over. */
static bool rest(struct enforcing *x, struct agent *a, uint64_t ms)
{
	struct pollfd p = { .fd = x->signals, .events = POLLIN };
	struct signalfd_siginfo s;
	if (poll(&p, 1, (int)ms) > 0 && read(x->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP)
			agent_compare(a, true);
		else
			x->stopped = true;
	}
	return !x->stopped;
}

static enum err loop(struct enforcing *x, struct agent *a, struct fault *f)
{
	uint64_t compared_s = clock_mono_ns() / 1000000000, whole_s = compared_s;
	bool again, last = x->o.once || x->o.dry_run;
	enum err e;
	do {
		uint64_t begin_ms = clock_mono_ns() / 1000000;
		e = agent_round(a, &again, f);
		if ((e == ERR_FORBIDDEN || e == ERR_NOTFOUND || e == ERR_EXISTS) && !agent_reached(a))
			return e;
		uint64_t now_ms = clock_mono_ns() / 1000000, gone_ms = now_ms - begin_ms;
		if (now_ms / 1000 - compared_s >= COMPARE_S) {
			bool whole = now_ms / 1000 - whole_s >= WHOLE_S;
			agent_compare(a, whole);
			compared_s = now_ms / 1000;
			whole_s = whole ? compared_s : whole_s;
		}
		if (last && e == OK && !agent_reached(a))
			return fault_set(f, ERR_IO, "enforce: the node is not reached");
		if (last && e == OK && again) { /* tell it what is enforced */
			e = agent_round(a, &again, f);
			return e;
		}
		if (last)
			return e;
		if (!rest(x, a, again || e == ERR_CANCELLED || gone_ms >= x->every_ms ? 0 : x->every_ms - gone_ms))
			return OK;
	} while (true);
}

static enum err enforce(struct enforcing *x, struct fault *f)
{
	struct agent *a = NULL;
	sigset_t before;
	x->signals = verb_signals(&before);
	x->agent.tell = tell;
	x->agent.cancelled = cancelled;
	x->agent.ctx = x;
	enum err e = x->signals < 0 ? fault_set(f, ERR_IO, "signals cannot be waited for: %s", strerror(errno)) : prepare(x, f);
	if (e == OK)
		e = agent_new(&x->agent, &a, f);
	if (e == OK)
		e = loop(x, a, f);
	agent_free(a);
	if (x->signals >= 0)
		close(x->signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e == ERR_CANCELLED ? OK : e;
}

/* No agent may work on it meanwhile. */
static enum err flush(struct enforcing *x, struct fault *f)
{
	struct nft *n;
	char name[64];
	snprintf(name, sizeof(name), "%s-%s", x->agent.family, x->agent.table);
	enum err e = nft_open(x->agent.family, x->agent.table, &n, f);
	if (e)
		return e;
	if ((e = notebook_delete(x->agent.state, name, f)) == OK)
		e = nft_drop_table(n, f);
	nft_close(n);
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct enforcing x = { .env = env, .signals = -1 };
	const struct option rows[] = OPTION_ROWS(&x.o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = read_options(&x, n, argv, &f);
	if (e == OK)
		e = x.o.flush ? flush(&x, &f) : enforce(&x, &f);
	if (x.key.p)
		explicit_bzero(x.key.p, x.key.cap);
	buf_release(&x.key);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct enforce_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_enforce = {
	.name = "enforce",
	.summary = "Keep the sets of this firewall equal to a feed (nftables)",
	.usage = "nft [OPTION...] --url URL --feed NAME [--key-file FILE]",
	.details = "The table gets the sets block4, block6, net4, net6, challenge4 and challenge6, and rules that drop what is in the first four;\n"
		   "other rules, sets and tables stay as they are.  It works in the foreground until SIGTERM, which leaves the sets as they are;\n"
		   "SIGHUP takes the whole feed and compares everything.  Needs CAP_NET_ADMIN; see docs/enforce.md.\n\n"
		   "Exit status: 0 done or ended by a signal, 2 refused or not reached, 64 usage.\n",
	.run = run,
	.options = options,
};
