/*
 * parser.c - expression text to tree, by recursive descent over the grammar
 * of LANGUAGE.md.
 *
 * Words and names. A keyword is one only where the grammar can take it, so an
 * attribute may be called like one: a word with a dot (`day.part`) is never a
 * keyword, and where a predicate begins `total`, `day`, `from`, `within` are
 * attributes. There, `at` and `exactly` begin a quantity only before
 * `least`/`most` and before a number, and `segment`, `split`, `taxonomy` call
 * only before a parenthesis. `and or not all none` are always keywords: an
 * attribute of exactly that name cannot be written. After `from`, `first
 * party` is the party and `first` alone a provider of that name; any provider
 * may be quoted.
 *
 * Chains of one operator become one node, also across parentheses.
 *
 * Errors: the first token that cannot go on is the place; after an error
 * nothing is read on. Recursion is bounded: each `(`, `not` and `of (` counts
 * towards MUSTER_SEGMENT_DEPTH_MAX.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/parser.h"

static ast_node *parse_expr(parser *p);
/* ---- primaries ---- */

static bool enter(parser *p, token at_token)
{
    if (p->depth == MUSTER_SEGMENT_DEPTH_MAX)
        return parser_complain(p, at_token, "expr_depth",
                               "the expression is nested deeper than %u levels",
                               MUSTER_SEGMENT_DEPTH_MAX);
    p->depth++;
    return true;
}

static ast_node *new_node(parser *p, ast_type type)
{
    if (tree_is_full(p->tree)) {
        parser_complain(p, parser_place(p, p->now), "expr_nodes",
                        "the expression has more than %u parts",
                        MUSTER_SEGMENT_NODES_MAX);
        return NULL;
    }
    ast_node *node = tree_node(p->tree, type);
    node->offset = p->now.offset;
    return node;
}

static ast_node *parse_parens(parser *p)
{
    if (!enter(p, p->now))
        return NULL;
    parser_advance(p);
    ast_node *node = parse_expr(p);
    p->depth--;
    if (node == NULL)
        return NULL;
    if (!parser_take(p, TOKEN_CLOSE)) {
        parser_expected(p, "'and', 'or' or ')'",
                        (const keyword[]){WORD_AND, WORD_OR, WORD_PLAIN});
        return NULL;
    }
    node->parens = true;
    return node;
}

/* m_of_n = quantity "of" "(" expr { "," expr } ")" */
static bool parse_of(parser *p, ast_node *node)
{
    const token first = p->now;
    node_list list = {0};
    if (!parser_quantity(p, node))
        return false;
    if (parser_at_word(p, WORD_TIME) || parser_at_word(p, WORD_TOTAL))
        return parser_complain(p, token_join(first, p->now), "expr_syntax",
                               "'times' and 'total' stand behind the "
                               "attribute whose events they count");
    if (!parser_need_word(p, WORD_OF))
        return false;
    if (!enter(p, first))
        return false;
    if (!parser_need(p, TOKEN_OPEN, "'('"))
        return false;
    do {
        ast_node *child = parse_expr(p);
        if (child == NULL)
            return false;
        node_list_add(p->tree, &list, child);
    } while (parser_take(p, TOKEN_COMMA));
    p->depth--;
    node->children = list.items;
    node->child_count = list.count;
    if (parser_take(p, TOKEN_CLOSE))
        return true;
    return parser_expected(p, "'and', 'or', ',' or ')'",
                           (const keyword[]){WORD_AND, WORD_OR, WORD_PLAIN});
}

/* segment("..") and taxonomy(".."), behind the word */
static bool parse_call(parser *p, ast_node *node, const char *what)
{
    parser_advance(p);
    return parser_need(p, TOKEN_OPEN, "'('") &&
           parser_need_string(p, what, &node->text) &&
           parser_need(p, TOKEN_CLOSE, "')'");
}

