/*
 * load.c - how far each input is read: table `load`.
 *
 * A row is one input under its load id: how many of its bytes are done with,
 * the caller's counters, a hash of its beginning by which another input under
 * the same id is known, when it was first put and when it ended. A damaged
 * row would let an input count twice, so each has a checksum, XXH3-64 over
 *
 *   u32 bytes of the load id | load id | u64 position | u8 ended |
 *   u64 started | u64 ended at, 0 | u64 head hash | u64 head length | state
 *
 * in little-endian words.
 *
 * The table is bounded: when a put makes it longer than STORAGE_LOADS_MAX the
 * rows that ended first go, a few with each put; where none has ended, the
 * first ones. Rows are counted once after opening and after a rollback; from
 * then on the count is kept.
 *
 * Cost of a put: a look-up and a write by the key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#define COLUMN_COUNT 8u
/* More than the one that a put may add: the table shrinks to its bound. */
#define GONE_AT_ONCE 4

static uint64_t checksum_of(const storage_load *l)
{
    uint8_t words[41];
    uint8_t len[4];
    put_word(len, l->load_id.len, 4);
    put_word(words, l->position, 8);
    words[8] = l->ended;
    put_word(words + 9, (uint64_t)l->started, 8);
    put_word(words + 17, (uint64_t)l->finished, 8);
    put_word(words + 25, l->head_hash, 8);
    put_word(words + 33, l->head_len, 8);
    hash_stream *h = hash_stream_new();
    hash_stream_add(h, len, sizeof len);
    hash_stream_add(h, l->load_id.ptr, l->load_id.len);
    hash_stream_add(h, words, sizeof words);
    hash_stream_add(h, l->state.ptr, l->state.len);
    const uint64_t value = hash_stream_value(h);
    hash_stream_free(h);
    return value;
}

/* ---- reading ---- */

/* Texts are the row's. false: the checksum does not fit. */
static bool decode_row(const storage_value *columns, storage_load *out)
{
    *out = (storage_load){
        .load_id = text_make(columns[0].bytes, columns[0].len),
        .position = (uint64_t)columns[1].integer,
        .state = text_make(columns[2].bytes, columns[2].len),
        .head_hash = (uint64_t)columns[3].integer,
        .head_len = (uint64_t)columns[4].integer,
        .started = columns[5].integer,
        .ended = columns[6].type != STORAGE_NULL,
        .finished = columns[6].integer,
    };
    return checksum_of(out) == (uint64_t)columns[7].integer;
}

typedef struct load_found {
    storage_load *out;
    arena *memory;
    bool found;
    bool sound;
} load_found;

static int take_load(void *payload, const storage_value *columns,
                     size_t column_count, muster_error *err)
{
    load_found *f = payload;
    storage_load *l = f->out;
    (void)err;
    ASSERT(column_count == COLUMN_COUNT && !f->found);
    f->found = true;
    f->sound = decode_row(columns, l);
    l->load_id.ptr = arena_strndup(f->memory, l->load_id.ptr, l->load_id.len);
    l->state.ptr = arena_strndup(f->memory, l->state.ptr, l->state.len);
    return 0;
}

int storage_load_get(storage *s, muster_text load_id, bool *found,
                     storage_load *out, arena *memory, muster_error *err)
{
    ASSERT(s != NULL && found != NULL && out != NULL && memory != NULL);
    *found = false;
    memset(out, 0, sizeof *out);
    if (s->version < 2) /* a reader's; nothing was kept in it */
        return 0;
    load_found f = {.out = out, .memory = memory};
    const storage_value key = storage_text(load_id);
    const int rc =
        storage_each(s,
                     "SELECT load_id, position, state, head_hash, head_len, "
                     "started, ended, checksum FROM load WHERE load_id = ?",
                     &key, 1, take_load, &f, err);
    if (rc == 0 && f.found && !f.sound)
        return error_set(err, MUSTER_ECORRUPT, "bad_load",
                         "what %s/" STORAGE_DATABASE
                         " keeps of load %.*s is damaged",
                         s->dir, (int)(load_id.len < 64 ? load_id.len : 64),
                         load_id.ptr);
    *found = rc == 0 && f.found;
    return rc;
}

typedef struct load_walk {
    int (*each)(void *payload, muster_text load_id, const storage_load *load);
    void *payload;
} load_walk;

static int visit_load(void *payload, const storage_value *columns,
                      size_t column_count, muster_error *err)
{
    const load_walk *walk = payload;
    storage_load load;
    (void)err;
    ASSERT(column_count == COLUMN_COUNT);
    const bool sound = decode_row(columns, &load);
    return walk->each(walk->payload, load.load_id, sound ? &load : NULL);
}

int load_each(storage *s,
              int (*each)(void *payload, muster_text load_id,
                          const storage_load *load),
              void *payload, muster_error *err)
{
    load_walk walk = {each, payload};
    return storage_each(s,
                        "SELECT load_id, position, state, head_hash, head_len, "
                        "started, ended, checksum FROM load",
                        NULL, 0, visit_load, &walk, err);
}

/* ---- writing ---- */

