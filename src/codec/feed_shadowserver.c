/* Reports of the Shadowserver Foundation (shadowserver.org, "reports"): CSV with a heading that begins with "timestamp".  There are about
 * a hundred of them, and they grow columns; what a report is, is told by the columns that it must have, and all others are passed over.
 *
 *     url, sha256                         malware that was found there
 *     src_ip, infection                   who came to a sinkhole or honeypot: infected, scanning, taking part in an attack
 *     ip, source, reason                  addresses on others' blocklists
 *     md5 or md5hash of a sandbox         a sample; what it talked to is mostly harmless, and not claimed
 *     ip, port, status, public_source     special reports: what is compromised, as far as they say so
 *     ip, port or device_type             what is open, vulnerable or just there: nothing bad, skipped as "exposed"
 *
 * Of honeypots for amplification the source is the victim, whose address was forged, and of their orders (honeypot_ddos_target) the
 * target is the subject; the host of a referrer has a link at worst.  These are skipped, too. */
#include "codec/formats.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/rows.h"

enum report { REPORT_NONE, REPORT_MALWARE, REPORT_EVENT, REPORT_BLOCKLIST, REPORT_SANDBOX, REPORT_SPECIAL, REPORT_EXPOSED, REPORT_VICTIM, REPORT_REFERRER,
	      REPORT_UNKNOWN, REPORTS };

/* Columns count from 1; 0: it has none.  Octets only, so that they are the saved form. */
struct shape {
	uint8_t report;
	uint8_t value, more; /* what is claimed */
	uint8_t labels[2];   /* say what it does */
};

struct shadowserver_state {
	struct rows rows;
	struct shape shape;
};

/* ---- headings ---- */

static uint8_t column(const struct csv_row *heading, const char *name)
{
	for (unsigned i = 0; i < heading->n; i++)
		if (span_ieq(heading->fields[i], span_str(name)))
			return (uint8_t)(i + 1);
	return 0;
}

static struct span field_of(const struct csv_row *row, uint8_t column)
{
	return column && column <= row->n ? row->fields[column - 1] : (struct span){ NULL, 0 };
}

static bool is_heading(const struct csv_row *row)
{
	return row->n > 1 && span_ieq(row->fields[0], SPAN_LIT("timestamp"));
}

static struct shape event_shape(const struct csv_row *h, uint8_t src, uint8_t infection)
{
	uint8_t dst = column(h, "dst_ip");
	struct shape s = { REPORT_EVENT, src, 0, { infection, column(h, "tag") } };
	if (column(h, "avg_pps") || column(h, "max_pps") || (dst && dst < src))
		s.report = REPORT_VICTIM;
	return s;
}

static struct shape shape_of(const struct csv_row *h)
{
	uint8_t ip = column(h, "ip"), src = column(h, "src_ip"), url = column(h, "url"), sha256 = column(h, "sha256"), md5 = column(h, "md5"),
		infection = column(h, "infection"), reason = column(h, "reason"), status = column(h, "status"), md5hash = column(h, "md5hash");
	if (src && infection)
		return event_shape(h, src, infection);
	if (column(h, "http_referer_ip") && infection)
		return (struct shape){ REPORT_REFERRER, 0, 0, { 0 } };
	if (md5hash && column(h, "request"))
		return (struct shape){ REPORT_SANDBOX, md5hash, 0, { 0 } };
	if (!ip || !column(h, "asn") || !column(h, "geo"))
		return (struct shape){ REPORT_UNKNOWN, 0, 0, { 0 } };
	if (url && sha256)
		return (struct shape){ REPORT_MALWARE, url, sha256, { 0 } };
	if (reason && column(h, "source"))
		return (struct shape){ REPORT_BLOCKLIST, ip, 0, { reason, column(h, "tag") } };
	if (md5 && column(h, "host"))
		return (struct shape){ REPORT_SANDBOX, md5, 0, { 0 } };
	if (status && column(h, "public_source"))
		return (struct shape){ REPORT_SPECIAL, ip, 0, { status, column(h, "tag") } };
	bool exposed = column(h, "port") || column(h, "device_type");
	return (struct shape){ exposed ? REPORT_EXPOSED : REPORT_UNKNOWN, 0, 0, { 0 } };
}

/* ---- rows ---- */

static bool mentions(struct span text, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= text.n; i++)
		if (span_ieq(span_of(text.p + i, n), span_str(word)))
			return true;
	return false;
}

/* The first label that says something, of those that a report can mean. */
static enum category category_of(const struct shape *s, const struct csv_row *row)
{
	for (unsigned i = 0; i < COUNT_OF(s->labels); i++) {
		enum category c = category_guess(field_of(row, s->labels[i]));
		bool doing = c == CAT_SCANNER || c == CAT_BRUTE_FORCE || c == CAT_DDOS || c == CAT_EXPLOIT || c == CAT_SPAM;
		if (s->report == REPORT_BLOCKLIST ? c != CAT_UNKNOWN : doing)
			return c;
	}
	return s->report == REPORT_BLOCKLIST ? CAT_UNKNOWN : CAT_BOTNET;
}

