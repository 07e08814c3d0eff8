/* Lists of names, for resolvers and browsers. */
#include "codec/ip.h"
#include "base/octets.h"
#include "gate/list_parts.h"

enum { NAME_MAX_OCTETS = 253 };

/* ---- hosts: a name stands for itself alone ---- */

bool list_value_hosts(struct list *l, const struct list_value *v, struct buf *out)
{
	if (v->self) {
		buf_puts(out, "0.0.0.0 ");
		buf_put(out, v->o.key, v->o.n);
		buf_putc(out, '\n');
	}
	return v->self; /* the names below are not said, but that is what this form is */
}

/* ---- adblock ---- */

void list_begin_adblock(struct list *l, struct buf *out)
{
	buf_puts(out, "! ");
	list_put_about(l, out);
	buf_puts(out, "\n! Title: ");
	buf_puts(out, l->feed->name);
	buf_putc(out, '\n');
}

void list_end_adblock(struct list *l, struct buf *out)
{
	buf_puts(out, "! ");
	list_put_end(l, out);
}

/* What means something else in a rule. */
static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr("*^|$#!", s.p[i], 6))
			return false;
	return true;
}

bool list_value_adblock(struct list *l, const struct list_value *v, struct buf *out)
{
	struct span key = span_of(v->o.key, v->o.n);
	if (v->o.kind == OBS_DOMAIN && !v->below)
		return false;
	if (v->o.kind == OBS_DOMAIN) {
		buf_printf(out, v->self ? "||" SPAN_FMT "^\n" : "||*." SPAN_FMT "^\n", SPAN_ARG(key));
		return true;
	}
	struct span rest = span_starts(key, SPAN_LIT("http://"))    ? span_from(key, 7)
			   : span_starts(key, SPAN_LIT("https://")) ? span_from(key, 8)
								    : span_of(NULL, 0);
	if (!rest.n || !is_plain(rest))
		return false;
	buf_printf(out, "||" SPAN_FMT "|\n", SPAN_ARG(rest));
	return true;
}

/* ---- RPZ, as a file ---- */

static const char *zone_of(const struct list *l)
{
	return l->feed->zone[0] ? l->feed->zone : l->feed->name;
}

void list_begin_rpz(struct list *l, struct buf *out)
{
	buf_puts(out, "; ");
	list_put_about(l, out);
	buf_printf(out, "\n$ORIGIN %s.\n$TTL %u\n@ SOA localhost. hostmaster.localhost. %u %u 10 604800 %u\n@ NS localhost.\n", zone_of(l), l->feed->ttl_s,
		   (uint32_t)(l->serial + l->feed->raised), l->feed->refresh_s, l->feed->ttl_s);
}

void list_end_rpz(struct list *l, struct buf *out)
{
	buf_puts(out, "; ");
	list_put_end(l, out);
}

/* "32.7.100.51.198.rpz-ip", "48.zz.1.db8.2001.rpz-ip": the length and the address from its end; zz is the longest run of zeros. */
static void put_address(const struct observable *o, struct buf *out)
{
	bool v4 = o->n == 4;
	buf_printf(out, "%u", o->kind == OBS_IPV4 ? 32 : o->kind == OBS_IPV6 ? 128 : o->prefix);
	if (v4) {
		buf_printf(out, ".%u.%u.%u.%u", o->key[3], o->key[2], o->key[1], o->key[0]);
	} else {
		unsigned from = 0, n = 0;
		for (unsigned i = 0; i < 8; i++) {
			unsigned k = i;
			while (k < 8 && get_be16(o->key + 2 * k) == 0)
				k++;
			if (k - i > n)
				from = i, n = k - i;
		}
		for (unsigned i = 8; i-- > 0;) {
			if (n > 1 && i == from + n - 1) {
				buf_puts(out, ".zz");
				i = from;
			} else
				buf_printf(out, ".%x", get_be16(o->key + 2 * i));
		}
	}
	buf_puts(out, ".rpz-ip");
}

static void put_policy(const struct list *l, const struct list_value *v, struct buf *out)
{
	static const char *const policy[] = { [ANSWER_NXDOMAIN] = ".", [ANSWER_NODATA] = "*.", [ANSWER_DROP] = "rpz-drop." };
	if (v->action == LIST_PASS)
		buf_puts(out, " CNAME rpz-passthru.\n");
	else if (l->feed->answer == ANSWER_GARDEN)
		buf_printf(out, " CNAME %s.\n", l->feed->garden);
	else
		buf_printf(out, " CNAME %s\n", policy[l->feed->answer]);
}

bool list_value_rpz(struct list *l, const struct list_value *v, struct buf *out)
{
	size_t zone = strlen(zone_of(l)) + 1;
	if (v->action == LIST_CHALLENGE)
		return false;
	if (v->o.kind != OBS_DOMAIN) {
		put_address(&v->o, out);
		put_policy(l, v, out);
		return true;
	}
	if (v->o.n + zone + (v->below ? 2 : 0) > NAME_MAX_OCTETS)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (!(i ? v->below : v->self))
			continue;
		buf_puts(out, i ? "*." : "");
		buf_put(out, v->o.key, v->o.n);
		put_policy(l, v, out);
	}
	return true;
}
