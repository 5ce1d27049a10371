/*
 * bound_body.h - the read loop, compiled once for each kind of processor by
 * bound.c, which sets
 *
 *   READ_NAME    the function
 *   READ_LEVEL   its attribute
 *   READ_BYTES   of one vector
 *
 * SPDX-License-Identifier: Apache-2.0
 */

READ_LEVEL static uint64_t READ_NAME(const span_list *list, size_t ahead)
{
    typedef uint64_t vector
        __attribute__((vector_size(READ_BYTES), aligned(1), may_alias));
    enum { STEP = LANES * READ_BYTES };
    vector x[LANES] = {{0}};
    uint64_t sum = 0;

    for (size_t i = 0; i < list->count; i++) {
        const uint8_t *at = list->items[i].at;
        size_t len = list->items[i].len;
        fetch(list, i + ahead);
        if (len < READ_BYTES) {
            sum ^= read_short(at, len);
            continue;
        }
        for (; len >= STEP; at += STEP, len -= STEP)
#pragma GCC unroll 8
            for (int k = 0; k < LANES; k++)
                x[k] ^= *(const vector *)(at + k * READ_BYTES);
        for (; len >= READ_BYTES; at += READ_BYTES, len -= READ_BYTES)
            x[0] ^= *(const vector *)at;
        if (len > 0)
            x[1] ^= *(const vector *)(at + len - READ_BYTES);
    }
#pragma GCC unroll 8
    for (int k = 0; k < LANES; k++)
        for (size_t part = 0; part < READ_BYTES / 8; part++)
            sum ^= x[k][part];
    return sum;
}

#undef READ_NAME
#undef READ_LEVEL
#undef READ_BYTES
