/*
 * cmd_generate.c - `muster generate`: a made-up population to try things on.
 *
 * The verb is the options and the summary; generate.c does the work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "generate.h"

#define USERS_DEFAULT 10000u
#define SEED_DEFAULT 1u
#define DAYS_DEFAULT 90u
#define SECONDS_PER_DAY 86400

static const cli_flag generate_flags[] = {
    {"users", 'n', "N", NULL, "how many users (10,000)"},
    {"seed", 0, "S", NULL, "another seed is another population (1)"},
    {"days", 0, "D", NULL, "days before --now the facts lie in (90)"},
    {"catalog", 0, NULL, NULL,
     "write the catalog file that fits, and no records"},
    CLI_FLAG_END};

const cli_verb verb_generate = {
    .name = "generate",
    .run = cmd_generate,
    .synopsis = "[--users N] [--seed S] [--days D] [FILE]",
    .summary = "Made-up people, written as records that load reads",
    .about =
        "Writes users with places, devices, age, gender, income, interests,\n"
        "page views, carts and purchases, as three providers tell them: shop\n"
        "(first party), partner (second) and datahub (third; partly wrong).\n"
        "Per user about one profile record of 20 facts and five event records\n"
        "of two.\n"
        "\n"
        "--format is ndjson (when not given), csv or msgpack. All three hold\n"
        "the same facts, but CSV has no place for counts and amounts.\n"
        "The same users, seed, days and --now give the same bytes. Without\n"
        "--now, time ends where the present UTC day began.",
    .flags = generate_flags,
    .examples =
        "# a hundred thousand users, loaded at once\n"
        "muster generate --catalog > catalog.json\n"
        "muster attr apply catalog.json\n"
        "muster generate --users 100000 | muster load -\n"
        "# the same bytes tomorrow\n"
        "muster generate --users 1000 --seed 7 --now 2026-11-01 users.ndjson",
    .exits = "0 2",
    .words_min = 0,
    .words_max = 1,
    .operand = OPERAND_FILE,
};

static bool choose_format(const cli *c, generate_format *out)
{
    *out = GENERATE_NDJSON;
    if (!c->set.format_given || c->set.format == FORMAT_NDJSON)
        return true;
    if (c->set.format == FORMAT_CSV)
        *out = GENERATE_CSV;
    else if (c->set.format == FORMAT_MSGPACK)
        *out = GENERATE_MSGPACK;
    else
        return false;
    return true;
}

/* 0, or an exit code after telling. */
static int choose_options(const cli *c, generate_options *o)
{
    uint64_t days = DAYS_DEFAULT;
    o->users = USERS_DEFAULT;
    o->seed = SEED_DEFAULT;
    o->now = c->set.now;
    if (o->now == 0)
        o->now = clock_now() / SECONDS_PER_DAY * SECONDS_PER_DAY;
    if (!choose_format(c, &o->format))
        return tell_usage(c, "records are written as ndjson, csv or msgpack");
    if (!cli_flag_uint(c, "users", &o->users) ||
        !cli_flag_uint(c, "seed", &o->seed) ||
        !cli_flag_uint(c, "days", &days))
        return EXIT_USAGE;
    o->days = days > UINT32_MAX ? UINT32_MAX : (uint32_t)days;
    return 0;
}

static void tell_totals(const cli *c, const generate_totals *t, uint64_t ns)
{
    tell(c, "%s users, %s records, %s facts, %s in %s",
         human_count(t->users).text, human_count(t->records).text,
         human_count(t->facts).text, human_bytes((double)t->bytes).text,
         human_duration_ns(ns).text);
}

static int cannot_write(const cli *c, const char *path)
{
    return tell_error(c, EXIT_USAGE, "cannot write %s: %s",
                      path != NULL ? path : "to stdout", strerror(errno));
}

int cmd_generate(cli *c, int argc, char **argv)
{
    generate_options options = {.out = stdout};
    const char *path = argc > 0 && strcmp(argv[0], "-") != 0 ? argv[0] : NULL;
    int code = choose_options(c, &options);
    if (code != 0)
        return code;
    out_flush(c);
    if (path != NULL && (options.out = fopen(path, "wb")) == NULL)
        return cannot_write(c, path);
    muster_error err;
    generate_totals totals = {0, 0, 0, 0};
    const uint64_t start = clock_monotonic_ns();
    if (!cli_flag_is(c, "catalog")) {
        if (generate_run(&options, &totals, &err) != 0)
            code = tell_status(c, &err, NULL, 0);
    } else if (fputs(generate_catalog(), options.out) < 0 ||
               fflush(options.out) != 0) {
        code = cannot_write(c, path);
    }
    if (path != NULL && fclose(options.out) != 0 && code == 0)
        code = cannot_write(c, path);
    if (code == 0 && totals.records > 0 && (path != NULL || !c->out_tty))
        tell_totals(c, &totals, clock_monotonic_ns() - start);
    return code;
}
