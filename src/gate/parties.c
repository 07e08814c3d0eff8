#include "gate/parties.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "codec/ip.h"
#include "ledger/lane.h"
#include "sys/key.h"

/* What is known of a token besides what its entries say. */
struct token_use {
	_Atomic int64_t last_ms;
	struct pace pace;
};

struct parties {
	char *dir;
	bool writable;
	struct ledger *ledger;
	pthread_mutex_t saying;     /* held from the check of a change until it is folded */
	pthread_rwlock_t lock;      /* of all that follows, but for what is atomic in it */
	struct party_set *set;
	clearance *clear;           /* of each party, without the lane "node" */
	struct token_use *use;      /* of each token */
	unsigned n_use;
	clearance node_lane;
	uint64_t next;              /* index of the first entry of the lane that is not folded */
	uint32_t rate;              /* requests a minute of tokens that do not say */
	atomic_bool used;           /* since it was saved */
};

/* ---- who sees what ---- */

static bool is_member(const struct lane *lane, const char *name)
{
	struct span list = span_str(lane->members), item;
	while (span_item(&list, &item))
		if (span_is(item, name))
			return true;
	return false;
}

/* The members of a mirrored lane are parties of its own node: one of the same name here is somebody else. */
static bool is_for(const struct lane *lane, const struct party *party)
{
	return lane->tlp <= party->clearance && (!lane->members[0] || (!lane->peer[0] && is_member(lane, party->name)));
}

/* With the lock, to write. */
static void find_clearances(struct parties *p)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = ledger_lanes(p->ledger, CLEARANCE_ALL, lanes), parties = party_count(p->set);
	p->clear = mem_realloc(p->clear, (parties + 1) * sizeof(*p->clear));
	p->node_lane = 0;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(lanes[i].name, NODE_LANE) == 0)
			p->node_lane = UINT64_C(1) << lanes[i].number;
	for (unsigned i = 0; i < parties; i++) {
		const struct party *party = party_at(p->set, i);
		p->clear[i] = 0;
		for (unsigned j = 0; j < n && !party->removed; j++)
			if (is_for(&lanes[j], party))
				p->clear[i] |= UINT64_C(1) << lanes[j].number;
		p->clear[i] &= ~p->node_lane;
	}
	free(lanes);
}

void parties_lanes(struct parties *p)
{
	pthread_rwlock_wrlock(&p->lock);
	find_clearances(p);
	pthread_rwlock_unlock(&p->lock);
}

/* With the lock. */
static clearance clear_of(const struct parties *p, unsigned party, enum role role)
{
	bool all = role_may(role, RIGHT_ADMINISTER) || role_may(role, RIGHT_AUDIT);
	return p->clear[party] | (all ? p->node_lane : 0);
}

clearance parties_clear(struct parties *p, const char *name, enum role role)
{
	clearance clear = 0;
	pthread_rwlock_rdlock(&p->lock);
	for (unsigned i = 0; i < party_count(p->set) && !clear; i++)
		if (strcmp(party_at(p->set, i)->name, name) == 0 && !party_at(p->set, i)->removed)
			clear = clear_of(p, i, role);
	pthread_rwlock_unlock(&p->lock);
	return clear;
}

clearance parties_everybody(struct ledger *l, uint8_t tlp)
{
	struct lane lane;
	clearance clear = ledger_clearance(l, tlp);
	return ledger_lane_find(l, clear, NODE_LANE, &lane) == OK ? clear & ~((clearance)1 << lane.number) : clear;
}

/* ---- the fold ---- */

static void more_tokens(struct parties *p)
{
	unsigned n = token_count(p->set);
	if (n <= p->n_use)
		return;
	p->use = mem_realloc(p->use, n * sizeof(*p->use));
	for (; p->n_use < n; p->n_use++)
		p->use[p->n_use] = (struct token_use){ .last_ms = 0 };
}

