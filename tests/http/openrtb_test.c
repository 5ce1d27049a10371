/*
 * openrtb_test.c - bid requests: what forbids, whose ids they bring, and our
 * entry in user.data with every other byte as it was.
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
#include "openrtb_twin.h"
#include "support/dice.h"

static openrtb read_bid(const char *text)
{
    openrtb bid;
    muster_error err;
    if (openrtb_read(&bid, text_of(text), &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return bid;
}

/* ---- consent ---- */

/* `text` is `form` with `member` for its $. */
static void put_at(char *text, size_t size, const char *form,
                   const char *member)
{
    const char *gap = strchr(form, '$');
    snprintf(text, size, "%.*s%s%s", (int)(gap - form), form, member, gap + 1);
}

static void test_http_openrtb__signals_in_both_places(void **state)
{
    static const struct {
        const char *member;
        bool forbids;
    } cases[] = {
        {"\"coppa\":0", false},
        {"\"coppa\":1", true},
        {"\"coppa\":null", false},
        {"\"coppa\":false", false},
        {"\"coppa\":true", true},
        {"\"coppa\":\"1\"", true},
        {"\"coppa\":\"0\"", false},
        {"\"coppa\":\"\"", false},
        {"\"coppa\":\"no\"", true},
        {"\"coppa\":2", true},
        {"\"coppa\":-1", true},
        {"\"coppa\":1.0", true},
        {"\"coppa\":1e0", true},
        {"\"coppa\":{}", true},
        {"\"coppa\":[]", true},
        {"\"c\\u006fppa\":1", true},
        {"\"coppa\":0,\"coppa\":1", true},
        {"\"coppa\":1,\"coppa\":0", true},
        {"\"gdpr\":0", false},
        {"\"gdpr\":1", true},
        {"\"gdpr\":\"1\"", true},
        {"\"gdpr\":true", true},
        {"\"gpc\":\"1\"", true},
        {"\"gpc\":1", true},
        {"\"gpc\":true", true},
        {"\"gpc\":\"0\"", false},
        {"\"gpc\":\"\"", false},
        {"\"gpc\":null", false},
        {"\"gpp\":\"DBABTA~1YNN\"", true},
        {"\"gpp\":\"x\"", true},
        {"\"gpp\":\"\"", false},
        {"\"gpp\":null", false},
        {"\"gpp\":0", true},
        {"\"gpp_sid\":[7]", true},
        {"\"gpp_sid\":[-1]", true},
        {"\"gpp_sid\":[]", false},
        {"\"gpp_sid\":null", false},
        {"\"gpp_sid\":7", true},
        {"\"gpp_sid\":\"7\"", true},
        {"\"us_privacy\":\"1YNN\"", false},
        {"\"us_privacy\":\"1---\"", false},
        {"\"us_privacy\":\"1NNY\"", false},
        {"\"us_privacy\":\"1yn-\"", false},
        {"\"us_privacy\":\"\"", false},
        {"\"us_privacy\":null", false},
        {"\"us_privacy\":\"1YYN\"", true},
        {"\"us_privacy\":\"1NYN\"", true},
        {"\"us_privacy\":\"1-Y-\"", true},
        {"\"us_privacy\":\"1yyn\"", true},
        {"\"us_privacy\":\"2YNN\"", true},
        {"\"us_privacy\":\"1YN\"", true},
        {"\"us_privacy\":\"1YNNN\"", true},
        {"\"us_privacy\":\"1XNN\"", true},
        {"\"us_privacy\":\"1YN\\u0000\"", true},
        {"\"us_privacy\":1", true},
        {"\"other\":1", false},
    };
    static const char *const places[] = {
        "{\"regs\":{$}}",
        "{\"regs\":{\"ext\":{$}}}",
        "{\"regs\":{\"ext\":{},\"ext\":{$}}}",
        "{\"regs\":{},\"regs\":{$}}",
        "{\"r\\u0065gs\":{$}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            char text[256];
            put_at(text, sizeof text, places[k], cases[i].member);
            openrtb bid = read_bid(text);
            if (openrtb_forbids(&bid) != cases[i].forbids)
                fail_msg("%s: %d", text, !cases[i].forbids);
            openrtb_release(&bid);
        }
}

