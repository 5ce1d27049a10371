/*
 * ingest_batch_fuzz.c - bytes read as a batch of facts. What is accepted is
 * written again and read again: it says the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_record(batch_writer *w, batch_reader *r,
                        const fact_record *record)
{
    fact f;
    const uint32_t provider = batch_provider(w, r->providers[record->provider]);
    batch_record_begin(w);
    for (uint32_t i = 0; i < record->id_count; i++) {
        const uint8_t *id = record->ids + (size_t)i * 17;
        muster_pseudonym p;
        memcpy(p.bytes, id + 1, sizeof p.bytes);
        batch_record_id(w, batch_space(w, r->spaces[id[0]]), &p);
    }
    while (batch_next_fact(r, &f)) {
        fact copy = f;
        if (f.op != FACT_WIPE)
            copy.attribute = batch_attribute(w, r->attributes[f.attribute]);
        if (f.term != FACT_NO_TERM)
            copy.term = batch_term(w, copy.attribute, r->terms[f.term]);
        batch_record_fact(w, &copy);
    }
    batch_record_end(w, provider, record->ts, record->ttl_hours);
}

/* Ids that stand twice in a record are written once: nothing to compare. */
static bool ids_are_distinct(const fact_record *record)
{
    for (uint32_t i = 0; i < record->id_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (memcmp(record->ids + i * 17, record->ids + j * 17, 17) == 0)
                return false;
    return true;
}

/* False when the copy cannot say the same. */
static bool copy_batch(buffer *out, const uint8_t *data, size_t size)
{
    batch_reader r;
    fact_record record;
    bool same = true;
    batch_writer *w = batch_writer_new();
    ASSERT(batch_open(&r, data, size, NULL) == 0);
    /* Names that stand twice become one, and so may ids. */
    for (uint32_t i = 0; i < r.space_count; i++)
        same = same && batch_space(w, r.spaces[i]) == i;
    while (same && batch_next_record(&r, &record)) {
        same = ids_are_distinct(&record);
        copy_record(w, &r, &record);
    }
    batch_writer_finish(w, out);
    batch_close(&r);
    batch_writer_free(w);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash = 0;
    uint64_t copied = 0;
    if (!fuzz_read(data, size, &hash))
        return 0;
    buffer copy;
    buffer_init(&copy, (size_t)1 << 30);
    if (copy_batch(&copy, data, size)) {
        ASSERT(fuzz_read(copy.data, copy.len, &copied));
        ASSERT(copied == hash);
    }
    buffer_release(&copy);
    return 0;
}
