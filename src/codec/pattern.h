/* STIX patterns (STIX 2.1 part 9): the whole grammar as a tree, and back to text in one normal form.
 *
 * What is understood here is what the standard says, not what feeds make of it: stix_pattern.h takes the comparisons out of
 * those.  Left out of the standard's grammar: indices below 0, and days that no month has.
 *
 * The tree is nodes in one array that name each other by number.  Operands of one operator are a list however long, so depth
 * is that of brackets and qualifiers, which is capped.
 */
#ifndef CODEC_PATTERN_H
#define CODEC_PATTERN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "codec/stix_scan.h"

enum {
	PATTERN_OCTETS_MAX = 1 << 20,
	PATTERN_NESTING_MAX = 64, /**< open brackets, and qualifiers behind each other */
	PATTERN_STEPS_MAX = 128,  /**< of one path */
	PATTERN_IN = STIX_EXISTS + 1, /**< beside enum stix_op: IN, whose values are the set */
};

/** Nanoseconds since 1970. */
typedef __int128 pattern_time;

enum pattern_kind {
	PATTERN_TEST,        /**< a comparison of one path */
	PATTERN_BOTH,        /**< AND inside of [ ] */
	PATTERN_EITHER,      /**< OR inside of [ ] */
	PATTERN_OBSERVATION, /**< [ ] */
	PATTERN_ALL,         /**< AND of observations */
	PATTERN_ANY,         /**< OR of observations */
	PATTERN_FOLLOWED,    /**< FOLLOWEDBY */
	PATTERN_WITHIN, PATTERN_REPEATS, PATTERN_BETWEEN, /**< qualifiers; the last is START ... STOP */
};

enum { PATTERN_NONE = UINT32_MAX /**< no node */ };

struct pattern_node {
	uint8_t kind;
	uint8_t op;                /**< test: enum stix_op or PATTERN_IN */
	bool negated;              /**< test: NOT */
	uint32_t first, next;      /**< operands: the first one, and the one behind this one; or PATTERN_NONE */
	uint32_t step, n_steps;    /**< test: its path behind the type */
	uint32_t value, n_values;  /**< test: constants; START and STOP */
	uint64_t times;            /**< REPEATS */
	pattern_time within;       /**< WITHIN */
	struct span text;          /**< test: the object type; WITHIN: the number as written */
};

enum pattern_step_kind { PATTERN_NAME, PATTERN_INDEX, PATTERN_EACH /**< [*] */ };
struct pattern_step {
	uint8_t kind;
	uint32_t index;
	struct span name;
};

struct pattern_value {
	uint8_t kind;       /**< enum stix_token: STIX_STRING to STIX_BOOL */
	bool truth;         /**< STIX_BOOL */
	struct span text;   /**< octets of a string, of hex and base64 what they stand for; numbers and times as written */
	pattern_time time;  /**< STIX_TIME */
};

/** Zero-initialised is empty.  Spans in it live as long as it does. */
struct pattern {
	struct buf nodes, steps, values, text; /**< private */
	uint32_t root;
};

static inline const struct pattern_node *pattern_node(const struct pattern *p, uint32_t i)
{
	return (const struct pattern_node *)(const void *)p->nodes.p + i;
}

static inline const struct pattern_step *pattern_step(const struct pattern *p, uint32_t i)
{
	return (const struct pattern_step *)(const void *)p->steps.p + i;
}

static inline const struct pattern_value *pattern_value(const struct pattern *p, uint32_t i)
{
	return (const struct pattern_value *)(const void *)p->values.p + i;
}

static inline uint32_t pattern_nodes(const struct pattern *p)
{
	return (uint32_t)(p->nodes.n / sizeof(struct pattern_node));
}

/** Parse the whole text; it is copied.
 *  @param ret  empty before; pattern_release() it after OK only.
 *  @return OK; ERR_SYNTAX, `f` names the column (octets, from 1); ERR_RANGE: longer or deeper than the caps. */
enum err pattern_parse(struct span text, struct pattern *ret, struct fault *f) MUST_USE;
void pattern_release(struct pattern *p);

/** In normal form: single blanks, only brackets and quotes that are needed, '=' and '!='.  It parses to the same again. */
void pattern_print(const struct pattern *p, struct buf *out);

/** A time as the standard has it: "2026-08-22T03:00:29.5Z".  Digits behind the ninth of the fraction are cut off.
 *  @return OK; ERR_SYNTAX; ERR_RANGE for a day or hour that does not exist. */
enum err pattern_time_parse(struct span s, pattern_time *ret) MUST_USE;

#endif
