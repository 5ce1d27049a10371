/*
 * geo_check_test.c - what makes a database in the MaxMind DB form whole: each
 * rule broken in one place of a small one, and its reason.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <unistd.h>

#include "ingest/geo_file.h"
#include "ingest/mmdb_writer.h"

#define REASON_MAX 512

typedef struct made {
    mmdb_writer w;
    buffer bytes;
} made;

static made *begin(void)
{
    made *m = mem_zalloc(sizeof *m);
    buffer_init(&m->bytes, (size_t)1 << 20);
    mmdb_begin(&m->w, false);
    return m;
}

/* Ends the database with 192.0.2.0/24 at `record`. */
static void end_at(made *m, uint32_t record)
{
    mmdb_network(&m->w, "192.0.2.0", 24, record);
    mmdb_end(&m->w, "Test", 1700000000, &m->bytes);
}

static made *sound(void)
{
    made *m = begin();
    end_at(m, mmdb_flat(&m->w, "country_code", "DE", NULL, NULL));
    return m;
}

/* Frees it. NULL: it can be used. */
static void expect_reason(made *m, const char *reason)
{
    geo_file *f = NULL;
    muster_error err;
    error_clear(&err);
    const int rc =
        geo_file_open_bytes(&f, "it", m->bytes.data, m->bytes.len, &err);
    if (reason == NULL && rc != 0)
        fail_msg("%s", err.message);
    if (reason != NULL && rc == 0)
        fail_msg("it was opened, though: %s", reason);
    if (reason != NULL && strstr(err.message, reason) == NULL)
        fail_msg("\"%s\" does not say: %s", err.message, reason);
    geo_file_release(f);
    buffer_release(&m->bytes);
    mem_free(m);
}

/* The byte behind the text, in the metadata. */
static uint8_t *behind(made *m, const char *text)
{
    const size_t len = strlen(text);
    for (size_t at = m->bytes.len - len; at-- > 0;)
        if (memcmp(m->bytes.data + at, text, len) == 0)
            return m->bytes.data + at + len;
    fail_msg("%s is not in it", text);
    return NULL;
}

static void test_ingest_geo_check__a_sound_one(void **state)
{
    (void)state;
    expect_reason(sound(), NULL);
}

static void test_ingest_geo_check__metadata(void **state)
{
    static const struct {
        const char *key;
        size_t at; /* behind it */
        uint8_t byte;
        const char *reason;
    } cases[] = {
        {"format_major_version", 1, 3, "version 3"},
        {"record_size", 1, 20, "20 bits"},
        {"ip_version", 1, 5, "neither IPv4 nor IPv6"},
        {"node_count", 4, 0, "its search tree is empty"},
        {"node_count", 3, 200, "longer than the file"},
        {"node_count", 4, 23, "does not end where it should"},
        {"build_epoch", 2, 0xff, "build_epoch"},
        {"record_size", 0, 0x41, "record_size"}, /* a text */
        {"languages", 1, 0x20, "no known type"},
        {"database_type", 0, 0x20, "its metadata"}, /* a pointer */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        made *m = sound();
        behind(m, cases[i].key)[cases[i].at] = cases[i].byte;
        expect_reason(m, cases[i].reason);
    }
    made *m = sound();
    behind(m, "ip_version")[-1] = 'x'; /* another key */
    expect_reason(m, "do not say ip_version");
}

static void test_ingest_geo_check__no_marker(void **state)
{
    (void)state;
    made *m = sound();
    *behind(m, "MaxMind.co") = 'x';
    expect_reason(m, "does not end like a MaxMind DB");
    m = sound();
    buffer_clear(&m->bytes);
    expect_reason(m, "it is empty");
    m = sound();
    m->bytes.len = 5;
    expect_reason(m, "does not end like a MaxMind DB");
}

