/*
 * cmd_taxonomy.c - `muster taxonomy`: a tree of nodes that others know by id,
 * and what of the catalog is mapped to them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define LEVELS_DEFAULT 1u
/* The IAB's Audience Taxonomy 1.1. */
#define IAB_NAME "iab"
#define IAB_SEGTAX 4u

/* ---- load ---- */

static int load_file(cli *c, const char *name, uint32_t segtax,
                     const char *path)
{
    char *text = NULL;
    size_t len = 0;
    muster_taxonomy about;
    muster_error err;
    error_clear(&err);
    int code = input_read(c, path, MUSTER_TAXONOMY_BYTES_MAX, &text, &len);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_CREATE);
    if (code == 0 &&
        client_taxonomy_load(c, name, segtax, text, len, &err) < 0) {
        tell_error(c, EXIT_USAGE, "%s:",
                   strcmp(path, "-") == 0 ? "standard input" : path);
        code = tell_status(c, &err, text, len);
    } else if (code == 0 && client_taxonomy_about(c, &about, &err) < 0) {
        code = tell_status(c, &err, NULL, 0);
    } else if (code == 0) {
        tell(c, "loaded %u nodes; muster taxonomy map maps values to them",
             about.nodes);
    }
    mem_free(text);
    return code;
}

static int cmd_load(cli *c, int argc, char **argv)
{
    const char *name = cli_flag_text(c, "name");
    uint64_t segtax = 0;
    (void)argc;
    if (name == NULL)
        name = IAB_NAME;
    if (strcmp(name, IAB_NAME) == 0)
        segtax = IAB_SEGTAX;
    if (!cli_flag_uint(c, "segtax", &segtax))
        return EXIT_USAGE;
    if (segtax > INT32_MAX)
        return tell_usage(c, "--segtax is a number of OpenRTB, such as 4");
    return load_file(c, name, (uint32_t)segtax, argv[0]);
}

/* ---- show, mappings ---- */

static int put_node(void *payload, const muster_taxonomy_node *n)
{
    rows *r = payload;
    rows_str(r, n->id);
    rows_str(r, n->parent);
    rows_str(r, n->path);
    rows_str(r, n->note);
    rows_uint(r, n->depth);
    rows_uint(r, n->below);
    rows_uint(r, n->mappings);
    return 0;
}

