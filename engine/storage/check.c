/*
 * check.c - everything in a data directory read and compared.
 *
 * In this order: SQLite's own structure, the numbers of the log against each
 * other and the mark, every batch, every section of every generation, every
 * load, files that no row names. All of one moment: the look is one read
 * transaction, and a writer goes on beside it. The mark is read before it
 * begins, and all generations are mapped at its beginning, so that those which
 * the writer removes meanwhile can still be read; one that is gone by then
 * makes it begin anew, unless its row still stands.
 *
 * What a finding is worth depends on the others, so those about log and
 * generations are kept until all is read:
 *
 *   a batch       repairable when a sound generation stands behind it, for
 *                 then nothing has to be replayed from it
 *   a generation  repairable when another sound one stands, or the log was
 *                 never pruned, and the log from there is sound
 *   the rest      damage; files that no row names are a note
 *
 * A generation that the log does not reach back to is of no use, even with
 * fitting checksums, and a log that was pruned needs one.
 *
 * What no checksum covers is beyond this: the catalog's tables and, of the
 * log, load id and position, for which SQLite's own check has to do.
 *
 * Memory: the findings, of which FINDINGS_MAX of each subject are told one by
 * one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <stdio.h>
#include <string.h>

/* A directory beyond repair need not be told batch by batch. */
#define FINDINGS_MAX 1000u
#define STEP_BYTES ((uint64_t)16 << 20)
#define TRIES_MAX 5

typedef enum subject {
    SUBJECT_OTHER,
    SUBJECT_BATCH,
    SUBJECT_GENERATION,
    SUBJECT_NOTE
} subject;
#define SUBJECTS 4

typedef struct kept_finding {
    subject about;
    uint64_t seq; /* of a batch: from here; of a generation: its state */
    storage_finding finding;
} kept_finding;

typedef struct checking {
    storage *s;
    storage_finding_fn found;
    storage_step_fn step;
    void *payload;
    storage_tally tally;
    arena memory;
    kept_finding *findings;
    size_t finding_count;
    size_t finding_capacity;
    size_t counts[SUBJECTS]; /* of findings */
    uint64_t untold_seq;     /* the highest of a batch that is not kept */
    log_mark mark;
    bool rows_known;
    generation_rows rows;
    generation **opened; /* one per row; NULL where it does not open */
    muster_error *reasons;
    uint64_t next_step;
    int stopped;    /* what step returned */
    uint64_t total; /* bytes, about */
    uint64_t pruned;
    bool log_agrees; /* the numbers with each other and the mark */
    uint64_t next_batch;  /* the number that has to come */
    uint64_t worst_batch; /* the highest that is bad or missing; 0: none */
    uint64_t sound_seq;   /* of the newest sound generation */
    int64_t sound_id;     /* 0: none */
    const generation_row *row; /* being looked at */
    const char *file;
    bool row_sound;
} checking;

static void keep(checking *c, subject about, uint64_t seq,
                 const storage_finding *f)
{
    if (c->counts[about]++ >= FINDINGS_MAX) {
        if (about == SUBJECT_BATCH && seq > c->untold_seq)
            c->untold_seq = seq;
        return;
    }
    mem_grow(&c->findings, &c->finding_capacity, c->finding_count + 1,
             sizeof *c->findings);
    storage_finding copy = *f;
    copy.file = arena_strndup(&c->memory, f->file, strlen(f->file));
    copy.place = arena_strndup(&c->memory, f->place, strlen(f->place));
    copy.message = arena_strndup(&c->memory, f->message, strlen(f->message));
    c->findings[c->finding_count++] = (kept_finding){about, seq, copy};
}

static void keep_database(checking *c, storage_finding_kind kind,
                          const char *place, const char *message)
{
    const storage_finding f = {
        .kind = kind,
        .file = STORAGE_DATABASE,
        .place = place,
        .message = message,
    };
    keep(c, SUBJECT_OTHER, 0, &f);
}

static int stopped(const checking *c, muster_error *err)
{
    error_set(err, c->stopped, "cancelled", "the check of %s was stopped",
              c->s->dir);
    return c->stopped;
}

