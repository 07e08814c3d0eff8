#include "ledger/tile.h"

#include <inttypes.h>

#include "base/num.h"

unsigned tile_width(uint8_t level, uint64_t n, uint64_t size)
{
	if (level >= TILE_LEVELS && level != TILE_ENTRIES)
		return 0;
	uint64_t hashes = level == TILE_ENTRIES ? size : size >> 8 * level;
	return n < hashes / TILE_WIDTH ? TILE_WIDTH : n == hashes / TILE_WIDTH ? (unsigned)(hashes % TILE_WIDTH) : 0;
}

void tile_path(const struct tile *t, struct buf *out)
{
	unsigned group[7]; /* 2^64 has 20 digits */
	size_t groups = 0;
	uint64_t n = t->n;
	do
		group[groups++] = (unsigned)(n % 1000);
	while (n /= 1000);
	if (t->level == TILE_ENTRIES)
		buf_puts(out, "tile/entries");
	else
		buf_printf(out, "tile/%u", t->level);
	while (groups--)
		buf_printf(out, groups ? "/x%03u" : "/%03u", group[groups]);
	if (t->width < TILE_WIDTH)
		buf_printf(out, ".p/%u", t->width);
}

/* Up to the next "/" or the end; takes the "/" as well. */
static struct span next_part(struct span *rest)
{
	size_t n = span_find(*rest, '/');
	struct span part = span_head(*rest, n);
	*rest = span_from(*rest, n + 1);
	return part;
}

/* A decimal number in its one spelling.  @return OK, ERR_SYNTAX, ERR_RANGE. */
static enum err parse_number(struct span s, uint64_t max, uint64_t *ret_value)
{
	return s.n > 1 && s.p[0] == '0' ? ERR_SYNTAX : num_parse_u64(s, max, ret_value);
}

static enum err parse_level(struct span s, uint8_t *ret_level, struct fault *f)
{
	uint64_t level = TILE_ENTRIES;
	enum err e = span_is(s, "entries") ? OK : parse_number(s, 63, &level);
	if (e == ERR_SYNTAX)
		return fault_set(f, e, "path of a tile does not begin with a level or \"entries\"");
	if (e)
		return fault_set(f, e, "level of a tile is above 63");
	*ret_level = (uint8_t)level;
	return OK;
}

/* "x001", "x234", then "067" or "067.p": the last, which says whether a width follows. */
static enum err parse_groups(struct span *rest, uint64_t *ret_n, bool *ret_partial, struct fault *f)
{
	uint64_t n = 0, value;
	for (bool first = true, last = false; !last; first = false) {
		struct span part = next_part(rest);
		last = !part.n || part.p[0] != 'x';
		*ret_partial = last && part.n == 5 && part.p[3] == '.' && part.p[4] == 'p';
		struct span digits = last ? span_head(part, *ret_partial ? 3 : part.n) : span_from(part, 1);
		if (digits.n != 3 || num_parse_u64(digits, 999, &value) || (first && !last && value == 0))
			return fault_set(f, ERR_SYNTAX, "number of a tile is not in groups of three digits");
		if (__builtin_mul_overflow(n, 1000, &n) || __builtin_add_overflow(n, value, &n))
			return fault_set(f, ERR_RANGE, "number of a tile is above 2^64");
	}
	*ret_n = n;
	return OK;
}

enum err tile_parse(struct span path, struct tile *ret_tile, struct fault *f)
{
	const uint8_t *end = path.p + path.n;
	struct tile t = { .width = TILE_WIDTH };
	uint64_t width;
	bool partial;
	enum err e;
	if ((e = parse_level(next_part(&path), &t.level, f)) || (e = parse_groups(&path, &t.n, &partial, f)))
		return e;
	if (partial) {
		e = parse_number(path, TILE_WIDTH - 1, &width);
		if (e == ERR_SYNTAX)
			return fault_set(f, e, "width of a partial tile is not a number");
		if (e || width == 0)
			return fault_set(f, ERR_RANGE, "width of a partial tile is not from 1 to 255");
		t.width = (uint16_t)width;
	} else if (path.n || end[-1] == '/') {
		return fault_set(f, ERR_SYNTAX, "path of a tile goes on behind its number");
	}
	if (t.level >= TILE_LEVELS && t.level != TILE_ENTRIES)
		return fault_set(f, ERR_NOTFOUND, "no log is so large that it has tiles of level %u", t.level);
	*ret_tile = t;
	return OK;
}

