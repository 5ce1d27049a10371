/*
 * layer_test.c - layers from bytes: good ones open and find their planes,
 * damaged ones are refused or answer wrongly, but nothing outside is read;
 * and the stack's own bounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "index/layer.h"
#include "support/dice.h"

#define ROWS 70000u

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return 255;
}

/* A delta with every role and form. */
static index_layer *make_layer(uint32_t rows, uint32_t seed)
{
    index_builder *b = index_builder_new();
    random_state r;

    random_seed(&r, seed);
    for (uint32_t row = 0; row < rows; row++) {
        index_add_seen(b, 1, row, row % 2 ? INDEX_NEVER : 1000);
        index_add_profile(b, 16, 1, row, INDEX_SET, 1 + dice(&r, 3),
                          chance(&r, 50) ? 1000 : INDEX_NEVER);
        if (chance(&r, 20))
            index_add_profile(b, 17, 1, row, INDEX_REMOVE, 2, 0);
        if (chance(&r, 10))
            index_add_profile(b, 17, 1, row, INDEX_CLEAR, 0, 0);
        index_add_number(b, 18, 1, row, (int64_t)row * 777 - 999999,
                         INDEX_NEVER);
        if (chance(&r, 30))
            index_add_event(b, 19, 1, 255, dice(&r, 3), 100 + dice(&r, 5),
                            row, 1 + dice(&r, 9), dice(&r, 99999));
    }
    index_layer *l = index_builder_finish(b);
    index_builder_free(b);
    return l;
}

typedef struct bytes_pair {
    uint8_t *directory;
    size_t directory_len;
    uint8_t *planes;
    size_t planes_len;
} bytes_pair;

static uint8_t *copy(const void *bytes, size_t len)
{
    uint8_t *out = malloc(len ? len : 1);
    assert_non_null(out);
    memcpy(out, bytes, len);
    return out;
}

static bytes_pair take_bytes(const index_layer *l)
{
    bytes_pair p;
    const void *planes = index_layer_planes(l, &p.planes_len);
    buffer directory;

    buffer_init(&directory, (size_t)1 << 24);
    index_layer_directory(l, &directory);
    p.directory = copy(directory.data, directory.len);
    p.directory_len = directory.len;
    buffer_release(&directory);
    p.planes = copy(planes, p.planes_len);
    return p;
}

static void free_bytes(bytes_pair *p)
{
    free(p->directory);
    free(p->planes);
}

static int open_bytes(index_layer **out, const bytes_pair *p,
                      muster_error *err)
{
    return index_layer_open(out, p->directory, p->directory_len, p->planes,
                            p->planes_len, NULL, err);
}

/* Changes an entry of the directory. */
static void change_entry(bytes_pair *p, size_t i,
                         void (*change)(layer_entry *e))
{
    size_t count;
    buffer directory;
    layer_entry *entries =
        layer_directory_decode(p->directory, p->directory_len, &count);

    assert_true(entries != NULL && i < count);
    change(&entries[i]);
    buffer_init(&directory, (size_t)1 << 24);
    layer_directory_encode(entries, count, &directory);
    mem_free(entries);
    free(p->directory);
    p->directory = copy(directory.data, directory.len);
    p->directory_len = directory.len;
    buffer_release(&directory);
}

static void test_index_layer__opens_what_was_written(void **state)
{
    (void)state;
    index_layer *l = make_layer(ROWS, 1);
    bytes_pair p = take_bytes(l);
    index_layer *opened;
    muster_error err;

    assert_int_equal(open_bytes(&opened, &p, &err), 0);
    assert_int_equal(index_layer_check(opened, false, &err), 0);
    assert_int_equal(opened->count, l->count);
    for (size_t i = 0; i < l->count; i++) {
        const layer_entry *e = layer_find(opened, &l->entries[i].key);
        assert_ptr_equal(e, &opened->entries[i]);
        assert_int_equal(e->offset % 2, 0);
        plane_view v = layer_view(opened, e);
        assert_int_equal(view_count(&v), e->count);
    }
    size_t first;
    size_t end;
    layer_group(opened, 18, 1, &first, &end);
    assert_true(first < end);
    for (size_t i = 0; i < opened->count; i++)
        assert_int_equal(opened->entries[i].key.attribute == 18,
                         i >= first && i < end);
    layer_group(opened, 18, 2, &first, &end);
    assert_int_equal(first, end);
    index_layer_release(opened);
    index_layer_release(l);
    free_bytes(&p);
}

