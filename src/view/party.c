#include "view/party.h"

#include <stdlib.h>

#include "base/base32.h"
#include "base/utf8.h"
#include "codec/observable.h"
#include "codec/tlp.h"
#include "sys/digest.h"

enum { PREFIX = 6, CHECKED = TOKEN_TEXT - TOKEN_CHECK_DIGITS };

/* ---- the text of a token ---- */

static bool is_base32(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '2' && s.p[i] <= '7'))
			return false;
	return true;
}

enum err token_hash(struct span text, char ret_id[TOKEN_ID_DIGITS + 1], uint8_t ret_hash[32])
{
	char check[BASE32_DIGITS(4)];
	if (text.n != TOKEN_TEXT || !token_is(text) || !is_base32(span_from(text, PREFIX)))
		return ERR_SYNTAX;
	uint8_t hash[32];
	sha256_two(span_head(text, CHECKED), span_of(NULL, 0), hash);
	base32_encode(hash, 4, check);
	if (memcmp(check, text.p + CHECKED, TOKEN_CHECK_DIGITS) != 0)
		return ERR_SYNTAX;
	memcpy(ret_id, text.p + PREFIX, TOKEN_ID_DIGITS);
	ret_id[TOKEN_ID_DIGITS] = 0;
	memcpy(ret_hash, hash, sizeof(hash));
	return OK;
}

void token_text(const uint8_t public[7], const uint8_t secret[22], char ret_text[TOKEN_TEXT + 1])
{
	char id[BASE32_DIGITS(7)], rest[BASE32_DIGITS(22)], check[BASE32_DIGITS(4)];
	uint8_t hash[32];
	base32_encode(public, 7, id);
	base32_encode(secret, 22, rest);
	memcpy(ret_text, "sipar_", PREFIX);
	memcpy(ret_text + PREFIX, id, TOKEN_ID_DIGITS);
	memcpy(ret_text + PREFIX + TOKEN_ID_DIGITS, rest, TOKEN_SECRET_DIGITS);
	sha256_two(span_of(ret_text, CHECKED), span_of(NULL, 0), hash);
	base32_encode(hash, 4, check);
	memcpy(ret_text + CHECKED, check, TOKEN_CHECK_DIGITS);
	ret_text[TOKEN_TEXT] = 0;
	explicit_bzero(rest, sizeof(rest));
}

/* ---- the set ---- */

/* Places by eight octets of a key: of a name, a public part or a fingerprint.  Nothing is ever taken out. */
struct index {
	uint32_t *slot; /* place + 1; 0: free */
	uint32_t mask;
	unsigned n;
};

struct party_set {
	struct party *parties;
	unsigned n_parties;
	struct token *tokens;
	unsigned n_tokens;
	struct index names, ids, fingerprints;
};

static uint64_t key_of(struct span s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static void put(struct index *x, uint64_t key, uint32_t place)
{
	uint32_t i = (uint32_t)key & x->mask;
	while (x->slot[i])
		i = (i + 1) & x->mask;
	x->slot[i] = place + 1;
}

static struct span certificate_key(const struct token *t)
{
	return span_of(t->hash, sizeof(t->hash));
}

static uint64_t key_at(const struct party_set *s, const struct index *x, uint32_t place)
{
	if (x == &s->names)
		return key_of(span_str(s->parties[place].name));
	return key_of(x == &s->ids ? span_str(s->tokens[place].id) : certificate_key(&s->tokens[place]));
}

static void add(struct party_set *s, struct index *x, uint32_t place)
{
	if (!x->slot || 2 * (x->n + 1) > x->mask) {
		struct index old = *x;
		x->mask = old.slot ? 2 * old.mask + 1 : 15;
		x->slot = mem_zalloc((x->mask + 1) * sizeof(*x->slot));
		for (uint32_t i = 0; old.slot && i <= old.mask; i++)
			if (old.slot[i])
				put(x, key_at(s, x, old.slot[i] - 1), old.slot[i] - 1);
		free(old.slot);
	}
	put(x, key_at(s, x, place), place);
	x->n++;
}

struct party_set *party_set_new(void)
{
	return mem_zalloc(sizeof(struct party_set));
}

void party_set_free(struct party_set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_parties; i++) {
		free(s->parties[i].title);
		free(s->parties[i].sector);
		free(s->parties[i].contact);
	}
	for (unsigned i = 0; i < s->n_tokens; i++) {
		free(s->tokens[i].label);
		free(s->tokens[i].cidr);
		free(s->tokens[i].nets);
	}
	free(s->parties);
	free(s->tokens);
	free(s->names.slot);
	free(s->ids.slot);
	free(s->fingerprints.slot);
	free(s);
}

unsigned party_count(const struct party_set *s)
{
	return s->n_parties;
}

const struct party *party_at(const struct party_set *s, unsigned i)
{
	return &s->parties[i];
}

