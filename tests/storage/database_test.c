/*
 * database_test.c - opening a data directory in its three modes, the lock,
 * versions, transactions and statements.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>
#include "directory.h"

/* ---- opening ---- */

static void test_storage_database__missing_is_said(void **state)
{
    (void)state;
    expect_refused(STORAGE_READ, MUSTER_ENOTFOUND, "no_data");
    expect_refused(STORAGE_WRITE, MUSTER_ENOTFOUND, "no_data");
    assert_int_not_equal(access(data, F_OK), 0);
    muster_error err;
    storage *s = NULL;
    storage_open(&s, data, STORAGE_READ, &err);
    assert_non_null(strstr(err.message, "create one by loading a file: "
                                        "muster load FILE"));
    assert_non_null(strstr(err.message, data));
}

static void test_storage_database__create_makes_a_private_one(void **state)
{
    (void)state;
    struct stat st;
    char path[600];
    const mode_t former = umask(0);
    storage *s = open_data(STORAGE_CREATE);
    umask(former);
    assert_int_equal(stat(data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    static const char *const names[] = {"muster.db", "muster.db-wal",
                                        "muster.db-shm", "lock"};
    for (size_t i = 0; i < 4; i++) {
        make_path(path, sizeof path, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
    storage_close(s);
    storage_close(NULL);
    /* closed: all of it is in the database itself */
    assert_false(file_exists("muster.db-wal"));
    storage_close(open_data(STORAGE_READ));
    storage_close(open_data(STORAGE_WRITE));
    storage_close(open_data(STORAGE_CREATE));
}

static void test_storage_database__settings_are_as_promised(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    char path[600];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    static const char *const wanted[][2] = {
        {"PRAGMA page_size", "16384"},
        {"PRAGMA journal_mode", "wal"},
        {"PRAGMA user_version", "3"},
        {"PRAGMA application_id", "1299412082"},
        {"PRAGMA integrity_check", "ok"},
        {"SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND "
         "name IN ('meta','log','load','generation','provider','attribute',"
         "'value','id_space','segment','segment_version','access_key',"
         "'partner','share','audit') AND strict",
         "14"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(sqlite3_prepare_v2(db, wanted[i][0], -1, &stmt, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal(sqlite3_column_text(stmt, 0), wanted[i][1]);
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
}

static void put_file(const char *name, const char *text)
{
    char path[600];
    make_path(path, sizeof path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_storage_database__a_key_may_be_there_before(void **state)
{
    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    expect_refused(STORAGE_READ, MUSTER_ENOTFOUND, "no_data");
    expect_refused(STORAGE_WRITE, MUSTER_ENOTFOUND, "no_data");
    assert_int_equal(file_count(), 0);
    put_file("muster.key", "x");
    storage_close(open_data(STORAGE_CREATE));
    assert_true(file_exists("muster.key"));
}

static void test_storage_database__other_files_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    put_file("holiday.jpg", "x");
    expect_refused(STORAGE_CREATE, MUSTER_EREFUSED, "not_muster");
    expect_refused(STORAGE_WRITE, MUSTER_ENOTFOUND, "no_data");
    assert_int_equal(file_count(), 1);
}

static void test_storage_database__a_file_is_no_directory(void **state)
{
    (void)state;
    FILE *f = fopen(data, "w");
    fclose(f);
    expect_refused(STORAGE_READ, MUSTER_EIO, "not_a_directory");
    expect_refused(STORAGE_CREATE, MUSTER_EIO, "not_a_directory");
    unlink(data);
}

static void test_storage_database__no_parent_no_directory(void **state)
{
    (void)state;
    snprintf(data, sizeof data, "%s/no/data", parent);
    expect_refused(STORAGE_CREATE, MUSTER_EIO, "io");
    expect_refused(STORAGE_READ, MUSTER_ENOTFOUND, "no_data");
    muster_error err;
    storage *s = NULL;
    assert_int_equal(storage_open(&s, "", STORAGE_READ, &err), MUSTER_EINVAL);
}

static void test_storage_database__a_half_made_one_is_finished(void **state)
{
    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    put_file("muster.db", "");
    expect_refused(STORAGE_WRITE, MUSTER_ENOTFOUND, "no_data");
    storage_close(open_data(STORAGE_CREATE));
    remove_tree(data);
    assert_int_equal(mkdir(data, 0700), 0);
    raw_sql("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;");
    expect_refused(STORAGE_READ, MUSTER_ENOTFOUND, "no_data");
    storage_close(open_data(STORAGE_CREATE));
    storage_close(open_data(STORAGE_READ));
}

static void test_storage_database__a_newer_one_is_left_alone(void **state)
{
    (void)state;
    static const storage_mode modes[] = {STORAGE_READ, STORAGE_WRITE,
                                         STORAGE_CREATE};
    storage_close(open_data(STORAGE_CREATE));
    raw_sql("PRAGMA user_version = 7");
    for (size_t i = 0; i < 3; i++) {
        muster_error err;
        storage *s = NULL;
        assert_int_equal(storage_open(&s, data, modes[i], &err),
                         MUSTER_EVERSION);
        assert_string_equal(err.word, "newer_version");
        assert_string_equal(err.message,
                            "this data directory was made by a newer Muster "
                            "(format 7, this program knows 3); upgrade "
                            "Muster");
    }
    raw_sql("PRAGMA user_version = 0");
    expect_refused(STORAGE_WRITE, MUSTER_ECORRUPT, "bad_database");
    raw_sql("PRAGMA user_version = 3");
    storage_close(open_data(STORAGE_WRITE));
}

static void test_storage_database__a_stranger_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(data, 0700), 0);
    raw_sql("CREATE TABLE a (b)");
    expect_refused(STORAGE_CREATE, MUSTER_EREFUSED, "not_muster");
    expect_refused(STORAGE_READ, MUSTER_EREFUSED, "not_muster");
}

static void test_storage_database__rubbish_is_damage(void **state)
{
    (void)state;
    char rubbish[5000];
    memset(rubbish, 'r', sizeof rubbish - 1);
    rubbish[sizeof rubbish - 1] = '\0';
    assert_int_equal(mkdir(data, 0700), 0);
    put_file("muster.db", rubbish);
    expect_refused(STORAGE_READ, MUSTER_ECORRUPT, "bad_database");
    expect_refused(STORAGE_WRITE, MUSTER_ECORRUPT, "bad_database");
    expect_refused(STORAGE_CREATE, MUSTER_ECORRUPT, "bad_database");
}

/* ---- the lock ---- */

static int try_to_write(void)
{
    storage *s = NULL;
    muster_error err;
    const int rc = storage_open(&s, data, STORAGE_WRITE, &err);
    storage_close(s);
    if (rc == 0)
        return 0;
    char pid[32];
    snprintf(pid, sizeof pid, "(%ld)", (long)getppid());
    return rc == MUSTER_EBUSY && strcmp(err.word, "locked") == 0 &&
                   strstr(err.message, pid) != NULL
               ? 1
               : 2;
}

static int try_to_read(void)
{
    storage *s = NULL;
    const int rc = storage_open(&s, data, STORAGE_READ, NULL);
    storage_close(s);
    return rc == 0 ? 0 : 1;
}

static void test_storage_database__one_writer_many_readers(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(in_child(try_to_write, false), 1);
    assert_int_equal(in_child(try_to_read, false), 0);
    expect_refused(STORAGE_WRITE, MUSTER_EBUSY, "locked");
    expect_refused(STORAGE_CREATE, MUSTER_EBUSY, "locked");
    storage *view = open_data(STORAGE_READ);
    storage_close(s);
    assert_int_equal(in_child(try_to_write, false), 0);
    storage_close(view);
}

static int write_and_be_killed(void)
{
    storage *s = NULL;
    if (storage_open(&s, data, STORAGE_CREATE, NULL) != 0)
        return 1;
    storage_run(s, "INSERT INTO meta VALUES ('a', 1)", NULL, 0, NULL);
    storage_begin(s, NULL);
    storage_run(s, "INSERT INTO meta VALUES ('b', 1)", NULL, 0, NULL);
    _exit(0); /* no close, no commit */
}

static int64_t count_meta(storage *s)
{
    return rows_of(s, "SELECT count(*) FROM meta WHERE key <> 'log_id'");
}

static void test_storage_database__a_dead_writer_leaves_no_lock(void **state)
{
    (void)state;
    assert_int_equal(in_child(write_and_be_killed, false), 0);
    assert_true(file_exists("muster.db-wal"));
    storage *view = open_data(STORAGE_READ);
    assert_int_equal(count_meta(view), 1);
    storage_close(view);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(count_meta(s), 1);
    storage_close(s);
}

/* ---- permissions ---- */

static void test_storage_database__a_still_one_is_read_only(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(
        storage_run(s, "INSERT INTO meta VALUES ('a', 1)", NULL, 0, NULL), 0);
    storage_close(s);
    char path[600];
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(chmod(parent, 0755), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(data, 0555), 0);
    assert_int_equal(in_child(try_to_read, true), 0);
    assert_int_equal(in_child(try_to_write, true), 2);
    assert_false(file_exists("muster.db-shm"));
}

static int expect_unreadable(void)
{
    storage *s = NULL;
    muster_error err;
    const int rc = storage_open(&s, data, STORAGE_READ, &err);
    storage_close(s);
    if (rc == 0)
        return 0;
    return rc == MUSTER_EIO && strcmp(err.word, "unreadable") == 0 ? 1 : 2;
}

/* Changes in a write-ahead log that no reader can index. */
static void test_storage_database__unread_changes_are_said(void **state)
{
    (void)state;
    char path[600];
    assert_int_equal(in_child(write_and_be_killed, false), 0);
    make_path(path, sizeof path, "muster.db-shm");
    unlink(path);
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(chmod(parent, 0755), 0);
    assert_int_equal(chmod(path, 0444), 0);
    make_path(path, sizeof path, "muster.db-wal");
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(data, 0555), 0);
    const int result = in_child(expect_unreadable, true);
    assert_int_equal(result, 1);
    storage_close(open_data(STORAGE_READ));
}

static int expect_io(void)
{
    storage *s = NULL;
    muster_error err;
    const int rc = storage_open(&s, data, STORAGE_READ, &err);
    storage_close(s);
    return rc == MUSTER_EIO && strstr(err.message, data) != NULL ? 1 : 2;
}

static void test_storage_database__no_permission_is_said(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    assert_int_equal(chmod(parent, 0755), 0);
    assert_int_equal(chmod(data, 0), 0);
    assert_int_equal(in_child(expect_io, true), 1);
    assert_int_equal(chmod(data, 0755), 0);
    char path[600];
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(in_child(expect_io, true), 1);
    assert_int_equal(chmod(path, 0600), 0);
}

/* Names that mean something in a URI. */
static void test_storage_database__odd_names_are_names(void **state)
{
    (void)state;
    char path[700];
    snprintf(data, sizeof data, "%s/a?b=c#d%%20 e'f", parent);
    storage_close(open_data(STORAGE_CREATE));
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(chmod(parent, 0755), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(data, 0555), 0);
    assert_int_equal(in_child(try_to_read, true), 0);
}

/* ---- transactions and statements ---- */

static void test_storage_database__rollback_takes_back(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    storage_rollback(s);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(
        storage_run(s, "INSERT INTO meta VALUES ('a', 1)", NULL, 0, NULL), 0);
    storage_rollback(s);
    assert_int_equal(count_meta(s), 0);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(
        storage_run(s, "INSERT INTO meta VALUES ('a', 2)", NULL, 0, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(count_meta(s), 1);
    storage_rollback(s);
    storage_close(s);
}

static int take_row(void *payload, const storage_value *columns,
                    size_t column_count, muster_error *err)
{
    int *rows = payload;
    (void)err;
    assert_int_equal(column_count, 4);
    assert_int_equal(columns[0].type, STORAGE_INT);
    assert_true(columns[0].integer == INT64_MIN);
    assert_int_equal(columns[1].type, STORAGE_TEXT);
    assert_int_equal(columns[1].len, 3);
    assert_memory_equal(columns[1].bytes, "a\0b", 3);
    assert_int_equal(columns[2].type, STORAGE_BLOB);
    assert_int_equal(columns[2].len, 2);
    assert_memory_equal(columns[2].bytes, "\xff\0", 2);
    assert_int_equal(columns[3].type, STORAGE_NULL);
    ++*rows;
    return 0;
}

static void test_storage_database__values_go_both_ways(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    const storage_value args[] = {
        storage_int(INT64_MIN),
        storage_text(text_make("a\0b", 3)),
        storage_blob("\xff\0", 2),
        storage_null(),
    };
    int rows = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(storage_each(s, "SELECT ?, ?, ?, ?", args, 4, take_row,
                                      &rows, NULL),
                         0);
    assert_int_equal(rows, 3);
    storage_close(s);
}

static int take_types(void *payload, const storage_value *columns,
                      size_t column_count, muster_error *err)
{
    (void)payload;
    (void)err;
    assert_int_equal(column_count, 2);
    assert_int_equal(columns[0].type, STORAGE_TEXT);
    assert_int_equal(columns[0].len, 0);
    assert_int_equal(columns[1].type, STORAGE_BLOB);
    assert_int_equal(columns[1].len, 0);
    return 0;
}

static void test_storage_database__empty_is_not_null(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    const storage_value args[] = {storage_text(text_make(NULL, 0)),
                                  storage_blob(NULL, 0)};
    assert_int_equal(
        storage_each(s, "SELECT ?, ?", args, 2, take_types, NULL, NULL), 0);
    storage_close(s);
}

static int stop_at_two(void *payload, const storage_value *columns,
                       size_t column_count, muster_error *err)
{
    int *rows = payload;
    (void)columns;
    (void)column_count;
    if (++*rows < 2)
        return 0;
    return error_set(err, MUSTER_ECANCELLED, "enough", "enough");
}

static void test_storage_database__a_walk_can_stop(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    muster_error err;
    const char *sql = "SELECT name FROM sqlite_schema";
    for (int i = 0; i < 2; i++) {
        int rows = 0;
        assert_int_equal(
            storage_each(s, sql, NULL, 0, stop_at_two, &rows, &err),
            MUSTER_ECANCELLED);
        assert_int_equal(rows, 2);
        assert_string_equal(err.word, "enough");
    }
    storage_close(s);
}

static void test_storage_database__errors_have_codes(void **state)
{
    (void)state;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    const char *insert = "INSERT INTO meta VALUES ('a', 1)";
    assert_int_equal(storage_run(s, insert, NULL, 0, NULL), 0);
    assert_int_equal(storage_run(s, insert, NULL, 0, &err), MUSTER_ECONFLICT);
    assert_string_equal(err.word, "constraint");
    assert_int_equal(storage_run(s, "SELECT no FROM such", NULL, 0, &err),
                     MUSTER_EIO);
    assert_int_equal(
        storage_run(s,
                    "INSERT INTO segment_version (segment, version, expr) "
                    "VALUES (1, 1, 'all')",
                    NULL, 0, &err),
        MUSTER_ECONFLICT);
    storage_close(s);
    s = open_data(STORAGE_READ);
    assert_int_equal(storage_run(s, insert, NULL, 0, &err), MUSTER_EREFUSED);
    assert_string_equal(err.word, "read_only");
    assert_int_equal(count_meta(s), 1);
    storage_close(s);
}

static void test_storage_database__a_reader_has_one_view(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    storage *view = open_data(STORAGE_READ);
    assert_int_equal(storage_begin(view, NULL), 0);
    assert_int_equal(count_meta(view), 0);
    assert_int_equal(
        storage_run(s, "INSERT INTO meta VALUES ('a', 1)", NULL, 0, NULL), 0);
    assert_int_equal(count_meta(view), 0);
    storage_rollback(view);
    assert_int_equal(count_meta(view), 1);
    storage_close(view);
    storage_close(s);
}

/* ---- a failing disk ---- */

static void test_storage_database__a_full_disk_can_be_survived(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    const size_t len = (size_t)1 << 20;
    uint8_t *bytes = calloc(1, len);
    const storage_batch batch = {.seq = 1, .bytes = bytes, .len = len};
    muster_error err;
    assert_int_equal(
        storage_run(s, "PRAGMA max_page_count = 30", NULL, 0, NULL), 0);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_append(s, &batch, &err), MUSTER_EIO);
    assert_string_equal(err.word, "disk_full");
    storage_rollback(s);
    assert_int_equal(storage_log_last(s), 0);
    assert_int_equal(
        storage_run(s, "PRAGMA max_page_count = 3000", NULL, 0, NULL), 0);
    append(s, 1, "one");
    assert_int_equal(storage_log_last(s), 1);
    storage_close(s);
    free(bytes);
}

/* Files may not grow: the write of a commit fails. */
static int commit_on_a_broken_disk(void)
{
    storage *s = open_data(STORAGE_WRITE);
    append(s, 1, "one");
    const size_t len = (size_t)8 << 20;
    uint8_t *bytes = calloc(1, len);
    const storage_batch batch = {.seq = 2, .bytes = bytes, .len = len};
    const struct rlimit limit = {1 << 20, 1 << 20};
    muster_error err;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || storage_begin(s, NULL) != 0)
        return 1;
    int rc = storage_log_append(s, &batch, &err);
    if (rc == 0)
        rc = storage_commit(s, &err);
    free(bytes);
    if (rc != MUSTER_EIO)
        return 2;
    storage_rollback(s);
    if (storage_log_last(s) != 1)
        return 3;
    if (storage_begin(s, &err) != MUSTER_EIO || strcmp(err.word, "broken"))
        return 4;
    storage_close(s);
    return 0;
}

static void test_storage_database__a_failed_write_ends_it(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    assert_int_equal(in_child(commit_on_a_broken_disk, false), 0);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 1);
    append(s, 2, "two");
    storage_close(s);
}

static int create_on_a_broken_disk(void)
{
    const struct rlimit limit = {1000, 1000};
    signal(SIGXFSZ, SIG_IGN);
    storage *s = NULL;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    return storage_open(&s, data, STORAGE_CREATE, NULL) == MUSTER_EIO ? 0 : 2;
}

static void test_storage_database__a_failed_creation_leaves_nothing(void **st)
{
    (void)st;
    assert_int_equal(in_child(create_on_a_broken_disk, false), 0);
    assert_int_not_equal(access(data, F_OK), 0);
    assert_int_equal(mkdir(data, 0700), 0);
    put_file("muster.key", "x");
    assert_int_equal(in_child(create_on_a_broken_disk, false), 0);
    assert_true(file_exists("muster.key"));
    storage_close(open_data(STORAGE_CREATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_database__missing_is_said),
        storage_unit_test(test_storage_database__create_makes_a_private_one),
        storage_unit_test(test_storage_database__settings_are_as_promised),
        storage_unit_test(test_storage_database__a_key_may_be_there_before),
        storage_unit_test(test_storage_database__other_files_are_left_alone),
        storage_unit_test(test_storage_database__a_file_is_no_directory),
        storage_unit_test(test_storage_database__no_parent_no_directory),
        storage_unit_test(test_storage_database__a_half_made_one_is_finished),
        storage_unit_test(test_storage_database__a_newer_one_is_left_alone),
        storage_unit_test(test_storage_database__a_stranger_is_left_alone),
        storage_unit_test(test_storage_database__rubbish_is_damage),
        storage_unit_test(test_storage_database__one_writer_many_readers),
        storage_unit_test(test_storage_database__a_dead_writer_leaves_no_lock),
        storage_unit_test(test_storage_database__a_still_one_is_read_only),
        storage_unit_test(test_storage_database__unread_changes_are_said),
        storage_unit_test(test_storage_database__no_permission_is_said),
        storage_unit_test(test_storage_database__odd_names_are_names),
        storage_unit_test(test_storage_database__rollback_takes_back),
        storage_unit_test(test_storage_database__values_go_both_ways),
        storage_unit_test(test_storage_database__empty_is_not_null),
        storage_unit_test(test_storage_database__a_walk_can_stop),
        storage_unit_test(test_storage_database__errors_have_codes),
        storage_unit_test(test_storage_database__a_reader_has_one_view),
        storage_unit_test(test_storage_database__a_full_disk_can_be_survived),
        storage_unit_test(test_storage_database__a_failed_write_ends_it),
        storage_unit_test(
            test_storage_database__a_failed_creation_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
