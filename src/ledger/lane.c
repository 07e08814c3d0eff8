#include "ledger/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "sys/digest.h"
#include "sys/key.h"

enum { DAY_S = 86400, YEAR_S = 31557600, MONTH_S = YEAR_S / 12, RETENTION_MAX_S = YEAR_S * 100u };

static const struct {
	const char *name;
	uint32_t seconds;
} units[] = {
	{ "y", YEAR_S }, { "mo", MONTH_S }, { "w", 7 * DAY_S }, { "d", DAY_S }, { "h", 3600 }, { "m", 60 }, { "s", 1 },
};

static bool name_octet(uint8_t c)
{
	return ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
}

/* One to `most` of [a-z0-9-], and of `more`. */
static bool plain_name(struct span s, size_t most, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!name_octet(s.p[i]) && (!s.p[i] || !strchr(more, s.p[i])))
			return false;
	return s.n >= 1 && s.n <= most;
}

bool peer_name_ok(struct span name)
{
	return plain_name(name, PEER_NAME_MAX, "");
}

/* "PEER.LANE"; what the peer itself has mirrored has dots in its name there. */
static bool mirrored_name_ok(const struct lane *l)
{
	size_t n = strlen(l->peer);
	if (!peer_name_ok(span_str(l->peer)) || strncmp(l->name, l->peer, n) != 0 || l->name[n] != '.')
		return false;
	return plain_name(span_str(l->name + n + 1), LANE_NAME_MAX, ".") && plain_name(span_str(lane_first_name(l)), LANE_OWN_MAX, "");
}

const char *lane_first_name(const struct lane *l)
{
	const char *dot = strrchr(l->name, '.');
	return dot ? dot + 1 : l->name;
}

void lane_ring(const struct lane *l, char ret_ring[RING_MAX + 1])
{
	const char *end = l->peer[0] ? strstr(l->origin, "/lanes/") : NULL;
	if (end)
		snprintf(ret_ring, RING_MAX + 1, "%.*s %s", (int)(end - l->origin), l->origin, l->realm);
	else
		snprintf(ret_ring, RING_MAX + 1, "%s", l->realm);
}

enum err lane_check(const struct lane *l, struct fault *f)
{
	char members[LANE_MEMBERS_MAX + 1];
	enum err e;
	if (l->peer[0] ? !mirrored_name_ok(l) : !plain_name(span_str(l->name), LANE_OWN_MAX, ""))
		return fault_set(f, ERR_SYNTAX, "lane name \"%.64s\" is not 1 to %d of a-z, 0-9 and \"-\"%s", l->name,
				 LANE_OWN_MAX, l->peer[0] ? ", with the name of the peer and a dot before it" : "");
	if (l->tlp < TLP_CLEAR || l->tlp > TLP_RED)
		return fault_set(f, ERR_RANGE, "lane \"%s\" has no audience: %u is no TLP level", l->name, l->tlp);
	if (strcmp(l->realm, realm_name(realm_find(l->realm))) != 0)
		return fault_set(f, ERR_SYNTAX, "realm \"%.64s\" is neither \"production\" nor \"exercise\"", l->realm);
	if (l->retention_s > RETENTION_MAX_S)
		return fault_set(f, ERR_RANGE, "a retention of more than 100 years");
	if ((e = members_parse(span_str(l->members), members, f)) != OK)
		return e;
	if (strcmp(members, l->members) != 0)
		return fault_set(f, ERR_SYNTAX, "members \"%.200s\" are not sorted, each once", l->members);
	return OK;
}

void lane_body(const struct lane *l, struct buf *out)
{
	buf_printf(out, "{\"audience\":\"%s\",\"lane\":\"%s\"", tlp_name(l->tlp), lane_first_name(l));
	struct span rest = span_str(l->members);
	for (const char *between = ",\"members\":["; rest.n; between = ",") {
		size_t n = span_find(rest, ',');
		buf_printf(out, "%s\"" SPAN_FMT "\"", between, SPAN_ARG(span_head(rest, n)));
		rest = span_from(rest, n + 1);
	}
	if (l->members[0])
		buf_putc(out, ']');
	if (l->origin[0])
		buf_printf(out, ",\"origin\":\"%s\"", l->origin);
	buf_printf(out, ",\"realm\":\"%s\"", l->realm);
	if (l->retention_s)
		buf_printf(out, ",\"retention\":%u", l->retention_s);
	buf_putc(out, '}');
}

/* ---- reading ---- */

static bool copy_text(struct span s, char *ret_text, size_t room)
{
	if (s.n >= room || span_find(s, 0) < s.n)
		return false;
	if (s.n)
		memcpy(ret_text, s.p, s.n);
	ret_text[s.n] = 0;
	return true;
}

