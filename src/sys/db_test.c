#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/db.h"

static char dir[64], path[96], copy[96];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sipar-db-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.db", dir);
	snprintf(copy, sizeof(copy), "%s/copy.db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char name[128];
	for (size_t i = 0; i < 2 * COUNT_OF(suffix); i++) {
		snprintf(name, sizeof(name), "%s%s", i % 2 ? path : copy, suffix[i / 2]);
		unlink(name);
	}
	return rmdir(dir); /* nothing else was left there */
}

static struct db *make(void)
{
	struct db *d;
	struct fault f;
	assert_int_equal(db_create(path, 4096, &d, &f), OK);
	assert_int_equal(db_exec(d, "CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB NOT NULL, s TEXT) STRICT", &f), OK);
	return d;
}

static enum err put(struct db *d, int64_t k, struct span v, struct fault *f)
{
	struct query *q;
	assert_int_equal(db_query(d, "INSERT INTO t VALUES(?1, ?2, ?3)", &q, f), OK);
	query_set_int(q, 1, k);
	query_set_octets(q, 2, v);
	query_set_text(q, 3, "text");
	enum err e = query_run(q, f);
	query_free(q);
	return e;
}

static int64_t count(struct db *d)
{
	int64_t n = -1;
	assert_int_equal(db_number(d, "SELECT count(*) FROM t", &n, NULL), OK);
	return n;
}

static void values(void **state)
{
	struct db *d = make();
	struct query *q;
	struct fault f;
	struct stat st;
	bool row;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(put(d, INT64_MIN, SPAN_LIT("a\0b"), &f), OK);
	assert_int_equal(put(d, INT64_MAX, span_of(NULL, 0), &f), OK); /* no octets, which is not NULL */
	assert_int_equal(put(d, INT64_MAX, SPAN_LIT("again"), &f), ERR_EXISTS);
	assert_int_equal(db_query(d, "SELECT k, v, s FROM t WHERE k >= ?1 ORDER BY k", &q, &f), OK);
	query_set_int(q, 1, INT64_MIN);
	assert_int_equal(query_step(q, &row, &f), OK);
	assert_true(row);
	assert_true(query_int(q, 0) == INT64_MIN);
	assert_true(span_eq(query_octets(q, 1), SPAN_LIT("a\0b")));
	assert_true(span_is(query_octets(q, 2), "text"));
	assert_int_equal(query_step(q, &row, &f), OK);
	assert_true(row && query_int(q, 0) == INT64_MAX && query_octets(q, 1).n == 0 && !query_null(q, 1));
	assert_int_equal(query_step(q, &row, &f), OK);
	assert_false(row);
	query_reset(q);
	query_set_int(q, 9, 1); /* no such place: said by the step */
	assert_int_not_equal(query_step(q, &row, &f), OK);
	query_reset(q); /* values are forgotten: NULL >= matches nothing */
	assert_int_equal(query_step(q, &row, &f), OK);
	assert_false(row);
	query_free(q);
	assert_int_equal(db_query(d, "SELECT nonsense FROM t", &q, &f), ERR_IO);
	assert_non_null(strstr(f.text, "nonsense"));
	int64_t n = 7;
	assert_int_equal(db_number(d, "SELECT k FROM t WHERE k = 5", &n, &f), OK);
	assert_int_equal(n, 0);
	db_close(d);
}

