/*
 * record_test.c - the checks of one record: every reason a parser gives, with
 * its pointer, and what a record becomes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

#define IDS "\"ids\":{\"cookie\":\"a1\"}"

typedef struct refusal {
    const char *line;
    ingest_reason reason;
    const char *pointer;
} refusal;

static const refusal refusals[] = {
    /* not a record */
    {"nonsense", INGEST_BAD_JSON, ""},
    {"[]", INGEST_BAD_JSON, ""},
    {"17", INGEST_BAD_JSON, ""},
    {"{" IDS "} {}", INGEST_BAD_JSON, ""},
    {"{" IDS, INGEST_BAD_JSON, ""},
    {"{" IDS ",\"set\":{\"a\":\"\xff\"}}", INGEST_BAD_UTF8, ""},
    {"{" IDS ",\"set\":{\"a\":\"\xed\xa0\x80\"}}", INGEST_BAD_UTF8, ""},
    /* ids */
    {"{}", INGEST_NO_IDS, "/ids"},
    {"{\"ids\":{}}", INGEST_NO_IDS, "/ids"},
    {"{\"ids\":{\"cookie\":[]}}", INGEST_NO_IDS, "/ids"},
    {"{\"ids\":\"a1\"}", INGEST_WRONG_TYPE, "/ids"},
    {"{\"ids\":{\"cookie\":17}}", INGEST_WRONG_TYPE, "/ids/cookie"},
    {"{\"ids\":{\"cookie\":null}}", INGEST_WRONG_TYPE, "/ids/cookie"},
    {"{\"ids\":{\"cookie\":[\"a\",17]}}", INGEST_WRONG_TYPE, "/ids/cookie/1"},
    {"{\"ids\":{\"cookie\":\"\"}}", INGEST_BAD_ID, "/ids/cookie"},
    {"{\"ids\":{\"cookie\":[\"a\",\"\"]}}", INGEST_BAD_ID, "/ids/cookie/1"},
    {"{\"ids\":{\"gaid\":\"a1\"}}", INGEST_BAD_ID, "/ids/gaid"},
    {"{\"ids\":{\"cookie\":\"max@example.com\"}}", INGEST_PII_SUSPECTED,
     "/ids/cookie"},
    {"{\"ids\":{\"customer\":[\"a\",\"+49 30 1234567\"]}}",
     INGEST_PII_SUSPECTED, "/ids/customer/1"},
    {"{\"ids\":{\"Cookie\":\"a\"}}", INGEST_BAD_NAME, "/ids"},
    {"{\"ids\":{\"\":\"a\"}}", INGEST_BAD_NAME, "/ids"},
    {"{\"ids\":{\"6d92078a-8246-4ba4-ae5b-76104861e7dc\":\"cookie\"}}",
     INGEST_BAD_NAME, "/ids"},
    {"{\"ids\":{\"cookie\":\"a\",\"cookie\":\"b\"}}", INGEST_DUPLICATE_KEY,
     "/ids/cookie"},
    /* ts */
    {"{" IDS ",\"ts\":\"yesterday\"}", INGEST_BAD_TIME, "/ts"},
    {"{" IDS ",\"ts\":\"2026-02-29T00:00:00Z\"}", INGEST_BAD_TIME, "/ts"},
    {"{" IDS ",\"ts\":1795262400000}", INGEST_BAD_TIME, "/ts"},
    {"{" IDS ",\"ts\":-2208988801}", INGEST_BAD_TIME, "/ts"},
    {"{" IDS ",\"ts\":1.5}", INGEST_BAD_TIME, "/ts"},
    {"{" IDS ",\"ts\":true}", INGEST_WRONG_TYPE, "/ts"},
    {"{" IDS ",\"ts\":null}", INGEST_WRONG_TYPE, "/ts"},
    {"{" IDS ",\"ts\":1795348801}", INGEST_FUTURE, "/ts"},
    {"{" IDS ",\"ts\":\"2026-11-22T12:00:01Z\"}", INGEST_FUTURE, "/ts"},
    /* provider, ttl */
    {"{" IDS ",\"provider\":\"My Shop\"}", INGEST_BAD_NAME, "/provider"},
    {"{" IDS ",\"provider\":\"\"}", INGEST_BAD_NAME, "/provider"},
    {"{" IDS ",\"provider\":7}", INGEST_WRONG_TYPE, "/provider"},
    {"{" IDS ",\"ttl\":\"30\"}", INGEST_BAD_TTL, "/ttl"},
    {"{" IDS ",\"ttl\":\"030d\"}", INGEST_BAD_TTL, "/ttl"},
    {"{" IDS ",\"ttl\":30}", INGEST_BAD_TTL, "/ttl"},
    {"{" IDS ",\"ttl\":0.5}", INGEST_BAD_TTL, "/ttl"},
    {"{" IDS ",\"ttl\":[]}", INGEST_WRONG_TYPE, "/ttl"},
    /* members */
    {"{" IDS ",\"sett\":{}}", INGEST_UNKNOWN_FIELD, "/sett"},
    {"{" IDS ",\"Set!\":{}}", INGEST_UNKNOWN_FIELD, ""},
    {"{" IDS ",\"\":{}}", INGEST_UNKNOWN_FIELD, ""},
    {"{" IDS ",\"4111111111111111\":1}", INGEST_UNKNOWN_FIELD, ""},
    {"{" IDS ",\"set\":{},\"set\":{}}", INGEST_DUPLICATE_KEY, "/set"},
    {"{" IDS "," IDS "}", INGEST_DUPLICATE_KEY, "/ids"},
    {"{" IDS ",\"ip\":1}", INGEST_WRONG_TYPE, "/ip"},
    {"{" IDS ",\"ua\":{}}", INGEST_WRONG_TYPE, "/ua"},
    {"{" IDS ",\"consent\":\"x\"}", INGEST_WRONG_TYPE, "/consent"},
    {"{" IDS ",\"consent\":{\"a\":1,\"a\":2}}", INGEST_DUPLICATE_KEY,
     "/consent"},
    {"{" IDS ",\"consent\":{\"a\":[1,{\"b\":1,\"c\":2,\"b\":3}]}}",
     INGEST_DUPLICATE_KEY, "/consent"},
    /* set */
    {"{" IDS ",\"set\":[]}", INGEST_WRONG_TYPE, "/set"},
    {"{" IDS ",\"set\":{\"a\":{}}}", INGEST_WRONG_TYPE, "/set/a"},
    {"{" IDS ",\"set\":{\"a.b\":1,\"a.b\":2}}", INGEST_DUPLICATE_KEY,
     "/set/a.b"},
    {"{" IDS ",\"set\":{\"Geo\":1}}", INGEST_BAD_NAME, "/set"},
    {"{" IDS ",\"set\":{\"a..b\":1}}", INGEST_BAD_NAME, "/set/a..b"},
    {"{" IDS ",\"set\":{\"a.\":1}}", INGEST_BAD_NAME, "/set/a."},
    {"{" IDS ",\"set\":{\"\":1}}", INGEST_BAD_NAME, "/set"},
    {"{" IDS ",\"set\":{\"max@example.com\":true}}", INGEST_BAD_NAME, "/set"},
    {"{" IDS ",\"set\":{\"a\":\"\"}}", INGEST_BAD_VALUE, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":\"x\\ny\"}}", INGEST_BAD_VALUE, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":\"\\u0000\"}}", INGEST_BAD_VALUE, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":\"\\u0085\"}}", INGEST_BAD_VALUE, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":\"\\u007f\"}}", INGEST_BAD_VALUE, "/set/a"},
    {"{" IDS ",\"set\":{\"email\":\"max@example.com\"}}", INGEST_PII_SUSPECTED,
     "/set/email"},
    {"{" IDS ",\"set\":{\"a\":1099511627776}}", INGEST_BAD_NUMBER, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":-1099511627776}}", INGEST_BAD_NUMBER, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":1e13}}", INGEST_BAD_NUMBER, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":99999999999999999999}}", INGEST_BAD_NUMBER,
     "/set/a"},
    {"{" IDS ",\"set\":{\"a\":0.00001}}", INGEST_BAD_NUMBER, "/set/a"},
    {"{" IDS ",\"set\":{\"a\":[\"x\",1]}}", INGEST_WRONG_TYPE, "/set/a/1"},
    {"{" IDS ",\"set\":{\"a\":[\"x\",\"\"]}}", INGEST_BAD_VALUE, "/set/a/1"},
    /* add, remove, clear */
    {"{" IDS ",\"add\":1}", INGEST_WRONG_TYPE, "/add"},
    {"{" IDS ",\"add\":{\"a\":1}}", INGEST_WRONG_TYPE, "/add/a"},
    {"{" IDS ",\"add\":{\"a\":[1]}}", INGEST_WRONG_TYPE, "/add/a/0"},
    {"{" IDS ",\"add\":{\"a\":[\"x\"],\"a\":[\"y\"]}}", INGEST_DUPLICATE_KEY,
     "/add/a"},
    {"{" IDS ",\"remove\":{\"a\":null}}", INGEST_WRONG_TYPE, "/remove/a"},
    {"{" IDS ",\"remove\":{\"a\":[\"x\",\"\"]}}", INGEST_BAD_VALUE,
     "/remove/a/1"},
    {"{" IDS ",\"remove\":{\"a\":\"x\",\"a\":\"x\"}}", INGEST_DUPLICATE_KEY,
     "/remove/a"},
    {"{" IDS ",\"clear\":\"a\"}", INGEST_WRONG_TYPE, "/clear"},
    {"{" IDS ",\"clear\":[\"a\",1]}", INGEST_WRONG_TYPE, "/clear/1"},
    {"{" IDS ",\"clear\":[\"a\",\"A\"]}", INGEST_BAD_NAME, "/clear/1"},
    /* events */
    {"{" IDS ",\"events\":{}}", INGEST_WRONG_TYPE, "/events"},
    {"{" IDS ",\"events\":[1]}", INGEST_WRONG_TYPE, "/events/0"},
    {"{" IDS ",\"events\":[{}]}", INGEST_BAD_NAME, "/events/0/name"},
    {"{" IDS ",\"events\":[{\"name\":1}]}", INGEST_WRONG_TYPE,
     "/events/0/name"},
    {"{" IDS ",\"events\":[{\"name\":\"e\"},{\"name\":\"E\"}]}",
     INGEST_BAD_NAME, "/events/1/name"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"value\":1}]}", INGEST_WRONG_TYPE,
     "/events/0/value"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"value\":\"\"}]}", INGEST_BAD_VALUE,
     "/events/0/value"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"value\":\"a@b.de\"}]}",
     INGEST_PII_SUSPECTED, "/events/0/value"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"count\":0}]}", INGEST_BAD_COUNT,
     "/events/0/count"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"count\":-1}]}", INGEST_BAD_COUNT,
     "/events/0/count"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"count\":1.5}]}", INGEST_BAD_COUNT,
     "/events/0/count"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"count\":1000000001}]}",
     INGEST_BAD_COUNT, "/events/0/count"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"count\":\"1\"}]}",
     INGEST_WRONG_TYPE, "/events/0/count"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"amount\":-0.01}]}",
     INGEST_BAD_NUMBER, "/events/0/amount"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"amount\":10000000.0001}]}",
     INGEST_BAD_NUMBER, "/events/0/amount"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"amount\":0.00001}]}",
     INGEST_BAD_NUMBER, "/events/0/amount"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"amount\":\"1\"}]}",
     INGEST_WRONG_TYPE, "/events/0/amount"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"ts\":\"x\"}]}", INGEST_BAD_TIME,
     "/events/0/ts"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"ts\":1795348801}]}", INGEST_FUTURE,
     "/events/0/ts"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"nmae\":1}]}", INGEST_UNKNOWN_FIELD,
     "/events/0"},
    {"{" IDS ",\"events\":[{\"name\":\"e\",\"name\":\"e\"}]}",
     INGEST_DUPLICATE_KEY, "/events/0/name"},
};

