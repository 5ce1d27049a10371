/*
 * view_test.c - planes at rest: view.c and writer.c against CRoaring (by way
 * of set.h), and the published reference bitmaps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "index/layer.h"
#include "index/set.h"
#include "support/dice.h"

typedef struct row_array {
    uint32_t *rows;
    size_t count;
    size_t capacity;
} row_array;

static void push(row_array *a, uint32_t row)
{
    mem_grow(&a->rows, &a->capacity, a->count + 1, sizeof *a->rows);
    a->rows[a->count++] = row;
}

/* One block's rows in some form. */
static void push_block(row_array *a, random_state *r, uint32_t block)
{
    static const uint32_t sizes[] = {1,    2,    100,   4095, 4096,
                                     4097, 5000, 40000, 65535, 65536};
    const uint32_t base = block * BLOCK_ROWS;
    const uint32_t n = PICK(r, sizes);
    const uint32_t how = dice(r, 3);

    if (how == 0) { /* one run */
        const uint32_t first = dice(r, BLOCK_ROWS - n + 1);
        for (uint32_t i = 0; i < n; i++)
            push(a, base + first + i);
    } else if (how == 1) { /* spread */
        uint32_t left = n;
        for (uint32_t i = 0; i < BLOCK_ROWS && left > 0; i++)
            if (random_below(r, BLOCK_ROWS - i) < left) {
                push(a, base + i);
                left--;
            }
    } else { /* short runs */
        const uint32_t most = 1 + dice(r, 30);
        uint32_t at = dice(r, 100);
        while (at < BLOCK_ROWS) {
            for (uint32_t len = 1 + dice(r, most); len && at < BLOCK_ROWS;
                 len--)
                push(a, base + at++);
            at += 1 + dice(r, most);
        }
    }
}

static row_array random_rows(random_state *r)
{
    row_array a = {0};
    uint32_t blocks = chance(r, 50) ? 1 + dice(r, 5) : 1 + dice(r, 12);
    uint32_t block = chance(r, 50) ? 0 : dice(r, 65500);

    while (blocks-- > 0 && block < 65536) {
        push_block(&a, r, block);
        block += 1 + (chance(r, 50) ? 0 : dice(r, 5));
    }
    return a;
}

/* Every block, and rows one by one, as the set has them. */
static void compare_view(const plane_view *v, const set *s, random_state *r,
                         const row_array *a)
{
    block_buf *words = mem_aligned(sizeof *words);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    uint32_t hint = 0;
    size_t at = 0;

    assert_int_equal(view_count(v), set_count(s));
    for (uint32_t block = 0; block < 65536; block++) {
        const uint32_t count = view_block_count(v, block, &hint);
        const block_ref ref = view_block(v, block, &hint);
        assert_int_equal(block_count(ref), count);
        const uint32_t n = block_rows(ref, rows);
        assert_int_equal(n, count);
        for (uint32_t i = 0; i < n; i++, at++)
            assert_true(at < a->count &&
                        a->rows[at] == block * BLOCK_ROWS + rows[i]);
    }
    assert_int_equal(at, a->count);
    for (uint32_t i = 0; i < 2000; i++) {
        const uint32_t near =
            a->rows[dice(r, (uint32_t)a->count)] + dice(r, 5) - 2;
        const uint32_t row = chance(r, 70) ? near : (uint32_t)random_u64(r);
        uint32_t any_hint = dice(r, 20);
        assert_int_equal(view_has(v, row), set_has(s, row));
        assert_int_equal(
            block_has(view_block(v, row >> 16, &any_hint), row & 0xffff),
            set_has(s, row));
    }
    mem_free(rows);
    mem_free(words);
}

static void check_bytes(const uint8_t *bytes, size_t len, const set *s,
                        random_state *r, const row_array *a)
{
    plane_view v;
    uint8_t *exact = malloc(len);

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    assert_true(view_open(&v, exact, len));
    assert_true(set_check(exact, len));
    compare_view(&v, s, r, a);
    set *again = set_of_bytes(exact, len);
    assert_true(set_equal(again, s));
    set_free(again);
    for (size_t cut = 1; cut <= len && cut < 20; cut++)
        assert_false(set_check(exact, len - cut));
    free(exact);
}

/* What the writer made of the rows. */
static void check_writer(const row_array *a, const set *shrunk,
                         random_state *r)
{
    const plane_key key = {16, 1, ROLE_SET, 0, 1, INDEX_NEVER};
    layer_writer w;
    muster_error err;

    layer_writer_init(&w);
    layer_writer_rows(&w, &key, a->rows, a->count);
    index_layer *l = layer_writer_finish(&w);
    assert_int_equal(l->count, 1);
    assert_int_equal(l->entries[0].count, a->count);
    assert_int_equal(index_layer_check(l, false, &err), 0);
    assert_true(l->entries[0].len <= set_encoded_size(shrunk));
    check_bytes(l->planes + l->entries[0].offset, l->entries[0].len, shrunk,
                r, a);
    index_layer_release(l);
}

static void run_sets(uint64_t rounds, bool shrink)
{
    for (uint64_t i = 0; i < rounds; i++) {
        random_state r;
        random_seed(&r, 100 + i);
        row_array a = random_rows(&r);
        set *s = set_of_rows(a.rows, a.count);
        assert_int_equal(set_count(s), a.count);
        if (shrink)
            set_shrink(s);
        const size_t len = set_encoded_size(s);
        uint8_t *bytes = mem_alloc(len);
        set_encode(s, bytes);
        check_bytes(bytes, len, s, &r, &a);
        if (shrink)
            check_writer(&a, s, &r);
        mem_free(bytes);
        mem_free(a.rows);
        set_free(s);
    }
}

