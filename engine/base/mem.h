/*
 * mem.h - memory. An allocation never fails: it prints one line and aborts
 * (recovery is the log), so every size that comes from outside is bounded
 * before it gets here. mem_free(NULL) is fine. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* count * size, overflow-checked, zeroed. */
void *mem_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* 64-byte aligned; size is rounded up to 64. Free with mem_free. */
void *mem_aligned(size_t size) __attribute__((malloc, returns_nonnull));
void mem_free(void *ptr);
/* From the system, zeroed, aligned to MEM_LARGE, and in huge pages as far as
 * whole ones fill it: what is read at random in it costs fewer page walks.
 * For MEM_LARGE bytes or more. Freed with its size. */
#define MEM_LARGE ((size_t)2 << 20)
void *mem_large(size_t size) __attribute__((malloc, returns_nonnull));
void mem_large_free(void *ptr, size_t size);
/* Working memory of a question: 64-byte aligned, content undefined. What is
 * given back is kept by the thread for its next question (a few pieces, 8 MiB
 * at most, freed when the thread ends), so that a short question pays no
 * allocation and no page fault. */
void *mem_scratch(size_t size) __attribute__((malloc, returns_nonnull));
void mem_scratch_free(void *ptr); /* NULL is fine */
char *mem_strdup(const char *text);
char *mem_strndup(const char *ptr, size_t len);

/* Grows *array of elements of `size` bytes to hold at least `need` elements:
 * doubles *capacity (starting at 16). */
void mem_grow(void *array_ptr, size_t *capacity, size_t need, size_t size);

/*
 * arena: many small allocations freed at once. 16-byte aligned. Not
 * thread-safe. arena_reset keeps the first chunk.
 */
typedef struct arena_chunk arena_chunk;
typedef struct arena {
    arena_chunk *chunk;
    size_t used;
    size_t total; /* bytes handed out since the last reset */
} arena;

void arena_init(arena *a);
void *arena_alloc(arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(arena *a, size_t size) __attribute__((returns_nonnull));
char *arena_strndup(arena *a, const char *ptr, size_t len);
void arena_reset(arena *a);
void arena_release(arena *a);

#endif
