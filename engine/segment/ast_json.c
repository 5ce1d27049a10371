/*
 * ast_json.c - a tree as JSON, and back.
 *
 * A node is an object of one of these forms; no other members may stand in
 * it, and none twice:
 *
 *   {"all":true}  {"none":true}
 *   {"and":[node,..]}  {"or":[node,..]}  {"not":node}
 *   {"at_least":n,"of":[node,..]}        also "at_most", "exactly"
 *   {"segment":"key"}
 *   {"split":"salt","from":0,"to":49}
 *   {"taxonomy":"node id or path"}
 *   {"attr":"name", ..}                  a condition, see below
 *   {"expr":"text"}                      any expression in text
 *
 * A condition has, each at most once and but for "attr" all optional:
 *
 *   "op" and its "value"
 *       "=" "!="                         a value
 *       "in" "not in" "has all"          [value,..]
 *       "<" "<=" ">" ">="                a number or a date
 *       "between"                        [number,number] or [date,date]
 *       "starts with" "contains"         "text"
 *       "is known" "is unknown"          no "value"
 *   one of "times", "total", "days"      {"at_least":n}, {"at_most":n} or
 *                                        {"exactly":n}; "days" is `on .. days`
 *   one of "within":"30 days"            also hours, weeks
 *          "since":date
 *          "between":[date,date]
 *   "from":"provider"                    or {"party":"first"}
 *
 * value: a string, a number, or {"date":"today + 7 days"}. date: a string
 * "2026-11-21", RFC 3339, "today" or "today - 7 days" (where a value stands,
 * the last two take the {"date":..} form, since "today" may be a text).
 *
 * Reading makes the tree the text would have made: chains flat, a chain of
 * one child is that child, "op":"between" of dates is a window. What text
 * cannot say (an attribute named `and`, numbers of 5 decimals) is refused.
 * Error messages begin with the JSON pointer of what is wrong.
 *
 * Writing uses the same forms; "expr" only where a writer, or a reader with
 * JSON_DEPTH_MAX, could not go as deep as the tree is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include "segment/ast_json.h"
#include "segment/lexer.h"
#include "segment/tree.h"

/* ---- words ---- */

const ast_json_op ast_json_ops[] = {
#define OP_ROW(name, compare, wants) {name, compare, wants},
    AST_JSON_OP_MAP(OP_ROW)
#undef OP_ROW
        {NULL, COMPARE_NONE, WANTS_NONE},
};

const char *const ast_json_quantities[] = {
    [QUANTITY_NONE] = "",
    [QUANTITY_AT_LEAST] = "at_least",
    [QUANTITY_AT_MOST] = "at_most",
    [QUANTITY_EXACTLY] = "exactly",
};

const char *const ast_json_measures[] = {
    [MEASURE_NONE] = "",
    [MEASURE_TIMES] = "times",
    [MEASURE_TOTAL] = "total",
    [MEASURE_DAYS] = "days",
};

const char *const ast_json_parties[] = {"", "first", "second", "third"};

/* ---- reading: pointers, errors ---- */

typedef struct json_path {
    const struct json_path *outer;
    const char *key; /* NULL: an element of an array */
    size_t index;
} json_path;

typedef struct json_source {
    ast_tree *tree;
    muster_error *err;
    const json_path *at;
} json_source;

static void put_pointer(const json_path *at, buffer *out)
{
    if (at == NULL)
        return;
    put_pointer(at->outer, out);
    if (at->key != NULL)
        buffer_printf(out, "/%s", at->key);
    else
        buffer_printf(out, "/%zu", at->index);
}

/* Sets the error, its message led by the pointer; false. */
__attribute__((format(printf, 4, 5))) static bool
complain(const json_source *s, const char *key, const char *word,
         const char *format, ...)
{
    char line[400];
    const json_path last = {s->at, key, 0};
    va_list args;
    buffer pointer;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buffer_init(&pointer, 16 * 1024);
    put_pointer(key != NULL ? &last : s->at, &pointer);
    if (pointer.len > 0)
        error_set(s->err, MUSTER_EEXPR, word, "%s: %s", buffer_cstr(&pointer),
                  line);
    else
        error_set(s->err, MUSTER_EEXPR, word, "%s", line);
    buffer_release(&pointer);
    return false;
}

