/*
 * map_date.c - dates in common forms: ISO 8601, numbers of seconds and days,
 * and patterns.
 *
 * A pattern is compiled to steps, one for each field and each byte that
 * stands for itself; a step is a letter:
 *
 *   Y year of 4 digits   y of 2 (69 to 99: 19..)
 *   M month, 1 or 2      N exactly 2     L Jan     F January
 *   D day, 1 or 2        E exactly 2
 *   H hour 0-23, 1 or 2  K exactly 2     h 1-12, 1 or 2   k exactly 2
 *   m minute, 2          s second, 2     S fraction       A AM, PM
 *   Z zone               ' ' blanks      = the literal
 *
 * The text must fit whole. Years go from 1900 to 2199, as times of records do;
 * seconds may be 60. A month's days are checked, a weekday cannot be read.
 * What the text does not tell is midnight, the first day, January.
 *
 * Cost: one pass over the text for each format. Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#include <stdio.h>

#define STEPS_MAX 64u
#define DAY_SECONDS 86400
#define EXCEL_EPOCH_DAYS 25569 /* 1899-12-30 to 1970-01-01 */
#define YEAR_MIN 1900
#define YEAR_MAX 2199
#define CENTURY_PIVOT 69 /* as POSIX strptime's %y */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const months[] = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

/* ---- patterns ---- */

static const struct {
    const char *letters;
    char kind;
} fields[] = {
    /* A longer one before those it begins with. */
    {"YYYY", 'Y'}, {"YY", 'y'}, {"MMMM", 'F'}, {"MMM", 'L'},
    {"MM", 'N'},   {"M", 'M'},  {"DD", 'E'},   {"D", 'D'},
    {"HH", 'K'},   {"H", 'H'},  {"hh", 'k'},   {"h", 'h'},
    {"mm", 'm'},   {"ss", 's'}, {"A", 'A'},    {"Z", 'Z'},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The field that the pattern begins with: its length, 0 when there is none. */
static size_t find_field(muster_text pattern, char *kind)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const muster_text letters = text_of(fields[i].letters);
        if (text_starts_with(pattern, letters)) {
            *kind = fields[i].kind;
            return letters.len;
        }
    }
    size_t len = 0;
    while (len < pattern.len && pattern.ptr[len] == 'S')
        len++;
    *kind = 'S';
    return len;
}

typedef struct pattern_steps {
    date_step steps[STEPS_MAX];
    size_t count;
} pattern_steps;

static bool add_step(pattern_steps *p, char kind, char literal)
{
    if (p->count == STEPS_MAX)
        return false;
    p->steps[p->count++] = (date_step){kind, literal};
    return true;
}

/* What the pattern begins with; the bytes it took, 0 when it is wrong. */
static size_t read_piece(pattern_steps *p, muster_text pattern)
{
    const char c = *pattern.ptr;
    char kind = '=';
    const size_t field = find_field(pattern, &kind);
    if (field > 0)
        return add_step(p, kind, '\0') ? field : 0;
    if (c == '[') {
        size_t at = 1;
        while (at < pattern.len && pattern.ptr[at] != ']')
            if (!add_step(p, '=', pattern.ptr[at++]))
                return 0;
        return at < pattern.len ? at + 1 : 0;
    }
    if (is_letter(c) && c != 'T')
        return 0;
    return add_step(p, c == ' ' ? ' ' : '=', c) ? 1 : 0;
}

static bool has_step(const pattern_steps *p, const char *kinds)
{
    for (size_t i = 0; i < p->count; i++)
        if (strchr(kinds, p->steps[i].kind) != NULL)
            return true;
    return false;
}

/* What is wrong with the fields together; NULL when nothing is. */
static const char *check_fields(const pattern_steps *p)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t j = 0; j < i; j++)
            if (p->steps[i].kind != '=' && p->steps[i].kind != ' ' &&
                p->steps[i].kind == p->steps[j].kind)
                return "a field stands twice";
    if (!has_step(p, "Yy"))
        return "the year is missing: YYYY or YY";
    if (has_step(p, "hk") != has_step(p, "A"))
        return "hours of 12 (h, hh) go with AM and PM (A)";
    if (has_step(p, "DE") && !has_step(p, "MNLF"))
        return "the month is missing: M, MM, MMM or MMMM";
    return NULL;
}

static int compile_pattern(date_format *out, muster_text pattern, arena *memory,
                           char *why, size_t why_size)
{
    pattern_steps p = {.count = 0};
    for (muster_text left = pattern; left.len > 0;) {
        const size_t took = read_piece(&p, left);
        if (took == 0) {
            snprintf(why, why_size,
                     "this is neither iso, seconds, millis, micros, excel nor "
                     "a pattern like D.M.YYYY HH:mm");
            return MUSTER_EINVAL;
        }
        left = text_make(left.ptr + took, left.len - took);
    }
    const char *wrong = check_fields(&p);
    if (wrong != NULL) {
        snprintf(why, why_size, "%s", wrong);
        return MUSTER_EINVAL;
    }
    date_step *steps = arena_alloc(memory, p.count * sizeof *steps);
    memcpy(steps, p.steps, p.count * sizeof *steps);
    *out = (date_format){DATE_PATTERN, steps, p.count};
    return 0;
}

