/*
 * mark_test.c - a log that lost what was acknowledged is noticed when it is
 * opened: batches missing from the database or from its write-ahead log,
 * numbers that contradict each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "directory.h"
#include "storage/file.h"
#include "storage/internal.h"

static void expect_lost(const char *file, const char *numbers)
{
    static const storage_mode modes[] = {STORAGE_READ, STORAGE_WRITE,
                                         STORAGE_CREATE};
    for (size_t i = 0; i < 3; i++) {
        storage *s = NULL;
        muster_error err;
        error_clear(&err);
        assert_int_equal(storage_open(&s, data, modes[i], &err),
                         MUSTER_ECORRUPT);
        assert_string_equal(err.word, "log_lost");
        if (strstr(err.message, file) == NULL ||
            strstr(err.message, numbers) == NULL)
            fail_msg("%s", err.message);
        assert_non_null(strstr(err.suggestion, "muster snapshot restore"));
        assert_non_null(strstr(err.suggestion, "muster doctor"));
    }
    storage_close(open_data(STORAGE_EXAMINE));
}

static void expect_bad(void)
{
    expect_refused(STORAGE_READ, MUSTER_ECORRUPT, "bad_log");
    expect_refused(STORAGE_WRITE, MUSTER_ECORRUPT, "bad_log");
    storage_close(open_data(STORAGE_EXAMINE));
}

static int append_ten_and_die(void)
{
    storage *s = NULL;
    if (storage_open(&s, data, STORAGE_CREATE, NULL) != 0)
        return 1;
    for (uint64_t seq = 1; seq <= 10; seq++)
        append(s, seq, "batch");
    kill(getpid(), SIGKILL);
    return 2;
}

/* The frame of a commit in the write-ahead log is damaged: SQLite forgets it
 * and all behind it. */
static void test_storage_mark__a_changed_bit_in_the_wal_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(in_child(append_ten_and_die, false), 100);
    storage_close(open_data(STORAGE_READ));
    damage_file("muster.db-wal", -100);
    expect_lost("muster.db-wal", "batch 10 ");
    damage_file("muster.db-wal", -(off_t)(16384 + 24) * 6 - 100);
    expect_lost("muster.db-wal", "batches ");
    storage *s = open_data(STORAGE_EXAMINE);
    assert_in_range(storage_log_last(s), 1, 9);
    storage_close(s);
}

static void test_storage_mark__it_is_a_witness_only(void **state)
{
    (void)state;
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    append(s, 2, "two");
    storage_close(s);
    make_path(path, sizeof path, "mark");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 64);
    assert_int_equal(st.st_mode & 077, 0);
    for (off_t at = 0; at < 64; at++) { /* torn, of another log, changed */
        damage_file("mark", at);
        storage_close(open_data(STORAGE_READ));
        damage_file("mark", at);
    }
    static const off_t lengths[] = {65, 63, 0};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        storage_close(open_data(STORAGE_WRITE));
    }
    unlink(path);
    s = open_data(STORAGE_WRITE);
    append(s, 3, "three");
    assert_true(file_exists("mark"));
    storage_close(s);
}

static void copy_named(const char *from, const char *to)
{
    char command[1400];
    snprintf(command, sizeof command, "cp '%s/%s' '%s/%s'", data, from, data,
             to);
    assert_int_equal(system(command), 0);
}

/* Power was lost: the mark is of before. */
static void test_storage_mark__an_older_one_says_nothing(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    copy_named("mark", "muster.db.mark");
    append(s, 2, "two");
    storage_close(s);
    copy_named("muster.db.mark", "mark");
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 2);
    storage_close(s);
}

/* It follows the commit, never goes before it. */
static void test_storage_mark__a_rollback_leaves_it(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    append_uncommitted(s, 2);
    storage_rollback(s);
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 1);
    assert_int_equal(storage_mark(s, NULL), 0);
    storage_close(s);
    storage_close(open_data(STORAGE_READ));
}

static ssize_t failing_write_at(int fd, const void *bytes, size_t len, off_t at)
{
    (void)fd;
    (void)bytes;
    (void)len;
    (void)at;
    errno = ENOSPC;
    return -1;
}

static int interruptions;