/* `bytes` more are read. */
static int advance(checking *c, const char *what, uint64_t bytes,
                   muster_error *err)
{
    c->tally.bytes_read += bytes;
    if (c->step == NULL || c->tally.bytes_read < c->next_step)
        return 0;
    c->next_step = c->tally.bytes_read + STEP_BYTES;
    const uint64_t done =
        c->tally.bytes_read < c->total ? c->tally.bytes_read : c->total;
    c->stopped = c->step(c->payload, what, done, c->total);
    return c->stopped == 0 ? 0 : stopped(c, err);
}

/* What SQLite calls corrupt is a finding; other errors end the check. */
static int as_finding(checking *c, int rc, const char *place,
                      const muster_error *reason, muster_error *err)
{
    if (rc == MUSTER_ECORRUPT) {
        keep_database(c, STORAGE_DAMAGE, place, reason->message);
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = *reason;
    return rc;
}

/* ---- SQLite's own ---- */

static int on_progress(void *payload)
{
    checking *c = payload;
    c->stopped = c->step(c->payload, STORAGE_DATABASE, 0, c->total);
    return c->stopped;
}

static int take_text(void *payload, const storage_value *columns,
                     size_t column_count, muster_error *err)
{
    checking *c = payload;
    char message[512];
    (void)err;
    ASSERT(column_count == 1);
    snprintf(message, sizeof message, "%.*s", (int)columns[0].len,
             (const char *)columns[0].bytes);
    if (strcmp(message, "ok") != 0)
        keep_database(c, STORAGE_DAMAGE, "", message);
    return 0;
}

static int check_database(checking *c, muster_error *err)
{
    muster_error reason;
    error_clear(&reason);
    if (c->step != NULL)
        sqlite3_progress_handler(c->s->db, 1000000, on_progress, c);
    const int rc = storage_each(c->s, "PRAGMA integrity_check", NULL, 0,
                                take_text, c, &reason);
    sqlite3_progress_handler(c->s->db, 0, NULL, NULL);
    if (c->stopped != 0)
        return stopped(c, err);
    return as_finding(c, rc, "", &reason, err);
}

/* ---- log ---- */

static void bad_batches(checking *c, uint64_t first, uint64_t last,
                        const char *message)
{
    char place[64];
    if (first == last)
        snprintf(place, sizeof place, "log batch %llu",
                 (unsigned long long)first);
    else
        snprintf(place, sizeof place, "log batches %llu to %llu",
                 (unsigned long long)first, (unsigned long long)last);
    const storage_finding f = {
        .kind = STORAGE_DAMAGE,
        .file = STORAGE_DATABASE,
        .place = place,
        .message = message,
    };
    keep(c, SUBJECT_BATCH, last, &f);
    if (last > c->worst_batch)
        c->worst_batch = last;
}

static int look_at_batch(void *payload, const storage_batch *batch, bool sound,
                         muster_error *err)
{
    checking *c = payload;
    if (batch->seq > c->next_batch)
        bad_batches(c, c->next_batch, batch->seq - 1, "it is missing");
    if (!sound)
        bad_batches(c, batch->seq, batch->seq, "its checksum does not fit");
    if (batch->seq >= c->next_batch)
        c->next_batch = batch->seq + 1;
    c->tally.log_batches++;
    c->tally.log_bytes += batch->len;
    return advance(c, "log", batch->len, err);
}

static int check_log(checking *c, muster_error *err)
{
    muster_error reason;
    error_clear(&reason);
    int rc = log_verify(c->s, &c->mark, &reason);
    c->log_agrees = rc == 0;
    rc = as_finding(c, rc, "log", &reason, err);
    if (rc != 0)
        return rc;
    if (log_pruned(c->s, &c->pruned, NULL) != 0)
        c->pruned = 0;
    c->next_batch = c->pruned + 1;
    rc = log_each_raw(c->s, look_at_batch, c, &reason);
    return as_finding(c, rc, "log", &reason, err);
}

/* ---- generations ---- */

static void bad_generation(checking *c, const char *place, const char *message)
{
    const storage_finding f = {
        .kind = STORAGE_DAMAGE,
        .file = c->file,
        .place = place,
        .message = message,
        .generation = c->row->id,
    };
    keep(c, SUBJECT_GENERATION, c->row->seq, &f);
    c->row_sound = false;
}

static void look_at_section(void *payload, const char *name, const char *fault)
{
    checking *c = payload;
    char place[64];
    if (fault == NULL)
        return;
    snprintf(place, sizeof place, "section %s", name);
    bad_generation(c, place, fault);
}

/* Nothing of the state is in them. */
static void bad_gaps(checking *c)
{
    const storage_finding f = {
        .kind = STORAGE_REPAIRABLE,
        .file = c->file,
        .place = "",
        .message = "the bytes between its sections changed",
        .generation = c->row->id,
    };
    keep(c, SUBJECT_OTHER, 0, &f);
}

static int check_generation(checking *c, size_t i, muster_error *err)
{
    const generation_row *row = &c->rows.rows[i];
    const generation *g = c->opened[i];
    char *path = generation_path(".", row->id, "mgen");
    c->row = row;
    c->file = path + 2;
    c->row_sound = true;
    c->tally.generations++;
    if (g == NULL)
        bad_generation(c, "", c->reasons[i].message);
    else
        generation_each_section(g, look_at_section, c);
    if (c->row_sound && row->seq < c->pruned)
        bad_generation(c, "", "the log no longer reaches back to it");
    if (c->row_sound && !generation_gaps_are_sound(g))
        bad_gaps(c);
    if (c->row_sound && c->sound_id == 0) {
        c->sound_id = row->id;
        c->sound_seq = row->seq;
    }
    const int rc =
        advance(c, c->file, g != NULL ? generation_bytes(g) : 0, err);
    mem_free(path);
    return rc;
}

static int check_generations(checking *c, muster_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->rows.count; i++)
        rc = check_generation(c, i, err);
    if (rc == 0 && c->rows.count == 0 && c->pruned != 0)
        keep_database(c, STORAGE_DAMAGE, "generations",
                      "there is none, and the log was pruned");
    return rc;
}

