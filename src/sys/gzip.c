#include "sys/gzip.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 16 + MAX_WBITS /* 16: with the header and trailer of gzip */, MEMORY_LEVEL = 8, LEVEL = 3, PIECE = 16 << 10 };

struct gzip_reader {
	z_stream z;
};

struct gzip_reader *gzip_reader_new(void)
{
	struct gzip_reader *r = mem_zalloc(sizeof(*r));
	if (inflateInit2(&r->z, GZIP_WINDOW) != Z_OK)
		abort(); /* out of memory */
	return r;
}

void gzip_reader_free(struct gzip_reader *r)
{
	if (!r)
		return;
	inflateEnd(&r->z);
	free(r);
}

enum err gzip_reader_step(struct gzip_reader *r, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
			  struct fault *f)
{
	z_stream *z = &r->z;
	z->next_in = (Bytef *)(uintptr_t)in->p;
	z->avail_in = (uInt)in->n;
	z->next_out = to;
	z->avail_out = (uInt)cap;
	int verdict = inflate(z, Z_NO_FLUSH);
	*in = span_from(*in, in->n - z->avail_in);
	*ret_n = cap - z->avail_out;
	*ret_end = verdict == Z_STREAM_END;
	if (verdict == Z_OK || verdict == Z_STREAM_END || verdict == Z_BUF_ERROR)
		return OK;
	if (verdict == Z_MEM_ERROR)
		abort();
	return fault_set(f, ERR_CORRUPT, "the gzip stream is damaged: %s", z->msg ? z->msg : "wrong checksum or header");
}

struct gzip_writer {
	z_stream z;
};

struct gzip_writer *gzip_writer_new(void)
{
	struct gzip_writer *w = mem_zalloc(sizeof(*w));
	if (deflateInit2(&w->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return w;
}

void gzip_writer_free(struct gzip_writer *w)
{
	if (!w)
		return;
	deflateEnd(&w->z);
	free(w);
}

void gzip_writer_put(struct gzip_writer *w, struct span in, bool last, struct buf *out)
{
	z_stream *z = &w->z;
	z->next_in = (Bytef *)(uintptr_t)in.p;
	z->avail_in = (uInt)in.n;
	do {
		z->next_out = buf_reserve(out, PIECE);
		z->avail_out = PIECE;
		if (deflate(z, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			abort(); /* a caller that broke the contract */
		out->n += PIECE - z->avail_out;
	} while (z->avail_out == 0);
}
