/*
 * map_guess.c - what the values of a field look like, counted.
 *
 * Each value is put to all questions: is it an e-mail address, a number, a
 * date of this form? What a field is follows from the counts (map_propose.c).
 * Up to GUESS_VALUES_MAX distinct values are kept, and hashes of all of them to
 * count how many there are.
 *
 * Cost: some microseconds for a value; a sample has few. Threads: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_guess.h"

#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define VALUE_BYTES_MAX 128u /* of a value that is kept */
#define PHONE_DIGITS_MIN 7u
#define PHONE_DIGITS_MAX 15u

/* The likelier one first, where a text fits two. */
const char *const guess_formats[GUESS_FORMATS] = {
    "iso",         "D.M.YYYY",        "D.M.YYYY HH:mm", "D.M.YYYY HH:mm:ss",
    "D/M/YYYY",    "M/D/YYYY",        "D/M/YYYY HH:mm", "M/D/YYYY HH:mm",
    "DD-MMM-YYYY", "M/D/YYYY h:mm A", "seconds",        "millis",
};

const char guess_marks[GUESS_MARKS] = {';', '|', ','};

const number_format guess_numbers[GUESS_NUMBERS] = {
    [NUMBER_POINT] = {.decimal = '.', .scale = 1},
    [NUMBER_POINT_MARK] = {.decimal = '.', .thousands = {",", 1}, .scale = 1},
    [NUMBER_COMMA] = {.decimal = ',', .scale = 1},
    [NUMBER_COMMA_MARK] = {.decimal = ',', .thousands = {".", 1}, .scale = 1},
};

void guess_init(guess *g)
{
    memset(g, 0, sizeof *g);
    arena_init(&g->memory);
    g->each = text_of("");
}

void guess_release(guess *g)
{
    for (size_t i = 0; i < g->field_count; i++)
        mem_free(g->fields[i].hashes);
    mem_free(g->fields);
    arena_release(&g->memory);
}

guess_field *guess_field_of(guess *g, muster_text name)
{
    for (size_t i = 0; i < g->field_count; i++)
        if (text_equal(g->fields[i].name, name))
            return &g->fields[i];
    if (g->field_count == GUESS_FIELDS_MAX)
        return NULL;
    mem_grow(&g->fields, &g->field_capacity, g->field_count + 1,
             sizeof *g->fields);
    guess_field *f = &g->fields[g->field_count++];
    *f = (guess_field){
        .name =
            text_make(arena_strndup(&g->memory, name.ptr, name.len), name.len),
    };
    return f;
}

/* ---- questions ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

static bool is_uuid(muster_text t)
{
    if (t.len != 36)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? t.ptr[i] != '-' : !is_hex(t.ptr[i]))
            return false;
    }
    return true;
}

static bool is_digest(muster_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_hex(t.ptr[i]))
            return false;
    return t.len == 64;
}

/* Digits with what stands between them in phone numbers. */
static bool is_phone(muster_text t)
{
    size_t digits = 0;
    for (size_t i = 0; i < t.len; i++) {
        const char c = t.ptr[i];
        if (c >= '0' && c <= '9')
            digits++;
        else if (strchr(" -./()", c) == NULL && (c != '+' || i > 0))
            return false;
    }
    return digits >= PHONE_DIGITS_MIN && digits <= PHONE_DIGITS_MAX;
}

static bool is_flag(muster_text t)
{
    static const char *const words[] = {"true", "false", "yes", "no", "y",
                                        "n",    "0",     "1",   "on", "off"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (text_equal_nocase(t, text_of(words[i])))
            return true;
    return false;
}

static bool is_country(muster_text t)
{
    return t.len == 2 && ((t.ptr[0] | 0x20) >= 'a') &&
           ((t.ptr[0] | 0x20) <= 'z') && ((t.ptr[1] | 0x20) >= 'a') &&
           ((t.ptr[1] | 0x20) <= 'z');
}

/* From 2000 to 2100, so that not every number is a time. */
static bool is_recent(muster_time t)
{
    return t >= 946684800 && t < 4102444800;
}

static void ask_dates(guess *g, guess_field *f, muster_text value)
{
    for (size_t i = 0; i < GUESS_FORMATS; i++) {
        date_format format;
        map_date date;
        char why[80];
        if (date_format_compile(&format, text_of(guess_formats[i]), &g->memory,
                                why, sizeof why) != 0 ||
            !date_format_parse(&format, value, 0, &date))
            continue;
        const bool number =
            format.form == DATE_SECONDS || format.form == DATE_MILLIS;
        f->dates[i] += !number || is_recent(date.moment);
    }
}

/* ---- values ---- */

static void keep(guess *g, word_set *set, muster_text value)
{
    if (set->count == GUESS_VALUES_MAX || value.len > VALUE_BYTES_MAX)
        return;
    for (size_t i = 0; i < set->count; i++)
        if (text_equal(set->words[i], value))
            return;
    if (set->words == NULL)
        set->words =
            arena_alloc(&g->memory, GUESS_VALUES_MAX * sizeof *set->words);
    set->words[set->count++] =
        text_make(arena_strndup(&g->memory, value.ptr, value.len), value.len);
}

static void ask_marks(guess *g, guess_field *f, muster_text value)
{
    for (size_t i = 0; i < GUESS_MARKS; i++) {
        muster_text left = value;
        bool any = false;
        while (left.len > 0) {
            const char *end = memchr(left.ptr, guess_marks[i], left.len);
            const size_t len = end ? (size_t)(end - left.ptr) : left.len;
            any |= end != NULL;
            keep(g, &f->parts[i], text_trim(text_make(left.ptr, len)));
            left = end ? text_make(end + 1, left.len - len - 1) : text_of("");
        }
        f->marked[i] += any;
    }
}

void guess_take(guess *g, guess_field *f, muster_text value)
{
    int64_t ignored = 0;
    const bool email = memchr(value.ptr, '@', value.len) != NULL &&
                       identity_is_pii(value) &&
                       memchr(value.ptr, ' ', value.len) == NULL;
    mem_grow(&f->hashes, &f->hash_capacity, f->values + 1, sizeof *f->hashes);
    f->hashes[f->values++] = hash_bytes(value.ptr, value.len);
    f->emails += email;
    f->phones += is_phone(value);
    f->personal += identity_is_pii(value);
    f->uuids += is_uuid(value);
    f->digests += is_digest(value);
    f->whole += text_parse_int(value, &ignored);
    f->flags += is_flag(value);
    f->countries += is_country(value);
    if (value.len > f->longest)
        f->longest = (uint32_t)value.len;
    for (size_t i = 0; i < GUESS_NUMBERS; i++)
        f->numbers[i] +=
            number_format_parse(&guess_numbers[i], value, &ignored) == 0;
    ask_dates(g, f, value);
    ask_marks(g, f, value);
    keep(g, &f->distinct, value);
}

static int order_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t guess_distinct(const guess_field *f)
{
    size_t count = f->values > 0;
    qsort(f->hashes, f->values, sizeof *f->hashes, order_hashes);
    for (size_t i = 1; i < f->values; i++)
        count += f->hashes[i] != f->hashes[i - 1];
    return count;
}
