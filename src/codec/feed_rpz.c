/* Response policy zones as zone text (draft-vixie-dnsop-dns-rpz, RFC 1035 section 5).
 *
 *     owner [ttl] [class] type data ; comment
 *
 * The owner is the trigger: a name, "*.name" (those below it), or "24.0.100.51.198.rpz-ip" (a network, its octets backwards;
 * "48.zz.db8.2001.rpz-ip" for IPv6, zz being "::").  The data is the action:
 *
 *     CNAME .  CNAME *.  CNAME rpz-drop.  CNAME rpz-tcp-only.  any local data     a claim
 *     CNAME rpz-passthru., CNAME to the owner itself                              the source says: not bad
 *
 * Triggers on who asks (rpz-client-ip) and on name servers (rpz-nsip, rpz-nsdname) say nothing about an observable that can
 * be looked up, and are skipped.  The first record of an owner is its claim; lines that go on with the same owner (they
 * begin with a blank) and records of several lines in parentheses are skipped.  Names end at the origin: that of $ORIGIN,
 * or the owner of the SOA where it is absolute, as in the output of a zone transfer. */
#include "base/num.h"
#include "codec/formats.h"
#include "codec/lines.h"

enum { NAME_MAX_TEXT = 255 };

struct rpz {
	struct lines lines;
	bool inside;      /**< parentheses are open */
	uint8_t origin_n;
	char origin[NAME_MAX_TEXT]; /**< lower case, with its final dot */
};

static struct span without_comment(struct span line)
{
	bool quoted = false;
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ';' && !quoted)
			line.n = i;
	}
	return line;
}

static bool ends_with(struct span s, struct span tail)
{
	return s.n >= tail.n && span_ieq(span_from(s, s.n - tail.n), tail);
}

