/* Each library has the same loop under another name: next_in, avail_in, next_out, avail_out, a call, a verdict.  A packer
 * here is three functions around that: start, step, stop. */
#include "sys/unpack.h"

#include "base/buf.h"
#include "sys/gzip.h"
#include "sys/zstd.h"

#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>

enum { XZ_MEMORY_MAX = 256 << 20 /**< xz -9 needs 65 MiB */ };

struct unpacker {
	enum packing packing;
	union {
		struct gzip_reader *gzip;
		struct zstd_reader *zstd;
		lzma_stream xz;
		bz_stream bzip2;
	};
};

enum packing packing_find(struct span head)
{
	static const struct {
		enum packing packing;
		struct span magic;
	} magics[] = {
		{ PACKING_GZIP, { (const uint8_t *)"\x1f\x8b\x08", 3 } },
		{ PACKING_ZSTD, { (const uint8_t *)"\x28\xb5\x2f\xfd", 4 } },
		{ PACKING_XZ, { (const uint8_t *)"\xfd"
						 "7zXZ\0",
				6 } },
	};
	for (size_t i = 0; i < COUNT_OF(magics); i++)
		if (span_starts(head, magics[i].magic))
			return magics[i].packing;
	/* "BZh9" could begin a text: the magic of the first block (pi) or of the end (its root) must follow. */
	if (head.n >= 10 && !memcmp(head.p, "BZh", 3) && head.p[3] >= '1' && head.p[3] <= '9' &&
	    (!memcmp(head.p + 4, "\x31\x41\x59\x26\x53\x59", 6) || !memcmp(head.p + 4, "\x17\x72\x45\x38\x50\x90", 6)))
		return PACKING_BZIP2;
	/* A skippable zstd frame, 0x184d2a50 to 0x184d2a5f: pzstd and zstd --seekable write one first. */
	if (head.n >= 4 && (head.p[0] & 0xf0) == 0x50 && !memcmp(head.p + 1, "\x2a\x4d\x18", 3))
		return PACKING_ZSTD;
	return PACKING_NONE;
}

const char *packing_name(enum packing p)
{
	static const char *const names[] = { "none", "gzip", "zstd", "xz", "bzip2" };
	return names[p];
}

struct unpacker *unpacker_new(enum packing p)
{
	struct unpacker *u = mem_zalloc(sizeof(*u));
	bool ok = true;
	u->packing = p;
	switch (p) {
	case PACKING_GZIP:
		u->gzip = gzip_reader_new();
		break;
	case PACKING_ZSTD:
		u->zstd = zstd_reader_new();
		break;
	case PACKING_XZ:
		ok = lzma_stream_decoder(&u->xz, XZ_MEMORY_MAX, 0) == LZMA_OK;
		break;
	case PACKING_BZIP2:
		ok = BZ2_bzDecompressInit(&u->bzip2, 0, 0) == BZ_OK;
		break;
	case PACKING_NONE:
		ok = false;
	}
	if (!ok)
		abort(); /* out of memory, or a caller that broke the contract */
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (!u)
		return;
	if (u->packing == PACKING_GZIP)
		gzip_reader_free(u->gzip);
	else if (u->packing == PACKING_ZSTD)
		zstd_reader_free(u->zstd);
	else if (u->packing == PACKING_XZ)
		lzma_end(&u->xz);
	else
		BZ2_bzDecompressEnd(&u->bzip2);
	free(u);
}

static enum err step_xz(lzma_stream *x, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end, struct fault *f)
{
	x->next_in = in->p;
	x->avail_in = in->n;
	x->next_out = to;
	x->avail_out = cap;
	lzma_ret verdict = lzma_code(x, LZMA_RUN);
	*in = span_from(*in, in->n - x->avail_in);
	*ret_n = cap - x->avail_out;
	*ret_end = verdict == LZMA_STREAM_END;
	switch (verdict) {
	case LZMA_OK:
	case LZMA_STREAM_END:
	case LZMA_BUF_ERROR:
		return OK;
	case LZMA_MEM_ERROR:
		abort();
	case LZMA_MEMLIMIT_ERROR:
		return fault_set(f, ERR_CORRUPT, "the xz stream needs more than %d MiB of memory", XZ_MEMORY_MAX >> 20);
	default:
		return fault_set(f, ERR_CORRUPT, "the xz stream is damaged");
	}
}

static enum err step_bzip2(bz_stream *b, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end, struct fault *f)
{
	b->next_in = (char *)(uintptr_t)in->p;
	b->avail_in = (unsigned)in->n;
	b->next_out = (char *)to;
	b->avail_out = (unsigned)cap;
	int verdict = BZ2_bzDecompress(b);
	*in = span_from(*in, in->n - b->avail_in);
	*ret_n = cap - b->avail_out;
	*ret_end = verdict == BZ_STREAM_END;
	if (verdict == BZ_OK || verdict == BZ_STREAM_END)
		return OK;
	if (verdict == BZ_MEM_ERROR)
		abort();
	return fault_set(f, ERR_CORRUPT, "the bzip2 stream is damaged");
}

enum err unpacker_step(struct unpacker *u, struct span *in, uint8_t *to, size_t cap, size_t *ret_n, bool *ret_end,
		       struct fault *f)
{
	switch (u->packing) {
	case PACKING_GZIP:
		return gzip_reader_step(u->gzip, in, to, cap, ret_n, ret_end, f);
	case PACKING_ZSTD:
		return zstd_reader_step(u->zstd, in, to, cap, ret_n, ret_end, f);
	case PACKING_XZ:
		return step_xz(&u->xz, in, to, cap, ret_n, ret_end, f);
	default:
		return step_bzip2(&u->bzip2, in, to, cap, ret_n, ret_end, f);
	}
}
