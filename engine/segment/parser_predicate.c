/*
 * parser_predicate.c - predicate = attribute [comparison] [quantity] [window]
 * ["from" source].
 *
 * Which combinations make sense depends on the kind of the attribute, which
 * only bind knows; here only the order and the form of the clauses are
 * checked. Errors name clauses that stand in the wrong order and clauses that
 * lost their attribute.
 *
 * `between` with two numbers compares. With two dates it is a window or, for
 * a number of unit date, a comparison: it is kept as a window without a
 * comparison, and bind decides (tree.h, invariant 4).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/parser.h"

/* ---- comparisons ---- */

static void set_values(ast_node *node, const value_list *list)
{
    node->values = list->items;
    node->value_count = list->count;
}

/* "(" value { "," value } ")" */
static bool parse_list(parser *p, ast_node *node)
{
    value_list list = {0};
    if (!parser_take(p, TOKEN_OPEN)) {
        const token t = p->now;
        parser_expected(p, "'(' and a list of values", NULL);
        if ((t.type == TOKEN_STRING || t.type == TOKEN_NUMBER) &&
            t.length <= FOUND_BYTES_MAX)
            error_suggest(p->err, "(%.*s)", (int)t.length,
                          p->lex.text.ptr + t.offset);
        return false;
    }
    do {
        if (!parser_value(p, node, value_list_add(p->tree, &list)))
            return false;
    } while (parser_take(p, TOKEN_COMMA));
    set_values(node, &list);
    return parser_need(p, TOKEN_CLOSE, "',' or ')'");
}

static bool parse_one(parser *p, ast_node *node, ast_compare compare,
                      bool scalar)
{
    value_list list = {0};
    ast_value *value = value_list_add(p->tree, &list);
    node->compare = compare;
    parser_advance(p);
    set_values(node, &list);
    return scalar ? parser_scalar(p, node, value)
                  : parser_value(p, node, value);
}

static bool parse_text_compare(parser *p, ast_node *node, ast_compare compare)
{
    value_list list = {0};
    ast_value *value = value_list_add(p->tree, &list);
    const uint32_t from = p->now.offset;
    node->compare = compare;
    set_values(node, &list);
    value->type = VALUE_STRING;
    value->offset = from;
    if (!parser_need_string(p, "a \"text\"", &value->text))
        return false;
    value->length = p->end - from;
    return true;
}

static ast_date scalar_date(const ast_value *value)
{
    ast_date date = {.type = DATE_DAY};
    if (value->type == VALUE_DATE)
        return value->date;
    ASSERT(value->type == VALUE_STRING);
    const bool good = tree_parse_date(value->text, &date);
    ASSERT(good);
    return date;
}

/* `between` where a comparison may stand: numbers compare, dates are kept as
 * a window. */
static bool parse_between(parser *p, ast_node *node)
{
    value_list list = {0};
    parser_advance(p);
    value_list_add(p->tree, &list);
    ast_value *high = value_list_add(p->tree, &list);
    ast_value *low = &list.items[0];
    if (!parser_scalar(p, node, low) || !parser_need_word(p, WORD_AND))
        return false;
    const token second = p->now;
    if (!parser_scalar(p, node, high))
        return false;
    if ((low->type == VALUE_NUMBER) != (high->type == VALUE_NUMBER))
        return parser_complain(p, second, "expr_syntax",
                               "'between' takes two numbers or two dates");
    if (low->type == VALUE_NUMBER) {
        node->compare = COMPARE_BETWEEN;
        set_values(node, &list);
        return true;
    }
    node->window.type = WINDOW_BETWEEN;
    node->window.from = scalar_date(low);
    node->window.to = scalar_date(high);
    return true;
}

static bool is_null(const parser *p, token t)
{
    return text_equal_nocase(lexer_text(&p->lex, t), text_of("null"));
}

