#include "codec/hitlog.h"

#include <stdlib.h>

#include "base/num.h"

/* Behind the first `text` in `s`.  @return false: it is not there. */
static bool behind(struct span s, struct span text, struct span *ret_rest)
{
	const uint8_t *p = s.n ? memmem(s.p, s.n, text.p, text.n) : NULL;
	if (!p)
		return false;
	*ret_rest = span_from(s, (size_t)(p - s.p) + text.n);
	return true;
}

static struct span without_star(struct span name)
{
	return span_starts(name, SPAN_LIT("*.")) ? span_from(name, 2) : name;
}

static enum err value_of(struct span text, uint8_t store[OBS_KEY_MAX], struct observable *ret_value)
{
	return obs_parse(without_star(text), store, ret_value, NULL) ? ERR_SYNTAX : OK;
}

static enum err unbound(struct span rest, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, bool *ret_passed)
{
	struct span trigger = span_trim(rest);
	if (trigger.n && trigger.p[0] == '[') /* the zone's name for logs, which may have blanks */
		trigger = span_from(trigger, span_find(trigger, ']') + 1);
	struct span value = span_word(&trigger);
	if (span_is(value, "rpz-ip") || span_is(value, "rpz-client-ip") || span_is(value, "response-ip") || span_is(value, "rpz-nsip") ||
	    span_is(value, "rpz-nsdname") || span_is(value, "clientip") || span_is(value, "nsdname") || span_is(value, "nsip"))
		value = span_word(&trigger);
	struct span action = span_word(&trigger);
	*ret_passed = span_is(action, "rpz-passthru");
	return span_starts(action, SPAN_LIT("rpz-")) ? value_of(value, store, ret_value) : ERR_SYNTAX;
}

/* "32.7.100.51.198" or "128.zz.db8.2001", as an owner of rpz-ip. */
static enum err reversed_address(struct span owner, uint8_t store[OBS_KEY_MAX], struct observable *ret_value)
{
	struct span label[10];
	unsigned n = 0;
	uint64_t length;
	char text[80];
	size_t at = 0;
	while (owner.n && n < COUNT_OF(label)) {
		label[n] = span_head(owner, span_find(owner, '.'));
		owner = span_from(owner, label[n++].n + 1);
	}
	if (owner.n || n < 3 || num_parse_u64(label[0], 128, &length))
		return ERR_SYNTAX;
	bool four = n == 5 && length <= 32;
	for (unsigned i = n - 1; i > 0 && at < sizeof(text) - 20; i--) {
		bool gap = span_is(label[i], "zz");
		if (label[i].n > 4)
			return ERR_SYNTAX;
		if (at && !(gap && text[at - 1] == ':'))
			text[at++] = four ? '.' : ':';
		if (gap) { /* "::" */
			text[at++] = ':';
			if (at == 1)
				text[at++] = ':';
			continue;
		}
		memcpy(text + at, label[i].p, label[i].n);
		at += label[i].n;
	}
	text[at++] = '/';
	for (unsigned ten = 100; ten; ten /= 10)
		if (length >= ten || ten == 1)
			text[at++] = (char)('0' + length / ten % 10);
	return obs_parse(span_of(text, at), store, ret_value, NULL) ? ERR_SYNTAX : OK;
}

/* The zone's name is not in the line: the blocked name is the longest end of the asked one that begins the owner. */
static enum err name_in_owner(struct span asked, struct span owner, uint8_t store[OBS_KEY_MAX], struct observable *ret_value)
{
	owner = without_star(owner);
	while (asked.n) {
		if (owner.n > asked.n && owner.p[asked.n] == '.' && span_ieq(span_head(owner, asked.n), asked))
			return value_of(asked, store, ret_value);
		asked = span_from(asked, span_find(asked, '.') + 1);
	}
	return ERR_SYNTAX;
}

static enum err bind(struct span rest, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, bool *ret_passed)
{
	struct span trigger = span_word(&rest), action = span_word(&rest), asked, owner;
	if (!behind(rest, SPAN_LIT("rewrite "), &rest))
		return ERR_SYNTAX;
	asked = span_word(&rest);
	if (!span_is(span_word(&rest), "via"))
		return ERR_SYNTAX;
	owner = span_word(&rest);
	*ret_passed = span_is(action, "PASSTHRU");
	size_t at = 0;
	struct span address;
	if (behind(owner, SPAN_LIT(".rpz-ip."), &address))
		at = (size_t)(address.p - owner.p) - sizeof(".rpz-ip.") + 1;
	if (span_is(trigger, "IP"))
		return at ? reversed_address(span_head(owner, at), store, ret_value) : ERR_SYNTAX;
	return span_is(trigger, "QNAME") ? name_in_owner(span_head(asked, span_find(asked, '/')), owner, store, ret_value) : ERR_SYNTAX;
}

enum err hitlog_line(struct span line, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, bool *ret_passed)
{
	struct span rest;
	*ret_passed = false;
	if (behind(line, SPAN_LIT("rpz: applied "), &rest))
		return unbound(rest, store, ret_value, ret_passed);
	if (behind(line, SPAN_LIT("): rpz "), &rest) || behind(line, SPAN_LIT("): view "), &rest)) {
		if (!span_starts(rest, SPAN_LIT("QNAME ")) && !span_starts(rest, SPAN_LIT("IP ")) && !behind(rest, SPAN_LIT(": rpz "), &rest))
			return ERR_NOTFOUND;
		return bind(rest, store, ret_value, ret_passed);
	}
	return ERR_NOTFOUND;
}
