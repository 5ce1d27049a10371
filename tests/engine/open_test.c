/*
 * open_test.c - data directories: made, opened again, shared, refused,
 * damaged.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine_support.h"

#define ONE "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}\n"
#define TWO "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"2\"}}\n"

static void expect_refused(const char *dir, muster_open_mode mode,
                           const char *key, int code, const char *word)
{
    muster_engine *e;
    muster_error err;
    assert_int_equal(open_directory(&e, dir, mode, key, &err), code);
    assert_null(e);
    assert_string_equal(err.word, word);
    assert_true(err.message[0] != '\0');
}

/* ---- opening again ---- */

static void test_engine_open__what_was_loaded_is_there(void **state)
{
    house *h = *state;
    feed(h, ONE);
    const muster_epoch epoch = muster_engine_epoch(h->engine);
    const muster_open_mode modes[] = {MUSTER_OPEN_READ, MUSTER_OPEN_WRITE,
                                      MUSTER_OPEN_CREATE};
    for (int i = 0; i < 3; i++) {
        house_reopen(h, modes[i]);
        assert_int_equal(count(h, "x = \"1\""), 1);
        assert_true(has(h, "x = \"1\"", "a"));
        assert_int_equal(muster_engine_epoch(h->engine), epoch);
    }
    feed(h, TWO);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "x is known"), 2);
}

static void test_engine_open__an_empty_directory_answers(void **state)
{
    house *h = *state;
    bool known = true;
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "all"), 0);
    assert_int_equal(lookup(h, "a", &known).count, 0);
    assert_false(known);
    assert_int_equal(stats(h).users, 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "all"), 0);
}

static void test_engine_open__without_a_directory(void **state)
{
    house *h = *state;
    char dir[600];
    snprintf(dir, sizeof dir, "%s/none", h->dir);
    expect_refused(dir, MUSTER_OPEN_READ, NULL, MUSTER_ENOTFOUND, "no_data");
    expect_refused(dir, MUSTER_OPEN_WRITE, NULL, MUSTER_ENOTFOUND, "no_data");
    assert_int_equal(access(dir, F_OK), -1);
}

static void test_engine_open__options_are_checked(void **state)
{
    house *h = *state;
    muster_engine_options o = MUSTER_ENGINE_OPTIONS_INIT;
    muster_engine *e;
    muster_error err;
    o.data_dir = h->dir;
    o.now = -1;
    assert_int_equal(muster_engine_open(&e, &o, &err), MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_now");
    o.now = 0;
    o.size--;
    assert_int_equal(muster_engine_open(&e, &o, &err), MUSTER_EINVAL);
    o.size++;
    o.data_dir = "";
    assert_int_equal(muster_engine_open(&e, &o, &err), MUSTER_EINVAL);
    assert_int_equal(muster_engine_open(&e, NULL, &err), MUSTER_EINVAL);
}

/* ---- sharing ---- */

/* Opens in a process of its own; its exit status is 0 when that went as
 * expected. */
static int in_another_process(const char *dir, muster_open_mode mode,
                              int code, const char *word)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        muster_engine *e;
        muster_error err;
        const int rc = open_directory(&e, dir, mode, NULL, &err);
        const bool same =
            rc == code && (rc == 0 || strcmp(err.word, word) == 0);
        muster_engine_close(e);
        _exit(same ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_engine_open__a_second_writer_is_refused(void **state)
{
    house *h = *state;
    feed(h, ONE);
    assert_int_equal(in_another_process(h->dir, MUSTER_OPEN_WRITE,
                                        MUSTER_EBUSY, "locked"), 0);
    assert_int_equal(in_another_process(h->dir, MUSTER_OPEN_CREATE,
                                        MUSTER_EBUSY, "locked"), 0);
    assert_int_equal(in_another_process(h->dir, MUSTER_OPEN_READ, 0, ""), 0);
    feed(h, TWO); /* nothing was harmed */
    assert_int_equal(count(h, "x is known"), 2);
    house_reopen(h, MUSTER_OPEN_READ); /* the writer is gone */
    assert_int_equal(in_another_process(h->dir, MUSTER_OPEN_WRITE, 0, ""), 0);
}

static void test_engine_open__a_reader_takes_no_changes(void **state)
{
    house *h = *state;
    const muster_id user = cookie("a");
    muster_error err;
    feed(h, ONE);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(try_save(h, "s", "all", NULL, &err), MUSTER_EREFUSED);
    assert_string_equal(err.word, "read_only");
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, false, NULL, &err),
        MUSTER_EREFUSED);
    assert_int_equal(muster_engine_checkpoint(h->engine, &err),
                     MUSTER_EREFUSED);
    assert_int_equal(muster_catalog_apply(h->engine, "{}", 2, &err),
                     MUSTER_EREFUSED);
    assert_int_equal(
        muster_provider_set(h->engine, "p", "first", NULL, &err),
        MUSTER_EREFUSED);
}

