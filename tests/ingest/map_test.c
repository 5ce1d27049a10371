/*
 * map_test.c - mapping files: what is wrong with one is said, with its place;
 * what is right does what docs/mapping.md says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_support.h"

#define ID "{\"to\":\"ids.customer\",\"from\":\"id\"}"

/* ---- files ---- */

typedef struct fault {
    const char *text;
    const char *word;
    const char *message; /* begins so */
    const char *shown;   /* what the place is of; NULL: not compared */
} fault;

#define JSON_RULE(rule) "{\"input\":\"json\",\"rules\":[" ID "," rule "]}"
#define CSV_RULE(rule) "{\"input\":\"csv\",\"rules\":[" ID "," rule "]}"

static const fault faults[] = {
    {"", "bad_json", "", NULL},
    {"[]", "wrong_type", "the file: an object is expected", "["},
    {"{}", "bad_mapping", "the file: the member \"input\" is missing", NULL},
    {"{\"input\":\"xml\"}", "wrong_value",
     "/input: \"xml\" is not one of \"csv\", \"json\"", "\"xml\""},
    {"{\"input\":\"csv\"}", "bad_mapping", "the file: the member \"rules\"",
     NULL},
    {"{\"input\":\"csv\",\"rule\":[]}", "unknown_key",
     "/rule: there is no such key", "\"rule\""},
    {"{\"input\":\"csv\",\"rules\":[{\"to\":\"ts\",\"from\":\"a\"}]}",
     "bad_mapping", "the file: no rule goes to an id", NULL},
    {"{\"input\":\"json\",\"separator\":\";\",\"rules\":[" ID "]}",
     "bad_mapping", "/separator: only CSV", "\";\""},
    {"{\"input\":\"csv\",\"separator\":\"ab\",\"rules\":[" ID "]}",
     "bad_mapping", "/separator: one character", "\"ab\""},
    {"{\"input\":\"csv\",\"each\":\"a\",\"rules\":[" ID "]}", "bad_mapping",
     "/each: only JSON", "\"a\""},
    {"{\"input\":\"csv\",\"zone\":\"CET\",\"rules\":[" ID "]}", "bad_mapping",
     "/zone: a zone is", "\"CET\""},
    {"{\"input\":\"csv\",\"ttl\":\"soon\",\"rules\":[" ID "]}", "bad_mapping",
     "/ttl: a ttl is like", "\"soon\""},
    {"{\"input\":\"csv\",\"provider\":\"A B\",\"rules\":[" ID "]}",
     "bad_mapping", "/provider: a provider's name", "\"A B\""},
    {"{\"input\":\"csv\",\"fields\":{\"x\":{\"const\":\"a\"}},\"rules\":[" ID
     "]}",
     "bad_mapping", "/fields/x: the name of a field begins with p_", "\"x\""},
    {"{\"input\":\"csv\",\"fields\":{\"p_x\":{\"const\":\"a\",\"date\":"
     "\"iso\"}},\"rules\":[" ID "]}",
     "bad_mapping", "/fields/p_x/date: a field has no conversion", NULL},
    {"{\"input\":\"csv\",\"drop\":[{\"reason\":\"x\"}],\"rules\":[" ID "]}",
     "bad_mapping", "/drop/0: a drop has", NULL},
    {"{\"input\":\"csv\",\"drop\":[{\"if\":{\"field\":\"a\",\"in\":[]},"
     "\"reason\":\"X!\"}],\"rules\":[" ID "]}",
     "bad_mapping", "/drop/0/reason: a reason is", "\"X!\""},
    {CSV_RULE("{\"from\":\"a\"}"), "bad_mapping",
     "/rules/1: the member \"to\" is missing", "{\"from\":\"a\"}"},
    {CSV_RULE("{\"to\":\"sett.a\",\"from\":\"a\"}"), "wrong_value",
     "/rules/1/to: \"sett\" is not one of", "\"sett.a\""},
    {CSV_RULE("{\"to\":\"set\",\"from\":\"a\"}"), "bad_mapping",
     "/rules/1/to: a name follows", NULL},
    {CSV_RULE("{\"to\":\"ts.a\",\"from\":\"a\"}"), "bad_mapping",
     "/rules/1/to: nothing follows", NULL},
    {CSV_RULE("{\"to\":\"set.A b\",\"from\":\"a\"}"), "bad_mapping",
     "/rules/1/to: the name behind", NULL},
    {CSV_RULE("{\"to\":\"set.a\"}"), "bad_mapping",
     "/rules/1: \"from\", \"join\" or \"const\" is missing", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"const\":\"b\"}"),
     "bad_mapping", "/rules/1/const: only one of", "\"b\""},
    {CSV_RULE("{\"to\":\"set.a\",\"form\":\"a\"}"), "unknown_key",
     "/rules/1/form: there is no such key", "\"form\""},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"from\":\"b\"}"),
     "duplicate_key", "/rules/1/from: this key stands here twice", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"else\":\"drop\"}"),
     "bad_mapping", "/rules/1: \"else\" belongs to \"map\"", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"invalid\":\"drop\"}"),
     "bad_mapping", "/rules/1: \"invalid\" belongs to", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"map\":{\"X\":\"1\",\"x\":"
              "\"2\"}}"),
     "bad_mapping", "/rules/1/map: a key stands here twice", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"date\":\"YYYY-QQ\"}"),
     "bad_mapping", "/rules/1/date: this is neither iso", "\"YYYY-QQ\""},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"date\":[\"iso\",\"DD\"]}"),
     "bad_mapping", "/rules/1/date/1: the year is missing", "\"DD\""},
    {CSV_RULE("{\"to\":\"add.a\",\"from\":\"a\",\"date\":\"iso\"}"),
     "bad_mapping", "/rules/1: `add.a` does not take", NULL},
    {CSV_RULE("{\"to\":\"ts\",\"from\":\"a\",\"date\":\"iso\",\"as\":\"age\"}"),
     "bad_mapping", "/rules/1: a time is a moment", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"number\":{\"decimal\":\";\"}"
              "}"),
     "bad_mapping", "/rules/1/number/decimal: \".\" or \",\"", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"flag\":{\"true\":[\"x\"],"
              "\"false\":[\"X\"]}}"),
     "bad_mapping", "/rules/1/flag: one word is both", NULL},
    {CSV_RULE("{\"to\":\"ids.a\",\"from\":\"a\",\"hash\":\"uid3\"}"),
     "bad_mapping", "/rules/1/hash: ", "\"uid3\""},
    {CSV_RULE("{\"to\":\"ids.a\",\"from\":\"a\",\"hash\":\"uid2\"}"),
     "bad_mapping", "/rules/1: \"kind\" is missing", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"hash\":\"uid2\"}"),
     "bad_mapping", "/rules/1: `set.a` does not take", NULL},
    {CSV_RULE("{\"to\":\"add.a\",\"from\":\"a\",\"empty\":\"clear\"}"),
     "bad_mapping", "/rules/1/empty: only a \"set\" can clear", NULL},
    {CSV_RULE("{\"to\":\"events\",\"value\":{\"from\":\"a\"}}"), "bad_mapping",
     "/rules/1: the member \"name\" is missing", NULL},
    {CSV_RULE("{\"to\":\"events.a\",\"from\":\"a\"}"), "unknown_key",
     "/rules/1/from", "\"from\""},
    {CSV_RULE("{\"to\":\"events.a\",\"amount\":{\"from\":\"a\",\"date\":"
              "\"iso\"}}"),
     "bad_mapping", "/rules/1/amount: the amount of an event does not", NULL},
    {CSV_RULE("{\"to\":\"events.a\",\"each\":\"b\"}"), "bad_mapping",
     "/rules/1/each: only JSON has arrays", NULL},
    {JSON_RULE("{\"to\":\"set.a\",\"from\":\".b\"}"), "bad_mapping",
     "/rules/1/from: a path that begins with a dot", NULL},
    {JSON_RULE("{\"to\":\"set.a\",\"from\":\"a..b\"}"), "bad_mapping",
     "/rules/1/from: this is no path", "\"a..b\""},
    {JSON_RULE("{\"to\":\"set.a\",\"from\":\"/a~2\"}"), "bad_mapping",
     "/rules/1/from: this is no path", NULL},
    {JSON_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"if\":{\"field\":\"b\"}}"),
     "bad_mapping", "/rules/1/if: a condition is", NULL},
    {JSON_RULE("{\"to\":\"set.a\",\"from\":\"a\",\"if\":{\"all\":[]}}"),
     "bad_mapping", "/rules/1/if/all: an array of 1 to", NULL},
    /* What is private stays so. */
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"p_x\"}"), "bad_mapping",
     "/rules/1: a private field would be stored", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"p_x\",\"map\":{\"a\":\"b\"}}"),
     "bad_mapping", "/rules/1: a private field would be stored", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"join\":[\"b\",\"p_x\"]}"), "bad_mapping",
     "/rules/1: a private field would be stored", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\"p_x\",\"date\":\"iso\"}"),
     "bad_mapping", "/rules/1: a private field would be stored", NULL},
    {CSV_RULE("{\"to\":\"events.a\",\"value\":{\"from\":\"p_x\"}}"),
     "bad_mapping", "/rules/1/value: a private field would be stored", NULL},
    {JSON_RULE("{\"to\":\"add.a\",\"from\":\"a.p_x.b\"}"), "bad_mapping",
     "/rules/1: a private field would be stored", NULL},
    {CSV_RULE("{\"to\":\"set.a\",\"from\":\" p_x\"}"), "bad_mapping",
     "/rules/1: a private field would be stored", NULL},
    {"{\"input\":\"json\",\"each\":\"p_r\",\"rules\":[" ID
     ",{\"to\":\"add.a\",\"from\":\"a\"}]}",
     "bad_mapping", "/rules/1: a private field would be stored", NULL},
    {JSON_RULE("{\"to\":\"events.a\",\"each\":\"p_x\",\"value\":{\"from\":"
               "\".b\"}}"),
     "bad_mapping", "/rules/1/value: a private field would be stored", NULL},
};

