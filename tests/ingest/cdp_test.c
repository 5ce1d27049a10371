/*
 * cdp_test.c - messages of customer data platforms as records: what
 * each kind becomes, which moment it is of, what is left out and how that is
 * told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"

/* 2026-11-22T12:00:00Z */
#define NOW ((muster_time)1795348800)

/* ---- a catalog and what is told ---- */

typedef struct told {
    buffer drops; /* "word pointer\n" of each */
    uint64_t ignored;
} told;

static cdp_attribute find(const void *names, const char *name)
{
    static const struct {
        const char *name;
        cdp_attribute is;
    } known[] = {
        {"plan", {CDP_KIND_ONE_OF, false}},
        {"age", {CDP_KIND_NUMBER, false}},
        {"since", {CDP_KIND_DATE, false}},
        {"vip", {CDP_KIND_FLAG, false}},
        {"tags", {CDP_KIND_MANY_OF, false}},
        {"signed_up", {CDP_KIND_EVENT, true}},
        {"order_completed", {CDP_KIND_EVENT, false}},
        {"order_completed.category", {CDP_KIND_EVENT, false}},
        {"order_completed.email", {CDP_KIND_EVENT, false}},
    };
    (void)names;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].is;
    return (cdp_attribute){CDP_KIND_NONE, false};
}

static void note(void *payload, cdp_reason reason, const char *pointer)
{
    told *t = payload;
    buffer_printf(&t->drops, "%s %s\n", cdp_reason_word(reason), pointer);
}

typedef struct message_case {
    cdp_type type;
    const char *message;
    const char *record;  /* without its newline; "word pointer": refused */
    const char *drops;   /* NULL = none */
    uint64_t ignored;
    bool strict;
    const char *sent_at; /* of the batch */
} message_case;

static void assert_case(const message_case *c)
{
    told t = {.ignored = 0};
    buffer out;
    json_doc *doc = NULL;
    const char *pointer = NULL;
    const cdp_view view = {NOW, c->strict, find, NULL, note, &t};
    buffer_init(&t.drops, 1 << 20);
    buffer_init(&out, 1 << 20);
    buffer_put_str(&out, "before\n");
    assert_int_equal(json_parse(&doc, c->message, strlen(c->message),
                                JSON_STRICT, NULL),
                     0);
    const cdp_reason reason = cdp_translate(
        &view, c->type, json_root(doc),
        c->sent_at != NULL ? text_of(c->sent_at) : text_make(NULL, 0), &out,
        &pointer, &t.ignored);
    buffer want;
    buffer_init(&want, 1 << 20);
    if (c->record[0] == '{')
        buffer_printf(&want, "before\n%s\n", c->record);
    else
        buffer_printf(&want, "before\n%s", c->record);
    if (reason != CDP_OK)
        buffer_printf(&out, "%s %s", cdp_reason_word(reason), pointer);
    if (strcmp(buffer_cstr(&out), buffer_cstr(&want)) != 0 ||
        strcmp(buffer_cstr(&t.drops), c->drops != NULL ? c->drops : "") != 0 ||
        t.ignored != c->ignored)
        fail_msg("%s\nbecame %s\nwanted %s\ndropped %s, ignored %llu",
                 c->message, buffer_cstr(&out), buffer_cstr(&want),
                 buffer_cstr(&t.drops), (unsigned long long)t.ignored);
    buffer_release(&want);
    buffer_release(&out);
    buffer_release(&t.drops);
    json_free(doc);
}

#define ASSERT_CASES(cases)                                                   \
    do {                                                                      \
        for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++)          \
            assert_case(&(cases)[i]);                                         \
    } while (0)

/* type, message, record; then what differs from nothing */
#define IS(type_, ...)                                                        \
    {                                                                         \
        .type = type_, .message = __VA_ARGS__                                 \
    }

#define WHO "\"anonymousId\":\"a1\""
#define IDS "{\"ids\":{\"cookie\":\"a1\"},\"ts\":1795348800"

/* ---- kinds ---- */

