/*
 * shell_words.c - lines of the shell to words of a command.
 *
 * A line that starts with a verb is split like a command line, but for verbs
 * that take an expression: there, nothing needs quotes. Flags may stand
 * before and behind it:
 *
 *     count --clauses geo.country = "DE" and purchase --json
 *           ^flags     ^expression                    ^flags
 *
 * as -- cannot be part of an expression outside a string. An expression that
 * starts with ' is taken as quoted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shell.h"

#include <string.h>
#include "base/mem.h"

static bool is_blank(char at)
{
    return at == ' ' || at == '\t';
}

static const char *skip_blank(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static const char *skip_word(const char *at)
{
    while (*at != '\0' && !is_blank(*at))
        at++;
    return at;
}

static bool takes_value(const cli_flag *flags, muster_text word)
{
    for (const cli_flag *f = flags; f != NULL && f->name != NULL; f++) {
        const bool lasts = word.len == 2 && f->letter == word.ptr[1];
        const bool same =
            word.len > 2 && word.ptr[1] == '-' &&
            text_is(text_make(word.ptr + 2, word.len - 2), f->name);
        if (lasts || same)
            return f->value != NULL;
    }
    return false;
}

/* Behind the flags at the start of a text. */
static const char *skip_flags(const cli_verb *verb, const char *at)
{
    at = skip_blank(at);
    while (at[0] == '-' && at[1] != '\0' && !is_blank(at[1])) {
        const char *end = skip_word(at);
        const muster_text word = text_make(at, (size_t)(end - at));
        at = skip_blank(end);
        if (text_is(word, "--"))
            break;
        if (takes_value(verb->flags, word) ||
            takes_value(cli_global_flags, word))
            at = skip_blank(skip_word(at));
    }
    return at;
}

/* Where the expression ends: before blanks and -- outside a string. */
static const char *expression_end(const char *at)
{
    bool quoted = false;
    for (; *at != '\0'; at++) {
        if (quoted && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && is_blank(*at) && at[1] == '-' && at[2] == '-')
            return at;
    }
    return at;
}

static const cli_verb *verb_of(const char *line)
{
    const char *end = skip_word(line);
    char *name = mem_strndup(line, (size_t)(end - line));
    const cli_verb *verb = cli_verb_find(name);
    mem_free(name);
    return verb;
}

/* The expression put in single quotes, a ' of its own escaped. */
static void put_quoted(buffer *b, const char *at, const char *end)
{
    while (end > at && is_blank(end[-1]))
        end--;
    buffer_put_str(b, " '");
    for (; at < end; at++) {
        if (*at == '\'')
            buffer_put_str(b, "'\\''");
        else
            buffer_put_u8(b, (uint8_t)*at);
    }
    buffer_put_u8(b, '\'');
}

bool shell_words(const char *line, char **copy, char ***argv, int *argc)
{
    buffer b;
    line = skip_blank(line);
    const cli_verb *verb = verb_of(line);
    if (verb == NULL || !verb->takes_expr)
        return words_split(line, copy, argv, argc);
    const char *expr = skip_flags(verb, skip_word(line));
    if (*expr == '\'' || *expr == '\0')
        return words_split(line, copy, argv, argc);
    const char *end = expression_end(expr);
    buffer_init(&b, 8 * strlen(line) + 16);
    buffer_put(&b, line, (size_t)(expr - line));
    put_quoted(&b, expr, end);
    buffer_put_str(&b, end);
    const bool ok = words_split(buffer_cstr(&b), copy, argv, argc);
    buffer_release(&b);
    return ok;
}

bool shell_has_id(const char *line)
{
    bool found = false;
    for (const char *at = skip_blank(line); *at != '\0' && !found;
         at = skip_blank(at)) {
        const char *end = skip_word(at);
        while (at < end && (*at == '\'' || *at == '"'))
            at++;
        char *word = mem_strndup(at, (size_t)(end - at));
        found = id_looks_like(word);
        mem_free(word);
        at = end;
    }
    return found;
}
