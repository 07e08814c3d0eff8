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

struct span http_behind_scheme(struct span text, const char *scheme)
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
	if (token_is(key = http_behind_scheme(text, "Bearer")))
		return key;
	key = http_behind_scheme(text, "Basic");
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
	_Atomic int64_t *due = &s->failures[siphash13(s->address_seed, peer, strlen(peer)) % HTTP_FAILURES];
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

static bool is_loopback(const uint8_t *address, size_t n)
{
	static const uint8_t six[16] = { [15] = 1 };
	return n == 4 ? address[0] == 127 : n == 16 && memcmp(address, six, sizeof(six)) == 0;
}

/* Of nobody that is known: by address, of IPv6 by its /64, which is one customer's.  Two that share a place share its pace. */
static struct pace_left take_anonymous(struct http_server *s, const struct http_request *q)
{
	uint8_t address[16];
	if (!s->options.rate)
		return (struct pace_left){ .quota = 0 };
	size_t n = http_request_address(q, address);
	if (is_loopback(address, n))
		return (struct pace_left){ .quota = 0 };
	uint64_t place = siphash13(s->address_seed, address, n == 16 ? 8 : n) % HTTP_PACES;
	return pace_take(&s->paces[place], s->options.rate, (int64_t)clock_mono_ns());
}

/* @return false: what came is not taken, and the answer says so.  One that has nothing stays nobody. */
static bool identify(struct http_server *s, struct http_request *q, struct asker *ret_asker, struct http_answer *a)
{
	struct parties *parties = node_parties(s->options.node);
	char peer[ADDRESS_TEXT_MAX];
	struct buf store = { 0 };
	struct fault f;
	uint8_t print[32];
	struct span token = find_token(q, &store);
	bool by_certificate = !token.n && s->options.secure && http_request_certificate(q, print);
	enum err e = OK;
	if (token.n || by_certificate) {
		int64_t now_ms = clock_ms();
		http_request_peer(q, peer);
		e = token.n ? parties_authenticate(parties, token, peer, now_ms, ret_asker, &f) : parties_certificate(parties, print, peer, now_ms, ret_asker, &f);
		if (e == OK)
			save_in_time(s, now_ms);
		else
			failed(s, q, peer, f.text, now_ms, a);
	}
	if (store.p)
		explicit_bzero(store.p, store.cap);
	buf_release(&store);
	return e == OK;
}

bool http_authenticate(struct http_server *s, struct http_request *q, struct asker *ret_asker, struct http_answer *a)
{
	clearance all = atomic_load_explicit(&s->clear, memory_order_relaxed);
	*ret_asker = (struct asker){ .role = ROLE_NONE };
	bool fine = !s->options.node || identify(s, q, ret_asker, a);
	ret_asker->clear |= all;
	if (fine && !ret_asker->party[0])
		ret_asker->pace = take_anonymous(s, q);
	return fine;
}

/* draft-ietf-httpapi-ratelimit-headers. */
bool http_in_time(const struct http_request *q, struct http_answer *a)
{
	const struct asker *asker = http_asker(q);
	const struct pace_left *left = &asker->pace;
	const char *policy = asker->party[0] ? "token" : "address";
	char text[HTTP_HEADER_VALUE_MAX];
	if (!left->quota)
		return true;
	snprintf(text, sizeof(text), "\"%s\";q=%u;w=60", policy, left->quota);
	http_answer_header(a, "RateLimit-Policy", text);
	snprintf(text, sizeof(text), "\"%s\";r=%u;t=%u", policy, left->left, left->reset_s);
	http_answer_header(a, "RateLimit", text);
	if (!left->over)
		return true;
	snprintf(text, sizeof(text), "%u", left->wait_s);
	http_answer_header(a, "Retry-After", text);
	http_problem(a, 429, q->target, asker->party[0] ? "the token has made as many requests as it may; see Retry-After"
						      : "the address has made as many requests as it may without a token; see Retry-After");
	return false;
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
