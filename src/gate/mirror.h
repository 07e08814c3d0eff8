/* Mirror: what the gate must know of a parcel of a mirrored lane (ledger/parcel.h) before and when it is taken. */
#ifndef GATE_MIRROR_H
#define GATE_MIRROR_H

#include "ledger/ledger.h"
#include "ledger/parcel.h"

/** What a parcel says that concerns more than its lane. */
struct mirror_news {
	bool counts;            /**< it ends imports, tells of hits or erases: the state is another one with it */
	unsigned n;             /**< sources whose imports end in it, each once */
	struct { char name[64]; bool snapshot; } source[PARCEL_ENTRIES_MAX];
};
/** Nothing of it is checked but its form.  @return as parcel_open(). */
enum err mirror_look(struct span parcel, struct mirror_news *ret_news, struct fault *f) MUST_USE;

/** For mirror_order.objects: as the importer finds them.  Of a body that goes on in the next entry, those that are whole in it. */
void mirror_objects(void *ctx, const struct record *r, struct span body, struct buf *ret_objects);

#endif
