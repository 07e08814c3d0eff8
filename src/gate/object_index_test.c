/* The index against what its header says, computed the long way, over random objects and random questions; and what becomes of its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "gate/object_index.h"

enum { OBJECTS = 5000, IDS = 900, TYPES = 7, QUESTIONS = 4000 };

struct known {
	struct object_ref ref;
	unsigned id, type;
};

static char path[] = "/tmp/sipar-object-index-XXXXXX";
static struct known known[OBJECTS];
static unsigned n_known;
static uint64_t random_state = 7;

static unsigned chance(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % n;
}

static struct span text_of(char room[40], const char *what, unsigned n)
{
	snprintf(room, 40, "%s--%u", what, n);
	return span_str(room);
}

static bool is_there(unsigned id, int64_t version_us)
{
	for (unsigned i = 0; i < n_known; i++)
		if (known[i].id == id && known[i].ref.version_us == version_us)
			return true;
	return false;
}

static void fill(struct object_index *x, unsigned n)
{
	struct object_ref refs[50];
	struct fault f;
	char room[40];
	for (unsigned done = 0; done < n;) {
		unsigned some = 1 + chance(COUNT_OF(refs));
		for (unsigned i = 0; i < some; i++) {
			struct known k = { .id = chance(IDS) };
			int64_t last = n_known ? known[n_known - 1].ref.added_us : 1000;
			k.type = k.id % TYPES;
			k.ref = (struct object_ref){ .added_us = last + 1 + chance(3), .version_us = k.id % 5 ? 1 + chance(8) : 0,
						     .id = object_index_id(x, text_of(room, "id", k.id)), .entry = done, .offset = i, .length = 7 };
			if (i)
				k.ref.added_us = refs[i - 1].added_us + 1 + chance(3);
			k.ref.type = object_index_type(x, text_of(room, "type", k.type));
			k.ref.flags = (k.id % 5 ? 0 : OBJECT_UNVERSIONED) | (chance(4) || k.id % 5 == 0 ? 0 : OBJECT_OLD);
			refs[i] = k.ref;
			if (!is_there(k.id, k.ref.version_us))
				known[n_known++] = k;
		}
		assert_int_equal(object_index_add(x, refs, some, &f), OK);
		done += some;
	}
	assert_int_equal(object_index_count(x), n_known);
	struct object_mark mark = { .seen = n, .end_us = known[n_known - 1].ref.added_us };
	assert_int_equal(object_index_mark(x, &mark, &f), OK);
}

/* What the header says, step by step. */
static bool left(const struct object_filter *f, const struct known *k)
{
	return k->ref.added_us > f->after_us && (!f->specs || f->specs & (k->ref.flags & OBJECT_OLD ? 1 : 2));
}

static bool newest_spec(const struct object_filter *f, const struct known *k)
{
	for (unsigned i = 0; !f->specs && k->ref.flags & OBJECT_OLD && i < n_known; i++)
		if (known[i].id == k->id && left(f, &known[i]) && !(known[i].ref.flags & OBJECT_OLD))
			return false;
	return true;
}

static bool wanted(const struct object_filter *f, const struct known *k, bool any_id, const bool *ids, const bool *types)
{
	bool first = true, last = true, dated = false;
	if (!left(f, k) || !newest_spec(f, k) || (!any_id && !ids[k->id]) || (f->n_types && !types[k->type]))
		return false;
	for (unsigned i = 0; i < n_known; i++) {
		const struct known *o = &known[i];
		if (o->id != k->id || !left(f, o) || !newest_spec(f, o))
			continue;
		first &= o->ref.version_us >= k->ref.version_us;
		last &= o->ref.version_us <= k->ref.version_us;
	}
	for (unsigned i = 0; i < f->n_versions; i++)
		dated |= f->versions_us[i] == (k->ref.flags & OBJECT_UNVERSIONED ? k->ref.added_us : k->ref.version_us);
	return f->all || dated || (f->first && first) || ((f->last || (!f->first && !f->n_versions)) && last);
}

