/*
 * generation_test.c - generations: sections, two kept, damage found and
 * passed over, and a disk that fails at the k-th call.
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

static void expect_generation(storage *s, uint64_t seq, const char *damage)
{
    generation *g = NULL;
    muster_error found;
    muster_error err;
    size_t len = 0;
    error_clear(&err);
    if (generation_open(&g, s, &found, &err) != 0)
        fail_msg("%s", err.message);
    assert_non_null(g);
    assert_true(generation_seq(g) == seq);
    const uint8_t *bytes = generation_section(g, "number", &len);
    assert_int_equal(len, 8);
    assert_int_equal((uintptr_t)bytes % 64, 0);
    assert_memory_equal(bytes, &seq, 8);
    bytes = generation_section(g, "large", &len);
    assert_int_equal(len, 3000000);
    assert_int_equal((uintptr_t)bytes % 64, 0);
    assert_int_equal(bytes[2999999], (uint8_t)(2999 + seq));
    assert_non_null(generation_section(g, "a-name-of-15-by", &len));
    assert_int_equal(len, 0);
    assert_null(generation_section(g, "other", &len));
    assert_true(generation_bytes(g) > 3000000);
    if (damage == NULL)
        assert_int_equal(found.code, 0);
    else if (found.code != MUSTER_ECORRUPT ||
             strstr(found.message, damage) == NULL)
        fail_msg("damage: %d %s", found.code, found.message);
    generation_close(g);
}

static void expect_none(storage *s, int code)
{
    generation *g = NULL;
    muster_error damage;
    muster_error err;
    error_clear(&err);
    assert_int_equal(generation_open(&g, s, &damage, &err), code);
    assert_null(g);
    assert_int_equal(err.code, code);
    assert_int_equal(damage.code, code);
}

static void test_storage_generation__none_is_no_error(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    expect_none(s, 0);
    generation_close(NULL);
    generation_abandon(NULL);
    storage_close(s);
}

static void test_storage_generation__sections_come_back(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 3);
    expect_generation(s, 3, NULL);
    storage_close(s);
    s = open_data(STORAGE_READ);
    expect_generation(s, 3, NULL);
    assert_true(file_exists("gen-1.mgen"));
    assert_false(file_exists("gen-1.tmp"));
    storage_close(s);
}

static void test_storage_generation__no_sections_at_all(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    generation_writer *w = NULL;
    generation *g = NULL;
    size_t len = 0;
    assert_int_equal(start_generation(&w, s, 0, NULL), 0);
    assert_int_equal(publish_generation(s, w, NULL), 0);
    assert_int_equal(generation_open(&g, s, NULL, NULL), 0);
    assert_int_equal(generation_seq(g), 0);
    assert_null(generation_section(g, "", &len));
    generation_close(g);
    storage_close(s);
}

static void test_storage_generation__two_are_kept_and_their_log(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 3);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), 3);
    advance(s, 5);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 4);
    advance(s, 9);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM generation"), 2);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 6);
    assert_int_equal(rows_of(s, "SELECT max(seq) FROM log"), 9);
    assert_false(file_exists("gen-1.mgen"));
    assert_true(file_exists("gen-2.mgen"));
    assert_true(file_exists("gen-3.mgen"));
    expect_generation(s, 9, NULL);
    storage_close(s);
}

static void test_storage_generation__abandoned_leaves_nothing(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    generation_writer *w = NULL;
    const size_t before = file_count();
    assert_int_equal(start_generation(&w, s, 0, NULL), 0);
    assert_int_equal(generation_begin(w, "a", NULL), 0);
    assert_true(file_exists("gen-1.tmp"));
    generation_abandon(w);
    assert_int_equal(file_count(), before);
    expect_none(s, 0);
    storage_close(s);
}

static void test_storage_generation__a_mapped_one_outlives_its_file(void **st)
{
    (void)st;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    generation *g = NULL;
    assert_int_equal(generation_open(&g, s, NULL, NULL), 0);
    advance(s, 2);
    advance(s, 3);
    assert_false(file_exists("gen-1.mgen"));
    storage_close(s);
    size_t len = 0;
    const uint8_t *bytes = generation_section(g, "number", &len);
    assert_int_equal(bytes[0], 1);
    generation_close(g);
}

static void test_storage_generation__strays_are_removed(void **state)
{
    (void)state;
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    static const char *const strays[] = {"gen-2.tmp", "gen-2.mgen",
                                         "gen-77.mgen", "gen-1.tmp"};
    static const char *const others[] = {"gen-x.mgen", "gen-3.mgen.bak",
                                         "generation"};
    for (size_t i = 0; i < 7; i++) {
        make_path(path, sizeof path, i < 4 ? strays[i] : others[i - 4]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fclose(f);
    }
    storage *view = open_data(STORAGE_READ); /* a reader leaves them */
    storage_close(view);
    for (size_t i = 0; i < 4; i++)
        assert_true(file_exists(strays[i]));
    storage_close(s);
    s = open_data(STORAGE_WRITE);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(file_exists(i < 4 ? strays[i] : others[i - 4]),
                         i >= 4);
    advance(s, 2);
    expect_generation(s, 2, NULL);
    storage_close(s);
}