static void test_ingest_map__what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const fault *f = &faults[i];
        mapping *m = NULL;
        muster_error err;
        const int rc = mapping_compile(&m, f->text, strlen(f->text), &err);
        if (rc == 0 || m != NULL || strcmp(err.word, f->word) != 0 ||
            strncmp(err.message, f->message, strlen(f->message)) != 0)
            fail_msg("%s\ngave %s: %s", f->text, err.word, err.message);
        if (f->shown != NULL &&
            (err.length != strlen(f->shown) ||
             memcmp(f->text + err.offset, f->shown, err.length) != 0))
            fail_msg("%s\nshows %.*s", f->text, (int)err.length,
                     f->text + err.offset);
    }
}

static void assert_too_many(const buffer *text)
{
    mapping *m = NULL;
    muster_error err;
    assert_int_equal(
        mapping_compile(&m, (const char *)text->data, text->len, &err),
        MUSTER_ELIMIT);
    assert_null(m);
}

static void test_ingest_map__files_are_bounded(void **state)
{
    (void)state;
    buffer text;
    buffer_init(&text, 1 << 24);
    buffer_put_str(&text, "{\"input\":\"csv\",\"rules\":[");
    for (int i = 0; i < 1001; i++)
        buffer_printf(&text, "%s" ID, i > 0 ? "," : "");
    buffer_put_str(&text, "]}");
    assert_too_many(&text);
    buffer_clear(&text);
    buffer_put_str(&text, "{\"input\":\"csv\",\"rules\":[{\"to\":\"ids.a\","
                          "\"from\":\"a\",\"map\":{\"0\":\"x\"");
    for (int i = 1; i < 10001; i++)
        buffer_printf(&text, ",\"%d\":\"x\"", i);
    buffer_put_str(&text, "}}]}");
    assert_too_many(&text);
    buffer_clear(&text);
    buffer_put_str(&text, "{\"input\":\"csv\",\"about\":\"");
    while (text.len <= (size_t)1 << 20)
        buffer_put_str(&text, "xxxxxxxxxxxxxxxx");
    buffer_put_str(&text, "\",\"rules\":[" ID "]}");
    assert_too_many(&text);
    buffer_clear(&text);
    buffer_put_str(&text, "{\"input\":\"csv\",\"fields\":{");
    for (int i = 0; i < 201; i++)
        buffer_printf(&text, "%s\"p_%d\":{\"const\":\"a\"}", i > 0 ? "," : "",
                      i);
    buffer_put_str(&text, "},\"rules\":[" ID "]}");
    assert_too_many(&text);
    buffer_clear(&text);
    buffer_put_str(&text, "{\"input\":\"csv\",\"drop\":[");
    for (int i = 0; i < 33; i++)
        buffer_printf(&text,
                      "%s{\"if\":{\"field\":\"a\",\"empty\":true},"
                      "\"reason\":\"r%d\"}",
                      i > 0 ? "," : "", i);
    buffer_put_str(&text, "],\"rules\":[" ID "]}");
    assert_too_many(&text);
    buffer_release(&text);
}

