/*
 * device_rules_test.c - uap-core's rules: what its own test files ask for;
 * that the filter changes no answer; which texts a pattern cannot match
 * without; files of rules that are refused, each with its line; limits.
 *
 * The test files beside the packaged regexes.yaml must pass whole. Those of
 * shared data belong to a later one, so some of their cases fail. Which, is
 * known for the regexes of uap-core 0.16 and 0.18; and whichever the regexes
 * are, a case that the packaged test files know too must pass.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_house.h"
#include "ingest/device_rules.h"
#include "support/dice.h"

#define PACKAGE "/usr/share/uap-core/"

/* ---- uap-core's own cases ---- */

static const muster_text *words_of(const device_words *w, int kind)
{
    return kind == CASES_AGENT ? w->agent
           : kind == CASES_OS  ? w->os
                               : w->hardware;
}

static bool case_passes(device_matcher *m, int kind, const device_case *c)
{
    device_words words;
    if (matcher_read(m, c->ua, &words) != 0)
        return false;
    for (size_t i = 0; i < DEVICE_PARTS_MAX; i++)
        if (!text_equal(words_of(&words, kind)[i], c->parts[i]))
            return false;
    return true;
}

static const struct {
    int kind;
    const char *path;
    size_t least; /* cases in it */
} package_files[] = {
    {CASES_AGENT, PACKAGE "tests/test_ua.yaml", 1400},
    {CASES_OS, PACKAGE "tests/test_os.yaml", 400},
    {CASES_HARDWARE, PACKAGE "tests/test_device.yaml", 16000},
    {CASES_AGENT, PACKAGE "test_resources/firefox_user_agent_strings.yaml",
     200},
    {CASES_AGENT, PACKAGE "test_resources/opera_mini_user_agent_strings.yaml",
     200},
    {CASES_AGENT, PACKAGE "test_resources/podcasting_user_agent_strings.yaml",
     100},
    {CASES_AGENT, PACKAGE "test_resources/pgts_browser_list.yaml", 12000},
    {CASES_OS, PACKAGE "test_resources/additional_os_tests.yaml", 20},
};
#define PACKAGE_FILES (sizeof package_files / sizeof package_files[0])

static void test_ingest_device_rules__package(void **state)
{
    device_matcher m;
    (void)state;
    matcher_init(&m, rules);
    for (size_t i = 0; i < PACKAGE_FILES; i++) {
        device_cases all;
        if (!device_cases_open(&all, package_files[i].kind,
                               package_files[i].path)) {
            print_message("%s is missing: skipped\n", package_files[i].path);
            matcher_release(&m);
            skip();
        }
        assert_true(all.count >= package_files[i].least);
        for (size_t k = 0; k < all.count; k++)
            if (!case_passes(&m, package_files[i].kind, &all.items[k]))
                fail_msg("%s: case %zu", package_files[i].path, k + 1);
        device_cases_close(&all);
    }
    matcher_release(&m);
}

/* ---- cases of a later uap-core ---- */

/* Failing cases of the shared test files, by the XXH3 of the packaged rules;
 * `which` is the sum of hashes of their user agents. uap-core's reference
 * implementation in JavaScript (uap-ref-impl 0.3.1) was given the rules of 0.16
 * and all these cases: its words are ours, part by part. So they fail for
 * the rules alone: browsers and systems that came later (HIBrowser, Opera GX,
 * HarmonyOS, Darwin 22 to 24, ...). */
static const struct {
    uint64_t rules;
    int kind;
    size_t failing;
    uint64_t which;
} known[] = {
    {0x69d4d68983664190u, CASES_AGENT, 173, 0x9a55be586ed019b0u}, /* 0.16 */
    {0x69d4d68983664190u, CASES_OS, 26, 0xe3e7e04cb39137edu},
    {0xb9e7b4c4b5ee0aafu, CASES_AGENT, 169, 0xe174009a9ce02f2fu}, /* 0.18 */
    {0xb9e7b4c4b5ee0aafu, CASES_OS, 20, 0xf42ff07d4c3aec6fu},
};

