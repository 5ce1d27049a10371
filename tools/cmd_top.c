/*
 * cmd_top.c - `muster top`: asks questions again and again and tells which
 * planes that makes hot, and which of them the engine keeps in memory in a
 * form made for evaluation (a resident form).
 *
 * The rounds but the last let the engine find out what is hot, as any process
 * does that asks for long; before the last one what is hot is made resident.
 * With --server it is what that server has been asked (server_top.c).
 *
 * Times are of evaluation alone. The first round is called cold when no plan
 * found a form in it (in the shell some may), the last one warm when some did.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_top.h"

#include "base/error.h"
#include "base/mem.h"
#include "client.h"
#include "segment_file.h"

#define LIMIT_DEFAULT 20
#define ROUNDS_DEFAULT 10
#define ROUNDS_MAX 10000

typedef struct top {
    cli *c;
    client_segment **segments; /* what is asked */
    size_t count;
    size_t capacity;
    uint64_t rounds;
    uint64_t limit;
    uint64_t first_ns; /* the first round, and ... */
    uint64_t last_ns;  /* ... the last one */
    uint64_t hits[3];  /* before, behind the first, behind the last one */
    rows *out;
    uint64_t told; /* forms, those behind the limit among them */
} top;

/* ---- what is asked ---- */

static client_segment **new_segment(top *t)
{
    mem_grow(&t->segments, &t->capacity, t->count + 1, sizeof *t->segments);
    t->segments[t->count] = NULL;
    return &t->segments[t->count++];
}

static int take_expression(top *t, const char *word)
{
    char *text = NULL;
    size_t len = 0;
    if (id_looks_like(word))
        return tell_usage(t->c, "an id stands where an expression is meant");
    int code = input_expr(t->c, word, &text, &len);
    if (code == 0)
        code = session_compile(t->c, new_segment(t), text, len);
    mem_free(text);
    return code;
}

static int take_saved(top *t)
{
    segment_set saved = {NULL, 0, 0};
    int code = segment_set_saved(t->c, &saved);
    for (size_t i = 0; i < saved.count && code == 0; i++)
        code =
            session_compile_segment(t->c, new_segment(t), saved.items[i].key);
    segment_set_release(&saved);
    return code;
}

static muster_engine_stats stats_of(const top *t)
{
    muster_engine_stats stats;
    muster_engine_stats_get(t->c->engine, &stats);
    return stats;
}

static int take_questions(top *t, int argc, char **argv)
{
    int code = argc == 0 ? take_saved(t) : 0;
    for (int i = 0; i < argc && code == 0; i++)
        code = take_expression(t, argv[i]);
    const muster_engine_stats stats = stats_of(t);
    const bool idle = stats.resident_hits + stats.resident_misses == 0;
    if (code == 0 && t->count == 0 && idle)
        return tell_usage(t->c,
                          "there is nothing to ask: give expressions, or save"
                          " segments with: muster segment set KEY EXPR");
    return code;
}

/* ---- asking ---- */

static int ask_round(top *t, const muster_task *work, uint64_t round,
                     muster_error *err)
{
    t->last_ns = 0;
    for (size_t i = 0; i < t->count; i++) {
        muster_count *n = NULL;
        if (work->step(work->payload, "rounds", round * t->count + i,
                       t->rounds * t->count) != 0)
            return MUSTER_ECANCELLED;
        const int status = client_segment_count(t->segments[i], false, &n, err);
        if (status < 0)
            return status;
        t->last_ns += n->elapsed_ns;
        client_count_free(t->c, n);
    }
    return 0;
}

static int ask_rounds(top *t)
{
    task work;
    muster_error err;
    int status = 0;
    error_clear(&err);
    task_open(&work, t->c, "top");
    for (uint64_t i = 0; i < t->rounds && status == 0; i++) {
        if (i > 0 && i + 1 == t->rounds)
            muster_engine_warm(t->c->engine);
        status = ask_round(t, &work.steps, i, &err);
        if (i > 0)
            continue;
        t->first_ns = t->last_ns;
        t->hits[1] = stats_of(t).resident_hits;
    }
    t->hits[2] = stats_of(t).resident_hits;
    muster_engine_warm(t->c->engine); /* the worker has come to rest */
    return task_close(&work, t->c, status, &err);
}