/* ---- values ---- */

typedef struct value_case {
    const char *rule;
    const char *value; /* of the member or column `v` */
    const char *facts;
} value_case;

static const value_case values[] = {
    /* texts */
    {"\"from\":\"v\"", "\" Blue \"", "  set attribute=a value=Blue\n"},
    {"\"from\":\"v\",\"lower\":true", "\"BLUE\"",
     "  set attribute=a value=blue\n"},
    {"\"from\":\"v\",\"upper\":true", "\"blue\"",
     "  set attribute=a value=BLUE\n"},
    {"\"from\":\"v\",\"slug\":true", "\"Order Completed!\"",
     "  set attribute=a value=order_completed_\n"},
    {"\"from\":\"v\"", "\"N/A\"", ""},
    {"\"from\":\"v\"", "\"  \"", ""},
    {"\"from\":[\"none\",\"v\"]", "\"x\"", "  set attribute=a value=x\n"},
    {"\"join\":[\"v\",\"none\",\"v\"],\"with\":\"-\"", "\"x\"",
     "  set attribute=a value=x-x\n"},
    {"\"join\":[\"v\",\"v\"]", "\"x\"", "  set attribute=a value=x x\n"},
    {"\"const\":\"crm\"", "\"x\"", "  set attribute=a value=crm\n"},
    {"\"const\":true", "\"x\"", "  flag attribute=a\n"},
    {"\"const\":2.5", "\"x\"", "  number attribute=a number=25000\n"},
    /* maps */
    {"\"from\":\"v\",\"map\":{\"Germany\":\"DE\"}", "\"GERMANY\"",
     "  set attribute=a value=DE\n"},
    {"\"from\":\"v\",\"map\":{\"Germany\":\"DE\"}", "\"France\"",
     "  set attribute=a value=France\n"},
    {"\"from\":\"v\",\"map\":{\"x\":\"y\"},\"else\":\"drop\"", "\"z\"", ""},
    {"\"from\":\"v\",\"map\":{\"x\":null}", "\"x\"", ""},
    {"\"from\":\"v\",\"map\":{\"x\":\"y\"},\"else\":{\"const\":\"other\"}",
     "\"z\"", "  set attribute=a value=other\n"},
    {"\"from\":\"v\",\"map\":{\"x\":\"5\"},\"number\":true", "\"x\"",
     "  number attribute=a number=50000\n"},
    /* lists */
    {"\"from\":\"v\",\"split\":\";\"", "\"a; b;;N/A\"",
     "  replace attribute=a\n  add attribute=a value=a\n"
     "  add attribute=a value=b\n"},
    {"\"from\":\"v\",\"split\":\"::\"", "\"one\"",
     "  set attribute=a value=one\n"},
    /* numbers */
    {"\"from\":\"v\",\"number\":true", "\"19.95\"",
     "  number attribute=a number=199500\n"},
    {"\"from\":\"v\",\"number\":{\"decimal\":\",\",\"thousands\":\".\","
     "\"strip\":[\"EUR\"]}",
     "\"1.234,5 EUR\"", "  number attribute=a number=12345000\n"},
    {"\"from\":\"v\",\"number\":{\"percent\":true,\"scale\":0.01}",
     "\"12.5 %\"", "  number attribute=a number=1250\n"},
    {"\"from\":\"v\",\"number\":true", "\"0.00005\"",
     "  number attribute=a number=1\n"},
    {"\"from\":\"v\",\"number\":true,\"invalid\":\"drop\"", "\"x\"", ""},
    /* flags */
    {"\"from\":\"v\",\"flag\":true", "\"YES\"", "  flag attribute=a\n"},
    {"\"from\":\"v\",\"flag\":true", "\"off\"", "  unflag attribute=a\n"},
    {"\"from\":\"v\",\"flag\":{\"true\":[\"No\"],\"false\":[\"Yes\"]}",
     "\"no\"", "  flag attribute=a\n"},
    {"\"from\":\"v\",\"flag\":{\"true\":\"x\"},\"invalid\":\"drop\"", "\"no\"",
     ""},
    /* dates */
    {"\"from\":\"v\",\"date\":\"D.M.YYYY\"", "\"3.11.1990\"",
     "  set attribute=a value=1990-11-03\n"},
    {"\"from\":\"v\",\"date\":\"iso\",\"zone\":\"+14:00\"", "\"1990-11-03\"",
     "  set attribute=a value=1990-11-03\n"},
    {"\"from\":\"v\",\"date\":\"iso\",\"as\":\"age\"", "\"1990-11-22\"",
     "  number attribute=a number=350000\n"},
    {"\"from\":\"v\",\"date\":\"iso\",\"as\":\"age\"", "\"1990-11-21\"",
     "  number attribute=a number=360000\n"},
    {"\"from\":\"v\",\"date\":\"iso\",\"as\":\"year\"", "\"1990-11-21\"",
     "  number attribute=a number=19900000\n"},
    /* conditions */
    {"\"const\":\"x\",\"if\":{\"field\":\"v\",\"in\":[\"A\",\"b\"]}", "\"B\"",
     "  set attribute=a value=x\n"},
    {"\"const\":\"x\",\"if\":{\"field\":\"v\",\"not_in\":[\"A\"]}", "\"a\"",
     ""},
    {"\"const\":\"x\",\"if\":{\"field\":\"v\",\"not_in\":[\"A\"]}", "\"\"",
     "  set attribute=a value=x\n"},
    {"\"const\":\"x\",\"if\":{\"field\":\"v\",\"empty\":true}", "\"n/a\"",
     "  set attribute=a value=x\n"},
    {"\"const\":\"x\",\"if\":{\"not\":{\"field\":\"v\",\"empty\":true}}",
     "\"\"", ""},
    {"\"const\":\"x\",\"if\":{\"any\":[{\"field\":\"v\",\"in\":\"q\"},"
     "{\"field\":\"id\",\"in\":\"1\"}]}",
     "\"\"", "  set attribute=a value=x\n"},
    {"\"const\":\"x\",\"if\":{\"all\":[{\"field\":\"v\",\"in\":\"q\"},"
     "{\"field\":\"id\",\"in\":\"1\"}]}",
     "\"\"", ""},
    /* clearing */
    {"\"from\":\"v\",\"empty\":\"clear\"", "\"\"", "  clear attribute=a\n"},
    {"\"from\":\"v\",\"empty\":\"clear\"", "\"x\"",
     "  set attribute=a value=x\n"},
    {"\"from\":\"v\",\"empty\":\"clear\",\"map\":{\"x\":null}", "\"x\"", ""},
};

