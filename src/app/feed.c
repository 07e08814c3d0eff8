/* sipar feed: what others take from this node, and their keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"
#include "app/verbs.h"
#include "base/address.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/feed_config.h"
#include "cli/option.h"
#include "cli/say.h"
#include "codec/json.h"
#include "gate/consumers.h"
#include "sys/key.h"

enum { WORDS = 20 };

struct feed_words {
	const char *dir, *config, *server, *consumer;
	const char *type, *reasons, *kinds, *zone, *answer, *garden, *notify, *allow, *transport, *max, *ttl, *refresh, *lanes, *audience, *categories, *min_score;
	bool json, challenge, passthru, open, rotate, remove;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		OPTION_WORD(&(o)->type, "type", "TYPE", "rpz, list or snapshot (with add, needed)"), \
		OPTION_WORD(&(o)->reasons, "reasons", "NAMES", "decisions for these: phishing, malware, c2, dga, botnet, exploitation (default: all)"), \
		OPTION_WORD(&(o)->kinds, "kinds", "KINDS", "only values of these kinds: ip, domain, url, hash, email (default: all)"), \
		OPTION_SWITCH(&(o)->challenge, "challenge", "list: challenges, too, and not only blocks"), \
		OPTION_WORD(&(o)->max, "max", "N", "list: at most N values, those with the highest score first, then the newest"), \
		OPTION_SWITCH(&(o)->open, "open", "over HTTP for everybody, without a key"), \
		OPTION_WORD(&(o)->zone, "zone", "NAME", "rpz: name of the zone (default: that of the feed)"), \
		OPTION_WORD(&(o)->answer, "answer", "WHAT", "rpz: nxdomain (default), nodata, drop or garden"), \
		OPTION_WORD(&(o)->garden, "garden", "NAME", "rpz: the host that a walled garden is at"), \
		OPTION_SWITCH(&(o)->passthru, "passthru", "rpz: what is protected by decision is served as rpz-passthru"), \
		OPTION_WORD(&(o)->notify, "notify", "ADDR:PORT", "rpz: who gets NOTIFY, with commas; key: that consumer"), \
		OPTION_WORD(&(o)->allow, "allow", "ADDRS", "rpz: addresses and prefixes that may transfer without a key"), \
		OPTION_WORD(&(o)->transport, "transport", "HOW", "rpz: any (default), or tls: transfers over TLS alone"), \
		OPTION_WORD(&(o)->ttl, "ttl", "SECONDS", "rpz: of the records (default 30)"), \
		OPTION_WORD(&(o)->refresh, "refresh", "SECONDS", "rpz: how often to ask for changes (default 60)"), \
		OPTION_WORD(&(o)->lanes, "lanes", "NAMES", "snapshot: what these lanes say"), \
		OPTION_WORD(&(o)->audience, "audience", "TLP", "snapshot: lanes for this level or a wider one; list: those that scores for --max are of"), \
		OPTION_WORD(&(o)->categories, "categories", "NAMES", "snapshot: keys that are listed for one of these"), \
		OPTION_WORD(&(o)->min_score, "min-score", "N", "snapshot: keys that score at least N"), \
		OPTION_WORD(&(o)->config, "config", "WHICH", "show: lines for unbound, bind, knot, kresd, powerdns, nftables, enforce, crowdsec or curl"), \
		OPTION_WORD(&(o)->server, "server", "HOST", "show: address of this node in them (default: that of sipar.conf)"), \
		OPTION_WORD(&(o)->consumer, "consumer", "NAME", "show: who the lines are for"), \
		OPTION_SWITCH(&(o)->rotate, "rotate", "key: a new key in the place of the old one, which is worth nothing at once"), \
		OPTION_SWITCH(&(o)->remove, "remove", "key: the consumer has none any more"), OPTION_END \
	}

/* Words of a feed, from options and from operands "WORD=VALUE". */
struct words {
	unsigned n;
	struct { const char *word; struct span value; } v[2 * WORDS];
};

