/*
 * doctor_test.c - real damage to real files: each kind is found with its
 * place, repaired where the rest has what it takes, and told where not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/base.h"
#include "engine_support.h"
#include "identity/identity.h"
#include "index/index.h"
#include "storage/storage.h"

/* ---- looking ---- */

#define FOUND_MAX 64

typedef struct visit {
    size_t count;
    muster_severity severity[FOUND_MAX];
    char text[FOUND_MAX][700]; /* file|place|message|remedy */
    muster_health health;
    int rc;
    muster_error err;
} visit;

static void take_finding(void *payload, const muster_finding *f)
{
    visit *v = payload;
    assert_true(v->count < FOUND_MAX);
    v->severity[v->count] = f->severity;
    snprintf(v->text[v->count++], sizeof v->text[0], "%s|%s|%s|%s", f->file,
             f->place, f->message, f->remedy);
}

static visit *doctor_with(const house *h, bool repair,
                          const muster_task *task)
{
    static visit v;
    memset(&v, 0, sizeof v);
    v.rc = muster_doctor(h->dir, repair, task, take_finding, &v, &v.health,
                         &v.err);
    uint64_t told = 0;
    for (size_t i = 0; i < 4; i++)
        told += v.health.findings[i];
    assert_int_equal(told, v.count);
    return &v;
}

static visit *doctor(const house *h, bool repair)
{
    return doctor_with(h, repair, NULL);
}

static void show(const visit *v)
{
    print_error("%d %s\n", v->rc, v->err.message);
    for (size_t i = 0; i < v->count; i++)
        print_error("%d %s\n", v->severity[i], v->text[i]);
}

/* Some finding of that severity begins so and holds the remedy. */
static void expect(const visit *v, muster_severity severity,
                   const char *begins, const char *remedy)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->severity[i] == severity &&
            strncmp(v->text[i], begins, strlen(begins)) == 0 &&
            strstr(v->text[i], remedy) != NULL)
            return;
    show(v);
    fail_msg("not found: %d %s ... %s", severity, begins, remedy);
}

static muster_state_hash expect_sound(const house *h)
{
    const visit *v = doctor(h, false);
    if (v->rc != 0 || v->count != 0) {
        show(v);
        fail_msg("it is not sound");
    }
    return v->health.hash;
}

static bool same(muster_state_hash a, muster_state_hash b)
{
    return a.low == b.low && a.high == b.high;
}

/* ---- a directory, and damage to it ---- */

static const char first_words[] =
    "{\"ids\":{\"cookie\":[\"u\",\"v\"]},\"provider\":\"shop\",\"set\":{\"c\":"
    "\"red\",\"n\":2,\"f\":true},\"add\":{\"t\":[\"a\",\"b\"]},\"events\":["
    "{\"name\":\"e\",\"value\":\"x\"}]}\n"
    "{\"ids\":{\"loyalty\":\"w\"},\"set\":{\"c\":\"blue\"}}\n";

static void feed_number(house *h, int i)
{
    char text[120];
    snprintf(text, sizeof text,
             "{\"ids\":{\"cookie\":\"p%d\"},\"set\":{\"k\":\"%d\"}}\n", i, i);
    feed(h, text);
}

static void close_house(house *h)
{
    muster_engine_close(h->engine);
    h->engine = NULL;
}

/* A key and a partner that sees a segment. */
static void fill_access(house *h)
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    char secret[MUSTER_KEY_SECRET_BYTES];
    muster_error err;

    o.role = "partner";
    o.partner = "acme";
    assert_int_equal(muster_partner_set(h->engine, "acme", "", NULL, &err),
                     0);
    assert_int_equal(
        muster_key_create(h->engine, &o, secret, NULL, NULL, &err), 0);
    assert_int_equal(muster_audience_share(h->engine, "reds", "acme", false,
                                           NULL, &err), 0);
}

/* Three generations' worth: two files stand, the log before them is pruned,
 * batches follow the newer. Closed. */
static muster_state_hash fill(house *h)
{
    catalog(h, "{\"id_spaces\":{\"loyalty\":{}},\"providers\":{\"shop\":{"
               "\"party\":\"third\",\"ttl\":\"20d\"}}}");
    feed(h, first_words);
    save(h, "reds", "c = \"red\"");
    fill_access(h);
    house_checkpoint(h);
    feed_number(h, 1);
    feed_number(h, 2);
    house_checkpoint(h);
    save(h, "reds", "c = \"red\" or f");
    feed_number(h, 3);
    house_checkpoint(h);
    feed_number(h, 4);
    save(h, "all-of-them", "all");
    house_reopen(h, MUSTER_OPEN_WRITE); /* the log is trimmed by then */
    close_house(h);
    return expect_sound(h);
}

