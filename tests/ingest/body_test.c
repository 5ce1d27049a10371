/*
 * body_test.c - inputs that are there whole: the same as through the
 * pipeline, bounded, read whole or not at all, by any number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/packers.h"
#include "ingest/random_input.h"

static const ingest_format formats[] = {INGEST_NDJSON, INGEST_CSV,
                                        INGEST_MSGPACK, INGEST_ARRAY};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

/* The batches go through the outcome as a sink would take them. */
static int parse_body(outcome *o, const ingest_options *options,
                      const void *bytes, size_t len)
{
    fact_batches list;
    outcome_init(o);
    o->rc = ingest_parse_body(options, bytes, len, &list, &o->err);
    assert_true(o->rc != 0 || list.count > 0);
    assert_true(o->rc == 0 || list.count == 0);
    for (size_t i = 0; i < list.count; i++) {
        assert_true(list.items[i]->fatal == 0);
        keep_batch(o, list.items[i], NULL);
        list.items[i] = NULL;
    }
    fact_batches_release(&list);
    return o->rc;
}

static void test_ingest_body__says_what_the_pipeline_says(void **state)
{
    (void)state;
    uint64_t seed = 0;
    const bool given = test_seed(&seed);
    for (uint64_t i = 0; i < test_size(60, 2000); i++) {
        random_state r;
        buffer plain;
        const uint64_t s = given ? seed : i;
        random_seed(&r, s);
        buffer_init(&plain, 1 << 20);
        const ingest_format format = PICK(&r, formats);
        ingest_options options =
            test_options(chance(&r, 50) ? format : INGEST_AUTO);
        put_random_input(&plain, format, dice(&r, 30), &r);
        outcome want;
        outcome_init(&want);
        load(&want, &options, plain.data, plain.len, 0);
        for (size_t p = 0; p < PACKER_COUNT; p++) {
            outcome got;
            buffer packed;
            buffer_init(&packed, 1 << 20);
            packers[p](&packed, plain.data, plain.len);
            parse_body(&got, &options, packed.data, packed.len);
            if (got.rc != want.rc || got.input_end != plain.len ||
                strcmp(outcome_text(&got), outcome_text(&want)) != 0)
                fail_msg("seed %llu, format %d: %s\nwanted\n%s\ngot\n%s",
                         (unsigned long long)s, (int)format, got.err.message,
                         outcome_text(&want), outcome_text(&got));
            outcome_release(&got);
            buffer_release(&packed);
        }
        outcome_release(&want);
        buffer_release(&plain);
    }
}

static void test_ingest_body__nothing_is_one_empty_batch(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "\n", "\xef\xbb\xbf",
                                         "ids.cookie,set.a\n"};
    const ingest_options options = test_options(INGEST_AUTO);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        outcome o;
        parse_body(&o, &options, bodies[i], strlen(bodies[i]));
        assert_int_equal(o.rc, 0);
        assert_int_equal(o.batches, 1);
        assert_int_equal(o.records + o.rejects, 0);
        assert_int_equal(o.input_end, strlen(bodies[i]));
        outcome_release(&o);
    }
}

