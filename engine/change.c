/*
 * change.c - the change list: bodies, commit, replay.
 *
 * Bodies, little-endian; text = u32 length, bytes:
 *     facts           i64 clock, batch (ingest/batch.c)
 *     catalog         the operator's file as it was given
 *     provider        text name, u32 party, u32 ttl hours
 *     segment save    text key, text expr, text name, u32 priority, u8 served,
 *                     i64 created
 *     segment remove  the same, expr and name empty
 *     opt-out         16 bytes pseudonym, u8 undo
 *     forget          16 bytes pseudonym, u8 0
 * The clock of a facts change is the time it was judged at (retention), so
 * replay judges alike.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

static void put_text(buffer *out, muster_text t)
{
    buffer_put_u32(out, (uint32_t)t.len);
    buffer_put_text(out, t);
}

static muster_text get_text(reader *r)
{
    const uint32_t len = reader_u32(r);
    const uint8_t *bytes = reader_bytes(r, len);
    return text_make((const char *)bytes, bytes ? len : 0);
}

void change_facts(buffer *out, muster_time now, const buffer *batch)
{
    buffer_put_u64(out, (uint64_t)now);
    buffer_put(out, batch->data, batch->len);
}

void change_provider(buffer *out, muster_text name, uint32_t party,
                     uint32_t ttl_hours)
{
    put_text(out, name);
    buffer_put_u32(out, party);
    buffer_put_u32(out, ttl_hours);
}

void change_segment(buffer *out, muster_text key,
                    const audience_version *version)
{
    put_text(out, key);
    put_text(out, version->expr);
    put_text(out, version->name);
    buffer_put_u32(out, (uint32_t)version->priority);
    buffer_put_u8(out, version->served);
    buffer_put_u64(out, (uint64_t)version->created);
}

void change_user(buffer *out, const muster_pseudonym *user, bool undo)
{
    buffer_put(out, user->bytes, sizeof user->bytes);
    buffer_put_u8(out, undo);
}

/* ---- applying ---- */

static int damaged(muster_error *err)
{
    return error_set(err, MUSTER_ECORRUPT, "damaged_change",
                     "a change in the log does not decode");
}

static int apply_provider(muster_engine *e, reader *r, muster_error *err)
{
    const muster_text name = get_text(r);
    const uint32_t party = reader_u32(r);
    const uint32_t ttl = reader_u32(r);

    if (!reader_ok(r))
        return damaged(err);
    return catalog_provider_put(e->names, name, (catalog_party)party, ttl,
                                true, NULL, err);
}

static int apply_segment(muster_engine *e, reader *r, bool removed,
                         muster_error *err)
{
    audience_version v = {0};
    const muster_text key = get_text(r);

    v.expr = get_text(r);
    v.name = get_text(r);
    v.priority = (int32_t)reader_u32(r);
    v.served = reader_u8(r);
    v.created = (muster_time)reader_u64(r);
    v.removed = removed;
    if (!reader_ok(r) || !audience_is_key(key))
        return damaged(err);
    mirror_audience(e, audience_put(e->audiences, key, &v));
    return 0;
}

static int apply_user(muster_engine *e, reader *r, uint32_t attribute,
                      muster_error *err)
{
    muster_pseudonym p;
    bool fresh;
    const uint8_t *bytes = reader_bytes(r, sizeof p.bytes);
    const bool undo = reader_u8(r);

    if (!reader_ok(r))
        return damaged(err);
    memcpy(p.bytes, bytes, sizeof p.bytes);
    const uint32_t row = apply_user_row(e, &p, &fresh);
    if (row == DICTIONARY_NONE)
        return error_set(err, MUSTER_ELIMIT, "users_full",
                         "no more users fit into this data directory");
    index_add_profile(e->building, attribute, 0, row,
                      undo ? INDEX_CLEAR : INDEX_ADD, INDEX_NO_VALUE,
                      INDEX_NEVER);
    if (attribute == INDEX_FORGOTTEN)
        engine_set_forgotten(e, row);
    return 0;
}

static int apply_change(muster_engine *e, uint32_t kind, const uint8_t *bytes,
                        size_t len, apply_report *report, muster_error *err)
{
    reader r;

    reader_init(&r, bytes, len);
    switch ((change_kind)kind) {
    case CHANGE_FACTS: {
        const muster_time now = (muster_time)reader_u64(&r);
        if (!reader_ok(&r))
            return damaged(err);
        return apply_facts(e, now, r.ptr, reader_left(&r), report, err);
    }
    case CHANGE_CATALOG:
        return catalog_file_apply(e->names, (const char *)bytes, len, err);
    case CHANGE_PROVIDER:
        return apply_provider(e, &r, err);
    case CHANGE_SEGMENT_SAVE:
    case CHANGE_SEGMENT_REMOVE:
        return apply_segment(e, &r, kind == CHANGE_SEGMENT_REMOVE, err);
    case CHANGE_OPTOUT:
        return apply_user(e, &r, INDEX_OPTED_OUT, err);
    case CHANGE_FORGET:
        return apply_user(e, &r, INDEX_FORGOTTEN, err);
    }
    return error_set(err, MUSTER_EVERSION, "unknown_change",
                     "the log holds a change of kind %u, which this version "
                     "does not know; upgrade Muster", kind);
}

int engine_replay(muster_engine *e, const storage_batch *batch,
                  muster_error *err)
{
    apply_report none = {0};
    const int rc =
        apply_change(e, batch->kind, batch->bytes, batch->len, &none, err);
    if (rc == 0)
        e->seq = batch->seq;
    return rc;
}

/* ---- committing ---- */

int commit_begin(muster_engine *e, muster_error *err)
{
    const int rc = engine_check_writable(e, err);
    return rc ? rc : storage_begin(e->store, err);
}

static int fail_commit(muster_engine *e, int rc)
{
    storage_rollback(e->store);
    __atomic_store_n(&e->broken, true, __ATOMIC_RELEASE);
    return rc;
}

int commit_change(muster_engine *e, change_kind kind, const buffer *body,
                  const char *load_id, uint64_t position,
                  apply_report *report, muster_error *err)
{
    apply_report none = {0};
    const storage_batch batch = {e->seq + 1, kind, text_of(load_id),
                                 position,   body->data, body->len};

    int rc = storage_log_append(e->store, &batch, err);
    if (rc != 0)
        return fail_commit(e, rc);
    engine_lock_write(e);
    rc = apply_change(e, kind, body->data, body->len,
                      report ? report : &none, err);
    __atomic_store_n(&e->seq, batch.seq, __ATOMIC_RELEASE);
    engine_unlock(e);
    return rc ? fail_commit(e, rc) : 0;
}

int commit_end(muster_engine *e, muster_error *err)
{
    int rc = mirror_flush(e, err);
    if (rc == 0)
        rc = storage_commit(e->store, err);
    return rc ? fail_commit(e, rc) : 0;
}

int engine_commit(muster_engine *e, change_kind kind, const buffer *body,
                  muster_error *err)
{
    int rc = commit_begin(e, err);
    if (rc == 0)
        rc = commit_change(e, kind, body, "", 0, NULL, err);
    if (rc == 0)
        rc = commit_end(e, err);
    if (rc == 0) {
        engine_lock_write(e);
        apply_flush(e);
        engine_unlock(e);
    }
    return rc;
}
