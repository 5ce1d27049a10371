/*
 * geo_test.c - MaxMind's test databases: every network of the sources that
 * they were written from, every corrupt one, and each address that
 * libmaxminddb finds. Skipped where ../shared/data/mmdb is absent, but for
 * addresses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <maxminddb.h>

#include "ingest/geo_shelf.h"
#include "ingest/ingest_support.h"

static const char *const databases[] = {
    "GeoIP2-City-Test.mmdb",    "GeoIP2-Connection-Type-Test.mmdb",
    "GeoIP2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb",
    "GeoLite2-City-Test.mmdb",  "GeoLite2-Country-Test.mmdb",
};
#define DATABASES (sizeof databases / sizeof databases[0])

/* The folder of the data; the test is skipped where it is absent. */
static const char *data_folder(void)
{
    static char path[4096];
    const char *shared = getenv("MUSTER_SHARED");
    snprintf(path, sizeof path, "%s/data/mmdb",
             shared != NULL ? shared : "../shared");
    DIR *folder = opendir(path);
    if (folder == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    closedir(folder);
    return path;
}

static const char *path_of(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/%s", data_folder(), name);
    return path;
}

static geo_shelf *open_shelf(const char *name)
{
    geo_shelf *s = NULL;
    muster_error err;
    const char *path = path_of(name);
    if (geo_shelf_open(&s, &path, 1, &err) != 0)
        fail_msg("%s", err.message);
    return s;
}

/* ---- addresses ---- */

static void expect_parsed(const char *text, bool v4, const char *hex)
{
    geo_address a;
    char got[13];
    if (!geo_address_parse(&a, text_of(text)))
        fail_msg("%s is an address", text);
    for (int i = 0; i < 6; i++)
        snprintf(got + 2 * i, 3, "%02x", a.bytes[i]);
    assert_string_equal(got, hex);
    assert_int_equal(a.v4, v4);
}

static void test_ingest_geo__addresses_are_shortened(void **state)
{
    (void)state;
    expect_parsed("192.0.2.77", true, "c00002000000");
    expect_parsed(" 192.0.2.77\t", true, "c00002000000");
    expect_parsed("::ffff:192.0.2.77", true, "c00002000000");
    expect_parsed("::FFFF:c000:024d", true, "c00002000000");
    expect_parsed("2001:db8:aa:bb:1:2:3:4", false, "20010db800aa");
    expect_parsed("[2001:db8:aa::1]", false, "20010db800aa");
    expect_parsed("fe80:1:2:3::4%eth0", false, "fe8000010002");
    expect_parsed("2002:c000:024d::1", false, "2002c0000200");
}

static void test_ingest_geo__what_is_no_address_is_none(void **state)
{
    static const char *const texts[] = {
        "",          " ",           "192.0.2",      "192.0.2.256",
        "1.2.3.4.5", "192.0.2.1/24", "2001:db8",     "2001:db8::1::2",
        "localhost", "[::1",        "0x7f.0.0.1",   "::ffff:1.2.3.4.5",
        "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19",
    };
    geo_address a;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (geo_address_parse(&a, text_of(texts[i])))
            fail_msg("\"%s\" is no address", texts[i]);
    assert_false(geo_address_parse(&a, text_make("1.2.3.4\0x", 9)));
}

/* ---- the sources ---- */

static char *read_source(const char *name, size_t *len)
{
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    char *text = mem_alloc((size_t)4 << 20);
    *len = fread(text, 1, (size_t)4 << 20, file);
    fclose(file);
    return text;
}

static const json_value *at_path(const json_value *v, const char *first,
                                 const char *second)
{
    v = v != NULL ? json_get(v, first) : NULL;
    if (v != NULL && json_typeof(v) == JSON_ARRAY) {
        json_iter it = json_iter_of(v);
        v = json_next(&it) ? it.value : NULL;
    }
    return v != NULL ? json_get(v, second) : NULL;
}

static void expect_attribute(const char *network, const derived *d, int which,
                         const char *wanted)
{
    const bool known = (d->known >> which & 1) != 0;
    if (known != (wanted != NULL))
        fail_msg("%s: %s is %sknown", network,
                 muster_derived_name((muster_derived_attribute)which),
                 known ? "" : "not ");
    if (known && !text_is(d->texts[which], wanted))
        fail_msg("%s: %s is %.*s, not %s", network,
                 muster_derived_name((muster_derived_attribute)which),
                 (int)d->texts[which].len, d->texts[which].ptr, wanted);
}

static const char *word_of(const json_value *v)
{
    return v != NULL ? json_string(v).ptr : NULL;
}

/* Country, region and city as the source has them. */
static void expect_source(const char *network, const derived *d,
                          const json_value *source)
{
    const json_value *country = at_path(source, "country", "iso_code");
    const json_value *region = at_path(source, "subdivisions", "iso_code");
    const json_value *names = at_path(source, "city", "names");
    const json_value *city = names != NULL ? json_get(names, "en") : NULL;
    char iso[8] = "";
    if (region != NULL && country != NULL)
        snprintf(iso, sizeof iso, "%s-%s", word_of(country), word_of(region));
    expect_attribute(network, d, MUSTER_GEO_COUNTRY,
                 word_of(country));
    expect_attribute(network, d, MUSTER_GEO_REGION, iso[0] != 0 ? iso : NULL);
    expect_attribute(network, d, MUSTER_GEO_CITY,
                 word_of(city));
}

/* Address and length of "::1.2.3.0/120" and the like; IPv4 as such. */
static unsigned split_network(char *network, const char **address)
{
    char *slash = strchr(network, '/');
    *slash = '\0';
    unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
    *address = network;
    if (strchr(network, '.') != NULL && strncmp(network, "::", 2) == 0) {
        *address += 2;
        bits -= 96;
    }
    return bits;
}

static bool same_derived(const derived *a, const derived *b)
{
    bool same = a->known == b->known && a->open == b->open;
    for (int i = 0; i < GEO_COUNT && same; i++)
        if ((a->known >> i & 1) != 0)
            same = i == MUSTER_GEO_ASN
                       ? a->numbers[i] == b->numbers[i]
                       : text_equal(a->texts[i], b->texts[i]);
    return same;
}

/* The first address of the network that the address is shortened to. */
static void shorten(char *out, size_t size, const char *address)
{
    const bool v4 = strchr(address, ':') == NULL;
    uint8_t bytes[16] = {0};
    assert_int_equal(inet_pton(v4 ? AF_INET : AF_INET6, address, bytes), 1);
    memset(bytes + (v4 ? 3 : 6), 0, v4 ? 13 : 10);
    assert_non_null(inet_ntop(v4 ? AF_INET : AF_INET6, bytes, out,
                              (socklen_t)size));
}

static derived derive_text(geo_reader *r, const char *text)
{
    geo_address a;
    derived d;
    memset(&d, 0, sizeof d);
    assert_true(geo_address_parse(&a, text_of(text)));
    geo_derive(r, &a, &d);
    return d;
}

/* What libmaxminddb says of the country of a full address. */
static void expect_shortened(geo_reader *r, MMDB_s *peer, const char *address,
                             const char *shown)
{
    char first[64];
    int gai = 0;
    int rc = 0;
    shorten(first, sizeof first, address);
    derived whole = derive_text(r, address);
    geo_reader *other = r;
    derived cut = derive_text(other, first);
    if (!same_derived(&whole, &cut))
        fail_msg("%s answers otherwise than its shortened address", shown);
    MMDB_lookup_result_s found = MMDB_lookup_string(peer, first, &gai, &rc);
    MMDB_entry_data_s data = {.has_data = false};
    if (found.found_entry)
        MMDB_get_value(&found.entry, &data, "country", "iso_code", NULL);
    char iso[3] = "";
    if (data.has_data)
        memcpy(iso, data.utf8_string, 2);
    expect_attribute(shown, &cut, MUSTER_GEO_COUNTRY, iso[0] ? iso : NULL);
}

static void check_source(const char *name, const char *source, size_t least)
{
    size_t len = 0;
    size_t wide = 0;
    size_t narrow = 0;
    char *text = read_source(source, &len);
    json_doc *doc = NULL;
    muster_error err;
    MMDB_s peer;
    assert_int_equal(json_parse(&doc, text, len, JSON_STRICT, &err), 0);
    geo_shelf *s = open_shelf(name);
    geo_reader *r = geo_reader_new(s);
    assert_int_equal(MMDB_open(path_of(name), MMDB_MODE_MMAP, &peer), 0);
    for (json_iter e = json_iter_of(json_root(doc)); json_next(&e);)
        for (json_iter it = json_iter_of(e.value); json_next(&it);) {
            char network[128];
            const char *address = NULL;
            snprintf(network, sizeof network, "%.*s", (int)it.key.len,
                     it.key.ptr);
            const unsigned bits = split_network(network, &address);
            if (bits <= (strchr(address, ':') == NULL ? 24u : 48u)) {
                const derived d = derive_text(r, address);
                expect_source(address, &d, it.value);
                wide++;
            } else {
                expect_shortened(r, &peer, address, address);
                narrow++;
            }
        }
    print_message("%s: %zu networks, %zu narrower ones\n", name, wide, narrow);
    assert_true(wide >= least);
    assert_true(narrow > 0);
    MMDB_close(&peer);
    geo_reader_free(r);
    geo_shelf_free(s);
    json_free(doc);
    mem_free(text);
}

static void test_ingest_geo__every_network_of_the_city_source(void **state)
{
    (void)state;
    check_source("GeoIP2-City-Test.mmdb", "GeoIP2-City-Test.json", 230);
}

static void test_ingest_geo__every_network_of_the_country_source(void **state)
{
    (void)state;
    check_source("GeoIP2-Country-Test.mmdb", "GeoIP2-Country-Test.json", 240);
}

/* ---- other attributes ---- */

static void test_ingest_geo__networks_and_connections(void **state)
{
    (void)state;
    muster_error err;
    geo_shelf *s = NULL;
    char asn[4200];
    char connection[4200];
    snprintf(asn, sizeof asn, "%s", path_of("GeoLite2-ASN-Test.mmdb"));
    snprintf(connection, sizeof connection, "%s",
             path_of("GeoIP2-Connection-Type-Test.mmdb"));
    const char *const paths[] = {asn, connection};
    assert_int_equal(geo_shelf_open(&s, paths, 2, &err), 0);
    geo_reader *r = geo_reader_new(s);
    derived d = derive_text(r, "1.128.0.7");
    assert_int_equal(d.numbers[MUSTER_GEO_ASN], 1221);
    assert_int_equal(d.known & DERIVED_BIT(MUSTER_GEO_ASN),
                     DERIVED_BIT(MUSTER_GEO_ASN));
    assert_int_equal(d.open, DERIVED_BIT(MUSTER_GEO_ASN) |
                                 DERIVED_BIT(MUSTER_NET_CONNECTION));
    d = derive_text(r, "1.0.1.9");
    expect_attribute("1.0.1.0", &d, MUSTER_NET_CONNECTION, "cellular");
    d = derive_text(r, "1.0.0.9");
    expect_attribute("1.0.0.0", &d, MUSTER_NET_CONNECTION, "cable_dsl");
    d = derive_text(r, "10.0.0.9");
    assert_int_equal(d.known | d.open, 0);
    geo_reader_free(r);
    geo_shelf_free(s);
}

/* ---- beside libmaxminddb ---- */

/* The offset that the library finds, of the first address of what a random
 * one is shortened to. */
static void compare_address(const geo_file *f, const MMDB_s *peer,
                            const uint8_t *bytes, bool v4)
{
    char text[64];
    int gai = 0;
    int rc = 0;
    uint32_t offset = 0;
    geo_address a;
    assert_non_null(
        inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, sizeof text));
    assert_true(geo_address_parse(&a, text_of(text)));
    const MMDB_lookup_result_s want =
        MMDB_lookup_string(peer, text, &gai, &rc);
    const bool found = geo_file_find(f, &a, &offset);
    if (found != (rc == 0 && want.found_entry) ||
        (found && offset != want.entry.offset))
        fail_msg("%s is found elsewhere", text);
}