/* ---- damage ---- */

static void test_storage_generation__the_older_one_stands_in(void **state)
{
    (void)state;
    static const off_t places[] = {
        0,   8,   64,  128,      1000000, 3000000 + 127, /* header, sections */
        -64, -56, -52, -48,      -40,     -32,           /* footer */
        -24, -16, -8,  -65 - 64, -65 - 500,              /* directory */
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        storage *s = open_data(STORAGE_CREATE);
        advance(s, 1);
        advance(s, 2);
        damage_file("gen-2.mgen", places[i]);
        expect_generation(s, 1, "generation 2 is damaged");
        storage_close(s);
        s = open_data(STORAGE_READ);
        expect_generation(s, 1, "generation 2 is damaged");
        storage_close(s);
        remove_tree(data);
    }
}

/* ---- read when it is needed ---- */

static bool large_holds(const generation *g, size_t from, size_t len)
{
    size_t all;
    const uint8_t *bytes = generation_section(g, "large", &all);
    assert_true(from + len <= all);
    return proof_holds(generation_proof(g, "large"), bytes + from, len);
}

static void expect_quick(generation **out, storage *s, uint64_t seq)
{
    muster_error err;
    muster_error damage;
    error_clear(&err);
    if (generation_open_quick(out, s, &damage, &err) != 0)
        fail_msg("%s", err.message);
    assert_non_null(*out);
    assert_int_equal(generation_seq(*out), seq);
    assert_int_equal(damage.code, seq == 2 ? 0 : MUSTER_ECORRUPT);
}

/* "large" begins at byte 128. */
static void test_storage_generation__quick_finds_damage_on_use(void **state)
{
    (void)state;
    generation *g = NULL;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    damage_file("gen-2.mgen", 128 + 70000);
    storage_quick_hook(0);
    expect_quick(&g, s, 2);
    assert_true(large_holds(g, 0, PROOF_PIECE));
    assert_true(large_holds(g, 2 * PROOF_PIECE, 3000000 - 2 * PROOF_PIECE));
    assert_int_equal(generation_check(g, &err), 0);
    assert_false(large_holds(g, PROOF_PIECE - 1, 2));
    assert_false(large_holds(g, PROOF_PIECE, 1));
    assert_true(large_holds(g, 0, 1)); /* and the others still do */
    assert_int_equal(generation_check(g, &err), MUSTER_ECORRUPT);
    assert_string_equal(err.word, "bad_generation");
    assert_non_null(strstr(err.message, "section large of gen-2.mgen"));
    assert_non_null(strstr(err.message, "from 65536 on"));
    generation_distrust(s, generation_id(g));
    generation_close(g);
    expect_quick(&g, s, 1);
    assert_true(large_holds(g, 0, 3000000));
    assert_int_equal(generation_check(g, NULL), 0);
    generation_unload(g, "large"); /* and is read again */
    generation_unload(g, "other");
    size_t len;
    const uint8_t *bytes = generation_section(g, "large", &len);
    assert_int_equal(bytes[2999999], (uint8_t)(2999 + 1));
    generation_close(g);
    advance(s, 3); /* drops the one that is distrusted */
    assert_true(file_exists("gen-1.mgen"));
    assert_false(file_exists("gen-2.mgen"));
    storage_close(s);
}

