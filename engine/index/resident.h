/*
 * resident.h - hot planes in a form shaped for evaluation, within a budget;
 * private to the room (index.h has what the engine needs).
 *
 *   plane   each block as it is read best: more than 256 rows as aligned
 *           words, short arrays and few long runs where they lie in the plane
 *   codes   the values of a provider's one_of attribute, 1 for the largest,
 *           as bit slices; 0 is no value
 *   ages    the newest bucket an event was seen in, 1 for the oldest bucket
 *           there is, as bit slices; 0 is never
 *
 * Who builds a formula asks for forms; what is asked for often enough is made
 * by index_residents_work, and found by the next who asks. A form is
 * immutable and counted: leaving the pool (for a hotter one, or with its
 * layer) it stays as long as a formula has it. Words stand in slots of 8 KiB
 * from pieces of 2 MiB, which the kernel is asked to map as huge pages.
 *
 * Cost: a plane of 10 M rows takes at most 1.25 MB, made in 0.2 ms; ages of 30
 * days 6.3 MB, 2 ms; codes of 200 values 10 MB, 20 ms. A wish takes 160 bytes;
 * at most WISHES_MAX are remembered for a layer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_RESIDENT_H
#define INDEX_RESIDENT_H

#include "index/layer.h"

#define WISHES_MAX 65536u
/* How often a form has to be asked for before it is made. */
#define ASKS_WARM 2u
/* More rows of a block than this are met faster as words. */
#define ROWS_LIGHT 256u
/* Runs that are met as runs; more become words. */
#define RUNS_LIGHT 64u

typedef enum form_kind { FORM_PLANE, FORM_CODES, FORM_AGES } form_kind;

typedef struct resident_form {
    form_kind kind;
    plane_key key; /* PLANE: the plane's; CODES, AGES: attribute, provider,
                      value */
    uint32_t refs;
    uint64_t asks; /* the pool's lock */
    uint64_t hits;
    bool made;     /* the pool's lock; what follows is there and fixed */
    bool refused;  /* it does not fit its kind or the budget */
    bool starved;  /* while it was being made a slot was missing */
    index_residents *pool;
    uint32_t first_bucket; /* CODES: the earliest expiry of its planes */
    uint32_t slices; /* 1 for a plane */
    uint32_t blocks; /* sets a slice */
    block_ref *sets; /* [slice * blocks + block] */
    arena rows; /* short arrays that lie in no plane */
    void **slots;
    size_t slot_count;
    size_t slot_capacity;
    /* CODES: value of each code, ascending by value, beside its code.
     * AGES: bucket of each code, ascending. */
    uint32_t count;
    uint32_t *values;
    uint32_t *codes;
    /* CODES, AGES: [block * (count + 1) + c]: rows with codes 1 to c; NULL
     * when there are too many. */
    uint32_t *sums;
} resident_form;

/* Rows of a block with codes low to high; low >= 1, high <= count. */
static inline uint32_t resident_sum(const resident_form *form, uint32_t block,
                                    uint64_t low, uint64_t high)
{
    if (block >= form->blocks)
        return 0;
    const uint32_t *sums = form->sums + (size_t)block * (form->count + 1);
    return sums[high] - sums[low - 1];
}

/* A form of a layer; NULL when it is not made (yet): that is remembered. What
 * is returned is held for the caller. `wish` (may be NULL) is held, too, and
 * says what to ask again with resident_ask. */
resident_form *resident_find(const index_layer *l, form_kind kind,
                             const plane_key *key, resident_form **wish);
/* Somebody who wished it has asked his question again. */
void resident_ask(resident_form *wish);
void resident_release(resident_form *form); /* NULL is fine */

/* A view that reads slice i of the form; the plane's own otherwise. */
static inline void resident_view(const resident_form *form, uint32_t slice,
                                 plane_view *v)
{
    v->sets = form->sets + (size_t)slice * form->blocks;
    v->blocks = form->blocks;
}

/* ---- between resident.c and resident_make.c ---- */

/* 8 KiB that are the form's, or NULL when the budget has none. */
block_buf *resident_slot(resident_form *form);
/* Gives back the slots that none of its sets is in. */
void resident_trim(resident_form *form);
/* Fills in an unpublished form; false when it does not fit its kind, or what
 * resident_slot gives ends. */
bool resident_make(const index_layer *l, resident_form *form);

/* A layer's forms and wishes. */
typedef struct resident_set {
    index_residents *pool;
    resident_form **forms; /* open addressing, by kind and key */
    size_t mask;
    size_t count;
    index_layer *layer;
    struct resident_set *next; /* of the pool's sets */
} resident_set;
void resident_set_free(resident_set *set); /* with its layer */

#endif
