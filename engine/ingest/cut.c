/*
 * cut.c - the decompressed input cut into chunks at record ends, on the
 * thread that pushes.
 *
 * Bytes gather in the current chunk until there are `target` of them; then
 * it is cut behind its last record end and the rest begins the next chunk.
 * When there is no record end, target doubles, up to `most`, where a record
 * is surely longer than MUSTER_RECORD_BYTES_MAX: its bytes are then dropped
 * as they come, up to its end, and a chunk that says so takes its place. So
 * a line of 2 GB costs one chunk of memory.
 *
 * Decisions are made only when `target` bytes have gathered or the input ends
 * or breaks off; so where chunks end depends on the input and chunk_bytes
 * alone, not on how the bytes were pushed.
 *
 * The first bytes say the format; a byte order mark is dropped, the header
 * of a CSV is read and kept for all parsers. Then, when an interrupted load
 * goes on, what it had handed on is dropped as it comes: a copy and no more.
 * The place where it stopped is a record end, so cutting goes on from there as
 * if nothing had been. Nothing is decided before the head is known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memrchr */
#include "ingest/format.h"

#define CHUNK_BYTES_DEFAULT ((size_t)1 << 20)

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct cutter {
    chunk_port port;
    input_head *head;
    const ingest_options *options; /* mapping and notice are the caller's */
    ingest_format format;
    csv_header *header;
    size_t chunk_bytes;
    size_t most;
    size_t target;
    chunk *current;
    uint64_t number;
    uint64_t cut_end;      /* where the last chunk that was put ended */
    uint64_t lines_before; /* for the next chunk */
    bool mark_seen;        /* past the place of a byte order mark */
    bool started;          /* format known, header read */
    bool passed;           /* at resume_at or behind */
    bool closed;           /* an array: its closing bracket was seen */
    uint64_t resume_at;
    bool reread;           /* and what lies before it is handed on, too */
    bool skipping;
    uint64_t skip_offset; /* where the record began that is dropped */
    msgpack_skip skip;
    array_span span; /* of the element that is dropped */
};

cutter *cutter_new(const ingest_options *options, chunk_port port,
                   input_head *borrowed)
{
    cutter *c = mem_zalloc(sizeof *c);
    c->port = port;
    c->head = borrowed;
    c->resume_at = options->resume_at;
    c->passed = c->resume_at == 0;
    c->options = options;
    c->format = format_given(options);
    c->reread = options->reread;
    c->chunk_bytes =
        options->chunk_bytes > 0 ? options->chunk_bytes : CHUNK_BYTES_DEFAULT;
    c->most = c->chunk_bytes > RECORD_SPAN ? c->chunk_bytes : RECORD_SPAN;
    c->target = c->chunk_bytes > options->head_len ? c->chunk_bytes
                                                   : (size_t)options->head_len;
    ASSERT(c->target <= c->most);
    c->current = port.get(port.payload, c->most);
    return c;
}

void cutter_free(cutter *c)
{
    if (c == NULL)
        return;
    if (c->current != NULL)
        c->port.drop(c->port.payload, c->current);
    csv_header_free(c->header);
    mem_free(c);
}

char *cutter_space(cutter *c, size_t *room)
{
    ASSERT(c->current->len < c->target && c->target <= c->most);
    *room = c->target - c->current->len;
    return c->current->data + c->current->len;
}

static muster_text held(const cutter *c)
{
    return text_make(c->current->data, c->current->len);
}

static void drop_front(cutter *c, size_t len)
{
    chunk *cur = c->current;
    ASSERT(len <= cur->len);
    memmove(cur->data, cur->data + len, cur->len - len);
    cur->len -= len;
    cur->offset += len;
}

/* Twice as much must gather before the next decision. */
static void widen(cutter *c)
{
    while (c->target <= c->current->len && c->target < c->most)
        c->target = c->target > c->most / 2 ? c->most : c->target * 2;
    ASSERT(c->target > c->current->len);
}

