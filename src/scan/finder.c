/* The finder: windows, stretches that must be read, and findings that wait for their visit. */
#include "scan/finder.h"

#include "base/attr.h"
#include "scan/finder_parts.h"

_Static_assert(OBS_KINDS <= 32, "a bit for each kind");

void finder_way(struct finder *f, enum classify_way way)
{
	f->way = way == CLASSIFY_BEST ? (classify_can(CLASSIFY_AVX2) ? CLASSIFY_AVX2 : CLASSIFY_PORTABLE) : way;
}

struct finder *finder_new(uint32_t kinds)
{
	struct finder *f = mem_zalloc(sizeof(*f));
	f->kinds = kinds ? kinds : ~0U;
	finder_way(f, CLASSIFY_BEST);
	pending_grow(&f->pending);
	return f;
}

void finder_free(struct finder *f)
{
	if (!f)
		return;
	marks_release(&f->marks);
	marks_release(&f->stretch_marks);
	reading_release(&f->reading);
	free(f->pending.item);
	free(f->pending.key);
	free(f->pending.spare);
	free(f);
}

/* Visit the findings that begin before `at`; the others stay. */
static void deliver(struct finder *f, size_t at)
{
	struct pending *p = &f->pending;
	size_t ready = 0, stay, keys = 0;
	while (ready < p->n && p->item[ready].at < at)
		p->item[ready].obs.key = p->key + (uintptr_t)p->item[ready].obs.key, ready++;
	for (size_t i = 0; i < ready; i += FINDER_BATCH)
		f->visit(f->ctx, p->item + i, ready - i < FINDER_BATCH ? ready - i : FINDER_BATCH);
	stay = p->n - ready;
	for (size_t i = 0; i < stay; i++) {
		struct finding *to = &p->item[i];
		*to = p->item[ready + i];
		memcpy(p->spare + keys, p->key + (uintptr_t)to->obs.key, to->obs.n);
		to->obs.key = (const uint8_t *)(uintptr_t)keys;
		keys += to->obs.n;
	}
	uint8_t *key = p->key;
	p->key = p->spare;
	p->spare = key;
	p->keys = keys;
	p->n = stay;
	p->next = stay ? p->item[stay - 1].at + 1 : 0;
	pending_grow(p);
}

static int order(const struct finding *a, const struct finding *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return (int)a->obs.kind - (int)b->obs.kind;
}

void pending_grow(struct pending *p)
{
	if (UNLIKELY(p->room - p->n <= FINDER_BATCH)) {
		p->room = 2 * p->room + 4 * FINDER_BATCH;
		p->item = mem_realloc(p->item, p->room * sizeof(*p->item));
	}
	if (UNLIKELY(p->keys_room - p->keys < OBS_KEY_MAX + (FINDER_BATCH + 1) * PLAIN_ROOM)) {
		p->keys_room = 2 * p->keys_room + 16 * OBS_KEY_MAX;
		p->key = mem_realloc(p->key, p->keys_room);
		p->spare = mem_realloc(p->spare, p->keys_room);
	}
}

size_t look_plain_name(const struct look *l, size_t from, size_t to, uint8_t ret[PLAIN_ROOM])
{
	const uint8_t *p = l->p + from;
	size_t n = to - from;
	if (n < 4 || n > PLAIN_MAX || !plain_name(p, n, marks_near(l->m->dot, from) & ((1ULL << n) - 1), marks_near(l->m->hyphen, from)))
		return 0;
	if (from < l->plain_end) {
		lower_name(p, ret);
		return n;
	}
	for (size_t i = 0; i < n; i++) {
		if (p[i] >= 0x80)
			return 0;
		ret[i] = ascii_lower(p[i]);
	}
	return n;
}

static void put_pending(struct look *l, size_t at, size_t n, const struct observable *o)
{
	struct pending *p = &l->f->pending;
	struct finding new = { at, (uint32_t)n, *o };
	uint8_t *key = look_store(l);
	size_t i = p->n;
	if (i > 0 && UNLIKELY(p->item[i - 1].at >= at)) {
		int before = 1;
		while (i > 0 && (before = order(&p->item[i - 1], &new)) > 0)
			i--;
		if (before == 0) /* two ways to read it, one finding */
			return;
		memmove(p->item + i + 1, p->item + i, (p->n - i) * sizeof(*p->item));
	}
	if (o->key != key)
		memmove(key, o->key, o->n);
	new.obs.key = (const uint8_t *)(uintptr_t)p->keys;
	p->keys += o->n;
	p->item[i] = new;
	p->n++;
	p->next = p->item[p->n - 1].at + 1;
	pending_grow(p);
}

static size_t place(const struct look *l, size_t i)
{
	return l->base + (l->at ? l->at[i] : i);
}

void look_found(struct look *l, size_t from, size_t to, const struct observable *o)
{
	struct finder *f = l->f;
	size_t at = place(l, from), end = place(l, to);
	if (!wanted(f, o->kind) || within(l->host, from))
		return;
	if (f->any_clean && seen_kind(&f->seen, span_of(f->text.p + at, end - at)) == o->kind)
		return;
	put_pending(l, at, end - at, o);
}

void look_deliver(struct look *l, size_t pos)
{
	size_t start = marks_back_zero(l->m->border, pos);
	deliver(l->f, place(l, pos - start > BACK_MAX ? pos - BACK_MAX : start));
}

