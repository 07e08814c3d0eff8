/* What people call their columns, folded to lower case with '_' between words.
 *
 * A class says how a column stands beside others.  All that name observables are claims, except: a reverse name (HOST) where an
 * address or URL is; the address that was connected to (TARGET) where another is named, for it may be a sinkhole; and the
 * typed columns where one may hold anything (ANY). */
#include "codec/columns.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/filename.h"
#include "codec/lines.h"

#include <stdio.h>

enum class {
	NO_CLASS, ANY, ADDRESS, TARGET, DOMAIN, HOST, URL, DIGEST, EMAIL,
	PATH, SEEN_LAST, SEEN_FIRST, CONFIDENCE, TLP, LABEL, UNTIL, STANCE,
	CLASSES
};

enum { NAME_TEXT_MAX = 40, CONTENT_ROWS = 200 };

static const struct {
	const char *name;
	enum class class;
} names[] = {
	{ "value", ANY }, { "indicator", ANY }, { "indicators", ANY }, { "indicator_value", ANY }, { "ioc", ANY }, { "iocs", ANY },
	{ "ioc_value", ANY }, { "observable", ANY }, { "artifact", ANY },
	{ "ip", ADDRESS }, { "ips", ADDRESS }, { "ip_address", ADDRESS }, { "ipaddress", ADDRESS }, { "ip_addr", ADDRESS },
	{ "src_ip", ADDRESS }, { "source_ip", ADDRESS }, { "sourceip", ADDRESS }, { "srcip", ADDRESS }, { "ipv4", ADDRESS },
	{ "ipv6", ADDRESS }, { "cidr", ADDRESS }, { "prefix", ADDRESS }, { "netblock", ADDRESS }, { "network", ADDRESS },
	{ "c2_ip", ADDRESS }, { "attacker_ip", ADDRESS }, { "http_referer_ip", ADDRESS },
	{ "dst_ip", TARGET }, { "dstip", TARGET }, { "destination_ip", TARGET },
	{ "domain", DOMAIN }, { "domains", DOMAIN }, { "domain_name", DOMAIN }, { "fqdn", DOMAIN }, { "source_fqdn", DOMAIN },
	{ "c2", DOMAIN }, { "c2_domain", DOMAIN }, { "c&c", DOMAIN },
	{ "host", HOST }, { "hostname", HOST }, { "src_hostname", HOST },
	{ "url", URL }, { "urls", URL }, { "uri", URL }, { "source_url", URL },
	{ "sha256", DIGEST }, { "sha_256", DIGEST }, { "sha1", DIGEST }, { "sha_1", DIGEST }, { "sha512", DIGEST }, { "md5", DIGEST },
	{ "hash", DIGEST }, { "hashes", DIGEST }, { "filehash", DIGEST }, { "file_hash", DIGEST }, { "sha256_hash", DIGEST },
	{ "sha1_hash", DIGEST }, { "md5_hash", DIGEST }, { "md5hash", DIGEST }, { "sha256hash", DIGEST }, { "sha1hash", DIGEST },
	{ "email", EMAIL }, { "email_address", EMAIL }, { "sender", EMAIL },
	{ "path", PATH },
	{ "last_seen", SEEN_LAST }, { "lastseen", SEEN_LAST }, { "last_online", SEEN_LAST }, { "last_seen_utc", SEEN_LAST },
	{ "first_seen", SEEN_FIRST }, { "firstseen", SEEN_FIRST }, { "first_seen_utc", SEEN_FIRST }, { "dateadded", SEEN_FIRST },
	{ "date_added", SEEN_FIRST }, { "listingdate", SEEN_FIRST }, { "date", SEEN_FIRST }, { "time", SEEN_FIRST },
	{ "timestamp", SEEN_FIRST }, { "source_time", SEEN_FIRST }, { "time_source", SEEN_FIRST }, { "updated", SEEN_FIRST },
	{ "accept_date", SEEN_FIRST }, { "add_date", SEEN_FIRST }, { "first_seen_(utc)", SEEN_FIRST },
	{ "valid_until", UNTIL }, { "stance", STANCE },
	{ "tlp", TLP }, { "confidence", CONFIDENCE }, { "confidence_level", CONFIDENCE },
	{ "threat", LABEL }, { "threat_type", LABEL }, { "category", LABEL }, { "classification", LABEL }, { "classification_type", LABEL },
	{ "infection", LABEL }, { "tag", LABEL }, { "tags", LABEL }, { "malware", LABEL }, { "malware_printable", LABEL },
	{ "signature", LABEL }, { "listingreason", LABEL }, { "type", LABEL }, { "domain_use", LABEL }, { "reason", LABEL },
};

