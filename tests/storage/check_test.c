/*
 * check_test.c - the check finds what is damaged, names it, and tells what the
 * rest of the directory makes up for.
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

#define FOUND_MAX 2000

typedef struct found_one {
    storage_finding_kind kind;
    char text[700]; /* file|place|message */
    int64_t generation;
} found_one;

typedef struct findings {
    found_one list[FOUND_MAX];
    size_t count;
    storage_tally tally;
} findings;

static findings f;

static void take_finding(void *payload, const storage_finding *finding)
{
    findings *all = payload;
    assert_true(all->count < FOUND_MAX);
    found_one *one = &all->list[all->count++];
    one->kind = finding->kind;
    one->generation = finding->generation;
    snprintf(one->text, sizeof one->text, "%s|%s|%s", finding->file,
             finding->place, finding->message);
}

static void check_data(void)
{
    muster_error err;
    memset(&f, 0, sizeof f);
    storage *s = open_data(STORAGE_EXAMINE);
    if (storage_check(s, take_finding, NULL, &f, &f.tally, &err) != 0)
        fail_msg("%s", err.message);
    storage_close(s);
}

static void expect_finding(storage_finding_kind kind, const char *text)
{
    for (size_t i = 0; i < f.count; i++)
        if (strstr(f.list[i].text, text) != NULL) {
            assert_int_equal(f.list[i].kind, kind);
            return;
        }
    fail_msg("not found: %s (of %zu, first %s)", text, f.count,
             f.list[0].text);
}

