/*
 * snapshot_test.c - what was held at one moment stays: after any change, after
 * the end of the working catalog, and while other threads read it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include "catalog/catalog.h"
#include "support/dice.h"

#define DUMP_BYTES_MAX ((size_t)1 << 24)
#define NAME_BYTES 32

/* ---- a catalog in words ---- */

static void dump_attribute(const catalog *c, const catalog_attribute *a,
                           buffer *out)
{
    buffer_printf(out, "%u %s %s %d %u %d %d %s %u %u %d\n", a->id, a->name,
                  catalog_kind_name(a->kind), a->grain, a->cap, a->amount,
                  a->unit_date, a->unit, a->ttl_hours, a->retention_days,
                  a->declared);
    for (uint32_t v = 1; v <= catalog_value_count(c, a->id); v++) {
        const muster_text text = catalog_value_text(c, a->id, v);
        assert_int_equal(catalog_value_find(c, a->id, text), v);
        buffer_printf(out, " %u=%.*s\n", v, (int)text.len, text.ptr);
    }
}

/* Every row and value, without the version. Rows are looked up both ways. */
static void dump(const catalog *c, buffer *out)
{
    buffer_init(out, DUMP_BYTES_MAX);
    buffer_printf(out, "strict %d\n", catalog_strict(c));
    for (size_t i = 0; i < catalog_attribute_count(c); i++) {
        const catalog_attribute *a = catalog_attribute_at(c, i);
        assert_ptr_equal(catalog_attribute_get(c, a->id), a);
        assert_ptr_equal(catalog_attribute_find(c, text_of(a->name)), a);
        dump_attribute(c, a, out);
    }
    for (uint32_t i = 0; i < catalog_provider_count(c); i++) {
        const catalog_provider *p = catalog_provider_get(c, i);
        assert_ptr_equal(catalog_provider_find(c, text_of(p->name)), p);
        buffer_printf(out, "%u %s %d %u %d\n", p->id, p->name, p->party,
                      p->ttl_hours, p->declared);
    }
    for (uint32_t i = 0; i < catalog_space_count(c); i++) {
        const catalog_space *s = catalog_space_get(c, i);
        assert_ptr_equal(catalog_space_find(c, text_of(s->name)), s);
        buffer_printf(out, "%u %s %d\n", s->id, s->name, s->declared);
    }
    assert_true(buffer_ok(out));
}

static bool reads(const catalog *c, const buffer *expected)
{
    buffer now;
    dump(c, &now);
    const bool same =
        now.len == expected->len && memcmp(now.data, expected->data,
                                           now.len) == 0;
    buffer_release(&now);
    return same;
}

/* ---- changes ---- */

static uint32_t put(catalog *c, const char *name, attribute_kind kind,
                    uint32_t ttl_hours)
{
    catalog_attribute def = catalog_attribute_default(kind);
    const catalog_attribute *row = NULL;
    def.ttl_hours = ttl_hours;
    assert_int_equal(catalog_attribute_put(c, text_of(name), &def, &row, NULL),
                     0);
    return row->id;
}

static void put_provider(catalog *c, const char *name, uint32_t ttl_hours)
{
    assert_int_equal(catalog_provider_put(c, text_of(name), PARTY_THIRD,
                                          ttl_hours, true, NULL, NULL), 0);
}

static void put_space(catalog *c, const char *name, bool declared)
{
    assert_int_equal(catalog_space_put(c, text_of(name), declared, NULL, NULL),
                     0);
}

static uint32_t intern(catalog *c, uint32_t attribute, uint32_t number)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof text, "v%u", number);
    return catalog_value_intern(c, attribute, text_of(text));
}

static uint32_t find(const catalog *c, uint32_t attribute, uint32_t number)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof text, "v%u", number);
    return catalog_value_find(c, attribute, text_of(text));
}

static catalog *sample(uint32_t *out_attribute)
{
    catalog *c = catalog_new();
    *out_attribute = put(c, "geo.city", KIND_ONE_OF, 24);
    for (uint32_t i = 0; i < 5; i++)
        intern(c, *out_attribute, i);
    put_provider(c, "acme", 48);
    put_space(c, "guessed", false);
    return c;
}

/* One of everything that can change. */
static void change_all(catalog *c, uint32_t attribute)
{
    for (uint32_t i = 5; i < 500; i++)
        intern(c, attribute, i);
    put(c, "geo.city", KIND_ONE_OF, 240);
    put(c, "other", KIND_FLAG, 0);
    put_provider(c, "acme", 1);
    put_provider(c, "zeta", 1);
    put_space(c, "guessed", true);
    put_space(c, "loyalty", true);
    catalog_set_strict(c, !catalog_strict(c));
}

