/*
 * format.c - a tree as canonical text, and the caret under a text's error.
 *
 * Canonical text is one line: lower-case keywords, one blank between words,
 * the singular after 1, dates as "2026-11-21" or "2026-11-20T10:00:00Z",
 * numbers in their shortest form, strings with only the escapes JSON demands,
 * windows in the unit they were written in, comments gone. Parentheses stand
 * where `not` takes a chain and wherever `and` and `or` meet, also where the
 * grammar needs none: what a reader could misread is spelled out. The text
 * parses back to the same tree, and formatting it again changes nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/ast.h"
#include "segment/lexer.h"
#include "segment/segment.h"
#include "segment/tree.h"

#define LINE_SHOWN_MAX 160  /* characters of a line that are printed */
#define BEFORE_SHOWN_MAX 90 /* of them before the place, in a longer line */

/* ---- pieces ---- */

static void put_string(buffer *out, muster_text text)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const char *found = c != '\0' ? strchr(escaped, c) : NULL;
        if (found != NULL) {
            buffer_put_u8(out, '\\');
            buffer_put_u8(out, (uint8_t)letters[found - escaped]);
        } else if ((unsigned char)c < 0x20) {
            buffer_printf(out, "\\u%04x", (unsigned)c);
        } else {
            buffer_put_u8(out, (uint8_t)c);
        }
    }
    buffer_put_u8(out, '"');
}

/* " 3 days", " 1 day" */
static void put_amount(buffer *out, int64_t n, const char *unit)
{
    buffer_printf(out, " %lld %s%s", (long long)n, unit, n == 1 ? "" : "s");
}

void date_format(const ast_date *date, buffer *out)
{
    char text[32];
    switch (date->type) {
    case DATE_DAY:
        clock_format_date(text, date->day);
        buffer_printf(out, "\"%s\"", text);
        return;
    case DATE_TIME:
        clock_format_time(text, date->time);
        buffer_printf(out, "\"%s\"", text);
        return;
    case DATE_TODAY:
        buffer_put_str(out, "today");
        if (date->offset == 0)
            return;
        buffer_put_str(out, date->offset < 0 ? " -" : " +");
        put_amount(out,
                   date->offset < 0 ? -(int64_t)date->offset : date->offset,
                   "day");
        return;
    }
}

void value_format(const ast_value *value, buffer *out)
{
    char number[32];
    switch (value->type) {
    case VALUE_STRING:
        put_string(out, value->text);
        return;
    case VALUE_NUMBER:
        text_format_number(number, value->number);
        buffer_put_str(out, number);
        return;
    case VALUE_DATE:
        date_format(&value->date, out);
        return;
    }
}

static void put_list(buffer *out, const ast_node *node)
{
    buffer_put_str(out, " (");
    for (uint32_t i = 0; i < node->value_count; i++) {
        if (i > 0)
            buffer_put_str(out, ", ");
        value_format(&node->values[i], out);
    }
    buffer_put_u8(out, ')');
}

/* ---- predicates ---- */

static const struct {
    const char *text;
    enum { TAKES_NONE, TAKES_ONE, TAKES_TWO, TAKES_LIST } takes;
} compares[] = {
    [COMPARE_NONE] = {"", TAKES_NONE},
    [COMPARE_EQ] = {" =", TAKES_ONE},
    [COMPARE_NE] = {" !=", TAKES_ONE},
    [COMPARE_IN] = {" in", TAKES_LIST},
    [COMPARE_NOT_IN] = {" not in", TAKES_LIST},
    [COMPARE_LT] = {" <", TAKES_ONE},
    [COMPARE_LE] = {" <=", TAKES_ONE},
    [COMPARE_GT] = {" >", TAKES_ONE},
    [COMPARE_GE] = {" >=", TAKES_ONE},
    [COMPARE_BETWEEN] = {" between", TAKES_TWO},
    [COMPARE_HAS_ALL] = {" has all", TAKES_LIST},
    [COMPARE_KNOWN] = {" is known", TAKES_NONE},
    [COMPARE_UNKNOWN] = {" is unknown", TAKES_NONE},
    [COMPARE_STARTS_WITH] = {" starts with", TAKES_ONE},
    [COMPARE_CONTAINS] = {" contains", TAKES_ONE},
};

