/*
 * check.c - everything in a data directory read and compared.
 *
 * In this order: SQLite's own structure, the numbers of the log against each
 * other and the mark, every batch, every section of every generation, every
 * load, files that no row names. All of one moment: the look is one read
 * transaction, and a writer goes on beside it.
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
 * Memory: the findings, of which FINDINGS_MAX are told one by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <stdio.h>
#include <string.h>

/* A directory beyond repair need not be told batch by batch. */
#define FINDINGS_MAX 1000u
#define STEP_BYTES ((uint64_t)16 << 20)

typedef enum subject {
    SUBJECT_OTHER,
    SUBJECT_BATCH,
    SUBJECT_GENERATION
} subject;

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
    size_t untold;
    uint64_t next_step;
    int stopped;    /* what step returned */
    uint64_t total; /* bytes, about */
    uint64_t pruned;
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
    if (c->finding_count == FINDINGS_MAX) {
        c->untold++;
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
    c->next_batch = batch->seq + 1;
    c->tally.log_batches++;
    c->tally.log_bytes += batch->len;
    return advance(c, "log", batch->len, err);
}

static int check_log(checking *c, muster_error *err)
{
    muster_error reason;
    error_clear(&reason);
    int rc = log_verify(c->s, &reason);
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

static int check_generation(checking *c, const generation_row *row,
                            muster_error *err)
{
    generation *g = NULL;
    muster_error reason;
    char *path = generation_path(".", row->id, "mgen");
    error_clear(&reason);
    c->row = row;
    c->file = path + 2;
    c->row_sound = true;
    c->tally.generations++;
    const int opened =
        generation_open_row(&g, c->s, row, false, &reason);
    if (opened != 0)
        bad_generation(c, "", reason.message);
    else
        generation_each_section(g, look_at_section, c);
    if (c->row_sound && c->sound_id == 0) {
        c->sound_id = row->id;
        c->sound_seq = row->seq;
    }
    const int rc =
        advance(c, c->file, g != NULL ? generation_bytes(g) : 0, err);
    generation_close(g);
    mem_free(path);
    return rc;
}

static int check_generations(checking *c, const generation_rows *rows,
                             muster_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->count; i++)
        rc = check_generation(c, &rows->rows[i], err);
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
    keep(payload, SUBJECT_OTHER, 0, &f);
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
static bool is_repairable(const checking *c, const kept_finding *k)
{
    const bool log_reaches = c->sound_id != 0 ? c->worst_batch <= c->sound_seq
                                              : c->pruned == 0 &&
                                                    c->worst_batch == 0;
    switch (k->about) {
    case SUBJECT_BATCH:
        return c->sound_id != 0 && k->seq <= c->sound_seq;
    case SUBJECT_GENERATION:
        return log_reaches;
    case SUBJECT_OTHER:
        break;
    }
    return false;
}

static void tell(checking *c)
{
    char message[64];
    for (size_t i = 0; i < c->finding_count; i++) {
        storage_finding f = c->findings[i].finding;
        if (is_repairable(c, &c->findings[i]))
            f.kind = STORAGE_REPAIRABLE;
        c->found(c->payload, &f);
    }
    if (c->untold == 0)
        return;
    snprintf(message, sizeof message, "%zu more findings are not listed",
             c->untold);
    const storage_finding f = {
        .kind = STORAGE_DAMAGE,
        .file = STORAGE_DATABASE,
        .place = "",
        .message = message,
    };
    c->found(c->payload, &f);
}

static int look_at_all(checking *c, muster_error *err)
{
    generation_rows rows;
    muster_error reason;
    error_clear(&reason);
    int rc = check_database(c, err);
    if (rc == 0)
        rc = check_log(c, err);
    if (rc != 0)
        return rc;
    rc = generation_rows_read(c->s, &rows, &reason);
    const bool known = rc == 0;
    rc = as_finding(c, rc, "generations", &reason, err);
    if (rc == 0)
        rc = check_generations(c, &rows, err);
    if (rc == 0)
        rc = check_loads(c, err);
    if (rc == 0 && known)
        generation_each_stray(c->s, &rows, look_at_stray, c);
    mem_free(rows.rows);
    return rc;
}

static void estimate(checking *c)
{
    int64_t pages = 0;
    int64_t page_bytes = 0;
    generation_rows rows;
    storage_query_int(c->s, "PRAGMA page_count", &pages, NULL);
    storage_query_int(c->s, "PRAGMA page_size", &page_bytes, NULL);
    c->total = (uint64_t)pages * (uint64_t)page_bytes;
    if (generation_rows_read(c->s, &rows, NULL) != 0)
        return;
    for (size_t i = 0; i < rows.count; i++)
        c->total += rows.rows[i].bytes;
    mem_free(rows.rows);
}

int storage_check(storage *s, storage_finding_fn found, storage_step_fn step,
                  void *payload, storage_tally *tally, muster_error *err)
{
    ASSERT(s != NULL && found != NULL);
    checking c = {.s = s, .found = found, .step = step, .payload = payload};
    const bool own = !storage_in_transaction(s);
    int rc = own ? storage_begin(s, err) : 0;
    if (rc != 0)
        return rc;
    arena_init(&c.memory);
    estimate(&c);
    rc = look_at_all(&c, err);
    if (own)
        storage_rollback(s);
    if (rc == 0)
        tell(&c);
    if (tally != NULL)
        *tally = c.tally;
    arena_release(&c.memory);
    mem_free(c.findings);
    return rc;
}