/* Read the `n` octets at `from` of the whole text, and look at what that gives. */
static void read_stretch(struct finder *f, size_t from, size_t n)
{
	reading_of(span_of(f->text.p + from, n), &f->reading);
	struct span s = buf_span(&f->reading.text);
	classify(f->way, s, &f->stretch_marks);
	struct look l = { .f = f, .p = s.p, .n = s.n, .readable = f->reading.text.cap, .m = &f->stretch_marks, .base = from, .at = f->reading.at };
	if (f->stretch_marks.any_odd) /* read once, and not again */
		memset(f->stretch_marks.odd, 0, f->stretch_marks.blocks * sizeof(*f->stretch_marks.odd));
	look_walk(&l, NULL);
}

static void odd_stretch(struct look *l, size_t pos)
{
	read_stretch(l->f, l->base + pos, marks_next(l->m->border, pos) - pos);
}

static void clear(uint64_t *m, size_t from, size_t to)
{
	while (from < to) {
		size_t end = (from / 64 + 1) * 64;
		uint64_t bits = ~0ULL << from % 64;
		if (end > to)
			bits &= ~0ULL >> (end - to);
		m[from / 64] &= ~bits;
		from = end;
	}
}

/* Could a stretch that must be read hold anything?  Every observable but a hash has a dot or a colon, and hashes have marks. */
static bool promising(struct span s)
{
	static const uint8_t worth[256] = { ['.'] = 1, [':'] = 1, [0xe3] = 1, [0xef] = 1, ['\\'] = 2, ['&'] = 2, ['d'] = 3, ['D'] = 3 };
	if (s.n >= 32)
		return true;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t w = worth[s.p[i]], next = i + 1 < s.n ? s.p[i + 1] : 0;
		if (w == 0)
			continue;
		if (w == 1 || (w == 2 && (next == 'u' || next == 'x' || next == '#')) || (w == 3 && (next | 0x20) == 'o'))
			return true;
	}
	return false;
}

/* Is something open that the octet at `pos` may close? */
static bool opened(struct span text, size_t pos)
{
	if (text.p[pos] == ';')
		return true;
	for (size_t i = 2; i <= 4 && i <= pos; i++) {
		uint8_t c = text.p[pos - i];
		if (c == '[' || c == '(' || c == '{')
			return true;
	}
	return false;
}

/* Of the marks of what is odd, leave one for each stretch between borders that must be read, at its start, and no other mark
 * in it. */
static void settle_odd(struct span text, struct marks *m)
{
	size_t done = 0;
	for (size_t k = 0; k < m->blocks; k++) {
		uint64_t odd = m->odd[k];
		if (odd == 0)
			continue;
		m->odd[k] = 0;
		for (; odd; odd &= odd - 1) {
			size_t pos = k * 64 + (size_t)__builtin_ctzll(odd);
			uint8_t c = text.p[pos];
			if (pos < done || (c < 0x80 && c != '\\' && (!opened(text, pos) || !reading_changes(text, pos))))
				continue;
			size_t from = marks_back_zero(m->border, pos);
			done = marks_next(m->border, pos);
			clear(m->word, from, done + 1);
			clear(m->other, from, done);
			if (promising(span_of(text.p + from, done - from)))
				m->odd[from / 64] |= 1ULL << from % 64;
		}
	}
}

/* Octets from `from` that end with a border, or with the text; 0 when there is no border near. */
static size_t window(struct span text, size_t from)
{
	size_t n = text.n - from;
	if (n <= WINDOW)
		return n;
	for (n = WINDOW; n > 0; n--) {
		uint8_t c = text.p[from + n - 1];
		if (c <= ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == 0x7f)
			return n;
	}
	return 0;
}

static size_t long_stretch(struct span text, size_t from)
{
	size_t n = 0, most = text.n - from < STRETCH_MAX ? text.n - from : STRETCH_MAX;
	for (; n < most; n++) {
		uint8_t c = text.p[from + n];
		if (c <= ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == 0x7f)
			break;
	}
	return n;
}

void finder_run(struct finder *f, struct span text, finder_visit *visit, void *ctx)
{
	f->text = text;
	f->visit = visit;
	f->ctx = ctx;
	for (size_t from = 0, n; from < text.n; from += n) {
		n = window(text, from);
		if (n == 0) {
			n = long_stretch(text, from);
			read_stretch(f, from, n);
			continue;
		}
		struct span s = { text.p + from, n };
		classify(f->way, s, &f->marks);
		if (f->marks.any_odd)
			settle_odd(s, &f->marks);
		struct look l = { .f = f, .p = s.p, .n = n, .readable = text.n - from, .plain_end = text.n - from < PLAIN_ROOM ? 0 : text.n - from - PLAIN_ROOM, .m = &f->marks, .base = from };
		look_walk(&l, odd_stretch);
	}
	deliver(f, SIZE_MAX);
}

void finder_clean(struct finder *f, const struct finding *finding)
{
	f->any_clean = true;
	seen_note(&f->seen, span_of(f->text.p + finding->at, finding->n), finding->obs.kind);
}

void finder_forget(struct finder *f)
{
	f->any_clean = false;
	memset(&f->seen, 0, sizeof(f->seen));
}
