/* For finder*.c, their tests and the benchmark alone: what the parts of the finder know of each other.
 *
 * A text is cut into windows at borders.  A window is classified; the finder goes from mark to mark (finder_walk.c), and at each one that is no
 * plain word the part for its kind looks at what stands around.  Where the text must be read first (escapes, defanging, letters above U+007F), the
 * stretch between two borders is read into a text of its own, which goes the same way. */
#ifndef SCAN_FINDER_PARTS_H
#define SCAN_FINDER_PARTS_H

#include "scan/classify.h"
#include "scan/finder.h"
#include "scan/reading.h"
#include "scan/seen.h"

enum {
	WINDOW = 8192,           /* octets of a window: its text and marks fit the first level of a core's caches */
	STRETCH_MAX = 1 << 20,   /* octets without a border that are read together; more are cut into pieces of that size */
	URL_TEXT_MAX = 4096,     /* octets of a URL as it is written */
	SCHEME_TEXT_MAX = 32,    /* octets of its scheme */
	NAME_TEXT_MAX = 1100,    /* no name has more octets, whatever the spelling */
	LOCAL_SIGHT = 80,        /* octets before '@' in which no name is looked for when there is an e-mail address */
	PLAIN_MAX = 56,          /* octets of the words that there is a short way for */
	PLAIN_ROOM = 64,         /* octets that it reads and writes */
	BACK_MAX = 2048,         /* no finding begins more octets before the mark that leads to it */
};

/* From..to, an empty one covers nothing. */
struct stretch {
	size_t from, to;
};

/* Where the finder is: a window, or a stretch that was read. */
struct look {
	struct finder *f;
	const uint8_t *p;
	size_t n;
	size_t readable;      /* octets at p that can be read */
	size_t plain_end;     /* words before it may go the short way: nothing was read, and PLAIN_ROOM octets can be */
	const struct marks *m;
	size_t base;          /* of the window or stretch in the whole text */
	const uint32_t *at;   /* places in what was read; NULL: as they are */
	struct stretch host;  /* of the last URL: what begins there is part of it, */
	struct stretch mail;  /* of the last e-mail address: names and addresses there are, */
	struct stretch six;   /* the last IPv6 address: IPv4 addresses inside are */
	size_t covered;       /* the end of the furthest of these */
	size_t mails, sixes, hashes; /* up to where they have been looked for */
};

/* Findings that wait for their visit, in order; their keys lie one behind the other, and obs.key is an offset until then. */
struct pending {
	struct finding *item;
	size_t n, room;
	size_t next; /* what begins here, or behind, is behind all others */
	uint8_t *key, *spare;
	size_t keys, keys_room;
};

struct finder {
	uint32_t kinds;
	enum classify_way way;
	struct span text;
	struct marks marks, stretch_marks;
	struct reading reading;
	struct pending pending;
	bool any_clean;
	struct seen seen;
	finder_visit *visit;
	void *ctx;
};

/** Room for another finding with any key, and for FINDER_BATCH that go the short way. */
void pending_grow(struct pending *p);

/** Which way to classify; finders begin with the best one. */
void finder_way(struct finder *f, enum classify_way way);

static inline uint8_t look_octet(const struct look *l, size_t i)
{
	return i < l->n ? l->p[i] : ' ';
}

static inline bool within(struct stretch s, size_t at)
{
	return at >= s.from && at < s.to;
}

static inline struct stretch look_cover(struct look *l, size_t from, size_t to)
{
	l->covered = to > l->covered ? to : l->covered;
	return (struct stretch){ from, to };
}

static inline bool wanted(const struct finder *f, unsigned kind)
{
	return f->kinds >> kind & 1;
}

static inline bool ascii_alnum(uint8_t c)
{
	uint8_t lower = c | 0x20;
	return ascii_digit(c) || (lower >= 'a' && lower <= 'z');
}

static inline bool ascii_hex(uint8_t c)
{
	uint8_t lower = c | 0x20;
	return ascii_digit(c) || (lower >= 'a' && lower <= 'f');
}

/** How many octets of an escape may be glued to the front of what begins at `from`: the letter of \n, \r, \t, \b, \f, or the
 *  two digits of %2F.  Else 0. */
