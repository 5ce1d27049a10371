/*
 * http_openrtb_fuzz.c - bytes as a bid request. What is read must not be read
 * beyond its end; what is accepted gets an entry of ours, and then says what
 * the slow twin says; doing it again changes nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>

#include "http/openrtb_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const openrtb_rules rules[] = {
    {"a.example", 0, "user.id=cookie,device.ifa:ios=idfa device.ifa=ctv", 0},
    {"a.example", 600, "eids:x.example=uid2 user.buyeruid=cookie", 4},
};

static void put_ours(buffer *out, const openrtb_rules *r)
{
    reply w = reply_into(out, MEDIA_JSON);
    const size_t mark = openrtb_data_begin(&w, r);
    openrtb_data_put(&w, 7);
    openrtb_data_put(&w, UINT32_MAX);
    openrtb_data_end(&w, mark, 2);
}

/* Inserts twice. */
static void insert(const openrtb *bid, const openrtb_rules *r)
{
    buffer ours, once, twice;
    openrtb again;

    buffer_init(&ours, TWIN_BYTES_MAX);
    buffer_init(&once, TWIN_BYTES_MAX);
    buffer_init(&twice, TWIN_BYTES_MAX);
    put_ours(&ours, r);
    const muster_text entry = text_make((char *)ours.data, ours.len);
    openrtb_insert(bid, r, entry, &once);
    const muster_text said = text_make((char *)once.data, once.len);
    ASSERT(twin_agrees(bid, r, entry, said));
    ASSERT(openrtb_read(&again, said, NULL) == 0);
    ASSERT(openrtb_forbids(&again) == openrtb_forbids(bid));
    openrtb_insert(&again, r, entry, &twice);
    ASSERT(twice.len == once.len &&
           memcmp(twice.data, once.data, once.len) == 0);
    openrtb_release(&again);
    buffer_release(&twice);
    buffer_release(&once);
    buffer_release(&ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    openrtb_id ids[OPENRTB_IDS_MAX];
    openrtb bid;

    if (openrtb_read(&bid, text_make((const char *)data, size), NULL) != 0)
        return 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const size_t n = openrtb_ids(&bid, rules[i].ids, ids);
        ASSERT(n <= OPENRTB_IDS_MAX);
        for (size_t k = 0; k < n; k++)
            ASSERT(ids[k].id.len > 0 && ids[k].id.len < size);
        insert(&bid, &rules[i]);
    }
    openrtb_release(&bid);
    return 0;
}
