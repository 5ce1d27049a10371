/*
 * matcher.c - the forward index kept up: which segments each user is in
 * (audience/forward.h), by a thread of its own.
 *
 * It follows the epochs. Of a new one it takes the notes of who changed
 * (journal.h) and asks the segments that read what changed about these users,
 * all together (joint). When segments were saved, when attributes or providers
 * came, when an hour has passed (windows and TTLs end with hours) or when more
 * changed than was noted, it sweeps: block by block the segments concerned are
 * evaluated and the lists made anew; whoever changes meanwhile is looked at
 * as soon as the block has been made. Blocks that wait stay at their epoch,
 * and their answers say so.
 *
 * The index is dropped, and lookups ask every segment, while it would take
 * more than its budget.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pthread_condattr_setclock */
#include "match_list.h"

#include <stdlib.h>
#include <time.h>

/* Blocks evaluated together: a program is made once for them. */
#define CHUNK_BLOCKS 16u
static uint32_t chunk_blocks = CHUNK_BLOCKS;
#define BLOCK_SHIFT 16u
/* While more changes than are noted, sweeps follow each other only after this
 * many times what the last one took. */
#define LOST_REST 4u
/* Seconds: the clock is looked at this often when nothing is published. */
#define LOOK_S 1

typedef struct notes {
    change_note *items;
    size_t count;
    size_t capacity;
} notes;

struct matcher {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the next seven */
    pthread_cond_t wake;
    pthread_cond_t settled;
    bool stopping;
    bool woken;
    uint64_t asked;       /* by those who wait for it to settle ... */
    uint64_t taken;       /* ... when the thread last looked ... */
    uint64_t answered;    /* ... and had done all that there was */
    forward *shown;       /* atomic: NULL while it is not whole */
    uint64_t budget;
    journal *journal;
    void (*each)(void *payload, const epoch *at); /* tests */
    void *payload;
    /* the thread's own */
    forward *index;
    match_list list;
    const epoch *at;      /* held: what is worked for */
    muster_time now;      /* at which it is asked */
    muster_hour hour;     /* of all blocks that follow */
    bool lost;            /* more changed than was noted */
    bool wants;           /* a sweep, for another reason */
    bool is_over;         /* the budget: there is no index */
    uint64_t rest_until;  /* no sweep for what was lost before */
    notes waiting;        /* of blocks that are still to be made */
    forward_retired *leaving;
    epoch_readers readers; /* that may still read it */
};

/* ---- freeing what was replaced ---- */

static void reclaim(muster_engine *e, struct matcher *m)
{
    if (m->leaving && !epoch_readers_ended(e, &m->readers))
        return;
    forward_free_retired(m->leaving);
    m->leaving = forward_take_retired(m->index);
    if (m->leaving)
        epoch_note_readers(e, &m->readers);
}

/* ---- some users anew ---- */