/* `is` something that there is no `is` for: says what is written instead. */
static bool bad_is(parser *p, token is)
{
    static const keyword words[] = {WORD_KNOWN, WORD_UNKNOWN, WORD_PLAIN};
    const token t = p->now;
    const token next = t.word == WORD_NOT ? lexer_peek(&p->lex) : t;
    if (t.type == TOKEN_STRING || t.type == TOKEN_NUMBER) {
        parser_complain(p, token_join(is, t), "expr_syntax",
                        "a value is compared with '='");
        if (t.length <= FOUND_BYTES_MAX)
            error_suggest(p->err, "= %.*s", (int)t.length,
                          p->lex.text.ptr + t.offset);
        return false;
    }
    if (next.word != WORD_KNOWN && next.word != WORD_UNKNOWN &&
        !is_null(p, next))
        return parser_expected(p, "'known' or 'unknown'", words);
    const bool known = (t.word == WORD_NOT) != (next.word == WORD_KNOWN);
    parser_complain(p, token_join(t, next), "expr_syntax",
                    "there are 'is known' and 'is unknown'");
    error_suggest(p->err, known ? "known" : "unknown");
    return false;
}

static bool parse_is(parser *p, ast_node *node)
{
    const token is = p->now;
    ASSERT(is.word == WORD_IS);
    parser_advance(p);
    if (!parser_at_word(p, WORD_KNOWN) && !parser_at_word(p, WORD_UNKNOWN))
        return bad_is(p, is);
    node->compare = p->now.word == WORD_KNOWN ? COMPARE_KNOWN : COMPARE_UNKNOWN;
    parser_advance(p);
    return true;
}

/* `a not in (..)`; any other `not` stands before the attribute. */
static bool parse_not_in(parser *p, ast_node *node)
{
    parser_advance(p);
    if (parser_take_word(p, WORD_IN)) {
        node->compare = COMPARE_NOT_IN;
        return parse_list(p, node);
    }
    return parser_expected(
        p,
        "'in' after 'not' (any other 'not' stands before the "
        "attribute)",
        (const keyword[]){WORD_IN, WORD_PLAIN});
}

static bool parse_word_compare(parser *p, ast_node *node)
{
    switch (p->now.word) {
    case WORD_NOT:
        return parse_not_in(p, node);
    case WORD_IN:
        parser_advance(p);
        node->compare = COMPARE_IN;
        return parse_list(p, node);
    case WORD_HAS:
        parser_advance(p);
        node->compare = COMPARE_HAS_ALL;
        return parser_need_word(p, WORD_ALL) && parse_list(p, node);
    case WORD_STARTS:
        parser_advance(p);
        return parser_need_word(p, WORD_WITH) &&
               parse_text_compare(p, node, COMPARE_STARTS_WITH);
    case WORD_CONTAINS:
        parser_advance(p);
        return parse_text_compare(p, node, COMPARE_CONTAINS);
    case WORD_IS:
        return parse_is(p, node);
    case WORD_BETWEEN:
        return parse_between(p, node);
    default:
        return true; /* no comparison */
    }
}

static bool parse_compare(parser *p, ast_node *node)
{
    switch (p->now.type) {
    case TOKEN_EQ:
        return parse_one(p, node, COMPARE_EQ, false);
    case TOKEN_NE:
        return parse_one(p, node, COMPARE_NE, false);
    case TOKEN_LT:
        return parse_one(p, node, COMPARE_LT, true);
    case TOKEN_LE:
        return parse_one(p, node, COMPARE_LE, true);
    case TOKEN_GT:
        return parse_one(p, node, COMPARE_GT, true);
    case TOKEN_GE:
        return parse_one(p, node, COMPARE_GE, true);
    case TOKEN_WORD:
        return parse_word_compare(p, node);
    default:
        return true;
    }
}

/* quantity = ("at" "least" | "at" "most" | "exactly") int */
bool parser_quantity(parser *p, ast_node *node)
{
    static const keyword words[] = {WORD_LEAST, WORD_MOST, WORD_PLAIN};
    static const keyword starts[] = {WORD_AT, WORD_EXACTLY, WORD_PLAIN};
    if (parser_take_word(p, WORD_EXACTLY)) {
        node->quantity = QUANTITY_EXACTLY;
    } else if (parser_take_word(p, WORD_AT)) {
        if (parser_take_word(p, WORD_LEAST))
            node->quantity = QUANTITY_AT_LEAST;
        else if (parser_take_word(p, WORD_MOST))
            node->quantity = QUANTITY_AT_MOST;
        else
            return parser_expected(p, "'least' or 'most'", words);
    } else {
        return parser_expected(p, "'at least', 'at most' or 'exactly'", starts);
    }
    return parser_need_int(p, &node->n);
}

