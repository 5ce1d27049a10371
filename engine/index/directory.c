/*
 * directory.c - the encoded form of a layer's directory, 5 bytes a plane where
 * the entries of layer.h take 32.
 *
 *   varint  number of entries, then for each, in order:
 *   u8      bits 0-2: the first field that differs from the entry before, 0
 *           attribute, 1 provider, 2 value, 3 bucket, 4 role or slice
 *           bits 3-6: role
 *           bit 7: slice and place follow
 *   varint  that field, less the former one's (modulo 2^32); not for 4
 *   varint  of attribute, provider, value and bucket those that come after it
 *   varint  slice, and zigzag the bytes between the end of the former plane and
 *           this one, where bit 7 is set; else the slice is 0 and the plane
 *           begins at the next even byte
 *   varint  length
 *   varint  cardinality
 *
 * Before the first entry all fields are 0. varint and zigzag are those of
 * base/buffer.h.
 *
 * Cost: about 15 ns an entry, either way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/layer.h"

#define MORE 0x80u
#define ROLE_SHIFT 3u
#define ROLE_MASK 15u
#define LEVEL_MASK 7u
#define LEVELS 4u /* fields that are told */
/* The least that an entry takes. */
#define ENTRY_BYTES_MIN 3u

/* The fields in the order of a directory, widened. */
typedef struct key_fields {
    uint32_t at[LEVELS];
} key_fields;

static key_fields fields_of(const plane_key *k)
{
    return (key_fields){{k->attribute, k->provider, k->value, k->bucket}};
}

static uint64_t end_of(const layer_entry *e)
{
    return e->offset + e->len;
}

static uint64_t next_even(uint64_t end)
{
    return (end + 1) & ~(uint64_t)1;
}

static void encode_entry(const layer_entry *former, const layer_entry *e,
                         buffer *out)
{
    const key_fields a = fields_of(&former->key);
    const key_fields b = fields_of(&e->key);
    const uint64_t end = end_of(former);
    const bool more = e->key.slice != 0 || e->offset != next_even(end);
    uint32_t level = 0;

    while (level < LEVELS && a.at[level] == b.at[level])
        level++;
    ASSERT(e->key.role <= ROLE_MASK);
    buffer_put_u8(out, (uint8_t)(level | (uint32_t)e->key.role << ROLE_SHIFT |
                                 (more ? MORE : 0)));
    if (level < LEVELS)
        buffer_put_varint(out, (uint32_t)(b.at[level] - a.at[level]));
    for (uint32_t i = level + 1; i < LEVELS; i++)
        buffer_put_varint(out, b.at[i]);
    if (more) {
        buffer_put_varint(out, e->key.slice);
        buffer_put_zigzag(out, (int64_t)(e->offset - end));
    }
    buffer_put_varint(out, e->len);
    buffer_put_varint(out, e->count);
}

void layer_directory_encode(const layer_entry *entries, size_t count,
                            buffer *out)
{
    const layer_entry none = {0};

    buffer_put_varint(out, count);
    for (size_t i = 0; i < count; i++)
        encode_entry(i > 0 ? &entries[i - 1] : &none, &entries[i], out);
}

/* What does not fit its field makes the reader bad. */
static uint64_t get_up_to(reader *r, uint64_t max)
{
    const uint64_t v = reader_varint(r);
    r->bad |= v > max;
    return v;
}

static void decode_entry(reader *r, const layer_entry *former, layer_entry *e)
{
    const uint8_t lead = reader_u8(r);
    const uint32_t level = lead & LEVEL_MASK;
    const uint64_t end = end_of(former);
    key_fields f = fields_of(&former->key);

    if (level < LEVELS)
        f.at[level] += (uint32_t)get_up_to(r, UINT32_MAX);
    for (uint32_t i = level + 1; i < LEVELS; i++)
        f.at[i] = (uint32_t)get_up_to(r, UINT32_MAX);
    *e = (layer_entry){.key = {.attribute = f.at[0],
                               .provider = (uint16_t)f.at[1],
                               .role = lead >> ROLE_SHIFT & ROLE_MASK,
                               .value = f.at[2],
                               .bucket = f.at[3]},
                       .offset = next_even(end)};
    r->bad |= level > LEVELS || f.at[1] > UINT16_MAX;
    if ((lead & MORE) != 0) {
        e->key.slice = (uint8_t)get_up_to(r, UINT8_MAX);
        e->offset = end + (uint64_t)reader_zigzag(r);
    }
    e->len = (uint32_t)get_up_to(r, UINT32_MAX);
    e->count = (uint32_t)get_up_to(r, UINT32_MAX);
}

layer_entry *layer_directory_decode(const void *bytes, size_t len,
                                    size_t *count)
{
    layer_entry former = {0};
    reader r;

    reader_init(&r, bytes, len);
    *count = (size_t)get_up_to(&r, len / ENTRY_BYTES_MIN);
    if (!reader_ok(&r))
        return NULL;
    layer_entry *entries = mem_array(*count + 1, sizeof *entries);
    for (size_t i = 0; i < *count && reader_ok(&r); i++) {
        decode_entry(&r, &former, &entries[i]);
        former = entries[i];
    }
    if (reader_ok(&r) && reader_left(&r) == 0)
        return entries;
    mem_free(entries);
    return NULL;
}