/* ---- one thread ---- */

static void test_catalog_snapshot__is_the_same_until_a_change(void **state)
{
    (void)state;
    uint32_t city = 0;
    catalog *c = sample(&city);
    const catalog *s = catalog_snapshot(c);
    assert_ptr_equal(catalog_snapshot(c), s);
    catalog_release(s);
    catalog_release(s);
    assert_ptr_equal(catalog_snapshot(c), s); /* the catalog holds it too */
    assert_true(catalog_version(s) == catalog_version(c));
    intern(c, city, 3); /* known: no change */
    assert_ptr_equal(catalog_snapshot(c), s);
    catalog_release(s);
    intern(c, city, 99);
    const catalog *later = catalog_snapshot(c);
    assert_ptr_not_equal(later, s);
    assert_true(catalog_version(later) > catalog_version(s));
    assert_true(catalog_version(later) == catalog_version(c));
    catalog_release(s);
    catalog_release(later);
    catalog_release(NULL);
    catalog_free(c);
}

static void test_catalog_snapshot__shows_its_moment(void **state)
{
    (void)state;
    uint32_t city = 0;
    catalog *c = sample(&city);
    const catalog *s = catalog_snapshot(c);
    const uint64_t version = catalog_version(s);
    const catalog_attribute *row = catalog_attribute_get(s, city);
    const catalog_provider *acme = catalog_provider_find(s, text_of("acme"));
    change_all(c, city);

    assert_true(catalog_version(s) == version);
    assert_int_equal(catalog_value_count(s, city), 5);
    assert_int_equal(catalog_value_count(c, city), 500);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(find(s, city, i), i < 5 ? i + 1 : CATALOG_NONE);
        assert_int_equal(find(c, city, i), i + 1);
    }
    assert_ptr_equal(catalog_attribute_get(s, city), row);
    assert_int_equal(row->ttl_hours, 24);
    assert_int_equal(catalog_attribute_get(c, city)->ttl_hours, 240);
    assert_int_equal(catalog_attribute_count(s), 1);
    assert_null(catalog_attribute_find(s, text_of("other")));
    assert_null(catalog_attribute_get(s, city + 1));
    assert_ptr_equal(catalog_provider_find(s, text_of("acme")), acme);
    assert_int_equal(acme->ttl_hours, 48);
    assert_null(catalog_provider_find(s, text_of("zeta")));
    assert_int_equal(catalog_provider_count(s), 2);
    assert_false(catalog_space_find(s, text_of("guessed"))->declared);
    assert_true(catalog_space_find(c, text_of("guessed"))->declared);
    assert_null(catalog_space_find(s, text_of("loyalty")));
    assert_false(catalog_strict(s));
    assert_true(catalog_strict(c));
    catalog_release(s);
    catalog_free(c);
}

static void test_catalog_snapshot__outlives_the_catalog(void **state)
{
    (void)state;
    uint32_t city = 0;
    catalog *c = sample(&city);
    const catalog *early = catalog_snapshot(c);
    buffer first;
    buffer second;
    dump(early, &first);
    change_all(c, city);
    const catalog *late = catalog_snapshot(c);
    dump(late, &second);
    catalog_free(c);
    assert_true(reads(early, &first));
    catalog_release(early);
    assert_true(reads(late, &second));
    catalog_release(late);
    buffer_release(&first);
    buffer_release(&second);
}

/* All snapshots of one history read as the catalog did when each was taken,
 * whatever came later and in whatever order they are given back. */
static void run_history(uint64_t seed)
{
    enum { STEPS = 250, KEPT = 12 };
    static const char *const names[] = {"a", "b", "c.d", "e", "f"};
    static const char *const providers[] = {"p", "q", "r"};
    const catalog *kept[KEPT] = {0};
    buffer seen[KEPT];
    random_state r;
    random_seed(&r, seed);
    catalog *c = catalog_new();
    for (int i = 0; i < STEPS; i++) {
        const uint32_t a = put(c, PICK(&r, names), KIND_ONE_OF, dice(&r, 3));
        for (uint32_t n = dice(&r, 20); n > 0; n--)
            intern(c, a, dice(&r, 1000));
        if (chance(&r, 10))
            put_provider(c, PICK(&r, providers), dice(&r, 4));
        if (chance(&r, 5))
            catalog_set_strict(c, chance(&r, 50));
        const uint32_t k = dice(&r, KEPT);
        if (kept[k] != NULL) {
            if (!reads(kept[k], &seen[k]))
                fail_msg("seed %llu: a snapshot changed by step %d",
                         (unsigned long long)seed, i);
            buffer_release(&seen[k]);
            catalog_release(kept[k]);
        }
        kept[k] = catalog_snapshot(c);
        dump(c, &seen[k]);
    }
    catalog_free(c);
    for (int k = 0; k < KEPT; k++) {
        if (kept[k] == NULL)
            continue;
        if (!reads(kept[k], &seen[k]))
            fail_msg("seed %llu: a snapshot changed at the end",
                     (unsigned long long)seed);
        catalog_release(kept[k]);
        buffer_release(&seen[k]);
    }
}

