#include "ledger/lanereader.h"

#include <errno.h>

#include "base/io.h"

enum { READ_OCTETS = 1 << 18 };

typedef unsigned long long ull;

void lanereader_release(struct lanereader *r)
{
	buf_release(&r->ahead);
}

/* @return ERR_MORE: there is nothing more. */
static enum err read_more(struct lanereader *r, struct fault *f)
{
	ssize_t n = io_read(r->fd, r->caller, buf_reserve(&r->ahead, READ_OCTETS), READ_OCTETS);
	if (n == IO_GONE)
		return fault_set(f, ERR_CANCELLED, "stopped");
	if (n < 0)
		return fault_set(f, ERR_IO, "it cannot be read: %s", strerror(errno));
	r->ahead.n += (size_t)n;
	r->octets += (uint64_t)n;
	return n ? OK : fault_set(f, ERR_MORE, "it ends in the middle, behind %llu entries", (ull)r->at);
}

enum err lanereader_head(struct lanereader *r, struct fault *f)
{
	enum err e;
	while ((e = lanefile_head(buf_span(&r->ahead), &r->head, &r->used, f)) == ERR_MORE)
		if ((e = read_more(r, f)) != OK)
			return e;
	r->at = r->head.first;
	return e;
}

static enum err at_end(struct lanereader *r, struct fault *f)
{
	enum err e = r->ahead.n > r->used ? OK : read_more(r, f);
	return e == ERR_MORE ? ERR_NOTFOUND : e ? e : fault_set(f, ERR_SYNTAX, "something follows its end");
}

enum err lanereader_next(struct lanereader *r, struct span *ret_parcel, struct parcel *ret_parsed, struct fault *f)
{
	enum err e;
	buf_consume(&r->ahead, r->used);
	r->used = 0;
	while ((e = lanefile_next(buf_span(&r->ahead), ret_parcel, &r->used, f)) == ERR_MORE)
		if ((e = read_more(r, f)) != OK)
			return e;
	if (e == ERR_NOTFOUND)
		return at_end(r, f);
	if (e || (e = parcel_open(*ret_parcel, ret_parsed, f)))
		return e;
	if (ret_parsed->first != r->at)
		return fault_set(f, ERR_CORRUPT, "a parcel in it begins at %llu, and the one before it ends at %llu", (ull)ret_parsed->first, (ull)r->at);
	r->at += ret_parsed->count;
	return OK;
}
