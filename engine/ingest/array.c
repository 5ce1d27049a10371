/*
 * array.c - records as the elements of one JSON array.
 *
 * An element is what stands between two commas of the array itself: brackets
 * and texts are counted, nothing else is understood. So where elements end is
 * found in one pass, and each is then read by itself, as a line of NDJSON is:
 * one that is no record costs itself alone, also when its own brackets are of
 * the wrong kind. An element that is missing (two commas) is refused; a comma
 * before the closing bracket is let pass. Behind that bracket nothing may
 * follow but blanks.
 *
 * The cutter drops the opening bracket; everything else reaches the parsers,
 * with chunks that end behind a comma or behind the whole array. So the byte
 * before the place where a load goes on says whether the array was closed.
 *
 * A place counts elements from 1 where other formats count lines.
 *
 * Cost: about a nanosecond a byte, once to cut and once to parse.
 * Threads: nothing is kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

/* ---- where an element ends ---- */

typedef enum mark {
    MARK_NONE = 0,
    MARK_QUOTE,
    MARK_OPEN,
    MARK_CLOSE, /* of an object */
    MARK_END,   /* of an array */
    MARK_COMMA
} mark;

static const uint8_t marks[256] = {
    ['"'] = MARK_QUOTE, ['{'] = MARK_OPEN, ['['] = MARK_OPEN,
    ['}'] = MARK_CLOSE, [']'] = MARK_END,  [','] = MARK_COMMA,
};

/* Behind the text that p stands in; end when it goes on. */
static const char *skip_text(array_span *s, const char *p, const char *end)
{
    while (p < end) {
        const char c = *p++;
        if (s->escaped)
            s->escaped = false;
        else if (c == '\\')
            s->escaped = true;
        else if (c == '"') {
            s->text = false;
            break;
        }
    }
    return p;
}

array_end array_span_on(array_span *s, muster_text bytes, size_t *used)
{
    const char *const end = bytes.ptr + bytes.len;
    const char *p = bytes.ptr;
    while (p < end) {
        if (s->text) {
            p = skip_text(s, p, end);
            continue;
        }
        const mark m = (mark)marks[(unsigned char)*p++];
        if (m == MARK_NONE)
            continue;
        if (m == MARK_QUOTE) {
            s->text = true;
        } else if (m == MARK_OPEN) {
            s->depth++;
        } else if (s->depth > 0) {
            s->depth -= m != MARK_COMMA;
        } else if (m != MARK_CLOSE) {
            *used = (size_t)(p - bytes.ptr) - (m == MARK_END);
            return m == MARK_END ? ARRAY_CLOSE : ARRAY_COMMA;
        }
    }
    *used = bytes.len;
    return ARRAY_MORE;
}

/* ---- cutting ---- */

bool array_is_blank(muster_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\0' || strchr(" \t\r\n", text.ptr[i]) == NULL)
            return false;
    return true;
}

static size_t blanks_at(muster_text text)
{
    size_t n = 0;
    while (n < text.len && array_is_blank(text_make(text.ptr + n, 1)))
        n++;
    return n;
}

array_start array_begin(muster_text text, size_t *used)
{
    *used = blanks_at(text);
    if (*used == text.len)
        return ARRAY_START_MORE;
    if (text.ptr[*used] != '[')
        return ARRAY_START_BAD;
    ++*used;
    return ARRAY_STARTED;
}

size_t array_cut(muster_text text, bool *closed, bool *bad)
{
    size_t at = 0;
    *bad = false;
    while (!*closed) {
        array_span span = {0};
        size_t used = 0;
        const array_end how = array_span_on(
            &span, text_make(text.ptr + at, text.len - at), &used);
        if (how == ARRAY_MORE)
            return at;
        at += used + (how == ARRAY_CLOSE);
        *closed = how == ARRAY_CLOSE;
    }
    at += blanks_at(text_make(text.ptr + at, text.len - at));
    *bad = at < text.len;
    return at;
}

int array_refuse(uint64_t offset, muster_error *err)
{
    return error_set(err, MUSTER_EPARSE, "bad_array",
                     "at byte %llu of the input: %s",
                     (unsigned long long)offset + 1,
                     offset == 0 ? "a JSON array is expected"
                                 : "nothing may follow the JSON array");
}

int array_truncated(uint64_t offset, muster_error *err)
{
    return error_set(err, MUSTER_EPARSE, "truncated_array",
                     "the JSON array breaks off in the element that begins "
                     "at byte %llu of the input",
                     (unsigned long long)offset + 1);
}

/* ---- reading ---- */

void array_read(ndjson_parser *p, record_front *f, const chunk *c,
                chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        muster_text left = text_make(c->data + cursor->at, c->len - cursor->at);
        const size_t blanks = blanks_at(left);
        left = text_make(left.ptr + blanks, left.len - blanks);
        if (left.len == 0 || *left.ptr == ']') {
            cursor->at = c->len;
            return;
        }
        array_span span = {0};
        size_t used = 0;
        const array_end how = array_span_on(&span, left, &used);
        const record_place place = {cursor->line + 1,
                                    c->offset + cursor->at + blanks};
        const muster_text element =
            text_trim(text_make(left.ptr, used - (how == ARRAY_COMMA)));
        cursor->at += blanks + used;
        cursor->line++;
        if (element.len == 0)
            record_refuse_at(f, place, INGEST_BAD_JSON,
                             "an element of the array is missing");
        else
            ndjson_read_one(p, f, element, "element", place);
    }
}