static void test_http_openrtb__other_signals(void **state)
{
    static const struct {
        const char *text;
        bool forbids;
    } cases[] = {
        {"{}", false},
        {"{\"regs\":null}", false},
        {"{\"regs\":{}}", false},
        {"{\"regs\":{\"ext\":null}}", false},
        {"{\"regs\":1}", true},
        {"{\"regs\":[]}", true},
        {"{\"regs\":{\"ext\":\"gpc\"}}", true},
        {"{\"user\":{\"consent\":\"CPc\"}}", true},
        {"{\"user\":{\"ext\":{\"consent\":\"CPc\"}}}", true},
        {"{\"user\":{\"consent\":\"\"}}", false},
        {"{\"user\":{\"consent\":\"CPc\"},\"regs\":{\"gdpr\":0}}", false},
        {"{\"user\":{\"consent\":\"CPc\"},\"regs\":{\"gdpr\":null}}", true},
        {"{\"user\":{\"consent\":\"CPc\"},\"regs\":{\"gdpr\":1}}", true},
        {"{\"regs\":{\"ext\":{\"gdpr\":0}},\"user\":{\"consent\":\"CPc\"}}",
         false},
        {"{\"regs\":{\"gdpr\":0,\"ext\":{\"gdpr\":1}}}", true},
        {"{\"device\":{\"lmt\":1}}", true},
        {"{\"device\":{\"dnt\":1}}", true},
        {"{\"device\":{\"lmt\":0,\"dnt\":0}}", false},
        {"{\"user\":{\"coppa\":1}}", false},
        {"{\"coppa\":1}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        openrtb bid = read_bid(cases[i].text);
        if (openrtb_forbids(&bid) != cases[i].forbids)
            fail_msg("%s: %d", cases[i].text, !cases[i].forbids);
        openrtb_release(&bid);
    }
}

/* ---- form ---- */

static void test_http_openrtb__what_is_no_bid_request(void **state)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", MUSTER_EPARSE},
        {"{", MUSTER_EPARSE},
        {"{\"user\":{\"id\":\"a\"}", MUSTER_EPARSE},
        {"{\"user\":{\"id\":\"\xff\"}}", MUSTER_EPARSE},
        {"{} {}", MUSTER_EPARSE},
        {"[]", MUSTER_EINVAL},
        {"null", MUSTER_EINVAL},
        {"1", MUSTER_EINVAL},
        {"{\"user\":1}", MUSTER_EINVAL},
        {"{\"user\":[]}", MUSTER_EINVAL},
        {"{\"user\":{\"data\":{}}}", MUSTER_EINVAL},
        {"{\"user\":{\"data\":\"x\"}}", MUSTER_EINVAL},
        {"{\"device\":\"x\"}", MUSTER_EINVAL},
        {"{\"user\":{},\"user\":{}}", MUSTER_EINVAL},
        {"{\"user\":{},\"us\\u0065r\":{}}", MUSTER_EINVAL},
        {"{\"user\":{\"data\":[],\"data\":[]}}", MUSTER_EINVAL},
        {"{\"user\":{\"eids\":[],\"eids\":[]}}", MUSTER_EINVAL},
        {"{\"user\":{\"ext\":{\"eids\":[]},\"ext\":{\"eids\":[]}}}",
         MUSTER_EINVAL},
        {"{\"device\":{},\"device\":{}}", MUSTER_EINVAL},
        {"{\"tmax\":1,\"tmax\":2}", MUSTER_EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        openrtb bid;
        muster_error err;
        if (openrtb_read(&bid, text_of(cases[i].text), &err) != cases[i].code)
            fail_msg("%s: %d", cases[i].text, err.code);
    }
}

