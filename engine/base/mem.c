/*
 * mem.c - memory that never fails, and arenas.
 *
 * A failed or impossible allocation prints one line and aborts: after it
 * nothing could be promised, and the log recovers. A size of 0 is served as
 * 1, so that the result is always a pointer of its own.
 *
 * An arena is a list of chunks, newest first; only the newest is filled.
 * Chunks start at 64 KiB and double up to 4 MiB, a larger request gets a
 * chunk of its own size. Cost: an addition per allocation, one malloc per
 * chunk. The rest of a chunk that was too small is left unused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/error.h"

#define ARENA_CHUNK_MIN ((size_t)64 * 1024)
#define ARENA_CHUNK_MAX ((size_t)4 * 1024 * 1024)
#define ARENA_ALIGN ((size_t)16)
#define GROW_MIN ((size_t)16)

struct arena_chunk {
    arena_chunk *former;
    size_t size; /* bytes of data */
    _Alignas(16) uint8_t data[];
};

_Noreturn static void out_of_memory(size_t size)
{
    fprintf(stderr, "muster: out of memory: %zu bytes refused\n", size);
    fflush(stderr);
    abort();
}

static void *must(void *ptr, size_t size)
{
    if (ptr == NULL)
        out_of_memory(size);
    return ptr;
}

/* count * size, stopping when that is no size at all. */
static size_t product(size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        out_of_memory(SIZE_MAX);
    return bytes;
}

void *mem_alloc(size_t size)
{
    return must(malloc(size != 0 ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return must(calloc(1, size != 0 ? size : 1), size);
}

void *mem_array(size_t count, size_t size)
{
    return mem_zalloc(product(count, size));
}

void *mem_realloc(void *ptr, size_t size)
{
    return must(realloc(ptr, size != 0 ? size : 1), size);
}

void *mem_aligned(size_t size)
{
    if (size > PTRDIFF_MAX - 64)
        out_of_memory(size);
    const size_t rounded = size != 0 ? (size + 63) & ~(size_t)63 : 64;
    return must(aligned_alloc(64, rounded), rounded);
}

/* Whole pages of 4 KiB; what is mapped too much on either side goes back. */
static size_t large_bytes(size_t size)
{
    return (size + 4095) & ~(size_t)4095;
}

void *mem_large(size_t size)
{
    const size_t bytes = large_bytes(size);
    uint8_t *at = mmap(NULL, bytes + MEM_LARGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        out_of_memory(size);
    const size_t before = (MEM_LARGE - (uintptr_t)at % MEM_LARGE) % MEM_LARGE;
    if (before > 0)
        munmap(at, before);
    if (before < MEM_LARGE)
        munmap(at + before + bytes, MEM_LARGE - before);
    if (bytes >= MEM_LARGE)
        (void)madvise(at + before, bytes / MEM_LARGE * MEM_LARGE,
                      MADV_HUGEPAGE);
    return at + before;
}

void mem_large_free(void *ptr, size_t size)
{
    munmap(ptr, large_bytes(size));
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_strndup(const char *ptr, size_t len)
{
    ASSERT(ptr != NULL || len == 0);
    if (len >= PTRDIFF_MAX)
        out_of_memory(len);
    char *copy = mem_alloc(len + 1);
    if (len != 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    ASSERT(text != NULL);
    return mem_strndup(text, strlen(text));
}

void mem_grow(void *array_ptr, size_t *capacity, size_t need, size_t size)
{
    ASSERT(array_ptr != NULL && size > 0);
    if (need <= *capacity)
        return;
    size_t wanted = *capacity < GROW_MIN ? GROW_MIN : *capacity;
    while (wanted < need)
        wanted = wanted > SIZE_MAX / 2 ? need : wanted * 2;
    /* The array is a T * of the caller; its bytes are read, not its type. */
    void *array = NULL;
    memcpy(&array, array_ptr, sizeof array);
    array = mem_realloc(array, product(wanted, size));
    memcpy(array_ptr, &array, sizeof array);
    *capacity = wanted;
}

void arena_init(arena *a)
{
    memset(a, 0, sizeof *a);
}

static void arena_add_chunk(arena *a, size_t need)
{
    size_t size = ARENA_CHUNK_MIN;
    if (a->chunk != NULL && a->chunk->size >= ARENA_CHUNK_MAX / 2)
        size = ARENA_CHUNK_MAX;
    else if (a->chunk != NULL)
        size = a->chunk->size * 2;
    if (size < need)
        size = need;
    arena_chunk *chunk = mem_alloc(sizeof *chunk + size);
    chunk->former = a->chunk;
    chunk->size = size;
    a->chunk = chunk;
    a->used = 0;
}

void *arena_alloc(arena *a, size_t size)
{
    if (size > PTRDIFF_MAX - 4096)
        out_of_memory(size);
    size_t bytes = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (bytes == 0)
        bytes = ARENA_ALIGN;
    if (a->chunk == NULL || a->chunk->size - a->used < bytes)
        arena_add_chunk(a, bytes);
    void *ptr = a->chunk->data + a->used;
    a->used += bytes;
    a->total += bytes;
    return ptr;
}

void *arena_zalloc(arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

char *arena_strndup(arena *a, const char *ptr, size_t len)
{
    ASSERT(ptr != NULL || len == 0);
    if (len >= PTRDIFF_MAX)
        out_of_memory(len);
    char *copy = arena_alloc(a, len + 1);
    if (len != 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void arena_reset(arena *a)
{
    while (a->chunk != NULL && a->chunk->former != NULL) {
        arena_chunk *former = a->chunk->former;
        mem_free(a->chunk);
        a->chunk = former;
    }
    a->used = 0;
    a->total = 0;
}

void arena_release(arena *a)
{
    arena_reset(a);
    mem_free(a->chunk);
    arena_init(a);
}
