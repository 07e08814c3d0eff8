#include "ledger/checkpoint.h"

#include "base/base64.h"
#include "base/num.h"

void checkpoint_put(const struct checkpoint *c, struct buf *out)
{
	buf_putspan(out, c->origin);
	buf_putc(out, '\n');
	buf_putu(out, c->size);
	buf_putc(out, '\n');
	base64_put(out, span_of(c->root, HASH_OCTETS));
	buf_putc(out, '\n');
}

static enum err parse_size(struct span s, uint64_t *ret_size, struct fault *f)
{
	enum err e = s.n > 1 && s.p[0] == '0' ? ERR_SYNTAX : num_parse_u64(s, MERKLE_SIZE_MAX, ret_size);
	if (e == ERR_SYNTAX)
		return fault_set(f, e, "line 2 of the checkpoint is not the size, a number without leading zeros");
	return e ? fault_set(f, e, "line 2 of the checkpoint is a size of 2^63 or more") : OK;
}

static enum err parse_root(struct span s, uint8_t ret_root[HASH_OCTETS], struct fault *f)
{
	struct buf octets = { 0 };
	enum err e = OK;
	if (s.n != 44 || base64_decode(s, &octets) || octets.n != HASH_OCTETS)
		e = fault_set(f, ERR_SYNTAX, "line 3 of the checkpoint is not the root, 32 octets in base64");
	else
		memcpy(ret_root, octets.p, HASH_OCTETS);
	buf_release(&octets);
	return e;
}

static enum err check_extensions(struct span rest, struct fault *f)
{
	struct span line;
	for (unsigned number = 4; rest.n; number++) {
		if (!span_line(&rest, &line))
			return fault_set(f, ERR_SYNTAX, "line %u of the checkpoint, the last, has no newline", number);
		if (line.n == 0)
			return fault_set(f, ERR_SYNTAX, "line %u of the checkpoint is empty", number);
	}
	return OK;
}

enum err checkpoint_parse(struct span text, struct checkpoint *ret_checkpoint, struct fault *f)
{
	struct checkpoint c;
	struct span size, root;
	enum err e;
	if (!span_line(&text, &c.origin) || c.origin.n == 0)
		return fault_set(f, ERR_SYNTAX, "line 1 of the checkpoint is not the origin of a log");
	if (!span_line(&text, &size) || !span_line(&text, &root))
		return fault_set(f, ERR_SYNTAX, "checkpoint has fewer than three lines");
	if ((e = parse_size(size, &c.size, f)) || (e = parse_root(root, c.root, f)) || (e = check_extensions(text, f)))
		return e;
	*ret_checkpoint = c;
	return OK;
}

enum err checkpoint_open(struct span octets, const struct verifier *v, struct checkpoint *ret_checkpoint,
			 struct note *ret_note, struct fault *f)
{
	struct note n;
	enum err e;
	if ((e = note_parse(octets, &n, f)) || (e = note_check(&n, v, NULL, f)) ||
	    (e = checkpoint_parse(n.text, ret_checkpoint, f)))
		return e;
	if (ret_note)
		*ret_note = n;
	return OK;
}
