/*
 * geo_shelf_test.c - databases that are replaced: beside readers that go on,
 * by one that cannot be used, in place, and watched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/geo_shelf.h"
#include "ingest/mmdb_writer.h"

#define READERS 3
#define EXCHANGES 12

static void make_path(char *out, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(out, size, "%s/shelf-%ld.mmdb", folder ? folder : "/tmp",
             (long)clock_monotonic_ns());
}

/* 192.0.2.0/24 is in `city` of country C<n>, whose letter is the city's first.
 * Its size differs from that of the next. */
static void make_database(buffer *out, unsigned n)
{
    mmdb_writer *w = mem_alloc(sizeof *w);
    char country[3] = {'C', (char)('A' + n % 26), '\0'};
    char city[64];
    buffer_clear(out);
    mmdb_begin(w, n % 2 == 0);
    for (unsigned i = 0; i < n; i++) /* so that records are elsewhere */
        mmdb_text(w, "filler");
    snprintf(city, sizeof city, "%c-town", country[1]);
    mmdb_network(w, "192.0.2.0", 24,
                 mmdb_flat(w, "country_code", country, "city", city));
    mmdb_end(w, "Test", 1700000000 + n, out);
    mem_free(w);
}

static void save_database(const char *path, unsigned n)
{
    buffer bytes;
    buffer_init(&bytes, (size_t)1 << 20);
    make_database(&bytes, n);
    assert_true(mmdb_save(path, &bytes));
    buffer_release(&bytes);
}

static derived look(geo_reader *r)
{
    geo_address a;
    derived d;
    memset(&d, 0, sizeof d);
    geo_reader_begin(r);
    assert_true(geo_address_parse(&a, text_of("192.0.2.7")));
    assert_true(geo_derive(r, &a, &d));
    return d;
}

static void expect_country(geo_reader *r, const char *country)
{
    const derived d = look(r);
    assert_true(text_is(d.texts[MUSTER_GEO_COUNTRY], country));
}

typedef struct said {
    unsigned replaced;
    unsigned refused;
} said;

static void note(void *payload, bool well, const char *line)
{
    said *s = payload;
    s->replaced += well && strstr(line, "was replaced") != NULL;
    s->refused += !well && strstr(line, "not replaced") != NULL;
}

typedef struct reading {
    geo_shelf *shelf;
    bool end; /* atomic */
    uint64_t looks;
} reading;

/* What one snapshot says fits together, whatever is exchanged. */
static void *read_on(void *payload)
{
    reading *r = payload;
    geo_reader *own = geo_reader_new(r->shelf);
    while (!__atomic_load_n(&r->end, __ATOMIC_ACQUIRE) || r->looks == 0) {
        const derived d = look(own);
        const muster_text country = d.texts[MUSTER_GEO_COUNTRY];
        const muster_text city = d.texts[MUSTER_GEO_CITY];
        ASSERT(country.len == 2 && city.len == 6);
        ASSERT(country.ptr[1] == city.ptr[0]);
        r->looks++;
    }
    geo_reader_free(own);
    return NULL;
}

static void test_ingest_geo_shelf__replaced_beside_readers(void **state)
{
    char path[4096];
    const char *list = path;
    reading readings[READERS];
    pthread_t threads[READERS];
    geo_shelf *s = NULL;
    muster_error err;
    said heard = {0, 0};
    (void)state;
    make_path(path, sizeof path);
    save_database(path, 0);
    assert_int_equal(geo_shelf_open(&s, &list, 1, &err), 0);
    for (int i = 0; i < READERS; i++) {
        readings[i] = (reading){.shelf = s};
        threads[i] = thread_start(read_on, &readings[i]);
    }
    for (unsigned n = 1; n <= EXCHANGES; n++) {
        save_database(path, n);
        assert_int_equal(geo_shelf_refresh(s, note, &heard), 1);
        assert_int_equal(geo_shelf_refresh(s, note, &heard), 0);
        assert_int_equal(geo_shelf_number(s), n + 1);
    }
    for (int i = 0; i < READERS; i++) {
        __atomic_store_n(&readings[i].end, true, __ATOMIC_RELEASE);
        thread_join(threads[i]);
    }
    assert_int_equal(heard.replaced, EXCHANGES);
    assert_int_equal(heard.refused, 0);
    muster_derive_source source;
    assert_int_equal(geo_shelf_sources(s, &source, 1), 1);
    assert_int_equal(source.built, 1700000000 + EXCHANGES);
    geo_shelf_free(s);
    remove(path);
}