/* The same from a column and from a member. */
static void test_ingest_map__values_become_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const value_case *c = &values[i];
        char rules[600];
        char input[200];
        snprintf(rules, sizeof rules,
                 ID ",{\"to\":\"set.a\",\"optional\":true,%s}", c->rule);
        mapping *csv = with_rules("csv", "\"blank\":[\"n/a\"],", rules);
        snprintf(input, sizeof input, "id,v\n1,%s\n", c->value);
        assert_facts(csv, input, c->facts);
        mapping_free(csv);
        mapping *json = with_rules("json", "\"blank\":[\"n/a\"],", rules);
        snprintf(input, sizeof input, "{\"id\":1,\"v\":%s}\n", c->value);
        assert_facts(json, input, c->facts);
        mapping_free(json);
    }
}

/* ---- JSON ---- */

static const value_case paths[] = {
    {"\"from\":\"v\"", "34", "  number attribute=a number=340000\n"},
    {"\"from\":\"v\"", "1.5", "  number attribute=a number=15000\n"},
    {"\"from\":\"v\",\"number\":true", "1.23456789e1",
     "  number attribute=a number=123457\n"},
    {"\"from\":\"v\"", "true", "  flag attribute=a\n"},
    {"\"from\":\"v\"", "null", ""},
    {"\"from\":\"v\",\"empty\":\"clear\"", "null", "  clear attribute=a\n"},
    {"\"from\":\"w\",\"empty\":\"clear\"", "null", ""},
    {"\"from\":\"v\"", "{\"x\":1}", ""},
    {"\"from\":\"v\",\"flag\":true", "1", "  flag attribute=a\n"},
    {"\"from\":\"v.x.y\"", "{\"x\":{\"y\":\"z\"}}",
     "  set attribute=a value=z\n"},
    {"\"from\":\"/v/a.b~1c\"", "{\"a.b/c\":\"z\"}",
     "  set attribute=a value=z\n"},
    {"\"from\":\"v.1\"", "[\"x\",\"y\"]", "  set attribute=a value=y\n"},
    {"\"from\":\"v.1\"", "{\"1\":\"y\"}", "  set attribute=a value=y\n"},
    {"\"from\":\"v\"", "[\"x\",\"y\"]",
     "  replace attribute=a\n  add attribute=a value=x\n"
     "  add attribute=a value=y\n"},
    {"\"from\":\"v.*.n\"", "[{\"n\":\"x\"},{\"m\":1},{\"n\":\"y\"}]",
     "  replace attribute=a\n  add attribute=a value=x\n"
     "  add attribute=a value=y\n"},
    {"\"from\":\"v.*\"", "{\"k\":\"x\",\"l\":\"y\"}",
     "  replace attribute=a\n  add attribute=a value=x\n"
     "  add attribute=a value=y\n"},
    {"\"from\":\"v\",\"keys\":true", "{\"k\":true}",
     "  set attribute=a value=k\n"},
    /* Private members are passed over. */
    {"\"from\":\"v.*\"", "{\"p_k\":\"x\",\"l\":\"y\"}",
     "  set attribute=a value=y\n"},
    {"\"from\":\"v\",\"keys\":true", "{\"p_k\":true,\"k\":true}",
     "  set attribute=a value=k\n"},
    {"\"from\":\"$.v\"", "\"x\"", "  set attribute=a value=x\n"},
    {"\"from\":\"v\"", "\"a\\u00e9\"", "  set attribute=a value=a\xc3\xa9\n"},
};

static void test_ingest_map__paths_lead_to_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char rules[400];
        char input[200];
        snprintf(rules, sizeof rules, ID ",{\"to\":\"set.a\",%s}",
                 paths[i].rule);
        mapping *m = with_rules("json", "", rules);
        snprintf(input, sizeof input, "{\"id\":\"1\",\"v\":%s}\n",
                 paths[i].value);
        assert_facts(m, input, paths[i].facts);
        mapping_free(m);
    }
}