static enum err fold_entry(struct parties *p, const struct entry *e, struct fault *f)
{
	struct buf body = { 0 }, store = { 0 };
	struct party_change c;
	enum err err = ledger_body(p->ledger, CLEARANCE_ALL, e->number, &body, f);
	if (err == OK && ((err = party_change_read(buf_span(&body), &store, &c, f)) != OK || (err = party_apply(p->set, &c, e->time_ms, f)) != OK))
		err = ERR_CORRUPT;
	buf_release(&body);
	buf_release(&store);
	return err;
}

/* With the lock, to write: what is in the lane behind what is folded. */
static enum err fold(struct parties *p, struct fault *f)
{
	struct lane lane;
	struct fault why = { .text = "" };
	enum err e = OK;
	if (ledger_lane_find(p->ledger, CLEARANCE_ALL, NODE_LANE, &lane))
		return OK;
	for (; p->next < lane.size && e == OK; p->next++) {
		struct entry entry;
		uint64_t number;
		if ((e = ledger_find(p->ledger, CLEARANCE_ALL, lane.number, p->next, &number)) != OK ||
		    (e = ledger_entry(p->ledger, CLEARANCE_ALL, number, &entry)) != OK)
			return fault_set(f, e, "entry %llu of lane \"%s\" cannot be read", (unsigned long long)p->next, NODE_LANE);
		if (entry.kind == ENTRY_PARTY && (e = fold_entry(p, &entry, &why)) != OK)
			e = fault_set(f, e, "entry %llu of lane \"%s\": %s", (unsigned long long)p->next, NODE_LANE, why.text);
		entry_release(&entry);
		if (e)
			return e;
	}
	more_tokens(p);
	find_clearances(p);
	return OK;
}

/* ---- when they were used ---- */

/* "ID MILLISECONDS"; what is not understood is left out. */
static void load_used(struct parties *p)
{
	char path[4096], line[80];
	snprintf(path, sizeof(path), "%s/tokens.used", p->dir);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct span rest = span_trim(span_str(line)), id = span_word(&rest);
		uint64_t ms;
		unsigned place = token_find(p->set, id);
		if (place != TOKENS_MAX && num_parse_u64(span_trim(rest), INT64_MAX, &ms) == OK)
			atomic_store(&p->use[place].last_ms, (int64_t)ms);
	}
	if (file)
		fclose(file);
}

/* With the lock. */
static bool write_used(const struct parties *p, FILE *file)
{
	for (unsigned i = 0; i < p->n_use; i++) {
		int64_t ms = atomic_load_explicit(&p->use[i].last_ms, memory_order_relaxed);
		if (ms && fprintf(file, "%s %lld\n", token_at(p->set, i)->id, (long long)ms) < 0)
			return false;
	}
	return true;
}

enum err parties_save(struct parties *p, struct fault *f)
{
	char path[4096], draft[4112];
	if (!p->writable || !atomic_exchange(&p->used, false))
		return OK;
	snprintf(path, sizeof(path), "%s/tokens.used", p->dir);
	snprintf(draft, sizeof(draft), "%s.new", path);
	FILE *file = fopen(draft, "we");
	bool done = file != NULL;
	if (done) {
		pthread_rwlock_rdlock(&p->lock);
		done = write_used(p, file);
		pthread_rwlock_unlock(&p->lock);
		done = fclose(file) == 0 && done;
	}
	if (done && rename(draft, path) == 0)
		return OK;
	int error = errno;
	if (file)
		unlink(draft);
	atomic_store(&p->used, true);
	return fault_set(f, ERR_IO, "\"%s\" cannot be written: %s", path, strerror(error));
}

int64_t parties_used(const struct parties *p, unsigned i)
{
	return atomic_load_explicit(&p->use[i].last_ms, memory_order_relaxed);
}

/* ---- opening ---- */

enum err parties_open(const char *dir, bool writable, struct ledger *l, struct parties **ret_parties, struct fault *f)
{
	struct parties *p = mem_zalloc(sizeof(*p));
	p->dir = mem_strdup(dir);
	p->writable = writable;
	p->ledger = l;
	p->set = party_set_new();
	pthread_mutex_init(&p->saying, NULL);
	pthread_rwlock_init(&p->lock, NULL);
	enum err e = fold(p, f);
	if (e) {
		parties_close(p);
		return e;
	}
	load_used(p);
	*ret_parties = p;
	return OK;
}