/* ---- the answer ---- */

static void put_form(void *payload, const muster_resident *form)
{
    top *t = payload;
    rows *r = t->out;
    if (t->told++ >= t->limit && t->limit > 0)
        return;
    rows_str(r, form->form);
    rows_str(r, form->attribute);
    if (form->value_len > 0)
        rows_text(r, text_make(form->value, form->value_len));
    else
        rows_null(r);
    rows_str(r, form->provider);
    rows_bool(r, form->resident);
    rows_uint(r, form->bytes);
    rows_uint(r, form->asks);
    rows_uint(r, form->hits);
}

static uint64_t more_forms(const top *t)
{
    return t->limit > 0 && t->told > t->limit ? t->told - t->limit : 0;
}

static void put_answer(top *t, const muster_engine_stats *stats)
{
    static const column columns[] = {
        {"form", COLUMN_TEXT},     {"attribute", COLUMN_TEXT},
        {"value", COLUMN_TEXT},    {"provider", COLUMN_TEXT},
        {"resident", COLUMN_BOOL}, {"bytes", COLUMN_COUNT},
        {"asks", COLUMN_COUNT},    {"hits", COLUMN_COUNT}};
    cli *c = t->c;
    out_open(c);
    t->out = rows_open(c, "forms", columns, 8);
    muster_engine_residents(c->engine, put_form, t);
    rows_close(t->out);
    out_member_uint(c, "more", more_forms(t));
    out_member_uint(c, "resident_bytes", stats->resident_bytes);
    out_member_uint(c, "resident_budget", stats->resident_budget);
    out_member_uint(c, "resident_forms", stats->resident_forms);
    out_member_uint(c, "hits", stats->resident_hits);
    out_member_uint(c, "misses", stats->resident_misses);
    out_member_uint(c, "questions", t->count);
    out_member_uint(c, "rounds", t->rounds);
    out_member_uint(c, "first_us", t->first_ns / 1000);
    out_member_uint(c, "last_us", t->last_ns / 1000);
    out_member_state(c);
    out_close(c);
}

/* "812 us", "0.4 us" */
static void put_duration(buffer *b, uint64_t ns)
{
    if (ns < 10000)
        buffer_printf(b, "%.1f us", (double)ns / 1000);
    else
        buffer_printf(b, "%s us", human_count(ns / 1000).text);
}

/* "; a round took 812 us cold, 95 us warm" */
static void put_times(const top *t, buffer *b)
{
    const bool cold = t->hits[1] == t->hits[0];
    const bool warm = t->hits[2] > t->hits[0];
    if (t->count == 0)
        return;
    buffer_put_str(b, "; a round took ");
    put_duration(b, t->first_ns);
    buffer_put_str(b, cold ? " cold" : " at first");
    if (t->rounds == 1)
        return;
    buffer_put_str(b, ", ");
    put_duration(b, t->last_ns);
    buffer_put_str(b, warm ? " warm" : " at last");
}

/* "12 forms" */
static void put_number(buffer *b, uint64_t n, const char *one, const char *many)
{
    buffer_printf(b, "%s %s", human_count(n).text, n == 1 ? one : many);
}

static void tell_summary(const top *t, const muster_engine_stats *stats)
{
    buffer b;
    buffer_init(&b, 4096);
    buffer_printf(&b, "resident: %s", human_resident(stats).text);
    if (stats->resident_budget >= RESIDENT_LEAST) {
        buffer_put_str(&b, " in ");
        put_number(&b, stats->resident_forms, "form", "forms");
    }
    buffer_put_str(&b, "; ");
    put_number(&b, stats->resident_hits, "hit", "hits");
    buffer_put_str(&b, ", ");
    put_number(&b, stats->resident_misses, "miss", "misses");
    put_times(t, &b);
    tell(t->c, "%s", buffer_cstr(&b));
    buffer_release(&b);
}

