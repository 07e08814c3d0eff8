/* From an entry of the ledger to its events.
 *
 * An import is read at its end: the entries of its lane from where it began are looked through for its pieces, and each is parsed as a fold
 * would (intake.h).  A piece that is being told stays open between two events, with its parser, for whoever comes for the next one; when there are
 * more readers at more places than can be kept open, a piece is parsed again from its start. */
#include <stdlib.h>

#include "base/clock.h"
#include "codec/json.h"
#include "gate/intake.h"
#include "gate/stream_parts.h"

void stream_piece_release(struct stream_piece *p)
{
	feed_parser_free(p->parser);
	buf_release(&p->body);
	entry_release(&p->entry);
	*p = (struct stream_piece){ 0 };
}

/* ---- text ---- */

static void put_text(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_string(out, span_str(value));
}

static void put_time(struct buf *out, const char *name, int64_t ms)
{
	char text[32];
	time_format(ms / 1000, text);
	text[19] = 0; /* without the Z */
	buf_printf(out, ",\"%s\":\"%s.%03dZ\"", name, text, (int)(ms % 1000));
}

/* What every event says: where, when and who. */
static void put_head(struct buf *out, const char *lane, uint64_t index, const struct entry *e)
{
	buf_printf(out, "{\"lane\":\"%s\",\"index\":%llu", lane, (unsigned long long)index);
	put_time(out, "time", e->time_ms);
	put_text(out, "party", e->party);
	if (e->source[0])
		put_text(out, "source", e->source);
}

/* Is it one JSON value, without what would break a line? */
static bool is_json_line(struct span body)
{
	struct json_reader r;
	json_init(&r, body, true);
	enum json_token t;
	while ((t = json_next(&r)) > JSON_ERROR)
		;
	return t == JSON_END && span_find(body, '\n') == body.n && span_find(body, '\r') == body.n;
}

/* ---- entries that speak for themselves ---- */

static const char *const names[ENTRY_KINDS] = {
	[ENTRY_SOURCE] = "source", [ENTRY_LANE] = "lane", [ENTRY_ENDED] = "import", [ENTRY_ERASED] = "erased", [ENTRY_PRUNED] = "pruned",
	[ENTRY_KEY] = "key", [ENTRY_DECISION] = "decision", [ENTRY_HITS] = "hits", [ENTRY_PARTY] = "party",
};

static enum err whole_body(struct stream *s, clearance clear, const struct entry *e, uint64_t *ret_next, struct buf *out, struct fault *f);

static enum err read_plain(struct stream *s, clearance clear, const char *lane, const struct entry *e, struct stream_block *b, struct fault *f)
{
	struct buf body = { 0 };
	uint64_t next = e->index + 1;
	enum err err = whole_body(s, clear, e, &next, &body, f);
	if (err && err != ERR_GONE) {
		buf_release(&body);
		return err;
	}
	b->name = e->kind < ENTRY_KINDS && names[e->kind] ? names[e->kind] : "entry";
	put_head(&b->text, lane, e->index, e);
	if (e->kind == ENTRY_ENDED)
		buf_printf(&b->text, ",\"first\":%llu,\"snapshot\":%s", (unsigned long long)e->import_index, e->flags & ENTRY_SNAPSHOT ? "true" : "false");
	if (e->kind >= ENTRY_KINDS || !names[e->kind])
		buf_printf(&b->text, ",\"kind\":%u", e->kind);
	buf_puts(&b->text, ",\"body\":");
	if (err == OK && is_json_line(buf_span(&body)))
		buf_putspan(&b->text, buf_span(&body));
	else
		buf_puts(&b->text, "null");
	buf_putc(&b->text, '}');
	buf_release(&body);
	b->next = (struct stream_place){ .index = next };
	return OK;
}

/* ---- bodies ---- */

struct parts {
	struct stream *s;
	clearance clear;
	struct buf *out;
	uint64_t next;
	bool more, gone;
};