/* "Download URL" -> "download_url".  Empty when it is too long for any name. */
static const char *fold(struct span field, char text[NAME_TEXT_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < field.n && n < NAME_TEXT_MAX - 1; i++) {
		uint8_t c = ascii_lower(field.p[i]);
		text[n++] = (char)(c == ' ' || c == '-' || c == '.' ? '_' : c);
	}
	text[field.n < NAME_TEXT_MAX ? n : 0] = 0;
	return text;
}

static enum class class_of(struct span field)
{
	char text[NAME_TEXT_MAX];
	fold(field, text);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (!strcmp(text, names[i].name))
			return names[i].class;
	/* "Download URL", "Distribution URL Observed", but not "Reference URL". */
	const char *url = strstr(text, "url");
	bool word = url && (url == text || url[-1] == '_') && (!url[3] || url[3] == '_');
	if (word && !strstr(text, "ref") && !strstr(text, "link"))
		return URL;
	return NO_CLASS;
}

static void add(uint8_t *list, size_t max, unsigned column)
{
	for (size_t i = 0; i < max; i++)
		if (!list[i]) {
			list[i] = (uint8_t)column;
			return;
		}
}

unsigned columns_by_names(const struct csv_row *heading, struct columns *c)
{
	uint8_t classes[CSV_FIELDS_MAX];
	unsigned count[CLASSES] = { 0 }, found = 0;
	*c = (struct columns){ .separator = c->separator };
	for (unsigned i = 0; i < heading->n; i++)
		count[classes[i] = (uint8_t)class_of(heading->fields[i])]++;
	for (unsigned i = 0; i < heading->n; i++) {
		unsigned column = i + 1;
		switch ((enum class)classes[i]) {
		case ADDRESS:
		case DOMAIN:
		case URL:
		case DIGEST:
		case EMAIL:
			if (count[ANY])
				break;
			/* fall through */
		case ANY:
			add(c->claims, COLUMNS_CLAIMS_MAX, column), found++;
			break;
		case TARGET:
			if (!count[ANY] && !count[ADDRESS])
				add(c->claims, COLUMNS_CLAIMS_MAX, column), found++;
			break;
		case HOST:
			if (!count[ANY] && !count[ADDRESS] && !count[URL] && !count[TARGET])
				add(c->claims, COLUMNS_CLAIMS_MAX, column), found++;
			break;
		case PATH:
			c->path = (uint8_t)column;
			break;
		case SEEN_LAST:
			c->seen[1] = c->seen[0];
			c->seen[0] = (uint8_t)column;
			break;
		case SEEN_FIRST:
			add(c->seen, COUNT_OF(c->seen), column);
			break;
		case CONFIDENCE:
			c->confidence = (uint8_t)column;
			break;
		case TLP:
			c->tlp = (uint8_t)column;
			break;
		case LABEL:
			add(c->labels, COLUMNS_LABELS_MAX, column);
			break;
		case UNTIL:
			c->until = (uint8_t)column;
			break;
		case STANCE:
			c->stance = (uint8_t)column;
			break;
		case NO_CLASS:
		case CLASSES:
			break;
		}
	}
	if (!(count[HOST] && found == 1 && c->path))
		c->path = 0;
	if (!found)
		*c = (struct columns){ .separator = c->separator };
	return found;
}

bool columns_is_comment(struct span line, uint8_t separator)
{
	line = span_trim(span_starts(line, SPAN_LIT("\xef\xbb\xbf")) ? span_from(line, 3) : line);
	return line.n && (line.p[0] == '#' || (line.p[0] == ';' && separator != ';'));
}

