/*
 * keys.c - muster_key: keys are made, revoked, listed and verified.
 *
 * The secret is made and hashed on the caller's thread; the change that is
 * logged has the hash alone. Verifying reads the newest epoch, so a key that
 * was revoked is refused by the first question behind the answer of
 * muster_key_revoke.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- telling ---- */

static int tell_key(const access_key *k, muster_key_fn each, void *payload)
{
    const muster_key row = {k->number,      k->id.ptr,       k->name.ptr,
                            k->role.ptr,    k->may,          k->partner.ptr,
                            k->provider.ptr, k->created,     k->revoked};
    return each(payload, &row);
}

int muster_keys_each(muster_engine *engine, muster_key_fn each, void *payload)
{
    epoch_pin pin;
    int rc = 0;

    const access_store *all = epoch_pin_newest(engine, &pin)->access;
    for (uint32_t n = 1; n <= access_key_count(all) && rc == 0; n++)
        rc = tell_key(access_key_at(all, n), each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

static int unknown_key(muster_error *err)
{
    error_set(err, MUSTER_ENOTFOUND, "unknown_key", "there is no such key");
    error_suggest(err, "muster key ls");
    return MUSTER_ENOTFOUND;
}

int muster_key_find(muster_engine *engine, const char *id, muster_key_fn each,
                    void *payload, muster_error *err)
{
    epoch_pin pin;

    error_clear(err);
    const access_key *key =
        access_key_find(epoch_pin_newest(engine, &pin)->access, text_of(id));
    const int rc = key ? tell_key(key, each, payload) : unknown_key(err);
    epoch_unpin(engine, &pin);
    return rc;
}

int muster_key_get(muster_engine *engine, uint32_t number, muster_key_fn each,
                   void *payload, muster_error *err)
{
    epoch_pin pin;

    error_clear(err);
    const access_key *key =
        access_key_at(epoch_pin_newest(engine, &pin)->access, number);
    const int rc = key ? tell_key(key, each, payload) : unknown_key(err);
    epoch_unpin(engine, &pin);
    return rc;
}

/* ---- verifying ---- */

static muster_key_verdict judge_key(const access_key *key, muster_rights *out)
{
    *out = (muster_rights){0, 0};
    if (key == NULL)
        return MUSTER_KEY_UNKNOWN;
    out->number = key->number;
    out->may = key->revoked ? 0 : key->may;
    return key->revoked ? MUSTER_KEY_REVOKED : MUSTER_KEY_HOLDS;
}

muster_key_verdict muster_key_verify(muster_engine *engine,
                                     const char *secret, size_t len,
                                     muster_rights *out)
{
    uint8_t hash[ACCESS_HASH_BYTES];
    epoch_pin pin;

    *out = (muster_rights){0, 0};
    ASSERT(engine->key != NULL);
    if (!access_secret_hash(engine->key, text_make(secret, len), hash))
        return MUSTER_KEY_MALFORMED;
    const muster_key_verdict verdict = judge_key(
        access_key_match(epoch_pin_newest(engine, &pin)->access, hash), out);
    epoch_unpin(engine, &pin);
    return verdict;
}

muster_key_verdict muster_key_rights(muster_engine *engine, uint32_t number,
                                     muster_rights *out)
{
    epoch_pin pin;
    const muster_key_verdict verdict = judge_key(
        access_key_at(epoch_pin_newest(engine, &pin)->access, number), out);
    epoch_unpin(engine, &pin);
    return verdict;
}

/* ---- making ---- */

typedef struct making {
    access_key key;
    char id[ACCESS_ID_BYTES + 1];
} making;

static int bad_permissions(muster_error *err, const char *message)
{
    return error_set(err, MUSTER_EINVAL, "bad_permissions", "%s", message);
}

static int take_permissions(access_key *key, const muster_key_options *o,
                            muster_error *err)
{
    key->role = text_of(o->role ? o->role : "");
    key->may = o->may;
    if (key->role.len > 0 && o->may != 0)
        return bad_permissions(err, "a key has a role or single permissions, "
                                    "not both");
    if (key->role.len > 0)
        key->may = muster_role_find(key->role);
    if (key->role.len > 0 && key->may == 0)
        return error_set(err, MUSTER_EINVAL, "bad_role",
                         "the roles are ad-ops, analyst, ad-server, partner "
                         "and admin");
    if (key->may == 0 || key->may > MUSTER_MAY_ALL)
        return bad_permissions(err, "a key needs a role or permissions of "
                                    "ingest, lookup, read, write, export and "
                                    "admin");
    return 0;
}

static int check_people(const access_key *key, muster_error *err)
{
    const uint32_t partners =
        MUSTER_MAY_LOOKUP | MUSTER_MAY_READ | MUSTER_MAY_EXPORT;

    if (text_is(key->role, "partner") && key->partner.len == 0)
        return bad_permissions(err, "the role partner needs a partner");
    if (key->partner.len > 0 && (key->may & ~partners) != 0)
        return bad_permissions(err, "a partner's key may lookup, read and "
                                    "export, nothing else");
    if (key->provider.len > 0 && (key->may & MUSTER_MAY_INGEST) == 0)
        return bad_permissions(err, "a provider's key must be one that may "
                                    "ingest");
    if (key->provider.len > 0 && !catalog_is_provider_name(key->provider))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "that is no name of a provider: a-z, 0-9, '_', '.' "
                         "and '-', at most %u bytes", MUSTER_NAME_BYTES_MAX);
    return 0;
}

static int take_options(access_key *key, const muster_key_options *o,
                        muster_error *err)
{
    if (!o || o->size != sizeof *o)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from MUSTER_KEY_OPTIONS_INIT");
    key->name = text_of(o->name ? o->name : "");
    key->partner = text_of(o->partner ? o->partner : "");
    key->provider = text_of(o->provider ? o->provider : "");
    int rc = access_check_title(key->name, err);
    if (rc == 0)
        rc = take_permissions(key, o, err);
    return rc ? rc : check_people(key, err);
}

static int act_create(muster_engine *e, change_request *r, muster_error *err)
{
    making *m = r->payload;
    const access_store *all = e->state.access;

    if (m->key.partner.len > 0 &&
        !access_partner_find(all, m->key.partner))
        return partner_unknown(all, m->key.partner, err);
    if (access_key_count(all) >= MUSTER_KEYS_MAX)
        return error_set(err, MUSTER_ELIMIT, "keys_full",
                         "there is no room for another key");
    do
        access_id_make(m->id);
    while (access_key_find(all, text_of(m->id)));
    m->key.id = text_of(m->id);
    change_key(r->body, &m->key);
    ASSERT(buffer_ok(r->body));
    return 0;
}

int muster_key_create(muster_engine *engine,
                      const muster_key_options *options, char *secret,
                      muster_key_fn each, void *payload, muster_error *err)
{
    making m = {.key = {.number = 0}};
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0)
        rc = take_options(&m.key, options, err);
    if (rc != 0)
        return rc;
    access_secret_make(secret);
    const bool formed =
        access_secret_hash(engine->key, text_of(secret), m.key.hash);
    ASSERT(formed);
    m.key.created = muster_engine_now(engine);
    buffer_init(&body, 4096);
    change_request r = {.kind = CHANGE_KEY_CREATE,
                        .body = &body,
                        .act = act_create,
                        .payload = &m};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    if (rc != 0) {
        identity_wipe(secret, MUSTER_KEY_SECRET_BYTES);
        secret[0] = '\0';
        return rc;
    }
    return each ? muster_key_find(engine, m.id, each, payload, err) : 0;
}

/* ---- revoking ---- */

typedef struct revoking {
    muster_text id;
    muster_time when;
} revoking;

static int act_revoke(muster_engine *e, change_request *r, muster_error *err)
{
    const revoking *v = r->payload;
    const access_key *key = access_key_find(e->state.access, v->id);

    if (!key)
        return unknown_key(err);
    if (key->revoked)
        return 1;
    change_end(r->body, v->id, v->when);
    return 0;
}

int muster_key_revoke(muster_engine *engine, const char *id,
                      muster_error *err)
{
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    revoking v = {text_of(id), muster_engine_now(engine)};
    buffer_init(&body, 4096);
    change_request r = {.kind = CHANGE_KEY_REVOKE,
                        .body = &body,
                        .act = act_revoke,
                        .payload = &v};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    return rc > 0 ? 0 : rc;
}
