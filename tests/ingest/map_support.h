/*
 * map_support.h - what the tests of mappings share: input through a mapping,
 * as text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_MAP_SUPPORT_H
#define TESTS_INGEST_MAP_SUPPORT_H

#include "ingest/ingest_support.h"

static inline mapping *compiled(const char *text)
{
    mapping *m = NULL;
    muster_error err;
    if (mapping_compile(&m, text, strlen(text), &err) != 0)
        fail_msg("%s\n%s: %s", text, err.word, err.message);
    return m;
}

/* A mapping file of CSV or JSON with these rules. */
static inline mapping *with_rules(const char *input, const char *members,
                                  const char *rules)
{
    buffer text;
    buffer_init(&text, 1 << 22);
    buffer_printf(&text, "{\"input\":\"%s\",%s\"rules\":[%s]}", input, members,
                  rules);
    mapping *m = compiled(buffer_cstr(&text));
    buffer_release(&text);
    return m;
}

/* What came of the input, as text without places; to be released. */
static inline void map_text(buffer *out, const mapping *m, const char *input)
{
    ingest_options options = test_options(INGEST_AUTO);
    options.mapping = m;
    parse_chunk_text(out, &options, input, strlen(input));
}

/* One row becomes this, but for its first line (ids, provider, time). */
static inline void assert_facts(const mapping *m, const char *input,
                                const char *facts)
{
    buffer out;
    map_text(&out, m, input);
    const char *text = buffer_cstr(&out);
    const char *rest = strchr(text, '\n');
    const bool record = strncmp(text, "record", 6) == 0 && rest != NULL;
    if (!record || strcmp(rest + 1, facts) != 0)
        fail_msg("%s\ngave\n%swanted\n%s", input, text, facts);
    buffer_release(&out);
}

/* All that comes is this, without the lines of records. */
static inline void assert_refusal(const mapping *m, const char *input,
                                  const char *reject)
{
    buffer out;
    map_text(&out, m, input);
    if (strcmp(buffer_cstr(&out), reject) != 0)
        fail_msg("%s\ngave\n%swanted\n%s", input, buffer_cstr(&out), reject);
    buffer_release(&out);
}

#endif
