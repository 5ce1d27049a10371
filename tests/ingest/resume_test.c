/*
 * resume_test.c - an input that was interrupted goes on: at each place where
 * a batch ended, the rest comes out as it would have; another input is seen
 * before anything comes out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/packers.h"
#include "ingest/random_input.h"

/* Where a batch of the uninterrupted run ended. */
typedef struct stop {
    uint64_t at;
    uint64_t line;
    uint64_t head_hash;
    uint64_t head_len;
    size_t text_len; /* of the outcome up to there */
} stop;

typedef struct run {
    outcome out;
    ingest *in;
    stop *stops;
    size_t stop_count;
    size_t stop_capacity;
} run;

static int note_stop(void *payload, fact_batch *take_batch, muster_error *err)
{
    run *r = payload;
    stop s = {.at = take_batch->input_end, .line = take_batch->input_line};
    const int rc = keep_batch(&r->out, take_batch, err);
    ingest_head(r->in, &s.head_hash, &s.head_len);
    s.text_len = r->out.text.len;
    mem_grow(&r->stops, &r->stop_capacity, r->stop_count + 1, sizeof s);
    r->stops[r->stop_count++] = s;
    return rc;
}

static void run_release(run *r)
{
    outcome_release(&r->out);
    mem_free(r->stops);
}

/* Runs the whole input, or on from `from`. */
static void run_input(run *r, ingest_options options, const stop *from,
                      const buffer *packed, size_t piece)
{
    memset(r, 0, sizeof *r);
    outcome_init(&r->out);
    if (from != NULL) {
        options.resume_at = from->at;
        options.resume_line = from->line;
        options.head_hash = from->head_hash;
        options.head_len = from->head_len;
        r->out.input_end = from->at;
    }
    muster_error *err = &r->out.err;
    error_clear(err);
    assert_int_equal(ingest_open(&r->in, &options, note_stop, r, err), 0);
    for (size_t at = 0; at < packed->len && r->out.rc == 0;) {
        size_t part = packed->len - at;
        if (piece > 0 && part > piece)
            part = piece;
        r->out.rc = ingest_push(r->in, packed->data + at, part, err);
        at += part;
    }
    if (r->out.rc == 0)
        r->out.rc = ingest_finish(r->in, err);
    ingest_free(r->in);
}

/* The plain input's head as the run should have seen it. */
static void assert_head(const stop *s, const buffer *plain)
{
    const uint64_t least =
        s->at < INGEST_HEAD_BYTES ? s->at : INGEST_HEAD_BYTES;
    assert_in_range(s->head_len, least, INGEST_HEAD_BYTES);
    assert_true(s->head_len <= plain->len);
    assert_true(s->head_hash == hash_bytes(plain->data, s->head_len));
}

/* Goes on from every stop. `seed` is for the message. */
static void assert_resumes(ingest_options options, const buffer *plain,
                           packer pack, size_t piece, uint64_t seed)
{
    run whole;
    buffer packed;
    buffer_init(&packed, (size_t)1 << 30);
    pack(&packed, plain->data, plain->len);
    run_input(&whole, options, NULL, &packed, piece);
    assert_int_equal(whole.out.rc, 0);
    assert_true(whole.stop_count > 0);
    assert_int_equal(whole.out.input_end, plain->len);
    const char *text = outcome_text(&whole.out);
    for (size_t i = 0; i < whole.stop_count; i++) {
        const stop *from = &whole.stops[i];
        run rest;
        assert_head(from, plain);
        run_input(&rest, options, from, &packed, piece);
        const char *got = outcome_text(&rest.out);
        if (rest.out.rc != 0 || strcmp(got, text + from->text_len) != 0 ||
            rest.out.input_end != plain->len)
            fail_msg("seed %llu, format %d, chunk %zu, from %llu (line %llu): "
                     "%s\nwanted\n%s\ngot\n%s",
                     (unsigned long long)seed, (int)options.format,
                     options.chunk_bytes, (unsigned long long)from->at,
                     (unsigned long long)from->line, rest.out.err.message,
                     text + from->text_len, got);
        if (rest.stop_count > 0)
            assert_int_equal(rest.stops[rest.stop_count - 1].line,
                             whole.stops[whole.stop_count - 1].line);
        run_release(&rest);
    }
    run_release(&whole);
    buffer_release(&packed);
}

