/*
 * mapping.c - mapping files, for clients.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <muster/mapping.h>

#include "engine.h"

int muster_mapping_check(const char *text, size_t len,
                         muster_mapping_facts *out, muster_error *err)
{
    mapping *m = NULL;
    ASSERT(text || len == 0);
    error_clear(err);
    const int rc = mapping_compile(&m, text ? text : "", len, err);
    if (rc == 0 && out)
        *out = (muster_mapping_facts){
            .format =
                mapping_is_csv(m) ? MUSTER_INPUT_CSV : MUSTER_INPUT_NDJSON,
            .rules = mapping_rule_count(m),
        };
    mapping_free(m);
    return rc;
}

int muster_mapping_propose(char **out, muster_input_format format,
                           const char *sample, size_t len, muster_error *err)
{
    buffer text;
    ASSERT(out && (sample || len == 0));
    error_clear(err);
    *out = NULL;
    if (format > MUSTER_INPUT_ARRAY)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "a sample is CSV or JSON");
    buffer_init(&text, (size_t)1 << 30);
    const int rc = mapping_propose(&text, input_format_of(format),
                                   sample ? sample : "", len, err);
    if (rc == 0)
        *out = mem_strdup(buffer_cstr(&text));
    buffer_release(&text);
    return rc;
}