static void test_ingest_map__events_of_each_element(void **state)
{
    (void)state;
    mapping *m = with_rules(
        "json", "\"zone\":\"+01:00\",",
        ID ",{\"to\":\"events.purchase\",\"each\":\"lines\",\"value\":"
           "{\"from\":\".sku\"},\"amount\":{\"from\":\".price\"},\"ts\":"
           "{\"from\":\"at\",\"date\":\"iso\"},\"if\":{\"field\":\".void\","
           "\"empty\":true}},"
           "{\"to\":\"events\",\"name\":{\"from\":\"what\",\"slug\":true}}");
    assert_facts(m,
                 "{\"id\":\"1\",\"at\":\"2026-10-01T01:00\",\"lines\":["
                 "{\"sku\":\"a\",\"price\":1.5},{\"price\":9},{\"sku\":[\"b\","
                 "\"c\"]},{\"sku\":\"d\",\"void\":true}],\"what\":\"Order "
                 "Done\"}",
                 "  event attribute=purchase value=a ts=1790812800 count=1 "
                 "amount=15000\n"
                 "  event attribute=purchase value=b ts=1790812800 count=1\n"
                 "  event attribute=purchase value=c ts=1790812800 count=1\n"
                 "  event attribute=order_done ts=1795262400 count=1\n");
    assert_facts(m, "{\"id\":\"1\",\"lines\":[]}", "");
    mapping_free(m);
}

static void test_ingest_map__events_may_be_required(void **state)
{
    (void)state;
    mapping *m = with_rules(
        "csv", "",
        ID ",{\"to\":\"events.e\",\"required\":true,\"value\":{\"from\":\"v\"},"
           "\"if\":{\"field\":\"w\",\"in\":\"1\"}}");
    assert_facts(m, "id,v,w\n1,x,1\n",
                 "  event attribute=e value=x ts=1795262400 count=1\n");
    assert_facts(m, "id,v,w\n1,,0\n", "");
    assert_refusal(m, "id,v,w\n1,,1\n",
                   "reject missing [/events] the event that is required is not "
                   "there (rule 2, events.e)\n");
    mapping_free(m);
}

static void test_ingest_map__rows_of_documents(void **state)
{
    (void)state;
    mapping *m =
        with_rules("json", "\"each\":\"people\",",
                   ID ",{\"to\":\"set.shop\",\"from\":\"$.shop\"},"
                      "{\"to\":\"set.n\",\"from\":\"n\",\"number\":true}");
    buffer out;
    map_text(&out, m,
             "{\"shop\":\"x\",\"people\":[{\"id\":\"1\"},7,{\"id\":\"2\","
             "\"n\":\"y\"},{\"n\":1}]}\n"
             "{\"people\":{}}\n{\"peoples\":[]}\n[]\n{\"people\":null}\n"
             "{\"people\":\"none\"}\n");
    const char *text = buffer_cstr(&out);
    assert_non_null(strstr(text, "set attribute=shop value=x"));
    assert_non_null(strstr(text, "reject wrong_type [] row 2 of the line is "
                                 "not an object\n"));
    assert_non_null(strstr(text, "reject bad_number [/set/n] the value is no "
                                 "number of this form, or too large (rule 3, "
                                 "set.n, row 3)\n"));
    assert_non_null(strstr(text, "reject no_ids [/ids]"));
    assert_non_null(strstr(text, "(row 4)\n"));
    size_t without = 0;
    for (const char *at = text;
         (at = strstr(at, "reject missing [] the line has no rows where "
                          "`each` says\n")) != NULL;
         at++)
        without++;
    assert_int_equal(without, 3);
    buffer_release(&out);
    mapping_free(m);
}

static void test_ingest_map__a_slug_hides_nobody(void **state)
{
    (void)state;
    mapping *m = with_rules("json", "",
                            ID ",{\"to\":\"events\",\"name\":{\"from\":\"v\","
                               "\"slug\":true}}");
    assert_refusal(m, "{\"id\":\"1\",\"v\":\"jo@example.com\"}\n",
                   "reject pii_suspected [/events/name] the value looks like "
                   "an e-mail address or a phone number; it is not stored "
                   "(rule 2, events)\n");
    mapping_free(m);
}

static void test_ingest_map__an_array_is_read_too(void **state)
{
    (void)state;
    mapping *m =
        with_rules("json", "", ID ",{\"to\":\"set.a\",\"from\":\"v\"}");
    assert_facts(m, "[\n{\"id\":\"1\",\n\"v\":\"x\"}\n]",
                 "  set attribute=a value=x\n");
    mapping_free(m);
}

/* ---- rows ---- */

#define RULES                                                                  \
    "{\"to\":\"ids.customer\",\"from\":\"id\",\"split\":\"|\"},"               \
    "{\"to\":\"ids.cookie\",\"from\":\"cookie\"},"                             \
    "{\"to\":\"ts\",\"from\":\"when\",\"date\":\"D.M.YYYY\"},"                 \
    "{\"to\":\"set.country\",\"from\":\"country\",\"map\":{\"a\":\"A\"},"      \
    "\"else\":\"reject\"},"                                                    \
    "{\"to\":\"set.n\",\"from\":\"n\",\"number\":true,\"required\":true},"     \
    "{\"to\":\"set.f\",\"from\":\"f\",\"flag\":true},"                         \
    "{\"to\":\"add.l\",\"from\":\"l\",\"split\":\";\"},"                       \
    "{\"to\":\"add.l\",\"from\":\"m\",\"split\":\";\"},"                       \
    "{\"to\":\"events.e\",\"value\":{\"from\":\"e\"},\"count\":{\"from\":"     \
    "\"c\"}}"
#define HEADER "id,cookie,when,country,n,f,l,m,e,c\n"

typedef struct fate {
    const char *row;
    const char *outcome;
} fate;

