#include "ledger/witness.h"

#include "base/base64.h"
#include "base/num.h"

typedef unsigned long long ull;

enum err witness_last(struct ledger *l, struct span origin, struct buf *note, struct checkpoint *ret_checkpoint, struct fault *f)
{
	struct note parsed;
	size_t before = note->n;
	enum err e = ledger_witnessed(l, origin, note, f);
	if (e == ERR_NOTFOUND) {
		*ret_checkpoint = (struct checkpoint){ .origin = origin };
		return OK;
	}
	if (e == OK && (e = note_parse(span_from(buf_span(note), before), &parsed, f)) == OK)
		e = checkpoint_parse(parsed.text, ret_checkpoint, f);
	return e == ERR_SYNTAX || e == ERR_RANGE ? fault_set(f, ERR_CORRUPT, "the checkpoint that was cosigned last cannot be read") : e;
}

/* "— name base64\n", as it stands in a note. */
static bool parse_line(struct span line, struct note *ret_note)
{
	struct buf whole = { 0 };
	buf_puts(&whole, "x\n\n");
	buf_putspan(&whole, line);
	bool good = note_parse(buf_span(&whole), ret_note, NULL) == OK && ret_note->n == 1;
	ret_note->line[0].name = good ? span_head(span_from(line, 4), ret_note->line[0].name.n) : span_of(NULL, 0);
	buf_release(&whole);
	return good;
}

enum err witness_add_line(struct span note, struct span line, struct buf *out, struct fault *f)
{
	struct note n, ours;
	enum err e = note_parse(note, &n, f);
	if (e)
		return e;
	if (!parse_line(line, &ours))
		return fault_set(f, ERR_SYNTAX, "it is not the line of a signature");
	buf_putspan(out, n.text);
	buf_putc(out, '\n');
	for (unsigned i = 0; i < n.n; i++)
		if (n.line[i].id != ours.line[0].id || !span_eq(n.line[i].name, ours.line[0].name))
			buf_printf(out, "\u2014 " SPAN_FMT " " SPAN_FMT "\n", SPAN_ARG(n.line[i].name), SPAN_ARG(n.line[i].octets));
	buf_putspan(out, line);
	return OK;
}

/* Nobody is his own witness. */
static bool is_own(struct ledger *l, struct span origin)
{
	struct span name = span_str(ledger_name(l));
	return span_starts(origin, name) && span_starts(span_from(origin, name.n), SPAN_LIT("/lanes/"));
}

static enum err check(const struct checkpoint *c, const struct checkpoint *last, uint64_t old_size, const struct merkle_proof *proof,
		      struct fault *f)
{
	if (old_size > c->size)
		return fault_set(f, ERR_RANGE, "the log has %llu entries, fewer than the %llu before", (ull)c->size, (ull)old_size);
	if (old_size != last->size)
		return fault_set(f, ERR_BUSY, "the checkpoint that was cosigned last has %llu entries, and not %llu", (ull)last->size, (ull)old_size);
	if (old_size == c->size && old_size && memcmp(c->root, last->root, HASH_OCTETS) != 0)
		return fault_set(f, ERR_BUSY, "forked: another log of %llu entries was cosigned", (ull)old_size);
	if (merkle_check_consistency(old_size, last->root, c->size, c->root, proof, f))
		return fault_set(f, ERR_CORRUPT, "forked, or the proof is wrong: the log of %llu entries is not shown to continue that of %llu",
				 (ull)c->size, (ull)old_size);
	return OK;
}

/* What is kept is the note with our line, so that a node can show what it has stood for. */
static enum err keep(struct ledger *l, struct span note, const struct checkpoint *c, uint64_t old_size, struct span line, struct fault *f)
{
	struct buf cosigned = { 0 };
	enum err e = witness_add_line(note, line, &cosigned, f);
	if (e == OK)
		e = ledger_witness(l, c->origin, old_size, c->size, buf_span(&cosigned), f);
	buf_release(&cosigned);
	return e;
}

enum err witness_cosign(struct ledger *l, struct span note, const struct checkpoint *c, uint64_t old_size,
			const struct merkle_proof *proof, uint64_t now_s, struct buf *line, uint64_t *ret_last, struct fault *f)
{
	struct buf last_note = { 0 };
	struct checkpoint last;
	struct note parsed;
	size_t before = line->n;
	if (is_own(l, c->origin))
		return fault_set(f, ERR_FORBIDDEN, "\"" SPAN_FMT "\" is a lane of this node itself", SPAN_ARG(span_head(c->origin, 200)));
	enum err e = witness_last(l, c->origin, &last_note, &last, f);
	if (e == OK && (e = check(c, &last, old_size, proof, f)) == ERR_BUSY)
		*ret_last = last.size;
	if (e == OK && (e = note_parse(note, &parsed, f)) == OK && (e = ledger_cosignature(l, parsed.text, now_s, line, f)) == OK &&
	    (e = keep(l, note, c, old_size, span_from(buf_span(line), before), f)) == ERR_BUSY) {
		last_note.n = 0;
		if (witness_last(l, c->origin, &last_note, &last, NULL) == OK)
			*ret_last = last.size;
	}
	if (e)
		line->n = before; /* nothing is signed for anybody that is not kept */
	buf_release(&last_note);
	return e;
}

static struct span take_line(struct span *rest)
{
	size_t end = span_find(*rest, '\n');
	struct span line = span_head(*rest, end);
	*rest = span_from(*rest, end + 1);
	return line;
}

static bool take_hash(struct span line, uint8_t ret_hash[HASH_OCTETS])
{
	struct buf octets = { 0 };
	bool good = base64_decode(line, &octets) == OK && octets.n == HASH_OCTETS;
	if (good)
		memcpy(ret_hash, octets.p, HASH_OCTETS);
	buf_release(&octets);
	return good;
}

enum err witness_request_parse(struct span body, struct witness_request *ret_request, struct fault *f)
{
	struct span old = take_line(&body), size = span_from(old, 4), line;
	struct witness_request *r = ret_request;
	*r = (struct witness_request){ 0 };
	if (!span_starts(old, SPAN_LIT("old ")) || (size.n > 1 && size.p[0] == '0') || num_parse_u64(size, INT64_MAX, &r->old_size))
		return fault_set(f, ERR_SYNTAX, "line 1: it is not \"old\" and the size of a log");
	while ((line = take_line(&body)).n) {
		if (r->proof.n == MERKLE_PROOF_MAX)
			return fault_set(f, ERR_RANGE, "the proof has more than %d hashes", MERKLE_PROOF_MAX);
		if (!take_hash(line, r->proof.hash[r->proof.n]))
			return fault_set(f, ERR_SYNTAX, "line %u: it is not a hash of 32 octets in base64", r->proof.n + 2);
		r->proof.n++;
	}
	if (!body.n)
		return fault_set(f, ERR_SYNTAX, "there is no checkpoint behind a blank line");
	r->note = body;
	return OK;
}