static void test_ingest_cdp__kinds_of_messages(void **state)
{
    static const message_case cases[] = {
        IS(CDP_IDENTIFY,
         "{" WHO ",\"userId\":\"u1\",\"traits\":{\"plan\":\"pro\",\"age\":34,"
         "\"vip\":true,\"Home City\":\"Bonn\",\"tags\":[\"a\",\"b\"]}}",
         "{\"ids\":{\"cookie\":\"a1\",\"customer\":\"u1\"},\"ts\":1795348800,"
         "\"set\":{\"plan\":\"pro\",\"age\":34,\"vip\":true,"
         "\"home_city\":\"Bonn\",\"tags\":[\"a\",\"b\"]}}"),
        IS(CDP_IDENTIFY, "{" WHO "}", IDS "}"),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Order Completed\",\"properties\":{"
         "\"revenue\":19.99,\"order_id\":\"o1\",\"category\":\"shoes\"}}",
         IDS ",\"events\":[{\"name\":\"order_completed\",\"amount\":19.99},"
             "{\"name\":\"order_completed.category\",\"value\":\"shoes\"}]}",
         NULL, 1),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Lead\",\"properties\":{\"value\":5}}",
         IDS ",\"events\":[{\"name\":\"lead\",\"amount\":5}]}"),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Lead\",\"properties\":{\"revenue\":\"5\","
         "\"value\":7}}",
         IDS ",\"events\":[{\"name\":\"lead\",\"amount\":7}]}"),
        IS(CDP_PAGE,
         "{" WHO ",\"name\":\"Pricing\",\"properties\":{\"url\":\"x\"}}",
         IDS ",\"events\":[{\"name\":\"page\",\"value\":\"Pricing\"}]}", NULL,
         1),
        IS(CDP_PAGE, "{" WHO ",\"properties\":{\"name\":\"Home\"}}",
         IDS ",\"events\":[{\"name\":\"page\",\"value\":\"Home\"}]}"),
        IS(CDP_PAGE, "{" WHO "}", IDS ",\"events\":[{\"name\":\"page\"}]}"),
        IS(CDP_SCREEN, "{" WHO ",\"name\":\"Cart\"}",
         IDS ",\"events\":[{\"name\":\"screen\",\"value\":\"Cart\"}]}"),
        IS(CDP_GROUP,
         "{" WHO ",\"groupId\":\"g1\",\"traits\":{\"name\":\"Initech\","
         "\"employees\":329,\"phone\":\"1\"}}",
         IDS ",\"add\":{\"group\":\"g1\"},\"set\":{\"group.name\":\"Initech\","
             "\"group.employees\":329}}",
         "pii_suspected /traits/phone\n"),
        IS(CDP_ANY, "{\"type\":\"track\"," WHO ",\"event\":\"X\"}",
         IDS ",\"events\":[{\"name\":\"x\"}]}"),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"X\",\"context\":{\"ip\":\"203.0.113.9\","
         "\"userAgent\":\"Mozilla/5.0\",\"library\":{}}}",
         IDS ",\"ip\":\"203.0.113.9\",\"ua\":\"Mozilla/5.0\","
             "\"events\":[{\"name\":\"x\"}]}"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

