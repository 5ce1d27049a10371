/*
 * device_cases.h - the test files of uap-core: user agents and what each of
 * its three parsers says of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_DEVICE_CASES_H
#define TESTS_INGEST_DEVICE_CASES_H

#include <stdio.h>
#include <yaml.h>

#include "ingest/device.h"

typedef struct device_case {
    muster_text ua;
    muster_text parts[DEVICE_PARTS_MAX]; /* ptr NULL: absent */
} device_case;

typedef struct device_cases {
    device_case *items;
    size_t count;
    size_t capacity;
    arena memory;
} device_cases;

enum device_case_kind { CASES_AGENT, CASES_OS, CASES_HARDWARE };

static const char *const device_case_parts[][DEVICE_PARTS_MAX] = {
    {"family", "major", "minor", "patch", ""},
    {"family", "major", "minor", "patch", "patch_minor"},
    {"family", "brand", "model", "", ""},
};

static inline muster_text device_case_text(arena *memory, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    const size_t len = e->data.scalar.length;
    return len > 0 ? text_make(arena_strndup(memory, text, len), len)
                   : text_make(NULL, 0);
}

static inline void device_case_put(device_cases *all, int kind,
                                   muster_text key, muster_text value)
{
    device_case *c = &all->items[all->count - 1];
    if (text_is(key, "user_agent_string"))
        c->ua = value;
    for (size_t i = 0; i < DEVICE_PARTS_MAX; i++)
        if (text_is(key, device_case_parts[kind][i]))
            c->parts[i] = value;
}

static inline bool device_cases_event(device_cases *all, int kind,
                                      const yaml_event_t *e, int *depth,
                                      muster_text *key)
{
    if (e->type == YAML_MAPPING_START_EVENT && ++*depth == 2) {
        mem_grow(&all->items, &all->capacity, all->count + 1,
                 sizeof *all->items);
        all->items[all->count++] = (device_case){.ua = {NULL, 0}};
        *key = text_make(NULL, 0);
    }
    if (e->type == YAML_MAPPING_END_EVENT)
        --*depth;
    if (e->type == YAML_SCALAR_EVENT && *depth == 2) {
        const muster_text t = device_case_text(&all->memory, e);
        if (key->ptr == NULL) {
            *key = t;
        } else {
            device_case_put(all, kind, *key, t);
            *key = text_make(NULL, 0);
        }
    }
    return e->type == YAML_STREAM_END_EVENT;
}

/* False: there is no such file. */
static inline bool device_cases_open(device_cases *all, int kind,
                                     const char *path)
{
    FILE *f = fopen(path, "rb");
    yaml_parser_t parser;
    yaml_event_t event;
    int depth = 0;
    muster_text key = {NULL, 0};
    memset(all, 0, sizeof *all);
    arena_init(&all->memory);
    if (f == NULL)
        return false;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, f);
    for (bool done = false; !done;) {
        ASSERT(yaml_parser_parse(&parser, &event));
        done = device_cases_event(all, kind, &event, &depth, &key);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return true;
}

static inline void device_cases_close(device_cases *all)
{
    arena_release(&all->memory);
    mem_free(all->items);
}

#endif
