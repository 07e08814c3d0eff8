#include "gate/submit.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/formats.h"
#include "codec/json.h"
#include "codec/json_same.h"
#include "codec/stix_check.h"
#include "gate/import.h"
#include "sys/key.h"

enum { MARKINGS_MAX = 1000 /* of an envelope: more are not known */, REASON = 240, OPENING_MS = 5000 };

struct item {
	struct span text;
	struct stix_object object;
	uint64_t id;          /* object_index_id() */
	bool taken, stored;
	char *message;        /* NULL: none */
	struct object_ref there; /* what has the same id and version; length 0: nothing */
};

struct known_marking {
	struct span id, object; /* the definition that was sent along; empty: none */
	uint8_t tlp;
};

struct submission_of {
	struct objects *o;
	struct ledger *ledger;
	const struct asker *asker;
	const struct lane *lane;
	clearance clear;          /* the lane alone */
	struct object_index *index;
	struct item *item;
	size_t n, cap;
	struct known_marking *sent, *known; /* definitions in the envelope; those that were asked for */
	unsigned n_sent, n_known;
	struct siphash_seed seed;
	uint64_t owner_entry;     /* whose party is `owner` */
	char owner[64];
};

static void refuse(struct item *it, const char *reason)
{
	free(it->message);
	it->message = mem_strdup(reason);
	it->taken = it->stored = false;
}

/* ---- reading what was sent ---- */

static enum err add_item(struct submission_of *s, struct span text, struct fault *f)
{
	if (s->n == SUBMIT_OBJECTS_MAX)
		return fault_set(f, ERR_RANGE, "there are more than %d objects", SUBMIT_OBJECTS_MAX);
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->item = mem_realloc(s->item, s->cap * sizeof(*s->item));
	}
	s->item[s->n++] = (struct item){ .text = text };
	return OK;
}

static enum err broken(struct json_reader *r, struct fault *f)
{
	uint64_t line, column;
	json_place(r, &line, &column);
	return fault_set(f, ERR_SYNTAX, "line %llu column %llu: %s", (unsigned long long)line, (unsigned long long)column,
			 r->error ? r->error : "the text ends inside a value");
}

static enum err read_list(struct submission_of *s, struct json_reader *r, struct fault *f)
{
	struct json_reader at = *r;
	if (json_next(&at) != JSON_ARRAY)
		return fault_set(f, ERR_UNSUPPORTED, "\"objects\" is not a list");
	for (;;) {
		struct json_reader before = at;
		enum json_token t = json_next(&before);
		if (t == JSON_ARRAY_END) {
			*r = before;
			return OK;
		}
		if (t <= JSON_ERROR || json_skip(&at) <= JSON_ERROR) {
			*r = t <= JSON_ERROR ? before : at;
			return broken(r, f);
		}
		enum err e = add_item(s, at.slice, f);
		if (e)
			return e;
	}
}

static enum err read_envelope(struct submission_of *s, struct span envelope, struct fault *f)
{
	struct json_reader r;
	enum json_token t;
	bool found = false;
	enum err e = OK;
	json_init(&r, envelope, true);
	if ((t = json_next(&r)) != JSON_OBJECT) {
		bool json = t > JSON_ERROR;
		for (json_init(&r, envelope, true); json && (t = json_next(&r)) > JSON_ERROR;)
			;
		return json && t == JSON_END ? fault_set(f, ERR_UNSUPPORTED, "it is not an envelope: an object with a list \"objects\"") : broken(&r, f);
	}
	while ((t = json_next(&r)) == JSON_KEY && e == OK) {
		bool list = span_is(r.slice, "objects");
		if (list && found)
			return fault_set(f, ERR_UNSUPPORTED, "it has two lists \"objects\"");
		if (list)
			e = read_list(s, &r, f);
		else if (json_skip(&r) <= JSON_ERROR)
			return broken(&r, f);
		found |= list;
	}
	if (e)
		return e;
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return broken(&r, f);
	return found ? OK : fault_set(f, ERR_UNSUPPORTED, "it has no list \"objects\"");
}

/* ---- markings ---- */

static bool take_marking(void *ctx, const struct object_ref *ref, const struct stix_object *object)
{
	*(uint8_t *)ctx = stix_marking_read(object->octets);
	return false;
}

/* Definitions may stand behind what is marked with them. */
static void gather_markings(struct submission_of *s)
{
	static const char prefix[] = "\"marking-definition--";
	struct stix_object object;
	s->sent = mem_alloc(MARKINGS_MAX * sizeof(*s->sent));
	s->known = mem_alloc(MARKINGS_MAX * sizeof(*s->known));
	for (size_t i = 0; i < s->n && s->n_sent < MARKINGS_MAX; i++) {
		struct span text = s->item[i].text;
		if (memmem(text.p, text.n, prefix, sizeof(prefix) - 1) && stix_object_read(text, &object, NULL) == OK &&
		    span_is(object.type, "marking-definition"))
			s->sent[s->n_sent++] = (struct known_marking){ .id = object.id, .object = object.octets };
	}
}

