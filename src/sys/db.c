#include "sys/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

enum { BUSY_TIMEOUT_MS = 5000 };

struct db {
	sqlite3 *handle;
	char *path;
	unsigned log_pages;
};

struct query {
	struct db *db;
	sqlite3_stmt *stmt;
	int bound; /* first result of a binding that was not OK: said by the next step */
};

static enum err code_of(int rc, int os)
{
	switch (rc & 0xff) {
	case SQLITE_FULL: return ERR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return ERR_BUSY;
	case SQLITE_CONSTRAINT: return ERR_EXISTS;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return ERR_FORBIDDEN;
	case SQLITE_TOOBIG: return ERR_RANGE;
	}
	switch (os) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return ERR_FULL;
	case EACCES:
	case EPERM:
	case EROFS: return ERR_FORBIDDEN;
	case ENOENT: return ERR_NOTFOUND;
	case EEXIST: return ERR_EXISTS;
	}
	return ERR_IO;
}

/* Say what SQLite answered.  Its I/O errors come with an errno, which sqlite3_system_errno() does not have when it was
 * the COMMIT that failed: so callers clear errno before they call SQLite. */
static enum err fail(const struct db *d, int rc, struct fault *f)
{
	int kind = rc & 0xff, os = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? errno : 0;
	if (kind == SQLITE_NOMEM) {
		fprintf(stderr, "sipar: out of memory in SQLite (\"%s\")\n", d->path);
		abort();
	}
	const char *why = d->handle ? sqlite3_errmsg(d->handle) : sqlite3_errstr(rc);
	if (os)
		return fault_set(f, code_of(rc, os), "\"%s\": %s (%s)", d->path, why, strerror(os));
	return fault_set(f, code_of(rc, os), "\"%s\": %s", d->path, why);
}

/* Being told of the log takes the place of SQLite's habit of checkpointing every 1000 pages, inside a commit. */
static int on_commit(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct db *d = ctx;
	d->log_pages = pages > 0 ? (unsigned)pages : 0;
	return SQLITE_OK;
}

enum err db_open(const char *path, enum db_access access, struct db **ret_db, struct fault *f)
{
	struct db *d = mem_zalloc(sizeof(*d));
	int flags = access == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	int64_t ignored;
	enum err e = OK;
	d->path = mem_strdup(path);
	errno = 0;
	int rc = sqlite3_open_v2(path, &d->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK) {
		e = fail(d, rc, f);
	} else {
		sqlite3_busy_timeout(d->handle, BUSY_TIMEOUT_MS);
		sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_wal_hook(d->handle, on_commit, d);
		/* The file may come from anywhere: no functions out of its schema, and malformed cells are errors. */
		e = db_exec(d, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", f);
		if (e == OK)
			e = db_number(d, "PRAGMA schema_version", &ignored, f);
		if (e == OK && access == DB_WRITE)
			e = db_exec(d, "PRAGMA synchronous = FULL", f);
	}
	if (e)
		db_close(d);
	else
		*ret_db = d;
	return e;
}

/* A new, private file: SQLite takes an empty one for an empty database. */
static enum err make_file(const char *path, struct fault *f)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(f, code_of(SQLITE_OK, errno), "\"%s\" cannot be made: %s", path, strerror(errno));
	close(fd);
	return OK;
}

enum err db_create(const char *path, unsigned page_octets, struct db **ret_db, struct fault *f)
{
	char sql[80];
	struct db *d = NULL;
	enum err e = make_file(path, f);
	if (e)
		return e;
	e = db_open(path, DB_WRITE, &d, f);
	snprintf(sql, sizeof(sql), "PRAGMA page_size = %u; PRAGMA journal_mode = WAL", page_octets);
	if (e == OK && (e = db_exec(d, sql, f)) == OK) {
		*ret_db = d;
		return OK;
	}
	db_close(d);
	unlink(path);
	return e;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	sqlite3_close(d->handle);
	free(d->path);
	free(d);
}

enum err db_exec(struct db *d, const char *sql, struct fault *f)
{
	errno = 0;
	int rc = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? OK : fail(d, rc, f);
}

enum err db_number(struct db *d, const char *sql, int64_t *ret_value, struct fault *f)
{
	struct query *q;
	bool row = false;
	enum err e = db_query(d, sql, &q, f);
	if (e)
		return e;
	if ((e = query_step(q, &row, f)) == OK)
		*ret_value = row ? query_int(q, 0) : 0;
	query_free(q);
	return e;
}

enum err db_begin(struct db *d, struct fault *f)
{
	return db_exec(d, "BEGIN IMMEDIATE", f);
}

