/* This node as a witness (C2SP tlog-witness): logs that it is configured with ask it to cosign. */
#include "base/clock.h"
#include "face/http_parts.h"
#include "ledger/witness.h"

/* The checkpoint, when one of the keys that are known under its origin has signed it and none is forged.
 * @return ERR_NOTFOUND: no such log; ERR_FORBIDDEN; ERR_SYNTAX, ERR_RANGE. */
static enum err open_checkpoint(const struct http_options *o, struct span octets, struct checkpoint *ret_checkpoint, struct fault *f)
{
	struct note note;
	bool known = false, holds = false;
	enum err e;
	if ((e = note_parse(octets, &note, f)) || (e = checkpoint_parse(note.text, ret_checkpoint, f)))
		return e;
	for (unsigned i = 0; i < o->n_logs; i++) {
		if (!span_is(ret_checkpoint->origin, o->logs[i].name))
			continue;
		known = true;
		if ((e = note_check(&note, &o->logs[i], NULL, f)) == ERR_CORRUPT)
			return ERR_FORBIDDEN;
		holds |= e == OK;
	}
	if (!known)
		return fault_set(f, ERR_NOTFOUND, "this node is not a witness of \"" SPAN_FMT "\"", SPAN_ARG(span_head(ret_checkpoint->origin, 200)));
	return holds ? OK : fault_set(f, ERR_FORBIDDEN, "the checkpoint is not signed by a key of its log");
}

static unsigned status_of(enum err e)
{
	switch (e) {
	case ERR_SYNTAX:
	case ERR_RANGE:
		return 400;
	case ERR_FORBIDDEN:
		return 403;
	case ERR_NOTFOUND:
		return 404;
	case ERR_CORRUPT:
		return 422;
	default:
		return 500;
	}
}

void http_add_checkpoint(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	struct witness_request r;
	struct checkpoint c;
	struct fault f = { .text = "" };
	uint64_t last = 0;
	enum err e;
	if ((e = witness_request_parse(buf_span(&q->body), &r, &f)) == OK && (e = open_checkpoint(&s->options, r.note, &c, &f)) == OK)
		e = witness_cosign(s->ledger, r.note, &c, r.old_size, &r.proof, (uint64_t)clock_ms() / 1000, &a->body, &last, &f);
	if (e == ERR_BUSY) {
		buf_printf(&a->body, "%llu\n", (unsigned long long)last);
		a->status = 409;
		a->type = "text/x.tlog.size";
	} else if (e) {
		http_problem(a, status_of(e), q->target, status_of(e) == 500 ? "the cosignature could not be kept" : f.text);
	} else {
		a->status = 200;
		a->type = "text/plain; charset=utf-8";
	}
}