/* An error that came from reading a text inside. */
static bool pass_on(const json_source *s, const char *key,
                    const muster_error *inner)
{
    complain(s, key, inner->word, "%s", inner->message);
    error_suggest(s->err, "%s", inner->suggestion);
    return false;
}

/* ---- reading: members ---- */

#define MEMBER_MAP(X)                                                          \
    X(ALL, "all")                                                              \
    X(NONE, "none")                                                            \
    X(AND, "and")                                                              \
    X(OR, "or")                                                                \
    X(NOT, "not")                                                              \
    X(OF, "of")                                                                \
    X(SEGMENT, "segment")                                                      \
    X(SPLIT, "split")                                                          \
    X(TAXONOMY, "taxonomy")                                                    \
    X(ATTR, "attr")                                                            \
    X(EXPR, "expr")                                                            \
    X(AT_LEAST, "at_least")                                                    \
    X(AT_MOST, "at_most")                                                      \
    X(EXACTLY, "exactly")                                                      \
    X(FROM, "from")                                                            \
    X(TO, "to")                                                                \
    X(OP, "op")                                                                \
    X(VALUE, "value")                                                          \
    X(TIMES, "times")                                                          \
    X(TOTAL, "total")                                                          \
    X(DAYS, "days")                                                            \
    X(WITHIN, "within")                                                        \
    X(SINCE, "since")                                                          \
    X(BETWEEN, "between")                                                      \
    X(DATE, "date")                                                            \
    X(PARTY, "party")

enum member {
#define MEMBER_ENUM(symbol, name) MEMBER_##symbol,
    MEMBER_MAP(MEMBER_ENUM)
#undef MEMBER_ENUM
        MEMBER_COUNT
};

static const char *const member_names[] = {
#define MEMBER_NAME(symbol, name) name,
    MEMBER_MAP(MEMBER_NAME)
#undef MEMBER_NAME
};

#define HAS(member) (1u << (member))
#define QUANTITIES                                                             \
    (HAS(MEMBER_AT_LEAST) | HAS(MEMBER_AT_MOST) | HAS(MEMBER_EXACTLY))
#define MEASURES (HAS(MEMBER_TIMES) | HAS(MEMBER_TOTAL) | HAS(MEMBER_DAYS))
#define WINDOWS (HAS(MEMBER_WITHIN) | HAS(MEMBER_SINCE) | HAS(MEMBER_BETWEEN))

typedef struct members {
    const json_value *value[MEMBER_COUNT];
    uint32_t has;
} members;

/* The first member that makes a form, and what else it may have. */
static const struct form_row {
    enum member first;
    ast_type type;
    uint32_t others;
} forms[] = {
    {MEMBER_ALL, AST_ALL, 0},
    {MEMBER_NONE, AST_NONE, 0},
    {MEMBER_AND, AST_AND, 0},
    {MEMBER_OR, AST_OR, 0},
    {MEMBER_NOT, AST_NOT, 0},
    {MEMBER_OF, AST_QUANTITY, QUANTITIES},
    {MEMBER_SEGMENT, AST_SEGMENT, 0},
    {MEMBER_SPLIT, AST_SPLIT, HAS(MEMBER_FROM) | HAS(MEMBER_TO)},
    {MEMBER_TAXONOMY, AST_TAXONOMY, 0},
    {MEMBER_ATTR, AST_PREDICATE,
     HAS(MEMBER_OP) | HAS(MEMBER_VALUE) | MEASURES | WINDOWS |
         HAS(MEMBER_FROM)},
    {MEMBER_EXPR, AST_PREDICATE, 0},
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

static bool read_members(const json_source *s, const json_value *json,
                         members *out)
{
    memset(out, 0, sizeof *out);
    if (json_typeof(json) != JSON_OBJECT)
        return complain(s, NULL, "expr_syntax", "expected an object");
    for (json_iter it = json_iter_of(json); json_next(&it);) {
        near_name near;
        near_init(&near, it.key);
        size_t i = 0;
        while (i < MEMBER_COUNT && !text_is(it.key, member_names[i]))
            near_offer(&near, text_of(member_names[i++]));
        if (i == MEMBER_COUNT) {
            complain(s, NULL, "expr_syntax", "there is no member \"%.*s\"",
                     it.key.len < 40 ? (int)it.key.len : 40, it.key.ptr);
            if (near.best.ptr != NULL)
                error_suggest(s->err, "%s", near.best.ptr);
            return false;
        }
        if (out->value[i] != NULL)
            return complain(s, member_names[i], "expr_syntax",
                            "the member stands twice");
        out->value[i] = it.value;
        out->has |= HAS(i);
    }
    return true;
}

/* Refuses members outside `allowed`. */
static bool only(const json_source *s, const members *m, uint32_t allowed,
                 const char *form)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if ((m->has & HAS(i) & ~allowed) != 0)
            return complain(s, member_names[i], "expr_syntax",
                            "does not go with \"%s\"", form);
    return true;
}

