/* Two generations: when the newer one is full it becomes the older one, and that one goes.  A generation is a run of records, each with
 * its key behind it, in the form in which it is saved (integers least significant octet first):
 *
 *   offset size
 *      0     8   serial
 *      8    16   force before: itself, below; force after: itself, below
 *     24     1   kind   25  1  prefix   26  2  octets of the key
 *     28         the key
 */
#include "gate/journal.h"

#include <stdlib.h>

#include "base/octets.h"

enum { HEAD = 28, GENERATION = 48 << 20, STAMPS = 1 << 16, MARK = 1 << 16 /* octets from one mark to the next, about */ };

struct stamp {
	uint64_t serial;
	int64_t time_ms;
};

/* Where a record begins, and its serial: so that what is behind a serial is found without reading what is before it. */
struct mark {
	uint64_t serial;
	size_t at;
};

struct generation {
	uint64_t from;  /* complete behind this serial */
	struct buf records, marks;
};

struct journal {
	uint64_t serial;
	struct generation old, new;
	size_t ended;              /* octets of `new` that belong to serials up to `serial` */
	struct stamp *stamp;       /* of the last serials, in order */
	size_t n_stamps;
};

struct journal *journal_new(void)
{
	struct journal *j = mem_zalloc(sizeof(*j));
	j->stamp = mem_alloc(STAMPS * sizeof(*j->stamp));
	return j;
}

static void release(struct generation *g)
{
	buf_release(&g->records);
	buf_release(&g->marks);
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	release(&j->old);
	release(&j->new);
	free(j->stamp);
	free(j);
}

uint64_t journal_serial(const struct journal *j)
{
	return j->serial;
}

static void start_generation(struct journal *j)
{
	release(&j->old);
	j->old = j->new;
	j->new = (struct generation){ .from = j->serial };
	j->ended = 0;
}

/* A record of this serial begins here. */
static void mark(struct generation *g, uint64_t serial, size_t at)
{
	struct mark m = { serial, at };
	if (at >= g->marks.n / sizeof(m) * MARK)
		buf_put(&g->marks, &m, sizeof(m));
}

void journal_add(struct journal *j, const struct table_key *k, struct force_pair before, struct force_pair after)
{
	if (before.self == after.self && before.below == after.below)
		return;
	if (j->ended == j->new.records.n && j->ended > GENERATION)
		start_generation(j);
	mark(&j->new, j->serial + 1, j->new.records.n);
	uint8_t *p = buf_reserve(&j->new.records, HEAD + k->n);
	put_le(p, j->serial + 1, 8);
	put_le(p + 8, before.self, 4);
	put_le(p + 12, before.below, 4);
	put_le(p + 16, after.self, 4);
	put_le(p + 20, after.below, 4);
	p[24] = k->kind;
	p[25] = k->prefix;
	put_le(p + 26, k->n, 2);
	memcpy(p + HEAD, k->p, k->n);
	j->new.records.n += HEAD + k->n;
}

static void add_stamp(struct journal *j, struct stamp s)
{
	if (j->n_stamps == STAMPS) {
		memmove(j->stamp, j->stamp + STAMPS / 2, STAMPS / 2 * sizeof(*j->stamp));
		j->n_stamps = STAMPS / 2;
	}
	j->stamp[j->n_stamps++] = s;
}

bool journal_end(struct journal *j, int64_t time_ms)
{
	if (j->ended == j->new.records.n)
		return false;
	j->ended = j->new.records.n;
	j->serial++;
	add_stamp(j, (struct stamp){ j->serial, time_ms });
	return true;
}

int64_t journal_time(const struct journal *j, uint64_t serial)
{
	size_t from = 0, to = j->n_stamps;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (j->stamp[mid].serial == serial)
			return j->stamp[mid].time_ms;
		if (j->stamp[mid].serial < serial)
			from = mid + 1;
		else
			to = mid;
	}
	return 0;
}

/* One record at `p` of `n` octets.  @return its octets; 0: none. */
static size_t read_record(const uint8_t *p, size_t n, struct turn *ret_turn)
{
	if (n < HEAD || n - HEAD < get_le(p + 26, 2))
		return 0;
	*ret_turn = (struct turn){
		.serial = get_le(p, 8), .before = { (force)get_le(p + 8, 4), (force)get_le(p + 12, 4) },
		.after = { (force)get_le(p + 16, 4), (force)get_le(p + 20, 4) },
		.key = { .kind = p[24], .prefix = p[25], .n = (uint16_t)get_le(p + 26, 2), .p = p + HEAD },
	};
	return HEAD + ret_turn->key.n;
}

/* Where the records behind `serial` begin in a generation. */
static struct span behind(const struct generation *g, uint64_t serial)
{
	struct span s = buf_span(&g->records);
	const struct mark *marks = (const void *)g->marks.p;
	size_t from = 0, to = g->marks.n / sizeof(*marks); /* marks before `from` are of serials up to this one, those from `to` on are not */
	struct turn t;
	if (g->from >= serial)
		return s;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (marks[mid].serial <= serial)
			from = mid + 1;
		else
			to = mid;
	}
	if (from)
		s = span_from(s, marks[from - 1].at);
	for (size_t n; (n = read_record(s.p, s.n, &t)) != 0 && t.serial <= serial;)
		s = span_from(s, n);
	return s;
}

