/*
 * bind_predicate.c - one attribute's condition: does this kind of attribute
 * have it, and which plan nodes say it.
 *
 * The table of kinds says which comparisons each has; the rest follows from
 * three rules: (1) windows and quantities belong to events; (2) a quantity
 * goes with a bare event, with `=` and with `in`; (3) a limit that a stored
 * count cannot answer (the cap, the retention) is an error that names it.
 *
 * `!=` and `not in` are what is known and not held; see plan.h for how each
 * form becomes nodes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/bind.h"

#define BIT(compare) (1u << (compare))
#define TEXT_COMPARES                                                          \
    (BIT(COMPARE_EQ) | BIT(COMPARE_NE) | BIT(COMPARE_IN) |                     \
     BIT(COMPARE_NOT_IN) | BIT(COMPARE_STARTS_WITH) | BIT(COMPARE_CONTAINS) |  \
     BIT(COMPARE_KNOWN) | BIT(COMPARE_UNKNOWN))

static const struct kind_row {
    const char *what;     /* with its article */
    const char *possible; /* for people */
    uint32_t compares;
} kinds[] = {
    [KIND_FLAG] = {"a flag", "its name alone, is known, is unknown",
                   BIT(COMPARE_NONE) | BIT(COMPARE_KNOWN) |
                       BIT(COMPARE_UNKNOWN)},
    [KIND_ONE_OF] = {"a one_of attribute",
                     "=, !=, in, not in, starts with, contains, is known, "
                     "is unknown",
                     TEXT_COMPARES},
    [KIND_MANY_OF] = {"a many_of attribute",
                      "=, !=, in, not in, has all, starts with, contains, "
                      "is known, is unknown",
                      TEXT_COMPARES | BIT(COMPARE_HAS_ALL)},
    [KIND_NUMBER] = {"a number",
                     "=, !=, in, not in, <, <=, >, >=, between, is known, "
                     "is unknown",
                     BIT(COMPARE_EQ) | BIT(COMPARE_NE) | BIT(COMPARE_IN) |
                         BIT(COMPARE_NOT_IN) | BIT(COMPARE_LT) |
                         BIT(COMPARE_LE) | BIT(COMPARE_GT) | BIT(COMPARE_GE) |
                         BIT(COMPARE_BETWEEN) | BIT(COMPARE_KNOWN) |
                         BIT(COMPARE_UNKNOWN)},
    [KIND_EVENT] = {"an event",
                    "its name alone, =, !=, in, not in, has all, starts "
                    "with, contains, is known, is unknown, and windows; "
                    "quantities after its name, = and in",
                    BIT(COMPARE_NONE) | TEXT_COMPARES | BIT(COMPARE_HAS_ALL)},
};

static const char *const compare_names[] = {
    [COMPARE_NONE] = "its name alone",
    [COMPARE_EQ] = "'='",
    [COMPARE_NE] = "'!='",
    [COMPARE_IN] = "'in'",
    [COMPARE_NOT_IN] = "'not in'",
    [COMPARE_LT] = "'<'",
    [COMPARE_LE] = "'<='",
    [COMPARE_GT] = "'>'",
    [COMPARE_GE] = "'>='",
    [COMPARE_BETWEEN] = "'between' two values",
    [COMPARE_HAS_ALL] = "'has all'",
    [COMPARE_KNOWN] = "'is known'",
    [COMPARE_UNKNOWN] = "'is unknown'",
    [COMPARE_STARTS_WITH] = "'starts with'",
    [COMPARE_CONTAINS] = "'contains'",
};

/* One condition on its way to nodes. */
typedef struct condition {
    const ast_node *ast;
    const catalog_attribute *attribute;
    const uint32_t *providers;
    uint32_t provider_count;
    ast_window window; /* events: as the plan keeps it */
} condition;

static void *fail_at(binder *b, ast_place place, const char *word,
                     const char *text)
{
    return bind_fail(b, place.offset, place.length, word, "%s", text);
}

static ast_place whole_place(const condition *c)
{
    const ast_place place = {c->ast->offset, c->ast->length};
    return place;
}

/* ---- names ---- */