/* What proves bytes as they are now. */
typedef struct proven {
    uint64_t *sums;
    proof *by;
} proven;

static proven prove(const uint8_t *bytes, size_t len)
{
    proven p = {calloc(proof_pieces(len) + 1, 8), NULL};
    assert_non_null(p.sums);
    for (size_t at = 0; at < len; at += PROOF_PIECE) {
        const size_t left = len - at;
        p.sums[at / PROOF_PIECE] =
            hash_bytes(bytes + at, left < PROOF_PIECE ? left : PROOF_PIECE);
    }
    p.by = proof_new(bytes, len, p.sums);
    return p;
}

static void unprove(proven *p)
{
    proof_free(p->by);
    free(p->sums);
}

/* Planes of a proof: those of a damaged piece read as empty and break it, all
 * others read as they are. */
static void test_index_layer__damage_shows_when_a_plane_is_used(void **state)
{
    (void)state;
    index_layer *l = make_layer(10 * ROWS, 1);
    bytes_pair p = take_bytes(l);
    proven how = prove(p.planes, p.planes_len);
    const size_t bad = p.planes_len / 2;
    index_layer *opened;
    uint64_t at;
    uint32_t hit = 0;

    assert_true(proof_pieces(p.planes_len) > 2);
    p.planes[bad] ^= 4;
    assert_int_equal(index_layer_open(&opened, p.directory, p.directory_len,
                                      p.planes, p.planes_len, how.by, NULL),
                     0);
    assert_false(proof_is_broken(how.by, &at));
    for (size_t i = 0; i < opened->count; i++) {
        const layer_entry *e = &opened->entries[i];
        const bool spoilt =
            e->offset / PROOF_PIECE <= bad / PROOF_PIECE &&
            (e->offset + e->len - 1) / PROOF_PIECE >= bad / PROOF_PIECE;
        plane_view v = layer_view(opened, e);
        assert_int_equal(view_count(&v), spoilt ? 0 : e->count);
        assert_int_equal(layer_span_is_sound(opened, i, i + 1), !spoilt);
        hit += spoilt;
        assert_int_equal(proof_is_broken(how.by, &at), hit > 0);
    }
    assert_true(hit > 0 && hit < opened->count);
    assert_int_equal(at, bad / PROOF_PIECE * PROOF_PIECE);
    assert_false(layer_span_is_sound(opened, 0, opened->count));
    index_layer_release(opened);
    index_layer_release(l);
    unprove(&how);
    free_bytes(&p);
}

/* Checksums fit, but what they are of is no plane. */
static void test_index_layer__a_proved_plane_has_to_be_one(void **state)
{
    (void)state;
    index_layer *l = make_layer(ROWS, 1);
    bytes_pair p = take_bytes(l);
    index_layer *opened;
    uint64_t at;

    p.planes[l->entries[1].offset] ^= 128; /* its cookie */
    proven how = prove(p.planes, p.planes_len);
    assert_int_equal(index_layer_open(&opened, p.directory, p.directory_len,
                                      p.planes, p.planes_len, how.by, NULL),
                     0);
    assert_true(layer_span_is_sound(opened, 0, 1));
    assert_false(proof_is_broken(how.by, &at));
    const plane_view v = layer_view(opened, &opened->entries[1]);
    assert_int_equal(view_count(&v), 0);
    assert_true(proof_is_broken(how.by, &at));
    assert_int_equal(at, l->entries[1].offset);
    index_layer_release(opened);
    index_layer_release(l);
    unprove(&how);
    free_bytes(&p);
}