static struct party *find_party(const struct party_set *s, struct span name)
{
	const struct index *x = &s->names;
	for (uint32_t i = x->slot ? (uint32_t)key_of(name) & x->mask : 0; x->slot && x->slot[i]; i = (i + 1) & x->mask)
		if (span_is(name, s->parties[x->slot[i] - 1].name))
			return &s->parties[x->slot[i] - 1];
	return NULL;
}

const struct party *party_find(const struct party_set *s, struct span name)
{
	return find_party(s, name);
}

unsigned token_count(const struct party_set *s)
{
	return s->n_tokens;
}

const struct token *token_at(const struct party_set *s, unsigned i)
{
	return &s->tokens[i];
}

unsigned token_find(const struct party_set *s, struct span id)
{
	const struct index *x = &s->ids;
	for (uint32_t i = x->slot ? (uint32_t)key_of(id) & x->mask : 0; x->slot && x->slot[i]; i = (i + 1) & x->mask)
		if (span_is(id, s->tokens[x->slot[i] - 1].id))
			return x->slot[i] - 1;
	return TOKENS_MAX;
}

/* One that was revoked may have been given again: the last one is what is meant. */
unsigned token_find_certificate(const struct party_set *s, const uint8_t fingerprint[32])
{
	const struct index *x = &s->fingerprints;
	unsigned found = TOKENS_MAX;
	struct span key = span_of(fingerprint, 32);
	for (uint32_t i = x->slot ? (uint32_t)key_of(key) & x->mask : 0; x->slot && x->slot[i]; i = (i + 1) & x->mask) {
		unsigned place = x->slot[i] - 1;
		if (memcmp(s->tokens[place].hash, fingerprint, 32) == 0 && (found == TOKENS_MAX || place > found))
			found = place;
	}
	return found;
}

static bool net_has(const struct token_net *net, const uint8_t *address)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;
	return memcmp(net->octets, address, whole) == 0 && (rest == 0 || (net->octets[whole] ^ address[whole]) >> (8 - rest) == 0);
}

bool token_allows(const struct token *t, const uint8_t *address, size_t n)
{
	for (unsigned i = 0; i < t->n_nets; i++)
		if (t->nets[i].n == n && net_has(&t->nets[i], address))
			return true;
	return t->n_nets == 0;
}

/* ---- changes ---- */

/* "local" is who has the data directory in hand. */
static bool name_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !ascii_digit(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return name.n > 0 && name.n <= PARTY_NAME_MAX && !span_is(name, "local");
}

static enum err check_text(const char *what, struct span text, struct fault *f)
{
	if (text.n > PARTY_TEXT_MAX)
		return fault_set(f, ERR_RANGE, "the %s has %zu octets: at most %d are taken", what, text.n, PARTY_TEXT_MAX);
	bool fine = utf8_valid_prefix(text) == text.n;
	for (size_t i = 0; i < text.n; i++)
		fine &= text.p[i] >= ' ' && text.p[i] != 0x7f;
	return fine ? OK : fault_set(f, ERR_SYNTAX, "the %s has a control character, or is not UTF-8", what);
}

static enum err check_texts(const struct party_change *c, struct fault *f)
{
	enum err e;
	if (!name_ok(c->name))
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" cannot be the name of a party: 1 to %d of a-z, 0-9, \".\", \"_\" and \"-\", and not \"local\"",
				 SPAN_ARG(span_head(c->name, 80)), PARTY_NAME_MAX);
	if ((e = check_text("title", c->title, f)) || (e = check_text("sector", c->sector, f)) || (e = check_text("contact", c->contact, f)) ||
	    (e = check_text("label", c->label, f)) || (e = check_text("name of the person", c->by, f)))
		return e;
	if (c->has_title && !c->title.n)
		return fault_set(f, ERR_SYNTAX, "the title is empty");
	if (c->has_clearance && (c->clearance < TLP_CLEAR || c->clearance > TLP_RED))
		return fault_set(f, ERR_RANGE, "there is no clearance %u", c->clearance);
	return OK;
}

/* @param ret_nets  room for TOKEN_CIDRS_MAX; NULL: only looked at.  @param out  NULL, or canonical. */
static enum err read_nets(struct span list, struct token_net *ret_nets, unsigned *ret_n, struct buf *out, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	struct span item;
	unsigned n = 0;
	if (list.n > TOKEN_CIDR_TEXT_MAX)
		return fault_set(f, ERR_FULL, "the list of addresses has more than %d octets", TOKEN_CIDR_TEXT_MAX);
	while (span_item(&list, &item)) {
		if (obs_parse_as(OBS_CIDR4, item, store, &o, NULL) || (o.n != 4 && o.n != 16) || o.kind > OBS_CIDR6)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is neither an address nor a prefix", SPAN_ARG(span_head(item, 60)));
		if (n == TOKEN_CIDRS_MAX)
			return fault_set(f, ERR_FULL, "there are more than %d addresses and prefixes", TOKEN_CIDRS_MAX);
		if (ret_nets) {
			bool whole = o.kind == OBS_IPV4 || o.kind == OBS_IPV6;
			ret_nets[n].n = (uint8_t)o.n;
			ret_nets[n].bits = whole ? (uint8_t)(8 * o.n) : o.prefix;
			memcpy(ret_nets[n].octets, o.key, o.n);
		}
		if (out && n)
			buf_putc(out, ',');
		if (out)
			obs_format(&o, out);
		n++;
	}
	*ret_n = n;
	return OK;
}

