/*
 * naive_leaf.c - one condition of the slow twin, user by user.
 *
 * For a profile attribute the user's statements are walked in log order and
 * what each provider holds is kept in a short list. For an event they are
 * walked from the last to the first, so that a `clear` hides what lies before
 * it, and what is left is compared, counted or added up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "naive/naive_internal.h"

#define HELD_MAX 512
#define DAYS_MAX 512

/* A condition with its names looked up. */
typedef struct condition {
    const asking *a;
    const ast_node *ast;
    uint32_t attribute;
    const naive_attribute *row;
    bool source[NAIVE_PROVIDERS_MAX]; /* whose statements count */
    int64_t from; /* window: first and last bucket, both included */
    int64_t to;
} condition;

/* ---- names ---- */

static uint32_t attribute_of(const naive *n, muster_text name)
{
    for (uint32_t i = 0; i < n->attribute_count; i++)
        if (text_is(name, n->attributes[i].name))
            return i;
    ASSERT(!"an attribute that was added");
    return 0;
}

/* "only facts that provider p, or a provider of that party, said. Without
 * it, facts of every provider in scope" */
static void set_source(condition *c)
{
    const naive *n = c->a->n;
    for (uint32_t p = 0; p < n->provider_count; p++) {
        const naive_provider *row = &n->providers[p];
        c->source[p] = c->ast->source == SOURCE_ANY ||
                       (c->ast->source == SOURCE_PARTY &&
                        row->party == c->ast->party) ||
                       (c->ast->source == SOURCE_PROVIDER &&
                        text_is(c->ast->provider, row->name));
    }
}

/* ---- time ---- */

/* The day of a date; a moment is that of its UTC day. */
static int64_t day_of_date(const condition *c, const ast_date *date)
{
    if (date->type == DATE_DAY)
        return date->day;
    if (date->type == DATE_TIME)
        return clock_day_of(date->time);
    return (int64_t)clock_day_of(c->a->now) + date->offset;
}

static int64_t bucket_of_time(const condition *c, muster_time t)
{
    return c->row->hourly ? clock_hour_of(t) : clock_day_of(t);
}

/* First (or, with `last`, last) bucket of a date. */
static int64_t bucket_of_date(const condition *c, const ast_date *date,
                              bool last)
{
    if (!c->row->hourly)
        return day_of_date(c, date);
    if (date->type == DATE_TIME)
        return clock_hour_of(date->time);
    return day_of_date(c, date) * 24 + (last ? 23 : 0);
}

static void set_window(condition *c)
{
    const ast_window *w = &c->ast->window;
    const int64_t today = clock_day_of(c->a->now);
    c->from = INT64_MIN;
    c->to = INT64_MAX;
    switch (w->type) {
    case WINDOW_NONE:
        break;
    case WINDOW_HOURS:
        ASSERT(c->row->hourly);
        c->to = clock_hour_of(c->a->now);
        c->from = c->to - (int64_t)w->n + 1;
        break;
    case WINDOW_DAYS: /* "the UTC day of now and the n-1 days before it" */
        c->from = today - (int64_t)w->n + 1;
        c->to = today;
        if (c->row->hourly) {
            c->from *= 24;
            c->to = c->to * 24 + 23;
        }
        break;
    case WINDOW_SINCE:
        c->from = bucket_of_date(c, &w->from, false);
        break;
    case WINDOW_BETWEEN:
        c->from = bucket_of_date(c, &w->from, false);
        c->to = bucket_of_date(c, &w->to, true);
        break;
    }
}

/* ---- texts ---- */

static bool value_matches(const ast_value *wanted, muster_text value)
{
    ASSERT(wanted->type == VALUE_STRING);
    return text_equal(wanted->text, value);
}

/* Does one held or seen value answer the comparison's list? */
static bool text_matches(const ast_node *ast, muster_text value)
{
    if (value.ptr == NULL)
        return false;
    for (uint32_t i = 0; i < ast->value_count; i++) {
        const muster_text wanted = ast->values[i].text;
        if (ast->compare == COMPARE_STARTS_WITH) {
            if (value.len >= wanted.len &&
                memcmp(value.ptr, wanted.ptr, wanted.len) == 0)
                return true;
        } else if (ast->compare == COMPARE_CONTAINS) {
            for (size_t at = 0; at + wanted.len <= value.len; at++)
                if (memcmp(value.ptr + at, wanted.ptr, wanted.len) == 0)
                    return true;
        } else if (value_matches(&ast->values[i], value)) {
            return true;
        }
    }
    return false;
}

/* ---- profile attributes ---- */

/* What a provider holds, and until when. */
typedef struct held {
    uint32_t provider;
    muster_text value;
    int64_t number;
    muster_time until;
} held;

static bool same_value(const held *h, const naive_statement *s)
{
    return h->provider == s->provider && h->number == s->number &&
           text_equal(h->value, s->value);
}

/* Takes away what the provider of the statement holds: all, only the
 * statement's value, or all but it. */
