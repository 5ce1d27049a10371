/*
 * derive_test.c - what a record brings becomes facts of it: what wins, what
 * is cleared, what is left alone; the same in every format.
 *
 * The database is the test's own: 192.0.2.0/24 has country and city,
 * 198.51.100.0/24 a country alone, 203.0.113.0/24 a connection, a network and
 * values that do not fit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/mmdb_writer.h"

typedef struct world {
    char path[4096];
    muster_derive *derive;
} world;

static void put_networks(mmdb_writer *w)
{
    const uint32_t full =
        mmdb_flat(w, "country_code", "DE", "city", "Berlin");
    mmdb_network(w, "192.0.2.0", 24, full);
    mmdb_network(w, "2001:db8::", 32, full);
    mmdb_network(w, "198.51.100.0", 24,
                 mmdb_flat(w, "country_code", "AT", NULL, NULL));
    const uint32_t odd = mmdb_record(w);
    mmdb_map(w, 5);
    mmdb_text(w, "country_code");
    mmdb_text(w, "ZZ");
    mmdb_text(w, "city");
    mmdb_text(w, "someone@example.com");
    mmdb_text(w, "postcode");
    mmdb_text(w, "");
    mmdb_text(w, "connection_type");
    mmdb_text(w, "Cable/DSL ");
    mmdb_text(w, "autonomous_system_number");
    mmdb_uint32(w, 64500);
    mmdb_network(w, "203.0.113.0", 24, odd);
}

static void save_database(const world *own, const char *type)
{
    mmdb_writer *w = mem_alloc(sizeof *w);
    buffer bytes;
    buffer_init(&bytes, (size_t)1 << 20);
    mmdb_begin(w, true);
    put_networks(w);
    mmdb_end(w, type, 1700000000, &bytes);
    assert_true(mmdb_save(own->path, &bytes));
    buffer_release(&bytes);
    mem_free(w);
}

static int open_world(void **state)
{
    world *own = mem_zalloc(sizeof *own);
    const char *folder = getenv("TMPDIR");
    const char *path = own->path;
    muster_error err;
    snprintf(own->path, sizeof own->path, "%s/derive-%ld.mmdb",
             folder ? folder : "/tmp", (long)clock_monotonic_ns());
    save_database(own, "Test City");
    muster_derive_options options = MUSTER_DERIVE_OPTIONS_INIT;
    options.geo = &path;
    options.geo_count = 1;
    if (muster_derive_open(&own->derive, &options, &err) != 0)
        fail_msg("%s", err.message);
    *state = own;
    return 0;
}

static int close_world(void **state)
{
    world *own = *state;
    muster_derive_free(own->derive);
    remove(own->path);
    mem_free(own);
    return 0;
}

static ingest_options deriving(const world *own, ingest_format format)
{
    ingest_options o = test_options(format);
    o.derive = own->derive;
    o.derive_mask = UINT32_MAX;
    return o;
}

/* The facts of one record, without the line of the record itself. */
static void expect_facts(const ingest_options *options, const char *text,
                         const char *wanted)
{
    buffer out;
    parse_chunk_text(&out, options, text, strlen(text));
    const char *facts = strchr(buffer_cstr(&out), '\n');
    assert_non_null(facts);
    assert_string_equal(facts + 1, wanted);
    buffer_release(&out);
}

static void expect_json(const world *own, const char *members,
                        const char *wanted)
{
    char text[1024];
    const ingest_options o = deriving(own, INGEST_NDJSON);
    snprintf(text, sizeof text, "{\"ids\":{\"cookie\":\"a\"},%s}", members);
    expect_facts(&o, text, wanted);
}

/* In the order of the list: country, city, postal, connection, network. */
#define BERLIN                                                                 \
    "  set attribute=geo.country value=DE\n"                                   \
    "  set attribute=geo.city value=Berlin\n"                                  \
    "  clear attribute=net.connection\n"                                       \
    "  clear attribute=geo.asn\n"

static void test_ingest_derive__an_address_becomes_facts(void **state)
{
    expect_json(*state, "\"ip\":\"192.0.2.77\"", BERLIN);
    expect_json(*state, "\"ip\":\"::ffff:192.0.2.77\"", BERLIN);
    expect_json(*state, "\"ip\":\"2001:db8:1:2::3\"", BERLIN);
}

