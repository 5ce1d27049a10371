/*
 * parser.c - one parser thread's work: a chunk of any format to batches.
 *
 * A chunk usually becomes one batch. One that is full before its end is
 * handed on early: a reject takes some 400 bytes, so a megabyte of two-byte
 * garbage would otherwise hold 200 MB; and id spaces are numbered by one
 * byte. Where a batch ends depends on the input alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/derive.h"
#include "ingest/format.h"

#define BATCH_REJECTS_MAX 4096u
/* Records that wipe are short and bring a fact for each attribute that the
 * provider ever spoke of: 16 M facts a batch at most. */
#define BATCH_WIPES_MAX 256u

struct parser {
    record_front front;
    ndjson_parser *ndjson;
    csv_parser *csv;
    msgpack_parser *msgpack;
    aam_parser *aam;
    cdp_parser *cdp;
};

int parser_check(const ingest_options *options, muster_error *err)
{
    const char *name = options->provider;
    if (options->key == NULL)
        return error_set(err, MUSTER_EINVAL, "no_key",
                         "records cannot be read without a key");
    if (name != NULL && !catalog_is_provider_name(text_of(name)))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "`%s` is no name of a provider", name);
    if (options->format >= INGEST_AAM &&
        (options->dialect == NULL ||
         options->dialect->format != options->format))
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "a dialect is read as its own options say");
    return 0;
}

parser *parser_new(const ingest_options *options)
{
    parser *p = mem_zalloc(sizeof *p);
    record_front_init(&p->front, options);
    return p;
}

void parser_free(parser *p)
{
    if (p == NULL)
        return;
    record_front_release(&p->front);
    ndjson_parser_free(p->ndjson);
    csv_parser_free(p->csv);
    msgpack_parser_free(p->msgpack);
    aam_parser_free(p->aam);
    cdp_parser_free(p->cdp);
    mem_free(p);
}

bool parser_is_full(const record_front *f)
{
    return f->reject_count >= BATCH_REJECTS_MAX ||
           f->writer->spaces.count >
               BATCH_SPACES_MAX - MUSTER_RECORD_IDS_MAX ||
           (f->writer->has_wipes &&
            f->writer->record_count >= BATCH_WIPES_MAX);
}

static void refuse_chunk(record_front *f, const chunk *c, chunk_cursor *cursor)
{
    const record_place place = {cursor->line + 1, c->offset};
    ASSERT(c->kind == CHUNK_TOO_LONG);
    record_refuse_at(f, place, INGEST_TOO_LONG, "a record has at most %u bytes",
                     MUSTER_RECORD_BYTES_MAX);
    cursor->line++;
    cursor->at = c->len;
}

static void read_records(parser *p, const chunk *c, chunk_cursor *cursor,
                         bool whole)
{
    switch (c->format) {
    case INGEST_NDJSON:
        if (p->ndjson == NULL)
            p->ndjson = ndjson_parser_new();
        ndjson_read(p->ndjson, &p->front, c, cursor, whole);
        return;
    case INGEST_CSV:
    case INGEST_LIVERAMP:
        if (p->csv == NULL)
            p->csv = csv_parser_new();
        csv_read(p->csv, &p->front, c, cursor, whole);
        return;
    case INGEST_MSGPACK:
        if (p->msgpack == NULL)
            p->msgpack = msgpack_parser_new();
        msgpack_read(p->msgpack, &p->front, c, cursor, whole);
        return;
    case INGEST_ARRAY:
        if (p->ndjson == NULL)
            p->ndjson = ndjson_parser_new();
        array_read(p->ndjson, &p->front, c, cursor, whole);
        return;
    case INGEST_AAM:
    case INGEST_AAM_IDS:
        if (p->aam == NULL)
            p->aam = aam_parser_new();
        aam_read(p->aam, &p->front, c, cursor, whole);
        return;
    case INGEST_CDP:
        if (p->cdp == NULL)
            p->cdp = cdp_parser_new();
        cdp_read(p->cdp, &p->front, c, cursor, whole);
        return;
    case INGEST_AUTO:
        break;
    }
    ASSERT(!"a chunk has a format");
}

fact_batch *parser_read(parser *p, const chunk *c, chunk_cursor *cursor,
                        bool whole)
{
    const bool first = cursor->at == 0;
    uint64_t from = c->offset + cursor->at;
    if (first) {
        from = c->start;
        cursor->line = c->lines_before;
    }
    if (p->front.deriver != NULL)
        deriver_begin(p->front.deriver);
    if (c->kind == CHUNK_RECORDS)
        read_records(p, c, cursor, whole);
    else
        refuse_chunk(&p->front, c, cursor);
    fact_batch *b = record_front_finish(&p->front);
    if (p->front.deriver != NULL)
        b->sources = deriver_sources(p->front.deriver, &b->source_count);
    const bool last = cursor->at == c->len;
    b->input_end = last ? c->end : c->offset + cursor->at;
    b->input_line = cursor->line;
    b->input_bytes = b->input_end - from;
    return b;
}