static const catalog_attribute *find_attribute(binder *b, const ast_node *ast)
{
    const catalog *names = b->with->names;
    const catalog_attribute *row =
        catalog_attribute_find(names, ast->attribute);
    if (row != NULL)
        return row;
    near_name near;
    near_init(&near, ast->attribute);
    const size_t count = catalog_attribute_count(names);
    for (size_t i = 0; i < count; i++)
        near_offer(&near, text_of(catalog_attribute_at(names, i)->name));
    bind_fail(b, ast->attribute_offset, (uint32_t)ast->attribute.len,
              "unknown_attribute", "there is no attribute '%.*s'",
              (int)ast->attribute.len, ast->attribute.ptr);
    if (near.best.ptr != NULL && b->outermost == NULL)
        error_suggest(b->err, "%.*s", (int)near.best.len, near.best.ptr);
    return NULL;
}

static uint32_t source_length(const ast_node *ast)
{
    return ast->length == 0 ? 0
                            : ast->offset + ast->length - ast->source_offset;
}

static bool fail_provider(binder *b, const ast_node *ast)
{
    const catalog *names = b->with->names;
    near_name near;
    near_init(&near, ast->provider);
    for (uint32_t i = 0; i < b->plan->universe_count; i++) {
        const catalog_provider *row =
            catalog_provider_get(names, b->plan->universe[i]);
        near_offer(&near, text_of(row->name));
    }
    bind_fail(b, ast->source_offset, source_length(ast), "unknown_provider",
              "there is no provider \"%.*s\"", (int)ast->provider.len,
              ast->provider.ptr);
    if (near.best.ptr == NULL || b->outermost != NULL)
        return false;
    const ast_value best = {.type = VALUE_STRING, .text = near.best};
    buffer quoted;
    buffer_init(&quoted, 2 * MUSTER_NAME_BYTES_MAX);
    value_format(&best, &quoted);
    if (catalog_is_attribute_name(near.best) &&
        !text_contains(near.best, text_of(".")))
        error_suggest(b->err, "%.*s", (int)near.best.len, near.best.ptr);
    else
        error_suggest(b->err, "%s", buffer_cstr(&quoted));
    buffer_release(&quoted);
    return false;
}

/* Whose facts count: all in scope, one provider's, or one party's. */
static bool set_providers(binder *b, condition *c)
{
    const ast_node *ast = c->ast;
    const plan *p = b->plan;
    c->providers = p->universe;
    c->provider_count = p->universe_count;
    if (ast->source == SOURCE_ANY)
        return true;
    uint32_t *ids =
        arena_alloc(&b->plan->memory, (p->universe_count + 1) * sizeof *ids);
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->universe_count; i++) {
        const catalog_provider *row =
            catalog_provider_get(b->with->names, p->universe[i]);
        ASSERT(row != NULL);
        if (ast->source == SOURCE_PARTY
                ? (int)row->party == ast->party
                : text_equal(text_of(row->name), ast->provider))
            ids[count++] = row->id;
    }
    c->providers = ids;
    c->provider_count = count;
    if (count > 0)
        return true;
    if (ast->source == SOURCE_PROVIDER)
        return fail_provider(b, ast);
    bind_warn(b, ast->source_offset, source_length(ast), "no_provider",
              "no provider is of the %s party",
              catalog_party_name((catalog_party)ast->party));
    return true;
}

/* ---- what is possible ---- */

/* `between` of dates after a number of unit date was kept as a window. */
static bool is_date_range(const condition *c)
{
    return c->attribute->kind == KIND_NUMBER && c->attribute->unit_date &&
           c->ast->window.type == WINDOW_BETWEEN &&
           c->ast->compare == COMPARE_NONE && c->ast->measure == MEASURE_NONE;
}

static bool fail_compare(binder *b, const condition *c)
{
    const struct kind_row *row = &kinds[c->attribute->kind];
    const ast_compare compare = c->ast->compare;
    bind_fail(b, c->ast->offset, c->ast->length, "bad_combination",
              "'%s' is %s, which does not take %s; possible are: %s",
              c->attribute->name, row->what, compare_names[compare],
              row->possible);
    if (b->outermost != NULL)
        return false;
    if (compare == COMPARE_NONE)
        error_suggest(b->err, "%s is known", c->attribute->name);
    else if (c->attribute->kind == KIND_FLAG)
        error_suggest(
            b->err, "%s%s",
            compare == COMPARE_NE || compare == COMPARE_NOT_IN ? "not " : "",
            c->attribute->name);
    return false;
}