static bool is_value(struct span field, uint8_t store[OBS_KEY_MAX], struct observable *o)
{
	return field.n && !obs_parse(field, store, o, NULL) && !domain_is_filename(o);
}

unsigned columns_by_content(struct span rows, bool whole, struct columns *c)
{
	unsigned values[CSV_FIELDS_MAX] = { 0 }, digests[CSV_FIELDS_MAX] = { 0 }, filled[CSV_FIELDS_MAX] = { 0 }, found = 0;
	struct csv_row row;
	size_t used;
	*c = (struct columns){ .separator = c->separator };
	for (unsigned n = 0; rows.n && n < CONTENT_ROWS; rows = span_from(rows, used)) {
		uint8_t store[OBS_KEY_MAX];
		struct observable o;
		enum err e = csv_row_cut(rows, whole, c->separator, &row, &used, NULL);
		if (e == ERR_MORE)
			break;
		if (e || columns_is_comment(rows, c->separator))
			continue;
		n++;
		for (unsigned i = 0; i < row.n; i++) {
			filled[i] += row.fields[i].n > 0;
			if (is_value(row.fields[i], store, &o)) {
				values[i]++;
				digests[i] += o.kind >= OBS_MD5 && o.kind <= OBS_SHA512;
			}
		}
	}
	for (unsigned i = 0; i < CSV_FIELDS_MAX; i++)
		if (values[i] * 2 > filled[i] && (!found || digests[i] * 2 > filled[i]))
			add(c->claims, COLUMNS_CLAIMS_MAX, i + 1), found++;
	return found;
}

bool columns_by_option(const struct csv_row *heading, struct span option, struct columns *c)
{
	char want[NAME_TEXT_MAX], have[NAME_TEXT_MAX];
	uint64_t number = 0;
	if (heading)
		columns_by_names(heading, c);
	else
		*c = (struct columns){ .separator = c->separator };
	memset(c->claims, 0, sizeof(c->claims));
	c->path = 0;
	for (unsigned i = 0; heading && i < heading->n; i++)
		if (!strcmp(fold(heading->fields[i], have), fold(option, want)) && *want)
			number = i + 1;
	if (!number && (num_parse_u64(option, CSV_FIELDS_MAX, &number) || !number))
		return false;
	c->claims[0] = (uint8_t)number;
	return true;
}

static struct span field_of(const struct csv_row *row, unsigned column)
{
	return column && column <= row->n ? row->fields[column - 1] : (struct span){ NULL, 0 };
}

static bool is_nothing(struct span field)
{
	static const char *const nothings[] = { "-", "?", "n/a", "na", "none", "null", "nil", "unknown", "\\N", "." };
	for (size_t i = 0; i < COUNT_OF(nothings); i++)
		if (span_ieq(field, span_str(nothings[i])))
			return true;
	return field.n == 0;
}

/* A cell is one observable, or several with commas, semicolons, bars or blanks between them. */
static enum err claim_cell(struct draft *d, struct span cell)
{
	enum err e = draft_claim(d, cell);
	if (e != ERR_SYNTAX && e != ERR_RANGE)
		return e;
	struct fault whole = d->fault;
	unsigned before = d->r.n_claims;
	for (size_t i = 0, from = 0; i <= cell.n; i++)
		if (i == cell.n || memchr(",;| \t\r\n", cell.p[i], 7)) {
			struct span part = span_head(span_from(cell, from), i - from);
			from = i + 1;
			if (part.n && draft_claim(d, part) == ERR_FULL)
				return ERR_FULL;
		}
	if (d->r.n_claims > before)
		return OK;
	d->fault = whole;
	return e;
}

/* "evil.example" and "/a?b" are a URL; without a path the host is meant. */
static enum err claim_host(struct draft *d, struct span host, struct span path)
{
	char url[OBS_KEY_MAX];
	if (is_nothing(path) || span_is(path, "/"))
		return claim_cell(d, host);
	int n = snprintf(url, sizeof(url), "http://%.*s%s%.*s", SPAN_ARG(host), path.p[0] == '/' ? "" : "/", SPAN_ARG(path));
	if (n < 0 || (size_t)n >= sizeof(url))
		return fault_set(&d->fault, ERR_RANGE, "the URL of host and path is longer than %d octets", OBS_KEY_MAX);
	return draft_claim(d, span_of(url, (size_t)n));
}