/* ---- keys ---- */

static void test_engine_open__another_key_is_refused(void **state)
{
    house *h = *state;
    char other[600];
    char key[600];
    muster_engine *e;
    muster_error err;

    feed(h, ONE);
    snprintf(other, sizeof other, "%s/other", h->dir);
    assert_int_equal(
        open_directory(&e, other, MUSTER_OPEN_CREATE, NULL, &err), 0);
    muster_engine_close(e);
    snprintf(key, sizeof key, "%s/other/muster.key", h->dir);
    muster_engine_close(h->engine);
    h->engine = NULL;
    for (int mode = MUSTER_OPEN_READ; mode <= MUSTER_OPEN_CREATE; mode++)
        expect_refused(h->dir, (muster_open_mode)mode, key, MUSTER_EREFUSED,
                       "wrong_key");
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "x = \"1\""), 1);
}

/* A key made anew would fit no user: the loss is told, nothing is made. */
static void test_engine_open__a_lost_key_is_not_made_anew(void **state)
{
    house *h = *state;
    char key[600];
    char kept[600];

    feed(h, ONE);
    snprintf(key, sizeof key, "%s/muster.key", h->dir);
    snprintf(kept, sizeof kept, "%s/kept", h->dir);
    muster_engine_close(h->engine);
    h->engine = NULL;
    assert_int_equal(rename(key, kept), 0);
    for (int mode = MUSTER_OPEN_READ; mode <= MUSTER_OPEN_CREATE; mode++)
        expect_refused(h->dir, (muster_open_mode)mode, NULL, MUSTER_ENOTFOUND,
                       "no_key");
    assert_int_equal(access(key, F_OK), -1);
    assert_int_equal(rename(kept, key), 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_true(has(h, "x = \"1\"", "a"));
}

/* ---- what cannot be opened ---- */

static void test_engine_open__a_newer_version_is_left_alone(void **state)
{
    house *h = *state;
    char path[600];
    sqlite3 *db;

    feed(h, ONE);
    muster_engine_close(h->engine);
    h->engine = NULL;
    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA user_version = 900", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    for (int mode = MUSTER_OPEN_READ; mode <= MUSTER_OPEN_CREATE; mode++)
        expect_refused(h->dir, (muster_open_mode)mode, NULL, MUSTER_EVERSION,
                       "newer_version");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "x = \"1\""), 1);
}

/* Everything in the directory belongs to `user`, nothing may be written. */
static void give_away(const char *dir, uid_t user, mode_t mode)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[900];
        snprintf(path, sizeof path, "%s/%.255s", dir, e->d_name);
        if (e->d_name[0] == '.')
            continue;
        (void)!chown(path, user, (gid_t)-1);
        assert_int_equal(chmod(path, 0400), 0);
    }
    closedir(d);
    (void)!chown(dir, user, (gid_t)-1);
    assert_int_equal(chmod(dir, mode), 0);
}

