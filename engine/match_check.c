/*
 * match_check.c - is a forward index what asking every segment says? For a
 * sample of the users, spread over all of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* Decisions that are compared, about: a second. */
#define PAIRS_MAX 2000000u
#define ROWS_LEAST 64u
#define ROWS_MAX 4096u

typedef struct sampled {
    uint32_t row;
    forward_list list;
} sampled;

static bool lists(const forward_list *l, uint32_t id)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (forward_id(l, i) == id)
            return true;
    return false;
}

/* Users evenly spread whose list is there; how many. */
static uint32_t draw(const forward *index, const epoch *at, size_t segments,
                     sampled *out)
{
    const uint32_t users = dictionary_rows(at->ids);
    size_t wanted = PAIRS_MAX / (segments + 1);
    uint32_t n = 0;

    if (wanted < ROWS_LEAST)
        wanted = ROWS_LEAST;
    if (wanted > ROWS_MAX)
        wanted = ROWS_MAX;
    if (wanted > users)
        wanted = users;
    for (size_t i = 0; i < wanted; i++) {
        out[n].row = (uint32_t)((uint64_t)users * i / wanted);
        n += forward_find(index, out[n].row, &out[n].list);
    }
    return n;
}

/* How many of the users a segment is wrongly, or wrongly not, listed for. */
static uint32_t count_wrong(const muster_engine *e, const epoch *at,
                            const scope *viewer, const roster_entry *entry,
                            const sampled *users, uint32_t n)
{
    program_state state = epoch_state(e, at);
    uint32_t wrong = 0;
    plan *bound;

    if (engine_bind(e, at, viewer, text_of(entry->expr), text_make(NULL, 0),
                    &bound, NULL, NULL) != 0)
        bound = NULL; /* refers to something that is gone: nobody */
    state.once = true;
    if (n > 0)
        state.now = (muster_time)users[0].list.hour * 3600;
    program *g = bound ? program_new(bound, &state) : NULL;
    for (uint32_t i = 0; i < n; i++)
        wrong += lists(&users[i].list, entry->id) !=
                 (g && program_has(g, users[i].row));
    program_free(g);
    segment_plan_free(bound);
    return wrong;
}

int matcher_check(muster_engine *e, const epoch *at, const muster_task *task,
                  void (*found)(void *payload, const char *key,
                                uint32_t wrong, uint32_t of),
                  void *payload, muster_error *err)
{
    const forward *index = matcher_index(e);
    scope *viewer;
    int rc = 0;

    if (!index || forward_blocks(index) == 0)
        return 0;
    rc = scope_new(&viewer, text_of("doctor"), PURPOSE_SERVING,
                   text_make(NULL, 0), err);
    if (rc != 0)
        return rc;
    sampled *users = mem_array(ROWS_MAX, sizeof *users);
    const roster *with = forward_roster(index);
    const uint32_t n = draw(index, at, with->count, users);
    for (uint32_t i = 0; i < with->count && rc == 0; i++) {
        const uint32_t wrong =
            count_wrong(e, at, viewer, &with->entries[i], users, n);
        if (wrong > 0)
            found(payload, with->entries[i].key, wrong, n);
        rc = task_step(task, "comparing segments of users", i, with->count,
                       err);
    }
    mem_free(users);
    scope_free(viewer);
    return rc;
}
