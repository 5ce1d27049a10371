/*
 * people.c - muster_privacy: opting out and being forgotten.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

typedef struct wish {
    muster_pseudonym user;
    bool undo;
    bool known;
} wish;

/* A stranger who opts out becomes a user, so that later facts find the wish;
 * to undo what a stranger never said is nothing to do. */
static int act(muster_engine *e, change_request *r, muster_error *err)
{
    wish *w = r->payload;

    w->known = dictionary_find(e->state.ids, &w->user) != DICTIONARY_NONE;
    const int rc = base_check(e->state.base, err);
    if (rc != 0)
        return rc;
    if (!w->known && w->undo)
        return 1;
    if (!w->known && dictionary_full(e->state.ids))
        return error_set(err, MUSTER_ELIMIT, "users_full",
                         "no more users fit into this data directory");
    change_user(r->body, &w->user, w->undo);
    return 0;
}

static int change_privacy(muster_engine *e, change_kind kind,
                          const muster_id *user, bool undo, bool *known,
                          muster_error *err)
{
    wish w = {.undo = undo};
    epoch_pin pin;
    buffer body;

    error_clear(err);
    if (known)
        *known = false;
    int rc = engine_check_writable(e, err);
    if (rc != 0)
        return rc;
    rc = engine_pseudonym(e, epoch_pin_newest(e, &pin)->names, user, &w.user,
                          err);
    epoch_unpin(e, &pin);
    if (rc != 0)
        return rc;
    buffer_init(&body, 64);
    change_request r = {
        .kind = kind, .body = &body, .act = act, .payload = &w};
    rc = writer_do(e, &r, err);
    if (known)
        *known = w.known;
    buffer_release(&body);
    return rc > 0 ? 0 : rc;
}

int muster_privacy_optout(muster_engine *engine, const muster_id *user,
                          bool undo, bool *known, muster_error *err)
{
    return change_privacy(engine, CHANGE_OPTOUT, user, undo, known, err);
}

int muster_privacy_forget(muster_engine *engine, const muster_id *user,
                          bool *known, muster_error *err)
{
    return change_privacy(engine, CHANGE_FORGET, user, false, known, err);
}

/* ---- many at once ---- */

typedef struct wish_request {
    change_request change; /* its body is the next */
    wish what;
    buffer body;
    muster_wish *asked;
} wish_request;

/* Those whose ids are in order, as one chain; how many. */
static size_t chain_wishes(muster_engine *e, wish_request *list,
                           muster_wish *wishes, size_t n, bool undo)
{
    epoch_pin pin;
    size_t count = 0;

    const catalog *names = epoch_pin_newest(e, &pin)->names;
    for (size_t i = 0; i < n; i++) {
        wish_request *q = &list[count];
        wishes[i].known = false;
        error_clear(&wishes[i].error);
        if (engine_pseudonym(e, names, &wishes[i].user, &q->what.user,
                             &wishes[i].error) != 0)
            continue;
        q->what.undo = undo;
        q->asked = &wishes[i];
        buffer_init(&q->body, 64);
        q->change = (change_request){.kind = CHANGE_OPTOUT,
                                     .body = &q->body,
                                     .act = act,
                                     .payload = &q->what};
        if (count > 0)
            list[count - 1].change.next = &q->change;
        count++;
    }
    epoch_unpin(e, &pin);
    return count;
}

/* A refusal of one stays with it; any other error is everybody's. */
static int take_wish(wish_request *q, muster_error *err)
{
    const int rc = q->change.rc;

    q->asked->known = q->what.known;
    buffer_release(&q->body);
    if (rc >= 0)
        return 0;
    if (rc == MUSTER_EREFUSED || rc == MUSTER_ELIMIT)
        q->asked->error = q->change.error;
    else if (err)
        *err = q->change.error;
    return q->asked->error.code ? 0 : rc;
}

int muster_privacy_optouts(muster_engine *engine, muster_wish *wishes,
                           size_t n, bool undo, muster_error *err)
{
    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    wish_request *list = mem_array(n + 1, sizeof *list);
    const size_t count = chain_wishes(engine, list, wishes, n, undo);
    if (count > 0)
        writer_do(engine, &list[0].change, NULL);
    for (size_t i = 0; i < count; i++) {
        const int one = take_wish(&list[i], err);
        rc = rc != 0 ? rc : one;
    }
    mem_free(list);
    return rc;
}
