/*
 * access_bytes.c - keys, partners and shares as bytes of a generation.
 *
 *   u32 keys; each, in the order of their numbers:
 *       text id, name, role, partner, provider, u32 may, i64 created,
 *       i64 revoked, 32 bytes hash
 *   u32 last number of a partner, u32 partners; each:
 *       u32 number, text key, name, i64 created, u32 shares, that many
 *       u32 segment ids, ascending
 *
 * Little-endian; text = u32 length, bytes. Valid if and only if (1) hashes, and
 * keys and numbers of partners, are there once each, (2) no number is above its
 * bound, (3) segment ids ascend, (4) nothing is left over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/access.h"

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

static void put_key(buffer *out, const access_key *key)
{
    put_text(out, key->id);
    put_text(out, key->name);
    put_text(out, key->role);
    put_text(out, key->partner);
    put_text(out, key->provider);
    buffer_put_u32(out, key->may);
    buffer_put_u64(out, (uint64_t)key->created);
    buffer_put_u64(out, (uint64_t)key->revoked);
    buffer_put(out, key->hash, sizeof key->hash);
}

static void put_partner(buffer *out, const access_partner *p)
{
    buffer_put_u32(out, p->number);
    put_text(out, p->key);
    put_text(out, p->name);
    buffer_put_u64(out, (uint64_t)p->created);
    buffer_put_u32(out, p->shares);
    for (uint32_t id = 0; id < 64 * p->words; id++)
        if (access_is_shared(p, id))
            buffer_put_u32(out, id);
}

void access_store_encode(const access_store *s, buffer *out)
{
    const uint32_t keys = access_key_count(s);
    const size_t partners = access_partner_count(s);

    buffer_put_u32(out, keys);
    for (uint32_t n = 1; n <= keys; n++)
        put_key(out, access_key_at(s, n));
    buffer_put_u32(out, access_partner_last(s));
    buffer_put_u32(out, (uint32_t)partners);
    for (size_t i = 0; i < partners; i++)
        put_partner(out, access_partner_at(s, i));
}

static int damaged(muster_error *err)
{
    return error_set(err, MUSTER_ECORRUPT, "damaged_access",
                     "the keys and partners of the generation are damaged");
}

static int decode_key(access_store *s, reader *r, muster_error *err)
{
    access_key key = {0};

    key.id = get_text(r);
    key.name = get_text(r);
    key.role = get_text(r);
    key.partner = get_text(r);
    key.provider = get_text(r);
    key.may = reader_u32(r);
    key.created = (muster_time)reader_u64(r);
    key.revoked = (muster_time)reader_u64(r);
    const uint8_t *hash = reader_bytes(r, sizeof key.hash);
    if (!hash || !reader_ok(r) || key.may > MUSTER_MAY_ALL)
        return damaged(err);
    memcpy(key.hash, hash, sizeof key.hash);
    if (access_key_match(s, key.hash))
        return damaged(err);
    access_key_add(s, &key);
    return 0;
}

static int decode_partner(access_store *s, reader *r, uint32_t last,
                          muster_error *err)
{
    uint32_t former = 0;
    access_partner p = {.number = reader_u32(r)};

    p.key = get_text(r);
    p.name = get_text(r);
    p.created = (muster_time)reader_u64(r);
    const uint32_t shares = reader_u32(r);
    if (!reader_ok(r) || p.number == 0 || p.number > last ||
        p.key.len == 0 || access_partner_find(s, p.key) ||
        access_partner_by_number(s, p.number))
        return damaged(err);
    access_partner_restore(s, &p);
    for (uint32_t i = 0; i < shares; i++) {
        const uint32_t id = reader_u32(r);
        if (!reader_ok(r) || id <= former || id > MUSTER_SEGMENTS_MAX)
            return damaged(err);
        access_partner_share(s, p.key, id, true);
        former = id;
    }
    return 0;
}

int access_store_decode(access_store *s, const void *bytes, size_t len,
                        muster_error *err)
{
    reader r;
    int rc = 0;

    ASSERT(access_key_count(s) == 0 && access_partner_count(s) == 0);
    if (len == 0)
        return 0;
    reader_init(&r, bytes, len);
    const uint32_t keys = reader_u32(&r);
    for (uint32_t i = 0; i < keys && rc == 0; i++)
        rc = decode_key(s, &r, err);
    const uint32_t last = reader_u32(&r);
    const uint32_t partners = reader_u32(&r);
    access_partner_restore_last(s, last);
    for (uint32_t i = 0; i < partners && rc == 0; i++)
        rc = decode_partner(s, &r, last, err);
    if (rc != 0)
        return rc;
    return reader_ok(&r) && reader_left(&r) == 0 ? 0 : damaged(err);
}