/* A bit of the byte at that part of the file, 0.0 to 1.0. */
static void flip(const house *h, const char *name, double part)
{
    char path[700];
    struct stat st;
    uint8_t byte;
    snprintf(path, sizeof path, "%s/%s", h->dir, name);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    const off_t at = (off_t)((double)(st.st_size - 1) * part + 0.5);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void sql(const house *h, const char *text)
{
    char path[700];
    char *why = NULL;
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask_sql(const house *h, const char *text)
{
    char path[700];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* "gen-N.mgen" of the newest but `back`. */
static const char *generation_name(const house *h, int back)
{
    static char name[40];
    char text[100];
    snprintf(text, sizeof text,
             "SELECT id FROM generation ORDER BY id DESC LIMIT 1 OFFSET %d",
             back);
    snprintf(name, sizeof name, "gen-%lld.mgen",
             (long long)ask_sql(h, text));
    return name;
}

/* Found as repairable, repaired, the same state as before. */
static void expect_repair(const house *h, const char *begins,
                          muster_state_hash state)
{
    const visit *v = doctor(h, false);
    if (v->rc != MUSTER_ECORRUPT)
        fail_msg("not found: %s", begins);
    expect(v, MUSTER_REPAIRABLE, begins, "|muster doctor --repair");
    assert_int_equal(v->health.findings[MUSTER_DAMAGE], 0);
    v = doctor(h, true);
    if (v->rc != 0) {
        show(v);
        fail_msg("not repaired: %s", begins);
    }
    expect(v, MUSTER_REPAIRED, begins, "");
    assert_true(same(v->health.hash, state));
    assert_true(same(expect_sound(h), state));
}

static void expect_damage(const house *h, const char *begins)
{
    for (int repair = 0; repair < 2; repair++) {
        const visit *v = doctor(h, repair == 1);
        assert_int_equal(v->rc, MUSTER_ECORRUPT);
        expect(v, MUSTER_DAMAGE, begins,
               "muster snapshot restore NAME --data NEW-DIRECTORY");
        assert_string_equal(v->err.word, "damaged");
        assert_int_equal(v->health.findings[MUSTER_REPAIRED], 0);
    }
}

/* ---- sound ---- */

static void test_engine_doctor__a_sound_one_is_told_in_numbers(void **state)
{
    house *h = *state;
    muster_state_hash now;
    muster_error err;

    const muster_state_hash found = fill(h);
    const visit *v = doctor(h, false);
    assert_int_equal(v->health.generations, 2);
    assert_true(v->health.log_batches > 0 && v->health.log_bytes > 0);
    assert_true(v->health.planes > 0 && v->health.bytes_read > 0);
    assert_int_equal(v->health.users, 6);
    assert_int_equal(v->health.ids, 7);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_true(doctor(h, false)->health.epoch ==
                muster_engine_epoch(h->engine));
    assert_int_equal(
        muster_engine_state_hash(h->engine, NULL, &now, NULL, &err), 0);
    assert_true(same(now, found));
    close_house(h);
    v = doctor(h, true);
    assert_int_equal(v->rc, 0);
    assert_int_equal(v->count, 0);
    assert_true(same(v->health.hash, found));
}

static void test_engine_doctor__without_a_directory(void **state)
{
    house nothing = {.dir = "/nowhere-at-all"};
    (void)state;
    for (int repair = 0; repair < 2; repair++) {
        const visit *v = doctor(&nothing, repair == 1);
        assert_int_equal(v->rc, MUSTER_ENOTFOUND);
        assert_int_equal(v->count, 0);
    }
}

static void test_engine_doctor__beside_a_writer(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);

    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_true(same(expect_sound(h), before));
    assert_int_equal(doctor(h, true)->rc, MUSTER_EBUSY);
    feed_number(h, 5);
    assert_false(same(expect_sound(h), before));
}

typedef struct walk {
    uint32_t steps;
    uint32_t stop_at;
    bool log;
} walk;

static int on_step(void *payload, const char *what, uint64_t done,
                   uint64_t total)
{
    walk *w = payload;
    assert_true(done <= total);
    w->log |= strcmp(what, "replaying the log") == 0;
    return ++w->steps == w->stop_at;
}

static void test_engine_doctor__stops_when_told_to(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);

    flip(h, generation_name(h, 0), 1.0);
    for (int repair = 0; repair < 2; repair++) {
        walk w = {0};
        uint32_t at = 0;
        do {
            w = (walk){0, ++at, false};
            const muster_task task = {on_step, &w};
            const visit *v = doctor_with(h, repair == 1, &task);
            if (w.steps < at)
                break;
            assert_int_equal(v->rc, MUSTER_ECANCELLED);
            assert_string_equal(v->err.word, "cancelled");
            assert_int_equal(v->count, 0);
        } while (true);
        assert_true(w.steps > 5 && w.log);
    }
    assert_true(same(expect_sound(h), before));
}

/* ---- generations ---- */

/* Where the middle of a section lies in the newest one. The first section
 * begins at byte 64. */
static double middle_of(const house *h, const char *section)
{
    muster_error err;
    storage *s;
    generation *g;
    size_t len;

    assert_int_equal(storage_open(&s, h->dir, STORAGE_READ, &err), 0);
    assert_int_equal(generation_open(&g, s, NULL, &err), 0);
    const uint8_t *first = generation_section(g, "state", &len);
    const uint8_t *bytes = generation_section(g, section, &len);
    const double part = (double)((size_t)(bytes - first) + 64 + len / 2) /
                        (double)(generation_bytes(g) - 1);
    generation_close(g);
    storage_close(s);
    return part;
}

static void test_engine_doctor__the_newest_generation(void **state)
{
    static const char *const sections[] = {"catalog", "audiences",
                                           "dictionary", "plane.dir",
                                           "planes"};
    house *h = *state;
    const muster_state_hash before = fill(h);
    char place[100];

    for (int end = 0; end < 2; end++) { /* header and footer */
        const char *name = generation_name(h, 0);
        flip(h, name, (double)end);
        expect_repair(h, name, before);
        assert_int_equal(doctor(h, false)->health.generations, 2);
    }
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const char *name = generation_name(h, 0);
        snprintf(place, sizeof place, "%s|section %s|", name, sections[i]);
        flip(h, name, middle_of(h, sections[i]));
        expect_repair(h, place, before);
        assert_int_equal(doctor(h, false)->health.generations, 2);
    }
}