static void test_ingest_geo_shelf__the_unusable_is_left_aside(void **state)
{
    char path[4096];
    const char *list = path;
    geo_shelf *s = NULL;
    muster_error err;
    said heard = {0, 0};
    buffer bytes;
    (void)state;
    make_path(path, sizeof path);
    save_database(path, 0);
    assert_int_equal(geo_shelf_open(&s, &list, 1, &err), 0);
    geo_reader *r = geo_reader_new(s);
    buffer_init(&bytes, (size_t)1 << 20);
    make_database(&bytes, 1);
    bytes.len -= 20; /* cut off */
    assert_true(mmdb_save(path, &bytes));
    assert_int_equal(geo_shelf_refresh(s, note, &heard), 0);
    assert_int_equal(geo_shelf_refresh(s, note, &heard), 0);
    assert_int_equal(heard.refused, 1); /* said once */
    expect_country(r, "CA");
    remove(path);
    assert_int_equal(geo_shelf_refresh(s, note, &heard), 0);
    assert_int_equal(heard.refused, 2);
    expect_country(r, "CA");
    save_database(path, 2);
    assert_int_equal(geo_shelf_refresh(s, note, &heard), 1);
    expect_country(r, "CC");
    buffer_release(&bytes);
    geo_reader_free(r);
    geo_shelf_free(s);
    remove(path);
}

/* Written over and cut short in place: who reads has a copy. */
static void test_ingest_geo_shelf__in_place_reaches_no_reader(void **state)
{
    char path[4096];
    const char *list = path;
    geo_shelf *s = NULL;
    muster_error err;
    (void)state;
    make_path(path, sizeof path);
    save_database(path, 3);
    assert_int_equal(geo_shelf_open(&s, &list, 1, &err), 0);
    geo_reader *r = geo_reader_new(s);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fclose(file);
    expect_country(r, "CD");
    geo_reader_free(r);
    geo_shelf_free(s);
    remove(path);
}

/* Each attribute from the first database that has it. */
static void test_ingest_geo_shelf__the_first_that_has_it(void **state)
{
    char first[4096];
    char second[4096];
    const char *const paths[] = {first, second};
    mmdb_writer *w = mem_alloc(sizeof *w);
    geo_shelf *s = NULL;
    muster_error err;
    buffer bytes;
    (void)state;
    make_path(first, sizeof first);
    make_path(second, sizeof second);
    buffer_init(&bytes, (size_t)1 << 20);
    mmdb_begin(w, false);
    mmdb_network(w, "192.0.2.0", 24,
                 mmdb_flat(w, "country_code", "XK", NULL, NULL));
    mmdb_end(w, "Country", 1, &bytes);
    assert_true(mmdb_save(first, &bytes));
    save_database(second, 4);
    assert_int_equal(geo_shelf_open(&s, paths, 2, &err), 0);
    geo_reader *r = geo_reader_new(s);
    const derived d = look(r);
    assert_true(text_is(d.texts[MUSTER_GEO_COUNTRY], "XK"));
    assert_true(text_is(d.texts[MUSTER_GEO_CITY], "E-town"));
    save_database(first, 5);
    assert_int_equal(geo_shelf_refresh(s, NULL, NULL), 1);
    expect_country(r, "CF");
    geo_reader_free(r);
    geo_shelf_free(s);
    buffer_release(&bytes);
    mem_free(w);
    remove(first);
    remove(second);
}

/* The watcher's word wakes the test; nothing here waits for a time. */
typedef struct watched {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned replaced;
} watched;

static void wake(void *payload, bool well, const char *line)
{
    watched *w = payload;
    pthread_mutex_lock(&w->lock);
    w->replaced += well && line[0] != '\0';
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void test_ingest_geo_shelf__is_watched(void **state)
{
    char path[4096];
    const char *list = path;
    watched w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    muster_derive *d = NULL;
    muster_derived got;
    muster_error err;
    (void)state;
    make_path(path, sizeof path);
    save_database(path, 6);
    muster_derive_options options = MUSTER_DERIVE_OPTIONS_INIT;
    options.geo = &list;
    options.geo_count = 1;
    options.watch = true;
    options.say = wake;
    options.payload = &w;
    assert_int_equal(muster_derive_open(&d, &options, &err), 0);
    save_database(path, 7);
    pthread_mutex_lock(&w.lock);
    while (w.replaced == 0)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    (void)muster_derive_refresh(d); /* behind the watcher's */
    muster_deriver *r = muster_deriver_new(d);
    assert_int_equal(
        muster_deriver_ip(r, text_of("192.0.2.1"), &got, &err), 0);
    assert_true(text_is(got.texts[MUSTER_GEO_COUNTRY], "CH"));
    assert_int_equal(muster_deriver_ip(r, text_of("x"), &got, &err),
                     MUSTER_EPARSE);
    assert_string_equal(err.word, "bad_address");
    muster_deriver_free(r);
    muster_derive_free(d);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_geo_shelf__replaced_beside_readers),
        cmocka_unit_test(test_ingest_geo_shelf__the_unusable_is_left_aside),
        cmocka_unit_test(test_ingest_geo_shelf__in_place_reaches_no_reader),
        cmocka_unit_test(test_ingest_geo_shelf__the_first_that_has_it),
        cmocka_unit_test(test_ingest_geo_shelf__is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
