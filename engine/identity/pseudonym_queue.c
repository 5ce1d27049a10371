/*
 * pseudonym_queue.c - ids that wait to become pseudonyms, so that several are
 * hashed at once (lanes.h).
 *
 * What waits is the message that will be hashed: key, space and normal id
 * (pseudonym.c). It is zeroed as soon as it is hashed or given up, and leaves
 * this room as a pseudonym only. Ids longer than one block, and few at a
 * time, are hashed one by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sodium.h>
#include <string.h>
#include "identity/key.h"
#include "identity/lanes.h"
#include "identity/pseudonym.h"

/* Fewer are not worth the lanes. */
#define LANES_WORTH 3u

_Static_assert(IDENTITY_QUEUE_IDS == LANES, "one hash of all lanes");

typedef struct waiting_id {
    lane_block block; /* when it fits */
    muster_pseudonym long_id; /* when it does not: hashed already */
    bool is_long;
} waiting_id;

struct identity_queue {
    const identity_key *key;
    const lanes_level *level; /* NULL: one by one */
    size_t count;
    waiting_id ids[IDENTITY_QUEUE_IDS];
};

identity_queue *identity_queue_new(const identity_key *key)
{
    identity_queue *q = mem_zalloc(sizeof *q);
    ASSERT(key != NULL);
    q->key = key;
    q->level = lanes_choose();
    return q;
}

void identity_queue_free(identity_queue *q)
{
    if (q == NULL)
        return;
    identity_queue_cut(q, 0);
    mem_free(q);
}

size_t identity_queue_count(const identity_queue *q)
{
    return q->count;
}

/* Blocks that wait for nothing are all zero. */
static void wipe(waiting_id *w)
{
    sodium_memzero(w->block.bytes, w->block.len);
    w->block.len = 0;
}

void identity_queue_cut(identity_queue *q, size_t count)
{
    ASSERT(count <= q->count);
    while (q->count > count)
        wipe(&q->ids[--q->count]);
}

int identity_queue_put(identity_queue *q, muster_text space, identity_raw raw,
                       muster_error *err)
{
    uint8_t message[PSEUDONYM_MESSAGE_MAX];
    size_t len = 0;

    ASSERT(q->count < IDENTITY_QUEUE_IDS);
    const int rc =
        pseudonym_message(message, &len, q->key, space, raw, err);
    if (rc == 0) {
        waiting_id *w = &q->ids[q->count++];
        w->is_long = len > LANE_BYTES;
        if (w->is_long) {
            pseudonym_hash(&w->long_id, message, len);
        } else {
            memcpy(w->block.bytes, message, len);
            w->block.len = (uint32_t)len;
        }
    }
    sodium_memzero(message, rc == 0 ? len : sizeof message);
    return rc;
}

static void hash_each(identity_queue *q, muster_pseudonym *out)
{
    for (size_t i = 0; i < q->count; i++)
        pseudonym_hash(&out[i], q->ids[i].block.bytes, q->ids[i].block.len);
}

static void hash_together(identity_queue *q, muster_pseudonym *out)
{
    const lane_block *blocks[LANES];
    uint8_t hashes[LANES][LANE_HASH_BYTES];

    for (size_t i = 0; i < LANES; i++)
        blocks[i] = &q->ids[i].block;
    q->level->hash(hashes, blocks);
    for (size_t i = 0; i < q->count; i++)
        memcpy(out[i].bytes, hashes[i], sizeof out[i].bytes);
}

void identity_queue_take(identity_queue *q, muster_pseudonym *out)
{
    if (q->level != NULL && q->count >= LANES_WORTH)
        hash_together(q, out);
    else
        hash_each(q, out);
    for (size_t i = 0; i < q->count; i++)
        if (q->ids[i].is_long)
            out[i] = q->ids[i].long_id;
    identity_queue_cut(q, 0);
}