static uint8_t find_marking(struct submission_of *s, struct span id)
{
	struct object_ref ref;
	uint8_t tlp = TLP_RED;
	for (unsigned i = 0; i < s->n_sent; i++)
		if (span_eq(s->sent[i].id, id))
			return stix_marking_read(s->sent[i].object);
	if (object_index_last(s->index, id, &ref))
		(void)!objects_read(s->o, s->clear, s->index, &ref, 1, take_marking, &tlp, NULL);
	return tlp;
}

/* The same few come with every object. */
static uint8_t marking(void *ctx, struct span id)
{
	struct submission_of *s = ctx;
	for (unsigned i = 0; i < s->n_known; i++)
		if (span_eq(s->known[i].id, id))
			return s->known[i].tlp;
	if (s->n_known == MARKINGS_MAX || !span_starts(id, SPAN_LIT("marking-definition--")))
		return TLP_RED;
	s->known[s->n_known++] = (struct known_marking){ .id = id, .tlp = find_marking(s, id) };
	return s->known[s->n_known - 1].tlp;
}

/* ---- judging ---- */

static void judge_alone(struct submission_of *s, struct item *it)
{
	struct fault f;
	uint8_t tlp;
	char reason[REASON];
	if (stix_check(it->text, marking, s, &it->object, &tlp, &f)) {
		refuse(it, f.text);
		return;
	}
	it->id = object_index_id(s->index, it->object.id);
	if (tlp > s->lane->tlp) {
		snprintf(reason, sizeof(reason), "it is marked %s, or with a marking that nobody here knows, and \"%s\" is for %s", tlp_name(tlp), s->lane->name,
			 tlp_name(s->lane->tlp));
		refuse(it, reason);
		return;
	}
	it->taken = it->stored = true;
}

static uint64_t digest_of(const struct submission_of *s, struct span text)
{
	uint64_t digest = 0;
	return json_digest(text, s->seed, &digest) ? digest : 0;
}

/* Observables have no versions: the first one stays. */
static void same_version(const struct submission_of *s, struct item *it, struct span other)
{
	bool same = !it->object.version.n || digest_of(s, it->object.octets) == digest_of(s, other);
	if (!same) {
		refuse(it, "this id and version is there already, with other content");
		return;
	}
	it->stored = false;
	it->message = mem_strdup("it is there already");
}

static int by_version(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->object.version_us != y->object.version_us)
		return x->object.version_us < y->object.version_us ? -1 : 1;
	return (x > y) - (x < y);
}

/* @return the items that are to be stored, by id and version; how many. */
static size_t sorted(struct submission_of *s, struct item ***ret)
{
	struct item **all = mem_alloc((s->n + 1) * sizeof(*all));
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].stored)
			all[n++] = &s->item[i];
	if (n)
		qsort(all, n, sizeof(*all), by_version);
	*ret = all;
	return n;
}

/* One version of an object once, though it is sent twice; and nothing behind a version that is revoked. */
static void judge_together(struct submission_of *s)
{
	struct item **all;
	size_t n = sorted(s, &all);
	const struct item *last = NULL;
	for (size_t i = 0; i < n; i++) {
		bool same = last && last->id == all[i]->id;
		if (same && last->object.version_us == all[i]->object.version_us)
			same_version(s, all[i], last->object.octets);
		else if (same && last->object.revoked)
			refuse(all[i], "a version before it is revoked: none comes behind that");
		last = all[i]->stored ? all[i] : same ? last : NULL;
	}
	free(all);
}

/* Who has told what the lane has last of it. */
static const char *owner_of(struct submission_of *s, const struct object_ref *ref)
{
	struct entry e;
	if (s->owner_entry == ref->entry)
		return s->owner;
	if (ledger_entry(s->ledger, s->clear, ref->entry, &e))
		return "";
	memcpy(s->owner, e.party, sizeof(s->owner));
	s->owner_entry = ref->entry;
	entry_release(&e);
	return s->owner;
}

static void judge_against_lane(struct submission_of *s, struct item *it)
{
	struct object_ref last;
	if (!object_index_last(s->index, it->object.id, &last))
		return;
	if (object_index_has(s->index, it->object.id, it->object.version_us, &it->there))
		return; /* compared later, in order of their entries */
	if (last.flags & OBJECT_REVOKED && it->object.version_us > last.version_us)
		refuse(it, "a version before it is revoked: none comes behind that");
	else if (!role_may(s->asker->role, RIGHT_RETRACT) && strcmp(owner_of(s, &last), s->asker->party) != 0)
		refuse(it, "another party has told this object, and new versions of it are theirs to tell");
}