static void
test_ingest_record__each_fault_has_its_reason_and_pointer(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        assert_refused(&options, refusals[i].line, strlen(refusals[i].line),
                       refusals[i].reason, refusals[i].pointer);
}

static void assert_reads(const char *line, const char *facts)
{
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer text;
    parse_chunk_text(&text, &options, line, strlen(line));
    const char *got = strchr(buffer_cstr(&text), '\n');
    assert_non_null(got);
    assert_string_equal(got + 1, facts);
    buffer_release(&text);
}

static void test_ingest_record__sections_apply_in_their_order(void **state)
{
    (void)state;
    assert_reads("{\"events\":[{\"name\":\"e\"}],\"add\":{\"m\":[\"x\"]},"
                 "\"set\":{\"o\":\"v\"},\"remove\":{\"m\":\"y\"},"
                 "\"clear\":[\"c\"]," IDS "}",
                 "  clear attribute=c\n"
                 "  remove attribute=m value=y\n"
                 "  set attribute=o value=v\n"
                 "  add attribute=m value=x\n"
                 "  event attribute=e ts=1795262400 count=1\n");
}

static void test_ingest_record__set_reads_each_json_type(void **state)
{
    (void)state;
    assert_reads(
        "{" IDS ",\"set\":{\"s\":\"v\",\"n\":34,\"d\":-0.0001,\"x\":1.5e3,"
        "\"t\":true,\"f\":false,\"l\":[\"a\",\"b\"],\"e\":[],\"z\":null,"
        "\"big\":1099511627775.9999}}",
        "  set attribute=s value=v\n"
        "  number attribute=n number=340000\n"
        "  number attribute=d number=-1\n"
        "  number attribute=x number=15000000\n"
        "  flag attribute=t\n"
        "  unflag attribute=f\n"
        "  replace attribute=l\n"
        "  add attribute=l value=a\n"
        "  add attribute=l value=b\n"
        "  replace attribute=e\n"
        "  clear attribute=z\n"
        "  number attribute=big number=10995116277759999\n");
}

