/* STIX patterns (STIX 2.1 part 9): the grammar, and what each comparison of a pattern says about an observable.
 *
 * A pattern is not matched here against anything: it is taken apart into its comparisons (atoms).  An atom is "part"
 * when it is not enough alone: something else of another object, another observation or a time must hold as well.  Not
 * so when the others only narrow the same thing: other properties of a file beside its hash, the type, protocol or port
 * beside an address or name.
 */
#ifndef CODEC_STIX_PATTERN_H
#define CODEC_STIX_PATTERN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "codec/stix_path.h"
#include "codec/stix_scan.h"

enum { STIX_ATOMS_MAX = 256, STIX_NESTING_MAX = 64 };

/** A comparison; `IN` gives one with STIX_EQ for each member of the set.  Spans point into the pattern. */
struct stix_atom {
	struct span path;     /**< as written */
	struct span constant; /**< of a string: between the quotes, escapes not resolved */
	uint8_t what, op;
	bool negated;         /**< NOT, or inside a NOT IN */
	bool is_string;
	bool part;
	uint16_t operand;     /**< private: which operand of its chain of ANDs it is in */
};

/** Take a pattern apart.
 *  @param atoms  room for STIX_ATOMS_MAX; in the order of the text.
 *  @return OK; ERR_SYNTAX; ERR_RANGE: more atoms or deeper nesting than the caps.  `f` names the column (octets, from
 * 1). */
enum err stix_pattern_parse(struct span pattern, struct stix_atom *atoms, unsigned *ret_n, struct fault *f) MUST_USE;

/** Does the atom say that its constant is what is meant: `=`, or ISSUBSET of an address, not negated, an observable? */
bool stix_atom_asserts(const struct stix_atom *a);

/** The constant of a string atom, \' and \\ resolved into `scratch` (which is cleared) when there are any. */
struct span stix_atom_text(const struct stix_atom *a, struct buf *scratch);

#endif