enum what { ALL_VALUES, THIS_VALUE, OTHER_VALUES };
static size_t take_away(held *list, size_t count, const naive_statement *s,
                        enum what what)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const bool mine = list[i].provider == s->provider;
        const bool same = same_value(&list[i], s);
        const bool gone = what == ALL_VALUES   ? mine
                          : what == THIS_VALUE ? same
                                               : mine && !same;
        if (!gone)
            list[kept++] = list[i];
    }
    return kept;
}

/* "live ... as long as any saying of it since it was last replaced or taken
 * away is live": saying it again can only make it last longer. */
static size_t put_value(held *list, size_t count, const naive_statement *s)
{
    for (size_t i = 0; i < count; i++) {
        if (same_value(&list[i], s)) {
            if (s->until > list[i].until)
                list[i].until = s->until;
            return count;
        }
    }
    ASSERT(count < HELD_MAX);
    list[count] = (held){s->provider, s->value, s->number, s->until};
    return count + 1;
}

static size_t apply(held *list, size_t count, const naive_statement *s)
{
    switch (s->op) {
    case NAIVE_CLEAR:
        return take_away(list, count, s, ALL_VALUES);
    case NAIVE_TAKE:
        return take_away(list, count, s, THIS_VALUE);
    case NAIVE_SAY: /* another value is replaced, expired or not */
        count = take_away(list, count, s, OTHER_VALUES);
        return put_value(list, count, s);
    case NAIVE_ADD:
        return put_value(list, count, s);
    default:
        ASSERT(!"a statement about a profile");
        return count;
    }
}

/* Everything live that the providers of the source hold. */
static size_t live_values(const condition *c, uint32_t user, held *list)
{
    const naive *n = c->a->n;
    size_t count = 0;
    size_t live = 0;
    for (size_t i = n->first[user]; i < n->first[user + 1]; i++) {
        const naive_statement *s = &n->order[i];
        if (s->attribute == c->attribute && c->source[s->provider])
            count = apply(list, count, s);
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].until >= c->a->now)
            list[live++] = list[i];
    return live;
}

/* A number as the expression writes it, x 10^4; for a number of unit date
 * the day. */
static int64_t number_of(const condition *c, const ast_value *value)
{
    ast_date date;
    if (value->type == VALUE_NUMBER)
        return value->number;
    ASSERT(c->row->dates);
    if (value->type == VALUE_DATE)
        return day_of_date(c, &value->date) * 10000;
    if (clock_parse_date(value->text, &date.day))
        return (int64_t)date.day * 10000;
    const bool moment = clock_parse_time(value->text, &date.time);
    ASSERT(moment);
    return (int64_t)clock_day_of(date.time) * 10000;
}

static bool number_matches(const condition *c, int64_t x)
{
    const ast_node *ast = c->ast;
    if (ast->compare == COMPARE_NONE) { /* between two dates */
        ASSERT(c->row->dates && ast->window.type == WINDOW_BETWEEN);
        return x >= day_of_date(c, &ast->window.from) * 10000 &&
               x <= day_of_date(c, &ast->window.to) * 10000;
    }
    const int64_t v = number_of(c, &ast->values[0]);
    switch (ast->compare) {
    case COMPARE_LT:
        return x < v;
    case COMPARE_LE:
        return x <= v;
    case COMPARE_GT:
        return x > v;
    case COMPARE_GE:
        return x >= v;
    case COMPARE_BETWEEN:
        return x >= v && x <= number_of(c, &ast->values[1]);
    default:
        for (uint32_t i = 0; i < ast->value_count; i++)
            if (x == number_of(c, &ast->values[i]))
                return true;
        return false;
    }
}

static bool profile_matches(const condition *c, const held *h)
{
    if (c->row->kind == NAIVE_FLAG)
        return true;
    if (c->row->kind == NAIVE_NUMBER)
        return number_matches(c, h->number);
    return text_matches(c->ast, h->value);
}

/* "each is held" */
static bool holds_all(const ast_node *ast, const held *list, size_t count)
{
    for (uint32_t v = 0; v < ast->value_count; v++) {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found |= value_matches(&ast->values[v], list[i].value);
        if (!found)
            return false;
    }
    return true;
}

static bool profile_holds(const condition *c, uint32_t user)
{
    held list[HELD_MAX];
    const size_t count = live_values(c, user, list);
    size_t matching = 0;
    switch (c->ast->compare) {
    case COMPARE_KNOWN:
        return count > 0;
    case COMPARE_UNKNOWN:
        return count == 0;
    case COMPARE_HAS_ALL:
        return holds_all(c->ast, list, count);
    default:
        break;
    }
    for (size_t i = 0; i < count; i++)
        matching += profile_matches(c, &list[i]);
    /* "the attribute is known and no held value equals v" */
    if (c->ast->compare == COMPARE_NE || c->ast->compare == COMPARE_NOT_IN)
        return count > 0 && matching == 0;
    return matching > 0;
}

/* ---- events ---- */