static uint64_t hash_of_rules(void)
{
    static char bytes[DEVICE_FILE_BYTES_MAX];
    FILE *f = fopen(MUSTER_UA_REGEXES, "rb");
    assert_non_null(f);
    const size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return hash_bytes(bytes, len);
}

static bool same_case(const device_case *a, const device_case *b)
{
    for (size_t i = 0; i < DEVICE_PARTS_MAX; i++)
        if (!text_equal(a->parts[i], b->parts[i]))
            return false;
    return text_equal(a->ua, b->ua);
}

static bool has_case(const device_cases *all, const device_case *c)
{
    for (size_t i = 0; i < all->count; i++)
        if (same_case(&all->items[i], c))
            return true;
    return false;
}

static void check_known(int kind, size_t failing, uint64_t which)
{
    const uint64_t now = hash_of_rules();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].rules != now || known[i].kind != kind)
            continue;
        assert_int_equal(failing, known[i].failing);
        assert_int_equal(which, known[i].which);
        return;
    }
    print_message("kind %d: %zu cases of a later uap-core fail (%#llx) with "
                  "rules %#llx, of which no list is known\n",
                  kind, failing, (unsigned long long)which,
                  (unsigned long long)now);
}

static void check_later(int kind, const char *name, const char *packaged)
{
    const char *shared = getenv("MUSTER_SHARED");
    char path[4096];
    device_cases later;
    device_cases own;
    device_matcher m;
    size_t failing = 0;
    uint64_t which = 0;
    snprintf(path, sizeof path, "%s/data/uap/%s", shared ? shared : "", name);
    if (!device_cases_open(&later, kind, path) ||
        !device_cases_open(&own, kind, packaged)) {
        print_message("%s or %s is missing: skipped\n", path, packaged);
        skip();
    }
    matcher_init(&m, rules);
    for (size_t i = 0; i < later.count; i++) {
        const device_case *c = &later.items[i];
        if (case_passes(&m, kind, c))
            continue;
        if (has_case(&own, c))
            fail_msg("%s: case %zu is not new and fails", name, i + 1);
        failing++;
        which += hash_bytes(c->ua.ptr, c->ua.len);
    }
    check_known(kind, failing, which);
    matcher_release(&m);
    device_cases_close(&later);
    device_cases_close(&own);
}

static void test_ingest_device_rules__later_agents(void **state)
{
    (void)state;
    check_later(CASES_AGENT, "test_ua.yaml", PACKAGE "tests/test_ua.yaml");
}

static void test_ingest_device_rules__later_systems(void **state)
{
    (void)state;
    check_later(CASES_OS, "test_os.yaml", PACKAGE "tests/test_os.yaml");
}

/* ---- the filter and its twin ---- */

static void assert_same_words(const device_words *a, const device_words *b,
                              size_t number)
{
    for (int kind = 0; kind < DEVICE_KINDS; kind++)
        for (size_t i = 0; i < DEVICE_PARTS_MAX; i++)
            if (!text_equal(words_of(a, kind)[i], words_of(b, kind)[i]))
                fail_msg("case %zu: kind %d, part %zu differs", number, kind,
                         i);
}

static void check_twin(device_matcher *m, device_matcher *twin, muster_text ua,
                       size_t number)
{
    device_words words;
    device_words wanted;
    twin->all = true;
    assert_int_equal(matcher_read(m, ua, &words),
                     matcher_read(twin, ua, &wanted));
    assert_same_words(&words, &wanted, number);
}

static void test_ingest_device_rules__filter_is_all_rules(void **state)
{
    device_matcher m;
    device_matcher twin;
    size_t read = 0;
    (void)state;
    matcher_init(&m, rules);
    matcher_init(&twin, rules);
    for (size_t i = 0; i < PACKAGE_FILES; i++) {
        device_cases all;
        if (!device_cases_open(&all, package_files[i].kind,
                               package_files[i].path))
            continue;
        const size_t step = test_size(2, 1) == 1 || all.count < 2000 ? 1 : 4;
        for (size_t k = 0; k < all.count; k += step, read++)
            check_twin(&m, &twin, all.items[k].ua, k + 1);
        device_cases_close(&all);
    }
    matcher_release(&m);
    matcher_release(&twin);
    if (read == 0)
        skip();
}