/* Frames are looked at in any case, small files whole. */
static void test_storage_generation__quick_is_not_blind(void **state)
{
    (void)state;
    static const off_t places[] = {8, -64, -48, -8, -65 - 64, -65 - 500};
    generation *g = NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        storage *s = open_data(STORAGE_CREATE);
        advance(s, 1);
        advance(s, 2);
        damage_file("gen-2.mgen", places[i]);
        storage_quick_hook(0);
        expect_quick(&g, s, 1);
        generation_close(g);
        storage_close(s);
        remove_tree(data);
    }
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    damage_file("gen-2.mgen", 128 + 70000);
    storage_quick_hook(4000000);
    expect_quick(&g, s, 1);
    generation_close(g);
    storage_close(s);
}

static void test_storage_generation__other_lengths_are_damage(void **state)
{
    (void)state;
    char path[600];
    static const off_t lengths[] = {0, 1, 63, 127, 128, 3000000, 4000000};
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    make_path(path, sizeof path, "gen-2.mgen");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        expect_generation(s, 1, "generation 2 is damaged");
    }
    unlink(path);
    expect_generation(s, 1, "its file is missing");
    storage_close(s);
}

static void test_storage_generation__another_ones_file_is_damage(void **state)
{
    (void)state;
    char from[600];
    char to[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    make_path(from, sizeof from, "gen-1.mgen");
    make_path(to, sizeof to, "gen-2.mgen");
    unlink(to);
    assert_int_equal(link(from, to), 0);
    expect_generation(s, 1, "it is another one");
    storage_close(s);
}

static void test_storage_generation__both_damaged_is_an_error(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    damage_file("gen-1.mgen", 128);
    damage_file("gen-2.mgen", 128);
    expect_none(s, MUSTER_ECORRUPT);
    storage_close(s);
}

/* The sound older one is kept until there are two sound ones. */
static void test_storage_generation__a_damaged_one_is_replaced(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    damage_file("gen-2.mgen", 200);
    expect_generation(s, 1, "generation 2");
    advance(s, 3);
    assert_true(file_exists("gen-1.mgen"));
    assert_false(file_exists("gen-2.mgen"));
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 2);
    expect_generation(s, 3, NULL);
    damage_file("gen-3.mgen", 200);
    expect_generation(s, 1, "generation 3");
    storage_close(s);
}

/* ---- a failing disk ---- */

static int calls_left; /* until the fault; below 0: no fault */
static int fault;      /* errno of it */
static bool sticky;    /* every call after it fails too */

static bool fails(void)
{
    if (calls_left < 0)
        return false;
    if (calls_left > 0) {
        calls_left--;
        return false;
    }
    if (!sticky)
        calls_left = -1;
    errno = fault;
    return true;
}

static int failing_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : file_system.open(path, flags, mode);
}

static ssize_t failing_write(int fd, const void *bytes, size_t len)
{
    if (fails())
        return -1;
    /* and never all at once */
    return file_system.write(fd, bytes, len > 4096 ? len / 2 : len);
}

static int failing_sync(int fd)
{
    return fails() ? -1 : file_system.sync(fd);
}

static int failing_rename(const char *from, const char *to)
{
    return fails() ? -1 : file_system.rename(from, to);
}

static void fail_at(int k, int with, bool all_after)
{
    static file_ops ops;
    ops = file_system;
    ops.open = failing_open;
    ops.write = failing_write;
    ops.sync = failing_sync;
    ops.rename = failing_rename;
    calls_left = k;
    fault = with;
    sticky = all_after;
    storage_file_hooks(&ops);
}

/* One fault at each call in turn, until a publish goes through. */
static int count_faults(int with, bool all_after)
{
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    append(s, 3, "batch");
    int faults = 0;
    for (int k = 0;; k++) {
        muster_error err;
        error_clear(&err);
        fail_at(k, with, all_after);
        const int rc = write_generation(s, 3, &err);
        storage_file_hooks(NULL);
        if (rc == 0)
            break;
        assert_int_equal(rc, MUSTER_EIO);
        assert_true(err.message[0] != '\0');
        expect_generation(s, 2, NULL);
        assert_int_equal(rows_of(s, "SELECT count(*) FROM generation"), 2);
        assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 2);
        faults++;
        assert_true(faults < 100);
    }
    expect_generation(s, 3, NULL);
    assert_false(file_exists("gen-1.mgen"));
    assert_false(file_exists("gen-3.tmp"));
    storage_close(s);
    s = open_data(STORAGE_READ);
    expect_generation(s, 3, NULL);
    storage_close(s);
    return faults;
}

