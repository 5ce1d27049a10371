/*
 * copy_test.c - a copy is the state of one commit, also while another process
 * writes; a copy that fails leaves nothing; checksums of files.
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

static char target[sizeof data];

static void copy_to(const char *name)
{
    muster_error err;
    snprintf(target, sizeof target, "%s/%.30s", parent, name);
    if (storage_copy(data, target, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

/* From here on `data` is the copy. */
static void look_at_copy(void)
{
    snprintf(data, sizeof data, "%s", target);
}

static int64_t newest_seq(storage *s)
{
    generation *g = NULL;
    muster_error err;
    if (generation_open(&g, s, NULL, &err) != 0)
        fail_msg("%s", err.message);
    const int64_t seq = g != NULL ? (int64_t)generation_seq(g) : -1;
    generation_close(g);
    return seq;
}

static void no_batch_fault(void *payload, const storage_finding *f)
{
    (void)payload;
    fail_msg("%s %s: %s", f->file, f->place, f->message);
}

static void test_storage_copy__holds_what_was_committed(void **state)
{
    (void)state;
    char former[300];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 3);
    advance(s, 5);
    append(s, 6, "six");
    copy_to("copy"); /* beside the writer in this process */
    append(s, 7, "seven");
    storage_close(s);
    snprintf(former, sizeof former, "%s", data);
    look_at_copy();
    assert_int_equal(file_count(), 2);
    assert_true(file_exists("muster.db"));
    assert_true(file_exists("gen-2.mgen"));
    struct stat st;
    char path[600];
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    s = open_data(STORAGE_READ);
    assert_int_equal(storage_log_last(s), 6);
    assert_int_equal(newest_seq(s), 5);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM generation"), 1);
    assert_int_equal(storage_check(s, no_batch_fault, NULL, NULL, NULL, NULL),
                     0);
    storage_close(s);
    assert_int_equal(file_count(), 2); /* reading leaves nothing beside it */
    s = open_data(STORAGE_WRITE);
    append(s, 7, "another seven");
    storage_close(s);
    snprintf(data, sizeof data, "%s", former);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 7);
    storage_close(s);
}

/* A directory is brought back to what it was: its mark and that of the life
 * between are not held against it. */
static void test_storage_copy__restoring_is_copying_too(void **state)
{
    (void)state;
    char former[300];
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    copy_to("snapshot");
    append(s, 3, "three");
    storage_close(s);
    snprintf(former, sizeof former, "%s", data);
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"muster.db", "gen-1.mgen"};
        for (size_t n = 0; n < 2; n++) {
            make_path(path, sizeof path, names[n]);
            assert_int_equal(unlink(path), 0);
        }
        assert_true(file_exists("mark"));
        muster_error err;
        if (storage_copy(target, data, NULL, NULL, &err) != 0)
            fail_msg("%s", err.message);
        s = open_data(STORAGE_WRITE);
        assert_int_equal(storage_log_last(s), 2);
        assert_int_equal(newest_seq(s), 2);
        append(s, 3, "another three");
        append(s, 4, "four");
        storage_close(s);
    }
}

/* A backup by other means has the same identity as the directory. */
static void test_storage_copy__a_mark_of_the_same_life_is_removed(void **state)
{
    (void)state;
    char command[900];
    char path[600];
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    const int64_t id =
        rows_of(s, "SELECT value FROM meta WHERE key = 'log_id'");
    storage_close(s);
    snprintf(target, sizeof target, "%s/backup", parent);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", data, target);
    assert_int_equal(system(command), 0);
    s = open_data(STORAGE_WRITE);
    append(s, 2, "two");
    storage_close(s);
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(unlink(path), 0);
    if (storage_copy(target, data, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_false(file_exists("mark"));
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 1);
    assert_true(id !=
                rows_of(s, "SELECT value FROM meta WHERE key = 'log_id'"));
    storage_close(s);
}

static void test_storage_copy__no_generation_and_an_empty_log(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    copy_to("copy");
    look_at_copy();
    assert_int_equal(file_count(), 1);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(newest_seq(s), -1);
    append(s, 1, "one");
    storage_close(s);
}

static void test_storage_copy__a_damaged_generation_stays_behind(void **state)
{
    (void)state;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    damage_file("gen-2.mgen", 3000);
    copy_to("copy");
    damage_file("gen-1.mgen", 3000);
    snprintf(target, sizeof target, "%s/other", parent);
    assert_int_equal(storage_copy(data, target, NULL, NULL, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "no_generation");
    assert_int_not_equal(access(target, F_OK), 0);
    storage_close(s);
    snprintf(target, sizeof target, "%s/copy", parent);
    look_at_copy();
    s = open_data(STORAGE_READ);
    assert_int_equal(newest_seq(s), 1);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), 1);
    storage_close(s);
    assert_false(file_exists("gen-2.mgen"));
}

