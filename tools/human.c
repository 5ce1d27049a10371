/*
 * human.c - numbers, times and signs as people read them. Used by the format
 * `table`, by messages and by the progress bar, never by a format that
 * programs read (but for hashes, which are the same everywhere).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <math.h>
#include <string.h>
#include "base/clock.h"

static const signs ascii_signs = {"-", "-", "-", "yes", "no ", "...", ".."};
static const signs utf8_signs = {
    "\xe2\x88\x92", /* minus */
    "\xe2\x94\x80", /* rule */
    "\xc2\xb7",     /* dot */
    "\xe2\x9c\x94", /* tick */
    "\xe2\x9c\x98", /* cross */
    "\xe2\x80\xa6", /* ellipsis */
    "\xe2\x80\x93", /* en dash */
};

const signs *human_signs(const cli *c)
{
    return c->utf8 ? &utf8_signs : &ascii_signs;
}

human_text human_count(uint64_t v)
{
    human_text h;
    char digits[24];
    const size_t n = text_format_uint(digits, v);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            h.text[at++] = ',';
        h.text[at++] = digits[i];
    }
    h.text[at] = '\0';
    return h;
}

human_text human_change(const cli *c, int64_t v)
{
    human_text h;
    const uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const char *sign = v < 0 ? human_signs(c)->minus : v > 0 ? "+" : "";
    snprintf(h.text, sizeof h.text, "%s%.32s", sign, human_count(size).text);
    return h;
}

human_text human_share(double v)
{
    human_text h;
    const double percent = v * 100;
    const int digits = percent == 0 || percent >= 0.01 ? 2 : 4;
    snprintf(h.text, sizeof h.text, "%.*f %%", digits, percent);
    return h;
}

human_text human_double(double v)
{
    human_text h;
    snprintf(h.text, sizeof h.text, "%.3f", v);
    return h;
}

/* Three digits and a unit of a thousand each. */
static human_text scaled(double v, const char *const *units, size_t count)
{
    human_text h;
    size_t unit = 0;
    if (!isfinite(v) || v < 0)
        v = 0;
    while (v >= 999.5 && unit + 1 < count) {
        v /= 1000;
        unit++;
    }
    const int digits = unit == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
    snprintf(h.text, sizeof h.text, "%.*f%s", digits, v, units[unit]);
    return h;
}

human_text human_rate(double v)
{
    static const char *const units[] = {"", " k", " M", " G"};
    return scaled(v, units, 4);
}

human_text human_bytes(double v)
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
    return scaled(v, units, 5);
}

human_text human_resident(const muster_engine_stats *stats)
{
    human_text h;
    if (stats->resident_budget < RESIDENT_LEAST)
        snprintf(h.text, sizeof h.text, "none (below 2 MiB)");
    else
        snprintf(h.text, sizeof h.text, "%.16s of %.16s",
                 human_bytes((double)stats->resident_bytes).text,
                 human_bytes((double)stats->resident_budget).text);
    return h;
}

human_text human_duration_ns(uint64_t ns)
{
    human_text h;
    const double ms = (double)ns / 1e6;
    if (ms < 1000)
        snprintf(h.text, sizeof h.text, "%.*f ms", ms < 10 ? 2 : 0, ms);
    else
        snprintf(h.text, sizeof h.text, "%.1f s", ms / 1000);
    return h;
}

human_text human_time(muster_time t)
{
    human_text h;
    char stamp[32];
    stamp[clock_format_time(stamp, t)] = '\0';
    stamp[10] = ' ';
    stamp[19] = '\0'; /* without the Z: all times are UTC */
    snprintf(h.text, sizeof h.text, "%s", stamp);
    return h;
}

human_text human_hash(const muster_state_hash *hash)
{
    human_text h;
    snprintf(h.text, sizeof h.text, "%016llx%016llx",
             (unsigned long long)hash->high, (unsigned long long)hash->low);
    return h;
}

/* First and last second of a window, as days when they are whole days. */
human_text human_span(muster_time from, muster_time to)
{
    human_text h;
    const bool days = from % 86400 == 0 && (to + 1) % 86400 == 0;
    const int width = days ? 10 : 19;
    snprintf(h.text, sizeof h.text, "%.*s to %.*s", width,
             human_time(from).text, width, human_time(to).text);
    return h;
}
