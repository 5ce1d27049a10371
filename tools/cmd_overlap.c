/*
 * cmd_overlap.c - `muster overlap`: how many users two and more segments
 * share, pair by pair, and three shares of it, each named:
 *
 *   share_a   of the users of a, how many are in b as well
 *   share_b   of the users of b, how many are in a as well
 *   jaccard   users in both, of those in any of the two
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "base/error.h"
#include "base/mem.h"

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void put_sets(cli *c, const muster_overlap *o, char **names)
{
    static const column columns[] = {
        {"key", COLUMN_TEXT}, {"count", COLUMN_COUNT}, {"share", COLUMN_SHARE}};
    rows *r = rows_open(c, "sets", columns, 3);
    for (size_t i = 0; i < o->n; i++) {
        const uint64_t size = o->counts[i * o->n + i];
        rows_str(r, names[i]);
        rows_uint(r, size);
        rows_double(r, ratio(size, o->universe));
    }
    rows_close(r);
}

static void put_pairs(cli *c, const muster_overlap *o, char **names)
{
    static const column columns[] = {
        {"a", COLUMN_TEXT},        {"b", COLUMN_TEXT},
        {"count", COLUMN_COUNT},   {"share_a", COLUMN_SHARE},
        {"share_b", COLUMN_SHARE}, {"jaccard", COLUMN_DOUBLE}};
    rows *r = rows_open(c, "pairs", columns, 6);
    for (size_t i = 0; i < o->n; i++) {
        for (size_t j = i + 1; j < o->n; j++) {
            const uint64_t both = o->counts[i * o->n + j];
            const uint64_t a = o->counts[i * o->n + i];
            const uint64_t b = o->counts[j * o->n + j];
            rows_str(r, names[i]);
            rows_str(r, names[j]);
            rows_uint(r, both);
            rows_double(r, ratio(both, a));
            rows_double(r, ratio(both, b));
            rows_double(r, ratio(both, a + b - both));
        }
    }
    rows_close(r);
}

static void put_answer(cli *c, const muster_overlap *o, char **names)
{
    out_open(c);
    if (c->set.format == FORMAT_JSON || c->set.format == FORMAT_TABLE)
        put_sets(c, o, names);
    if (c->set.format == FORMAT_TABLE)
        out_printf(c, "\n");
    put_pairs(c, o, names);
    if (c->set.format == FORMAT_TABLE)
        out_printf(c, "\n  universe %s %s as of %s %s %s\n",
                   human_count(o->universe).text, human_signs(c)->dot,
                   human_time(o->as_of).text, human_signs(c)->dot,
                   human_duration_ns(o->elapsed_ns).text);
    out_member_uint(c, "universe", o->universe);
    out_member_time(c, "as_of", o->as_of);
    out_member_uint(c, "epoch", o->epoch);
    out_member_uint(c, "elapsed_us", o->elapsed_ns / 1000);
    out_close(c);
}

static int cmd_overlap(cli *c, int argc, char **argv)
{
    client_segment *segments[MUSTER_OVERLAP_MAX] = {NULL};
    muster_overlap *o = NULL;
    muster_error err;
    error_clear(&err);
    if (argc > MUSTER_OVERLAP_MAX)
        return tell_usage(c, "at most %d segments", MUSTER_OVERLAP_MAX);
    int code = client_open(c, MUSTER_OPEN_READ);
    for (int i = 0; i < argc && code == 0; i++)
        code = session_compile_segment(c, &segments[i], argv[i]);
    if (code == 0 &&
        client_reach_overlap(c, segments, (size_t)argc, &o, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    if (code == 0)
        put_answer(c, o, argv);
    client_overlap_free(c, o);
    for (int i = 0; i < argc; i++)
        client_segment_free(segments[i]);
    return code;
}

const cli_verb verb_overlap = {
    .name = "overlap",
    .run = cmd_overlap,
    .synopsis = "SEGMENT SEGMENT...",
    .summary = "How many users segments share, pair by pair",
    .about =
        "SEGMENT is the key of a saved segment, or an expression. `share a`:"
        " users of a who are\nin b as well; `share b` the other way round;"
        " `jaccard`: users in both, of those in\nany of the two. JSON also"
        " has the sizes under \"sets\".\n",
    .examples = "# do we pay twice?\n"
                "muster overlap pricing-page cart-abandoners loyal-travel\n"
                "# a segment and an expression, for a script\n"
                "muster overlap loyal-travel 'geo.country = \"DE\"' --json\n",
    .exits = "0 2 3 4 7",
    .words_min = 2,
    .words_max = -1,
    .operand = OPERAND_SEGMENT,
};
