/*
 * log.c - the change log: checksummed blobs in order.
 *
 * A batch is one row of table `log`. Its number is the last one + 1, so the
 * order of the log is the order of numbers and a lost row shows as a gap.
 * The checksum is XXH3-64 over
 *
 *   seq, 8 bytes little-endian | kind, 4 bytes little-endian | body
 *
 * so that a body in the wrong row is noticed too. Pruning takes rows from the
 * front; meta row `log_pruned` keeps the highest number ever pruned, so that
 * numbers go on from there when the log is empty. Meta row `log_last` keeps
 * the highest number ever committed: it is written in each transaction that
 * appends, at its end.
 *
 * The last number is held in memory by the writer (it is the only one) and
 * follows its transaction; a reader asks each time.
 *
 * Valid if and only if: (1) the numbers in `log` have no gap; (2) the first
 * is log_pruned + 1; (3) each checksum fits; (4) the last is log_last, where
 * that row is there (directories of version 1 have none); (5) no sound
 * generation and no mark (mark.c) is ahead of the last.
 *
 * (2), (4) and (5) are asked when a directory is opened: what the database
 * tells of its log in several places has to agree, so that a changed bit in
 * one of them is noticed and not believed. (1) and (3) show in reading.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

/* Far below SQLite's limit of 10^9; bounds what a replay holds at once. */
#define BATCH_BYTES_MAX ((size_t)256 << 20)

static uint64_t checksum_of(const storage_batch *b)
{
    uint8_t prefix[12];
    put_word(prefix, b->seq, 8);
    put_word(prefix + 8, b->kind, 4);
    hash_stream *h = hash_stream_new();
    hash_stream_add(h, prefix, sizeof prefix);
    hash_stream_add(h, b->bytes, b->len);
    const uint64_t value = hash_stream_value(h);
    hash_stream_free(h);
    return value;
}

/* ---- what the database tells of its log ---- */

/* One number that may be absent, or be no number. */
typedef struct log_number {
    bool found;
    bool bad;
    uint64_t value;
} log_number;

typedef struct log_numbers {
    log_number pruned;
    log_number noted; /* log_last */
    log_number first;
    log_number last;
    log_number id;
    log_number generation; /* the highest seq of a row */
} log_numbers;

static log_number number_of(const storage_value *column)
{
    return (log_number){
        .found = column->type != STORAGE_NULL,
        .bad = column->type != STORAGE_NULL && column->type != STORAGE_INT,
        .value = (uint64_t)column->integer,
    };
}

static int take_numbers(void *payload, const storage_value *columns,
                        size_t column_count, muster_error *err)
{
    log_numbers *n = payload;
    (void)err;
    ASSERT(column_count == 6);
    n->pruned = number_of(&columns[0]);
    n->noted = number_of(&columns[1]);
    n->first = number_of(&columns[2]);
    n->last = number_of(&columns[3]);
    n->id = number_of(&columns[4]);
    n->generation = number_of(&columns[5]);
    return 0;
}

/* In one statement, so of one moment. */
static int read_numbers(storage *s, log_numbers *out, muster_error *err)
{
    return storage_each(
        s,
        "SELECT (SELECT value FROM meta WHERE key = 'log_pruned'),"
        " (SELECT value FROM meta WHERE key = 'log_last'),"
        " (SELECT min(seq) FROM log), (SELECT max(seq) FROM log),"
        " (SELECT value FROM meta WHERE key = 'log_id'),"
        " (SELECT max(seq) FROM generation)",
        NULL, 0, take_numbers, out, err);
}

/* The last number, as far as the rows tell. */
static uint64_t last_of(const log_numbers *n)
{
    return n->last.found && n->last.value > n->pruned.value ? n->last.value
                                                            : n->pruned.value;
}

static int bad_log(const storage *s, const char *what, muster_error *err)
{
    error_set(err, MUSTER_ECORRUPT, "bad_log",
              "the numbers of the change log in %s/" STORAGE_DATABASE
              " contradict each other: %s",
              s->dir, what);
    error_suggest(err, "see what is sound with muster doctor, or restore the "
                       "newest snapshot: muster snapshot restore");
    return MUSTER_ECORRUPT;
}

/* Batches first to last were acknowledged and are not there. */
static int log_lost(const storage *s, const char *file, uint64_t first,
                    uint64_t last, muster_error *err)
{
    ASSERT(first <= last);
    if (first == last)
        error_set(err, MUSTER_ECORRUPT, "log_lost",
                  "%s/%s is damaged: change batch %llu was committed and is "
                  "missing",
                  s->dir, file, (unsigned long long)first);
    else
        error_set(err, MUSTER_ECORRUPT, "log_lost",
                  "%s/%s is damaged: change batches %llu to %llu were "
                  "committed and are missing",
                  s->dir, file, (unsigned long long)first,
                  (unsigned long long)last);
    error_suggest(err, "restore the newest snapshot (muster snapshot restore), "
                       "or see what is left with muster doctor");
    return MUSTER_ECORRUPT;
}

static bool is_absurd(const log_number *n)
{
    return n->bad || (n->found && n->value > INT64_MAX);
}

