/* The table of forms, and those for programs: text, CSV and JSON. */
#include "gate/list_parts.h"

#include "base/clock.h"
#include "codec/json.h"
#include "view/protect.h"

const struct list_format list_formats[] = {
	{ "txt", "text/plain; charset=utf-8", "a value a line; a name below which all is meant, too, has a second line \"*.name\"", KINDS_ALL, false, true,
	  list_begin_txt, list_value_txt, list_end_hash },
	{ "csv", "text/csv; charset=utf-8", "value, kind, scope, action, reasons", KINDS_ALL, true, false, list_begin_csv, list_value_csv, list_end_hash },
	{ "json", "application/json", "one object", KINDS_ALL, true, true, list_begin_json, list_value_json, list_end_json },
	{ "nft", "text/plain; charset=utf-8", "four sets of table inet sipar, for nft -f", KINDS_IP, false, false, list_begin_nft, list_value_nft,
	  list_end_nft },
	{ "ipset", "text/plain; charset=utf-8", "four sets, for ipset restore", KINDS_IP, false, false, list_begin_ipset, list_value_ipset,
	  list_end_ipset },
	{ "rsc", "text/plain; charset=utf-8", "an address list of MikroTik RouterOS, for import", KINDS_IP, false, false, list_begin_rsc, list_value_rsc,
	  list_end_rsc },
	{ "hosts", "text/plain; charset=utf-8", "lines of /etc/hosts", KINDS_DOMAIN, false, false, list_begin_hash, list_value_hosts, list_end_hash },
	{ "adblock", "text/plain; charset=utf-8", "rules of uBlock Origin, AdGuard and Pi-hole", KINDS_DOMAIN | KINDS_URL, false, false,
	  list_begin_adblock, list_value_adblock, list_end_adblock },
	{ "rpz", "text/dns; charset=utf-8", "a response policy zone as a file (RFC 4027)", KINDS_DOMAIN | KINDS_IP, true, false, list_begin_rpz,
	  list_value_rpz, list_end_rpz },
	{ "suricata", "text/plain; charset=utf-8", "rules of Suricata", KINDS_DOMAIN | KINDS_IP, false, false, list_begin_hash, list_value_suricata,
	  list_end_suricata },
	{ "zeek", "text/tab-separated-values; charset=utf-8", "a file of Zeek's intelligence framework", KINDS_ALL, true, false, list_begin_zeek,
	  list_value_zeek, list_end_hash },
	{ NULL },
};

const struct list_format *list_format_find(struct span ending)
{
	for (const struct list_format *f = list_formats; f->ending; f++)
		if (span_is(ending, f->ending))
			return f;
	return NULL;
}

void list_release(struct list *l)
{
	prefixes_release(&l->prefixes);
	buf_release(&l->chunk[0]);
	buf_release(&l->chunk[1]);
}

/* ---- from items to values ---- */

static void set_action(struct list_value *v, force is)
{
	v->action = is & FORCE_PROTECT ? LIST_PASS : is & REASONS_ALL ? LIST_BLOCK : LIST_CHALLENGE;
	v->reasons = v->action == LIST_BLOCK ? is & REASONS_ALL : v->action == LIST_CHALLENGE ? is >> FORCE_CHALLENGES & REASONS_ALL : 0;
}

unsigned list_values(const struct table_key *k, struct force_pair is, struct list_value ret_values[2])
{
	const struct observable o = { .kind = k->kind, .prefix = k->prefix, .n = k->n, .key = k->p };
	unsigned n = 0;
	if (is.self) {
		ret_values[n] = (struct list_value){ .o = o, .self = true, .below = o.kind == OBS_DOMAIN && is.below == is.self };
		set_action(&ret_values[n++], is.self);
	}
	if (o.kind == OBS_DOMAIN && is.below && is.below != is.self) {
		ret_values[n] = (struct list_value){ .o = o, .below = true };
		set_action(&ret_values[n++], is.below);
	}
	return n;
}

