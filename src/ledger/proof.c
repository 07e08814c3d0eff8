#include "ledger/proof.h"

#include "base/base64.h"
#include "base/num.h"

#define FIRST_LINE "c2sp.org/tlog-proof@v1"

enum { NONCE = 32 };

void proof_release(struct proof *p)
{
	buf_release(&p->extra);
	*p = (struct proof){ 0 };
}

void proof_put(const struct proof *p, struct buf *out)
{
	buf_puts(out, FIRST_LINE "\n");
	if (p->has_extra) {
		buf_puts(out, "extra ");
		base64_put(out, buf_span(&p->extra));
		buf_putc(out, '\n');
	}
	buf_puts(out, "index ");
	buf_putu(out, p->index);
	buf_putc(out, '\n');
	for (unsigned i = 0; i < p->path.n; i++) {
		base64_put(out, span_of(p->path.hash[i], HASH_OCTETS));
		buf_putc(out, '\n');
	}
	buf_putc(out, '\n');
	buf_putspan(out, p->checkpoint);
}

/* What is left of the file, and the number of the line that was taken last. */
struct lines {
	struct span rest, line;
	unsigned number;
};

static enum err next_line(struct lines *l, const char *wanted, struct fault *f)
{
	l->number++;
	if (span_line(&l->rest, &l->line))
		return OK;
	return fault_set(f, ERR_SYNTAX, "proof ends in line %u, where %s should be", l->number, wanted);
}

static enum err syntax(const struct lines *l, const char *what, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "line %u of the proof %s", l->number, what);
}

/* The line, if it is there, and the next one behind it. */
static enum err parse_extra(struct lines *l, struct proof *p, struct fault *f)
{
	static const struct span word = SPAN_LIT("extra ");
	if (!span_starts(l->line, word))
		return OK;
	if (l->line.n == word.n || base64_decode(span_from(l->line, word.n), &p->extra))
		return syntax(l, "has extra data that is not base64", f);
	p->has_extra = true;
	return next_line(l, "the index", f);
}

static enum err parse_index(const struct lines *l, uint64_t *ret_index, struct fault *f)
{
	static const struct span word = SPAN_LIT("index ");
	struct span digits = span_from(l->line, word.n);
	enum err e = ERR_SYNTAX;
	if (span_starts(l->line, word) && !(digits.n > 1 && digits.p[0] == '0'))
		e = num_parse_u64(digits, UINT64_MAX, ret_index);
	if (e == ERR_SYNTAX)
		return syntax(l, "is not \"index\" and a number without leading zeros", f);
	return e ? fault_set(f, e, "line %u of the proof is an index of 2^64 or more", l->number) : OK;
}

static enum err parse_hash(const struct lines *l, struct merkle_proof *p, struct fault *f)
{
	struct buf octets = { 0 };
	enum err e = OK;
	if (p->n == MERKLE_PROOF_MAX)
		e = fault_set(f, ERR_RANGE, "line %u of the proof is one more hash than %d, the most", l->number,
			      MERKLE_PROOF_MAX);
	else if (base64_decode(l->line, &octets) || octets.n != HASH_OCTETS)
		e = syntax(l, "is not a hash, 32 octets in base64", f);
	else
		memcpy(p->hash[p->n++], octets.p, HASH_OCTETS);
	buf_release(&octets);
	return e;
}

/* Up to the blank line, which is taken too. */
static enum err parse_path(struct lines *l, struct merkle_proof *p, struct fault *f)
{
	enum err e = next_line(l, "a hash or a blank line", f);
	while (e == OK && l->line.n)
		if ((e = parse_hash(l, p, f)) == OK)
			e = next_line(l, "a hash or a blank line", f);
	return e;
}

/* That it is one; what it says is looked at when its signature was checked. */
static enum err check_checkpoint(const struct lines *l, struct fault *f)
{
	struct note n;
	struct checkpoint c;
	enum err e;
	if ((e = note_parse(l->rest, &n, f)) || (e = checkpoint_parse(n.text, &c, f)))
		fault_at(f, "checkpoint, which begins in line %u of the proof", l->number + 1);
	return e;
}

enum err proof_parse(struct span octets, struct proof *ret_proof, struct fault *f)
{
	struct proof p = { 0 };
	struct lines l = { .rest = octets };
	enum err e;
	if (octets.n > PROOF_FILE_MAX)
		return fault_set(f, ERR_RANGE, "proof has %zu octets; the most is %d", octets.n, PROOF_FILE_MAX);
	if (next_line(&l, "", NULL) || !span_is(l.line, FIRST_LINE))
		return syntax(&l, "is not \"" FIRST_LINE "\"", f);
	if ((e = next_line(&l, "the index", f)) || (e = parse_extra(&l, &p, f)) || (e = parse_index(&l, &p.index, f)) ||
	    (e = parse_path(&l, &p.path, f)) || (e = check_checkpoint(&l, f))) {
		proof_release(&p);
		return e;
	}
	p.checkpoint = l.rest;
	*ret_proof = p;
	return OK;
}

void proof_extra_put(struct span record, struct span nonce, struct buf *out)
{
	buf_putc(out, (uint8_t)(record.n >> 8));
	buf_putc(out, (uint8_t)record.n);
	buf_putspan(out, record);
	buf_putspan(out, nonce);
}

enum err proof_extra_parse(struct span extra, struct span *ret_record, struct span *ret_nonce, struct fault *f)
{
	size_t n = extra.n < 2 ? 0 : (size_t)extra.p[0] << 8 | extra.p[1];
	struct span rest = span_from(extra, 2);
	if (extra.n < 2 || rest.n < n)
		return fault_set(f, ERR_SYNTAX, "extra data of the proof ends inside the record");
	if (rest.n != n && rest.n != n + NONCE)
		return fault_set(f, ERR_SYNTAX,
				 "extra data of the proof has %zu octets behind the record instead of %d or none",
				 rest.n - n, NONCE);
	*ret_record = span_head(rest, n);
	*ret_nonce = span_from(rest, n);
	return OK;
}

enum err proof_check(const struct proof *p, const uint8_t leaf[HASH_OCTETS], const struct verifier *v,
		     struct checkpoint *ret_checkpoint, struct note *ret_note, struct fault *f)
{
	struct checkpoint c;
	struct note n;
	enum err e;
	if ((e = checkpoint_open(p->checkpoint, v, &c, &n, f)) ||
	    (e = merkle_check_inclusion(leaf, p->index, c.size, &p->path, c.root, f)))
		return e;
	if (ret_checkpoint)
		*ret_checkpoint = c;
	if (ret_note)
		*ret_note = n;
	return OK;
}