static void test_ingest_cdp__what_is_refused_as_a_whole(void **state)
{
    static const message_case cases[] = {
        IS(CDP_ANY, "17", "bad_json "),
        IS(CDP_ANY, "[]", "bad_json "),
        IS(CDP_ANY, "{" WHO "}", "bad_type /type"),
        IS(CDP_ANY, "{\"type\":\"alias\"," WHO "}", "bad_type /type"),
        IS(CDP_ANY, "{\"type\":7," WHO "}", "bad_type /type"),
        IS(CDP_IDENTIFY, "{\"traits\":{\"a\":\"b\"}}", "no_ids "),
        IS(CDP_IDENTIFY, "{\"userId\":\"\"}", "no_ids "),
        IS(CDP_TRACK, "{" WHO "}", "wrong_type /event"),
        IS(CDP_TRACK, "{" WHO ",\"event\":\"\"}", "bad_name /event"),
        IS(CDP_TRACK, "{" WHO ",\"event\":\"99 Bottles\"}", "bad_name /event"),
        IS(CDP_TRACK, "{" WHO ",\"event\":\"a@example.com\"}",
         "pii_suspected /event"),
        IS(CDP_TRACK, "{" WHO ",\"event\":\"Plan\"}", "wrong_kind /event"),
        IS(CDP_TRACK, "{" WHO ",\"event\":\"New One\"}",
         "unknown_attribute /event", NULL, 0, true),
        IS(CDP_PAGE, "{" WHO ",\"timestamp\":\"yesterday\"}",
         "bad_time /timestamp"),
        IS(CDP_PAGE, "{" WHO ",\"timestamp\":1795348800000}",
         "bad_time /timestamp"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

static void test_ingest_cdp__too_long(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 1 << 20);
    buffer_put_str(&b, "{" WHO ",\"traits\":{\"x\":\"");
    for (size_t i = 0; i < CDP_MESSAGE_BYTES_MAX; i++)
        buffer_put_u8(&b, 'x');
    buffer_put_str(&b, "\"}}");
    const message_case c = IS(CDP_IDENTIFY, buffer_cstr(&b), "too_long ");
    assert_case(&c);
    buffer_release(&b);
}

/* ---- ids ---- */

static void test_ingest_cdp__ids(void **state)
{
    static const message_case cases[] = {
        IS(CDP_IDENTIFY, "{\"userId\":97}",
         "{\"ids\":{\"customer\":\"97\"},\"ts\":1795348800}"),
        IS(CDP_IDENTIFY, "{" WHO ",\"userId\":null}", IDS "}"),
        IS(CDP_IDENTIFY, "{" WHO ",\"userId\":\" u1 \"}",
         "{\"ids\":{\"cookie\":\"a1\",\"customer\":\"u1\"},"
         "\"ts\":1795348800}"),
        IS(CDP_IDENTIFY, "{" WHO ",\"userId\":\"jo@example.com\"}", IDS "}",
         "pii_suspected /userId\n"),
        IS(CDP_IDENTIFY, "{\"userId\":\"jo@example.com\"}", "no_ids ",
         "pii_suspected /userId\n"),
        IS(CDP_IDENTIFY, "{" WHO ",\"userId\":true}", IDS "}",
         "wrong_type /userId\n"),
        IS(CDP_IDENTIFY, "{" WHO ",\"userId\":\"a\\nb\"}", IDS "}",
         "bad_value /userId\n"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

/* ---- traits ---- */

static void test_ingest_cdp__traits_that_are_left_out(void **state)
{
    static const message_case cases[] = {
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"email\":\"jo@example.com\",\"plan\":\"pro\","
         "\"firstName\":\"Jo\",\"name\":\"Jo\",\"note\":\"ask jo@example.com\","
         "\"tel\":\"+49 228 1234567\",\"address\":{\"street\":\"x\","
         "\"city\":\"Bonn\"},\"company\":{\"name\":\"Initech\"}}}",
         IDS ",\"set\":{\"plan\":\"pro\",\"address.city\":\"Bonn\","
             "\"company.name\":\"Initech\"}}",
         "pii_suspected /traits/email\npii_suspected /traits/firstName\n"
         "pii_suspected /traits/name\npii_suspected /traits/note\n"
         "pii_suspected /traits/tel\npii_suspected /traits/address/street\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"jo@example.com\":\"x@y.de\","
         "\"1234567890123\":\"a\",\"a1234567890123\":\"\"}}",
         IDS "}",
         "pii_suspected /traits\nbad_name /traits\nbad_value /traits\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"jo@example.com\":1,\"+49 228 1234567\":"
         "true}}",
         IDS "}", "pii_suspected /traits\npii_suspected /traits\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"plan\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}}",
         IDS "}", "wrong_type /traits/plan/a/b/c\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"plan\":true,\"age\":\"old\",\"vip\":\"yes\","
         "\"tags\":7,\"order_completed\":\"x\",\"since\":\"soon\"}}",
         IDS "}",
         "wrong_kind /traits/plan\nwrong_kind /traits/age\n"
         "wrong_kind /traits/vip\nwrong_kind /traits/tags\n"
         "wrong_kind /traits/order_completed\nwrong_kind /traits/since\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"Shoe Size\":\"a\",\"shoe_size\":\"b\"}}",
         IDS ",\"set\":{\"shoe_size\":\"a\"}}",
         "duplicate_key /traits/shoe_size\n"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"plan\":\"a\\u0007b\",\"age\":1e40}}", IDS "}",
         "bad_value /traits/plan\nbad_number /traits/age\n"),
        IS(CDP_IDENTIFY, "{" WHO ",\"traits\":[1]}", IDS "}",
         "wrong_type /traits\n"),
        IS(CDP_IDENTIFY, "{" WHO ",\"traits\":{\"plan\":\"pro\",\"new\":1}}",
         IDS ",\"set\":{\"plan\":\"pro\"}}", "unknown_attribute /traits/new\n",
         0, true),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"tags\":[\"a\",\"b@c.de\",7,\"\"]}}",
         IDS ",\"set\":{\"tags\":[\"a\"]}}",
         "pii_suspected /traits/tags\nwrong_type /traits/tags\n"
         "bad_value /traits/tags\n"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

static void test_ingest_cdp__traits_take_the_known_kind(void **state)
{
    static const message_case cases[] = {
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"plan\":3,\"age\":\"34\",\"tags\":\"one\","
         "\"since\":\"2024-02-29T23:30:00-02:00\"}}",
         IDS ",\"set\":{\"plan\":\"3\",\"age\":34,\"tags\":[\"one\"],"
             "\"since\":\"2024-03-01\"}}"),
        IS(CDP_IDENTIFY,
         "{" WHO ",\"traits\":{\"plan\":null,\"nothing\":null,\"seen\":"
         "\"2026-01-02T03:04:05.678Z\",\"score\":0.30000000000000004}}",
         IDS ",\"set\":{\"plan\":null,\"seen\":\"2026-01-02\",\"score\":0.3}}"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

static void test_ingest_cdp__events_that_are_left_out(void **state)
{
    static const message_case cases[] = {
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Signed Up\",\"properties\":{\"value\":1}}",
         IDS ",\"events\":[{\"name\":\"signed_up\"}]}",
         "no_amount /properties/value\n"),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Order Completed\",\"properties\":{"
         "\"revenue\":-5,\"email\":\"x\",\"category\":[1]}}",
         IDS ",\"events\":[{\"name\":\"order_completed\"}]}",
         "bad_number /properties/revenue\npii_suspected /properties/email\n"
         "wrong_type /properties/category\n"),
        IS(CDP_TRACK,
         "{" WHO ",\"event\":\"Order Completed\",\"properties\":{"
         "\"category\":7,\"Category\":\"x\"}}",
         IDS ",\"events\":[{\"name\":\"order_completed\"},"
             "{\"name\":\"order_completed.category\",\"value\":\"7\"}]}",
         "duplicate_key /properties/Category\n"),
        IS(CDP_PAGE, "{" WHO ",\"name\":\"jo@example.com\"}",
         IDS ",\"events\":[{\"name\":\"page\"}]}", "pii_suspected /name\n"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

/* ---- moments ---- */

#define AT(seconds)                                                           \
    "{\"ids\":{\"cookie\":\"a1\"},\"ts\":" #seconds                           \
    ",\"events\":[{\"name\":\"page\"}]}"

static void test_ingest_cdp__moments(void **state)
{
    static const message_case cases[] = {
        /* NOW is 12:00:00 */
        IS(CDP_PAGE, "{" WHO ",\"timestamp\":\"2026-11-22T11:00:00Z\"}",
         AT(1795345200)),
        IS(CDP_PAGE, "{" WHO ",\"originalTimestamp\":\"2026-11-22T11:00:00Z\"}",
         AT(1795345200)),
        /* the sender's clock is an hour behind */
        IS(CDP_PAGE,
         "{" WHO ",\"timestamp\":\"2026-11-22T10:59:00Z\","
         "\"sentAt\":\"2026-11-22T11:00:00.250Z\"}",
         AT(1795348740)),
        IS(CDP_PAGE,
         "{" WHO ",\"originalTimestamp\":\"2026-11-22T10:59:00+00:00\"}",
         AT(1795348740), NULL, 0, false, "2026-11-22T11:00:00Z"),
        /* a message's own word wins over the batch's */
        IS(CDP_PAGE,
         "{" WHO ",\"timestamp\":\"2026-11-22T10:59:00Z\","
         "\"sentAt\":\"2026-11-22T10:59:10Z\"}",
         AT(1795348790), NULL, 0, false, "2026-11-22T11:00:00Z"),
        /* it was put right before */
        IS(CDP_PAGE,
         "{" WHO ",\"timestamp\":\"2026-11-22T11:30:00Z\","
         "\"originalTimestamp\":\"2026-11-22T09:00:00Z\","
         "\"sentAt\":\"2026-11-22T09:00:01Z\","
         "\"receivedAt\":\"2026-11-22T11:30:01Z\"}",
         AT(1795347000)),
        /* and again where it is said when it was received */
        IS(CDP_PAGE,
         "{" WHO ",\"originalTimestamp\":\"2026-11-22T09:00:00Z\","
         "\"sentAt\":\"2026-11-22T09:00:10Z\","
         "\"receivedAt\":\"2026-11-22T11:30:10Z\"}",
         AT(1795347000)),
        /* sent before it happened */
        IS(CDP_PAGE,
         "{" WHO ",\"timestamp\":\"2026-11-22T11:30:00Z\","
         "\"sentAt\":\"2026-11-22T11:00:00Z\"}",
         AT(1795348800)),
        IS(CDP_PAGE, "{" WHO "}", "bad_time /timestamp", NULL, 0, false,
         "soon"),
        IS(CDP_PAGE, "{" WHO ",\"sentAt\":\"soon\"}", "bad_time /timestamp"),
    };
    (void)state;
    ASSERT_CASES(cases);
}

/* ---- names ---- */

static void test_ingest_cdp__names(void **state)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"Order Completed", "order_completed"},
        {"order_completed", "order_completed"},
        {"Page.View", "page.view"},
        {"$browser", "browser"},
        {"__typename", "typename"},
        {"firstName", "firstname"},
        {"Gr\xc3\xb6\xc3\x9f" "e", "gr__e"},
        {"v1.2 done", "v1_2_done"},
        {"a..b", "a_.b"},
        {"end.", "end_"},
        {"a-b/c", "a_b_c"},
        {"1st", ""},
        {"", ""},
        {"_", ""},
        {"\xe2\x82\xac", ""},
    };
    char out[MUSTER_NAME_BYTES_MAX + 1];
    char longest[MUSTER_NAME_BYTES_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t len = cdp_name(out, text_of(rows[i].name));
        assert_int_equal(len, strlen(rows[i].want));
        if (len > 0)
            assert_string_equal(out, rows[i].want);
    }
    memset(longest, 'x', sizeof longest);
    assert_int_equal(
        cdp_name(out, text_make(longest, MUSTER_NAME_BYTES_MAX)),
        MUSTER_NAME_BYTES_MAX);
    assert_int_equal(
        cdp_name(out, text_make(longest, MUSTER_NAME_BYTES_MAX + 1)), 0);
}

static void test_ingest_cdp__message_ids(void **state)
{
    static const struct {
        const char *message, *want;
    } rows[] = {{"{\"messageId\":\"m1\"}", "m1"},
                {"{\"messageId\":\"\"}", NULL},
                {"{\"messageId\":7}", NULL},
                {"{}", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_doc *doc = NULL;
        muster_text id;
        assert_int_equal(json_parse(&doc, rows[i].message,
                                    strlen(rows[i].message), 0, NULL),
                         0);
        assert_int_equal(cdp_message_id(json_root(doc), &id),
                         rows[i].want != NULL);
        if (rows[i].want != NULL)
            assert_true(text_is(id, rows[i].want));
        json_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_cdp__kinds_of_messages),
        cmocka_unit_test(test_ingest_cdp__what_is_refused_as_a_whole),
        cmocka_unit_test(test_ingest_cdp__too_long),
        cmocka_unit_test(test_ingest_cdp__ids),
        cmocka_unit_test(test_ingest_cdp__traits_that_are_left_out),
        cmocka_unit_test(test_ingest_cdp__traits_take_the_known_kind),
        cmocka_unit_test(test_ingest_cdp__events_that_are_left_out),
        cmocka_unit_test(test_ingest_cdp__moments),
        cmocka_unit_test(test_ingest_cdp__names),
        cmocka_unit_test(test_ingest_cdp__message_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
