#include "view/blackhole.h"

enum { WIDEST4 = 8, WIDEST6 = 19 };

enum err own_prefixes_add(struct own_prefixes *own, struct span text, struct fault *f)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (obs_parse_as(OBS_CIDR4, text, store, &o, f) || (o.kind != OBS_CIDR4 && o.kind != OBS_CIDR6))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a prefix", SPAN_ARG(span_head(text, 60)));
	if (o.prefix < (o.kind == OBS_CIDR4 ? WIDEST4 : WIDEST6))
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is wider than what anybody has", SPAN_ARG(span_head(text, 60)));
	if (own->n == OWN_PREFIXES_MAX)
		return fault_set(f, ERR_FULL, "there are more than %d prefixes", OWN_PREFIXES_MAX);
	own->v[own->n].kind = o.kind;
	own->v[own->n].bits = o.prefix;
	memcpy(own->v[own->n++].octets, o.key, o.n);
	return OK;
}

static bool is_in(const uint8_t *octets, unsigned bits, const uint8_t *address)
{
	unsigned whole = bits / 8, rest = bits % 8;
	return memcmp(octets, address, whole) == 0 && (rest == 0 || (octets[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static bool no(struct buf *out, const char *why)
{
	if (out)
		buf_puts(out, why);
	return false;
}

bool blackhole_allowed(const struct own_prefixes *own, const struct table_key *k, struct buf *out)
{
	if (k->kind != OBS_IPV4 && k->kind != OBS_IPV6)
		return no(out, "it is no single address");
	for (unsigned i = 0; i < own->n; i++)
		if ((own->v[i].kind == OBS_CIDR4) == (k->kind == OBS_IPV4) && is_in(own->v[i].octets, own->v[i].bits, k->p))
			return true;
	return no(out, "it is in none of the operator's own prefixes (bgp_prefix)");
}

void blackhole_put(const struct table_key *k, bool announce, const char *next_hop, struct buf *out)
{
	struct observable o = { .kind = k->kind, .n = k->n, .key = k->p };
	buf_puts(out, announce ? "announce route " : "withdraw route ");
	obs_format(&o, out);
	buf_printf(out, "/%u next-hop %s", k->kind == OBS_IPV4 ? 32 : 128, next_hop);
	if (announce) /* BLACKHOLE (RFC 7999), NO_EXPORT (RFC 1997) */
		buf_puts(out, " community [65535:666 65535:65281]");
	buf_putc(out, '\n');
}
