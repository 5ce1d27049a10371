/*
 * ingest_message_fuzz.c - messages of customer data platforms: what is translated is
 * one line, and a record that the parsers of ingest take; the exceptions are
 * what only they judge. What is refused leaves nothing behind. The first byte
 * says of which kind the message is, and what the catalog knows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Some kind for most names, the same each time. */
static cdp_attribute find(const void *names, const char *name)
{
    const uint64_t hash = hash_bytes(name, strlen(name));
    (void)names;
    return (cdp_attribute){(cdp_kind)(hash % (CDP_KIND_EVENT + 1)),
                           hash % 64 == 1};
}

static cdp_attribute find_none(const void *names, const char *name)
{
    (void)names;
    (void)name;
    return (cdp_attribute){CDP_KIND_NONE, false};
}

static void note(void *payload, cdp_reason reason, const char *pointer)
{
    (void)payload;
    ASSERT(reason > CDP_OK && reason < CDP_REASON_COUNT);
    ASSERT(text_is_utf8(text_of(pointer)) && strchr(pointer, '@') == NULL);
}

/* The parsers find nothing wrong that was not theirs to find. */
static void check_record(const buffer *line)
{
    const ingest_options options = fuzz_options(INGEST_NDJSON);
    fact_batch *b = NULL;
    const int rc = ingest_parse_chunk(&options, (const char *)line->data,
                                      line->len, &b, NULL);
    ASSERT(rc == 0 && b->record_count + b->reject_count == 1);
    for (size_t i = 0; i < b->reject_count; i++) {
        const ingest_reason why = b->rejects[i].reason;
        ASSERT(why == INGEST_FUTURE || why == INGEST_BAD_ID ||
               why == INGEST_BAD_TIME);
    }
    fact_batch_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_doc *doc = NULL;
    buffer line;
    const char *pointer = NULL;
    uint64_t ignored = 0;
    if (size < 2 || json_parse(&doc, (const char *)data + 1, size - 1,
                               JSON_STRICT, NULL) != 0)
        return 0;
    const cdp_view view = {fuzz_options(INGEST_NDJSON).now, data[0] % 5 == 0,
                           data[0] % 2 == 0 ? find : find_none, NULL,
                           note, NULL};
    buffer_init(&line, (size_t)64 << 20);
    const cdp_reason reason =
        cdp_translate(&view, (cdp_type)(data[0] % (CDP_GROUP + 1)),
                      json_root(doc), text_of("2026-11-22T12:00:00Z"), &line,
                      &pointer, &ignored);
    ASSERT(buffer_ok(&line) && pointer != NULL);
    if (reason != CDP_OK)
        ASSERT(line.len == 0 && reason < CDP_REASON_COUNT);
    else
        check_record(&line);
    buffer_release(&line);
    json_free(doc);
    return 0;
}