static bool can_say(const struct list *l, const struct list_value *v)
{
	return protect_kinds(v->o.kind) & l->format->kinds && (l->format->tells_action || v->action == LIST_BLOCK);
}

/* ---- writing ---- */

void list_begin(struct list *l, struct buf *out)
{
	l->format->begin(l, out);
}

/* What the list says of a key, in one: the name, those below it. */
static struct list_value told(const struct list *l, const struct table_key *k, struct force_pair is)
{
	struct list_value v[2], all = { .o = { .kind = k->kind, .prefix = k->prefix, .n = k->n, .key = k->p } };
	unsigned n = list_values(k, is, v);
	for (unsigned i = 0; i < n; i++)
		if (can_say(l, &v[i])) {
			all.self |= v[i].self;
			all.below |= v[i].below;
		}
	return all;
}

void list_gone(struct list *l, const struct feed_item *item, struct buf *out)
{
	struct list_value gone = told(l, &item->key, (struct force_pair){ item->was_self, item->was_below }), is = told(l, &item->key, (struct force_pair){ item->self, item->below });
	gone.self &= !is.self;
	gone.below &= !is.below;
	gone.gone = true;
	if (gone.self || gone.below)
		l->format->value(l, &gone, out);
}

void list_put(struct list *l, const struct feed_item *item, struct buf *out)
{
	struct list_value v[2];
	unsigned n = list_values(&item->key, (struct force_pair){ item->self, item->below }, v);
	bool whole = true;
	for (unsigned i = 0; i < n; i++)
		whole = can_say(l, &v[i]) && l->format->value(l, &v[i], out) && whole;
	if (n) {
		l->n += whole;
		l->left_out += !whole;
	}
}

void list_end(struct list *l, struct buf *out)
{
	l->format->end(l, out);
}

/* ---- shared ---- */

void list_put_about(const struct list *l, struct buf *out)
{
	char when[32];
	buf_printf(out, "feed %s, serial %llu", l->feed->name, (unsigned long long)l->serial);
	if (l->time_ms) {
		time_format(l->time_ms / 1000, when);
		buf_printf(out, ", %s", when);
	}
}

void list_put_next(const struct list *l, struct buf *out)
{
	buf_printf(out, "%llu-%08x", (unsigned long long)l->serial, feed_epoch(l->feed));
}

void list_put_end(const struct list *l, struct buf *out)
{
	buf_printf(out, "end: %llu values", (unsigned long long)l->n);
	if (l->left_out)
		buf_printf(out, "; %llu are not here, whole or in part: .%s cannot say them", (unsigned long long)l->left_out, l->format->ending);
	if (l->beyond)
		buf_printf(out, "; %llu more are behind the cap of the feed", (unsigned long long)l->beyond);
	buf_putc(out, '\n');
}

void list_put_reasons(uint32_t reasons, const char *between, struct buf *out)
{
	const char *first = "";
	for (unsigned r = 0; r < REASONS; r++)
		if (reasons >> r & 1) {
			buf_printf(out, "%s%s", first, reason_row((enum reason)r)->name);
			first = between;
		}
}

void list_begin_hash(struct list *l, struct buf *out)
{
	buf_puts(out, "# ");
	list_put_about(l, out);
	buf_putc(out, '\n');
}

void list_end_hash(struct list *l, struct buf *out)
{
	buf_puts(out, "# ");
	list_put_end(l, out);
}

/* ---- text ---- */

void list_begin_txt(struct list *l, struct buf *out)
{
	list_begin_hash(l, out);
	if (l->asked_since && l->complete)
		buf_printf(out, "# complete: what changed since %llu is not known any more; forget all that is not here\n", (unsigned long long)l->since);
	else if (l->asked_since)
		buf_printf(out, "# changes since %llu\n", (unsigned long long)l->since);
	buf_puts(out, "# next ");
	list_put_next(l, out);
	buf_putc(out, '\n');
}