/* Node n's left side. */
static void set_left(made *m, uint32_t n, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        m->bytes.data[(size_t)n * 8 + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}

static void test_ingest_geo_check__the_tree(void **state)
{
    (void)state;
    made *m = sound();
    assert_int_equal(m->w.node_count, 24);
    set_left(m, 5, 3);
    expect_reason(m, "node 5 of its tree leads back to 3");
    m = sound();
    set_left(m, 2, 24 + 15);
    expect_reason(m, "node 2 of its tree leads outside the data");
    m = sound();
    set_left(m, 2, 24 + 16 + 100);
    expect_reason(m, "node 2 of its tree leads outside the data");
    m = sound();
    set_left(m, 2, UINT32_MAX);
    expect_reason(m, "node 2 of its tree leads outside the data");
    m = sound();
    set_left(m, 0, 24 + 16 + 1); /* within the record: a text, which is fine */
    expect_reason(m, NULL);
    m = sound();
    for (int i = 0; i < 8; i++)
        m->bytes.data[i] = 0;
    set_left(m, 0, 24); /* the right side leads to 0 */
    expect_reason(m, "leads back");
}

/* A way of 33 nodes: one more than an IPv4 address has bits. */
static void test_ingest_geo_check__deeper_than_an_address(void **state)
{
    (void)state;
    for (uint32_t nodes = 32; nodes <= 33; nodes++) {
        made *m = begin();
        const uint32_t at =
            mmdb_flat(&m->w, "country_code", "DE", NULL, NULL);
        for (uint32_t i = 0; i + 1 < nodes; i++) {
            const uint32_t next = mmdb_node(&m->w);
            m->w.nodes[i][0] = next;
        }
        m->w.nodes[nodes - 1][0] = MMDB_DATA + at;
        mmdb_end(&m->w, "Test", 1, &m->bytes);
        expect_reason(m, nodes == 32 ? NULL : "deeper than an address");
    }
}

/* Two ways to one node are fine; a node on no way is not. */
static void test_ingest_geo_check__ways_that_meet(void **state)
{
    (void)state;
    made *m = begin();
    const uint32_t at = mmdb_flat(&m->w, "country_code", "DE", NULL, NULL);
    const uint32_t shared = mmdb_node(&m->w);
    m->w.nodes[0][0] = shared;
    m->w.nodes[0][1] = shared;
    m->w.nodes[shared][1] = MMDB_DATA + at;
    mmdb_end(&m->w, "Test", 1, &m->bytes);
    expect_reason(m, NULL);
    m = begin();
    (void)mmdb_node(&m->w);
    m->w.nodes[0][0] =
        MMDB_DATA + mmdb_flat(&m->w, "country_code", "DE", NULL, NULL);
    mmdb_end(&m->w, "Test", 1, &m->bytes);
    expect_reason(m, "1 nodes of its tree are not in the tree");
}

/* ---- values ---- */

/* A record of these bytes. */
static made *with_value(const void *bytes, size_t len)
{
    made *m = begin();
    const uint32_t at = mmdb_record(&m->w);
    buffer_put(&m->w.data, bytes, len);
    end_at(m, at);
    return m;
}

static void test_ingest_geo_check__values(void **state)
{
#define VALUE(text, reason) {text, sizeof(text) - 1, reason}
    static const struct {
        const char *bytes;
        size_t len;
        const char *reason;
    } cases[] = {
        VALUE("\x43" "ab", "ends behind them"),
        VALUE("\x5d", "ends behind them"),
        VALUE("\x41\xff", "not UTF-8"),
        VALUE("\xe1\x41" "a", "ends behind them"),
        VALUE("\xe1\xa1\x01\x41" "a", "a key is no text"),
        VALUE("\xe1\x20\x03\xa0", "a key is no text"),
        VALUE("\xff\xff\xff\xff", "ends behind them"),
        VALUE("\x1f\x04\xff\xff\xff", "ends behind them"),
        VALUE("\x20\x00", "a pointer is pointed to"),
        VALUE("\x20\x02\x20\x02", "a pointer is pointed to"),
        VALUE("\xe1\x41" "a\x20\x00", "a value holds itself"),
        VALUE("\x38\xff\xff\xff\xff", "a pointer is pointed to"),
        VALUE("\x63" "abc", "longer or shorter"),   /* double of 3 */
        VALUE("\xa3" "abc", "longer or shorter"),   /* uint16 of 3 */
        VALUE("\xc5" "abcde", "longer or shorter"), /* uint32 of 5 */
        VALUE("\x09\x02" "abcdefghi", "longer or shorter"),
        VALUE("\x02\x07", "longer or shorter"), /* boolean of 2 */
        VALUE("\x00\x05", "no known type"),     /* cache container */
        VALUE("\x00\x06", "no known type"),     /* end marker */
        VALUE("\x00\x00", "no known type"),
        VALUE("\x00\x20", "no known type"),
        VALUE("\x01\x07", "no record of it"), /* true */
        VALUE("\x41" "a", "no record of it"),
    };
#undef VALUE
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_reason(with_value(cases[i].bytes, cases[i].len),
                      cases[i].reason);
}

/* Maps within maps, and the country at the top. */
static void test_ingest_geo_check__depth(void **state)
{
    (void)state;
    for (int maps = 15; maps <= 16; maps++) {
        made *m = begin();
        const uint32_t at = mmdb_record(&m->w);
        mmdb_map(&m->w, 2);
        mmdb_text(&m->w, "country_code");
        mmdb_text(&m->w, "DE");
        for (int i = 1; i < maps; i++) {
            mmdb_text(&m->w, "x");
            mmdb_map(&m->w, 1);
        }
        mmdb_text(&m->w, "y");
        mmdb_text(&m->w, "z");
        end_at(m, at);
        expect_reason(m, maps == 15 ? NULL : "nested too deep");
    }
}

/* The same, each map reached through a pointer from the one before: what was
 * looked at once still counts its depth. */
static void test_ingest_geo_check__depth_through_pointers(void **state)
{
    (void)state;
    for (int maps = 15; maps <= 16; maps++) {
        made *m = begin();
        uint32_t last = mmdb_flat(&m->w, "country_code", "DE", NULL, NULL);
        for (int i = 1; i < maps; i++) {
            const uint32_t at = mmdb_record(&m->w);
            mmdb_map(&m->w, 1);
            mmdb_text(&m->w, "x");
            buffer_put_u8(&m->w.data, (uint8_t)(0x20 | last >> 8));
            buffer_put_u8(&m->w.data, (uint8_t)last);
            if (i % 5 == 0) { /* some are records of their own */
                char address[32];
                snprintf(address, sizeof address, "10.0.%d.0", i);
                mmdb_network(&m->w, address, 24, at);
            }
            last = at;
        }
        mmdb_network(&m->w, "10.1.0.0", 16,
                     mmdb_flat(&m->w, "country_code", "DE", NULL, NULL));
        end_at(m, last);
        expect_reason(m, maps == 15 ? NULL : "nested too deep");
    }
}

/* Records that begin in the texts of others, so that each is read for long:
 * the time that checking takes is bounded. */
static void test_ingest_geo_check__values_that_overlap(void **state)
{
    made *m = begin();
    (void)state;
    const uint32_t first = mmdb_record(&m->w);
    for (int i = 0; i < 4000; i++) /* texts of 285 bytes and more */
        buffer_put_u8(&m->w.data, 0x5e);
    for (uint32_t i = 0; i < 60; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.0.%u.0", i);
        mmdb_network(&m->w, address, 24, first + i);
    }
    for (int i = 0; i < 30000; i++)
        buffer_put_u8(&m->w.data, 'x');
    end_at(m, mmdb_flat(&m->w, "country_code", "DE", NULL, NULL));
    expect_reason(m, "overlap");
}

/* MUSTER_GEO_BYTES_MAX: a file is refused by its size, unread. */
static void test_ingest_geo_check__too_large(void **state)
{
    char path[4096];
    geo_file *f = NULL;
    muster_error err;
    const char *folder = getenv("TMPDIR");
    (void)state;
    snprintf(path, sizeof path, "%s/large-%ld.mmdb", folder ? folder : "/tmp",
             (long)clock_monotonic_ns());
    const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)MUSTER_GEO_BYTES_MAX + 1), 0);
    close(fd);
    assert_int_equal(geo_file_open(&f, path, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "too_large");
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_geo_check__a_sound_one),
        cmocka_unit_test(test_ingest_geo_check__metadata),
        cmocka_unit_test(test_ingest_geo_check__no_marker),
        cmocka_unit_test(test_ingest_geo_check__the_tree),
        cmocka_unit_test(test_ingest_geo_check__deeper_than_an_address),
        cmocka_unit_test(test_ingest_geo_check__ways_that_meet),
        cmocka_unit_test(test_ingest_geo_check__values),
        cmocka_unit_test(test_ingest_geo_check__depth),
        cmocka_unit_test(test_ingest_geo_check__depth_through_pointers),
        cmocka_unit_test(test_ingest_geo_check__values_that_overlap),
        cmocka_unit_test(test_ingest_geo_check__too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