struct comparing {
	struct submission_of *s;
	struct item **item;
	const struct object_ref *refs;
	size_t n, at;
};

static bool compare(void *ctx, const struct object_ref *ref, const struct stix_object *object)
{
	struct comparing *c = ctx;
	while (c->at < c->n && &c->refs[c->at] != ref)
		c->at++; /* erased meanwhile: it is stored anew */
	if (c->at < c->n)
		same_version(c->s, c->item[c->at++], object->octets);
	return true;
}

static int by_entry(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	return (x->there.added_us > y->there.added_us) - (x->there.added_us < y->there.added_us);
}

/* What has an id and version that the lane has, against what that is. */
static enum err compare_all(struct submission_of *s, struct fault *f)
{
	struct item **all = mem_alloc((s->n + 1) * sizeof(*all));
	struct comparing c = { .s = s, .item = all };
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].stored && s->item[i].there.length)
			all[c.n++] = &s->item[i];
	struct object_ref *refs = mem_alloc((c.n + 1) * sizeof(*refs));
	if (c.n)
		qsort(all, c.n, sizeof(*all), by_entry);
	for (size_t i = 0; i < c.n; i++)
		refs[i] = all[i]->there;
	c.refs = refs;
	enum err e = objects_read(s->o, s->clear, s->index, refs, (unsigned)c.n, compare, &c, f);
	free(refs);
	free(all);
	return e;
}

static enum err judge(struct submission_of *s, struct fault *f)
{
	gather_markings(s);
	for (size_t i = 0; i < s->n; i++)
		judge_alone(s, &s->item[i]);
	judge_together(s);
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].stored)
			judge_against_lane(s, &s->item[i]);
	return compare_all(s, f);
}

/* ---- storing ---- */

static bool put_stored(const struct submission_of *s, struct buf *out)
{
	bool any = false;
	for (size_t i = 0; i < s->n; i++) {
		if (!s->item[i].stored)
			continue;
		buf_puts(out, any ? "," : "{\"objects\":[");
		buf_putspan(out, s->item[i].object.octets);
		any = true;
	}
	buf_puts(out, "]}\n");
	return any;
}

static enum err import(struct submission_of *s, struct span body, struct fault *f)
{
	struct import_options io = {
		.source = s->asker->party, .party = s->asker->party, .lane = s->lane->name, .format = &feed_stix, .adds = true, .stance = STANCE_INDICATOR,
	};
	struct import_counts counts;
	struct import *i;
	struct input *in = input_octets(body);
	enum err e = import_begin(objects_node(s->o), &io, NULL, NULL, NULL, &i, f);
	if (e == OK) {
		e = import_stream(i, in, s->asker->party, f);
		if (e == OK)
			e = import_finish(i, &counts, f);
		import_free(i);
	}
	input_close(in);
	return e;
}

static enum err store(struct submission_of *s, unsigned wait_ms, struct fault *f)
{
	struct buf body = { 0 };
	enum err e = OK;
	if (put_stored(s, &body) && (e = import(s, buf_span(&body), f)) == OK)
		objects_show(s->o, s->lane, wait_ms);
	buf_release(&body);
	return e;
}

static void tell(const struct submission_of *s, submit_told *told, void *ctx, struct submit_counts *c)
{
	*c = (struct submit_counts){ .total = s->n };
	for (size_t i = 0; i < s->n; i++) {
		const struct item *it = &s->item[i];
		c->taken += it->taken;
		c->stored += it->stored;
		c->refused += !it->taken;
		told(ctx, &it->object, it->taken, it->message);
	}
}

enum err submit_objects(struct objects *o, const struct asker *asker, const struct lane *lane, struct span envelope, unsigned wait_ms, submit_told *told,
			void *ctx, struct submit_counts *ret_counts, struct fault *f)
{
	struct submission_of s = {
		.o = o, .ledger = node_ledger(objects_node(o)), .asker = asker, .lane = lane, .clear = (clearance)1 << lane->number,
		.index = objects_index(o, lane->number, OPENING_MS),
	};
	if (!s.index)
		return fault_set(f, ERR_BUSY, "the objects of this collection are being counted; try again in a moment");
	random_octets(&s.seed, sizeof(s.seed));
	enum err e = read_envelope(&s, envelope, f);
	if (e == OK && (e = judge(&s, f)) == OK && (e = store(&s, wait_ms, f)) == OK)
		tell(&s, told, ctx, ret_counts);
	for (size_t i = 0; i < s.n; i++)
		free(s.item[i].message);
	free(s.item);
	free(s.sent);
	free(s.known);
	object_index_drop(s.index);
	return e;
}