static void test_ingest_geo__finds_what_libmaxminddb_finds(void **state)
{
    const uint64_t seed = 20261122;
    (void)state;
    for (size_t i = 0; i < DATABASES; i++) {
        MMDB_s peer;
        geo_file *f = NULL;
        muster_error err;
        random_state dice;
        random_seed(&dice, seed + i);
        assert_int_equal(geo_file_open(&f, path_of(databases[i]), &err), 0);
        assert_int_equal(
            MMDB_open(path_of(databases[i]), MMDB_MODE_MMAP, &peer), 0);
        print_message("%s seed %llu\n", databases[i],
                      (unsigned long long)(seed + i));
        for (int n = 0; n < 65536; n++) {
            const uint64_t v = random_u64(&dice);
            const uint8_t v4[4] = {(uint8_t)(n >> 8), (uint8_t)n, (uint8_t)v};
            uint8_t v6[16] = {0x20, (uint8_t)(v >> 8 & 0x0f)};
            memcpy(v6 + 2, &v, 4);
            v6[0] = (v >> 60) != 0 ? 0x2a : 0x20;
            compare_address(f, &peer, v4, true);
            if (v6[0] != 0x20 || v6[1] != 0x02)
                compare_address(f, &peer, v6, false);
        }
        MMDB_close(&peer);
        geo_file_release(f);
    }
}