/* A malformed file: the fate of each of its rows. */
static const fate fates[] = {
    {"1,,,,1,,,,,", "record"},
    {"1,,31.12.2025,a,1,yes,x;y,z,v,2", "record"},
    {"1,,32.12.2025,,1,,,,,",
     "reject bad_time [/ts] the date has none of the formats (rule 3, ts)"},
    {"1,,1.1.2030,,1,,,,,", "reject future [/ts] the time is more than 24 "
                            "hours after now (rule 3, ts)"},
    {"1,,,b,1,,,,,", "reject bad_value [/set/country] the value is not in "
                     "`map` (rule 4, set.country)"},
    {"1,,,,,,,,,", "reject missing [/set/n] what is required is empty (rule 5, "
                   "set.n)"},
    {"1,,,,1x,,,,,",
     "reject bad_number [/set/n] the value is no number of this form, or too "
     "large (rule 5, set.n)"},
    {"1,,,,1,ja,,,,", "reject bad_value [/set/f] the value is neither a word "
                      "for true nor for false (rule 6, set.f)"},
    {"1,,,,1,,x;a@b.de,,,",
     "reject pii_suspected [/add/l/1] the value looks like an e-mail address "
     "or a phone number; it is not stored (rule 7, add.l)"},
    {"1,,,,1,,x,y;a@b.de,,",
     "reject pii_suspected [/add/l/2] the value looks like an e-mail address "
     "or a phone number; it is not stored (rule 8, add.l)"},
    {"1,,,,1,,,,v,0",
     "reject bad_count [/events/0/count] a count is a whole number from 1 to "
     "1000000000 (rule 9, events.e)"},
    {"1,,,,1,,,,v,1.5",
     "reject bad_count [/events/0/count] a count is a whole number from 1 to "
     "1000000000 (rule 9, events.e)"},
    {",,,,1,,,,,", "reject no_ids [/ids]"},
    {"9|a@b.de,,,,1,,,,,", "reject pii_suspected [/ids/customer/1]"},
    {"1,\xff,,,1,,,,,", "reject bad_id [/ids/cookie]"},
    {"1,,,,1,,,,,,,", "reject bad_csv [] the row has 12 cells, the header 10"},
    {"1,\"x\"y,,,1,,,,,", "reject bad_csv []"},
    {"drop,,,,,,,,,", ""},
    {"1,\"open,,,1,,,,,", "reject bad_csv [] a quote is opened"},
};

static void test_ingest_map__each_row_has_its_fate(void **state)
{
    (void)state;
    mapping *m = with_rules("csv",
                            "\"drop\":[{\"if\":{\"field\":\"id\",\"in\":"
                            "\"DROP\"},\"reason\":\"test\"}],",
                            RULES);
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        buffer text;
        buffer out;
        buffer_init(&text, 1 << 16);
        buffer_printf(&text, HEADER "%s\n", fates[i].row);
        map_text(&out, m, buffer_cstr(&text));
        const char *wanted = fates[i].outcome;
        const bool none = *wanted == '\0' && out.len > 0;
        if (none || strncmp(buffer_cstr(&out), wanted, strlen(wanted)) != 0)
            fail_msg("%s\ngave\n%s", fates[i].row, buffer_cstr(&out));
        buffer_release(&out);
        buffer_release(&text);
    }
    mapping_free(m);
}

static void test_ingest_map__drops_are_counted(void **state)
{
    (void)state;
    static const char input[] = "id,k\n1,a\n2,b\n3,B\n4,c\n5,\n";
    mapping *m = with_rules(
        "csv",
        "\"drop\":[{\"if\":{\"field\":\"k\",\"in\":[\"c\"]},\"reason\":\"x\"},"
        "{\"if\":{\"field\":\"k\",\"in\":[\"b\"]},\"reason\":\"y\"},"
        "{\"if\":{\"field\":\"k\",\"empty\":true},\"reason\":\"x\"}],",
        ID);
    ingest_options options = test_options(INGEST_AUTO);
    options.mapping = m;
    fact_batch *b = NULL;
    assert_int_equal(
        ingest_parse_chunk(&options, input, strlen(input), &b, NULL), 0);
    assert_int_equal(b->record_count, 1);
    assert_int_equal(b->reject_count, 0);
    assert_string_equal(mapping_drop_word(b->mapping, 0), "x");
    assert_string_equal(mapping_drop_word(b->mapping, 1), "y");
    assert_null(mapping_drop_word(b->mapping, 2));
    assert_int_equal(b->dropped[0], 2);
    assert_int_equal(b->dropped[1], 2);
    fact_batch_free(b);
    mapping_free(m);
}

static void test_ingest_map__first_rules_win_where_one_value_stands(void **s)
{
    (void)s;
    mapping *m = with_rules(
        "csv", "\"provider\":\"own\",\"ttl\":\"7d\",",
        ID ",{\"to\":\"set.a\",\"from\":\"x\"},{\"to\":\"add.b\",\"from\":"
           "\"x\"},{\"to\":\"set.a\",\"const\":\"y\"},{\"to\":\"add.b\","
           "\"const\":[\"p\",\"q\"]},{\"to\":\"provider\",\"from\":\"by\"}");
    buffer out;
    map_text(&out, m, "id,x,by\n1,v,\n2,,acme\n");
    const char *text = buffer_cstr(&out);
    assert_non_null(strstr(text, "record provider=own ts=1795262400 ttl=168"));
    assert_non_null(strstr(text, "record provider=acme"));
    assert_non_null(strstr(text, "  set attribute=a value=v\n"
                                 "  add attribute=b value=v\n"
                                 "  add attribute=b value=p\n"
                                 "  add attribute=b value=q\n"));
    assert_non_null(strstr(text, "  set attribute=a value=y\n"
                                 "  add attribute=b value=p\n"));
    buffer_release(&out);
    mapping_free(m);
}