static void test_storage_copy__a_target_in_use_is_refused(void **state)
{
    (void)state;
    muster_error err;
    storage_close(open_data(STORAGE_CREATE));
    assert_int_equal(storage_copy(data, data, NULL, NULL, &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "exists");
    storage_close(open_data(STORAGE_READ));
    snprintf(target, sizeof target, "%s/none", parent);
    assert_int_equal(storage_copy(target, data, NULL, NULL, &err),
                     MUSTER_ECONFLICT);
    char other[500];
    snprintf(other, sizeof other, "%s/no/parent", parent);
    assert_int_equal(storage_copy(data, other, NULL, NULL, &err), MUSTER_EIO);
    assert_int_equal(storage_copy(target, other, NULL, NULL, &err), MUSTER_EIO);
    snprintf(other, sizeof other, "%s/made", parent);
    assert_int_equal(storage_copy(target, other, NULL, NULL, &err),
                     MUSTER_ENOTFOUND);
    assert_int_not_equal(access(other, F_OK), 0);
    assert_int_equal(storage_copy(data, "", NULL, NULL, &err), MUSTER_EINVAL);
}

static void test_storage_copy__a_lost_file_is_damage(void **state)
{
    (void)state;
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    storage_close(s);
    make_path(path, sizeof path, "gen-2.mgen");
    assert_int_equal(unlink(path), 0);
    copy_to("copy");
    look_at_copy();
    s = open_data(STORAGE_READ);
    assert_int_equal(newest_seq(s), 1);
    storage_close(s);
}

/* What stands in the target may be another name of what is copied. */
static void test_storage_copy__no_former_file_is_written_to(void **state)
{
    (void)state;
    char from[600];
    char to[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    snprintf(to, sizeof to, "%s/copy", parent);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(to, sizeof to, "%s/copy/gen-1.mgen", parent);
    make_path(from, sizeof from, "gen-1.mgen");
    assert_int_equal(link(from, to), 0);
    copy_to("copy");
    assert_int_equal(newest_seq(s), 1);
    storage_close(s);
    look_at_copy();
    s = open_data(STORAGE_READ);
    assert_int_equal(newest_seq(s), 1);
    storage_close(s);
}

static int try_copy(void)
{
    muster_error err;
    const int rc = storage_copy(data, target, NULL, NULL, &err);
    if (rc != MUSTER_ECONFLICT || strcmp(err.word, "exists") != 0)
        return 1;
    storage *s = NULL;
    if (storage_open(&s, target, STORAGE_WRITE, &err) != MUSTER_EBUSY)
        return 2;
    return strcmp(err.word, "locked") == 0 ? 0 : 3;
}

/* Another copy to the same place and a writer of it are refused. */
static int copy_beside(void *payload, const char *what, uint64_t done,
                       uint64_t total)
{
    int *tries = payload;
    (void)done;
    (void)total;
    if (strcmp(what, "gen-1.mgen") != 0 || (*tries)++ != 0)
        return 0;
    assert_int_equal(in_child(try_copy, false), 0);
    return 0;
}

static void test_storage_copy__two_to_one_place_do_not_meet(void **state)
{
    (void)state;
    muster_error err;
    int tries = 0;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    storage_close(s);
    snprintf(target, sizeof target, "%s/copy", parent);
    if (storage_copy(data, target, copy_beside, &tries, &err) != 0)
        fail_msg("%s", err.message);
    assert_true(tries > 0);
    look_at_copy();
    assert_int_equal(file_count(), 2);
}

/* ---- beside another process ---- */

static int write_for_ever(void)
{
    storage *s = NULL;
    if (storage_open(&s, data, STORAGE_WRITE, NULL) != 0)
        return 1;
    for (uint64_t seq = storage_log_last(s) + 1;; seq++) {
        append(s, seq, "batch");
        if (seq % 3 == 0)
            advance(s, seq);
    }
}

static void test_storage_copy__beside_a_writer_it_is_sound(void **state)
{
    (void)state;
    char from[300];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    storage_close(s);
    snprintf(from, sizeof from, "%s", data);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_for_ever());
    uint64_t last = 0;
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "copy-%d", i);
        copy_to(name);
        look_at_copy();
        s = open_data(STORAGE_READ);
        assert_int_equal(
            storage_check(s, no_batch_fault, NULL, NULL, NULL, NULL), 0);
        assert_true(storage_log_last(s) >= last);
        last = storage_log_last(s);
        assert_true(newest_seq(s) > 0);
        storage_close(s);
        snprintf(data, sizeof data, "%s", from);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Each time the database is copied, its generations go meanwhile. */
static int replace_generations(void *payload, const char *what, uint64_t done,
                               uint64_t total)
{
    storage *s = payload;
    assert_true(done <= total);
    if (strcmp(what, "muster.db") != 0)
        return 0;
    for (uint64_t last = storage_log_last(s); last + 2 > storage_log_last(s);)
        advance(s, storage_log_last(s) + 1);
    return 0;
}

static void test_storage_copy__a_file_that_goes_meanwhile_is_held(void **state)
{
    (void)state;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    for (uint64_t seq = 1; seq <= 400; seq++)
        append(s, seq, "batch");
    advance(s, 400);
    snprintf(target, sizeof target, "%s/copy", parent);
    if (storage_copy(data, target, replace_generations, s, &err) != 0)
        fail_msg("%s", err.message);
    assert_true(storage_log_last(s) >= 402);
    assert_false(file_exists("gen-1.mgen"));
    storage_close(s);
    look_at_copy();
    s = open_data(STORAGE_READ);
    assert_int_equal(newest_seq(s), 400);
    assert_int_equal(storage_log_last(s), 400);
    storage_close(s);
}

/* ---- failures ---- */

static int steps_left;
static unsigned steps_seen;

static int stop_later(void *payload, const char *what, uint64_t done,
                      uint64_t total)
{
    (void)payload;
    assert_true(done <= total);
    assert_true(strcmp(what, "muster.db") == 0 ||
                strcmp(what, "gen-1.mgen") == 0);
    steps_seen++;
    return steps_left-- == 0 ? MUSTER_ECANCELLED : 0;
}

static void test_storage_copy__a_stop_leaves_nothing(void **state)
{
    (void)state;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    for (uint64_t seq = 1; seq <= 400; seq++)
        append(s, seq, "batch");
    advance(s, 400);
    storage_close(s);
    snprintf(target, sizeof target, "%s/copy", parent);
    int stopped = 0;
    for (;; stopped++) {
        steps_left = stopped;
        const int rc = storage_copy(data, target, stop_later, NULL, &err);
        if (rc == 0)
            break;
        assert_int_equal(rc, MUSTER_ECANCELLED);
        assert_string_equal(err.word, "cancelled");
        assert_int_not_equal(access(target, F_OK), 0);
    }
    assert_true(stopped >= 4); /* three pieces of the generation and more */
}

static int calls_left;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    calls_left = -1;
    errno = ENOSPC;
    return true;
}

