/* At each place where a number or a word begins, the forms that begin so are tried; the first that fits wholly is the stamp. */
#include "scan/stamp.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"

enum { DAY_S = 86400 };

struct cursor {
	struct span s;
	size_t at;
	bool wrong; /* sticky */
};

struct civil {
	int year, month, day, hour, minute, second, offset_s;
};

static int number(struct cursor *c, size_t least, size_t most)
{
	size_t n = 0;
	int v = 0;
	while (n < most && c->at < c->s.n && ascii_digit(c->s.p[c->at])) {
		v = v * 10 + (c->s.p[c->at++] - '0');
		n++;
	}
	c->wrong |= n < least || (c->at < c->s.n && n == most && ascii_digit(c->s.p[c->at]));
	return v;
}

static bool next_is(const struct cursor *c, char a)
{
	return c->at < c->s.n && c->s.p[c->at] == (uint8_t)a;
}

static bool take(struct cursor *c, char a)
{
	bool is = next_is(c, a);
	c->at += is;
	return is;
}

static void need(struct cursor *c, char a)
{
	c->wrong |= !take(c, a);
}

static int month_name(struct cursor *c)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	if (c->s.n - c->at >= 3)
		for (int m = 0; m < 12; m++)
			if (span_ieq(span_of(c->s.p + c->at, 3), span_of(names + 3 * m, 3))) {
				c->at += 3;
				return m + 1;
			}
	c->wrong = true;
	return 0;
}

static void time_of_day(struct cursor *c, struct civil *t)
{
	t->hour = number(c, 2, 2);
	need(c, ':');
	t->minute = number(c, 2, 2);
	if (take(c, ':'))
		t->second = number(c, 2, 2);
	if (next_is(c, '.') || next_is(c, ',')) {
		struct cursor fraction = *c;
		fraction.at++;
		number(&fraction, 1, 9);
		if (!fraction.wrong)
			*c = fraction;
	}
}

static void zone(struct cursor *c, struct civil *t)
{
	struct cursor z = *c;
	(void)take(&z, ' ');
	bool behind = take(&z, '-');
	if (!behind && !take(&z, '+'))
		return;
	size_t from = z.at;
	int hours = number(&z, 2, 4), minutes = 0; /* 01, 0100 or 01:00 */
	if (z.at - from > 2)
		minutes = hours % 100, hours /= 100;
	else if (take(&z, ':'))
		minutes = number(&z, 2, 2);
	if (z.wrong || hours > 23 || minutes > 59)
		return;
	t->offset_s = (hours * 60 + minutes) * (behind ? -60 : 60);
	*c = z;
}

/* Does it exist?  time_parse() knows the months. */
static bool exists(const struct civil *t, int64_t *ret_unix_s)
{
	char text[64];
	if (t->year < 1970 || t->year > 9999)
		return false;
	int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", t->year, t->month, t->day, t->hour, t->minute, t->second);
	if (time_parse(span_of(text, (size_t)n), ret_unix_s) != OK)
		return false;
	*ret_unix_s -= t->offset_s;
	return true;
}

/* 2026-11-25T13:58:01+01:00, 2026/11/25 13:58:01 */
static bool year_first(struct cursor c, int64_t *ret_unix_s)
{
	struct civil t = { 0 };
	t.year = number(&c, 4, 4);
	char between = next_is(&c, '/') ? '/' : '-';
	need(&c, between);
	t.month = number(&c, 2, 2);
	need(&c, between);
	t.day = number(&c, 2, 2);
	c.wrong |= !(take(&c, 'T') || take(&c, ' ') || take(&c, 't') || take(&c, '_'));
	time_of_day(&c, &t);
	zone(&c, &t);
	return !c.wrong && exists(&t, ret_unix_s);
}

/* 25/Nov/2026:13:58:01 +0100, 25-Nov-2026 13:58:01.123 */
static bool day_first(struct cursor c, int64_t *ret_unix_s)
{
	struct civil t = { 0 };
	t.day = number(&c, 2, 2);
	char between = next_is(&c, '/') ? '/' : '-';
	need(&c, between);
	t.month = month_name(&c);
	need(&c, between);
	t.year = number(&c, 4, 4);
	c.wrong |= !(take(&c, ':') || take(&c, ' '));
	time_of_day(&c, &t);
	zone(&c, &t);
	return !c.wrong && exists(&t, ret_unix_s);
}

/* Nov 25 13:58:01, and perhaps the year. */
static bool month_first(struct cursor c, int64_t near_s, int64_t *ret_unix_s)
{
	struct civil t = { 0 };
	t.month = month_name(&c);
	need(&c, ' ');
	(void)take(&c, ' ');
	t.day = number(&c, 1, 2);
	need(&c, ' ');
	time_of_day(&c, &t);
	if (c.wrong)
		return false;
	struct cursor year = c;
	if (take(&year, ' ')) {
		t.year = number(&year, 4, 4);
		if (!year.wrong && t.year >= 1970 && t.year < 2200)
			return exists(&t, ret_unix_s);
	}
	char text[32];
	uint64_t now = 0;
	time_format(near_s, text);
	(void)!num_parse_u64(span_of(text, 4), 9999, &now);
	for (int back = -1; back < 8; back++) { /* 29 February has to go back some years */
		t.year = (int)now - back;
		if (exists(&t, ret_unix_s) && *ret_unix_s <= near_s + DAY_S)
			return true;
	}
	return false;
}

/* Ten digits: from 2001 to 2286. */
static bool epoch(struct cursor c, int64_t *ret_unix_s)
{
	uint64_t v;
	struct span rest = span_from(c.s, c.at);
	size_t n = 0;
	while (n < rest.n && ascii_digit(rest.p[n]))
		n++;
	if (n != 10 || num_parse_u64(span_head(rest, n), UINT32_MAX, &v) != OK)
		return false;
	if (n < rest.n && !strchr(". \t],:", rest.p[n]))
		return false;
	*ret_unix_s = (int64_t)v;
	return true;
}

static bool epoch_at_start(struct span line, int64_t *ret_unix_s)
{
	struct cursor c = { .s = span_trim(line) };
	if (span_starts(c.s, SPAN_LIT("{\"ts\":")))
		c.at = 6;
	else if (next_is(&c, '['))
		c.at = 1;
	return epoch(c, ret_unix_s);
}

static bool is_letter(uint8_t c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

bool stamp_find(struct span line, int64_t near_s, int64_t *ret_unix_s)
{
	struct cursor c = { .s = span_head(line, STAMP_WITHIN) };
	if (epoch_at_start(c.s, ret_unix_s))
		return true;
	for (uint8_t before = ' '; c.at < c.s.n; before = c.s.p[c.at++]) {
		uint8_t now = c.s.p[c.at];
		if (ascii_digit(now) && !ascii_digit(before) && (year_first(c, ret_unix_s) || day_first(c, ret_unix_s)))
			return true;
		if (is_letter(now) && !is_letter(before) && month_first(c, near_s, ret_unix_s))
			return true;
	}
	return false;
}
