/*
 * device_test.c - attributes of a device: from user agents, client hints and
 * OpenRTB, each alone and over each other; bots; the cache; two threads on one
 * set of rules.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_house.h"
#include "ingest/device_support.h"
#include "ingest/ingest_support.h"

/* ---- what is found, as text ---- */

/* "type=phone os=iOS/17 browser=Mobile Safari/17 vendor=Apple model=iPhone",
 * "bot " before it, "-" when nothing is known. */
static void put_text(buffer *out, const derived *d, const char *name,
                     muster_derived_attribute which)
{
    if ((d->known & DERIVED_BIT(which)) != 0) {
        buffer_printf(out, "%s%s=", out->len > 0 ? " " : "", name);
        buffer_put_text(out, d->texts[which]);
    }
}

static void put_version(buffer *out, const derived *d,
                        muster_derived_attribute which)
{
    if ((d->known & DERIVED_BIT(which)) != 0)
        buffer_printf(out, "/%lld", (long long)d->numbers[which]);
}

static void put_found(buffer *out, const derived *d, bool bot)
{
    if (bot)
        buffer_put_str(out, "bot");
    put_text(out, d, "type", MUSTER_DEVICE_TYPE);
    put_text(out, d, "os", MUSTER_DEVICE_OS);
    put_version(out, d, MUSTER_DEVICE_OS_VERSION);
    put_text(out, d, "browser", MUSTER_DEVICE_BROWSER);
    put_version(out, d, MUSTER_DEVICE_BROWSER_VERSION);
    put_text(out, d, "vendor", MUSTER_DEVICE_VENDOR);
    put_text(out, d, "model", MUSTER_DEVICE_MODEL);
}

static void derive_one(device_reader *r, const device_input *in, buffer *out)
{
    derived d = {.known = 0};
    bool bot = false;
    const bool known = device_derive(r, in, &d, &bot);
    buffer_clear(out);
    put_found(out, &d, bot);
    assert_int_equal(known, d.known != 0);
    assert_int_equal(d.open, known ? DEVICE_ATTRIBUTES : 0);
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++)
        if ((d.known & DERIVED_BIT(i)) != 0 &&
            !muster_derived_is_number((muster_derived_attribute)i))
            assert_true(derive_text_is_fit(d.texts[i]));
}

typedef struct device_row {
    const char *given; /* a user agent, or a JSON object */
    const char *found;
} device_row;

static void check_row(device_reader *r, const device_row *row)
{
    json_doc *doc = NULL;
    device_input in = {.ua = text_of(row->given)};
    buffer out;
    muster_error err;
    buffer_init(&out, 4096);
    if (row->given[0] == '{') {
        if (json_parse(&doc, row->given, strlen(row->given), JSON_STRICT,
                       &err) != 0)
            fail_msg("%s: %s", row->given, err.message);
        in = device_input_of(doc);
    }
    for (int round = 0; round < 2; round++) {
        derive_one(r, &in, &out);
        if (strcmp(buffer_cstr(&out), row->found) != 0)
            fail_msg("%s\n  %s, not\n  %s", row->given, buffer_cstr(&out),
                     row->found);
    }
    json_free(doc);
    buffer_release(&out);
}

static void check_rows(const device_row *rows, size_t count)
{
    device_reader *r = device_reader_new(rules);
    for (size_t i = 0; i < count; i++)
        check_row(r, &rows[i]);
    device_reader_free(r);
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- user agents ---- */

#define KIT "AppleWebKit/537.36 (KHTML, like Gecko) "
#define PIXEL                                                                  \
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) " KIT                            \
    "Chrome/124.0.0.0 Mobile Safari/537.36"
#define FROZEN                                                                 \
    "Mozilla/5.0 (Linux; Android 10; K) " KIT                                  \
    "Chrome/124.0.0.0 Mobile Safari/537.36"
#define IPHONE                                                                 \
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "                  \
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 "     \
    "Safari/604.1"
#define WINDOWS                                                                \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " KIT                           \
    "Chrome/124.0.0.0 Safari/537.36"
#define TIZEN                                                                  \
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) " KIT                            \
    "SamsungBrowser/2.2 Chrome/63.0.3239.84 TV Safari/537.36"