static int put_chunk(cutter *c, chunk *cut, uint64_t end, muster_error *err)
{
    cut->number = c->number++;
    cut->format = c->format;
    cut->header = c->header;
    cut->start = c->cut_end;
    cut->end = end;
    cut->lines_before = c->lines_before;
    c->lines_before = 0;
    c->cut_end = end;
    return c->port.put(c->port.payload, cut, err);
}

/* Hands on the first `len` bytes. */
static int put_front(cutter *c, size_t len, muster_error *err)
{
    chunk *cut = c->current;
    chunk *rest = c->port.get(c->port.payload, c->most);
    ASSERT(len > 0 && len <= cut->len);
    rest->len = cut->len - len;
    rest->offset = cut->offset + len;
    memcpy(rest->data, cut->data + len, rest->len);
    cut->len = len;
    cut->kind = CHUNK_RECORDS;
    c->current = rest;
    c->target = c->chunk_bytes;
    return put_chunk(c, cut, rest->offset, err);
}

/* ---- records that are too long ---- */

static void begin_skip(cutter *c)
{
    c->skipping = true;
    c->skip_offset = c->current->offset;
    msgpack_skip_begin(&c->skip);
    c->span = (array_span){0};
    c->target = c->chunk_bytes;
}

/* The record that was dropped ends before the current chunk. */
static int end_skip(cutter *c, muster_error *err)
{
    chunk *refused = c->port.get(c->port.payload, c->most);
    refused->kind = CHUNK_TOO_LONG;
    refused->offset = c->skip_offset;
    c->skipping = false;
    return put_chunk(c, refused, c->current->offset, err);
}

/* Drops what is held of the record; *ended when its end was among it. */
static int skip_held(cutter *c, bool *ended, muster_error *err)
{
    if (c->format == INGEST_ARRAY) {
        size_t len = 0;
        *ended = array_span_on(&c->span, held(c), &len) != ARRAY_MORE;
        drop_front(c, len);
        return 0;
    }
    if (c->format != INGEST_MSGPACK) {
        const muster_text text = held(c);
        const char *end = memchr(text.ptr, '\n', text.len);
        *ended = end != NULL;
        drop_front(c, *ended ? (size_t)(end - text.ptr) + 1 : text.len);
        return 0;
    }
    size_t used = 0;
    const msgpack_state state = msgpack_skip_on(&c->skip, held(c), &used);
    drop_front(c, used);
    *ended = state == MSGPACK_DONE;
    return state == MSGPACK_BAD ? msgpack_refuse(c->current->offset, err) : 0;
}

/* ---- the start ---- */

static int unknown_format(muster_error *err)
{
    return error_set(
        err, MUSTER_EPARSE, "unknown_format",
        "the input is not recognised as NDJSON, as a JSON array, as CSV with "
        "a header of paths like ids.cookie, or as msgpack; name the format "
        "with --input-format (ndjson, csv, msgpack), and give other shapes a "
        "mapping (--map FILE)");
}

ingest_format format_given(const ingest_options *options)
{
    if (options->mapping == NULL)
        return options->format;
    return mapping_is_csv(options->mapping) ? INGEST_CSV : INGEST_AUTO;
}

/* A mapping of JSON reads lines or an array. */
static int detect_json(ingest_format *out, muster_text text, muster_error *err)
{
    if (text.ptr[0] != '{' && text.ptr[0] != '[')
        return error_set(err, MUSTER_EPARSE, "unknown_format",
                         "the mapping reads JSON, one object a line or an "
                         "array of them; the input begins with neither");
    *out = text.ptr[0] == '{' ? INGEST_NDJSON : INGEST_ARRAY;
    return 0;
}

int format_detect(ingest_format *out, muster_text start, bool final,
                  const mapping *map, muster_error *err)
{
    *out = INGEST_AUTO;
    const muster_text text = text_trim(start);
    if (text.len == 0) {
        if (final || start.len >= RECORD_SPAN)
            *out = INGEST_NDJSON;
        return 0;
    }
    if (map != NULL)
        return detect_json(out, text, err);
    if (text.ptr[0] == '{' || text.ptr[0] == '[') {
        *out = text.ptr[0] == '{' ? INGEST_NDJSON : INGEST_ARRAY;
        return 0;
    }
    if (msgpack_is_map(start.ptr[0])) {
        *out = INGEST_MSGPACK;
        return 0;
    }
    const char *end = memchr(text.ptr, '\n', text.len);
    if (end == NULL && !final && start.len < RECORD_SPAN)
        return 0;
    const size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
    if (!csv_is_header(text_make(text.ptr, len)))
        return unknown_format(err);
    *out = INGEST_CSV;
    return 0;
}

