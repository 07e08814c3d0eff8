#include "codec/email.h"

#include "codec/ip.h"

static bool local_octet(uint8_t c)
{
	return c > ' ' && c < 0x7f && !memchr("\"(),/:;<>?@[\\]", c, 14);
}

enum err email_parse(struct span s, uint8_t ret_text[EMAIL_MAX], size_t *ret_n, struct fault *f)
{
	uint8_t text[EMAIL_MAX];
	size_t at = span_find(s, '@'), name_n;
	if (at == 0 || at == s.n)
		return fault_set(f, ERR_SYNTAX, "an e-mail address has nothing before \"@\"");
	if (at > EMAIL_LOCAL_MAX)
		return fault_set(f, ERR_RANGE, "an e-mail address has more than %d octets before \"@\"", EMAIL_LOCAL_MAX);
	for (size_t i = 0; i < at; i++) {
		if (!local_octet(s.p[i]))
			return fault_set(f, ERR_SYNTAX, "octet 0x%02x cannot be in an e-mail address before \"@\"", s.p[i]);
		text[i] = ascii_lower(s.p[i]);
	}
	text[at] = '@';
	enum err e = domain_parse(span_from(s, at + 1), text + at + 1, &name_n, f);
	if (e)
		return e;
	struct span name = { text + at + 1, name_n };
	if (ip4_like(name))
		return fault_set(f, ERR_SYNTAX, "the domain of an e-mail address ends in a number");
	if (span_find(name, '.') == name.n)
		return fault_set(f, ERR_RANGE, "the domain of an e-mail address is a single label");
	memcpy(ret_text, text, at + 1 + name_n);
	*ret_n = at + 1 + name_n;
	return OK;
}