static int by_row(const void *a, const void *b)
{
    const change_note *x = a;
    const change_note *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Segments asked about rows: those that many notes touch about all, the
 * others about some. */
typedef struct asking {
    struct matcher *m;
    const match_touched *touched;
    size_t next;     /* of its pairs: the first of a row not asked yet */
    uint32_t *ranks; /* as the joint has them: those of `many` first */
    uint32_t *order; /* by rank: where it is in the joint */
    const plan **plans;
    uint32_t count;
    uint32_t many;   /* of them */
    joint *joint;
    uint64_t (*masks)[FORMULA_MASK_WORDS];
    uint32_t *list; /* of one row */
    uint32_t *marks; /* by rank: the row, as counted, that it was hit for */
    uint32_t asked;  /* rows so far */
    struct row_lists *out; /* where lists go; NULL: they are patches */
} asking;

/* Lists of rows that go into blocks being made, by row. */
typedef struct row_lists {
    arena memory;
    forward_row *items;
    uint32_t *blocks; /* beside them */
    size_t count;
    size_t capacity;
    size_t block_capacity;
} row_lists;

static program_state state_of(muster_engine *e, const struct matcher *m)
{
    program_state state = epoch_state(e, m->at);
    state.now = m->now;
    state.once = true;
    return state;
}

#define NOT_ASKED UINT32_MAX

static void ask_too(asking *a, uint32_t rank)
{
    plan *p = a->m->list.plans[rank];
    if (!p || a->order[rank] != NOT_ASKED)
        return;
    a->order[rank] = a->count;
    a->ranks[a->count] = rank;
    a->plans[a->count++] = p;
}

static void begin_asking(muster_engine *e, struct matcher *m,
                         const match_touched *t, asking *a)
{
    const uint32_t count = m->list.with->count;
    const program_state state = state_of(e, m);

    *a = (asking){.m = m, .touched = t};
    a->ranks = mem_array(count + 1, sizeof *a->ranks);
    a->order = mem_array(count + 1, sizeof *a->order);
    a->plans = mem_array(count + 1, sizeof *a->plans);
    a->list = mem_array(2 * (size_t)count + 1, sizeof *a->list);
    a->marks = mem_array(count + 1, sizeof *a->marks);
    for (uint32_t i = 0; i < count; i++)
        a->order[i] = NOT_ASKED;
    for (uint32_t i = 0; i < count; i++)
        if (bit_has(t->many, i))
            ask_too(a, i);
    a->many = a->count;
    for (size_t i = 0; i < t->pair_count; i++)
        ask_too(a, t->pairs[i].rank);
    a->masks = mem_array(a->many + 1, sizeof *a->masks);
    a->joint = joint_new(a->plans, a->count, &state);
}

static void end_asking(asking *a)
{
    joint_free(a->joint);
    mem_free(a->masks);
    mem_free(a->marks);
    mem_free(a->list);
    mem_free(a->plans);
    mem_free(a->order);
    mem_free(a->ranks);
}

/* Is the row asked about the segment? [first, end): the row's pairs. */
static bool is_asked(const asking *a, uint32_t rank, size_t first, size_t end)
{
    if (bit_has(a->touched->many, rank))
        return true;
    for (size_t i = first; i < end; i++)
        if (a->touched->pairs[i].rank == rank)
            return true;
    return false;
}

static void put_hit(asking *a, uint32_t rank, uint32_t *n)
{
    a->list[(*n)++] = a->m->list.with->entries[rank].id;
    a->marks[rank] = a->asked;
}

/* The segments asked that the row is in; how many. */
static uint32_t find_hits(asking *a, uint32_t row, uint32_t bit,
                          size_t first, size_t end)
{
    uint32_t n = 0;

    a->asked++;
    for (uint32_t i = 0; i < a->many; i++)
        if (bit_has(a->masks[i], bit))
            put_hit(a, a->ranks[i], &n);
    for (size_t i = first; i < end; i++) {
        const uint32_t rank = a->touched->pairs[i].rank;
        const uint32_t at = a->order[rank];
        if (at != NOT_ASKED && joint_has(a->joint, at, row))
            put_hit(a, rank, &n);
    }
    return n;
}

/* The row's list: the hits, and what it had of segments not asked. False when
 * that is what it has. */
static bool list_row(asking *a, uint32_t row, uint32_t bit, uint32_t *count)
{
    const roster *with = a->m->list.with;
    const match_pair *pairs = a->touched->pairs;
    forward_list old = {0};
    uint32_t had = 0;
    uint32_t same = 0;

    while (a->next < a->touched->pair_count && pairs[a->next].row < row)
        a->next++;
    const size_t first = a->next;
    while (a->next < a->touched->pair_count && pairs[a->next].row == row)
        a->next++;
    const uint32_t hits = find_hits(a, row, bit, first, a->next);
    uint32_t n = hits;
    if (!forward_find(a->m->index, row, &old))
        old.n = 0;
    for (uint32_t i = 0; i < old.n; i++) {
        const uint32_t id = forward_id(&old, i);
        const uint32_t rank = roster_rank(with, id);
        if (rank == ROSTER_NONE)
            continue;
        if (!is_asked(a, rank, first, a->next)) {
            a->list[n++] = id;
            continue;
        }
        had++;
        same += a->marks[rank] == a->asked;
    }
    *count = n;
    return had != hits || same != hits;
}

static void put_list(row_lists *out, uint32_t row, const uint32_t *ids,
                     uint32_t n)
{
    uint32_t *kept = arena_alloc(&out->memory, (n + 1) * sizeof *kept);

    if (n > 0)
        memcpy(kept, ids, n * sizeof *kept);
    mem_grow(&out->items, &out->capacity, out->count + 1,
             sizeof *out->items);
    mem_grow(&out->blocks, &out->block_capacity, out->count + 1,
             sizeof *out->blocks);
    out->blocks[out->count] = row >> BLOCK_SHIFT;
    out->items[out->count++] =
        (forward_row){(uint16_t)(row % BLOCK_ROWS), n, kept};
}

static void ask_rows(asking *a, const uint32_t *rows, uint32_t n)
{
    if (a->many > 0)
        joint_rows(a->joint, a->many, rows, n, a->masks);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count;
        const bool differs = list_row(a, rows[i], i, &count);
        if (a->out)
            put_list(a->out, rows[i], a->list, count);
        else if (differs)
            forward_patch(a->m->index, rows[i], a->list, count,
                          a->m->at->seq);
    }
}

