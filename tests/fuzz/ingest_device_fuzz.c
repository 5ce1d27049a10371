/*
 * ingest_device_fuzz.c - any bytes as a user agent, as client hints and as
 * OpenRTB: what is derived is the same with and without filter and cache, and
 * fit for values. The first byte says which.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static device_reader *fuzz_reader(bool plain)
{
    static device_rules *rules;
    if (rules == NULL)
        ASSERT(device_open_bytes(&rules, device_few_rules,
                                 strlen(device_few_rules), NULL) == 0);
    device_reader *r = device_reader_new(rules);
    device_reader_plain(r, plain, plain);
    return r;
}

static void check(const derived *d)
{
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++) {
        const muster_derived_attribute which = (muster_derived_attribute)i;
        if ((d->known & DERIVED_BIT(i)) == 0)
            continue;
        ASSERT((DEVICE_ATTRIBUTES & DERIVED_BIT(i)) != 0);
        if (muster_derived_is_number(which))
            ASSERT(d->numbers[i] >= 0 && d->numbers[i] < 1000000000);
        else
            ASSERT(derive_text_is_fit(d->texts[i]));
    }
}

static void same(const derived *a, const derived *b)
{
    ASSERT(a->known == b->known && a->open == b->open);
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++) {
        if ((a->known & DERIVED_BIT(i)) == 0)
            continue;
        ASSERT(a->numbers[i] == b->numbers[i]);
        ASSERT(text_equal(a->texts[i], b->texts[i]));
    }
}

static void derive_twice(const device_input *in)
{
    static device_reader *r;
    static device_reader *twin;
    derived d[2];
    bool bot[2];
    if (r == NULL) {
        r = fuzz_reader(false);
        twin = fuzz_reader(true);
    }
    memset(d, 0, sizeof d);
    device_derive(r, in, &d[0], &bot[0]);
    device_derive(twin, in, &d[1], &bot[1]);
    check(&d[0]);
    same(&d[0], &d[1]);
    ASSERT(bot[0] == bot[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const muster_text rest = text_make((const char *)data + 1, size - 1);
    json_doc *doc = NULL;
    if (data[0] != '{') {
        const device_input in = {.ua = rest};
        derive_twice(&in);
        return 0;
    }
    if (json_parse(&doc, (const char *)data, size, JSON_STRICT, NULL) != 0)
        return 0;
    const device_input in = device_input_of(doc);
    derive_twice(&in);
    json_free(doc);
    return 0;
}
