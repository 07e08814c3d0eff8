/* JSON by RFC 8259, strictly: a pull reader that gives slices of its input, and a writer.
 *
 * The reader allocates nothing and recurses nowhere: depth is a bit per level.  It works on a span that holds the whole
 * text, or on a piece of a stream: where the piece ends inside a token, json_next() answers JSON_MORE and stands before
 * the token; call json_refill() with the unread octets and more behind them.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { JSON_DEPTH_MAX = 1024 };

enum json_token {
	JSON_MORE,   /**< the piece ends inside a token */
	JSON_END,    /**< the text is over, and was whole */
	JSON_ERROR,  /**< sticky; json_reader.error and .pos say what and where */
	JSON_OBJECT, JSON_OBJECT_END, JSON_ARRAY, JSON_ARRAY_END,
	JSON_KEY,    /**< .slice: between the quotes, escapes not resolved; UTF-8 checked */
	JSON_STRING, /**< .slice: likewise */
	JSON_NUMBER, /**< .slice: as written */
	JSON_TRUE, JSON_FALSE, JSON_NULL,
};

struct json_reader {
	struct span in;
	size_t pos;            /**< octets of `in` that are read */
	bool last;             /**< nothing follows `in` */
	uint8_t expect;        /**< private: state of the grammar */
	bool escaped;          /**< the last key or string has a backslash in it: json_unescape() it */
	uint16_t depth;        /**< open objects and arrays */
	uint64_t line, col_base; /**< private: for json_place() */
	const char *error;     /**< static sentence, NULL while all is well */
	struct span slice;     /**< of the last token; inside `in` */
	size_t start;          /**< offset of the last token's first octet in `in` */
	uint64_t stack[JSON_DEPTH_MAX / 64]; /**< private: 1 = object */
};

/** A reader at the start of a text.  `last`: `in` is all of it. */
void json_init(struct json_reader *r, struct span in, bool last);
/** Next token. */
enum json_token json_next(struct json_reader *r) MUST_USE;
/** Go on in `in`, which starts with the octets of the old span from r->pos on. */
void json_refill(struct json_reader *r, struct span in, bool last);
/** After a JSON_KEY, or at the start of a value: the whole next value is read and checked, and r->slice is its octets.
 *  @return JSON_MORE (nothing is consumed: the whole value must be in the piece), JSON_ERROR, or the value's first
 * token (JSON_OBJECT for an object, ...). */
enum json_token json_skip(struct json_reader *r) MUST_USE;
/** Line and column (octets, from 1) of r->pos, for messages.  O(r->pos). */
void json_place(const struct json_reader *r, uint64_t *ret_line, uint64_t *ret_column);
/** Octets of a slice with its escapes resolved, appended to `out` (at most slice.n octets).
 *  Lone surrogates become U+FFFD, and `\u0000` an error.  @return OK; ERR_SYNTAX. */
enum err json_unescape(struct span slice, struct buf *out) MUST_USE;
/** The key or string as octets: r->slice itself when nothing is escaped, else unescaped into `scratch` (which is
 * cleared). An escape that cannot be resolved gives the raw slice. */
struct span json_text(const struct json_reader *r, struct buf *scratch);

/** Append a JSON string, quotes included.  Octets that are not UTF-8 become U+FFFD. */
void json_put_string(struct buf *out, struct span s);

#endif
