/*
 * lint_logic.c - which conditions on one attribute follow from each other,
 * and which exclude each other.
 *
 * A condition is *positive* when one more fact can only make it true: then a
 * longer window, more listed values, more providers or a smaller quantity
 * make it wider. `!=`, `not in`, `is unknown`, `at most` and `exactly` are
 * not.
 *
 * Windows that end now are compared by where they begin; a fixed date and one
 * relative to today are not compared, since that depends on the day.
 *
 * Lists are compared pair by pair, within PAIRS_MAX; longer ones are left
 * alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/lint.h"
#include "segment/plan.h"
#include "segment/tree.h"

#define PAIRS_MAX 100000u

/* ---- lists of values ---- */

static bool is_listed(const ast_value *value, const ast_node *node)
{
    for (uint32_t i = 0; i < node->value_count; i++)
        if (value_same(value, &node->values[i]))
            return true;
    return false;
}

static bool is_too_long(const ast_node *a, const ast_node *b)
{
    return (uint64_t)a->value_count * b->value_count > PAIRS_MAX;
}

/* Are all values of a listed in b? */
static bool is_subset(const ast_node *a, const ast_node *b)
{
    if (is_too_long(a, b))
        return false;
    for (uint32_t i = 0; i < a->value_count; i++)
        if (!is_listed(&a->values[i], b))
            return false;
    return true;
}

static bool have_common(const ast_node *a, const ast_node *b)
{
    for (uint32_t i = 0; i < a->value_count; i++)
        if (is_listed(&a->values[i], b))
            return true;
    return false;
}

static bool have_nothing_common(const ast_node *a, const ast_node *b)
{
    return !is_too_long(a, b) && !have_common(a, b);
}

/* ---- windows ---- */

/* The earlier end of a date in seconds, today = 0; `end`: the later one. */
static int64_t date_seconds(const ast_date *date, bool end)
{
    const int64_t last = end ? 86399 : 0;
    switch (date->type) {
    case DATE_TIME:
        return date->time;
    case DATE_DAY:
        return (int64_t)date->day * 86400 + last;
    case DATE_TODAY:
        return (int64_t)date->offset * 86400 + last;
    }
    return 0;
}

/* Is a no earlier than b, on every day? */
static bool is_not_before(const ast_date *a, const ast_date *b)
{
    return (a->type == DATE_TODAY) == (b->type == DATE_TODAY) &&
           date_seconds(a, false) >= date_seconds(b, false);
}

static bool is_not_after(const ast_date *a, const ast_date *b)
{
    return (a->type == DATE_TODAY) == (b->type == DATE_TODAY) &&
           date_seconds(a, true) <= date_seconds(b, true);
}

/* Where a window begins; `within n days` is since today - (n - 1). */
static ast_date window_start(const ast_window *w)
{
    ast_date date = w->from;
    if (w->type == WINDOW_DAYS) {
        date.type = DATE_TODAY;
        date.offset = 1 - (int32_t)w->n;
    }
    return date;
}

static bool is_hours_inside(const ast_window *a, const ast_window *b)
{
    if (a->type == b->type)
        return a->n <= b->n;
    if (a->type == WINDOW_HOURS && b->type == WINDOW_DAYS)
        return (int64_t)a->n <= (int64_t)b->n * 24 - 23;
    return a->type == WINDOW_DAYS && b->n / 24 >= a->n;
}

/* Does a lie within b, whatever the time is? */
static bool is_window_inside(const ast_window *a, const ast_window *b)
{
    if (b->type == WINDOW_NONE)
        return true;
    if (a->type == WINDOW_NONE)
        return false;
    if (a->type == WINDOW_HOURS || b->type == WINDOW_HOURS)
        return is_hours_inside(a, b);
    const ast_date start = window_start(a);
    const ast_date other = window_start(b);
    if (!is_not_before(&start, &other))
        return false;
    if (b->type != WINDOW_BETWEEN)
        return true; /* b ends now, and nothing is later than now */
    return a->type == WINDOW_BETWEEN && is_not_after(&a->to, &b->to);
}

/* ---- numbers ---- */

typedef struct number_range {
    int64_t low;
    int64_t high;
    bool today; /* both relative to the day of now */
} number_range;