/* (2), (4), and that each is a number at all. */
static int check_numbers(const storage *s, const log_numbers *n,
                         muster_error *err)
{
    const uint64_t last = last_of(n);
    if (is_absurd(&n->pruned) || is_absurd(&n->noted) || is_absurd(&n->first) ||
        is_absurd(&n->last) || is_absurd(&n->generation) || n->id.bad)
        return bad_log(s, "one is none", err);
    if (n->first.found && n->first.value <= n->pruned.value)
        return bad_log(s, "it begins before the end of what was pruned", err);
    if (n->first.found && n->first.value != n->pruned.value + 1)
        return log_lost(s, STORAGE_DATABASE, n->pruned.value + 1,
                        n->first.value - 1, err);
    if (n->noted.found && n->noted.value > last)
        return log_lost(s, STORAGE_DATABASE, last + 1, n->noted.value, err);
    if (n->noted.found && n->noted.value < last)
        return bad_log(s, "it goes on behind its last batch", err);
    return 0;
}

/* (5). A row of a generation that its file does not confirm is the damage of
 * the generation, and found when that is opened. */
static int check_witnesses(storage *s, const log_numbers *n,
                           const log_mark *m, muster_error *err)
{
    const uint64_t last = last_of(n);
    uint64_t newest = 0;
    if (m->found && n->id.found && m->log_id == (int64_t)n->id.value &&
        m->seq > last)
        return log_lost(s, STORAGE_DATABASE "-wal", last + 1, m->seq, err);
    if (!n->generation.found || n->generation.value <= last)
        return 0;
    const int rc = generation_newest_seq(s, &newest, err);
    if (rc != 0 || newest <= last)
        return rc;
    return log_lost(s, STORAGE_DATABASE, last + 1, newest, err);
}

static int read_and_check(storage *s, log_numbers *n, const log_mark *m,
                          muster_error *err)
{
    memset(n, 0, sizeof *n);
    int rc = read_numbers(s, n, err);
    if (rc == 0)
        rc = check_numbers(s, n, err);
    if (rc == 0)
        rc = check_witnesses(s, n, m, err);
    return rc;
}

int log_verify(storage *s, const log_mark *m, muster_error *err)
{
    log_numbers n;
    return read_and_check(s, &n, m, err);
}

int log_open(storage *s, muster_error *err)
{
    log_numbers n;
    log_mark m;
    muster_error damage;
    error_clear(&damage);
    mark_read(s, &m);
    const int rc = read_and_check(s, &n, &m, &damage);
    s->log_last = last_of(&n);
    s->log_last_committed = s->log_last;
    s->log_id = n.id.found ? (int64_t)n.id.value : 0;
    if (rc == 0 || (rc == MUSTER_ECORRUPT && s->mode == STORAGE_EXAMINE))
        return 0;
    if (err != NULL)
        *err = damage;
    return rc;
}

int log_pruned(storage *s, uint64_t *out, muster_error *err)
{
    log_numbers n = {0};
    const int rc = read_numbers(s, &n, err);
    if (rc == 0 && is_absurd(&n.pruned))
        return bad_log(s, "one is none", err);
    *out = n.pruned.value;
    return rc;
}