void parties_close(struct parties *p)
{
	if (!p)
		return;
	(void)!parties_save(p, NULL); /* what is lost is when somebody came last */
	party_set_free(p->set);
	free(p->clear);
	free(p->use);
	pthread_mutex_destroy(&p->saying);
	pthread_rwlock_destroy(&p->lock);
	free(p->dir);
	free(p);
}

const struct party_set *parties_hold(struct parties *p)
{
	pthread_rwlock_rdlock(&p->lock);
	return p->set;
}

void parties_let(struct parties *p)
{
	pthread_rwlock_unlock(&p->lock);
}

/* ---- changes ---- */

static enum err tell(struct parties *p, const struct speaker *who, const struct party_change *c, struct fault *f)
{
	struct lane lane;
	struct buf body = { 0 };
	uint64_t number;
	if (ledger_lane_find(p->ledger, CLEARANCE_ALL, NODE_LANE, &lane))
		return fault_set(f, ERR_CORRUPT, "the ledger has no lane \"%s\"", NODE_LANE);
	party_change_write(c, &body);
	struct submission s = { .lane = lane.number, .kind = ENTRY_PARTY, .time_ms = clock_ms(), .party = who->party, .source = "", .media = "json",
				.count = 1, .body = buf_span(&body) };
	enum err e = ledger_append(p->ledger, &s, &number, f);
	if (e == OK) {
		pthread_rwlock_wrlock(&p->lock);
		e = fold(p, f);
		pthread_rwlock_unlock(&p->lock);
	}
	buf_release(&body);
	return e;
}

enum err parties_say(struct parties *p, const struct speaker *who, const struct party_change *c, struct fault *f)
{
	struct party_change said = *c;
	if (!p->writable)
		return fault_set(f, ERR_FORBIDDEN, "the data directory is open for reading only");
	said.by = span_str(who->by);
	pthread_mutex_lock(&p->saying); /* who reads the set needs no other lock while nobody writes to it */
	enum err e = party_check(p->set, &said, clock_ms(), f);
	if (e == OK)
		e = tell(p, who, &said, f);
	pthread_mutex_unlock(&p->saying);
	return e;
}

enum err parties_token_new(struct parties *p, const struct speaker *who, struct party_change *c, char ret_text[TOKEN_TEXT + 1], struct fault *f)
{
	uint8_t public[7], secret[22];
	char id[TOKEN_ID_DIGITS + 1];
	random_octets(public, sizeof(public));
	random_octets(secret, sizeof(secret));
	token_text(public, secret, ret_text);
	explicit_bzero(secret, sizeof(secret));
	enum err e = token_hash(span_of(ret_text, TOKEN_TEXT), id, c->hash);
	c->op = PARTY_TOKEN;
	c->id = span_of(ret_text + strlen("sipar_"), TOKEN_ID_DIGITS);
	if (e == OK && (e = parties_say(p, who, c, f)) == OK)
		return OK;
	explicit_bzero(ret_text, TOKEN_TEXT + 1);
	c->id = span_of(NULL, 0);
	return e;
}

enum err parties_certificate_new(struct parties *p, const struct speaker *who, struct party_change *c, char ret_id[TOKEN_ID_DIGITS + 1],
				 struct fault *f)
{
	uint8_t public[7], none[22] = { 0 };
	char text[TOKEN_TEXT + 1];
	random_octets(public, sizeof(public));
	token_text(public, none, text);
	memcpy(ret_id, text + strlen("sipar_"), TOKEN_ID_DIGITS);
	ret_id[TOKEN_ID_DIGITS] = 0;
	c->op = PARTY_CERTIFICATE;
	c->id = span_of(ret_id, TOKEN_ID_DIGITS);
	return parties_say(p, who, c, f);
}

