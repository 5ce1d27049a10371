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
 * numbers go on from there when the log is empty.
 *
 * The last number is held in memory by the writer (it is the only one) and
 * follows its transaction; a reader asks each time.
 *
 * Valid if and only if: (1) the numbers in `log` have no gap; (2) the first
 * is log_pruned + 1; (3) each checksum fits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

/* Far below SQLite's limit of 10^9; bounds what a replay holds at once. */
#define BATCH_BYTES_MAX ((size_t)256 << 20)

static void put_little_endian(uint8_t *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t checksum_of(const storage_batch *b)
{
    uint8_t prefix[12];
    put_little_endian(prefix, b->seq, 8);
    put_little_endian(prefix + 8, b->kind, 4);
    hash_stream *h = hash_stream_new();
    hash_stream_add(h, prefix, sizeof prefix);
    hash_stream_add(h, b->bytes, b->len);
    const uint64_t value = hash_stream_value(h);
    hash_stream_free(h);
    return value;
}

static int take_int(void *payload, const storage_value *columns,
                    size_t column_count, muster_error *err)
{
    (void)err;
    ASSERT(column_count == 1);
    *(int64_t *)payload = columns[0].integer;
    return 0;
}

/* The highest number pruned, 0 when none. */
static int read_pruned(storage *s, int64_t *out, muster_error *err)
{
    *out = 0;
    return storage_each(s, "SELECT value FROM meta WHERE key = 'log_pruned'",
                        NULL, 0, take_int, out, err);
}

static int read_last(storage *s, uint64_t *out, muster_error *err)
{
    int64_t pruned = 0;
    int64_t last = 0;
    int rc = read_pruned(s, &pruned, err);
    if (rc == 0)
        rc = storage_each(s, "SELECT max(seq) FROM log", NULL, 0, take_int,
                          &last, err);
    if (rc != 0)
        return rc;
    if (last < 0 || pruned < 0)
        return error_set(err, MUSTER_ECORRUPT, "bad_log",
                         "the change log of %s has numbers below 0", s->dir);
    *out = (uint64_t)(last > pruned ? last : pruned);
    return 0;
}

int log_open(storage *s, muster_error *err)
{
    const int rc = read_last(s, &s->log_last, err);
    s->log_last_committed = s->log_last;
    return rc;
}

uint64_t storage_log_last(storage *s)
{
    ASSERT(s != NULL);
    uint64_t last = 0;
    if (s->mode == STORAGE_READ && read_last(s, &last, NULL) == 0)
        s->log_last = s->log_last_committed = last;
    return s->log_last;
}

int storage_log_append(storage *s, const storage_batch *batch,
                       muster_error *err)
{
    ASSERT(s != NULL && batch != NULL);
    ASSERT(s->mode != STORAGE_READ && sqlite3_get_autocommit(s->db) == 0);
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
    if (batch.seq != walk->next)
        return missing_batch(walk->s, walk->next, err);
    if (checksum_of(&batch) != (uint64_t)columns[4].integer)
        return error_set(err, MUSTER_ECORRUPT, "bad_batch",
                         "change batch %llu of %s is damaged",
                         (unsigned long long)batch.seq, walk->s->dir);
    walk->next++;
    return walk->batch(walk->payload, &batch, err);
}

int storage_log_each(storage *s, uint64_t after,
                     int (*batch)(void *payload, const storage_batch *batch,
                                  muster_error *err),
                     void *payload, muster_error *err)
{
    ASSERT(s != NULL && batch != NULL && after <= INT64_MAX);
    int64_t pruned = 0;
    int rc = read_pruned(s, &pruned, err);
    if (rc != 0)
        return rc;
    if ((int64_t)after < pruned)
        return missing_batch(s, after + 1, err);
    log_walk walk = {
        .s = s, .next = after + 1, .batch = batch, .payload = payload};
    const storage_value arg = storage_int((int64_t)after);
    return storage_each(s,
                        "SELECT seq, kind, load_id, position, checksum, body "
                        "FROM log WHERE seq > ? ORDER BY seq",
                        &arg, 1, visit_row, &walk, err);
}

int storage_log_prune(storage *s, uint64_t upto, muster_error *err)
{
    ASSERT(s != NULL && s->mode != STORAGE_READ);
    ASSERT(upto <= s->log_last);
    const storage_value arg = storage_int((int64_t)upto);
    const bool own = sqlite3_get_autocommit(s->db) != 0;
    int rc = own ? storage_begin(s, err) : 0;
    if (rc == 0)
        rc = storage_run(s, "DELETE FROM log WHERE seq <= ?", &arg, 1, err);
    if (rc == 0)
        rc = storage_run(s,
                         "INSERT INTO meta (key, value) "
                         "VALUES ('log_pruned', ?) "
                         "ON CONFLICT (key) DO UPDATE "
                         "SET value = max(value, excluded.value)",
                         &arg, 1, err);
    if (own && rc == 0)
        rc = storage_commit(s, err);
    if (own && rc != 0)
        storage_rollback(s);
    return rc;
}