static void test_index_layer__nothing_is_a_layer_too(void **state)
{
    (void)state;
    index_layer *l;
    muster_error err;
    assert_int_equal(index_layer_open(&l, "", 1, "", 0, NULL, &err), 0);
    assert_int_equal(l->count, 0);
    assert_int_equal(index_layer_check(l, false, &err), 0);
    index_layer_release(l);
}

/* Asks everything of a layer that opened. */
static void ask(index_layer *take_layer)
{
    static const uint32_t provider = 1;
    static const uint32_t values[] = {1, 2};
    static const leaf_type events[] = {LEAF_SEEN, LEAF_COUNT, LEAF_TOTAL,
                                       LEAF_DAYS};
    index_stack *x = index_view_base(take_layer);
    block_buf *buf = mem_aligned(sizeof *buf);

    for (uint32_t attribute = 16; attribute < 24; attribute++) {
        const uint32_t i = attribute < 19 ? 0 : attribute - 19;
        leaf_spec spec = {
            .type = attribute < 18    ? LEAF_HELD
                    : attribute == 18 ? LEAF_NUMBER
                                      : events[i % 4],
            .attribute = attribute < 19 ? attribute : 19,
            .providers = &provider,
            .provider_count = 1,
            .values = values,
            .value_count = 2,
            .any = attribute == 23,
            .to = 200,
            .bucket_hours = 24,
            .low = 1,
            .high = attribute % 2 ? INT64_MAX : 5,
        };
        index_leaf *leaf = index_leaf_new(x, &spec);
        leaf_cursor *c = leaf_cursor_new(leaf);
        for (uint32_t block = 0; block < 3; block++)
            (void)block_count(index_leaf_block(leaf, c, block, buf));
        for (uint32_t row = 0; row < ROWS; row += 999)
            (void)index_leaf_has(leaf, row);
        leaf_cursor_free(c);
        index_leaf_free(leaf);
    }
    mem_free(buf);
    index_view_release(x);
}

static void flip(bytes_pair *p, random_state *r)
{
    const bool directory = chance(r, 50);
    uint8_t *bytes = directory ? p->directory : p->planes;
    const size_t len = directory ? p->directory_len : p->planes_len;
    const uint32_t flips = 1 + dice(r, 4);

    for (uint32_t i = 0; i < flips; i++) {
        uint8_t *at = &bytes[random_below(r, len)];
        *at = chance(r, 50) ? (uint8_t)(*at ^ 1u << dice(r, 8))
                            : (uint8_t)random_u64(r);
    }
}

static void test_index_layer__damaged_bytes_never_lead_outside(void **state)
{
    (void)state;
    const uint64_t rounds = test_size(400, 20000);
    index_layer *small = make_layer(50, 2);
    index_layer *large = make_layer(ROWS, 3);
    uint64_t refused = 0;
    random_state r;

    random_seed(&r, 9);
    for (uint64_t i = 0; i < rounds; i++) {
        bytes_pair p = take_bytes(i % 8 ? small : large);
        index_layer *l;
        muster_error err;
        flip(&p, &r);
        const int rc = open_bytes(&l, &p, &err);
        if (rc == 0) {
            (void)index_layer_check(l, false, &err);
            ask(l);
        } else {
            assert_int_equal(rc, MUSTER_ECORRUPT);
            assert_string_equal(err.word, "damaged_planes");
            assert_null(l);
            refused++;
        }
        free_bytes(&p);
    }
    assert_true(refused > 0);
    index_layer_release(small);
    index_layer_release(large);
}

/* Writes one field of one entry and expects the refusal. */
static void refuse_entry(const index_layer *l, size_t i,
                         void (*damage)(layer_entry *e), const char *message)
{
    bytes_pair p = take_bytes(l);
    index_layer *opened;
    muster_error err;

    change_entry(&p, i, damage);
    assert_int_equal(open_bytes(&opened, &p, &err), MUSTER_ECORRUPT);
    assert_non_null(strstr(err.message, message));
    free_bytes(&p);
}