/* A block of rows that came since: its lists are patches at first. Until they
 * are there it holds for what was, when nobody was in it. */
static void make_block_of(struct matcher *m, uint32_t row)
{
    const uint32_t block = row >> BLOCK_SHIFT;
    const forward_making nobody = {.with = forward_roster(m->index),
                                   .hour = m->hour};
    for (uint32_t i = forward_blocks(m->index); i <= block; i++)
        forward_make(m->index, i, &nobody);
}

/* Looks at the users of the notes: segments that read what changed, and those
 * of `also` (NULL: none). Their lists go to `out`, or become patches of their
 * blocks, which must follow or be new ones (NULL). */
static void look_at(muster_engine *e, struct matcher *m, change_note *items,
                    size_t count, const uint64_t *also, row_lists *out)
{
    uint32_t rows[FORMULA_ROWS_MAX];
    uint32_t n = 0;
    match_touched touched;
    asking a;

    if (count == 0)
        return;
    match_touched_init(&touched, &m->list, items, count, also);
    match_list_reopen(&m->list, m->at, &touched);
    begin_asking(e, m, &touched, &a);
    a.out = out;
    qsort(items, count, sizeof *items, by_row);
    for (size_t i = 0; i < count; i++) {
        if (!out)
            make_block_of(m, items[i].row);
        if (n == 0 || rows[n - 1] != items[i].row)
            rows[n++] = items[i].row;
        if (n == FORMULA_ROWS_MAX || i == count - 1) {
            ask_rows(&a, rows, n);
            n = 0;
        }
    }
    end_asking(&a);
    match_touched_release(&touched);
}

static void patch(muster_engine *e, struct matcher *m, change_note *items,
                  size_t count)
{
    look_at(e, m, items, count, NULL, NULL);
}

/* ---- blocks anew ---- */

/* A chunk being evaluated: for each block the rows of every segment, as
 * places in one pool until all are there. */
typedef struct chunk {
    uint32_t first;
    uint32_t end;
    uint32_t id; /* of the segment that is asked */
    struct chunk_block {
        forward_hits *hits;
        size_t count;
        size_t capacity;
    } blocks[CHUNK_BLOCKS];
    uint16_t *pool;
    size_t used;
    size_t capacity;
} chunk;

