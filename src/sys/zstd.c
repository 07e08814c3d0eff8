#include "sys/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

struct packer {
	ZSTD_CCtx *ctx;
};

struct packer *packer_new(int level)
{
	struct packer *p = mem_alloc(sizeof(*p));
	p->ctx = ZSTD_createCCtx();
	if (!p->ctx)
		abort();
	ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, level);
	return p;
}

void packer_free(struct packer *p)
{
	if (p)
		ZSTD_freeCCtx(p->ctx);
	free(p);
}

void packer_pack(struct packer *p, struct span in, struct buf *out)
{
	size_t bound = ZSTD_compressBound(in.n);
	size_t n = ZSTD_compress2(p->ctx, buf_reserve(out, bound), bound, in.p, in.n);
	/* With room for the bound only memory can fail, and that aborts everywhere. */
	if (ZSTD_isError(n))
		abort();
	out->n += n;
}

enum err zstd_unpack(struct span frame, size_t max, struct buf *out, struct fault *f)
{
	unsigned long long said = ZSTD_getFrameContentSize(frame.p, frame.n);
	if (said == ZSTD_CONTENTSIZE_ERROR)
		return fault_set(f, ERR_CORRUPT, "the octets are not a zstd frame");
	if (said == ZSTD_CONTENTSIZE_UNKNOWN)
		return fault_set(f, ERR_CORRUPT, "the zstd frame does not say how large its content is");
	if (said > max)
		return fault_set(f, ERR_RANGE, "the zstd frame holds %llu octets, at most %zu are allowed", said, max);
	size_t size = ZSTD_findFrameCompressedSize(frame.p, frame.n);
	if (!ZSTD_isError(size) && size != frame.n)
		return fault_set(f, ERR_CORRUPT, "%zu octets follow the zstd frame", frame.n - size);
	uint8_t *to = buf_reserve(out, (size_t)said);
	size_t n = ZSTD_decompress(to, (size_t)said, frame.p, frame.n);
	if (ZSTD_isError(n))
		return fault_set(f, ERR_CORRUPT, "the zstd frame is damaged: %s", ZSTD_getErrorName(n));
	out->n += n;
	return OK;
}

struct zstd_reader {
	ZSTD_DCtx *ctx;
};

struct zstd_reader *zstd_reader_new(void)
{
	struct zstd_reader *r = mem_alloc(sizeof(*r));
	r->ctx = ZSTD_createDCtx();
	if (!r->ctx)
		abort();
	ZSTD_DCtx_setParameter(r->ctx, ZSTD_d_windowLogMax, 27);
	return r;
}

void zstd_reader_free(struct zstd_reader *r)
{
	if (r)
		ZSTD_freeDCtx(r->ctx);
	free(r);
}

enum err zstd_reader_step(struct zstd_reader *r, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
			  struct fault *f)
{
	ZSTD_inBuffer from = { in->p, in->n, 0 };
	ZSTD_outBuffer into = { to, cap, 0 };
	size_t left = ZSTD_decompressStream(r->ctx, &into, &from);
	*in = span_from(*in, from.pos);
	*ret_n = into.pos;
	*ret_end = left == 0;
	if (!ZSTD_isError(left))
		return OK;
	*ret_end = false;
	if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
		return fault_set(f, ERR_CORRUPT, "the zstd stream needs a window above 128 MiB");
	return fault_set(f, ERR_CORRUPT, "the zstd stream is damaged: %s", ZSTD_getErrorName(left));
}