static void far_offset(layer_entry *e)
{
    e->offset = UINT64_MAX - 4;
}
static void long_plane(layer_entry *e)
{
    e->len = UINT32_MAX;
}
static void short_plane(layer_entry *e)
{
    e->len = 7;
}
static void high_key(layer_entry *e)
{
    e->key.attribute = UINT32_MAX;
}
static void wide_slice(layer_entry *e)
{
    e->key.slice = 255;
}
static void odd_role(layer_entry *e)
{
    e->key.role = 15;
}

static size_t find_role(const index_layer *l, plane_role role)
{
    size_t at = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->entries[i].key.role == role)
            at = i; /* the last of its group, so that order still holds */
    assert_int_equal(l->entries[at].key.role, role);
    return at;
}

static void test_index_layer__each_rule_of_the_directory(void **state)
{
    (void)state;
    index_layer *l = make_layer(200, 4);

    refuse_entry(l, 3, far_offset, "outside");
    refuse_entry(l, 3, long_plane, "outside");
    refuse_entry(l, 3, short_plane, "not a well-formed bitmap");
    refuse_entry(l, 3, high_key, "out of order");
    refuse_entry(l, find_role(l, ROLE_BIT), wide_slice, "has a key");
    refuse_entry(l, find_role(l, ROLE_COUNT), wide_slice, "");
    refuse_entry(l, find_role(l, ROLE_AMOUNT), wide_slice, "has a key");
    refuse_entry(l, l->count - 1, odd_role, "has a key");

    bytes_pair p = take_bytes(l);
    index_layer *opened;
    muster_error err;
    p.directory_len--;
    assert_int_equal(open_bytes(&opened, &p, &err), MUSTER_ECORRUPT);
    assert_non_null(strstr(err.message, "does not decode"));
    free_bytes(&p);
    index_layer_release(l);
}

/* A number slice beyond the last would be written behind an array, and a
 * count without its SEEN plane has nothing to add to. */
static void test_index_layer__a_count_needs_its_seen_plane(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 2, 3};
    const plane_key key = {19, 1, ROLE_COUNT, 0, 0, 100};
    layer_writer w;
    index_layer *opened;
    muster_error err;

    layer_writer_init(&w);
    layer_writer_rows(&w, &key, rows, 3);
    index_layer *l = layer_writer_finish(&w);
    bytes_pair p = take_bytes(l);
    assert_int_equal(open_bytes(&opened, &p, &err), MUSTER_ECORRUPT);
    free_bytes(&p);
    index_layer_release(l);
}

static void one_more(layer_entry *e)
{
    e->count++;
}

static void test_index_layer__a_deep_check_names_the_bad_plane(void **state)
{
    (void)state;
    index_layer *l = make_layer(100, 5);
    bytes_pair p = take_bytes(l);
    index_layer *opened;
    muster_error err;

    change_entry(&p, 2, one_more);
    assert_int_equal(open_bytes(&opened, &p, &err), 0);
    assert_int_equal(index_layer_check(opened, false, &err), MUSTER_ECORRUPT);
    assert_non_null(strstr(err.message, "plane 2 "));
    index_layer_release(opened);
    free_bytes(&p);
    index_layer_release(l);
}

/* ---- the directory on disk ---- */