bool list_value_txt(struct list *l, const struct list_value *v, struct buf *out)
{
	const char *sign = !l->asked_since ? "" : v->gone ? "- " : "+ ";
	struct observable o = v->o;
	for (unsigned i = 0; i < 2; i++) {
		if (!(i ? v->below : v->self))
			continue;
		o.wildcard = i;
		buf_puts(out, sign);
		obs_format(&o, out);
		buf_putc(out, '\n');
	}
	return true;
}

/* ---- CSV (RFC 4180) ---- */

static const char *scope_of(const struct list_value *v)
{
	return v->o.kind != OBS_DOMAIN ? "" : v->self && v->below ? "both" : v->self ? "name" : "below";
}

static const char *action_of(const struct list_value *v)
{
	static const char *const names[] = { [LIST_BLOCK] = "block", [LIST_CHALLENGE] = "challenge", [LIST_PASS] = "pass" };
	return names[v->action];
}

void list_begin_csv(struct list *l, struct buf *out)
{
	list_begin_hash(l, out);
	buf_puts(out, "value,kind,scope,action,reasons\n");
}

bool list_value_csv(struct list *l, const struct list_value *v, struct buf *out)
{
	struct buf text = { 0 };
	obs_format(&v->o, &text);
	bool quoted = memchr(text.p, ',', text.n) || memchr(text.p, '"', text.n);
	if (quoted)
		buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, text.p[i]);
	}
	if (quoted)
		buf_putc(out, '"');
	buf_release(&text);
	buf_printf(out, ",%s,%s,%s,", obs_kind_name(v->o.kind), scope_of(v), action_of(v));
	list_put_reasons(v->reasons, " ", out);
	buf_putc(out, '\n');
	return true;
}

/* ---- JSON ---- */

void list_begin_json(struct list *l, struct buf *out)
{
	char when[32];
	time_format(l->time_ms / 1000, when);
	buf_printf(out, "{\"feed\":\"%s\",\"serial\":%llu,\"time\":", l->feed->name, (unsigned long long)l->serial);
	buf_printf(out, l->time_ms ? "\"%s\"" : "null", when);
	buf_puts(out, ",\"next\":\"");
	list_put_next(l, out);
	buf_putc(out, '"');
	if (l->asked_since)
		buf_printf(out, ",\"since\":%llu", (unsigned long long)l->since);
	buf_printf(out, ",\"complete\":%s,\"removed\":[", l->complete ? "true" : "false");
}

static void begin_values(struct list *l, struct buf *out)
{
	if (!l->values_begun)
		buf_puts(out, "],\"values\":[");
	if (!l->values_begun)
		l->n_written = 0;
	l->values_begun = true;
}

bool list_value_json(struct list *l, const struct list_value *v, struct buf *out)
{
	struct buf text = { 0 };
	if (!v->gone)
		begin_values(l, out);
	buf_puts(out, l->n_written ? ",\n{\"value\":" : "\n{\"value\":");
	l->n_written = 1;
	obs_format(&v->o, &text);
	json_put_string(out, buf_span(&text));
	buf_release(&text);
	buf_printf(out, ",\"kind\":\"%s\"", obs_kind_name(v->o.kind));
	if (v->o.kind == OBS_DOMAIN)
		buf_printf(out, ",\"scope\":\"%s\"", scope_of(v));
	if (!v->gone) {
		buf_printf(out, ",\"action\":\"%s\",\"reasons\":[\"", action_of(v));
		list_put_reasons(v->reasons, "\",\"", out);
		buf_puts(out, "\"]");
		if (!v->reasons)
			out->n -= 3, buf_putc(out, ']');
	}
	buf_putc(out, '}');
	return true;
}

void list_end_json(struct list *l, struct buf *out)
{
	begin_values(l, out);
	buf_printf(out, "],\"count\":%llu", (unsigned long long)l->n);
	if (l->beyond)
		buf_printf(out, ",\"beyond\":%llu", (unsigned long long)l->beyond);
	buf_puts(out, "}\n");
}