int date_format_compile(date_format *out, muster_text pattern, arena *memory,
                        char *why, size_t why_size)
{
    static const struct {
        const char *word;
        date_form form;
    } forms[] = {
        {"iso", DATE_ISO},       {"seconds", DATE_SECONDS},
        {"millis", DATE_MILLIS}, {"micros", DATE_MICROS},
        {"excel", DATE_EXCEL},
    };
    ASSERT(pattern.len > 0);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (text_equal_nocase(pattern, text_of(forms[i].word))) {
            *out = (date_format){.form = forms[i].form};
            return 0;
        }
    }
    return compile_pattern(out, pattern, memory, why, why_size);
}

/* ---- reading ---- */

/* A date that is being read from a text. */
typedef struct date_reading {
    muster_text left;
    int year, month, day, hour, minute, second;
    int half; /* 1 = AM, 2 = PM */
    int zone; /* seconds east */
} date_reading;

static void skip(date_reading *r, size_t len)
{
    r->left = text_make(r->left.ptr + len, r->left.len - len);
}

static bool is_digit_at(const date_reading *r, size_t at)
{
    return at < r->left.len && r->left.ptr[at] >= '0' && r->left.ptr[at] <= '9';
}

static bool take_number(date_reading *r, size_t least, size_t most, int *out)
{
    size_t len = 0;
    *out = 0;
    for (; len < most && is_digit_at(r, len); len++)
        *out = *out * 10 + (r->left.ptr[len] - '0');
    skip(r, len);
    return len >= least;
}

static bool take_literal(date_reading *r, char c)
{
    if (r->left.len == 0 || *r->left.ptr != c)
        return false;
    skip(r, 1);
    return true;
}

static bool take_word(date_reading *r, const char *word)
{
    const size_t len = strlen(word);
    if (r->left.len < len ||
        !text_equal_nocase(text_make(r->left.ptr, len), text_of(word)))
        return false;
    skip(r, len);
    return true;
}

static bool take_blanks(date_reading *r)
{
    size_t len = 0;
    while (len < r->left.len &&
           (r->left.ptr[len] == ' ' || r->left.ptr[len] == '\t'))
        len++;
    skip(r, len);
    return len > 0;
}

static bool take_month(date_reading *r, bool whole)
{
    for (int i = 0; i < 12; i++) {
        char word[12];
        snprintf(word, sizeof word, whole ? "%s" : "%.3s", months[i]);
        if (take_word(r, word)) {
            r->month = i + 1;
            if (!whole)
                take_literal(r, '.');
            return true;
        }
    }
    return false;
}

/* AM, a.m., P.M. */
static bool take_half(date_reading *r)
{
    const bool before = take_literal(r, 'a') || take_literal(r, 'A');
    if (!before && !take_literal(r, 'p') && !take_literal(r, 'P'))
        return false;
    r->half = before ? 1 : 2;
    const bool point = take_literal(r, '.');
    if (!take_literal(r, 'm') && !take_literal(r, 'M'))
        return false;
    return !point || take_literal(r, '.');
}

