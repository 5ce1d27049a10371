/*
 * expression.c - random expressions: and, or, not, `of`, and each kind's
 * conditions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/expression.h"

#include "support/dice.h"

#define DAY 86400
#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

typedef struct writing {
    const expression_options *o;
    random_state *r;
    buffer *out;
} writing;

/* ---- words ---- */

/* Keywords do not mind their case. */
static void put_word(writing *w, const char *word)
{
    const bool upper = chance(w->r, 4);
    for (; *word != '\0'; word++)
        buffer_put_u8(w->out, (uint8_t)(upper && *word >= 'a' && *word <= 'z'
                                            ? *word - 'a' + 'A'
                                            : *word));
}

static void put_space(writing *w)
{
    if (chance(w->r, 97))
        buffer_put_u8(w->out, ' ');
    else
        buffer_put_str(w->out, chance(w->r, 50) ? "\n  " : " # note\n");
}

static void put_next(writing *w, const char *word)
{
    put_space(w);
    put_word(w, word);
}

static void put_text(writing *w, const char *text)
{
    json_writer json;
    json_begin(&json, w->out, false);
    json_put_str(&json, text);
}

static void put_number(writing *w, int64_t scaled)
{
    char text[32];
    text[text_format_number(text, scaled)] = '\0';
    buffer_put_str(w->out, text);
}

/* Singular and plural are the same. */
static void put_unit(writing *w, int64_t n, const char *unit)
{
    buffer_printf(w->out, " %lld ", (long long)n);
    put_word(w, unit);
    if (chance(w->r, 80))
        buffer_put_u8(w->out, 's');
}

/* ---- values ---- */

static const char *draw_value(writing *w, const population_attribute *a)
{
    static const char *const others[] = {"never-seen", "ab", "", "zz", "a",
                                         "2026-11-21", "x-1"};
    if (chance(w->r, 90))
        return a->values[dice(w->r, a->value_count)];
    return PICK(w->r, others);
}

static void put_values(writing *w, const population_attribute *a)
{
    const uint32_t count =
        1 + dice(w->r, chance(w->r, 10) ? 8 : a->value_count);
    buffer_put_str(w->out, " (");
    for (uint32_t i = 0; i < count; i++) {
        buffer_put_str(w->out, i > 0 ? ", " : "");
        put_text(w, draw_value(w, a));
    }
    buffer_put_str(w->out, ")");
}

/* A beginning or a middle of a known value; sometimes of none. */
static void put_part(writing *w, const population_attribute *a, bool start)
{
    static const char *const others[] = {"a", "b", "-", "x", "\"", "zzz"};
    char part[64];
    if (chance(w->r, 25)) {
        put_text(w, PICK(w->r, others));
        return;
    }
    const char *value = a->values[dice(w->r, a->value_count)];
    const size_t len = strlen(value);
    size_t from = start ? 0 : dice(w->r, (uint32_t)len);
    size_t to = from + 1 + dice(w->r, (uint32_t)(len - from));
    /* Characters, not bytes. */
    while (from > 0 && ((uint8_t)value[from] & 0xc0) == 0x80)
        from--;
    while (to < len && ((uint8_t)value[to] & 0xc0) == 0x80)
        to++;
    memcpy(part, value + from, to - from);
    part[to - from] = '\0';
    put_text(w, part);
}

/* ---- dates and windows ---- */

static void put_day(writing *w, muster_day day)
{
    char text[32];
    clock_format_date(text, day);
    buffer_printf(w->out, "\"%s\"", text);
}

static void put_moment(writing *w, muster_time t)
{
    char text[32];
    clock_format_time(text, t);
    buffer_printf(w->out, "\"%s\"", text);
}

static void put_today(writing *w, int64_t offset)
{
    put_word(w, "today");
    if (offset == 0 && chance(w->r, 50))
        return;
    buffer_printf(w->out, " %c", offset < 0 ? '-' : '+');
    put_unit(w, offset < 0 ? -offset : offset, "day");
}

