/* Signed notes (C2SP signed-note): a text and signatures of named keys.
 *
 *   text, ending in a newline
 *   (blank line)
 *   — <key name> <base64 of: key id, 4 octets big-endian || signature>       one line each
 *
 * Key types: 0x01 Ed25519 over the text; 0x04 cosignature/v1 (C2SP tlog-cosignature): Ed25519 with a time.
 * Key id: the first four octets of SHA-256(name || "\n" || type || public key).
 */
#ifndef LEDGER_NOTE_H
#define LEDGER_NOTE_H

#include "base/buf.h"
#include "base/err.h"

struct key;

enum {
	NOTE_MAX = 64 << 10,        /**< octets of a whole note */
	NOTE_SIGNATURES_MAX = 64,
	NOTE_NAME_MAX = 255,        /**< octets of a key name */
};
enum note_key_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

struct note {
	struct span text;            /**< with its last newline; all spans point into what was parsed */
	unsigned n;
	struct note_line {
		struct span name;        /**< of the key */
		uint32_t id;
		struct span octets;      /**< base64 of key id and signature, as it stands in the note; strict */
	} line[NOTE_SIGNATURES_MAX];
};

/** Whole and strict: UTF-8, no control characters but newlines, at least one signature line.
 *  @return OK; ERR_SYNTAX; ERR_RANGE: above NOTE_MAX or NOTE_SIGNATURES_MAX.  The fault has the line. */
enum err note_parse(struct span octets, struct note *ret_note, struct fault *f) MUST_USE;

/** A public key under the name that its signatures carry. */
struct verifier {
	char name[NOTE_NAME_MAX + 1]; /**< "" : whatever name the note's own origin line (first line of the text) says */
	uint8_t type;                 /**< enum note_key_type */
	uint8_t key[32];
};
/** A vkey, "name+01234567+base64(type || key)" (C2SP signed-note), or 64 hexadecimal digits: an Ed25519 key for any name.
 *  White space around it is ignored.  @return OK; ERR_SYNTAX (also when the id is not that of name and key);
 *  ERR_UNSUPPORTED: another type of key. */
enum err verifier_parse(struct span text, struct verifier *ret_verifier, struct fault *f) MUST_USE;
/** The vkey of it; v->name is not "". */
void verifier_put(const struct verifier *v, struct buf *out);
uint32_t note_key_id(struct span name, uint8_t type, const uint8_t key[32]);
/** Is it the name of a key: not empty, UTF-8, no white space and no "+"? */
bool note_name_ok(struct span name);

/** Does `v` stand behind the note?
 *  @param ret_time_s  when it was cosigned (seconds since 1970), the latest of several; 0 for NOTE_ED25519; may be NULL.
 *  @return OK; ERR_NOTFOUND: it has no line of this key; ERR_CORRUPT: it has, and one is not of this text by this
 *          key: forged, and then nothing else of the note is to be believed either. */
enum err note_check(const struct note *n, const struct verifier *v, uint64_t *ret_time_s, struct fault *f) MUST_USE;

/** The line "— name base64\n" for a text.  `signature`: 64 octets; of a cosignature 72, with the time in front. */
void note_line_put(struct span name, uint8_t type, const uint8_t public[32], struct span signature, struct buf *out);
/** What is signed for a cosignature of `text` at `time_s`: "cosignature/v1\ntime <seconds>\n" and the text. */
void cosignature_message(struct span text, uint64_t time_s, struct buf *out);

#endif
