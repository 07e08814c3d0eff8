/* The entry that a line's claim came with, as receipts and people name it. */
#include "view/reputation.h"

void reputation_put_entry(const struct score_line *line, const struct meaning *m, struct ledger *l, struct buf *out)
{
	uint8_t lane = line->claim.lane & 63;
	struct entry e;
	if (m->entry_is_index && m->audiences) {
		buf_printf(out, "%s/%u", m->audiences->lane[lane].name, line->claim.entry);
		return;
	}
	if (!l || !m->audiences || ledger_entry(l, (clearance)1 << lane, line->claim.entry, &e)) {
		buf_putu(out, line->claim.entry);
		return;
	}
	buf_puts(out, m->audiences->lane[lane].name);
	buf_putc(out, '/');
	buf_putu(out, e.index);
	entry_release(&e);
}