static int write_row(storage *s, const storage_load *l, muster_error *err)
{
    const storage_value args[COLUMN_COUNT] = {
        storage_text(l->load_id),
        storage_int((int64_t)l->position),
        storage_blob(l->state.ptr, l->state.len),
        storage_int((int64_t)l->head_hash),
        storage_int((int64_t)l->head_len),
        storage_int(l->started),
        l->ended ? storage_int(l->finished) : storage_null(),
        storage_int((int64_t)checksum_of(l)),
    };
    return storage_run(
        s,
        "INSERT INTO load (load_id, position, state, head_hash, head_len, "
        "started, ended, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (load_id) DO UPDATE SET position = excluded.position, "
        "state = excluded.state, head_hash = excluded.head_hash, "
        "head_len = excluded.head_len, started = excluded.started, "
        "ended = excluded.ended, checksum = excluded.checksum",
        args, COLUMN_COUNT, err);
}

static int take_int(void *payload, const storage_value *columns,
                    size_t column_count, muster_error *err)
{
    (void)err;
    ASSERT(column_count == 1);
    *(int64_t *)payload = columns[0].integer;
    return 0;
}

static int count_rows(storage *s, muster_error *err)
{
    if (s->load_count >= 0)
        return 0;
    int64_t count = 0;
    const int rc = storage_each(s, "SELECT count(*) FROM load", NULL, 0,
                                take_int, &count, err);
    if (rc == 0)
        s->load_count = count;
    return rc;
}

/* A few of the oldest, when there are too many. */
static int drop_oldest(storage *s, muster_error *err)
{
    const int64_t over = s->load_count - STORAGE_LOADS_MAX;
    if (over <= 0)
        return 0;
    const storage_value most =
        storage_int(over < GONE_AT_ONCE ? over : GONE_AT_ONCE);
    int rc = storage_run(s,
                         "DELETE FROM load WHERE rowid IN (SELECT rowid FROM "
                         "load WHERE ended IS NOT NULL ORDER BY ended, rowid "
                         "LIMIT ?)",
                         &most, 1, err);
    if (rc == 0 && sqlite3_changes(s->db) == 0)
        rc = storage_run(s,
                         "DELETE FROM load WHERE rowid IN (SELECT rowid FROM "
                         "load ORDER BY rowid LIMIT ?)",
                         &most, 1, err);
    if (rc == 0)
        s->load_count -= sqlite3_changes(s->db);
    return rc;
}

/* The times of the row that is there already. */
typedef struct load_times {
    bool found;
    muster_time started;
    muster_time finished; /* 0: not ended */
} load_times;

static int take_times(void *payload, const storage_value *columns,
                      size_t column_count, muster_error *err)
{
    load_times *t = payload;
    (void)err;
    ASSERT(column_count == 2);
    *t = (load_times){true, columns[0].integer, columns[1].integer};
    return 0;
}

int storage_load_put(storage *s, const storage_load *load, muster_error *err)
{
    ASSERT(s != NULL && load != NULL && !storage_is_reader(s));
    if (load->load_id.len > STORAGE_LOAD_ID_MAX ||
        load->state.len > STORAGE_LOAD_STATE_MAX ||
        load->position > INT64_MAX || load->head_len > INT64_MAX)
        return error_set(err, MUSTER_ELIMIT, "long_load",
                         "a load id has at most %zu bytes, what is kept of a "
                         "load at most %zu",
                         STORAGE_LOAD_ID_MAX, STORAGE_LOAD_STATE_MAX);
    if (storage_is_broken(s))
        return storage_begin(s, err); /* says so */
    ASSERT(storage_in_transaction(s));
    const storage_value key = storage_text(load->load_id);
    load_times former = {0};
    int rc = storage_each(s,
                          "SELECT started, ended FROM load WHERE load_id = ?",
                          &key, 1, take_times, &former, err);
    if (rc == 0)
        rc = count_rows(s, err);
    if (rc != 0)
        return rc;
    storage_load row = *load;
    row.started = former.found ? former.started : clock_now();
    row.finished = 0;
    if (load->ended)
        row.finished = former.finished != 0 ? former.finished : clock_now();
    rc = write_row(s, &row, err);
    if (rc != 0 || former.found)
        return rc;
    s->load_count++;
    return drop_oldest(s, err);
}

/* ---- version 1 ---- */

/* load_id, position, receipt, started, ended */
static int move_row(void *payload, const storage_value *columns,
                    size_t column_count, muster_error *err)
{
    ASSERT(column_count == 5);
    const storage_load load = {
        .load_id = text_make(columns[0].bytes, columns[0].len),
        .position = (uint64_t)columns[1].integer,
        .state = text_make(columns[2].bytes, columns[2].len),
        .started = columns[3].integer,
        .ended = columns[4].type != STORAGE_NULL,
        .finished = columns[4].integer,
    };
    return write_row(payload, &load, err);
}

int load_migrate(storage *s, muster_error *err)
{
    return storage_each(s,
                        "SELECT load_id, position, receipt, started, ended "
                        "FROM load_1 ORDER BY rowid",
                        NULL, 0, move_row, s, err);
}
