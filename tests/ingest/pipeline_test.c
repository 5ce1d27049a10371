/*
 * pipeline_test.c - chunks through threads and back: the same whatever the
 * chunk size, the pieces pushed and the number of threads; ends early when
 * the sink or the caller wants; memory stays bounded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sys/resource.h>

#include "ingest/format_writer.h"
#include "ingest/packers.h"

/* A little of everything, with blank lines, \r\n and a last line without its
 * end. */
static const char ndjson[] =
    "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}\n"
    "\n"
    "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"\"}}\r\n"
    "  \t \r\n"
    "nonsense\n"
    "{\"ids\":{\"cookie\":\"c\"},\"events\":[{\"name\":\"e\"}]}\r\n"
    "{\"ids\":{}}\n"
    "{\"ids\":{\"cookie\":\"d\"},\"add\":{\"m\":[\"p\",\"q\"]}}";

static const char csv[] = "ids.cookie,\"ids.customer\",set.x,add.m,event.e\r\n"
                          "a,,1,,\n"
                          "b,c,\"2,\"\"3\"\"\",\"p|q\",v\r\n"
                          "\n"
                          "\"d\n\n,\",,\"\",,\n"
                          "too,few\n"
                          ",,,,\n"
                          "e,\"\",x\"y,,\n"
                          "f,,\"x\ny\",,\n"
                          "\"g\",,\"x\"y,,\r\n"
                          "h,,last,,";

static void make_msgpack(buffer *out)
{
    buffer_init(out, 1 << 20);
    for (int i = 0; i < 6; i++) {
        value_writer w;
        writer_init(&w, out, WRITE_MSGPACK);
        write_open(&w, true, 2);
        write_str(&w, "ids");
        write_open(&w, true, i == 2 ? 0 : 1);
        if (i != 2) {
            write_str(&w, "cookie");
            write_str(&w, i == 4 ? "" : "a cookie of more than 31 bytes, so");
        }
        write_close(&w);
        write_str(&w, "set");
        write_open(&w, true, 2);
        write_str(&w, "x");
        write_str(&w, "value");
        write_str(&w, "y");
        write_int(&w, i * 1000);
        write_close(&w);
        write_close(&w);
    }
}

static void outcome_of(outcome *o, ingest_format format, const void *bytes,
                       size_t len, size_t chunk_bytes, size_t piece,
                       unsigned threads)
{
    ingest_options options = test_options(format);
    options.chunk_bytes = chunk_bytes;
    options.threads = threads;
    outcome_init(o);
    load(o, &options, bytes, len, piece);
}

/* Every chunk size puts boundaries at other places: all of them are met. */
static void assert_cut_anywhere(ingest_format format, const void *bytes,
                                size_t len)
{
    outcome whole;
    outcome_of(&whole, format, bytes, len, 0, 0, 1);
    assert_int_equal(whole.rc, 0);
    assert_int_equal(whole.input_end, len);
    assert_int_equal(whole.input_bytes, len);
    for (size_t size = 1; size <= len + 1; size++) {
        outcome cut;
        outcome pieces;
        outcome_of(&cut, format, bytes, len, size, 0, 2);
        outcome_of(&pieces, format, bytes, len, size, size % 7 + 1, 2);
        assert_int_equal(cut.rc, 0);
        assert_string_equal(outcome_text(&cut), outcome_text(&whole));
        assert_int_equal(cut.input_end, len);
        assert_int_equal(cut.bytes.len, pieces.bytes.len);
        assert_memory_equal(cut.bytes.data, pieces.bytes.data, cut.bytes.len);
        assert_string_equal(outcome_text(&cut), outcome_text(&pieces));
        outcome_release(&cut);
        outcome_release(&pieces);
    }
    outcome_release(&whole);
}

static void test_ingest_pipeline__ndjson_is_cut_anywhere(void **state)
{
    (void)state;
    assert_cut_anywhere(INGEST_NDJSON, ndjson, strlen(ndjson));
    assert_cut_anywhere(INGEST_AUTO, ndjson, strlen(ndjson));
}