/* At most one of a group. */
static bool at_most_one(const json_source *s, uint32_t present,
                        const char *what)
{
    if ((present & (present - 1)) == 0)
        return true;
    return complain(s, NULL, "expr_syntax", "more than one %s", what);
}

static bool read_text(const json_source *s, const json_value *json,
                      const char *key, muster_text *out)
{
    if (json == NULL || json_typeof(json) != JSON_STRING)
        return complain(s, key, "expr_syntax", "expected a string");
    const muster_text text = json_string(json);
    out->ptr = arena_strndup(&s->tree->memory, text.ptr, text.len);
    out->len = text.len;
    return true;
}

static bool read_int(const json_source *s, const json_value *json,
                     const char *key, int64_t *out)
{
    if (json == NULL || json_typeof(json) != JSON_INT || json_int(json) < 0 ||
        json_int(json) >= TREE_INT_LIMIT)
        return complain(s, key, "expr_number",
                        "expected a whole number from 0 to below 2^40");
    *out = json_int(json);
    return true;
}

/* One of at_least, at_most, exactly. */
static bool read_quantity(const json_source *s, const members *m,
                          ast_node *node)
{
    static const struct {
        enum member member;
        ast_quantity quantity;
    } rows[] = {{MEMBER_AT_LEAST, QUANTITY_AT_LEAST},
                {MEMBER_AT_MOST, QUANTITY_AT_MOST},
                {MEMBER_EXACTLY, QUANTITY_EXACTLY}};
    if (!at_most_one(s, m->has & QUANTITIES, "quantity"))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_value *value = m->value[rows[i].member];
        if (value == NULL)
            continue;
        node->quantity = rows[i].quantity;
        return read_int(s, value, ast_json_quantities[node->quantity],
                        &node->n);
    }
    return complain(s, NULL, "expr_syntax",
                    "expected \"at_least\", \"at_most\" or \"exactly\"");
}

/* ---- reading: dates and values ---- */

/* Lexes a short text: `types` ended by TOKEN_END, each token of its type. */
static bool lex_form(muster_text text, const token_type *types, token *out)
{
    lexer l;
    if (text.len > MUSTER_VALUE_BYTES_MAX)
        return false;
    lexer_init(&l, text);
    for (;; types++, out++) {
        *out = lexer_next(&l);
        if (out->type != *types)
            return false;
        if (*types == TOKEN_END)
            return true;
    }
}

static bool token_int(muster_text text, token t, int64_t *out)
{
    return text_parse_int(text_make(text.ptr + t.offset, t.length), out);
}

/* "today", "today - 7 days" */
static bool parse_today(muster_text text, ast_date *out)
{
    static const token_type alone[] = {TOKEN_WORD, TOKEN_END};
    static const token_type minus[] = {TOKEN_WORD, TOKEN_MINUS, TOKEN_NUMBER,
                                       TOKEN_WORD, TOKEN_END};
    static const token_type plus[] = {TOKEN_WORD, TOKEN_PLUS, TOKEN_NUMBER,
                                      TOKEN_WORD, TOKEN_END};
    token t[5];
    int64_t n = 0;
    out->type = DATE_TODAY;
    out->offset = 0;
    if (lex_form(text, alone, t))
        return t[0].word == WORD_TODAY;
    const bool negative = lex_form(text, minus, t);
    if (!negative && !lex_form(text, plus, t))
        return false;
    if (t[0].word != WORD_TODAY || t[3].word != WORD_DAY ||
        !token_int(text, t[2], &n) || n > TREE_TODAY_OFFSET_MAX)
        return false;
    out->offset = (int32_t)(negative ? -n : n);
    return true;
}