static void assert_random_resumes(ingest_format format)
{
    const uint64_t rounds = test_size(12, 200);
    uint64_t seed = 0;
    const bool given = test_seed(&seed);
    for (uint64_t i = 0; i < rounds; i++) {
        const uint64_t s = given ? seed : i;
        random_state r;
        buffer plain;
        random_seed(&r, s);
        buffer_init(&plain, 1 << 20);
        ingest_options options =
            test_options(chance(&r, 50) ? format : INGEST_AUTO);
        put_random_input(&plain, format, 1 + dice(&r, 40), &r);
        options.chunk_bytes = 1 + dice(&r, 300);
        options.threads = 1 + dice(&r, 2);
        const size_t piece = chance(&r, 50) ? 0 : 1 + dice(&r, 200);
        for (size_t p = 0; p < PACKER_COUNT; p++)
            assert_resumes(options, &plain, packers[p], piece, s);
        buffer_release(&plain);
    }
}

static void test_ingest_resume__ndjson_goes_on_at_any_batch(void **state)
{
    (void)state;
    assert_random_resumes(INGEST_NDJSON);
}

static void test_ingest_resume__csv_goes_on_at_any_batch(void **state)
{
    (void)state;
    assert_random_resumes(INGEST_CSV);
}

static void test_ingest_resume__msgpack_goes_on_at_any_batch(void **state)
{
    (void)state;
    assert_random_resumes(INGEST_MSGPACK);
}

static void test_ingest_resume__an_array_goes_on_at_any_batch(void **state)
{
    (void)state;
    assert_random_resumes(INGEST_ARRAY);
}

static void put_fill(buffer *out, char fill, size_t len)
{
    memset(buffer_reserve(out, len), fill, len);
    out->len += len;
}

/* Records that are dropped unread, and batches that end within a chunk. */
static void
test_ingest_resume__behind_long_records_and_many_rejects(void **state)
{
    (void)state;
    static const struct {
        ingest_format format;
        const char *header, *good, *bad;
    } rows[] = {
        {INGEST_NDJSON, "", "{\"ids\":{\"cookie\":\"a\"}}\n", "x\n"},
        {INGEST_CSV, "ids.cookie,set.a\n", "a,b\n", ",\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ingest_options options = test_options(rows[i].format);
        buffer plain;
        buffer_init(&plain, (size_t)64 << 20);
        buffer_put_str(&plain, rows[i].header);
        buffer_put_str(&plain, rows[i].good);
        put_fill(&plain, 'x', 3 * (size_t)MUSTER_RECORD_BYTES_MAX);
        buffer_put_str(&plain, "\n");
        buffer_put_str(&plain, rows[i].good);
        for (int bad = 0; bad < 10000; bad++)
            buffer_put_str(&plain, rows[i].bad);
        buffer_put_str(&plain, rows[i].good);
        assert_resumes(options, &plain, buffer_put, 0, 0);
        options.chunk_bytes = 5000;
        assert_resumes(options, &plain, put_zstd, 60000, 0);
        buffer_release(&plain);
    }
}

static void test_ingest_resume__behind_a_long_map(void **state)
{
    (void)state;
    static const char small[] = "\x81\xa3ids\x81\xa6"
                                "cookie\xa1"
                                "a";
    static const char start[] = "\x81\xa2ua\xdb\x00\x30\x00\x00";
    ingest_options options = test_options(INGEST_MSGPACK);
    buffer plain;
    options.chunk_bytes = 5000;
    buffer_init(&plain, (size_t)64 << 20);
    for (int i = 0; i < 3; i++) {
        buffer_put(&plain, small, sizeof small - 1);
        buffer_put(&plain, start, sizeof start - 1);
        put_fill(&plain, 'x', 0x300000);
        buffer_put(&plain, small, sizeof small - 1);
    }
    assert_resumes(options, &plain, put_gzip, 0, 0);
    buffer_release(&plain);
}

/* Quotes that do not close within a record's length: their rows are broken,
 * seen from wherever one goes on. */
static void test_ingest_resume__behind_quotes_without_end(void **state)
{
    (void)state;
    static const char *const broken[] = {"a,\"open\n", "\"\"\"\n",
                                         "a,\"b\"\"\nc\n"};
    ingest_options options = test_options(INGEST_CSV);
    buffer plain;
    options.chunk_bytes = 300000;
    buffer_init(&plain, (size_t)64 << 20);
    buffer_put_str(&plain, "ids.cookie,set.a\n");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        buffer_put_str(&plain, broken[i]);
        for (int row = 0; row < 1300; row++) {
            buffer_printf(&plain, "%d,", row);
            put_fill(&plain, 'y', 900);
            buffer_put_str(&plain, "\n");
        }
    }
    outcome o;
    outcome_init(&o);
    load(&o, &options, plain.data, plain.len, 0);
    assert_non_null(strstr(outcome_text(&o), "a quote is opened and not"));
    assert_int_equal(o.records, 3 * 1300);
    outcome_release(&o);
    assert_resumes(options, &plain, buffer_put, 0, 0);
    buffer_release(&plain);
}