/* Generations of 2 and 4, batches up to 6, a load. */
static void make_data(void)
{
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    advance(s, 4);
    append(s, 5, "five");
    append(s, 6, "six");
    const storage_load load = {.load_id = text_of("load-1"), .position = 60};
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_load_put(s, &load, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    storage_close(s);
}

static void test_storage_check__a_sound_one_has_no_findings(void **state)
{
    (void)state;
    make_data();
    check_data();
    assert_int_equal(f.count, 0);
    assert_int_equal(f.tally.log_batches, 4);
    assert_int_equal(f.tally.log_bytes, 5 + 5 + 4 + 3);
    assert_int_equal(f.tally.generations, 2);
    assert_true(f.tally.bytes_read > 6000000);
    storage_close(open_data(STORAGE_WRITE));
}

static void test_storage_check__batches_are_weighed(void **state)
{
    (void)state;
    make_data();
    raw_sql("UPDATE log SET body = x'00' WHERE seq IN (3, 6)");
    check_data();
    assert_int_equal(f.count, 2);
    expect_finding(STORAGE_REPAIRABLE,
                   "muster.db|log batch 3|its checksum does not fit");
    expect_finding(STORAGE_DAMAGE, "muster.db|log batch 6|");
    raw_sql("DELETE FROM log WHERE seq IN (4, 5)");
    check_data();
    assert_int_equal(f.count, 3);
    expect_finding(STORAGE_DAMAGE,
                   "muster.db|log batches 4 to 5|it is missing");
}

static void test_storage_check__sections_have_names(void **state)
{
    (void)state;
    make_data();
    damage_file("gen-2.mgen", 100000);
    check_data();
    assert_int_equal(f.count, 1);
    expect_finding(STORAGE_REPAIRABLE, "gen-2.mgen|section large|");
    assert_int_equal(f.list[0].generation, 2);
    damage_file("gen-1.mgen", 64); /* none is sound, batches 1, 2 are gone */
    check_data();
    assert_int_equal(f.count, 2);
    expect_finding(STORAGE_DAMAGE, "gen-2.mgen|section large|");
    expect_finding(STORAGE_DAMAGE, "gen-1.mgen|section number|");
    damage_file("gen-1.mgen", 64);
    damage_file("gen-2.mgen", -1);
    check_data();
    assert_int_equal(f.count, 1);
    expect_finding(STORAGE_REPAIRABLE, "its end does not fit");
    raw_sql("UPDATE log SET body = x'00' WHERE seq = 3"); /* needed now */
    check_data();
    expect_finding(STORAGE_DAMAGE, "its end does not fit");
    expect_finding(STORAGE_DAMAGE, "log batch 3|");
}

static void test_storage_check__a_whole_log_makes_up_for_all(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    storage_close(s);
    damage_file("gen-1.mgen", 0);
    check_data();
    assert_int_equal(f.count, 1);
    expect_finding(STORAGE_REPAIRABLE, "gen-1.mgen||");
}

static void test_storage_check__what_was_acknowledged_is_missed(void **state)
{
    (void)state;
    make_data();
    raw_sql("DELETE FROM log WHERE seq = 6");
    expect_refused(STORAGE_WRITE, MUSTER_ECORRUPT, "log_lost");
    check_data();
    assert_int_equal(f.count, 1);
    expect_finding(STORAGE_DAMAGE, "change batch 6 was committed");
    raw_sql("UPDATE meta SET value = 5 WHERE key = 'log_last'");
    check_data();
    expect_finding(STORAGE_DAMAGE, "muster.db-wal is damaged");
}

static void test_storage_check__loads_and_strays_are_named(void **state)
{
    (void)state;
    char path[600];
    make_data();
    raw_sql("UPDATE load SET position = 61");
    make_path(path, sizeof path, "gen-9.tmp");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    check_data();
    assert_int_equal(f.count, 2);
    expect_finding(STORAGE_DAMAGE, "muster.db|load load-1|");
    expect_finding(STORAGE_NOTE, "gen-9.tmp||");
}

/* SQLite's own text of a page that is no page. */
static void test_storage_check__a_damaged_page_is_named(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    for (uint64_t seq = 1; seq <= 200; seq++)
        append(s, seq, "a batch of some length, so that there are pages");
    int64_t root = rows_of(s, "SELECT rootpage FROM sqlite_schema "
                              "WHERE name = 'segment'");
    storage_close(s);
    damage_file("muster.db", (off_t)(root - 1) * 16384);
    check_data();
    assert_true(f.count >= 1);
    assert_int_equal(f.list[0].kind, STORAGE_DAMAGE);
    assert_non_null(strstr(f.list[0].text, "muster.db|"));
}

static void test_storage_check__not_every_batch_is_told(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_begin(s, NULL), 0);
    for (uint64_t seq = 1; seq <= 1500; seq++) {
        const storage_batch batch = {.seq = seq};
        assert_int_equal(storage_log_append(s, &batch, NULL), 0);
    }
    assert_int_equal(storage_commit(s, NULL), 0);
    storage_close(s);
    raw_sql("UPDATE log SET checksum = 1");
    check_data();
    assert_int_equal(f.count, 1001);
    expect_finding(STORAGE_DAMAGE, "500 more findings");
}

static int stop_at_once(void *payload, const char *what, uint64_t done,
                        uint64_t total)
{
    (void)payload;
    assert_non_null(what);
    assert_true(done <= total);
    return MUSTER_ECANCELLED;
}

static void test_storage_check__it_can_be_stopped(void **state)
{
    (void)state;
    muster_error err;
    make_data();
    memset(&f, 0, sizeof f);
    storage *s = open_data(STORAGE_READ);
    assert_int_equal(
        storage_check(s, take_finding, stop_at_once, &f, NULL, &err),
        MUSTER_ECANCELLED);
    assert_string_equal(err.word, "cancelled");
    assert_int_equal(f.count, 0);
    assert_int_equal(storage_check(s, take_finding, NULL, &f, NULL, &err), 0);
    storage_close(s);
}

/* ---- beside a writer ---- */

static storage *beside; /* writes when a file of that kind is opened */
static const char *trigger;

static int writing_open(const char *path, int flags, mode_t mode)
{
    storage *s = beside;
    if (s != NULL && strstr(path, trigger) != NULL) {
        beside = NULL;
        for (int i = 0; i < 3; i++)
            advance(s, storage_log_last(s) + 1);
    }
    return file_system.open(path, flags, mode);
}