/* frequency = quantity ("times" | "total") | "on" quantity "days" */
static bool parse_frequency(parser *p, ast_node *node)
{
    static const keyword words[] = {WORD_TIME, WORD_TOTAL, WORD_PLAIN};
    if (node->window.type != WINDOW_NONE)
        return true; /* too late: parse_predicate says so */
    if (parser_take_word(p, WORD_ON)) {
        node->measure = MEASURE_DAYS;
        return parser_quantity(p, node) && parser_need_days(p);
    }
    if (!parser_at_word(p, WORD_AT) && !parser_at_word(p, WORD_EXACTLY))
        return true;
    const token first = p->now;
    if (!parser_quantity(p, node))
        return false;
    if (parser_take_word(p, WORD_TIME)) {
        node->measure = MEASURE_TIMES;
        return true;
    }
    if (parser_take_word(p, WORD_TOTAL)) {
        node->measure = MEASURE_TOTAL;
        return true;
    }
    if (parser_at_word(p, WORD_DAY)) {
        const token all = token_join(first, p->now);
        parser_complain(p, all, "expr_syntax",
                        "a number of days begins with 'on'");
        error_suggest(p->err, "on %.*s", (int)all.length,
                      p->lex.text.ptr + all.offset);
        return false;
    }
    return parser_expected(p, "'times' or 'total'", words);
}

/* "within" int ("hours" | "days" | "weeks"), behind "within" */
static bool parse_within(parser *p, ast_window *window)
{
    static const keyword words[] = {WORD_HOUR, WORD_DAY, WORD_WEEK, WORD_PLAIN};
    const token number = p->now;
    int64_t n = 0;
    if (!parser_need_int(p, &n))
        return false;
    window->type = WINDOW_DAYS;
    if (parser_take_word(p, WORD_HOUR)) {
        window->type = WINDOW_HOURS;
    } else if (parser_take_word(p, WORD_WEEK)) {
        window->weeks = true;
        n *= 7;
    } else if (!parser_take_word(p, WORD_DAY)) {
        return parser_expected(p, "'hours', 'days' or 'weeks'", words);
    }
    if (n > INT32_MAX)
        return parser_complain(p, number, "expr_number",
                               "the window is too long");
    window->n = (uint32_t)n;
    return true;
}

static bool parse_window(parser *p, ast_node *node)
{
    ast_window *window = &node->window;
    if (window->type != WINDOW_NONE)
        return true;
    if (parser_take_word(p, WORD_WITHIN))
        return parse_within(p, window);
    if (parser_take_word(p, WORD_SINCE)) {
        window->type = WINDOW_SINCE;
        return parser_need_date(p, &window->from);
    }
    if (!parser_take_word(p, WORD_BETWEEN))
        return true;
    window->type = WINDOW_BETWEEN;
    return parser_need_date(p, &window->from) &&
           parser_need_word(p, WORD_AND) && parser_need_date(p, &window->to);
}

static bool parse_party(parser *p, ast_node *node)
{
    const keyword word = p->now.word;
    const token next = lexer_peek(&p->lex);
    if (word != WORD_FIRST && word != WORD_SECOND && word != WORD_THIRD)
        return false;
    if (next.type != TOKEN_WORD || next.word != WORD_PARTY)
        return false;
    node->source = SOURCE_PARTY;
    node->party = word == WORD_FIRST ? 1 : word == WORD_SECOND ? 2 : 3;
    parser_advance(p);
    parser_advance(p);
    return true;
}

/* `from frist party` */
static bool bad_party(parser *p, token t)
{
    static const keyword words[] = {WORD_FIRST, WORD_SECOND, WORD_THIRD,
                                    WORD_PLAIN};
    p->now = t;
    return parser_expected(p, "'first', 'second' or 'third' before 'party'",
                           words);
}

static bool parse_source(parser *p, ast_node *node)
{
    if (!parser_take_word(p, WORD_FROM))
        return true;
    const token t = p->now;
    const muster_text text = lexer_text(&p->lex, t);
    node->source_offset = t.offset;
    if (parse_party(p, node))
        return true;
    node->source = SOURCE_PROVIDER;
    if (parser_at(p, TOKEN_STRING))
        return parser_need_string(p, "a provider", &node->provider);
    if (!parser_at(p, TOKEN_WORD) || keyword_is_reserved(t.word))
        return parser_expected(p, "a provider or 'first party'", NULL);
    if (!lexer_is_name(text, false)) {
        parser_complain(p, t, "expr_syntax",
                        "a provider's name that is not a plain word stands "
                        "in double quotes");
        if (text.len <= FOUND_BYTES_MAX)
            error_suggest(p->err, "\"%.*s\"", (int)text.len, text.ptr);
        return false;
    }
    node->provider = text_make(
        arena_strndup(&p->tree->memory, text.ptr, text.len), text.len);
    parser_advance(p);
    return !parser_at_word(p, WORD_PARTY) || bad_party(p, t);
}