static void add_word(struct words *w, const char *word, const char *value)
{
	if (value && w->n < COUNT_OF(w->v)) {
		w->v[w->n].word = word;
		w->v[w->n++].value = span_str(value);
	}
}

static void gather(const struct feed_words *o, bool key, struct words *w)
{
	add_word(w, "type", o->type);
	add_word(w, "reasons", o->reasons);
	add_word(w, "kinds", o->kinds);
	add_word(w, "challenge", o->challenge ? "yes" : NULL);
	add_word(w, "max", o->max);
	add_word(w, "open", o->open ? "yes" : NULL);
	add_word(w, "zone", o->zone);
	add_word(w, "answer", o->answer);
	add_word(w, "garden", o->garden);
	add_word(w, "passthru", o->passthru ? "yes" : NULL);
	add_word(w, "notify", key ? NULL : o->notify);
	add_word(w, "allow", o->allow);
	add_word(w, "transport", o->transport);
	add_word(w, "ttl", o->ttl);
	add_word(w, "refresh", o->refresh);
	add_word(w, "lanes", o->lanes);
	add_word(w, "audience", o->audience);
	add_word(w, "categories", o->categories);
	add_word(w, "min_score", o->min_score);
}

static enum err apply(const struct words *w, int n, char **operands, struct feed *feed, struct fault *f)
{
	enum err e = OK;
	for (unsigned i = 0; i < w->n && e == OK; i++)
		e = feed_set(feed, span_str(w->v[i].word), w->v[i].value, f);
	for (int i = 0; i < n && e == OK; i++) {
		struct span text = span_str(operands[i]);
		size_t eq = span_find(text, '=');
		if (eq == text.n)
			return fault_set(f, ERR_USAGE, "\"%s\" is not WORD=VALUE", operands[i]);
		e = feed_set(feed, span_head(text, eq), span_from(text, eq + 1), f);
	}
	return e;
}

/* ---- changes ---- */

struct change {
	uint64_t serial;   /* of the decisions, while they are held */
	const struct feed_words *options;
	const char *feed, *consumer;
	const struct words *words;
	int n;
	char **operands;
	bool fresh;        /* consumer: it has a new secret */
	struct consumer is;
};

static enum err add_feed(void *ctx, struct feeds *feeds, struct fault *f)
{
	const struct change *c = ctx;
	enum err e = feeds_add(feeds, span_str(c->feed), f);
	if (e == ERR_EXISTS)
		return fault_set(f, e, "there is a feed \"%s\" already; \"sipar feed set\" changes it", c->feed);
	if (e)
		return e;
	struct feed *feed = &feeds->v[feeds->n - 1];
	if ((e = apply(c->words, c->n, c->operands, feed, f)) != OK)
		return e;
	feed->from = feed->type == FEED_SNAPSHOT ? 0 : c->serial;
	feed->raised = feed->type == FEED_RPZ ? feeds->raised : 0;
	return feed_check(feed, feeds, f);
}

static enum err set_feed(void *ctx, struct feeds *feeds, struct fault *f)
{
	const struct change *c = ctx;
	const struct feed *found = feeds_find(feeds, c->feed);
	if (!found)
		return fault_set(f, ERR_NOTFOUND, "there is no feed \"%s\"", c->feed);
	struct feed *feed = &feeds->v[found - feeds->v];
	const struct feed before = *feed;
	enum err e = apply(c->words, c->n, c->operands, feed, f);
	if (e == OK && feed->type != before.type)
		return fault_set(f, ERR_USAGE, "the type of a feed stays what it is: remove it and add another");
	feed->from = before.from;
	feed->raised = before.raised;
	if (feed_differs(&before, feed)) {
		feed->from = feed->type == FEED_SNAPSHOT ? 0 : c->serial;
		if (feed->type == FEED_RPZ)
			feeds_raise(feeds, feed);
	}
	return e ? e : feed_check(feed, feeds, f);
}

