/*
 * cmd_completion.c - `muster completion`: scripts that complete the command
 * line in bash, zsh and fish, written from the verb table. Keys, attributes,
 * providers and snapshots are asked of the program at the time.
 *
 * All three know the same: verbs, sub-verbs, flags and the values they may
 * have, files where files are meant.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>

/* What the values of a flag, or the words of a verb, are completed with: a
 * function of the scripts, or "" for nothing. */
static const char *const operand_names[] = {
    [OPERAND_NONE] = "",           [OPERAND_TEXT] = "",
    [OPERAND_FILE] = "files",      [OPERAND_SEGMENT] = "segments",
    [OPERAND_ATTRIBUTE] = "attrs", [OPERAND_PROVIDER] = "providers",
    [OPERAND_VERB] = "verbs",      [OPERAND_SNAPSHOT] = "snapshots"};

/* Functions that ask the program, and what it is asked to list. */
static const char *const asked[][2] = {{"segments", "segment"},
                                       {"attrs", "attr"},
                                       {"providers", "provider"},
                                       {"snapshots", "snapshot"}};
#define ASKED_COUNT (sizeof asked / sizeof *asked)

static enum cli_operand operand_of(const cli_flag *f)
{
    static const struct {
        const char *value;
        enum cli_operand operand;
    } table[] = {{"FILE", OPERAND_FILE},
                 {"DIR", OPERAND_FILE},
                 {"ATTR", OPERAND_ATTRIBUTE},
                 {"PROVIDER", OPERAND_PROVIDER}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (f->value != NULL && strcmp(f->value, table[i].value) == 0)
            return table[i].operand;
    return OPERAND_NONE;
}

/* Text inside single quotes of a shell. */
static void put_quoted(cli *c, const char *text)
{
    buffer_put_u8(&c->out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_put_str(&c->out, "'\\''");
        else
            buffer_put_u8(&c->out, (uint8_t)*text);
    }
    buffer_put_u8(&c->out, '\'');
}

typedef void (*each_flag_fn)(cli *c, const cli_verb *verb, const cli_verb *sub,
                             const cli_flag *flag);

/* Every flag there is: the global ones with no verb. */
static void flags_each(cli *c, each_flag_fn each)
{
    for (const cli_flag *f = cli_global_flags; f->name != NULL; f++)
        each(c, NULL, NULL, f);
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++) {
        for (const cli_flag *f = (*v)->flags; f && f->name != NULL; f++)
            each(c, *v, NULL, f);
        for (const cli_verb *s = (*v)->subs; s && s->name != NULL; s++)
            for (const cli_flag *f = s->flags; f && f->name != NULL; f++)
                each(c, *v, s, f);
    }
}

typedef void (*each_verb_fn)(cli *c, const cli_verb *verb, const cli_verb *sub);

static void verbs_each(cli *c, each_verb_fn each)
{
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++) {
        each(c, *v, NULL);
        for (const cli_verb *s = (*v)->subs; s && s->name != NULL; s++)
            each(c, *v, s);
    }
}

/* ---- bash and zsh: pieces in common ---- */

/* "--rejects|" for flags that take the next word. */
static void put_taking(cli *c, const cli_verb *verb, const cli_verb *sub,
                       const cli_flag *f)
{
    (void)verb;
    (void)sub;
    if (f->value == NULL)
        return;
    out_printf(c, "--%s|", f->name);
    if (f->letter != 0)
        out_printf(c, "-%c|", f->letter);
}

/* The value behind a flag: "verb sub --flag" or " --flag" as the case. */
static void put_value_case(cli *c, const cli_verb *verb, const cli_verb *sub,
                           const cli_flag *f)
{
    const char *operand = operand_names[operand_of(f)];
    if (f->value == NULL || (f->choices == NULL && *operand == '\0'))
        return;
    const char *first = verb != NULL ? verb->name : "*";
    const char *second = sub != NULL ? sub->name : "*";
    out_printf(c, "        %s:%s:--%s", first, second, f->name);
    if (f->letter != 0)
        out_printf(c, "|%s:%s:-%c", first, second, f->letter);
    if (f->choices != NULL)
        out_printf(c, ") _muster_words '%s'; return ;;\n", f->choices);
    else
        out_printf(c, ") _muster_%s; return ;;\n", operand);
}

