/*
 * journal.c - what changed of whom: noted by the writer while it applies,
 * read by the matcher, which keeps up the lists of segments of those users.
 *
 * A note is a row, an attribute and a value. The writer's thread gathers notes
 * and counts them; an epoch tells how many belong to what it shows. With its
 * publication they are handed over. Beyond NOTES_MAX waiting ones (a bulk
 * load) they are dropped instead, and everybody is looked at anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "journal.h"

#include <pthread.h>

/* 24 MB; a matcher that is behind by so much is faster making everything
 * anew. */
#define NOTES_MAX ((size_t)2 << 20)
static size_t notes_max = NOTES_MAX;

void journal_notes_hook(size_t max)
{
    notes_max = max < NOTES_MAX ? max : NOTES_MAX;
}

typedef struct note_list {
    change_note *items;
    size_t count;
    size_t capacity;
} note_list;

struct journal {
    note_list pending; /* the writer's thread */
    uint64_t noted;    /* so far; the writer's thread */
    pthread_mutex_t lock; /* guards the rest */
    note_list handed;
    uint64_t handed_to; /* the number of the last note handed over */
    bool lost;          /* some were dropped ... */
    uint64_t lost_to;   /* ... up to this number */
};

journal *journal_new(void)
{
    journal *j = mem_zalloc(sizeof *j);
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void journal_free(journal *j)
{
    if (!j)
        return;
    pthread_mutex_destroy(&j->lock);
    mem_free(j->pending.items);
    mem_free(j->handed.items);
    mem_free(j);
}

/* Everything up to the newest note is missing. */
static void lose(journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->pending.count = 0;
    j->handed.count = 0;
    j->handed_to = j->noted;
    j->lost = true;
    j->lost_to = j->noted;
    pthread_mutex_unlock(&j->lock);
}

void journal_note(journal *j, uint32_t row, uint32_t attribute,
                  uint32_t value)
{
    note_list *l = &j->pending;

    j->noted++;
    if (l->count >= notes_max) {
        lose(j);
        return;
    }
    mem_grow(&l->items, &l->capacity, l->count + 1, sizeof *l->items);
    l->items[l->count++] = (change_note){row, attribute, value};
}

void journal_lose(journal *j)
{
    if (j)
        lose(j);
}

uint64_t journal_noted(const journal *j)
{
    return j ? j->noted : 0;
}

void journal_hand_over(journal *j, uint64_t upto)
{
    const uint64_t first = j->noted - j->pending.count;
    const size_t n = upto > first ? (size_t)(upto - first) : 0;
    note_list *to = &j->handed;

    ASSERT(n <= j->pending.count);
    if (n == 0)
        return;
    pthread_mutex_lock(&j->lock);
    const bool fits = to->count + n <= notes_max;
    if (fits) {
        mem_grow(&to->items, &to->capacity, to->count + n,
                 sizeof *to->items);
        memcpy(to->items + to->count, j->pending.items,
               n * sizeof *to->items);
        to->count += n;
        j->handed_to = upto;
    }
    pthread_mutex_unlock(&j->lock);
    j->pending.count -= n;
    if (j->pending.count > 0)
        memmove(j->pending.items, j->pending.items + n,
                j->pending.count * sizeof *j->pending.items);
    if (!fits)
        lose(j);
}

/* Caller holds the lock. */
static void take_first(note_list *from, size_t n, change_note **out)
{
    *out = mem_array(n, sizeof **out);
    memcpy(*out, from->items, n * sizeof **out);
    from->count -= n;
    memmove(from->items, from->items + n,
            from->count * sizeof *from->items);
}

journal_state journal_take(journal *j, uint64_t upto, change_note **out,
                           size_t *count)
{
    journal_state state = JOURNAL_WHOLE;

    *out = NULL;
    *count = 0;
    pthread_mutex_lock(&j->lock);
    const uint64_t first = j->handed_to - j->handed.count;
    if (j->lost && upto < j->lost_to) {
        state = JOURNAL_LATER;
    } else {
        state = j->lost ? JOURNAL_LOST : JOURNAL_WHOLE;
        j->lost = false;
        if (upto > first)
            *count = upto < j->handed_to ? (size_t)(upto - first)
                                         : j->handed.count;
        if (*count > 0)
            take_first(&j->handed, *count, out);
    }
    pthread_mutex_unlock(&j->lock);
    return state;
}
