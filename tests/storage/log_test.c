/*
 * log_test.c - the change log: order, checksums, gaps, pruning.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "directory.h"

typedef struct seen_batches {
    uint64_t first;
    uint64_t last;
    size_t count;
    char text[256];
} seen_batches;

static int see(void *payload, const storage_batch *b, muster_error *err)
{
    seen_batches *seen = payload;
    (void)err;
    if (seen->count++ == 0)
        seen->first = b->seq;
    else
        assert_true(b->seq == seen->last + 1);
    seen->last = b->seq;
    assert_int_equal(b->kind, b->seq % 5);
    assert_true(b->position == b->seq * 10);
    assert_true(text_is(b->load_id, "load-1"));
    const size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%.*s ", (int)b->len,
             (const char *)b->bytes);
    return 0;
}

static seen_batches see_all(storage *s, uint64_t after)
{
    seen_batches seen = {0};
    muster_error err;
    if (storage_log_each(s, after, see, &seen, &err) != 0)
        fail_msg("%s", err.message);
    return seen;
}

static void expect_damage(storage *s, uint64_t after, const char *word,
                          const char *part)
{
    seen_batches seen = {0};
    muster_error err;
    error_clear(&err);
    assert_int_equal(storage_log_each(s, after, see, &seen, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, word);
    assert_non_null(strstr(err.message, part));
}

static void append_five(storage *s)
{
    static const char *const bodies[] = {"one", "two", "three", "", "five"};
    for (uint64_t i = 0; i < 5; i++)
        append(s, i + 1, bodies[i]);
}

static void test_storage_log__batches_come_back_in_order(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_log_last(s), 0);
    assert_int_equal(see_all(s, 0).count, 0);
    append_five(s);
    assert_int_equal(storage_log_last(s), 5);
    seen_batches seen = see_all(s, 0);
    assert_string_equal(seen.text, "one two three  five ");
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 5);
    seen = see_all(s, 3);
    assert_string_equal(seen.text, " five ");
    assert_int_equal(see_all(s, 5).count, 0);
    append(s, 6, "six");
    storage_close(s);
}

static void test_storage_log__a_gap_is_refused(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append_five(s);
    static const uint64_t wrong[] = {0, 1, 5, 7, UINT64_MAX};
    assert_int_equal(storage_begin(s, NULL), 0);
    for (size_t i = 0; i < 5; i++) {
        const storage_batch batch = {.seq = wrong[i]};
        muster_error err;
        assert_int_equal(storage_log_append(s, &batch, &err), MUSTER_ECONFLICT);
        assert_string_equal(err.word, "log_gap");
    }
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(storage_log_last(s), 5);
    storage_close(s);
}

static void test_storage_log__several_batches_in_one_commit(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    assert_int_equal(storage_begin(s, NULL), 0);
    for (uint64_t seq = 1; seq <= 100; seq++) {
        const storage_batch batch = {
            .seq = seq,
            .kind = (uint32_t)(seq % 5),
            .load_id = text_of("load-1"),
            .position = seq * 10,
            .bytes = (const uint8_t *)"x",
            .len = 1,
        };
        assert_int_equal(storage_log_append(s, &batch, NULL), 0);
        assert_int_equal(storage_log_last(s), seq);
    }
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(see_all(s, 0).count, 100);
    storage_close(s);
}

static void test_storage_log__rollback_gives_the_number_back(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    append_uncommitted(s, 2);
    storage_rollback(s);
    assert_int_equal(storage_log_last(s), 1);
    append(s, 2, "two");
    assert_string_equal(see_all(s, 0).text, "one two ");
    storage_close(s);
}

static void test_storage_log__a_changed_body_is_damage(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    storage *s = open_data(STORAGE_WRITE);
    append_five(s);
    storage_close(s);
    raw_sql("UPDATE log SET body = x'7477ff' WHERE seq = 2");
    s = open_data(STORAGE_READ);
    expect_damage(s, 0, "bad_batch", "change batch 2 ");
    assert_string_equal(see_all(s, 2).text, "three  five ");
    storage_close(s);
}

static void test_storage_log__swapped_rows_are_damage(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append_five(s);
    storage_close(s);
    raw_sql("UPDATE log SET seq = 9 WHERE seq = 2;"
            "UPDATE log SET seq = 2 WHERE seq = 3;"
            "UPDATE log SET seq = 3 WHERE seq = 9");
    s = open_data(STORAGE_READ);
    expect_damage(s, 0, "bad_batch", "change batch 2 ");
    storage_close(s);
    raw_sql("UPDATE log SET kind = 3 WHERE seq = 4");
    s = open_data(STORAGE_READ);
    expect_damage(s, 3, "bad_batch", "change batch 4 ");
    storage_close(s);
}

static void test_storage_log__a_missing_row_is_damage(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append_five(s);
    storage_close(s);
    raw_sql("DELETE FROM log WHERE seq = 3");
    s = open_data(STORAGE_READ);
    expect_damage(s, 0, "log_gap", "change batch 3 ");
    expect_damage(s, 2, "log_gap", "change batch 3 ");
    assert_int_equal(see_all(s, 3).count, 2);
    storage_close(s);
}

/* Two generations of `seq`: the log before goes. */
static void prune(storage *s, uint64_t seq)
{
    advance(s, seq);
    advance(s, seq);
}

