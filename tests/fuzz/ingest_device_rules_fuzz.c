/*
 * ingest_device_rules_fuzz.c - any bytes as a file of rules: refused with a
 * reason, or rules whose filter changes no answer. What stands behind the last
 * zero byte is the user agent that they are asked of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const device_rules *rules, muster_text ua)
{
    device_matcher m;
    device_matcher twin;
    device_words words;
    device_words wanted;
    matcher_init(&m, rules);
    matcher_init(&twin, rules);
    twin.all = true;
    /* A rule that takes too long may be one that the filter leaves out. */
    const int rc = matcher_read(&m, ua, &words);
    if (matcher_read(&twin, ua, &wanted) == 0) {
        ASSERT(rc == 0);
        for (size_t i = 0; i < DEVICE_PARTS_MAX; i++) {
            ASSERT(text_equal(words.agent[i], wanted.agent[i]));
            ASSERT(text_equal(words.os[i], wanted.os[i]));
            ASSERT(text_equal(words.hardware[i], wanted.hardware[i]));
        }
    }
    matcher_release(&m);
    matcher_release(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t end = size;
    device_rules *rules;
    muster_error err;
    while (end > 0 && data[end - 1] != 0)
        end--;
    const size_t len = end > 0 ? end - 1 : size;
    error_clear(&err);
    if (device_open_bytes(&rules, (const char *)data, len, &err) != 0) {
        ASSERT(err.message[0] != '\0');
        return 0;
    }
    check(rules, text_make((const char *)data + end, end > 0 ? size - end : 0));
    device_free(rules);
    return 0;
}