static void test_engine_doctor__the_older_generation(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);
    const char *name = generation_name(h, 1);

    flip(h, name, 1.0);
    expect_repair(h, name, before);
    assert_int_equal(doctor(h, false)->health.generations, 2);
}

static void test_engine_doctor__a_generation_is_gone(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);
    const char *name = generation_name(h, 0);
    char path[700];

    snprintf(path, sizeof path, "%s/%s", h->dir, name);
    assert_int_equal(unlink(path), 0);
    expect_repair(h, name, before);
}

static void test_engine_doctor__the_only_one_and_all_of_the_log(void **state)
{
    house *h = *state;

    feed_number(h, 1);
    house_checkpoint(h);
    feed_number(h, 2);
    close_house(h);
    const muster_state_hash before = expect_sound(h);
    const char *name = generation_name(h, 0);
    flip(h, name, 1.0);
    expect_repair(h, name, before);
}

static void test_engine_doctor__all_generations(void **state)
{
    house *h = *state;

    fill(h);
    flip(h, generation_name(h, 0), 1.0);
    flip(h, generation_name(h, 1), 1.0);
    expect_damage(h, generation_name(h, 0));
    expect_damage(h, generation_name(h, 1));
}

/* Opens, and is not what it should be. */
static bool is_crooked(const char *section, const void *bytes, size_t len,
                       const void *directory, size_t directory_len)
{
    index_layer *layer;
    dictionary *ids;
    bool crooked = false;

    if (strcmp(section, "planes") == 0) {
        if (index_layer_open(&layer, directory, directory_len, bytes, len,
                             NULL, NULL) != 0)
            return false;
        crooked = index_layer_check(layer, true, NULL) != 0;
        index_layer_release(layer);
    } else if (dictionary_open(&ids, bytes, len, NULL) == 0) {
        crooked = dictionary_check(ids, NULL, NULL, NULL) != 0;
        dictionary_free(ids);
    }
    return crooked;
}

/* Changes the first bit that makes it so. */
static void make_crooked(const generation *g, const char *section,
                         uint8_t *bytes, size_t len)
{
    size_t directory_len;
    const void *directory =
        generation_section(g, "plane.dir", &directory_len);

    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        if (is_crooked(section, bytes, len, directory, directory_len))
            return;
        bytes[i] ^= 1;
    }
    fail_msg("no bit of %s matters", section);
}

/* Sections of the newest one, written again with a bit changed: all checksums
 * fit, what they protect is wrong. */