static bool take_member(struct lane *l, struct span key, struct span value)
{
	if (span_is(key, "lane"))
		return copy_text(value, l->name, sizeof(l->name));
	if (span_is(key, "origin"))
		return copy_text(value, l->origin, sizeof(l->origin));
	if (span_is(key, "realm"))
		return copy_text(value, l->realm, sizeof(l->realm));
	if (span_is(key, "audience")) {
		for (l->tlp = TLP_CLEAR; l->tlp <= TLP_RED && !span_is(value, tlp_name(l->tlp)); l->tlp++)
			;
		return l->tlp <= TLP_RED;
	}
	size_t n = strlen(l->members);
	if (!span_is(key, "members") || n + 1 + value.n > LANE_MEMBERS_MAX)
		return false;
	if (n)
		l->members[n++] = ',';
	return copy_text(value, l->members + n, sizeof(l->members) - n);
}

/* Whatever is taken more loosely here than it is written is found by writing it again. */
enum err lane_read(struct span body, struct lane *ret_lane, struct fault *f)
{
	struct lane l = { .number = 0 };
	struct json_reader r;
	struct span key = { 0 };
	struct buf again = { 0 };
	enum json_token t;
	bool good = true;
	json_init(&r, body, true);
	while (good && (t = json_next(&r)) > JSON_ERROR) {
		uint64_t n;
		if (t == JSON_KEY)
			key = r.slice;
		else if (t == JSON_STRING)
			good = take_member(&l, key, r.slice);
		else if (t == JSON_NUMBER && (good = span_is(key, "retention") && num_parse_u64(r.slice, RETENTION_MAX_S, &n) == OK))
			l.retention_s = (uint32_t)n;
	}
	if (good)
		lane_body(&l, &again);
	good = good && span_eq(buf_span(&again), body) && lane_check(&l, NULL) == OK;
	buf_release(&again);
	if (!good)
		return fault_set(f, ERR_SYNTAX, "the first entry does not say what the lane is");
	*ret_lane = l;
	return OK;
}

enum err retention_parse(struct span text, uint32_t *ret_seconds, struct fault *f)
{
	size_t digits = 0;
	uint64_t n;
	if (span_is(text, "forever"))
		return *ret_seconds = 0, OK;
	while (digits < text.n && ascii_digit(text.p[digits]))
		digits++;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (!span_is(span_from(text, digits), units[i].name))
			continue;
		enum err e = num_parse_u64(span_head(text, digits), RETENTION_MAX_S / units[i].seconds, &n);
		if (e == ERR_RANGE)
			return fault_set(f, e, "\"" SPAN_FMT "\" is more than 100 years", SPAN_ARG(span_head(text, 40)));
		if (e == OK && n > 0)
			return *ret_seconds = (uint32_t)n * units[i].seconds, OK;
	}
	return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not a time like 12mo, 90d, 36h, 2y or forever",
			 SPAN_ARG(span_head(text, 40)));
}

void retention_put(uint32_t seconds, struct buf *out)
{
	size_t i = 0;
	if (!seconds) {
		buf_puts(out, "forever");
		return;
	}
	while (seconds % units[i].seconds)
		i++;
	buf_printf(out, "%u%s", seconds / units[i].seconds, units[i].name);
}

static int by_text(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

enum err members_parse(struct span text, char ret_members[LANE_MEMBERS_MAX + 1], struct fault *f)
{
	struct span name[LANE_MEMBERS_MAX / 2 + 1];
	size_t n = 0, at = 0;
	if (text.n > LANE_MEMBERS_MAX)
		return fault_set(f, ERR_RANGE, "the names of the members have %zu octets, at most %d are kept", text.n,
				 LANE_MEMBERS_MAX);
	for (struct span rest = text; rest.n;) {
		size_t comma = span_find(rest, ',');
		struct span one = span_trim(span_head(rest, comma));
		if (!plain_name(one, 63, "._"))
			return fault_set(f, ERR_SYNTAX, "\"" SPAN_FMT "\" is not the name of a party: 1 to 63 of a-z, 0-9, "
					 "\".\", \"_\" and \"-\"", SPAN_ARG(span_head(one, 80)));
		name[n++] = one;
		if (comma + 1 == rest.n)
			return fault_set(f, ERR_SYNTAX, "a member is missing behind the last comma");
		rest = span_from(rest, comma + 1);
	}
	if (n)
		qsort(name, n, sizeof(*name), by_text);
	for (size_t i = 0; i < n; i++) {
		if (i && span_eq(name[i], name[i - 1]))
			continue;
		if (at)
			ret_members[at++] = ',';
		memcpy(ret_members + at, name[i].p, name[i].n);
		at += name[i].n;
	}
	ret_members[at] = 0;
	return OK;
}

bool node_name_ok(struct span name)
{
	for (size_t i = 1; i < name.n; i++)
		if (name.p[i] == '/' && name.p[i - 1] == '/')
			return false;
	return plain_name(name, NODE_NAME_MAX, ".:/") && name.p[0] != '/' && name.p[name.n - 1] != '/';
}

void node_name_made(const uint8_t public[32], char ret_name[NODE_NAME_MAX + 1])
{
	uint8_t digest[32];
	char digits[17] = "";
	sha256_two(SPAN_LIT("sipar node name\n"), span_of(public, 32), digest);
	hex_encode(digest, 8, digits);
	snprintf(ret_name, NODE_NAME_MAX + 1, "%s.sipar.invalid", digits);
}