static void test_ingest_device__user_agents(void **state)
{
    static const device_row rows[] = {
        {"", ""},
        {"x", ""},
        {PIXEL, "type=phone os=Android/14 browser=Chrome Mobile/124 "
                "vendor=Google model=Pixel 7"},
        {FROZEN, "type=phone os=Android/10 browser=Chrome Mobile/124"},
        {IPHONE, "type=phone os=iOS/17 browser=Mobile Safari/17 "
                 "vendor=Apple model=iPhone"},
        {"Mozilla/5.0 (iPad; CPU OS 16_3 like Mac OS X) AppleWebKit/605.1.15 "
         "(KHTML, like Gecko) Version/16.3 Mobile/15E148 Safari/604.1",
         "type=tablet os=iOS/16 browser=Mobile Safari/16 vendor=Apple "
         "model=iPad"},
        {"Mozilla/5.0 (Linux; Android 13; SM-X906C) " KIT
         "Chrome/80.0.3987.119 Safari/537.36",
         "type=tablet os=Android/13 browser=Chrome/80 vendor=Samsung "
         "model=SM-X906C"},
        {"Mozilla/5.0 (Android 13; Tablet; rv:109.0) Gecko/113.0 "
         "Firefox/113.0",
         "type=tablet os=Android/13 browser=Firefox Mobile/113"},
        {"Dalvik/2.1.0 (Linux; U; Android 9; SM-G960F Build/PPR1)",
         "type=phone os=Android/9 browser=Android/9 vendor=Samsung "
         "model=SM-G960F"},
        {WINDOWS, "type=desktop os=Windows/10 browser=Chrome/124"},
        {"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)",
         "type=desktop os=Windows/7 browser=IE/8"},
        {"Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0",
         "type=desktop os=Windows browser=Firefox/52"},
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
         " (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
         "type=desktop os=Mac OS X/10 browser=Safari/17 vendor=Apple "
         "model=Mac"},
        {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " KIT
         "Chrome/124.0.0.0 Safari/537.36",
         "type=desktop os=Chrome OS/14541 browser=Chrome/124"},
        {"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 "
         "Firefox/115.0",
         "type=desktop os=Ubuntu browser=Firefox/115"},
        {TIZEN, "type=tv os=Tizen/5 browser=Samsung Internet/2 vendor=Samsung "
                "model=SMART-TV"},
        {"Mozilla/5.0 (Linux; Android 9; AFTT Build/PS7223; wv) " KIT
         "Version/4.0 Chrome/70.0.3538.110 Mobile Safari/537.36",
         "type=tv os=Android/9 browser=Chrome Mobile WebView/70 model=AFTT"},
        {"Roku/DVP-9.10 (519.10E04111A)",
         "type=tv os=Roku/9 browser=Roku/9"},
        {"AppleTV11,1/11.1", "type=tv os=ATV OS X vendor=Apple model=AppleTV"},
        {"Mozilla/5.0 (PlayStation 5 3.11) AppleWebKit/605.1.15 (KHTML, like "
         "Gecko) Version/13.0 Safari/605.1.15",
         "type=console browser=Safari/13 vendor=Sony model=PlayStation 5"},
        {"Mozilla/5.0 (PlayStation 5/SmartTV) AppleWebKit/605.1.15 (KHTML, "
         "like Gecko) Version/13.0 Safari/605.1.15",
         "type=console browser=Safari/13 vendor=Sony model=PlayStation 5"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) " KIT
         "Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
         "type=console os=Windows/10 browser=Edge/18"},
        {"curl/7.88.1", "type=other browser=curl/7"},
    };
    (void)state;
    CHECK(rows);
}

static void test_ingest_device__bots(void **state)
{
    static const device_row rows[] = {
        {"Mozilla/5.0 (compatible; Googlebot/2.1; "
         "+http://www.google.com/bot.html)",
         "bot type=other browser=Googlebot/2"},
        {"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) " KIT
         "Chrome/124.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; "
         "+http://www.google.com/bot.html)",
         "bot type=other os=Android/6 browser=Googlebot/2"},
    };
    (void)state;
    CHECK(rows);
}

/* What a user agent brings in must be fit for a value: an address of e-mail
 * in the place of a model is left out. */