static void answer(top *t)
{
    const muster_engine_stats stats = stats_of(t);
    put_answer(t, &stats);
    out_flush(t->c);
    if (more_forms(t) > 0 && format_is_human(t->c))
        tell(t->c, "%s form%s more; --limit 0 shows all",
             human_count(more_forms(t)).text, more_forms(t) == 1 ? "" : "s");
    tell_summary(t, &stats);
}

/* ---- the verb ---- */

static int take_flags(top *t)
{
    if (!cli_flag_uint(t->c, "rounds", &t->rounds) ||
        !cli_flag_uint(t->c, "limit", &t->limit))
        return EXIT_USAGE;
    if (t->rounds < 1 || t->rounds > ROUNDS_MAX)
        return tell_usage(t->c, "--rounds takes 1 to %s, not '%s'",
                          human_count(ROUNDS_MAX).text,
                          cli_flag_text(t->c, "rounds"));
    return 0;
}

static int cmd_top(cli *c, int argc, char **argv)
{
    top t = {.c = c, .rounds = ROUNDS_DEFAULT, .limit = LIMIT_DEFAULT};
    int code = take_flags(&t);
    if (code == 0 && c->set.server != NULL && argc > 0)
        return tell_usage(c, "a server tells what it was asked; expressions"
                             " are for a data directory");
    if (code == 0 && c->set.server != NULL)
        return top_of_server(c, t.limit);
    if (code == 0)
        code = session_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    t.hits[0] = stats_of(&t).resident_hits;
    code = take_questions(&t, argc, argv);
    if (code == 0)
        code = ask_rounds(&t);
    if (code == 0)
        answer(&t);
    for (size_t i = 0; i < t.count; i++)
        client_segment_free(t.segments[i]);
    mem_free(t.segments);
    return code;
}

static const cli_flag top_flags[] = {
    {"rounds", 0, "N", NULL, "how often each is asked: 1 to 10,000 (10)"},
    {"limit", 0, "N", NULL, "at most N forms; 0 = all (20)"},
    CLI_FLAG_END};

const cli_verb verb_top = {
    .name = "top",
    .run = cmd_top,
    .synopsis = "[EXPR|-]... [--rounds N] [--limit N]",
    .summary = "What questions keep hot in memory",
    .about =
        "Asks each expression, or else each saved segment, again and again. "
        "What is asked for\n"
        "twice the engine keeps in memory in a form made for evaluation, "
        "within --resident; that\n"
        "changes no answer. `plane`: the users of a value, of a day of an "
        "event, of a bit of a\n"
        "number; `codes`: all values of a one_of; `ages`: how long ago an "
        "event was seen.\n"
        "`asks`: plans that wanted the form (they fade with the minutes); "
        "`hits`: plans that\n"
        "found it. What fewer than 512 users have is as fast where it lies.\n"
        "\n"
        "stderr tells what a round of all questions took: the first, cold when "
        "it found no\n"
        "form, and the last, warm when it did. To see what the forms are "
        "worth, compare the last\n"
        "round with that of --resident 0. In the shell the engine stays open: "
        "there it is what\n"
        "the session keeps hot.\n"
        "\n"
        "With --server: each route's requests since the server started, how"
        " many were refused\n(4xx) and failed (5xx), and what they took.\n",
    .flags = top_flags,
    .examples =
        "# what do the saved segments keep hot, is --resident enough?\n"
        "muster top\n"
        "# what would this question gain when asked all day?\n"
        "muster top 'geo.country = \"DE\" and purchase within 30 days'\n"
        "# the same without resident forms\n"
        "muster top --resident 0 'geo.country = \"DE\" and purchase within 30"
        " days'\n"
        "# what has the server been asked?\n"
        "muster top --server http://127.0.0.1:8080\n"
        "# all forms, for a script\n"
        "muster top --limit 0 --json\n",
    .exits = "0 2 3 130",
    .words_max = -1,
    .operand = OPERAND_TEXT,
    .takes_expr = true,
};
