/*
 * change.c - the change list: bodies and what they do.
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
 *     tick            u64 UTC hour
 *     key create      text id, name, role, partner, provider, u32 may, i64
 *                     created, 32 bytes hash of the secret
 *     key revoke      text id, i64 when
 *     partner set     text key, text name, i64 created
 *     partner remove  text key, i64 when
 *     share           text key of the segment, text key of the partner,
 *                     u8 undo
 *     taxonomy        text name, u32 segtax, text the file as it was given
 *     mapping         text attribute, u8 has a value, text value, u32 nodes,
 *                     each: text (id or path)
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

void change_tick(buffer *out, muster_hour hour)
{
    buffer_put_u64(out, (uint64_t)hour);
}

void change_key(buffer *out, const access_key *key)
{
    put_text(out, key->id);
    put_text(out, key->name);
    put_text(out, key->role);
    put_text(out, key->partner);
    put_text(out, key->provider);
    buffer_put_u32(out, key->may);
    buffer_put_u64(out, (uint64_t)key->created);
    buffer_put(out, key->hash, sizeof key->hash);
}

void change_end(buffer *out, muster_text name, muster_time when)
{
    put_text(out, name);
    buffer_put_u64(out, (uint64_t)when);
}

void change_partner(buffer *out, muster_text key, muster_text name,
                    muster_time created)
{
    put_text(out, key);
    put_text(out, name);
    buffer_put_u64(out, (uint64_t)created);
}

void change_share(buffer *out, muster_text segment, muster_text partner,
                  bool undo)
{
    put_text(out, segment);
    put_text(out, partner);
    buffer_put_u8(out, undo);
}

void change_taxonomy(buffer *out, muster_text name, uint32_t segtax,
                     muster_text file)
{
    put_text(out, name);
    buffer_put_u32(out, segtax);
    put_text(out, file);
}

void change_mapping(buffer *out, muster_text attribute, muster_text value,
                    const muster_text *nodes, size_t count)
{
    put_text(out, attribute);
    buffer_put_u8(out, value.ptr != NULL);
    put_text(out, value);
    buffer_put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put_text(out, nodes[i]);
}

const char *change_name(change_kind kind)
{
    switch (kind) {
#define CHANGE_NAME(symbol, number, name) \
    case CHANGE_##symbol:                 \
        return name;
        CHANGE_LIST(CHANGE_NAME)
#undef CHANGE_NAME
    }
    return "";
}

muster_text change_object(change_kind kind, const uint8_t *bytes, size_t len)
{
    reader r;

    if (kind == CHANGE_FACTS || kind == CHANGE_CATALOG ||
        kind == CHANGE_OPTOUT || kind == CHANGE_FORGET || kind == CHANGE_TICK)
        return text_of("");
    reader_init(&r, bytes, len);
    return get_text(&r);
}

/* ---- applying ---- */

static int damaged(muster_error *err)
{
    return error_set(err, MUSTER_ECORRUPT, "damaged_change",
                     "a change in the log does not decode");
}

static int apply_provider(working *w, reader *r, muster_error *err)
{
    const muster_text name = get_text(r);
    const uint32_t party = reader_u32(r);
    const uint32_t ttl = reader_u32(r);

    if (!reader_ok(r))
        return damaged(err);
    return catalog_provider_put(w->names, name, (catalog_party)party, ttl,
                                true, NULL, err);
}

/* A segment that is saved again under its key is not shared by that. */
static void end_shares(working *w, struct mirror *notes, uint32_t segment)
{
    for (size_t i = 0; i < access_partner_count(w->access); i++) {
        const access_partner *p = access_partner_at(w->access, i);
        if (!access_is_shared(p, segment))
            continue;
        mirror_share(notes, p->number, segment);
        access_partner_share(w->access, p->key, segment, false);
    }
}

