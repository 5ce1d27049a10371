/*
 * words.c - a line of the shell split to words as sh does: blanks separate;
 * '...' is literal; in "..." a backslash keeps " and \ ; elsewhere it keeps
 * any character. There are no variables, patterns or comments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/mem.h"

static bool is_blank(char at)
{
    return at == ' ' || at == '\t';
}

/* Copies one word without its quotes. Where the text went on, or NULL when a
 * quote is open. */
static const char *take_one(const char *in, char **out)
{
    char quote = '\0';
    for (; *in != '\0' && (quote != '\0' || !is_blank(*in)); in++) {
        const bool kept = in[1] == '"' || in[1] == '\\';
        if (quote == '\0' && (*in == '\'' || *in == '"'))
            quote = *in;
        else if (quote != '\0' && *in == quote)
            quote = '\0';
        else if (*in == '\\' && in[1] != '\0' &&
                 (quote == '\0' || (quote == '"' && kept)))
            *(*out)++ = *++in;
        else
            *(*out)++ = *in;
    }
    *(*out)++ = '\0';
    return quote == '\0' ? in : NULL;
}

bool words_split(const char *line, char **copy, char ***argv, int *argc)
{
    const size_t len = strlen(line);
    char *out = mem_alloc(2 * len + 2);
    size_t capacity = 0;
    *copy = out;
    *argv = NULL;
    *argc = 0;
    for (;;) {
        while (is_blank(*line))
            line++;
        mem_grow(argv, &capacity, (size_t)*argc + 1, sizeof(char *));
        (*argv)[*argc] = NULL;
        if (*line == '\0')
            return true;
        (*argv)[(*argc)++] = out;
        line = take_one(line, &out);
        if (line == NULL)
            return false;
    }
}
