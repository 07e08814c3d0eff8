#include "ledger/note.h"

#include "base/base64.h"
#include "base/num.h"
#include "base/utf8.h"
#include "sys/digest.h"
#include "sys/key.h"

enum { ID = 4, TIME = 8, SIGNATURE = 64, KEY = 32 };

#define DASH "\xe2\x80\x94 " /* U+2014 and a blank */

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static void put_big_endian(uint64_t v, unsigned n, struct buf *out)
{
	while (n--)
		buf_putc(out, (uint8_t)(v >> 8 * n));
}

/* Characters of the property White_Space beyond U+0020. */
static bool wide_space(uint32_t c)
{
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

bool note_name_ok(struct span name)
{
	if (name.n == 0)
		return false;
	while (name.n) {
		uint32_t c;
		size_t n = utf8_decode(name, &c);
		if (n == 0 || c <= ' ' || c == '+' || c == 0x7f || wide_space(c))
			return false;
		name = span_from(name, n);
	}
	return true;
}

/* The first octets of SHA-256(name || "\n" || typed key); the type is the key's first octet. */
static uint32_t id_of(struct span name, struct span typed_key)
{
	uint8_t digest[32];
	sha256_three(name, SPAN_LIT("\n"), typed_key, digest);
	return (uint32_t)big_endian(digest, ID);
}

uint32_t note_key_id(struct span name, uint8_t type, const uint8_t key[32])
{
	uint8_t typed[1 + KEY] = { type };
	memcpy(typed + 1, key, KEY);
	return id_of(name, span_of(typed, sizeof(typed)));
}

static size_t line_at(struct span s, size_t at)
{
	size_t line = 1;
	for (size_t i = 0; i < at; i++)
		line += s.p[i] == '\n';
	return line;
}

static enum err syntax_at(struct span octets, const uint8_t *at, const char *what, struct fault *f)
{
	return fault_set(f, ERR_SYNTAX, "line %zu of the note %s", line_at(octets, (size_t)(at - octets.p)), what);
}

static enum err check_characters(struct span s, struct fault *f)
{
	size_t valid = utf8_valid_prefix(s);
	for (size_t i = 0; i < valid; i++)
		if (s.p[i] < ' ' && s.p[i] != '\n')
			return syntax_at(s, s.p + i, "has a control character", f);
	return valid == s.n ? OK : syntax_at(s, s.p + valid, "is not UTF-8", f);
}

/* The text goes up to the last blank line: it may have blank lines of its own, signatures have none. */
static enum err split(struct span octets, struct span *ret_text, struct span *ret_lines, struct fault *f)
{
	size_t i = octets.n;
	if (i == 0 || octets.p[i - 1] != '\n')
		return fault_set(f, ERR_SYNTAX, "note does not end with a newline");
	while (--i > 0)
		if (octets.p[i] == '\n' && octets.p[i - 1] == '\n')
			break;
	if (i == 0)
		return fault_set(f, ERR_SYNTAX, "note has no blank line between its text and its signatures");
	*ret_text = span_head(octets, i);
	*ret_lines = span_from(octets, i + 1);
	return ret_lines->n ? OK : fault_set(f, ERR_SYNTAX, "note has no signature behind its last blank line");
}

/* @param scratch  where the signature is decoded; of any content before and after.
 * @return what is wrong, or NULL. */
static const char *parse_line(struct span line, struct buf *scratch, struct note_line *ret_line)
{
	if (!span_starts(line, SPAN_LIT(DASH)))
		return "does not begin with a dash, as a signature does";
	line = span_from(line, sizeof(DASH) - 1);
	size_t blank = span_find(line, ' ');
	ret_line->name = span_head(line, blank);
	ret_line->octets = span_from(line, blank + 1);
	if (!note_name_ok(ret_line->name))
		return "has no valid name of a key";
	scratch->n = 0;
	if (base64_decode(ret_line->octets, scratch))
		return "has a signature that is not base64";
	if (scratch->n <= ID)
		return "has no signature behind the id of the key";
	ret_line->id = (uint32_t)big_endian(scratch->p, ID);
	return NULL;
}

enum err note_parse(struct span octets, struct note *ret_note, struct fault *f)
{
	struct buf scratch = { 0 };
	struct span lines = { 0 }, line;
	struct note n;
	enum err e;
	n.n = 0;
	if (octets.n > NOTE_MAX)
		return fault_set(f, ERR_RANGE, "note has %zu octets; the most is %d", octets.n, NOTE_MAX);
	if ((e = check_characters(octets, f)) || (e = split(octets, &n.text, &lines, f)))
		return e;
	while (e == OK && span_line(&lines, &line)) {
		const char *wrong = NULL;
		if (n.n == NOTE_SIGNATURES_MAX)
			e = fault_set(f, ERR_RANGE, "line %zu of the note is one more signature than %d, the most",
				      line_at(octets, (size_t)(line.p - octets.p)), NOTE_SIGNATURES_MAX);
		else if ((wrong = parse_line(line, &scratch, &n.line[n.n])))
			e = syntax_at(octets, line.p, wrong, f);
		else
			n.n++;
	}
	buf_release(&scratch);
	if (e)
		return e;
	ret_note->text = n.text;
	ret_note->n = n.n;
	memcpy(ret_note->line, n.line, n.n * sizeof(n.line[0]));
	return OK;
}

/* Name, id and key, and that they belong together. */
static enum err parse_vkey(struct span text, struct buf *key, struct verifier *ret_verifier, struct fault *f)
{
	size_t plus = span_find(text, '+');
	struct span name = span_head(text, plus), rest = span_from(text, plus + 1);
	uint8_t id[ID];
	if (plus == text.n || !note_name_ok(name) || name.n > NOTE_NAME_MAX)
		return fault_set(f, ERR_SYNTAX,
				 "key of a verifier is neither 64 hexadecimal digits nor begins with a name and \"+\"");
	if (rest.n <= 2 * ID || rest.p[2 * ID] != '+' || hex_decode(span_head(rest, 2 * ID), id, ID))
		return fault_set(f, ERR_SYNTAX,
				 "key of a verifier has no id of 8 hexadecimal digits between two \"+\"");
	if (base64_decode(span_from(rest, 2 * ID + 1), key) || key->n < 2)
		return fault_set(f, ERR_SYNTAX, "key of a verifier does not end with a key in base64");
	if (id_of(name, buf_span(key)) != big_endian(id, ID))
		return fault_set(f, ERR_SYNTAX,
				 "id in a verifier's key is not that of its name and key: a digit is wrong");
	if (key->p[0] != NOTE_ED25519 && key->p[0] != NOTE_COSIGNATURE)
		return fault_set(f, ERR_UNSUPPORTED,
				 "type 0x%02x of a verifier's key is none of 0x01 and 0x04, Ed25519", key->p[0]);
	if (key->n != 1 + KEY)
		return fault_set(f, ERR_SYNTAX, "key of a verifier has %zu octets instead of %d", key->n - 1, KEY);
	*ret_verifier = (struct verifier){ .type = key->p[0] };
	memcpy(ret_verifier->name, name.p, name.n);
	memcpy(ret_verifier->key, key->p + 1, KEY);
	return OK;
}

enum err verifier_parse(struct span text, struct verifier *ret_verifier, struct fault *f)
{
	struct verifier plain = { .type = NOTE_ED25519 };
	struct buf key = { 0 };
	text = span_trim(text);
	if (hex_decode(text, plain.key, KEY) == OK) {
		*ret_verifier = plain;
		return OK;
	}
	enum err e = parse_vkey(text, &key, ret_verifier, f);
	buf_release(&key);
	return e;
}

void verifier_put(const struct verifier *v, struct buf *out)
{
	uint8_t typed[1 + KEY] = { v->type };
	memcpy(typed + 1, v->key, KEY);
	buf_printf(out, "%s+%08x+", v->name, (unsigned)note_key_id(span_str(v->name), v->type, v->key));
	base64_put(out, span_of(typed, sizeof(typed)));
}

static bool ed25519_holds(struct span text, const struct verifier *v, struct span signature)
{
	return signature.n == SIGNATURE && signature_holds(v->key, text, signature.p);
}

static bool cosignature_holds(struct span text, const struct verifier *v, struct span signature, uint64_t *ret_time_s)
{
	struct buf message = { 0 };
	if (signature.n != TIME + SIGNATURE)
		return false;
	*ret_time_s = big_endian(signature.p, TIME);
	cosignature_message(text, *ret_time_s, &message);
	bool holds = signature_holds(v->key, buf_span(&message), signature.p + TIME);
	buf_release(&message);
	return holds;
}

/* A line with the name and id of the verifier's key. */
static bool line_holds(const struct note_line *l, struct span text, const struct verifier *v, uint64_t *ret_time_s)
{
	struct buf octets = { 0 };
	bool holds = false;
	*ret_time_s = 0;
	if (base64_decode(l->octets, &octets) == OK && octets.n > ID) {
		struct span signature = span_from(buf_span(&octets), ID);
		holds = v->type == NOTE_COSIGNATURE ? cosignature_holds(text, v, signature, ret_time_s) :
						      ed25519_holds(text, v, signature);
	}
	buf_release(&octets);
	return holds;
}

enum err note_check(const struct note *n, const struct verifier *v, uint64_t *ret_time_s, struct fault *f)
{
	struct span name = v->name[0] ? span_str(v->name) : span_head(n->text, span_find(n->text, '\n'));
	uint32_t id = note_key_id(name, v->type, v->key);
	char whose[NOTE_NAME_MAX + 48];
	uint64_t latest_s = 0;
	bool found = false;
	if (v->name[0])
		snprintf(whose, sizeof(whose), "the key \"%s\" (id %08x)", v->name, (unsigned)id);
	else /* what the note says itself is not for a terminal */
		snprintf(whose, sizeof(whose), "the key of its origin (id %08x)", (unsigned)id);
	for (unsigned i = 0; i < n->n; i++) {
		uint64_t time_s;
		if (n->line[i].id != id || !span_eq(n->line[i].name, name))
			continue;
		if (!line_holds(&n->line[i], n->text, v, &time_s))
			return fault_set(f, ERR_CORRUPT,
					 "the signature of %s does not hold: it is forged, or the text was changed", whose);
		latest_s = time_s > latest_s ? time_s : latest_s;
		found = true;
	}
	if (!found)
		return fault_set(f, ERR_NOTFOUND, "the note is not signed by %s", whose);
	if (ret_time_s)
		*ret_time_s = latest_s;
	return OK;
}

void note_line_put(struct span name, uint8_t type, const uint8_t public[32], struct span signature, struct buf *out)
{
	struct buf octets = { 0 };
	put_big_endian(note_key_id(name, type, public), ID, &octets);
	buf_putspan(&octets, signature);
	buf_puts(out, DASH);
	buf_putspan(out, name);
	buf_putc(out, ' ');
	base64_put(out, buf_span(&octets));
	buf_putc(out, '\n');
	buf_release(&octets);
}

void cosignature_message(struct span text, uint64_t time_s, struct buf *out)
{
	buf_puts(out, "cosignature/v1\ntime ");
	buf_putu(out, time_s);
	buf_putc(out, '\n');
	buf_putspan(out, text);
}
