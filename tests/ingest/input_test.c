/*
 * input_test.c - plain, gzip and zstd; whole, one behind the other, broken
 * off, damaged, and bombs; and which format the first bytes say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/packers.h"

static const char lines[] =
    "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}\n"
    "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"2\"}}\n"
    "{\"ids\":{\"cookie\":\"c\"},\"set\":{\"x\":\"3\"}}\n";

static void load_bytes(outcome *o, const buffer *bytes, size_t piece)
{
    ingest_options options = test_options(INGEST_AUTO);
    options.chunk_bytes = 50;
    outcome_init(o);
    load(o, &options, bytes->data, bytes->len, piece);
}

static void assert_unpacks(const buffer *packed, const char *plain)
{
    outcome want;
    ingest_options options = test_options(INGEST_AUTO);
    options.chunk_bytes = 50;
    outcome_init(&want);
    load_text(&want, &options, plain);
    assert_int_equal(want.rc, 0);
    for (size_t piece = 0; piece < 12; piece++) {
        outcome got;
        load_bytes(&got, packed, piece);
        if (got.rc != 0)
            fail_msg("piece %zu: %s", piece, got.err.message);
        assert_string_equal(outcome_text(&got), outcome_text(&want));
        assert_int_equal(got.bytes.len, want.bytes.len);
        outcome_release(&got);
    }
    outcome_release(&want);
}

/* One member, several, cut within a line, and empty ones among them. */
static void assert_members(packer pack)
{
    const size_t len = strlen(lines);
    buffer packed;
    buffer_init(&packed, 1 << 20);
    pack(&packed, lines, len);
    assert_unpacks(&packed, lines);
    for (size_t at = 0; at <= len; at += 11) {
        buffer_clear(&packed);
        pack(&packed, lines, at);
        pack(&packed, "", 0);
        pack(&packed, lines + at, len - at);
        assert_unpacks(&packed, lines);
    }
    buffer_release(&packed);
}

static void test_ingest_input__gzip_members(void **state)
{
    (void)state;
    assert_members(put_gzip);
}