/* From `from` to the last token that was taken. */
static ast_place place_since(const parser *p, uint32_t from)
{
    ast_place place = {0, 0};
    if (p->end > from) { /* else nothing was taken */
        place.offset = from;
        place.length = p->end - from;
    }
    return place;
}

/* What may follow an attribute, in its order. */
static bool parse_clauses(parser *p, ast_node *node)
{
    uint32_t from = p->now.offset;
    if (!parse_compare(p, node))
        return false;
    if (node->window.type == WINDOW_NONE)
        node->compare_place = place_since(p, from);
    else
        node->window_place = place_since(p, from);
    from = p->now.offset;
    if (!parse_frequency(p, node))
        return false;
    node->measure_place = place_since(p, from);
    from = p->now.offset;
    if (!parse_window(p, node))
        return false;
    if (node->window_place.length == 0)
        node->window_place = place_since(p, from);
    return parse_source(p, node);
}

/* A clause of a predicate that stands where it may not (any more). */
static bool is_clause(keyword word)
{
    switch (word) {
    case WORD_AT:
    case WORD_BETWEEN:
    case WORD_CONTAINS:
    case WORD_EXACTLY:
    case WORD_FROM:
    case WORD_HAS:
    case WORD_IN:
    case WORD_IS:
    case WORD_ON:
    case WORD_SINCE:
    case WORD_STARTS:
    case WORD_WITHIN:
        return true;
    default:
        return false;
    }
}

/* A bare word that is also a keyword, before something no predicate goes on
 * with: more likely a clause without its attribute (`and within 7 days`). */
static bool is_lost_clause(const parser *p, token name, const ast_node *node)
{
    const bool bare =
        node->compare == COMPARE_NONE && node->measure == MEASURE_NONE &&
        node->window.type == WINDOW_NONE && node->source == SOURCE_ANY;
    return bare && is_clause(name.word) &&
           (parser_at(p, TOKEN_NUMBER) || parser_at(p, TOKEN_STRING) ||
            parser_at(p, TOKEN_OPEN) || parser_at(p, TOKEN_WORD)) &&
           !parser_at_word(p, WORD_AND) && !parser_at_word(p, WORD_OR);
}

static bool bad_attribute(parser *p, token t)
{
    const muster_text text = lexer_text(&p->lex, t);
    char fixed[FOUND_BYTES_MAX + 1];
    parser_complain(
        p, t, "expr_syntax",
        "'%.*s' is not a name: names are lower-case letters, digits "
        "and '_', in parts joined by '.'",
        (int)(text.len < FOUND_BYTES_MAX ? text.len : FOUND_BYTES_MAX),
        text.ptr);
    if (text.len > FOUND_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        fixed[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A'))
                   : c == '-'           ? '_'
                                        : c;
    }
    if (lexer_is_name(text_make(fixed, text.len), true))
        error_suggest(p->err, "%.*s", (int)text.len, fixed);
    return false;
}

bool parser_predicate(parser *p, ast_node *node)
{
    const token name = p->now;
    const muster_text text = lexer_text(&p->lex, name);
    if (!lexer_is_name(text, true))
        return bad_attribute(p, name);
    node->attribute = text_make(
        arena_strndup(&p->tree->memory, text.ptr, text.len), text.len);
    node->attribute_offset = name.offset;
    parser_advance(p);
    if (!parse_clauses(p, node))
        return false;
    if (is_lost_clause(p, name, node))
        return parser_complain(p, name, "expr_syntax",
                               "expected an attribute before '%.*s'",
                               (int)text.len, text.ptr);
    if (p->now.type == TOKEN_WORD && is_clause(p->now.word))
        return parser_complain(p, p->now, "expr_syntax",
                               "'%s' is out of place: a condition is an "
                               "attribute, then a comparison, a quantity, a "
                               "window and 'from'",
                               keyword_text(p->now.word));
    return true;
}