static void test_storage_generation__a_full_disk_harms_nothing(void **state)
{
    (void)state;
    const int faults = count_faults(ENOSPC, true);
    assert_in_range(faults, 8, 60); /* open, writes, sync, rename, sync */
}

static void test_storage_generation__one_failed_call_harms_nothing(void **st)
{
    (void)st;
    assert_in_range(count_faults(EIO, false), 8, 60);
}

static void test_storage_generation__interrupted_calls_go_on(void **state)
{
    (void)state;
    assert_int_equal(count_faults(EINTR, false), 0);
}

static void test_storage_generation__a_failed_write_is_remembered(void **st)
{
    (void)st;
    storage *s = open_data(STORAGE_CREATE);
    generation_writer *w = NULL;
    uint8_t *large = calloc(3, 1 << 20);
    assert_int_equal(start_generation(&w, s, 0, NULL), 0);
    assert_int_equal(generation_begin(w, "a", NULL), 0);
    fail_at(0, ENOSPC, false);
    assert_int_equal(generation_write(w, large, 3 << 20, NULL), MUSTER_EIO);
    storage_file_hooks(NULL);
    generation_write(w, large, 10, NULL);
    generation_end(w, NULL);
    assert_int_equal(publish_generation(s, w, NULL), MUSTER_EIO);
    expect_none(s, 0);
    assert_false(file_exists("gen-1.tmp"));
    assert_false(file_exists("gen-1.mgen"));
    storage_close(s);
    free(large);
}

static void *failing_map(int fd, size_t len)
{
    (void)fd;
    (void)len;
    errno = ENOMEM;
    return (void *)-1; /* MAP_FAILED */
}

/* A sound file that could not be mapped is not thrown away. */
static void test_storage_generation__unreadable_now_is_no_damage(void **state)
{
    (void)state;
    file_ops ops = file_system;
    ops.map = failing_map;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    generation *g = NULL;
    muster_error damage;
    storage_file_hooks(&ops);
    assert_int_equal(generation_open(&g, s, &damage, NULL), MUSTER_EIO);
    storage_file_hooks(NULL);
    assert_int_equal(damage.code, MUSTER_EIO);
    expect_generation(s, 2, NULL);
    advance(s, 3);
    assert_true(file_exists("gen-2.mgen"));
    storage_close(s);
}

/* ---- in two halves ---- */

static generation_writer *sealed(storage *s, uint64_t seq)
{
    generation_writer *w = NULL;
    assert_int_equal(start_generation(&w, s, seq, NULL), 0);
    assert_int_equal(fill_generation(w, seq, NULL), 0);
    assert_int_equal(generation_seal(w, NULL), 0);
    return w;
}

typedef struct half {
    storage *s;
    int64_t id;
    uint64_t seq;
    generation_writer *w;
    generation *g;
} half;

/* On another thread: no assertion of cmocka there. */
static void *write_half(void *payload)
{
    half *h = payload;
    if (generation_start(&h->w, h->s, h->id, h->seq, NULL) != 0 ||
        fill_generation(h->w, h->seq, NULL) != 0 ||
        generation_seal(h->w, NULL) != 0 ||
        generation_map(&h->g, h->w, NULL) != 0)
        abort();
    return NULL;
}

static void test_storage_generation__written_beside_commits(void **state)
{
    (void)state;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    advance(s, 4);
    half h = {.s = s, .seq = 4};
    assert_int_equal(storage_generation_next(s, &h.id, NULL), 0);
    const pthread_t thread = thread_start(write_half, &h);
    for (uint64_t seq = 5; seq <= 40; seq++)
        append(s, seq, "batch");
    thread_join(thread);
    expect_generation(s, 4, NULL);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM generation"), 2);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(generation_adopt(s, h.w, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_true(file_exists("gen-1.mgen"));
    generation_adopted(s);
    generation_finish(s, h.w);
    assert_false(file_exists("gen-1.mgen"));
    assert_int_equal(generation_id(h.g), 3);
    assert_int_equal(generation_seq(h.g), 4);
    size_t len = 0;
    assert_non_null(generation_section(h.g, "large", &len));
    assert_int_equal(len, 3000000);
    generation_close(h.g);
    storage_close(s);
    s = open_data(STORAGE_READ);
    expect_generation(s, 4, NULL);
    storage_close(s);
}