static bool check_compare(binder *b, const condition *c)
{
    const catalog_attribute *a = c->attribute;
    const ast_place place = c->ast->window_place;
    ASSERT(a->kind >= KIND_FLAG && a->kind <= KIND_EVENT);
    if (is_date_range(c))
        return true;
    if (a->kind != KIND_EVENT && c->ast->measure != MEASURE_NONE)
        return bind_fail(b, c->ast->measure_place.offset,
                         c->ast->measure_place.length, "bad_combination",
                         "quantities belong to events; '%s' is %s; possible "
                         "are: %s",
                         a->name, kinds[a->kind].what,
                         kinds[a->kind].possible) != NULL;
    if (a->kind == KIND_NUMBER && c->ast->compare == COMPARE_NONE &&
        c->ast->window.type == WINDOW_BETWEEN)
        return bind_fail(b, place.offset, place.length, "bad_value",
                         "'%s' compares with numbers, not with dates (its "
                         "unit is not declared as date)",
                         a->name) != NULL;
    if (a->kind != KIND_EVENT && c->ast->window.type != WINDOW_NONE)
        return bind_fail(b, place.offset, place.length, "bad_combination",
                         "windows belong to events; '%s' is %s; possible "
                         "are: %s",
                         a->name, kinds[a->kind].what,
                         kinds[a->kind].possible) != NULL;
    if ((kinds[a->kind].compares & BIT(c->ast->compare)) == 0)
        return fail_compare(b, c);
    return true;
}

/* ---- windows ---- */

/* The bucket of a date for the attribute's grain: days or hours. `end`: the
 * last one of it. */
static int64_t bucket_of(const ast_date *date, catalog_grain grain, bool end)
{
    if (grain == GRAIN_DAY)
        return date->type == DATE_TIME ? clock_day_of(date->time) : date->day;
    if (date->type == DATE_TIME)
        return clock_hour_of(date->time);
    return (int64_t)date->day * 24 + (end ? 23 : 0);
}

static bool is_backwards(const ast_window *w, catalog_grain grain)
{
    if (w->from.type == DATE_TODAY && w->to.type == DATE_TODAY)
        return w->from.offset > w->to.offset;
    if (w->from.type == DATE_TODAY || w->to.type == DATE_TODAY)
        return false; /* depends on now */
    return bucket_of(&w->from, grain, false) > bucket_of(&w->to, grain, true);
}

/* A moment at a day-grain attribute means its day. */
static void round_to_day(ast_date *date)
{
    if (date->type != DATE_TIME)
        return;
    date->type = DATE_DAY;
    date->day = clock_day_of(date->time);
}

/* Sets c->window: checked, and never longer than what is kept. */
static bool set_window(binder *b, condition *c)
{
    const catalog_attribute *a = c->attribute;
    const ast_place place = c->ast->window_place;
    ast_window *w = &c->window;
    *w = c->ast->window;
    if (w->type == WINDOW_HOURS && a->grain != GRAIN_HOUR) {
        bind_fail(b, place.offset, place.length, "bad_window",
                  "'%s' is kept by day (its grain), so its windows are in "
                  "days or weeks",
                  a->name);
        return false;
    }
    if ((w->type == WINDOW_HOURS || w->type == WINDOW_DAYS) && w->n == 0)
        return fail_at(b, place, "bad_window",
                       "a window of 0 is empty; 'within 1 day' is today") !=
               NULL;
    if (w->type == WINDOW_BETWEEN && is_backwards(w, a->grain))
        return fail_at(b, place, "bad_window",
                       "the window ends before it begins") != NULL;
    const uint32_t kept =
        w->type == WINDOW_HOURS ? a->retention_days * 24 : a->retention_days;
    if ((w->type == WINDOW_HOURS || w->type == WINDOW_DAYS) && w->n > kept) {
        w->n = kept;
        w->weeks = false;
    }
    if (a->grain == GRAIN_DAY) {
        round_to_day(&w->from);
        round_to_day(&w->to);
    }
    return true;
}

/* ---- quantities ---- */