static int apply_segment(working *w, struct mirror *notes, reader *r,
                         bool removed, muster_error *err)
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
    const audience *a = audience_put(w->audiences, key, &v);
    mirror_audience(notes, a);
    if (removed)
        end_shares(w, notes, a->id);
    return 0;
}

static int apply_user(working *w, reader *r, uint32_t attribute,
                      muster_error *err)
{
    muster_pseudonym p;
    const uint8_t *bytes = reader_bytes(r, sizeof p.bytes);
    const bool undo = reader_u8(r);

    if (!reader_ok(r))
        return damaged(err);
    memcpy(p.bytes, bytes, sizeof p.bytes);
    const uint32_t row = apply_user_row(w, &p);
    if (row == DICTIONARY_NONE)
        return error_set(err, MUSTER_ELIMIT, "users_full",
                         "no more users fit into this data directory");
    index_add_profile(w->building, attribute, 0, row,
                      undo ? INDEX_CLEAR : INDEX_ADD, INDEX_NO_VALUE,
                      INDEX_NEVER);
    working_note(w, row, attribute, NOTE_ANY);
    if (attribute == INDEX_FORGOTTEN)
        working_set_forgotten(w, row);
    return 0;
}

/* The state's clock never goes back. */
static int apply_tick(working *w, reader *r, muster_error *err)
{
    const uint64_t hour = reader_u64(r);

    if (!reader_ok(r) || hour > (uint64_t)clock_hour_of(CLOCK_TIME_MAX))
        return damaged(err);
    if ((muster_hour)hour > w->tick)
        w->tick = (muster_hour)hour;
    return 0;
}

static int apply_key(working *w, struct mirror *notes, reader *r,
                     muster_error *err)
{
    access_key key = {0};

    key.id = get_text(r);
    key.name = get_text(r);
    key.role = get_text(r);
    key.partner = get_text(r);
    key.provider = get_text(r);
    key.may = reader_u32(r);
    key.created = (muster_time)reader_u64(r);
    const uint8_t *hash = reader_bytes(r, sizeof key.hash);
    if (!hash || !reader_ok(r))
        return damaged(err);
    memcpy(key.hash, hash, sizeof key.hash);
    mirror_key(notes, access_key_add(w->access, &key)->number);
    return 0;
}

static int apply_revoke(working *w, struct mirror *notes, reader *r,
                        muster_error *err)
{
    const access_key *key = access_key_find(w->access, get_text(r));
    const muster_time when = (muster_time)reader_u64(r);

    if (!reader_ok(r) || !key)
        return damaged(err);
    mirror_key(notes, key->number);
    access_key_revoke(w->access, key->number, when);
    return 0;
}

static int apply_partner(working *w, struct mirror *notes, reader *r,
                         muster_error *err)
{
    const muster_text key = get_text(r);
    const muster_text name = get_text(r);
    const muster_time created = (muster_time)reader_u64(r);

    if (!reader_ok(r) || key.len == 0)
        return damaged(err);
    mirror_partner(notes,
                   access_partner_put(w->access, key, name, created)->number);
    return 0;
}

static int apply_partner_end(working *w, struct mirror *notes, reader *r,
                             muster_error *err)
{
    const muster_text key = get_text(r);
    const muster_time when = (muster_time)reader_u64(r);
    const access_partner *p = access_partner_find(w->access, key);

    if (!reader_ok(r) || !p)
        return damaged(err);
    mirror_partner(notes, p->number);
    for (uint32_t n = 1; n <= access_key_count(w->access); n++)
        if (text_equal(access_key_at(w->access, n)->partner, key))
            mirror_key(notes, n);
    access_partner_remove(w->access, key, when);
    return 0;
}

static int apply_share(working *w, struct mirror *notes, reader *r,
                       muster_error *err)
{
    const audience *a = audience_find(w->audiences, get_text(r));
    const access_partner *p = access_partner_find(w->access, get_text(r));
    const bool undo = reader_u8(r);

    if (!reader_ok(r) || !a || !p)
        return damaged(err);
    mirror_share(notes, p->number, a->id);
    access_partner_share(w->access, p->key, a->id, !undo);
    return 0;
}

