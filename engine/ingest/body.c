/*
 * body.c - input that is there whole, parsed on the calling thread: one
 * chunk of a test, or the body of a request.
 *
 * There is nothing to cut: the parser reads in the caller's bytes, past a
 * byte order mark and the header of a CSV. What is compressed is unpacked
 * first, into memory, so it is bounded. A body is read whole or not at all:
 * what the pipeline would still hand on of an input that breaks off, is
 * dropped here.
 *
 * Cost: a parser is made and freed for each call, some microseconds.
 * Threads: nothing is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#define UNPACK_STEP ((size_t)16 << 10)

/* An array is looked through to its end, so that one that breaks off is
 * refused whole. `text` is what is behind a mark of `mark` bytes; *used, what
 * stands before the first element. */
static int check_array(muster_text text, size_t mark, size_t *used,
                       muster_error *err)
{
    bool closed = false;
    bool bad = false;
    const array_start how = array_begin(text, used);
    if (how == ARRAY_START_MORE)
        return 0;
    if (how == ARRAY_START_BAD)
        return array_refuse(0, err);
    const muster_text elements =
        text_make(text.ptr + *used, text.len - *used);
    const uint64_t end =
        mark + *used + array_cut(elements, &closed, &bad);
    if (bad)
        return array_refuse(end, err);
    return closed ? 0 : array_truncated(end, err);
}

/* The chunk over the caller's bytes, past a mark and a header. */
static int view_chunk(const ingest_options *options, muster_text text, chunk *c,
                      csv_header **header, muster_error *err)
{
    const ingest_format given = format_given(options);
    size_t used = given == INGEST_MSGPACK ? 0 : format_mark(text);
    muster_text left = text_make(text.ptr + used, text.len - used);
    *c = (chunk){.format = given, .end = text.len};
    if (c->format == INGEST_AUTO) {
        const int rc = format_detect(&c->format, left, true,
                                     options->mapping, err);
        if (rc != 0)
            return rc;
    }
    if (format_has_header(c->format)) {
        size_t row = 0;
        const int rc = csv_header_new(header, c->format, left, options, &row,
                                      &c->lines_before, err);
        if (rc != 0)
            return rc;
        used += row;
    }
    if (c->format == INGEST_ARRAY) {
        size_t open = 0;
        const int rc = check_array(left, used, &open, err);
        if (rc != 0)
            return rc;
        used += open;
    }
    c->header = *header;
    c->data = (char *)(uintptr_t)text.ptr + used; /* parsers only read */
    c->len = text.len - used;
    c->offset = used;
    return 0;
}

int ingest_parse_chunk(const ingest_options *options, const char *bytes,
                       size_t len, fact_batch **out, muster_error *err)
{
    ASSERT(options != NULL && out != NULL && (bytes != NULL || len == 0));
    chunk c;
    chunk_cursor cursor = {0, 0};
    csv_header *header = NULL;
    *out = NULL;
    const muster_text text = text_make(bytes != NULL ? bytes : "", len);
    const int rc = view_chunk(options, text, &c, &header, err);
    if (rc == 0) {
        parser *p = parser_new(options);
        *out = parser_read(p, &c, &cursor, true);
        parser_free(p);
    }
    csv_header_free(header);
    return rc;
}

/* ---- bodies ---- */

void fact_batches_release(fact_batches *list)
{
    for (size_t i = 0; i < list->count; i++)
        fact_batch_free(list->items[i]);
    mem_free(list->items);
    memset(list, 0, sizeof *list);
}

static int long_body(muster_error *err)
{
    return error_set(err, MUSTER_ELIMIT, "long_body",
                     "a body has at most %zu bytes, decompressed; load it as "
                     "a file",
                     INGEST_BODY_BYTES_MAX);
}

static char *get_space(void *payload, size_t *room)
{
    buffer *plain = payload;
    char *space = (char *)buffer_reserve(plain, 1);
    ASSERT(space != NULL);
    *room = plain->capacity - plain->len;
    return space;
}

static int added(void *payload, size_t len, muster_error *err)
{
    buffer *plain = payload;
    plain->len += len;
    return plain->len > INGEST_BODY_BYTES_MAX ? long_body(err) : 0;
}

static int unpack(buffer *plain, muster_text packed, muster_error *err)
{
    buffer_reserve(plain, packed.len < UNPACK_STEP ? UNPACK_STEP : packed.len);
    input *in = input_new((byte_port){plain, get_space, added});
    int rc = input_push(in, packed.ptr, packed.len, err);
    if (rc == 0)
        rc = input_finish(in, err);
    input_free(in);
    return rc;
}

/* Reads the whole chunk into the list; the code of a fatal batch. */
static int read_batches(const ingest_options *options, const chunk *c,
                        fact_batches *out, muster_error *err)
{
    parser *p = parser_new(options);
    chunk_cursor cursor = {0, 0};
    int rc = 0;
    do {
        fact_batch *b = parser_read(p, c, &cursor, false);
        mem_grow(&out->items, &out->capacity, out->count + 1,
                 sizeof *out->items);
        out->items[out->count++] = b;
        rc = b->fatal;
        if (rc != 0 && err != NULL)
            *err = b->error;
    } while (rc == 0 && cursor.at < c->len);
    parser_free(p);
    return rc;
}

int ingest_parse_body(const ingest_options *options, const void *bytes,
                      size_t len, fact_batches *out, muster_error *err)
{
    ASSERT(options != NULL && out != NULL && (bytes != NULL || len == 0));
    chunk c;
    csv_header *header = NULL;
    buffer plain;
    memset(out, 0, sizeof *out);
    int rc = parser_check(options, err);
    if (rc != 0)
        return rc;
    if (len > INGEST_BODY_BYTES_MAX)
        return long_body(err);
    buffer_init(&plain, INGEST_BODY_BYTES_MAX + 1); /* one to see the limit */
    muster_text text = text_make(len > 0 ? bytes : "", len);
    if (input_is_packed(bytes, len)) {
        rc = unpack(&plain, text, err);
        text =
            text_make(plain.len > 0 ? (const char *)plain.data : "", plain.len);
    }
    if (rc == 0)
        rc = view_chunk(options, text, &c, &header, err);
    if (rc == 0)
        rc = read_batches(options, &c, out, err);
    if (rc != 0)
        fact_batches_release(out);
    csv_header_free(header);
    buffer_release(&plain);
    return rc;
}