static void transactions(void **state)
{
	struct db *d = make(), *reader;
	struct fault f;
	assert_int_equal(db_open(path, DB_READ, &reader, &f), OK);
	assert_int_equal(db_begin(d, &f), OK);
	assert_int_equal(put(d, 1, SPAN_LIT("one"), &f), OK);
	assert_int_equal(count(reader), 0);
	db_rollback(d);
	db_rollback(d); /* nothing to do */
	assert_int_equal(count(d), 0);
	assert_int_equal(db_begin(d, &f), OK);
	assert_int_equal(put(d, 1, SPAN_LIT("one"), &f), OK);
	assert_int_equal(db_commit(d, &f), OK);
	assert_true(db_log_pages(d) > 0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(db_checkpoint(d, false, &f), OK);
	assert_int_equal(db_log_pages(d), 0);
	assert_int_equal(put(reader, 2, SPAN_LIT("two"), &f), ERR_FORBIDDEN);
	assert_int_equal(db_commit(d, &f), ERR_IO); /* none is open */
	db_close(reader);
	db_close(d);
}

static void limit_is_full(void **state)
{
	struct db *d = make();
	struct fault f;
	static uint8_t fill[100000];
	assert_int_equal(db_exec(d, "PRAGMA max_page_count = 10", &f), OK);
	assert_int_equal(put(d, 1, span_of(fill, sizeof(fill)), &f), ERR_FULL);
	assert_int_equal(put(d, 2, SPAN_LIT("small"), &f), OK);
	assert_int_equal(count(d), 1);
	db_close(d);
}

static void write_raw(const void *p, size_t n, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void hostile_files(void **state)
{
	struct db *d, *none = NULL;
	struct fault f;
	char noise[8192];
	assert_int_equal(db_open(path, DB_READ, &none, &f), ERR_NOTFOUND);
	assert_int_equal(db_open(path, DB_WRITE, &none, &f), ERR_NOTFOUND);
	assert_int_not_equal(db_open(dir, DB_READ, &none, &f), OK);
	assert_int_equal(access(path, F_OK), -1);
	memset(noise, 'n', sizeof(noise));
	write_raw(noise, sizeof(noise), 0);
	assert_int_equal(db_open(path, DB_READ, &none, &f), ERR_CORRUPT);
	assert_non_null(strstr(f.text, path));
	assert_int_equal(db_open(path, DB_WRITE, &none, &f), ERR_CORRUPT);
	assert_int_equal(db_create(path, 4096, &none, &f), ERR_EXISTS);
	unlink(path);
	d = make();
	assert_int_equal(put(d, 1, SPAN_LIT("one"), &f), OK);
	db_close(d);
	write_raw(noise, 4096, 4096); /* the page of the table */
	assert_int_equal(db_open(path, DB_READ, &d, &f), OK);
	int64_t n;
	assert_int_equal(db_number(d, "SELECT count(*) FROM t", &n, &f), ERR_CORRUPT);
	db_close(d);
	assert_null(none);
}

/* ---- the log and copies ---- */

static off_t log_octets(void)
{
	char name[128];
	struct stat st;
	snprintf(name, sizeof(name), "%s-wal", path);
	assert_int_equal(stat(name, &st), 0);
	return st.st_size;
}

static struct query *begin_to_read(struct db *d)
{
	struct query *q;
	bool row = false;
	assert_int_equal(db_query(d, "SELECT k FROM t", &q, NULL), OK);
	assert_int_equal(query_step(q, &row, NULL), OK);
	assert_true(row);
	return q;
}

static void checkpoint_of_all(void **state)
{
	struct db *d = make(), *reader;
	struct fault f = { .text = "" };
	assert_int_equal(put(d, 1, SPAN_LIT("one"), &f), OK);
	assert_true(log_octets() > 0);
	assert_int_equal(db_checkpoint(d, false, &f), OK);
	assert_true(log_octets() > 0); /* the log is begun anew, but its file stays */
	assert_int_equal(put(d, 2, SPAN_LIT("two"), &f), OK);
	assert_int_equal(db_checkpoint(d, true, &f), OK);
	assert_int_equal(log_octets(), 0);
	assert_int_equal(db_log_pages(d), 0);
	/* A reader of an older state keeps the log from being emptied, and is waited for. */
	assert_int_equal(db_open(path, DB_READ, &reader, &f), OK);
	struct query *q = begin_to_read(reader);
	assert_int_equal(put(d, 3, SPAN_LIT("three"), &f), OK);
	assert_int_equal(db_checkpoint(d, false, &f), OK);
	assert_true(db_log_pages(d) > 0);
	assert_int_equal(db_checkpoint(d, true, &f), ERR_BUSY);
	assert_non_null(strstr(f.text, path));
	assert_true(log_octets() > 0 && db_log_pages(d) > 0);
	assert_int_equal(count(d), 3); /* nothing was lost, and writing goes on */
	assert_int_equal(put(d, 4, SPAN_LIT("four"), &f), OK);
	query_free(q);
	assert_int_equal(db_checkpoint(d, true, &f), OK);
	assert_int_equal(log_octets(), 0);
	assert_int_equal(count(reader), 4);
	db_close(reader);
	db_close(d);
}

/* As the ledger needs it after an erasure: not a trace in the log. */
static void checkpoint_leaves_nothing_deleted(void **state)
{
	struct db *d = make();
	struct fault f;
	assert_int_equal(db_exec(d, "PRAGMA secure_delete = ON", &f), OK);
	assert_int_equal(put(d, 1, SPAN_LIT("to be forgotten"), &f), OK);
	assert_int_equal(db_exec(d, "DELETE FROM t", &f), OK);
	assert_int_equal(db_checkpoint(d, true, &f), OK);
	static const char *const suffix[] = { "", "-wal" };
	for (size_t i = 0; i < COUNT_OF(suffix); i++) {
		static uint8_t octets[1 << 16];
		char name[128];
		snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		int fd = open(name, O_RDONLY);
		ssize_t n = read(fd, octets, sizeof(octets));
		close(fd);
		assert_true(n >= 0 && n < (ssize_t)sizeof(octets));
		assert_null(memmem(octets, (size_t)n, "forgotten", 9));
	}
	db_close(d);
}

static void backup(void **state)
{
	struct db *d = make(), *writer, *back, *none = NULL;
	struct fault f = { .text = "" };
	struct stat st;
	static uint8_t fill[3000];
	for (int64_t k = 0; k < 500; k++) {
		memset(fill, (int)k, sizeof(fill));
		assert_int_equal(put(d, k, span_of(fill, sizeof(fill)), &f), OK);
		if (k == 250) /* half in the file, half in the log */
			assert_int_equal(db_checkpoint(d, true, &f), OK);
	}
	assert_int_equal(db_open(path, DB_WRITE, &writer, &f), OK);
	assert_int_equal(db_begin(writer, &f), OK);
	assert_int_equal(put(writer, 1000, SPAN_LIT("not yet"), &f), OK);
	assert_int_equal(db_backup(d, copy, &f), OK);
	assert_int_equal(put(writer, 1001, SPAN_LIT("not yet"), &f), OK);
	assert_int_equal(db_commit(writer, &f), OK); /* it was not disturbed */
	db_close(writer);
	assert_int_equal(count(d), 502);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(db_backup(d, copy, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, copy));
	assert_int_equal(db_backup(d, "/nonexistent.example/copy.db", &f), ERR_NOTFOUND);
	assert_int_equal(db_open(copy, DB_READ, &back, &f), OK); /* was not touched by the second */
	assert_int_equal(count(back), 500);
	struct query *q;
	bool row;
	assert_int_equal(db_query(back, "SELECT k, v FROM t ORDER BY k", &q, &f), OK);
	for (int64_t k = 0; k < 500; k++) {
		assert_int_equal(query_step(q, &row, &f), OK);
		assert_true(row && query_int(q, 0) == k);
		memset(fill, (int)k, sizeof(fill));
		assert_true(span_eq(query_octets(q, 1), span_of(fill, sizeof(fill))));
	}
	query_free(q);
	db_close(back);
	assert_int_equal(db_open(copy, DB_WRITE, &back, &f), OK); /* a database like the first, with a log of its own */
	assert_int_equal(put(back, 2000, SPAN_LIT("more"), &f), OK);
	assert_int_equal(count(back), 501);
	assert_int_equal(count(d), 502);
	db_close(back);
	unlink(copy);
	/* From a connection that only reads, too. */
	assert_int_equal(db_open(path, DB_READ, &back, &f), OK);
	assert_int_equal(db_backup(back, copy, &f), OK);
	db_close(back);
	db_close(d);
	assert_null(none);
}

/* No half copy is left. */
static void backup_without_space(void **state)
{
	struct db *d = make();
	struct fault f;
	struct rlimit before;
	static uint8_t fill[200000];
	assert_int_equal(put(d, 1, span_of(fill, sizeof(fill)), &f), OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, before.rlim_max }), 0);
	enum err e = db_backup(d, copy, &f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(e, ERR_FULL);
	assert_non_null(strstr(f.text, copy));
	assert_int_equal(access(copy, F_OK), -1);
	assert_int_equal(db_backup(d, copy, &f), OK);
	db_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(limit_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_files, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoint_of_all, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoint_leaves_nothing_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(backup, setup, teardown),
		cmocka_unit_test_setup_teardown(backup_without_space, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