/* Any fields at all come back, also those that no directory has. */
static void test_index_directory__what_was_encoded(void **state)
{
    (void)state;
    enum { ENTRIES = 500 };
    layer_entry *entries = calloc(ENTRIES, sizeof *entries);
    buffer out;
    uint64_t seed = 5;
    random_state r;
    size_t count;

    assert_non_null(entries);
    test_seed(&seed);
    random_seed(&r, seed);
    for (size_t i = 0; i < ENTRIES; i++) {
        layer_entry *e = &entries[i];
        *e = i > 0 ? entries[i - 1] : *e;
        e->offset = chance(&r, 50) ? (e->offset + e->len + 1) & ~(uint64_t)1
                                   : random_u64(&r) >> dice(&r, 64);
        e->len = (uint32_t)(random_u64(&r) >> (32 + dice(&r, 32)));
        e->count = (uint32_t)random_u64(&r);
        e->key.role = (uint8_t)dice(&r, 16);
        e->key.slice = (uint8_t)(chance(&r, 50) ? 0 : dice(&r, 256));
        if (chance(&r, 80))
            e->key.bucket = (uint32_t)random_u64(&r);
        if (chance(&r, 50))
            e->key.value += dice(&r, 3);
        if (chance(&r, 20))
            e->key.provider = (uint16_t)random_u64(&r);
        if (chance(&r, 20))
            e->key.attribute = (uint32_t)random_u64(&r);
    }
    buffer_init(&out, (size_t)1 << 20);
    layer_directory_encode(entries, ENTRIES, &out);
    layer_entry *back = layer_directory_decode(out.data, out.len, &count);
    assert_int_equal(count, ENTRIES);
    assert_memory_equal(back, entries, ENTRIES * sizeof *entries);
    mem_free(back);
    for (size_t len = 0; len < out.len; len++)
        assert_null(layer_directory_decode(out.data, len, &count));
    buffer_put_u8(&out, 0);
    assert_null(layer_directory_decode(out.data, out.len, &count));
    buffer_release(&out);
    free(entries);
}

/* ---- a base in pieces ---- */

typedef struct pieces {
    buffer bytes;
    uint32_t calls;
    uint32_t fails_at; /* 0: never */
} pieces;

static int take_piece(void *payload, const void *bytes, size_t len)
{
    pieces *p = payload;
    buffer_put(&p->bytes, bytes, len);
    return ++p->calls == p->fails_at ? -77 : 0;
}

static void test_index_layer__a_base_in_pieces_is_the_same(void **state)
{
    (void)state;
    const index_limits limits = {.cap = cap_of};
    index_stack *x = index_view_empty();
    buffer directory;

    for (uint32_t i = 0; i < 2; i++) {
        index_stack *y = index_view_push(x, make_layer(20 * ROWS, i));
        index_view_release(x);
        x = y;
    }
    index_layer *whole = index_merge_base(x, &limits);
    bytes_pair want = take_bytes(whole);
    for (uint32_t fails_at = 0; fails_at < 2; fails_at++) {
        pieces p = {.fails_at = fails_at};
        buffer_init(&p.bytes, (size_t)1 << 30);
        buffer_init(&directory, (size_t)1 << 24);
        assert_int_equal(index_merge_base_to(x, &limits, take_piece, &p,
                                             &directory),
                         fails_at ? -77 : 0);
        if (fails_at == 0) {
            assert_true(p.calls > 1);
            assert_int_equal(p.bytes.len, want.planes_len);
            assert_memory_equal(p.bytes.data, want.planes, want.planes_len);
            assert_int_equal(directory.len, want.directory_len);
            assert_memory_equal(directory.data, want.directory,
                                want.directory_len);
        } else {
            assert_int_equal(p.calls, fails_at);
        }
        buffer_release(&p.bytes);
        buffer_release(&directory);
    }
    free_bytes(&want);
    index_layer_release(whole);
    index_view_release(x);
}

/* ---- the stack ---- */

/* The next view in place of the former, with what was built. */
static void push(index_stack **x, index_builder *b)
{
    index_stack *next = index_view_push(*x, index_builder_finish(b));
    index_view_release(*x);
    *x = next;
}

/* One row of very many sayings is folded value by value; it took a search of
 * all values for each. */
