/* The bodies of ENTRY_PARTY: one encoding for each change, so that what is read and written again has the same octets. */
#include "base/num.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "view/party.h"

static const char *const op_names[PARTY_OPS] = {
	[PARTY_ADD] = "add", [PARTY_SET] = "set", [PARTY_REMOVE] = "remove", [PARTY_TOKEN] = "token", [PARTY_CERTIFICATE] = "certificate",
	[PARTY_REVOKE] = "revoke",
};

/* In the order in which they are written. */
enum field { BY, CIDR, CLEARANCE, CONTACT, EXPIRES, HASH, ID, LABEL, NAME, OP, RATE, ROLE, SECTOR, TITLE, FIELDS };

static const char *const keys[FIELDS] = {
	[BY] = "by", [CIDR] = "cidr", [CLEARANCE] = "clearance", [CONTACT] = "contact", [EXPIRES] = "expires", [HASH] = "hash", [ID] = "id",
	[LABEL] = "label", [NAME] = "name", [OP] = "op", [RATE] = "rate", [ROLE] = "role", [SECTOR] = "sector", [TITLE] = "title",
};

static void put_key(struct buf *out, enum field field)
{
	buf_printf(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", keys[field]);
}

static void put_text(struct buf *out, bool there, enum field field, struct span text)
{
	if (!there)
		return;
	put_key(out, field);
	json_put_string(out, text);
}

static void put_number(struct buf *out, bool there, enum field field, uint32_t n)
{
	if (!there)
		return;
	put_key(out, field);
	buf_putu(out, n);
}

void party_change_write(const struct party_change *c, struct buf *out)
{
	bool describes = c->op == PARTY_ADD || c->op == PARTY_SET, opens = c->op == PARTY_TOKEN || c->op == PARTY_CERTIFICATE;
	char hex[64];
	hex_encode(c->hash, sizeof(c->hash), hex);
	buf_putc(out, '{');
	put_text(out, c->by.n, BY, c->by);
	put_text(out, opens && c->cidr.n, CIDR, c->cidr);
	put_text(out, describes && c->has_clearance, CLEARANCE, span_str(tlp_name(c->clearance) + strlen("tlp:")));
	put_text(out, describes && c->has_contact, CONTACT, c->contact);
	put_number(out, opens && c->expires_s, EXPIRES, c->expires_s);
	put_text(out, opens, HASH, span_of(hex, sizeof(hex)));
	put_text(out, opens || c->op == PARTY_REVOKE, ID, c->id);
	put_text(out, opens && c->label.n, LABEL, c->label);
	put_text(out, true, NAME, c->name);
	put_text(out, true, OP, span_str(op_names[c->op]));
	put_number(out, opens && c->has_rate, RATE, c->rate);
	put_text(out, opens, ROLE, span_str(role_name(c->role)));
	put_text(out, describes && c->has_sector, SECTOR, c->sector);
	put_text(out, describes && c->has_title, TITLE, c->title);
	buf_putc(out, '}');
}

static enum err expect_number(const struct json_reader *r, enum json_token t, enum field field, uint32_t *ret, struct fault *f)
{
	uint64_t n;
	if (t != JSON_NUMBER || num_parse_u64(r->slice, UINT32_MAX, &n))
		return fault_set(f, ERR_SYNTAX, "\"%s\" of a change of parties is not a whole number below 2^32", keys[field]);
	*ret = (uint32_t)n;
	return OK;
}

static enum err bad_word(enum field field, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "\"%s\" of a change of parties is none that there is", keys[field]);
}

static enum err read_word(enum field field, struct span text, struct party_change *c, struct fault *f)
{
	switch (field) {
	case CLEARANCE:
		c->has_clearance = true;
		return span_starts(text, SPAN_LIT("tlp:")) || party_clearance_parse(text, &c->clearance, NULL) ? bad_word(field, f) : OK;
	case HASH:
		return hex_decode(text, c->hash, sizeof(c->hash)) ? bad_word(field, f) : OK;
	case ROLE:
		return (c->role = role_parse(text)) == ROLE_NONE ? bad_word(field, f) : OK;
	case OP:
		for (c->op = 0; c->op < PARTY_OPS; c->op++)
			if (span_is(text, op_names[c->op]))
				return OK;
		return bad_word(field, f);
	case CONTACT:
		return c->has_contact = true, c->contact = text, OK;
	case SECTOR:
		return c->has_sector = true, c->sector = text, OK;
	case TITLE:
		return c->has_title = true, c->title = text, OK;
	case BY:
		return c->by = text, OK;
	case CIDR:
		return c->cidr = text, OK;
	case ID:
		return c->id = text, OK;
	case LABEL:
		return c->label = text, OK;
	default:
		return c->name = text, OK;
	}
}