static enum err remove_feed(void *ctx, struct feeds *feeds, struct fault *f)
{
	return feeds_remove(feeds, ((const struct change *)ctx)->feed, f);
}

static enum err set_key(void *ctx, struct feeds *feeds, struct fault *f)
{
	struct change *c = ctx;
	const struct feed_words *o = c->options;
	bool there = feeds_consumer(feeds, c->feed, c->consumer) != NULL;
	uint8_t secret[FEED_SECRET];
	if (o->remove)
		return feeds_consumer_remove(feeds, c->feed, c->consumer, f);
	if (there && !o->rotate && !o->notify)
		return fault_set(f, ERR_EXISTS, "consumer \"%s\" of feed \"%s\" has its key already, which was printed then; --rotate makes a new one",
				 c->consumer, c->feed);
	if (!there && o->rotate)
		return fault_set(f, ERR_NOTFOUND, "feed \"%s\" has no consumer \"%s\" whose key could be replaced", c->feed, c->consumer);
	random_octets(secret, sizeof(secret));
	c->fresh = !there || o->rotate;
	enum err e = feeds_consumer_set(feeds, c->feed, c->consumer, c->fresh ? secret : NULL, o->notify, f);
	explicit_bzero(secret, sizeof(secret));
	if (e == OK)
		c->is = *feeds_consumer(feeds, c->feed, c->consumer);
	return e;
}

/* ---- telling ---- */

static void put_key_text(const struct consumer *c, struct buf *out)
{
	buf_puts(out, "key \"");
	consumer_tsig_name(c, out);
	buf_puts(out, "\" { algorithm hmac-sha256; secret \"");
	base64_put(out, span_of(c->secret, sizeof(c->secret)));
	buf_puts(out, "\"; };\nX-Api-Key: ");
	consumer_api_key(c, out);
	buf_puts(out, "\nin front of the DNS list (dns_keys = on): ");
	consumer_dns_key(c, out);
	buf_puts(out, "\nThis is not shown again.\n");
}

static void put_key_json(const struct consumer *c, bool fresh, struct buf *out)
{
	buf_printf(out, "{\"feed\":\"%s\",\"consumer\":\"%s\",\"tsig_name\":\"", c->feed, c->name);
	consumer_tsig_name(c, out);
	buf_puts(out, "\",\"tsig_algorithm\":\"hmac-sha256\"");
	if (fresh) {
		buf_puts(out, ",\"tsig_secret\":\"");
		base64_put(out, span_of(c->secret, sizeof(c->secret)));
		buf_puts(out, "\",\"api_key\":\"");
		consumer_api_key(c, out);
		buf_puts(out, "\",\"dns_key\":\"");
		consumer_dns_key(c, out);
		buf_putc(out, '"');
	}
	buf_printf(out, ",\"notify\":\"%s\"}\n", c->notify);
}

static void tell_key(struct verb_env *env, const struct change *c)
{
	struct buf out = { 0 };
	if (c->options->json && !c->options->remove)
		put_key_json(&c->is, c->fresh, &out);
	else if (c->fresh)
		put_key_text(&c->is, &out);
	verb_out(env, &out);
	if (out.p)
		explicit_bzero(out.p, out.cap);
	buf_release(&out);
}

static unsigned count_consumers(const struct feeds *feeds, const char *feed)
{
	unsigned n = 0;
	for (unsigned i = 0; i < feeds->n_consumers; i++)
		n += strcmp(feeds->consumer[i].feed, feed) == 0;
	return n;
}

static void put_value_json(struct span value, struct buf *out)
{
	uint64_t n;
	if (num_parse_u64(value, UINT64_MAX, &n) == OK)
		buf_putspan(out, value);
	else if (span_is(value, "yes") || span_is(value, "no"))
		buf_puts(out, span_is(value, "yes") ? "true" : "false");
	else
		json_put_string(out, value);
}

