/* Error codes, and a fault: a code with a sentence for a person. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

/** What a fallible function answers.  Unless its header says otherwise, after any error nothing has changed. */
enum err {
	OK = 0,
	ERR_SYNTAX,      /**< the input is not of the form that it should be */
	ERR_RANGE,       /**< well-formed, but a number or length is outside its bounds */
	ERR_MORE,        /**< the input ends inside a token: call again with more of it */
	ERR_NOTFOUND,    /**< no such thing, or none that the caller's clearance shows */
	ERR_GONE,        /**< it was there and has been erased or pruned, as an entry of its lane says */
	ERR_EXISTS,      /**< a thing of that name is there already */
	ERR_FULL,        /**< an explicit cap is reached; what was stored stays */
	ERR_FORBIDDEN,   /**< the party or the audience does not allow it */
	ERR_UNSUPPORTED, /**< a feature, version or format that this build does not know */
	ERR_CORRUPT,     /**< stored data does not say what it must: a file was damaged or forged */
	ERR_IO,          /**< the operating system refused: fault text has its reason */
	ERR_BUSY,        /**< another process holds it */
	ERR_CANCELLED,   /**< stopped on request before the end */
	ERR_USAGE,       /**< the command line or configuration is not right */
};

/** Short constant name of a code: "syntax", "not-found", ...  Never NULL. */
const char *err_name(enum err e);

/** A code with a sentence: lower case, what is wrong first, subject in quotes, with the place when there is one.
 *  Plain data: no release.  A function that takes a fault pointer accepts NULL. */
struct fault {
	enum err code;
	char text[400];
};

/** Fill `f` (may be NULL) and return `code`, so that `return fault_set(f, ERR_SYNTAX, "...")` reads well. */
enum err fault_set(struct fault *f, enum err code, const char *fmt, ...) PRINTF(3, 4);

/** Put "`prefix`: " in front of the text of `f`; returns f->code. */
enum err fault_at(struct fault *f, const char *fmt, ...) PRINTF(2, 3);

#endif
