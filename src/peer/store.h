/* Store: small files of the data directory that are read and replaced as a whole, and lines "name = value" in them.
 *
 * They may hold secrets: mode 0600, and one that others may read is not taken.
 */
#ifndef PEER_STORE_H
#define PEER_STORE_H

#include "base/buf.h"
#include "base/err.h"

/** Appended to `out`; a file that is not there is empty.  @return ERR_FORBIDDEN: others may read it; ERR_RANGE: larger than `max`; ERR_IO. */
enum err store_read(const char *path, size_t max, struct buf *out, struct fault *f) MUST_USE;
/** Replace it, durable when OK; else it is as it was. */
enum err store_write(const char *path, struct span text, struct fault *f) MUST_USE;
/** Overwrite what was in the buffer and release it. */
void store_wipe(struct buf *b);

/** One field of a struct that is kept as text. */
struct store_field {
	const char *name;
	enum { STORE_TEXT, STORE_NUMBER, STORE_TIME, STORE_FLAG } kind; /**< char[size]; uint64_t; int64_t, milliseconds; bool */
	size_t offset, size;
	uint64_t max;                                                   /**< of a number */
};
#define STORE_ROW_TEXT(type, field, name) { name, STORE_TEXT, offsetof(struct type, field), sizeof(((struct type *)0)->field), 0 }
#define STORE_ROW_NUMBER(type, field, name, max) { name, STORE_NUMBER, offsetof(struct type, field), 0, max }
#define STORE_ROW_TIME(type, field, name) { name, STORE_TIME, offsetof(struct type, field), 0, INT64_MAX }
#define STORE_ROW_FLAG(type, field, name) { name, STORE_FLAG, offsetof(struct type, field), 0, 0 }

/** "name = value" into the struct that has the fields; blanks around both are none of them.
 *  @return ERR_NOTFOUND: there is no such field; ERR_SYNTAX: no '='; ERR_RANGE: too long, or no such number. */
enum err store_field_read(const struct store_field *rows, size_t n, struct span line, void *to, struct fault *f) MUST_USE;
/** A line for each field that is not empty, 0 or false. */
void store_fields_put(const struct store_field *rows, size_t n, const void *from, struct buf *out);
/** Can it be a value (no octet below ' ', no blank at its ends, shorter than `size`)? */
bool store_value_ok(struct span value, size_t size);

#endif