static int cmd_show(cli *c, int argc, char **argv)
{
    static const column columns[] = {
        {"id", COLUMN_TEXT},     {"parent", COLUMN_TEXT},
        {"path", COLUMN_TEXT},   {"note", COLUMN_TEXT},
        {"depth", COLUMN_INT},   {"below", COLUMN_COUNT},
        {"mappings", COLUMN_COUNT}};
    const char *node = argc > 0 ? argv[0] : NULL;
    uint64_t levels = LEVELS_DEFAULT;
    muster_taxonomy about;
    muster_error err;
    error_clear(&err);
    if (!cli_flag_uint(c, "levels", &levels))
        return EXIT_USAGE;
    if (levels > MUSTER_TAXONOMY_DEPTH_MAX)
        levels = MUSTER_TAXONOMY_DEPTH_MAX;
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    if (client_taxonomy_about(c, &about, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    out_open(c);
    if (about.nodes > 0)
        out_member_str(c, "name", about.name);
    else if (c->set.format == FORMAT_JSON)
        json_put_null(out_member(c, "name"));
    out_member_uint(c, "segtax", about.segtax);
    out_member_uint(c, "nodes", about.nodes);
    out_member_uint(c, "mappings", about.mappings);
    rows *r = rows_open(c, "data", columns, 7);
    const int status = client_taxonomy_each(c, node, (uint32_t)levels,
                                            put_node, r, &err);
    return out_end_rows(c, r, status, &err);
}

static int put_mapping(void *payload, const muster_mapping *m)
{
    rows *r = payload;
    rows_str(r, m->attribute);
    rows_str(r, m->value);
    rows_str(r, m->node);
    rows_str(r, m->path);
    return 0;
}

static int cmd_mappings(cli *c, int argc, char **argv)
{
    static const column columns[] = {{"attribute", COLUMN_TEXT},
                                     {"value", COLUMN_TEXT},
                                     {"node", COLUMN_TEXT},
                                     {"path", COLUMN_TEXT}};
    muster_error err;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", columns, 4);
    const int status = client_mappings_each(c, argc > 0 ? argv[0] : NULL,
                                            put_mapping, r, &err);
    return out_end_rows(c, r, status, &err);
}

/* ---- map, unmap ---- */

/* "interest=autos" to the attribute and, behind the '=', its value. */
static int map(cli *c, const char *what, char **nodes, size_t count)
{
    const char *mark = strchr(what, '=');
    char *attribute = mem_strndup(
        what, mark != NULL ? (size_t)(mark - what) : strlen(what));
    muster_error err;
    error_clear(&err);
    int code = client_open(c, MUSTER_OPEN_CREATE);
    if (code == 0 &&
        client_taxonomy_map(c, attribute, mark != NULL ? mark + 1 : NULL,
                            (const char *const *)nodes, count, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    else if (code == 0)
        tell(c, count > 0 ? "mapped; muster taxonomy mappings shows all"
                          : "mapped no more");
    mem_free(attribute);
    return code;
}

static int cmd_map(cli *c, int argc, char **argv)
{
    return map(c, argv[0], argv + 1, (size_t)argc - 1);
}

static int cmd_unmap(cli *c, int argc, char **argv)
{
    (void)argc;
    return map(c, argv[0], argv + 1, 0);
}

/* ---- the verb ---- */

static const cli_flag load_flags[] = {
    {"name", 0, "NAME", NULL, "what it is called (" IAB_NAME ")"},
    {"segtax", 0, "N", NULL,
     "its number in OpenRTB; 0 = none (4 when the name is " IAB_NAME ")"},
    CLI_FLAG_END};

static const cli_flag show_flags[] = {
    {"levels", 0, "N", NULL, "so many levels below it (1)"}, CLI_FLAG_END};

static const cli_verb taxonomy_verbs[] = {
    {.name = "load",
     .run = cmd_load,
     .synopsis = "[--name NAME] [--segtax N] FILE|-",
     .summary = "Load a taxonomy in the place of the one there is",
     .about =
         "The file is text in columns apart by tabs, as the IAB publishes its"
         " Audience\nTaxonomy: the first line names the columns `Unique ID`,"
         " `Parent ID`, `Tier 1`,\n`Tier 2` and so on. It is taken whole or"
         " not at all. What is mapped stays mapped,\nby the ids of the"
         " nodes.\n",
     .flags = load_flags,
     .examples = "# the IAB's, whose ids are segtax 4 in bid requests\n"
                 "muster taxonomy load iab-audience-taxonomy-1.1.tsv\n",
     .exits = "0 2 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_FILE},
    {.name = "show",
     .run = cmd_show,
     .synopsis = "[--levels N] [NODE]",
     .summary = "A node, or the roots, and what is below",
     .about = "NODE is an id, or a path such as \"Interest | Automotive\".\n",
     .flags = show_flags,
     .examples = "# what is below a node?\n"
                 "muster taxonomy show \"Interest | Automotive\"\n",
     .exits = "0 2 4 7",
     .words_max = 1,
     .operand = OPERAND_TEXT},
    {.name = "map",
     .run = cmd_map,
     .synopsis = "ATTR[=VALUE] NODE...",
     .summary = "Map an attribute, or one value of it, to nodes",
     .about = "In the place of those it was mapped to. A value of a number is"
              " a number or a range,\n`demo.age=18..24`. Many at once stand"
              " in the catalog file: see muster help attr apply.\n",
     .examples = "# who is interested in cars?\n"
                 "muster taxonomy map interest=autos"
                 " \"Interest | Automotive\"\n"
                 "muster count 'taxonomy(\"Interest\")'\n",
     .exits = "0 2 4 5 7",
     .words_min = 2,
     .words_max = -1,
     .operand = OPERAND_ATTRIBUTE},
    {.name = "unmap",
     .run = cmd_unmap,
     .synopsis = "ATTR[=VALUE]",
     .summary = "End what an attribute, or one value of it, is mapped to",
     .examples = "# no longer\n"
                 "muster taxonomy unmap interest=autos\n",
     .exits = "0 2 4 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_ATTRIBUTE},
    {.name = "mappings",
     .run = cmd_mappings,
     .synopsis = "[NODE]",
     .summary = "List what is mapped, to a node and below it",
     .examples = "# what makes up a node's audience?\n"
                 "muster taxonomy mappings \"Interest | Automotive\"\n",
     .exits = "0 2 4 7",
     .words_max = 1,
     .operand = OPERAND_TEXT},
    {.name = NULL}};

const cli_verb verb_taxonomy = {
    .name = "taxonomy",
    .synopsis = "VERB ...",
    .summary = "Taxonomy: names by which others know an audience",
    .about = "A tree of nodes, one at a time. Attributes and values are"
             " mapped to nodes; the\naudience of a node is everyone who has"
             " something that is mapped to it or to a node\nbelow it:"
             " `taxonomy(\"Interest | Automotive\")` in an expression.\n",
    .subs = taxonomy_verbs,
    .exits = "0 2 4 5 7",
};
