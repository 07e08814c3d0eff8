/* UUIDs of RFC 9562, in their text form: 36 characters of lower case. */
#ifndef SYS_UUID_H
#define SYS_UUID_H

#include "base/span.h"

enum { UUID_TEXT = 37 }; /**< with the NUL */

/** Version 5: the one that always belongs to this name in this namespace. */
void uuid_named(const uint8_t namespace[16], struct span name, char ret_text[UUID_TEXT]);
/** Version 4: another one each time. */
void uuid_random(char ret_text[UUID_TEXT]);
/** The namespace of URLs (RFC 9562 section 6.6). */
extern const uint8_t uuid_urls[16];

#endif