size_t format_mark(muster_text start)
{
    return text_starts_with(start, text_of(byte_order_mark))
               ? sizeof byte_order_mark - 1
               : 0;
}

/* A byte order mark is dropped; false when more bytes are needed to tell. */
static bool pass_mark(cutter *c, bool final)
{
    const muster_text text = held(c);
    if (c->format != INGEST_MSGPACK) {
        if (!final && text.len > 0 && text.len < sizeof byte_order_mark - 1 &&
            memcmp(text.ptr, byte_order_mark, text.len) == 0)
            return false;
        drop_front(c, format_mark(text));
    }
    c->mark_seen = true;
    return true;
}

/* The header of a CSV; false in *started when its row is not whole yet. */
static int start_csv(cutter *c, bool final, bool *started, muster_error *err)
{
    const muster_text text = held(c);
    size_t used = 0;
    if (!final && csv_cut(NULL, text) == 0) {
        *started = false;
        if (text.len < c->most)
            return 0;
    }
    const int rc =
        csv_header_new(&c->header, c->format, text, c->options, &used,
                       &c->lines_before, err);
    if (rc != 0)
        return rc;
    drop_front(c, used);
    *started = true;
    return 0;
}

/* The bracket that opens an array; an input without any byte is one without
 * elements. */
static int start_array(cutter *c, bool final, muster_error *err)
{
    size_t used = 0;
    const array_start how = array_begin(held(c), &used);
    if (how == ARRAY_START_BAD || used >= RECORD_SPAN)
        return array_refuse(0, err);
    c->started = how == ARRAY_STARTED || final;
    c->closed = how == ARRAY_START_MORE && final;
    if (c->started)
        drop_front(c, used);
    return 0;
}

static int start(cutter *c, bool final, muster_error *err)
{
    if (!c->mark_seen && !pass_mark(c, final))
        return 0;
    if (c->format == INGEST_AUTO) {
        const int rc = format_detect(&c->format, held(c), final,
                                     c->options->mapping, err);
        if (rc != 0 || c->format == INGEST_AUTO)
            return rc;
    }
    if (format_has_header(c->format))
        return start_csv(c, final, &c->started, err);
    if (c->format == INGEST_ARRAY)
        return start_array(c, final, err);
    c->started = true;
    return 0;
}

/* ---- what an earlier load handed on ---- */

static int ends_early(muster_error *err)
{
    return error_set(err, MUSTER_ECONFLICT, "other_input",
                     "the input ends before the place that was reached "
                     "before; the load id was used for another input, so "
                     "choose another --load-id");
}

/* An array's last byte but blanks says whether it was closed. */
static void note_passed(cutter *c, muster_text passed)
{
    while (passed.len > 0) {
        const muster_text last = {passed.ptr + --passed.len, 1};
        if (!array_is_blank(last)) {
            c->closed = *last.ptr == ']';
            return;
        }
    }
}

static int pass_over(cutter *c, muster_error *err)
{
    if (c->current->offset > c->resume_at)
        return error_set(err, MUSTER_ECONFLICT, "other_input",
                         "no record ends where the load stopped before; the "
                         "load id was used for another input, so choose "
                         "another --load-id");
    const uint64_t left = c->resume_at - c->current->offset;
    const size_t held_len = c->current->len;
    const size_t len = left < held_len ? (size_t)left : held_len;
    if (c->format == INGEST_ARRAY)
        note_passed(c, text_make(c->current->data, len));
    drop_front(c, len);
    c->passed = c->current->offset == c->resume_at;
    c->cut_end = c->current->offset;
    c->lines_before = 0; /* resume_line has counted them */
    c->target = c->chunk_bytes;
    return 0;
}

/* ---- cutting ---- */