/* "word=value word=value" as members of an object. */
static void put_words_json(const struct feed *feed, struct buf *out)
{
	struct buf row = { 0 };
	feed_put(feed, &row);
	struct span rest = buf_span(&row);
	buf_puts(out, "{\"name\":");
	json_put_string(out, span_head(rest, span_find(rest, ' ')));
	buf_printf(out, ",\"type\":\"%s\"", feed_type_name(feed->type));
	while ((rest = span_from(rest, span_find(rest, ' ') + 1)).n) {
		struct span one = span_head(rest, span_find(rest, ' '));
		size_t eq = span_find(one, '=');
		if (span_is(span_head(one, eq), "type"))
			continue;
		buf_putc(out, ',');
		json_put_string(out, span_head(one, eq));
		buf_putc(out, ':');
		put_value_json(span_from(one, eq + 1), out);
	}
	buf_release(&row);
}

static void list(struct verb_env *env, bool json)
{
	struct buf out = { 0 };
	const struct feeds *feeds = node_feeds(env->node);
	for (unsigned i = 0; i < feeds->n; i++) {
		unsigned n = count_consumers(feeds, feeds->v[i].name);
		if (json) {
			put_words_json(&feeds->v[i], &out);
			buf_printf(&out, ",\"consumers\":%u}\n", n);
		} else {
			feed_put(&feeds->v[i], &out);
			buf_printf(&out, "  (%u consumer%s)\n", n, n == 1 ? "" : "s");
		}
	}
	feeds_drop(feeds);
	verb_out(env, &out);
	buf_release(&out);
}

static void put_consumer(const struct consumer *c, bool json, const char *between, struct buf *out)
{
	if (json) {
		buf_printf(out, "%s{\"consumer\":\"%s\",\"tsig_name\":\"", between, c->name);
		consumer_tsig_name(c, out);
		buf_printf(out, "\",\"notify\":\"%s\"}", c->notify);
		return;
	}
	buf_printf(out, "  %-24s key ", c->name);
	consumer_tsig_name(c, out);
	buf_printf(out, "%s%s\n", c->notify[0] ? ", notify " : "", c->notify);
}

static void describe(struct node *n, const struct feeds *feeds, const struct feed *feed, bool json, struct buf *out)
{
	struct consumer_seen seen;
	const char *between = "";
	if (json) {
		put_words_json(feed, out);
		buf_puts(out, ",\"consumers\":[");
	} else {
		feed_put(feed, out);
		buf_putc(out, '\n');
	}
	for (unsigned i = 0; i < feeds->n_consumers; i++) {
		if (strcmp(feeds->consumer[i].feed, feed->name) != 0)
			continue;
		put_consumer(&feeds->consumer[i], json, between, out);
		between = ",";
	}
	if (json)
		buf_puts(out, "]}\n");
	for (size_t i = 0; !json && consumers_get(node_consumers(n), i, &seen); i++)
		if (strcmp(seen.feed, feed->name) == 0) {
			buf_puts(out, "  ");
			say_consumer(&seen, out);
		}
}

/* ---- lines for others ---- */

/* @param ret_host  of an address that one can be reached at, else as it was. */
static void split(const char *address, char ret_host[64], unsigned *ret_port)
{
	struct sockaddr_storage a;
	socklen_t n;
	*ret_port = 0;
	if (address_parse(address, &a, &n, NULL))
		return;
	*ret_port = address_port(&a);
	char text[ADDRESS_TEXT_MAX];
	address_format(&a, text);
	char *colon = strrchr(text, ':');
	*colon = 0;
	bool brackets = text[0] == '[';
	snprintf(ret_host, 64, "%s", text + brackets);
	ret_host[strcspn(ret_host, "]")] = 0;
}