static void test_http_openrtb__tmax(void **state)
{
    static const struct {
        const char *text;
        bool timed;
        uint64_t ms;
    } cases[] = {
        {"{}", false, 0},
        {"{\"tmax\":null}", false, 0},
        {"{\"tmax\":\"100\"}", false, 0},
        {"{\"tmax\":100}", true, 100},
        {"{\"tmax\":1.5}", true, 1},
        {"{\"tmax\":0}", true, 0},
        {"{\"tmax\":-5}", true, 0},
        {"{\"tmax\":99999999999999999999}", true, 3600000},
        {"{\"tmax\":1e300}", true, 3600000},
        {"{\"tmax\":-99999999999999999999}", true, 0},
        {"{\"tmax\":0.00001}", true, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        openrtb bid = read_bid(cases[i].text);
        if (bid.timed != cases[i].timed ||
            bid.tmax_ns != cases[i].ms * 1000000)
            fail_msg("%s: %d, %llu ns", cases[i].text, bid.timed,
                     (unsigned long long)bid.tmax_ns);
        openrtb_release(&bid);
    }
}

/* ---- ids ---- */

static void test_http_openrtb__rules(void **state)
{
    static const struct {
        const char *rules;
        size_t offset, length; /* of what is wrong; length 0: nothing */
    } cases[] = {
        {"", 0, 0},
        {" , ", 0, 0},
        {"user.id=cookie", 0, 0},
        {"user.id=cookie,eids:a.b:c=uid2 device.ifa:ios=idfa", 0, 0},
        {"eids:a=b=c", 0, 0}, /* the source is a=b */
        {"user.id", 0, 7},
        {"user.id=", 0, 8},
        {"user.id=cookie user.name=x", 15, 11},
        {"user.id:x=cookie", 0, 16},
        {"eids=cookie", 0, 11},
        {"eids:=cookie", 0, 12},
        {"=cookie", 0, 7},
    };
    muster_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int rc = openrtb_ids_check(cases[i].rules, &err);
        if ((rc != 0) != (cases[i].length > 0))
            fail_msg("%s: %d", cases[i].rules, rc);
        if (rc != 0 && (err.offset != cases[i].offset ||
                        err.length != cases[i].length))
            fail_msg("%s: at %zu, %zu bytes", cases[i].rules, err.offset,
                     err.length);
    }
}

static void test_http_openrtb__ids_in_order_of_the_rules(void **state)
{
    static const char text[] =
        "{\"device\":{\"os\":\"iOS\",\"ifa\":\"IFA\"},"
        "\"user\":{\"id\":\"U\",\"buyeruid\":\"\",\"eids\":["
        "{\"source\":\"b.example\",\"uids\":[{\"id\":\"B\"}]},7,"
        "{\"source\":\"a.example\",\"uids\":[{\"id\":\"A1\"},{\"id\":3},"
        "{},{\"id\":\"A2\"}]},{\"source\":\"a.example\"}],"
        "\"ext\":{\"eids\":[{\"source\":\"a.example\",\"uids\":"
        "[{\"id\":\"A3\"}]}]}}}";
    static const struct {
        const char *rules;
        const char *ids;
    } cases[] = {
        {"", ""},
        {"user.id=cookie", "cookie:U "},
        {"user.buyeruid=cookie user.id=x", "x:U "},
        {"device.ifa:IOS=idfa device.ifa:android=gaid", "idfa:IFA "},
        {"device.ifa:android=gaid,device.ifa=ctv", "ctv:IFA "},
        {"eids:a.example=a user.id=u eids:b.example=b",
         "a:A1 a:A2 a:A3 u:U b:B "},
        {"eids:A.EXAMPLE=a", ""},
    };
    (void)state;
    openrtb bid = read_bid(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        openrtb_id ids[OPENRTB_IDS_MAX];
        char said[256] = "";
        assert_int_equal(openrtb_ids_check(cases[i].rules, NULL), 0);
        const size_t n = openrtb_ids(&bid, cases[i].rules, ids);
        for (size_t k = 0; k < n; k++)
            snprintf(said + strlen(said), sizeof said - strlen(said),
                     "%.*s:%.*s ", (int)ids[k].space.len, ids[k].space.ptr,
                     (int)ids[k].id.len, ids[k].id.ptr);
        assert_string_equal(said, cases[i].ids);
    }
    openrtb_release(&bid);
}