/* A date `offset` days from now, in one of the three ways. */
static void put_date(writing *w, int64_t offset, uint32_t way)
{
    const muster_day today = clock_day_of(w->o->now);
    if (way == 0)
        put_day(w, today + (muster_day)offset);
    else if (way == 1)
        put_moment(w, w->o->now + offset * DAY);
    else
        put_today(w, offset);
}

static int64_t draw_offset(writing *w)
{
    return chance(w->r, 85) ? -(int64_t)dice(w->r, 45)
                            : (int64_t)dice(w->r, 6);
}

static void put_between(writing *w, int64_t low, int64_t high)
{
    if (low > high) {
        const int64_t moved = low;
        low = high;
        high = moved;
    }
    put_next(w, "between");
    buffer_put_u8(w->out, ' ');
    put_date(w, low, dice(w->r, 3));
    put_next(w, "and");
    buffer_put_u8(w->out, ' ');
    /* Both at one moment's day must not end before they begin. */
    put_date(w, high, low == high ? 0 : dice(w->r, 3));
}

static void put_within(writing *w, const population_attribute *a)
{
    const int64_t kept = a->retention_days;
    const int64_t days[] = {1,        2,    3,        7,   14,
                            kept - 1, kept, kept + 5, 400, 1 + dice(w->r, 30)};
    const int64_t hours[] = {1, 2, 3, 12, 24, 25, 48, 1000, kept * 24};
    put_next(w, "within");
    if (a->hourly && chance(w->r, 50))
        put_unit(w, PICK(w->r, hours), "hour");
    else if (chance(w->r, 20))
        put_unit(w, 1 + dice(w->r, 6), "week");
    else
        put_unit(w, PICK(w->r, days), "day");
}

static void put_window(writing *w, const population_attribute *a)
{
    if (chance(w->r, 35))
        return;
    if (chance(w->r, 55)) {
        put_within(w, a);
    } else if (chance(w->r, 50)) {
        put_next(w, "since");
        buffer_put_u8(w->out, ' ');
        put_date(w, draw_offset(w), dice(w->r, 3));
    } else {
        const int64_t low = draw_offset(w);
        put_between(w, low, low + dice(w->r, 20));
    }
}

/* ---- quantities ---- */

static const char *const quantity_words[] = {"at least", "at most",
                                             "exactly"};

/* At least up to n_max; the others up to `below`. */
static void put_quantity(writing *w, int64_t n_max, int64_t below)
{
    const uint32_t word = dice(w->r, 3);
    const int64_t top = word == 0 ? n_max : below;
    int64_t n = chance(w->r, 60) ? dice_between(w->r, 1, top < 4 ? top : 4)
                                 : dice_between(w->r, 1, top);
    if (chance(w->r, 20))
        n = top;
    put_word(w, quantity_words[word]);
    buffer_printf(w->out, " %lld", (long long)n);
}

static void put_frequency(writing *w, const population_attribute *a)
{
    static const int64_t totals[] = {1,   2,    10,      19,      20,       50,
                                     100, 1000, 1000000, 9999999, 10000000,
                                     20000000, 1099511627775};
    buffer_put_u8(w->out, ' ');
    if (chance(w->r, 25)) {
        put_word(w, "on ");
        put_quantity(w, a->retention_days, a->retention_days);
        put_word(w, chance(w->r, 80) ? " days" : " day");
    } else if (a->amount && chance(w->r, 45)) {
        const uint32_t word = dice(w->r, 3);
        int64_t n = PICK(w->r, totals);
        if (word > 0 && n == MUSTER_TOTAL_MAX)
            n--;
        put_word(w, quantity_words[word]);
        buffer_printf(w->out, " %lld", (long long)n);
        put_next(w, "total");
    } else {
        put_quantity(w, a->cap, a->cap - 1);
        put_word(w, chance(w->r, 80) ? " times" : " time");
    }
}

/* ---- conditions ---- */

