/*
 * load_test.c - loads: what is put comes back, damage is told, the table is
 * bounded, and a directory of version 1 is brought along.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "directory.h"

static int put_one(storage *s, const storage_load *load, muster_error *err)
{
    error_clear(err);
    assert_int_equal(storage_begin(s, NULL), 0);
    const int rc = storage_load_put(s, load, err);
    if (rc != 0) {
        storage_rollback(s);
        return rc;
    }
    return storage_commit(s, NULL);
}

static bool get_one(storage *s, const char *id, storage_load *out,
                    arena *memory)
{
    bool found = false;
    muster_error err;
    if (storage_load_get(s, text_of(id), &found, out, memory, &err) != 0)
        fail_msg("%s", err.message);
    return found;
}

static const storage_load sample = {
    .load_id = {"crm-2026-11-21", 14},
    .position = 123456,
    .state = {"a\0b\xff", 4},
    .head_hash = 0xfedcba9876543210u,
    .head_len = 4096,
};

static void test_storage_load__what_is_put_comes_back(void **state)
{
    (void)state;
    storage_load out;
    arena memory;
    arena_init(&memory);
    storage *s = open_data(STORAGE_CREATE);
    assert_false(get_one(s, "crm-2026-11-21", &out, &memory));
    assert_int_equal(put_one(s, &sample, NULL), 0);
    storage_close(s);
    s = open_data(STORAGE_READ);
    assert_true(get_one(s, "crm-2026-11-21", &out, &memory));
    assert_true(text_equal(out.load_id, sample.load_id));
    assert_true(text_equal(out.state, sample.state));
    assert_int_equal(out.position, 123456);
    assert_true(out.head_hash == sample.head_hash);
    assert_int_equal(out.head_len, 4096);
    assert_false(out.ended);
    assert_true(out.started > 0);
    assert_int_equal(out.finished, 0);
    assert_false(get_one(s, "crm-2026-11-2", &out, &memory));
    storage_close(s);
    arena_release(&memory);
}

static void test_storage_load__a_later_put_keeps_the_times(void **state)
{
    (void)state;
    storage_load out;
    storage_load load = sample;
    arena memory;
    arena_init(&memory);
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(put_one(s, &load, NULL), 0);
    load.position = 200000;
    load.state = text_of("");
    load.ended = true;
    assert_int_equal(put_one(s, &load, NULL), 0);
    assert_true(get_one(s, "crm-2026-11-21", &out, &memory));
    const muster_time started = out.started;
    const muster_time finished = out.finished;
    assert_true(finished >= started && started > 0);
    assert_true(out.ended);
    assert_int_equal(out.state.len, 0);
    load.started = 5; /* not ours to give */
    load.finished = 6;
    assert_int_equal(put_one(s, &load, NULL), 0);
    assert_true(get_one(s, "crm-2026-11-21", &out, &memory));
    assert_true(out.started == started && out.finished == finished);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM load"), 1);
    storage_close(s);
    arena_release(&memory);
}

static void test_storage_load__a_rollback_takes_it_back(void **state)
{
    (void)state;
    storage_load out;
    arena memory;
    arena_init(&memory);
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_load_put(s, &sample, NULL), 0);
    storage_rollback(s);
    assert_false(get_one(s, "crm-2026-11-21", &out, &memory));
    storage_close(s);
    arena_release(&memory);
}

static void test_storage_load__every_field_is_under_the_checksum(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE load SET load_id = 'other'",
        "UPDATE load SET position = position + 1",
        "UPDATE load SET state = x'61006200'",
        "UPDATE load SET head_hash = head_hash + 1",
        "UPDATE load SET head_len = 4097",
        "UPDATE load SET started = started + 1",
        "UPDATE load SET ended = 7",
        "UPDATE load SET checksum = checksum + 1",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        storage_load out;
        arena memory;
        muster_error err;
        bool found = true;
        storage *s = open_data(STORAGE_CREATE);
        assert_int_equal(put_one(s, &sample, NULL), 0);
        storage_close(s);
        raw_sql(changes[i]);
        arena_init(&memory);
        s = open_data(STORAGE_READ);
        assert_int_equal(storage_load_get(s,
                                          i == 0 ? text_of("other")
                                                 : sample.load_id,
                                          &found, &out, &memory, &err),
                         MUSTER_ECORRUPT);
        assert_string_equal(err.word, "bad_load");
        assert_false(found);
        storage_close(s);
        arena_release(&memory);
        remove_tree(data);
    }
}

