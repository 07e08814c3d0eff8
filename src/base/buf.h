/* A growing run of octets that its holder owns.  Zero-initialised is empty and valid. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/span.h"

struct buf {
	uint8_t *p;
	size_t n, cap;
};

/** malloc that aborts when memory is out (everything that can grow has an explicit cap elsewhere). */
void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
void *mem_realloc(void *p, size_t n);
char *mem_strdup(const char *s);
/** Copy of `n` octets with a NUL behind them. */
char *mem_strndup(const void *p, size_t n);

void buf_release(struct buf *b);
/** Room for `more` octets behind the end; returns where they go.  Pointers into the buffer move. */
uint8_t *buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, uint8_t c);
void buf_puts(struct buf *b, const char *s);
void buf_putspan(struct buf *b, struct span s);
/** Unsigned decimal. */
void buf_putu(struct buf *b, uint64_t v);
/** `n` octets, the least significant one first. */
void buf_putle(struct buf *b, uint64_t v, unsigned n);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/** Remove the first `n` octets. */
void buf_consume(struct buf *b, size_t n);
/** The text with a NUL behind it (not counted in n); valid until the next change. */
const char *buf_cstr(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->n };
}

#endif