/* Fields may use those before them; what they hold is kept nowhere. */
static void test_ingest_map__own_fields_are_used_and_forgotten(void **state)
{
    (void)state;
    mapping *m = with_rules(
        "csv",
        "\"fields\":{\"p_full\":{\"join\":[\"a\",\"b\"],\"with\":\"-\"},"
        "\"p_low\":{\"from\":\"p_full\",\"lower\":true}},",
        "{\"to\":\"ids.customer\",\"from\":\"p_low\"},"
        "{\"to\":\"set.vip\",\"from\":\"p_low\",\"flag\":{\"true\":\"x-y\"},"
        "\"invalid\":\"drop\"}");
    mapping *plain = with_rules("csv", "",
                                "{\"to\":\"ids.customer\",\"from\":\"a\"},"
                                "{\"to\":\"set.vip\",\"const\":true}");
    buffer out;
    buffer same;
    map_text(&out, m, "a,b\nX,Y\n");
    map_text(&same, plain, "a\nx-y\n");
    assert_string_equal(buffer_cstr(&out), buffer_cstr(&same));
    buffer_release(&out);
    buffer_release(&same);
    mapping_free(m);
    mapping_free(plain);
}

/* UID2's own vectors. */
static void test_ingest_map__contacts_are_hashed_first(void **state)
{
    (void)state;
    mapping *m = with_rules("csv", "",
                            "{\"to\":\"ids.email_sha256\",\"from\":\"m\","
                            "\"hash\":\"uid2\"}");
    mapping *plain =
        with_rules("csv", "", "{\"to\":\"ids.email_sha256\",\"from\":\"m\"}");
    buffer out;
    buffer same;
    map_text(&out, m, "m\nJANE.SAOIRSE@gmail.com\n");
    map_text(&same, plain,
             "m\n92ee26057ed9dea2535d6c8b141d48373932476599196e00352254896db58"
             "88f\n");
    assert_string_equal(buffer_cstr(&out), buffer_cstr(&same));
    buffer_release(&out);
    buffer_release(&same);
    assert_refusal(m, "m\nnobody\n",
                   "reject bad_id [/ids/email_sha256] the contact cannot be "
                   "normalised (rule 1, ids.email_sha256)\n");
    mapping_free(m);
    mapping_free(plain);
}

/* ---- headers ---- */

static void assert_header(const char *members, const char *rules,
                          const char *input, const char *message,
                          const char *suggestion)
{
    mapping *m = with_rules("csv", members, rules);
    ingest_options options = test_options(INGEST_AUTO);
    fact_batch *b = NULL;
    muster_error err;
    options.mapping = m;
    const int rc = ingest_parse_chunk(&options, input, strlen(input), &b, &err);
    if (message == NULL) {
        assert_int_equal(rc, 0);
        assert_int_equal(b->reject_count, 0);
        assert_int_equal(b->record_count, 1);
    } else if (rc != MUSTER_EPARSE || strstr(err.message, message) == NULL ||
               strcmp(err.suggestion, suggestion) != 0) {
        fail_msg("%s\ngave %s / %s", input, err.message, err.suggestion);
    }
    fact_batch_free(b);
    mapping_free(m);
}

static void test_ingest_map__columns_are_found(void **state)
{
    (void)state;
    static const char two[] = ID ",{\"to\":\"set.a\",\"from\":\"Email ok\"}";
    assert_header("", two, "id,Email ok\n1,x\n", NULL, "");
    assert_header("", two, "\xef\xbb\xbfid,EMAIL OK \n1,x\n", NULL, "");
    assert_header("", two, "x;id;\"Email, ok\";Email ok\n9;1;;x\n", NULL, "");
    assert_header("", two, "id\tEmail ok\n1\tx\n", NULL, "");
    assert_header("\"separator\":\"|\",", two, "id|Email ok\n\"1\"|x\n", NULL,
                  "");
    assert_header("\"columns\":[\"Email ok\",\"id\"],", two, "x,1\n", NULL, "");
    assert_header("", two, "id,Emale ok\n1,x\n",
                  "no column `Email ok`, which rule 2 (set.a)", "Emale ok");
    /* Not a header: nothing of it is shown. */
    assert_header("", two, "Email_ok,idd\n1,x\n", "is there a header?", "");
    /* A private column is meant by its own name alone. */
    assert_header("", ID ",{\"to\":\"set.a\",\"from\":\"P_b\"}",
                  "id,p_b\n1,x\n", "no column `P_b`", "p_b");
    assert_header("", ID ",{\"to\":\"set.a\",\"from\":\"b\",\"optional\":true}",
                  "id\n1\n", NULL, "");
    assert_header("", ID ",{\"to\":\"set.a\",\"from\":[\"b\",\"c\"]}",
                  "id,c\n1,x\n", NULL, "");
    assert_header("", ID ",{\"to\":\"set.a\",\"from\":[\"b\",\"c\"]}",
                  "id\n1\n", "no column `b`", "");
    assert_header("",
                  ID ",{\"to\":\"set.a\",\"const\":\"x\",\"if\":{\"field\":"
                     "\"b\",\"in\":\"1\"}}",
                  "id\n1\n", "no column `b`, which rule 2 (set.a)", "");
    assert_header("",
                  ID ",{\"to\":\"set.a\",\"const\":\"x\",\"if\":{\"field\":"
                     "\"b\",\"in\":\"1\",\"optional\":true}}",
                  "id\n1\n", NULL, "");
}

static void keep_notice(void *payload, const char *text)
{
    buffer_put_str(payload, text);
}

static void test_ingest_map__unused_columns_are_told_once(void **state)
{
    (void)state;
    static const char input[] =
        "id,Name,p_own,a@b.de,Phone\n1,x,y,z,q\n2,x,y,z,q\n";
    mapping *m = with_rules("csv", "", ID);
    ingest_options options = test_options(INGEST_AUTO);
    buffer notices;
    fact_batch *b = NULL;
    buffer_init(&notices, 1 << 16);
    options.mapping = m;
    options.notice = keep_notice;
    options.notice_payload = &notices;
    assert_int_equal(
        ingest_parse_chunk(&options, input, strlen(input), &b, NULL), 0);
    assert_string_equal(buffer_cstr(&notices),
                        "no rule uses 3 columns: Name, Phone, ...");
    fact_batch_free(b);
    buffer_release(&notices);
    mapping_free(m);
}