static bool read_date(const json_source *s, const json_value *json,
                      const char *key, ast_date *out)
{
    muster_text text;
    if (!read_text(s, json, key, &text))
        return false;
    if (tree_parse_date(text, out) || parse_today(text, out))
        return true;
    return complain(s, key, "expr_date",
                    "not a date; a date is \"2026-11-21\", "
                    "\"2026-11-21T10:00:00Z\" or \"today - 7 days\"");
}

/* {"date":".."} as a value: a fixed one becomes its text. */
static bool read_date_value(const json_source *s, const json_value *json,
                            ast_value *out)
{
    members m;
    ast_date date;
    if (!read_members(s, json, &m) || !only(s, &m, HAS(MEMBER_DATE), "value"))
        return false;
    if (!read_date(s, m.value[MEMBER_DATE], "date", &date))
        return false;
    out->type = VALUE_DATE;
    out->date = date;
    if (date.type != DATE_TODAY) {
        out->type = VALUE_STRING;
        return read_text(s, m.value[MEMBER_DATE], "date", &out->text);
    }
    return true;
}

/* `key` NULL: s->at is the value itself. */
static bool read_value(json_source *s, const json_value *json, const char *key,
                       ast_value *out)
{
    const json_path here = {s->at, key, 0};
    switch (json_typeof(json)) {
    case JSON_STRING:
        out->type = VALUE_STRING;
        return read_text(s, json, key, &out->text);
    case JSON_INT:
    case JSON_NUMBER:
        out->type = VALUE_NUMBER;
        if (json_scaled(json, &out->number) == 0)
            return true;
        return complain(s, key, "expr_number",
                        "a number has at most 4 decimals and lies below "
                        "2^40");
    case JSON_OBJECT: {
        const json_path *outer = s->at;
        s->at = key != NULL ? &here : outer;
        const bool good = read_date_value(s, json, out);
        s->at = outer;
        return good;
    }
    default:
        return complain(s, key, "expr_syntax",
                        "expected a string, a number or {\"date\":..}");
    }
}

/* A number or a date: a string has to be one. */
static bool check_scalar(json_source *s, const char *key,
                         const ast_value *value)
{
    ast_date date;
    if (value->type != VALUE_STRING || tree_parse_date(value->text, &date))
        return true;
    return complain(s, key, "expr_date",
                    "expected a number or a date; a date is \"2026-11-21\" "
                    "or {\"date\":\"today - 7 days\"}");
}

/* ---- reading: conditions ---- */

static bool read_list(json_source *s, const json_value *json, ast_node *node)
{
    value_list list = {0};
    json_path path = {s->at, "value", 0};
    json_path item = {&path, NULL, 0};
    if (json_typeof(json) != JSON_ARRAY || json_count(json) == 0)
        return complain(s, "value", "expr_syntax",
                        "expected an array of values");
    s->at = &item;
    bool good = true;
    for (json_iter it = json_iter_of(json); good && json_next(&it);) {
        good = read_value(s, it.value, NULL, value_list_add(s->tree, &list));
        item.index++;
    }
    s->at = path.outer;
    node->values = list.items;
    node->value_count = list.count;
    return good;
}

static ast_date date_of(const ast_value *value)
{
    ast_date date = value->date;
    if (value->type == VALUE_STRING) {
        const bool good = tree_parse_date(value->text, &date);
        ASSERT(good);
    }
    return date;
}

/* Two numbers compare; two dates are a window. */
static bool read_range(json_source *s, const json_value *json, ast_node *node)
{
    if (!read_list(s, json, node))
        return false;
    if (node->value_count != 2)
        return complain(s, "value", "expr_syntax", "expected two values");
    const ast_value *low = &node->values[0];
    const ast_value *high = &node->values[1];
    if (!check_scalar(s, "value", low) || !check_scalar(s, "value", high))
        return false;
    if ((low->type == VALUE_NUMBER) != (high->type == VALUE_NUMBER))
        return complain(s, "value", "expr_syntax",
                        "expected two numbers or two dates");
    if (low->type == VALUE_NUMBER)
        return true;
    node->window.type = WINDOW_BETWEEN;
    node->window.from = date_of(low);
    node->window.to = date_of(high);
    node->compare = COMPARE_NONE;
    node->values = NULL;
    node->value_count = 0;
    return true;
}