static void test_ingest_derive__what_is_not_known_is_cleared(void **state)
{
    expect_json(*state, "\"ip\":\"198.51.100.9\"",
                "  set attribute=geo.country value=AT\n"
                "  clear attribute=geo.city\n"
                "  clear attribute=net.connection\n"
                "  clear attribute=geo.asn\n");
}

static void test_ingest_derive__unfit_values_are_left_out(void **state)
{
    expect_json(*state, "\"ip\":\"203.0.113.9\"",
                "  clear attribute=geo.country\n"
                "  clear attribute=geo.city\n"
                "  set attribute=net.connection value=cable_dsl\n"
                "  number attribute=geo.asn number=645000000\n");
}

static void test_ingest_derive__what_is_not_found_says_nothing(void **state)
{
    expect_json(*state, "\"ip\":\"10.1.2.3\"", "");
    expect_json(*state, "\"ip\":\"nonsense\"", "");
    expect_json(*state, "\"ip\":\"\"", "");
    expect_json(*state, "\"ua\":\"192.0.2.77\"", "");
}

static void test_ingest_derive__what_the_record_says_wins(void **state)
{
    expect_json(*state, "\"ip\":\"192.0.2.77\",\"set\":{\"geo.city\":\"Bonn\"}",
                "  set attribute=geo.city value=Bonn\n"
                "  set attribute=geo.country value=DE\n"
                "  clear attribute=net.connection\n"
                "  clear attribute=geo.asn\n");
    expect_json(*state, "\"ip\":\"192.0.2.77\",\"clear\":[\"geo.country\"],"
                        "\"set\":{\"geo.asn\":7,\"net.connection\":null}",
                "  clear attribute=geo.country\n"
                "  number attribute=geo.asn number=70000\n"
                "  clear attribute=net.connection\n"
                "  set attribute=geo.city value=Berlin\n");
    expect_json(*state, "\"ip\":\"192.0.2.77\",\"add\":{\"geo.city\":[\"X\"]},"
                        "\"remove\":{\"geo.country\":[\"AT\"]}",
                "  remove attribute=geo.country value=AT\n"
                "  add attribute=geo.city value=X\n"
                "  set attribute=geo.country value=DE\n"
                "  clear attribute=net.connection\n"
                "  clear attribute=geo.asn\n");
    expect_json(*state, "\"ts\":0,\"ip\":\"198.51.100.9\","
                        "\"events\":[{\"name\":\"geo.city\"}]",
                "  event attribute=geo.city ts=0 count=1\n"
                "  set attribute=geo.country value=AT\n"
                "  clear attribute=net.connection\n"
                "  clear attribute=geo.asn\n");
}

static void test_ingest_derive__a_device_brings_its_address(void **state)
{
    expect_json(*state, "\"device\":{\"ip\":\"192.0.2.1\"},\"ip\":\"\"",
                BERLIN);
    expect_json(*state, "\"device\":{\"ip\":\"\",\"ipv6\":\"2001:db8::1\"}",
                BERLIN);
    expect_json(*state, "\"device\":{\"ip\":\"192.0.2.1\",\"geo\":{}}", BERLIN);
    expect_json(*state, "\"device\":{\"ipv6\":\"2001:db8::1\"}", BERLIN);
    expect_json(*state, "\"device\":{\"ip\":\"192.0.2.1\"},"
                        "\"ip\":\"10.0.0.1\"", "");
    expect_json(*state, "\"device\":{\"ip\":7},\"sua\":{},\"ch\":{}", "");
}