/* "split" "(" string "," int ".." int ")": bind checks the range. */
static bool parse_split(parser *p, ast_node *node)
{
    int64_t from = 0;
    int64_t to = 0;
    parser_advance(p);
    if (!parser_need(p, TOKEN_OPEN, "'('") ||
        !parser_need_string(p, "a salt in double quotes", &node->text) ||
        !parser_need(p, TOKEN_COMMA, "',' and a range, 0..49"))
        return false;
    const token range = p->now;
    if (range.problem == PROBLEM_NUMBER_TAIL)
        return parser_complain(p, range, "expr_number",
                               "a range is written 0..49");
    if (!parser_need_int(p, &from) || !parser_need(p, TOKEN_DOTS, "'..'") ||
        !parser_need_int(p, &to))
        return false;
    if (from > INT32_MAX || to > INT32_MAX)
        return parser_complain(p, range, "expr_number",
                               "a split goes from 0 to 99");
    node->split_from = (int32_t)from;
    node->split_to = (int32_t)to;
    return parser_need(p, TOKEN_CLOSE, "')'");
}

/* What begins at the word p->now. */
static ast_type primary_type(const parser *p)
{
    const token next = lexer_peek(&p->lex);
    const bool call = next.type == TOKEN_OPEN;
    switch (p->now.word) {
    case WORD_ALL:
        return AST_ALL;
    case WORD_NONE:
        return AST_NONE;
    case WORD_AT:
        return next.type == TOKEN_WORD &&
                       (next.word == WORD_LEAST || next.word == WORD_MOST)
                   ? AST_QUANTITY
                   : AST_PREDICATE;
    case WORD_EXACTLY:
        return next.type == TOKEN_NUMBER ? AST_QUANTITY : AST_PREDICATE;
    case WORD_SEGMENT:
        return call ? AST_SEGMENT : AST_PREDICATE;
    case WORD_SPLIT:
        return call ? AST_SPLIT : AST_PREDICATE;
    case WORD_TAXONOMY:
        return call ? AST_TAXONOMY : AST_PREDICATE;
    default:
        return AST_PREDICATE;
    }
}

static bool parse_body(parser *p, ast_node *node)
{
    switch (node->type) {
    case AST_ALL:
    case AST_NONE:
        parser_advance(p);
        return true;
    case AST_QUANTITY:
        return parse_of(p, node);
    case AST_SEGMENT:
        return parse_call(p, node, "a segment's key in double quotes");
    case AST_TAXONOMY:
        return parse_call(p, node, "a taxonomy node in double quotes");
    case AST_SPLIT:
        return parse_split(p, node);
    case AST_PREDICATE:
        return parser_predicate(p, node);
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        break;
    }
    ASSERT(!"a chain has no body of its own");
    return false;
}

static ast_node *parse_primary(parser *p)
{
    if (parser_at(p, TOKEN_OPEN))
        return parse_parens(p);
    if (!parser_at(p, TOKEN_WORD) || p->now.word == WORD_AND ||
        p->now.word == WORD_OR) {
        if (p->now.problem == PROBLEM_NUMBER_TAIL)
            parser_complain(p, p->now, "expr_syntax",
                            "a name begins with a lower-case letter");
        else
            parser_expected(p, "an attribute, 'not' or '('", NULL);
        return NULL;
    }
    ast_node *node = new_node(p, primary_type(p));
    if (node == NULL || !parse_body(p, node))
        return NULL;
    node->length = p->end - node->offset;
    return node;
}

/* ---- chains ---- */

static ast_node *parse_unary(parser *p)
{
    if (!parser_at_word(p, WORD_NOT))
        return parse_primary(p);
    ast_node *node = new_node(p, AST_NOT);
    if (node == NULL || !enter(p, p->now))
        return NULL;
    parser_advance(p);
    ast_node *child = parse_unary(p);
    p->depth--;
    if (child == NULL)
        return NULL;
    node->children = arena_alloc(&p->tree->memory, sizeof(ast_node *));
    node->children[0] = child;
    node->child_count = 1;
    node->length = p->end - node->offset;
    return node;
}

/* Ends a chain that began at `from`. */
static ast_node *close_chain(parser *p, ast_type type, uint32_t from,
                             const node_list *list)
{
    if (list->count == 1)
        return list->items[0];
    ast_node *node = tree_group(p->tree, type, list);
    if (node == NULL) {
        new_node(p, type); /* sets the error */
        return NULL;
    }
    node->offset = from;
    node->length = p->end - from;
    return node;
}

