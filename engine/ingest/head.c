/*
 * head.c - how an input begins: the hash of its first INGEST_HEAD_BYTES
 * decompressed bytes, by which a load that goes on knows its input again.
 *
 * What an interrupted load noted may cover less, when that was all that had
 * come; the hash is compared as soon as so many bytes are there. Until then
 * the cutter hands on nothing.
 *
 * Threads: the one that pushes adds and asks whether it is known; any may
 * get the hash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

struct input_head {
    uint64_t wanted_hash;
    uint64_t wanted_len;  /* 0 = nothing to compare with */
    pthread_mutex_t lock; /* over what follows */
    hash_stream *stream;
    uint64_t len; /* written by the one that pushes */
};

input_head *head_new(const ingest_options *options)
{
    ASSERT(options->head_len <= INGEST_HEAD_BYTES);
    input_head *h = mem_zalloc(sizeof *h);
    h->wanted_hash = options->head_hash;
    h->wanted_len = options->head_len;
    h->stream = hash_stream_new();
    const int rc = pthread_mutex_init(&h->lock, NULL);
    ASSERT(rc == 0);
    return h;
}

void head_free(input_head *h)
{
    if (h == NULL)
        return;
    pthread_mutex_destroy(&h->lock);
    hash_stream_free(h->stream);
    mem_free(h);
}

bool head_is_known(const input_head *h)
{
    return h->len >= h->wanted_len;
}

static void add(input_head *h, const uint8_t *bytes, size_t len)
{
    const int rc = pthread_mutex_lock(&h->lock);
    ASSERT(rc == 0);
    hash_stream_add(h->stream, bytes, len);
    h->len += len;
    pthread_mutex_unlock(&h->lock);
}

int head_add(input_head *h, const void *bytes, size_t len, muster_error *err)
{
    const uint8_t *from = bytes;
    const uint64_t room = INGEST_HEAD_BYTES - h->len;
    if (len > room)
        len = (size_t)room;
    if (len == 0)
        return 0;
    const uint64_t left = head_is_known(h) ? 0 : h->wanted_len - h->len;
    if (left > 0 && left <= len) {
        add(h, from, (size_t)left);
        if (hash_stream_value(h->stream) != h->wanted_hash) {
            h->wanted_len = UINT64_MAX; /* never known */
            return error_set(err, MUSTER_ECONFLICT, "other_input",
                             "the load id was used for another input, which "
                             "begins differently; choose another --load-id");
        }
        from += left;
        len -= (size_t)left;
    }
    add(h, from, len);
    return 0;
}

void head_get(input_head *h, uint64_t *hash, uint64_t *len)
{
    const int rc = pthread_mutex_lock(&h->lock);
    ASSERT(rc == 0);
    *hash = hash_stream_value(h->stream);
    *len = h->len;
    pthread_mutex_unlock(&h->lock);
}
