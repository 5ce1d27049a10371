/*
 * words_body.h - the loops of words.h, compiled once per level. The including
 * file defines WORDS_NAME and sets the target; the compiler vectorises.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/words.h"

static bool body_and(word_out *out, const word_in *a, const word_in *b)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t w = a[i] & b[i];
        out[i] = w;
        any |= w;
    }
    return any != 0;
}

static bool body_andnot(word_out *out, const word_in *a, const word_in *b)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t w = a[i] & ~b[i];
        out[i] = w;
        any |= w;
    }
    return any != 0;
}

static void body_or(word_out *out, const word_in *a, const word_in *b)
{
    for (int i = 0; i < WORDS; i++)
        out[i] = a[i] | b[i];
}

static uint32_t body_count(const word_in *a)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i]);
    return (uint32_t)n;
}

static uint32_t body_and_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] & b[i]);
    return (uint32_t)n;
}

static uint32_t body_andnot_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] & ~b[i]);
    return (uint32_t)n;
}

static uint32_t body_or_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] | b[i]);
    return (uint32_t)n;
}

static bool body_any(const word_in *a)
{
    for (int i = 0; i < WORDS; i += 32) {
        uint64_t any = 0;
        for (int j = 0; j < 32; j++)
            any |= a[i + j];
        if (any)
            return true;
    }
    return false;
}

static bool body_half_add(word_out *slice, word_out *carry)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t s = slice[i];
        const uint64_t c = carry[i];
        slice[i] = s ^ c;
        carry[i] = s & c;
        any |= s & c;
    }
    return any != 0;
}

static bool body_full_add(word_out *slice, const word_in *add,
                          word_out *carry)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t s = slice[i];
        const uint64_t a = add[i];
        const uint64_t c = carry[i];
        const uint64_t out = (s & a) | (c & (s ^ a));
        slice[i] = s ^ a ^ c;
        carry[i] = out;
        any |= out;
    }
    return any != 0;
}

static void body_compare(word_out *less, word_out *greater, word_out *equal,
                         const word_in *slice, bool bit)
{
    if (bit) {
        for (int i = 0; i < WORDS; i++) {
            less[i] |= equal[i] & ~slice[i];
            equal[i] &= slice[i];
        }
    } else {
        for (int i = 0; i < WORDS; i++) {
            greater[i] |= equal[i] & slice[i];
            equal[i] &= ~slice[i];
        }
    }
}

const words_ops WORDS_NAME = {
    WORDS_LEVEL,      body_and,       body_andnot,       body_or,
    body_count,       body_and_count, body_andnot_count, body_or_count,
    body_any,         body_half_add,  body_full_add,     body_compare,
};
