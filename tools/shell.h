/*
 * shell.h - what the files of `muster shell` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHELL_H
#define SHELL_H

#include "cli.h"

typedef struct shell shell;

/* Dot commands, for dispatch, .help and completion. */
typedef struct shell_command {
    const char *name;     /* ".format" */
    const char *synopsis; /* "[NAME]" */
    const char *summary;
    int (*run)(shell *s, const char *rest);
} shell_command;
extern const shell_command shell_commands[]; /* ended by .name NULL */

struct shell {
    cli *c;
    cli_settings base; /* of every line, before its own flags */
    bool timer;
    bool quit;
    bool script;       /* stdin is no terminal */
    unsigned depth;    /* of .read in .read */
    int code;          /* first failure of a script */
    char *last;        /* the last expression */
};

/* Runs one line; its exit code. */
int shell_line(shell *s, const char *line);

/* The words of a line that starts with a verb, as session_run takes them;
 * argv and *copy are freed by mem_free. False when a quote is open. */
bool shell_words(const char *line, char **copy, char ***argv, int *argc);
/* Is there an id among the words? Then the line is not kept. */
bool shell_has_id(const char *line);

/* Completion for the line editor (shell_complete.c). */
void shell_complete_init(shell *s);

#endif