static void test_storage_log__pruned_numbers_stay_used(void **state)
{
    (void)state;
    bool more = true;
    storage *s = open_data(STORAGE_CREATE);
    append_five(s);
    prune(s, 2);
    assert_int_equal(storage_log_last(s), 5);
    assert_string_equal(see_all(s, 2).text, "three  five ");
    expect_damage(s, 1, "log_gap", "change batch 2 ");
    prune(s, 5);
    assert_int_equal(storage_begin(s, NULL), 0); /* nothing is left to go */
    assert_int_equal(storage_log_trim(s, SIZE_MAX, &more, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_false(more);
    assert_int_equal(see_all(s, 5).count, 0);
    expect_damage(s, 4, "log_gap", "change batch 5 ");
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 5);
    const storage_batch batch = {.seq = 1};
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_append(s, &batch, NULL), MUSTER_ECONFLICT);
    storage_rollback(s);
    append(s, 6, "six");
    assert_string_equal(see_all(s, 5).text, "six ");
    storage_close(s);
}

static void test_storage_log__pruning_may_be_rolled_back(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    bool more = true;
    append_five(s);
    advance(s, 4);
    generation_writer *w = NULL;
    assert_int_equal(start_generation(&w, s, 5, NULL), 0);
    assert_int_equal(generation_seal(w, NULL), 0);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(generation_adopt(s, w, NULL), 0);
    assert_int_equal(storage_log_trim(s, SIZE_MAX, &more, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), 1);
    storage_rollback(s);
    generation_abandon(w);
    assert_int_equal(see_all(s, 0).count, 5);
    storage_close(s);
}

static void test_storage_log__a_reader_sees_what_is_committed(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    storage *view = open_data(STORAGE_READ);
    assert_int_equal(storage_log_last(view), 0);
    append(s, 1, "one");
    assert_int_equal(storage_log_last(view), 1);
    append_uncommitted(s, 2);
    assert_int_equal(storage_log_last(view), 1);
    assert_int_equal(see_all(view, 0).count, 1);
    storage_rollback(s);
    storage_close(view);
    storage_close(s);
}

static int cancel(void *payload, const storage_batch *b, muster_error *err)
{
    (void)payload;
    if (b->seq < 3)
        return 0;
    return error_set(err, MUSTER_ECANCELLED, "enough", "enough");
}

static void test_storage_log__a_walk_can_stop(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    append_five(s);
    muster_error err;
    assert_int_equal(storage_log_each(s, 0, cancel, NULL, &err),
                     MUSTER_ECANCELLED);
    assert_string_equal(err.word, "enough");
    assert_int_equal(see_all(s, 0).count, 5);
    storage_close(s);
}

/* Appends and is killed between append and commit, or after the commit. */
static int append_and_die(void)
{
    storage *s = NULL;
    if (storage_open(&s, data, STORAGE_WRITE, NULL) != 0)
        return 1;
    append(s, 1, "one");
    const storage_batch batch = {.seq = 2};
    if (storage_begin(s, NULL) != 0 || storage_log_append(s, &batch, NULL))
        return 2;
    kill(getpid(), SIGKILL);
    return 3;
}

static void test_storage_log__a_kill_keeps_what_was_committed(void **state)
{
    (void)state;
    storage_close(open_data(STORAGE_CREATE));
    assert_int_equal(in_child(append_and_die, false), 100);
    storage *s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_log_last(s), 1);
    assert_string_equal(see_all(s, 0).text, "one ");
    append(s, 2, "two");
    storage_close(s);
}

static void test_storage_log__large_batches_and_their_limit(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    const size_t len = (size_t)5 << 20;
    uint8_t *bytes = malloc(len);
    memset(bytes, 'z', len);
    storage_batch batch = {.seq = 1, .kind = 1, .bytes = bytes, .len = len};
    muster_error err;
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_append(s, &batch, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    batch.seq = 2;
    batch.len = ((size_t)256 << 20) + 1; /* refused before it is read */
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_append(s, &batch, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "long_batch");
    storage_rollback(s);
    storage_close(s);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_log__batches_come_back_in_order),
        storage_unit_test(test_storage_log__a_gap_is_refused),
        storage_unit_test(test_storage_log__several_batches_in_one_commit),
        storage_unit_test(test_storage_log__rollback_gives_the_number_back),
        storage_unit_test(test_storage_log__a_changed_body_is_damage),
        storage_unit_test(test_storage_log__swapped_rows_are_damage),
        storage_unit_test(test_storage_log__a_missing_row_is_damage),
        storage_unit_test(test_storage_log__pruned_numbers_stay_used),
        storage_unit_test(test_storage_log__pruning_may_be_rolled_back),
        storage_unit_test(test_storage_log__a_reader_sees_what_is_committed),
        storage_unit_test(test_storage_log__a_walk_can_stop),
        storage_unit_test(test_storage_log__a_kill_keeps_what_was_committed),
        storage_unit_test(test_storage_log__large_batches_and_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