static void write_crooked(const house *h, const char *crooked)
{
    static const char *const sections[] = {"state",      "catalog",
                                           "audiences",  "dictionary",
                                           "plane.dir",  "planes"};
    muster_error err;
    storage *s;
    generation *g;
    generation_writer *w;
    int64_t id;
    bool more;

    assert_int_equal(storage_open(&s, h->dir, STORAGE_WRITE, &err), 0);
    assert_int_equal(generation_open(&g, s, NULL, &err), 0);
    assert_int_equal(storage_generation_next(s, &id, &err), 0);
    assert_int_equal(generation_start(&w, s, id, generation_seq(g), &err), 0);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        size_t len;
        const void *bytes = generation_section(g, sections[i], &len);
        uint8_t *copy = mem_aligned(len + 1);
        memcpy(copy, bytes, len);
        if (strcmp(sections[i], crooked) == 0)
            make_crooked(g, crooked, copy, len);
        assert_int_equal(generation_begin(w, sections[i], &err), 0);
        assert_int_equal(generation_write(w, copy, len, &err), 0);
        assert_int_equal(generation_end(w, &err), 0);
        mem_free(copy);
    }
    generation_close(g);
    assert_int_equal(generation_seal(w, &err), 0);
    assert_int_equal(storage_begin(s, &err), 0);
    assert_int_equal(generation_adopt(s, w, &err), 0);
    assert_int_equal(storage_log_trim(s, 1, &more, &err), 0);
    assert_int_equal(storage_commit(s, &err), 0);
    generation_adopted(s);
    generation_finish(s, w);
    storage_close(s);
}

static void test_engine_doctor__planes_that_are_none(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);
    char place[100];

    write_crooked(h, "planes");
    assert_true(same(doctor(h, false)->health.hash,
                     (muster_state_hash){0, 0})); /* not to be read */
    snprintf(place, sizeof place, "%s|section planes",
             generation_name(h, 0));
    expect_repair(h, place, before);
}

static void test_engine_doctor__a_dictionary_against_its_inverse(void **state)
{
    house *h = *state;
    const muster_state_hash before = fill(h);
    char place[100];

    write_crooked(h, "dictionary");
    snprintf(place, sizeof place, "%s|section dictionary",
             generation_name(h, 0));
    expect_repair(h, place, before);
}

/* ---- the log ---- */

static void spoil(const house *h, int64_t seq)
{
    char text[120];
    snprintf(text, sizeof text,
             "UPDATE log SET body = zeroblob(length(body)) WHERE seq = %lld",
             (long long)seq);
    sql(h, text);
}

static void test_engine_doctor__a_batch_that_nothing_covers(void **state)
{
    house *h = *state;
    char place[100];

    fill(h);
    const int64_t last = ask_sql(h, "SELECT max(seq) FROM log");
    spoil(h, last);
    snprintf(place, sizeof place, "muster.db|log batch %lld|",
             (long long)last);
    expect_damage(h, place);
}

static void test_engine_doctor__a_batch_behind_a_generation(void **state)
{
    house *h = *state;
    char place[100];
    const muster_state_hash before = fill(h);
    const int64_t first = ask_sql(h, "SELECT min(seq) FROM log");

    assert_true(first <= ask_sql(h, "SELECT max(seq) FROM generation"));
    spoil(h, first);
    snprintf(place, sizeof place, "muster.db|log batch %lld|",
             (long long)first);
    expect_repair(h, place, before);
}

static void test_engine_doctor__the_end_of_the_log_is_lost(void **state)
{
    house *h = *state;
    fill(h);
    sql(h, "DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)");
    expect_damage(h, "muster.db|log");
}

/* ---- the database ---- */

/* The first page of a table or index is lost. */
static void zero_page(const house *h, const char *name)
{
    static const uint8_t zero[4096];
    char path[700];
    char text[120];
    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    snprintf(text, sizeof text,
             "SELECT (rootpage - 1) * 16384 FROM sqlite_schema"
             " WHERE name = '%s'",
             name);
    const off_t at = (off_t)ask_sql(h, text);
    const int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, zero, sizeof zero, at), sizeof zero);
    close(fd);
}

static void test_engine_doctor__its_structure(void **state)
{
    house *h = *state;
    fill(h);
    flip(h, "muster.db", 0.0); /* no database any more */
    expect_damage(h, "muster.db|");
    flip(h, "muster.db", 0.0);
    expect_sound(h);
    zero_page(h, "segment_version");
    expect_damage(h, "muster.db|");
}