/* The store does not move: it has room for all of the body. */
static enum err read_value(struct json_reader *r, enum field field, struct buf *store, struct party_change *c, struct fault *f)
{
	enum json_token t = json_next(r);
	if (field == RATE)
		return c->has_rate = true, expect_number(r, t, field, &c->rate, f);
	if (field == EXPIRES)
		return expect_number(r, t, field, &c->expires_s, f);
	if (t != JSON_STRING)
		return fault_set(f, ERR_SYNTAX, "\"%s\" of a change of parties is not a string", keys[field]);
	struct span text = r->slice;
	if (r->escaped) {
		size_t before = store->n;
		if (json_unescape(r->slice, store))
			return fault_set(f, ERR_SYNTAX, "\"%s\" of a change of parties has an escape that cannot be", keys[field]);
		text = span_of(store->p + before, store->n - before);
	}
	return read_word(field, text, c, f);
}

static enum err not_json(const struct json_reader *r, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "a change of parties is not one JSON object: %s", r->error ? r->error : "something else is there");
}

/* Which fields an op has, and must have. */
static enum err check_fields(const struct party_change *c, unsigned seen, struct fault *f)
{
	enum { ALWAYS = 1 << NAME | 1 << OP, TEXTS = 1 << CLEARANCE | 1 << CONTACT | 1 << SECTOR | 1 << TITLE, OPENS = 1 << HASH | 1 << ID | 1 << ROLE };
	static const unsigned must[PARTY_OPS] = { [PARTY_TOKEN] = OPENS, [PARTY_CERTIFICATE] = OPENS, [PARTY_REVOKE] = 1 << ID };
	static const unsigned may[PARTY_OPS] = {
		[PARTY_ADD] = TEXTS, [PARTY_SET] = TEXTS, [PARTY_TOKEN] = 1 << CIDR | 1 << EXPIRES | 1 << LABEL | 1 << RATE,
		[PARTY_CERTIFICATE] = 1 << CIDR | 1 << EXPIRES | 1 << LABEL | 1 << RATE,
	};
	if ((seen & ALWAYS) != ALWAYS)
		return fault_set(f, ERR_SYNTAX, "a change of parties has no \"name\" or no \"op\"");
	unsigned lacks = must[c->op] & ~seen, extra = seen & ~(ALWAYS | 1u << BY | must[c->op] | may[c->op]);
	for (unsigned i = 0; i < FIELDS; i++)
		if ((lacks | extra) >> i & 1)
			return fault_set(f, ERR_SYNTAX, "\"%s\" %s \"%s\" in a change of parties", keys[i], lacks ? "is missing from" : "does not go with",
					 op_names[c->op]);
	return OK;
}

enum err party_change_read(struct span body, struct buf *store, struct party_change *ret_change, struct fault *f)
{
	struct party_change c = { .op = PARTY_ADD };
	struct json_reader r;
	unsigned seen = 0;
	enum json_token t;
	store->n = 0;
	(void)buf_reserve(store, body.n + 1);
	json_init(&r, body, true);
	if (json_next(&r) != JSON_OBJECT)
		return not_json(&r, f);
	while ((t = json_next(&r)) == JSON_KEY) {
		unsigned field = 0;
		while (field < FIELDS && (r.escaped || !span_is(r.slice, keys[field])))
			field++;
		if (field == FIELDS)
			return fault_set(f, ERR_SYNTAX, "a change of parties has an unknown key");
		if (seen & 1u << field)
			return fault_set(f, ERR_SYNTAX, "a change of parties has \"%s\" twice", keys[field]);
		seen |= 1u << field;
		enum err e = read_value(&r, field, store, &c, f);
		if (e)
			return e;
	}
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return not_json(&r, f);
	enum err e = check_fields(&c, seen, f);
	if (e == OK)
		*ret_change = c;
	return e;
}