/* Z, UTC, GMT, +01, +0100, +01:00 */
static bool take_zone(date_reading *r)
{
    int hours = 0;
    int minutes = 0;
    r->zone = 0;
    if (take_word(r, "Z") || take_word(r, "UTC") || take_word(r, "GMT"))
        return true;
    const bool west = take_literal(r, '-');
    if (!west && !take_literal(r, '+'))
        return false;
    if (!take_number(r, 2, 2, &hours))
        return false;
    const bool colon = take_literal(r, ':');
    if ((colon || is_digit_at(r, 0)) && !take_number(r, 2, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    r->zone = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

static bool take_century(date_reading *r)
{
    if (!take_number(r, 2, 2, &r->year))
        return false;
    r->year += r->year < CENTURY_PIVOT ? 2000 : 1900;
    return true;
}

static bool take_step(date_reading *r, date_step step)
{
    int ignored = 0;
    switch (step.kind) {
    case 'Y':
        return take_number(r, 4, 4, &r->year);
    case 'y':
        return take_century(r);
    case 'M':
    case 'N':
        return take_number(r, step.kind == 'N' ? 2 : 1, 2, &r->month);
    case 'L':
    case 'F':
        return take_month(r, step.kind == 'F');
    case 'D':
    case 'E':
        return take_number(r, step.kind == 'E' ? 2 : 1, 2, &r->day);
    case 'H':
    case 'h':
        return take_number(r, 1, 2, &r->hour);
    case 'K':
    case 'k':
        return take_number(r, 2, 2, &r->hour);
    case 'm':
        return take_number(r, 2, 2, &r->minute);
    case 's':
        return take_number(r, 2, 2, &r->second);
    case 'S':
        return take_number(r, 1, 9, &ignored);
    case 'A':
        return take_half(r);
    case 'Z':
        return take_zone(r);
    case ' ':
        return take_blanks(r);
    default:
        return take_literal(r, step.literal);
    }
}

static bool read_pattern(date_reading *r, const date_format *format)
{
    for (size_t i = 0; i < format->step_count; i++)
        if (!take_step(r, format->steps[i]))
            return false;
    if (r->half != 0 && (r->hour < 1 || r->hour > 12))
        return false;
    if (r->half != 0)
        r->hour = r->hour % 12 + (r->half == 2 ? 12 : 0);
    return r->left.len == 0;
}

/* hh:mm[:ss[.S]] or hhmm[ss], and a zone. */
static bool read_iso_time(date_reading *r)
{
    int fraction = 0;
    if (!take_number(r, 2, 2, &r->hour))
        return false;
    const bool colons = take_literal(r, ':');
    if (!take_number(r, 2, 2, &r->minute))
        return false;
    if ((colons ? take_literal(r, ':') : is_digit_at(r, 0)) &&
        !take_number(r, 2, 2, &r->second))
        return false;
    if ((take_literal(r, '.') || take_literal(r, ',')) &&
        !take_number(r, 1, 9, &fraction))
        return false;
    take_blanks(r);
    return r->left.len == 0 || take_zone(r);
}

static bool read_iso(date_reading *r)
{
    if (!take_number(r, 4, 4, &r->year))
        return false;
    const bool dashes = take_literal(r, '-');
    if (!take_number(r, 2, 2, &r->month) || (dashes && !take_literal(r, '-')) ||
        !take_number(r, 2, 2, &r->day))
        return false;
    if (r->left.len == 0)
        return true;
    const bool mark =
        take_literal(r, 'T') || take_literal(r, 't') || take_blanks(r);
    return mark && read_iso_time(r) && r->left.len == 0;
}

static bool finish(const date_reading *r, map_date *out)
{
    char day[16];
    if (r->year < YEAR_MIN || r->year > YEAR_MAX || r->month < 0 ||
        r->month > 99 || r->day < 0 || r->day > 99)
        return false;
    snprintf(day, sizeof day, "%04d-%02d-%02d", r->year, r->month, r->day);
    if (!clock_parse_date(text_of(day), &out->day))
        return false;
    if (r->hour > 23 || r->minute > 59 || r->second > 60)
        return false;
    out->moment = (muster_time)out->day * DAY_SECONDS + r->hour * 3600 +
                  r->minute * 60 + r->second - r->zone;
    return true;
}

static bool of_moment(muster_time moment, map_date *out)
{
    if (moment < CLOCK_TIME_MIN || moment > CLOCK_TIME_MAX)
        return false;
    *out = (map_date){clock_day_of(moment), moment};
    return true;
}

static bool read_since(muster_text text, int64_t per_second, map_date *out)
{
    int64_t count = 0;
    if (!text_parse_int(text, &count))
        return false;
    const int64_t seconds = count / per_second;
    return of_moment(seconds - (count % per_second < 0), out);
}

static bool read_excel(muster_text text, int zone, map_date *out)
{
    static const number_format plain = {.decimal = '.', .scale = 1};
    int64_t days = 0;
    if (number_format_parse(&plain, text, &days) != 0 || days < 0)
        return false;
    const int64_t whole = days / MUSTER_NUMBER_SCALE - EXCEL_EPOCH_DAYS;
    const int64_t part =
        days % MUSTER_NUMBER_SCALE * DAY_SECONDS / MUSTER_NUMBER_SCALE;
    if (!of_moment(whole * DAY_SECONDS + part, out))
        return false;
    out->moment -= zone;
    return true;
}

bool date_format_parse(const date_format *format, muster_text text, int zone,
                       map_date *out)
{
    date_reading r = {.left = text, .month = 1, .day = 1, .zone = zone};
    switch (format->form) {
    case DATE_PATTERN:
        return read_pattern(&r, format) && finish(&r, out);
    case DATE_ISO:
        return read_iso(&r) && finish(&r, out);
    case DATE_SECONDS:
        return read_since(text, 1, out);
    case DATE_MILLIS:
        return read_since(text, 1000, out);
    case DATE_MICROS:
        return read_since(text, 1000000, out);
    case DATE_EXCEL:
        return read_excel(text, zone, out);
    }
    return false;
}

int date_years(muster_day from, muster_day to)
{
    int year[2];
    int month[2];
    int day[2];
    clock_civil_from_day(from, &year[0], &month[0], &day[0]);
    clock_civil_from_day(to, &year[1], &month[1], &day[1]);
    const bool ahead =
        month[1] < month[0] || (month[1] == month[0] && day[1] < day[0]);
    const int years = year[1] - year[0] - ahead;
    return years > 0 ? years : 0;
}