int change_apply_taxonomy(catalog *c, const uint8_t *bytes, size_t len,
                          muster_error *err)
{
    reader r;

    reader_init(&r, bytes, len);
    const muster_text name = get_text(&r);
    const uint32_t segtax = reader_u32(&r);
    const muster_text file = get_text(&r);
    if (!reader_ok(&r))
        return damaged(err);
    return catalog_taxonomy_load(c, name, segtax, file, err);
}

int change_apply_mapping(catalog *c, const uint8_t *bytes, size_t len,
                         muster_error *err)
{
    reader r;

    reader_init(&r, bytes, len);
    const muster_text attribute = get_text(&r);
    const bool whole = reader_u8(&r) == 0;
    const muster_text value = get_text(&r);
    const uint32_t count = reader_u32(&r);
    if (!reader_ok(&r) || count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return damaged(err);
    muster_text *nodes = mem_array((size_t)count + 1, sizeof *nodes);
    for (uint32_t i = 0; i < count; i++)
        nodes[i] = get_text(&r);
    const int rc =
        !reader_ok(&r)
            ? damaged(err)
            : catalog_taxonomy_map(c, attribute,
                                   whole ? text_make(NULL, 0) : value, nodes,
                                   count, err);
    mem_free(nodes);
    return rc;
}

static int apply(working *w, struct mirror *notes, uint32_t kind,
                 const uint8_t *bytes, size_t len, apply_report *report,
                 muster_error *err)
{
    reader r;

    reader_init(&r, bytes, len);
    switch ((change_kind)kind) {
    case CHANGE_FACTS: {
        const muster_time now = (muster_time)reader_u64(&r);
        if (!reader_ok(&r))
            return damaged(err);
        return apply_facts(w, now, r.ptr, reader_left(&r), report, err);
    }
    case CHANGE_CATALOG:
        return catalog_file_apply(w->names, (const char *)bytes, len, err);
    case CHANGE_PROVIDER:
        return apply_provider(w, &r, err);
    case CHANGE_SEGMENT_SAVE:
    case CHANGE_SEGMENT_REMOVE:
        return apply_segment(w, notes, &r, kind == CHANGE_SEGMENT_REMOVE,
                             err);
    case CHANGE_OPTOUT:
        return apply_user(w, &r, INDEX_OPTED_OUT, err);
    case CHANGE_FORGET:
        return apply_user(w, &r, INDEX_FORGOTTEN, err);
    case CHANGE_TICK:
        return apply_tick(w, &r, err);
    case CHANGE_KEY_CREATE:
        return apply_key(w, notes, &r, err);
    case CHANGE_KEY_REVOKE:
        return apply_revoke(w, notes, &r, err);
    case CHANGE_PARTNER_SET:
        return apply_partner(w, notes, &r, err);
    case CHANGE_PARTNER_REMOVE:
        return apply_partner_end(w, notes, &r, err);
    case CHANGE_SHARE:
        return apply_share(w, notes, &r, err);
    case CHANGE_TAXONOMY:
        return change_apply_taxonomy(w->names, bytes, len, err);
    case CHANGE_MAPPING:
        return change_apply_mapping(w->names, bytes, len, err);
    }
    return error_set(err, MUSTER_EVERSION, "unknown_change",
                     "the log holds a change of kind %u, which this version "
                     "does not know; upgrade Muster", kind);
}

/* Who was not found may be known where the generation is damaged. */
int change_apply(working *w, struct mirror *notes, uint32_t kind,
                 const uint8_t *bytes, size_t len, apply_report *report,
                 muster_error *err)
{
    const int rc = apply(w, notes, kind, bytes, len, report, err);
    return rc ? rc : base_check(w->base, err);
}
