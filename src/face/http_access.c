/* Who asks for a feed. */
#include "base/base64.h"
#include "face/http_parts.h"

/* A token of a party is no key of a consumer, and was looked at before.
 * @param store  for a key that is packed.  @return empty: there is none. */
static struct span find_key(const struct http_request *q, struct buf *store)
{
	const char *own = http_request_header(q, "X-Api-Key"), *authorization = http_request_header(q, "Authorization");
	if (http_asker(q)->party[0])
		return span_of(NULL, 0);
	if (own)
		return span_trim(span_str(own));
	struct span field = span_str(authorization ? authorization : ""), key = http_behind_scheme(field, "Bearer");
	if (key.n)
		return key;
	if (base64_decode(http_behind_scheme(field, "Basic"), store) == OK && store->n)
		return span_from(buf_span(store), span_find(buf_span(store), ':') + 1);
	return authorization ? SPAN_LIT("?") : key;
}

bool http_caller_find(struct http_request *q, const struct feeds *feeds, struct http_caller *ret_caller, struct http_answer *a)
{
	struct buf store = { 0 };
	struct http_caller caller = { .known = false };
	struct span key = find_key(q, &store);
	const struct consumer *c = key.n ? feeds_api_key(feeds, key) : NULL;
	bool fine = c || !key.n;
	http_request_peer(q, caller.peer);
	if (c) {
		caller.known = true;
		memcpy(caller.feed, c->feed, sizeof(caller.feed));
		memcpy(caller.name, c->name, sizeof(caller.name));
	} else if (!fine)
		http_problem(a, 403, q->target, "the key is that of no consumer: \"sipar feed key FEED NAME\" makes one");
	if (store.p)
		explicit_bzero(store.p, store.cap);
	buf_release(&store);
	*ret_caller = caller;
	return fine;
}

/* To somebody without a key, a feed that needs one is as good as one that is not there. */
bool http_caller_may(const struct http_request *q, const struct feed *feed, const struct http_caller *caller, struct http_answer *a)
{
	bool served = feed && feed->type != FEED_SNAPSHOT;
	if (served && (feed->open || (caller->known && strcmp(caller->feed, feed->name) == 0)))
		return true;
	if (!caller->known) {
		http_answer_header(a, "WWW-Authenticate", "Basic realm=\"sipar\", charset=\"UTF-8\"");
		http_problem(a, 401, q->target, "a key is needed: as X-Api-Key, or as the password of Basic authentication");
	} else if (!served)
		http_problem(a, 404, q->target, "there is no such feed");
	else
		http_problem(a, 403, q->target, "the key is that of a consumer of another feed");
	return false;
}