static void test_http_openrtb__no_more_ids_than_the_limit(void **state)
{
    openrtb_id ids[OPENRTB_IDS_MAX];
    buffer text;
    (void)state;
    buffer_init(&text, 65536);
    buffer_put_str(&text, "{\"user\":{\"eids\":[{\"source\":\"a\",\"uids\":[");
    for (int i = 0; i < 100; i++)
        buffer_printf(&text, "%s{\"id\":\"%d\"}", i ? "," : "", i);
    buffer_put_str(&text, "]}]}}");
    openrtb bid = read_bid(buffer_cstr(&text));
    assert_int_equal(openrtb_ids(&bid, "eids:a=cookie", ids), OPENRTB_IDS_MAX);
    openrtb_release(&bid);
    buffer_release(&text);
}

static void test_http_openrtb__names(void **state)
{
    char text[OPENRTB_NAME_BYTES_MAX + 2];
    (void)state;
    memset(text, 'n', sizeof text);
    text[OPENRTB_NAME_BYTES_MAX + 1] = '\0';
    assert_false(openrtb_name_is_fine(text));
    text[OPENRTB_NAME_BYTES_MAX] = '\0';
    assert_true(openrtb_name_is_fine(text));
    assert_true(openrtb_name_is_fine("muster.example"));
    assert_false(openrtb_name_is_fine(""));
    assert_false(openrtb_name_is_fine("a\"b"));
    assert_false(openrtb_name_is_fine("a\\b"));
    assert_false(openrtb_name_is_fine("a\nb"));
    assert_false(openrtb_name_is_fine("\xc3\xa4"));
}

/* ---- our entry ---- */

static const openrtb_rules plain = {"us", 0, "", 0};
static const openrtb_rules taxed = {"us", 600, "", 0};
/* With nodes of segtax 4 beside them. */
static const openrtb_rules noded = {"us", 600, "", 4};

static void test_http_openrtb__entries(void **state)
{
    buffer out;
    (void)state;
    buffer_init(&out, 4096);
    reply w = reply_into(&out, MEDIA_JSON);
    size_t mark = openrtb_data_begin(&w, &plain);
    openrtb_data_put(&w, 101);
    openrtb_data_put(&w, 4294967295u);
    openrtb_data_end(&w, mark, 2);
    assert_string_equal(buffer_cstr(&out),
                        "{\"name\":\"us\",\"segment\":"
                        "[{\"id\":\"101\"},{\"id\":\"4294967295\"}]}");
    buffer_clear(&out);
    w = reply_into(&out, MEDIA_JSON);
    mark = openrtb_data_begin(&w, &taxed);
    openrtb_data_end(&w, mark, 0);
    assert_string_equal(
        buffer_cstr(&out),
        "{\"name\":\"us\",\"ext\":{\"segtax\":600},\"segment\":[]}");
    buffer_release(&out);
}

/* `#` stands for our entry. */
static void check_insert(const char *text, const openrtb_rules *rules,
                         const char *want)
{
    buffer out;
    openrtb bid = read_bid(text);
    buffer_init(&out, 65536);
    openrtb_insert(&bid, rules, text_of("#"), &out);
    assert_string_equal(buffer_cstr(&out), want);
    buffer_release(&out);
    openrtb_release(&bid);
}

