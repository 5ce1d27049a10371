/*
 * mmdb_writer.h - writes databases in the MaxMind DB form for tests: networks
 * in any order that do not overlap, records as the test lays them down.
 *
 *   mmdb_writer w;
 *   mmdb_begin(&w, true);
 *   uint32_t at = mmdb_record(&w);
 *   mmdb_map(&w, 1), mmdb_text(&w, "country_code"), mmdb_text(&w, "DE");
 *   mmdb_network(&w, "192.0.2.0", 24, at);
 *   mmdb_end(&w, "Test", 1700000000, &bytes);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MMDB_WRITER_H
#define TESTS_MMDB_WRITER_H

#include <arpa/inet.h>

#include "ingest/ingest_support.h"

#define MMDB_NOTHING UINT32_MAX
#define MMDB_DATA UINT32_C(0x80000000) /* + an offset */
#define MMDB_NODES_MAX 4096u

typedef struct mmdb_writer {
    bool v6;
    uint32_t nodes[MMDB_NODES_MAX][2];
    uint32_t node_count;
    buffer data;
} mmdb_writer;

static inline uint32_t mmdb_node(mmdb_writer *w)
{
    assert_true(w->node_count < MMDB_NODES_MAX);
    w->nodes[w->node_count][0] = MMDB_NOTHING;
    w->nodes[w->node_count][1] = MMDB_NOTHING;
    return w->node_count++;
}

static inline void mmdb_begin(mmdb_writer *w, bool v6)
{
    w->v6 = v6;
    w->node_count = 0;
    buffer_init(&w->data, (size_t)1 << 20);
    mmdb_node(w);
}

/* ---- values ---- */

static inline uint32_t mmdb_record(const mmdb_writer *w)
{
    return (uint32_t)w->data.len;
}

static inline void mmdb_head(buffer *b, unsigned type, size_t size)
{
    assert_true(size < 285);
    const unsigned low = size < 29 ? (unsigned)size : 29u;
    buffer_put_u8(b, (uint8_t)((type < 8 ? type << 5 : 0) | low));
    if (type >= 8)
        buffer_put_u8(b, (uint8_t)(type - 7));
    if (low == 29)
        buffer_put_u8(b, (uint8_t)(size - 29));
}

static inline void mmdb_put_text(buffer *b, const char *text)
{
    mmdb_head(b, 2, strlen(text));
    buffer_put_str(b, text);
}

static inline void mmdb_put_number(buffer *b, unsigned type, size_t size,
                                   uint64_t v)
{
    mmdb_head(b, type, size);
    for (size_t i = size; i-- > 0;)
        buffer_put_u8(b, (uint8_t)(v >> (8 * i)));
}

static inline void mmdb_map(mmdb_writer *w, size_t pairs)
{
    mmdb_head(&w->data, 7, pairs);
}

static inline void mmdb_array(mmdb_writer *w, size_t members)
{
    mmdb_head(&w->data, 11, members);
}

static inline void mmdb_text(mmdb_writer *w, const char *text)
{
    mmdb_put_text(&w->data, text);
}

static inline void mmdb_uint32(mmdb_writer *w, uint32_t v)
{
    mmdb_put_number(&w->data, 6, 4, v);
}

/* A record of one member, or two when the second key is not NULL. */
static inline uint32_t mmdb_flat(mmdb_writer *w, const char *key,
                                 const char *value, const char *key2,
                                 const char *value2)
{
    const uint32_t at = mmdb_record(w);
    mmdb_map(w, key2 != NULL ? 2 : 1);
    mmdb_text(w, key);
    mmdb_text(w, value);
    if (key2 != NULL) {
        mmdb_text(w, key2);
        mmdb_text(w, value2);
    }
    return at;
}

/* ---- networks ---- */

static inline void mmdb_network(mmdb_writer *w, const char *address,
                                unsigned bits, uint32_t record)
{
    uint8_t bytes[16] = {0};
    const bool v4 = strchr(address, ':') == NULL;
    uint8_t *to = v4 && w->v6 ? bytes + 12 : bytes;
    assert_int_equal(inet_pton(v4 ? AF_INET : AF_INET6, address, to), 1);
    if (v4 && w->v6)
        bits += 96;
    uint32_t node = 0;
    for (unsigned i = 0; i + 1 < bits; i++) {
        uint32_t *side = &w->nodes[node][bytes[i / 8] >> (7 - i % 8) & 1];
        if (*side == MMDB_NOTHING) {
            const uint32_t made = mmdb_node(w);
            *side = made;
        }
        assert_true(*side < MMDB_DATA);
        node = *side;
    }
    w->nodes[node][bytes[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1] =
        MMDB_DATA + record;
}

/* ---- the whole ---- */

static inline void mmdb_put_metadata(const mmdb_writer *w, const char *type,
                                     uint64_t built, buffer *out)
{
    buffer_put(out, "\xab\xcd\xefMaxMind.com", 14);
    mmdb_head(out, 7, 9);
    mmdb_put_text(out, "languages"); /* libmaxminddb wants them both */
    mmdb_head(out, 11, 0);
    mmdb_put_text(out, "description");
    mmdb_head(out, 7, 0);
    mmdb_put_text(out, "binary_format_major_version");
    mmdb_put_number(out, 5, 1, 2);
    mmdb_put_text(out, "binary_format_minor_version");
    mmdb_put_number(out, 5, 0, 0);
    mmdb_put_text(out, "build_epoch");
    mmdb_put_number(out, 9, 8, built);
    mmdb_put_text(out, "database_type");
    mmdb_put_text(out, type);
    mmdb_put_text(out, "ip_version");
    mmdb_put_number(out, 5, 1, w->v6 ? 6 : 4);
    mmdb_put_text(out, "node_count");
    mmdb_put_number(out, 6, 4, w->node_count);
    mmdb_put_text(out, "record_size");
    mmdb_put_number(out, 5, 1, 32);
}

/* Appends the database to out and forgets it. */
static inline void mmdb_end(mmdb_writer *w, const char *type, uint64_t built,
                            buffer *out)
{
    for (uint32_t i = 0; i < w->node_count; i++)
        for (int side = 0; side < 2; side++) {
            uint32_t v = w->nodes[i][side];
            if (v == MMDB_NOTHING)
                v = w->node_count;
            else if (v >= MMDB_DATA)
                v = w->node_count + 16 + (v - MMDB_DATA);
            for (int shift = 24; shift >= 0; shift -= 8)
                buffer_put_u8(out, (uint8_t)(v >> shift));
        }
    for (int i = 0; i < 16; i++)
        buffer_put_u8(out, 0);
    buffer_put(out, w->data.data, w->data.len);
    mmdb_put_metadata(w, type, built, out);
    buffer_release(&w->data);
}

/* As a file that comes to be at once; false when it cannot be written. */
static inline bool mmdb_save(const char *path, const buffer *bytes)
{
    char fresh[4200];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "wb");
    if (file == NULL)
        return false;
    const bool whole = fwrite(bytes->data, 1, bytes->len, file) == bytes->len;
    return fclose(file) == 0 && whole && rename(fresh, path) == 0;
}

#endif
