/* Who asks: by a token of a party, or the certificate of the client.
 *
 * A token is taken in each of the ways in which clients send one: Authorization with Bearer, with Basic (as the password, or as the user), and bare, as
 * MISP's clients send it; and X-Api-Key.  A key that does not look like a token is none of ours: those of consumers of feeds are looked at where feeds
 * are served (http_access.c).
 *
 * What is wrong with a token is for the log alone.  Failures are answered by 401 a few times a minute for one address, and by 429 then; a good token is
 * good meanwhile, so that nobody can shut others out. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/siphash.h"
#include "face/http_parts.h"

enum { FAILURES = 20, FAILURE_MS = 3000, SAVE_MS = 60000 };

/* What stands behind the scheme; empty: another scheme. */
static struct span behind(struct span text, const char *scheme)
{
	struct span word = span_str(scheme);
	if (text.n <= word.n || !span_ieq(span_head(text, word.n), word) || text.p[word.n] != ' ')
		return span_of(NULL, 0);
	return span_trim(span_from(text, word.n + 1));
}

/* @param store  for one that is packed. */
static struct span find_token(const struct http_request *q, struct buf *store)
{
	const char *own = http_request_header(q, "X-Api-Key"), *field = http_request_header(q, "Authorization");
	struct span key = span_trim(span_str(own ? own : "")), text = span_trim(span_str(field ? field : ""));
	if (token_is(key))
		return key;
	if (token_is(text))
		return text;
	if (token_is(key = behind(text, "Bearer")))
		return key;
	key = behind(text, "Basic");
	if (!key.n || base64_decode(key, store))
		return span_of(NULL, 0);
	struct span pair = buf_span(store), user = span_head(pair, span_find(pair, ':')), password = span_from(pair, user.n + 1);
	return token_is(password) ? password : token_is(user) ? user : span_of(NULL, 0);
}

/* Without a word of why. */
static void refuse(struct http_answer *a, const struct http_request *q)
{
	http_answer_header(a, "WWW-Authenticate", "Basic realm=\"sipar\", charset=\"UTF-8\"");
	http_problem(a, 401, q->target, "the token or certificate is not one that is taken: it may be mistyped, over, revoked, or not for this address");
}

/* May another failure of this address be told?  One that shares its place with another address shares the limit, too. */
static bool failure_is_due(struct http_server *s, const char *peer, int64_t now_ms)
{
	_Atomic int64_t *due = &s->failures[siphash13(s->failure_seed, peer, strlen(peer)) % HTTP_FAILURES];
	int64_t was = atomic_load(due), next;
	do {
		int64_t from = was > now_ms ? was : now_ms;
		if (from - now_ms > FAILURES * FAILURE_MS)
			return false;
		next = from + FAILURE_MS;
	} while (!atomic_compare_exchange_weak(due, &was, next));
	return true;
}

static void failed(struct http_server *s, const struct http_request *q, const char *peer, const char *why, int64_t now_ms, struct http_answer *a)
{
	if (failure_is_due(s, peer, now_ms)) {
		log_line(LOG_WARNING, "http: %s is not let in: %s", peer, why);
		refuse(a, q);
		return;
	}
	char seconds[16];
	snprintf(seconds, sizeof(seconds), "%d", FAILURE_MS / 1000);
	http_answer_header(a, "Retry-After", seconds);
	http_problem(a, 429, q->target, "too many attempts with a wrong token from this address");
}

/* When tokens were used is written from time to time, by whoever comes along. */
static void save_in_time(struct http_server *s, int64_t now_ms)
{
	int64_t saved = atomic_load_explicit(&s->parties_saved_ms, memory_order_relaxed);
	if (now_ms - saved < SAVE_MS || !atomic_compare_exchange_strong(&s->parties_saved_ms, &saved, now_ms))
		return;
	struct fault f;
	if (parties_save(node_parties(s->options.node), &f))
		log_line(LOG_WARNING, "http: %s", f.text);
}

bool http_authenticate(struct http_server *s, struct http_request *q, struct asker *ret_asker, struct http_answer *a)
{
	char peer[ADDRESS_TEXT_MAX];
	struct buf store = { 0 };
	struct fault f;
	clearance all = atomic_load_explicit(&s->clear, memory_order_relaxed);
	*ret_asker = (struct asker){ .clear = all };
	if (!s->options.node)
		return true;
	struct span token = find_token(q, &store);
	bool fine = true;
	if (token.n) {
		int64_t now_ms = clock_ms();
		http_request_peer(q, peer);
		fine = parties_authenticate(node_parties(s->options.node), token, peer, now_ms, ret_asker, &f) == OK;
		if (fine)
			save_in_time(s, now_ms);
		else
			failed(s, q, peer, f.text, now_ms, a);
		ret_asker->clear |= all;
	}
	if (store.p)
		explicit_bzero(store.p, store.cap);
	buf_release(&store);
	return fine;
}

bool http_may(const struct http_request *q, const struct http_route *r, struct http_answer *a)
{
	const struct asker *asker = http_asker(q);
	if (role_may(asker->role, r->right))
		return true;
	if (!asker->party[0]) {
		http_answer_header(a, "WWW-Authenticate", "Basic realm=\"sipar\", charset=\"UTF-8\"");
		http_problem(a, 401, q->target, "a token is needed: as Authorization: Bearer TOKEN, as the password of Basic, or as X-Api-Key");
		return false;
	}
	char text[160];
	snprintf(text, sizeof(text), "a token for the role \"%s\" does not allow it", role_name(asker->role));
	http_problem(a, 403, q->target, text);
	return false;
}