static ssize_t halting_write_at(int fd, const void *bytes, size_t len, off_t at)
{
    if (interruptions++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return file_system.write_at(fd, bytes, len > 7 ? 7 : len, at);
}

static ssize_t halting_read_at(int fd, void *bytes, size_t len, off_t at)
{
    if (interruptions++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return file_system.read_at(fd, bytes, len > 7 ? 7 : len, at);
}

static uint64_t marked(const storage *s)
{
    log_mark m;
    mark_read(s, &m);
    assert_true(m.found);
    return m.seq;
}

static void test_storage_mark__one_that_fails_fails_no_commit(void **state)
{
    (void)state;
    muster_error err;
    file_ops ops = file_system;
    ops.write_at = failing_write_at;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    storage_file_hooks(&ops);
    append(s, 2, "two");
    assert_int_equal(storage_mark(s, &err), MUSTER_EIO);
    storage_file_hooks(NULL);
    assert_string_equal(err.word, "disk_full");
    assert_non_null(strstr(err.message, "reading goes on"));
    assert_int_equal(storage_log_last(s), 2);
    assert_int_equal(marked(s), 1);
    append(s, 3, "three");
    assert_int_equal(marked(s), 3);
    storage_close(s);
}

static void test_storage_mark__short_and_interrupted_calls_go_on(void **state)
{
    (void)state;
    file_ops ops = file_system;
    ops.write_at = halting_write_at;
    ops.read_at = halting_read_at;
    storage_file_hooks(&ops);
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    append(s, 2, "two");
    storage_close(s);
    raw_sql("DELETE FROM log WHERE seq = 2;"
            "UPDATE meta SET value = 1 WHERE key = 'log_last'");
    expect_refused(STORAGE_READ, MUSTER_ECORRUPT, "log_lost");
    storage_file_hooks(NULL);
}

/* ---- the database against itself ---- */

static void append_ten(void)
{
    storage *s = open_data(STORAGE_CREATE);
    for (uint64_t seq = 1; seq <= 10; seq++)
        append(s, seq, "batch");
    assert_int_equal(rows_of(s, "SELECT value FROM meta "
                                "WHERE key = 'log_last'"),
                     10);
    storage_close(s);
}

static void test_storage_mark__rows_lost_at_the_end_are_noticed(void **state)
{
    (void)state;
    append_ten();
    char path[600];
    make_path(path, sizeof path, "mark");
    assert_int_equal(unlink(path), 0);
    raw_sql("DELETE FROM log WHERE seq > 7");
    expect_lost("muster.db is", "batches 8 to 10 ");
    raw_sql("DELETE FROM log");
    expect_lost("muster.db is", "batches 1 to 10 ");
}

static void test_storage_mark__rows_lost_at_the_front_are_noticed(void **state)
{
    (void)state;
    append_ten();
    raw_sql("DELETE FROM log WHERE seq = 1");
    expect_lost("muster.db is", "batch 1 ");
}

static void test_storage_mark__numbers_are_compared(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE meta SET value = 9 WHERE key = 'log_last'",
        "UPDATE meta SET value = x'0a' WHERE key = 'log_last'",
        "UPDATE meta SET value = -1 WHERE key = 'log_last'",
        "INSERT INTO meta VALUES ('log_pruned', 3)",
        "INSERT INTO meta VALUES ('log_pruned', -3)",
        "INSERT INTO meta VALUES ('log_pruned', 'ten')",
        "UPDATE log SET seq = -1 WHERE seq = 1",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        append_ten();
        raw_sql(changes[i]);
        expect_bad();
        remove_tree(data);
    }
}

/* log_pruned has fallen and no batch is left that tells. */
static void test_storage_mark__a_generation_is_a_witness_too(void **state)
{
    (void)state;
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 3);
    advance(s, 3);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), 0);
    storage_close(s);
    make_path(path, sizeof path, "mark");
    unlink(path);
    raw_sql("UPDATE meta SET value = 2 WHERE key LIKE 'log_%'");
    expect_lost("muster.db is", "batch 3 ");
    raw_sql("UPDATE meta SET value = 3 WHERE key LIKE 'log_%'");
    storage_close(open_data(STORAGE_READ));
    /* a row that its file does not confirm is the generation's damage */
    raw_sql("UPDATE generation SET seq = 9 WHERE id = 2");
    s = open_data(STORAGE_WRITE);
    generation *g = NULL;
    muster_error damage;
    assert_int_equal(generation_open(&g, s, &damage, NULL), 0);
    assert_int_equal(generation_id(g), 1);
    assert_int_equal(damage.code, MUSTER_ECORRUPT);
    generation_close(g);
    storage_close(s);
}

static void test_storage_mark__older_directories_have_no_row(void **state)
{
    (void)state;
    append_ten();
    raw_sql("DELETE FROM meta WHERE key = 'log_last'");
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 10);
    append(s, 11, "eleven");
    storage_close(s);
    raw_sql("DELETE FROM log WHERE seq = 11");
    expect_lost("muster.db is", "batch 11 ");
}

/* A reader beside a writer is not misled by commits that come meanwhile. */
static int commit_for_ever(void)
{
    storage *s = NULL;
    if (storage_open(&s, data, STORAGE_WRITE, NULL) != 0)
        return 1;
    for (uint64_t seq = 1;; seq++)
        append(s, seq, "batch");
}

static void test_storage_mark__readers_beside_a_writer_see_no_loss(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(commit_for_ever());
    uint64_t last = 0;
    for (int i = 0; i < 300 || last < 10; i++) {
        storage *s = open_data(STORAGE_READ);
        assert_true(storage_log_last(s) >= last);
        last = storage_log_last(s);
        storage_close(s);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    storage *s = open_data(STORAGE_WRITE);
    assert_true(storage_log_last(s) >= last);
    storage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(
            test_storage_mark__a_changed_bit_in_the_wal_is_noticed),
        storage_unit_test(test_storage_mark__it_is_a_witness_only),
        storage_unit_test(test_storage_mark__an_older_one_says_nothing),
        storage_unit_test(test_storage_mark__a_rollback_leaves_it),
        storage_unit_test(test_storage_mark__one_that_fails_fails_no_commit),
        storage_unit_test(test_storage_mark__short_and_interrupted_calls_go_on),
        storage_unit_test(test_storage_mark__rows_lost_at_the_end_are_noticed),
        storage_unit_test(
            test_storage_mark__rows_lost_at_the_front_are_noticed),
        storage_unit_test(test_storage_mark__numbers_are_compared),
        storage_unit_test(test_storage_mark__a_generation_is_a_witness_too),
        storage_unit_test(test_storage_mark__older_directories_have_no_row),
        storage_unit_test(
            test_storage_mark__readers_beside_a_writer_see_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
