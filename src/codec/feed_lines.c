/* Lists and analysts' notes: one observable per line, among whatever people write around it.
 *
 * Most lines of most lists are one plain address or name, and take the first branch.  The others are read by these rules,
 * made from what feeds and reports of the last ten years hold:
 *
 *  1. Comments begin with # ; // or !.  Behind a value, a blank and one of them begin a comment too.
 *  2. A bullet or number in front ("- ", "* ", "+ ", "3. ", "> ") and a label ("SHA256: ", "C2 - ") are not part of the line.
 *  3. The first word decides: if it is an observable, the line is a claim about it.  A range "a-b" is the prefixes it covers.
 *     Numbers and text behind the value (ipsum's count of lists, a malware's name) say nothing that can be used alike.
 *  4. Other words are claims only if nobody writes them in prose without meaning them: what is defanged (evil[.]example,
 *     hxxp://), and digests.  In a table row ("| a | b |") and behind a first value, addresses count too.
 *     A plain name or URL in running text is never one ("see www.example.com", "e.g.").
 *  5. A name whose last label is a kind of file (setup.exe, invoice.doc) is a file name, unless it is defanged.
 *  6. A URL that stands alone below a sentence that leads to it ("the analysis is at") is a reference.
 *  7. What is left: URL paths, file paths, registry keys, AS numbers are skipped as such.  A line that begins with what
 *     looks like an address, a digest or a name but is none is rejected; a line that looks like prose is a heading. */
#include "codec/filename.h"
#include "codec/formats.h"
#include "codec/lines.h"
#include "codec/range.h"

struct notes {
	struct lines lines;
	bool leads; /**< the line before is a sentence that leads to a reference */
};

static bool contains(struct span s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static bool starts_nocase(struct span s, const char *prefix)
{
	return s.n >= strlen(prefix) && span_ieq(span_head(s, strlen(prefix)), span_str(prefix));
}

static bool is_defanged(struct span word)
{
	static const char *const marks[] = { "[.", ".]", "(.)", "{.}", "[dot]", "(dot)", "[:", "[at]", "[@]" };
	if (starts_nocase(word, "hxxp") || starts_nocase(word, "hxtp") || starts_nocase(word, "h**p"))
		return true;
	for (size_t i = 0; i < COUNT_OF(marks); i++)
		if (contains(word, marks[i]))
			return true;
	return false;
}

static bool is_file_name(struct span text, const struct observable *o)
{
	return UNLIKELY(domain_is_filename(o)) && !is_defanged(text);
}

static struct span strip(struct span word)
{
	while (word.n && memchr("`'\"+*(<{,|=_", word.p[0], 12))
		word = span_from(word, 1);
	while (word.n && memchr("`'\"+*)>},;.:|=_", word.p[word.n - 1], 15))
		word.n--;
	return word;
}

static const struct observable *last_claim(const struct draft *d)
{
	return &d->claims[d->r.n_claims - 1].obs;
}

/* Claim `word` as it is, else without the marks around it. */
static enum err claim_word(struct draft *d, struct span word)
{
	enum err e = draft_claim(d, word);
	struct span bare = strip(word);
	if (e && bare.n && bare.n != word.n)
		e = draft_claim(d, bare);
	return e;
}

static bool is_address(uint8_t kind)
{
	return kind >= OBS_IPV4 && kind <= OBS_CIDR6;
}

static bool is_digest(struct span word)
{
	if (word.n != 32 && word.n != 40 && word.n != 64 && word.n != 128)
		return false;
	for (size_t i = 0; i < word.n; i++)
		if (!ascii_digit(word.p[i]) && !(ascii_lower(word.p[i]) >= 'a' && ascii_lower(word.p[i]) <= 'f'))
			return false;
	return true;
}

/* Rule 4, for one word. */
static enum err claim_other(struct draft *d, struct span word, bool addresses)
{
	bool strong = is_digest(word) || is_defanged(word);
	if (!strong && !(addresses && word.n >= 7 && (ascii_digit(word.p[0]) || memchr(word.p, ':', word.n))))
		return OK;
	enum err e = draft_claim(d, word);
	if (!e && !strong && !is_address(last_claim(d)->kind))
		draft_drop(d);
	return e == ERR_FULL ? e : OK;
}

static void claim_others(struct draft *d, struct span rest, bool addresses)
{
	bool table = span_starts(rest, SPAN_LIT("|")) || contains(rest, " |") || contains(rest, "| ") || contains(rest, "`");
	for (struct span word; (word = word_next(&rest)).n;) {
		if (word.p[0] == '#' && !table)
			return;
		/* In tables words end at '|' also. */
		for (size_t bar; word.n; word = span_from(word, bar + 1)) {
			bar = table ? span_find(word, '|') : word.n;
			if (claim_other(d, strip(span_head(word, bar)), addresses || table)) {
				draft_reject_fault(d);
				return;
			}
		}
	}
}

static bool all_in(struct span s, const char *set)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr(set, s.p[i]) || !s.p[i])
			return false;
	return true;
}

