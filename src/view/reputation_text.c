/* The sum for people: a line each claim, what it adds on the left, so that the column adds up; then how the sum becomes
 * the score. */
#include "base/clock.h"
#include "codec/tlp.h"
#include "view/reputation.h"

enum { COLUMN_MAX = 48, DAY_S = 86400 };

/* Nothing in a value may speak to the terminal. */
static void put_plain(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_putc(out, s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
}

static void put_observable(struct buf *out, const struct observable *o)
{
	struct buf text = { 0 };
	obs_format(o, &text);
	put_plain(out, buf_span(&text));
	buf_release(&text);
}

/* "+12.345", exactly. */
static void put_db(struct buf *out, int32_t mdb)
{
	unsigned n = mdb < 0 ? 0U - (unsigned)mdb : (unsigned)mdb;
	buf_printf(out, "%c%u.%03u", mdb < 0 ? '-' : '+', n / 1000, n % 1000);
}

/* Fill up to `width` from where the column began; at least one blank. */
static void pad(struct buf *out, size_t began, size_t width)
{
	do
		buf_putc(out, ' ');
	while (out->n < began + width + 1);
}

static const char *what(const struct score_line *l)
{
	if (l->claim.stance == STANCE_INDICATOR || l->claim.stance == STANCE_SIGHTING)
		return category_row(l->category)->name;
	return score_line_stance(l->claim.stance);
}

static void put_date(struct buf *out, const char *before, uint32_t unix_s)
{
	char text[32];
	time_format(unix_s, text);
	buf_printf(out, "%s%.10s", before, text);
}

/* "..., says bank/ali on 2026-11-26: ours" */
static void put_retraction(const struct score_line *l, struct ledger *ledger, struct buf *out)
{
	struct retraction r;
	if (reputation_retraction(l, ledger, &r)) {
		buf_puts(out, ", says ");
		put_plain(out, buf_span(&r.by));
		put_date(out, " on ", (uint32_t)r.time_s);
		buf_puts(out, r.why.n ? ": " : "");
		put_plain(out, buf_span(&r.why));
	}
	retraction_release(&r);
}

/* Why the line adds nothing. */
static void put_fate(const struct score_line *l, struct buf *out)
{
	switch (l->fate) {
	case LINE_GROUP:
		buf_printf(out, "  not added: group %s counts once (alone ", l->source->group);
		put_db(out, l->mdb);
		buf_puts(out, " dB)");
		break;
	case LINE_REPLACED:
		buf_puts(out, "  not added: its source's later snapshot no longer has it");
		break;
	case LINE_EXPIRED:
		put_date(out, "  not added: expired ", l->claim.until);
		break;
	case LINE_DISTRUSTED:
		buf_printf(out, "  not added: source %s", l->source->removed ? "removed" : "distrusted");
		break;
	case LINE_PART:
		buf_puts(out, "  not added: only part of a pattern");
		break;
	case LINE_KNOWN:
		buf_puts(out, "  says what it is");
		break;
	case LINE_PROTECTS:
		buf_puts(out, "  protects it");
		break;
	case LINE_RETRACTED:
		buf_puts(out, "  not added: its source took it back");
		break;
	case LINE_RETRACTS:
		buf_puts(out, "  takes back what the source said before");
		break;
	case LINE_HOST:
		buf_puts(out, "  not added: the host is protected or known");
		break;
	case LINE_MET:
		buf_puts(out, "  was met: what is said of it counts as of then");
		break;
	case LINE_COUNTS:
	case LINE_FATES:
		break;
	}
}

struct widths { size_t source, what, key; };

static void widen(size_t *width, size_t n)
{
	if (n > *width)
		*width = n < COLUMN_MAX ? n : COLUMN_MAX;
}

static struct widths measure(const struct score_line *lines, unsigned n)
{
	struct widths w = { 0 };
	struct buf text = { 0 };
	for (unsigned i = 0; i < n; i++) {
		struct observable key = score_line_key(&lines[i]);
		text.n = 0;
		obs_format(&key, &text);
		widen(&w.key, text.n);
		widen(&w.source, strlen(lines[i].source->name));
		widen(&w.what, strlen(what(&lines[i])));
	}
	buf_release(&text);
	return w;
}

static void put_line(const struct score_line *l, const struct meaning *m, struct ledger *ledger, uint8_t asked,
		     const struct widths *w, struct buf *out)
{
	struct observable key = score_line_key(l);
	size_t began = out->n;
	buf_puts(out, "  ");
	if (l->fate == LINE_COUNTS) {
		struct buf db = { 0 };
		put_db(&db, l->mdb);
		buf_printf(out, "%8.*s dB", (int)db.n, (const char *)db.p);
		buf_release(&db);
	}
	pad(out, began, 14);
	began = out->n;
	buf_puts(out, l->source->name);
	pad(out, began, w->source);
	began = out->n;
	buf_puts(out, what(l));
	pad(out, began, w->what);
	began = out->n;
	put_observable(out, &key);
	pad(out, began, w->key);
	buf_printf(out, "%-6s", score_line_match(l, asked));
	put_date(out, l->met ? " met  " : " seen ", l->met ? l->met : l->claim.seen);
	buf_printf(out, "%5u d  confidence %3u  decay %4u/1024  weight %2u  entry ", l->age_s / DAY_S, l->confidence,
		   l->decay_1024, l->source->weight_db);
	reputation_put_entry(l, m, ledger, out);
	if (m->audiences)
		buf_printf(out, "  lane %s (%s)", m->audiences->lane[l->claim.lane & 63].name,
			   tlp_name(m->audiences->lane[l->claim.lane & 63].tlp));
	put_fate(l, out);
	if (l->fate == LINE_RETRACTS)
		put_retraction(l, ledger, out);
	buf_putc(out, '\n');
}

static void put_score(const struct reputation *r, struct buf *out)
{
	const struct verdict *v = &r->verdict;
	struct buf db = { 0 };
	put_db(&db, v->mdb);
	buf_printf(out, "  -----------\n  %8.*s dB  sum of %u independent group%s of %u source%s\n", (int)db.n,
		   (const char *)db.p, v->n_groups, v->n_groups == 1 ? "" : "s", v->n_sources,
		   v->n_sources == 1 ? "" : "s");
	if (r->protected_by) {
		buf_puts(out, "score 0: protected by ");
		put_plain(out, span_str(r->protected_by));
		if (r->rule) {
			buf_puts(out, ", rule ");
			put_plain(out, span_str(r->rule));
		}
		buf_putc(out, '\n');
	} else if (v->mdb <= 0) {
		buf_puts(out, "score 0: the sum is not above 0\n");
	} else {
		buf_printf(out, "score 100 / (1 + 10^((%d - %.*s) / 10)) = %u\n", SCORE_PRIOR_MDB / 1000, (int)db.n - 1,
			   (const char *)db.p + 1, v->score);
	}
	buf_release(&db);
}

void reputation_why_text(const struct reputation *r, const struct observable *o, const struct meaning *m, struct ledger *l,
			 const struct score_line *lines, unsigned n, uint32_t now_s, struct buf *out)
{
	const struct verdict *v = &r->verdict;
	char as_of[32];
	time_format(now_s, as_of);
	put_observable(out, o);
	buf_printf(out, " (%s): %s, score %u, as of %s\n", obs_kind_name(o->kind), v->listed ? "listed" : "not listed",
		   v->score, as_of);
	struct widths w = measure(lines, n);
	for (unsigned i = 0; i < n; i++)
		put_line(&lines[i], m, l, o->kind, &w, out);
	if (v->n_claims > n)
		buf_printf(out, "  (%u more claims, all weaker)\n", v->n_claims - n);
	if (v->n_claims == 0)
		buf_puts(out, "  nothing is said about it\n");
	put_score(r, out);
}