static void test_engine_open__a_read_only_directory(void **state)
{
    house *h = *state;
    const uid_t nobody = 65534;

    feed(h, ONE);
    muster_engine_close(h->engine);
    h->engine = NULL;
    give_away(h->dir, geteuid() == 0 ? nobody : geteuid(), 0500);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* permissions do not bind the superuser */
        muster_engine *e;
        muster_error err;
        if (geteuid() == 0 && setuid(nobody) != 0)
            _exit(77);
        if (access(h->dir, R_OK | X_OK) != 0)
            _exit(77);
        if (open_directory(&e, h->dir, MUSTER_OPEN_WRITE, NULL, &err) !=
            MUSTER_EIO)
            _exit(1);
        if (!strstr(err.message, h->dir))
            _exit(2);
        if (open_directory(&e, h->dir, MUSTER_OPEN_READ, NULL, &err) != 0) {
            fprintf(stderr, "reading: %s (%s)\n", err.message, err.word);
            _exit(3);
        }
        muster_engine_close(e);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    give_away(h->dir, geteuid(), 0700);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: no user without rights can reach %s\n",
                      h->dir);
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- damage ---- */

/* The newest generation file. */
static void newest_generation(const house *h, char *path, size_t size)
{
    unsigned long long best = 0;
    DIR *d = opendir(h->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        unsigned long long number;
        if (sscanf(e->d_name, "gen-%llu.mgen", &number) == 1 &&
            number >= best) {
            best = number;
            snprintf(path, size, "%s/%.255s", h->dir, e->d_name);
        }
    }
    closedir(d);
    assert_true(best > 0);
}

static void damage_file(const char *path, double where)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(chmod(path, 0600), 0);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    const off_t at = (off_t)((double)(st.st_size - 64) * where);
    uint8_t bytes[16];
    assert_int_equal(pread(fd, bytes, sizeof bytes, at), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] ^= 0x5a;
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, at), sizeof bytes);
    close(fd);
}

static void test_engine_open__a_damaged_generation_gives_way_to_the_older(
    void **state)
{
    house *h = *state;
    char path[900];

    feed(h, ONE);
    house_checkpoint(h);
    feed(h, TWO);
    house_checkpoint(h);
    feed(h, "{\"ids\":{\"cookie\":\"c\"},\"set\":{\"x\":\"3\"}}\n");
    for (int i = 0; i < 5; i++) {
        newest_generation(h, path, sizeof path);
        muster_engine_close(h->engine);
        h->engine = NULL;
        damage_file(path, i * 0.2);
        house_reopen(h, MUSTER_OPEN_READ);
        assert_int_equal(count(h, "x is known"), 3);
        assert_true(has(h, "x = \"2\"", "b"));
        assert_true(has(h, "x = \"3\"", "c"));
        house_reopen(h, MUSTER_OPEN_WRITE);
        assert_int_equal(count(h, "x is known"), 3);
        house_checkpoint(h); /* a whole one stands beside it again */
        house_reopen(h, MUSTER_OPEN_WRITE);
        assert_int_equal(count(h, "x is known"), 3);
    }
}

static void test_engine_open__a_whole_log_stands_in(void **state)
{
    house *h = *state;
    char path[900];
    muster_error notice;

    feed(h, ONE);
    house_checkpoint(h);
    feed(h, TWO);
    assert_false(muster_engine_notice(h->engine, &notice));
    newest_generation(h, path, sizeof path);
    muster_engine_close(h->engine);
    h->engine = NULL;
    damage_file(path, 0.5);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "x is known"), 2);
    assert_true(muster_engine_notice(h->engine, &notice));
    assert_int_equal(notice.code, MUSTER_ECORRUPT);
    assert_non_null(strstr(notice.message, "generation 1"));
    assert_string_equal(notice.suggestion, "muster doctor --repair");
}

static void test_engine_open__no_valid_generation_is_an_error(void **state)
{
    house *h = *state;
    char path[900];

    for (int i = 0; i < 3; i++) { /* the log goes behind the older one */
        feed(h, i == 0 ? ONE : TWO);
        house_checkpoint(h);
    }
    muster_engine_close(h->engine);
    h->engine = NULL;
    DIR *d = opendir(h->dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, "gen-", 4) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%.255s", h->dir, e->d_name);
        damage_file(path, 0.5);
    }
    closedir(d);
    muster_engine *e;
    muster_error err;
    assert_int_equal(open_directory(&e, h->dir, MUSTER_OPEN_READ, NULL, &err),
                     MUSTER_ECORRUPT);
    assert_null(e);
}

/* ---- after a failed commit ---- */