static inline size_t look_glued(const struct look *l, size_t from)
{
	if (from == 0)
		return 0;
	if (l->p[from - 1] == '\\')
		return memchr("nrtbf", look_octet(l, from), 5) ? 1 : 0;
	return l->p[from - 1] == '%' && ascii_hex(look_octet(l, from)) && ascii_hex(look_octet(l, from + 1)) ? 2 : 0;
}

/** Where the key of the next finding goes: OBS_KEY_MAX octets, until there is one. */
static inline uint8_t *look_store(struct look *l)
{
	pending_grow(&l->f->pending);
	return l->f->pending.key + l->f->pending.keys;
}

/** A finding from..to, whose key best is in look_store() already. */
void look_found(struct look *l, size_t from, size_t to, const struct observable *o);
/** The same for what is wanted, not clean and not within the last URL's host; its key, of `keys` octets, is in the store, and there is room. */
static inline void look_put(struct look *l, size_t from, size_t to, uint8_t kind, size_t keys)
{
	struct pending *p = &l->f->pending;
	size_t at = l->base + from;
	if (UNLIKELY(at < p->next || l->at)) {
		struct observable o = { .kind = kind, .n = (uint16_t)keys, .key = p->key + p->keys };
		look_found(l, from, to, &o);
		return;
	}
	/* Each member where it belongs: a struct that is copied waits for its parts. */
	struct finding *f = &p->item[p->n++];
	f->at = at;
	f->n = (uint32_t)(to - from);
	f->obs.kind = kind;
	f->obs.prefix = 0;
	f->obs.wildcard = false;
	f->obs.n = (uint16_t)keys;
	f->obs.key = (const uint8_t *)(uintptr_t)p->keys;
	p->keys += keys;
	p->next = at + 1;
}

/** The kind of from..to when it is known to be clean, else 0. */
static inline uint8_t look_clean(const struct look *l, size_t from, size_t to)
{
	return l->f->any_clean && !l->at ? seen_kind(&l->f->seen, span_of(l->p + from, to - from)) : 0;
}

/** Visit what no finding can come before any more when `pos` is where the finder is. */
void look_deliver(struct look *l, size_t pos);
/** From mark to mark; `odd` is for stretches that must be read. */
void look_walk(struct look *l, void (*odd)(struct look *l, size_t pos)); /* finder_walk.c */

/* All octets of a name but '_' and the capital letters have bit 0x20 already.  PLAIN_ROOM octets are read and written. */
static inline void lower_name(const uint8_t *restrict p, uint8_t *restrict ret)
{
	for (size_t i = 0; i < PLAIN_ROOM; i++)
		ret[i] = p[i] | (p[i] <= 'Z' ? 0x20 : 0);
}

/** Are the `n` octets at `p`, 4 to PLAIN_MAX of a word in ASCII, a name, which is canonical in lower case?  Bits of `hyphens` behind them do not count. */
static inline bool plain_name(const uint8_t *p, size_t n, uint64_t dots, uint64_t hyphens)
{
	uint64_t last = 1ULL << (n - 1), starts = dots << 1 | 1, ends = dots >> 1 | last;
	if (dots == 0 || (dots & (starts | last)) || (hyphens & (starts | ends)))
		return false;
	size_t label = 64 - (size_t)__builtin_clzll(dots);
	return (uint8_t)((p[label] | 0x20) - 'a') < 26 && n - label >= 2;
}

/** The name from..to as plain_name() knows it. @return its length, with the canonical form at `ret`, or 0. */
size_t look_plain_name(const struct look *l, size_t from, size_t to, uint8_t ret[PLAIN_ROOM]);

void look_word(struct look *l, size_t from, size_t to);    /* finder_word.c: the word from..to */
void look_behind(struct look *l, size_t from, size_t to, unsigned kind); /* what may stand behind a name or address from..to */
void look_six_at(struct look *l, size_t pos);              /* finder_run.c: an IPv6 address around `pos` */
void look_hash_at(struct look *l, size_t pos);             /*               a hash around `pos` */
void look_prefix(struct look *l, size_t from, size_t slash); /*             a prefix: an address from..slash, and behind it '/' */
void look_scheme_at(struct look *l, size_t colon);         /* finder_url.c: a URL whose "://" is at `colon` */
void look_bare_url(struct look *l, size_t from, size_t to); /*              a URL without scheme, whose host is from..to */

#endif