enum err journal_since(const struct journal *j, uint64_t serial, struct turns *ret_raw)
{
	const struct generation *oldest = j->old.records.n || j->old.from < j->new.from ? &j->old : &j->new;
	if (serial > j->serial || serial < oldest->from)
		return ERR_NOTFOUND;
	*ret_raw = (struct turns){ .from = serial, .serial = j->serial };
	if (oldest == &j->old)
		buf_putspan(&ret_raw->store, behind(&j->old, serial));
	buf_putspan(&ret_raw->store, behind(&j->new, serial));
	return OK;
}

/* ---- net ---- */

static int by_key(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;
	if (x->key.kind != y->key.kind)
		return x->key.kind < y->key.kind ? -1 : 1;
	if (x->key.prefix != y->key.prefix)
		return x->key.prefix < y->key.prefix ? -1 : 1;
	if (x->key.n != y->key.n)
		return x->key.n < y->key.n ? -1 : 1;
	int order = memcmp(x->key.p, y->key.p, x->key.n);
	if (order)
		return order;
	return x->serial != y->serial ? (x->serial < y->serial ? -1 : 1) : (x->key.p < y->key.p ? -1 : x->key.p > y->key.p);
}

static bool same_key(const struct turn *a, const struct turn *b)
{
	return a->key.kind == b->key.kind && a->key.prefix == b->key.prefix && a->key.n == b->key.n && memcmp(a->key.p, b->key.p, a->key.n) == 0;
}

void turns_settle(struct turns *t)
{
	size_t n = 0, room = 0, kept = 0;
	struct span s = buf_span(&t->store);
	struct turn one;
	for (size_t octets; (octets = read_record(s.p, s.n, &one)) != 0; s = span_from(s, octets)) {
		if (n == room) {
			room = room ? 2 * room : 16;
			t->turn = mem_realloc(t->turn, room * sizeof(*t->turn));
		}
		t->turn[n++] = one;
	}
	if (n)
		qsort(t->turn, n, sizeof(*t->turn), by_key);
	for (size_t i = 0; i < n;) {
		struct turn net = t->turn[i];
		for (i++; i < n && same_key(&t->turn[i], &net); i++) {
			net.after = t->turn[i].after;
			net.serial = t->turn[i].serial;
		}
		if (net.before.self != net.after.self || net.before.below != net.after.below)
			t->turn[kept++] = net;
	}
	t->n = kept;
	/* what is taken back goes first, in every queue */
	struct turn *sorted = mem_alloc((kept ? kept : 1) * sizeof(*sorted));
	size_t at = 0;
	for (unsigned back = 2; back-- > 0;)
		for (size_t i = 0; i < kept; i++)
			if (turn_is_back(&t->turn[i]) == back)
				sorted[at++] = t->turn[i];
	free(t->turn);
	t->turn = sorted;
}

void turns_release(struct turns *t)
{
	free(t->turn);
	buf_release(&t->store);
	*t = (struct turns){ 0 };
}

/* ---- saved: "SIPARJN1", serial, the serial that the records are behind, number of stamps, stamps, records ---- */

void journal_write(const struct journal *j, size_t octets, struct buf *out)
{
	struct turns raw = { 0 };
	uint64_t from = j->old.records.n ? j->old.from : j->new.from;
	uint8_t head[32];
	/* whole serials from the end on that fit */
	while (journal_since(j, from, &raw) == OK && raw.store.n > octets) {
		from += (j->serial - from + 1) / 2;
		turns_release(&raw);
	}
	size_t first = 0;
	while (first < j->n_stamps && j->stamp[first].serial <= from)
		first++;
	memcpy(head, "SIPARJN1", 8);
	put_le(head + 8, j->serial, 8);
	put_le(head + 16, from, 8);
	put_le(head + 24, j->n_stamps - first, 8);
	buf_put(out, head, sizeof(head));
	for (size_t i = first; i < j->n_stamps; i++) {
		put_le(head, j->stamp[i].serial, 8);
		put_le(head + 8, (uint64_t)j->stamp[i].time_ms, 8);
		buf_put(out, head, 16);
	}
	buf_putspan(out, buf_span(&raw.store));
	turns_release(&raw);
}

enum err journal_read(struct span in, struct journal **ret_journal)
{
	if (in.n < 32 || memcmp(in.p, "SIPARJN1", 8) != 0)
		return ERR_CORRUPT;
	uint64_t serial = get_le(in.p + 8, 8), from = get_le(in.p + 16, 8), n = get_le(in.p + 24, 8), last = from;
	struct generation g = { .from = from };
	if (from > serial || n > STAMPS || (in.n - 32) / 16 < n)
		return ERR_CORRUPT;
	struct span records = span_from(in, 32 + 16 * n), rest = records;
	struct turn t;
	for (size_t octets; (octets = read_record(rest.p, rest.n, &t)) != 0; rest = span_from(rest, octets)) {
		if (t.serial < last || t.serial <= from || t.serial > serial)
			break;
		last = t.serial;
		mark(&g, t.serial, records.n - rest.n);
	}
	if (rest.n) {
		release(&g);
		return ERR_CORRUPT;
	}
	struct journal *j = journal_new();
	j->serial = serial;
	j->old.from = from;
	j->new = g;
	for (size_t i = 0; i < n; i++)
		add_stamp(j, (struct stamp){ get_le(in.p + 32 + 16 * i, 8), (int64_t)get_le(in.p + 40 + 16 * i, 8) });
	buf_putspan(&j->new.records, records);
	j->ended = j->new.records.n;
	*ret_journal = j;
	return OK;
}
