/*
 * shell_complete.c - what Tab offers in the shell: what may stand where the
 * cursor is.
 *
 *   start of the line         verbs, dot commands, attributes, keywords
 *   inside segment("          keys of saved segments
 *   inside from "             providers
 *   inside another string     values of the attribute before it
 *   anywhere else             attributes and keywords
 *
 * The line editor replaces the word at the cursor only, and a value may have
 * blanks in it; so what stands between the quote and that word is matched
 * and then cut off what is offered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shell.h"

#include <editline/readline.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "client.h"

#define OFFERED_MAX 5000

static shell *the_shell; /* the line editor hands no payload */

static const char *const keywords[] = {
    "all",         "and",          "at least",    "at most", "between",
    "contains",    "exactly",      "first party", "from",    "has all",
    "hours",       "days",         "weeks",       "in",      "is known",
    "is unknown",  "none",         "not",         "of",      "on",
    "or",          "second party", "segment(\"",  "since",   "split(\"",
    "starts with", "taxonomy(\"",  "third party", "times",   "today",
    "total",       "within",       NULL};

/* ---- candidates ---- */

typedef struct candidates {
    muster_text typed; /* what they must start with */
    size_t cut;        /* bytes of it before the word at the cursor */
    char **items;
    size_t count;
    size_t capacity;
    size_t next; /* of the walk of the line editor */
} candidates;

static candidates offered;

static void offer(muster_text name)
{
    if (offered.count >= OFFERED_MAX || name.len < offered.cut ||
        !text_starts_with(name, offered.typed))
        return;
    mem_grow(&offered.items, &offered.capacity, offered.count + 1,
             sizeof *offered.items);
    offered.items[offered.count++] =
        mem_strndup(name.ptr + offered.cut, name.len - offered.cut);
}

static void clear_offered(muster_text typed, size_t cut)
{
    for (size_t i = 0; i < offered.count; i++)
        mem_free(offered.items[i]);
    offered.count = 0;
    offered.next = 0;
    offered.typed = typed;
    offered.cut = cut;
}

static int offer_attribute(void *payload, const muster_attribute *a)
{
    (void)payload;
    offer(text_of(a->name));
    return 0;
}

static int offer_value(void *payload, muster_text value, uint64_t users)
{
    (void)payload;
    (void)users;
    offer(value);
    return offered.count >= OFFERED_MAX;
}

static int offer_segment(void *payload, const muster_saved *row)
{
    (void)payload;
    offer(text_of(row->key));
    return 0;
}

static int offer_provider(void *payload, const muster_provider *p)
{
    (void)payload;
    offer(text_of(p->name));
    return 0;
}

/* ---- where the cursor is ---- */

static bool is_word(char at)
{
    return (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') ||
           (at >= '0' && at <= '9') || at == '_' || at == '.';
}

/* Place of the quote that is open at `end`; `end` when none is. */
static size_t open_quote(const char *line, size_t end)
{
    size_t open = end;
    for (size_t i = 0; i < end; i++) {
        if (open < end && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            open = open < end ? end : i;
    }
    return open;
}

/* Words that stand between an attribute and its values. */
static bool is_between(muster_text word)
{
    static const char *const words[] = {"in",     "not",  "has",      "all",
                                        "starts", "with", "contains", NULL};
    for (int i = 0; words[i] != NULL; i++)
        if (text_equal_nocase(word, text_of(words[i])))
            return true;
    return false;
}

/* Before the string that ends at line[at]. */
static size_t skip_string_back(const char *line, size_t at)
{
    while (at > 0 && (line[at - 1] != '"' || (at > 1 && line[at - 2] == '\\')))
        at--;
    return at > 0 ? at - 1 : 0;
}

/* The word that says what a string at `quote` is about. */
static muster_text subject_before(const char *line, size_t quote)
{
    size_t at = quote;
    while (at > 0) {
        if (line[at - 1] == '"') {
            at = skip_string_back(line, at - 1);
            continue;
        }
        if (!is_word(line[at - 1])) {
            at--;
            continue;
        }
        const size_t end = at;
        while (at > 0 && is_word(line[at - 1]))
            at--;
        const muster_text word = text_make(line + at, end - at);
        if (!is_between(word))
            return word;
    }
    return text_make(line, 0);
}

static void offer_in_string(const char *line, size_t quote)
{
    cli *c = the_shell->c;
    muster_error err;
    const muster_text subject = subject_before(line, quote);
    if (text_equal_nocase(subject, text_of("segment"))) {
        client_audiences_each(c, offer_segment, NULL, &err);
    } else if (text_equal_nocase(subject, text_of("from"))) {
        client_providers_each(c, offer_provider, NULL, &err);
    } else if (subject.len > 0) {
        char *name = mem_strndup(subject.ptr, subject.len);
        client_values_each(c, name, false, 0, offer_value, NULL, &err);
        mem_free(name);
    }
}

static void offer_words(bool first)
{
    cli *c = the_shell->c;
    muster_error err;
    for (int i = 0; keywords[i] != NULL; i++)
        offer(text_of(keywords[i]));
    for (const cli_verb *const *v = cli_verbs; first && *v != NULL; v++)
        offer(text_of((*v)->name));
    for (const shell_command *d = shell_commands; first && d->name; d++)
        offer(text_of(d->name));
    if (client_is_open(c))
        client_attributes_each(c, offer_attribute, NULL, &err);
}

/* ---- the line editor ---- */

static char *next_offered(const char *text, int state)
{
    (void)text;
    if (state == 0)
        offered.next = 0;
    return offered.next < offered.count ? strdup(offered.items[offered.next++])
                                        : NULL;
}

static char **complete(const char *text, int start, int end)
{
    const char *line = rl_line_buffer;
    const size_t from = (size_t)start;
    const size_t to = (size_t)end;
    const size_t quote = open_quote(line, from);
    const size_t blank = strspn(line, " \t");
    rl_attempted_completion_over = 1; /* never file names */
    if (strncmp(line, ".read ", 6) == 0)
        return rl_completion_matches(text, rl_filename_completion_function);
    if (quote < from && !client_is_open(the_shell->c))
        return NULL;
    if (quote < from) {
        clear_offered(text_make(line + quote + 1, to - quote - 1),
                      from - quote - 1);
        offer_in_string(line, quote);
        rl_completion_append_character = '"';
    } else {
        clear_offered(text_make(line + from, to - from), 0);
        offer_words(from == blank);
        rl_completion_append_character = ' ';
    }
    return offered.count > 0 ? rl_completion_matches(text, next_offered) : NULL;
}

void shell_complete_init(shell *s)
{
    static char breaks[] = " \t\n\"'=<>!(),#";
    the_shell = s;
    rl_readline_name = "muster";
    rl_completer_word_break_characters = breaks;
    rl_attempted_completion_function = complete;
}
