/* A parcel is checked as a whole before the writer hears of it: one that does not hold must not take the commit of others with it.
 *
 * What makes it hold: its entries, behind those that are here, lead to the root that the checkpoint names (that is the proof of consistency, for
 * the tree that they are added to was signed, too); each body has the digest that its record says; and the checkpoint is signed by the key that
 * signed last, or by one that followed it by an entry of the lane (rekey.h). */
#include "ledger/mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "ledger/checkpoint.h"
#include "ledger/lane.h"
#include "ledger/lanelog.h"
#include "ledger/parcel.h"
#include "ledger/reader.h"
#include "ledger/record.h"
#include "ledger/rekey.h"
#include "ledger/removal.h"
#include "ledger/vault.h"
#include "sys/db.h"
#include "sys/digest.h"
#include "sys/key.h"

typedef unsigned long long ull;

enum { NONCE = 32 };

/* ---- giving ---- */

/* Why a body is gone. */
static enum err find_gone(struct connection *c, clearance clear, uint8_t lane, uint64_t index, struct parcel_entry *e, struct fault *f)
{
	struct query *q = pool_query(c, Q_GONE, clear);
	bool row;
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)index);
	enum err err = query_step(q, &row, f);
	if (err == OK && !row)
		err = fault_set(f, ERR_CORRUPT, "the body of an entry is lost");
	if (err == OK) {
		e->gone_kind = (uint8_t)query_int(q, 0);
		e->gone_said = (uint64_t)query_int(q, 1);
	}
	query_reset(q);
	return err;
}

/* Columns of Q_WHOLE. */
static enum err put_row(struct connection *c, clearance clear, uint8_t lane, struct query *q, struct buf *salted, struct buf *out, struct fault *f)
{
	struct parcel_entry e = { .record = query_octets(q, 4) };
	enum err err = OK;
	salted->n = 0;
	if (query_null(q, 8)) {
		err = find_gone(c, clear, lane, (uint64_t)query_int(q, 1), &e, f);
	} else {
		buf_putspan(salted, query_octets(q, 7));
		err = vault_unpack(query_octets(q, 8), (uint64_t)query_int(q, 3), salted, f);
		e.salted = buf_span(salted);
	}
	if (err == OK)
		parcel_put_entry(&e, out);
	return err;
}

/* Entries from `from` on, up to the last checkpoint within the bounds. */
static enum err put_rows(struct pool *p, clearance clear, uint8_t lane, uint64_t from, struct buf *out, uint32_t *ret_count, struct fault *f)
{
	struct connection *c;
	struct buf salted = { 0 };
	size_t end = 0;
	bool row;
	enum err e = pool_take(p, &c, f);
	if (e)
		return e;
	struct query *q = pool_query(c, Q_WHOLE, clear);
	query_set_int(q, 2, lane);
	query_set_int(q, 3, (int64_t)from);
	query_set_int(q, 4, (int64_t)(from + PARCEL_ENTRIES_MAX - 1));
	*ret_count = 0;
	for (uint32_t n = 1; (e = query_step(q, &row, f)) == OK && row; n++) {
		if (end && (n > PARCEL_ENTRIES || out->n > PARCEL_OCTETS))
			break;
		if ((e = put_row(c, clear, lane, q, &salted, out, f)) != OK || out->n > PARCEL_OCTETS_MAX)
			break;
		if (!query_null(q, 5)) {
			end = out->n;
			*ret_count = n;
		}
	}
	pool_give(p, c);
	buf_release(&salted);
	out->n = end;
	if (e == OK && !end)
		e = fault_set(f, ERR_RANGE, "no checkpoint was signed in the %d entries from %llu on: the lane cannot be given in parcels",
			      PARCEL_ENTRIES_MAX, (ull)from);
	return e;
}