static void test_storage_generation__one_not_adopted_leaves_nothing(void **st)
{
    (void)st;
    storage *s = open_data(STORAGE_CREATE);
    append(s, 1, "one");
    generation_writer *w = sealed(s, 1);
    assert_true(file_exists("gen-1.mgen"));
    generation_abandon(w);
    assert_false(file_exists("gen-1.mgen"));
    w = sealed(s, 1); /* adopted and rolled back */
    assert_true(file_exists("gen-2.mgen")); /* numbers are given once */
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(generation_adopt(s, w, NULL), 0);
    storage_rollback(s);
    generation_abandon(w);
    assert_false(file_exists("gen-2.mgen"));
    expect_none(s, 0);
    w = sealed(s, 1); /* killed in between */
    storage_close(s);
    assert_true(file_exists("gen-3.mgen"));
    s = open_data(STORAGE_WRITE);
    assert_false(file_exists("gen-3.mgen"));
    storage_close(s);
    generation_abandon(w);
}

static void test_storage_generation__the_log_goes_in_pieces(void **state)
{
    (void)state;
    bool more = true;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 5);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_trim(s, 1000, &more, NULL), 0);
    storage_rollback(s);
    assert_false(more); /* one generation: all of it is kept */
    generation_writer *w = sealed(s, 5);
    for (uint64_t seq = 6; seq <= 9; seq++)
        append(s, seq, "batch");
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(generation_adopt(s, w, NULL), 0);
    assert_int_equal(storage_log_trim(s, 0, &more, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    generation_adopted(s);
    generation_finish(s, w);
    assert_true(more);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 2);
    storage_close(s);
    for (int64_t first = 4; more; first += 2) { /* "batch" has 5 bytes */
        s = open_data(STORAGE_WRITE);
        expect_generation(s, 5, NULL);
        assert_int_equal(storage_begin(s, NULL), 0);
        assert_int_equal(storage_log_trim(s, 12, &more, NULL), 0);
        assert_int_equal(storage_commit(s, NULL), 0);
        assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), first);
        storage_close(s);
        storage_close(open_data(STORAGE_READ));
    }
    s = open_data(STORAGE_WRITE);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 6);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_trim(s, SIZE_MAX, &more, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 6);
    storage_close(s);
}