static void test_ingest_derive__only_what_the_catalog_takes(void **state)
{
    muster_error err;
    catalog *c = catalog_new();
    ingest_options o = deriving(*state, INGEST_NDJSON);
    catalog_attribute def = catalog_attribute_default(KIND_MANY_OF);
    assert_int_equal(derive_mask_of(c), (1u << MUSTER_DERIVED_COUNT) - 1);
    assert_int_equal(
        catalog_attribute_put(c, text_of("geo.city"), &def, NULL, &err), 0);
    def = catalog_attribute_default(KIND_NUMBER);
    def.unit_date = true;
    assert_int_equal(
        catalog_attribute_put(c, text_of("geo.asn"), &def, NULL, &err), 0);
    o.derive_mask = derive_mask_of(c);
    const char *text = "{\"ids\":{\"cookie\":\"a\"},\"ip\":\"192.0.2.77\"}";
    expect_facts(&o, text, "  set attribute=geo.country value=DE\n"
                           "  clear attribute=net.connection\n");
    catalog_set_strict(c, true);
    o.derive_mask = derive_mask_of(c);
    expect_facts(&o, text, "");
    catalog_free(c);
}

/* Invented models do not take the last values of an attribute. */
static void test_ingest_derive__a_full_attribute_is_left_alone(void **state)
{
    const uint32_t bit = UINT32_C(1) << MUSTER_DEVICE_MODEL;
    const catalog_attribute *a = NULL;
    catalog_attribute def = catalog_attribute_default(KIND_ONE_OF);
    muster_error err;
    catalog *c = catalog_new();
    char value[16];
    (void)state;
    assert_int_equal(catalog_attribute_put(c, text_of("device.model"), &def,
                                           &a, &err), 0);
    assert_int_not_equal(derive_mask_of(c) & bit, 0);
    const uint32_t model = a->id;
    for (unsigned i = 0; i < MUSTER_VALUES_MAX / 10 * 9; i++) {
        const int len = snprintf(value, sizeof value, "m%u", i);
        (void)catalog_value_intern(c, model, text_make(value, (size_t)len));
        if (i % 100000 == 0)
            assert_int_not_equal(derive_mask_of(c) & bit, 0);
    }
    assert_int_equal(catalog_value_count(c, model), MUSTER_VALUES_MAX / 10 * 9);
    assert_int_equal(derive_mask_of(c) & bit, 0);
    catalog_free(c);
}

static void test_ingest_derive__csv_has_columns_for_it(void **state)
{
    const ingest_options o = deriving(*state, INGEST_CSV);
    expect_facts(&o, "ip,ids.cookie,ua,set.geo.city\n192.0.2.77,a,x,\n",
                 BERLIN);
    expect_facts(&o, "ip,ids.cookie,set.geo.city\n192.0.2.77,a,Bonn\n",
                 "  text attribute=geo.city value=Bonn\n"
                 "  set attribute=geo.country value=DE\n"
                 "  clear attribute=net.connection\n"
                 "  clear attribute=geo.asn\n");
    expect_facts(&o, "ip,ids.cookie\n,a\n", "");
}

/* A record that is full gets none, rather than some or a refusal. */
static void test_ingest_derive__a_full_record_gets_none(void **state)
{
    const ingest_options o = deriving(*state, INGEST_NDJSON);
    fact_batch *b = NULL;
    muster_error err;
    buffer text;
    buffer_init(&text, (size_t)1 << 20);
    buffer_put_str(&text, "{\"ids\":{\"cookie\":\"a\"},\"ip\":\"192.0.2.77\","
                          "\"add\":{\"x\":[");
    for (unsigned i = 0; i < MUSTER_RECORD_FACTS_MAX; i++)
        buffer_printf(&text, "%s\"v%u\"", i > 0 ? "," : "", i);
    buffer_put_str(&text, "]}}");
    assert_int_equal(ingest_parse_chunk(&o, (const char *)text.data, text.len,
                                        &b, &err), 0);
    assert_int_equal(b->record_count, 1);
    assert_int_equal(b->reject_count, 0);
    fact_batch_free(b);
    buffer_release(&text);
}

static void test_ingest_derive__new_members_are_objects(void **state)
{
    const ingest_options plain = test_options(INGEST_NDJSON);
    static const char *const names[] = {"sua", "ch", "device"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/%s", names[i]);
        snprintf(text, sizeof text, "{\"ids\":{\"cookie\":\"a\"},\"%s\":1}",
                 names[i]);
        assert_refused(&plain, text, strlen(text), INGEST_WRONG_TYPE, pointer);
        snprintf(text, sizeof text,
                 "{\"ids\":{\"cookie\":\"a\"},\"%s\":{\"x\":[{\"y\":1,"
                 "\"y\":2}]}}",
                 names[i]);
        assert_refused(&plain, text, strlen(text), INGEST_DUPLICATE_KEY,
                       pointer);
        snprintf(text, sizeof text, "{\"ids\":{\"cookie\":\"a\"},\"%s\":{}}",
                 names[i]);
        expect_facts(&plain, text, "");
    }
}