enum err mirror_give(struct pool *p, clearance clear, uint8_t number, uint64_t from, struct buf *out, struct fault *f)
{
	struct parcel parcel = { .first = from };
	struct buf note = { 0 }, rows = { 0 };
	struct lane lane;
	enum err e = reader_lane(p, clear, number, &lane, f);
	if (e)
		return e;
	if (from > INT64_MAX / 2)
		return fault_set(f, ERR_RANGE, "no lane has so many entries");
	parcel.size_there = lane.size;
	if (from < lane.size)
		e = put_rows(p, clear, number, from, &rows, &parcel.count, f);
	if (e == OK)
		e = parcel.count ? lanelog_checkpoint_at(p, clear, number, from + parcel.count, &note, f) : lanelog_checkpoint(p, clear, number, &note, f);
	if (e == OK) {
		parcel.note = buf_span(&note);
		parcel_put_head(&parcel, out);
		buf_putspan(out, buf_span(&rows));
	}
	buf_release(&note);
	buf_release(&rows);
	return e;
}

enum err mirror_give_start(struct pool *p, clearance clear, uint8_t lane, uint64_t size, struct buf *out, struct fault *f)
{
	struct parcel parcel = { .first = size };
	struct buf note = { 0 };
	struct lane l;
	enum err e = reader_lane(p, clear, lane, &l, f);
	if (e)
		return e;
	if (size > l.size)
		return fault_set(f, ERR_RANGE, "the lane \"%s\" has only %llu entries", l.name, (ull)l.size);
	parcel.size_there = l.size;
	while ((e = parcel.first ? lanelog_checkpoint_at(p, clear, lane, parcel.first, &note, f) : OK) == ERR_NOTFOUND && size - parcel.first < PARCEL_ENTRIES_MAX)
		parcel.first--;
	if (e == OK && parcel.first) {
		parcel.note = buf_span(&note);
		parcel_put_head(&parcel, out);
	}
	buf_release(&note);
	return e == ERR_NOTFOUND ? fault_set(f, ERR_RANGE, "no checkpoint was signed in the %d entries before %llu: begin at 0", PARCEL_ENTRIES_MAX, (ull)size) : e;
}

/* ---- taking ---- */

/* What is known of a parcel while it is checked. */
struct taking {
	struct pool *pool;
	const struct mirror_order *order;
	struct span octets;
	struct parcel parcel;
	struct note note;
	struct checkpoint checkpoint;
	struct lane lane;             /* size 0: it is founded by this parcel */
	struct merkle_edge edge;
	uint8_t ring[256][KEY_OCTETS]; /* keys that have signed lanes of this node before */
	unsigned ring_last;
	bool has_key;
	uint8_t key[KEY_OCTETS];      /* that must have signed: the last one, and what follows from it */
	struct seal seal;
	struct told *told;
	struct foreign *foreign;
	struct removal *removal;
	struct buf *reason;
	struct buf objects;           /* struct object */
	uint32_t n;
	bool erases;
};

/* A lane of our own, or one that is here already, is not mirrored again: so there is no circle. */
static enum err no_lane_twice(const struct taking *t, struct fault *f)
{
	struct span own = span_str(pool_node(t->pool)), origin = t->checkpoint.origin;
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	unsigned n = 0;
	enum err e = reader_lanes(t->pool, CLEARANCE_ALL, lanes, &n, f);
	if (e == OK && span_starts(origin, own) && span_starts(span_from(origin, own.n), SPAN_LIT("/lanes/")))
		e = fault_set(f, ERR_FORBIDDEN, "\"" SPAN_FMT "\" is a lane of this node itself", SPAN_ARG(span_head(origin, 200)));
	for (unsigned i = 0; i < n && e == OK; i++)
		if (span_is(origin, lanes[i].origin))
			e = fault_set(f, ERR_EXISTS, "\"" SPAN_FMT "\" is mirrored already, as \"%s\"", SPAN_ARG(span_head(origin, 200)), lanes[i].name);
	if (e == OK && n >= LANES_MAX)
		e = fault_set(f, ERR_FULL, "lane \"%s\" is one too many: there are %d", t->lane.name, LANES_MAX);
	free(lanes);
	return e;
}

