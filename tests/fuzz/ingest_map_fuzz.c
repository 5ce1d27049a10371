/*
 * ingest_map_fuzz.c - a mapping file, then a byte of zero, then an input that
 * is read through it; an input alone has proposals made of it, which must be
 * mappings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rows[] = "a,b,id,v\n1,2,3,x\n\"q\",,4,1.5\n";
static const char objects[] =
    "{\"id\":1,\"v\":[1.5,{\"a\":\"x\"}],\"a\":{\"b\":true}}\n[]\n";

static void propose(const char *sample, size_t len)
{
    buffer text;
    mapping *m = NULL;
    muster_error err;
    buffer_init(&text, (size_t)1 << 28);
    if (mapping_propose(&text, INGEST_AUTO, sample, len, &err) == 0) {
        const char *file = buffer_cstr(&text);
        const int rc = mapping_compile(&m, file, strlen(file), &err);
        ASSERT(rc == 0 || rc == MUSTER_ELIMIT ||
               strstr(err.message, "no rule goes to an id") != NULL ||
               strstr(err.message, "nothing would come") != NULL);
    }
    mapping_free(m);
    buffer_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\0', size) : NULL;
    const size_t len = end != NULL ? (size_t)(end - text) : size;
    mapping *m = NULL;
    muster_error err;
    if (mapping_compile(&m, text, len, &err) != 0) {
        ASSERT(m == NULL && err.message[0] != '\0');
        ASSERT(err.offset + err.length <= len);
        if (size <= 4096)
            propose(text, size);
        return 0;
    }
    fuzz_mapping = m;
    if (end != NULL)
        fuzz_chunk(INGEST_AUTO, data + len + 1, size - len - 1);
    else if (mapping_is_csv(m))
        fuzz_chunk(INGEST_AUTO, (const uint8_t *)rows, sizeof rows - 1);
    else
        fuzz_chunk(INGEST_AUTO, (const uint8_t *)objects, sizeof objects - 1);
    fuzz_mapping = NULL;
    mapping_free(m);
    return 0;
}