/* ---- other inputs ---- */

static void put_lines(buffer *out, size_t len)
{
    buffer_init(out, (size_t)64 << 20);
    for (unsigned i = 0; out->len < len; i++)
        buffer_printf(out, "{\"ids\":{\"cookie\":\"u%u\"}}\n", i);
}

static void assert_other(const stop *from, const buffer *plain, size_t chunk)
{
    for (size_t p = 0; p < PACKER_COUNT; p++) {
        run r;
        buffer packed;
        ingest_options options = test_options(INGEST_NDJSON);
        options.chunk_bytes = chunk;
        buffer_init(&packed, (size_t)64 << 20);
        packers[p](&packed, plain->data, plain->len);
        run_input(&r, options, from, &packed, 1000);
        assert_int_equal(r.out.rc, MUSTER_ECONFLICT);
        assert_string_equal(r.out.err.word, "other_input");
        assert_non_null(strstr(r.out.err.message, "--load-id"));
        assert_int_equal(r.out.batches, 0);
        run_release(&r);
        buffer_release(&packed);
    }
}

/* The stop in the middle of an input of `len` bytes. */
static stop middle_stop(const buffer *plain, size_t chunk)
{
    run r;
    ingest_options options = test_options(INGEST_NDJSON);
    options.chunk_bytes = chunk;
    run_input(&r, options, NULL, plain, 0);
    assert_int_equal(r.out.rc, 0);
    const stop s = r.stops[r.stop_count / 2];
    run_release(&r);
    return s;
}

static void test_ingest_resume__another_beginning_is_refused(void **state)
{
    (void)state;
    static const size_t lens[] = {300, 5000, 200000};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        buffer plain;
        put_lines(&plain, lens[i]);
        const stop from = middle_stop(&plain, 100);
        /* The last byte that the head covers, and the first. */
        const size_t places[] = {(size_t)from.head_len - 1, 0};
        for (size_t at = 0; at < 2; at++) {
            plain.data[places[at]] ^= 1;
            assert_other(&from, &plain, 10);
            assert_other(&from, &plain, 0);
            plain.data[places[at]] ^= 1;
        }
        buffer_release(&plain);
    }
}

/* A change behind the head is not seen: 64 KiB are read, not all. */
static void test_ingest_resume__only_the_beginning_is_compared(void **state)
{
    (void)state;
    buffer plain;
    run r;
    put_lines(&plain, 200000);
    const ingest_options options = test_options(INGEST_NDJSON);
    stop from = middle_stop(&plain, 0);
    assert_int_equal(from.head_len, INGEST_HEAD_BYTES);
    plain.data[INGEST_HEAD_BYTES] ^= 1;
    run_input(&r, options, &from, &plain, 0);
    assert_int_equal(r.out.rc, 0);
    run_release(&r);
    /* Nor is anything compared when the head is not known. */
    from.head_len = 0;
    plain.data[0] ^= 1;
    from.head_hash ^= 1;
    run_input(&r, test_options(INGEST_NDJSON), &from, &plain, 0);
    assert_int_equal(r.out.rc, 0);
    run_release(&r);
    buffer_release(&plain);
}