static void test_ingest_input__zstd_frames(void **state)
{
    (void)state;
    assert_members(put_zstd);
    /* A skippable frame first, as some tools write it. */
    buffer packed;
    buffer_init(&packed, 1 << 20);
    buffer_put(&packed, "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
    put_zstd(&packed, lines, strlen(lines));
    assert_unpacks(&packed, lines);
    buffer_release(&packed);
}

/* Broken off at every byte: an error, and the records before it. */
static void assert_truncated(packer pack, const char *word,
                             uint64_t most_wanted)
{
    buffer packed;
    uint64_t most = 0;
    buffer_init(&packed, 1 << 20);
    pack(&packed, lines, strlen(lines));
    const size_t first = packed.len;
    pack(&packed, lines, strlen(lines));
    const size_t whole = packed.len;
    for (size_t len = 4; len < whole; len++) {
        outcome o;
        if (len == first)
            continue;
        packed.len = len;
        load_bytes(&o, &packed, 3);
        assert_int_equal(o.rc, MUSTER_EPARSE);
        assert_string_equal(o.err.word, word);
        assert_int_equal(o.rejects, 0);
        assert_true(len < first || o.records >= 3);
        most = o.records > most ? o.records : most;
        outcome_release(&o);
    }
    assert_true(most >= most_wanted);
    buffer_release(&packed);
}

static void test_ingest_input__truncated(void **state)
{
    (void)state;
    assert_truncated(put_gzip, "truncated_gzip", 5);
    /* zstd gives whole blocks. */
    assert_truncated(put_zstd, "truncated_zstd", 3);
}

static void assert_bad(const buffer *bytes, const char *word, uint64_t records)
{
    outcome o;
    load_bytes(&o, bytes, 5);
    assert_int_equal(o.rc, MUSTER_EPARSE);
    assert_string_equal(o.err.word, word);
    assert_int_equal(o.records, records);
    outcome_release(&o);
}

static void test_ingest_input__damaged(void **state)
{
    (void)state;
    buffer packed;
    buffer_init(&packed, 1 << 20);
    put_gzip(&packed, lines, strlen(lines));
    buffer_put_str(&packed, "garbage");
    assert_bad(&packed, "bad_gzip", 3);
    buffer_clear(&packed);
    put_gzip(&packed, lines, strlen(lines));
    packed.data[packed.len - 6] ^= 1; /* the checksum */
    assert_bad(&packed, "bad_gzip", 3);
    buffer_clear(&packed);
    put_zstd(&packed, lines, strlen(lines));
    buffer_put_str(&packed, "garbage");
    assert_bad(&packed, "bad_zstd", 3);
    buffer_clear(&packed);
    put_zstd(&packed, lines, strlen(lines));
    packed.data[4] = 0xff;
    assert_bad(&packed, "bad_zstd", 0);
    buffer_release(&packed);
}

/* Every byte of a compressed input changed: an error or records, no crash. */
static void test_ingest_input__damage_anywhere(void **state)
{
    (void)state;
    for (size_t i = 1; i < PACKER_COUNT; i++) {
        buffer packed;
        buffer_init(&packed, 1 << 20);
        packers[i](&packed, lines, strlen(lines));
        for (size_t at = 0; at < packed.len; at++) {
            for (int bit = 0; bit < 8; bit += 3) {
                outcome o;
                packed.data[at] ^= (uint8_t)(1 << bit);
                load_bytes(&o, &packed, 0);
                outcome_release(&o);
                packed.data[at] ^= (uint8_t)(1 << bit);
            }
        }
        buffer_release(&packed);
    }
}

/* A gibibyte of the same character in a few hundred kilobytes; two records
 * before it are kept. */
static void test_ingest_input__a_bomb_is_refused(void **state)
{
    (void)state;
    const size_t block = (size_t)1 << 20;
    buffer packed;
    outcome o;
    z_stream z = {0};
    char *zeros = mem_alloc(block);
    ingest_options options = test_options(INGEST_AUTO);
    buffer_init(&packed, (size_t)64 << 20);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    memset(zeros, 'x', block);
    memcpy(zeros, lines, strlen(lines));
    for (int i = 0; i < 128; i++) {
        z.next_in = (Bytef *)zeros;
        z.avail_in = (uInt)block;
        do {
            z.next_out = buffer_reserve(&packed, 65536);
            z.avail_out = 65536;
            deflate(&z, Z_NO_FLUSH);
            packed.len += 65536 - z.avail_out;
        } while (z.avail_out == 0);
        memset(zeros, 'x', strlen(lines));
    }
    deflateEnd(&z);
    outcome_init(&o);
    load(&o, &options, packed.data, packed.len, 1000);
    assert_int_equal(o.rc, MUSTER_EPARSE);
    assert_string_equal(o.err.word, "expansion");
    assert_int_equal(o.records, 3);
    outcome_release(&o);
    buffer_release(&packed);
    mem_free(zeros);
}

/* Very compressible, but honest: below 64 MiB nobody asks. */
static void test_ingest_input__small_dense_inputs_pass(void **state)
{
    (void)state;
    buffer plain;
    buffer packed;
    outcome o;
    ingest_options options = test_options(INGEST_AUTO);
    buffer_init(&plain, (size_t)64 << 20);
    buffer_init(&packed, (size_t)64 << 20);
    while (plain.len < (size_t)8 << 20)
        buffer_put_str(&plain, "\n\n\n\n\n\n\n\n");
    buffer_put_str(&plain, lines);
    put_gzip(&packed, plain.data, plain.len);
    assert_true(packed.len * MUSTER_EXPANSION_MAX < plain.len);
    outcome_init(&o);
    load(&o, &options, packed.data, packed.len, 0);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.records, 3);
    outcome_release(&o);
    buffer_release(&plain);
    buffer_release(&packed);
}

/* ---- which format ---- */

typedef struct detection {
    const char *input;
    size_t len;
    uint64_t records;
    const char *word; /* of the error, "" = none */
} detection;

#define INPUT(text) text, sizeof(text) - 1