static void
test_ingest_record__events_carry_value_count_amount_time(void **state)
{
    (void)state;
    assert_reads(
        "{" IDS ",\"ts\":1795000000,\"events\":["
        "{\"name\":\"a.b\",\"value\":\"v\",\"count\":7,\"amount\":19.90,"
        "\"ts\":\"2026-11-19T01:02:03+01:00\"},"
        "{\"name\":\"a.b\",\"amount\":0},"
        "{\"name\":\"a.b\",\"count\":1000000000,\"amount\":10000000}]}",
        "  event attribute=a.b value=v ts=1795046523 count=7 amount=199000\n"
        "  event attribute=a.b ts=1795000000 count=1 amount=0\n"
        "  event attribute=a.b ts=1795000000 count=1000000000"
        " amount=100000000000\n");
}

static void assert_head(const char *line, const char *head)
{
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer text;
    parse_chunk_text(&text, &options, line, strlen(line));
    const char *got = buffer_cstr(&text);
    if (strncmp(got, head, strlen(head)) != 0)
        fail_msg("wanted %s, got %s", head, got);
    buffer_release(&text);
}

static void test_ingest_record__head_has_provider_time_ttl(void **state)
{
    (void)state;
    assert_head("{" IDS "}", "record provider=default ts=1795262400 id=");
    assert_head("{" IDS ",\"provider\":\"shop\",\"ttl\":\"30d\","
                "\"ts\":\"2026-11-20T10:00:00.25Z\"}",
                "record provider=shop ts=1795168800 ttl=720 id=cookie:");
    assert_head("{" IDS ",\"ttl\":0}",
                "record provider=default ts=1795262400 ttl=0 id=");
    assert_head("{" IDS ",\"ttl\":\"0\",\"ts\":-2208988800}",
                "record provider=default ts=-2208988800 ttl=0 id=");
    assert_head("{" IDS ",\"ts\":1795348800}",
                "record provider=default ts=1795348800 id=");
    assert_head("{" IDS ",\"ip\":\"203.0.113.9\",\"ua\":\"x\","
                "\"consent\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}",
                "record provider=default ts=1795262400 id=");
}