static void put_compare(buffer *out, const ast_node *node)
{
    ASSERT((size_t)node->compare < sizeof compares / sizeof compares[0]);
    buffer_put_str(out, compares[node->compare].text);
    switch (compares[node->compare].takes) {
    case TAKES_NONE:
        return;
    case TAKES_LIST:
        put_list(out, node);
        return;
    case TAKES_ONE:
        ASSERT(node->value_count == 1);
        buffer_put_u8(out, ' ');
        value_format(&node->values[0], out);
        return;
    case TAKES_TWO:
        ASSERT(node->value_count == 2);
        buffer_put_u8(out, ' ');
        value_format(&node->values[0], out);
        buffer_put_str(out, " and ");
        value_format(&node->values[1], out);
        return;
    }
}

static const char *quantity_text(ast_quantity quantity)
{
    switch (quantity) {
    case QUANTITY_AT_LEAST:
        return "at least";
    case QUANTITY_AT_MOST:
        return "at most";
    case QUANTITY_EXACTLY:
        return "exactly";
    case QUANTITY_NONE:
        break;
    }
    ASSERT(quantity != QUANTITY_NONE);
    return "";
}

static void put_frequency(buffer *out, const ast_node *node)
{
    if (node->measure == MEASURE_NONE)
        return;
    buffer_put_str(out, node->measure == MEASURE_DAYS ? " on " : " ");
    buffer_put_str(out, quantity_text(node->quantity));
    if (node->measure == MEASURE_TOTAL)
        buffer_printf(out, " %lld total", (long long)node->n);
    else
        put_amount(out, node->n,
                   node->measure == MEASURE_DAYS ? "day" : "time");
}

void window_format(const ast_window *window, buffer *out)
{
    switch (window->type) {
    case WINDOW_NONE:
        return;
    case WINDOW_HOURS:
        buffer_put_str(out, " within");
        put_amount(out, window->n, "hour");
        return;
    case WINDOW_DAYS:
        buffer_put_str(out, " within");
        ASSERT(!window->weeks || window->n % 7 == 0);
        put_amount(out, window->weeks ? window->n / 7 : window->n,
                   window->weeks ? "week" : "day");
        return;
    case WINDOW_SINCE:
        buffer_put_str(out, " since ");
        date_format(&window->from, out);
        return;
    case WINDOW_BETWEEN:
        buffer_put_str(out, " between ");
        date_format(&window->from, out);
        buffer_put_str(out, " and ");
        date_format(&window->to, out);
        return;
    }
}

/* A provider stands without quotes when it cannot be read as anything else. */
static bool is_plain_provider(muster_text name)
{
    const keyword word = keyword_find(name);
    return lexer_is_name(name, false) && !keyword_is_reserved(word) &&
           word != WORD_FIRST && word != WORD_SECOND && word != WORD_THIRD;
}

static void put_source(buffer *out, const ast_node *node)
{
    static const char *const parties[] = {"first", "second", "third"};
    if (node->source == SOURCE_ANY)
        return;
    buffer_put_str(out, " from ");
    if (node->source == SOURCE_PARTY) {
        ASSERT(node->party >= 1 && node->party <= 3);
        buffer_printf(out, "%s party", parties[node->party - 1]);
    } else if (is_plain_provider(node->provider)) {
        buffer_put_text(out, node->provider);
    } else {
        put_string(out, node->provider);
    }
}

static void put_predicate(buffer *out, const ast_node *node)
{
    buffer_put_text(out, node->attribute);
    put_compare(out, node);
    put_frequency(out, node);
    window_format(&node->window, out);
    put_source(out, node);
}

/* ---- the tree ---- */

static bool is_chain(const ast_node *node)
{
    return node->type == AST_AND || node->type == AST_OR;
}

static void put_child(buffer *out, const ast_node *child)
{
    if (is_chain(child))
        buffer_put_u8(out, '(');
    segment_format(child, out);
    if (is_chain(child))
        buffer_put_u8(out, ')');
}

static void put_quantity(buffer *out, const ast_node *node)
{
    ASSERT(node->child_count > 0);
    buffer_printf(out, "%s %lld of (", quantity_text(node->quantity),
                  (long long)node->n);
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (i > 0)
            buffer_put_str(out, ", ");
        segment_format(node->children[i], out);
    }
    buffer_put_u8(out, ')');
}

