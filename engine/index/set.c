/*
 * set.c - set.h over CRoaring.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/set.h"

#include <roaring/roaring.h>

#include "base/base.h"

set *set_new(void)
{
    set *s = roaring_bitmap_create();
    ASSERT(s != NULL);
    return s;
}

void set_free(set *s)
{
    if (s)
        roaring_bitmap_free(s);
}

set *set_copy(const set *s)
{
    set *copy = roaring_bitmap_copy(s);
    ASSERT(copy != NULL);
    return copy;
}

set *set_of_rows(const uint32_t *rows, size_t n)
{
    set *s = set_new();
    roaring_bitmap_add_many(s, n, rows);
    return s;
}

set *set_of_bytes(const uint8_t *bytes, size_t len)
{
    set *s =
        roaring_bitmap_portable_deserialize_safe((const char *)bytes, len);
    ASSERT(s != NULL);
    return s;
}

void set_add(set *s, uint32_t row)
{
    roaring_bitmap_add(s, row);
}

void set_add_range(set *s, uint64_t first, uint64_t end)
{
    roaring_bitmap_add_range(s, first, end);
}

bool set_has(const set *s, uint32_t row)
{
    return roaring_bitmap_contains(s, row);
}

uint64_t set_count(const set *s)
{
    return roaring_bitmap_get_cardinality(s);
}

bool set_is_empty(const set *s)
{
    return roaring_bitmap_is_empty(s);
}

bool set_equal(const set *a, const set *b)
{
    return roaring_bitmap_equals(a, b);
}

void set_or(set *a, const set *b)
{
    if (a != b)
        roaring_bitmap_or_inplace(a, b);
}

void set_and(set *a, const set *b)
{
    if (a != b)
        roaring_bitmap_and_inplace(a, b);
}

void set_andnot(set *a, const set *b)
{
    if (a == b)
        roaring_bitmap_clear(a);
    else
        roaring_bitmap_andnot_inplace(a, b);
}

void set_xor(set *a, const set *b)
{
    if (a == b)
        roaring_bitmap_clear(a);
    else
        roaring_bitmap_xor_inplace(a, b);
}

set *set_and_new(const set *a, const set *b)
{
    set *s = roaring_bitmap_and(a, b);
    ASSERT(s != NULL);
    return s;
}

bool set_intersects(const set *a, const set *b)
{
    return roaring_bitmap_intersect(a, b);
}

void set_shrink(set *s)
{
    roaring_bitmap_run_optimize(s);
}

size_t set_encoded_size(const set *s)
{
    return roaring_bitmap_portable_size_in_bytes(s);
}

void set_encode(const set *s, uint8_t *out)
{
    const size_t want = set_encoded_size(s);
    const size_t got = roaring_bitmap_portable_serialize(s, (char *)out);
    ASSERT(got == want);
}

/* Does the set encode to the very bytes it came from? CRoaring passes over
 * offsets and over the cardinalities of runs, which views read. */
static bool encodes_to(const set *s, const uint8_t *bytes, size_t len)
{
    if (set_encoded_size(s) != len)
        return false;
    uint8_t *again = mem_alloc(len);
    set_encode(s, again);
    const bool same = memcmp(again, bytes, len) == 0;
    mem_free(again);
    return same;
}

bool set_check(const uint8_t *bytes, size_t len)
{
    const size_t size =
        roaring_bitmap_portable_deserialize_size((const char *)bytes, len);
    if (size != len || len == 0)
        return false;
    roaring_bitmap_t *s =
        roaring_bitmap_portable_deserialize_safe((const char *)bytes, len);
    if (!s)
        return false;
#ifdef MUSTER_CROARING_VALIDATES
    const char *reason = NULL;
    const bool ok = roaring_bitmap_internal_validate(s, &reason);
#else
    const bool ok = true;
#endif
    const bool same = ok && encodes_to(s, bytes, len);
    roaring_bitmap_free(s);
    return same;
}