static void test_http_openrtb__every_place(void **state)
{
    (void)state;
    check_insert("{}", &plain, "{\"user\":{\"data\":[#]}}");
    check_insert(" {\n} ", &plain, " {\"user\":{\"data\":[#]}\n} ");
    check_insert("{\"id\":1}", &plain, "{\"user\":{\"data\":[#]},\"id\":1}");
    check_insert("{ \"user\" : null }", &plain,
                 "{ \"user\" : {\"data\":[#]} }");
    check_insert("{\"user\":{}}", &plain, "{\"user\":{\"data\":[#]}}");
    check_insert("{\"user\":{ \"id\":\"x\"}}", &plain,
                 "{\"user\":{\"data\":[#], \"id\":\"x\"}}");
    check_insert("{\"user\":{\"data\":null}}", &plain,
                 "{\"user\":{\"data\":[#]}}");
    check_insert("{\"user\":{\"data\":[]}}", &plain,
                 "{\"user\":{\"data\":[#]}}");
    check_insert("{\"user\":{\"data\":[ {\"name\":\"b\"} ],\"z\":1}}", &plain,
                 "{\"user\":{\"data\":[{\"name\":\"b\"},#],\"z\":1}}");
    check_insert("{\"us\\u0065r\":{\"d\\u0061ta\":[1]}}", &plain,
                 "{\"us\\u0065r\":{\"d\\u0061ta\":[1,#]}}");
}

/* Numbers, escapes, order, white space and unknown members. */
static void test_http_openrtb__other_bytes_stay(void **state)
{
    (void)state;
    check_insert(
        "{\"a\":1.500e+03,\"b\":\"\\u00e4\\/]}\\\"\",\n\t\"user\" :\r\n{"
        "\"x\":[-0.0,12345678901234567890123],\"data\":[{\"name\":\"b\","
        "\"segment\":[{\"id\":\"1\",\"value\":0.10}]}],\"x\":1},\"a\":2}",
        &plain,
        "{\"a\":1.500e+03,\"b\":\"\\u00e4\\/]}\\\"\",\n\t\"user\" :\r\n{"
        "\"x\":[-0.0,12345678901234567890123],\"data\":[{\"name\":\"b\","
        "\"segment\":[{\"id\":\"1\",\"value\":0.10}]},#],\"x\":1},\"a\":2}");
}

static void test_http_openrtb__ours_is_replaced(void **state)
{
    static const char text[] =
        "{\"user\":{\"data\":[{\"name\":\"us\"},"
        "{\"name\":\"us\",\"ext\":{\"segtax\":600}},"
        "{\"name\":\"us\",\"ext\":{\"segtax\":4}},"
        "{\"name\":\"them\",\"ext\":{\"segtax\":600}},"
        "{\"name\":\"us\",\"ext\":{\"segtax\":\"600\"}},"
        "{\"name\":\"us\",\"ext\":{\"segtax\":null}}]}}";
    (void)state;
    check_insert(text, &plain,
                 "{\"user\":{\"data\":["
                 "{\"name\":\"us\",\"ext\":{\"segtax\":600}},"
                 "{\"name\":\"us\",\"ext\":{\"segtax\":4}},"
                 "{\"name\":\"them\",\"ext\":{\"segtax\":600}},"
                 "{\"name\":\"us\",\"ext\":{\"segtax\":\"600\"}},#]}}");
    check_insert(text, &taxed,
                 "{\"user\":{\"data\":[{\"name\":\"us\"},"
                 "{\"name\":\"us\",\"ext\":{\"segtax\":4}},"
                 "{\"name\":\"them\",\"ext\":{\"segtax\":600}},"
                 "{\"name\":\"us\",\"ext\":{\"segtax\":\"600\"}},"
                 "{\"name\":\"us\",\"ext\":{\"segtax\":null}},#]}}");
}

/* ---- random requests against the slow twin ---- */

