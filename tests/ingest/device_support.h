/*
 * device_support.h - what the tests of devices share: JSON as a tree, as
 * records have it; and a few rules of uap-core's kind, so that fuzzing does not
 * depend on which are installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_DEVICE_SUPPORT_H
#define TESTS_INGEST_DEVICE_SUPPORT_H

#include "ingest/device.h"

static const char device_few_rules[] =
    "user_agent_parsers:\n"
    "- regex: '(Googlebot|bingbot)/(\\d+)'\n"
    "- regex: '(Chrome)/(\\d+)\\.(\\d+)\\.(\\d+).{0,100} Mobile'\n"
    "  family_replacement: 'Chrome Mobile'\n"
    "- regex: '(?:Chrome|CriOS)/(\\d+)'\n"
    "  family_replacement: 'Chrome'\n"
    "  v1_replacement: '$1'\n"
    "- regex: '(\\w+)/(\\d+)'\n"
    "os_parsers:\n"
    "- regex: '(Android)[ \\-/](\\d+)(?:\\.(\\d+)|)'\n"
    "- regex: '(iPhone|iPad); CPU.{0,20}OS (\\d+)'\n"
    "  os_replacement: 'iOS'\n"
    "  os_v1_replacement: '$2'\n"
    "- regex: 'Windows NT (\\d+)'\n"
    "  os_replacement: 'Windows'\n"
    "  os_v1_replacement: '$1'\n"
    "device_parsers:\n"
    "- regex: '(?:bot|crawl(?:er|)|spider)'\n"
    "  regex_flag: 'i'\n"
    "  device_replacement: 'Spider'\n"
    "  brand_replacement: 'Spider'\n"
    "- regex: '; *(SM-[A-Z]\\d{1,4}[a-z]?)(?: Build|\\))'\n"
    "  device_replacement: 'Samsung $1'\n"
    "  brand_replacement: 'Samsung'\n"
    "- regex: 'Android[^;]+; *([^;/)]+)(?: Build|\\))'\n"
    "  brand_replacement: 'Generic_Android'\n";

static inline tree_value device_tree_value(const json_value *v)
{
    tree_value out = {.kind = TREE_NULL, .as.node = v};
    switch (json_typeof(v)) {
    case JSON_STRING:
        out.kind = TREE_TEXT;
        out.len = (uint32_t)json_string(v).len;
        out.as.ptr = json_string(v).ptr;
        break;
    case JSON_INT:
        out.kind = TREE_INT;
        out.as.integer = json_int(v);
        break;
    case JSON_BOOL:
        out.kind = TREE_BOOL;
        out.as.integer = json_bool(v);
        break;
    case JSON_NUMBER:
        out.kind = TREE_NUMBER;
        break;
    case JSON_ARRAY:
        out.kind = TREE_LIST;
        break;
    case JSON_OBJECT:
        out.kind = TREE_MAP;
        break;
    case JSON_NULL:
        break;
    }
    return out;
}

static const tree_source device_tree_source = {json_iter_of, json_next,
                                               device_tree_value, json_scaled,
                                               NULL};

static inline tree_value device_member(const json_value *root, const char *key)
{
    const json_value *v = json_get(root, key);
    return v != NULL ? device_tree_value(v) : (tree_value){.kind = TREE_NULL};
}

/* A document with the members of a record that tell of a device. */
static inline device_input device_input_of(const json_doc *doc)
{
    const json_value *root = json_root(doc);
    const tree_value ua = device_member(root, "ua");
    return (device_input){
        .ua = ua.kind == TREE_TEXT ? tree_text(ua) : text_make(NULL, 0),
        .source = &device_tree_source,
        .sua = device_member(root, "sua"),
        .ch = device_member(root, "ch"),
        .device = device_member(root, "device"),
    };
}

#endif