/* ---- bounds ---- */

static void test_ingest_map__a_row_is_bounded(void **state)
{
    (void)state;
    buffer row;
    buffer out;
    buffer_init(&row, 1 << 21);
    buffer_put_str(&row, "{\"id\":\"1\",\"v\":\"");
    while (row.len < 1000000)
        buffer_put_str(&row, "A;");
    buffer_put_str(&row, "\"}\n");
    mapping *many = with_rules(
        "json", "", ID ",{\"to\":\"add.a\",\"from\":\"v\",\"split\":\";\"}");
    map_text(&out, many, buffer_cstr(&row));
    assert_string_equal(buffer_cstr(&out),
                        "reject too_many [/add/a] too many values (rule 2, "
                        "add.a)\n");
    buffer_release(&out);
    mapping_free(many);
    mapping *longer = with_rules(
        "json", "",
        ID ",{\"to\":\"add.a\",\"join\":[\"v\",\"v\",\"v\",\"v\",\"v\"]}");
    map_text(&out, longer, buffer_cstr(&row));
    assert_string_equal(buffer_cstr(&out),
                        "reject too_long [/add/a] the row becomes too long "
                        "while it is mapped (rule 2, add.a)\n");
    buffer_release(&out);
    mapping_free(longer);
    /* Fields of fields would grow without end. */
    buffer_clear(&row);
    buffer_put_str(&row, "\"fields\":{\"p_0\":{\"from\":\"v\"}");
    for (int i = 1; i < 100; i++)
        buffer_printf(&row, ",\"p_%d\":{\"join\":[\"p_%d\",\"p_%d\"]}", i,
                      i - 1, i - 1);
    buffer_put_str(&row, "},");
    mapping *grown = with_rules("json", buffer_cstr(&row), ID);
    map_text(&out, grown, "{\"id\":\"1\",\"v\":\"x\"}\n");
    assert_string_equal(buffer_cstr(&out), "reject too_long [] the row becomes "
                                           "too long while it is mapped\n");
    buffer_release(&out);
    mapping_free(grown);
    buffer_release(&row);
}

static void test_ingest_map__a_document_is_bounded(void **state)
{
    (void)state;
    buffer text;
    buffer out;
    buffer_init(&text, 1 << 21);
    mapping *m = with_rules("json", "\"each\":\"r\",", ID);
    buffer_put_str(&text, "{\"r\":[{\"id\":\"1\"}");
    for (int i = 1; i < 10001; i++)
        buffer_put_str(&text, ",{\"id\":\"1\"}");
    buffer_put_str(&text, "]}\n");
    map_text(&out, m, buffer_cstr(&text));
    const char *all = buffer_cstr(&out);
    size_t records = 0;
    for (const char *at = all; (at = strstr(at, "record provider")) != NULL;
         at++)
        records++;
    assert_int_equal(records, 10000);
    assert_non_null(strstr(all, "reject too_many [] a document has at most "
                                "10000 rows"));
    buffer_release(&out);
    buffer_release(&text);
    mapping_free(m);
}

/* Each row takes all that stands beside the rows. */
static void test_ingest_map__rows_together_are_bounded(void **state)
{
    (void)state;
    buffer text;
    buffer_init(&text, 1 << 21);
    mapping *m = with_rules("json", "\"each\":\"r\",",
                            ID ",{\"to\":\"add.a\",\"from\":\"$.t\"}");
    buffer_put_str(&text, "{\"t\":[\"x\"");
    for (int i = 1; i < 9000; i++)
        buffer_put_str(&text, ",\"x\"");
    buffer_put_str(&text, "],\"r\":[{\"id\":\"1\"}");
    for (int i = 1; i < 1000; i++)
        buffer_put_str(&text, ",{\"id\":\"1\"}");
    buffer_put_str(&text, "]}\n");
    ingest_options options = test_options(INGEST_AUTO);
    options.mapping = m;
    fact_batch *b = NULL;
    assert_int_equal(ingest_parse_chunk(&options, (const char *)text.data,
                                        text.len, &b, NULL),
                     0);
    assert_in_range(b->record_count, 200, 240);
    assert_int_equal(b->reject_count, 1);
    assert_int_equal(b->rejects[0].reason, INGEST_TOO_MANY);
    fact_batch_free(b);
    buffer_release(&text);
    mapping_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_map__what_is_wrong_is_said),
        cmocka_unit_test(test_ingest_map__files_are_bounded),
        cmocka_unit_test(test_ingest_map__values_become_facts),
        cmocka_unit_test(test_ingest_map__paths_lead_to_values),
        cmocka_unit_test(test_ingest_map__events_of_each_element),
        cmocka_unit_test(test_ingest_map__events_may_be_required),
        cmocka_unit_test(test_ingest_map__rows_of_documents),
        cmocka_unit_test(test_ingest_map__an_array_is_read_too),
        cmocka_unit_test(test_ingest_map__each_row_has_its_fate),
        cmocka_unit_test(test_ingest_map__drops_are_counted),
        cmocka_unit_test(
            test_ingest_map__first_rules_win_where_one_value_stands),
        cmocka_unit_test(test_ingest_map__own_fields_are_used_and_forgotten),
        cmocka_unit_test(test_ingest_map__contacts_are_hashed_first),
        cmocka_unit_test(test_ingest_map__columns_are_found),
        cmocka_unit_test(test_ingest_map__unused_columns_are_told_once),
        cmocka_unit_test(test_ingest_map__a_row_is_bounded),
        cmocka_unit_test(test_ingest_map__a_document_is_bounded),
        cmocka_unit_test(test_ingest_map__rows_together_are_bounded),
        cmocka_unit_test(test_ingest_map__a_slug_hides_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