static bool set_origin(struct rpz *z, struct span name)
{
	if (!name.n || name.n > NAME_MAX_TEXT || name.p[name.n - 1] != '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	for (size_t i = 0; i < name.n; i++)
		z->origin[i] = (char)ascii_lower(name.p[i]);
	z->origin_n = (uint8_t)name.n;
	return true;
}

/* The owner without the origin; empty at the apex. */
static struct span relative(const struct rpz *z, struct span owner)
{
	struct span origin = { (const uint8_t *)z->origin, z->origin_n };
	if (span_is(owner, "@") || (z->origin_n && span_ieq(owner, origin)))
		return span_head(owner, 0);
	if (owner.n > origin.n && origin.n > 1 && owner.p[owner.n - origin.n - 1] == '.' && ends_with(owner, origin))
		return span_head(owner, owner.n - origin.n - 1);
	return owner;
}

/* Skip the time to live and the class, in either order; both begin no type. */
static struct span type_next(struct span *rest)
{
	for (;;) {
		struct span word = word_next(rest);
		if (!word.n || !(ascii_digit(word.p[0]) || span_ieq(word, SPAN_LIT("IN")) || span_ieq(word, SPAN_LIT("CH")) ||
				 span_ieq(word, SPAN_LIT("HS"))))
			return word;
	}
}

static bool is_one_of(struct span word, const char *const *list)
{
	while (*list && !span_ieq(word, span_str(*list)))
		list++;
	return *list;
}

/* Data that a policy answers with, against what any zone has. */
static bool is_action(struct span type)
{
	static const char *const types[] = { "CNAME", "A",     "AAAA", "TXT", "MX",    "SRV",   "PTR",
					     "DNAME", "HTTPS", "SVCB", "CAA", "HINFO", "NAPTR", NULL };
	return is_one_of(type, types);
}

static bool is_housekeeping(struct span type)
{
	static const char *const types[] = { "SOA", "NS", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "ZONEMD", "DS", NULL };
	return is_one_of(type, types);
}

/* "24.0.100.51.198" and "48.zz.db8.2001" (the part before .rpz-ip) as text that obs_parse() reads. */
static bool address_text(struct span trigger, char text[64])
{
	struct span labels[10];
	size_t n = 0, out = 0;
	bool v4 = true;
	for (struct span rest = trigger; rest.n && n < COUNT_OF(labels); n++) {
		size_t dot = span_find(rest, '.');
		labels[n] = span_head(rest, dot);
		rest = span_from(rest, dot + 1);
		if (!labels[n].n || labels[n].n > 4)
			return false;
		uint64_t octet;
		v4 &= num_parse_u64(labels[n], 255, &octet) == OK;
	}
	v4 &= n == 5;
	for (size_t i = n; i-- > 1;) {
		bool zz = span_ieq(labels[i], SPAN_LIT("zz"));
		/* "::" stands for the run; at either end it needs both its colons. */
		int put = snprintf(text + out, 64 - out, zz ? (i + 1 == n ? "::" : ":") : "%.*s%s", SPAN_ARG(labels[i]),
				   i > 1 ? (v4 ? "." : ":") : "");
		if (put < 0 || (size_t)put >= 64 - out)
			return false;
		out += (size_t)put;
	}
	return n > 1 && snprintf(text + out, 64 - out, "/%.*s", SPAN_ARG(labels[0])) < (int)(64 - out);
}

static void claim_trigger(struct span owner, struct draft *d)
{
	char text[64];
	if (ends_with(owner, SPAN_LIT(".rpz-ip"))) {
		struct span trigger = span_head(owner, owner.n - 7);
		if (!address_text(trigger, text))
			draft_reject(d, "the rpz-ip trigger is not a prefix written backwards");
		else if (draft_claim(d, span_str(text)))
			draft_reject_fault(d);
	} else if (ends_with(owner, SPAN_LIT(".rpz-client-ip")) || ends_with(owner, SPAN_LIT(".rpz-nsip")) ||
		   ends_with(owner, SPAN_LIT(".rpz-nsdname"))) {
		draft_skip(d, "other trigger");
	} else if (draft_claim(d, owner)) {
		draft_reject_fault(d);
	}
}

static bool is_passthru(struct span owner, struct span type, struct span data)
{
	if (!span_ieq(type, SPAN_LIT("CNAME")))
		return false;
	struct span bare = data.n && data.p[data.n - 1] == '.' ? span_head(data, data.n - 1) : data;
	return span_ieq(bare, SPAN_LIT("rpz-passthru")) || (owner.n && span_ieq(bare, owner));
}

static void read_record(struct rpz *z, struct span owner, struct span rest, struct draft *d)
{
	struct span type = type_next(&rest), data = word_next(&rest);
	if (!is_action(type) && !is_housekeeping(type)) {
		draft_reject(d, "the line is no resource record: it has no type");
		return;
	}
	if (span_ieq(type, SPAN_LIT("SOA"))) {
		if (!z->origin_n)
			set_origin(z, owner);
		draft_skip(d, "SOA");
		return;
	}
	owner = relative(z, owner);
	if (!owner.n || !is_action(type)) {
		draft_skip(d, "zone data");
		return;
	}
	if (!data.n) {
		draft_reject(d, "the resource record has no data");
		return;
	}
	claim_trigger(owner, d);
	if (d->r.n_claims && is_passthru(owner, type, data) && d->stance == STANCE_INDICATOR)
		d->claims[0].stance = STANCE_FALSE_POSITIVE;
}

static void read_rpz(void *state, struct span line, struct draft *d)
{
	struct rpz *z = state;
	struct span text = without_comment(line), rest = text;
	bool was_inside = z->inside, own = text.n && !ascii_space(text.p[0]);
	if (memchr(text.p, '(', text.n))
		z->inside = true;
	if (z->inside && memchr(text.p, ')', text.n))
		z->inside = false;
	struct span owner = word_next(&rest);
	if (was_inside)
		draft_skip(d, "continued");
	else if (!owner.n)
		draft_skip(d, text.n < line.n ? "comment" : "blank");
	else if (!own)
		draft_skip(d, "same owner");
	else if (span_ieq(owner, SPAN_LIT("$ORIGIN"))) {
		if (set_origin(z, word_next(&rest)))
			draft_skip(d, "directive");
		else
			draft_reject(d, "\"$ORIGIN\" needs an absolute name");
	} else if (owner.p[0] == '$') {
		draft_skip(d, "directive");
	} else {
		read_record(z, owner, rest, d);
	}
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct survey s;
	(void)filename;
	if (!memmem(head.p, head.n, "CNAME .", 7) && !memmem(head.p, head.n, "CNAME *.", 8) && !memmem(head.p, head.n, "CNAME\t", 6) &&
	    !memmem(head.p, head.n, "CNAME rpz-", 10))
		return 0;
	lines_survey(head, whole, read_rpz, sizeof(struct rpz), &s);
	return survey_sure(&s, 98);
}

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	(void)f;
	return lines_parse(state, in, last, read_rpz, sink, ctx, ret_used);
}

static void start(void *state, const struct feed_options *o)
{
	memset(state, 0, sizeof(struct rpz));
	lines_start(state, o);
}

/* "STATE,INSIDE,ORIGIN".  set_origin() takes printable names only, so the token is printable. */
static void save(const void *state, struct buf *out)
{
	const struct rpz *z = state;
	lines_save(&z->lines, out);
	buf_puts(out, z->inside ? ",1," : ",0,");
	buf_put(out, z->origin, z->origin_n);
}

static enum err load(void *state, struct span token)
{
	struct rpz *z = state;
	size_t comma = span_find(token, ',');
	struct span rest = span_from(token, comma + 1);
	memset(z, 0, sizeof(*z));
	if (lines_load(&z->lines, span_head(token, comma)) || rest.n < 2 || rest.p[1] != ',' || rest.p[0] < '0' || rest.p[0] > '1')
		return ERR_SYNTAX;
	z->inside = rest.p[0] == '1';
	rest = span_from(rest, 2);
	return !rest.n || set_origin(z, rest) ? OK : ERR_SYNTAX;
}

const struct feed_format feed_rpz = {
	.name = "rpz",
	.title = "response policy zone as zone text: name CNAME .",
	.sniff = sniff,
	.state_size = sizeof(struct rpz),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