static const char *kind_of_other(struct span text, struct span first)
{
	struct span rest = text, bare = strip(first);
	size_t slash = span_find(bare, '/');
	if (first.p[0] == '/')
		return "path";
	if (bare.n && (bare.p[0] == '~' || bare.p[0] == '%'))
		return "file path";
	if (starts_nocase(text, "GET /") || starts_nocase(text, "POST /") || starts_nocase(text, "HEAD /"))
		return "path";
	if (contains(text, "\\") || starts_nocase(text, "HKEY_"))
		return "file path";
	/* "Win32/Agent.ABC", "src/main.c": what is in front of the slash is no host. */
	if (slash && slash < bare.n && span_find(bare, '.') > slash && span_find(bare, ':') > slash && !is_defanged(bare))
		return "other";
	if (first.n > 2 && starts_nocase(first, "AS") && ascii_digit(first.p[2]) && all_in(span_from(bare, 2), "0123456789"))
		return "asn";
	for (struct span word; (word = word_next(&rest)).n;)
		if (!all_in(word, "-=_*#~+.:|`^<>"))
			return NULL;
	return "rule";
}

/* An address, a digest, a URL or a name was meant. */
static bool looks_meant(struct span first, bool alone)
{
	size_t dots = 0, digits = 0, hex = 0, colons = 0;
	for (size_t i = 0; i < first.n; i++) {
		uint8_t c = first.p[i], low = ascii_lower(c);
		digits += ascii_digit(c);
		hex += ascii_digit(c) || (low >= 'a' && low <= 'f');
		dots += c == '.' && i && i + 1 < first.n;
		colons += c == ':';
	}
	if (is_defanged(first) || contains(first, "://") || (dots == 3 && digits >= 4 && digits + dots >= first.n - 3))
		return true;
	if (hex == first.n && first.n >= 30)
		return true;
	if (colons >= 2 && hex + colons == first.n && first.n >= 4)
		return alone || colons >= 3;
	return alone && (dots || (hex == first.n && digits && first.n >= 24) || contains(first, "@"));
}

static bool is_label(struct span word)
{
	static const char *const labels[] = { "ip", "ips", "ipv4", "ipv6", "address", "domain", "domains", "host", "hostname", "url", "urls",
					      "uri", "c2", "c&c", "cc", "md5", "sha1", "sha-1", "sha256", "sha-256", "sha512", "sha-512",
					      "hash", "email", "e-mail", "ioc", "indicator", "server", "sha" };
	word = strip(word);
	for (size_t i = 0; i < COUNT_OF(labels); i++)
		if (span_ieq(word, span_str(labels[i])))
			return true;
	return false;
}

/* Rule 2. */
static struct span without_bullet(struct span text)
{
	struct span rest = text, word = word_next(&rest);
	size_t digits = 0;
	while (digits < word.n && ascii_digit(word.p[digits]))
		digits++;
	bool number = digits && digits <= 4 && word.n == digits + 1 && (word.p[digits] == '.' || word.p[digits] == ')');
	static const char *const bullets[] = { "-", "*", "**", "+", ">", "|", "o", "\xe2\x80\xa2", "\xe2\x80\x93" };
	bool bullet = false;
	for (size_t i = 0; i < COUNT_OF(bullets); i++)
		bullet |= span_is(word, bullets[i]);
	rest = span_trim(rest);
	return (bullet || number) && rest.n ? rest : text;
}

/* "SHA256: ...", "SHA256 - ...", "MD5 = ..." */
static struct span without_label(struct span text)
{
	struct span rest = text, word = word_next(&rest), after = rest, dash = word_next(&after);
	if (!is_label(word))
		return text;
	if (span_is(dash, "-") || span_is(dash, "=") || span_is(dash, ":"))
		rest = after;
	else if (word.p[word.n - 1] != ':' && word.p[word.n - 1] != '=')
		return text;
	rest = span_trim(rest);
	return rest.n ? rest : text;
}

/* Rule 6: a sentence of some words whose last one leads on. */
static bool leads_on(struct span text)
{
	static const char *const leads[] = { "at", "in", "on", "see", "from", "here", "here:", "to", "via", "blogpost", "at:", "on:", "see:", "reference:",
					     "references:", "source:", "blog:", "link:" };
	struct span rest = text, word = { 0 }, last = { 0 };
	while ((word = word_next(&rest)).n)
		last = word;
	for (size_t i = 0; i < COUNT_OF(leads); i++)
		if (span_ieq(last, span_str(leads[i])))
			return true;
	return false;
}

static bool is_comment(struct span text)
{
	return text.p[0] == '#' || text.p[0] == ';' || text.p[0] == '!' || (text.n > 1 && text.p[0] == '/' && text.p[1] == '/');
}

