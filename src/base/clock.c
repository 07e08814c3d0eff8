#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/num.h"

int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t clock_mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Days since 1970-01-01 by counting from 1 March of year 0, so that the leap day ends the year. */
static int64_t civil_days(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t civil_to_unix(int year, int month, int day, int hour, int minute, int second)
{
	return civil_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static int month_days(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

/* `n` digits at *pos; -1 when they are not there. */
static int digits(struct span s, size_t *pos, size_t n)
{
	uint64_t v;
	if (s.n - *pos < n || num_parse_u64(span_of(s.p + *pos, n), 9999, &v))
		return -1;
	*pos += n;
	return (int)v;
}

static bool skip(struct span s, size_t *pos, char c)
{
	if (*pos >= s.n || s.p[*pos] != (uint8_t)c)
		return false;
	(*pos)++;
	return true;
}

/* Microseconds of the digits at *pos, which is moved behind them all. */
static int64_t fraction(struct span s, size_t *pos)
{
	int64_t us = 0, unit = 100000;
	for (; *pos < s.n && ascii_digit(s.p[*pos]); (*pos)++, unit /= 10)
		us += (s.p[*pos] - '0') * unit;
	return us;
}

enum err time_parse_us(struct span s, int64_t *ret_unix_us)
{
	size_t i = 0;
	int64_t us = 0;
	int y, mo, d, h = 0, mi = 0, sec = 0, offset = 0;
	y = digits(s, &i, 4);
	if (y < 0 || !skip(s, &i, '-') || (mo = digits(s, &i, 2)) < 0 || !skip(s, &i, '-') || (d = digits(s, &i, 2)) < 0)
		return ERR_SYNTAX;
	if (i < s.n) {
		if (s.p[i] != 'T' && s.p[i] != 't' && s.p[i] != ' ')
			return ERR_SYNTAX;
		i++;
		if ((h = digits(s, &i, 2)) < 0 || !skip(s, &i, ':') || (mi = digits(s, &i, 2)) < 0)
			return ERR_SYNTAX;
		if (skip(s, &i, ':') && (sec = digits(s, &i, 2)) < 0)
			return ERR_SYNTAX;
		if (skip(s, &i, '.') || skip(s, &i, ','))
			us = fraction(s, &i);
		while (skip(s, &i, ' '))
			;
		if (i + 3 == s.n && (s.p[i] == 'U' || s.p[i] == 'G') && (s.p[i + 2] == 'C' || s.p[i + 2] == 'T'))
			i += 3;
		else if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) {
			int sign = s.p[i++] == '-' ? -1 : 1, oh = digits(s, &i, 2), om;
			skip(s, &i, ':');
			om = digits(s, &i, 2);
			if (oh < 0 || om < 0)
				return ERR_SYNTAX;
			if (oh > 23 || om > 59)
				return ERR_RANGE;
			offset = sign * (oh * 3600 + om * 60);
		} else if (!skip(s, &i, 'Z'))
			skip(s, &i, 'z');
		if (i != s.n)
			return ERR_SYNTAX;
	}
	if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 60)
		return ERR_RANGE;
	*ret_unix_us = (civil_to_unix(y, mo, d, h, mi, sec) - offset) * 1000000 + us;
	return OK;
}

enum err time_parse(struct span s, int64_t *ret_unix_s)
{
	int64_t us;
	enum err e = time_parse_us(s, &us);
	if (e == OK)
		*ret_unix_s = us / 1000000 - (us % 1000000 < 0);
	return e;
}

void time_format(int64_t unix_s, char ret_text[32])
{
	int64_t days = unix_s / 86400, rest = unix_s % 86400;
	if (rest < 0)
		rest += 86400, days--;
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int d = (int)(doy - (153 * mp + 2) / 5 + 1), m = (int)(mp < 10 ? mp + 3 : mp - 9);
	snprintf(ret_text, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)(yoe + era * 400 + (m <= 2)), m, d, (int)(rest / 3600),
		 (int)(rest / 60 % 60), (int)(rest % 60));
}

void time_format_us(int64_t unix_us, char ret_text[32])
{
	int64_t rest = unix_us % 1000000;
	if (rest < 0)
		rest += 1000000;
	time_format((unix_us - rest) / 1000000, ret_text);
	snprintf(ret_text + 19, 13, ".%06dZ", (int)rest);
}
