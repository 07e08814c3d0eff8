/* Octets that someone calls a change of parties: they are refused, or have one encoding, which reads back as the same; and what the set takes
 * leaves it whole. */
#include <stdlib.h>

#include "view/party.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(struct party_set *s, struct span body)
{
	struct buf store = { 0 };
	struct party_change c;
	if (party_change_read(body, &store, &c, NULL) == OK)
		(void)!party_apply(s, &c, 1000, NULL);
	buf_release(&store);
}

static void check_encoding(struct span body)
{
	struct buf store = { 0 }, more = { 0 }, first = { 0 }, second = { 0 };
	struct party_change c, again;
	if (party_change_read(body, &store, &c, NULL) == OK) {
		party_change_write(&c, &first);
		if (party_change_read(buf_span(&first), &more, &again, NULL))
			abort();
		party_change_write(&again, &second);
		if (!span_eq(buf_span(&first), buf_span(&second)))
			abort();
	}
	buf_release(&store);
	buf_release(&more);
	buf_release(&first);
	buf_release(&second);
}

/* Each line is a change. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct party_set *s = party_set_new();
	struct span rest = span_of(data, size);
	while (rest.n) {
		struct span line = span_head(rest, span_find(rest, '\n'));
		rest = span_from(rest, line.n + 1);
		check_encoding(line);
		apply(s, line);
	}
	for (unsigned i = 0; i < party_count(s); i++)
		if (party_find(s, span_str(party_at(s, i)->name)) != party_at(s, i))
			abort();
	for (unsigned i = 0; i < token_count(s); i++) {
		const struct token *t = token_at(s, i);
		if (token_find(s, span_str(t->id)) != i || t->party >= party_count(s) || (t->certificate && token_find_certificate(s, t->hash) == TOKENS_MAX))
			abort();
	}
	party_set_free(s);
	return 0;
}