/* The flags and words of a verb. */
static void put_word_case(cli *c, const cli_verb *verb, const cli_verb *sub)
{
    const cli_verb *v = sub != NULL ? sub : verb;
    const char *operand = operand_names[v->operand];
    out_printf(c, "        %s:%s) _muster_words '", verb->name,
               sub != NULL       ? sub->name
               : v->subs == NULL ? "*"
                                 : "");
    for (const cli_flag *f = v->flags; f && f->name != NULL; f++)
        out_printf(c, "--%s ", f->name);
    for (const cli_verb *s = v->subs; s && s->name != NULL; s++)
        out_printf(c, "%s ", s->name);
    out_printf(c, "'");
    if (*operand != '\0')
        out_printf(c, "; _muster_%s", operand);
    out_printf(c, " ;;\n");
}

static void put_asking(cli *c)
{
    for (size_t i = 0; i < ASKED_COUNT; i++)
        out_printf(c,
                   "_muster_%s() {\n"
                   "    _muster_words \"$(muster \"${data[@]}\" %s ls -o tsv"
                   " --no-header 2>/dev/null | cut -f1)\"\n"
                   "}\n",
                   asked[i][0], asked[i][1]);
    out_printf(c, "_muster_verbs() {\n    _muster_words '");
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        out_printf(c, "%s ", (*v)->name);
    out_printf(c, "'\n}\n");
}

/* What bash and zsh share: `before` are the words before the one at hand,
 * `prev` the last of them. */
static void put_common(cli *c)
{
    out_printf(c, "    local i=0 verb= sub= word\n"
                  "    local -a data\n"
                  "    data=()\n"
                  "    while [ $i -lt ${#before[@]} ]; do\n"
                  "        word=${before[@]:$i:1}\n"
                  "        i=$((i + 1))\n"
                  "        case $word in\n"
                  "        --data) data=(--data \"${before[@]:$i:1}\");"
                  " i=$((i + 1)) ;;\n"
                  "        ");
    flags_each(c, put_taking);
    out_printf(c, "--) i=$((i + 1)) ;;\n"
                  "        -*) ;;\n"
                  "        *) if [ -z \"$verb\" ]; then verb=$word\n"
                  "           elif [ -z \"$sub\" ]; then sub=$word; fi ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    case \"$verb:$sub:$prev\" in\n");
    flags_each(c, put_value_case);
    out_printf(c, "    esac\n"
                  "    if [ -z \"$verb\" ]; then _muster_verbs; fi\n"
                  "    case \"$verb:$sub\" in\n");
    verbs_each(c, put_word_case);
    out_printf(c, "    esac\n    case $cur in -*) _muster_words '");
    for (const cli_flag *f = cli_global_flags; f->name != NULL; f++)
        out_printf(c, "--%s ", f->name);
    out_printf(c, "' ;; esac\n");
}

static void put_bash(cli *c)
{
    out_printf(c,
               "# bash completion of muster, made by: muster completion bash\n"
               "_muster_words() {\n"
               "    local IFS=$' \\n'\n"
               "    COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\"))\n"
               "}\n"
               "_muster_files() {\n"
               "    local IFS=$'\\n'\n"
               "    compopt -o filenames 2>/dev/null\n"
               "    COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
               "}\n");
    put_asking(c);
    out_printf(c, "_muster() {\n"
                  "    local cur=${COMP_WORDS[COMP_CWORD]}\n"
                  "    local prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                  "    local -a before\n"
                  "    before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
                  "    COMPREPLY=()\n");
    put_common(c);
    out_printf(c, "}\ncomplete -F _muster muster\n");
}

static void put_zsh(cli *c)
{
    out_printf(c, "#compdef muster\n"
                  "# zsh completion of muster, made by: muster completion zsh\n"
                  "_muster_words() { compadd -- ${=1}; }\n"
                  "_muster_files() { _files; }\n");
    put_asking(c);
    out_printf(c, "_muster() {\n"
                  "    local cur=${words[CURRENT]} prev=${words[CURRENT-1]}\n"
                  "    local -a before\n"
                  "    before=(\"${(@)words[2,CURRENT-1]}\")\n");
    put_common(c);
    out_printf(c, "}\n"
                  "if [ \"${funcstack[1]}\" = _muster ]; then _muster \"$@\"\n"
                  "else compdef _muster muster; fi\n");
}