/* ---- corrupt ones ---- */

static const struct {
    const char *name;
    const char *why; /* part of the reason */
} corrupt[] = {
    {"MaxMind-DB-test-broken-pointers-24", "a pointer is pointed to"},
    {"MaxMind-DB-test-broken-search-tree-24", "leads back"},
    {"bad/bad-unicode-in-map-key", "tree does not end"},
    {"bad/cyclic-data-structure", "ends behind them"},
    {"bad/invalid-bytes-length", "ends behind them"},
    {"bad/invalid-data-record-offset", "not UTF-8"},
    {"bad/invalid-map-key-length", "ends behind them"},
    {"bad/invalid-string-length", "ends behind them"},
    {"bad/libmaxminddb-corrupt-search-tree", "99 nodes"},
    {"bad/libmaxminddb-deep-array-nesting", "nested too deep"},
    {"bad/libmaxminddb-deep-nesting", "nested too deep"},
    {"bad/libmaxminddb-empty-array-last-in-metadata", "no record of it"},
    {"bad/libmaxminddb-empty-map-last-in-metadata", "no record of it"},
    {"bad/libmaxminddb-metadata-marker-only", "its metadata"},
    {"bad/libmaxminddb-offset-integer-overflow", "ends behind them"},
    {"bad/libmaxminddb-oversized-array", "ends behind them"},
    {"bad/libmaxminddb-oversized-map", "ends behind them"},
    {"bad/libmaxminddb-separator-record-max-left", "outside the data"},
    {"bad/libmaxminddb-separator-record-min-left", "outside the data"},
    {"bad/libmaxminddb-separator-record-min-right", "outside the data"},
    {"bad/libmaxminddb-uint64-max-epoch", "build_epoch"},
    {"bad/metadata-is-an-uint128", "its metadata"},
    {"bad/unexpected-bytes", "its metadata"},
};
#define CORRUPT (sizeof corrupt / sizeof corrupt[0])