static const detection detections[] = {
    {INPUT(""), 0, ""},
    {INPUT("\n \r\n\t"), 0, ""},
    {INPUT("\xef\xbb\xbf"), 0, ""},
    {INPUT("{\"ids\":{\"cookie\":\"a\"}}"), 1, ""},
    {INPUT("  \n\n{\"ids\":{\"cookie\":\"a\"}}\n"), 1, ""},
    {INPUT("\xef\xbb\xbf{\"ids\":{\"cookie\":\"a\"}}\n"), 1, ""},
    {INPUT("\xef\xbb\xbfids.cookie\na\n"), 1, ""},
    {INPUT("ids.cookie\na"), 1, ""},
    {INPUT("\"set.a\",\"ids.cookie\"\r\n,a\r\n"), 1, ""},
    {INPUT("ts\tids.cookie\n\ta\n"), 1, ""},
    {INPUT("ts;ids.cookie\n;a\n"), 1, ""},
    {INPUT("ids.cookie"), 0, ""},
    {INPUT("\x81\xa3ids\x81\xa6"
           "cookie\xa1"
           "a"),
     1, ""},
    {INPUT("\xde\x00\x01\xa3ids\x81\xa6"
           "cookie\xa1"
           "a"),
     1, ""},
    {INPUT("[{\"ids\":{\"cookie\":\"a\"}}]"), 1, ""},
    {INPUT("\xef\xbb\xbf\n [ {\"ids\":{\"cookie\":\"a\"}} ]\n"), 1, ""},
    {INPUT("user,country\n1,DE\n"), 0, "unknown_format"},
    {INPUT("hello"), 0, "unknown_format"},
    {INPUT("\x93\x01\x02\x03"), 0, "unknown_format"},
    {INPUT("\xff\xfe{\0"), 0, "unknown_format"},
    {INPUT("set.a,ts\n"), 0, "bad_header"},
    {INPUT("ids.cookie,ids.cookie\n"), 0, "bad_header"},
    {INPUT("ids.cookie,country\n"), 0, "bad_header"},
    {INPUT("ids.cookie,\"open\n"), 0, "bad_header"},
    {INPUT("\x1f"), 0, "unknown_format"},
};

static void test_ingest_input__the_first_bytes_say_the_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof detections / sizeof detections[0]; i++) {
        const detection *d = &detections[i];
        for (size_t chunk = 1; chunk < 40; chunk += 6) {
            outcome o;
            ingest_options options = test_options(INGEST_AUTO);
            options.chunk_bytes = chunk;
            outcome_init(&o);
            load(&o, &options, d->input, d->len, chunk % 4);
            if (strcmp(o.err.word, d->word) != 0 || o.records != d->records)
                fail_msg("row %zu, chunk %zu: %llu records, error %s: %s", i,
                         chunk, (unsigned long long)o.records, o.err.word,
                         o.err.message);
            outcome_release(&o);
        }
    }
}

static void test_ingest_input__unknown_format_says_what_to_do(void **state)
{
    (void)state;
    outcome o;
    ingest_options options = test_options(INGEST_AUTO);
    outcome_init(&o);
    load_text(&o, &options, "user,country\n1,DE\n");
    assert_non_null(strstr(o.err.message, "--input-format"));
    assert_non_null(strstr(o.err.message, "--map"));
    outcome_release(&o);
}

/* A mebibyte of blanks is no reason to wait for more. */
static void test_ingest_input__blanks_without_end(void **state)
{
    (void)state;
    outcome o;
    ingest_options options = test_options(INGEST_AUTO);
    const size_t len = 3u << 20;
    char *blanks = mem_alloc(len);
    memset(blanks, ' ', len);
    outcome_init(&o);
    load(&o, &options, blanks, len, 100000);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.rejects, 1);
    assert_non_null(strstr(outcome_text(&o), "too_long"));
    outcome_release(&o);
    mem_free(blanks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_input__gzip_members),
        cmocka_unit_test(test_ingest_input__zstd_frames),
        cmocka_unit_test(test_ingest_input__truncated),
        cmocka_unit_test(test_ingest_input__damaged),
        cmocka_unit_test(test_ingest_input__damage_anywhere),
        cmocka_unit_test(test_ingest_input__a_bomb_is_refused),
        cmocka_unit_test(test_ingest_input__small_dense_inputs_pass),
        cmocka_unit_test(test_ingest_input__the_first_bytes_say_the_format),
        cmocka_unit_test(test_ingest_input__unknown_format_says_what_to_do),
        cmocka_unit_test(test_ingest_input__blanks_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
