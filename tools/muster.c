/*
 * muster.c - the program: the table of verbs, and main.
 *
 *     muster [FLAG]... VERB [ARGUMENT]...
 *
 * Everything else follows from the table: dispatch, help, the manual,
 * near names and the completion scripts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

extern const cli_verb verb_load, verb_map, verb_count, verb_ids, verb_lookup,
    verb_has, verb_explain, verb_overlap, verb_breakdown, verb_segment,
    verb_attr, verb_provider, verb_taxonomy, verb_optout, verb_forget, verb_key,
    verb_partner, verb_check, verb_fmt, verb_ip, verb_ua, verb_hash,
    verb_generate, verb_snapshot, verb_doctor, verb_top, verb_serve, verb_shell,
    verb_completion, verb_help, verb_version;

const cli_verb *const cli_verbs[] = {
    /* data in */
    &verb_load,
    &verb_map,
    &verb_hash,
    &verb_generate,
    /* questions */
    &verb_count,
    &verb_ids,
    &verb_overlap,
    &verb_breakdown,
    &verb_lookup,
    &verb_has,
    &verb_explain,
    /* what is kept */
    &verb_segment,
    &verb_attr,
    &verb_provider,
    &verb_taxonomy,
    &verb_optout,
    &verb_forget,
    /* for others */
    &verb_serve,
    /* who may ask */
    &verb_key,
    &verb_partner,
    /* what is derived */
    &verb_ip,
    &verb_ua,
    /* expressions */
    &verb_check,
    &verb_fmt,
    /* the data directory */
    &verb_snapshot,
    &verb_doctor,
    &verb_top,
    /* the program */
    &verb_shell,
    &verb_completion,
    &verb_help,
    &verb_version,
    NULL,
};

const cli_verb *cli_verb_find(const char *name)
{
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        if (strcmp((*v)->name, name) == 0)
            return *v;
    return NULL;
}

const cli_verb *cli_sub_find(const cli_verb *verb, const char *name)
{
    for (const cli_verb *v = verb->subs; v != NULL && v->name != NULL; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

int main(int argc, char **argv)
{
    cli c;
    options_defaults(&c);
    buffer_init(&c.out, SIZE_MAX / 2);
    int code = session_run(&c, argc - 1, argv + 1);
    session_close(&c);
    if (!out_finish(&c))
        code = EXIT_USAGE;
    buffer_release(&c.out);
    return code;
}
