/*
 * dictionary_threads_test.c - readers on snapshots while the writer adds:
 * every answer is of the snapshot's moment, and the thread sanitizer has
 * nothing to say.
 *
 * The writer alone takes and releases snapshots, after each burst of ids. It
 * hands them to each witness through two places, `next` and `back`, and never
 * waits: a next one is offered once the one in `back` has been collected. The
 * i-th id is a function of i, so a reader knows what a snapshot of n ids has
 * to answer without asking anybody.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "identity/identity.h"
#include "support/dice.h"

#define WITNESSES 2
#define BURST 500

typedef struct witness {
    pthread_mutex_t lock; /* of next, back and done */
    pthread_cond_t offered;
    const dictionary *next;
    const dictionary *back;
    const dictionary *last; /* what it held at the end */
    bool done;
    pthread_t thread;
    uint64_t seed;
    uint64_t wrong;
    uint64_t rounds;
} witness;

static muster_pseudonym nth_id(uint64_t i)
{
    muster_pseudonym p;
    const uint64_t words[2] = {hash_mix(2 * i + 1), hash_mix(2 * i + 2)};
    memcpy(p.bytes, words, sizeof p.bytes);
    return p;
}

/* Each fourth id names the row before it: ids 0 1 2 (3) 4 5 6 (7) ... */
static uint32_t row_of(uint64_t i)
{
    return (uint32_t)(i - i / 4 - (i % 4 == 3));
}

/* The next snapshot in exchange for `former`; NULL at the end. */
static const dictionary *exchange(witness *me, const dictionary *former)
{
    (void)pthread_mutex_lock(&me->lock);
    while (me->next == NULL && !me->done)
        (void)pthread_cond_wait(&me->offered, &me->lock);
    const dictionary *next = me->next;
    if (next != NULL) {
        me->wrong += me->back != NULL;
        me->back = former;
        me->next = NULL;
    } else {
        me->last = former;
    }
    (void)pthread_mutex_unlock(&me->lock);
    return next;
}

/* The writer's side. */
static void offer(witness *to, dictionary *d, bool done)
{
    (void)pthread_mutex_lock(&to->lock);
    if (to->next == NULL) {
        dictionary_release(to->back);
        to->back = NULL;
        to->next = dictionary_snapshot(d);
    }
    to->done = done;
    (void)pthread_cond_signal(&to->offered);
    (void)pthread_mutex_unlock(&to->lock);
}

static bool answers(const dictionary *d, uint64_t ids, uint64_t i)
{
    const muster_pseudonym p = nth_id(i);
    const uint32_t want = i < ids ? row_of(i) : DICTIONARY_NONE;
    dictionary_prefetch(d, &p);
    if (dictionary_find(d, &p) != want)
        return false;
    return i >= ids || i % 4 == 3 ||
           memcmp(dictionary_primary(d, want), &p, sizeof p) == 0;
}

static int count_bytes(void *payload, const void *bytes, size_t len)
{
    size_t *sum = payload;
    (void)bytes;
    *sum += len;
    return 0;
}

static void read_one(witness *me, const dictionary *d, random_state *r)
{
    const uint64_t ids = dictionary_ids(d);
    const uint64_t near = ids > BURST ? ids - BURST : 0;
    me->wrong += dictionary_rows(d) != ids - ids / 4;
    for (int i = 0; i < 1000; i++) {
        /* Each second one near the end, where the writer is. */
        const uint64_t n = i % 2 ? random_below(r, ids + 1)
                                 : near + random_below(r, 4 * BURST);
        me->wrong += !answers(d, ids, n);
    }
    if (me->rounds++ % 16 != 0)
        return;
    size_t bytes = 0;
    me->wrong += dictionary_encode(d, count_bytes, &bytes) != 0;
    me->wrong += dictionary_check(d, NULL, NULL, NULL) != 0;
    me->wrong += dictionary_memory(d) == 0 || dictionary_full(d);
}

static void *read_all(void *payload)
{
    witness *me = payload;
    random_state r;
    random_seed(&r, me->seed);
    const dictionary *d = NULL;
    while ((d = exchange(me, d)) != NULL)
        read_one(me, d, &r);
    return NULL;
}

static void add_nth(dictionary *d, uint64_t i)
{
    const muster_pseudonym p = nth_id(i);
    if (i % 4 == 3)
        dictionary_add_id(d, &p, row_of(i));
    else
        (void)dictionary_add_user(d, &p);
}

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

/* A dictionary with a base of `ids` ids in `bytes`. */
static dictionary *with_base(uint64_t ids, buffer *bytes)
{
    dictionary *source = dictionary_new();
    dictionary *d = NULL;
    for (uint64_t i = 0; i < ids; i++)
        add_nth(source, i);
    buffer_init(bytes, (size_t)1 << 30);
    assert_int_equal(dictionary_encode(source, collect, bytes), 0);
    assert_int_equal(dictionary_open(&d, bytes->data, bytes->len, NULL), 0);
    dictionary_free(source);
    return d;
}

static void test_identity_dictionary_threads__readers_see_a_moment(void **state)
{
    (void)state;
    const uint64_t base = 1000;
    const uint64_t count = base + test_size(300000, 3000000);
    witness witnesses[WITNESSES];
    buffer bytes;
    dictionary *d = with_base(base, &bytes);
    for (size_t i = 0; i < WITNESSES; i++) {
        witnesses[i] = (witness){.lock = PTHREAD_MUTEX_INITIALIZER,
                                 .offered = PTHREAD_COND_INITIALIZER,
                                 .seed = i + 1};
        offer(&witnesses[i], d, false);
        witnesses[i].thread = thread_start(read_all, &witnesses[i]);
    }
    for (uint64_t i = base; i < count; i++) {
        add_nth(d, i);
        for (size_t j = 0; i % BURST == 0 && j < WITNESSES; j++)
            offer(&witnesses[j], d, false);
    }
    for (size_t i = 0; i < WITNESSES; i++)
        offer(&witnesses[i], d, true);
    assert_int_equal(dictionary_check(d, NULL, NULL, NULL), 0);
    dictionary_free(d);
    for (size_t i = 0; i < WITNESSES; i++) {
        thread_join(witnesses[i].thread);
        dictionary_release(witnesses[i].back);
        dictionary_release(witnesses[i].next);
        dictionary_release(witnesses[i].last);
        assert_int_equal(witnesses[i].wrong, 0);
        assert_true(witnesses[i].rounds > 0);
    }
    buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_identity_dictionary_threads__readers_see_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