/* Pieces of real ones, in other cases of letters and beside each other. */
static void twin_of_seed(uint64_t seed)
{
    device_cases all;
    device_matcher m;
    device_matcher twin;
    random_state r;
    char ua[512];
    random_seed(&r, seed);
    if (!device_cases_open(&all, CASES_HARDWARE,
                           PACKAGE "tests/test_device.yaml"))
        return;
    matcher_init(&m, rules);
    matcher_init(&twin, rules);
    for (size_t k = 0; k < 1000; k++) {
        size_t len = 0;
        while (len < sizeof ua - 100 && !chance(&r, 10)) {
            const muster_text from =
                all.items[dice(&r, (uint32_t)all.count)].ua;
            const size_t at = dice(&r, (uint32_t)from.len);
            const size_t some = 1 + dice(&r, 80);
            const size_t n = some < from.len - at ? some : from.len - at;
            memcpy(ua + len, from.ptr + at, n);
            len += n;
        }
        for (size_t i = 0; i < len && chance(&r, 50); i++)
            ua[i] ^= ua[i] >= 'A' && chance(&r, 20) ? 0x20 : 0;
        check_twin(&m, &twin, text_make(ua, len), k);
    }
    matcher_release(&m);
    matcher_release(&twin);
    device_cases_close(&all);
}

static void test_ingest_device_rules__filter_of_pieces(void **state)
{
    (void)state;
    test_each_seed(twin_of_seed, test_size(3, 200));
}

/* ---- what a pattern cannot match without ---- */

static void put_clauses(buffer *out, const literal_clauses *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        buffer_put_str(out, i > 0 ? " & " : "");
        for (uint32_t k = 0; k < c->sets[i].count; k++) {
            buffer_put_str(out, k > 0 ? "|" : "");
            buffer_put_text(out, c->sets[i].texts[k]);
        }
    }
}

static void test_ingest_device_rules__literals(void **state)
{
    static const char *const rows[][2] = {
        {"Foo", "foo"},
        {"^Foo$", "foo"},
        {"(Foo)/(\\d+)\\.(\\d+)", "foo/"},
        {"Foo|Bar", "foo|bar"},
        {"(?:Foo|Bar)Baz", "foobaz|barbaz"},
        {"Foo(?:Bar|)", "foo"},
        {"Foos?bar", "foosbar|foobar"},
        {"Foo.*Barbar", "barbar & foo"},
        {"[Ff]oo[ab]r", "fooar|foobr"},
        {"[a-z]Foo", "foo"},
        {"[^a]Foo", "foo"},
        {"Fo+bar", "bar & fo"},
        {"(Foo|\\d)Bar", "bar"},
        {"Foo|\\d+", ""},
        {"(?:Foo){2}", "foofoo"},
        {"(?:Foo){2,}x", "foofoo"},
        {"(?:Foo){0,3}Bar", "bar"},
        {"Foo(?!bar)", "foo"},
        {"Foo(?=bar)x", "foox"},
        {"\\bFoo\\b", "foo"},
        {"a\\.b", "a.b"},
        {"\\d\\w\\s", ""},
        {"a", ""},
        /* Not understood. */
        {"Foo\\x41", ""},
        {"Foo\\1", ""},
        {"(?i)Foo", ""},
        {"(?<n>Foo)", ""},
        {"Foo[[:alpha:]]", ""},
        {"Foo{,3}", ""},
        {"(*UTF)Foo", ""},
        {"Foo(", ""},
        {"Foo)", ""},
        {"Foo[", ""},
        {"Foo\\", ""},
    };
    arena memory;
    buffer out;
    (void)state;
    arena_init(&memory);
    buffer_init(&out, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        literal_clauses c;
        buffer_clear(&out);
        literal_find(&memory, text_of(rows[i][0]), &c);
        put_clauses(&out, &c);
        if (strcmp(buffer_cstr(&out), rows[i][1]) != 0)
            fail_msg("%s: %s, not %s", rows[i][0], buffer_cstr(&out),
                     rows[i][1]);
    }
    buffer_release(&out);
    arena_release(&memory);
}

