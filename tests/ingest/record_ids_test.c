/*
 * record_ids_test.c - every record has the pseudonyms of its own ids, in their
 * order and once each, though ids of neighbouring records are hashed together:
 * with spaces named once and twice, long ids, and refused records between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

#include "support/dice.h"

#define RECORDS 60u
#define IDS_MAX 5u

/* Ids that a record has, as the batch should have them. */
typedef struct wanted {
    uint32_t count;
    muster_pseudonym ids[2 * IDS_MAX];
} wanted;

static void want_id(wanted *w, const char *space, const char *id)
{
    muster_pseudonym p;
    muster_error err;

    assert_int_equal(identity_pseudonymise(test_key(), text_of(space),
                                           identity_raw_of(text_of(id)), &p,
                                           &err),
                     0);
    for (uint32_t i = 0; i < w->count; i++)
        if (memcmp(w->ids[i].bytes, p.bytes, sizeof p.bytes) == 0)
            return;
    w->ids[w->count++] = p;
}

/* A few ids, so that they come again; some are longer than a block. */
static void draw_id(random_state *r, char *out)
{
    const uint32_t len = chance(r, 15) ? 150 : 2;

    memset(out, 'x', len);
    out[0] = (char)('a' + dice(r, 4));
    out[len] = 0;
}

static void put_ids(buffer *line, random_state *r, const char *space,
                    wanted *want)
{
    const uint32_t count = 1 + dice(r, chance(r, 70) ? 1 : IDS_MAX);
    char id[256];

    buffer_printf(line, "\"%s\":[", space);
    for (uint32_t i = 0; i < count; i++) {
        draw_id(r, id);
        want_id(want, space, id);
        buffer_printf(line, "%s\"%s\"", i ? "," : "", id);
    }
    buffer_put_str(line, "]");
}

/* One line; false when it will be refused, behind some of its ids. */
static bool put_line_of(buffer *input, random_state *r, wanted *want)
{
    const bool good = chance(r, 80);

    want->count = 0;
    buffer_put_str(input, "{\"ids\":{");
    put_ids(input, r, "cookie", want);
    if (chance(r, 40)) {
        buffer_put_str(input, ",");
        put_ids(input, r, "customer", want);
    }
    if (!good)
        buffer_put_str(input, ",\"partner\":\"a@example.org\"");
    buffer_put_str(input, "},\"set\":{\"a.b\":1}}\n");
    return good;
}

static void expect_ids(const fact_record *record, const wanted *want)
{
    assert_int_equal(record->id_count, want->count);
    for (uint32_t i = 0; i < want->count; i++)
        assert_memory_equal(record->ids + (size_t)i * 17 + 1,
                            want->ids[i].bytes, sizeof want->ids[i].bytes);
}

static void read_some(uint64_t seed)
{
    const ingest_options options = test_options(INGEST_NDJSON);
    wanted want[RECORDS + 1];
    uint32_t count = 0;
    buffer input;
    fact_batch *batch;
    batch_reader in;
    fact_record record;
    random_state r;
    muster_error err;

    random_seed(&r, seed);
    buffer_init(&input, (size_t)1 << 20);
    for (uint32_t i = 0; i < RECORDS; i++)
        count += put_line_of(&input, &r, &want[count]);
    assert_int_equal(ingest_parse_chunk(&options, (const char *)input.data,
                                        input.len, &batch, &err),
                     0);
    assert_int_equal(batch->record_count, count);
    assert_int_equal(
        batch_open(&in, batch->bytes.data, batch->bytes.len, &err), 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(batch_next_record(&in, &record));
        expect_ids(&record, &want[i]);
    }
    assert_false(batch_next_record(&in, &record));
    assert_true(batch_ok(&in));
    batch_close(&in);
    fact_batch_free(batch);
    buffer_release(&input);
}

static void test_ingest_record_ids__are_each_records_own(void **state)
{
    (void)state;
    test_each_seed(read_some, test_size(200, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_record_ids__are_each_records_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
