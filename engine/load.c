/*
 * load.c - how far an input is: load ids and idempotency keys.
 *
 * Each commit of an input that has an id writes, in its own transaction, how
 * far the input is read and the receipt up to there. So an input that is sent
 * again goes on behind the last record that was committed, and its receipt is
 * that of the whole.
 *
 * What the row keeps as `state`: u64 line, then the encoded receipt.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdio.h>

struct open_load {
    char id[64];
    struct open_load *next;
};

void load_state_init(load_state *l)
{
    memset(l, 0, offsetof(load_state, receipt));
    receipt_init(&l->receipt);
}

void load_state_release(load_state *l)
{
    receipt_release(&l->receipt);
}

static int decode(load_state *l, muster_text state, muster_error *err)
{
    ingest_receipt receipt;
    reader r;

    reader_init(&r, (const uint8_t *)state.ptr, state.len);
    l->line = reader_u64(&r);
    int rc = reader_ok(&r) ? 0 : MUSTER_ECORRUPT;
    if (rc == 0)
        rc = receipt_decode(&receipt, r.ptr, reader_left(&r), err);
    if (rc != 0)
        return error_set(err, MUSTER_ECORRUPT, "bad_load",
                         "what is kept of load id \"%s\" is damaged", l->id);
    receipt_release(&l->receipt);
    l->receipt = receipt;
    return 0;
}

int load_read(muster_engine *e, load_state *l, muster_error *err)
{
    storage_load row;
    arena memory;

    arena_init(&memory);
    int rc = storage_load_get(e->store, text_of(l->id), &l->found, &row,
                              &memory, err);
    if (rc == 0 && l->found) {
        l->ended = row.ended;
        l->position = row.position;
        l->head_hash = row.head_hash;
        l->head_len = row.head_len;
        rc = decode(l, row.state, err);
    }
    arena_release(&memory);
    return rc;
}

int load_write(muster_engine *e, const load_state *l, muster_error *err)
{
    buffer state;

    buffer_init(&state, STORAGE_LOAD_STATE_MAX);
    buffer_put_u64(&state, l->line);
    receipt_encode(&l->receipt, &state);
    const storage_load row = {
        .load_id = text_of(l->id),
        .position = l->position,
        .ended = l->ended,
        .state = text_make((const char *)state.data, state.len),
        .head_hash = l->head_hash,
        .head_len = l->head_len,
    };
    const int rc = storage_load_put(e->store, &row, err);
    point("load.put");
    buffer_release(&state);
    return rc;
}

/* ---- one feed of an id at a time ---- */

int load_claim(muster_engine *e, const char *id, muster_error *err)
{
    int rc = 0;

    pthread_mutex_lock(&e->lists);
    for (const struct open_load *l = e->loads; l && rc == 0; l = l->next)
        if (strcmp(l->id, id) == 0)
            rc = error_set(err, MUSTER_EBUSY, "feeding",
                           "load id \"%s\" is being fed already", id);
    if (rc == 0) {
        struct open_load *mine = mem_zalloc(sizeof *mine);
        snprintf(mine->id, sizeof mine->id, "%s", id);
        mine->next = e->loads;
        e->loads = mine;
    }
    pthread_mutex_unlock(&e->lists);
    return rc;
}

void load_unclaim(muster_engine *e, const char *id)
{
    pthread_mutex_lock(&e->lists);
    struct open_load **link = &e->loads;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    struct open_load *mine = *link;
    ASSERT(mine != NULL);
    *link = mine->next;
    pthread_mutex_unlock(&e->lists);
    mem_free(mine);
}
