/*
 * people.c - muster_privacy: opting out and being forgotten.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

static int change_privacy(muster_engine *e, change_kind kind,
                          const muster_id *user, bool undo, bool *known,
                          muster_error *err)
{
    muster_pseudonym p;
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(e, err);
    if (rc != 0)
        return rc;
    engine_write_begin(e);
    rc = engine_pseudonym(e, user, &p, err);
    if (rc == 0) {
        const bool found = dictionary_find(e->ids, &p) != DICTIONARY_NONE;
        if (known)
            *known = found;
        if (found || !undo) {
            buffer_init(&body, 64);
            change_user(&body, &p, undo);
            rc = engine_commit(e, kind, &body, err);
            buffer_release(&body);
        }
    }
    engine_write_end(e);
    return rc;
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
