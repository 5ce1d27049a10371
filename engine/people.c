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
