/* STIX objects on their way in from others: is it an object as the standard says, and may it be in a lane for this audience?
 *
 * Held to (STIX 2.1 chapters 2 to 8): identifier and type, the required properties of the known types with the right kinds of values, times of
 * versions and their order, markings.  Not held to: what may grow (open vocabularies, custom properties, extensions, unknown types), where
 * references point, and null and empty values that are not required, which others write.  Objects of STIX 2.0 are held to what both versions have in common.
 *
 * A property's name with an escape in it, or one that decides something and is there twice, is refused: two readers could see two objects.
 */
#ifndef CODEC_STIX_CHECK_H
#define CODEC_STIX_CHECK_H

#include "codec/stix_object.h"
#include "codec/tlp.h"

/** What a marking that is none of the fixed ones of TLP stands for, as far as the asker knows it: TLP_UNSAID when it restricts nothing (a statement); TLP_RED for one that
 *  is not known. */
typedef uint8_t stix_marking_lookup(void *ctx, struct span id);

/** @param lookup  NULL: none is known.  @param ret_object  its head, set also when it is refused, as far as it was read (zero: not at all).
 *  @param ret_tlp  the strictest of its markings, granular ones included; TLP_UNSAID: it has none.
 *  @return OK; ERR_SYNTAX, ERR_RANGE, with a sentence. */
enum err stix_check(struct span text, stix_marking_lookup *lookup, void *ctx, struct stix_object *ret_object, uint8_t *ret_tlp, struct fault *f) MUST_USE;

/** The fixed marking definitions of TLP 1 (STIX 2.1 section 7.2.1.4) and TLP 2.  @return TLP_UNSAID: it is none of them. */
uint8_t stix_marking_tlp(struct span id);
/** What an object of type marking-definition stands for: TLP by its definition, or by the extension of TLP 2; TLP_UNSAID: a statement; TLP_RED: something else. */
uint8_t stix_marking_read(struct span object);

#endif