enum err db_commit(struct db *d, struct fault *f)
{
	enum err e = db_exec(d, "COMMIT", f);
	if (e)
		db_rollback(d);
	return e;
}

void db_rollback(struct db *d)
{
	if (!sqlite3_get_autocommit(d->handle)) /* some errors have rolled back already */
		(void)!db_exec(d, "ROLLBACK", NULL);
}

void db_wait_for_locks(struct db *d, bool wait)
{
	sqlite3_busy_timeout(d->handle, wait ? BUSY_TIMEOUT_MS : 0);
}

unsigned db_log_pages(const struct db *d)
{
	return d->log_pages;
}

enum err db_checkpoint(struct db *d, bool all, struct fault *f)
{
	int pages, copied, mode = all ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	errno = 0;
	int rc = sqlite3_wal_checkpoint_v2(d->handle, NULL, mode, &pages, &copied);
	if (rc != SQLITE_OK)
		return fail(d, rc, f);
	if (pages == copied)
		d->log_pages = 0;
	return OK;
}

static enum err sync_file(const char *path, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd >= 0 && fsync(fd) == 0 ? OK : fault_set(f, code_of(SQLITE_OK, errno), "\"%s\" cannot be made durable: %s",
								path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return e;
}

enum err db_backup(struct db *d, const char *path, struct fault *f)
{
	sqlite3 *to = NULL;
	enum err e = make_file(path, f);
	if (e)
		return e;
	errno = 0;
	int os = 0, rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", d->handle, "main") : NULL;
	if (b) {
		rc = sqlite3_backup_step(b, -1); /* all of it in one read transaction: what is committed meanwhile is not in it */
		os = errno;
		int last = sqlite3_backup_finish(b);
		rc = rc == SQLITE_DONE ? last : rc;
	} else if (rc == SQLITE_OK) {
		rc = sqlite3_errcode(to);
	}
	if (rc != SQLITE_OK) {
		int kind = rc & 0xff;
		os = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? os : 0;
		e = fault_set(f, code_of(rc, os), "the copy \"%s\" cannot be written: %s", path, sqlite3_errstr(rc));
	}
	sqlite3_close(to);
	if (e == OK)
		e = sync_file(path, f);
	if (e)
		unlink(path);
	return e;
}

enum err db_query(struct db *d, const char *sql, struct query **ret_query, struct fault *f)
{
	sqlite3_stmt *stmt;
	errno = 0;
	int rc = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
	if (rc != SQLITE_OK)
		return fail(d, rc, f);
	struct query *q = mem_zalloc(sizeof(*q));
	q->db = d;
	q->stmt = stmt;
	*ret_query = q;
	return OK;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	sqlite3_finalize(q->stmt);
	free(q);
}

static void bound(struct query *q, int rc)
{
	if (q->bound == SQLITE_OK)
		q->bound = rc;
}

void query_set_int(struct query *q, int place, int64_t value)
{
	bound(q, sqlite3_bind_int64(q->stmt, place, value));
}

void query_set_octets(struct query *q, int place, struct span value)
{
	if (value.n)
		bound(q, sqlite3_bind_blob64(q->stmt, place, value.p, value.n, SQLITE_STATIC));
	else
		bound(q, sqlite3_bind_zeroblob(q->stmt, place, 0)); /* a null pointer would become NULL */
}

void query_set_text(struct query *q, int place, const char *value)
{
	bound(q, sqlite3_bind_text(q->stmt, place, value, -1, SQLITE_STATIC));
}

enum err query_step(struct query *q, bool *ret_row, struct fault *f)
{
	errno = 0;
	int rc = q->bound != SQLITE_OK ? q->bound : sqlite3_step(q->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(q->db, rc, f);
	*ret_row = rc == SQLITE_ROW;
	return OK;
}

void query_reset(struct query *q)
{
	sqlite3_reset(q->stmt); /* repeats the error of the last step, which was told */
	sqlite3_clear_bindings(q->stmt);
	q->bound = SQLITE_OK;
}

enum err query_run(struct query *q, struct fault *f)
{
	bool row = true;
	enum err e = OK;
	while (e == OK && row)
		e = query_step(q, &row, f);
	query_reset(q);
	return e;
}

int64_t query_int(struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

struct span query_octets(struct query *q, int column)
{
	const void *p = sqlite3_column_blob(q->stmt, column); /* before its length: SQLite asks for this order */
	return (struct span){ p, (size_t)sqlite3_column_bytes(q->stmt, column) };
}

bool query_null(struct query *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}