static void add_hits(void *payload, uint32_t block, block_ref rows)
{
    chunk *c = payload;
    struct chunk_block *b = &c->blocks[block - c->first];

    mem_grow(&c->pool, &c->capacity, c->used + BLOCK_ROWS, sizeof *c->pool);
    const uint32_t n = block_rows(rows, c->pool + c->used);
    if (n == 0)
        return;
    mem_grow(&b->hits, &b->capacity, b->count + 1, sizeof *b->hits);
    b->hits[b->count++] =
        (forward_hits){c->id, n, (const uint16_t *)(uintptr_t)c->used};
    c->used += n;
}

static void evaluate(muster_engine *e, struct matcher *m,
                     const uint64_t *ranks, chunk *c)
{
    const program_state state = state_of(e, m);
    const roster *with = m->list.with;

    for (uint32_t i = 0; i < with->count; i++) {
        if (!bit_has(ranks, i) || !m->list.plans[i])
            continue;
        c->id = with->entries[i].id;
        program *g = program_new(m->list.plans[i], &state);
        program_some_blocks(g, c->first, c->end, add_hits, c);
        program_free(g);
    }
}

/* `changed`: lists of rows, of the chunk alone. */
static void make_chunk(struct matcher *m, chunk *c, const uint64_t *dropped,
                       const row_lists *changed)
{
    const uint64_t users = dictionary_rows(m->at->ids);
    size_t at = 0;

    for (uint32_t i = c->first; i < c->end; i++) {
        struct chunk_block *b = &c->blocks[i - c->first];
        const uint64_t left = users - (uint64_t)i * BLOCK_ROWS;
        size_t end = at;
        while (end < changed->count && changed->blocks[end] == i)
            end++;
        for (size_t k = 0; k < b->count; k++)
            b->hits[k].rows =
                c->pool + (uintptr_t)b->hits[k].rows;
        const forward_making making = {
            .rows = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS,
            .with = m->list.with,
            .dropped = dropped,
            .hits = b->hits,
            .hit_count = b->count,
            .instead = changed->items + at,
            .instead_count = end - at,
            .epoch = m->at->seq,
            .hour = m->hour};
        forward_make(m->index, i, &making);
        mem_free(b->hits);
        at = end;
    }
    mem_free(c->pool);
}

/* ---- following ---- */

/* Keeps notes of blocks that are not made yet. */
static void wait_with(struct matcher *m, const change_note *items,
                      size_t count)
{
    notes *w = &m->waiting;
    if (count == 0)
        return;
    mem_grow(&w->items, &w->capacity, w->count + count, sizeof *w->items);
    memcpy(w->items + w->count, items, count * sizeof *items);
    w->count += count;
}

/* Brings the notes of rows below a block to the front; how many. */
static size_t notes_below(change_note *items, size_t count, uint32_t block)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i].row >> BLOCK_SHIFT < block) {
            const change_note t = items[n];
            items[n++] = items[i];
            items[i] = t;
        }
    return n;
}

static const epoch *newest_held(muster_engine *e)
{
    epoch_pin pin;
    const epoch *at = epoch_pin_newest(e, &pin);

    epoch_hold(at);
    epoch_unpin(e, &pin);
    return at;
}

static bool wants_sweep(const struct matcher *m, const epoch *at,
                        muster_time now)
{
    return !m->at || m->at->audiences != at->audiences ||
           m->hour != clock_hour_of(now) ||
           (!m->is_over && match_list_is_stale(&m->list, at));
}

static void go_to(struct matcher *m, const epoch *take_at, muster_time now)
{
    if (m->at)
        epoch_let_go(m->at);
    m->at = take_at;
    m->now = now;
    if (m->each)
        m->each(m->payload, take_at);
}

/* All that follows is now at the matcher's epoch. */
static void advance(muster_engine *e, struct matcher *m)
{
    forward_fold(m->index, m->at->seq);
    forward_advance(m->index, m->at->seq);
    reclaim(e, m);
}

