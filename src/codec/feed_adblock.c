/* Adblock rules, as far as they are about names, addresses and URLs, and the lists of Internet Explorer.
 *
 *     ||evil.example^            the name and all below it: a claim
 *     ||evil.example/path^$all   the page: a claim (a URL)
 *     |http://evil.example/x|    a URL
 *     evil.example               bare names and addresses, in the same lists
 *     -d evil.example            .tpl
 *
 * A rule is a claim when it is for everybody: its options are none, or only such as all, document, popup, important.  A rule for some
 * kinds of content or some sites ("$script,domain=...") is about advertisements and skipped, and so are exceptions (@@),
 * cosmetic rules (##) and patterns (wildcards inside, /regular expressions/). */
#include "codec/formats.h"
#include "codec/lines.h"

static bool contains(struct span s, const char *word)
{
	return memmem(s.p, s.n, word, strlen(word)) != NULL;
}

static bool for_everybody(struct span options)
{
	static const char *const general[] = { "all", "document", "doc", "popup", "important", "third-party", "3p", "empty" };
	while (options.n) {
		size_t comma = span_find(options, ',');
		struct span one = span_head(options, comma);
		bool known = false;
		for (size_t i = 0; i < COUNT_OF(general); i++)
			known |= span_is(one, general[i]);
		if (!known)
			return false;
		options = span_from(options, comma + 1);
	}
	return true;
}

static void read_rule(struct span rule, struct draft *d)
{
	size_t dollar = rule.n;
	while (dollar && rule.p[dollar - 1] != '$' && rule.p[dollar - 1] != '/')
		dollar--;
	if (dollar && rule.p[dollar - 1] == '$') {
		if (!for_everybody(span_from(rule, dollar))) {
			draft_skip(d, "restricted rule");
			return;
		}
		rule.n = dollar - 1;
	}
	while (rule.n && (rule.p[rule.n - 1] == '^' || rule.p[rule.n - 1] == '|'))
		rule.n--;
	while (rule.n && rule.p[0] == '|')
		rule = span_from(rule, 1);
	struct span below = span_starts(rule, SPAN_LIT("*.")) ? span_from(rule, 2) : rule;
	if (below.n && (memchr(below.p, '*', below.n) || memchr(below.p, '^', below.n)))
		draft_skip(d, "pattern");
	else if (draft_claim(d, rule))
		draft_reject_fault(d);
}

static void read_adblock(void *state, struct span line, struct draft *d)
{
	struct span text = span_trim(line);
	if (!text.n)
		draft_skip(d, "blank");
	else if (text.p[0] == '!' || (text.p[0] == '#' && !span_starts(text, SPAN_LIT("##"))))
		draft_skip(d, "comment");
	else if (text.p[0] == '[' || text.p[0] == ':' || span_is(text, "msFilterList"))
		draft_skip(d, "heading");
	else if (span_starts(text, SPAN_LIT("@@")))
		draft_skip(d, "exception");
	else if (contains(text, "##") || contains(text, "#@#") || contains(text, "#?#") || contains(text, "#$#"))
		draft_skip(d, "cosmetic rule");
	else if (text.p[0] == '/')
		draft_skip(d, "pattern");
	else if (text.p[0] == '+' && text.n > 1 && text.p[1] == 'd')
		draft_skip(d, "exception");
	else if (text.p[0] == '-' && text.n > 2 && text.p[1] == 'd' && ascii_space(text.p[2]))
		read_rule(span_trim(span_from(text, 2)), d);
	else if (text.p[0] == '-' && text.n > 1 && ascii_space(text.p[1]))
		draft_skip(d, "pattern");
	else
		read_rule(text, d);
}

/* Bare names are everybody's; what tells these lists is their first line, "! " comments or a rule. */
static bool has_mark(struct span head)
{
	struct span s = span_starts(head, SPAN_LIT("\xef\xbb\xbf")) ? span_from(head, 3) : head;
	if (span_starts(s, SPAN_LIT("[Adblock")) || span_starts(s, SPAN_LIT("msFilterList")) || span_starts(s, SPAN_LIT("! ")))
		return true;
	return span_starts(s, SPAN_LIT("||")) || contains(s, "\n||") || contains(s, "\n! ");
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct survey s;
	(void)filename;
	if (!has_mark(head) || span_starts(head, SPAN_LIT("{")) || span_starts(head, SPAN_LIT("<")))
		return 0;
	lines_survey(head, whole, read_adblock, sizeof(struct lines), &s);
	return survey_sure(&s, 92);
}

LINES_FORMAT_SNIFFED(feed_adblock, "adblock", "Adblock, uBlock and AdGuard rules for names and URLs; .tpl lists", read_adblock, sniff);