/* What the first entry says the lane is; its name here is the peer's and its name there. */
static enum err read_founding(struct taking *t, struct span body, unsigned number, struct fault *f)
{
	struct lane there;
	char name[LANE_NAME_MAX + 1];
	snprintf(name, sizeof(name), "%s", t->lane.name);
	enum err e = lane_read(body, &there, f);
	if (e)
		return e;
	if (there.origin[0] && !span_is(t->checkpoint.origin, there.origin))
		return fault_set(f, ERR_CORRUPT, "the first entry is of the lane \"%.160s\", the checkpoint of another", there.origin);
	if (t->checkpoint.origin.n > ORIGIN_MAX || strcmp(lane_first_name(&t->lane), lane_first_name(&there)) != 0)
		return fault_set(f, ERR_CORRUPT, "the lane there is called \"%s\"", there.name);
	there.number = (uint8_t)number;
	snprintf(there.name, sizeof(there.name), "%s", name);
	snprintf(there.peer, sizeof(there.peer), "%s", t->order->peer);
	snprintf(there.origin, sizeof(there.origin), SPAN_FMT, SPAN_ARG(t->checkpoint.origin));
	if ((e = lane_check(&there, f)) == OK)
		t->lane = there;
	return e;
}

static bool of_order(const struct mirror_order *o, const uint8_t key[KEY_OCTETS])
{
	for (unsigned i = 0; i < o->n_keys; i++)
		if (memcmp(o->keys[i], key, KEY_OCTETS) == 0)
			return true;
	return false;
}

static bool of_ring(const struct taking *t, const uint8_t key[KEY_OCTETS])
{
	for (unsigned i = 1; i <= t->ring_last; i++)
		if (memcmp(t->ring[i], key, KEY_OCTETS) == 0)
			return true;
	return false;
}

/* A line of the note that is by this key and holds. */
static bool signed_by(struct taking *t, const uint8_t key[KEY_OCTETS])
{
	uint32_t id = note_key_id(t->checkpoint.origin, NOTE_ED25519, key);
	bool holds = false;
	for (unsigned i = 0; i < t->note.n && !holds; i++) {
		struct buf octets = { 0 };
		if (t->note.line[i].id == id && span_eq(t->note.line[i].name, t->checkpoint.origin) &&
		    base64_decode(t->note.line[i].octets, &octets) == OK && octets.n == 4 + SIGNATURE_OCTETS &&
		    signature_holds(key, t->note.text, octets.p + 4)) {
			holds = true;
			t->seal.n = 1;
			memcpy(t->seal.by[0].key, key, KEY_OCTETS);
			memcpy(t->seal.by[0].signature, octets.p + 4, SIGNATURE_OCTETS);
		}
		buf_release(&octets);
	}
	return holds;
}

static enum err unsigned_note(const struct taking *t, struct fault *f)
{
	return fault_set(f, ERR_FORBIDDEN, "the checkpoint of \"" SPAN_FMT "\" is not signed by the key of the peer%s",
			 SPAN_ARG(span_head(t->checkpoint.origin, 200)),
			 t->has_key ? ", nor by one that followed it by an entry of the lane" : "");
}

/* Is it signed by whom it must be signed?  A key that is not known of the lane yet is taken when the operator has named it. */
static enum err check_signature(struct taking *t, struct fault *f)
{
	if (t->has_key && signed_by(t, t->key))
		return OK;
	for (unsigned i = 0; i < t->order->n_keys; i++)
		if ((!t->has_key || !of_ring(t, t->order->keys[i])) && signed_by(t, t->order->keys[i]))
			return OK;
	return unsigned_note(t, f);
}

/* One that proves something against its node: any key that has ever been its own will do. */
static enum err check_old_signature(struct taking *t, struct fault *f)
{
	if (check_signature(t, NULL) == OK)
		return OK;
	for (unsigned i = 1; i <= t->ring_last; i++)
		if (signed_by(t, t->ring[i]))
			return OK;
	return unsigned_note(t, f);
}

static enum err take_key(struct taking *t, struct span body, struct fault *f)
{
	uint8_t old[KEY_OCTETS], new[KEY_OCTETS];
	enum err e = rekey_read(body, t->checkpoint.origin, old, new, f);
	if (e)
		return e;
	if (t->has_key && memcmp(old, t->key, KEY_OCTETS) != 0)
		return fault_set(f, ERR_CORRUPT, "it replaces a key that is not the one that signs the lane");
	t->has_key |= of_order(t->order, old);
	memcpy(t->key, new, KEY_OCTETS);
	return OK;
}