/* In the middle of a sweep, blocks below `made` being made: on to the newest
 * epoch, unless that one needs a sweep of its own. */
static void follow_on(muster_engine *e, struct matcher *m, uint32_t made)
{
    const epoch *at = newest_held(e);
    const muster_time now = engine_now_at(e, at);
    change_note *items = NULL;
    size_t count = 0;

    /* what was lost since the sweep began is not in the blocks made */
    if (m->lost || at == m->at || wants_sweep(m, at, now)) {
        epoch_let_go(at);
        return;
    }
    const journal_state state =
        journal_take(m->journal, at->noted, &items, &count);
    if (state == JOURNAL_WHOLE) {
        go_to(m, at, now);
        const size_t below = notes_below(items, count, made);
        patch(e, m, items, below);
        wait_with(m, items + below, count - below);
        advance(e, m);
    } else {
        m->lost |= state == JOURNAL_LOST;
        epoch_let_go(at);
    }
    mem_free(items);
}

/* ---- sweeps ---- */

/* The index took more than it may: lookups do without it until another hour
 * or other segments. */
static void give_up(muster_engine *e, struct matcher *m)
{
    const struct timespec while_read = {0, 1000000};

    __atomic_store_n(&m->shown, NULL, __ATOMIC_RELEASE);
    epoch_note_readers(e, &m->readers);
    while (!epoch_readers_ended(e, &m->readers))
        nanosleep(&while_read, NULL);
    forward_free_retired(m->leaving);
    m->leaving = NULL;
    match_list_release(&m->list);
    match_list_init(&m->list, e);
    forward_free(m->index);
    m->index = forward_new();
    m->waiting.count = 0;
    m->is_over = true;
}

static bool is_over_budget(const struct matcher *m)
{
    forward_stats stats;
    forward_stats_get(m->index, &stats);
    return stats.bytes > m->budget;
}

static bool is_stopping(struct matcher *m)
{
    pthread_mutex_lock(&m->lock);
    const bool stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return stopping;
}

static void drop_waiting(struct matcher *m, uint32_t end)
{
    notes *w = &m->waiting;
    const size_t below = notes_below(w->items, w->count, end);

    w->count -= below;
    if (w->count > 0)
        memmove(w->items, w->items + below, w->count * sizeof *w->items);
}

/* Everybody in blocks below `end` is looked at, whoever changed; values that
 * came may stand in notes that were lost. */
static void look_anew(struct matcher *m, uint32_t end)
{
    drop_waiting(m, end);
    match_list_reopen_all(&m->list, m->at);
}

/* Users of blocks below `end` who changed since the blocks were made; NULL
 * `out`: they are patched. */
static void look_at_waiting(muster_engine *e, struct matcher *m, uint32_t end,
                            const uint64_t *also, row_lists *out)
{
    look_at(e, m, m->waiting.items,
            notes_below(m->waiting.items, m->waiting.count, end), also, out);
    drop_waiting(m, end);
}

/* Blocks [first, end) made anew. */
static void sweep_chunk(muster_engine *e, struct matcher *m, uint32_t first,
                        uint32_t end, const uint64_t *ranks,
                        const uint64_t *dropped)
{
    chunk c = {.first = first, .end = end};
    row_lists changed = {0};

    arena_init(&changed.memory);
    if (dropped)
        look_at_waiting(e, m, end, ranks, &changed);
    else
        look_anew(m, end);
    evaluate(e, m, ranks, &c);
    make_chunk(m, &c, dropped, &changed);
    arena_release(&changed.memory);
    mem_free(changed.items);
    mem_free(changed.blocks);
}

/* Every block with the segments of `ranks` evaluated; false when it was
 * stopped or took too much. `dropped` as of forward_make. */
