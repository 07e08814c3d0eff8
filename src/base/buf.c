#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/octets.h"

static void *or_die(void *p, size_t n)
{
	if (!p && n) {
		fprintf(stderr, "sipar: out of memory (%zu octets asked)\n", n);
		abort();
	}
	return p;
}

void *mem_alloc(size_t n)
{
	return or_die(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n)
{
	return or_die(calloc(1, n ? n : 1), n);
}

void *mem_realloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1), n);
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const void *p, size_t n)
{
	char *s = mem_alloc(n + 1);
	if (n)
		memcpy(s, p, n);
	s[n] = 0;
	return s;
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

uint8_t *buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->n < more || !b->p) {
		size_t cap = b->cap + b->cap / 2 + 64;
		if (cap < b->n + more)
			cap = b->n + more;
		b->p = mem_realloc(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n) {
		memcpy(buf_reserve(b, n), p, n);
		b->n += n;
	}
}

void buf_putc(struct buf *b, uint8_t c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putspan(struct buf *b, struct span s)
{
	buf_put(b, s.p, s.n);
}

void buf_putu(struct buf *b, uint64_t v)
{
	uint8_t digits[20];
	size_t i = sizeof(digits);
	do
		digits[--i] = '0' + v % 10;
	while (v /= 10);
	buf_put(b, digits + i, sizeof(digits) - i);
}

void buf_putle(struct buf *b, uint64_t v, unsigned n)
{
	put_le(buf_reserve(b, n), v, n);
	b->n += n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room = 128;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf((char *)buf_reserve(b, room), room, fmt, ap);
	va_end(ap);
	if (n >= (int)room) /* a second time, now that the length is known */
		vsnprintf((char *)buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
	if (n > 0)
		b->n += (size_t)n;
	va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
	b->n -= n;
	if (b->n)
		memmove(b->p, b->p + n, b->n);
}

const char *buf_cstr(struct buf *b)
{
	*buf_reserve(b, 1) = 0;
	return (const char *)b->p;
}