static int64_t quantity_cap(const condition *c)
{
    switch (c->ast->measure) {
    case MEASURE_TIMES:
        return c->attribute->cap;
    case MEASURE_TOTAL:
        return MUSTER_TOTAL_MAX;
    case MEASURE_DAYS:
        return c->attribute->retention_days;
    case MEASURE_NONE:
        break;
    }
    ASSERT(c->ast->measure != MEASURE_NONE);
    return 0;
}

/* The condition without its quantity, after `prefix`. */
static void suggest_bare(binder *b, const condition *c, const char *prefix)
{
    ast_node bare = *c->ast;
    buffer text;
    if (b->outermost != NULL || b->err == NULL)
        return;
    bare.measure = MEASURE_NONE;
    bare.quantity = QUANTITY_NONE;
    buffer_init(&text, sizeof b->err->suggestion);
    segment_format(&bare, &text);
    if (buffer_ok(&text))
        error_suggest(b->err, "%s%s", prefix, buffer_cstr(&text));
    buffer_release(&text);
}

static bool fail_zero(binder *b, const condition *c)
{
    if (c->ast->quantity == QUANTITY_AT_LEAST) {
        fail_at(b, c->ast->measure_place, "at_least_zero",
                "'at least 0' is always true; leave the condition out, or "
                "ask for at least 1");
        return false;
    }
    const bool most = c->ast->quantity == QUANTITY_AT_MOST;
    fail_at(b, whole_place(c), most ? "at_most_zero" : "exactly_zero",
            most ? "'at most 0' would be nobody, as a quantity counts from 1; "
                   "who did not is written with 'not'"
                 : "'exactly 0' would be nobody, as a quantity counts from "
                   "1; who did not is written with 'not'");
    suggest_bare(b, c, "not ");
    return false;
}

static bool fail_cap(binder *b, const condition *c, int64_t cap)
{
    const ast_node *ast = c->ast;
    const char *name = c->attribute->name;
    const long long limit = (long long)cap;
    const ast_place at = ast->measure_place;
    if (ast->measure == MEASURE_DAYS)
        bind_fail(b, at.offset, at.length, "above_retention",
                  "'%s' is kept for %lld days, so no more can be asked for",
                  name, limit);
    else if (ast->quantity == QUANTITY_AT_LEAST)
        bind_fail(b, at.offset, at.length, "above_cap",
                  "%s of '%s' are counted up to %lld (its cap), so no more "
                  "can be asked for",
                  ast->measure == MEASURE_TIMES ? "times" : "totals", name,
                  limit);
    else
        bind_fail(b, at.offset, at.length, "above_cap",
                  "%s of '%s' are counted up to %lld (its cap), which means "
                  "that many or more: '%s' takes less than it",
                  ast->measure == MEASURE_TIMES ? "times" : "totals", name,
                  limit,
                  ast->quantity == QUANTITY_AT_MOST ? "at most" : "exactly");
    return false;
}

static bool check_quantity(binder *b, const condition *c)
{
    const ast_node *ast = c->ast;
    if (ast->measure == MEASURE_NONE)
        return true;
    ASSERT(ast->quantity != QUANTITY_NONE && ast->n >= 0);
    if (ast->compare != COMPARE_NONE && ast->compare != COMPARE_EQ &&
        ast->compare != COMPARE_IN) {
        bind_fail(b, ast->measure_place.offset, ast->measure_place.length,
                  "bad_combination",
                  "%s takes no quantity; quantities go with the event's name "
                  "alone, with '=' and with 'in'",
                  compare_names[ast->compare]);
        return false;
    }
    if (ast->measure == MEASURE_TOTAL && !c->attribute->amount) {
        bind_fail(b, ast->measure_place.offset, ast->measure_place.length,
                  "bad_combination",
                  "'%s' carries no amounts (it is not declared with "
                  "\"amount\"), so it has no total; 'times' counts",
                  c->attribute->name);
        return false;
    }
    if (ast->n == 0)
        return fail_zero(b, c);
    const int64_t cap = quantity_cap(c);
    const bool above =
        ast->measure == MEASURE_DAYS || ast->quantity == QUANTITY_AT_LEAST
            ? ast->n > cap
            : ast->n >= cap;
    return above ? fail_cap(b, c, cap) : true;
}

/* ---- nodes ---- */

