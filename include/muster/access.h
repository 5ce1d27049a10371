/*
 * access.h - who may ask: keys, partners, and which segments are shared with
 * a partner.
 *
 * A key is a secret that its holder shows with every request. The secret is
 * told once, when the key is made; what is stored is a hash under the data
 * directory's own key. Its public id names it in lists, logs and commands.
 *
 *     muster_live_<43 of 0-9A-Za-z><6 of 0-9A-Za-z>
 *
 * The 43 hold 256 bits of randomness, the 6 are their CRC-32, so that a typo
 * is told without a look-up.
 *
 * A partner sees of all segments those that are shared with it: in lookups, in
 * expressions that it asks, everywhere. What is not shared is to it as if it
 * did not exist, and no answer tells the difference. Removing a segment ends
 * its shares; removing a partner ends its shares and revokes its keys.
 *
 * Keys, partners and shares are part of the state: logged, replayed, in
 * generations and snapshots. All functions: any thread; what changes something
 * returns when it is durable and holds for the next question.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_ACCESS_H
#define MUSTER_ACCESS_H

#include <muster/audience.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- permissions and roles ---- */

typedef enum muster_permission {
    MUSTER_MAY_INGEST = 1, /* bring facts */
    MUSTER_MAY_LOOKUP = 2, /* which segments is a user in */
    MUSTER_MAY_READ = 4,   /* count, list, explain */
    MUSTER_MAY_WRITE = 8,  /* segments, catalog, opt-outs */
    MUSTER_MAY_EXPORT = 16, /* lists of users */
    MUSTER_MAY_ADMIN = 32  /* keys, partners, shares, operations */
} muster_permission;
#define MUSTER_MAY_ALL 63u

/* Calls `each` with the name of each permission in `may` ("ingest"), in the
 * order of the bits. */
MUSTER_API int muster_permissions_each(
    uint32_t may, int (*each)(void *payload, const char *name),
    void *payload);
/* The bit of a name; 0: there is none of that name. */
MUSTER_API uint32_t muster_permission_find(muster_text name);
/* The permissions of a role: "ad-ops", "analyst", "ad-server", "partner",
 * "admin"; 0: there is no such role. */
MUSTER_API uint32_t muster_role_find(muster_text role);

/* ---- keys ---- */

/* Pointers are valid until the callback returns. */
typedef struct muster_key {
    uint32_t number;      /* 1, 2, ...; given once, never reused */
    const char *id;       /* "k_3f9q0z17ab" */
    const char *name;     /* for people; "" = none */
    const char *role;     /* "" = single permissions */
    uint32_t may;         /* muster_permission bits */
    const char *partner;  /* "" = none */
    const char *provider; /* whose facts it brings; "" = any */
    muster_time created;
    muster_time revoked;  /* 0: it holds */
} muster_key;
typedef int (*muster_key_fn)(void *payload, const muster_key *key);

typedef struct muster_key_options {
    size_t size;
    const char *name;     /* NULL or "": none */
    const char *role;     /* or NULL, then `may` */
    uint32_t may;
    const char *partner;  /* NULL: of no partner */
    const char *provider; /* NULL: of no provider */
} muster_key_options;
#define MUSTER_KEY_OPTIONS_INIT \
    { sizeof(muster_key_options), NULL, NULL, 0, NULL, NULL }

/* Bytes of a secret, its NUL included. */
#define MUSTER_KEY_SECRET_BYTES 62

/* Makes a key; its secret is written to `secret` (MUSTER_KEY_SECRET_BYTES),
 * which nothing can tell again. `each` (may be NULL) gets the key.
 * Errors: MUSTER_EINVAL "bad_role", "bad_permissions" (none, role and single
 * ones, a partner's that may more than lookup, read and export, a provider's
 * that may not ingest), "bad_name"; MUSTER_ENOTFOUND "unknown_partner";
 * MUSTER_ELIMIT "keys_full". */
MUSTER_API int muster_key_create(muster_engine *engine,
                                 const muster_key_options *options,
                                 char *secret, muster_key_fn each,
                                 void *payload, muster_error *err);
/* Takes it back: it is refused from the next question on. One that is revoked
 * already stays as it is. MUSTER_ENOTFOUND "unknown_key". */
MUSTER_API int muster_key_revoke(muster_engine *engine, const char *id,
                                 muster_error *err);
