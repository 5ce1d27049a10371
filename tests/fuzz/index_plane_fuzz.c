/*
 * index_plane_fuzz.c - arbitrary bytes as a plane. What view_open accepts is
 * read whole without leaving the bytes; what set_check accepts as well reads
 * the same as CRoaring reads it, and comes back as the same rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>

#include "base/base.h"
#include "index/set.h"
#include "index/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_block(const plane_view *v, uint32_t block, uint32_t *hint,
                       block_buf *words)
{
    const block_ref ref = view_block(v, block, hint);

    (void)block_count(ref);
    (void)block_is_empty(ref);
    block_expand(ref, words);
    (void)block_has(ref, 0);
    (void)block_has(ref, 65535);
    (void)view_block_count(v, block, hint);
}

static void compare(const plane_view *v, const uint8_t *data, size_t size)
{
    set *s = set_of_bytes(data, size);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    uint64_t count = 0;
    uint32_t hint = 0;

    for (uint32_t block = 0; block < 65536; block++) {
        const uint32_t n = block_rows(view_block(v, block, &hint), rows);
        ASSERT(n == view_block_count(v, block, NULL));
        for (uint32_t i = 0; i < n; i++)
            ASSERT(set_has(s, block * BLOCK_ROWS + rows[i]));
        count += n;
    }
    ASSERT(count == set_count(s));
    ASSERT(count == view_count(v));
    mem_free(rows);
    set_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plane_view v;
    const bool opens = view_open(&v, data, size);
    const bool valid = set_check(data, size);

    if (!opens)
        return 0;
    block_buf *words = mem_aligned(sizeof *words);
    uint32_t hint = 0;
    for (uint32_t i = 0; i < v.n; i++) {
        const uint32_t key =
            (uint32_t)(v.directory[4 * i] | v.directory[4 * i + 1] << 8);
        read_block(&v, key, &hint, words);
        for (uint32_t row = 0; row < 65536; row += 4097)
            (void)view_has(&v, key << 16 | row);
    }
    read_block(&v, 0, NULL, words);
    read_block(&v, 65535, NULL, words);
    mem_free(words);
    if (valid)
        compare(&v, data, size);
    return 0;
}