static plan_node *new_leaf(binder *b, const condition *c, plan_type type)
{
    plan_node *node = bind_node(b, type, c->ast);
    if (node == NULL)
        return NULL;
    node->attribute = c->attribute->id;
    node->kind = c->attribute->kind;
    node->grain = c->attribute->grain;
    node->cap = c->attribute->cap;
    node->retention_days = c->attribute->retention_days;
    node->providers = c->providers;
    node->provider_count = c->provider_count;
    node->window = c->window;
    return node;
}

/* Anything known of the attribute: for an event, anything seen. */
static plan_node *known_leaf(binder *b, const condition *c)
{
    const bool event = c->attribute->kind == KIND_EVENT;
    plan_node *node = new_leaf(b, c, event ? PLAN_SEEN : PLAN_KNOWN);
    if (node != NULL)
        node->any_value = true;
    return node;
}

/* HELD or SEEN of values. */
static plan_node *values_leaf(binder *b, const condition *c,
                              const uint32_t *values, uint32_t count)
{
    const bool event = c->attribute->kind == KIND_EVENT;
    plan_node *node = new_leaf(b, c, event ? PLAN_SEEN : PLAN_HELD);
    if (node == NULL)
        return NULL;
    node->values = values;
    node->value_count = count;
    return node;
}

static plan_node *held_any(binder *b, const condition *c)
{
    const uint32_t *values = NULL;
    uint32_t count = 0;
    if (!bind_values(b, c->ast, c->attribute, &values, &count))
        return NULL;
    return values_leaf(b, c, values, count);
}

static plan_node *held_all(binder *b, const condition *c)
{
    const ast_node *ast = c->ast;
    plan_node **children =
        arena_zalloc(&b->plan->memory, ast->value_count * sizeof(plan_node *));
    for (uint32_t i = 0; i < ast->value_count; i++) {
        const uint32_t *values = NULL;
        uint32_t count = 0;
        if (!bind_value(b, ast, c->attribute, &ast->values[i], &values, &count))
            return NULL;
        children[i] = values_leaf(b, c, values, count);
        if (children[i] == NULL)
            return NULL;
    }
    if (ast->value_count == 1)
        return children[0];
    return bind_group(b, PLAN_AND, ast, children, ast->value_count);
}

static plan_node *matching(binder *b, const condition *c)
{
    const uint32_t *values = NULL;
    uint32_t count = 0;
    if (!bind_matches(b, c->ast, c->attribute, &values, &count))
        return NULL;
    return values_leaf(b, c, values, count);
}

static plan_node *counted(binder *b, const condition *c)
{
    static const plan_type types[] = {[MEASURE_TIMES] = PLAN_COUNT,
                                      [MEASURE_TOTAL] = PLAN_TOTAL,
                                      [MEASURE_DAYS] = PLAN_DAYS};
    const uint32_t *values = NULL;
    uint32_t count = 0;
    const bool any = c->ast->compare == COMPARE_NONE;
    if (!any && !bind_values(b, c->ast, c->attribute, &values, &count))
        return NULL;
    plan_node *node = new_leaf(b, c, types[c->ast->measure]);
    if (node == NULL)
        return NULL;
    node->any_value = any;
    node->values = values;
    node->value_count = count;
    node->quantity = c->ast->quantity;
    node->n = c->ast->n;
    return node;
}

/* ---- numbers ---- */

static plan_node *range_leaf(binder *b, const condition *c,
                             const bind_bound *low, const bind_bound *high)
{
    plan_node *node = new_leaf(b, c, PLAN_NUMBER);
    if (node == NULL)
        return NULL;
    node->low = low != NULL ? low->number : PLAN_NUMBER_MIN;
    node->low_today = low != NULL && low->today;
    node->high = high != NULL ? high->number : PLAN_NUMBER_MAX;
    node->high_today = high != NULL && high->today;
    return node;
}

static plan_node *number_between(binder *b, const condition *c,
                                 const bind_bound *low, const bind_bound *high)
{
    if (low->today == high->today && low->number > high->number)
        return fail_at(b,
                       c->ast->compare == COMPARE_NONE ? c->ast->window_place
                                                       : c->ast->compare_place,
                       "bad_range",
                       "the range ends before it begins; the smaller end "
                       "stands first");
    return range_leaf(b, c, low, high);
}