static void put_call(buffer *out, const char *name, muster_text text)
{
    buffer_printf(out, "%s(", name);
    put_string(out, text);
    buffer_put_u8(out, ')');
}

void segment_format(const ast_node *node, buffer *out)
{
    ASSERT(node != NULL && out != NULL);
    switch (node->type) {
    case AST_ALL:
        buffer_put_str(out, "all");
        return;
    case AST_NONE:
        buffer_put_str(out, "none");
        return;
    case AST_AND:
    case AST_OR:
        for (uint32_t i = 0; i < node->child_count; i++) {
            if (i > 0)
                buffer_put_str(out, node->type == AST_AND ? " and " : " or ");
            put_child(out, node->children[i]);
        }
        return;
    case AST_NOT:
        buffer_put_str(out, "not ");
        put_child(out, node->children[0]);
        return;
    case AST_QUANTITY:
        put_quantity(out, node);
        return;
    case AST_SEGMENT:
        put_call(out, "segment", node->text);
        return;
    case AST_TAXONOMY:
        put_call(out, "taxonomy", node->text);
        return;
    case AST_SPLIT:
        buffer_put_str(out, "split(");
        put_string(out, node->text);
        buffer_printf(out, ", %d..%d)", node->split_from, node->split_to);
        return;
    case AST_PREDICATE:
        put_predicate(out, node);
        return;
    }
}

/* ---- the caret ---- */

/* The line of a text that holds a place, and what of it is shown. */
struct shown {
    const char *text;
    size_t start; /* of the line */
    size_t end;
    size_t from; /* shown: [from, to) */
    size_t to;
};

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* `count` characters back from, or on from, a place, within the line. */
static size_t step_back(const struct shown *s, size_t at, size_t count)
{
    while (count > 0 && at > s->start) {
        at--;
        while (at > s->start && is_continuation(s->text[at]))
            at--;
        count--;
    }
    return at;
}

static size_t step_on(const struct shown *s, size_t at, size_t count)
{
    while (count > 0 && at < s->end) {
        at++;
        while (at < s->end && is_continuation(s->text[at]))
            at++;
        count--;
    }
    return at;
}

static struct shown find_shown(muster_text text, size_t offset)
{
    struct shown s = {text.ptr, offset, offset, 0, 0};
    while (s.start > 0 && text.ptr[s.start - 1] != '\n')
        s.start--;
    while (s.end < text.len && text.ptr[s.end] != '\n' &&
           text.ptr[s.end] != '\r')
        s.end++;
    if (s.end < offset) /* on the newline itself */
        s.end = offset;
    s.from = s.start;
    s.to = s.end;
    if (step_on(&s, s.start, LINE_SHOWN_MAX) < s.end) {
        s.from = step_back(&s, offset, BEFORE_SHOWN_MAX);
        s.to = step_on(&s, s.from, LINE_SHOWN_MAX);
    }
    return s;
}

static void put_line(buffer *out, const struct shown *s)
{
    buffer_put_str(out, s->from > s->start ? "  ... " : "  ");
    for (size_t i = s->from; i < s->to; i++) {
        const unsigned char c = (unsigned char)s->text[i];
        const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        buffer_put_u8(out, control ? ' ' : c);
    }
    buffer_put_str(out, s->to < s->end ? " ...\n" : "\n");
}

void segment_error_caret(const muster_error *err, muster_text text, buffer *out)
{
    ASSERT(err != NULL && out != NULL);
    if (err->line == 0 || err->offset > text.len)
        return;
    const struct shown s = find_shown(text, err->offset);
    put_line(out, &s);
    buffer_put_str(out, s.from > s.start ? "      " : "  ");
    for (size_t i = s.from; i < err->offset; i++)
        if (!is_continuation(s.text[i]))
            buffer_put_u8(out, s.text[i] == '\t' ? '\t' : ' ');
    size_t end = err->offset + err->length;
    if (end > s.to)
        end = s.to;
    buffer_put_u8(out, '^');
    for (size_t i = step_on(&s, err->offset, 1); i < end; i++)
        if (!is_continuation(s.text[i]))
            buffer_put_u8(out, '^');
    if (err->suggestion[0] == '"')
        buffer_printf(out, " did you mean %s?", err->suggestion);
    else if (err->suggestion[0] != '\0')
        buffer_printf(out, " did you mean '%s'?", err->suggestion);
    buffer_put_u8(out, '\n');
}
