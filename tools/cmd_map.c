/*
 * cmd_map.c - `muster map`: mapping files (docs/mapping.md), proposed from a
 * sample and checked. Needs no data directory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "mapping_file.h"

static muster_input_format format_flag(const cli *c)
{
    const char *format = cli_flag_text(c, "input-format");
    if (format == NULL)
        return MUSTER_INPUT_AUTO;
    return strcmp(format, "csv") == 0 ? MUSTER_INPUT_CSV : MUSTER_INPUT_NDJSON;
}

static int map_init(cli *c, int argc, char **argv)
{
    char *sample = NULL;
    char *proposal = NULL;
    size_t len = 0;
    muster_error err;
    (void)argc;
    error_clear(&err);
    const int code = mapping_read_sample(c, argv[0], &sample, &len);
    if (code != 0)
        return code;
    const int status =
        muster_mapping_propose(&proposal, format_flag(c), sample, len, &err);
    mem_free(sample);
    if (status < 0)
        return tell_status(c, &err, NULL, 0);
    out_printf(c, "%s", proposal);
    muster_free(proposal);
    return 0;
}

static int map_check(cli *c, int argc, char **argv)
{
    static const column columns[] = {{"input", COLUMN_TEXT},
                                     {"rules", COLUMN_COUNT}};
    char *text = NULL;
    muster_mapping_facts facts;
    (void)argc;
    const int code = mapping_read(c, argv[0], &text, &facts);
    if (code != 0)
        return code;
    mem_free(text);
    const char *input = facts.format == MUSTER_INPUT_CSV ? "csv" : "json";
    if (c->set.format == FORMAT_JSON || c->set.format == FORMAT_NDJSON) {
        out_open(c);
        out_member_str(c, "input", input);
        out_member_uint(c, "rules", facts.rules);
        out_close(c);
        return 0;
    }
    rows *out = rows_open(c, "mapping", columns, 2);
    rows_str(out, input);
    rows_uint(out, facts.rules);
    rows_close(out);
    return 0;
}

static const cli_flag init_flags[] = {{"input-format", 'i', "FORMAT",
                                       "auto csv json",
                                       "csv or json (told by the first byte)"},
                                      CLI_FLAG_END};

static const cli_verb subs[] = {
    {
        .name = "init",
        .run = map_init,
        .synopsis = "[--input-format FORMAT] FILE|-",
        .summary = "Propose a mapping file from a sample",
        .about = "Reads the first rows of a CSV with a header, or of JSON,"
                 " and writes a mapping file\nwith comments to stdout: what"
                 " each column looks like, and why others are left out.\nOf"
                 " the sample it shows names of columns, and values only where"
                 " a column has few\nand none is personal.\n",
        .flags = init_flags,
        .examples = "# a proposal to be read and changed\n"
                    "muster map init contacts.csv > contacts.json\n"
                    "# what it would do\n"
                    "muster load --dry-run --map contacts.json contacts.csv\n",
        .exits = "0 2",
        .words_min = 1,
        .words_max = 1,
        .operand = OPERAND_FILE,
    },
    {
        .name = "check",
        .run = map_check,
        .synopsis = "FILE|PRESET",
        .summary = "Check a mapping file",
        .about = "Says what is wrong with a mapping file, and where, or what"
                 " it reads.\n",
        .examples = "muster map check contacts.json\n",
        .exits = "0 2",
        .words_min = 1,
        .words_max = 1,
        .operand = OPERAND_FILE,
    },
    {.name = NULL},
};

const cli_verb verb_map = {
    .name = "map",
    .synopsis = "VERB ...",
    .summary = "Mapping files: any CSV or JSON as records",
    .about = "A mapping file says how rows of another shape become records;"
             " `muster load --map`\nreads through it. The language is"
             " described in docs/mapping.md, the presets that\ncome with"
             " Muster in docs/mappings.md.\n",
    .exits = "0 2",
    .subs = subs,
};