static void test_catalog_snapshot__histories_stay(void **state)
{
    (void)state;
    test_each_seed(run_history, test_size(10, 200));
}

static void test_catalog_snapshot__a_copy_is_independent(void **state)
{
    (void)state;
    uint32_t city = 0;
    catalog *c = sample(&city);
    put(c, "age", KIND_NUMBER, 7);
    put_provider(c, "default", 9);
    catalog_set_strict(c, true);
    buffer before;
    dump(c, &before);
    catalog *copy = catalog_copy(c);
    assert_true(reads(copy, &before));
    assert_true(catalog_version(copy) != catalog_version(c));

    change_all(copy, city);
    assert_true(reads(c, &before));
    assert_false(reads(copy, &before));
    catalog_free(copy);

    const catalog *s = catalog_snapshot(c);
    catalog_free(c);
    copy = catalog_copy(s); /* of a snapshot as well */
    catalog_release(s);
    assert_true(reads(copy, &before));
    catalog_free(copy);
    buffer_release(&before);
}

static void test_catalog_snapshot__versions_never_coincide(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    catalog *all[COUNT];
    uint64_t seen[COUNT * 2];
    for (size_t i = 0; i < COUNT; i++) {
        all[i] = catalog_new();
        seen[i] = catalog_version(all[i]);
    }
    for (size_t i = 0; i < COUNT; i++) { /* all are changed alike */
        put(all[i], "a", KIND_FLAG, 1);
        seen[COUNT + i] = catalog_version(all[i]);
        catalog_free(all[i]);
    }
    for (size_t i = 0; i < COUNT * 2; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

static void test_catalog_snapshot__memory_is_told(void **state)
{
    (void)state;
    uint32_t city = 0;
    catalog *c = sample(&city);
    const size_t small = catalog_memory(c);
    const catalog *s = catalog_snapshot(c);
    const size_t then = catalog_memory(s);
    for (uint32_t i = 5; i < 10000; i++)
        intern(c, city, i);
    assert_true(catalog_memory(c) > small + 10000 * 30);
    assert_true(catalog_memory(c) < small + 10000 * 100);
    assert_true(catalog_memory(s) == then);
    catalog_release(s);
    catalog_free(c);
}

/* ---- several threads ---- */

#define READERS 2
#define VALUES_PER_SNAPSHOT 400u
#define TTL_BOUND 10000u

/* Attribute "v" gets v0, v1, ...; when it has n values the ttl of "ttl" is
 * n % TTL_BOUND and there are attributes x0.. x(n / VALUES_PER_SNAPSHOT). */
typedef struct reader_thread {
    pthread_t thread;
    pthread_mutex_t *lock;  /* of the members up to the gap */
    const catalog *offered; /* newest that was not picked up */
    const catalog *back;    /* read enough: the writer's to release */
    bool stop;

    const catalog *held; /* being read */
    uint64_t seed;
    uint64_t rounds;
    const char *wrong;
} reader_thread;

static const char *check_values(const catalog *s, uint32_t id, uint32_t count,
                                random_state *r)
{
    for (int i = 0; i < 50; i++) {
        char name[NAME_BYTES];
        const uint32_t n = dice(r, count);
        snprintf(name, sizeof name, "v%u", n);
        if (catalog_value_find(s, id, text_of(name)) != n + 1)
            return "a value is not found";
        if (!text_is(catalog_value_text(s, id, n + 1), name))
            return "a value has another text";
        if (find(s, id, count + dice(r, 2 * VALUES_PER_SNAPSHOT)) !=
            CATALOG_NONE)
            return "a later value is found";
    }
    return NULL;
}

static const char *check_snapshot(const catalog *s, random_state *r)
{
    const catalog_attribute *v = catalog_attribute_find(s, text_of("v"));
    const catalog_attribute *ttl = catalog_attribute_find(s, text_of("ttl"));
    char name[NAME_BYTES];
    if (v == NULL || ttl == NULL)
        return "an attribute is missing";
    const uint32_t count = catalog_value_count(s, v->id);
    if (ttl->ttl_hours != count % TTL_BOUND)
        return "a row is of another moment";
    const uint32_t last = count / VALUES_PER_SNAPSHOT;
    if (catalog_attribute_count(s) != last + 3)
        return "attributes are of another moment";
    snprintf(name, sizeof name, "x%u", last);
    if (catalog_attribute_find(s, text_of(name)) !=
        catalog_attribute_at(s, last + 2))
        return "the newest attribute is not found";
    snprintf(name, sizeof name, "x%u", last + 1);
    if (catalog_attribute_find(s, text_of(name)) != NULL)
        return "a later attribute is found";
    if (catalog_memory(s) == 0 || catalog_provider_count(s) != 1)
        return "other rows are wrong";
    return check_values(s, v->id, count, r);
}

static void *run_reader(void *payload)
{
    reader_thread *t = payload;
    random_state r;
    random_seed(&r, t->seed);
    for (bool stop = false; !stop && t->wrong == NULL; t->rounds++) {
        pthread_mutex_lock(t->lock);
        if (t->offered != NULL && t->back == NULL) {
            t->back = t->held;
            t->held = t->offered;
            t->offered = NULL;
        }
        stop = t->stop;
        pthread_mutex_unlock(t->lock);
        t->wrong = check_snapshot(t->held, &r);
    }
    return NULL;
}

static void grow_to(catalog *c, uint32_t v, uint32_t count)
{
    char name[NAME_BYTES];
    for (uint32_t n = catalog_value_count(c, v); n < count; n++)
        assert_int_equal(intern(c, v, n), n + 1);
    put(c, "ttl", KIND_FLAG, count % TTL_BOUND);
    snprintf(name, sizeof name, "x%u", count / VALUES_PER_SNAPSHOT);
    put(c, name, KIND_FLAG, 0);
}

/* The newest snapshot for each reader; takes back what was replaced or
 * read. */
static void offer(catalog *c, reader_thread *readers)
{
    const catalog *old[READERS * 2];
    for (int i = 0; i < READERS; i++) {
        const catalog *s = catalog_snapshot(c);
        pthread_mutex_lock(readers[i].lock);
        old[i] = readers[i].offered;
        old[READERS + i] = readers[i].back;
        readers[i].offered = s;
        readers[i].back = NULL;
        pthread_mutex_unlock(readers[i].lock);
    }
    for (int i = 0; i < READERS * 2; i++)
        catalog_release(old[i]);
}

static void test_catalog_snapshot__is_read_while_the_writer_goes_on(
    void **state)
{
    (void)state;
    const uint32_t values = (uint32_t)test_size(200000, 1000000);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    reader_thread readers[READERS];
    catalog *c = catalog_new();
    const uint32_t v = put(c, "v", KIND_ONE_OF, 0);
    put(c, "ttl", KIND_FLAG, 0);
    put(c, "x0", KIND_FLAG, 0);
    grow_to(c, v, VALUES_PER_SNAPSHOT);
    for (int i = 0; i < READERS; i++)
        readers[i] = (reader_thread){.lock = &lock, .seed = (uint64_t)i + 1};
    offer(c, readers);
    for (int i = 0; i < READERS; i++)
        readers[i].thread = thread_start(run_reader, &readers[i]);
    for (uint32_t n = 2 * VALUES_PER_SNAPSHOT; n <= values;
         n += VALUES_PER_SNAPSHOT) {
        grow_to(c, v, n);
        offer(c, readers);
    }
    catalog_free(c); /* under the eyes of the readers */
    for (int i = 0; i < READERS; i++) {
        pthread_mutex_lock(&lock);
        readers[i].stop = true;
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; i < READERS; i++) {
        thread_join(readers[i].thread);
        catalog_release(readers[i].offered);
        catalog_release(readers[i].back);
        catalog_release(readers[i].held);
        if (readers[i].wrong != NULL)
            fail_msg("reader %d: %s", i, readers[i].wrong);
        assert_true(readers[i].rounds > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_snapshot__is_the_same_until_a_change),
        cmocka_unit_test(test_catalog_snapshot__shows_its_moment),
        cmocka_unit_test(test_catalog_snapshot__outlives_the_catalog),
        cmocka_unit_test(test_catalog_snapshot__histories_stay),
        cmocka_unit_test(test_catalog_snapshot__a_copy_is_independent),
        cmocka_unit_test(test_catalog_snapshot__versions_never_coincide),
        cmocka_unit_test(test_catalog_snapshot__memory_is_told),
        cmocka_unit_test(
            test_catalog_snapshot__is_read_while_the_writer_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
