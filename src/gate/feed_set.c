/* The set of a node's feeds, and of those who take them. */
#include "gate/feed_parts.h"

#include <stdlib.h>

#include "base/num.h"
#include "sys/digest.h"
#include "sys/key.h"
#include "view/source.h"

enum { API_KEY_OCTETS = 20 };

struct feeds *feeds_new(void)
{
	struct feeds *feeds = mem_zalloc(sizeof(*feeds));
	feeds->held = 1;
	return feeds;
}

const struct feeds *feeds_hold(const struct feeds *feeds)
{
	__atomic_fetch_add(&((struct feeds *)(uintptr_t)feeds)->held, 1, __ATOMIC_RELAXED);
	return feeds;
}

void feeds_drop(const struct feeds *feeds)
{
	struct feeds *own = (struct feeds *)(uintptr_t)feeds;
	if (!own || __atomic_fetch_sub(&own->held, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	explicit_bzero(own, sizeof(*own));
	free(own);
}

static enum err check_name(struct span name, const char *of, struct fault *f)
{
	if (source_name_ok(name) && name.n <= FEED_NAME_MAX)
		return OK;
	return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a %s: 1 to %d of a-z, 0-9, '.', '_' and '-'",
			 SPAN_ARG(span_head(name, 100)), of, FEED_NAME_MAX);
}

enum err feeds_add(struct feeds *feeds, struct span text, struct fault *f)
{
	struct feed feed;
	struct span name = span_word(&text);
	feed_defaults(&feed);
	enum err e = check_name(name, "feed", f);
	if (e)
		return e;
	memcpy(feed.name, name.p, name.n);
	for (struct span one; (one = span_word(&text)).n;) {
		size_t eq = span_find(one, '=');
		if ((e = feed_set(&feed, span_head(one, eq), span_from(one, eq + 1), f)) != OK)
			return e;
	}
	if (feeds_find(feeds, feed.name))
		return fault_set(f, ERR_EXISTS, "feed \"%s\" is there twice", feed.name);
	if (feeds->n == FEEDS_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d feeds", FEEDS_MAX);
	if ((e = feed_check(&feed, feeds, f)) != OK)
		return e;
	feeds->v[feeds->n++] = feed;
	if (feeds->raised < feed.raised)
		feeds->raised = feed.raised;
	return OK;
}

void feeds_raise(struct feeds *feeds, struct feed *feed)
{
	feed->raised = ++feeds->raised;
}

enum err feeds_remove(struct feeds *feeds, const char *name, struct fault *f)
{
	const struct feed *feed = feeds_find(feeds, name);
	if (!feed)
		return fault_set(f, ERR_NOTFOUND, "there is no feed \"%s\"", name);
	for (unsigned i = feeds->n_consumers; i-- > 0;)
		if (strcmp(feeds->consumer[i].feed, name) == 0)
			feeds->consumer[i] = feeds->consumer[--feeds->n_consumers];
	if (feed->type == FEED_RPZ)
		feeds->raised++; /* another one may get its zone */
	size_t at = (size_t)(feed - feeds->v);
	memmove(&feeds->v[at], &feeds->v[at + 1], (--feeds->n - at) * sizeof(feeds->v[0]));
	return OK;
}

const struct feed *feeds_find(const struct feeds *feeds, const char *name)
{
	for (unsigned i = 0; i < feeds->n; i++)
		if (strcmp(feeds->v[i].name, name) == 0)
			return &feeds->v[i];
	return NULL;
}

/* ---- consumers ---- */

enum err feeds_consumer_set(struct feeds *feeds, const char *feed, const char *name, const uint8_t *secret, const char *notify,
			    struct fault *f)
{
	struct consumer c = { .feed = "" };
	struct consumer *is = (struct consumer *)(uintptr_t)feeds_consumer(feeds, feed, name);
	const struct feed *of = feeds_find(feeds, feed);
	enum err e = check_name(span_str(name), "consumer", f);
	if (e)
		return e;
	if (!of)
		return fault_set(f, ERR_NOTFOUND, "there is no feed \"%s\"", feed);
	if (of->type == FEED_SNAPSHOT)
		return fault_set(f, ERR_USAGE, "a feed of type snapshot is a file, and has no consumers");
	if (!is && feeds->n_consumers == CONSUMERS_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d consumers", CONSUMERS_MAX);
	if (is)
		c = *is;
	snprintf(c.feed, sizeof(c.feed), "%s", feed);
	snprintf(c.name, sizeof(c.name), "%s", name);
	if (notify && strcmp(notify, "none") == 0)
		notify = "";
	if (notify && *notify && (e = feed_targets_set(c.notify, span_str(notify), f)) != OK)
		return e;
	if (notify && !*notify)
		c.notify[0] = 0;
	if (secret)
		memcpy(c.secret, secret, sizeof(c.secret));
	else if (!is)
		random_octets(c.secret, sizeof(c.secret));
	if (!is)
		is = &feeds->consumer[feeds->n_consumers++];
	*is = c;
	explicit_bzero(&c, sizeof(c));
	return OK;
}

enum err feeds_consumer_remove(struct feeds *feeds, const char *feed, const char *name, struct fault *f)
{
	const struct consumer *c = feeds_consumer(feeds, feed, name);
	if (!c)
		return fault_set(f, ERR_NOTFOUND, "feed \"%s\" has no consumer \"%s\"", feed, name);
	size_t at = (size_t)(c - feeds->consumer);
	memmove(&feeds->consumer[at], &feeds->consumer[at + 1], (--feeds->n_consumers - at) * sizeof(feeds->consumer[0]));
	return OK;
}

const struct consumer *feeds_consumer(const struct feeds *feeds, const char *feed, const char *name)
{
	for (unsigned i = 0; i < feeds->n_consumers; i++)
		if (strcmp(feeds->consumer[i].feed, feed) == 0 && strcmp(feeds->consumer[i].name, name) == 0)
			return &feeds->consumer[i];
	return NULL;
}

static void derive(const struct consumer *c, struct span purpose, char ret_digits[2 * API_KEY_OCTETS])
{
	uint8_t digest[32];
	sha256_two(purpose, span_of(c->secret, sizeof(c->secret)), digest);
	hex_encode(digest, API_KEY_OCTETS, ret_digits);
}

static void put_derived(const struct consumer *c, struct span purpose, struct buf *out)
{
	derive(c, purpose, (char *)buf_reserve(out, 2 * API_KEY_OCTETS));
	out->n += 2 * API_KEY_OCTETS;
}

void consumer_api_key(const struct consumer *c, struct buf *out)
{
	put_derived(c, SPAN_LIT("sipar-api-key"), out);
}

void consumer_dns_key(const struct consumer *c, struct buf *out)
{
	put_derived(c, SPAN_LIT("sipar-dns-key"), out);
}

const struct consumer *feeds_api_key(const struct feeds *feeds, struct span key)
{
	const struct consumer *found = NULL;
	char digits[2 * API_KEY_OCTETS];
	if (key.n != sizeof(digits))
		return NULL;
	for (unsigned i = 0; i < feeds->n_consumers; i++) {
		derive(&feeds->consumer[i], SPAN_LIT("sipar-api-key"), digits);
		if (octets_equal(digits, key.p, sizeof(digits)))
			found = &feeds->consumer[i];
	}
	return found;
}

void consumer_tsig_name(const struct consumer *c, struct buf *out)
{
	buf_printf(out, "%s.%s", c->name, c->feed);
}