static void
test_ingest_record__ids_keep_their_order_and_stand_once(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    const char *line = "{\"ids\":{\"customer\":[\"c9\",\"c10\",\"c9\"],"
                       "\"cookie\":\"a1\"}}";
    fact_batch *b = NULL;
    batch_reader r;
    fact_record record;
    assert_int_equal(ingest_parse_chunk(&options, line, strlen(line), &b, NULL),
                     0);
    assert_int_equal(batch_open(&r, b->bytes.data, b->bytes.len, NULL), 0);
    assert_true(batch_next_record(&r, &record));
    assert_int_equal(record.id_count, 3);
    static const char *const spaces[] = {"customer", "customer", "cookie"};
    static const char *const ids[] = {"c9", "c10", "a1"};
    for (uint32_t i = 0; i < 3; i++) {
        muster_pseudonym p;
        assert_int_equal(identity_pseudonymise(test_key(), text_of(spaces[i]),
                                               identity_raw_of(text_of(ids[i])),
                                               &p, NULL),
                         0);
        const uint8_t *id = record.ids + i * 17;
        assert_true(text_is(r.spaces[id[0]], spaces[i]));
        assert_memory_equal(id + 1, p.bytes, 16);
    }
    batch_close(&r);
    fact_batch_free(b);
}