/* All keys, the oldest first, revoked ones among them. */
MUSTER_API int muster_keys_each(muster_engine *engine, muster_key_fn each,
                                void *payload);
/* MUSTER_ENOTFOUND "unknown_key". */
MUSTER_API int muster_key_find(muster_engine *engine, const char *id,
                               muster_key_fn each, void *payload,
                               muster_error *err);

typedef enum muster_key_verdict {
    MUSTER_KEY_HOLDS = 0,
    MUSTER_KEY_MALFORMED, /* not of the form, or its check does not fit */
    MUSTER_KEY_UNKNOWN,
    MUSTER_KEY_REVOKED
} muster_key_verdict;

typedef struct muster_rights {
    uint32_t number; /* of the key; 0: none that is known */
    uint32_t may;    /* muster_permission bits; 0 unless it holds */
} muster_rights;

/* Which key is this the secret of, and what may it do? About half a
 * microsecond; no lock, no allocation; the compare takes the same time
 * whatever differs. `len` bytes of any content. The engine has its key. */
MUSTER_API muster_key_verdict muster_key_verify(muster_engine *engine,
                                                const char *secret,
                                                size_t len,
                                                muster_rights *out);
/* The same of a key whose secret was verified before, by its number: does it
 * hold still? Some nanoseconds. */
MUSTER_API muster_key_verdict muster_key_rights(muster_engine *engine,
                                                uint32_t number,
                                                muster_rights *out);
/* The same key by its number, with the texts that verifying does not give;
 * MUSTER_ENOTFOUND "unknown_key". What it says never changes but for
 * `revoked`. */
MUSTER_API int muster_key_get(muster_engine *engine, uint32_t number,
                              muster_key_fn each, void *payload,
                              muster_error *err);

/* ---- partners and shares ---- */

typedef struct muster_partner {
    const char *key;   /* [a-z0-9][a-z0-9_.-]*, at most 128 bytes */
    const char *name;  /* for people; "" = none */
    uint32_t segments; /* that are shared with it */
    uint32_t keys;     /* of it that hold */
    muster_time created;
} muster_partner;
typedef int (*muster_partner_fn)(void *payload, const muster_partner *row);

/* Adds a partner, or gives it another name; NULL: the name stays as it is.
 * *changed (may be NULL): did that change anything. MUSTER_EINVAL "bad_name",
 * MUSTER_ELIMIT "partners_full". */
MUSTER_API int muster_partner_set(muster_engine *engine, const char *key,
                                  const char *name, bool *changed,
                                  muster_error *err);
/* Ends its shares and revokes its keys. MUSTER_ENOTFOUND "unknown_partner". */
MUSTER_API int muster_partner_remove(muster_engine *engine, const char *key,
                                     muster_error *err);
/* By key. */
MUSTER_API int muster_partners_each(muster_engine *engine,
                                    muster_partner_fn each, void *payload);
/* MUSTER_ENOTFOUND "unknown_partner" with a suggestion. */
MUSTER_API int muster_partner_find(muster_engine *engine, const char *key,
                                   muster_partner_fn each, void *payload,
                                   muster_error *err);
/* The segments that are shared with it, by key. MUSTER_ENOTFOUND
 * "unknown_partner". */
MUSTER_API int muster_partner_shares_each(muster_engine *engine,
                                          const char *key,
                                          muster_saved_fn each,
                                          void *payload, muster_error *err);
/* Shares a saved segment with a partner, or (`undo`) no longer. *changed (may
 * be NULL) as above. MUSTER_ENOTFOUND "unknown_segment", "unknown_partner". */
MUSTER_API int muster_audience_share(muster_engine *engine, const char *key,
                                     const char *partner, bool undo,
                                     bool *changed, muster_error *err);
/* Is there a saved segment of this key, as far as the viewer may know? */
MUSTER_API bool muster_audience_is_seen(muster_engine *engine,
                                        const muster_scope *viewer,
                                        const char *key);

/* ---- who did it ---- */

/* What this thread changes from now on is put down to `actor` (the id of a
 * key, "cli"; at most 64 bytes are kept, copied; NULL: nobody) in the table
 * audit of the database: one row a change but for facts. */
MUSTER_API void muster_audit_as(const char *actor);

#ifdef __cplusplus
}
#endif
#endif
