/* Lists for sensors: what they see is told, nothing is stopped. */
#include "gate/list_parts.h"

/* Rules are numbered in the order in which they stand, far above what others use. */
enum { GROUP = 64 };
#define SID_FIRST UINT32_C(3100000000)

static void put_sid(struct list *l, struct buf *out)
{
	buf_printf(out, " classtype:trojan-activity; sid:%llu; rev:1;)\n", (unsigned long long)(SID_FIRST + l->next_id++));
}

static void flush_addresses(struct list *l, struct buf *out)
{
	if (!l->n_chunk[0])
		return;
	buf_puts(out, "alert ip $HOME_NET any <> [");
	buf_putspan(out, buf_span(&l->chunk[0]));
	buf_printf(out, "] any (msg:\"sipar %s: listed address\";", l->feed->name);
	put_sid(l, out);
	l->n_chunk[0] = 0;
	l->chunk[0].n = 0;
}

static void put_name_rule(struct list *l, const struct list_value *v, struct buf *out)
{
	buf_printf(out, "alert dns $HOME_NET any -> any any (msg:\"sipar %s: ", l->feed->name);
	list_put_reasons(v->reasons, " ", out);
	buf_putc(out, ' ');
	buf_put(out, v->o.key, v->o.n);
	buf_puts(out, v->self && v->below ? "\"; dns.query; dotprefix; content:\"." : v->below ? "\"; dns.query; content:\"." : "\"; dns.query; content:\"");
	buf_put(out, v->o.key, v->o.n);
	buf_puts(out, "\"; nocase;");
	if (v->below)
		buf_puts(out, " endswith;");
	else
		buf_printf(out, " bsize:%u;", v->o.n);
	put_sid(l, out);
}

bool list_value_suricata(struct list *l, const struct list_value *v, struct buf *out)
{
	if (v->o.kind == OBS_DOMAIN) {
		put_name_rule(l, v, out);
		return true;
	}
	if (l->n_chunk[0]++)
		buf_putc(&l->chunk[0], ',');
	obs_format(&v->o, &l->chunk[0]);
	if (l->n_chunk[0] == GROUP)
		flush_addresses(l, out);
	return true;
}

void list_end_suricata(struct list *l, struct buf *out)
{
	flush_addresses(l, out);
	list_end_hash(l, out);
}

/* ---- Zeek ---- */

void list_begin_zeek(struct list *l, struct buf *out)
{
	list_begin_hash(l, out);
	buf_puts(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n");
}

static const char *zeek_type(uint8_t kind)
{
	switch (kind) {
	case OBS_IPV4:
	case OBS_IPV6:
		return "ADDR";
	case OBS_CIDR4:
	case OBS_CIDR6:
		return "SUBNET";
	case OBS_DOMAIN:
		return "DOMAIN";
	case OBS_URL:
		return "URL";
	case OBS_EMAIL:
		return "EMAIL";
	}
	return "FILE_HASH";
}

/* A domain there is that name alone; a URL stands without its scheme. */
bool list_value_zeek(struct list *l, const struct list_value *v, struct buf *out)
{
	struct buf text = { 0 };
	if (v->action == LIST_PASS || (v->o.kind == OBS_DOMAIN && !v->self))
		return false;
	obs_format(&v->o, &text);
	struct span value = buf_span(&text);
	if (v->o.kind == OBS_URL) {
		const uint8_t *at = memmem(value.p, value.n, "://", 3);
		value = span_from(value, at ? (size_t)(at - value.p) + 3 : 0);
	}
	buf_putspan(out, value);
	buf_release(&text);
	buf_printf(out, "\tIntel::%s\tsipar:%s\t%s ", zeek_type(v->o.kind), l->feed->name, v->action == LIST_CHALLENGE ? "challenge" : "block");
	list_put_reasons(v->reasons, " ", out);
	buf_putc(out, '\n');
	return true;
}