static void ask(struct object_index *x)
{
	struct object_filter f = { .after_us = chance(2) ? INT64_MIN : known[chance(n_known)].ref.added_us - 1 + chance(2) };
	bool ids[IDS] = { false }, types[TYPES] = { false };
	char rooms[8][40], type_rooms[3][40];
	struct span id_spans[8], type_spans[3];
	int64_t versions[3], from = INT64_MIN;
	struct object_ref got[40];
	if (chance(3) == 0) {
		f.ids = id_spans;
		for (f.n_ids = 0; f.n_ids < 1 + chance(7); f.n_ids++) {
			unsigned id = chance(IDS);
			ids[id] = true;
			id_spans[f.n_ids] = text_of(rooms[f.n_ids], "id", id);
		}
	}
	if (chance(3) == 0) {
		f.types = type_spans;
		for (f.n_types = 0; f.n_types < 1 + chance(2); f.n_types++) {
			unsigned type = chance(TYPES);
			types[type] = true;
			type_spans[f.n_types] = text_of(type_rooms[f.n_types], "type", type);
		}
	}
	f.specs = (uint8_t)(chance(2) ? 0 : chance(4));
	f.all = chance(5) == 0;
	f.first = chance(4) == 0;
	f.last = chance(4) == 0;
	if (chance(4) == 0) {
		f.versions_us = versions;
		for (f.n_versions = 0; f.n_versions < 1 + chance(2); f.n_versions++)
			versions[f.n_versions] = chance(2) ? 1 + chance(8) : known[chance(n_known)].ref.added_us;
	}
	unsigned at = 0;
	for (unsigned pages = 0; pages < 3; pages++) {
		unsigned room = 1 + chance(COUNT_OF(got)), n = object_index_find(x, &f, from, got, room);
		for (unsigned i = 0; i < n; i++) {
			while (at < n_known && !wanted(&f, &known[at], !f.n_ids, ids, types))
				at++;
			assert_true(at < n_known);
			assert_memory_equal(&got[i], &known[at].ref, sizeof(got[i]));
			at++;
		}
		if (n < room) {
			while (at < n_known)
				assert_false(wanted(&f, &known[at], !f.n_ids, ids, types)), at++;
			return;
		}
		from = got[n - 1].added_us;
	}
}

static struct object_index *open_it(uint64_t identity, uint64_t seen)
{
	struct object_index *x;
	struct object_mark mark;
	struct fault f;
	assert_int_equal(object_index_open(path, identity, &x, &mark, &f), OK);
	assert_int_equal(mark.seen, seen);
	assert_int_equal(object_index_count(x), seen ? n_known : 0);
	return x;
}

static void as_it_says(void **state)
{
	struct object_index *x = open_it(1, 0);
	fill(x, OBJECTS / 3);
	for (unsigned i = 0; i < QUESTIONS / 8; i++)
		ask(x);
	fill(x, OBJECTS / 2);
	for (unsigned i = 0; i < QUESTIONS / 8; i++)
		ask(x);
	object_index_drop(x);
	x = open_it(1, OBJECTS / 2);
	for (unsigned i = 0; i < QUESTIONS / 8; i++)
		ask(x);
	char room[40];
	struct object_ref ref;
	for (unsigned i = 0; i < n_known; i++) {
		assert_true(object_index_has(x, text_of(room, "id", known[i].id), known[i].ref.version_us, &ref));
		assert_memory_equal(&ref, &known[i].ref, sizeof(ref));
		assert_true(object_index_last(x, text_of(room, "id", known[i].id), &ref));
		assert_true(ref.version_us >= known[i].ref.version_us);
	}
	assert_false(object_index_has(x, SPAN_LIT("id--0"), 12345, &ref));
	assert_false(object_index_last(x, SPAN_LIT("other"), &ref));
	object_index_drop(x);
}

/* What was added and not marked is not there at the next opening, and what is added then takes its place. */
static void unmarked(void **state)
{
	struct object_index *x = open_it(1, OBJECTS / 2);
	struct object_ref ref = { .added_us = known[n_known - 1].ref.added_us + 1, .version_us = 77, .id = object_index_id(x, SPAN_LIT("new")) };
	struct fault f;
	assert_int_equal(object_index_add(x, &ref, 1, &f), OK);
	assert_true(object_index_has(x, SPAN_LIT("new"), 77, &ref));
	object_index_drop(x);
	x = open_it(1, OBJECTS / 2);
	assert_false(object_index_has(x, SPAN_LIT("new"), 77, &ref));
	assert_int_equal(object_index_add(x, &ref, 1, &f), OK);
	assert_true(object_index_has(x, SPAN_LIT("new"), 77, &ref));
	object_index_drop(x);
}

/* Any octet that is another one is found, or is behind what counts. */
static void damage(void **state)
{
	struct stat st;
	uint8_t octet;
	assert_int_equal(stat(path, &st), 0);
	for (unsigned i = 0; i < 60; i++) {
		off_t at = i < 30 ? (off_t)chance(112) : 4096 + (off_t)chance((unsigned)(n_known * sizeof(struct object_ref)));
		char copy[80], command[200];
		snprintf(copy, sizeof(copy), "%s.copy", path);
		snprintf(command, sizeof(command), "cp %s %s", path, copy);
		assert_int_equal(system(command), 0);
		int fd = open(copy, O_RDWR);
		assert_int_equal(pread(fd, &octet, 1, at), 1);
		octet ^= (uint8_t)(1 << chance(8));
		assert_int_equal(pwrite(fd, &octet, 1, at), 1);
		close(fd);
		struct object_index *x;
		struct object_mark mark;
		struct fault f;
		assert_int_equal(object_index_open(copy, 1, &x, &mark, &f), OK);
		assert_int_equal(mark.seen, 0);
		assert_int_equal(object_index_count(x), 0);
		object_index_drop(x);
		unlink(copy);
	}
	object_index_drop(open_it(1, OBJECTS / 2));
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	object_index_drop(open_it(1, 0));
	object_index_drop(open_it(2, 0)); /* another lane */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_it_says), cmocka_unit_test(unmarked), cmocka_unit_test(damage) };
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