static void test_ingest_geo__each_corrupt_database_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < CORRUPT; i++) {
        char name[128];
        geo_file *f = NULL;
        muster_error err;
        snprintf(name, sizeof name, "%s.mmdb", corrupt[i].name);
        if (geo_file_open(&f, path_of(name), &err) == 0)
            fail_msg("%s was opened", name);
        if (strstr(err.message, corrupt[i].why) == NULL)
            fail_msg("%s: %s", name, err.message);
    }
}

/* None was added to the folder that is not in the list. */
static void test_ingest_geo__no_corrupt_database_is_left_out(void **state)
{
    char folder[4200];
    (void)state;
    snprintf(folder, sizeof folder, "%s", path_of("bad"));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *e = NULL; (e = readdir(dir)) != NULL;) {
        bool listed = e->d_name[0] == '.';
        char name[300];
        for (size_t i = 0; i < CORRUPT && !listed; i++) {
            snprintf(name, sizeof name, "bad/%s", e->d_name);
            listed = strncmp(name, corrupt[i].name,
                             strlen(corrupt[i].name)) == 0;
        }
        if (!listed)
            fail_msg("%s is not in the list", e->d_name);
    }
    closedir(dir);
}

/* One byte of a sound database is another: it is refused, or can be read. */
static void test_ingest_geo__any_byte_may_be_wrong(void **state)
{
    const uint64_t seed = 7;
    random_state dice;
    size_t refused = 0;
    (void)state;
    FILE *file = fopen(path_of("GeoIP2-City-Test.mmdb"), "rb");
    assert_non_null(file);
    uint8_t *bytes = mem_alloc(65536);
    const size_t len = fread(bytes, 1, 65536, file);
    fclose(file);
    random_seed(&dice, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 2000; i++) {
        const uint64_t v = random_u64(&dice);
        const size_t at = (size_t)(v >> 16) % len;
        const uint8_t before = bytes[at];
        geo_file *f = NULL;
        bytes[at] ^= (uint8_t)(1u << (v % 8));
        if (geo_file_open_bytes(&f, "it", bytes, len, NULL) != 0)
            refused++;
        for (uint32_t n = 0; f != NULL && n < 512; n++) {
            const geo_address a = {
                n % 2 == 0, {(uint8_t)(v >> 24), (uint8_t)n, (uint8_t)v}};
            geo_record record;
            uint32_t offset = 0;
            if (geo_file_find(f, &a, &offset))
                geo_file_read(f, offset, &record);
        }
        geo_file_release(f);
        bytes[at] = before;
    }
    print_message("%zu of 2000 refused\n", refused);
    assert_true(refused > 200);
    mem_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_geo__addresses_are_shortened),
        cmocka_unit_test(test_ingest_geo__what_is_no_address_is_none),
        cmocka_unit_test(test_ingest_geo__every_network_of_the_city_source),
        cmocka_unit_test(test_ingest_geo__every_network_of_the_country_source),
        cmocka_unit_test(test_ingest_geo__networks_and_connections),
        cmocka_unit_test(test_ingest_geo__finds_what_libmaxminddb_finds),
        cmocka_unit_test(test_ingest_geo__each_corrupt_database_has_its_reason),
        cmocka_unit_test(test_ingest_geo__no_corrupt_database_is_left_out),
        cmocka_unit_test(test_ingest_geo__any_byte_may_be_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
