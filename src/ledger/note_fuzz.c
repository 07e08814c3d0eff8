/* A note that is accepted is, octet for octet, its text, a blank line and its lines; a key is its one spelling; whoever
 * opens a checkpoint hears what the check of its note says. */
#include <stdlib.h>

#include "ledger/checkpoint.h"
#include "ledger/note_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_note(struct span octets, const struct note *n)
{
	struct buf again = { 0 };
	must(n->n > 0 && n->n <= NOTE_SIGNATURES_MAX);
	buf_putspan(&again, n->text);
	buf_putc(&again, '\n');
	for (unsigned i = 0; i < n->n; i++) {
		must(note_name_ok(n->line[i].name));
		buf_puts(&again, "\xe2\x80\x94 ");
		buf_putspan(&again, n->line[i].name);
		buf_putc(&again, ' ');
		buf_putspan(&again, n->line[i].octets);
		buf_putc(&again, '\n');
	}
	must(span_eq(octets, buf_span(&again)));
	buf_release(&again);
}

static void check_checkpoint(struct span text)
{
	struct checkpoint c;
	struct buf again = { 0 };
	if (checkpoint_parse(text, &c, NULL))
		return;
	checkpoint_put(&c, &again);
	must(c.size <= MERKLE_SIZE_MAX && span_starts(text, buf_span(&again)));
	buf_release(&again);
}

static void check_key(struct span text)
{
	struct verifier v, again;
	struct buf out = { 0 };
	struct fault f = { .text = "" };
	if (verifier_parse(text, &v, &f)) {
		must(f.text[0]);
		return;
	}
	if (v.name[0]) {
		verifier_put(&v, &out);
		must(verifier_parse(buf_span(&out), &again, NULL) == OK && span_ieq(span_trim(text), buf_span(&out)));
		must(v.type == again.type && memcmp(v.key, again.key, sizeof(v.key)) == 0);
	}
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { LOG_VKEY, LOG_HEX, WITNESS_VKEY };
	struct span octets = { data, size };
	struct note n;
	struct fault f = { .text = "" };
	check_key(octets);
	check_checkpoint(octets);
	if (note_parse(octets, &n, &f)) {
		must(f.text[0]);
		return 0;
	}
	check_note(octets, &n);
	check_checkpoint(n.text);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct verifier v;
		struct checkpoint c;
		uint64_t time_s;
		must(verifier_parse(span_str(keys[i]), &v, NULL) == OK);
		enum err checked = note_check(&n, &v, &time_s, NULL),
			 opened = checkpoint_open(octets, &v, &c, NULL, NULL);
		must(checked ? opened == checked : opened == OK || opened == ERR_SYNTAX || opened == ERR_RANGE);
	}
	return 0;
}
