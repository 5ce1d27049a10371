/*
 * privacy.h - the door of room `privacy`: who may be told what.
 *
 *   scope.c          who asks, for what purpose, for which partner
 *   access.c         keys, partners, and what is shared with them
 *   access_bytes.c   their encoded form
 *   access_secret.c  the secrets of keys: made, read, hashed
 *   access_roles.c   permissions and roles by name; names for people
 *
 * Nothing is evaluated without a scope: bind and every evaluation take one.
 * A scope decides which providers' facts may be read, which users are masked
 * and which segments are there. At present every provider is in every scope,
 * and users who opted out or were forgotten are masked in all of them; of
 * segments the scope of a partner has those that are shared with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PRIVACY_PRIVACY_H
#define PRIVACY_PRIVACY_H

#include <muster/access.h>
#include "base/base.h"
#include "catalog/catalog.h"
#include "identity/identity.h"

typedef enum scope_purpose {
    PURPOSE_ANALYSIS = 1, /* counts and reach for people of the house */
    PURPOSE_SERVING = 2,  /* membership at request time */
    PURPOSE_DELIVERY = 3  /* audiences that leave the house */
} scope_purpose;

typedef struct scope scope;

/* asker: who, for the audit trail ("cli"); partner: name or empty. Copies
 * its texts. Errors: MUSTER_EINVAL "bad_scope". */
int scope_new(scope **out, muster_text asker, scope_purpose purpose,
              muster_text partner, muster_error *err);
void scope_free(scope *s);
scope_purpose scope_purpose_of(const scope *s);
muster_text scope_asker(const scope *s);
muster_text scope_partner(const scope *s);
bool scope_sees_provider(const scope *s, const catalog_provider *provider);

/* ---- keys, partners, shares ---- */

/*
 * A store that changes belongs to one thread at a time, its writer. Everybody
 * else reads snapshots, which the writer takes and gives back and which any
 * thread reads at the same moment, without a lock. Rows are borrowed, and stay
 * as long as the snapshot (or, of a store that changes, until its next change).
 */
typedef struct access_store access_store;

#define ACCESS_HASH_BYTES 32u
#define ACCESS_ID_BYTES 12u /* "k_" and 10 of [0-9a-z] */

typedef struct access_key {
    uint32_t number; /* 1, 2, ... in order of making */
    uint32_t may;    /* muster_permission bits */
    muster_text id;
    muster_text name;
    muster_text role; /* empty: single permissions */
    muster_text partner;
    muster_text provider;
    muster_time created;
    muster_time revoked; /* 0: holds */
    uint8_t hash[ACCESS_HASH_BYTES];
} access_key;

typedef struct access_partner {
    uint32_t number; /* 1, 2, ...; never reused */
    muster_text key;
    muster_text name;
    muster_time created;
    uint32_t shares;         /* bits that are set */
    uint32_t words;          /* of `segments` */
    const uint64_t *segments; /* one bit a segment's numeric id */
} access_partner;

access_store *access_store_new(void);
/* Snapshots of it stay good. NULL is fine. */
void access_store_free(access_store *s);
/* What the store holds now; the same pointer again while nothing changed.
 * Costs a pointer a row after a change. Counted: give each back. */
const access_store *access_store_snapshot(access_store *s);
void access_store_release(const access_store *snapshot); /* NULL is fine */
size_t access_store_memory(const access_store *s); /* bytes; O(1) */

uint32_t access_key_count(const access_store *s);
/* By number, from 1; NULL when there is none. */
const access_key *access_key_at(const access_store *s, uint32_t number);
const access_key *access_key_find(const access_store *s, muster_text id);
/* The key of a hashed secret, revoked or not. No lock, no allocation; the
 * compare takes the same time whatever differs. */
const access_key *access_key_match(const access_store *s,
                                   const uint8_t hash[ACCESS_HASH_BYTES]);
/* Adds it as the next number; texts are copied, `number` is set here. The id
 * must be new. */
const access_key *access_key_add(access_store *s, const access_key *key);
/* Of one that holds. */
void access_key_revoke(access_store *s, uint32_t number, muster_time when);

/* By key order. */
size_t access_partner_count(const access_store *s);
const access_partner *access_partner_at(const access_store *s, size_t i);
/* NULL when there is none. A handful of compares. */
const access_partner *access_partner_find(const access_store *s,
                                          muster_text key);
const access_partner *access_partner_by_number(const access_store *s,
                                               uint32_t number);
/* Adds it, or gives the one there is the name. */
const access_partner *access_partner_put(access_store *s, muster_text key,
                                         muster_text name,
                                         muster_time created);
/* Its keys are revoked. */
void access_partner_remove(access_store *s, muster_text key,
                           muster_time when);
/* One segment, shared or no longer. */
void access_partner_share(access_store *s, muster_text key,
                          uint32_t segment_id, bool shared);
/* What is shared with a partner: one load and a test. */
static inline bool access_is_shared(const access_partner *p,
                                    uint32_t segment_id)
{
    return segment_id / 64 < p->words &&
           (p->segments[segment_id / 64] >> (segment_id % 64) & 1) != 0;
}
/* Which segments a viewer may know of: found once for a question, then a test
 * a segment. Whoever asks for no partner sees all; the scope of a partner that
 * is not there sees none. Borrows the store's row. */
typedef struct access_view {
    bool all;
    const access_partner *partner; /* NULL: none, unless all */
} access_view;
access_view access_view_of(const access_store *s, const scope *viewer);
static inline bool access_view_has(access_view view, uint32_t segment_id)
{
    return view.all ||
           (view.partner && access_is_shared(view.partner, segment_id));
}

/* Everything, for a generation; decode into an empty store. Nothing at all
 * (of a generation that was written before there were keys) is an empty
 * store. MUSTER_ECORRUPT "damaged_access". */
void access_store_encode(const access_store *s, buffer *out);
int access_store_decode(access_store *s, const void *bytes, size_t len,
                        muster_error *err);

/* A name for people: UTF-8 without control characters, at most
 * MUSTER_NAME_BYTES_MAX; MUSTER_EINVAL "bad_name". */
int access_check_title(muster_text title, muster_error *err);

/* ---- the secrets of keys ---- */

/* A fresh one, NUL-terminated, MUSTER_KEY_SECRET_BYTES. */
void access_secret_make(char *out);
/* Has it the form, and does its check fit? Then the hash that stands for it.
 * About half a microsecond; no allocation. */
bool access_secret_hash(const identity_key *key, muster_text secret,
                        uint8_t out[ACCESS_HASH_BYTES]);
/* A fresh public id, NUL-terminated. */
void access_id_make(char out[ACCESS_ID_BYTES + 1]);

#endif