/* Builds a record of `count` members by a printf form with one %d. */
static void many(buffer *out, const char *before, const char *each,
                 const char *after, unsigned count)
{
    buffer_init(out, 4 << 20);
    buffer_put_str(out, before);
    for (unsigned i = 0; i < count; i++) {
        char part[64];
        snprintf(part, sizeof part, "%s\"%s%u\"", i > 0 ? "," : "", each, i);
        buffer_put_str(out, part);
    }
    buffer_put_str(out, after);
}

static void test_ingest_record__limits_of_ids_and_facts(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer line;
    many(&line, "{\"ids\":{\"cookie\":[", "i", "]}}",
         MUSTER_RECORD_IDS_MAX + 1);
    assert_refused(&options, line.data, line.len, INGEST_TOO_MANY, "/ids");
    buffer_release(&line);
    many(&line, "{" IDS ",\"add\":{\"m\":[", "v", "]}}",
         MUSTER_RECORD_FACTS_MAX + 1);
    assert_refused(&options, line.data, line.len, INGEST_TOO_MANY, "");
    buffer_release(&line);

    fact_batch *b = NULL;
    many(&line, "{\"ids\":{\"cookie\":[", "i", "]}}", MUSTER_RECORD_IDS_MAX);
    assert_int_equal(
        ingest_parse_chunk(&options, (char *)line.data, line.len, &b, NULL), 0);
    assert_int_equal(b->record_count, 1);
    buffer_release(&line);
    fact_batch_free(b);
    many(&line, "{" IDS ",\"add\":{\"m\":[", "v", "]}}",
         MUSTER_RECORD_FACTS_MAX);
    assert_int_equal(
        ingest_parse_chunk(&options, (char *)line.data, line.len, &b, NULL), 0);
    assert_int_equal(b->record_count, 1);
    buffer_release(&line);
    fact_batch_free(b);
}

static void assert_sized(const char *before, char fill, size_t count,
                         const char *after, ingest_reason reason,
                         const char *pointer)
{
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer line;
    buffer_init(&line, 4 << 20);
    buffer_put_str(&line, before);
    for (size_t i = 0; i < count; i++)
        buffer_put_u8(&line, (uint8_t)fill);
    buffer_put_str(&line, after);
    if (reason != INGEST_OK) {
        assert_refused(&options, line.data, line.len, reason, pointer);
    } else {
        fact_batch *b = NULL;
        assert_int_equal(
            ingest_parse_chunk(&options, (char *)line.data, line.len, &b, NULL),
            0);
        assert_int_equal(b->record_count, 1);
        fact_batch_free(b);
    }
    buffer_release(&line);
}

