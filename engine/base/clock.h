/*
 * clock.h - UTC calendar arithmetic (proleptic Gregorian; Howard Hinnant's
 * days_from_civil) and RFC 3339. No time zone but UTC ever decides anything;
 * an RFC 3339 offset is converted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <muster/types.h>

#define CLOCK_TIME_MIN ((muster_time)-2208988800) /* 1900-01-01 */
#define CLOCK_TIME_MAX ((muster_time)7258118399)  /* 2199-12-31T23:59:59Z */

muster_time clock_now(void);           /* wall clock, seconds */
/* A test's wall clock; NULL: the machine's. Set before threads start, or let
 * the function itself be safe to call from any. */
extern muster_time (*clock_hook)(void);
uint64_t clock_monotonic_ns(void);     /* for measuring */

muster_day clock_day_of(muster_time t);   /* floor */
muster_hour clock_hour_of(muster_time t); /* floor */
muster_day clock_day_from_civil(int year, int month, int day);
void clock_civil_from_day(muster_day d, int *year, int *month, int *day);

/* "2026-11-21": a valid date; false otherwise. */
bool clock_parse_date(muster_text t, muster_day *out);
/* RFC 3339 ("2026-11-20T10:00:00Z", fraction ignored, offsets, lower-case t
 * and z, a space for T), within CLOCK_TIME_MIN..MAX. */
bool clock_parse_time(muster_text t, muster_time *out);
/* "2026-11-21" into out (>= 11 bytes), returns 10. */
size_t clock_format_date(char *out, muster_day d);
/* "2026-11-20T10:00:00Z" into out (>= 21 bytes), returns 20. */
size_t clock_format_time(char *out, muster_time t);

#endif
