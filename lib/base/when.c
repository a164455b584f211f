#include "base/when.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

/* Civil dates in the proleptic Gregorian calendar, counted in eras of 400
 * years that begin on 1 March. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
civil_from_days(int64_t z, int *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static int
month_days(int64_t y, int m)
{
	static const unsigned char days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
		return 29;
	return days[m - 1];
}

struct civil {
	int y, mo, d, h, mi, s, ms;
};

static void
civil_split(struct civil *c, int64_t ms)
{
	const int64_t lo = days_from_civil(0, 1, 1) * DAY_MS;
	const int64_t hi = days_from_civil(10000, 1, 1) * DAY_MS - 1;
	int64_t day;
	int rest;

	ms = ms < lo ? lo : ms > hi ? hi : ms;
	day = ms / DAY_MS - (ms % DAY_MS < 0);
	rest = (int)(ms - day * DAY_MS);
	civil_from_days(day, &c->y, &c->mo, &c->d);
	c->ms = rest % 1000;
	c->s = rest / 1000 % 60;
	c->mi = rest / 60000 % 60;
	c->h = rest / 3600000;
}

static int
civil_join(const struct civil *c, int64_t *ms)
{
	if (c->mo < 1 || c->mo > 12 || c->d < 1
	    || c->d > month_days(c->y, c->mo)
	    || c->h > 23 || c->mi > 59 || c->s > 59)
		return -1;
	*ms = days_from_civil(c->y, c->mo, c->d) * DAY_MS
	    + c->h * INT64_C(3600000) + c->mi * 60000 + c->s * 1000 + c->ms;
	return 0;
}

size_t
when_fmt(char s[WHEN_FMT], int64_t ms)
{
	struct civil c;

	civil_split(&c, ms);
	return (size_t)snprintf(s, WHEN_FMT,
	    "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", c.y % 10000u, c.mo % 100u,
	    c.d % 100u, c.h % 100u, c.mi % 100u, c.s % 100u, c.ms % 1000u);
}

size_t
when_fmt_compact(char s[WHEN_FMT], int64_t ms)
{
	struct civil c;

	civil_split(&c, ms);
	return (size_t)snprintf(s, WHEN_FMT, "%04u%02u%02u%02u%02u%02u",
	    c.y % 10000u, c.mo % 100u, c.d % 100u, c.h % 100u, c.mi % 100u,
	    c.s % 100u);
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* n digits and then the character end (0: anything) at *s; steps over. */
static int
digits(const char **s, int n, char end, int *v)
{
	*v = 0;
	for (; n; n--, (*s)++) {
		if (!is_digit(**s))
			return -1;
		*v = *v * 10 + (**s - '0');
	}
	if (end && *(*s)++ != end)
		return -1;
	return 0;
}

static int
zone(const char *s, int *minutes)
{
	int sign, h, m;

	*minutes = 0;
	if ((*s == 'Z' || *s == 'z') && !s[1])
		return 0;
	sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
	s++;
	if (!sign || digits(&s, 2, ':', &h) < 0 || digits(&s, 2, 0, &m) < 0
	    || *s || h > 23 || m > 59)
		return -1;
	*minutes = sign * (h * 60 + m);
	return 0;
}

int
when_scan(const char *s, int64_t *ms)
{
	struct civil c;
	int scale = 100, off;
	int64_t r;

	if (digits(&s, 4, '-', &c.y) < 0 || digits(&s, 2, '-', &c.mo) < 0
	    || digits(&s, 2, 0, &c.d) < 0)
		return -1;
	if (*s != 'T' && *s != 't' && *s != ' ')
		return -1;
	s++;
	if (digits(&s, 2, ':', &c.h) < 0 || digits(&s, 2, ':', &c.mi) < 0
	    || digits(&s, 2, 0, &c.s) < 0)
		return -1;
	c.ms = 0;
	if (*s == '.') {
		if (!is_digit(*++s))
			return -1;
		for (; is_digit(*s); s++, scale /= 10)
			c.ms += scale * (*s - '0');
	}
	if (zone(s, &off) < 0 || civil_join(&c, &r) < 0)
		return -1;
	*ms = r - off * INT64_C(60000);
	return 0;
}