/* The filter against text_contains. */
static void filter_of_seed(uint64_t seed)
{
    char bytes[40][4];
    muster_text texts[40];
    random_state r;
    filter_scan scan;
    random_seed(&r, seed);
    device_filter *f = filter_new(40);
    for (uint32_t i = 0; i < 40; i++) {
        const size_t len = 1 + dice(&r, 4);
        for (size_t k = 0; k < len; k++)
            bytes[i][k] = (char)('a' + dice(&r, 3));
        texts[i] = text_make(bytes[i], len);
        const literal_clauses one = {{{&texts[i], 1}}, 1};
        filter_add(f, i, &one);
    }
    filter_finish(f);
    filter_scan_init(&scan, f);
    for (size_t round = 0; round < 200; round++) {
        char text[24];
        const size_t len = dice(&r, sizeof text);
        for (size_t k = 0; k < len; k++)
            text[k] = (char)('a' + dice(&r, 4));
        filter_read(f, &scan, text_make(text, len));
        for (uint32_t i = 0; i < 40; i++)
            assert_int_equal(scan.candidates[0] >> i & 1,
                             text_contains(text_make(text, len), texts[i]));
    }
    filter_scan_release(&scan);
    filter_free(f);
}

static void test_ingest_device_rules__filter_model(void **state)
{
    (void)state;
    test_each_seed(filter_of_seed, test_size(50, 5000));
}

/* ---- templates ---- */

static void check_parts(const char *yaml, const char *ua,
                        const char *const parts[3])
{
    device_rules *own;
    device_matcher m;
    device_words words;
    muster_error err;
    if (device_open_bytes(&own, yaml, strlen(yaml), &err) != 0)
        fail_msg("%s: %s", yaml, err.message);
    matcher_init(&m, own);
    assert_int_equal(matcher_read(&m, text_of(ua), &words), 0);
    for (size_t i = 0; i < 3; i++)
        if (!text_equal(words.hardware[i], text_of(parts[i])))
            fail_msg("%s: part %zu is %.*s", yaml, i,
                     (int)words.hardware[i].len, words.hardware[i].ptr);
    matcher_release(&m);
    device_free(own);
}