static void claim(struct draft *d, unsigned kinds, struct span text, enum category category, uint32_t seen)
{
	char quoted[64];
	if (text.n == 0 || draft_claim(d, text))
		return;
	struct feed_claim *c = &d->claims[d->r.n_claims - 1];
	if (!(kinds >> c->obs.kind & 1)) {
		fault_set(&d->fault, ERR_SYNTAX, "\"%s\" is a %s, which does not belong in its column", draft_quote(text, quoted),
			  obs_kind_name((enum obs_kind)c->obs.kind));
		draft_drop(d);
		return;
	}
	c->category = (uint8_t)category;
	c->seen = seen;
}

static uint32_t time_of(const struct csv_row *row)
{
	int64_t t;
	return time_parse(row->fields[0], &t) || t < 0 || t > UINT32_MAX ? 0 : (uint32_t)t;
}

#define ADDRESSES (1u << OBS_IPV4 | 1u << OBS_IPV6 | 1u << OBS_CIDR4 | 1u << OBS_CIDR6)

static void read_claims(const struct shape *s, const struct csv_row *row, struct draft *d)
{
	struct span value = field_of(row, s->value), more = field_of(row, s->more);
	uint32_t seen = time_of(row);
	d->fault.code = OK;
	if (s->report == REPORT_MALWARE) {
		claim(d, 1u << OBS_URL, value, CAT_MALWARE, seen);
		claim(d, 1u << OBS_SHA256, more, CAT_MALWARE, seen);
	} else if (s->report == REPORT_SANDBOX) {
		claim(d, 1u << OBS_MD5, value, CAT_MALWARE, seen);
	} else {
		claim(d, ADDRESSES, value, category_of(s, row), seen);
	}
	if (d->r.n_claims)
		return;
	if (d->fault.code)
		draft_reject_fault(d);
	else
		draft_skip(d, "no value");
}

static bool read_row(void *ctx, const struct csv_row *row, struct draft *d)
{
	static const char *const passed[REPORTS] = { [REPORT_EXPOSED] = "exposed", [REPORT_VICTIM] = "victim", [REPORT_REFERRER] = "referrer",
						     [REPORT_UNKNOWN] = "unknown report" };
	struct shadowserver_state *state = ctx;
	struct shape *s = &state->shape;
	if (is_heading(row)) {
		*s = shape_of(row);
		return false;
	}
	struct span label = field_of(row, s->labels[0]);
	if (s->report == REPORT_NONE)
		draft_reject(d, "there is no heading before the row");
	else if (passed[s->report])
		draft_skip(d, passed[s->report]);
	else if (s->report == REPORT_EVENT && mentions(label, "amplification"))
		draft_skip(d, "victim");
	else if (s->report == REPORT_SPECIAL && !mentions(label, "compromised") && !mentions(label, "infected"))
		draft_skip(d, "exposed");
	else
		read_claims(s, row, d);
	return true;
}

/* ---- the format ---- */

static enum err parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used, struct fault *f)
{
	struct shadowserver_state *s = state;
	(void)f;
	return rows_run(&s->rows, in, last, read_row, s, sink, ctx, ret_used);
}

static void start(void *state, const struct feed_options *o)
{
	struct shadowserver_state *s = state;
	*s = (struct shadowserver_state){ .rows = { .stance = o ? (uint8_t)o->stance : STANCE_INDICATOR, .columns = { .separator = ',' } } };
}

/* Stance, whether it is in a row that is rejected already, and the shape in hexadecimal. */
static void save(const void *state, struct buf *out)
{
	const struct shadowserver_state *s = state;
	char digits[2 * sizeof(s->shape) + 1];
	hex_encode((const uint8_t *)&s->shape, sizeof(s->shape), digits);
	buf_printf(out, "%u%c%.*s", s->rows.stance, s->rows.inside ? '1' : '0', (int)(2 * sizeof(s->shape)), digits);
}

static enum err load(void *state, struct span token)
{
	struct shadowserver_state s;
	start(&s, NULL);
	if (token.n != 2 + 2 * sizeof(s.shape) || token.p[0] < '0' || token.p[0] > '0' + STANCE_KNOWN || (token.p[1] != '0' && token.p[1] != '1') ||
	    hex_decode(span_from(token, 2), (uint8_t *)&s.shape, sizeof(s.shape)) || s.shape.report >= REPORTS)
		return ERR_SYNTAX;
	s.rows.stance = (uint8_t)(token.p[0] - '0');
	s.rows.inside = token.p[1] == '1';
	*(struct shadowserver_state *)state = s;
	return OK;
}

static int sniff(struct span head, bool whole, const char *filename)
{
	struct csv_row row;
	size_t used;
	(void)filename;
	if (span_starts(head, SPAN_LIT("\xef\xbb\xbf")))
		head = span_from(head, 3);
	if (!head.n || (head.p[0] != '"' && ascii_lower(head.p[0]) != 't') || csv_row_cut(head, whole, ',', &row, &used, NULL) || !is_heading(&row))
		return 0;
	uint8_t report = shape_of(&row).report;
	bool theirs = column(&row, "geo") || column(&row, "src_geo") || column(&row, "http_referer_geo") || report == REPORT_SANDBOX;
	return report != REPORT_UNKNOWN && theirs ? 94 : 0;
}

const struct feed_format feed_shadowserver = {
	.name = "shadowserver",
	.title = "CSV reports of the Shadowserver Foundation, known by their headings",
	.sniff = sniff,
	.adds = true,
	.state_size = sizeof(struct shadowserver_state),
	.start = start,
	.parse = parse,
	.save = save,
	.load = load,
};
