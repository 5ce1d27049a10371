/*
 * proof.c - proof.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/proof.h"

#include <endian.h>
#include <string.h>
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

proof *proof_new(const void *bytes, size_t len, const void *sums)
{
    ASSERT(bytes != NULL && (sums != NULL || len == 0));
    proof *p = mem_zalloc(sizeof *p);
    p->bytes = bytes;
    p->len = len;
    p->sums = sums;
    p->fits = mem_zalloc((proof_pieces(len) / 64 + 1) * sizeof *p->fits);
    return p;
}

void proof_free(proof *p)
{
    if (p == NULL)
        return;
    mem_free(p->fits);
    mem_free(p);
}

static void note_fault(proof *p, size_t offset)
{
    uint64_t none = 0;
    __atomic_compare_exchange_n(&p->broken, &none, (uint64_t)offset + 1, false,
                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool piece_fits(const proof *p, size_t i)
{
    const size_t from = i * PROOF_PIECE;
    const size_t left = p->len - from;
    uint64_t sum;
    memcpy(&sum, p->sums + i * sizeof sum, sizeof sum);
    return hash_bytes(p->bytes + from, left < PROOF_PIECE ? left
                                                          : PROOF_PIECE) ==
           le64toh(sum);
}

bool proof_look(proof *p, size_t first, size_t last)
{
    ASSERT(first <= last && last < proof_pieces(p->len));
    for (size_t i = first; i <= last; i++) {
        uint64_t *word = &p->fits[i / 64];
        const uint64_t bit = (uint64_t)1 << i % 64;
        if ((__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit) != 0)
            continue;
        if (!piece_fits(p, i)) {
            note_fault(p, i * PROOF_PIECE);
            return false;
        }
        __atomic_fetch_or(word, bit, __ATOMIC_RELEASE);
    }
    return true;
}

void proof_break(proof *p, const void *at)
{
    note_fault(p, (size_t)((const uint8_t *)at - p->bytes));
}

bool proof_is_broken(const proof *p, uint64_t *offset)
{
    const uint64_t broken = __atomic_load_n(&p->broken, __ATOMIC_ACQUIRE);
    *offset = broken - 1;
    return broken != 0;
}