static enum err length_fault(const struct tile *t, size_t octets, struct fault *f)
{
	struct buf path = { 0 };
	tile_path(t, &path);
	enum err e = fault_set(f, ERR_CORRUPT, "\"%s\" has %zu octets instead of %u", buf_cstr(&path), octets,
			       t->width * HASH_OCTETS);
	buf_release(&path);
	return e;
}

/* Have tile `n` of a level kept, as wide as it is in a tree of the source's size. */
static enum err keep_tile(struct tile_source *s, uint8_t level, uint64_t n, struct fault *f)
{
	struct tile want = { level, (uint16_t)tile_width(level, n, s->size), n };
	struct tile *kept = &s->kept[level].tile;
	struct buf *octets = &s->kept[level].octets;
	if (kept->width == want.width && kept->n == n)
		return OK;
	kept->width = 0; /* none, if it cannot be had */
	octets->n = 0;
	enum err e = s->get(s->ctx, &want, octets, f);
	if (e == OK && octets->n != (size_t)want.width * HASH_OCTETS)
		e = length_fault(&want, octets->n, f);
	if (e == OK)
		*kept = want;
	return e;
}

/* Root of 2^levels hashes that follow each other. */
static void fold(const uint8_t *hashes, unsigned levels, uint8_t ret_hash[HASH_OCTETS])
{
	uint8_t row[TILE_WIDTH / 2][HASH_OCTETS];
	memcpy(row, hashes, (size_t)HASH_OCTETS << levels);
	for (size_t n = (size_t)1 << levels; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			merkle_node(row[2 * i], row[2 * i + 1], row[i]);
	memcpy(ret_hash, row[0], HASH_OCTETS);
}

static enum err source_hash(void *ctx, unsigned level, uint64_t n, uint8_t ret_hash[HASH_OCTETS], struct fault *f)
{
	struct tile_source *s = ctx;
	if (level >= MERKLE_LEVELS || n >= s->size >> level)
		return fault_set(f, ERR_RANGE,
				 "subtree %" PRIu64 " of level %u is not complete in a log of %" PRIu64 " entries", n,
				 level, s->size);
	uint64_t first = n << level % 8; /* among the hashes of the tile's level; all 2^(level % 8) are in one tile */
	enum err e = keep_tile(s, (uint8_t)(level / 8), first / TILE_WIDTH, f);
	if (e == OK)
		fold(s->kept[level / 8].octets.p + first % TILE_WIDTH * HASH_OCTETS, level % 8, ret_hash);
	return e;
}

struct merkle_source tile_source_hashes(struct tile_source *s)
{
	return (struct merkle_source){ source_hash, s };
}

void tile_source_release(struct tile_source *s)
{
	for (unsigned i = 0; i < TILE_LEVELS; i++) {
		buf_release(&s->kept[i].octets);
		s->kept[i].tile = (struct tile){ 0 };
	}
}

void bundle_put(struct buf *bundle, struct span entry)
{
	buf_putc(bundle, (uint8_t)(entry.n >> 8));
	buf_putc(bundle, (uint8_t)entry.n);
	buf_putspan(bundle, entry);
}

enum err bundle_next(struct span *rest, struct span *ret_entry)
{
	if (rest->n == 0)
		return ERR_NOTFOUND;
	if (rest->n < 2)
		return ERR_CORRUPT;
	size_t n = (size_t)rest->p[0] << 8 | rest->p[1];
	if (n > rest->n - 2)
		return ERR_CORRUPT;
	*ret_entry = span_of(rest->p + 2, n);
	*rest = span_from(*rest, 2 + n);
	return OK;
}