/* ---- fish ---- */

static void put_fish_when(cli *c, const cli_verb *verb, const cli_verb *sub)
{
    if (verb == NULL)
        return;
    out_printf(c, " -n '__fish_seen_subcommand_from %s", verb->name);
    if (sub != NULL)
        out_printf(c, "; and __fish_seen_subcommand_from %s", sub->name);
    out_printf(c, "'");
}

static void put_fish_operand(cli *c, enum cli_operand operand)
{
    if (operand == OPERAND_FILE)
        out_printf(c, " -F");
    else if (*operand_names[operand] != '\0')
        out_printf(c, " -a '(__muster_%s)'", operand_names[operand]);
}

static void put_fish_flag(cli *c, const cli_verb *verb, const cli_verb *sub,
                          const cli_flag *f)
{
    out_printf(c, "complete -c muster");
    put_fish_when(c, verb, sub);
    out_printf(c, " -l %s", f->name);
    if (f->letter != 0)
        out_printf(c, " -s %c", f->letter);
    if (f->value != NULL)
        out_printf(c, " -r");
    if (f->choices != NULL)
        out_printf(c, " -f -a '%s'", f->choices);
    else
        put_fish_operand(c, operand_of(f));
    out_printf(c, " -d ");
    put_quoted(c, f->help);
    out_printf(c, "\n");
}

static void put_fish_verb(cli *c, const cli_verb *verb, const cli_verb *sub)
{
    const cli_verb *v = sub != NULL ? sub : verb;
    if (sub == NULL)
        out_printf(c, "complete -c muster -n __fish_use_subcommand -a %s -d ",
                   v->name);
    else
        out_printf(c,
                   "complete -c muster -n '__fish_seen_subcommand_from %s'"
                   " -a %s -d ",
                   verb->name, v->name);
    put_quoted(c, v->summary);
    out_printf(c, "\n");
    if (*operand_names[v->operand] == '\0')
        return;
    out_printf(c, "complete -c muster");
    put_fish_when(c, verb, sub);
    put_fish_operand(c, v->operand);
    out_printf(c, "\n");
}

static void put_fish(cli *c)
{
    out_printf(c, "# fish completion of muster, made by: muster completion"
                  " fish\n");
    for (size_t i = 0; i < ASKED_COUNT; i++)
        out_printf(c,
                   "function __muster_%s\n"
                   "    muster %s ls -o tsv --no-header 2>/dev/null |"
                   " cut -f1\n"
                   "end\n",
                   asked[i][0], asked[i][1]);
    out_printf(c, "function __muster_verbs\n    printf '%%s\\n'");
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        out_printf(c, " %s", (*v)->name);
    out_printf(c, "\nend\ncomplete -c muster -f\n");
    verbs_each(c, put_fish_verb);
    flags_each(c, put_fish_flag);
}

/* ---- the verb ---- */

static int cmd_completion(cli *c, int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*put)(cli *c);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    (void)argc;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(argv[0], shells[i].name) == 0) {
            shells[i].put(c);
            return 0;
        }
    }
    return tell_usage(c,
                      "there are scripts for bash, zsh and fish, not for"
                      " '%s'",
                      tell_safe(argv[0]));
}

const cli_verb verb_completion = {
    .name = "completion",
    .run = cmd_completion,
    .synopsis = "bash|zsh|fish",
    .summary = "A script that completes the command line",
    .about = "Verbs, flags and their values, files, and the keys, attributes,"
             " providers and snapshots\nof the data directory.\n",
    .examples =
        "# bash, for this session; for all of them, in ~/.bashrc\n"
        "source <(muster completion bash)\n"
        "# zsh, in a directory of $fpath\n"
        "muster completion zsh > ~/.zfunc/_muster\n"
        "# fish\n"
        "muster completion fish > ~/.config/fish/completions/muster.fish\n",
    .exits = "0 2",
    .words_min = 1,
    .words_max = 1,
};
