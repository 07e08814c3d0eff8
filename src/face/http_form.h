/* Form: the members of a JSON object that a request brings. */
#ifndef FACE_HTTP_FORM_H
#define FACE_HTTP_FORM_H

#include "base/buf.h"
#include "base/err.h"

enum form_kind { FORM_TEXT, FORM_TEXTS, FORM_NUMBER, FORM_FLAG };

/** A member that may be there. */
struct form_row {
	const char *name;
	enum form_kind kind;
	uint64_t most;        /**< of a number */
	bool there;           /**< it was */
	struct span text;     /**< FORM_TEXT: without escapes */
	struct buf texts;     /**< FORM_TEXTS: a string, or a list of strings, each with a newline behind it (none has one in it) */
	uint64_t number;
	bool flag;
};

/** Rows by number, ended by one without a name. */
struct form {
	struct form_row *rows;
	struct buf store;     /**< of texts with escapes */
};

/** Read all of a body into the rows, which are as they were declared.  Texts are lent by the body and the form.
 *  @return ERR_SYNTAX, with the member: another one, one twice, one of another type, something that is no JSON object. */
enum err form_read(struct form *form, struct span body, struct fault *f) MUST_USE;
void form_release(struct form *form);

#endif
