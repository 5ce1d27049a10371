/*
 * checkpoint_test.c - the write-ahead log goes back into the database beside
 * a writer, a failing disk breaks the storage and reopening mends it, room on
 * disk is told.
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
#include "storage/file.h"

#define BODY_BYTES 4096u

static int append_large(storage *s, uint64_t seq, size_t len, muster_error *err)
{
    uint8_t *bytes = calloc(1, len);
    const storage_batch batch = {.seq = seq, .bytes = bytes, .len = len};
    error_clear(err);
    int rc = storage_begin(s, err);
    if (rc == 0)
        rc = storage_log_append(s, &batch, err);
    if (rc == 0)
        rc = storage_commit(s, err);
    if (rc != 0)
        storage_rollback(s);
    free(bytes);
    return rc;
}

static off_t size_of(const char *name)
{
    char path[600];
    struct stat st;
    make_path(path, sizeof path, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void test_storage_checkpoint__pages_go_back(void **state)
{
    (void)state;
    bool behind = true;
    storage *s = open_data(STORAGE_CREATE);
    for (uint64_t seq = 1; seq <= 100; seq++)
        append(s, seq, "batch");
    const uint64_t before = storage_wal_bytes(s);
    assert_true(before >= 100 * 16384);
    assert_int_equal(append_large(s, 101, 8 << 20, NULL), 0);
    assert_true(storage_wal_bytes(s) > before + (8 << 20));
    assert_true(size_of("muster.db") < 8 << 20); /* nothing by itself */
    assert_int_equal(storage_checkpoint(s, &behind, NULL), 0);
    assert_false(behind);
    assert_true(size_of("muster.db") > 8 << 20);
    append(s, 102, "batch"); /* begins it anew */
    assert_true(storage_wal_bytes(s) < 1 << 20);
    storage_close(s);
    assert_false(file_exists("muster.db-wal"));
    s = open_data(STORAGE_READ);
    assert_int_equal(storage_log_last(s), 102);
    storage_close(s);
}

/* A reader of an old view holds pages back; nobody waits for it. */
static void test_storage_checkpoint__a_reader_holds_it_back(void **state)
{
    (void)state;
    bool behind = false;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    storage *view = open_data(STORAGE_READ);
    assert_int_equal(storage_begin(view, NULL), 0);
    assert_int_equal(rows_of(view, "SELECT count(*) FROM log"), 1);
    append(s, 2, "two");
    assert_int_equal(storage_checkpoint(s, &behind, NULL), 0);
    assert_true(behind);
    assert_int_equal(storage_checkpoint_now(s, &err), MUSTER_EBUSY);
    assert_string_equal(err.word, "busy");
    append(s, 3, "three"); /* nothing is lost or broken */
    storage_rollback(view);
    assert_int_equal(storage_checkpoint_now(s, NULL), 0);
    assert_int_equal(storage_wal_bytes(s), 0);
    assert_int_equal(storage_checkpoint(s, &behind, NULL), 0);
    assert_false(behind);
    assert_int_equal(storage_log_last(view), 3);
    storage_close(view);
    storage_close(s);
}

static void test_storage_checkpoint__a_kill_leaves_its_length(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    assert_true(storage_wal_bytes(s) > 0);
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_wal_bytes(s), 0);
    storage_close(s);
}

typedef struct background {
    storage *s;
    bool stop;
    unsigned runs;
} background;

static void *run_checkpoints(void *payload)
{
    background *b = payload;
    bool behind = false;
    while (!__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE)) {
        if (storage_checkpoint(b->s, &behind, NULL) != 0)
            break;
        __atomic_add_fetch(&b->runs, 1, __ATOMIC_RELEASE);
        storage_wal_bytes(b->s);
    }
    return NULL;
}

/* Commits, the writer's own checkpoints and reopening beside the background
 * thread's. */
static void test_storage_checkpoint__two_threads_share_the_work(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    background b = {.s = s};
    const pthread_t thread = thread_start(run_checkpoints, &b);
    uint64_t seq = 0;
    for (int i = 0; i < 300; i++)
        assert_int_equal(append_large(s, ++seq, BODY_BYTES, NULL), 0);
    while (__atomic_load_n(&b.runs, __ATOMIC_ACQUIRE) < 3)
        assert_int_equal(append_large(s, ++seq, BODY_BYTES, NULL), 0);
    assert_int_equal(storage_checkpoint_now(s, NULL), 0);
    assert_int_equal(storage_reopen(s, NULL), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(append_large(s, ++seq, BODY_BYTES, NULL), 0);
    __atomic_store_n(&b.stop, true, __ATOMIC_RELEASE);
    thread_join(thread);
    storage_close(s);
    s = open_data(STORAGE_READ);
    assert_int_equal(storage_log_last(s), seq);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), seq);
    storage_close(s);
}

