#include "sys/knot.h"

#include <stdlib.h>
#include <string.h>

#include <libknot/libknot.h>

#include "base/base64.h"
#include "base/buf.h"

struct tsig_key {
	knot_tsig_key_t knot;
};

enum err tsig_key_new(const char *name, struct span secret, struct tsig_key **ret_key, struct fault *f)
{
	struct tsig_key *k = mem_zalloc(sizeof(*k));
	struct buf text = { 0 };
	base64_put(&text, secret);
	int rc = knot_tsig_key_init(&k->knot, "hmac-sha256", name, buf_cstr(&text));
	buf_release(&text);
	if (rc != KNOT_EOK) {
		free(k);
		return fault_set(f, ERR_SYNTAX, "\"%.100s\" cannot be the name of a TSIG key, or has no secret", name);
	}
	*ret_key = k;
	return OK;
}

void tsig_key_free(struct tsig_key *k)
{
	if (!k)
		return;
	knot_tsig_key_deinit(&k->knot);
	free(k);
}

size_t tsig_room(const struct tsig_key *k)
{
	return k ? knot_tsig_wire_maxsize(&k->knot) : 0;
}

/* The key's name as text, when it is one of those that we give. */
static void read_key_name(const knot_dname_t *name, char ret_text[TSIG_NAME_MAX + 1])
{
	knot_dname_txt_storage_t text;
	ret_text[0] = 0;
	if (!knot_dname_to_str(text, name, sizeof(text)))
		return;
	size_t n = strlen(text);
	if (n < 2 || n - 1 > TSIG_NAME_MAX || text[n - 1] != '.' || memchr(text, '\\', n))
		return;
	for (size_t i = 0; i + 1 < n; i++)
		ret_text[i] = (char)ascii_lower((uint8_t)text[i]);
	ret_text[n - 1] = 0;
}

/* The library takes records without data, as UPDATE has them (RFC 2136 section 2.4): nothing is read that is not there. */
static bool read_serial(const knot_rrset_t *rr, uint32_t *ret_serial)
{
	if (rr->type != KNOT_RRTYPE_SOA || rr->rclass != KNOT_CLASS_IN || rr->rrs.count == 0)
		return false;
	const uint8_t *p = rr->rrs.rdata->data, *end = p + rr->rrs.rdata->len;
	for (int i = 0; i < 2; i++) {
		int n = knot_dname_wire_check(p, end, NULL);
		if (n <= 0)
			return false;
		p += n;
	}
	if (end - p != 20)
		return false;
	*ret_serial = knot_wire_read_u32(p);
	return true;
}

static void read_fields(struct message *m, knot_pkt_t *p)
{
	m->sound = true;
	m->type = knot_pkt_qtype(p);
	m->class = knot_pkt_qclass(p);
	m->question_n = knot_pkt_question_size(p);
	m->name_n = (uint8_t)p->qname_size;
	memcpy(m->name, knot_pkt_qname(p), m->name_n);
	if (p->opt_rr) {
		m->edns = true;
		m->edns_version = knot_edns_get_version(p->opt_rr);
		m->edns_size = knot_edns_get_payload(p->opt_rr);
	}
	if (p->tsig_rr) {
		m->is_signed = true;
		read_key_name(p->tsig_rr->owner, m->key_name);
	}
	const knot_pktsection_t *authority = knot_pkt_section(p, KNOT_AUTHORITY);
	for (uint16_t i = 0; i < authority->count && !m->has_serial; i++)
		m->has_serial = read_serial(knot_pkt_rr(authority, i), &m->serial);
}

bool message_read(struct span octets, struct message *m)
{
	memset(m, 0, offsetof(struct message, wire));
	if (octets.n < KNOT_WIRE_HEADER_SIZE || octets.n > MESSAGE_MAX)
		return false;
	memcpy(m->wire, octets.p, octets.n);
	m->id = knot_wire_get_id(m->wire);
	m->flags = (uint16_t)(octets.p[2] << 8 | octets.p[3]);
	m->opcode = knot_wire_get_opcode(m->wire);
	m->rcode = knot_wire_get_rcode(m->wire);
	m->response = knot_wire_get_qr(m->wire);
	/* The library reads a message without a question, too, as some first answers of transfers are. */
	if (knot_wire_get_qdcount(m->wire) != 1)
		return true;
	knot_pkt_t *p = knot_pkt_new(m->wire, (uint16_t)octets.n, NULL);
	if (!p)
		abort();
	m->packet = p;
	if (knot_pkt_parse(p, 0) == KNOT_EOK && p->qname_size && p->qname_size <= MESSAGE_NAME_MAX)
		read_fields(m, p);
	return true;
}

void message_release(struct message *m)
{
	if (m->packet)
		knot_pkt_free(m->packet);
	m->packet = NULL;
}

enum tsig_error message_check(const struct message *m, const struct tsig_key *key, struct tsig *ret_tsig)
{
	const knot_pkt_t *p = m->packet;
	*ret_tsig = (struct tsig){ .key = key };
	if (!m->is_signed)
		return TSIG_BADKEY;
	const knot_rrset_t *rr = p->tsig_rr;
	int rc = knot_tsig_server_check(rr, p->wire, p->size, &key->knot);
	size_t n = knot_tsig_rdata_mac_length(rr);
	if (rc == KNOT_TSIG_EBADSIG || rc == KNOT_TSIG_EBADTRUNC || n > sizeof(ret_tsig->mac))
		return ret_tsig->error = rc == KNOT_TSIG_EBADTRUNC ? TSIG_BADTRUNC : TSIG_BADSIG;
	if (rc != KNOT_EOK && rc != KNOT_TSIG_EBADTIME)
		return ret_tsig->error = TSIG_BADKEY;
	memcpy(ret_tsig->mac, knot_tsig_rdata_mac(rr), n);
	ret_tsig->mac_n = (uint8_t)n;
	ret_tsig->request_time_s = knot_tsig_rdata_time_signed(rr);
	return ret_tsig->error = rc == KNOT_EOK ? TSIG_FINE : TSIG_BADTIME;
}

bool message_answers(const struct message *m, const struct tsig *sent)
{
	const knot_pkt_t *p = m->packet;
	return m->sound && m->is_signed &&
	       knot_tsig_client_check(p->tsig_rr, p->wire, p->size, sent->mac, sent->mac_n, &sent->key->knot, 0) == KNOT_EOK;
}

bool tsig_sign(struct tsig *t, uint8_t *msg, size_t *n, size_t room)
{
	uint8_t mac[64];
	size_t mac_n = sizeof(mac);
	int rc;
	if (!t->key)
		return true;
	if (t->later)
		rc = knot_tsig_sign_next(msg, n, room, t->mac, t->mac_n, mac, &mac_n, &t->key->knot, msg, *n);
	else
		rc = knot_tsig_sign(msg, n, room, t->mac_n ? t->mac : NULL, t->mac_n, mac, &mac_n, &t->key->knot, (uint16_t)t->error,
				    t->request_time_s);
	if (rc != KNOT_EOK || mac_n > sizeof(t->mac))
		return false;
	memcpy(t->mac, mac, mac_n);
	t->mac_n = (uint8_t)mac_n;
	t->later = true;
	return true;
}

bool tsig_refuse(const struct message *m, enum tsig_error error, uint8_t *msg, size_t *n, size_t room)
{
	const knot_pkt_t *p = m->packet;
	return m->is_signed && knot_tsig_add(msg, n, room, (uint16_t)error, p->tsig_rr) == KNOT_EOK;
}