static bool value_bound(const ast_value *value, int64_t *out, bool *today)
{
    ast_date date = value->date;
    *today = false;
    if (value->type == VALUE_NUMBER) {
        *out = value->number;
        return true;
    }
    if (value->type == VALUE_STRING && !tree_parse_date(value->text, &date))
        return false;
    if (date.type == DATE_TODAY) {
        *today = true;
        *out = (int64_t)date.offset * MUSTER_NUMBER_SCALE;
    } else {
        const int64_t day =
            date.type == DATE_TIME ? clock_day_of(date.time) : date.day;
        *out = day * MUSTER_NUMBER_SCALE;
    }
    return true;
}

static bool window_range(const ast_window *w, number_range *out)
{
    const ast_value low = {.type = VALUE_DATE, .date = w->from};
    const ast_value high = {.type = VALUE_DATE, .date = w->to};
    bool today = false;
    return value_bound(&low, &out->low, &out->today) &&
           value_bound(&high, &out->high, &today) && today == out->today;
}

/* The range of a comparison that is one range. */
static bool range_of(const ast_node *node, number_range *out)
{
    int64_t v = 0;
    bool today = false;
    out->low = PLAN_NUMBER_MIN;
    out->high = PLAN_NUMBER_MAX;
    if (node->compare == COMPARE_NONE && node->window.type == WINDOW_BETWEEN)
        return window_range(&node->window, out);
    if (node->value_count == 0 ||
        !value_bound(&node->values[0], &v, &out->today))
        return false;
    switch (node->compare) {
    case COMPARE_EQ:
        out->low = out->high = v;
        return true;
    case COMPARE_LT:
        out->high = v - 1;
        return true;
    case COMPARE_LE:
        out->high = v;
        return true;
    case COMPARE_GT:
        out->low = v + 1;
        return true;
    case COMPARE_GE:
        out->low = v;
        return true;
    case COMPARE_BETWEEN:
        out->low = v;
        return value_bound(&node->values[1], &out->high, &today) &&
               today == out->today;
    default:
        return false;
    }
}

static bool ranges_of(const ast_node *a, const ast_node *b, number_range *ra,
                      number_range *rb)
{
    return range_of(a, ra) && range_of(b, rb) && ra->today == rb->today;
}

static bool number_implies(const ast_node *a, const ast_node *b)
{
    number_range ra;
    number_range rb;
    if (b->compare == COMPARE_KNOWN)
        return a->compare != COMPARE_UNKNOWN;
    return ranges_of(a, b, &ra, &rb) && ra.low >= rb.low && ra.high <= rb.high;
}

/* ---- what follows ---- */

static bool is_negative(ast_compare compare)
{
    return compare == COMPARE_NE || compare == COMPARE_NOT_IN ||
           compare == COMPARE_UNKNOWN;
}

static bool is_any(ast_compare compare)
{
    return compare == COMPARE_NONE || compare == COMPARE_KNOWN;
}

static bool is_any_of(ast_compare compare)
{
    return compare == COMPARE_EQ || compare == COMPARE_IN;
}

/* Does a text satisfy `starts with` or `contains`? */
static bool matches(muster_text text, const ast_node *node)
{
    ASSERT(node->value_count == 1);
    return node->compare == COMPARE_STARTS_WITH
               ? text_starts_with(text, node->values[0].text)
               : text_contains(text, node->values[0].text);
}

static bool all_match(const ast_node *a, const ast_node *b)
{
    for (uint32_t i = 0; i < a->value_count; i++)
        if (a->values[i].type != VALUE_STRING || !matches(a->values[i].text, b))
            return false;
    return true;
}

static bool values_imply(const ast_node *a, const ast_node *b)
{
    if (is_any(b->compare))
        return true;
    if (is_any(a->compare))
        return false;
    switch (b->compare) {
    case COMPARE_EQ:
    case COMPARE_IN:
        if (a->compare == COMPARE_HAS_ALL)
            return !is_too_long(a, b) && have_common(a, b);
        return is_any_of(a->compare) && is_subset(a, b);
    case COMPARE_HAS_ALL:
        if (a->compare == COMPARE_HAS_ALL ||
            (is_any_of(a->compare) && a->value_count == 1))
            return is_subset(b, a);
        return false;
    case COMPARE_STARTS_WITH:
        return a->compare != COMPARE_CONTAINS &&
               a->compare != COMPARE_HAS_ALL && all_match(a, b);
    case COMPARE_CONTAINS:
        return a->compare != COMPARE_HAS_ALL && all_match(a, b);
    default:
        return false;
    }
}

/* The least number of times, days or total that a condition asks for. */
static int64_t least_of(const ast_node *node)
{
    return node->measure == MEASURE_NONE || node->quantity == QUANTITY_AT_MOST
               ? 1
               : node->n;
}

