/* What the JSON feed formats share: one parse call over a walker, and the small fields that they all have. */
#ifndef CODEC_JSON_FEED_H
#define CODEC_JSON_FEED_H

#include "codec/draft.h"
#include "codec/json_walk.h"

enum { GUESSES = 16, GUESS_TEXT = 62 };

/** One parse call; on its stack. */
struct json_feed {
	struct walker walk;
	struct draft draft;
	feed_sink *sink;
	void *ctx;
	bool cancelled;
	struct buf scratch, more_scratch;
	char what[48];
	struct {
		uint8_t n, category;
		char text[GUESS_TEXT];
	} guess[GUESSES]; /**< labels seen lately: the same few come with every record */
};

void json_feed_begin(struct json_feed *j, struct walk_place *place, uint8_t stance, struct span in, bool last,
		     feed_sink *sink, void *ctx);
/** After walk_take() of a record: begin it.  Of WALK_END (too large) it is rejected here, and emitted.
 *  @return WALK_VALUE: fill j->draft and call json_feed_emit(); anything else: pass it on. */
enum walk_step json_feed_record(struct json_feed *j, enum walk_step taken) MUST_USE;
/** The record is an object of this id. */
static inline void json_feed_id(struct json_feed *j, const struct json_member *id)
{
	if (id->kind == JSON_STRING && span_find(id->value, '\\') == id->value.n)
		j->draft.r.id = id->value;
}
/** Hand the record over.  @return WALK_VALUE; WALK_MORE when the sink has had enough: as if the record were not there.
 */
enum walk_step json_feed_emit(struct json_feed *j) MUST_USE;
/** After walk_take() has met an error: of a text that is one record per line the line is rejected, and the next one is read.
 *  @return WALK_ERROR: it is no such text. */
enum walk_step json_feed_broken_line(struct json_feed *j) MUST_USE;
/** What a format does with the value that j->walk stands before: enter it, pass it, or take it as a record.  @return WALK_VALUE: on. */
typedef enum walk_step json_value_reader(void *state, struct json_feed *j);
/** Read the whole piece with it.  @return what parse() answers. */
enum err json_feed_run(struct json_feed *j, json_value_reader *read, void *state, size_t *ret_used, struct fault *f) MUST_USE;

/** A string's octets, escapes resolved, valid until the next call; of other values as written. */
struct span json_feed_text(struct json_feed *j, const struct json_member *m);
/** Sets of kinds of observables. */
#define OBS_BIT(kind) (1u << (kind))
#define OBS_ANY (~0u)
#define OBS_ADDRESS (OBS_BIT(OBS_IPV4) | OBS_BIT(OBS_IPV6) | OBS_BIT(OBS_CIDR4) | OBS_BIT(OBS_CIDR6))
#define OBS_HOST (OBS_ADDRESS | OBS_BIT(OBS_DOMAIN) | OBS_BIT(OBS_URL))

/** Claim an observable of one of the kinds. */
enum err json_feed_claim(struct json_feed *j, unsigned kinds, struct span text) MUST_USE;
/** draft_skip() with a name out of the data: "prefix" and the name, with octets that are not harmless shown as '?'. */
void json_feed_skip(struct json_feed *j, const char *prefix, struct span name);

/** RFC 3339, or seconds or milliseconds since 1970, as string or number; 0 when it is none of them. */
uint32_t json_feed_time(const struct json_member *m);
/** 0..100 as number or string; fractions are cut off.  CONFIDENCE_ABSENT when it is not that. */
uint8_t json_feed_confidence(const struct json_member *m);
/** "amber" and the like ("white" is clear), ASCII case ignored; TLP_UNSAID when it is none of them. */
uint8_t json_feed_tlp(struct span level);
/** Is it true, "true", 1 or "1"? */
bool json_feed_true(const struct json_member *m);
/** category_guess(), which remembers. */
enum category json_feed_guess(struct json_feed *j, struct span label);
/** The same of the strings in a value: those of the key `key` in objects, and all outside of objects. */
enum category json_feed_category(struct json_feed *j, const struct json_member *m, const char *key);

/** The first value of a text: behind a byte order mark, and in an array its first element.  For detection. */
struct span json_feed_first(struct span head);

#endif