static void test_ingest_body__many_rejects_make_more_batches(void **state)
{
    (void)state;
    buffer body;
    fact_batches list;
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer_init(&body, 1 << 20);
    for (int i = 0; i < 10000; i++)
        buffer_put_str(&body, "x\n");
    assert_int_equal(
        ingest_parse_body(&options, body.data, body.len, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[0]->input_line, 4096);
    assert_int_equal(list.items[1]->rejects[0].place.line, 4097);
    assert_int_equal(list.items[2]->input_line, 10000);
    assert_int_equal(list.items[2]->input_end, body.len);
    fact_batches_release(&list);
    assert_null(list.items);
    buffer_release(&body);
}

static void assert_refuses(const void *bytes, size_t len, int rc,
                           const char *word)
{
    outcome o;
    const ingest_options options = test_options(INGEST_AUTO);
    assert_int_equal(parse_body(&o, &options, bytes, len), rc);
    assert_string_equal(o.err.word, word);
    assert_int_equal(o.records, 0);
    outcome_release(&o);
}

static void test_ingest_body__whole_or_not_at_all(void **state)
{
    (void)state;
    static const char line[] = "{\"ids\":{\"cookie\":\"a\"}}\n";
    static const char map[] = "\x81\xa3ids\x81\xa6"
                              "cookie\xa1"
                              "a";
    buffer body;
    buffer_init(&body, 1 << 20);
    for (int i = 0; i < 100; i++)
        buffer_put(&body, map, sizeof map - 1);
    assert_refuses(body.data, body.len - 1, MUSTER_EPARSE, "truncated_msgpack");
    body.data[body.len - sizeof map + 1] = 0xc1;
    assert_refuses(body.data, body.len, MUSTER_EPARSE, "bad_msgpack");
    buffer_clear(&body);
    put_gzip(&body, line, strlen(line));
    assert_refuses(body.data, body.len - 1, MUSTER_EPARSE, "truncated_gzip");
    buffer_put_str(&body, "more");
    assert_refuses(body.data, body.len, MUSTER_EPARSE, "bad_gzip");
    buffer_clear(&body);
    put_zstd(&body, line, strlen(line));
    assert_refuses(body.data, body.len - 1, MUSTER_EPARSE, "truncated_zstd");
    assert_refuses("hello", 5, MUSTER_EPARSE, "unknown_format");
    assert_refuses("set.a,ts\n", 9, MUSTER_EPARSE, "bad_header");
    assert_refuses("[{},{}", 6, MUSTER_EPARSE, "truncated_array");
    assert_refuses("[{}]{}", 6, MUSTER_EPARSE, "bad_array");
    buffer_release(&body);
}

static void test_ingest_body__refuses_bad_options(void **state)
{
    (void)state;
    muster_error err;
    fact_batches list;
    ingest_options options = test_options(INGEST_NDJSON);
    options.provider = "Not A Name";
    assert_int_equal(ingest_parse_body(&options, "", 0, &list, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_name");
    assert_int_equal(list.count, 0);
    options = test_options(INGEST_NDJSON);
    options.key = NULL;
    assert_int_equal(ingest_parse_body(&options, "", 0, &list, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "no_key");
}

/* Exactly as many bytes as fit, and one more; compressed, too. */
static void test_ingest_body__the_limit_is_exact(void **state)
{
    (void)state;
    const size_t most = INGEST_BODY_BYTES_MAX;
    random_state r;
    outcome o;
    buffer packed;
    char *plain = mem_alloc(most + 1);
    random_seed(&r, 1);
    memset(plain, ' ', most + 1);
    plain[0] = '{';
    /* Blank lines that do not pack like a bomb. */
    for (size_t i = 1; i < most; i += 1 + dice(&r, 400))
        plain[i] = '\n';
    const ingest_options options = test_options(INGEST_NDJSON);
    buffer_init(&packed, 2 * most);
    for (size_t p = 0; p < PACKER_COUNT; p++) {
        buffer_clear(&packed);
        packers[p](&packed, plain, most);
        parse_body(&o, &options, packed.data, packed.len);
        assert_int_equal(o.rc, 0);
        assert_int_equal(o.rejects, 1);
        outcome_release(&o);
        buffer_clear(&packed);
        packers[p](&packed, plain, most + 1);
        assert_refuses(packed.data, packed.len, MUSTER_ELIMIT, "long_body");
    }
    buffer_release(&packed);
    mem_free(plain);
}

static void test_ingest_body__a_bomb_is_refused(void **state)
{
    (void)state;
    const size_t len = 2 * INGEST_BODY_BYTES_MAX;
    buffer packed;
    char *plain = mem_alloc(len);
    memset(plain, '\n', len);
    buffer_init(&packed, 2 * len);
    put_zstd(&packed, plain, len);
    assert_true(packed.len < 100000);
    assert_refuses(packed.data, packed.len, MUSTER_EPARSE, "expansion");
    buffer_release(&packed);
    mem_free(plain);
}

/* ---- threads ---- */

typedef struct body {
    buffer packed;
    ingest_options options;
    uint64_t hash;
} body;

typedef struct caller {
    const body *bodies;
    size_t body_count;
    unsigned rounds;
    unsigned wrong;
} caller;

static uint64_t hash_of(const body *b)
{
    fact_batches list;
    uint64_t hash = 0;
    if (ingest_parse_body(&b->options, b->packed.data, b->packed.len, &list,
                          NULL) != 0)
        return 0;
    for (size_t i = 0; i < list.count; i++)
        hash = hash_bytes_seed(list.items[i]->bytes.data,
                               list.items[i]->bytes.len, hash + i + 1);
    fact_batches_release(&list);
    return hash;
}

static void *run_caller(void *payload)
{
    caller *c = payload;
    for (unsigned i = 0; i < c->rounds; i++)
        for (size_t b = 0; b < c->body_count; b++)
            c->wrong += hash_of(&c->bodies[b]) != c->bodies[b].hash;
    return NULL;
}

static void test_ingest_body__by_64_threads_at_once(void **state)
{
    (void)state;
    body bodies[FORMAT_COUNT * PACKER_COUNT];
    caller callers[64];
    pthread_t threads[64];
    random_state r;
    random_seed(&r, 5);
    for (size_t i = 0; i < FORMAT_COUNT * PACKER_COUNT; i++) {
        buffer plain;
        buffer_init(&plain, 1 << 20);
        buffer_init(&bodies[i].packed, 1 << 20);
        bodies[i].options = test_options(INGEST_AUTO);
        put_random_input(&plain, formats[i % FORMAT_COUNT], 1 + dice(&r, 50),
                         &r);
        packers[i / FORMAT_COUNT](&bodies[i].packed, plain.data, plain.len);
        bodies[i].hash = hash_of(&bodies[i]);
        assert_true(bodies[i].hash != 0);
        buffer_release(&plain);
    }
    for (size_t i = 0; i < 64; i++) {
        callers[i] = (caller){bodies, FORMAT_COUNT * PACKER_COUNT,
                              (unsigned)test_size(10, 200), 0};
        threads[i] = thread_start(run_caller, &callers[i]);
    }
    for (size_t i = 0; i < 64; i++) {
        thread_join(threads[i]);
        assert_int_equal(callers[i].wrong, 0);
    }
    for (size_t i = 0; i < FORMAT_COUNT * PACKER_COUNT; i++)
        buffer_release(&bodies[i].packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_body__says_what_the_pipeline_says),
        cmocka_unit_test(test_ingest_body__nothing_is_one_empty_batch),
        cmocka_unit_test(test_ingest_body__many_rejects_make_more_batches),
        cmocka_unit_test(test_ingest_body__whole_or_not_at_all),
        cmocka_unit_test(test_ingest_body__refuses_bad_options),
        cmocka_unit_test(test_ingest_body__the_limit_is_exact),
        cmocka_unit_test(test_ingest_body__a_bomb_is_refused),
        cmocka_unit_test(test_ingest_body__by_64_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