static ast_node *parse_and(parser *p)
{
    const uint32_t from = p->now.offset;
    node_list list = {0};
    do {
        ast_node *child = parse_unary(p);
        if (child == NULL)
            return NULL;
        node_list_add(p->tree, &list, child);
    } while (parser_take_word(p, WORD_AND));
    return close_chain(p, AST_AND, from, &list);
}

static ast_node *parse_expr(parser *p)
{
    const uint32_t from = p->now.offset;
    node_list list = {0};
    do {
        ast_node *child = parse_and(p);
        if (child == NULL)
            return NULL;
        node_list_add(p->tree, &list, child);
    } while (parser_take_word(p, WORD_OR));
    return close_chain(p, AST_OR, from, &list);
}

/* ---- the whole ---- */

static bool parse_end(parser *p)
{
    static const keyword words[] = {WORD_AND,      WORD_OR,     WORD_WITHIN,
                                    WORD_SINCE,    WORD_FROM,   WORD_BETWEEN,
                                    WORD_HAS,      WORD_STARTS, WORD_IS,
                                    WORD_CONTAINS, WORD_IN,     WORD_PLAIN};
    const token t = p->now;
    if (t.type == TOKEN_END)
        return true;
    if (t.type == TOKEN_CLOSE)
        return parser_complain(p, t, "expr_syntax", "this ')' closes nothing");
    parser_expected(p, "'and' or 'or'", words);
    if ((t.type == TOKEN_STRING || t.type == TOKEN_NUMBER) &&
        t.length <= FOUND_BYTES_MAX)
        error_suggest(p->err, "= %.*s", (int)t.length,
                      p->lex.text.ptr + t.offset);
    return false;
}

static int check_text(muster_text text, muster_error *err)
{
    if (text.len > MUSTER_SEGMENT_BYTES_MAX)
        return error_set(err, MUSTER_EEXPR, "expr_bytes",
                         "the expression is longer than %u bytes",
                         MUSTER_SEGMENT_BYTES_MAX);
    const size_t good = text_utf8_prefix(text);
    if (good == text.len)
        return 0;
    error_set(err, MUSTER_EEXPR, "bad_utf8", "the text is not valid UTF-8");
    error_place(err, text.ptr, text.len, good, 1);
    return MUSTER_EEXPR;
}

static bool parse_whole(parser *p)
{
    p->now = lexer_next(&p->lex);
    if (parser_at(p, TOKEN_END)) {
        token start = p->now;
        start.offset = 0;
        return parser_complain(p, start, "expr_syntax",
                               "the expression is empty");
    }
    p->root = parse_expr(p);
    return p->root != NULL && parse_end(p);
}

static void forget_places(ast_node *node)
{
    const ast_place none = {0, 0};
    node->compare_place = node->measure_place = node->window_place = none;
    node->offset = node->length = 0;
    node->attribute_offset = node->source_offset = 0;
    for (uint32_t i = 0; i < node->value_count; i++)
        node->values[i].offset = node->values[i].length = 0;
    for (uint32_t i = 0; i < node->child_count; i++)
        forget_places(node->children[i]);
}

ast_node *tree_parse_part(ast_tree *tree, muster_text text, muster_error *err)
{
    if (check_text(text, err) != 0)
        return NULL;
    parser p = {.tree = tree, .err = err};
    lexer_init(&p.lex, text);
    if (!parse_whole(&p))
        return NULL;
    forget_places(p.root);
    return p.root;
}

int segment_parse(ast_tree **out, muster_text text, muster_error *err)
{
    ASSERT(out != NULL && (text.ptr != NULL || text.len == 0));
    *out = NULL;
    if (text.ptr == NULL)
        text.ptr = "";
    const int rc = check_text(text, err);
    if (rc != 0)
        return rc;
    parser p = {.tree = tree_new(text), .err = err};
    lexer_init(&p.lex, text_make(p.tree->source, text.len));
    const bool good = parse_whole(&p);
    p.tree->root = p.root;
    if (!good || tree_check(p.tree, err) != 0) {
        segment_tree_free(p.tree);
        return MUSTER_EEXPR;
    }
    *out = p.tree;
    return 0;
}