static void look_at_stray(void *payload, const char *name)
{
    const storage_finding f = {
        .kind = STORAGE_NOTE,
        .file = name,
        .place = "",
        .message = "no row names it; the next writer to open removes it",
    };
    keep(payload, SUBJECT_NOTE, 0, &f);
}

/* ---- loads ---- */

static int look_at_load(void *payload, muster_text load_id,
                        const storage_load *load)
{
    checking *c = payload;
    char place[80];
    if (load != NULL)
        return 0;
    snprintf(place, sizeof place, "load %.*s",
             (int)(load_id.len < 64 ? load_id.len : 64),
             load_id.ptr != NULL ? load_id.ptr : "");
    keep_database(c, STORAGE_DAMAGE, place, "its checksum does not fit");
    return 0;
}

static int check_loads(checking *c, muster_error *err)
{
    muster_error reason;
    error_clear(&reason);
    if (c->s->version < 2)
        return 0;
    const int rc = load_each(c->s, look_at_load, c, &reason);
    return as_finding(c, rc, "loads", &reason, err);
}

/* ---- the whole ---- */

/* Can the state be rebuilt without the one that is damaged? */
static bool is_repairable(const checking *c, subject about, uint64_t seq)
{
    const bool stands = c->sound_id != 0 ? c->worst_batch <= c->sound_seq
                                         : c->pruned == 0 &&
                                               c->worst_batch == 0;
    switch (about) {
    case SUBJECT_BATCH:
        return c->sound_id != 0 && seq <= c->sound_seq;
    case SUBJECT_GENERATION:
        return c->log_agrees && stands;
    case SUBJECT_OTHER:
    case SUBJECT_NOTE:
        break;
    }
    return false;
}

static void tell_untold(checking *c)
{
    for (int i = 0; i < SUBJECTS; i++) {
        char message[64];
        const subject about = (subject)i;
        if (c->counts[i] <= FINDINGS_MAX)
            continue;
        snprintf(message, sizeof message, "%zu more findings are not listed",
                 c->counts[i] - FINDINGS_MAX);
        storage_finding f = {
            .kind = about == SUBJECT_NOTE ? STORAGE_NOTE : STORAGE_DAMAGE,
            .file = STORAGE_DATABASE,
            .place = "",
            .message = message,
        };
        if (is_repairable(c, about, c->untold_seq))
            f.kind = STORAGE_REPAIRABLE;
        c->found(c->payload, &f);
    }
}