/* How much of what is held can be handed on. */
static size_t complete_len(cutter *c, bool final, bool *bad)
{
    const muster_text text = held(c);
    *bad = false;
    if (c->format == INGEST_MSGPACK)
        return msgpack_cut(c->current, bad);
    if (c->format == INGEST_ARRAY)
        return array_cut(text, &c->closed, bad);
    if (final)
        return text.len;
    if (format_has_header(c->format))
        return csv_cut(c->header, text);
    const char *end = memrchr(text.ptr, '\n', text.len);
    return end != NULL ? (size_t)(end - text.ptr) + 1 : 0;
}

/* A chunk ends where the load stopped before; *again: the rest may follow. */
static size_t until_resumed(cutter *c, size_t len, bool *again)
{
    const uint64_t from = c->current->offset;
    if (c->passed || from + len < c->resume_at)
        return len;
    c->passed = true;
    if (from >= c->resume_at)
        return len;
    *again = from + len > c->resume_at;
    return (size_t)(c->resume_at - from);
}

static int end_within_skip(cutter *c, muster_error *err)
{
    if (c->format == INGEST_MSGPACK)
        return msgpack_truncated(c->skip_offset, err);
    if (c->format == INGEST_ARRAY)
        return array_truncated(c->skip_offset, err);
    return end_skip(c, err);
}

/* What is held behind the last record is none. */
static int refuse_rest(const cutter *c, muster_error *err)
{
    const uint64_t offset = c->current->offset;
    return c->format == INGEST_MSGPACK ? msgpack_refuse(offset, err)
                                       : array_refuse(offset, err);
}

/* The input ends within a record, or an array before it is closed. */
static int break_at_end(const cutter *c, muster_error *err)
{
    const uint64_t offset = c->current->offset;
    return c->format == INGEST_MSGPACK ? msgpack_truncated(offset, err)
                                       : array_truncated(offset, err);
}

/* One step; *again when another may follow with what is held. */
static int step(cutter *c, bool final, bool *again, muster_error *err)
{
    *again = false;
    if (c->skipping) {
        const int rc = skip_held(c, again, err);
        if (rc != 0)
            return rc;
        if (*again)
            return end_skip(c, err);
        return final ? end_within_skip(c, err) : 0;
    }
    if (!c->started) {
        const int rc = start(c, final, err);
        *again = c->started;
        return rc;
    }
    if (!c->passed && !c->reread) {
        const int rc = pass_over(c, err);
        *again = c->passed;
        return rc;
    }
    bool bad = false;
    const size_t len = until_resumed(c, complete_len(c, final, &bad), again);
    const int rc = len > 0 ? put_front(c, len, err) : 0;
    if (rc != 0 || *again)
        return rc;
    if (bad)
        return refuse_rest(c, err);
    if (final && c->current->len > 0)
        return break_at_end(c, err);
    if (c->current->len >= RECORD_SPAN) {
        begin_skip(c);
        *again = true;
    }
    return 0;
}

static int cut(cutter *c, bool final, muster_error *err)
{
    bool again = true;
    while (again && (c->current->len > 0 || c->skipping || final)) {
        const int rc = step(c, final, &again, err);
        if (rc != 0)
            return rc;
        if (again && c->current->len == 0 && !c->skipping)
            break;
    }
    if (!final)
        widen(c);
    return 0;
}

int cutter_added(cutter *c, size_t len, muster_error *err)
{
    const int rc =
        head_add(c->head, c->current->data + c->current->len, len, err);
    c->current->len += len;
    ASSERT(c->current->len <= c->target);
    if (rc != 0)
        return rc;
    return c->current->len == c->target ? cut(c, false, err) : 0;
}

int cutter_finish(cutter *c, muster_error *err)
{
    if (!head_is_known(c->head))
        return ends_early(err);
    const int rc = cut(c, true, err);
    if (rc == 0 && c->format == INGEST_ARRAY && !c->closed)
        return break_at_end(c, err);
    return rc == 0 && !c->passed ? ends_early(err) : rc;
}

int cutter_flush(cutter *c, muster_error *err)
{
    return head_is_known(c->head) ? cut(c, false, err) : 0;
}