static int failing_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : file_system.open(path, flags, mode);
}

static ssize_t failing_write(int fd, const void *bytes, size_t len)
{
    return fails() ? -1 : file_system.write(fd, bytes, len);
}

static ssize_t failing_read_at(int fd, void *bytes, size_t len, off_t at)
{
    if (fails())
        return -1;
    return file_system.read_at(fd, bytes, len > 5000 ? 5000 : len, at);
}

static int failing_sync(int fd)
{
    return fails() ? -1 : file_system.sync(fd);
}

static void test_storage_copy__each_failed_call_leaves_nothing(void **state)
{
    (void)state;
    file_ops ops = file_system;
    ops.open = failing_open;
    ops.write = failing_write;
    ops.read_at = failing_read_at;
    ops.sync = failing_sync;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    storage_close(s);
    snprintf(target, sizeof target, "%s/copy", parent);
    int faults = 0;
    for (int k = 0;; k++) {
        muster_error err;
        calls_left = k;
        storage_file_hooks(&ops);
        const int rc = storage_copy(data, target, NULL, NULL, &err);
        const bool went_through = calls_left >= 0;
        storage_file_hooks(NULL);
        if (rc == 0 && went_through)
            break;
        if (rc == 0) { /* a call that something else stands in for */
            remove_tree(target);
            continue;
        }
        assert_int_equal(rc, MUSTER_EIO);
        assert_string_equal(err.word, "disk_full");
        assert_int_not_equal(access(target, F_OK), 0);
        faults++;
        assert_true(k < 5000);
    }
    assert_true(faults > 20);
    look_at_copy();
    s = open_data(STORAGE_READ);
    assert_int_equal(newest_seq(s), 2);
    storage_close(s);
}

