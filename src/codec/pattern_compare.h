/* One value of an object against the constants of a comparison. */
#ifndef CODEC_PATTERN_COMPARE_H
#define CODEC_PATTERN_COMPARE_H

#include "codec/json.h"
#include "codec/pattern.h"

/** Regular expressions are not this folder's: whether the one that is constant number `value` of the pattern is found in `s`. */
struct pattern_regex {
	bool (*match)(void *ctx, uint32_t value, struct span s);
	void *ctx;
};

/** A JSON value. */
struct pattern_subject {
	enum json_token kind;
	struct span text;   /**< of a string: its octets, escapes resolved; else as written */
	struct span name;   /**< of the property: names that end with _hex and _bin say how octets are written in it */
};

/** Does the comparison hold of the value, NOT included?  One of another type than the constant's is not equal to it, and in no
 *  order with it; NOT turns that, too.  @param scratch  for octets; what is in it is lost */
bool pattern_holds(const struct pattern *p, const struct pattern_node *test, const struct pattern_subject *s, const struct pattern_regex *regex,
		   struct buf *scratch);

#endif