/* What the live events of the window come to. */
typedef struct seen {
    uint64_t events;    /* any */
    uint64_t matching;  /* of the listed values */
    uint64_t count;     /* of matching ones */
    int64_t amount;
    int64_t days[DAYS_MAX];
    size_t day_count;
    uint64_t found;     /* bit i: the i-th listed value was seen */
} seen;

/* "An event is live when its bucket is not after the bucket of now and
 * within the attribute's retention" */
static bool event_is_live(const condition *c, const naive_statement *s)
{
    return bucket_of_time(c, s->ts) <= bucket_of_time(c, c->a->now) &&
           s->until >= c->a->now;
}

static void note_day(seen *t, int64_t day)
{
    for (size_t i = 0; i < t->day_count; i++)
        if (t->days[i] == day)
            return;
    ASSERT(t->day_count < DAYS_MAX);
    t->days[t->day_count++] = day;
}

static void note_event(const condition *c, const naive_statement *s, seen *t)
{
    const ast_node *ast = c->ast;
    const int64_t bucket = bucket_of_time(c, s->ts);
    if (!event_is_live(c, s) || bucket < c->from || bucket > c->to)
        return;
    t->events++;
    for (uint32_t v = 0; v < ast->value_count && s->value.ptr != NULL; v++)
        if (ast->compare == COMPARE_HAS_ALL &&
            value_matches(&ast->values[v], s->value))
            t->found |= UINT64_C(1) << v;
    if (ast->value_count > 0 && !text_matches(ast, s->value))
        return;
    t->matching++;
    t->count += s->count;
    t->amount += s->amount;
    note_day(t, clock_day_of(s->ts));
}

static void walk_events(const condition *c, uint32_t user, seen *t)
{
    const naive *n = c->a->n;
    bool cleared[NAIVE_PROVIDERS_MAX] = {false};
    for (size_t i = n->first[user + 1]; i > n->first[user]; i--) {
        const naive_statement *s = &n->order[i - 1];
        if (s->attribute != c->attribute || !c->source[s->provider])
            continue;
        if (s->op == NAIVE_CLEAR)
            cleared[s->provider] = true;
        else if (!cleared[s->provider])
            note_event(c, s, t);
    }
}

/* "at most: between 1 and n" */
static bool quantity_holds(const ast_node *ast, int64_t n, bool any,
                           int64_t measured)
{
    switch (ast->quantity) {
    case QUANTITY_AT_LEAST:
        return measured >= n;
    case QUANTITY_AT_MOST:
        return any && measured <= n;
    case QUANTITY_EXACTLY:
        return any && measured == n;
    default:
        ASSERT(!"a quantity");
        return false;
    }
}

static bool measure_holds(const condition *c, const seen *t)
{
    const ast_node *ast = c->ast;
    const bool any = t->matching > 0;
    const int64_t top = MUSTER_TOTAL_MAX * MUSTER_NUMBER_SCALE;
    switch (ast->measure) {
    case MEASURE_TIMES: /* "counts saturate at the attribute's cap" */
        return quantity_holds(ast, ast->n, any,
                              t->count < c->row->cap ? (int64_t)t->count
                                                     : (int64_t)c->row->cap);
    case MEASURE_TOTAL:
        return quantity_holds(ast, ast->n * MUSTER_NUMBER_SCALE, any,
                              t->amount < top ? t->amount : top);
    case MEASURE_DAYS:
        return quantity_holds(ast, ast->n, any, (int64_t)t->day_count);
    default:
        ASSERT(!"a measure");
        return false;
    }
}

static bool event_holds(const condition *c, uint32_t user)
{
    const ast_node *ast = c->ast;
    seen t;
    t.events = t.matching = t.count = t.found = 0;
    t.amount = 0;
    t.day_count = 0;
    walk_events(c, user, &t);
    if (ast->measure != MEASURE_NONE)
        return measure_holds(c, &t);
    switch (ast->compare) {
    case COMPARE_NONE:
    case COMPARE_KNOWN:
        return t.events > 0;
    case COMPARE_UNKNOWN:
        return t.events == 0;
    case COMPARE_NE:
    case COMPARE_NOT_IN:
        return t.events > 0 && t.matching == 0;
    case COMPARE_HAS_ALL:
        ASSERT(ast->value_count < 64);
        return t.found == (UINT64_C(1) << ast->value_count) - 1;
    default:
        return t.matching > 0;
    }
}

/* ---- the leaf ---- */

void naive_eval_leaf(const asking *a, const ast_node *node, bool *in)
{
    condition c = {.a = a, .ast = node};
    c.attribute = attribute_of(a->n, node->attribute);
    c.row = &a->n->attributes[c.attribute];
    set_source(&c);
    if (c.row->kind == NAIVE_EVENT)
        set_window(&c);
    for (uint32_t i = 0; i < a->count; i++) {
        const uint32_t user = a->first + i;
        /* Nobody outside the universe is in any answer. */
        in[i] = naive_in_universe(a->n, user, a->now) &&
                (c.row->kind == NAIVE_EVENT ? event_holds(&c, user)
                                            : profile_holds(&c, user));
    }
}
