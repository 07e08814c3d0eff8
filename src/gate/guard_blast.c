#include "codec/category.h"
#include "codec/json.h"
#include "gate/guard_parts.h"

/* Of a larger table names and IPv6 are not counted: that would take longer than to decide. */
enum { COUNTED_KEYS_MAX = 2000000 };

/* What is gathered; the texts are the reasons, a NUL behind each. */
struct blast {
	const struct observable *o;
	struct reputation reputation;
	uint64_t below;      /* keys of the table in it */
	bool counted;
	unsigned bits;       /* of an address range: 2^bits addresses; of others 0 */
	bool cgnat;
	unsigned n_lists, n_reasons;
	struct buf reasons;
};

static void note(void *ctx, enum guard_part part, struct span clause)
{
	struct blast *b = ctx;
	b->n_lists += part == GUARD_LIST;
	b->n_reasons++;
	buf_puts(&b->reasons, guard_part_name(part));
	buf_putc(&b->reasons, 0);
	buf_putspan(&b->reasons, clause);
	buf_putc(&b->reasons, 0);
}

static bool next_text(struct span *rest, struct span *ret_text)
{
	if (!rest->n)
		return false;
	*ret_text = span_head(*rest, span_find(*rest, 0));
	*rest = span_from(*rest, ret_text->n + 1);
	return true;
}

static const char *power(unsigned bits, char text[32])
{
	if (bits < 64)
		snprintf(text, 32, "%llu", 1ULL << bits);
	else
		snprintf(text, 32, "2^%u", bits);
	return text;
}

static void put_sources(const struct blast *b, const struct meaning *m, bool json, struct buf *out)
{
	const struct verdict *v = &b->reputation.verdict;
	for (unsigned i = 0; i < v->n_sources && i < COUNT_OF(v->sources); i++) {
		buf_puts(out, json ? i ? ",\"" : "\"" : i ? ", " : " by ");
		buf_puts(out, source_get(m->sources, v->sources[i])->name);
		buf_puts(out, json ? "\"" : "");
	}
}

static void put_json(const struct blast *b, const struct meaning *m, struct buf *out)
{
	struct buf value = { 0 };
	struct span rest = buf_span(&b->reasons), part, clause;
	char addresses[32];
	obs_format(b->o, &value);
	buf_puts(out, "{\"value\":");
	json_put_string(out, buf_span(&value));
	buf_printf(out, ",\"kind\":\"%s\"", obs_kind_name(b->o->kind));
	if (b->o->kind <= OBS_CIDR6) /* a number while it is exact in every reader */
		buf_printf(out, b->bits < 53 ? ",\"addresses\":%s" : ",\"addresses\":\"%s\"", power(b->bits, addresses));
	buf_puts(out, ",\"known_below\":");
	if (b->counted)
		buf_putu(out, b->below);
	else
		buf_puts(out, "null");
	buf_printf(out, ",\"score\":%u,\"sources\":[", b->reputation.verdict.score);
	put_sources(b, m, true, out);
	buf_printf(out, "],\"cgnat\":%s,\"lists\":%u,\"protected\":[", b->cgnat ? "true" : "false", b->n_lists);
	for (unsigned i = 0; next_text(&rest, &part) && next_text(&rest, &clause); i++) {
		buf_printf(out, "%s{\"by\":\"" SPAN_FMT "\",\"why\":", i ? "," : "", SPAN_ARG(part));
		json_put_string(out, clause);
		buf_putc(out, '}');
	}
	buf_puts(out, "]}");
	buf_release(&value);
}

static void put_text(const struct blast *b, const struct meaning *m, struct buf *out)
{
	struct span rest = buf_span(&b->reasons), part, clause;
	char addresses[32];
	buf_puts(out, "  ");
	obs_format(b->o, out);
	buf_puts(out, ": ");
	if (b->bits)
		buf_printf(out, "%s addresses, ", power(b->bits, addresses));
	if (b->counted && (b->bits || b->o->kind == OBS_DOMAIN))
		buf_printf(out, "%llu known %s, ", (unsigned long long)b->below, b->bits ? "in it" : "below it");
	buf_printf(out, "score %u", b->reputation.verdict.score);
	if (m)
		put_sources(b, m, false, out);
	buf_putc(out, '\n');
	if (b->cgnat)
		buf_puts(out, "  many subscribers share these addresses (cgnat in sipar.conf)\n");
	while (next_text(&rest, &part) && next_text(&rest, &clause))
		buf_printf(out, "  protected (" SPAN_FMT "): " SPAN_FMT "\n", SPAN_ARG(part), SPAN_ARG(clause));
}

static unsigned address_bits(const struct observable *o)
{
	return o->kind == OBS_CIDR4 || o->kind == OBS_CIDR6 ? o->n * 8U - o->prefix : 0;
}

void guard_blast(struct guard *g, const struct observable *o, uint32_t now_s, enum guard_form form, struct buf *out)
{
	struct blast b = { .o = o, .bits = address_bits(o), .cgnat = guard_cgnat(g, o) };
	struct table_key k = { .kind = o->kind, .prefix = o->prefix, .n = o->n, .p = o->key };
	guard_each(g, o, note, &b);
	const struct table_view *v = table_enter(g->table);
	struct table_stats stats;
	table_stats(v, &stats);
	b.counted = form != GUARD_BRIEF && (o->kind <= OBS_CIDR4 || stats.keys <= COUNTED_KEYS_MAX);
	b.below = b.counted ? table_under(v, &k) : 0;
	reputation_of(v, o, CLEARANCE_ALL, now_s, &b.reputation, NULL, NULL);
	(form == GUARD_TEXT ? put_text : put_json)(&b, v->context, out);
	table_leave(g->table);
	buf_release(&b.reasons);
}
