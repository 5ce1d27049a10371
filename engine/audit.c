/*
 * audit.c - who changed what, as a table for people.
 *
 * Each change but facts and ticks leaves a row in the table `audit`, written
 * in the transaction of its log row: number and time of the change, whom it is
 * put down to, what was done, and to what. Users are named nowhere: opting out
 * and forgetting have no object. The table belongs to the database, not to the
 * state: snapshots carry it, hashes and generations do not, and the oldest
 * rows go when there are AUDIT_ROWS_MAX.
 *
 * The actor is the calling thread's (muster_audit_as), taken over by
 * writer_do.
 *
 * Cost: two prepared statements a change, about 10 us.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

static _Thread_local char actor_name[AUDIT_ACTOR_BYTES + 1];

void muster_audit_as(const char *actor)
{
    muster_text text = text_of(actor ? actor : "");

    if (text.len > AUDIT_ACTOR_BYTES)
        text.len = AUDIT_ACTOR_BYTES;
    text.len = text_utf8_prefix(text);
    if (text.len > 0)
        memcpy(actor_name, text.ptr, text.len);
    actor_name[text.len] = '\0';
}

const char *audit_actor(void)
{
    return actor_name;
}

int audit_write(muster_engine *e, const change_request *r, muster_error *err)
{
    if (r->kind == CHANGE_FACTS || r->kind == CHANGE_TICK)
        return 0;
    const storage_value most = storage_int(AUDIT_ROWS_MAX);
    const storage_value row[] = {
        storage_int((int64_t)r->seq),
        storage_int(engine_fixed_now(e) ? engine_fixed_now(e) : clock_now()),
        storage_text(text_of(r->actor ? r->actor : "")),
        storage_text(text_of(change_name(r->kind))),
        storage_text(change_object(r->kind, r->body->data, r->body->len))};

    const int rc = storage_run(
        e->store,
        "INSERT INTO audit(seq, at, actor, action, object)"
        " VALUES(?1, ?2, ?3, ?4, ?5)",
        row, sizeof row / sizeof *row, err);
    return rc ? rc
              : storage_run(e->store,
                            "DELETE FROM audit WHERE id <="
                            " (SELECT max(id) FROM audit) - ?1",
                            &most, 1, err);
}
