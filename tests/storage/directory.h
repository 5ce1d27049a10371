/*
 * directory.h - for tests of room `storage`: a data directory of its own for
 * each test, and a look at its files. Include after cmocka.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_STORAGE_DIRECTORY_H
#define TESTS_STORAGE_DIRECTORY_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "storage/storage.h"

static char parent[256]; /* of this test, fresh */
static char data[300];   /* parent/data, not made */

static inline void make_path(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s", data, name);
}

static inline void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char name[4096];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%.3800s/%.255s", path, e->d_name);
        if (unlink(name) != 0)
            remove_tree(name);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static inline int directory_setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(parent, sizeof parent, "%.200s/storageXXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(parent) == NULL)
        return -1;
    snprintf(data, sizeof data, "%s/data", parent);
    return 0;
}

static inline int directory_teardown(void **state)
{
    (void)state;
    chmod(data, 0700);
    remove_tree(parent);
    return 0;
}

#define storage_unit_test(f)                                                   \
    cmocka_unit_test_setup_teardown(f, directory_setup, directory_teardown)

static inline storage *open_data(storage_mode mode)
{
    storage *s = NULL;
    muster_error err;
    error_clear(&err);
    if (storage_open(&s, data, mode, &err) != 0)
        fail_msg("%s is refused: %s", data, err.message);
    return s;
}

static inline void expect_refused(storage_mode mode, int code, const char *word)
{
    muster_error err;
    error_clear(&err);
    storage *s = (storage *)(void *)data;
    const int rc = storage_open(&s, data, mode, &err);
    if (rc != code || strcmp(err.word, word) != 0)
        fail_msg("%d %s: %s", rc, err.word, err.message);
    assert_null(s);
    assert_true(err.message[0] != '\0');
}

static inline bool file_exists(const char *name)
{
    char path[600];
    make_path(path, sizeof path, name);
    return access(path, F_OK) == 0;
}

static inline size_t file_count(void)
{
    size_t count = 0;
    DIR *d = opendir(data);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        count += e->d_name[0] != '.';
    if (d != NULL)
        closedir(d);
    return count;
}

/* Past us, as an operator with the sqlite3 shell. */
static inline void raw_sql(const char *sql)
{
    char path[600];
    sqlite3 *db = NULL;
    char *message = NULL;
    make_path(path, sizeof path, "muster.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static inline void append(storage *s, uint64_t seq, const char *body)
{
    const storage_batch batch = {
        .seq = seq,
        .kind = (uint32_t)(seq % 5),
        .load_id = text_of("load-1"),
        .position = seq * 10,
        .bytes = (const uint8_t *)body,
        .len = strlen(body),
    };
    muster_error err;
    assert_int_equal(storage_begin(s, NULL), 0);
    if (storage_log_append(s, &batch, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(storage_commit(s, NULL), 0);
}

/* In a transaction that stays open. */
static inline void append_uncommitted(storage *s, uint64_t seq)
{
    const storage_batch batch = {.seq = seq};
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_append(s, &batch, NULL), 0);
}

/* One bit of a file changes; `at` below 0 counts from its end. */
static inline void damage_file(const char *name, off_t at)
{
    char path[600];
    make_path(path, sizeof path, name);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    const off_t end = lseek(fd, 0, SEEK_END);
    const off_t place = at >= 0 ? at : end + at;
    uint8_t byte = 0;
    assert_int_equal(pread(fd, &byte, 1, place), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

static inline int take_int(void *payload, const storage_value *columns,
                           size_t column_count, muster_error *err)
{
    (void)err;
    assert_int_equal(column_count, 1);
    *(int64_t *)payload = columns[0].integer;
    return 0;
}

static inline int64_t rows_of(storage *s, const char *sql)
{
    int64_t count = -1;
    assert_int_equal(storage_each(s, sql, NULL, 0, take_int, &count, NULL), 0);
    return count;
}

/* A generation of state `seq`: a section with its number, a large one, an
 * empty one. */
static inline int fill_generation(generation_writer *w, uint64_t seq,
                                  muster_error *err)
{
    uint8_t piece[1000];
    int rc = generation_begin(w, "number", err);
    if (rc == 0)
        rc = generation_write(w, &seq, sizeof seq, err);
    if (rc == 0)
        rc = generation_end(w, err);
    if (rc == 0)
        rc = generation_begin(w, "large", err);
    for (size_t i = 0; rc == 0 && i < 3000; i++) {
        memset(piece, (int)(i + seq), sizeof piece);
        rc = generation_write(w, piece, sizeof piece, err);
    }
    if (rc == 0)
        rc = generation_end(w, err);
    if (rc == 0)
        rc = generation_begin(w, "a-name-of-15-by", err);
    return rc != 0 ? rc : generation_end(w, err);
}

static inline int start_generation(generation_writer **out, storage *s,
                                   uint64_t seq, muster_error *err)
{
    int64_t id = 0;
    *out = NULL;
    const int rc = storage_generation_next(s, &id, err);
    return rc != 0 ? rc : generation_start(out, s, id, seq, err);
}

/* Seals and adopts it, and takes from the log what no one needs then.
 * Consumes w. */
static inline int publish_generation(storage *s, generation_writer *w,
                                     muster_error *err)
{
    bool more = false;
    int rc = generation_seal(w, err);
    if (rc == 0)
        rc = storage_begin(s, err);
    if (rc == 0)
        rc = generation_adopt(s, w, err);
    if (rc == 0)
        rc = storage_log_trim(s, SIZE_MAX, &more, err);
    if (rc == 0)
        rc = storage_commit(s, err);
    if (rc != 0) {
        storage_rollback(s);
        generation_abandon(w);
        return rc;
    }
    generation_adopted(s);
    generation_finish(s, w);
    return 0;
}

static inline int write_generation(storage *s, uint64_t seq, muster_error *err)
{
    generation_writer *w = NULL;
    int rc = start_generation(&w, s, seq, err);
    if (rc == 0)
        rc = fill_generation(w, seq, err);
    if (rc != 0) {
        generation_abandon(w);
        return rc;
    }
    return publish_generation(s, w, err);
}

/* Batches up to `seq`, then a generation of it. */
static inline void advance(storage *s, uint64_t seq)
{
    muster_error err;
    while (storage_log_last(s) < seq)
        append(s, storage_log_last(s) + 1, "batch");
    if (write_generation(s, seq, &err) != 0)
        fail_msg("%s", err.message);
}

/* Exit code of `run` in a child process; as nobody when we are root and
 * `unprivileged` is set. */
static inline int in_child(int (*run)(void), bool unprivileged)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (unprivileged && geteuid() == 0 &&
            (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit(run());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

#endif