static void test_ingest_derive__a_batch_names_its_sources(void **state)
{
    const ingest_options o = deriving(*state, INGEST_NDJSON);
    const char *text = "{\"ids\":{\"cookie\":\"a\"}}";
    fact_batch *b = NULL;
    muster_error err;
    assert_int_equal(ingest_parse_chunk(&o, text, strlen(text), &b, &err), 0);
    assert_int_equal(b->source_count, 1);
    assert_string_equal(b->sources[0].kind, "geo");
    assert_string_equal(b->sources[0].type, "Test_City");
    assert_int_equal(b->sources[0].built, 1700000000);
    fact_batch_free(b);
}

/* Copies of databases in memory. */
static size_t count_copies(void)
{
    char line[4200];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "memfd:muster-geo") != NULL;
    fclose(maps);
    return count;
}

/* Derivers that nobody uses let go of what was replaced, whether they were
 * given back before or after. */
static void test_ingest_derive__spare_ones_hold_no_old_database(void **state)
{
    world *own = *state;
    const size_t before = count_copies();
    muster_deriver *early = muster_deriver_new(own->derive);
    muster_deriver *late = muster_deriver_new(own->derive);
    assert_true(before > 0);
    muster_deriver_free(early);
    save_database(own, "Test City Again");
    assert_int_equal(muster_derive_refresh(own->derive), 1);
    assert_true(count_copies() > before); /* `late` still reads it */
    muster_deriver_free(late);
    assert_int_equal(count_copies(), before);
    early = muster_deriver_new(own->derive);
    late = muster_deriver_new(own->derive);
    muster_deriver_free(early);
    muster_deriver_free(late);
    save_database(own, "Test City");
    assert_int_equal(muster_derive_refresh(own->derive), 1);
    assert_int_equal(count_copies(), before);
}

static void test_ingest_derive__bad_options_are_refused(void **state)
{
    muster_derive *d = NULL;
    muster_error err;
    muster_derive_options options = MUSTER_DERIVE_OPTIONS_INIT;
    const char *missing = "/nonexistent/x.mmdb";
    (void)state;
    options.geo_count = MUSTER_DERIVE_GEO_MAX + 1;
    assert_int_equal(muster_derive_open(&d, &options, &err), MUSTER_EINVAL);
    options.geo_count = 1;
    options.geo = &missing;
    assert_int_equal(muster_derive_open(&d, &options, &err), MUSTER_EIO);
    options.size = 1;
    assert_int_equal(muster_derive_open(&d, &options, &err), MUSTER_EINVAL);
    assert_null(d);
    muster_derive_free(NULL);
}

int main(void)
{
#define WORLD_TEST(f)                                                          \
    cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_ingest_derive__an_address_becomes_facts),
        WORLD_TEST(test_ingest_derive__what_is_not_known_is_cleared),
        WORLD_TEST(test_ingest_derive__unfit_values_are_left_out),
        WORLD_TEST(test_ingest_derive__what_is_not_found_says_nothing),
        WORLD_TEST(test_ingest_derive__what_the_record_says_wins),
        WORLD_TEST(test_ingest_derive__a_device_brings_its_address),
        WORLD_TEST(test_ingest_derive__only_what_the_catalog_takes),
        cmocka_unit_test(test_ingest_derive__a_full_attribute_is_left_alone),
        WORLD_TEST(test_ingest_derive__csv_has_columns_for_it),
        WORLD_TEST(test_ingest_derive__a_full_record_gets_none),
        WORLD_TEST(test_ingest_derive__new_members_are_objects),
        WORLD_TEST(test_ingest_derive__a_batch_names_its_sources),
        WORLD_TEST(test_ingest_derive__spare_ones_hold_no_old_database),
        WORLD_TEST(test_ingest_derive__bad_options_are_refused),
    };
#undef WORLD_TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