static void test_index_view__sets_with_runs_read_as_they_are(void **state)
{
    (void)state;
    run_sets(test_size(60, 3000), true);
}

static void test_index_view__sets_without_runs_read_as_they_are(void **state)
{
    (void)state;
    run_sets(test_size(40, 2000), false);
}

static void test_index_view__an_empty_plane_has_nobody(void **state)
{
    (void)state;
    uint8_t bytes[8];
    plane_view v;
    set *s = set_new();

    assert_int_equal(set_encoded_size(s), sizeof bytes);
    set_encode(s, bytes);
    assert_true(view_open(&v, bytes, sizeof bytes));
    assert_int_equal(v.n, 0);
    assert_int_equal(view_count(&v), 0);
    assert_false(view_has(&v, 0));
    assert_int_equal(view_block(&v, 0, NULL).type, BLOCK_EMPTY);
    assert_int_equal(view_block(&v, 65535, NULL).type, BLOCK_EMPTY);
    set_free(s);
}

/* Fewer than four containers with a run among them: no offsets are kept. */
static void test_index_view__few_containers_with_runs_are_walked(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 5; n++) {
        set *s = set_new();
        for (uint32_t i = 0; i < n; i++) {
            const uint64_t first = (uint64_t)i * 3 * BLOCK_ROWS;
            if (i % 2 == 0)
                set_add_range(s, first + 7, first + 5007);
            else
                set_add(s, (uint32_t)first + 9);
        }
        set_shrink(s);
        uint8_t *bytes = mem_alloc(set_encoded_size(s));
        plane_view v;
        set_encode(s, bytes);
        assert_true(view_open(&v, bytes, set_encoded_size(s)));
        assert_int_equal(v.n, n);
        assert_true((v.offsets == NULL) == (n < 4));
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t first = i * 3 * BLOCK_ROWS;
            assert_int_equal(view_has(&v, first + 9), true);
            assert_int_equal(view_has(&v, first + 5006), i % 2 == 0);
            assert_false(view_has(&v, first + 5007));
        }
        mem_free(bytes);
        set_free(s);
    }
}

/* CRoaring reads containers one behind the other and view by offset: bytes
 * for which the two differ are damaged. */
static void test_index_view__offsets_must_lead_to_the_next_container(
    void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 2, 3, 65536 + 7, 65536 + 8, 65536 + 9};
    set *s = set_of_rows(rows, 6);
    uint8_t bytes[64];
    plane_view v;
    const size_t len = set_encoded_size(s);

    assert_true(len <= sizeof bytes);
    set_encode(s, bytes);
    assert_true(view_open(&v, bytes, len));
    memcpy(bytes + 8 + 8 + 4, bytes + 8 + 8, 4); /* second as the first */
    assert_false(view_open(&v, bytes, len));
    set_free(s);
}

/* ---- reference bitmaps ---- */

/* Multiples of 1,000 below 100,000; 3 x the integers from 100,000 to
 * 199,999; 700,000 to 799,999. */
static row_array reference_rows(void)
{
    row_array a = {0};
    for (uint32_t i = 0; i < 100000; i += 1000)
        push(&a, i);
    for (uint32_t i = 100000; i < 200000; i++)
        push(&a, 3 * i);
    for (uint32_t i = 700000; i < 800000; i++)
        push(&a, i);
    return a;
}

static uint8_t *read_reference(const char *name, size_t *len)
{
    const char *shared = getenv("MUSTER_SHARED");
    char path[1024];

    snprintf(path, sizeof path, "%s/data/roaring-format/%s",
             shared ? shared : "../shared", name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void check_reference(const char *name, bool runs)
{
    size_t len;
    uint8_t *bytes = read_reference(name, &len);
    random_state r;
    plane_view v;

    if (!bytes)
        skip();
    random_seed(&r, 1);
    row_array a = reference_rows();
    set *s = set_of_rows(a.rows, a.count);
    check_bytes(bytes, len, s, &r, &a);
    assert_true(view_open(&v, bytes, len));
    assert_int_equal(v.run_flags != NULL, runs);
    set *read = set_of_bytes(bytes, len);
    uint8_t *again = mem_alloc(len);
    assert_int_equal(set_encoded_size(read), len);
    set_encode(read, again);
    assert_memory_equal(again, bytes, len);
    mem_free(again);
    set_free(read);
    set_free(s);
    mem_free(a.rows);
    free(bytes);
}

static void test_index_view__reference_bitmap_without_runs(void **state)
{
    (void)state;
    check_reference("bitmapwithoutruns.bin", false);
}

static void test_index_view__reference_bitmap_with_runs(void **state)
{
    (void)state;
    check_reference("bitmapwithruns.bin", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_view__sets_with_runs_read_as_they_are),
        cmocka_unit_test(test_index_view__sets_without_runs_read_as_they_are),
        cmocka_unit_test(test_index_view__an_empty_plane_has_nobody),
        cmocka_unit_test(
            test_index_view__few_containers_with_runs_are_walked),
        cmocka_unit_test(
            test_index_view__offsets_must_lead_to_the_next_container),
        cmocka_unit_test(test_index_view__reference_bitmap_without_runs),
        cmocka_unit_test(test_index_view__reference_bitmap_with_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
