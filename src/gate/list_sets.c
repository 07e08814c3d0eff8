/* Sets of addresses for firewalls.  Addresses go out as they come, in chunks of each family, into plain sets, where one more costs
 * nothing; prefixes wait for the end, collapsed, and go into small sets of intervals. */
#include "gate/list_parts.h"

enum { CHUNK = 256 };

static bool is_prefix(const struct observable *o)
{
	return o->kind == OBS_CIDR4 || o->kind == OBS_CIDR6;
}

static unsigned family_of(const struct observable *o)
{
	return o->kind == OBS_IPV6 || o->kind == OBS_CIDR6;
}

static const char *set_name(const struct list *l, char name[FEED_SET_NAME_MAX + 1])
{
	feed_set_name(l->feed, name);
	return name;
}

/* The collapsed prefixes; two halves of a pair of addresses cannot be among them, as addresses are not. */
typedef void visit_prefix(struct list *l, const struct observable *o, struct buf *out);
static void each_prefix(struct list *l, visit_prefix *visit, struct buf *out)
{
	prefixes_collapse(&l->prefixes);
	for (size_t i = 0; i < l->prefixes.n; i++) {
		struct observable o = prefixes_at(&l->prefixes, i);
		visit(l, &o, out);
	}
}

/* ---- nft ---- */

static const char *const suffixes[4] = { "ip4", "ip6", "net4", "net6" };

void list_begin_nft(struct list *l, struct buf *out)
{
	char name[FEED_SET_NAME_MAX + 1];
	set_name(l, name);
	list_begin_hash(l, out);
	buf_puts(out, "add table inet sipar\n");
	for (unsigned i = 0; i < 4; i++)
		buf_printf(out, "add set inet sipar %s_%s { type ipv%u_addr;%s }\nflush set inet sipar %s_%s\n", name, suffixes[i],
			   i % 2 ? 6 : 4, i < 2 ? "" : " flags interval;", name, suffixes[i]);
}

static void flush_nft(struct list *l, unsigned family, bool net, struct buf *out)
{
	char name[FEED_SET_NAME_MAX + 1];
	if (l->n_chunk[family]) {
		buf_printf(out, "add element inet sipar %s_%s { ", set_name(l, name), suffixes[family + 2 * net]);
		buf_putspan(out, buf_span(&l->chunk[family]));
		buf_puts(out, " }\n");
	}
	l->n_chunk[family] = 0;
	l->chunk[family].n = 0;
}

static void add_nft(struct list *l, const struct observable *o, bool net, struct buf *out)
{
	unsigned family = family_of(o);
	if (l->n_chunk[family]++)
		buf_puts(&l->chunk[family], ", ");
	obs_format(o, &l->chunk[family]);
	if (l->n_chunk[family] == CHUNK)
		flush_nft(l, family, net, out);
}

bool list_value_nft(struct list *l, const struct list_value *v, struct buf *out)
{
	if (is_prefix(&v->o))
		prefixes_add(&l->prefixes, &v->o);
	else
		add_nft(l, &v->o, false, out);
	return true;
}

static void net_nft(struct list *l, const struct observable *o, struct buf *out)
{
	add_nft(l, o, true, out);
}

void list_end_nft(struct list *l, struct buf *out)
{
	flush_nft(l, 0, false, out);
	flush_nft(l, 1, false, out);
	each_prefix(l, net_nft, out);
	flush_nft(l, 0, true, out);
	flush_nft(l, 1, true, out);
	list_end_hash(l, out);
}

/* ---- ipset: into new sets, which then take the place of the old ones ---- */

void list_begin_ipset(struct list *l, struct buf *out)
{
	char name[FEED_SET_NAME_MAX + 1];
	set_name(l, name);
	list_begin_hash(l, out);
	for (unsigned i = 0; i < 8; i++)
		buf_printf(out, "create %s_%s%s hash:%s family %s maxelem 16777216 -exist\n", name, suffixes[i / 2], i % 2 ? "_n" : "", i < 4 ? "ip" : "net",
			   i / 2 % 2 ? "inet6" : "inet");
	for (unsigned i = 0; i < 4; i++)
		buf_printf(out, "flush %s_%s_n\n", name, suffixes[i]);
}

static void add_ipset(struct list *l, const struct observable *o, struct buf *out)
{
	char name[FEED_SET_NAME_MAX + 1];
	if (is_prefix(o) && o->prefix == 0) { /* hash:net has no place for all there is */
		struct observable half = *o;
		uint8_t high[16] = { 0x80 };
		half.prefix = 1;
		add_ipset(l, &half, out);
		half.key = high;
		add_ipset(l, &half, out);
		return;
	}
	buf_printf(out, "add %s_%s_n ", set_name(l, name), suffixes[family_of(o) + 2 * is_prefix(o)]);
	obs_format(o, out);
	buf_puts(out, " -exist\n");
}

bool list_value_ipset(struct list *l, const struct list_value *v, struct buf *out)
{
	if (is_prefix(&v->o))
		prefixes_add(&l->prefixes, &v->o);
	else
		add_ipset(l, &v->o, out);
	return true;
}

void list_end_ipset(struct list *l, struct buf *out)
{
	char name[FEED_SET_NAME_MAX + 1];
	set_name(l, name);
	each_prefix(l, add_ipset, out);
	for (unsigned i = 0; i < 4; i++)
		buf_printf(out, "swap %s_%s_n %s_%s\ndestroy %s_%s_n\n", name, suffixes[i], name, suffixes[i], name, suffixes[i]);
	list_end_hash(l, out);
}

/* ---- MikroTik RouterOS ---- */

static const char *const menus[2] = { "/ip firewall address-list\n", "/ipv6 firewall address-list\n" };

void list_begin_rsc(struct list *l, struct buf *out)
{
	list_begin_hash(l, out);
	for (unsigned i = 0; i < 2; i++)
		buf_printf(out, "%sremove [find where list=\"%s\"]\n", menus[i], l->feed->name);
}

static void flush_rsc(struct list *l, unsigned family, struct buf *out)
{
	if (l->n_chunk[family]) {
		buf_puts(out, menus[family]);
		buf_putspan(out, buf_span(&l->chunk[family]));
	}
	l->n_chunk[family] = 0;
	l->chunk[family].n = 0;
}

static void add_rsc(struct list *l, const struct observable *o, struct buf *out)
{
	unsigned family = family_of(o);
	buf_printf(&l->chunk[family], "add list=\"%s\" address=", l->feed->name);
	obs_format(o, &l->chunk[family]);
	buf_putc(&l->chunk[family], '\n');
	if (++l->n_chunk[family] == CHUNK)
		flush_rsc(l, family, out);
}

bool list_value_rsc(struct list *l, const struct list_value *v, struct buf *out)
{
	if (is_prefix(&v->o))
		prefixes_add(&l->prefixes, &v->o);
	else
		add_rsc(l, &v->o, out);
	return true;
}

void list_end_rsc(struct list *l, struct buf *out)
{
	each_prefix(l, add_rsc, out);
	flush_rsc(l, 0, out);
	flush_rsc(l, 1, out);
	list_end_hash(l, out);
}
