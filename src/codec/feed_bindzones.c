/* BIND configuration: a zone of its own for each name, from a file that says nothing.
 *
 *     zone "evil.example" { type master; notify no; file "null.zone.file"; };
 *
 * One zone statement per line, as lists are written; statements over several lines: the line with "zone" is the claim, the
 * others are skipped.  Zones of type hint, forward or stub block nothing. */
#include "codec/formats.h"
#include "codec/lines.h"

static bool contains(struct span s, const char *word)
{
	return memmem(s.p, s.n, word, strlen(word)) != NULL;
}

static void read_zone(void *state, struct span line, struct draft *d)
{
	struct span text = span_trim(line), rest = text;
	if (!text.n) {
		draft_skip(d, "blank");
		return;
	}
	if (text.p[0] == '#' || span_starts(text, SPAN_LIT("//")) || span_starts(text, SPAN_LIT("/*")) || text.p[0] == '*') {
		draft_skip(d, "comment");
		return;
	}
	struct span key = word_next(&rest);
	rest = span_trim(rest);
	if (!span_is(key, "zone")) {
		/* Statements end in ';' or open or close a block; a line of another kind of text does not. */
		if (memchr(";{}", text.p[text.n - 1], 3))
			draft_skip(d, "statement");
		else
			draft_reject(d, "the line is no statement of a BIND configuration");
		return;
	}
	bool quoted = rest.n && rest.p[0] == '"';
	struct span inner = span_from(rest, quoted), name;
	name = quoted ? span_head(inner, span_find(inner, '"')) : word_next(&inner);
	if (span_is(name, "."))
		draft_skip(d, "root");
	else if (contains(rest, "type hint") || contains(rest, "type forward") || contains(rest, "type stub"))
		draft_skip(d, "forwarding");
	else if (draft_claim(d, name))
		draft_reject_fault(d);
}

LINES_FORMAT(feed_bindzones, "bind-zones", "BIND configuration: zone \"name\" { type master; file \"null\"; };", read_zone, 97);