/* What the entry means for the ledger itself. */
static enum err take_meaning(struct taking *t, uint32_t i, const struct record *r, struct span body, struct fault *f)
{
	uint64_t index = t->lane.size + i;
	struct removal *gone = &t->removal[i];
	if (r->kind == ENTRY_KEY)
		return take_key(t, body, f);
	if (r->kind == ENTRY_ERASED || r->kind == ENTRY_PRUNED) {
		enum err e = removal_read(body, &gone->first, &gone->last, &t->reason[i], f);
		if (e == OK && gone->last >= index)
			e = fault_set(f, ERR_CORRUPT, "it says that bodies are gone which are not there yet");
		gone->kind = r->kind;
		gone->reason = buf_cstr(&t->reason[i]);
		t->told[i].removes = gone;
		t->erases = true;
		return e;
	}
	size_t before = t->objects.n;
	if (t->order->objects && r->kind == ENTRY_FEED)
		t->order->objects(t->order->ctx, r, body, &t->objects);
	t->told[i].s.n_objects = (uint32_t)((t->objects.n - before) / sizeof(struct object));
	return OK;
}

static enum err check_body(const struct record *r, const struct parcel_entry *e, uint64_t index, struct fault *f)
{
	uint8_t digest[32];
	if (!e->salted.n && !entry_erasable(r->kind))
		return fault_set(f, ERR_CORRUPT, "its body is gone, and only those of feeds and evidence can be");
	if (!e->salted.n)
		return e->gone_said > index ? OK : fault_set(f, ERR_CORRUPT, "its body is said to be gone by an entry before it");
	sha256_two(e->salted, span_of(NULL, 0), digest);
	return memcmp(digest, r->digest, sizeof(digest)) == 0 ? OK : fault_set(f, ERR_CORRUPT, "its body is not what the digest says");
}

static enum err take_entry(struct taking *t, uint32_t i, const struct parcel_entry *e, struct fault *f)
{
	uint64_t index = t->lane.size + i;
	struct span body = span_from(e->salted, NONCE);
	uint8_t leaf[HASH_OCTETS];
	struct record r;
	enum err err = record_parse(e->record, &r, f);
	if (err == OK && (r.import > index || (index == 0) != (r.kind == ENTRY_LANE)))
		err = fault_set(f, ERR_CORRUPT, "it is out of place");
	if (err || (err = check_body(&r, e, index, f)))
		return err;
	if (index == 0 && (err = read_founding(t, body, t->lane.number, f)) != OK)
		return err;
	t->foreign[i] = (struct foreign){ .record = e->record, .nonce = span_head(e->salted, NONCE), .gone_kind = e->gone_kind,
					  .gone_said = e->gone_said, .index = index };
	t->told[i] = (struct told){ .foreign = &t->foreign[i], .s = { .lane = t->lane.number, .kind = r.kind, .flags = r.flags, .body = body } };
	if (index == 0)
		t->told[i].founds = &t->lane;
	merkle_leaf(e->record, leaf);
	merkle_edge_add(&t->edge, leaf);
	return take_meaning(t, i, &r, body, f);
}

/* Those that are here already are passed over: whether they are the same is said by the root. */
static enum err take_entries(struct taking *t, struct fault *f)
{
	struct parcel_entry entry;
	uint64_t index = t->parcel.first;
	enum err e;
	t->told = mem_zalloc((t->parcel.count + 1) * sizeof(*t->told));
	t->foreign = mem_zalloc((t->parcel.count + 1) * sizeof(*t->foreign));
	t->removal = mem_zalloc((t->parcel.count + 1) * sizeof(*t->removal));
	t->reason = mem_zalloc((t->parcel.count + 1) * sizeof(*t->reason));
	while ((e = parcel_next(&t->parcel, &entry, f)) == OK) {
		if (index++ < t->lane.size)
			continue;
		if ((e = take_entry(t, t->n, &entry, f)) != OK)
			return fault_at(f, "entry %llu of \"%s\"", (ull)(index - 1), t->lane.name), e;
		t->n++;
	}
	return e == ERR_NOTFOUND ? OK : e;
}