/* ---- authentication ---- */

void parties_set_rate(struct parties *p, uint32_t a_minute)
{
	p->rate = a_minute;
}

static bool allows(const struct token *t, const char *peer)
{
	uint8_t octets[16];
	if (!t->n_nets)
		return true;
	if (ip4_parse(span_str(peer), octets))
		return token_allows(t, octets, 4);
	return ip6_parse(span_str(peer), octets, NULL) == OK && token_allows(t, octets, 16);
}

/* With the lock. */
static enum err admit(struct parties *p, unsigned place, const char *peer, int64_t now_ms, struct asker *ret, struct fault *f)
{
	const struct token *t = token_at(p->set, place);
	const struct party *party = party_at(p->set, t->party);
	if (t->revoked)
		return fault_set(f, ERR_FORBIDDEN, "token %s of party \"%s\" is revoked", t->id, party->name);
	if (t->expires_s && now_ms >= (int64_t)t->expires_s * 1000)
		return fault_set(f, ERR_FORBIDDEN, "token %s of party \"%s\" has expired", t->id, party->name);
	if (!allows(t, peer))
		return fault_set(f, ERR_FORBIDDEN, "token %s of party \"%s\" is not for this address", t->id, party->name);
	*ret = (struct asker){ .role = t->role, .clear = clear_of(p, t->party, t->role) };
	memcpy(ret->party, party->name, sizeof(ret->party));
	memcpy(ret->token, t->id, sizeof(t->id));
	ret->pace = pace_take(&p->use[place].pace, t->has_rate ? t->rate : p->rate, (int64_t)clock_mono_ns());
	atomic_store_explicit(&p->use[place].last_ms, now_ms, memory_order_relaxed);
	if (!atomic_load_explicit(&p->used, memory_order_relaxed))
		atomic_store_explicit(&p->used, true, memory_order_relaxed);
	return OK;
}

enum err parties_still(struct parties *p, const char *id, int64_t now_ms, clearance *ret_clear)
{
	pthread_rwlock_rdlock(&p->lock);
	unsigned place = token_find(p->set, span_str(id));
	const struct token *t = place != TOKENS_MAX ? token_at(p->set, place) : NULL;
	bool good = t && !t->revoked && (!t->expires_s || now_ms < (int64_t)t->expires_s * 1000);
	if (good)
		*ret_clear = clear_of(p, t->party, t->role);
	pthread_rwlock_unlock(&p->lock);
	return good ? OK : ERR_FORBIDDEN;
}

enum err parties_authenticate(struct parties *p, struct span token, const char *peer, int64_t now_ms, struct asker *ret, struct fault *f)
{
	char id[TOKEN_ID_DIGITS + 1];
	uint8_t hash[32];
	if (token_hash(token, id, hash))
		return fault_set(f, ERR_FORBIDDEN, "what was sent is no token: it is mistyped, or cut off");
	pthread_rwlock_rdlock(&p->lock);
	unsigned place = token_find(p->set, span_str(id));
	bool known = place != TOKENS_MAX && !token_at(p->set, place)->certificate && octets_equal(token_at(p->set, place)->hash, hash, sizeof(hash));
	enum err e = known ? admit(p, place, peer, now_ms, ret, f) : fault_set(f, ERR_FORBIDDEN, "token %s is nobody's", id);
	pthread_rwlock_unlock(&p->lock);
	return e;
}

enum err parties_certificate(struct parties *p, const uint8_t fingerprint[32], const char *peer, int64_t now_ms, struct asker *ret, struct fault *f)
{
	char hex[64];
	hex_encode(fingerprint, 32, hex);
	pthread_rwlock_rdlock(&p->lock);
	unsigned place = token_find_certificate(p->set, fingerprint);
	enum err e = place != TOKENS_MAX ? admit(p, place, peer, now_ms, ret, f)
					 : fault_set(f, ERR_FORBIDDEN, "the certificate sha256:%.64s is nobody's", hex);
	pthread_rwlock_unlock(&p->lock);
	return e;
}
