/* The answer as JSON.  docs/scoring.md says what each member is; tests/score_eval.py computes it again from them. */
#include "base/clock.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "view/reputation.h"

static void put_key(struct buf *out, const char *key)
{
	buf_putc(out, '"');
	buf_puts(out, key);
	buf_puts(out, "\":");
}

static void put_text(struct buf *out, const char *key, const char *value)
{
	put_key(out, key);
	json_put_string(out, span_str(value));
}

static void put_observable(struct buf *out, const char *key, const struct observable *o)
{
	put_key(out, key);
	if (o->kind == OBS_URL || o->kind == OBS_EMAIL) { /* their key is their text */
		json_put_string(out, span_of(o->key, o->n));
		return;
	}
	buf_putc(out, '"');
	obs_format(o, out);
	buf_putc(out, '"');
}

static void put_categories(struct buf *out, const struct verdict *v)
{
	const char *between = "";
	buf_puts(out, "\"categories\":[");
	for (unsigned i = 0; i <= CAT_COUNT; i++) { /* the strongest, then the others by number */
		unsigned c = i == 0 ? v->category : i - 1;
		if (!(v->categories >> c & 1) || (i > 0 && c == v->category))
			continue;
		buf_puts(out, between);
		json_put_string(out, span_str(category_row(c)->name));
		between = ",";
	}
	buf_putc(out, ']');
}

static void put_sources(struct buf *out, const struct verdict *v, const struct meaning *m)
{
	buf_puts(out, "\"sources\":[");
	for (unsigned i = 0; i < v->n_sources && i < COUNT_OF(v->sources); i++) {
		buf_puts(out, i ? "," : "");
		json_put_string(out, span_str(source_get(m->sources, v->sources[i])->name));
	}
	buf_putc(out, ']');
}

/* The members that both forms have, without the braces. */
static void put_answer(const struct reputation *r, const struct observable *o, const struct meaning *m, struct buf *out)
{
	const struct verdict *v = &r->verdict;
	put_observable(out, "value", o);
	buf_putc(out, ',');
	put_text(out, "kind", obs_kind_name(o->kind));
	buf_puts(out, v->listed ? ",\"listed\":true,\"score\":" : ",\"listed\":false,\"score\":");
	buf_putu(out, v->score);
	buf_putc(out, ',');
	put_categories(out, v);
	buf_putc(out, ',');
	put_sources(out, v, m);
	if (r->protected_by) {
		buf_putc(out, ',');
		put_text(out, "protected_by", r->protected_by);
	}
	uint8_t tlp = reputation_audience(r, m);
	if (UNLIKELY(tlp > TLP_CLEAR)) {
		buf_putc(out, ',');
		put_text(out, "tlp", tlp_name(tlp));
	}
}

void reputation_json(const struct reputation *r, const struct observable *o, const struct meaning *m, struct buf *out)
{
	buf_putc(out, '{');
	put_answer(r, o, m, out);
	buf_putc(out, '}');
}

static void put_lane(const struct meaning *m, uint8_t lane, struct buf *out)
{
	if (m->audiences)
		put_text(out, "lane", m->audiences->lane[lane & 63].name);
	else
		buf_printf(out, "\"lane\":\"%u\"", lane);
}

static void put_retraction(const struct score_line *l, struct ledger *ledger, struct buf *out)
{
	struct retraction r;
	char when[32];
	if (reputation_retraction(l, ledger, &r)) {
		time_format(r.time_s, when);
		buf_printf(out, ",\"retraction\":{\"at\":\"%s\",\"by\":", when);
		json_put_string(out, buf_span(&r.by));
		if (r.why.n) {
			buf_puts(out, ",\"why\":");
			json_put_string(out, buf_span(&r.why));
		}
		buf_putc(out, '}');
	}
	retraction_release(&r);
}

static void put_line(const struct score_line *l, const struct meaning *m, struct ledger *ledger, uint8_t asked, struct buf *out)
{
	const struct claim *c = &l->claim;
	struct observable key = score_line_key(l);
	buf_putc(out, '{');
	put_text(out, "source", l->source->name);
	buf_putc(out, ',');
	put_text(out, "group", l->source->group);
	buf_printf(out, ",\"weight_db\":%u,", l->source->weight_db);
	put_lane(m, c->lane, out);
	buf_printf(out, ",\"stance\":\"%s\",", score_line_stance(c->stance));
	put_text(out, "category", category_row(l->category)->name);
	buf_printf(out,
		   ",\"confidence\":%u,\"seen\":%u,\"age_s\":%u,\"lifetime_d\":%u,\"speed_x10\":%u,\"decay_1024\":%u,"
		   "\"mdb\":%d",
		   l->confidence, c->seen, l->age_s, l->lifetime_d, l->speed_x10, l->decay_1024, l->mdb);
	buf_printf(out, ",\"counts\":%s,\"fate\":\"%s\",", l->fate == LINE_COUNTS ? "true" : "false",
		   score_line_fate(l->fate));
	put_observable(out, "key", &key);
	buf_printf(out, ",\"match\":\"%s\",\"entry\":\"", score_line_match(l, asked));
	reputation_put_entry(l, m, ledger, out);
	buf_printf(out, "\",\"until\":%u", c->until);
	if (l->met)
		buf_printf(out, ",\"met\":%u", l->met);
	if (l->fate == LINE_RETRACTS)
		put_retraction(l, ledger, out);
	buf_putc(out, '}');
}

void reputation_why_json(const struct reputation *r, const struct observable *o, const struct meaning *m, struct ledger *l,
			 const struct score_line *lines, unsigned n, uint32_t now_s, struct buf *out)
{
	const struct verdict *v = &r->verdict;
	char as_of[32];
	time_format(now_s, as_of);
	buf_putc(out, '{');
	put_answer(r, o, m, out);
	if (r->rule) {
		buf_putc(out, ',');
		put_text(out, "rule", r->rule);
	}
	buf_printf(
		out,
		",\"as_of\":\"%s\",\"now\":%u,\"prior_mdb\":%d,\"sum_mdb\":%d,\"groups\":%u,\"claims\":%u,\"lines\":[",
		as_of, now_s, SCORE_PRIOR_MDB, v->mdb, v->n_groups, v->n_claims);
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, i ? "," : "");
		put_line(&lines[i], m, l, o->kind, out);
	}
	buf_puts(out, "]}");
}
