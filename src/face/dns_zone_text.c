/* All parts are plain ASCII by their own grammars. */
#include "base/clock.h"
#include "base/num.h"
#include "codec/category.h"
#include "codec/ip.h"
#include "face/dns_told.h"
#include "face/dns_parts.h"
#include "gate/docket.h"

enum { WHY_MAX = 500 /* octets in front of the URL */, DIGEST_MAX = 64 };

static void add(struct dns_text *t, struct span s)
{
	size_t n = s.n < t->room - t->n ? s.n : t->room - t->n;
	memcpy(t->p + t->n, s.p, n);
	t->n += n;
}

static void add_number(struct dns_text *t, uint64_t v)
{
	char digits[24];
	add(t, span_of(digits, (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v)));
}

static bool is_hash(const struct observable *o)
{
	return o->kind == OBS_MD5 || o->kind == OBS_SHA1 || o->kind == OBS_SHA256;
}

/* @param store  for what is not its own text. */
static struct span text_of(const struct observable *o, char store[2 * DIGEST_MAX])
{
	if (o->kind == OBS_IPV4)
		return span_of(store, ip4_format(o->key, store));
	if (o->kind == OBS_IPV6)
		return span_of(store, ip6_format(o->key, store));
	if (!is_hash(o))
		return span_of(o->key, o->n);
	hex_encode(o->key, o->n, store);
	return span_of(store, 2u * o->n);
}

static void add_verdict(struct dns_text *t, const struct verdict *v, const struct source_set *sources)
{
	uint8_t category[CAT_COUNT];
	unsigned n = dns_categories(v, category), most = COUNT_OF(v->sources), named = v->n_sources < most ? v->n_sources : most;
	add(t, SPAN_LIT("score "));
	add_number(t, v->score);
	for (unsigned i = 0; i < n; i++) {
		add(t, SPAN_LIT(", "));
		add(t, span_str(category_row(category[i])->name));
	}
	for (unsigned i = 0; i < named; i++) {
		add(t, i ? SPAN_LIT(", ") : SPAN_LIT("; sources "));
		add(t, span_str(source_get(sources, v->sources[i])->name));
	}
	if (v->n_sources > named) {
		add(t, SPAN_LIT(" and "));
		add_number(t, v->n_sources - named);
		add(t, SPAN_LIT(" more"));
	}
}

static void add_decision(struct dns_text *t, const struct dns_now *now, const struct dns_found *found, force blocked)
{
	uint64_t index;
	uint32_t until_s;
	const char *between = "blocked for ";
	for (unsigned r = 0; r < REASONS; r++)
		if (blocked >> r & 1) {
			add(t, span_str(between));
			add(t, span_str(reason_row((enum reason)r)->name));
			between = ", ";
		}
	if (!now->told || !dns_told_name(now->told, found->entry, &index, &until_s))
		return;
	if (until_s) {
		char time[32];
		time_format(until_s, time);
		add(t, SPAN_LIT(" until "));
		add(t, span_str(time));
	}
	add(t, SPAN_LIT(" by " DOCKET_LANE "/"));
	add_number(t, index);
}

/* Percent-encoded (RFC 3986 section 2.1): all but the unreserved. */
static void add_encoded(struct dns_text *t, struct span s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool plain = ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
		const char code[3] = { '%', digits[c >> 4], digits[c & 15] };
		add(t, plain ? span_of(&s.p[i], 1) : span_of(code, 3));
	}
}

/* "198.51.100.7 listed: blocked for c2 until 2026-12-09T00:00:00Z by decisions/12; score 52, scanner; sources ipsum, feodo; see URL" */
void dns_text_listed(struct dns_text *t, const struct dns_now *now, const struct dns_asked *a, const struct dns_found *found, force blocked,
		     bool scored, const char *url)
{
	char store[2 * DIGEST_MAX];
	struct span value = text_of(&a->value, store);
	t->n = 0;
	t->room = WHY_MAX;
	add(t, value);
	add(t, SPAN_LIT(" listed: "));
	if (a->what == ASKED_TEST) {
		add(t, SPAN_LIT("test entry"));
		return;
	}
	if (blocked)
		add_decision(t, now, found, blocked);
	if (blocked && scored)
		add(t, SPAN_LIT("; "));
	if (scored)
		add_verdict(t, found->verdict, ((const struct meaning *)now->view->context)->sources);
	t->room = DNS_TEXT_MAX;
	if (url[0]) {
		add(t, SPAN_LIT("; see "));
		add(t, span_str(url));
		add_encoded(t, value);
	}
}

void dns_text_code(struct dns_text *t, uint8_t code)
{
	t->n = 0;
	t->room = DNS_TEXT_MAX;
	add(t, SPAN_LIT("error, not a listing: "));
	if (code == DNS_CODE_NO_KEY)
		add(t, SPAN_LIT("the label in front of the zone is no key"));
	else if (code == DNS_CODE_PUBLIC_RESOLVER)
		add(t, SPAN_LIT("asked through a public resolver"));
	else
		add(t, SPAN_LIT("too many queries from your network"));
}