/* The lane as it is here: its tree, and whose keys sign it. */
static enum err load_lane(struct taking *t, struct fault *f)
{
	char ring[RING_MAX + 1];
	struct connection *c = NULL;
	bool row;
	lane_ring(&t->lane, ring);
	enum err e = lanelog_keys(t->pool, ring, t->ring, &t->ring_last, f);
	if (e || (e = lanelog_edge(t->pool, CLEARANCE_ALL, t->lane.number, t->lane.size, &t->edge, f)) || (e = pool_take(t->pool, &c, f)))
		return e;
	struct query *q = pool_query(c, Q_ROOT, CLEARANCE_ALL);
	query_set_int(q, 2, t->lane.number);
	if ((e = query_step(q, &row, f)) == OK) {
		struct span signatures = row ? query_octets(q, 2) : span_of(NULL, 0);
		if (signatures.n < 1 + SIGNATURE_OCTETS || (uint64_t)query_int(q, 0) + 1 != t->lane.size)
			e = fault_set(f, ERR_CORRUPT, "the last entry of \"%s\" has no signed root", t->lane.name);
		else
			memcpy(t->key, t->ring[signatures.p[signatures.n - 1 - SIGNATURE_OCTETS]], KEY_OCTETS);
		t->has_key = e == OK;
	}
	pool_give(t->pool, c);
	return e;
}

static enum err open_parcel(struct taking *t, struct span octets, struct fault *f)
{
	struct buf again = { 0 };
	enum err e;
	if ((e = parcel_open(octets, &t->parcel, f)) || (e = note_parse(t->parcel.note, &t->note, f)) ||
	    (e = checkpoint_parse(t->note.text, &t->checkpoint, f)))
		return e;
	checkpoint_put(&t->checkpoint, &again); /* it is kept as size and root, and made again from them */
	if (!span_eq(buf_span(&again), t->note.text))
		e = fault_set(f, ERR_UNSUPPORTED, "the checkpoint has lines that this program does not know");
	else if (t->parcel.count && t->checkpoint.size != t->parcel.first + t->parcel.count)
		e = fault_set(f, ERR_CORRUPT, "the checkpoint does not end with the last entry of the parcel");
	buf_release(&again);
	return e;
}

/* The peer has nothing more, or less than there was. */
static enum err compare(struct taking *t, struct mirror_done *d, struct fault *f)
{
	uint8_t root[HASH_OCTETS];
	merkle_edge_root(&t->edge, root);
	if (t->checkpoint.size > t->lane.size)
		return fault_set(f, ERR_CORRUPT, "the parcel has no entries, and its checkpoint has more than there are here");
	bool smaller = t->checkpoint.size < t->lane.size;
	enum err e = smaller ? check_old_signature(t, f) : check_signature(t, f);
	if (e)
		return e;
	d->state = smaller ? MIRROR_SMALLER : memcmp(root, t->checkpoint.root, sizeof(root)) == 0 ? MIRROR_LEVEL : MIRROR_DIFFERENT;
	d->proved = d->state == MIRROR_DIFFERENT;
	return OK;
}

/* All of it lies in what is here: it is that, or what its signer has signed there is another history. */
static enum err compare_within(struct taking *t, struct mirror_done *d, struct fault *f)
{
	uint8_t root[HASH_OCTETS];
	enum err e = check_old_signature(t, f);
	if (e || (e = lanelog_root(t->pool, CLEARANCE_ALL, t->lane.number, t->checkpoint.size, root, f)))
		return e;
	d->proved = memcmp(root, t->checkpoint.root, sizeof(root)) != 0;
	d->state = d->proved ? MIRROR_DIFFERENT : MIRROR_LEVEL;
	return OK;
}

/* The entries do not go on from what is here.  When the parcel begins before that, and leads from there to what was signed, then it is whole, and what is
 * signed in it is another history. */