int log_note_last(storage *s, muster_error *err)
{
    const storage_value arg = storage_int((int64_t)s->log_last);
    return storage_run(s,
                       "INSERT INTO meta (key, value) VALUES ('log_last', ?) "
                       "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                       &arg, 1, err);
}

/* ---- batches ---- */

uint64_t storage_log_last(storage *s)
{
    ASSERT(s != NULL);
    log_numbers n = {0};
    if (storage_is_reader(s) && read_numbers(s, &n, NULL) == 0)
        s->log_last = s->log_last_committed = last_of(&n);
    return s->log_last;
}

int storage_log_append(storage *s, const storage_batch *batch,
                       muster_error *err)
{
    ASSERT(s != NULL && batch != NULL);
    ASSERT(!storage_is_reader(s));
    if (storage_is_broken(s))
        return storage_begin(s, err); /* says so */
    ASSERT(storage_in_transaction(s));
    if (batch->seq != s->log_last + 1)
        return error_set(err, MUSTER_ECONFLICT, "log_gap",
                         "change batch %llu cannot follow %llu",
                         (unsigned long long)batch->seq,
                         (unsigned long long)s->log_last);
    if (batch->len > BATCH_BYTES_MAX || batch->position > INT64_MAX)
        return error_set(err, MUSTER_ELIMIT, "long_batch",
                         "a change batch has at most %zu bytes",
                         BATCH_BYTES_MAX);
    const storage_value args[] = {
        storage_int((int64_t)batch->seq),
        storage_int((int64_t)batch->kind),
        storage_text(batch->load_id),
        storage_int((int64_t)batch->position),
        storage_int((int64_t)checksum_of(batch)),
        storage_blob(batch->bytes, batch->len),
    };
    const int rc = storage_run(
        s,
        "INSERT INTO log (seq, kind, load_id, position, checksum, body) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        args, sizeof args / sizeof args[0], err);
    if (rc == 0)
        s->log_last++;
    return rc;
}

typedef struct log_walk {
    storage *s;
    uint64_t next; /* the number that has to come */
    int (*batch)(void *payload, const storage_batch *batch, muster_error *err);
    int (*raw)(void *payload, const storage_batch *batch, bool sound,
               muster_error *err);
    void *payload;
} log_walk;

static int missing_batch(const storage *s, uint64_t seq, muster_error *err)
{
    return error_set(err, MUSTER_ECORRUPT, "log_gap",
                     "change batch %llu of %s is missing",
                     (unsigned long long)seq, s->dir);
}

static int visit_row(void *payload, const storage_value *columns,
                     size_t column_count, muster_error *err)
{
    log_walk *walk = payload;
    ASSERT(column_count == 6);
    const storage_batch batch = {
        .seq = (uint64_t)columns[0].integer,
        .kind = (uint32_t)columns[1].integer,
        .load_id = text_make(columns[2].bytes, columns[2].len),
        .position = (uint64_t)columns[3].integer,
        .bytes = columns[5].bytes,
        .len = columns[5].len,
    };
    const bool sound = columns[1].integer == (int64_t)batch.kind &&
                       checksum_of(&batch) == (uint64_t)columns[4].integer;
    if (walk->raw != NULL)
        return walk->raw(walk->payload, &batch, sound, err);
    if (batch.seq != walk->next)
        return missing_batch(walk->s, walk->next, err);
    if (!sound)
        return error_set(err, MUSTER_ECORRUPT, "bad_batch",
                         "change batch %llu of %s is damaged",
                         (unsigned long long)batch.seq, walk->s->dir);
    walk->next++;
    return walk->batch(walk->payload, &batch, err);
}

static int walk_log(log_walk *walk, uint64_t after, muster_error *err)
{
    const storage_value arg = storage_int((int64_t)after);
    return storage_each(walk->s,
                        "SELECT seq, kind, load_id, position, checksum, body "
                        "FROM log WHERE seq > ? ORDER BY seq",
                        &arg, 1, visit_row, walk, err);
}

int storage_log_each(storage *s, uint64_t after,
                     int (*batch)(void *payload, const storage_batch *batch,
                                  muster_error *err),
                     void *payload, muster_error *err)
{
    ASSERT(s != NULL && batch != NULL && after <= INT64_MAX);
    uint64_t pruned = 0;
    const int rc = log_pruned(s, &pruned, err);
    if (rc != 0)
        return rc;
    if (after < pruned)
        return missing_batch(s, after + 1, err);
    log_walk walk = {
        .s = s, .next = after + 1, .batch = batch, .payload = payload};
    return walk_log(&walk, after, err);
}

int log_each_raw(storage *s,
                 int (*batch)(void *payload, const storage_batch *batch,
                              bool sound, muster_error *err),
                 void *payload, muster_error *err)
{
    ASSERT(s != NULL && batch != NULL);
    log_walk walk = {.s = s, .raw = batch, .payload = payload};
    return walk_log(&walk, 0, err);
}

/* ---- forgetting ---- */

static int prune(storage *s, uint64_t upto, muster_error *err)
{
    ASSERT(upto != 0 && upto <= s->log_last);
    const storage_value arg = storage_int((int64_t)upto);
    const int rc = storage_run(s, "DELETE FROM log WHERE seq <= ?", &arg, 1,
                               err);
    if (rc != 0)
        return rc;
    return storage_run(s,
                       "INSERT INTO meta (key, value) "
                       "VALUES ('log_pruned', ?) "
                       "ON CONFLICT (key) DO UPDATE "
                       "SET value = max(value, excluded.value)",
                       &arg, 1, err);
}

typedef struct trim {
    size_t left; /* bytes that may still go */
    uint64_t upto;
    bool stopped;
} trim;

static int measure_row(void *payload, const storage_value *columns,
                       size_t column_count, muster_error *err)
{
    trim *t = payload;
    (void)err;
    ASSERT(column_count == 2);
    const uint64_t len = (uint64_t)columns[1].integer;
    if (t->upto != 0 && len > t->left) {
        t->stopped = true;
        return 1; /* ends the walk */
    }
    t->upto = (uint64_t)columns[0].integer;
    t->left -= len < t->left ? (size_t)len : t->left;
    return 0;
}

int storage_log_trim(storage *s, size_t bytes_max, bool *more,
                     muster_error *err)
{
    ASSERT(s != NULL && more != NULL);
    ASSERT(!storage_is_reader(s) && storage_in_transaction(s));
    *more = false;
    if (!s->trim_known) {
        const int rc = generation_trim_limit(s, &s->trim_limit, err);
        if (rc != 0)
            return rc;
        s->trim_known = true;
    }
    const storage_value limit = storage_int((int64_t)s->trim_limit);
    trim t = {.left = bytes_max};
    const int rc = storage_each(s,
                                "SELECT seq, length(body) FROM log "
                                "WHERE seq <= ? ORDER BY seq",
                                &limit, 1, measure_row, &t, err);
    if (rc < 0)
        return rc;
    *more = t.stopped;
    return t.upto == 0 ? 0 : prune(s, t.upto, err);
}
