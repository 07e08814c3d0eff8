#include "gate/intake.h"

#include <stdlib.h>

#include "base/num.h"
#include "view/hits.h"
#include "sys/suffix.h"

/* "<stance>:<octets of column>:<column><parser token>" */
void intake_token(const struct feed_options *o, const struct feed_parser *p, struct buf *out)
{
	buf_printf(out, "%d:%zu:", (int)o->stance, o->column.n);
	buf_putspan(out, o->column);
	feed_parser_save(p, out);
}

static enum err take_number(struct span *s, uint64_t max, uint64_t *ret_n)
{
	size_t colon = span_find(*s, ':');
	enum err e = num_parse_u64(span_head(*s, colon), max, ret_n);
	*s = span_from(*s, colon + 1);
	return e;
}

enum err intake_resume(const struct feed_format *format, struct span token, struct feed_parser **ret_parser)
{
	uint64_t stance, n;
	if (take_number(&token, STANCE_KNOWN, &stance) || take_number(&token, token.n, &n) || n > token.n)
		return ERR_SYNTAX;
	struct feed_options o = { .stance = (enum stance)stance, .column = span_head(token, n) };
	struct feed_parser *p = feed_parser_new(format, &o);
	enum err e = feed_parser_load(p, span_from(token, n));
	if (e)
		feed_parser_free(p);
	else
		*ret_parser = p;
	return e;
}

void intake_release(struct intake *t)
{
	for (size_t i = 0; i < t->n_rules; i++)
		free(t->rules[i].text);
	free(t->rules);
	batch_free(t->batch);
	*t = (struct intake){ 0 };
}

static bool add_claim(struct intake *t, const struct feed_claim *fc, bool first)
{
	bool guards = fc->stance == STANCE_PROTECTED || fc->stance == STANCE_KNOWN;
	/* A list that has "com.pk" on it does not mean every company there; one that protects it may. */
	bool alone = fc->exact_only || (fc->obs.kind == OBS_DOMAIN && !guards && suffix_is_public(span_of(fc->obs.key, fc->obs.n)));
	t->guards |= guards;
	struct claim c = {
		.seen = fc->seen ? fc->seen : t->time_s,
		.until = fc->until,
		.source = t->source,
		.category = fc->category,
		.confidence = guards ? fc->kinds : fc->confidence,
		.stance = fc->stance,
		.flags = (uint8_t)((fc->part ? CLAIM_PART : 0) | (fc->obs.wildcard ? CLAIM_WILDCARD : 0) |
				   (alone ? CLAIM_EXACT : 0) | (first ? CLAIM_FIRST : 0)) & 15,
		.lane = t->lane,
	};
	struct table_key key = { .kind = fc->obs.kind, .prefix = fc->obs.prefix, .n = fc->obs.n, .p = fc->obs.key };
	t->error = batch_add(t->batch, &key, &c, &t->fault);
	return t->error == OK;
}

static bool add_rule(struct intake *t, const struct feed_record *r)
{
	if (t->n_rules == INTAKE_RULES_MAX) {
		t->error = fault_set(&t->fault, ERR_FULL, "more than %d text rules in one import", INTAKE_RULES_MAX);
		return false;
	}
	if ((t->n_rules & (t->n_rules - 1)) == 0)
		t->rules = mem_realloc(t->rules, (t->n_rules ? 2 * t->n_rules : 1) * sizeof(*t->rules));
	t->rules[t->n_rules++] = (struct pending_rule){
		.rule = r->rule, .kinds = r->rule_kinds, .stance = r->rule_stance,
		.text = mem_strndup(r->rule_text.p, r->rule_text.n), .n = r->rule_text.n,
	};
	return true;
}

bool intake_record(struct intake *t, const struct feed_record *r)
{
	if (r->rule != RULE_NONE && !add_rule(t, r))
		return false;
	for (unsigned i = 0; i < r->n_claims; i++)
		if (!add_claim(t, &r->claims[i], i == 0))
			return false;
	return true;
}

enum err intake_stamp(struct intake *t, uint64_t entry, uint64_t first)
{
	if (t->error)
		return t->error;
	if (entry > UINT32_MAX)
		return t->error = fault_set(&t->fault, ERR_FULL, "ledger entry %llu is beyond what the table can name",
					    (unsigned long long)entry);
	/* Of a very long import, late pieces seem to come from a later one: still before whatever follows it. */
	return t->error = batch_stamp(t->batch, (uint32_t)entry, intake_back(entry, first), &t->fault);
}

struct reading {
	struct intake *intake;
	bool rules_only;
};

static bool take_record(void *ctx, const struct feed_record *r)
{
	struct reading *g = ctx;
	struct feed_record record = *r;
	if (r->fate != FATE_CLAIMS)
		return true;
	if (g->rules_only)
		record.n_claims = 0;
	return intake_record(g->intake, &record);
}

/* A report that cannot be understood says nothing: so it is on every node.  Nothing was met after it was told. */
static void take_hits(struct intake *t, struct span body)
{
	uint8_t store[OBS_KEY_MAX];
	struct hits_report r;
	struct observable o;
	uint64_t n, of;
	if (hits_report_read(body, &r, NULL))
		return;
	uint64_t end_s = (uint64_t)r.from_s + r.seconds;
	while (t->error == OK && hits_next(&r.hits, store, &o, &n, &of)) {
		struct feed_claim c = { .obs = o, .stance = STANCE_MET, .category = CAT_UNKNOWN, .confidence = CONFIDENCE_ABSENT,
					.seen = end_s < t->time_s ? (uint32_t)end_s : t->time_s };
		if (o.kind != OBS_NONE)
			(void)add_claim(t, &c, false);
	}
}

static enum err end_piece(struct intake *t, const struct piece *p, struct fault *f)
{
	if (t->error == OK && !p->rules_only)
		(void)!intake_stamp(t, p->number, p->import);
	if (t->error && f)
		*f = t->fault;
	return t->error;
}

enum err intake_piece(struct intake *t, const struct piece *p, struct span body, struct fault *f)
{
	struct reading g = { .intake = t, .rules_only = p->rules_only };
	struct feed_parser *parser;
	struct fault ignored; /* the piece holds whole records only; that an array is still open behind them is no news */
	size_t used;
	t->source = p->source;
	t->lane = p->lane;
	t->time_s = (uint32_t)(p->time_ms / 1000);
	if (!p->format) {
		take_hits(t, body);
		return end_piece(t, p, f);
	}
	if (intake_resume(p->format, p->token, &parser))
		return fault_set(f, ERR_CORRUPT, "it has a parser state that cannot be read");
	(void)!feed_parse(parser, body, true, take_record, &g, &used, &ignored);
	feed_parser_free(parser);
	return end_piece(t, p, f);
}

enum err intake_rules(struct intake *t, struct rules *rules, uint16_t source, bool snapshot, uint64_t first, struct fault *f)
{
	if (snapshot)
		rules_replace(rules, source, first);
	for (size_t i = 0; i < t->n_rules; i++) {
		const struct pending_rule *p = &t->rules[i];
		enum err e = rules_add(rules, p->rule, span_of(p->text, p->n), p->kinds, p->stance, source, t->lane, first, f);
		if (e == ERR_FULL)
			return e;
	}
	return OK;
}