static bool measure_implies(const ast_node *a, const ast_node *b)
{
    if (b->measure == MEASURE_NONE)
        return true;
    if (b->quantity != QUANTITY_AT_LEAST)
        return false;
    switch (b->measure) {
    case MEASURE_TIMES:
        if (a->measure == MEASURE_TOTAL)
            return b->n <= 1;
        return least_of(a) >= b->n;
    case MEASURE_DAYS:
        return a->measure == MEASURE_DAYS ? least_of(a) >= b->n : b->n <= 1;
    case MEASURE_TOTAL:
        return a->measure == MEASURE_TOTAL && a->quantity != QUANTITY_AT_MOST &&
               least_of(a) >= b->n;
    case MEASURE_NONE:
        break;
    }
    return false;
}

static bool is_source_inside(const ast_node *a, const ast_node *b)
{
    return b->source == SOURCE_ANY || source_same(a, b);
}

/* a and b both deny values: more denied is narrower. */
static bool denial_implies(const ast_node *a, const ast_node *b)
{
    return a->compare != COMPARE_UNKNOWN && b->compare != COMPARE_UNKNOWN &&
           source_same(a, b) && window_same(&a->window, &b->window) &&
           is_subset(b, a);
}

bool lint_implies(const ast_node *a, const ast_node *b,
                  const catalog_attribute *row)
{
    ASSERT(a->type == AST_PREDICATE && b->type == AST_PREDICATE);
    if (is_negative(a->compare) && is_negative(b->compare))
        return denial_implies(a, b);
    if (a->compare == COMPARE_UNKNOWN || is_negative(b->compare) ||
        !is_source_inside(a, b))
        return false;
    if (row != NULL && row->kind == KIND_NUMBER)
        return number_implies(a, b);
    if (!is_window_inside(&a->window, &b->window))
        return false;
    if (is_negative(a->compare)) /* but something is known */
        return is_any(b->compare) && measure_implies(a, b);
    return values_imply(a, b) && measure_implies(a, b);
}

/* ---- what excludes ---- */

size_t lint_provider_count(const ast_node *node, const lint_world *world)
{
    const size_t count = catalog_provider_count(world->names);
    const catalog_attribute *about =
        catalog_attribute_find(world->names, node->attribute);
    size_t found = 0;
    if (node->source == SOURCE_PROVIDER)
        return 1;
    for (uint32_t i = 0; i < count; i++) {
        const catalog_provider *row = catalog_provider_get(world->names, i);
        if (node->source == SOURCE_PARTY && (int)row->party != node->party)
            continue;
        found += about == NULL || world->facts == NULL ||
                 index_has_group(world->facts, about->id, i);
    }
    return found;
}

/* b denies what a says. */
static bool is_denied(const ast_node *a, const ast_node *b)
{
    if (!is_negative(b->compare) || a->compare == COMPARE_UNKNOWN ||
        !is_source_inside(a, b) || !is_window_inside(&a->window, &b->window))
        return false;
    if (b->compare == COMPARE_UNKNOWN)
        return true;
    if (is_any_of(a->compare))
        return is_subset(a, b);
    return a->compare == COMPARE_HAS_ALL && !is_too_long(a, b) &&
           have_common(a, b);
}

/* The numbers that a quantity admits, both ends included. */
static int64_t most_of(const ast_node *node)
{
    return node->quantity == QUANTITY_AT_LEAST ? INT64_MAX : node->n;
}

/* The same thing counted to two numbers that cannot meet. */
static bool counts_exclude(const ast_node *a, const ast_node *b)
{
    ast_node same = *b;
    if (a->measure == MEASURE_NONE || a->measure != b->measure)
        return false;
    same.quantity = a->quantity;
    same.n = a->n;
    return segment_same(a, &same) &&
           (least_of(a) > most_of(b) || least_of(b) > most_of(a));
}

bool lint_excludes(const ast_node *a, const ast_node *b,
                   const catalog_attribute *row, const lint_world *world)
{
    number_range ra;
    number_range rb;
    if (is_denied(a, b) || is_denied(b, a) || counts_exclude(a, b))
        return true;
    /* From several providers, two of them may differ. */
    if (row == NULL || !source_same(a, b) || lint_provider_count(a, world) > 1)
        return false;
    if (row->kind == KIND_ONE_OF)
        return is_any_of(a->compare) && is_any_of(b->compare) &&
               have_nothing_common(a, b);
    return row->kind == KIND_NUMBER && ranges_of(a, b, &ra, &rb) &&
           (ra.low > rb.high || rb.low > ra.high);
}