static void test_index_stack__a_row_of_very_many_values(void **state)
{
    (void)state;
    static const uint32_t provider = 1;
    enum { VALUES = 300000 };
    index_stack *x = index_view_empty();
    index_builder *b = index_builder_new();

    index_add_profile(b, 17, 1, 7, INDEX_ADD, 5, INDEX_NEVER);
    push(&x, b);
    for (uint32_t v = 1; v <= VALUES; v++)
        index_add_profile(b, 17, 1, 7, INDEX_ADD, v, INDEX_NEVER);
    index_add_profile(b, 17, 1, 7, INDEX_CLEAR, 0, 0);
    for (uint32_t v = VALUES; v > 0; v--)
        index_add_profile(b, 17, 1, 7, INDEX_ADD, v, 10 + v % 2);
    for (uint32_t v = 1; v <= VALUES; v += 3)
        index_add_profile(b, 17, 1, 7, INDEX_REMOVE, v, 0);
    for (uint32_t v = 1; v <= VALUES; v += 6)
        index_add_profile(b, 17, 1, 7, INDEX_ADD, v, 20);
    push(&x, b);
    for (uint32_t v = 1; v <= 60; v++) {
        const bool removed = v % 3 == 1 && v % 6 != 1;
        const uint32_t expiry = v % 6 == 1 ? 20 : 10 + v % 2;
        for (uint32_t now = 9; now <= 21; now++) {
            const leaf_spec spec = {.attribute = 17,
                                    .providers = &provider,
                                    .provider_count = 1,
                                    .values = &v,
                                    .value_count = 1,
                                    .now_hour = now};
            index_leaf *leaf = index_leaf_new(x, &spec);
            assert_int_equal(index_leaf_has(leaf, 7),
                             !removed && now <= expiry);
            index_leaf_free(leaf);
        }
    }
    index_builder_free(b);
    index_view_release(x);
}

/* However facts are cut into deltas, the merged base is the same bytes. */
static void test_index_stack__cuts_leave_no_trace_in_the_base(void **state)
{
    (void)state;
    const index_limits limits = {.cap = cap_of};
    index_stack *x[2] = {index_view_empty(), index_view_empty()};
    index_layer *base[2];
    index_builder *b = index_builder_new();

    for (int cut = 0; cut < 2; cut++) {
        for (uint32_t i = 0; i < 3000; i++) {
            random_state r;
            random_seed(&r, i);
            const uint32_t row = dice(&r, 500);
            index_add_profile(b, 16, 1, row, INDEX_SET, 1 + dice(&r, 4), 90);
            index_add_profile(b, 17, 1, row,
                              chance(&r, 60) ? INDEX_ADD : INDEX_REMOVE,
                              1 + dice(&r, 4), 90);
            index_add_number(b, 18, 1, row, dice(&r, 5), 90);
            index_add_event(b, 19, 1, 255, dice(&r, 3), dice(&r, 3), row,
                            1 + dice(&r, 200), dice(&r, 100));
            if (cut && i % 700 == 0)
                push(&x[cut], b);
        }
        push(&x[cut], b);
        base[cut] = index_merge_base(x[cut], &limits);
    }
    const index_layer *one = base[0];
    const index_layer *many = base[1];
    assert_int_equal(one->count, many->count);
    for (size_t i = 0; i < one->count; i++) {
        const layer_entry *e = &one->entries[i];
        const layer_entry *f = &many->entries[i];
        assert_memory_equal(&e->key, &f->key, sizeof e->key);
        assert_int_equal(e->len, f->len);
        assert_memory_equal(one->planes + e->offset,
                            many->planes + f->offset, e->len);
    }
    index_builder_free(b);
    for (int cut = 0; cut < 2; cut++) {
        index_layer_release(base[cut]);
        index_view_release(x[cut]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_layer__opens_what_was_written),
        cmocka_unit_test(test_index_layer__damage_shows_when_a_plane_is_used),
        cmocka_unit_test(test_index_layer__a_proved_plane_has_to_be_one),
        cmocka_unit_test(test_index_layer__nothing_is_a_layer_too),
        cmocka_unit_test(test_index_layer__each_rule_of_the_directory),
        cmocka_unit_test(test_index_layer__a_count_needs_its_seen_plane),
        cmocka_unit_test(test_index_layer__damaged_bytes_never_lead_outside),
        cmocka_unit_test(test_index_layer__a_deep_check_names_the_bad_plane),
        cmocka_unit_test(test_index_directory__what_was_encoded),
        cmocka_unit_test(test_index_layer__a_base_in_pieces_is_the_same),
        cmocka_unit_test(test_index_stack__a_row_of_very_many_values),
        cmocka_unit_test(test_index_stack__cuts_leave_no_trace_in_the_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