static bool read_operand(json_source *s, const json_value *json,
                         const ast_json_op *op, ast_node *node)
{
    value_list list = {0};
    if (op->wants == WANTS_NONE)
        return json == NULL || complain(s, "value", "expr_syntax",
                                        "does not go with \"%s\"", op->name);
    if (json == NULL)
        return complain(s, NULL, "expr_syntax", "\"%s\" needs a \"value\"",
                        op->name);
    if (op->wants == WANTS_LIST)
        return read_list(s, json, node);
    if (op->wants == WANTS_RANGE)
        return read_range(s, json, node);
    ast_value *value = value_list_add(s->tree, &list);
    node->values = list.items;
    node->value_count = 1;
    if (!read_value(s, json, "value", value))
        return false;
    if (op->wants == WANTS_TEXT && value->type != VALUE_STRING)
        return complain(s, "value", "expr_syntax", "expected a string");
    return op->wants != WANTS_SCALAR || check_scalar(s, "value", value);
}

static bool read_compare(json_source *s, const members *m, ast_node *node)
{
    const json_value *json = m->value[MEMBER_OP];
    const json_value *value = m->value[MEMBER_VALUE];
    muster_text name;
    if (json == NULL)
        return value == NULL || complain(s, "value", "expr_syntax",
                                         "\"value\" needs an "
                                         "\"op\"");
    if (!read_text(s, json, "op", &name))
        return false;
    near_name near;
    near_init(&near, name);
    for (size_t i = 0; ast_json_ops[i].name != NULL; i++) {
        near_offer(&near, text_of(ast_json_ops[i].name));
        if (!text_is(name, ast_json_ops[i].name))
            continue;
        node->compare = ast_json_ops[i].compare;
        return read_operand(s, value, &ast_json_ops[i], node);
    }
    complain(s, "op", "expr_syntax", "there is no such operator");
    if (near.best.ptr != NULL)
        error_suggest(s->err, "%s", near.best.ptr);
    return false;
}

static bool read_measure(json_source *s, const members *m, ast_node *node)
{
    static const struct {
        enum member member;
        ast_measure measure;
    } rows[] = {{MEMBER_TIMES, MEASURE_TIMES},
                {MEMBER_TOTAL, MEASURE_TOTAL},
                {MEMBER_DAYS, MEASURE_DAYS}};
    if (!at_most_one(s, m->has & MEASURES, "of times, total, days"))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_value *json = m->value[rows[i].member];
        if (json == NULL)
            continue;
        members inner;
        const char *name = ast_json_measures[rows[i].measure];
        const json_path path = {s->at, name, 0};
        node->measure = rows[i].measure;
        s->at = &path;
        const bool good = read_members(s, json, &inner) &&
                          only(s, &inner, QUANTITIES, name) &&
                          read_quantity(s, &inner, node);
        s->at = path.outer;
        return good;
    }
    return true;
}

/* "30 days" */
static bool read_within(const json_source *s, const json_value *json,
                        ast_window *window)
{
    static const token_type form[] = {TOKEN_NUMBER, TOKEN_WORD, TOKEN_END};
    token t[3];
    muster_text text;
    int64_t n = 0;
    if (!read_text(s, json, "within", &text))
        return false;
    const bool read = lex_form(text, form, t) && token_int(text, t[0], &n);
    const keyword unit = read ? t[1].word : WORD_PLAIN;
    window->weeks = unit == WORD_WEEK;
    window->type = unit == WORD_HOUR ? WINDOW_HOURS : WINDOW_DAYS;
    if ((unit != WORD_HOUR && unit != WORD_DAY && unit != WORD_WEEK) ||
        n > INT32_MAX / 7)
        return complain(s, "within", "expr_syntax",
                        "expected a window like \"30 days\", \"12 hours\" or "
                        "\"2 weeks\"");
    window->n = (uint32_t)(window->weeks ? n * 7 : n);
    return true;
}

static bool read_between(json_source *s, const json_value *json,
                         ast_window *window)
{
    json_path path = {s->at, "between", 0};
    json_path item = {&path, NULL, 0};
    if (json_typeof(json) != JSON_ARRAY || json_count(json) != 2)
        return complain(s, "between", "expr_syntax",
                        "expected an array of two dates");
    bool good = true;
    s->at = &item;
    for (json_iter it = json_iter_of(json); good && json_next(&it);) {
        good = read_date(s, it.value, NULL,
                         item.index == 0 ? &window->from : &window->to);
        item.index++;
    }
    s->at = path.outer;
    window->type = WINDOW_BETWEEN;
    return good;
}