static void test_storage_load__sizes_are_bounded(void **state)
{
    (void)state;
    storage_load load = sample;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    char *big = calloc(1, STORAGE_LOAD_STATE_MAX + 1);
    memset(big, 'x', STORAGE_LOAD_STATE_MAX + 1);
    load.load_id = text_make(big, STORAGE_LOAD_ID_MAX + 1);
    assert_int_equal(put_one(s, &load, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "long_load");
    load.load_id = text_make(big, STORAGE_LOAD_ID_MAX);
    load.state = text_make(big, STORAGE_LOAD_STATE_MAX + 1);
    assert_int_equal(put_one(s, &load, &err), MUSTER_ELIMIT);
    load.state = text_make(big, STORAGE_LOAD_STATE_MAX);
    load.position = INT64_MAX;
    assert_int_equal(put_one(s, &load, &err), 0);
    load.position++;
    assert_int_equal(put_one(s, &load, &err), MUSTER_ELIMIT);
    storage_close(s);
    free(big);
}

static void put_numbered(storage *s, unsigned number, bool ended)
{
    char id[32];
    snprintf(id, sizeof id, "load-%u", number);
    const storage_load load = {
        .load_id = text_of(id), .position = number, .ended = ended};
    assert_int_equal(storage_load_put(s, &load, NULL), 0);
}

/* The first three never ended; of the others the first to end go first. */
static void test_storage_load__the_newest_stay(void **state)
{
    (void)state;
    storage_load out;
    arena memory;
    arena_init(&memory);
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_begin(s, NULL), 0);
    for (unsigned i = 0; i < STORAGE_LOADS_MAX; i++)
        put_numbered(s, i, i >= 3);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM load"),
                     STORAGE_LOADS_MAX);
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(storage_begin(s, NULL), 0);
        put_numbered(s, STORAGE_LOADS_MAX + i, true);
        put_numbered(s, 50000, true); /* one that is there adds none */
        assert_int_equal(storage_commit(s, NULL), 0);
        assert_int_equal(rows_of(s, "SELECT count(*) FROM load"),
                         STORAGE_LOADS_MAX);
    }
    assert_true(get_one(s, "load-0", &out, &memory));
    assert_true(get_one(s, "load-2", &out, &memory));
    assert_false(get_one(s, "load-3", &out, &memory));
    assert_false(get_one(s, "load-7", &out, &memory));
    assert_true(get_one(s, "load-8", &out, &memory));
    storage_close(s);
    /* where none has ended the first ones go; a few at a time */
    raw_sql("UPDATE load SET ended = NULL;"
            "INSERT INTO load SELECT 'more-' || load_id, position, state, "
            "head_hash, head_len, started, ended, checksum FROM load "
            "LIMIT 10");
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_begin(s, NULL), 0);
    put_numbered(s, 900000, false);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM load"),
                     STORAGE_LOADS_MAX + 7);
    assert_false(get_one(s, "load-0", &out, &memory));
    storage_close(s);
    arena_release(&memory);
}

/* ---- version 1 ---- */

static const char version_1[] =
    "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE log (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " load_id TEXT NOT NULL, position INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE load (load_id TEXT NOT NULL PRIMARY KEY,"
    " position INTEGER NOT NULL, receipt TEXT, started INTEGER,"
    " ended INTEGER) STRICT;"
    "CREATE TABLE generation (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " file TEXT NOT NULL, bytes INTEGER NOT NULL, created INTEGER NOT NULL)"
    " STRICT;"
    "INSERT INTO meta VALUES ('key_check', 77);"
    "INSERT INTO load VALUES ('old-1', 10, '{\"a\":1}', 100, 200);"
    "INSERT INTO load VALUES ('old-2', 20, NULL, NULL, NULL);"
    "PRAGMA application_id = 1299412082; PRAGMA user_version = 1;";

static void test_storage_load__version_1_is_brought_along(void **state)
{
    (void)state;
    storage_load out;
    arena memory;
    arena_init(&memory);
    assert_int_equal(mkdir(data, 0700), 0);
    raw_sql(version_1);
    storage *s = open_data(STORAGE_READ); /* as it is */
    assert_int_equal(rows_of(s, "PRAGMA user_version"), 1);
    assert_false(get_one(s, "old-1", &out, &memory));
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(rows_of(s, "PRAGMA user_version"), 3);
    assert_int_equal(
        rows_of(s, "SELECT value FROM meta WHERE key = 'key_check'"), 77);
    assert_true(get_one(s, "old-1", &out, &memory));
    assert_int_equal(out.position, 10);
    assert_true(text_is(out.state, "{\"a\":1}"));
    assert_true(out.ended && out.started == 100 && out.finished == 200);
    assert_true(get_one(s, "old-2", &out, &memory));
    assert_false(out.ended);
    assert_int_equal(out.state.len, 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM sqlite_schema "
                                "WHERE name LIKE 'load%'"),
                     2);
    append(s, 1, "one");
    assert_int_equal(put_one(s, &sample, NULL), 0);
    storage_close(s);
    storage_close(open_data(STORAGE_READ));
    arena_release(&memory);
}

static void test_storage_load__a_failed_step_leaves_version_1(void **state)
{
    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    raw_sql(version_1);
    raw_sql("CREATE TABLE load_1 (stranger)");
    expect_refused(STORAGE_WRITE, MUSTER_EIO, "io");
    raw_sql("DROP TABLE load_1");
    storage *s = open_data(STORAGE_READ);
    assert_int_equal(rows_of(s, "PRAGMA user_version"), 1);
    assert_int_equal(rows_of(s, "SELECT count(receipt) FROM load"), 1);
    storage_close(s);
    storage_close(open_data(STORAGE_WRITE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_load__what_is_put_comes_back),
        storage_unit_test(test_storage_load__a_later_put_keeps_the_times),
        storage_unit_test(test_storage_load__a_rollback_takes_it_back),
        storage_unit_test(
            test_storage_load__every_field_is_under_the_checksum),
        storage_unit_test(test_storage_load__sizes_are_bounded),
        storage_unit_test(test_storage_load__the_newest_stay),
        storage_unit_test(test_storage_load__version_1_is_brought_along),
        storage_unit_test(test_storage_load__a_failed_step_leaves_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