static void test_ingest_record__limits_of_texts(void **state)
{
    (void)state;
    assert_sized("{" IDS ",\"set\":{\"a\":\"", 'x', MUSTER_VALUE_BYTES_MAX,
                 "\"}}", INGEST_OK, "");
    assert_sized("{" IDS ",\"set\":{\"a\":\"", 'x', MUSTER_VALUE_BYTES_MAX + 1,
                 "\"}}", INGEST_BAD_VALUE, "/set/a");
    assert_sized("{" IDS ",\"set\":{\"", 'x', MUSTER_NAME_BYTES_MAX, "\":1}}",
                 INGEST_OK, "");
    assert_sized("{" IDS ",\"set\":{\"", 'x', MUSTER_NAME_BYTES_MAX + 1,
                 "\":1}}", INGEST_BAD_NAME, "/set");
    assert_sized("{" IDS ",\"provider\":\"", 'x', MUSTER_NAME_BYTES_MAX + 1,
                 "\"}", INGEST_BAD_NAME, "/provider");
    assert_sized("{\"ids\":{\"", 'x', MUSTER_NAME_BYTES_MAX + 1, "\":\"a\"}}",
                 INGEST_BAD_NAME, "/ids");
    assert_sized("{\"ids\":{\"cookie\":\"", 'x', MUSTER_ID_BYTES_MAX, "\"}}",
                 INGEST_OK, "");
    assert_sized("{\"ids\":{\"cookie\":\"", 'x', MUSTER_ID_BYTES_MAX + 1,
                 "\"}}", INGEST_BAD_ID, "/ids/cookie");
    assert_sized("{\"ids\":{\"cookie\":\"a\"},\"ua\":\"", 'x',
                 MUSTER_RECORD_BYTES_MAX, "\"}", INGEST_TOO_LONG, "");
}

/* A name of 128 bytes fits the pointer only in part; nothing breaks. */
static void test_ingest_record__long_names_leave_the_pointer_valid(void **state)
{
    (void)state;
    char name[MUSTER_NAME_BYTES_MAX + 1];
    char line[512];
    char pointer[256];
    memset(name, 'n', sizeof name);
    name[MUSTER_NAME_BYTES_MAX] = '\0';
    const ingest_options options = test_options(INGEST_NDJSON);
    snprintf(line, sizeof line, "{" IDS ",\"remove\":{\"%s\":[\"\"]}}", name);
    snprintf(pointer, sizeof pointer, "/remove/%s/0", name);
    assert_refused(&options, line, strlen(line), INGEST_BAD_VALUE, pointer);
}

static void test_ingest_record__suggests_the_near_name(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    const char *line = "{" IDS ",\"evnets\":[]}";
    fact_batch *b = NULL;
    assert_int_equal(ingest_parse_chunk(&options, line, strlen(line), &b, NULL),
                     0);
    assert_non_null(strstr(b->rejects[0].message, "did you mean events"));
    fact_batch_free(b);
}

static void test_ingest_record__says_how_to_record_refunds(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    const char *line = "{" IDS ",\"events\":[{\"name\":\"e\",\"amount\":-1}]}";
    fact_batch *b = NULL;
    assert_int_equal(ingest_parse_chunk(&options, line, strlen(line), &b, NULL),
                     0);
    assert_non_null(strstr(b->rejects[0].message, "refunds"));
    fact_batch_free(b);
}

/* What is refused leaves no text behind, and the next record is read as if
 * it had not been there. */
static void test_ingest_record__a_refused_record_leaves_nothing(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_NDJSON);
    const char *good = "{" IDS ",\"set\":{\"a\":\"kept\"}}\n";
    const char *bad = "{\"ids\":{\"leftover\":\"a1\"},\"provider\":\"left\","
                      "\"set\":{\"left.over\":\"leftover\",\"a\":\"\"}}\n";
    fact_batch *plain = NULL;
    fact_batch *mixed = NULL;
    char lines[1024];
    snprintf(lines, sizeof lines, "%s%s", good, good);
    assert_int_equal(
        ingest_parse_chunk(&options, lines, strlen(lines), &plain, NULL), 0);
    snprintf(lines, sizeof lines, "%s%s%s%s", bad, good, bad, good);
    assert_int_equal(
        ingest_parse_chunk(&options, lines, strlen(lines), &mixed, NULL), 0);
    assert_int_equal(mixed->reject_count, 2);
    assert_int_equal(mixed->bytes.len, plain->bytes.len);
    assert_memory_equal(mixed->bytes.data, plain->bytes.data, plain->bytes.len);
    fact_batch_free(plain);
    fact_batch_free(mixed);
}