static int failing_unlink(const char *path)
{
    const size_t len = strlen(path);
    if (len > 5 && strcmp(path + len - 5, "/lock") == 0) {
        errno = EIO;
        return -1;
    }
    return file_system.unlink(path);
}

/* It holds bytes that nobody flushed. */
static void test_storage_copy__a_lock_that_stays_is_a_failure(void **state)
{
    (void)state;
    file_ops ops = file_system;
    muster_error err;
    char path[600];
    ops.unlink = failing_unlink;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    storage_close(s);
    snprintf(target, sizeof target, "%s/copy", parent);
    snprintf(path, sizeof path, "%s/muster.db", target);
    storage_file_hooks(&ops);
    const int rc = storage_copy(data, target, NULL, NULL, &err);
    storage_file_hooks(NULL);
    assert_int_equal(rc, MUSTER_EIO);
    assert_string_equal(err.word, "io");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(storage_copy(data, target, NULL, NULL, &err), 0);
    look_at_copy();
}

/* ---- checksums of files ---- */

/* What `xxhsum -H2` tells of a file without bytes. */
static const uint64_t of_nothing[2] = {0x6001c324468d497fu,
                                       0x99aa06d3014798d8u};

static void write_bytes(const char *path, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < len; i++)
        fputc((int)(i * 31 + i / 251), f);
    fclose(f);
}

static void test_storage_copy__a_file_has_a_checksum(void **state)
{
    (void)state;
    char path[600];
    uint64_t first[2];
    uint64_t again[2];
    uint64_t bytes = 0;
    muster_error err;
    static const size_t lengths[] = {0, 1, 1 << 20, (1 << 20) + 1, 2500000};
    snprintf(path, sizeof path, "%s/file", parent);
    for (size_t i = 0; i < 5; i++) {
        write_bytes(path, lengths[i]);
        assert_int_equal(
            storage_file_hash(path, first, &bytes, NULL), 0);
        assert_int_equal(bytes, lengths[i]);
        if (lengths[i] == 0)
            assert_memory_equal(first, of_nothing, sizeof first);
        if (lengths[i] == 0)
            continue;
        const int fd = open(path, O_RDWR);
        assert_int_equal(pwrite(fd, "!", 1, (off_t)lengths[i] / 2), 1);
        close(fd);
        assert_int_equal(
            storage_file_hash(path, again, &bytes, NULL), 0);
        assert_true(first[0] != again[0] && first[1] != again[1]);
    }
    snprintf(path, sizeof path, "%s/none", parent);
    assert_int_equal(storage_file_hash(path, first, &bytes, &err),
                     MUSTER_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_copy__holds_what_was_committed),
        storage_unit_test(test_storage_copy__restoring_is_copying_too),
        storage_unit_test(
            test_storage_copy__a_mark_of_the_same_life_is_removed),
        storage_unit_test(test_storage_copy__no_generation_and_an_empty_log),
        storage_unit_test(test_storage_copy__a_damaged_generation_stays_behind),
        storage_unit_test(test_storage_copy__a_target_in_use_is_refused),
        storage_unit_test(test_storage_copy__a_lost_file_is_damage),
        storage_unit_test(test_storage_copy__no_former_file_is_written_to),
        storage_unit_test(test_storage_copy__two_to_one_place_do_not_meet),
        storage_unit_test(test_storage_copy__beside_a_writer_it_is_sound),
        storage_unit_test(
            test_storage_copy__a_file_that_goes_meanwhile_is_held),
        storage_unit_test(test_storage_copy__a_stop_leaves_nothing),
        storage_unit_test(test_storage_copy__each_failed_call_leaves_nothing),
        storage_unit_test(
            test_storage_copy__a_lock_that_stays_is_a_failure),
        storage_unit_test(test_storage_copy__a_file_has_a_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