/* The tables differ, but what they lie in is damaged too. */
static void test_engine_doctor__tables_that_cannot_be_written(void **state)
{
    house *h = *state;
    fill(h);
    sql(h, "UPDATE attribute SET kind = 'flag' WHERE name = 'c'");
    zero_page(h, "sqlite_autoindex_provider_1");
    expect_damage(h, "muster.db|");
    expect(doctor(h, true), MUSTER_REPAIRABLE, "muster.db|table attribute|",
           "");
}

static void test_engine_doctor__a_load(void **state)
{
    house *h = *state;
    fill(h);
    sql(h, "INSERT INTO load(load_id, position, state, head_hash, head_len,"
           " started, checksum) VALUES('l', 1, x'00', 0, 0, 0, 0)");
    expect_damage(h, "muster.db|load l|");
}

static void test_engine_doctor__tables_for_people(void **state)
{
    static const struct {
        const char *table;
        const char *harm;
    } harms[] = {
        {"attribute", "UPDATE attribute SET kind = 'flag' WHERE name = 'c'"},
        {"attribute", "DELETE FROM attribute WHERE name = 'e'"},
        {"value", "UPDATE value SET text = 'green' WHERE text = 'red'"},
        {"value", "INSERT INTO value VALUES(16, 4711, 'x')"},
        {"provider", "UPDATE provider SET ttl_hours = NULL"},
        {"id_space", "DELETE FROM id_space WHERE name = 'loyalty'"},
        {"meta", "INSERT OR REPLACE INTO meta VALUES('catalog_mode',"
                 " 'strict')"},
        {"segment", "UPDATE segment SET deleted = 1 WHERE key = 'reds'"},
        {"segment_version", "DELETE FROM segment_version WHERE version = 1"},
        {"segment_version", "UPDATE segment_version SET expr = 'f'"},
        {"access_key", "UPDATE access_key SET admin = 1 - admin"},
        {"access_key", "DELETE FROM access_key"},
        {"partner", "UPDATE partner SET key = 'acne'"},
        {"partner", "INSERT INTO partner VALUES(9, 'zeta', '', 1)"},
        {"share", "DELETE FROM share"},
        {"share", "INSERT INTO share VALUES(1, 99)"},
    };
    house *h = *state;
    char place[100];
    const muster_state_hash before = fill(h);

    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        sql(h, harms[i].harm);
        snprintf(place, sizeof place, "muster.db|table %s|", harms[i].table);
        expect_repair(h, place, before);
    }
    house_reopen(h, MUSTER_OPEN_WRITE); /* and they go on */
    save(h, "reds", "f");
    feed_number(h, 9);
    assert_int_equal(muster_audience_remove(h->engine, "all-of-them", NULL),
                     0);
    catalog(h, "{\"mode\":\"strict\"}");
    assert_int_equal(muster_partner_remove(h->engine, "acme", NULL), 0);
    fill_access(h);
    close_house(h);
    expect_sound(h);
}

static void test_engine_doctor__files_that_nobody_names(void **state)
{
    house *h = *state;
    char path[700];
    fill(h);
    snprintf(path, sizeof path, "%s/gen-999.mgen", h->dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    const visit *v = doctor(h, false);
    assert_int_equal(v->rc, 0);
    expect(v, MUSTER_NOTE, "gen-999.mgen|", "");
    assert_int_equal(doctor(h, true)->rc, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    expect_sound(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_doctor__a_sound_one_is_told_in_numbers),
        cmocka_unit_test(test_engine_doctor__without_a_directory),
        HOUSE_TEST(test_engine_doctor__beside_a_writer),
        HOUSE_TEST(test_engine_doctor__stops_when_told_to),
        HOUSE_TEST(test_engine_doctor__the_newest_generation),
        HOUSE_TEST(test_engine_doctor__the_older_generation),
        HOUSE_TEST(test_engine_doctor__a_generation_is_gone),
        HOUSE_TEST(test_engine_doctor__the_only_one_and_all_of_the_log),
        HOUSE_TEST(test_engine_doctor__all_generations),
        HOUSE_TEST(test_engine_doctor__planes_that_are_none),
        HOUSE_TEST(test_engine_doctor__a_dictionary_against_its_inverse),
        HOUSE_TEST(test_engine_doctor__a_batch_that_nothing_covers),
        HOUSE_TEST(test_engine_doctor__a_batch_behind_a_generation),
        HOUSE_TEST(test_engine_doctor__the_end_of_the_log_is_lost),
        HOUSE_TEST(test_engine_doctor__its_structure),
        HOUSE_TEST(test_engine_doctor__tables_that_cannot_be_written),
        HOUSE_TEST(test_engine_doctor__a_load),
        HOUSE_TEST(test_engine_doctor__tables_for_people),
        HOUSE_TEST(test_engine_doctor__files_that_nobody_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