static void tell(checking *c)
{
    for (size_t i = 0; i < c->finding_count; i++) {
        const kept_finding *k = &c->findings[i];
        storage_finding f = k->finding;
        if (is_repairable(c, k->about, k->seq))
            f.kind = STORAGE_REPAIRABLE;
        c->found(c->payload, &f);
    }
    tell_untold(c);
}

static int look_at_all(checking *c, muster_error *err)
{
    int rc = check_database(c, err);
    if (rc == 0)
        rc = check_log(c, err);
    if (rc == 0)
        rc = check_generations(c, err);
    if (rc == 0)
        rc = check_loads(c, err);
    if (rc == 0 && c->rows_known)
        generation_each_stray(c->s, &c->rows, look_at_stray, c);
    return rc;
}

static void estimate(checking *c)
{
    int64_t pages = 0;
    int64_t page_bytes = 0;
    storage_query_int(c->s, "PRAGMA page_count", &pages, NULL);
    storage_query_int(c->s, "PRAGMA page_size", &page_bytes, NULL);
    c->total = (uint64_t)pages * (uint64_t)page_bytes;
    for (size_t i = 0; i < c->rows.count; i++)
        c->total += c->rows.rows[i].bytes;
}

/* ---- one moment ---- */

/* The rows stay. */
static void close_generations(checking *c)
{
    for (size_t i = 0; i < c->rows.count; i++)
        generation_close(c->opened[i]);
    mem_free(c->opened);
    mem_free(c->reasons);
    c->opened = NULL;
    c->reasons = NULL;
}

/* One that can only not be read now is no finding. *missing: files. */
static int open_generations(checking *c, size_t *missing, muster_error *err)
{
    muster_error reason;
    error_clear(&reason);
    int rc = generation_rows_read(c->s, &c->rows, &reason);
    c->rows_known = rc == 0;
    rc = as_finding(c, rc, "generations", &reason, err);
    const size_t count = c->rows.count;
    c->opened = mem_zalloc((count + 1) * sizeof(generation *));
    c->reasons = mem_zalloc((count + 1) * sizeof *c->reasons);
    *missing = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = generation_open_row(&c->opened[i], c->s, &c->rows.rows[i], false,
                                 &c->reasons[i]);
        if (rc == MUSTER_ECORRUPT) {
            *missing += generation_is_missing(c->s, c->rows.rows[i].id);
            rc = 0;
        } else if (rc != 0 && err != NULL) {
            *err = c->reasons[i];
        }
    }
    return rc;
}

/* Begins the transaction. Files that are missing twice, under rows that are
 * the same in a view that began later, were not removed by a writer: a row
 * goes before its file. */
static int begin_look(checking *c, muster_error *err)
{
    generation_rows former = {0};
    size_t former_missing = 0;
    size_t missing = 0;
    int rc = 0;
    bool settled = false;
    for (int i = 0; rc == 0 && !settled && i < TRIES_MAX; i++) {
        close_generations(c);
        mem_free(former.rows);
        former = c->rows;
        former_missing = missing;
        c->rows = (generation_rows){0};
        storage_rollback(c->s);
        mark_read(c->s, &c->mark);
        rc = storage_begin(c->s, err);
        if (rc == 0)
            rc = open_generations(c, &missing, err);
        settled = missing == 0 ||
                  (i > 0 && missing == former_missing &&
                   generation_rows_same(&former, &c->rows));
    }
    mem_free(former.rows);
    if (rc == 0 && !settled)
        rc = error_set(err, MUSTER_EBUSY, "generation_gone",
                       "%s is written to faster than it can be looked at",
                       c->s->dir);
    return rc;
}

int storage_check(storage *s, storage_finding_fn found, storage_step_fn step,
                  void *payload, storage_tally *tally, muster_error *err)
{
    ASSERT(s != NULL && found != NULL && !storage_in_transaction(s));
    checking c = {.s = s, .found = found, .step = step, .payload = payload};
    arena_init(&c.memory);
    sqlite3_db_release_memory(s->db); /* what is on disk counts */
    int rc = begin_look(&c, err);
    if (rc == 0) {
        estimate(&c);
        rc = look_at_all(&c, err);
    }
    storage_rollback(s);
    if (rc == 0)
        tell(&c);
    if (tally != NULL)
        *tally = c.tally;
    close_generations(&c);
    mem_free(c.rows.rows);
    arena_release(&c.memory);
    mem_free(c.findings);
    return rc;
}
