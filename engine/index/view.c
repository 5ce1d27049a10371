/*
 * view.c - portable Roaring bytes, read in place (view.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/view.h"

#include <string.h>

#include "base/base.h"

#define COOKIE_NO_RUN 12346u
#define COOKIE_RUN 12347u
#define NO_OFFSET_BELOW 4u
#define BITSET_BYTES 8192u

static inline uint32_t u16_at(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t key_at(const plane_view *v, uint32_t i)
{
    return u16_at(v->directory + 4 * (size_t)i);
}
static inline uint32_t cardinality_at(const plane_view *v, uint32_t i)
{
    return u16_at(v->directory + 4 * (size_t)i + 2) + 1;
}
static inline bool is_run(const plane_view *v, uint32_t i)
{
    return v->run_flags && ((v->run_flags[i >> 3] >> (i & 7)) & 1);
}

void view_init(plane_view *v, const uint8_t *bytes)
{
    const uint32_t cookie = u32_at(bytes);

    v->bytes = bytes;
    v->sets = NULL;
    v->blocks = 0;
    if ((cookie & 0xffff) == COOKIE_RUN) {
        v->n = (cookie >> 16) + 1;
        v->run_flags = bytes + 4;
        v->directory = bytes + 4 + (v->n + 7) / 8;
        v->offsets =
            v->n >= NO_OFFSET_BELOW ? v->directory + 4 * (size_t)v->n : NULL;
        return;
    }
    v->n = u32_at(bytes + 4);
    v->run_flags = NULL;
    v->directory = bytes + 8;
    v->offsets = v->directory + 4 * (size_t)v->n;
}

static size_t container_size(const plane_view *v, uint32_t i,
                             const uint8_t *at)
{
    if (is_run(v, i))
        return 2 + 4 * (size_t)u16_at(at);
    const uint32_t n = cardinality_at(v, i);
    return n > BLOCK_ARRAY_MAX ? BITSET_BYTES : 2 * (size_t)n;
}

static const uint8_t *container_at(const plane_view *v, uint32_t i)
{
    if (v->offsets)
        return v->bytes + u32_at(v->offsets + 4 * (size_t)i);
    const uint8_t *at = v->directory + 4 * (size_t)v->n;
    for (uint32_t j = 0; j < i; j++)
        at += container_size(v, j, at);
    return at;
}

static bool header_fits(const uint8_t *bytes, size_t len)
{
    if (len < 8)
        return false;
    const uint32_t cookie = u32_at(bytes);
    if ((cookie & 0xffff) == COOKIE_RUN) {
        const size_t n = (cookie >> 16) + 1;
        return len >= 4 + (n + 7) / 8 + 4 * n +
                          (n >= NO_OFFSET_BELOW ? 4 * n : 0);
    }
    const size_t n = u32_at(bytes + 4);
    return cookie == COOKIE_NO_RUN && n <= 65536 && len >= 8 + 8 * n;
}

bool view_open(plane_view *v, const uint8_t *bytes, size_t len)
{
    if (!header_fits(bytes, len))
        return false;
    view_init(v, bytes);

    const uint8_t *end = bytes + len;
    const uint8_t *walk = v->directory + (v->offsets ? 8 : 4) * (size_t)v->n;
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0 && key_at(v, i) <= key_at(v, i - 1))
            return false;
        /* readers without the offsets walk, so both must lead to one place */
        if (v->offsets &&
            u32_at(v->offsets + 4 * (size_t)i) != (size_t)(walk - bytes))
            return false;
        if ((size_t)(end - walk) < 2)
            return false;
        const size_t size = container_size(v, i, walk);
        if ((size_t)(end - walk) < size)
            return false;
        walk += size;
    }
    return true;
}

/* Index of the container of `block`, or n. */
static uint32_t find(const plane_view *v, uint32_t block, uint32_t *hint)
{
    uint32_t low = 0;
    uint32_t high = v->n;

    if (hint && *hint < v->n) {
        const uint32_t at = *hint;
        const uint32_t key = key_at(v, at);
        if (key == block)
            return at;
        if (key < block) {
            if (at + 1 >= v->n)
                return v->n;
            const uint32_t next = key_at(v, at + 1);
            if (next >= block) {
                *hint = at + 1;
                return next == block ? at + 1 : v->n;
            }
            low = at + 2;
        } else {
            high = at;
        }
    }
    while (low < high) {
        const uint32_t mid = (low + high) / 2;
        if (key_at(v, mid) < block)
            low = mid + 1;
        else
            high = mid;
    }
    if (hint && low < v->n)
        *hint = low;
    return low < v->n && key_at(v, low) == block ? low : v->n;
}

uint32_t view_next(const plane_view *v, uint32_t block, uint32_t *hint)
{
    uint32_t i = find(v, block, hint);

    if (i == v->n) { /* none of this block: the hint stands behind it */
        i = *hint < v->n && key_at(v, *hint) < block ? *hint + 1 : *hint;
        while (i < v->n && key_at(v, i) < block)
            i++;
        if (i < v->n)
            *hint = i;
    }
    return i < v->n ? key_at(v, i) : UINT32_MAX;
}

static inline block_ref container(const plane_view *v, uint32_t i)
{
    const uint8_t *at = container_at(v, i);
    const uint32_t cardinality = cardinality_at(v, i);

    if (is_run(v, i)) {
        if (cardinality == BLOCK_ROWS)
            return block_full();
        return (block_ref){BLOCK_RUN, u16_at(at), at + 2};
    }
    if (cardinality > BLOCK_ARRAY_MAX)
        return (block_ref){BLOCK_BITSET, cardinality, at};
    return (block_ref){BLOCK_ARRAY, cardinality, at};
}

uint32_t view_container_count(const plane_view *v, uint32_t i)
{
    return cardinality_at(v, i);
}

block_ref view_container(const plane_view *v, uint32_t i, uint32_t *block)
{
    *block = key_at(v, i);
    return container(v, i);
}

block_ref view_block(const plane_view *v, uint32_t block, uint32_t *hint)
{
    if (v->sets)
        return block < v->blocks ? v->sets[block] : block_empty();
    const uint32_t i = find(v, block, hint);
    return i == v->n ? block_empty() : container(v, i);
}

size_t view_first_bitset(const plane_view *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (!is_run(v, i) && cardinality_at(v, i) > BLOCK_ARRAY_MAX)
            return (size_t)(container_at(v, i) - v->bytes);
    return 0;
}

bool view_has(const plane_view *v, uint32_t row)
{
    return block_has(view_block(v, row >> 16, NULL), row & 0xffff);
}

uint64_t view_count(const plane_view *v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->n; i++)
        n += cardinality_at(v, i);
    return n;
}

uint32_t view_block_count(const plane_view *v, uint32_t block, uint32_t *hint)
{
    const uint32_t i = find(v, block, hint);
    return i < v->n ? cardinality_at(v, i) : 0;
}
