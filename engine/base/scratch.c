/*
 * scratch.c - working memory that a thread keeps between questions (mem.h).
 *
 * A piece is one aligned allocation with its capacity in the 64 bytes before
 * it. Each thread keeps up to SLOTS pieces; a request takes the first that is
 * large enough and not wastefully larger.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define SLOTS 16
#define HEADER 64
#define KEPT_MAX ((size_t)512 << 10)

typedef struct scratch_cache {
    char *slots[SLOTS]; /* start of the allocation, NULL = free slot */
    bool registered;
} scratch_cache;

static _Thread_local scratch_cache cache;
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_cache(void *payload)
{
    scratch_cache *c = payload;
    for (int i = 0; i < SLOTS; i++) {
        mem_free(c->slots[i]);
        c->slots[i] = NULL;
    }
}

static void release_main(void)
{
    release_cache(&cache);
}

static void make_key(void)
{
    const int rc = pthread_key_create(&at_exit, release_cache);
    ASSERT(rc == 0);
    atexit(release_main);
}

static size_t capacity_of(const char *piece)
{
    size_t capacity;
    memcpy(&capacity, piece, sizeof capacity);
    return capacity;
}

void *mem_scratch(size_t size)
{
    for (int i = 0; i < SLOTS; i++) {
        char *piece = cache.slots[i];
        if (!piece || capacity_of(piece) < size ||
            capacity_of(piece) > 4 * size + 4096)
            continue;
        cache.slots[i] = NULL;
        return piece + HEADER;
    }
    char *piece = mem_aligned(size + HEADER);
    memcpy(piece, &size, sizeof size);
    return piece + HEADER;
}

void mem_scratch_free(void *ptr)
{
    if (!ptr)
        return;
    char *piece = (char *)ptr - HEADER;
    if (!cache.registered) {
        pthread_once(&once, make_key);
        pthread_setspecific(at_exit, &cache);
        cache.registered = true;
    }
    if (capacity_of(piece) <= KEPT_MAX)
        for (int i = 0; i < SLOTS; i++)
            if (!cache.slots[i]) {
                cache.slots[i] = piece;
                return;
            }
    mem_free(piece);
}