static void test_ingest_device__unfit_words(void **state)
{
    static const device_row rows[] = {
        {"Mozilla/5.0 (Linux; Android 9; someone@example.org Build/X) " KIT
         "Chrome/70.0.1.2 Mobile Safari/537.36",
         "type=phone os=Android/9 browser=Chrome Mobile/70"},
        {"{\"device\":{\"make\":\"a@example.org\",\"model\":\"\\u0007\","
         "\"os\":\"Android\"}}", "os=Android"},
    };
    (void)state;
    CHECK(rows);
}

/* Nor is a model kept that says which one the device is. */
static void test_ingest_device__no_ids_of_devices(void **state)
{
    static const char *const ids[] = {
        "420GTF012466003504817001294015202413189",
        "One X, Device ID: 98518444cbc28c64ee6902c79a27362, Origin",
        "W1 A4BA5B9A-2CD4-430D-B216-EA57BAF03A15",
        "00:1a:2B:3c:4d:5e",
        "490154203237518",
    };
    static const device_row kept[] = {
        {"{\"device\":{\"make\":\"Xiaomi\",\"model\":\"22041219NY\"}}",
         "vendor=Xiaomi model=22041219NY"},
        {"{\"device\":{\"make\":\"HP\",\"model\":\"Facade-Decade 2\"}}",
         "vendor=HP model=Facade-Decade 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char given[512];
        const device_row hint = {given, "os=Android"};
        snprintf(given, sizeof given,
                 "{\"device\":{\"os\":\"Android\",\"model\":\"%s\"}}",
                 ids[i]);
        check_rows(&hint, 1);
        const device_row agent = {
            given, "type=phone os=Android/9 browser=Chrome Mobile/70"};
        snprintf(given, sizeof given,
                 "Mozilla/5.0 (Linux; Android 9; %s Build/X) " KIT
                 "Chrome/70.0.1.2 Mobile Safari/537.36", ids[i]);
        check_rows(&agent, 1);
    }
    CHECK(kept);
}

/* ---- client hints ---- */

#define CHROME                                                                 \
    "\\\"Chromium\\\";v=\\\"131\\\", \\\"Not_A Brand\\\";v=\\\"24\\\", "       \
    "\\\"Google Chrome\\\";v=\\\"131\\\""

static void test_ingest_device__client_hints(void **state)
{
    static const device_row rows[] = {
        /* Windows 11 is known by hints alone. */
        {"{\"ua\":\"" WINDOWS "\",\"ch\":{\"sec-ch-ua\":\"" CHROME "\","
         "\"sec-ch-ua-mobile\":\"?0\",\"sec-ch-ua-platform\":"
         "\"\\\"Windows\\\"\",\"sec-ch-ua-platform-version\":"
         "\"\\\"15.0.0\\\"\"}}",
         "type=desktop os=Windows/11 browser=Chrome/131"},
        {"{\"ch\":{\"sec-ch-ua-platform\":\"\\\"Windows\\\"\","
         "\"sec-ch-ua-platform-version\":\"\\\"10.0.0\\\"\"}}",
         "os=Windows/10"},
        {"{\"ch\":{\"sec-ch-ua-platform\":\"\\\"Windows\\\"\","
         "\"sec-ch-ua-platform-version\":\"\\\"0.1.0\\\"\"}}", "os=Windows"},
        /* A model names its vendor. */
        {"{\"ua\":\"" FROZEN "\",\"ch\":{\"Sec-CH-UA\":\"" CHROME "\","
         "\"Sec-CH-UA-Mobile\":\"?1\",\"Sec-CH-UA-Platform\":"
         "\"\\\"Android\\\"\",\"Sec-CH-UA-Platform-Version\":"
         "\"\\\"14.0.0\\\"\",\"Sec-CH-UA-Model\":\"\\\"SM-G991B\\\"\"}}",
         "type=phone os=Android/14 browser=Chrome Mobile/131 vendor=Samsung "
         "model=SM-G991B"},
        /* Full versions win; an empty model says nothing. */
        {"{\"ua\":\"" WINDOWS "\",\"ch\":{\"sec-ch-ua-full-version-list\":"
         "\"\\\"Microsoft Edge\\\";v=\\\"130.0.1\\\", \\\"Chromium\\\";v="
         "\\\"130.0.2\\\"\",\"sec-ch-ua\":\"\\\"Microsoft Edge\\\";v="
         "\\\"129\\\"\",\"sec-ch-ua-model\":\"\\\"\\\"\"}}",
         "type=desktop os=Windows/10 browser=Edge/130"},
        /* Decoys in any dress; only some Chromium. */
        {"{\"ua\":\"" WINDOWS " Vivaldi/6.7.33\",\"ch\":{\"sec-ch-ua\":"
         "\"\\\"Not.A/Brand\\\";v=\\\"8\\\", \\\"Chromium\\\";v=\\\"124\\\", "
         "\\\"(Not(A:Brand\\\";v=\\\"99\\\"\"}}",
         "type=desktop os=Windows/10 browser=Vivaldi/6"},
        {"{\"ch\":{\"sec-ch-ua\":\"\\\"Chromium\\\";v=\\\"124\\\"\"}}",
         "browser=Chromium/124"},
        {"{\"ch\":{\"sec-ch-ua\":\"\\\"\\\\\\\\Not\\\\\\\"A Brand\\\";v="
         "\\\"9\\\", \\\"Opera\\\";v=\\\"100\\\"\"}}", "browser=Opera/100"},
        /* A tablet; a television stays one. */
        {"{\"ch\":{\"sec-ch-ua-mobile\":\"?0\",\"sec-ch-ua-platform\":"
         "\"\\\"Android\\\"\"}}", "type=tablet os=Android"},
        {"{\"ua\":\"" TIZEN "\",\"ch\":{\"sec-ch-ua-mobile\":\"?0\","
         "\"sec-ch-ua-platform\":\"\\\"Linux\\\"\"}}",
         "type=tv os=Linux browser=Samsung Internet/2 vendor=Samsung "
         "model=SMART-TV"},
        /* What is malformed is not there. */
        {"{\"ua\":\"" FROZEN "\",\"ch\":{\"sec-ch-ua\":\"Chrome;v=1\","
         "\"sec-ch-ua-mobile\":\"yes\",\"sec-ch-ua-platform\":\"\\\"And\","
         "\"sec-ch-ua-model\":7,\"other\":{\"a\":[1]}}}",
         "type=phone os=Android/10 browser=Chrome Mobile/124"},
        {"{\"ch\":{\"sec-ch-ua\":\"\\\"A\\\";v=\\\"1\\\" \\\"B\\\"\"}}", ""},
        {"{\"ch\":{}}", ""},
    };
    (void)state;
    CHECK(rows);
}

/* ---- OpenRTB ---- */

static void test_ingest_device__openrtb(void **state)
{
    static const device_row rows[] = {
        {"{\"device\":{\"ua\":\"" IPHONE "\",\"ip\":\"203.0.113.9\"}}",
         "type=phone os=iOS/17 browser=Mobile Safari/17 vendor=Apple "
         "model=iPhone"},
        {"{\"device\":{\"devicetype\":5,\"make\":\"Samsung\",\"model\":"
         "\"SM-T510\",\"os\":\"android\",\"osv\":\"11.0\"}}",
         "type=tablet os=Android/11 vendor=Samsung model=SM-T510"},
        {"{\"device\":{\"devicetype\":3.0}}", "type=tv"},
        {"{\"device\":{\"devicetype\":2}}", "type=desktop"},
        {"{\"device\":{\"devicetype\":4}}", "type=phone"},
        {"{\"device\":{\"devicetype\":7}}", "type=tv"},
        {"{\"device\":{\"devicetype\":8}}", "type=other"},
        {"{\"device\":{\"devicetype\":6}}", "type=other"},
        {"{\"device\":{\"devicetype\":1}}", ""},
        {"{\"device\":{\"devicetype\":9,\"os\":7,\"model\":[]}}", ""},
        {"{\"device\":{\"devicetype\":6,\"ua\":\"" TIZEN "\"}}",
         "type=tv os=Tizen/5 browser=Samsung Internet/2 vendor=Samsung "
         "model=SMART-TV"},
        /* A model without its maker. */
        {"{\"device\":{\"os\":\"Android\",\"model\":\"SM-G991B\"}}",
         "os=Android vendor=Samsung model=SM-G991B"},
        {"{\"device\":{\"os\":\"iOS\",\"osv\":\"17.2\",\"model\":"
         "\"iPhone15,2\"}}", "os=iOS/17 vendor=Apple model=iPhone15,2"},
        /* Another system takes the version away; another maker the model. */
        {"{\"device\":{\"os\":\"KaiOS\",\"make\":\"Nokia\",\"ua\":\"" PIXEL
         "\"}}", "type=phone os=KaiOS browser=Chrome Mobile/124 vendor=Nokia"},
        {"{\"device\":{\"os\":\"Android\",\"make\":\"Google\",\"ua\":\"" PIXEL
         "\"}}", "type=phone os=Android/14 browser=Chrome Mobile/124 "
                 "vendor=Google model=Pixel 7"},
        /* ua beside the device wins over the one in it. */
        {"{\"ua\":\"" IPHONE "\",\"device\":{\"ua\":\"" WINDOWS "\"}}",
         "type=phone os=iOS/17 browser=Mobile Safari/17 vendor=Apple "
         "model=iPhone"},
    };
    (void)state;
    CHECK(rows);
}

#define SUA(source)                                                            \
    "\"sua\":{\"browsers\":[{\"brand\":\"Not A;Brand\",\"version\":[\"99\"]}," \
    "{\"brand\":\"Google Chrome\",\"version\":[\"131\",\"0\"]}],"              \
    "\"platform\":{\"brand\":\"Windows\",\"version\":[\"13\",\"0\",\"0\"]},"   \
    "\"mobile\":0,\"architecture\":\"x86\",\"source\":" source "}"

static void test_ingest_device__sua(void **state)
{
    static const char known[] = "type=desktop os=Windows/11 browser=Chrome/131";
    static const device_row rows[] = {
        {"{" SUA("2") "}", known},
        {"{\"ua\":\"" WINDOWS "\"," SUA("2") "}", known},
        {"{\"device\":{\"ua\":\"" WINDOWS "\"," SUA("1") "}}", known},
        /* Parsed of a user agent: we can do that ourselves. */
        {"{\"ua\":\"" WINDOWS "\"," SUA("3") "}",
         "type=desktop os=Windows/10 browser=Chrome/124"},
        {"{" SUA("3") "}", known},
        {"{\"sua\":{\"platform\":{\"brand\":\"Android\",\"version\":[\"14\"]},"
         "\"mobile\":1,\"model\":\"Pixel 7\"}}",
         "type=phone os=Android/14 vendor=Google model=Pixel 7"},
        {"{\"sua\":{\"browsers\":{},\"platform\":[],\"mobile\":\"1\","
         "\"model\":null,\"source\":\"2\"}}", ""},
    };
    (void)state;
    CHECK(rows);
}

/* ---- the cache ---- */

/* Invented models fill cache and texts many times over; what is known stays
 * right. */
static void test_ingest_device__many_models(void **state)
{
    device_reader *r = device_reader_new(rules);
    buffer out;
    char ua[256];
    char wanted[256];
    (void)state;
    buffer_init(&out, 4096);
    for (unsigned i = 0; i < 150000; i++) {
        const unsigned n = i % 3 == 0 ? i / 3000 : i;
        snprintf(ua, sizeof ua,
                 "Mozilla/5.0 (Linux; Android 9; SM-Z%u Build/X) " KIT
                 "Chrome/70.0.1.2 Mobile Safari/537.36", n);
        snprintf(wanted, sizeof wanted,
                 "type=phone os=Android/9 browser=Chrome Mobile/70 "
                 "vendor=Samsung model=SM-Z%u", n);
        const device_input in = {.ua = text_of(ua)};
        derive_one(r, &in, &out);
        assert_string_equal(buffer_cstr(&out), wanted);
    }
    buffer_release(&out);
    device_reader_free(r);
}

/* With all shortcuts and without any. */
static void test_ingest_device__cache_is_plain(void **state)
{
    device_cases all;
    buffer fast;
    buffer plain;
    (void)state;
    if (!device_cases_open(&all, CASES_AGENT,
                           "/usr/share/uap-core/tests/test_ua.yaml"))
        skip();
    device_reader *r = device_reader_new(rules);
    device_reader *twin = device_reader_new(rules);
    device_reader_plain(twin, true, true);
    buffer_init(&fast, 4096);
    buffer_init(&plain, 4096);
    for (size_t i = 0; i < all.count; i++) {
        const device_input in = {.ua = all.items[i].ua};
        derive_one(twin, &in, &plain);
        for (int round = 0; round < 2; round++) {
            derive_one(r, &in, &fast);
            assert_string_equal(buffer_cstr(&fast), buffer_cstr(&plain));
        }
    }
    buffer_release(&fast);
    buffer_release(&plain);
    device_reader_free(r);
    device_reader_free(twin);
    device_cases_close(&all);
}

/* ---- threads ---- */

/* Machine code of the rules is made while others ask. */
static void *read_all(void *payload)
{
    const device_cases *all = payload;
    device_reader *r = device_reader_new(rules);
    size_t known = 0;
    for (size_t i = 0; i < all->count; i++) {
        derived d = {.known = 0};
        bool bot = false;
        const device_input in = {.ua = all->items[i].ua};
        known += device_derive(r, &in, &d, &bot);
    }
    device_reader_free(r);
    return (void *)(uintptr_t)known;
}

static void test_ingest_device__two_readers(void **state)
{
    device_cases all;
    pthread_t other;
    void *known = NULL;
    (void)state;
    if (!device_cases_open(&all, CASES_OS,
                           "/usr/share/uap-core/tests/test_os.yaml"))
        skip();
    device_free(rules);
    assert_int_equal(device_open(&rules, NULL, NULL), 0);
    assert_int_equal(pthread_create(&other, NULL, read_all, &all), 0);
    void *mine = read_all(&all);
    assert_int_equal(pthread_join(other, &known), 0);
    assert_ptr_equal(known, mine);
    assert_true((uintptr_t)mine > all.count / 2);
    device_cases_close(&all);
}

/* ---- records ---- */

static void test_ingest_device__records(void **state)
{
    static const char text[] =
        "{\"ids\":{\"cookie\":\"a\"},\"ua\":\"" IPHONE "\"}\n"
        "{\"ids\":{\"cookie\":\"b\"},\"ua\":\"Googlebot/2.1\"}\n"
        "{\"ids\":{\"cookie\":\"c\"},\"ch\":{\"sec-ch-ua-platform\":"
        "\"\\\"macOS\\\"\"},\"set\":{\"device.os\":\"mine\"}}\n";
    muster_derive_options o = MUSTER_DERIVE_OPTIONS_INIT;
    ingest_options options = test_options(INGEST_NDJSON);
    buffer out;
    (void)state;
    o.ua_regexes = MUSTER_UA_REGEXES;
    options.derive_mask = UINT32_MAX;
    for (int keep = 0; keep < 2; keep++) {
        o.keep_bots = keep == 1;
        assert_int_equal(muster_derive_open(&options.derive, &o, NULL), 0);
        parse_chunk_text(&out, &options, text, sizeof text - 1);
        const char *s = buffer_cstr(&out);
        assert_non_null(strstr(s, "Mobile Safari"));
        assert_int_equal(strstr(s, "reject bot") != NULL, !o.keep_bots);
        assert_int_equal(strstr(s, "value=Googlebot") != NULL ||
                         strstr(s, "Googlebot") != NULL, o.keep_bots);
        assert_non_null(strstr(s, "mine"));
        assert_null(strstr(s, "Mac OS X"));
        assert_null(strstr(s, "like Gecko"));
        buffer_release(&out);
        muster_derive_free(options.derive);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_device__user_agents),
        cmocka_unit_test(test_ingest_device__bots),
        cmocka_unit_test(test_ingest_device__unfit_words),
        cmocka_unit_test(test_ingest_device__no_ids_of_devices),
        cmocka_unit_test(test_ingest_device__client_hints),
        cmocka_unit_test(test_ingest_device__openrtb),
        cmocka_unit_test(test_ingest_device__sua),
        cmocka_unit_test(test_ingest_device__many_models),
        cmocka_unit_test(test_ingest_device__cache_is_plain),
        cmocka_unit_test(test_ingest_device__two_readers),
        cmocka_unit_test(test_ingest_device__records),
    };
    return cmocka_run_group_tests_name("ingest/device", tests, setup,
                                       teardown);
}