/* ---- a failing disk ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* The database may not grow; the write-ahead log has grown already. */
static int checkpoint_on_a_broken_disk(void)
{
    storage *s = open_data(STORAGE_CREATE);
    muster_error err;
    bool behind = false;
    signal(SIGXFSZ, SIG_IGN);
    if (append_large(s, 1, 8 << 20, NULL) != 0)
        return 1;
    limit_files(1 << 20);
    if (storage_checkpoint(s, &behind, &err) != MUSTER_EIO || !behind)
        return 2;
    if (!storage_is_broken(s) || append_large(s, 2, 10, &err) != MUSTER_EIO ||
        strcmp(err.word, "broken") != 0)
        return 3;
    if (storage_checkpoint(s, &behind, &err) != MUSTER_EIO ||
        strcmp(err.word, "broken") != 0 ||
        storage_checkpoint_now(s, &err) != MUSTER_EIO)
        return 4;
    if (storage_reopen(s, &err) != MUSTER_EIO || !storage_is_broken(s))
        return 5;
    storage_rollback(s);
    if (storage_begin(s, &err) != MUSTER_EIO || strcmp(err.word, "broken"))
        return 6;
    limit_files(RLIM_INFINITY);
    if (storage_reopen(s, &err) != 0 || storage_is_broken(s))
        return 7;
    if (storage_log_last(s) != 1 || append_large(s, 2, 10, &err) != 0 ||
        storage_checkpoint(s, &behind, &err) != 0)
        return 8;
    storage_close(s);
    return 0;
}

static void test_storage_checkpoint__a_failed_one_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(checkpoint_on_a_broken_disk, false), 0);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 2);
    storage_close(s);
}

/* A commit fails in the middle of its write. */
static int commit_reopen_and_go_on(void)
{
    storage *s = open_data(STORAGE_CREATE);
    muster_error err;
    signal(SIGXFSZ, SIG_IGN);
    if (append_large(s, 1, 10, NULL) != 0)
        return 1;
    limit_files(1 << 20);
    if (append_large(s, 2, 8 << 20, &err) != MUSTER_EIO)
        return 2;
    if (!storage_is_broken(s) || append_large(s, 2, 10, &err) != MUSTER_EIO)
        return 3;
    const storage_batch batch = {.seq = 2};
    const storage_load load = {.load_id = text_of("a")};
    if (storage_log_append(s, &batch, &err) != MUSTER_EIO ||
        storage_load_put(s, &load, &err) != MUSTER_EIO)
        return 4;
    limit_files(RLIM_INFINITY);
    if (storage_reopen(s, &err) != 0 || storage_log_last(s) != 1)
        return 5;
    if (append_large(s, 2, 8 << 20, &err) != 0)
        return 6;
    storage_close(s);
    return 0;
}

static void test_storage_checkpoint__reopening_mends_a_failed_commit(void **st)
{
    (void)st;
    assert_int_equal(in_child(commit_reopen_and_go_on, false), 0);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 2);
    storage_close(s);
}

static int try_to_write(void)
{
    storage *s = NULL;
    const int rc = storage_open(&s, data, STORAGE_WRITE, NULL);
    storage_close(s);
    return rc == MUSTER_EBUSY ? 1 : 0;
}

static void test_storage_checkpoint__reopening_keeps_the_lock(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    assert_int_equal(storage_reopen(s, NULL), 0);
    assert_int_equal(in_child(try_to_write, false), 1);
    append(s, 2, "two");
    storage_close(s);
}

static void test_storage_checkpoint__reopening_a_lost_log_is_refused(void **st)
{
    (void)st;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    append(s, 2, "two");
    raw_sql("DELETE FROM log WHERE seq = 2");
    assert_int_equal(storage_reopen(s, &err), MUSTER_ECORRUPT);
    assert_string_equal(err.word, "log_lost");
    assert_true(storage_is_broken(s));
    storage_close(s);
}

/* ---- room ---- */

static int small_room(const char *path, struct statvfs *out)
{
    static int calls;
    assert_string_equal(path, data);
    if (calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    memset(out, 0, sizeof *out);
    out->f_frsize = 4096;
    out->f_bavail = 10;
    out->f_bfree = 1000; /* of the superuser */
    return 0;
}

static int no_room(const char *path, struct statvfs *out)
{
    (void)path;
    (void)out;
    errno = EIO;
    return -1;
}

static void test_storage_checkpoint__room_is_told(void **state)
{
    (void)state;
    file_ops ops = file_system;
    bool room = false;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_has_room(s, 1, &room, NULL), 0);
    assert_true(room);
    ops.room = small_room;
    storage_file_hooks(&ops);
    assert_int_equal(storage_has_room(s, 40960, &room, NULL), 0);
    assert_true(room);
    assert_int_equal(storage_has_room(s, 40961, &room, NULL), 0);
    assert_false(room);
    ops.room = no_room;
    assert_int_equal(storage_has_room(s, 1, &room, NULL), MUSTER_EIO);
    assert_false(room);
    storage_file_hooks(NULL);
    storage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_checkpoint__pages_go_back),
        storage_unit_test(test_storage_checkpoint__a_reader_holds_it_back),
        storage_unit_test(test_storage_checkpoint__a_kill_leaves_its_length),
        storage_unit_test(test_storage_checkpoint__two_threads_share_the_work),
        storage_unit_test(test_storage_checkpoint__a_failed_one_loses_nothing),
        storage_unit_test(
            test_storage_checkpoint__reopening_mends_a_failed_commit),
        storage_unit_test(test_storage_checkpoint__reopening_keeps_the_lock),
        storage_unit_test(
            test_storage_checkpoint__reopening_a_lost_log_is_refused),
        storage_unit_test(test_storage_checkpoint__room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