static bool sweep_blocks(muster_engine *e, struct matcher *m,
                         const uint64_t *ranks, const uint64_t *dropped)
{
    for (uint32_t first = 0;; first += chunk_blocks) {
        if (first > 0)
            follow_on(e, m, first);
        const uint32_t users = dictionary_rows(m->at->ids);
        const uint32_t blocks =
            users / BLOCK_ROWS + (users % BLOCK_ROWS != 0);
        if (first >= blocks) {
            if (first == 0)
                advance(e, m); /* there is nobody */
            return true;
        }
        const uint32_t end = blocks - first < chunk_blocks
                                 ? blocks
                                 : first + chunk_blocks;
        sweep_chunk(e, m, first, end, ranks, dropped);
        advance(e, m);
        if (is_stopping(m) || is_over_budget(m))
            return false;
    }
}

/* By id: those to be evaluated, and those that are no more. */
static uint64_t *ids_dropped(const struct matcher *m, const uint64_t *ranks)
{
    const roster *with = m->list.with;
    uint64_t *dropped = bits_new(with->id_end);

    for (uint32_t id = 0; id < with->id_end; id++)
        if (with->ranks[id] == ROSTER_NONE || bit_has(ranks, with->ranks[id]))
            bit_add(dropped, id);
    return dropped;
}

/* The segments and the catalog of the matcher's epoch; what has to be
 * evaluated is, everything when `all`. False as of sweep_blocks. */
static bool sweep(muster_engine *e, struct matcher *m, bool all)
{
    roster *with = roster_new(m->at->audiences, m->at->seq);
    uint64_t *dropped = NULL;
    uint64_t *anew;
    uint32_t count;
    bool whole = true;

    all |= m->hour != clock_hour_of(m->now) || !m->list.with;
    m->hour = clock_hour_of(m->now);
    match_list_take(&m->list, m->at, with, &anew, &count);
    if (!all && count == 0) {
        look_at_waiting(e, m, UINT32_MAX, NULL, NULL);
        forward_use(m->index, with);
        advance(e, m);
    } else {
        for (uint32_t i = 0; all && i < with->count; i++)
            bit_add(anew, i);
        if (!all)
            dropped = ids_dropped(m, anew);
        forward_freeze(m->index);
        forward_use(m->index, with);
        whole = sweep_blocks(e, m, anew, dropped);
    }
    mem_free(dropped);
    mem_free(anew);
    return whole;
}

/* A sweep for what was lost follows the last one only after a rest. */
static bool is_resting(const struct matcher *m)
{
    return clock_monotonic_ns() < m->rest_until;
}

static void sweep_now(muster_engine *e, struct matcher *m)
{
    const uint64_t since = clock_monotonic_ns();
    const bool lost = m->lost;

    m->lost = false;
    m->is_over = false;
    const bool whole = sweep(e, m, lost);
    const uint64_t took = clock_monotonic_ns() - since;
    if (lost)
        m->rest_until = since + (1 + LOST_REST) * took;
    if (!whole && is_over_budget(m))
        give_up(e, m);
    else if (whole)
        __atomic_store_n(&m->shown, m->index, __ATOMIC_RELEASE);
}

/* ---- the thread ---- */

static void tell_settled(struct matcher *m)
{
    pthread_mutex_lock(&m->lock);
    m->answered = m->taken;
    pthread_cond_broadcast(&m->settled);
    pthread_mutex_unlock(&m->lock);
}

/* True when the index holds for the newest epoch that there was. */
static bool attend(muster_engine *e, struct matcher *m)
{
    const epoch *at = newest_held(e);
    const muster_time now = engine_now_at(e, at);
    const bool changed = wants_sweep(m, at, now);
    change_note *items;
    size_t count;

    const journal_state state =
        journal_take(m->journal, at->noted, &items, &count);
    if (state == JOURNAL_LATER) {
        epoch_let_go(at);
        return false;
    }
    m->lost |= state == JOURNAL_LOST;
    m->wants |= changed;
    go_to(m, at, now);
    if (m->is_over && !changed) {
        mem_free(items);
        return true;
    }
    if (m->lost && !m->wants && is_resting(m)) {
        mem_free(items);
        return false;
    }
    if (m->lost || m->wants) {
        m->wants = false;
        wait_with(m, items, count);
        sweep_now(e, m);
    } else {
        patch(e, m, items, count);
        advance(e, m);
        if (is_over_budget(m))
            give_up(e, m);
    }
    mem_free(items);
    return !m->lost;
}