/* Rule 7. */
static void read_other(struct notes *n, struct span text, struct span first, bool alone, struct draft *d)
{
	const char *what = kind_of_other(text, first);
	if (what) {
		draft_skip(d, what);
	} else if (looks_meant(strip(first), alone)) {
		enum err e = draft_claim(d, strip(first)); /* again, for its fault */
		if (e)
			draft_reject_fault(d);
	} else {
		n->leads = leads_on(text);
		draft_skip(d, "heading");
	}
}

static void read_text(struct notes *n, struct span line, struct draft *d)
{
	struct span text = without_label(without_bullet(line)), rest = text, first = word_next(&rest), next = rest;
	struct span second = word_next(&next);
	bool alone = !second.n || is_comment(second);
	if (first.p[0] == '.' && first.n > 1)
		first = span_from(first, 1); /* ".evil.example": the name and what is below it */
	if (span_is(second, "-") && !range_claim(d, line_without_comment(text)))
		return;
	if (!claim_word(d, first)) {
		const struct observable *o = last_claim(d);
		const char *what = is_file_name(first, o) ? "file name" : NULL;
		if (n->leads && alone && o->kind == OBS_URL && !is_defanged(first))
			what = "reference";
		if (what)
			draft_drop(d);
		if (!alone)
			claim_others(d, rest, !what);
		if (what && !d->r.n_claims && d->r.fate == FATE_CLAIMS)
			draft_skip(d, what);
		return;
	}
	enum err e = range_claim(d, line_without_comment(text));
	if (e == ERR_SYNTAX && starts_nocase(text, "serial"))
		draft_skip(d, "other"); /* of a certificate: it may have the length of a digest */
	else if (e == ERR_SYNTAX)
		claim_others(d, text, false);
	else if (e)
		draft_reject_fault(d);
	if (!d->r.n_claims && d->r.fate == FATE_CLAIMS)
		read_other(n, text, first, alone, d);
}

static void read_line(void *state, struct span line, struct draft *d)
{
	struct notes *n = state;
	if (LIKELY(!draft_claim_plain(d, line))) {
		n->leads = false;
		if (UNLIKELY(is_file_name(line, last_claim(d))))
			draft_skip(d, "file name");
		return;
	}
	struct span text = span_trim(line);
	if (!text.n) {
		draft_skip(d, "blank"); /* what a sentence leads to may stand below a blank line */
		return;
	}
	if (is_comment(text))
		draft_skip(d, "comment");
	else
		read_text(n, text, d);
	if (d->r.fate != FATE_SKIPPED || strcmp(d->r.what, "heading"))
		n->leads = false;
}

/* Lists of package names and the like are no lists of names: "com.example.app". */
static bool is_reversed(struct span head)
{
	unsigned lines = 0, reversed = 0;
	while (head.n && lines < 200) {
		size_t end = span_find(head, '\n');
		reversed += starts_nocase(head, "com.") || starts_nocase(head, "org.");
		lines += end > 0;
		head = span_from(head, end + 1);
	}
	return lines >= 2 && reversed * 2 > lines;
}

/* "digest  file" in a file of that kind: a checksum that goes with a download. */
static bool is_checksum(struct span head, const char *filename)
{
	static const char *const kinds[] = { ".sha512", ".sha256", ".sha1", ".md5", "SUMS", "sums.txt" };
	struct span rest = span_head(head, span_find(head, '\n')), name = filename ? span_str(filename) : rest;
	word_next(&rest);
	for (size_t i = 0; i < COUNT_OF(kinds) && filename; i++)
		if (name.n > strlen(kinds[i]) && span_is(span_from(name, name.n - strlen(kinds[i])), kinds[i]))
			return word_next(&rest).n > 0;
	return false;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct survey s;
	if (text_is_markup(head) || is_reversed(head) || is_checksum(head, filename) || text_is_wordy(head, 8))
		return 0;
	if (contains(head, "===BEGIN ICANN DOMAINS==="))
		return 0; /* the public suffix list: nothing in it is bad */
	lines_survey(head, whole, read_line, sizeof(struct notes), &s);
	/* Paths or AS numbers alone are a list too, of which nothing can be used. */
	if (!s.claims && s.others > 9 * (s.headings + s.rejected))
		return 25;
	return survey_sure(&s, 70);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	(void)f;
	return lines_parse(state, in, last, read_line, sink, ctx, ret_used);
}

static void start(void *state, const struct feed_options *o)
{
	((struct notes *)state)->leads = false;
	lines_start(state, o);
}

static void save(const void *state, struct buf *out)
{
	buf_putc(out, ((const struct notes *)state)->leads ? '1' : '0');
	lines_save(state, out);
}

static enum err load(void *state, struct span token)
{
	if (!token.n || token.p[0] < '0' || token.p[0] > '1')
		return ERR_SYNTAX;
	((struct notes *)state)->leads = token.p[0] == '1';
	return lines_load(state, span_from(token, 1));
}

const struct feed_format feed_lines = {
	.name = "lines",
	.title = "one observable per line, with comments, or an analyst's notes",
	.sniff = sniff,
	.state_size = sizeof(struct notes),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