static void put_source(writing *w)
{
    static const char *const parties[] = {"first party", "second party",
                                          "third party"};
    const population *p = w->o->population;
    if (chance(w->r, 70))
        return;
    put_next(w, "from");
    buffer_put_u8(w->out, ' ');
    if (chance(w->r, 40)) {
        put_word(w, PICK(w->r, parties));
        return;
    }
    const char *name = p->providers[dice(w->r, p->provider_count)].name;
    if (strchr(name, '-') != NULL || chance(w->r, 30))
        put_text(w, name);
    else
        buffer_put_str(w->out, name);
}

/* = != in, not in, has all, starts with, contains. */
static void put_text_compare(writing *w, const population_attribute *a)
{
    static const char *const lists[] = {"in", "not in"};
    const uint32_t kinds = a->kind == NAIVE_ONE_OF ? 6 : 7;
    switch (dice(w->r, kinds)) {
    case 0:
    case 1:
        buffer_put_str(w->out, chance(w->r, 70) ? " = " : " != ");
        put_text(w, draw_value(w, a));
        break;
    case 2:
    case 3:
        put_next(w, PICK(w->r, lists));
        put_values(w, a);
        break;
    case 4:
        put_next(w, "starts with");
        buffer_put_u8(w->out, ' ');
        put_part(w, a, true);
        break;
    case 5:
        put_next(w, "contains");
        buffer_put_u8(w->out, ' ');
        put_part(w, a, false);
        break;
    default:
        put_next(w, "has all");
        put_values(w, a);
        break;
    }
}

static void put_scalar(writing *w, const population_attribute *a)
{
    int64_t n = a->numbers[dice(w->r, a->number_count)];
    if (a->dates) {
        put_date(w, n / 10000 - clock_day_of(w->o->now) +
                        dice_between(w->r, -1, 1),
                 dice(w->r, 3));
        return;
    }
    if (chance(w->r, 25) && n > -10000000000 && n < 10000000000)
        n += dice_between(w->r, -1, 1);
    put_number(w, n);
}

static void put_number_range(writing *w, const population_attribute *a)
{
    int64_t low = a->numbers[dice(w->r, a->number_count)];
    int64_t high = a->numbers[dice(w->r, a->number_count)];
    if (a->dates) {
        const int64_t today = clock_day_of(w->o->now);
        put_between(w, low / 10000 - today, high / 10000 - today);
        return;
    }
    if (low > high) {
        const int64_t moved = low;
        low = high;
        high = moved;
    }
    put_next(w, "between");
    buffer_put_u8(w->out, ' ');
    put_number(w, low);
    put_next(w, "and");
    buffer_put_u8(w->out, ' ');
    put_number(w, high);
}

static void put_number_compare(writing *w, const population_attribute *a)
{
    static const char *const compares[] = {" = ",  " != ", " < ",
                                           " <= ", " > ",  " >= "};
    static const char *const lists[] = {"in", "not in"};
    if (chance(w->r, 30)) {
        put_number_range(w, a);
    } else if (chance(w->r, 25)) {
        put_next(w, PICK(w->r, lists));
        buffer_put_str(w->out, " (");
        for (uint32_t n = dice(w->r, 4);; n--) {
            put_scalar(w, a);
            if (n == 0)
                break;
            buffer_put_str(w->out, ", ");
        }
        buffer_put_str(w->out, ")");
    } else {
        buffer_put_str(w->out, PICK(w->r, compares));
        put_scalar(w, a);
    }
}

static void put_known(writing *w)
{
    static const char *const words[] = {"is known", "is unknown"};
    put_next(w, PICK(w->r, words));
}

/* A quantity goes with the bare event, with = and with in. */
static void put_event(writing *w, const population_attribute *a)
{
    const uint32_t what = dice(w->r, 100);
    if (what < 45) {
        if (chance(w->r, 30)) {
            buffer_put_str(w->out, " = ");
            put_text(w, draw_value(w, a));
        } else if (chance(w->r, 35)) {
            put_next(w, "in");
            put_values(w, a);
        }
        put_frequency(w, a);
    } else if (what < 80) {
        put_text_compare(w, a);
    } else if (what < 90) {
        put_known(w);
    }
    put_window(w, a);
}

