/*
 * ingest_msgpack_fuzz.c - maps: read as one chunk, cut at other places, and
 * by both ways of reading.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An extension within what is dropped: too rare for the fast way. */
#define RARE                                                                   \
    "\xa7"                                                                     \
    "consent\x81\xa1x\xd4\x05\x00"

static fact_batch *parse(const void *bytes, size_t len)
{
    const ingest_options options = fuzz_options(INGEST_MSGPACK);
    fact_batch *b = NULL;
    ASSERT(ingest_parse_chunk(&options, bytes, len, &b, NULL) == 0);
    return b;
}

static void compare(const fact_batch *a, const fact_batch *b)
{
    uint64_t hash_a = 0;
    uint64_t hash_b = 0;
    ASSERT(a->record_count == b->record_count);
    ASSERT(fuzz_read(a->bytes.data, a->bytes.len, &hash_a));
    ASSERT(fuzz_read(b->bytes.data, b->bytes.len, &hash_b));
    ASSERT(hash_a == hash_b && a->reject_count == b->reject_count);
    for (size_t i = 0; i < a->reject_count; i++) {
        ASSERT(a->rejects[i].reason == b->rejects[i].reason);
        ASSERT(strcmp(a->rejects[i].pointer, b->rejects[i].pointer) == 0);
    }
}

/* The first map of the input as it is, and with a rare member more. */
static void fuzz_ways(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] < 0x80 || data[0] > 0x8e ||
        text_contains(text_make((const char *)data, size), text_of("consent")))
        return;
    fact_batch *plain = parse(data, size);
    if (plain->fatal == 0 && plain->record_count + plain->reject_count == 1) {
        buffer bytes;
        buffer_init(&bytes, size + 100);
        buffer_put_u8(&bytes, (uint8_t)(data[0] + 1));
        buffer_put(&bytes, data + 1, size - 1);
        buffer_put(&bytes, RARE, sizeof RARE - 1);
        fact_batch *rare = parse(bytes.data, bytes.len);
        ASSERT(rare->fatal == 0);
        compare(plain, rare);
        fact_batch_free(rare);
        buffer_release(&bytes);
    }
    fact_batch_free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_MSGPACK, data, size);
    fuzz_ways(data, size);
    fuzz_cut(INGEST_MSGPACK, data, size);
    fuzz_body(INGEST_MSGPACK, data, size);
    return 0;
}