static enum err find_proof(struct taking *t, struct mirror_done *d, struct fault *f)
{
	struct parcel p;
	struct parcel_entry entry;
	struct merkle_edge edge;
	uint8_t root[HASH_OCTETS], leaf[HASH_OCTETS];
	enum err e = parcel_open(t->octets, &p, f);
	d->state = MIRROR_DIFFERENT;
	if (e || p.first >= t->lane.size || (e = lanelog_edge(t->pool, CLEARANCE_ALL, t->lane.number, p.first, &edge, f)))
		return e;
	while ((e = parcel_next(&p, &entry, f)) == OK) {
		merkle_leaf(entry.record, leaf);
		merkle_edge_add(&edge, leaf);
	}
	merkle_edge_root(&edge, root);
	d->proved = e == ERR_NOTFOUND && memcmp(root, t->checkpoint.root, sizeof(root)) == 0;
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err append(struct taking *t, struct writer *w, struct mirror_done *d, struct fault *f)
{
	const struct object *objects = (const struct object *)(const void *)t->objects.p;
	memcpy(t->seal.root, t->checkpoint.root, sizeof(t->seal.root));
	t->foreign[t->n - 1].seal = &t->seal;
	for (uint32_t i = 0; i < t->n; i++) {
		t->told[i].s.objects = objects;
		objects += t->told[i].s.n_objects;
	}
	enum err e = t->order->only_check ? OK : writer_append(w, t->told, t->n, &d->first, f);
	if (e)
		return e;
	d->state = MIRROR_GREW;
	d->n = t->n;
	d->size = t->checkpoint.size;
	d->erased = t->erases;
	return t->erases && !t->order->only_check ? writer_flush(w, f) : OK;
}

static enum err take(struct taking *t, struct writer *w, struct mirror_done *d, struct fault *f)
{
	uint8_t root[HASH_OCTETS];
	enum err e;
	if (t->lane.size ? !span_is(t->checkpoint.origin, t->lane.origin) : !t->parcel.count)
		return fault_set(f, ERR_CORRUPT, "it is a parcel of \"" SPAN_FMT "\"%s%s", SPAN_ARG(span_head(t->checkpoint.origin, 150)),
				 t->lane.size ? ", and not of " : ", and empty", t->lane.size ? t->lane.origin : "");
	if (t->parcel.first > t->lane.size)
		return fault_set(f, ERR_BUSY, "the parcel begins at %llu, and there are %llu entries here", (ull)t->parcel.first, (ull)t->lane.size);
	if (!t->lane.size && (e = no_lane_twice(t, f)) != OK)
		return e;
	if (t->checkpoint.size == t->parcel.first + t->parcel.count && t->checkpoint.size < t->lane.size + (t->parcel.count > 0))
		return compare_within(t, d, f);
	if (!t->parcel.count)
		return compare(t, d, f);
	if ((e = take_entries(t, f)) != OK || (e = check_signature(t, f)) != OK)
		return e;
	merkle_edge_root(&t->edge, root);
	return memcmp(root, t->checkpoint.root, sizeof(root)) == 0 ? append(t, w, d, f) : find_proof(t, d, f);
}

static void release(struct taking *t)
{
	for (uint32_t i = 0; t->reason && i < t->parcel.count; i++)
		buf_release(&t->reason[i]);
	buf_release(&t->objects);
	free(t->told);
	free(t->foreign);
	free(t->removal);
	free(t->reason);
	free(t);
}

/* By name; a lane that is not there gets the next number. */
static enum err find_lane(struct taking *t, unsigned next, struct fault *f)
{
	struct lane *lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	char name[LANE_NAME_MAX + 1];
	unsigned n = 0, i = 0;
	int octets = snprintf(name, sizeof(name), "%s.%s", t->order->peer, t->order->lane);
	enum err e = octets < 0 || (size_t)octets >= sizeof(name) ? fault_set(f, ERR_RANGE, "\"%.31s.%.100s\" is longer than the name of a lane can be",
									t->order->peer, t->order->lane) : reader_lanes(t->pool, CLEARANCE_ALL, lanes, &n, f);
	while (i < n && strcmp(lanes[i].name, name) != 0)
		i++;
	if (i < n)
		t->lane = lanes[i];
	else
		t->lane.number = (uint8_t)(next < LANES_MAX ? next : 0);
	snprintf(t->lane.name, sizeof(t->lane.name), "%s", e ? "" : name);
	free(lanes);
	return e || !t->lane.size ? e : load_lane(t, f);
}

enum err mirror_take(struct pool *p, struct writer *w, const struct mirror_order *o, struct span parcel, struct mirror_done *ret_done,
		     struct fault *f)
{
	struct taking *t = mem_zalloc(sizeof(*t));
	t->pool = p;
	t->order = o;
	t->octets = parcel;
	enum err e = open_parcel(t, parcel, f);
	if (e == OK && (e = find_lane(t, writer_lanes(w), f)) == OK) {
		*ret_done = (struct mirror_done){ .lane = t->lane.number, .size = t->lane.size, .size_there = t->parcel.size_there,
						  .founded = !t->lane.size };
		e = take(t, w, ret_done, f);
	}
	release(t);
	return e;
}
