/*
 * cmd_doctor.c - `muster doctor`: the check of the data directory, and the
 * repair of what can be rebuilt.
 *
 * Findings are the rows of the answer, in the order they are found. In tables
 * two lines for people follow them; in tsv, csv and md these stand on stderr;
 * in JSON the same numbers are `health`. The exit code is 0 when nothing is
 * left to repair or to bring back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/error.h"

static const char *const severities[] = {[MUSTER_NOTE] = "note",
                                         [MUSTER_REPAIRED] = "repaired",
                                         [MUSTER_REPAIRABLE] = "repairable",
                                         [MUSTER_DAMAGE] = "damage"};

/* A table without findings has no header either. */
typedef struct findings {
    cli *c;
    rows *rows;
} findings;

static void open_findings(findings *all)
{
    static const column columns[] = {{"severity", COLUMN_TEXT},
                                     {"file", COLUMN_TEXT},
                                     {"place", COLUMN_TEXT},
                                     {"message", COLUMN_TEXT},
                                     {"remedy", COLUMN_TEXT}};
    all->rows = rows_open(all->c, "findings", columns, 5);
}

static void put_finding(void *payload, const muster_finding *f)
{
    findings *all = payload;
    ASSERT(f->severity <= MUSTER_DAMAGE);
    if (all->rows == NULL)
        open_findings(all);
    rows_str(all->rows, severities[f->severity]);
    rows_str(all->rows, f->file);
    rows_str(all->rows, f->place);
    rows_str(all->rows, f->message);
    rows_str(all->rows, f->remedy);
}

/* ---- the state of health ---- */

static bool hash_is_known(const muster_health *h)
{
    return h->hash.low != 0 || h->hash.high != 0;
}

static void put_health(cli *c, const muster_health *h, bool sound)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"log_batches", h->log_batches},
                   {"log_bytes", h->log_bytes},
                   {"generations", h->generations},
                   {"planes", h->planes},
                   {"users", h->users},
                   {"ids", h->ids},
                   {"bytes_read", h->bytes_read},
                   {"epoch", h->epoch}};
    json_writer *w = out_member(c, "health");
    if (w == NULL)
        return;
    json_open_object(w);
    json_key(w, "sound");
    json_put_bool(w, sound);
    for (int i = MUSTER_NOTE; i <= MUSTER_DAMAGE; i++) {
        json_key(w, severities[i]);
        json_put_uint(w, h->findings[i]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_key(w, numbers[i].key);
        json_put_uint(w, numbers[i].value);
    }
    json_key(w, "state_hash");
    if (hash_is_known(h))
        json_put_str(w, human_hash(&h->hash).text);
    else
        json_put_null(w);
    json_close(w);
}

/* What is wrong stands among the findings. */
static bool is_told(const muster_health *h)
{
    return h->findings[MUSTER_REPAIRABLE] + h->findings[MUSTER_DAMAGE] > 0;
}

/* ", 2 repairable"; nothing for none. */
static void put_part(buffer *b, uint64_t n, const char *what)
{
    if (n > 0)
        buffer_printf(b, ", %s %s", human_count(n).text, what);
}

static void put_verdict(buffer *b, const muster_health *h, bool sound)
{
    const uint64_t repaired = h->findings[MUSTER_REPAIRED];
    const uint64_t repairable = h->findings[MUSTER_REPAIRABLE];
    const uint64_t damage = h->findings[MUSTER_DAMAGE];
    const uint64_t all = repaired + repairable + damage;
    if (all > 0) {
        buffer_printf(b, "%s finding%s", human_count(all).text,
                      all == 1 ? "" : "s");
        put_part(b, repaired, "repaired");
        put_part(b, repairable, "repairable (muster doctor --repair)");
        put_part(b, damage, damage == 1 ? "needs a backup" : "need a backup");
        buffer_put_str(b, sound ? "; now " : "");
    }
    if (sound)
        buffer_put_str(b, "sound");
}

static void put_contents(buffer *b, const muster_health *h)
{
    buffer_printf(b, "%s log batches (%s)", human_count(h->log_batches).text,
                  human_bytes((double)h->log_bytes).text);
    put_part(b, h->generations,
             h->generations == 1 ? "generation" : "generations");
    put_part(b, h->planes, "planes");
    put_part(b, h->users, "users");
    put_part(b, h->ids, "ids");
}

/* Two lines: how it is, and the state that was read. */
static void put_summary(cli *c, const muster_health *h, bool sound)
{
    buffer b;
    buffer state;
    buffer_init(&b, 4096);
    buffer_init(&state, 4096);
    put_verdict(&b, h, sound);
    buffer_put_str(&b, ": ");
    put_contents(&b, h);
    if (hash_is_known(h))
        buffer_printf(&state, "state %s at epoch %llu",
                      human_hash(&h->hash).text, (unsigned long long)h->epoch);
    else
        buffer_put_str(&state, "the state cannot be read");
    if (c->set.format == FORMAT_TABLE) {
        out_printf(c, "%s\n%s\n", buffer_cstr(&b), buffer_cstr(&state));
    } else if (format_is_human(c)) {
        tell(c, "%s", buffer_cstr(&b));
        tell(c, "%s", buffer_cstr(&state));
    }
    buffer_release(&b);
    buffer_release(&state);
}

/* ---- the verb ---- */

static int cmd_doctor(cli *c, int argc, char **argv)
{
    const bool repair = cli_flag_is(c, "repair");
    findings all = {.c = c};
    muster_health health;
    muster_error err;
    task t;
    (void)argc;
    (void)argv;
    error_clear(&err);
    memset(&health, 0, sizeof health);
    const int code = session_check_local(c);
    if (code != 0)
        return code;
    session_close(c); /* the shell's: it opens what was repaired */
    out_open(c);
    if (c->set.format != FORMAT_TABLE)
        open_findings(&all);
    task_open(&t, c, "doctor");
    const int status = muster_doctor(c->set.data_dir, repair, &t.steps,
                                     put_finding, &all, &health, &err);
    const bool judged =
        status == 0 || (status == MUSTER_ECORRUPT && is_told(&health));
    const int end = task_close(&t, c, judged ? 0 : status, &err);
    if (all.rows != NULL)
        rows_close(all.rows);
    if (end != 0) {
        out_discard(c);
        return end;
    }
    put_health(c, &health, status == 0);
    out_close(c);
    put_summary(c, &health, status == 0);
    return exit_of(status);
}

static const cli_flag doctor_flags[] = {
    {"repair", 0, NULL, NULL, "put right what the rest of the data can"},
    CLI_FLAG_END};

const cli_verb verb_doctor = {
    .name = "doctor",
    .run = cmd_doctor,
    .synopsis = "[--repair]",
    .summary = "Check the data directory, and repair it",
    .about =
        "Reads everything: the database, every batch of the log, every"
        " generation, the\nreadable tables, files that nobody names. Without"
        " --repair nothing is changed, and\nanother process may be writing"
        " meanwhile.\n"
        "\n"
        "  note        worth knowing; nothing is wrong\n"
        "  repaired    was wrong, is right now\n"
        "  repairable  --repair puts it right: the log has what it takes\n"
        "  damage      only a backup brings it back (muster snapshot restore)\n"
        "\n"
        "The state hash is the same for equal states, wherever they stand. No"
        " key is needed.\n",
    .flags = doctor_flags,
    .examples = "# is all well?\n"
                "muster doctor\n"
                "# after a disk had errors\n"
                "muster doctor --repair\n",
    .exits = "0 2 5 130",
};