static bool id_ok(struct span id)
{
	return id.n == TOKEN_ID_DIGITS && is_base32(id);
}

static enum err check_token(const struct party_set *s, const struct party_change *c, int64_t time_ms, struct fault *f)
{
	unsigned n;
	enum err e;
	if (!id_ok(c->id))
		return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not the public part of a token", SPAN_ARG(span_head(c->id, 40)));
	if (token_find(s, c->id) != TOKENS_MAX)
		return fault_set(f, ERR_EXISTS, "there is a token \"" SPAN_FMT "\" already", SPAN_ARG(c->id));
	if (c->op == PARTY_CERTIFICATE && (n = token_find_certificate(s, c->hash)) != TOKENS_MAX) {
		const struct token *t = &s->tokens[n];
		if (!t->revoked && (!t->expires_s || (int64_t)t->expires_s * 1000 > time_ms))
			return fault_set(f, ERR_EXISTS, "the certificate is that of party \"%s\" already (token %s)", s->parties[t->party].name, t->id);
	}
	if (c->role <= ROLE_NONE || c->role >= ROLES)
		return fault_set(f, ERR_RANGE, "there is no role %d", (int)c->role);
	if (c->has_rate && c->rate > TOKEN_RATE_MAX)
		return fault_set(f, ERR_RANGE, "a token has at most %d requests a minute", TOKEN_RATE_MAX);
	if (s->n_tokens == TOKENS_MAX)
		return fault_set(f, ERR_FULL, "there have been %d tokens", TOKENS_MAX);
	return (e = read_nets(c->cidr, NULL, &n, NULL, f)) ? e : OK;
}

enum err party_check(const struct party_set *s, const struct party_change *c, int64_t time_ms, struct fault *f)
{
	enum err e = check_texts(c, f);
	if (e)
		return e;
	const struct party *p = find_party(s, c->name);
	if (c->op == PARTY_ADD) {
		if (p && !p->removed)
			return fault_set(f, ERR_EXISTS, "there is a party \"%s\" already", p->name);
		if (!c->has_title || !c->has_clearance)
			return fault_set(f, ERR_SYNTAX, "a new party needs a title and a clearance");
		if (!p && s->n_parties == PARTIES_MAX)
			return fault_set(f, ERR_FULL, "there are %d parties already", PARTIES_MAX);
		return OK;
	}
	if (!p || p->removed)
		return fault_set(f, ERR_NOTFOUND, "there is no party \"" SPAN_FMT "\"", SPAN_ARG(c->name));
	if (c->op == PARTY_SET && !c->has_title && !c->has_sector && !c->has_contact && !c->has_clearance)
		return fault_set(f, ERR_SYNTAX, "nothing is said that would change party \"%s\"", p->name);
	if (c->op == PARTY_TOKEN || c->op == PARTY_CERTIFICATE)
		return check_token(s, c, time_ms, f);
	if (c->op == PARTY_REVOKE) {
		unsigned n = token_find(s, c->id);
		if (n == TOKENS_MAX || s->tokens[n].revoked || &s->parties[s->tokens[n].party] != p)
			return fault_set(f, ERR_NOTFOUND, "party \"%s\" has no token \"" SPAN_FMT "\" that could be revoked", p->name, SPAN_ARG(span_head(c->id, 40)));
	}
	return OK;
}

static void set_text(char **to, struct span text)
{
	free(*to);
	*to = mem_strndup(text.p, text.n);
}

static void set_party(struct party *p, const struct party_change *c)
{
	if (c->has_title)
		set_text(&p->title, c->title);
	if (c->has_sector)
		set_text(&p->sector, c->sector);
	if (c->has_contact)
		set_text(&p->contact, c->contact);
	if (c->has_clearance)
		p->clearance = c->clearance;
}