static void test_ingest_device_rules__templates(void **state)
{
    static const struct {
        const char *rule;
        const char *ua;
        const char *parts[3];
    } rows[] = {
        {"regex: 'x(a)'", "xa", {"a", NULL, "a"}},
        {"regex: 'x(a)'", "y", {"Other", NULL, NULL}},
        {"regex: 'X(a)'", "xa", {"Other", NULL, NULL}},
        {"regex: 'X(a)', regex_flag: 'i'", "xA", {"A", NULL, "A"}},
        {"regex: 'x(a)(b)?', device_replacement: '$2 $1 $2'", "xa",
         {"a", NULL, "a"}},
        {"regex: '(.)(.)(.)(.)(.)(.)(.)(.)(.)', brand_replacement: '$9$10$1',"
         " model_replacement: '$0$'",
         "abcdefghi", {"a", "ia0a", "$0$"}},
        {"regex: '(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)', brand_replacement: "
         "'$9'", "abcdefghijk", {"a", "i", "a"}},
        {"regex: 'x( *a *)', brand_replacement: ' $1 '", "x  a  ",
         {"a", "a", "a"}},
        {"regex: 'x( *)', device_replacement: '$1'", "x ",
         {"Other", NULL, NULL}},
        {"regex: 'x$'", "x", {"Other", NULL, NULL}},
        /* Half a character at an end is cut. */
        {"regex: 'x(.)'", "x\xc3\xa9", {"Other", NULL, NULL}},
        {"regex: 'x(.*)'", "x\xc3\xa9", {"\xc3\xa9", NULL, "\xc3\xa9"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, "{device_parsers: [{%s}]}", rows[i].rule);
        check_parts(yaml, rows[i].ua, rows[i].parts);
    }
}

static void test_ingest_device_rules__first_wins(void **state)
{
    (void)state;
    check_parts("other: [{a: [b]}]\n"
                "device_parsers:\n"
                "  - {regex: 'abc', device_replacement: one, debug: {x: []}}\n"
                "  - {regex: '(b)', device_replacement: two}\n",
                "xabcx", (const char *const[3]){"one", NULL, NULL});
}

/* ---- files that are refused ---- */

static void assert_refused(const char *yaml, int code, const char *message)
{
    device_rules *own;
    muster_error err;
    error_clear(&err);
    const int rc = device_open_bytes(&own, yaml, strlen(yaml), &err);
    if (rc != code || strstr(err.message, message) == NULL)
        fail_msg("%.60s: %d, %s", yaml, rc, err.message);
    assert_null(own);
}

static void test_ingest_device_rules__refused(void **state)
{
    static const struct {
        const char *yaml;
        const char *message;
    } rows[] = {
        {"", "nothing in it"},
        {"a", "map was expected"},
        {"{}", "no rules"},
        {"os_parsers: []", "no rules"},
        {"os_parsers: {}", "line 1: a list was expected"},
        {"os_parsers:\n- a", "line 2: a rule was expected"},
        {"os_parsers:\n- {}", "line 2: a rule without a regex"},
        {"os_parsers:\n- {regex: []}", "line 2: a text was expected"},
        {"os_parsers:\n- {[a]: b}", "line 2: the name of a member"},
        {"os_parsers:\n- {regex: '(a'}", "line 2: missing closing paren"},
        {"os_parsers:\n- {regex: b}\n- regex: '(*UTF)a'\n",
         "line 3: the regex begins with a verb"},
        {"os_parsers:\n- {regex: a, regex_flag: x}", "the only regex_flag"},
        {"os_parsers:\n- {regex: \"a\\0b\"}", "zero byte"},
        {"os_parsers: [{regex: a}]\nos_parsers: [{regex: b}]", "stands twice"},
        {"a: &x [b]\nc: *x", "line 2: aliases"},
        {"os_parsers: [", "line 2: "},
        {"\xff\xff", "line 1"},
        {"[a]: b", "name of a list"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].yaml, MUSTER_ECORRUPT, rows[i].message);
}

static void test_ingest_device_rules__missing_file(void **state)
{
    device_rules *own;
    muster_error err;
    (void)state;
    assert_int_equal(device_open(&own, "/nowhere/regexes.yaml", &err),
                     MUSTER_EIO);
    assert_string_equal(err.word, "read_failed");
    assert_int_equal(device_open(&own, "/", &err), MUSTER_EIO);
    assert_null(own);
}

/* ---- limits ---- */

static void put_many(buffer *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_put_str(b, text);
}

static void test_ingest_device_rules__limits(void **state)
{
    buffer b;
    device_rules *own;
    (void)state;
    buffer_init(&b, (size_t)64 << 20);
    /* The longest pattern, one more; the most rules, one more; the file. */
    for (size_t more = 0; more < 2; more++) {
        buffer_clear(&b);
        buffer_put_str(&b, "os_parsers:\n- regex: ");
        put_many(&b, "a", DEVICE_PATTERN_BYTES_MAX + more);
        if (more == 0) {
            assert_int_equal(device_open_bytes(&own, (char *)b.data, b.len,
                                               NULL), 0);
            device_free(own);
        } else {
            assert_refused(buffer_cstr(&b), MUSTER_ECORRUPT, "too long");
        }
        buffer_clear(&b);
        buffer_put_str(&b, "os_parsers:\n");
        put_many(&b, "- {regex: ab}\n", DEVICE_RULES_MAX + more);
        if (more == 0) {
            assert_int_equal(device_open_bytes(&own, (char *)b.data, b.len,
                                               NULL), 0);
            assert_int_equal(device_rule_count(own), DEVICE_RULES_MAX);
            device_free(own);
        } else {
            assert_refused(buffer_cstr(&b), MUSTER_ELIMIT, "rules");
        }
    }
    buffer_clear(&b);
    buffer_put_str(&b, "os_parsers: [{regex: a}]\n");
    put_many(&b, "#\n", DEVICE_FILE_BYTES_MAX / 2);
    assert_refused(buffer_cstr(&b), MUSTER_ELIMIT, "bytes");
    buffer_release(&b);
}

/* More texts than the filter's table has room for: the rest is tried always,
 * and nothing is missed. */
static void test_ingest_device_rules__filter_is_full(void **state)
{
    buffer b;
    device_rules *own;
    device_matcher m;
    device_words words;
    (void)state;
    buffer_init(&b, (size_t)8 << 20);
    buffer_put_str(&b, "os_parsers:\n");
    for (unsigned i = 0; i < 8000; i++)
        buffer_printf(&b, "- {regex: '(%08x%08x)'}\n", i * 2654435761u, i);
    assert_int_equal(device_open_bytes(&own, (char *)b.data, b.len, NULL), 0);
    matcher_init(&m, own);
    for (unsigned i = 0; i < 8000; i += 199) {
        char ua[64];
        snprintf(ua, sizeof ua, "<%08x%08x>", i * 2654435761u, i);
        assert_int_equal(matcher_read(&m, text_of(ua), &words), 0);
        assert_int_equal(words.os[0].len, 16);
    }
    matcher_release(&m);
    device_free(own);
    buffer_release(&b);
}

static void test_ingest_device_rules__hostile(void **state)
{
    static const char yaml[] = "os_parsers: [{regex: '(a+)+[bc]'}]";
    device_rules *own;
    device_matcher m;
    device_words words;
    char ua[DEVICE_UA_BYTES_MAX + 1];
    (void)state;
    memset(ua, 'a', sizeof ua);
    assert_int_equal(device_open_bytes(&own, yaml, strlen(yaml), NULL), 0);
    matcher_init(&m, own);
    assert_int_equal(matcher_read(&m, text_make(ua, 60), &words),
                     MUSTER_ELIMIT);
    assert_null(words.os[0].ptr);
    matcher_release(&m);
    device_free(own);

    matcher_init(&m, rules);
    assert_int_equal(matcher_read(&m, text_make(ua, sizeof ua - 1), &words), 0);
    assert_true(text_is(words.os[0], "Other"));
    assert_int_equal(matcher_read(&m, text_make(ua, sizeof ua), &words),
                     MUSTER_ELIMIT);
    matcher_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_device_rules__package),
        cmocka_unit_test(test_ingest_device_rules__later_agents),
        cmocka_unit_test(test_ingest_device_rules__later_systems),
        cmocka_unit_test(test_ingest_device_rules__filter_is_all_rules),
        cmocka_unit_test(test_ingest_device_rules__filter_of_pieces),
        cmocka_unit_test(test_ingest_device_rules__literals),
        cmocka_unit_test(test_ingest_device_rules__filter_model),
        cmocka_unit_test(test_ingest_device_rules__templates),
        cmocka_unit_test(test_ingest_device_rules__first_wins),
        cmocka_unit_test(test_ingest_device_rules__refused),
        cmocka_unit_test(test_ingest_device_rules__missing_file),
        cmocka_unit_test(test_ingest_device_rules__limits),
        cmocka_unit_test(test_ingest_device_rules__filter_is_full),
        cmocka_unit_test(test_ingest_device_rules__hostile),
    };
    return cmocka_run_group_tests_name("ingest/device_rules", tests, setup,
                                       teardown);
}