static enum err add_part(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct parts *p = ctx;
	if (!p->more || !(e->flags & ENTRY_CONTINUES))
		return ERR_CANCELLED;
	enum err err = p->gone ? OK : ledger_body(p->s->ledger, p->clear, e->number, p->out, f);
	p->gone |= err == ERR_GONE;
	p->next = e->index + 1;
	p->more = e->flags & ENTRY_MORE;
	if (p->out->n > SUBMISSION_MAX)
		return fault_set(f, ERR_CORRUPT, "a body is larger than %d octets", SUBMISSION_MAX);
	return err == ERR_GONE ? OK : err;
}

/* The body of an entry and of those that it goes on in.  @return ERR_GONE: it is erased, or a part of it. */
static enum err whole_body(struct stream *s, clearance clear, const struct entry *e, uint64_t *ret_next, struct buf *out, struct fault *f)
{
	struct parts p = { .s = s, .clear = clear, .out = out, .next = e->index + 1, .more = e->flags & ENTRY_MORE };
	enum err err = ledger_body(s->ledger, clear, e->number, out, f);
	p.gone = err == ERR_GONE;
	if (p.more && (err == OK || p.gone)) {
		err = ledger_each_in(s->ledger, clear, e->lane, p.next, add_part, &p, f);
		err = err == ERR_CANCELLED ? OK : err;
	}
	*ret_next = p.next;
	return err ? err : p.gone ? ERR_GONE : OK;
}

/* ---- claims ---- */

static const char *const stances[] = {
	[STANCE_INDICATOR] = "indicator", [STANCE_SIGHTING] = "sighting", [STANCE_FALSE_POSITIVE] = "false-positive",
	[STANCE_RETRACTED] = "retracted", [STANCE_PROTECTED] = "protected", [STANCE_KNOWN] = "known", [STANCE_MET] = "met",
};

static void put_stance(struct buf *out, uint8_t stance)
{
	bool back = stance_takes_back(stance);
	put_text(out, "stance", back ? "retracted" : stance < COUNT_OF(stances) && stances[stance] ? stances[stance] : "unknown");
	if (back && stance != STANCE_RETRACTED)
		put_text(out, "of", stances[stance - STANCE_UNSAID]);
}