static void test_ingest_pipeline__csv_is_cut_anywhere(void **state)
{
    (void)state;
    assert_cut_anywhere(INGEST_CSV, csv, strlen(csv));
    assert_cut_anywhere(INGEST_AUTO, csv, strlen(csv));
}

static void test_ingest_pipeline__msgpack_is_cut_anywhere(void **state)
{
    (void)state;
    buffer packed;
    make_msgpack(&packed);
    assert_cut_anywhere(INGEST_MSGPACK, packed.data, packed.len);
    assert_cut_anywhere(INGEST_AUTO, packed.data, packed.len);
    buffer_release(&packed);
}

static void test_ingest_pipeline__places_are_exact(void **state)
{
    (void)state;
    outcome o;
    outcome_of(&o, INGEST_NDJSON, ndjson, strlen(ndjson), 16, 3, 2);
    const char *text = outcome_text(&o);
    static const struct {
        const char *what; /* begins the line that has the place */
        unsigned line;
        const char *at; /* the record begins so in the input */
    } places[] = {
        {"record provider=default", 1, "{\"ids\":{\"cookie\":\"a\""},
        {"reject bad_value [/set/x]", 3, "{\"ids\":{\"cookie\":\"b\""},
        {"reject bad_json []", 5, "nonsense"},
        {"reject no_ids [/ids]", 7, "{\"ids\":{}}"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char place[64];
        snprintf(place, sizeof place, " @%u/%zu\n", places[i].line,
                 (size_t)(strstr(ndjson, places[i].at) - ndjson));
        const char *line = strstr(text, places[i].what);
        assert_non_null(line);
        const char *end = strchr(line, '\n');
        assert_memory_equal(end + 1 - strlen(place), place, strlen(place));
    }
    assert_int_equal(o.records, 3);
    assert_int_equal(o.rejects, 3);
    outcome_release(&o);
}

/* Lines of a CSV are those an editor counts. */
static void test_ingest_pipeline__quoted_line_ends_count_as_lines(void **state)
{
    (void)state;
    outcome o;
    outcome_of(&o, INGEST_CSV, csv, strlen(csv), 8, 0, 2);
    const char *text = outcome_text(&o);
    char place[64];
    snprintf(place, sizeof place, " @14/%zu\n",
             (size_t)(strstr(csv, "h,,last") - csv));
    assert_non_null(strstr(text, place));
    snprintf(place, sizeof place, " @8/%zu\n",
             (size_t)(strstr(csv, "too,few") - csv));
    assert_non_null(strstr(text, place));
    outcome_release(&o);
}

static void make_many(buffer *out, unsigned count)
{
    random_state random;
    random_seed(&random, 7);
    buffer_init(out, (size_t)1 << 30);
    for (unsigned i = 0; i < count; i++) {
        if (random_below(&random, 50) == 0)
            buffer_put_str(out, "garbage\n");
        buffer_printf(out,
                      "{\"ids\":{\"cookie\":\"user-%u\"},\"set\":{\"a.b\":"
                      "\"v%u\",\"c\":%u},\"events\":[{\"name\":\"e\","
                      "\"value\":\"p%u\"}]}\n",
                      i / 3, (unsigned)random_below(&random, 100), i,
                      (unsigned)random_below(&random, 1000));
    }
}

static void test_ingest_pipeline__threads_do_not_show(void **state)
{
    (void)state;
    buffer input;
    outcome one;
    make_many(&input, 30000);
    outcome_of(&one, INGEST_NDJSON, input.data, input.len, 20000, 0, 1);
    assert_int_equal(one.rc, 0);
    assert_int_equal(one.records, 30000);
    assert_true(one.batches > 100);
    static const unsigned threads[] = {2, 3, 8, 0};
    for (size_t i = 0; i < 4; i++) {
        outcome more;
        outcome_of(&more, INGEST_NDJSON, input.data, input.len, 20000, 65536,
                   threads[i]);
        assert_int_equal(more.bytes.len, one.bytes.len);
        assert_memory_equal(more.bytes.data, one.bytes.data, one.bytes.len);
        assert_string_equal(outcome_text(&more), outcome_text(&one));
        assert_int_equal(more.batches, one.batches);
        outcome_release(&more);
    }
    outcome_release(&one);
    buffer_release(&input);
}

/* ---- endings ---- */

typedef struct stopper {
    int batches;
    int stop_at;
} stopper;

static int stop_sink(void *payload, fact_batch *take_batch, muster_error *err)
{
    stopper *s = payload;
    fact_batch_free(take_batch);
    if (++s->batches < s->stop_at)
        return 0;
    return error_set(err, MUSTER_EIO, "disk_full", "no room");
}

static void test_ingest_pipeline__the_sink_can_stop(void **state)
{
    (void)state;
    buffer input;
    ingest_options options = test_options(INGEST_NDJSON);
    make_many(&input, 20000);
    options.chunk_bytes = 5000;
    for (int stop_at = 1; stop_at < 200; stop_at += 23) {
        stopper s = {0, stop_at};
        ingest *in = NULL;
        muster_error err;
        int rc = ingest_open(&in, &options, stop_sink, &s, &err);
        assert_int_equal(rc, 0);
        for (size_t at = 0; rc == 0 && at + 1000 < input.len; at += 1000)
            rc = ingest_push(in, input.data + at, 1000, &err);
        if (rc == 0)
            rc = ingest_finish(in, &err);
        assert_int_equal(rc, MUSTER_EIO);
        assert_string_equal(err.word, "disk_full");
        assert_int_equal(s.batches, stop_at);
        ingest_free(in);
    }
    buffer_release(&input);
}

static void test_ingest_pipeline__may_be_given_up_at_any_time(void **state)
{
    (void)state;
    buffer input;
    ingest_options options = test_options(INGEST_NDJSON);
    make_many(&input, 3000);
    options.chunk_bytes = 2000;
    for (size_t len = 0; len < input.len; len += 17777) {
        outcome o;
        ingest *in = NULL;
        outcome_init(&o);
        assert_int_equal(ingest_open(&in, &options, keep_batch, &o, NULL), 0);
        assert_int_equal(ingest_push(in, input.data, len, NULL), 0);
        ingest_free(in);
        outcome_release(&o);
    }
    ingest_free(NULL);
    buffer_release(&input);
}

static void test_ingest_pipeline__refuses_bad_options(void **state)
{
    (void)state;
    ingest *in = NULL;
    muster_error err;
    ingest_options options = test_options(INGEST_NDJSON);
    options.provider = "Not A Name";
    assert_int_equal(ingest_open(&in, &options, keep_batch, NULL, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_name");
    assert_null(in);
    options = test_options(INGEST_NDJSON);
    options.key = NULL;
    assert_int_equal(ingest_open(&in, &options, keep_batch, NULL, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "no_key");
}

static void test_ingest_pipeline__provider_of_the_options(void **state)
{
    (void)state;
    outcome o;
    ingest_options options = test_options(INGEST_NDJSON);
    options.provider = "acme";
    outcome_init(&o);
    load_text(&o, &options,
              "{\"ids\":{\"cookie\":\"a\"}}\n"
              "{\"ids\":{\"cookie\":\"a\"},\"provider\":\"shop\"}\n");
    assert_non_null(strstr(outcome_text(&o), "provider=acme"));
    assert_non_null(strstr(outcome_text(&o), "provider=shop"));
    outcome_release(&o);
}

/* ---- bounded memory ---- */

/* Counts what comes without keeping it. */
typedef struct counter {
    uint64_t records;
    uint64_t rejects;
    size_t reject_most;
    ingest_reject last;
} counter;

static int count_sink(void *payload, fact_batch *take_batch, muster_error *err)
{
    counter *c = payload;
    (void)err;
    c->records += take_batch->record_count;
    c->rejects += take_batch->reject_count;
    if (take_batch->reject_count > c->reject_most)
        c->reject_most = take_batch->reject_count;
    if (take_batch->reject_count > 0)
        c->last = take_batch->rejects[take_batch->reject_count - 1];
    fact_batch_free(take_batch);
    return 0;
}

/* Sanitizers keep freed memory for a while: then there is nothing to see. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_SHOWS false
#else
#define MEMORY_SHOWS true
#endif

static size_t peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

static void push_fill(ingest *in, char fill, size_t len)
{
    char bytes[65536];
    memset(bytes, fill, sizeof bytes);
    for (size_t at = 0; at < len; at += sizeof bytes)
        assert_int_equal(ingest_push(in, bytes, sizeof bytes, NULL), 0);
}

static void push_text(ingest *in, const char *text)
{
    assert_int_equal(ingest_push(in, text, strlen(text), NULL), 0);
}

static void assert_long_record(ingest_format format, const char *before,
                               const char *start, const char *after)
{
    const size_t size = (size_t)64 << 20;
    ingest_options options = test_options(format);
    counter c = {0};
    ingest *in = NULL;
    const size_t peak = peak_bytes();
    assert_int_equal(ingest_open(&in, &options, count_sink, &c, NULL), 0);
    push_text(in, before);
    push_text(in, start);
    push_fill(in, 'x', size);
    push_text(in, after);
    assert_int_equal(ingest_finish(in, NULL), 0);
    ingest_free(in);
    assert_true(!MEMORY_SHOWS || peak_bytes() - peak < size / 2);
    assert_int_equal(c.records, 2);
    assert_int_equal(c.rejects, 1);
    assert_int_equal(c.last.reason, INGEST_TOO_LONG);
    assert_int_equal(c.last.place.offset, strlen(before));
}

static void test_ingest_pipeline__a_long_line_takes_no_memory(void **state)
{
    (void)state;
    assert_long_record(INGEST_NDJSON, "{\"ids\":{\"cookie\":\"a\"}}\n",
                       "{\"ids\":", "\n{\"ids\":{\"cookie\":\"b\"}}\n");
    assert_long_record(INGEST_CSV, "ids.cookie,set.a\na,b\n", "a,", "\nb,c\n");
}

static void test_ingest_pipeline__a_long_map_takes_no_memory(void **state)
{
    (void)state;
    const size_t size = (size_t)64 << 20;
    ingest_options options = test_options(INGEST_MSGPACK);
    counter c = {0};
    ingest *in = NULL;
    static const char small[] = "\x81\xa3ids\x81\xa6"
                                "cookie\xa1"
                                "a";
    static const char start[] = "\x81\xa2ua\xdb\x04\x00\x00\x00";
    const size_t peak = peak_bytes();
    assert_int_equal(ingest_open(&in, &options, count_sink, &c, NULL), 0);
    assert_int_equal(ingest_push(in, small, sizeof small - 1, NULL), 0);
    assert_int_equal(ingest_push(in, start, sizeof start - 1, NULL), 0);
    push_fill(in, 'x', size);
    assert_int_equal(ingest_push(in, small, sizeof small - 1, NULL), 0);
    assert_int_equal(ingest_finish(in, NULL), 0);
    ingest_free(in);
    assert_true(!MEMORY_SHOWS || peak_bytes() - peak < size / 2);
    assert_int_equal(c.records, 2);
    assert_int_equal(c.rejects, 1);
    assert_int_equal(c.last.reason, INGEST_TOO_LONG);
    assert_int_equal(c.last.place.line, 2);
    assert_int_equal(c.last.place.offset, sizeof small - 1);
}

/* A last line that is too long and has no end; with other chunk sizes, too,
 * and around the exact limit. */
static void test_ingest_pipeline__the_limit_of_a_line_is_exact(void **state)
{
    (void)state;
    static const char head[] = "{\"ids\":{\"cookie\":\"a\"},\"ua\":\"";
    static const char tail[] = "\"}";
    static const char *const ends[] = {"", "\n", "\r\n"};
    static const size_t chunks[] = {100, 0, 3 << 20};
    const size_t fixed = strlen(head) + strlen(tail);
    for (int over = 0; over < 4; over++) {
        for (int end = 0; end < 3; end++) {
            buffer line;
            buffer_init(&line, 8 << 20);
            buffer_put_str(&line, head);
            for (size_t i = fixed; i < MUSTER_RECORD_BYTES_MAX + (size_t)over;
                 i++)
                buffer_put_u8(&line, 'x');
            buffer_put_str(&line, tail);
            buffer_put_str(&line, ends[end]);
            for (int chunk = 0; chunk < 3; chunk++) {
                outcome o;
                outcome_of(&o, INGEST_NDJSON, line.data, line.len,
                           chunks[chunk], 0, 1);
                assert_int_equal(o.rc, 0);
                assert_int_equal(o.records, over == 0);
                assert_int_equal(o.rejects, over != 0);
                assert_int_equal(o.input_end, line.len);
                outcome_release(&o);
            }
            buffer_release(&line);
        }
    }
}

/* Two-byte garbage: half a million rejects a megabyte, never held at once. */
static void test_ingest_pipeline__rejects_take_bounded_memory(void **state)
{
    (void)state;
    const size_t lines = 2000000;
    ingest_options options = test_options(INGEST_NDJSON);
    counter c = {0};
    ingest *in = NULL;
    char *bytes = mem_alloc(lines * 2);
    for (size_t i = 0; i < lines; i++)
        memcpy(bytes + 2 * i, "x\n", 2);
    const size_t peak = peak_bytes();
    assert_int_equal(ingest_open(&in, &options, count_sink, &c, NULL), 0);
    assert_int_equal(ingest_push(in, bytes, lines * 2, NULL), 0);
    assert_int_equal(ingest_finish(in, NULL), 0);
    ingest_free(in);
    assert_true(!MEMORY_SHOWS || peak_bytes() - peak < (size_t)64 << 20);
    assert_int_equal(c.rejects, lines);
    assert_int_equal(c.last.place.line, lines);
    assert_int_equal(c.last.place.offset, lines * 2 - 2);
    assert_true(c.reject_most <= 4096);
    mem_free(bytes);
}

/* More id spaces than a byte numbers: several batches, no refusal. */
static void test_ingest_pipeline__many_id_spaces_make_more_batches(void **state)
{
    (void)state;
    buffer input;
    outcome o;
    buffer_init(&input, 1 << 24);
    for (int i = 0; i < 5000; i++)
        buffer_printf(&input, "{\"ids\":{\"s%d\":\"a\",\"t%d\":\"b\"}}\n", i,
                      i);
    outcome_of(&o, INGEST_NDJSON, input.data, input.len, 0, 0, 2);
    assert_int_equal(o.records, 5000);
    assert_int_equal(o.rejects, 0);
    assert_true(o.batches > 10000 / 255);
    outcome_release(&o);
    buffer_release(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_pipeline__a_long_line_takes_no_memory),
        cmocka_unit_test(test_ingest_pipeline__a_long_map_takes_no_memory),
        cmocka_unit_test(test_ingest_pipeline__rejects_take_bounded_memory),
        cmocka_unit_test(test_ingest_pipeline__ndjson_is_cut_anywhere),
        cmocka_unit_test(test_ingest_pipeline__csv_is_cut_anywhere),
        cmocka_unit_test(test_ingest_pipeline__msgpack_is_cut_anywhere),
        cmocka_unit_test(test_ingest_pipeline__places_are_exact),
        cmocka_unit_test(test_ingest_pipeline__quoted_line_ends_count_as_lines),
        cmocka_unit_test(test_ingest_pipeline__threads_do_not_show),
        cmocka_unit_test(test_ingest_pipeline__the_sink_can_stop),
        cmocka_unit_test(test_ingest_pipeline__may_be_given_up_at_any_time),
        cmocka_unit_test(test_ingest_pipeline__refuses_bad_options),
        cmocka_unit_test(test_ingest_pipeline__provider_of_the_options),
        cmocka_unit_test(test_ingest_pipeline__the_limit_of_a_line_is_exact),
        cmocka_unit_test(
            test_ingest_pipeline__many_id_spaces_make_more_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
