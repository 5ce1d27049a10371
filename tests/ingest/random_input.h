/*
 * random_input.h - small random inputs of all formats, of good records and
 * refused ones, with blank lines, quotes over several lines and a last line
 * without its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_RANDOM_INPUT_H
#define TESTS_INGEST_RANDOM_INPUT_H

#include "ingest/format_writer.h"
#include "support/dice.h"

static inline void put_random_tree(buffer *out, writer_format format,
                                   random_state *r)
{
    value_writer w;
    char text[64];
    const bool events = chance(r, 30);
    const bool named = !chance(r, 10); /* else refused */
    writer_init(&w, out, format);
    write_open(&w, true, 2 + events);
    write_str(&w, "ids");
    write_open(&w, true, named);
    if (named) {
        write_str(&w, "cookie");
        snprintf(text, sizeof text, "c%u", dice(r, 1000000));
        write_str(&w, text);
    }
    write_close(&w);
    write_str(&w, "set");
    write_open(&w, true, 2);
    write_str(&w, "geo.city");
    write_str(&w, chance(r, 10) ? "" : "a town with a name");
    write_str(&w, "age");
    write_int(&w, dice(r, 90));
    write_close(&w);
    if (events) {
        write_str(&w, "events");
        write_open(&w, false, 1);
        write_open(&w, true, 1);
        write_str(&w, "name");
        write_str(&w, "page.view");
        write_close(&w);
        write_close(&w);
    }
    write_close(&w);
}

static inline void put_random_row(buffer *out, random_state *r)
{
    static const char *const cells[] = {
        "",        "plain",           "\"quoted\"", "\"two\n\nlines\"",
        "\"a,b\"", "\"a \"\"b\"\"\"", "1",          "x\"y"};
    buffer_printf(out, "c%u,%s", dice(r, 1000000), PICK(r, cells));
    if (!chance(r, 5))
        buffer_printf(out, ",%s", PICK(r, cells));
}

static inline void put_random_line_end(buffer *out, random_state *r)
{
    static const char *const ends[] = {"\n", "\n", "\r\n", "\n\n", "\n \t\r\n"};
    buffer_put_str(out, PICK(r, ends));
}

/* Elements that are no records among them, each with an end of its own. */
static inline void put_random_array(buffer *out, uint32_t count,
                                    random_state *r)
{
    static const char *const blanks[] = {"", "", " ", "\n", "\r\n\t "};
    static const char *const odd[] = {"{\"no\": JSON}", "17", "null", "",
                                      "\"x,]\\\",[\"", "[{},[1]]", "{]}"};
    buffer_printf(out, "%s[", PICK(r, blanks));
    for (uint32_t i = 0; i < count; i++) {
        buffer_put_str(out, PICK(r, blanks));
        if (chance(r, 10))
            buffer_put_str(out, PICK(r, odd));
        else
            put_random_tree(out, WRITE_JSON, r);
        buffer_put_str(out, PICK(r, blanks));
        if (i + 1 < count)
            buffer_put_str(out, ",");
    }
    buffer_printf(out, "]%s", PICK(r, blanks));
}

/* Appends about `count` records. */
static inline void put_random_input(buffer *out, ingest_format format,
                                    uint32_t count, random_state *r)
{
    if (format != INGEST_MSGPACK && chance(r, 30))
        buffer_put_str(out, "\xef\xbb\xbf");
    if (format == INGEST_ARRAY) {
        put_random_array(out, count, r);
        return;
    }
    if (format == INGEST_CSV)
        buffer_put_str(out, "ids.cookie,\"set.geo.city\",add.m\r\n");
    for (uint32_t i = 0; i < count; i++) {
        if (format == INGEST_MSGPACK) {
            put_random_tree(out, WRITE_MSGPACK, r);
            continue;
        }
        if (format == INGEST_CSV)
            put_random_row(out, r);
        else if (chance(r, 5))
            buffer_put_str(out, "{\"no\": JSON");
        else
            put_random_tree(out, WRITE_JSON, r);
        if (i + 1 < count || chance(r, 50))
            put_random_line_end(out, r);
    }
}

#endif
