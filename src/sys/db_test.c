#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/db.h"

static char dir[64], path[96];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sipar-db-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char other[128];
	unlink(path);
	snprintf(other, sizeof(other), "%s-wal", path);
	unlink(other);
	snprintf(other, sizeof(other), "%s-shm", path);
	unlink(other);
	return rmdir(dir);
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
	assert_int_equal(db_checkpoint(d, &f), OK);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(limit_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_files, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
