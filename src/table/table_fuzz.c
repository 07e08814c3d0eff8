/* An image of hostile octets: whatever it says, no read may leave it.  Tried as it is and with the header's check and
 * size put right, which an attacker can do as well. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/observable.h"
#include "table/layout.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct look {
	const struct table_view *view;
	uint64_t sum;
};

static void each(void *ctx, const struct table_key *k, const struct claim *claims, unsigned n)
{
	struct look *l = ctx;
	struct table_hits hits;
	for (unsigned i = 0; i < n; i++)
		l->sum += claims[i].entry;
	for (unsigned i = 0; i < k->n; i++)
		l->sum += k->p[i];
	table_lookup(l->view, k, &hits);
	l->sum += hits.n;
}

static void visit(void *ctx, size_t i, const struct table_hits *hits)
{
	for (unsigned j = 0; j < hits->n; j++)
		((struct look *)ctx)->sum += hits->hit[j].claims[hits->hit[j].n - 1].seen + hits->hit[j].key.p[0] + i;
}

static void try(const uint8_t *data, size_t size)
{
	static const uint8_t octets[32] = { 192, 0, 2, 1 };
	static const struct table_key keys[] = {
		{ OBS_IPV4, 0, 4, octets }, { OBS_IPV6, 0, 16, octets }, { OBS_SHA256, 0, 32, octets },
		{ OBS_CIDR4, 24, 4, octets }, { OBS_DOMAIN, 0, 16, (const uint8_t *)"www.evil.example" },
	};
	struct image *m, *merged;
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (image_open_fd(fd, "fuzz", false, &m, NULL) == OK) {
		struct table_view view = { .n = 1, .level = { m }, .seed = image_seed(m) };
		struct look l = { &view, 0 };
		image_each(m, each, &l);
		table_lookup_batch(&view, keys, COUNT_OF(keys), visit, &l);
		if (image_merge(&m, 1, NULL, NULL, NULL, &merged, NULL, NULL) == OK) {
			view.level[0] = merged;
			image_each(merged, each, &l);
			image_free(merged);
		}
		image_free(m);
	}
	if (image_open_fd(fd, "fuzz", true, &m, NULL) == OK)
		image_free(m);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_header h;
	try(data, size);
	if (size < sizeof(h))
		return 0;
	uint8_t *mended = malloc(size);
	memcpy(mended, data, size);
	memcpy(&h, data, sizeof(h));
	memcpy(h.magic, "SIPARIMG", 8);
	h.version = IMAGE_VERSION;
	h.mark = IMAGE_MARK;
	h.octets = size;
	h.check = image_check(0, &h, offsetof(struct image_header, check));
	memcpy(mended, &h, sizeof(h));
	try(mended, size);
	free(mended);
	return 0;
}