static int sql(const char *dir, const char *text)
{
    char path[600];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/muster.db", dir);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        return 1;
    sqlite3_busy_timeout(db, 10000);
    const int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

/* The mirror's table is gone under the writer, so that the commit of a new
 * attribute fails after it has been applied. Nothing of it may be seen or
 * reach a generation, and the engine takes changes again by itself. */
static void test_engine_open__a_failed_commit_leaves_no_trace(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *f;
    muster_error err;

    feed(h, ONE);
    assert_int_equal(sql(h->dir, "ALTER TABLE attribute RENAME TO away"), 0);
    options.format = MUSTER_INPUT_NDJSON;
    assert_int_equal(muster_feed_open(&f, h->engine, &options, &err), 0);
    const char *text = "{\"ids\":{\"cookie\":\"z\"},\"set\":{\"y\":\"9\"}}\n";
    int rc = muster_feed_push(f, text, strlen(text), &err);
    const int ended = muster_feed_finish(f, &err);
    assert_true(rc != 0 || ended != 0);
    muster_feed_free(f);
    assert_int_equal(stats(h).users, 1);
    assert_int_equal(stats(h).attributes, 1);
    assert_int_equal(try_save(h, "s", "all", NULL, &err), 0);
    assert_int_equal(muster_engine_checkpoint(h->engine, &err), 0);
    assert_int_equal(sql(h->dir, "ALTER TABLE away RENAME TO attribute"), 0);
    assert_int_equal(stats(h).users, 1);
    feed(h, TWO);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "x is known"), 2);
}

/* The same in the middle of a feed, with so much behind the newest generation
 * that the feed's end would write one. */
static void test_engine_open__a_failed_feed_writes_no_generation(void **state)
{
    house *h = *state;
    const size_t records = 120000; /* more than one commit's bytes */
    const char *line =
        "{\"ids\":{\"cookie\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\","
        "\"h\",\"i\",\"j\"]},\"set\":{\"x\":\"1\"}}\n";
    char *text = malloc(records * strlen(line) + 100);
    size_t len = 0;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *f;
    muster_error err;

    feed(h, ONE);
    assert_int_equal(sql(h->dir, "ALTER TABLE attribute RENAME TO away"), 0);
    const char *first =
        "{\"ids\":{\"cookie\":\"z\"},\"set\":{\"y\":\"9\"}}\n";
    memcpy(text, first, strlen(first));
    len += strlen(first);
    for (size_t i = 0; i < records; i++, len += strlen(line))
        memcpy(text + len, line, strlen(line));
    options.format = MUSTER_INPUT_NDJSON;
    assert_int_equal(muster_feed_open(&f, h->engine, &options, &err), 0);
    int rc = muster_feed_push(f, text, len, &err);
    const int ended = muster_feed_finish(f, &err);
    assert_true(rc != 0 || ended != 0);
    assert_string_not_equal(err.word, "write_failed"); /* the first cause */
    muster_feed_free(f);
    free(text);
    assert_int_equal(sql(h->dir, "ALTER TABLE away RENAME TO attribute"), 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(stats(h).users, 1);
    feed(h, TWO);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "x is known"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_open__what_was_loaded_is_there),
        HOUSE_TEST(test_engine_open__an_empty_directory_answers),
        HOUSE_TEST(test_engine_open__without_a_directory),
        HOUSE_TEST(test_engine_open__options_are_checked),
        HOUSE_TEST(test_engine_open__a_second_writer_is_refused),
        HOUSE_TEST(test_engine_open__a_reader_takes_no_changes),
        HOUSE_TEST(test_engine_open__another_key_is_refused),
        HOUSE_TEST(test_engine_open__a_lost_key_is_not_made_anew),
        HOUSE_TEST(test_engine_open__a_newer_version_is_left_alone),
        HOUSE_TEST(test_engine_open__a_read_only_directory),
        HOUSE_TEST(
            test_engine_open__a_damaged_generation_gives_way_to_the_older),
        HOUSE_TEST(test_engine_open__a_whole_log_stands_in),
        HOUSE_TEST(test_engine_open__no_valid_generation_is_an_error),
        HOUSE_TEST(test_engine_open__a_failed_commit_leaves_no_trace),
        HOUSE_TEST(test_engine_open__a_failed_feed_writes_no_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
