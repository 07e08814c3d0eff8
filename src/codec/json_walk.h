/* Walking down a JSON text that comes in pieces: the feed formats' way to their records.
 *
 * A format enters some containers (the bundle, its array "objects") and takes the values in them one by one; where it
 * is, is a path of one letter for each container that was entered (upper case: object, lower case: array), so that the
 * next piece is understood alone.  Between the values of a container any number of commas is tolerated, none too:
 * records may have been cut out.  The values themselves are strict JSON.
 *
 * What is taken must be whole in the piece, at most FEED_OBJECT_MAX octets of it; what is passed over need not be.
 */
#ifndef CODEC_JSON_WALK_H
#define CODEC_JSON_WALK_H

#include "codec/feed.h"
#include "codec/json.h"

enum {
	WALK_DEPTH = 15,
	WALK_PIECE_MAX = FEED_OBJECT_MAX + (512 << 10), /**< octets of a longer piece that one walk looks at */
};

/** Where a stream is, between pieces.  Plain data; all zero at its start. */
struct walk_place {
	char path[WALK_DEPTH + 1];
	uint8_t depth;
	bool passing;       /**< inside a value that is passed over without reading it */
	bool in_string, after_slash;
	uint32_t nested;    /**< its open containers */
	uint64_t line, column; /**< before the piece, for faults */
};

enum walk_step {
	WALK_MORE,  /**< nothing whole is left in the piece */
	WALK_END,   /**< nor can there be more */
	WALK_VALUE, /**< stands before a value: key, in, kind are set */
	WALK_ERROR, /**< the text is broken here */
};

/** One piece being walked.  Fields are for reading. */
struct walker {
	struct walk_place *place;
	struct span piece;
	bool last;
	size_t pos;             /**< reading position */
	size_t used;            /**< octets of whole values and of containers entered and left */
	char in;                /**< letter of the container, 0 at the top */
	enum json_token kind;   /**< of the value: first octet only; JSON_NUMBER, _TRUE ...: not checked yet */
	struct span key;        /**< in an object; escapes not resolved */
	size_t start;           /**< of the value, in the piece */
	size_t item;            /**< of its key when it has one, else of the value */
	size_t lines_at;        /**< private: lines are counted up to here */
	uint64_t lines;
	const char *error;
};

void walk_begin(struct walker *w, struct walk_place *place, struct span piece, bool last);
/** On to the next value; containers that end on the way are left. */
enum walk_step walk_next(struct walker *w) MUST_USE;
/** Into the object or array before which the walker stands.  @return false: too deep; then it is passed over instead.
 */
bool walk_enter(struct walker *w, char letter);
/** The value is of no interest. */
enum walk_step walk_pass(struct walker *w) MUST_USE;

/** A member of an object, as far as it was found: JSON_END when not. */
struct json_member {
	const char *name;
	enum json_token kind;
	bool escaped;      /**< a string with a backslash in it */
	bool cut;          /**< of a peek: the text ends in the value */
	struct span value; /**< whole value; of a string what is between the quotes */
};

/** Take the value: read strictly and whole.  When it is an object, its members that `m` names are set, the last one of
 * a name; any other value is in m[0] (so n >= 1).
 *  @return WALK_VALUE: done, w->used is behind it; WALK_MORE; WALK_ERROR; WALK_END: it is larger than FEED_OBJECT_MAX
 * and is being passed over: reject it. */
enum walk_step walk_take(struct walker *w, struct json_member *m, size_t n) MUST_USE;

/** Look into the object before which the walker stands, or into the whole text `s`, without going there: its members
 * are set as far as they are there and loosely read.
 *  @return the object is whole. */
bool walk_peek(const struct walker *w, struct json_member *m, size_t n);
bool json_peek(struct span s, struct json_member *m, size_t n);
/** Like json_peek(), but visits every member until the visitor answers false. */
typedef bool json_visit(void *ctx, struct span key, const struct json_member *value);
bool json_peek_each(struct span s, json_visit *visit, void *ctx);

/** Line of `w->item` in the piece, from 1. */
uint64_t walk_line(struct walker *w);
/** The piece is over with `step`: move the place on.
 *  @return OK; ERR_SYNTAX with line and column in `f`, for WALK_ERROR and for a text that ends too early. */
enum err walk_finish(struct walker *w, enum walk_step step, struct fault *f) MUST_USE;

/** The place as a token, "Eo" or "Eo!7s:", always with a ':' behind it; and back: `ret_rest` is what follows the ':'.
 */
void walk_save(const struct walk_place *p, struct buf *out);
enum err walk_load(struct walk_place *p, struct span token, struct span *ret_rest) MUST_USE;

#endif