/* Writes pattern with each $ replaced by `text`. */
static void fill(char *out, const char *pattern, const char *text)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '$') {
            memcpy(out, text, strlen(text));
            out += strlen(text);
        } else {
            *out++ = *pattern;
        }
    }
    *out = '\0';
}

/* The raw id is in no output, wherever in the record it stands, except as
 * the value or name the sender made of it. */
static void test_ingest_record__a_raw_id_is_nowhere(void **state)
{
    (void)state;
    static const char *const secret = "z9secretz9";
    static const char *const lines[] = {
        "{\"ids\":{\"cookie\":\"$\"},\"set\":{\"a\":\"b\"}}",
        "{\"ids\":{\"cookie\":[\"a\",\"$\"]},\"set\":{\"a\":\"\"}}",
        "{\"ids\":{\"cookie\":\"$\"},\"set\":{\"A\":1}}",
        "{\"ids\":{\"cookie\":\"$@example.com\"}}",
        "{\"ids\":{\"gaid\":\"$\"}}",
        "{\"ids\":{\"cookie\":\"$\x01\"}}",
        "{\"ids\":{\"cookie\":\"$\"},}",
        "{\"ids\":{\"cookie\":\"$\xff\"}}",
        "{\"ids\":\"$\"}",
        "{\"ids\":[\"$\"]}",
        "{\"ids\":{\"cookie\":{\"$\":1}}}",
        "{\"ids\":{\"Cookie\":\"$\"}}",
        "{\"id\":\"$\"}",
        "{\"provider\":\"$!\",\"ids\":{\"cookie\":\"$\"}}",
        "{\"ids\":{\"cookie\":\"$\"},\"ts\":\"$\"}",
        "{\"ids\":{\"cookie\":\"$\"},\"ttl\":\"$\"}",
        "{\"ids\":{\"cookie\":\"$\"},\"events\":[\"$\"]}",
        "{\"ids\":{\"cookie\":\"$\"},\"clear\":[\"$!\"]}",
        "{\"ids\":{\"cookie\":\"$\"},\"set\":{\"$!\":1}}",
        "$",
    };
    const ingest_options options = test_options(INGEST_NDJSON);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[512];
        fill(line, lines[i], secret);
        fact_batch *b = NULL;
        assert_int_equal(
            ingest_parse_chunk(&options, line, strlen(line), &b, NULL), 0);
        assert_false(text_contains(
            text_make((char *)b->bytes.data, b->bytes.len), text_of("secret")));
        for (size_t j = 0; j < b->reject_count; j++) {
            assert_null(strstr(b->rejects[j].message, "secret"));
            assert_null(strstr(b->rejects[j].pointer, "secret"));
        }
        fact_batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_ingest_record__each_fault_has_its_reason_and_pointer),
        cmocka_unit_test(test_ingest_record__sections_apply_in_their_order),
        cmocka_unit_test(test_ingest_record__set_reads_each_json_type),
        cmocka_unit_test(
            test_ingest_record__events_carry_value_count_amount_time),
        cmocka_unit_test(test_ingest_record__head_has_provider_time_ttl),
        cmocka_unit_test(
            test_ingest_record__ids_keep_their_order_and_stand_once),
        cmocka_unit_test(test_ingest_record__limits_of_ids_and_facts),
        cmocka_unit_test(test_ingest_record__limits_of_texts),
        cmocka_unit_test(
            test_ingest_record__long_names_leave_the_pointer_valid),
        cmocka_unit_test(test_ingest_record__suggests_the_near_name),
        cmocka_unit_test(test_ingest_record__says_how_to_record_refunds),
        cmocka_unit_test(test_ingest_record__a_refused_record_leaves_nothing),
        cmocka_unit_test(test_ingest_record__a_raw_id_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