/* A row that tells a later state than its file does not end the log. */
static void test_storage_generation__a_changed_row_is_not_believed(void **st)
{
    (void)st;
    bool more = false;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 2);
    advance(s, 4);
    for (uint64_t seq = 5; seq <= 9; seq++)
        append(s, seq, "batch");
    storage_close(s);
    raw_sql("UPDATE generation SET seq = 8");
    s = open_data(STORAGE_WRITE);
    assert_int_equal(storage_begin(s, NULL), 0);
    assert_int_equal(storage_log_trim(s, SIZE_MAX, &more, NULL), 0);
    assert_int_equal(storage_commit(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT min(seq) FROM log"), 3);
    storage_close(s);
    raw_sql("UPDATE generation SET seq = 2 * id");
    s = open_data(STORAGE_WRITE);
    expect_generation(s, 4, NULL);
    storage_close(s);
}

/* ---- beside a writer ---- */

static void test_storage_generation__one_that_went_is_said(void **state)
{
    (void)state;
    generation *g = NULL;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    storage *view = open_data(STORAGE_READ);
    for (int inside = 0; inside < 2; inside++) {
        if (inside)
            assert_int_equal(storage_begin(view, NULL), 0);
        const int64_t seen = rows_of(view, "SELECT max(id) FROM generation");
        advance(s, 2);
        advance(s, 3);
        if (!inside) { /* it reads its rows now, and finds the newest */
            expect_generation(view, 3, NULL);
            continue;
        }
        assert_int_equal(rows_of(view, "SELECT max(id) FROM generation"),
                         seen);
        assert_int_equal(generation_open(&g, view, NULL, &err), MUSTER_EBUSY);
        assert_string_equal(err.word, "generation_gone");
        assert_null(g);
        assert_int_equal(storage_begin(view, NULL), 0);
        expect_generation(view, 3, NULL);
        storage_rollback(view);
    }
    storage_close(view);
    storage_close(s);
}

/* Its row is there still: that is damage, and the older one stands in. */
static void test_storage_generation__one_that_is_lost_is_damage(void **state)
{
    (void)state;
    char path[600];
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    advance(s, 2);
    storage_close(s);
    make_path(path, sizeof path, "gen-2.mgen");
    unlink(path);
    s = open_data(STORAGE_READ);
    expect_generation(s, 1, "its file is missing");
    assert_int_equal(storage_begin(s, NULL), 0);
    expect_generation(s, 1, "its file is missing");
    assert_int_equal(rows_of(s, "SELECT count(*) FROM log"), 1);
    storage_rollback(s);
    storage_close(s);
}

/* ---- forgetting ---- */

static void test_storage_generation__a_damaged_one_is_forgotten(void **state)
{
    (void)state;
    muster_error err;
    storage *s = open_data(STORAGE_CREATE);
    advance(s, 1);
    assert_int_equal(generation_forget(s, 7, &err), MUSTER_ENOTFOUND);
    damage_file("gen-1.mgen", 200);
    assert_int_equal(generation_forget(s, 1, NULL), 0); /* all of the log */
    assert_false(file_exists("gen-1.mgen"));
    expect_none(s, 0);
    advance(s, 2);
    advance(s, 3);
    damage_file("gen-3.mgen", 200);
    assert_int_equal(generation_forget(s, 3, NULL), 0);
    expect_generation(s, 2, NULL);
    damage_file("gen-2.mgen", 200);
    assert_int_equal(generation_forget(s, 2, &err), MUSTER_EREFUSED);
    assert_string_equal(err.word, "generation_needed");
    assert_int_equal(rows_of(s, "SELECT count(*) FROM generation"), 1);
    assert_true(file_exists("gen-2.mgen"));
    storage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_generation__none_is_no_error),
        storage_unit_test(test_storage_generation__sections_come_back),
        storage_unit_test(test_storage_generation__no_sections_at_all),
        storage_unit_test(test_storage_generation__two_are_kept_and_their_log),
        storage_unit_test(test_storage_generation__abandoned_leaves_nothing),
        storage_unit_test(
            test_storage_generation__a_mapped_one_outlives_its_file),
        storage_unit_test(test_storage_generation__strays_are_removed),
        storage_unit_test(test_storage_generation__the_older_one_stands_in),
        storage_unit_test(test_storage_generation__quick_finds_damage_on_use),
        storage_unit_test(test_storage_generation__quick_is_not_blind),
        storage_unit_test(test_storage_generation__other_lengths_are_damage),
        storage_unit_test(test_storage_generation__another_ones_file_is_damage),
        storage_unit_test(test_storage_generation__both_damaged_is_an_error),
        storage_unit_test(test_storage_generation__a_damaged_one_is_replaced),
        storage_unit_test(test_storage_generation__a_full_disk_harms_nothing),
        storage_unit_test(
            test_storage_generation__one_failed_call_harms_nothing),
        storage_unit_test(test_storage_generation__interrupted_calls_go_on),
        storage_unit_test(
            test_storage_generation__a_failed_write_is_remembered),
        storage_unit_test(test_storage_generation__unreadable_now_is_no_damage),
        storage_unit_test(test_storage_generation__written_beside_commits),
        storage_unit_test(
            test_storage_generation__one_not_adopted_leaves_nothing),
        storage_unit_test(test_storage_generation__the_log_goes_in_pieces),
        storage_unit_test(
            test_storage_generation__a_changed_row_is_not_believed),
        storage_unit_test(test_storage_generation__one_that_went_is_said),
        storage_unit_test(test_storage_generation__one_that_is_lost_is_damage),
        storage_unit_test(test_storage_generation__a_damaged_one_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
