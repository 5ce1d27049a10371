/*
 * window.c - windows of LANGUAGE.md against a `now`: buckets and seconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/eval.h"

#define HOURS 24

static muster_day date_day(const ast_date *d, muster_time now)
{
    switch (d->type) {
    case DATE_DAY:
        return d->day;
    case DATE_TIME:
        return clock_day_of(d->time);
    case DATE_TODAY:
        break;
    }
    return clock_day_of(now) + d->offset;
}

/* First or last bucket of a date in the grain. */
static int64_t date_bucket(const ast_date *d, muster_time now, bool hours,
                           bool last)
{
    const int64_t day = date_day(d, now);
    if (!hours)
        return day;
    if (d->type == DATE_TIME)
        return clock_hour_of(d->time);
    return day * HOURS + (last ? HOURS - 1 : 0);
}

bool plan_window(const plan_node *node, muster_time now, uint32_t *from,
                 uint32_t *to)
{
    const bool hours = node->grain == GRAIN_HOUR;
    const int64_t today = clock_day_of(now);
    const int64_t current = hours ? clock_hour_of(now) : today;
    const int64_t oldest =
        (today - (int64_t)node->retention_days + 1) * (hours ? HOURS : 1);
    const ast_window *w = &node->window;
    int64_t first = oldest;
    int64_t last = current;

    switch (w->type) {
    case WINDOW_NONE:
        break;
    case WINDOW_HOURS:
        first = current - (int64_t)w->n + 1;
        break;
    case WINDOW_DAYS:
        first = (today - (int64_t)w->n + 1) * (hours ? HOURS : 1);
        break;
    case WINDOW_SINCE:
        first = date_bucket(&w->from, now, hours, false);
        break;
    case WINDOW_BETWEEN:
        first = date_bucket(&w->from, now, hours, false);
        last = date_bucket(&w->to, now, hours, true);
        break;
    }
    if (first < oldest)
        first = oldest;
    if (first < 0)
        first = 0;
    if (last > current)
        last = current;
    if (first > last)
        return false;
    *from = (uint32_t)first;
    *to = (uint32_t)last;
    return true;
}

bool plan_window_times(const plan_node *node, muster_time now,
                       muster_time *from, muster_time *to)
{
    const muster_time unit = node->grain == GRAIN_HOUR ? 3600 : 86400;
    uint32_t first;
    uint32_t last;

    if (!plan_window(node, now, &first, &last))
        return false;
    *from = first * unit;
    *to = (last + (muster_time)1) * unit - 1;
    return true;
}
