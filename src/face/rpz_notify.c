#include "face/rpz_notify.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/octets.h"
#include "sys/key.h"

enum { TRIES = 5, FIRST_MS = 1000, TARGETS_MAX = 1024, FLAGS = 0x2400 /* NOTIFY, AA */ };

struct target {
	struct sockaddr_storage to;
	struct rpz_zone zone;
	struct tsig_key *key;
	struct tsig tsig;       /* of the message that is outstanding */
	bool due, outstanding, refused;
	unsigned tries;
	uint64_t again_ms;      /* when outstanding */
	uint16_t id;
};

struct rpz_notify {
	uint64_t serial;
	unsigned n, silent;
	struct target *at;
};

struct rpz_notify *rpz_notify_new(void)
{
	return mem_zalloc(sizeof(struct rpz_notify));
}

static void forget(struct rpz_notify *n)
{
	for (unsigned i = 0; i < n->n; i++)
		tsig_key_free(n->at[i].key);
	free(n->at);
	n->at = NULL;
	n->n = 0;
}

void rpz_notify_free(struct rpz_notify *n)
{
	if (!n)
		return;
	forget(n);
	free(n);
}

static void add(struct rpz_notify *n, const struct rpz_zone *zone, struct span address, const struct consumer *c)
{
	char text[ADDRESS_TEXT_MAX] = "";
	struct target t = { .zone = *zone, .due = true };
	struct buf name = { 0 };
	socklen_t length;
	if (n->n == TARGETS_MAX || address.n >= sizeof(text))
		return;
	memcpy(text, address.p, address.n);
	if (address_parse(text, &t.to, &length, NULL))
		return;
	if (c) {
		buf_printf(&name, "%s.%s", c->name, c->feed);
		enum err e = tsig_key_new(buf_cstr(&name), span_of(c->secret, sizeof(c->secret)), &t.key, NULL);
		buf_release(&name);
		if (e)
			return;
	}
	n->at[n->n++] = t;
}

static void add_all(struct rpz_notify *n, const struct rpz_zone *zone, const char *list, const struct consumer *c)
{
	for (struct span rest = span_str(list); rest.n;) {
		struct span one = span_head(rest, span_find(rest, ','));
		rest = span_from(rest, one.n + 1);
		add(n, zone, span_trim(one), c);
	}
}

unsigned rpz_notify_targets(struct rpz_notify *n, const struct rpz_site *site)
{
	forget(n);
	n->at = mem_alloc(TARGETS_MAX * sizeof(*n->at));
	for (unsigned i = 0; i < site->n; i++) {
		const struct feed *feed = site->at[i].feed;
		add_all(n, &site->at[i].zone, feed->notify, NULL);
		for (unsigned k = 0; k < site->feeds->n_consumers; k++)
			if (strcmp(site->feeds->consumer[k].feed, feed->name) == 0)
				add_all(n, &site->at[i].zone, site->feeds->consumer[k].notify, &site->feeds->consumer[k]);
	}
	if (n->n)
		n->at = mem_realloc(n->at, n->n * sizeof(*n->at));
	return n->n;
}

void rpz_notify_changed(struct rpz_notify *n, uint64_t serial)
{
	n->serial = serial;
	for (unsigned i = 0; i < n->n; i++)
		n->at[i].due = true;
}

static bool keep(void *ctx, uint8_t *message, size_t n)
{
	*(size_t *)ctx = n;
	return true;
}

static bool write_message(struct target *t, uint64_t serial, struct rpz_notice *notice)
{
	uint8_t question[RPZ_QUESTION_MAX];
	size_t name = t->zone.origin.size;
	memcpy(question, t->zone.origin.lower, name);
	put_be16(question + name, DNS_SOA);
	put_be16(question + name + 2, DNS_IN);
	random_octets(&t->id, sizeof(t->id));
	struct rpz_writer w = { .zone = &t->zone, .id = t->id, .flags = FLAGS, .question = span_of(question, name + 4), .out = notice->message,
				.room = sizeof(notice->message), .reserve = tsig_room(t->key), .emit = keep, .ctx = &notice->n };
	rpz_begin(&w);
	rpz_put_soa(&w, serial);
	t->tsig = (struct tsig){ .key = t->key };
	return rpz_end(&w) && tsig_sign(&t->tsig, notice->message, &notice->n, sizeof(notice->message));
}

bool rpz_notify_next(struct rpz_notify *n, uint64_t now_ms, struct rpz_notice *ret_notice)
{
	for (unsigned i = 0; i < n->n; i++) {
		struct target *t = &n->at[i];
		if (t->outstanding ? t->again_ms > now_ms : !t->due)
			continue;
		if (!t->outstanding)
			t->tries = 0;
		if (t->tries == TRIES) {
			t->outstanding = t->due = false;
			n->silent++;
			continue;
		}
		t->outstanding = true;
		t->due = false;
		t->again_ms = now_ms + (FIRST_MS << t->tries++);
		ret_notice->to = t->to;
		if (write_message(t, n->serial, ret_notice))
			return true;
	}
	return false;
}

uint64_t rpz_notify_when(const struct rpz_notify *n)
{
	uint64_t when = UINT64_MAX;
	for (unsigned i = 0; i < n->n; i++) {
		const struct target *t = &n->at[i];
		if (t->outstanding && t->again_ms < when)
			when = t->again_ms;
		else if (!t->outstanding && t->due)
			return 0;
	}
	return when;
}

static bool same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return address_port(a) == address_port(b) && rpz_same_address(a, b);
}

static enum rpz_heard hear(struct target *t, const struct message *m, unsigned *ret_rcode, bool *ret_first)
{
	if (t->key && !message_answers(m, &t->tsig)) {
		/* Who cannot check our signature cannot sign his refusal: it is told, but the message stays outstanding. */
		if (m->rcode == DNS_NOERROR)
			return RPZ_HEARD_NOTHING;
	} else
		t->outstanding = false;
	if (m->rcode == DNS_NOERROR)
		return RPZ_HEARD_YES;
	*ret_rcode = m->rcode;
	*ret_first = !t->refused;
	t->refused = true;
	return RPZ_HEARD_NO;
}

enum rpz_heard rpz_notify_answer(struct rpz_notify *n, const struct sockaddr_storage *from, struct span octets, unsigned *ret_rcode,
				 bool *ret_first)
{
	struct message m;
	enum rpz_heard heard = RPZ_HEARD_NOTHING;
	if (message_read(octets, &m) && m.response && m.opcode == 4)
		for (unsigned i = 0; i < n->n && heard == RPZ_HEARD_NOTHING; i++)
			if (n->at[i].outstanding && n->at[i].id == m.id && same_place(&n->at[i].to, from))
				heard = hear(&n->at[i], &m, ret_rcode, ret_first);
	message_release(&m);
	return heard;
}

unsigned rpz_notify_silent(struct rpz_notify *n)
{
	unsigned silent = n->silent;
	n->silent = 0;
	return silent;
}
