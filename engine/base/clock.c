/*
 * clock.c - UTC calendar arithmetic and RFC 3339.
 *
 * Days and dates convert by Howard Hinnant's days_from_civil: years begin in
 * March, so that the leap day is the last of its year, and 400 years (146,097
 * days) form an era that repeats for ever. No tables, no loops, no time zone
 * data.
 *
 * A leap second (:60) is read as the first second of the next minute and only
 * where one can be, at the end of a UTC day. No state: any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/clock.h"

#include <time.h>
#include "base/error.h"

#define SECONDS_PER_HOUR 3600
#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

muster_time (*clock_hook)(void) = NULL;

muster_time clock_now(void)
{
    if (clock_hook)
        return clock_hook();
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (muster_time)now.tv_sec;
}

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    const int64_t quotient = value / by;
    return quotient - (value % by < 0);
}

muster_day clock_day_of(muster_time t)
{
    const int64_t day = floor_divide(t, SECONDS_PER_DAY);
    ASSERT(day >= INT32_MIN && day <= INT32_MAX);
    return (muster_day)day;
}

muster_hour clock_hour_of(muster_time t)
{
    const int64_t hour = floor_divide(t, SECONDS_PER_HOUR);
    ASSERT(hour >= INT32_MIN && hour <= INT32_MAX);
    return (muster_hour)hour;
}

muster_day clock_day_from_civil(int year, int month, int day)
{
    ASSERT(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    const int64_t y = (int64_t)year - (month <= 2);
    const int64_t era = floor_divide(y, 400);
    const int64_t year_of_era = y - era * 400;
    const int64_t month_from_march = (month + 9) % 12;
    const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    const int64_t result = era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
    ASSERT(result >= INT32_MIN && result <= INT32_MAX);
    return (muster_day)result;
}

void clock_civil_from_day(muster_day d, int *year, int *month, int *day)
{
    const int64_t shifted = (int64_t)d + DAYS_TO_1970;
    const int64_t era = floor_divide(shifted, DAYS_PER_ERA);
    const int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    const int64_t year_of_era = (day_of_era - day_of_era / 1460 +
                                 day_of_era / 36524 - day_of_era / 146096) /
                                365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3
                                         : month_from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* Exactly `count` digits at t[at]; -1 when they are not there. */
static int digits_at(muster_text t, size_t at, size_t count)
{
    int v = 0;
    if (at + count > t.len)
        return -1;
    for (size_t i = at; i < at + count; i++) {
        if (t.ptr[i] < '0' || t.ptr[i] > '9')
            return -1;
        v = v * 10 + (t.ptr[i] - '0');
    }
    return v;
}

static bool is_at(muster_text t, size_t at, char c)
{
    return at < t.len && t.ptr[at] == c;
}

static int days_in_month(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool clock_parse_date(muster_text t, muster_day *out)
{
    ASSERT(out != NULL);
    const int year = digits_at(t, 0, 4);
    const int month = digits_at(t, 5, 2);
    const int day = digits_at(t, 8, 2);
    if (t.len != 10 || !is_at(t, 4, '-') || !is_at(t, 7, '-'))
        return false;
    if (year < 0 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    *out = clock_day_from_civil(year, month, day);
    return true;
}

/* "hh:mm" at t[at] in seconds, -1 if it is none. */
static int hour_minute_at(muster_text t, size_t at)
{
    const int hour = digits_at(t, at, 2);
    const int minute = digits_at(t, at + 3, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        !is_at(t, at + 2, ':'))
        return -1;
    return hour * SECONDS_PER_HOUR + minute * 60;
}

/* "Z" or "+01:30" at t[at] to the end, in seconds to take away. */
static bool offset_at(muster_text t, size_t at, int *out)
{
    if (is_at(t, at, 'Z') || is_at(t, at, 'z')) {
        *out = 0;
        return at + 1 == t.len;
    }
    const bool negative = is_at(t, at, '-');
    const int seconds = hour_minute_at(t, at + 1);
    if ((!negative && !is_at(t, at, '+')) || seconds < 0)
        return false;
    *out = negative ? -seconds : seconds;
    return at + 6 == t.len;
}

bool clock_parse_time(muster_text t, muster_time *out)
{
    ASSERT(out != NULL);
    muster_day day = 0;
    if (t.len < 20 || !clock_parse_date((muster_text){t.ptr, 10}, &day))
        return false;
    if (!is_at(t, 10, 'T') && !is_at(t, 10, 't') && !is_at(t, 10, ' '))
        return false;
    const int minutes = hour_minute_at(t, 11);
    const int second = digits_at(t, 17, 2);
    if (minutes < 0 || !is_at(t, 16, ':') || second < 0 || second > 60)
        return false;
    size_t at = 19;
    if (is_at(t, at, '.')) {
        at++;
        while (digits_at(t, at, 1) >= 0)
            at++;
        if (at == 20)
            return false;
    }
    int offset = 0;
    if (!offset_at(t, at, &offset))
        return false;
    const muster_time time =
        (muster_time)day * SECONDS_PER_DAY + minutes + second - offset;
    if (second == 60 && time % SECONDS_PER_DAY != 0)
        return false;
    if (time < CLOCK_TIME_MIN || time > CLOCK_TIME_MAX)
        return false;
    *out = time;
    return true;
}

static void put_digits(char *out, int v, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
}

size_t clock_format_date(char *out, muster_day d)
{
    int year = 0;
    int month = 0;
    int day = 0;
    clock_civil_from_day(d, &year, &month, &day);
    ASSERT(year >= 0 && year <= 9999);
    put_digits(out, year, 4);
    out[4] = '-';
    put_digits(out + 5, month, 2);
    out[7] = '-';
    put_digits(out + 8, day, 2);
    out[10] = '\0';
    return 10;
}

size_t clock_format_time(char *out, muster_time t)
{
    const muster_day day = clock_day_of(t);
    const int second = (int)(t - (muster_time)day * SECONDS_PER_DAY);
    clock_format_date(out, day);
    out[10] = 'T';
    put_digits(out + 11, second / SECONDS_PER_HOUR, 2);
    out[13] = ':';
    put_digits(out + 14, second / 60 % 60, 2);
    out[16] = ':';
    put_digits(out + 17, second % 60, 2);
    out[19] = 'Z';
    out[20] = '\0';
    return 20;
}