static void test_storage_check__a_writer_beside_is_no_damage(void **state)
{
    (void)state;
    static const char *const triggers[] = {"/mark", ".mgen"};
    file_ops ops = file_system;
    ops.open = writing_open;
    make_data();
    storage *s = open_data(STORAGE_WRITE);
    for (size_t i = 0; i < 2; i++) {
        muster_error err;
        memset(&f, 0, sizeof f);
        storage *view = open_data(STORAGE_READ);
        beside = s;
        trigger = triggers[i];
        storage_file_hooks(&ops);
        const int rc = storage_check(view, take_finding, NULL, &f, NULL, &err);
        storage_file_hooks(NULL);
        if (rc != 0 || f.count != 0)
            fail_msg("%d %s", rc, rc != 0 ? err.message : f.list[0].text);
        assert_null(beside);
        storage_close(view);
    }
    storage_close(s);
}

/* ---- what fits together, or does not ---- */

static void test_storage_check__a_pruned_log_needs_a_generation(void **state)
{
    (void)state;
    make_data();
    raw_sql("DELETE FROM log WHERE seq = 3;"
            "UPDATE meta SET value = 3 WHERE key = 'log_pruned'");
    check_data();
    assert_int_equal(f.count, 1);
    expect_finding(STORAGE_REPAIRABLE, "gen-1.mgen||the log no longer");
    raw_sql("DELETE FROM generation WHERE id = 2");
    check_data();
    expect_finding(STORAGE_DAMAGE, "gen-1.mgen||the log no longer");
    raw_sql("DELETE FROM generation");
    check_data();
    expect_finding(STORAGE_DAMAGE, "muster.db|generations|there is none");
}

static void test_storage_check__every_byte_of_a_file_counts(void **state)
{
    (void)state;
    static const off_t places[] = {20, 75, -65}; /* header, gap, before end */
    make_data();
    for (size_t i = 0; i < 3; i++) {
        damage_file("gen-2.mgen", places[i]);
        check_data();
        assert_int_equal(f.count, 1);
        assert_int_equal(f.list[0].generation, 2);
        assert_int_equal(f.list[0].kind, STORAGE_REPAIRABLE);
        damage_file("gen-2.mgen", places[i]);
    }
    check_data();
    assert_int_equal(f.count, 0);
}

static void *failing_map(int fd, size_t len)
{
    (void)fd;
    (void)len;
    errno = ENOMEM;
    return (void *)-1; /* MAP_FAILED */
}

static void test_storage_check__unreadable_now_is_no_damage(void **state)
{
    (void)state;
    muster_error err;
    file_ops ops = file_system;
    ops.map = failing_map;
    make_data();
    memset(&f, 0, sizeof f);
    storage *s = open_data(STORAGE_READ);
    storage_file_hooks(&ops);
    const int rc = storage_check(s, take_finding, NULL, &f, NULL, &err);
    storage_file_hooks(NULL);
    assert_int_equal(rc, MUSTER_EIO);
    assert_non_null(strstr(err.message, "gen-2.mgen"));
    assert_int_equal(f.count, 0);
    storage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_check__a_sound_one_has_no_findings),
        storage_unit_test(test_storage_check__batches_are_weighed),
        storage_unit_test(test_storage_check__sections_have_names),
        storage_unit_test(test_storage_check__a_whole_log_makes_up_for_all),
        storage_unit_test(test_storage_check__what_was_acknowledged_is_missed),
        storage_unit_test(test_storage_check__loads_and_strays_are_named),
        storage_unit_test(test_storage_check__a_damaged_page_is_named),
        storage_unit_test(test_storage_check__not_every_batch_is_told),
        storage_unit_test(test_storage_check__it_can_be_stopped),
        storage_unit_test(test_storage_check__a_writer_beside_is_no_damage),
        storage_unit_test(test_storage_check__a_pruned_log_needs_a_generation),
        storage_unit_test(test_storage_check__every_byte_of_a_file_counts),
        storage_unit_test(test_storage_check__unreadable_now_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
