/*
 * identity.h - the door of room `identity`: the only place where a raw id is
 * read.
 *
 *   key.c         the secret key file (32 random bytes, mode 0600)
 *   normalise.c   rules per id space, suspicion of personal data
 *   pseudonym.c   BLAKE2b-128 of (key, space, normalised raw id)
 *   pseudonym_queue.c, lanes*.c  the same of several ids at once
 *   secret.c      random bytes, secrets of which only a hash is kept
 *   contact.c     e-mail addresses and phone numbers to digests, by rule
 *   dictionary*.c pseudonym -> row and row -> primary pseudonym: find and
 *                 add, snapshots, encoded form, check
 *
 * Invariants: (1) a raw id leaves this room only as a pseudonym: error
 * texts never quote it; (2) `identity_raw` is sealed: no file outside
 * engine/identity reads its members (tests/tidy enforces it); (3) the key
 * bytes are in locked, zeroed-after-use memory (sodium_malloc).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include <muster/limits.h>
#include "base/base.h"
#include "identity/contact.h"

/* ---- raw ids ---- */

/* A raw id on its way in: borrowed bytes nobody else may look at. */
typedef struct identity_raw {
    const void *sealed;
    size_t sealed_len;
} identity_raw;

identity_raw identity_raw_of(muster_text id);

/* ---- key ---- */

typedef struct identity_key identity_key;

/* Opens the key file, or makes it (O_EXCL, 0600, fsync) when `create`.
 * Refuses a file that others may read ("key_permissions"), of the wrong
 * size or format ("bad_key"), or missing ("no_key"). The file is one line of
 * text: "muster-key-1 " + 64 hex digits + newline. */
int identity_key_open(identity_key **out, const char *path, bool create,
                      muster_error *err);
void identity_key_free(identity_key *key);
/* A hash of the key that may be stored beside data, to notice a wrong key. */
uint64_t identity_key_check(const identity_key *key);

/* ---- pseudonyms ---- */

/* Normalises by the rules of `space` (field/formats.md 3.4) and hashes:
 * BLAKE2b-128(key 32 bytes || length of space, 1 byte || space || id): one
 * compression for ids up to about 80 bytes.
 * Errors (MUSTER_EINVAL), message never quotes the id: "empty_id",
 * "long_id", "bad_id" (not of the form the space asks for), "zero_id" (the
 * all-zero advertising id of a user who limits tracking), "pii_suspected"
 * (looks like an e-mail address, or in a space where that is no valid form,
 * like a phone number).  Any thread; no allocation. */
int identity_pseudonymise(const identity_key *key, muster_text space,
                          identity_raw raw, muster_pseudonym *out,
                          muster_error *err);

/* The same for ids whose pseudonyms may come a little later: eight at once
 * cost less than two one by one. Not thread-safe. */
#define IDENTITY_QUEUE_IDS 8u
typedef struct identity_queue identity_queue;
identity_queue *identity_queue_new(const identity_key *key);
void identity_queue_free(identity_queue *q); /* NULL is fine */
/* One id more, for which there must be room; errors as above, and then none
 * is put. */
int identity_queue_put(identity_queue *q, muster_text space, identity_raw raw,
                       muster_error *err);
size_t identity_queue_count(const identity_queue *q);
/* Forgets all but the `count` oldest. */
void identity_queue_cut(identity_queue *q, size_t count);
/* The pseudonyms of all, the oldest first; the queue is empty then. */
void identity_queue_take(identity_queue *q, muster_pseudonym *out);

/* A value that looks like an e-mail address or a phone number in
 * international form: such texts are not stored as attribute values either. */
bool identity_is_pii(muster_text text);

#define PSEUDONYM_HEX 32
/* Lower-case hex, `out` >= 33 bytes, NUL-terminated. */
void pseudonym_format(char *out, const muster_pseudonym *p);
bool pseudonym_parse(muster_text text, muster_pseudonym *out);

/* split("salt", ..): SipHash-2-4 of the primary pseudonym under
 * BLAKE2b-128(key || 0 || "split" || salt), mod 100. (The 0 stands where a
 * space's length would, so that no id can hash to a split's key.) `key` NULL,
 * of a directory opened for checking only: another split. */
typedef struct identity_split {
    uint8_t key[16];
} identity_split;
void identity_split_init(identity_split *s, const identity_key *key,
                         muster_text salt);
uint32_t identity_split_bucket(const identity_split *s,
                               const muster_pseudonym *primary);

/* ---- secrets that are kept as a hash ---- */

void identity_random(void *out, size_t len); /* of the system's best */
#define IDENTITY_SECRET_HASH_BYTES 32u
#define IDENTITY_SECRET_MAX 64u
/* A hash that nobody can make, or try a guess against, without the key. At
 * most IDENTITY_SECRET_MAX bytes. Any thread; no allocation. */
void identity_secret_hash(const identity_key *key, muster_text secret,
                          uint8_t out[IDENTITY_SECRET_HASH_BYTES]);
/* Takes the same time whatever differs. */
bool identity_same(const void *a, const void *b, size_t len);
/* Zeroes, whatever the compiler thinks of it. */
void identity_wipe(void *bytes, size_t len);