static void test_ingest_resume__a_shorter_input_is_refused(void **state)
{
    (void)state;
    buffer plain;
    put_lines(&plain, 200000);
    stop from = middle_stop(&plain, 1000);
    assert_true(from.at > INGEST_HEAD_BYTES);
    static const size_t lens[] = {0, 1, 1000, INGEST_HEAD_BYTES, 90000};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        plain.len = lens[i];
        assert_other(&from, &plain, 100);
        assert_other(&from, &plain, 0);
    }
    from.head_len = 0;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        plain.len = lens[i];
        assert_other(&from, &plain, 100);
    }
    plain.len = (size_t)from.at - 1;
    assert_other(&from, &plain, 0);
    buffer_release(&plain);
}

/* Behind the stop, but less than had been seen. */
static void test_ingest_resume__a_shorter_beginning_is_refused(void **state)
{
    (void)state;
    buffer plain;
    put_lines(&plain, 4000);
    stop from = middle_stop(&plain, 100);
    from.head_len = plain.len;
    from.head_hash = hash_bytes(plain.data, plain.len);
    plain.len--;
    assert_other(&from, &plain, 10);
    assert_other(&from, &plain, 0);
    plain.len = (size_t)from.at;
    assert_other(&from, &plain, 0);
    buffer_release(&plain);
}

static void test_ingest_resume__a_longer_header_is_refused(void **state)
{
    (void)state;
    buffer plain;
    run r;
    const stop from = {.at = 5, .line = 1};
    buffer_init(&plain, 1000);
    buffer_put_str(&plain, "ids.cookie,set.a\na,b\n");
    run_input(&r, test_options(INGEST_CSV), &from, &plain, 0);
    assert_int_equal(r.out.rc, MUSTER_ECONFLICT);
    assert_string_equal(r.out.err.word, "other_input");
    assert_non_null(strstr(r.out.err.message, "no record ends"));
    assert_int_equal(r.out.batches, 0);
    run_release(&r);
    buffer_release(&plain);
}

/* An input that breaks off before the head is known hands on nothing; one
 * that breaks off behind the stop hands on what is complete. */
static void
test_ingest_resume__a_broken_input_goes_on_to_its_break(void **state)
{
    (void)state;
    buffer plain;
    buffer packed;
    put_lines(&plain, 200000);
    buffer_init(&packed, (size_t)64 << 20);
    put_gzip(&packed, plain.data, plain.len);
    const stop from = middle_stop(&plain, 1000);
    const size_t whole = packed.len;
    bool some = false;
    for (packed.len = 100; packed.len < whole; packed.len += whole / 40) {
        run r;
        ingest_options options = test_options(INGEST_NDJSON);
        run_input(&r, options, &from, &packed, 777);
        assert_int_equal(r.out.rc, MUSTER_EPARSE);
        assert_string_equal(r.out.err.word, "truncated_gzip");
        assert_true(r.out.input_end >= from.at);
        some = some || r.out.records > 0;
        run_release(&r);
    }
    assert_true(some);
    buffer_release(&packed);
    buffer_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_resume__ndjson_goes_on_at_any_batch),
        cmocka_unit_test(test_ingest_resume__csv_goes_on_at_any_batch),
        cmocka_unit_test(test_ingest_resume__msgpack_goes_on_at_any_batch),
        cmocka_unit_test(test_ingest_resume__an_array_goes_on_at_any_batch),
        cmocka_unit_test(
            test_ingest_resume__behind_long_records_and_many_rejects),
        cmocka_unit_test(test_ingest_resume__behind_a_long_map),
        cmocka_unit_test(test_ingest_resume__behind_quotes_without_end),
        cmocka_unit_test(test_ingest_resume__another_beginning_is_refused),
        cmocka_unit_test(test_ingest_resume__only_the_beginning_is_compared),
        cmocka_unit_test(test_ingest_resume__a_shorter_input_is_refused),
        cmocka_unit_test(test_ingest_resume__a_shorter_beginning_is_refused),
        cmocka_unit_test(test_ingest_resume__a_longer_header_is_refused),
        cmocka_unit_test(
            test_ingest_resume__a_broken_input_goes_on_to_its_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