/* One that was removed begins anew in its old place, with nothing of what it had. */
static void add_party(struct party_set *s, const struct party_change *c, int64_t time_ms)
{
	struct party *p = find_party(s, c->name);
	bool new = !p;
	if (new) {
		if ((s->n_parties & (s->n_parties - 1)) == 0)
			s->parties = mem_realloc(s->parties, (s->n_parties ? 2 * s->n_parties : 1) * sizeof(*s->parties));
		p = &s->parties[s->n_parties++];
		*p = (struct party){ .clearance = 0 };
		memcpy(p->name, c->name.p, c->name.n);
	}
	set_text(&p->sector, span_str(""));
	set_text(&p->contact, span_str(""));
	set_party(p, c);
	p->removed = false;
	p->since_ms = time_ms;
	if (new)
		add(s, &s->names, s->n_parties - 1);
}

static void remove_party(struct party_set *s, struct party *p, int64_t time_ms)
{
	p->removed = true;
	for (unsigned i = 0; i < s->n_tokens; i++)
		if (&s->parties[s->tokens[i].party] == p && !s->tokens[i].revoked) {
			s->tokens[i].revoked = true;
			s->tokens[i].over_ms = time_ms;
		}
}

static void add_token(struct party_set *s, const struct party *p, const struct party_change *c, int64_t time_ms)
{
	struct token_net nets[TOKEN_CIDRS_MAX];
	if ((s->n_tokens & (s->n_tokens - 1)) == 0)
		s->tokens = mem_realloc(s->tokens, (s->n_tokens ? 2 * s->n_tokens : 1) * sizeof(*s->tokens));
	struct token *t = &s->tokens[s->n_tokens++];
	*t = (struct token){ .party = (uint32_t)(p - s->parties), .certificate = c->op == PARTY_CERTIFICATE, .role = (uint8_t)c->role,
			     .expires_s = c->expires_s, .has_rate = c->has_rate, .rate = c->rate, .since_ms = time_ms };
	memcpy(t->id, c->id.p, c->id.n);
	memcpy(t->hash, c->hash, sizeof(t->hash));
	set_text(&t->label, c->label);
	set_text(&t->cidr, c->cidr);
	(void)!read_nets(c->cidr, nets, &t->n_nets, NULL, NULL); /* it was looked at */
	if (t->n_nets) {
		t->nets = mem_alloc(t->n_nets * sizeof(*t->nets));
		memcpy(t->nets, nets, t->n_nets * sizeof(*t->nets));
	}
	add(s, &s->ids, s->n_tokens - 1);
	if (t->certificate)
		add(s, &s->fingerprints, s->n_tokens - 1);
}

enum err party_apply(struct party_set *s, const struct party_change *c, int64_t time_ms, struct fault *f)
{
	enum err e = party_check(s, c, time_ms, f);
	if (e)
		return e;
	struct party *p = find_party(s, c->name);
	switch (c->op) {
	case PARTY_ADD:
		add_party(s, c, time_ms);
		break;
	case PARTY_SET:
		set_party(p, c);
		break;
	case PARTY_REMOVE:
		remove_party(s, p, time_ms);
		break;
	case PARTY_TOKEN:
	case PARTY_CERTIFICATE:
		add_token(s, p, c, time_ms);
		break;
	case PARTY_REVOKE: {
		struct token *t = &s->tokens[token_find(s, c->id)];
		t->revoked = true;
		t->over_ms = time_ms;
		break;
	}
	case PARTY_OPS:
		break;
	}
	return OK;
}

/* ---- as people write it ---- */

enum err party_name_made(struct span title, char ret_name[PARTY_NAME_MAX + 1], struct fault *f)
{
	size_t n = 0;
	bool gap = false;
	for (size_t i = 0; i < title.n && n < PARTY_NAME_MAX - 1; i++) {
		uint8_t c = ascii_lower(title.p[i]);
		if (!(c >= 'a' && c <= 'z') && !ascii_digit(c)) {
			gap = n > 0;
			continue;
		}
		if (gap)
			ret_name[n++] = '-';
		gap = false;
		ret_name[n++] = (char)c;
	}
	ret_name[n] = 0;
	if (!name_ok(span_of(ret_name, n)))
		return fault_set(f, ERR_SYNTAX, "no name can be made of the title \"" SPAN_FMT "\": give one, --name", SPAN_ARG(span_head(title, 100)));
	return OK;
}

enum err party_clearance_parse(struct span text, uint8_t *ret_tlp, struct fault *f)
{
	for (unsigned tlp = TLP_CLEAR; tlp <= TLP_RED; tlp++)
		if (span_is(text, tlp_name(tlp)) || span_is(text, tlp_name(tlp) + strlen("tlp:")))
			return *ret_tlp = (uint8_t)tlp, OK;
	return fault_set(f, ERR_USAGE, "clearance \"" SPAN_FMT "\" is none of clear, green, amber, amber+strict and red", SPAN_ARG(span_head(text, 40)));
}

enum err token_cidr_parse(struct span text, struct buf *out, struct fault *f)
{
	unsigned n;
	return read_nets(text, NULL, &n, out, f);
}