static bool read_window(json_source *s, const members *m, ast_node *node)
{
    const uint32_t own = node->window.type != WINDOW_NONE ? 1u << 31 : 0;
    if (!at_most_one(s, (m->has & WINDOWS) | own, "window"))
        return false;
    if (m->value[MEMBER_WITHIN] != NULL)
        return read_within(s, m->value[MEMBER_WITHIN], &node->window);
    if (m->value[MEMBER_BETWEEN] != NULL)
        return read_between(s, m->value[MEMBER_BETWEEN], &node->window);
    if (m->value[MEMBER_SINCE] == NULL)
        return true;
    node->window.type = WINDOW_SINCE;
    return read_date(s, m->value[MEMBER_SINCE], "since", &node->window.from);
}

static bool read_party(json_source *s, const json_value *json, ast_node *node)
{
    members m;
    muster_text name;
    const json_path path = {s->at, "from", 0};
    s->at = &path;
    bool good = read_members(s, json, &m) &&
                only(s, &m, HAS(MEMBER_PARTY), "from") &&
                read_text(s, m.value[MEMBER_PARTY], "party", &name);
    for (int i = 1; good && i <= 3; i++)
        if (text_is(name, ast_json_parties[i]))
            node->party = i;
    if (good && node->party == 0)
        good = complain(s, "party", "expr_syntax",
                        "expected \"first\", \"second\" or \"third\"");
    s->at = path.outer;
    node->source = SOURCE_PARTY;
    return good;
}

static bool read_source(json_source *s, const members *m, ast_node *node)
{
    const json_value *json = m->value[MEMBER_FROM];
    if (json == NULL)
        return true;
    if (json_typeof(json) == JSON_OBJECT)
        return read_party(s, json, node);
    node->source = SOURCE_PROVIDER;
    return read_text(s, json, "from", &node->provider);
}

static bool read_condition(json_source *s, const members *m, ast_node *node)
{
    if (!read_text(s, m->value[MEMBER_ATTR], "attr", &node->attribute))
        return false;
    if (!lexer_is_name(node->attribute, true) ||
        keyword_is_reserved(keyword_find(node->attribute)))
        return complain(s, "attr", "expr_syntax",
                        "not a name: names are lower-case letters, digits "
                        "and '_', in parts joined by '.', and none of and, "
                        "or, not, all, none");
    if (!read_compare(s, m, node) || !read_measure(s, m, node) ||
        !read_window(s, m, node) || !read_source(s, m, node))
        return false;
    const bool date_range =
        m->value[MEMBER_OP] != NULL && node->compare == COMPARE_NONE;
    if (date_range && node->measure != MEASURE_NONE)
        return complain(s, "op", "expr_syntax",
                        "a window beside a quantity is \"between\", not "
                        "\"op\"");
    return true;
}

/* ---- reading: the tree ---- */

static ast_node *read_node(json_source *s, const json_value *json);

static bool read_children(json_source *s, const json_value *json,
                          const char *key, node_list *list)
{
    json_path path = {s->at, key, 0};
    json_path item = {&path, NULL, 0};
    if (json_typeof(json) != JSON_ARRAY || json_count(json) == 0)
        return complain(s, key, "expr_syntax",
                        "expected an array of expressions");
    s->at = &item;
    bool good = true;
    for (json_iter it = json_iter_of(json); good && json_next(&it);) {
        ast_node *child = read_node(s, it.value);
        good = child != NULL;
        if (good)
            node_list_add(s->tree, list, child);
        item.index++;
    }
    s->at = path.outer;
    return good;
}

static ast_node *new_node(json_source *s, ast_type type)
{
    if (!tree_is_full(s->tree))
        return tree_node(s->tree, type);
    complain(s, NULL, "expr_nodes", "the expression has more than %u parts",
             MUSTER_SEGMENT_NODES_MAX);
    return NULL;
}

static ast_node *read_chain(json_source *s, const json_value *json,
                            ast_type type)
{
    node_list list = {0};
    if (!read_children(s, json, type == AST_AND ? "and" : "or", &list))
        return NULL;
    ast_node *node = tree_group(s->tree, type, &list);
    if (node == NULL)
        return new_node(s, type); /* full: sets the error */
    node->parens = true;          /* nothing to misread */
    return node;
}