static bool wait_for_work(struct matcher *m)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_S;
    pthread_mutex_lock(&m->lock);
    if (!m->woken && !m->stopping)
        pthread_cond_timedwait(&m->wake, &m->lock, &until);
    m->woken = false;
    m->taken = m->asked;
    const bool stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return !stopping;
}

static void *run(void *payload)
{
    muster_engine *e = payload;
    struct matcher *m = e->matcher;

    do {
        if (attend(e, m))
            tell_settled(m);
    } while (wait_for_work(m));
    return NULL;
}

void matcher_wake(muster_engine *e)
{
    struct matcher *m = e->matcher;

    pthread_mutex_lock(&m->lock);
    m->woken = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

void matcher_settle(muster_engine *e)
{
    struct matcher *m = e->matcher;

    if (!m)
        return; /* there is no index */
    pthread_mutex_lock(&m->lock);
    const uint64_t mine = ++m->asked;
    m->woken = true;
    pthread_cond_signal(&m->wake);
    while (m->answered < mine)
        pthread_cond_wait(&m->settled, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

/* ---- life ---- */

void matcher_open(muster_engine *e, uint64_t budget)
{
    struct matcher *m = mem_zalloc(sizeof *m);
    pthread_condattr_t monotonic;

    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&m->settled, NULL);
    m->budget = budget;
    m->index = forward_new();
    m->journal = journal_new();
    match_list_init(&m->list, e);
    e->matcher = m;
    if (e->mode != MUSTER_OPEN_READ)
        e->state.changes = m->journal;
}

void matcher_start(muster_engine *e)
{
    e->matcher->thread = thread_start(run, e);
    e->matcher->started = true;
}

void matcher_stop(muster_engine *e)
{
    struct matcher *m = e->matcher;

    if (!m || !m->started)
        return;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    thread_join(m->thread);
    m->started = false;
    if (m->at)
        epoch_let_go(m->at);
}

void matcher_free(muster_engine *e)
{
    struct matcher *m = e->matcher;

    if (!m)
        return;
    match_list_release(&m->list);
    forward_free_retired(m->leaving);
    forward_free(m->index);
    journal_free(m->journal);
    mem_free(m->waiting.items);
    pthread_cond_destroy(&m->wake);
    pthread_cond_destroy(&m->settled);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
    e->matcher = NULL;
    e->state.changes = NULL;
}

/* ---- for others ---- */

void matcher_chunk_hook(uint32_t blocks)
{
    chunk_blocks = blocks < CHUNK_BLOCKS ? blocks : CHUNK_BLOCKS;
}

const forward *matcher_index(const muster_engine *e)
{
    return e->matcher ? __atomic_load_n(&e->matcher->shown, __ATOMIC_ACQUIRE)
                      : NULL;
}

void matcher_stats(const muster_engine *e, muster_engine_stats *out)
{
    const forward *f = matcher_index(e);
    forward_stats stats = {0};

    if (f)
        forward_stats_get(f, &stats);
    out->forward_bytes = stats.bytes;
    out->forward_pairs = stats.pairs;
    out->forward_epoch = stats.epoch;
    out->forward_budget = e->matcher ? e->matcher->budget : 0;
}

void matcher_on_epoch(muster_engine *e,
                      void (*each)(void *payload, const epoch *at),
                      void *payload)
{
    e->matcher->each = each;
    e->matcher->payload = payload;
}
