#include "view/hits.h"

#include "base/num.h"
#include "codec/json.h"

enum { COUNT_MAX = 1000000000 };

void hits_put(struct buf *list, const struct observable *o, uint64_t n, uint64_t decision)
{
	struct buf text = { 0 };
	obs_format(o, &text);
	buf_puts(list, list->n ? ",[" : "[");
	json_put_string(list, buf_span(&text));
	buf_printf(list, ",%llu", (unsigned long long)n);
	if (decision != HITS_NO_DECISION)
		buf_printf(list, ",%llu", (unsigned long long)decision);
	buf_putc(list, ']');
	buf_release(&text);
}

void hits_report_write(const struct hits_report *r, struct buf *out)
{
	buf_printf(out, "{\"from\":%u,\"seconds\":%u,\"hits\":[", r->from_s, r->seconds);
	buf_putspan(out, r->hits);
	buf_printf(out, "],\"merged\":[%llu,%llu]}", (unsigned long long)r->merged_values, (unsigned long long)r->merged_hits);
}

/* ---- reading ---- */

enum field { FROM, SECONDS, HITS, MERGED, FIELDS };
static const char *const keys[FIELDS] = { "from", "seconds", "hits", "merged" };

static enum err number(struct json_reader *r, uint64_t max, uint64_t *ret, struct fault *f)
{
	if (json_next(r) != JSON_NUMBER || num_parse_u64(r->slice, max, ret))
		return fault_set(f, ERR_SYNTAX, "a report of hits has something else than a whole number up to %llu", (unsigned long long)max);
	return OK;
}

/* ["value",n] or ["value",n,decision], behind its bracket. */
static enum err one_value(struct json_reader *r, struct fault *f)
{
	uint64_t n;
	if (json_next(r) != JSON_STRING)
		return fault_set(f, ERR_SYNTAX, "\"hits\" of a report has something else than [value, count]");
	enum err e = number(r, COUNT_MAX, &n, f);
	if (e)
		return e;
	enum json_token t = json_next(r);
	if (t == JSON_NUMBER)
		t = num_parse_u64(r->slice, UINT64_MAX - 1, &n) ? JSON_ERROR : json_next(r);
	return t == JSON_ARRAY_END ? OK : fault_set(f, ERR_SYNTAX, "\"hits\" of a report has something else than [value, count]");
}

static enum err values(struct json_reader *r, struct span *ret_hits, struct fault *f)
{
	unsigned n = 0;
	size_t from = 0, to = 0;
	enum json_token t;
	if (json_next(r) != JSON_ARRAY)
		return fault_set(f, ERR_SYNTAX, "\"hits\" of a report is no array");
	while ((t = json_next(r)) == JSON_ARRAY) {
		from = n++ ? from : r->start;
		enum err e = one_value(r, f);
		if (e)
			return e;
		if (n > HITS_VALUES_MAX)
			return fault_set(f, ERR_RANGE, "a report of hits has more than %d values", HITS_VALUES_MAX);
		to = r->pos;
	}
	*ret_hits = span_of(r->in.p + from, to - from);
	return t == JSON_ARRAY_END ? OK : fault_set(f, ERR_SYNTAX, "\"hits\" of a report has something else than [value, count]");
}

static enum err read_field(struct json_reader *r, enum field field, struct hits_report *ret, struct fault *f)
{
	uint64_t n = 0;
	enum err e;
	switch (field) {
	case FROM:
		e = number(r, UINT32_MAX, &n, f);
		ret->from_s = (uint32_t)n;
		return e;
	case SECONDS:
		e = number(r, 86400, &n, f);
		ret->seconds = (uint32_t)n;
		return e;
	case HITS:
		return values(r, &ret->hits, f);
	default:
		if (json_next(r) != JSON_ARRAY)
			return fault_set(f, ERR_SYNTAX, "\"merged\" of a report is not [values, hits]");
		if ((e = number(r, COUNT_MAX, &ret->merged_values, f)) || (e = number(r, UINT32_MAX, &ret->merged_hits, f)))
			return e;
		return json_next(r) == JSON_ARRAY_END ? OK : fault_set(f, ERR_SYNTAX, "\"merged\" of a report is not [values, hits]");
	}
}

enum err hits_report_read(struct span body, struct hits_report *ret_report, struct fault *f)
{
	struct hits_report report = { 0 };
	struct json_reader r;
	unsigned seen = 0;
	enum err e = OK;
	enum json_token t = JSON_ERROR;
	json_init(&r, body, true);
	if (json_next(&r) != JSON_OBJECT)
		return fault_set(f, ERR_SYNTAX, "a report of hits is not a JSON object");
	while (e == OK && (t = json_next(&r)) == JSON_KEY) {
		unsigned field = 0;
		while (field < FIELDS && !span_is(r.slice, keys[field]))
			field++;
		if (field == FIELDS || seen & 1u << field)
			return fault_set(f, ERR_SYNTAX, "a report of hits has a key twice, or one that is not known");
		seen |= 1u << field;
		e = read_field(&r, (enum field)field, &report, f);
	}
	if (e)
		return e;
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return fault_set(f, ERR_SYNTAX, "a report of hits is not one JSON object: %s", r.error ? r.error : "something follows it");
	if ((seen & 7) != 7 || report.seconds == 0)
		return fault_set(f, ERR_SYNTAX, "a report of hits lacks \"from\", \"seconds\" or \"hits\"");
	*ret_report = report;
	return OK;
}

bool hits_next(struct span *hits, uint8_t store[OBS_KEY_MAX], struct observable *ret_value, uint64_t *ret_n, uint64_t *ret_decision)
{
	struct json_reader r;
	struct buf plain = { 0 };
	struct span s = *hits;
	if (s.n && s.p[0] == ',')
		s = span_from(s, 1);
	json_init(&r, s, true);
	if (json_next(&r) != JSON_ARRAY || json_next(&r) != JSON_STRING)
		return false;
	if (obs_parse(json_text(&r, &plain), store, ret_value, NULL))
		*ret_value = (struct observable){ .kind = OBS_NONE };
	buf_release(&plain);
	*ret_decision = HITS_NO_DECISION;
	if (json_next(&r) != JSON_NUMBER || num_parse_u64(r.slice, COUNT_MAX, ret_n))
		return false;
	enum json_token t = json_next(&r);
	if (t == JSON_NUMBER) {
		if (num_parse_u64(r.slice, UINT64_MAX - 1, ret_decision))
			return false;
		t = json_next(&r);
	}
	*hits = span_from(s, r.pos);
	return t == JSON_ARRAY_END;
}