static void put_condition(writing *w)
{
    const population *p = w->o->population;
    const uint32_t at = dice(w->r, p->attribute_count);
    const population_attribute *a = &p->attributes[at];
    buffer_put_str(w->out, a->name);
    switch (a->kind) {
    case NAIVE_FLAG:
        if (chance(w->r, 25))
            put_known(w);
        break;
    case NAIVE_NUMBER:
        if (chance(w->r, 12))
            put_known(w);
        else
            put_number_compare(w, a);
        break;
    case NAIVE_EVENT:
        put_event(w, a);
        break;
    default:
        if (chance(w->r, 12))
            put_known(w);
        else
            put_text_compare(w, a);
        break;
    }
    put_source(w);
}

static void put_leaf(writing *w)
{
    const uint32_t what = dice(w->r, 100);
    if (what < 3)
        put_word(w, "all");
    else if (what < 4)
        put_word(w, "none");
    else if (what < 9 && w->o->segment_count > 0)
        buffer_printf(
            w->out, "segment(\"%s\")",
            w->o->segments[dice(w->r, (uint32_t)w->o->segment_count)]);
    else
        put_condition(w);
}

/* ---- trees ---- */

static void put_expr(writing *w, int depth);

static void put_inner(writing *w, int depth)
{
    buffer_put_u8(w->out, '(');
    put_expr(w, depth - 1);
    buffer_put_u8(w->out, ')');
}

/* A child of `and`, `or`, `not`: with parentheses, or a leaf without. */
static void put_child(writing *w, int depth)
{
    if (depth <= 1 || chance(w->r, 40))
        put_leaf(w);
    else
        put_inner(w, depth);
}

static void put_chain(writing *w, int depth, const char *word)
{
    const uint32_t count = 2 + (chance(w->r, 30) ? dice(w->r, 4) : 0);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            put_next(w, word);
            put_space(w);
        }
        if (chance(w->r, 20)) {
            put_word(w, "not");
            buffer_put_u8(w->out, ' ');
        }
        put_child(w, depth);
    }
}

static void put_of(writing *w, int depth)
{
    const uint32_t count =
        1 + dice(w->r, chance(w->r, 8) ? 20 : 5);
    put_word(w, PICK(w->r, quantity_words));
    buffer_printf(w->out, " %u", dice(w->r, count + 2));
    put_word(w, " of ");
    buffer_put_u8(w->out, '(');
    for (uint32_t i = 0; i < count; i++) {
        buffer_put_str(w->out, i > 0 ? ", " : "");
        put_expr(w, count > 5 ? 0 : depth - 1);
    }
    buffer_put_u8(w->out, ')');
}

/* `and` binds tighter than `or`: mixed without parentheses as well. */
static void put_mixed(writing *w, int depth)
{
    put_chain(w, depth, "and");
    put_next(w, "or");
    put_space(w);
    put_chain(w, depth, chance(w->r, 50) ? "and" : "or");
}

static void put_expr(writing *w, int depth)
{
    if (depth <= 0) {
        put_leaf(w);
        return;
    }
    const uint32_t what = dice(w->r, 100);
    if (what < 32) {
        put_chain(w, depth, "and");
    } else if (what < 55) {
        put_chain(w, depth, "or");
    } else if (what < 65) {
        put_mixed(w, depth);
    } else if (what < 75) {
        put_word(w, "not");
        buffer_put_u8(w->out, ' ');
        put_child(w, depth);
    } else if (what < 88) {
        put_of(w, depth);
    } else {
        put_leaf(w);
    }
}

void expression_put(const expression_options *options, random_state *random,
                    buffer *out)
{
    ASSERT(options->depth >= 0 && options->depth <= EXPRESSION_DEPTH_MAX);
    writing w = {options, random, out};
    put_expr(&w, options->depth);
    ASSERT(buffer_ok(out));
}