static enum err put_lines(const struct verb_env *env, const struct feed_words *o, const struct feed *feed, struct buf *out, struct fault *f)
{
	struct config *c = mem_zalloc(sizeof(*c));
	char http[64] = "", rpz[64] = "", tls[64] = "";
	struct feed_place p = { .consumer = o->consumer };
	config_defaults(c);
	enum err e = config_read(node_dir(env->node), c, f);
	split(c->http, http, &p.http_port);
	split(c->rpz, rpz, &p.rpz_port);
	split(c->rpz_tls, tls, &p.rpz_tls_port);
	free(c);
	const char *zones = feed_config_by_tls(feed, &p) ? tls : rpz;
	p.host = o->server ? o->server : feed->type == FEED_RPZ && *zones ? zones : http;
	if (e == OK && !o->server && (strcmp(p.host, "0.0.0.0") == 0 || strcmp(p.host, "::") == 0))
		e = fault_set(f, ERR_USAGE, "sipar.conf says \"%s\", every address of this machine: say with --server which one others reach", p.host);
	return e ? e : feed_config_put(o->config, feed, &p, out, f);
}

static enum err show(struct verb_env *env, const struct feed_words *o, const char *name, struct fault *f)
{
	struct buf out = { 0 }, lines = { 0 };
	enum err e = OK;
	const struct feeds *feeds = node_feeds(env->node);
	const struct feed *feed = feeds_find(feeds, name);
	if (!feed)
		e = fault_set(f, ERR_NOTFOUND, "there is no feed \"%s\"", name);
	else if (o->consumer && !feeds_consumer(feeds, name, o->consumer))
		e = fault_set(f, ERR_NOTFOUND, "feed \"%s\" has no consumer \"%s\": \"sipar feed key %s %s\" makes its key", name, o->consumer, name,
			      o->consumer);
	else if (!o->config)
		describe(env->node, feeds, feed, o->json, &out);
	else if ((e = put_lines(env, o, feed, &lines, f)) == OK && o->json) {
		buf_printf(&out, "{\"feed\":\"%s\",\"config\":\"%s\",\"lines\":", name, o->config);
		json_put_string(&out, buf_span(&lines));
		buf_puts(&out, "}\n");
	} else
		buf_putspan(&out, buf_span(&lines));
	feeds_drop(feeds);
	if (e == OK)
		verb_out(env, &out);
	buf_release(&out);
	buf_release(&lines);
	return e;
}

/* ---- the verb ---- */

enum what { LIST, SHOW, ADD, SET, REMOVE, KEY, WHATS };
static const struct {
	const char *name;
	int least, most; /* operands behind it */
	feeds_change *change;
} whats[WHATS] = {
	[LIST] = { "list", 0, 0, NULL }, [SHOW] = { "show", 1, 1, NULL }, [ADD] = { "add", 1, 1 + WORDS, add_feed },
	[SET] = { "set", 1, 1 + WORDS, set_feed }, [REMOVE] = { "remove", 1, 1, remove_feed }, [KEY] = { "key", 2, 2, set_key },
};

/* It stands in the lines of other programs' configurations. */
static bool is_word(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((uint8_t)*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\'' || *p == ';')
			return false;
	return *text != 0;
}

static enum err look(const struct feed_words *o, enum what what, int n, const struct words *w, struct fault *f)
{
	if (what == WHATS)
		return fault_set(f, ERR_USAGE, "feed: the first word is none of list, show, add, set, remove and key");
	if (n < whats[what].least)
		return fault_set(f, ERR_USAGE, what == KEY ? "feed key: give the names of a feed and of a consumer" : "feed %s: give the name of a feed",
				 whats[what].name);
	if (n > whats[what].most)
		return fault_set(f, ERR_USAGE, "feed %s: there are words too many", whats[what].name);
	if (w->n && what != ADD && what != SET)
		return fault_set(f, ERR_USAGE, "--%s goes with add and set", w->v[0].word);
	if (what == ADD && !o->type)
		return fault_set(f, ERR_USAGE, "feed add: say with --type whether it is for rpz, list or snapshot");
	if ((o->config || o->server || o->consumer) && what != SHOW)
		return fault_set(f, ERR_USAGE, "--config, --server and --consumer go with show");
	if ((o->server && !is_word(o->server)) || (o->consumer && !is_word(o->consumer)))
		return fault_set(f, ERR_USAGE, "--server and --consumer take a name or an address: there is a blank or control character in it");
	if ((o->server || o->consumer) && !o->config)
		return fault_set(f, ERR_USAGE, "--server and --consumer go with --config");
	if ((o->rotate || o->remove) && what != KEY)
		return fault_set(f, ERR_USAGE, "--rotate and --remove go with key");
	if (o->remove && (o->rotate || o->notify))
		return fault_set(f, ERR_USAGE, "--remove goes alone");
	return OK;
}