static void put_blank(buffer *b, random_state *r)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    buffer_put_str(b, PICK(r, blanks));
}

static void put_value(buffer *b, random_state *r, int depth);

static void put_container(buffer *b, random_state *r, int depth)
{
    static const char *const keys[] = {
        "user", "data", "name",  "ext",     "segtax", "id", "d\\u0061ta",
        "regs", "eids", "uid\\n", "segment", "]}",     "",   "us\\u0065r"};
    const bool object = chance(r, 60);
    const uint32_t n = dice(r, 5);
    buffer_put_str(b, object ? "{" : "[");
    for (uint32_t i = 0; i < n; i++) {
        buffer_put_str(b, i ? "," : "");
        put_blank(b, r);
        if (object) {
            buffer_printf(b, "\"%s\"", PICK(r, keys));
            put_blank(b, r);
            buffer_put_str(b, ":");
            put_blank(b, r);
        }
        put_value(b, r, depth - 1);
        put_blank(b, r);
    }
    buffer_put_str(b, object ? "}" : "]");
}

static void put_value(buffer *b, random_state *r, int depth)
{
    static const char *const words[] = {
        "null", "true",    "0",       "600",           "-1.50e3",
        "\"\"", "\"us\"",  "\"\\\"\"", "\"[{\\\\\"",    "\"\\u2028,\"",
        "{}",   "[]",      "1e999",   "{\"name\":\"us\"}",
        "{\"name\":\"us\",\"ext\":{\"segtax\":600}}",
        "{\"name\":\"us\",\"ext\":{\"segtax\":4}}"};
    if (depth > 0 && chance(r, 70))
        put_container(b, r, depth);
    else
        buffer_put_str(b, PICK(r, words));
}

static unsigned accepted;

static void try_random(uint64_t seed)
{
    random_state r;
    buffer text, out;
    openrtb bid;

    random_seed(&r, seed);
    buffer_init(&text, TWIN_BYTES_MAX);
    buffer_init(&out, TWIN_BYTES_MAX);
    put_blank(&text, &r);
    put_container(&text, &r, 4);
    static const openrtb_rules *const every[] = {&plain, &taxed, &noded};
    const openrtb_rules *rules = every[dice(&r, 3)];
    const muster_text whole = text_make((char *)text.data, text.len);
    if (openrtb_read(&bid, whole, NULL) == 0) {
        accepted++;
        openrtb_insert(&bid, rules, text_of("[\"ours\"]"), &out);
        if (!twin_agrees(&bid, rules, text_of("[\"ours\"]"),
                         text_make((char *)out.data, out.len)))
            fail_msg("seed %llu: %s", (unsigned long long)seed,
                     buffer_cstr(&text));
        openrtb_release(&bid);
    }
    buffer_release(&out);
    buffer_release(&text);
}

static void test_http_openrtb__random_requests(void **state)
{
    uint64_t one;
    (void)state;
    test_each_seed(try_random, test_size(20000, 1000000));
    if (!test_seed(&one))
        assert_true(accepted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_openrtb__signals_in_both_places),
        cmocka_unit_test(test_http_openrtb__other_signals),
        cmocka_unit_test(test_http_openrtb__what_is_no_bid_request),
        cmocka_unit_test(test_http_openrtb__tmax),
        cmocka_unit_test(test_http_openrtb__rules),
        cmocka_unit_test(test_http_openrtb__ids_in_order_of_the_rules),
        cmocka_unit_test(test_http_openrtb__no_more_ids_than_the_limit),
        cmocka_unit_test(test_http_openrtb__names),
        cmocka_unit_test(test_http_openrtb__entries),
        cmocka_unit_test(test_http_openrtb__every_place),
        cmocka_unit_test(test_http_openrtb__other_bytes_stay),
        cmocka_unit_test(test_http_openrtb__ours_is_replaced),
        cmocka_unit_test(test_http_openrtb__random_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