/* Equal to any of the listed numbers. */
static plan_node *number_any(binder *b, const condition *c)
{
    const ast_node *ast = c->ast;
    plan_node **children =
        arena_zalloc(&b->plan->memory, ast->value_count * sizeof(plan_node *));
    for (uint32_t i = 0; i < ast->value_count; i++) {
        bind_bound v;
        if (!bind_number(b, ast, c->attribute, &ast->values[i], &v))
            return NULL;
        children[i] = range_leaf(b, c, &v, &v);
        if (children[i] == NULL)
            return NULL;
    }
    if (ast->value_count == 1)
        return children[0];
    return bind_group(b, PLAN_OR, ast, children, ast->value_count);
}

static plan_node *bind_number_kind(binder *b, const condition *c)
{
    const ast_node *ast = c->ast;
    bind_bound v = {0, false};
    bind_bound w = {0, false};
    if (is_date_range(c)) {
        v = bind_date(&ast->window.from);
        w = bind_date(&ast->window.to);
        return number_between(b, c, &v, &w);
    }
    if (ast->compare == COMPARE_EQ || ast->compare == COMPARE_IN)
        return number_any(b, c);
    if (ast->compare == COMPARE_NE || ast->compare == COMPARE_NOT_IN)
        return bind_both(b, ast, known_leaf(b, c),
                         bind_not(b, ast, number_any(b, c)));
    ASSERT(ast->value_count >= 1);
    if (!bind_number(b, ast, c->attribute, &ast->values[0], &v))
        return NULL;
    switch (ast->compare) {
    case COMPARE_LT:
        v.number--; /* numbers are whole multiples of 1 / 10^4 */
        return range_leaf(b, c, NULL, &v);
    case COMPARE_LE:
        return range_leaf(b, c, NULL, &v);
    case COMPARE_GT:
        v.number++;
        return range_leaf(b, c, &v, NULL);
    case COMPARE_GE:
        return range_leaf(b, c, &v, NULL);
    case COMPARE_BETWEEN:
        ASSERT(ast->value_count == 2);
        if (!bind_number(b, ast, c->attribute, &ast->values[1], &w))
            return NULL;
        return number_between(b, c, &v, &w);
    default:
        ASSERT(!"a comparison of numbers");
        return NULL;
    }
}

/* ---- the condition ---- */

static plan_node *bind_flag(binder *b, const condition *c)
{
    plan_node *node = new_leaf(b, c, PLAN_HELD);
    if (node != NULL)
        node->any_value = true;
    return node;
}

static plan_node *bind_texts(binder *b, const condition *c)
{
    const ast_node *ast = c->ast;
    switch (ast->compare) {
    case COMPARE_NONE:
        ASSERT(c->attribute->kind == KIND_EVENT);
        return known_leaf(b, c);
    case COMPARE_EQ:
    case COMPARE_IN:
        return held_any(b, c);
    case COMPARE_NE:
    case COMPARE_NOT_IN:
        return bind_both(b, ast, known_leaf(b, c),
                         bind_not(b, ast, held_any(b, c)));
    case COMPARE_HAS_ALL:
        return held_all(b, c);
    case COMPARE_STARTS_WITH:
    case COMPARE_CONTAINS:
        return matching(b, c);
    default:
        ASSERT(!"a comparison of texts");
        return NULL;
    }
}

plan_node *bind_predicate(binder *b, const ast_node *ast)
{
    condition c = {.ast = ast, .attribute = find_attribute(b, ast)};
    if (c.attribute == NULL || !set_providers(b, &c) || !check_compare(b, &c))
        return NULL;
    const attribute_kind kind = c.attribute->kind;
    if (kind == KIND_EVENT && (!check_quantity(b, &c) || !set_window(b, &c)))
        return NULL;
    if (ast->compare == COMPARE_KNOWN)
        return known_leaf(b, &c);
    if (ast->compare == COMPARE_UNKNOWN)
        return bind_not(b, ast, known_leaf(b, &c));
    if (kind == KIND_FLAG)
        return bind_flag(b, &c);
    if (kind == KIND_NUMBER)
        return bind_number_kind(b, &c);
    if (ast->measure != MEASURE_NONE)
        return counted(b, &c);
    return bind_texts(b, &c);
}