static enum err change(struct verb_env *env, enum what what, struct change *c, struct fault *f)
{
	/* Nobody decides until all faces have the other feed: what any of them gave before is of a serial up to feed.from. */
	docket_hold(node_docket(env->node));
	c->serial = docket_serial(node_docket(env->node));
	enum err e = node_feeds_change(env->node, whats[what].change, c, f);
	docket_let(node_docket(env->node));
	if (e)
		return e;
	if (what == REMOVE || (what == KEY && c->options->remove))
		consumers_forget(node_consumers(env->node), c->feed, what == KEY ? c->consumer : NULL);
	if (what == KEY)
		log_line(LOG_NOTICE, "feed \"%s\": consumer \"%s\" %s", c->feed, c->consumer,
			 c->options->remove ? "removed" : c->fresh ? "got a key" : "changed");
	else
		log_line(LOG_NOTICE, "feed \"%s\": %s", c->feed, what == ADD ? "added" : what == SET ? "changed" : "removed");
	if (what == KEY)
		tell_key(env, c);
	return OK;
}

static enum err act(struct verb_env *env, const struct feed_words *o, int n, char **argv, struct fault *f)
{
	struct words words = { .n = 0 };
	struct feed trial;
	enum what what = n ? WHATS : LIST;
	for (enum what i = 0; n && i < WHATS; i++)
		if (strcmp(argv[1], whats[i].name) == 0)
			what = i;
	gather(o, what == KEY, &words);
	int rest = n ? n - 1 : 0;
	struct change c = { .options = o, .words = &words };
	enum err e = look(o, what, rest, &words, f);
	if (e)
		return e;
	if (rest) {
		c.feed = argv[2];
		c.consumer = what == KEY ? argv[3] : NULL;
		c.n = what == ADD || what == SET ? rest - 1 : 0;
		c.operands = argv + 3;
	}
	feed_defaults(&trial);
	if ((e = apply(&words, c.n, c.operands, &trial, f)) || !env->node)
		return e;
	if (what == LIST)
		return list(env, o->json), OK;
	e = what == SHOW ? show(env, o, c.feed, f) : change(env, what, &c, f);
	explicit_bzero(&c.is, sizeof(c.is));
	return e;
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct feed_words o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK)
		e = act(env, &o, n, argv, &f);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct feed_words o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_feed = {
	.name = "feed",
	.summary = "What others take from this node: zones and lists of decisions, selections for snapshots, and who has keys to them",
	.usage = "[OPTION...] list | show NAME | add NAME [WORD=VALUE...] | set NAME [WORD=VALUE...] | remove NAME | key NAME CONSUMER",
	.details = "Feeds stand in DIR/feeds.conf.  A change takes effect at once, in a running daemon, too.  Instead of an option, WORD=VALUE\n"
		   "behind the name says the same in the words of that file; open=no, challenge=no and passthru=no take a flag back.\n"
		   "key makes the key of a consumer and prints it, once: the TSIG key for transfers, in the syntax of BIND, and the key\n"
		   "for HTTP.  show --config prints the lines by which a resolver or firewall takes the feed.\n\n"
		   "Exit status: 0 done, 2 not done.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
