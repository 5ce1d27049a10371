/*
 * partners.c - muster_partner: partners, and the segments shared with them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- telling ---- */

static uint32_t keys_of(const access_store *all, muster_text partner)
{
    uint32_t count = 0;

    for (uint32_t n = 1; n <= access_key_count(all); n++) {
        const access_key *key = access_key_at(all, n);
        count += key->revoked == 0 && text_equal(key->partner, partner);
    }
    return count;
}

static int tell_partner(const access_store *all, const access_partner *p,
                        muster_partner_fn each, void *payload)
{
    const muster_partner row = {p->key.ptr, p->name.ptr, p->shares,
                                keys_of(all, p->key), p->created};
    return each(payload, &row);
}

int muster_partners_each(muster_engine *engine, muster_partner_fn each,
                         void *payload)
{
    epoch_pin pin;
    int rc = 0;

    const access_store *all = epoch_pin_newest(engine, &pin)->access;
    for (size_t i = 0; i < access_partner_count(all) && rc == 0; i++)
        rc = tell_partner(all, access_partner_at(all, i), each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

int partner_unknown(const access_store *all, muster_text key,
                    muster_error *err)
{
    near_name near;

    near_init(&near, key);
    for (size_t i = 0; i < access_partner_count(all); i++)
        near_offer(&near, access_partner_at(all, i)->key);
    error_set(err, MUSTER_ENOTFOUND, "unknown_partner",
              "there is no partner \"%.*s\"",
              (int)(key.len < 64 ? key.len : 64), key.ptr);
    if (near.best.ptr)
        error_suggest(err, "%.*s", (int)near.best.len, near.best.ptr);
    return MUSTER_ENOTFOUND;
}

int muster_partner_find(muster_engine *engine, const char *key,
                        muster_partner_fn each, void *payload,
                        muster_error *err)
{
    epoch_pin pin;

    error_clear(err);
    const access_store *all = epoch_pin_newest(engine, &pin)->access;
    const access_partner *p = access_partner_find(all, text_of(key));
    const int rc = p ? tell_partner(all, p, each, payload)
                     : partner_unknown(all, text_of(key), err);
    epoch_unpin(engine, &pin);
    return rc;
}

int muster_partner_shares_each(muster_engine *engine, const char *key,
                               muster_saved_fn each, void *payload,
                               muster_error *err)
{
    epoch_pin pin;
    int rc = 0;

    error_clear(err);
    const epoch *at = epoch_pin_newest(engine, &pin);
    const access_partner *p = access_partner_find(at->access, text_of(key));
    if (!p)
        rc = partner_unknown(at->access, text_of(key), err);
    for (size_t i = 0; p && i < audience_count(at->audiences) && rc == 0;
         i++) {
        const audience *a = audience_at(at->audiences, i);
        const audience_version *v = audience_current(a);
        if (v && access_is_shared(p, a->id))
            rc = saved_tell(a, v, each, payload);
    }
    epoch_unpin(engine, &pin);
    return rc;
}

bool muster_audience_is_seen(muster_engine *engine,
                             const muster_scope *viewer, const char *key)
{
    epoch_pin pin;

    ASSERT(viewer != NULL);
    const epoch *at = epoch_pin_newest(engine, &pin);
    const audience *a = audience_find(at->audiences, text_of(key));
    const bool seen =
        a && audience_current(a) &&
        access_view_has(access_view_of(at->access, viewer->inner), a->id);
    epoch_unpin(engine, &pin);
    return seen;
}

/* ---- changing ---- */

typedef struct wanted {
    muster_text key;     /* of the partner */
    const char *name;    /* NULL: as it is */
    const char *segment; /* to be shared */
    bool undo;
    muster_time when;
} wanted;

static int ask_writer(muster_engine *e, change_kind kind, wanted *w,
                      int (*act)(muster_engine *, change_request *,
                                 muster_error *),
                      bool *changed, muster_error *err)
{
    buffer body;

    error_clear(err);
    if (changed)
        *changed = false;
    int rc = engine_check_writable(e, err);
    if (rc != 0)
        return rc;
    w->when = muster_engine_now(e);
    buffer_init(&body, 4096);
    change_request r = {
        .kind = kind, .body = &body, .act = act, .payload = w};
    rc = writer_do(e, &r, err);
    buffer_release(&body);
    if (changed)
        *changed = rc == 0;
    return rc > 0 ? 0 : rc;
}

static int act_set(muster_engine *e, change_request *r, muster_error *err)
{
    const wanted *w = r->payload;
    const access_partner *p = access_partner_find(e->state.access, w->key);
    muster_text name = p ? p->name : text_of("");

    if (w->name)
        name = text_of(w->name);
    if (p && text_equal(name, p->name))
        return 1;
    if (!p && access_partner_count(e->state.access) >= MUSTER_PARTNERS_MAX)
        return error_set(err, MUSTER_ELIMIT, "partners_full",
                         "there is no room for another partner");
    change_partner(r->body, w->key, name, w->when);
    return 0;
}

int muster_partner_set(muster_engine *engine, const char *key,
                       const char *name, bool *changed, muster_error *err)
{
    wanted w = {.key = text_of(key), .name = name};

    if (changed)
        *changed = false;
    if (!catalog_is_provider_name(w.key))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "a partner is 1 to %u of a-z, 0-9, '_', '.' and "
                         "'-', beginning with a letter or digit",
                         MUSTER_NAME_BYTES_MAX);
    const int rc = name ? access_check_title(text_of(name), err) : 0;
    return rc ? rc
              : ask_writer(engine, CHANGE_PARTNER_SET, &w, act_set, changed,
                           err);
}

static int act_remove(muster_engine *e, change_request *r, muster_error *err)
{
    const wanted *w = r->payload;

    if (!access_partner_find(e->state.access, w->key))
        return partner_unknown(e->state.access, w->key, err);
    change_end(r->body, w->key, w->when);
    return 0;
}

int muster_partner_remove(muster_engine *engine, const char *key,
                          muster_error *err)
{
    wanted w = {.key = text_of(key)};
    return ask_writer(engine, CHANGE_PARTNER_REMOVE, &w, act_remove, NULL,
                      err);
}

static int act_share(muster_engine *e, change_request *r, muster_error *err)
{
    const wanted *w = r->payload;
    const access_partner *p = access_partner_find(e->state.access, w->key);
    const audience *a;

    const int rc =
        saved_find(e->state.audiences, w->segment, false, &a, err);
    if (rc != 0)
        return rc;
    if (!p)
        return partner_unknown(e->state.access, w->key, err);
    if (access_is_shared(p, a->id) != w->undo)
        return 1;
    change_share(r->body, text_of(w->segment), w->key, w->undo);
    return 0;
}

int muster_audience_share(muster_engine *engine, const char *key,
                          const char *partner, bool undo, bool *changed,
                          muster_error *err)
{
    wanted w = {.key = text_of(partner), .segment = key, .undo = undo};
    return ask_writer(engine, CHANGE_SHARE, &w, act_share, changed, err);
}