int
when_scan_http(const char *s, int64_t *ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char days[] = "MonTueWedThuFriSatSun";
	struct civil c = { 0 };
	int i;

	if (is_digit(*s))
		return when_scan(s, ms);
	for (i = 0; i < 7 && strncmp(s, days + 3 * i, 3); i++)
		;
	if (i == 7 || strncmp(s + 3, ", ", 2))
		return -1;
	s += 5;
	if (digits(&s, 2, ' ', &c.d) < 0)
		return -1;
	for (i = 0; i < 12 && strncmp(s, months + 3 * i, 3); i++)
		;
	if (i == 12)
		return -1;
	c.mo = i + 1;
	s += 3;
	if (*s++ != ' ' || digits(&s, 4, ' ', &c.y) < 0
	    || digits(&s, 2, ':', &c.h) < 0 || digits(&s, 2, ':', &c.mi) < 0
	    || digits(&s, 2, ' ', &c.s) < 0
	    || (strcmp(s, "GMT") && strcmp(s, "UTC")))
		return -1;
	return civil_join(&c, ms);
}

/* Nanoseconds of the unit at *s, stepping over it; 0: none. */
static int64_t
unit(const char **s)
{
	static const struct { const char *name; int64_t ns; } units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 },
		{ "\xce\xbcs", 1000 }, { "ms", 1000000 },
		{ "s", INT64_C(1000000000) }, { "m", INT64_C(60000000000) },
		{ "h", INT64_C(3600000000000) },
		{ "d", INT64_C(86400000000000) }
	};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i].name);
		char c;

		if (strncmp(*s, units[i].name, n))
			continue;
		c = (*s)[n];
		if (c && c != '.' && !is_digit(c))
			continue;
		*s += n;
		return units[i].ns;
	}
	return 0;
}

int
when_dur_scan(const char *s, int64_t *ms)
{
	int64_t total = 0, whole, part, u;
	int neg = *s == '-';

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && !s[1]) {
		*ms = 0;
		return 0;
	}
	if (!*s)
		return -1;
	while (*s) {
		double f = 0, scale = 1;
		int any = 0;

		for (whole = 0; is_digit(*s); s++, any = 1) {
			if (whole > (INT64_MAX - 9) / 10)
				return -1;
			whole = whole * 10 + (*s - '0');
		}
		if (*s == '.')
			for (s++; is_digit(*s); s++, any = 1)
				if (scale < 1e15) {
					f = f * 10 + (*s - '0');
					scale *= 10;
				}
		if (!any || !(u = unit(&s)) || whole > INT64_MAX / u)
			return -1;
		part = whole * u;
		u = (int64_t)(f * ((double)u / scale));
		if (part > INT64_MAX - u || total > INT64_MAX - u - part)
			return -1;
		total += part + u;
	}
	*ms = (neg ? -total : total) / 1000000;
	return 0;
}

size_t
when_dur_fmt(char s[WHEN_FMT], int64_t ms)
{
	uint64_t v = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	unsigned frac = (unsigned)(v % 1000), sec = (unsigned)(v / 1000 % 60);
	unsigned min = (unsigned)(v / 60000 % 60);
	uint64_t h = v / 3600000;
	int n = 0;

	if (ms < 0)
		s[n++] = '-';
	if (v && v < 1000)
		return n + (size_t)snprintf(s + n, WHEN_FMT - n, "%ums", frac);
	if (h)
		n += snprintf(s + n, WHEN_FMT - n, "%lluh%um",
		    (unsigned long long)h, min);
	else if (min)
		n += snprintf(s + n, WHEN_FMT - n, "%um", min);
	n += snprintf(s + n, WHEN_FMT - n, "%u", sec);
	if (frac) {
		n += snprintf(s + n, WHEN_FMT - n, ".%03u", frac);
		while (s[n - 1] == '0')
			n--;
	}
	s[n++] = 's';
	s[n] = 0;
	return (size_t)n;
}

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
when_now(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
when_mono(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t
when_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int64_t
when_boot(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}
