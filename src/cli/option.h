/* Options of a verb: rows of one table, from which the parser and the help text both come.  GNU habits: "--name value",
 * "--name=value", "-x value", "-xvalue", "--" ends them, options may follow operands. */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "base/buf.h"
#include "base/err.h"

enum option_kind {
	OPTION_FLAG,   /**< bool */
	OPTION_TEXT,   /**< const char * */
	OPTION_NUMBER, /**< uint64_t */
	OPTION_LIST,   /**< struct option_list: each time that it is given adds one */
};

enum { OPTION_LIST_MAX = 32 };
/** Zero-initialised is empty. */
struct option_list {
	unsigned n;
	const char *value[OPTION_LIST_MAX];
};

struct option {
	char letter;           /**< 0: none */
	const char *name;      /**< without "--"; NULL ends the table */
	const char *argument;  /**< its word in the help; NULL for flags */
	const char *help;
	enum option_kind kind;
	void *target;          /**< what the kind says; untouched when the option is not given */
	uint64_t max;          /**< of a number */
};

/** Parse argv[1..]; operands are moved to the front of argv from 1 on.
 *  @param ret_operands  how many.  @return OK; ERR_USAGE with the sentence. */
enum err options_parse(const struct option *rows, int argc, char **argv, int *ret_operands, struct fault *f) MUST_USE;
/** One line per option. */
void options_help(const struct option *rows, struct buf *out);

/** The rows that every verb with a data directory has. */
#define OPTION_DIR(target) { 'd', "dir", "DIR", "data directory (default: $SIPAR_DIR, else /var/lib/sipar)", OPTION_TEXT, target, 0 }
#define OPTION_JSON(target) { 0, "json", NULL, "one JSON object a line instead of text", OPTION_FLAG, target, 0 }
/** An option without a letter that takes a text, and a flag without one. */
#define OPTION_WORD(target, name, argument, help) { 0, name, argument, help, OPTION_TEXT, target, 0 }
#define OPTION_SWITCH(target, name, help) { 0, name, NULL, help, OPTION_FLAG, target, 0 }
#define OPTION_END { 0, NULL, NULL, NULL, OPTION_FLAG, NULL, 0 }

#endif