static void put_second(struct buf *out, const char *name, uint32_t s)
{
	char text[32];
	time_format(s, text);
	if (s)
		buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void put_claim(struct buf *out, const struct feed_claim *c, struct span id)
{
	struct buf value = { 0 };
	bool guards = c->stance == STANCE_PROTECTED || c->stance == STANCE_KNOWN;
	obs_format(&c->obs, &value);
	buf_printf(out, "{\"type\":\"%s\",\"value\":", obs_kind_name(c->obs.kind));
	json_put_string(out, buf_span(&value));
	put_stance(out, c->stance);
	if (!guards)
		put_text(out, "category", category_row(c->category)->name);
	if (!guards && c->confidence != CONFIDENCE_ABSENT)
		buf_printf(out, ",\"confidence\":%u", c->confidence);
	put_second(out, "seen", c->seen);
	put_second(out, "until", c->until);
	if (c->part)
		buf_puts(out, ",\"part\":true");
	if (c->exact_only)
		buf_puts(out, ",\"exact\":true");
	if (id.n) {
		buf_puts(out, ",\"id\":");
		json_put_string(out, id);
	}
	buf_putc(out, '}');
	buf_release(&value);
}

static void put_rule(struct buf *out, const struct feed_record *r)
{
	static const char *const rules[] = { [RULE_NONE] = "none", [RULE_STRING] = "string", [RULE_SUBSTRING] = "substring", [RULE_REGEX] = "regex" };
	buf_printf(out, "{\"type\":\"%s\",\"value\":", rules[r->rule]);
	json_put_string(out, r->rule_text);
	put_stance(out, r->rule_stance);
	buf_putc(out, '}');
}

/* One event being filled. */
struct filling {
	struct stream_piece *piece;
	uint64_t skip;      /* records that were told before */
	struct buf *out;    /* the claims, with commas between */
	bool retracts;      /* they are retractions; else none is */
};

static bool takes_back(const struct feed_record *r)
{
	return r->n_claims && stance_takes_back(r->claims[0].stance);
}

static bool fill(void *ctx, const struct feed_record *r)
{
	struct filling *g = ctx;
	if (r->fate != FATE_CLAIMS)
		return true;
	if (g->skip) {
		g->skip--;
		return true;
	}
	if (g->out->n && (g->out->n > STREAM_EVENT_OCTETS || takes_back(r) != g->retracts))
		return false;
	g->retracts = takes_back(r);
	if (r->rule != RULE_NONE) {
		buf_puts(g->out, g->out->n ? "," : "");
		put_rule(g->out, r);
	}
	for (unsigned i = 0; i < r->n_claims; i++) {
		buf_puts(g->out, g->out->n ? "," : "");
		put_claim(g->out, &r->claims[i], r->id);
	}
	g->piece->at.records++;
	return true;
}

/* Go on in an open piece: claims for one event into `claims`, none when it has no more. */
static void fill_from(struct stream_piece *p, uint64_t skip, struct buf *claims, bool *ret_retracts)
{
	struct filling g = { .piece = p, .skip = skip, .out = claims };
	struct fault ignored; /* the piece holds whole records only; that an array is still open behind them is no news */
	size_t used = 1;
	enum err e = OK;
	while (e == OK && used && p->parser) {
		e = feed_parse(p->parser, span_from(buf_span(&p->body), p->read), true, fill, &g, &used, &ignored);
		p->read += used;
		if (e != ERR_CANCELLED && (e || !used || p->read >= p->body.n)) {
			feed_parser_free(p->parser);
			p->parser = NULL;
		}
	}
	*ret_retracts = g.retracts;
}

/* ---- pieces ---- */

struct piece_search {
	uint64_t import, end;
	struct entry *found;
	bool is;
};

static void copy_entry(struct entry *to, const struct entry *from)
{
	struct buf token = to->token;
	token.n = 0;
	buf_putspan(&token, buf_span(&from->token));
	*to = *from;
	to->token = token;
}

static enum err find_piece(void *ctx, const struct entry *e, struct span none, struct fault *f)
{
	struct piece_search *g = ctx;
	if (e->index >= g->end)
		return ERR_CANCELLED;
	uint64_t import = e->import ? e->import : e->number;
	if (e->kind != ENTRY_FEED || import != g->import || e->flags & ENTRY_CONTINUES)
		return OK;
	copy_entry(g->found, e);
	g->is = true;
	return ERR_CANCELLED;
}

/* Open the next piece of the import that entry `end` ends, from the index p->at.piece on.  @return ERR_NOTFOUND: there is none. */
static enum err open_piece(struct stream *s, clearance clear, const struct entry *end, struct stream_piece *p, struct fault *f)
{
	struct piece_search g = { .import = end->import ? end->import : end->number, .end = end->index, .found = &p->entry };
	enum err e = ledger_each_in(s->ledger, clear, end->lane, p->at.piece, find_piece, &g, f);
	if (e && e != ERR_CANCELLED)
		return e;
	if (!g.is)
		return ERR_NOTFOUND;
	if (p->entry.index != p->at.piece)
		p->at.records = 0;
	p->at.piece = p->entry.index;
	p->read = p->body.n = 0;
	e = whole_body(s, clear, &p->entry, &p->next_piece, &p->body, f);
	const struct feed_format *format = feed_format_find(span_str(p->entry.media));
	if (e == OK && format && intake_resume(format, buf_span(&p->entry.token), &p->parser) != OK)
		p->parser = NULL;
	return e == ERR_GONE ? OK : e;
}

static bool same_place(const struct stream_place *a, const struct stream_place *b)
{
	return a->index == b->index && a->piece == b->piece && a->records == b->records;
}

/* Out of those that are open; the one at this place, or none. */
static bool take_open(struct stream *s, uint8_t lane, const struct stream_place *at, struct stream_piece *ret_piece)
{
	bool found = false;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < STREAM_OPEN && !found; i++) {
		struct stream_piece *p = &s->open[i];
		found = p->used && p->lane == lane && same_place(&p->at, at);
		if (found) {
			*ret_piece = *p;
			*p = (struct stream_piece){ 0 };
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void keep_open(struct stream *s, struct stream_piece *p, uint64_t forgotten)
{
	struct stream_piece old = { 0 };
	pthread_mutex_lock(&s->lock);
	if (s->forgotten != forgotten) {
		pthread_mutex_unlock(&s->lock);
		stream_piece_release(p);
		return;
	}
	struct stream_piece *place = &s->open[0];
	for (unsigned i = 0; i < STREAM_OPEN; i++) {
		if (!s->open[i].used || (place->used && s->open[i].touched < place->touched))
			place = &s->open[i];
	}
	old = *place;
	*place = *p;
	place->used = true;
	place->touched = ++s->clock;
	pthread_mutex_unlock(&s->lock);
	stream_piece_release(&old);
}

static void put_claims(const struct stream_piece *p, const char *lane, const struct entry *end, const struct buf *claims, bool retracts,
		       struct stream_block *b)
{
	b->name = retracts ? "retraction" : "claims";
	put_head(&b->text, lane, end->index, &p->entry);
	buf_printf(&b->text, ",\"entry\":%llu", (unsigned long long)p->entry.index);
	put_text(&b->text, "format", p->entry.media);
	buf_puts(&b->text, ",\"claims\":[");
	buf_putspan(&b->text, buf_span(claims));
	buf_puts(&b->text, "]}");
}

/* The claims that the import has from `from` on, as far as one event holds them.  @return ERR_NOTFOUND: it has no more. */
static enum err read_claims(struct stream *s, clearance clear, const char *lane, const struct entry *end, const struct stream_place *from,
			    struct stream_block *b, struct fault *f)
{
	struct stream_piece p = { 0 };
	struct buf claims = { 0 };
	bool retracts = false;
	uint64_t forgotten = stream_forgotten(s);
	enum err e = OK;
	if (!take_open(s, end->lane, from, &p)) {
		p.lane = end->lane;
		p.at = *from;
		if (!p.at.piece)
			p.at.piece = end->import_index;
		if ((e = open_piece(s, clear, end, &p, f)) == OK)
			fill_from(&p, p.at.records, &claims, &retracts);
	} else {
		fill_from(&p, 0, &claims, &retracts);
	}
	while (e == OK && !claims.n) { /* this one has no more */
		p.at.piece = p.next_piece;
		p.at.records = 0;
		feed_parser_free(p.parser);
		p.parser = NULL;
		if ((e = open_piece(s, clear, end, &p, f)) == OK)
			fill_from(&p, 0, &claims, &retracts);
	}
	if (e == OK) {
		put_claims(&p, lane, end, &claims, retracts, b);
		if (!p.parser)
			p.at = (struct stream_place){ .index = from->index, .piece = p.next_piece };
		b->next = p.at;
	}
	buf_release(&claims);
	if (e == OK && p.parser)
		keep_open(s, &p, forgotten);
	else
		stream_piece_release(&p);
	return e;
}

enum err stream_tell(struct stream *s, clearance clear, const char *lane, const struct entry *e, const struct stream_place *from,
		     struct stream_block **ret_block, struct fault *f)
{
	struct stream_block *b = mem_zalloc(sizeof(*b));
	*b = (struct stream_block){ .holders = 1, .lane = e->lane, .from = *from };
	enum err err = ERR_NOTFOUND;
	if (e->kind == ENTRY_ENDED)
		err = read_claims(s, clear, lane, e, from, b, f);
	if (err == ERR_NOTFOUND)
		err = read_plain(s, clear, lane, e, b, f);
	if (err) {
		buf_release(&b->text);
		free(b);
	} else {
		*ret_block = b;
	}
	return err;
}
