/*
 * journal.h - what changed of whom (journal.c). Private to engine/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include "base/base.h"

/* For `value`: every value of the attribute. */
#define NOTE_ANY UINT32_MAX

typedef struct change_note {
    uint32_t row;
    uint32_t attribute; /* the catalog's, or one of the engine's own */
    uint32_t value;     /* number, or NOTE_ANY */
} change_note;

typedef struct journal journal;
journal *journal_new(void);
void journal_free(journal *j); /* NULL is fine */

/* Tests: so many notes wait at most. Before there is a journal. */
void journal_notes_hook(size_t max);

/* ---- the writer's thread ---- */

/* About 2 ns. */
void journal_note(journal *j, uint32_t row, uint32_t attribute,
                  uint32_t value);
/* What was noted is not what is to be seen: the state was made anew. NULL is
 * fine. */
void journal_lose(journal *j);
/* How many notes so far; 0 of NULL. */
uint64_t journal_noted(const journal *j);
/* Notes up to this number may be taken. */
void journal_hand_over(journal *j, uint64_t upto);

/* ---- the matcher's ---- */

typedef enum journal_state {
    JOURNAL_WHOLE,
    JOURNAL_LOST, /* some were missing: everybody may have changed */
    JOURNAL_LATER /* some are, and not all of them belong to the number yet:
                     nothing was taken */
} journal_state;
/* Takes those up to a number, in order; *out is freed with mem_free. */
journal_state journal_take(journal *j, uint64_t upto, change_note **out,
                           size_t *count);

#endif
