/* The tokens of a STIX pattern. */
#ifndef CODEC_STIX_SCAN_H
#define CODEC_STIX_SCAN_H

#include "base/attr.h"
#include "base/span.h"

enum stix_op {
	STIX_EQ, STIX_NE, STIX_LT, STIX_LE, STIX_GT, STIX_GE,
	STIX_LIKE, STIX_MATCHES, STIX_ISSUBSET, STIX_ISSUPERSET, STIX_EXISTS,
};

enum stix_token {
	STIX_END,
	STIX_WORD,
	STIX_STRING,
	STIX_NUMBER,
	STIX_TIME,
	STIX_HEX,
	STIX_BASE64,
	STIX_BOOL,
	STIX_SIGN,  /**< a comparison sign */
	STIX_PUNCT, /**< ( ) [ ] , : . * */
	STIX_BAD,
};

/** Set `text`, zero the rest, call scan_next() for the first token. */
struct stix_scan {
	struct span text;
	size_t start, pos;     /**< of the token, and behind it */
	enum stix_token token;
	uint8_t punct;         /**< STIX_PUNCT: which */
	uint8_t op;            /**< STIX_SIGN: enum stix_op */
	struct span value;     /**< words and numbers: the token; strings and the like: between the quotes */
	const char *error;     /**< STIX_BAD: the sentence */
};

void scan_next(struct stix_scan *s);

static inline bool scan_is_word(const struct stix_scan *s, const char *w)
{
	return s->token == STIX_WORD && span_is(s->value, w);
}

static inline bool scan_is_punct(const struct stix_scan *s, char c)
{
	return s->token == STIX_PUNCT && s->punct == (uint8_t)c;
}

static inline bool scan_word(struct stix_scan *s, const char *w)
{
	bool yes = scan_is_word(s, w);
	if (yes)
		scan_next(s);
	return yes;
}

static inline bool scan_punct(struct stix_scan *s, char c)
{
	bool yes = scan_is_punct(s, c);
	if (yes)
		scan_next(s);
	return yes;
}

#endif
