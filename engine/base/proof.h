/*
 * proof.h - bytes of a file that are believed once their checksum fits.
 *
 * The bytes are cut into pieces of PROOF_PIECE (the last is shorter), and each
 * has an XXH3-64. A piece is hashed by whoever needs it first; a bit remembers
 * that it fits. One that does not fit never gets its bit, and is counted: the
 * proof is then broken for good, so that what has been read over it, by
 * anyone, need not be believed either.
 *
 * Cost: 6 us for a piece that is read the first time, some 2 ns afterwards;
 * one bit a piece. Threads: any, at the same time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_PROOF_H
#define BASE_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_PIECE ((size_t)1 << 16)

typedef struct proof {
    const uint8_t *bytes;
    size_t len;
    const uint8_t *sums; /* 8 bytes a piece, little-endian */
    uint64_t *fits;      /* one bit a piece; atomic */
    uint64_t broken;     /* 1 + offset of the first fault; atomic */
} proof;

/* How many sums there are for so many bytes. */
static inline size_t proof_pieces(size_t len)
{
    return (len + PROOF_PIECE - 1) / PROOF_PIECE;
}

/* Bytes and sums are borrowed and must stay for its life. */
proof *proof_new(const void *bytes, size_t len, const void *sums);
void proof_free(proof *p); /* NULL is fine */
/* proof_holds, where a bit is missing. */
bool proof_look(proof *p, size_t first, size_t last);
/* Notes that what stands `at` is not what it should be, although its checksum
 * fits. */
void proof_break(proof *p, const void *at);
/* Is something known to be wrong? Then *offset is where. */
bool proof_is_broken(const proof *p, uint64_t *offset);

/* Are these `len` bytes, which lie in those of the proof, as they were
 * written? NULL proves anything. */
static inline bool proof_holds(proof *p, const void *at, size_t len)
{
    if (p == NULL || len == 0)
        return true;
    const size_t from = (size_t)((const uint8_t *)at - p->bytes);
    const size_t first = from / PROOF_PIECE;
    const size_t last = (from + len - 1) / PROOF_PIECE;
    const uint64_t bits =
        __atomic_load_n(&p->fits[first / 64], __ATOMIC_ACQUIRE);
    if (first == last && (bits >> first % 64 & 1) != 0)
        return true;
    return proof_look(p, first, last);
}

#endif