/* ---- dictionary ---- */

/*
 * pseudonym -> row, row -> primary pseudonym. An immutable base (bytes, may
 * be mapped) plus a growing part in memory; both are buckets of one cache
 * line: 12 one-byte tags and 12 four-byte indexes into the array of ids, so
 * a hit costs two cache misses. Cost: 16 bytes per id + about 6.3 at load
 * 0.85 (+ 4 for an id that is not its row's first).
 * Rows are dense, from 0, in order of creation.
 *
 * Threads: new, open, free, add_user, add_id, catch_up, snapshot and release
 * are the writer's, or are called one at a time with it. Other threads read
 * snapshots, on which all that takes a `const dictionary *` may be called
 * while the writer goes on, without locks. The writer's own dictionary is
 * read by the writer, or while nobody writes.
 *
 * Memory of snapshots: 4.2 KB each. A table that the writer outgrows stays
 * until the last snapshot that is older than its replacement is released;
 * all such tables together are at most twice the present ones of the growing
 * part, so at most 19 bytes per id of it, and with no snapshot nothing.
 */
#define DICTIONARY_NONE UINT32_MAX
typedef struct dictionary dictionary;

dictionary *dictionary_new(void);
/* Snapshots live on: what they share is freed with the last of them. */
void dictionary_free(dictionary *d);
/* Starts from encoded bytes at a multiple of 8, which must outlive the
 * dictionary and its snapshots; they are checked for form (not for checksum:
 * storage has done that). MUSTER_ECORRUPT "bad_dictionary", MUSTER_EVERSION
 * "newer_version". */
int dictionary_open(dictionary **out, const void *bytes, size_t len,
                    muster_error *err);
/* The same in O(1), of bytes that have a proof, which must outlive it too: the
 * header is checked now, all else is proved when it is used. What is damaged
 * is then not found, or named by an id that nobody has, and the proof is
 * broken. */
int dictionary_open_proved(dictionary **out, const void *bytes, size_t len,
                           proof *by, muster_error *err);
uint32_t dictionary_find(const dictionary *d, const muster_pseudonym *p);
/* Prefetch what find will touch: first the places of the tables, then, some
 * time later, the id that stands there. */
void dictionary_prefetch(const dictionary *d, const muster_pseudonym *p);
void dictionary_prefetch_id(const dictionary *d, const muster_pseudonym *p);
/* Both: p must not be known. add_user returns the new row, or
 * DICTIONARY_NONE at MUSTER_USERS_MAX. */
uint32_t dictionary_add_user(dictionary *d, const muster_pseudonym *p);
void dictionary_add_id(dictionary *d, const muster_pseudonym *p,
                       uint32_t row);
const muster_pseudonym *dictionary_primary(const dictionary *d, uint32_t row);
uint32_t dictionary_rows(const dictionary *d);
uint64_t dictionary_ids(const dictionary *d);
/* Id number i in [0, dictionary_ids): first the rows' primaries by row, then
 * the others in order of addition. */
void dictionary_id_at(const dictionary *d, uint64_t i, muster_pseudonym *out,
                      uint32_t *row);
/* Heap bytes, with what snapshots cost; of a snapshot: as it was taken. */
size_t dictionary_memory(const dictionary *d);
/* Fewer numbers are left than one record may need: no record that brings ids
 * may be applied any more. (add_id stops the process when none is left.) */
bool dictionary_full(const dictionary *d);

/* The dictionary as it is now, for readers: rows and ids of this moment only.
 * Counted: give back with dictionary_release, which must follow the last use
 * of it by any thread. Pointers got from it (dictionary_primary) are good
 * until then. Cost: O(1), at most 5 KB copied; nothing is copied when nothing
 * was added since the last snapshot that still lives. */
const dictionary *dictionary_snapshot(dictionary *d);
/* NULL is fine. Frees what only this snapshot could still read. */
void dictionary_release(const dictionary *snapshot);

/* Adds to `d` up to `max` of the ids that `from` has and `d` has not; true
 * when d has all of them. `d` must have been opened from an encoding of an
 * earlier state of the same dictionary (and caught up since, or not). Used to
 * put a new base under the dictionary while the old one is still read: the
 * new one catches up in steps, the last of which is short. `from` may be a
 * snapshot. Cost: an add per id. */
bool dictionary_catch_up(dictionary *d, const dictionary *from, uint64_t max);

/* Writes base + growing part as one base, piece by piece, to `write`
 * (returns 0 or a code that is passed on). Bytes for dictionary_open. */
int dictionary_encode(const dictionary *d,
                      int (*write)(void *payload, const void *bytes,
                                   size_t len),
                      void *payload);

/* Every id is found and names its row, every place of the tables holds the
 * number of an id, as many as there are ids; MUSTER_ECORRUPT "bad_dictionary"
 * names the first place or id of which this is not true. `step` (may be NULL)
 * is called now and then with ids done and total, 0 done while the tables are
 * walked; non-zero stops and is passed on. Cost: a walk over the tables and
 * a find per id. */
int dictionary_check(const dictionary *d,
                     int (*step)(void *payload, uint64_t done, uint64_t total),
                     void *payload, muster_error *err);

#endif