static ast_node *read_part(json_source *s, const json_value *json)
{
    muster_text text;
    muster_error inner;
    if (!read_text(s, json, "expr", &text))
        return NULL;
    error_clear(&inner);
    ast_node *node = tree_parse_part(s->tree, text, &inner);
    if (node == NULL)
        pass_on(s, "expr", &inner);
    return node;
}

static bool read_true(const json_source *s, const json_value *json,
                      const char *key)
{
    if (json_typeof(json) == JSON_BOOL && json_bool(json))
        return true;
    return complain(s, key, "expr_syntax", "expected true");
}

static bool read_not(json_source *s, const json_value *json, ast_node *node)
{
    const json_path path = {s->at, "not", 0};
    s->at = &path;
    ast_node *child = read_node(s, json);
    s->at = path.outer;
    if (child == NULL)
        return false;
    node->children = arena_alloc(&s->tree->memory, sizeof child);
    node->children[0] = child;
    node->child_count = 1;
    return true;
}

static bool read_of(json_source *s, const members *m, ast_node *node)
{
    node_list list = {0};
    if (!read_quantity(s, m, node) ||
        !read_children(s, m->value[MEMBER_OF], "of", &list))
        return false;
    node->children = list.items;
    node->child_count = list.count;
    return true;
}

static bool read_split(const json_source *s, const members *m, ast_node *node)
{
    int64_t from = 0;
    int64_t to = 0;
    if (!read_text(s, m->value[MEMBER_SPLIT], "split", &node->text) ||
        !read_int(s, m->value[MEMBER_FROM], "from", &from) ||
        !read_int(s, m->value[MEMBER_TO], "to", &to))
        return false;
    if (from > INT32_MAX || to > INT32_MAX)
        return complain(s, "from", "expr_number", "a split goes from 0 to 99");
    node->split_from = (int32_t)from;
    node->split_to = (int32_t)to;
    return true;
}

static bool read_body(json_source *s, const members *m, ast_node *node)
{
    switch (node->type) {
    case AST_ALL:
        return read_true(s, m->value[MEMBER_ALL], "all");
    case AST_NONE:
        return read_true(s, m->value[MEMBER_NONE], "none");
    case AST_NOT:
        return read_not(s, m->value[MEMBER_NOT], node);
    case AST_QUANTITY:
        return read_of(s, m, node);
    case AST_SEGMENT:
        return read_text(s, m->value[MEMBER_SEGMENT], "segment", &node->text);
    case AST_TAXONOMY:
        return read_text(s, m->value[MEMBER_TAXONOMY], "taxonomy", &node->text);
    case AST_SPLIT:
        return read_split(s, m, node);
    case AST_PREDICATE:
        return read_condition(s, m, node);
    case AST_AND:
    case AST_OR:
        break;
    }
    ASSERT(!"a chain is read by read_chain");
    return false;
}

static const struct form_row *find_form(const json_source *s, const members *m)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        const struct form_row *form = &forms[i];
        if ((m->has & HAS(form->first)) == 0)
            continue;
        const bool good = only(s, m, HAS(form->first) | form->others,
                               member_names[form->first]);
        return good ? form : NULL;
    }
    complain(s, NULL, "expr_syntax",
             "expected one of \"and\", \"or\", \"not\", \"of\", \"attr\", "
             "\"segment\", \"split\", \"taxonomy\", \"all\", \"none\", "
             "\"expr\"");
    return NULL;
}

static ast_node *read_node(json_source *s, const json_value *json)
{
    members m;
    if (!read_members(s, json, &m))
        return NULL;
    const struct form_row *form = find_form(s, &m);
    if (form == NULL)
        return NULL;
    if (form->type == AST_AND || form->type == AST_OR)
        return read_chain(s, m.value[form->first], form->type);
    if (form->first == MEMBER_EXPR)
        return read_part(s, m.value[MEMBER_EXPR]);
    ast_node *node = new_node(s, form->type);
    return node != NULL && read_body(s, &m, node) ? node : NULL;
}

int segment_from_json(ast_tree **out, const json_value *json, muster_error *err)
{
    ASSERT(out != NULL && json != NULL);
    json_source s = {tree_new(text_make("", 0)), err, NULL};
    *out = NULL;
    s.tree->root = read_node(&s, json);
    if (s.tree->root == NULL || tree_check(s.tree, err) != 0) {
        segment_tree_free(s.tree);
        return MUSTER_EEXPR;
    }
    *out = s.tree;
    return 0;
}