static uint32_t seen_at(struct span field)
{
	uint64_t number;
	int64_t unix_s;
	if (field.n > 4 && !memcmp(field.p + field.n - 4, " UTC", 4))
		field.n -= 4;
	if (!num_parse_u64(field, UINT32_MAX, &number))
		return field.n >= 9 ? (uint32_t)number : 0; /* seconds since 1970; fewer digits are a year or a count */
	return !time_parse(field, &unix_s) && unix_s > 0 && unix_s <= UINT32_MAX ? (uint32_t)unix_s : 0;
}

/* A marking that is not understood is the strictest. */
static enum tlp tlp_of(struct span field)
{
	static const struct {
		const char *name;
		enum tlp tlp;
	} markings[] = { { "clear", TLP_CLEAR }, { "white", TLP_CLEAR }, { "green", TLP_GREEN }, { "amber", TLP_AMBER },
			 { "amber+strict", TLP_AMBER_STRICT }, { "red", TLP_RED } };
	if (field.n > 4 && span_ieq(span_head(field, 4), SPAN_LIT("tlp:")))
		field = span_trim(span_from(field, 4));
	for (size_t i = 0; i < COUNT_OF(markings); i++)
		if (span_ieq(field, span_str(markings[i].name)))
			return markings[i].tlp;
	return is_nothing(field) ? TLP_UNSAID : TLP_RED;
}

/* @return false: it is none that a table can have. */
static bool stance_of(struct span field, uint8_t *stance)
{
	static const char *const stances[] = { "indicator", "sighting", "false-positive", "retracted" };
	for (uint8_t i = 0; i < COUNT_OF(stances); i++)
		if (span_ieq(field, span_str(stances[i])))
			return *stance = i, true;
	return is_nothing(field);
}

static void add_context(const struct columns *c, const struct csv_row *row, struct draft *d)
{
	uint32_t seen = seen_at(field_of(row, c->seen[0])), until = seen_at(field_of(row, c->until));
	uint64_t confidence;
	uint8_t stance = d->stance;
	if (!stance_of(field_of(row, c->stance), &stance)) {
		draft_reject(d, "the stance is none of indicator, sighting, false-positive and retracted");
		return;
	}
	enum category category = CAT_UNKNOWN;
	if (!seen)
		seen = seen_at(field_of(row, c->seen[1]));
	if (num_parse_u64(field_of(row, c->confidence), 100, &confidence))
		confidence = CONFIDENCE_ABSENT;
	for (unsigned i = 0; i < COLUMNS_LABELS_MAX && category == CAT_UNKNOWN; i++)
		if (field_of(row, c->labels[i]).n)
			category = category_guess(field_of(row, c->labels[i]));
	for (unsigned i = 0; i < d->r.n_claims; i++) {
		d->claims[i].seen = seen;
		d->claims[i].until = until;
		d->claims[i].stance = stance;
		d->claims[i].confidence = (uint8_t)confidence;
		d->claims[i].category = (uint8_t)category;
	}
}

void columns_read(const struct columns *c, const struct csv_row *row, struct draft *d)
{
	struct fault why = { .code = OK };
	for (unsigned i = 0; i < COLUMNS_CLAIMS_MAX && c->claims[i]; i++) {
		struct span cell = field_of(row, c->claims[i]);
		if (is_nothing(cell))
			continue;
		enum err e = c->path && !i ? claim_host(d, cell, field_of(row, c->path)) : claim_cell(d, cell);
		if (e == ERR_FULL) {
			draft_reject_fault(d);
			return;
		}
		if (e && !why.code)
			why = d->fault;
	}
	d->r.tlp = (uint8_t)tlp_of(field_of(row, c->tlp));
	if (d->r.n_claims) {
		add_context(c, row, d);
	} else if (why.code) {
		d->fault = why;
		draft_reject_fault(d);
	} else {
		draft_skip(d, "no value");
	}
}
